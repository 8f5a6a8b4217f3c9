/**
 * @file
 * Types of chunks, and their names: the list of providers, and ids over all of them.
 */
#include "analyzers/types/types.h"

#include "analyzers/types/provider.h"
#include "analyzers/types/short_name.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/base/nearest.h"

/**
 * Best first: the first one that knows a chunk's type is believed. Marks that name the type come
 * before conclusions from what points to a chunk, and these before kinds.
 */
static const struct hc_type_provider *const all_providers[] = {
	&hc_types_by_vtable,   &hc_types_stream,   &hc_types_by_gtype,   &hc_types_by_python,
	&hc_types_by_embedded, &hc_types_by_trait, &hc_types_by_pointer, &hc_types_by_constant,
};

#define NUM_PROVIDERS (sizeof(all_providers) / sizeof(all_providers[0]))

/** A provider that found types, which are num from first on in hc_types::types. */
struct provided {
	const struct hc_type_provider *provider;
	void *own;
	size_t first, num;
};

struct type {
	char *names[HC_NUM_FORMS];       /**< as far as they were asked for */
	char *short_names[HC_NUM_FORMS]; /**< the same */
};

struct hc_types {
	struct hc_type_scope scope;
	struct provided provided[NUM_PROVIDERS];
	size_t num_provided;
	struct type *types;
	size_t num;
};

/** The forms of a type are ids in a row, from HC_NUM_FORMS on. */
static hc_type_id id_of(size_t index, enum hc_type_form form)
{
	return HC_NUM_FORMS * (index + 1) + form;
}

static size_t index_of(hc_type_id type)
{
	return type / HC_NUM_FORMS - 1;
}

/** Whose a type is. */
static const struct provided *provided_of(const struct hc_types *types, hc_type_id type)
{
	const struct provided *provided = types->provided;

	while (index_of(type) - provided->first >= provided->num)
		provided++;
	return provided;
}

static const struct {
	const char *name, *title;
	bool is_mark;
} sources[] = {
	[HC_TYPE_VTABLE] = {"vtable", "C++ class, by its vtable", true},
	[HC_TYPE_SYMBOL] = {"symbol", "C++ class, by the symbol of its vtable", true},
	[HC_TYPE_MAGIC] = {"magic", "stream of the C library, by its magic and jump table", true},
	[HC_TYPE_CONSTANT] = {"constant", "by what it points to in a module", false},
	[HC_TYPE_GTYPE] = {"gtype", "instance of a GLib type, by its class", true},
	[HC_TYPE_PYTHON] = {"python", "object of Python, by its type", true},
	[HC_TYPE_EMBEDDED] = {"embedded", "C++ objects inside of it, by their vtables", true},
	[HC_TYPE_TRAIT] = {"trait", "object of Rust, by the vtable beside a pointer to it", true},
	[HC_TYPE_DWARF] = {"dwarf", "by debug information and what points to it", false},
};

const char *hc_type_source_name(enum hc_type_source source)
{
	return sources[source].name;
}

const char *hc_type_source_title(enum hc_type_source source)
{
	return sources[source].title;
}

bool hc_type_source_is_mark(enum hc_type_source source)
{
	return sources[source].is_mark;
}

/* --- All types --- */

void hc_types_destroy(struct hc_types *types)
{
	if (!types)
		return;
	for (size_t i = 0; types->types && i < types->num; i++) {
		for (enum hc_type_form form = 0; form < HC_NUM_FORMS; form++) {
			free(types->types[i].names[form]);
			free(types->types[i].short_names[form]);
		}
	}
	free(types->types);
	for (size_t i = 0; i < types->num_provided; i++) {
		if (types->provided[i].provider->destroy)
			types->provided[i].provider->destroy(types->provided[i].own);
	}
	hc_size_sample_deinit(&types->scope.sample);
	hc_debuginfo_close(types->scope.info);
	hc_rtti_deinit(&types->scope.rtti);
	free(types);
}

static void types_destroyp(struct hc_types **types)
{
	hc_types_destroy(*types);
}

