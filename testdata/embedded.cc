/*
 * C++ objects that do not start their chunk, of known numbers, among noise.
 *
 * usage: embedded abort|pause
 *
 * Prints for each "INSIDE chunks objects leaked offset name" (offset of the first in its chunk), for some
 * "AT address offset name" (an object in a chunk), then "end":
 *
 *   - tokens and keys behind a 24-byte header, in chunks of one size, of which less than half are text;
 *   - slabs of nodes behind 32 bytes, one full, one of which every third place is empty, one with a few;
 *   - nodes of a std::list, some of them lost;
 *
 * What must not be taken for objects: noise; one address of a vtable among other words; a table of such addresses; a
 * block with three objects at no constant distance.
 */
#include <list>
#include <new>
#include <stdint.h>

#include "manifest.h"

namespace bank {
struct Token {
	virtual ~Token() = default;
	virtual int value() const { return 1; }
	uint64_t id = 42;
};

struct Key : Token {
	int value() const override { return 2; }
	uint64_t bits = 7;
};

struct Node {
	virtual ~Node() = default;
	uint64_t payload[5] = {1, 2, 3, 4, 5};
};

struct Account {
	virtual ~Account() = default;
	long sum = 0;
};
} // namespace bank

enum { TOKENS = 180, KEYS = 20, TEXTS = 90, LOST = 30, PLACES = 100, ACCOUNTS = 40 };

static uint64_t state = 88172645463325252;

static uint64_t noise()
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d | 1;
}

static void keep(void *block)
{
	__asm__ volatile("" : : "r"(block) : "memory");
}

static void **kept;
static unsigned num_kept;

static void *hold(void *block)
{
	return kept[num_kept++] = block;
}

/* A size of its own for each kind of block. */
static char *block(size_t size, bool lost = false)
{
	uint64_t *words = (uint64_t *)calloc(1, size);

	for (size_t i = 0; i < size / 8; i++)
		words[i] = noise();
	keep(words);
	return (char *)(lost ? words : hold(words));
}

enum { HEADER = 24, HEADED = HEADER + sizeof(bank::Key) + 16 };

__attribute__((noinline)) static void add_headed()
{
	for (int i = 0; i < TOKENS; i++)
		new (block(HEADED, i < LOST) + HEADER) bank::Token;
	for (int i = 0; i < KEYS; i++)
		new (block(HEADED) + HEADER) bank::Key;
	for (int i = 0; i < TEXTS; i++)
		memset(block(HEADED), 'a' + i % 26, HEADED - 1);
	say("INSIDE %d %d %d %d bank::Token", TOKENS, TOKENS, LOST, HEADER);
	say("INSIDE %d %d %d %d bank::Key", KEYS, KEYS, 0, HEADER);
}

/* @p every how many places there is an empty one; 0: none */
static void add_slab(size_t size, int places, int every)
{
	char *slab = block(size);

	for (int i = 0; i < places; i++)
		if (!every || i % every != 1)
			new (slab + 32 + i * sizeof(bank::Node)) bank::Node;
	for (int i = 0; i < 2; i++)
		say("AT %p %zu bank::Node", (void *)slab, 32 + 2 * i * sizeof(bank::Node));
}

__attribute__((noinline)) static void add_slabs()
{
	add_slab(32 + PLACES * sizeof(bank::Node) + 8, PLACES, 0);
	add_slab(32 + PLACES * sizeof(bank::Node) + 8, PLACES, 3);
	add_slab(1000, 3, 0);
	say("INSIDE 3 %d 0 32 bank::Node[]", PLACES + PLACES - (PLACES + 1) / 3 + 3);
}

__attribute__((noinline)) static void add_noise()
{
	static bank::Account spare;
	void *vtable = *(void **)&spare;
	char *one = block(2000), *table = block(3000), *odd = block(4000);

	*(void **)(one + 64) = vtable;
	for (int i = 0; i < 50; i++)
		*(void **)(table + 16 + 8 * i) = vtable;
	*(void **)(odd + 16) = vtable;
	*(void **)(odd + 16 + 48) = vtable;
	*(void **)(odd + 16 + 48 + 64) = vtable;
	*(void **)(odd + 16 + 48 + 64 + 80) = vtable;
	for (int i = 0; i < 300; i++)
		block(32 + PLACES * sizeof(bank::Node) + 8);
}

static std::list<bank::Account> accounts;

int main(int argc, char **argv)
{
	kept = (void **)calloc(2000, sizeof(*kept));
	add_headed();
	add_slabs();
	add_noise();
	accounts.resize(ACCOUNTS);
	say("INSIDE %d %d 0 16 bank::Account", ACCOUNTS, ACCOUNTS);
	char room[4096];
	memset(room, 0, sizeof(room));
	keep(room);
	stop_here(argc > 1 ? argv[1] : NULL);
	return 0;
}
