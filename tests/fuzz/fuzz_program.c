/*
 * A program whose debug information is read: structs that refer to each other, arrays, unions, bit
 * fields. The file that fuzz_debuginfo.c changes, testdata/fuzz/debuginfo/program-c, was built from
 * it with gcc -g -nostdlib -static -no-pie -Wl,-e,main,-z,noseparate-code.
 */
#include <stdint.h>

enum color { RED, GREEN };

struct node {
	struct node *next;
	const volatile struct item *items[4];
	union {
		struct node *other;
		uint64_t number;
	};
	enum color color : 2;
	unsigned rest : 6;
	void (*fn)(struct node *node);
	struct {
		char *name;
		struct node **many;
	} inner[2];
	char tail[];
};

struct item {
	struct node head;
	struct node *const tree[2][3];
};

typedef struct node node_t;

node_t *first;
struct item items[3];
_Thread_local struct node *of_thread;

int main(void)
{
	static struct node *hidden;

	hidden = first;
	return hidden == of_thread && items[0].head.next;
}
