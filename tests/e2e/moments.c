/*
 * A preloaded library that lets something happen at the N-th moment at which a program asks the
 * kernel for something about its output.
 *
 * MOMENT=N SIGNAL=S: signal S arrives before the N-th call. MOMENT=N FAIL=E: the N-th call fails
 * with errno E. NO_TMPFILE and NO_FLAGS: the file system has no O_TMPFILE, no flags of
 * renameat2(2). A run that comes to its end before the N-th call leaves the file that $TOO_LATE
 * names.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static long number(const char *name)
{
	const char *text = getenv(name);

	return text ? atol(text) : 0;
}

static long moments;

/* Whether this call is to fail. */
static bool moment(bool may_fail)
{
	if (++moments != number("MOMENT"))
		return false;
	if (number("SIGNAL"))
		kill(getpid(), number("SIGNAL"));
	errno = number("FAIL");
	return errno && may_fail;
}

__attribute__((destructor)) static void end(void)
{
	int fd = getenv("TOO_LATE") && moments < number("MOMENT") ? creat(getenv("TOO_LATE"), 0600)
								  : -1;
	if (fd >= 0)
		close(fd);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size)
{
	return moment(true) ? -1 : NEXT(write)(fd, data, size);
}

int openat64(int dir, const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = va_arg(args, int);
	va_end(args);
	bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
	/* Not of a directory: nobody removes what can't be opened. */
	if (moment(flags & O_CREAT || nameless))
		return -1;
	if (nameless && getenv("NO_TMPFILE")) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return NEXT(openat64)(dir, path, flags, mode);
}

int fsync(int fd)
{
	/* Of a file; a directory's is a precaution. */
	struct stat st;
	bool file = !fstat(fd, &st) && !S_ISDIR(st.st_mode);

	return moment(file) ? -1 : NEXT(fsync)(fd);
}

int syncfs(int fd)
{
	return moment(true) ? -1 : NEXT(syncfs)(fd);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return moment(true) ? -1 : NEXT(linkat)(from_dir, from, to_dir, to, flags);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (moment(true))
		return -1;
	if (flags && getenv("NO_FLAGS")) {
		errno = EINVAL;
		return -1;
	}
	return NEXT(renameat2)(from_dir, from, to_dir, to, flags);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return moment(true) ? -1 : NEXT(renameat)(from_dir, from, to_dir, to);
}

int unlinkat(int dir, const char *path, int flags)
{
	moment(false);
	return NEXT(unlinkat)(dir, path, flags);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	return moment(true) ? -1 : NEXT(mkdirat)(dir, path, mode);
}
