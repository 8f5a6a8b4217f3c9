/**
 * @file
 * Types of chunks: vtables and typeinfos made by hand, as the Itanium C++ ABI lays them out, and
 * what a hostile core may hold instead.
 */
#include "analyzers/counts/type_count.h"
#include "tests/unit/fake_heap.h"

#include <stdio.h>

#include "analyzers/types/demangle.h"
#include "analyzers/types/rtti.h"
#include "analyzers/types/types.h"
#include "tests/unit/unit.h"

#define DATA UINT64_C(0x30000000)
#define DATA_SIZE 0x2000
#define NAMES UINT64_C(0x30010000)
#define NAMES_SIZE 0x2000
#define CODE UINT64_C(0x30020000)
#define HEAP UINT64_C(0x40000000)

/** Words of DATA, by index: the runtime's classes, then some of the program's. */
enum {
	/* Address points; two words stand before each. */
	VTABLE_CLASS = 2,
	VTABLE_SI = 6,
	VTABLE_VMI = 10,
	VTABLE_POINTER = 14,
	INFO_ROOT = 16, /* std::type_info */
	INFO_CLASS = 20,
	INFO_SI = 24,
	INFO_VMI = 28,
	INFO_PBASE = 32,
	INFO_POINTER = 36,

	INFO_A = 40,
	VTABLE_A = 46,
	INFO_B = 48,
	VTABLE_B = 54,
	INFO_C = 56,
	VTABLE_C = 66,
	VTABLE_C_SECOND = 70,
	INFO_POINTER_TO_A = 72,
	FREE = 80,
};

struct program {
	struct fake fake;
	struct hc_module module;
	uint64_t name; /**< where the next one goes */
};

static uint64_t at(const struct program *program, unsigned index)
{
	return DATA + index * program->fake.heap->word_size;
}

static void put(struct program *program, unsigned index, uint64_t value)
{
	fake_store(&program->fake, at(program, index), value);
}

static uint64_t put_name(struct program *program, const char *name)
{
	uint64_t address = program->name;

	strcpy((char *)fake_at(&program->fake, address), name);
	program->name += strlen(name) + 1;
	return address;
}

/** @param kind address point of the vtable of its kind */
static void put_info(struct program *program, unsigned index, unsigned kind, const char *name,
		     unsigned base)
{
	put(program, index, at(program, kind));
	put(program, index + 1, put_name(program, name));
	put(program, index + 2, base ? at(program, base) : 0);
}

/** @param top offset to top */
static void put_vtable(struct program *program, unsigned point, int64_t top, unsigned info)
{
	put(program, point - 2, top);
	put(program, point - 1, at(program, info));
	put(program, point, CODE);
}

static void put_runtime(struct program *program)
{
	put_vtable(program, VTABLE_CLASS, 0, INFO_CLASS);
	put_vtable(program, VTABLE_SI, 0, INFO_SI);
	put_vtable(program, VTABLE_VMI, 0, INFO_VMI);
	put_vtable(program, VTABLE_POINTER, 0, INFO_POINTER);
	put_info(program, INFO_ROOT, VTABLE_CLASS, "St9type_info", 0);
	put_info(program, INFO_CLASS, VTABLE_SI, "N10__cxxabiv117__class_type_infoE", INFO_ROOT);
	put_info(program, INFO_SI, VTABLE_SI, "N10__cxxabiv120__si_class_type_infoE", INFO_CLASS);
	put_info(program, INFO_VMI, VTABLE_SI, "N10__cxxabiv121__vmi_class_type_infoE", INFO_CLASS);
	put_info(program, INFO_PBASE, VTABLE_SI, "N10__cxxabiv117__pbase_type_infoE", INFO_ROOT);
	put_info(program, INFO_POINTER, VTABLE_SI, "N10__cxxabiv119__pointer_type_infoE",
		 INFO_PBASE);
}

