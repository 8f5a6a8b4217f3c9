/**
 * @file
 * analyze as text: whose core, the verdict, where the bytes are, what to do next.
 */
#include <inttypes.h>

#include "cmd/verbs/analyze.h"
#include "cmd/show/lost.h"
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

/** What each cause is, in a list. */
static const char *cause_words(enum hc_cause cause)
{
	static const char *const words[HC_NUM_CAUSES] = {
		[HC_CAUSE_LOST] = "is lost",
		[HC_CAUSE_HELD] = "is in chunks that the program still points to",
		[HC_CAUSE_FREED] = "was freed and is kept by malloc",
		[HC_CAUSE_STACKS] = "is in stacks",
		[HC_CAUSE_OUTSIDE] = "is outside of malloc",
	};
	return words[cause];
}

static void write_mixed(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	hc_cleanup_free char *list = NULL;
	size_t size;
	FILE *file = open_memstream(&list, &size);

	if (!file)
		return;
	for (size_t i = 0; i < HC_NUM_CAUSES; i++) {
		enum hc_cause cause = verdict->order[i];

		if (verdict->causes[cause].stands_out)
			fprintf(file, "%s %s %s", i ? "," : "",
				hc_unit_bytes(verdict->causes[cause].touched).text,
				cause_words(cause));
	}
	if (!fclose(file))
		hc_text_paragraph(analysis->out, "", 0, true, "Mixed. Of %s touched memory,%s.",
				  hc_unit_bytes(verdict->ruler.total).text, list);
}

static void write_unknown(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	hc_cleanup_free char *missing = hc_lost_missing_text(&verdict->reach.missing);

	hc_text_paragraph(analysis->out, "", 0, true,
			  "Can't tell what is lost: the core lacks %s. At most %s of %s touched "
			  "memory is.",
			  missing ? missing : "what could hold it",
			  hc_unit_bytes(hc_verdict_lost_touched(verdict)).text,
			  hc_unit_bytes(verdict->ruler.total).text);
}

/** One cause, as a sentence. */
static void write_cause(struct hc_analysis *analysis)
{
	static const struct {
		const char *word, *words;
		enum hc_cause cause;
	} sentences[HC_NUM_VERDICTS] = {
		[HC_VERDICT_LEAK] = {"Leak", "is in chunks that nothing points to any more",
				     HC_CAUSE_LOST},
		[HC_VERDICT_HELD] = {"Held", "is in chunks that the program still points to",
				     HC_CAUSE_HELD},
		[HC_VERDICT_RETENTION] = {"Retention",
					  "was freed by the program and is kept by malloc",
					  HC_CAUSE_FREED},
		[HC_VERDICT_STACKS] = {"Stacks", "is in stacks of threads", HC_CAUSE_STACKS},
		[HC_VERDICT_OUTSIDE] = {"Outside of malloc", "is not malloc's", HC_CAUSE_OUTSIDE},
	};
	const struct hc_verdict *verdict = &analysis->verdict;
	enum hc_verdict_kind kind = verdict->kind;
	uint64_t lost = hc_verdict_lost_touched(verdict);

	hc_text_paragraph(
		analysis->out, "", 0, true, "%s. %s of %s touched memory %s.", sentences[kind].word,
		hc_unit_bytes(verdict->causes[sentences[kind].cause].touched).text,
		hc_unit_bytes(verdict->ruler.total).text, sentences[kind].words);
	if (kind == HC_VERDICT_HELD)
		hc_text_paragraph(analysis->out, "", 0, false,
				  "Whether that grows, only a second core tells.");
	if (kind != HC_VERDICT_LEAK && verdict->causes[HC_CAUSE_LOST].stands_out)
		hc_text_paragraph(analysis->out, "", 0, true, "%s is lost.",
				  hc_unit_bytes(lost).text);
}

static void write_verdict(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const char *no_heap = hc_session_no_heap(analysis->session);

	fputc('\n', analysis->out->file);
	if (no_heap)
		hc_text_paragraph(analysis->out, "", 0, true, "No heap to read: %s.", no_heap);
	switch (verdict->kind) {
	case HC_VERDICT_MIXED:
		write_mixed(analysis);
		break;
	case HC_VERDICT_UNKNOWN:
		write_unknown(analysis);
		break;
	case HC_VERDICT_NOTHING:
		hc_text_paragraph(analysis->out, "", 0, true,
				  "Nothing stands out in %s touched memory.",
				  hc_unit_bytes(verdict->ruler.total).text);
		break;
	default:
		write_cause(analysis);
	}
	if (verdict->accounting.parts[HC_PART_STACK] > verdict->accounting.total / 2)
		hc_text_paragraph(
			analysis->out, "", 0, false,
			"%s of addresses are set aside for stacks; %s of them was touched.",
			hc_unit_bytes(verdict->accounting.parts[HC_PART_STACK]).text,
			hc_unit_bytes(verdict->ruler.parts[HC_PART_STACK]).text);
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
	hc_table_share(table, SHARE, hc_share(bytes, analysis->verdict.ruler.total));
	hc_table_text(table, REMARK, remark ? remark : "");
}

