/**
 * @file
 * Kinds of objects by what they point to in a module, as a provider of types.
 *
 * The problem. C has no vtables that name their class, but its programs do the same by hand: a
 * database's plans all begin with a pointer to one text, connections of a library all have a
 * pointer to its table of functions, timers to the function that they call. Such a constant, at one
 * offset of all objects of a kind, tells them from others in stripped programs too.
 *
 * The rule. Some chunks of every size are looked at (size_sample.h). A size has a kind if more than
 * half of these have, at one offset, a pointer to one and the same constant:
 *
 *   - a table of functions: a place in a module's data from which on, within a few words, there are
 *     several addresses of code;
 *   - a text: the start of a printable string in a module's read-only data;
 *   - a function.
 *
 * A table is better than a text, and that than a function; of equal ones the lowest offset counts.
 * Three chunks are enough for a table, whatever else there is of that size, where the first word is
 * the pointer to it, since objects that begin with their methods are how C spells classes; and
 * where more than half of another size have it at that offset and nobody can write to it. A chunk
 * is of a kind if it has the pointer itself.
 *
 * One table may serve many kinds of objects that have a text each for a name: a database's memory
 * contexts. So where more than half of the sampled objects of a table have a pointer to some text
 * at one offset, the lowest, each text that three of them share makes a kind of its own within that
 * of the table.
 *
 * What it can't do. Objects without such a constant, and kinds that share their size with more
 * numerous ones and don't begin with a table, are not found. Several structs that use one table and
 * have no text are one kind. A text may be a state rather than a name. Chunks that hold nothing any
 * more but what was there before look like that.
 */
#include "analyzers/types/demangle.h"
#include "analyzers/types/provider.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/base/hash.h"

/** Chunks of a size that there must be to speak of more than half; with the same table, where that
 * is first or known; and with the same text beside it. */
#define MIN_CHUNKS 4
#define MIN_WITH_TABLE 3
#define MIN_WITH_TEXT 3

/** Bytes of a chunk in which a pointer is looked for. */
#define MAX_OFFSET 256

/** Of so many first words of a table so many are functions: for a short look, and for a long one.
 */
#define NEAR_WORDS 8
#define NEAR_FUNCTIONS 2
#define FAR_WORDS 16
#define FAR_FUNCTIONS 3

/** Characters of a text. */
#define MIN_TEXT 3
#define MAX_TEXT 64

/** Most kinds; of a size, most that begin with a table; of a table there, most with a text. */
#define MAX_KINDS 4096
#define MAX_TABLES 16
#define MAX_TEXTS 16

/** What a pointer leads to, the better the higher. */
enum constant { CONSTANT_NONE, CONSTANT_FUNCTION, CONSTANT_TEXT, CONSTANT_TABLE };

struct kind {
	uint64_t target;
	enum constant constant;
	uint64_t text; /* that objects of a table have, too; 0: any or none */
};

/** Chunks of this size that have this word at this offset, and the text, are of a kind. */
struct rule {
	uint64_t size;
	uint64_t offset; /* bytes */
	uint64_t word;
	uint64_t text_offset; /* where the kind has a text */
	uint64_t text;
	uint32_t kind;
	uint32_t order; /* in which it was found: tables that chunks begin with come first */
};

struct constants {
	const struct hc_type_scope *scope;
	struct kind *kinds;
	size_t num;
	struct hc_hash by_target;
	struct rule *rules; /* by size, the better first */
	size_t num_rules;
};

/** What is kept while sizes are looked at, one after the other. */
struct look {
	struct constants *constants;
	const struct hc_sampled_size *size;
	struct hc_type_subject subjects[HC_MAX_SAMPLED];
	uint64_t words[HC_MAX_SAMPLED];
	uint64_t texts[HC_MAX_SAMPLED];
	struct rule known[MAX_TABLES]; /* tables, of all sizes so far */
	size_t num_known;
};

