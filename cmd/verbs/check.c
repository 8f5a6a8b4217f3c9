/**
 * @file
 * heapcore check: is the heap sound, and if not, what is damaged and who may have done it.
 */
#include <stdlib.h>

#include "analyzers/inspect/damage.h"
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
	struct hc_inflight inflight;
	uint64_t by_code[MAX_CODES]; /**< shown so far */
};

static void view_deinit(struct view *view)
{
	hc_sampler_deinit(&view->sampler);
	hc_inflight_deinit(&view->inflight);
}

static struct hc_damage look(const struct view *view, const struct hc_inconsistency *fault)
{
	struct hc_damage ret;

	hc_damage_look(view->session->target, fault, view->sampler.scratch, &ret);
	return ret;
}

/** The thread that was at work where a contradiction is, or NULL. */
static const struct hc_thread *explained_by(const struct view *view,
					    const struct hc_inconsistency *fault)
{
	return hc_inflight_explains(&view->inflight, view->session->target->heap, fault);
}

/** Whether the contradictions are damage, rather than what some threads were about to mend. */
static bool is_damaged(const struct view *view)
{
	const struct hc_heap *heap = view->session->target->heap;

	return heap->inconsistencies_total && !hc_inflight_explains_all(&view->inflight, heap);
}

enum column { FAULT, ADDRESS, CHUNK, WHAT, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[FAULT] = {"fault", "FAULT", HC_CELL_TEXT, 0, "what kind of contradiction it is"},
	[ADDRESS] = {"address", "ADDRESS", HC_CELL_ADDRESS, 0, "of the field at fault"},
	[CHUNK] = {"chunk", "CHUNK", HC_CELL_ADDRESS, 0, "that the field belongs to"},
	[WHAT] = {"what", "WHAT", HC_CELL_NAME, 0, "the contradiction in words"},
};

/** For CSV; text and JSON say more of each. */
static const struct hc_shape faults_shape = {HC_COLUMNS(columns)};

/** @name One inconsistency */
/**@{*/

#define INDENT 3
#define DETAIL_INDENT 15

static struct hc_margin detail(char first[static 64], const char *label)
{
	snprintf(first, 64, "%*s%-*s", INDENT, "", DETAIL_INDENT - INDENT, label);
	return hc_margin(first, DETAIL_INDENT, false);
}

static void say_heading(const struct view *view, const struct hc_inconsistency *fault, size_t i,
			struct hc_document *doc)
{
	const struct hc_thread *thread = explained_by(view, fault);
	struct hc_cell inside = hc_cell_unknown();
	struct hc_cell chunk = hc_cell_unknown();
	char first[24];

	snprintf(first, sizeof(first), "%-*zu ", INDENT - 1, i + 1);
	if (fault->chunk)
		chunk = HC_PHRASE(doc, " (chunk {})", hc_cell_address(fault->chunk));
	if (thread)
		inside = HC_PHRASE(doc, "; thread {} is inside malloc there",
				   hc_cell_number(thread->lwp));
	HC_SAY_AT(doc, hc_margin(first, INDENT, false), "{}{}: {}{}",
		  hc_cell_address(fault->address), chunk, hc_cell_name(fault->what), inside);
}

/** "a", "b" or "c" */
static void say_messages(const struct view *view, const struct hc_inconsistency *fault,
			 struct hc_document *doc)
{
	struct hc_cell list = hc_cell_unknown();
	char first[64], label[32];

	for (unsigned i = 0; i < HC_MAX_MESSAGES && fault->messages[i]; i++) {
		bool last = i + 1 == HC_MAX_MESSAGES || !fault->messages[i + 1];
		list = hc_phrase_join(doc, list, last ? " or " : ", ",
				      HC_PHRASE(doc, "\"{}\"", hc_cell_text(fault->messages[i])));
	}
	if (list.kind == HC_CELL_UNKNOWN)
		return;
	snprintf(label, sizeof(label),
		 "%s says:", fault->backend ? fault->backend->allocator->library : "allocator");
	HC_SAY_AT(doc, detail(first, label), "{}{}", list,
		  hc_cell_text(hc_damage_explains_abort(view->session->target->heap, fault)
				       ? "; libc's last words are among these"
				       : ""));
}

static unsigned detail_width(const struct view *view)
{
	unsigned width = view->session->out.width;

	return width > DETAIL_INDENT + 8 ? width - DETAIL_INDENT : 8;
}

/** Not a paragraph: a sample keeps its blanks. */
static void say_sample(struct hc_cell sample, struct hc_document *doc)
{
	char blanks[DETAIL_INDENT + 1];

	if (sample.kind == HC_CELL_UNKNOWN)
		return;
	snprintf(blanks, sizeof(blanks), "%*s", DETAIL_INDENT, "");
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	HC_LINE(doc, "{}{}", hc_cell_text(blanks), sample);
	hc_end(doc);
}

