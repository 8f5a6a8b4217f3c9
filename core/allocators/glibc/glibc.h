/**
 * @file
 * The glibc malloc back end: what its parts share.
 *
 *     discover.c  find main_arena, the ring of arenas, mp_; choose the layouts
 *     zones.c     sizes, headers, names of lists
 *     walk.c      from the first header of a stretch to its end: spans
 *     chain.h     a chain of headers in one piece of memory, walked in several pieces at once
 *     mend.h      where a chain breaks, and where it goes on
 *     heaps.c     where the stretches are: the main heap, the heaps of thread arenas
 *     mmapped.c   chunks that are mappings of their own
 *     tcache.c    per-thread caches, safe-linking (tcache.h)
 *     tcache_lost.c  cached chunks that no list leads to any more
 *     bins.c      fastbins and the unsorted list
 *     fragments.c what a broken fastbin leads to no more
 *     check.c     everything that malloc's structures say twice, compared
 *     faults.c    what can be wrong, and what malloc says when it notices
 *     abort.c     the message that libc left when it ended the process
 *     tls_slots.c where libc keeps its TLS variables
 *     tls.c       thread → arena, and chunks that only libc's TLS points to
 *     version.c   the release, for people; no decision depends on it
 *
 * "Chunk" in this folder means what malloc.c means, the address of the header (prev_size); "mem" is
 * the user address, which is what the heap model calls the chunk's address.
 */
#ifndef HC_CORE_ALLOCATORS_GLIBC_GLIBC_H
#define HC_CORE_ALLOCATORS_GLIBC_GLIBC_H

#include "core/heap/allocator.h"
#include "core/allocators/glibc/layout.h"

/** An arena as it was read. */
struct glibc_arena {
	uint64_t address; /**< of struct malloc_state */
	bool main;
	uint32_t flags;
	uint64_t heap;     /**< heap_info of the first heap; 0 for the main arena */
	uint64_t top;      /**< chunk; 0 when the arena was never used */
	uint64_t top_size; /**< bytes; 0 when it can't be read */
	uint64_t system, max_system;
	int64_t attached;
};

/** mp_, as far as it matters. */
struct glibc_par {
	const struct glibc_par_layout *layout; /**< NULL: not found */
	uint64_t address;
	uint64_t n_mmaps, max_n_mmaps, mmapped_mem, sbrk_base, hp_pagesize;
	uint64_t tcache_count; /**< 0 when the release has none */
};

/** The lists, as indices into glibc_lists. */
enum glibc_list {
	GLIBC_TCACHE,
	GLIBC_FASTBIN,
	GLIBC_UNSORTED,
	GLIBC_SMALLBIN,
	GLIBC_LARGEBIN,
	GLIBC_NUM_LISTS
};

extern const struct hc_list glibc_lists[GLIBC_NUM_LISTS];

/** Whether a chunk is on such a list. */
static inline bool glibc_is_on(const struct hc_chunk *chunk, enum glibc_list list)
{
	return chunk->list == &glibc_lists[list];
}

/** What hc_span::tag says. */
enum glibc_tag {
	GLIBC_IN_MAIN,        /**< a stretch of the main arena */
	GLIBC_IN_THREAD_HEAP, /**< one heap of a thread arena */
};

struct glibc {
	struct hc_process *process;
	const struct hc_memory *memory;
	struct hc_heap *heap;
	struct hc_backend *backend;
	const struct hc_zone *arena_zone; /**< chunks of arenas */
	const struct hc_zone *mmapped_zone;
	const struct hc_zone *newer_mmapped_zone; /**< the same since 2.43 */
	struct glibc_params params;
	const struct glibc_state_layout *state;
	struct glibc_state_layout
		inferred;        /**< what state points to when no row of the table fits */
	unsigned heap_info_size; /**< bytes; 0 while no thread arena was seen */
	struct glibc_par par;
	struct glibc_arena *arenas; /**< main first, then in ring order */
	size_t num_arenas;
	bool ring_closed;
	bool unused;         /**< main_arena was found, and nothing was ever asked of it */
	bool accept_unused;  /**< the search takes, or has taken, an arena that was never used */
	unsigned ring_steps; /**< arenas read so far by the search for the ring */
	bool threads_exact;  /**< threads' arenas by libc's relocations, not by a vote among all
				words */
	const struct glibc_tcache_layout *tcache; /**< NULL: none in use */
	bool mangled;                             /**< links are protected (safe-linking, 2.32) */
	bool links_seen;                          /**< and some list shows that, or the contrary */
	unsigned recovered; /**< fastbins behind whose broken links was looked */
	uint64_t walked;    /**< bytes of the stretches that were walked or are being walked */
};

