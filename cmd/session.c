/**
 * @file
 * A session; see session.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cmd/session.h"

#include "analyzers/verdict/verdict.h"
#include "cmd/advice.h"
#include "cmd/render/escape.h"
#include "cmd/render/text.h"
#include "cmd/render/unfinished.h"
#include "cmd/render/units.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

struct hc_output_options hc_session_output_options(const struct hc_session *session)
{
	return (struct hc_output_options){
		.force = session->options->force,
		.color = session->options->color,
		.inputs = &session->options->inputs,
	};
}

struct hc_error *hc_session_init(struct hc_session *session, struct hc_options *options)
{
	*session = (struct hc_session){.options = options};
	const char *path = options->verb->own_output ? NULL : options->output;
	struct hc_output_options output = hc_session_output_options(session);
	struct hc_error *err = hc_output_open(path, &output, &session->out);
	if (err)
		return err;
	session->progress = options->quiet ? NULL : hc_progress_create();
	return NULL;
}

void hc_session_deinit(struct hc_session *session)
{
	hc_progress_destroy(session->progress);
	hc_output_discard(&session->out);
	for (unsigned i = 0; i < session->num_targets; i++) {
		if (!session->borrows[i])
			hc_target_close(session->targets[i]);
	}
	if (!session->borrows_signatures) {
		hc_masker_destroy(session->masker);
		hc_signatures_destroy(session->signatures);
	}
	hc_diagnostics_deinit(&session->remarks);
}

/** Anonymous memory that this program has now, bytes; 0 when the kernel doesn't tell. */
static uint64_t anonymous_memory(void)
{
	hc_cleanup_fclose FILE *file = fopen("/proc/self/status", "re");
	unsigned long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "RssAnon: %lu", &kib) == 1)
			break;
	}
	return kib * UINT64_C(1024);
}

/** The place of a phase, which may go on after others; NULL: there is no more room. */
static struct hc_phase_time *find_phase(struct hc_session *session, const char *name)
{
	for (unsigned i = 0; i < session->num_phases; i++)
		if (!strcmp(session->phases[i].name, name))
			return &session->phases[i];
	if (session->num_phases == HC_MAX_PHASES)
		return NULL;
	session->phases[session->num_phases].name = name;
	return &session->phases[session->num_phases++];
}

void hc_session_phase(struct hc_session *session, const char *name)
{
	if (session->phase) {
		session->phase->seconds += now() - session->phase_start;
		uint64_t anonymous = session->options->verbose ? anonymous_memory() : 0;
		if (anonymous > session->peak_anonymous)
			session->peak_anonymous = anonymous;
	}
	hc_progress_set(session->progress, name);
	session->phase = name ? find_phase(session, name) : NULL;
	session->phase_start = now();
}

void hc_session_begin_rows(struct hc_session *session)
{
	session->answers = true;
	if (!session->out.is_file)
		hc_session_phase(session, NULL);
	else if (!session->phase)
		hc_session_phase(session, "writing");
}

/** Chunks between two looks at how far it is. */
#define CHUNKS_PER_LOOK 4096

void hc_session_wrote(struct hc_session *session, const struct hc_chunk *chunk)
{
	const struct hc_heap *heap = session->target->heap;
	uint64_t done = 0, all = 0;

	if (!session->progress || session->chunks_wrote++ % CHUNKS_PER_LOOK)
		return;
	for (size_t i = 0; i < heap->num_spans; i++) {
		const struct hc_span *span = &heap->spans[i];

		if (span < chunk->span)
			done += span->end - span->start;
		all += span->end - span->start;
	}
	done += chunk->address - chunk->span->start;
	hc_progress_set_share(session->progress, all ? (double)done / all : 0);
}

/** Print remarks of one input that came up since the last call. */
static void print_remarks(const struct hc_session *session, const char *path,
			  const struct hc_diagnostics *diag, size_t *shown)
{
	for (; *shown < diag->num; (*shown)++)
		if (!session->options->quiet)
			hc_print_message(path, diag->items[*shown].message);
}

void hc_session_print_remarks(struct hc_session *session)
{
	for (unsigned i = 0; i < session->num_targets; i++) {
		const struct hc_process *process = session->targets[i]->process;

		print_remarks(session, process->core->path, &process->diag,
			      &session->remarks_shown[i]);
	}
	print_remarks(session, session->options->core, &session->remarks,
		      &session->remarks_shown[HC_MAX_TARGETS]);
}

/** @name What the targets tell */
/**@{*/

