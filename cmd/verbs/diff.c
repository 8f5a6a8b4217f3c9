/**
 * @file
 * heapcore diff: what became more between two cores, or between two snapshots of mappings.
 *
 * The one question that a single core can't answer: held, or growing? Opens each file, compares
 * heaps and mappings, and judges; diff_show.c says it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/select_options.h"
#include "cmd/verb.h"
#include "cmd/verbs/diff_view.h"
#include "core/base/cleanup.h"

struct own {
	uint64_t top;
	uint64_t fail;    /**< bytes; UINT64_MAX: never */
	const char *core; /**< of the same process, which names mappings; NULL: none */
	unsigned by;      /**< enum hc_diff_by */
};

enum own_id { OWN_TOP, OWN_FAIL, OWN_CORE, OWN_BY };

static const char *by_word(unsigned i)
{
	return i < HC_NUM_DIFF_BYS ? hc_diff_by_name(i) : NULL;
}

static const struct hc_option own_options[] = {
	{OWN_TOP, 0, "top", "N", "the N kinds and mappings that changed most; 0: all (text: 20)"},
	{OWN_FAIL, 0, "fail-if-grown", "BYTES", "exit 1 when more than that was added"},
	{OWN_CORE, 0, "core", "CORE",
	 "a core of the same process, which says whose the mappings of snapshots are",
	 HC_VALUE_FILE},
	{OWN_BY, 0, "by", "WORD", "what chunks of cores are put together by: {words}",
	 HC_VALUE_WORD, by_word,
	 "A holder is what alone keeps chunks alive, as retained has it. Of cores of different "
	 "processes threads are known by the function that they began in, mappings by what they "
	 "are for. Findings are those that analyze lists of any of the cores."},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT, .fail = UINT64_MAX};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_TOP:
		return hc_parse_count("--top", value, &own->top);
	case OWN_FAIL:
		return hc_parse_bytes("--fail-if-grown", value, &own->fail);
	case OWN_BY:
		return hc_parse_word("--by", value, by_word, &own->by);
	case OWN_CORE:
		own->core = value;
		return NULL;
	}
	return NULL;
}

/** @name Reading */
/**@{*/

static struct hc_error *open_snapshot(struct hc_diff_view *view, struct hc_moment *moment,
				      const struct hc_input_file *input)
{
	struct hc_error *err = hc_snapshot_read(input->fd, &moment->snapshot);

	if (!err)
		err = hc_mappings_from_snapshot(&moment->snapshot, &moment->own);
	if (err)
		return err;
	moment->mappings = &moment->own;
	view->cores = false;
	hc_snapshot_remark(&moment->snapshot, NULL, &view->session->remarks);
	hc_session_print_remarks(view->session);
	return NULL;
}

static struct hc_error *open_core(struct hc_diff_view *view, struct hc_moment *moment)
{
	struct hc_session *session = view->session;
	struct hc_error *err = session->num_targets ? hc_session_open_another(session, moment->path,
									      HC_NEED_HEAP_IF_ANY)
						    : hc_session_open(session, HC_NEED_HEAP_IF_ANY);

	if (err)
		return err;
	moment->target = session->target;
	moment->mappings = &session->target->process->mappings;
	view->cores &= session->target->heap != NULL;
	return NULL;
}

static struct hc_error *open_moment(struct hc_diff_view *view, struct hc_moment *moment)
{
	struct hc_process_options *process = &view->session->options->process;
	hc_cleanup(hc_input_close) struct hc_input_file input = {.fd = -1};
	struct hc_error *err;
	struct stat st;

	err = hc_input_open(moment->path, &process->decompress, &input);
	if (!err)
		err = hc_input_unpack_snapshot(&input, &process->decompress,
					       &view->session->remarks);
	if (!err && hc_input_is_snapshot(&input))
		err = open_snapshot(view, moment, &input);
	else if (!err) {
		process->input = &input;
		err = open_core(view, moment);
		process->input = NULL;
	}
	if (!err && strcmp(moment->path, "-") && !stat(moment->path, &st) && S_ISREG(st.st_mode))
		moment->time = st.st_mtime;
	return err;
}

static bool has_snapshot(const struct hc_diff_view *view)
{
	for (unsigned i = 0; i < view->num; i++)
		if (!view->moments[i].target)
			return true;
	return false;
}

static struct hc_error *open_all(struct hc_diff_view *view)
{
	struct hc_options *options = view->session->options;
	const char *first = options->core;

