/**
 * @file
 * Literal sets: the same answers from each engine as from a plain search, and signatures that they
 * stand in front of accept exactly what PCRE2 accepts.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "analyzers/content/classifier.h"
#include "analyzers/pattern/literal_set.h"
#include "analyzers/content/signature_set.h"

static const enum hc_literal_engine engines[] = {HC_LITERALS_ONE_BY_ONE, HC_LITERALS_AUTO,
						 HC_LITERALS_ONE_PASS};

#define NUM_ENGINES 3

/** Whether there is an engine; names the one that is missing. */
static bool has_engine(enum hc_literal_engine engine)
{
	return engine != HC_LITERALS_ONE_PASS || hc_literal_scanner_version();
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

#define NUM_LISTS 40
/** NUL, what differs by the bit of the case only, and bytes that no text has. */
static const char alphabet[] = "aAbB@`[{\0\n\xff ";

static void random_bytes(uint32_t *seed, uint8_t *ret, size_t size, unsigned letters)
{
	for (size_t i = 0; i < size; i++)
		ret[i] = alphabet[next_random(seed) % letters];
}

static void random_list(uint32_t *seed, unsigned letters, struct hc_literals *ret)
{
	*ret = (struct hc_literals){.num = next_random(seed) % 4,
				    .ignore_case = next_random(seed) % 3 == 0};
	for (size_t i = 0; i < ret->num; i++) {
		struct hc_literal *literal = &ret->items[i];

		literal->size = 1 + next_random(seed) % (next_random(seed) % 4 ? 7 : 40);
		random_bytes(seed, literal->bytes, literal->size, letters);
		for (size_t k = 0; ret->ignore_case && k < literal->size; k++) {
			if (literal->bytes[k] >= 'A' && literal->bytes[k] <= 'Z')
				literal->bytes[k] |= 0x20;
		}
		hc_literal_choose_probes(literal);
	}
}

static bool holds_at(const struct hc_literal *literal, bool ignore_case, const uint8_t *pos)
{
	for (size_t i = 0; i < literal->size; i++) {
		uint8_t byte = pos[i];

		if (ignore_case && byte >= 'A' && byte <= 'Z')
			byte |= 0x20;
		if (byte != literal->bytes[i])
			return false;
	}
	return true;
}

static bool plainly_holds(const struct hc_literals *list, struct hc_bytes bytes)
{
	for (size_t i = 0; i < list->num; i++) {
		const struct hc_literal *literal = &list->items[i];

		for (size_t at = 0; at + literal->size <= bytes.size; at++) {
			if (holds_at(literal, list->ignore_case, bytes.data + at))
				return true;
		}
	}
	return !list->num;
}

/** Ask everything about bytes that end where their memory ends. @return answers "yes" */
static unsigned ask_all(struct hc_literal_scan *scan, const struct hc_literals *lists,
			const uint8_t *data, size_t size, size_t most)
{
	uint8_t *copy = memcpy(malloc(size + !size), data, size);
	struct hc_bytes bytes = {copy, size};
	unsigned held = 0;

	hc_literal_scan_begin(scan, bytes, most);
	for (unsigned twice = 0; twice < 2; twice++) {
		for (size_t i = 0; i < NUM_LISTS; i++) {
			bool expected = plainly_holds(&lists[i], bytes);

			assert_int_equal(hc_literal_scan_holds(scan, i), expected);
			held += expected;
		}
	}
	free(copy);
	return held;
}

static void test_engines_agree(void **state)
{
	static struct hc_literals lists[NUM_LISTS];
	const struct hc_literals *pointers[NUM_LISTS];
	uint32_t seed = 4711;
	unsigned asked = 0, held = 0, scanned = 0;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		enum hc_literal_engine engine = engines[round % NUM_ENGINES];
		unsigned letters = 1 + next_random(&seed) % (sizeof(alphabet) - 1);
		struct hc_literal_set *set;
		struct hc_literal_scan *scan;

		for (size_t i = 0; i < NUM_LISTS; i++) {
			random_list(&seed, letters, &lists[i]);
			pointers[i] = &lists[i];
		}
		if (!has_engine(engine)) {
			assert_fails(hc_literal_set_create(pointers, NUM_LISTS, engine, &set),
				     HC_ERROR_ARGUMENT, "not built in");
			continue;
		}
		assert_ok(hc_literal_set_create(pointers, NUM_LISTS, engine, &set));
		assert_ok(hc_literal_scan_create(set, &scan));
		scanned += hc_literal_set_has_scanner(set);
		for (unsigned k = 0; k < 20; k++) {
			uint8_t data[600];
			size_t size = next_random(&seed) % (k % 4 ? 60 : sizeof(data));

			random_bytes(&seed, data, size, letters);
			held += ask_all(scan, lists, data, size, next_random(&seed) % 50);
			asked += 2 * NUM_LISTS;
		}
		hc_literal_scan_destroy(scan);
		hc_literal_set_destroy(set);
	}
	assert_true(held > asked / 10 && held < asked * 9 / 10);
	assert_true(scanned > (hc_literal_scanner_version() ? 150 : 0) ||
		    !hc_literal_scanner_version());
}

