/**
 * @file
 * Patterns and search: required literals against PCRE2 alone, order, borders, and the same answer
 * for any number of jobs.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "tests/unit/fake_heap.h"

#include <pcre2.h>
#include <stdio.h>

#include "analyzers/pattern/byte_set.h"
#include "analyzers/search/search.h"
#include "analyzers/texts/top_texts.h"

#define HEAP UINT64_C(0x20000000)
#define MAPPED UINT64_C(0x30000000)
#define NUM(a) (sizeof(a) / sizeof((a)[0]))

static const struct hc_pattern_options plain;

static struct hc_bytes bytes_of(const char *text)
{
	return (struct hc_bytes){(const uint8_t *)text, strlen(text)};
}

/* --- Literals --- */

static void test_literals(void **state)
{
	/* The literals, joined by blanks, of each pattern. */
	static const struct {
		const char *pattern, *literals;
	} cases[] = {
		{"channelid=\\d*", "channelid="},
		{"GET|POST", "GET POST"},
		{"a|", ""},
		{"ab*cd", "cd"},
		{"abc?d", "ab"},
		{"ab+cd", "ab"},
		{"ab{0,3}xyz", "xyz"},
		{"ab{x}", "ab{x}"},
		{"(foo)bar", "foo"},
		{"(?:a|b)(c)xy", "xy"},
		{"(?i)abc", ""},
		{"abc(?i)def", "ab"},
		{"abc(?i)d|e", ""},
		{"(?:x(*ACCEPT)|y)foo", ""},
		{"a(?#c)*bc", ""},
		{"[]a]bc", "bc"},
		{"[^]|]bc", "bc"},
		{"[[:alpha:]|]bc", "bc"},
		{"\\.php\\?", ".php?"},
		{"\\Qa|b\\E", ""},
		{"ab\\E*c", "a"},
		{"\\x41bc", "Abc"},
		{"\\x4gbc", ""},
		{"\\x{41}bc", ""},
		{"a\\r\\n*b", "a\r"},
		{"\\x{41}bc|x", ""},
		{"ab\\Kcd", "ab"},
		{"^user:\\d+$", "user:"},
		{"(?<=user:)cart\\b", "user:"},
		{"\\d+(?=:item:7\\b)", ":item:7"},
		{"(?:abc|x)d(?!longer)(?<!longer)e", "d"},
		{"(abc)?d(efg){0,2}(hij)*", "d"},
		{"((xy(abc)+)z)+", "abc"},
		{"(?<name>abc)\\k<name>x", "abc"},
		{"(?P<name>abc)d", "abc"},
		{"(?|abc)d", "d"},
		{"a(bcd\\x{41}e)", "a"},
		{"(a(b|c)\\)[)])xyz", "xyz"},
		{"(?<name>x)yz|\\d\\dw", "yz w"},
		{".*", ""},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < NUM(cases); i++) {
		struct hc_literals literals;
		char joined[256] = "";

		hc_literals_extract(cases[i].pattern, &plain, &literals);
		for (size_t k = 0; k < literals.num; k++) {
			if (k)
				strcat(joined, " ");
			strncat(joined, (char *)literals.items[k].bytes, literals.items[k].size);
		}
		if (strcmp(joined, cases[i].literals) != 0)
			fail_msg("%s: '%s', not '%s'", cases[i].pattern, joined, cases[i].literals);
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void random_pattern(uint32_t *seed, char *ret)
{
	static const char *const pieces[] = {
		"a",
		"b",
		"ab",
		"B",
		"a*",
		"b?",
		"a+",
		"b{0,2}",
		"a{2}",
		"b{x}",
		"(a|b)",
		"(?:ab)?",
		"(ab)+",
		"[ab]",
		"[^a]*",
		"[]b]",
		"[[:alpha:]]",
		"\\.",
		"\\w",
		"\\b",
		"|",
		"^",
		"$",
		".",
		"(?=a)",
		"(?!b)",
		"(?<=a)",
		"\\K",
		"(?i)",
		"(?i:a)",
		"\\Qa*\\E",
		"\\E",
		"(?#x)",
		"(*ACCEPT)",
		"{",
		"}",
		"]",
		"\\x61",
		"\\x6",
		"\\n",
		"\\x0a+",
		"\\x{62}",
		"\\r*",
		"(?|a|b)",
		"a*+",
		"b+?",
		"(?>a*)",
		"(a)\\1",
		" ",
		"#",
		"(?x)",
		"\\d",
		"(?:a(*ACCEPT)|b)",
		"(?<n>b)",
		"(ab)",
		"(?=ab)",
		"(?:b(?=a)A?)",
		"(a(b+))?",
		"(?<=(?:ab))",
		"(a|(bb))",
		"\\\\",
	};
	unsigned num = 1 + next_random(seed) % 6;

	*ret = 0;
	while (num--)
		strcat(ret, pieces[next_random(seed) % NUM(pieces)]);
}

static bool pcre2_alone(const pcre2_code *code, pcre2_match_data *data, struct hc_bytes subject,
			size_t from)
{
	return pcre2_match(code, subject.data, subject.size, from, 0, data, NULL) >= 0;
}

/** With all its shortcuts, a matcher finds exactly what PCRE2 finds. */
static void test_matcher_against_pcre2(void **state)
{
	uint32_t seed = 12345;
	pcre2_match_data *data = pcre2_match_data_create(8, NULL);
	unsigned compiled = 0, matches = 0, with_literals = 0;

	(void)state;
	for (unsigned round = 0; round < 6000; round++) {
		struct hc_pattern_options options = {.ignore_case = next_random(&seed) % 3 == 0};
		struct hc_pattern *pattern;
		struct hc_matcher *matcher;
		char text[256];
		int code_error;
		PCRE2_SIZE offset;

		random_pattern(&seed, text);
		struct hc_error *err = hc_pattern_compile(text, &options, &pattern);

		if (err) {
			assert_int_equal(err->code, HC_ERROR_ARGUMENT);
			hc_error_destroy(err);
			continue;
		}
		compiled++;
		with_literals += hc_pattern_literals(pattern)->num > 0;
		pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
						 options.ignore_case ? PCRE2_CASELESS : 0,
						 &code_error, &offset, NULL);
		assert_non_null(code);
		assert_null(hc_matcher_create(pattern, &matcher));
		for (unsigned k = 0; k < 12; k++) {
			static const char alphabet[] = "aabbabAB.{}x] #\n\\*";
			uint8_t subject_bytes[80];
			struct hc_bytes subject = {subject_bytes, next_random(&seed) % 80};
			struct hc_match match;
			bool limited = false;

			for (size_t i = 0; i < subject.size; i++)
				subject_bytes[i] = alphabet[next_random(&seed) % 18];
			for (size_t from = 0; from <= subject.size; from = hc_match_next(&match)) {
				bool expected = pcre2_alone(code, data, subject, from);
				bool found =
					hc_matcher_next(matcher, subject, from, &match, &limited);

				if (expected != found)
					fail_msg("pattern '%s', subject '%.*s', from %zu: %d", text,
						 (int)subject.size, subject_bytes, from, found);
				assert_false(limited);
				if (!found)
					break;
				assert_int_equal(match.end, pcre2_get_ovector_pointer(data)[1]);
				assert_true(match.start <= match.end && match.end <= subject.size);
				matches++;
			}
		}
		hc_matcher_destroy(matcher);
		hc_pattern_destroy(pattern);
		pcre2_code_free(code);
	}
	pcre2_match_data_free(data);
	assert_true(compiled > 3000);
	assert_true(with_literals > 1000);
	assert_true(matches > 10000);
}

static void test_literal_find(void **state)
{
	uint32_t seed = 99;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct hc_literal literal = {.size = 1 + next_random(&seed) % 5};
		/* Some are long, with little in them that looks like the literal. */
		bool sparse = round % 4 == 0;
		size_t size = next_random(&seed) % (sparse ? 700 : 200);
		bool ignore_case = round & 2;
		uint8_t *data = malloc(size + 1), *exact;

		for (size_t i = 0; i < literal.size; i++)
			literal.bytes[i] = "ab@"[next_random(&seed) % 3];
		for (size_t i = 0; i < size; i++)
			data[i] = sparse && next_random(&seed) % 24
					  ? '~'
					  : "abAB@`"[next_random(&seed) % 6];
		if (round & 1)
			hc_literal_choose_probes(&literal);
		exact = realloc(data, size ? size : 1);

		for (size_t from = 0; from <= size + 1; from += sparse ? 13 : 1) {
			size_t expected = SIZE_MAX;

			for (size_t i = from; i + literal.size <= size && expected == SIZE_MAX;
			     i++) {
				bool same = true;

				for (size_t k = 0; k < literal.size; k++) {
					uint8_t byte = exact[i + k];

					if (ignore_case && (byte == 'A' || byte == 'B'))
						byte |= 0x20;
					same &= byte == literal.bytes[k];
				}
				if (same)
					expected = i;
			}
			assert_int_equal(hc_literal_find(&literal, ignore_case,
							 (struct hc_bytes){exact, size}, from),
					 expected);
		}
		free(exact);
	}
}

