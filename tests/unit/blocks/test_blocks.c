/* Equal blocks at a stride, and what points to them. */
#include "tests/unit/fake_heap.h"

#include "analyzers/blocks/blocks.h"
#include "analyzers/blocks/held.h"
#include "analyzers/blocks/pages.h"

#define REGION UINT64_C(0x7f0000000000)
#define ROOTS UINT64_C(0x7e0000000000)
#define HEADER UINT64_C(0x4655424d41524621)

/** @param from offset of the first block in a region of @p size bytes */
static void make(struct fake *fake, uint64_t size, uint64_t from, uint64_t stride, unsigned num)
{
	fake_init(fake, 8, 2, 4096);
	fake_area(fake, ROOTS, 4096, HC_MAPPING_DATA, PF_R | PF_W);
	fake_area(fake, REGION, size, HC_MAPPING_ANON, PF_R | PF_W);
	for (unsigned i = 0; i < num; i++) {
		uint64_t block = REGION + from + i * stride;
		fake_store(fake, block, HEADER);
		/* A field of eight values, filler, and a number of its own. */
		fake_store(fake, block + 8, UINT64_C(0x1111111111) * (i % 8 + 1));
		fake_store(fake, block + 16, 1000000 + i);
		for (uint64_t at = 32; at + 8 <= stride; at += 8)
			fake_store(fake, block + at, UINT64_C(0x0707070707070707) * (i % 30 + 1));
	}
	fake_seal(fake);
}

static void check_stride(uint64_t size, uint64_t from, uint64_t stride, unsigned num)
{
	struct hc_blocks blocks;
	struct fake fake;

	make(&fake, size, from, stride, num);
	assert_null(hc_blocks_find(&fake.process, NULL, &blocks));
	assert_int_equal(blocks.num, 1);
	assert_int_equal(blocks.sets[0].size, stride);
	assert_int_equal(blocks.sets[0].num, num);
	assert_int_equal(blocks.sets[0].addresses[1] - blocks.sets[0].addresses[0], stride);
	assert_int_equal(blocks.sets[0].bytes, num * stride);
	hc_blocks_deinit(&blocks);
	fake_deinit(&fake);
}

static void strides(void **state)
{
	(void)state;
	check_stride(100 * 65536, 0, 65536, 100);
	check_stride(200 * 4096, 0, 4096, 200);
	check_stride(400 * 4096, 8 * 4096, 12288, 120);
	check_stride(1 << 20, 0, 304, 3000);
}

static void too_few(void **state)
{
	struct hc_blocks blocks;
	struct fake fake;

	(void)state;
	make(&fake, 5 * 65536, 0, 65536, 5);
	assert_null(hc_blocks_find(&fake.process, NULL, &blocks));
	assert_int_equal(blocks.num, 0);
	hc_blocks_deinit(&blocks);
	fake_deinit(&fake);
}

static void as_a_heap(void **state)
{
	struct hc_blocks blocks;
	struct hc_heap *heap;
	struct hc_chunk chunk;
	struct fake fake;

	(void)state;
	make(&fake, 100 * 65536, 0, 65536, 100);
	assert_null(hc_blocks_find(&fake.process, NULL, &blocks));
	assert_null(hc_blocks_heap(&fake.process, &blocks.sets[0], &heap));
	struct hc_chunk_iter iter;
	unsigned num = 0;
	hc_chunk_iter_heap(&iter, heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		assert_int_equal(chunk.address, REGION + num * 65536);
		assert_int_equal(chunk.size, 65536);
		assert_int_equal(chunk.state, HC_IN_USE);
		assert_int_equal(hc_chunk_bytes(heap, &chunk).size, 65536);
		num++;
	}
	assert_int_equal(num, 100);
	hc_heap_close(heap);
	hc_blocks_deinit(&blocks);
	fake_deinit(&fake);
}

/** Only pages that hold anything, only of the mappings that were chosen. */
static void of_pages(void **state)
{
	struct hc_pages pages;
	struct fake fake;

	(void)state;
	make(&fake, 64 * 4096, 4096, 3 * 4096, 10);
	assert_null(hc_pages_find(&fake.process, 0, &pages));
	assert_int_equal(pages.touched, 30);
	assert_int_equal(pages.set.num, 30);
	assert_int_equal(pages.mappings, 1);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(pages.set.addresses[i], REGION + 4096 + i * 4096);
	hc_pages_deinit(&pages);
	assert_null(hc_pages_find(&fake.process, 1 << HC_MAPPING_STACK, &pages));
	assert_int_equal(pages.touched, 0);
	hc_pages_deinit(&pages);
	fake_deinit(&fake);
}