static const char *phase_name(enum hc_phase phase)
{
	static const char *const names[HC_NUM_PHASES] = {
		[HC_PHASE_READ] = "reading the core",
		[HC_PHASE_UNPACK] = "unpacking the core",
		[HC_PHASE_WALK] = "walking the heap",
		[HC_PHASE_CHECK] = "checking the heap",
		[HC_PHASE_FOLLOW] = "following pointers",
		[HC_PHASE_TYPES] = "reading types",
		[HC_PHASE_SELECT] = "selecting chunks",
		[HC_PHASE_COUNT] = "counting chunks",
		[HC_PHASE_TYPE] = "counting types",
		[HC_PHASE_CLASSIFY] = "classifying chunks",
		[HC_PHASE_GROUP] = "grouping what is lost",
		[HC_PHASE_GROWTH] = "grouping what is held",
		[HC_PHASE_COMPARE] = "comparing chunks",
		[HC_PHASE_SEARCH] = "searching",
		[HC_PHASE_REFER] = "looking for pointers to it",
		[HC_PHASE_RETAIN] = "finding what holds how much",
		[HC_PHASE_CONTAINERS] = "finding containers",
		[HC_PHASE_REGIONS] = "looking at mappings",
	};
	return names[phase];
}

static void on_phase(void *ctx, enum hc_phase phase)
{
	hc_session_phase(ctx, phase_name(phase));
	/* Who reads may wait for a pipe, and has no threads yet. */
	hc_signals_ask(phase != HC_PHASE_NONE && phase != HC_PHASE_READ &&
		       phase != HC_PHASE_UNPACK);
}

static bool is_cancelled(void *ctx __attribute__((unused)))
{
	return hc_signals_asked();
}

static void on_share(void *ctx, double share)
{
	struct hc_session *session = ctx;

	hc_progress_set_share(session->progress, share);
}
/**@}*/

struct hc_error *hc_session_signatures(struct hc_session *session)
{
	const struct hc_options *options = session->options;

	if (session->signatures)
		return NULL;
	if (session->num_loans && hc_options_read_alike(options, session->loans[0].with)) {
		session->signatures = session->loans[0].signatures;
		session->masker = session->loans[0].masker;
		session->borrows_signatures = true;
		return NULL;
	}
	struct hc_error *err = hc_signatures_create(options->signatures, options->num_signatures,
						    &session->signatures);

	return err ? err : hc_masker_create(session->signatures, &session->masker);
}

char *hc_session_mask(const struct hc_session *session, const char *text)
{
	struct hc_masked masked = {0};

	if (!text || session->options->content == HC_CONTENT_FULL)
		return text ? strdup(text) : NULL;
	if (!session->masker)
		return strdup("***");
	const struct hc_bytes bytes = {(const uint8_t *)text, strlen(text)};
	hc_cleanup_error struct hc_error *err =
		hc_masker_mask(session->masker, bytes, bytes, HC_MASK_SHORT, &masked);

	return err ? strdup("***") : (char *)masked.bytes;
}

struct hc_error *hc_session_types(struct hc_session *session, enum hc_types_effort effort)
{
	struct hc_types *types;

	return hc_target_types(session->target, effort, &types);
}

/** A file that was found on the way is an input as well as one that was named. */
static void add_input(void *ctx, const char *path, int fd)
{
	struct hc_session *session = ctx;

	hc_inputs_add_open(&session->options->inputs, path, fd);
}

/** The options of a target. */
static struct hc_target_options target_options(struct hc_session *session)
{
	struct hc_target_options ret = {
		.process = session->options->process,
		.signatures = session->signatures,
		.prefilter = session->options->prefilter,
	};
	const char *tmpdir = getenv("TMPDIR");

	/* Where to unpack: --tmpdir, or $TMPDIR as other programs take it, or core's own choice. */
	if (!ret.process.decompress.tmpdir && tmpdir && *tmpdir)
		ret.process.decompress.tmpdir = tmpdir;
	ret.process.modules.opened = add_input;
	ret.process.modules.opened_ctx = session;
	return ret;
}

/** The loan of a core that need not be opened; NULL: there is none. */
static const struct hc_loan *find_loan(const struct hc_session *session, const char *path)
{
	for (size_t i = 0; i < session->num_loans; i++) {
		const struct hc_loan *loan = &session->loans[i];

		if (!strcmp(loan->path, path) &&
		    hc_options_read_alike(session->options, loan->with))
			return loan;
	}
	return NULL;
}

/** Work on a core that is open: its remarks were printed, as far as they were there. */
static void borrow(struct hc_session *session, const struct hc_loan *loan,
		   const struct hc_observer *observer)
{
	unsigned at = session->num_targets++;

	hc_watch_init(&loan->target->watch, observer);
	session->borrows[at] = true;
	session->remarks_shown[at] = loan->remarks_shown;
	session->target = session->targets[at] = loan->target;
}

