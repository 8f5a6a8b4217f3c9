/**
 * @file
 * What all forms share: reading heads and chunks, claims, and the table of forms.
 */
#include "analyzers/containers/forms.h"

#include "analyzers/types/types.h"

/** Steps for each chunk of the heap: an honest container is walked three times at most. */
#define STEPS_PER_CHUNK 16
/** And for heaps that have hardly any. */
#define STEPS_AT_LEAST (UINT64_C(1) << 20)
/** Between two questions whether to go on. */
#define STEPS_A_LOOK 65536

void hc_container_reader_init(const struct hc_heap *heap, struct hc_container_reader *ret)
{
	uint64_t chunks = hc_heap_num_chunks(heap);

	*ret = (struct hc_container_reader){
		.heap = heap,
		.max_nodes = chunks,
		.steps = STEPS_AT_LEAST + chunks * STEPS_PER_CHUNK,
	};
}

bool hc_container_step(struct hc_container_reader *reader, uint64_t steps)
{
	if (reader->steps < steps) {
		reader->steps = 0;
		return false;
	}
	reader->steps -= steps;
	return reader->steps % STEPS_A_LOOK || !hc_watch_cancelled(reader->heap->process->watch);
}

bool hc_head_read(const struct hc_heap *heap, uint64_t address, struct hc_head *ret)
{
	const struct hc_memory *memory = &heap->process->memory;
	unsigned word = heap->word_size;
	struct hc_bytes bytes = hc_memory_view(memory, address, (uint64_t)HC_HEAD_WORDS * word);
	struct hc_head head = {.address = address};
	bool inside = true;
	struct hc_chunk chunk;

	if (hc_heap_chunk_at(heap, address, &chunk)) {
		uint64_t offset = address - chunk.address;

		if (chunk.state != HC_IN_USE || address < chunk.address || offset >= chunk.usable)
			return false;
		if (bytes.size > chunk.usable - offset)
			bytes.size = chunk.usable - offset;
		inside = offset >= word;
	}
	head.num = bytes.size / word;
	for (unsigned i = 0; i < head.num; i++)
		head.words[i] = hc_read_word(bytes.data + i * word, word, heap->big_endian);
	head.has_before =
		inside && address >= word && hc_memory_word(memory, address - word, &head.before);
	head.bytes = (struct hc_bytes){bytes.data, (size_t)head.num * word};
	if (head.num)
		*ret = head;
	return head.num;
}

/** @name Parts */
/**@{*/

bool hc_part_read(const struct hc_heap *heap, uint64_t address, uint64_t size, struct hc_part *ret)
{
	const struct hc_span *span = hc_heap_span(heap, address);
	uint64_t unit;

	if (!span || !hc_span_starts_at(span, address - span->base, &unit))
		return false;
	hc_span_chunk(heap, span, unit, &ret->chunk);
	if (ret->chunk.state != HC_IN_USE)
		return false;
	ret->bytes = hc_chunk_bytes(heap, &ret->chunk);
	hc_chunk_request(heap, &ret->chunk, &ret->min, &ret->max);
	return ret->bytes.size >= size;
}

uint64_t hc_part_word(const struct hc_heap *heap, const struct hc_part *part, size_t index)
{
	unsigned word = heap->word_size;

	return hc_read_word(part->bytes.data + index * word, word, heap->big_endian);
}

static size_t span_of(const struct hc_container_reader *reader, const struct hc_chunk *chunk)
{
	return chunk->span - reader->heap->spans;
}

bool hc_is_claimed(const struct hc_container_reader *reader, const struct hc_chunk *chunk)
{
	return reader->claimed &&
	       hc_plane_has(reader->layout, reader->claimed, span_of(reader, chunk), chunk->unit);
}

bool hc_claim(const struct hc_container_reader *reader, const struct hc_chunk *chunk)
{
	if (!reader->claimed)
		return true;
	if (hc_is_claimed(reader, chunk))
		return false;
	hc_plane_set(reader->layout, reader->claimed, span_of(reader, chunk), chunk->unit);
	return true;
}

void hc_unclaim(const struct hc_container_reader *reader, const struct hc_chunk *chunk)
{
	if (reader->claimed)
		*hc_plane_word(reader->layout, reader->claimed, span_of(reader, chunk),
			       chunk->unit) &= ~(UINT64_C(1) << chunk->unit % HC_UNITS_PER_BLOCK);
}
/**@}*/

