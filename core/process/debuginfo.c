/**
 * @file
 * Debug information, read with libdw.
 *
 * First all units are walked once (dwarf_walk.h): each struct is given an entry by its qualified
 * name, with the place of its definition, each variable is remembered with its type. Layouts are
 * made when they are asked for.
 */
#include "core/process/debuginfo.h"

#include <dwarf.h>

#include "core/base/format.h"
#include "core/base/array.h"
#include "core/base/hash.h"
#include "core/base/cleanup.h"
#include "core/process/dwarf_walk.h"

/** Structs within structs. */
#define MAX_NESTING 32
/**
 * Bytes of all names that are kept: names can overlap, so that a file has more of them than bytes.
 * Some times those of a browser; structs beyond have none.
 */
#define MAX_NAMES (UINT64_C(512) << 20)
#define UNNAMED "struct (unnamed)"
/** Few variables share their bytes; all together may have so many times those of all modules. */
#define MAX_OVERLAP 16

enum state { LAYOUT_UNREAD, LAYOUT_BEING_READ, LAYOUT_READ };

/** A struct, or a pointer to one. */
struct entry {
	char *name;
	uint64_t size;        /* 0: only declared so far */
	Dwarf_Die die;        /* of the definition */
	hc_layout_id target;  /* of a pointer, else HC_NO_LAYOUT */
	hc_layout_id pointer; /* the layout of pointers to this one, if there is one */
	enum state state;
	bool open_ended;
	struct hc_slot *slots;
	size_t num_slots;
};

/** Where an entry was met. */
struct place {
	uint64_t die; /* its address */
	hc_layout_id id;
};

struct hc_debuginfo {
	unsigned word;
	size_t num_modules;
	bool of_program;
	struct entry *entries;
	size_t num_entries;
	struct named {
		uint64_t hash;
		hc_layout_id id;
	} * names; /* entries that are found by their names */
	size_t num_names;
	struct hc_hash by_name;
	struct place *places;
	size_t num_places;
	struct hc_hash by_place;
	struct hc_variable *variables;
	size_t num_variables;
	uint64_t seen;       /* entries of the units */
	uint64_t name_bytes; /* of the names of all entries */
};

/* --- Tables --- */

static uint32_t *place_slot(const struct hc_debuginfo *info, uint64_t die)
{
	return hc_hash_find(&info->by_place, hc_hash_mix(die), i, info->places[i].die == die);
}

static struct hc_error *put_place(struct hc_debuginfo *info, uint64_t die, hc_layout_id id)
{
	struct hc_error *err = hc_hash_reserve(&info->by_place, info->num_places, i,
					       hc_hash_mix(info->places[i].die));

	if (!err)
		err = hc_array_reserve(&info->places, info->num_places, sizeof(*info->places));
	if (err)
		return err;
	uint32_t *slot = place_slot(info, die);
	if (!*slot)
		*slot = ++info->num_places;
	info->places[*slot - 1] = (struct place){die, id};
	return NULL;
}

static uint32_t *name_slot(const struct hc_debuginfo *info, const char *name, uint64_t hash)
{
	return hc_hash_find(&info->by_name, hash, i,
			    info->names[i].hash == hash &&
				    !strcmp(info->entries[info->names[i].id].name, name));
}

hc_layout_id hc_debuginfo_find(const struct hc_debuginfo *info, const char *name)
{
	uint32_t found = info->num_names ? *name_slot(info, name, hc_hash_string(name)) : 0;

	if (!found || !info->entries[info->names[found - 1].id].size)
		return HC_NO_LAYOUT;
	return info->names[found - 1].id;
}

/** A new entry. @param name copied */
static struct hc_error *add_entry(struct hc_debuginfo *info, const char *name, hc_layout_id *ret)
{
	struct hc_error *err =
		hc_array_reserve(&info->entries, info->num_entries, sizeof(*info->entries));
	if (err)
		return err;
	struct entry entry = {
		.name = strdup(info->name_bytes < MAX_NAMES ? name : UNNAMED),
		.target = HC_NO_LAYOUT,
		.pointer = HC_NO_LAYOUT,
	};
	if (!entry.name)
		return &hc_enomem;
	info->name_bytes += strlen(entry.name);
	*ret = info->num_entries;
	info->entries[info->num_entries++] = entry;
	return NULL;
}

