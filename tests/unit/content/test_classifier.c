/**
 * @file
 * Content classes: what each accepts, what looks like it and is not, and samples.
 */
#include "analyzers/counts/class_count.h"
#include "tests/unit/fake_heap.h"

#include <stdio.h>

#include "analyzers/content/classifier.h"
#include "analyzers/content/structure.h"

#define HEAP UINT64_C(0x20000000)
#define NUM(a) (sizeof(a) / sizeof((a)[0]))

struct tools {
	struct fake fake;
	struct hc_signatures *signatures;
	struct hc_classifier *classifier;
	struct hc_classifier_scratch *scratch;
};

static int set_up(void **state)
{
	static const uint64_t sizes[] = {4096};
	struct tools *tools = calloc(1, sizeof(*tools));
	uint64_t chunk;

	fake_init(&tools->fake, 8, 1, 4096);
	fake_span(&tools->fake, HEAP, HC_SPAN_TILED, sizes, 1, &chunk);
	fake_seal(&tools->fake);
	assert_null(hc_signatures_create(NULL, 0, &tools->signatures));
	assert_null(hc_classifier_create(&tools->fake.process, tools->fake.heap, tools->signatures,
					 HC_LITERALS_AUTO, &tools->classifier));
	assert_null(hc_classifier_scratch_create(tools->classifier, &tools->scratch));
	*state = tools;
	return 0;
}

static int tear_down(void **state)
{
	struct tools *tools = *state;

	hc_classifier_scratch_destroy(tools->scratch);
	hc_classifier_destroy(tools->classifier);
	hc_signatures_destroy(tools->signatures);
	fake_deinit(&tools->fake);
	free(tools);
	return 0;
}

/** Name of the class of bytes that end where their memory ends, so that a sanitizer sees a step too
 * far. */
static const char *class_of(struct tools *tools, const void *data, size_t size, const char *sample)
{
	uint8_t *copy = malloc(size);
	struct hc_bytes bytes = {copy, size};

	memcpy(copy, data, size);
	hc_class_id class_id = hc_classify(tools->classifier, tools->scratch, bytes);
	struct hc_bytes part = hc_class_sample(tools->classifier, tools->scratch, class_id, bytes);

	assert_true(part.data >= copy && part.data + part.size <= copy + size);
	if (!hc_class_of(tools->classifier, class_id)->textual)
		assert_int_equal(part.size, size);
	if (sample) {
		assert_int_equal(part.size, strlen(sample));
		assert_memory_equal(part.data, sample, part.size);
	}
	free(copy);
	return hc_class_of(tools->classifier, class_id)->name;
}

/** Class of a C string as malloc and strcpy would leave it: slack up to the chunk's size, with
 * stale bytes. */
static const char *class_of_string(struct tools *tools, const char *text)
{
	uint8_t chunk[8192];
	size_t size = strlen(text) + 1, usable = (size + 8 + 15) / 16 * 16 - 8;

	if (usable < 24)
		usable = 24;
	for (size_t i = 0; i < usable; i++)
		chunk[i] = 0x80 + i * 37 % 128;
	memcpy(chunk, text, size);
	return class_of(tools, chunk, usable, NULL);
}

struct example {
	const char *class_id;
	const char *text;
};