static void program_init(struct program *program, unsigned word)
{
	struct fake *fake = &program->fake;

	memset(program, 0, sizeof(*program));
	fake_init(fake, word, 2, 4096);
	fake_area(fake, DATA, DATA_SIZE, HC_MAPPING_RODATA, PF_R);
	fake_area(fake, NAMES, NAMES_SIZE, HC_MAPPING_RODATA, PF_R);
	fake_area(fake, CODE, 4096, HC_MAPPING_TEXT, PF_R | PF_X);
	program->module = (struct hc_module){.start = DATA, .end = CODE + 4096, .bias = DATA};
	fake->process.modules.items = &program->module;
	fake->process.modules.num = 1;
	program->name = NAMES;

	put_runtime(program);
	put_info(program, INFO_A, VTABLE_CLASS, "1A", 0);
	put_vtable(program, VTABLE_A, 0, INFO_A);
	put_info(program, INFO_B, VTABLE_SI, "*1B", INFO_A);
	put_vtable(program, VTABLE_B, 0, INFO_B);
	put_info(program, INFO_C, VTABLE_VMI, "N2ns1CIiEE", 0);
	put_vtable(program, VTABLE_C, 0, INFO_C);
	put_vtable(program, VTABLE_C_SECOND, -2 * (int64_t)word, INFO_C);
	put_info(program, INFO_POINTER_TO_A, VTABLE_POINTER, "P1A", 0);
	put(program, INFO_POINTER_TO_A + 3, at(program, INFO_A));
}

/** A heap of chunks of 64 bytes. */
static void program_heap(struct program *program, uint64_t *chunks, size_t num)
{
	uint64_t sizes[32];

	for (size_t i = 0; i < num; i++)
		sizes[i] = 64;
	fake_span(&program->fake, HEAP, HC_SPAN_TILED, sizes, num, chunks);
	fake_seal(&program->fake);
}

static struct hc_types *types_of(struct program *program)
{
	struct hc_types *types;

	assert_ok(hc_target_types(fake_target(&program->fake), HC_TYPES_FULL, &types));
	return types;
}

static const char *type_at(struct program *program, struct hc_types *types, uint64_t address)
{
	struct hc_chunk chunk;

	assert_true(hc_heap_chunk_at(program->fake.heap, address, &chunk));
	return hc_type_name(types, hc_type_of(types, &chunk));
}

static void check_classes(unsigned word)
{
	struct program program;
	uint64_t chunks[10];

	program_init(&program, word);
	program_heap(&program, chunks, 10);
	fake_store(&program.fake, chunks[0], at(&program, VTABLE_A));
	fake_store(&program.fake, chunks[1], at(&program, VTABLE_B));
	fake_store(&program.fake, chunks[2], at(&program, VTABLE_C));
	/* None of these is the first word of an object. */
	fake_store(&program.fake, chunks[3], at(&program, VTABLE_C_SECOND));
	fake_store(&program.fake, chunks[4], at(&program, INFO_A));
	fake_store(&program.fake, chunks[5], at(&program, INFO_POINTER_TO_A + 4));
	fake_store(&program.fake, chunks[6], at(&program, VTABLE_A) + 1);
	fake_store(&program.fake, chunks[7], at(&program, VTABLE_A - 1));
	/* An object behind something else. */
	fake_store(&program.fake, chunks[8] + word, at(&program, VTABLE_A));
	fake_store(&program.fake, chunks[9], at(&program, VTABLE_A));
	assert_true(hc_heap_set_free(program.fake.heap, chunks[9], &glibc_lists[GLIBC_TCACHE]));

	struct hc_types *types = types_of(&program);
	assert_string_equal(type_at(&program, types, chunks[0]), "A");
	assert_string_equal(type_at(&program, types, chunks[1]), "B");
	assert_string_equal(type_at(&program, types, chunks[2]), "ns::C<int>");
	for (unsigned i = 3; i < 10; i++)
		assert_string_equal(type_at(&program, types, chunks[i]), "(none)");

	struct hc_type_table table;
	assert_ok(hc_types_count(fake_target(&program.fake), NULL, &table));
	assert_int_equal(table.num_rows, 3);
	assert_int_equal(table.total.chunks, 9);
	assert_int_equal(table.typed.chunks, 3);
	assert_string_equal(hc_type_name(types, table.rows[2].type), "ns::C<int>");
	assert_int_equal(table.rows[2].count.sample, chunks[2]);
	hc_type_table_deinit(&table);
	fake_deinit(&program.fake);
}

