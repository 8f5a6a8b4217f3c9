/**
 * @file
 * Reading suppressions, and comparing; see suppress.h.
 */
#include "analyzers/leaks/suppress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzers/types/demangle.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** @name The file */
/**@{*/

static char *trim(char *line)
{
	size_t size;

	line += strspn(line, " \t");
	size = strlen(line);
	while (size && strchr(" \t\r", line[size - 1]))
		line[--size] = '\0';
	return line;
}

static struct hc_error *add_pattern(struct hc_suppression_patterns *patterns, char *pattern)
{
	struct hc_error *err =
		hc_array_reserve(&patterns->items, patterns->num, sizeof(*patterns->items));

	if (!err)
		patterns->items[patterns->num++] = pattern;
	return err;
}

static struct hc_error *add_line(struct hc_suppressions *ret, char *line, size_t number,
				 const char *name, struct hc_diagnostics *diag)
{
	const struct {
		const char *mark;
		struct hc_suppression_patterns *patterns;
	} kinds[] = {{"leak:", &ret->leaks}, {"holder:", &ret->holders}};

	line = trim(line);
	if (!*line || *line == '#')
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t size = strlen(kinds[i].mark);

		if (!strncmp(line, kinds[i].mark, size) && line[size])
			return add_pattern(kinds[i].patterns, line + size);
	}
	hc_diagnostics_add(diag, false,
			   "%s: line %zu is neither 'leak:PATTERN' nor 'holder:PATTERN', but "
			   "'%.60s'; left it out",
			   name, number, line);
	return NULL;
}

struct hc_error *hc_suppressions_parse(char *text, const char *name, struct hc_diagnostics *diag,
				       struct hc_suppressions *ret)
{
	hc_cleanup(hc_suppressions_deinit) struct hc_suppressions suppressions = {.text = text};
	struct hc_error *err = NULL;
	size_t number = 0;

	for (char *line = text, *next; !err && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		err = add_line(&suppressions, line, ++number, name, diag);
	}
	if (err)
		return err;
	*ret = suppressions;
	suppressions = (struct hc_suppressions){0};
	return NULL;
}

void hc_suppressions_deinit(struct hc_suppressions *suppressions)
{
	free(suppressions->text);
	free(suppressions->leaks.items);
	free(suppressions->holders.items);
	*suppressions = (struct hc_suppressions){0};
}

/** All of a file, with a NUL behind it. */
static struct hc_error *read_text(int fd, char **ret)
{
	hc_cleanup_free char *text = malloc(HC_MAX_SUPPRESSION_BYTES + 1);
	size_t size = 0;
	ssize_t got;

	if (!text)
		return &hc_enomem;
	while ((got = read(fd, text + size, HC_MAX_SUPPRESSION_BYTES - size)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return hc_error_os(errno, "can't be read");
		size += got;
	}
	text[size] = '\0';
	if (size == HC_MAX_SUPPRESSION_BYTES || memchr(text, '\0', size))
		return hc_error_create(HC_ERROR_FORMAT,
				       "is no file of suppressions; give lines of 'leak:PATTERN'");
	*ret = hc_steal(text);
	return NULL;
}

static struct hc_error *open_text(const char *path, char **ret)
{
	hc_cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return hc_error_os(errno, "can't be opened");
	if (fstat(fd, &st))
		return hc_error_os(errno, "can't be examined");
	if (!S_ISREG(st.st_mode))
		return hc_error_create(HC_ERROR_FORMAT, "is not a regular file");
	return read_text(fd, ret);
}

struct hc_error *hc_suppressions_read(const char *path, struct hc_diagnostics *diag,
				      struct hc_suppressions *ret)
{
	char *text = NULL;
	hc_cleanup_error struct hc_error *err = open_text(path, &text);

	if (err)
		return hc_error_about(hc_error_create(err->code, "%s %s", path, err->message),
				      HC_ABOUT_SUPPRESS);
	return hc_suppressions_parse(text, path, diag, ret);
}
/**@}*/

/** @name Patterns */
/**@{*/

/** The first place where some bytes are in a text; at its beginning alone when @p here. */
static const char *find_part(const char *text, const char *part, size_t size, bool here)
{
	if (here)
		return strncmp(text, part, size) ? NULL : text;
	return memmem(text, strlen(text), part, size);
}

/** Parts between stars, each as early as it is found; the last one maybe at the end alone. */
static bool matches(const char *pattern, const char *text)
{
	bool here = *pattern == '^';

	for (pattern += here;; here = false) {
		size_t size = strcspn(pattern, "*"), left = strlen(text);
		bool last = !pattern[size], ends = last && size && pattern[size - 1] == '$';
		const char *found;

		if (ends) {
			size--;
			found = left >= size && (!here || left == size) &&
						!strncmp(text + left - size, pattern, size)
					? text
					: NULL;
		} else {
			found = find_part(text, pattern, size, here);
		}
		if (!found || last)
			return found;
		text = found + size;
		pattern += size + 1;
	}
}

bool hc_suppressions_match(const struct hc_suppression_patterns *patterns, const char *name)
{
	for (size_t i = 0; name && i < patterns->num; i++)
		if (matches(patterns->items[i], name))
			return true;
	return false;
}

/** The name of a symbol, as people write it. */
static struct hc_error *match_symbol(const struct hc_suppression_patterns *patterns,
				     const char *symbol, bool *ret)
{
	hc_cleanup_free char *name = hc_demangle_function(symbol, false);

	if (!name)
		return &hc_enomem;
	*ret = hc_suppressions_match(patterns, name);
	return NULL;
}

struct hc_error *hc_suppressions_match_holder(const struct hc_suppressions *suppressions,
					      const struct hc_spot *spot, bool *ret)
{
	const struct hc_suppression_patterns *patterns = &suppressions->holders;
	bool matched = hc_suppressions_match(patterns, spot->variable) ||
		       hc_suppressions_match(patterns, spot->module ? spot->module->path : NULL);
	struct hc_error *err = NULL;

	if (!matched && spot->symbol)
		err = match_symbol(patterns, spot->symbol->name, &matched);
	if (!err && !matched && spot->function)
		err = match_symbol(patterns, spot->function, &matched);
	if (!err)
		*ret = matched;
	return err;
}
/**@}*/

/** @name Trees */
/**@{*/

enum answer { NOT_ASKED, NO, YES };

struct hc_suppressor {
	const struct hc_suppressions *suppressions;
	const struct hc_process *process;
	const struct hc_signatures *signatures;
	struct hc_types *types;
	uint8_t *of_type;   /**< enum answer of each type … */
	uint8_t *of_class;  /**< … content class … */
	uint8_t *of_module; /**< … and module */
	struct hc_count sum;
};

struct hc_error *hc_suppressor_create(struct hc_target *target,
				      const struct hc_suppressions *suppressions,
				      struct hc_suppressor **ret)
{
	struct hc_suppressor *suppressor = calloc(1, sizeof(*suppressor));
	struct hc_error *err = suppressor ? NULL : &hc_enomem;

