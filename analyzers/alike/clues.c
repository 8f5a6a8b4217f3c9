/**
 * @file
 * Counting clues.
 */
#include "analyzers/alike/clues.h"

#include <string.h>

#include "analyzers/select/tally.h"

struct run {
	const struct hc_heap *heap;
	struct hc_clue *clues;
	size_t num;
	uint64_t min_size, max_size; /* that any clue wants */
};

/** What one processor counts. */
struct worker {
	struct {
		struct hc_clue_count lost, held, freed;
	} counts[HC_MAX_CLUES];
};

static bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

/** What is in a chunk: the key, and the text. */
static void look_for(const struct hc_clue *clue, struct hc_bytes bytes, bool *key_ret,
		     bool *text_ret)
{
	const uint8_t *key = clue->text.data, *end = bytes.data + bytes.size, *at = bytes.data;
	bool has_key = false;

	while (!*text_ret && (at = memmem(at, end - at, key, clue->key_size)) != NULL) {
		const uint8_t *behind = at + clue->text.size;
		/* "xchannelid=" is another key, and "4099" is not in "40991". */
		bool begins = at == bytes.data || !is_word(at[-1]) || !is_word(*key);

		has_key |= begins;
		*text_ret = begins && (size_t)(end - at) >= clue->text.size &&
			    !memcmp(at, key, clue->text.size) &&
			    (behind == end || !is_word(*behind) || !is_word(behind[-1]));
		at++;
	}
	*key_ret = has_key;
}

static struct hc_clue_count *count_of(struct worker *worker, size_t i, const struct hc_chunk *chunk)
{
	if (chunk->state != HC_IN_USE)
		return &worker->counts[i].freed;
	return chunk->reach == HC_DEFINITE || chunk->reach == HC_INDIRECT ? &worker->counts[i].lost
									  : &worker->counts[i].held;
}

static void count_chunk(const struct run *run, struct worker *worker, const struct hc_chunk *chunk)
{
	struct hc_bytes bytes = hc_chunk_bytes(run->heap, chunk);

	if (bytes.size > HC_CLUES_WINDOW)
		bytes.size = HC_CLUES_WINDOW;
	for (size_t i = 0; i < run->num; i++) {
		const struct hc_clue *clue = &run->clues[i];
		bool key = false, text = false;

		if (chunk->size < clue->min_size || chunk->size > clue->max_size)
			continue;
		look_for(clue, bytes, &key, &text);
		count_of(worker, i, chunk)->key += key;
		count_of(worker, i, chunk)->text += text;
	}
}

static struct hc_error *count(void *ctx, void *own, const struct hc_chunk *chunk)
{
	const struct run *run = ctx;

	if (chunk->size >= run->min_size && chunk->size <= run->max_size &&
	    chunk->state != HC_TOP && chunk->state != HC_OVERHEAD)
		count_chunk(run, own, chunk);
	return NULL;
}

static void add(struct hc_clue_count *to, const struct hc_clue_count *more)
{
	to->key += more->key;
	to->text += more->text;
}

static struct hc_error *merge(void *ctx, void *own)
{
	const struct run *run = ctx;
	const struct worker *worker = own;

	for (size_t i = 0; i < run->num; i++) {
		add(&run->clues[i].lost, &worker->counts[i].lost);
		add(&run->clues[i].held, &worker->counts[i].held);
		add(&run->clues[i].freed, &worker->counts[i].freed);
	}
	return NULL;
}

struct hc_error *hc_clues_count(struct hc_target *target, struct hc_clue *clues, size_t num)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_COMPARE,
		.worker_size = sizeof(struct worker),
		.slice_bytes = UINT64_C(4) << 20,
		.chunk = count,
		.merge = merge,
	};
	struct run run = {.clues = clues, .num = num, .min_size = UINT64_MAX};
	struct hc_error *err = hc_target_reach(target, NULL);

	if (!err)
		err = hc_target_heap(target, &run.heap);
	if (err || !num)
		return err;
	for (size_t i = 0; i < num; i++) {
		clues[i].lost = clues[i].held = clues[i].freed = (struct hc_clue_count){0};
		run.min_size = clues[i].min_size < run.min_size ? clues[i].min_size : run.min_size;
		run.max_size = clues[i].max_size > run.max_size ? clues[i].max_size : run.max_size;
	}
	return hc_tally_run(target, NULL, &tally, &run);
}

double hc_clue_discriminates(const struct hc_clue *clue)
{
	uint64_t others = clue->held.key + clue->freed.key;
	double lost, other;

	if (!clue->lost.key || !others || others < clue->min_others)
		return 0;
	lost = (double)clue->lost.text / clue->lost.key;
	other = (double)(clue->held.text + clue->freed.text) / others;
	return lost > other ? lost - other : 0;
}
