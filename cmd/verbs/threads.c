/**
 * @file
 * heapcore threads: where each thread is, what its stack costs, and what it has of the heap.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzers/counts/arenas.h"
#include "analyzers/inspect/thread_table.h"
#include "analyzers/types/demangle.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

/** Frames of each stack that text shows, unless --frames says how many. */
#define DEFAULT_FRAMES 6
/** Threads of one stack that are named by number. */
#define MAX_NAMED 8
/** Of the address space that a 32-bit process has, so much in stacks is worth a sentence: 1 / 4. */
#define MUCH_OF_32_BITS 4

enum own_id { OWN_FRAMES, OWN_TOP };

static const struct hc_option own_options[] = {
	{OWN_FRAMES, 0, "frames", "N", "innermost frames of each stack; 0: none (default: 6)"},
	{OWN_TOP, 0, "top", "N",
	 "the first N threads, and places; 0: all (default: 20 in text, else all)"},
	{0},
};

struct own {
	uint64_t frames, top;
};

static const struct own own_defaults = {.frames = DEFAULT_FRAMES, .top = HC_TOP_DEFAULT};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_FRAMES:
		return hc_parse_count("--frames", value, &own->frames);
	case OWN_TOP:
		return hc_parse_count("--top", value, &own->top);
	}
	return NULL;
}

/** What run() works on. */
struct view {
	const struct hc_session *session;
	const struct hc_thread_table *threads;
	const struct hc_arena_table *arenas;
	const struct own *own;
	struct hc_document *doc;
};

/** @name Tables */
/**@{*/

enum column {
	LWP,
	MAIN,
	SIGNAL,
	RESERVED,
	PRESENT,
	TOUCHED,
	LIVE,
	GUARD,
	STACK_START,
	STACK_END,
	ARENA,
	ARENA_BYTES,
	ARENA_THREADS,
	CACHE_BYTES,
	CACHE_CHUNKS,
	ENTRY,
	FUNCTION,
	PC,
	SP,
	TP,
	NUM_COLUMNS
};

#define DATA HC_COLUMN_DATA_ONLY

static const struct hc_column columns[NUM_COLUMNS] = {
	[LWP] = {"thread", "TID", HC_CELL_NUMBER, HC_COLUMN_ASCENDING, "number of the kernel's"},
	[MAIN] = {"main", "", HC_CELL_BOOL, DATA, "it is the one that the process began with"},
	[SIGNAL] = {"signal", "", HC_CELL_NUMBER, DATA, "that it was handling; 0: none"},
	[RESERVED] = {"stack_bytes", "STACK", HC_CELL_BYTES, 0,
		      "address space that its stack reserves, guard included"},
	[PRESENT] = {"present_bytes", "", HC_CELL_BYTES, DATA, "of the stack, in the core"},
	[TOUCHED] = {"touched_bytes", "TOUCHED", HC_CELL_BYTES, 0,
		     "of the stack, in pages that are in the core and not all zero"},
	[LIVE] = {"live_bytes", "LIVE", HC_CELL_BYTES, 0, "from the stack pointer to its end"},
	[GUARD] = {"guard_bytes", "", HC_CELL_BYTES, DATA, "of the stack, that can't be used"},
	[STACK_START] = {"stack_start", "", HC_CELL_ADDRESS, DATA, "of the stack, without guard"},
	[STACK_END] = {"stack_end", "", HC_CELL_ADDRESS, DATA, "of the stack"},
	[ARENA] = {"arena", "ARENA", HC_CELL_NUMBER, 0, "that it allocates from"},
	[ARENA_BYTES] = {"arena_bytes", "IN USE", HC_CELL_BYTES, 0,
			 "of chunks in use in that arena, whoever allocated them"},
	[ARENA_THREADS] = {"arena_threads", "", HC_CELL_COUNT, DATA,
			   "that allocate from that arena"},
	[CACHE_BYTES] = {"cache_bytes", "CACHE", HC_CELL_BYTES, 0,
			 "of free chunks that it keeps for itself (tcache)"},
	[CACHE_CHUNKS] = {"cache_chunks", "", HC_CELL_COUNT, DATA, "of these"},
	[ENTRY] = {"entry", "BEGAN IN", HC_CELL_NAME, 0,
		   "function that the C library called when the thread began"},
	[FUNCTION] = {"function", "IS IN", HC_CELL_NAME, HC_COLUMN_SHRINK, "the innermost one"},
	[PC] = {"pc", "", HC_CELL_ADDRESS, DATA, "program counter"},
	[SP] = {"sp", "", HC_CELL_ADDRESS, DATA, "stack pointer"},
	[TP] = {"tp", "", HC_CELL_ADDRESS, DATA, "thread pointer"},
};

