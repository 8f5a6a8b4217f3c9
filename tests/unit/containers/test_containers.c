/**
 * @file
 * Containers that are made by hand, for both word sizes: exact numbers, and what must not be
 * believed. Counts that lie, loops, nodes of two heads, and more lies than there is patience.
 */
#include "analyzers/containers/containers.h"
#include "analyzers/types/rust.h"

#include "tests/unit/fake_heap.h"

#define SPAN UINT64_C(0x20000000)
enum { CHUNKS = 200, ROOT_WORDS = 4096, ALL = (1 << HC_NUM_CONTAINER_KINDS) - 1 };

struct world {
	struct fake fake;
	unsigned word;
	uint64_t chunks[CHUNKS];
	struct hc_containers found;
};

/** Chunks of 64 bytes, and the last two of 528 and 4,112. */
static void make(struct world *world, unsigned word, unsigned jobs)
{
	uint64_t sizes[CHUNKS];

	for (size_t i = 0; i < CHUNKS; i++)
		sizes[i] = 64;
	sizes[CHUNKS - 2] = 528;
	sizes[CHUNKS - 1] = 4112;
	*world = (struct world){.word = word};
	fake_init(&world->fake, word, jobs, ROOT_WORDS * word);
	fake_span(&world->fake, SPAN, HC_SPAN_TILED, sizes, CHUNKS, world->chunks);
	fake_seal(&world->fake);
}

static void destroy(struct world *world)
{
	hc_containers_deinit(&world->found);
	fake_deinit(&world->fake);
}

static void find(struct world *world)
{
	hc_containers_deinit(&world->found);
	assert_null(hc_containers_find(fake_target(&world->fake), ALL, 100, &world->found));
}

static void put(struct world *world, uint64_t address, size_t index, uint64_t value)
{
	fake_store(&world->fake, address + index * world->word, value);
}

static void fill(struct world *world, uint64_t address, uint8_t byte, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*fake_at(&world->fake, address + i) = byte;
}

static uint64_t root_at(const struct world *world, size_t index)
{
	return FAKE_ROOTS + index * world->word;
}

/** The only container there is. */
static const struct hc_container *only(struct world *world, enum hc_container_kind kind)
{
	find(world);
	assert_int_equal(world->found.num, 1);
	assert_int_equal(world->found.items[0].kind, kind);
	return &world->found.items[0];
}

static void none(struct world *world)
{
	find(world);
	assert_int_equal(world->found.total, 0);
	for (size_t i = 0; i < HC_NUM_CONTAINER_KINDS; i++)
		assert_int_equal(world->found.kinds[i].containers, 0);
}

/** Both word sizes. */
static void on_both(void (*test)(struct world *))
{
	for (unsigned word = 4; word <= 8; word += 4) {
		struct world world;

		make(&world, word, 1 + word / 4);
		test(&world);
		destroy(&world);
	}
}

/** @name Trees */
/**@{*/

enum { NODES = 100 };

/** Words of a node: libstdc++, libc++. */
static const struct shape {
	unsigned parent, left, right;
	bool colour;
} shapes[] = {{1, 2, 3, true}, {2, 0, 1, false}};

/** A balanced tree of the chunks [from, to), below @p parent. @return its root */
static uint64_t make_tree(struct world *world, const struct shape *shape, uint64_t parent,
			  const size_t range[2])
{
	size_t middle = (range[0] + range[1]) / 2;

	if (range[0] == range[1])
		return 0;
	uint64_t node = world->chunks[middle];

	put(world, node, shape->colour ? 0 : 3, 1);
	put(world, node, shape->parent, parent);
	put(world, node, shape->left,
	    make_tree(world, shape, node, (const size_t[]){range[0], middle}));
	put(world, node, shape->right,
	    make_tree(world, shape, node, (const size_t[]){middle + 1, range[1]}));
	return node;
}

/** The head of a tree of the first NODES chunks, at word 10 of the root. */
static uint64_t make_std_tree(struct world *world)
{
	uint64_t head = root_at(world, 10);

	put(world, head, 2,
	    make_tree(world, &shapes[0], head + world->word, (const size_t[]){0, NODES}));
	put(world, head, 3, world->chunks[0]);
	put(world, head, 4, world->chunks[NODES - 1]);
	put(world, head, 5, NODES);
	return head;
}

