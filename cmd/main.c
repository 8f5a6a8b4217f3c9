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
#include "cmd/meant.h"
#include "cmd/render/unfinished.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"
#include "core/base/nearest.h"

#define EXIT_TROUBLE 2

/**
 * What to do about a word that is no verb.
 *
 * @param next the argument behind it; NULL: none
 * @return to be freed; NULL without memory
 */
static char *advise(const char *word, const char *next)
{
	const char *elsewhere = hc_meant_elsewhere(word), *meant = hc_meant_verb(word);
	bool is_file = access(word, F_OK) == 0, is_path = strpbrk(word, "./") != NULL;
	char *ret = NULL;
	int len;

	if (is_file && next && hc_verb_find(next))
		len = asprintf(&ret, "the verb comes first: heapcore %s %s", next, word);
	else if (is_file && (is_path || !meant))
		len = asprintf(&ret, "'%s' is a file, not a verb; try 'heapcore analyze %s'", word,
			       word);
	else if (elsewhere)
		len = asprintf(&ret, "unknown verb '%s'; %s", word, elsewhere);
	else if (meant && !is_path)
		len = asprintf(&ret, "unknown verb '%s'; did you mean '%s'? Try 'heapcore --help'",
			       word, meant);
	else if (is_path)
		len = asprintf(&ret, "'%s' is neither a verb nor a file; try 'heapcore --help'",
			       word);
	else
		len = asprintf(&ret, "unknown verb '%s'; try 'heapcore --help'", word);
	return len < 0 ? NULL : ret;
}

static int unknown_verb(const char *word, const char *next)
{
	hc_cleanup_free char *message = advise(word, next);

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
	return print(hc_help_write, &(struct hc_help){.verb = verb});
}

/** @param ctx whether to be verbose */
static void write_version(FILE *file, const void *ctx)
{
	const char *scanner = hc_literal_scanner_version();

	fprintf(file, "heapcore %s\n", HC_VERSION);
	if (*(const bool *)ctx)
		fprintf(file, "prefilter of content classes: %s\n", scanner ? scanner : "literals");
}

/** Whether all arguments are ones that ask for the version; with -v for more of it. */
static bool asks_version(int argc, char **argv, bool *verbose_ret)
{
	bool version = false, verbose = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--version") || !strcmp(argv[i], "-V"))
			version = true;
		else if (!strcmp(argv[i], "--verbose") || !strcmp(argv[i], "-v"))
			verbose = true;
		else
			return false;
	}
	*verbose_ret = verbose;
	return version;
}

/** `heapcore help [TOPIC|VERB]...`, and the options that stand in place of a verb. */
static int help(int num, char **words)
{
	struct hc_help topic;
	const char *unknown = hc_help_find(num, words, &topic);

	if (!unknown)
		return print(hc_help_write, &topic);
	struct hc_nearest nearest = hc_nearest_to(unknown);
	for (unsigned i = 0; hc_help_topic(i); i++)
		hc_nearest_offer(&nearest, hc_help_topic(i));
	if (!nearest.word)
		return unknown_verb(unknown, NULL);
	return report(NULL,
		      hc_error_create(HC_ERROR_ARGUMENT, "no help on '%.100s'; did you mean '%s'?",
				      unknown, nearest.word));
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
	bool verbose = false;
	if (asks_version(argc, argv, &verbose))
		return print(write_version, &verbose);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(0, NULL);
	struct hc_error *err = hc_options_verb_first(argc - 1, argv + 1);
	if (err)
		return report(NULL, err);
	if (!strcmp(argv[1], "help"))
		return help(argc - 2, argv + 2);
	const struct hc_verb *verb = hc_verb_find(argv[1]);
	return verb ? run_verb(verb, argc - 1, argv + 1)
		    : unknown_verb(argv[1], argc > 2 ? argv[2] : NULL);
}
