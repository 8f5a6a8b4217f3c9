/**
 * @file
 * The other yardstick of scripts/bench: a marker as it is written first.
 *
 * usage: plain_mark CORE
 *
 * Depth first, one thread, nothing prefetched, nothing recovered from: for cores of
 * testdata/bench_heap.c alone. The largest writable segment is the heap, chunks back to back from
 * its first byte on as glibc lays them out on 64-bit; the words of all other writable segments are
 * the roots. A word that is the address of a chunk is a pointer. Prints how many chunks there are
 * and how many are reached. Shares no line with what it is compared with.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const uint8_t *heap;    /* bytes */
static uint64_t start, size;   /* address, bytes */
static uint64_t *is_start;     /* one bit for 16 bytes */
static uint64_t *is_marked;    /* the same */
static uint64_t *stack, depth; /* offsets of user addresses */
static uint64_t reached;

static int has(const uint64_t *bits, uint64_t offset)
{
	return bits[offset / 1024] >> offset / 16 % 64 & 1;
}

static void set(uint64_t *bits, uint64_t offset)
{
	bits[offset / 1024] |= UINT64_C(1) << offset / 16 % 64;
}

/** Bytes of the chunk with this user address. */
static uint64_t chunk_size(uint64_t offset)
{
	return *(const uint64_t *)(heap + offset - 8) & ~UINT64_C(7);
}

static uint64_t find_chunks(void)
{
	uint64_t num = 0;

	for (uint64_t offset = 16; offset < size; num++) {
		uint64_t step = chunk_size(offset);

		if (step < 32 || step % 16)
			break;
		set(is_start, offset);
		offset += step;
	}
	return num;
}

static void mark_words(const uint64_t *words, uint64_t num)
{
	for (uint64_t i = 0; i < num; i++) {
		uint64_t offset = words[i] - start;

		if (offset >= size || offset % 16 || !has(is_start, offset) ||
		    has(is_marked, offset))
			continue;
		set(is_marked, offset);
		stack[depth++] = offset;
		reached++;
	}
}

static void mark_below(void)
{
	while (depth) {
		uint64_t offset = stack[--depth], bytes = chunk_size(offset) - 8;

		if (bytes > size - offset)
			bytes = size - offset;
		mark_words((const uint64_t *)(heap + offset), bytes / 8);
	}
}

int main(int argc, char **argv)
{
	struct stat st;
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;

	if (fd < 0 || fstat(fd, &st) || (size_t)st.st_size < sizeof(Elf64_Ehdr))
		return 2;
	const uint8_t *file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (file == MAP_FAILED)
		return 2;
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)file;
	const Elf64_Phdr *segments = (const Elf64_Phdr *)(file + header->e_phoff);

	for (unsigned i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type != PT_LOAD || !(segments[i].p_flags & PF_W) ||
		    segments[i].p_filesz <= size)
			continue;
		heap = file + segments[i].p_offset;
		start = segments[i].p_vaddr;
		size = segments[i].p_filesz;
	}
	is_start = calloc(size / 1024 + 1, 8);
	is_marked = calloc(size / 1024 + 1, 8);
	stack = malloc((size / 32 + 1) * 8);
	if (!heap || !is_start || !is_marked || !stack)
		return 2;
	uint64_t num = find_chunks();

	for (unsigned i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type != PT_LOAD || !(segments[i].p_flags & PF_W) ||
		    segments[i].p_vaddr == start)
			continue;
		mark_words((const uint64_t *)(file + segments[i].p_offset),
			   segments[i].p_filesz / 8);
		mark_below();
	}
	printf("%llu chunks, %llu reached\n", (unsigned long long)num, (unsigned long long)reached);
}