static void std_tree(struct world *world)
{
	uint64_t head = make_std_tree(world);
	const struct hc_container *container = only(world, HC_CONTAINER_TREE);

	assert_int_equal(container->head, head);
	assert_int_equal(container->elements, NODES);
	assert_int_equal(container->nodes.chunks, NODES);
	assert_int_equal(container->nodes.bytes, NODES * 64);
	assert_int_equal(container->library, HC_LIBRARY_STDCXX);
	/* 64 bytes with header: 56 or 60 of them, without four words. */
	assert_int_equal(container->element_max, world->word == 8 ? 56 - 32 : 60 - 16);
	assert_int_equal(container->place.root, HC_ROOT_OTHER);
}

static void cxx_tree(struct world *world)
{
	uint64_t head = root_at(world, 10);

	put(world, head, 0, world->chunks[0]);
	put(world, head, 1,
	    make_tree(world, &shapes[1], head + world->word, (const size_t[]){0, NODES}));
	put(world, head, 2, NODES);
	const struct hc_container *container = only(world, HC_CONTAINER_TREE);

	assert_int_equal(container->head, head);
	assert_int_equal(container->elements, NODES);
	assert_int_equal(container->library, HC_LIBRARY_CXX);
}

static void damaged_trees(struct world *world)
{
	/* Node, word and what it says instead: a count, a loop, a parent, a colour, a dead end. */
	uint64_t head = make_std_tree(world), *chunks = world->chunks;
	const struct {
		uint64_t address;
		size_t index;
		uint64_t value;
	} lies[] = {
		{head, 5, NODES + 1},
		{head, 5, NODES - 1},
		{head, 5, UINT32_MAX},
		{head, 3, chunks[1]},
		{head, 4, chunks[NODES - 2]},
		{head, 1, 1},
		{chunks[7], 2, chunks[7]},
		{chunks[7], 3, chunks[NODES / 2]},
		{chunks[7], 1, chunks[7]},
		{chunks[20], 2, chunks[20] + 24},
		{chunks[20], 3, 16},
		{chunks[30], 0, 2},
		{chunks[NODES / 2], 3, chunks[NODES / 4]},
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		uint64_t before = 0;

		memcpy(&before,
		       fake_at(&world->fake, lies[i].address + lies[i].index * world->word),
		       world->word);
		assert_int_not_equal(before, lies[i].value);
		put(world, lies[i].address, lies[i].index, lies[i].value);
		none(world);
		put(world, lies[i].address, lies[i].index, before);
	}
	/* What was claimed on the way was given back. */
	only(world, HC_CONTAINER_TREE);
}

static void test_trees(void **state __attribute__((unused)))
{
	on_both(std_tree);
	on_both(cxx_tree);
	on_both(damaged_trees);
}
/**@}*/

/** @name Lists and hash tables */
/**@{*/

/** A ring of chunks [0, num) and a head. */
static void make_list(struct world *world, uint64_t head, size_t num)
{
	for (size_t i = 0; i < num; i++) {
		put(world, world->chunks[i], 0, i + 1 < num ? world->chunks[i + 1] : head);
		put(world, world->chunks[i], 1, i ? world->chunks[i - 1] : head);
		/* Elements that look like the count of the ring. */
		put(world, world->chunks[i], 2, num);
	}
	put(world, head, 0, world->chunks[0]);
	put(world, head, 1, world->chunks[num - 1]);
	put(world, head, 2, num);
}

static void list(struct world *world)
{
	uint64_t head = root_at(world, 5);
	const struct hc_container *container;

	make_list(world, head, 50);
	container = only(world, HC_CONTAINER_LIST);
	assert_int_equal(container->head, head);
	assert_int_equal(container->elements, 50);
	assert_int_equal(container->nodes.bytes, 50 * 64);
	put(world, head, 2, 51);
	none(world);
	put(world, head, 2, 49);
	none(world);
	put(world, head, 2, 50);
	/* A loop that does not come back to the head, and one of a single node. */
	put(world, world->chunks[30], 0, world->chunks[10]);
	none(world);
	put(world, world->chunks[30], 0, world->chunks[30]);
	none(world);
	put(world, world->chunks[30], 0, world->chunks[31]);
	only(world, HC_CONTAINER_LIST);
}

