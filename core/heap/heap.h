/**
 * @file
 * The heap model: every chunk of the process, whatever the allocator.
 *
 * Cores with hundreds of millions of chunks are the normal case, so there is no struct per chunk. A
 * *span* is an address range tiled by back-to-back chunks. It is divided into *units*, one per
 * possible chunk address (the allocator's alignment: 16 bytes, 8 on some 32-bit machines), and
 * keeps four bits a unit, in planes of 64 units
 * (@ref hc_block), so that one cache line answers every question about a chunk:
 *
 *   - start: a chunk's user address is this unit;
 *   - free:  that chunk is not in use;
 *   - a, b:  for a chunk in use, its reachability (hc_reach); for a free one, the list it is on
 *     (hc_free_list).
 *
 * That is 1/32 of the heap (16-byte units), and only pages of the planes that are touched cost
 * memory. The size of a chunk is the distance to the next start bit; the chunk that holds an
 * interior pointer is the previous start bit.
 *
 * Chunk address means the address that malloc returned ("user address"), never the header. Sizes
 * are bytes: *chunk size* includes the header, *usable size* is malloc_usable_size(3).
 *
 * Units are counted from the user address of a span's first chunk, so that bit and address relate
 * in the same way on machines where headers and user addresses are aligned differently (i386).
 *
 * An allocator back end (allocator.h) fills the model through the "Building" calls; analyzers only
 * read, except that reachability.h writes reach. Reading is safe from several threads.
 */
#ifndef HC_CORE_HEAP_HEAP_H
#define HC_CORE_HEAP_HEAP_H

#include "core/process/process.h"

/** Where a chunk is in its life. The order is that of reports. */
enum hc_state {
	HC_IN_USE,
	HC_TCACHE,
	HC_FASTBIN,
	HC_UNSORTED,
	HC_SMALLBIN,
	HC_LARGEBIN,
	HC_TOP,
	HC_OVERHEAD, /**< the allocator's own: tcache structs, fenceposts… */
	HC_NUM_STATES
};

/** "in-use", "tcache", …: the names of --state. */
const char *hc_state_name(enum hc_state state);

/** Reachability of a chunk in use; meaningful once @ref hc_heap::reach_known. */
enum hc_reach {
	HC_DEFINITE,  /**< no chain leads to it and no other lost chunk points to it */
	HC_INDIRECT,  /**< only lost chunks point to it */
	HC_REACHABLE, /**< a chain of pointers to starts leads to it from a root */
	HC_POSSIBLE,  /**< every chain has a pointer into the interior */
	HC_NUM_REACH
};

/** "definite", "indirect", "reachable", "possible": the names of --reach. */
const char *hc_reach_name(enum hc_reach reach);

/**
 * What planes a and b say of a free chunk. Chunks that are few (the top of each arena, the
 * allocator's own) share a code with fastbins and are told apart by a side table,
 * hc_heap::specials.
 */
enum hc_free_list {
	HC_LIST_FASTBIN_OR_SPECIAL = 0,
	HC_LIST_TCACHE = 1,
	HC_LIST_UNSORTED = 2,
	HC_LIST_BIN = 3, /**< small or large: the size decides, hc_heap::first_large */
};

#define HC_UNITS_PER_BLOCK 64

/** Sixty-four units. Bit i of each plane is unit i. a is the low and b the high bit of a code. */
struct hc_block {
	uint64_t start, free, a, b;
};

enum hc_span_kind {
	HC_SPAN_MAIN,        /**< a stretch of the main arena */
	HC_SPAN_THREAD_HEAP, /**< one heap of a thread arena */
	HC_SPAN_MMAP,        /**< one mmapped chunk: num_units is 1 */
};

#define HC_ARENA_MMAP UINT32_MAX

