/*
 * One heap with a bit of everything, small enough to be dumped under every release of the C
 * library: blocks of all sizes, live and dead, in the main arena and in those of six threads, two
 * of which are gone; aligned blocks, mmapped blocks, decoys that imitate malloc's own structures.
 *
 * usage: matrix_heap [abort|pause] [plain|foreign-sbrk|brk-blocked|aligned|only-mapped]
 *
 * foreign-sbrk   somebody else calls sbrk in the middle of the heap
 * brk-blocked    the page behind the heap is mapped, so that the main arena goes on in mappings
 * aligned        another heap: small blocks between large aligned ones
 * only-mapped    another heap: nothing but blocks that get a mapping of their own
 *
 * Prints, in the order of events, "live 0xADDRESS REQUESTED LABEL" and "dead 0xADDRESS LABEL"; a
 * later event is true where it contradicts an earlier one. On arm64, where qemu's cores lack it, the
 * thread pointer of each thread comes first as "tls LWP 0xADDRESS". Labels that begin with "exact" are of
 * blocks that malloc itself cut, so their chunks have the least size that holds the request. The
 * last events are malloc_stats(3) on stderr and "mmapped COUNT BYTES". All that makes libc allocate
 * for itself comes before the first block dies.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "manifest.h"

#define NUM_BLOCKS 700
#define NUM_WORKERS 6
#define NUM_LEAVING 2
#define STACK_SIZE (256 * 1024)

enum fate {
	STAYS,
	DIES_FIRST,    /* medium and large, then sorted into bins by a later request */
	DIES_LATER,    /* small, past the end of its tcache bin; then large, left unsorted */
	DIES_MMAPPED,  /* a mapping of its own; last, because it raises the threshold */
	DIES_ELSEWHERE /* freed by the first worker */
};

struct block {
	void *address;
	enum fate fate;
	const char *label;
};

struct blocks {
	struct block items[NUM_BLOCKS];
	unsigned num;
};

struct worker {
	pthread_t thread;
	pthread_barrier_t turn; /* taken in pairs: start of a step, end of a step */
	bool leaves;
	struct blocks blocks;
};

static struct blocks main_blocks;
static struct worker workers[NUM_WORKERS];

static void *add(struct blocks *blocks, void *p, size_t size, enum fate fate, const char *label)
{
	if (!p || blocks->num == NUM_BLOCKS)
		_exit(4);
	memset(p, 0x40 | (blocks->num & 0x3f), size);
	say("live %p %zu %s", p, size, label);
	blocks->items[blocks->num++] = (struct block){p, fate, label};
	return p;
}

static void *add_malloc(struct blocks *blocks, size_t size, enum fate fate)
{
	return add(blocks, malloc(size), size, fate, "exact-malloc");
}

static void release(struct blocks *blocks, enum fate fate)
{
	for (unsigned i = 0; i < blocks->num; i++) {
		struct block *block = &blocks->items[i];
		if (block->fate != fate)
			continue;
		say("dead %p %s", block->address, block->label);
		free(block->address);
		block->fate = STAYS; /* of no more interest */
	}
}

/* Every size class of the small bins, each with a neighbour that stays. */
static void small(struct blocks *blocks)
{
	for (size_t size = 0; size < 1100; size += 24) {
		add_malloc(blocks, size, STAYS);
		add_malloc(blocks, size, size % 48 ? DIES_LATER : STAYS);
	}
}

/* More of one size than a tcache bin holds: 7, or 16 since 2.43. */
static void overflowing(struct blocks *blocks, size_t size, enum fate fate)
{
	for (unsigned i = 0; i < 20; i++) {
		add_malloc(blocks, size, fate);
		add_malloc(blocks, 24, STAYS);
	}
}

static void large(struct blocks *blocks)
{
	static const size_t sizes[] = {1100, 1500, 2100, 2120, 3000, 4100, 8200, 8200, 15000};

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		add_malloc(blocks, sizes[i], DIES_FIRST);
		add_malloc(blocks, 40, STAYS);
		add_malloc(blocks, sizes[i] + 64, i & 1 ? STAYS : DIES_LATER);
		add_malloc(blocks, 56, STAYS);
	}
}

/* Blocks that malloc does not simply cut: aligned, zeroed, resized in place and by moving. */
static void other_ways(struct blocks *blocks)
{
	for (size_t alignment = 32; alignment <= 4096; alignment *= 4)
		add(blocks, memalign(alignment, 300), 300, STAYS, "memalign");
	add(blocks, calloc(50, 10), 500, STAYS, "exact-calloc");
	add(blocks, realloc(malloc(100), 2500), 2500, STAYS, "realloc-grown");
	add(blocks, realloc(malloc(2500), 100), 100, STAYS, "realloc-shrunk");
	add(blocks, strdup("a copy made by libc"), 20, STAYS, "strdup");
}

/* Contents that look like empty bins, like chunk headers and like a fencepost. */
static void decoys(struct blocks *blocks)
{
	uintptr_t *list = add_malloc(blocks, 300 * sizeof(*list), STAYS);
	size_t *headers = add_malloc(blocks, 64 * sizeof(*headers), STAYS);

	for (unsigned i = 0; i < 300; i++)
		list[i] = (uintptr_t)&list[(i & ~1u)] - 2 * sizeof(*list);
	for (unsigned i = 0; i < 64; i++)
		headers[i] = i < 32 ? 0x40 | 1 : 2 * sizeof(*headers) | 1;
}

