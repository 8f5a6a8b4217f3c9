/**
 * @file
 * Objects that std::shared_ptr counts; see counted.h.
 */
#include "analyzers/containers/counted.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

/** Classes of such blocks. libc++ has an inline namespace of its version: std::__1. */
static const struct {
	const char *pattern;
	enum hc_container_library library;
} classes[] = {
	{"std::_Sp_counted_*", HC_LIBRARY_STDCXX},
	{"std::__*::__shared_ptr_*", HC_LIBRARY_CXX},
};

/** Whether it is an object alone, at the start of its chunk. */
static bool is_one_object(struct hc_types *types, hc_type_id type)
{
	const char *name = hc_type_name(types, type);
	size_t size = name ? strlen(name) : 0;

	return size && name[size - 1] == '>' && hc_type_source(types, type) == HC_TYPE_VTABLE;
}

static struct hc_error *find_class(struct hc_counted *counted, struct hc_types *types, size_t i)
{
	size_t num = hc_types_num(types);
	hc_cleanup_free uint64_t *set = calloc(num / 64 + 1, sizeof(*set));
	bool found;
	struct hc_error *err =
		set ? hc_types_find(types, classes[i].pattern, set, &found) : &hc_enomem;

	for (hc_type_id type = HC_TYPE_NONE + 1; !err && type < num; type++) {
		if (!(set[type / 64] >> type % 64 & 1) || !is_one_object(types, type))
			continue;
		counted->libraries[type] = classes[i].library;
		counted->any = true;
	}
	return err;
}

struct hc_error *hc_counted_init(struct hc_target *target, struct hc_counted *ret)
{
	hc_cleanup(hc_counted_deinit) struct hc_counted counted = {.heap = target->heap};
	struct hc_types *types;
	struct hc_error *err = hc_target_types(target, HC_TYPES_QUICK, &types);

	if (err)
		return err;
	counted.types = types;
	counted.libraries = calloc(hc_types_num(types) + 1, sizeof(*counted.libraries));
	if (!counted.libraries)
		return &hc_enomem;
	for (size_t i = 0; !err && i < sizeof(classes) / sizeof(*classes); i++)
		err = find_class(&counted, types, i);
	if (err)
		return err;
	*ret = counted;
	counted.libraries = NULL;
	return NULL;
}

void hc_counted_deinit(struct hc_counted *counted)
{
	free(counted->libraries);
	counted->libraries = NULL;
}

/** The counts as the library has them: signed. @return false: the chunk is too small */
static bool read_counts(const struct hc_heap *heap, struct hc_bytes bytes,
			enum hc_container_library library, int64_t counts[2])
{
	unsigned word = heap->word_size, size = library == HC_LIBRARY_CXX ? word : 4;

	if (bytes.size < word + 2 * size)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t value = hc_read_word(bytes.data + word + i * size, size, heap->big_endian);

		counts[i] = size == 4 ? (int32_t)value : (int64_t)value;
	}
	return true;
}

bool hc_counted_prove(const struct hc_counted *counted, const struct hc_chunk *chunk,
		      struct hc_container *ret)
{
	const enum hc_container_library library =
		counted->libraries[hc_type_of(counted->types, chunk)];
	int64_t counts[2];

	if (library == HC_LIBRARY_EITHER ||
	    !read_counts(counted->heap, hc_chunk_bytes(counted->heap, chunk), library, counts))
		return false;
	/* No program has as many pointers as could overflow these. */
	if (counts[0] < -1 || counts[0] > INT32_MAX || counts[1] < -1 || counts[1] > INT32_MAX)
		return false;
	int64_t less = library == HC_LIBRARY_CXX, uses = counts[0] + less;
	int64_t weak = counts[1] + less - (uses > 0);

	if (uses < 0 || weak < 0 || uses + weak == 0)
		return false;
	*ret = (struct hc_container){
		.kind = HC_CONTAINER_SHARED,
		.library = library,
		.head = chunk->address,
		.elements = HC_UNKNOWN_ELEMENTS,
		.arrays = {1, chunk->size},
		.uses = uses,
		.weak = weak,
	};
	return true;
}
