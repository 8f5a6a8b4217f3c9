/**
 * @file
 * From a chunk up to its container: by parents, by the ring, or by who points to it.
 */
#include "analyzers/containers/forms.h"

/** Levels of a tree: a red-black tree of 2^64 nodes has no more. */
#define MAX_DEPTH 128

struct search {
	struct hc_container_reader reader;
	const struct hc_heap *heap;
	struct hc_containment *ret;
};

/** Whether there is a head of some form at an address, of which @p chunk is a part. */
static bool try_head(struct search *search, uint64_t address, enum hc_form form, bool is_head)
{
	struct hc_head head;
	struct hc_container container;

	search->reader.ordinal = 0;
	if (!hc_head_read(search->heap, address, &head) ||
	    !hc_form_likely(form, search->heap, &head) ||
	    !hc_form_prove(form, &search->reader, &head, &container) ||
	    (!is_head && search->reader.sought && !search->reader.ordinal))
		return false;
	*search->ret = (struct hc_containment){
		.found = true,
		.is_head = is_head,
		.ordinal = is_head ? 0 : search->reader.ordinal,
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
		if (try_head(search, up - word, form, false))
			return true;
		node = up;
	}
	return false;
}

/** The ring that a chunk is in: its head is the member that counts the others. */
static bool go_round(struct search *search, uint64_t node)
{
	const struct hc_memory *memory = &search->heap->process->memory;
	unsigned word = search->heap->word_size;
	uint64_t num = 0, at = node, count;

	do {
		if (num++ > search->reader.max_nodes || !hc_memory_word(memory, at, &at))
			return false;
	} while (at != node);
	for (uint64_t i = 0; i < num; i++) {
		if (hc_memory_word(memory, at + 2 * word, &count) && count == num - 1 && count &&
		    try_head(search, at, HC_FORM_LIST, false))
			return true;
		if (!search->reader.steps || !hc_memory_word(memory, at, &at))
			return false;
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
	bool node; /**< it is a node that this word points to */
} by_pointer[] = {
	{HC_FORM_HASH, 2, true},        {HC_FORM_HASH, 0, false},
	{HC_FORM_STD_DEQUE, 0, false},  {HC_FORM_CXX_DEQUE, 0, false},
	{HC_FORM_STD_DEQUE, 3, false},  {HC_FORM_STD_DEQUE, 7, false},
	{HC_FORM_VECTOR, 0, false},     {HC_FORM_STD_STRING, 0, false},
	{HC_FORM_CXX_STRING, 2, false},
};

static bool find_by_referrer(struct search *search, uint64_t address, uint64_t sought)
{
	unsigned word = search->heap->word_size;

	for (size_t i = 0; i < sizeof(by_pointer) / sizeof(*by_pointer); i++) {
		uint64_t offset = by_pointer[i].word * word;

		search->reader.sought = by_pointer[i].node ? sought : 0;
		if (address >= offset &&
		    try_head(search, address - offset, by_pointer[i].form, false))
			return true;
	}
	return false;
}

static bool find_by_referrers(struct search *search, const struct hc_chunk *chunk,
			      const struct hc_referrers *referrers)
{
	for (size_t i = 0; i < referrers->num; i++) {
		const struct hc_referrer *referrer = &referrers->items[i];

		if (referrer->address && referrer->value == chunk->address &&
		    find_by_referrer(search, referrer->address, chunk->address))
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
			    try_head(search, address - back * word, form, true))
				return true;
	return false;
}

void hc_containers_of(const struct hc_heap *heap, uint64_t address, const struct hc_chunk *chunk,
		      const struct hc_referrers *referrers, struct hc_containment *ret)
{
	struct search search = {.heap = heap, .ret = ret};

	*ret = (struct hc_containment){0};
	hc_container_reader_init(heap, &search.reader);
	if (chunk &&
	    (find_by_links(&search, chunk) || find_by_referrers(&search, chunk, referrers)))
		return;
	find_head(&search, address);
}
