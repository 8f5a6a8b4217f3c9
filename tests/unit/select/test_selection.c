/**
 * @file
 * Selections: what the options take and refuse, and which chunks pass.
 */
#include "cmd/select_options.h"
#include "tests/unit/fake_classes.h"

#include <stdio.h>

#include "analyzers/select/selection.h"

#define HEAP UINT64_C(0x20000000)
#define MMAP UINT64_C(0x7f0000000000)

typedef struct hc_error *(*parse_fn)(struct hc_selection *selection, const char *text);

static void assert_refused(parse_fn parse, const char *text, const char *option)
{
	struct hc_selection selection, before;

	hc_selection_init(&selection);
	before = selection;
	struct hc_error *err = parse(&selection, text);

	assert_non_null(err);
	assert_int_equal(err->code, HC_ERROR_ARGUMENT);
	assert_memory_equal(err->message, option, strlen(option));
	assert_null(strchr(err->message, '\n'));
	assert_memory_equal(&selection, &before, sizeof(before));
	hc_error_destroy(err);
	hc_selection_deinit(&selection);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max;
	} good[] = {
		{"24", 24, 24},
		{"0-0", 0, 0},
		{"1K-", 1024, UINT64_MAX},
		{"-2M", 0, 2 << 20},
		{"100-1k", 100, 1024},
		{"1T-1T", UINT64_C(1) << 40, UINT64_C(1) << 40},
		{"18446744073709551615", UINT64_MAX, UINT64_MAX},
		{"0x400", 1024, 1024},
		{"0X1f-0x2F", 31, 47},
		{"1KiB", 1024, 1024},
		{"1kib-2 MiB", 1024, 2 << 20},
		{"16B", 16, 16},
		{"1kb-2KB", 1024, 2048},
		{"33,976", 33976, 33976},
	};
	static const char *const bad[] = {
		"",       "-",    "K",    "1X",  "5-4",       "1-2-3",
		" 1",     "1 ",   "0x",   "0xg", "1Kib1",     "1,2",
		"1,0000", ",100", "1--2", "--2", "16777216T", "18446744073709551616",
		"1KK",    "+1",   "-1-2",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct hc_selection selection;

		hc_selection_init(&selection);
		assert_null(hc_select_size(&selection, good[i].text));
		assert_true(selection.has_size);
		assert_int_equal(selection.min_usable, good[i].min);
		assert_int_equal(selection.max_usable, good[i].max);
		hc_selection_deinit(&selection);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(hc_select_size, bad[i], "--size: ");
}

static void test_names(void **state)
{
	struct hc_selection selection;

	(void)state;
	hc_selection_init(&selection);
	assert_int_equal(selection.states, 1u << HC_IN_USE);
	assert_null(hc_select_states(&selection, "tcache,top"));
	assert_int_equal(selection.states, 1u << HC_TOP);
	assert_int_equal(selection.num_lists, 1);
	assert_ptr_equal(selection.lists[0], &glibc_lists[GLIBC_TCACHE]);
	assert_null(hc_select_reach(&selection, "indirect"));
	assert_int_equal(selection.reaches, 1u << HC_INDIRECT);
	assert_true(hc_selection_needs_reach(&selection));
	assert_null(hc_select_class(&selection, "key"));
	assert_null(hc_select_class(&selection, "json"));
	assert_int_equal(selection.num_classes, 2);
	hc_selection_deinit(&selection);

	assert_refused(hc_select_states, "", "--state: ");
	assert_refused(hc_select_states, "in-use,", "--state: ");
	assert_refused(hc_select_states, "inuse", "--state: ");
	assert_refused(hc_select_reach, "lost", "--reach: ");
	assert_refused(hc_select_match, "a(b", "--match: ");
	assert_refused(hc_select_request, "x", "--request: ");
}

/** A name is known to be wrong once there are signatures. */
static void test_unknown_class(void **state)
{
	struct hc_signatures *signatures;
	struct hc_selection selection;

	(void)state;
	assert_null(hc_signatures_create(NULL, 0, &signatures));
	hc_selection_init(&selection);
	assert_null(hc_select_class(&selection, "key"));
	assert_null(hc_selection_check_classes(&selection, signatures));
	assert_null(hc_select_class(&selection, "keys"));
	struct hc_error *err = hc_selection_check_classes(&selection, signatures);

	assert_non_null(err);
	assert_int_equal(err->code, HC_ERROR_ARGUMENT);
	assert_string_equal(err->message, "there is no content class 'keys'; did you mean 'key'?");
	hc_error_destroy(err);
	for (unsigned i = selection.num_classes; i < HC_MAX_SELECTED_CLASSES; i++)
		assert_null(hc_select_class(&selection, "key"));
	err = hc_select_class(&selection, "key");
	assert_non_null(err);
	hc_error_destroy(err);
	hc_selection_deinit(&selection);
	hc_signatures_destroy(signatures);
}

