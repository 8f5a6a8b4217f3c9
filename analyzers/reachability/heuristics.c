/**
 * @file
 * Interior pointers that mean the whole block.
 *
 * The first four patterns are those that Memcheck documents for --leak-check-heuristics. It knows
 * the size that the program asked for; a core only has the chunk, so that where a pattern is about
 * the block's size, any request that malloc could have answered with this chunk will do.
 */
#include "analyzers/reachability/reachability.h"

#include <string.h>

#include "analyzers/reachability/conventions.h"
#include "analyzers/reachability/pools.h"
#include "core/base/bytes.h"

/** Words that a rep of a pre-C++11 std::string has before its characters. */
#define STRING_REP_WORDS 3
/** Control bytes of a hash table; below CONTROL_DELETED: seven bits of the hash of a full bucket.
 */
#define CONTROL_EMPTY 0xff
#define CONTROL_DELETED 0x80
/** Control bytes of one table that are looked at. */
#define MAX_CONTROL 512
/** Words of a pool's header that may hold its own address. */
#define POOL_HEADER_WORDS 16
/** Words of a header with the block's size, at most, and the smallest chunk that may have one. */
#define COUNTED_HEADER_WORDS 4
#define MIN_COUNTED 128
/** Bytes before a place that a program aligned by hand, at most, and words of its header. */
#define MAX_PADDING 4096
#define ALIGNED_HEADER_WORDS 4
/** Bytes of an index entry of a hash table, and of the smallest entry that it is of. */
#define INDEX_BYTES 4
#define MIN_ENTRY_WORDS 2
#define MIN_INDEX 8
/** Slots of a vtable that are searched for the address of code; the first ones may be null. */
#define VTABLE_SLOTS 2

const char *hc_heuristic_name(enum hc_heuristic heuristic)
{
	static const char *const names[HC_NUM_HEURISTICS] = {
		[HC_HEURISTIC_NONE] = "none",
		[HC_HEURISTIC_NEWARRAY] = "newarray",
		[HC_HEURISTIC_MULTIPLE_INHERITANCE] = "multipleinheritance",
		[HC_HEURISTIC_STDSTRING] = "stdstring",
		[HC_HEURISTIC_LENGTH64] = "length64",
		[HC_HEURISTIC_HASHTABLE] = "hashtable",
		[HC_HEURISTIC_POOL] = "pool",
		[HC_HEURISTIC_LIST] = "list",
		[HC_HEURISTIC_CONVENTION] = "convention",
		[HC_HEURISTIC_TAGGED] = "tagged",
		[HC_HEURISTIC_OFFSET] = "offset",
	};

	return names[heuristic];
}

/** Whether the program may have asked for @p size bytes. */
static bool may_be_request(const struct hc_heap *heap, const struct hc_chunk *chunk, uint64_t size)
{
	uint64_t min, max;

	hc_chunk_request(heap, chunk, &min, &max);
	return size >= min && size <= max;
}

/** "length, capacity, reference count, characters": the pointer is to the characters. */
static bool is_string(const struct hc_heap *heap, const struct hc_chunk *chunk,
		      struct hc_bytes bytes)
{
	unsigned word = heap->word_size;
	uint64_t length, capacity, size;

	if (bytes.size <= STRING_REP_WORDS * word)
		return false;
	length = hc_read_word(bytes.data, word, heap->big_endian);
	capacity = hc_read_word(bytes.data + word, word, heap->big_endian);
	return length <= capacity &&
	       !__builtin_add_overflow(capacity, STRING_REP_WORDS * word + 1, &size) &&
	       may_be_request(heap, chunk, size);
}

/** A 64-bit count of the bytes that follow it. */
static bool is_length64(const struct hc_heap *heap, const struct hc_chunk *chunk,
			struct hc_bytes bytes)
{
	uint64_t size;

	return bytes.size > sizeof(uint64_t) &&
	       !__builtin_add_overflow(hc_read64(bytes.data, heap->big_endian), sizeof(uint64_t),
				       &size) &&
	       may_be_request(heap, chunk, size);
}

/**
 * A header of a few words, one of which says how many bytes follow it or the block has, with flags
 * in the low bits or without: what wrappers around malloc put before each block. Small numbers say
 * nothing.
 */
static bool is_counted(const struct hc_heap *heap, const struct hc_chunk *chunk,
		       struct hc_bytes bytes, uint64_t offset)
{
	unsigned word = heap->word_size;
	uint64_t max = COUNTED_HEADER_WORDS * word;

