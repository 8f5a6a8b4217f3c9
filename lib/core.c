/**
 * @file
 * Opening and closing, errors, and how calls begin and end.
 */
#include "lib/library.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/heap/allocator.h"
#include "lib/answers.h"

const char *heapcore_version(void)
{
	return HC_VERSION;
}

/** @name Errors */
/**@{*/

struct heapcore_error {
	enum heapcore_code code;
	bool has_address;
	uint64_t address;
	char *message;
};

/** Reporting that there is no memory needs none. */
static char no_memory_message[] = "out of memory";
static struct heapcore_error no_memory = {.code = HEAPCORE_NO_MEMORY, .message = no_memory_message};

enum heapcore_code heapcore_error_code(const struct heapcore_error *err)
{
	return err ? err->code : HEAPCORE_OK;
}

const char *heapcore_error_message(const struct heapcore_error *err)
{
	return err ? err->message : "";
}

int heapcore_error_address(const struct heapcore_error *err, uint64_t *ret)
{
	if (!err || !err->has_address)
		return 0;
	if (ret)
		*ret = err->address;
	return 1;
}

void heapcore_error_free(struct heapcore_error *err)
{
	if (!err || err == &no_memory)
		return;
	free(err->message);
	free(err);
}

static enum heapcore_code public_code(enum hc_error_code code)
{
	switch (code) {
	case HC_ERROR_NO_MEMORY:
		return HEAPCORE_NO_MEMORY;
	case HC_ERROR_OS:
		return HEAPCORE_OS;
	case HC_ERROR_FORMAT:
		return HEAPCORE_FORMAT;
	case HC_ERROR_MISSING:
		return HEAPCORE_MISSING;
	case HC_ERROR_NO_ALLOCATOR:
		return HEAPCORE_NO_HEAP;
	case HC_ERROR_ARGUMENT:
		return HEAPCORE_ARGUMENT;
	case HC_ERROR_LIMIT:
		return HEAPCORE_LIMIT;
	case HC_ERROR_CANCELLED:
		break;
	}
	return HEAPCORE_CANCELLED;
}

static struct heapcore_error *create_error(enum heapcore_code code, const char *message)
{
	struct heapcore_error *ret = calloc(1, sizeof(*ret));

	if (!ret || !(ret->message = strdup(message))) {
		free(ret);
		return &no_memory;
	}
	ret->code = code;
	return ret;
}

struct heapcore_error *hc_call_error(struct hc_error *err)
{
	if (!err)
		return NULL;
	struct heapcore_error *ret = create_error(public_code(err->code), err->message);
	if (ret != &no_memory && err->has_address) {
		ret->has_address = true;
		ret->address = err->address;
	}
	hc_error_destroy(err);
	return ret;
}

static struct heapcore_error *changed(void)
{
	return create_error(HEAPCORE_CHANGED, "the core changed while it was being read (file cut "
					      "short, or its disk failed)");
}
/**@}*/

/** @name Calls */
/**@{*/

/** Asked by every thread that works. */
static bool is_cancelled(void *ctx)
{
	const struct heapcore *core = ctx;

	return atomic_load_explicit(&core->cancelled, memory_order_relaxed) ||
	       hc_guard_is_hit(&core->guard);
}

/** Why a call can't begin; NULL: it can. */
static struct heapcore_error *refuse_call(struct heapcore *core)
{
	if (hc_guard_is_hit(&core->guard))
		return changed();
	if (!core->depth && atomic_exchange(&core->cancelled, false))
		return create_error(HEAPCORE_CANCELLED, "interrupted");
	return NULL;
}

struct heapcore_error *hc_call_begin(struct hc_call *call, struct heapcore *core)
{
	pthread_mutex_lock(&core->turn);
	struct heapcore_error *refused = refuse_call(core);
	if (refused) {
		pthread_mutex_unlock(&core->turn);
		return refused;
	}
	call->core = core;
	core->depth++;
	hc_guard_enter(&core->guard, &call->frame);
	return NULL;
}

struct heapcore_error *hc_call_end(struct hc_call *call, struct hc_error *err)
{
	struct heapcore *core = call->core;
	struct heapcore_error *ret = hc_call_error(err);

	hc_guard_leave(&call->frame);
	if (!--core->depth)
		atomic_store(&core->cancelled, false);
	bool hit = hc_guard_is_hit(&core->guard);
	pthread_mutex_unlock(&core->turn);
	if (!hit)
		return ret;
	heapcore_error_free(ret);
	return changed();
}

void heapcore_cancel(struct heapcore *core)
{
	atomic_store(&core->cancelled, true);
}

int heapcore_on_sigbus(void *address)
{
	return hc_guard_mend(address);
}

