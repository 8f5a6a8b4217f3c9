/* Pages that are not zero, and resident bytes where they are known. */
#include "tests/unit/fake_heap.h"

#include "analyzers/inspect/touched.h"

#define REGION UINT64_C(0x7f0000000000)

static void pages(void **state)
{
	struct hc_touched touched;
	struct fake fake;

	(void)state;
	fake_init(&fake, 8, 2, 8192);
	fake_area(&fake, REGION, UINT64_C(40) << 20, HC_MAPPING_ANON, PF_R | PF_W);
	fake_area(&fake, REGION + (UINT64_C(64) << 20), 16384, HC_MAPPING_STACK, PF_R | PF_W);
	fake_seal(&fake);
	/* The last byte of a page counts for all of it. */
	*fake_at(&fake, REGION + 4095) = 1;
	fake_store(&fake, REGION + 4096 * 100, 7);
	fake_store(&fake, REGION + (UINT64_C(40) << 20) - 8, 7);
	fake.mappings[2].resident = 12288;
	assert_null(hc_touched_run(&fake.process, &touched));
	assert_int_equal(touched.num, 3);
	assert_int_equal(touched.bytes[0], 0);
	assert_int_equal(touched.bytes[1], 3 * 4096);
	assert_int_equal(touched.bytes[2], 12288);
	assert_int_equal(touched.anonymous, 3 * 4096 + 12288);
	assert_true(touched.resident);
	assert_int_equal(hc_touched_range(&fake.process, REGION, REGION + 4096), 4096);
	assert_int_equal(hc_touched_range(&fake.process, REGION + 4096, REGION + 8192), 0);
	/* What the core lacks was not touched, as far as it tells. */
	assert_int_equal(hc_touched_range(&fake.process, 0, 4096), 0);
	hc_touched_deinit(&touched);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(pages)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
