/**
 * @file
 * heapcore analyze: the verdict, and what to look at next.
 */
#include "cmd/select_options.h"
#include "cmd/verbs/analyze.h"

#include <stdlib.h>

#include "cmd/render/escape.h"
#include "cmd/show/lost.h"
#include "cmd/show/owner.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

struct own {
	bool has_limit;
	uint64_t fail_above;  /**< bytes */
	const char *suppress; /**< a file; NULL: none */
};

enum own_id { OWN_FAIL, OWN_SUPPRESS };

static const struct hc_option own_options[] = {
	{OWN_FAIL, 0, "fail-if-leaked", "BYTES",
	 "exit 1 when more is lost, 2 when the core lacks what would tell; with K, M, G"},
	{OWN_SUPPRESS, 0, "suppress", "FILE",
	 "no findings of lost chunks that lines of leak:PATTERN name, as in LeakSanitizer, nor "
	 "of those that are held by what holder:PATTERN names",
	 HC_VALUE_FILE,
	 .more = "The same file as for leaks. The accounting and the verdict count what is "
		 "suppressed "
		 "as before; --fail-if-leaked does not. A holder is the variable, function or "
		 "module where the pointers begin that lead to the finding's sample: "
		 "holder:^g_cache$."},
	{0},
};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_FAIL:
		own->has_limit = true;
		return hc_parse_bytes("--fail-if-leaked", value, &own->fail_above);
	case OWN_SUPPRESS:
		own->suppress = value;
		return NULL;
	}
	return NULL;
}

/** @name Data */
/**@{*/

