/*
 * Leaks 20-byte records, and buffers of noise: what a program without symbols and without text
 * leaves behind.
 *
 * usage: small_structs abort|pause|signal
 *
 * Lost, in 32-byte chunks (on a 64-bit machine), RECORDS times, 20 bytes each:
 *   0   uint32   serial number, 1 and up
 *   4   uint16   kind: 1, 2 or 3
 *   6   uint16   0x5aa5, always
 *   8   pointer  to one of 16 tables that live on, each in a chunk of its own
 *  16   uint32   noise
 * Lost, BUFFERS times: 500 bytes of noise.
 */
#include <stdint.h>

#include "manifest.h"

enum { RECORDS = 20000, BUFFERS = 400, TABLES = 16 };

struct record {
	uint32_t serial;
	uint16_t kind, magic;
	void *table;
	uint32_t noise;
} __attribute__((packed));
_Static_assert(sizeof(struct record) == 12 + sizeof(void *), "the layout that the tests know");

static void *tables[TABLES];

static uint32_t noise(void)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d >> 32;
}

/* Make the compiler believe that somebody reads what was written. */
static void keep(void *block)
{
	__asm__ volatile("" : : "r"(block) : "memory");
}

__attribute__((noinline)) static void leak_records(void)
{
	for (unsigned i = 0; i < RECORDS; i++) {
		struct record *record = malloc(sizeof(*record));

		*record = (struct record){i + 1, 1 + i % 3, 0x5aa5, tables[i % TABLES], noise()};
		keep(record);
	}
}

__attribute__((noinline)) static void leak_buffers(void)
{
	for (unsigned i = 0; i < BUFFERS; i++) {
		uint32_t *buffer = malloc(500);

		for (unsigned k = 0; k < 125; k++)
			buffer[k] = noise();
		keep(buffer);
	}
}

/* Overwrite what the functions above left on the stack. */
__attribute__((noinline)) static void clear_stack(void)
{
	char room[4096];

	memset(room, 0, sizeof(room));
	keep(room);
}

int main(int argc, char **argv)
{
	for (unsigned i = 0; i < TABLES; i++)
		tables[i] = calloc(1, 100);
	leak_records();
	leak_buffers();
	clear_stack();
	say("records %d", RECORDS);
	say("buffers %d", BUFFERS);
	stop_here(argc > 1 ? argv[1] : NULL);
	return 0;
}
