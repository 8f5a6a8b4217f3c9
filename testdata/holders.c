/*
 * Caches that somebody holds: one behind a global variable, one behind a static variable of a
 * function, one behind a thread-local variable, one that only the frame of a parked thread knows. A
 * cache is a chunk, a table in another, and entries in the table's slots, each with a key. Between
 * the first two there is an entry that both hold. Then a list that is long, a string whose chunk
 * still has an old pointer behind it, a tree and a cycle that are lost.
 *
 * For each holder it says
 *     HOLDS name chunks usable-bytes cache table entry key
 * where entry and key are those of the last slot.
 */
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>

#include "manifest.h"

struct entry {
	long number;
	char *key;
	struct entry *shared;
};

struct cache {
	size_t num;
	struct entry **slots;
};

struct node {
	struct node *next;
	long number;
	struct node *head;
};

struct tree {
	struct tree *left, *right;
};

struct cache *g_cache;
struct node *g_list;
char *g_text;
__thread struct cache *t_cache;
static sem_t parked;

static struct cache *make_cache(const char *name, size_t num)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	size_t usable = malloc_usable_size(cache);

	cache->num = num;
	cache->slots = calloc(num, sizeof(*cache->slots));
	usable += malloc_usable_size(cache->slots);
	for (size_t i = 0; i < num; i++) {
		struct entry *entry = calloc(1, sizeof(*entry));

		entry->number = i;
		entry->key = calloc(1, 60);
		snprintf(entry->key, 60, "%s key %zu", name, i);
		usable += malloc_usable_size(entry) + malloc_usable_size(entry->key);
		cache->slots[i] = entry;
	}
	say("HOLDS %s %zu %zu %p %p %p %p", name, 2 + 2 * num, usable, (void *)cache,
	    (void *)cache->slots, (void *)cache->slots[num - 1],
	    (void *)cache->slots[num - 1]->key);
	return cache;
}

/* Whoever is called keeps no pointer to a cache in a register. */
__attribute__((noinline)) static void forget(void)
{
	scrub();
	sem_post(&parked);
	for (;;)
		pause();
}

__attribute__((noinline)) static void keep(struct cache *volatile *place)
{
	*place = make_cache("frame", 300);
}

static void *park(void *arg)
{
	struct cache *volatile parked_cache = NULL;

	(void)arg;
	keep(&parked_cache);
	forget();
	return (void *)parked_cache;
}

__attribute__((noinline)) static struct cache **local_static(void)
{
	static struct cache *local_cache;

	return &local_cache;
}

__attribute__((noinline)) static void make_caches(void)
{
	struct entry *shared = calloc(1, sizeof(*shared));

	g_cache = make_cache("g_cache", 1000);
	*local_static() = make_cache("local_cache", 500);
	t_cache = make_cache("t_cache", 200);
	g_cache->slots[0]->shared = shared;
	(*local_static())->slots[0]->shared = shared;
	say("SHARED %p", (void *)shared);
}

__attribute__((noinline)) static void make_list(long num)
{
	struct node **link = &g_list;
	size_t usable = 0;

	for (long i = 0; i < num; i++) {
		struct node *node = calloc(1, sizeof(*node));

		node->number = i;
		*link = node;
		node->head = g_list;
		link = &node->next;
		usable += malloc_usable_size(node);
		if (i == num - 1)
			say("LIST %ld %zu %p %p", num, usable, (void *)g_list, (void *)node);
	}
}

/* A text in a chunk that was a table of pointers before. */
__attribute__((noinline)) static void make_text(void)
{
	char *target = calloc(1, 200);

	g_text = malloc(120);
	for (int i = 0; i < 15; i++)
		memcpy(g_text + i * sizeof(target), &target, sizeof(target));
	memset(g_text, 'x', 100);
	g_text[100] = '\0';
	say("STALE %p %p", (void *)target, (void *)g_text);
}

static struct tree *make_tree(int depth)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	if (depth > 1) {
		tree->left = make_tree(depth - 1);
		tree->right = make_tree(depth - 1);
	}
	return tree;
}

__attribute__((noinline)) static void lose(void)
{
	struct tree *tree = make_tree(5);
	struct node *first = calloc(1, sizeof(*first)), *second = calloc(1, sizeof(*second));

	first->next = second;
	second->next = first;
	say("LOST %p %p %p", (void *)tree, (void *)tree->left->left, (void *)first);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	sem_init(&parked, 0, 0);
	make_caches();
	make_list(argc > 2 ? atol(argv[2]) : 20000);
	make_text();
	lose();
	pthread_create(&thread, NULL, park, NULL);
	sem_wait(&parked);
	scrub();
	stop_here(argc > 1 ? argv[1] : "pause");
}
