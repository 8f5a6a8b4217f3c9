/**
 * @file
 * heapcore-reference: writes one manual page, completion or table to stdout when heapcore is built.
 * It is not installed.
 *
 * usage: heapcore-reference manual PROSE DATE DATADIR [VERB]
 *        heapcore-reference bash|zsh|fish|tables
 */
#include <string.h>

#include "cmd/reference/reference.h"
#include "core/base/cleanup.h"

static int fail(const char *what)
{
	fprintf(stderr, "heapcore-reference: %s\n", what);
	return 1;
}

static int manual(int argc, char **argv)
{
	struct hc_manual page = {.date = argv[1], .datadir = argv[2]};

	if (argc > 3) {
		page.verb = hc_verb_find(argv[3]);
		if (!page.verb)
			return fail("there is no such verb; docs/meson.build lists them");
	}
	page.prose = fopen(argv[0], "r");
	if (!page.prose)
		return fail("can't open the prose of a manual");
	hc_manual_write(&page, stdout);
	fclose(page.prose);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*write)(FILE *file);
	} kinds[] = {
		{"bash", hc_bash_write},
		{"zsh", hc_zsh_write},
		{"fish", hc_fish_write},
		{"tables", hc_tables_write},
	};
	int status = 1;

	if (argc >= 5 && !strcmp(argv[1], "manual"))
		status = manual(argc - 2, argv + 2);
	for (size_t i = 0; argc == 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(argv[1], kinds[i].name)) {
			kinds[i].write(stdout);
			status = 0;
		}
	}
	if (fflush(stdout) || ferror(stdout))
		return fail("can't write");
	return status;
}
