/**
 * @file
 * analyze as text: whose core, the verdict, where the bytes are, what to do next.
 */
#include <string.h>

#include "cmd/verbs/analyze.h"
#include "cmd/render/units.h"
#include "cmd/show/owner.h"
#include "core/heap/allocator.h"

/** @name The first line: whose core this is */
/**@{*/

/** "complete", or how much is there. */
static struct hc_cell completeness(const struct hc_analysis *analysis)
{
	const struct hc_core *core = analysis->session->target->process->core;

	if (!hc_session_partial(analysis->session))
		return hc_cell_text("complete");
	if (core->bytes_available == core->bytes_promised)
		return hc_cell_text("partial");
	return HC_PHRASE(analysis->doc, "partial ({} is there)",
			 hc_cell_share(hc_share(core->bytes_available, core->bytes_promised)));
}

static void say_identity(struct hc_analysis *analysis)
{
	const struct hc_process *process = analysis->session->target->process;
	const struct hc_core *core = process->core;
	const struct hc_heap *heap = analysis->session->target->heap;
	const char *base = strrchr(core->path, '/'), *name = hc_analysis_process_name(analysis);
	const char *version = heap ? heap->backends[0]->evidence.version : NULL;
	struct hc_cell pid = hc_cell_unknown();

	if (core->has_prpsinfo)
		pid = HC_PHRASE(analysis->doc, ", pid {}", hc_cell_number(core->prpsinfo.pid));
	struct hc_cell release = hc_cell_text(heap ? " (release unknown)" : "");
	if (version)
		release = HC_PHRASE(analysis->doc, " {}", hc_cell_name(version));
	HC_SAY_AT(analysis->doc, hc_margin("", 2, false), "{}: {}{}, {}{}{}{}, {} thread{}, {}",
		  hc_cell_name(base ? base + 1 : core->path),
		  hc_cell_name(name ? name : "name unknown"), pid,
		  hc_cell_text(core->machine->name), hc_cell_text(heap ? ", " : ""),
		  hc_cell_text(heap ? heap->backends[0]->allocator->library : ""), release,
		  hc_cell_number(process->threads.num), hc_cell_plural(process->threads.num),
		  completeness(analysis));
}
/**@}*/

/** @name The verdict in a sentence */
/**@{*/

static void say_verdict(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const uint64_t *parts = verdict->accounting.parts;
	struct hc_cell total = hc_cell_bytes(verdict->accounting.total);
	const char *no_heap = hc_session_no_heap(analysis->session);
	struct hc_document *doc = analysis->doc;

	hc_blank(doc);
	switch (verdict->kind) {
	case HC_VERDICT_LEAK:
		HC_SAY_STRONG(doc,
			      "Leak. {} of {} anonymous memory is in chunks that nothing points "
			      "to any more.",
			      hc_cell_bytes(verdict->lost_bytes), total);
		break;
	case HC_VERDICT_GROWTH:
		HC_SAY_STRONG(
			doc,
			"Growth. {} of {} anonymous memory is in chunks that the program still "
			"points to; the largest kinds are below.",
			hc_cell_bytes(verdict->reachable_bytes + verdict->possible_bytes), total);
		break;
	case HC_VERDICT_RETENTION:
		HC_SAY_STRONG(doc,
			      "Retention. {} of {} anonymous memory was freed by the program and "
			      "is kept by malloc; nothing much is lost.",
			      hc_cell_bytes(verdict->free_bytes), total);
		break;
	case HC_VERDICT_OUTSIDE:
		HC_SAY_STRONG(doc,
			      "Outside of malloc. Most of {} anonymous memory is not in malloc's "
			      "chunks: stacks {}, other mappings {}.",
			      total, hc_cell_bytes(parts[HC_PART_STACK]),
			      hc_cell_bytes(parts[HC_PART_OTHER]));
		break;
	case HC_VERDICT_NOTHING:
		HC_SAY_STRONG(doc,
			      "Nothing stands out. No single cause holds much of {} anonymous "
			      "memory.",
			      total);
		break;
	case HC_VERDICT_NO_HEAP:
		HC_SAY_STRONG(doc, "No heap to read: {}.",
			      hc_cell_name(no_heap ? no_heap : "none was found"));
		break;
	}
	if (verdict->kind != HC_VERDICT_OUTSIDE && verdict->kind != HC_VERDICT_NO_HEAP &&
	    parts[HC_PART_STACK] > verdict->accounting.total / 2)
		HC_SAY(doc, "{} of it is set aside for stacks, of which {} is in use.",
		       hc_cell_bytes(parts[HC_PART_STACK]),
		       hc_cell_bytes(verdict->accounting.stack_live));
}
/**@}*/

