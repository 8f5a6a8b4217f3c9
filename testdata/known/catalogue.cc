// A hash table of 40,000 JSON texts; nothing is lost.
//
// usage: catalogue [abort|pause|signal]
#include <string>
#include <unordered_map>

#include "../manifest.h"

enum { ENTRIES = 40000 };

std::unordered_map<int, std::string> catalogue;

int main(int argc, char **argv)
{
	for (int i = 0; i < ENTRIES; i++) {
		char text[400];

		snprintf(text, sizeof(text), "{\"part\":%d,\"label\":\"Part number %d\",\"notes\":\"%.*s\"}", i, i, 180 + i % 8,
			 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
			 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
		catalogue.emplace(i, text);
	}
	say("entries %d", ENTRIES);
	stop_here(argc > 1 ? argv[1] : "pause");
}
