/*
 * Objects that C programs mark themselves: streams, tables of functions, texts, callbacks; and what
 * looks like it.
 *
 * usage: marks [abort|pause]
 *
 * Prints "FILE COUNT", and for each kind "KIND COUNT CONSTANT"; then "end".
 */
#include "manifest.h"

struct methods {
	int version;
	const char *name;
	int (*open)(void *);
	int (*close)(void *);
	long (*read)(void *, char *, long);
};

static int open_one(void *one)
{
	return one != NULL;
}

static int close_one(void *one)
{
	return one == NULL;
}

static long read_one(void *one, char *buf, long size)
{
	return one && buf ? size : -1;
}

void on_timer(void *timer)
{
	if (!timer)
		puts("no timer");
}

void on_signal(void *timer)
{
	if (timer)
		puts("a timer");
}

/* Begin with their methods. */
const struct methods connection_methods = {1, "connection", open_one, close_one, read_one};
/* Have them elsewhere. */
const struct methods request_methods = {2, "request", open_one, close_one, read_one};

/* Have a name each, which tells them apart. */
const struct methods context_methods = {4, "context", open_one, close_one, read_one};

/* Few of them, among others of their size. */
struct methods rare_methods = {3, "rare", open_one, close_one, read_one};

struct connection {
	const struct methods *methods;
	long id;
	char state[72];
};

struct request {
	struct request *next;
	long id;
	const struct methods *methods;
	char state[128];
};

struct plan {
	long id;
	const char *magic;
	char state[200];
};

struct timer {
	struct timer *next;
	long when;
	long every;
	void (*call)(void *);
	char state[240];
};

struct context {
	struct context *parent;
	long id;
	const struct methods *methods;
	long used;
	const char *name;
	char state[360];
};

/* One text each, or only some of them have the text: no kind. */
struct word {
	struct word *next;
	const char *text;
	char state[280];
};

struct mixed {
	struct mixed *next;
	const char *text;
	char state[320];
};

static const char *const words[] = {"alpha", "beta", "gamma", "delta"};

static void *all[4096];
static size_t num_all;

static void *make(size_t size)
{
	return all[num_all++] = calloc(1, size);
}

static FILE *make_stream(int i)
{
	FILE *stream = fopen("/dev/null", i % 2 ? "r" : "w");

	if (!stream)
		_exit(1);
	return stream;
}

static void make_marked(void)
{
	for (int i = 0; i < 200; i++) {
		struct connection *connection = make(sizeof(*connection));
		connection->methods = &connection_methods;
		connection->id = i;
	}
	for (int i = 0; i < 100; i++) {
		struct request *request = make(sizeof(*request));
		request->methods = &request_methods;
		request->id = i;
	}
	for (int i = 0; i < 150; i++) {
		struct plan *plan = make(sizeof(*plan));
		plan->magic = "CachedPlanOfMarks";
		plan->id = i;
	}
	for (int i = 0; i < 120; i++) {
		struct timer *timer = make(sizeof(*timer));
		timer->call = i % 8 ? on_timer : on_signal;
		timer->when = i;
	}
}

static void make_contexts(int num, const char *name)
{
	for (int i = 0; i < num; i++) {
		struct context *context = make(sizeof(*context));
		context->methods = &context_methods;
		context->name = name;
		context->id = i;
	}
}

static void make_others(void)
{
	for (int i = 0; i < 200; i++) {
		struct word *word = make(sizeof(*word));
		word->text = words[i % 4];
		struct mixed *mixed = make(sizeof(*mixed));
		if (i % 3 == 0)
			mixed->text = "somebody's words";
		if (i % 20 == 0)
			*(const struct methods **)mixed = &rare_methods;
	}
}

int main(int argc, char **argv)
{
	FILE *streams[5];

	for (int i = 0; i < 5; i++)
		streams[i] = make_stream(i);
	/* Without a descriptor; and what was one. */
	all[num_all++] = fopencookie(NULL, "r", (cookie_io_functions_t){0});
	fclose(streams[4]);
	make_marked();
	make_contexts(90, "PortalOfMarks");
	make_contexts(60, "QueryOfMarks");
	/* Names of two are nothing that several share. */
	make_contexts(2, "SessionOfMarks");
	make_others();
	say("FILE 5");
	say("KIND 200 object of connection_methods");
	say("KIND 100 object of request_methods");
	say("KIND 10 object of rare_methods");
	say("KIND 150 object \"CachedPlanOfMarks\"");
	say("KIND 105 object calling on_timer");
	say("KIND 90 object \"PortalOfMarks\" of context_methods");
	say("KIND 60 object \"QueryOfMarks\" of context_methods");
	say("KIND 2 object of context_methods");
	say("FD %d %p", fileno(streams[2]), (void *)streams[2]);
	say("COOKIE %p", all[0]);
	stop_here(argc > 1 ? argv[1] : "pause");
}
