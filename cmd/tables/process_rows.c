/**
 * @file
 * Small tables of what was read: the process, its mappings, modules, threads and arenas.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analyzers/counts/arenas.h"
#include "analyzers/inspect/thread_table.h"
#include "analyzers/types/demangle.h"
#include "cmd/render/hex.h"
#include "cmd/tables/tables.h"
#include "core/base/cleanup.h"
#include "core/process/arguments.h"

/** NULL where it is not known. @return to be freed */
static char *build_id_of(const struct hc_module *module)
{
	return module && module->build_id_size
		       ? hc_hex_digits((struct hc_bytes){module->build_id, module->build_id_size})
		       : NULL;
}

/** What is foreign, and may hold a secret. */
static void put_masked(const struct hc_tables *tables, struct hc_table *table, unsigned column,
		       const char *text)
{
	hc_cleanup_free char *masked = hc_session_mask(tables->session, text);

	hc_table_text(table, column, masked);
}

/** @name The process */
/**@{*/

enum process_column {
	CORE,
	PROGRAM,
	PID,
	COMMAND,
	MACHINE,
	SIGNAL,
	BUILD_ID,
	HOST,
	SERVICE,
	TIME,
	LIBRARY,
	NO_HEAP,
	THREADS,
	DUMPED,
	AVAILABLE,
	PARTIAL,
	CONTENT,
	VERSION,
	NUM_PROCESS_COLUMNS
};

static const struct hc_column process_columns[NUM_PROCESS_COLUMNS] = {
	[CORE] = {"core", "CORE", HC_CELL_NAME, 0, "path of the core, as it was given"},
	[PROGRAM] = {"program", "PROGRAM", HC_CELL_NAME, 0, "name of the program"},
	[PID] = {"pid", "PID", HC_CELL_NUMBER, 0, "process id"},
	[COMMAND] = {"command_line", "COMMAND", HC_CELL_NAME, 0, "arguments, secrets masked"},
	[MACHINE] = {"machine", "MACHINE", HC_CELL_TEXT, 0, "architecture"},
	[SIGNAL] = {"signal", "SIGNAL", HC_CELL_NUMBER, 0, "that ended it; 0: none"},
	[BUILD_ID] = {"build_id", "BUILD-ID", HC_CELL_TEXT, 0, "of the program, in hexadecimal"},
	[HOST] = {"host", "HOST", HC_CELL_NAME, 0, "as --host says"},
	[SERVICE] = {"service", "SERVICE", HC_CELL_NAME, 0, "as --service says, or the program"},
	[TIME] = {"time", "TIME", HC_CELL_NUMBER, 0,
		  "seconds since 1970, as --time says, or when the core was last written"},
	[LIBRARY] = {"glibc", "GLIBC", HC_CELL_NAME, 0, "release of the allocator"},
	[NO_HEAP] = {"no_heap", "NO HEAP", HC_CELL_NAME, 0, "why there are no chunks"},
	[THREADS] = {"threads", "THREADS", HC_CELL_COUNT, 0, "threads in the core"},
	[DUMPED] = {"dumped_bytes", "DUMPED", HC_CELL_BYTES, 0, "that the core should have"},
	[AVAILABLE] = {"available_bytes", "AVAILABLE", HC_CELL_BYTES, 0, "that it has"},
	[PARTIAL] = {"partial", "PARTIAL", HC_CELL_BOOL, 0,
		     "the core is cut short or damaged: rows may be missing"},
	[CONTENT] = {"content", "CONTENT", HC_CELL_TEXT, 0, "what --content allowed"},
	[VERSION] = {"heapcore", "HEAPCORE", HC_CELL_TEXT, 0, "version that made the tables"},
};

const struct hc_shape hc_process_shape = {
	.key = "process", .name = "process", HC_COLUMNS(process_columns)};

static const char *program_name(const struct hc_process *process)
{
	const struct hc_module *program = hc_modules_program(&process->modules);

	if (program && program->path)
		return hc_base_name(program->path);
	return process->core->has_prpsinfo && *process->core->prpsinfo.name
		       ? process->core->prpsinfo.name
		       : NULL;
}

