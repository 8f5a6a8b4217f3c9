/**
 * @file
 * Saved reports; see report.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/render/escape.h"
#include "cmd/render/saved.h"
#include "cmd/verb.h"
#include "cmd/verbs/report.h"
#include "core/base/array.h"
#include "core/base/format.h"

/** Columns and runs of a map, at most. */
#define MAX_MAP (1u << 17)
/** Objects within objects that are shown; documents of heapcore have five at most. */
#define MAX_DEPTH 8
#define MAX_SECTIONS 64

/** @name The map */
/**@{*/

static json_t *layers_json(const uint64_t layers[HC_NUM_MAP_LAYERS])
{
	json_t *ret = json_array();

	for (unsigned i = 0; i < HC_NUM_MAP_LAYERS; i++)
		json_array_append_new(ret, hc_json_number(layers[i]));
	return ret;
}

static json_t *strip_json(const struct hc_heap_map *map, const struct hc_map_strip *strip)
{
	json_t *columns = json_array(), *runs = json_array();

	for (size_t i = 0; i < strip->num_columns; i++)
		json_array_append_new(columns,
				      layers_json(map->columns[strip->first_column + i].bytes));
	for (size_t i = 0; i < strip->num_runs; i++) {
		const struct hc_map_run *run = &map->runs[strip->first_run + i];
		json_array_append_new(runs, json_pack("[o, o]", hc_json_address(run->start),
						      hc_json_number(run->bytes)));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "arena", hc_json_arena(strip->arena), "bytes",
			 hc_json_number(strip->bytes), "layers", layers_json(strip->layers),
			 "columns", columns, "runs", runs);
}

static json_t *map_json(const struct hc_heap_map *map)
{
	json_t *strips = json_array();

	for (size_t i = 0; i < map->num_strips; i++)
		json_array_append_new(strips, strip_json(map, &map->strips[i]));
	return json_pack("{s:o, s:o, s:o, s:o}", "column_bytes", hc_json_number(map->column_bytes),
			 "left_out", hc_json_number(map->left_out), "left_out_bytes",
			 hc_json_number(map->left_out_bytes), "strips", strips);
}

/** @param most that all of them together may be */
static bool read_layers(const json_t *saved, uint64_t most, uint64_t ret[HC_NUM_MAP_LAYERS])
{
	uint64_t left = most;

	for (unsigned i = 0; i < HC_NUM_MAP_LAYERS; i++) {
		if (!hc_saved_integer(json_array_get(saved, i), &ret[i]) || ret[i] > left)
			return false;
		left -= ret[i];
	}
	return true;
}

static struct hc_error *read_columns(const json_t *saved, struct hc_map_strip *strip,
				     struct hc_heap_map *map)
{
	strip->first_column = map->num_columns;
	strip->num_columns = json_array_size(saved);
	if (!strip->num_columns || strip->num_columns > MAX_MAP - map->num_columns)
		return hc_saved_damaged("columns of the map");
	for (size_t i = 0; i < strip->num_columns; i++) {
		struct hc_error *err =
			hc_array_reserve(&map->columns, map->num_columns, sizeof(*map->columns));
		if (err)
			return err;
		if (!read_layers(json_array_get(saved, i), map->column_bytes,
				 map->columns[map->num_columns++].bytes))
			return hc_saved_damaged("a column of the map");
	}
	return NULL;
}

static struct hc_error *read_runs(const json_t *saved, struct hc_map_strip *strip,
				  struct hc_heap_map *map)
{
	strip->first_run = map->num_runs;
	strip->num_runs = json_array_size(saved);
	if (strip->num_runs > MAX_MAP - map->num_runs)
		return hc_saved_damaged("runs of the map");
	for (size_t i = 0; i < strip->num_runs; i++) {
		const json_t *run = json_array_get(saved, i);
		struct hc_error *err =
			hc_array_reserve(&map->runs, map->num_runs, sizeof(*map->runs));
		if (err)
			return err;
		struct hc_map_run *ret = &map->runs[map->num_runs++];
		if (!hc_saved_address(json_array_get(run, 0), &ret->start) ||
		    !hc_saved_integer(json_array_get(run, 1), &ret->bytes))
			return hc_saved_damaged("a run of the map");
	}
	return NULL;
}

static struct hc_error *read_strip(const json_t *saved, struct hc_heap_map *map)
{
	struct hc_error *err =
		hc_array_reserve(&map->strips, map->num_strips, sizeof(*map->strips));
	uint64_t number;

