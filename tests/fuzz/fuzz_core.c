/**
 * @file
 * Fuzz target: a file that claims to be a core, plain or compressed. ELF headers, notes, segments,
 * NT_FILE, threads, mappings, modules; and whatever heap may be in it.
 */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("core", MFD_CLOEXEC);
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	pipeline_open(path);
	pipeline_run(path);
	close(fd);
	return 0;
}