static void describe_suspect(struct view *view, const struct hc_damage *damage, bool shown,
			     struct hc_document *doc)
{
	const struct hc_chunk *chunk = &damage->suspect;
	struct hc_cell class = hc_class_cell(view->session, damage->class_id);
	struct hc_cell title = hc_cell_unknown();
	char first[64];

	if (!damage->has_suspect) {
		hc_fact(doc, "last_good", NULL, hc_cell_unknown());
		return;
	}
	hc_begin_object(doc, "last_good", HC_CONTENT_NONE);
	hc_fact(doc, "address", NULL, hc_cell_address(chunk->address));
	hc_fact(doc, "chunk_size", NULL, hc_cell_count(chunk->size));
	hc_fact(doc, "usable_size", NULL, hc_cell_count(chunk->usable));
	hc_fact(doc, "state", NULL, hc_cell_text(hc_chunk_state_name(chunk)));
	hc_fact(doc, "arena", NULL, hc_cell_arena(chunk->span->arena));
	hc_fact(doc, "class", NULL, class);
	struct hc_cell sample = hc_sampler_cell(&view->sampler, chunk->address, detail_width(view));
	hc_fact(doc, "sample", NULL, sample);
	if (class.kind != HC_CELL_UNKNOWN)
		title = hc_cell_needs(HC_CONTENT_CLASS, HC_PHRASE(doc, ", {}", class));
	if (shown) {
		HC_SAY_AT(doc, detail(first, "last good:"),
			  "{}, {} bytes ({} usable), arena {}, {}{}",
			  hc_cell_address(chunk->address), hc_cell_count(chunk->size),
			  hc_cell_count(chunk->usable), hc_cell_arena(chunk->span->arena),
			  hc_cell_text(hc_chunk_state_name(chunk)), title);
		say_sample(sample, doc);
	}
	hc_end(doc);
}

static void describe_spill(const struct view *view, const struct hc_damage *damage, bool shown,
			   struct hc_document *doc)
{
	struct hc_cell class = hc_class_cell(view->session, damage->run_class);
	struct hc_excerpt excerpt = hc_excerpt_of(damage->run, HC_EXCERPT_QUOTED);
	struct hc_cell what = hc_cell_or(HC_CONTENT_CLASS, class, "text");
	char first[64];

	if (damage->spill == HC_SPILL_NONE) {
		hc_fact(doc, "overflow", NULL, hc_cell_unknown());
		return;
	}
	excerpt.max = detail_width(view);
	hc_begin_object(doc, "overflow", HC_CONTENT_NONE);
	hc_fact(doc, "kind", NULL, hc_cell_text(hc_spill_name(damage->spill)));
	hc_fact(doc, "start", NULL, hc_cell_address(damage->spill_start));
	hc_fact(doc, "end", NULL, hc_cell_address(damage->spill_end));
	hc_fact(doc, "class", NULL, class);
	hc_fact(doc, "sample", NULL, hc_cell_content(&excerpt));
	if (damage->spill == HC_SPILL_REPEAT)
		what = hc_cell_text("one repeated byte");
	else if (class.kind == HC_CELL_UNKNOWN)
		what = hc_cell_text("text");
	if (shown) {
		HC_SAY_AT(
			doc, detail(first, "suspect:"),
			"that chunk was written over its end: {} byte{} ({}) from {} on run across",
			hc_cell_count(damage->spill_end - damage->spill_start),
			hc_cell_plural(damage->spill_end - damage->spill_start), what,
			hc_cell_address(damage->spill_start));
		say_sample(hc_cell_content(&excerpt), doc);
	}
	hc_end(doc);
}

static void describe_bytes(const struct view *view, const struct hc_damage *damage, bool shown,
			   struct hc_document *doc)
{
	struct hc_excerpt excerpt = {.bytes = damage->view, .data_form = HC_EXCERPT_HEX};
	struct hc_hex hex = {
		.address = damage->view_start,
		.bytes = damage->view,
		.mark = damage->fault->address,
		.mark_size = view->session->target->heap->word_size,
	};

	if (!damage->view.size) {
		hc_fact(doc, "bytes", NULL, hc_cell_unknown());
		return;
	}
	hc_begin_object(doc, "bytes", HC_CONTENT_SAMPLE);
	hc_fact(doc, "start", NULL, hc_cell_address(damage->view_start));
	hc_fact(doc, "hex", NULL, hc_cell_content(&excerpt));
	hc_end(doc);
	if (shown)
		hc_hex_view(doc, &hex);
}

