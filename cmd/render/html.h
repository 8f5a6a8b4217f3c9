/**
 * @file
 * Documents as HTML: one file that needs nothing else and asks nobody.
 *
 * A page carries its own style and script (cmd/render/html/), and a Content-Security-Policy that
 * allows these two by their hashes and nothing besides: no network, no frames, no other script, no
 * style attributes. It is whole without its script, which only sorts, filters and draws what stands
 * in a table as well.
 *
 * Everything that is not markup of this unit's own goes through hc_html_put(). What comes from a
 * core has been through the policy and through escape.h before (cell.h), so that here it is text
 * for people; whatever it is, hc_html_put() makes text of it that no parser takes for markup,
 * inside of an element as well as of an attribute in double quotes.
 */
#ifndef HC_CMD_RENDER_HTML_H
#define HC_CMD_RENDER_HTML_H

#include "cmd/render/render.h"

/**
 * Write text: &, <, >, " and ' as references; controls, what changes the direction of text, what is
 * no character, and bytes that are no UTF-8 as \xNN.
 */
void hc_html_put(FILE *file, const char *text);

/** The same by a format. */
void hc_html_print(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** A page, up to the beginning of its content. @param title of the window */
void hc_html_begin_page(FILE *file, const char *title);
/** Its end, with the script. */
void hc_html_end_page(FILE *file);

/** Columns of an excerpt that does not bound itself. */
#define HC_HTML_EXCERPT 100

/** How a document is to be written in a page. */
struct hc_html {
	const struct hc_view *view;
	size_t max_rows; /**< of each table; what is left out is said */
	unsigned level;  /**< of its headings: 3 below a section's <h2> */
	/** Draw something before a table; NULL: nothing is. @param file where to */
	void (*figure)(void *ctx, const struct hc_table *table, FILE *file);
	void *ctx;
};

/** Write a document to the output of its view. */
struct hc_error *hc_html_document(const struct hc_html *html, const struct hc_document *doc);

/** How it is to look in HTML, whatever the reader's terminal: UTF-8 always, and no colours. */
struct hc_look hc_html_look(const struct hc_look *look);

#endif
