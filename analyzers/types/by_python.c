/**
 * @file
 * CPython's objects outside of its own pools, as a provider of types.
 *
 * Objects of more than 512 bytes are chunks of malloc's, and with PYTHONMALLOC=malloc all are. An
 * object is a count of references, the address of its type, and what the type says; objects that
 * the garbage collector knows have two words in front, and since 3.11 some have two more. A type is
 * an object itself: its type is *type*, whose type is type itself, and which has the name "type".
 * That is the anchor: what points to something whose type is its own type is a type.
 *
 * Types that are variables of modules are found in the modules' data; those that the program made
 * are chunks, of type, or of a type that derives from it and so has a flag of its own. Offsets are
 * those of CPython 3.8 to 3.14 with its global lock. Names need the module's file where they are
 * constants; what has no name that can be one is no type.
 */
#include "analyzers/types/provider.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"

/** Words of an object: where its type is. Words of a type: its name, the size of instances, flags.
 */
#define TYPE_WORD 1
#define NAME_WORD 3
#define SIZE_WORD 4
#define FLAGS_WORD 21

/** In the flags: instances are types. */
#define FLAG_TYPES (UINT64_C(1) << 31)
/** In the flags: instances have a head of the garbage collector. */
#define FLAG_COLLECTED (UINT64_C(1) << 14)

/** Words in front of an object: none, those of the garbage collector, and two more. */
static const unsigned heads[] = {0, 2, 4};
#define NUM_HEADS (sizeof(heads) / sizeof(heads[0]))

/** Least size of a chunk that is a type, words; the most types; the longest name. */
#define TYPE_WORDS 50
#define MAX_TYPES (1 << 16)
#define MAX_NAME 255

struct python_type {
	uint32_t name;  /**< index; types of one name count as one */
	bool collected; /**< its instances have a head of the garbage collector */
	uint64_t size;  /**< of an instance at least, bytes, without what is in front */
};

struct python {
	const struct hc_type_scope *scope;
	struct python_type *types;
	size_t num_types;
	struct hc_addresses by_type; /**< address of a type → index into types */
	char **names;
	size_t num;
};

struct finder {
	struct python *python;
	const struct hc_memory *memory;
	unsigned word;
	struct hc_hash by_name;    /**< index into python->names */
	struct hc_addresses metas; /**< types whose instances are types */
	bool grown;                /**< in this round, there was one more of these */
};

static void destroy(void *own)
{
	struct python *python = own;

	if (!python)
		return;
	for (size_t i = 0; i < python->num; i++)
		free(python->names[i]);
	free(python->names);
	free(python->types);
	hc_addresses_deinit(&python->by_type);
	free(python);
}

static void destroyp(struct python **python)
{
	destroy(*python);
}

static void finder_deinit(struct finder *finder)
{
	hc_addresses_deinit(&finder->metas);
	hc_hash_deinit(&finder->by_name);
}

/* --- Types --- */

static uint64_t word_of(const struct finder *finder, uint64_t object, unsigned index)
{
	uint64_t value;

	return hc_memory_word(finder->memory, object + index * finder->word, &value) ? value : 0;
}

/** A name as types have: identifiers with dots between them. @return its length, or 0 */
static size_t name_of_type(const struct finder *finder, uint64_t type, char name[MAX_NAME + 1])
{
	uint64_t address = word_of(finder, type, NAME_WORD);
	struct hc_bytes bytes = hc_memory_view(finder->memory, address, MAX_NAME + 1);
	size_t length = 0;

	if (!address)
		return 0;
	while (length < bytes.size && bytes.data[length] > ' ' && bytes.data[length] < 0x7f)
		length++;
	if (length == bytes.size || bytes.data[length])
		return 0;
	memcpy(name, bytes.data, length + 1);
	return length;
}

/** Whether there is *type* at an address. */
static bool is_anchor(const struct finder *finder, uint64_t type)
{
	char name[MAX_NAME + 1];

	return type && type % finder->word == 0 && word_of(finder, type, TYPE_WORD) == type &&
	       name_of_type(finder, type, name) && !strcmp(name, "type");
}