static void test_matcher(void **state)
{
	struct hc_pattern *pattern;
	struct hc_matcher *matcher;
	struct hc_match match;
	bool limited = false;
	struct hc_pattern_options literal = {.literal = true, .ignore_case = true};

	(void)state;
	assert_null(hc_pattern_compile("id=(\\d*)", &plain, &pattern));
	assert_null(hc_matcher_create(pattern, &matcher));
	assert_true(hc_matcher_next(matcher, bytes_of("x id=12 id="), 0, &match, &limited));
	assert_int_equal(match.start, 2);
	assert_int_equal(match.end, 7);
	assert_int_equal(match.group_start, 5);
	assert_true(hc_matcher_next(matcher, bytes_of("x id=12 id="), 7, &match, &limited));
	assert_int_equal(match.group_start, 11);
	assert_int_equal(match.group_end, 11);
	assert_false(hc_matcher_next(matcher, bytes_of(""), 0, &match, &limited));
	assert_false(hc_matcher_next(matcher, (struct hc_bytes){NULL, 0}, 0, &match, &limited));
	hc_matcher_destroy(matcher);
	hc_pattern_destroy(pattern);

	assert_null(hc_pattern_compile("A.*(", &literal, &pattern));
	assert_null(hc_matcher_create(pattern, &matcher));
	assert_true(hc_matcher_next(matcher, bytes_of("xa.*("), 0, &match, &limited));
	assert_int_equal(match.start, 1);
	assert_false(hc_matcher_next(matcher, bytes_of("abc("), 0, &match, &limited));
	assert_false(limited);
	hc_matcher_destroy(matcher);
	hc_pattern_destroy(pattern);

	struct hc_error *err = hc_pattern_compile("a(b", &plain, &pattern);
	assert_non_null(err);
	assert_int_equal(err->code, HC_ERROR_ARGUMENT);
	assert_non_null(strstr(err->message, "offset 3"));
	hc_error_destroy(err);
}

