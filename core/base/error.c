/**
 * @file
 * Errors and remarks. The texts are made once, here, so that creating an error can only fail by
 * returning
 * @ref hc_enomem.
 */
#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** Remarks kept; beyond that only the partial flag. */
#define HC_MAX_DIAGNOSTICS 100

static char hc_enomem_message[] = "out of memory";

struct hc_error hc_enomem = {
	.code = HC_ERROR_NO_MEMORY,
	.message = hc_enomem_message,
};

/** Takes @p message over, also on failure. */
static struct hc_error *error_with_message(enum hc_error_code code, char *message)
{
	struct hc_error *err = message ? calloc(1, sizeof(*err)) : NULL;
	if (!err) {
		free(message);
		return &hc_enomem;
	}
	err->code = code;
	err->message = message;
	return err;
}

struct hc_error *hc_error_create(enum hc_error_code code, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	char *message = hc_vformat(format, ap);
	va_end(ap);
	return error_with_message(code, message);
}

struct hc_error *hc_error_at(enum hc_error_code code, uint64_t address, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	char *message = hc_vformat(format, ap);
	va_end(ap);
	struct hc_error *err = error_with_message(code, message);
	if (err != &hc_enomem) {
		err->has_address = true;
		err->address = address;
	}
	return err;
}

struct hc_error *hc_error_os(int errnum, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	hc_cleanup_free char *what = hc_vformat(format, ap);
	va_end(ap);
	if (!what)
		return &hc_enomem;
	char reason[128];
	return hc_error_create(HC_ERROR_OS, "%s: %s", what,
			       strerror_r(errnum, reason, sizeof(reason)));
}

struct hc_error *hc_error_copy(const struct hc_error *err)
{
	if (!err || err == &hc_enomem)
		return (struct hc_error *)err;
	struct hc_error *copy = hc_error_create(err->code, "%s", err->message);
	if (copy != &hc_enomem) {
		copy->about = err->about;
		copy->detail = err->detail;
		copy->has_address = err->has_address;
		copy->address = err->address;
	}
	return copy;
}

struct hc_error *hc_error_about(struct hc_error *err, enum hc_about about)
{
	if (err != &hc_enomem)
		err->about = about;
	return err;
}

void hc_error_destroy(struct hc_error *err)
{
	if (!err || err == &hc_enomem)
		return;
	free(err->message);
	free(err);
}

void hc_diagnostics_deinit(struct hc_diagnostics *diag)
{
	for (size_t i = 0; i < diag->num; i++)
		free(diag->items[i].message);
	free(diag->items);
	*diag = (struct hc_diagnostics){};
}

static bool diagnostics_has(const struct hc_diagnostics *diag, const char *message)
{
	for (size_t i = 0; i < diag->num; i++) {
		if (!strcmp(diag->items[i].message, message))
			return true;
	}
	return false;
}

void hc_diagnostics_add(struct hc_diagnostics *diag, bool partial, const char *format, ...)
{
	diag->partial |= partial;
	if (diag->num >= HC_MAX_DIAGNOSTICS)
		return;

	va_list ap;
	va_start(ap, format);
	hc_cleanup_free char *message = hc_vformat(format, ap);
	va_end(ap);
	if (!message || diagnostics_has(diag, message))
		return;

	if (hc_array_reserve(&diag->items, diag->num, sizeof(*diag->items)))
		return;
	diag->items[diag->num++] = (struct hc_diagnostic){
		.partial = partial,
		.message = hc_steal(message),
	};
}
