/**
 * @file
 * Targets: each part is computed once, answers stay the same, several targets at once do not see
 * each other, and an observer hears what is done and can end it.
 */
#include "tests/unit/fake_core.h"
#include "tests/unit/fake_heap.h"
#include "tests/unit/unit.h"

#include <elf.h>

#include "analyzers/counts/class_count.h"
#include "analyzers/counts/histogram.h"
#include "analyzers/leaks/leaks.h"
#include "analyzers/target.h"

#define HEAP UINT64_C(0x20000000)
#define CHUNKS 4000

/** A process whose chunks have @p size bytes, every @p step of them reachable and with a key. */
static void make(struct fake *fake, unsigned jobs, uint64_t size, size_t step)
{
	static uint64_t sizes[CHUNKS], c[CHUNKS];

	for (size_t i = 0; i < CHUNKS; i++)
		sizes[i] = size;
	fake_init(fake, 8, jobs, CHUNKS * 8);
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, CHUNKS, c);
	fake_seal(fake);
	for (size_t i = 0; i < CHUNKS; i += step) {
		fake_root(fake, i, c[i]);
		snprintf((char *)fake_at(fake, c[i]), 24, "user:%zu:cart", i);
	}
}

static uint64_t num_with_key(const struct hc_target *target, const struct hc_class_table *table)
{
	return table->classes[hc_signatures_find(target->signatures, "key")].all.chunks;
}

/** Two processes with the same addresses, worked on in turns. */
static void test_two_at_once(void **state)
{
	struct hc_class_table classes_a, classes_b;
	const struct hc_reach_stats *reach_a, *reach_b;
	struct hc_histogram sizes_a, sizes_b;
	struct hc_leaks leaks_a, leaks_b;
	struct fake a, b;

	(void)state;
	make(&a, 2, 48, 4);
	make(&b, 1, 80, 10);
	assert_ok(hc_histogram_run(fake_target(&a), NULL, false, &sizes_a));
	assert_ok(hc_target_reach(fake_target(&b), &reach_b));
	assert_ok(hc_classify_run(fake_target(&a), NULL, &classes_a));
	assert_false(a.heap->reach_known);
	assert_ok(hc_leaks_run(fake_target(&b), NULL, &leaks_b));
	assert_ok(hc_target_reach(fake_target(&a), &reach_a));
	assert_ok(hc_classify_run(fake_target(&b), NULL, &classes_b));
	assert_ok(hc_leaks_run(fake_target(&a), NULL, &leaks_a));
	assert_ok(hc_histogram_run(fake_target(&b), NULL, false, &sizes_b));

	assert_int_equal(sizes_a.num_rows, 1);
	assert_int_equal(sizes_a.rows[0].min_size, 48);
	assert_int_equal(sizes_b.rows[0].min_size, 80);
	assert_int_equal(reach_a->kinds[HC_REACHABLE].chunks, CHUNKS / 4);
	assert_int_equal(reach_b->kinds[HC_REACHABLE].chunks, CHUNKS / 10);
	assert_int_equal(num_with_key(a.target, &classes_a), CHUNKS / 4);
	assert_int_equal(num_with_key(b.target, &classes_b), CHUNKS / 10);
	assert_int_equal(leaks_a.definite.chunks, CHUNKS - CHUNKS / 4);
	assert_int_equal(leaks_b.definite.chunks, CHUNKS - CHUNKS / 10);
	assert_int_equal(leaks_b.definite.bytes, (CHUNKS - CHUNKS / 10) * 80);
	hc_leaks_deinit(&leaks_a);
	hc_leaks_deinit(&leaks_b);
	hc_histogram_deinit(&sizes_a);
	hc_histogram_deinit(&sizes_b);
	/* The one goes on when the other is gone. */
	fake_deinit(&a);
	assert_ok(hc_classify_run(fake_target(&b), NULL, &classes_b));
	assert_int_equal(num_with_key(b.target, &classes_b), CHUNKS / 10);
	fake_deinit(&b);
}