/** Every kind of pattern text finds the same places as its plain PCRE2 form. */
static void test_pattern_kinds(void **state)
{
	static const struct {
		const char *text;
		struct hc_pattern_options options;
		const char *subject;
		size_t size, start, end; /* end 0: no match */
	} cases[] = {
		{"de ad??ef", {.hex = true}, "..\xde\xad.\xef", 6, 2, 6},
		{"0000", {.hex = true}, "a\0b\0\0", 5, 3, 5},
		{"a.b", {.literal = true}, "axb a.b", 7, 4, 7},
		{"A.B", {.literal = true, .ignore_case = true}, "axb a.b", 7, 4, 7},
		{"b", {.word = true}, "ab b", 4, 3, 4},
		{"b+", {.word = true}, "abb bbc", 7, 0, 0},
		{"ab", {.wide = true}, "ab a\0b\0", 7, 3, 7},
		{"ab", {.wide = true, .literal = true}, "ab a\0b\0", 7, 3, 7},
		{"a+", {.wide = true}, "xa\0a\0a", 6, 1, 5},
		{"[^b]$", {.wide = true}, "b\0a\0", 4, 2, 4},
		{"(.)\\1",
		 {.wide = true},
		 "a\0b\x04"
		 "b\x04",
		 6,
		 2,
		 6},
		{"\\x41|\\Bb", {.wide = true}, "a\0b\0", 4, 2, 4},
	};

	(void)state;
	for (size_t i = 0; i < NUM(cases); i++) {
		struct hc_bytes subject = {(const uint8_t *)cases[i].subject, cases[i].size};
		struct hc_pattern *pattern;
		struct hc_matcher *matcher;
		struct hc_match match = {};
		bool limited = false;

		assert_null(hc_pattern_compile(cases[i].text, &cases[i].options, &pattern));
		assert_null(hc_matcher_create(pattern, &matcher));
		bool found = hc_matcher_next(matcher, subject, 0, &match, &limited);
		if (found != (cases[i].end > 0) || match.start != cases[i].start ||
		    match.end != cases[i].end)
			fail_msg("%s: %d, %zu-%zu", cases[i].text, found, match.start, match.end);
		hc_matcher_destroy(matcher);
		hc_pattern_destroy(pattern);
	}
}

/** The parts of a subject have the matches that are tried in them. */
static void test_parts(void **state)
{
	static const char *const texts[] = {"ab",      "a+b?",         "(?<=a)b",
					    "b|^a|a$", "(a)(?=b)\\1*", "(?:)"};
	uint32_t seed = 4711;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct hc_pattern *pattern;
		struct hc_matcher *matcher;
		struct hc_match match;
		uint8_t bytes[40];
		struct hc_bytes subject = {bytes, next_random(&seed) % sizeof(bytes)};
		size_t from = subject.size ? next_random(&seed) % subject.size : 0;
		size_t to = from + next_random(&seed) % (sizeof(bytes) + 4);
		bool limited = false;

		for (size_t i = 0; i < subject.size; i++)
			bytes[i] = "aab."[next_random(&seed) % 4];
		assert_null(hc_pattern_compile(texts[round % NUM(texts)], &plain, &pattern));
		assert_null(hc_matcher_create(pattern, &matcher));
		/* The first match from there is the part's exactly when it is tried before the end.
		 */
		hc_matcher_restart(matcher);
		bool expected = hc_matcher_next_within(matcher, subject,
						       (struct hc_match_window){from, SIZE_MAX},
						       &match, &limited) &&
				match.tried < to;
		bool found = hc_matcher_next_within(
			matcher, subject, (struct hc_match_window){from, to}, &match, &limited);
		assert_int_equal(found, expected);
		assert_false(limited);
		hc_matcher_destroy(matcher);
		hc_pattern_destroy(pattern);
	}
}

