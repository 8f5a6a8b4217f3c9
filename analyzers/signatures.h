/**
 * @file
 * Signatures: the content classes that chunks are told apart by.
 *
 * A set of signatures is made once and is read-only from then on; classes are known by their index in it. Class 0
 * is always "other": what none of the rest accepts. The rest stand in the order in which they are tried, so that of
 * two classes the one with the lower index has precedence (hc_class_precedes()).
 */
#ifndef HC_ANALYZERS_SIGNATURES_H
#define HC_ANALYZERS_SIGNATURES_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/** A class: its index in the set of signatures. */
typedef uint16_t hc_class_id;

/** What no other class accepts. */
#define HC_CLASS_OTHER 0
/** No class at all: not a chunk. */
#define HC_CLASS_NONE UINT16_MAX
/** Most classes that a set can have, "other" included. */
#define HC_MAX_CLASSES 128

struct hc_class {
	const char *name;  /**< "http-request": for --class, JSON, CSV */
	const char *title; /**< "HTTP request": for people */
	const char *description; /**< one sentence: what is accepted */
	bool textual;      /**< a sample is shown as text, else as words or hex */
};

struct hc_signatures;

/** The built-in set. */
struct hc_error *hc_signatures_create(struct hc_signatures **ret);
void hc_signatures_destroy(struct hc_signatures *signatures);

size_t hc_signatures_num_classes(const struct hc_signatures *signatures);

/** @param id less than hc_signatures_num_classes() */
const struct hc_class *hc_signatures_class(const struct hc_signatures *signatures, hc_class_id id);

/** The class of a name, or @ref HC_CLASS_NONE. */
hc_class_id hc_signatures_find(const struct hc_signatures *signatures, const char *name);

/** Whether of two classes that accept the same bytes @p a is the answer. */
static inline bool hc_class_precedes(hc_class_id a, hc_class_id b)
{
	return a != HC_CLASS_OTHER && (b == HC_CLASS_OTHER || a < b);
}

#endif
