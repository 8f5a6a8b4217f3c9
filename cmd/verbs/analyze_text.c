/**
 * @file
 * analyze as text: whose core, the verdict, where the bytes are, what to do next.
 */
#include <inttypes.h>

#include "cmd/verbs/analyze.h"
#include "cmd/show/owner.h"
#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "core/base/cleanup.h"
#include "core/heap/allocator.h"

/** @name The first line: whose core this is */
/**@{*/

/** "complete", or how much is there. */
static struct hc_unit completeness(const struct hc_analysis *analysis)
{
	const struct hc_core *core = analysis->session->target->process->core;
	struct hc_unit ret;

	if (!hc_session_partial(analysis->session))
		strcpy(ret.text, "complete");
	else if (core->bytes_available < core->bytes_promised)
		snprintf(ret.text, sizeof(ret.text), "partial (%.8s is there)",
			 hc_unit_share(hc_share(core->bytes_available, core->bytes_promised)).text);
	else
		strcpy(ret.text, "partial");
	return ret;
}

static void write_identity(struct hc_analysis *analysis)
{
	const struct hc_process *process = analysis->session->target->process;
	const struct hc_core *core = process->core;
	const struct hc_heap *heap = analysis->session->target->heap;
	const char *base = strrchr(core->path, '/');
	const char *version = heap ? heap->backends[0]->evidence.version : NULL;
	hc_cleanup_free char *file = hc_escape_string(base ? base + 1 : core->path, 0);
	hc_cleanup_free char *name = hc_escape_string(hc_analysis_process_name(analysis)
							      ? hc_analysis_process_name(analysis)
							      : "name unknown",
						      0);
	hc_cleanup_free char *pid = NULL;
	char release[64];

	snprintf(release, sizeof(release), " %s", version ? version : "");
	if (core->has_prpsinfo && asprintf(&pid, ", pid %d", core->prpsinfo.pid) < 0)
		pid = NULL;
	hc_text_paragraph(analysis->out, "", 2, false, "%s: %s%s, %s%s%s%s, %zu thread%s, %s",
			  file ? file : "", name ? name : "", pid ? pid : "", core->machine->name,
			  heap ? ", " : "", heap ? heap->backends[0]->allocator->library : "",
			  version ? release
			  : heap  ? " (release unknown)"
				  : "",
			  process->threads.num, hc_plural(process->threads.num),
			  completeness(analysis).text);
}
/**@}*/

/** @name The verdict in a sentence */
/**@{*/

static void write_verdict(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const uint64_t *parts = verdict->accounting.parts;
	struct hc_unit total = hc_unit_bytes(verdict->accounting.total);
	struct hc_output *out = analysis->out;

	fputc('\n', out->file);
	switch (verdict->kind) {
	case HC_VERDICT_LEAK:
		hc_text_paragraph(
			out, "", 0, true,
			"Leak. %s of %s anonymous memory is in chunks that nothing points "
			"to any more.",
			hc_unit_bytes(verdict->lost_bytes).text, total.text);
		break;
	case HC_VERDICT_GROWTH:
		hc_text_paragraph(
			out, "", 0, true,
			"Growth. %s of %s anonymous memory is in chunks that the program "
			"still points to; the largest kinds are below.",
			hc_unit_bytes(verdict->reachable_bytes + verdict->possible_bytes).text,
			total.text);
		break;
	case HC_VERDICT_RETENTION:
		hc_text_paragraph(
			out, "", 0, true,
			"Retention. %s of %s anonymous memory was freed by the program and "
			"is kept by malloc; nothing much is lost.",
			hc_unit_bytes(verdict->free_bytes).text, total.text);
		break;
	case HC_VERDICT_OUTSIDE:
		hc_text_paragraph(
			out, "", 0, true,
			"Outside of malloc. Most of %s anonymous memory is not in malloc's chunks: "
			"stacks %s, other mappings %s.",
			total.text, hc_unit_bytes(parts[HC_PART_STACK]).text,
			hc_unit_bytes(parts[HC_PART_OTHER]).text);
		break;
	case HC_VERDICT_NOTHING:
		hc_text_paragraph(out, "", 0, true,
				  "Nothing stands out. No single cause holds much of %s anonymous "
				  "memory.",
				  total.text);
		break;
	case HC_VERDICT_NO_HEAP:
		hc_text_paragraph(out, "", 0, true, "No heap to read: %s.",
				  hc_session_no_heap(analysis->session)
					  ? hc_session_no_heap(analysis->session)
					  : "none was found");
		break;
	}
	if (verdict->kind != HC_VERDICT_OUTSIDE && verdict->kind != HC_VERDICT_NO_HEAP &&
	    parts[HC_PART_STACK] > verdict->accounting.total / 2)
		hc_text_paragraph(out, "", 0, false,
				  "%s of it is set aside for stacks, of which %s is in use.",
				  hc_unit_bytes(parts[HC_PART_STACK]).text,
				  hc_unit_bytes(verdict->accounting.stack_live).text);
}
/**@}*/

