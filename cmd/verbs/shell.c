/**
 * @file
 * heapcore shell: verbs on cores that stay open.
 *
 * The shell's process keeps the targets; each command runs in a process that is forked from it
 * (shell_fork.c). Lines come from -c, from a prompt (shell_prompt.c) or from stdin.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/verbs/shell.h"

#include "cmd/help.h"
#include "cmd/progress.h"
#include "cmd/render/escape.h"
#include "cmd/render/unfinished.h"
#include "cmd/run.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** Commands that -c can give. */
#define MAX_COMMANDS 256
/** Cores that the command line can name. */
#define MAX_CORES 16

struct own {
	const char *commands[MAX_COMMANDS];
	size_t num_commands;
};

enum own_id { OWN_COMMAND };

static const struct hc_option own_options[] = {
	{OWN_COMMAND, 'c', "command", "LINE", "run a line instead of asking; may be repeated",
	 .repeats = true},
	{0},
};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	(void)id;
	if (own->num_commands == MAX_COMMANDS)
		return hc_error_create(HC_ERROR_ARGUMENT, "-c: more than %d of them", MAX_COMMANDS);
	own->commands[own->num_commands++] = value;
	return NULL;
}

/** @name Cores */
/**@{*/

static void close_core(struct hc_shell_core *core)
{
	if (!core)
		return;
	hc_session_deinit(&core->session);
	hc_options_deinit(&core->options);
	free(core->path);
	free(core);
}

static inline void close_corep(struct hc_shell_core **core)
{
	close_core(*core);
}

/** What a command names it by: never what looks like an option. */
static char *make_path(const char *path)
{
	return *path != '-' ? strdup(path) : hc_format("./%s", path);
}

static struct hc_error *open_core(const struct hc_shell *shell, struct hc_shell_core *core,
				  const char *path)
{
	char *argv[] = {(char *)"shell", NULL};
	struct hc_error *err = hc_options_parse_within(shell->session->options, &hc_verb_shell, 1,
						       argv, &core->options);

	core->path = make_path(path);
	if (!err && !core->path)
		err = &hc_enomem;
	if (err)
		return err;
	core->options.core = core->path;
	hc_inputs_add(&core->options.inputs, core->path);
	err = hc_session_init(&core->session, &core->options);
	if (!err)
		err = hc_session_open_core(&core->session);
	/* Its thread would not be there in forked processes. */
	hc_progress_destroy(hc_steal(core->session.progress));
	return err;
}

struct hc_error *hc_shell_open(struct hc_shell *shell, const char *path)
{
	struct hc_error *err =
		hc_array_reserve(&shell->cores, shell->num_cores, sizeof(*shell->cores));
	if (err)
		return err;
	hc_cleanup(close_corep) struct hc_shell_core *core = calloc(1, sizeof(*core));
	if (!core)
		return &hc_enomem;
	if ((err = open_core(shell, core, path)))
		return err;
	shell->current = shell->num_cores;
	shell->cores[shell->num_cores++] = hc_steal(core);
	return NULL;
}

static void close_all(struct hc_shell *shell)
{
	for (size_t i = 0; i < shell->num_cores; i++)
		close_core(shell->cores[i]);
	free(shell->cores);
}
/**@}*/

/** @name Commands of the shell itself */
/**@{*/

static int say(struct hc_error *err)
{
	return err ? hc_run_report(NULL, err) : 0;
}

/** Open a core, or say why not. @return exit status */
static int open_or_say(struct hc_shell *shell, const char *path)
{
	struct hc_error *err = hc_shell_open(shell, path);

	return err ? hc_run_report(path, err) : 0;
}

static int run_open(struct hc_shell *shell, struct hc_shell_words *words)
{
	if (words->num == 2)
		return open_or_say(shell, words->items[1]);
	return say(hc_error_create(HC_ERROR_ARGUMENT, "open takes one FILE"));
}

static struct hc_error *use(struct hc_shell *shell, const struct hc_shell_words *words)
{
	uint64_t number;

	if (words->num != 2)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "use takes the number of a core; cores lists them");
	struct hc_error *err = hc_parse_count("use", words->items[1], &number);
	if (err)
		return err;
	if (!number || number > shell->num_cores)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "use: %zu cores are open, numbered from 1",
				       shell->num_cores);
	shell->current = number - 1;
	return NULL;
}

static int run_use(struct hc_shell *shell, struct hc_shell_words *words)
{
	return say(use(shell, words));
}

