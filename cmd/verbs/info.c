/**
 * @file
 * heapcore info: what core this is, whose, and what is missing from it.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/reachability/inflight.h"
#include "cmd/render/escape.h"
#include "cmd/render/hex.h"
#include "cmd/show/owner.h"
#include "cmd/verb.h"
#include "core/heap/allocator.h"
#include "core/process/arguments.h"
#include "core/base/cleanup.h"

enum column {
	START,
	STATUS,
	BUILD_ID,
	BUILD_ID_SHORT,
	PATH,
	SIZE,
	FILE_PATH,
	EXECUTABLE,
	NUM_COLUMNS
};

static const struct hc_column columns[NUM_COLUMNS] = {
	[START] = {"start", "START", HC_CELL_ADDRESS, 0, "where it is mapped"},
	[STATUS] = {"status", "FILE", HC_CELL_TEXT, 0, "of its file"},
	[BUILD_ID] = {"build_id", "", HC_CELL_TEXT, HC_COLUMN_DATA_ONLY, "in hexadecimal"},
	[BUILD_ID_SHORT] = {"short_id", "BUILD-ID", HC_CELL_TEXT, HC_COLUMN_TEXT_ONLY,
			    "how its build-id begins"},
	[PATH] = {"path", "PATH", HC_CELL_NAME, HC_COLUMN_SHRINK, "as it was mapped"},
	[SIZE] = {"size", "", HC_CELL_BYTES, HC_COLUMN_DATA_ONLY, "address space, bytes"},
	[FILE_PATH] = {"file", "", HC_CELL_NAME, HC_COLUMN_DATA_ONLY, "that was looked at"},
	[EXECUTABLE] = {"role", "", HC_CELL_TEXT, HC_COLUMN_DATA_ONLY, "executable or library"},
};

static const struct hc_shape modules_shape = {.key = "modules", HC_COLUMNS(columns)};

static const char *status_name(enum hc_file_status status)
{
	switch (status) {
	case HC_FILE_MATCHED:
		return "found";
	case HC_FILE_NOT_FOUND:
		return "not found";
	case HC_FILE_MISMATCH:
		return "other build";
	case HC_FILE_UNVERIFIED:
		return "unverified";
	}
	return "not found";
}

static void add_module(const struct hc_session *session, struct hc_table *table,
		       const struct hc_module *module)
{
	hc_cleanup_free char *path = hc_session_mask(session, module->path);
	hc_cleanup_free char *build_id =
		hc_hex_digits((struct hc_bytes){module->build_id, module->build_id_size});

	hc_table_add_row(table);
	hc_table_number(table, START, module->start);
	hc_table_number(table, SIZE, module->end - module->start);
	hc_table_text(table, STATUS, status_name(module->status));
	hc_table_text(table, BUILD_ID, module->build_id_size ? build_id : NULL);
	if (build_id && module->build_id_size)
		hc_table_text(table, BUILD_ID_SHORT, strndupa(build_id, 12));
	hc_table_text(table, PATH, path);
	hc_table_text(table, FILE_PATH, module->file);
	hc_table_text(table, EXECUTABLE, module->executable ? "executable" : "library");
}

/** What the core should hold of the process's memory, and does not. */
struct missing {
	uint64_t kinds[HC_NUM_MAPPING_KINDS]; /**< bytes */
	uint64_t total;
};

static void count_missing(const struct hc_mappings *mappings, struct missing *ret)
{
	*ret = (struct missing){0};
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		uint64_t size = mapping->end - mapping->start;
		/* A PROT_NONE mapping has no contents that could be missing. */
		if (!mapping->flags || mapping->present >= size)
			continue;
		ret->kinds[mapping->kind] += size - mapping->present;
		ret->total += size - mapping->present;
	}
}

/**
 * "SIGSEGV (Segmentation fault) at 0x10", or NULL when no signal is known. To be freed by the
 * caller.
 */
