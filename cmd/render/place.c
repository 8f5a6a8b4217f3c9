/**
 * @file
 * The place that an output will have; see place.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/render/place.h"
#include "core/base/cleanup.h"

/** Names at random are as good as free. */
#define MAX_TRIES 100

/** "/proc/self/fd/" and a number. */
#define FD_PATH_SIZE 32

static struct hc_error *cannot(const char *what, const struct hc_place *place, int errnum)
{
	return hc_error_create(HC_ERROR_ARGUMENT, "cannot %s %s: %s", what, place->path,
			       strerror(errnum));
}

static struct hc_error *left_alone(const struct hc_place *place, const char *why)
{
	return hc_error_create(HC_ERROR_ARGUMENT, "%s %s; it was left alone", place->path, why);
}

/** Split at the last slash; those at the end mean nothing for a directory to be made. */
static struct hc_error *split_path(struct hc_place *place)
{
	hc_cleanup_free char *parent = strdup(place->path);

	if (!parent)
		return &hc_enomem;
	for (size_t size = strlen(parent); size > 1 && parent[size - 1] == '/'; size--)
		parent[size - 1] = '\0';
	char *slash = strrchr(parent, '/');
	place->name = strdup(slash ? slash + 1 : parent);
	if (!place->name)
		return &hc_enomem;
	if (slash)
		slash[slash == parent] = '\0';
	place->dir = open(slash ? parent : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return place->dir < 0 ? cannot("create", place, errno) : NULL;
}

struct hc_error *hc_place_init(struct hc_place *place, const char *path, bool force, bool named,
			       const struct hc_inputs *inputs)
{
	*place = (struct hc_place){
		.path = strdup(path),
		.dir = -1,
		.named = named,
		.force = force,
		.inputs = inputs,
	};
	struct hc_error *err = place->path ? split_path(place) : &hc_enomem;

	place->unfinished.dir = place->dir;
	return err;
}

void hc_place_deinit(struct hc_place *place)
{
	hc_unfinished_remove(&place->unfinished);
	hc_closep(&place->dir);
	free(place->name);
	free(place->path);
}

struct hc_error *hc_place_look(struct hc_place *place)
{
	struct stat st, behind;

