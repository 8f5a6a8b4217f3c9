/**
 * @file
 * Findings whose holder is known: how far one is looked for.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "analyzers/target.h"
#include "analyzers/verdict/findings.h"

static void test_how_far(void **state __attribute__((unused)))
{
	struct hc_target *target = calloc(1, sizeof(*target));

	assert_non_null(target);
	assert_int_equal(hc_findings_holder_chunks(target), HC_HOLDER_CHUNKS);
	target->reach.kinds[HC_REACHABLE].chunks = HC_HOLDER_CHUNKS * HC_HOLDER_PART;
	target->reach.kinds[HC_DEFINITE].chunks = UINT64_MAX / 2;
	assert_int_equal(hc_findings_holder_chunks(target), HC_HOLDER_CHUNKS);
	target->reach.kinds[HC_POSSIBLE].chunks = HC_HOLDER_CHUNKS * HC_HOLDER_PART;
	assert_int_equal(hc_findings_holder_chunks(target), 2 * HC_HOLDER_CHUNKS);
	free(target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