/** @name Damage */
/**@{*/

static void write_damage(struct hc_analysis *analysis)
{
	const struct hc_heap *heap = analysis->session->target->heap;
	struct hc_output *out = analysis->out;

	if (!heap || (!heap->abort_message && !heap->inconsistencies_total))
		return;
	fputc('\n', out->file);
	if (heap->abort_message) {
		hc_cleanup_free char *words = hc_escape_string(
			heap->abort_message, HC_ESCAPE_PLAIN | (out->utf8 ? HC_ESCAPE_UTF8 : 0));
		hc_text_paragraph(out, "libc's last words: ", 2, true, "%s", words ? words : "");
	}
	if (heap->inconsistencies_total)
		hc_text_paragraph(out, "", 0, true,
				  "Damage. The heap contradicts itself in %s place%s.",
				  hc_unit_count(heap->inconsistencies_total).text,
				  hc_plural(heap->inconsistencies_total));
	for (size_t i = 0; i < hc_analysis_damage_shown(heap); i++)
		hc_text_paragraph(out, "  ", 4, false, "0x%" PRIx64 ": %s",
				  heap->inconsistencies[i].address, heap->inconsistencies[i].what);
	fprintf(out->file, "  more:  heapcore check %s\n", analysis->quoted);
}
/**@}*/

/** @name Where the bytes are */
/**@{*/

enum column { PART, BYTES, SHARE, REMARK, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[PART] = {"part", "", HC_COLUMN_TEXT},
	[BYTES] = {"bytes", "BYTES", HC_COLUMN_BYTES},
	[SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[REMARK] = {"", "", HC_COLUMN_TEXT, HC_COLUMN_SHRINK},
};

static void add_line(struct hc_analysis *analysis, struct hc_table *table, const char *part,
		     uint64_t bytes, const char *remark)
{
	if (!bytes)
		return;
	hc_table_add_row(table);
	hc_table_text(table, PART, part);
	hc_table_number(table, BYTES, bytes);
	hc_table_share(table, SHARE, hc_share(bytes, analysis->verdict.accounting.total));
	hc_table_text(table, REMARK, remark ? remark : "");
}

/**
 * Chunks in use, by reachability. "Reachable" takes what the others leave of the accounting's
 * bytes, so that the lines add up: the pages that an mmapped chunk doesn't fill are part of it.
 */
static void add_in_use(struct hc_analysis *analysis, struct hc_table *table)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const uint64_t *parts = verdict->accounting.parts;
	uint64_t in_use = parts[HC_PART_IN_USE] + parts[HC_PART_MMAPPED];
	uint64_t others = verdict->possible_bytes + verdict->lost_bytes;
	hc_cleanup_free char *lost = NULL, *reachable = NULL, *possible = NULL;

	if (asprintf(&reachable, "%s chunk%s", hc_unit_count(verdict->reachable_chunks).text,
		     hc_plural(verdict->reachable_chunks)) < 0)
		reachable = NULL;
	if (asprintf(&possible, "%s chunk%s, by interior pointers only",
		     hc_unit_count(verdict->possible_chunks).text,
		     hc_plural(verdict->possible_chunks)) < 0)
		possible = NULL;
	/* Short: with millions of both it must fit beside the numbers. */
	if (asprintf(&lost, "%s root object%s, %s below",
		     hc_unit_count(verdict->leaks.definite.chunks).text,
		     hc_plural(verdict->leaks.definite.chunks),
		     hc_unit_count(verdict->leaks.indirect.chunks).text) < 0)
		lost = NULL;
	add_line(analysis, table, "in use, reachable", in_use > others ? in_use - others : 0,
		 reachable);
	add_line(analysis, table, "in use, possibly lost", verdict->possible_bytes, possible);
	add_line(analysis, table, "in use, unreachable", verdict->lost_bytes, lost);
}

