/**
 * @file
 * The byte profile: a few thousand chunks, column by column.
 */
#include "analyzers/alike/byte_profile.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"

const char *hc_field_kind_name(enum hc_field_kind kind)
{
	static const char *const names[] = {
		[HC_FIELD_ZERO] = "zero",
		[HC_FIELD_CONSTANT] = "constant",
		[HC_FIELD_POINTER] = "pointer",
		[HC_FIELD_TEXT] = "text",
		[HC_FIELD_COUNTER] = "counter",
		[HC_FIELD_SMALL_INT] = "small-int",
		[HC_FIELD_TAGGED] = "tagged-pointer",
		[HC_FIELD_DOUBLE] = "double",
		[HC_FIELD_NOISE] = "noise",
		[HC_FIELD_MIXED] = "mixed",
	};
	return names[kind];
}

/** The largest one. */
#define WORD_SIZE 8

struct run {
	const struct hc_process *process;
	const struct hc_heap *heap;
	const struct hc_chunk_sample *sample;
	struct hc_bytes *chunks; /* of one size, in the order of the sample */
	size_t num;
	uint64_t population; /* chunks that the sample stands for */
	struct hc_byte_profile *profile;
	struct room *rooms; /* a worker's each */
	struct word *words;
};

/** What a worker looks at: a word of each chunk, which is read once, however often it is asked. */
struct room {
	uint64_t values[HC_PROFILE_MAX_CHUNKS], sorted[HC_PROFILE_MAX_CHUNKS];
	uint64_t spare[HC_PROFILE_MAX_CHUNKS];
	uint8_t rows[HC_PROFILE_MAX_CHUNKS][WORD_SIZE];
};

/** What is known of a word, which is described by itself. */
struct word {
	struct hc_byte_field fields[WORD_SIZE / 2];
	unsigned num_fields;
};

/** One word of all chunks. */
struct look {
	const struct run *run;
	const struct hc_heap *heap;
	struct room *room;
	size_t num;
	unsigned base; /* offset of the word */
	double entropy[WORD_SIZE];
	struct word *word;
};

/** Sort numbers of @p size bytes, byte by byte, the lowest first. @param spare room for as many */
static void sort(uint64_t *items, uint64_t *spare, size_t num, unsigned size)
{
	uint64_t *from = items, *to = spare;

	for (unsigned shift = 0; num && shift < 8 * size; shift += 8) {
		size_t ends[256] = {0}, sum = 0;

		for (size_t i = 0; i < num; i++)
			ends[from[i] >> shift & 0xff]++;
		/* Of most numbers some bytes are all the same. */
		if (ends[*from >> shift & 0xff] == num)
			continue;
		for (unsigned i = 0; i < 256; i++) {
			size_t count = ends[i];

			ends[i] = sum;
			sum += count;
		}
		for (size_t i = 0; i < num; i++)
			to[ends[from[i] >> shift & 0xff]++] = from[i];
		uint64_t *swap = from;
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, num * sizeof(*items));
}

/** @name The size */
/**@{*/

/** The most frequent of some sorted numbers. */
static uint64_t mode(const uint64_t *sorted, size_t num, size_t *count_ret)
{
	uint64_t best = 0;
	size_t most = 0;

	for (size_t i = 0, from = 0; i < num; i++) {
		if (sorted[i] != sorted[from])
			from = i;
		if (i - from + 1 > most) {
			most = i - from + 1;
			best = sorted[i];
		}
	}
	*count_ret = most;
	return best;
}

