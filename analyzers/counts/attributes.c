/**
 * @file
 * Counting attributes.
 *
 * Each task counts one slice of the heap in tables of its own, which always fit. They are added to
 * those of all in the order of the slices: a worker that is done early waits for its turn. So what
 * a full table gives up does not depend on the number of threads.
 */
#include "analyzers/counts/attributes.h"

#include <pthread.h>
#include <stdlib.h>

#include "analyzers/select/tally.h"
#include "analyzers/texts/top_texts.h"
#include "core/base/cleanup.h"

/** @name Normalising */
/**@{*/

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	uint8_t lower = c | 0x20;

	return is_digit(c) || (lower >= 'a' && lower <= 'f');
}

static bool is_word(uint8_t c)
{
	uint8_t lower = c | 0x20;

	return is_digit(c) || (lower >= 'a' && lower <= 'z');
}

#define UUID_SIZE 36
#define LEAST_HEX 8

static bool is_uuid(const uint8_t *pos, size_t left)
{
	if (left < UUID_SIZE || (left > UUID_SIZE && is_word(pos[UUID_SIZE])))
		return false;
	for (unsigned i = 0; i < UUID_SIZE; i++) {
		bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

		if (hyphen ? pos[i] != '-' : !is_hex(pos[i]))
			return false;
	}
	return true;
}

/**
 * Size of the word of hexadecimal digits at @p pos, when it is long enough and has a decimal one
 * and a letter; else 0.
 */
static size_t hex_word(const uint8_t *pos, size_t left)
{
	size_t size = 0, digits = 0;

	while (size < left && is_hex(pos[size]))
		digits += is_digit(pos[size++]);
	if (size < LEAST_HEX || !digits || digits == size || (size < left && is_word(pos[size])))
		return 0;
	return size;
}

static size_t digit_run(const uint8_t *pos, size_t left)
{
	size_t size = 0;

	while (size < left && is_digit(pos[size]))
		size++;
	return size;
}

size_t hc_normalise(struct hc_bytes value, unsigned flags, uint8_t *buf)
{
	size_t size = 0;

	for (size_t i = 0; i < value.size;) {
		const uint8_t *pos = value.data + i;
		size_t left = value.size - i, taken;
		bool starts = !i || !is_word(pos[-1]);

		if (flags & HC_NORMALISE_UUID && starts && is_uuid(pos, left)) {
			buf[size++] = 'U';
			i += UUID_SIZE;
		} else if (flags & HC_NORMALISE_HEX && starts && (taken = hex_word(pos, left))) {
			buf[size++] = 'H';
			i += taken;
		} else if (flags & HC_NORMALISE_DIGITS && (taken = digit_run(pos, left))) {
			buf[size++] = 'N';
			i += taken;
		} else {
			bool upper = flags & HC_NORMALISE_LOWER && *pos >= 'A' && *pos <= 'Z';

			buf[size++] = upper ? *pos | 0x20 : *pos;
			i++;
		}
	}
	return size;
}
/**@}*/

/** @name Texts that are nowhere in the core */
/**@{*/

#define BLOCK_BYTES (64u << 10)

/** Blocks that never move. */
struct texts {
	struct block {
		struct block *next;
		size_t used;
		uint8_t bytes[BLOCK_BYTES];
	} * blocks;
	size_t bytes; /* of all blocks */
};

static void texts_clear(struct texts *texts)
{
	while (texts->blocks) {
		struct block *next = texts->blocks->next;

		free(texts->blocks);
		texts->blocks = next;
	}
	texts->bytes = 0;
}

/** Room at the end; it is taken by texts_take(). */
static uint8_t *texts_room(struct texts *texts, size_t size)
{
	struct block *block = texts->blocks;

	if (block && BLOCK_BYTES - block->used >= size)
		return block->bytes + block->used;
	block = malloc(sizeof(*block));
	if (!block)
		return NULL;
	block->next = texts->blocks;
	block->used = 0;
	texts->blocks = block;
	texts->bytes += sizeof(*block);
	return block->bytes;
}

static void texts_take(struct texts *texts, size_t size)
{
	texts->blocks->used += size;
}
/**@}*/

/** One attribute of one class. */
struct slot {
	hc_class_id class_id;
	const struct hc_attribute *attribute;
};

struct counts {
	struct hc_top_texts *tables; /* by slot */
	size_t num;
	struct texts texts;
	bool dropped; /* values that found no room */
};

static void counts_deinit(struct counts *counts)
{
	for (size_t i = 0; i < counts->num; i++)
		hc_top_texts_deinit(&counts->tables[i]);
	free(counts->tables);
	texts_clear(&counts->texts);
}

