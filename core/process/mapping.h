/**
 * @file
 * Mappings: what each VMA of the process is for.
 *
 * The table starts as one row per VMA (PT_LOAD segments of a core named through NT_FILE, or the
 * lines of a maps or smaps snapshot) and is then refined by those who know: modules (text, data,
 * bss), threads (stacks, TLS) and the allocator (heaps). Where one VMA holds several things,
 * because the kernel merges neighbouring anonymous mappings, the row is split with
 * hc_mappings_assign(). Rows stay sorted and disjoint, and together always cover exactly the VMAs.
 */
#ifndef HC_CORE_PROCESS_MAPPING_H
#define HC_CORE_PROCESS_MAPPING_H

#include "core/elf/core.h"
#include "core/process/memory.h"
#include "core/process/snapshot.h"

enum hc_mapping_kind {
	HC_MAPPING_TEXT,         /**< module: executable file pages */
	HC_MAPPING_RODATA,       /**< module: read-only file pages, RELRO included */
	HC_MAPPING_DATA,         /**< module: writable file pages */
	HC_MAPPING_BSS,          /**< module: zero-initialised data */
	HC_MAPPING_HEAP,         /**< of an allocator, where the two below don't say it better */
	HC_MAPPING_MAIN_HEAP,    /**< main arena: brk, or its mmapped stretches */
	HC_MAPPING_THREAD_HEAP,  /**< a thread arena's heap, committed part */
	HC_MAPPING_HEAP_RESERVE, /**< a thread arena's heap, PROT_NONE part */
	HC_MAPPING_MMAP_CHUNK,   /**< one mmapped chunk of malloc */
	HC_MAPPING_STACK,        /**< a thread's stack */
	HC_MAPPING_STACK_GUARD,  /**< the PROT_NONE pages below it */
	HC_MAPPING_STACK_CACHED, /**< stack of a thread that has exited, kept by libc for reuse */
	HC_MAPPING_MAIN_STACK,
	HC_MAPPING_TLS,      /**< thread control block and static TLS */
	HC_MAPPING_VDSO,     /**< vdso, vvar, vsyscall */
	HC_MAPPING_SHARED,   /**< shared memory: /dev/shm, SysV, memfd, shared anonymous */
	HC_MAPPING_FILE,     /**< another mapped file: data, locale archive, fonts… */
	HC_MAPPING_RESERVED, /**< PROT_NONE of unknown purpose */
	HC_MAPPING_ANON,     /**< other anonymous memory */
	HC_NUM_MAPPING_KINDS
};

/** "text", "thread-heap", …: the name in JSON and CSV. */
const char *hc_mapping_kind_name(enum hc_mapping_kind kind);
/** "executable/library text", "thread arena": for people. */
const char *hc_mapping_kind_title(enum hc_mapping_kind kind);

struct hc_mapping {
	uint64_t start, end; /**< addresses */
	uint32_t flags;      /**< PF_R, PF_W, PF_X */
	bool anonymous;      /**< private and not backed by a file: counts in the accounting */
	bool shared;         /**< known only from a snapshot or a path */
	enum hc_mapping_kind kind;
	const char *path;  /**< file, or NULL; owned by the core, the snapshot or a module */
	uint64_t offset;   /**< bytes into it */
	char *note;        /**< "thread 1234 (handler)", "arena 3": who it belongs to; or NULL */
	uint64_t present;  /**< bytes whose contents can be read */
	uint64_t resident; /**< from smaps, pro rata after a split; HC_UNKNOWN_BYTES without */
	/** Of these, pages of no file: anonymous memory, and what was written of a private file */
	uint64_t resident_anonymous;
	uint32_t vma; /**< index of the VMA that this row is (a part of) */
};

/** What of a row's own was resident: an anonymous one has nothing but anonymous pages. */
static inline uint64_t hc_mapping_resident(const struct hc_mapping *mapping)
{
	bool known = mapping->anonymous && mapping->resident_anonymous != HC_UNKNOWN_BYTES;

	return known ? mapping->resident_anonymous : mapping->resident;
}

/** "rwxp", as in /proc/PID/maps. @return @p buf */
const char *hc_mapping_permissions(const struct hc_mapping *mapping, char buf[5]);

struct hc_mappings {
	struct hc_mapping *items;
	size_t num;
	size_t num_vmas;
	const struct hc_memory *memory; /**< says which bytes are present; NULL: none are */
};

/**
 * One row per PT_LOAD, split where NT_FILE says so, and one for each file that lies in no PT_LOAD
 * (read-only to all that is known). Kinds are what paths and flags alone tell. Core and memory must
 * outlive the table.
 *
 * @param memory the core's bytes; hc_mapping::present is counted in it, now and after each split
 */
struct hc_error *hc_mappings_from_core(const struct hc_core *core, const struct hc_memory *memory,
				       struct hc_mappings *ret);

/** Count hc_mapping::present of every row again, after bytes were added to the memory. */
void hc_mappings_count_present(struct hc_mappings *mappings);

/**
 * One row per line. Kinds are what names and flags alone tell; a guess from sizes and neighbours
 * (thread arenas, thread stacks) carries a note that says "probably". The snapshot must outlive the
 * table.
 */
struct hc_error *hc_mappings_from_snapshot(const struct hc_snapshot *snapshot,
					   struct hc_mappings *ret);

/**
 * Add what a snapshot of the same process knows to a core's table: names where the core has none,
 * shared, resident bytes. VMAs are matched by overlap.
 */
struct hc_error *hc_mappings_annotate(struct hc_mappings *mappings,
				      const struct hc_snapshot *snapshot);

void hc_mappings_deinit(struct hc_mappings *mappings);

/** The row that holds @p address, or NULL. */
struct hc_mapping *hc_mappings_find(const struct hc_mappings *mappings, uint64_t address);

/** Whether an address is in code of a program or library, or in what shares its segment. */
bool hc_mappings_is_code(const struct hc_mappings *mappings, uint64_t address);

/**
 * Say what [start, end) is for. Rows that reach beyond are split; parts of the range that no row
 * covers are ignored. Later assignments overrule earlier ones.
 *
 * Costs a bisection, and a move of the rows above when rows are split: tens of thousands of calls
 * are cheap in ascending order of address, since what lies above is then still in one piece.
 * Pointers to rows are invalid afterwards.
 *
 * @param note copied; may be NULL
 */
struct hc_error *hc_mappings_assign(struct hc_mappings *mappings, uint64_t start, uint64_t end,
				    enum hc_mapping_kind kind, const char *note);

/** Say that [start, end) is the kernel's code, which counts as nobody's memory. */
struct hc_error *hc_mappings_set_vdso(struct hc_mappings *mappings, uint64_t start, uint64_t end);

#endif
