/**
 * @file
 * heapcore check: is the heap sound, and if not, what is damaged and who may have done it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/inspect/damage.h"
#include "cmd/show/mask.h"
#include "cmd/render/escape.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"
#include "core/heap/allocator.h"

struct own {
	bool all;
};

enum own_id { OWN_ALL };

static const struct hc_option own_options[] = {
	{OWN_ALL, 0, "all", NULL, "show each inconsistency in full, not only the first of a kind"},
	{0},
};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	(void)id, (void)value;
	own->all = true;
	return NULL;
}

/** Of one kind, how many are shown in full, and how many in one line, unless --all. */
#define SHOWN_IN_FULL 3
#define SHOWN_IN_SHORT 10

/** Back ends number their conditions; this many can be told apart when kinds are counted. */
#define MAX_CODES 64

/** What the parts of this file work on. */
struct view {
	struct hc_session *session;
	struct hc_sampler sampler;
	uint64_t by_code[MAX_CODES]; /**< shown so far */
};

static void view_deinit(struct view *view)
{
	hc_sampler_deinit(&view->sampler);
}

static struct hc_damage look(const struct view *view, const struct hc_inconsistency *fault)
{
	struct hc_damage ret;

	hc_damage_look(view->session->heap, fault, view->session->classifier, view->sampler.scratch,
		       &ret);
	return ret;
}

/** @name Text */
/**@{*/

#define INDENT 3
#define DETAIL_INDENT 15
#define HEX_LINE 16

static void write_detail(struct hc_output *out, const char *label, const char *text)
{
	char first[32];

	snprintf(first, sizeof(first), "%*s%-*s", INDENT, "", DETAIL_INDENT - INDENT, label);
	hc_text_paragraph(out, first, DETAIL_INDENT, false, "%s", text ? text : "");
}

/** "a", "b" or "c" */
static void write_messages(struct view *view, const struct hc_inconsistency *fault)
{
	hc_cleanup_free char *text = NULL;
	size_t size;

	if (!fault->messages[0])
		return;
	FILE *stream = open_memstream(&text, &size);
	if (!stream)
		return;
	for (unsigned i = 0; i < HC_MAX_MESSAGES && fault->messages[i]; i++) {
		bool last = i + 1 == HC_MAX_MESSAGES || !fault->messages[i + 1];
		fprintf(stream, "%s\"%s\"", !i ? "" : last ? " or " : ", ", fault->messages[i]);
	}
	if (hc_damage_explains_abort(view->session->heap, fault))
		fputs("; libc's last words are among these", stream);
	fclose(stream);
	hc_cleanup_free char *label = NULL;
	if (asprintf(&label, "%s says:",
		     fault->backend ? fault->backend->allocator->library : "allocator") < 0)
		label = NULL;
	write_detail(&view->session->out, label ? label : "says:", text);
}

static void write_sample(struct hc_output *out, const char *sample)
{
	/* Not a paragraph: a sample keeps its blanks. */
	if (sample)
		fprintf(out->file, "%*s%s\n", DETAIL_INDENT, "", sample);
}

static void write_suspect(struct view *view, const struct hc_damage *damage)
{
	struct hc_output *out = &view->session->out;
	const struct hc_chunk *chunk = &damage->suspect;
	const char *title = hc_class_title(view->session, damage->class);
	hc_cleanup_free char *text = NULL;

	if (!damage->has_suspect)
		return;
	if (asprintf(&text, "0x%" PRIx64 ", %s bytes (%s usable), arena %" PRIu32 ", %s%s%s",
		     chunk->address, hc_unit_count(chunk->size).text,
		     hc_unit_count(chunk->usable).text, chunk->span->arena,
		     hc_chunk_state_name(chunk), title ? ", " : "", title ? title : "") < 0)
		text = NULL;
	write_detail(out, "last good:", text);
	unsigned width = out->width > DETAIL_INDENT + 8 ? out->width - DETAIL_INDENT : 8;
	hc_cleanup_free char *sample = hc_sampler_text(&view->sampler, chunk->address, width);
	write_sample(out, sample);
}

static void write_spill(struct view *view, const struct hc_damage *damage)
{
	struct hc_output *out = &view->session->out;
	const char *title = hc_class_title(view->session, damage->run_class);
	uint64_t size = damage->spill_end - damage->spill_start;
	hc_cleanup_free char *text = NULL;

	if (damage->spill == HC_SPILL_NONE)
		return;
	const char *what = damage->spill == HC_SPILL_REPEAT ? "one repeated byte"
			   : title                          ? title
							    : "text";
	if (asprintf(&text,
		     "that chunk was written over its end: %s bytes (%s) from 0x%" PRIx64
		     " on run across",
		     hc_unit_count(size).text, what, damage->spill_start) < 0)
		text = NULL;
	write_detail(out, "suspect:", text);
	if (!hc_session_shows_bytes(view->session))
		return;
	hc_cleanup_free char *sample =
		hc_session_escape(view->session, damage->run,
				  out->width > DETAIL_INDENT + 8 ? out->width - DETAIL_INDENT : 8,
				  HC_ESCAPE_QUOTE | (out->utf8 ? HC_ESCAPE_UTF8 : 0));
	write_sample(out, sample);
}

