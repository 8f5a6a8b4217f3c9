/**
 * @file
 * Content classes: what the bytes of a chunk look like.
 *
 * A chunk has exactly one class: the first of hc_classes, in table order, that accepts it. Textual classes look at
 * the runs of text that begin in the first 64 bytes of the chunk (structure.h), since text often stands behind a
 * struct or a length; most of them are PCRE2 patterns. Structural ones (pointers only, all zero, random…) are
 * functions over the bytes. Precision goes before recall: a class that analyze names as what a leak holds must be
 * right. Only the first HC_CLASSIFY_WINDOW bytes of a chunk are looked at, except for "all
 * zero", which looks at all.
 *
 * The bytes that malloc's free lists overwrote (the first two words of a chunk that was free before) may be stale;
 * a class must not depend on bytes beyond the program's own data being clean, since chunk slack and reused chunks
 * carry old content.
 */
#ifndef HC_ANALYZERS_CLASSIFY_H
#define HC_ANALYZERS_CLASSIFY_H

#include "analyzers/histogram.h"

#define HC_CLASSIFY_WINDOW 4096

enum hc_class_id {
	HC_CLASS_ZERO,          /**< all zero */
	HC_CLASS_HTTP_REQUEST,
	HC_CLASS_HTTP_RESPONSE,
	HC_CLASS_REDIS_COMMAND, /**< RESP array of bulk strings, or an inline command */
	HC_CLASS_FORM_DATA,     /**< application/x-www-form-urlencoded: a=b&c=d */
	HC_CLASS_JSON,
	HC_CLASS_MARKUP,        /**< XML or HTML */
	HC_CLASS_SQL,
	HC_CLASS_KEY,           /**< Redis-like key: user:1234:cart */
	HC_CLASS_TEXT,          /**< printable ASCII */
	HC_CLASS_UTF8,
	HC_CLASS_POINTERS,      /**< words that are NULL or point into the process */
	HC_CLASS_SMALL_INTS,
	HC_CLASS_RANDOM,        /**< compressed, encrypted or random: high entropy */
	HC_CLASS_OTHER,
	HC_NUM_CLASSES
};

struct hc_class {
	const char *name;  /**< "http-request": for --class, JSON, CSV */
	const char *title; /**< "HTTP request": for people */
	const char *description; /**< one sentence: what is accepted */
	bool textual;      /**< a sample is shown as text, else as words or hex */
};

/** The table, in the order of precedence; index is hc_class_id. */
extern const struct hc_class hc_classes[HC_NUM_CLASSES];

/** Index of a class by name, or HC_NUM_CLASSES. */
enum hc_class_id hc_class_find(const char *name);

/** Compiled patterns, shared by all threads. */
struct hc_classifier;
struct hc_error *hc_classifier_create(const struct hc_process *process, const struct hc_heap *heap,
				      struct hc_classifier **ret);
void hc_classifier_destroy(struct hc_classifier *classifier);

/** Per-thread scratch (match data). */
struct hc_classifier_scratch;
struct hc_error *hc_classifier_scratch_create(const struct hc_classifier *classifier,
					      struct hc_classifier_scratch **ret);
void hc_classifier_scratch_destroy(struct hc_classifier_scratch *scratch);

/** Class of some bytes (for a chunk: its usable bytes). */
enum hc_class_id hc_classify(const struct hc_classifier *classifier,
			     struct hc_classifier_scratch *scratch, struct hc_bytes bytes);

/**
 * The text that stands for a chunk of @p class in reports: where the recognised content starts and how long it
 * is. For a binary class, the whole chunk.
 */
struct hc_bytes hc_class_sample(const struct hc_classifier *classifier,
				struct hc_classifier_scratch *scratch, enum hc_class_id class,
				struct hc_bytes bytes);

struct hc_class_count {
	struct hc_count all;
	struct hc_count leaked; /**< of these, definite or indirect */
	uint64_t sample;        /**< user address of the chunk with the lowest address; 0: none */
};

struct hc_class_table {
	struct hc_class_count classes[HC_NUM_CLASSES];
	struct hc_count total;
	bool has_leaked;
};

/** Count the classes of a selection (prepared; NULL: all in use), with process->jobs threads. */
struct hc_error *hc_classify_run(const struct hc_process *process, const struct hc_heap *heap,
				 const struct hc_selection *selection, struct hc_class_table *ret);

#endif
