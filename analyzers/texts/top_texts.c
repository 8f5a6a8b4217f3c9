/**
 * @file
 * The bounded table of distinct texts: a hash table, and a min-heap over it once it is full.
 */
#include "analyzers/texts/top_texts.h"

#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"

#define MIN_PLACES 16
#define FIRST_SLOTS 64

/** Bytes of a text that its hash covers. Texts that differ later only share a bucket. */
#define HASHED_BYTES 1024

/** FNV-1a over words, with a final mix; the length is part of the hash. */
static uint32_t text_hash(struct hc_bytes text)
{
	const uint64_t prime = 0x100000001b3;
	uint64_t hash = 0xcbf29ce484222325 ^ text.size;
	size_t size = text.size < HASHED_BYTES ? text.size : HASHED_BYTES;
	size_t i = 0;

	for (; i + 8 <= size; i += 8) {
		hash = (hash ^ hc_load64(text.data + i)) * prime;
		hash ^= hash >> 32;
	}
	for (; i < size; i++)
		hash = (hash ^ text.data[i]) * prime;
	hash ^= hash >> 29;
	hash *= 0xbf58476d1ce4e5b9;
	return hash >> 32;
}

void hc_top_texts_init(struct hc_top_texts *table, size_t max_bytes)
{
	size_t places = max_bytes / HC_TOP_TEXTS_PLACE_BYTES;

	if (places < MIN_PLACES)
		places = MIN_PLACES;
	if (places > UINT32_MAX / 4)
		places = UINT32_MAX / 4;
	*table = (struct hc_top_texts){.max_entries = places, .exact = true};
}

/** Forget the texts of a table that copies them. */
static void free_texts(struct hc_top_texts *table)
{
	for (size_t i = 0; table->copies && i < table->num_entries; i++)
		free((void *)table->entries[i].text);
}

void hc_top_texts_deinit(struct hc_top_texts *table)
{
	free_texts(table);
	free(table->entries);
	hc_hash_deinit(&table->table);
	free(table->heap);
	*table = (struct hc_top_texts){.exact = true};
}

void hc_top_texts_clear(struct hc_top_texts *table)
{
	free_texts(table);
	hc_hash_clear(&table->table, table->num_entries, i, table->entries[i].hash);
	table->num_entries = 0;
	free(table->heap);
	table->heap = NULL;
	table->exact = true;
	table->seen = 0;
}

static bool entry_is(const struct hc_top_entry *entry, struct hc_bytes text, uint32_t hash)
{
	return entry->hash == hash && entry->size == text.size &&
	       (text.size == 0 || memcmp(entry->text, text.data, text.size) == 0);
}

static uint32_t *find_slot(const struct hc_top_texts *table, struct hc_bytes text, uint32_t hash)
{
	return hc_hash_find(&table->table, hash, i, entry_is(&table->entries[i], text, hash));
}

/** Room for one more entry. Its array doubles, but stays in its bound. */
static struct hc_error *grow(struct hc_top_texts *table)
{
	if (table->num_entries == table->allocated) {
		size_t num = table->allocated ? table->allocated * 2 : FIRST_SLOTS / 2;

		if (num > table->max_entries)
			num = table->max_entries;
		struct hc_top_entry *entries = reallocarray(table->entries, num, sizeof(*entries));
		if (!entries)
			return &hc_enomem;
		table->entries = entries;
		table->allocated = num;
	}
	return hc_hash_reserve(&table->table, table->num_entries, i, table->entries[i].hash);
}

static uint64_t heap_count(const struct hc_top_texts *table, size_t place)
{
	return table->entries[table->heap[place]].count;
}

static void heap_swap(struct hc_top_texts *table, size_t a, size_t b)
{
	uint32_t entry = table->heap[a];

	table->heap[a] = table->heap[b];
	table->heap[b] = entry;
	table->entries[table->heap[a]].heap = a;
	table->entries[table->heap[b]].heap = b;
}

/** An entry's count has grown: let it sink. */
static void heap_sink(struct hc_top_texts *table, size_t place)
{
	for (;;) {
		size_t least = place;

		for (size_t child = 2 * place + 1; child <= 2 * place + 2; child++) {
			if (child < table->num_entries &&
			    heap_count(table, child) < heap_count(table, least))
				least = child;
		}
		if (least == place)
			return;
		heap_swap(table, place, least);
		place = least;
	}
}

static struct hc_error *build_heap(struct hc_top_texts *table)
{
	table->heap = malloc(table->num_entries * sizeof(*table->heap));
	if (!table->heap)
		return &hc_enomem;
	for (size_t i = 0; i < table->num_entries; i++) {
		table->heap[i] = i;
		table->entries[i].heap = i;
	}
	for (size_t i = table->num_entries / 2; i-- > 0;)
		heap_sink(table, i);
	return NULL;
}

