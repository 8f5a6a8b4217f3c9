/**
 * @file
 * What a report is made of, and what it draws: behind the verb's file.
 *
 * A report is a list of sections, each a document and maybe a map of the heap. They come from verbs
 * that are run on a core, or from a file: what `report --format json` wrote, or the document of
 * some other verb as JSON, which has no sentences and is shown as the facts and tables that it has.
 */
#ifndef HC_CMD_VERBS_REPORT_H
#define HC_CMD_VERBS_REPORT_H

#include "analyzers/counts/heap_map.h"
#include "cmd/render/json.h"
#include "cmd/session.h"
#include "core/process/input.h"

/** How much goes into a report; the bounds are of default, other levels have a part or more. */
enum hc_detail { HC_DETAIL_MINIMAL, HC_DETAIL_DEFAULT, HC_DETAIL_MAX, HC_NUM_DETAILS };

/** A section. */
struct hc_report_section {
	const char *id, *title;
	const char *command; /**< that says the same and takes further questions */
	struct hc_document *doc;
	struct hc_heap_map *map; /**< or NULL */
};

/** @name Figures: report_figures.c */
/**@{*/

/** Draw what a table of some verb shows, if it is one of those that are drawn. */
void hc_report_draw_table(const struct hc_table *table, FILE *file);

/** Who holds what, step by step, as a flame graph; nothing without stacks. */
struct hc_error *hc_report_draw_stacks(const struct hc_stacks *stacks, const struct hc_look *look,
				       FILE *file);

/** A map of the heap, as detailed as the report. */
struct hc_error *hc_report_find_map(struct hc_session *session, enum hc_detail detail,
				    struct hc_heap_map *ret);

/** Draw the heap: a strip for each arena, in use, lost and free. */
struct hc_error *hc_report_draw_map(const struct hc_heap_map *map, FILE *file);
/**@}*/

/** @name Saved reports: report_saved.c */
/**@{*/

/** Bytes of one, at most, unpacked: those of the largest kind have some MB. */
#define HC_MAX_SAVED_REPORT (32u << 20)

/** Version of the schema of a saved report. */
#define HC_REPORT_VERSION 1

/** A section as JSON. @param max_rows of each table @param[out] ret new reference */
struct hc_error *hc_report_section_json(const struct hc_report_section *section,
					const struct hc_view *view, size_t max_rows, json_t **ret);

/** What a file holds; texts are those of @ref root, and safe to show. */
struct hc_saved_report {
	struct hc_document texts; /**< its pool has them */
	json_t *root;
	const char *core;    /**< path of the core, as it was given then */
	const char *version; /**< of the heapcore that wrote it; NULL: not told */
	const char *verb;    /**< that wrote it */
	bool is_report;      /**< else it is the document of another verb */
	bool told_content;   /**< whether it says how much of the heap's content it may hold */
	enum hc_content content;
	size_t num_sections;
};

/** Whether an input may be a saved report: it begins as JSON does. */
bool hc_saved_report_is(const struct hc_input_file *input);

/**
 * Read and check.
 *
 * @param ret zeroed; to be deinitialised, also after an error
 * @return @ref HC_ERROR_FORMAT: no JSON, cut short, too large, not of heapcore, of a newer one
 */
struct hc_error *hc_saved_report_open(const struct hc_input_file *input,
				      struct hc_saved_report *ret);
void hc_saved_report_deinit(struct hc_saved_report *saved);

/**
 * Read a section.
 *
 * @param ret its document is initialised and empty, and so is its map, which is NULL afterwards
 *            when there is none; its texts are in the document
 */
struct hc_error *hc_saved_report_section(const struct hc_saved_report *saved, size_t index,
					 struct hc_report_section *ret);
/**@}*/

#endif