struct hc_error *hc_take_struct(const void *given, void *ret, size_t size)
{
	size_t its = 0;

	memset(ret, 0, size);
	if (!given)
		return NULL;
	memcpy(&its, given, sizeof(its));
	if (its < sizeof(its))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "a struct that was given says that it has %zu bytes", its);
	memcpy(ret, given, its < size ? its : size);
	return NULL;
}

struct hc_error *hc_give_struct(const void *ours, void *given, size_t size)
{
	const size_t head = sizeof(size_t);
	size_t its;

	memcpy(&its, given, head);
	if (its < head)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "a struct that was given says that it has %zu bytes", its);
	if (its < size)
		size = its;
	memcpy((char *)given + head, (const char *)ours + head, size - head);
	return NULL;
}
/**@}*/

/** @name Opening */
/**@{*/

static struct hc_error *create_turn(struct heapcore *core)
{
	pthread_mutexattr_t attributes;

	if (pthread_mutexattr_init(&attributes))
		return &hc_enomem;
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	core->has_turn = !pthread_mutex_init(&core->turn, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return core->has_turn ? NULL : &hc_enomem;
}

/** Keep a copy of a string, or NULL. */
static struct hc_error *keep_string(struct heapcore *core, const char *text, const char **ret)
{
	if (!text) {
		*ret = NULL;
		return NULL;
	}
	char *copy = strdup(text);
	char **more = copy ? realloc(core->strings, (core->num_strings + 1) * sizeof(*more)) : NULL;
	if (!more) {
		free(copy);
		return &hc_enomem;
	}
	core->strings = more;
	*ret = core->strings[core->num_strings++] = copy;
	return NULL;
}

static struct hc_error *read_options(struct heapcore *core, const struct heapcore_options *given,
				     struct hc_target_options *ret)
{
	struct hc_error *err;

	*ret = (struct hc_target_options){.process.jobs = given->jobs};
	if ((err = keep_string(core, given->executable, &ret->process.modules.exe)) ||
	    (err = keep_string(core, given->sysroot, &ret->process.modules.sysroot)) ||
	    (err = keep_string(core, given->debug_dir, &ret->process.modules.debug_dir)) ||
	    (err = keep_string(core, given->tmpdir, &ret->process.decompress.tmpdir)) ||
	    (err = keep_string(core, given->smaps, &ret->process.smaps)))
		return err;
	if (given->num_signatures)
		err = hc_signatures_create(given->signatures, given->num_signatures,
					   &core->signatures);
	ret->signatures = core->signatures;
	return err;
}

/** What is mapped from files and read by any thread: the core, and what modules lend it. */
static struct hc_error *guard_mappings(struct heapcore *core)
{
	const struct hc_process *process = core->target->process;
	size_t num = 1 + process->memory.num_extents;
	struct hc_bytes *ranges = calloc(num, sizeof(*ranges));

	if (!ranges)
		return &hc_enomem;
	ranges[0] = process->core->file;
	num = 1;
	for (size_t i = 0; i < process->memory.num_extents; i++) {
		const struct hc_extent *extent = &process->memory.extents[i];

		if (!extent->from_core)
			ranges[num++] =
				(struct hc_bytes){extent->data, extent->end - extent->start};
	}
	hc_guard_set_ranges(&core->guard, ranges, num);
	return NULL;
}

static const char *program_name(const struct hc_process *process)
{
	const struct hc_module *program = hc_modules_program(&process->modules);

	if (process->core->has_prpsinfo && *process->core->prpsinfo.name)
		return process->core->prpsinfo.name;
	return program && program->path ? hc_base_name(program->path) : "";
}

static void fill_info(struct heapcore *core)
{
	const struct hc_process *process = core->target->process;

	core->info = (struct heapcore_info){
		.path = process->core->path,
		.program = program_name(process),
		.machine = process->core->machine->name,
		.pid = process->core->has_prpsinfo ? process->core->prpsinfo.pid : 0,
		.word_size = process->memory.word_size,
		.big_endian = process->memory.big_endian,
		.num_threads = process->threads.num,
	};
}

static struct hc_error *open_target(struct heapcore *core, const char *path,
				    const struct heapcore_options *given)
{
	const struct hc_observer observer = {.cancelled = is_cancelled, .ctx = core};
	struct hc_target_options options;
	struct hc_error *err = read_options(core, given, &options);

	if (!err)
		err = hc_target_open(path, &options, &observer, &core->target);
	if (!err)
		err = guard_mappings(core);
	if (!err)
		fill_info(core);
	return err;
}

static struct heapcore_error *open_core(struct heapcore *core, const char *path,
					const struct heapcore_options *given)
{
	struct heapcore_options options;
	struct hc_error *err = hc_take_struct(given, &options, sizeof(options));
	struct hc_call call;

	if (!err)
		err = create_turn(core);
	if (!err)
		err = hc_guard_init(&core->guard, !(options.flags & HEAPCORE_KEEP_SIGBUS));
	if (err)
		return hc_call_error(err);
	core->guarded = true;
	struct heapcore_error *failed = hc_call_begin(&call, core);
	return failed ? failed : hc_call_end(&call, open_target(core, path, &options));
}

struct heapcore_error *heapcore_open(const char *path, const struct heapcore_options *options,
				     struct heapcore **ret)
{
	struct heapcore *core = calloc(1, sizeof(*core));

