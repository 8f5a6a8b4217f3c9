/**
 * @file
 * Cells; see cell.h.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/cell.h"
#include "cmd/render/escape.h"
#include "cmd/render/hex.h"
#include "cmd/render/json.h"
#include "cmd/render/units.h"
#include "core/base/format.h"
#include "core/heap/heap.h"

/** @name Copies */
/**@{*/

static const char *copy_text(struct hc_pool *pool, const char *text)
{
	return text ? hc_pool_copy(pool, text, strlen(text)) : NULL;
}

static const struct hc_excerpt *copy_excerpt(struct hc_pool *pool, const struct hc_excerpt *excerpt)
{
	struct hc_excerpt *ret = hc_pool_alloc(pool, sizeof(*ret));

	if (!ret)
		return NULL;
	*ret = *excerpt;
	ret->empty = copy_text(pool, excerpt->empty);
	return ret;
}

struct hc_cell hc_cell_copy(struct hc_pool *pool, const struct hc_cell *cell)
{
	struct hc_cell ret = *cell;

	ret.instead = copy_text(pool, cell->instead);
	switch (cell->kind) {
	case HC_CELL_TEXT:
	case HC_CELL_NAME:
	case HC_CELL_LIST:
		ret.text = copy_text(pool, cell->text);
		ret.title = copy_text(pool, cell->title);
		break;
	case HC_CELL_CONTENT:
		ret.excerpt = copy_excerpt(pool, cell->excerpt);
		break;
	default:
		break;
	}
	return pool->no_memory ? hc_cell_unknown() : ret;
}

/** Where the next cell goes in a format, or its end. */
static const char *next_place(const char *format)
{
	const char *place = strstr(format, "{}");

	return place ? place : format + strlen(format);
}

static size_t count_places(const char *format)
{
	size_t ret = 0;

	while (*(format = next_place(format))) {
		format += 2;
		ret++;
	}
	return ret;
}

struct hc_cell hc_cell_phrase(struct hc_pool *pool, const char *format, const struct hc_cell *cells,
			      size_t num_cells)
{
	struct hc_phrase *phrase = hc_pool_alloc(pool, sizeof(*phrase));
	struct hc_cell *copies = hc_pool_alloc(pool, (num_cells + 1) * sizeof(*copies));

	assert(count_places(format) == num_cells);
	if (!phrase || !copies)
		return hc_cell_unknown();
	for (size_t i = 0; i < num_cells; i++)
		copies[i] = hc_cell_copy(pool, &cells[i]);
	*phrase = (struct hc_phrase){copy_text(pool, format), copies, num_cells};
	return pool->no_memory ? hc_cell_unknown()
			       : (struct hc_cell){.kind = HC_CELL_PHRASE, .phrase = phrase};
}
/**@}*/

/** @name Excerpts */
/**@{*/

/** The low bytes of UTF-16LE code units whose high bytes are 0. */
static struct hc_bytes narrow(struct hc_bytes bytes, uint8_t **owned)
{
	*owned = malloc(bytes.size / 2 + 1);
	if (!*owned)
		return (struct hc_bytes){};
	for (size_t i = 0; i < bytes.size / 2; i++)
		(*owned)[i] = bytes.data[2 * i];
	return (struct hc_bytes){*owned, bytes.size / 2};
}

static char *escape_asked(const struct hc_look *look, const struct hc_excerpt *excerpt,
			  struct hc_bytes bytes, size_t max, unsigned flags)
{
	hc_cleanup_free uint8_t *owned = NULL;

	if (excerpt->wide)
		bytes = narrow(bytes, &owned);
	return excerpt->masks ? hc_policy_escape(&look->policy, bytes, max, flags)
			      : hc_escape(bytes, max, flags);
}

/** Beside the flags of escape.h: what the user named stands out. */
#define EMPHASIS (1u << 16)

