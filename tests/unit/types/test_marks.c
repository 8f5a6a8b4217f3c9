/**
 * @file
 * Types of chunks by marks other than vtables: streams, GLib's types, Python's types, constants of
 * modules; each made by hand, and broken by hand.
 */
#include "tests/unit/fake_heap.h"

#include <stdio.h>

#include "analyzers/types/rust.h"
#include "analyzers/types/size_sample.h"
#include "analyzers/types/types.h"
#include "tests/unit/unit.h"

#define CONSTANTS UINT64_C(0x30000000) /* read-only data */
#define DATA UINT64_C(0x30010000)      /* variables */
#define CODE UINT64_C(0x30020000)
#define HEAP UINT64_C(0x40000000)
#define AREA_SIZE 0x8000

#define MAX_CHUNKS 64

struct program {
	struct fake fake;
	struct hc_module module;
	uint64_t chunks[MAX_CHUNKS];
	struct hc_types *types;
};

static void program_init(struct program *program, unsigned word, const uint64_t *sizes, size_t num)
{
	struct fake *fake = &program->fake;

	memset(program, 0, sizeof(*program));
	fake_init(fake, word, 1, 4096);
	fake_area(fake, CONSTANTS, AREA_SIZE, HC_MAPPING_RODATA, PF_R);
	fake_area(fake, DATA, AREA_SIZE, HC_MAPPING_DATA, PF_R | PF_W);
	fake_area(fake, CODE, AREA_SIZE, HC_MAPPING_TEXT, PF_R | PF_X);
	program->module =
		(struct hc_module){.start = CONSTANTS, .end = CODE + AREA_SIZE, .bias = CONSTANTS};
	fake->process.modules.items = &program->module;
	fake->process.modules.num = 1;
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, num, program->chunks);
	fake_seal(fake);
}

/** The same with equal sizes. */
static void program_of(struct program *program, unsigned word, uint64_t size, size_t num)
{
	uint64_t sizes[MAX_CHUNKS];

	for (size_t i = 0; i < num; i++)
		sizes[i] = size;
	program_init(program, word, sizes, num);
}

static void put(struct program *program, uint64_t address, unsigned index, uint64_t value)
{
	fake_store(&program->fake, address + index * program->fake.heap->word_size, value);
}

static void put_text(struct program *program, uint64_t address, const char *text)
{
	strcpy((char *)fake_at(&program->fake, address), text);
}

/** Look for types, and say which one a chunk has. */
static const char *type_of(struct program *program, unsigned index)
{
	struct hc_chunk chunk;

	if (!program->types)
		assert_ok(hc_target_types(fake_target(&program->fake), HC_TYPES_QUICK,
					  &program->types));
	assert_true(hc_heap_chunk_at(program->fake.heap, program->chunks[index], &chunk));
	return hc_type_name(program->types, hc_type_of(program->types, &chunk));
}

/* --- Streams --- */

#define TABLE CONSTANTS

static void put_stream(struct program *program, unsigned index)
{
	uint64_t chunk = program->chunks[index];

	put(program, chunk, 0, 0xfbad2488);
	if (program->fake.heap->word_size == 8)
		put(program, chunk, 27, TABLE);
	else
		put(program, chunk, index % 2 ? 37 : 38, TABLE);
	put(program, chunk, 14, 7);
}

static void check_streams(unsigned word)
{
	struct program program;

	program_of(&program, word, 480, 6);
	for (unsigned i = 0; i < 10; i++)
		put(&program, TABLE, i, i < 2 ? 0 : CODE + 16 * i);
	for (unsigned i = 0; i < 5; i++)
		put_stream(&program, i);
	put(&program, program.chunks[1], 0, 0xfbac2488);
	put(&program, program.chunks[2], word == 8 ? 27 : 38, TABLE + word);
	put(&program, program.chunks[3], word == 8 ? 27 : 37, UINT64_MAX - 7);
	put(&program, program.chunks[4], 14, UINT64_MAX);

	assert_string_equal(type_of(&program, 0), "FILE");
	for (unsigned i = 1; i < 4; i++)
		assert_string_not_equal(type_of(&program, i), "FILE");
	assert_string_equal(type_of(&program, 4), "FILE");

	struct hc_chunk chunk;
	assert_true(hc_heap_chunk_at(program.fake.heap, program.chunks[0], &chunk));
	char *remark = hc_type_remark(program.types, &chunk);
	assert_string_equal(remark, "fd 7");
	free(remark);
	assert_true(hc_heap_chunk_at(program.fake.heap, program.chunks[4], &chunk));
	remark = hc_type_remark(program.types, &chunk);
	assert_string_equal(remark, "no descriptor");
	free(remark);
	assert_true(hc_heap_chunk_at(program.fake.heap, program.chunks[5], &chunk));
	assert_null(hc_type_remark(program.types, &chunk));
	fake_deinit(&program.fake);
}

