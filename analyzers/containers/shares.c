/**
 * @file
 * Objects whose owners are counted, by their owners; see shares.h.
 */
#include "analyzers/containers/shares.h"

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/heap/plane.h"

/** Most owners that are believed. */
#define MAX_COUNT (UINT64_C(1) << 30)

/** Functions at the start of the vtable of a block: both destructors, and one that disposes. */
#define NUM_FUNCTIONS 3

/** Words of a block among which a pointer to its object is. */
#define OBJECT_WORDS 8

/** Vtables that a task remembers, by address: a power of two. */
#define NUM_KNOWN 64

/** @name What may be one */
/**@{*/

struct known_vtable {
	uint64_t address;
	bool fits;
};

/** Whether it is a vtable of an object's start, and no typeinfo tells the class. */
static bool is_unnamed_vtable(const struct hc_process *process, uint64_t address)
{
	const struct hc_memory *memory = &process->memory;
	unsigned word = memory->word_size;
	uint64_t top, info, function;

	if (address % word || !hc_modules_find(&process->modules, address) ||
	    !hc_memory_word(memory, address - 2 * word, &top) || top ||
	    !hc_memory_word(memory, address - word, &info) ||
	    (info && !hc_modules_find(&process->modules, info)))
		return false;
	for (unsigned i = 0; i < NUM_FUNCTIONS; i++)
		if (!hc_memory_word(memory, address + i * word, &function) ||
		    !hc_mappings_is_code(&process->mappings, function))
			return false;
	return true;
}

static bool has_vtable(const struct hc_share_scope *scope, const struct hc_chunk *chunk,
		       uint64_t address, struct known_vtable known[NUM_KNOWN])
{
	struct known_vtable *slot = &known[address / scope->heap->word_size % NUM_KNOWN];

	if (slot->address != address)
		*slot = (struct known_vtable){address,
					      is_unnamed_vtable(scope->heap->process, address)};
	if (!slot->fits)
		return false;
	hc_type_id type = hc_type_of(scope->types, chunk);

	return type == HC_TYPE_NONE || hc_type_source(scope->types, type) != HC_TYPE_VTABLE;
}

/** Numbers of owners, from what stands in memory. @return false: they can't be */
static bool set_counts(struct hc_share *share, uint64_t uses, uint64_t weak)
{
	share->uses = uses;
	share->weak = weak - (uses > 0);
	return uses <= MAX_COUNT && weak <= MAX_COUNT && weak && uses + share->weak;
}

/** The words of a chunk's start. */
struct words {
	uint64_t w[3];
	unsigned num;
	uint32_t halves[2]; /* of the second */
};

static void read_words(const struct hc_heap *heap, struct hc_bytes bytes, struct words *ret)
{
	unsigned word = heap->word_size;

	*ret = (struct words){.num = bytes.size / word < 3 ? bytes.size / word : 3};
	for (unsigned i = 0; i < ret->num; i++)
		ret->w[i] = hc_read_word(bytes.data + i * word, word, heap->big_endian);
	for (unsigned i = 0; i < 2 && bytes.size >= word + 8; i++)
		ret->halves[i] = hc_read32(bytes.data + word + 4 * i, heap->big_endian);
}

/** A block of std::shared_ptr, by vtable and counts. */
static bool may_be_block(const struct hc_share_scope *scope, const struct hc_chunk *chunk,
			 const struct words *words, struct known_vtable known[NUM_KNOWN],
			 struct hc_share *ret)
{
	struct hc_share share = {.address = chunk->address};

	if (words->num < 3)
		return false;
	if (set_counts(&share, words->halves[0], words->halves[1])) {
		share.library = HC_LIBRARY_STDCXX;
	} else if (set_counts(&share, words->w[1] + 1, words->w[2] + 1)) {
		share.library = HC_LIBRARY_CXX;
	} else {
		return false;
	}
	if (!has_vtable(scope, chunk, words->w[0], known))
		return false;
	*ret = share;
	return true;
}

static bool may_be(const struct hc_share_scope *scope, const struct hc_chunk *chunk,
		   struct known_vtable known[NUM_KNOWN], struct hc_share *ret)
{
	struct hc_share share = {.address = chunk->address, .library = HC_LIBRARY_RUST};
	struct words words;

	read_words(scope->heap, hc_chunk_bytes(scope->heap, chunk), &words);
	if (words.num < 2)
		return false;
	if (scope->rust && words.w[0] && set_counts(&share, words.w[0], words.w[1]) &&
	    share.uses + share.weak > 1) {
		*ret = share;
		return true;
	}
	return scope->cxx && may_be_block(scope, chunk, &words, known, ret);
}
/**@}*/

/** @name Looking */
/**@{*/

