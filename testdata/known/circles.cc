// 2,500 objects that hold themselves: each has a callback that holds a shared_ptr to it. All are lost.
//
// usage: circles [abort|pause|signal]
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../manifest.h"

enum { CIRCLES = 2500 };

struct Watcher {
	std::string path;
	std::vector<char> buffer;
	std::function<void()> changed;
};

__attribute__((noinline)) static void watch(int i)
{
	auto watcher = std::make_shared<Watcher>();

	watcher->path = "/srv/inbox/watched-folder-number-" + std::to_string(i);
	watcher->buffer.assign(600, 'b');
	watcher->changed = [watcher, i] { watcher->buffer.resize(i); };
}

int main(int argc, char **argv)
{
	for (int i = 0; i < CIRCLES; i++)
		watch(i);
	say("circles %d", CIRCLES);
	stop_here(argc > 1 ? argv[1] : "pause");
}
