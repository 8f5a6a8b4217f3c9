/**
 * @file
 * heapcore: a post-mortem heap analyzer for Linux core dumps.
 *
 * Finds the verb, parses its options, runs it, and turns errors into messages and exit statuses: 0
 * done, 1 the answer is no, 2 nothing could be analyzed.
 */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd/advice.h"
#include "cmd/help.h"
#include "cmd/render/unfinished.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

#define EXIT_TROUBLE 2

/** Edit distance (Levenshtein) of two short words; more than any verb is long for longer ones. */
static unsigned distance(const char *a, const char *b)
{
	enum { MAX = 16 };
	unsigned row[MAX + 1];
	size_t len = strlen(b);

	if (len > MAX || strlen(a) > MAX)
		return MAX;
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			unsigned above = row[j];
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[len];
}

/** The verb that @p word was meant to be, or NULL. */
static const char *nearest_verb(const char *word)
{
	const char *nearest = NULL;
	unsigned least = 3; /* two slips of the finger are plausible, three are another word */

	for (size_t i = 0; hc_verbs[i]; i++) {
		unsigned d = distance(word, hc_verbs[i]->name);
		if (strlen(word) >= 2 && !strncmp(word, hc_verbs[i]->name, strlen(word)))
			d = 0;
		if (d < least && d < strlen(word)) {
			least = d;
			nearest = hc_verbs[i]->name;
		}
	}
	return nearest;
}

static int unknown_verb(const char *word)
{
	hc_cleanup_free char *message = NULL;
	const char *nearest = nearest_verb(word);
	int len;

	if (access(word, F_OK) == 0)
		len = asprintf(&message, "'%s' is a file, not a verb; try 'heapcore analyze %s'",
			       word, word);
	else if (nearest)
		len = asprintf(&message,
			       "unknown verb '%s'; did you mean '%s'? Try 'heapcore --help'", word,
			       nearest);
	else
		len = asprintf(&message, "unknown verb '%s'; try 'heapcore --help'", word);
	if (len < 0)
		message = NULL;
	hc_print_message(NULL, message ? message : "unknown verb");
	return EXIT_TROUBLE;
}

/** Print an error and give it up. */
static int report(const char *path, struct hc_error *err)
{
	hc_print_error(path, err);
	hc_error_destroy(err);
	return EXIT_TROUBLE;
}

/** Print to stdout what @p write writes, and see whether everything arrived. */
static int print(void (*write)(FILE *file, const void *ctx), const void *ctx)
{
	const struct hc_output_options options = {.color = HC_COLOR_NEVER};
	struct hc_output out;
	struct hc_error *err = hc_output_open(NULL, &options, &out);

	if (!err) {
		write(out.file, ctx);
		err = hc_output_finish(&out);
	}
	return err ? report(NULL, err) : 0;
}

/** @param ctx the verb; NULL: all of them */
static void write_help(FILE *file, const void *ctx)
{
	if (ctx)
		hc_help_verb(ctx, file);
	else
		hc_help(file);
}

static int usage_error(const struct hc_verb *verb, struct hc_error *err)
{
	int status = report(NULL, err);

	fprintf(stderr, "Try 'heapcore %s --help'.\n", verb->name);
	return status;
}

/** Run a verb on a parsed command line. */
static int run(struct hc_options *options)
{
	hc_cleanup(hc_session_deinit) struct hc_session session;
	struct hc_error *err = hc_session_init(&session, options);

	if (err)
		return report(NULL, err);
	err = options->verb->run(&session);
	hc_session_phase(&session, NULL);
	hc_progress_destroy(hc_steal(session.progress));
	if (err)
		return report(options->core, err);
	err = hc_output_finish(&session.out);
	if (err)
		return report(NULL, err);
	if (options->verbose)
		hc_session_print_costs(&session);
	return session.status;
}

static int run_verb(const struct hc_verb *verb, int argc, char **argv)
{
	hc_cleanup(hc_options_deinit) struct hc_options options;
	struct hc_error *err = hc_options_parse(verb, argc, argv, &options);

	if (err)
		return usage_error(verb, err);
	if (!options.help)
		return run(&options);
	return print(write_help, verb);
}

/** @param ctx whether to be verbose */
static void write_version(FILE *file, const void *ctx)
{
	const char *scanner = hc_literal_scanner_version();

	fprintf(file, "heapcore %s\n", HC_VERSION);
	if (*(const bool *)ctx)
		fprintf(file, "prefilter of content classes: %s\n", scanner ? scanner : "literals");
}

/** `heapcore --version`; with -v what it is made of, where answers or speed depend on it. */
static int version(bool verbose)
{
	return print(write_version, &verbose);
}

/** `heapcore help [VERB]`, and the options that stand in place of a verb. */
static int help(const char *word)
{
	const struct hc_verb *verb = word ? hc_verb_find(word) : NULL;

	if (word && !verb)
		return unknown_verb(word);
	return print(write_help, verb);
}

/** The core is mapped: when somebody cuts the file short meanwhile, reading it raises SIGBUS. */
static void on_bus_error(int signum)
{
	static const char message[] = "heapcore: the core changed while it was being read (file "
				      "cut short, or its disk failed)\n";
	ssize_t written = write(STDERR_FILENO, message, sizeof(message) - 1);

	(void)signum;
	(void)written;
	/* Raised in whatever thread reads; the main thread then does so as well, or waits for it.
	 */
	hc_unfinished_remove_all();
	_exit(EXIT_TROUBLE);
}

/**
 * Make sure that descriptors 0 to 2 are taken. Else the core or an output file would be opened as
 * one of them, and messages would end up in it. Read-only, so that writing to a closed stdout is
 * still an error.
 */
static void reserve_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_bus_error};

	reserve_standard_files();
	setlocale(LC_CTYPE, "");
	sigaction(SIGBUS, &action, NULL);
	hc_signals_init(hc_progress_abandon);
	/* A limit on file sizes is an error of write(2), not a silent end. */
	signal(SIGXFSZ, SIG_IGN);

	if (argc < 2) {
		fputs("usage: heapcore VERB [OPTION]... CORE [ARGUMENT]...\n"
		      "Try 'heapcore --help', or 'heapcore analyze CORE'.\n",
		      stderr);
		return EXIT_TROUBLE;
	}
	const char *word = argv[1];
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return version(argc > 2 && !strcmp(argv[2], "-v"));
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return help(NULL);
	if (!strcmp(word, "help"))
		return help(argc > 2 ? argv[2] : NULL);
	const struct hc_verb *verb = hc_verb_find(word);
	return verb ? run_verb(verb, argc - 1, argv + 1) : unknown_verb(word);
}
