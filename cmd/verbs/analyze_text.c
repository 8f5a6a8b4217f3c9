/**
 * @file
 * analyze as text: whose core, the verdict, where the bytes are, what to do next.
 */
#include <string.h>

#include "cmd/verbs/analyze.h"
#include "cmd/render/units.h"
#include "cmd/show/lost.h"
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
	const char *name = hc_analysis_process_name(analysis);
	const char *version = heap ? heap->backends[0]->evidence.version : NULL;
	struct hc_cell pid = hc_cell_unknown();

	if (core->has_prpsinfo)
		pid = HC_PHRASE(analysis->doc, ", pid {}", hc_cell_number(core->prpsinfo.pid));
	struct hc_cell release = hc_cell_text(heap ? " (release unknown)" : "");
	if (version)
		release = HC_PHRASE(analysis->doc, " {}", hc_cell_name(version));
	HC_SAY_AT(analysis->doc, hc_margin("", 2, false), "{}: {}{}, {}{}{}{}, {} thread{}, {}",
		  hc_cell_name(hc_base_name(core->path)),
		  hc_cell_name(name ? name : "name unknown"), pid,
		  hc_cell_text(core->machine->name), hc_cell_text(heap ? ", " : ""),
		  hc_cell_text(heap ? heap->backends[0]->allocator->library : ""), release,
		  hc_cell_number(process->threads.num), hc_cell_plural(process->threads.num),
		  completeness(analysis));
}
/**@}*/

/** @name The verdict in a sentence */
/**@{*/

/** "29.0 MiB is lost, 82.4 MiB is in chunks that the program still points to". */
static struct hc_cell causes_phrase(const struct hc_analysis *analysis)
{
	static const char *const words[HC_NUM_CAUSES] = {
		[HC_CAUSE_LOST] = "is lost",
		[HC_CAUSE_HELD] = "is in chunks that the program still points to",
		[HC_CAUSE_FREED] = "was freed and is kept by malloc",
		[HC_CAUSE_STACKS] = "is in stacks",
		[HC_CAUSE_OUTSIDE] = "is outside of malloc",
	};
	const struct hc_verdict *verdict = &analysis->verdict;
	struct hc_document *doc = analysis->doc;
	struct hc_cell list = hc_cell_unknown();

	for (size_t i = 0; i < HC_NUM_CAUSES; i++) {
		enum hc_cause cause = verdict->order[i];

		if (verdict->causes[cause].stands_out)
			list = hc_phrase_join(
				doc, list, ", ",
				HC_PHRASE(doc, "{} {}",
					  hc_cell_bytes(verdict->causes[cause].touched),
					  hc_cell_text(words[cause])));
	}
	return list;
}

static void say_unknown(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	struct hc_cell missing = hc_lost_missing_phrase(analysis->doc, &verdict->reach.missing);

	if (missing.kind == HC_CELL_UNKNOWN)
		missing = hc_cell_text("what could hold it");
	HC_SAY_STRONG(analysis->doc,
		      "Can't tell what is lost: the core lacks {}. At most {} of {} touched memory "
		      "is.",
		      missing, hc_cell_bytes(hc_verdict_lost_touched(verdict)),
		      hc_cell_bytes(verdict->ruler.total));
}

/** One cause, as a sentence. */
static void say_cause(struct hc_analysis *analysis)
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
	struct hc_document *doc = analysis->doc;

	struct hc_cell lost = hc_cell_unknown(), growth = hc_cell_text("");

	if (kind != HC_VERDICT_LEAK && verdict->causes[HC_CAUSE_LOST].stands_out)
		lost = HC_PHRASE(doc, " {} is lost.",
				 hc_cell_bytes(hc_verdict_lost_touched(verdict)));
	if (kind == HC_VERDICT_HELD)
		growth = hc_cell_text(" Whether that grows, only a second core tells.");
	HC_SAY_STRONG(doc, "{}. {} of {} touched memory {}.{}{}",
		      hc_cell_text(sentences[kind].word),
		      hc_cell_bytes(verdict->causes[sentences[kind].cause].touched),
		      hc_cell_bytes(verdict->ruler.total), hc_cell_text(sentences[kind].words),
		      lost, growth);
}

