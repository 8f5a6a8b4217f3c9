/**
 * @file
 * The heap model: every chunk of the process, whatever the allocator.
 *
 * Cores with hundreds of millions of chunks are the normal case, so there is no struct per chunk. A
 * *span* is an address range tiled by back-to-back chunks. It is divided into *units*, one per
 * possible chunk address, and keeps four bits a unit, in planes of 64 units (@ref hc_block), so
 * that one cache line answers every question about a chunk:
 *
 *   - start: a chunk's user address is this unit;
 *   - free:  that chunk is not in use;
 *   - a, b:  for a chunk in use, its reachability (hc_reach); for a free one, which list it is on
 *     (hc_list::code).
 *
 * That is 1/32 of a heap with 16-byte units, and only pages of the planes that are touched cost
 * memory. The size of a chunk is the distance to the next start bit; the chunk that holds an
 * interior pointer is the previous start bit.
 *
 * Every span belongs to a *zone* (@ref hc_zone): what spans of one kind of one allocator share, its
 * rules of headers, units and sizes. One process may have several allocators. States are the same
 * for all of them: in use, cached, free, top, overhead; the names of the lists on which cached and
 * free chunks are come from the allocator, and so does whatever else a user is to read.
 *
 * Chunk address means the address that malloc returned ("user address"), never the header. Sizes
 * are bytes: *chunk size* includes the header, *usable size* is malloc_usable_size(3).
 *
 * Units are counted from the user address of a span's first chunk, so that bit and address relate
 * in the same way on machines where headers and user addresses are aligned differently (i386).
 *
 * This is what analyzers see; an allocator back end (allocator.h) fills the model through build.h.
 * Analyzers only read, except that reachability.h writes reach. Reading is safe from several
 * threads.
 */
#ifndef HC_CORE_HEAP_HEAP_H
#define HC_CORE_HEAP_HEAP_H

#include "core/heap/block.h"
#include "core/process/process.h"

/** Where a chunk is in its life. The order is that of reports. */
enum hc_state {
	HC_IN_USE,
	HC_CACHED,   /**< freed by the program; kept at hand for the next request of its size */
	HC_FREE,     /**< on a list from which it may be split, merged, or handed out */
	HC_TOP,      /**< the rest of a stretch that was never handed out */
	HC_OVERHEAD, /**< the allocator's own: its structs, fenceposts… */
	HC_NUM_STATES
};

/** "in-use", "cached", "free", "top", "overhead". See hc_chunk_state_name() for users' words. */
const char *hc_state_name(enum hc_state state);

/** Why there is no heap to read. */
enum hc_absence {
	HC_ABSENT_UNKNOWN,      /**< no allocator that is known left a trace */
	HC_ABSENT_NOT_DUMPED,   /**< the core lacks the memory that would tell */
	HC_ABSENT_NEVER_CALLED, /**< the allocator is there, and was never asked for anything */
	HC_ABSENT_OTHER,        /**< the program uses one that can only be named */
	HC_NUM_ABSENCES
};

/** "unknown", "not-dumped", "never-called", "other-allocator". */
const char *hc_absence_name(enum hc_absence absence);

/** A kind of lists on which an allocator keeps chunks that are not in use. Static. */
struct hc_list {
	const char
		*name; /**< "magazine": what users call it and select it by; unique in its table */
	const char *column;  /**< heading of its column in a table of arenas; lists may share one */
	enum hc_state state; /**< HC_CACHED or HC_FREE */
	uint8_t code;        /**< 0 … 3: what planes a (bit 0) and b (bit 1) say of its chunks */
	bool large;          /**< of two lists with one code, this one has the chunks of at least
				  hc_zone::first_large bytes */
	bool merged; /**< neighbours on it were merged: whole pages of its chunks may go back to
			  the system, and how large they are tells fragmentation */
};

/** Most lists of all allocators of a process together. */
#define HC_MAX_LISTS 32

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

