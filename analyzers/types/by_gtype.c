/**
 * @file
 * GLib's objects as a provider of types: instances of GObject, GParamSpec and whatever else has a
 * GType with classes.
 *
 * An instance points to the struct of its class, and that begins with its GType: a small number for
 * the fundamental types, else the address of libgobject's TypeNode. All of this is memory of the
 * process, and so are the names: a TypeNode has its own as a quark, the index of a string in one
 * array of libglib.
 *
 * Where to begin. libgobject has, among its variables, the array of fundamental types, by number:
 * its entry n points to a node whose GType is n times 4. Several entries in a row that say so are
 * no accident. From these nodes the arrays of children lead to all others; each has its own address
 * among its supers, and its parent's type behind that. The array of quarks is a variable of libglib
 * that leads from the number in the node of type 20 to "GObject", and from that of type 1 to
 * "void". No symbol is needed, and no file.
 *
 * Private data stand in front of an instance, so that it begins at an offset that depends on its
 * class, and is in its node. Offsets are those of struct _TypeNode and InstanceData since
 * GLib 2.36.
 *
 * GLib before 2.76 has instances in slices, of which a slab has many: a chunk of malloc's, aligned
 * to its size, at whose end struct _SlabInfo links it into the ring of slabs of this size. An
 * instance that is gone has no class any more (g_type_free_instance() clears it).
 */
#include "analyzers/types/provider.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Fundamental types: the array's size, some of those that it has, and GTypes by number. */
#define NUM_FUNDAMENTALS 256
#define TYPE_SHIFT 2
#define FUNDAMENTAL_VOID 1
#define FUNDAMENTAL_OBJECT 20

/** Most types, and longest name. */
#define MAX_TYPES (1 << 16)
#define MAX_NAME 255

/** Different sizes of private data. */
#define MAX_OFFSETS 64

/** Words of a node's data among which the class is. */
#define DATA_WORDS 12

/** A type that has a class. */
struct gtype {
	char *name;
	uint64_t type;
	uint64_t size;   /**< of an instance, bytes */
	uint64_t offset; /**< of the instance from the start of its chunk: its private data */
};

struct gtypes {
	const struct hc_type_scope *scope;
	struct gtype *types;
	size_t num;
	struct hc_addresses by_class; /**< index into types */
	uint64_t offsets[MAX_OFFSETS];
	size_t num_offsets;
};

/** Offsets of struct _TypeNode, bytes. */
struct layout {
	unsigned num_children, bits, children, data, name, supers;
};

/** A node whose children are to be visited. */
struct visit {
	uint64_t node, type;
	unsigned depth; /**< number of its parents */
};

struct finder {
	struct gtypes *gtypes;
	const struct hc_memory *memory;
	unsigned word;
	struct layout layout;
	uint64_t fundamentals; /**< address of the array; 0: not found */
	uint64_t quarks;       /**< the same */
	struct visit *stack;
	size_t num_stack;
	struct hc_addresses seen;
};

static void destroy(void *own)
{
	struct gtypes *gtypes = own;

	if (!gtypes)
		return;
	for (size_t i = 0; i < gtypes->num; i++)
		free(gtypes->types[i].name);
	free(gtypes->types);
	hc_addresses_deinit(&gtypes->by_class);
	free(gtypes);
}

static void destroyp(struct gtypes **gtypes)
{
	destroy(*gtypes);
}

static void finder_deinit(struct finder *finder)
{
	free(finder->stack);
	hc_addresses_deinit(&finder->seen);
}

/* --- Nodes --- */

static uint64_t word_at(const struct finder *finder, uint64_t address)
{
	uint64_t value;

	return hc_memory_word(finder->memory, address, &value) ? value : 0;
}

static uint32_t u32_at(const struct finder *finder, uint64_t address)
{
	uint32_t value;

	return hc_memory_u32(finder->memory, address, &value) ? value : 0;
}

/** How many parents a node has: a bit field of 8 bits. */
static unsigned depth_of(const struct finder *finder, uint64_t node)
{
	uint32_t bits = u32_at(finder, node + finder->layout.bits);

	return finder->memory->big_endian ? bits >> 24 : bits & 0xff;
}

static bool is_node(const struct finder *finder, uint64_t node, uint64_t type, unsigned depth)
{
	return node && node % finder->word == 0 &&
	       word_at(finder, node + finder->layout.supers) == type &&
	       depth_of(finder, node) == depth;
}