	if (offset % word || offset > max || offset >= bytes.size || chunk->size < MIN_COUNTED)
		return false;
	for (uint64_t at = 0; at < offset; at += word) {
		uint64_t size = hc_read_word(bytes.data + at, word, heap->big_endian);

		if (size >= chunk->size || size < chunk->size / 2)
			continue;
		if (may_be_request(heap, chunk, offset + size) ||
		    may_be_request(heap, chunk, offset + size / word * word) ||
		    may_be_request(heap, chunk, size) ||
		    may_be_request(heap, chunk, size / word * word))
			return true;
	}
	return false;
}

/** The number of elements, then the elements, all of one size. */
static bool is_array(const struct hc_heap *heap, const struct hc_chunk *chunk,
		     struct hc_bytes bytes)
{
	unsigned word = heap->word_size;
	uint64_t count, min, max;

	if (bytes.size <= word)
		return false;
	count = hc_read_word(bytes.data, word, heap->big_endian);
	hc_chunk_request(heap, chunk, &min, &max);
	if (!count || max < word || count > max - word)
		return false;
	/* The largest multiple of count that fits is a request in [min, max]? */
	return (max - word) / count * count + word >= min;
}

/** A word that points to a table of code addresses in memory that a module can't write to. */
static bool is_vtable_pointer(const struct hc_process *process, uint64_t value)
{
	const struct hc_mapping *table = hc_mappings_find(&process->mappings, value);
	unsigned word = process->memory.word_size;

	if (!table || table->kind != HC_MAPPING_RODATA || value % word)
		return false;
	for (unsigned i = 0; i < VTABLE_SLOTS; i++) {
		uint64_t slot;

		if (!hc_memory_word(&process->memory, value + i * word, &slot))
			return false;
		if (hc_mappings_is_code(&process->mappings, slot))
			return true;
	}
	return false;
}

/** A vtable pointer at the start of the object, and one at the start of the base class. */
static bool is_base_class(const struct hc_process *process, struct hc_bytes bytes, uint64_t offset)
{
	unsigned word = process->memory.word_size;

	return offset % word == 0 && offset <= bytes.size && bytes.size - offset >= word &&
	       is_vtable_pointer(process,
				 hc_read_word(bytes.data, word, process->memory.big_endian)) &&
	       is_vtable_pointer(process, hc_read_word(bytes.data + offset, word,
						       process->memory.big_endian));
}

/** The control bytes of a table: all valid, some full, some empty, and the first ones once more. */
static bool are_control_bytes(const uint8_t *control, uint64_t buckets, unsigned group)
{
	uint64_t full = 0, looked = buckets < MAX_CONTROL ? buckets : MAX_CONTROL;

	for (uint64_t i = 0; i < looked; i++) {
		if (control[i] >= CONTROL_DELETED && control[i] != CONTROL_DELETED &&
		    control[i] != CONTROL_EMPTY)
			return false;
		full += control[i] < CONTROL_DELETED;
	}
	/* A table is grown before it is full; one of a few buckets keeps one free. */
	if (!full || full == looked)
		return false;
	if (buckets >= group)
		return !memcmp(control, control + buckets, group);
	for (uint64_t i = buckets; i < group; i++)
		if (control[i] != CONTROL_EMPTY)
			return false;
	return !memcmp(control, control + group, buckets);
}

/**
 * A hash table of Rust's standard library (hashbrown): buckets, a power of two, then a control byte
 * for each, then the first group's once more. The pointer is to the control bytes.
 */
static bool is_hash_table(const struct hc_heap *heap, const struct hc_chunk *chunk,
			  struct hc_bytes bytes, uint64_t offset)
{
	static const unsigned groups[] = {16, 8}; /* with SSE2, without */
	uint64_t min, max;

	if (offset % groups[1])
		return false;
	hc_chunk_request(heap, chunk, &min, &max);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		unsigned group = groups[i];

		if (max <= offset + group)
			continue;
		uint64_t most = max - offset - group;
		uint64_t buckets = UINT64_C(1) << (63 - __builtin_clzll(most));

		/* No bucket is smaller than a byte. */
		if (buckets + group + offset < min || buckets > offset ||
		    bytes.size < offset + buckets + group)
			continue;
		if (are_control_bytes(bytes.data + offset, buckets, group))
			return true;
	}
	return false;
}

/** Whether a word in memory holds @p value. */
static bool holds(const struct hc_process *process, uint64_t address, uint64_t value)
{
	uint64_t word;

	return hc_memory_word(&process->memory, address, &word) && word == value;
}

/**
 * A link of a doubly linked list: next, and prev or what points to this. Its neighbour points back,
 * which a stale pointer's target doesn't see to. Heads of empty lists are their own neighbours.
 */
