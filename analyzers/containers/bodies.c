/**
 * @file
 * Containers whose elements lie in arrays: vectors, strings, deques, and the tables of hashbrown.
 */
#include <string.h>

#include "analyzers/containers/forms.h"

/** The largest number that divides both; of 0 and b, b. */
static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (a) {
		uint64_t rest = b % a;

		b = a;
		a = rest;
	}
	return b;
}

/** One chunk is all there is. */
static bool take_body(const struct hc_container_reader *reader, const struct hc_part *body,
		      struct hc_container *ret)
{
	if (!hc_claim(reader, &body->chunk))
		return false;
	ret->arrays = (struct hc_count){1, body->chunk.size};
	return true;
}

/** @name Vectors */
/**@{*/

/** Another pointer to the body beside the three: it is a buffer that something reads or writes. */
static bool has_fourth(const struct hc_head *head)
{
	uint64_t begin = head->words[0], size = head->words[2] - begin;

	return (head->has_before && head->before - begin <= size) ||
	       (head->num > 3 && head->words[3] - begin <= size);
}

bool hc_prove_vector(struct hc_container_reader *reader, const struct hc_head *head,
		     struct hc_container *ret)
{
	const uint64_t *w = head->words;
	struct hc_part body;

	if (w[1] < w[0] || w[2] < w[1] || w[2] == w[0] ||
	    !hc_part_read(reader->heap, w[0], w[2] - w[0], &body) ||
	    !hc_part_asked(&body, w[2] - w[0]) || has_fourth(head) ||
	    !take_body(reader, &body, ret))
		return false;
	ret->used = w[1] - w[0];
	ret->element_max = common_divisor(ret->used, w[2] - w[0]);
	return true;
}
/**@}*/

/** @name Strings */
/**@{*/

/**
 * Of libstdc++: longest string that lies in its head, and the least capacity of one that grew out
 * of it. One that is short and yet in a chunk had grown before; less is also what Rust has next to
 * each other in a struct: the length of a short String and the capacity of the next.
 */
#define SHORT_MAX 15
#define GROWN_MIN 30

/** Small numbers are in many structs: strings below this must have no NUL inside. */
#define SURE_LENGTH 256

static bool prove_string(struct hc_container_reader *reader, uint64_t data, uint64_t length,
			 uint64_t asked, struct hc_container *ret)
{
	struct hc_part body;

	if (length >= asked || !hc_part_read(reader->heap, data, asked, &body) ||
	    !hc_part_asked(&body, asked) || body.bytes.data[length] ||
	    (length < SURE_LENGTH && memchr(body.bytes.data, 0, length)) ||
	    !take_body(reader, &body, ret))
		return false;
	ret->elements = ret->used = length;
	ret->element_max = 1;
	return true;
}

bool hc_prove_std_string(struct hc_container_reader *reader, const struct hc_head *head,
			 struct hc_container *ret)
{
	const uint64_t *w = head->words;

	return w[2] > SHORT_MAX && w[2] < UINT64_MAX && (w[1] > SHORT_MAX || w[2] >= GROWN_MIN) &&
	       prove_string(reader, w[0], w[1], w[2] + 1, ret);
}

/**
 * The lowest bit of the capacity says that it is a long one. Chunks are asked for in multiples of
 * 16 bytes, the least of which is for one character more than the head has room for.
 */
bool hc_prove_cxx_string(struct hc_container_reader *reader, const struct hc_head *head,
			 struct hc_container *ret)
{
	const uint64_t *w = head->words;

	return !reader->heap->big_endian && (w[0] & 1) &&
	       w[0] >= (reader->heap->word_size == 8 ? 32 : 16) &&
	       prove_string(reader, w[2], w[1], w[0] & ~UINT64_C(1), ret);
}

bool hc_prove_short(struct hc_container_reader *reader, const struct hc_head *head,
		    struct hc_container *ret)
{
	unsigned word = reader->heap->word_size;
	uint64_t text = head->address + 2 * word, length = head->words[1];
	struct hc_bytes bytes;