static bool is_fundamental(const struct finder *finder, uint64_t array, unsigned number)
{
	return is_node(finder, word_at(finder, array + number * finder->word), number << TYPE_SHIFT,
		       0);
}

/** Whether the array of fundamental types begins here; its first entry is empty. */
static void consider_fundamentals(struct finder *finder, uint64_t address)
{
	static const unsigned some[] = {FUNDAMENTAL_VOID, 2, 3, 5, 16, FUNDAMENTAL_OBJECT};

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		if (!is_fundamental(finder, address, some[i]))
			return;
	}
	finder->fundamentals = address;
}

/** GLib takes letters, digits, and three more for the names of types. */
static bool is_name_character(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_' || c == '-' || c == '+';
}

/** The name of a node in an array of quarks. @return its length, or 0 where there is none */
static size_t name_of_node(const struct finder *finder, uint64_t quarks, uint64_t node,
			   char name[MAX_NAME + 1])
{
	uint32_t quark = u32_at(finder, node + finder->layout.name);
	uint64_t text = quark ? word_at(finder, quarks + (uint64_t)quark * finder->word) : 0;
	struct hc_bytes bytes = hc_memory_view(finder->memory, text, MAX_NAME + 1);
	size_t length = 0;

	if (!text)
		return 0;
	while (length < bytes.size && is_name_character(bytes.data[length]))
		length++;
	if (length == bytes.size || bytes.data[length])
		return 0;
	memcpy(name, bytes.data, length + 1);
	return length;
}

static bool is_named(const struct finder *finder, uint64_t quarks, unsigned number,
		     const char *expected)
{
	uint64_t node = word_at(finder, finder->fundamentals + number * finder->word);
	char name[MAX_NAME + 1];

	return name_of_node(finder, quarks, node, name) && !strcmp(name, expected);
}

/** Whether a variable's value is the array of quarks. */
static void consider_quarks(struct finder *finder, uint64_t value)
{
	if (value && value % finder->word == 0 &&
	    is_named(finder, value, FUNDAMENTAL_OBJECT, "GObject") &&
	    is_named(finder, value, FUNDAMENTAL_VOID, "void"))
		finder->quarks = value;
}

/* --- Variables of modules --- */

/** Look for the two arrays, one after the other, in the bytes of a mapping. */
static void scan_piece(struct finder *finder, const struct hc_piece *piece)
{
	const struct hc_heap *heap = finder->gtypes->scope->heap;
	unsigned word = finder->word;
	uint64_t before = 1;

	for (size_t i = 0; i + word <= piece->bytes.size; i += word) {
		uint64_t value = hc_read_word(piece->bytes.data + i, word, heap->big_endian);
		uint64_t at = piece->start + i;
		bool in_heap = value - heap->lowest < heap->highest - heap->lowest;

		if (in_heap && finder->fundamentals && !finder->quarks)
			consider_quarks(finder, value);
		else if (in_heap && !finder->fundamentals && !before)
			consider_fundamentals(finder, at - word);
		before = value;
	}
}

/** Writable data of all modules, until one has been found. */
static void scan_modules(struct finder *finder, const uint64_t *found)
{
	const struct hc_mappings *mappings = &finder->gtypes->scope->process->mappings;

	for (size_t i = 0; i < mappings->num && !*found; i++) {
		const struct hc_mapping *row = &mappings->items[i];
		uint64_t pos = row->start;
		struct hc_piece piece;

		if (row->kind != HC_MAPPING_DATA && row->kind != HC_MAPPING_BSS)
			continue;
		pos += -pos % finder->word;
		while (!*found &&
		       hc_memory_next_piece(finder->memory, &pos, row->end, UINT64_MAX, &piece))
			scan_piece(finder, &piece);
	}
}

/* --- Types --- */

/** Private data in front of instances: one more size that there is. */
static bool take_offset(struct gtypes *gtypes, uint64_t offset)
{
	size_t i = 0;

	while (i < gtypes->num_offsets && gtypes->offsets[i] != offset)
		i++;
	if (i == MAX_OFFSETS)
		return false;
	gtypes->offsets[i] = offset;
	gtypes->num_offsets += i == gtypes->num_offsets;
	return true;
}

