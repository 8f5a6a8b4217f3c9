/*
 * A hash table of many nodes, each with a text of its own, behind a global variable: what an unbounded cache looks like.
 *
 *     TABLE chunks usable-bytes    all that the table keeps: its buckets, nodes and texts
 */
#include <malloc.h>
#include <new>
#include <string>
#include <unordered_map>

#include "manifest.h"

static size_t num_chunks, usable;

void *operator new(size_t size)
{
	void *p = malloc(size);

	if (!p)
		throw std::bad_alloc();
	num_chunks++;
	usable += malloc_usable_size(p);
	return p;
}

void operator delete(void *p) noexcept
{
	if (!p)
		return;
	num_chunks--;
	usable -= malloc_usable_size(p);
	free(p);
}

void operator delete(void *p, size_t) noexcept
{
	operator delete(p);
}

std::unordered_map<long, std::string> sessions;

__attribute__((noinline)) static void fill(long num)
{
	for (long i = 0; i < num; i++)
		sessions[i * 7] = "a session with a name too long to stand in a node";
}

int main(int argc, char **argv)
{
	fill(argc > 2 ? atol(argv[2]) : 200000);
	scrub();
	say("TABLE %zu %zu", num_chunks, usable);
	stop_here(argc > 1 ? argv[1] : "pause");
}
