/**
 * @file
 * Running a search and writing its matches one by one.
 */
#include "cmd/advice.h"
#include "cmd/verbs/hits.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

/** Bytes of a line that are shown around a match: before it, and in all. */
#define CONTEXT_BEFORE 24
#define CONTEXT_WHOLE 160

/* --- One match --- */

static bool in_text(const struct hc_hits *hits)
{
	return hits->session->options->format == HC_FORMAT_TEXT;
}

static bool ends_line(uint8_t c)
{
	return c == '\n' || c == '\r' || c == '\0';
}

/** Columns on the screen that lines have left for a match and what is around it; 0: no bound. */
static unsigned room_of(const struct hc_hits *hits, const struct hc_search_hit *hit)
{
	const struct hc_output *out = &hits->session->out;
	unsigned used = strlen(hc_unit_address(hit->address).text) + 2;

	if (!out->is_screen || !in_text(hits))
		return 0;
	used += hit->chunk ? snprintf(NULL, 0, "%" PRIu64 ": ", hit->chunk->size)
			   : strlen(hc_mapping_kind_name(hit->mapping->kind)) + 2;
	return out->width > used ? out->width - used : 1;
}

/** Columns that a byte takes when it is shown. */
static unsigned columns_of(uint8_t c)
{
	return c >= ' ' && c < 0x7f && c != '\\' ? 1 : 4;
}

/** How much is shown around a match. */
struct frame {
	const struct hc_search_hit *hit;
	bool full;     /**< whole lines */
	unsigned room; /**< columns of the screen; 0: no bound */
	unsigned used; /**< of them */
};

/** Where the part of a line begins that is shown before a match. */
static const uint8_t *line_start(struct frame *frame)
{
	const uint8_t *start = frame->hit->text.data, *first = frame->hit->subject.data;
	unsigned left = CONTEXT_BEFORE;

	if (frame->room && frame->used + left > frame->room)
		left = frame->used < frame->room ? (frame->room - frame->used) / 2 : 0;
	for (; start > first && !ends_line(start[-1]); start--) {
		unsigned columns = frame->room ? columns_of(start[-1]) : 1;

		if (!frame->full && columns > left)
			break;
		left -= frame->full ? 0 : columns;
		frame->used += columns;
	}
	return start;
}

static const uint8_t *line_end(struct frame *frame, const uint8_t *start)
{
	const struct hc_search_hit *hit = frame->hit;
	const uint8_t *end = hit->text.data + hit->text.size;
	const uint8_t *last = hit->subject.data + hit->subject.size;

	while (end < last && !ends_line(*end) && (frame->full || end - start < CONTEXT_WHOLE)) {
		frame->used += columns_of(*end);
		if (frame->room && frame->used > frame->room)
			break;
		end++;
	}
	return end;
}

/** The part of the line around a match that is shown; --content full shows the line. */
static struct hc_bytes line_around(const struct hc_hits *hits, const struct hc_search_hit *hit)
{
	bool full = hits->session->options->content == HC_CONTENT_FULL;
	struct frame frame = {hit, full, full ? 0 : room_of(hits, hit), 0};

	for (size_t i = 0; i < hit->text.size && frame.used <= frame.room; i++)
		frame.used += columns_of(hit->text.data[i]);
	const uint8_t *start = line_start(&frame);
	return (struct hc_bytes){start, line_end(&frame, start) - start};
}

/** Whole lines around a match, and some before and behind it. */
static struct hc_bytes lines_around(const struct hc_hits *hits, const struct hc_search_hit *hit)
{
	const uint8_t *start = hit->text.data, *end = hit->text.data + hit->text.size;
	const uint8_t *first = hit->subject.data, *last = hit->subject.data + hit->subject.size;
	struct frame frame = {hit, true, 0, 0};

	start = line_start(&frame);
	end = line_end(&frame, start);
	for (uint64_t i = 0; i < hits->before && start > first; i++) {
		while (start > first && ends_line(start[-1]))
			start--;
		while (start > first && !ends_line(start[-1]))
			start--;
	}
	for (uint64_t i = 0; i < hits->after && end < last; i++) {
		while (end < last && ends_line(*end))
			end++;
		while (end < last && !ends_line(*end))
			end++;
	}
	return (struct hc_bytes){start, end - start};
}

