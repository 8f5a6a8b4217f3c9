/**
 * @file
 * A command of the shell, in a process of its own.
 *
 * The process is forked from the shell and so has all that the shell knows of its cores, without a
 * copy: pages are shared until somebody writes. What ends the command, be it ^C, the end of a
 * pipe's reader, a core that is cut short meanwhile or a mistake of this program, ends nothing
 * else, and what it leaves behind is gone with it.
 *
 * But what a process computes is gone with it, too. So a command that needs a part of a target
 * which is not there yet (the walk, the marks, types) says which one through a pipe and ends, as
 * long as nothing of its answer was written. The shell computes that part, keeps it, and forks the
 * command anew: the second question finds everything there.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/progress.h"
#include "cmd/render/unfinished.h"
#include "cmd/run.h"
#include "cmd/verbs/shell.h"

/** Times that a command may begin anew; then it computes what it needs itself. */
#define MAX_ROUNDS (2 * HC_NUM_TARGET_PARTS)

/** What a command needs computed. */
struct request {
	size_t core;
	enum hc_target_part part;
	size_t remarks_shown; /**< of the core, by the command so far */
};

/** A command that runs. */
struct run {
	struct hc_shell *shell;
	struct hc_shell_words *words;
	hc_shell_fn *fn;
	int out;         /**< where its output goes; -1: to stdout */
	int requests[2]; /**< a pipe */
	bool has_request;
	struct request request;
};

/** @name In the command's process */
/**@{*/

/** The command's process, for hc_target::computes. */
static struct child {
	const struct run *run;
	struct hc_session *session; /**< NULL: not there yet */
} child;

/** End here when the shell can compute it. */
static void on_part(void *ctx, enum hc_target_part part)
{
	struct request request = {.part = part};

	if (!child.session || child.session->answers)
		return;
	while (child.run->shell->cores[request.core]->session.target != ctx)
		request.core++;
	for (unsigned i = 0; i < child.session->num_targets; i++) {
		if (child.session->targets[i] == ctx)
			request.remarks_shown = child.session->remarks_shown[i];
	}
	hc_progress_destroy(child.session->progress);
	hc_unfinished_remove_all();
	/* Less than PIPE_BUF: whole or not at all. */
	_exit(write(child.run->requests[1], &request, sizeof(request)) == sizeof(request)
		      ? 0
		      : HC_EXIT_TROUBLE);
}

static void on_session(void *ctx, struct hc_session *session)
{
	(void)ctx;
	child.session = session;
}

/** The terminal's; zeroes: it doesn't tell, or there is none. */
static struct winsize screen_size(void)
{
	struct winsize size = {0};

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	return size;
}

/** Lay out for the screen, also through a pager. */
static void tell_columns(void)
{
	struct winsize size = screen_size();
	char columns[16];

	snprintf(columns, sizeof(columns), "%u", size.ws_col);
	if (size.ws_col)
		setenv("COLUMNS", columns, false);
}

/** @param asks whether the shell computes what is missing */
static void become_command(const struct run *run, bool asks)
{
	int null = open("/dev/null", O_RDONLY);

	hc_signals_init(hc_progress_abandon);
	child = (struct child){.run = run};
	close(run->requests[0]);
	/* stdin is the shell's: its commands come from there. */
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (run->out >= 0) {
		if (!run->words->pipe)
			tell_columns();
		dup2(run->out, STDOUT_FILENO);
		close(run->out);
	}
	for (size_t i = 0; i < run->shell->num_cores; i++) {
		struct hc_target *target = run->shell->cores[i]->session.target;

		target->computes = asks ? on_part : NULL;
		target->computes_ctx = target;
	}
}

int hc_shell_verb(struct hc_shell *shell, struct hc_shell_words *words)
{
	const struct hc_verb *verb = hc_verb_find(words->items[0]);
	struct hc_loan *loans = calloc(shell->num_cores ? shell->num_cores : 1, sizeof(*loans));
	struct hc_run_context context = {
		.options = shell->session->options,
		.loans = loans,
		.num_loans = shell->num_cores,
		.begins = on_session,
	};

	if (!loans)
		return hc_run_report(NULL, &hc_enomem);
	for (size_t i = 0; i < shell->num_cores; i++) {
		const struct hc_shell_core *core = shell->cores[i];

		loans[i] = (struct hc_loan){
			.path = core->path,
			.with = &core->options,
			.target = core->session.target,
			.signatures = core->session.signatures,
			.masker = core->session.masker,
			.remarks_shown = core->remarks_shown,
		};
	}
	int status = hc_run_within(verb, words->num, words->items, &context);
	free(loans);
	return status;
}
/**@}*/

/** @name Output */
/**@{*/

/** Start sh(1) on a command that reads from a pipe. @param[out] in_ret the pipe @return -1: failed
 */
static pid_t start_reader(const char *command, int *in_ret)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	fflush(NULL);
	pid_t pid = fork();
	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		dup2(fds[0], STDIN_FILENO);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(fds[0]);
	if (pid < 0)
		close(fds[1]);
	else
		*in_ret = fds[1];
	return pid;
}

/** @return exit status */
static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return HC_EXIT_TROUBLE;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t written = write(fd, data, size);

		if (written < 0 && errno != EINTR)
			return false;
		if (written > 0) {
			data += written;
			size -= written;
		}
	}
	return true;
}

/** Output that may be too long for the screen. */
struct pages {
	const char *pager;
	char text[64 << 10]; /**< what was held back */
	size_t size;
	unsigned lines, rows;
	pid_t pid; /**< of the pager; 0: it is not needed yet */
	int fd;    /**< where it goes */
};

