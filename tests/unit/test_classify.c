/**
 * @file
 * Content classes: what each accepts, what looks like it and is not, and samples.
 */
#include "tests/unit/fake_heap.h"

#include <stdio.h>

#include "analyzers/classify.h"
#include "analyzers/structure.h"

#define HEAP UINT64_C(0x20000000)
#define NUM(a) (sizeof(a) / sizeof((a)[0]))

struct tools {
	struct fake fake;
	struct hc_classifier *classifier;
	struct hc_classifier_scratch *scratch;
};

static int set_up(void **state)
{
	static const uint64_t sizes[] = {4096};
	struct tools *tools = calloc(1, sizeof(*tools));
	uint64_t chunk;

	fake_init(&tools->fake, 8, 1, 4096);
	fake_span(&tools->fake, HEAP, HC_SPAN_MAIN, sizes, 1, &chunk);
	fake_seal(&tools->fake);
	assert_null(
		hc_classifier_create(&tools->fake.process, tools->fake.heap, &tools->classifier));
	assert_null(hc_classifier_scratch_create(tools->classifier, &tools->scratch));
	*state = tools;
	return 0;
}

static int tear_down(void **state)
{
	struct tools *tools = *state;

	hc_classifier_scratch_destroy(tools->scratch);
	hc_classifier_destroy(tools->classifier);
	fake_deinit(&tools->fake);
	free(tools);
	return 0;
}

/** Class of bytes that end where their memory ends, so that a sanitizer sees a step too far. */
static enum hc_class_id class_of(struct tools *tools, const void *data, size_t size,
				 const char *sample)
{
	uint8_t *copy = malloc(size);
	struct hc_bytes bytes = {copy, size};

	memcpy(copy, data, size);
	enum hc_class_id class = hc_classify(tools->classifier, tools->scratch, bytes);
	struct hc_bytes part = hc_class_sample(tools->classifier, tools->scratch, class, bytes);

	assert_true(part.data >= copy && part.data + part.size <= copy + size);
	if (!hc_classes[class].textual)
		assert_int_equal(part.size, size);
	if (sample) {
		assert_int_equal(part.size, strlen(sample));
		assert_memory_equal(part.data, sample, part.size);
	}
	free(copy);
	return class;
}

/** Class of a C string as malloc and strcpy would leave it: slack up to the chunk's size, with
 * stale bytes. */
static enum hc_class_id class_of_string(struct tools *tools, const char *text)
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
	enum hc_class_id class;
	const char *text;
};

