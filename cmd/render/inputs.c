/**
 * @file
 * The files that a run reads; see inputs.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/render/inputs.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

void hc_inputs_deinit(struct hc_inputs *inputs)
{
	for (size_t i = 0; i < inputs->num; i++)
		free(inputs->items[i].name);
	free(inputs->items);
	*inputs = (struct hc_inputs){0};
}

static const struct hc_input *find(const struct hc_inputs *inputs, const struct stat *st)
{
	for (size_t i = 0; i < inputs->num; i++) {
		if (inputs->items[i].device == st->st_dev && inputs->items[i].inode == st->st_ino)
			return &inputs->items[i];
	}
	return NULL;
}

static bool can_be_destroyed(const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISBLK(st->st_mode);
}

/** Append. @param name not owned; NULL is fine */
static void append(struct hc_inputs *inputs, const struct hc_input *input)
{
	struct hc_error *err =
		hc_array_reserve(&inputs->items, inputs->num, sizeof(*inputs->items));

	if (err) {
		hc_error_destroy(err);
		inputs->incomplete = true;
		return;
	}
	inputs->items[inputs->num] = *input;
	inputs->items[inputs->num++].name = input->name ? strdup(input->name) : NULL;
}

static void add(struct hc_inputs *inputs, const struct stat *st, const char *name)
{
	const struct hc_input input = {st->st_dev, st->st_ino, (char *)name};

	if (can_be_destroyed(st) && !find(inputs, st))
		append(inputs, &input);
}

void hc_inputs_add_all(struct hc_inputs *inputs, const struct hc_inputs *others)
{
	inputs->incomplete |= others->incomplete;
	for (size_t i = 0; i < others->num; i++)
		append(inputs, &others->items[i]);
}

/** Signature files; the folder's own rule is not asked, so that a file too many is protected. */
static void add_folder(struct hc_inputs *inputs, const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;
	struct stat st;

	while (folder && (entry = readdir(folder))) {
		size_t size = strlen(entry->d_name);
		if (size > 4 && !strcmp(entry->d_name + size - 4, ".ini") &&
		    !fstatat(dirfd(folder), entry->d_name, &st, 0))
			add(inputs, &st, entry->d_name);
	}
	if (folder)
		closedir(folder);
}

void hc_inputs_add(struct hc_inputs *inputs, const char *path)
{
	struct stat st;

	if (!strcmp(path, "-"))
		hc_inputs_add_open(inputs, "standard input", STDIN_FILENO);
	if (stat(path, &st))
		return;
	if (S_ISDIR(st.st_mode))
		add_folder(inputs, path);
	else
		add(inputs, &st, path);
}

void hc_inputs_add_open(struct hc_inputs *inputs, const char *path, int fd)
{
	struct stat st;

	if (!fstat(fd, &st))
		add(inputs, &st, path ? path : "a file");
}

struct hc_error *hc_inputs_refuse(const struct hc_inputs *inputs, const struct stat *st,
				  const char *output)
{
	if (inputs->incomplete)
		return &hc_enomem;
	if (!can_be_destroyed(st))
		return NULL;
	const struct hc_input *input = find(inputs, st);
	if (!input)
		return NULL;
	if (input->name && strcmp(input->name, output))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "%s is the same file as %s, which is being read; it was "
				       "left alone, give another output",
				       output, input->name);
	return hc_error_create(HC_ERROR_ARGUMENT,
			       "%s is being read; it was left alone, give another output", output);
}

struct hc_error *hc_inputs_refuse_standard(const struct hc_inputs *inputs)
{
	struct hc_error *err = NULL;
	struct stat st;

	if (!fstat(STDERR_FILENO, &st) && (err = hc_inputs_refuse(inputs, &st, "standard error"))) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (null >= 0)
			dup2(null, STDERR_FILENO);
		hc_closep(&null);
	}
	if (!err && !fstat(STDOUT_FILENO, &st))
		err = hc_inputs_refuse(inputs, &st, "standard output");
	return err;
}