static void test_byte_set(void **state)
{
	uint32_t seed = 31;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct hc_byte_set set = {};
		size_t size = next_random(&seed) % 300, from = next_random(&seed) % 310;
		uint8_t *data = malloc(size ? size : 1);
		size_t expected = from;

		for (unsigned k = next_random(&seed) % 7; k > 0; k--) {
			unsigned low = next_random(&seed) % 256, width = next_random(&seed) % 9;

			for (unsigned i = low; i <= low + width && i < 256; i++)
				set.has[i] = true;
		}
		hc_byte_set_finish(&set);
		/* Bytes of the set are rare. */
		for (size_t i = 0; i < size; i++) {
			data[i] = next_random(&seed);
			while (set.has[data[i]] && set.num < 256 && next_random(&seed) % 100)
				data[i]++;
		}
		while (expected < size && !set.has[data[expected]])
			expected++;
		assert_int_equal(hc_byte_set_find(&set, (struct hc_bytes){data, size}, from),
				 expected < size ? expected : SIZE_MAX);
		free(data);
	}
}

static void test_runs(void **state)
{
	struct hc_bytes subject = {(const uint8_t *)"ab\0abcd\x80"
						    "tab\tx\nlast",
				   18};
	struct hc_pattern *pattern;
	struct hc_matcher *matcher;
	struct hc_match match;
	bool limited = false;

	(void)state;
	assert_null(hc_pattern_compile_runs(4, &pattern));
	assert_null(hc_matcher_create(pattern, &matcher));
	assert_true(hc_matcher_next(matcher, subject, 0, &match, &limited));
	assert_true(match.start == 3 && match.end == 7);
	assert_true(hc_matcher_next(matcher, subject, 7, &match, &limited));
	assert_true(match.start == 8 && match.end == 13);
	assert_true(hc_matcher_next(matcher, subject, 13, &match, &limited));
	assert_true(match.start == 14 && match.end == 18);
	assert_false(hc_matcher_next(matcher, subject, 18, &match, &limited));
	/* A part that begins within a run has only what begins in it. */
	assert_true(hc_matcher_next_within(matcher, subject, (struct hc_match_window){4, 9}, &match,
					   &limited));
	assert_int_equal(match.start, 8);
	assert_false(hc_matcher_next_within(matcher, subject, (struct hc_match_window){4, 8},
					    &match, &limited));
	hc_matcher_destroy(matcher);
	hc_pattern_destroy(pattern);
}

/* --- Search --- */

struct seen {
	uint64_t addresses[4096];
	char texts[64][16];
	size_t num, stop_after;
};

static bool remember(void *ctx, const struct hc_search_hit *hit)
{
	struct seen *seen = ctx;

	assert_true(seen->num < NUM(seen->addresses));
	if (hit->chunk) {
		assert_true(hit->address >= hit->chunk->address);
		assert_true(hit->address + hit->text.size <=
			    hit->chunk->address + hit->chunk->usable);
	} else {
		assert_true(hit->address >= hit->mapping->start);
		assert_true(hit->address + hit->text.size <= hit->mapping->end);
	}
	assert_true(hit->text.data >= hit->subject.data);
	if (seen->num < NUM(seen->texts))
		snprintf(seen->texts[seen->num], 16, "%.*s", (int)hit->group.size, hit->group.data);
	seen->addresses[seen->num++] = hit->address;
	return seen->num != seen->stop_after;
}

static struct hc_search_result search(struct fake *fake, const char *text,
				      const struct hc_search_options *options, struct seen *seen)
{
	struct hc_search_result result;
	struct hc_pattern *pattern;

	assert_null(hc_pattern_compile(text, &plain, &pattern));
	if (seen)
		seen->num = 0;
	struct hc_search_options with_seen = *options;
	with_seen.fn = seen ? remember : NULL;
	with_seen.ctx = seen;
	assert_null(hc_search_run(fake_target(fake), pattern, &with_seen, &result));
	hc_pattern_destroy(pattern);
	return result;
}

enum { CHUNKS = 120000 };

