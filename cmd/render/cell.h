/**
 * @file
 * Cells: single values with a type, which every output format knows how to write.
 *
 * A verb makes cells; how a byte count or an address looks, whether a text has to be escaped, and
 * whether what comes from the heap may show at all is the renderers' business (render.h). They call
 * the functions at the end of this header, which apply the policy (policy.h) before anything else:
 * a cell that needs more than --content allows is an unknown one.
 *
 * Texts are borrowed. What keeps cells (document.h, table.h) copies them.
 */
#ifndef HC_CMD_RENDER_CELL_H
#define HC_CMD_RENDER_CELL_H

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>

#include "cmd/render/policy.h"
#include "cmd/render/pool.h"

enum hc_cell_kind {
	HC_CELL_UNKNOWN, /**< "-" in a table, empty in CSV, null in JSON */
	HC_CELL_TEXT,    /**< words of heapcore's own: plain ASCII without quotes or controls */
	HC_CELL_NAME,    /**< foreign text that is no content: paths, symbols, types, messages */
	HC_CELL_LIST,    /**< names with commas between them; an array in JSON */
	HC_CELL_COUNT,   /**< 1,019,571 */
	HC_CELL_NUMBER,  /**< a number that counts nothing: 8704, a pid */
	HC_CELL_BYTES,   /**< 1.01 GiB */
	HC_CELL_CHANGE,  /**< a count that was added or went: +1,204 */
	HC_CELL_CHANGE_BYTES, /**< the same of bytes: +1.01 GiB */
	HC_CELL_ADDRESS,      /**< 0x55d0c2a0 */
	HC_CELL_ARENA,        /**< 0, 1, … or mmap */
	HC_CELL_BOOL,         /**< yes or no; true or false in JSON and CSV */
	HC_CELL_SHARE,        /**< 0 to 1; 95 % */
	HC_CELL_REAL,         /**< another number with a fraction */
	HC_CELL_BAR,     /**< drawn, the largest in full; text only, and only where there is room */
	HC_CELL_CONTENT, /**< bytes of the heap: an excerpt */
	HC_CELL_PHRASE,  /**< words with cells among them */
	HC_CELL_PLURAL,  /**< the "s" behind a count, in phrases */
	HC_CELL_TIMES,   /**< "×", in phrases */
};

enum hc_excerpt_form {
	HC_EXCERPT_TEXT,   /**< escaped */
	HC_EXCERPT_QUOTED, /**< in quotes, too */
	HC_EXCERPT_WORDS,  /**< 0x55d0c2a0 0x0 0x2a */
	HC_EXCERPT_HEX,    /**< 55d0c2a0 */
};

/** Columns of an excerpt in data, where no screen limits it; --content full lifts this bound. */
#define HC_EXCERPT_DATA 256

/** Bytes of the heap, and how to show them. */
struct hc_excerpt {
	struct hc_bytes bytes;
	struct hc_bytes asked; /**< the part that the user named: shows as it is */
	/**
	 * Bytes that were made up from several places: one of these in the core. Where that is part
	 * of a secret and the bytes alone don't look like one, they don't show. Without data: none.
	 */
	struct hc_bytes place;
	bool emphasis;                  /**< it stands out from the rest, where there is colour */
	enum hc_excerpt_form form;      /**< in text */
	enum hc_excerpt_form data_form; /**< in JSON and CSV */
	unsigned max;      /**< columns in text; 0: those of the screen, or no bound in sentences */
	unsigned max_data; /**< in JSON and CSV unless --content full; 0: no bound */
	unsigned word_size;
	bool big_endian;   /**< byte order of words */
	bool wide;         /**< UTF-16LE of ASCII: its low bytes show */
	bool masks;        /**< of @ref asked, too, only what is no secret shows: nobody named it */
	const char *empty; /**< what stands for no bytes in text; NULL: nothing */
};

struct hc_phrase;

struct hc_cell {
	enum hc_cell_kind kind;
	enum hc_content needs; /**< the least --content that shows it */
	union {
		uint64_t number;
		double real;
		const char *text;
		const struct hc_excerpt *excerpt;
		const struct hc_phrase *phrase;
	};
	const char *title;   /**< of a text: what people read for it; NULL: the same */
	const char *instead; /**< words where --content is below @ref needs; NULL: unknown */
};

/** Words with "{}" for each cell. */
struct hc_phrase {
	const char *format;
	const struct hc_cell *cells;
	size_t num_cells;
};

/** @name Making cells */
/**@{*/

#define HC_CELL_OF(name, cell_kind)                                                                \
	static inline struct hc_cell hc_cell_##name(uint64_t number)                               \
	{                                                                                          \
		return (struct hc_cell){.kind = cell_kind, .number = number};                      \
	}

