/**
 * @file
 * Where results go; see output.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/render/output.h"
#include "cmd/render/place.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

#define DEFAULT_WIDTH 80
#define MIN_WIDTH 40
#define MAX_WIDTH 500

struct hc_output_target {
	int fd;
	int errnum; /**< of the first write that failed; a stream keeps only that one did */
	char *path; /**< for messages; NULL: stdout */
	const struct hc_inputs *inputs; /**< or NULL */
	bool has_place;                 /**< @ref place is to be taken */
	struct hc_place place;
};

/** An argument's fault: the core has nothing to do with it. */
static struct hc_error *cannot(const char *what, const char *path, int errnum)
{
	return hc_error_create(HC_ERROR_ARGUMENT, "cannot %s %s: %s", what, path, strerror(errnum));
}

static unsigned screen_width(int fd, bool terminal)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	unsigned long width = DEFAULT_WIDTH;

	if (columns && *columns)
		width = strtoul(columns, NULL, 10);
	else if (terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		width = size.ws_col;
	return width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width;
}

static void describe_screen(enum hc_color_mode color, struct hc_output *out)
{
	int fd = out->target->fd;
	const char *term = getenv("TERM");
	struct stat st;

	out->terminal = isatty(fd);
	out->color =
		color == HC_COLOR_ALWAYS || (color == HC_COLOR_AUTO && out->terminal &&
					     !getenv("NO_COLOR") && term && strcmp(term, "dumb"));
	out->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	out->width = screen_width(fd, out->terminal);
	out->is_file = !fstat(fd, &st) && S_ISREG(st.st_mode);
	out->is_screen = out->terminal || getenv("COLUMNS");
}

/** @name Targets */
/**@{*/

static void destroy_target(struct hc_output_target *target)
{
	if (!target)
		return;
	/* stdout stays open when the run fails: there is nothing to learn from closing it. */
	if (target->path)
		hc_closep(&target->fd);
	if (target->has_place)
		hc_place_deinit(&target->place);
	free(target->path);
	free(target);
}

static void destroy_targetp(struct hc_output_target **target)
{
	destroy_target(*target);
}

/** @param path NULL: stdout */
static struct hc_error *create_target(const char *path, struct hc_output_target **ret)
{
	hc_cleanup(destroy_targetp) struct hc_output_target *target = calloc(1, sizeof(*target));

	if (!target)
		return &hc_enomem;
	target->fd = path ? -1 : STDOUT_FILENO;
	target->path = path ? strdup(path) : NULL;
	if (path && !target->path)
		return &hc_enomem;
	*ret = hc_steal(target);
	return NULL;
}

/** A stream that remembers why it failed. */
static ssize_t write_target(void *ctx, const char *data, size_t size)
{
	struct hc_output_target *target = ctx;
	size_t done = 0;

	while (done < size && !target->errnum) {
		/* The reader of a pipe may take its time. */
		if (!hc_signals_wait())
			target->errnum = EINTR;
		ssize_t n = target->errnum ? 0 : write(target->fd, data + done, size - done);
		int errnum = errno;
		hc_signals_waited();
		if (n >= 0)
			done += n;
		else if (errnum != EINTR)
			target->errnum = errnum;
	}
	return target->errnum ? 0 : (ssize_t)size;
}

/** Take the target over and make it an output. */
static struct hc_error *open_stream(struct hc_output_target *opened, enum hc_color_mode color,
				    struct hc_output *ret)
{
	hc_cleanup(destroy_targetp) struct hc_output_target *target = opened;
	FILE *file = fopencookie(target, "w", (cookie_io_functions_t){.write = write_target});

	if (!file)
		return &hc_enomem;
	struct hc_output out = {.file = file, .target = target, .direct = !target->has_place};
	describe_screen(color, &out);
	if (out.terminal)
		setvbuf(file, NULL, _IOLBF, BUFSIZ);
	target = NULL;
	*ret = out;
	return NULL;
}
/**@}*/

/** @name Opening */
/**@{*/

bool hc_output_is_stdout(const char *path)
{
	struct stat st, out;

	if (!path || !strcmp(path, "-"))
		return true;
	if (stat(path, &st) || fstat(STDOUT_FILENO, &out) || st.st_dev != out.st_dev ||
	    st.st_ino != out.st_ino)
		return false;
	/* /dev/null is a place of its own, also where stdout happens to lead there. */
	return !S_ISCHR(st.st_mode) || isatty(STDOUT_FILENO);
}

/** Whether there is something that is written to directly. */
static bool is_direct(const struct stat *st)
{
	return S_ISCHR(st->st_mode) || S_ISFIFO(st->st_mode);
}

/** A device or a pipe. Opening a pipe waits for its reader, as a shell does. */
static struct hc_error *open_direct(struct hc_output_target *target, const struct stat *seen)
{
	struct stat st;

