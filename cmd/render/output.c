/**
 * @file
 * Where results go; see output.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/render/output.h"
#include "core/base/cleanup.h"

#define DEFAULT_WIDTH 80
#define MIN_WIDTH 40
#define MAX_WIDTH 500

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
	int fd = fileno(out->file);
	const char *term = getenv("TERM");

	out->terminal = isatty(fd);
	out->color =
		color == HC_COLOR_ALWAYS || (color == HC_COLOR_AUTO && out->terminal &&
					     !getenv("NO_COLOR") && term && strcmp(term, "dumb"));
	out->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	out->width = screen_width(fd, out->terminal);
}

/** Create a file that must not exist, for writing, with mode 0600. */
static struct hc_error *create_file(const char *path, FILE **ret)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == EEXIST)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "%s exists; it was left alone (--force replaces a file)",
				       path);
	if (fd < 0)
		return hc_error_os(errno, "cannot create %s", path);
	*ret = fdopen(fd, "w");
	if (!*ret) {
		close(fd);
		return &hc_enomem;
	}
	return NULL;
}

/** A file beside @p path that will take its place. */
static struct hc_error *create_beside(const char *path, char **temporary_ret, FILE **ret)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "%s is not a regular file; it was left alone", path);
	hc_cleanup_free char *temporary = NULL;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return &hc_enomem;
	}
	int fd = mkostemp(temporary, O_CLOEXEC); /* 0600 by its contract */
	if (fd < 0)
		return hc_error_os(errno, "cannot create a file beside %s", path);
	*ret = fdopen(fd, "w");
	if (!*ret) {
		close(fd);
		unlink(temporary);
		return &hc_enomem;
	}
	*temporary_ret = hc_steal(temporary);
	return NULL;
}

struct hc_error *hc_output_open(const char *path, bool force, enum hc_color_mode color,
				struct hc_output *ret)
{
	struct hc_output out = {.file = stdout};

	if (path && strcmp(path, "-")) {
		struct hc_error *err = force ? create_beside(path, &out.temporary, &out.file)
					     : create_file(path, &out.file);
		if (err)
			return err;
		out.path = strdup(path);
		if (!out.path) {
			unlink(out.temporary ? out.temporary : path);
			fclose(out.file);
			free(out.temporary);
			return &hc_enomem;
		}
	}
	describe_screen(color, &out);
	*ret = out;
	return NULL;
}

/** An error about the output, made before its path is given up. */
static struct hc_error *write_failed(struct hc_output *out, int errnum)
{
	struct hc_error *err = hc_error_os(errnum, "cannot write to %s",
					   out->path ? out->path : "standard output");

	hc_output_discard(out);
	return err;
}

struct hc_error *hc_output_finish(struct hc_output *out)
{
	/* A write that failed earlier left the stream's error flag, but its errno is gone. */
	int errnum = ferror(out->file) ? EIO : 0;

	errno = 0;
	if (fflush(out->file))
		errnum = errno;
	/* Some file systems report a full disk only at close. */
	if (fclose(hc_steal(out->file)) && !errnum)
		errnum = errno;
	if (errnum)
		return write_failed(out, errnum);
	if (out->temporary && rename(out->temporary, out->path))
		return write_failed(out, errno);
	free(hc_steal(out->temporary));
	free(hc_steal(out->path));
	return NULL;
}

void hc_output_discard(struct hc_output *out)
{
	if (out->file && out->path)
		fclose(out->file);
	out->file = NULL;
	if (out->path)
		unlink(out->temporary ? out->temporary : out->path);
	free(hc_steal(out->temporary));
	free(hc_steal(out->path));
}
