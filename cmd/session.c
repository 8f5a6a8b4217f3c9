/**
 * @file
 * A session; see session.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cmd/session.h"
#include "cmd/advice.h"
#include "cmd/render/escape.h"
#include "cmd/render/text.h"
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
	hc_masker_destroy(session->masker);
	hc_types_destroy(session->types);
	hc_classifier_destroy(session->classifier);
	hc_signatures_destroy(session->signatures);
	hc_heap_close(session->heap);
	hc_process_close(session->process);
	free(session->no_heap);
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

void hc_session_phase(struct hc_session *session, const char *name)
{
	if (session->phase_start) {
		session->phases[session->num_phases - 1].seconds = now() - session->phase_start;
		uint64_t anonymous = session->options->verbose ? anonymous_memory() : 0;
		if (anonymous > session->peak_anonymous)
			session->peak_anonymous = anonymous;
	}
	session->phase_start = 0;
	hc_progress_set(session->progress, name);
	if (!name || session->num_phases == HC_MAX_PHASES)
		return;
	session->phases[session->num_phases++].name = name;
	session->phase_start = now();
}

/** Print remarks that came up since the last call. */
static void print_remarks(struct hc_session *session)
{
	const struct hc_diagnostics *diag = &session->process->diag;

	for (; session->remarks_shown < diag->num; session->remarks_shown++) {
		if (!session->options->quiet)
			hc_print_message(session->options->core,
					 diag->items[session->remarks_shown].message);
	}
}

static struct hc_error *open_heap(struct hc_session *session, enum hc_need need)
{
	hc_session_phase(session, "walking the heap");
	struct hc_error *err = hc_heap_open(session->process, &session->heap);
	if (!err || err->code != HC_ERROR_NO_ALLOCATOR || need != HC_NEED_HEAP_IF_ANY)
		return err;
	session->no_heap = strdup(err->message);
	hc_error_destroy(err);
	return session->no_heap ? NULL : &hc_enomem;
}

static const char reading[] = "reading the core", unpacking[] = "unpacking the core";

/** Called while a compressed core is unpacked: a phase of its own, with its share done. */
static void show_unpacking(void *ctx, uint64_t done, uint64_t total)
{
	struct hc_session *session = ctx;
	const char *phase = session->phases[session->num_phases - 1].name;

	if (done == total)
		hc_session_phase(session, reading);
	else if (phase != unpacking)
		hc_session_phase(session, unpacking);
	if (done != total)
		hc_progress_set_share(session->progress, (double)done / total);
}

/** Where to unpack: --tmpdir, or $TMPDIR as other programs take it, or core's own choice. */
static void prepare_unpacking(struct hc_session *session)
{
	struct hc_decompress_options *decompress = &session->options->process.decompress;
	const char *tmpdir = getenv("TMPDIR");

	if (!decompress->tmpdir && tmpdir && *tmpdir)
		decompress->tmpdir = tmpdir;
	decompress->progress = show_unpacking;
	decompress->ctx = session;
}

struct hc_error *hc_session_signatures(struct hc_session *session)
{
	const struct hc_options *options = session->options;

	if (session->signatures)
		return NULL;
	struct hc_error *err = hc_signatures_create(options->signatures, options->num_signatures,
						    &session->signatures);

	return err ? err : hc_masker_create(session->signatures, &session->masker);
}

struct hc_error *hc_session_types(struct hc_session *session, enum hc_types_effort effort)
{
	if (session->types)
		return NULL;
	hc_session_phase(session, "reading types");
	struct hc_error *err =
		hc_types_create(session->process, session->heap, effort, &session->types);
	hc_session_phase(session, NULL);
	return err;
}

/** What the filters of the selection need. */
static struct hc_error *prepare_selection(struct hc_session *session)
{
	struct hc_selection *selection = &session->options->selection;
	struct hc_error *err = hc_selection_prepare(selection, session->classifier);

	if (!err && hc_selection_needs_types(selection)) {
		err = hc_session_types(session, HC_TYPES_FULL);
		if (!err)
			err = hc_selection_prepare_types(selection, session->types);
	}
	return err;
}

static struct hc_error *prepare_content(struct hc_session *session)
{
	struct hc_error *err =
		hc_classifier_create(session->process, session->heap, session->signatures,
				     session->options->prefilter, &session->classifier);

