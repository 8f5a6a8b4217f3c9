/**
 * @file
 * Whether what looks lost is known to be, in processes of which something is missing.
 */
#include "tests/unit/fake_heap.h"

#include "analyzers/reachability/reachability.h"

#define HEAP UINT64_C(0x20000000)
#define AREA UINT64_C(0x30000000)
#define PAGE UINT64_C(4096)

/** A process of which two chunks are held and one is lost. @param[out] c their addresses */
static void make(struct fake *fake, uint64_t c[3])
{
	const uint64_t sizes[3] = {64, 64, 64};

	fake_init(fake, 8, 1, PAGE);
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, 3, c);
	fake_seal(fake);
	fake->thread.num_regs = 1;
	fake_root(fake, 0, c[0]);
	fake_store(fake, c[0], c[1]);
}

/** A mapping of whose bytes the core has none. */
static struct hc_mapping *add_missing(struct fake *fake, enum hc_mapping_kind kind)
{
	struct hc_mapping *mapping = &fake->mappings[fake->num_areas];

	assert_true(fake->process.mappings.num == fake->num_areas);
	*mapping = (struct hc_mapping){
		.start = AREA,
		.end = AREA + 2 * PAGE,
		.flags = PF_R | PF_W,
		.anonymous = true,
		.kind = kind,
		.resident = HC_UNKNOWN_BYTES,
		.resident_anonymous = HC_UNKNOWN_BYTES,
	};
	fake->process.mappings.num++;
	return mapping;
}

static struct hc_missing run(struct fake *fake)
{
	struct hc_reach_stats stats;

	assert_null(hc_reachability_run(fake->heap, &stats));
	return stats.missing;
}

static void test_all_is_there(void **state)
{
	struct fake fake;
	uint64_t c[3];

	(void)state;
	make(&fake, c);
	struct hc_missing missing = run(&fake);

	assert_int_equal(missing.known, HC_LOST_KNOWN);
	assert_false(hc_missing_upper_bound(&missing));
	assert_int_equal(missing.roots[HC_ROOT_OTHER].expected, PAGE);
	assert_int_equal(missing.roots[HC_ROOT_REGISTER].expected, 1);
	assert_int_equal(hc_missing_ranges(&missing).missing, 0);
	fake_deinit(&fake);
}

static void test_kinds_of_roots(void **state)
{
	static const struct {
		enum hc_mapping_kind mapping;
		enum hc_root_kind root;
	} kinds[] = {
		{HC_MAPPING_STACK, HC_ROOT_STACK},
		{HC_MAPPING_TLS, HC_ROOT_TLS},
		{HC_MAPPING_DATA, HC_ROOT_DATA},
		{HC_MAPPING_BSS, HC_ROOT_DATA},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct fake fake;
		uint64_t c[3];

		make(&fake, c);
		add_missing(&fake, kinds[i].mapping);
		struct hc_missing missing = run(&fake);

		assert_int_equal(missing.known, HC_LOST_ROOTS_MISSING);
		assert_int_equal(missing.roots[kinds[i].root].missing, 2 * PAGE);
		/* Where nothing looks lost, nothing needs to be known. */
		fake_root(&fake, 1, c[2]);
		missing = run(&fake);
		assert_int_equal(missing.known, HC_LOST_KNOWN);
		assert_int_equal(missing.roots[kinds[i].root].missing, 2 * PAGE);
		fake_deinit(&fake);
	}
}

static void test_a_thread_without_registers(void **state)
{
	struct fake fake;
	uint64_t c[3];

	(void)state;
	make(&fake, c);
	fake.thread.num_regs = 0;
	assert_int_equal(run(&fake).known, HC_LOST_ROOTS_MISSING);
	fake.thread.num_regs = 1;
	assert_int_equal(run(&fake).known, HC_LOST_KNOWN);
	fake.core.notes_cut = true;
	struct hc_missing missing = run(&fake);

	assert_int_equal(missing.known, HC_LOST_ROOTS_MISSING);
	assert_int_equal(missing.roots[HC_ROOT_REGISTER].missing, 1);
	fake_deinit(&fake);
}

/** Memory that the core promises was cut off; what it does not promise was left out by choice. */
static void test_other_memory(void **state)
{
	struct hc_segment segment = {
		.start = AREA,
		.mem_size = 2 * PAGE,
		.file_size = PAGE,
		.flags = PF_R | PF_W,
	};
	struct fake fake;
	uint64_t c[3];

	(void)state;
	make(&fake, c);
	struct hc_mapping *mapping = add_missing(&fake, HC_MAPPING_ANON);
	struct hc_missing missing = run(&fake);

	assert_int_equal(missing.known, HC_LOST_KNOWN);
	assert_int_equal(missing.left_out, 2 * PAGE);
	fake.core.segments = &segment;
	fake.core.num_segments = 1;
	missing = run(&fake);
	assert_int_equal(missing.known, HC_LOST_ROOTS_MISSING);
	assert_int_equal(missing.left_out, PAGE);
	assert_int_equal(missing.roots[HC_ROOT_OTHER].missing, PAGE);
	mapping->shared = true;
	mapping->kind = HC_MAPPING_SHARED;
	missing = run(&fake);
	assert_int_equal(missing.known, HC_LOST_KNOWN);
	assert_int_equal(missing.left_out, 2 * PAGE);
	fake_deinit(&fake);
}

