/*
 * A server that forgets the requests of one channel: LOST of them lost, HELD in a table, FREED freed.
 *
 * usage: requests [abort|pause|signal] [LOST HELD FREED KEPT]
 *
 * Each request is an object of 544 bytes with three chunks below it: its text, a header node, and what the
 * node holds; a zone stands in the object itself. A third of the lost texts has a stale word behind its end that
 * leads to another lost object.
 * KEPT JSON documents of 1,000 bytes stand in another table. Prints "end".
 */
#include "manifest.h"

struct node {
	char *name;
	void *unused[4];
};

struct request {
	char *text;
	struct node *node;
	char state[528];
};

static struct request **held;
static char **kept;

static struct request *make(unsigned long id, unsigned channel, const struct request *stale)
{
	struct request *request = calloc(1, sizeof(*request));

	snprintf(request->state + 16, 64, "zone=%s", channel == 4099 ? "lunar" : "earth");
	request->text = calloc(1, 200);
	snprintf(request->text, 200, "POST /profile/query?appid=%lu HTTP/1.1\r\n\r\nchannelid=%u&uid=%lu", id,
		 channel, id * 7);
	request->node = calloc(1, sizeof(*request->node));
	request->node->name = strdup("X-Region: eu-west");
	memcpy(request->text + 192, &stale, sizeof(stale));
	return request;
}

static void drop(struct request *request)
{
	free(request->node->name);
	free(request->node);
	free(request->text);
	free(request);
}

int main(int argc, char **argv)
{
	unsigned long lost = argc > 2 ? strtoul(argv[2], NULL, 10) : 3000;
	unsigned long holds = argc > 3 ? strtoul(argv[3], NULL, 10) : 300;
	unsigned long freed = argc > 4 ? strtoul(argv[4], NULL, 10) : 200;
	unsigned long keeps = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
	struct request *last = NULL;

	held = calloc(holds + 1, sizeof(*held));
	kept = calloc(keeps + 1, sizeof(*kept));
	for (unsigned long i = 0; i < holds; i++)
		held[i] = make(i, 17 + i % 5, NULL);
	for (unsigned long i = 0; i < lost; i++)
		last = make(100000 + i, 4099, i % 3 ? NULL : last);
	last = NULL;
	for (unsigned long i = 0; i < keeps; i++) {
		kept[i] = calloc(1, 1000);
		snprintf(kept[i], 1000, "{\"cache\":\"tile\",\"id\":%lu}", i);
	}
	for (unsigned long i = 0; i < freed; i++)
		drop(make(200000 + i, 23, NULL));
	stop_here(argc > 1 ? argv[1] : "pause");
}