static void destroy(void *own)
{
	struct constants *constants = own;

	if (!constants)
		return;
	hc_hash_deinit(&constants->by_target);
	free(constants->kinds);
	free(constants->rules);
	free(constants);
}

static void destroyp(struct constants **constants)
{
	destroy(*constants);
}

/* --- What a word points to --- */

/** The text that starts at an address, which another one ends before. @return its length, or 0 */
static size_t find_text(const struct hc_process *process, uint64_t address, struct hc_bytes *ret)
{
	struct hc_bytes bytes = hc_memory_view(&process->memory, address - 1, MAX_TEXT + 2);
	size_t length = 0;

	if (bytes.size < 2 || bytes.data[0])
		return 0;
	ret->data = bytes.data + 1;
	ret->size = bytes.size - 1;
	while (length < ret->size && ret->data[length] >= ' ' && ret->data[length] < 0x7f)
		length++;
	return length < MIN_TEXT || length == ret->size || ret->data[length] ? 0 : length;
}

/** Constants may share a segment with code; a text is none. */
static bool is_code(const struct hc_process *process, uint64_t address)
{
	struct hc_bytes text;

	return hc_mappings_is_code(&process->mappings, address) &&
	       !find_text(process, address, &text);
}

static bool is_table(const struct hc_process *process, uint64_t address)
{
	unsigned word = process->memory.word_size, functions = 0;

	for (unsigned i = 0; i < FAR_WORDS && address % word == 0; i++) {
		uint64_t value;

		if (!hc_memory_word(&process->memory, address + i * word, &value))
			break;
		functions += value && is_code(process, value);
		if (functions == (i < NEAR_WORDS ? NEAR_FUNCTIONS : FAR_FUNCTIONS))
			return true;
	}
	return false;
}

static enum constant find_constant(const struct hc_type_scope *scope, uint64_t address)
{
	const struct hc_process *process = scope->process;
	struct hc_bytes text;

	if (!address || !hc_modules_find(&process->modules, address) ||
	    hc_rtti_class_of(&scope->rtti, address) != HC_NO_RTTI_CLASS)
		return CONSTANT_NONE;
	const struct hc_mapping *row = hc_mappings_find(&process->mappings, address);
	if (!row)
		return CONSTANT_NONE;
	switch (row->kind) {
	case HC_MAPPING_TEXT:
		/* Constants may share a segment with code. */
		return find_text(process, address, &text) ? CONSTANT_TEXT : CONSTANT_FUNCTION;
	case HC_MAPPING_RODATA:
		return is_table(process, address)           ? CONSTANT_TABLE
		       : find_text(process, address, &text) ? CONSTANT_TEXT
							    : CONSTANT_NONE;
	case HC_MAPPING_DATA:
	case HC_MAPPING_BSS:
		return is_table(process, address) ? CONSTANT_TABLE : CONSTANT_NONE;
	default:
		return CONSTANT_NONE;
	}
}

/* --- Rules --- */

static uint64_t hash_of(const struct kind *kind)
{
	return hc_hash_mix(hc_hash_mix(kind->target) ^ kind->text);
}

/** The kind of a constant, which may be new. @param[out] ret MAX_KINDS: there are too many */
static struct hc_error *find_kind(struct constants *constants, struct kind kind, uint32_t *ret)
{
	const struct kind *kinds = constants->kinds;
	struct hc_error *err =
		hc_hash_reserve(&constants->by_target, constants->num, i, hash_of(&kinds[i]));

	if (err)
		return err;
	uint32_t *slot = hc_hash_find(&constants->by_target, hash_of(&kind), i,
				      kinds[i].target == kind.target && kinds[i].text == kind.text);
	if (!*slot && constants->num < MAX_KINDS) {
		err = hc_array_reserve(&constants->kinds, constants->num, sizeof(*kinds));
		if (err)
			return err;
		constants->kinds[constants->num++] = kind;
		*slot = constants->num;
	}
	*ret = *slot ? *slot - 1 : MAX_KINDS;
	return NULL;
}

