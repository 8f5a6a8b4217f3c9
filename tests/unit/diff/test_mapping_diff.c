/**
 * @file
 * Comparing mappings: what grew, shrank, moved, was split, merged, is new or gone.
 */
#include "tests/unit/unit.h"

#include <elf.h>
#include <stdlib.h>

#include "analyzers/diff/mapping_diff.h"

#define RW (PF_R | PF_W)
#define MAX_ROWS 8

/** A table made by hand: its rows are the test's. */
static struct hc_mappings table(struct hc_mapping *rows)
{
	struct hc_mappings ret = {.items = rows};

	while (ret.num < MAX_ROWS && rows[ret.num].end) {
		rows[ret.num].anonymous = !rows[ret.num].path;
		if (!rows[ret.num].resident)
			rows[ret.num].resident = HC_UNKNOWN_BYTES;
		ret.num++;
	}
	return ret;
}

static struct hc_mapping_diff compare(struct hc_mapping *before, struct hc_mapping *after,
				      bool same)
{
	const struct hc_mappings old = table(before), new = table(after);
	struct hc_mapping_diff ret;

	assert_ok(hc_mapping_diff_run(&old, &new, same, &ret));
	return ret;
}

/** The one pair that a row of either table is in. */
static const struct hc_mapping_pair *pair_of(const struct hc_mapping_diff *diff, uint64_t start)
{
	for (size_t i = 0; i < diff->num_pairs; i++) {
		const struct hc_mapping_pair *pair = &diff->pairs[i];

		if ((pair->before.num && pair->before.first->start == start) ||
		    (pair->after.num && pair->after.first->start == start))
			return pair;
	}
	fail_msg("no pair begins at %#lx", (unsigned long)start);
	return NULL;
}

static void test_changes(void **state)
{
	struct hc_mapping before[MAX_ROWS] = {
		{0x1000, 0x2000, RW, .path = "/a"}, /* same */
		{0x10000, 0x12000, RW},             /* grows up */
		{0x20000, 0x28000, RW},             /* shrinks */
		{0x30000, 0x38000, RW},             /* is split */
		{0x40000, 0x42000, RW},             /* merged … */
		{0x44000, 0x46000, RW},             /* … with this one */
		{0x50000, 0x53000, RW},             /* moves */
		{0x60000, 0x69000, RW},             /* is gone */
	};
	struct hc_mapping after[MAX_ROWS] = {
		{0x1000, 0x2000, RW, .path = "/a"},
		{0x10000, 0x15000, RW},
		{0x20000, 0x24000, RW},
		{0x30000, 0x32000, RW},
		{0x36000, 0x38000, RW},
		{0x40000, 0x46000, RW},
		{0x70000, 0x73000, RW},
		{0x80000, 0x8f000, RW}, /* is new */
	};
	struct hc_mapping_diff diff = compare(before, after, true);

	(void)state;
	assert_false(diff.has_resident);
	assert_int_equal(pair_of(&diff, 0x1000)->change, HC_MAPPING_SAME);
	assert_int_equal(pair_of(&diff, 0x10000)->change, HC_MAPPING_GROWN);
	assert_int_equal(pair_of(&diff, 0x10000)->growth, 0x3000);
	assert_int_equal(pair_of(&diff, 0x20000)->change, HC_MAPPING_SHRUNK);
	assert_int_equal(pair_of(&diff, 0x20000)->growth, -0x4000);
	assert_int_equal(pair_of(&diff, 0x30000)->change, HC_MAPPING_SPLIT);
	assert_int_equal(pair_of(&diff, 0x40000)->change, HC_MAPPING_MERGED);
	assert_int_equal(pair_of(&diff, 0x40000)->growth, 0x2000);
	assert_int_equal(pair_of(&diff, 0x50000)->change, HC_MAPPING_MOVED);
	assert_ptr_equal(pair_of(&diff, 0x50000), pair_of(&diff, 0x70000));
	assert_int_equal(pair_of(&diff, 0x60000)->change, HC_MAPPING_GONE);
	assert_int_equal(pair_of(&diff, 0x80000)->change, HC_MAPPING_NEW);
	/* By growth, and nothing is counted twice. */
	int64_t growth = 0;
	for (size_t i = 0; i < diff.num_pairs; i++) {
		assert_true(!i || diff.pairs[i - 1].growth >= diff.pairs[i].growth);
		growth += diff.pairs[i].growth;
	}
	assert_int_equal(growth, (int64_t)(diff.after.size - diff.before.size));
	hc_mapping_diff_deinit(&diff);
}

