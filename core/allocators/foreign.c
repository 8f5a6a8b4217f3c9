/**
 * @file
 * Allocators that can be named although their heaps can't be read.
 */
#include "core/heap/allocator.h"

/** File name parts of allocator libraries as Debian, Red Hat and their makers ship them. */
static const struct {
	const char *name, *file;
} foreign[] = {
	{"jemalloc", "/libjemalloc"},
	{"tcmalloc", "/libtcmalloc"},
	{"mimalloc", "/libmimalloc"},
	{"Hoard", "/libhoard"},
	{"musl malloc", "/ld-musl-"},
	{"bionic malloc", "/bionic/libc.so"},
	{"the Go runtime's allocator", "/libgo.so"},
};

const char *hc_allocator_foreign(const struct hc_process *process, const char **path_ret)
{
	for (size_t i = 0; i < process->core->num_files; i++) {
		const char *path = process->core->files[i].path;
		for (size_t k = 0; k < sizeof(foreign) / sizeof(foreign[0]); k++) {
			if (strstr(path, foreign[k].file)) {
				*path_ret = path;
				return foreign[k].name;
			}
		}
	}
	return NULL;
}