static struct hc_error *counts_init(struct counts *counts, size_t num)
{
	counts->tables = calloc(num + 1, sizeof(*counts->tables));
	if (!counts->tables)
		return &hc_enomem;
	counts->num = num;
	for (size_t i = 0; i < num; i++)
		hc_top_texts_init(&counts->tables[i], HC_ATTRIBUTE_BYTES);
	return NULL;
}

static void counts_clear(struct counts *counts)
{
	for (size_t i = 0; i < counts->num; i++)
		hc_top_texts_clear(&counts->tables[i]);
	texts_clear(&counts->texts);
}

/** Add a text that is not in the core; the table gets a copy when it is new to it. */
static struct hc_error *add_copy(struct counts *counts, size_t slot, struct hc_bytes text,
				 uint64_t count)
{
	struct hc_top_texts *table = &counts->tables[slot];
	bool full = hc_top_texts_full(table);
	size_t before = table->num_entries;

	if (counts->texts.bytes > HC_ATTRIBUTE_TEXT_BYTES) {
		counts->dropped = true;
		return NULL;
	}
	uint8_t *copy = texts_room(&counts->texts, text.size);

	if (!copy)
		return &hc_enomem;
	memcpy(copy, text.data, text.size);
	struct hc_error *err =
		hc_top_texts_add(table, (struct hc_bytes){copy, text.size}, count, 0);

	/* A full table may have put it in the place of another. */
	if (!err && (full || table->num_entries > before))
		texts_take(&counts->texts, text.size);
	return err;
}

/** @name Slices */
/**@{*/

#define SLICE_BYTES (4u << 20)

struct worker {
	struct hc_classifier_scratch *classifier;
	struct counts counts;
};

struct run {
	const struct hc_heap *heap;
	const struct hc_classifier *classifier;
	struct slot *slots;
	size_t num_slots;
	size_t first_slot[HC_MAX_CLASSES];
	struct counts all;
	pthread_mutex_t lock;
	pthread_cond_t turn_changed;
	size_t turn; /* the slice that is added next */
};

static void run_deinit(struct run *run)
{
	counts_deinit(&run->all);
	free(run->slots);
	pthread_cond_destroy(&run->turn_changed);
	pthread_mutex_destroy(&run->lock);
}

static struct hc_error *add_value(struct counts *counts, size_t slot, unsigned normalise,
				  struct hc_bytes value)
{
	uint8_t buf[HC_ATTRIBUTE_MAX_SIZE];

	if (value.size > sizeof(buf))
		value.size = sizeof(buf);
	if (!normalise)
		return hc_top_texts_add(&counts->tables[slot], value, 1, 0);
	size_t size = hc_normalise(value, normalise, buf);

	/* What stayed as it is needs no copy. */
	if (size == value.size && memcmp(buf, value.data, size) == 0)
		return hc_top_texts_add(&counts->tables[slot], value, 1, 0);
	return add_copy(counts, slot, (struct hc_bytes){buf, size}, 1);
}

static struct hc_error *init(void *ctx, void *own)
{
	const struct run *run = ctx;
	struct worker *worker = own;
	struct hc_error *err = hc_classifier_scratch_create(run->classifier, &worker->classifier);

	return err ? err : counts_init(&worker->counts, run->num_slots);
}

static void deinit(void *ctx __attribute__((unused)), void *own)
{
	struct worker *worker = own;

	hc_classifier_scratch_destroy(worker->classifier);
	counts_deinit(&worker->counts);
}

static struct hc_error *count(void *ctx, void *own, const struct hc_chunk *chunk)
{
	const struct run *run = ctx;
	struct worker *worker = own;
	struct hc_bytes values[HC_MAX_ATTRIBUTES];
	hc_class_id id = hc_class_values(run->classifier, worker->classifier,
					 hc_chunk_bytes(run->heap, chunk), values);
	const struct hc_class *class = hc_class_of(run->classifier, id);
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < class->num_attributes; i++) {
		if (values[i].data)
			err = add_value(&worker->counts, run->first_slot[id] + i,
					class->attributes[i].normalise, values[i]);
	}
	return err;
}

static bool is_own_text(const struct texts *texts, const uint8_t *text)
{
	for (const struct block *block = texts->blocks; block; block = block->next) {
		if (text >= block->bytes && text < block->bytes + BLOCK_BYTES)
			return true;
	}
	return false;
}

static struct hc_error *add_counts(struct counts *to, const struct counts *from)
{
	struct hc_error *err = NULL;