struct look {
	const struct hc_share_scope *scope;
	const struct hc_head_pieces *pieces;
	struct hc_shares *found; /* by piece */
	struct hc_plane_layout layout;
	struct hc_plane plane; /* chunks that may be one */
	struct hc_shares all;
};

static void look_deinit(struct look *look)
{
	for (size_t i = 0; look->found && i < look->pieces->num; i++)
		free(look->found[i].items);
	free(look->found);
	free(look->all.items);
	hc_plane_deinit(&look->plane);
	hc_plane_layout_deinit(&look->layout);
}

static struct hc_error *add(struct hc_shares *shares, const struct hc_share *share)
{
	struct hc_error *err = hc_array_reserve(&shares->items, shares->num, sizeof(*share));

	if (!err)
		shares->items[shares->num++] = *share;
	return err;
}

/** Chunks of a slice that may be one. */
static struct hc_error *find_some(void *ctx, unsigned worker __attribute__((unused)), size_t task)
{
	struct look *look = ctx;
	const struct hc_head_piece *piece = &look->pieces->items[task];
	struct known_vtable known[NUM_KNOWN] = {0};
	struct hc_error *err = NULL;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct hc_share share;

	if (piece->root)
		return NULL;
	hc_chunk_iter_kinds(&iter, look->scope->heap, piece->slice, HC_KINDS_IN_USE);
	while (!err && hc_chunk_iter_next(&iter, &chunk))
		if (may_be(look->scope, &chunk, known, &share))
			err = add(&look->found[task], &share);
	return err;
}

/** An owner: the word that points to the block, and the one before it. */
struct owner {
	uint64_t block, before;
	bool is_sure;
};

/** Whether an object is in a block, or the block has a pointer to it: behind counts and a deleter.
 */
static bool has_object(const struct hc_heap *heap, const struct hc_chunk *block, uint64_t object)
{
	struct hc_bytes bytes = hc_chunk_bytes(heap, block);
	unsigned word = heap->word_size;

	if (object - block->address < block->usable)
		return true;
	for (unsigned i = 2; i < OBJECT_WORDS && (i + 1) * word <= bytes.size; i++)
		if (hc_read_word(bytes.data + i * word, word, heap->big_endian) == object)
			return true;
	return false;
}

static void count_owner(struct look *look, const struct owner *owner)
{
	const struct hc_heap *heap = look->scope->heap;
	const struct hc_span *span = hc_heap_span(heap, owner->block);
	struct hc_share *items = look->all.items;
	struct hc_chunk chunk;
	uint64_t unit;

	if (!span || !hc_span_starts_at(span, owner->block - span->base, &unit) ||
	    !hc_plane_has(&look->layout, &look->plane, span - heap->spans, unit))
		return;
	size_t at = hc_lower_bound(look->all.num, i, items[i].address < owner->block);
	struct hc_share *share = &items[at];

	if (share->library != HC_LIBRARY_RUST) {
		hc_span_chunk(heap, span, unit, &chunk);
		/* Pairs that show nothing still count: of a base class, or by another's pointer. */
		if (!owner->before)
			return;
		if (has_object(heap, &chunk, owner->before))
			__atomic_store_n(&share->paired, true, __ATOMIC_RELAXED);
	}
	__atomic_add_fetch(owner->is_sure ? &share->sure : &share->maybe, 1, __ATOMIC_RELAXED);
}

/** @param self start of the chunk that the bytes are of: its own pointers own nothing */
static void count_owners(struct look *look, struct hc_bytes bytes, uint64_t self, bool is_sure)
{
	const struct hc_heap *heap = look->scope->heap;
	unsigned word = heap->word_size;
	struct owner owner = {.is_sure = is_sure};

	for (size_t i = 0; i + word <= bytes.size; i += word) {
		owner.block = hc_read_word(bytes.data + i, word, heap->big_endian);
		if (owner.block - heap->lowest < heap->highest - heap->lowest &&
		    owner.block != self)
			count_owner(look, &owner);
		owner.before = owner.block;
	}
}

static struct hc_error *count_piece(void *ctx, unsigned worker __attribute__((unused)), size_t task)
{
	struct look *look = ctx;
	const struct hc_heap *heap = look->scope->heap;
	const struct hc_head_piece *piece = &look->pieces->items[task];
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	if (piece->root) {
		uint64_t start = piece->start + (-piece->start % heap->word_size);
		bool is_sure =
			piece->root->kind == HC_ROOT_DATA || piece->root->kind == HC_ROOT_TLS;

		count_owners(look,
			     hc_memory_view(&heap->process->memory, start, piece->end - start), 0,
			     is_sure);
		return NULL;
	}
	hc_chunk_iter_kinds(&iter, heap, piece->slice, HC_KINDS_IN_USE);
	while (hc_chunk_iter_next(&iter, &chunk))
		count_owners(look, hc_chunk_bytes(heap, &chunk), chunk.address, true);
	return NULL;
}

