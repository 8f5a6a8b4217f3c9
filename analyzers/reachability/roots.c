/**
 * @file
 * Root ranges: the memory that a program can reach without following a pointer.
 *
 * Everything readable that the program may have written and that is no chunk: rather one range too
 * many, which hides a leak, than one too few, which calls live memory lost. Left out are
 *
 *   - what the allocator keeps for itself: the holes that it names, and what spans leave of the
 *     mappings that it claimed as heaps. Its lists point to free chunks, or into the header of one,
 *     which may be the last usable word of the chunk before, and would make that one "possible";
 *   - stacks below the stack pointer, and stacks of threads that have exited: what they hold is
 *     stale;
 *   - pages that were never writable: text, constants, file data mapped read-only.
 *
 * Relocated constants (RELRO) are read-only in the core but were written by the dynamic linker,
 * which keeps pointers to allocated memory there: they count as data. So does anonymous memory that
 * is read-only now.
 */
#include "analyzers/reachability/roots.h"

#include <elf.h>
#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"

const char *hc_root_kind_name(enum hc_root_kind kind)
{
	static const char *const names[HC_NUM_ROOT_KINDS] = {
		[HC_ROOT_REGISTER] = "register", [HC_ROOT_STACK] = "stack", [HC_ROOT_TLS] = "tls",
		[HC_ROOT_DATA] = "data",         [HC_ROOT_OTHER] = "other", [HC_ROOT_PIN] = "pin",
	};

	return names[kind];
}

struct root_list {
	struct hc_root *items;
	size_t num;
};

static struct hc_error *append(struct root_list *list, const struct hc_root *root)
{
	if (root->start >= root->end)
		return NULL;
	struct hc_error *err = hc_array_reserve(&list->items, list->num, sizeof(*list->items));

	if (!err)
		list->items[list->num++] = *root;
	return err;
}

/** @name What is never a root */
/**@{*/

struct hole {
	uint64_t start, end;
};

static int compare_holes(const void *a, const void *b)
{
	const struct hole *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/** Spans, and the bookkeeping outside of them. */
static struct hc_error *collect_holes(const struct hc_heap *heap, struct hole **ret,
				      size_t *num_ret)
{
	size_t num = 0;
	struct hole *holes = calloc(heap->num_spans + heap->num_holes + 1, sizeof(*holes));

	if (!holes)
		return &hc_enomem;
	for (size_t i = 0; i < heap->num_spans; i++)
		holes[num++] = (struct hole){heap->spans[i].start, heap->spans[i].end};
	for (size_t i = 0; i < heap->num_holes; i++)
		holes[num++] = (struct hole){heap->holes[i].start, heap->holes[i].end};
	hc_sort(holes, num, compare_holes);
	*ret = holes;
	*num_ret = num;
	return NULL;
}

/**
 * Append what is left of a range without the holes. @param next first hole that may matter; steps
 * on
 */
static struct hc_error *append_around(struct root_list *list, struct hc_root root,
				      const struct hole *holes, size_t num_holes, size_t *next)
{
	uint64_t end = root.end;
	struct hc_error *err = NULL;

	while (*next < num_holes && holes[*next].end <= root.start)
		++*next;
	for (size_t i = *next; !err && i < num_holes && holes[i].start < end; i++) {
		root.end = holes[i].start;
		err = append(list, &root);
		if (root.start < holes[i].end)
			root.start = holes[i].end;
	}
	root.end = end;
	return err ? err : append(list, &root);
}
/**@}*/

/** @name What is */
/**@{*/

/**
 * The live part. A thread that runs on another stack (sigaltstack, coroutine) may use all of its
 * own later.
 */
static void trim_stack(struct hc_root *root)
{
	const struct hc_thread *thread = root->thread;

	if (thread && thread->live_start >= thread->stack_start &&
	    thread->live_start < thread->stack_end && thread->live_start > root->start)
		root->start = thread->live_start < root->end ? thread->live_start : root->end;
}

/** The part of read-only module pages that was writable once. */
static bool trim_relro(const struct hc_process *process, struct hc_root *root)
{
	const struct hc_module *module = hc_modules_find(&process->modules, root->start);

	if (!module)
		return false;
	if (root->start < module->data_start)
		root->start = module->data_start;
	if (root->end > module->data_end)
		root->end = module->data_end;
	return root->start < root->end;
}

/** What of a mapping is a root, before the holes are cut out. @return false for nothing */
static bool root_of(const struct hc_process *process, const struct hc_mapping *mapping,
		    struct hc_root *ret)
{
	bool writable = mapping->flags & PF_W;
	struct hc_root root = {
		.start = mapping->start,
		.end = mapping->end,
		.kind = HC_ROOT_OTHER,
		.mapping = mapping,
	};

	if (!(mapping->flags & PF_R))
		return false;
	switch (mapping->kind) {
	case HC_MAPPING_RODATA:
		root.kind = HC_ROOT_DATA;
		if (!trim_relro(process, &root))
			return false;
		break;
	case HC_MAPPING_DATA:
	case HC_MAPPING_BSS:
		root.kind = HC_ROOT_DATA;
		break;
	case HC_MAPPING_STACK:
	case HC_MAPPING_MAIN_STACK:
		root.kind = HC_ROOT_STACK;
		root.thread = hc_threads_stack_in(&process->threads, mapping->start, mapping->end);
		trim_stack(&root);
		break;
	case HC_MAPPING_TLS:
		root.kind = HC_ROOT_TLS;
		root.thread = hc_threads_block_in(&process->threads, mapping->start, mapping->end);
		break;
	case HC_MAPPING_MAIN_HEAP: /* outside of spans: somebody else's sbrk() */
		break;
	case HC_MAPPING_SHARED:
	case HC_MAPPING_FILE:
	case HC_MAPPING_TEXT: /* writable text: code that was patched, or one segment for all */
		if (!writable)
			return false;
		break;
	case HC_MAPPING_ANON:
		break;
	default:
		return false;
	}
	*ret = root;
	return true;
}
/**@}*/

struct hc_error *hc_roots_collect(const struct hc_heap *heap, struct hc_root **ret, size_t *num_ret)
{
	const struct hc_process *process = heap->process;
	hc_cleanup_free struct hole *holes = NULL;
	struct root_list list = {0};
	size_t num_holes, next = 0;
	struct hc_error *err = collect_holes(heap, &holes, &num_holes);

	for (size_t i = 0; !err && i < process->mappings.num; i++) {
		struct hc_root root;

		if (root_of(process, &process->mappings.items[i], &root))
			err = append_around(&list, root, holes, num_holes, &next);
	}
	if (err) {
		free(list.items);
		return err;
	}
	*ret = list.items;
	*num_ret = list.num;
	return NULL;
}