static void test_arenas_and_addresses(void **state)
{
	struct hc_selection selection;

	(void)state;
	hc_selection_init(&selection);
	assert_null(hc_select_arena(&selection, "mmap"));
	assert_int_equal(selection.arena, HC_ARENA_MMAP);
	assert_null(hc_select_arena(&selection, "12"));
	assert_int_equal(selection.arena, 12);
	assert_null(hc_select_address(&selection, "0x1000-FFff"));
	assert_true(selection.has_range);
	assert_int_equal(selection.start, 0x1000);
	assert_int_equal(selection.end, 0xffff);
	assert_null(hc_select_address(&selection, "ffffffffffffffff"));
	assert_true(selection.has_holder);
	assert_int_equal(selection.holder, UINT64_MAX);
	hc_selection_deinit(&selection);

	assert_refused(hc_select_arena, "", "--arena: ");
	assert_refused(hc_select_arena, "1K", "--arena: ");
	assert_refused(hc_select_arena, "4294967295", "--arena: ");
	assert_refused(hc_select_arena, "-1", "--arena: ");
	assert_refused(hc_select_address, "", "--address: ");
	assert_refused(hc_select_address, "0x", "--address: ");
	assert_refused(hc_select_address, "12g", "--address: ");
	assert_refused(hc_select_address, "2000-1000", "--address: ");
	assert_refused(hc_select_address, "1000-", "--address: ");
	assert_refused(hc_select_address, "10000000000000000", "--address: ");
}

/** Chunks of a made-up heap that a selection has, as a set of bits by index. */
static unsigned selected(struct fake *fake, struct hc_selection *selection)
{
	struct hc_selection_scratch *scratch;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	unsigned set = 0, i = 0;

	assert_null(hc_selection_prepare(selection, fake_target(fake)));
	assert_null(hc_selection_scratch_create(selection, &scratch));
	assert_true(hc_selection_needs_content(selection) == (scratch != NULL));
	hc_chunk_iter_heap(&iter, fake->heap);
	for (; hc_chunk_iter_next(&iter, &chunk); i++)
		set |= (unsigned)hc_selection_has(selection, fake->heap, &chunk, scratch) << i;
	hc_selection_scratch_destroy(scratch);
	hc_selection_deinit(selection);
	hc_selection_init(selection);
	return set;
}

static void test_filters(void **state)
{
	static const uint64_t sizes[] = {32, 48, 32, 64}, big[] = {8192};
	struct fake fake;
	struct hc_selection selection;
	uint64_t c[5];

	(void)state;
	fake_init(&fake, 8, 1, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, 4, c);
	fake_span(&fake, MMAP, HC_SPAN_SINGLE, big, 1, c + 4);
	fake_seal(&fake);
	assert_true(hc_heap_set_free(fake.heap, c[2], &glibc_lists[GLIBC_TCACHE]));
	strcpy((char *)fake_at(&fake, c[1]), "user:17:cart");
	strcpy((char *)fake_at(&fake, c[3]), "GET user:17:cart\r\n");
	hc_selection_init(&selection);

	assert_int_equal(selected(&fake, &selection), 0x1b);
	assert_null(hc_select_states(&selection, "tcache"));
	assert_int_equal(selected(&fake, &selection), 0x04);
	assert_null(hc_select_size(&selection, "24"));
	assert_int_equal(selected(&fake, &selection), 0x01);
	assert_null(hc_select_size(&selection, "40-"));
	assert_int_equal(selected(&fake, &selection), 0x1a);
	assert_null(hc_select_request(&selection, "50"));
	assert_int_equal(selected(&fake, &selection), 0x08);
	assert_null(hc_select_arena(&selection, "mmap"));
	assert_int_equal(selected(&fake, &selection), 0x10);
	assert_null(hc_select_address(&selection, "20000030-20000080"));
	assert_int_equal(selected(&fake, &selection), 0x02);
	assert_null(hc_select_class(&selection, "key"));
	assert_int_equal(selected(&fake, &selection), 0x02);
	assert_null(hc_select_class(&selection, "redis-command"));
	assert_null(hc_select_class(&selection, "zero"));
	assert_int_equal(selected(&fake, &selection), 0x19);
	assert_null(hc_select_match(&selection, "r:(\\d+):c"));
	assert_int_equal(selected(&fake, &selection), 0x0a);
	assert_null(hc_select_match(&selection, "^user"));
	assert_null(hc_select_class(&selection, "text"));
	assert_int_equal(selected(&fake, &selection), 0x00);

	/* By reach: only chunks in use, and only once it is known, which preparing sees to. */
	struct hc_chunk chunk;
	assert_true(hc_heap_chunk_at(fake.heap, c[1], &chunk));
	assert_null(hc_select_reach(&selection, "definite"));
	assert_false(hc_selection_has(&selection, fake.heap, &chunk, NULL));
	assert_null(hc_select_reach(&selection, "definite"));
	assert_null(hc_select_states(&selection, "in-use,tcache"));
	assert_int_equal(selected(&fake, &selection), 0x1b);
	fake_deinit(&fake);
}

/** Every address of a span is in the chunk that the heap model says, and in no other. */
static void test_holder(void **state)
{
	static const uint64_t sizes[] = {32, 48, 32};
	struct fake fake;
	uint64_t c[3];

	(void)state;
	fake_init(&fake, 8, 1, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, 3, c);
	fake_seal(&fake);
	for (uint64_t address = HEAP + 8; address < HEAP + 112 + 8; address++) {
		struct hc_selection selection;
		struct hc_chunk chunk;
		char text[32];

		snprintf(text, sizeof(text), "%llx", (unsigned long long)address);
		hc_selection_init(&selection);
		assert_null(hc_select_address(&selection, text));
		unsigned set = selected(&fake, &selection);

		assert_int_equal(__builtin_popcount(set), 1);
		if (address < HEAP + 112) {
			assert_true(hc_heap_chunk_at(fake.heap, address, &chunk));
			assert_int_equal(chunk.address, c[__builtin_ctz(set)]);
		}
	}
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),         cmocka_unit_test(test_names),
		cmocka_unit_test(test_unknown_class), cmocka_unit_test(test_arenas_and_addresses),
		cmocka_unit_test(test_filters),       cmocka_unit_test(test_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