/** Most arenas that are followed; glibc's own limit is 8 per processor. */
#define GLIBC_MAX_ARENAS 65536

/**
 * What can be wrong: the numbers of hc_inconsistency::code. The table in faults.c says which
 * messages of malloc belong to each, and in which releases.
 */
enum glibc_fault {
	GLIBC_SIZE_SMALL = 1, /**< size below the smallest chunk, or not aligned */
	GLIBC_SIZE_LARGE,     /**< size beyond the end of the heap */
	GLIBC_SIZE_MMAPPED,   /**< bit IS_MMAPPED inside a heap */
	GLIBC_SIZE_FOREIGN,   /**< bit NON_MAIN_ARENA of another arena */
	GLIBC_SIZE_FALSE,     /**< a possible size that does not lead to a header */
	GLIBC_TOP_SIZE,       /**< top's size can't be one */
	GLIBC_TOP_END,        /**< top does not end where the heap does */
	GLIBC_PREV_SIZE,      /**< footer of a free chunk differs from its size */
	GLIBC_UNMERGED,       /**< free neighbours */
	GLIBC_NO_BIN,         /**< free by its tags, but in no bin */
	GLIBC_BIN_LINK,       /**< a list leads nowhere, or fd and bk disagree */
	GLIBC_SMALL_LINK,
	GLIBC_LARGE_LINK,
	GLIBC_UNSORTED_LINK,
	GLIBC_NEXTSIZE,  /**< ring of the sizes in a large bin */
	GLIBC_BIN_SIZE,  /**< a chunk of another size than its bin's */
	GLIBC_BIN_ORDER, /**< large bin not sorted */
	GLIBC_BIN_INUSE, /**< in a bin, but in use by its tags */
	GLIBC_UNSORTED_INUSE,
	GLIBC_BIN_ARENA, /**< a chunk of another arena */
	GLIBC_BIN_TWICE, /**< a list comes to a chunk that it, or another, has passed */
	GLIBC_BINMAP,    /**< bin marked empty that is not */
	GLIBC_FASTBIN_LINK,
	GLIBC_FASTBIN_UNALIGNED,
	GLIBC_FASTBIN_SIZE,
	GLIBC_FASTBIN_TWICE,
	GLIBC_TCACHE_LINK,
	GLIBC_TCACHE_UNALIGNED,
	GLIBC_TCACHE_COUNT, /**< list longer than its counter */
	GLIBC_TCACHE_FULL,  /**< counter above the limit */
	GLIBC_TCACHE_TWICE,
	GLIBC_ARENA_SYSTEM, /**< heaps do not add up to system_mem */
	GLIBC_ARENA_HEAPS,  /**< list of heaps broken */
	GLIBC_ARENA_FLAGS,
	GLIBC_ARENA_FREE_LIST, /**< list of arenas without threads */
	GLIBC_MMAPPED_COUNT,   /**< fewer mmapped chunks than malloc counts */
	GLIBC_NUM_FAULTS
};

/* zones.c */

/** Chunks of arenas, and mmapped ones; @p newer: as 2.43 makes them. */
struct hc_zone glibc_arena_zone(const struct glibc_params *params);
struct hc_zone glibc_mmapped_zone(const struct glibc_params *params, bool newer);
struct hc_error *glibc_add_zones(struct glibc *g);

/* faults.c */

/**
 * A contradiction to be reported.
 *
 * @param address of the field at fault
 * @param mem     user address of the chunk whose field it is, or 0
 */
struct hc_inconsistency glibc_fault(enum glibc_fault fault, uint64_t address, uint64_t mem);
/** Give every contradiction noted so far the messages that this release has for it. */
void glibc_name_faults(struct glibc *g);

/* check.c */
struct hc_error *glibc_check(struct glibc *g);

/* abort.c */
struct hc_error *glibc_find_abort_message(struct glibc *g);

/* discover.c */
struct hc_error *glibc_discover(struct glibc *g, bool *found);

/* walk.c */

/** A stretch to be walked. */
struct glibc_stretch {
	enum glibc_tag tag;
	uint32_t arena;
	uint64_t first; /**< header of the first chunk */
	uint64_t end;   /**< where the last chunk ends, or an upper bound */
	uint64_t top;   /**< chunk, when the top chunk is expected in here; else 0 */
};

