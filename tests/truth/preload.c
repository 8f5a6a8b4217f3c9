/*
 * The truth about a heap: a preloaded library that records every live allocation of a program.
 *
 * Built by the tests as a shared object and named in LD_PRELOAD. It wraps every allocating function
 * of libc and keeps a table in a file that is mapped shared ($HEAPTRUTH_TABLE, see struct table):
 * so the table is outside of the heap, outlives the process, needs no writing at the moment of the
 * core, and is no root for a search of pointers (addresses are XORed with a key all the same).
 *
 * On SIGRTMIN+7 the process comes to rest: no thread is inside an allocating function, nor may
 * enter one. Then malloc_info(3) is written to $HEAPTRUTH_INFO and the process either dies of
 * SIGABRT ($HEAPTRUTH_END=abort: the kernel writes the core) or stops itself (stop: for gcore).
 * Nothing allocates or frees in between: the stream that malloc_info() writes to, and its buffer,
 * exist from the start, and are in the table like any other allocation.
 *
 * What it can't see: chunks that malloc makes for itself (tcache structs), and memory that ld.so
 * took before it used malloc, which is not in the heap. Threads that exit return their tcache
 * without a call to free(); a test must not let threads exit while it takes the snapshot.
 *
 * The wrappers call libc's __libc_* entry points, so nothing has to be looked up with dlsym(),
 * which allocates.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void *__libc_valloc(size_t size);
extern void *__libc_pvalloc(size_t size);
extern void __libc_free(void *p);

#define EXPORT __attribute__((visibility("default")))
#define SNAPSHOT_SIGNAL (SIGRTMIN + 7)
#define SLOTS (1u << 20)
#define KEY 0x5aa5c33c0ff09669ul
#define FREED UINT64_MAX /* the size of an address that was live once and is not now */

/* One address that malloc returned at some time. An empty slot has address 0. */
struct slot {
	_Atomic uint64_t address; /* XOR KEY */
	_Atomic uint64_t size;    /* as requested, or FREED */
};

/* The file. tests/e2e/truth.py reads it. */
struct table {
	_Atomic uint64_t pid, calls, overflow, unknown_free;
	_Atomic uint64_t
		snapshot; /* 1 when the process came to rest and malloc_info() is written */
	uint64_t reserved[3];
	struct slot slots[SLOTS];
};

static struct table *table;
static FILE *info;
static char info_buffer[1 << 18];
static _Atomic int inside; /* threads in an allocating function */
static _Atomic bool closed, pending;
static __thread int depth __attribute__((tls_model("initial-exec")));

static void rest(void)
{
	static const struct timespec moment = {.tv_nsec = 200000};
	nanosleep(&moment, NULL);
}

static void map_table(void)
{
	static _Atomic int state; /* 0: not tried, 1: busy, 2: done */
	int expected = 0;
	const char *path = getenv("HEAPTRUTH_TABLE");

	if (!atomic_compare_exchange_strong(&state, &expected, 1)) {
		while (atomic_load(&state) != 2)
			rest();
		return;
	}
	int fd = path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	/* O_EXCL: a program that this one starts inherits the environment, but not the table. */
	if (fd >= 0 && ftruncate(fd, sizeof(*table)) == 0) {
		void *p = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED) {
			table = p;
			table->pid = getpid();
		}
	}
	if (fd >= 0)
		close(fd);
	atomic_store(&state, 2);
}

static struct slot *find(uint64_t address)
{
	uint64_t i = (address >> 4) * 0x9e3779b97f4a7c15ul >> 32 & (SLOTS - 1);

	for (unsigned tries = 0; tries < SLOTS; tries++, i = (i + 1) & (SLOTS - 1)) {
		struct slot *slot = &table->slots[i];
		uint64_t seen = 0;

		if (atomic_load(&slot->address) == (address ^ KEY))
			return slot;
		if (atomic_compare_exchange_strong(&slot->address, &seen, address ^ KEY)) {
			atomic_store(&slot->size, FREED);
			return slot;
		}
		if (seen == (address ^ KEY))
			return slot;
	}
	atomic_fetch_add(&table->overflow, 1);
	return NULL;
}

static void *add(void *p, size_t size)
{
	struct slot *slot = p && table ? find((uintptr_t)p) : NULL;

	if (slot)
		atomic_store(&slot->size, size);
	return p;
}