/** What was asked for twice is the same object. */
static void test_once(void **state)
{
	const struct hc_classifier *classifier, *classifier_again;
	const struct hc_reach_stats *reach;
	struct hc_types *quick, *full, *again;
	struct hc_selection selection;
	struct fake fake;

	(void)state;
	make(&fake, 1, 48, 4);
	assert_ok(hc_target_classifier(fake_target(&fake), &classifier));
	assert_ok(hc_target_classifier(fake.target, &classifier_again));
	assert_ptr_equal(classifier, classifier_again);
	assert_ptr_equal(fake.target->classifier, classifier);
	assert_ok(hc_target_types(fake.target, HC_TYPES_QUICK, &quick));
	assert_ok(hc_target_types(fake.target, HC_TYPES_QUICK, &again));
	assert_ptr_equal(quick, again);
	/* Who asks for more gets more; who asks for less then gets that, too. */
	assert_ok(hc_target_types(fake.target, HC_TYPES_FULL, &full));
	assert_ptr_not_equal(full, quick);
	assert_ok(hc_target_types(fake.target, HC_TYPES_QUICK, &again));
	assert_ptr_equal(again, full);
	/* What a filter needs is asked for. */
	hc_selection_init(&selection);
	selection.reaches = 1u << HC_REACHABLE;
	assert_false(fake.heap->reach_known);
	assert_ok(hc_selection_prepare(&selection, fake.target));
	assert_true(fake.heap->reach_known);
	/* Memory that changes afterwards changes no answer. */
	fake_root(&fake, 0, 0);
	assert_ok(hc_target_reach(fake.target, &reach));
	assert_int_equal(reach->kinds[HC_REACHABLE].chunks, CHUNKS / 4);
	fake_deinit(&fake);
}