struct hc_allocator;
struct hc_backend;
struct hc_chunk;

/**
 * What spans of one kind of one allocator have in common.
 *
 * Bytes. A chunk of some size begins @ref header bytes in front of its user address. The first
 * @ref shared of these belong to the chunk before, which may use them. So the chunk has for itself
 *
 *     [address - (header - shared), address - (header - shared) + size)
 *
 * and of these the first header - shared and the last @ref trailer are not usable. Every address of
 * a span thus belongs to one chunk, and with a header of 0 bytes it is the one that starts there.
 */
struct hc_zone {
	const char *name;  /**< for people: "arenas", "48-byte slabs" */
	uint32_t unit;     /**< bytes between addresses at which chunks may start; any number */
	uint32_t header;   /**< bytes from a chunk's start to its user address */
	uint32_t shared;   /**< first bytes of the header that the chunk before may use */
	uint32_t trailer;  /**< bytes behind the usable ones */
	uint32_t links;    /**< first usable bytes that a list may write to when a chunk is free */
	uint64_t min_size; /**< smallest chunk size; 0: none */
	/** Chunk sizes from here on are on the list that is marked large. */
	uint64_t first_large;
	/**
	 * Most bytes that a chunk may be larger than the one that its request asked for, because
	 * the rest would have been too small to be a chunk; 0: never.
	 */
	uint32_t slack;

	/** Chunk size that a request gets at least; UINT64_MAX: none is large enough. */
	uint64_t (*request_size)(const struct hc_zone *zone, uint64_t request);
	/** Least and most bytes that a caller may have asked for to get this chunk. */
	void (*request_range)(const struct hc_zone *zone, const struct hc_chunk *chunk,
			      uint64_t *min_ret, uint64_t *max_ret);

	/* Filled in by the model. */
	const struct hc_backend *backend; /**< whose it is */
	/** By code: the list, and the one for sizes from first_large on. */
	const struct hc_list *lists[4][2];
};

/** A range tiled by chunks. */
enum hc_span_kind {
	HC_SPAN_TILED,  /**< chunks back to back */
	HC_SPAN_SINGLE, /**< one chunk that is alone: num_units is 1 */
};

/** In place of the number of an arena: chunks that are mappings of their own, in no arena. */
#define HC_ARENA_MMAP UINT32_MAX

/** A range tiled by chunks. What looking up needs stands first, in one cache line. */
struct hc_span {
	uint64_t start, end; /**< first header byte to the end of the last chunk, addresses */
	uint64_t base;       /**< user address of the first chunk: unit 0 */
	uint64_t num_units;  /**< units at which a chunk may start */
	struct hc_block *blocks;
	const uint8_t *data; /**< bytes at @ref start when they lie in one piece, else NULL */
	uint32_t unit;       /**< bytes; zone->unit */
	uint8_t unit_shift;  /**< its log2; HC_NO_SHIFT: it is no power of two */
	uint8_t tag;         /**< the back end's own */
	uint32_t own;        /**< bytes in front of a user address that are the chunk's own */
	uint32_t overhead;   /**< usable size = chunk size minus this */
	uint32_t header;     /**< zone->header: base - start */
	uint32_t arena;      /**< index into hc_heap::arenas, or HC_ARENA_MMAP */
	enum hc_span_kind kind;
	const struct hc_zone *zone;
	uint64_t num_blocks;
	uint64_t num_chunks; /**< start bits set */
};

#define HC_NO_SHIFT 64

/**
 * An arena: what one allocator manages as a whole. Those of one allocator stand together, its main
 * one first.
 */
struct hc_arena {
	const struct hc_backend *backend; /**< whose it is */
	uint64_t address;                 /**< of the allocator's own struct; 0 when not found */
	uint64_t struct_size;             /**< bytes of that struct */
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
	const char *what;    /**< "fencepost", "top": static text */
};

/**
 * A chunk in use that the C library or the allocator holds in a way that pointer search can't see,
 * or that has a name: a root.
 */