/** What memory keeps of an old head is no second list. */
static void two_heads(struct world *world)
{
	uint64_t head = world->chunks[150] + 2 * world->word;

	make_list(world, head, 20);
	for (size_t i = 0; i < 3; i++)
		put(world, root_at(world, 9), i, i < 2 ? world->chunks[i ? 19 : 0] : 20);
	const struct hc_container *container = only(world, HC_CONTAINER_LIST);

	assert_int_equal(container->head, head);
	assert_true(container->place.in_chunk);
	assert_int_equal(container->place.chunk.address, world->chunks[150]);
}

/** Buckets are in the chunk of 528 bytes, as many as it may have been asked for. */
static uint64_t make_hash(struct world *world, size_t num)
{
	uint64_t head = root_at(world, 7), array = world->chunks[CHUNKS - 2];
	const float load = 1;
	uint32_t bits;

	memcpy(&bits, &load, sizeof(bits));
	put(world, head, 0, array);
	put(world, head, 1, 520 / world->word);
	put(world, head, 2, world->chunks[0]);
	put(world, head, 3, num);
	put(world, head, 4, bits);
	for (size_t i = 0; i < num; i++) {
		put(world, world->chunks[i], 0, i + 1 < num ? world->chunks[i + 1] : 0);
		put(world, array, 60 - i, i ? world->chunks[i - 1] : head + 2 * world->word);
	}
	return head;
}

static void hash(struct world *world)
{
	uint64_t head = make_hash(world, 40), array = world->chunks[CHUNKS - 2];
	const struct hc_container *container = only(world, HC_CONTAINER_HASH);

	assert_int_equal(container->head, head);
	assert_int_equal(container->elements, 40);
	assert_int_equal(container->arrays.bytes, 528);
	assert_int_equal(hc_container_bytes(container), 40 * 64 + 528);
	put(world, head, 3, 41);
	none(world);
	put(world, head, 3, 40);
	put(world, head, 1, 50);
	none(world);
	put(world, head, 1, UINT64_MAX);
	none(world);
	put(world, head, 1, 520 / world->word);
	/* A bucket that names no node of this chain, and a chain that has no end. */
	put(world, array, 60, world->chunks[100]);
	none(world);
	put(world, array, 60, head + 2 * world->word);
	put(world, world->chunks[39], 0, world->chunks[3]);
	none(world);
	put(world, world->chunks[39], 0, 0);
	only(world, HC_CONTAINER_HASH);
}

static void test_chains(void **state __attribute__((unused)))
{
	on_both(list);
	on_both(two_heads);
	on_both(hash);
}
/**@}*/

/** @name Arrays */
/**@{*/

static void vector(struct world *world)
{
	uint64_t head = root_at(world, 7), body = world->chunks[CHUNKS - 2];
	const struct hc_container *container;

	put(world, head, 0, body);
	put(world, head, 1, body + 120);
	put(world, head, 2, body + 520);
	container = only(world, HC_CONTAINER_VECTOR);
	assert_int_equal(container->elements, HC_UNKNOWN_ELEMENTS);
	assert_int_equal(container->used, 120);
	assert_int_equal(container->element_max, 40);
	assert_int_equal(hc_container_bytes(container), 528);
	/* Room that nobody asked for, an end before the start, a fourth pointer. */
	put(world, head, 2, body + 400);
	none(world);
	put(world, head, 2, body + 520);
	put(world, head, 1, body - 8);
	none(world);
	put(world, head, 1, body + 120);
	put(world, head, 3, body + 8);
	none(world);
}

/** A pointer and two small numbers are in many structs; bytes are no text then. */
static void no_text(struct world *world)
{
	uint64_t head = root_at(world, 7);

	put(world, world->chunks[0], 0, world->chunks[1]);
	put(world, head, 0, world->chunks[0]);
	put(world, head, 1, 40);
	put(world, head, 2, 45);
	none(world);
	fill(world, world->chunks[0], 'x', 40);
	only(world, HC_CONTAINER_STRING);
}

