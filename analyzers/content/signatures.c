/**
 * @file
 * Sets of signatures: the built-in one, and what files add to it, replace and remove.
 */
#include "analyzers/content/signatures.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "analyzers/content/signature_pattern.h"
#include "analyzers/content/signature_section.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/base/nearest.h"

/** Made from builtin.ini when building. */
extern const uint8_t hc_builtin_signatures[];
extern const size_t hc_builtin_signatures_size;

const uint8_t hc_header_offsets[] = {0, 1, 3, 4, 5, 8, 9, 12, 16, 20, 24, 32, 40, 48, 56, 64};
const size_t hc_num_header_offsets = sizeof(hc_header_offsets);

/** Of a section that says none. */
#define DEFAULT_PRIORITY 500

static void signature_deinit(struct hc_signature *signature)
{
	for (size_t i = 0; i < signature->num_patterns; i++)
		hc_signature_pattern_deinit(&signature->patterns[i]);
	for (size_t i = 0; i < signature->num_extra; i++)
		hc_signature_pattern_deinit(&signature->extra[i]);
	for (size_t i = 0; i < signature->about.num_attributes; i++)
		free((char *)signature->attributes[i].name);
	for (size_t i = 0; i < signature->about.num_examples; i++)
		free((uint8_t *)signature->examples[i].bytes.data);
	free(signature->patterns);
	free(signature->extra);
	free(signature->examples);
	free((char *)signature->about.name);
	free((char *)signature->about.title);
	free((char *)signature->about.description);
	free((char *)signature->about.path);
}

void hc_signatures_destroy(struct hc_signatures *signatures)
{
	if (!signatures)
		return;
	for (size_t i = 0; i < signatures->num_classes; i++)
		signature_deinit(&signatures->classes[i]);
	for (size_t i = 0; i < signatures->num_secrets; i++)
		signature_deinit(&signatures->secrets[i]);
	free(signatures->classes);
	free(signatures->secrets);
	free(signatures);
}

static void signatures_destroyp(struct hc_signatures **signatures)
{
	hc_signatures_destroy(*signatures);
}

/** Signatures that are in force so far, of both sorts. */
struct build {
	struct hc_signature *items;
	size_t num;
	unsigned read;
};

static void build_deinit(struct build *build)
{
	for (size_t i = 0; i < build->num; i++)
		signature_deinit(&build->items[i]);
	free(build->items);
}

static void remove_signature(struct build *build, const char *name)
{
	for (size_t i = 0; i < build->num; i++) {
		if (strcmp(build->items[i].about.name, name))
			continue;
		signature_deinit(&build->items[i]);
		build->items[i] = build->items[--build->num];
		return;
	}
}

static struct hc_error *add_section(struct build *build, const struct hc_signature_file *file,
				    const struct hc_signature_section *section)
{
	struct hc_signature_draft draft = {
		.file = file,
		.section = section,
		.signature = {.about.priority = DEFAULT_PRIORITY,
			      .evidence = HC_EVIDENCE_WHOLE,
			      .order = build->read++},
	};
	struct hc_error *err = hc_signature_draft_fill(&draft);

	if (err || draft.disabled) {
		signature_deinit(&draft.signature);
		if (!err)
			remove_signature(build, section->name);
		return err;
	}
	remove_signature(build, section->name);
	err = hc_array_reserve(&build->items, build->num, sizeof(*build->items));
	if (err)
		signature_deinit(&draft.signature);
	else
		build->items[build->num++] = draft.signature;
	return err;
}

static struct hc_error *add_file(struct build *build, const struct hc_signature_file *file)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < file->num; i++)
		err = add_section(build, file, &file->sections[i]);
	return err;
}

/** "other" must be there, whatever files say. */
static struct hc_error *add_other(struct build *build)
{
	static const char text[] =
		"[other]\nkind = code\ncheck = other\npriority = 0\n"
		"title = other binary\ndescription = None of the other classes.\n";
	hc_cleanup(hc_signature_file_deinit) struct hc_signature_file file = {0};

	for (size_t i = 0; i < build->num; i++) {
		if (build->items[i].check && build->items[i].check->role == HC_CHECK_OTHER)
			return NULL;
	}
	remove_signature(build, "other");
	struct hc_error *err = hc_signature_file_parse(
		"built-in", (struct hc_bytes){(const uint8_t *)text, strlen(text)}, &file);

	return err ? err : add_file(build, &file);
}

/** Secrets behind all classes; "other" first, then by priority, then as they were read. */
static int compare_signatures(const void *a, const void *b)
{
	const struct hc_signature *x = a, *y = b;
	bool x_other = x->check && x->check->role == HC_CHECK_OTHER;
	bool y_other = y->check && y->check->role == HC_CHECK_OTHER;
	bool x_secret = x->about.kind == HC_SIGNATURE_SECRET;
	bool y_secret = y->about.kind == HC_SIGNATURE_SECRET;

	if (x_secret != y_secret)
		return x_secret - y_secret;
	if (x_other != y_other)
		return y_other - x_other;
	if (x->about.priority != y->about.priority)
		return x->about.priority < y->about.priority ? 1 : -1;
	return (x->order > y->order) - (x->order < y->order);
}

