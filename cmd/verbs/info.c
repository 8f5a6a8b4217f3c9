/**
 * @file
 * heapcore info: what core this is, whose, and what is missing from it.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
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
	[START] = {"start", "START", HC_COLUMN_ADDRESS},
	[SIZE] = {"size", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[STATUS] = {"status", "FILE", HC_COLUMN_TEXT},
	[BUILD_ID] = {"build_id", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[BUILD_ID_SHORT] = {"", "BUILD-ID", HC_COLUMN_TEXT, HC_COLUMN_TEXT_ONLY},
	[PATH] = {"path", "PATH", HC_COLUMN_TEXT, HC_COLUMN_SHRINK},
	[FILE_PATH] = {"file", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[EXECUTABLE] = {"role", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
};

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

static void add_module(struct hc_table *table, const struct hc_module *module)
{
	char build_id[2 * sizeof(module->build_id) + 1] = "";

	for (size_t i = 0; i < module->build_id_size; i++)
		sprintf(build_id + 2 * i, "%02x", module->build_id[i]);
	hc_table_add_row(table);
	hc_table_number(table, START, module->start);
	hc_table_number(table, SIZE, module->end - module->start);
	hc_table_text(table, STATUS, status_name(module->status));
	hc_table_text(table, BUILD_ID, module->build_id_size ? build_id : NULL);
	if (module->build_id_size)
		hc_table_format(table, BUILD_ID_SHORT, "%.12s", build_id);
	hc_table_text(table, PATH, module->path);
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

static const char *origin(const struct hc_core *core)
{
	return core->from_gcore ? "gcore (gdb), from a live process" : "the kernel";
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

/** Columns of a command line in text; JSON has all of it. */
#define MAX_COMMAND_COLUMNS 512

static void write_process(struct hc_session *session, const char *command_line)
{
	const struct hc_core *core = session->target->process->core;
	struct hc_output *out = &session->out;
	hc_cleanup_free char *signal = describe_signal(core);

	if (core->has_prpsinfo) {
		hc_cleanup_free char *name = hc_escape_string(core->prpsinfo.name, 0);
		hc_text_field(out, "program", "%s, pid %d", name ? name : "", core->prpsinfo.pid);
	} else {
		hc_text_field(out, "program", "unknown: the core has no NT_PRPSINFO note");
	}
	if (command_line) {
		hc_cleanup_free char *command = hc_escape(
			(struct hc_bytes){(const uint8_t *)command_line, strlen(command_line)},
			MAX_COMMAND_COLUMNS, out->utf8 ? HC_ESCAPE_UTF8 : 0);
		hc_text_field(out, "command line", "%s", command ? command : "");
	}
	hc_text_field(out, "signal", "%s", signal ? signal : "none");
	hc_text_field(out, "machine", "%s", core->machine->name);
	hc_text_field(out, "threads", "%zu", session->target->process->threads.num);
	hc_text_field(out, "written by", "%s", origin(core));
}

static void write_allocator(struct hc_output *out, const struct hc_backend *backend)
{
	const struct hc_heap_evidence *evidence = &backend->evidence;

	hc_text_field(out, "allocator", "%s", backend->allocator->name);
	hc_text_field(out, backend->allocator->library, "%s%s%s",
		      evidence->version ? evidence->version : "unknown",
		      evidence->version_source ? ": " : "",
		      evidence->version_source ? evidence->version_source : "");
	hc_text_field(out, "layout", "%s, confidence %u %%",
		      evidence->layout ? evidence->layout : "unknown", evidence->confidence);
	hc_text_field(out, "evidence", "%s", evidence->how ? evidence->how : "none");
}

static void write_heap(struct hc_session *session)
{
	struct hc_output *out = &session->out;
	const struct hc_heap *heap = session->target->heap;

	if (!heap) {
		hc_text_field(out, "heap", "%s", hc_session_no_heap(session));
		return;
	}
	for (size_t i = 0; i < heap->num_backends; i++)
		write_allocator(out, heap->backends[i]);
	hc_text_field(out, "arenas", "%zu", heap->num_arenas);
	if (heap->inconsistencies_total)
		hc_text_field(out, "damage", "%s inconsistenc%s in the heap",
			      hc_unit_count(heap->inconsistencies_total).text,
			      heap->inconsistencies_total == 1 ? "y" : "ies");
	for (size_t i = 0; i < heap->num_inconsistencies && i < 10; i++)
		hc_text_field(out, "", "0x%" PRIx64 ": %s", heap->inconsistencies[i].address,
			      heap->inconsistencies[i].what);
}

static void write_missing(struct hc_session *session, const struct missing *missing)
{
	const struct hc_core *core = session->target->process->core;
	struct hc_output *out = &session->out;

	hc_text_field(out, "memory", "%s in %zu segments, %s of it in the file",
		      hc_unit_bytes(core->bytes_promised).text, core->num_segments,
		      core->bytes_available == core->bytes_promised
			      ? "all"
			      : hc_unit_bytes(core->bytes_available).text);
	if (!missing->total)
		hc_text_field(out, "missing", "nothing");
	else
		hc_text_field(out, "missing", "%s of the mapped memory",
			      hc_unit_bytes(missing->total).text);
	for (enum hc_mapping_kind kind = 0; kind < HC_NUM_MAPPING_KINDS; kind++) {
		if (missing->kinds[kind])
			hc_text_field(out, "", "%s: %s", hc_mapping_kind_title(kind),
				      hc_unit_bytes(missing->kinds[kind]).text);
	}
}