static const struct example examples[] = {
	{"http-request", "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"},
	{"http-request",
	 "POST /profile/query?appid=48213 HTTP/1.1\r\nHost: x\r\n\r\nchannelid=4099"},
	{"http-request", "PROPFIND /a%20b HTTP/1.0"},
	{"http-response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"http-response", "HTTP/1.0 404"},
	{"redis-command", "*2\r\n$3\r\nGET\r\n$9\r\nuser:1234\r\n"},
	{"redis-command", "*3\r\n$4\r\nhset\r\n$1\r\na\r\n$1\r\nb\r\n"},
	{"redis-command", "GET user:1234:cart"},
	{"redis-command", "HGETALL session42"},
	{"redis-command", "SET counter 12\r\n"},
	{"form-data", "appid=48213&channelid=4099&uid="},
	{"form-data", "name=J%C3%BCrgen+M&x=1"},
	{"json", "{\"id\": 17, \"tags\": [\"a\", \"b\"], \"ok\": true}"},
	{"json", "[\"one\", \"two\"]"},
	{"json", "[1, 2.5e3, -7]"},
	{"json", "{\"open\": {\"deep\": [1, 2, {\"cut\": \"in the mid"},
	{"json", "{\"a\":{},\"b\":[],\"c\":[[],{}]}\n{\"a\":1}\n"},
	{"markup", "<?xml version=\"1.0\"?><a/>"},
	{"markup", "<!DOCTYPE html>\n<html>"},
	{"markup", "<p class=\"x\">hello</p>"},
	{"markup", "<br/>"},
	{"sql", "SELECT name, count(*) FROM users WHERE id = 4"},
	{"sql", "select * from users"},
	{"sql", "INSERT INTO t (a, b) VALUES (?, ?)"},
	{"sql", "UPDATE users SET name = 'x' WHERE id = 1"},
	{"sql", "CREATE UNIQUE INDEX i ON t (a)"},
	{"sql", "\n  DELETE FROM sessions WHERE expires < now()"},
	{"key", "user:1234:cart"},
	{"key", "sess:{abc}:9f-2e"},
	{"key", "cache:page/index.html"},
	{"key", "queue:mail"},
	{"text", "hello"},
	{"path", "/usr/lib/x86_64-linux-gnu/libc.so.6"},
	{"text", "The quick brown fox jumps over the lazy dog."},
	{"utf8", "Gr\xc3\xbc\xc3\x9f Gott, Welt"},
	{"utf8", "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"},

	/* What is only text. */
	{"timestamp", "12:34:56"},
	{"timestamp", "2024-01-01T12:34:56"},
	{"text", "std::vector<int>"},
	{"text", "key: value in prose"},
	{"url", "http://example.org/a?b=c&d=e"},
	{"text", "/usr/bin:/bin:/sbin"},
	{"text", "local/bin:/usr/bin"},
	{"text", "00:1a:2b:3c:4d:5e"},
	{"text", "fe80:0:0:1:2:3:4:5"},
	{"text", "server.c:1234"},
	{"text", "a trailing colon:"},
	{"text", "label:"},
	{"text", "Select one from the list (or two)."},
	{"text", "Update the set of rules = all"},
	{"text", "GET /index.html is not HTTP/1.1 here"},
	{"log-line", "127.0.0.1 - - \"GET / HTTP/1.1\" 200"},
	{"text", "HTTP/1.1 is a protocol"},
	{"text", "SET NULL"},
	{"text", "GET http://example.org:80/"},
	{"text", "EXPIRE means that time is up"},
	{"text", "x = a & b"},
	{"text", "option=12"},
	{"log-line", "[ERROR] something failed"},
	{"text", "{'a': 1}"},
	{"text", "{ return 0; }"},
	{"text", "[section]"},
	{"text", "<module>"},
	{"text", "{name}:{message}"},
	{"text", "<built-in function len>"},
	{"text", "std::map<K, V>"},
};

static void test_texts(void **state)
{
	for (size_t i = 0; i < NUM(examples); i++) {
		const char *class_id = class_of_string(*state, examples[i].text);

		if (strcmp(class_id, examples[i].class_id))
			fail_msg("'%s' is %s, not %s", examples[i].text, class_id,
				 examples[i].class_id);
	}
}

/** Text behind a struct or a length, with the sample that reports show. */
static void test_headers(void **state)
{
	uint8_t chunk[128];
	const char *request = "GET /x HTTP/1.1\r\n\r\n", *key = "user:77:cart";

	/* libstdc++'s string representation: length, capacity, count of references. */
	memset(chunk, 0, sizeof(chunk));
	chunk[0] = chunk[8] = strlen(key);
	strcpy((char *)chunk + 24, key);
	assert_string_equal(class_of(*state, chunk, 40, key), "key");

	/* sds strings of Redis: one byte with the length, or three. */
	chunk[0] = strlen(key) << 3;
	strcpy((char *)chunk + 1, key);
	assert_string_equal(class_of(*state, chunk, 24, NULL), "key");
	chunk[0] = chunk[1] = strlen(key);
	chunk[2] = 1;
	strcpy((char *)chunk + 3, key);
	assert_string_equal(class_of(*state, chunk, 24, key), "key");

	/* A struct with a pointer, a length and the buffer. */
	memset(chunk, 0xee, sizeof(chunk));
	memcpy(chunk, &(uint64_t){HEAP + 16}, 8);
	memcpy(chunk + 8, &(uint64_t){100}, 8);
	strcpy((char *)chunk + 40, request);
	assert_string_equal(class_of(*state, chunk, 128, request), "http-request");

	/* A key in a field of a struct; other text in one says nothing about the struct. */
	memset(chunk, 0, sizeof(chunk));
	strcpy((char *)chunk, "GET");
	memcpy(chunk + 32, &(double){2.5}, 8);
	strcpy((char *)chunk + 48, "user:1234");
	assert_string_equal(class_of(*state, chunk, 120, "user:1234"), "key");
	strcpy((char *)chunk + 48, "user 1234");
	assert_string_equal(class_of(*state, chunk, 120, NULL), "other");

	/* A key that an earlier string of the chunk's memory left behind. */
	strcpy((char *)chunk, "a sentence");
	strcpy((char *)chunk + 16, "user:1234");
	assert_string_equal(class_of(*state, chunk, 40, "a sentence"), "text");

	/* The same, cut off by the end of the chunk: nobody keeps a string without its NUL there.
	 */
	memset(chunk, 0, sizeof(chunk));
	for (size_t i = 0; i < 3; i++)
		memcpy(chunk + 8 + 8 * i, &(uint64_t){HEAP + 64 * i}, 8);
	memcpy(chunk + 32, "dy:x:655", 8);
	assert_string_equal(class_of(*state, chunk, 40, NULL), "other");

	/* A pointer with printable bytes behind a number that happens to be its length is none. */
	memset(chunk, 0, sizeof(chunk));
	chunk[0] = 4;
	memcpy(chunk + 8, &(uint64_t){UINT64_C(0x20202020)}, 8);
	assert_string_equal(class_of(*state, chunk, 24, NULL), "text");
	memcpy(chunk + 8, &(uint64_t){FAKE_ROOTS + 0x424}, 8);
	assert_string_equal(class_of(*state, chunk, 24, NULL), "other");

	/* The same struct with a short name in it is no text. */
	memset(chunk, 0xee, sizeof(chunk));
	strcpy((char *)chunk + 40, "name");
	assert_string_equal(class_of(*state, chunk, 128, NULL), "other");
}

static void test_pointers_and_ints(void **state)
{
	uint64_t words[16] = {HEAP, 0, HEAP + 64, 0, 0, FAKE_ROOTS + 8, 0, 0};
	uint64_t ints[16] = {1, 2, (uint64_t)-3, 65535};

	assert_string_equal(class_of(*state, words, 24, NULL), "pointers");
	assert_string_equal(class_of(*state, words, 128, NULL), "pointers");
	words[1] = 12345678901;
	assert_string_equal(class_of(*state, words, 24, NULL), "other");
	words[1] = 0;
	words[0] = words[2] = words[5] = HEAP - 8; /* mapped nowhere */
	assert_string_equal(class_of(*state, words, 128, NULL), "other");

	/* A pointer whose bytes are printable is a pointer. */
	assert_string_equal(class_of(*state, &(uint64_t[3]){FAKE_ROOTS}, 24, NULL), "pointers");

	assert_string_equal(class_of(*state, ints, 32, NULL), "small-ints");
	assert_string_equal(class_of(*state, &(int32_t[6]){-5, 4, 3, 2, 1, 0}, 24, NULL),
			    "small-ints");
	ints[3] = 65536;
	ints[2] = 7;
	assert_string_equal(class_of(*state, ints, 32, NULL), "other");
	assert_string_equal(class_of(*state, &(double[4]){1.5, 2.25, 3.1, 4.7}, 32, NULL),
			    "floats");
}

static void test_zero(void **state)
{
	uint8_t bytes[HC_CLASSIFY_WINDOW * 2] = {0};

	for (size_t size = 1; size <= 64; size++)
		assert_string_equal(class_of(*state, bytes, size, NULL), "zero");
	assert_string_equal(class_of(*state, bytes, sizeof(bytes), NULL), "zero");
	bytes[sizeof(bytes) - 1] = 1; /* beyond the window, but not zero */
	assert_string_not_equal(class_of(*state, bytes, sizeof(bytes), NULL), "zero");
	assert_int_equal(hc_classify(((struct tools *)*state)->classifier,
				     ((struct tools *)*state)->scratch, (struct hc_bytes){NULL, 0}),
			 HC_CLASS_OTHER);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/** The rates that structure.h states: noise is found at every size, structs and short chunks never
 * are. */
static void test_random(void **state)
{
	static const size_t sizes[] = {64, 72, 120, 248, 256, 264, 1000, 4096, 10000};
	uint64_t seed = 88172645463325252, words[1250];
	unsigned missed = 0;

	for (unsigned round = 0; round < 900; round++) {
		size_t size = sizes[round % NUM(sizes)];

		for (size_t i = 0; i < NUM(words); i++)
			words[i] = next_random(&seed);
		missed += !!strcmp(class_of(*state, words, size, NULL), "random");
		assert_string_not_equal(class_of(*state, words, 56, NULL), "random");

		/* Structs: pointers, 32-bit hashes, counts. */
		for (size_t i = 0; i < NUM(words); i += 4) {
			words[i] &= 0x7fffffffffff;
			words[i + 1 < NUM(words) ? i + 1 : i] &= 0xffffffff;
			words[i + 2 < NUM(words) ? i + 2 : i] &= 0xffff;
		}
		assert_string_not_equal(class_of(*state, words, size, NULL), "random");
	}
	assert_true(missed <= 1);
}

/** Noise has no content: what is not taken for noise or "other" is as rare as stated, and none of
 * it names traffic. */
static void test_noise_has_no_content(void **state)
{
	enum { CHUNKS = 100000, MOST = CHUNKS / 2000 };
	uint64_t seed = 20261120, words[32];
	unsigned named = 0;

	for (unsigned round = 0; round < CHUNKS; round++) {
		size_t size = 24 + round % 15 * 16;

		for (size_t i = 0; i < NUM(words); i++)
			words[i] = next_random(&seed);
		const char *class_id = class_of(*state, words, size, NULL);

		if (!strcmp(class_id, "random") || !strcmp(class_id, "other"))
			continue;
		named++;
		if (strcmp(class_id, "text") && strcmp(class_id, "utf8"))
			fail_msg("noise of %zu bytes is %s", size, class_id);
	}
	assert_uint_in_range(named, 0, MOST);
}

/** Bytes of all kinds never lead beyond the chunk (class_of() checks), whatever their size. */
static void test_hostile(void **state)
{
	static const char alphabet[] = "{[\"\\:,]}<>/=&* \r\n$1aGETSLCFROM\xc3\xbc\x00\x01\xff";
	uint64_t seed = 4711;
	char bytes[300];

	for (unsigned round = 0; round < 20000; round++) {
		size_t size = 1 + next_random(&seed) % sizeof(bytes);

		for (size_t i = 0; i < size; i++)
			bytes[i] = alphabet[next_random(&seed) % (sizeof(alphabet) - 1)];
		assert_non_null(class_of(*state, bytes, size, NULL));
	}
	/* Deep nesting. */
	char *deep = malloc(5000);
	memset(deep, '[', 5000);
	assert_string_equal(class_of(*state, deep, 5000, NULL), "json");
	free(deep);
}

static void test_names(void **state)
{
	const struct hc_signatures *signatures = ((struct tools *)*state)->signatures;
	size_t num = hc_signatures_num_classes(signatures);

	assert_uint_in_range(num, 2, HC_MAX_CLASSES);
	for (hc_class_id i = 0; i < num; i++) {
		const struct hc_class *class = hc_signatures_class(signatures, i);

		assert_non_null(class->description);
		assert_int_equal(hc_signatures_find(signatures, class->name), i);
	}
	assert_int_equal(hc_signatures_find(signatures, "other"), HC_CLASS_OTHER);
	assert_int_equal(hc_signatures_find(signatures, "no such class"), HC_CLASS_NONE);
	assert_int_equal(hc_signatures_find(signatures, ""), HC_CLASS_NONE);
}

/** The table over a heap is the same for any number of jobs, and adds up. */
static void test_run(void **state)
{
	const struct hc_signatures *signatures = ((struct tools *)*state)->signatures;
	hc_class_id key = hc_signatures_find(signatures, "key");
	hc_class_id zero = hc_signatures_find(signatures, "zero");
	enum { CHUNKS = 3000 };
	static uint64_t sizes[CHUNKS], c[CHUNKS];
	struct hc_class_table first = {0};

	for (unsigned i = 0; i < CHUNKS; i++)
		sizes[i] = i % 7 == 0 ? 8192 : 48;
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		struct fake fake;
		struct hc_class_table table;

		fake_init(&fake, 8, jobs, 4096);
		fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, CHUNKS, c);
		fake_seal(&fake);
		for (unsigned i = 0; i < CHUNKS; i += 3)
			snprintf((char *)fake_at(&fake, c[i]), 40, "user:%u:cart", i);
		assert_true(hc_heap_set_free(fake.heap, c[0], &glibc_lists[GLIBC_TCACHE]));
		assert_null(hc_classify_run(fake_target(&fake), NULL, &table));
		assert_int_equal(table.classes[key].all.chunks, 999);
		assert_int_equal(table.classes[key].sample, c[3]);
		assert_int_equal(table.classes[zero].all.chunks, 2000);
		assert_int_equal(table.total.chunks, CHUNKS - 1);
		assert_false(table.has_leaked);
		if (jobs == 1)
			first = table;
		assert_memory_equal(&table, &first, sizeof(table));
		fake_deinit(&fake);
	}
}

