/*
 * What looks like containers of C++ in a program that has none: a ring of nodes with a count behind
 * its first two words, and texts with their length and capacity.
 *
 * usage: rings abort|pause
 */
#include "manifest.h"

struct ring {
	struct ring *next, *back;
	size_t count;
};

struct text {
	char *data;
	size_t length, capacity;
};

enum { NODES = 500, TEXTS = 100 };

static struct ring ring = {&ring, &ring, 0};
static struct text texts[TEXTS];

int main(int argc, char **argv)
{
	for (int i = 0; i < NODES; i++) {
		struct ring *node = malloc(sizeof(*node));

		*node = (struct ring){&ring, ring.back, i};
		ring.back->next = node;
		ring.back = node;
		ring.count++;
	}
	for (int i = 0; i < TEXTS; i++) {
		texts[i] = (struct text){calloc(1, 101), 60, 100};
		memset(texts[i].data, 'a' + i % 26, 60);
	}
	scrub();
	stop_here(argc > 1 ? argv[1] : NULL);
	return 0;
}