static void test_streams(void **state)
{
	(void)state;
	check_streams(8);
	check_streams(4);
}

/* --- Constants --- */

static void put_table(struct program *program, uint64_t address, unsigned before,
		      unsigned functions)
{
	for (unsigned i = 0; i < before; i++)
		put(program, address, i, i + 1);
	for (unsigned i = 0; i < functions; i++)
		put(program, address, before + i, CODE + 0x100 + 16 * i);
}

static void check_constants(unsigned word)
{
	struct program program;
	uint64_t sizes[40];

	/* Ten of each of four sizes. */
	for (unsigned i = 0; i < 40; i++)
		sizes[i] = 64 + 16 * (i / 10);
	program_init(&program, word, sizes, 40);
	memset(fake_at(&program.fake, CODE), 0x90, AREA_SIZE);
	put_table(&program, DATA, 5, 2);         /* near enough */
	put_table(&program, DATA + 0x400, 9, 2); /* too far, and too few */
	put_text(&program, CONSTANTS + 0x101, "CachedPlanSource");
	for (unsigned i = 0; i < 10; i++) {
		put(&program, program.chunks[i], 1, i < 6 ? CONSTANTS + 0x101 : 0);
		put(&program, program.chunks[10 + i], 2, i < 5 ? DATA : 0);
		put(&program, program.chunks[20 + i], 0, i < 3 ? DATA : i < 6 ? DATA + 0x400 : 0);
		/* A function is worse than a text, which is worse than a table. */
		put(&program, program.chunks[30 + i], 0, CODE + 0x40);
		put(&program, program.chunks[30 + i], 2, CONSTANTS + 0x101);
	}
	for (unsigned i = 0; i < 10; i++) {
		assert_string_equal(type_of(&program, i),
				    i < 6 ? "object \"CachedPlanSource\" (unnamed module)"
					  : "(none)");
		/* Half of them are not more than half. */
		assert_string_equal(type_of(&program, 10 + i), "(none)");
		/* That they begin with it is enough for three. */
		assert_string_equal(type_of(&program, 20 + i),
				    i < 3 ? "object of unnamed module+0x10000" : "(none)");
		assert_string_equal(type_of(&program, 30 + i),
				    "object \"CachedPlanSource\" (unnamed module)");
	}
	fake_deinit(&program.fake);
}

static void test_constants(void **state)
{
	(void)state;
	check_constants(8);
	check_constants(4);
}

/** Twelve chunks of each of three sizes, and texts that objects may have for names. */
static void named_init(struct program *program, unsigned word)
{
	static const char *const texts[] = {"CachedPlanSource", "CachedPlanQuery", "index info",
					    "x"};
	uint64_t sizes[36];

	for (unsigned i = 0; i < 36; i++)
		sizes[i] = 96 + 16 * (i / 12);
	program_init(program, word, sizes, 36);
	memset(fake_at(&program->fake, CODE), 0x90, AREA_SIZE);
	put_table(program, CONSTANTS + 0x2000, 0, 4);
	put_table(program, DATA, 0, 4);
	for (unsigned i = 0; i < 4; i++)
		put_text(program, CONSTANTS + 0x101 + 0x40 * i, texts[i]);
}