/**
 * Chunks in use, by reachability. "Reachable" takes what the others leave of the accounting's
 * bytes, so that the lines add up: the pages that an mmapped chunk doesn't fill are part of it.
 */
static void add_in_use(struct hc_analysis *analysis, struct hc_table *table)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const uint64_t *parts = verdict->ruler.parts, *reach = verdict->ruler.reach;
	uint64_t in_use = parts[HC_PART_IN_USE] + parts[HC_PART_MMAPPED];
	uint64_t lost_bytes = hc_verdict_lost_touched(verdict);
	uint64_t others = reach[HC_POSSIBLE] + lost_bytes;
	hc_cleanup_free char *lost = NULL, *reachable = NULL, *possible = NULL;

	if (asprintf(&reachable, "%s chunk%s", hc_unit_count(verdict->reachable_chunks).text,
		     hc_plural(verdict->reachable_chunks)) < 0)
		reachable = NULL;
	if (asprintf(&possible, "%s chunk%s, by interior pointers only",
		     hc_unit_count(verdict->possible_chunks).text,
		     hc_plural(verdict->possible_chunks)) < 0)
		possible = NULL;
	/* Short: with millions of both it must fit beside the numbers. */
	if (asprintf(&lost, "%s%s root object%s, %s below",
		     hc_verdict_upper_bound(verdict) ? "at most " : "",
		     hc_unit_count(verdict->leaks.definite.chunks).text,
		     hc_plural(verdict->leaks.definite.chunks),
		     hc_unit_count(verdict->leaks.indirect.chunks).text) < 0)
		lost = NULL;
	add_line(analysis, table, "in use, reachable", in_use > others ? in_use - others : 0,
		 reachable);
	add_line(analysis, table, "in use, possibly held", reach[HC_POSSIBLE], possible);
	add_line(analysis, table, "in use, lost", lost_bytes, lost);
}

/** "64.0 MiB with what was never touched", where there is such memory; NULL: there is none. */
static char *describe_mapped(uint64_t mapped, uint64_t touched, const char *format)
{
	char *ret;

	return mapped <= touched || asprintf(&ret, format, hc_unit_bytes(mapped).text) < 0 ? NULL
											   : ret;
}

/** What is neither malloc's nor a stack nor a module's, by owner; "other" is the rest. */
static void add_owners(struct hc_analysis *analysis, struct hc_table *table)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_findings *findings = &verdict->findings;
	uint64_t other = verdict->ruler.parts[HC_PART_OTHER];
	uint64_t mapped = verdict->accounting.parts[HC_PART_OTHER];

	for (size_t i = 0; i < findings->num; i++) {
		const struct hc_finding *finding = &findings->items[i];
		hc_cleanup_free char *remark = NULL;

		if (!finding->owner)
			continue;
		remark = describe_mapped(finding->count.bytes, finding->touched, "%s mapped");
		add_line(analysis, table, finding->owner->title, finding->touched, remark);
		other -= finding->touched;
		mapped -= finding->count.bytes;
	}
	hc_cleanup_free char *remark = describe_mapped(mapped, other, "%s mapped");
	add_line(analysis, table, "other", other, remark);
}

static char *describe_stacks(const struct hc_analysis *analysis)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;
	struct hc_unit mapped =
		hc_unit_bytes(analysis->verdict.accounting.parts[HC_PART_STACK]);
	char *ret;
	int length = threads->num_unjoined
			     ? asprintf(&ret, "%zu thread%s; %s ended, never joined", threads->num,
					hc_plural(threads->num),
					hc_unit_count(threads->num_unjoined).text)
			     : asprintf(&ret, "%zu thread%s, %s of addresses", threads->num,
					hc_plural(threads->num), mapped.text);

	return length < 0 ? NULL : ret;
}

/** The allocator that the words are of: the first one at work, or that could have been. */
static const struct hc_allocator *main_allocator(const struct hc_analysis *analysis)
{
	const struct hc_heap *heap = analysis->session->target->heap;
	size_t num;

	return heap ? heap->backends[0]->allocator : hc_allocators(&num)[0];
}

static char *describe_free(const struct hc_analysis *analysis)
{
	const char *give_back = main_allocator(analysis)->advice.give_back;
	char *ret;

	return !analysis->verdict.trimmable_touched || !give_back ||
			       asprintf(&ret, "%s could return %s of it", give_back,
					hc_unit_bytes(analysis->verdict.trimmable_touched).text) < 0
		       ? NULL
		       : ret;
}

static struct hc_error *write_accounting(struct hc_analysis *analysis)
{
	const struct hc_accounting *accounting = &analysis->verdict.accounting;
	const struct hc_ruler *ruler = &analysis->verdict.ruler;
	const uint64_t *parts = ruler->parts;
	hc_cleanup_free char *trim = describe_free(analysis), *stacks = describe_stacks(analysis);
	hc_cleanup_free char *total =
		describe_mapped(accounting->total, ruler->total,
				ruler->resident ? "resident; %s mapped" : "touched; %s mapped");
	hc_cleanup_table struct hc_table table;

