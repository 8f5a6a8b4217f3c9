/**
 * @file
 * What bytes look like without a pattern: runs of text, JSON, words that are pointers, small
 * numbers, noise.
 *
 * These are the structural halves of the classes in classifier.h. Nothing here allocates;
 * everything is linear in the bytes given. Callers pass a window, not a whole chunk, except where
 * said.
 */
#ifndef HC_ANALYZERS_CONTENT_STRUCTURE_H
#define HC_ANALYZERS_CONTENT_STRUCTURE_H

#include "core/base/bytes.h"

/**
 * Text may begin this many bytes into a chunk: behind a struct, a length prefix, a string header.
 */
#define HC_TEXT_MAX_OFFSET 64
/** Shortest run of text that is looked at, bytes. */
#define HC_TEXT_MIN_SIZE 4
#define HC_MAX_TEXT_RUNS 8

/** A run of text: printable ASCII, tab, CR, LF, and whole UTF-8 characters. */
struct hc_text_run {
	size_t start, size; /**< bytes, in the window */
	bool utf8;          /**< has a character beyond ASCII */
	bool ended;         /**< a NUL follows, or it reaches the end of the window */
};

/** Address ranges, sorted and disjoint. */
struct hc_ranges {
	struct hc_range {
		uint64_t start, end;
	} * items;
	size_t num;
};

/**
 * Find the runs of text that start in the first HC_TEXT_MAX_OFFSET bytes and are at least
 * HC_TEXT_MIN_SIZE long.
 *
 * @param[out] ret room for HC_MAX_TEXT_RUNS
 * @return their number
 */
size_t hc_text_runs(struct hc_bytes window, struct hc_text_run *ret);

/** Bytes that few texts have all of, but most patterns need one of. */
#define HC_MARKS " :&@/\r=<"

/** Bit per byte of HC_MARKS: whether a text has it. Faster than looking for them one by one. */
unsigned hc_text_marks(struct hc_bytes text);

/**
 * Whether a run is what a chunk holds, rather than the look of a number or one field of a struct.
 *
 * The run must be ended, and what follows the NUL must look like the slack of a chunk: few bytes,
 * zeros, stale text, or no more than the text itself. Very short runs must be words. Runs that
 * don't begin the chunk must be counted or make up half of it.
 *
 * @param ranges mapped memory: a short run that is an address of it is a pointer
 */
bool hc_run_is_text(struct hc_bytes window, const struct hc_text_run *run,
		    const struct hc_ranges *ranges, unsigned word_size, bool big_endian);

/**
 * Step over the end of a pointer whose last bytes look like text and run into what lies behind it,
 * as they do where the last byte of an address is not zero: big-endian, or in 32 bits.
 *
 * @return whether enough is left
 */
bool hc_run_leave_pointer(struct hc_bytes window, struct hc_text_run *run,
			  const struct hc_ranges *ranges, unsigned word_size, bool big_endian);

/**
 * Whether a run may be a string in a field of a struct: at least eight bytes, aligned, with a
 * number or a pointer before it and a NUL behind it. Without the NUL it is what the chunk held
 * before, cut off by its end. That alone is no proof; what it says must be.
 */
bool hc_run_is_field(struct hc_bytes window, const struct hc_text_run *run,
		     const struct hc_ranges *ranges, unsigned word_size, bool big_endian);

/**
 * Whether text is a JSON object or array, or the beginning of one, with at least one member, one
 * string or two elements. Nesting beyond 64 levels ends the look.
 */
bool hc_is_json(struct hc_bytes text);

/**
 * Whether words are pointers: at least one word is an address in @p ranges, and of the words that
 * are not NULL at most one in eight is none.
 */
bool hc_is_pointers(struct hc_bytes window, const struct hc_ranges *ranges, unsigned word_size,
		    bool big_endian);

/**
 * Whether all 64-bit or all 32-bit units are below 2^16 in magnitude; the last two words may be
 * stale slack.
 */
bool hc_is_small_ints(struct hc_bytes window, bool big_endian);

/**
 * Whether words are floating-point numbers: all 64-bit units are 0 or doubles between 2^-40 and
 * 2^40 in magnitude, or all 32-bit units are 0 or floats between 2^-20 and 2^20; at least four
 * doubles or eight floats are not 0, and not all of those are the same. Other data has exponents
 * like these once in a million times or less.
 */
bool hc_is_floats(struct hc_bytes window, bool big_endian);

/**
 * Whether one unit of 1, 2, 4, 8 or 16 bytes repeats from begin to end, at least four times and
 * over 32 bytes: fill patterns, poison. Zeros are no pattern; the last 16 bytes may be stale slack
 * when there are 128.
 */
bool hc_is_repeated(struct hc_bytes window);

/**
 * Whether the window begins with text in units of @p unit bytes (2: UTF-16, 4: UTF-32, as wchar_t
 * is), little-endian, with or without a byte order mark: at least four characters, all printable
 * and below U+0600, most of them ASCII, up to a character of 0 or the end.
 */
bool hc_is_wide_text(struct hc_bytes window, unsigned unit, bool big_endian);

/** Fewer bytes than this can't be told from a struct. */
#define HC_RANDOM_MIN_SIZE 64

/**
 * Whether bytes are spread like noise: Pearson's chi-squared against the uniform distribution of
 * 256 values (255 degrees of freedom: mean 255, standard deviation 22.6) is below 380. Noise is
 * missed once in millions; text has values beyond 900 at 64 bytes and grows with length, and two
 * zero bytes in each word, as pointers have, are enough to exceed it. Of windows of 256 bytes and
 * more the first 64 are left out: headers.
 */
bool hc_is_random(struct hc_bytes window);

#endif
