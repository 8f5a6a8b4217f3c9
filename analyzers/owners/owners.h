/**
 * @file
 * Owners: whose the memory is that malloc does not own.
 *
 * Language runtimes, pools of libraries, other allocators, the dynamic linker and drivers map
 * memory themselves. Each has a row in the table of owners.c with a *probe*, which looks for what
 * that owner leaves in memory: headers whose fields agree, links that lead back, tables that count
 * what is there. What validates is claimed range by range; a file name alone claims nothing, except
 * where the file is the memory (a driver's device, shared memory).
 *
 * Every probe looks at every process: they cost one header an aligned address, and a process may
 * hold several runtimes. Where two probes claim the same bytes, the earlier row of the table keeps
 * them. Chunks of malloc are never claimed. 64-bit processes only, except for files.
 *
 * The constants of each probe stand in its file, with the releases that they were checked on.
 */
#ifndef HC_ANALYZERS_OWNERS_OWNERS_H
#define HC_ANALYZERS_OWNERS_OWNERS_H

#include "core/heap/heap.h"

/** Numbers that one owner may have, and types that are kept. */
#define HC_OWNER_MAX_COUNTS 8
#define HC_OWNER_MAX_TYPES 16

/** An exact number, as the owner's structures in the core have it. */
struct hc_owner_count {
	const char *name; /**< "pools", "blocks in use": static */
	uint64_t value;
	bool bytes; /**< the value is bytes */
};

/** Objects of one type in an owner's memory. */
struct hc_owner_type {
	char *name; /**< as the runtime has it, untrusted; never NULL */
	uint64_t objects, bytes;
};

struct hc_owner {
	const char *name;   /**< "python", "go", "jemalloc": for programs; static */
	const char *title;  /**< "Python's own arenas": for people; static */
	char *evidence;     /**< "641 pools of 16 KiB whose counts agree": never NULL */
	char *version;      /**< "go1.19.8"; NULL when memory does not tell. Untrusted */
	bool heap;          /**< holds objects of the program, not bookkeeping of a library */
	bool holds_stacks;  /**< its memory also serves as stacks of threads */
	uint64_t bytes;     /**< of its ranges, without what is only reserved */
	uint64_t reserved;  /**< of its ranges, address space without access */
	uint64_t anonymous; /**< of these, what the accounting counts as "other" */
	struct hc_owner_count counts[HC_OWNER_MAX_COUNTS];
	size_t num_counts;
	struct hc_owner_type types[HC_OWNER_MAX_TYPES]; /**< most bytes first */
	size_t num_types;
	uint64_t all_types; /**< distinct types; only the largest are kept */
};

/** Bytes that one owner has. */
struct hc_owner_range {
	uint64_t start, end; /**< addresses */
	uint32_t owner;      /**< index into hc_owners::items */
};

struct hc_owners {
	struct hc_owner *items; /**< in table order */
	size_t num;
	struct hc_owner_range *ranges; /**< by address, disjoint */
	size_t num_ranges;
};

/**
 * Ask every probe.
 *
 * @param heap NULL: malloc's heap could not be read, and other allocators may own all of it
 */
struct hc_error *hc_owners_run(struct hc_process *process, const struct hc_heap *heap,
			       struct hc_owners *ret);
void hc_owners_deinit(struct hc_owners *owners);

/** The owner of the byte at @p address, or NULL. */
const struct hc_owner *hc_owners_at(const struct hc_owners *owners, uint64_t address);

/**
 * The owner that has most of [start, end), or NULL. @param[out] bytes_ret how many of them it has;
 * may be NULL
 */
const struct hc_owner *hc_owners_main(const struct hc_owners *owners, uint64_t start, uint64_t end,
				      uint64_t *bytes_ret);

/** How many bytes of [start, end) anybody in the table owns. */
uint64_t hc_owners_claimed(const struct hc_owners *owners, uint64_t start, uint64_t end);

#endif