/** A pointer to 0x40_a3_20 in front of a text; on big-endian its last byte is a blank. */
static void test_text_behind_pointer(void **state)
{
	struct hc_range range = {UINT64_C(0x400000), UINT64_C(0x500000)};
	const struct hc_ranges ranges = {&range, 1};
	static const char big[] = "\0\0\0\0\0\x40\xa3 {\"id\":1}";
	static const char little[] = "\x20\xa3\x40\0\0\0\0\0{\"id\":1}";
	static const char narrow[] = "\x18\xa3\x03@{\"id\":1}";
	struct hc_text_run runs[HC_MAX_TEXT_RUNS];
	(void)state;

	struct hc_bytes window = {(const uint8_t *)big, sizeof(big)};
	assert_int_equal(hc_text_runs(window, runs), 1);
	assert_int_equal(runs[0].start, 7);
	assert_true(hc_run_leave_pointer(window, &runs[0], &ranges, 8, true));
	assert_int_equal(runs[0].start, 8);
	assert_int_equal(runs[0].size, 8);
	assert_true(hc_run_is_field(window, &runs[0], &ranges, 8, true));

	/* A number that is no address stays what it looks like, and so does too short a rest. */
	range.end = range.start;
	assert_int_equal(hc_text_runs(window, runs), 1);
	assert_true(hc_run_leave_pointer(window, &runs[0], &ranges, 8, true));
	assert_int_equal(runs[0].start, 7);
	range.end = UINT64_C(0x500000);
	runs[0].size = HC_TEXT_MIN_SIZE;
	assert_false(hc_run_leave_pointer(window, &runs[0], &ranges, 8, true));

	window = (struct hc_bytes){(const uint8_t *)little, sizeof(little)};
	assert_int_equal(hc_text_runs(window, runs), 1);
	assert_int_equal(runs[0].start, 8);
	assert_true(hc_run_leave_pointer(window, &runs[0], &ranges, 8, false));
	assert_int_equal(runs[0].start, 8);
	assert_true(hc_run_is_field(window, &runs[0], &ranges, 8, false));

	range = (struct hc_range){0x40000000, 0x50000000};
	window = (struct hc_bytes){(const uint8_t *)narrow, sizeof(narrow)};
	assert_int_equal(hc_text_runs(window, runs), 1);
	assert_true(hc_run_leave_pointer(window, &runs[0], &ranges, 4, false));
	assert_int_equal(runs[0].start, 4);
	assert_true(hc_run_is_field(window, &runs[0], &ranges, 4, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_behind_pointer),
		cmocka_unit_test_setup_teardown(test_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_headers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pointers_and_ints, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_zero, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_noise_has_no_content, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_run, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