	if (err)
		return err;
	struct hc_map_strip *strip = &map->strips[map->num_strips++];
	*strip = (struct hc_map_strip){0};
	if (!hc_saved_arena(json_object_get(saved, "arena"), &number) ||
	    !hc_saved_integer(json_object_get(saved, "bytes"), &strip->bytes) ||
	    !read_layers(json_object_get(saved, "layers"), INT64_MAX, strip->layers))
		return hc_saved_damaged("a strip of the map");
	strip->arena = number;
	err = read_columns(json_object_get(saved, "columns"), strip, map);
	return err ? err : read_runs(json_object_get(saved, "runs"), strip, map);
}

static struct hc_error *read_map(const json_t *saved, struct hc_heap_map *map)
{
	const json_t *strips = json_object_get(saved, "strips");
	struct hc_error *err = NULL;
	uint64_t left_out;

	if (!hc_saved_integer(json_object_get(saved, "column_bytes"), &map->column_bytes) ||
	    !map->column_bytes ||
	    !hc_saved_integer(json_object_get(saved, "left_out"), &left_out) ||
	    !hc_saved_integer(json_object_get(saved, "left_out_bytes"), &map->left_out_bytes) ||
	    json_array_size(strips) > HC_MAP_MAX_STRIPS)
		return hc_saved_damaged("the map");
	map->left_out = left_out;
	for (size_t i = 0; !err && i < json_array_size(strips); i++)
		err = read_strip(json_array_get(strips, i), map);
	return err;
}
/**@}*/

struct hc_error *hc_report_section_json(const struct hc_report_section *section,
					const struct hc_view *view, size_t max_rows, json_t **ret)
{
	hc_cleanup_json json_t *object =
		json_pack("{s:s, s:s, s:o}", "id", section->id, "title", section->title, "command",
			  hc_saved_json(section->command));
	json_t *nodes = NULL;
	struct hc_error *err = hc_saved_write(section->doc, view, max_rows, &nodes);

	if (err)
		return err;
	int failed = json_object_set_new(object, "nodes", nodes);
	if (section->map)
		failed |= json_object_set_new(object, "map", map_json(section->map));
	if (failed)
		return &hc_enomem;
	*ret = hc_steal(object);
	return NULL;
}

/** @name Other documents: facts and tables by their keys */
/**@{*/

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), end_size = strlen(end);

	return size >= end_size && !strcmp(text + size - end_size, end);
}

/** What kind of number stands behind a key. */
static enum hc_cell_kind kind_of_key(const char *key)
{
	return ends_with(key, "bytes") || !strcmp(key, "size") ? HC_CELL_BYTES
	       : ends_with(key, "share")                       ? HC_CELL_SHARE
	       : ends_with(key, "s")                           ? HC_CELL_COUNT
							       : HC_CELL_NUMBER;
}

/** "a, b, c" of the plain values of an array, and how many others there are. */
static struct hc_cell list_cell(struct hc_document *doc, const json_t *array)
{
	hc_cleanup_free char *text = NULL;
	size_t size, others = 0;
	const char *comma = "";
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return hc_cell_unknown();
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);
		hc_cleanup_free char *other =
			json_is_string(item) || json_is_object(item) || json_is_array(item)
				? NULL
				: json_dumps(item, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
		const char *plain = json_is_string(item) ? json_string_value(item) : other;

		others += !plain;
		if (plain) {
			fprintf(file, "%s%s", comma, plain);
			comma = ", ";
		}
	}
	if (others)
		fprintf(file, "%s%zu more", comma, others);
	if (fclose(file))
		return hc_cell_unknown();
	return json_array_size(array) ? hc_cell_name(hc_saved_text(doc, text)) : hc_cell_unknown();
}

/** A value, as its key says; what is an object is unknown. */
static struct hc_cell plain_cell(struct hc_document *doc, const char *key, const json_t *value)
{
	enum hc_cell_kind kind = kind_of_key(key);

	if (json_is_string(value))
		return hc_cell_name(hc_saved_text(doc, json_string_value(value)));
	if (json_is_boolean(value))
		return hc_cell_bool(json_is_true(value));
	if (json_is_array(value))
		return list_cell(doc, value);
	if (json_is_real(value) && json_real_value(value) <= 1 && json_real_value(value) >= 0 &&
	    kind == HC_CELL_SHARE)
		return hc_cell_share(json_real_value(value));
	if (json_is_real(value))
		return hc_cell_real(json_real_value(value));
	if (!json_is_integer(value))
		return hc_cell_unknown();
	json_int_t number = json_integer_value(value);
	if (number < 0)
		return kind == HC_CELL_BYTES ? hc_cell_change_bytes(number)
					     : hc_cell_change(number);
	return (struct hc_cell){.kind = kind == HC_CELL_SHARE ? HC_CELL_NUMBER : kind,
				.number = number};
}

