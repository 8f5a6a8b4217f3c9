/**
 * @file
 * C++ classes as a provider of types: the first word of a chunk is a vtable (rtti.h), or the count
 * before an array of objects that begin with the same one.
 */
#include "analyzers/types/demangle.h"
#include "analyzers/types/provider.h"

static struct hc_error *find(struct hc_type_scope *scope, void **own_ret)
{
	struct hc_modules *symbols =
		scope->effort >= HC_TYPES_FULL ? &scope->process->modules : NULL;
	struct hc_error *err = hc_rtti_find(scope->process, symbols, &scope->rtti);

	if (!err && scope->rtti.vtables.num)
		*own_ret = scope;
	return err;
}

static size_t num(const void *own)
{
	const struct hc_type_scope *scope = own;

	return scope->rtti.num_classes;
}

static char *name(const void *own, struct hc_type_scope *scope, size_t index)
{
	(void)own;
	return hc_demangle_type(scope->rtti.classes[index].mangled);
}

static enum hc_type_source source(const void *own, size_t index)
{
	const struct hc_type_scope *scope = own;

	return scope->rtti.classes[index].by_symbol ? HC_TYPE_SYMBOL : HC_TYPE_VTABLE;
}

/** An array from new[], with elements of one class from @p offset on. */
struct array {
	struct hc_bytes bytes;
	uint64_t offset, num;
	uint64_t vtable; /**< of the first element */
	bool big_endian;
};

/** Whether elements of that size begin with the same vtable: those in the middle and at the end. */
static bool has_elements(const struct array *array, unsigned word, uint64_t size)
{
	uint64_t some[] = {1, array->num / 2, array->num - 1};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		uint64_t at = array->offset + some[i] * size;

		if (at > array->bytes.size || array->bytes.size - at < word ||
		    hc_read_word(array->bytes.data + at, word, array->big_endian) != array->vtable)
			return false;
	}
	return true;
}

/**
 * Whether a chunk is an array of so many elements: there is a size of an element for which malloc
 * would have given this chunk, and with which there are vtables where they should be.
 */
static bool is_array(const struct hc_heap *heap, const struct hc_chunk *chunk,
		     const struct array *array)
{
	unsigned word = heap->word_size;
	uint64_t min, max;

	hc_chunk_request(heap, chunk, &min, &max);
	if (array->num < 2 || max < array->offset || array->num > (max - array->offset) / word)
		return false;
	uint64_t size = (max - array->offset) / array->num / word * word;
	for (; size && array->offset + array->num * size >= min; size -= word) {
		if (has_elements(array, word, size))
			return true;
	}
	return false;
}

/** The number of elements is in the word before the first, which may be aligned to two words. */
static bool find_array(const struct hc_type_scope *scope, const struct hc_type_subject *subject,
		       struct hc_type_hit *hit)
{
	unsigned word = scope->heap->word_size;

	for (unsigned offset = word; offset <= 2 * word && subject->bytes.size >= offset + word;
	     offset += word) {
		struct array array = {
			.bytes = subject->bytes,
			.offset = offset,
			.num = hc_subject_word(scope, subject, offset - word),
			.vtable = hc_subject_word(scope, subject, offset),
			.big_endian = scope->heap->big_endian,
		};
		uint32_t class_id = hc_rtti_class_of(&scope->rtti, array.vtable);

		if (class_id != HC_NO_RTTI_CLASS && is_array(scope->heap, subject->chunk, &array)) {
			*hit = (struct hc_type_hit){class_id, HC_FORM_ARRAY};
			return true;
		}
	}
	return false;
}

static bool find_type(const void *own, const struct hc_type_subject *subject,
		      struct hc_type_hit *hit)
{
	const struct hc_type_scope *scope = own;

	hit->index = hc_rtti_class_of(&scope->rtti, hc_subject_word(scope, subject, 0));
	return hit->index != HC_NO_RTTI_CLASS || find_array(scope, subject, hit);
}

const struct hc_type_provider hc_types_by_vtable = {
	.find = find,
	.num = num,
	.find_type = find_type,
	.name = name,
	.source = source,
	/* A vtable tells all of an object, never a part. */
	.forms = 1 << HC_FORM_ONE | 1 << HC_FORM_ARRAY,
};