	return err ? err : prepare_selection(session);
}

/** A file that was found on the way is an input as well as one that was named. */
static void add_input(void *ctx, const char *path, int fd)
{
	struct hc_session *session = ctx;

	hc_inputs_add_open(&session->options->inputs, path, fd);
}

static struct hc_error *open_all(struct hc_session *session, enum hc_need need)
{
	struct hc_error *err = hc_session_signatures(session);
	if (!err)
		err = hc_selection_check_classes(&session->options->selection, session->signatures);
	if (err)
		return err;
	prepare_unpacking(session);
	session->options->process.modules.opened = add_input;
	session->options->process.modules.opened_ctx = session;
	hc_session_phase(session, reading);
	err = hc_process_open(session->options->core, &session->options->process,
			      &session->process);
	if (!err && need >= HC_NEED_HEAP_IF_ANY)
		err = open_heap(session, need);
	if (!err && session->heap)
		err = prepare_content(session);
	if (!err && need == HC_NEED_REACH) {
		hc_session_phase(session, "following pointers");
		err = hc_reachability_run(session->process, session->heap, &session->reach);
	}
	return err;
}

struct hc_error *hc_session_open(struct hc_session *session, enum hc_need need)
{
	const struct hc_selection *selection = &session->options->selection;

	if (need == HC_NEED_HEAP && hc_selection_needs_reach(selection))
		need = HC_NEED_REACH;
	struct hc_error *err = open_all(session, need);
	hc_session_phase(session, NULL);
	if (!err)
		err = hc_output_check(&session->out);
	/* A failure is one line: what else is wrong with the core doesn't matter any more. */
	if (!err)
		print_remarks(session);
	return err;
}

bool hc_session_partial(const struct hc_session *session)
{
	return session->partial || (session->process && session->process->diag.partial) ||
	       (session->heap && session->heap->partial);
}

static void write_reason(struct hc_session *session, const char *why)
{
	hc_cleanup_free char *text =
		hc_escape_string(why, HC_ESCAPE_PLAIN | (session->out.utf8 ? HC_ESCAPE_UTF8 : 0));

	hc_text_paragraph(&session->out, "PARTIAL: ", 9, false, "%s", text ? text : why);
}

void hc_session_write_partial(struct hc_session *session)
{
	bool said = false;

	if (!hc_session_partial(session))
		return;
	for (size_t i = 0; session->process && i < session->process->diag.num; i++) {
		const struct hc_diagnostic *remark = &session->process->diag.items[i];
		if (remark->partial)
			write_reason(session, remark->message);
		said |= remark->partial;
	}
	if (session->heap && session->heap->partial && !said)
		write_reason(session, "parts of the heap are missing or damaged");
	else if (!said)
		write_reason(session, "the file is cut short");
	fputc('\n', session->out.file);
}

json_t *hc_session_json(const struct hc_session *session)
{
	json_t *remarks = json_array();

	for (size_t i = 0; session->process && i < session->process->diag.num; i++)
		json_array_append_new(remarks,
				      hc_json_text(session->process->diag.items[i].message));
	return json_pack("{so so so so}", "schema",
			 json_sprintf("heapcore.%s/1", session->options->verb->name), "core",
			 hc_json_text(session->options->core), "partial",
			 json_boolean(hc_session_partial(session)), "remarks", remarks);
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
	struct rusage usage;

	hc_session_phase(session, NULL);
	for (unsigned i = 0; i < session->num_phases; i++)
		fprintf(stderr, "%s: %.3f s\n", session->phases[i].name,
			session->phases[i].seconds);
	if (session->heap && session->heap->reach_known)
		print_reach_costs(&session->reach);
	if (session->classifier)
		fprintf(stderr, "prefilter of content classes: %s\n",
			hc_classifier_prefilter(session->classifier));
	getrusage(RUSAGE_SELF, &usage);
	/* ru_maxrss is in KiB and counts the mapped core's pages too. */
	fprintf(stderr, "anonymous memory at the end of a phase, at most: %s\n",
		hc_unit_bytes(session->peak_anonymous).text);
	fprintf(stderr, "peak memory, the mapped core's pages included: %s\n",
		hc_unit_bytes(usage.ru_maxrss * UINT64_C(1024)).text);
}