HC_CELL_OF(count, HC_CELL_COUNT)
HC_CELL_OF(number, HC_CELL_NUMBER)
HC_CELL_OF(bytes, HC_CELL_BYTES)
HC_CELL_OF(address, HC_CELL_ADDRESS)
HC_CELL_OF(arena, HC_CELL_ARENA)
HC_CELL_OF(bool, HC_CELL_BOOL)
HC_CELL_OF(plural, HC_CELL_PLURAL)

/** @p change modulo 2^64, as differences of counts come */
HC_CELL_OF(change, HC_CELL_CHANGE)
HC_CELL_OF(change_bytes, HC_CELL_CHANGE_BYTES)

static inline struct hc_cell hc_cell_unknown(void)
{
	return (struct hc_cell){0};
}

static inline struct hc_cell hc_cell_times(void)
{
	return (struct hc_cell){.kind = HC_CELL_TIMES};
}

/** @p real infinite or no number, as a share of nothing is: unknown */
static inline struct hc_cell hc_cell_of_real(enum hc_cell_kind kind, double real)
{
	return (struct hc_cell){.kind = isfinite(real) ? kind : HC_CELL_UNKNOWN, .real = real};
}

static inline struct hc_cell hc_cell_share(double share)
{
	return hc_cell_of_real(HC_CELL_SHARE, share);
}

static inline struct hc_cell hc_cell_real(double real)
{
	return hc_cell_of_real(HC_CELL_REAL, real);
}

/** @p text NULL: unknown */
static inline struct hc_cell hc_cell_text(const char *text)
{
	return (struct hc_cell){.kind = text ? HC_CELL_TEXT : HC_CELL_UNKNOWN, .text = text};
}

/** @p text NULL: unknown */
static inline struct hc_cell hc_cell_name(const char *text)
{
	return (struct hc_cell){.kind = text ? HC_CELL_NAME : HC_CELL_UNKNOWN, .text = text};
}

/** A word for programs and a title for people. @p name NULL: unknown */
static inline struct hc_cell hc_cell_term(const char *name, const char *title)
{
	struct hc_cell ret = hc_cell_name(name);

	ret.title = title;
	return ret;
}

/** @p excerpt without bytes at NULL: unknown */
static inline struct hc_cell hc_cell_content(const struct hc_excerpt *excerpt)
{
	return (struct hc_cell){
		.kind = excerpt->bytes.data ? HC_CELL_CONTENT : HC_CELL_UNKNOWN,
		.needs = HC_CONTENT_SAMPLE,
		.excerpt = excerpt,
	};
}

/** The same, which tells something about the heap's content. */
static inline struct hc_cell hc_cell_needs(enum hc_content needs, struct hc_cell cell)
{
	cell.needs = needs;
	return cell;
}

/** The same with words in its place where it may not show. */
static inline struct hc_cell hc_cell_or(enum hc_content needs, struct hc_cell cell,
					const char *instead)
{
	cell.needs = needs;
	cell.instead = instead;
	return cell;
}

/** The cells of a format, with their number: the last two arguments of many functions. */
#define HC_CELLS(...)                                                                              \
	(const struct hc_cell[]){__VA_ARGS__},                                                     \
		sizeof((const struct hc_cell[]){__VA_ARGS__}) / sizeof(struct hc_cell)

/** A copy in @p pool of a cell and of what it refers to. */
struct hc_cell hc_cell_copy(struct hc_pool *pool, const struct hc_cell *cell);

/** A cell of words with cells among them, in @p pool. */
struct hc_cell hc_cell_phrase(struct hc_pool *pool, const char *format, const struct hc_cell *cells,
			      size_t num_cells);
/**@}*/

/** @name For renderers */
/**@{*/

/** How output is to look. */
struct hc_look {
	struct hc_policy policy;
	bool utf8;
	bool color;
	bool plain_bytes; /**< --bytes: 1019571, not 996 KiB */
	bool full_names;  /**< --full-names: no name is cut */
};

/** Whether a cell may show and is known. */
bool hc_cell_shows(const struct hc_look *look, const struct hc_cell *cell);

/**
 * As people read it; "-" when it does not show.
 *
 * @param max columns of an excerpt that does not bound itself; 0: none
 * @return to be freed by the caller; NULL without memory
 */
char *hc_cell_to_text(const struct hc_look *look, const struct hc_cell *cell, size_t max);

/** Within a sentence: what does not show is nothing, and bytes keep their unit. */
char *hc_cell_to_words(const struct hc_look *look, const struct hc_cell *cell);

/** As programs read it, without the quotes of CSV; "" when it does not show. To be freed. */
char *hc_cell_to_data(const struct hc_look *look, const struct hc_cell *cell);

/** New reference; NULL without memory. */
json_t *hc_cell_to_json(const struct hc_look *look, const struct hc_cell *cell);

/** A phrase as people read it. To be freed. */
char *hc_phrase_to_text(const struct hc_look *look, const struct hc_phrase *phrase);
/**@}*/

#endif
