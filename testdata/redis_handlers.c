/*
 * A client of a Redis server whose six handler threads lose replies.
 *
 * usage: redis_handlers pause|abort PORT [ROUNDS]     links with hiredis
 *
 * Seeds the server on 127.0.0.1 with USERS users, each with a cart (JSON), a profile (hash) and a
 * session (token), in an old format, or for every fourth user a new one. Six threads, all called
 * "handler", ask for each in turn ROUNDS times (default 300). A reply in the old format is skipped
 * with `continue`, and so the request is never released.
 *
 * What the heap holds, said as "lost|held KIND 0xADDRESS SIZE", each piece in a chunk of its own.
 * Lost, for each request that was skipped, in the arena of its thread: pending    the request, 64
 * bytes, which alone points to command    its text: "GET user:48213:cart", "HGETALL
 * user:48213:profile" or "GET session:4bb0d7c1..."; reply      the reply object of hiredis, with
 * below it for a cart "json", for a session "token", for a profile "table" and eight more of
 * "reply" with a "word" each; and to value      a copy of the reply's text; of a cart, kind "json"
 * Held, from a list in .bss:
 *   key        every key that ends in "cart", as KEYS gave it
 *   wire       a command in RESP as hiredis formats it
 *   answer     the server's answer to it as it came over the wire
 * "inside buffer 0xADDRESS" is an address within the buffer of a connection, whose content is what
 * it last held. "count KIND NUMBER" adds up the pieces of each kind, "skipped NUMBER" the lost
 * requests; then "end".
 */
#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>

#include "manifest.h"

#define THREADS 6
#define USERS 40
#define FIRST_USER 48200

enum kind {
	PENDING,
	COMMAND,
	REPLY,
	CART,
	TOKEN,
	TABLE,
	WORD,
	VALUE,
	KEY,
	WIRE,
	ANSWER,
	NUM_KINDS
};

static const char *const kind_names[] = {"pending", "command", "reply", "json", "token", "table",
					 "word",    "value",   "key",   "wire", "answer"};

/* One request on its way through a handler. */
struct pending {
	char *command;
	redisReply *reply;
	char *value;
	unsigned user, attempts;
	char note[32];
};
_Static_assert(sizeof(struct pending) == 64, "the size that the tests know");

struct held {
	struct held *next;
	char *text;
};

static struct held *held;
static _Atomic unsigned counts[NUM_KINDS], skipped;
static unsigned rounds;
static int port;
static pthread_barrier_t done, served;

static void tell(const char *state, enum kind kind, const void *p, size_t size)
{
	counts[kind]++;
	say("%s %s %p %zu", state, kind_names[kind], p, size);
}

static redisContext *connect_to_server(void)
{
	redisContext *c = redisConnect("127.0.0.1", port);

	if (!c || c->err)
		_exit(4);
	return c;
}

/* --- The handlers --- */

/* Carts, profiles and sessions in turn. */
static char *command_for(unsigned round, unsigned user)
{
	char text[128];

	if (round % 3 == 0)
		snprintf(text, sizeof(text), "GET user:%u:cart", user);
	else if (round % 3 == 1)
		snprintf(text, sizeof(text), "HGETALL user:%u:profile", user);
	else
		snprintf(text, sizeof(text), "GET session:%08x", user * 2654435761u);
	return strdup(text);
}

static char *text_of(const redisReply *reply)
{
	char text[512];
	size_t used = 0;

	if (reply->type == REDIS_REPLY_STRING)
		return strdup(reply->str);
	for (size_t i = 0; i + 1 < reply->elements && used < sizeof(text); i += 2)
		used += snprintf(text + used, sizeof(text) - used, "%s is %s, ",
				 reply->element[i]->str, reply->element[i + 1]->str);
	return strdup(text);
}

static struct pending *ask(redisContext *c, unsigned round, unsigned user)
{
	struct pending *p = calloc(1, sizeof(*p));

	p->user = user;
	p->attempts = 1;
	p->command = command_for(round, user);
	p->reply = redisCommand(c, p->command);
	if (!p->reply)
		_exit(5);
	p->value = text_of(p->reply);
	return p;
}

static void release(struct pending *p)
{
	free(p->command);
	freeReplyObject(p->reply);
	free(p->value);
	free(p);
}

static int is_old(const struct pending *p)
{
	return strstr(p->value, "\"v\":1,") || strstr(p->value, "v is 1,") ||
	       strncmp(p->value, "v1.", 3) == 0;
}

static enum kind kind_of_text(const struct pending *p)
{
	if (strstr(p->command, ":cart"))
		return CART;
	return strstr(p->command, "session:") ? TOKEN : WORD;
}

static void tell_reply(const struct pending *p, const redisReply *reply)
{
	tell("lost", REPLY, reply, sizeof(*reply));
	if (reply->type == REDIS_REPLY_STRING)
		tell("lost", kind_of_text(p), reply->str, reply->len + 1);
	if (reply->type != REDIS_REPLY_ARRAY)
		return;
	tell("lost", TABLE, reply->element, reply->elements * sizeof(reply->element[0]));
	for (size_t i = 0; i < reply->elements; i++)
		tell_reply(p, reply->element[i]);
}