	if (head->words[0] != text || length > SHORT_MAX)
		return false;
	bytes = hc_memory_view(&reader->heap->process->memory, text, SHORT_MAX + 1);
	if (bytes.size <= length || memchr(bytes.data, 0, length) || bytes.data[length])
		return false;
	ret->elements = length;
	ret->element_max = 1;
	return true;
}
/**@}*/

/** @name Deques */
/**@{*/

/** The blocks of a deque: what its map names. */
struct blocks {
	uint64_t map;        /**< address of the first of these words … */
	uint64_t num;        /**< … and how many there are */
	uint64_t size;       /**< bytes that each is for; 0: not known */
	uint64_t min, max;   /**< bytes that all may have been asked for with */
	struct hc_count all; /**< chunks */
};

/** Claim blocks; blocks->all says how many of them, if not all. */
static bool take_blocks(struct hc_container_reader *reader, struct blocks *blocks)
{
	const struct hc_memory *memory = &reader->heap->process->memory;
	unsigned word = reader->heap->word_size;
	struct hc_part block;
	uint64_t address;

	for (uint64_t i = 0; i < blocks->num; i++) {
		if (!hc_container_step(reader, 1) ||
		    !hc_memory_word(memory, blocks->map + i * word, &address) ||
		    !hc_part_read(reader->heap, address, blocks->size, &block) ||
		    (blocks->size && !hc_part_asked(&block, blocks->size)))
			return false;
		blocks->min = block.min > blocks->min ? block.min : blocks->min;
		blocks->max = block.max < blocks->max ? block.max : blocks->max;
		if (blocks->min > blocks->max || !hc_claim(reader, &block.chunk))
			return false;
		hc_count_add(&blocks->all, &(struct hc_count){1, block.chunk.size});
	}
	return true;
}

static void give_back(const struct hc_container_reader *reader, const struct blocks *blocks)
{
	unsigned word = reader->heap->word_size;
	struct hc_part block;
	uint64_t address;

	for (uint64_t i = 0; i < blocks->all.chunks; i++)
		if (hc_memory_word(&reader->heap->process->memory, blocks->map + i * word,
				   &address) &&
		    hc_part_read(reader->heap, address, 0, &block))
			hc_unclaim(reader, &block.chunk);
}

/** The map, and all that it names. */
static bool take_deque(struct hc_container_reader *reader, const struct hc_part *map,
		       struct blocks *blocks, struct hc_container *ret)
{
	blocks->max = UINT64_MAX;
	if (!take_blocks(reader, blocks) || !take_body(reader, map, ret)) {
		give_back(reader, blocks);
		return false;
	}
	hc_count_add(&ret->arrays, &blocks->all);
	return true;
}

/** An iterator of libstdc++: cur, first, last, node. */
static bool is_iterator(const struct hc_heap *heap, const uint64_t *w, uint64_t block)
{
	uint64_t first;

	return w[1] <= w[0] && w[0] < w[2] && w[2] - w[1] == block &&
	       hc_memory_word(&heap->process->memory, w[3], &first) && first == w[1];
}

bool hc_prove_std_deque(struct hc_container_reader *reader, const struct hc_head *head,
			struct hc_container *ret)
{
	const uint64_t *w = head->words, *start = w + 2, *finish = w + 6;
	unsigned word = reader->heap->word_size;
	uint64_t block = start[2] - start[1], bytes;
	struct hc_part map;

	if (start[2] <= start[1] || !is_iterator(reader->heap, start, block) ||
	    !is_iterator(reader->heap, finish, block) ||
	    __builtin_mul_overflow(w[1], (uint64_t)word, &bytes) ||
	    !hc_part_read(reader->heap, w[0], bytes, &map) || !hc_part_asked(&map, bytes) ||
	    start[3] < w[0] || finish[3] < start[3] || finish[3] - w[0] >= bytes ||
	    (start[3] - w[0]) % word || (finish[3] - w[0]) % word ||
	    (start[3] == finish[3] && finish[0] < start[0]))
		return false;
	struct blocks blocks = {
		.map = start[3], .num = (finish[3] - start[3]) / word + 1, .size = block};

