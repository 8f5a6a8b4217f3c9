/**
 * @file
 * heapcore: a post-mortem heap analyzer for Linux core dumps.
 *
 * Finds the verb and runs it (run.h).
 */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd/help.h"
#include "cmd/progress.h"
#include "cmd/render/unfinished.h"
#include "cmd/run.h"

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
	_exit(HC_EXIT_TROUBLE);
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
		return HC_EXIT_TROUBLE;
	}
	bool verbose = false;
	if (asks_version(argc, argv, &verbose))
		return hc_run_print(write_version, &verbose);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return hc_run_help(0, NULL);
	struct hc_error *err = hc_options_verb_first(argc - 1, argv + 1);
	if (err)
		return hc_run_report(NULL, err);
	if (!strcmp(argv[1], "help"))
		return hc_run_help(argc - 2, argv + 2);
	const struct hc_verb *verb = hc_verb_find(argv[1]);
	return verb ? hc_run_verb(verb, argc - 1, argv + 1)
		    : hc_run_unknown(argv[1], argc > 2 ? argv[2] : NULL);
}