/** More than are scanned for, from the longest to those that are never. */
static void test_many(void **state)
{
	enum { MANY = HC_LITERAL_SET_MAX_SCANNED + 200 };
	struct hc_literals *lists = calloc(MANY, sizeof(*lists));
	const struct hc_literals **pointers = calloc(MANY, sizeof(*pointers));

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		struct hc_literal *literal = &lists[i].items[0];

		pointers[i] = &lists[i];
		lists[i].num = 1;
		literal->size = sprintf((char *)literal->bytes, "%s%zu.", i % 7 ? "item" : "", i);
		hc_literal_choose_probes(literal);
	}
	for (unsigned e = 0; e < NUM_ENGINES; e++) {
		struct hc_literal_set *set;
		struct hc_literal_scan *scan;

		if (!has_engine(engines[e]))
			continue;
		assert_ok(hc_literal_set_create(pointers, MANY, engines[e], &set));
		assert_ok(hc_literal_scan_create(set, &scan));
		for (size_t i = 0; i < MANY; i += 17) {
			char text[64];
			size_t size = sprintf(text, "one item%zu. and item%zu.", i, i / 2);

			hc_literal_scan_begin(scan, (struct hc_bytes){(uint8_t *)text, size}, MANY);
			for (size_t k = 0; k < MANY; k++)
				assert_int_equal(hc_literal_scan_holds(scan, k),
						 strstr(text, (char *)lists[k].items[0].bytes) !=
							 NULL);
		}
		hc_literal_scan_destroy(scan);
		hc_literal_set_destroy(set);
	}
	free(pointers);
	free(lists);
}

/** Literals that overlap themselves, over bytes that are full of them: a scan is given up. */
static void test_dense(void **state)
{
	static struct hc_literals lists[NUM_LISTS];
	const struct hc_literals *pointers[NUM_LISTS];
	uint8_t text[4096];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[4000] = 'b';
	for (size_t i = 0; i < NUM_LISTS; i++) {
		struct hc_literal *literal = &lists[i].items[0];

		pointers[i] = &lists[i];
		lists[i].num = 1;
		literal->size = 4 + 3 * i;
		memset(literal->bytes, 'a', literal->size);
		literal->bytes[0] = i % 2 ? 'b' : 'a';
		hc_literal_choose_probes(literal);
	}
	for (unsigned e = 0; e < NUM_ENGINES; e++) {
		struct hc_literal_set *set;
		struct hc_literal_scan *scan;

		if (!has_engine(engines[e]))
			continue;
		assert_ok(hc_literal_set_create(pointers, NUM_LISTS, engines[e], &set));
		assert_ok(hc_literal_scan_create(set, &scan));
		ask_all(scan, lists, text, sizeof(text), 100);
		hc_literal_scan_destroy(scan);
		hc_literal_set_destroy(set);
	}
}

/** A pattern that often has literals, sometimes several, sometimes none. */
static void random_pattern(uint32_t *seed, char *ret)
{
	static const char *const pieces[] = {
		"abcd",      "(?:bca|cabd)", "a+",         "[ab]",     "(?<=a)",      "dd?",
		"(?!b)",     "bb{0,2}",      "(?i:bacd)",  "(?=abc)",  "(?>a*)b",     "ac|bdba",
		"(a|(bb))",  "\\Kcab",       "\\Qabca\\E", ".*acbd",   "(?i)",        "d.c",
		"(abca|d)?", "[^d]bad",      "\\bcd",      "(a)\\1cd", "(?:dabc){2}", "^",
	};
	unsigned num = 1 + next_random(seed) % 4;

	*ret = 0;
	while (num--)
		strcat(ret, pieces[next_random(seed) % (sizeof(pieces) / sizeof(*pieces))]);
	/* Patterns that match nothing at all are refused. */
	strcat(ret, "[abcd]");
}