static bool is_link(const struct hc_heap *heap, struct hc_bytes bytes, uint64_t offset,
		    uint64_t address)
{
	const struct hc_process *process = heap->process;
	unsigned word = heap->word_size;
	uint64_t next, prev;

	if (offset % word || bytes.size < 2 * word || offset > bytes.size - 2 * word)
		return false;
	next = hc_read_word(bytes.data + offset, word, heap->big_endian);
	prev = hc_read_word(bytes.data + offset + word, word, heap->big_endian);
	if (next == address || prev == address)
		return false;
	return (next && next % word == 0 && holds(process, next + word, address)) ||
	       (prev && prev % word == 0 && holds(process, prev, address));
}

/** Whether one of some words, of which there need not be so many, is a chunk's own address. */
static bool holds_itself(const struct hc_heap *heap, const struct hc_chunk *chunk,
			 struct hc_bytes bytes, uint64_t from, uint64_t to)
{
	unsigned word = heap->word_size;

	for (uint64_t at = from; at + word <= to && at + word <= bytes.size; at += word)
		if (hc_read_word(bytes.data + at, word, heap->big_endian) == chunk->address)
			return true;
	return false;
}

/**
 * A block that holds its own address: who has a pointer behind it finds the start. It is in the
 * block's first words, or in the header at the place that was pointed to (the block was aligned by
 * hand, and that is what will be freed).
 */
static bool is_pool(const struct hc_heap *heap, const struct hc_chunk *chunk, struct hc_bytes bytes,
		    uint64_t offset)
{
	unsigned word = heap->word_size;
	uint64_t first = POOL_HEADER_WORDS * word;

	if (holds_itself(heap, chunk, bytes, 0, offset < first ? offset : first))
		return true;
	return offset % word == 0 && offset <= MAX_PADDING && offset < bytes.size &&
	       holds_itself(heap, chunk, bytes, offset, offset + ALIGNED_HEADER_WORDS * word);
}

/**
 * A hash table that keeps its order (Zend's): an index of 32-bit numbers of entries, a power of two
 * of them, then the entries, half as many, or as many. The pointer is to the entries.
 */
static bool is_indexed_table(const struct hc_heap *heap, const struct hc_chunk *chunk,
			     struct hc_bytes bytes, uint64_t offset)
{
	uint64_t slots = offset / INDEX_BYTES, full = 0, looked, entries, min, max;

	if (offset % heap->word_size || slots < MIN_INDEX || slots & (slots - 1) ||
	    offset >= bytes.size)
		return false;
	hc_chunk_request(heap, chunk, &min, &max);
	for (entries = slots; entries >= slots / 2; entries /= 2) {
		uint64_t entry = (max - offset) / entries / heap->word_size * heap->word_size;

		if (entry >= MIN_ENTRY_WORDS * heap->word_size && offset + entry * entries >= min)
			break;
	}
	if (entries < slots / 2)
		return false;
	looked = slots < MAX_CONTROL ? slots : MAX_CONTROL;
	for (uint64_t i = 0; i < looked; i++) {
		uint32_t index = hc_read32(bytes.data + i * INDEX_BYTES, heap->big_endian);

		if (index != UINT32_MAX && index >= entries)
			return false;
		full += index != UINT32_MAX;
	}
	return full && full < looked;
}

enum hc_heuristic hc_heuristic_match(const struct hc_heap *heap, const struct hc_chunk *chunk,
				     uint64_t address)
{
	uint64_t offset = address - chunk->address;
	struct hc_bytes bytes;

	if (!offset || offset >= chunk->usable)
		return HC_HEURISTIC_NONE;
	bytes = hc_chunk_bytes(heap, chunk);
	if (bytes.size < heap->word_size)
		return HC_HEURISTIC_NONE;
	if (offset == STRING_REP_WORDS * heap->word_size && is_string(heap, chunk, bytes))
		return HC_HEURISTIC_STDSTRING;
	if (offset == sizeof(uint64_t) && is_length64(heap, chunk, bytes))
		return HC_HEURISTIC_LENGTH64;
	if (offset == heap->word_size && is_array(heap, chunk, bytes))
		return HC_HEURISTIC_NEWARRAY;
	if (is_counted(heap, chunk, bytes, offset))
		return HC_HEURISTIC_LENGTH64;
	if (is_base_class(heap->process, bytes, offset))
		return HC_HEURISTIC_MULTIPLE_INHERITANCE;
	if (is_hash_table(heap, chunk, bytes, offset) ||
	    is_indexed_table(heap, chunk, bytes, offset))
		return HC_HEURISTIC_HASHTABLE;
	if (is_pool(heap, chunk, bytes, offset) || hc_pool_holds(heap, chunk))
		return HC_HEURISTIC_POOL;
	if (hc_convention_of(heap, chunk->size, offset))
		return HC_HEURISTIC_CONVENTION;
	if (heap->links && is_link(heap, bytes, offset, address))
		return HC_HEURISTIC_LIST;
	return HC_HEURISTIC_NONE;
}