static void tell_pending(const struct pending *p)
{
	skipped++;
	tell("lost", PENDING, p, sizeof(*p));
	tell("lost", COMMAND, p->command, strlen(p->command) + 1);
	tell("lost", kind_of_text(p) == CART ? CART : VALUE, p->value, strlen(p->value) + 1);
	tell_reply(p, p->reply);
}

__attribute__((noinline)) static void handle(redisContext *c, unsigned thread)
{
	for (unsigned round = 0; round < rounds; round++) {
		struct pending *p = ask(c, round, FIRST_USER + (round + thread) % USERS);

		if (is_old(p)) {
			tell_pending(p);
			continue; /* the mistake */
		}
		release(p);
	}
	/* The reader of hiredis remembers the last array that it read: let it be one that is
	 * released. */
	release(ask(c, 1, FIRST_USER));
}

static void *handler(void *arg)
{
	redisContext *c;

	pthread_setname_np(pthread_self(), "handler");
	c = connect_to_server();
	handle(c, (unsigned)(size_t)arg);
	scrub();
	say("inside buffer %p", (void *)c->reader->buf);
	say("inside buffer %p", (void *)c->obuf);
	pthread_barrier_wait(&served);
	pthread_barrier_wait(&done);
	for (;;)
		pause();
	return c;
}

/* --- Before and beside them --- */

static void seed(redisContext *c)
{
	for (unsigned user = FIRST_USER; user < FIRST_USER + USERS; user++) {
		unsigned v = user % 4 == 0 ? 2 : 1;

		freeReplyObject(
			redisCommand(c,
				     "SET user:%u:cart "
				     "{\"v\":%u,\"items\":[{\"sku\":%u,\"n\":2}],\"total\":%u.50}",
				     user, v, user * 7, user % 90));
		freeReplyObject(
			redisCommand(c, "HSET user:%u:profile name Ada-%u city Basel lang en v %u",
				     user, user, v));
		freeReplyObject(redisCommand(c, "SET session:%08x v%u.%08x%08x", user * 2654435761u,
					     v, user * 40503u, user * 2246822519u));
	}
}

static void hold(enum kind kind, char *text, size_t size)
{
	struct held *h = malloc(sizeof(*h));

	*h = (struct held){held, text};
	held = h;
	tell("held", kind, text, size);
}

/* The texts are taken out of the reply; freeReplyObject() accepts that. */
static void hold_keys(redisContext *c)
{
	redisReply *reply = redisCommand(c, "KEYS user:*:cart");

	for (size_t i = 0; i < reply->elements; i++) {
		hold(KEY, reply->element[i]->str, reply->element[i]->len + 1);
		reply->element[i]->str = NULL;
	}
	freeReplyObject(reply);
}

/* Send a command as it is, and keep it and the bytes that come back. */
static void exchange(redisContext *c, char *wire, int size)
{
	char answer[4096];
	size_t used = 0;
	void *reply = NULL;
	redisReader *reader = redisReaderCreate();

	if (size < 0 || write(c->fd, wire, size) != size)
		_exit(6);
	while (!reply) {
		ssize_t n = read(c->fd, answer + used, sizeof(answer) - used);
		if (n <= 0 || redisReaderFeed(reader, answer + used, n) != REDIS_OK ||
		    redisReaderGetReply(reader, &reply) != REDIS_OK)
			_exit(7);
		used += n;
	}
	freeReplyObject(reply);
	redisReaderFree(reader);
	char *copy = malloc(used);
	memcpy(copy, answer, used);
	hold(WIRE, wire, size);
	hold(ANSWER, copy, used);
}

static void hold_wire(redisContext *c)
{
	static const char *const formats[] = {
		"SET queue:mail:%u waiting", "GET user:%u:cart",
		"HGETALL user:%u:profile",   "INCR hits:%u",
		"INCR user:%u:cart",         "GET nothing:%u",
		"LRANGE user:%u:list 0 -1",
	};

	for (unsigned user = FIRST_USER; user < FIRST_USER + USERS; user++) {
		for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
			char *wire;
			int size = redisFormatCommand(&wire, formats[i], user);
			exchange(c, wire, size);
		}
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;
	redisContext *c;

	port = argc > 2 ? atoi(argv[2]) : 6379;
	rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 300;
	c = connect_to_server();
	seed(c);
	hold_keys(c);
	hold_wire(c);
	redisFree(c);
	pthread_barrier_init(&done, NULL, THREADS + 1);
	pthread_barrier_init(&served, NULL, 2);
	/* One after the other, so that each start leaves the same heaps. */
	for (size_t i = 0; i < THREADS; i++) {
		pthread_create(&thread, NULL, handler, (void *)i);
		pthread_barrier_wait(&served);
	}
	pthread_barrier_wait(&done);
	usleep(20000); /* the handlers reach their pause */
	for (unsigned i = 0; i < NUM_KINDS; i++)
		say("count %s %u", kind_names[i], counts[i]);
	say("skipped %u", skipped);
	stop_here(argc > 1 ? argv[1] : "pause");
}