enum column { PART, CHUNKS, BYTES, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[PART] = {"part", "PART", HC_CELL_TEXT, 0,
		  "in-use, mmapped, the lists of free chunks, top, overhead, given-back, "
		  "unwalked, stack, tls, module, other"},
	[CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0,
		    "where the part consists of chunks, else 0"},
	[BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of the part"},
};

/** For CSV and JSON; text puts parts together. */
static const struct hc_shape parts_shape = {.key = "parts", .name = "parts", HC_COLUMNS(columns)};

static void describe_process(const struct hc_analysis *analysis)
{
	const struct hc_process *process = analysis->session->target->process;
	const struct hc_core *core = process->core;
	const struct hc_heap *heap = analysis->session->target->heap;
	struct hc_document *doc = analysis->doc;

	hc_begin_object(doc, "process", HC_CONTENT_NONE);
	hc_fact(doc, "name", NULL, hc_cell_name(hc_analysis_process_name(analysis)));
	hc_fact(doc, "pid", NULL,
		core->has_prpsinfo ? hc_cell_number(core->prpsinfo.pid) : hc_cell_unknown());
	hc_fact(doc, "machine", NULL, hc_cell_text(core->machine->name));
	hc_fact(doc, "glibc", NULL,
		hc_cell_name(heap ? heap->backends[0]->evidence.version : NULL));
	hc_fact(doc, "threads", NULL, hc_cell_count(process->threads.num));
	hc_fact(doc, "dumped_bytes", NULL, hc_cell_bytes(core->bytes_promised));
	hc_fact(doc, "available_bytes", NULL, hc_cell_bytes(core->bytes_available));
	hc_end(doc);
}

static void describe_damage(const struct hc_analysis *analysis)
{
	const struct hc_heap *heap = analysis->session->target->heap;
	struct hc_document *doc = analysis->doc;

	hc_fact(doc, "abort_message", NULL, hc_cell_name(analysis->last_words));
	hc_fact(doc, "damaged", NULL, hc_cell_bool(hc_analysis_damaged(analysis)));
	hc_begin_array(doc, "damage", HC_CONTENT_NONE);
	for (size_t i = 0; i < hc_analysis_damage_shown(heap); i++) {
		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		hc_fact(doc, "address", NULL, hc_cell_address(heap->inconsistencies[i].address));
		hc_fact(doc, "what", NULL, hc_cell_name(heap->inconsistencies[i].what));
		hc_end(doc);
	}
	hc_end(doc);
	hc_fact(doc, "inconsistencies_total", NULL,
		hc_cell_count(heap ? heap->inconsistencies_total : 0));
}

static void add_part(struct hc_table *table, const char *name, uint64_t chunks, uint64_t bytes)
{
	hc_table_add_row(table);
	hc_table_text(table, PART, name);
	hc_table_number(table, CHUNKS, chunks);
	hc_table_number(table, BYTES, bytes);
}

/** Cached and free bytes by the lists that they are on. */
static void add_lists(struct hc_table *table, const struct hc_accounting *accounting)
{
	for (size_t i = 0; i < accounting->num_lists; i++)
		add_part(table, accounting->lists[i].list->name, accounting->lists[i].chunks,
			 accounting->lists[i].bytes);
}

static void describe_accounting(const struct hc_accounting *accounting, struct hc_document *doc)
{
	bool resident = accounting->resident != HC_UNKNOWN_BYTES;

	hc_begin_object(doc, "accounting", HC_CONTENT_NONE);
	hc_fact(doc, "total", NULL, hc_cell_bytes(accounting->total));
	struct hc_table *parts = hc_add_data_table(doc, &parts_shape);
	hc_document_main(doc, parts);
	for (enum hc_part part = 0; part < HC_NUM_PARTS; part++) {
		if (part == HC_PART_CACHED)
			add_lists(parts, accounting);
		else if (part != HC_PART_FREE)
			add_part(parts, hc_part_name(part), accounting->chunks[part],
				 accounting->parts[part]);
	}
	hc_fact(doc, "stack_live", NULL, hc_cell_bytes(accounting->stack_live));
	hc_fact(doc, "missing", NULL, hc_cell_bytes(accounting->missing));
	hc_fact(doc, "reserved", NULL, hc_cell_bytes(accounting->reserved));
	hc_fact(doc, "file_backed", NULL, hc_cell_bytes(accounting->file_backed));
	hc_fact(doc, "resident", NULL,
		resident ? hc_cell_bytes(accounting->resident) : hc_cell_unknown());
	hc_end(doc);
}

static void describe_reach(const struct hc_verdict *verdict, bool known, struct hc_document *doc)
{
	const struct hc_leaks *leaks = &verdict->leaks;

	if (!known) {
		hc_fact(doc, "reach", NULL, hc_cell_unknown());
		return;
	}
	hc_begin_object(doc, "reach", HC_CONTENT_NONE);
	hc_count_fact(doc, "reachable", HC_CONTENT_NONE, verdict->reachable_chunks,
		      verdict->reachable_bytes);
	hc_count_fact(doc, "possible", HC_CONTENT_NONE, verdict->possible_chunks,
		      verdict->possible_bytes);
	hc_count_fact(doc, "indirect", HC_CONTENT_NONE, leaks->indirect.chunks,
		      leaks->indirect.bytes);
	hc_count_fact(doc, "definite", HC_CONTENT_NONE, leaks->definite.chunks,
		      leaks->definite.bytes);
	hc_end(doc);
}

/** By cause, since lists of free chunks are not told apart by what was touched. */
static void describe_touched(const struct hc_verdict *verdict, struct hc_document *doc)
{
	static const char *const names[HC_NUM_CAUSES] = {
		[HC_CAUSE_LOST] = "lost",       [HC_CAUSE_HELD] = "held",
		[HC_CAUSE_FREED] = "freed",     [HC_CAUSE_STACKS] = "stacks",
		[HC_CAUSE_OUTSIDE] = "outside",
	};

	hc_begin_object(doc, "touched", HC_CONTENT_NONE);
	hc_fact(doc, "total", NULL, hc_cell_bytes(verdict->ruler.total));
	hc_fact(doc, "shared", NULL, hc_cell_bytes(verdict->ruler.shared));
	hc_fact(doc, "resident", NULL, hc_cell_bool(verdict->ruler.resident));
	for (enum hc_cause i = 0; i < HC_NUM_CAUSES; i++)
		hc_fact(doc, names[i], NULL, hc_cell_bytes(verdict->causes[i].touched));
	hc_end(doc);
}

/** Held chunks of which no finding tells. */
static void say_suppressed(const struct hc_analysis *analysis)
{
	const struct hc_count *count = &analysis->verdict.findings.suppressed.count;
	struct hc_document *doc = analysis->doc;

	if (!analysis->suppressions.holders.num)
		return;
	hc_count_fact(doc, "suppressed_held", HC_CONTENT_NONE, count->chunks, count->bytes);
	HC_SAY(doc, "Suppressed: {} held chunk{} ({}), whose holder --suppress names.",
	       hc_cell_count(count->chunks), hc_cell_plural(count->chunks),
	       hc_cell_bytes(count->bytes));
}

static void describe(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_session *session = analysis->session;
	const struct hc_heap *heap = session->target->heap;
	struct hc_document *doc = analysis->doc;

	describe_process(analysis);
	hc_fact(doc, "verdict", NULL, hc_cell_text(hc_verdict_name(verdict->kind)));
	describe_damage(analysis);
	hc_fact(doc, "no_heap", NULL, hc_cell_name(hc_session_no_heap(session)));
	hc_fact(doc, "no_heap_reason", NULL, hc_cell_text(hc_session_absence(session)));
	describe_accounting(&verdict->accounting, doc);
	describe_touched(verdict, doc);
	hc_owners_describe(&verdict->owners, doc);
	describe_reach(verdict, heap, doc);
	hc_fact(doc, "lost_bytes", NULL, hc_cell_bytes(verdict->lost_bytes));
	hc_lost_describe(doc, heap, &verdict->reach);
	hc_fact(doc, "free_bytes", NULL, hc_cell_bytes(verdict->free_bytes));
	hc_fact(doc, "trimmable_bytes", NULL, hc_cell_bytes(verdict->trimmable));
	hc_fact(doc, "arenas", NULL, hc_cell_count(heap ? heap->num_arenas : 0));
	hc_analysis_say(analysis);
	hc_begin_array(doc, "findings", HC_CONTENT_NONE);
	for (size_t i = 0; i < verdict->findings.num; i++)
		hc_analysis_describe_finding(analysis, i);
	hc_end(doc);
	hc_analysis_describe_rest(analysis);
	hc_lost_say_suppressed(analysis->session, &verdict->leaks.suppressed, doc);
	say_suppressed(analysis);
	hc_analysis_say_next(analysis);
}
/**@}*/

static void analysis_deinit(struct hc_analysis *analysis)
{
	hc_verdict_deinit(&analysis->verdict);
	hc_lost_unsuppress(analysis->session, &analysis->suppressions);
	hc_sampler_deinit(&analysis->sampler);
	hc_inflight_deinit(&analysis->inflight);
	free(analysis->last_words);
	free(analysis->quoted);
	free(analysis->suppress);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup_document struct hc_document doc;
	hc_cleanup(analysis_deinit) struct hc_analysis analysis = {session, &doc};

	hc_document_init(&doc);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (err)
		return err;
	err = hc_lost_suppress(session, own->suppress, &analysis.suppressions);
	if (!err && session->target->heap)
		err = hc_session_types(session, HC_TYPES_QUICK);
	if (err)
		return err;
	err = hc_verdict_run(session->target, &analysis.verdict);
	if (!err)
		err = hc_findings_suppress(session->target, &analysis.verdict);
	if (!err && session->target->heap)
		err = hc_sampler_init(&analysis.sampler, session);
	if (!err && session->target->heap)
		err = hc_inflight_find(session->target->heap, &analysis.inflight);
	if (err)
		return err;
	if (session->target->heap)
		analysis.last_words =
			hc_session_mask(session, session->target->heap->abort_message);

	analysis.quoted = hc_shell_quote(session->options->core);
	if (analysis.suppressions.leaks.num)
		analysis.suppress = hc_shell_quote(own->suppress);
	if (!analysis.quoted || (analysis.suppressions.leaks.num && !analysis.suppress))
		return &hc_enomem;
	if (own->has_limit)
		hc_lost_judge(session, &session->target->reach,
			      analysis.verdict.lost_bytes - analysis.verdict.leaks.suppressed.bytes,
			      own->fail_above);
	if ((err = hc_analysis_find_holders(&analysis)))
		return err;
	hc_session_view(session, &analysis.view);
	hc_session_begin(session, &doc);
	describe(&analysis);
	return hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_analyze = {
	.name = "analyze",
	.arguments = "CORE",
	.summary = "where the memory is, what is suspicious, what to do next",
	.description =
		"Accounts for every anonymous byte of the core, says in a word what holds the "
		"memory (a leak, chunks that are held, freed memory, stacks, memory outside of "
		"malloc), and lists what holds the most.",
	.status_1 = "More is lost than --fail-if-leaked allows",
	.examples = "  heapcore analyze core.1234\n"
		    "  heapcore analyze core.1234 --fail-if-leaked 1M\n"
		    "  heapcore analyze core.1234 --format json --content class\n",
	.min_args = 1,
	.max_args = 1,
	.json_version = 2,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&parts_shape, &hc_analysis_lines_shape),
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