/** What the user named, and what stands around it. */
static char *escape_around(const struct hc_look *look, const struct hc_excerpt *excerpt,
			   unsigned flags)
{
	bool emphasis = flags & EMPHASIS && excerpt->asked.size;
	struct hc_bytes bytes = excerpt->bytes, asked = excerpt->asked;
	const uint8_t *end = asked.data + asked.size;
	struct hc_bytes left = {bytes.data, asked.data - bytes.data};
	struct hc_bytes right = {end, bytes.data + bytes.size - end};
	hc_cleanup_free char *before = hc_policy_escape(&look->policy, left, 0, flags);
	hc_cleanup_free char *match = escape_asked(look, excerpt, asked, 0, flags);
	hc_cleanup_free char *after = hc_policy_escape(&look->policy, right, 0, flags);

	if (!before || !match || !after)
		return NULL;
	return hc_format("%s%s%s%s%s", before, emphasis ? "\033[1;31m" : "", match,
			 emphasis ? "\033[0m" : "", after);
}

/** Bytes whose places matter. */
static char *show_binary(const struct hc_look *look, const struct hc_excerpt *excerpt,
			 enum hc_excerpt_form form, size_t max, unsigned flags)
{
	struct hc_bytes bytes = excerpt->bytes;

	/* A word takes three columns at least. */
	if (max && form == HC_EXCERPT_WORDS && bytes.size > max * excerpt->word_size)
		bytes.size = max * excerpt->word_size;
	hc_cleanup_shown struct hc_shown shown =
		hc_policy_show(&look->policy, bytes, HC_MASK_SAME_SIZE);
	return form == HC_EXCERPT_HEX ? hc_hex_digits(shown.bytes)
				      : hc_escape_words(shown.bytes, excerpt->word_size,
							excerpt->big_endian, max, flags);
}

/** Whether a secret is among some bytes. */
static bool has_secret(const struct hc_look *look, struct hc_bytes bytes)
{
	hc_cleanup_shown struct hc_shown shown =
		hc_policy_show(&look->policy, bytes, HC_MASK_SHORT);

	return shown.bytes.size != bytes.size ||
	       memcmp(shown.bytes.data, bytes.data, bytes.size) != 0;
}

/** Whether bytes that were made up are part of a secret that only their place gives away. */
static bool is_part_of_secret(const struct hc_look *look, const struct hc_excerpt *excerpt)
{
	return excerpt->place.size && has_secret(look, excerpt->place) &&
	       !has_secret(look, excerpt->bytes);
}

static char *show_excerpt(const struct hc_look *look, const struct hc_excerpt *excerpt,
			  enum hc_excerpt_form form, size_t max, unsigned flags)
{
	struct hc_bytes bytes = excerpt->bytes, asked = excerpt->asked;

	if (form == HC_EXCERPT_WORDS || form == HC_EXCERPT_HEX)
		return show_binary(look, excerpt, form, max, flags);
	if (is_part_of_secret(look, excerpt))
		return strdup("***");
	if (form == HC_EXCERPT_QUOTED)
		flags |= HC_ESCAPE_QUOTE;
	if (!asked.data)
		return hc_policy_escape(&look->policy, bytes, max, flags);
	if (asked.data == bytes.data && asked.size == bytes.size && !(flags & EMPHASIS))
		return escape_asked(look, excerpt, bytes, max, flags);
	return escape_around(look, excerpt, flags);
}

static char *excerpt_text(const struct hc_look *look, const struct hc_excerpt *excerpt, size_t max)
{
	if (!excerpt->bytes.size && excerpt->empty)
		return strdup(excerpt->empty);
	return show_excerpt(look, excerpt, excerpt->form, excerpt->max ? excerpt->max : max,
			    (look->utf8 ? HC_ESCAPE_UTF8 : 0) |
				    (look->color && excerpt->emphasis ? EMPHASIS : 0));
}