/** One line of bytes, those of the field at fault in brackets. */
static void write_hex_line(FILE *file, uint64_t address, const uint8_t *data, size_t size,
			   uint64_t field, unsigned field_size)
{
	bool inside = false;

	fprintf(file, "%*s%14" PRIx64 " ", INDENT, "", address);
	for (size_t i = 0; i < HEX_LINE; i++) {
		bool marked = i < size && address + i - field < field_size;
		fputc(marked && !inside ? '[' : inside && !marked ? ']' : ' ', file);
		inside = marked;
		if (i < size)
			fprintf(file, "%02x", data[i]);
		else
			fputs("  ", file);
	}
	fputs(inside ? "] " : "  ", file);
	for (size_t i = 0; i < size; i++)
		fputc(data[i] >= 0x20 && data[i] < 0x7f ? data[i] : '.', file);
	fputc('\n', file);
}

static void write_hex(struct view *view, const struct hc_damage *damage)
{
	FILE *file = view->session->out.file;
	size_t size = damage->view.size;

	if (!hc_session_shows_bytes(view->session))
		return;
	hc_cleanup_shown struct hc_shown shown =
		hc_session_show(view->session, damage->view, HC_MASK_SAME_SIZE);
	size = shown.bytes.size;
	for (size_t at = 0; at < size; at += HEX_LINE)
		write_hex_line(file, damage->view_start + at, shown.bytes.data + at,
			       size - at < HEX_LINE ? size - at : HEX_LINE, damage->fault->address,
			       view->session->heap->word_size);
}

static void write_heading(struct view *view, size_t i, const struct hc_inconsistency *fault)
{
	char first[24];
	hc_cleanup_free char *chunk = NULL;

	snprintf(first, sizeof(first), "%-*zu ", INDENT - 1, i + 1);
	if (fault->chunk && asprintf(&chunk, " (chunk 0x%" PRIx64 ")", fault->chunk) < 0)
		chunk = NULL;
	hc_text_paragraph(&view->session->out, first, INDENT, false, "0x%" PRIx64 "%s: %s",
			  fault->address, chunk ? chunk : "", fault->what);
}

static void write_fault(struct view *view, size_t i)
{
	const struct hc_inconsistency *fault = &view->session->heap->inconsistencies[i];
	struct hc_damage damage = look(view, fault);

	fputc('\n', view->session->out.file);
	write_heading(view, i, fault);
	write_messages(view, fault);
	write_suspect(view, &damage);
	write_spill(view, &damage);
	write_hex(view, &damage);
}

/** A kind that repeats is shown in full a few times, then in one line, then counted. */
static void write_faults(struct view *view)
{
	const struct hc_heap *heap = view->session->heap;
	const struct own *own = view->session->options->own;
	struct hc_output *out = &view->session->out;
	uint64_t hidden = 0;

	for (size_t i = 0; i < heap->num_inconsistencies; i++) {
		uint64_t shown = view->by_code[heap->inconsistencies[i].code % MAX_CODES]++;
		if (own->all || shown < SHOWN_IN_FULL)
			write_fault(view, i);
		else if (shown < SHOWN_IN_SHORT)
			write_heading(view, i, &heap->inconsistencies[i]);
		else
			hidden++;
	}
	if (hidden)
		fprintf(out->file, "\n%s more like these; --all shows them\n",
			hc_unit_count(hidden).text);
	uint64_t lost = heap->inconsistencies_total - heap->num_inconsistencies;
	if (lost)
		fprintf(out->file, "%s%s more were only counted\n", hidden ? "" : "\n",
			hc_unit_count(lost).text);
}

static void write_text(struct view *view)
{
	const struct hc_heap *heap = view->session->heap;
	struct hc_output *out = &view->session->out;

	hc_session_write_partial(view->session);
	if (heap->abort_message) {
		hc_cleanup_free char *words = hc_escape_string(
			heap->abort_message, HC_ESCAPE_PLAIN | (out->utf8 ? HC_ESCAPE_UTF8 : 0));
		hc_text_paragraph(out, "libc's last words: ", 4, true, "%s", words ? words : "");
		fputc('\n', out->file);
	}
	if (!heap->inconsistencies_total && hc_session_partial(view->session))
		hc_text_paragraph(out, "", 0, true,
				  "Nothing that is there contradicts itself; whether the heap is "
				  "sound can't be told of what is missing.");
	else if (!heap->inconsistencies_total)
		hc_text_paragraph(out, "", 0, true,
				  "The heap is sound: nothing contradicts itself.");
	else
		hc_text_paragraph(out, "", 0, true, "The heap is damaged: %s inconsistenc%s.",
				  hc_unit_count(heap->inconsistencies_total).text,
				  heap->inconsistencies_total == 1 ? "y" : "ies");
	write_faults(view);
}
/**@}*/

/** @name JSON */
/**@{*/

