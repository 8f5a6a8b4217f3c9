/**
 * @file
 * Leak groups, referrers and marked regions, on a heap that is made up.
 */
#include "tests/unit/fake_classes.h"

#include "analyzers/leaks/leaks.h"
#include "analyzers/inspect/regions.h"
#include "analyzers/inspect/what.h"

#define HEAP UINT64_C(0x20000000)
#define NUM(a) (sizeof(a) / sizeof((a)[0]))

enum { REQUESTS = 50 };

static const char request_text[] = "POST /profile/query HTTP/1.1\r\nHost: example.org\r\n\r\n";

static void put_text(struct fake *fake, uint64_t address, const char *text)
{
	memcpy(fake_at(fake, address), text, strlen(text));
}

/** Each request object has a text and a node below it; below the node hangs a leaf. All four are
 * back to back. */
static void make_requests(struct fake *fake, unsigned jobs, uint64_t c[REQUESTS][4])
{
	uint64_t sizes[REQUESTS * 4];

	for (size_t i = 0; i < REQUESTS; i++) {
		sizes[i * 4] = 528;
		sizes[i * 4 + 1] = 112;
		sizes[i * 4 + 2] = 48;
		sizes[i * 4 + 3] = 32;
	}
	fake_init(fake, 8, jobs, 4096);
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, NUM(sizes), &c[0][0]);
	fake->heap->arenas = calloc(1, sizeof(*fake->heap->arenas));
	assert_non_null(fake->heap->arenas);
	fake->heap->num_arenas = 1;
	fake_seal(fake);
	for (size_t i = 0; i < REQUESTS; i++) {
		fake_store(fake, c[i][0] + 8, c[i][1]);
		fake_store(fake, c[i][0] + 64, c[i][2]);
		fake_store(fake, c[i][2], c[i][3]);
		put_text(fake, c[i][1], request_text);
	}
}

/** Those of the process that a test made last. */
static struct fake_classes classes;

static void run(struct fake *fake, const struct hc_selection *selection, struct hc_leaks *ret)
{
	struct hc_reach_stats stats;

	assert_null(hc_reachability_run(fake->heap, &stats));
	fake_classes_init(&classes, fake);
	assert_null(hc_leaks_run(fake_target(fake), selection, ret));
}

static void test_requests_are_one_group(void **state)
{
	struct fake fake;
	uint64_t c[REQUESTS][4];
	struct hc_leaks leaks;

	(void)state;
	make_requests(&fake, 2, c);
	fake_root(&fake, 0, c[7][0]);     /* one is still in use */
	fake_root(&fake, 1, c[8][1] + 1); /* one has a possible text */
	run(&fake, NULL, &leaks);
	assert_int_equal(leaks.definite.chunks, REQUESTS - 1);
	assert_int_equal(leaks.indirect.chunks, (REQUESTS - 1) * 3 - 1);
	assert_int_equal(leaks.possible.chunks, 1);
	assert_int_equal(leaks.possible.bytes, 112);
	assert_int_equal(leaks.num_groups, 2);

	const struct hc_leak_group *group = &leaks.groups[0];

	assert_int_equal(group->root_size, 528);
	assert_int_equal(group->roots.chunks, REQUESTS - 2);
	assert_int_equal(group->roots.bytes, (REQUESTS - 2) * 528);
	assert_int_equal(group->below.chunks, (REQUESTS - 2) * 3);
	assert_int_equal(group->below.bytes, (REQUESTS - 2) * (112 + 48 + 32));
	assert_int_equal(group->content, fake_class(&classes, "http-request"));
	assert_int_equal(group->content_count.chunks, REQUESTS - 2);
	assert_int_equal(group->roots_with_content, REQUESTS - 2);
	assert_int_equal(group->sample_root, c[0][0]);
	assert_int_equal(group->sample_content, c[0][1]);
	assert_int_equal(group->num_arenas, 1);
	assert_int_equal(group->num_rows, 4);
	assert_int_equal(group->rows[0].size, 528);
	assert_false(group->rows[0].indirect);
	assert_int_equal(group->rows[1].size, 112);
	assert_int_equal(group->rows[1].class_id, fake_class(&classes, "http-request"));
	assert_true(group->rows[1].indirect);
	assert_int_equal(leaks.groups[1].roots.chunks, 1);
	assert_int_equal(leaks.groups[1].sample_root, c[8][0]);
	hc_leaks_deinit(&leaks);
	fake_deinit(&fake);
}

