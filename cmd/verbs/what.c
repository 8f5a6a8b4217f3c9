/**
 * @file
 * heapcore what: everything known about one address.
 */
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/inspect/what.h"
#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/select_options.h"
#include "cmd/show/mask.h"
#include "cmd/show/sample.h"
#include "cmd/show/lost.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

struct own {
	uint64_t referrers;
};

enum own_id { OWN_REFERRERS };

static const struct hc_option own_options[] = {
	{OWN_REFERRERS, 0, "referrers", "N",
	 "show at most N places that point to it (default: 20)"},
	{0},
};

static const struct own own_defaults = {.referrers = 20};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	(void)id;
	return hc_parse_count("--referrers", value, &own->referrers);
}

/** Bytes in the hexadecimal view, unless --content full shows all. */
#define HEX_BYTES 256
#define HEX_LINE 16

/** What reachability means, in a sentence. */
static const char *reach_meaning(enum hc_reach reach)
{
	switch (reach) {
	case HC_DEFINITE:
		return "definite: no chain of pointers leads to it, and nothing lost points to it";
	case HC_INDIRECT:
		return "indirect: only lost chunks point to it";
	case HC_REACHABLE:
		return "reachable from a root";
	case HC_POSSIBLE:
		return "possible: only pointers into an interior lead to it";
	case HC_NUM_REACH:
		break;
	}
	return "unknown";
}

/** @name Tables */
/**@{*/

enum referrer_column {
	REF_FROM,
	REF_ADDRESS,
	REF_VALUE,
	REF_OFFSET,
	REF_CHUNK,
	REF_CHUNK_SIZE,
	REF_CHUNK_STATE,
	REF_CHUNK_REACH,
	REF_WHO,
	REF_THREAD,
	REF_DETAIL,
	REF_HEURISTIC,
	NUM_REFERRER_COLUMNS
};