static int run_quit(struct hc_shell *shell, struct hc_shell_words *words)
{
	(void)words;
	shell->done = true;
	return shell->status;
}

static void write_cores(FILE *file, const void *ctx)
{
	const struct hc_shell *shell = ctx;

	for (size_t i = 0; i < shell->num_cores; i++) {
		fprintf(file, "%c %zu  ", i == shell->current ? '*' : ' ', i + 1);
		hc_escape_print(file, shell->cores[i]->path, 0);
		fputc('\n', file);
	}
}

static int print_cores(struct hc_shell *shell, struct hc_shell_words *words)
{
	(void)words;
	return hc_run_print(write_cores, shell);
}

static void write_help(FILE *file, const void *ctx)
{
	(void)ctx;
	fputs("Verbs work on the current core, without its name: leaks --top 3, what 0x1234.\n"
	      "\n"
	      "  open FILE       open a core and use it\n"
	      "  use N           use the core with this number\n"
	      "  cores           the cores that are open\n"
	      "  help [VERB]     this; about a verb\n"
	      "  quit, exit, ^D  end\n"
	      "  VERB ... | CMD  what a verb writes, to a command of sh(1)\n"
	      "\n"
	      "Verbs:\n",
	      file);
	for (size_t i = 0; hc_verbs[i]; i++) {
		if (hc_verbs[i] != &hc_verb_shell)
			fprintf(file, "  %-10s  %s\n", hc_verbs[i]->name, hc_verbs[i]->summary);
	}
}

static int print_help(struct hc_shell *shell, struct hc_shell_words *words)
{
	return words->num > 1 ? hc_run_help(words->num - 1, words->items + 1)
			      : hc_run_print(write_help, shell);
}

/** Commands that are no verbs. */
static const struct own_command {
	const char *word;
	hc_shell_fn *run;
	bool prints; /**< in a process of its own, as verbs do */
} own_commands[] = {
	{"open", run_open},         {"use", run_use},   {"cores", print_cores, true},
	{"help", print_help, true}, {"quit", run_quit}, {"exit", run_quit},
};

#define NUM_OWN_COMMANDS (sizeof(own_commands) / sizeof(own_commands[0]))

const char *hc_shell_word(unsigned i)
{
	return i < NUM_OWN_COMMANDS ? own_commands[i].word : NULL;
}

/** Run a command that is no verb. @return false: it is none */
static bool run_own(struct hc_shell *shell, struct hc_shell_words *words)
{
	for (size_t i = 0; i < NUM_OWN_COMMANDS; i++) {
		const struct own_command *own = &own_commands[i];

		if (strcmp(words->items[0], own->word))
			continue;
		shell->status = own->prints ? hc_shell_fork(shell, own->run, words)
					    : own->run(shell, words);
		return true;
	}
	return false;
}
/**@}*/

/** @name Verbs */
/**@{*/

static void remove_word(struct hc_shell_words *words, int at)
{
	memmove(words->items + at, words->items + at + 1,
		(words->num - at) * sizeof(*words->items));
	words->num--;
}

/** Whether a verb's first argument is a core. */
static bool takes_core(const struct hc_verb *verb)
{
	return !strncmp(verb->arguments, "CORE", 4) || !strncmp(verb->arguments, "OLD", 3);
}

/** Put the current core behind the verb. A line that names it already was copied from output. */
static struct hc_error *insert_core(const struct hc_shell *shell, struct hc_shell_words *words)
{
	const struct hc_shell_core *core = hc_shell_current(shell);

	if (!core)
		return hc_error_create(HC_ERROR_ARGUMENT, "no core is open; open FILE opens one");
	if (words->num > 1 && !strcmp(words->items[1], core->path))
		return NULL;
	if (words->num == HC_SHELL_MAX_WORDS - 1)
		return hc_error_create(HC_ERROR_ARGUMENT, "too many words");
	memmove(words->items + 2, words->items + 1, words->num * sizeof(*words->items));
	words->items[1] = core->path;
	words->num++;
	return NULL;
}

