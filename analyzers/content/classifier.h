/**
 * @file
 * Content classes: what the bytes of a chunk look like.
 *
 * A chunk has exactly one class: the first in the order of the signatures (signatures.h) that
 * accepts it. Textual classes look at the runs of text that begin in the first 64 bytes of the
 * chunk (structure.h), since text often stands behind a struct or a length; most of them are PCRE2
 * patterns. Structural ones (pointers only, all zero, random…) are functions over the bytes.
 * Precision goes before recall: a class that analyze names as what a leak holds must be right. Only
 * the first HC_CLASSIFY_WINDOW bytes of a chunk are looked at, except for "all zero", which looks
 * at all.
 *
 * The bytes that malloc's free lists overwrote (the first two words of a chunk that was free
 * before) may be stale; a class must not depend on bytes beyond the program's own data being clean,
 * since chunk slack and reused chunks carry old content.
 */
#ifndef HC_ANALYZERS_CONTENT_CLASSIFIER_H
#define HC_ANALYZERS_CONTENT_CLASSIFIER_H

#include "analyzers/content/signatures.h"
#include "analyzers/pattern/literal_set.h"
#include "core/heap/heap.h"

#define HC_CLASSIFY_WINDOW 4096

/**
 * Signatures at work on one process: a pointer is one only where something is mapped. Shared by all
 * threads, and made once for all analyzers of a run.
 */
struct hc_classifier;
/**
 * @param signatures must outlive it
 * @param engine     how their literals are looked for; what is recognised does not depend on it
 * @return @ref HC_ERROR_ARGUMENT for an engine that is not there
 */
struct hc_error *hc_classifier_create(const struct hc_process *process, const struct hc_heap *heap,
				      const struct hc_signatures *signatures,
				      enum hc_literal_engine engine, struct hc_classifier **ret);
void hc_classifier_destroy(struct hc_classifier *classifier);

const struct hc_signatures *hc_classifier_signatures(const struct hc_classifier *classifier);

/** How it looks for literals, for people: "literals", or "libhs 5.4.9". */
const char *hc_classifier_prefilter(const struct hc_classifier *classifier);

/** Shorthand: the class of an index. */
const struct hc_class *hc_class_of(const struct hc_classifier *classifier, hc_class_id class_id);

/** Per-thread scratch (match data). */
struct hc_classifier_scratch;
struct hc_error *hc_classifier_scratch_create(const struct hc_classifier *classifier,
					      struct hc_classifier_scratch **ret);
void hc_classifier_scratch_destroy(struct hc_classifier_scratch *scratch);

/** Class of some bytes (for a chunk: its usable bytes). */
hc_class_id hc_classify(const struct hc_classifier *classifier,
			struct hc_classifier_scratch *scratch, struct hc_bytes bytes);

/**
 * The text that stands for a chunk of @p class_id in reports: where the recognised content starts
 * and how long it is. For a binary class, the whole chunk.
 */
struct hc_bytes hc_class_sample(const struct hc_classifier *classifier,
				struct hc_classifier_scratch *scratch, hc_class_id class_id,
				struct hc_bytes bytes);

/**
 * The class of some bytes and the values of its attributes.
 *
 * @param[out] values by index into hc_class::attributes; without data: it has none. They point into
 * @p bytes
 */
hc_class_id hc_class_values(const struct hc_classifier *classifier,
			    struct hc_classifier_scratch *scratch, struct hc_bytes bytes,
			    struct hc_bytes values[HC_MAX_ATTRIBUTES]);

#endif