/** A small chunk of a class that has precedence says more of a tree than a large one of another. */
static void test_command_before_its_answer(void **state)
{
	struct fake fake;
	uint64_t c[REQUESTS][4];
	struct hc_leaks leaks;

	(void)state;
	make_requests(&fake, 2, c);
	for (size_t i = 0; i < REQUESTS; i++) {
		memset(fake_at(&fake, c[i][1]), 0, 104);
		put_text(&fake, c[i][1],
			 i % 3 ? "{\"items\": [{\"sku\": 17, \"n\": 2}]}" : "v1.0001");
		put_text(&fake, c[i][3], "GET user:1:cart");
	}
	run(&fake, NULL, &leaks);
	assert_int_equal(leaks.num_groups, 1);
	assert_int_equal(leaks.groups[0].content, fake_class(&classes, "redis-command"));
	assert_int_equal(leaks.groups[0].content_count.chunks, REQUESTS);
	assert_int_equal(leaks.groups[0].roots_with_content, REQUESTS);
	assert_int_equal(leaks.groups[0].sample_content, c[0][3]);
	hc_leaks_deinit(&leaks);
	fake_deinit(&fake);
}

/** What two roots reach belongs to the lower one, whatever is asked for. */
static void test_shared_tree_and_selection(void **state)
{
	struct fake fake;
	uint64_t c[REQUESTS][4];
	struct hc_leaks leaks;
	struct hc_selection selection;

	(void)state;
	make_requests(&fake, 1, c);
	fake_store(&fake, c[3][0] + 128, c[9][2]);
	fake_store(&fake, c[4][3], c[4][0]); /* a cycle through the root object */
	run(&fake, NULL, &leaks);
	assert_int_equal(leaks.definite.chunks, REQUESTS);
	assert_int_equal(leaks.num_groups, 1);
	assert_int_equal(leaks.groups[0].below.chunks, REQUESTS * 3);
	hc_leaks_deinit(&leaks);

	hc_selection_init(&selection);
	selection.has_range = true;
	selection.start = c[9][0];
	selection.end = c[9][0] + 1;
	run(&fake, &selection, &leaks);
	assert_int_equal(leaks.num_groups, 1);
	assert_int_equal(leaks.definite.chunks, 1);
	assert_int_equal(leaks.indirect.chunks, 1); /* its node and leaf are number 3's */
	hc_leaks_deinit(&leaks);
	hc_selection_deinit(&selection);
	fake_deinit(&fake);
}

struct members {
	uint64_t addresses[REQUESTS * 4];
	size_t roots, below, stop_after;
};

static bool remember(void *ctx, const struct hc_chunk *chunk, bool indirect)
{
	struct members *members = ctx;

	/* All roots come first, each kind in address order. */
	assert_true(indirect || !members->below);
	if (indirect ? members->below : members->roots)
		assert_true(chunk->address >
			    members->addresses[members->roots + members->below - 1]);
	members->addresses[members->roots + members->below] = chunk->address;
	members->roots += !indirect;
	members->below += indirect;
	return members->roots + members->below != members->stop_after;
}

static void test_chunks_of_a_group(void **state)
{
	struct fake fake;
	uint64_t c[REQUESTS][4];
	struct hc_leaks leaks;
	struct members members = {.stop_after = SIZE_MAX};

	(void)state;
	make_requests(&fake, 2, c);
	fake_store(&fake, c[5][0] + 8, 0); /* the text of 5 is another group */
	run(&fake, NULL, &leaks);
	assert_int_equal(leaks.num_groups, 3);
	assert_null(hc_leaks_each(&leaks, 1, remember, &members));
	assert_int_equal(members.roots, REQUESTS - 1);
	assert_int_equal(members.below, (REQUESTS - 1) * 3);
	assert_int_equal(members.addresses[0], c[0][0]);
	assert_int_equal(members.addresses[5], c[6][0]);
	members = (struct members){.stop_after = SIZE_MAX};
	assert_null(hc_leaks_each(&leaks, 2, remember, &members));
	assert_int_equal(members.roots, 1);
	assert_int_equal(members.below, 2);
	assert_int_equal(members.addresses[0], c[5][0]);
	assert_int_equal(members.addresses[1], c[5][2]);
	assert_int_equal(members.addresses[2], c[5][3]);
	members = (struct members){.stop_after = 3};
	assert_null(hc_leaks_each(&leaks, 1, remember, &members));
	assert_int_equal(members.roots, 3);

	struct hc_error *err = hc_leaks_each(&leaks, 4, remember, &members);

	assert_non_null(err);
	assert_int_equal(err->code, HC_ERROR_ARGUMENT);
	hc_error_destroy(err);
	hc_leaks_deinit(&leaks);
	fake_deinit(&fake);
}

