/**
 * @file
 * Accounting: where every anonymous byte is.
 *
 * Anonymous bytes are those of mappings that are private, not backed by a file and not PROT_NONE
 * (mapping.h: hc_mapping::anonymous), plus the bss of modules. The parts are disjoint and add up to
 * the total exactly: chunk bytes come from the heap model, the rest from the kinds of mappings, and
 * what neither claims is "other".
 */
#ifndef HC_ANALYZERS_COUNTS_ACCOUNTING_H
#define HC_ANALYZERS_COUNTS_ACCOUNTING_H

#include "analyzers/counts/arenas.h"

enum hc_part {
	HC_PART_IN_USE,  /**< chunks in use in arenas */
	HC_PART_MMAPPED, /**< mmapped chunks in use, the pages' slack included */
	HC_PART_CACHED,
	HC_PART_FREE,
	HC_PART_TOP,
	HC_PART_OVERHEAD,   /**< what the allocator needs for itself */
	HC_PART_GIVEN_BACK, /**< ends of heaps that the allocator returned to the system: addresses
			       without memory */
	HC_PART_UNWALKED,   /**< heap memory that could not be walked: damage, foreign sbrk */
	HC_PART_STACK,      /**< thread and main stacks, cached ones included */
	HC_PART_TLS,
	HC_PART_MODULE, /**< bss and other anonymous pages of modules */
	HC_PART_OTHER,  /**< other anonymous mappings */
	HC_NUM_PARTS
};

/** HC_PART_CACHED and HC_PART_FREE are shown by list instead. */
const char *hc_part_name(enum hc_part part);

/** Where chunks go, but for mmapped ones in use. */
enum hc_part hc_part_of_state(enum hc_state state);
/**
 * Where the anonymous bytes of a mapping go; @ref HC_PART_UNWALKED and @ref HC_PART_MMAPPED are
 * split by chunks.
 */
enum hc_part hc_part_of_mapping(enum hc_mapping_kind kind);

/** What one kind of lists has of the cached and free bytes. */
struct hc_list_part {
	const struct hc_list *list;
	uint64_t chunks, bytes;
};

struct hc_accounting {
	uint64_t parts[HC_NUM_PARTS];  /**< bytes */
	uint64_t chunks[HC_NUM_PARTS]; /**< chunks, where the part consists of chunks; else 0 */
	struct hc_list_part lists[HC_MAX_LISTS]; /**< cached and free, in the allocators' order */
	size_t num_lists;
	uint64_t total;       /**< == sum of parts == sum of anonymous mappings, bytes */
	uint64_t stack_live;  /**< of the stacks, from the stack pointers up */
	uint64_t missing;     /**< of the total, bytes that the core does not hold */
	uint64_t reserved;    /**< PROT_NONE, not in the total */
	uint64_t file_backed; /**< text, rodata, data, files: not in the total */
	uint64_t resident;    /**< of the total, from smaps; HC_UNKNOWN_BYTES without */
};

/**
 * Needs the heap to have been asked for; without one, heap parts are 0, and lists are those of the
 * first allocator.
 *
 * @param arenas of that heap; NULL: there is none
 */
void hc_accounting_run(const struct hc_target *target, const struct hc_arena_table *arenas,
		       struct hc_accounting *ret);

#endif