/** Shared memory is told of where there is a tenth as much as of the process's own. */
#define MIN_SHARED 0.1

/** What the figures can't have: shared memory, and pointers that the core lacks. */
static void say_beside(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_missing *missing = &verdict->reach.missing;
	const struct hc_threads *threads = &analysis->session->target->process->threads;
	struct hc_document *doc = analysis->doc;

	if (hc_part_share(verdict->ruler.shared, verdict->ruler.total) > MIN_SHARED)
		HC_SAY(doc, "{} of shared memory was touched, too, which these figures leave out.",
		       hc_cell_bytes(verdict->ruler.shared));
	if (threads->num_forked && verdict->causes[HC_CAUSE_LOST].stands_out)
		HC_SAY(doc,
		       "This is a child of fork(), without {} thread{} of its parent: what only "
		       "{} held looks lost.",
		       hc_cell_count(threads->num_forked), hc_cell_plural(threads->num_forked),
		       hc_cell_text(threads->num_forked == 1 ? "that one" : "those"));
	if (missing->files && verdict->causes[HC_CAUSE_LOST].stands_out)
		HC_SAY(doc,
		       "The core lacks {} of mapped files ({}): what pointers there alone hold "
		       "looks lost.",
		       hc_cell_bytes(missing->files), hc_cell_name(hc_base_name(missing->file)));
}

/** Where addresses are what is short, and not memory. */
static void say_addresses(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;

	HC_SAY_STRONG(analysis->doc,
		      "Stacks. {} of the 4 GiB of addresses that a 32-bit process has at most are "
		      "set aside for stacks of threads; {} of them was touched.",
		      hc_cell_bytes(verdict->accounting.parts[HC_PART_STACK]),
		      hc_cell_bytes(verdict->ruler.parts[HC_PART_STACK]));
}

static void say_verdict(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const char *no_heap = hc_session_no_heap(analysis->session);
	uint64_t stacks = verdict->accounting.parts[HC_PART_STACK];
	struct hc_document *doc = analysis->doc;

	hc_blank(doc);
	if (no_heap)
		HC_SAY_STRONG(doc, "No heap to read: {}.", hc_cell_name(no_heap));
	switch (verdict->kind) {
	case HC_VERDICT_MIXED:
		HC_SAY_STRONG(doc, "Mixed. Of {} touched memory, {}.",
			      hc_cell_bytes(verdict->ruler.total), causes_phrase(analysis));
		break;
	case HC_VERDICT_UNKNOWN:
		say_unknown(analysis);
		break;
	case HC_VERDICT_NOTHING:
		HC_SAY_STRONG(doc, "Nothing stands out in {} touched memory.",
			      hc_cell_bytes(verdict->ruler.total));
		break;
	default:
		if (verdict->addresses_in_stacks)
			say_addresses(analysis);
		else
			say_cause(analysis);
	}
	if (stacks > verdict->accounting.total / 2 && !verdict->addresses_in_stacks)
		HC_SAY(doc, "{} of addresses are set aside for stacks; {} of them was touched.",
		       hc_cell_bytes(stacks), hc_cell_bytes(verdict->ruler.parts[HC_PART_STACK]));
	say_beside(analysis);
}
/**@}*/

/** @name Damage */
/**@{*/