/** The index of a name, which may be new. */
static struct hc_error *intern(struct finder *finder, const char *name, uint32_t *ret)
{
	struct python *python = finder->python;
	struct hc_error *err =
		hc_hash_reserve(&finder->by_name, python->num, i, hc_hash_string(python->names[i]));

	if (err)
		return err;
	uint32_t *slot = hc_hash_find(&finder->by_name, hc_hash_string(name), i,
				      !strcmp(python->names[i], name));
	if (!*slot) {
		err = hc_array_reserve(&python->names, python->num, sizeof(*python->names));
		if (err)
			return err;
		if (!(python->names[python->num] = strdup(name)))
			return &hc_enomem;
		*slot = ++python->num;
	}
	*ret = *slot - 1;
	return NULL;
}

/** There is an object whose type has instances that are types: it is one itself. */
static struct hc_error *add_type(struct finder *finder, uint64_t address)
{
	struct python *python = finder->python;
	uint64_t flags = word_of(finder, address, FLAGS_WORD);
	struct python_type type = {
		.size = word_of(finder, address, SIZE_WORD),
		.collected = flags & FLAG_COLLECTED,
	};
	struct hc_error *err;
	char name[MAX_NAME + 1];

	if (python->num_types == MAX_TYPES || type.size > UINT32_MAX ||
	    hc_addresses_find(&python->by_type, address) != HC_NO_ADDRESS ||
	    !name_of_type(finder, address, name))
		return NULL;
	if ((err = intern(finder, name, &type.name)) ||
	    (err = hc_array_reserve(&python->types, python->num_types, sizeof(type))) ||
	    (err = hc_addresses_add(&python->by_type, address, python->num_types)))
		return err;
	python->types[python->num_types++] = type;
	if (!(flags & FLAG_TYPES))
		return NULL;
	finder->grown = true;
	return hc_addresses_add(&finder->metas, address, 0);
}

static bool is_type(const struct finder *finder, uint64_t type)
{
	return hc_addresses_find(&finder->metas, type) != HC_NO_ADDRESS;
}

/* --- Where they are --- */

/** The sample leads to the anchor: by way of an object's type, or of a type itself. */
static struct hc_error *find_anchor(struct finder *finder, struct hc_type_scope *scope)
{
	struct hc_error *err = hc_type_scope_sample(scope);

	for (size_t i = 0; i < scope->sample.num && !err; i++) {
		const struct hc_sampled_size *size = &scope->sample.sizes[i];

		for (size_t k = 0; k < size->num && !finder->metas.num && !err; k++) {
			for (size_t h = 0; h < NUM_HEADS; h++) {
				uint64_t type =
					word_of(finder, size->addresses[k], heads[h] + TYPE_WORD);
				uint64_t meta = type ? word_of(finder, type, TYPE_WORD) : 0;

				if (meta && is_anchor(finder, meta)) {
					err = add_type(finder, meta);
					break;
				}
			}
		}
	}
	return err;
}

/** Types among the variables in a piece of a module's data. */
static struct hc_error *scan_piece(struct finder *finder, const struct hc_piece *piece)
{
	bool big = finder->memory->big_endian;
	unsigned word = finder->word;
	struct hc_error *err = NULL;

	for (size_t i = word; i + word <= piece->bytes.size && !err; i += word) {
		if (is_type(finder, hc_read_word(piece->bytes.data + i, word, big)))
			err = add_type(finder, piece->start + i - TYPE_WORD * word);
	}
	return err;
}

static struct hc_error *scan_modules(struct finder *finder)
{
	const struct hc_mappings *mappings = &finder->python->scope->process->mappings;
	struct hc_error *err = NULL;