static struct hc_error *add_rule(struct look *look, struct rule rule, struct kind kind)
{
	struct constants *constants = look->constants;
	struct hc_error *err = find_kind(constants, kind, &rule.kind);

	if (err || rule.kind == MAX_KINDS)
		return err;
	rule.size = look->size->size;
	rule.word = kind.target;
	rule.text = kind.text;
	rule.order = constants->num_rules;
	err = hc_array_reserve(&constants->rules, constants->num_rules, sizeof(*constants->rules));
	if (!err)
		constants->rules[constants->num_rules++] = rule;
	return err;
}

/**
 * The texts that objects of a table point to at an offset, into look->texts.
 *
 * @return their number, 0 unless more than half of the objects have one
 */
static size_t texts_at(struct look *look, const struct rule *table, uint64_t offset)
{
	const struct hc_type_scope *scope = look->constants->scope;
	size_t num = 0, num_without = 0;

	for (size_t i = 0; i < look->size->num; i++) {
		const struct hc_type_subject *subject = &look->subjects[i];

		if (hc_subject_word(scope, subject, table->offset) != table->word)
			continue;
		look->texts[num] = hc_subject_word(scope, subject, offset);
		if (find_constant(scope, look->texts[num]) == CONSTANT_TEXT)
			num++;
		else if (++num_without > look->size->num / 2)
			return 0;
	}
	return num > num_without ? num : 0;
}

/** A rule for each text that several objects of a table share. */
static struct hc_error *add_texts(struct look *look, struct rule rule)
{
	struct kind kind = {rule.word, CONSTANT_TABLE, 0};
	size_t num = 0, num_texts = 0, first = 0;
	struct hc_error *err = NULL;

	for (uint64_t offset = 0; offset < MAX_OFFSET && offset < look->size->size && !num;
	     offset += look->constants->scope->heap->word_size) {
		num = texts_at(look, &rule, offset);
		rule.text_offset = offset;
	}
	hc_sort(look->texts, num, hc_compare_u64);
	for (size_t i = 1; i <= num && num_texts < MAX_TEXTS && !err; i++) {
		if (i < num && look->texts[i] == look->texts[first])
			continue;
		kind.text = look->texts[first];
		if (i - first >= MIN_WITH_TEXT) {
			err = add_rule(look, rule, kind);
			num_texts++;
		}
		first = i;
	}
	return err;
}

/** Rules for what has a constant at an offset: a table's objects with a text come first. */
static struct hc_error *add_rules(struct look *look, uint64_t offset, struct kind kind)
{
	struct rule rule = {.offset = offset, .word = kind.target};
	struct hc_error *err = kind.constant == CONSTANT_TABLE ? add_texts(look, rule) : NULL;

	return err ? err : add_rule(look, rule, kind);
}

/** The word that more than half of the chunks have at an offset; 0: there is none. */
static uint64_t majority_at(struct look *look, uint64_t offset)
{
	size_t num = look->size->num;

	for (size_t i = 0; i < num; i++)
		look->words[i] =
			hc_subject_word(look->constants->scope, &look->subjects[i], offset);
	size_t at = hc_majority(look->words, num);
	return at < num ? look->words[at] : 0;
}

/** A constant table that isn't the first word is looked for in other sizes, too. */
static void remember(struct look *look, uint64_t offset, uint64_t table)
{
	const struct hc_mappings *mappings = &look->constants->scope->process->mappings;
	const struct hc_mapping *row = hc_mappings_find(mappings, table);

	if (!row || row->kind != HC_MAPPING_RODATA)
		return;
	for (size_t i = 0; i < look->num_known; i++) {
		if (look->known[i].offset == offset && look->known[i].word == table)
			return;
	}
	if (look->num_known < MAX_TABLES)
		look->known[look->num_known++] = (struct rule){.offset = offset, .word = table};
}