	view->cores = true;
	view->num = 1 + options->num_args;
	for (unsigned i = 0; i < view->num; i++) {
		struct hc_error *err;

		/* What is wrong is said of this one. */
		options->core = i ? options->args[i - 1] : first;
		view->moments[i].path = options->core;
		err = open_moment(view, &view->moments[i]);
		if (err)
			return err;
	}
	options->core = first;
	return NULL;
}

/** A core that is none of the moments says whose their mappings are. */
static struct hc_error *name_mappings(struct hc_diff_view *view, const char *path)
{
	struct hc_session *session = view->session;
	struct hc_options *options = session->options;
	const char *first = options->core;
	struct hc_moment named = {.path = path};
	struct hc_error *err;

	if (!has_snapshot(view))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--core names the mappings of snapshots, and there is none");
	options->core = path;
	err = open_core(view, &named);
	for (unsigned i = 0; !err && i < view->num; i++) {
		struct hc_moment *moment = &view->moments[i];

		if (moment->target || moment->snapshot.rollup)
			continue;
		if (!hc_mappings_same_process(named.mappings, &moment->own))
			err = hc_error_create(HC_ERROR_ARGUMENT,
					      "--core %s: it is of another process than %s", path,
					      moment->path);
		else
			err = hc_mapping_names_run(named.target, &moment->own, &moment->names);
	}
	options->core = first;
	return err;
}

static void view_deinit(struct hc_diff_view *view)
{
	hc_heap_diff_deinit(&view->heap);
	hc_mapping_diff_deinit(&view->mappings);
	for (unsigned i = 0; i < view->num; i++) {
		hc_mapping_names_deinit(&view->moments[i].names);
		hc_mappings_deinit(&view->moments[i].own);
		hc_snapshot_deinit(&view->moments[i].snapshot);
	}
}
/**@}*/

/** @name Judging */
/**@{*/

static uint64_t anonymous_bytes(const struct hc_diff_view *view, const struct hc_moment *moment)
{
	const struct hc_mappings *mappings = moment->mappings;
	uint64_t ret = 0;

	if (moment->snapshot.rollup)
		return moment->snapshot.totals.anonymous;
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];

		/* A rollup's includes what was written to of private mappings of files. */
		if (view->sums && mapping->resident_anonymous != HC_UNKNOWN_BYTES)
			ret += mapping->resident_anonymous;
		else if (!view->sums && mapping->anonymous)
			ret += view->mappings.has_resident ? mapping->resident
							   : mapping->end - mapping->start;
	}
	return ret;
}

/** What chunks hold of anonymous memory; all of that is outside of malloc for snapshots. */
static void measure_places(struct hc_diff_view *view)
{
	const unsigned ends[2] = {0, view->num - 1};

	for (unsigned i = 0; i < 2; i++) {
		const struct hc_diff_side *side = &view->heap.total[ends[i]];
		uint64_t *outside = &view->places[HC_DIFF_OUTSIDE][i], chunks;

		*outside = anonymous_bytes(view, &view->moments[ends[i]]);
		if (!view->cores)
			continue;
		view->places[HC_DIFF_LOST][i] = side->lost.bytes;
		view->places[HC_DIFF_HELD][i] = side->held.bytes;
		view->places[HC_DIFF_FREE][i] = view->heap.free[ends[i]].bytes;
		chunks = hc_diff_bytes(side) + view->heap.free[ends[i]].bytes;
		*outside = *outside > chunks ? *outside - chunks : 0;
	}
}

static int64_t change_of(const struct hc_diff_view *view, enum hc_diff_place place)
{
	return view->places[place][1] - view->places[place][0];
}

/** Less than this share of what was there, and nobody asks for it. */
#define STEADY_SHARE 100

/**
 * Lost memory that grew is a leak; anything else that grew, growth. What is within a hundredth of
 * all that there was is steady.
 */
static void judge(struct hc_diff_view *view)
{
	uint64_t before = 0, after = 0;
	int64_t most = 0;

	for (enum hc_diff_place i = 0; i < HC_NUM_DIFF_PLACES; i++) {
		before += view->places[i][0];
		after += view->places[i][1];
		if (change_of(view, i) > most) {
			most = change_of(view, i);
			view->cause = i;
		}
	}
	view->growth = view->cores ? change_of(view, HC_DIFF_LOST) + change_of(view, HC_DIFF_HELD)
				   : (int64_t)(after - before);
	if ((uint64_t)most > before / STEADY_SHARE)
		view->trend = view->cause == HC_DIFF_LOST ? HC_TREND_LEAK : HC_TREND_GROWTH;
	else if (before - after > before / STEADY_SHARE && after < before)
		view->trend = HC_TREND_SHRINKING;
	else
		view->trend = HC_TREND_STEADY;
}
/**@}*/