/** @name Damage */
/**@{*/

static void say_damage(struct hc_analysis *analysis)
{
	const struct hc_heap *heap = analysis->session->target->heap;
	struct hc_document *doc = analysis->doc;

	if (!heap || (!heap->abort_message && !heap->inconsistencies_total))
		return;
	hc_blank(doc);
	if (heap->abort_message)
		HC_SAY_AT(doc, hc_margin("libc's last words: ", 2, true), "{}",
			  hc_cell_name(heap->abort_message));
	if (heap->inconsistencies_total)
		HC_SAY_STRONG(doc, "Damage. The heap contradicts itself in {} place{}.",
			      hc_cell_count(heap->inconsistencies_total),
			      hc_cell_plural(heap->inconsistencies_total));
	for (size_t i = 0; i < hc_analysis_damage_shown(heap); i++)
		HC_SAY_AT(doc, hc_margin("  ", 4, false), "{}: {}",
			  hc_cell_address(heap->inconsistencies[i].address),
			  hc_cell_name(heap->inconsistencies[i].what));
	HC_LINE(doc, "  more:  heapcore check {}", hc_cell_name(analysis->quoted));
}
/**@}*/

/** @name Where the bytes are */
/**@{*/

enum column { PART, BYTES, SHARE, REMARK, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[PART] = {"part", "", HC_CELL_TEXT, HC_COLUMN_TEXT_ONLY, "what the bytes are for"},
	[BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of the part"},
	[SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of the anonymous bytes"},
	[REMARK] = {"remark", "", HC_CELL_TEXT, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,
		    "what else there is to say"},
};

const struct hc_shape hc_analysis_lines_shape = {.name = "lines", HC_COLUMNS(columns)};

static void add_line(struct hc_analysis *analysis, struct hc_table *table, const char *part,
		     uint64_t bytes, struct hc_cell remark)
{
	if (!bytes)
		return;
	hc_table_add_row(table);
	hc_table_text(table, PART, part);
	hc_table_number(table, BYTES, bytes);
	hc_table_share(table, SHARE, hc_share(bytes, analysis->verdict.accounting.total));
	hc_table_cell(table, REMARK, remark.kind == HC_CELL_UNKNOWN ? hc_cell_text("") : remark);
}

/**
 * Chunks in use, by reachability. "Reachable" takes what the others leave of the accounting's
 * bytes, so that the lines add up: the pages that an mmapped chunk doesn't fill are part of it.
 */
static void add_in_use(struct hc_analysis *analysis, struct hc_table *table)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_leaks *leaks = &verdict->leaks;
	const uint64_t *parts = verdict->accounting.parts;
	uint64_t in_use = parts[HC_PART_IN_USE] + parts[HC_PART_MMAPPED];
	uint64_t others = verdict->possible_bytes + verdict->lost_bytes;
	struct hc_document *doc = analysis->doc;

	add_line(analysis, table, "in use, reachable", in_use > others ? in_use - others : 0,
		 HC_PHRASE(doc, "{} chunk{}", hc_cell_count(verdict->reachable_chunks),
			   hc_cell_plural(verdict->reachable_chunks)));
	add_line(analysis, table, "in use, possibly lost", verdict->possible_bytes,
		 HC_PHRASE(doc, "{} chunk{}, by interior pointers only",
			   hc_cell_count(verdict->possible_chunks),
			   hc_cell_plural(verdict->possible_chunks)));
	/* Short: with millions of both it must fit beside the numbers. */
	add_line(analysis, table, "in use, unreachable", verdict->lost_bytes,
		 HC_PHRASE(doc, "{} root object{}, {} below", hc_cell_count(leaks->definite.chunks),
			   hc_cell_plural(leaks->definite.chunks),
			   hc_cell_count(leaks->indirect.chunks)));
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
		add_line(analysis, table, owner->title, owner->anonymous, hc_cell_unknown());
		other -= owner->anonymous;
	}
	add_line(analysis, table, "other", other, hc_cell_unknown());
}