/** Threads that were at work in the allocator, and what that explains. */
static void say_inside(struct hc_analysis *analysis)
{
	const struct hc_inflight *inflight = &analysis->inflight;
	uint64_t total = analysis->session->target->heap->inconsistencies_total;
	struct hc_document *doc = analysis->doc;
	struct hc_cell half = hc_cell_unknown(), who;
	const struct hc_inside *first = NULL;
	size_t num = 0;

	/* One that only waits has left nothing half done. */
	for (size_t i = 0; i < inflight->num_inside; i++) {
		if (!inflight->inside[i].writes)
			continue;
		first = first ? first : &inflight->inside[i];
		num++;
	}
	if (!num)
		return;
	who = num == 1 ? HC_PHRASE(doc, "Thread {} is", hc_cell_number(first->thread->lwp))
		       : HC_PHRASE(doc, "{} threads are", hc_cell_count(num));
	if (total)
		half = HC_PHRASE(doc, "; {} place{} half written there {} no damage",
				 hc_cell_count(total), hc_cell_plural(total),
				 hc_cell_text(total == 1 ? "is" : "are"));
	hc_blank(doc);
	HC_SAY(doc, "{} inside malloc{}.", who, half);
}

static void say_damage(struct hc_analysis *analysis)
{
	const struct hc_heap *heap = analysis->session->target->heap;
	struct hc_document *doc = analysis->doc;

	if (!heap)
		return;
	if (analysis->last_words || hc_analysis_damaged(analysis))
		hc_blank(doc);
	if (analysis->last_words)
		HC_SAY_AT(doc, hc_margin("libc's last words: ", 2, true), "{}",
			  hc_cell_name(analysis->last_words));
	if (!hc_analysis_damaged(analysis)) {
		say_inside(analysis);
		return;
	}
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
	[BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of the part, touched"},
	[SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of the touched bytes"},
	[REMARK] = {"remark", "", HC_CELL_TEXT, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,
		    "what else there is to say"},
};

const struct hc_shape hc_analysis_lines_shape = {.name = "lines", HC_COLUMNS(columns)};

/** In use, the other parts, an owner of each finding, and two more. */
#define MAX_LINES (16 + HC_MAX_FINDINGS)
/** Parts below this share are one line, where there are several. */
#define MIN_LINE_SHARE 0.01

struct line {
	const char *part;
	uint64_t bytes;
	struct hc_cell remark;
	bool kept; /* however small */
};

struct lines {
	struct line items[MAX_LINES];
	size_t num;
};

/** @return the line; NULL: there are no such bytes */
static struct line *add_line(struct lines *lines, const char *part, uint64_t bytes,
			     struct hc_cell remark)
{
	if (!bytes || lines->num == MAX_LINES)
		return NULL;
	lines->items[lines->num] = (struct line){part, bytes, remark, false};
	return &lines->items[lines->num++];
}

/** The same of what matters however small it is. */
static void add_kept(struct lines *lines, const char *part, uint64_t bytes, struct hc_cell remark)
{
	struct line *line = add_line(lines, part, bytes, remark);

	if (line)
		line->kept = true;
}

static void add_row(const struct hc_analysis *analysis, struct hc_table *table,
		    const struct line *line)
{
	hc_table_add_row(table);
	hc_table_text(table, PART, line->part);
	hc_table_number(table, BYTES, line->bytes);
	hc_table_share(table, SHARE, hc_share(line->bytes, analysis->verdict.ruler.total));
	hc_table_cell(table, REMARK,
		      line->remark.kind == HC_CELL_UNKNOWN ? hc_cell_text("") : line->remark);
}

static bool is_small(const struct hc_analysis *analysis, const struct line *line)
{
	return !line->kept && !analysis->session->options->verbose &&
	       hc_share(line->bytes, analysis->verdict.ruler.total) < MIN_LINE_SHARE;
}

/** Small parts are one row, so that a screen has room for what matters; -v shows each. */
static void add_rows(const struct hc_analysis *analysis, struct hc_table *table,
		     const struct lines *lines)
{
	struct line small = {.part = "smaller parts", .remark = hc_cell_text("-v shows each")};
	size_t num = 0;

	for (size_t i = 0; i < lines->num; i++) {
		if (is_small(analysis, &lines->items[i])) {
			small.bytes += lines->items[i].bytes;
			num++;
		}
	}
	for (size_t i = 0; i < lines->num; i++)
		if (num < 2 || !is_small(analysis, &lines->items[i]))
			add_row(analysis, table, &lines->items[i]);
	if (num >= 2)
		add_row(analysis, table, &small);
}

/**
 * Chunks in use, by reachability. "Reachable" takes what the others leave of the accounting's
 * bytes, so that the lines add up: the pages that an mmapped chunk doesn't fill are part of it.
 */
static void add_in_use(const struct hc_analysis *analysis, struct lines *lines)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_leaks *leaks = &verdict->leaks;
	const uint64_t *parts = verdict->ruler.parts, *reach = verdict->ruler.reach;
	uint64_t in_use = parts[HC_PART_IN_USE] + parts[HC_PART_MMAPPED];
	uint64_t roots = hc_leaks_num_roots(leaks);
	uint64_t lost = hc_verdict_lost_touched(verdict), others = reach[HC_POSSIBLE] + lost;
	struct hc_document *doc = analysis->doc;

	add_line(lines, "in use, reachable", in_use > others ? in_use - others : 0,
		 HC_PHRASE(doc, "{} chunk{}", hc_cell_count(verdict->reachable_chunks),
			   hc_cell_plural(verdict->reachable_chunks)));
	add_line(lines, "in use, possibly held", reach[HC_POSSIBLE],
		 HC_PHRASE(doc, "{} chunk{}, not by their start",
			   hc_cell_count(verdict->possible_chunks),
			   hc_cell_plural(verdict->possible_chunks)));
	/* Short: with millions of both it must fit beside the numbers. */
	add_kept(lines, "in use, lost", lost,
		 HC_PHRASE(doc, "{}{} root object{}, {} below",
			   hc_cell_text(hc_verdict_upper_bound(verdict) ? "at most " : ""),
			   hc_cell_count(roots), hc_cell_plural(roots),
			   hc_cell_count(leaks->definite.chunks + leaks->indirect.chunks - roots)));
}

/** How much is mapped, where not all of it was touched. */
static struct hc_cell mapped_phrase(const struct hc_analysis *analysis, uint64_t mapped,
				    uint64_t touched)
{
	return mapped <= touched ? hc_cell_unknown()
				 : HC_PHRASE(analysis->doc, "{} mapped", hc_cell_bytes(mapped));
}

/** What is neither malloc's nor a stack nor a module's, by owner; "other" is the rest. */
static void add_owners(const struct hc_analysis *analysis, struct lines *lines)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_findings *findings = &verdict->findings;
	uint64_t other = verdict->ruler.parts[HC_PART_OTHER];
	uint64_t mapped = verdict->accounting.parts[HC_PART_OTHER];

	for (size_t i = 0; i < findings->num; i++) {
		const struct hc_finding *finding = &findings->items[i];

		if (!finding->owner)
			continue;
		add_line(lines, finding->owner->title, finding->touched,
			 mapped_phrase(analysis, finding->count.bytes, finding->touched));
		other -= finding->touched;
		mapped -= finding->count.bytes;
	}
	add_line(lines, "other", other, mapped_phrase(analysis, mapped, other));
}

