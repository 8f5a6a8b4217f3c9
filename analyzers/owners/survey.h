/**
 * @file
 * A survey of owners: what probes work on. Private to analyzers/owners/.
 *
 * One pass over the headers of all pages that malloc does not own (pages.c) sorts addresses into
 * the kinds below, so that ten probes cost one reading. A probe takes the list of its kind,
 * validates it further, adds its owner, and claims ranges.
 */
#ifndef HC_ANALYZERS_OWNERS_SURVEY_H
#define HC_ANALYZERS_OWNERS_SURVEY_H

#include "analyzers/owners/owners.h"
#include "core/base/hash.h"

/** What the header of an aligned address looks like. */
enum hc_page_kind {
	HC_PAGE_PYTHON_4K,  /**< pool header of CPython before 3.10 */
	HC_PAGE_PYTHON_16K, /**< from 3.10 on */
	HC_PAGE_ZEND,       /**< chunk of Zend MM */
	HC_PAGE_RUBY_16K,   /**< heap page of Ruby */
	HC_PAGE_RUBY_64K,
	HC_PAGE_V8,  /**< page of V8 */
	HC_PAGE_APR, /**< node of an APR allocator */
	HC_NUM_PAGE_KINDS
};

struct hc_page_list {
	uint64_t *items; /**< addresses, ascending */
	size_t num;
};

struct hc_survey {
	struct hc_process *process;
	const struct hc_heap *heap; /**< or NULL */
	const struct hc_memory *memory;
	struct hc_page_list pages[HC_NUM_PAGE_KINDS];
	struct hc_owners owners;
};

/** Fill survey->pages, with process->jobs threads. */
struct hc_error *hc_survey_pages(struct hc_survey *survey);

/** Whether a mapping is anonymous memory that nobody has explained so far. */
bool hc_survey_open_mapping(const struct hc_mapping *mapping);

/**
 * Add an owner. The pointer is valid until the next call.
 *
 * @param evidence owned by the owner from here on; NULL is a lack of memory
 */
struct hc_error *hc_survey_add(struct hc_survey *survey, const char *name, const char *title,
			       char *evidence, struct hc_owner **ret);

/** Give [start, end) to the owner that was added last. */
struct hc_error *hc_survey_claim(struct hc_survey *survey, uint64_t start, uint64_t end);

/** A number of @p owner; at most HC_OWNER_MAX_COUNTS are kept. */
void hc_owner_count(struct hc_owner *owner, const char *name, uint64_t value);
void hc_owner_count_bytes(struct hc_owner *owner, const char *name, uint64_t value);

/** @name Types */
/**@{*/

/** Counts of objects by the address of their type, of a bounded number of types. */
struct hc_type_tally {
	struct hc_type_tally_slot {
		uint64_t type; /**< address */
		uint64_t objects, bytes;
		uint64_t known; /**< the probe's own: what it found out about the type */
	} * items;              /**< room for HC_TYPE_TALLY_MAX */
	uint32_t num;
	struct hc_hash table;
};

/** Types that are told apart. */
#define HC_TYPE_TALLY_MAX 65536

struct hc_error *hc_type_tally_init(struct hc_type_tally *tally);
void hc_type_tally_deinit(struct hc_type_tally *tally);

/** The slot of a type, a new one where there is none; NULL: the table is full, or type is 0. */
struct hc_type_tally_slot *hc_type_tally_slot(struct hc_type_tally *tally, uint64_t type,
					      bool *new_ret);

/** Name of a type: to be freed by the caller; NULL without memory or a name. */
typedef char *(*hc_type_name_fn)(const struct hc_memory *memory, uint64_t type);

/** Give the largest types to @p owner. */
struct hc_error *hc_type_tally_finish(const struct hc_survey *survey, struct hc_type_tally *tally,
				      hc_type_name_fn name, struct hc_owner *owner);

/** Printable text at @p address, up to a NUL or @p max bytes; NULL when it is none. */
char *hc_survey_text(const struct hc_memory *memory, uint64_t address, size_t max);
/**@}*/

/** @name Probes: the rows of the table */
/**@{*/
struct hc_error *hc_probe_python(struct hc_survey *survey);
struct hc_error *hc_probe_zend(struct hc_survey *survey);
struct hc_error *hc_probe_ruby(struct hc_survey *survey);
struct hc_error *hc_probe_v8(struct hc_survey *survey);
struct hc_error *hc_probe_go(struct hc_survey *survey);
struct hc_error *hc_probe_hotspot(struct hc_survey *survey);
struct hc_error *hc_probe_apr(struct hc_survey *survey);
struct hc_error *hc_probe_linker(struct hc_survey *survey);
struct hc_error *hc_probe_files(struct hc_survey *survey);
struct hc_error *hc_probe_allocators(struct hc_survey *survey);
/**@}*/

#endif