static struct hc_error *add_target(struct hc_session *session, const char *path)
{
	const struct hc_target_options options = target_options(session);
	const struct hc_observer observer = {
		.phase = on_phase, .share = on_share, .cancelled = is_cancelled, .ctx = session};
	const struct hc_loan *loan = find_loan(session, path);
	if (loan) {
		borrow(session, loan, &observer);
		return NULL;
	}
	struct hc_error *err =
		hc_target_open(path, &options, &observer, &session->targets[session->num_targets]);

	if (!err)
		session->target = session->targets[session->num_targets++];
	return err;
}

struct hc_error *hc_session_measure(struct hc_session *session, const char *suppress,
				    struct hc_verdict *ret)
{
	struct hc_target *target = session->target;
	struct hc_error *err = NULL;

	if (!suppress)
		return hc_verdict_measure(target, ret);
	/* Patterns name types, which is why analyze reads them before. */
	if (target->heap)
		err = hc_session_types(session, HC_TYPES_QUICK);
	return err ? err : hc_verdict_measure_without(target, suppress, &session->remarks, ret);
}

/** Narrow the selection to the finding that --finding names. */
static struct hc_error *select_finding(struct hc_session *session)
{
	hc_cleanup(hc_verdict_deinit) struct hc_verdict verdict = {0};
	struct hc_options *options = session->options;

	if (!options->finding)
		return NULL;
	struct hc_error *err = hc_session_measure(session, options->suppress, &verdict);
	return err ? err : hc_findings_select(&verdict, options->finding, &options->selection);
}

/** The heap, as far as the verb needs one. @param[out] ret NULL: there is none, or it needs none */
static struct hc_error *open_heap(struct hc_target *target, enum hc_need need,
				  const struct hc_heap **ret)
{
	*ret = NULL;
	if (need == HC_NEED_PROCESS)
		return NULL;
	return need == HC_NEED_HEAP_IF_ANY ? hc_target_heap_if_any(target, ret)
					   : hc_target_heap(target, ret);
}

/** What the verb and the filters of the selection need. */
static struct hc_error *prepare(struct hc_session *session, enum hc_need need)
{
	struct hc_target *target = session->target;
	const struct hc_classifier *classifier;
	const struct hc_heap *heap;
	struct hc_error *err = open_heap(target, need, &heap);

	if (err || !heap)
		return err;
	if ((err = hc_target_classifier(target, &classifier)) || (err = select_finding(session)) ||
	    (err = hc_selection_prepare(&session->options->selection, target)))
		return err;
	return need == HC_NEED_REACH ? hc_target_reach(target, NULL) : NULL;
}

static struct hc_error *open_core(struct hc_session *session)
{
	struct hc_error *err = hc_session_signatures(session);

	if (!err)
		err = hc_selection_check_classes(&session->options->selection, session->signatures);
	if (!err && !(session->taker && session->target))
		err = add_target(session, session->options->core);
	return err;
}

struct hc_error *hc_session_open_core(struct hc_session *session)
{
	struct hc_error *err = open_core(session);

	hc_session_phase(session, NULL);
	return err;
}

struct hc_error *hc_session_open(struct hc_session *session, enum hc_need need)
{
	struct hc_error *err = hc_session_open_core(session);

	return err ? err : hc_session_need(session, need);
}

struct hc_error *hc_session_need(struct hc_session *session, enum hc_need need)
{
	struct hc_error *err = prepare(session, need);
	hc_session_phase(session, NULL);
	if (!err)
		err = hc_output_check(&session->out);
	/* A failure is one line: what else is wrong with the core doesn't matter any more. */
	if (!err)
		hc_session_print_remarks(session);
	return err;
}

struct hc_error *hc_session_open_another(struct hc_session *session, const char *path,
					 enum hc_need need)
{
	const struct hc_heap *heap;
	struct hc_error *err = add_target(session, path);

	if (!err)
		err = open_heap(session->target, need, &heap);
	if (!err && need == HC_NEED_REACH)
		err = hc_target_reach(session->target, NULL);
	hc_session_phase(session, NULL);
	if (!err)
		hc_session_print_remarks(session);
	return err;
}

static bool is_partial(const struct hc_target *target)
{
	return target->process->diag.partial || (target->heap && target->heap->partial);
}

bool hc_session_partial(const struct hc_session *session)
{
	bool partial = session->remarks.partial;

	for (unsigned i = 0; i < session->num_targets; i++)
		partial |= is_partial(session->targets[i]);
	return partial;
}

/** Why the answer may lack something: one line. */
static void say_reason(struct hc_document *doc, const char *why)
{
	HC_SAY_AT(doc, hc_margin("PARTIAL: ", 9, false), "{}", hc_cell_name(why));
}