	if (!take_deque(reader, &map, &blocks, ret))
		return false;
	ret->used = (blocks.num - 1) * block + (finish[0] - finish[1]) - (start[0] - start[1]);
	ret->element_max =
		common_divisor(common_divisor(block, start[0] - start[1]), finish[0] - finish[1]);
	return true;
}

/** Of libc++: a map of first, begin, end, end of capacity; then where it starts, and a count. */
bool hc_prove_cxx_deque(struct hc_container_reader *reader, const struct hc_head *head,
			struct hc_container *ret)
{
	const uint64_t *w = head->words;
	unsigned word = reader->heap->word_size;
	struct hc_part map;
	uint64_t needed, room;

	if (w[1] < w[0] || w[2] <= w[1] || w[3] < w[2] || !w[5] || (w[1] - w[0]) % word ||
	    (w[2] - w[1]) % word || !hc_part_read(reader->heap, w[0], w[3] - w[0], &map) ||
	    !hc_part_asked(&map, w[3] - w[0]) || __builtin_add_overflow(w[4], w[5], &needed))
		return false;
	struct blocks blocks = {.map = w[1], .num = (w[2] - w[1]) / word};

	if (!take_deque(reader, &map, &blocks, ret))
		return false;
	/* A block has 4,096 bytes or 16 elements: one element has at least one of the bytes. */
	if (__builtin_mul_overflow(blocks.num, blocks.max, &room) || needed > room ||
	    w[4] >= blocks.max) {
		give_back(reader, &blocks);
		hc_unclaim(reader, &map.chunk);
		return false;
	}
	ret->elements = w[5];
	ret->element_max = room / needed;
	return true;
}
/**@}*/

/** @name Vec of Rust */
/**@{*/

/**
 * Up to so many elements any size of a chunk is a multiple of their number, as far as the
 * allocator's rounding lets tell.
 */
#define FEW 16

/** Least room after the first push: 8 of bytes, 4 of more, and 1 of what is very large. */
static bool may_have_grown(uint64_t capacity, uint64_t stride)
{
	return capacity == 8 || capacity == 16 || (capacity == 4 && stride > 1);
}

/** Words of a Vec, as far as its capacity and its body tell. */
static bool fits_body(const struct hc_heap *heap, uint64_t capacity, uint64_t address)
{
	struct hc_part body;

	return hc_part_read(heap, address, 0, &body) && hc_vec_stride(capacity, body.min, body.max);
}

/**
 * A VecDeque is capacity, body, first element, length: a Vec whose length is another word, and one
 * more. Which one it is can't be told, unless that word begins the next Vec.
 */
static bool may_be_deque(const struct hc_heap *heap, const struct hc_head *head,
			 enum hc_vec_order order)
{
	const uint64_t *w = head->words;

	return order == HC_VEC_CBL && head->num > 3 && w[2] < w[0] && w[3] && w[3] <= w[0] &&
	       !(head->num > 4 && fits_body(heap, w[3], w[4]));
}

/** Levels of a BTreeMap below its root, and words of its nodes that are looked at. */
#define MAX_LEVELS 6
#define MAX_NODE_WORDS 512

static bool points_back(const struct hc_heap *heap, uint64_t child, uint64_t parent)
{
	unsigned word = heap->word_size;
	struct hc_part part;

	if (!hc_part_read(heap, child, word, &part))
		return false;
	for (size_t i = 0; i < MAX_NODE_WORDS && (i + 1) * word <= part.bytes.size; i++)
		if (hc_part_word(heap, &part, i) == parent)
			return true;
	return false;
}

/**
 * A BTreeMap is its root, levels below that, and elements: behind some small number it looks like a
 * Vec. But nodes know their parent.
 */
static bool is_btree(const struct hc_heap *heap, const struct hc_part *body, uint64_t levels)
{
	unsigned word = heap->word_size;

	if (!levels || levels > MAX_LEVELS)
		return false;
	for (size_t i = 0; i < MAX_NODE_WORDS && (i + 1) * word <= body->bytes.size; i++)
		if (points_back(heap, hc_part_word(heap, body, i), body->chunk.address))
			return true;
	return false;
}