/** @param shown people see it in full */
static void describe_fault(struct view *view, const struct hc_inconsistency *fault, bool shown,
			   struct hc_document *doc)
{
	const struct hc_thread *thread = explained_by(view, fault);
	struct hc_damage damage = look(view, fault);

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "fault", NULL, hc_cell_text(hc_fault_name(fault->fault)));
	hc_fact(doc, "address", NULL, hc_cell_address(fault->address));
	hc_fact(doc, "chunk", NULL,
		fault->chunk ? hc_cell_address(fault->chunk) : hc_cell_unknown());
	hc_fact(doc, "what", NULL, hc_cell_name(fault->what));
	hc_begin_array(doc, "messages", HC_CONTENT_NONE);
	for (unsigned i = 0; i < HC_MAX_MESSAGES && fault->messages[i]; i++)
		hc_fact(doc, "", NULL, hc_cell_text(fault->messages[i]));
	hc_end(doc);
	hc_fact(doc, "explains_abort", NULL,
		hc_cell_bool(hc_damage_explains_abort(view->session->target->heap, fault)));
	if (shown)
		say_messages(view, fault, doc);
	describe_suspect(view, &damage, shown, doc);
	describe_spill(view, &damage, shown, doc);
	describe_bytes(view, &damage, shown, doc);
	hc_fact(doc, "thread_inside", NULL,
		thread ? hc_cell_number(thread->lwp) : hc_cell_unknown());
	hc_end(doc);
}
/**@}*/

/** A kind that repeats is shown in full a few times, then in one line, then counted. */
static void describe_faults(struct view *view, struct hc_document *doc)
{
	const struct hc_heap *heap = view->session->target->heap;
	const struct own *own = view->session->options->own;
	uint64_t hidden = 0, lost = heap->inconsistencies_total - heap->num_inconsistencies;

	hc_begin_array(doc, "inconsistencies", HC_CONTENT_NONE);
	for (size_t i = 0; i < heap->num_inconsistencies; i++) {
		const struct hc_inconsistency *fault = &heap->inconsistencies[i];
		uint64_t shown = view->by_code[fault->code % MAX_CODES]++;
		bool full = own->all || shown < SHOWN_IN_FULL;

		if (full)
			hc_blank(doc);
		if (full || shown < SHOWN_IN_SHORT)
			say_heading(view, fault, i, doc);
		else
			hidden++;
		describe_fault(view, fault, full, doc);
	}
	hc_end(doc);
	if (hidden) {
		hc_blank(doc);
		HC_LINE(doc, "{} more like these; --all shows them", hc_cell_count(hidden));
	}
	if (lost && !hidden)
		hc_blank(doc);
	if (lost)
		HC_LINE(doc, "{} more were only counted", hc_cell_count(lost));
}

static void add_table(const struct hc_heap *heap, struct hc_document *doc)
{
	struct hc_table *table = hc_add_data_table(doc, &faults_shape);

	for (size_t i = 0; i < heap->num_inconsistencies; i++) {
		const struct hc_inconsistency *fault = &heap->inconsistencies[i];

		hc_table_add_row(table);
		hc_table_text(table, FAULT, hc_fault_name(fault->fault));
		hc_table_number(table, ADDRESS, fault->address);
		if (fault->chunk)
			hc_table_number(table, CHUNK, fault->chunk);
		hc_table_text(table, WHAT, fault->what);
	}
}

static void describe(struct view *view, struct hc_document *doc)
{
	const struct hc_heap *heap = view->session->target->heap;
	uint64_t total = heap->inconsistencies_total;
	bool partial = hc_session_partial(view->session);
	hc_cleanup_free char *last_words = hc_session_mask(view->session, heap->abort_message);

	if (last_words) {
		HC_SAY_AT(doc, hc_margin("libc's last words: ", 4, true), "{}",
			  hc_cell_name(last_words));
		hc_blank(doc);
	}
	if (!total && partial)
		HC_SAY_STRONG(doc, "Nothing that is there contradicts itself; whether the heap is "
				   "sound can't be told of what is missing.");
	else if (!total)
		HC_SAY_STRONG(doc, "The heap is sound: nothing contradicts itself.");
	else if (!is_damaged(view))
		HC_SAY_STRONG(doc,
			      "The heap is being changed: {} place{} where a thread is inside "
			      "malloc, and nothing else contradicts itself.",
			      hc_cell_count(total), hc_cell_plural(total));
	else
		HC_SAY_STRONG(doc, "The heap is damaged: {} inconsistenc{}.", hc_cell_count(total),
			      hc_cell_text(total == 1 ? "y" : "ies"));
	hc_fact(doc, "sound", NULL, hc_cell_bool(!is_damaged(view) && !partial));
	hc_fact(doc, "abort_message", NULL, hc_cell_name(last_words));
	hc_fact(doc, "inconsistencies_total", NULL, hc_cell_count(total));
	describe_faults(view, doc);
	add_table(heap, doc);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(view_deinit) struct view view = {.session = session};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (err)
		return err;
	err = hc_target_check(session->target);
	if (!err)
		err = hc_sampler_init(&view.sampler, session);
	if (!err)
		err = hc_inflight_find(session->target->heap, &view.inflight);
	if (err)
		return err;

	session->status = is_damaged(&view);
	hc_session_begin(session, &doc);
	describe(&view, &doc);
	return hc_session_write(session, &doc);
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
	.status_1 = "The heap is damaged",
	.examples = "  heapcore check core.1234\n"
		    "  heapcore check core.1234 --format json | jq '.inconsistencies[].address'\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&faults_shape),
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
