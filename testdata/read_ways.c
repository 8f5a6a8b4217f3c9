/*
 * Ways to read a file from its first byte to its last, for scripts/bench --mapped: each adds up its
 * 64-bit words on one thread, as plain_sum does.
 *
 * usage: read_ways faults|sequential|populate|populate-ahead|huge|read|read-huge|direct|evict FILE
 *
 *   faults          a mapping, pages are mapped when they are touched, as many around as the kernel
 *                   thinks
 *   sequential      the same with MADV_SEQUENTIAL
 *   populate        MADV_POPULATE_READ for each slice before it is read
 *   populate-ahead  the same by a second thread, two slices ahead at most
 *   huge            MADV_HUGEPAGE, where the file system has huge pages
 *   read            read() of small slices into one buffer
 *   read-huge       the same, larger slices, the buffer in a huge page
 *   direct          O_DIRECT: what the disk gives, nothing added up
 *   evict           no reading: the file's pages leave the page cache; prints the share that
 *                   stayed, percent
 *
 * Exits with 3, and says why, where the system can't do it this way.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define SLICE (4ul << 20)         /* populated at once */
#define SMALL_SLICE (256ul << 10) /* read at once, fits a second-level cache */
#define HUGE_PAGE (2ul << 20)

static uint64_t sum;

static void add(const void *data, size_t size)
{
	const uint64_t *words = data;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		sum += words[i];
}

static int unable(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 3;
}

static int read_mapped(const uint8_t *data, size_t size, int advice)
{
	if (advice != MADV_NORMAL && madvise((void *)data, size, advice))
		return unable("madvise");
	add(data, size);
	return 0;
}

static size_t slice_at(size_t size, size_t pos)
{
	return size - pos < SLICE ? size - pos : SLICE;
}

static int read_populated(const uint8_t *data, size_t size)
{
	for (size_t pos = 0; pos < size; pos += SLICE) {
		if (madvise((void *)(data + pos), slice_at(size, pos), MADV_POPULATE_READ))
			return unable("MADV_POPULATE_READ");
		add(data + pos, slice_at(size, pos));
	}
	return 0;
}

/* Two counters, and who waits for them. */
static struct {
	const uint8_t *data;
	size_t size, populated, done;
	pthread_mutex_t lock;
	pthread_cond_t moved;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static void move_on(size_t *counter, size_t to)
{
	pthread_mutex_lock(&shared.lock);
	*counter = to;
	pthread_cond_signal(&shared.moved);
	pthread_mutex_unlock(&shared.lock);
}

static void *populate_ahead(void *unused)
{
	for (size_t pos = 0; pos < shared.size; pos += SLICE) {
		pthread_mutex_lock(&shared.lock);
		while (pos >= shared.done + 3 * SLICE)
			pthread_cond_wait(&shared.moved, &shared.lock);
		pthread_mutex_unlock(&shared.lock);
		madvise((void *)(shared.data + pos), slice_at(shared.size, pos),
			MADV_POPULATE_READ);
		move_on(&shared.populated, pos + SLICE);
	}
	return unused;
}

static int read_populated_ahead(const uint8_t *data, size_t size)
{
	pthread_t thread;

	shared.data = data;
	shared.size = size;
	errno = pthread_create(&thread, NULL, populate_ahead, NULL);
	if (errno)
		return unable("pthread_create");
	for (size_t pos = 0; pos < size; pos += SLICE) {
		pthread_mutex_lock(&shared.lock);
		while (shared.populated <= pos)
			pthread_cond_wait(&shared.moved, &shared.lock);
		pthread_mutex_unlock(&shared.lock);
		add(data + pos, slice_at(size, pos));
		move_on(&shared.done, pos + SLICE);
	}
	pthread_join(thread, NULL);
	return 0;
}

static int read_slices(int fd, size_t slice, int huge, int sums)
{
	void *buffer = aligned_alloc(HUGE_PAGE, HUGE_PAGE);
	ssize_t size;

	if (!buffer || (huge && madvise(buffer, HUGE_PAGE, MADV_HUGEPAGE)))
		return unable("buffer");
	while ((size = read(fd, buffer, slice)) > 0)
		if (sums)
			add(buffer, size);
	return size < 0 ? unable("read") : 0;
}

static int evict(int fd, const uint8_t *data, size_t size)
{
	size_t pages = (size + 4095) / 4096, left = 0;
	unsigned char *resident = malloc(pages);

	fsync(fd);
	if (!resident || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) ||
	    mincore((void *)data, size, resident))
		return unable("evict");
	for (size_t i = 0; i < pages; i++)
		left += resident[i] & 1;
	printf("%zu\n", left * 100 / pages);
	return 0;
}

static int read_it(const char *way, int fd, const uint8_t *data, size_t size)
{
	if (strcmp(way, "faults") == 0)
		return read_mapped(data, size, MADV_NORMAL);
	if (strcmp(way, "sequential") == 0)
		return read_mapped(data, size, MADV_SEQUENTIAL);
	if (strcmp(way, "huge") == 0)
		return read_mapped(data, size, MADV_HUGEPAGE);
	if (strcmp(way, "populate") == 0)
		return read_populated(data, size);
	if (strcmp(way, "populate-ahead") == 0)
		return read_populated_ahead(data, size);
	if (strcmp(way, "read") == 0)
		return read_slices(fd, SMALL_SLICE, 0, 1);
	if (strcmp(way, "read-huge") == 0)
		return read_slices(fd, HUGE_PAGE, 1, 1);
	if (strcmp(way, "direct") == 0)
		return read_slices(fd, HUGE_PAGE, 0, 0);
	return 2;
}

int main(int argc, char **argv)
{
	struct stat st;

	if (argc != 3)
		return 2;
	int fd = open(argv[2], O_RDONLY | (strcmp(argv[1], "direct") ? 0 : O_DIRECT));
	if (fd < 0)
		return unable(argv[2]);
	if (fstat(fd, &st) || st.st_size == 0)
		return 2;
	const uint8_t *data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return unable("mmap");
	if (strcmp(argv[1], "evict") == 0)
		return evict(fd, data, st.st_size);
	int status = read_it(argv[1], fd, data, st.st_size);
	if (!status)
		printf("%llu\n", (unsigned long long)sum);
	return status;
}