static void test_classes(void **state)
{
	(void)state;
	check_classes(8);
	check_classes(4);
}

/** An array with a count, its first element at @p offset, every @p size bytes. */
static void put_array(struct program *program, uint64_t chunk, unsigned offset, uint64_t count,
		      unsigned num, unsigned size)
{
	fake_store(&program->fake, chunk + offset - program->fake.heap->word_size, count);
	for (unsigned i = 0; i < num; i++)
		fake_store(&program->fake, chunk + offset + i * size, at(program, VTABLE_B));
}

static void test_arrays(void **state)
{
	struct program program;
	uint64_t chunks[6];

	(void)state;
	program_init(&program, 8);
	program_heap(&program, chunks, 6);
	put_array(&program, chunks[0], 8, 3, 3, 16);  /* 8 + 3 * 16 = 56 bytes, what there is */
	put_array(&program, chunks[1], 16, 2, 2, 16); /* aligned: the count stands before them */
	put_array(&program, chunks[2], 8, 3, 2, 16);  /* the third is no object */
	put_array(&program, chunks[3], 8, 2, 2, 8);   /* malloc would give less for two of them */
	put_array(&program, chunks[4], 8, 1, 1, 48);  /* a count of one may be anything */
	put_array(&program, chunks[5], 8, UINT64_MAX, 3, 16);

	struct hc_types *types = types_of(&program);
	assert_string_equal(type_at(&program, types, chunks[0]), "B[]");
	assert_string_equal(type_at(&program, types, chunks[1]), "B[]");
	/* No arrays; but most chunks of the size have an object at one offset. */
	for (unsigned i = 2; i < 6; i++)
		assert_string_equal(type_at(&program, types, chunks[i]), "B inside");
	fake_deinit(&program.fake);
}

/** Classes that were found, apart from those of the runtime and A, B, C. */
static size_t num_others(struct program *program)
{
	struct hc_rtti rtti;
	size_t num;

	assert_ok(hc_rtti_find(&program->fake.process, NULL, &rtti));
	num = rtti.num_classes;
	for (size_t i = 0; i < rtti.num_classes; i++)
		assert_true(strlen(rtti.classes[i].mangled) <= HC_MAX_MANGLED);
	hc_rtti_deinit(&rtti);
	assert_true(num >= 7); /* four of the runtime have vtables here */
	return num - 7;
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		size_t found;
	} names[] = {
		{"3Foo", 1},        {"", 0},         {"*", 0},          {"i", 0},
		{"3F\no", 0},       {"3\033[1m", 0}, {"N1a1bE", 1},     {"Z4mainE1L", 1},
		{"4Gr\303\274", 1}, {"PK1A", 0},     {"not a name", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct program program;

		program_init(&program, 8);
		put_info(&program, FREE, VTABLE_CLASS, names[i].name, 0);
		put_vtable(&program, FREE + 8, 0, FREE);
		assert_int_equal(num_others(&program), names[i].found);
		fake_deinit(&program.fake);
	}
}