/**
 * Walk a stretch and add what is found as spans: one where all is well, more where the heap is
 * interrupted by foreign memory, missing bytes or a damaged header. After an interruption the walk
 * resumes at the next header from which a chain leads on; it does not depend on free lists.
 */
struct hc_error *glibc_walk(struct glibc *g, const struct glibc_stretch *stretch);

/**
 * Follow main-arena headers from @p first on, at most @p most of them, without marking anything.
 *
 * @param[out] end_ret where the next header would be, or the end of the pair of fenceposts that is
 * there
 * @return how many sane headers there were
 */
uint64_t glibc_probe(const struct glibc *g, uint64_t first, uint64_t limit, uint64_t most,
		     uint64_t *end_ret);

/* heaps.c */
struct hc_error *glibc_walk_arenas(struct glibc *g);

/**
 * Step through runs of neighbouring anonymous mappings that nobody has explained so far.
 *
 * @param[in,out] i row to begin with; 0 at first
 */
bool glibc_next_run(const struct glibc *g, size_t *i, uint64_t *start, uint64_t *end);

/**
 * Whether a chain of chunks begins at @p start, as the main heap does where no arena tells its
 * place.
 */
bool glibc_main_heap_at(const struct glibc *g, uint64_t start, uint64_t end);

/** What begins a mapping of a thread arena. */
struct glibc_heap_info {
	uint64_t base;
	uint64_t arena, prev, size, mprotect_size;
};

/** Read the heap_info at @p base; false when it can't be one. */
bool glibc_read_heap_info(const struct glibc *g, uint64_t base, struct glibc_heap_info *ret);
struct hc_error *glibc_assign_arenas(struct glibc *g);

/* mmapped.c */
struct hc_error *glibc_find_mmapped(struct glibc *g);
struct hc_error *glibc_assign_mmapped(struct glibc *g);

/* tcache.c */
struct hc_error *glibc_mark_tcaches(struct glibc *g);
/** The pointer in a link field, which is mangled with the field's own address since 2.32. */
static inline uint64_t glibc_link(const struct glibc *g, uint64_t field, uint64_t stored)
{
	return g->mangled ? stored ^ field >> 12 : stored;
}

/* bins.c */
struct hc_error *glibc_mark_fastbins(struct glibc *g);
struct hc_error *glibc_mark_unsorted(struct glibc *g);

/* fragments.c */

/**
 * Find the chunks of @p size that a broken link of a fastbin has cut off, by the links between
 * them, and mark them as free. @param[out] found how many
 */
struct hc_error *glibc_recover_fastbin(struct glibc *g, uint32_t arena, uint64_t size,
				       uint64_t *found);

/* tls_slots.c */

/**
 * Offsets from the thread pointer of the variables in libc's TLS, as far as its relocations can be
 * read.
 *
 * @param[out] ret array, freed by the caller; NULL when there are none
 */
struct hc_error *glibc_tls_offsets(const struct glibc *g, int64_t **ret, size_t *num_ret);

/* tls.c */
struct hc_error *glibc_assign_threads(struct glibc *g);

/* version.c */
struct hc_error *glibc_describe(struct glibc *g);

/** The module that has malloc: the C library, or a static program; or NULL. */
const struct hc_module *glibc_home(const struct hc_process *process);

/**
 * The release: by the name of a file, libc's own words, or its symbols. Both results NULL when
 * nothing tells; to be freed by the caller.
 */
struct hc_error *glibc_find_version(const struct hc_process *process, char **version_ret,
				    char **source_ret);

/** hc_allocator::absent */
struct hc_error *glibc_absent(const struct hc_process *process, enum hc_absence *why_ret,
			      char **library_ret);

/** Word at @p address; false when missing. */
static inline bool glibc_word(const struct glibc *g, uint64_t address, uint64_t *ret)
{
	return hc_memory_word(g->memory, address, ret);
}

/** Whether an address can be a user address. */
static inline bool glibc_aligned(const struct glibc *g, uint64_t mem)
{
	return !(mem & (g->params.alignment - 1));
}

/** Whether a row of the table of arenas is one of this machine. */
static inline bool glibc_has_state(const struct glibc *g, const struct glibc_state_layout *layout)
{
	return layout->word_size == g->params.word_size &&
	       (!layout->machine_align ||
		layout->machine_align == g->process->core->machine->max_align);
}

static inline uint64_t glibc_page_size(const struct glibc *g)
{
	return hc_core_page_size(g->process->core);
}

#endif
