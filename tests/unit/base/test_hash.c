/**
 * @file
 * Hash tables: growing, finding, colliding, and forgetting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/hash.h"

#define NUM 5000

static uint64_t spread(uint64_t key)
{
	return hc_hash_mix(key);
}

/** Everything in the last slot: searches go around the end. */
static uint64_t collide(uint64_t key)
{
	(void)key;
	return UINT64_MAX;
}

static size_t add(struct hc_hash *table, uint64_t *keys, size_t *num, uint64_t key,
		  uint64_t (*hash)(uint64_t))
{
	assert_null(hc_hash_reserve(table, *num, i, hash(keys[i])));
	uint32_t *slot = hc_hash_find(table, hash(key), i, keys[i] == key);

	if (!*slot) {
		keys[*num] = key;
		*slot = ++*num;
	}
	return *slot - 1;
}

static void run(size_t num_keys, uint64_t (*hash)(uint64_t))
{
	struct hc_hash table = {0};
	static uint64_t keys[NUM];
	size_t num = 0;

	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < num_keys; i++)
			assert_int_equal(add(&table, keys, &num, (i + round) << 40, hash), i);
		for (size_t i = 0; i < num_keys; i++)
			assert_int_equal(add(&table, keys, &num, (i + round) << 40, hash), i);
		assert_int_equal(num, num_keys);
		assert_true(table.num >= num * 2);
		hc_hash_clear(&table, num, i, hash(keys[i]));
		num = 0;
		for (size_t i = 0; i < table.num; i++)
			assert_int_equal(table.slots[i], 0);
	}
	hc_hash_deinit(&table);
}

static void finds_what_was_added(void **state)
{
	(void)state;
	run(NUM, spread);
}

static void collisions_are_told_apart(void **state)
{
	(void)state;
	run(300, collide);
}

static void too_many_are_refused(void **state)
{
	(void)state;
	struct hc_hash table = {.num = (size_t)HC_HASH_MAX_ITEMS * 2};

	assert_ptr_equal(hc_hash_double(&table), &hc_enomem);
	assert_null(table.slots);
	assert_int_equal(table.num, (size_t)HC_HASH_MAX_ITEMS * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(collisions_are_told_apart),
		cmocka_unit_test(too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