/** Names at the end of what is there, and too long ones. */
static void test_name_bounds(void **state)
{
	struct program program;
	char *names;

	(void)state;
	program_init(&program, 8);
	put_info(&program, FREE, VTABLE_CLASS, "1D", 0);
	put_vtable(&program, FREE + 8, 0, FREE);
	names = (char *)fake_at(&program.fake, NAMES);
	/* Ends with the area, with its NUL and without. */
	memset(names + 0x1000, '1', 0x1000);
	put(&program, FREE + 1, NAMES + NAMES_SIZE - 4);
	assert_int_equal(num_others(&program), 0);
	names[NAMES_SIZE - 1] = '\0';
	assert_int_equal(num_others(&program), 1);
	/* As long as allowed, and a byte longer. */
	put(&program, FREE + 1, NAMES + NAMES_SIZE - 1 - 0x1000);
	names[0x1000 - 1] = '1';
	assert_int_equal(num_others(&program), 1);
	names[0x1000 - 2] = '1';
	put(&program, FREE + 1, NAMES + NAMES_SIZE - 2 - 0x1000);
	assert_int_equal(num_others(&program), 0);
	/* Missing. */
	put(&program, FREE + 1, UINT64_MAX - 2);
	assert_int_equal(num_others(&program), 0);
	put(&program, FREE + 1, NAMES + NAMES_SIZE);
	assert_int_equal(num_others(&program), 0);
	fake_deinit(&program.fake);
}

/** Vtables at both ends of what is there. */
static void test_vtable_at_the_edge(void **state)
{
	struct program program;
	unsigned last = DATA_SIZE / 8 - 1;

	(void)state;
	program_init(&program, 8);
	put_info(&program, FREE, VTABLE_CLASS, "1D", 0);
	/* Its functions would be in what is missing. */
	put(&program, last - 1, 0);
	put(&program, last, at(&program, FREE));
	assert_int_equal(num_others(&program), 1);
	/* A typeinfo of which only the first word is there. */
	put(&program, last, at(&program, VTABLE_CLASS));
	put(&program, FREE + 11, at(&program, last));
	assert_int_equal(num_others(&program), 0);
	fake_deinit(&program.fake);
}

/** Typeinfos that lead to themselves or to nowhere. */
static void test_cycles(void **state)
{
	struct program program;

	(void)state;
	program_init(&program, 8);
	/* A class that is its own base: nobody follows bases. */
	put_info(&program, FREE, VTABLE_SI, "1D", FREE);
	put_vtable(&program, FREE + 8, 0, FREE);
	assert_int_equal(num_others(&program), 1);
	/* A typeinfo whose vtable is its own. */
	put(&program, FREE + 20 - 2, 0);
	put(&program, FREE + 20 - 1, at(&program, FREE + 20));
	put(&program, FREE + 20, at(&program, FREE + 20));
	put(&program, FREE + 21, put_name(&program, "1E"));
	put(&program, FREE + 22, at(&program, FREE + 20));
	assert_true(num_others(&program) <= 2);
	/* Two kinds that are each of the other kind. */
	put_vtable(&program, FREE + 32, 0, FREE + 40);
	put_vtable(&program, FREE + 36, 0, FREE + 44);
	put(&program, FREE + 40, at(&program, FREE + 36));
	put(&program, FREE + 44, at(&program, FREE + 32));
	assert_true(num_others(&program) <= 2);
	/* Addresses at both ends of all there are. */
	put(&program, FREE + 60, UINT64_MAX - 7);
	put(&program, FREE + 62, 8);
	put(&program, FREE, UINT64_MAX - 7);
	assert_true(num_others(&program) <= 2);
	fake_deinit(&program.fake);
}

/** Every word of the data in turn is made to point somewhere else; nothing is read out of bounds.
 */
static void test_scrambled(void **state)
{
	static const uint64_t values[] = {0, 8, UINT64_MAX - 7, DATA, DATA + DATA_SIZE - 8, NAMES};

	(void)state;
	for (unsigned i = 0; i < FREE; i++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			struct program program;
			struct hc_rtti rtti;

			program_init(&program, 8);
			put(&program, i, values[v]);
			assert_ok(hc_rtti_find(&program.fake.process, NULL, &rtti));
			hc_rtti_deinit(&rtti);
			fake_deinit(&program.fake);
		}
	}
}

