/**
 * @file
 * What chunks have in common, on heaps that are made up: samples, repeats, templates, byte
 * profiles.
 */
#include "tests/unit/fake_heap.h"

#include <stdio.h>

#include "analyzers/alike/alike.h"
#include "tests/unit/unit.h"
#include "core/base/pick.h"

#define HEAP UINT64_C(0x20000000)
#define CHUNKS 600
#define USABLE 248

/** A heap of CHUNKS chunks of USABLE bytes, and a sample of all of them. */
struct fixture {
	struct fake fake;
	uint64_t chunks[CHUNKS];
	struct hc_chunk_sample sample;
};

static void fixture_init(struct fixture *fixture, unsigned jobs)
{
	uint64_t sizes[CHUNKS];

	for (size_t i = 0; i < CHUNKS; i++)
		sizes[i] = USABLE + 8;
	fake_init(&fixture->fake, 8, jobs, 64);
	fake_span(&fixture->fake, HEAP, HC_SPAN_TILED, sizes, CHUNKS, fixture->chunks);
	fake_seal(&fixture->fake);
	hc_chunk_sample_init(&fixture->sample, 1 << 16);
	assert_ok(hc_chunk_sample_select(&fixture->sample, fake_target(&fixture->fake), NULL));
	assert_int_equal(fixture->sample.num, CHUNKS);
	assert_int_equal(fixture->sample.stride, 1);
}

static void fixture_deinit(struct fixture *fixture)
{
	hc_chunk_sample_deinit(&fixture->sample);
	fake_deinit(&fixture->fake);
}

__attribute__((format(printf, 3, 4))) static void write_chunk(struct fixture *fixture, size_t i,
							      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf((char *)fake_at(&fixture->fake, fixture->chunks[i]), USABLE, format, args);
	va_end(args);
}

static void assert_text(struct hc_bytes bytes, const char *expected)
{
	assert_int_equal(bytes.size, strlen(expected));
	assert_memory_equal(bytes.data, expected, bytes.size);
}

static const struct hc_repeat *find_repeat(const struct hc_repeats *repeats, const char *text)
{
	for (size_t i = 0; i < repeats->num; i++) {
		const struct hc_bytes bytes = repeats->items[i].token.text;

		if (bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0)
			return &repeats->items[i];
	}
	return NULL;
}

/** What is kept is one of each group, whatever the numbers; neither a period nor the bound bites.
 */
static void test_sample(void **state)
{
	struct hc_chunk_sample sample;

	(void)state;
	for (size_t max = 2; max < 40; max += 2) {
		hc_chunk_sample_init(&sample, max);
		for (uint64_t i = 0; i < 1000; i++) {
			struct hc_chunk chunk = {.address = i, .size = 32};

			assert_ok(hc_chunk_sample_add(&sample, &chunk));
			assert_uint_in_range(sample.num, 0, max);
		}
		assert_int_equal(sample.offered, 1000);
		assert_int_equal(sample.bytes, 32000);
		assert_true(sample.stride > 1);
		for (size_t i = 0; i < sample.num; i++)
			assert_int_equal(sample.addresses[i] / sample.stride, i);
		assert_uint_in_range(sample.num, 1000 / sample.stride, 1000 / sample.stride + 1);
		hc_chunk_sample_deinit(&sample);
	}
	size_t odd = 0;
	for (uint64_t i = 0; i < 1000; i++)
		odd += hc_pick_of_group(i, 2);
	assert_uint_in_range(odd, 400, 600);
}

static void test_subsample(void **state)
{
	struct hc_chunk_sample sample;
	struct hc_chunk_subsample sub;

	(void)state;
	hc_chunk_sample_init(&sample, 1000);
	for (uint64_t i = 0; i < 1000; i++) {
		struct hc_chunk chunk = {.address = i, .size = 100};

		assert_ok(hc_chunk_sample_add(&sample, &chunk));
	}
	for (size_t max = 1; max < 1100; max += 7) {
		hc_chunk_subsample_init(&sub, &sample, max);
		assert_uint_in_range(sub.num, 1, max);
		for (size_t i = 0; i < sub.num; i++)
			assert_int_equal(hc_chunk_subsample_at(&sub, i) / sub.step, i);
	}
	hc_chunk_subsample_init_bytes(&sub, &sample, 5000, 50);
	assert_int_equal(sub.num, 100);
	hc_chunk_subsample_init_bytes(&sub, &sample, UINT64_MAX, 50);
	assert_int_equal(sub.num, 1000);
	hc_chunk_sample_deinit(&sample);
	hc_chunk_sample_init(&sample, 10);
	hc_chunk_subsample_init(&sub, &sample, 10);
	assert_int_equal(sub.num, 0);
	hc_chunk_subsample_init_bytes(&sub, &sample, 5000, 50);
	assert_int_equal(sub.num, 0);
	hc_chunk_sample_deinit(&sample);
}