/** The entry of a name, which may be new. */
static struct hc_error *intern(struct hc_debuginfo *info, const char *name, hc_layout_id *ret)
{
	if (info->name_bytes >= MAX_NAMES)
		return add_entry(info, UNNAMED, ret);
	struct hc_error *err =
		hc_hash_reserve(&info->by_name, info->num_names, i, info->names[i].hash);
	if (!err)
		err = hc_array_reserve(&info->names, info->num_names, sizeof(*info->names));
	if (err)
		return err;
	uint64_t hash = hc_hash_string(name);
	uint32_t *slot = name_slot(info, name, hash);
	if (*slot) {
		*ret = info->names[*slot - 1].id;
		return NULL;
	}
	if ((err = add_entry(info, name, ret)))
		return err;
	info->names[info->num_names] = (struct named){hash, *ret};
	*slot = ++info->num_names;
	return NULL;
}

/* --- Entries of the units --- */

/** Take a definition of an entry, unless there is one already. */
static void define(struct hc_debuginfo *info, hc_layout_id id, Dwarf_Die *die)
{
	struct entry *entry = &info->entries[id];
	uint64_t size;

	if (entry->size || dwarf_hasattr(die, DW_AT_declaration) ||
	    !hc_die_constant(die, DW_AT_byte_size, &size) || size > HC_MAX_LAYOUT_SIZE)
		return;
	entry->size = size;
	entry->die = *die;
}

/** The entry of a struct; those without a name are known by their typedef. */
static struct hc_error *struct_entry(struct hc_debuginfo *info, Dwarf_Die *die,
				     const char *typedef_name, hc_layout_id *ret)
{
	uint64_t place = (uintptr_t)die->addr;
	hc_layout_id id;

	*ret = HC_NO_LAYOUT;
	uint32_t met = info->num_places ? *place_slot(info, place) : 0;
	if (met) {
		*ret = info->places[met - 1].id;
		return NULL;
	}
	/* Not met on the way down: in a partial unit of another file, or without a name. */
	const char *name = hc_die_name(die);
	if (!name)
		name = typedef_name;
	struct hc_error *err = name ? intern(info, name, &id) : add_entry(info, UNNAMED, &id);
	if (!err)
		err = put_place(info, place, id);
	if (err)
		return err;
	define(info, id, die);
	*ret = id;
	return NULL;
}

/** The layout of pointers to a layout. */
static struct hc_error *pointer_entry(struct hc_debuginfo *info, hc_layout_id target,
				      hc_layout_id *ret)
{
	if (info->entries[target].pointer == HC_NO_LAYOUT) {
		hc_cleanup_free char *name = hc_format("%s*", info->entries[target].name);
		hc_layout_id id;
		struct hc_error *err = name ? add_entry(info, name, &id) : &hc_enomem;

		if (err)
			return err;
		info->entries[id].size = info->word;
		info->entries[id].target = target;
		info->entries[target].pointer = id;
	}
	*ret = info->entries[target].pointer;
	return NULL;
}

/** A type, as far as it has a layout: so many objects of one. */
struct shape {
	hc_layout_id layout; /* HC_NO_LAYOUT: it has none */
	uint64_t count;
	bool open_ended; /* an array without a size */
};

/** The number of elements of an array. */
static void count_elements(Dwarf_Die *array, struct shape *shape)
{
	unsigned dimensions = 0;
	Dwarf_Die range;

	if (dwarf_child(array, &range))
		return;
	do {
		uint64_t count, upper;

		if (++dimensions > HC_MAX_DIMENSIONS) {
			shape->count = 0;
			return;
		}
		if (dwarf_tag(&range) != DW_TAG_subrange_type)
			continue;
		if (hc_die_constant(&range, DW_AT_upper_bound, &upper) && upper != UINT64_MAX)
			count = upper + 1;
		else if (!hc_die_constant(&range, DW_AT_count, &count))
			count = 0;
		shape->open_ended |= count <= 1;
		if (__builtin_mul_overflow(shape->count, count, &shape->count))
			shape->count = 0;
	} while (!dwarf_siblingof(&range, &range));
}