static void check_named(unsigned word)
{
	static const char *const names[] = {
		"object \"CachedPlanSource\" of unnamed module+0x2000",
		"object \"CachedPlanQuery\" of unnamed module+0x2000",
		"object of unnamed module+0x2000",
	};
	struct program program;

	named_init(&program, word);
	for (unsigned i = 0; i < 12; i++) {
		/* Four have one name, four another, one has its own, one none, and two aren't of
		 * the table. */
		put(&program, program.chunks[i], 2, i < 10 ? CONSTANTS + 0x2000 : 0);
		put(&program, program.chunks[i], 4,
		    i == 9 ? 0 : CONSTANTS + 0x101 + 0x40 * (i / 4));
		/* Where three of another size have it, that's enough; not at another offset. */
		put(&program, program.chunks[12 + i], i < 3 ? 2 : 3,
		    i < 6 ? CONSTANTS + 0x2000 : 0);
		/* Nor where two have. */
		put(&program, program.chunks[24 + i], 2, i < 2 ? CONSTANTS + 0x2000 : 0);
	}
	for (unsigned i = 0; i < 12; i++) {
		assert_string_equal(type_of(&program, i), i < 10 ? names[i / 4] : "(none)");
		assert_string_equal(type_of(&program, 12 + i), i < 3 ? names[2] : "(none)");
		assert_string_equal(type_of(&program, 24 + i), "(none)");
	}
	fake_deinit(&program.fake);
}

static void test_named_objects(void **state)
{
	(void)state;
	check_named(8);
	check_named(4);
}

/** What tells no objects of a table apart. */
static void test_what_is_no_name(void **state)
{
	struct program program;

	(void)state;
	named_init(&program, 8);
	for (unsigned i = 0; i < 12; i++) {
		put(&program, program.chunks[i], 0, DATA);
		/* Half of them have a text; others the middle of one, a short one, none. */
		put(&program, program.chunks[i], 1, i < 6 ? CONSTANTS + 0x101 : 0);
		put(&program, program.chunks[i], 2, CONSTANTS + 0x103);
		put(&program, program.chunks[i], 3, CONSTANTS + 0x101 + 0x40 * 3);
		/* In a table that may be written to, another size sees none. */
		put(&program, program.chunks[12 + i], 2, DATA);
		put(&program, program.chunks[24 + i], 2, i < 3 ? DATA : 0);
	}
	/* Each has a text of its own, or shares it with one other. */
	for (unsigned i = 0; i < 12; i++) {
		put_text(&program, CONSTANTS + 0x1001 + 0x40 * (i / 2), "some words");
		put(&program, program.chunks[12 + i], 5, CONSTANTS + 0x1001 + 0x40 * (i / 2));
	}
	for (unsigned i = 0; i < 24; i++)
		assert_string_equal(type_of(&program, i), "object of unnamed module+0x10000");
	for (unsigned i = 24; i < 36; i++)
		assert_string_equal(type_of(&program, i), "(none)");
	fake_deinit(&program.fake);
}

static void test_what_is_no_constant(void **state)
{
	static const struct {
		uint64_t address;
		const char *text;
	} values[] = {
		{CONSTANTS + 0x101, "ab"},         /* too short */
		{CONSTANTS + 0x201, "a\033[1mb"},  /* not printable */
		{CONSTANTS + AREA_SIZE - 4, NULL}, /* ends with the memory */
		{DATA + AREA_SIZE - 4, NULL},
		{CONSTANTS, NULL},
		{DATA + 0x301, "a variable"},
		{UINT64_MAX - 7, NULL},
		{HEAP + 32, NULL},
		{1, NULL},
	};

	(void)state;
	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
		struct program program;

		program_of(&program, 8, 64, 10);
		memset(fake_at(&program.fake, CONSTANTS + AREA_SIZE - 4), 'x', 4);
		if (values[v].text)
			put_text(&program, values[v].address, values[v].text);
		for (unsigned i = 0; i < 10; i++)
			put(&program, program.chunks[i], 2, values[v].address);
		assert_string_equal(type_of(&program, 3), "(none)");
		fake_deinit(&program.fake);
	}
}

/* --- GLib --- */