static const struct example examples[] = {
	{HC_CLASS_HTTP_REQUEST, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"},
	{HC_CLASS_HTTP_REQUEST,
	 "POST /profile/query?appid=48213 HTTP/1.1\r\nHost: x\r\n\r\nchannelid=4099"},
	{HC_CLASS_HTTP_REQUEST, "PROPFIND /a%20b HTTP/1.0"},
	{HC_CLASS_HTTP_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{HC_CLASS_HTTP_RESPONSE, "HTTP/1.0 404"},
	{HC_CLASS_REDIS_COMMAND, "*2\r\n$3\r\nGET\r\n$9\r\nuser:1234\r\n"},
	{HC_CLASS_REDIS_COMMAND, "*3\r\n$4\r\nhset\r\n$1\r\na\r\n$1\r\nb\r\n"},
	{HC_CLASS_REDIS_COMMAND, "GET user:1234:cart"},
	{HC_CLASS_REDIS_COMMAND, "HGETALL session42"},
	{HC_CLASS_REDIS_COMMAND, "SET counter 12\r\n"},
	{HC_CLASS_FORM_DATA, "appid=48213&channelid=4099&uid="},
	{HC_CLASS_FORM_DATA, "name=J%C3%BCrgen+M&x=1"},
	{HC_CLASS_JSON, "{\"id\": 17, \"tags\": [\"a\", \"b\"], \"ok\": true}"},
	{HC_CLASS_JSON, "[\"one\", \"two\"]"},
	{HC_CLASS_JSON, "[1, 2.5e3, -7]"},
	{HC_CLASS_JSON, "{\"open\": {\"deep\": [1, 2, {\"cut\": \"in the mid"},
	{HC_CLASS_JSON, "{\"a\":{},\"b\":[],\"c\":[[],{}]}\n{\"a\":1}\n"},
	{HC_CLASS_MARKUP, "<?xml version=\"1.0\"?><a/>"},
	{HC_CLASS_MARKUP, "<!DOCTYPE html>\n<html>"},
	{HC_CLASS_MARKUP, "<p class=\"x\">hello</p>"},
	{HC_CLASS_MARKUP, "<br/>"},
	{HC_CLASS_SQL, "SELECT name, count(*) FROM users WHERE id = 4"},
	{HC_CLASS_SQL, "select * from users"},
	{HC_CLASS_SQL, "INSERT INTO t (a, b) VALUES (?, ?)"},
	{HC_CLASS_SQL, "UPDATE users SET name = 'x' WHERE id = 1"},
	{HC_CLASS_SQL, "CREATE UNIQUE INDEX i ON t (a)"},
	{HC_CLASS_SQL, "\n  DELETE FROM sessions WHERE expires < now()"},
	{HC_CLASS_KEY, "user:1234:cart"},
	{HC_CLASS_KEY, "sess:{abc}:9f-2e"},
	{HC_CLASS_KEY, "cache:page/index.html"},
	{HC_CLASS_KEY, "queue:mail"},
	{HC_CLASS_TEXT, "hello"},
	{HC_CLASS_TEXT, "/usr/lib/x86_64-linux-gnu/libc.so.6"},
	{HC_CLASS_TEXT, "The quick brown fox jumps over the lazy dog."},
	{HC_CLASS_UTF8, "Gr\xc3\xbc\xc3\x9f Gott, Welt"},
	{HC_CLASS_UTF8, "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"},

	/* What is only text. */
	{HC_CLASS_TEXT, "12:34:56"},
	{HC_CLASS_TEXT, "2024-01-01T12:34:56"},
	{HC_CLASS_TEXT, "std::vector<int>"},
	{HC_CLASS_TEXT, "key: value in prose"},
	{HC_CLASS_TEXT, "http://example.org/a?b=c&d=e"},
	{HC_CLASS_TEXT, "/usr/bin:/bin:/sbin"},
	{HC_CLASS_TEXT, "local/bin:/usr/bin"},
	{HC_CLASS_TEXT, "00:1a:2b:3c:4d:5e"},
	{HC_CLASS_TEXT, "fe80:0:0:1:2:3:4:5"},
	{HC_CLASS_TEXT, "server.c:1234"},
	{HC_CLASS_TEXT, "a trailing colon:"},
	{HC_CLASS_TEXT, "label:"},
	{HC_CLASS_TEXT, "Select one from the list (or two)."},
	{HC_CLASS_TEXT, "Update the set of rules = all"},
	{HC_CLASS_TEXT, "GET /index.html is not HTTP/1.1 here"},
	{HC_CLASS_TEXT, "127.0.0.1 - - \"GET / HTTP/1.1\" 200"},
	{HC_CLASS_TEXT, "HTTP/1.1 is a protocol"},
	{HC_CLASS_TEXT, "SET NULL"},
	{HC_CLASS_TEXT, "GET http://example.org:80/"},
	{HC_CLASS_TEXT, "EXPIRE means that time is up"},
	{HC_CLASS_TEXT, "x = a & b"},
	{HC_CLASS_TEXT, "option=12"},
	{HC_CLASS_TEXT, "[ERROR] something failed"},
	{HC_CLASS_TEXT, "{'a': 1}"},
	{HC_CLASS_TEXT, "{ return 0; }"},
	{HC_CLASS_TEXT, "[section]"},
	{HC_CLASS_TEXT, "<module>"},
	{HC_CLASS_TEXT, "{name}:{message}"},
	{HC_CLASS_TEXT, "<built-in function len>"},
	{HC_CLASS_TEXT, "std::map<K, V>"},
};

static void test_texts(void **state)
{
	for (size_t i = 0; i < NUM(examples); i++) {
		enum hc_class_id class = class_of_string(*state, examples[i].text);

		if (class != examples[i].class)
			fail_msg("'%s' is %s, not %s", examples[i].text, hc_classes[class].name,
				 hc_classes[examples[i].class].name);
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
	assert_int_equal(class_of(*state, chunk, 40, key), HC_CLASS_KEY);

	/* sds strings of Redis: one byte with the length, or three. */
	chunk[0] = strlen(key) << 3;
	strcpy((char *)chunk + 1, key);
	assert_int_equal(class_of(*state, chunk, 24, NULL), HC_CLASS_KEY);
	chunk[0] = chunk[1] = strlen(key);
	chunk[2] = 1;
	strcpy((char *)chunk + 3, key);
	assert_int_equal(class_of(*state, chunk, 24, key), HC_CLASS_KEY);

	/* A struct with a pointer, a length and the buffer. */
	memset(chunk, 0xee, sizeof(chunk));
	memcpy(chunk, &(uint64_t){HEAP + 16}, 8);
	memcpy(chunk + 8, &(uint64_t){100}, 8);
	strcpy((char *)chunk + 40, request);
	assert_int_equal(class_of(*state, chunk, 128, request), HC_CLASS_HTTP_REQUEST);

	/* A key in a field of a struct; other text in one says nothing about the struct. */
	memset(chunk, 0, sizeof(chunk));
	strcpy((char *)chunk, "GET");
	memcpy(chunk + 32, &(double){2.5}, 8);
	strcpy((char *)chunk + 48, "user:1234");
	assert_int_equal(class_of(*state, chunk, 120, "user:1234"), HC_CLASS_KEY);
	strcpy((char *)chunk + 48, "user 1234");
	assert_int_equal(class_of(*state, chunk, 120, NULL), HC_CLASS_OTHER);

	/* A key that an earlier string of the chunk's memory left behind. */
	strcpy((char *)chunk, "a sentence");
	strcpy((char *)chunk + 16, "user:1234");
	assert_int_equal(class_of(*state, chunk, 40, "a sentence"), HC_CLASS_TEXT);

	/* A pointer with printable bytes behind a number that happens to be its length is none. */
	memset(chunk, 0, sizeof(chunk));
	chunk[0] = 4;
	memcpy(chunk + 8, &(uint64_t){UINT64_C(0x20202020)}, 8);
	assert_int_equal(class_of(*state, chunk, 24, NULL), HC_CLASS_TEXT);
	memcpy(chunk + 8, &(uint64_t){FAKE_ROOTS + 0x424}, 8);
	assert_int_equal(class_of(*state, chunk, 24, NULL), HC_CLASS_OTHER);

	/* The same struct with a short name in it is no text. */
	memset(chunk, 0xee, sizeof(chunk));
	strcpy((char *)chunk + 40, "name");
	assert_int_equal(class_of(*state, chunk, 128, NULL), HC_CLASS_OTHER);
}

static void test_pointers_and_ints(void **state)
{
	uint64_t words[16] = {HEAP, 0, HEAP + 64, 0, 0, FAKE_ROOTS + 8, 0, 0};
	uint64_t ints[16] = {1, 2, (uint64_t)-3, 65535};

	assert_int_equal(class_of(*state, words, 24, NULL), HC_CLASS_POINTERS);
	assert_int_equal(class_of(*state, words, 128, NULL), HC_CLASS_POINTERS);
	words[1] = 12345678901;
	assert_int_equal(class_of(*state, words, 24, NULL), HC_CLASS_OTHER);
	words[1] = 0;
	words[0] = words[2] = words[5] = HEAP - 8; /* mapped nowhere */
	assert_int_equal(class_of(*state, words, 128, NULL), HC_CLASS_OTHER);

	/* A pointer whose bytes are printable is a pointer. */
	assert_int_equal(class_of(*state, &(uint64_t[3]){FAKE_ROOTS}, 24, NULL), HC_CLASS_POINTERS);

	assert_int_equal(class_of(*state, ints, 32, NULL), HC_CLASS_SMALL_INTS);
	assert_int_equal(class_of(*state, &(int32_t[6]){-5, 4, 3, 2, 1, 0}, 24, NULL),
			 HC_CLASS_SMALL_INTS);
	ints[3] = 65536;
	ints[2] = 7;
	assert_int_equal(class_of(*state, ints, 32, NULL), HC_CLASS_OTHER);
	assert_int_equal(class_of(*state, &(double[4]){1.5, 2.25, 3.1, 4.7}, 32, NULL),
			 HC_CLASS_OTHER);
}

static void test_zero(void **state)
{
	uint8_t bytes[HC_CLASSIFY_WINDOW * 2] = {0};

	for (size_t size = 1; size <= 64; size++)
		assert_int_equal(class_of(*state, bytes, size, NULL), HC_CLASS_ZERO);
	assert_int_equal(class_of(*state, bytes, sizeof(bytes), NULL), HC_CLASS_ZERO);
	bytes[sizeof(bytes) - 1] = 1; /* beyond the window, but not zero */
	assert_int_not_equal(class_of(*state, bytes, sizeof(bytes), NULL), HC_CLASS_ZERO);
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
		missed += class_of(*state, words, size, NULL) != HC_CLASS_RANDOM;
		assert_int_not_equal(class_of(*state, words, 56, NULL), HC_CLASS_RANDOM);

		/* Structs: pointers, 32-bit hashes, counts. */
		for (size_t i = 0; i < NUM(words); i += 4) {
			words[i] &= 0x7fffffffffff;
			words[i + 1 < NUM(words) ? i + 1 : i] &= 0xffffffff;
			words[i + 2 < NUM(words) ? i + 2 : i] &= 0xffff;
		}
		assert_int_not_equal(class_of(*state, words, size, NULL), HC_CLASS_RANDOM);
	}
	assert_true(missed <= 1);
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
		assert_in_range(class_of(*state, bytes, size, NULL), 0, HC_NUM_CLASSES - 1);
	}
	/* Deep nesting. */
	char *deep = malloc(5000);
	memset(deep, '[', 5000);
	assert_int_equal(class_of(*state, deep, 5000, NULL), HC_CLASS_JSON);
	free(deep);
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HC_NUM_CLASSES; i++) {
		assert_non_null(hc_classes[i].description);
		assert_int_equal(hc_class_find(hc_classes[i].name), i);
	}
	assert_int_equal(hc_class_find("no such class"), HC_NUM_CLASSES);
	assert_int_equal(hc_class_find(""), HC_NUM_CLASSES);
}