static char *describe_signal(const struct hc_core *core)
{
	int signo = core->has_siginfo   ? core->siginfo.signo
		    : core->num_threads ? core->threads[0].signal
					: 0;
	const char *name = sigabbrev_np(signo);
	hc_cleanup_free char *detail = NULL;
	char *ret;

	/* gdb stops the process to take its core: that is no end. */
	if (!signo || (core->from_gcore && (signo == SIGSTOP || signo == SIGTRAP)))
		return NULL;
	if (core->has_siginfo && core->siginfo.has_fault_address) {
		if (asprintf(&detail, " at 0x%" PRIx64, core->siginfo.fault_address) < 0)
			return NULL;
	} else if (core->has_siginfo && core->siginfo.has_sender) {
		if (asprintf(&detail, " from pid %d, uid %d", core->siginfo.sender_pid,
			     core->siginfo.sender_uid) < 0)
			return NULL;
	}
	if (asprintf(&ret, "SIG%s (%s)%s", name ? name : "?", strsignal(signo),
		     detail ? detail : "") < 0)
		return NULL;
	return ret;
}

static void describe_writer(const struct hc_core *core, struct hc_document *doc)
{
	if (core->from_gcore || core->more_notes) {
		hc_fact(doc, "written_by", "written by",
			core->from_gcore ? hc_cell_term("gcore", "gcore (gdb), from a live process")
					 : hc_cell_term("kernel", "the kernel"));
		return;
	}
	hc_fact(doc, "written_by", NULL, hc_cell_unknown());
	hc_fact(doc, NULL, "written by",
		hc_cell_text("unknown: the core has no note that only the kernel or gdb writes"));
}

/** Columns of a command line in text; JSON has all of it. */
#define MAX_COMMAND_COLUMNS 512

static void describe_process(const struct hc_process *process, const char *command_line,
			     struct hc_document *doc)
{
	const struct hc_core *core = process->core;
	hc_cleanup_free char *signal = describe_signal(core);
	const char *name = core->has_prpsinfo ? core->prpsinfo.name : NULL;
	struct hc_cell pid = name ? hc_cell_number(core->prpsinfo.pid) : hc_cell_unknown();

	hc_begin_object(doc, "process", HC_CONTENT_NONE);
	hc_fact(doc, "name", NULL, hc_cell_name(name));
	hc_fact(doc, "pid", NULL, pid);
	hc_fact(doc, NULL, "program",
		name ? HC_PHRASE(doc, "{}, pid {}", hc_cell_name(name), pid)
		     : hc_cell_text("unknown: the core has no NT_PRPSINFO note"));
	hc_fact(doc, "command", NULL, hc_cell_name(command_line));
	if (command_line) {
		hc_cleanup_free char *command = hc_escape(
			(struct hc_bytes){(const uint8_t *)command_line, strlen(command_line)},
			MAX_COMMAND_COLUMNS, HC_ESCAPE_UTF8);
		hc_fact(doc, NULL, "command line", hc_cell_name(command));
	}
	hc_fact(doc, "signal", NULL, hc_cell_name(signal));
	hc_fact(doc, NULL, "signal",
		hc_cell_name(signal                                   ? signal
			     : core->num_threads || core->has_siginfo ? "none"
								      : "unknown"));
	hc_fact(doc, "machine", "machine", hc_cell_text(core->machine->name));
	hc_fact(doc, "threads", "threads", hc_cell_number(process->threads.num));
	describe_writer(core, doc);
	hc_end(doc);
}

/** Inconsistencies that are listed in text; JSON has them all, and so has check. */
#define MAX_DAMAGE 10

/** Threads that were at work in the allocator; those that only wait there have no part in it. */
static void describe_inside(const struct hc_inflight *inflight, struct hc_document *doc)
{
	struct hc_cell list = hc_cell_unknown();

	hc_begin_array(doc, "inside_malloc", HC_CONTENT_NONE);
	for (size_t i = 0; i < inflight->num_inside; i++) {
		struct hc_cell thread = hc_cell_number(inflight->inside[i].thread->lwp);

		if (!inflight->inside[i].writes)
			continue;
		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		hc_fact(doc, "thread", NULL, thread);
		hc_end(doc);
		list = hc_phrase_join(doc, list, ", ", HC_PHRASE(doc, "thread {}", thread));
	}
	hc_end(doc);
	if (list.kind != HC_CELL_UNKNOWN)
		hc_fact(doc, NULL, "in malloc", list);
}

