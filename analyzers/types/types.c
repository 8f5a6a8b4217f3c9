/**
 * @file
 * Types of chunks, and their names.
 */
#include "analyzers/types/types.h"

#include "analyzers/types/demangle.h"
#include "analyzers/types/rtti.h"
#include "analyzers/types/short_name.h"
#include "analyzers/types/typegraph.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/base/nearest.h"

/**
 * A type alone, as an array, and with something else behind it: three ids in a row, from 3 on.
 */
enum form { FORM_ONE, FORM_ARRAY, FORM_PREFIX, NUM_FORMS };

struct type {
	char *names[NUM_FORMS];       /**< as far as they were asked for */
	char *short_names[NUM_FORMS]; /**< the same */
};

struct hc_types {
	const struct hc_heap *heap;
	struct hc_rtti rtti;
	struct hc_debuginfo *info;  /**< NULL: none was looked at */
	struct hc_typegraph *graph; /**< with @ref info */
	struct type *types; /**< first the classes of @ref rtti, then the types of @ref graph */
	size_t num;
};

static hc_type_id id_of(size_t index, enum form form)
{
	return NUM_FORMS * (index + 1) + form;
}

static size_t index_of(hc_type_id type)
{
	return type / NUM_FORMS - 1;
}

const char *hc_type_source_name(enum hc_type_source source)
{
	static const char *const names[] = {
		[HC_TYPE_VTABLE] = "vtable",
		[HC_TYPE_SYMBOL] = "symbol",
		[HC_TYPE_DWARF] = "dwarf",
	};

	return names[source];
}

const char *hc_type_source_title(enum hc_type_source source)
{
	static const char *const titles[] = {
		[HC_TYPE_VTABLE] = "C++ class, by its vtable",
		[HC_TYPE_SYMBOL] = "C++ class, by the symbol of its vtable",
		[HC_TYPE_DWARF] = "by debug information and what points to it",
	};

	return titles[source];
}

/* --- All types --- */

void hc_types_destroy(struct hc_types *types)
{
	if (!types)
		return;
	for (size_t i = 0; types->types && i < types->num; i++) {
		for (enum form form = 0; form < NUM_FORMS; form++) {
			free(types->types[i].names[form]);
			free(types->types[i].short_names[form]);
		}
	}
	free(types->types);
	hc_typegraph_destroy(types->graph);
	hc_debuginfo_close(types->info);
	hc_rtti_deinit(&types->rtti);
	free(types);
}

static void types_destroyp(struct hc_types **types)
{
	hc_types_destroy(*types);
}

/** The debug information of classes with a vtable, by index. */
struct known_layouts {
	const struct hc_types *types;
	hc_layout_id *layouts;
};

static hc_layout_id known_layout(void *ctx, const struct hc_chunk *chunk)
{
	const struct known_layouts *known = ctx;
	hc_type_id type = hc_type_of(known->types, chunk);

	return type != HC_TYPE_NONE && type % NUM_FORMS == FORM_ONE &&
			       index_of(type) < known->types->rtti.num_classes
		       ? known->layouts[index_of(type)]
		       : HC_NO_LAYOUT;
}

/** Where there is debug information, find what it tells. */
static struct hc_error *build_graph(struct hc_types *types, struct hc_process *process)
{
	size_t num = types->rtti.num_classes;
	hc_cleanup_free hc_layout_id *layouts = calloc(num + 1, sizeof(*layouts));
	struct known_layouts known = {types, layouts};

	if (!layouts)
		return &hc_enomem;
	struct hc_error *err =
		hc_debuginfo_open(&process->modules, process->memory.word_size, &types->info);
	if (err || !hc_debuginfo_num_modules(types->info))
		return err;
	for (size_t i = 0; i < num; i++) {
		hc_cleanup_free char *name = hc_demangle_type(types->rtti.classes[i].mangled);

		if (!name)
			return &hc_enomem;
		layouts[i] = hc_debuginfo_find(types->info, name);
	}
	return hc_typegraph_build(types->heap, types->info, num ? known_layout : NULL, &known,
				  &types->graph);
}

struct hc_error *hc_types_create(struct hc_process *process, const struct hc_heap *heap,
				 enum hc_types_effort effort, struct hc_types **ret)
{
	hc_cleanup(types_destroyp) struct hc_types *types = calloc(1, sizeof(*types));

