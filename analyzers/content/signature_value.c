/**
 * @file
 * What one value of a signature file says.
 */
#include "analyzers/content/signature_value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct hc_error *hc_signature_bad(const struct hc_signature_draft *draft,
				  const struct hc_signature_value *value, const char *format, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	return hc_error_create(HC_ERROR_ARGUMENT, "%.200s:%u: [%.50s]%s%.50s: %s",
			       draft->file->path, value ? value->line : draft->section->line,
			       draft->section->name, value ? " " : "", value ? value->name : "",
			       what);
}

size_t hc_signature_find_word(const char *const *words, size_t num, const char *text, size_t size)
{
	size_t i = 0;

	while (i < num && (strlen(words[i]) != size || memcmp(words[i], text, size)))
		i++;
	return i;
}

struct hc_error *hc_signature_value_word(const struct hc_signature_draft *draft,
					 const struct hc_signature_value *value,
					 const char *const *words, size_t num, unsigned *ret)
{
	char all[256] = "";
	size_t i = hc_signature_find_word(words, num, value->text, strlen(value->text));

	if (i < num) {
		*ret = i;
		return NULL;
	}
	for (i = 0; i < num; i++) {
		size_t used = strlen(all);
		snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", words[i]);
	}
	return hc_signature_bad(draft, value, "'%.50s' is none of: %s", value->text, all);
}

struct hc_error *hc_signature_value_number(const struct hc_signature_draft *draft,
					   const struct hc_signature_value *value,
					   unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(value->text, &end, 10);
	if (errno || *end || *value->text < '0' || *value->text > '9' || *ret > max)
		return hc_signature_bad(draft, value, "'%.50s' is no number up to %lu", value->text,
					max);
	return NULL;
}

/** Read one character or escape of an example; -1: there is no such escape. */
static int next_byte(const char **pos)
{
	static const char names[] = "nrt0\\", bytes[] = "\n\r\t\0\\";
	const char *text = *pos;
	const char *name;

	if (*text != '\\') {
		++*pos;
		return (uint8_t)*text;
	}
	if (text[1] == 'x' && hc_hex_digit(text[2]) < 16 && hc_hex_digit(text[3]) < 16) {
		*pos += 4;
		return hc_hex_digit(text[2]) << 4 | hc_hex_digit(text[3]);
	}
	name = text[1] ? strchr(names, text[1]) : NULL;
	if (!name)
		return -1;
	*pos += 2;
	return (uint8_t)bytes[name - names];
}

struct hc_error *hc_signature_value_bytes(const struct hc_signature_draft *draft,
					  const struct hc_signature_value *value, uint8_t *buf,
					  size_t *size_ret)
{
	size_t size = 0;

	for (const char *pos = value->text; *pos;) {
		int byte = next_byte(&pos);

		if (byte < 0)
			return hc_signature_bad(
				draft, value, "'%.4s' is none of \\n \\r \\t \\0 \\\\ \\xNN", pos);
		buf[size++] = byte;
	}
	*size_ret = size;
	return NULL;
}