/** Let every provider look for its types. */
static struct hc_error *provide(struct hc_types *types)
{
	for (size_t i = 0; i < NUM_PROVIDERS; i++) {
		struct provided *provided = &types->provided[types->num_provided];

		provided->provider = all_providers[i];
		struct hc_error *err = all_providers[i]->find(&types->scope, &provided->own);
		if (err)
			return err;
		if (!provided->own)
			continue;
		provided->first = types->num;
		provided->num = all_providers[i]->num(provided->own);
		types->num += provided->num;
		types->num_provided++;
	}
	hc_size_sample_deinit(&types->scope.sample);
	return NULL;
}

struct hc_error *hc_types_create(struct hc_process *process, const struct hc_heap *heap,
				 enum hc_types_effort effort, struct hc_types **ret)
{
	hc_cleanup(types_destroyp) struct hc_types *types = calloc(1, sizeof(*types));

	if (!types)
		return &hc_enomem;
	types->scope.process = process;
	types->scope.heap = heap;
	types->scope.effort = effort;
	struct hc_error *err = provide(types);
	if (err)
		return err;
	types->types = calloc(types->num + 1, sizeof(*types->types));
	if (!types->types)
		return &hc_enomem;
	*ret = hc_steal(types);
	return NULL;
}

bool hc_types_have_typeinfo(const struct hc_types *types)
{
	const struct hc_rtti *rtti = &types->scope.rtti;

	/* Those that symbols tell come last. */
	return rtti->num_classes && !rtti->classes[0].by_symbol;
}

const struct hc_rust *hc_types_rust(const struct hc_types *types)
{
	return &types->scope.rust;
}

bool hc_types_have_debuginfo(const struct hc_types *types)
{
	return types->scope.info && hc_debuginfo_of_program(types->scope.info);
}

size_t hc_types_num(const struct hc_types *types)
{
	return id_of(types->num, HC_FORM_ONE);
}

/** Longest name of a member, with those around it. */
#define MAX_MEMBER 256

char *hc_type_member(struct hc_types *types, const struct hc_chunk *chunk, uint64_t offset)
{
	struct hc_debuginfo *info = types->scope.info;
	hc_type_id type = hc_type_of(types, chunk);
	char member[MAX_MEMBER] = "";
	struct hc_layout layout;
	const char *name;

	if (type == HC_TYPE_NONE || !info)
		return NULL;
	name = hc_type_name(types, id_of(index_of(type), HC_FORM_ONE));
	hc_layout_id id = name ? hc_debuginfo_find(info, name) : HC_NO_LAYOUT;
	if (id == HC_NO_LAYOUT)
		return NULL;
	hc_cleanup_error struct hc_error *err = hc_debuginfo_layout(info, id, &layout);
	if (err)
		return NULL;
	struct hc_type_objects objects = {0};
	if (hc_type_find_objects(types, chunk, &objects) && offset < objects.offset)
		return NULL;
	offset -= objects.offset;
	if (objects.stride)
		offset %= objects.stride;
	if (type % HC_NUM_FORMS == HC_FORM_ARRAY)
		offset %= layout.size;
	return hc_debuginfo_member(info, id, offset, member, sizeof(member)) ? strdup(member)
									     : NULL;
}

bool hc_type_find_objects(const struct hc_types *types, const struct hc_chunk *chunk,
			  struct hc_type_objects *ret)
{
	struct hc_type_subject subject = {chunk, hc_chunk_bytes(types->scope.heap, chunk)};
	hc_type_id type = hc_type_of(types, chunk);

	if (type == HC_TYPE_NONE)
		return false;
	const struct provided *provided = provided_of(types, type);
	return provided->provider->objects &&
	       provided->provider->objects(provided->own, &subject, ret);
}

bool hc_type_is_inside(hc_type_id type)
{
	enum hc_type_form form = type % HC_NUM_FORMS;

	return type != HC_TYPE_NONE && (form == HC_FORM_INSIDE || form == HC_FORM_SEVERAL_INSIDE);
}

hc_type_id hc_type_of_object(hc_type_id type)
{
	return type == HC_TYPE_NONE ? type : type - type % HC_NUM_FORMS + HC_FORM_ONE;
}

enum hc_type_source hc_type_source(const struct hc_types *types, hc_type_id type)
{
	const struct provided *provided = provided_of(types, type);
	const struct hc_type_provider *provider = provided->provider;

	return provider->source ? provider->source(provided->own, index_of(type) - provided->first)
				: provider->known_by;
}