	hc_table_init(&table, columns, NUM_COLUMNS);
	if (analysis->session->target->heap)
		add_in_use(analysis, &table);
	add_line(analysis, &table, "free",
		 parts[HC_PART_CACHED] + parts[HC_PART_FREE] + parts[HC_PART_TOP], trim);
	add_line(analysis, &table, main_allocator(analysis)->own, parts[HC_PART_OVERHEAD], NULL);
	add_line(analysis, &table, "heap, given back", parts[HC_PART_GIVEN_BACK],
		 "trimmed, and touched again");
	add_line(analysis, &table, "heap, not readable", parts[HC_PART_UNWALKED],
		 "damaged, missing, or not malloc's");
	add_line(analysis, &table, "stacks", parts[HC_PART_STACK], stacks);
	add_line(analysis, &table, "thread-local storage", parts[HC_PART_TLS], NULL);
	add_line(analysis, &table, "program's variables", parts[HC_PART_MODULE], NULL);
	add_owners(analysis, &table);
	add_line(analysis, &table, "total", ruler->total, total);
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
	hc_text_paragraph(
		analysis->out, "Next: ", 6, false,
		"find out who should free the lost objects, the largest first. All groups:");
	write_command(analysis, "leaks", "");
}

static void next_held(struct hc_analysis *analysis)
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
		hc_unit_bytes(verdict->trimmable_touched).text, hc_unit_bytes(verdict->causes[HC_CAUSE_FREED].touched).text);
	if (verdict->trimmable_touched < verdict->causes[HC_CAUSE_FREED].touched / 2)
		hc_text_paragraph(analysis->out, "      ", 6, false,
				  "Live chunks pin the rest: they lie between the free ones.");
	if (arenas > 2 && advice->many_arenas)
		hc_text_paragraph(analysis->out, "      ", 6, false,
				  "%zu arenas each keep memory of their own: %s", arenas,
				  advice->many_arenas);
	if (verdict->ruler.parts[HC_PART_TOP] > verdict->causes[HC_CAUSE_FREED].touched / 2 && advice->large_top)
		hc_text_paragraph(analysis->out, "      ", 6, false,
				  "Most of it is at the top of the heap: %s", advice->large_top);
	hc_text_paragraph(analysis->out, "      ", 6, false, "Where it is:");
	write_command(analysis, "arenas", "");
}

static void next_maps(struct hc_analysis *analysis)
{
	hc_text_paragraph(analysis->out, "Next: ", 6, false,
			  "see what every mapping is for, the largest first:");
	write_command(analysis, "maps", "");
}

static void next_outside(struct hc_analysis *analysis)
{
	next_maps(analysis);
	hc_text_paragraph(analysis->out, "      ", 6, false,
			  "which texts repeat there, and where a text is:");
	write_command(analysis, "strings", " --maps --top");
	write_command(analysis, "grep", " --maps PATTERN");
}

static void next_stacks(struct hc_analysis *analysis)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;

	next_maps(analysis);
	if (2 * threads->num_unjoined > threads->num_cached + threads->num) {
		hc_text_paragraph(
			analysis->out, "      ", 6, false,
			"%s threads have ended, but keep their stacks until somebody calls "
			"pthread_join(3); pthread_detach(3) gives them back.",
			hc_unit_count(threads->num_unjoined).text);
		return;
	}
	hc_text_paragraph(analysis->out, "      ", 6, false,
			  "The size of a stack comes from ulimit -s or pthread_attr_setstacksize(3);"
			  " what was never touched of it costs no memory.");
}

static void next_nothing(struct hc_analysis *analysis)
{
	hc_text_paragraph(analysis->out, "Next: ", 6, false,
			  "see which sizes of chunks there are, and what is in them:");
	write_command(analysis, "histogram", "");
	write_command(analysis, "classify", "");
}

/** What is lost can be mended; else the largest cause. */
static void write_next(struct hc_analysis *analysis)
{
	static void (*const nexts[HC_NUM_CAUSES])(struct hc_analysis *) = {
		[HC_CAUSE_LOST] = next_leak,       [HC_CAUSE_HELD] = next_held,
		[HC_CAUSE_FREED] = next_retention, [HC_CAUSE_STACKS] = next_stacks,
		[HC_CAUSE_OUTSIDE] = next_outside,
	};
	const struct hc_verdict *verdict = &analysis->verdict;

	fputc('\n', analysis->out->file);
	if (verdict->kind == HC_VERDICT_UNKNOWN)
		hc_text_paragraph(analysis->out, "Next: ", 6, false,
				  "take a whole core: nothing of it may be cut off or filtered out "
				  "(ulimit -c, coredump_filter, disk space).");
	else if (!verdict->heap)
		next_outside(analysis);
	else if (verdict->kind == HC_VERDICT_NOTHING)
		next_nothing(analysis);
	else if (verdict->causes[HC_CAUSE_LOST].stands_out)
		next_leak(analysis);
	else
		nexts[verdict->order[0]](analysis);
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
	for (size_t i = 0; i < analysis->verdict.findings.num; i++)
		hc_analysis_write_finding(analysis, i);
	hc_analysis_write_rest(analysis);
	write_next(analysis);
	return NULL;
}