/** The best constant that more than half have. */
static struct hc_error *find_majority(struct look *look)
{
	const struct hc_type_scope *scope = look->constants->scope;
	struct kind best = {0};
	uint64_t best_offset = 0;

	for (uint64_t offset = 0; offset < MAX_OFFSET && offset < look->size->size;
	     offset += scope->heap->word_size) {
		uint64_t word = majority_at(look, offset);
		enum constant constant = find_constant(scope, word);

		if (constant <= best.constant)
			continue;
		best = (struct kind){word, constant, 0};
		best_offset = offset;
	}
	if (best.constant == CONSTANT_TABLE && best_offset)
		remember(look, best_offset, best.target);
	return best.constant == CONSTANT_NONE ? NULL : add_rules(look, best_offset, best);
}

/** Tables that some chunks begin with. */
static struct hc_error *find_tables(struct look *look)
{
	const struct hc_type_scope *scope = look->constants->scope;
	size_t num = look->size->num, num_tables = 0, first = 0;
	struct hc_error *err = NULL;

	for (size_t i = 0; i < num; i++)
		look->words[i] = hc_subject_word(scope, &look->subjects[i], 0);
	hc_sort(look->words, num, hc_compare_u64);
	for (size_t i = 1; i <= num && num_tables < MAX_TABLES && !err; i++) {
		if (i < num && look->words[i] == look->words[first])
			continue;
		if (i - first >= MIN_WITH_TABLE &&
		    find_constant(scope, look->words[first]) == CONSTANT_TABLE) {
			err = add_rules(look, 0,
					(struct kind){look->words[first], CONSTANT_TABLE, 0});
			num_tables++;
		}
		first = i;
	}
	return err;
}

/** Tables that more than half of another size have. */
static struct hc_error *find_known(struct look *look)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; i < look->num_known && !err; i++) {
		const struct rule *known = &look->known[i];
		size_t count = 0;

		for (size_t j = 0; j < look->size->num; j++)
			count += hc_subject_word(look->constants->scope, &look->subjects[j],
						 known->offset) == known->word;
		if (count >= MIN_WITH_TABLE && count <= look->size->num / 2)
			err = add_rules(look, known->offset,
					(struct kind){known->word, CONSTANT_TABLE, 0});
	}
	return err;
}

static struct hc_error *find_own(struct look *look)
{
	struct hc_error *err = find_tables(look);

	return err || look->size->num < MIN_CHUNKS ? err : find_majority(look);
}

/** Look at every size. */
static struct hc_error *look_at_all(struct look *look, struct hc_error *(*find)(struct look *))
{
	const struct hc_type_scope *scope = look->constants->scope;
	struct hc_error *err = NULL;

	for (size_t i = 0; i < scope->sample.num && !err; i++) {
		look->size = &scope->sample.sizes[i];
		if (look->size->num < MIN_WITH_TABLE)
			continue;
		for (size_t j = 0; j < look->size->num; j++) {
			struct hc_chunk chunk;

			look->subjects[j] = (struct hc_type_subject){0};
			if (hc_heap_chunk_at(scope->heap, look->size->addresses[j], &chunk))
				look->subjects[j].bytes = hc_chunk_bytes(scope->heap, &chunk);
		}
		err = find(look);
	}
	return err;
}

