/*
 * Objects of known classes: inheritance of every kind, templates, namespaces, arrays, objects that are lost.
 *
 * usage: classes [abort|pause [MORE]]    MORE sessions are lost than otherwise
 *
 * Prints for each class "CLASS COUNT LEAKED NAME": how many chunks begin with an object of it, how many of these
 * nothing points to, and what a reader calls it; "INSIDE …" for those that have one in the middle; "BELOW …" for what
 * only debug information tells; then "end". Built with -fno-rtti it has no typeinfos, and names
 * are known from symbols alone; then a class without a virtual function of its own is not known.
 *
 * Chunks that look like objects but are none, and must have no type: pointers to typeinfos, to functions and to
 * vtables' middles.
 */
#include <exception>
#include <list>
#include <memory>
#include <typeinfo>
#include <vector>

#include "manifest.h"

namespace shop {

class Session {
public:
	explicit Session(long user) : user_(user) {}
	virtual ~Session() {}
	virtual long user() const { return user_; }

private:
	long user_;
	char state_[80] = {};
};

class AdminSession : public Session {
public:
	using Session::Session;
	long user() const override { return -Session::user(); }
};

/* No virtual functions: it begins the object, but its vtable pointer still comes first. */
struct Stamp {
	long at = 4711;
};

struct Logged {
	virtual ~Logged() {}
	virtual void log() {}
	long lines = 1;
};

struct Counted {
	virtual ~Counted() {}
	virtual void count() {}
	long counter = 2;
};

struct Order : Stamp, Logged, Counted {
	void log() override {}
	void count() override {}
	char items[40] = {};
};

/* A diamond with a virtual base. */
struct Device {
	virtual ~Device() {}
	virtual int id() { return 1; }
	long number = 3;
};

struct Reader : virtual Device {
	int id() override { return 2; }
	long read = 4;
};

struct Writer : virtual Device {
	long written = 5;
};

struct Terminal : Reader, Writer {
	int id() override { return 3; }
};

template <typename Key, int Size> class Cache {
public:
	virtual ~Cache() {}
	virtual bool has(Key) { return false; }

private:
	Key keys_[Size] = {};
};

/* Behind its vtable nothing but the virtual base's: it has no function of its own. */
struct Base {
	long value = 6;
};

struct Virtual : virtual Base {
	long more = 7;
};

} /* namespace shop */

namespace {
struct Hidden {
	virtual ~Hidden() {}
	virtual int f() { return 1; }
};
} /* namespace */

namespace shop {
/* No mark of its own: only the debug information of what points to it tells. */
struct Part {
	long values[9] = {};
};

class Owner {
public:
	virtual ~Owner() {}

private:
	Part *part_ = new Part;
};
} /* namespace shop */

struct Failure : std::exception {
	const char *what() const noexcept override { return "no"; }
};

using namespace shop;

static void *volatile kept[4096];
static unsigned num_kept;
static volatile unsigned long sink;

template <typename T> static T *keep(T *object)
{
	kept[num_kept++] = object;
	return object;
}

template <typename T, typename... Args> static void make(unsigned num, Args... args)
{
	for (unsigned i = 0; i < num; i++)
		keep(new T(args...));
}

template <typename T, typename... Args> __attribute__((noinline)) static void lose(unsigned num, Args... args)
{
	for (unsigned i = 0; i < num; i++) {
		T *volatile object = new T(args...);
		sink = sink + ((unsigned long)object & 1);
		object = nullptr;
	}
}

/* Chunks with words in front that are no pointers to objects' vtables. */
__attribute__((noinline)) static void make_others(void)
{
	void **words;

#if __cpp_rtti
	for (int i = 0; i < 5; i++) {
		words = keep(new void *[6]());
		words[0] = (void *)&typeid(Session);
		words = keep(new void *[6]());
		words[0] = (void *)&typeid(Session *);
		words[1] = (void *)&typeid(Order);
	}
#endif
	Session session(1);
	void **vtable = *(void ***)&session;
	for (int i : {-2, -1, 1, 2}) {
		words = keep(new void *[8]());
		words[0] = vtable + i;
	}
	words = keep(new void *[4]());
	words[0] = vtable[0];
	/* Behind other data, as in a list's node. */
	static std::list<Session> list;
	for (int i = 0; i < 7; i++)
		list.emplace_back(i);
	/* A count that is not that of the elements. */
	words = keep(new void *[20]());
	words[0] = (void *)5;
	words[1] = vtable;
}

int main(int argc, char **argv)
{
	make<Session>(30, 1);
	unsigned more = argc > 2 ? strtoul(argv[2], nullptr, 10) : 0;
	lose<Session>(12 + more, 2);
	make<AdminSession>(11, 3);
	make<Order>(9);
	make<Terminal>(8);
	make<Reader>(3);
	make<Cache<long, 10>>(6);
	make<Cache<Session *, 3>>(5);
	make<Virtual>(4);
	make<Hidden>(2);
	make<Failure>(3);
	lose<Failure>(5);
	lose<Owner>(7);
	for (int i = 0; i < 4; i++)
		keep(new Cache<int, 7>[2 + i]);
	static std::vector<std::shared_ptr<Order>> orders;
	orders.reserve(16);
	for (int i = 0; i < 13; i++)
		orders.push_back(std::make_shared<Order>());
	make_others();
	scrub();

	say("CLASS %u %u shop::Session", 42 + more, 12 + more);
	say("CLASS 11 0 shop::AdminSession");
	say("CLASS 9 0 shop::Order");
	say("CLASS 8 0 shop::Terminal");
	say("CLASS 3 0 shop::Reader");
	say("CLASS 6 0 shop::Cache<long, 10>");
	say("CLASS 5 0 shop::Cache<shop::Session*, 3>");
	say("CLASS 4 0 shop::Cache<int, 7>[]");
#if __cpp_rtti
	say("CLASS 4 0 shop::Virtual");
#endif
	say("CLASS 2 0 (anonymous namespace)::Hidden");
	say("CLASS 8 5 Failure");
	say("CLASS 7 7 shop::Owner");
	say("INSIDE 7 0 shop::Session inside");
	say("BELOW 7 7 shop::Part");
	say("CLASS 13 0 std::_Sp_counted_ptr_inplace<shop::Order, %s, (__gnu_cxx::_Lock_policy)2>",
	    __GNUC__ >= 12 ? "std::allocator<void>" : "std::allocator<shop::Order>");
	stop_here(argc > 1 ? argv[1] : "pause");
}