	if (!types)
		return &hc_enomem;
	types->heap = heap;
	struct hc_error *err = hc_rtti_find(process, effort >= HC_TYPES_FULL, &types->rtti);
	if (err)
		return err;
	if (effort >= HC_TYPES_FULL && (err = build_graph(types, process)))
		return err;
	types->num = types->rtti.num_classes;
	if (types->graph)
		types->num += hc_typegraph_num(types->graph);
	types->types = calloc(types->num + 1, sizeof(*types->types));
	if (!types->types)
		return &hc_enomem;
	*ret = hc_steal(types);
	return NULL;
}

bool hc_types_have_debuginfo(const struct hc_types *types)
{
	return types->info && hc_debuginfo_of_program(types->info);
}

size_t hc_types_num(const struct hc_types *types)
{
	return id_of(types->num, FORM_ONE);
}

/** Longest name of a member, with those around it. */
#define MAX_MEMBER 256

char *hc_type_member(struct hc_types *types, const struct hc_chunk *chunk, uint64_t offset)
{
	hc_type_id type = hc_type_of(types, chunk);
	char member[MAX_MEMBER] = "";
	struct hc_layout layout;
	const char *name;

	if (type == HC_TYPE_NONE || !types->info)
		return NULL;
	name = hc_type_name(types, id_of(index_of(type), FORM_ONE));
	hc_layout_id id = name ? hc_debuginfo_find(types->info, name) : HC_NO_LAYOUT;
	if (id == HC_NO_LAYOUT)
		return NULL;
	hc_cleanup_error struct hc_error *err = hc_debuginfo_layout(types->info, id, &layout);
	if (err)
		return NULL;
	if (type % NUM_FORMS == FORM_ARRAY)
		offset %= layout.size;
	return hc_debuginfo_member(types->info, id, offset, member, sizeof(member)) ? strdup(member)
										    : NULL;
}

enum hc_type_source hc_type_source(const struct hc_types *types, hc_type_id type)
{
	size_t index = index_of(type);

	if (index >= types->rtti.num_classes)
		return HC_TYPE_DWARF;
	return types->rtti.classes[index].by_symbol ? HC_TYPE_SYMBOL : HC_TYPE_VTABLE;
}

/** Make the name of a type. */
static char *make_name(const struct hc_types *types, hc_type_id type)
{
	size_t index = index_of(type), num = types->rtti.num_classes;
	hc_cleanup_free char *name = index < num
					     ? hc_demangle_type(types->rtti.classes[index].mangled)
					     : strdup(hc_typegraph_name(types->graph, index - num));

	if (!name || type % NUM_FORMS == FORM_ONE)
		return hc_steal(name);
	return hc_format("%s%s", name, type % NUM_FORMS == FORM_ARRAY ? "[]" : "+");
}

const char *hc_type_name(struct hc_types *types, hc_type_id type)
{
	if (type == HC_TYPE_NONE)
		return "(none)";
	char **name = &types->types[index_of(type)].names[type % NUM_FORMS];
	if (!*name)
		*name = make_name(types, type);
	return *name;
}

const char *hc_type_short_name(struct hc_types *types, hc_type_id type)
{
	const char *name = hc_type_name(types, type);

	if (type == HC_TYPE_NONE || !name)
		return name;
	char **ret = &types->types[index_of(type)].short_names[type % NUM_FORMS];
	if (!*ret)
		*ret = hc_short_type_name(name);
	return *ret;
}

/** The mark of a cut: as good as a star, since names are copied from output. */
#define CUT_MARK "…"

/** The length of what stands for any text at the start of a pattern; 0: there is none. */
static size_t star_size(const char *pattern)
{
	if (*pattern == '*')
		return 1;
	return strncmp(pattern, CUT_MARK, strlen(CUT_MARK)) ? 0 : strlen(CUT_MARK);
}

/** Whether a name is that of a pattern. Linear: after a *, only the last one is ever tried again.
 */
