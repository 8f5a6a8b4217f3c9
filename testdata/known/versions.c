/*
 * 20,000 devices in a hash table whose words have a version of 16 bits below the pointer, and 4,000
 * blocks that are lost.
 *
 * usage: versions [abort|pause|signal]
 */
#include <stdint.h>

#include "../manifest.h"

enum { DEVICES = 20000, LOST = 4000, BUCKETS = 1 << 12 };

struct device {
	volatile uint64_t next; /* the pointer, 16 bits further up */
	volatile uint64_t number;
	char text[172];
};

static volatile uint64_t buckets[BUCKETS];
static void *volatile lost;

__attribute__((noinline)) static void add(uint64_t number)
{
	struct device *device = calloc(1, sizeof(*device));
	volatile uint64_t *bucket = &buckets[number * 2654435761u % BUCKETS];

	device->number = number;
	snprintf(device->text, sizeof(device->text), "device=%d&firmware=%d", (int)number,
		 (int)number % 5);
	device->next = *bucket;
	*bucket = (uint64_t)(uintptr_t)device << 16 | number % 65536;
}

__attribute__((noinline)) static void lose(int number)
{
	char *text = calloc(1, 90);

	snprintf(text, 90, "warning=%d&cause=timeout", number);
	lost = text;
}

int main(int argc, char **argv)
{
	for (int i = 0; i < DEVICES; i++) {
		add(i);
		if (i % (DEVICES / LOST) == 0)
			lose(i);
	}
	lost = NULL;
	say("devices %d", DEVICES);
	say("lost %d", LOST);
	scrub();
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