static struct hc_error *find_shape(struct hc_debuginfo *info, Dwarf_Die type, struct shape *ret)
{
	struct shape shape = {.layout = HC_NO_LAYOUT, .count = 1};
	unsigned pointers = 0;
	const char *name;

	for (unsigned i = 0; i < HC_MAX_PEEL; i++) {
		Dwarf_Die next;

		if (!hc_die_peel(&type, &name))
			break;
		int tag = dwarf_tag(&type);
		if (hc_die_is_struct(tag)) {
			struct hc_error *err = struct_entry(info, &type, name, &shape.layout);
			for (; !err && pointers && shape.layout != HC_NO_LAYOUT; pointers--)
				err = pointer_entry(info, shape.layout, &shape.layout);
			if (err)
				return err;
			break;
		}
		/* A pointer to an array is one to its first element. */
		if (tag == DW_TAG_array_type && !pointers)
			count_elements(&type, &shape);
		else if (tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type)
			pointers++;
		else if (tag != DW_TAG_array_type)
			break;
		if (!hc_die_type(&type, &next))
			break;
		type = next;
	}
	*ret = shape;
	return NULL;
}

/* --- Layouts --- */

static struct hc_error *read_layout(struct hc_debuginfo *info, hc_layout_id id, unsigned depth);

/** What is full stays as it is: members don't overlap, so there is at most one slot for each word.
 */
static bool is_full(const struct hc_debuginfo *info, const struct entry *entry)
{
	return entry->num_slots >= HC_MAX_SLOTS || entry->num_slots >= entry->size / info->word;
}

static struct hc_error *add_slot(const struct hc_debuginfo *info, struct entry *entry,
				 uint64_t offset, hc_layout_id target)
{
	if (is_full(info, entry))
		return NULL;
	struct hc_error *err =
		hc_array_reserve(&entry->slots, entry->num_slots, sizeof(*entry->slots));
	if (!err)
		entry->slots[entry->num_slots++] = (struct hc_slot){offset, target};
	return err;
}

/** The slots of so many objects of one layout, from an offset of another one on. */
static struct hc_error *embed(struct hc_debuginfo *info, hc_layout_id id, uint64_t offset,
			      const struct shape *shape, unsigned depth)
{
	hc_layout_id inner = shape->layout;
	struct hc_error *err = read_layout(info, inner, depth + 1);

	for (uint64_t i = 0; !err && i < shape->count; i++) {
		struct entry *entry = &info->entries[id];
		const struct entry *from = &info->entries[inner];
		uint64_t start = offset + i * from->size;

		if (is_full(info, entry) || !from->num_slots || !from->size ||
		    start > entry->size || from->size > entry->size - start)
			break;
		for (size_t k = 0; k < from->num_slots && !err; k++)
			err = add_slot(info, entry, start + from->slots[k].offset,
				       from->slots[k].target);
	}
	return err;
}

static struct hc_error *add_member(struct hc_debuginfo *info, hc_layout_id id, Dwarf_Die *member,
				   unsigned depth)
{
	struct shape shape;
	uint64_t offset = 0;
	Dwarf_Die type;

	if (dwarf_hasattr(member, DW_AT_bit_size) || dwarf_hasattr(member, DW_AT_external) ||
	    !hc_die_type(member, &type))
		return NULL;
	/* Without a place it is at the start, unless the place is an expression. */
	if (dwarf_hasattr(member, DW_AT_data_member_location) &&
	    !hc_die_constant(member, DW_AT_data_member_location, &offset))
		return NULL;
	struct hc_error *err = find_shape(info, type, &shape);
	if (err)
		return err;
	info->entries[id].open_ended = false;
	if (dwarf_tag(&type) == DW_TAG_array_type) {
		struct shape bounds = {.count = 1};
		count_elements(&type, &bounds);
		info->entries[id].open_ended = bounds.open_ended;
	}
	return shape.layout == HC_NO_LAYOUT || offset > info->entries[id].size
		       ? NULL
		       : embed(info, id, offset, &shape, depth);
}