static bool matches(const char *name, const char *pattern)
{
	const char *star = NULL, *retry = NULL;

	while (*name) {
		if (star_size(pattern)) {
			star = pattern += star_size(pattern);
			retry = name;
		} else if (*pattern == '?' || (*pattern && *pattern == *name)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (star_size(pattern))
		pattern += star_size(pattern);
	return !*pattern;
}

/** Whether there can be chunks of a type: a vtable tells all of an object, never a part. */
static bool is_possible(const struct hc_types *types, hc_type_id type)
{
	if (type < id_of(0, FORM_ONE))
		return false;
	return type % NUM_FORMS != FORM_PREFIX || index_of(type) >= types->rtti.num_classes;
}

struct hc_error *hc_types_find(struct hc_types *types, const char *pattern, uint64_t *set,
			       bool *found_ret)
{
	bool found = false;

	for (hc_type_id type = HC_TYPE_NONE; type < hc_types_num(types); type++) {
		if (type != HC_TYPE_NONE && !is_possible(types, type))
			continue;
		const char *name = hc_type_name(types, type);
		const char *shorter = hc_type_short_name(types, type);
		if (!name || !shorter)
			return &hc_enomem;
		/* A class may have a * in its name: what is equal is meant. */
		if (strcmp(name, pattern) != 0 && strcmp(shorter, pattern) != 0 &&
		    (type == HC_TYPE_NONE ||
		     (!matches(name, pattern) && !matches(shorter, pattern))))
			continue;
		set[type / 64] |= UINT64_C(1) << type % 64;
		found = true;
	}
	*found_ret = found;
	return NULL;
}

struct hc_error *hc_types_nearest(struct hc_types *types, const char *text, const char **ret)
{
	struct hc_nearest nearest = hc_nearest_to(text);

	for (hc_type_id type = HC_TYPE_NONE + 1; type < hc_types_num(types); type++) {
		if (!is_possible(types, type) || type % NUM_FORMS != FORM_ONE)
			continue;
		const char *name = hc_type_short_name(types, type);
		if (!name)
			return &hc_enomem;
		hc_nearest_offer(&nearest, name);
	}
	*ret = nearest.word;
	return NULL;
}

/* --- The type of a chunk --- */

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
static hc_type_id type_of_array(const struct hc_types *types, const struct hc_chunk *chunk,
				struct hc_bytes bytes)
{
	unsigned word = types->heap->word_size;
	bool big = types->heap->big_endian;

	for (unsigned offset = word; offset <= 2 * word && bytes.size >= offset + word;
	     offset += word) {
		struct array array = {
			.bytes = bytes,
			.offset = offset,
			.num = hc_read_word(bytes.data + offset - word, word, big),
			.vtable = hc_read_word(bytes.data + offset, word, big),
			.big_endian = big,
		};
		uint32_t class_id = hc_rtti_class_of(&types->rtti, array.vtable);

		if (class_id != HC_NO_RTTI_CLASS && is_array(types->heap, chunk, &array))
			return id_of(class_id, FORM_ARRAY);
	}
	return HC_TYPE_NONE;
}

/** The type that the first word tells, or the count before the first of several. */
static hc_type_id type_by_vtable(const struct hc_types *types, const struct hc_chunk *chunk)
{
	unsigned word = types->heap->word_size;

	if (!types->rtti.num_vtables)
		return HC_TYPE_NONE;
	struct hc_bytes bytes = hc_chunk_bytes(types->heap, chunk);
	if (bytes.size < word)
		return HC_TYPE_NONE;
	uint32_t class_id = hc_rtti_class_of(
		&types->rtti, hc_read_word(bytes.data, word, types->heap->big_endian));
	return class_id != HC_NO_RTTI_CLASS ? id_of(class_id, FORM_ONE)
					    : type_of_array(types, chunk, bytes);
}

hc_type_id hc_type_of(const struct hc_types *types, const struct hc_chunk *chunk)
{
	enum hc_fit fit;
	uint32_t index;

	if (chunk->state != HC_IN_USE)
		return HC_TYPE_NONE;
	hc_type_id type = type_by_vtable(types, chunk);
	if (type != HC_TYPE_NONE || !types->graph ||
	    !hc_typegraph_find(types->graph, chunk, &index, &fit))
		return type;
	return id_of(types->rtti.num_classes + index, fit == HC_FIT_ARRAY   ? FORM_ARRAY
						      : fit != HC_FIT_EXACT ? FORM_PREFIX
									    : FORM_ONE);
}

size_t hc_types_majority(const hc_type_id *items, size_t num, hc_type_id *ret)
{
	hc_type_id candidate = HC_TYPE_NONE;
	size_t votes = 0, count = 0;

	/* Boyer, Moore: only one that more than half have can be left. */
	for (size_t i = 0; i < num; i++) {
		if (!votes)
			candidate = items[i];
		votes += items[i] == candidate ? 1 : -1;
	}
	for (size_t i = 0; i < num; i++)
		count += items[i] == candidate;
	bool has = candidate != HC_TYPE_NONE && count > num / 2;
	*ret = has ? candidate : HC_TYPE_NONE;
	return has ? count : 0;
}