static void describe_damage(const struct hc_heap *heap, const struct hc_inflight *inflight,
			    struct hc_document *doc)
{
	uint64_t total = heap->inconsistencies_total;

	describe_inside(inflight, doc);
	hc_fact(doc, "inconsistencies_total", NULL, hc_cell_count(total));
	if (hc_inflight_explains_all(inflight, heap))
		hc_fact(doc, NULL, "half written",
			HC_PHRASE(doc, "{} place{} there, which is no damage", hc_cell_count(total),
				  hc_cell_plural(total)));
	else if (total)
		hc_fact(doc, NULL, "damage",
			HC_PHRASE(doc, "{} inconsistenc{} in the heap", hc_cell_count(total),
				  hc_cell_text(total == 1 ? "y" : "ies")));
	hc_begin_array(doc, "inconsistencies", HC_CONTENT_NONE);
	for (size_t i = 0; i < heap->num_inconsistencies; i++) {
		const struct hc_inconsistency *fault = &heap->inconsistencies[i];
		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		hc_fact(doc, "address", NULL, hc_cell_address(fault->address));
		hc_fact(doc, "what", NULL, hc_cell_name(fault->what));
		hc_end(doc);
		if (i < MAX_DAMAGE)
			hc_fact(doc, NULL, "",
				HC_PHRASE(doc, "{}: {}", hc_cell_address(fault->address),
					  hc_cell_name(fault->what)));
	}
	hc_end(doc);
}

/** Facts of one allocator, for the object that is open. */
static void describe_allocator(const struct hc_backend *backend, struct hc_document *doc)
{
	const struct hc_heap_evidence *evidence = &backend->evidence;
	struct hc_cell source = hc_cell_name(evidence->version_source);
	struct hc_cell version = hc_cell_name(evidence->version ? evidence->version : "unknown");

	hc_fact(doc, "allocator", "allocator", hc_cell_text(backend->allocator->name));
	hc_fact(doc, "version", NULL, hc_cell_name(evidence->version));
	hc_fact(doc, "version_source", NULL, source);
	hc_fact(doc, NULL, backend->allocator->library,
		evidence->version_source ? HC_PHRASE(doc, "{}: {}", version, source) : version);
	hc_fact(doc, "layout", NULL, hc_cell_name(evidence->layout));
	hc_fact(doc, NULL, "layout",
		HC_PHRASE(doc, "{}, confidence {} %",
			  hc_cell_name(evidence->layout ? evidence->layout : "unknown"),
			  hc_cell_number(evidence->confidence)));
	hc_fact(doc, "evidence", NULL, hc_cell_name(evidence->how));
	hc_fact(doc, NULL, "evidence", hc_cell_name(evidence->how ? evidence->how : "none"));
	hc_fact(doc, "confidence", NULL, hc_cell_number(evidence->confidence));
}

/** Allocators beside the first one. */
static void describe_others(const struct hc_heap *heap, struct hc_document *doc)
{
	if (heap->num_backends < 2)
		return;
	hc_begin_array(doc, "others", HC_CONTENT_NONE);
	for (size_t i = 1; i < heap->num_backends; i++) {
		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		describe_allocator(heap->backends[i], doc);
		hc_end(doc);
	}
	hc_end(doc);
}

static void describe_heap(const struct hc_session *session, const struct hc_inflight *inflight,
			  struct hc_document *doc)
{
	const struct hc_heap *heap = session->target->heap;

	if (!heap) {
		hc_fact(doc, "heap", NULL, hc_cell_unknown());
		hc_fact(doc, NULL, "heap", hc_cell_name(hc_session_no_heap(session)));
		return;
	}
	hc_begin_object(doc, "heap", HC_CONTENT_NONE);
	describe_allocator(heap->backends[0], doc);
	describe_others(heap, doc);
	hc_fact(doc, "arenas", "arenas", hc_cell_number(heap->num_arenas));
	describe_damage(heap, inflight, doc);
	hc_end(doc);
}