/** The skewed value first, then what is constant; uniform values don't count as skewed; counts are
 * exact. */
static void test_repeats(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
		struct fixture fixture;
		struct hc_repeats repeats;

		fixture_init(&fixture, jobs);
		for (size_t i = 0; i < CHUNKS; i++)
			write_chunk(&fixture, i, "tenant=%d&shard=%zu&site=main&id=%zu&tenant=%d",
				    i % 100 ? 4099 : 7, i % 3, i, i % 100 ? 4099 : 7);
		assert_ok(hc_repeats_run(fake_target(&fixture.fake), &fixture.sample, &repeats));
		assert_int_equal(repeats.counted, CHUNKS);
		assert_int_equal(repeats.missed, 0);
		assert_int_equal(repeats.num, 5);
		assert_text(repeats.items[0].token.text, "tenant=4099");
		assert_int_equal(repeats.items[0].chunks, CHUNKS - CHUNKS / 100);
		assert_int_equal(repeats.items[0].key_tokens, CHUNKS);
		assert_int_equal(repeats.items[0].values, 2);
		/* 0.99 log2(0.99 * 2) + 0.01 log2(0.01 * 2) */
		assert_true(repeats.items[0].bits > 0.9191 && repeats.items[0].bits < 0.9193);
		assert_text(repeats.items[1].token.text, "site=main");
		assert_int_equal(repeats.items[1].chunks, CHUNKS);
		assert_true(repeats.items[1].bits == 0);
		const struct hc_repeat *shard = find_repeat(&repeats, "shard=2");
		assert_non_null(shard);
		assert_int_equal(shard->chunks, CHUNKS / 3);
		assert_int_equal(shard->values, 3);
		assert_true(shard->bits < 0.001);
		hc_repeats_deinit(&repeats);
		fixture_deinit(&fixture);
	}
}

static void test_alike(void **state)
{
	struct fixture fixture;
	struct hc_repeats repeats;

	(void)state;
	fixture_init(&fixture, 2);
	for (size_t i = 0; i < CHUNKS; i++)
		write_chunk(&fixture, i, i % 2 ? "color=red shape=round rolls" : "color=blue flat");
	assert_ok(hc_repeats_run(fake_target(&fixture.fake), &fixture.sample, &repeats));
	const struct hc_repeat *round = find_repeat(&repeats, "shape=round");
	if (!round)
		round = find_repeat(&repeats, "color=red");
	assert_non_null(round);
	assert_int_equal(round->chunks, CHUNKS / 2);
	assert_int_equal(round->num_alike, 2);
	assert_text(round->alike[1], "rolls");
	assert_int_equal(repeats.num, 2);
	hc_repeats_deinit(&repeats);
	fixture_deinit(&fixture);
}

/** Noise repeats nothing and has no template. */
static void test_noise(void **state)
{
	struct fixture fixture;
	struct hc_common common;
	uint64_t seed = 88172645463325252;

	(void)state;
	fixture_init(&fixture, 2);
	for (size_t i = 0; i < CHUNKS; i++) {
		uint8_t *data = fake_at(&fixture.fake, fixture.chunks[i]);

		for (size_t k = 0; k < USABLE - 8; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			data[k] = seed * UINT64_C(0x2545f4914f6cdd1d) >> 56;
		}
	}
	assert_ok(hc_common_run(fake_target(&fixture.fake), &fixture.sample, &common));
	assert_int_equal(common.all.chunks, CHUNKS);
	assert_int_equal(common.repeats.num, 0);
	assert_int_equal(common.text_template.num_lines, 0);
	assert_int_equal(common.profile.num_fields, 2);
	assert_int_equal(common.profile.fields[0].kind, HC_FIELD_NOISE);
	assert_int_equal(common.profile.fields[0].size, USABLE - 8);
	hc_common_deinit(&common);
	fixture_deinit(&fixture);
}

/**
 * Short lines that differ in one byte, first, last or in the middle, or in their size alone: each
 * is counted as what it is, also those of chunks that have all shapes before their last line.
 */