/** @name Forms */
/**@{*/

/** Whether a library is that of C++, or the program can't be asked. */
static bool may_be_cxx(const struct hc_modules *modules)
{
	const struct hc_module *program = hc_modules_program(modules);

	for (size_t i = 0; i < modules->num; i++) {
		const char *name = hc_base_name(modules->items[i].path);

		if (name && (!strncmp(name, "libstdc++.", 10) || !strncmp(name, "libc++.", 7)))
			return true;
	}
	/* Names of classes are in files. */
	return !program || program->status != HC_FILE_MATCHED;
}

struct hc_error *hc_forms_of(struct hc_target *target, uint32_t *ret)
{
	struct hc_types *types;
	struct hc_error *err = hc_target_types(target, HC_TYPES_QUICK, &types);

	if (err)
		return err;
	const struct hc_rust *rust = hc_types_rust(types);

	*ret = UINT32_C(1) << HC_FORM_SWISS;
	if (may_be_cxx(&target->process->modules) || hc_types_have_typeinfo(types))
		*ret |= HC_FORMS_OF_CXX;
	if (rust->program && rust->has_order)
		*ret |= UINT32_C(1) << (HC_FORM_VEC + rust->order);
	return NULL;
}

struct form {
	unsigned words;      /**< of a head, at least */
	unsigned count;      /**< index of the word that counts elements; 0: none does */
	unsigned node;       /**< index of a word that points to the start of a chunk … */
	unsigned node_words; /**< … of so many words at least */
	enum hc_container_kind kind;
	enum hc_container_library library;
	hc_prove_fn prove;
	bool quick; /**< the proof follows no chain: it is as good as a look */
};

static const struct form forms[HC_NUM_FORMS] = {
	[HC_FORM_STD_TREE] = {6, 5, 2, 4, HC_CONTAINER_TREE, HC_LIBRARY_STDCXX, hc_prove_std_tree},
	[HC_FORM_CXX_TREE] = {3, 2, 1, 4, HC_CONTAINER_TREE, HC_LIBRARY_CXX, hc_prove_cxx_tree},
	[HC_FORM_HASH] = {5, 3, 2, 1, HC_CONTAINER_HASH, HC_LIBRARY_EITHER, hc_prove_hash},
	[HC_FORM_LIST] = {3, 2, 0, 2, HC_CONTAINER_LIST, HC_LIBRARY_EITHER, hc_prove_list},
	[HC_FORM_STD_DEQUE] = {10, 0, 0, 1, HC_CONTAINER_DEQUE, HC_LIBRARY_STDCXX,
			       hc_prove_std_deque},
	[HC_FORM_CXX_DEQUE] = {6, 0, 0, 1, HC_CONTAINER_DEQUE, HC_LIBRARY_CXX, hc_prove_cxx_deque},
	[HC_FORM_VECTOR] = {3, 0, 0, 1, HC_CONTAINER_VECTOR, HC_LIBRARY_EITHER, hc_prove_vector,
			    true},
	[HC_FORM_STD_STRING] = {3, 0, 0, 1, HC_CONTAINER_STRING, HC_LIBRARY_STDCXX,
				hc_prove_std_string, true},
	[HC_FORM_CXX_STRING] = {3, 0, 2, 1, HC_CONTAINER_STRING, HC_LIBRARY_CXX,
				hc_prove_cxx_string, true},
	[HC_FORM_SHORT] = {4, 0, 0, 0, HC_CONTAINER_STRING, HC_LIBRARY_STDCXX, hc_prove_short,
			   true},
	[HC_FORM_SWISS] = {4, 0, 0, 0, HC_CONTAINER_SWISS, HC_LIBRARY_RUST, hc_prove_swiss},
	[HC_FORM_VEC...
		HC_FORM_VEC_LAST] = {3, 0, 0, 0, HC_CONTAINER_VEC, HC_LIBRARY_RUST, NULL, true},
};

static bool prove(enum hc_form form, struct hc_container_reader *reader, const struct hc_head *head,
		  struct hc_container *ret)
{
	return forms[form].prove ? forms[form].prove(reader, head, ret)
				 : hc_prove_vec(reader, head, form - HC_FORM_VEC, ret);
}

/** Whether a word of a head may point into the heap. */
static bool in_heap(const struct hc_heap *heap, uint64_t address)
{
	return address - heap->lowest < heap->highest - heap->lowest;
}

