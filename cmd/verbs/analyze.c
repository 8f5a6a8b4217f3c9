/**
 * @file
 * heapcore analyze: the verdict, and what to look at next.
 */
#include "cmd/select_options.h"
#include "cmd/verbs/analyze.h"

#include <stdlib.h>

#include "cmd/show/owner.h"
#include "cmd/render/escape.h"
#include "cmd/render/units.h"
#include "cmd/show/lost.h"
#include "cmd/verb.h"
#include "cmd/verbs/common.h"
#include "core/base/cleanup.h"

struct own {
	bool has_limit;
	uint64_t fail_above; /**< bytes */
};

enum own_id { OWN_FAIL };

static const struct hc_option own_options[] = {
	{OWN_FAIL, 0, "fail-if-leaked", "BYTES",
	 "exit 1 when more is lost, 2 when the core lacks what would tell; with K, M, G"},
	{0},
};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	(void)id;
	own->has_limit = true;
	return hc_parse_bytes("--fail-if-leaked", value, &own->fail_above);
}

/** @name JSON */
/**@{*/

static json_t *damage_json(const struct hc_heap *heap)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < hc_analysis_damage_shown(heap); i++)
		json_array_append_new(
			ret, json_pack("{so so}", "address",
				       hc_json_address(heap->inconsistencies[i].address), "what",
				       hc_json_text(heap->inconsistencies[i].what)));
	return ret;
}

static void append_part(json_t *parts, const char *name, uint64_t chunks, uint64_t bytes)
{
	json_array_append_new(parts,
			      json_pack("{ss so so}", "part", name, "chunks",
					hc_json_number(chunks), "bytes", hc_json_number(bytes)));
}

/** Cached and free bytes by the lists that they are on. */
static void append_lists(json_t *parts, const struct hc_accounting *accounting)
{
	for (size_t i = 0; i < accounting->num_lists; i++)
		append_part(parts, accounting->lists[i].list->name, accounting->lists[i].chunks,
			    accounting->lists[i].bytes);
}

static json_t *parts_json(const struct hc_accounting *accounting)
{
	json_t *ret = json_array();

	for (enum hc_part part = 0; part < HC_NUM_PARTS; part++) {
		if (part == HC_PART_CACHED)
			append_lists(ret, accounting);
		else if (part != HC_PART_FREE)
			append_part(ret, hc_part_name(part), accounting->chunks[part],
				    accounting->parts[part]);
	}
	return ret;
}

static json_t *accounting_json(const struct hc_accounting *accounting)
{
	bool resident = accounting->resident != HC_UNKNOWN_BYTES;

	return json_pack("{so so so so so so so}", "total", hc_json_number(accounting->total),
			 "parts", parts_json(accounting), "stack_live",
			 hc_json_number(accounting->stack_live), "missing",
			 hc_json_number(accounting->missing), "reserved",
			 hc_json_number(accounting->reserved), "file_backed",
			 hc_json_number(accounting->file_backed), "resident",
			 resident ? hc_json_number(accounting->resident) : json_null());
}

static json_t *reach_json(const struct hc_verdict *verdict)
{
	struct hc_count reachable = {verdict->reachable_chunks, verdict->reachable_bytes};
	struct hc_count possible = {verdict->possible_chunks, verdict->possible_bytes};

	return json_pack("{so so so so}", "reachable", hc_json_count(&reachable), "possible",
			 hc_json_count(&possible), "indirect",
			 hc_json_count(&verdict->leaks.indirect), "definite",
			 hc_json_count(&verdict->leaks.definite));
}

static json_t *suspect_json(const struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	const struct hc_leak_group *group = suspect->group;
	bool classes = hc_session_shows_class(analysis->session);
	hc_cleanup_free char *sample = hc_sampler_text(&analysis->sampler, suspect->sample, 0);
	hc_cleanup_free char *more = hc_analysis_more(analysis, suspect);
	hc_cleanup_free char *text = hc_analysis_describe(analysis, suspect);
	json_t *ret = json_pack("{so so so so so so so}", "text", hc_json_text(text), "leaked",
				json_boolean(group), "size", hc_json_number(suspect->size),
				"max_size", hc_json_number(suspect->max_size), "chunks",
				hc_json_number(suspect->count.chunks), "bytes",
				hc_json_number(suspect->count.bytes), "share",
				hc_json_share(suspect->share));

	json_object_set_new(ret, "group",
			    group ? hc_json_number(suspect->group_number) : json_null());
	json_object_set_new(ret, "roots", group ? hc_json_count(&group->roots) : json_null());
	json_object_set_new(ret, "below", group ? hc_json_count(&group->below) : json_null());
	json_object_set_new(ret, "roots_with_content",
			    group && classes ? hc_json_number(group->roots_with_content)
					     : json_null());
	hc_cleanup_free char *type = hc_analysis_type(analysis, suspect);
	json_object_set_new(ret, "type", hc_json_text(type));
	json_object_set_new(ret, "type_chunks",
			    type ? hc_json_number(suspect->type_chunks) : json_null());
	json_object_set_new(ret, "class",
			    hc_json_text(hc_class_name(analysis->session, suspect->class)));
	json_object_set_new(ret, "class_count",
			    classes ? hc_json_count(&suspect->class_count) : json_null());
	json_object_set_new(ret, "common",
			    hc_common_json(analysis->session, &suspect->common, false));
	json_object_set_new(ret, "sample_address",
			    suspect->sample ? hc_json_address(suspect->sample) : json_null());
	json_object_set_new(ret, "sample", hc_json_text(sample));
	json_object_set_new(ret, "more", hc_json_text(more));
	return ret;
}