static void describe_missing(const struct missing *missing, struct hc_document *doc)
{
	hc_begin_object(doc, "missing", HC_CONTENT_NONE);
	hc_fact(doc, "total", NULL, hc_cell_bytes(missing->total));
	hc_fact(doc, NULL, "missing",
		missing->total
			? HC_PHRASE(doc, "{} of the mapped memory", hc_cell_bytes(missing->total))
			: hc_cell_text("nothing"));
	hc_begin_object(doc, "kinds", HC_CONTENT_NONE);
	for (enum hc_mapping_kind kind = 0; kind < HC_NUM_MAPPING_KINDS; kind++) {
		if (!missing->kinds[kind])
			continue;
		struct hc_cell bytes = hc_cell_bytes(missing->kinds[kind]);
		hc_fact(doc, hc_mapping_kind_name(kind), NULL, bytes);
		hc_fact(doc, NULL, "",
			HC_PHRASE(doc, "{}: {}", hc_cell_text(hc_mapping_kind_title(kind)), bytes));
	}
	hc_end(doc);
	hc_end(doc);
}

static void describe_memory(const struct hc_core *core, const struct missing *missing,
			    struct hc_document *doc)
{
	bool all = core->bytes_available == core->bytes_promised;

	hc_fact(doc, "segments", NULL, hc_cell_count(core->num_segments));
	hc_fact(doc, "dumped_bytes", NULL, hc_cell_bytes(core->bytes_promised));
	hc_fact(doc, "available_bytes", NULL, hc_cell_bytes(core->bytes_available));
	hc_fact(doc, NULL, "memory",
		HC_PHRASE(doc, "{} in {} segment{}, {} of it in the file",
			  hc_cell_bytes(core->bytes_promised), hc_cell_count(core->num_segments),
			  hc_cell_plural(core->num_segments),
			  all ? hc_cell_text("all") : hc_cell_bytes(core->bytes_available)));
	describe_missing(missing, doc);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup_document struct hc_document doc;
	hc_cleanup(hc_owners_deinit) struct hc_owners owners = {0};
	hc_cleanup(hc_inflight_deinit) struct hc_inflight inflight = {0};
	hc_cleanup_free char *command_line = NULL, *shown = NULL;
	struct missing missing;

	hc_document_init(&doc);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (err || (err = hc_command_line(session->target->process, &command_line)) ||
	    (err = hc_owners_run(session->target->process, session->target->heap, &owners)))
		return err;
	if (session->target->heap &&
	    (err = hc_inflight_find(session->target->heap, &inflight)) != NULL)
		return err;
	const struct hc_process *process = session->target->process;
	count_missing(&process->mappings, &missing);
	hc_session_begin(session, &doc);
	shown = hc_session_mask(session, command_line);
	describe_process(process, shown, &doc);
	describe_heap(session, &inflight, &doc);
	hc_fact(&doc, NULL, "outside", hc_owners_phrase(&owners, &doc));
	hc_fact(&doc, "no_heap", NULL, hc_cell_name(hc_session_no_heap(session)));
	hc_fact(&doc, "no_heap_reason", NULL, hc_cell_text(hc_session_absence(session)));
	describe_memory(process->core, &missing, &doc);
	hc_owners_describe(&owners, &doc);
	HC_HEADING(&doc, "Modules");
	struct hc_table *modules = hc_add_table(&doc, &modules_shape);
	for (size_t i = 0; i < process->modules.num; i++)
		add_module(session, modules, &process->modules.items[i]);
	return hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_info = {
	.name = "info",
	.arguments = "CORE",
	.summary = "process, signal, glibc and how it is known, what is missing",
	.description = "Shows whose core this is, how it ended, which glibc it ran and how that is "
		       "known, its "
		       "modules and whether their files were found, and what the core lacks.",
	.examples = "  heapcore info core.1234\n"
		    "  heapcore info core.1234 --sysroot /srv/image --format json\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&modules_shape),
	.run = run,
};
