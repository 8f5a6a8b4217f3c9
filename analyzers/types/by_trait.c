/**
 * @file
 * Objects of Rust behind pointers to a trait (Box<dyn Trait>, Rc<dyn Trait>), as a provider of
 * types.
 *
 * Such a pointer is two words: the object, and the vtable of its type for the trait. The object
 * itself has no mark. A vtable is read-only data of the program: the function that drops the
 * object, or 0 where nothing is to do, its size, its alignment, then the trait's functions. One is
 * believed together with an object: a chunk in use that is as large as the vtable says, as far as
 * the allocator's rounding lets tell; what Rc and Arc hold has two counts in front, and is said to
 * be inside of its chunk. So a stale pair on a stack says nothing of what took the place, unless
 * that is of the same size.
 *
 * The name is that of the function that drops it (core::ptr::drop_in_place<T>), or else of a
 * function of the trait (<T as Trait>::f). Where symbols are not there, vtables tell types apart
 * by their address; one type may have several, for different traits.
 *
 * Not recognised: traits without functions of their own, and objects that some pointer without a
 * vtable leads to. Programs that are not Rust's are not looked through (rust.h); in those that are,
 * it takes one look at variables, stacks and chunks in use.
 */
#include "analyzers/types/demangle.h"
#include "analyzers/types/provider.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** Largest alignment of an object, bytes. */
#define MAX_ALIGN 4096
/** Counts of an Rc that are believed, where an object may have them in front or not. */
#define MAX_COUNT (UINT64_C(1) << 20)
/** Functions of a vtable that may give a name. */
#define MAX_FUNCTIONS 8
/** Bytes of one task. */
#define TASK_BYTES (UINT64_C(4) << 20)
/** Objects that are remembered. */
#define MAX_OBJECTS (UINT64_C(1) << 26)
/** Sizes of chunks, by 8 bytes, that are told apart; larger ones share the last. */
#define NUM_SIZES 2048

enum { DROP, SIZE, ALIGN, FIRST_FUNCTION };

struct object {
	uint64_t chunk, vtable;
};

struct objects {
	struct object *items; /* by chunk, one each */
	size_t num;
};

struct traits {
	const struct hc_type_scope *scope;
	struct objects objects;
	uint64_t *vtables; /* by address */
	size_t num;
	bool sizes[NUM_SIZES]; /* of chunks that have an object */
};

static void destroy(void *own)
{
	struct traits *traits = own;

	if (!traits)
		return;
	free(traits->objects.items);
	free(traits->vtables);
	free(traits);
}

static void destroyp(struct traits **traits)
{
	destroy(*traits);
}

/* --- Vtables and what they fit --- */

struct vtable {
	uint64_t size, align;
};

static bool read_vtable(const struct hc_process *process, uint64_t address, struct vtable *ret)
{
	unsigned word = process->memory.word_size;
	const struct hc_mapping *row = hc_mappings_find(&process->mappings, address);
	uint64_t words[FIRST_FUNCTION + 1];

	if (!row || row->kind != HC_MAPPING_RODATA || address % word)
		return false;
	for (unsigned i = 0; i <= FIRST_FUNCTION; i++)
		if (!hc_memory_word(&process->memory, address + i * word, &words[i]))
			return false;
	*ret = (struct vtable){words[SIZE], words[ALIGN]};
	return words[ALIGN] && words[ALIGN] <= MAX_ALIGN && !(words[ALIGN] & (words[ALIGN] - 1)) &&
	       words[SIZE] && !(words[SIZE] % words[ALIGN]) &&
	       (!words[DROP] || hc_mappings_is_code(&process->mappings, words[DROP])) &&
	       hc_mappings_is_code(&process->mappings, words[FIRST_FUNCTION]);
}

/** Bytes of the counts that Rc and Arc have in front of an object. */
static uint64_t counts_bytes(const struct hc_heap *heap, const struct vtable *vtable)
{
	uint64_t bytes = 2 * heap->word_size;

	return vtable->align > bytes ? vtable->align : bytes;
}

static bool has_counts(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	struct hc_bytes bytes = hc_chunk_bytes(heap, chunk);
	unsigned word = heap->word_size;

	if (bytes.size < 2 * word)
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (hc_read_word(bytes.data + i * word, word, heap->big_endian) - 1 >= MAX_COUNT)
			return false;
	return true;
}