static void mmapped(struct blocks *blocks)
{
	void *p;

	add(blocks, malloc(150000), 150000, DIES_MMAPPED, "mmapped-freed");
	for (size_t size = 140000; size < 400000; size += 100001)
		add(blocks, malloc(size), size, STAYS, "mmapped");
	for (size_t alignment = 64; alignment <= 65536; alignment *= 32)
		add(blocks, memalign(alignment, 200001), 200001, STAYS, "mmapped-aligned");
	add(blocks, realloc(malloc(200000), 700000), 700000, STAYS, "mmapped-grown");
	add(blocks, realloc(malloc(700000), 250000), 250000, STAYS, "mmapped-shrunk");
	add(blocks, calloc(1, 170000), 170000, STAYS, "mmapped-calloc");
	/* A mapping that begins with what looks like a mapping's header on every page. */
	p = add(blocks, malloc(180000), 180000, STAYS, "mmapped-decoy");
	for (uintptr_t page = ((uintptr_t)p + 4095) & ~(uintptr_t)4095;
	     page + 8192 < (uintptr_t)p + 180000; page += 4096) {
		((size_t *)page)[0] = 0;
		((size_t *)page)[1] = 4096 | 2;
	}
}

static void fill(struct blocks *blocks)
{
	small(blocks);
	overflowing(blocks, 40, DIES_LATER);
	overflowing(blocks, 600, DIES_FIRST);
	large(blocks);
	other_ways(blocks);
	decoys(blocks);
}

/* Kill in an order that leaves chunks on every kind of list. */
static void kill_blocks(struct blocks *blocks)
{
	release(blocks, DIES_FIRST);
	add_malloc(blocks, 60000, STAYS); /* larger than all that is free: sorts the bins */
	release(blocks, DIES_LATER);
	release(blocks, DIES_MMAPPED);
}

static void say_tls(void)
{
#ifdef __aarch64__
	say("tls %ld %p", syscall(SYS_gettid), __builtin_thread_pointer());
#endif
}

static void *work(void *arg)
{
	struct worker *self = arg;

	say_tls();
	pthread_barrier_wait(&self->turn);
	fill(&self->blocks);
	pthread_barrier_wait(&self->turn);

	pthread_barrier_wait(&self->turn);
	if (self == workers)
		release(&main_blocks, DIES_ELSEWHERE);
	kill_blocks(&self->blocks);
	if (self->leaves)
		return NULL;
	pthread_barrier_wait(&self->turn);
	for (;;)
		pause();
}

static void start_workers(void)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (unsigned i = 0; i < NUM_WORKERS; i++) {
		pthread_barrier_init(&workers[i].turn, NULL, 2);
		workers[i].leaves = i >= NUM_WORKERS - NUM_LEAVING;
		if (pthread_create(&workers[i].thread, &attr, work, &workers[i]) != 0)
			_exit(5);
	}
}

/* One step of every worker, one after the other: the heap is the same in every run. */
static void step_workers(bool last)
{
	for (unsigned i = 0; i < NUM_WORKERS; i++) {
		pthread_barrier_wait(&workers[i].turn);
		if (last && workers[i].leaves)
			pthread_join(workers[i].thread, NULL);
		else
			pthread_barrier_wait(&workers[i].turn);
	}
}

static void interrupt_heap(const char *how)
{
	char *end = sbrk(0);

	if (strcmp(how, "foreign-sbrk") == 0) {
		void *foreign = sbrk(12345);
		memset(foreign, 0x33, 12345);
		say("foreign %p 12345", foreign);
	} else if (strcmp(how, "brk-blocked") == 0) {
		char *page = (char *)(((uintptr_t)end + 4095) & ~(uintptr_t)4095);
		if (mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != page)
			say("brk-not-blocked");
	}
}

/* Enough to need more memory from the system than there is, more than once. */
static void grow(struct blocks *blocks)
{
	for (unsigned i = 0; i < 40; i++) {
		add_malloc(blocks, 40000 + 8 * i, i % 8 == 3 ? DIES_FIRST : STAYS);
		add_malloc(blocks, 72, i % 4 ? STAYS : DIES_ELSEWHERE);
	}
}

static void finish(const char *stop)
{
	struct mallinfo info = mallinfo();

	say("mmapped %d %d", info.hblks, info.hblkhd);
	malloc_stats();
	stop_here(stop);
}

static void align(struct blocks *blocks, bool only_mapped)
{
	for (unsigned i = 0; i < 8; i++) {
		if (!only_mapped)
			add(blocks, malloc(100 + i), 100 + i, STAYS, "exact-malloc");
		add(blocks, memalign(1 << 20, 1 << 20), 1 << 20, STAYS, "aligned-to-itself");
		add(blocks, memalign(4096, 300000), 300000, STAYS, "aligned-to-page");
		if (!only_mapped)
			add(blocks, memalign(64, 500000), 500000, STAYS, "aligned-to-line");
	}
}

int main(int argc, char **argv)
{
	const char *stop = argc > 1 ? argv[1] : "pause", *how = argc > 2 ? argv[2] : "plain";

	say_tls();
	if (strcmp(how, "aligned") == 0 || strcmp(how, "only-mapped") == 0) {
		align(&main_blocks, strcmp(how, "only-mapped") == 0);
		finish(stop);
	}
	fill(&main_blocks);
	start_workers();
	step_workers(false);
	mmapped(&main_blocks);
	interrupt_heap(how);
	grow(&main_blocks);
	step_workers(true);
	kill_blocks(&main_blocks);
	finish(stop);
}