/** "dumped bytes" of dumped_bytes. */
static const char *words_of(struct hc_document *doc, const char *key)
{
	const char *safe = hc_saved_text(doc, key);
	char *ret = hc_pool_copy(&doc->pool, safe, strlen(safe));

	for (char *c = ret; c && *c; c++)
		*c = *c == '_' ? ' ' : *c;
	return ret ? ret : "";
}

/** Keys of all objects of an array, in the order in which they come up. */
static size_t collect_keys(const json_t *array, const char *keys[HC_MAX_COLUMNS])
{
	hc_cleanup_json json_t *seen = json_object();
	size_t num = 0;

	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *row = json_array_get(array, i), *value;
		const char *key;

		json_object_foreach(row, key, value)
		{
			if (num == HC_MAX_COLUMNS || json_is_object(value) ||
			    json_object_get(seen, key))
				continue;
			keys[num++] = key;
			json_object_set_new(seen, key, json_true());
		}
	}
	return num;
}

/** The kind that a column has in most rows; only what is aligned hangs on it. */
static enum hc_cell_kind column_kind(const json_t *array, const char *key)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *value = json_object_get(json_array_get(array, i), key);

		if (json_is_integer(value))
			return kind_of_key(key) == HC_CELL_SHARE ? HC_CELL_NUMBER
								 : kind_of_key(key);
		if (json_is_real(value))
			return HC_CELL_REAL;
		if (value && !json_is_null(value))
			return HC_CELL_NAME;
	}
	return HC_CELL_NAME;
}

static struct hc_error *describe_rows(struct hc_document *doc, const char *title,
				      const json_t *array)
{
	const char *keys[HC_MAX_COLUMNS];
	size_t num = collect_keys(array, keys);
	struct hc_column *columns = hc_pool_alloc(&doc->pool, (num + 1) * sizeof(*columns));
	struct hc_shape *shape = hc_pool_alloc(&doc->pool, sizeof(*shape));

	if (!columns || !shape)
		return &hc_enomem;
	if (!num)
		return NULL;
	for (size_t i = 0; i < num; i++)
		columns[i] = (struct hc_column){.name = hc_saved_text(doc, keys[i]),
						.title = words_of(doc, keys[i]),
						.kind = column_kind(array, keys[i])};
	*shape = (struct hc_shape){.name = title, .columns = columns, .num_columns = num};
	HC_HEADING(doc, "{}", hc_cell_name(title));
	struct hc_table *table = hc_add_text_table(doc, shape);
	for (size_t r = 0; r < json_array_size(array); r++) {
		hc_table_add_row(table);
		for (size_t i = 0; i < num; i++)
			hc_table_cell(
				table, i,
				plain_cell(doc, keys[i],
					   json_object_get(json_array_get(array, r), keys[i])));
	}
	return NULL;
}

static bool has_rows(const json_t *value)
{
	return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

/** What every document begins with is said elsewhere. */
static bool is_head(const char *key, unsigned depth)
{
	return !depth && (!strcmp(key, "schema") || !strcmp(key, "core") ||
			  !strcmp(key, "partial") || !strcmp(key, "remarks"));
}

/** Facts first, then what has a heading. @param prefix of headings: "accounting, " */
static struct hc_error *describe(struct hc_document *doc, json_t *object, const char *prefix,
				 unsigned depth)
{
	struct hc_error *err = NULL;
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (!is_head(key, depth) && !json_is_object(value) && !has_rows(value))
			hc_fact(doc, NULL, words_of(doc, key), plain_cell(doc, key, value));
	}
	json_object_foreach(object, key, value)
	{
		if (err || (!json_is_object(value) && !has_rows(value)))
			continue;
		hc_cleanup_free char *joined = hc_format("%s%s", prefix, words_of(doc, key));
		hc_cleanup_free char *below = joined ? hc_format("%s, ", joined) : NULL;
		if (!below)
			return &hc_enomem;
		const char *title = hc_pool_copy(&doc->pool, joined, strlen(joined));
		if (has_rows(value))
			err = describe_rows(doc, title ? title : "", value);
		else if (depth + 1 < MAX_DEPTH) {
			HC_HEADING(doc, "{}", hc_cell_name(title));
			err = describe(doc, value, below, depth + 1);
		}
	}
	return err;
}

