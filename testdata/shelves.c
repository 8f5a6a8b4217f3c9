/*
 * Chunks that debug information knows the structs of, but to which only void pointers lead.
 *
 * usage: shelves abort|pause
 *
 * SHELVES shelves, each with three books of its own and one that all share; TICKETS tickets that all point to the first
 * shelf; one drawer whose type is known. Prints what there is, then "end".
 */
#include <stdint.h>

#include "manifest.h"

enum { SHELVES = 100, TICKETS = 500 };

struct shelf {
	void *next;
	void *books[4];
	uint16_t width : 9, height : 7;
	char label[6];
};
_Static_assert(sizeof(struct shelf) == 6 * sizeof(void *), "what the test knows");

typedef struct {
	char title[180];
	long year;
} book_t;

struct ticket {
	void *what;
	uint32_t number;
};

struct drawer {
	void *shelves;
	void *tickets;
	struct drawer *next;
	const char *const *names;
	int (*open)(struct drawer *, int);
	double scale[2][3];
};

struct drawer *drawer;
/* Kept, so that the compiler does, too. */
book_t *latest;
struct ticket first_ticket;
struct shelf spare;

int main(int argc, char **argv)
{
	void **tickets = calloc(TICKETS, sizeof(*tickets));
	book_t *shared = calloc(1, sizeof(*shared));

	drawer = calloc(1, sizeof(*drawer));
	for (int i = 0; i < SHELVES; i++) {
		struct shelf *shelf = calloc(1, sizeof(*shelf));

		shelf->books[0] = shared;
		for (int k = 1; k < 4; k++)
			shelf->books[k] = calloc(1, sizeof(book_t));
		shelf->next = drawer->shelves;
		drawer->shelves = shelf;
	}
	drawer->tickets = tickets;
	for (int i = 0; i < TICKETS; i++) {
		struct ticket *ticket = calloc(1, sizeof(*ticket));

		*ticket = (struct ticket){drawer->shelves, 1 + i};
		tickets[i] = ticket;
	}
	say("shelf %zu %d", sizeof(struct shelf), SHELVES);
	say("book %zu %d", sizeof(book_t), 3 * SHELVES + 1);
	stop_here(argc > 1 ? argv[1] : NULL);
	return 0;
}