/** The table over a heap is the same for any number of jobs, and adds up. */
static void test_run(void **state)
{
	enum { CHUNKS = 3000 };
	static uint64_t sizes[CHUNKS], c[CHUNKS];
	struct hc_class_table first = {0};

	(void)state;
	for (unsigned i = 0; i < CHUNKS; i++)
		sizes[i] = i % 7 == 0 ? 8192 : 48;
	for (unsigned jobs = 1; jobs <= 4; jobs++) {
		struct fake fake;
		struct hc_class_table table;

		fake_init(&fake, 8, jobs, 4096);
		fake_span(&fake, HEAP, HC_SPAN_MAIN, sizes, CHUNKS, c);
		fake_seal(&fake);
		for (unsigned i = 0; i < CHUNKS; i += 3)
			snprintf((char *)fake_at(&fake, c[i]), 40, "user:%u:cart", i);
		assert_true(hc_heap_set_free(fake.heap, c[0], HC_LIST_TCACHE));
		assert_null(hc_classify_run(&fake.process, fake.heap, NULL, &table));
		assert_int_equal(table.classes[HC_CLASS_KEY].all.chunks, 999);
		assert_int_equal(table.classes[HC_CLASS_KEY].sample, c[3]);
		assert_int_equal(table.classes[HC_CLASS_ZERO].all.chunks, 2000);
		assert_int_equal(table.total.chunks, CHUNKS - 1);
		assert_false(table.has_leaked);
		if (jobs == 1)
			first = table;
		assert_memory_equal(&table, &first, sizeof(table));
		fake_deinit(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_headers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pointers_and_ints, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_zero, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile, set_up, tear_down),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