static struct hc_error *describe_other(const struct hc_saved_report *saved, struct hc_document *doc)
{
	const char *verdict = json_string_value(json_object_get(saved->root, "verdict"));
	const json_t *remarks = json_object_get(saved->root, "remarks");

	if (json_is_true(json_object_get(saved->root, "partial")))
		HC_SAY_AT(doc, hc_margin("PARTIAL: ", 0, true),
			  "the answer may lack something: the core was cut short or damaged");
	if (verdict)
		HC_SAY_STRONG(doc, "Verdict: {}.", hc_cell_name(hc_saved_text(doc, verdict)));
	for (size_t i = 0; i < json_array_size(remarks); i++) {
		const char *remark = json_string_value(json_array_get(remarks, i));
		HC_LINE(doc, "{}", hc_cell_name(hc_saved_text(doc, remark ? remark : "")));
	}
	return describe(doc, saved->root, "", 0);
}
/**@}*/

/** @name Files */
/**@{*/

bool hc_saved_report_is(const struct hc_input_file *input)
{
	char head[256];
	ssize_t size = pread(input->fd, head, sizeof(head), 0);
	ssize_t i = 0;

	if (input->kind != HC_INPUT_TEXT && input->kind != HC_INPUT_UNKNOWN)
		return false;
	while (i < size && strchr(" \t\r\n", head[i]))
		i++;
	return i < size && head[i] == '{';
}

/** What the parser says, in words of what to do. */
static struct hc_error *refuse_json(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_out_of_memory:
		return &hc_enomem;
	case json_error_premature_end_of_input:
		return hc_error_create(HC_ERROR_FORMAT,
				       "ends in the middle of line %d; copy it again", error->line);
	case json_error_end_of_input_expected:
		return hc_error_create(HC_ERROR_FORMAT,
				       "has more than one document, from line %d on; a report is "
				       "of one, not of JSON Lines",
				       error->line);
	case json_error_stack_overflow:
		return hc_error_create(HC_ERROR_FORMAT,
				       "has values within values deeper than %d; no document of "
				       "heapcore has",
				       JSON_PARSER_MAX_DEPTH);
	default:
		return hc_error_create(HC_ERROR_FORMAT,
				       "is no JSON at line %d, column %d; give a core, or what "
				       "heapcore wrote as JSON",
				       error->line, error->column);
	}
}

static struct hc_error *read_json(const struct hc_input_file *input, json_t **ret)
{
	json_error_t error;

	if (input->size > HC_MAX_SAVED_REPORT)
		return hc_error_create(HC_ERROR_FORMAT,
				       "is text of more than %u MiB; a report that heapcore saved "
				       "is smaller",
				       HC_MAX_SAVED_REPORT >> 20);
	hc_cleanup_free char *text = malloc(HC_MAX_SAVED_REPORT + 1);
	size_t size = 0;
	ssize_t got;
	if (!text)
		return &hc_enomem;
	while ((got = pread(input->fd, text + size, HC_MAX_SAVED_REPORT + 1 - size, size)) > 0)
		size += got;
	if (got < 0)
		return hc_error_os(errno, "can't be read");
	json_t *root = json_loadb(text, size, 0, &error);
	if (!root)
		return refuse_json(&error);
	*ret = root;
	return NULL;
}

/** "heapcore.VERB/VERSION" @param[out] version_ret of it @return the verb, or NULL */
static const struct hc_verb *parse_schema(const char *schema, unsigned *version_ret)
{
	static const char prefix[] = "heapcore.";
	char name[32] = "";

	if (!schema || strncmp(schema, prefix, strlen(prefix)))
		return NULL;
	const char *rest = schema + strlen(prefix), *slash = strchr(rest, '/');
	if (!slash || (size_t)(slash - rest) >= sizeof(name) || slash[1] < '1' || slash[1] > '9' ||
	    strlen(slash + 1) > 6)
		return NULL;
	memcpy(name, rest, slash - rest);
	*version_ret = strtoul(slash + 1, NULL, 10);
	return hc_verb_find(name);
}

static struct hc_error *check_schema(struct hc_saved_report *saved)
{
	const char *schema = json_string_value(json_object_get(saved->root, "schema"));
	unsigned version;
	const struct hc_verb *verb = parse_schema(schema, &version);