static void string(struct world *world)
{
	uint64_t head = root_at(world, 7), body = world->chunks[CHUNKS - 2];
	const struct hc_container *container;

	fill(world, body, 'x', 500);
	put(world, head, 0, body);
	put(world, head, 1, 500);
	put(world, head, 2, 519);
	container = only(world, HC_CONTAINER_STRING);
	assert_int_equal(container->elements, 500);
	assert_int_equal(container->library, HC_LIBRARY_STDCXX);
	*fake_at(&world->fake, body + 500) = 'x';
	none(world);
	put(world, head, 1, UINT64_MAX);
	put(world, head, 2, UINT64_MAX);
	none(world);
	/* The order of libc++. */
	*fake_at(&world->fake, body + 500) = '\0';
	put(world, head, 0, 520 | 1);
	put(world, head, 1, 500);
	put(world, head, 2, body);
	assert_int_equal(only(world, HC_CONTAINER_STRING)->library, HC_LIBRARY_CXX);
}

/** 64 slots of 7 words, and control bytes behind them. */
static void swiss(struct world *world)
{
	enum { BUCKETS = 64, ITEMS = 50 };
	uint64_t head = root_at(world, 7), body = world->chunks[CHUNKS - 1];
	uint64_t control = (body + 4031) & ~UINT64_C(15);
	const struct hc_container *container;

	fill(world, control, 0xff, BUCKETS + 16);
	fill(world, control, 0x11, ITEMS);
	fill(world, control + BUCKETS, 0x11, 16);
	for (int mask_first = 0; mask_first < 2; mask_first++) {
		put(world, head, mask_first, control);
		put(world, head, !mask_first, BUCKETS - 1);
		put(world, head, 2, 56 - ITEMS);
		put(world, head, 3, ITEMS);
		container = only(world, HC_CONTAINER_SWISS);
		assert_int_equal(container->elements, ITEMS);
		assert_int_equal(hc_container_bytes(container), 4112);
	}
	put(world, head, 3, ITEMS - 1);
	none(world);
	put(world, head, 3, ITEMS);
	put(world, head, 0, UINT64_MAX);
	none(world);
	put(world, head, 0, BUCKETS - 1);
	fill(world, control + BUCKETS, 0x12, 1);
	none(world);
}

static void test_arrays(void **state __attribute__((unused)))
{
	on_both(vector);
	on_both(string);
	on_both(no_text);
	on_both(swiss);
}
/**@}*/

/** @name Up from a part */
/**@{*/

static struct hc_containment part_at(struct world *world, uint64_t address)
{
	const struct hc_referrers nobody = {0};
	struct hc_containment ret;
	struct hc_chunk chunk;
	bool in_chunk = hc_heap_chunk_at(world->fake.heap, address, &chunk);

	assert_null(hc_containers_of(fake_target(&world->fake), address, in_chunk ? &chunk : NULL,
				     &nobody, &ret));
	return ret;
}

static void up(struct world *world)
{
	uint64_t head = make_std_tree(world);

	for (size_t i = 0; i < NODES; i++) {
		struct hc_containment part = part_at(world, world->chunks[i] + 8);

		assert_true(part.found);
		assert_int_equal(part.part, HC_PART_NODE);
		assert_int_equal(part.ordinal, i + 1);
		assert_int_equal(part.container.head, head);
	}
	assert_int_equal(part_at(world, head + 2 * world->word).part, HC_PART_HEAD);
	assert_int_equal(part_at(world, head + 2 * world->word).container.elements, NODES);
	assert_false(part_at(world, world->chunks[NODES]).found);
	put(world, head, 5, NODES + 1);
	assert_false(part_at(world, world->chunks[0]).found);
	/* Parents in a circle. */
	put(world, world->chunks[0], 1, world->chunks[1]);
	put(world, world->chunks[1], 1, world->chunks[0]);
	assert_false(part_at(world, world->chunks[0]).found);
}

