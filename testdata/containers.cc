/*
 * Containers of the standard library whose numbers of elements are known: in variables, in a chunk, on the stack of the
 * main thread and of a parked one, and in thread-local storage. For each it says
 *
 *     CONTAINER kind place head elements used nodes
 *
 * with - for an element count that memory does not tell. Then
 *
 *     NODE kind address ordinal head     a node, by the chunk it is in, and its place in the order
 *     BODY kind address head             an array
 *     DAMAGED kind head                  one whose count is wrong, and that must not be shown
 *     SHARED uses weak address           what so many shared_ptrs own and weak_ptrs watch; the address is in the
 *                                        chunk with the counts, or - where that is another than the object's
 */
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#include <semaphore.h>

#include "manifest.h"

struct wide {
	long a, b, c;
};

struct everything {
	long number = 1;
	std::map<int, int> map;
	std::list<long> list;
	std::vector<wide> vector;
	std::unordered_map<int, std::string> hash;
	std::deque<long> deque;
	std::string text;
};

/* Names of its own, so that a symbol tells. */
std::map<int, long> g_map;
std::multiset<std::string> g_set;
std::unordered_map<std::string, int> g_hash;
std::unordered_set<int> g_one;
std::list<wide> g_list;
std::vector<int> g_vector;
std::deque<wide> g_deque;
std::string g_text;
std::map<int, int> g_lying_map;
std::list<int> g_lying_list;
everything *g_everything;
std::vector<std::shared_ptr<wide>> g_owners;
std::vector<std::weak_ptr<wide>> g_watchers;
std::shared_ptr<void> g_freed;
std::shared_ptr<std::map<int, int>> g_shared_map;
thread_local std::map<int, char> t_map;

static sem_t parked;

static std::weak_ptr<wide> g_expired;

static void tell(const char *kind, const char *place, const void *head, long elements, long used, long nodes)
{
	char count[24] = "-";

	if (elements >= 0)
		snprintf(count, sizeof(count), "%ld", elements);
	say("CONTAINER %s %s %p %s %ld %ld", kind, place, head, count, used, nodes);
}

#ifdef _LIBCPP_VERSION
#define DEQUE_ELEMENTS(n) (n)
#else
#define DEQUE_ELEMENTS(n) (-1L)
#endif

/* Everything, of sizes that no two have in common. */
static void fill(everything *all, const char *place, int num)
{
	for (int i = 0; i < num; i++) {
		all->map[i * 7919 % num] = i;
		all->list.push_back(i);
		all->vector.push_back({i, i, i});
		all->hash[i] = "text";
		all->deque.push_back(i);
	}
	for (int i = 0; i < num / 3; i++)
		all->deque.pop_front();
	all->text.assign(num + 40, 'x');
	tell("map", place, &all->map, num, 0, num);
	tell("list", place, &all->list, num, 0, num);
	tell("vector", place, &all->vector, -1, num * (long)sizeof(wide), 0);
	tell("unordered_map", place, &all->hash, num, 0, num);
	tell("deque", place, &all->deque, DEQUE_ELEMENTS(num - num / 3), (num - num / 3) * (long)sizeof(long), 0);
	tell("string", place, &all->text, num + 40, num + 40, 0);
}

/* Its containers live in this frame, whose thread waits in it. */
static void park()
{
	everything all;

	fill(&all, "stack", 333);
	for (int i = 0; i < 77; i++)
		t_map[i] = 'c';
	tell("map", "tls", &t_map, 77, 0, 77);
	sem_post(&parked);
	for (;;)
		pause();
}

template <class C> static const void *value_at(C &container, long index)
{
	auto at = container.begin();

	while (index--)
		++at;
	return &*at;
}

static void fill_globals()
{
	for (int i = 0; i < 1000; i++) {
		g_map[i] = i;
		g_set.insert("a text that is too long for its head, number " + std::to_string(i / 2));
		g_hash["another text that is too long for its head " + std::to_string(i)] = i;
		g_list.push_back({i, i, i});
		g_deque.push_front({i, i, i});
		g_lying_map[i] = i;
		g_lying_list.push_back(i);
	}
	g_one.insert(1);
	g_vector.resize(4711);
	g_text.assign(100000, 't');
	tell("map", "data", &g_map, 1000, 0, 1000);
	tell("map", "data", &g_set, 1000, 0, 1000);
	tell("unordered_map", "data", &g_hash, 1000, 0, 1000);
	tell("unordered_map", "data", &g_one, 1, 0, 1);
	tell("list", "data", &g_list, 1000, 0, 1000);
	tell("vector", "data", &g_vector, -1, 4711 * (long)sizeof(int), 0);
	tell("deque", "data", &g_deque, DEQUE_ELEMENTS(1000), 1000 * (long)sizeof(wide), 0);
	tell("string", "data", &g_text, 100000, 100000, 0);
}

/* Made in each way; some are watched by more than own them, and of one only the memory is left. */
static void share()
{
	auto inside = std::make_shared<wide>();
	std::shared_ptr<wide> beside(new wide), expired = std::make_shared<wide>();

	g_owners.assign(41, inside);
	g_owners.resize(48, beside);
	g_watchers.assign(13, inside);
	g_expired = expired;
	say("SHARED 41 13 %p", (void *)inside.get());
	say("SHARED 7 0 -");
	say("SHARED 0 1 %p", (void *)expired.get());
	g_freed.reset(malloc(100), free);
	say("SHARED 1 0 -");
	g_shared_map = std::make_shared<std::map<int, int>>();
	for (int i = 0; i < 19; i++)
		(*g_shared_map)[i] = i;
	say("SHARED 1 0 %p", (void *)g_shared_map.get());
	tell("map", "chunk", g_shared_map.get(), 19, 0, 19);
}

/* Nodes are told by where their values are: they are in the same chunk. */
static void tell_nodes()
{
	say("NODE map %p 417 %p", value_at(g_map, 416), (void *)&g_map);
	say("NODE map %p 1 %p", value_at(g_set, 0), (void *)&g_set);
	say("NODE list %p 1000 %p", value_at(g_list, 999), (void *)&g_list);
	say("NODE list %p 5 %p", value_at(g_everything->list, 4), (void *)&g_everything->list);
	say("NODE unordered_map %p 1 %p", value_at(g_hash, 0), (void *)&g_hash);
	say("BODY vector %p %p", (void *)g_vector.data(), (void *)&g_vector);
	say("BODY string %p %p", (void *)g_text.data(), (void *)&g_text);
}

int main(int argc, char **argv)
{
	sem_init(&parked, 0, 0);
	fill_globals();
	g_everything = new everything;
	fill(g_everything, "chunk", 500);
	share();
	std::thread thread(park);

	sem_wait(&parked);
	tell_nodes();
	/* The count is behind the header of the tree, the last word of both. */
	((size_t *)(&g_lying_map + 1))[-1]++;
	((size_t *)(&g_lying_list + 1))[-1] = 1u << 30;
	say("DAMAGED map %p", (void *)&g_lying_map);
	say("DAMAGED list %p", (void *)&g_lying_list);
	stop_here(argc > 1 ? argv[1] : "abort");
}
