/**
 * @file
 * What the parsers of snapshots share: a cursor over one line, and adding a mapping.
 */
#ifndef HC_CORE_PROCESS_SNAPSHOT_TEXT_H
#define HC_CORE_PROCESS_SNAPSHOT_TEXT_H

#include <elf.h>

#include "core/process/snapshot.h"

/** A part of a line that is still to be read. */
struct hc_text {
	const char *pos, *end;
};

static inline bool hc_text_char(struct hc_text *text, char c)
{
	if (text->pos == text->end || *text->pos != c)
		return false;
	text->pos++;
	return true;
}

/** At least one digit, and no overflow. */
static inline bool hc_text_number(struct hc_text *text, unsigned base, uint64_t *ret)
{
	const char *start = text->pos;
	uint64_t value = 0;

	for (; text->pos < text->end; text->pos++) {
		unsigned digit = hc_hex_digit(*text->pos);
		if (digit >= base)
			break;
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*ret = value;
	return text->pos > start;
}

/** 'r', 'w', 'x' or '-' at its place. */
static inline bool hc_text_flag(struct hc_text *text, char c, uint32_t flag, uint32_t *flags)
{
	if (hc_text_char(text, '-'))
		return true;
	*flags |= flag;
	return hc_text_char(text, c);
}

static inline void hc_text_blanks(struct hc_text *text)
{
	while (text->pos < text->end && (*text->pos == ' ' || *text->pos == '\t'))
		text->pos++;
}

/** The next word, and what blanks are before it; empty at the end of the line. */
static inline struct hc_text hc_text_word(struct hc_text *text)
{
	struct hc_text word;

	hc_text_blanks(text);
	word.pos = text->pos;
	while (text->pos < text->end && *text->pos != ' ' && *text->pos != '\t')
		text->pos++;
	word.end = text->pos;
	return word;
}

static inline bool hc_text_is(struct hc_text text, const char *word)
{
	size_t size = strlen(word);

	return (size_t)(text.end - text.pos) == size && !memcmp(text.pos, word, size);
}

/** A mapping of which no usage is known. */
extern const struct hc_vma hc_vma_unknown;

/** Where the value of a key of smaps belongs ("Rss"); NULL: it is none that is kept. */
uint64_t *hc_vma_usage(struct hc_vma *vma, const char *key, size_t size);

/** Add a mapping. @param name copied, with its escaped newlines as they were */
struct hc_error *hc_snapshot_append(struct hc_snapshot *snapshot, struct hc_vma vma,
				    struct hc_text name);

#endif