/** Whether a chunk is for an object, alone or behind counts. @param[out] offset of the object */
static bool fits(const struct hc_heap *heap, const struct hc_chunk *chunk,
		 const struct vtable *vtable, uint64_t *offset)
{
	uint64_t min, max, counts = counts_bytes(heap, vtable);

	hc_chunk_request(heap, chunk, &min, &max);
	if (vtable->size > max)
		return false;
	bool counted = vtable->size + counts >= min && vtable->size + counts <= max &&
		       has_counts(heap, chunk);

	*offset = counted ? counts : 0;
	return counted || vtable->size >= min;
}

/* --- Looking for pairs --- */

/** A piece of memory that may hold pairs: a slice of the heap, or other addresses. */
struct task {
	bool in_heap;
	struct hc_slice slice;
	uint64_t start, end;
};

struct look {
	const struct hc_process *process;
	const struct hc_heap *heap;
	uint64_t start, end; /* of the program */
	struct task *tasks;
	size_t num;
	struct objects *found; /* by task */
};

static void look_deinit(struct look *look)
{
	for (size_t i = 0; look->found && i < look->num; i++)
		free(look->found[i].items);
	free(look->found);
	free(look->tasks);
}

static struct hc_error *try_pair(const struct look *look, uint64_t address, uint64_t vtable,
				 struct objects *found)
{
	struct object object = {address, vtable};
	struct vtable words;
	struct hc_chunk chunk;
	uint64_t offset;

	if (!hc_heap_pointee(look->heap, address, &chunk) || chunk.address != address ||
	    chunk.state != HC_IN_USE || !read_vtable(look->process, vtable, &words) ||
	    !fits(look->heap, &chunk, &words, &offset) || found->num == MAX_OBJECTS)
		return NULL;
	struct hc_error *err = hc_array_reserve(&found->items, found->num, sizeof(object));
	if (!err)
		found->items[found->num++] = object;
	return err;
}

static struct hc_error *look_at(const struct look *look, struct hc_bytes bytes,
				struct objects *found)
{
	const struct hc_heap *heap = look->heap;
	unsigned word = heap->word_size;
	uint64_t last = 0;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i + word <= bytes.size; i += word) {
		uint64_t value = hc_read_word(bytes.data + i, word, heap->big_endian);

		if (value - look->start < look->end - look->start && i &&
		    last - heap->lowest < heap->highest - heap->lowest)
			err = try_pair(look, last, value, found);
		last = value;
	}
	return err;
}

static int compare_objects(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	if (x->chunk != y->chunk)
		return x->chunk < y->chunk ? -1 : 1;
	return (x->vtable > y->vtable) - (x->vtable < y->vtable);
}

/** By chunk, and one for each: that of the lowest vtable. */
static void tidy(struct objects *objects)
{
	size_t kept = 0;

	hc_sort(objects->items, objects->num, compare_objects);
	for (size_t i = 0; i < objects->num; i++)
		if (!i || objects->items[i].chunk != objects->items[kept - 1].chunk)
			objects->items[kept++] = objects->items[i];
	objects->num = kept;
}

static struct hc_error *run_task(void *ctx, unsigned worker __attribute__((unused)), size_t index)
{
	struct look *look = ctx;
	const struct task *task = &look->tasks[index];
	struct objects *found = &look->found[index];
	struct hc_error *err = NULL;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct hc_piece piece;

	if (task->in_heap) {
		hc_chunk_iter_kinds(&iter, look->heap, task->slice, HC_KINDS_IN_USE);
		while (!err && hc_chunk_iter_next(&iter, &chunk))
			err = look_at(look, hc_chunk_bytes(look->heap, &chunk), found);
	} else {
		uint64_t at = task->start;

		while (!err && hc_memory_next_data(&look->process->memory, &at, task->end,
						   TASK_BYTES, &piece))
			err = look_at(look, piece.bytes, found);
	}
	tidy(found);
	return err;
}

/** Whether words of a mapping may be a root's. */
static bool may_hold(const struct hc_mapping *row)
{
	switch (row->kind) {
	case HC_MAPPING_DATA:
	case HC_MAPPING_BSS:
	case HC_MAPPING_STACK:
	case HC_MAPPING_MAIN_STACK:
	case HC_MAPPING_TLS:
	case HC_MAPPING_ANON:
		return true;
	default:
		return false;
	}
}