bool hc_type_is_counted(struct hc_types *types, hc_type_id type)
{
	/* Control blocks of libstdc++ and of libc++. */
	static const char *const blocks[] = {"std::_Sp_counted_", "std::__1::__shared_ptr_"};
	const char *name = type == HC_TYPE_NONE ? NULL : hc_type_name(types, type);

	if (!name)
		return false;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (!strncmp(name, blocks[i], strlen(blocks[i])))
			return true;
	}
	return hc_type_source(types, type) == HC_TYPE_GTYPE ||
	       hc_type_source(types, type) == HC_TYPE_PYTHON;
}

char *hc_type_remark(struct hc_types *types, const struct hc_chunk *chunk)
{
	struct hc_type_subject subject = {chunk, hc_chunk_bytes(types->scope.heap, chunk)};
	hc_type_id type = hc_type_of(types, chunk);

	if (type == HC_TYPE_NONE)
		return NULL;
	const struct provided *provided = provided_of(types, type);
	return provided->provider->remark
		       ? provided->provider->remark(provided->own, &types->scope, &subject)
		       : NULL;
}

/** Behind the name of a type. */
static const char *const suffixes[HC_NUM_FORMS] = {
	[HC_FORM_ARRAY] = "[]",
	[HC_FORM_PREFIX] = "+",
	[HC_FORM_INSIDE] = " inside",
	[HC_FORM_SEVERAL_INSIDE] = "[] inside",
};

/** Make the name of a type. */
static char *make_name(struct hc_types *types, hc_type_id type)
{
	const struct provided *provided = provided_of(types, type);
	hc_cleanup_free char *name = provided->provider->name(provided->own, &types->scope,
							      index_of(type) - provided->first);

	if (!name || type % HC_NUM_FORMS == HC_FORM_ONE)
		return hc_steal(name);
	return hc_format("%s%s", name, suffixes[type % HC_NUM_FORMS]);
}

const char *hc_type_name(struct hc_types *types, hc_type_id type)
{
	if (type == HC_TYPE_NONE)
		return "(none)";
	char **name = &types->types[index_of(type)].names[type % HC_NUM_FORMS];
	if (!*name)
		*name = make_name(types, type);
	return *name;
}

const char *hc_type_short_name(struct hc_types *types, hc_type_id type)
{
	const char *name = hc_type_name(types, type);

	if (type == HC_TYPE_NONE || !name)
		return name;
	char **ret = &types->types[index_of(type)].short_names[type % HC_NUM_FORMS];
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

/** Whether there can be chunks of a type. */
static bool is_possible(const struct hc_types *types, hc_type_id type)
{
	return type >= id_of(0, HC_FORM_ONE) &&
	       provided_of(types, type)->provider->forms >> type % HC_NUM_FORMS & 1;
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
		if (!is_possible(types, type) ||
		    (type % HC_NUM_FORMS != HC_FORM_ONE && type % HC_NUM_FORMS != HC_FORM_INSIDE))
			continue;
		const char *name = hc_type_short_name(types, type);
		if (!name)
			return &hc_enomem;
		hc_nearest_offer(&nearest, name);
	}
	*ret = nearest.word;
	return NULL;
}

hc_type_id hc_type_of(const struct hc_types *types, const struct hc_chunk *chunk)
{
	if (chunk->state != HC_IN_USE || !types->num_provided)
		return HC_TYPE_NONE;
	struct hc_type_subject subject = {chunk, hc_chunk_bytes(types->scope.heap, chunk)};
	for (size_t i = 0; i < types->num_provided; i++) {
		const struct provided *provided = &types->provided[i];
		struct hc_type_hit hit = {.form = HC_FORM_ONE};

		if (provided->provider->find_type(provided->own, &subject, &hit))
			return id_of(provided->first + hit.index, hit.form);
	}
	return HC_TYPE_NONE;
}

static int compare_ids(const void *a, const void *b)
{
	const hc_type_id *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

size_t hc_types_most(hc_type_id *items, size_t num, size_t least, hc_type_id *ret)
{
	size_t first = 0, most = 0;

	*ret = HC_TYPE_NONE;
	hc_sort(items, num, compare_ids);
	for (size_t i = 1; i <= num; i++) {
		if (i < num && items[i] == items[first])
			continue;
		if (items[first] != HC_TYPE_NONE && i - first > most && i - first >= least) {
			most = i - first;
			*ret = items[first];
		}
		first = i;
	}
	return most;
}