/** A range tiled by chunks. */
struct hc_span {
	uint64_t start, end; /**< first header byte to the end of the last chunk, addresses */
	uint64_t base;       /**< user address of the first chunk: unit 0 */
	uint64_t num_units;  /**< units at which a chunk may start */
	struct hc_block *blocks;
	uint64_t num_blocks;
	enum hc_span_kind kind;
	uint32_t arena;      /**< index into hc_heap::arenas, or HC_ARENA_MMAP */
	uint8_t unit_shift;  /**< log2 of bytes in a unit */
	uint8_t header;      /**< bytes from a chunk's start to its user address */
	uint8_t trailer;     /**< usable size = chunk size minus this */
	uint64_t num_chunks; /**< start bits set */
	const uint8_t *data; /**< bytes at @ref start when they lie in one piece, else NULL */
};

/** An arena. Index 0 is the main arena; the others follow in ring order. */
struct hc_arena {
	uint64_t address;     /**< of the allocator's own struct; 0 when it was not found */
	uint64_t struct_size; /**< bytes of that struct: bookkeeping, whose pointers hold nothing
				 alive */
	bool main;
	bool noncontiguous;
	uint64_t system; /**< bytes obtained from the system, as the allocator counts them */
	uint64_t max_system;
	uint64_t top;             /**< user address of the top chunk; 0 when there is none */
	int64_t attached_threads; /**< -1 when this release does not count them */
	uint32_t num_heaps;       /**< mapped heaps (thread arenas) or stretches (main arena) */
	uint64_t given_back; /**< bytes at the ends of its heaps that the allocator returned to the
				  system, but whose addresses it keeps, readable and writable */
	uint64_t outside; /**< bytes of the allocator's structs that lie in its heaps but before the
			       first chunk: heap headers, the arena itself. Counted as overhead */
};

/** A chunk that is few of its kind. */
struct hc_special {
	uint64_t address;    /**< user address */
	enum hc_state state; /**< HC_TOP or HC_OVERHEAD */
	const char *what;    /**< "tcache", "fencepost", "top": static text */
};

/**
 * A chunk in use that the C library holds in a way that pointer search can't see, or that has a
 * name.
 */
struct hc_pin {
	uint64_t address; /**< user address */
	char *what;       /**< "dtv of thread 4711" */
};

/**
 * Address → span, in one hash probe. Addresses are cut into granules of 64 MiB, the size of a glibc
 * thread heap; a slot names the spans that touch its granule, usually one.
 */
struct hc_span_index {
	struct hc_span_slot {
		uint64_t granule; /**< address >> HC_GRANULE_SHIFT */
		uint32_t first,
			last; /**< spans[first … last) touch it; first == last: slot is empty */
	} * slots;
	uint32_t mask; /**< number of slots minus 1; slots is never full */
};

#define HC_GRANULE_SHIFT 26

/**
 * Interior pointers that are how this program holds its blocks, so that they count as pointers to
 * the start.
 */
struct hc_convention {
	uint64_t size;   /**< chunk size; 0: any */
	uint64_t offset; /**< of the pointer from the chunk's start, bytes */
	uint64_t chunks; /**< that no pointer to the start holds, and one to this offset does */
	uint64_t others; /**< of that size that only interior pointers to other places hold */
};

/** Which part of the heap contradicts itself. The order is that of reports at one address. */
enum hc_fault {
	HC_FAULT_HEADER,   /**< a header that can't be one */
	HC_FAULT_BOUNDARY, /**< neighbours disagree about what lies between them */
	HC_FAULT_TOP,      /**< the top chunk */
	HC_FAULT_LIST,     /**< a free list */
	HC_FAULT_ARENA,    /**< an arena's own data */
	HC_FAULT_MMAPPED,  /**< chunks that are mappings of their own */
	HC_NUM_FAULTS
};

/** "header", "boundary", …: the names in JSON. */
const char *hc_fault_name(enum hc_fault fault);

#define HC_MAX_MESSAGES 6