static char *excerpt_data(const struct hc_look *look, const struct hc_excerpt *excerpt)
{
	bool full = look->policy.content == HC_CONTENT_FULL;

	return show_excerpt(look, excerpt, excerpt->data_form, full ? 0 : excerpt->max_data, 0);
}
/**@}*/

static bool is_withheld(const struct hc_look *look, const struct hc_cell *cell)
{
	return look->policy.content < cell->needs;
}

bool hc_cell_shows(const struct hc_look *look, const struct hc_cell *cell)
{
	return is_withheld(look, cell) ? cell->instead != NULL : cell->kind != HC_CELL_UNKNOWN;
}

/** @name For people */
/**@{*/

static char *escape_name(const struct hc_look *look, const struct hc_cell *cell)
{
	return hc_escape_string(cell->title ? cell->title : cell->text,
				HC_ESCAPE_PLAIN | (look->utf8 ? HC_ESCAPE_UTF8 : 0));
}

static char *format_bytes(const struct hc_look *look, uint64_t bytes, const char *unit)
{
	return look->plain_bytes ? hc_format("%" PRIu64 "%s", bytes, unit)
				 : strdup(hc_unit_bytes(bytes).text);
}

/** With its sign; nothing stands before 0. */
static char *format_change(const struct hc_look *look, const struct hc_cell *cell, const char *unit)
{
	int64_t change = cell->number;
	uint64_t size = change < 0 ? -cell->number : cell->number;
	hc_cleanup_free char *text = cell->kind == HC_CELL_CHANGE_BYTES
					     ? format_bytes(look, size, unit)
					     : strdup(hc_unit_count(size).text);
	const char *sign = change < 0 ? "-" : change ? "+" : "";

	return text ? hc_format("%s%s", sign, text) : NULL;
}

/** A known cell that may show. */
static char *known_text(const struct hc_look *look, const struct hc_cell *cell, size_t max,
			const char *unit)
{
	switch (cell->kind) {
	case HC_CELL_TEXT:
	case HC_CELL_NAME:
	case HC_CELL_LIST:
		return escape_name(look, cell);
	case HC_CELL_COUNT:
		return strdup(hc_unit_count(cell->number).text);
	case HC_CELL_NUMBER:
		return hc_format("%" PRIu64, cell->number);
	case HC_CELL_BYTES:
		return format_bytes(look, cell->number, unit);
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
		return format_change(look, cell, unit);
	case HC_CELL_ADDRESS:
		return strdup(hc_unit_address(cell->number).text);
	case HC_CELL_ARENA:
		return strdup(cell->number == HC_ARENA_MMAP ? "mmap"
							    : hc_unit_count(cell->number).text);
	case HC_CELL_BOOL:
		return strdup(cell->number ? "yes" : "no");
	case HC_CELL_SHARE:
		return strdup(hc_unit_share(cell->real).text);
	case HC_CELL_REAL:
		return hc_format("%.6g", cell->real);
	case HC_CELL_CONTENT:
		return excerpt_text(look, cell->excerpt, max);
	case HC_CELL_PHRASE:
		return hc_phrase_to_text(look, cell->phrase);
	case HC_CELL_PLURAL:
		return strdup(cell->number == 1 ? "" : "s");
	case HC_CELL_TIMES:
		return strdup(look->utf8 ? "×" : "x");
	case HC_CELL_UNKNOWN:
	case HC_CELL_BAR:
		break;
	}
	return strdup("");
}

char *hc_cell_to_text(const struct hc_look *look, const struct hc_cell *cell, size_t max)
{
	if (!hc_cell_shows(look, cell))
		return strdup("-");
	return is_withheld(look, cell) ? strdup(cell->instead) : known_text(look, cell, max, "");
}

char *hc_cell_to_words(const struct hc_look *look, const struct hc_cell *cell)
{
	if (!hc_cell_shows(look, cell))
		return strdup("");
	return is_withheld(look, cell) ? strdup(cell->instead) : known_text(look, cell, 0, " B");
}

