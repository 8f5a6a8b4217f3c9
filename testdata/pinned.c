/*
 * A peak of large buffers that is over, and a few small notes of each that are kept between them.
 *
 * usage: pinned [abort|pause|signal]
 *
 * 40,000 buffers of 1,000 bytes are freed; after every tenth of them, a note of 40 bytes was made
 * that a list keeps: 192 KB that keep 16 MB of free memory. Nothing is lost.
 *
 * Prints "notes N", then "end".
 */
#include "manifest.h"

#define NUM 40000
#define EVERY 10

struct note {
	struct note *next;
	char text[32];
};

static struct note *volatile notes;
static void *buffers[NUM];

int main(int argc, char **argv)
{
	for (unsigned i = 0; i < NUM; i++) {
		buffers[i] = memset(malloc(1000), 'b', 1000);
		if (i % EVERY)
			continue;
		struct note *note = malloc(sizeof(*note));

		note->next = notes;
		snprintf(note->text, sizeof(note->text), "batch %u is done", i);
		notes = note;
	}
	for (unsigned i = 0; i < NUM; i++) {
		free(buffers[i]);
		buffers[i] = NULL;
	}
	say("notes %u", NUM / EVERY);
	stop_here(argc > 1 ? argv[1] : "pause");
}
