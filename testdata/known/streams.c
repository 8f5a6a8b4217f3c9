/*
 * 700 streams that are opened and never closed; stdio holds them.
 *
 * usage: streams [abort|pause|signal]
 */
#include <sys/resource.h>

#include "../manifest.h"

enum { STREAMS = 700 };

int main(int argc, char **argv)
{
	struct rlimit limit;
	char line[64];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < STREAMS; i++) {
		FILE *stream = fopen("/proc/self/status", "r");

		if (!stream || !fgets(line, sizeof(line), stream))
			return 1;
	}
	say("streams %d", STREAMS);
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
