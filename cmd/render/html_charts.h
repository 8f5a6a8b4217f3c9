/**
 * @file
 * Charts of pages, as SVG in the page: what they show stands there before any script runs, and on
 * paper.
 *
 * Colours are the ten of html/page.css. Each chart has a name for who can't see it; figures that a
 * table beside it has as well are left to the table.
 */
#ifndef HC_CMD_RENDER_HTML_CHARTS_H
#define HC_CMD_RENDER_HTML_CHARTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HC_HTML_COLORS 10

/** A part of a bar, or a kind in a legend. */
struct hc_html_part {
	const char *name;
	uint64_t bytes;
	unsigned color; /**< below HC_HTML_COLORS */
};

/** One bar of all parts, as wide as the page, with a legend. @param label what it shows */
void hc_html_bar(FILE *file, const char *label, const struct hc_html_part *parts, size_t num);

/** Names beside their colours. Parts without bytes are left out. */
void hc_html_legend(FILE *file, const struct hc_html_part *parts, size_t num);

/** A column of a strip: how much of its height each layer takes, from below. */
#define HC_HTML_LAYERS 5
struct hc_html_column {
	double layers[HC_HTML_LAYERS]; /**< shares; their sum is 1 at most */
};

/** What a strip is of; columns stand for equal numbers of bytes. */
struct hc_html_strip {
	const char *name;  /**< "arena 0" */
	const char *label; /**< for who can't see it: "arena 0: 1.2 GiB, 60 % in use" */
	const char *runs;  /**< "start:bytes …" hexadecimal: which addresses follow each other */
	uint64_t column_bytes;
	const struct hc_html_column *columns;
	size_t num_columns;
	unsigned colors[HC_HTML_LAYERS];
};

/** A strip that the script lets people enlarge, and tells addresses of. */
void hc_html_put_strip(FILE *file, const struct hc_html_strip *strip);

/** A box of a row of boxes. */
struct hc_html_box {
	const char *title; /**< shown where a pointer rests on it */
	double width;      /**< in any unit */
	double filled;     /**< share of its height */
	unsigned color;
};

/** Boxes side by side, each filled as far as it says. */
void hc_html_boxes(FILE *file, const char *label, const struct hc_html_box *boxes, size_t num);

#endif