static void put_labels(const struct hc_tables *tables, struct hc_table *table)
{
	const struct hc_process *process = tables->session->target->process;
	const struct hc_labels *labels = &tables->labels;
	struct stat st;

	hc_table_text(table, HOST, labels->host);
	hc_table_text(table, SERVICE, labels->service ? labels->service : program_name(process));
	if (labels->time)
		hc_table_number(table, TIME, labels->time);
	else if (!stat(process->core->path, &st) && S_ISREG(st.st_mode) && st.st_mtime > 0)
		hc_table_number(table, TIME, st.st_mtime);
}

static void put_core(const struct hc_tables *tables, struct hc_table *table)
{
	const struct hc_session *session = tables->session;
	const struct hc_core *core = session->target->process->core;

	hc_table_text(table, CORE, session->options->core);
	hc_table_text(table, MACHINE, core->machine->name);
	if (core->has_prpsinfo)
		hc_table_number(table, PID, core->prpsinfo.pid);
	hc_table_number(table, DUMPED, core->bytes_promised);
	hc_table_number(table, AVAILABLE, core->bytes_available);
	hc_table_number(table, PARTIAL, hc_session_partial(session));
	hc_table_text(table, CONTENT, hc_content_name(session->options->content));
	hc_table_text(table, VERSION, HC_VERSION);
}

static struct hc_error *fill_process(struct hc_tables *tables, struct hc_table *table)
{
	const struct hc_session *session = tables->session;
	const struct hc_process *process = session->target->process;
	const struct hc_heap *heap = session->target->heap;
	hc_cleanup_free char *build_id = build_id_of(hc_modules_program(&process->modules));
	hc_cleanup_free char *command = NULL;
	struct hc_error *err = hc_command_line(process, &command);

	if (err)
		return err;
	hc_table_add_row(table);
	put_core(tables, table);
	put_labels(tables, table);
	hc_table_text(table, PROGRAM, program_name(process));
	put_masked(tables, table, COMMAND, command);
	hc_table_text(table, BUILD_ID, build_id);
	if (process->threads.num)
		hc_table_number(table, SIGNAL, process->threads.items[0].signal);
	hc_table_text(table, LIBRARY, heap ? heap->backends[0]->evidence.version : NULL);
	hc_table_text(table, NO_HEAP, hc_session_no_heap(session));
	hc_table_number(table, THREADS, process->threads.num);
	return NULL;
}

const struct hc_relation hc_process_relation = {
	.shape = &hc_process_shape,
	.help = "one row: whose core this is",
	.fill = fill_process,
};
/**@}*/

/** @name Mappings */
/**@{*/

enum mapping_column {
	MAP_ADDRESS,
	MAP_SIZE,
	MAP_KIND,
	MAP_PERMS,
	MAP_ANONYMOUS,
	MAP_PRESENT,
	MAP_RESIDENT,
	MAP_PATH,
	MAP_OFFSET,
	MAP_NOTE,
	NUM_MAPPING_COLUMNS
};

static const struct hc_column mapping_columns[NUM_MAPPING_COLUMNS] = {
	[MAP_ADDRESS] = {"address", "ADDRESS", HC_CELL_ADDRESS, 0, "its first byte"},
	[MAP_SIZE] = {"size", "SIZE", HC_CELL_BYTES, 0, "address space"},
	[MAP_KIND] = {"kind", "KIND", HC_CELL_TEXT, 0, "what it is for, as maps calls it"},
	[MAP_PERMS] = {"permissions", "PERM", HC_CELL_TEXT, 0, "rwxp, as in /proc/PID/maps"},
	[MAP_ANONYMOUS] = {"anonymous", "ANON", HC_CELL_BOOL, 0,
			   "private and not backed by a file"},
	[MAP_PRESENT] = {"present_bytes", "PRESENT", HC_CELL_BYTES, 0, "that can be read"},
	[MAP_RESIDENT] = {"resident_bytes", "RESIDENT", HC_CELL_BYTES, 0, "with --smaps only"},
	[MAP_PATH] = {"path", "PATH", HC_CELL_NAME, 0, "of its file"},
	[MAP_OFFSET] = {"file_offset", "OFFSET", HC_CELL_COUNT, 0, "into the file, bytes"},
	[MAP_NOTE] = {"note", "NOTE", HC_CELL_NAME, 0, "whose it is"},
};

