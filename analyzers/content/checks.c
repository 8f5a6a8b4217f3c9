/**
 * @file
 * The table of checks.
 */
#include "analyzers/content/checks.h"

#include "analyzers/content/secret_checks.h"
#include "analyzers/content/wire.h"

static bool is_pointers(const struct hc_check_subject *subject)
{
	return hc_is_pointers(subject->window, subject->mapped, subject->word_size,
			      subject->big_endian);
}

static bool is_small_ints(const struct hc_check_subject *subject)
{
	return hc_is_small_ints(subject->window, subject->big_endian);
}

static bool is_floats(const struct hc_check_subject *subject)
{
	return hc_is_floats(subject->window, subject->big_endian);
}

static bool is_repeated(const struct hc_check_subject *subject)
{
	return hc_is_repeated(subject->window);
}

static bool is_random(const struct hc_check_subject *subject)
{
	return hc_is_random(subject->window);
}

static bool is_utf16(const struct hc_check_subject *subject)
{
	return hc_is_wide_text(subject->window, 2, subject->big_endian);
}

static bool is_utf32(const struct hc_check_subject *subject)
{
	return hc_is_wide_text(subject->window, 4, subject->big_endian);
}

static const struct hc_check checks[] = {
	{"zero", HC_CHECK_ZERO},
	{"text", HC_CHECK_TEXT},
	{"utf8", HC_CHECK_UTF8},
	{"other", HC_CHECK_OTHER},
	{"json", HC_CHECK_RUN, "{[ \t\r\n", hc_is_json},
	{"pointers", HC_CHECK_BYTES, .bytes = is_pointers},
	{"small-ints", HC_CHECK_BYTES, .bytes = is_small_ints},
	{"floats", HC_CHECK_BYTES, .bytes = is_floats},
	{"repeated", HC_CHECK_BYTES, .bytes = is_repeated},
	{"random", HC_CHECK_BYTES, .bytes = is_random},
	{"utf16", HC_CHECK_BYTES, .bytes = is_utf16},
	{"utf32", HC_CHECK_BYTES, .bytes = is_utf32},
	{"mysql", HC_CHECK_BYTES, .bytes = hc_is_mysql},
	{"postgres", HC_CHECK_BYTES, .bytes = hc_is_postgres},
	{"protobuf", HC_CHECK_BYTES, .bytes = hc_is_protobuf},
	{"msgpack", HC_CHECK_BYTES, .bytes = hc_is_msgpack},
	{"kafka", HC_CHECK_BYTES, .bytes = hc_is_kafka},
	{"mqtt", HC_CHECK_BYTES, .bytes = hc_is_mqtt},
	{"dns", HC_CHECK_BYTES, .bytes = hc_is_dns},
	{"tls", HC_CHECK_BYTES, .bytes = hc_is_tls},
	{"luhn", HC_CHECK_SECRET, .secret = hc_secret_luhn},
	{"iban", HC_CHECK_SECRET, .secret = hc_secret_iban},
	{"sql-insert", HC_CHECK_SECRET, .secret = hc_secret_sql_insert},
};

const struct hc_check *hc_check_find(const char *name)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (!strcmp(checks[i].name, name))
			return &checks[i];
	}
	return NULL;
}
