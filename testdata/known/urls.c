/*
 * URLs of requests are copied; the branch that refuses what begins with /admin/ returns without
 * giving its copy back. Some of the others are kept in a history.
 *
 * Of 30,000, 3,333 are lost, 534 kept, the others freed.
 *
 * usage: urls [abort|pause|signal]
 */
#include "../manifest.h"

#define NUM 30000

struct visit {
	struct visit *next;
	char *url;
	long status;
};

static struct visit *volatile history;

__attribute__((noinline)) static void handle(const char *url, unsigned i)
{
	char *copy = strdup(url);

	if (strstr(copy, "/admin/"))
		return;
	if (i % 50) {
		free(copy);
		return;
	}
	struct visit *visit = malloc(sizeof(*visit));

	*visit = (struct visit){history, copy, 200};
	history = visit;
}

/** What handle() left on the stack. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char stack[16384];

	memset((char *)stack, 0, sizeof(stack));
}

int main(int argc, char **argv)
{
	char url[200];

	for (unsigned i = 0; i < NUM; i++) {
		snprintf(url, sizeof(url), "https://shop.example/%s/item/%u?session=%08x&ref=%s",
			 i % 9 == 4 ? "admin" : "public", i, i * 2654435761u,
			 i % 2 ? "mail" : "web");
		handle(url, i);
	}
	wipe();
	stop_here(argc > 1 ? argv[1] : "pause");
}