static struct hc_cell stacks_phrase(const struct hc_analysis *analysis)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;
	struct hc_cell num = hc_cell_number(threads->num), plural = hc_cell_plural(threads->num);

	if (threads->num_unjoined)
		return HC_PHRASE(analysis->doc, "{} thread{}; {} ended, never joined", num, plural,
				 hc_cell_count(threads->num_unjoined));
	return HC_PHRASE(analysis->doc, "{} thread{}, {} of addresses", num, plural,
			 hc_cell_bytes(analysis->verdict.accounting.parts[HC_PART_STACK]));
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
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_ruler *ruler = &verdict->ruler;
	const struct hc_allocator *allocator = main_allocator(analysis);
	const char *give_back = allocator->advice.give_back;
	struct hc_cell trim = hc_cell_unknown(), none = hc_cell_unknown(), total = none;
	const size_t unjoined = analysis->session->target->process->threads.num_unjoined;
	const uint64_t *parts = ruler->parts;
	struct lines lines = {.num = 0};
	struct hc_document *doc = analysis->doc;

	hc_blank(doc);
	struct hc_table *table = hc_add_text_table(doc, &hc_analysis_lines_shape);
	table->indent = 2;
	if (verdict->trimmable_touched && give_back)
		trim = HC_PHRASE(doc, "{} could return {} of it", hc_cell_text(give_back),
				 hc_cell_bytes(verdict->trimmable_touched));
	if (verdict->accounting.total > ruler->total)
		total = HC_PHRASE(doc, "{}; {} mapped",
				  hc_cell_text(ruler->resident ? "resident" : "touched"),
				  hc_cell_bytes(verdict->accounting.total));
	if (analysis->session->target->heap)
		add_in_use(analysis, &lines);
	add_line(&lines, "free", parts[HC_PART_CACHED] + parts[HC_PART_FREE] + parts[HC_PART_TOP],
		 trim);
	add_line(&lines, allocator->own, parts[HC_PART_OVERHEAD], none);
	add_line(&lines, "heap, given back", parts[HC_PART_GIVEN_BACK],
		 hc_cell_text("trimmed, and touched again"));
	add_kept(&lines, "heap, not readable", parts[HC_PART_UNWALKED],
		 hc_cell_text("damaged, missing, or not malloc's"));
	if (unjoined)
		add_kept(&lines, "stacks", parts[HC_PART_STACK], stacks_phrase(analysis));
	else
		add_line(&lines, "stacks", parts[HC_PART_STACK], stacks_phrase(analysis));
	add_line(&lines, "thread-local storage", parts[HC_PART_TLS], none);
	add_line(&lines, "program's variables", parts[HC_PART_MODULE], none);
	add_owners(analysis, &lines);
	add_rows(analysis, table, &lines);
	add_row(analysis, table, &(struct line){"total", ruler->total, total, true});
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
	HC_SAY_AT(analysis->doc, next(), "{}",
		  hc_cell_text("find out who should free the lost objects, the largest first. All "
			       "groups:"));
	HC_LINE(analysis->doc, "      {}", hc_numbers_command(analysis, "leaks"));
}

