/**
 * @file
 * What malloc keeps in each thread's TLS: the thread's arena. And what only libc's TLS machinery
 * points to: the dtv.
 *
 * The offset of `thread_arena` from the thread pointer is the same in all threads but differs
 * between builds. Where libc's relocations can be read (tls_slots.c) it is one of a handful;
 * elsewhere every word around the thread pointer may be it. A word that equals the address of an
 * arena votes for its offset, and the offset with the most votes wins.
 */
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"
#include "core/base/format.h"

/**
 * Bytes around the thread pointer that are looked at: static TLS lies below it (x86) or above
 * (aarch64).
 */
#define WINDOW_BELOW 0x2000
#define WINDOW_ABOVE 0x1000
/**
 * Bytes below the end of a cached stack in which its thread block is looked for: more than a
 * struct pthread has.
 */
#define CACHED_SEARCH 0x2000

static int compare_arenas(const void *a, const void *b)
{
	uint64_t x = (*(const struct glibc_arena *const *)a)->address,
		 y = (*(const struct glibc_arena *const *)b)->address;
	return (x > y) - (x < y);
}

/** Arenas by address. */
struct arena_index {
	const struct glibc *g;
	const struct glibc_arena **sorted;
};

/** Index of the arena whose address the word at @p offset from a thread pointer is. */
static uint32_t arena_at(const struct arena_index *index, uint64_t tp, int64_t offset)
{
	struct glibc_arena key = {0};
	const struct glibc_arena *wanted = &key, **found;
	if (!glibc_word(index->g, tp + offset, &key.address) || !key.address)
		return HC_ARENA_MMAP;
	found = bsearch(&wanted, index->sorted, index->g->num_arenas, sizeof(wanted),
			compare_arenas);
	return found ? *found - index->g->arenas : HC_ARENA_MMAP;
}

/**
 * The dtv of a thread: a chunk whose start nobody holds, since the pointer skips its first entry.
 */
static struct hc_error *pin_dtv(struct glibc *g, uint64_t tp, int32_t lwp)
{
	uint64_t dtv;
	unsigned word = g->params.word_size;
	const struct hc_machine *machine = g->process->core->machine;
	if (!glibc_word(g, tp - machine->tp_bias + (int64_t)machine->dtv * word, &dtv))
		return NULL;
	struct hc_chunk chunk;
	uint64_t mem = dtv - 2 * word;
	if (!hc_heap_chunk_at(g->heap, mem, &chunk) || chunk.address != mem ||
	    chunk.state != HC_IN_USE)
		return NULL;
	char *what = lwp ? hc_format("dtv of thread %d", lwp)
			 : strdup("dtv of an exited thread, kept with its stack");
	return what ? hc_heap_add_pin(g->heap, mem, what) : &hc_enomem;
}

/**
 * A stack that libc keeps for the next thread still has its dtv. Its thread block is the highest
 * that says "self".
 */
static struct hc_error *pin_cached_dtv(struct glibc *g, const struct hc_stack_range *stack)
{
	unsigned word = g->params.word_size;
	uint64_t tp = stack->end & ~UINT64_C(15), value;
	for (unsigned i = 0; i < CACHED_SEARCH && tp > stack->start; i += 16) {
		tp -= 16;
		if (glibc_word(g, tp, &value) && value == tp &&
		    glibc_word(g, tp + 2 * word, &value) && value == tp)
			return pin_dtv(g, tp, 0);
	}
	return NULL;
}

static struct hc_error *pin_dtvs(struct glibc *g)
{
	const struct hc_threads *threads = &g->process->threads;
	struct hc_error *err = NULL;
	for (size_t i = 0; i < threads->num && !err; i++) {
		if (threads->items[i].tp)
			err = pin_dtv(g, threads->items[i].tp, threads->items[i].lwp);
	}
	for (size_t i = 0; i < threads->num_cached && !err; i++)
		err = pin_cached_dtv(g, &threads->cached[i]);
	return err;
}

/** The offset at which most threads have the address of an arena. @return false when none has */
static bool vote(const struct arena_index *index, const int64_t *offsets, size_t num, int64_t *ret)
{
	const struct hc_threads *threads = &index->g->process->threads;
	size_t best = 0;
	for (size_t i = 0; i < num; i++) {
		size_t votes = 0;
		for (size_t k = 0; k < threads->num; k++)
			votes += threads->items[k].tp &&
				 arena_at(index, threads->items[k].tp, offsets[i]) != HC_ARENA_MMAP;
		if (votes > best) {
			best = votes;
			*ret = offsets[i];
		}
	}
	return best > 0;
}

/** Vote among the offsets that libc's relocations name, or else among all in the window. */
static struct hc_error *find_offset(struct arena_index *index, int64_t *ret, bool *found,
				    bool *exact_ret)
{
	unsigned word = index->g->params.word_size;
	hc_cleanup_free int64_t *named = NULL;
	size_t num = 0;
	struct hc_error *err = glibc_tls_offsets(index->g, &named, &num);
	if (err)
		return err;
	*exact_ret = *found = vote(index, named, num, ret);
	if (*found)
		return NULL;
	num = (WINDOW_BELOW + WINDOW_ABOVE) / word;
	hc_cleanup_free int64_t *window = calloc(num, sizeof(*window));
	if (!window)
		return &hc_enomem;
	int64_t first = -WINDOW_BELOW - (int64_t)index->g->process->core->machine->tp_bias;
	for (size_t i = 0; i < num; i++)
		window[i] = first + (int64_t)(i * word);
	*found = vote(index, window, num, ret);
	return NULL;
}

struct hc_error *glibc_assign_threads(struct glibc *g)
{
	const struct hc_threads *threads = &g->process->threads;
	uint32_t *result = calloc(threads->num ? threads->num : 1, sizeof(*result));
	hc_cleanup_free const struct glibc_arena **sorted = calloc(g->num_arenas, sizeof(*sorted));
	g->heap->thread_arena = result;
	if (!result || !sorted)
		return &hc_enomem;
	for (size_t i = 0; i < g->num_arenas; i++)
		sorted[i] = &g->arenas[i];
	hc_sort(sorted, g->num_arenas, compare_arenas);
	struct arena_index index = {g, sorted};
	int64_t offset = 0;
	bool found;
	struct hc_error *err = find_offset(&index, &offset, &found, &g->threads_exact);
	if (err)
		return err;
	for (size_t i = 0; i < threads->num; i++)
		result[i] = found && threads->items[i].tp
				    ? arena_at(&index, threads->items[i].tp, offset)
				    : HC_ARENA_MMAP;
	return pin_dtvs(g);
}