bool hc_prove_vec(struct hc_container_reader *reader, const struct hc_head *head,
		  enum hc_vec_order order, struct hc_container *ret)
{
	const struct hc_vec_form *form = &hc_vec_forms[order];
	const uint64_t *w = head->words;
	uint64_t capacity = w[form->capacity], length = w[form->length];
	struct hc_part body;

	if (length > capacity || !hc_part_read(reader->heap, w[form->body], capacity, &body))
		return false;
	uint64_t stride = hc_vec_stride(capacity, body.min, body.max);

	if (!stride || (capacity <= FEW &&
			(!length || (length != capacity && !may_have_grown(capacity, stride)))))
		return false;
	if (is_btree(reader->heap, &body, length) || !take_body(reader, &body, ret))
		return false;
	ret->used = ret->elements = HC_UNKNOWN_ELEMENTS;
	if (!may_be_deque(reader->heap, head, order)) {
		ret->elements = length;
		ret->used = length * stride;
	}
	ret->element_max = stride;
	return true;
}
/**@}*/

/** @name hashbrown */
/**@{*/

/** A slot that is full has a control byte below this; empty and deleted ones, this and more. */
#define FULL 0x80
#define EMPTY 0xff

/** What the control bytes say. */
struct controls {
	uint64_t full, empty;
};

static bool count_controls(struct hc_container_reader *reader, struct hc_bytes bytes,
			   uint64_t buckets, struct controls *ret)
{
	uint64_t repeated = buckets < HC_SWISS_GROUP ? buckets : HC_SWISS_GROUP;

	if (!hc_container_step(reader, buckets))
		return false;
	for (uint64_t i = 0; i < buckets; i++) {
		uint8_t control = bytes.data[i];

		if (control > FULL && control != EMPTY)
			return false;
		ret->full += control < FULL;
		ret->empty += control == EMPTY;
	}
	/* Small tables repeat behind the whole group. */
	return !memcmp(bytes.data,
		       bytes.data + (buckets < HC_SWISS_GROUP ? HC_SWISS_GROUP : buckets),
		       repeated);
}

/** Slots that are filled at most: seven of eight. */
static uint64_t capacity_of(uint64_t buckets)
{
	return buckets < 8 ? buckets - 1 : buckets / 8 * 7;
}

/** One less than a number of buckets: a power of two, at least 4. */
static bool is_mask(uint64_t word)
{
	return word >= 3 && word < UINT64_MAX && !(word & (word + 1));
}

/** The table that has its control bytes at @p control: slots lie in front of these. */
static bool prove_table(struct hc_container_reader *reader, const struct hc_head *head,
			uint64_t control, struct hc_container *ret)
{
	uint64_t mask = head->words[head->words[0] == control ? 1 : 0];
	uint64_t buckets = mask + 1, growth = head->words[2], items = head->words[3];
	struct controls controls = {0};
	struct hc_chunk chunk;
	struct hc_part body;

	if (!is_mask(mask) || !items || items > capacity_of(buckets) || control % HC_SWISS_GROUP ||
	    !hc_heap_pointee(reader->heap, control, &chunk) || buckets > chunk.usable ||
	    control - chunk.address < buckets)
		return false;
	uint64_t asked = control - chunk.address + buckets + HC_SWISS_GROUP;

	if (!hc_part_read(reader->heap, chunk.address, asked, &body) ||
	    !hc_part_asked(&body, asked))
		return false;
	struct hc_bytes bytes = {body.bytes.data + (control - chunk.address),
				 buckets + HC_SWISS_GROUP};

	if (!count_controls(reader, bytes, buckets, &controls) || controls.full != items ||
	    growth > capacity_of(buckets) - items || growth > controls.empty ||
	    !take_body(reader, &body, ret))
		return false;
	ret->elements = items;
	ret->element_max = (control - chunk.address) / buckets;
	ret->used = items * ret->element_max;
	return true;
}

bool hc_prove_swiss(struct hc_container_reader *reader, const struct hc_head *head,
		    struct hc_container *ret)
{
	return prove_table(reader, head, head->words[is_mask(head->words[0]) ? 1 : 0], ret);
}
/**@}*/