static struct hc_error *read_members(struct hc_debuginfo *info, hc_layout_id id, unsigned depth)
{
	Dwarf_Die definition = info->entries[id].die, child;
	struct hc_error *err = NULL;

	if (dwarf_child(&definition, &child))
		return NULL;
	do {
		int tag = dwarf_tag(&child);

		if (tag == DW_TAG_member || tag == DW_TAG_inheritance)
			err = add_member(info, id, &child, depth);
	} while (!err && !dwarf_siblingof(&child, &child));
	return err;
}

/** Make a layout, unless it is there; one that contains itself has no more slots than so far. */
static struct hc_error *read_layout(struct hc_debuginfo *info, hc_layout_id id, unsigned depth)
{
	struct entry *entry = &info->entries[id];
	struct hc_error *err;

	if (entry->state != LAYOUT_UNREAD || depth > MAX_NESTING || !entry->size)
		return NULL;
	entry->state = LAYOUT_BEING_READ;
	err = entry->target != HC_NO_LAYOUT ? add_slot(info, entry, 0, entry->target)
					    : read_members(info, id, depth);
	info->entries[id].state = LAYOUT_READ;
	return err;
}

struct hc_error *hc_debuginfo_layout(struct hc_debuginfo *info, hc_layout_id id,
				     struct hc_layout *ret)
{
	struct hc_error *err = read_layout(info, id, 0);

	if (err)
		return err;
	const struct entry *entry = &info->entries[id];
	*ret = (struct hc_layout){
		.name = entry->name,
		.size = entry->size,
		.is_pointer = entry->target != HC_NO_LAYOUT,
		.open_ended = entry->open_ended,
		.slots = entry->slots,
		.num_slots = entry->num_slots,
	};
	return NULL;
}

/* --- Members --- */

/** Step into an array, if the type is one: its element, and "[3]" behind the name. */
static bool enter_array(Dwarf_Die *type, uint64_t *offset, FILE *name)
{
	Dwarf_Die element;
	Dwarf_Word size;

	if (dwarf_tag(type) != DW_TAG_array_type)
		return true;
	if (!hc_die_type(type, &element) || !hc_die_is_measurable(element) ||
	    dwarf_aggregate_size(&element, &size) || !size)
		return false;
	fprintf(name, "[%llu]", (unsigned long long)(*offset / size));
	*offset %= size;
	*type = element;
	return true;
}

/** Whether an offset is in a member; if so, the offset in it, and its type. */
static bool has_offset(Dwarf_Die *member, uint64_t *offset, Dwarf_Die *type_ret)
{
	uint64_t start = 0;
	Dwarf_Word size;

	if (dwarf_hasattr(member, DW_AT_bit_size) || dwarf_hasattr(member, DW_AT_external) ||
	    !hc_die_type(member, type_ret) || !hc_die_is_measurable(*type_ret) ||
	    (dwarf_hasattr(member, DW_AT_data_member_location) &&
	     !hc_die_constant(member, DW_AT_data_member_location, &start)) ||
	    *offset < start)
		return false;
	/* An array without a size is as long as its chunk. */
	if (dwarf_aggregate_size(type_ret, &size) || !size) {
		if (dwarf_tag(type_ret) != DW_TAG_array_type)
			return false;
		size = UINT64_MAX;
	}
	if (*offset - start >= size)
		return false;
	*offset -= start;
	return true;
}