static const struct hc_shape threads_shape = {
	.key = "threads", .name = "threads", HC_COLUMNS(columns)};

enum frame_column { F_LWP, F_FRAME, F_PC, F_FUNCTION, F_OFFSET, F_MODULE, NUM_FRAME_COLUMNS };

static const struct hc_column frame_columns[NUM_FRAME_COLUMNS] = {
	[F_LWP] = {"thread", "", HC_CELL_NUMBER, HC_COLUMN_ASCENDING, "whose stack it is on"},
	[F_FRAME] = {"frame", "", HC_CELL_NUMBER, HC_COLUMN_ASCENDING, "0: the innermost"},
	[F_PC] = {"pc", "", HC_CELL_ADDRESS, 0,
		  "in the function; of a caller, in its call instruction"},
	[F_FUNCTION] = {"function", "", HC_CELL_NAME, 0, "its symbol"},
	[F_OFFSET] = {"offset", "", HC_CELL_COUNT, 0,
		      "of pc in the function, or else in the module"},
	[F_MODULE] = {"module", "", HC_CELL_NAME, 0, "that it is in"},
};

static const struct hc_shape frames_shape = {
	.key = "frames", .name = "frames, which only data formats have", HC_COLUMNS(frame_columns)};

enum ended_column { E_HOW, E_STACKS, E_RESERVED, E_TOUCHED, NUM_ENDED_COLUMNS };

static const struct hc_column ended_columns[NUM_ENDED_COLUMNS] = {
	[E_HOW] = {"how", "", HC_CELL_TEXT, 0,
		   "the thread ended; forked: it is of the parent, whose stack fork() has "
		   "copied"},
	[E_STACKS] = {"stacks", "", HC_CELL_COUNT, 0, "that are still mapped"},
	[E_RESERVED] = {"stack_bytes", "", HC_CELL_BYTES, 0, "that they reserve, without guard"},
	[E_TOUCHED] = {"touched_bytes", "", HC_CELL_BYTES, 0,
		       "in pages that are in the core and not all zero"},
};

static const struct hc_shape ended_shape = {
	.key = "ended", .name = "stacks of threads that ended", HC_COLUMNS(ended_columns)};

/** As data has them. */
static const char *const end_names[HC_NUM_THREAD_ENDS] = {
	[HC_THREAD_END_UNKNOWN] = "unknown", [HC_THREAD_JOINED] = "joined",
	[HC_THREAD_DETACHED] = "detached",   [HC_THREAD_UNJOINED] = "unjoined",
	[HC_THREAD_FORKED] = "forked",
};
/**@}*/

/** @name Names */
/**@{*/

static char *function_name(const struct view *view, const struct hc_thread_call *call)
{
	bool full = view->session->options->full_names;

	return call->function ? hc_demangle_function(call->function, full) : NULL;
}

/** "worker", "libfoo.so+0x1234", or the address. */
static struct hc_cell call_phrase(const struct view *view, const struct hc_thread_call *call)
{
	hc_cleanup_free char *function = function_name(view, call);
	struct hc_document *doc = view->doc;

