/*
 * Tables of pointers among a program's own data, which without symbols look like many variables: a
 * hash table of chained nodes of any size, a few slots of objects of one size, and three pointers
 * that have nothing to do with each other. Numbers stand between them.
 *
 *     HELD what chunks usable-bytes    what each of them alone keeps
 */
#include <malloc.h>

#include "manifest.h"

enum { BUCKETS = 1024, NODES = 700, SLOTS = 16, ITEMS = 12, SINGLES = 3 };

struct node {
	struct node *next;
	char name[];
};

static struct {
	long before;
	struct node *buckets[BUCKETS];
	long between;
	void *slots[SLOTS];
	long behind;
	void *singles[SINGLES];
	long end;
} volatile data;

__attribute__((noinline)) static void fill_buckets(void)
{
	size_t usable = 0;

	for (unsigned i = 0; i < NODES; i++) {
		struct node *node = calloc(1, sizeof(*node) + 10 + i % 90);
		unsigned bucket = i * 2654435761u % BUCKETS;

		snprintf(node->name, 10, "name %u", i);
		node->next = data.buckets[bucket];
		data.buckets[bucket] = node;
		usable += malloc_usable_size(node);
	}
	say("HELD buckets %d %zu", NODES, usable);
}

__attribute__((noinline)) static void fill_slots(void)
{
	size_t usable = 0;

	for (unsigned i = 0; i < ITEMS; i++) {
		data.slots[i + (i > 4)] = calloc(1, 200);
		usable += malloc_usable_size(data.slots[i + (i > 4)]);
	}
	say("HELD slots %d %zu", ITEMS, usable);
	for (unsigned i = 0; i < SINGLES; i++) {
		data.singles[i] = calloc(1, 1000 + 100 * i);
		say("HELD single%u 1 %zu", i, malloc_usable_size(data.singles[i]));
	}
}

int main(int argc, char **argv)
{
	data.before = data.between = data.behind = data.end = 12345;
	fill_buckets();
	fill_slots();
	scrub();
	stop_here(argc > 1 ? argv[1] : "pause");
}
