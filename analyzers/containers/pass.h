/**
 * @file
 * The pass over all memory that may hold heads: pieces of it in the order in which heads are
 * believed, and which places in a piece are likely ones.
 */
#ifndef HC_ANALYZERS_CONTAINERS_PASS_H
#define HC_ANALYZERS_CONTAINERS_PASS_H

#include "analyzers/containers/forms.h"
#include "analyzers/reachability/roots.h"

/** A part of a root, or, with @ref root NULL, a slice of the heap. */
struct hc_head_piece {
	const struct hc_root *root;
	uint64_t start, end; /**< of the root's words */
	struct hc_slice slice;
};

struct hc_head_pieces {
	struct hc_root *roots;
	struct hc_slice *slices;
	struct hc_head_piece *items; /**< variables, thread-local storage, chunks, others, stacks */
	size_t num;
};

struct hc_error *hc_head_pieces_collect(const struct hc_heap *heap, struct hc_head_pieces *ret);
void hc_head_pieces_deinit(struct hc_head_pieces *pieces);

/** Where a head lies. @param root that it is in; NULL: it is in a chunk, or nowhere */
struct hc_referrer hc_head_place(const struct hc_heap *heap, const struct hc_root *root,
				 uint64_t address);

/** A likely place, by address. */
struct hc_likely {
	uint64_t address;
	enum hc_form form;
};

struct hc_likelies {
	struct hc_likely *items; /**< by address */
	size_t num;
};

/**
 * Look through a piece. Safe from several threads.
 *
 * @param forms that there can be: hc_forms_of()
 * @param ret empty; its items are freed by the caller
 */
struct hc_error *hc_head_piece_look(const struct hc_heap *heap, const struct hc_head_piece *piece,
				    uint32_t forms, struct hc_likelies *ret);

#endif