/** What of the remarks means that something is missing. @return whether any does */
static bool say_reasons(const struct hc_diagnostics *diag, struct hc_document *doc)
{
	bool said = false;

	for (size_t i = 0; i < diag->num; i++) {
		if (diag->items[i].partial)
			say_reason(doc, diag->items[i].message);
		said |= diag->items[i].partial;
	}
	return said;
}

static void add_remarks(const struct hc_diagnostics *diag, struct hc_document *doc)
{
	for (size_t i = 0; i < diag->num; i++)
		hc_fact(doc, "", NULL, hc_cell_name(diag->items[i].message));
}

void hc_session_begin_data(const struct hc_session *session, struct hc_document *doc)
{
	hc_fact(doc, "schema", NULL,
		HC_PHRASE(doc, "heapcore.{}/{}", hc_cell_text(session->options->verb->name),
			  hc_cell_number(hc_verb_json_version(session->options->verb))));
	hc_fact(doc, "core", NULL, hc_cell_name(session->options->core));
	hc_fact(doc, "partial", NULL, hc_cell_bool(hc_session_partial(session)));
	hc_begin_array(doc, "remarks", HC_CONTENT_NONE);
	for (unsigned i = 0; i < session->num_targets; i++)
		add_remarks(&session->targets[i]->process->diag, doc);
	add_remarks(&session->remarks, doc);
	hc_end(doc);
}

void hc_session_say_partial(const struct hc_session *session, struct hc_document *doc)
{
	bool said;

	if (!hc_session_partial(session) || (session->taker && session->taker->said_partial))
		return;
	said = say_reasons(&session->remarks, doc);
	for (unsigned i = 0; i < session->num_targets; i++) {
		const struct hc_target *target = session->targets[i];

		said |= say_reasons(&target->process->diag, doc);
		if (!said && target->heap && target->heap->partial) {
			say_reason(doc, "parts of the heap are missing or damaged");
			said = true;
		}
	}
	if (!said)
		say_reason(doc, "the file is cut short");
	hc_blank(doc);
}

void hc_session_begin(const struct hc_session *session, struct hc_document *doc)
{
	hc_session_begin_data(session, doc);
	hc_session_say_partial(session, doc);
}

void hc_session_view(struct hc_session *session, struct hc_view *ret)
{
	const struct hc_options *options = session->options;

	*ret = (struct hc_view){
		.renderer = hc_formats[options->format].renderer,
		.out = &session->out,
		.look = {.policy = {.content = options->content, .masker = session->masker},
			 .utf8 = session->out.utf8,
			 .color = session->out.color,
			 .plain_bytes = options->plain_bytes,
			 .full_names = options->full_names},
		.choice = options->choice,
	};
	if (session->target)
		ret->look.policy.file = session->target->process->core->file;
}

struct hc_error *hc_session_write(struct hc_session *session, struct hc_document *doc)
{
	struct hc_view view;

	session->answers = true;
	hc_session_view(session, &view);
	return session->taker ? session->taker->take(session->taker->ctx, doc, &view)
			      : hc_render(doc, &view);
}

static void print_reach_costs(const struct hc_reach_stats *reach)
{
	fprintf(stderr, "pointers: %s words seen, %s pointers followed, %s into the interior\n",
		hc_unit_count(reach->words_seen).text, hc_unit_count(reach->pointers_seen).text,
		hc_unit_count(reach->pointers_interior).text);
	fprintf(stderr, "roots: %s searched, %s missing\n", hc_unit_bytes(reach->root_bytes).text,
		hc_unit_bytes(reach->root_bytes_missing).text);
}

void hc_session_print_costs(struct hc_session *session)
{
	const struct hc_target *target = session->target;
	struct rusage usage;

	hc_session_phase(session, NULL);
	for (unsigned i = 0; i < session->num_phases; i++)
		fprintf(stderr, "%s: %.3f s\n", session->phases[i].name,
			session->phases[i].seconds);
	if (target && target->heap && target->heap->reach_known)
		print_reach_costs(&target->reach);
	if (target && target->classifier)
		fprintf(stderr, "prefilter of content classes: %s\n",
			hc_classifier_prefilter(target->classifier));
	getrusage(RUSAGE_SELF, &usage);
	/* ru_maxrss is in KiB and counts the mapped core's pages too. */
	fprintf(stderr, "anonymous memory at the end of a phase, at most: %s\n",
		hc_unit_bytes(session->peak_anonymous).text);
	fprintf(stderr, "peak memory, the mapped core's pages included: %s\n",
		hc_unit_bytes(usage.ru_maxrss * UINT64_C(1024)).text);
}
