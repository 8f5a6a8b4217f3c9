/**
 * @file
 * The shell's prompt: libedit, a history, and completion.
 *
 * The history is $XDG_STATE_HOME/heapcore/history, or the same below ~/.local/state, readable by
 * its owner alone: what somebody looked for is as secret as what he found. Where it can't be
 * written there is none.
 *
 * The terminal sends no signals while a line is typed: ^C is a key then, which drops the line.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <histedit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/render/unfinished.h"
#include "cmd/verbs/shell.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** Lines that are kept. */
#define HISTORY_SIZE 1000

/** Everything at the prompt. */
struct prompt {
	struct hc_shell *shell;
	EditLine *edit;
	History *history;
	char *history_path; /**< NULL: none is kept */
	char text[64];      /**< of the prompt */
};

static struct prompt *prompt_of(EditLine *edit)
{
	void *ret = NULL;

	el_get(edit, EL_CLIENTDATA, &ret);
	return ret;
}

/** @name History */
/**@{*/

/** Make the directories of a path. @return whether they are there */
static bool make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		bool made = !mkdir(path, 0700) || errno == EEXIST;
		*slash = '/';
		if (!made)
			return false;
	}
	return true;
}

/** Where the history is; NULL: nowhere. To be freed. */
static char *find_history(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *ret = state && *state == '/' ? hc_format("%s/heapcore/history", state)
		    : home && *home == '/' ? hc_format("%s/.local/state/heapcore/history", home)
					   : NULL;

	if (!ret)
		return NULL;
	/* libedit makes the file as others may read it, so it has to be there before. */
	int fd = make_directories(ret) ? open(ret, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)
				       : -1;
	if (fd < 0 || fchmod(fd, 0600)) {
		free(ret);
		ret = NULL;
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

static void load_history(struct prompt *prompt)
{
	HistEvent event;

	prompt->history = history_init();
	if (!prompt->history)
		return;
	history(prompt->history, &event, H_SETSIZE, HISTORY_SIZE);
	history(prompt->history, &event, H_SETUNIQUE, 1);
	prompt->history_path = find_history();
	if (prompt->history_path)
		history(prompt->history, &event, H_LOAD, prompt->history_path);
	el_set(prompt->edit, EL_HIST, history, prompt->history);
}

static void save_history(struct prompt *prompt)
{
	HistEvent event;

	if (prompt->history && prompt->history_path)
		history(prompt->history, &event, H_SAVE, prompt->history_path);
}
/**@}*/

/** @name Completion */
/**@{*/

/** Most words that are offered. */
#define MAX_OFFERS 200

/** What a word may become. */
struct offers {
	const char *word; /**< what is typed of it */
	size_t len;
	char *items[MAX_OFFERS]; /**< owned */
	size_t num;
	bool goes_on; /**< it is no whole word yet: a directory, or one of a list */
};

static void offers_deinit(struct offers *offers)
{
	for (size_t i = 0; i < offers->num; i++)
		free(offers->items[i]);
}

/** @param prefix stands before it, "--" */
static void offer(struct offers *offers, const char *prefix, const char *word)
{
	hc_cleanup_free char *item = hc_format("%s%s", prefix, word);

	if (!item || offers->num == MAX_OFFERS || strncmp(item, offers->word, offers->len))
		return;
	for (size_t i = 0; i < offers->num; i++)
		if (!strcmp(offers->items[i], item))
			return;
	offers->items[offers->num++] = hc_steal(item);
}

static void offer_files(struct offers *offers)
{
	hc_cleanup_free char *pattern = hc_format("%.*s*", (int)offers->len, offers->word);
	glob_t found;

	if (!pattern || glob(pattern, GLOB_MARK, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		offer(offers, "", found.gl_pathv[i]);
	offers->goes_on = offers->num == 1 && strchr(offers->items[0], '/') &&
			  !*(strrchr(offers->items[0], '/') + 1);
	globfree(&found);
}

static void offer_commands(struct offers *offers)
{
	for (size_t i = 0; hc_verbs[i]; i++) {
		if (hc_verbs[i] != &hc_verb_shell)
			offer(offers, "", hc_verbs[i]->name);
	}
	for (unsigned i = 0; hc_shell_word(i); i++)
		offer(offers, "", hc_shell_word(i));
}

static void offer_classes(struct offers *offers, const struct hc_shell *shell)
{
	const struct hc_shell_core *core = hc_shell_current(shell);
	const struct hc_signatures *signatures = core ? core->session.signatures : NULL;

	for (size_t i = 0; signatures && i < hc_signatures_num_classes(signatures); i++)
		offer(offers, "", hc_signatures_class(signatures, i)->name);
}

/** Types that are known by now: nobody wants to wait for them at a key. */
static void offer_types(struct offers *offers, const struct hc_shell *shell)
{
	const struct hc_shell_core *core = hc_shell_current(shell);
	struct hc_types *types = core ? core->session.target->types : NULL;

	for (size_t i = 0; types && i < hc_types_num(types); i++) {
		const char *name = hc_type_name(types, i);

		/* As a word: what has blanks or quotes would be several. */
		if (name && !strpbrk(name, " \t'\"\\|#"))
			offer(offers, "", name);
	}
}

static void offer_options(struct offers *offers, const struct hc_verb *verb)
{
	struct hc_verb_options list;

	hc_options_list(verb, &list);
	for (unsigned i = 0; i < list.num; i++)
		offer(offers, "--", list.items[i].option->name);
}

/** The option of a verb that a word is; NULL: it is none, or one without a value. */
static const struct hc_option *find_option(const struct hc_verb *verb, const char *word)
{
	struct hc_verb_options list;

	hc_options_list(verb, &list);
	for (unsigned i = 0; i < list.num; i++) {
		const struct hc_option *option = list.items[i].option;
		bool is_letter = list.items[i].letter && word[0] == '-' &&
				 word[1] == list.items[i].letter && !word[2];

		if (option->value && !hc_option_is_optional(option) &&
		    (is_letter || (!strncmp(word, "--", 2) && !strcmp(word + 2, option->name))))
			return option;
	}
	return NULL;
}

static void offer_values(struct offers *offers, const struct hc_shell *shell,
			 const struct hc_verb *verb, const struct hc_option *option)
{
	switch (option->kind) {
	case HC_VALUE_ANY:
		if (!strcmp(option->name, "type"))
			offer_types(offers, shell);
		break;
	case HC_VALUE_FILE:
	case HC_VALUE_OUTPUT:
	case HC_VALUE_DIR:
		offer_files(offers);
		break;
	case HC_VALUE_WORD:
	case HC_VALUE_LIST:
		for (unsigned i = 0; hc_option_word(verb, option, i); i++)
			offer(offers, "", hc_option_word(verb, option, i));
		break;
	case HC_VALUE_CLASS:
		offer_classes(offers, shell);
		break;
	}
}

/** @param words before the one that is typed */
static void find_offers(const struct hc_shell *shell, const struct hc_shell_words *words,
			struct offers *offers)
{
	const char *first = words->num ? words->items[0] : NULL;
	const struct hc_verb *verb = first ? hc_verb_find(first) : NULL;
	const struct hc_option *option =
		verb && words->num > 1 ? find_option(verb, words->items[words->num - 1]) : NULL;

	if (!first || !strcmp(first, "help"))
		offer_commands(offers);
	else if (!strcmp(first, "open"))
		offer_files(offers);
	else if (option)
		offer_values(offers, shell, verb, option);
	else if (verb && offers->word[0] == '-')
		offer_options(offers, verb);
	else if (verb)
		offer_files(offers);
}

/** What all offers begin with: its length. */
static size_t common_length(const struct offers *offers)
{
	size_t len = strlen(offers->items[0]);

	for (size_t i = 1; i < offers->num; i++) {
		size_t same = 0;

		while (same < len && offers->items[i][same] == offers->items[0][same])
			same++;
		len = same;
	}
	return len;
}

static void print_offers(const struct offers *offers)
{
	putchar('\n');
	for (size_t i = 0; i < offers->num; i++)
		printf("%s%s", offers->items[i], i + 1 < offers->num ? "  " : "\n");
	fflush(stdout);
}

/** Put what is certain into the line; show the offers when nothing is. */
static unsigned char apply(EditLine *edit, const struct offers *offers)
{
	if (!offers->num)
		return CC_REFRESH_BEEP;
	size_t len = common_length(offers);
	if (len <= offers->len && offers->num > 1) {
		print_offers(offers);
		return CC_REDISPLAY;
	}
	hc_cleanup_free char *more = strndup(offers->items[0] + offers->len, len - offers->len);
	if (!more)
		return CC_ERROR;
	el_insertstr(edit, more);
	if (offers->num == 1 && !offers->goes_on)
		el_insertstr(edit, " ");
	return CC_REFRESH;
}

static unsigned char complete(EditLine *edit, int ch)
{
	const LineInfo *line = el_line(edit);
	const char *start = line->cursor;

	(void)ch;
	while (start > line->buffer && !strchr(" \t|", start[-1]))
		start--;
	hc_cleanup_free char *before = strndup(line->buffer, start - line->buffer);
	hc_cleanup_free char *word = strndup(start, line->cursor - start);
	if (!before || !word)
		return CC_ERROR;
	hc_cleanup(hc_shell_words_deinit) struct hc_shell_words words;
	hc_cleanup(offers_deinit) struct offers offers = {.word = word, .len = strlen(word)};
	hc_cleanup_error struct hc_error *err = hc_shell_split(before, &words);
	/* Within quotes, and behind a |, nothing is known. */
	if (err || words.pipe)
		return CC_REFRESH_BEEP;
	find_offers(prompt_of(edit)->shell, &words, &offers);
	return apply(edit, &offers);
}
/**@}*/

/** ^C: the line is dropped, and an empty one taken instead. */
static unsigned char drop_line(EditLine *edit, int ch)
{
	const LineInfo *line = el_line(edit);

	(void)ch;
	el_cursor(edit, line->lastchar - line->cursor);
	line = el_line(edit);
	el_deletestr(edit, line->lastchar - line->buffer);
	el_insertstr(edit, "\n");
	fputs("^C\n", stdout);
	fflush(stdout);
	return CC_NEWLINE;
}

static char *prompt_text(EditLine *edit)
{
	return prompt_of(edit)->text;
}

/** "heapcore core.1234> ": the current core's name, as far as it can be shown. */
static void make_text(struct prompt *prompt)
{
	const struct hc_shell_core *core = hc_shell_current(prompt->shell);
	const char *name = core ? hc_base_name(core->path) : "";

	snprintf(prompt->text, sizeof(prompt->text), "heapcore%s%.40s> ", core ? " " : "", name);
	for (char *c = prompt->text; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}

static struct hc_error *prompt_init(struct prompt *prompt)
{
	EditLine *edit = el_init("heapcore", stdin, stdout, stderr);

	prompt->edit = edit;
	if (!edit)
		return hc_error_create(HC_ERROR_OS, "the terminal can't be used for a prompt; give "
						    "commands by -c");
	el_set(edit, EL_CLIENTDATA, prompt);
	el_set(edit, EL_PROMPT, prompt_text);
	el_set(edit, EL_EDITOR, "emacs");
	/* Of narrow names libedit makes wide copies, which nobody frees. */
	el_wset(edit, EL_ADDFN, L"heapcore-complete", L"complete a word", complete);
	el_wset(edit, EL_ADDFN, L"heapcore-drop", L"drop the line", drop_line);
	el_set(edit, EL_BIND, "^I", "heapcore-complete", NULL);
	el_set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_set(edit, EL_SETTY, "-d", "-isig", NULL);
	/* What the user wants otherwise; it may bind other keys. */
	el_source(edit, NULL);
	el_set(edit, EL_BIND, "^C", "heapcore-drop", NULL);
	load_history(prompt);
	return NULL;
}

static void prompt_deinit(struct prompt *prompt)
{
	save_history(prompt);
	if (prompt->edit)
		el_end(prompt->edit);
	if (prompt->history)
		history_end(prompt->history);
	free(prompt->history_path);
}

/** Run one line. @return false: there are no more */
static bool run_line(struct prompt *prompt)
{
	HistEvent event;
	int size = 0;

	make_text(prompt);
	el_resize(prompt->edit);
	/* Before the prompt is seen: a key between would be echoed twice, or be a signal. */
	el_set(prompt->edit, EL_PREP_TERM, 1);
	const char *line = el_gets(prompt->edit, &size);
	if (!line || size <= 0)
		return false;
	if (prompt->history && line[strspn(line, " \t\r\n")])
		history(prompt->history, &event, H_ENTER, line);
	hc_signals_forget();
	hc_shell_run(prompt->shell, line);
	/* The terminal has shown ^C, and nothing behind it. */
	if (prompt->shell->status == 128 + SIGINT)
		fputs("\n", stdout);
	fflush(stdout);
	hc_signals_forget();
	return true;
}

struct hc_error *hc_shell_prompt(struct hc_shell *shell)
{
	hc_cleanup(prompt_deinit) struct prompt prompt = {.shell = shell};
	struct hc_error *err = prompt_init(&prompt);

	if (err)
		return err;
	hc_signals_keep(true);
	while (!shell->done) {
		shell->status = 0;
		if (run_line(&prompt))
			continue;
		putchar('\n');
		break;
	}
	shell->status = 0;
	return NULL;
}