/** The member of a struct, union or class. @param[in,out] die the type; that of the member */
static bool enter_member(Dwarf_Die *die, uint64_t *offset, FILE *name)
{
	Dwarf_Die child, type;

	if (dwarf_child(die, &child))
		return false;
	do {
		int tag = dwarf_tag(&child);

		if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) ||
		    !has_offset(&child, offset, &type))
			continue;
		/* What has no name is looked through. */
		const char *text = tag == DW_TAG_member ? hc_die_name(&child) : NULL;
		if (text)
			fprintf(name, "%s%s", ftell(name) ? "." : "", text);
		*die = type;
		return true;
	} while (!dwarf_siblingof(&child, &child));
	return false;
}

bool hc_debuginfo_member(struct hc_debuginfo *info, hc_layout_id id, uint64_t offset, char *buf,
			 size_t size)
{
	const struct entry *entry = &info->entries[id];
	Dwarf_Die die = entry->die;
	const char *name;

	if (!entry->size || entry->target != HC_NO_LAYOUT)
		return false;
	hc_cleanup_fclose FILE *out = fmemopen(buf, size, "w");
	if (!out)
		return false;
	for (unsigned i = 0; i < MAX_NESTING; i++) {
		int tag = dwarf_tag(&die);

		if (!hc_die_is_struct(tag) && tag != DW_TAG_union_type)
			break;
		if (!enter_member(&die, &offset, out))
			break;
		for (unsigned k = 0; k < HC_MAX_PEEL; k++)
			if (!hc_die_peel(&die, &name) || dwarf_tag(&die) != DW_TAG_array_type ||
			    !enter_array(&die, &offset, out))
				break;
	}
	return fflush(out) == 0 && ftell(out) > 0;
}

/* --- The walk --- */

struct walk {
	struct hc_debuginfo *info;
	const struct hc_modules *modules;
	struct found_variable {
		uint64_t address;
		Dwarf_Die type;
	} * found;
	size_t num_found;
};

static struct hc_error *note_struct(struct walk *walk, const struct hc_dwarf_scope *scope,
				    Dwarf_Die *die)
{
	const char *name = hc_die_name(die);
	hc_layout_id id;

	if (!name)
		return NULL;
	hc_cleanup_free char *qualified = hc_dwarf_qualified_name(scope, name);
	struct hc_error *err = qualified ? intern(walk->info, qualified, &id) : &hc_enomem;
	if (!err)
		err = put_place(walk->info, (uintptr_t)die->addr, id);
	if (!err)
		define(walk->info, id, die);
	return err;
}

/** The fixed address of a variable. */
static bool find_address(Dwarf_Die *die, Dwarf_Addr *ret)
{
	Dwarf_Attribute attr, place;
	Dwarf_Op *ops;
	size_t num;

	if (!dwarf_attr(die, DW_AT_location, &attr) || dwarf_getlocation(&attr, &ops, &num) ||
	    num != 1)
		return false;
	if (ops->atom == DW_OP_addr) {
		*ret = ops->number;
		return true;
	}
	return (ops->atom == DW_OP_addrx || ops->atom == DW_OP_GNU_addr_index) &&
	       !dwarf_getlocation_attr(&attr, ops, &place) && !dwarf_formaddr(&place, ret);
}

/** A variable, whose layout can be told when all structs have a name: its type is kept meanwhile.
 */
static struct hc_error *note_variable(struct walk *walk, const struct hc_dwarf_scope *scope,
				      Dwarf_Die *die)
{
	Dwarf_Addr address;
	Dwarf_Die type;

	if (!find_address(die, &address) || !hc_die_type(die, &type))
		return NULL;
	address += scope->bias;
	if (address < scope->module->start || address >= scope->module->end)
		return NULL;
	struct hc_error *err =
		hc_array_reserve(&walk->found, walk->num_found, sizeof(*walk->found));
	if (!err)
		walk->found[walk->num_found++] = (struct found_variable){address, type};
	return err;
}

static void note_module(void *ctx, const struct hc_module *module)
{
	struct walk *walk = ctx;

	walk->info->num_modules++;
	walk->info->of_program |= module->executable;
}

