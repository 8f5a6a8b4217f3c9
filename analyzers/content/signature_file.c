/**
 * @file
 * Reading signature files with inih; see signature_file.h.
 *
 * inih hands over neither line numbers nor whether a value goes on with the one before, and it cuts
 * lines that its buffer can't hold. All three are known to the reader that feeds it.
 */
#include "analyzers/content/signature_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"

/** A file while it is being parsed. */
struct parse {
	struct hc_signature_file file;
	struct hc_bytes text;
	size_t pos;
	unsigned line; /* the one that was read last */
	bool indented; /* whether that one is */
	struct hc_error *err;
};

static struct hc_error *fail(const struct parse *parse, const char *what)
{
	return hc_error_create(HC_ERROR_ARGUMENT, "%.200s:%u: %s", parse->file.path, parse->line,
			       what);
}

void hc_signature_file_deinit(struct hc_signature_file *file)
{
	for (size_t i = 0; i < file->num; i++) {
		struct hc_signature_section *section = &file->sections[i];

		for (size_t k = 0; k < section->num; k++) {
			free(section->values[k].name);
			free(section->values[k].text);
		}
		free(section->values);
		free(section->name);
	}
	free(file->sections);
	free(file->path);
	*file = (struct hc_signature_file){0};
}

/** Give inih the next line, as fgets() would. After an error there is no more. */
static char *next_line(char *buf, int size, void *ctx)
{
	struct parse *parse = ctx;
	const uint8_t *start = parse->text.data + parse->pos;
	size_t left = parse->text.size - parse->pos;

	if (parse->err || !left || size < 2)
		return NULL;
	const uint8_t *end = memchr(start, '\n', left);
	size_t len = end ? end - start + 1 : left;

	parse->line++;
	if (len >= size) {
		char what[96];

		snprintf(what, sizeof(what),
			 "the line is too long: go on in an indented line after %d bytes",
			 size - 2);
		parse->err = fail(parse, what);
		return NULL;
	}
	if (memchr(start, '\0', len)) {
		parse->err = fail(parse, "a byte of 0");
		return NULL;
	}
	parse->indented = *start == ' ' || *start == '\t';
	memcpy(buf, start, len);
	buf[len] = '\0';
	parse->pos += len;
	return buf;
}

static struct hc_error *find_section(struct parse *parse, const char *name,
				     struct hc_signature_section **ret)
{
	struct hc_signature_file *file = &parse->file;

	for (size_t i = 0; i < file->num; i++) {
		*ret = &file->sections[i];
		if (!strcmp((*ret)->name, name))
			return NULL;
	}
	if (file->num == HC_SIGNATURE_FILE_MAX_SECTIONS)
		return fail(parse, "too many sections");
	struct hc_error *err =
		hc_array_reserve(&file->sections, file->num, sizeof(*file->sections));

	if (err)
		return err;
	*ret = &file->sections[file->num];
	**ret = (struct hc_signature_section){.name = strdup(name), .line = parse->line};
	if (!(*ret)->name)
		return &hc_enomem;
	file->num++;
	return NULL;
}

static struct hc_error *append(struct parse *parse, struct hc_signature_value *value,
			       const char *text)
{
	size_t size = strlen(value->text), more = strlen(text);

	if (size + more > HC_SIGNATURE_FILE_MAX_VALUE)
		return fail(parse, "the value is too long");
	char *joined = realloc(value->text, size + more + 1);

	if (!joined)
		return &hc_enomem;
	memcpy(joined + size, text, more + 1);
	value->text = joined;
	return NULL;
}

static struct hc_error *add_value(struct parse *parse, struct hc_signature_section *section,
				  const char *name, const char *text)
{
	if (section->num == HC_SIGNATURE_FILE_MAX_VALUES)
		return fail(parse, "too many values in one section");
	struct hc_error *err =
		hc_array_reserve(&section->values, section->num, sizeof(*section->values));

	if (err)
		return err;
	struct hc_signature_value value = {strdup(name), strdup(text), parse->line};

	if (!value.name || !value.text) {
		free(value.name);
		free(value.text);
		return &hc_enomem;
	}
	section->values[section->num++] = value;
	return NULL;
}

static struct hc_error *take(struct parse *parse, const char *section_name, const char *name,
			     const char *text)
{
	struct hc_signature_section *section;

	if (!*section_name)
		return fail(parse, "a value before the first [section]");
	struct hc_error *err = find_section(parse, section_name, &section);

	if (err)
		return err;
	struct hc_signature_value *last = section->num ? &section->values[section->num - 1] : NULL;

	if (parse->indented && last && !strcmp(last->name, name))
		return append(parse, last, text);
	return add_value(parse, section, name, text);
}

static int handle(void *ctx, const char *section, const char *name, const char *text)
{
	struct parse *parse = ctx;

	if (!parse->err)
		parse->err = take(parse, section, name, text ? text : "");
	return !parse->err;
}

struct hc_error *hc_signature_file_parse(const char *path, struct hc_bytes text,
					 struct hc_signature_file *ret)
{
	struct parse parse = {.file.path = strdup(path), .text = text};

	if (!parse.file.path)
		return &hc_enomem;
	if (text.size > HC_SIGNATURE_FILE_MAX_BYTES) {
		parse.err = hc_error_create(HC_ERROR_ARGUMENT, "%.200s: larger than %u bytes", path,
					    HC_SIGNATURE_FILE_MAX_BYTES);
	} else {
		int line = ini_parse_stream(next_line, &parse, handle, &parse);

		if (!parse.err && line > 0) {
			parse.line = line;
			parse.err = fail(&parse, "neither [section] nor name = value");
		} else if (!parse.err && line < 0) {
			parse.err = &hc_enomem;
		}
	}
	if (parse.err) {
		hc_signature_file_deinit(&parse.file);
		return parse.err;
	}
	*ret = parse.file;
	return NULL;
}

static struct hc_error *read_error(const char *path)
{
	return hc_error_create(HC_ERROR_ARGUMENT, "can't read signatures: %.200s: %s", path,
			       strerror(errno));
}

struct hc_error *hc_signature_file_read(const char *path, struct hc_signature_file *ret)
{
	hc_cleanup_free uint8_t *text = malloc(HC_SIGNATURE_FILE_MAX_BYTES + 1);
	hc_cleanup_fclose FILE *file = fopen(path, "re");

	if (!text)
		return &hc_enomem;
	if (!file)
		return read_error(path);
	/* One byte more than is allowed tells that there is more. */
	size_t size = fread(text, 1, HC_SIGNATURE_FILE_MAX_BYTES + 1, file);

	if (ferror(file))
		return read_error(path);
	return hc_signature_file_parse(path, (struct hc_bytes){text, size}, ret);
}