struct hc_pin {
	uint64_t address; /**< user address */
	char *what;       /**< "dtv of thread 4711" */
};

/** Memory that is the allocator's bookkeeping: what it points to is not held alive by that. */
struct hc_hole {
	uint64_t start, end; /**< addresses */
};

struct hc_span_slot {
	uint64_t granule;     /**< address >> HC_GRANULE_SHIFT */
	uint32_t first, last; /**< spans[first … last) touch it; first == last: slot is empty */
};

/**
 * Address → span, in one hash probe. Addresses are cut into granules of 64 MiB; a slot names the
 * spans that touch its granule, usually one. Every word that is marked asks it, so that the key
 * lies in the slot.
 */
struct hc_span_index {
	struct hc_span_slot *slots;
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

/** A chunk size of which some chunks are pools: a pointer anywhere into one holds it. */
struct hc_pool_size {
	uint64_t size;
	bool aligned; /**< those that are aligned to it are pools */
};

#define HC_MAX_OFFSET_SIZES 32

/** Links of 32 bits: base + (word << shift) is the start of a chunk. */
struct hc_offset_form {
	bool found;
	uint64_t base;
	unsigned shift;
	/** Chunk sizes that they lead to, ascending; none: to any, since they are too many. */
	uint64_t sizes[HC_MAX_OFFSET_SIZES];
	size_t num_sizes;
};

/** Where a word has 16 bits that are no part of the pointer in it. */
enum hc_tag_place {
	HC_TAG_NONE,
	HC_TAG_TOP, /**< the low 48 bits are the pointer */
	HC_TAG_LOW, /**< the top 48 bits are */
};

/** How a link is hidden from a search for pointers. */
enum hc_hiding {
	HC_HIDING_TAGGED, /**< by a tag of 16 bits, above or below it */
	HC_HIDING_OFFSET, /**< as 32 bits, from a base */
	HC_NUM_HIDINGS
};

struct hc_hidden_count {
	uint64_t chunks, bytes;
};

/** Chunks of one size that nothing but hidden links holds, or what hangs below these. */
struct hc_hidden_size {
	uint64_t size;
	struct hc_hidden_count by[HC_NUM_HIDINGS];
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
	char *what;                       /**< in words; owned */
	const struct hc_backend *backend; /**< who noted it. Filled in by the model */
};

/** How the model of one allocator came to be, in words. */
struct hc_heap_evidence {
	char *layout;         /**< which layout its structs have */
	char *version;        /**< "2.36", or NULL when nothing tells */
	char *version_source; /**< what tells it; or NULL */
	char *how;            /**< what was checked to be sure */
	unsigned confidence;  /**< percent */
};

/** An allocator at work in one heap. */
struct hc_backend {
	const struct hc_allocator *allocator;
	struct hc_process *process; /**< not owned */
	struct hc_heap *heap;
	void *state; /**< its own */
	struct hc_heap_evidence evidence;
};

/** What a thread keeps of freed chunks, in a list that no other thread takes from. */
struct hc_thread_cache {
	bool known;
	uint64_t chunks, bytes; /**< bytes: sizes of the chunks */
};

struct hc_heap {
	const struct hc_process *process; /**< not owned */
	unsigned word_size;               /**< bytes of a pointer */
	bool big_endian;                  /**< byte order of words */
	struct hc_backend **backends; /**< those that were recognised, in the order of the table */
	size_t num_backends;
	const struct hc_backend *calling; /**< whose call runs, while the heap is filled */
	struct hc_zone **zones;
	size_t num_zones;
	const struct hc_list *lists[HC_MAX_LISTS]; /**< of all allocators, in their order */
	size_t num_lists;
	uint64_t granule; /**< bytes: every chunk size of a tiled span is a multiple of it */

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
	struct hc_hole *holes; /**< in any order */
	size_t num_holes;
	struct hc_carving *carvings; /**< build.h */
	size_t num_carvings;
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
	/**
	 * arena of each thread of process->threads, index into arenas; HC_ARENA_MMAP when unknown.
	 */
	uint32_t *thread_arena;
	/** Free chunks that each thread of process->threads keeps for itself; NULL: unknown. */
	struct hc_thread_cache *thread_cache;

