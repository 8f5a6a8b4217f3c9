/**
 * @file
 * Finding all containers: a look through memory by all processors, and walks in order of what was
 * found; see containers.h.
 */
#include "analyzers/containers/containers.h"

#include <pthread.h>

#include "analyzers/containers/counted.h"
#include "analyzers/containers/pass.h"
#include "analyzers/containers/shares.h"
#include "analyzers/select/tally.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

const char *hc_container_kind_name(enum hc_container_kind kind)
{
	static const char *const names[HC_NUM_CONTAINER_KINDS] = {
		[HC_CONTAINER_TREE] = "map",        [HC_CONTAINER_HASH] = "unordered_map",
		[HC_CONTAINER_LIST] = "list",       [HC_CONTAINER_DEQUE] = "deque",
		[HC_CONTAINER_VECTOR] = "vector",   [HC_CONTAINER_STRING] = "string",
		[HC_CONTAINER_SWISS] = "hashbrown", [HC_CONTAINER_SHARED] = "shared_ptr",
		[HC_CONTAINER_VEC] = "vec",         [HC_CONTAINER_RC] = "rc",
	};

	return names[kind];
}

const char *hc_container_kind_title(enum hc_container_kind kind)
{
	static const char *const titles[HC_NUM_CONTAINER_KINDS] = {
		[HC_CONTAINER_TREE] = "std::map or set",
		[HC_CONTAINER_HASH] = "std::unordered_map or set",
		[HC_CONTAINER_LIST] = "std::list",
		[HC_CONTAINER_DEQUE] = "std::deque",
		[HC_CONTAINER_VECTOR] = "std::vector",
		[HC_CONTAINER_STRING] = "std::string",
		[HC_CONTAINER_SWISS] = "HashMap or HashSet of Rust",
		[HC_CONTAINER_SHARED] = "std::shared_ptr object",
		[HC_CONTAINER_VEC] = "Vec or String of Rust",
		[HC_CONTAINER_RC] = "Rc or Arc of Rust",
	};

	return titles[kind];
}

const char *hc_container_library_name(enum hc_container_library library)
{
	static const char *const names[] = {
		[HC_LIBRARY_STDCXX] = "libstdc++",
		[HC_LIBRARY_CXX] = "libc++",
		[HC_LIBRARY_RUST] = "Rust",
	};

	return library == HC_LIBRARY_EITHER ? NULL : names[library];
}

/** Pieces that are looked through before what was found in them is walked. */
#define BATCH 64

struct find {
	const struct hc_heap *heap;
	unsigned kinds;
	size_t max;
	struct hc_head_pieces pieces;
	size_t first; /**< piece of the batch */
	struct hc_likelies likelies[BATCH];
	struct hc_plane_layout layout;
	struct hc_plane claimed;
	struct hc_container_reader reader;
	struct hc_counted counted;
	pthread_mutex_t lock; /* for what is found, while chunks are looked at */
	uint32_t forms;       /* that are looked for */
	struct hc_containers found;
	size_t capacity;
};

static void forget_batch(struct find *find)
{
	for (size_t i = 0; i < BATCH; i++) {
		free(find->likelies[i].items);
		find->likelies[i] = (struct hc_likelies){0};
	}
}

static void find_deinit(struct find *find)
{
	forget_batch(find);
	hc_head_pieces_deinit(&find->pieces);
	hc_plane_deinit(&find->claimed);
	hc_plane_layout_deinit(&find->layout);
	hc_counted_deinit(&find->counted);
	pthread_mutex_destroy(&find->lock);
	hc_containers_deinit(&find->found);
}

/** @name Keeping those of the most bytes */
/**@{*/

static int by_bytes(const void *a, const void *b)
{
	const struct hc_container *x = a, *y = b;
	uint64_t xb = hc_container_bytes(x), yb = hc_container_bytes(y);

	return xb != yb ? (xb < yb ? 1 : -1) : (x->head > y->head) - (x->head < y->head);
}

static void keep_largest(struct find *find)
{
	struct hc_containers *found = &find->found;

	hc_sort(found->items, found->num, by_bytes);
	if (found->num > find->max)
		found->num = find->max;
}

/** Sorted and cut whenever it is twice as long as it has to be. */
static struct hc_error *keep(struct find *find, const struct hc_container *container)
{
	struct hc_containers *found = &find->found;

	if (found->num >= find->max && found->num - find->max >= find->max)
		keep_largest(find);
	struct hc_error *err =
		hc_array_regrow(&found->items, found->num, &find->capacity, sizeof(*found->items));

	if (!err)
		found->items[found->num++] = *container;
	return err;
}
/**@}*/

static void count(struct hc_container_total *total, const struct hc_container *container)
{
	total->containers++;
	hc_count_add(&total->chunks, &container->nodes);
	hc_count_add(&total->chunks, &container->arrays);
	total->inline_strings += !hc_container_bytes(container);
}

/** Keep one that was counted, if it was asked for. */
static struct hc_error *keep_counted(struct find *find, const struct hc_container *container)
{
	if (!hc_container_bytes(container) || !(find->kinds >> container->kind & 1))
		return NULL;
	find->found.total++;
	return find->max ? keep(find, container) : NULL;
}