static void pointers(void **state)
{
	struct hc_blocks blocks;
	struct hc_held held;
	struct fake fake;

	(void)state;
	make(&fake, 100 * 65536, 0, 65536, 100);
	/* A block's pointer to itself holds nothing, one to another links it. */
	fake_store(&fake, REGION + 3 * 65536 + 24, REGION + 3 * 65536);
	fake_store(&fake, REGION + 3 * 65536 + 16, REGION + 4 * 65536 + 8);
	assert_null(hc_blocks_find(&fake.process, NULL, &blocks));
	assert_null(hc_held_run(&fake.process, fake.heap, NULL, &blocks, &held));
	assert_int_equal(blocks.sets[0].pointed, 0);
	assert_int_equal(blocks.sets[0].linked, 1);
	/* The region, and the area that the fake process always has. */
	assert_int_equal(held.num, 2);
	assert_int_equal(held.lost, 2);
	hc_held_deinit(&held);

	/* From data, into the middle of two blocks. */
	fake_store(&fake, ROOTS + 8, REGION + 5 * 65536 + 100);
	fake_store(&fake, ROOTS + 16, REGION + 6 * 65536);
	assert_null(hc_held_run(&fake.process, fake.heap, NULL, &blocks, &held));
	assert_int_equal(blocks.sets[0].pointed, 2);
	assert_int_equal(held.lost, 1);
	const struct hc_held_mapping *row = hc_held_find(&held, REGION + 5);
	assert_true(row->held);
	assert_int_equal(row->from_roots, 2);
	assert_int_equal(row->from_others + row->from_chunks, 0);
	hc_held_deinit(&held);

	/* And on from what is held. */
	fake_store(&fake, REGION + 24, FAKE_ROOTS + 8);
	assert_null(hc_held_run(&fake.process, fake.heap, NULL, &blocks, &held));
	assert_int_equal(held.lost, 0);
	assert_int_equal(hc_held_find(&held, FAKE_ROOTS)->from_others, 1);
	hc_held_deinit(&held);
	hc_blocks_deinit(&blocks);
	fake_deinit(&fake);
}

/** Blocks that a program counts to, from a pointer to the first. */
static void check_parts(uint64_t stride, uint64_t pointer, bool parts)
{
	struct hc_blocks blocks;
	struct hc_held held;
	struct fake fake;

	make(&fake, 101 * stride / 4096 * 4096, 0, stride, 100);
	fake_store(&fake, ROOTS + 8, pointer);
	fake_store(&fake, ROOTS + 16, REGION + 7 * stride + 8);
	assert_null(hc_blocks_find(&fake.process, NULL, &blocks));
	assert_null(hc_held_run(&fake.process, fake.heap, NULL, &blocks, &held));
	assert_int_equal(blocks.sets[0].size, stride);
	assert_int_equal(blocks.sets[0].linked, 0);
	assert_int_equal(blocks.sets[0].parts,
			 parts ? blocks.sets[0].num - blocks.sets[0].pointed : 0);
	hc_held_deinit(&held);
	hc_blocks_deinit(&blocks);
	fake_deinit(&fake);
}

static void parts(void **state)
{
	(void)state;
	check_parts(65536, REGION, true);
	check_parts(65536, REGION + 8, false);
	check_parts(65536, REGION + 65536, false);
	/* These can't be mappings of their own. */
	check_parts(6144, REGION, true);
	check_parts(6144, REGION + 3 * 6144, true);
}

/** What a register has may be the address of a mapping that is lost. */
static void stale_starts(void **state)
{
	uint64_t regs[] = {REGION};
	struct hc_blocks blocks;
	struct hc_held held;
	struct fake fake;

	(void)state;
	make(&fake, 100 * 65536, 0, 65536, 100);
	fake.thread.num_regs = 1;
	memcpy(fake.thread.regs, regs, sizeof(regs));
	assert_null(hc_blocks_find(&fake.process, NULL, &blocks));
	assert_null(hc_held_run(&fake.process, fake.heap, NULL, &blocks, &held));
	assert_int_equal(blocks.sets[0].pointed, 1);
	assert_int_equal(blocks.sets[0].parts, 0);
	hc_held_deinit(&held);
	hc_blocks_deinit(&blocks);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strides),      cmocka_unit_test(too_few),
		cmocka_unit_test(as_a_heap),    cmocka_unit_test(of_pages),
		cmocka_unit_test(pointers),     cmocka_unit_test(parts),
		cmocka_unit_test(stale_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