/** A core without an allocator: the answer stays the same, and what needs no heap works. */
static void test_no_heap(void **state)
{
	struct hc_target *target;
	const struct hc_classifier *classifier;
	const struct hc_heap *heap = (const struct hc_heap *)&target;
	struct hc_types *types;
	struct fake_core fake = {};
	uint8_t bytes[4096] = {0};

	(void)state;
	fake_core_segment(&fake, 0x10000, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
	fake_core_thread(&fake, 1, 0x401000, 0x10800, 0);
	char *path = fake_core_write(&fake);
	assert_ok(hc_target_open(path, NULL, NULL, &target));
	assert_null(target->no_heap);
	for (int i = 0; i < 2; i++) {
		assert_fails(hc_target_heap(target, &heap), HC_ERROR_NO_ALLOCATOR, "");
		assert_fails(hc_target_reach(target, NULL), HC_ERROR_NO_ALLOCATOR, target->no_heap);
		assert_fails(hc_target_classifier(target, &classifier), HC_ERROR_NO_ALLOCATOR,
			     target->no_heap);
		assert_fails(hc_target_types(target, HC_TYPES_QUICK, &types), HC_ERROR_NO_ALLOCATOR,
			     target->no_heap);
	}
	assert_ok(hc_target_heap_if_any(target, &heap));
	assert_null(heap);
	hc_target_close(target);
	assert_fails(hc_target_open("/proc/nonexistent", NULL, NULL, &target), HC_ERROR_OS,
		     "No such file");
	hc_target_close(NULL);
	fake_core_remove(path);
	fake_core_deinit(&fake);
}

/** What an observer has heard, and when it has had enough. */
struct seen {
	unsigned phases[HC_NUM_PHASES];
	enum hc_phase phase;
	double share;
	unsigned shares;
	enum hc_phase unwanted; /**< the work ends in this phase; HC_PHASE_NONE: never */
	bool cancelled;         /**< atomic: asked by all threads */
};

static void on_phase(void *ctx, enum hc_phase phase)
{
	struct seen *seen = ctx;

	seen->phases[phase]++;
	seen->phase = phase;
	seen->share = 0;
	if (phase != HC_PHASE_NONE && phase == seen->unwanted)
		__atomic_store_n(&seen->cancelled, true, __ATOMIC_RELAXED);
}

static void on_share(void *ctx, double share)
{
	struct seen *seen = ctx;

	assert_true(seen->phase != HC_PHASE_NONE);
	assert_true(share > seen->share && share <= 1);
	seen->share = share;
	seen->shares++;
}

static bool is_cancelled(void *ctx)
{
	return __atomic_load_n(&((struct seen *)ctx)->cancelled, __ATOMIC_RELAXED);
}

/** A made-up process under an observer. */
static void make_watched(struct fake *fake, struct seen *seen, enum hc_phase unwanted)
{
	const struct hc_observer observer = {on_phase, on_share, is_cancelled, seen};

	*seen = (struct seen){.unwanted = unwanted};
	make(fake, 2, 48, 4);
	hc_watch_init(&fake_target(fake)->watch, &observer);
	fake->process.watch = &fake->target->watch;
}

static void test_observer(void **state)
{
	struct hc_class_table table;
	struct hc_leaks leaks;
	struct fake fake;
	struct seen seen;

	(void)state;
	make_watched(&fake, &seen, HC_PHASE_NONE);
	assert_ok(hc_leaks_run(fake.target, NULL, &leaks));
	assert_ok(hc_classify_run(fake.target, NULL, &table));
	assert_int_equal(seen.phases[HC_PHASE_FOLLOW], 1);
	assert_int_equal(seen.phases[HC_PHASE_GROUP], 1);
	assert_int_equal(seen.phases[HC_PHASE_CLASSIFY], 1);
	/* The histogram within grouping is no phase of its own. */
	assert_int_equal(seen.phases[HC_PHASE_COUNT], 0);
	assert_int_equal(seen.phase, HC_PHASE_NONE);
	assert_true(seen.shares >= 3);
	hc_leaks_deinit(&leaks);
	fake_deinit(&fake);
}

static void test_cancel(void **state)
{
	struct hc_class_table table;
	struct hc_leaks leaks;
	struct fake fake;
	struct seen seen;

	(void)state;
	make_watched(&fake, &seen, HC_PHASE_FOLLOW);
	assert_fails(hc_leaks_run(fake.target, NULL, &leaks), HC_ERROR_CANCELLED, "");
	assert_false(fake.heap->reach_known);
	assert_int_equal(seen.phase, HC_PHASE_NONE);
	assert_int_equal(seen.phases[HC_PHASE_GROUP], 0);
	fake_deinit(&fake);

	make_watched(&fake, &seen, HC_PHASE_GROUP);
	assert_fails(hc_leaks_run(fake.target, NULL, &leaks), HC_ERROR_CANCELLED, "");
	/* After all the work may be done. */
	seen.cancelled = false;
	seen.unwanted = HC_PHASE_NONE;
	assert_ok(hc_leaks_run(fake.target, NULL, &leaks));
	assert_int_equal(leaks.definite.chunks, CHUNKS - CHUNKS / 4);
	hc_leaks_deinit(&leaks);
	seen.unwanted = HC_PHASE_CLASSIFY;
	assert_fails(hc_classify_run(fake.target, NULL, &table), HC_ERROR_CANCELLED, "");
	fake_deinit(&fake);
}

/** Opening is cancelled like everything else, and leaves nothing behind. */
static void test_cancel_unread(void **state)
{
	struct seen seen = {.cancelled = true};
	const struct hc_observer observer = {on_phase, on_share, is_cancelled, &seen};
	struct hc_target *target;
	struct fake_core fake = {};
	uint8_t bytes[4096] = {0};

	(void)state;
	fake_core_segment(&fake, 0x10000, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
	fake_core_thread(&fake, 1, 0x401000, 0x10800, 0);
	char *path = fake_core_write(&fake);
	assert_fails(hc_target_open(path, NULL, &observer, &target), HC_ERROR_CANCELLED, "");
	assert_int_equal(seen.phases[HC_PHASE_READ], 1);
	assert_int_equal(seen.phase, HC_PHASE_NONE);
	fake_core_remove(path);
	fake_core_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_at_once), cmocka_unit_test(test_once),
		cmocka_unit_test(test_no_heap),     cmocka_unit_test(test_observer),
		cmocka_unit_test(test_cancel),      cmocka_unit_test(test_cancel_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