	uint64_t mmapped_count,
		mmapped_bytes; /**< as the allocator counts them (live mmapped chunks) */
	bool mmapped_known;    /**< the two above were read */
	bool partial;          /**< parts of the heap are missing or could not be walked */
	bool reach_known;      /**< hc_reachability_run() is done */
	struct hc_convention *conventions; /**< found by it; by size, then offset */
	size_t num_conventions;
	struct hc_pool_size *pool_sizes; /**< found by it; by size */
	size_t num_pool_sizes;
	bool links;               /**< pointers to links of doubly linked lists count, too */
	enum hc_tag_place tagged; /**< it found pointers with tags there, and follows them */
	struct hc_offset_form offset_form; /**< the same of links of 32 bits */
	struct hc_hidden_size *hidden;     /**< what only such links hold; by size */
	size_t num_hidden;
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
 * @return NULL; @ref HC_ERROR_NO_ALLOCATOR with one line that says why there is none, and the enum
 * hc_absence in hc_error::detail
 */
struct hc_error *hc_heap_open(struct hc_process *process, struct hc_heap **ret);
void hc_heap_close(struct hc_heap *heap);

/** For hc_cleanup(). */
static inline void hc_heap_closep(struct hc_heap **heap)
{
	hc_heap_close(*heap);
}

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
	enum hc_reach reach;        /**< of a chunk in use, when known */
	const struct hc_list *list; /**< of a cached or free chunk; else NULL */
};

/** Whether a chunk in use is reachable, or possibly so; where nobody marked, it is not known to be.
 */
static inline bool hc_chunk_is_held(const struct hc_chunk *chunk)
{
	return chunk->state == HC_IN_USE &&
	       (chunk->reach == HC_REACHABLE || chunk->reach == HC_POSSIBLE);
}

/** "in-use", the name of its list, "top", "overhead": the allocator's words for its state. */
static inline const char *hc_chunk_state_name(const struct hc_chunk *chunk)
{
	return chunk->list ? chunk->list->name : hc_state_name(chunk->state);
}

/** The allocator that a span's chunks are of. */
static inline const struct hc_allocator *hc_span_allocator(const struct hc_span *span)
{
	return span->zone->backend->allocator;
}

/** Index of a list into heap->lists. */
static inline size_t hc_heap_list_index(const struct hc_heap *heap, const struct hc_list *list)
{
	size_t i = 0;

	while (i + 1 < heap->num_lists && heap->lists[i] != list)
		i++;
	return i;
}

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

/** @name Units: offsets are counted from span->base */
/**@{*/

/** Offset of a unit. */
static inline uint64_t hc_span_offset(const struct hc_span *span, uint64_t unit)
{
	if (__builtin_expect(span->unit_shift != HC_NO_SHIFT, 1))
		return unit << span->unit_shift;
	return unit * span->unit;
}

/** The unit that an offset lies in. */
static inline uint64_t hc_span_unit(const struct hc_span *span, uint64_t offset)
{
	if (__builtin_expect(span->unit_shift != HC_NO_SHIFT, 1))
		return offset >> span->unit_shift;
	return offset / span->unit;
}

/**
 * Chunks of a list that are fetched ahead of the one that is looked at, and their bytes: the
 * processor sees by itself that more is read.
 */
#define HC_FETCH_AHEAD 8
#define HC_FETCH_BYTES 256

/**
 * Fetch what will be asked for soon: where the chunk at @p address begins and ends, and its first
 * @p size bytes. Always inlined: to gcc, a function that does nothing but prefetch is one that does
 * nothing.
 */
static inline __attribute__((always_inline)) void hc_heap_fetch(const struct hc_heap *heap,
								uint64_t address, size_t size)
{
	const struct hc_span *span = hc_heap_span(heap, address);

	if (!span || address < span->base)
		return;
	__builtin_prefetch(
		&span->blocks[hc_span_unit(span, address - span->base) / HC_UNITS_PER_BLOCK]);
	if (!span->data)
		return;
	if (size > span->end - address)
		size = span->end - address;
	for (size_t at = 0; at < size; at += 64)
		__builtin_prefetch(span->data + (address - span->start) + at);
}

/** User address of a chunk that starts at @p unit. */
static inline uint64_t hc_span_address(const struct hc_span *span, uint64_t unit)
{
	return span->base + hc_span_offset(span, unit);
}

/** Offset at which a chunk behind the last one would have its user address. */
static inline uint64_t hc_span_limit(const struct hc_span *span)
{
	return span->end - span->base + span->header;
}
/**@}*/

/**
 * @name Looking up
 * Everybody uses these, so that nobody disagrees about what an address means.
 */
/**@{*/

/** Where a chunk is in its span: units, and offsets of its user address and of the next one's. */
struct hc_place {
	uint64_t unit, start, next;
};

/**
 * The chunk that starts at an offset, if one does. Inline: most pointers are to the start, and the
 * marking loop asks for each.
 */
static inline bool hc_span_starts_at(const struct hc_span *span, uint64_t offset,
				     uint64_t *unit_ret)
{
	uint64_t unit = hc_span_unit(span, offset);

	if (unit >= span->num_units || hc_span_offset(span, unit) != offset ||
	    !(span->blocks[unit / HC_UNITS_PER_BLOCK].start >> unit % HC_UNITS_PER_BLOCK & 1))
		return false;
	*unit_ret = unit;
	return true;
}

/**
 * The last chunk that starts at or before an offset.
 *
 * @return false when none does
 */
bool hc_span_find(const struct hc_span *span, uint64_t offset, struct hc_place *ret);

/** Offset of the first byte behind the usable ones of a chunk; not beyond the span. */
static inline uint64_t hc_span_usable_end(const struct hc_span *span, uint64_t next)
{
	uint64_t end = next > span->overhead ? next - span->overhead : 0;
	uint64_t limit = span->end - span->base;

	return end < limit ? end : limit;
}

/**
 * The chunk that an address belongs to, be it to its header or to its usable bytes.
 *
 * @return false when the address is in no chunk
 */
bool hc_heap_chunk_at(const struct hc_heap *heap, uint64_t address, struct hc_chunk *ret);

/**
 * The chunk that a pointer with this value points to: the one whose usable bytes hold the address.
 */
bool hc_heap_pointee(const struct hc_heap *heap, uint64_t address, struct hc_chunk *ret);

/** Fill in the chunk at a place that hc_span_find() gave. */
void hc_span_place_chunk(const struct hc_heap *heap, const struct hc_span *span,
			 const struct hc_place *place, struct hc_chunk *ret);

/** Fill in the chunk that starts at @p unit; its start bit must be set. */
void hc_span_chunk(const struct hc_heap *heap, const struct hc_span *span, uint64_t unit,
		   struct hc_chunk *ret);
/**@}*/

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

/** Bytes of all spans. */
static inline uint64_t hc_heap_bytes(const struct hc_heap *heap)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < heap->num_spans; i++)
		bytes += heap->spans[i].end - heap->spans[i].start;
	return bytes;
}