/** The largest kind that is held, or NULL. */
static const struct hc_finding *first_held(const struct hc_analysis *analysis)
{
	const struct hc_findings *findings = &analysis->verdict.findings;

	for (size_t i = 0; i < findings->num; i++)
		if (findings->items[i].kind == HC_FINDING_HELD)
			return &findings->items[i];
	return NULL;
}

static void next_held(struct hc_analysis *analysis)
{
	const struct hc_finding *finding = first_held(analysis);
	struct hc_document *doc = analysis->doc;

	HC_SAY_AT(doc, next(), "see what the largest chunks hold, and who keeps them:");
	say_command(analysis, "classify", "");
	if (finding && finding->sample)
		HC_LINE(doc, "      heapcore what {} {}", hc_cell_name(analysis->quoted),
			hc_cell_address(finding->sample));
	else
		say_command(analysis, "what", " ADDRESS");
}

static void next_retention(struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_advice *advice = &main_allocator(analysis)->advice;
	size_t arenas = analysis->session->target->heap->num_arenas;
	uint64_t freed = verdict->causes[HC_CAUSE_FREED].touched;
	struct hc_document *doc = analysis->doc;

	HC_SAY_AT(doc, next(), "{} would give back {} of {} that is free.",
		  hc_cell_text(advice->call ? advice->call : "the allocator"),
		  hc_cell_bytes(verdict->trimmable_touched), hc_cell_bytes(freed));
	if (verdict->trimmable_touched < freed / 2)
		HC_SAY_AT(doc, below(),
			  "Live chunks pin the rest: they lie between the free ones.");
	if (arenas > 2 && advice->many_arenas)
		HC_SAY_AT(doc, below(), "{} arenas each keep memory of their own: {}",
			  hc_cell_number(arenas), hc_cell_text(advice->many_arenas));
	if (verdict->ruler.parts[HC_PART_TOP] > freed / 2 && advice->large_top)
		HC_SAY_AT(doc, below(), "Most of it is at the top of the heap: {}",
			  hc_cell_text(advice->large_top));
	HC_SAY_AT(doc, below(), "Where it is:");
	say_command(analysis, "arenas", "");
}