/** What grows into its reservation: permissions tell the two apart. */
static void test_reservation(void **state)
{
	struct hc_mapping before[MAX_ROWS] = {{0x10000, 0x12000, RW}, {0x12000, 0x20000, 0}};
	struct hc_mapping after[MAX_ROWS] = {{0x10000, 0x18000, RW}, {0x18000, 0x20000, 0}};
	struct hc_mapping_diff diff = compare(before, after, true);

	(void)state;
	assert_int_equal(diff.num_pairs, 2);
	assert_int_equal(diff.pairs[0].growth, 0x6000);
	assert_int_equal(diff.pairs[0].change, HC_MAPPING_GROWN);
	assert_int_equal(diff.pairs[1].growth, -0x6000);
	hc_mapping_diff_deinit(&diff);
}

/** Resident bytes are the measure where both have them; address space alone is no growth then. */
static void test_resident(void **state)
{
	struct hc_mapping before[MAX_ROWS] = {{0x10000, 0x20000, RW, .resident = 0x1000}};
	struct hc_mapping after[MAX_ROWS] = {{0x10000, 0x20000, RW, .resident = 0x9000}};
	struct hc_mapping_diff diff = compare(before, after, true);

	(void)state;
	assert_true(diff.has_resident);
	assert_int_equal(diff.pairs[0].change, HC_MAPPING_GROWN);
	assert_int_equal(diff.pairs[0].growth, 0x8000);
	hc_mapping_diff_deinit(&diff);
}

/** Of two processes, kinds and names count, and addresses don't. */
static void test_other_process(void **state)
{
	struct hc_mapping before[MAX_ROWS] = {
		{0x10000, 0x12000, RW, .kind = HC_MAPPING_STACK},
		{0x20000, 0x22000, RW, .kind = HC_MAPPING_STACK},
		{0x30000, 0x31000, RW, .path = "/a"},
	};
	struct hc_mapping after[MAX_ROWS] = {
		{0x30000, 0x32000, RW, .kind = HC_MAPPING_STACK},
		{0x40000, 0x41000, RW, .path = "/a"},
		{0x50000, 0x58000, RW, .kind = HC_MAPPING_ANON},
	};
	struct hc_mapping_diff diff = compare(before, after, false);

	(void)state;
	assert_int_equal(diff.num_pairs, 3);
	assert_int_equal(pair_of(&diff, 0x50000)->change, HC_MAPPING_NEW);
	assert_int_equal(pair_of(&diff, 0x10000)->change, HC_MAPPING_SHRUNK);
	assert_int_equal(pair_of(&diff, 0x40000)->change, HC_MAPPING_SAME);
	hc_mapping_diff_deinit(&diff);
}

static void test_same_process(void **state)
{
	struct hc_mapping a[MAX_ROWS] = {{0x1000, 0x2000, RW, .path = "/a"}, {0x3000, 0x4000, RW}};
	struct hc_mapping b[MAX_ROWS] = {{0x1000, 0x3000, RW, .path = "/a"}};
	struct hc_mapping c[MAX_ROWS] = {{0x1000, 0x2000, RW, .path = "/b"}};
	struct hc_mapping d[MAX_ROWS] = {{0x9000, 0xa000, RW, .path = "/a"}};
	const struct hc_mappings x = table(a), y = table(b), z = table(c), w = table(d);

	(void)state;
	assert_true(hc_mappings_same_process(&x, &y));
	assert_false(hc_mappings_same_process(&x, &z));
	assert_false(hc_mappings_same_process(&x, &w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),      cmocka_unit_test(test_reservation),
		cmocka_unit_test(test_resident),     cmocka_unit_test(test_other_process),
		cmocka_unit_test(test_same_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
