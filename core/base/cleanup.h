/**
 * @file
 * Scope guards: what a function took, it gives back on every path, without `goto out`.
 *
 *     hc_cleanup_free char *path = strdup(...);
 *     hc_cleanup_error struct hc_error *err = ...;
 *
 * hc_steal() hands the object out of the guarded scope.
 */
#ifndef HC_CORE_BASE_CLEANUP_H
#define HC_CORE_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/error.h"

#define hc_cleanup(fn) __attribute__((cleanup(fn)))

/** Take the pointer out of its guard: evaluates to it and leaves NULL behind. */
#define hc_steal(ptr)                                                                              \
	({                                                                                         \
		__typeof__(ptr) stolen_ = (ptr);                                                   \
		(ptr) = NULL;                                                                      \
		stolen_;                                                                           \
	})

static inline void hc_freep(void *p)
{
	free(*(void **)p);
}

static inline void hc_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void hc_fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void hc_error_destroyp(struct hc_error **err)
{
	hc_error_destroy(*err);
}

#define hc_cleanup_free hc_cleanup(hc_freep)
#define hc_cleanup_close hc_cleanup(hc_closep)
#define hc_cleanup_fclose hc_cleanup(hc_fclosep)
#define hc_cleanup_error hc_cleanup(hc_error_destroyp)

#endif