/** The same through a sieve: it must change nothing but what is read. */
static void check_sieve(struct fake *fake, const char *text,
			const struct hc_search_options *options,
			const struct hc_search_result *expected)
{
	struct hc_search_options with_sieve = *options;
	struct hc_search_result result;
	struct hc_pattern *pattern;
	struct hc_sieve sieve;

	assert_null(hc_pattern_compile(text, &plain, &pattern));
	assert_true(hc_sieve_is_for(pattern));
	assert_null(hc_sieve_run(fake_target(fake), pattern, &sieve));
	assert_true(sieve.may_match || !expected->matches);
	with_sieve.sieve = &sieve;
	assert_null(hc_search_run(fake_target(fake), pattern, &with_sieve, &result));
	assert_int_equal(result.matches, expected->matches);
	assert_int_equal(result.chunks, expected->chunks);
	assert_int_equal(result.bytes, expected->bytes);
	assert_int_equal(result.searched_chunks, expected->searched_chunks);
	assert_int_equal(result.searched_bytes, expected->searched_bytes);
	assert_int_equal(result.mapping_bytes, expected->mapping_bytes);
	hc_search_result_deinit(&result);
	hc_sieve_deinit(&sieve);
	hc_pattern_destroy(pattern);
}

/** 5.7 MiB of chunks of 48 bytes, every third with a key; a few slices. */
static void make_heap(struct fake *fake, unsigned jobs, uint64_t *c)
{
	uint64_t *sizes = malloc(CHUNKS * sizeof(*sizes));

	for (size_t i = 0; i < CHUNKS; i++)
		sizes[i] = 48;
	fake_init(fake, 8, jobs, 4096);
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, CHUNKS, c);
	fake_seal(fake);
	for (size_t i = 0; i < CHUNKS; i += 3)
		snprintf((char *)fake_at(fake, c[i]), 40, "user:%zu:cart", i % 1000);
	free(sizes);
}

static void test_chunks(void **state)
{
	static uint64_t c[CHUNKS];
	static struct seen seen;
	struct hc_search_options options = {.top = 5};

	(void)state;
	for (unsigned jobs = 1; jobs <= 3; jobs++) {
		struct fake fake;

		make_heap(&fake, jobs, c);
		assert_true(hc_heap_set_free(fake.heap, c[3], &glibc_lists[GLIBC_TCACHE]));
		struct hc_search_result result = search(&fake, "user:(\\d+):", &options, NULL);

		assert_int_equal(result.matches, CHUNKS / 3 - 1);
		assert_int_equal(result.chunks, CHUNKS / 3 - 1);
		assert_int_equal(result.bytes, (CHUNKS / 3 - 1) * 48);
		assert_int_equal(result.searched_chunks, CHUNKS - 1);
		assert_int_equal(result.searched_bytes, (CHUNKS - 1) * 40 - 8); /* cut off */
		assert_int_equal(result.distinct, 1000);
		assert_true(result.texts_exact);
		assert_int_equal(result.num_texts, 5);
		assert_int_equal(result.texts[0].matches, 40);
		assert_memory_equal(result.texts[0].text, "0", 1);
		assert_memory_equal(result.texts[2].text, "10", 2); /* by text: 0 1 10 100 101 */
		hc_search_result_deinit(&result);

		/* The same without a literal to skip by. */
		result = search(&fake, "[u]ser:(\\d{3}):|[v]", &options, NULL);
		assert_int_equal(result.matches, CHUNKS / 3 / 10 * 9);
		hc_search_result_deinit(&result);

		/* In order, and stopped by the caller. */
		seen.stop_after = 1000;
		result = search(&fake, "cart", &options, &seen);
		assert_int_equal(seen.num, 1000);
		assert_int_equal(result.matches, 1000);
		assert_int_equal(result.texts[0].matches, 1000);
		assert_int_equal(seen.addresses[0], c[0] + 7);
		for (size_t i = 1; i < seen.num; i++)
			assert_true(seen.addresses[i] > seen.addresses[i - 1]);
		hc_search_result_deinit(&result);
		fake_deinit(&fake);
	}
}

/** Count in every way there is: by chunk, by place, and with a sieve. */
static void check_ways(struct fake *fake, const char *text, uint64_t matches)
{
	static const enum hc_search_scope scopes[] = {HC_SEARCH_CHUNKS, HC_SEARCH_MAPPINGS,
						      HC_SEARCH_ALL};
	struct hc_selection by_size;

	hc_selection_init(&by_size);
	by_size.has_size = true;
	by_size.max_usable = UINT64_MAX;
	for (size_t i = 0; i < NUM(scopes); i++) {
		struct hc_search_options options = {.scope = scopes[i]};
		struct hc_search_result result = search(fake, text, &options, NULL);

		check_sieve(fake, text, &options, &result);
		if (scopes[i] == HC_SEARCH_CHUNKS)
			assert_int_equal(result.matches, matches);
		/* A filter that lets everything pass has each chunk looked at. */
		options.selection = &by_size;
		struct hc_search_result one_by_one = search(fake, text, &options, NULL);
		assert_int_equal(one_by_one.matches, result.matches);
		assert_int_equal(one_by_one.searched_chunks, result.searched_chunks);
		assert_int_equal(one_by_one.searched_bytes, result.searched_bytes);
		check_sieve(fake, text, &options, &one_by_one);
		hc_search_result_deinit(&one_by_one);
		hc_search_result_deinit(&result);
	}
}

