/**
 * @file
 * Tokens: what text is made of, whatever its format.
 *
 * A chunk's text is its *lines*: runs of printable ASCII, tabs and well-formed UTF-8, ended by a
 * line break or by any other byte. Where a run is short and is the look of an address, it is left
 * out, and so is the end of an address in front of a text.
 *
 * A line is cut into tokens:
 *   - key=value, as in query strings, form data, cookies, attributes (value may be quoted) and
 *     settings; the value may be empty and ends at blanks, & ; " ' < > ) ] } and at a comma that
 *     ends a clause or begins another pair;
 *   - "key":value of JSON, for strings, numbers, true, false and null;
 *   - Name: value, a whole line, as in the heads of HTTP and mail; its value is cut into tokens
 *     too;
 *   - paths (/a/b/c), and each of their segments as a word;
 *   - words: what remains between blanks and punctuation, of at least HC_TOKEN_MIN_WORD bytes.
 *
 * The kind of a token follows from its text alone. Everything is linear in the bytes given; nothing
 * allocates.
 */
#ifndef HC_ANALYZERS_TEXTS_TOKENS_H
#define HC_ANALYZERS_TEXTS_TOKENS_H

#include "core/process/process.h"

/** Shortest line and word that count, bytes. */
#define HC_LINE_MIN_SIZE 4
#define HC_TOKEN_MIN_WORD 3
/** Longest name of a pair, bytes. */
#define HC_TOKEN_MAX_NAME 64
/** Tokens are cut to so many bytes. */
#define HC_TOKEN_MAX_SIZE 256

/** A cursor over the lines of some bytes. */
struct hc_lines {
	struct hc_bytes bytes;
	size_t pos; /**< where the next line may start */
	const struct hc_mappings
		*mappings; /**< tells addresses from text; NULL: nothing is an address */
	unsigned word_size;
	bool big_endian; /**< of words; set after hc_lines_init() */
	bool looked;     /**< the 64 bytes from @ref look on were looked at */
	size_t look;
	uint64_t ascii, may; /**< a bit for each: it is text; it may be, as far as a look tells */
};

void hc_lines_init(struct hc_lines *lines, struct hc_bytes bytes,
		   const struct hc_mappings *mappings, unsigned word_size);

/** @return false at the end */
bool hc_lines_next(struct hc_lines *lines, struct hc_bytes *ret);

enum hc_token_kind {
	HC_TOKEN_PAIR,   /**< key=value, "key":value */
	HC_TOKEN_HEADER, /**< Name: value */
	HC_TOKEN_PATH,   /**< /a/b/c */
	HC_TOKEN_WORD,
	HC_NUM_TOKEN_KINDS
};

/** "pair", "header", "path", "word". */
const char *hc_token_kind_name(enum hc_token_kind kind);

struct hc_token {
	enum hc_token_kind kind;
	bool cut;             /**< it goes on: only the first HC_TOKEN_MAX_SIZE bytes are given */
	struct hc_bytes text; /**< in the line */
	/**
	 * Bytes of the text that say what it is about, and after which it could go on otherwise: up
	 * to the value of a pair or header, the = or : included; the / of a path; 0 for a word.
	 */
	size_t key_size;
};

/**
 * Cut a line.
 *
 * @param[out] ret room for @p max tokens; what goes beyond is left out
 * @return their number
 */
size_t hc_tokens_of_line(struct hc_bytes line, struct hc_token *ret, size_t max);

/**
 * Cut a line into atoms: the stretches of word characters, / and : left out, between single
 * separators. Between two neighbours there is exactly one byte, so that some atoms may be empty.
 *
 * @param[out] ret room for @p max atoms, at least 1; the last one takes what is left of the line
 * @return their number
 */
size_t hc_atoms_of_line(struct hc_bytes line, struct hc_bytes *ret, size_t max);

/** The token that @p text, the text of a token, is. */
struct hc_token hc_token_parse(struct hc_bytes text);

#endif
