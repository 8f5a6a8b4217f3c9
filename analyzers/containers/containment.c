/**
 * @file
 * From a chunk up to its container: by parents, by the ring, or by who points to it.
 */
#include "analyzers/containers/counted.h"
#include "analyzers/containers/pass.h"
#include "analyzers/containers/shares.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Levels of a tree: a red-black tree of 2^64 nodes has no more. */
#define MAX_DEPTH 128

struct search {
	struct hc_container_reader reader;
	const struct hc_heap *heap;
	uint32_t forms;
	struct hc_containment *ret;
};

/** Whether there is a head of some form at an address, of which what is sought is a part. */
static bool try_head(struct search *search, uint64_t address, enum hc_form form,
		     enum hc_container_part part)
{
	struct hc_head head;
	struct hc_container container;

	search->reader.ordinal = 0;
	if (!(search->forms >> form & 1) || !hc_head_read(search->heap, address, &head) ||
	    !hc_form_likely(form, search->heap, &head) ||
	    !hc_form_prove(form, &search->reader, &head, &container) ||
	    (part == HC_PART_NODE && !search->reader.ordinal))
		return false;
	*search->ret = (struct hc_containment){
		.found = true,
		.part = part,
		.ordinal =
			form == HC_FORM_LIST || part != HC_PART_NODE ? 0 : search->reader.ordinal,
		.container = container,
	};
	return true;
}

/** @name Nodes */
/**@{*/

/** Up by parents, to where there is no node but a head. @param parent index of that word */
static bool climb(struct search *search, uint64_t node, unsigned parent, enum hc_form form)
{
	unsigned word = search->heap->word_size;
	uint64_t up;

	for (unsigned i = 0; i < MAX_DEPTH; i++) {
		if (!hc_memory_word(&search->heap->process->memory, node + parent * word, &up) ||
		    up < word)
			return false;
		if (try_head(search, up - word, form, HC_PART_NODE))
			return true;
		node = up;
	}
	return false;
}

/** The next of a ring, which must know that this one is before it; 0: it is no ring. */
static uint64_t next_of_ring(struct search *search, uint64_t at)
{
	const struct hc_memory *memory = &search->heap->process->memory;
	uint64_t next, back;

	if (!hc_container_step(&search->reader, 1) || !hc_memory_word(memory, at, &next) ||
	    !hc_memory_word(memory, next + search->heap->word_size, &back) || back != at)
		return 0;
	return next;
}

/** The ring that a chunk is in: its head is the member that counts the others. */
static bool go_round(struct search *search, uint64_t node)
{
	const struct hc_memory *memory = &search->heap->process->memory;
	uint64_t num = 0, at = node, count;

	do {
		at = next_of_ring(search, at);
		if (!at || num++ > search->reader.max_nodes)
			return false;
	} while (at != node);
	for (uint64_t i = 0; at && i < num; i++) {
		if (num > 1 && hc_memory_word(memory, at + 2 * search->heap->word_size, &count) &&
		    count == num - 1 && try_head(search, at, HC_FORM_LIST, HC_PART_NODE))
			return true;
		at = next_of_ring(search, at);
	}
	return false;
}

static bool find_by_links(struct search *search, const struct hc_chunk *chunk)
{
	search->reader.sought = chunk->address;
	return climb(search, chunk->address, 1, HC_FORM_STD_TREE) ||
	       climb(search, chunk->address, 2, HC_FORM_CXX_TREE) ||
	       go_round(search, chunk->address);
}
/**@}*/

/** @name Arrays, and the first node of a chain */
/**@{*/

/** Forms whose head points to an array at its start, and by which word. */
static const struct {
	enum hc_form form;
	unsigned word;
	enum hc_container_part part; /**< that this word points to */
} by_pointer[] = {
	{HC_FORM_HASH, 2, HC_PART_NODE},
	{HC_FORM_HASH, 0, HC_PART_ARRAY},
	{HC_FORM_STD_DEQUE, 0, HC_PART_ARRAY},
	{HC_FORM_CXX_DEQUE, 0, HC_PART_ARRAY},
	{HC_FORM_STD_DEQUE, 3, HC_PART_ARRAY},
	{HC_FORM_STD_DEQUE, 7, HC_PART_ARRAY},
	{HC_FORM_VECTOR, 0, HC_PART_ARRAY},
	{HC_FORM_STD_STRING, 0, HC_PART_ARRAY},
	{HC_FORM_CXX_STRING, 2, HC_PART_ARRAY},
	{HC_FORM_VEC + HC_VEC_CBL, 1, HC_PART_ARRAY},
	{HC_FORM_VEC + HC_VEC_BCL, 0, HC_PART_ARRAY},
	{HC_FORM_VEC + HC_VEC_BLC, 0, HC_PART_ARRAY},
	{HC_FORM_VEC + HC_VEC_LBC, 1, HC_PART_ARRAY},
	{HC_FORM_VEC + HC_VEC_CLB, 2, HC_PART_ARRAY},
	{HC_FORM_VEC + HC_VEC_LCB, 2, HC_PART_ARRAY},
};