/** It is long, or all of it is there: nothing is held back any more. */
static bool release(struct pages *pages)
{
	size_t size = pages->size;

	pages->size = 0;
	return write_all(pages->fd, pages->text, size);
}

static bool start_pager(struct pages *pages)
{
	pages->pid = start_reader(pages->pager, &pages->fd);
	if (pages->pid < 0) {
		pages->pid = 0;
		pages->rows = UINT32_MAX;
	}
	return release(pages);
}

/** Take some output. @return false: nobody wants more */
static bool take(struct pages *pages, const char *data, size_t size)
{
	if (!pages->pid && pages->rows != UINT32_MAX) {
		for (size_t i = 0; i < size; i++)
			pages->lines += data[i] == '\n';
		if (pages->lines < pages->rows && size <= sizeof(pages->text) - pages->size) {
			memcpy(pages->text + pages->size, data, size);
			pages->size += size;
			return true;
		}
		if (!start_pager(pages))
			return false;
	}
	return write_all(pages->fd, data, size);
}

/** Whose reader has gone is told so by write(2): no reason to end. */
static void ignore_pipes(struct sigaction *old_ret)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGPIPE, &ignore, old_ret);
}

/** Pass on what a command writes until it ends. */
static void pass_on(struct pages *pages, int from)
{
	struct sigaction old;
	char data[16 << 10];
	ssize_t size;

	ignore_pipes(&old);
	while ((size = read(from, data, sizeof(data))) > 0 || (size < 0 && errno == EINTR)) {
		if (size > 0 && !take(pages, data, size))
			break;
	}
	close(from);
	sigaction(SIGPIPE, &old, NULL);
}

static void finish_pages(struct pages *pages)
{
	struct sigaction old;

	ignore_pipes(&old);
	release(pages);
	sigaction(SIGPIPE, &old, NULL);
	if (!pages->pid)
		return;
	close(pages->fd);
	wait_for(pages->pid);
}

/** What shows long output; NULL: nothing does. */
static const char *find_pager(const struct hc_shell *shell)
{
	const char *pager = getenv("PAGER");

	return shell->interactive && isatty(STDOUT_FILENO) && pager && *pager ? pager : NULL;
}
/**@}*/

/** Fork the command. @param pages NULL: it writes where it is to @return exit status */
static int fork_once(struct run *run, struct pages *pages, bool asks)
{
	int out[2] = {-1, -1};

	if (pipe2(run->requests, O_CLOEXEC) || (pages && pipe2(out, O_CLOEXEC)))
		return hc_run_report(NULL, hc_error_os(errno, "cannot make a pipe"));
	if (pages)
		run->out = out[1];
	fflush(NULL);
	pid_t pid = fork();
	if (!pid) {
		become_command(run, asks);
		_exit(run->fn(run->shell, run->words));
	}
	close(run->requests[1]);
	if (pages) {
		close(out[1]);
		pass_on(pages, out[0]);
	}
	run->has_request =
		read(run->requests[0], &run->request, sizeof(run->request)) == sizeof(run->request);
	close(run->requests[0]);
	return pid < 0 ? hc_run_report(NULL, hc_error_os(errno, "cannot start a process"))
		       : wait_for(pid);
}

/** Compute what a command asked for. @return false: somebody ended it */
static bool compute(struct hc_shell *shell, const struct request *request)
{
	struct hc_session *session = &shell->cores[request->core]->session;

	shell->cores[request->core]->remarks_shown = request->remarks_shown;
	session->progress = session->options->quiet ? NULL : hc_progress_create();
	struct hc_error *err = hc_target_compute(session->target, request->part);
	hc_session_phase(session, NULL);
	hc_progress_destroy(session->progress);
	session->progress = NULL;
	bool cancelled = err && err->code == HC_ERROR_CANCELLED;
	/* Any other failure comes up again in the command, which says it. */
	hc_error_destroy(err);
	return !cancelled;
}

/** Fork the command until it has everything. @return exit status */
static int fork_until_done(struct run *run, struct pages *pages)
{
	unsigned rounds = 0;
	int status;

	do {
		/* Of several cores all may be meant: the remarks of the current one are shown. */
		struct hc_shell_core *core = hc_shell_current(run->shell);
		size_t remarks = core ? core->session.target->process->diag.num : 0;

		status = fork_once(run, pages, rounds < MAX_ROUNDS);
		if (core && !run->has_request)
			core->remarks_shown = remarks;
	} while (run->has_request && compute(run->shell, &run->request) && ++rounds);
	return run->has_request ? 128 + SIGINT : status;
}

int hc_shell_fork(struct hc_shell *shell, hc_shell_fn *fn, struct hc_shell_words *words)
{
	struct run run = {.shell = shell, .words = words, .fn = fn, .out = -1};
	struct pages pages = {.pager = find_pager(shell), .fd = STDOUT_FILENO};
	unsigned rows = screen_size().ws_row;
	pid_t reader = 0;

	if (words->pipe && (reader = start_reader(words->pipe, &run.out)) < 0)
		return hc_run_report(NULL, hc_error_os(errno, "cannot start sh"));
	bool paged = !words->pipe && pages.pager && rows;
	pages.rows = rows;
	int status = fork_until_done(&run, paged ? &pages : NULL);
	if (paged)
		finish_pages(&pages);
	if (!reader)
		return status;
	close(run.out);
	int last = wait_for(reader);
	/* Who reads the first lines only has not failed, and neither has who wrote them. */
	return status && status != 128 + SIGPIPE ? status : last;
}