/** What stands at the borders of blocks, parts and slices, among free chunks and large ones. */
static void test_sieve(void **state)
{
	enum { NUM_CHUNKS = 9000 };
	static uint64_t c[NUM_CHUNKS], sizes[NUM_CHUNKS];
	uint32_t seed = 11;

	(void)state;
	for (size_t i = 0; i < NUM_CHUNKS; i++)
		sizes[i] = 32 + 16 * (next_random(&seed) % 40);
	sizes[4000] = UINT64_C(5) << 20;
	for (unsigned jobs = 1; jobs <= 3; jobs++) {
		struct fake fake;
		uint64_t matches = 0;

		fake_init(&fake, 8, jobs, 4096);
		fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, NUM_CHUNKS, c);
		fake_seal(&fake);
		for (size_t i = 0; i < NUM_CHUNKS; i += 7)
			hc_heap_set_free(fake.heap, c[i], &glibc_lists[GLIBC_TCACHE]);
		check_ways(&fake, "needle", 0);
		for (size_t i = 0; i < NUM_CHUNKS - 1; i++) {
			uint64_t at = c[i] + sizes[i] - 8 - 6;
			uint64_t block = at / HC_SIEVE_BLOCK_BYTES * HC_SIEVE_BLOCK_BYTES;
			bool crosses = at + 6 > block + HC_SIEVE_BLOCK_BYTES;

			/* At the end of a chunk, and across the border of blocks. */
			if (i % 500 != 5 && !crosses && i != 4000)
				continue;
			memcpy(fake_at(&fake, at), "needle", 6);
			matches += i % 7 != 0;
		}
		check_ways(&fake, "needle", matches);
		/* From one chunk's end into the next one's header: no match of any. */
		memcpy(fake_at(&fake, c[77] + sizes[77] - 8 - 4), "haystack", 8);
		check_ways(&fake, "haystack", 0);
		check_ways(&fake, "(?<=nee)dle|hay(?!s)", matches);
		fake_deinit(&fake);
	}
}

/** A match never crosses from one chunk into the next, nor into its header. */
static void test_within_chunks(void **state)
{
	static const uint64_t sizes[] = {32, 32, 32};
	struct hc_search_options options = {0};
	struct fake fake;
	struct seen seen = {0};
	uint64_t c[3];

	(void)state;
	fake_init(&fake, 8, 2, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, 3, c);
	fake_seal(&fake);
	memset(fake_at(&fake, HEAP), 'a', 96);
	struct hc_search_result result = search(&fake, "a+", &options, &seen);

	assert_int_equal(result.matches, 3);
	assert_int_equal(seen.addresses[0], c[0]);
	assert_int_equal(seen.addresses[2], c[2]);
	assert_int_equal(result.limited, 0);
	hc_search_result_deinit(&result);
	result = search(&fake, "a{25}", &options, &seen);
	assert_int_equal(result.matches, 0);
	hc_search_result_deinit(&result);
	result = search(&fake, "a{12}", &options, &seen);
	assert_int_equal(result.matches, 5); /* the last chunk ends with the memory: 16 bytes */
	hc_search_result_deinit(&result);
	options.first_only = true;
	result = search(&fake, "a{12}", &options, &seen);
	assert_int_equal(result.matches, 3);
	hc_search_result_deinit(&result);
	fake_deinit(&fake);
}

/** More matches in a task than it may buffer, and more texts. */
static void test_overflow(void **state)
{
	static const uint64_t sizes[] = {1 << 20, 1 << 20};
	struct hc_search_options options = {.top = 3};
	struct fake fake;
	static struct seen seen;
	uint64_t c[2];

	(void)state;
	for (unsigned jobs = 1; jobs <= 2; jobs++) {
		fake_init(&fake, 8, jobs, 4096);
		fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, 2, c);
		fake_seal(&fake);
		for (size_t i = 0; i < (1 << 19); i++)
			snprintf((char *)fake_at(&fake, c[0]) + i % 1000 * 1000, 1000, "%zu", i);
		struct hc_search_result result = search(&fake, "\\x00", &options, NULL);
		uint64_t all = result.matches;

		assert_true(all > 1 << 20);
		assert_int_equal(result.texts[0].matches, all);
		hc_search_result_deinit(&result);

		seen.stop_after = 100;
		result = search(&fake, "\\x00", &options, &seen);
		assert_int_equal(result.matches, 100);
		for (size_t i = 1; i < 100; i++)
			assert_true(seen.addresses[i] > seen.addresses[i - 1]);
		hc_search_result_deinit(&result);

		/* Texts that are all different: positions told apart by what precedes them. */
		for (uint32_t i = 0; i < (1 << 18); i++)
			memcpy(fake_at(&fake, c[0] + i * 4), &i, 4);
		result = search(&fake, "(?s)....", &options, NULL);
		assert_int_equal(result.matches, (1 << 18) - 4 + (1 << 18) - 4 + 2);
		assert_true(result.texts_exact);
		assert_int_equal(result.distinct, (1 << 18) - 2);
		hc_search_result_deinit(&result);
		fake_deinit(&fake);
	}
}

