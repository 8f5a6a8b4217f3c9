/**
 * @file
 * C++ objects that do not start their chunk, as a provider of types: behind a header of the
 * program's or of a pool's own, in the node of a list, or many of them in one block (slabs, arenas,
 * buffers of vectors of pairs).
 *
 * The mark is the same as of those that do (rtti.h): the address point of a vtable, exactly, of a
 * class's own vtable and not of a base's part of it. A word of that value is no accident; what may
 * be one is its place, since memory that was handed out again keeps what was there before. So one
 * such word is not believed:
 *
 *   - in chunks of one size, more than half of those that some other mark does not begin must have
 *     one at one and the same offset (size_sample.h), which may be any class each;
 *   - in a block, it must repeat: the same vtable several times, all distances multiples of the
 *     least, and at these places at least half are objects, up to the last one.
 *
 * What it can't do. Objects of sizes of their own each in one arena, fewer than MIN_CHUNKS chunks
 * of a size with one object each, and objects behind more than MAX_OFFSET bytes are not found.
 * Members that have virtual functions are objects, too: a struct with one at an offset counts as
 * one. Blocks that were freed and handed out again may show objects that are dead.
 */
#include "analyzers/types/demangle.h"
#include "analyzers/types/provider.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Chunks of a size that there must be to speak of more than half. */
#define MIN_CHUNKS 4
/** Bytes of a chunk in which the first object is looked for. */
#define MAX_OFFSET 512
/** Smallest block that is looked at for several objects, usable bytes. */
#define MIN_BLOCK 128
/** Objects of a block that there must be. */
#define MIN_OBJECTS 3
/** Words of a block in which the distance of objects is looked for, and objects for that. */
#define MAX_WORDS 4096
#define MAX_MARKS 16

/** Chunks of this size have an object at this offset. */
struct rule {
	uint64_t size;
	uint64_t offset; /* bytes */
};

struct embedded {
	const struct hc_type_scope *scope;
	struct rule *rules; /* by size */
	size_t num;
};

static void destroy(void *own)
{
	struct embedded *embedded = own;

	if (!embedded)
		return;
	free(embedded->rules);
	free(embedded);
}

static void destroyp(struct embedded **embedded)
{
	destroy(*embedded);
}

static uint32_t class_at(const struct hc_type_scope *scope, const struct hc_type_subject *subject,
			 uint64_t offset)
{
	return hc_rtti_class_of(&scope->rtti, hc_subject_word(scope, subject, offset));
}

/* --- Chunks with one object --- */

/** One size, while it is looked at: chunks, and how many have an object, by offset in words. */
struct look {
	unsigned num;
	unsigned counts[MAX_OFFSET / 4];
};

static void look_at(const struct hc_type_scope *scope, uint64_t address, struct look *look)
{
	unsigned word = scope->heap->word_size;
	struct hc_chunk chunk;

	if (!hc_heap_chunk_at(scope->heap, address, &chunk))
		return;
	struct hc_type_subject subject = {&chunk, hc_chunk_bytes(scope->heap, &chunk)};
	if (class_at(scope, &subject, 0) != HC_NO_RTTI_CLASS)
		return;
	look->num++;
	for (unsigned i = 1; i < MAX_OFFSET / word && (i + 1) * word <= subject.bytes.size; i++)
		look->counts[i] += class_at(scope, &subject, i * word) != HC_NO_RTTI_CLASS;
}

static struct hc_error *find_rule(struct embedded *embedded, const struct hc_sampled_size *size)
{
	const struct hc_type_scope *scope = embedded->scope;
	unsigned word = scope->heap->word_size;
	struct look look = {0};

	for (size_t i = 0; i < size->num; i++)
		look_at(scope, size->addresses[i], &look);
	for (unsigned i = 1; look.num >= MIN_CHUNKS && i < MAX_OFFSET / word; i++) {
		if (look.counts[i] <= look.num / 2)
			continue;
		struct hc_error *err =
			hc_array_reserve(&embedded->rules, embedded->num, sizeof(*embedded->rules));
		if (!err)
			embedded->rules[embedded->num++] = (struct rule){size->size, i * word};
		return err;
	}
	return NULL;
}

static int compare_rules(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	return (x->size > y->size) - (x->size < y->size);
}

static struct hc_error *find(struct hc_type_scope *scope, void **own_ret)
{
	hc_cleanup(destroyp) struct embedded *embedded = calloc(1, sizeof(*embedded));