	if (S_ISFIFO(seen->st_mode) && seen->st_uid && seen->st_uid != geteuid())
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "%s is somebody else's pipe; it was left alone",
				       target->path);
	target->fd = open(target->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (target->fd < 0 || fstat(target->fd, &st))
		return cannot("write to", target->path, errno);
	if (st.st_dev != seen->st_dev || st.st_ino != seen->st_ino)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "%s was replaced while it was opened; it was left alone",
				       target->path);
	return NULL;
}

static struct hc_error *open_file(struct hc_output_target *target,
				  const struct hc_output_options *options)
{
	struct hc_error *err = hc_place_init(&target->place, target->path, options->force,
					     options->named, options->inputs);

	target->has_place = true;
	if (!err && target->path[strlen(target->path) - 1] == '/')
		err = hc_error_create(HC_ERROR_ARGUMENT, "%s names a directory, not a file",
				      target->path);
	if (!err)
		err = hc_place_look(&target->place);
	return err ? err : hc_place_create(&target->place, &target->fd);
}

static struct hc_error *check_target(struct hc_output_target *target)
{
	if (target->has_place)
		return hc_place_look(&target->place);
	return target->inputs && !target->path ? hc_inputs_refuse_standard(target->inputs) : NULL;
}

struct hc_error *hc_output_open(const char *path, const struct hc_output_options *options,
				struct hc_output *ret)
{
	hc_cleanup(destroy_targetp) struct hc_output_target *target = NULL;
	bool to_stdout = hc_output_is_stdout(path);
	struct stat st;

	if (!to_stdout && !*path)
		return hc_error_create(HC_ERROR_ARGUMENT, "the name of the output is empty");
	struct hc_error *err = create_target(to_stdout ? NULL : path, &target);
	if (err)
		return err;
	target->inputs = options->inputs;
	if (to_stdout)
		err = check_target(target);
	else
		err = !stat(path, &st) && is_direct(&st) ? open_direct(target, &st)
							 : open_file(target, options);
	return err ? err : open_stream(hc_steal(target), options->color, ret);
}

char *hc_output_path(const struct hc_output *out)
{
	const struct hc_place *place = &out->target->place;

	return hc_format("/proc/self/fd/%d/%s", place->dir, place->unfinished.name);
}

struct hc_error *hc_output_check(const struct hc_output *out)
{
	return check_target(out->target);
}
/**@}*/

/** @name Finishing */
/**@{*/

static struct hc_error *write_failed(const struct hc_output_target *target, int errnum)
{
	return cannot("write to", target->path ? target->path : "standard output", errnum);
}

/** Everything to where it goes, but for the name. */
static struct hc_error *complete(struct hc_output *out)
{
	struct hc_output_target *target = out->target;
	bool failed = fclose(hc_steal(out->file));

	if (target->errnum || failed)
		return write_failed(target, target->errnum ? target->errnum : errno);
	/* Some file systems report a full disk only now. */
	if (target->has_place && fsync(target->fd) && errno != EINVAL && errno != EROFS)
		return write_failed(target, errno);
	/* The name is given through the descriptor. */
	if (target->has_place)
		return NULL;
	int fd = target->fd;
	target->fd = -1;
	return close(fd) ? write_failed(target, errno) : NULL;
}

static struct hc_error *take_place(struct hc_output_target *target, bool undo)
{
	if (!target->has_place)
		return NULL;
	struct hc_error *err = hc_place_look(&target->place);
	return err ? err : hc_place_take(&target->place, target->fd, undo);
}

static void settle(struct hc_output *out)
{
	if (out->target->has_place)
		hc_place_settle(&out->target->place);
}

struct hc_error *hc_output_finish(struct hc_output *out)
{
	struct hc_error *err = complete(out);
	sigset_t old;

	hc_signals_hold(&old);
	if (!err)
		err = take_place(out->target, false);
	hc_signals_release(&old);
	if (!err)
		settle(out);
	hc_output_discard(out);
	return err;
}

struct hc_error *hc_output_finish_both(struct hc_output *first, struct hc_output *second)
{
	struct hc_error *err = complete(first);
	sigset_t old;

	if (!err)
		err = complete(second);
	hc_signals_hold(&old);
	if (!err)
		err = take_place(first->target, true);
	if (!err && (err = take_place(second->target, true)) && first->target->has_place)
		hc_place_undo(&first->target->place);
	hc_signals_release(&old);
	if (!err) {
		settle(first);
		settle(second);
	}
	hc_output_discard(first);
	hc_output_discard(second);
	return err;
}

void hc_output_discard(struct hc_output *out)
{
	struct hc_output_target *target = out->target;

	/* What stdout was given before something failed is what a reader gets. */
	if (out->file && target->has_place && !target->errnum)
		target->errnum = ECANCELED;
	if (out->file)
		fclose(hc_steal(out->file));
	destroy_target(hc_steal(out->target));
}
/**@}*/