static void test_demangle(void **state)
{
	/* F<A, G<A, A>, G<G<A, A>, G<A, A> >, …>: each level doubles the text. */
	char bomb[400] = "1FI1A1GIS0_S0_E", *end = bomb + strlen(bomb), long_name[2000];
	static const char *const digits = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	(void)state;
	for (unsigned i = 1; digits[i]; i++)
		end += sprintf(end, "S1_IS%c_S%c_E", digits[i], digits[i]);
	strcpy(end, "E");
	memset(long_name, 'x', sizeof(long_name));
	memcpy(long_name, "1990", 4);
	long_name[1994] = '\0';
	const char *const pairs[][2] = {
		{"1A", "A"},
		{"N2ns1CIiEE", "ns::C<int>"},
		{"St9exception", "std::exception"},
		{"NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
		 "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"},
		{"9short", "9short"}, /* not a name: stays */
		{bomb, bomb},
		{long_name, long_name},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *name = hc_demangle_type(pairs[i][0]);

		assert_string_equal(name, pairs[i][1]);
		free(name);
	}
	assert_false(hc_demangle_is_safe(bomb));
}

/** Objects in a chunk, the first at @p offset, at these distances; 0 ends them. */
static void put_objects(struct program *program, uint64_t chunk, unsigned offset,
			const unsigned *distances)
{
	fake_store(&program->fake, chunk + offset, at(program, VTABLE_A));
	for (; *distances; distances++) {
		offset += *distances;
		fake_store(&program->fake, chunk + offset, at(program, VTABLE_A));
	}
}

static void check_inside(unsigned word)
{
	struct program program;
	struct hc_type_objects objects;
	struct hc_chunk chunk;
	uint64_t sizes[10], chunks[10];

	program_init(&program, word);
	for (size_t i = 0; i < 10; i++)
		sizes[i] = i < 4 ? 64 : 512;
	fake_span(&program.fake, HEAP, HC_SPAN_TILED, sizes, 10, chunks);
	fake_seal(&program.fake);
	/* Half of those of a size are not most of them. */
	put_objects(&program, chunks[0], 16, (unsigned[]){0});
	put_objects(&program, chunks[1], 16, (unsigned[]){0});
	put_objects(&program, chunks[4], 16, (unsigned[]){48, 48, 96, 0});
	put_objects(&program, chunks[5], 24, (unsigned[]){48, 0});
	put_objects(&program, chunks[6], 32, (unsigned[]){48, 64, 48, 0});
	put_objects(&program, chunks[7], 40, (unsigned[]){word, word, word, word, 0});
	/* Mostly empty places between them. */
	put_objects(&program, chunks[8], 48, (unsigned[]){32, 320, 0});
	put_objects(&program, chunks[9], 8, (unsigned[]){96, 48, 48, 0});
	fake_store(&program.fake, chunks[9] + 8 + 48, at(&program, VTABLE_B));

	struct hc_types *types = types_of(&program);
	assert_string_equal(type_at(&program, types, chunks[4]), "A[] inside");
	assert_string_equal(type_at(&program, types, chunks[9]), "A[] inside");
	for (unsigned i = 0; i < 10; i++)
		if (i != 4 && i != 9)
			assert_string_equal(type_at(&program, types, chunks[i]), "(none)");
	assert_true(hc_heap_chunk_at(program.fake.heap, chunks[4], &chunk));
	assert_true(hc_type_find_objects(types, &chunk, &objects));
	assert_int_equal(objects.offset, 16);
	assert_int_equal(objects.stride, 48);
	assert_int_equal(objects.places, 5);
	assert_int_equal(objects.count, 4);
	assert_true(hc_heap_chunk_at(program.fake.heap, chunks[9], &chunk));
	assert_true(hc_type_find_objects(types, &chunk, &objects));
	assert_int_equal(objects.count, 5);
	fake_deinit(&program.fake);
}

