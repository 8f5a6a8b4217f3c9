/**
 * @file
 * Faults; see faults.h.
 */
#include "faults.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/cleanup.h"

#define MAX_TARGETS 16384
#define MAX_VALUES 4096

static void die(const char *what)
{
	fprintf(stderr, "faults: %s\n", what);
	exit(1);
}

/** Offset in the file of an address, or UINT64_MAX. */
static uint64_t offset_of(const struct hc_core *core, uint64_t address)
{
	for (size_t i = 0; i < core->num_segments; i++) {
		const struct hc_segment *segment = &core->segments[i];
		if (address >= segment->start && address - segment->start < segment->available)
			return segment->offset + (address - segment->start);
	}
	return UINT64_MAX;
}

static void add_value(struct faults *faults, uint64_t value)
{
	if (faults->num_values < MAX_VALUES)
		faults->values[faults->num_values++] = value;
}

static void add_target(struct faults *faults, uint64_t offset, uint64_t address)
{
	if (offset == UINT64_MAX || offset + sizeof(uint64_t) > faults->size ||
	    faults->num_targets == MAX_TARGETS)
		return;
	faults->addresses[faults->num_targets] = address;
	faults->targets[faults->num_targets++] = offset;
}

static void add_words(struct faults *faults, const struct hc_core *core, uint64_t address,
		      uint64_t size)
{
	for (uint64_t at = address; at < address + size; at += sizeof(uint64_t))
		add_target(faults, offset_of(core, at), at);
}

static void add_chunks(struct faults *faults, const struct hc_core *core,
		       const struct hc_heap *heap)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	hc_chunk_iter_heap(&iter, heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		uint64_t header = chunk.address - 2 * heap->word_size;
		/* prev_size and size; links of free chunks */
		add_words(faults, core, header, chunk.state == HC_IN_USE ? 16 : 32);
		add_value(faults, chunk.address);
		add_value(faults, header);
	}
}

static void add_arenas(struct faults *faults, const struct hc_core *core,
		       const struct hc_heap *heap)
{
	for (size_t i = 0; i < heap->num_arenas; i++) {
		const struct hc_arena *arena = &heap->arenas[i];
		/* With a heap_info before it, and mp_ somewhere around the main arena. */
		add_words(faults, core, arena->address - 0x60, arena->struct_size + 0x60);
		add_value(faults, arena->address);
		add_value(faults, arena->address + 0x60);
		add_value(faults, arena->top);
	}
	for (size_t i = 0; i < heap->num_specials; i++) {
		const struct hc_special *special = &heap->specials[i];
		add_words(faults, core, special->address,
			  special->what && !strcmp(special->what, "tcache") ? 0x290 : 16);
		add_value(faults, special->address);
	}
	for (size_t i = 0; i < heap->num_spans; i++) {
		add_words(faults, core, heap->spans[i].start & ~UINT64_C(0xfff), 64);
		add_value(faults, heap->spans[i].start);
		add_value(faults, heap->spans[i].end);
	}
}

/** What is worth damaging. */
static void find_targets(struct faults *faults)
{
	const struct hc_process_options options = {.modules = {.sysroot = "/proc/nonexistent"},
						   .jobs = 1};
	struct hc_process *process;
	struct hc_heap *heap;

	if (hc_process_open(faults->path, &options, &process) || hc_heap_open(process, &heap))
		die("the core has no heap");
	faults->targets = calloc(MAX_TARGETS, sizeof(*faults->targets));
	faults->addresses = calloc(MAX_TARGETS, sizeof(*faults->addresses));
	faults->values = calloc(MAX_VALUES, sizeof(*faults->values));
	if (!faults->targets || !faults->addresses || !faults->values)
		die("no memory");
	add_arenas(faults, process->core, heap);
	add_chunks(faults, process->core, heap);
	/* ELF header, program headers, notes. */
	for (uint64_t offset = 0; offset < 0x2000; offset += sizeof(uint64_t))
		add_target(faults, offset, 0);
	hc_heap_close(heap);
	hc_process_close(process);
}

void faults_init(struct faults *faults, const char *path)
{
	struct hc_diagnostics diag = {};
	struct hc_core *core;

	*faults = (struct faults){.fd = memfd_create("core", MFD_CLOEXEC)};
	hc_cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct hc_error *err = hc_core_open(path, fd, NULL, &diag, &core);
	if (err)
		die(err->message);
	faults->size = core->file.size;
	faults->original = malloc(faults->size);
	if (!faults->original || faults->fd < 0)
		die("no memory");
	memcpy(faults->original, core->file.data, faults->size);
	if (pwrite(faults->fd, faults->original, faults->size, 0) != (ssize_t)faults->size)
		die("no memory");
	snprintf(faults->path, sizeof(faults->path), "/proc/self/fd/%d", faults->fd);
	hc_core_close(core);
	hc_diagnostics_deinit(&diag);
	find_targets(faults);
}

void faults_deinit(struct faults *faults)
{
	close(faults->fd);
	free(faults->original);
	free(faults->targets);
	free(faults->addresses);
	free(faults->values);
}

void faults_write(struct faults *faults, uint64_t offset, const void *data, size_t size)
{
	if (faults->num_edits == FAULTS_MAX_EDITS || faults->cut || offset >= faults->size)
		return;
	if (size > faults->size - offset)
		size = faults->size - offset;
	if (pwrite(faults->fd, data, size, offset) != (ssize_t)size)
		die("can't write");
	faults->edits[faults->num_edits++] = (struct fault_edit){.offset = offset, .size = size};
}

void faults_cut(struct faults *faults, uint64_t size)
{
	if (size >= faults->size || faults->cut)
		return;
	if (ftruncate(faults->fd, size) || faults->num_edits == FAULTS_MAX_EDITS)
		die("can't cut");
	faults->edits[faults->num_edits++] =
		(struct fault_edit){.offset = size, .size = faults->size - size};
	faults->cut = true;
}

uint64_t faults_word(const struct faults *faults, uint64_t offset)
{
	uint64_t word = 0;

	if (pread(faults->fd, &word, sizeof(word), offset) != sizeof(word))
		return 0;
	return word;
}

void faults_mend(struct faults *faults)
{
	for (size_t i = 0; i < faults->num_edits; i++) {
		const struct fault_edit *edit = &faults->edits[i];
		if (pwrite(faults->fd, faults->original + edit->offset, edit->size, edit->offset) !=
		    (ssize_t)edit->size)
			die("can't write");
	}
	faults->num_edits = 0;
	faults->cut = false;
}