/** Collect the chunks of the most frequent usable size. @return whether there are enough */
static bool collect(struct run *run, struct hc_byte_profile *profile)
{
	uint64_t *sorted = run->rooms->sorted;
	struct hc_chunk_subsample chunks;
	struct hc_chunk chunk;
	size_t num = 0, same;

	hc_chunk_subsample_init(&chunks, run->sample, HC_PROFILE_MAX_CHUNKS);
	for (size_t i = 0; i < chunks.num; i++)
		if (hc_heap_chunk_at(run->heap, hc_chunk_subsample_at(&chunks, i), &chunk))
			sorted[num++] = chunk.usable;
	profile->looked = num;
	sort(sorted, run->rooms->spare, num, sizeof(uint64_t));
	uint64_t usable = mode(sorted, num, &same);
	if (same < HC_PROFILE_MIN_CHUNKS || same < HC_PROFILE_MIN_SHARE * num)
		return false;
	profile->num_columns = usable < HC_PROFILE_MAX_BYTES ? usable : HC_PROFILE_MAX_BYTES;
	for (size_t i = 0; i < chunks.num; i++) {
		if (!hc_heap_chunk_at(run->heap, hc_chunk_subsample_at(&chunks, i), &chunk) ||
		    chunk.usable != usable)
			continue;
		run->chunks[run->num] = hc_chunk_bytes(run->heap, &chunk);
		/* A chunk that is cut short tells nothing about the rest. */
		run->num += run->chunks[run->num].size >= profile->num_columns;
	}
	profile->usable = usable;
	profile->chunks = run->num;
	run->population = run->sample->offered;
	return run->num >= HC_PROFILE_MIN_CHUNKS;
}
/**@}*/

/** @name Bytes */
/**@{*/

/** @return entropy of the byte, bits */
static double describe_column(const struct look *look, unsigned offset, struct hc_byte_column *ret)
{
	size_t counts[256] = {0};
	double entropy = 0;

	*ret = (struct hc_byte_column){0};
	for (size_t i = 0; i < look->num; i++)
		counts[look->room->rows[i][offset]]++;
	for (unsigned i = 0; i < 256; i++) {
		double share = (double)counts[i] / look->num;

		if (!counts[i])
			continue;
		ret->distinct++;
		entropy -= share * log2(share);
		if (share > ret->share) {
			ret->share = share;
			ret->value = i;
		}
	}
	return entropy;
}
/**@}*/

/** @name Fields */
/**@{*/

static bool agree(const struct look *look, size_t count)
{
	return count >= HC_PROFILE_SHARE * look->num;
}

/** A number of 2, 4 or 8 bytes. */
static uint64_t load(const uint8_t *data, unsigned size, bool big_endian)
{
	return size == 2 ? hc_read16(data, big_endian) : hc_read_word(data, size, big_endian);
}

static void load_values(const struct look *look, unsigned offset, unsigned size)
{
	for (size_t i = 0; i < look->num; i++)
		look->room->values[i] =
			load(look->room->rows[i] + offset, size, look->heap->big_endian);
	memcpy(look->room->sorted, look->room->values, look->num * sizeof(uint64_t));
	sort(look->room->sorted, look->room->spare, look->num, size);
}

static bool is_same(const struct look *look, struct hc_byte_field *field)
{
	size_t count;

	field->value = mode(look->room->sorted, look->num, &count);
	field->share = (double)count / look->num;
	field->kind = field->value ? HC_FIELD_CONSTANT : HC_FIELD_ZERO;
	return agree(look, count);
}

static uint64_t count_distinct(const struct look *look)
{
	uint64_t distinct = look->num > 0;

	for (size_t i = 1; i < look->num; i++)
		distinct += look->room->sorted[i] != look->room->sorted[i - 1];
	return distinct;
}

/** Each mmapped chunk is a mapping of its own, and a program has many arenas. */
static bool same_target(const struct hc_mapping *a, const struct hc_mapping *b)
{
	return a == b || (a && b && a->kind == b->kind && !a->path == !b->path &&
			  (!a->path || strcmp(a->path, b->path) == 0));
}

/**
 * The kind of mapping that most of some pointers lead to (a majority, if one has it: Boyer, Moore
 * 1981), and their share.
 */