/** Something that a sound heap does not have. */
struct hc_inconsistency {
	enum hc_fault fault;
	unsigned code;    /**< the back end's own number of the condition; 0: none */
	uint64_t address; /**< of the field at fault, one word or less */
	uint64_t chunk; /**< user address of the chunk whose field that is, by the model or by what
			   the field's neighbours say; 0: the field belongs to no chunk */
	uint64_t last_good; /**< user address of the last sound chunk before @ref chunk in its span:
			       the one that has written over its end, if any has; 0: none. Filled in
			       by the model */
	/**
	 * What the allocator itself says when it meets the condition, NULL-terminated unless full;
	 * static.
	 */
	const char *messages[HC_MAX_MESSAGES];
	char *what; /**< in words; owned */
};

/** How the model came to be: for `info`. */
struct hc_heap_evidence {
	char *layout;         /**< "glibc 2.27-2.42 malloc_state (C)" */
	char *version;        /**< "2.36", or NULL when nothing tells */
	char *version_source; /**< "GLIBC_2.36 is the highest version in libc's .dynstr"; or NULL */
	char *how;           /**< "127 self-linked bins, ring of 7 arenas closed, mp_ reconciled" */
	unsigned confidence; /**< percent */
};

struct hc_heap {
	const struct hc_process *process; /**< not owned */
	const struct hc_allocator *allocator;
	void *state;                   /**< the allocator's own */
	unsigned word_size, alignment; /**< bytes */
	uint64_t min_chunk;            /**< smallest chunk size */
	uint64_t first_large;          /**< smallest chunk size of a large bin */

	struct hc_span *spans; /**< by address, disjoint */
	size_t num_spans;
	uint64_t lowest, highest; /**< every span lies in [lowest, highest) */
	struct hc_span_index index;

	struct hc_arena *arenas;
	size_t num_arenas;
	struct hc_special *specials; /**< by address */
	size_t num_specials;
	struct hc_pin *pins; /**< by address */
	size_t num_pins;
	struct hc_inconsistency
		*inconsistencies; /**< by address; at most HC_MAX_INCONSISTENCIES are kept */
	size_t num_inconsistencies;
	uint64_t inconsistencies_total;
	bool checked; /**< hc_heap_check() is done */
	/**
	 * The allocator's last words when it ended the process itself, without the newline; or
	 * NULL. Untrusted.
	 */
	char *abort_message;
	struct hc_heap_evidence evidence;
	/**
	 * arena of each thread of process->threads, index into arenas; HC_ARENA_MMAP when unknown.
	 */
	uint32_t *thread_arena;

	uint64_t mmapped_count,
		mmapped_bytes; /**< as the allocator counts them (live mmapped chunks) */
	bool mmapped_known;    /**< the two above were read */
	bool partial;          /**< parts of the heap are missing or could not be walked */
	bool reach_known;      /**< hc_reachability_run() is done */
	struct hc_convention *conventions; /**< found by it; by size, then offset */
	size_t num_conventions;
	bool tagged; /**< it found pointers with tags in their top 16 bits, and follows them */
};

#define HC_MAX_INCONSISTENCIES 1000

/**
 * Most bytes of spans that may lie in memory which the core lacks. The planes are as large as the
 * spans, and program headers can promise any amount of memory.
 */
#define HC_MAX_MISSING (UINT64_C(64) << 30)

/**
 * Recognise the allocator of a process, walk its heap, assign heap kinds in process->mappings.
 *
 * @return NULL; @ref HC_ERROR_NO_ALLOCATOR with one line that names what the process uses instead,
 * as far as NT_FILE shows it ("jemalloc (libjemalloc.so.2)"), or says that there is no heap
 */
struct hc_error *hc_heap_open(struct hc_process *process, struct hc_heap **ret);
void hc_heap_close(struct hc_heap *heap);

/**
 * Look for every contradiction that the allocator's structures allow to see, and add what is found
 * to heap->inconsistencies; opening a heap notes only what stands in the way of the walk. One pass
 * over all headers and all free lists. Changes no chunk's state; a second call does nothing.
 */
