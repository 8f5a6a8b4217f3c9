/**
 * @file
 * Chunks: which are selected, one after the other, and the one at an address.
 */
#include <stdlib.h>

#include "analyzers/content/classifier.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "lib/answers.h"

#define NO_LIST 255

/** @name Names */
/**@{*/

const char *heapcore_state_name(unsigned state)
{
	return state < HC_NUM_STATES ? hc_state_name(state) : NULL;
}

const char *heapcore_reach_name(unsigned reach)
{
	return reach < HC_NUM_REACH ? hc_reach_name(reach) : NULL;
}

const char *heapcore_list_name(struct heapcore *core, unsigned list)
{
	pthread_mutex_lock(&core->turn);
	const struct hc_heap *heap = core->target->heap;
	const char *ret = heap && list < heap->num_lists ? heap->lists[list]->name : NULL;
	pthread_mutex_unlock(&core->turn);
	return ret;
}

const char *hc_core_class_name(const struct heapcore *core, hc_class_id class_id)
{
	if (class_id == HC_CLASS_NONE || !core->target->signatures)
		return NULL;
	return hc_signatures_class(core->target->signatures, class_id)->name;
}

const char *hc_core_type_name(struct hc_types *types, hc_type_id type)
{
	return types && type != HC_TYPE_NONE ? hc_type_name(types, type) : NULL;
}
/**@}*/

void hc_fill_chunk(const struct heapcore *core, const struct hc_chunk *chunk,
		   struct heapcore_chunk *ret)
{
	const struct hc_heap *heap = core->target->heap;
	bool reach = heap->reach_known && chunk->state == HC_IN_USE;

	*ret = (struct heapcore_chunk){
		.address = chunk->address,
		.size = chunk->size,
		.usable = chunk->usable,
		.arena = chunk->span->arena,
		.state = chunk->state,
		.reach = reach ? (unsigned)chunk->reach : HEAPCORE_REACH_UNKNOWN,
		.list = chunk->list ? hc_heap_list_index(heap, chunk->list) : NO_LIST,
	};
}

/** @name Selecting */
/**@{*/

static struct hc_error *check_bits(const struct heapcore_select *select)
{
	if (select->states >> HC_NUM_STATES || select->reaches >> HC_NUM_REACH)
		return hc_error_create(HC_ERROR_ARGUMENT, "there is no such state or reach");
	return NULL;
}

static void set_filters(const struct heapcore_select *select, struct hc_selection *ret)
{
	if (select->states)
		ret->states = select->states;
	ret->reaches = select->reaches;
	ret->has_arena = select->flags & HEAPCORE_BY_ARENA;
	ret->arena = select->arena;
	ret->has_size = select->min_usable || select->max_usable;
	ret->min_usable = select->min_usable;
	ret->max_usable = select->max_usable ? select->max_usable : UINT64_MAX;
	ret->has_request = select->request;
	ret->request = select->request;
	ret->has_range = select->start || select->end;
	ret->start = select->start;
	ret->end = select->end;
	if (select->content_class)
		ret->class_names[ret->num_classes++] = select->content_class;
	if (select->type)
		ret->type_names[ret->num_types++] = select->type;
}

static struct hc_error *select_finding(struct heapcore *core, uint64_t finding,
				       struct hc_selection *ret)
{
	const struct hc_verdict *verdict;
	struct hc_error *err = hc_answer_verdict(core, &verdict);

	return err ? err : hc_findings_select(verdict, finding, ret);
}

struct hc_error *hc_core_select(struct heapcore *core, const struct heapcore_select *given,
				struct hc_selection *ret)
{
	struct heapcore_select select;
	const struct hc_signatures *signatures;
	struct hc_error *err = hc_take_struct(given, &select, sizeof(select));

	hc_selection_init(ret);
	if (err || (err = check_bits(&select)))
		return err;
	set_filters(&select, ret);
	if (select.content_class) {
		err = hc_target_signatures(core->target, &signatures);
		if (!err)
			err = hc_selection_check_classes(ret, signatures);
	}
	if (!err && select.finding)
		err = select_finding(core, select.finding, ret);
	return err ? err : hc_selection_prepare(ret, core->target);
}
/**@}*/

/** @name Reading */
/**@{*/

/** Chunks per look at whether to go on. */
#define CHUNKS_PER_LOOK 65536

struct reader {
	struct heapcore *core;
	const struct hc_heap *heap;
	struct hc_selection selection;
	struct hc_selection_scratch *scratch;
	const struct hc_chunk_kinds *kinds; /**< NULL: not asked for */
	size_t slice;                       /**< that the next chunk is in */
	size_t rank;                        /**< of the next chunk in use there */
	bool in_slice;
	uint64_t from; /**< no chunk before this address */
	uint64_t seen;
	struct hc_chunk_iter iter;
};