static void find_target(const struct look *look, struct hc_byte_field *field, size_t pointers)
{
	const struct hc_mappings *mappings = &look->run->process->mappings;
	const struct hc_mapping *best = NULL;
	size_t lead = 0, count = 0;

	for (size_t i = 0; i < look->num; i++) {
		const struct hc_mapping *target = hc_mappings_find(mappings, look->room->values[i]);

		if (!target)
			continue;
		if (!lead)
			best = target;
		lead += same_target(target, best) ? 1 : -1;
	}
	for (size_t i = 0; i < look->num; i++)
		count += best &&
			 same_target(hc_mappings_find(mappings, look->room->values[i]), best);
	field->target = best;
	field->target_share = pointers ? (double)count / pointers : 0;
}

/** Pointers or NULL, and not mostly NULL. Counts them in any case. */
static bool is_pointer(const struct look *look, struct hc_byte_field *field)
{
	size_t nulls = 0, pointers = 0;

	for (size_t i = 0; i < look->num; i++) {
		nulls += !look->room->values[i];
		pointers += look->room->values[i] &&
			    hc_mappings_find(&look->run->process->mappings, look->room->values[i]);
	}
	field->pointer_share = (double)pointers / look->num;
	if (!pointers || !agree(look, nulls + pointers))
		return false;
	field->kind = HC_FIELD_POINTER;
	field->share = (double)(nulls + pointers) / look->num;
	field->null_share = (double)nulls / look->num;
	find_target(look, field, pointers);
	return true;
}

/** Bits of an address on 64-bit machines with four-level tables; a tag may stand above them. */
#define ADDRESS_BITS 48

static bool is_tagged(const struct look *look, struct hc_byte_field *field)
{
	size_t nulls = 0, pointers = 0, tagged = 0;

	for (size_t i = 0; i < look->num; i++) {
		uint64_t value = look->room->values[i], tag = value >> ADDRESS_BITS;
		uint64_t address = value & ((UINT64_C(1) << ADDRESS_BITS) - 1);
		bool leads = address && hc_mappings_find(&look->run->process->mappings, address);

		nulls += !value;
		pointers += leads && tag != 0xffff;
		tagged += leads && tag && tag != 0xffff;
	}
	if (tagged < HC_PROFILE_MIN_POINTERS * look->num || !agree(look, nulls + pointers))
		return false;
	field->kind = HC_FIELD_TAGGED;
	field->share = (double)(nulls + pointers) / look->num;
	return true;
}

/** What doubles of programs count or measure; words that are none hardly ever lie in between. */
#define MIN_DOUBLE 1e-9
#define MAX_DOUBLE 1e15

static bool is_double(const struct look *look, struct hc_byte_field *field)
{
	size_t zeroes = 0, numbers = 0;

	for (size_t i = 0; i < look->num; i++) {
		double value;

		memcpy(&value, &look->room->values[i], sizeof(value));
		zeroes += !look->room->values[i];
		numbers += fabs(value) >= MIN_DOUBLE && fabs(value) <= MAX_DOUBLE;
	}
	if (numbers < zeroes || !agree(look, zeroes + numbers))
		return false;
	field->kind = HC_FIELD_DOUBLE;
	field->share = (double)(zeroes + numbers) / look->num;
	return true;
}

static bool is_text_byte(uint8_t c)
{
	return (c >= ' ' && c <= '~') || c == '\t' || c == '\n' || c == '\r';
}

/** At least three characters, then zeros to the end. */
static bool is_text(const struct look *look, struct hc_byte_field *field)
{
	size_t count = 0;

	for (size_t i = 0; i < look->num; i++) {
		const uint8_t *data = look->room->rows[i] + (field->offset - look->base);
		unsigned size = 0, end;

		while (size < field->size && is_text_byte(data[size]))
			size++;
		for (end = size; end < field->size && !data[end]; end++)
			;
		count += end == field->size && size >= 3;
	}
	field->kind = HC_FIELD_TEXT;
	field->share = (double)count / look->num;
	return agree(look, count);
}