/** Windows of a mapping give what one pass would give. */
static void test_mappings(void **state)
{
	const uint64_t size = (5 << 20) + 45678;
	struct hc_search_options options = {.scope = HC_SEARCH_MAPPINGS, .top = 2};
	static const char *const patterns[] = {
		"x{100,30000}", "^x|x$", "(?<=y)x+", "x+", "\\Byx", "x{7}",
	};
	uint8_t *copy = malloc(size);
	uint32_t seed = 7;

	(void)state;
	memset(copy, 'y', size);
	/* Runs of x across every border of a window, and elsewhere. */
	for (uint64_t i = 1 << 20; i < size; i += 1 << 20) {
		unsigned before = next_random(&seed) % 30000, after = next_random(&seed) % 30000;

		memset(copy + i - before, 'x', before + after);
	}
	for (unsigned i = 0; i < 1000; i++)
		copy[next_random(&seed) % size] = 'x';
	copy[0] = copy[size - 1] = 'x';
	for (size_t p = 0; p < NUM(patterns); p++) {
		struct hc_pattern *pattern;
		struct hc_matcher *matcher;
		struct hc_match match;
		uint64_t expected = 0, first = UINT64_MAX;
		bool limited = false;

		assert_null(hc_pattern_compile(patterns[p], &plain, &pattern));
		assert_null(hc_matcher_create(pattern, &matcher));
		for (size_t from = 0; hc_matcher_next(matcher, (struct hc_bytes){copy, size}, from,
						      &match, &limited);
		     from = hc_match_next(&match)) {
			if (!expected++)
				first = MAPPED + match.start;
		}
		for (unsigned jobs = 1; jobs <= 3; jobs++) {
			struct fake fake;
			struct seen seen = {.stop_after = 1};

			fake_init(&fake, 8, jobs, 4096);
			fake_area(&fake, MAPPED, size, HC_MAPPING_ANON, PF_R);
			fake_seal(&fake);
			memcpy(fake_at(&fake, MAPPED), copy, size);
			struct hc_search_result result = search(&fake, patterns[p], &options, NULL);

			assert_int_equal(result.matches, expected);
			assert_int_equal(result.mappings, 1);
			assert_int_equal(result.mapping_bytes, size);
			assert_int_equal(result.searched_bytes, size + 4096);
			assert_int_equal(result.searched_mappings, 2);
			hc_search_result_deinit(&result);
			result = search(&fake, patterns[p], &options, &seen);
			assert_int_equal(seen.addresses[0], first);
			hc_search_result_deinit(&result);
			options.first_only = true;
			result = search(&fake, patterns[p], &options, NULL);
			assert_int_equal(result.matches, 1);
			hc_search_result_deinit(&result);
			options.first_only = false;
			fake_deinit(&fake);
		}
		hc_matcher_destroy(matcher);
		hc_pattern_destroy(pattern);
	}
	free(copy);
}

static void test_limit(void **state)
{
	static const uint64_t sizes[] = {65536, 64};
	struct hc_search_options options = {0};
	struct fake fake;
	uint64_t c[2];

	(void)state;
	fake_init(&fake, 8, 2, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, 2, c);
	fake_seal(&fake);
	memset(fake_at(&fake, c[0]), 'a', 60000);
	memcpy(fake_at(&fake, c[0]) + 60000, "xb", 2);
	strcpy((char *)fake_at(&fake, c[1]), "aaaaaaaab");
	struct hc_search_result result = search(&fake, "^(?:a|aa)+b", &options, NULL);

	assert_int_equal(result.limited, 1);
	assert_int_equal(result.matches, 1);
	assert_int_equal(result.chunks, 1);
	assert_int_equal(result.searched_chunks, 2);
	hc_search_result_deinit(&result);
	fake_deinit(&fake);
}

/**
 * A few passes through a long subject are no reason to give up, whatever PCRE2 counts as work;
 * without end is one still.
 */