/** In which of its chunk's lines a match begins, from 1. */
static uint64_t line_number(const struct hc_search_hit *hit)
{
	uint64_t number = 1;

	for (const uint8_t *p = hit->subject.data; p < hit->text.data; p++)
		number += *p == '\n';
	return number;
}

/** What is shown around a match, the match included. */
static struct hc_bytes context(const struct hc_hits *hits, const struct hc_search_hit *hit)
{
	size_t before = hit->text.data - hit->subject.data;
	size_t after = hit->subject.size - before - hit->text.size;

	if (hits->before || hits->after)
		return lines_around(hits, hit);
	if (!hits->has_context)
		return line_around(hits, hit);
	if (before > hits->context)
		before = hits->context;
	if (after > hits->context)
		after = hits->context;
	return (struct hc_bytes){hit->text.data - before, before + hit->text.size + after};
}

enum column {
	ADDRESS,
	WHERE,
	CHUNK,
	CHUNK_SIZE,
	STATE,
	ARENA,
	REACH,
	CLASS,
	MAPPING,
	KIND,
	MATCH,
	GROUP,
	CONTEXT,
	TEXT,
	TYPE,
	LINE,
	NUM_COLUMNS
};

#define DATA HC_COLUMN_DATA_ONLY

/** In text "ADDRESS: SIZE: LINE", as grep(1) has it; programs get all there is. */
static const struct hc_column columns[NUM_COLUMNS] = {
	[ADDRESS] = {"address", "", HC_CELL_ADDRESS, 0, "of the match"},
	[WHERE] = {"where", "", HC_CELL_ADDRESS, HC_COLUMN_EXTRA,
		   "of the chunk; of the match in mappings"},
	[CHUNK] = {"chunk", "", HC_CELL_ADDRESS, DATA, "that holds the match"},
	[CHUNK_SIZE] = {"chunk_size", "", HC_CELL_COUNT, 0, "with header"},
	[STATE] = {"state", "", HC_CELL_TEXT, DATA, "in use, or the list that it is on"},
	[ARENA] = {"arena", "", HC_CELL_ARENA, DATA, "of the chunk"},
	[REACH] = {"reach", "", HC_CELL_TEXT, DATA, "when the selection asked for it"},
	[CLASS] = {"class", "", HC_CELL_NAME, DATA | HC_COLUMN_CLASS,
		   "content class of the chunk; not with --content none"},
	[MAPPING] = {"mapping", "", HC_CELL_ADDRESS, DATA, "its start"},
	[KIND] = {"kind", "", HC_CELL_TEXT, 0, "of the mapping"},
	[MATCH] = {"match", "", HC_CELL_CONTENT, DATA,
		   "escaped; not with -l, or with --content none or class"},
	[GROUP] = {"group", "", HC_CELL_CONTENT, DATA,
		   "what the first capture group matched, if there is one"},
	[CONTEXT] = {"context", "", HC_CELL_CONTENT, DATA,
		     "the line around the match, or as much as -C says"},
	[TEXT] = {"text", "", HC_CELL_CONTENT, HC_COLUMN_TEXT_ONLY, "the same, for people"},
	[TYPE] = {"type", "", HC_CELL_NAME, DATA | HC_COLUMN_CLASS,
		  "C++ class of the object in the chunk, where its vtable tells, or with --type "
		  "any type; not with --content none"},
	[LINE] = {"line", "", HC_CELL_COUNT, DATA | HC_COLUMN_NO_CSV,
		  "with -n the number of the line in its chunk, from 1"},
};

const struct hc_shape hc_hits_shape = {.name = "matches", HC_COLUMNS(columns), .separator = ": "};

/** The class of a chunk; unknown where nobody asked for it. */
static struct hc_cell class_cell(struct hc_hits *hits, const struct hc_chunk *chunk)
{
	const struct hc_session *session = hits->session;

	if (!hits->classifier)
		return hc_cell_unknown();
	if (hits->class_chunk != chunk->address) {
		hits->class_chunk = chunk->address;
		hits->class_id = hc_classify(session->target->classifier, hits->classifier,
					     hc_chunk_bytes(session->target->heap, chunk));
	}
	return hc_class_cell(session, hits->class_id);
}

static struct hc_cell type_cell(const struct hc_hits *hits, const struct hc_chunk *chunk)
{
	return hits->classifier ? hc_type_cell(hits->session, hc_session_type(hits->session, chunk))
				: hc_cell_unknown();
}