static int compare_rules(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static struct hc_error *find_rules(struct hc_type_scope *scope, struct constants *constants)
{
	hc_cleanup_free struct look *look = calloc(1, sizeof(*look));
	struct hc_error *err = look ? hc_type_scope_sample(scope) : &hc_enomem;

	if (err)
		return err;
	look->constants = constants;
	err = look_at_all(look, find_own);
	return err || !look->num_known ? err : look_at_all(look, find_known);
}

static struct hc_error *find(struct hc_type_scope *scope, void **own_ret)
{
	hc_cleanup(destroyp) struct constants *constants = calloc(1, sizeof(*constants));

	if (!constants)
		return &hc_enomem;
	constants->scope = scope;
	struct hc_error *err = find_rules(scope, constants);
	if (err || !constants->num)
		return err;
	hc_sort(constants->rules, constants->num_rules, compare_rules);
	*own_ret = hc_steal(constants);
	return NULL;
}

/* --- Answers --- */

static size_t num(const void *own)
{
	const struct constants *constants = own;

	return constants->num;
}

static bool find_type(const void *own, const struct hc_type_subject *subject,
		      struct hc_type_hit *hit)
{
	const struct constants *constants = own;
	const struct rule *rules = constants->rules;
	uint64_t size = subject->chunk->size;
	size_t at = hc_lower_bound(constants->num_rules, i, rules[i].size < size);

	for (; at < constants->num_rules && rules[at].size == size; at++) {
		if (hc_subject_word(constants->scope, subject, rules[at].offset) ==
			    rules[at].word &&
		    (!rules[at].text || hc_subject_word(constants->scope, subject,
							rules[at].text_offset) == rules[at].text)) {
			hit->index = rules[at].kind;
			return true;
		}
	}
	return false;
}

/** Whether a text can be shown as it is. */
static bool is_clean(const char *text)
{
	while ((uint8_t)*text >= ' ' && *text != 0x7f)
		text++;
	return !*text;
}

/**
 * Whether what is behind a symbol may be a part of it: the places to which the linker gives names,
 * as _GLOBAL_OFFSET_TABLE_, have no size.
 */
static bool is_object(const char *symbol)
{
	return symbol[0] != '_' || symbol[1] == 'Z';
}

static const char *name_of_module(const struct hc_module *module)
{
	return module && module->path && is_clean(module->path) ? hc_base_name(module->path)
								: "unnamed module";
}

static char *name_of_symbol(const char *what, const char *symbol, uint64_t offset,
			    const char *module)
{
	hc_cleanup_free char *name = hc_demangle_symbol(symbol, false);

	if (!name)
		return NULL;
	return offset ? hc_format("%s %s+0x%llx (%s)", what, name, (unsigned long long)offset,
				  module)
		      : hc_format("%s %s (%s)", what, name, module);
}

/** What comes before the name of a constant. @return to be freed by the caller */
static char *role_of(const struct hc_process *process, const struct kind *kind)
{
	struct hc_bytes text = {0};

	if (kind->constant == CONSTANT_FUNCTION)
		return strdup("object calling");
	if (!kind->text)
		return strdup("object of");
	int length = find_text(process, kind->text, &text);
	return hc_format("object \"%.*s\" of", length, text.data);
}

static char *name(const void *own, struct hc_type_scope *scope, size_t index)
{
	const struct constants *constants = own;
	const struct kind *kind = &constants->kinds[index];
	const struct hc_module *module = hc_modules_find(&scope->process->modules, kind->target);
	const char *file = name_of_module(module);
	uint64_t start = module ? module->start : 0, offset;
	struct hc_bytes text = {0};
	const char *symbol;

	if (kind->constant == CONSTANT_TEXT) {
		int length = find_text(scope->process, kind->target, &text);

		return hc_format("object \"%.*s\" (%s)", length, text.data, file);
	}
	hc_cleanup_free char *what = role_of(scope->process, kind);
	if (!what)
		return NULL;
	if (hc_modules_symbol(&scope->process->modules, kind->target, &symbol, &offset) &&
	    is_clean(symbol) && (!offset || is_object(symbol)))
		return name_of_symbol(what, symbol, offset, file);
	return hc_format("%s %s+0x%llx", what, file, (unsigned long long)(kind->target - start));
}

const struct hc_type_provider hc_types_by_constant = {
	.find = find,
	.destroy = destroy,
	.num = num,
	.find_type = find_type,
	.name = name,
	.known_by = HC_TYPE_CONSTANT,
	.forms = 1 << HC_FORM_ONE,
};