	place->replaces = false;
	if (fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? NULL : cannot("create", place, errno);
	if (place->inputs && !fstatat(place->dir, place->name, &behind, 0)) {
		struct hc_error *err = hc_inputs_refuse(place->inputs, &behind, place->path);
		if (err)
			return err;
	}
	if (S_ISLNK(st.st_mode))
		return left_alone(place, "is a symbolic link");
	if (!S_ISREG(st.st_mode))
		return left_alone(place, "is not a regular file");
	if (!place->force)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "%s exists; it was left alone (--force replaces a file)",
				       place->path);
	place->replaces = true;
	return NULL;
}

/** A file without a name. @return whether it can be made, and be given one later */
static bool create_nameless(const struct hc_place *place, int *fd_ret)
{
	char path[FD_PATH_SIZE];

	if (place->named)
		return false;
	int fd = openat(place->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (access(path, F_OK)) {
		close(fd); /* no /proc, no name for it */
		return false;
	}
	*fd_ret = fd;
	return true;
}

/** Something under a name of its own, by which it is removed if nothing becomes of it. */
static struct hc_error *create_named(struct hc_place *place, int *fd_ret)
{
	struct hc_unfinished *unfinished = &place->unfinished;
	int fd = -1;

	for (unsigned i = 0; i < MAX_TRIES && fd < 0; i++) {
		sigset_t old;
		hc_unfinished_choose(unfinished);
		hc_signals_hold(&old);
		if (!unfinished->directory)
			fd = openat(place->dir, unfinished->name,
				    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		else if (!mkdirat(place->dir, unfinished->name, 0700))
			fd = openat(place->dir, unfinished->name,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		int errnum = errno;
		if (fd >= 0)
			hc_unfinished_add(unfinished);
		else if (unfinished->directory && errnum != EEXIST)
			unlinkat(place->dir, unfinished->name, AT_REMOVEDIR);
		hc_signals_release(&old);
		if (fd < 0 && errnum != EEXIST)
			return cannot("create", place, errnum);
	}
	if (fd < 0)
		return cannot("create", place, EEXIST);
	*fd_ret = fd;
	return NULL;
}

struct hc_error *hc_place_create(struct hc_place *place, int *fd_ret)
{
	return create_nameless(place, fd_ret) ? NULL : create_named(place, fd_ret);
}

struct hc_error *hc_place_create_directory(struct hc_place *place, int *fd_ret)
{
	place->unfinished.directory = true;
	return create_named(place, fd_ret);
}

static bool is_named(const struct hc_place *place)
{
	return place->unfinished.name[0];
}

/** Name a file that has none. @return as linkat(2) */
static int link_nameless(const struct hc_place *place, int fd, const char *name)
{
	char path[FD_PATH_SIZE];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, place->dir, name, AT_SYMLINK_FOLLOW);
}

/** The temporary name, for a file that has none: only rename(2) replaces. @return an errno */
static int name_nameless(struct hc_place *place, int fd)
{
	for (unsigned i = 0; i < MAX_TRIES; i++) {
		hc_unfinished_choose(&place->unfinished);
		if (!link_nameless(place, fd, place->unfinished.name)) {
			hc_unfinished_add(&place->unfinished);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	place->unfinished.name[0] = '\0';
	return errno;
}

static int rename_unfinished(const struct hc_place *place, unsigned flags)
{
	return renameat2(place->dir, place->unfinished.name, place->dir, place->name, flags);
}

/** Whether renameat2() failed for its flags: not every file system knows them. */
static bool lacks_flags(int errnum)
{
	return errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP;
}

/**
 * Take a name that must be free. Without RENAME_NOREPLACE an empty file takes it first, and is
 * replaced; a directory needs none of that, since rename(2) lets it replace only an empty one.
 *
 * @return an errno
 */
static int take_free_name(struct hc_place *place, int fd)
{
	if (!is_named(place))
		return link_nameless(place, fd, place->name) ? errno : 0;
	if (place->unfinished.directory)
		return rename_unfinished(place, 0) ? errno : 0;
	int errnum = rename_unfinished(place, RENAME_NOREPLACE) ? errno : 0;
	if (!lacks_flags(errnum))
		return errnum;
	hc_cleanup_close int reserved =
		openat(place->dir, place->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (reserved < 0)
		return errno;
	if (!rename_unfinished(place, 0))
		return 0;
	errnum = errno;
	unlinkat(place->dir, place->name, 0);
	return errnum;
}

/** Without RENAME_EXCHANGE a directory that is not empty is moved away first. @return an errno */
static int replace_directory(struct hc_place *place)
{
	struct hc_unfinished away = {0};

	hc_unfinished_choose(&away);
	if (renameat(place->dir, place->name, place->dir, away.name))
		return errno;
	if (rename_unfinished(place, 0)) {
		int errnum = errno;
		renameat(place->dir, away.name, place->dir, place->name);
		return errnum;
	}
	memcpy(place->unfinished.name, away.name, sizeof(away.name));
	place->exchanged = true;
	return 0;
}

/** Take the name from what has it. @return an errno */
static int replace(struct hc_place *place, int fd, bool undo)
{
	bool directory = place->unfinished.directory;
	int errnum = is_named(place) ? 0 : name_nameless(place, fd);

	if (errnum)
		return errnum;
	if (undo || directory) {
		errnum = rename_unfinished(place, RENAME_EXCHANGE) ? errno : 0;
		place->exchanged = !errnum;
		if (!lacks_flags(errnum))
			return errnum;
	}
	return directory ? replace_directory(place) : rename_unfinished(place, 0) ? errno : 0;
}

struct hc_error *hc_place_take(struct hc_place *place, int fd, bool undo)
{
	int errnum = place->replaces ? replace(place, fd, undo) : take_free_name(place, fd);

	if (errnum == EEXIST || errnum == ENOTEMPTY)
		return left_alone(place, "came into being meanwhile");
	if (errnum)
		return cannot("create", place, errnum);
	place->taken = true;
	/* What was exchanged is what remains to be removed. */
	if (!place->exchanged)
		hc_unfinished_drop(&place->unfinished);
	return NULL;
}

void hc_place_undo(struct hc_place *place)
{
	if (!place->taken)
		return;
	place->taken = false;
	if (place->exchanged)
		rename_unfinished(place, RENAME_EXCHANGE);
	else if (!place->replaces)
		unlinkat(place->dir, place->name, 0);
	place->exchanged = false;
}

void hc_place_settle(struct hc_place *place)
{
	hc_unfinished_remove(&place->unfinished);
	/*
	 * The content is on the disk. If the name can't be made to be, a crash soon after may lose
	 * it, which is no reason to call the run a failure.
	 */
	hc_cleanup_close int fd = openat(place->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}