/** Chunks of all spans, free ones included. */
static inline uint64_t hc_heap_num_chunks(const struct hc_heap *heap)
{
	uint64_t num = 0;

	for (size_t i = 0; i < heap->num_spans; i++)
		num += heap->spans[i].num_chunks;
	return num;
}

/** Cut the heap into slices of about @p bytes. @param[out] ret array, freed by the caller */
struct hc_error *hc_heap_slices(const struct hc_heap *heap, uint64_t bytes, struct hc_slice **ret,
				size_t *num_ret);

/**
 * Kinds of chunks, for walks: a bit for each enum hc_reach of those in use (whether reachability is
 * known or not), and one for those that are not in use. 64 chunks that are of none of the kinds
 * that are wanted cost one look at their planes.
 */
enum hc_kinds {
	HC_KINDS_IN_USE = (1 << HC_NUM_REACH) - 1,
	HC_KINDS_NOT_IN_USE = 1 << HC_NUM_REACH,
	HC_KINDS_ALL = HC_KINDS_IN_USE | HC_KINDS_NOT_IN_USE,
};

/** Start bits of a block whose chunks are of some kinds. */
static inline uint64_t hc_block_of_kinds(const struct hc_block *block, unsigned kinds)
{
	uint64_t in_use, ret = 0;

	if (kinds == HC_KINDS_ALL)
		return block->start;
	in_use = hc_block_in_use(block);
	if (kinds & HC_KINDS_NOT_IN_USE)
		ret = block->start & block->free;
	if ((kinds & HC_KINDS_IN_USE) == HC_KINDS_IN_USE)
		return ret | in_use;
	if (kinds & 1 << HC_DEFINITE)
		ret |= in_use & ~block->a & ~block->b;
	if (kinds & 1 << HC_INDIRECT)
		ret |= in_use & block->a & ~block->b;
	if (kinds & 1 << HC_REACHABLE)
		ret |= in_use & ~block->a & block->b;
	if (kinds & 1 << HC_POSSIBLE)
		ret |= in_use & block->a & block->b;
	return ret;
}