static struct hc_cell stacks_phrase(const struct hc_analysis *analysis)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;
	struct hc_cell num = hc_cell_number(threads->num), plural = hc_cell_plural(threads->num);

	if (threads->num_unjoined)
		return HC_PHRASE(analysis->doc, "{} thread{}; {} ended, never joined", num, plural,
				 hc_cell_count(threads->num_unjoined));
	return HC_PHRASE(analysis->doc, "{} thread{}, {} in use", num, plural,
			 hc_cell_bytes(analysis->verdict.accounting.stack_live));
}

/** The allocator that the words are of: the first one at work, or that could have been. */
static const struct hc_allocator *main_allocator(const struct hc_analysis *analysis)
{
	const struct hc_heap *heap = analysis->session->target->heap;
	size_t num;

	return heap ? heap->backends[0]->allocator : hc_allocators(&num)[0];
}

static void say_accounting(struct hc_analysis *analysis)
{
	const struct hc_accounting *accounting = &analysis->verdict.accounting;
	const struct hc_allocator *allocator = main_allocator(analysis);
	const char *give_back = allocator->advice.give_back;
	struct hc_cell trim = hc_cell_unknown(), none = hc_cell_unknown();
	const uint64_t *parts = accounting->parts;
	struct hc_document *doc = analysis->doc;
	uint64_t free_bytes = 0;

	hc_blank(doc);
	struct hc_table *table = hc_add_text_table(doc, &hc_analysis_lines_shape);
	table->indent = 2;
	for (enum hc_part part = HC_PART_CACHED; part <= HC_PART_TOP; part++)
		free_bytes += parts[part];
	if (analysis->verdict.trimmable && give_back)
		trim = HC_PHRASE(doc, "{} could return {} of it", hc_cell_text(give_back),
				 hc_cell_bytes(analysis->verdict.trimmable));
	if (analysis->session->target->heap)
		add_in_use(analysis, table);
	add_line(analysis, table, "free", free_bytes, trim);
	add_line(analysis, table, allocator->own, parts[HC_PART_OVERHEAD], none);
	add_line(analysis, table, "heap, given back", parts[HC_PART_GIVEN_BACK],
		 hc_cell_text("trimmed: addresses without memory"));
	add_line(analysis, table, "heap, not readable", parts[HC_PART_UNWALKED],
		 hc_cell_text("damaged, missing, or not malloc's"));
	add_line(analysis, table, "stacks", parts[HC_PART_STACK], stacks_phrase(analysis));
	add_line(analysis, table, "thread-local storage", parts[HC_PART_TLS], none);
	add_line(analysis, table, "program's variables", parts[HC_PART_MODULE], none);
	add_owners(analysis, table);
	add_line(analysis, table, "total", accounting->total, none);
}
/**@}*/

void hc_analysis_say(struct hc_analysis *analysis)
{
	say_identity(analysis);
	say_damage(analysis);
	say_verdict(analysis);
	say_accounting(analysis);
}

/** @name What to do next */
/**@{*/

/** "Next: " and what stands below it. */
static struct hc_margin next(void)
{
	return hc_margin("Next: ", 6, false);
}

static struct hc_margin below(void)
{
	return hc_margin("      ", 6, false);
}