	if (function)
		return HC_PHRASE(doc, "{}", hc_cell_name(function));
	if (call->module)
		return HC_PHRASE(doc, "{}+{}", hc_cell_name(hc_base_name(call->module->path)),
				 hc_cell_address(call->offset));
	return hc_cell_address(call->pc);
}

/** The same with the module of a function. */
static struct hc_cell place_phrase(const struct view *view, const struct hc_thread_call *call)
{
	struct hc_cell name = call_phrase(view, call);

	return call->function && call->module
		       ? HC_PHRASE(view->doc, "{} ({})", name,
				   hc_cell_name(hc_base_name(call->module->path)))
		       : name;
}
/**@}*/

/** @name Rows */
/**@{*/

static const struct hc_arena_row *find_arena(const struct hc_arena_table *arenas, uint32_t index)
{
	for (size_t i = 0; i < arenas->num_rows; i++)
		if (arenas->rows[i].arena && arenas->rows[i].index == index)
			return &arenas->rows[i];
	return NULL;
}

static void fill_stack(struct hc_table *table, const struct hc_thread_row *row)
{
	hc_table_number(table, RESERVED, row->reserved);
	hc_table_number(table, PRESENT, row->present);
	hc_table_number(table, TOUCHED, row->touched);
	hc_table_number(table, GUARD, row->guard);
	hc_table_number(table, STACK_START, row->thread->stack_start);
	hc_table_number(table, STACK_END, row->thread->stack_end);
	if (row->live)
		hc_table_number(table, LIVE, row->live);
}

static void add_row(const struct view *view, struct hc_table *table,
		    const struct hc_thread_row *row)
{
	const struct hc_thread *thread = row->thread;
	const struct hc_arena_row *arena = find_arena(view->arenas, row->arena);

	hc_table_add_row(table);
	hc_table_number(table, LWP, thread->lwp);
	hc_table_cell(table, MAIN, hc_cell_bool(thread->main));
	hc_table_number(table, SIGNAL, thread->signal);
	if (row->reserved)
		fill_stack(table, row);
	if (arena) {
		hc_table_number(table, ARENA, row->arena);
		hc_table_number(table, ARENA_BYTES, arena->states[HC_IN_USE].bytes);
		hc_table_number(table, ARENA_THREADS, arena->num_threads);
	}
	if (row->cache) {
		hc_table_number(table, CACHE_BYTES, row->cache->bytes);
		hc_table_number(table, CACHE_CHUNKS, row->cache->chunks);
	}
	if (row->entry < row->num_calls)
		hc_table_cell(table, ENTRY, call_phrase(view, &row->calls[row->entry]));
	hc_table_cell(table, FUNCTION, call_phrase(view, &row->calls[0]));
	hc_table_number(table, PC, thread->pc);
	hc_table_number(table, SP, thread->sp);
	hc_table_number(table, TP, thread->tp);
}

static void add_threads(const struct view *view)
{
	const struct hc_thread_table *threads = view->threads;
	struct hc_table *table = hc_add_table(view->doc, &threads_shape);
	size_t shown = hc_top_rows(view->own->top, view->session->options->format, threads->num);

	for (size_t i = 0; i < threads->num; i++)
		add_row(view, table, &threads->rows[i]);
	table->limit = shown;
	if (shown < threads->num)
		HC_LINE(view->doc, "{} more thread{}; --top 0 shows all",
			hc_cell_count(threads->num - shown), hc_cell_plural(threads->num - shown));
}

static void add_frames(const struct view *view, struct hc_table *table,
		       const struct hc_thread_row *row)
{
	for (size_t i = 0; i < row->num_calls; i++) {
		const struct hc_thread_call *call = &row->calls[i];
		hc_cleanup_free char *function = function_name(view, call);

		hc_table_add_row(table);
		hc_table_number(table, F_LWP, row->thread->lwp);
		hc_table_number(table, F_FRAME, call->frame);
		hc_table_number(table, F_PC, call->pc);
		hc_table_text(table, F_FUNCTION, function);
		if (call->module) {
			hc_table_number(table, F_OFFSET, call->offset);
			hc_table_text(table, F_MODULE, call->module->path);
		}
	}
}