static struct hc_cell reach_cell(const struct hc_hits *hits, const struct hc_chunk *chunk)
{
	bool known = hits->session->target->heap->reach_known && chunk->state == HC_IN_USE;

	return hc_cell_text(known ? hc_reach_name(chunk->reach) : NULL);
}

static void set_chunk(struct hc_hits *hits, struct hc_cell cells[], const struct hc_chunk *chunk)
{
	cells[WHERE] = cells[CHUNK] = hc_cell_address(chunk->address);
	cells[CHUNK_SIZE] = hc_cell_count(chunk->size);
	cells[STATE] = hc_cell_text(hc_chunk_state_name(chunk));
	cells[ARENA] = hc_cell_arena(chunk->span->arena);
	cells[REACH] = reach_cell(hits, chunk);
	cells[CLASS] = class_cell(hits, chunk);
	cells[TYPE] = type_cell(hits, chunk);
}

static bool has_group(const struct hc_search_hit *hit)
{
	return hit->group.data != hit->text.data || hit->group.size != hit->text.size;
}

struct hc_excerpt hc_hits_excerpt(const struct hc_hits *hits, struct hc_bytes bytes)
{
	/* A match is what was asked for; what is around it is not, and goes without secrets. */
	return (struct hc_excerpt){
		.bytes = bytes, .asked = bytes, .wide = hits->narrow, .masks = hits->masked};
}

/** What the cells of a match refer to. */
struct excerpts {
	struct hc_excerpt match, group, context;
};

/** Of a chunk without a match, what it holds. */
static void set_sample(struct hc_hits *hits, struct hc_cell cells[],
		       const struct hc_search_hit *hit)
{
	cells[TEXT] = cells[CONTEXT] =
		hc_sampler_cell(&hits->sampler, hit->address, room_of(hits, hit));
}

static void set_bytes(const struct hc_hits *hits, struct hc_cell cells[],
		      const struct hc_search_hit *hit, struct excerpts *excerpts)
{
	excerpts->match = hc_hits_excerpt(hits, hit->text);
	cells[MATCH] = hc_cell_content(&excerpts->match);
	if (has_group(hit)) {
		excerpts->group = hc_hits_excerpt(hits, hit->group);
		cells[GROUP] = hc_cell_content(&excerpts->group);
	}
	excerpts->context = excerpts->match;
	excerpts->context.bytes = context(hits, hit);
	excerpts->context.emphasis = true;
	cells[TEXT] = hc_cell_content(&excerpts->context);
	if (!hits->has_context || hits->context)
		cells[CONTEXT] = cells[TEXT];
}

static bool write_hit(struct hc_hits *hits, const struct hc_search_hit *hit)
{
	struct hc_cell cells[NUM_COLUMNS] = {0};
	struct excerpts excerpts;

	cells[ADDRESS] = cells[WHERE] = hc_cell_address(hit->address);
	if (hit->chunk) {
		set_chunk(hits, cells, hit->chunk);
	} else {
		cells[MAPPING] = hc_cell_address(hit->mapping->start);
		cells[KIND] = hc_cell_text(hc_mapping_kind_name(hit->mapping->kind));
	}
	if (hits->line_numbers && hit->chunk)
		cells[LINE] = hc_cell_count(line_number(hit));
	if (hits->inverted && !hits->addresses)
		set_sample(hits, cells, hit);
	else if (!hits->addresses)
		set_bytes(hits, cells, hit, &excerpts);
	return hc_rows_add(&hits->rows, cells);
}

/* --- The whole --- */

/** In text, what -o and -l show are columns of their own, and nothing but them. */
static void prepare_view(struct hc_hits *hits)
{
	hc_session_view(hits->session, &hits->view);
	if (in_text(hits) && !hits->view.choice.columns)
		hits->view.choice.columns = hits->bare           ? "match"
					    : hits->addresses    ? "where"
					    : hits->line_numbers ? "address,chunk_size,line,text"
								 : NULL;
	if (hits->session->options->format == HC_FORMAT_CSV && hits->line_numbers &&
	    !hits->view.choice.columns)
		hits->view.choice.columns = "+line";
}

static struct hc_error *begin_rows(struct hc_hits *hits)
{
	hc_cleanup_document struct hc_document head;

