/*
 * What is one thing and what only looks like it: 12,000 orders, each with a customer's name and two lines of its own;
 * 8,000 parcels that share 8,000 routes at random; 5,000 letters whose envelopes are a tenth of all of their size.
 *
 * usage: parts [abort|pause|signal]
 */
#include <stdint.h>
#include <stdlib.h>

#include "../manifest.h"

enum { ORDERS = 12000, PARCELS = 8000, LETTERS = 5000 };

struct line {
	uint64_t number, pieces, price, rest[12]; /* 120 bytes */
};

struct order {
	char *customer;
	struct line *lines[2];
	uint64_t number, rest[17]; /* 168 bytes */
};

struct parcel {
	uint64_t *route, number, rest[25]; /* 216 bytes */
};

struct order *orders[ORDERS];
struct parcel *parcels[PARCELS];
uint64_t *routes[PARCELS];
uint64_t **letters[LETTERS];
void *others[9 * LETTERS];

static void *block(size_t size, uint64_t number)
{
	uint64_t *words = malloc(size);

	for (size_t i = 0; i < size / sizeof(*words); i++)
		words[i] = number << 32 | i;
	return words;
}

/* The same on every machine (Lehmer 1949). */
static uint64_t next_random(void)
{
	static uint64_t state = 1;

	return state = state * 48271 % 2147483647;
}

int main(int argc, char **argv)
{
	for (int i = 0; i < PARCELS; i++)
		routes[i] = block(248, i);
	for (int i = 0; i < ORDERS; i++) {
		orders[i] = block(sizeof(struct order), i);
		orders[i]->customer = malloc(72);
		snprintf(orders[i]->customer, 72, "customer %d of the northern warehouse", i);
		for (int k = 0; k < 2; k++)
			orders[i]->lines[k] = block(sizeof(struct line), i);
	}
	for (int i = 0; i < PARCELS; i++) {
		parcels[i] = block(sizeof(struct parcel), i);
		parcels[i]->route = routes[next_random() % PARCELS];
	}
	for (int i = 0; i < LETTERS; i++) {
		letters[i] = block(296, i);
		letters[i][0] = block(312, i);
	}
	for (int i = 0; i < 9 * LETTERS; i++)
		others[i] = block(312, i);
	say("orders %d", ORDERS);
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