/** A type whose class has been made. @param sizes address of two 16-bit sizes */
static struct hc_error *add_type(struct finder *finder, const struct visit *visit,
				 uint64_t class_address, uint64_t sizes)
{
	struct gtypes *gtypes = finder->gtypes;
	char name[MAX_NAME + 1];
	uint8_t buf[4];
	hc_cleanup_error struct hc_error *missing =
		hc_memory_read(finder->memory, sizes, buf, sizeof(buf));

	if (missing || !name_of_node(finder, finder->quarks, visit->node, name))
		return NULL;
	struct gtype type = {
		.type = visit->type,
		.size = hc_read16(buf, finder->memory->big_endian),
		.offset = hc_read16(buf + 2, finder->memory->big_endian),
	};
	if (type.size < finder->word || !take_offset(gtypes, type.offset))
		return NULL;
	struct hc_error *err = hc_array_reserve(&gtypes->types, gtypes->num, sizeof(type));
	if (!err)
		err = hc_addresses_add(&gtypes->by_class, class_address, gtypes->num);
	if (err)
		return err;
	type.name = strdup(name);
	if (!type.name)
		return &hc_enomem;
	gtypes->types[gtypes->num++] = type;
	return NULL;
}

/** Look for the class among the data of a node: it begins with the type. */
static struct hc_error *find_class(struct finder *finder, const struct visit *visit)
{
	uint64_t data = word_at(finder, visit->node + finder->layout.data);

	for (unsigned i = 1; data && i < DATA_WORDS; i++) {
		uint64_t at = data + i * finder->word, value = word_at(finder, at);

		if (value && value % finder->word == 0 && word_at(finder, value) == visit->type)
			return add_type(finder, visit, value, at + finder->word);
	}
	return NULL;
}

static struct hc_error *push(struct finder *finder, struct visit visit)
{
	struct hc_error *err;

	if (finder->seen.num == MAX_TYPES ||
	    hc_addresses_find(&finder->seen, visit.node) != HC_NO_ADDRESS)
		return NULL;
	err = hc_addresses_add(&finder->seen, visit.node, 0);
	if (!err)
		err = hc_array_reserve(&finder->stack, finder->num_stack, sizeof(visit));
	if (!err)
		finder->stack[finder->num_stack++] = visit;
	return err;
}

/** Children: their type is their address, and their parent is the one that has them. */
static struct hc_error *push_children(struct finder *finder, const struct visit *visit)
{
	uint32_t num = u32_at(finder, visit->node + finder->layout.num_children);
	uint64_t children = word_at(finder, visit->node + finder->layout.children);
	struct hc_error *err = NULL;

	for (uint32_t i = 0; i < num && i < MAX_TYPES && children && !err; i++) {
		uint64_t node = word_at(finder, children + (uint64_t)i * finder->word);

		if (is_node(finder, node, node, visit->depth + 1) &&
		    word_at(finder, node + finder->layout.supers + finder->word) == visit->type)
			err = push(finder, (struct visit){node, node, visit->depth + 1});
	}
	return err;
}

static struct hc_error *visit_all(struct finder *finder)
{
	struct hc_error *err = NULL;

	for (unsigned i = 1; i < NUM_FUNDAMENTALS && !err; i++) {
		if (is_fundamental(finder, finder->fundamentals, i))
			err = push(finder, (struct visit){word_at(finder, finder->fundamentals +
										  i * finder->word),
							  i << TYPE_SHIFT, 0});
	}
	while (finder->num_stack && !err) {
		struct visit visit = finder->stack[--finder->num_stack];

		err = find_class(finder, &visit);
		if (!err)
			err = push_children(finder, &visit);
	}
	return err;
}

static struct hc_error *find(struct hc_type_scope *scope, void **own_ret)
{
	hc_cleanup(destroyp) struct gtypes *gtypes = calloc(1, sizeof(*gtypes));
	bool wide = scope->heap->word_size == 8;
	hc_cleanup(finder_deinit) struct finder finder = {
		.gtypes = gtypes,
		.memory = &scope->process->memory,
		.word = scope->heap->word_size,
		.layout = wide ? (struct layout){16, 20, 24, 32, 40, 72}
			       : (struct layout){8, 12, 16, 20, 24, 40},
	};

	if (!gtypes)
		return &hc_enomem;
	gtypes->scope = scope;
	scan_modules(&finder, &finder.fundamentals);
	if (finder.fundamentals)
		scan_modules(&finder, &finder.quarks);
	if (!finder.quarks)
		return NULL;
	struct hc_error *err = visit_all(&finder);
	if (!err && gtypes->num)
		*own_ret = hc_steal(gtypes);
	return err;
}

/* --- Answers --- */

static size_t num(const void *own)
{
	const struct gtypes *gtypes = own;

	return gtypes->num;
}