static void test_template_of_short_lines(void **state)
{
	static const char *const lines[] = {"abcd",
					    "abcde",
					    "abxde",
					    "xbcde",
					    "abcdefghijklmnop",
					    "abcdefgxijklmnop",
					    "abcdefghijklmnox"};
	uint64_t expected[sizeof(lines) / sizeof(lines[0])] = {0};
	const size_t num = sizeof(lines) / sizeof(lines[0]);
	struct hc_template text_template;
	struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 2);
	for (size_t i = 0; i < CHUNKS; i++) {
		const char *a = lines[i % num], *b = lines[i / 2 % num];

		write_chunk(&fixture, i, "%s\n%s\n%s\n%s\n", a, b, a, b);
		expected[i % num]++;
		expected[i / 2 % num] += a != b;
	}
	assert_ok(hc_template_run(fake_target(&fixture.fake), &fixture.sample, &text_template));
	assert_int_equal(text_template.num_lines, num);
	for (size_t i = 0; i < num; i++) {
		size_t k = 0;

		while (k < num && strcmp(text_template.lines[k].text, lines[i]) != 0)
			k++;
		assert_true(k < num);
		assert_int_equal(text_template.lines[k].chunks, expected[i]);
	}
	hc_template_deinit(&text_template);
	fixture_deinit(&fixture);
}

/** Where words alone repeat, a chunk is left that has them all: those that lack one are not. */
static void test_repeats_of_words(void **state)
{
	struct fixture fixture;
	struct hc_repeats repeats;
	uint64_t both = 0;

	(void)state;
	fixture_init(&fixture, 2);
	for (size_t i = 0; i < CHUNKS; i++) {
		write_chunk(&fixture, i, "%s\nalpha\nomega\n", i % 3 ? "other" : "alpha");
		if (i % 2)
			memset(fake_at(&fixture.fake, fixture.chunks[i]) + 12, 0, 5);
		both += i % 2 == 0;
	}
	assert_ok(hc_repeats_run(fake_target(&fixture.fake), &fixture.sample, &repeats));
	assert_non_null(find_repeat(&repeats, "alpha"));
	assert_int_equal(find_repeat(&repeats, "alpha")->chunks, CHUNKS);
	assert_int_equal(find_repeat(&repeats, "omega")->chunks, both);
	assert_int_equal(find_repeat(&repeats, "other")->chunks, CHUNKS - (CHUNKS + 2) / 3);
	hc_repeats_deinit(&repeats);
	fixture_deinit(&fixture);
}

/** Words and lines that are counted together come out as each does by itself, also where one of
 * them has enough of a chunk before the other. */
static void test_common(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 4; jobs += 3) {
		struct fixture fixture;
		struct hc_common common;
		struct hc_repeats repeats;
		struct hc_template text_template;

		fixture_init(&fixture, jobs);
		for (size_t i = 0; i < CHUNKS; i++)
			write_chunk(&fixture, i, "%s\nalpha\n%s\nnumber=%zu\n",
				    i % 3 ? "other" : "alpha", i % 2 ? "omega" : "[gamma]", i % 5);
		struct hc_target *target = fake_target(&fixture.fake);
		assert_ok(hc_common_run(target, &fixture.sample, &common));
		assert_ok(hc_repeats_run(target, &fixture.sample, &repeats));
		assert_ok(hc_template_run(target, &fixture.sample, &text_template));
		assert_int_equal(find_repeat(&common.repeats, "omega")->chunks, CHUNKS / 2);
		assert_int_equal(common.repeats.num, repeats.num);
		for (size_t i = 0; i < repeats.num; i++) {
			const struct hc_repeat *both = &common.repeats.items[i];

			assert_int_equal(both->token.text.size, repeats.items[i].token.text.size);
			assert_memory_equal(both->token.text.data, repeats.items[i].token.text.data,
					    both->token.text.size);
			assert_int_equal(both->chunks, repeats.items[i].chunks);
			assert_int_equal(both->values, repeats.items[i].values);
		}
		assert_true(text_template.num_lines > 0);
		assert_int_equal(common.text_template.num_lines, text_template.num_lines);
		for (size_t i = 0; i < text_template.num_lines; i++) {
			assert_string_equal(common.text_template.lines[i].text,
					    text_template.lines[i].text);
			assert_int_equal(common.text_template.lines[i].chunks,
					 text_template.lines[i].chunks);
		}
		hc_repeats_deinit(&repeats);
		hc_template_deinit(&text_template);
		hc_common_deinit(&common);
		fixture_deinit(&fixture);
	}
}