/** Numbers that lie close together and hardly repeat, or that rise with the address. */
static bool is_counter(const struct look *look, struct hc_byte_field *field)
{
	uint64_t from = look->room->sorted[look->num / 40],
		 to = look->room->sorted[look->num - 1 - look->num / 40];
	uint64_t room =
		look->run->population > UINT64_MAX / 4 ? UINT64_MAX : look->run->population * 4;
	size_t rising = 1;

	for (size_t i = 1; i < look->num; i++)
		rising += look->room->values[i] >= look->room->values[i - 1];
	/* Of 16 bits there are too few values: they always lie close together. */
	if (field->size < 4 || field->distinct < look->num / 4 || to - from > UINT32_MAX)
		return false;
	/* A constant above a counter is a field of its own. */
	if (from >> 32 && from >> 32 == to >> 32)
		return false;
	if (!agree(look, rising) && (!agree(look, field->distinct) || to - from > room))
		return false;
	field->kind = HC_FIELD_COUNTER;
	field->share = agree(look, rising) ? (double)rising / look->num : HC_PROFILE_SHARE;
	field->min = from;
	field->max = to;
	return true;
}

/** Most of its bits are never used. */
static bool is_small_int(const struct look *look, struct hc_byte_field *field)
{
	uint64_t limit = field->size > 2 ? 1 << 16 : 1 << 8;
	size_t count = 0;

	while (count < look->num && look->room->sorted[count] < limit)
		count++;
	if (!agree(look, count))
		return false;
	field->kind = HC_FIELD_SMALL_INT;
	field->share = (double)count / look->num;
	field->min = look->room->sorted[0];
	field->max = look->room->sorted[count - 1];
	return true;
}

static bool is_noise(const struct look *look, struct hc_byte_field *field)
{
	if (look->num < HC_PROFILE_MIN_NOISE)
		return false;
	for (unsigned i = 0; i < field->size; i++)
		if (look->entropy[field->offset - look->base + i] < HC_PROFILE_NOISE_BITS)
			return false;
	field->kind = HC_FIELD_NOISE;
	field->share = 1;
	return true;
}

/** Whether the kind of a field is found; when not, its halves are looked at. */
static bool explain(const struct look *look, struct hc_byte_field *field)
{
	load_values(look, field->offset - look->base, field->size);
	field->distinct = count_distinct(look);
	if (is_same(look, field) && field->kind == HC_FIELD_ZERO)
		return true;
	if (field->size == look->heap->word_size && is_pointer(look, field))
		return true;
	double pointers =
		field->pointer_share >= HC_PROFILE_MIN_POINTERS ? field->pointer_share : 0;
	field->pointer_share = 0;
	if (is_text(look, field) || is_same(look, field))
		return true;
	if (field->size == 8 && (is_tagged(look, field) || is_double(look, field)))
		return true;
	if (is_counter(look, field) || is_small_int(look, field) || is_noise(look, field))
		return true;
	*field = (struct hc_byte_field){.offset = field->offset,
					.size = field->size,
					.kind = HC_FIELD_MIXED,
					.share = 1,
					.distinct = field->distinct,
					.pointer_share = pointers};
	return pointers > 0;
}

/** Whether two neighbours say the same and can be one. */
static bool can_join(const struct hc_byte_field *a, const struct hc_byte_field *b)
{
	return a->kind == b->kind && !a->pointer_share && !b->pointer_share &&
	       (a->kind == HC_FIELD_ZERO || a->kind == HC_FIELD_TEXT || a->kind == HC_FIELD_NOISE ||
		a->kind == HC_FIELD_MIXED);
}