/** One of many objects happens to look like text: it counts with the others, chunk for chunk. */
static void test_strays(void **state)
{
	enum { OBJECTS = 40, STRAY = 7 };
	struct fake fake;
	uint64_t sizes[OBJECTS], c[OBJECTS];
	struct hc_leaks leaks;
	struct members members = {.stop_after = SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < OBJECTS; i++)
		sizes[i] = 64;
	fake_init(&fake, 8, 2, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, OBJECTS, c);
	fake_seal(&fake);
	for (size_t i = 0; i < OBJECTS; i++)
		fake_store(&fake, c[i], 7);
	put_text(&fake, c[STRAY], "a line of text, and nothing else");
	run(&fake, NULL, &leaks);
	assert_int_equal(leaks.num_groups, 1);
	assert_int_equal(leaks.groups[0].roots.chunks, OBJECTS);
	assert_int_equal(leaks.groups[0].roots.bytes, OBJECTS * 64);
	assert_false(hc_class_of(classes.classifier, leaks.groups[0].content)->textual);
	assert_int_equal(leaks.groups[0].num_rows, 2);
	assert_null(hc_leaks_each(&leaks, 1, remember, &members));
	assert_int_equal(members.roots, OBJECTS);
	hc_leaks_deinit(&leaks);
	fake_deinit(&fake);
}

/** What a walk over all groups has seen of one, by number. */
struct walked {
	size_t roots[4], below[4], texts[4];
	size_t fail_after; /* calls until it gives up */
	uint64_t last_root;
};

static struct hc_error *walk(void *ctx, size_t number, const struct hc_chunk *chunk,
			     hc_class_id class_id, bool indirect)
{
	struct walked *walked = ctx;

	assert_uint_in_range(number, 1, 3);
	if (!walked->fail_after--)
		return &hc_enomem;
	if (!indirect) {
		assert_true(chunk->address > walked->last_root);
		walked->last_root = chunk->address;
	}
	++*(indirect ? &walked->below[number] : &walked->roots[number]);
	walked->texts[number] += hc_class_of(classes.classifier, class_id)->textual;
	return NULL;
}

/** One walk gives what hc_leaks_each() gives group by group. */
static void test_walk(void **state)
{
	struct fake fake;
	uint64_t c[REQUESTS][4];
	struct hc_leaks leaks;
	struct walked walked = {.fail_after = SIZE_MAX};

	(void)state;
	make_requests(&fake, 2, c);
	fake_store(&fake, c[5][0] + 8, 0);
	run(&fake, NULL, &leaks);
	assert_null(hc_leaks_walk(&leaks, 3, walk, &walked));
	for (size_t i = 1; i <= 3; i++) {
		struct members members = {.stop_after = SIZE_MAX};

		assert_null(hc_leaks_each(&leaks, i, remember, &members));
		assert_int_equal(walked.roots[i], members.roots);
		assert_int_equal(walked.below[i], members.below);
	}
	assert_true(walked.texts[1] >= REQUESTS - 1);
	walked = (struct walked){.fail_after = SIZE_MAX};
	assert_null(hc_leaks_walk(&leaks, 1, walk, &walked));
	assert_int_equal(walked.roots[1], REQUESTS - 1);
	assert_int_equal(walked.roots[2] + walked.roots[3], 0);
	walked = (struct walked){.fail_after = SIZE_MAX};
	assert_null(hc_leaks_walk(&leaks, 1000, walk, &walked));
	assert_int_equal(walked.roots[2], 1);
	walked = (struct walked){.fail_after = 2};
	assert_ptr_equal(hc_leaks_walk(&leaks, 3, walk, &walked), &hc_enomem);
	hc_leaks_deinit(&leaks);
	fake_deinit(&fake);
}

