/*
 * Noise: chunks that look like nothing.
 *
 * usage: noise pause|abort [CHUNKS]
 *
 * A table in .bss holds CHUNKS chunks (default 12,000, at most 65,536) of 24 to 2,071 bytes from a
 * generator with a fixed seed, filled to the last usable byte: in turn with any bytes, with
 * printable ones, and with words of small letters and digits between blanks and punctuation. Prints
 * "held KIND 0xADDRESS SIZE", "end".
 */
#include <malloc.h>
#include <stdint.h>

#include "manifest.h"

static unsigned char *table[65536];
static uint64_t state = 0x9e3779b97f4a7c15u;

/* xorshift64* (Vigna, 2016) */
static uint64_t next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1du;
}

static unsigned char byte_of(unsigned kind)
{
	static const char words[] = "abcdefghijklmnopqrstuvwxyz0123456789    ..,:-_=";
	unsigned value = next() >> 40;

	if (kind == 0)
		return value;
	return kind == 1 ? ' ' + value % 95 : (unsigned char)words[value % (sizeof(words) - 1)];
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"bytes", "printable", "words"};
	unsigned num = argc > 2 ? strtoul(argv[2], NULL, 10) : 12000;

	for (unsigned i = 0; i < num && i < sizeof(table) / sizeof(table[0]); i++) {
		table[i] = malloc(24 + (next() >> 40) % 2048);
		size_t size = malloc_usable_size(table[i]);

		for (size_t j = 0; j < size; j++)
			table[i][j] = byte_of(i % 3);
		say("held %s %p %zu", kinds[i % 3], (void *)table[i], size);
	}
	stop_here(argc > 1 ? argv[1] : "pause");
}