static struct hc_error *finish(struct build *build, struct hc_signatures **ret)
{
	hc_cleanup(signatures_destroyp) struct hc_signatures *signatures = NULL;
	struct hc_error *err = add_other(build);
	size_t num = 0;

	if (err)
		return err;
	hc_sort(build->items, build->num, compare_signatures);
	while (num < build->num && build->items[num].about.kind != HC_SIGNATURE_SECRET)
		num++;
	if (num > HC_MAX_CLASSES)
		return hc_error_create(HC_ERROR_ARGUMENT, "%zu content classes; at most %d can be",
				       num, HC_MAX_CLASSES);
	signatures = calloc(1, sizeof(*signatures));
	if (!signatures)
		return &hc_enomem;
	signatures->classes = calloc(num, sizeof(*signatures->classes));
	signatures->secrets = calloc(build->num - num + 1, sizeof(*signatures->secrets));
	if (!signatures->classes || !signatures->secrets)
		return &hc_enomem;
	signatures->num_classes = num;
	signatures->num_secrets = build->num - num;
	memcpy(signatures->classes, build->items, num * sizeof(*build->items));
	memcpy(signatures->secrets, build->items + num,
	       signatures->num_secrets * sizeof(*build->items));
	build->num = 0;
	/* They are where they stay now. */
	for (size_t i = 0; i < num; i++)
		signatures->classes[i].about.attributes = signatures->classes[i].attributes;
	*ret = hc_steal(signatures);
	return NULL;
}

static struct hc_error *add_text(struct build *build, const char *path, struct hc_bytes text)
{
	hc_cleanup(hc_signature_file_deinit) struct hc_signature_file file = {0};
	struct hc_error *err = hc_signature_file_parse(path, text, &file);

	return err ? err : add_file(build, &file);
}

static struct hc_error *add_path(struct build *build, const char *path)
{
	hc_cleanup(hc_signature_file_deinit) struct hc_signature_file file = {0};
	struct hc_error *err = hc_signature_file_read(path, &file);

	return err ? err : add_file(build, &file);
}

static int is_ini(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return *entry->d_name != '.' && size > 4 && !strcmp(entry->d_name + size - 4, ".ini");
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* the same in every locale */
}

static struct hc_error *add_directory(struct build *build, const char *path)
{
	struct dirent **entries;
	int num = scandir(path, &entries, is_ini, compare_entries);
	struct hc_error *err = NULL;

	if (num < 0)
		return hc_error_create(HC_ERROR_ARGUMENT, "can't read signatures: %.200s: %s", path,
				       strerror(errno));
	if (!num)
		err = hc_error_create(HC_ERROR_ARGUMENT, "%.200s: no *.ini in it", path);
	for (int i = 0; i < num; i++) {
		hc_cleanup_free char *name = hc_format("%s/%s", path, entries[i]->d_name);

		if (!err)
			err = name ? add_path(build, name) : &hc_enomem;
		free(entries[i]);
	}
	free(entries);
	return err;
}

struct hc_bytes hc_signatures_builtin(void)
{
	return (struct hc_bytes){hc_builtin_signatures, hc_builtin_signatures_size};
}

struct hc_error *hc_signatures_create(const char *const *paths, size_t num,
				      struct hc_signatures **ret)
{
	hc_cleanup(build_deinit) struct build build = {0};
	struct hc_error *err = add_text(&build, "built-in", hc_signatures_builtin());

	for (size_t i = 0; !err && i < num; i++) {
		struct stat st;

		if (!stat(paths[i], &st) && S_ISDIR(st.st_mode))
			err = add_directory(&build, paths[i]);
		else
			err = add_path(&build, paths[i]);
	}
	return err ? err : finish(&build, ret);
}

struct hc_error *hc_signatures_parse(const char *path, struct hc_bytes text,
				     struct hc_signatures **ret)
{
	hc_cleanup(build_deinit) struct build build = {0};
	struct hc_error *err = add_text(&build, path, text);

	return err ? err : finish(&build, ret);
}
size_t hc_signatures_num_classes(const struct hc_signatures *signatures)
{
	return signatures->num_classes;
}

const struct hc_class *hc_signatures_class(const struct hc_signatures *signatures, hc_class_id id)
{
	return &signatures->classes[id].about;
}

hc_class_id hc_signatures_find(const struct hc_signatures *signatures, const char *name)
{
	for (size_t i = 0; i < signatures->num_classes; i++) {
		if (!strcmp(signatures->classes[i].about.name, name))
			return i;
	}
	/* As people read it, and as they type that. */
	for (size_t i = 0; i < signatures->num_classes; i++) {
		if (hc_same_word(signatures->classes[i].about.title, name) ||
		    hc_same_word(signatures->classes[i].about.name, name))
			return i;
	}
	return HC_CLASS_NONE;
}

size_t hc_signatures_num_secrets(const struct hc_signatures *signatures)
{
	return signatures->num_secrets;
}

const struct hc_class *hc_signatures_secret(const struct hc_signatures *signatures, size_t i)
{
	return &signatures->secrets[i].about;
}
