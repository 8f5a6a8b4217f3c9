/*
 * What a core's figures can't have.
 *
 * usage: unseen [abort|pause|signal] file PATH|ring|fork|early
 *
 *   - file: 2,000 blocks whose addresses are in a shared mapping of a file alone;
 *   - ring: 512 of 1,024 pages of a shared anonymous mapping are written to;
 *   - fork: a child, without 3 threads of which each holds 500 blocks; says "child PID";
 *   - early: 400 blocks of a program's start, then 20,000 of the same size that cache holds.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "manifest.h"

enum {
	FILED = 2000,
	PAGES = 1024,
	PAGE = 4096,
	THREADS = 3,
	ROWS = 500,
	EARLY = 400,
	CACHED = 20000
};

static void *volatile *map(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

__attribute__((noinline)) static char *make(size_t size, const char *what, int number)
{
	char *text = calloc(1, size);

	snprintf(text, size, "%s=%d", what, number);
	return text;
}

static int use_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	void *volatile *words;

	if (fd < 0 || ftruncate(fd, FILED * sizeof(void *)) ||
	    !(words = map(fd, FILED * sizeof(void *))))
		return 1;
	for (int i = 0; i < FILED; i++)
		words[i] = make(700, "document", i);
	return 0;
}

static int use_ring(void)
{
	static char *volatile ring;

	ring = (char *)map(-1, PAGES * PAGE);
	for (int i = 0; ring && i < PAGES; i += 2)
		snprintf(ring + i * PAGE, PAGE, "record=%d", i);
	return !ring;
}

static pthread_barrier_t barrier;

static void *hold(void *arg)
{
	char *volatile rows[ROWS];

	for (int i = 0; i < ROWS; i++)
		rows[i] = make(1000, "row", i);
	pthread_barrier_wait(&barrier);
	for (;;)
		pause();
	return rows[0] ? arg : NULL;
}

static int use_fork(void)
{
	pthread_t threads[THREADS];
	pid_t child;

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, hold, NULL))
			return 1;
	pthread_barrier_wait(&barrier);
	child = fork();
	if (child < 0)
		return 1;
	if (child) {
		waitpid(child, NULL, 0);
		_exit(0);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	say("child %d", (int)getpid());
	return 0;
}

static struct link {
	struct link *next;
	char text[100];
} * start, *cache;

__attribute__((noinline)) static void push(struct link **list, const char *what, int number)
{
	struct link *link = calloc(1, sizeof(*link));

	snprintf(link->text, sizeof(link->text), "%s=%d", what, number);
	link->next = *list;
	*list = link;
}

static int use_early(void)
{
	for (int i = 0; i < EARLY; i++)
		push(&start, "setting", i);
	for (int i = 0; i < CACHED; i++)
		push(&cache, "entry", i);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "early";
	int failed = strcmp(mode, "file") == 0   ? argc < 4 || use_file(argv[3])
		     : strcmp(mode, "ring") == 0 ? use_ring()
		     : strcmp(mode, "fork") == 0 ? use_fork()
						 : use_early();

	if (failed)
		return 1;
	scrub();
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