	to->dropped |= from->dropped;
	for (size_t i = 0; !err && i < from->num; i++) {
		const struct hc_top_texts *table = &from->tables[i];

		for (size_t k = 0; !err && k < table->num_entries; k++) {
			const struct hc_top_entry *entry = &table->entries[k];
			struct hc_bytes text = {entry->text, entry->size};

			err = is_own_text(&from->texts, entry->text)
				      ? add_copy(to, i, text, entry->count)
				      : hc_top_texts_add(&to->tables[i], text, entry->count, 0);
		}
	}
	return err;
}

/** Add what a slice gave to the whole, slice by slice: the tables depend on order. */
static struct hc_error *add_slice(void *ctx, void *own, size_t slice)
{
	struct run *run = ctx;
	struct worker *worker = own;

	/* Slices are handed out in order, so that the one whose turn it is is always at work. */
	pthread_mutex_lock(&run->lock);
	while (run->turn != slice)
		pthread_cond_wait(&run->turn_changed, &run->lock);
	struct hc_error *err = add_counts(&run->all, &worker->counts);

	run->turn++;
	pthread_cond_broadcast(&run->turn_changed);
	pthread_mutex_unlock(&run->lock);
	counts_clear(&worker->counts);
	return err;
}

/** Everything was added with its slice. */
static struct hc_error *merge(void *ctx __attribute__((unused)), void *own __attribute__((unused)))
{
	return NULL;
}
/**@}*/

static struct hc_error *list_slots(struct run *run)
{
	const struct hc_signatures *signatures = hc_classifier_signatures(run->classifier);
	size_t num = hc_signatures_num_classes(signatures);

	run->slots = calloc(num * HC_MAX_ATTRIBUTES, sizeof(*run->slots));
	if (!run->slots)
		return &hc_enomem;
	for (hc_class_id id = 0; id < num; id++) {
		const struct hc_class *class = hc_signatures_class(signatures, id);

		run->first_slot[id] = run->num_slots;
		for (size_t i = 0; i < class->num_attributes; i++)
			run->slots[run->num_slots++] = (struct slot){id, &class->attributes[i]};
	}
	return NULL;
}

/** Turn the tables into rows; the texts change hands. */
static struct hc_error *make_rows(struct run *run, uint64_t top, struct hc_attributes *ret)
{
	struct hc_error *err = NULL;

	ret->rows = calloc(run->num_slots + 1, sizeof(*ret->rows));
	ret->texts = calloc(1, sizeof(struct texts));
	if (!ret->rows || !ret->texts)
		return &hc_enomem;
	*(struct texts *)ret->texts = run->all.texts;
	run->all.texts = (struct texts){0};
	for (size_t i = 0; !err && i < run->num_slots; i++) {
		const struct hc_top_texts *table = &run->all.tables[i];

		if (!table->seen)
			continue;
		struct hc_attribute_row *row = &ret->rows[ret->num++];

		*row = (struct hc_attribute_row){
			.class_id = run->slots[i].class_id,
			.attribute = run->slots[i].attribute,
			.chunks = table->seen,
			.distinct = table->num_entries,
			.exact = table->exact && !run->all.dropped,
		};
		err = hc_top_texts_list(table, top, &row->values, &row->num_values);
	}
	return err;
}

void hc_attributes_deinit(struct hc_attributes *attributes)
{
	for (size_t i = 0; i < attributes->num; i++)
		free(attributes->rows[i].values);
	free(attributes->rows);
	if (attributes->texts)
		texts_clear(attributes->texts);
	free(attributes->texts);
	*attributes = (struct hc_attributes){0};
}

struct hc_error *hc_attributes_run(struct hc_target *target, const struct hc_selection *selection,
				   uint64_t top, struct hc_attributes *ret)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_CLASSIFY,
		.worker_size = sizeof(struct worker),
		.slice_bytes = SLICE_BYTES,
		.init = init,
		.chunk = count,
		.slice = add_slice,
		.merge = merge,
		.deinit = deinit,
	};
	struct hc_selection in_use;
	hc_cleanup(run_deinit) struct run run = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.turn_changed = PTHREAD_COND_INITIALIZER,
	};
	struct hc_attributes attributes = {0};

	hc_selection_init(&in_use);
	struct hc_error *err = hc_target_heap(target, &run.heap);
	if (!err)
		err = hc_target_classifier(target, &run.classifier);
	if (!err)
		err = list_slots(&run);
	if (!err)
		err = counts_init(&run.all, run.num_slots);
	if (!err)
		err = hc_tally_run(target, selection ? selection : &in_use, &tally, &run);
	if (!err)
		err = make_rows(&run, top, &attributes);
	if (err) {
		hc_attributes_deinit(&attributes);
		return err;
	}
	*ret = attributes;
	return NULL;
}