static json_t *suspect_json(const struct view *view, const struct hc_damage *damage)
{
	const struct hc_chunk *chunk = &damage->suspect;
	hc_cleanup_free char *sample = NULL;

	if (!damage->has_suspect)
		return json_null();
	sample = hc_sampler_text(&view->sampler, chunk->address, 0);
	return json_pack("{so so so ss so so so}", "address", hc_json_address(chunk->address),
			 "chunk_size", hc_json_number(chunk->size), "usable_size",
			 hc_json_number(chunk->usable), "state", hc_chunk_state_name(chunk),
			 "arena", hc_json_arena(chunk->span->arena), "class",
			 hc_json_text(hc_class_name(view->session, damage->class)), "sample",
			 hc_json_text(sample));
}

static json_t *spill_json(const struct view *view, const struct hc_damage *damage)
{
	hc_cleanup_free char *sample = NULL;

	if (damage->spill == HC_SPILL_NONE)
		return json_null();
	if (hc_session_shows_bytes(view->session))
		sample = hc_session_escape(
			view->session, damage->run,
			view->session->options->content == HC_CONTENT_FULL ? 0 : HC_SAMPLE_DATA, 0);
	return json_pack("{ss so so so so}", "kind", hc_spill_name(damage->spill), "start",
			 hc_json_address(damage->spill_start), "end",
			 hc_json_address(damage->spill_end), "class",
			 hc_json_text(hc_class_name(view->session, damage->run_class)), "sample",
			 hc_json_text(sample));
}

static json_t *bytes_json(const struct view *view, const struct hc_damage *damage)
{
	static const char digits[] = "0123456789abcdef";
	size_t size = damage->view.size;

	if (!hc_session_shows_bytes(view->session) || !size)
		return json_null();
	hc_cleanup_shown struct hc_shown shown =
		hc_session_show(view->session, damage->view, HC_MASK_SAME_SIZE);
	size = shown.bytes.size;
	hc_cleanup_free char *hex = malloc(2 * size + 1);
	if (!hex)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		hex[2 * i] = digits[shown.bytes.data[i] >> 4];
		hex[2 * i + 1] = digits[shown.bytes.data[i] & 15];
	}
	hex[2 * size] = '\0';
	return json_pack("{so ss}", "start", hc_json_address(damage->view_start), "hex", hex);
}

static json_t *fault_json(const struct view *view, const struct hc_inconsistency *fault)
{
	struct hc_damage damage = look(view, fault);
	json_t *messages = json_array();

	for (unsigned i = 0; i < HC_MAX_MESSAGES && fault->messages[i]; i++)
		json_array_append_new(messages, json_string(fault->messages[i]));
	return json_pack("{ss so so so so sb so so so}", "fault", hc_fault_name(fault->fault),
			 "address", hc_json_address(fault->address), "chunk",
			 fault->chunk ? hc_json_address(fault->chunk) : json_null(), "what",
			 hc_json_text(fault->what), "messages", messages, "explains_abort",
			 hc_damage_explains_abort(view->session->heap, fault), "last_good",
			 suspect_json(view, &damage), "overflow", spill_json(view, &damage),
			 "bytes", bytes_json(view, &damage));
}

static struct hc_error *write_json(struct view *view)
{
	const struct hc_heap *heap = view->session->heap;
	hc_cleanup_json json_t *document = hc_session_json(view->session);
	json_t *faults = json_array();

	for (size_t i = 0; i < heap->num_inconsistencies; i++)
		json_array_append_new(faults, fault_json(view, &heap->inconsistencies[i]));
	json_object_set_new(
		document, "sound",
		json_boolean(!heap->inconsistencies_total && !hc_session_partial(view->session)));
	json_object_set_new(document, "abort_message", hc_json_text(heap->abort_message));
	json_object_set_new(document, "inconsistencies_total",
			    hc_json_number(heap->inconsistencies_total));
	json_object_set_new(document, "inconsistencies", faults);
	return hc_json_write(&view->session->out, document);
}
/**@}*/

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(view_deinit) struct view view = {.session = session};

	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (err)
		return err;
	hc_session_phase(session, "checking the heap");
	err = hc_heap_check(session->heap);
	if (!err)
		err = hc_sampler_init(&view.sampler, session);
	hc_session_phase(session, NULL);
	if (err)
		return err;

	session->status = session->heap->inconsistencies_total ? 1 : 0;
	if (session->options->format == HC_FORMAT_JSON)
		return write_json(&view);
	write_text(&view);
	return NULL;
}

const struct hc_verb hc_verb_check = {
	.name = "check",
	.arguments = "CORE",
	.summary = "whether the heap is damaged, where, and by whom",
	.description =
		"Compares everything that malloc's structures say twice: headers, boundary tags, "
		"free lists, arenas. Lists each inconsistency with the message that glibc has for "
		"it, the chunk before it, and the bytes around it. Exits 1 when there is any, 0 "
		"when the heap is sound.",
	.examples = "  heapcore check core.1234\n"
		    "  heapcore check core.1234 --format json | jq '.inconsistencies[].address'\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_TREE,
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
