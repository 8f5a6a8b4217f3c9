/**
 * @file
 * Looking through memory for places that are likely heads; see pass.h.
 *
 * Most words point nowhere. One that points into the heap is tried as each word of a head that
 * would have to; the words around it rule out nearly all, before anything that it leads to is
 * looked at.
 */
#include "analyzers/containers/pass.h"

#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Bytes of one task: what is found in it is kept until all before it was walked. */
#define PIECE_BYTES (UINT64_C(1) << 20)

/** @name Pieces */
/**@{*/

/** Kinds of roots before chunks, and behind them. */
static const enum hc_root_kind before[] = {HC_ROOT_DATA, HC_ROOT_TLS};
static const enum hc_root_kind behind[] = {HC_ROOT_OTHER, HC_ROOT_STACK};

static struct hc_error *add_piece(struct hc_head_pieces *pieces, struct hc_head_piece piece)
{
	struct hc_error *err = hc_array_reserve(&pieces->items, pieces->num, sizeof(piece));

	if (!err)
		pieces->items[pieces->num++] = piece;
	return err;
}

/** The bytes of a root that are there. */
static struct hc_error *add_root(const struct hc_heap *heap, struct hc_head_pieces *pieces,
				 const struct hc_root *root)
{
	struct hc_error *err = NULL;
	struct hc_piece piece;
	uint64_t at = root->start;

	while (!err &&
	       hc_memory_next_piece(&heap->process->memory, &at, root->end, PIECE_BYTES, &piece))
		err = add_piece(pieces, (struct hc_head_piece){root, piece.start, piece.end, {0}});
	return err;
}

static struct hc_error *add_roots(const struct hc_heap *heap, struct hc_head_pieces *pieces,
				  size_t num, enum hc_root_kind kind)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < num; i++)
		if (pieces->roots[i].kind == kind)
			err = add_root(heap, pieces, &pieces->roots[i]);
	return err;
}

struct hc_error *hc_head_pieces_collect(const struct hc_heap *heap, struct hc_head_pieces *ret)
{
	hc_cleanup(hc_head_pieces_deinit) struct hc_head_pieces pieces = {0};
	size_t num_roots = 0, num_slices = 0;
	struct hc_error *err = hc_roots_collect(heap, &pieces.roots, &num_roots);

	if (!err)
		err = hc_heap_slices(heap, PIECE_BYTES, &pieces.slices, &num_slices);
	for (size_t i = 0; !err && i < sizeof(before) / sizeof(*before); i++)
		err = add_roots(heap, &pieces, num_roots, before[i]);
	for (size_t i = 0; !err && i < num_slices; i++)
		err = add_piece(&pieces, (struct hc_head_piece){.slice = pieces.slices[i]});
	for (size_t i = 0; !err && i < sizeof(behind) / sizeof(*behind); i++)
		err = add_roots(heap, &pieces, num_roots, behind[i]);
	if (err)
		return err;
	*ret = pieces;
	pieces = (struct hc_head_pieces){0};
	return NULL;
}

void hc_head_pieces_deinit(struct hc_head_pieces *pieces)
{
	free(pieces->roots);
	free(pieces->slices);
	free(pieces->items);
}
/**@}*/

struct hc_referrer hc_head_place(const struct hc_heap *heap, const struct hc_root *root,
				 uint64_t address)
{
	struct hc_referrer place = {.address = address, .root = HC_ROOT_OTHER};

	hc_memory_word(&heap->process->memory, address, &place.value);
	if (root) {
		place.root = root->kind;
		place.thread = root->thread;
		place.mapping = root->mapping;
	} else {
		place.in_chunk = hc_heap_chunk_at(heap, address, &place.chunk);
	}
	return place;
}

/** @name Looking */
/**@{*/

/** A chunk, or a piece of a root. */
struct look {
	const struct hc_heap *heap;
	uint64_t start,
		address; /**< where the chunk or the root begins, and what is looked at of it */
	struct hc_bytes bytes;
	bool whole;     /**< heads end where these bytes do */
	uint32_t forms; /**< that there can be */
	struct hc_likelies *ret;
};

/** Forms by the word of their head that is the start of a chunk, or only in one. */
static const enum hc_form by_first[] = {
	HC_FORM_CXX_TREE,   HC_FORM_LIST,   HC_FORM_STD_DEQUE,        HC_FORM_CXX_DEQUE,
	HC_FORM_STD_STRING, HC_FORM_VECTOR, HC_FORM_VEC + HC_VEC_BCL, HC_FORM_VEC + HC_VEC_BLC};