static void add_data(const struct view *view)
{
	struct hc_table *frames = hc_add_data_table(view->doc, &frames_shape);
	const struct hc_thread_table *threads = view->threads;

	for (size_t i = 0; i < threads->num; i++)
		add_frames(view, frames, &threads->rows[i]);
	struct hc_table *ended = hc_add_data_table(view->doc, &ended_shape);
	for (unsigned how = 0; how < HC_NUM_THREAD_ENDS; how++) {
		if (!threads->ended[how].num)
			continue;
		hc_table_add_row(ended);
		hc_table_text(ended, E_HOW, end_names[how]);
		hc_table_number(ended, E_STACKS, threads->ended[how].num);
		hc_table_number(ended, E_RESERVED, threads->ended[how].reserved);
		hc_table_number(ended, E_TOUCHED, threads->ended[how].touched);
	}
}
/**@}*/

/** @name Sentences */
/**@{*/

/** @param one said of one; @param many said of several */
static void say_ended(const struct view *view, enum hc_thread_end how, const char *one,
		      const char *many)
{
	const struct hc_thread_ended *ended = &view->threads->ended[how];

	if (ended->num)
		HC_SAY(view->doc, "{} more stack{}, {}, {}.", hc_cell_count(ended->num),
		       hc_cell_plural(ended->num), hc_cell_bytes(ended->reserved),
		       hc_cell_text(ended->num == 1 ? one : many));
}

static void say_totals(const struct view *view)
{
	const struct hc_thread_table *threads = view->threads;
	struct hc_document *doc = view->doc;
	const struct hc_process *process = view->session->target->process;
	uint64_t reserved = threads->reserved;

	hc_fact(doc, "stack_bytes", NULL, hc_cell_bytes(threads->reserved));
	hc_fact(doc, "touched_bytes", NULL, hc_cell_bytes(threads->touched));
	HC_SAY_STRONG(doc, "{} thread{}: {} stack{} {} {}, of which {} were touched.",
		      hc_cell_count(threads->num), hc_cell_plural(threads->num),
		      hc_cell_text(threads->num == 1 ? "its" : "their"),
		      hc_cell_plural(threads->num),
		      hc_cell_text(threads->num == 1 ? "reserves" : "reserve"),
		      hc_cell_bytes(threads->reserved), hc_cell_bytes(threads->touched));
	for (unsigned how = 0; how < HC_NUM_THREAD_ENDS; how++)
		reserved += threads->ended[how].reserved;
	if (process->memory.word_size == 4 && reserved >= (UINT64_C(4) << 30) / MUCH_OF_32_BITS)
		HC_SAY(doc,
		       "A 32-bit process has 4 GiB of addresses at most: stacks take {} of "
		       "them, used or not; a smaller stack size (ulimit -s, "
		       "pthread_attr_setstacksize) takes less.",
		       hc_cell_bytes(reserved));
	say_ended(view, HC_THREAD_UNJOINED,
		  "is of a thread that has ended and was neither joined nor detached",
		  "are of threads that have ended and were neither joined nor detached");
	say_ended(view, HC_THREAD_FORKED, "is of a thread of the parent, which fork() doesn't copy",
		  "are of threads of the parent, which fork() doesn't copy");
	say_ended(view, HC_THREAD_JOINED, "is of a thread that was joined, kept for the next one",
		  "are of threads that were joined, kept for the next ones");
	say_ended(view, HC_THREAD_DETACHED,
		  "is of a detached thread that has ended, kept for the next one",
		  "are of detached threads that have ended, kept for the next ones");
	say_ended(view, HC_THREAD_END_UNKNOWN, "is of a thread that has ended",
		  "are of threads that have ended");
	hc_blank(doc);
}