const struct hc_shape hc_mappings_shape = {
	.key = "mappings", .name = "mappings", HC_COLUMNS(mapping_columns)};

static struct hc_error *fill_mappings(struct hc_tables *tables, struct hc_table *table)
{
	const struct hc_mappings *mappings = &tables->session->target->process->mappings;

	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		char perms[5];

		hc_table_add_row(table);
		hc_table_number(table, MAP_ADDRESS, mapping->start);
		hc_table_number(table, MAP_SIZE, mapping->end - mapping->start);
		hc_table_text(table, MAP_KIND, hc_mapping_kind_name(mapping->kind));
		hc_table_text(table, MAP_PERMS, hc_mapping_permissions(mapping, perms));
		hc_table_number(table, MAP_ANONYMOUS, mapping->anonymous);
		hc_table_number(table, MAP_PRESENT, mapping->present);
		if (mapping->resident != HC_UNKNOWN_BYTES)
			hc_table_number(table, MAP_RESIDENT, mapping->resident);
		put_masked(tables, table, MAP_PATH, mapping->path);
		if (mapping->path)
			hc_table_number(table, MAP_OFFSET, mapping->offset);
		hc_table_text(table, MAP_NOTE, mapping->note);
	}
	return NULL;
}

const struct hc_relation hc_mappings_relation = {
	.shape = &hc_mappings_shape,
	.help = "what the address space is divided into",
	.fill = fill_mappings,
};
/**@}*/

/** @name Modules */
/**@{*/

enum module_column {
	MOD_ADDRESS,
	MOD_SIZE,
	MOD_EXECUTABLE,
	MOD_BUILD_ID,
	MOD_PATH,
	MOD_FILE,
	NUM_MODULE_COLUMNS
};

static const struct hc_column module_columns[NUM_MODULE_COLUMNS] = {
	[MOD_ADDRESS] = {"address", "ADDRESS", HC_CELL_ADDRESS, 0, "where it is mapped"},
	[MOD_SIZE] = {"size", "SIZE", HC_CELL_BYTES, 0, "address space"},
	[MOD_EXECUTABLE] = {"executable", "PROGRAM", HC_CELL_BOOL, 0,
			    "the program itself, no library"},
	[MOD_BUILD_ID] = {"build_id", "BUILD-ID", HC_CELL_TEXT, 0, "in hexadecimal"},
	[MOD_PATH] = {"path", "PATH", HC_CELL_NAME, 0, "as it was mapped"},
	[MOD_FILE] = {"file", "FILE", HC_CELL_NAME, 0, "that was looked at"},
};

const struct hc_shape hc_modules_shape = {
	.key = "modules", .name = "modules", HC_COLUMNS(module_columns)};

static struct hc_error *fill_modules(struct hc_tables *tables, struct hc_table *table)
{
	const struct hc_modules *modules = &tables->session->target->process->modules;

	for (size_t i = 0; i < modules->num; i++) {
		const struct hc_module *module = &modules->items[i];
		hc_cleanup_free char *build_id = build_id_of(module);

		hc_table_add_row(table);
		hc_table_number(table, MOD_ADDRESS, module->start);
		hc_table_number(table, MOD_SIZE, module->end - module->start);
		hc_table_number(table, MOD_EXECUTABLE, module->executable);
		hc_table_text(table, MOD_BUILD_ID, build_id);
		put_masked(tables, table, MOD_PATH, module->path);
		hc_table_text(table, MOD_FILE, module->file);
	}
	return NULL;
}

