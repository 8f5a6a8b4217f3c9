/**
 * @file
 * What is known about one address.
 *
 * Who points to it is found in one pass over everything that may hold a pointer: roots and spans.
 * Words are compared with the range of the chunk first; only for a match is it asked whether the
 * place belongs to a chunk in use.
 */
#include "analyzers/inspect/what.h"

#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

#define TASK_BYTES (UINT64_C(4) << 20)
/** Bytes shown of an address that is in no chunk. */
#define PLAIN_BYTES 256

/** @name Referrers */
/**@{*/

/** A range of memory that one worker searches. */
struct place {
	uint64_t start, end;
	const struct hc_root *root; /* NULL: part of a span */
};

struct found {
	struct hc_referrer *items;
	size_t num;
	uint64_t total;
};

struct hunt {
	const struct hc_process *process;
	const struct hc_heap *heap;
	struct hc_chunk target; /* when in_chunk */
	bool in_chunk;
	uint64_t start, size; /* pointers into [start, start + size) count */
	size_t max;           /* referrers kept */
	struct place *places;
	size_t num_places;
	struct found *found; /* of each place; index num_places: registers and pins */
};

/** Why a pointer that is not the start's address holds the chunk all the same. */
static void explain(const struct hunt *hunt, struct hc_referrer *referrer)
{
	const struct hc_chunk *target = &hunt->target;

	if (referrer->value - hunt->start >= hunt->size) {
		referrer->heuristic = HC_HEURISTIC_TAGGED;
		return;
	}
	referrer->heuristic = hc_heuristic_match(hunt->heap, target, referrer->value);
	if (referrer->heuristic == HC_HEURISTIC_CONVENTION)
		referrer->convention = hc_convention_of(hunt->heap, target->size,
							referrer->value - target->address);
}

/** Keep a referrer, unless there are enough before it. */
static struct hc_error *keep(const struct hunt *hunt, struct found *found,
			     const struct hc_referrer *referrer)
{
	found->total++;
	if (found->num == hunt->max)
		return NULL;
	struct hc_error *err = hc_array_reserve(&found->items, found->num, sizeof(*found->items));

	if (err)
		return err;
	found->items[found->num] = *referrer;
	if (hunt->in_chunk && referrer->value != hunt->target.address)
		explain(hunt, &found->items[found->num]);
	found->num++;
	return NULL;
}

/** A word that matches: is it in a root or in the usable bytes of another chunk in use? */
static struct hc_error *consider(const struct hunt *hunt, const struct place *place,
				 struct found *found, uint64_t address, uint64_t value)
{
	struct hc_referrer referrer = {.address = address, .value = value};

	if (place->root) {
		referrer.root = place->root->kind;
		referrer.thread = place->root->thread;
		referrer.mapping = place->root->mapping;
		return keep(hunt, found, &referrer);
	}
	if (!hc_heap_pointee(hunt->heap, address, &referrer.chunk) ||
	    referrer.chunk.state != HC_IN_USE)
		return NULL;
	if (hunt->in_chunk && referrer.chunk.address == hunt->target.address)
		return NULL;
	referrer.in_chunk = true;
	return keep(hunt, found, &referrer);
}

/** Whether a word is a tagged pointer to the target, in a process that has such pointers. */
static inline bool is_tagged(const struct hunt *hunt, uint64_t value)
{
	return (value & HC_TAGGED_POINTER) == hunt->start && hunt->in_chunk && hunt->heap->tagged &&
	       hc_tagged_form(value);
}

static struct hc_error *search_place(void *ctx, unsigned worker __attribute__((unused)),
				     size_t task)
{
	const struct hunt *hunt = ctx;
	const struct place *place = &hunt->places[task];
	const struct hc_memory *memory = &hunt->process->memory;
	const unsigned word = memory->word_size;
	uint64_t pos = place->start;

	while (pos < place->end) {
		struct hc_bytes bytes = hc_memory_view(memory, pos, place->end - pos);

		if (bytes.size < word) {
			const struct hc_extent *extent =
				hc_memory_find_next(memory, pos + bytes.size);

			if (!extent || extent->start >= place->end)
				break;
			pos = extent->start > pos ? extent->start : pos + word;
			continue;
		}
		for (size_t i = 0; i + word <= bytes.size; i += word) {
			uint64_t value = hc_read_word(bytes.data + i, word, memory->big_endian);

			if (value - hunt->start >= hunt->size && !is_tagged(hunt, value))
				continue;
			struct hc_error *err =
				consider(hunt, place, &hunt->found[task], pos + i, value);

			if (err)
				return err;
		}
		pos += bytes.size / word * word;
	}
	return NULL;
}