static int run_verb(struct hc_shell *shell, struct hc_shell_words *words)
{
	const struct hc_verb *verb = hc_verb_find(words->items[0]);

	if (!verb)
		return hc_run_unknown(words->items[0], words->items[1]);
	if (verb == &hc_verb_shell)
		return say(hc_error_create(HC_ERROR_ARGUMENT, "this is the shell already; open "
							      "FILE opens another core"));
	struct hc_error *err = takes_core(verb) ? insert_core(shell, words) : NULL;
	if (err)
		return hc_run_report(NULL, err);
	int status = hc_shell_fork(shell, hc_shell_verb, words);
	if (status > 128 && status != 128 + SIGINT && status != 128 + SIGPIPE)
		return say(hc_error_create(HC_ERROR_OS, "%s was ended by signal %d (%s)",
					   verb->name, status - 128, strsignal(status - 128)));
	return status;
}
/**@}*/

void hc_shell_run(struct hc_shell *shell, const char *line)
{
	hc_cleanup(hc_shell_words_deinit) struct hc_shell_words words;
	struct hc_error *err = hc_shell_split(line, &words);

	if (!err && words.num > 1 && !strcmp(words.items[0], "heapcore"))
		remove_word(&words, 0);
	if (!err && !words.num && words.pipe)
		err = hc_error_create(HC_ERROR_ARGUMENT, "no verb before |");
	if (err)
		shell->status = hc_run_report(NULL, err);
	else if (words.num && !run_own(shell, &words))
		shell->status = run_verb(shell, &words);
}

/** @name Without a prompt */
/**@{*/

/** Whether a script goes on: an error ends it, and ^C does. */
static bool goes_on(const struct hc_shell *shell)
{
	return !shell->done && shell->status < HC_EXIT_TROUBLE;
}

static void run_commands(struct hc_shell *shell, const struct own *own)
{
	for (size_t i = 0; i < own->num_commands && goes_on(shell); i++)
		hc_shell_run(shell, own->commands[i]);
}

static struct hc_error *run_stdin(struct hc_shell *shell)
{
	hc_cleanup_free char *line = NULL;
	size_t size = 0;

	while (goes_on(shell)) {
		errno = 0;
		ssize_t len = getline(&line, &size, stdin);
		if (len < 0 && ferror(stdin))
			return hc_error_os(errno, "cannot read standard input");
		if (len < 0)
			break;
		if (memchr(line, '\0', len))
			return hc_error_create(HC_ERROR_ARGUMENT, "a line holds a NUL byte");
		hc_shell_run(shell, line);
	}
	return NULL;
}
/**@}*/

/** Open what the command line names. The first one is the current one. */
static void open_all(struct hc_shell *shell)
{
	const struct hc_options *options = shell->session->options;

	if (options->core)
		shell->status = open_or_say(shell, options->core);
	for (int i = 0; i < options->num_args && !shell->status; i++)
		shell->status = open_or_say(shell, options->args[i]);
	shell->current = 0;
}

static struct hc_error *run_lines(struct hc_shell *shell)
{
	const struct own *own = shell->session->options->own;

	if (shell->interactive)
		return hc_shell_prompt(shell);
	if (!own->num_commands)
		return run_stdin(shell);
	run_commands(shell, own);
	return NULL;
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(close_all) struct hc_shell shell = {
		.session = session,
		.interactive = !own->num_commands && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
	};

	if (session->options->output)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--output goes with a command of the shell");
	/* Cores have progress lines of their own; a thread would not be there in forked processes.
	 */
	hc_progress_destroy(hc_steal(session->progress));
	open_all(&shell);
	struct hc_error *err = shell.status ? NULL : run_lines(&shell);
	hc_signals_keep(false);
	hc_signals_forget();
	if (err)
		return err;
	if (!shell.interactive && shell.status == 128 + SIGINT)
		raise(SIGINT);
	session->status = shell.status;
	return NULL;
}

const struct hc_verb hc_verb_shell = {
	.name = "shell",
	.arguments = "[CORE]...",
	.summary = "verbs on cores that stay open",
	.description = "Opens cores once and asks for verbs, which go without CORE here. What one "
		       "of them had to find out (the walk, what is reachable, types) the next one "
		       "finds there. Lines come from a prompt, from -c, or from standard input; "
		       "from the last two an error ends it.",
	.status_1 = "The answer of the last command is no",
	.examples = "  heapcore shell core.1234\n"
		    "  heapcore shell core.1234 -c 'leaks --top 3' -c 'what 0x5581c02a'\n"
		    "  heapcore shell core.1234 < questions\n",
	.min_args = 0,
	.max_args = MAX_CORES,
	.num_inputs = MAX_CORES,
	.formats = 1u << HC_FORMAT_TEXT,
	.own_output = true,
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
