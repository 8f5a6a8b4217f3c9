/**
 * @file
 * The template of the text of many chunks: which lines they share, what in these is constant, what
 * varies, and between which values.
 *
 * In the manner of log parsers (He, Zhu, Zheng, Lyu: "Drain: An Online Log Parsing Approach with
 * Fixed Depth Tree", ICWS 2017), which tell lines apart by their length and first words: here,
 * lines are of one *shape* when their separators are the same and so is their first atom
 * (tokens.h), numbers in it aside. For the shapes that are in many chunks, the values of each atom
 * are counted. One that nearly always is the same is constant. The others are written as what all
 * their values look like: N for digits, H for hexadecimal digits, U for a UUID, user-N for a
 * mixture,
 * * for anything.
 */
#ifndef HC_ANALYZERS_ALIKE_TEMPLATE_H
#define HC_ANALYZERS_ALIKE_TEMPLATE_H

#include "analyzers/select/chunk_sample.h"
#include "analyzers/texts/top_texts.h"

/** Bytes of a chunk that are looked at, and lines in them. */
#define HC_TEMPLATE_WINDOW 4096
#define HC_TEMPLATE_MAX_CHUNK_LINES 64
/** Chunks from which shapes and values are learned. */
#define HC_TEMPLATE_LEARN_CHUNKS 4096
/** Bytes in which lines are counted. */
#define HC_TEMPLATE_COUNT_BYTES (UINT64_C(512) << 20)
/** A line is in at least this share of the chunks, and in so many of them. */
#define HC_TEMPLATE_MIN_SHARE 0.2
#define HC_TEMPLATE_MIN_CHUNKS 3
#define HC_TEMPLATE_MAX_LINES 32
/** Bytes in which lines are counted one by one, when chunks are longer than the window. */
#define HC_TEMPLATE_SEARCH_BYTES (UINT64_C(256) << 20)
/** Share of the distances from line to line that must be the same. */
#define HC_TEMPLATE_EVEN 0.9
/** Atoms of a line; the rest of the line is one more. */
#define HC_TEMPLATE_MAX_ATOMS 32
/** An atom is constant when one value has this share. */
#define HC_TEMPLATE_CONSTANT 0.95
#define HC_TEMPLATE_MAX_VALUES 5
/** Memory in which the values of one atom are counted, and of the shapes, bytes. */
#define HC_TEMPLATE_VALUE_BYTES (24u << 10)
#define HC_TEMPLATE_SHAPE_BYTES (4u << 20)
/** Constants are written with at most so many bytes. */
#define HC_TEMPLATE_MAX_CONSTANT 64

/** An atom that is not the same everywhere. */
struct hc_template_slot {
	size_t offset;        /**< bytes into the line's text, where its mark stands */
	struct hc_bytes name; /**< the constant atom before it, when = or : stand between; else
				 empty. In the core */
	bool constant; /**< the mark is its most frequent value, which has HC_TEMPLATE_CONSTANT */
	struct hc_text_count
		values[HC_TEMPLATE_MAX_VALUES]; /**< most frequent first; in the core */
	size_t num_values;
	uint64_t distinct; /**< values; a lower bound when not @ref exact */
	bool exact;
	uint64_t seen; /**< sum of all values' counts */
};

struct hc_template_line {
	char *text; /**< size bytes and a NUL: as in the core, with marks for what varies */
	size_t size;
	struct hc_bytes place; /**< the longest atom of such a line, in the core: what stands around
				  it tells whether the line is part of a secret */
	uint64_t chunks;       /**< counted chunks with such a line */
	/** @name In the whole of hc_template::searched chunks; 0: there are none */
	/**@{*/
	uint64_t matches;        /**< such lines */
	uint64_t matched_chunks; /**< that hold any */
	uint64_t gap; /**< bytes from one to the next, where nearly all are as far apart; else 0 */
	/**@}*/
	struct hc_template_slot *slots; /**< by offset */
	size_t num_slots;
};

struct hc_template {
	struct hc_template_line *lines; /**< by their usual place in a chunk */
	size_t num_lines;
	uint64_t learned; /**< chunks that shapes and values are from */
	uint64_t counted; /**< chunks in which lines were counted */
	/**
	 * Chunks that were searched to their ends, because one holds much more than the window:
	 * slabs, arenas, logs. 0: none, they are not as large.
	 */
	uint64_t searched;
};

struct hc_error *hc_template_run(struct hc_target *target, const struct hc_chunk_sample *sample,
				 struct hc_template *ret);
void hc_template_deinit(struct hc_template *text_template);

#endif
