/**
 * @file
 * What pmap(1) of procps prints of a process: plain, with -x, -d, -X or -XX.
 *
 * The first line is "PID:   COMMAND". Below it plain output has a line for each mapping ("ADDRESS
 * 188K r-x-- NAME"), the others a line of headings first. Which columns there are differs from
 * release to release, and with the kernel: headings tell, those that are not known are skipped.
 * The total at the end is the proof that nothing is missing; -q leaves it out, and the headings,
 * without which only plain output can be read.
 *
 * Files are named without their folder unless -p was given, and anonymous memory is "[ anon ]",
 * the heap included, but for -X. Sizes are KiB.
 */
#ifndef HC_CORE_PROCESS_PMAP_H
#define HC_CORE_PROCESS_PMAP_H

#include "core/process/snapshot_text.h"

/** Most columns before the name. pmap -XX has 28 on Linux 6.12. */
#define HC_PMAP_MAX_COLUMNS 48

/** How far a parser is. */
enum hc_pmap_stage {
	HC_PMAP_START,    /**< nothing was read */
	HC_PMAP_HEADING,  /**< the line of the process was */
	HC_PMAP_MAPPINGS, /**< what the columns are is known */
	HC_PMAP_RULED,    /**< and behind the rule; the total follows */
	HC_PMAP_OVER,     /**< behind the total */
};

/** The state of a parser that is fed line by line. */
struct hc_pmap {
	const char *name; /**< goes before each message, unless NULL */
	enum hc_pmap_stage stage;
	char columns[HC_PMAP_MAX_COLUMNS][24]; /**< headings, in order */
	unsigned num_columns;
	size_t name_at; /**< the name's column, where blanks don't tell it; 0: they do */
};

/** Whether the first bytes of a file look like pmap's. */
bool hc_pmap_recognise(struct hc_bytes file);

/**
 * Read the next line.
 *
 * @param number of the line, from 1 on
 * @param[out] snapshot gets the mapping
 * @return @ref HC_ERROR_FORMAT for a line that is none of pmap's
 */
struct hc_error *hc_pmap_line(struct hc_pmap *pmap, struct hc_text line, size_t number,
			      struct hc_snapshot *snapshot);

/**
 * Whether the last line, of which the newline is missing, can be taken nonetheless: it is the
 * total's.
 */
bool hc_pmap_ends_with(const struct hc_pmap *pmap, struct hc_text line);

/** Whether the total was read. */
static inline bool hc_pmap_is_over(const struct hc_pmap *pmap)
{
	return pmap->stage == HC_PMAP_OVER;
}

#endif
