/**
 * @file
 * Secrets: what is masked, to the byte, and that ordinary text stays as it is.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "analyzers/content/secrets.h"
#include "core/base/cleanup.h"

struct tools {
	struct hc_signatures *signatures;
	struct hc_masker *masker;
};

static int setup(void **state)
{
	struct tools *tools = calloc(1, sizeof(*tools));

	assert_ok(hc_signatures_create(NULL, 0, &tools->signatures));
	assert_ok(hc_masker_create(tools->signatures, &tools->masker));
	*state = tools;
	return 0;
}

static int teardown(void **state)
{
	struct tools *tools = *state;

	hc_masker_destroy(tools->masker);
	hc_signatures_destroy(tools->signatures);
	free(tools);
	return 0;
}

static char *mask(const struct tools *tools, const char *text, size_t *num_ret)
{
	const struct hc_bytes bytes = {(const uint8_t *)text, strlen(text)};
	struct hc_masked masked;

	assert_ok(hc_masker_mask(tools->masker, bytes, bytes, HC_MASK_SHORT, &masked));
	if (num_ret)
		*num_ret = masked.num;
	return (char *)masked.bytes;
}

static void test_masked(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{"pay 4111 1111 1111 1111 now", "pay *** now"},
		{"pay 4111 1111 1111 1112 now", "pay 4111 1111 1111 1112 now"},
		{"pan=378282246310005&x=1", "pan=***&x=1"},
		{"to DE89 3704 0044 0532 0130 00 by noon", "to *** by noon"},
		{"to DE89 3704 0044 0532 0130 01 by noon",
		 "to DE89 3704 0044 0532 0130 01 by noon"},
		{"ssn 078-05-1120.", "ssn ***."},
		{"mysql -u root -phunter2 shop", "mysql -u root -p*** shop"},
		{"mysql --port 3306 -u root shop", "mysql --port 3306 -u root shop"},
		{"server --db-password hunter2 --port 80", "server --db-password *** --port 80"},
		{"server --db-password=hunter2 --port 80", "server --db-password=*** --port 80"},
		{"{\"pin\": 4711, \"cvv\":\"123\"}", "{\"pin\": ***, \"cvv\":\"***\"}"},
		{"INSERT INTO u (name, password, mail) VALUES ('joe', 'hun''ter2', 'a@b.c')",
		 "INSERT INTO u (name, password, mail) VALUES ('joe', '***', 'a@b.c')"},
		{"insert into u(id,pin) values (1, 4711), (2, 815)",
		 "insert into u(id,pin) values (1, ***), (2, ***)"},
		{"INSERT INTO u (a, token, b) VALUES (f(1, 2), 'x', 3)",
		 "INSERT INTO u (a, token, b) VALUES (f(1, 2), '***', 3)"},
		{"INSERT INTO opinions (opinion, spin) VALUES ('good', 1)",
		 "INSERT INTO opinions (opinion, spin) VALUES ('good', 1)"},
		{"INSERT INTO u (password) VALUES ('cut of",
		 "INSERT INTO u (password) VALUES ('***"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hc_cleanup_free char *shown = mask(*state, cases[i].text, NULL);

		assert_string_equal(shown, cases[i].shown);
	}
}

/** Every prefix of hostile pieces of SQL is read within its bounds: for the sanitizers. */
static void test_cut_anywhere(void **state)
{
	static const char text[] =
		"insert into a (pin,\"x,y\",pwd) values ('\\', ''',((((1,2)))),'), ()) ,(,,,'";

	for (size_t size = 0; size < sizeof(text); size++) {
		hc_cleanup_free char *part = strndup(text, size);
		hc_cleanup_free char *shown = mask(*state, part, NULL);

		assert_non_null(shown);
	}
}

/** Numbers, logs, prose, code and paths that look a little like secrets. */
static void test_ordinary_text(void **state)
{
	static const char *const texts[] = {
		"2026-11-28T14:25:41.123456789Z INFO request 1732803941123456 took 0.000412 s",
		"GET /orders/4111111111111113?page=2&size=50 HTTP/1.1",
		"uuid 123e4567-e89b-12d3-a456-426614174000 node 6011-1111-1111-1118",
		"AB12 is a place; BE71 0961 2345 6760 is none of theirs",
		"0x4111111111111111 18446744073709551615 9007199254740993",
		"spinlock: spin=12345 on cpu 3; the cvs tree; a botanist; ping=1234",
		"phone 555-01-23456, part 000-12-3456, 12-34-5678",
		"mkdir -pv build && cp -p a b; ssh -p 2222 host; mysql.server start -position",
		"INSERT INTO passengers (name, compass) VALUES ('joe', 'north')",
		"passed: 12, passing: 3, token ring, the secret of monkey island, keyboard",
		"the glpat prefix, sk_test data, whsec what, npm_config_user_agent=npm",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t num = 0;
		hc_cleanup_free char *shown = mask(*state, texts[i], &num);

		assert_string_equal(shown, texts[i]);
		assert_int_equal(num, 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masked),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_ordinary_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