static void reader_deinit(struct reader *reader)
{
	hc_selection_scratch_destroy(reader->scratch);
	hc_selection_deinit(&reader->selection);
}

static const struct hc_slice *slice_at(const struct reader *reader, size_t i)
{
	return reader->kinds ? &reader->kinds->slices[i].slice : &reader->core->slices[i];
}

static size_t num_slices(const struct reader *reader)
{
	return reader->kinds ? reader->kinds->num_slices : reader->core->num_slices;
}

static uint64_t slice_start(const struct reader *reader, size_t i)
{
	const struct hc_slice *slice = slice_at(reader, i);

	return hc_span_address(slice->span, slice->from);
}

static struct hc_error *compute_parts(struct reader *reader, uint32_t with)
{
	struct hc_error *err = NULL;

	if (with & (HEAPCORE_WITH_REACH | HEAPCORE_WITH_KIND))
		err = hc_target_reach(reader->core->target, NULL);
	if (!err && with & HEAPCORE_WITH_KIND)
		err = hc_answer_kinds(reader->core, &reader->kinds);
	return err;
}

static struct hc_error *reader_init(struct reader *reader, struct heapcore *core,
				    const struct heapcore_select *select, uint32_t with)
{
	struct hc_error *err;

	*reader = (struct reader){.core = core};
	hc_selection_init(&reader->selection);
	if ((err = hc_core_heap(core, &reader->heap)) || (err = compute_parts(reader, with)) ||
	    (err = hc_core_select(core, select, &reader->selection)))
		return err;
	return hc_selection_scratch_create(&reader->selection, &reader->scratch);
}

/** Go to the first chunk from an address on. */
static void seek(struct reader *reader, uint64_t address)
{
	size_t num = num_slices(reader);
	size_t behind = hc_lower_bound(num, i, slice_start(reader, i) <= address);

	reader->from = address;
	reader->slice = behind ? behind - 1 : 0;
	reader->in_slice = false;
}

static void enter_slice(struct reader *reader)
{
	struct hc_slice slice = *slice_at(reader, reader->slice);

	reader->rank = 0;
	if (reader->from > slice_start(reader, reader->slice)) {
		uint64_t unit = hc_span_unit(slice.span, reader->from - slice.span->base);

		slice.from = unit < slice.to ? unit : slice.to;
		if (reader->kinds && slice.from < slice.to)
			reader->rank = hc_kind_slice_rank(&reader->kinds->slices[reader->slice],
							  slice.from);
	}
	hc_chunk_iter_kinds(&reader->iter, reader->heap, slice,
			    reader->kinds ? HC_KINDS_ALL
					  : hc_selection_kinds(&reader->selection, reader->heap));
	reader->in_slice = true;
}

/** The next chunk of any kind; those in use have the rank that is one less than the reader's. */
static bool next_chunk(struct reader *reader, struct hc_chunk *ret)
{
	while (reader->slice < num_slices(reader)) {
		if (!reader->in_slice)
			enter_slice(reader);
		while (hc_chunk_iter_next(&reader->iter, ret)) {
			reader->rank += ret->state == HC_IN_USE;
			if (ret->address >= reader->from)
				return true;
		}
		reader->slice++;
		reader->in_slice = false;
	}
	return false;
}

/** The next one that is selected. */
static struct hc_error *next_selected(struct reader *reader, struct hc_chunk *ret, bool *found_ret)
{
	struct hc_error *err;

	*found_ret = false;
	while (next_chunk(reader, ret)) {
		if (reader->seen++ % CHUNKS_PER_LOOK == 0 &&
		    (err = hc_watch_check(&reader->core->target->watch)))
			return err;
		*found_ret =
			hc_selection_has(&reader->selection, reader->heap, ret, reader->scratch);
		if (*found_ret)
			break;
	}
	return NULL;
}

static void fill_entry(const struct reader *reader, const struct hc_chunk *chunk, uint32_t with,
		       struct heapcore_chunk *ret)
{
	hc_fill_chunk(reader->core, chunk, ret);
	if (!(with & HEAPCORE_WITH_REACH))
		ret->reach = HEAPCORE_REACH_UNKNOWN;
	if (reader->kinds && chunk->state == HC_IN_USE)
		ret->kind = hc_chunk_kinds_at(reader->kinds, &reader->kinds->slices[reader->slice],
					      reader->rank - 1);
}

static struct hc_error *check_batch(const struct heapcore_batch *batch)
{
	if (!batch->chunks || !batch->max)
		return hc_error_create(HC_ERROR_ARGUMENT, "the batch has no room for chunks");
	return NULL;
}

static struct hc_error *fill_batch(struct reader *reader, struct heapcore_batch *batch)
{
	struct hc_error *err = NULL;
	struct hc_chunk chunk;
	bool found = true;