/** Whether a heap has room for as many things of so many bytes, and there is one. */
static bool has_room(const struct hc_heap *heap, uint64_t num, uint64_t bytes)
{
	return num - 1 < (heap->highest - heap->lowest) / bytes;
}

bool hc_form_fits(enum hc_form form, const struct hc_heap *heap, uint64_t address,
		  struct hc_bytes bytes)
{
	const struct form *of = &forms[form];
	unsigned word = heap->word_size;

#define W(i) hc_read_word(bytes.data + (i)*word, word, heap->big_endian)
	if (bytes.size < of->words * word || (of->count && !has_room(heap, W(of->count), word)))
		return false;
	switch (form) {
	case HC_FORM_STD_TREE:
		return in_heap(heap, W(3)) && in_heap(heap, W(4));
	case HC_FORM_CXX_TREE:
		return in_heap(heap, W(0));
	case HC_FORM_LIST:
		return in_heap(heap, W(1));
	case HC_FORM_HASH:
		return has_room(heap, W(1), word) &&
		       (in_heap(heap, W(0)) || W(0) == address + 6 * word);
	case HC_FORM_STD_DEQUE:
		return W(3) < W(4) && W(7) < W(8) && W(5) >= W(0) && W(9) >= W(5) && W(2) >= W(3) &&
		       W(6) >= W(7);
	case HC_FORM_CXX_DEQUE:
		return W(0) <= W(1) && W(1) < W(2) && W(2) <= W(3) && W(5);
	case HC_FORM_VECTOR:
		return W(0) <= W(1) && W(1) <= W(2) && has_room(heap, W(2) - W(0), 1);
	case HC_FORM_STD_STRING:
		return W(1) <= W(2) && has_room(heap, W(2), 1);
	case HC_FORM_CXX_STRING:
		return (W(0) & 1) && W(1) < W(0) && has_room(heap, W(0), 1);
	case HC_FORM_SHORT:
		return W(0) == address + 2 * word;
	case HC_FORM_SWISS:
		return has_room(heap, W(3), 1) && !((W(0) & (W(0) + 1)) && (W(1) & (W(1) + 1)));
	default:
		break;
	}
	const struct hc_vec_form *vec = &hc_vec_forms[form - HC_FORM_VEC];

	return in_heap(heap, W(vec->body)) && has_room(heap, W(vec->capacity), 1) &&
	       W(vec->length) <= W(vec->capacity);
#undef W
}

/** What the first node says of the head. */
static bool agrees(enum hc_form form, const struct hc_heap *heap, const struct hc_head *head,
		   const struct hc_part *node)
{
	unsigned word = heap->word_size;

	switch (form) {
	case HC_FORM_STD_TREE:
		return hc_part_word(heap, node, 1) == head->address + word;
	case HC_FORM_CXX_TREE:
		return hc_part_word(heap, node, 2) == head->address + word;
	case HC_FORM_LIST:
		return hc_part_word(heap, node, 1) == head->address;
	default:
		return true;
	}
}

unsigned hc_form_words(enum hc_form form)
{
	return forms[form].words;
}

bool hc_form_likely(enum hc_form form, const struct hc_heap *heap, const struct hc_head *head)
{
	const struct form *of = &forms[form];
	struct hc_part node;

	if (!hc_form_fits(form, heap, head->address, head->bytes))
		return false;
	if (of->node_words && !hc_part_read(heap, head->words[of->node],
					    (uint64_t)of->node_words * heap->word_size, &node))
		return false;
	if (!of->quick)
		return agrees(form, heap, head, &node);
	struct hc_container_reader reader = {.heap = heap, .steps = 1};
	struct hc_container container = {0};

	return prove(form, &reader, head, &container);
}

bool hc_form_prove(enum hc_form form, struct hc_container_reader *reader,
		   const struct hc_head *head, struct hc_container *ret)
{
	const struct form *of = &forms[form];
	struct hc_container container = {
		.kind = of->kind,
		.library = of->library,
		.head = head->address,
		.elements = of->count ? head->words[of->count] : HC_UNKNOWN_ELEMENTS,
	};

	if (of->count && container.elements > reader->max_nodes)
		return false;
	if (!prove(form, reader, head, &container))
		return false;
	*ret = container;
	return true;
}
/**@}*/