/* Words of the heap's first chunk, by index: nodes, their names, and what hangs on them. */
enum {
	NODE_SIZE = 16,
	NODES = 0,      /* of fundamental types 1 … 20 */
	OWN_NODE = 400, /* of a type that derives from GObject */
	CHILDREN = 420,
	INSTANCE_DATA = 430,
	METHODS = 450, /* the class */
	QUARKS = 460,
	NAMES = 500,
};

static uint64_t at(const struct program *program, unsigned index)
{
	return program->chunks[0] + 8 * index;
}

static void put_node(struct program *program, unsigned index, unsigned depth, uint64_t type,
		     unsigned quark)
{
	put(program, at(program, index), 2, (uint64_t)depth << 32);
	put(program, at(program, index), 5, quark);
	put(program, at(program, index), 9, type);
}

/** A GLib with the type Own, whose instances have 32 bytes of private data in front. */
static void put_glib(struct program *program)
{
	for (unsigned i = 1; i <= 20; i++) {
		put(program, DATA + 8, i, at(program, NODES + i * NODE_SIZE));
		put_node(program, NODES + i * NODE_SIZE, 0, i << 2, i == 20 ? 2 : 1);
	}
	put(program, at(program, NODES + 20 * NODE_SIZE), 2, 1);
	put(program, at(program, NODES + 20 * NODE_SIZE), 3, at(program, CHILDREN));
	put(program, at(program, CHILDREN), 0, at(program, OWN_NODE));
	put_node(program, OWN_NODE, 1, at(program, OWN_NODE), 3);
	put(program, at(program, OWN_NODE), 10, 20 << 2);
	put(program, at(program, OWN_NODE), 4, at(program, INSTANCE_DATA));
	put(program, at(program, INSTANCE_DATA), 7, at(program, METHODS));
	put(program, at(program, INSTANCE_DATA), 8, 48 | 32 << 16);
	put(program, at(program, METHODS), 0, at(program, OWN_NODE));
	put(program, DATA, 200, at(program, QUARKS));
	for (unsigned i = 1; i <= 3; i++)
		put(program, at(program, QUARKS), i, at(program, NAMES + 4 * i));
	put_text(program, at(program, NAMES + 4), "void");
	put_text(program, at(program, NAMES + 8), "GObject");
	put_text(program, at(program, NAMES + 12), "Own");
}

static void glib_init(struct program *program)
{
	const uint64_t sizes[] = {8192, 96, 96, 64, 4096};

	program_init(program, 8, sizes, 5);
	put_glib(program);
	put(program, program->chunks[1], 4, at(program, METHODS));
	put(program, program->chunks[2], 0, at(program, METHODS)); /* not where it would be */
	put(program, program->chunks[3], 4, at(program, METHODS)); /* no room for all of it */
	put(program, program->chunks[4], 4, at(program, METHODS)); /* a slab */
}

static void test_glib(void **state)
{
	struct program program;

	(void)state;
	glib_init(&program);
	assert_string_equal(type_of(&program, 1), "Own");
	assert_string_equal(type_of(&program, 2), "(none)");
	assert_string_equal(type_of(&program, 3), "(none)");
	assert_string_equal(type_of(&program, 4), "Own+");
	fake_deinit(&program.fake);
}

/** Every word in turn is made to point somewhere else: to itself, to its children, out of memory.
 */
static void test_glib_scrambled(void **state)
{
	(void)state;
	for (unsigned i = NODES + 20 * NODE_SIZE; i < NAMES; i++) {
		for (unsigned v = 0; v < 5; v++) {
			struct program program;

			glib_init(&program);
			const uint64_t values[] = {UINT64_MAX - 7, 0, at(&program, CHILDREN),
						   at(&program, i), at(&program, 20 * NODE_SIZE)};
			put(&program, at(&program, i), 0, values[v]);
			type_of(&program, 1);
			fake_deinit(&program.fake);
		}
	}
}

/* --- Python --- */

/** @param flags of the type, by bit */
static void put_type(struct program *program, uint64_t type, uint64_t meta, uint64_t name,
		     uint64_t flags)
{
	put(program, type, 0, 1);
	put(program, type, 1, meta);
	put(program, type, 3, name);
	put(program, type, 4, 32);
	put(program, type, 21, flags);
}

