/**
 * @file
 * A real core that can be damaged and mended again, many times a second.
 *
 * The core lies in an anonymous file; a fault is written over some bytes of it, or cuts it, and is
 * taken back afterwards. Where faults do harm is known from walking the heap once: sizes and links
 * of chunks, arenas, tcaches, heap headers, ELF headers and notes.
 */
#ifndef HC_TESTS_FUZZ_FAULTS_H
#define HC_TESTS_FUZZ_FAULTS_H

#include "core/heap/heap.h"

#define FAULTS_MAX_EDITS 64

struct faults {
	int fd;
	char path[64]; /**< under which the damaged core can be opened */
	uint8_t *original;
	size_t size;       /**< bytes of the core */
	uint64_t *targets; /**< file offsets of words that matter */
	size_t num_targets;
	uint64_t *values; /**< words that mean something: addresses of chunks, arenas, lists */
	size_t num_values;
	uint64_t *addresses; /**< of each target; 0 outside of memory */
	struct fault_edit {
		uint64_t offset, size;
	} edits[FAULTS_MAX_EDITS];
	size_t num_edits;
	bool cut;
};

/** Load a core, which may be compressed. Ends the program on failure. */
void faults_init(struct faults *faults, const char *path);
void faults_deinit(struct faults *faults);

/** Write bytes over the core; those beyond its end are left out. */
void faults_write(struct faults *faults, uint64_t offset, const void *data, size_t size);
/** Cut the core. */
void faults_cut(struct faults *faults, uint64_t size);
/** The word that is now at an offset. */
uint64_t faults_word(const struct faults *faults, uint64_t offset);
/** Take everything back. */
void faults_mend(struct faults *faults);

#endif