static const enum hc_form by_second[] = {HC_FORM_VEC + HC_VEC_CBL, HC_FORM_VEC + HC_VEC_LBC};
static const enum hc_form by_third[] = {HC_FORM_STD_TREE, HC_FORM_HASH, HC_FORM_CXX_STRING,
					HC_FORM_VEC + HC_VEC_CLB, HC_FORM_VEC + HC_VEC_LCB};
static const enum hc_form inner[] = {HC_FORM_SHORT}, swiss[] = {HC_FORM_SWISS};

/** Whether a head may be there, whose words may go on behind the bytes at hand. */
static bool fits(const struct look *look, uint64_t address, enum hc_form form)
{
	uint64_t offset = address - look->address;
	struct hc_bytes rest;

	if (address < look->address)
		return true;
	rest = (struct hc_bytes){look->bytes.data + offset, look->bytes.size - offset};
	return hc_form_fits(form, look->heap, address, rest) ||
	       (!look->whole && rest.size < (uint64_t)HC_HEAD_WORDS * look->heap->word_size);
}

static struct hc_error *try_form(const struct look *look, uint64_t address, enum hc_form form)
{
	struct hc_likelies *ret = look->ret;
	struct hc_error *err;
	struct hc_head head;

	if (!(look->forms >> form & 1) || !fits(look, address, form) ||
	    !hc_head_read(look->heap, address, &head) || !hc_form_likely(form, look->heap, &head))
		return NULL;
	err = hc_array_reserve(&ret->items, ret->num, sizeof(*ret->items));
	if (!err)
		ret->items[ret->num++] = (struct hc_likely){address, form};
	return err;
}

/** Try forms of a head of which @p at is the word @p index. */
static struct hc_error *try_forms(const struct look *look, uint64_t at, unsigned index,
				  const enum hc_form *forms, size_t num)
{
	uint64_t bytes = (uint64_t)index * look->heap->word_size;
	struct hc_error *err = NULL;

	if (at - look->start >= bytes)
		for (size_t i = 0; !err && i < num; i++)
			err = try_form(look, at - bytes, forms[i]);
	return err;
}

#define TRY(look, at, index, forms)                                                                \
	try_forms(look, at, index, forms, sizeof(forms) / sizeof(*(forms)))

/** The words that are at hand. */
static struct hc_error *look_at(const struct look *look)
{
	const struct hc_heap *heap = look->heap;
	bool has_others = look->forms & ~(UINT32_C(1) << HC_FORM_SWISS);
	unsigned word = heap->word_size;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i + word <= look->bytes.size; i += word) {
		uint64_t value = hc_read_word(look->bytes.data + i, word, heap->big_endian);
		uint64_t at = look->address + i;

		if (value == at + 2 * word)
			err = TRY(look, at, 0, inner);
		if (value - heap->lowest >= heap->highest - heap->lowest)
			continue;
		if (!err && has_others)
			err = TRY(look, at, 0, by_first);
		if (!err && has_others)
			err = TRY(look, at, 1, by_second);
		if (!err && has_others)
			err = TRY(look, at, 2, by_third);
		if (!err && !(value % HC_SWISS_GROUP))
			err = TRY(look, at, 0, swiss);
		if (!err && !(value % HC_SWISS_GROUP))
			err = TRY(look, at, 1, swiss);
	}
	return err;
}

static int compare(const void *a, const void *b)
{
	const struct hc_likely *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->form > y->form) - (x->form < y->form);
}

struct hc_error *hc_head_piece_look(const struct hc_heap *heap, const struct hc_head_piece *piece,
				    uint32_t forms, struct hc_likelies *ret)
{
	struct look look = {.heap = heap, .forms = forms, .ret = ret};
	struct hc_error *err = NULL;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	size_t kept = 0;

	if (piece->root) {
		uint64_t skip = -piece->start % heap->word_size;

		look.start = piece->root->start;
		look.address = piece->start + skip;
		look.bytes = hc_memory_view(&heap->process->memory, look.address,
					    piece->end - look.address);
		err = look_at(&look);
	} else {
		look.whole = true;
		hc_chunk_iter_kinds(&iter, heap, piece->slice, HC_KINDS_IN_USE);
		while (!err && hc_chunk_iter_next(&iter, &chunk)) {
			look.start = look.address = chunk.address;
			look.bytes = hc_chunk_bytes(heap, &chunk);
			err = look_at(&look);
		}
	}
	hc_sort(ret->items, ret->num, compare);
	/* What two of its words led to stands there twice. */
	for (size_t i = 0; i < ret->num; i++)
		if (!i || compare(&ret->items[i], &ret->items[kept - 1]))
			ret->items[kept++] = ret->items[i];
	ret->num = kept;
	return err;
}
/**@}*/