static void python_init(struct program *program)
{
	program_of(program, 8, 64, 8);
	put_text(program, CONSTANTS + 0x101, "type");
	put_text(program, CONSTANTS + 0x201, "plain");
	put_text(program, CONSTANTS + 0x301, "collected");
	put_type(program, DATA, DATA, CONSTANTS + 0x101, UINT64_C(1) << 31 | 1 << 14);
	put_type(program, DATA + 0x800, DATA, CONSTANTS + 0x201, 0);
	put_type(program, DATA + 0x1000, DATA, CONSTANTS + 0x301, 1 << 14);
	for (unsigned i = 0; i < 8; i++) {
		/* A count and a type: at the start, behind two words, or behind four. */
		unsigned head = i % 4 < 3 ? i % 4 * 2 : 0;
		bool collected = head != 0;

		put(program, program->chunks[i], head, i < 6 ? i + 1 : UINT64_C(0x7f0040000000));
		put(program, program->chunks[i], head + 1,
		    collected ? DATA + 0x1000 : DATA + 0x800);
	}
}

static void test_python(void **state)
{
	static const char *const expected[] = {"plain", "collected", "(none)", "plain",
					       "plain", "collected", "(none)", "(none)"};
	struct program program;

	(void)state;
	python_init(&program);
	for (unsigned i = 0; i < 8; i++)
		assert_string_equal(type_of(&program, i), expected[i]);
	fake_deinit(&program.fake);
}

static void test_python_scrambled(void **state)
{
	static const uint64_t values[] = {UINT64_MAX - 7, 0, DATA, DATA + 0x1000, HEAP + 16};

	(void)state;
	for (uint64_t type = DATA; type <= DATA + 0x1000; type += 0x800) {
		for (unsigned i = 0; i < 22 * 5; i++) {
			struct program program;

			python_init(&program);
			put(&program, type, i / 5, values[i % 5]);
			type_of(&program, 1);
			fake_deinit(&program.fake);
		}
	}
}

/* --- The sample --- */

/* --- Objects of Rust --- */

#define VTABLE (CONSTANTS + 0x1000)
#define PAIRS 0 /* chunk with pointers to all others */

static void put_vtable(struct program *program, uint64_t address, uint64_t drop, uint64_t size)
{
	const uint64_t words[] = {drop, size, 8, CODE + 0x100};

	for (unsigned i = 0; i < 4; i++)
		put(program, address, i, words[i]);
}

/** Chunks of 64 bytes, for 25 to 56, behind one of pairs; every other has no room but for counts.
 */
static void rust_init(struct program *program)
{
	uint64_t sizes[20] = {1040};

	for (size_t i = 1; i < 20; i++)
		sizes[i] = 64;
	program_init(program, 8, sizes, 20);
	program->module.executable = true;
	put_text(program, CONSTANTS + 0x200, "/rustc/0123/library/alloc/src/vec/mod.rs");
	put_vtable(program, VTABLE, CODE + 0x40, 48);
	put_vtable(program, VTABLE + 64, 0, 24);
	for (unsigned i = 1; i < 20; i++) {
		put(program, program->chunks[PAIRS], 2 * i, program->chunks[i]);
		put(program, program->chunks[PAIRS], 2 * i + 1, VTABLE + i % 2 * 64);
		put(program, program->chunks[i], 0, i);
		put(program, program->chunks[i], 1, 1);
	}
}

static void test_rust(void **state)
{
	struct hc_type_objects objects;
	struct program program;
	struct hc_chunk chunk;

	(void)state;
	rust_init(&program);
	/* Without its counts it is too small for its chunk. */
	put(&program, program.chunks[7], 1, 0);
	/* A vtable that is none. */
	put(&program, program.chunks[PAIRS], 2 * 8 + 1, VTABLE + 8);
	for (unsigned i = 1; i < 20; i++)
		assert_string_equal(type_of(&program, i),
				    i == 7 || i == 8 ? "(none)"
				    : i % 2          ? "object of the program+0x1040 inside"
						     : "object of the program+0x1000");
	assert_true(hc_heap_chunk_at(program.fake.heap, program.chunks[3], &chunk));
	assert_true(hc_type_find_objects(program.types, &chunk, &objects));
	assert_int_equal(objects.offset, 16);
	assert_string_equal(hc_type_source_name(hc_type_source(program.types,
							       hc_type_of(program.types, &chunk))),
			    "trait");
	assert_true(hc_types_rust(program.types)->program);
	fake_deinit(&program.fake);
}