static bool find_by_referrer(struct search *search, uint64_t address, uint64_t sought)
{
	unsigned word = search->heap->word_size;

	for (size_t i = 0; i < sizeof(by_pointer) / sizeof(*by_pointer); i++) {
		uint64_t offset = by_pointer[i].word * word;

		search->reader.sought = sought;
		if (address >= offset &&
		    try_head(search, address - offset, by_pointer[i].form, by_pointer[i].part))
			return true;
	}
	return false;
}

/** Tables of hashbrown are pointed to where their slots end and their control bytes begin. */
static bool find_table(struct search *search, uint64_t address)
{
	unsigned word = search->heap->word_size;

	return try_head(search, address, HC_FORM_SWISS, HC_PART_ARRAY) ||
	       (address >= word && try_head(search, address - word, HC_FORM_SWISS, HC_PART_ARRAY));
}

static bool find_by_referrers(struct search *search, const struct hc_chunk *chunk,
			      const struct hc_referrers *referrers)
{
	for (size_t i = 0; i < referrers->num; i++) {
		const struct hc_referrer *referrer = &referrers->items[i];

		if (!referrer->address)
			continue;
		if (referrer->value == chunk->address
			    ? find_by_referrer(search, referrer->address, chunk->address)
			    : find_table(search, referrer->address))
			return true;
	}
	return false;
}
/**@}*/

/** Whether the address is in a head, and of what: the nearest place before it that is one. */
static bool find_head(struct search *search, uint64_t address)
{
	unsigned word = search->heap->word_size;

	address -= address % word;
	search->reader.sought = 0;
	for (unsigned back = 0; back < HC_HEAD_WORDS && address >= back * word; back++)
		for (enum hc_form form = 0; form < HC_NUM_FORMS; form++)
			if (back < hc_form_words(form) &&
			    try_head(search, address - back * word, form, HC_PART_HEAD))
				return true;
	return false;
}

/** The root that an address is in, if it is in one. */
static struct hc_error *find_place(const struct hc_heap *heap, struct hc_container *container)
{
	hc_cleanup_free struct hc_root *roots = NULL;
	size_t num;
	struct hc_error *err = hc_roots_collect(heap, &roots, &num);

	if (err)
		return err;
	size_t i = hc_lower_bound(num, k, roots[k].end <= container->head);
	bool inside = i < num && roots[i].start <= container->head;

	container->place = hc_head_place(heap, inside ? &roots[i] : NULL, container->head);
	return NULL;
}

struct hc_error *hc_containers_of(struct hc_target *target, uint64_t address,
				  const struct hc_chunk *chunk,
				  const struct hc_referrers *referrers, struct hc_containment *ret)
{
	struct hc_containment found = {0};
	const struct hc_heap *heap = target->heap;
	struct search search = {.heap = heap, .ret = &found};
	struct hc_error *err = hc_forms_of(target, &search.forms);

	if (err)
		return err;
	hc_container_reader_init(heap, &search.reader);
	if (!chunk ||
	    (!find_by_links(&search, chunk) && !find_by_referrers(&search, chunk, referrers)))
		find_head(&search, address);
	if (found.found)
		err = find_place(heap, &found.container);
	if (!err)
		*ret = found;
	return err;
}

/** By its class, or else by its owners. */
static struct hc_error *find_counts(struct hc_target *target, const struct hc_chunk *chunk,
				    bool *found, struct hc_container *ret)
{
	hc_cleanup(hc_counted_deinit) struct hc_counted counted = {0};
	struct hc_share_scope scope;
	uint32_t forms = 0;
	struct hc_error *err = hc_counted_init(target, &counted);

	if (!err)
		err = hc_forms_of(target, &forms);
	if (!err)
		err = hc_share_scope_init(target, forms, &scope);
	if (err)
		return err;
	*found = hc_counted_prove(&counted, chunk, ret);
	return *found ? NULL : hc_share_prove(&scope, chunk, found, ret);
}

struct hc_error *hc_containers_counted(struct hc_target *target, const struct hc_chunk *chunk,
				       struct hc_containment *ret)
{
	struct hc_containment found = {.part = HC_PART_HEAD};
	struct hc_error *err = find_counts(target, chunk, &found.found, &found.container);

	*ret = (struct hc_containment){0};
	if (err || !found.found)
		return err;
	err = find_place(target->heap, &found.container);
	if (!err)
		*ret = found;
	return err;
}