/** The threads that are in a place: "threads 1, 2, 3 and 4 more". */
static struct hc_cell who_phrase(const struct view *view, size_t place)
{
	const struct hc_thread_table *threads = view->threads;
	struct hc_document *doc = view->doc;
	struct hc_cell list = hc_cell_unknown();
	size_t num = 0;

	for (size_t i = place; i < threads->num; i++) {
		if (threads->rows[i].place != place)
			continue;
		if (num++ < MAX_NAMED)
			list = hc_phrase_join(
				doc, list, ", ",
				HC_PHRASE(doc, "{}", hc_cell_number(threads->rows[i].thread->lwp)));
	}
	if (num > MAX_NAMED)
		list = HC_PHRASE(doc, "{} and {} more", list, hc_cell_count(num - MAX_NAMED));
	return HC_PHRASE(doc, "thread{} {}", hc_cell_plural(num), list);
}

static void say_call(const struct view *view, const struct hc_thread_call *call)
{
	HC_SAY_AT(view->doc, hc_margin("  ", 6, false), "#{} {}", hc_cell_number(call->frame),
		  place_phrase(view, call));
}

/** The innermost frames, and the entry where that is further out. */
static void say_calls(const struct view *view, const struct hc_thread_row *row)
{
	size_t shown = row->num_calls < view->own->frames ? row->num_calls : view->own->frames;

	for (size_t i = 0; i < shown; i++)
		say_call(view, &row->calls[i]);
	if (row->entry < row->num_calls && row->entry >= shown) {
		if (row->entry > shown)
			HC_LINE(view->doc, "  {}", hc_cell_text("..."));
		say_call(view, &row->calls[row->entry]);
	}
}

static void say_stacks(const struct view *view)
{
	const struct hc_thread_table *threads = view->threads;
	size_t most = hc_top_rows(view->own->top, view->session->options->format, threads->num);
	size_t places = 0;

	for (size_t i = 0; i < threads->num && view->own->frames; i++) {
		if (threads->rows[i].place != i || places++ >= most)
			continue;
		HC_HEADING(view->doc, "Frames of {}", who_phrase(view, i));
		say_calls(view, &threads->rows[i]);
	}
	if (places > most) {
		hc_blank(view->doc);
		HC_LINE(view->doc, "threads are in {} more places; --top 0 shows all",
			hc_cell_count(places - most));
	}
}
/**@}*/

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(hc_thread_table_deinit) struct hc_thread_table threads = {0};
	hc_cleanup(hc_arenas_deinit) struct hc_arena_table arenas = {0};
	const struct own *own = session->options->own;
	hc_cleanup_document struct hc_document doc;
	struct view view = {session, &threads, &arenas, own, &doc};

	hc_document_init(&doc);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (!err)
		err = hc_thread_table_run(session->target, &threads);
	if (!err && session->target->heap)
		err = hc_arenas_run(session->target, &arenas);
	if (err)
		return err;
	hc_session_begin(session, &doc);
	say_totals(&view);
	add_threads(&view);
	add_data(&view);
	say_stacks(&view);
	return hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_threads = {
	.name = "threads",
	.arguments = "CORE",
	.summary = "per thread: where it is, stack reserved and touched, arena, cache",
	.description =
		"Shows where each thread is, how much its stack reserves and how much of "
		"that was touched, which arena it allocates from, and what it keeps of freed "
		"chunks; then the innermost frames, once for threads that are in the same "
		"place. Stacks of threads that have ended are counted, too.",
	.examples = "  heapcore threads core.1234\n"
		    "  heapcore threads core.1234 --frames 20\n"
		    "  heapcore threads core.1234 --sort touched_bytes --frames 0\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&threads_shape, &frames_shape, &ended_shape),
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