	for (size_t i = 0; i < mappings->num && !err; i++) {
		const struct hc_mapping *row = &mappings->items[i];
		uint64_t pos = row->start + -row->start % finder->word;
		struct hc_piece piece;

		if (row->kind != HC_MAPPING_DATA && row->kind != HC_MAPPING_BSS)
			continue;
		while (!err &&
		       hc_memory_next_piece(finder->memory, &pos, row->end, UINT64_MAX, &piece))
			err = scan_piece(finder, &piece);
	}
	return err;
}

/** Types among the chunks that are large enough. */
static struct hc_error *scan_chunks(struct finder *finder)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct hc_error *err = NULL;

	hc_chunk_iter_heap(&iter, finder->python->scope->heap);
	iter.kinds = HC_KINDS_IN_USE;
	while (!err && hc_chunk_iter_next(&iter, &chunk)) {
		if (chunk.usable < TYPE_WORDS * finder->word)
			continue;
		for (size_t h = 0; h < NUM_HEADS && !err; h++) {
			uint64_t object = chunk.address + heads[h] * finder->word;

			if (is_type(finder, word_of(finder, object, TYPE_WORD)))
				err = add_type(finder, object);
		}
	}
	return err;
}

static struct hc_error *find(struct hc_type_scope *scope, void **own_ret)
{
	hc_cleanup(destroyp) struct python *python = calloc(1, sizeof(*python));
	hc_cleanup(finder_deinit) struct finder finder = {
		.python = python,
		.memory = &scope->process->memory,
		.word = scope->heap->word_size,
	};

	if (!python)
		return &hc_enomem;
	python->scope = scope;
	struct hc_error *err = find_anchor(&finder, scope);
	/* Again for the instances of what was found to have types as instances. */
	while (!err && finder.metas.num && finder.grown) {
		finder.grown = false;
		err = scan_modules(&finder);
		if (!err)
			err = scan_chunks(&finder);
	}
	if (!err && python->num)
		*own_ret = hc_steal(python);
	return err;
}

/* --- Answers --- */

static size_t num(const void *own)
{
	const struct python *python = own;

	return python->num;
}

/**
 * Whether a word can be a count of references: no address is one. Immortal objects have a fixed
 * one, with flags above it since 3.14.
 */
static bool is_count(uint64_t word, unsigned word_size)
{
	uint64_t high = word >> 32;

	if (word_size == 4)
		return (word && word < 1 << 24) || word >> 28 == 3 || word >> 28 == 0xc;
	return word && (high < 1 << 8 || (high < 1 << 20 && (uint32_t)word >= 0xc0000000));
}

/** Whether an instance of a type may stand behind so many words, in so many bytes. */
static bool fits(const struct python_type *type, unsigned head, uint64_t bytes)
{
	/* What the garbage collector does not know has at most the two words of 3.11 in front. */
	return (type->collected ? head >= 2 : head <= 2) && type->size <= bytes;
}

static bool find_type(const void *own, const struct hc_type_subject *subject,
		      struct hc_type_hit *hit)
{
	const struct python *python = own;
	unsigned word = python->scope->heap->word_size;

	for (size_t h = 0; h < NUM_HEADS && heads[h] * word < subject->bytes.size; h++) {
		uint64_t object = heads[h] * word;
		uint32_t index = hc_addresses_find(
			&python->by_type,
			hc_subject_word(python->scope, subject, object + TYPE_WORD * word));

		if (index == HC_NO_ADDRESS ||
		    !is_count(hc_subject_word(python->scope, subject, object), word) ||
		    !fits(&python->types[index], heads[h], subject->chunk->usable - object))
			continue;
		hit->index = python->types[index].name;
		return true;
	}
	return false;
}

static char *name(const void *own, struct hc_type_scope *scope, size_t index)
{
	const struct python *python = own;

	(void)scope;
	return strdup(python->names[index]);
}

const struct hc_type_provider hc_types_by_python = {
	.find = find,
	.destroy = destroy,
	.num = num,
	.find_type = find_type,
	.name = name,
	.known_by = HC_TYPE_PYTHON,
	.forms = 1 << HC_FORM_ONE,
};