static void write_owners(struct hc_session *session, const struct hc_owners *owners)
{
	hc_cleanup_free char *line = hc_owners_line(owners);

	if (line)
		hc_text_field(&session->out, "outside", "%s", line);
}

static struct hc_error *write_text(struct hc_session *session, const struct hc_table *modules,
				   const struct missing *missing, const char *command_line,
				   const struct hc_owners *owners)
{
	hc_session_write_partial(session);
	write_process(session, command_line);
	write_heap(session);
	write_owners(session, owners);
	write_missing(session, missing);
	hc_text_heading(&session->out, "Modules");
	return hc_table_write_text(modules, &session->out, 0);
}

static json_t *process_json(const struct hc_process *process, const char *command_line)
{
	const struct hc_core *core = process->core;
	hc_cleanup_free char *signal = describe_signal(core);
	json_t *ret = json_object();

	json_object_set_new(ret, "name",
			    hc_json_text(core->has_prpsinfo ? core->prpsinfo.name : NULL));
	json_object_set_new(ret, "pid",
			    core->has_prpsinfo ? json_integer(core->prpsinfo.pid) : json_null());
	json_object_set_new(ret, "command", hc_json_text(command_line));
	json_object_set_new(ret, "signal", hc_json_text(signal));
	json_object_set_new(ret, "machine", json_string(core->machine->name));
	json_object_set_new(ret, "threads", hc_json_number(process->threads.num));
	json_object_set_new(ret, "written_by", json_string(core->from_gcore ? "gcore" : "kernel"));
	return ret;
}

static json_t *allocator_json(const struct hc_backend *backend)
{
	const struct hc_heap_evidence *evidence = &backend->evidence;

	return json_pack("{ss so so so so si}", "allocator", backend->allocator->name, "version",
			 hc_json_text(evidence->version), "version_source",
			 hc_json_text(evidence->version_source), "layout",
			 hc_json_text(evidence->layout), "evidence", hc_json_text(evidence->how),
			 "confidence", (int)evidence->confidence);
}

static json_t *heap_json(const struct hc_heap *heap)
{
	if (!heap)
		return json_null();
	json_t *damage = json_array();
	for (size_t i = 0; i < heap->num_inconsistencies; i++)
		json_array_append_new(
			damage, json_pack("{so so}", "address",
					  hc_json_address(heap->inconsistencies[i].address), "what",
					  hc_json_text(heap->inconsistencies[i].what)));
	json_t *ret = allocator_json(heap->backends[0]);
	json_object_set_new(ret, "arenas", hc_json_number(heap->num_arenas));
	json_object_set_new(ret, "inconsistencies_total",
			    hc_json_number(heap->inconsistencies_total));
	json_object_set_new(ret, "inconsistencies", damage);
	if (heap->num_backends > 1) {
		json_t *others = json_array();

		for (size_t i = 1; i < heap->num_backends; i++)
			json_array_append_new(others, allocator_json(heap->backends[i]));
		json_object_set_new(ret, "others", others);
	}
	return ret;
}

static json_t *missing_json(const struct missing *missing)
{
	json_t *kinds = json_object();

	for (enum hc_mapping_kind kind = 0; kind < HC_NUM_MAPPING_KINDS; kind++) {
		if (missing->kinds[kind])
			json_object_set_new(kinds, hc_mapping_kind_name(kind),
					    hc_json_number(missing->kinds[kind]));
	}
	return json_pack("{so so}", "total", hc_json_number(missing->total), "kinds", kinds);
}

static struct hc_error *write_json(struct hc_session *session, const struct hc_table *modules,
				   const struct missing *missing, const char *command_line,
				   const struct hc_owners *owners)
{
	const struct hc_core *core = session->target->process->core;
	hc_cleanup_json json_t *document = hc_session_json(session);
	json_t *rows;
	struct hc_error *err = hc_table_json(modules, &rows);

	if (err)
		return err;
	json_object_set_new(document, "process",
			    process_json(session->target->process, command_line));
	json_object_set_new(document, "heap", heap_json(session->target->heap));
	json_object_set_new(document, "no_heap", hc_json_text(hc_session_no_heap(session)));
	json_object_set_new(document, "segments", hc_json_number(core->num_segments));
	json_object_set_new(document, "dumped_bytes", hc_json_number(core->bytes_promised));
	json_object_set_new(document, "available_bytes", hc_json_number(core->bytes_available));
	json_object_set_new(document, "missing", missing_json(missing));
	json_object_set_new(document, "owners", hc_owners_json(session, owners));
	json_object_set_new(document, "modules", rows);
	return hc_json_write(&session->out, document);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup_table struct hc_table modules;
	hc_cleanup(hc_owners_deinit) struct hc_owners owners = {0};
	hc_cleanup_free char *command_line = NULL;
	struct missing missing;

	hc_table_init(&modules, columns, NUM_COLUMNS);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (err || (err = hc_command_line(session->target->process, &command_line)) ||
	    (err = hc_owners_run(session->target->process, session->target->heap, &owners)))
		return err;
	for (size_t i = 0; i < session->target->process->modules.num; i++)
		add_module(&modules, &session->target->process->modules.items[i]);
	count_missing(&session->target->process->mappings, &missing);
	return session->options->format == HC_FORMAT_JSON
		       ? write_json(session, &modules, &missing, command_line, &owners)
		       : write_text(session, &modules, &missing, command_line, &owners);
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
	.formats = HC_FORMATS_TREE,
	.run = run,
};
