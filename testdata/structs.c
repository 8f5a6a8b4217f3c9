/*
 * Structs whose types debug information tells, as far as variables lead to them.
 *
 * usage: structs [abort|pause]
 *
 * Built together with structs_other.c, which defines a struct that is only declared here. Prints for each type
 * "TYPE COUNT NAME": how many chunks have it; then "end". All other chunks must have none: text and numbers,
 * what void pointers and unions lead to, what is linked through its middle, and what is lost.
 */
#include <stdint.h>

#include "manifest.h"

struct list_link {
	struct list_link *next;
};

struct item {
	long number[3];
	char *text;
};

struct node {
	struct node *next;
	struct item *item;
	void *secret;
	long padding[4];
};

struct tree {
	struct tree *left, *right;
	int value;
};

struct entry {
	struct entry *next;
	const char *key;
	uint64_t values[12];
};

struct table {
	size_t num;
	struct entry **buckets;
};

struct peer {
	char address[88];
};

struct session {
	long id;
	struct {
		struct {
			const struct peer *peers[3];
		} more;
	} inner;
	volatile struct peer *volatile last;
	char rest[150];
};

typedef struct {
	struct item *defaults;
	char rest[200];
} config_t;

struct point {
	long x, y;
	struct item *at;
	long z[3];
};

struct message {
	size_t size;
	struct item *about;
	char text[];
};

/* Linked through its middle: links point to links. */
struct job {
	long id[9];
	struct list_link link;
};

struct either {
	int is_item;
	union {
		struct item *item;
		struct peer *peer;
	};
};

/* Larger ones begin with it. */
struct base {
	struct base *next;
	int kind;
};

struct derived {
	struct base base;
	char name[100];
};

/* An array of these looks like something that begins with one. */
struct plain {
	int numbers[5];
};

struct opaque;
struct opaque *make_opaque(void);

/* Not static: compilers leave out what is only written to. */
struct tree *root;
struct table table;
struct session *volatile sessions[4];
config_t *config;
struct point *points;
struct message *messages[5];
struct list_link jobs;
struct either either;
void *anything;
struct opaque *opaque;
struct base *bases;
struct plain *plains;
struct {
	long id;
	struct item *item;
} slots[16];
static struct node *list;

static void make_list(void)
{
	for (int i = 0; i < 3000; i++) {
		struct node *node = calloc(1, sizeof(*node));
		node->next = list;
		if (i % 10 == 0) {
			node->item = calloc(1, sizeof(*node->item));
			node->item->text = strdup("some text that belongs to an item");
		}
		node->secret = calloc(1, 200);
		list = node;
	}
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

static void make_table(void)
{
	table.num = 32;
	table.buckets = calloc(table.num, sizeof(*table.buckets));
	for (unsigned i = 0; i < 100; i++) {
		struct entry *entry = calloc(1, sizeof(*entry));
		struct entry **bucket = &table.buckets[i * 7 % table.num];
		entry->next = *bucket;
		entry->key = "static";
		*bucket = entry;
	}
}

static void make_sessions(void)
{
	for (int i = 0; i < 4; i++) {
		struct session *session = calloc(1, sizeof(*session));
		for (int k = 0; k < i; k++)
			session->inner.more.peers[k] = calloc(1, sizeof(struct peer));
		session->last = calloc(1, sizeof(struct peer));
		sessions[i] = session;
	}
}

static struct item *local_static(void)
{
	static struct item *volatile hidden;

	if (!hidden)
		hidden = calloc(1, sizeof(*hidden));
	return hidden;
}

__attribute__((noinline)) static void lose(void)
{
	for (int i = 0; i < 9; i++) {
		struct node *volatile node = calloc(1, sizeof(*node));
		node->item = calloc(1, sizeof(struct item));
		node = NULL;
	}
}

static void make_others(void)
{
	for (int i = 0; i < 6; i++) {
		struct job *job = calloc(1, sizeof(*job));
		job->link.next = jobs.next;
		jobs.next = &job->link;
	}
	for (int i = 0; i < 6; i++) {
		struct derived *derived = calloc(1, sizeof(*derived));
		memset(derived->name, 'n', sizeof(derived->name));
		derived->base.next = bases;
		bases = &derived->base;
	}
	plains = calloc(20, sizeof(*plains));
	either.item = calloc(1, sizeof(struct item));
	anything = calloc(1, sizeof(struct node));
	opaque = make_opaque();
	/* An address in the middle of something is no pointer to its start. */
	list->item = (struct item *)((char *)anything + 16);
}

int main(int argc, char **argv)
{
	make_list();
	root = make_tree(6);
	make_table();
	make_sessions();
	config = calloc(1, sizeof(*config));
	config->defaults = calloc(1, sizeof(struct item));
	points = calloc(50, sizeof(*points));
	for (int i = 0; i < 50; i += 5)
		points[i].at = calloc(1, sizeof(struct item));
	for (int i = 0; i < 5; i++) {
		messages[i] = calloc(1, sizeof(*messages[i]) + 100 * i);
		messages[i]->about = calloc(1, sizeof(struct item));
	}
	for (int i = 0; i < 16; i += 2)
		slots[i].item = calloc(1, sizeof(struct item));
	local_static();
	make_others();
	lose();
	scrub();

	say("TYPE 3000 struct node");
	/* List (the newest has an odd address instead), configuration, points, messages, slots, local. */
	say("TYPE %d struct item", 300 + 1 + 10 + 5 + 8 + 1);
	say("TYPE 63 struct tree");
	say("TYPE 1 struct entry*[]");
	say("TYPE 100 struct entry");
	say("TYPE 4 struct session");
	say("TYPE 10 struct peer");
	say("TYPE 1 config_t");
	say("TYPE 1 struct point[]");
	say("TYPE 5 struct message");
	say("TYPE 6 struct base+");
	say("TYPE 1 struct plain+");
	say("TYPE 1 struct opaque");
	say("TYPE 2 struct opaque_part");
	stop_here(argc > 1 ? argv[1] : "pause");
}