static void test_template(void **state)
{
	struct fixture fixture;
	struct hc_template text_template;

	(void)state;
	fixture_init(&fixture, 2);
	for (size_t i = 0; i < CHUNKS; i++)
		write_chunk(&fixture, i,
			    "GET /user/%zu/cart HTTP/1.1\r\nETag: %08zxa1%s\r\nName: %c%c\r\n"
			    "Id: 123e4567-e89b-12d3-a456-%012zu\r\nNode: web-%zu\r\n",
			    i * 7, i * 0x10003, i % 2 ? "ff" : "", (int)('a' + i % 26),
			    (int)('a' + i / 26), i, i % 9);
	assert_ok(hc_template_run(fake_target(&fixture.fake), &fixture.sample, &text_template));
	static const char *const lines[] = {"GET /user/N/cart HTTP/1.1", "ETag: H", "Name: *",
					    "Id: U", "Node: web-N"};
	assert_int_equal(text_template.num_lines, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(text_template.lines[i].text, lines[i]);
		assert_int_equal(text_template.lines[i].chunks, CHUNKS);
		assert_int_equal(text_template.lines[i].num_slots, 1);
		assert_false(text_template.lines[i].slots[0].constant);
	}
	assert_int_equal(text_template.lines[0].slots[0].offset, strlen("GET /user/"));
	assert_text(text_template.lines[4].slots[0].name, "Node");
	assert_int_equal(text_template.lines[4].slots[0].distinct, 9);
	assert_true(text_template.lines[4].slots[0].exact);
	hc_template_deinit(&text_template);
	fixture_deinit(&fixture);
}

static void put(struct fixture *fixture, size_t chunk, size_t offset, uint64_t value, size_t size)
{
	uint64_t little = htole64(value);

	memcpy(fake_at(&fixture->fake, fixture->chunks[chunk] + offset), &little, size);
}

/* The upper half of an address is no number of its own; mmapped chunks are one kind of target. */
static void test_profile_of_a_union(void **state)
{
	struct fixture fixture;
	struct hc_byte_profile profile;

	(void)state;
	fixture_init(&fixture, 1);
	for (size_t i = 0; i < CHUNKS; i++) {
		put(&fixture, i, 0, i % 2 ? fixture.chunks[i / 2] : UINT64_C(0x7f00) << 32 | i * i,
		    8);
		put(&fixture, i, 8, fixture.chunks[i / 2], 8);
	}
	/* Two mappings instead of one. */
	struct hc_mapping *whole = hc_mappings_find(&fixture.fake.process.mappings, HEAP);
	assert_non_null(whole);
	struct hc_mapping halves[2] = {*whole, *whole};
	halves[0].end = halves[1].start = fixture.chunks[CHUNKS / 4];
	halves[0].kind = halves[1].kind = HC_MAPPING_MMAP_CHUNK;
	fixture.fake.process.mappings.items = halves;
	fixture.fake.process.mappings.num = 2;
	assert_ok(hc_byte_profile_run(fake_target(&fixture.fake), &fixture.sample, &profile));
	assert_int_equal(profile.fields[0].size, 8);
	assert_int_equal(profile.fields[0].kind, HC_FIELD_MIXED);
	assert_true(profile.fields[0].pointer_share > 0.45 &&
		    profile.fields[0].pointer_share < 0.55);
	assert_int_equal(profile.fields[1].kind, HC_FIELD_POINTER);
	assert_int_equal(profile.fields[1].target->kind, HC_MAPPING_MMAP_CHUNK);
	assert_true(profile.fields[1].target_share > 0.95);
	hc_byte_profile_deinit(&profile);
	fixture_deinit(&fixture);
}

/* A tag above an address, and IEEE 754 numbers, are in one piece. */
static void test_profile_of_tags_and_doubles(void **state)
{
	struct fixture fixture;
	struct hc_byte_profile profile;

	(void)state;
	fixture_init(&fixture, 1);
	for (size_t i = 0; i < CHUNKS; i++) {
		double price = i * 0.75 - 10;
		uint64_t bits;

		memcpy(&bits, &price, sizeof(bits));
		put(&fixture, i, 0, i % 8 ? fixture.chunks[i / 2] | (i * 37 % 4000) << 48 : 0, 8);
		put(&fixture, i, 8, bits, 8);
	}
	assert_ok(hc_byte_profile_run(fake_target(&fixture.fake), &fixture.sample, &profile));
	assert_int_equal(profile.fields[0].size, 8);
	assert_int_equal(profile.fields[0].kind, HC_FIELD_TAGGED);
	assert_int_equal(profile.fields[1].size, 8);
	assert_int_equal(profile.fields[1].kind, HC_FIELD_DOUBLE);
	hc_byte_profile_deinit(&profile);
	fixture_deinit(&fixture);
}

