/**
 * @file
 * The table of distinct texts, exact and as a summary, against plain counting.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "analyzers/texts/top_texts.h"

#define NUM_TEXTS 5000

/** Texts "0" … "4999", in one place each. */
static char texts[NUM_TEXTS][8];

static struct hc_bytes text(unsigned i)
{
	snprintf(texts[i], sizeof(texts[i]), "%u", i);
	return (struct hc_bytes){(const uint8_t *)texts[i], strlen(texts[i])};
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/** A skewed choice: low numbers often. */
static unsigned skewed(uint32_t *seed)
{
	unsigned a = next_random(seed) % NUM_TEXTS, b = next_random(seed) % NUM_TEXTS;

	return (uint64_t)a * b / NUM_TEXTS * (next_random(seed) % 4) / 4;
}

static unsigned number(const struct hc_text_count *item)
{
	char digits[16] = "";

	assert_uint_in_range(item->size, 1, 8);
	memcpy(digits, item->text, item->size);
	return strtoul(digits, NULL, 10);
}

static void test_exact(void **state)
{
	struct hc_top_texts table;
	uint64_t *counts = calloc(NUM_TEXTS, sizeof(*counts));
	struct hc_text_count *list;
	size_t num, distinct = 0;
	uint32_t seed = 1;

	(void)state;
	hc_top_texts_init(&table, 1 << 20);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned pick = skewed(&seed);

		counts[pick]++;
		assert_null(hc_top_texts_add(&table, text(pick), 1, 0));
	}
	for (unsigned i = 0; i < NUM_TEXTS; i++)
		distinct += counts[i] > 0;
	assert_true(table.exact);
	assert_int_equal(table.num_entries, distinct);
	assert_null(hc_top_texts_list(&table, UINT64_MAX, &list, &num));
	assert_int_equal(num, distinct);
	for (size_t i = 0; i < num; i++) {
		assert_int_equal(list[i].matches, counts[number(&list[i])]);
		assert_int_equal(list[i].error, 0);
		if (i && list[i].matches == list[i - 1].matches)
			assert_true(strcmp((char *)list[i - 1].text, (char *)list[i].text) < 0);
		else if (i)
			assert_true(list[i].matches < list[i - 1].matches);
	}
	free(list);

	hc_top_texts_clear(&table);
	assert_int_equal(table.num_entries, 0);
	assert_null(hc_top_texts_add(&table, text(7), 3, 0));
	assert_null(hc_top_texts_list(&table, 10, &list, &num));
	assert_int_equal(num, 1);
	assert_int_equal(list[0].matches, 3);
	free(list);
	free(counts);
	hc_top_texts_deinit(&table);
}

/** Beyond the bound, every count is within its error and every frequent text is there. */
static void test_summary(void **state)
{
	struct hc_top_texts table;
	uint64_t *counts = calloc(NUM_TEXTS, sizeof(*counts));
	const uint64_t rounds = 200000;
	struct hc_text_count *list;
	size_t num, found = 0, frequent = 0;
	uint64_t sum = 0;
	uint32_t seed = 2;

	(void)state;
	hc_top_texts_init(&table, 200 * HC_TOP_TEXTS_PLACE_BYTES);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned pick = skewed(&seed);

		counts[pick]++;
		assert_null(hc_top_texts_add(&table, text(pick), 1, 0));
	}
	assert_false(table.exact);
	assert_int_equal(table.num_entries, 200);
	assert_null(hc_top_texts_list(&table, UINT64_MAX, &list, &num));
	assert_int_equal(num, 200);
	for (size_t i = 0; i < num; i++) {
		uint64_t truth = counts[number(&list[i])];

		assert_true(truth <= list[i].matches);
		assert_true(truth >= list[i].matches - list[i].error);
		assert_true(list[i].error <= rounds / 200);
		found += truth > rounds / 200;
		sum += list[i].matches;
	}
	for (unsigned i = 0; i < NUM_TEXTS; i++)
		frequent += counts[i] > rounds / 200;
	assert_true(frequent > 0);
	assert_int_equal(found, frequent);
	assert_int_equal(sum, rounds); /* Space-Saving loses no count */
	free(list);

	assert_null(hc_top_texts_list(&table, 3, &list, &num));
	assert_int_equal(num, 3);
	free(list);
	free(counts);
	hc_top_texts_deinit(&table);
}

static void test_merge(void **state)
{
	struct hc_top_texts parts[2], all;
	struct hc_text_count *list;
	size_t num;
	static const uint8_t empty[1], zeros[2], long_text[4096] = {1};

	(void)state;
	hc_top_texts_init(&all, 1 << 16);
	for (unsigned i = 0; i < 2; i++) {
		hc_top_texts_init(&parts[i], 1 << 16);
		assert_null(hc_top_texts_add(&parts[i], text(1), 1 + i, 0));
		assert_null(hc_top_texts_add(&parts[i], (struct hc_bytes){empty, 0}, 10, 0));
		assert_null(hc_top_texts_add(&parts[i], (struct hc_bytes){zeros, 1 + i}, 1, 0));
		assert_null(
			hc_top_texts_add(&parts[i], (struct hc_bytes){long_text, 4095 + i}, 4, 0));
		assert_null(hc_top_texts_merge(&all, &parts[i]));
		hc_top_texts_deinit(&parts[i]);
	}
	assert_null(hc_top_texts_list(&all, 100, &list, &num));
	assert_int_equal(num, 6);
	assert_int_equal(list[0].matches, 20);
	assert_int_equal(list[0].size, 0);
	assert_int_equal(list[1].matches, 4);
	assert_int_equal(list[1].size, 4095); /* the shorter first */
	assert_int_equal(list[2].size, 4096);
	assert_int_equal(list[3].matches, 3);
	assert_int_equal(list[4].size, 1);
	assert_int_equal(list[5].size, 2);
	free(list);
	hc_top_texts_deinit(&all);
}

/** A table that copies needs its texts only while they are added, also when they replace each
 * other. */
static void test_copies(void **state)
{
	struct hc_top_texts table;
	struct hc_text_count *list;
	char buffer[16];
	size_t num;

	(void)state;
	hc_top_texts_init(&table, 16 * HC_TOP_TEXTS_PLACE_BYTES);
	table.copies = true;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(buffer, sizeof(buffer), "%u", i % 2 ? 7 : i);
		assert_null(hc_top_texts_add(
			&table, (struct hc_bytes){(const uint8_t *)buffer, strlen(buffer)}, 1, 0));
	}
	memset(buffer, 'x', sizeof(buffer));
	assert_null(hc_top_texts_list(&table, 1, &list, &num));
	assert_int_equal(num, 1);
	assert_int_equal(number(&list[0]), 7);
	assert_int_equal(list[0].matches - list[0].error, 500);
	free(list);
	const struct hc_top_entry *found = hc_top_texts_find(&table, text(7));
	assert_non_null(found);
	assert_int_equal(found->count, 500);
	assert_null(hc_top_texts_find(&table, text(9)));
	hc_top_texts_clear(&table);
	assert_null(hc_top_texts_find(&table, text(7)));
	hc_top_texts_deinit(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