static void up_a_ring(struct world *world)
{
	uint64_t head = root_at(world, 5);

	make_list(world, head, 50);
	for (size_t i = 0; i < 50; i++) {
		struct hc_containment part = part_at(world, world->chunks[i]);

		assert_true(part.found);
		assert_int_equal(part.container.head, head);
		assert_int_equal(part.ordinal, 0);
	}
	put(world, world->chunks[30], 0, world->chunks[10]);
	assert_false(part_at(world, world->chunks[0]).found);
}

static void test_up(void **state __attribute__((unused)))
{
	on_both(up);
	on_both(up_a_ring);
}
/**@}*/

/** Every word of memory is the head of a list that is long and has no end: patience has one. */
static void lies(struct world *world)
{
	for (size_t i = 0; i + 2 < CHUNKS; i++) {
		put(world, world->chunks[i], 0, world->chunks[i ? i - 1 : CHUNKS - 3]);
		put(world, world->chunks[i], 1, root_at(world, i));
	}
	for (size_t i = 0; i < ROOT_WORDS; i++)
		put(world, root_at(world, 0), i,
		    i % 3 == 2 ? CHUNKS - 1 : world->chunks[i % (CHUNKS - 2)]);
	none(world);
}

static void test_lies(void **state __attribute__((unused)))
{
	on_both(lies);
}

/** @name Rust */
/**@{*/

#define SOURCES UINT64_C(0x30000000)
enum { BODY = CHUNKS - 2, ROOM = 65 }; /* 528 bytes: 65 words, or 130 */

/** Make it a program of Rust. */
static void make_rust(struct world *world, struct hc_module *module)
{
	struct hc_process *process = &world->fake.process;

	*module = (struct hc_module){.start = SOURCES, .end = SOURCES + 4096, .executable = true};
	fake_area(&world->fake, SOURCES, 4096, HC_MAPPING_RODATA, PF_R);
	strcpy((char *)fake_at(&world->fake, SOURCES), "/library/core/src/str/mod.rs");
	process->modules.items = module;
	process->modules.num = 1;
}

/** A Vec with its words in some order. */
struct vec {
	enum hc_vec_order order;
	uint64_t body, capacity, length;
};

static void put_vec(struct world *world, uint64_t head, const struct vec *vec)
{
	const struct hc_vec_form *form = &hc_vec_forms[vec->order];

	put(world, head, form->body, vec->body);
	put(world, head, form->capacity, vec->capacity);
	put(world, head, form->length, vec->length);
}

/** In the first chunk one with much room, from which the order is learned, and another behind. */
static void vectors_of_order(enum hc_vec_order order)
{
	struct hc_module module;
	struct world world;

	make(&world, 8, 2);
	make_rust(&world, &module);
	put_vec(&world, world.chunks[0], &(struct vec){order, world.chunks[BODY], ROOM, 40});
	/* 41 to 56 bytes: 4 of 12 each; less than full, but it may have grown. */
	put_vec(&world, world.chunks[0] + 32, &(struct vec){order, world.chunks[5], 4, 3});
	find(&world);
	assert_int_equal(world.found.num, 2);
	const struct hc_container *large = &world.found.items[0], *few = &world.found.items[1];
	assert_int_equal(large->kind, HC_CONTAINER_VEC);
	assert_int_equal(large->head, world.chunks[0]);
	assert_int_equal(large->elements, 40);
	assert_int_equal(large->element_max, 8);
	assert_int_equal(large->used, 320);
	assert_int_equal(few->head, world.chunks[0] + 32);
	assert_int_equal(few->elements, 3);
	assert_int_equal(few->element_max, 12);
	destroy(&world);
}

static void test_vectors(void **state __attribute__((unused)))
{
	for (enum hc_vec_order order = 0; order < HC_NUM_VEC_ORDERS; order++)
		vectors_of_order(order);
}