/** What is neither malloc's nor a stack nor a module's, by owner; "other" is the rest. */
static void add_owners(struct hc_analysis *analysis, struct hc_table *table)
{
	const struct hc_owners *owners = &analysis->owners;
	uint64_t other = analysis->verdict.accounting.parts[HC_PART_OTHER];

	for (size_t i = 0; i < owners->num; i++) {
		const struct hc_owner *owner = &owners->items[i];
		if (!hc_owner_stands_out(owner))
			continue;
		add_line(analysis, table, owner->title, owner->anonymous, NULL);
		other -= owner->anonymous;
	}
	add_line(analysis, table, "other", other, NULL);
}

static char *describe_stacks(const struct hc_analysis *analysis)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;
	char *ret;
	int length =
		threads->num_unjoined
			? asprintf(&ret, "%zu thread%s; %s ended, never joined", threads->num,
				   hc_plural(threads->num),
				   hc_unit_count(threads->num_unjoined).text)
			: asprintf(&ret, "%zu thread%s, %s in use", threads->num,
				   hc_plural(threads->num),
				   hc_unit_bytes(analysis->verdict.accounting.stack_live).text);

	return length < 0 ? NULL : ret;
}

/** The allocator that the words are of: the first one at work, or that could have been. */
static const struct hc_allocator *main_allocator(const struct hc_analysis *analysis)
{
	const struct hc_heap *heap = analysis->session->target->heap;
	size_t num;

	return heap ? heap->backends[0]->allocator : hc_allocators(&num)[0];
}

static struct hc_error *write_accounting(struct hc_analysis *analysis)
{
	const struct hc_accounting *accounting = &analysis->verdict.accounting;
	const uint64_t *parts = accounting->parts;
	const struct hc_allocator *allocator = main_allocator(analysis);
	const struct hc_advice *advice = &allocator->advice;
	hc_cleanup_free char *trim = NULL, *stacks = NULL;
	hc_cleanup_table struct hc_table table;
	uint64_t free_bytes = 0;

	hc_table_init(&table, columns, NUM_COLUMNS);
	for (enum hc_part part = HC_PART_CACHED; part <= HC_PART_TOP; part++)
		free_bytes += parts[part];
	if (analysis->verdict.trimmable && advice->give_back &&
	    asprintf(&trim, "%s could return %s of it", advice->give_back,
		     hc_unit_bytes(analysis->verdict.trimmable).text) < 0)
		trim = NULL;
	stacks = describe_stacks(analysis);
	if (analysis->session->target->heap)
		add_in_use(analysis, &table);
	add_line(analysis, &table, "free", free_bytes, trim);
	add_line(analysis, &table, allocator->own, parts[HC_PART_OVERHEAD], NULL);
	add_line(analysis, &table, "heap, given back", parts[HC_PART_GIVEN_BACK],
		 "trimmed: addresses without memory");
	add_line(analysis, &table, "heap, not readable", parts[HC_PART_UNWALKED],
		 "damaged, missing, or not malloc's");
	add_line(analysis, &table, "stacks", parts[HC_PART_STACK], stacks);
	add_line(analysis, &table, "thread-local storage", parts[HC_PART_TLS], NULL);
	add_line(analysis, &table, "program's variables", parts[HC_PART_MODULE], NULL);
	add_owners(analysis, &table);
	add_line(analysis, &table, "total", accounting->total, NULL);
	fputc('\n', analysis->out->file);
	return hc_table_write_text(&table, analysis->out, 2);
}
/**@}*/

/** @name What to do next */
/**@{*/

/** A command to type: on a line of its own and never broken, so that it can be copied. */
static void write_command(struct hc_analysis *analysis, const char *verb, const char *more)
{
	fprintf(analysis->out->file, "      heapcore %s %s%s\n", verb, analysis->quoted, more);
}

static void next_leak(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	size_t large = 0;

	while (large < verdict->num_suspects &&
	       verdict->suspects[large].share >= HC_ANALYSIS_SMALL_SHARE)
		large++;
	if (large == 1 && verdict->suspects[0].group) {
		hc_text_paragraph(analysis->out, "Next: ", 6, false,
				  "find out who should free group %zu; nothing else is larger than "
				  "1 %%.",
				  verdict->suspects[0].group_number);
		return;
	}
	hc_text_paragraph(
		analysis->out, "Next: ", 6, false,
		"find out who should free the lost objects, the largest first. All groups:");
	write_command(analysis, "leaks", "");
}