static void next_maps(struct hc_analysis *analysis)
{
	HC_SAY_AT(analysis->doc, next(), "see what every mapping is for, the largest first:");
	say_command(analysis, "maps", "");
}

static void next_outside(struct hc_analysis *analysis)
{
	next_maps(analysis);
	HC_SAY_AT(analysis->doc, below(), "which texts repeat there, and where a text is:");
	say_command(analysis, "strings", " --maps --top");
	say_command(analysis, "grep", " --maps PATTERN");
}

static void next_threads(struct hc_analysis *analysis)
{
	if (analysis->session->target->process->threads.num < 2)
		return;
	HC_SAY_AT(analysis->doc, below(), "what each thread does:");
	say_command(analysis, "threads", "");
}

static void next_stacks(struct hc_analysis *analysis)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;

	next_maps(analysis);
	next_threads(analysis);
	if (2 * threads->num_unjoined > threads->num_cached + threads->num)
		HC_SAY_AT(analysis->doc, below(),
			  "{} threads have ended, but keep their stacks until somebody calls "
			  "pthread_join(3); pthread_detach(3) gives them back.",
			  hc_cell_count(threads->num_unjoined));
	else
		HC_SAY_AT(analysis->doc, below(),
			  "The size of a stack comes from ulimit -s or "
			  "pthread_attr_setstacksize(3); what was never touched of it costs no "
			  "memory{}.",
			  hc_cell_text(analysis->verdict.addresses_in_stacks ? ", but addresses"
									     : ""));
}

static void next_nothing(struct hc_analysis *analysis)
{
	HC_SAY_AT(analysis->doc, next(),
		  "see which sizes of chunks there are, and what is in them:");
	say_command(analysis, "histogram", "");
	say_command(analysis, "classify", "");
}

/** What is lost can be mended; else the largest cause. */
void hc_analysis_say_next(struct hc_analysis *analysis)
{
	static void (*const nexts[HC_NUM_CAUSES])(struct hc_analysis *) = {
		[HC_CAUSE_LOST] = next_leak,       [HC_CAUSE_HELD] = next_held,
		[HC_CAUSE_FREED] = next_retention, [HC_CAUSE_STACKS] = next_stacks,
		[HC_CAUSE_OUTSIDE] = next_outside,
	};
	const struct hc_verdict *verdict = &analysis->verdict;

	hc_blank(analysis->doc);
	if (verdict->kind == HC_VERDICT_UNKNOWN)
		HC_SAY_AT(analysis->doc, next(),
			  "take a whole core: nothing of it may be cut off or filtered out "
			  "(ulimit -c, coredump_filter, disk space).");
	else if (!verdict->heap || verdict->ruler.shared > verdict->ruler.total)
		next_outside(analysis);
	else if (verdict->addresses_in_stacks)
		next_stacks(analysis);
	else if (verdict->kind == HC_VERDICT_NOTHING)
		next_nothing(analysis);
	else if (verdict->causes[HC_CAUSE_LOST].stands_out)
		next_leak(analysis);
	else
		nexts[verdict->order[0]](analysis);
	if (verdict->kind == HC_VERDICT_MIXED && verdict->order[0] != HC_CAUSE_STACKS &&
	    verdict->causes[HC_CAUSE_STACKS].stands_out)
		next_threads(analysis);
}
/**@}*/
