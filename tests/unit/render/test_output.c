/**
 * @file
 * Outputs: their names, and what is left when they are given up. Each test runs twice, with files
 * that have no name while they are written and with those that have one.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "cmd/render/output.h"
#include "cmd/render/unfinished.h"

static char folder[64];
static struct hc_inputs inputs;
static struct hc_output_options options;

static int setup(bool named)
{
	strcpy(folder, "/tmp/heapcore-test-XXXXXX");
	options = (struct hc_output_options){
		.color = HC_COLOR_NEVER, .inputs = &inputs, .named = named};
	return !mkdtemp(folder) || chdir(folder);
}

static int setup_nameless(void **state)
{
	(void)state;
	return setup(false);
}

static int setup_named(void **state)
{
	(void)state;
	return setup(true);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	hc_inputs_deinit(&inputs);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *path, const char *text)
{
	char data[64] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	data[fread(data, 1, sizeof(data) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(data, text);
}

static unsigned count_entries(const char *path)
{
	DIR *stream = opendir(path);
	unsigned num = 0;

	assert_non_null(stream);
	while (readdir(stream))
		num++;
	closedir(stream);
	return num - 2;
}

static void begin(const char *path, const char *text, struct hc_output *ret)
{
	assert_ok(hc_output_open(path, &options, ret));
	assert_false(ret->direct);
	fputs(text, ret->file);
	fflush(ret->file);
}

static void test_name_when_complete(void **state)
{
	struct hc_output out;
	struct stat st;

	(void)state;
	begin("out", "new", &out);
	assert_int_equal(access("out", F_OK), -1);
	assert_int_equal(count_entries("."), options.named);
	assert_ok(hc_output_finish(&out));
	assert_holds("out", "new");
	assert_int_equal(count_entries("."), 1);
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
}

static void test_discard(void **state)
{
	struct hc_output out;

	(void)state;
	begin("out", "new", &out);
	hc_output_discard(&out);
	assert_int_equal(count_entries("."), 0);
	hc_output_discard(&out);
}

/** What was not there at the beginning may be at the end. */
static void test_came_into_being(void **state)
{
	struct hc_output out;

	(void)state;
	begin("out", "new", &out);
	put("out", "theirs");
	assert_fails(hc_output_finish(&out), HC_ERROR_ARGUMENT, "left alone");
	assert_holds("out", "theirs");
	assert_int_equal(count_entries("."), 1);
}

static void test_force(void **state)
{
	struct hc_output out;

	(void)state;
	put("out", "old");
	assert_fails(hc_output_open("out", &options, &out), HC_ERROR_ARGUMENT, "--force");
	options.force = true;
	begin("out", "new", &out);
	assert_holds("out", "old");
	assert_ok(hc_output_finish(&out));
	assert_holds("out", "new");
	begin("out", "newer", &out);
	hc_output_discard(&out);
	assert_holds("out", "new");
	assert_int_equal(count_entries("."), 1);
}

static void test_input_is_refused(void **state)
{
	struct hc_output out;

	(void)state;
	options.force = true;
	put("in", "precious");
	hc_inputs_add(&inputs, "in");
	assert_int_equal(symlink("in", "soft"), 0);
	assert_int_equal(link("in", "hard"), 0);
	assert_fails(hc_output_open("in", &options, &out), HC_ERROR_ARGUMENT, "being read");
	assert_fails(hc_output_open("soft", &options, &out), HC_ERROR_ARGUMENT, "same file as in");
	assert_fails(hc_output_open("hard", &options, &out), HC_ERROR_ARGUMENT, "same file as in");
}

/** An input that is found on the way, and a link to one that is made meanwhile. */
static void test_input_comes_late(void **state)
{
	struct hc_output out;

	(void)state;
	options.force = true;
	put("in", "precious");
	begin("in", "new", &out);
	hc_inputs_add(&inputs, "in");
	assert_fails(hc_output_check(&out), HC_ERROR_ARGUMENT, "being read");
	assert_fails(hc_output_finish(&out), HC_ERROR_ARGUMENT, "being read");
	begin("out", "new", &out);
	assert_int_equal(link("in", "out"), 0);
	assert_fails(hc_output_finish(&out), HC_ERROR_ARGUMENT, "same file as in");
	assert_holds("in", "precious");
	assert_int_equal(count_entries("."), 2);
}

static void test_both_or_neither(void **state)
{
	struct hc_output first, second;

	(void)state;
	begin("first", "1", &first);
	begin("second", "2", &second);
	put("second", "theirs");
	assert_fails(hc_output_finish_both(&first, &second), HC_ERROR_ARGUMENT, "--force");
	assert_holds("second", "theirs");
	assert_int_equal(count_entries("."), 1);

	options.force = true;
	put("first", "old");
	begin("first", "1", &first);
	begin("second", "2", &second);
	assert_int_equal(unlink("second"), 0);
	assert_int_equal(mkdir("second", 0700), 0);
	assert_fails(hc_output_finish_both(&first, &second), HC_ERROR_ARGUMENT, "not a regular");
	assert_holds("first", "old");
	assert_int_equal(count_entries("."), 2);

	assert_int_equal(rmdir("second"), 0);
	begin("first", "1", &first);
	begin("second", "2", &second);
	assert_ok(hc_output_finish_both(&first, &second));
	assert_holds("first", "1");
	assert_holds("second", "2");
	assert_int_equal(count_entries("."), 2);
}