/** @name Directories */
/**@{*/

struct hc_output_directory {
	struct hc_output_options options;
	bool (*is_ours)(const char *name);
	int fd;
	struct hc_place place;
};

static struct hc_error *refuse_directory(const struct hc_place *place, const char *why)
{
	return hc_error_create(HC_ERROR_ARGUMENT, "%s %s; it was left alone, give a new directory",
			       place->path, why);
}

/** Whether all that is in the directory that is there may go. */
static struct hc_error *look_inside(struct hc_output_directory *directory, int fd)
{
	struct hc_place *place = &directory->place;
	DIR *stream = fdopendir(fd);
	struct hc_error *err = NULL;
	struct dirent *entry;
	struct stat st;

	if (!stream) {
		close(fd);
		return cannot("read", place->path, errno);
	}
	while (!err && (entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		place->replaces = true;
		if (!place->force)
			err = hc_error_create(HC_ERROR_ARGUMENT,
					      "%s exists and is not empty; it was left alone "
					      "(--force replaces what an earlier run wrote there)",
					      place->path);
		else if (!directory->is_ours(entry->d_name) ||
			 fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
			 !S_ISREG(st.st_mode))
			err = hc_error_create(HC_ERROR_ARGUMENT,
					      "%s holds %s, which no earlier run wrote; it was "
					      "left alone, give a new directory",
					      place->path, entry->d_name);
		else if (place->inputs)
			err = hc_inputs_refuse(place->inputs, &st, entry->d_name);
	}
	closedir(stream);
	return err;
}

/** Whether the directory may get its name now; see output.h. */
static struct hc_error *look_at_directory(struct hc_output_directory *directory)
{
	struct hc_place *place = &directory->place;
	struct stat st, parent, here;

	place->replaces = false;
	if (fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? NULL : cannot("create", place->path, errno);
	if (S_ISLNK(st.st_mode))
		return refuse_directory(place, "is a symbolic link");
	if (!S_ISDIR(st.st_mode))
		return refuse_directory(place, "exists and is no directory");
	/* Those can't be renamed over, or would leave a shell in a place without a name. */
	if (!fstat(place->dir, &parent) && parent.st_dev != st.st_dev)
		return refuse_directory(place, "is where a file system is mounted");
	if (!stat(".", &here) && here.st_dev == st.st_dev && here.st_ino == st.st_ino)
		return refuse_directory(place, "is the working directory");
	int fd = openat(place->dir, place->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? cannot("read", place->path, errno) : look_inside(directory, fd);
}

static void destroy_directoryp(struct hc_output_directory **directory)
{
	hc_output_directory_destroy(*directory);
}

struct hc_error *hc_output_directory_create(const char *path,
					    const struct hc_output_options *options,
					    bool (*is_ours)(const char *name),
					    struct hc_output_directory **ret)
{
	hc_cleanup(destroy_directoryp) struct hc_output_directory *directory =
		calloc(1, sizeof(*directory));

	if (!directory)
		return &hc_enomem;
	directory->options = *options;
	directory->is_ours = is_ours;
	directory->fd = -1;
	struct hc_error *err =
		hc_place_init(&directory->place, path, options->force, true, options->inputs);
	if (!err)
		err = look_at_directory(directory);
	if (!err)
		err = hc_place_create_directory(&directory->place, &directory->fd);
	if (err)
		return err;
	*ret = hc_steal(directory);
	return NULL;
}

struct hc_error *hc_output_directory_open(struct hc_output_directory *directory, const char *name,
					  struct hc_output *ret)
{
	hc_cleanup(destroy_targetp) struct hc_output_target *target = NULL;
	hc_cleanup_free char *path = hc_format("%s/%s", directory->place.path, name);
	struct hc_error *err = path ? create_target(path, &target) : &hc_enomem;
	if (err)
		return err;
	target->fd = openat(directory->fd, name,
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (target->fd < 0)
		return cannot("create", path, errno);
	return open_stream(hc_steal(target), HC_COLOR_NEVER, ret);
}

struct hc_error *hc_output_directory_finish(struct hc_output_directory *directory)
{
	struct hc_place *place = &directory->place;
	sigset_t old;

	/* One for all of them: thousands of files may be in it. */
	if (syncfs(directory->fd) && errno != EINVAL && errno != ENOSYS)
		return cannot("write to", place->path, errno);
	struct hc_error *err = look_at_directory(directory);
	if (err)
		return err;
	hc_signals_hold(&old);
	err = hc_place_take(place, directory->fd, true);
	hc_signals_release(&old);
	if (!err)
		hc_place_settle(place);
	return err;
}

void hc_output_directory_destroy(struct hc_output_directory *directory)
{
	if (!directory)
		return;
	hc_closep(&directory->fd);
	hc_place_deinit(&directory->place);
	free(directory);
}
/**@}*/