	if (!core)
		return &no_memory;
	struct heapcore_error *err = open_core(core, path, options);
	if (err) {
		heapcore_close(core);
		return err;
	}
	*ret = core;
	return NULL;
}

void heapcore_close(struct heapcore *core)
{
	struct hc_guard_frame frame;

	if (!core)
		return;
	if (core->guarded)
		hc_guard_enter(&core->guard, &frame);
	hc_answers_destroy(core->answers);
	/* Before others can have their addresses; until then faults are this thread's. */
	if (core->guarded)
		hc_guard_drop_ranges(&core->guard);
	hc_target_close(core->target);
	if (core->guarded) {
		hc_guard_leave(&frame);
		hc_guard_deinit(&core->guard);
	}
	hc_signatures_destroy(core->signatures);
	if (core->has_turn)
		pthread_mutex_destroy(&core->turn);
	for (size_t i = 0; i < core->num_strings; i++)
		free(core->strings[i]);
	free(core->strings);
	free(core->slices);
	free(core->allocator);
	free(core);
}
/**@}*/

/** @name What is known of the process */
/**@{*/

const struct heapcore_info *heapcore_info(const struct heapcore *core)
{
	return &core->info;
}

int heapcore_is_partial(struct heapcore *core)
{
	pthread_mutex_lock(&core->turn);
	const struct hc_target *target = core->target;
	bool partial = target->process->diag.partial || (target->heap && target->heap->partial);
	pthread_mutex_unlock(&core->turn);
	return partial;
}

const char *heapcore_remark(struct heapcore *core, size_t index)
{
	pthread_mutex_lock(&core->turn);
	const struct hc_diagnostics *diag = &core->target->process->diag;
	const char *ret = index < diag->num ? diag->items[index].message : NULL;
	pthread_mutex_unlock(&core->turn);
	return ret;
}

struct heapcore_error *heapcore_read(struct heapcore *core, uint64_t address, void *buffer,
				     size_t size)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	if (failed)
		return failed;
	return hc_call_end(&call,
			   hc_memory_read(&core->target->process->memory, address, buffer, size));
}

/** "glibc 2.36", or "glibc malloc" when the version is not known; several with commas. */
static char *name_allocators(const struct hc_heap *heap)
{
	char *names = NULL;

	for (size_t i = 0; i < heap->num_backends; i++) {
		const struct hc_backend *backend = heap->backends[i];
		const char *version = backend->evidence.version;
		hc_cleanup_free char *before = names;

		names = hc_format("%s%s%s%s%s", before ? before : "", before ? ", " : "",
				  version ? backend->allocator->library : backend->allocator->name,
				  version ? " " : "", version ? version : "");
		if (!names)
			return NULL;
	}
	return names ? names : strdup("");
}

static struct hc_error *know_heap(struct heapcore *core, const struct hc_heap *heap)
{
	struct hc_error *err =
		hc_heap_slices(heap, HC_KIND_SLICE_BYTES, &core->slices, &core->num_slices);

	if (err)
		return err;
	core->allocator = name_allocators(heap);
	if (!core->allocator) {
		free(hc_steal(core->slices));
		return &hc_enomem;
	}
	core->heap = (struct heapcore_heap){.bytes = hc_heap_bytes(heap),
					    .num_chunks = hc_heap_num_chunks(heap),
					    .num_arenas = heap->num_arenas,
					    .allocator = core->allocator};
	core->has_heap = true;
	return NULL;
}

struct hc_error *hc_core_heap(struct heapcore *core, const struct hc_heap **ret)
{
	struct hc_error *err = hc_target_heap(core->target, ret);

	return err || core->has_heap ? err : know_heap(core, *ret);
}

static struct hc_error *give_heap(struct heapcore *core, const struct heapcore_heap **ret)
{
	const struct hc_heap *heap;
	struct hc_error *err = hc_core_heap(core, &heap);

	if (!err)
		*ret = &core->heap;
	return err;
}

struct heapcore_error *heapcore_heap(struct heapcore *core, const struct heapcore_heap **ret)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, give_heap(core, ret));
}
/**@}*/