/** What is none beside one that is: counts of elements that can't be, and bodies. */
static void test_no_vectors(void **state __attribute__((unused)))
{
	struct hc_module module;
	struct world world;

	make(&world, 8, 1);
	make_rust(&world, &module);
	const uint64_t *chunks = world.chunks;
	const struct vec wrong[] = {
		{HC_VEC_CBL, chunks[5], 4, 5},             /* more than there is room for */
		{HC_VEC_CBL, chunks[5], 5, 4},             /* has not grown to that */
		{HC_VEC_CBL, chunks[5], 4, 0},             /* small and empty */
		{HC_VEC_CBL, chunks[CHUNKS - 1], 3000, 9}, /* 3,000 bytes or 6,000 */
		{HC_VEC_CBL, chunks[5], 100, 2},           /* larger than its chunk */
		{HC_VEC_CBL, chunks[5] + 8, 4, 4},         /* no start of a chunk */
		{HC_VEC_CBL, chunks[CHUNKS - 1], 1, 2},
		{HC_VEC_BCL, chunks[5], 48, 20}, /* another order */
		{HC_VEC_CBL, chunks[5], UINT64_MAX, 1},
	};

	put_vec(&world, chunks[0], &(struct vec){HC_VEC_CBL, chunks[BODY], ROOM, 40});
	put_vec(&world, chunks[1], &(struct vec){HC_VEC_CBL, chunks[6], 50, 40});
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		put_vec(&world, chunks[2], &wrong[i]);
		find(&world);
		assert_int_equal(world.found.total, 2);
	}
	/* Behind a small number: the root of a BTreeMap, whose child knows its parent. */
	put_vec(&world, chunks[2], &(struct vec){HC_VEC_CBL, chunks[5], 4, 1});
	find(&world);
	assert_int_equal(world.found.total, 3);
	put(&world, chunks[5], 3, chunks[7]);
	put(&world, chunks[7], 2, chunks[5]);
	find(&world);
	assert_int_equal(world.found.total, 2);
	/* A deque, or a Vec and some number. */
	put(&world, chunks[0], 3, 30);
	assert_int_equal((find(&world), world.found.items[0].elements), HC_UNKNOWN_ELEMENTS);
	assert_int_equal(world.found.items[0].used, HC_UNKNOWN_ELEMENTS);
	/* The body is the other's: the first head is believed. */
	put_vec(&world, chunks[1], &(struct vec){HC_VEC_CBL, chunks[BODY], ROOM, 41});
	find(&world);
	assert_int_equal(world.found.total, 1);
	assert_int_equal(world.found.items[0].head, chunks[0]);
	destroy(&world);
}

/** Two owners and one that watches. */
static void test_owners(void **state __attribute__((unused)))
{
	struct hc_module module;
	struct world world;

	make(&world, 8, 2);
	make_rust(&world, &module);
	uint64_t block = world.chunks[9];
	put(&world, block, 0, 2);
	put(&world, block, 1, 2);
	put(&world, world.chunks[1], 3, block);
	put(&world, world.chunks[2], 1, block);
	put(&world, world.chunks[3], 0, block);
	const struct hc_container *container = only(&world, HC_CONTAINER_RC);
	assert_int_equal(container->head, block);
	assert_int_equal(container->uses, 2);
	assert_int_equal(container->weak, 1);
	assert_int_equal(container->arrays.bytes, 64);
	/* One too many, then one too few; what may be stale can make up for it. */
	put(&world, world.chunks[4], 0, block);
	none(&world);
	put(&world, world.chunks[4], 0, 0);
	put(&world, world.chunks[3], 0, 0);
	none(&world);
	put(&world, root_at(&world, 7), 0, block);
	only(&world, HC_CONTAINER_RC);
	/* Its own pointer is none. */
	put(&world, block, 3, block);
	only(&world, HC_CONTAINER_RC);
	/* One owner is not enough. */
	put(&world, world.chunks[1], 3, 0);
	put(&world, root_at(&world, 8), 0, block);
	none(&world);
	/* Counts that can't be. */
	put(&world, world.chunks[1], 3, block);
	only(&world, HC_CONTAINER_RC);
	put(&world, block, 0, UINT64_MAX);
	none(&world);
	put(&world, block, 0, 0);
	none(&world);
	destroy(&world);
}
/**@}*/

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees),      cmocka_unit_test(test_chains),
		cmocka_unit_test(test_arrays),     cmocka_unit_test(test_up),
		cmocka_unit_test(test_lies),       cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_no_vectors), cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