static struct hc_error *search_values(struct hunt *hunt)
{
	const struct hc_process *process = hunt->process;
	const char *const *names = process->core->machine->reg_names;
	struct found *found = &hunt->found[hunt->num_places];
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < process->threads.num; i++) {
		const struct hc_thread *thread = &process->threads.items[i];

		for (unsigned r = 0; !err && r < thread->num_regs; r++) {
			struct hc_referrer referrer = {
				.value = thread->regs[r],
				.root = HC_ROOT_REGISTER,
				.thread = thread,
				.detail = names ? names[r] : NULL,
			};

			if (referrer.value - hunt->start < hunt->size ||
			    is_tagged(hunt, referrer.value))
				err = keep(hunt, found, &referrer);
		}
	}
	for (size_t i = 0; !err && hunt->heap && i < hunt->heap->num_pins; i++) {
		struct hc_referrer referrer = {
			.value = hunt->heap->pins[i].address,
			.root = HC_ROOT_PIN,
			.detail = hunt->heap->pins[i].what,
		};

		if (referrer.value - hunt->start < hunt->size)
			err = keep(hunt, found, &referrer);
	}
	return err;
}

/**
 * Cut what the core has of [start, end) into tasks. @return how many; with @p places NULL they are
 * only counted
 */
static size_t cut(const struct hc_memory *memory, uint64_t start, uint64_t end,
		  const struct hc_root *root, struct place *places)
{
	struct hc_piece piece;
	size_t num = 0;

	while (hc_memory_next_piece(memory, &start, end, TASK_BYTES, &piece)) {
		if (places)
			places[num] = (struct place){piece.start, piece.end, root};
		num++;
	}
	return num;
}

static size_t cut_all(const struct hunt *hunt, const struct hc_root *roots, size_t num_roots,
		      struct place *places)
{
	const struct hc_memory *memory = &hunt->process->memory;
	const struct hc_heap *heap = hunt->heap;
	size_t num = 0;

	for (size_t i = 0; i < num_roots; i++)
		num += cut(memory, roots[i].start, roots[i].end, &roots[i],
			   places ? places + num : NULL);
	for (size_t i = 0; heap && i < heap->num_spans; i++)
		num += cut(memory, heap->spans[i].start, heap->spans[i].end, NULL,
			   places ? places + num : NULL);
	return num;
}

/** Cut roots and spans into tasks. */
static struct hc_error *find_places(struct hunt *hunt, const struct hc_root *roots,
				    size_t num_roots)
{
	size_t num = cut_all(hunt, roots, num_roots, NULL);

	hunt->places = calloc(num + 1, sizeof(*hunt->places));
	hunt->found = calloc(num + 1, sizeof(*hunt->found));
	if (!hunt->places || !hunt->found)
		return &hc_enomem;
	hunt->num_places = cut_all(hunt, roots, num_roots, hunt->places);
	return NULL;
}

