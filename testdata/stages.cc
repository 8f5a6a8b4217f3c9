/*
 * Stages: a program that does what it is told between two cores.
 *
 * usage: stages
 *
 * Reads commands from standard input, a line each, and answers "done" when it has obeyed:
 *   lose N   N requests of 200 to 455 bytes of text that nothing points to
 *   hold N   N objects of class Session, in a table
 *   drop N   frees the last N of these
 *   free N   N chunks of 1,000 bytes, allocated and freed again behind one that stays
 *   map N    N mappings of 1 MiB, touched
 *   touch    writes to every Session
 */
#include <sys/mman.h>

#include <vector>

extern "C" {
#include "manifest.h"
}

struct Session {
	virtual ~Session() {}
	unsigned long number = 0;
	char name[112];
};

static std::vector<Session *> table;
static unsigned long lost;

static void lose(unsigned long num)
{
	for (unsigned long i = 0; i < num; i++, lost++) {
		size_t size = 200 + lost % 256;
		char *text = (char *)malloc(size);

		memset(text, ' ', size);
		snprintf(text, size, "GET /lost/%lu HTTP/1.1\r\nHost: a.example\r\nX-Pad:", lost);
		text[strlen(text)] = ' ';
		text[size - 1] = 0;
	}
}

static void hold(unsigned long num)
{
	for (unsigned long i = 0; i < num; i++) {
		table.push_back(new Session);
		table.back()->number = table.size();
		snprintf(table.back()->name, sizeof(table.back()->name), "session %zu", table.size());
	}
}

static void drop(unsigned long num)
{
	for (; num && !table.empty(); num--) {
		delete table.back();
		table.pop_back();
	}
}

static void retain(unsigned long num)
{
	static std::vector<void *> held;
	std::vector<void *> chunks;

	for (unsigned long i = 0; i < num; i++)
		chunks.push_back(malloc(1000));
	held.push_back(malloc(24));
	for (void *chunk : chunks)
		free(chunk);
}

static void map(unsigned long num)
{
	for (unsigned long i = 0; i < num; i++) {
		/* A page between them keeps the kernel from making them one. */
		char *memory = (char *)mmap(NULL, (1 << 20) + 4096, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(memory + (1 << 20), 4096, PROT_NONE);
		memset(memory, 'm', 1 << 20);
	}
}

static void obey(const char *command, unsigned long num)
{
	static const struct {
		const char *name;
		void (*run)(unsigned long);
	} commands[] = {{"lose", lose}, {"hold", hold}, {"drop", drop}, {"free", retain}, {"map", map}};

	for (const auto &known : commands)
		if (!strcmp(command, known.name))
			known.run(num);
	if (!strcmp(command, "touch"))
		for (Session *session : table)
			session->number += 1000000;
}

int main()
{
	static char line[128];
	char command[32];

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	table.reserve(1 << 20);
	say("end");
	for (size_t used = 0; read(0, line + used, 1) == 1;) {
		unsigned long num = 0;

		if (line[used] != '\n') {
			used = used + 1 < sizeof(line) - 1 ? used + 1 : used;
			continue;
		}
		line[used] = 0;
		used = 0;
		sscanf(line, "%31s %lu", command, &num);
		obey(command, num);
		memset(line, 0, sizeof(line));
		say("done");
	}
	return 0;
}