static void add_field(struct hc_byte_profile *profile, const struct hc_byte_field *field)
{
	struct hc_byte_field *last =
		profile->num_fields ? &profile->fields[profile->num_fields - 1] : NULL;

	if (!last || !can_join(last, field)) {
		profile->fields[profile->num_fields++] = *field;
		return;
	}
	last->size += field->size;
	last->share = field->share < last->share ? field->share : last->share;
	last->distinct = field->distinct > last->distinct ? field->distinct : last->distinct;
}

/**
 * Describe [offset, offset + size) as one field, or as its halves when that explains any of them.
 */
static void describe_field(const struct look *look, unsigned offset, unsigned size)
{
	struct hc_byte_field field = {.offset = offset, .size = size};

	if (explain(look, &field) || size == 2) {
		look->word->fields[look->word->num_fields++] = field;
		return;
	}
	if (size == 4) {
		struct hc_byte_field halves[2] = {{.offset = offset, .size = 2},
						  {.offset = offset + 2, .size = 2}};
		bool low = explain(look, &halves[0]);

		if (!explain(look, &halves[1]) && !low) {
			look->word->fields[look->word->num_fields++] = field;
			return;
		}
	}
	describe_field(look, offset, size / 2);
	describe_field(look, offset + size / 2, size / 2);
}

/** What is left of a chunk behind its last whole word may have half of one. */
static struct hc_error *describe_word(void *ctx, unsigned worker, size_t task)
{
	const struct run *run = ctx;
	unsigned word = run->heap->word_size, base = task * word;
	unsigned size =
		run->profile->num_columns - base < word ? run->profile->num_columns - base : word;
	struct look look = {.run = run,
			    .heap = run->heap,
			    .room = &run->rooms[worker],
			    .num = run->num,
			    .base = base,
			    .word = &run->words[task]};

	for (size_t i = 0; i < run->num; i++)
		memcpy(look.room->rows[i], run->chunks[i].data + base, size);
	for (unsigned i = 0; i < size; i++)
		look.entropy[i] = describe_column(&look, i, &run->profile->columns[base + i]);
	if (size >= 4)
		describe_field(&look, base, size == word ? word : 4);
	return NULL;
}
/**@}*/

static struct hc_error *describe(struct run *run, struct hc_byte_profile *profile)
{
	struct word words[HC_PROFILE_MAX_BYTES / 4] = {0};

	if (!collect(run, profile)) {
		*profile = (struct hc_byte_profile){.looked = profile->looked};
		return NULL;
	}
	profile->fields = calloc(profile->num_columns / 2 + 1, sizeof(*profile->fields));
	if (!profile->fields)
		return &hc_enomem;
	size_t num = (profile->num_columns + run->heap->word_size - 1) / run->heap->word_size;
	run->profile = profile;
	run->words = words;
	struct hc_error *err = hc_process_parallel(run->process, num, describe_word, run);
	if (err)
		return err;
	for (size_t i = 0; i < num; i++)
		for (unsigned k = 0; k < words[i].num_fields; k++)
			add_field(profile, &words[i].fields[k]);
	return NULL;
}

struct hc_error *hc_byte_profile_run(struct hc_target *target, const struct hc_chunk_sample *sample,
				     struct hc_byte_profile *ret)
{
	hc_cleanup_free struct hc_bytes *chunks = calloc(HC_PROFILE_MAX_CHUNKS, sizeof(*chunks));
	hc_cleanup_free struct room *rooms = calloc(target->process->jobs, sizeof(*rooms));
	struct hc_byte_profile profile = {0};

	if (!chunks || !rooms)
		return &hc_enomem;
	struct run run = {
		.process = target->process, .sample = sample, .chunks = chunks, .rooms = rooms};
	struct hc_error *err = hc_target_heap(target, &run.heap);
	if (!err)
		err = describe(&run, &profile);
	if (err) {
		hc_byte_profile_deinit(&profile);
		return err;
	}
	*ret = profile;
	return NULL;
}

void hc_byte_profile_deinit(struct hc_byte_profile *profile)
{
	free(profile->fields);
	*profile = (struct hc_byte_profile){0};
}