static struct hc_error *check_by(const struct hc_diff_view *view)
{
	if (view->cores || view->by == HC_DIFF_BY_KIND || view->by == HC_DIFF_BY_MAPPING)
		return NULL;
	return hc_error_create(HC_ERROR_ARGUMENT,
			       "--by %s is about the chunks of cores, and one of these has none",
			       hc_diff_by_name(view->by));
}

/** What a smaps_rollup has, the other has to have as well. */
static struct hc_error *check_sums(struct hc_diff_view *view)
{
	for (unsigned i = 0; i < view->num; i++)
		view->sums |= view->moments[i].snapshot.rollup;
	for (unsigned i = 0; view->sums && i < view->num; i++) {
		const struct hc_moment *moment = &view->moments[i];
		const struct hc_snapshot *snapshot = &moment->snapshot;

		if (moment->target || (!snapshot->rollup && !snapshot->has_usage))
			return hc_error_create(HC_ERROR_ARGUMENT,
					       "%s has no sums to compare with those of a "
					       "smaps_rollup; give a smaps_rollup or smaps",
					       moment->path);
		if (snapshot->rollup && snapshot->totals.anonymous == HC_UNKNOWN_BYTES)
			return hc_error_create(HC_ERROR_FORMAT,
					       "%s doesn't say how much is anonymous: it is cut "
					       "short; take it again",
					       moment->path);
	}
	return NULL;
}

static struct hc_error *compare(struct hc_diff_view *view)
{
	struct hc_target *targets[HC_DIFF_MAX_CORES];
	const struct hc_mappings *first = view->moments[0].mappings;
	const struct hc_mappings *last = view->moments[view->num - 1].mappings;
	struct hc_error *err = NULL;

	view->same_process = hc_mappings_same_process(first, last);
	if (view->cores) {
		for (unsigned i = 0; i < view->num; i++)
			targets[i] = view->moments[i].target;
		view->same_process = hc_diff_same_process(targets[0], targets[view->num - 1]);
		err = hc_heap_diff_run(targets, view->num, view->by, &view->heap);
	}
	hc_session_phase(view->session, "comparing mappings");
	view->mappings.has_resident = view->sums;
	if (!err && !view->sums)
		err = hc_mapping_diff_run(first, last, view->same_process, &view->mappings);
	hc_session_phase(view->session, NULL);
	return err;
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(view_deinit) struct hc_diff_view view = {.session = session};
	hc_cleanup_document struct hc_document doc;
	struct hc_error *err;

	hc_document_init(&doc);
	view.by = own->by;
	err = open_all(&view);
	if (!err)
		err = check_by(&view);
	if (!err)
		err = check_sums(&view);
	if (!err && own->core)
		err = name_mappings(&view, own->core);
	if (!err)
		err = compare(&view);
	if (err)
		return err;
	view.top = own->top;
	measure_places(&view);
	judge(&view);
	if (own->fail != UINT64_MAX && view.growth > 0 && (uint64_t)view.growth > own->fail)
		session->status = 1;
	hc_session_begin(session, &doc);
	err = hc_diff_describe(&view, &doc);
	return err ? err : hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_diff = {
	.name = "diff",
	.arguments = "OLD NEW [NEWER]",
	.summary = "what became more between two cores, or two snapshots",
	.description =
		"Compares two or three cores of one program by kinds of chunks, or two saved "
		"maps or smaps or outputs of pmap by mappings: what was added, what is lost of it, "
		"and what "
		"stayed.",
	.status_1 = "more than --fail-if-grown was added",
	.examples = "  heapcore diff core.1 core.2\n"
		    "  heapcore diff core.1 core.2 core.3 --top 5\n"
		    "  heapcore diff core.1 core.2 --by holder\n"
		    "  heapcore diff core.1 core.2 --by finding\n"
		    "  heapcore diff smaps.before smaps.after\n"
		    "  heapcore diff pmap.before pmap.after --core core.1234\n",
	.min_args = 2,
	.max_args = HC_DIFF_MAX_CORES,
	.num_inputs = HC_DIFF_MAX_CORES,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&hc_diff_kinds_shape, &hc_diff_places_shape, &hc_diff_mappings_shape),
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