/** A command to type: on a line of its own and never broken, so that it can be copied. */
static void say_command(struct hc_analysis *analysis, const char *verb, const char *more)
{
	HC_LINE(analysis->doc, "      heapcore {} {}{}", hc_cell_text(verb),
		hc_cell_name(analysis->quoted), hc_cell_text(more));
}

static void next_leak(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	size_t large = 0;

	while (large < verdict->num_suspects &&
	       verdict->suspects[large].share >= HC_ANALYSIS_SMALL_SHARE)
		large++;
	if (large == 1 && verdict->suspects[0].group) {
		HC_SAY_AT(analysis->doc, next(),
			  "find out who should free group {}; nothing else is larger than 1 %.",
			  hc_cell_number(verdict->suspects[0].group_number));
		return;
	}
	HC_SAY_AT(analysis->doc, next(),
		  "find out who should free the lost objects, the largest first. All groups:");
	say_command(analysis, "leaks", "");
}

static void next_growth(struct hc_analysis *analysis)
{
	HC_SAY_AT(analysis->doc, next(), "see what the largest chunks hold, and who keeps them:");
	say_command(analysis, "classify", "");
	say_command(analysis, "what", " ADDRESS");
}

static void next_retention(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_advice *advice = &main_allocator(analysis)->advice;
	size_t arenas = analysis->session->target->heap->num_arenas;
	struct hc_document *doc = analysis->doc;

	HC_SAY_AT(doc, next(), "{} would give back {} of {} that is free.",
		  hc_cell_text(advice->call ? advice->call : "the allocator"),
		  hc_cell_bytes(verdict->trimmable), hc_cell_bytes(verdict->free_bytes));
	if (verdict->trimmable < verdict->free_bytes / 2)
		HC_SAY_AT(doc, below(),
			  "Live chunks pin the rest: they lie between the free ones.");
	if (arenas > 2 && advice->many_arenas)
		HC_SAY_AT(doc, below(), "{} arenas each keep memory of their own: {}",
			  hc_cell_number(arenas), hc_cell_text(advice->many_arenas));
	if (verdict->accounting.parts[HC_PART_TOP] > verdict->free_bytes / 2 && advice->large_top)
		HC_SAY_AT(doc, below(), "Most of it is at the top of the heap: {}",
			  hc_cell_text(advice->large_top));
	HC_SAY_AT(doc, below(), "Where it is:");
	say_command(analysis, "arenas", "");
}

static void next_outside(struct hc_analysis *analysis)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;
	const uint64_t *parts = analysis->verdict.accounting.parts;

	HC_SAY_AT(analysis->doc, next(), "see what every mapping is for, the largest first:");
	say_command(analysis, "maps", "");
	if (parts[HC_PART_OTHER] > parts[HC_PART_STACK]) {
		HC_SAY_AT(analysis->doc, below(), "which texts repeat there, and where a text is:");
		say_command(analysis, "strings", " --maps --top");
		say_command(analysis, "grep", " --maps PATTERN");
	}
	if (parts[HC_PART_STACK] > parts[HC_PART_OTHER] &&
	    2 * threads->num_unjoined > threads->num_cached + threads->num)
		HC_SAY_AT(analysis->doc, below(),
			  "{} threads have ended, but keep their stacks until somebody calls "
			  "pthread_join(3); pthread_detach(3) gives them back.",
			  hc_cell_count(threads->num_unjoined));
	else if (parts[HC_PART_STACK] > parts[HC_PART_OTHER])
		HC_SAY_AT(analysis->doc, below(),
			  "The size of a stack comes from ulimit -s or "
			  "pthread_attr_setstacksize(3); what was never touched of it costs no "
			  "memory.");
}

void hc_analysis_say_next(struct hc_analysis *analysis)
{
	hc_blank(analysis->doc);
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
		next_outside(analysis);
		break;
	case HC_VERDICT_NOTHING:
		HC_SAY_AT(analysis->doc, next(),
			  "see which sizes of chunks there are, and what is in them:");
		say_command(analysis, "histogram", "");
		say_command(analysis, "classify", "");
		break;
	}
}
/**@}*/