#define CLASSES 40

/** A set of random signatures, of texts or of bytes. */
static struct hc_signatures *random_signatures(uint32_t *seed, bool text)
{
	struct hc_signatures *signatures;
	char *file = calloc(CLASSES, 1024);

	for (unsigned i = 0; i < CLASSES; i++) {
		char *end = file + strlen(file);

		end += sprintf(end,
			       "[s%u]\ndescription=d\npriority=%u\nkind=%s\nevidence=any\n"
			       "anchor=%s\n",
			       i, 999 - i, text ? "text" : "bytes",
			       text && next_random(seed) % 3 == 0 ? "start" : "anywhere");
		if (next_random(seed) % 4 == 0)
			end += sprintf(end, "needs=%s\n", next_random(seed) % 2 ? "abdc" : "c");
		for (unsigned k = 1 + next_random(seed) % 2; k > 0; k--) {
			char pattern[128];

			random_pattern(seed, pattern);
			end += sprintf(end, "pattern=%s\n", pattern);
		}
	}
	assert_ok(hc_signatures_parse(
		"random.ini", (struct hc_bytes){(uint8_t *)file, strlen(file)}, &signatures));
	free(file);
	return signatures;
}

static bool pcre2_accepts(const struct hc_signature *signature, struct hc_signature_match *match,
			  struct hc_bytes subject)
{
	bool needed = !signature->needed.num;

	for (size_t i = 0; i < signature->needed.num; i++) {
		const struct hc_literal *literal = &signature->needed.items[i];

		needed |= memmem(subject.data, subject.size, literal->bytes, literal->size) != NULL;
	}
	for (size_t i = 0; needed && i < signature->num_patterns; i++) {
		if (pcre2_match(signature->patterns[i].code, subject.data, subject.size, 0, 0,
				match->data, NULL) >= 0)
			return true;
	}
	return false;
}

/** The first class with a pattern that matches, by PCRE2 alone. */
static hc_class_id first_class(const struct hc_signatures *signatures,
			       struct hc_signature_match *match, struct hc_bytes subject)
{
	for (size_t i = 1; i < signatures->num_classes; i++) {
		if (pcre2_accepts(&signatures->classes[i], match, subject))
			return i;
	}
	return HC_CLASS_OTHER;
}

/** One set, one engine, some texts of one run each. @return how many have a class */
static unsigned classify_all(const struct hc_signatures *signatures, enum hc_literal_engine engine,
			     uint32_t seed)
{
	struct hc_process process = {.memory.word_size = 8, .jobs = 1};
	struct hc_classifier *classifier;
	struct hc_classifier_scratch *scratch;
	struct hc_signature_match match;
	unsigned found = 0;

	assert_ok(hc_signature_match_init(&match));
	assert_ok(hc_classifier_create(&process, NULL, signatures, engine, &classifier));
	assert_ok(hc_classifier_scratch_create(classifier, &scratch));
	for (unsigned k = 0; k < 150; k++) {
		uint8_t text[90];
		struct hc_bytes subject = {text, 4 + next_random(&seed) % (sizeof(text) - 4)};

		for (size_t i = 0; i < subject.size; i++)
			text[i] = "abcdABcdd"[next_random(&seed) % 9];
		hc_class_id expected = first_class(signatures, &match, subject);

		assert_int_equal(hc_classify(classifier, scratch, subject), expected);
		found += expected != HC_CLASS_OTHER;
	}
	hc_signature_match_deinit(&match);
	hc_classifier_scratch_destroy(scratch);
	hc_classifier_destroy(classifier);
	return found;
}

static void test_signatures_against_pcre2(void **state)
{
	uint32_t seed = 815;
	unsigned found = 0;

	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct hc_signatures *signatures = random_signatures(&seed, round % 2);

		for (unsigned e = 0; e < NUM_ENGINES; e++) {
			if (has_engine(engines[e]))
				found += classify_all(signatures, engines[e], seed);
		}
		hc_signatures_destroy(signatures);
	}
	assert_true(found > 60 * 100);
}

/** Named, so that a build without the library says what it did not test. */
static void test_one_pass(void **state)
{
	(void)state;
	if (!hc_literal_scanner_version()) {
		print_message("one pass: Vectorscan is not built in, or not for this processor\n");
		skip();
	}
	assert_int_equal(strncmp(hc_literal_scanner_version(), "libhs ", 6), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_engines_agree),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_dense),
		cmocka_unit_test(test_signatures_against_pcre2),
		cmocka_unit_test(test_one_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
