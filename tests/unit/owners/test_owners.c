/* Owners by what they leave in memory: made up pages, and the same with one field wrong. */
#include "tests/unit/fake_heap.h"

#include "analyzers/owners/owners.h"

#define ARENA UINT64_C(0x7f0000000000)
#define POOL 16384u

static void store32(struct fake *fake, uint64_t address, uint32_t value)
{
	uint32_t little = htole32(value);

	memcpy(fake_at(fake, address), &little, sizeof(little));
}

/** A pool of blocks of 64 bytes: 10 were carved, of which the first two are free. */
static void make_pool(struct fake *fake, uint64_t pool)
{
	fake_store(fake, pool, 8);
	fake_store(fake, pool + 8, pool + 48);
	fake_store(fake, pool + 16, pool);
	fake_store(fake, pool + 24, pool);
	store32(fake, pool + 36, 3);
	store32(fake, pool + 40, 48 + 10 * 64);
	store32(fake, pool + 44, POOL - 64);
	fake_store(fake, pool + 48, pool + 48 + 64);
}

static void make_pools(struct fake *fake, unsigned num)
{
	fake_init(fake, 8, 2, 4096);
	fake_area(fake, ARENA, 1 << 20, HC_MAPPING_ANON, PF_R | PF_W);
	for (unsigned i = 0; i < num; i++)
		make_pool(fake, ARENA + i * POOL);
	fake_seal(fake);
}

static uint64_t count_of(const struct hc_owner *owner, const char *name)
{
	for (size_t i = 0; i < owner->num_counts; i++)
		if (!strcmp(owner->counts[i].name, name))
			return owner->counts[i].value;
	fail_msg("no count %s", name);
	return 0;
}

static void python_pools(void **state)
{
	struct hc_owners owners;
	struct fake fake;

	(void)state;
	make_pools(&fake, 10);
	assert_null(hc_owners_run(&fake.process, fake.heap, &owners));
	assert_int_equal(owners.num, 1);
	assert_string_equal(owners.items[0].name, "python");
	assert_int_equal(count_of(&owners.items[0], "pools"), 10);
	assert_int_equal(count_of(&owners.items[0], "blocks in use"), 80);
	assert_int_equal(count_of(&owners.items[0], "bytes in use"), 80 * 64);
	assert_int_equal(owners.items[0].bytes, 10 * POOL);
	assert_int_equal(owners.items[0].anonymous, 10 * POOL);
	assert_ptr_equal(hc_owners_at(&owners, ARENA + 5), &owners.items[0]);
	assert_null(hc_owners_at(&owners, ARENA + 10 * POOL));
	uint64_t bytes;
	assert_ptr_equal(hc_owners_main(&owners, ARENA + POOL, ARENA + 3 * POOL, &bytes),
			 &owners.items[0]);
	assert_int_equal(bytes, 2 * POOL);
	assert_int_equal(hc_owners_claimed(&owners, 0, UINT64_MAX), 10 * POOL);
	hc_owners_deinit(&owners);
	fake_deinit(&fake);
}

static void python_pool_that_does_not_add_up(void **state)
{
	struct hc_owners owners;
	struct fake fake;

	(void)state;
	make_pools(&fake, 10);
	/* A free list that runs in a circle, one that leaves the pool, a count that is off. */
	fake_store(&fake, ARENA + 48 + 64, ARENA + 48);
	fake_store(&fake, ARENA + POOL + 48, ARENA + 48);
	fake_store(&fake, ARENA + 2 * POOL, 9);
	assert_null(hc_owners_run(&fake.process, fake.heap, &owners));
	/* Seven are too few for an interpreter. */
	assert_int_equal(owners.num, 0);
	hc_owners_deinit(&owners);
	fake_deinit(&fake);
}

#define CHUNK (UINT64_C(2) << 20)
#define ZEND UINT64_C(0x7f4000000000)

static void make_ring(struct fake *fake)
{
	fake_init(fake, 8, 1, 4096);
	fake_area(fake, ZEND, 3 * CHUNK, HC_MAPPING_ANON, PF_R | PF_W);
	for (unsigned i = 0; i < 3; i++) {
		fake_store(fake, ZEND + i * CHUNK, ZEND + 64);
		fake_store(fake, ZEND + i * CHUNK + 8, ZEND + (i + 1) % 3 * CHUNK);
		fake_store(fake, ZEND + i * CHUNK + 16, ZEND + (i + 2) % 3 * CHUNK);
	}
	fake_store(fake, ZEND + 64 + 16, 12345);
	fake_store(fake, ZEND + 64 + 328, ZEND);
	fake_seal(fake);
}

static void zend_ring(void **state)
{
	struct hc_owners owners;
	struct fake fake;

	(void)state;
	make_ring(&fake);
	assert_null(hc_owners_run(&fake.process, NULL, &owners));
	assert_int_equal(owners.num, 1);
	assert_string_equal(owners.items[0].name, "php");
	assert_int_equal(count_of(&owners.items[0], "chunks"), 3);
	assert_int_equal(count_of(&owners.items[0], "bytes in use"), 12345);
	assert_int_equal(owners.items[0].bytes, 3 * CHUNK);
	hc_owners_deinit(&owners);

	/* A ring that does not lead back is none. */
	fake_store(&fake, ZEND + CHUNK + 16, ZEND + CHUNK);
	assert_null(hc_owners_run(&fake.process, NULL, &owners));
	assert_int_equal(owners.num, 0);
	hc_owners_deinit(&owners);
	fake_deinit(&fake);
}

static void chunks_of_malloc_have_no_owner(void **state)
{
	struct hc_owners owners;
	struct fake fake;

	(void)state;
	make_pools(&fake, 10);
	fake.mappings[1].kind = HC_MAPPING_MAIN_HEAP;
	assert_null(hc_owners_run(&fake.process, fake.heap, &owners));
	assert_int_equal(owners.num, 0);
	hc_owners_deinit(&owners);
	fake_deinit(&fake);
}

#define NODE UINT64_C(0x7f8000000000)

static void apr_nodes(void **state)
{
	struct hc_owners owners;
	struct fake fake;

	(void)state;
	fake_init(&fake, 8, 1, 4096);
	fake_area(&fake, NODE, 4 * 8192, HC_MAPPING_ANON, PF_R | PF_W);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t node = NODE + i * 8192;
		fake_store(&fake, node, node);
		fake_store(&fake, node + 8, node);
		store32(&fake, node + 16, 1);
		fake_store(&fake, node + 24, node + 1000);
		fake_store(&fake, node + 32, node + 8192);
	}
	fake_seal(&fake);
	assert_null(hc_owners_run(&fake.process, fake.heap, &owners));
	assert_int_equal(owners.num, 1);
	assert_int_equal(count_of(&owners.items[0], "nodes"), 4);
	assert_int_equal(count_of(&owners.items[0], "bytes in use"), 4000);
	hc_owners_deinit(&owners);
	/* One whose end is not where its number of pages says, one that nothing leads back to. */
	store32(&fake, NODE + 16, 2);
	fake_store(&fake, NODE + 8192 + 8, NODE + 2 * 8192);
	assert_null(hc_owners_run(&fake.process, fake.heap, &owners));
	assert_int_equal(count_of(&owners.items[0], "nodes"), 2);
	hc_owners_deinit(&owners);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(python_pools), cmocka_unit_test(python_pool_that_does_not_add_up),
		cmocka_unit_test(zend_ring),    cmocka_unit_test(chunks_of_malloc_have_no_owner),
		cmocka_unit_test(apr_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
