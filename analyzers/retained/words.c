/**
 * @file
 * Words of chunks; see words.h.
 */
#include "analyzers/retained/words.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/** Where words are, as far as they lie in one piece. */
static inline struct hc_bytes words_at(const struct hc_retained *retained,
				       const struct hc_chunk_words *place)
{
	const struct hc_span *span = place->span;

	if (span->data)
		return (struct hc_bytes){span->data + (place->pos - span->start),
					 place->end - place->pos};
	uint64_t pos = place->pos;
	struct hc_piece piece;

	if (!hc_memory_next_piece(&retained->heap->process->memory, &pos, place->end, UINT64_MAX,
				  &piece) ||
	    piece.start != place->pos)
		return (struct hc_bytes){0};
	return piece.bytes;
}

bool hc_next_words(const struct hc_retained *retained, struct hc_chunk_words *place,
		   struct hc_bytes *ret)
{
	const unsigned word = retained->heap->word_size;
	uint64_t pos;
	struct hc_piece piece;

	while (place->pos < place->end) {
		*ret = words_at(retained, place);
		if (ret->size >= word)
			return true;
		pos = place->pos + (ret->size ? word : 0);
		if (pos >= place->end ||
		    !hc_memory_next_piece(&retained->heap->process->memory, &pos, place->end,
					  UINT64_MAX, &piece))
			break;
		place->pos = (piece.start + word - 1) & ~(uint64_t)(word - 1);
	}
	return false;
}

static __attribute__((noinline)) bool find_span(struct hc_recent_span *recent, uint64_t value)
{
	const struct hc_span *span = hc_heap_span(recent->heap, value);

	if (!span || value < span->base)
		return false;
	recent->span = span;
	recent->base = span->base;
	recent->extent = span->end - span->base;
	return true;
}

/** Where in the heap a word points to, or that it may have a tag. */
static ALWAYS_INLINE bool find_word(struct hc_recent_span *recent, struct hc_word *word)
{
	uint64_t value = word->value;

	if (value - recent->base >= recent->extent && !find_span(recent, value)) {
		word->span = NULL;
		return recent->heap->tagged && !hc_heap_span(recent->heap, value);
	}
	uint64_t unit = hc_span_unit(recent->span, value - recent->base);

	word->span = recent->span;
	word->unit = unit < recent->span->num_units ? unit : recent->span->num_units - 1;
	return true;
}

/** How words are stored. */
struct form {
	unsigned size; /* bytes */
	bool big;      /* big-endian */
};

/** Those among the first HC_WORDS_AHEAD words of a place. One copy of the loop for each kind of
 * word. */
static ALWAYS_INLINE size_t words_of(struct hc_recent_span *recent,
				     const struct hc_chunk_words *place, struct hc_bytes bytes,
				     const struct form form, struct hc_word *words)
{
	const struct hc_heap *heap = recent->heap;
	const uint64_t lowest = heap->lowest, extent = heap->highest - heap->lowest;
	const bool tagged = heap->tagged;
	size_t num = 0;

	for (size_t i = 0; i < HC_WORDS_AHEAD && (i + 1) * form.size <= bytes.size; i++) {
		struct hc_word *word = &words[num];

		word->value = hc_read_word(bytes.data + i * form.size, form.size, form.big);
		if (word->value - lowest >= extent && !tagged)
			continue;
		word->at = place->pos + i * form.size;
		num += find_word(recent, word);
	}
	return num;
}

size_t hc_find_words(struct hc_recent_span *recent, const struct hc_chunk_words *place,
		     struct hc_bytes bytes, struct hc_word *words)
{
	const struct hc_heap *heap = recent->heap;

	if (heap->big_endian)
		return words_of(recent, place, bytes, (struct form){heap->word_size, true}, words);
	if (heap->word_size == 8)
		return words_of(recent, place, bytes, (struct form){8, false}, words);
	return words_of(recent, place, bytes, (struct form){4, false}, words);
}

bool hc_find_word(struct hc_recent_span *recent, struct hc_word *word)
{
	return find_word(recent, word);
}
