/*
 * 24,000 parcels in a hash table that is linked by offsets of 32 bits from the program's first block, and 6,000
 * blocks that are lost, with counters of 32 bits: a number, and a place in a file whose records are as far
 * apart as the blocks.
 *
 * usage: handles [abort|pause|signal]
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include "../manifest.h"

enum { PARCELS = 24000, LOST = 6000, BUCKETS = 1 << 12, STACK_SIZE = 1 << 20 };

struct parcel {
	volatile uint32_t next, hash;
	volatile uint64_t grams;
	char text[128];
};

struct record {
	volatile uint32_t number, place;
	char text[216];
};

static char *volatile base;
static volatile uint32_t buckets[BUCKETS];

static void *build(void *arg)
{
	base = calloc(1, 24);
	for (uint32_t i = 0; i < PARCELS; i++) {
		struct parcel *parcel = calloc(1, sizeof(*parcel));
		volatile uint32_t *bucket;

		parcel->hash = i * 2654435761u;
		parcel->grams = 100 + i % 900;
		snprintf(parcel->text, sizeof(parcel->text), "parcel=%u&depot=%u", i, i % 7);
		bucket = &buckets[parcel->hash >> 20];
		parcel->next = *bucket;
		*bucket = (char *)parcel - base;
	}
	for (uint32_t i = 0; i < LOST; i++) {
		struct record *record = calloc(1, sizeof(*record));

		record->number = i;
		record->place = i * 240;
		snprintf(record->text, sizeof(record->text), "invoice=%u&state=printed", i);
	}
	return arg;
}

int main(int argc, char **argv)
{
	void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, STACK_SIZE);
	pthread_create(&thread, &attributes, build, NULL);
	pthread_join(thread, NULL);
	munmap(stack, STACK_SIZE);
	say("parcels %d", PARCELS);
	say("lost %d", LOST);
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
