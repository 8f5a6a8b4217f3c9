/**
 * @file
 * Errors as people see them; see advice.h.
 */
#include "cmd/advice.h"

#include <stdio.h>
#include <string.h>

#include "cmd/render/escape.h"
#include "core/base/cleanup.h"

void hc_print_message(const char *path, const char *message)
{
	fputs("heapcore: ", stderr);
	if (path) {
		hc_escape_print(stderr, path, HC_ESCAPE_UTF8 | HC_ESCAPE_PLAIN);
		fputs(": ", stderr);
	}
	/* Messages quote paths and text from the core. */
	hc_escape_print(stderr, message, HC_ESCAPE_UTF8 | HC_ESCAPE_PLAIN);
	fputc('\n', stderr);
}

/** The words around the facts of an error. */
static const struct {
	const char *option; /**< before them */
	const char *advice; /**< behind them */
} words[HC_NUM_ABOUTS] = {
	[HC_ABOUT_EXECUTABLE] = {"--exe ", ""},
	[HC_ABOUT_SMAPS] = {"--smaps ", ""},
	[HC_ABOUT_SNAPSHOT] = {"", "; only 'heapcore maps' and 'heapcore diff' read those"},
	[HC_ABOUT_ROOM] = {"", "; name another folder with --tmpdir"},
	[HC_ABOUT_ALLOCATOR] = {"",
				"; analyze, maps, info, dump, grep --maps and strings --maps work"},
	[HC_ABOUT_SUPPRESS] = {"--suppress ", ""},
	[HC_ABOUT_THREAD] = {"--thread: ", "; heapcore threads lists them"},
	[HC_ABOUT_CLASS] = {"--class: ", "; see heapcore signatures"},
	[HC_ABOUT_TYPE] = {"--type: ", "; see heapcore types"},
	[HC_ABOUT_ATTRIBUTE] = {"--attribute: ", ""},
	[HC_ABOUT_HEX] = {"--hex: ", ""},
	[HC_ABOUT_WIDE] = {"--wide: ", ""},
	[HC_ABOUT_NO_CHUNKS] = {"", "; heapcore maps --finding shows it"},
	[HC_ABOUT_NO_RANGES] = {"", "; heapcore chunks --finding shows it"},
};

void hc_print_error(const char *core, const struct hc_error *err)
{
	const char *option = words[err->about].option, *advice = words[err->about].advice;
	hc_cleanup_free char *line = NULL;

	/* A suggestion is advice enough. */
	if (err->message[0] && err->message[strlen(err->message) - 1] == '?')
		advice = NULL;
	if (asprintf(&line, "%s%s%s", option ? option : "", err->message, advice ? advice : "") < 0)
		line = NULL;
	hc_print_message(err->code == HC_ERROR_ARGUMENT ? NULL : core, line ? line : err->message);
}