static bool is_proven(const struct hc_share *share)
{
	uint64_t owners = share->uses + share->weak;

	if (share->sure > owners || share->sure + share->maybe < owners)
		return false;
	return share->library == HC_LIBRARY_RUST ? share->sure > 1 : share->paired;
}

/** Count the owners of all, and keep those that have as many as they count. */
static struct hc_error *count_all(struct look *look)
{
	const struct hc_heap *heap = look->scope->heap;
	struct hc_share *items = look->all.items;
	size_t kept = 0;
	struct hc_chunk chunk;
	struct hc_error *err = hc_plane_layout_init(heap, &look->layout);

	if (!err)
		err = hc_plane_init(&look->layout, &look->plane);
	if (err)
		return err;
	for (size_t i = 0; i < look->all.num; i++)
		if (hc_heap_chunk_at(heap, items[i].address, &chunk))
			hc_plane_set(&look->layout, &look->plane, chunk.span - heap->spans,
				     chunk.unit);
	err = hc_process_parallel(heap->process, look->pieces->num, count_piece, look);
	for (size_t i = 0; !err && i < look->all.num; i++)
		if (is_proven(&items[i]))
			items[kept++] = items[i];
	look->all.num = kept;
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct hc_share *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static struct hc_error *find_all(struct look *look)
{
	const struct hc_head_pieces *pieces = look->pieces;
	struct hc_error *err =
		hc_process_parallel(look->scope->heap->process, pieces->num, find_some, look);

	for (size_t i = 0; !err && i < pieces->num; i++) {
		for (size_t k = 0; !err && k < look->found[i].num; k++)
			err = add(&look->all, &look->found[i].items[k]);
		free(look->found[i].items);
		look->found[i] = (struct hc_shares){0};
	}
	hc_sort(look->all.items, look->all.num, compare);
	return err;
}

struct hc_error *hc_shares_find(const struct hc_share_scope *scope,
				const struct hc_head_pieces *pieces, struct hc_shares *ret)
{
	hc_cleanup(look_deinit) struct look look = {.scope = scope, .pieces = pieces};
	struct hc_error *err = NULL;

	*ret = (struct hc_shares){0};
	if (!scope->rust && !scope->cxx)
		return NULL;
	look.found = calloc(pieces->num + 1, sizeof(*look.found));
	if (!look.found)
		return &hc_enomem;
	err = find_all(&look);
	if (!err && look.all.num)
		err = count_all(&look);
	if (err)
		return err;
	*ret = look.all;
	look.all = (struct hc_shares){0};
	return NULL;
}

void hc_shares_deinit(struct hc_shares *shares)
{
	free(shares->items);
	*shares = (struct hc_shares){0};
}

struct hc_error *hc_share_prove(const struct hc_share_scope *scope, const struct hc_chunk *chunk,
				bool *found, struct hc_container *ret)
{
	hc_cleanup(hc_head_pieces_deinit) struct hc_head_pieces pieces = {0};
	hc_cleanup(look_deinit) struct look look = {.scope = scope, .pieces = &pieces};
	struct known_vtable known[NUM_KNOWN] = {0};
	struct hc_share share;

	*found = false;
	if (!may_be(scope, chunk, known, &share))
		return NULL;
	struct hc_error *err = add(&look.all, &share);

	if (!err)
		err = hc_head_pieces_collect(scope->heap, &pieces);
	if (!err)
		err = count_all(&look);
	if (err || !look.all.num)
		return err;
	*found = true;
	*ret = hc_share_container(scope->heap, &look.all.items[0]);
	return NULL;
}
/**@}*/

struct hc_error *hc_share_scope_init(struct hc_target *target, uint32_t forms,
				     struct hc_share_scope *ret)
{
	struct hc_types *types;
	struct hc_error *err = hc_target_types(target, HC_TYPES_QUICK, &types);

	if (!err)
		*ret = (struct hc_share_scope){
			.heap = target->heap,
			.types = types,
			.rust = hc_types_rust(types)->program,
			.cxx = forms & HC_FORMS_OF_CXX,
		};
	return err;
}

struct hc_container hc_share_container(const struct hc_heap *heap, const struct hc_share *share)
{
	struct hc_chunk chunk = {0};

	hc_heap_chunk_at(heap, share->address, &chunk);
	return (struct hc_container){
		.kind = share->library == HC_LIBRARY_RUST ? HC_CONTAINER_RC : HC_CONTAINER_SHARED,
		.library = share->library,
		.head = share->address,
		.elements = HC_UNKNOWN_ELEMENTS,
		.arrays = {1, chunk.size},
		.uses = share->uses,
		.weak = share->weak,
	};
}