static void test_inside(void **state)
{
	(void)state;
	check_inside(8);
	check_inside(4);
}

/** The names that a pattern finds, one after the other. */
static void check_find(struct hc_types *types, const char *pattern, const char *expected)
{
	uint64_t set[8] = {0};
	char names[512] = "";
	bool found;

	assert_true(hc_types_num(types) <= 512);
	assert_ok(hc_types_find(types, pattern, set, &found));
	assert_int_equal(found, *expected != '\0');
	for (hc_type_id i = 0; i < hc_types_num(types); i++) {
		if (set[i / 64] >> i % 64 & 1) {
			strcat(names, hc_type_name(types, i));
			strcat(names, " ");
		}
	}
	assert_string_equal(names, expected);
}

static void test_find(void **state)
{
	struct program program;

	(void)state;
	program_init(&program, 8);
	struct hc_types *types = types_of(&program);
	check_find(types, "A", "A ");
	check_find(types, "?", "A B ");
	check_find(types, "ns::*",
		   "ns::C<int> ns::C<int>[] ns::C<int> inside ns::C<int>[] inside ");
	check_find(types, "*[] inside*C*", "");
	check_find(types, "*C<*>", "ns::C<int> ");
	check_find(types, "(none)", "(none) ");
	check_find(types, "a", "");
	check_find(types, "", "");
	check_find(types, "A*[]", "A[] ");
	fake_deinit(&program.fake);
}

static void test_selection(void **state)
{
	struct program program;
	struct hc_selection selection;
	struct hc_chunk chunk;
	uint64_t chunks[3];

	(void)state;
	program_init(&program, 8);
	program_heap(&program, chunks, 3);
	fake_store(&program.fake, chunks[0], at(&program, VTABLE_A));
	fake_store(&program.fake, chunks[1], at(&program, VTABLE_B));

	hc_selection_init(&selection);
	selection.type_names[selection.num_types++] = "A";
	selection.type_names[selection.num_types++] = "(none)";
	assert_ok(hc_selection_prepare(&selection, fake_target(&program.fake)));
	for (unsigned i = 0; i < 3; i++) {
		assert_true(hc_heap_chunk_at(program.fake.heap, chunks[i], &chunk));
		assert_int_equal(hc_selection_has(&selection, program.fake.heap, &chunk, NULL),
				 i != 1);
	}
	hc_selection_deinit(&selection);
	selection.type_names[selection.num_types++] = "Z";
	assert_fails(hc_selection_prepare(&selection, fake_target(&program.fake)),
		     HC_ERROR_ARGUMENT, "'Z'");
	hc_selection_deinit(&selection);
	fake_deinit(&program.fake);
}

static void test_most(void **state)
{
	hc_type_id most[] = {2, 4, 2, 2, 0}, half[] = {2, 2, 4, 4}, none[] = {0, 0, 2};
	hc_type_id type;

	(void)state;
	assert_int_equal(hc_types_most(most, 5, 3, &type), 3);
	assert_int_equal(type, 2);
	assert_int_equal(hc_types_most(half, 4, 3, &type), 0);
	assert_int_equal(type, HC_TYPE_NONE);
	assert_int_equal(hc_types_most(none, 3, 2, &type), 0);
	assert_int_equal(type, HC_TYPE_NONE);
	assert_int_equal(hc_types_most(NULL, 0, 1, &type), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),     cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_inside),      cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_bounds), cmocka_unit_test(test_vtable_at_the_edge),
		cmocka_unit_test(test_cycles),      cmocka_unit_test(test_scrambled),
		cmocka_unit_test(test_demangle),    cmocka_unit_test(test_find),
		cmocka_unit_test(test_selection),   cmocka_unit_test(test_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
