/*
 * A store that nobody prunes: texts of one kind in blocks of many sizes, and structs that hold
 * them.
 *
 * usage: sessions [abort|pause|signal] [COUNT]
 *
 * Each of COUNT (default 6000) sessions is a struct of 40 bytes in a list, which points to its JSON
 * of 200 to 455 bytes. All of them begin with the same 90 characters.
 */
#include "manifest.h"

struct session {
	struct session *next;
	char *json;
	long number, flags, used;
};

static struct session *sessions;

static char *make_json(unsigned number)
{
	size_t size = 200 + number * 37 % 256;
	char *json = malloc(size);
	int n = snprintf(
		json, size,
		"{\"kind\":\"session\",\"origin\":\"https://login.example.com/realms/customers/"
		"protocol/openid\",\"number\":%u,\"fill\":\"",
		number);

	memset(json + n, 'f', size - n - 3);
	strcpy(json + size - 3, "\"}");
	return json;
}

int main(int argc, char **argv)
{
	unsigned count = argc > 2 ? atoi(argv[2]) : 6000;

	for (unsigned i = 0; i < count; i++) {
		struct session *session = calloc(1, sizeof(*session));

		*session = (struct session){sessions, make_json(i), i, 1, i * 3};
		sessions = session;
	}
	stop_here(argc > 1 ? argv[1] : NULL);
}