	if (!verb)
		return hc_error_create(
			HC_ERROR_FORMAT,
			"is JSON, but not of heapcore; give a core, or what heapcore "
			"wrote as JSON");
	saved->verb = verb->name;
	saved->is_report = !strcmp(verb->name, hc_verb_report.name);
	if (version > hc_verb_json_version(verb))
		return hc_error_create(HC_ERROR_FORMAT,
				       "was written by a newer heapcore: it is heapcore.%s/%u, and "
				       "this one reads up to /%u",
				       verb->name, version, hc_verb_json_version(verb));
	return NULL;
}

static struct hc_error *read_head(struct hc_saved_report *saved)
{
	struct hc_document *texts = &saved->texts;
	const char *core = json_string_value(json_object_get(saved->root, "core"));
	const char *version = json_string_value(json_object_get(saved->root, "heapcore"));
	const char *content = json_string_value(json_object_get(saved->root, "content"));
	unsigned level = 0;

	saved->core = core ? hc_saved_text(texts, core) : "core";
	saved->version = version ? hc_saved_text(texts, version) : NULL;
	while (content && hc_content_name(level) && strcmp(hc_content_name(level), content))
		level++;
	saved->told_content = content && hc_content_name(level);
	saved->content = saved->told_content ? level : HC_CONTENT_FULL;
	saved->num_sections =
		saved->is_report ? json_array_size(json_object_get(saved->root, "sections")) : 1;
	if (saved->is_report && (!saved->version || !saved->told_content))
		return hc_saved_damaged("it does not say what may show");
	if (!saved->num_sections || saved->num_sections > MAX_SECTIONS)
		return hc_saved_damaged("it has no sections");
	return texts->pool.no_memory ? &hc_enomem : NULL;
}

struct hc_error *hc_saved_report_open(const struct hc_input_file *input,
				      struct hc_saved_report *ret)
{
	struct hc_error *err = read_json(input, &ret->root);

	hc_document_init(&ret->texts);
	if (!err)
		err = check_schema(ret);
	return err ? err : read_head(ret);
}

void hc_saved_report_deinit(struct hc_saved_report *saved)
{
	json_decref(saved->root);
	hc_document_deinit(&saved->texts);
}

/** A word that may be an id: letters and digits. */
static bool is_id(const char *id)
{
	size_t size = id ? strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789") : 0;

	return size && size < 32 && !id[size];
}

/** Some words. */
static bool is_title(const char *title)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ";

	return title && *title && strlen(title) < 64 && !title[strspn(title, letters)];
}

/** Whether no section before one has its id. */
static bool is_new(const json_t *sections, size_t index)
{
	const char *id = json_string_value(json_object_get(json_array_get(sections, index), "id"));

	for (size_t i = 0; i < index; i++)
		if (!strcmp(id,
			    json_string_value(json_object_get(json_array_get(sections, i), "id"))))
			return false;
	return true;
}

static struct hc_error *read_section(const json_t *sections, size_t index,
				     struct hc_report_section *ret)
{
	const json_t *saved = json_array_get(sections, index);
	const char *title = json_string_value(json_object_get(saved, "title"));
	const char *command = json_string_value(json_object_get(saved, "command"));
	const json_t *map = json_object_get(saved, "map");

	ret->id = json_string_value(json_object_get(saved, "id"));
	if (!is_id(ret->id) || !is_title(title) || !command || !is_new(sections, index))
		return hc_saved_damaged("a section has no name of its own");
	ret->title = title;
	ret->command = hc_saved_text(ret->doc, command);
	struct hc_error *err = map ? read_map(map, ret->map) : NULL;
	if (!map)
		ret->map = NULL;
	return err ? err : hc_saved_read(json_object_get(saved, "nodes"), ret->doc);
}

struct hc_error *hc_saved_report_section(const struct hc_saved_report *saved, size_t index,
					 struct hc_report_section *ret)
{
	if (saved->is_report)
		return read_section(json_object_get(saved->root, "sections"), index, ret);
	hc_cleanup_free char *quoted = hc_shell_quote(saved->core);
	hc_cleanup_free char *command =
		quoted ? hc_format("heapcore %s %s", saved->verb, quoted) : NULL;
	if (!command)
		return &hc_enomem;
	ret->id = ret->title = saved->verb;
	ret->command = hc_saved_text(ret->doc, command);
	ret->map = NULL;
	return describe_other(saved, ret->doc);
}
/**@}*/