static int compare_referrers(const void *a, const void *b)
{
	const struct hc_referrer *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static void gather_from(const struct found *found, struct hc_what *what)
{
	for (size_t i = 0; i < found->num; i++)
		what->referrers[what->num_referrers++] = found->items[i];
	what->total_referrers += found->total;
}

/**
 * Put the finds of all places together. Each kept its lowest, so the lowest of all are among them.
 */
static struct hc_error *gather(struct hunt *hunt, struct hc_what *what)
{
	size_t num = 0, values = hunt->found[hunt->num_places].num;

	for (size_t i = 0; i <= hunt->num_places; i++)
		num += hunt->found[i].num;
	what->referrers = calloc(num + 1, sizeof(*what->referrers));
	if (!what->referrers)
		return &hc_enomem;
	gather_from(&hunt->found[hunt->num_places], what);
	for (size_t i = 0; i < hunt->num_places; i++)
		gather_from(&hunt->found[i], what);
	qsort(what->referrers + values, num - values, sizeof(*what->referrers), compare_referrers);
	if (what->num_referrers > hunt->max)
		what->num_referrers = hunt->max;
	return NULL;
}

static struct hc_error *find_referrers(const struct hc_process *process, const struct hc_heap *heap,
				       size_t max, struct hc_what *what)
{
	/*
	 * Without a heap, every mapping that may hold a pointer is a root; with one, spans are
	 * searched too.
	 */
	const struct hc_heap no_heap = {.process = process};
	hc_cleanup_free struct hc_root *roots = NULL;
	struct hunt hunt = {
		.process = process,
		.heap = heap,
		.in_chunk = what->in_chunk,
		.target = what->chunk,
		.start = what->in_chunk ? what->chunk.address : what->address,
		.size = what->in_chunk && what->chunk.usable ? what->chunk.usable : 1,
		.max = max,
	};
	size_t num_roots;
	struct hc_error *err;

	err = hc_roots_collect(heap ? heap : &no_heap, &roots, &num_roots);
	if (err)
		return err;
	if (!(err = find_places(&hunt, roots, num_roots)) &&
	    !(err = hc_process_parallel(process, hunt.num_places, search_place, &hunt)) &&
	    !(err = search_values(&hunt)))
		err = gather(&hunt, what);
	for (size_t i = 0; hunt.found && i <= hunt.num_places; i++)
		free(hunt.found[i].items);
	free(hunt.found);
	free(hunt.places);
	return err;
}
/**@}*/

/** @name The address itself */
/**@{*/

static const struct hc_thread *owner(const struct hc_process *process, uint64_t address)
{
	for (size_t i = 0; i < process->threads.num; i++) {
		const struct hc_thread *thread = &process->threads.items[i];

		if ((address >= thread->guard_start && address < thread->stack_end) ||
		    (address >= thread->block_start && address < thread->block_end))
			return thread;
	}
	return NULL;
}

static void describe_place(struct hc_process *process, struct hc_what *what)
{
	what->mapping = hc_mappings_find(&process->mappings, what->address);
	what->thread = owner(process, what->address);
	what->module = hc_modules_find(&process->modules, what->address);
	if (what->module && !hc_modules_symbol(&process->modules, what->address, &what->symbol,
					       &what->symbol_offset))
		what->symbol = NULL;
}

static struct hc_error *describe_content(const struct hc_classifier *classifier,
					 struct hc_what *what)
{
	struct hc_classifier_scratch *scratch = NULL;
	struct hc_error *err = hc_classifier_scratch_create(classifier, &scratch);

	if (!err) {
		what->class_id = hc_classify(classifier, scratch, what->bytes);
		what->sample = hc_class_sample(classifier, scratch, what->class_id, what->bytes);
	}
	hc_classifier_scratch_destroy(scratch);
	return err;
}

static struct hc_error *find_targets(const struct hc_heap *heap, struct hc_what *what)
{
	unsigned word = heap->word_size;

	what->targets = calloc(HC_WHAT_MAX_TARGETS, sizeof(*what->targets));
	if (!what->targets)
		return &hc_enomem;
	for (size_t i = 0; i + word <= what->bytes.size && what->num_targets < HC_WHAT_MAX_TARGETS;
	     i += word) {
		struct hc_what_target target = {
			.offset = i,
			.value = hc_read_word(what->bytes.data + i, word, heap->big_endian),
		};

		if (hc_heap_pointee(heap, target.value, &target.chunk))
			what->targets[what->num_targets++] = target;
	}
	return NULL;
}

static struct hc_error *describe_chunk(const struct hc_heap *heap,
				       const struct hc_classifier *classifier, struct hc_what *what)
{
	const struct hc_special *special = hc_heap_special(heap, what->chunk.address);
	const struct hc_pin *pin = hc_heap_pin(heap, what->chunk.address);
	struct hc_error *err;

	what->special = special ? special->what : pin ? pin->what : NULL;
	hc_chunk_request(heap, &what->chunk, &what->request_min, &what->request_max);
	what->bytes = hc_chunk_bytes(heap, &what->chunk);
	err = describe_content(classifier, what);
	if (!err && what->chunk.state == HC_IN_USE)
		err = find_targets(heap, what);
	return err;
}
/**@}*/

struct hc_error *hc_what_run(struct hc_target *target, uint64_t address, size_t max_referrers,
			     struct hc_what *ret)
{
	struct hc_what what = {.address = address, .class_id = HC_CLASS_NONE};
	const struct hc_classifier *classifier = NULL;
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap_if_any(target, &heap);

	if (!err && heap)
		err = hc_target_classifier(target, &classifier);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_REFER);
	describe_place(target->process, &what);
	what.in_chunk = heap && hc_heap_chunk_at(heap, address, &what.chunk);
	if (what.in_chunk)
		err = describe_chunk(heap, classifier, &what);
	else
		what.bytes = hc_memory_view(&target->process->memory, address, PLAIN_BYTES);
	if (!err)
		err = find_referrers(target->process, heap, max_referrers, &what);
	if (err) {
		hc_what_deinit(&what);
		return err;
	}
	*ret = what;
	return NULL;
}

void hc_what_deinit(struct hc_what *what)
{
	free(what->referrers);
	free(what->targets);
	*what = (struct hc_what){0};
}