	if (!embedded)
		return &hc_enomem;
	if (!scope->rtti.vtables.num)
		return NULL;
	embedded->scope = scope;
	struct hc_error *err = hc_type_scope_sample(scope);
	for (size_t i = 0; i < scope->sample.num && !err; i++) {
		if (scope->sample.sizes[i].num >= MIN_CHUNKS)
			err = find_rule(embedded, &scope->sample.sizes[i]);
	}
	if (err)
		return err;
	hc_sort(embedded->rules, embedded->num, compare_rules);
	*own_ret = hc_steal(embedded);
	return NULL;
}

/* --- Blocks with several --- */

/**
 * The least distance of words that are the first object's vtable; all others must be multiples.
 *
 * @return bytes; 0: there are too few, or they are at no constant distance
 */
static uint64_t find_stride(const struct hc_type_scope *scope,
			    const struct hc_type_subject *subject, uint64_t first)
{
	unsigned word = scope->heap->word_size;
	uint64_t vtable = hc_subject_word(scope, subject, first);
	uint64_t end = first + (uint64_t)MAX_WORDS * word, marks[MAX_MARKS], stride = 0;
	unsigned num = 0;

	end = end < subject->bytes.size ? end : subject->bytes.size;
	for (uint64_t at = first; num < MAX_MARKS && at + word <= end; at += word) {
		if (hc_subject_word(scope, subject, at) != vtable)
			continue;
		if (num && (!stride || at - marks[num - 1] < stride))
			stride = at - marks[num - 1];
		marks[num++] = at;
	}
	for (unsigned i = 1; i < num; i++) {
		if ((marks[i] - marks[i - 1]) % stride)
			return 0;
	}
	/* An object has more than its vtable; words in a row are a table of something. */
	return num < MIN_OBJECTS || stride <= word ? 0 : stride;
}

/** Several objects in one block. */
static bool find_several(const struct hc_type_scope *scope, const struct hc_type_subject *subject,
			 struct hc_type_objects *ret)
{
	unsigned word = scope->heap->word_size;
	uint64_t first = word;

	if (subject->bytes.size < MIN_BLOCK)
		return false;
	while (first < MAX_OFFSET && class_at(scope, subject, first) == HC_NO_RTTI_CLASS)
		first += word;
	uint64_t stride = first < MAX_OFFSET ? find_stride(scope, subject, first) : 0;
	uint64_t count = 0, places = 0;

	if (!stride)
		return false;
	for (uint64_t at = first, i = 1; at + word <= subject->bytes.size; at += stride, i++) {
		if (class_at(scope, subject, at) == HC_NO_RTTI_CLASS)
			continue;
		count++;
		places = i;
	}
	*ret = (struct hc_type_objects){first, stride, places, count};
	return count >= MIN_OBJECTS && count >= places - count;
}

/* --- Answers --- */

static bool find_objects(const void *own, const struct hc_type_subject *subject,
			 struct hc_type_objects *ret)
{
	const struct embedded *embedded = own;
	const struct rule *rules = embedded->rules;
	uint64_t size = subject->chunk->size;

	if (find_several(embedded->scope, subject, ret))
		return true;
	size_t at = hc_lower_bound(embedded->num, i, rules[i].size < size);
	if (at == embedded->num || rules[at].size != size ||
	    class_at(embedded->scope, subject, rules[at].offset) == HC_NO_RTTI_CLASS)
		return false;
	*ret = (struct hc_type_objects){rules[at].offset, 0, 1, 1};
	return true;
}

static bool find_type(const void *own, const struct hc_type_subject *subject,
		      struct hc_type_hit *hit)
{
	const struct embedded *embedded = own;
	struct hc_type_objects objects;

	if (!find_objects(own, subject, &objects))
		return false;
	hit->index = class_at(embedded->scope, subject, objects.offset);
	hit->form = objects.count > 1 ? HC_FORM_SEVERAL_INSIDE : HC_FORM_INSIDE;
	return true;
}

static size_t num(const void *own)
{
	const struct embedded *embedded = own;

	return embedded->scope->rtti.num_classes;
}

static char *name(const void *own, struct hc_type_scope *scope, size_t index)
{
	(void)own;
	return hc_demangle_type(scope->rtti.classes[index].mangled);
}

const struct hc_type_provider hc_types_by_embedded = {
	.find = find,
	.destroy = destroy,
	.num = num,
	.find_type = find_type,
	.objects = find_objects,
	.name = name,
	.known_by = HC_TYPE_EMBEDDED,
	.forms = 1 << HC_FORM_INSIDE | 1 << HC_FORM_SEVERAL_INSIDE,
};