/** The type of a class that a word of a subject points to, or HC_NO_ADDRESS. */
static uint32_t type_at(const struct gtypes *gtypes, const struct hc_type_subject *subject,
			uint64_t offset)
{
	return hc_addresses_find(&gtypes->by_class,
				 hc_subject_word(gtypes->scope, subject, offset));
}

/**
 * Whether a chunk is a slab of slices: one page of GLib's, a power of two, whose slots end where
 * its SlabInfo begins: chunks, n_allocated, next, prev, and room that malloc takes for its header.
 *
 * @param[out] end_ret of the slots, bytes from the start
 */
static bool is_slab(const struct gtypes *gtypes, const struct hc_type_subject *subject,
		    uint64_t *end_ret)
{
	unsigned word = gtypes->scope->heap->word_size;
	uint64_t room = subject->chunk->usable + 2 * word;
	uint64_t page = UINT64_C(1) << (63 - __builtin_clzll(room)), end = page - 6 * word;

	if (page < 32 * word || subject->chunk->address % page)
		return false;
	for (unsigned i = 2; i < 4; i++) {
		if (hc_subject_word(gtypes->scope, subject, end + i * word) % page != end)
			return false;
	}
	*end_ret = end;
	return true;
}

/** Instances of one type in the slots of a slab. */
static bool find_in_slab(const struct gtypes *gtypes, const struct hc_type_subject *subject,
			 uint32_t *type_ret, struct hc_type_objects *ret)
{
	uint64_t end, at = 0, align = 2 * gtypes->scope->heap->word_size;
	uint32_t index = HC_NO_ADDRESS;

	if (!is_slab(gtypes, subject, &end))
		return false;
	for (; at < end && index == HC_NO_ADDRESS; at += align / 2)
		index = type_at(gtypes, subject, at);
	if (index == HC_NO_ADDRESS)
		return false;

	const struct gtype *type = &gtypes->types[index];
	uint64_t slot = (type->offset + type->size + align - 1) / align * align;

	at -= align / 2;
	if (at < type->offset || (at - type->offset) % align)
		return false;
	*type_ret = index;
	*ret = (struct hc_type_objects){.offset = at - type->offset, .stride = slot};
	for (uint64_t i = 1; at < end; at += slot, i++) {
		if (type_at(gtypes, subject, at) != index)
			continue;
		ret->count++;
		ret->places = i;
	}
	ret->stride = ret->places > 1 ? slot : 0;
	return true;
}

static bool find_objects(const void *own, const struct hc_type_subject *subject,
			 struct hc_type_objects *ret)
{
	uint32_t type;

	return find_in_slab(own, subject, &type, ret);
}

/** A chunk may begin with an instance and go on behind it. */
static enum hc_type_form form_of(const struct hc_chunk *chunk, uint64_t size)
{
	uint64_t min, max;

	chunk->span->zone->request_range(chunk->span->zone, chunk, &min, &max);
	return size < min ? HC_FORM_PREFIX : HC_FORM_ONE;
}

static bool find_type(const void *own, const struct hc_type_subject *subject,
		      struct hc_type_hit *hit)
{
	const struct gtypes *gtypes = own;
	struct hc_type_objects objects;

	if (find_in_slab(gtypes, subject, &hit->index, &objects)) {
		hit->form = objects.count > 1 ? HC_FORM_SEVERAL_INSIDE : HC_FORM_INSIDE;
		return true;
	}
	for (size_t i = 0; i < gtypes->num_offsets; i++) {
		uint64_t offset = gtypes->offsets[i];
		uint32_t index = type_at(gtypes, subject, offset);

		if (index == HC_NO_ADDRESS || gtypes->types[index].offset != offset ||
		    subject->chunk->usable < offset + gtypes->types[index].size)
			continue;
		*hit = (struct hc_type_hit){
			index, form_of(subject->chunk, offset + gtypes->types[index].size)};
		return true;
	}
	return false;
}

static char *name(const void *own, struct hc_type_scope *scope, size_t index)
{
	const struct gtypes *gtypes = own;

	(void)scope;
	return strdup(gtypes->types[index].name);
}

const struct hc_type_provider hc_types_by_gtype = {
	.find = find,
	.destroy = destroy,
	.num = num,
	.find_type = find_type,
	.objects = find_objects,
	.name = name,
	.known_by = HC_TYPE_GTYPE,
	.forms = 1 << HC_FORM_ONE | 1 << HC_FORM_PREFIX | 1 << HC_FORM_INSIDE |
		 1 << HC_FORM_SEVERAL_INSIDE,
};