static void test_long_subject(void **state)
{
	static const uint64_t sizes[] = {6 << 20};
	struct hc_search_options options = {0};
	uint32_t has_jit = 0;
	struct fake fake;
	uint64_t c[1];

	(void)state;
	fake_init(&fake, 8, 2, 4096);
	fake_span(&fake, HEAP, HC_SPAN_SINGLE, sizes, 1, c);
	fake_seal(&fake);
	uint8_t *bytes = fake_at(&fake, c[0]);
	memset(bytes, 'a', (6 << 20) - 16);
	memcpy(bytes + 5000, "needle", 6);
	memcpy(bytes + 5020, "needle", 6);
	bytes[3 << 20] = 'b';
	memcpy(bytes + (6 << 20) - 32, "xcbb", 4);

	struct hc_search_result result = search(&fake, "(?s)needle.*needle", &options, NULL);
	assert_int_equal(result.limited, 0);
	assert_int_equal(result.matches, 1);
	hc_search_result_deinit(&result);

	/* Both of two places are tried, then the one that matches. */
	result = search(&fake, "(?s)needle.*?Z|needle", &options, NULL);
	assert_int_equal(result.limited, 0);
	assert_int_equal(result.matches, 2);
	hc_search_result_deinit(&result);

	/* The code of the JIT needs stack for this; without it there is the bound of the heap. */
	pcre2_config(PCRE2_CONFIG_JIT, &has_jit);
	if (has_jit) {
		result = search(&fake, "needle(?:[a-m]|[nop])*needle", &options, NULL);
		assert_int_equal(result.limited, 0);
		assert_int_equal(result.matches, 1);
		hc_search_result_deinit(&result);
	}

	/* Exponential at every place, and as long as the subject at every place. */
	result = search(&fake, "(?:a|aa|aaa)+c", &options, NULL);
	assert_int_equal(result.matches, 0);
	assert_true(result.limited > 0);
	hc_search_result_deinit(&result);
	result = search(&fake, "a[^b]*?bbb", &options, NULL);
	assert_int_equal(result.matches, 0);
	hc_search_result_deinit(&result);
	fake_deinit(&fake);
}

/** Groups of matches add up to the whole, in large chunks too, for any number of jobs. */
static void test_groups(void **state)
{
	static const uint64_t sizes[] = {48, 48, 96, 6 << 20, 48};
	struct hc_search_options options = {.by = HC_SEARCH_BY_SIZE};
	uint64_t c[5];

	(void)state;
	for (unsigned jobs = 1; jobs <= 3; jobs++) {
		struct fake fake;

		fake_init(&fake, 8, jobs, 4096);
		fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, 5, c);
		fake_seal(&fake);
		for (unsigned i = 0; i < 5; i++)
			strcpy((char *)fake_at(&fake, c[i]), "needle");
		for (uint64_t i = 1; i < 6; i++)
			strcpy((char *)fake_at(&fake, c[3] + (i << 20) - 3), "needle");
		struct hc_search_result result = search(&fake, "needle", &options, NULL);

		assert_int_equal(result.matches, 10);
		assert_int_equal(result.chunks, 5);
		assert_int_equal(result.searched_chunks, 5);
		assert_int_equal(result.groups.num, 3);
		assert_int_equal(result.groups.items[0].key, 6 << 20);
		assert_int_equal(result.groups.items[0].matches, 6);
		assert_int_equal(result.groups.items[0].chunks, 1);
		assert_int_equal(result.groups.items[1].key, 48);
		assert_int_equal(result.groups.items[1].matches, 3);
		assert_int_equal(result.groups.items[1].bytes, 3 * 48);
		hc_search_result_deinit(&result);

		/* One match each; a match that reaches over several windows; and what PCRE2 alone
		 * would find. */
		options.first_only = true;
		result = search(&fake, "needle", &options, NULL);
		assert_int_equal(result.matches, 5);
		hc_search_result_deinit(&result);
		options.first_only = false;
		result = search(&fake, "^needle[\\s\\S]*needle", &options, NULL);
		assert_int_equal(result.matches, 1);
		assert_int_equal(result.groups.items[0].key, 6 << 20);
		hc_search_result_deinit(&result);
		result = search(&fake, "needle(?:[\\s\\S]{32768}){32}", &options, NULL);
		assert_int_equal(result.matches, 3); /* each swallows the next needle */
		hc_search_result_deinit(&result);
		fake_deinit(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literals),     cmocka_unit_test(test_matcher_against_pcre2),
		cmocka_unit_test(test_literal_find), cmocka_unit_test(test_matcher),
		cmocka_unit_test(test_chunks),       cmocka_unit_test(test_within_chunks),
		cmocka_unit_test(test_overflow),     cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_limit),        cmocka_unit_test(test_pattern_kinds),
		cmocka_unit_test(test_parts),        cmocka_unit_test(test_byte_set),
		cmocka_unit_test(test_runs),         cmocka_unit_test(test_groups),
		cmocka_unit_test(test_sieve),        cmocka_unit_test(test_long_subject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