static void test_profile(void **state)
{
	static const struct hc_byte_field expected[] = {
		{.offset = 0, .size = 4, .kind = HC_FIELD_COUNTER},
		{.offset = 4, .size = 2, .kind = HC_FIELD_SMALL_INT},
		{.offset = 6, .size = 2, .kind = HC_FIELD_CONSTANT},
		{.offset = 8, .size = 8, .kind = HC_FIELD_POINTER},
		{.offset = 16, .size = 8, .kind = HC_FIELD_TEXT},
		{.offset = 24, .size = 8, .kind = HC_FIELD_MIXED},
		{.offset = 32, .size = 8, .kind = HC_FIELD_SMALL_INT},
		{.offset = 40, .size = USABLE - 40, .kind = HC_FIELD_ZERO},
	};
	struct fixture fixture;
	struct hc_byte_profile profile;

	(void)state;
	fixture_init(&fixture, 1);
	for (size_t i = 0; i < CHUNKS; i++) {
		put(&fixture, i, 0, i + 1, 4);
		put(&fixture, i, 4, 1 + i % 3, 2);
		put(&fixture, i, 6, 0x5aa5, 2);
		put(&fixture, i, 8, i % 4 ? fixture.chunks[i / 2] : 0, 8);
		memcpy(fake_at(&fixture.fake, fixture.chunks[i] + 16), i % 2 ? "abc" : "defghi",
		       i % 2 ? 3 : 6);
		put(&fixture, i, 24, i % 2 ? UINT64_MAX / 3 : UINT64_C(0x8877665544332211), 8);
		put(&fixture, i, 32, i * 7919 % 10 * 6666 + i % 6, 4);
	}
	assert_ok(hc_byte_profile_run(fake_target(&fixture.fake), &fixture.sample, &profile));
	assert_int_equal(profile.usable, USABLE);
	/* The last eight bytes of the last one lie beyond the span. */
	assert_int_equal(profile.looked, CHUNKS);
	assert_int_equal(profile.chunks, CHUNKS - 1);
	assert_int_equal(profile.num_columns, USABLE);
	assert_int_equal(profile.num_fields, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < profile.num_fields; i++) {
		assert_int_equal(profile.fields[i].offset, expected[i].offset);
		assert_int_equal(profile.fields[i].size, expected[i].size);
		assert_int_equal(profile.fields[i].kind, expected[i].kind);
	}
	assert_int_equal(profile.fields[1].min, 1);
	assert_int_equal(profile.fields[1].max, 3);
	assert_int_equal(profile.fields[2].value, 0x5aa5);
	assert_int_equal(profile.fields[3].target->start, HEAP);
	assert_true(profile.fields[3].null_share > 0.24 && profile.fields[3].null_share < 0.26);
	assert_int_equal(profile.columns[6].value, 0xa5);
	assert_int_equal(profile.columns[4].distinct, 3);
	hc_byte_profile_deinit(&profile);
	fixture_deinit(&fixture);
}

/** Chunks of many sizes have no profile; an empty set has nothing in common. */
static void test_nothing(void **state)
{
	struct fixture fixture;
	struct hc_chunk_sample none;
	struct hc_common common;

	(void)state;
	fixture_init(&fixture, 2);
	hc_chunk_sample_init(&none, 16);
	assert_ok(hc_common_run(fake_target(&fixture.fake), &none, &common));
	assert_int_equal(common.all.chunks, 0);
	assert_int_equal(
		common.repeats.num + common.text_template.num_lines + common.profile.usable, 0);
	hc_common_deinit(&common);
	for (size_t i = 0; i < HC_PROFILE_MIN_CHUNKS - 1; i++) {
		struct hc_chunk chunk;

		assert_true(hc_heap_chunk_at(fixture.fake.heap, fixture.chunks[i], &chunk));
		assert_ok(hc_chunk_sample_add(&none, &chunk));
	}
	assert_ok(hc_common_run(fake_target(&fixture.fake), &none, &common));
	assert_int_equal(common.profile.usable, 0);
	hc_common_deinit(&common);
	hc_chunk_sample_deinit(&none);
	fixture_deinit(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_subsample),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_common),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_template_of_short_lines),
		cmocka_unit_test(test_repeats_of_words),
		cmocka_unit_test(test_profile),
		cmocka_unit_test(test_profile_of_tags_and_doubles),
		cmocka_unit_test(test_profile_of_a_union),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