/** Walk chunks in address order, of a slice or of the whole heap. */
struct hc_chunk_iter {
	const struct hc_heap *heap;
	struct hc_slice slice;
	size_t span; /**< index of the current span; whole heap only */
	bool whole;
	unsigned kinds; /**< that are wanted */
	uint64_t block; /**< index of the current one */
	uint64_t bits;  /**< start bits that are left of it */
};

void hc_chunk_iter_heap(struct hc_chunk_iter *iter, const struct hc_heap *heap);
void hc_chunk_iter_slice(struct hc_chunk_iter *iter, const struct hc_heap *heap,
			 struct hc_slice slice);
/** The same without chunks that are of none of @p kinds: bits of enum hc_kinds. */
void hc_chunk_iter_kinds(struct hc_chunk_iter *iter, const struct hc_heap *heap,
			 struct hc_slice slice, unsigned kinds);
bool hc_chunk_iter_next(struct hc_chunk_iter *iter, struct hc_chunk *ret);

/**
 * The usable bytes of a chunk that are there, from its start. Shorter than chunk->usable when the
 * core is cut short or the bytes lie in several pieces (rare: then read with hc_memory_view() piece
 * by piece).
 */
struct hc_bytes hc_chunk_bytes(const struct hc_heap *heap, const struct hc_chunk *chunk);

/** Least and most bytes that a caller of malloc may have asked for to get this chunk. */
static inline void hc_chunk_request(const struct hc_heap *heap __attribute__((unused)),
				    const struct hc_chunk *chunk, uint64_t *min_ret,
				    uint64_t *max_ret)
{
	chunk->span->zone->request_range(chunk->span->zone, chunk, min_ret, max_ret);
}

/** Chunk size that a request gets at least where @p chunk comes from. */
static inline uint64_t hc_chunk_request_size(const struct hc_chunk *chunk, uint64_t request)
{
	return chunk->span->zone->request_size(chunk->span->zone, request);
}

/**
 * Of a chunk that looks in use but may be on a list that a thread was taking apart when the core
 * was made: the user address of the next one on that list, a chunk that looks in use, or 0.
 */
uint64_t hc_heap_next_listed(const struct hc_heap *heap, uint64_t address);

const struct hc_special *hc_heap_special(const struct hc_heap *heap, uint64_t address);
const struct hc_pin *hc_heap_pin(const struct hc_heap *heap, uint64_t address);
/**@}*/

#endif
