/*
 * Lost objects of two C++ types with long names, and what only they point to.
 *
 * usage: tickets [abort|pause|signal]
 *
 * Loses 40 Ticket<std::string>, each of which points to a JSON text in 200 bytes, and 20
 * Ticket<std::vector<long>>, each of which points to an HTTP request in 200 bytes. Holds 500 of the
 * first with texts "held N" in 100 bytes, and an array of their addresses. Prints "end".
 */
#include <string>
#include <vector>

#include "manifest.h"

template <class T, class Allocator = std::allocator<T>> class Ticket
{
public:
	explicit Ticket(char *t) : text(t)
	{
	}
	virtual ~Ticket()
	{
	}

private:
	char *text;
	unsigned long zero[6] = {};
};

static void *volatile lost;
static Ticket<std::string> *volatile held[500];

__attribute__((noinline)) static void *lose(int i)
{
	char *text = (char *)calloc(1, 200);

	if (i % 3) {
		snprintf(text, 200, "{\"ticket\":%d,\"note\":\"nobody will ever read this one\"}", i);
		return new Ticket<std::string>(text);
	}
	snprintf(text, 200, "GET /tickets/%d HTTP/1.1\r\nHost: tickets.example\r\n\r\n", i);
	return new Ticket<std::vector<long>>(text);
}

__attribute__((noinline)) static void hold(int i)
{
	char *text = (char *)calloc(1, 100);

	snprintf(text, 100, "held %d\nsecond line\nthird line of it", i);
	held[i] = new Ticket<std::string>(text);
}

int main(int argc, char **argv)
{
	for (int i = 0; i < 60; i++)
		lost = lose(i);
	lost = NULL;
	for (int i = 0; i < 500; i++)
		hold(i);
	stop_here(argc > 1 ? argv[1] : "pause");
}