static void test_what(void **state)
{
	struct fake fake;
	uint64_t c[REQUESTS][4];
	struct hc_what what;

	(void)state;
	make_requests(&fake, 2, c);
	fake_root(&fake, 4, c[2][1]);
	fake_root(&fake, 2, c[2][1] + 5);
	fake.thread.num_regs = 1;
	fake.thread.regs[0] = c[2][1] + 8;
	fake_store(&fake, c[2][1] + 96, c[2][1]); /* its own pointer is no referrer */
	assert_true(hc_heap_set_free(fake.heap, c[6][3], &glibc_lists[GLIBC_TCACHE]));
	fake_store(&fake, c[6][3], c[2][1]); /* nor is one in a free chunk */
	fake_classes_init(&classes, &fake);
	assert_null(hc_what_run(fake_target(&fake), c[2][1] + 3, 3, &what));
	assert_true(what.in_chunk);
	assert_int_equal(what.chunk.address, c[2][1]);
	assert_int_equal(what.class_id, fake_class(&classes, "http-request"));
	assert_int_equal(what.referrers.total, 4);
	assert_int_equal(what.referrers.num, 3);
	assert_int_equal(what.referrers.items[0].address, FAKE_ROOTS + 32);
	assert_false(what.referrers.items[0].interior);
	assert_int_equal(what.referrers.items[1].address, c[2][0] + 8);
	assert_int_equal(what.referrers.items[1].chunk.address, c[2][0]);
	assert_int_equal(what.referrers.items[2].address, 0);
	assert_int_equal(what.referrers.items[2].root, HC_ROOT_REGISTER);
	assert_ptr_equal(what.referrers.items[2].thread, &fake.thread);
	assert_true(what.referrers.items[2].interior);
	hc_what_deinit(&what);

	assert_null(hc_what_run(fake_target(&fake), c[2][0], 10, &what));
	assert_int_equal(what.referrers.num, 0);
	assert_int_equal(what.num_targets, 2);
	assert_int_equal(what.targets[0].offset, 8);
	assert_int_equal(what.targets[0].chunk.address, c[2][1]);
	assert_int_equal(what.targets[1].offset, 64);
	hc_what_deinit(&what);

	assert_null(hc_what_run(fake_target(&fake), c[2][2], 10, &what));
	assert_int_equal(what.referrers.num, 1);
	assert_true(what.referrers.items[0].in_chunk);
	assert_int_equal(what.referrers.items[0].address, c[2][0] + 64);
	assert_int_equal(what.referrers.items[0].chunk.address, c[2][0]);
	hc_what_deinit(&what);

	/* Outside of chunks; without a heap. */
	struct hc_target *without_heap;
	assert_null(hc_target_of(&fake.process, NULL, NULL, &without_heap));
	assert_null(hc_what_run(without_heap, FAKE_ROOTS + 16, 10, &what));
	assert_false(what.in_chunk);
	assert_ptr_equal(what.mapping, &fake.mappings[0]);
	assert_int_equal(what.class_id, HC_CLASS_NONE);
	assert_true(what.bytes.size >= 8);
	assert_int_equal(hc_load64(what.bytes.data), c[2][1] + 5);
	hc_what_deinit(&what);
	assert_null(hc_what_run(without_heap, 16, 10, &what));
	assert_null(what.mapping);
	assert_int_equal(what.bytes.size, 0);
	hc_what_deinit(&what);
	hc_target_close(without_heap);
	fake_deinit(&fake);
}

static void test_regions(void **state)
{
	enum { CHUNKS = 4096 };
	struct fake fake;
	uint64_t *c = calloc(CHUNKS, sizeof(*c)), *sizes = calloc(CHUNKS, sizeof(*sizes));
	struct hc_regions regions;

	(void)state;
	assert_non_null(c);
	assert_non_null(sizes);
	for (size_t i = 0; i < CHUNKS; i++)
		sizes[i] = i % 10 ? 528 : 64;
	fake_init(&fake, 8, 1, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, CHUNKS, c);
	fake_area(&fake, 0x30000000, 2 << 20, HC_MAPPING_ANON, PF_R | PF_W);
	fake_area(&fake, 0x40000000, 512 << 10, HC_MAPPING_ANON, PF_R | PF_W);
	fake_seal(&fake);
	for (size_t i = 0; i < CHUNKS; i++)
		put_text(&fake, c[i], request_text);
	fake_classes_init(&classes, &fake);
	assert_null(hc_regions_run(fake_target(&fake), NULL, &regions));
	/* 9 × 528 of 9 × 528 + 64 bytes: 98.7 %. */
	assert_int_equal(regions.num_marks, 2);
	assert_int_equal(regions.marks[0].mapping->start, HEAP);
	assert_int_equal(regions.marks[0].chunk_size, 528);
	assert_int_equal(regions.marks[0].class_id, fake_class(&classes, "http-request"));
	assert_string_equal(regions.marks[0].reason,
			    "about 99 % of it is chunks of 528 bytes, about 100 % is HTTP request");
	assert_int_equal(regions.marks[1].mapping->start, 0x30000000);
	assert_int_equal(regions.marks[1].class_id, HC_CLASS_NONE);
	assert_string_equal(regions.marks[1].reason,
			    "2.0 MiB of anonymous memory that no known owner explains");
	hc_regions_deinit(&regions);
	/* Free chunks hold nothing. */
	for (size_t i = 0; i < CHUNKS; i += 3)
		assert_true(hc_heap_set_free(fake.heap, c[i], &glibc_lists[GLIBC_SMALLBIN]));
	for (size_t i = 1; i < CHUNKS; i += 3)
		assert_true(hc_heap_set_free(fake.heap, c[i], &glibc_lists[GLIBC_SMALLBIN]));
	assert_null(hc_regions_run(fake_target(&fake), NULL, &regions));
	assert_int_equal(regions.num_marks, 1);
	hc_regions_deinit(&regions);
	fake_deinit(&fake);
	free(c);
	free(sizes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_are_one_group),
		cmocka_unit_test(test_command_before_its_answer),
		cmocka_unit_test(test_shared_tree_and_selection),
		cmocka_unit_test(test_chunks_of_a_group),
		cmocka_unit_test(test_strays),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_what),
		cmocka_unit_test(test_regions),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed;
}