	seek(reader, batch->next);
	batch->num = 0;
	while (batch->num < batch->max && found) {
		err = next_selected(reader, &chunk, &found);
		if (err)
			return err;
		if (found) {
			fill_entry(reader, &chunk, batch->with, &batch->chunks[batch->num++]);
			batch->next = chunk.address + 1;
		}
	}
	return NULL;
}

static struct hc_error *read_chunks(struct heapcore *core, const struct heapcore_select *select,
				    struct heapcore_batch *given)
{
	hc_cleanup(reader_deinit) struct reader reader = {0};
	struct heapcore_batch batch;
	struct hc_error *err = hc_take_struct(given, &batch, sizeof(batch));

	hc_selection_init(&reader.selection);
	if (!err)
		err = check_batch(&batch);
	if (!err)
		err = reader_init(&reader, core, select, batch.with);
	if (!err)
		err = fill_batch(&reader, &batch);
	return err ? err : hc_give_struct(&batch, given, sizeof(batch));
}

struct heapcore_error *heapcore_chunks(struct heapcore *core, const struct heapcore_select *select,
				       struct heapcore_batch *batch)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, read_chunks(core, select, batch));
}

static struct hc_error *count_chunks(struct heapcore *core, const struct heapcore_select *select,
				     struct heapcore_count *ret)
{
	hc_cleanup(reader_deinit) struct reader reader;
	struct heapcore_count count = {0, 0};
	struct hc_error *err = reader_init(&reader, core, select, 0);
	struct hc_chunk chunk;
	bool found = true;

	seek(&reader, 0);
	while (!err && found) {
		err = next_selected(&reader, &chunk, &found);
		if (!err && found) {
			count.chunks++;
			count.bytes += chunk.size;
		}
	}
	if (!err)
		*ret = count;
	return err;
}

struct heapcore_error *heapcore_count(struct heapcore *core, const struct heapcore_select *select,
				      struct heapcore_count *ret)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, count_chunks(core, select, ret));
}
/**@}*/

/** @name One chunk */
/**@{*/

struct hc_error *hc_core_chunk(struct heapcore *core, uint64_t address, struct hc_chunk *ret)
{
	const struct hc_heap *heap;
	struct hc_error *err = hc_core_heap(core, &heap);

	if (!err)
		err = hc_target_reach(core->target, NULL);
	if (!err && !hc_heap_chunk_at(heap, address, ret))
		err = hc_error_at(HC_ERROR_ARGUMENT, address, "the address is in no chunk");
	return err;
}

static struct hc_error *find(struct heapcore *core, uint64_t address, struct heapcore_chunk *ret)
{
	struct hc_chunk chunk;
	struct hc_error *err = hc_core_chunk(core, address, &chunk);

	if (!err)
		hc_fill_chunk(core, &chunk, ret);
	return err;
}

struct heapcore_error *heapcore_find(struct heapcore *core, uint64_t address,
				     struct heapcore_chunk *ret)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, find(core, address, ret));
}

static struct hc_error *recognise(const struct hc_classifier *classifier, struct hc_bytes bytes,
				  hc_class_id *ret, struct hc_bytes *sample_ret)
{
	struct hc_classifier_scratch *scratch = NULL;
	struct hc_error *err = hc_classifier_scratch_create(classifier, &scratch);

	if (!err) {
		*ret = hc_classify(classifier, scratch, bytes);
		*sample_ret = hc_class_sample(classifier, scratch, *ret, bytes);
	}
	hc_classifier_scratch_destroy(scratch);
	return err;
}

static struct hc_error *classify(struct heapcore *core, uint64_t address,
				 struct heapcore_content *given)
{
	const struct hc_classifier *classifier;
	struct hc_bytes bytes, sample;
	struct hc_types *types;
	struct hc_chunk chunk;
	hc_class_id class_id;
	struct hc_error *err;

	if ((err = hc_core_chunk(core, address, &chunk)) ||
	    (err = hc_target_classifier(core->target, &classifier)) ||
	    (err = hc_target_types(core->target, HC_TYPES_FULL, &types)))
		return err;
	bytes = hc_chunk_bytes(core->target->heap, &chunk);
	err = recognise(classifier, bytes, &class_id, &sample);
	if (err)
		return err;
	const struct hc_class *found = hc_class_of(classifier, class_id);
	struct heapcore_content content = {
		.content_class = found->name,
		.title = found->title,
		.textual = found->textual,
		.address = chunk.address + (sample.size ? sample.data - bytes.data : 0),
		.size = sample.size,
		.type = hc_core_type_name(types, hc_type_of(types, &chunk)),
	};
	return hc_give_struct(&content, given, sizeof(content));
}

struct heapcore_error *heapcore_classify(struct heapcore *core, uint64_t address,
					 struct heapcore_content *ret)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, classify(core, address, ret));
}
/**@}*/