/* Before the memory goes back: right afterwards another thread may get it. */
static void drop(void *p)
{
	struct slot *slot = p && table ? find((uintptr_t)p) : NULL;

	if (slot && atomic_exchange(&slot->size, FREED) == FREED)
		atomic_fetch_add(&table->unknown_free, 1);
}

static void come_to_rest(void)
{
	const char *end = getenv("HEAPTRUTH_END");
	bool open = false;

	if (!table || !info || !atomic_compare_exchange_strong(&closed, &open, true))
		return;
	while (atomic_load(&inside) > 0)
		rest();
	malloc_info(0, info);
	fflush(info);
	atomic_store(&table->snapshot, 1);
	if (end && strcmp(end, "abort") == 0) {
		signal(SIGABRT, SIG_DFL);
		for (;;)
			kill(getpid(), SIGABRT);
	}
	for (;;)
		kill(getpid(), SIGSTOP);
}

static void enter(void)
{
	if (depth++ > 0)
		return;
	if (!table)
		map_table();
	for (;;) {
		atomic_fetch_add(&inside, 1);
		if (!atomic_load(&closed))
			return;
		atomic_fetch_sub(&inside, 1);
		while (atomic_load(&closed))
			rest();
	}
}

static void leave(void)
{
	if (depth == 1) {
		if (table)
			atomic_fetch_add(&table->calls, 1);
		atomic_fetch_sub(&inside, 1);
	}
	if (--depth == 0 && atomic_load(&pending))
		come_to_rest();
}

/* A thread that is inside an allocating function comes to rest when it leaves it. */
static void on_signal(int signal)
{
	int saved = errno;

	(void)signal;
	atomic_store(&pending, true);
	if (depth == 0)
		come_to_rest();
	errno = saved;
}

/* The table is the parent's; a child's heap is its own. */
static void in_child(void)
{
	if (table)
		munmap(table, sizeof(*table));
	table = NULL;
	atomic_store(&inside, depth > 0);
	atomic_store(&closed, false);
	atomic_store(&pending, false);
}

__attribute__((constructor)) static void init(void)
{
	const char *path = getenv("HEAPTRUTH_INFO");
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	enter();
	leave();
	if (!table || !path)
		return;
	info = fopen(path, "we");
	if (info)
		setvbuf(info, info_buffer, _IOFBF, sizeof(info_buffer));
	sigaction(SNAPSHOT_SIGNAL, &action, NULL);
	pthread_atfork(NULL, NULL, in_child);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
}

EXPORT void *malloc(size_t size)
{
	enter();
	void *p = add(__libc_malloc(size), size);
	leave();
	return p;
}

EXPORT void *calloc(size_t n, size_t size)
{
	enter();
	void *p = add(__libc_calloc(n, size), n * size);
	leave();
	return p;
}

EXPORT void *realloc(void *old, size_t size)
{
	struct slot *slot;
	uint64_t old_size = FREED;

	enter();
	slot = old && table ? find((uintptr_t)old) : NULL;
	if (slot)
		old_size = atomic_load(&slot->size);
	drop(old);
	void *p = __libc_realloc(old, size);
	if (p)
		add(p, size);
	else if (old && size > 0 &&
		 slot) /* out of memory: the old block stays; size 0 has freed it */
		atomic_store(&slot->size, old_size);
	leave();
	return p;
}

EXPORT void *reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, bytes);
}

EXPORT void free(void *p)
{
	enter();
	drop(p);
	__libc_free(p);
	leave();
}

EXPORT void *memalign(size_t alignment, size_t size)
{
	enter();
	void *p = add(__libc_memalign(alignment, size), size);
	leave();
	return p;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

EXPORT int posix_memalign(void **ret, size_t alignment, size_t size)
{
	if (alignment % sizeof(void *) || !alignment || alignment & (alignment - 1))
		return EINVAL;
	void *p = memalign(alignment, size);
	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

EXPORT void *valloc(size_t size)
{
	enter();
	void *p = add(__libc_valloc(size), size);
	leave();
	return p;
}

EXPORT void *pvalloc(size_t size)
{
	enter();
	void *p = add(__libc_pvalloc(size), size);
	leave();
	return p;
}
