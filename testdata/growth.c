/*
 * Growth that is still referenced: a session table that nobody ever prunes.
 *
 * usage: growth [abort|pause|signal] [SESSIONS]
 *
 * A hash table in .bss, chained, holds SESSIONS (default 20,000) sessions. Each is a struct of 72
 * bytes (an 80-byte chunk) that points to a JSON text of 200 to 455 bytes and to a key
 * "session:N:state" in 40 bytes. All are reachable; nothing is lost; next to nothing is free.
 * Prints "sessions N", "end".
 */
#include "manifest.h"

#define BUCKETS 4096

struct session {
	struct session *next;
	char *key, *state;
	unsigned long id, last_seen, hits;
	char token[24];
};

static struct session *table[BUCKETS];

static void add(unsigned long id)
{
	struct session *s = calloc(1, sizeof(*s));
	size_t size = 200 + id * 37 % 256;

	s->id = id;
	s->key = malloc(40);
	snprintf(s->key, 40, "session:%lu:state", id);
	s->state = malloc(size);
	int n = snprintf(s->state, size, "{\"user\":%lu,\"cart\":[%lu,%lu],\"note\":\"", 70000 + id,
			 id, id * 3);
	memset(s->state + n, 'a' + id % 26, size - n - 3);
	memcpy(s->state + size - 3, "\"}", 3);
	s->next = table[id % BUCKETS];
	table[id % BUCKETS] = s;
}

int main(int argc, char **argv)
{
	unsigned long sessions = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;

	for (unsigned long i = 0; i < sessions; i++)
		add(i);
	say("sessions %lu", sessions);
	stop_here(argc > 1 ? argv[1] : "pause");
}