	hc_document_init(&head);
	hc_session_begin_rows(hits->session);
	hc_session_begin_data(hits->session, &head);
	if (!hits->bare && !hits->addresses)
		hc_session_say_partial(hits->session, &head);
	return hc_rows_begin(&hits->rows, &hits->view, &hc_hits_shape, 0, &head);
}

static bool show_hit(void *ctx, const struct hc_search_hit *hit)
{
	struct hc_hits *hits = ctx;
	uint64_t limit = hits->session->options->selection.limit;

	if (limit && hits->shown == limit) {
		hits->limited = true;
		return false;
	}
	/* A search without a match prints nothing for people. */
	if (!hits->shown++ && in_text(hits)) {
		hits->err = begin_rows(hits);
		if (hits->err)
			return false;
	}
	return write_hit(hits, hit);
}

static void report_given_up(const struct hc_session *session, const struct hc_search_result *result)
{
	hc_cleanup_free char *message = NULL;

	if (!result->limited || session->options->quiet)
		return;
	if (asprintf(&message, "the pattern took too long in %" PRIu64 " place%s; skipped",
		     result->limited, hc_plural(result->limited)) < 0)
		message = NULL;
	hc_print_message(session->options->core, message ? message : "no memory");
}

/** What no chosen chunk has may be somewhere else. */
static struct hc_error *look_elsewhere(struct hc_hits *hits, const struct hc_pattern *pattern)
{
	struct hc_session *session = hits->session;

	if (hits->scope != HC_SEARCH_CHUNKS || hits->attribute || hits->inverted)
		return NULL;
	hc_session_phase(session, "searching elsewhere");
	struct hc_error *err =
		hc_elsewhere_run(session->target, pattern, &hits->sieve, &hits->elsewhere);
	hc_session_phase(session, NULL);
	hits->has_elsewhere = !err;
	return err;
}

static void report_elsewhere(const struct hc_hits *hits)
{
	const struct hc_elsewhere *elsewhere = &hits->elsewhere;
	const struct hc_session *session = hits->session;
	hc_cleanup_free char *chunks = NULL, *mappings = NULL, *message = NULL;

	if (!hits->has_elsewhere || !elsewhere->matches || session->options->quiet)
		return;
	if (asprintf(&chunks, "%s other chunk%s", hc_unit_count(elsewhere->chunks).text,
		     hc_plural(elsewhere->chunks)) < 0 ||
	    asprintf(&mappings, "%s mapping%s outside of chunks",
		     hc_unit_count(elsewhere->mappings).text, hc_plural(elsewhere->mappings)) < 0 ||
	    asprintf(&message,
		     "none of the chosen chunks matches, but %s%s match%s in %s%s%s; %s shows them",
		     elsewhere->bounded ? "at least " : "", hc_unit_count(elsewhere->matches).text,
		     elsewhere->matches == 1 ? " is" : "es are", elsewhere->chunks ? chunks : "",
		     elsewhere->chunks && elsewhere->mappings ? " and " : "",
		     elsewhere->mappings ? mappings : "",
		     elsewhere->chunks ? "--all" : "--maps") < 0)
		message = NULL;
	hc_print_message(session->options->core, message ? message : "no memory");
}

static enum hc_need need(const struct hc_hits *hits)
{
	if (hits->by == HC_SEARCH_BY_REACH)
		return HC_NEED_REACH;
	if (hits->scope == HC_SEARCH_CHUNKS)
		return HC_NEED_HEAP;
	/* Only a heap tells what a mapping is for; and without a match to show nobody asks. */
	return hc_hits_in_mappings(hits) && !hc_hits_stream(hits) ? HC_NEED_PROCESS
								  : HC_NEED_HEAP_IF_ANY;
}

/** Rows of data name the class of each chunk. */
static struct hc_error *prepare_class(struct hc_hits *hits)
{
	const struct hc_session *session = hits->session;

	if (!session->target->classifier || !hc_hits_stream(hits) ||
	    (in_text(hits) && !session->options->choice.columns))
		return NULL;
	return hc_classifier_scratch_create(session->target->classifier, &hits->classifier);
}

/** What chunks without a match hold instead. */
static struct hc_error *prepare_sampler(struct hc_hits *hits)
{
	return hits->inverted ? hc_sampler_init(&hits->sampler, hits->session) : NULL;
}

/** Rows of data also name the type, as far as that is known without long reading. */
static struct hc_error *prepare_types(struct hc_hits *hits)
{
	struct hc_session *session = hits->session;