static void next_growth(struct hc_analysis *analysis)
{
	hc_text_paragraph(analysis->out, "Next: ", 6, false,
			  "see what the largest chunks hold, and who keeps them:");
	write_command(analysis, "classify", "");
	write_command(analysis, "what", " ADDRESS");
}

static void next_retention(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_advice *advice = &main_allocator(analysis)->advice;
	size_t arenas = analysis->session->target->heap->num_arenas;

	hc_text_paragraph(
		analysis->out, "Next: ", 6, false, "%s would give back %s of %s that is free.",
		advice->call ? advice->call : "the allocator",
		hc_unit_bytes(verdict->trimmable).text, hc_unit_bytes(verdict->free_bytes).text);
	if (verdict->trimmable < verdict->free_bytes / 2)
		hc_text_paragraph(analysis->out, "      ", 6, false,
				  "Live chunks pin the rest: they lie between the free ones.");
	if (arenas > 2 && advice->many_arenas)
		hc_text_paragraph(analysis->out, "      ", 6, false,
				  "%zu arenas each keep memory of their own: %s", arenas,
				  advice->many_arenas);
	if (verdict->accounting.parts[HC_PART_TOP] > verdict->free_bytes / 2 && advice->large_top)
		hc_text_paragraph(analysis->out, "      ", 6, false,
				  "Most of it is at the top of the heap: %s", advice->large_top);
	hc_text_paragraph(analysis->out, "      ", 6, false, "Where it is:");
	write_command(analysis, "arenas", "");
}

static void write_next(struct hc_analysis *analysis)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;
	const uint64_t *parts = analysis->verdict.accounting.parts;

	fputc('\n', analysis->out->file);
	switch (analysis->verdict.kind) {
	case HC_VERDICT_LEAK:
		next_leak(analysis);
		break;
	case HC_VERDICT_GROWTH:
		next_growth(analysis);
		break;
	case HC_VERDICT_RETENTION:
		next_retention(analysis);
		break;
	case HC_VERDICT_OUTSIDE:
	case HC_VERDICT_NO_HEAP:
		hc_text_paragraph(analysis->out, "Next: ", 6, false,
				  "see what every mapping is for, the largest first:");
		write_command(analysis, "maps", "");
		if (parts[HC_PART_OTHER] > parts[HC_PART_STACK]) {
			hc_text_paragraph(analysis->out, "      ", 6, false,
					  "which texts repeat there, and where a text is:");
			write_command(analysis, "strings", " --maps --top");
			write_command(analysis, "grep", " --maps PATTERN");
		}
		if (parts[HC_PART_STACK] > parts[HC_PART_OTHER] &&
		    2 * threads->num_unjoined > threads->num_cached + threads->num)
			hc_text_paragraph(
				analysis->out, "      ", 6, false,
				"%s threads have ended, but keep their stacks until somebody calls "
				"pthread_join(3); pthread_detach(3) gives them back.",
				hc_unit_count(threads->num_unjoined).text);
		else if (parts[HC_PART_STACK] > parts[HC_PART_OTHER])
			hc_text_paragraph(
				analysis->out, "      ", 6, false,
				"The size of a stack comes from ulimit -s or "
				"pthread_attr_setstacksize(3); what was never touched of it "
				"costs no memory.");
		break;
	case HC_VERDICT_NOTHING:
		hc_text_paragraph(analysis->out, "Next: ", 6, false,
				  "see which sizes of chunks there are, and what is in them:");
		write_command(analysis, "histogram", "");
		write_command(analysis, "classify", "");
		break;
	}
}
/**@}*/

struct hc_error *hc_analysis_write_text(struct hc_analysis *analysis)
{
	hc_session_write_partial(analysis->session);
	write_identity(analysis);
	write_damage(analysis);
	write_verdict(analysis);
	struct hc_error *err = write_accounting(analysis);
	if (err)
		return err;
	for (size_t i = 0; i < analysis->verdict.num_suspects; i++) {
		const struct hc_suspect *suspect = &analysis->verdict.suspects[i];
		/* Every loss is worth a line; what is referenced and small is not. */
		if (suspect->group || suspect->share >= HC_ANALYSIS_SMALL_SHARE)
			hc_analysis_write_suspect(analysis, i);
	}
	write_next(analysis);
	return NULL;
}