char *hc_phrase_to_text(const struct hc_look *look, const struct hc_phrase *phrase)
{
	const struct hc_cell *cell = phrase->cells;
	char *ret = NULL;
	size_t size;
	FILE *file = open_memstream(&ret, &size);

	if (!file)
		return NULL;
	for (const char *p = phrase->format; *p;) {
		const char *place = next_place(p);

		fwrite(p, 1, place - p, file);
		if (!*place)
			break;
		p = place + 2;
		if (cell == phrase->cells + phrase->num_cells)
			continue;
		hc_cleanup_free char *words = hc_cell_to_words(look, cell++);
		fputs(words ? words : "(no memory)", file);
	}
	if (!fclose(file))
		return ret;
	free(ret);
	return NULL;
}
/**@}*/

/** @name For programs */
/**@{*/

/** As it is where it can be: other programs open files by these names. */
static char *name_data(const char *text)
{
	return hc_escape_is_needless(text, true) ? strdup(text) : hc_escape_string(text, 0);
}

/** A phrase may hold an excerpt with emphasis, which is for terminals. */
static char *plain_text(const struct hc_look *look, const struct hc_cell *cell)
{
	struct hc_look plain = *look;

	plain.color = false;
	return known_text(&plain, cell, 0, "");
}

char *hc_cell_to_data(const struct hc_look *look, const struct hc_cell *cell)
{
	if (!hc_cell_shows(look, cell))
		return strdup("");
	if (is_withheld(look, cell))
		return strdup(cell->instead);
	switch (cell->kind) {
	case HC_CELL_TEXT:
	case HC_CELL_NAME:
	case HC_CELL_LIST:
		return name_data(cell->text);
	case HC_CELL_COUNT:
	case HC_CELL_BYTES:
		return hc_format("%" PRIu64, cell->number);
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
		return hc_format("%" PRId64, (int64_t)cell->number);
	case HC_CELL_ARENA:
		return cell->number == HC_ARENA_MMAP ? strdup("mmap")
						     : hc_format("%" PRIu64, cell->number);
	case HC_CELL_BOOL:
		return strdup(cell->number ? "true" : "false");
	case HC_CELL_SHARE:
		return hc_format("%.6f", cell->real);
	case HC_CELL_CONTENT:
		return excerpt_data(look, cell->excerpt);
	default:
		return plain_text(look, cell);
	}
}

static json_t *list_json(const char *text)
{
	hc_cleanup_free char *copy = strdup(text);
	json_t *ret = json_array();

	for (char *rest = copy, *item; rest && (item = strsep(&rest, ","));) {
		if (*item)
			json_array_append_new(ret, hc_json_text(item));
	}
	return ret;
}

json_t *hc_cell_to_json(const struct hc_look *look, const struct hc_cell *cell)
{
	hc_cleanup_free char *text = NULL;

	if (!hc_cell_shows(look, cell))
		return json_null();
	if (is_withheld(look, cell))
		return json_string(cell->instead);
	switch (cell->kind) {
	case HC_CELL_TEXT:
	case HC_CELL_NAME:
		return hc_json_text(cell->text);
	case HC_CELL_LIST:
		return list_json(cell->text);
	case HC_CELL_COUNT:
	case HC_CELL_NUMBER:
	case HC_CELL_BYTES:
		return hc_json_number(cell->number);
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
		return json_integer((int64_t)cell->number);
	case HC_CELL_ADDRESS:
		return hc_json_address(cell->number);
	case HC_CELL_ARENA:
		return hc_json_arena(cell->number);
	case HC_CELL_BOOL:
		return json_boolean(cell->number);
	case HC_CELL_SHARE:
		return hc_json_share(cell->real);
	case HC_CELL_REAL:
		return json_real(cell->real);
	default:
		text = hc_cell_to_data(look, cell);
		return text ? hc_json_text(text) : NULL;
	}
}
/**@}*/