static const struct hc_column referrer_columns[NUM_REFERRER_COLUMNS] = {
	[REF_FROM] = {"kind", "FROM", HC_COLUMN_TEXT},
	[REF_ADDRESS] = {"address", "AT", HC_COLUMN_ADDRESS},
	[REF_VALUE] = {"value", "", HC_COLUMN_ADDRESS, HC_COLUMN_DATA_ONLY},
	[REF_OFFSET] = {"into", "INTO", HC_COLUMN_COUNT},
	[REF_CHUNK] = {"chunk", "", HC_COLUMN_ADDRESS, HC_COLUMN_DATA_ONLY},
	[REF_CHUNK_SIZE] = {"chunk_size", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[REF_CHUNK_STATE] = {"state", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[REF_CHUNK_REACH] = {"reach", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[REF_WHO] = {"", "WHICH", HC_COLUMN_TEXT, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK},
	[REF_THREAD] = {"thread", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[REF_DETAIL] = {"detail", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[REF_HEURISTIC] = {"heuristic", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
};

static void add_chunk_referrer(const struct hc_session *session, struct hc_table *table,
			       const struct hc_referrer *referrer)
{
	const struct hc_chunk *chunk = &referrer->chunk;
	bool reach = session->target->heap->reach_known && chunk->state == HC_IN_USE;

	hc_table_text(table, REF_FROM, "chunk");
	hc_table_number(table, REF_CHUNK, chunk->address);
	hc_table_number(table, REF_CHUNK_SIZE, chunk->size);
	hc_table_text(table, REF_CHUNK_STATE, hc_chunk_state_name(chunk));
	hc_table_text(table, REF_CHUNK_REACH, reach ? hc_reach_name(chunk->reach) : NULL);
	hc_table_format(table, REF_WHO, "0x%" PRIx64 "+%" PRIu64 ", %s bytes, %s%s%s",
			chunk->address, referrer->address - chunk->address,
			hc_unit_count(chunk->size).text, hc_chunk_state_name(chunk),
			reach ? ", " : "", reach ? hc_reach_name(chunk->reach) : "");
}

static void add_root_referrer(struct hc_table *table, const struct hc_referrer *referrer)
{
	const struct hc_mapping *mapping = referrer->mapping;

	hc_table_text(table, REF_FROM, hc_root_kind_name(referrer->root));
	if (referrer->thread)
		hc_table_format(table, REF_WHO, "thread %d%s%s", referrer->thread->lwp,
				referrer->detail ? ", " : "",
				referrer->detail ? referrer->detail : "");
	else if (referrer->detail)
		hc_table_text(table, REF_WHO, referrer->detail);
	else if (mapping)
		hc_table_text(table, REF_WHO,
			      mapping->path   ? mapping->path
			      : mapping->note ? mapping->note
					      : hc_mapping_kind_title(mapping->kind));
}

static void fill_referrers(const struct hc_session *session, struct hc_table *table,
			   const struct hc_what *what)
{
	for (size_t i = 0; i < what->num_referrers; i++) {
		const struct hc_referrer *referrer = &what->referrers[i];
		uint64_t base = what->in_chunk ? what->chunk.address : what->address;
		hc_table_add_row(table);
		if (referrer->address)
			hc_table_number(table, REF_ADDRESS, referrer->address);
		hc_table_number(table, REF_VALUE, referrer->value);
		if (referrer->heuristic == HC_HEURISTIC_TAGGED)
			hc_table_number(table, REF_OFFSET, 0);
		else if (referrer->value >= base)
			hc_table_number(table, REF_OFFSET, referrer->value - base);
		if (referrer->thread)
			hc_table_number(table, REF_THREAD, referrer->thread->lwp);
		hc_table_text(table, REF_DETAIL, referrer->detail);
		if (referrer->heuristic != HC_HEURISTIC_NONE)
			hc_table_text(table, REF_HEURISTIC, hc_heuristic_name(referrer->heuristic));
		if (referrer->in_chunk)
			add_chunk_referrer(session, table, referrer);
		else
			add_root_referrer(table, referrer);
	}
}

enum target_column {
	TARGET_OFFSET,
	TARGET_VALUE,
	TARGET_CHUNK,
	TARGET_SIZE,
	TARGET_STATE,
	TARGET_REACH,
	NUM_TARGET_COLUMNS
};

static const struct hc_column target_columns[NUM_TARGET_COLUMNS] = {
	[TARGET_OFFSET] = {"offset", "OFFSET", HC_COLUMN_COUNT},
	[TARGET_VALUE] = {"value", "POINTER", HC_COLUMN_ADDRESS},
	[TARGET_CHUNK] = {"chunk", "CHUNK", HC_COLUMN_ADDRESS},
	[TARGET_SIZE] = {"chunk_size", "SIZE", HC_COLUMN_COUNT},
	[TARGET_STATE] = {"state", "STATE", HC_COLUMN_TEXT},
	[TARGET_REACH] = {"reach", "REACH", HC_COLUMN_TEXT},
};

static void fill_targets(const struct hc_session *session, struct hc_table *table,
			 const struct hc_what *what)
{
	for (size_t i = 0; i < what->num_targets; i++) {
		const struct hc_what_target *target = &what->targets[i];
		hc_table_add_row(table);
		hc_table_number(table, TARGET_OFFSET, target->offset);
		hc_table_number(table, TARGET_VALUE, target->value);
		hc_table_number(table, TARGET_CHUNK, target->chunk.address);
		hc_table_number(table, TARGET_SIZE, target->chunk.size);
		hc_table_text(table, TARGET_STATE, hc_chunk_state_name(&target->chunk));
		if (session->target->heap->reach_known && target->chunk.state == HC_IN_USE)
			hc_table_text(table, TARGET_REACH, hc_reach_name(target->chunk.reach));
	}
}
/**@}*/

/** @name Text */
/**@{*/

static void write_place(struct hc_session *session, const struct hc_what *what)
{
	struct hc_output *out = &session->out;
	const struct hc_mapping *mapping = what->mapping;

	if (!mapping) {
		hc_text_field(out, "mapping", "none: this address is not mapped");
		return;
	}
	hc_cleanup_free char *path = mapping->path ? hc_escape_string(mapping->path, 0) : NULL;
	hc_text_field(out, "mapping", "0x%" PRIx64 "-0x%" PRIx64 " %c%c%c, %s, %s%s%s%s%s",
		      mapping->start, mapping->end, mapping->flags & PF_R ? 'r' : '-',
		      mapping->flags & PF_W ? 'w' : '-', mapping->flags & PF_X ? 'x' : '-',
		      hc_unit_bytes(mapping->end - mapping->start).text,
		      hc_mapping_kind_title(mapping->kind), mapping->note ? ", " : "",
		      mapping->note ? mapping->note : "", path ? ", " : "", path ? path : "");
	if (what->module) {
		hc_cleanup_free char *module = hc_escape_string(what->module->path, 0);
		hc_text_field(out, "module", "%s+0x%" PRIx64, module ? module : "",
			      what->address - what->module->start);
	}
	if (what->symbol)
		hc_text_field(out, "symbol", "%s+%" PRIu64, what->symbol, what->symbol_offset);
	if (what->thread)
		hc_text_field(out, "thread", "%d", what->thread->lwp);
}

/** The type of its chunk, unless there is none, or it must not show. */
static hc_type_id shown_type(const struct hc_session *session, const struct hc_what *what)
{
	return what->in_chunk && session->target->types && hc_session_shows_class(session)
		       ? hc_type_of(session->target->types, &what->chunk)
		       : HC_TYPE_NONE;
}

static void write_type(struct hc_session *session, const struct hc_what *what)
{
	hc_type_id type = shown_type(session, what);

	if (type == HC_TYPE_NONE)
		return;
	const char *known = hc_type_name(session->target->types, type);
	unsigned flags = HC_ESCAPE_PLAIN | (session->out.utf8 ? HC_ESCAPE_UTF8 : 0);
	hc_cleanup_free char *name = known ? hc_escape_string(known, flags) : NULL;
	hc_text_field(&session->out, "type", "%s (%s)", name ? name : "",
		      hc_type_source_title(hc_type_source(session->target->types, type)));
}

static void write_chunk(struct hc_session *session, const struct hc_what *what)
{
	struct hc_output *out = &session->out;
	const struct hc_chunk *chunk = &what->chunk;
	bool in_use = chunk->state == HC_IN_USE;

	hc_text_field(out, "chunk", "0x%" PRIx64 ", %s bytes with header, %s usable",
		      chunk->address, hc_unit_count(chunk->size).text,
		      hc_unit_count(chunk->usable).text);
	if (what->address < chunk->address)
		hc_text_field(out, "offset", "in its header, %" PRIu64 " bytes before it",
			      chunk->address - what->address);
	else
		hc_text_field(out, "offset", "%s",
			      hc_unit_count(what->address - chunk->address).text);
	if (in_use)
		hc_text_field(out, "request", "malloc of %s to %s bytes",
			      hc_unit_count(what->request_min).text,
			      hc_unit_count(what->request_max).text);
	if (chunk->span->arena == HC_ARENA_MMAP)
		hc_text_field(out, "arena", "none: a mapping of its own");
	else
		hc_text_field(out, "arena", "%" PRIu32 "%s", chunk->span->arena,
			      chunk->span->arena ? "" : ", the main arena");
	hc_text_field(out, "state", "%s", hc_chunk_state_name(chunk));
	if (in_use && session->target->heap->reach_known)
		hc_text_field(out, "reachability", "%s", reach_meaning(chunk->reach));
	if (what->special)
		hc_text_field(out, "known as", "%s", what->special);
	write_type(session, what);
	const char *title = hc_class_title(session, what->class);
	if (title)
		hc_text_field(out, "content", "%s", title);
	if (title && hc_class_of(session->target->classifier, what->class)->textual &&
	    hc_session_shows_bytes(session)) {
		hc_cleanup_free char *sample =
			hc_session_escape(session, what->sample, out->width - 16,
					  HC_ESCAPE_QUOTE | (out->utf8 ? HC_ESCAPE_UTF8 : 0));
		fprintf(out->file, "%-16s%s\n", "sample", sample ? sample : "");
	}
}

/** The convention that a referrer follows, or NULL. */
static const struct hc_convention *find_convention(const struct hc_what *what)
{
	for (size_t i = 0; i < what->num_referrers; i++)
		if (what->referrers[i].convention)
			return what->referrers[i].convention;
	return NULL;
}

/** Why pointers that are not to the start hold the chunk. */
static void write_conventions(struct hc_output *out, const struct hc_what *what)
{
	const struct hc_convention *convention = find_convention(what);
	uint64_t all = convention ? convention->chunks + convention->others : 0;

	if (convention)
		hc_text_paragraph(out, "", 0, false,
				  "Pointers to +%s count as pointers to the start: so %s of %s "
				  "chunks of %s%s are held that no pointer to the start holds.",
				  hc_unit_count(convention->offset).text,
				  hc_unit_count(convention->chunks).text, hc_unit_count(all).text,
				  convention->size ? hc_unit_count(convention->size).text
						   : "many sizes",
				  convention->size ? " bytes" : "");
	for (size_t i = 0; i < what->num_referrers; i++) {
		if (what->referrers[i].heuristic != HC_HEURISTIC_TAGGED)
			continue;
		hc_text_paragraph(out, "", 0, false,
				  "Tagged pointers: the low 48 bits are the pointer, the rest is "
				  "the program's. Chunks that only they hold are possibly lost.");
		break;
	}
}

static void write_hex_line(FILE *file, uint64_t address, const uint8_t *data, size_t size)
{
	fprintf(file, "%14" PRIx64 "  ", address);
	for (size_t i = 0; i < HEX_LINE; i++) {
		if (i < size)
			fprintf(file, "%02x%s", data[i], i % 2 ? " " : "");
		else
			fprintf(file, "  %s", i % 2 ? " " : "");
	}
	fputc(' ', file);
	for (size_t i = 0; i < size; i++)
		fputc(data[i] >= 0x20 && data[i] < 0x7f ? data[i] : '.', file);
	fputc('\n', file);
}

static void write_hex(struct hc_session *session, const struct hc_what *what)
{
	struct hc_output *out = &session->out;
	uint64_t address = what->in_chunk ? what->chunk.address : what->address;
	size_t size = what->bytes.size;

	if (!hc_session_shows_bytes(session) || !what->bytes.size)
		return;
	if (session->options->content != HC_CONTENT_FULL && size > HEX_BYTES)
		size = HEX_BYTES;
	hc_text_heading(out, "Bytes");
	hc_cleanup_shown struct hc_shown shown = hc_session_show(
		session, (struct hc_bytes){what->bytes.data, size}, HC_MASK_SAME_SIZE);
	size = shown.bytes.size;
	for (size_t at = 0; at < size; at += HEX_LINE)
		write_hex_line(out->file, address + at, shown.bytes.data + at,
			       size - at < HEX_LINE ? size - at : HEX_LINE);
	if (size < what->bytes.size)
		fprintf(out->file, "%s more bytes; --content full shows them\n",
			hc_unit_count(what->bytes.size - size).text);
}

static struct hc_error *write_text(struct hc_session *session, const struct hc_what *what,
				   const struct hc_table *referrers, const struct hc_table *targets)
{
	struct hc_output *out = &session->out;
	struct hc_error *err = NULL;

	hc_session_write_partial(session);
	hc_text_field(out, "address", "0x%" PRIx64, what->address);
	write_place(session, what);
	if (what->in_chunk)
		write_chunk(session, what);
	else if (what->special)
		hc_text_field(out, "known as", "%s", what->special);
	if (session->target->heap) {
		char title[64];
		snprintf(title, sizeof(title), "Pointed to by %s",
			 hc_unit_count(what->total_referrers).text);
		hc_text_heading(out, title);
		err = hc_table_write_text(referrers, out, 0);
		if (!err)
			write_conventions(out, what);
		if (!err && referrers->num_rows < what->total_referrers)
			fprintf(out->file, "%s more; --referrers N shows more\n",
				hc_unit_count(what->total_referrers - referrers->num_rows).text);
	}
	if (!err && targets->num_rows) {
		hc_text_heading(out, "Points to");
		err = hc_table_write_text(targets, out, 0);
	}
	write_hex(session, what);
	return err;
}
/**@}*/

/** @name JSON */
/**@{*/

static json_t *mapping_json(const struct hc_mapping *mapping)
{
	if (!mapping)
		return json_null();
	return json_pack("{so so ss so so}", "start", hc_json_address(mapping->start), "end",
			 hc_json_address(mapping->end), "kind", hc_mapping_kind_name(mapping->kind),
			 "path", hc_json_text(mapping->path), "note", hc_json_text(mapping->note));
}

static json_t *type_json(const struct hc_session *session, const struct hc_what *what)
{
	hc_type_id type = shown_type(session, what);

	if (type == HC_TYPE_NONE)
		return json_null();
	return json_pack("{so ss}", "name",
			 hc_json_text(hc_type_name(session->target->types, type)), "known_by",
			 hc_type_source_name(hc_type_source(session->target->types, type)));
}

static json_t *chunk_json(const struct hc_session *session, const struct hc_what *what)
{
	const struct hc_chunk *chunk = &what->chunk;
	bool in_use = chunk->state == HC_IN_USE;

	if (!what->in_chunk)
		return json_null();
	json_t *ret = json_pack("{so so so ss so}", "address", hc_json_address(chunk->address),
				"chunk_size", hc_json_number(chunk->size), "usable_size",
				hc_json_number(chunk->usable), "state", hc_chunk_state_name(chunk),
				"arena", hc_json_arena(chunk->span->arena));
	json_object_set_new(ret, "reach",
			    in_use && session->target->heap->reach_known
				    ? json_string(hc_reach_name(chunk->reach))
				    : json_null());
	json_object_set_new(ret, "request_min",
			    in_use ? hc_json_number(what->request_min) : json_null());
	json_object_set_new(ret, "request_max",
			    in_use ? hc_json_number(what->request_max) : json_null());
	json_object_set_new(ret, "class", hc_json_text(hc_class_name(session, what->class)));
	json_object_set_new(ret, "type", type_json(session, what));
	return ret;
}

static json_t *bytes_json(const struct hc_session *session, const struct hc_what *what)
{
	size_t max = session->options->content == HC_CONTENT_FULL ? 0 : HC_SAMPLE_DATA;

	if (!hc_session_shows_bytes(session) || !what->bytes.size)
		return json_null();
	hc_cleanup_free char *text = hc_session_escape(session, what->bytes, max, 0);
	return hc_json_text(text);
}

static struct hc_error *write_json(struct hc_session *session, const struct hc_what *what,
				   const struct hc_table *referrers, const struct hc_table *targets)
{
	hc_cleanup_json json_t *document = hc_session_json(session);
	json_t *refs, *points;
	struct hc_error *err = hc_table_json(referrers, &refs);

	if (err)
		return err;
	json_object_set_new(document, "referrers", refs);
	err = hc_table_json(targets, &points);
	if (err)
		return err;
	json_object_set_new(document, "targets", points);
	const struct hc_convention *convention = find_convention(what);

	json_object_set_new(document, "convention",
			    convention ? hc_lost_convention_json(convention) : json_null());
	json_object_set_new(document, "total_referrers", hc_json_number(what->total_referrers));
	json_object_set_new(document, "address", hc_json_address(what->address));
	json_object_set_new(document, "mapping", mapping_json(what->mapping));
	json_object_set_new(document, "module",
			    hc_json_text(what->module ? what->module->path : NULL));
	json_object_set_new(document, "symbol", hc_json_text(what->symbol));
	json_object_set_new(document, "symbol_offset",
			    what->symbol ? hc_json_number(what->symbol_offset) : json_null());
	json_object_set_new(document, "thread",
			    what->thread ? json_integer(what->thread->lwp) : json_null());
	json_object_set_new(document, "special", hc_json_text(what->special));
	json_object_set_new(document, "chunk", chunk_json(session, what));
	json_object_set_new(document, "bytes", bytes_json(session, what));
	return hc_json_write(&session->out, document);
}
/**@}*/

static struct hc_error *follow_pointers(struct hc_session *session)
{
	if (!session->target->heap)
		return NULL;
	return hc_target_reach(session->target, NULL);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(hc_what_deinit) struct hc_what what = {0};
	hc_cleanup_table struct hc_table referrers, targets;
	uint64_t address;

	hc_table_init(&referrers, referrer_columns, NUM_REFERRER_COLUMNS);
	hc_table_init(&targets, target_columns, NUM_TARGET_COLUMNS);
	struct hc_error *err = hc_parse_address("ADDRESS", session->options->args[0], &address);
	if (!err)
		err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (!err)
		err = follow_pointers(session);
	if (!err && session->target->heap)
		err = hc_session_types(session, HC_TYPES_FULL);
	if (err)
		return err;
	err = hc_what_run(session->target, address, own->referrers, &what);
	if (err)
		return err;

	fill_referrers(session, &referrers, &what);
	fill_targets(session, &targets, &what);
	return session->options->format == HC_FORMAT_JSON
		       ? write_json(session, &what, &referrers, &targets)
		       : write_text(session, &what, &referrers, &targets);
}

const struct hc_verb hc_verb_what = {
	.name = "what",
	.arguments = "CORE ADDRESS",
	.summary = "everything known about one address",
	.description = "Shows what lies at an address: mapping, module and symbol, thread, chunk, "
		       "reachability, "
		       "content, who points to it and what it points to. ADDRESS is hexadecimal.",
	.examples = "  heapcore what core.1234 0x55d0c2a0\n"
		    "  heapcore what core.1234 0x55d0c2a0 --content full\n",
	.min_args = 2,
	.max_args = 2,
	.formats = HC_FORMATS_TREE,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
