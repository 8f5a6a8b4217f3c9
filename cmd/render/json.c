/**
 * @file
 * JSON with Jansson; see json.h.
 */
#include "core/heap/heap.h"
#include "cmd/render/escape.h"
#include "cmd/render/json.h"
#include "cmd/render/units.h"
#include "core/heap/heap.h"

json_t *hc_json_number(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

json_t *hc_json_address(uint64_t address)
{
	return json_string(hc_unit_address(address).text);
}

json_t *hc_json_text(const char *text)
{
	if (!text)
		return json_null();
	if (hc_escape_is_needless(text, false))
		return json_string(text);
	hc_cleanup_free char *escaped = hc_escape_string(text, 0);
	return escaped ? json_string(escaped) : NULL;
}

json_t *hc_json_share(double share)
{
	/* What is no share stays as it is: its digits may be more than an integer has. */
	if (!(share >= 0 && share <= 1))
		return json_real(share);
	return json_real((int64_t)(share * 1e6 + 0.5) / 1e6);
}

json_t *hc_json_arena(uint32_t arena)
{
	return arena == HC_ARENA_MMAP ? json_string("mmap") : json_integer(arena);
}

static struct hc_error *write_json(struct hc_output *out, const json_t *json, size_t flags)
{
	if (!json)
		return &hc_enomem;
	/*
	 * A failed write shows in the stream's error flag and is reported when the output is
	 * closed.
	 */
	json_dumpf(json, out->file, flags);
	fputc('\n', out->file);
	return NULL;
}

struct hc_error *hc_json_write(struct hc_output *out, const json_t *document)
{
	return write_json(out, document, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
}

struct hc_error *hc_json_write_exactly(struct hc_output *out, const json_t *document)
{
	return write_json(out, document, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
}

struct hc_error *hc_json_write_line(struct hc_output *out, const json_t *object)
{
	return write_json(out, object, JSON_COMPACT | JSON_REAL_PRECISION(6));
}