/** Take what an entry tells. */
static struct hc_error *look_at(void *ctx, const struct hc_dwarf_scope *scope, Dwarf_Die *die,
				bool *inside_ret)
{
	struct walk *walk = ctx;

	switch (dwarf_tag(die)) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		*inside_ret = !scope->is_c;
		return note_struct(walk, scope, die);
	case DW_TAG_variable:
		return note_variable(walk, scope, die);
	case DW_TAG_namespace:
	case DW_TAG_union_type:
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
		*inside_ret = true;
		return NULL;
	default:
		return NULL;
	}
}

/** The bytes that all variables may have. */
static uint64_t variable_bytes(const struct hc_modules *modules)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < modules->num; i++) {
		if (__builtin_add_overflow(sum, modules->items[i].end - modules->items[i].start,
					   &sum))
			return UINT64_MAX;
	}
	return __builtin_mul_overflow(sum, MAX_OVERLAP, &sum) ? UINT64_MAX : sum;
}

/**
 * How many objects a variable has: none if it has no layout, and none behind the end of its module.
 *
 * @param[in,out] left bytes that all other variables may have
 */
static uint64_t count_objects(const struct walk *walk, uint64_t address, const struct shape *shape,
			      uint64_t *left)
{
	const struct hc_module *module = hc_modules_find(walk->modules, address);
	uint64_t size = shape->layout == HC_NO_LAYOUT ? 0 : walk->info->entries[shape->layout].size;

	if (!size || !module)
		return 0;
	uint64_t room = module->end - address < *left ? module->end - address : *left;
	uint64_t count = shape->count < room / size ? shape->count : room / size;
	*left -= count * size;
	return count;
}

/** Give the variables their layouts. */
static struct hc_error *take_variables(struct walk *walk)
{
	struct hc_debuginfo *info = walk->info;
	uint64_t left = variable_bytes(walk->modules);

	for (size_t i = 0; i < walk->num_found; i++) {
		uint64_t address = walk->found[i].address;
		struct shape shape;
		struct hc_error *err = find_shape(info, walk->found[i].type, &shape);

		if (err)
			return err;
		uint64_t count = count_objects(walk, address, &shape, &left);
		if (!count)
			continue;
		err = hc_array_reserve(&info->variables, info->num_variables,
				       sizeof(*info->variables));
		if (err)
			return err;
		info->variables[info->num_variables++] =
			(struct hc_variable){address, shape.layout, count};
	}
	return NULL;
}

void hc_debuginfo_close(struct hc_debuginfo *info)
{
	if (!info)
		return;
	for (size_t i = 0; i < info->num_entries; i++) {
		free(info->entries[i].name);
		free(info->entries[i].slots);
	}
	free(info->entries);
	free(info->names);
	hc_hash_deinit(&info->by_name);
	free(info->places);
	hc_hash_deinit(&info->by_place);
	free(info->variables);
	free(info);
}

static void debuginfo_closep(struct hc_debuginfo **info)
{
	hc_debuginfo_close(*info);
}

struct hc_error *hc_debuginfo_open(struct hc_modules *modules, unsigned word_size,
				   struct hc_debuginfo **ret)
{
	hc_cleanup(debuginfo_closep) struct hc_debuginfo *info = calloc(1, sizeof(*info));
	struct walk walk = {.info = info, .modules = modules};
	const struct hc_dwarf_visitor visitor = {note_module, look_at, &walk};

	if (!info)
		return &hc_enomem;
	info->word = word_size;
	struct hc_error *err = hc_dwarf_walk(modules, &visitor);
	if (!err)
		err = take_variables(&walk);
	free(walk.found);
	if (err)
		return err;
	*ret = hc_steal(info);
	return NULL;
}

size_t hc_debuginfo_num_modules(const struct hc_debuginfo *info)
{
	return info->num_modules;
}

bool hc_debuginfo_of_program(const struct hc_debuginfo *info)
{
	return info->of_program;
}

const struct hc_variable *hc_debuginfo_variables(const struct hc_debuginfo *info, size_t *num_ret)
{
	*num_ret = info->num_variables;
	return info->variables;
}
