/*
 * A program that holds its chunks otherwise than by pointers to their start.
 *
 * usage: conventions [abort|pause|signal]
 *
 *   20,000 nodes of a queue with a counter in the top 16 bits of each link, and a payload below each
 *    5,000 nodes of an intrusive list, linked through a member at +24, and a payload below each
 *    1,000 blocks with a header of 32 bytes, of 20 sizes, as a wrapper of malloc makes them
 *    1,000 chunks that are lost, each with one below
 *
 * Prints "queue N", "list N", "wrapped N", "lost N" in chunks, and "end". Chunks are cleared, and built on a
 * stack that is unmapped afterwards, so that no stale pointer is left.
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include "manifest.h"

enum { QUEUE = 20000, LIST = 5000, WRAPPED = 1000, LOST = 1000, HEADER = 32, STACK_SIZE = 1 << 20 };

struct queue_node {
	uint64_t next; /* tag and pointer */
	void *payload;
};

struct list_node {
	void *payload;
	char name[16];
	struct link {
		struct link *next, *prev;
	} link;
	char more[48];
};

static volatile uint64_t queue_head;
static struct link list_head = {&list_head, &list_head};
static char *volatile wrapped[WRAPPED];

static void *build(void *arg)
{
	for (uint64_t i = 0; i < QUEUE; i++) {
		struct queue_node *node = calloc(1, sizeof(*node));

		node->payload = calloc(1, 56);
		node->next = queue_head;
		queue_head = (uintptr_t)node | (i + 1) << 48;
	}
	for (unsigned i = 0; i < LIST; i++) {
		struct list_node *node = calloc(1, sizeof(*node));

		node->payload = calloc(1, 120);
		node->link.next = list_head.next;
		node->link.prev = &list_head;
		list_head.next->prev = &node->link;
		list_head.next = &node->link;
	}
	for (unsigned i = 0; i < WRAPPED; i++)
		wrapped[i] = (char *)calloc(1, HEADER + 200 + i % 20 * 16) + HEADER;
	for (unsigned i = 0; i < LOST; i++) {
		void *volatile *lost = calloc(1, 168);

		lost[3] = calloc(1, 136);
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
	say("queue %d", 2 * QUEUE);
	say("list %d", 2 * LIST);
	say("wrapped %d", WRAPPED);
	say("lost %d", 2 * LOST);
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
