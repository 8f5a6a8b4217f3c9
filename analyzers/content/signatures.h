/**
 * @file
 * Signatures: the content classes that chunks are told apart by, and the secrets that samples don't
 * show.
 *
 * A signature is a section of a signature file (signature_file.h): its name, what people call it,
 * what it accepts, and examples. The built-in set is such a file, analyzers/content/builtin.ini,
 * whose head describes the format for those who write their own. It is compiled in and also
 * installed, to be read and copied from. A section in a file that is given later replaces the
 * section of the same name; "enabled = no" removes it.
 *
 * A set of signatures is made once and is read-only from then on; classes are known by their index
 * in it. Class 0 is always "other": what none of the rest accepts. The rest stand in the order in
 * which they are tried, by priority, so that of two classes the one with the lower index has
 * precedence (hc_class_precedes()).
 */
#ifndef HC_ANALYZERS_CONTENT_SIGNATURES_H
#define HC_ANALYZERS_CONTENT_SIGNATURES_H

#include "core/base/bytes.h"
#include "core/base/error.h"

/** A class: its index in the set of signatures. */
typedef uint16_t hc_class_id;

/** What no other class accepts. */
#define HC_CLASS_OTHER 0
/** No class at all: not a chunk. */
#define HC_CLASS_NONE UINT16_MAX
/** Most classes that a set can have, "other" included. */
#define HC_MAX_CLASSES 128
/** Most attributes of one class. */
#define HC_MAX_ATTRIBUTES 16

/** How a signature looks at bytes. */
enum hc_signature_kind {
	HC_SIGNATURE_TEXT,   /**< patterns over runs of text */
	HC_SIGNATURE_BYTES,  /**< patterns over the chunk */
	HC_SIGNATURE_CODE,   /**< a check that is part of the program (checks.h) */
	HC_SIGNATURE_SECRET, /**< patterns over text that is about to be shown; no class */
};

/** "text", "bytes", "code" or "secret". */
const char *hc_signature_kind_name(enum hc_signature_kind kind);

/**
 * What normalising replaces in the value of an attribute, so that values that differ by it count
 * as one.
 */
enum hc_normalise {
	HC_NORMALISE_DIGITS = 1, /**< a run of decimal digits by N */
	HC_NORMALISE_HEX =
		2, /**< a word of at least eight hexadecimal digits, one of them decimal, by H */
	HC_NORMALISE_UUID = 4,  /**< a UUID by U */
	HC_NORMALISE_LOWER = 8, /**< upper case by lower case */
};

/** Something named within the content of a class: a named group of its patterns. */
struct hc_attribute {
	const char *name;
	unsigned normalise; /**< bits of hc_normalise */
};

/** Bytes with which a signature is tested. */
struct hc_example {
	struct hc_bytes bytes;
	bool positive; /**< must be accepted, else must not be */
	unsigned line; /**< in the file */
};

struct hc_class {
	const char *name;        /**< "http-request": for --class, JSON, CSV */
	const char *title;       /**< "HTTP request": for people */
	const char *description; /**< one sentence: what is accepted */
	bool textual;            /**< a sample is shown as text, else as words or hex */
	enum hc_signature_kind kind;
	int priority;     /**< the highest is tried first */
	const char *path; /**< the file that it is from; "built-in" */
	const struct hc_attribute *attributes;
	size_t num_attributes;
	const struct hc_example *examples;
	size_t num_examples;
};

struct hc_signatures;

/**
 * The built-in set, and what files add to it.
 *
 * @param paths files, or directories whose *.ini files are taken in the order of their names
 * @return @ref HC_ERROR_ARGUMENT with file, line or section, and what is wrong there
 */
struct hc_error *hc_signatures_create(const char *const *paths, size_t num,
				      struct hc_signatures **ret);
/**
 * The same from one text, without the built-in set: for tests. @param path what messages call it
 */
struct hc_error *hc_signatures_parse(const char *path, struct hc_bytes text,
				     struct hc_signatures **ret);
void hc_signatures_destroy(struct hc_signatures *signatures);

/** The text of the built-in file. */
struct hc_bytes hc_signatures_builtin(void);

size_t hc_signatures_num_classes(const struct hc_signatures *signatures);

/** @param id less than hc_signatures_num_classes() */
const struct hc_class *hc_signatures_class(const struct hc_signatures *signatures, hc_class_id id);

/** The class of a name, or @ref HC_CLASS_NONE. */
hc_class_id hc_signatures_find(const struct hc_signatures *signatures, const char *name);

/** Secrets, of which only name, title, description, path and examples are set. */
size_t hc_signatures_num_secrets(const struct hc_signatures *signatures);
const struct hc_class *hc_signatures_secret(const struct hc_signatures *signatures, size_t i);

/** Whether of two classes that accept the same bytes @p a is the answer. */
static inline bool hc_class_precedes(hc_class_id a, hc_class_id b)
{
	return a != HC_CLASS_OTHER && (b == HC_CLASS_OTHER || a < b);
}

#endif
