/**
 * @file
 * Holders: where a pointer stands, in words and as columns of a table. A chunk and the member of
 * its object, a variable, a frame of a stack, a register, thread-local storage.
 */
#ifndef HC_CMD_SHOW_HOLDER_H
#define HC_CMD_SHOW_HOLDER_H

#include "analyzers/owners/owners.h"
#include "analyzers/reachability/referrers.h"
#include "analyzers/reachability/spots.h"
#include "cmd/session.h"

/** Columns that tables of holders end with, from some column on. */
enum hc_holder_column {
	HC_HOLDER_KIND,
	HC_HOLDER_ADDRESS,
	HC_HOLDER_VALUE,
	HC_HOLDER_INTO,
	HC_HOLDER_STALE,
	HC_HOLDER_HEURISTIC,
	HC_HOLDER_CHUNK,
	HC_HOLDER_CHUNK_OFFSET,
	HC_HOLDER_CHUNK_SIZE,
	HC_HOLDER_STATE,
	HC_HOLDER_REACH,
	HC_HOLDER_TYPE,
	HC_HOLDER_MEMBER,
	HC_HOLDER_MODULE,
	HC_HOLDER_SYMBOL,
	HC_HOLDER_SYMBOL_OFFSET,
	HC_HOLDER_THREAD,
	HC_HOLDER_FRAME,
	HC_HOLDER_FUNCTION,
	HC_HOLDER_VARIABLE,
	HC_HOLDER_SP_OFFSET,
	HC_HOLDER_DETAIL,
	HC_HOLDER_WHICH,
	HC_NUM_HOLDER_COLUMNS
};

#define HC_HOLDER_DATA HC_COLUMN_DATA_ONLY

/** Their descriptions, for an array of columns in which they begin at @p first. */
#define HC_HOLDER_COLUMNS(first)                                                                   \
	[(first) +                                                                                 \
		HC_HOLDER_KIND] = {"kind", "FROM", HC_CELL_TEXT, 0,                                \
				   "chunk, or the kind of root: register, stack, tls, data, "      \
				   "other, pin"},                                                  \
		[(first) + HC_HOLDER_ADDRESS] = {"address", "AT", HC_CELL_ADDRESS, 0,              \
						 "where the pointer is; null for a register"},     \
		[(first) + HC_HOLDER_VALUE] = {"value", "", HC_CELL_ADDRESS, HC_HOLDER_DATA,       \
					       "the pointer"},                                     \
		[(first) + HC_HOLDER_INTO] =                                                       \
			{"into", "INTO", HC_CELL_COUNT, HC_COLUMN_ASCENDING,                       \
			 "bytes from the start of the block to where it points"},                  \
		[(first) + HC_HOLDER_STALE] =                                                      \
			{"stale", "", HC_CELL_BOOL, HC_HOLDER_DATA,                                \
			 "the program does not use this word any more: below a "                   \
			 "stack pointer, in the stack of a thread that has exited, "               \
			 "behind the end of a string"},                                            \
		[(first) + HC_HOLDER_HEURISTIC] =                                                  \
			{"heuristic", "", HC_CELL_TEXT, HC_HOLDER_DATA,                            \
			 "why a pointer that is not to the start counts as one"},                  \
		[(first) + HC_HOLDER_CHUNK] = {"chunk", "", HC_CELL_ADDRESS, HC_HOLDER_DATA,       \
					       "that holds the pointer"},                          \
		[(first) + HC_HOLDER_CHUNK_OFFSET] = {"chunk_offset", "", HC_CELL_COUNT,           \
						      HC_HOLDER_DATA,                              \
						      "of the pointer in that chunk, bytes"},      \
		[(first) + HC_HOLDER_CHUNK_SIZE] = {"chunk_size", "", HC_CELL_COUNT,               \
						    HC_HOLDER_DATA, "of that chunk, with header"}, \
		[(first) + HC_HOLDER_STATE] = {"state", "", HC_CELL_TEXT, HC_HOLDER_DATA,          \
					       "of that chunk"},                                   \
		[(first) + HC_HOLDER_REACH] = {"reach", "", HC_CELL_TEXT, HC_HOLDER_DATA,          \
					       "of that chunk"},                                   \
		[(first) + HC_HOLDER_TYPE] = {"type", "", HC_CELL_NAME,                            \
					      HC_HOLDER_DATA | HC_COLUMN_CLASS,                    \
					      "of the object in that chunk"},                      \
		[(first) + HC_HOLDER_MEMBER] = {"member", "", HC_CELL_NAME,                        \
						HC_HOLDER_DATA | HC_COLUMN_CLASS,                  \
						"of that object, as debug information tells"},     \
		[(first) + HC_HOLDER_MODULE] = {"module", "", HC_CELL_NAME, HC_HOLDER_DATA,        \
						"of the variable or the function"},                \
		[(first) + HC_HOLDER_SYMBOL] = {"symbol", "", HC_CELL_NAME, HC_HOLDER_DATA,        \
						"the variable, global, static or thread-local"},   \
		[(first) + HC_HOLDER_SYMBOL_OFFSET] =                                              \
			{"symbol_offset", "", HC_CELL_COUNT, HC_HOLDER_DATA,                       \
			 "into the variable; without one, into the module"},                       \
		[(first) + HC_HOLDER_THREAD] = {"thread", "", HC_CELL_NUMBER, HC_HOLDER_DATA,      \
						"of a register, stack or thread-local storage"},   \
		[(first) + HC_HOLDER_FRAME] = {"frame", "", HC_CELL_NUMBER, HC_HOLDER_DATA,        \
					       "of the stack; 0 is the innermost"},                \
		[(first) + HC_HOLDER_FUNCTION] = {"function", "", HC_CELL_NAME, HC_HOLDER_DATA,    \
						  "of that frame"},                                \
		[(first) + HC_HOLDER_VARIABLE] = {"variable", "", HC_CELL_NAME, HC_HOLDER_DATA,    \
						  "of that function, as debug information tells"}, \
		[(first) + HC_HOLDER_SP_OFFSET] =                                                  \
			{"sp_offset", "", HC_CELL_NUMBER, HC_HOLDER_DATA,                          \
			 "from the stack pointer of the thread, bytes; null "                      \
			 "below it"},                                                              \
		[(first) + HC_HOLDER_DETAIL] = {"detail", "", HC_CELL_NAME, HC_HOLDER_DATA,        \
						"register, or why the C library holds it"},        \
		[(first) + HC_HOLDER_WHICH] = {"which", "WHICH", HC_CELL_NAME,                     \
					       HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,             \
					       "chunk, variable, thread and frame, or mapping"}

/** What names holders. */
struct hc_namer {
	const struct hc_session *session;
	struct hc_spots *spots;
	bool full_names;                /**< of the standard string */
	const struct hc_owners *owners; /**< whose memory it is that malloc doesn't own; or NULL */
};

/** Fill these columns of the last row of a table, the first of which is @p first. */
struct hc_error *hc_holder_fill(const struct hc_namer *namer, struct hc_table *table,
				unsigned first, const struct hc_referrer *referrer,
				const struct hc_referent *referent);

/** The same, but for what is known of the pointer itself, not of where it stands. */
struct hc_error *hc_holder_fill_place(const struct hc_namer *namer, struct hc_table *table,
				      unsigned first, const struct hc_referrer *referrer);

/** What a block is: "0x55d0c2a0, 48 bytes, in-use, reachable, struct node", "g_cache (app)". */
struct hc_error *hc_referent_phrase(const struct hc_namer *namer, struct hc_document *doc,
				    const struct hc_referent *referent, struct hc_cell *ret);

#endif