const struct hc_relation hc_modules_relation = {
	.shape = &hc_modules_shape,
	.help = "the program and its libraries",
	.fill = fill_modules,
};
/**@}*/

/** @name Threads */
/**@{*/

enum thread_column {
	THR_ID,
	THR_MAIN,
	THR_ARENA,
	THR_STACK,
	THR_TOUCHED,
	THR_LIVE,
	THR_CACHE,
	THR_PC,
	THR_SP,
	THR_ENTRY,
	THR_FUNCTION,
	NUM_THREAD_COLUMNS
};

static const struct hc_column thread_columns[NUM_THREAD_COLUMNS] = {
	[THR_ID] = {"thread", "TID", HC_CELL_NUMBER, 0, "number of the kernel's"},
	[THR_MAIN] = {"main", "MAIN", HC_CELL_BOOL, 0, "the process began with it"},
	[THR_ARENA] = {"arena", "ARENA", HC_CELL_ARENA, 0, "that it allocates from"},
	[THR_STACK] = {"stack_bytes", "STACK", HC_CELL_BYTES, 0,
		       "address space of its stack, guard included"},
	[THR_TOUCHED] = {"touched_bytes", "TOUCHED", HC_CELL_BYTES, 0,
			 "of the stack, in pages that are not all zero"},
	[THR_LIVE] = {"live_bytes", "LIVE", HC_CELL_BYTES, 0,
		      "from the stack pointer to the stack's end"},
	[THR_CACHE] = {"cache_bytes", "CACHE", HC_CELL_BYTES, 0,
		       "of free chunks that it keeps for itself"},
	[THR_PC] = {"pc", "PC", HC_CELL_ADDRESS, 0, "program counter"},
	[THR_SP] = {"sp", "SP", HC_CELL_ADDRESS, 0, "stack pointer"},
	[THR_ENTRY] = {"entry", "BEGAN IN", HC_CELL_NAME, 0, "function that it began in"},
	[THR_FUNCTION] = {"function", "IS IN", HC_CELL_NAME, 0, "the innermost with a name"},
};

const struct hc_shape hc_threads_shape = {
	.key = "threads", .name = "threads", HC_COLUMNS(thread_columns)};

static char *function_of(const struct hc_thread_call *call)
{
	return call->function ? hc_demangle_function(call->function, true) : NULL;
}

static void add_thread(struct hc_table *table, const struct hc_thread_row *row)
{
	hc_cleanup_free char *entry =
		row->entry < row->num_calls ? function_of(&row->calls[row->entry]) : NULL;
	hc_cleanup_free char *function = NULL;

	for (size_t i = 0; i < row->num_calls && !function; i++)
		function = function_of(&row->calls[i]);
	hc_table_add_row(table);
	hc_table_number(table, THR_ID, row->thread->lwp);
	hc_table_number(table, THR_MAIN, row->thread->main);
	if (row->arena != HC_ARENA_MMAP)
		hc_table_number(table, THR_ARENA, row->arena);
	if (row->reserved) {
		hc_table_number(table, THR_STACK, row->reserved);
		hc_table_number(table, THR_TOUCHED, row->touched);
	}
	if (row->live)
		hc_table_number(table, THR_LIVE, row->live);
	if (row->cache && row->cache->known)
		hc_table_number(table, THR_CACHE, row->cache->bytes);
	hc_table_number(table, THR_PC, row->thread->pc);
	hc_table_number(table, THR_SP, row->thread->sp);
	hc_table_text(table, THR_ENTRY, entry);
	hc_table_text(table, THR_FUNCTION, function);
}

static struct hc_error *fill_threads(struct hc_tables *tables, struct hc_table *table)
{
	hc_cleanup(hc_thread_table_deinit) struct hc_thread_table threads = {0};
	struct hc_error *err = hc_thread_table_run(tables->session->target, &threads);

	for (size_t i = 0; !err && i < threads.num; i++)
		add_thread(table, &threads.rows[i]);
	return err;
}