	if (hits->by == HC_SEARCH_BY_TYPE)
		return hc_session_types(session, HC_TYPES_FULL);
	return hits->classifier ? hc_session_types(session, HC_TYPES_QUICK) : NULL;
}

static struct hc_error *search(struct hc_hits *hits, const struct hc_pattern *pattern,
			       struct hc_search_result *result)
{
	struct hc_session *session = hits->session;
	/* A view: what it owns stays the session's. */
	struct hc_selection selection = session->options->selection;
	struct hc_search_options options = {
		.scope = hits->scope,
		.selection = &selection,
		.top = hits->top,
		.by = hits->by,
		.attribute = hits->attribute,
		.sieve = hits->sieve.num_parts ? &hits->sieve : NULL,
		.fn = hc_hits_stream(hits) ? show_hit : NULL,
		.ctx = hits,
		.first_only = (hits->addresses || hits->inverted) && !hc_hits_in_mappings(hits),
	};

	if (hits->inverted)
		selection.unmatch = pattern;

	if (hits->scope == HC_SEARCH_ALL)
		selection.states = (1u << HC_NUM_STATES) - 1;
	prepare_view(hits);
	struct hc_error *err = hc_hits_stream(hits) && !in_text(hits) ? begin_rows(hits) : NULL;
	if (err)
		return err;
	err = hc_search_run(session->target, hits->inverted ? hits->anything : pattern, &options,
			    result);
	if (!hits->err)
		return err;
	hc_error_destroy(err);
	return hits->err;
}

/** Whether to look at the bytes before the heap: only chunks in use count, all of them. */
static bool sieves(const struct hc_hits *hits, const struct hc_pattern *pattern)
{
	const struct hc_options *options = hits->session->options;

	return hits->scope == HC_SEARCH_CHUNKS && !hits->inverted && !hits->attribute &&
	       !options->selection_given && !options->finding && hc_sieve_is_for(pattern);
}

/** Open what the search needs: no heap where no byte can be of a match. */
static struct hc_error *open_session(struct hc_hits *hits, const struct hc_pattern *pattern)
{
	struct hc_session *session = hits->session;
	struct hc_error *err = hc_session_open_core(session);

	if (!err && sieves(hits, pattern)) {
		err = hc_sieve_run(session->target, pattern, &hits->sieve);
		hits->nowhere = !err && !hits->sieve.may_match;
		hc_session_phase(session, NULL);
	}
	if (err)
		return err;
	return hc_session_need(session, hits->nowhere ? HC_NEED_PROCESS : need(hits));
}

/** The result of a search that the sieve has answered. */
static struct hc_error *find_nothing(struct hc_hits *hits, struct hc_search_result *result)
{
	result->searched_bytes = hits->sieve.bytes;
	hits->has_elsewhere = true;
	result->texts_exact = true;
	prepare_view(hits);
	return hc_hits_stream(hits) && !in_text(hits) ? begin_rows(hits) : NULL;
}

/** Search the chunks or mappings. */
static struct hc_error *search_all(struct hc_hits *hits, const struct hc_pattern *pattern,
				   struct hc_search_result *result)
{
	struct hc_error *err = prepare_class(hits);

	if (!err)
		err = prepare_types(hits);
	if (!err)
		err = prepare_sampler(hits);
	if (!err)
		err = search(hits, pattern, result);
	hc_sampler_deinit(&hits->sampler);
	hc_classifier_scratch_destroy(hits->classifier);
	hits->classifier = NULL;
	if (err)
		return err;
	report_given_up(hits->session, result);
	if (!result->matches)
		err = look_elsewhere(hits, pattern);
	report_elsewhere(hits);
	return err;
}

struct hc_error *hc_hits_run(struct hc_hits *hits, const struct hc_pattern *pattern)
{
	hc_cleanup(hc_search_result_deinit) struct hc_search_result result = {0};
	struct hc_session *session = hits->session;
	struct hc_error *err = open_session(hits, pattern);

	if (!err && hc_hits_stream(hits))
		err = hc_rows_check(&session->options->choice);
	if (!err)
		err = hits->nowhere ? find_nothing(hits, &result)
				    : search_all(hits, pattern, &result);
	if (!err) {
		session->status = result.matches ? 0 : 1;
		err = hc_hits_write_end(hits, &result);
	}
	hc_sieve_deinit(&hits->sieve);
	hc_rows_deinit(&hits->rows);
	return err;
}