static json_t *process_json(const struct hc_analysis *analysis)
{
	const struct hc_session *session = analysis->session;
	const struct hc_process *process = session->target->process;
	const struct hc_core *core = process->core;
	const struct hc_heap *heap = session->target->heap;

	return json_pack("{so so ss so so so so}", "name",
			 hc_json_text(hc_analysis_process_name(analysis)), "pid",
			 core->has_prpsinfo ? json_integer(core->prpsinfo.pid) : json_null(),
			 "machine", core->machine->name, "glibc",
			 hc_json_text(heap ? heap->backends[0]->evidence.version : NULL), "threads",
			 hc_json_number(process->threads.num), "dumped_bytes",
			 hc_json_number(core->bytes_promised), "available_bytes",
			 hc_json_number(core->bytes_available));
}

static struct hc_error *write_json(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	hc_cleanup_json json_t *document = hc_session_json(analysis->session);
	bool heap = analysis->session->target->heap;
	json_t *suspects = json_array();

	for (size_t i = 0; i < verdict->num_suspects; i++)
		json_array_append_new(suspects, suspect_json(analysis, &verdict->suspects[i]));
	json_object_set_new(document, "process", process_json(analysis));
	json_object_set_new(document, "verdict", json_string(hc_verdict_name(verdict->kind)));
	const struct hc_heap *opened = analysis->session->target->heap;
	json_object_set_new(document, "abort_message",
			    hc_json_text(opened ? opened->abort_message : NULL));
	json_object_set_new(document, "damage", damage_json(opened));
	json_object_set_new(document, "inconsistencies_total",
			    hc_json_number(opened ? opened->inconsistencies_total : 0));
	json_object_set_new(document, "no_heap",
			    hc_json_text(hc_session_no_heap(analysis->session)));
	json_object_set_new(document, "accounting", accounting_json(&verdict->accounting));
	json_object_set_new(document, "owners",
			    hc_owners_json(analysis->session, &analysis->owners));
	json_object_set_new(document, "reach", heap ? reach_json(verdict) : json_null());
	json_object_set_new(document, "lost_bytes", hc_json_number(verdict->lost_bytes));
	hc_lost_add_json(document, opened, &verdict->reach);
	json_object_set_new(document, "free_bytes", hc_json_number(verdict->free_bytes));
	json_object_set_new(document, "trimmable_bytes", hc_json_number(verdict->trimmable));
	json_object_set_new(document, "arenas",
			    hc_json_number(heap ? analysis->session->target->heap->num_arenas : 0));
	json_object_set_new(document, "suspects", suspects);
	return hc_json_write(analysis->out, document);
}
/**@}*/

static void analysis_deinit(struct hc_analysis *analysis)
{
	hc_verdict_deinit(&analysis->verdict);
	hc_owners_deinit(&analysis->owners);
	hc_sampler_deinit(&analysis->sampler);
	free(analysis->quoted);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(analysis_deinit) struct hc_analysis analysis = {session, &session->out};

	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (err)
		return err;
	if (session->target->heap)
		err = hc_session_types(session, HC_TYPES_QUICK);
	if (err)
		return err;
	err = hc_verdict_run(session->target, &analysis.verdict);
	if (!err && session->target->heap)
		err = hc_sampler_init(&analysis.sampler, session);
	if (!err)
		err = hc_owners_run(session->target->process, session->target->heap,
				    &analysis.owners);
	hc_session_phase(session, NULL);
	if (err)
		return err;

	analysis.quoted = hc_shell_quote(session->options->core);
	if (!analysis.quoted)
		return &hc_enomem;
	if (own->has_limit)
		hc_lost_judge(session, &session->target->reach, analysis.verdict.lost_bytes,
			      own->fail_above);
	return session->options->format == HC_FORMAT_JSON ? write_json(&analysis)
							  : hc_analysis_write_text(&analysis);
}

const struct hc_verb hc_verb_analyze = {
	.name = "analyze",
	.arguments = "CORE",
	.summary = "where the memory is, what is suspicious, what to do next",
	.description =
		"Accounts for every anonymous byte of the core, says whether memory was leaked, is "
		"still "
		"referenced, or was freed and kept by malloc, and names the largest suspects.",
	.status_1 = "More is lost than --fail-if-leaked allows",
	.examples = "  heapcore analyze core.1234\n"
		    "  heapcore analyze core.1234 --fail-if-leaked 1M\n"
		    "  heapcore analyze core.1234 --format json --content class\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_TREE,
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
