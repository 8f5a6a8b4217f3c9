/**
 * @file
 * Memory that a file stands for: devices of graphics drivers, io_uring, shared memory. The kernel
 * names these itself, so that here the path is the evidence.
 */
#include "analyzers/owners/survey.h"
#include "core/base/format.h"

static const struct {
	const char *prefix;
	const char *name, *title;
} files[] = {
	{"anon_inode:[io_uring]", "io-uring", "rings of io_uring"},
	{"/dev/dri/", "gpu", "buffers of a graphics card"},
	{"/dev/nvidia", "gpu", "buffers of a graphics card"},
	{"/dev/kfd", "gpu", "buffers of a graphics card"},
	{"anon_inode:i915.gem", "gpu", "buffers of a graphics card"},
	{"/dmabuf:", "dma-buf", "buffers shared with a device (dma-buf)"},
	{"anon_inode:dmabuf", "dma-buf", "buffers shared with a device (dma-buf)"},
	{"/memfd:java_heap", "java-heap", "the Java heap, shared views of it (ZGC)"},
	{"/memfd:", "memfd", "shared memory (memfd)"},
	{"/dev/shm/", "posix-shm", "shared memory (POSIX)"},
	{"/SYSV", "sysv-shm", "shared memory (System V)"},
	{"/dev/zero", "shared-anonymous", "shared anonymous memory"},
	{"/[aio]", "aio", "ring of asynchronous input and output"},
};

#define NUM_FILES (sizeof(files) / sizeof(files[0]))

static bool begins(const struct hc_mapping *mapping, size_t row)
{
	return mapping->path &&
	       !strncmp(mapping->path, files[row].prefix, strlen(files[row].prefix));
}

/** The first row that the path begins with; NUM_FILES: none. */
static size_t row_of(const struct hc_mapping *mapping)
{
	size_t row = 0;

	if (mapping->kind != HC_MAPPING_SHARED && mapping->kind != HC_MAPPING_FILE &&
	    mapping->kind != HC_MAPPING_ANON)
		return NUM_FILES;
	while (row < NUM_FILES && !begins(mapping, row))
		row++;
	return row;
}

static struct hc_error *claim_row(struct hc_survey *survey, size_t row, size_t first)
{
	const struct hc_mappings *mappings = &survey->process->mappings;
	struct hc_owner *owner;
	uint64_t num = 0;
	struct hc_error *err =
		hc_survey_add(survey, files[row].name, files[row].title,
			      hc_format("the kernel's name for it: %s", files[row].prefix), &owner);

	for (size_t i = first; !err && i < mappings->num; i++) {
		if (row_of(&mappings->items[i]) != row)
			continue;
		num++;
		err = hc_survey_claim(survey, mappings->items[i].start, mappings->items[i].end);
	}
	if (!err)
		hc_owner_count(owner, "mappings", num);
	return err;
}

struct hc_error *hc_probe_files(struct hc_survey *survey)
{
	const struct hc_mappings *mappings = &survey->process->mappings;
	bool done[NUM_FILES] = {false};
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < mappings->num; i++) {
		size_t row = row_of(&mappings->items[i]);
		if (row == NUM_FILES || done[row])
			continue;
		done[row] = true;
		err = claim_row(survey, row, i);
	}
	return err;
}
