/**
 * @file
 * What malloc keeps in each thread's TLS: the thread's arena. And what only libc's TLS machinery points to: the dtv.
 *
 * The offset of `thread_arena` from the thread pointer is the same in all threads but differs between builds. Every
 * word around each thread pointer that equals the address of an arena votes for its offset; the offset with the most
 * votes wins.
 */
#include "core/cleanup.h"
#include "core/glibc/glibc.h"

/** Bytes around the thread pointer that are looked at: static TLS lies below it (x86) or above (aarch64). */
#define WINDOW_BELOW 0x2000
#define WINDOW_ABOVE 0x1000
/** Bytes below the end of a cached stack in which its thread block is looked for: more than a struct pthread has. */
#define CACHED_SEARCH 0x2000

static uint32_t arena_index(const struct glibc *g, uint64_t address)
{
	for (size_t i = 0; i < g->num_arenas; i++) {
		if (g->arenas[i].address == address)
			return i;
	}
	return HC_ARENA_MMAP;
}

static uint32_t arena_at(const struct glibc *g, const struct hc_thread *thread, unsigned slot)
{
	uint64_t value;
	uint64_t at = thread->tp - WINDOW_BELOW + (uint64_t)slot * g->params.word_size;
	return glibc_word(g, at, &value) && value ? arena_index(g, value) : HC_ARENA_MMAP;
}

/** The dtv of a thread: a chunk whose start nobody holds, since the pointer skips its first entry. */
static struct hc_error *pin_dtv(struct glibc *g, uint64_t tp, int32_t lwp)
{
	uint64_t dtv;
	unsigned word = g->params.word_size;
	if (!glibc_word(g, tp + word, &dtv))
		return NULL;
	struct hc_chunk chunk;
	uint64_t mem = dtv - 2 * word;
	if (!hc_heap_chunk_at(g->heap, mem, &chunk) || chunk.address != mem ||
	    chunk.state != HC_IN_USE)
		return NULL;
	char *what;
	if ((lwp ? asprintf(&what, "dtv of thread %d", lwp) :
		   asprintf(&what, "dtv of an exited thread, kept with its stack")) < 0)
		return &hc_enomem;
	return hc_heap_add_pin(g->heap, mem, what);
}

/** A stack that libc keeps for the next thread still has its dtv. Its thread block is the highest that says "self". */
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

struct hc_error *glibc_assign_threads(struct glibc *g)
{
	const struct hc_threads *threads = &g->process->threads;
	unsigned slots = (WINDOW_BELOW + WINDOW_ABOVE) / g->params.word_size, best = 0;
	hc_cleanup_free uint32_t *votes = calloc(slots, sizeof(*votes));
	uint32_t *result = calloc(threads->num ? threads->num : 1, sizeof(*result));
	g->heap->thread_arena = result;
	if (!votes || !result)
		return &hc_enomem;
	for (size_t i = 0; i < threads->num; i++) {
		result[i] = HC_ARENA_MMAP;
		if (!threads->items[i].tp)
			continue;
		struct hc_error *err = pin_dtv(g, threads->items[i].tp, threads->items[i].lwp);
		if (err)
			return err;
		for (unsigned slot = 0; slot < slots; slot++)
			votes[slot] += arena_at(g, &threads->items[i], slot) != HC_ARENA_MMAP;
	}
	for (size_t i = 0; i < threads->num_cached; i++) {
		struct hc_error *err = pin_cached_dtv(g, &threads->cached[i]);
		if (err)
			return err;
	}
	for (unsigned slot = 0; slot < slots; slot++)
		best = votes[slot] > votes[best] ? slot : best;
	for (size_t i = 0; i < threads->num && votes[best]; i++) {
		if (threads->items[i].tp)
			result[i] = arena_at(g, &threads->items[i], best);
	}
	return NULL;
}