static void test_links_and_pipes(void **state)
{
	struct hc_output out;

	(void)state;
	options.force = true;
	put("precious", "old");
	assert_int_equal(symlink("precious", "link"), 0);
	assert_int_equal(symlink("nothing", "dangling"), 0);
	assert_int_equal(symlink("/dev/null", "null"), 0);
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_fails(hc_output_open("link", &options, &out), HC_ERROR_ARGUMENT, "symbolic link");
	assert_fails(hc_output_open("dangling", &options, &out), HC_ERROR_ARGUMENT,
		     "symbolic link");
	assert_fails(hc_output_open(".", &options, &out), HC_ERROR_ARGUMENT, "not a regular");
	assert_fails(hc_output_open("new/", &options, &out), HC_ERROR_ARGUMENT, "directory");
	assert_fails(hc_output_open("", &options, &out), HC_ERROR_ARGUMENT, "empty");

	int reader = open("pipe", O_RDONLY | O_NONBLOCK);
	char data[8] = "";
	assert_ok(hc_output_open("pipe", &options, &out));
	assert_true(out.direct);
	fputs("text", out.file);
	assert_ok(hc_output_finish(&out));
	assert_int_equal(read(reader, data, sizeof(data)), 4);
	assert_string_equal(data, "text");
	close(reader);
	assert_ok(hc_output_open("null", &options, &out));
	assert_ok(hc_output_finish(&out));
	assert_int_equal(count_entries("."), 5);
}

/** The first error is the one that is told, however much is written after it. */
static void test_full_device(void **state)
{
	struct hc_output out;

	(void)state;
	assert_ok(hc_output_open("/dev/full", &options, &out));
	for (int i = 0; i < 100000; i++)
		fputs("more than any buffer", out.file);
	assert_fails(hc_output_finish(&out), HC_ERROR_ARGUMENT, "No space left on device");
}

static bool is_ours(const char *name)
{
	return name[0] == 'c';
}

static void begin_directory(const char *text, struct hc_output_directory **ret)
{
	struct hc_output out;

	assert_ok(hc_output_directory_create("dir", &options, is_ours, ret));
	assert_ok(hc_output_directory_open(*ret, "chunk", &out));
	fputs(text, out.file);
	assert_ok(hc_output_finish(&out));
}

static void finish_directory(const char *text)
{
	struct hc_output_directory *directory;

	begin_directory(text, &directory);
	assert_ok(hc_output_directory_finish(directory));
	hc_output_directory_destroy(directory);
	assert_holds("dir/chunk", text);
	assert_int_equal(count_entries("dir"), 1);
	assert_int_equal(count_entries("."), 1);
}

static void test_directory(void **state)
{
	struct hc_output_directory *directory;

	(void)state;
	begin_directory("part", &directory);
	assert_int_equal(access("dir", F_OK), -1);
	hc_output_directory_destroy(directory);
	assert_int_equal(count_entries("."), 0);
	finish_directory("whole");
	assert_fails(hc_output_directory_create("dir", &options, is_ours, &directory),
		     HC_ERROR_ARGUMENT, "not empty");
	options.force = true;
	finish_directory("new");
	assert_int_equal(unlink("dir/chunk"), 0);
	options.force = false;
	finish_directory("into an empty one");
}

static void test_directory_of_others(void **state)
{
	struct hc_output_directory *directory;

	(void)state;
	options.force = true;
	assert_int_equal(mkdir("dir", 0700), 0);
	put("dir/mine", "precious");
	assert_fails(hc_output_directory_create("dir", &options, is_ours, &directory),
		     HC_ERROR_ARGUMENT, "holds mine");
	assert_fails(hc_output_directory_create(".", &options, is_ours, &directory),
		     HC_ERROR_ARGUMENT, "working directory");
	assert_int_equal(unlink("dir/mine"), 0);
	put("dir/chunk", "precious");
	hc_inputs_add(&inputs, "dir/chunk");
	assert_fails(hc_output_directory_create("dir", &options, is_ours, &directory),
		     HC_ERROR_ARGUMENT, "being read");
	hc_inputs_deinit(&inputs);
	begin_directory("new", &directory);
	put("dir/mine", "meanwhile");
	assert_fails(hc_output_directory_finish(directory), HC_ERROR_ARGUMENT, "holds mine");
	hc_output_directory_destroy(directory);
	assert_holds("dir/chunk", "precious");
	assert_int_equal(count_entries("."), 1);
}

/** A child begins outputs and gets a signal. @return what waitpid(2) says */
static int interrupt_child(int signum, bool held)
{
	int status;
	pid_t child = fork();

	if (!child) {
		struct hc_output_directory *directory;
		struct hc_output out;
		const struct rlimit no_core = {0};
		sigset_t old;
		setrlimit(RLIMIT_CORE, &no_core);
		signal(signum, SIG_DFL);
		hc_signals_init(NULL);
		begin_directory("part", &directory);
		begin("out", "part", &out);
		if (held)
			hc_signals_hold(&old);
		raise(signum);
		if (held && hc_output_finish(&out) == NULL)
			hc_signals_release(&old);
		_exit(99);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void test_signals(void **state)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int status = interrupt_child(signals[i], false);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		assert_int_equal(count_entries("."), 0);
	}
	int status = interrupt_child(SIGTERM, true);
	assert_true(WIFSIGNALED(status));
	assert_holds("out", "part");
	assert_int_equal(count_entries("."), 1);
}

#define BOTH(test)                                                                                 \
	cmocka_unit_test_setup_teardown(test, setup_nameless, teardown),                           \
		cmocka_unit_test_setup_teardown(test, setup_named, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_name_when_complete),  BOTH(test_discard),
		BOTH(test_came_into_being),     BOTH(test_force),
		BOTH(test_input_is_refused),    BOTH(test_input_comes_late),
		BOTH(test_both_or_neither),     BOTH(test_links_and_pipes),
		BOTH(test_full_device),         BOTH(test_directory),
		BOTH(test_directory_of_others), BOTH(test_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
