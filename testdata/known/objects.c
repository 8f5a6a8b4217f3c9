/*
 * 1,500 GObjects of which a reference is lost, and 8,000 lines in a list that is held.
 *
 * usage: objects [abort|pause|signal]
 */
#include <gio/gio.h>

#include "../manifest.h"

enum { OBJECTS = 1500, LINES = 8000 };

static GList *journal;

__attribute__((noinline)) static void leak(int i)
{
	char name[40];

	snprintf(name, sizeof(name), "menu-entry-of-document-%d", i);
	g_simple_action_new(name, NULL);
}

__attribute__((noinline)) static void wipe(void)
{
	volatile char stack[32768];

	memset((char *)stack, 0, sizeof(stack));
}

int main(int argc, char **argv)
{
	for (int i = 0; i < OBJECTS; i++)
		leak(i);
	for (int i = 0; i < LINES; i++)
		journal = g_list_prepend(journal, g_strdup_printf("2024-02-03 07:08:%02d ERROR bus: no answer to call=%d from=:1.%d",
								  i % 60, i, i % 30));
	wipe();
	say("objects %d", OBJECTS);
	say("lines %d", LINES);
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
