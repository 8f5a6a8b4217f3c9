/**
 * @file
 * The handler of SIGBUS, and the list of guards that it reads.
 */
#include "lib/guard.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A handler must not be what allocates a thread's variable. glibc may do that at the first access
 * unless it is in static storage; musl never does, and has no room there for what is loaded late.
 */
#ifdef __GLIBC__
#define STATIC_STORAGE __attribute__((tls_model("initial-exec")))
#else
#define STATIC_STORAGE
#endif

/** What the thread has entered. */
static _Thread_local STATIC_STORAGE struct hc_guard *entered;

/** @name Shared with the handler */
/**@{*/
static struct hc_guard *_Atomic guards;
static atomic_uint readers;        /**< handlers that walk the list */
static atomic_uint page_size;      /**< bytes; set before there is a guard */
static struct sigaction before_us; /**< set before the handler is installed */
/**@}*/

/** Of everything below, and of changes to the list. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned handling; /**< guards that need the handler */
static bool installed;

/** @name In the handler */
/**@{*/

/** Zeroes in place of whole pages, from the one of an address to the one before @p end. */
static bool replace_pages(uintptr_t address, uintptr_t end)
{
	uintptr_t page = atomic_load(&page_size), start = address & ~(page - 1);

	end = (end + page - 1) & ~(page - 1);
	/* Writable: libraries may have mapped it so. */
	return mmap((void *)start, end - start, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

static bool mend_range(struct hc_guard *guard, uintptr_t address)
{
	for (size_t i = 0; i < guard->num_ranges; i++) {
		uintptr_t start = (uintptr_t)guard->ranges[i].data;

		if (address - start < guard->ranges[i].size) {
			atomic_store(&guard->hit, true);
			return replace_pages(address, start + guard->ranges[i].size);
		}
	}
	return false;
}

static bool mend(uintptr_t address)
{
	bool mended = false;

	atomic_fetch_add(&readers, 1);
	for (struct hc_guard *guard = atomic_load(&guards); guard && !mended; guard = guard->next)
		mended = mend_range(guard, address);
	atomic_fetch_sub(&readers, 1);
	if (!mended && entered) {
		atomic_store(&entered->hit, true);
		mended = replace_pages(address, address + 1);
	}
	return mended;
}

bool hc_guard_mend(void *address)
{
	int saved = errno;
	bool mended = mend((uintptr_t)address);

	errno = saved;
	return mended;
}

/** Do what would have been done without us. */
static void pass_on(int signum, siginfo_t *info, void *context)
{
	bool sent = info->si_code <= 0;

	if (before_us.sa_flags & SA_SIGINFO)
		before_us.sa_sigaction(signum, info, context);
	else if (before_us.sa_handler == SIG_IGN && sent)
		return;
	else if (before_us.sa_handler != SIG_DFL && before_us.sa_handler != SIG_IGN)
		before_us.sa_handler(signum);
	else {
		/* What was no signal of somebody's happens again when the handler returns. */
		signal(signum, SIG_DFL);
		if (sent)
			raise(signum);
	}
}

static void on_bus_error(int signum, siginfo_t *info, void *context)
{
	/* Not unaligned access, nor broken hardware. */
	if (info->si_code == BUS_ADRERR && hc_guard_mend(info->si_addr))
		return;
	pass_on(signum, info, context);
}
/**@}*/

/** @name The handler itself */
/**@{*/

static struct hc_error *install(void)
{
	struct sigaction action = {.sa_sigaction = on_bus_error};

	if (sigaction(SIGBUS, NULL, &before_us))
		return hc_error_os(errno, "the handler of SIGBUS can't be asked for");
	action.sa_mask = before_us.sa_mask;
	/* Hosts may run on small stacks, and give signals one of their own. */
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
	if (sigaction(SIGBUS, &action, NULL))
		return hc_error_os(errno, "SIGBUS can't be handled");
	installed = true;
	return NULL;
}

static bool is_ours(void)
{
	struct sigaction now;

	return !sigaction(SIGBUS, NULL, &now) && now.sa_flags & SA_SIGINFO &&
	       now.sa_sigaction == on_bus_error;
}

/** Ours stays under a handler that was put over it, and passes everything on. */
static void uninstall(void)
{
	if (!is_ours())
		return;
	sigaction(SIGBUS, &before_us, NULL);
	installed = false;
}
/**@}*/

/** @name The list */
/**@{*/

/** Wait for handlers that may look at what was taken away. */
static void wait_for_readers(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	while (atomic_load(&readers))
		sched_yield();
}

static void unlink_guard(struct hc_guard *guard)
{
	struct hc_guard *at = atomic_load(&guards);

	if (at == guard) {
		atomic_store(&guards, guard->next);
	} else {
		while (at->next != guard)
			at = at->next;
		at->next = guard->next;
	}
	wait_for_readers();
}

static struct hc_error *add_guard(struct hc_guard *guard, bool handle)
{
	atomic_store(&page_size, sysconf(_SC_PAGESIZE));
	if (handle && !installed) {
		struct hc_error *err = install();
		if (err)
			return err;
	}
	guard->handles = handle;
	handling += handle;
	guard->next = atomic_load(&guards);
	atomic_store(&guards, guard);
	return NULL;
}

struct hc_error *hc_guard_init(struct hc_guard *guard, bool handle)
{
	*guard = (struct hc_guard){0};
	pthread_mutex_lock(&lock);
	struct hc_error *err = add_guard(guard, handle);
	pthread_mutex_unlock(&lock);
	return err;
}

void hc_guard_set_ranges(struct hc_guard *guard, struct hc_bytes *ranges, size_t num)
{
	guard->ranges = ranges;
	atomic_thread_fence(memory_order_seq_cst);
	guard->num_ranges = num;
}

void hc_guard_drop_ranges(struct hc_guard *guard)
{
	guard->num_ranges = 0;
	wait_for_readers();
}

void hc_guard_deinit(struct hc_guard *guard)
{
	pthread_mutex_lock(&lock);
	unlink_guard(guard);
	handling -= guard->handles;
	if (guard->handles && !handling)
		uninstall();
	pthread_mutex_unlock(&lock);
	free(guard->ranges);
}
/**@}*/

void hc_guard_enter(struct hc_guard *guard, struct hc_guard_frame *frame)
{
	sigset_t bus;

	frame->outer = entered;
	sigemptyset(&bus);
	sigaddset(&bus, SIGBUS);
	pthread_sigmask(SIG_UNBLOCK, &bus, &frame->mask);
	entered = guard;
}

void hc_guard_leave(const struct hc_guard_frame *frame)
{
	entered = frame->outer;
	pthread_sigmask(SIG_SETMASK, &frame->mask, NULL);
}