struct hc_error *hc_heap_check(struct hc_heap *heap);

/** @name Reading */
/**@{*/

/** One chunk, by value. */
struct hc_chunk {
	uint64_t address; /**< user address */
	uint64_t size;    /**< chunk size, bytes */
	uint64_t usable;  /**< bytes */
	const struct hc_span *span;
	uint64_t unit;
	enum hc_state state;
	enum hc_reach reach; /**< of a chunk in use, when known */
};

static inline uint32_t hc_span_slot_of(const struct hc_span_index *index, uint64_t granule)
{
	/* Fibonacci hashing: the high bits of a product with 2^64/phi are well mixed. */
	return (uint32_t)(granule * UINT64_C(0x9e3779b97f4a7c15) >> 40) & index->mask;
}

/**
 * The span whose [start, end) holds @p address, or NULL. Inline: the marking loop asks for every
 * word.
 */
static inline const struct hc_span *hc_heap_span(const struct hc_heap *heap, uint64_t address)
{
	if (address - heap->lowest >= heap->highest - heap->lowest)
		return NULL;
	uint64_t granule = address >> HC_GRANULE_SHIFT;
	uint32_t slot = hc_span_slot_of(&heap->index, granule);
	const struct hc_span_slot *slots = heap->index.slots;
	while (slots[slot].granule != granule) {
		if (slots[slot].first == slots[slot].last)
			return NULL;
		slot = (slot + 1) & heap->index.mask;
	}
	uint32_t low = slots[slot].first, high = slots[slot].last;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (heap->spans[middle].start <= address)
			low = middle;
		else
			high = middle;
	}
	const struct hc_span *span = &heap->spans[low];
	return address - span->start < span->end - span->start ? span : NULL;
}

/**
 * The chunk whose bytes [header, end of usable) hold @p address.
 * @return false when the address is in no chunk
 */
bool hc_heap_chunk_at(const struct hc_heap *heap, uint64_t address, struct hc_chunk *ret);

/** Fill in the chunk that starts at @p unit; its start bit must be set. */
void hc_span_chunk(const struct hc_heap *heap, const struct hc_span *span, uint64_t unit,
		   struct hc_chunk *ret);

/** Next unit at or after @p unit with a start bit, or span->num_units. */
uint64_t hc_span_next_start(const struct hc_span *span, uint64_t unit);
/** Last unit at or before @p unit with a start bit, or UINT64_MAX. */
uint64_t hc_span_prev_start(const struct hc_span *span, uint64_t unit);

/**
 * A part of a span that one worker handles: chunks that start in [from, to) units. Slices of one
 * heap are disjoint, cover it, and lie in address order.
 */
struct hc_slice {
	const struct hc_span *span;
	uint64_t from, to;
};

/** Cut the heap into slices of about @p bytes. @param[out] ret array, freed by the caller */
struct hc_error *hc_heap_slices(const struct hc_heap *heap, uint64_t bytes, struct hc_slice **ret,
				size_t *num_ret);

/** Walk chunks in address order, of a slice or of the whole heap. */
struct hc_chunk_iter {
	const struct hc_heap *heap;
	struct hc_slice slice;
	size_t span; /**< index of the current span; whole heap only */
	bool whole;
	uint64_t next; /**< unit of the next chunk, or slice.to */
};

void hc_chunk_iter_heap(struct hc_chunk_iter *iter, const struct hc_heap *heap);
void hc_chunk_iter_slice(struct hc_chunk_iter *iter, const struct hc_heap *heap,
			 struct hc_slice slice);
bool hc_chunk_iter_next(struct hc_chunk_iter *iter, struct hc_chunk *ret);

/**
 * The usable bytes of a chunk that are there, from its start. Shorter than chunk->usable when the
 * core is cut short or the bytes lie in several pieces (rare: then read with hc_memory_view() piece
 * by piece).
 */