/** A file of which the core has but the name may hold anything; one of the system's does not. */
static void test_mapped_files(void **state)
{
	struct hc_segment segment = {.start = AREA, .mem_size = 2 * PAGE, .flags = PF_R};
	struct fake fake;
	uint64_t c[3];

	(void)state;
	make(&fake, c);
	struct hc_mapping *mapping = add_missing(&fake, HC_MAPPING_FILE);
	mapping->anonymous = false;
	mapping->flags = PF_R;
	mapping->path = "/var/lib/app/index.map";
	struct hc_missing missing = run(&fake);

	assert_int_equal(missing.known, HC_LOST_KNOWN);
	assert_int_equal(missing.files, 2 * PAGE);
	assert_string_equal(missing.file, mapping->path);
	mapping->path = "/usr/lib/locale/locale-archive";
	assert_int_equal(run(&fake).files, 0);
	mapping->path = "/var/lib/app/index.map";
	fake.core.segments = &segment;
	fake.core.num_segments = 1;
	assert_int_equal(run(&fake).files, 0); /* read-only, as its header says */
	mapping->flags = PF_R | PF_W;
	assert_int_equal(run(&fake).files, 2 * PAGE);
	mapping->present = 2 * PAGE;
	assert_int_equal(run(&fake).files, 0);
	fake_deinit(&fake);
}

/** Writable memory that only a snapshot of the process shows. */
static void test_a_snapshot_knows_more(void **state)
{
	struct hc_vma vma = {
		.start = AREA,
		.end = AREA + PAGE,
		.flags = PF_R | PF_W,
		.name = (char *)"[stack]",
	};
	struct fake fake;
	uint64_t c[3];

	(void)state;
	make(&fake, c);
	fake.process.smaps.vmas = &vma;
	fake.process.smaps.num_vmas = 1;
	struct hc_missing missing = run(&fake);

	assert_int_equal(missing.known, HC_LOST_ROOTS_MISSING);
	assert_int_equal(missing.roots[HC_ROOT_STACK].missing, PAGE);
	vma.name = (char *)"[heap]";
	missing = run(&fake);
	assert_int_equal(missing.known, HC_LOST_HEAP_MISSING);
	assert_int_equal(missing.unwalked, PAGE);
	fake_deinit(&fake);
}

/** One chunk of five pages; the third is missing. It matters when something leads to the chunk. */
static void test_bytes_of_chunks(void **state)
{
	enum { SIZE = 5 * 4096 };
	static uint8_t heap[SIZE];
	const uint64_t big = HEAP + 0x8000000 + 16, start = big - 16;
	struct hc_missing missing;
	struct hc_span *span;
	struct fake fake;
	uint64_t c[3];
	const uint64_t sizes[3] = {64, 64, 64};

	(void)state;
	fake_init(&fake, 8, 1, PAGE);
	fake.thread.num_regs = 1;
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, 3, c);
	assert_null(hc_memory_add(&fake.process.memory, start, (struct hc_bytes){heap, 2 * PAGE},
				  true));
	assert_null(hc_memory_add(&fake.process.memory, start + 3 * PAGE,
				  (struct hc_bytes){heap + 3 * PAGE, 2 * PAGE}, true));
	const struct hc_span given = {
		.zone = fake.arenas,
		.start = start,
		.end = start + SIZE,
		.num_units = (SIZE - 16) / 16 + 1,
	};
	assert_null(hc_heap_add_span(fake.heap, &given, &span));
	hc_span_set_start(span, 0);
	fake_seal(&fake);
	missing = run(&fake);
	assert_int_equal(missing.known, HC_LOST_KNOWN); /* lost itself */
	assert_int_equal(missing.chunks.missing, 0);
	fake_root(&fake, 0, big);
	missing = run(&fake);
	assert_int_equal(missing.known, HC_LOST_HEAP_MISSING);
	assert_int_equal(missing.chunks.missing, PAGE);
	fake.heap->spans[1].blocks[0].free |= 1;
	missing = run(&fake);
	assert_int_equal(missing.known, HC_LOST_KNOWN);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_there),
		cmocka_unit_test(test_kinds_of_roots),
		cmocka_unit_test(test_a_thread_without_registers),
		cmocka_unit_test(test_other_memory),
		cmocka_unit_test(test_mapped_files),
		cmocka_unit_test(test_a_snapshot_knows_more),
		cmocka_unit_test(test_bytes_of_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