/** What an entry for @p text points to. NULL without memory. */
static const uint8_t *own_text(const struct hc_top_texts *table, struct hc_bytes text)
{
	if (!table->copies)
		return text.data;
	uint8_t *copy = malloc(text.size ? text.size : 1);
	if (copy && text.size)
		memcpy(copy, text.data, text.size);
	return copy;
}

/** Space-Saving: the text with the lowest count makes room. */
static struct hc_error *replace_least(struct hc_top_texts *table, struct hc_bytes text,
				      uint32_t hash, uint64_t count, uint64_t error)
{
	if (!table->heap) {
		struct hc_error *err = build_heap(table);
		if (err)
			return err;
	}
	uint32_t index = table->heap[0];
	struct hc_top_entry *entry = &table->entries[index];
	struct hc_bytes old = {entry->text, entry->size};
	const uint8_t *own = own_text(table, text);

	if (table->copies && !own)
		return &hc_enomem;
	hc_hash_remove(&table->table, find_slot(table, old, entry->hash), i,
		       table->entries[i].hash);
	if (table->copies)
		free((void *)old.data);
	*entry = (struct hc_top_entry){
		.text = own,
		.size = text.size,
		.hash = hash,
		.count = entry->count + count,
		.error = entry->count + error,
	};
	*find_slot(table, text, hash) = index + 1;
	heap_sink(table, 0);
	table->exact = false;
	return NULL;
}

struct hc_error *hc_top_texts_add(struct hc_top_texts *table, struct hc_bytes text, uint64_t count,
				  uint64_t error)
{
	uint32_t hash = text_hash(text);

	table->seen += count;
	if (table->table.num) {
		uint32_t found = *find_slot(table, text, hash);

		if (found) {
			struct hc_top_entry *entry = &table->entries[found - 1];

			entry->count += count;
			entry->error += error;
			if (table->heap)
				heap_sink(table, entry->heap);
			return NULL;
		}
	}
	if (hc_top_texts_full(table))
		return replace_least(table, text, hash, count, error);

	struct hc_error *err = grow(table);
	if (err)
		return err;
	const uint8_t *own = own_text(table, text);
	if (table->copies && !own)
		return &hc_enomem;
	table->entries[table->num_entries++] = (struct hc_top_entry){
		.text = own,
		.size = text.size,
		.hash = hash,
		.count = count,
		.error = error,
	};
	*find_slot(table, text, hash) = table->num_entries;
	return NULL;
}

struct hc_error *hc_top_texts_merge(struct hc_top_texts *table, const struct hc_top_texts *from)
{
	for (size_t i = 0; i < from->num_entries; i++) {
		const struct hc_top_entry *entry = &from->entries[i];
		struct hc_bytes text = {entry->text, entry->size};
		struct hc_error *err = hc_top_texts_add(table, text, entry->count, entry->error);

		if (err)
			return err;
	}
	return NULL;
}

const struct hc_top_entry *hc_top_texts_find(const struct hc_top_texts *table, struct hc_bytes text)
{
	if (!table->table.num)
		return NULL;
	uint32_t found = *find_slot(table, text, text_hash(text));

	return found ? &table->entries[found - 1] : NULL;
}

/** Most frequent first, then by text, the shorter of two first. */
static int compare_texts(const void *a, const void *b)
{
	const struct hc_text_count *x = a, *y = b;

	if (x->matches != y->matches)
		return x->matches > y->matches ? -1 : 1;

	size_t size = x->size < y->size ? x->size : y->size;
	int order = size ? memcmp(x->text, y->text, size) : 0;
	if (order)
		return order;
	return x->size < y->size ? -1 : x->size > y->size;
}

struct hc_error *hc_top_texts_list(const struct hc_top_texts *table, uint64_t top,
				   struct hc_text_count **ret, size_t *num_ret)
{
	size_t num = table->num_entries;
	hc_cleanup_free struct hc_text_count *texts = calloc(num ? num : 1, sizeof(*texts));

	if (!texts)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++) {
		texts[i] = (struct hc_text_count){
			.text = table->entries[i].text,
			.size = table->entries[i].size,
			.matches = table->entries[i].count,
			.error = table->entries[i].error,
		};
	}
	hc_sort(texts, num, compare_texts);
	if (num > top) {
		num = top;
		struct hc_text_count *less = realloc(texts, (num ? num : 1) * sizeof(*less));
		if (less)
			texts = less;
	}
	*ret = hc_steal(texts);
	*num_ret = num;
	return NULL;
}