	if (!err)
		err = hc_target_types(target, HC_TYPES_QUICK, &suppressor->types);
	if (!err)
		err = hc_target_signatures(target, &suppressor->signatures);
	if (err) {
		free(suppressor);
		return err;
	}
	suppressor->suppressions = suppressions;
	suppressor->process = target->process;
	suppressor->of_type = calloc(hc_types_num(suppressor->types) + 1, 1);
	suppressor->of_class = calloc(hc_signatures_num_classes(suppressor->signatures) + 1, 1);
	suppressor->of_module = calloc(target->process->modules.num + 1, 1);
	if (!suppressor->of_type || !suppressor->of_class || !suppressor->of_module) {
		hc_suppressor_destroy(suppressor);
		return &hc_enomem;
	}
	*ret = suppressor;
	return NULL;
}

void hc_suppressor_destroy(struct hc_suppressor *suppressor)
{
	if (!suppressor)
		return;
	free(suppressor->of_type);
	free(suppressor->of_class);
	free(suppressor->of_module);
	free(suppressor);
}

static bool ask(const struct hc_suppressor *suppressor, uint8_t *answer, const char *name,
		const char *other)
{
	if (*answer == NOT_ASKED)
		*answer = hc_suppressions_match(&suppressor->suppressions->leaks, name) ||
					  hc_suppressions_match(&suppressor->suppressions->leaks,
								other)
				  ? YES
				  : NO;
	return *answer == YES;
}

static struct hc_error *has_type(struct hc_suppressor *suppressor, hc_type_id type, bool *ret)
{
	uint8_t *answer = &suppressor->of_type[type];
	const char *name = NULL;

	*ret = false;
	if (type == HC_TYPE_NONE)
		return NULL;
	if (*answer == NOT_ASKED && !(name = hc_type_name(suppressor->types, type)))
		return &hc_enomem;
	*ret = ask(suppressor, answer, name, NULL);
	return NULL;
}

static bool has_class(struct hc_suppressor *suppressor, hc_class_id class_id)
{
	const struct hc_class *class;

	if (class_id >= hc_signatures_num_classes(suppressor->signatures))
		return false;
	class = hc_signatures_class(suppressor->signatures, class_id);
	return ask(suppressor, &suppressor->of_class[class_id], class->name, class->title);
}

/** Of what the first word points into: a vtable, a table of functions, a name. */
static bool has_module(struct hc_suppressor *suppressor, const struct hc_leak_tree *tree)
{
	const struct hc_modules *modules = &suppressor->process->modules;
	const struct hc_machine *machine = suppressor->process->core->machine;
	struct hc_bytes bytes = hc_chunk_bytes(tree->index->heap, &tree->root);
	const struct hc_module *module;

	if (bytes.size < machine->word_size)
		return false;
	module = hc_modules_find(modules,
				 hc_read_word(bytes.data, machine->word_size, machine->big_endian));
	return module &&
	       ask(suppressor, &suppressor->of_module[module - modules->items], module->path, NULL);
}

struct hc_error *hc_suppressor_has(struct hc_suppressor *suppressor,
				   const struct hc_leak_tree *tree, bool *ret)
{
	struct hc_error *err;

	*ret = false;
	if (!suppressor)
		return NULL;
	const struct hc_leak_look look = hc_leak_tree_look(tree);
	err = has_type(suppressor, look.root_type, ret);
	if (err)
		return err;
	*ret = *ret || has_class(suppressor, tree->root_class) ||
	       has_class(suppressor, hc_leak_classes_best(tree->index, &tree->classes)->class_id) ||
	       has_module(suppressor, tree);
	if (*ret) {
		hc_count_add(&suppressor->sum, &tree->definite);
		hc_count_add(&suppressor->sum, &tree->indirect);
	}
	return NULL;
}

void hc_suppressor_begin(struct hc_suppressor *suppressor)
{
	if (suppressor)
		suppressor->sum = (struct hc_count){0};
}

struct hc_count hc_suppressor_sum(const struct hc_suppressor *suppressor)
{
	return suppressor ? suppressor->sum : (struct hc_count){0};
}
/**@}*/
