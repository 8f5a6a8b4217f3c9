/**
 * @file
 * The life of a heap: which allocators are at work in a process, and what they are asked in turn.
 */
#include "core/base/cleanup.h"
#include "core/heap/allocator.h"
#include "core/heap/build.h"

/** Back ends in the order in which they are asked; a sub-allocator behind those that it lives on.
 */
static const struct hc_allocator *const allocators[] = {
	&hc_allocator_glibc,
};

const struct hc_allocator *const *hc_allocators(size_t *num_ret)
{
	*num_ret = sizeof(allocators) / sizeof(allocators[0]);
	return allocators;
}

/** Give an error its details. */
static struct hc_error *absence(enum hc_absence why, struct hc_error *err)
{
	if (err != &hc_enomem)
		err->detail = why;
	return hc_error_about(err, HC_ABOUT_ALLOCATOR);
}

/** The program uses an allocator that can only be named. NULL: not to all that is known. */
static struct hc_error *other_allocator(const struct hc_process *process)
{
	const char *path, *name = hc_allocator_foreign(process, &path);
	hc_cleanup_free char *evident = NULL;
	struct hc_error *err = name ? NULL : hc_allocator_evident(process, &evident);

	if (err)
		return err;
	if (name)
		return absence(HC_ABSENT_OTHER,
			       hc_error_create(HC_ERROR_NO_ALLOCATOR,
					       "the program allocates with %s (%s), whose heap "
					       "this version can't read",
					       name, path));
	return evident ? absence(HC_ABSENT_OTHER,
				 hc_error_create(HC_ERROR_NO_ALLOCATOR,
						 "the program allocates with %s, whose heap this "
						 "version can't read",
						 evident))
		       : NULL;
}

static struct hc_error *no_allocator(const struct hc_process *process)
{
	enum hc_absence why = HC_ABSENT_UNKNOWN;
	hc_cleanup_free char *library = NULL;
	struct hc_error *err = other_allocator(process);

	for (size_t i = 0; !err && i < sizeof(allocators) / sizeof(allocators[0]) && !library; i++)
		err = allocators[i]->absent ? allocators[i]->absent(process, &why, &library) : NULL;
	if (err)
		return err;
	const char *name = library ? library : "the C library";
	if (why == HC_ABSENT_NEVER_CALLED)
		return absence(why, hc_error_create(HC_ERROR_NO_ALLOCATOR,
						    "malloc was never called: %s has its arena as "
						    "it was at the start",
						    name));
	if (why == HC_ABSENT_NOT_DUMPED)
		return absence(why, hc_error_create(HC_ERROR_NO_ALLOCATOR,
						    "the heap was not dumped: the core lacks the "
						    "data of %s",
						    name));
	return absence(
		why, hc_error_create(HC_ERROR_NO_ALLOCATOR,
				     "no allocator that is known left a heap in the core%s%s",
				     library ? "; its C library is " : "", library ? library : ""));
}

static void backend_destroy(struct hc_backend *backend)
{
	if (backend->allocator->destroy)
		backend->allocator->destroy(backend->state);
	free(backend->evidence.layout);
	free(backend->evidence.version);
	free(backend->evidence.version_source);
	free(backend->evidence.how);
	free(backend);
}

/** Ask one allocator, and when it is at work have it walk its heap. */
static struct hc_error *try_allocator(struct hc_heap *heap, const struct hc_allocator *allocator)
{
	struct hc_backend *backend;
	bool recognised = false;
	struct hc_error *err = hc_heap_add_backend(heap, allocator, &backend);
	if (err)
		return err;
	heap->calling = backend;
	err = allocator->recognise(backend, &recognised);
	if (!err && !recognised) {
		backend_destroy(backend);
		heap->num_backends--;
	}
	if (err || !recognised)
		return err;
	err = allocator->walk(backend);
	return err ? err : hc_heap_seal(heap);
}

static struct hc_error *call_all(struct hc_heap *heap,
				 struct hc_error *(*call)(struct hc_backend *backend))
{
	struct hc_error *err = NULL;
	for (size_t i = 0; i < heap->num_backends && !err; i++) {
		heap->calling = heap->backends[i];
		err = call(heap->backends[i]);
	}
	heap->calling = NULL;
	return err;
}

static struct hc_error *call_mark(struct hc_backend *backend)
{
	return backend->allocator->mark(backend);
}

static struct hc_error *call_assign(struct hc_backend *backend)
{
	return backend->allocator->assign ? backend->allocator->assign(backend) : NULL;
}

static struct hc_error *call_check(struct hc_backend *backend)
{
	return backend->allocator->check ? backend->allocator->check(backend) : NULL;
}

struct hc_error *hc_heap_fill(struct hc_heap *heap, const struct hc_allocator *const *table,
			      size_t num)
{
	struct hc_error *err = NULL;
	for (size_t i = 0; i < num && !err; i++)
		err = try_allocator(heap, table[i]);
	if (err)
		return err;
	if (!heap->num_backends)
		return no_allocator(heap->process);
	if ((err = call_all(heap, call_mark)))
		return err;
	hc_heap_finish(heap);
	return call_all(heap, call_assign);
}

struct hc_error *hc_heap_open(struct hc_process *process, struct hc_heap **ret)
{
	struct hc_heap *heap = calloc(1, sizeof(*heap));
	if (!heap)
		return &hc_enomem;
	heap->process = process;
	heap->word_size = process->memory.word_size;
	heap->big_endian = process->memory.big_endian;
	struct hc_error *err =
		hc_heap_fill(heap, allocators, sizeof(allocators) / sizeof(allocators[0]));
	if (err) {
		hc_heap_close(heap);
		return err;
	}
	*ret = heap;
	return NULL;
}

struct hc_error *hc_heap_check(struct hc_heap *heap)
{
	if (heap->checked)
		return NULL;
	struct hc_error *err = call_all(heap, call_check);
	hc_heap_finish(heap);
	heap->checked = !err;
	return err;
}

void hc_heap_close(struct hc_heap *heap)
{
	if (!heap)
		return;
	for (size_t i = 0; i < heap->num_backends; i++)
		backend_destroy(heap->backends[i]);
	for (size_t i = 0; i < heap->num_zones; i++)
		free(heap->zones[i]);
	for (size_t i = 0; i < heap->num_spans; i++)
		hc_blocks_destroy(heap->spans[i].blocks, heap->spans[i].num_blocks);
	for (size_t i = 0; i < heap->num_pins; i++)
		free(heap->pins[i].what);
	for (size_t i = 0; i < heap->num_inconsistencies; i++)
		free(heap->inconsistencies[i].what);
	free(heap->spans);
	free(heap->index.slots);
	free(heap->arenas);
	free(heap->specials);
	free(heap->pins);
	free(heap->conventions);
	free(heap->pool_sizes);
	free(heap->hidden);
	free(heap->inconsistencies);
	free(heap->thread_arena);
	free(heap->thread_cache);
	free(heap->abort_message);
	free(heap->backends);
	free(heap->zones);
	free(heap->holes);
	free(heap->carvings);
	free(heap);
}