const struct hc_relation hc_threads_relation = {
	.shape = &hc_threads_shape,
	.help = "threads, and what each has of stack and heap",
	.fill = fill_threads,
};
/**@}*/

/** @name Arenas */
/**@{*/

enum arena_column {
	AR_ARENA,
	AR_ADDRESS,
	AR_SYSTEM,
	AR_IN_USE_CHUNKS,
	AR_IN_USE,
	AR_FREE,
	AR_TOP,
	AR_FRAGMENTATION,
	AR_TRIMMABLE,
	AR_THREADS,
	NUM_ARENA_COLUMNS
};

static const struct hc_column arena_columns[NUM_ARENA_COLUMNS] = {
	[AR_ARENA] = {"arena", "ARENA", HC_CELL_ARENA, 0,
		      "number, 0 is the main arena; mmap: chunks with a mapping of their own"},
	[AR_ADDRESS] = {"address", "ADDRESS", HC_CELL_ADDRESS, 0, "of the allocator's struct"},
	[AR_SYSTEM] = {"system_bytes", "SYSTEM", HC_CELL_BYTES, 0, "that it got"},
	[AR_IN_USE_CHUNKS] = {"in_use_chunks", "CHUNKS", HC_CELL_COUNT, 0, "chunks in use"},
	[AR_IN_USE] = {"in_use_bytes", "IN USE", HC_CELL_BYTES, 0, "of chunks in use"},
	[AR_FREE] = {"free_bytes", "FREE", HC_CELL_BYTES, 0,
		     "as malloc_info(3) counts: bins and top, not tcache"},
	[AR_TOP] = {"top_bytes", "TOP", HC_CELL_BYTES, 0, "of the top chunk"},
	[AR_FRAGMENTATION] = {"fragmentation", "FRAG", HC_CELL_SHARE, 0,
			      "1 - largest binned chunk / all binned bytes"},
	[AR_TRIMMABLE] = {"trimmable_bytes", "TRIM", HC_CELL_BYTES, 0,
			  "that malloc_trim(3) could give back"},
	[AR_THREADS] = {"threads", "THREADS", HC_CELL_COUNT, 0, "that allocate from it"},
};

const struct hc_shape hc_arenas_shape = {
	.key = "arenas", .name = "arenas", HC_COLUMNS(arena_columns)};

static void add_arena(struct hc_table *table, const struct hc_arena_row *row)
{
	hc_table_add_row(table);
	hc_table_number(table, AR_ARENA, row->index);
	hc_table_number(table, AR_SYSTEM, row->system);
	hc_table_number(table, AR_IN_USE_CHUNKS, row->states[HC_IN_USE].chunks);
	hc_table_number(table, AR_IN_USE, row->states[HC_IN_USE].bytes);
	if (!row->arena)
		return;
	if (row->arena->address)
		hc_table_number(table, AR_ADDRESS, row->arena->address);
	hc_table_number(table, AR_FREE, row->free_bytes);
	hc_table_number(table, AR_TOP, row->states[HC_TOP].bytes);
	hc_table_share(table, AR_FRAGMENTATION, row->fragmentation);
	hc_table_number(table, AR_TRIMMABLE, row->trimmable);
	hc_table_number(table, AR_THREADS, row->num_threads);
}

static struct hc_error *fill_arenas(struct hc_tables *tables, struct hc_table *table)
{
	hc_cleanup(hc_arenas_deinit) struct hc_arena_table arenas = {0};
	struct hc_error *err = hc_arenas_run(tables->session->target, &arenas);

	for (size_t i = 0; !err && i < arenas.num_rows; i++)
		add_arena(table, &arenas.rows[i]);
	return err;
}

const struct hc_relation hc_arenas_relation = {
	.shape = &hc_arenas_shape,
	.help = "arenas of the allocator, and one row for mmapped chunks",
	.needs_heap = true,
	.fill = fill_arenas,
};
/**@}*/
