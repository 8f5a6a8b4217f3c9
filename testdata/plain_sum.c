/*
 * The yardstick of scripts/bench: the least work that touches every byte of a file.
 *
 * usage: plain_sum FILE
 *
 * Maps the file and adds up its 64-bit words on one thread. Prints the sum, so that it has to be
 * computed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	struct stat st;
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;

	if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
		return 2;
	const uint64_t *words = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (words == MAP_FAILED)
		return 2;
	madvise((void *)words, st.st_size, MADV_SEQUENTIAL);
	uint64_t sum = 0;
	for (size_t i = 0; i < st.st_size / sizeof(*words); i++)
		sum += words[i];
	printf("%llu\n", (unsigned long long)sum);
}