static struct hc_error *add_task(struct look *look, struct task task)
{
	struct hc_error *err = hc_array_reserve(&look->tasks, look->num, sizeof(task));

	if (!err)
		look->tasks[look->num++] = task;
	return err;
}

static struct hc_error *make_tasks(struct look *look)
{
	const struct hc_mappings *mappings = &look->process->mappings;
	hc_cleanup_free struct hc_slice *slices = NULL;
	size_t num = 0;
	struct hc_error *err = hc_heap_slices(look->heap, TASK_BYTES, &slices, &num);

	for (size_t i = 0; !err && i < num; i++)
		err = add_task(look, (struct task){.in_heap = true, .slice = slices[i]});
	for (size_t i = 0; !err && i < mappings->num; i++)
		if (may_hold(&mappings->items[i]))
			err = add_task(look, (struct task){.start = mappings->items[i].start,
							   .end = mappings->items[i].end});
	if (err)
		return err;
	look->found = calloc(look->num + 1, sizeof(*look->found));
	return look->found ? NULL : &hc_enomem;
}

/** Bring together what tasks found. */
static struct hc_error *gather(const struct look *look, struct objects *ret)
{
	size_t num = 0;

	for (size_t i = 0; i < look->num; i++)
		num += look->found[i].num;
	ret->items = malloc((num + 1) * sizeof(*ret->items));
	if (!ret->items)
		return &hc_enomem;
	for (size_t i = 0; i < look->num; i++)
		for (size_t k = 0; k < look->found[i].num; k++)
			ret->items[ret->num++] = look->found[i].items[k];
	tidy(ret);
	return NULL;
}

static size_t size_index(const struct hc_chunk *chunk)
{
	return chunk->size / 8 < NUM_SIZES ? chunk->size / 8 : NUM_SIZES - 1;
}

/** The vtables of all objects, each once, and the sizes of their chunks. */
static struct hc_error *list_vtables(struct traits *traits)
{
	const struct objects *objects = &traits->objects;
	struct hc_chunk chunk;
	size_t kept = 0;

	traits->vtables = malloc((objects->num + 1) * sizeof(*traits->vtables));
	if (!traits->vtables)
		return &hc_enomem;
	for (size_t i = 0; i < objects->num; i++) {
		traits->vtables[i] = objects->items[i].vtable;
		if (hc_heap_chunk_at(traits->scope->heap, objects->items[i].chunk, &chunk))
			traits->sizes[size_index(&chunk)] = true;
	}
	hc_sort(traits->vtables, objects->num, hc_compare_u64);
	for (size_t i = 0; i < objects->num; i++)
		if (!i || traits->vtables[i] != traits->vtables[kept - 1])
			traits->vtables[kept++] = traits->vtables[i];
	traits->num = kept;
	return NULL;
}

static struct hc_error *find(struct hc_type_scope *scope, void **own_ret)
{
	hc_cleanup(destroyp) struct traits *traits = NULL;
	hc_cleanup(look_deinit) struct look look = {.process = scope->process, .heap = scope->heap};
	struct hc_error *err;

	scope->rust.program = hc_rust_is_program(scope->process);
	if (!scope->rust.program)
		return NULL;
	err = hc_type_scope_sample(scope);
	if (err)
		return err;
	hc_rust_learn(scope->process, scope->heap, &scope->sample, &scope->rust);
	const struct hc_module *program = hc_modules_program(&scope->process->modules);
	look.start = program->start;
	look.end = program->end;
	traits = calloc(1, sizeof(*traits));
	if (!traits)
		return &hc_enomem;
	traits->scope = scope;
	err = make_tasks(&look);
	if (!err)
		err = hc_process_parallel(scope->process, look.num, run_task, &look);
	if (!err)
		err = gather(&look, &traits->objects);
	if (!err)
		err = list_vtables(traits);
	if (!err && traits->num)
		*own_ret = hc_steal(traits);
	return err;
}

/* --- Answers --- */

static size_t num(const void *own)
{
	const struct traits *traits = own;

	return traits->num;
}