/** Walk what was found in one piece. */
static struct hc_error *walk_piece(struct find *find, size_t i)
{
	const struct hc_likelies *likelies = &find->likelies[i];
	struct hc_error *err = NULL;
	struct hc_container container;
	struct hc_head head;

	for (size_t k = 0; !err && k < likelies->num; k++) {
		const struct hc_likely *likely = &likelies->items[k];

		if (!(k % 1024))
			err = hc_watch_check(find->heap->process->watch);
		if (err || !hc_head_read(find->heap, likely->address, &head) ||
		    !hc_form_prove(likely->form, &find->reader, &head, &container))
			continue;
		container.place = hc_head_place(
			find->heap, find->pieces.items[find->first + i].root, head.address);
		count(&find->found.kinds[container.kind], &container);
		err = keep_counted(find, &container);
	}
	return err;
}

static struct hc_error *look(void *ctx, unsigned worker __attribute__((unused)), size_t task)
{
	struct find *find = ctx;

	return hc_head_piece_look(find->heap, &find->pieces.items[find->first + task], find->forms,
				  &find->likelies[task]);
}

static struct hc_error *find_batch(struct find *find)
{
	size_t left = find->pieces.num - find->first, num = left < BATCH ? left : BATCH;
	struct hc_error *err = hc_process_parallel(find->heap->process, num, look, find);

	for (size_t i = 0; !err && i < num; i++)
		err = walk_piece(find, i);
	forget_batch(find);
	find->first += num;
	return err ? err : hc_watch_check(find->heap->process->watch);
}

/** @name What shared_ptr counts */
/**@{*/

static struct hc_error *look_at_chunk(void *ctx, void *worker, const struct hc_chunk *chunk)
{
	struct find *find = ctx;
	struct hc_container container;

	if (chunk->state != HC_IN_USE || !hc_counted_prove(&find->counted, chunk, &container))
		return NULL;
	container.place = hc_head_place(find->heap, NULL, container.head);
	count(worker, &container);
	pthread_mutex_lock(&find->lock);
	struct hc_error *err = keep_counted(find, &container);
	pthread_mutex_unlock(&find->lock);
	return err;
}

static struct hc_error *add_total(void *ctx, void *worker)
{
	struct find *find = ctx;
	struct hc_container_total *total = &find->found.kinds[HC_CONTAINER_SHARED];
	const struct hc_container_total *more = worker;

	total->containers += more->containers;
	hc_count_add(&total->chunks, &more->chunks);
	return NULL;
}

static struct hc_error *find_counted(struct hc_target *target, struct find *find)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_CONTAINERS,
		.slice_bytes = 4 << 20,
		.worker_size = sizeof(struct hc_container_total),
		.chunk = look_at_chunk,
		.merge = add_total,
	};
	struct hc_error *err = hc_counted_init(target, &find->counted);

	return err || !find->counted.any ? err : hc_tally_run(target, NULL, &tally, find);
}
/**@}*/

/** Those that are known by their owners: first, so that nothing takes their counts for its own. */
static struct hc_error *find_shares(struct hc_target *target, struct find *find)
{
	hc_cleanup(hc_shares_deinit) struct hc_shares shares = {0};
	struct hc_share_scope scope;
	struct hc_error *err = hc_share_scope_init(target, find->forms, &scope);

	if (!err)
		err = hc_shares_find(&scope, &find->pieces, &shares);
	for (size_t i = 0; !err && i < shares.num; i++) {
		struct hc_container container = hc_share_container(find->heap, &shares.items[i]);
		struct hc_chunk chunk;

		container.place = hc_head_place(find->heap, NULL, container.head);
		if (hc_heap_chunk_at(find->heap, container.head, &chunk))
			hc_claim(&find->reader, &chunk);
		count(&find->found.kinds[container.kind], &container);
		err = keep_counted(find, &container);
	}
	return err;
}

static struct hc_error *find_all(struct hc_target *target, struct find *find)
{
	struct hc_error *err = hc_forms_of(target, &find->forms);

	if (!err)
		err = hc_head_pieces_collect(find->heap, &find->pieces);
	if (!err)
		err = hc_plane_layout_init(find->heap, &find->layout);
	if (!err)
		err = hc_plane_init(&find->layout, &find->claimed);
	find->reader.layout = &find->layout;
	find->reader.claimed = &find->claimed;
	if (!err)
		err = find_shares(target, find);
	while (!err && find->first < find->pieces.num) {
		double num = find->pieces.num, from = find->first / num;

		hc_watch_part(&target->watch, from,
			      from + BATCH / num < 1 ? from + BATCH / num : 1);
		err = find_batch(find);
	}
	if (!err && find->forms & HC_FORMS_OF_CXX)
		err = find_counted(target, find);
	return err;
}

struct hc_error *hc_containers_find(struct hc_target *target, unsigned kinds, size_t max,
				    struct hc_containers *ret)
{
	hc_cleanup(find_deinit) struct find find = {
		.kinds = kinds, .max = max, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct hc_error *err = hc_target_heap(target, &find.heap);

	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_CONTAINERS);
	hc_container_reader_init(find.heap, &find.reader);
	err = find_all(target, &find);
	if (err)
		return err;
	keep_largest(&find);
	find.found.stopped = !find.reader.steps;
	*ret = find.found;
	find.found = (struct hc_containers){0};
	return NULL;
}

void hc_containers_deinit(struct hc_containers *containers)
{
	free(containers->items);
}