struct hc_bytes hc_chunk_bytes(const struct hc_heap *heap, const struct hc_chunk *chunk);

/** Least and most bytes that a caller of malloc may have asked for to get this chunk. */
void hc_chunk_request(const struct hc_heap *heap, const struct hc_chunk *chunk, uint64_t *min_ret,
		      uint64_t *max_ret);

/** Chunk size that malloc(request) gives at least. */
uint64_t hc_heap_request_size(const struct hc_heap *heap, uint64_t request);

const struct hc_special *hc_heap_special(const struct hc_heap *heap, uint64_t address);
const struct hc_pin *hc_heap_pin(const struct hc_heap *heap, uint64_t address);
/**@}*/

/** @name Building: for allocator back ends only */
/**@{*/

/** Blocks that @p num_units need. */
static inline uint64_t hc_num_blocks(uint64_t num_units)
{
	return num_units / HC_UNITS_PER_BLOCK + (num_units % HC_UNITS_PER_BLOCK != 0);
}

/**
 * Clear planes, at least one block; NULL without memory. No block straddles a cache line, and large
 * planes lie in huge pages where the system has them, since markers visit blocks at random.
 */
struct hc_block *hc_blocks_create(uint64_t num);
/** NULL is fine. @param num as it was given to the call that made them */
void hc_blocks_destroy(struct hc_block *blocks, uint64_t num);
/**
 * Keep the first @p num of @p old_num blocks. Returns them, maybe elsewhere; NULL, all freed,
 * without memory.
 */
struct hc_block *hc_blocks_shrink(struct hc_block *blocks, uint64_t old_num, uint64_t num);

/**
 * Add a span. Spans may come in any order; hc_heap_seal() sorts them. The pointer is valid until
 * the next call.
 *
 * @param base      user address of the first chunk
 * @param num_units units from base up to which a chunk may start
 * @param blocks    its planes, from hc_blocks_create() for as many blocks as @p num_units needs,
 * owned by the heap from here on, also on failure; NULL: clear ones
 */
struct hc_error *hc_heap_add_span(struct hc_heap *heap, enum hc_span_kind kind, uint32_t arena,
				  uint64_t start, uint64_t end, uint64_t base, uint64_t num_units,
				  uint8_t trailer, struct hc_block *blocks, struct hc_span **ret);

/**
 * Remember a chunk as HC_TOP or HC_OVERHEAD. One whose start bit is not set is ignored by readers.
 */
struct hc_error *hc_heap_add_special(struct hc_heap *heap, uint64_t address, enum hc_state state,
				     const char *what);
/** @param what owned by the heap from here on, also on failure */
struct hc_error *hc_heap_add_pin(struct hc_heap *heap, uint64_t address, char *what);
/**
 * Note a contradiction. Of those with one address and one code only the first is kept.
 *
 * @param fault  all but what and last_good, which are ignored
 * @param format what is wrong, in words
 */
struct hc_error *hc_heap_add_inconsistency(struct hc_heap *heap, struct hc_inconsistency fault,
					   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Set or clear the start bit of the chunk with this user address, which must be a unit of @p span.
 */
void hc_span_set_start(struct hc_span *span, uint64_t unit);

/** Sort the spans so far by address, for a back end that searches what lies between them. */
void hc_heap_sort_spans(struct hc_heap *heap);

/**
 * Sort spans, drop those that overlap an earlier one or exceed HC_MAX_MISSING (with an
 * inconsistency), build the index. Called by hc_heap_open() between a back end's walk() and
 * lists().
 */
struct hc_error *hc_heap_seal(struct hc_heap *heap);

/** After the seal: mark a chunk free, on this list. false when no chunk starts at @p address. */
bool hc_heap_set_free(struct hc_heap *heap, uint64_t address, enum hc_free_list list);
/**@}*/

#endif