/** The vtable of the object in a chunk; 0: there is none. */
static uint64_t vtable_of(const struct traits *traits, const struct hc_chunk *chunk)
{
	const struct objects *objects = &traits->objects;

	if (!traits->sizes[size_index(chunk)])
		return 0;
	size_t at = hc_lower_bound(objects->num, i, objects->items[i].chunk < chunk->address);

	return at < objects->num && objects->items[at].chunk == chunk->address
		       ? objects->items[at].vtable
		       : 0;
}

static bool find_objects(const void *own, const struct hc_type_subject *subject,
			 struct hc_type_objects *ret)
{
	const struct traits *traits = own;
	uint64_t address = vtable_of(traits, subject->chunk), offset;
	struct vtable vtable;

	if (!address || !read_vtable(traits->scope->process, address, &vtable) ||
	    !fits(traits->scope->heap, subject->chunk, &vtable, &offset) || !offset)
		return false;
	*ret = (struct hc_type_objects){.offset = offset, .places = 1, .count = 1};
	return true;
}

static bool find_type(const void *own, const struct hc_type_subject *subject,
		      struct hc_type_hit *hit)
{
	const struct traits *traits = own;
	uint64_t vtable = vtable_of(traits, subject->chunk);
	struct hc_type_objects objects;

	if (!vtable)
		return false;
	hit->index = hc_lower_bound(traits->num, i, traits->vtables[i] < vtable);
	if (find_objects(own, subject, &objects))
		hit->form = HC_FORM_INSIDE;
	return true;
}

/** The type that "core::ptr::drop_in_place<T>" is for. @return NULL: it is not that */
static char *type_of_drop(const char *function)
{
	static const char *const prefixes[] = {"core::ptr::drop_in_place::<",
					       "core::ptr::drop_in_place<"};
	size_t size = strlen(function);

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		size_t length = strlen(prefixes[i]);

		if (size > length + 1 && !strncmp(function, prefixes[i], length) &&
		    function[size - 1] == '>')
			return strndup(function + length, size - length - 1);
	}
	return NULL;
}

/** The type of "<T as Trait>::f". @return NULL: it is not that */
static char *type_of_method(const char *function)
{
	unsigned depth = 0;

	if (function[0] != '<')
		return NULL;
	for (const char *at = function + 1; *at; at++) {
		if (!depth && !strncmp(at, " as ", 4))
			return strndup(function + 1, at - function - 1);
		if (*at == '<')
			depth++;
		else if (*at == '>' && at[-1] != '-' && !depth--)
			break;
	}
	return NULL;
}

/** @return NULL: the function has no name that tells it; else to be freed by the caller */
static char *type_of_function(struct hc_type_scope *scope, uint64_t address, bool is_drop)
{
	uint64_t offset;
	const char *symbol;

	if (!address || !hc_modules_symbol(&scope->process->modules, address, &symbol, &offset) ||
	    offset)
		return NULL;
	hc_cleanup_free char *function = hc_demangle_function(symbol, true);
	if (!function)
		return NULL;
	return is_drop ? type_of_drop(function) : type_of_method(function);
}

static char *name(const void *own, struct hc_type_scope *scope, size_t index)
{
	const struct traits *traits = own;
	uint64_t vtable = traits->vtables[index], function = 0;
	unsigned word = scope->heap->word_size;
	const struct hc_module *program = hc_modules_program(&scope->process->modules);
	const char *file = hc_base_name(program->path);
	char *ret = NULL;

	if (hc_memory_word(&scope->process->memory, vtable, &function))
		ret = type_of_function(scope, function, true);
	for (unsigned i = FIRST_FUNCTION; !ret && i < FIRST_FUNCTION + MAX_FUNCTIONS; i++)
		if (hc_memory_word(&scope->process->memory, vtable + i * word, &function) &&
		    hc_mappings_is_code(&scope->process->mappings, function))
			ret = type_of_function(scope, function, false);
		else
			break;
	return ret ? ret
		   : hc_format("object of %s+0x%llx", file ? file : "the program",
			       (unsigned long long)(vtable - program->start));
}

const struct hc_type_provider hc_types_by_trait = {
	.find = find,
	.destroy = destroy,
	.num = num,
	.find_type = find_type,
	.objects = find_objects,
	.name = name,
	.known_by = HC_TYPE_TRAIT,
	.forms = 1 << HC_FORM_ONE | 1 << HC_FORM_INSIDE,
};