/** What is not Rust's has none of it, and words that are no vtable are none. */
static void test_rust_broken(void **state)
{
	static const char *const texts[] = {
		"/library/alloc/src/vec/mod.r",    "/library/alloc/source/vec.rs",
		"library/alloc/src/vec/mod.rs",    "/library/test/src/lib.rs",
		"/library/core/src/a path/mod.rs", "/library/std/src/",
	};
	const uint64_t words[] = {CODE + 0x8001, DATA, 0, 1, 3, UINT64_MAX, 8192, HEAP + 16};
	struct program program;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		rust_init(&program);
		memset(fake_at(&program.fake, CONSTANTS + 0x200), 0, 64);
		put_text(&program, CONSTANTS + 0x200, texts[i]);
		assert_string_equal(type_of(&program, 2), "(none)");
		assert_false(hc_types_rust(program.types)->program);
		fake_deinit(&program.fake);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		for (unsigned index = 0; index < 4; index++) {
			/* No function to drop it with is fine. */
			if (index == 0 && !words[i])
				continue;
			rust_init(&program);
			put(&program, VTABLE, index, words[i]);
			/* 1 is an alignment. */
			assert_string_equal(type_of(&program, 2),
					    index == 2 && words[i] == 1
						    ? "object of the program+0x1000"
						    : "(none)");
			fake_deinit(&program.fake);
		}
}

static void test_sample(void **state)
{
	enum { NUM = 3 * HC_MAX_SAMPLED };
	struct fake fake;
	struct hc_size_sample sample = {0};
	uint64_t *sizes = calloc(NUM, sizeof(*sizes)), *chunks = calloc(NUM, sizeof(*chunks));

	(void)state;
	assert_true(sizes && chunks);
	for (size_t i = 0; i < NUM; i++)
		sizes[i] = i == 5 ? 1 << 16 : 48;
	fake_init(&fake, 8, 1, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, NUM, chunks);
	fake_seal(&fake);
	assert_true(hc_heap_set_free(fake.heap, chunks[7], &glibc_lists[GLIBC_TCACHE]));
	assert_ok(hc_size_sample_take(fake.heap, &sample));
	assert_int_equal(sample.num, 2);
	assert_int_equal(sample.sizes[0].size, 48);
	assert_int_equal(sample.sizes[0].total, NUM - 2);
	assert_int_equal(sample.sizes[0].step, 4);
	assert_true(sample.sizes[0].num <= HC_MAX_SAMPLED &&
		    sample.sizes[0].num > HC_MAX_SAMPLED / 2);
	for (size_t i = 1; i < sample.sizes[0].num; i++)
		assert_true(sample.sizes[0].addresses[i] > sample.sizes[0].addresses[i - 1]);
	assert_int_equal(sample.sizes[1].total, 1);
	assert_int_equal(sample.sizes[1].addresses[0], chunks[5]);
	/* One of every four, and in no rhythm: of each remainder there are some. */
	unsigned remainders[4] = {0};
	for (size_t i = 0, at = 0; i < NUM; i++) {
		if (at < sample.sizes[0].num && sample.sizes[0].addresses[at] == chunks[i]) {
			remainders[i % 4]++;
			at++;
		}
	}
	for (size_t i = 0; i < 4; i++)
		assert_true(remainders[i] > sample.sizes[0].num / 8);
	hc_size_sample_deinit(&sample);
	fake_deinit(&fake);
	free(sizes);
	free(chunks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_named_objects),
		cmocka_unit_test(test_what_is_no_name),
		cmocka_unit_test(test_what_is_no_constant),
		cmocka_unit_test(test_glib),
		cmocka_unit_test(test_glib_scrambled),
		cmocka_unit_test(test_python),
		cmocka_unit_test(test_python_scrambled),
		cmocka_unit_test(test_rust),
		cmocka_unit_test(test_rust_broken),
		cmocka_unit_test(test_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
