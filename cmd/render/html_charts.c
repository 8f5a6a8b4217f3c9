/**
 * @file
 * Charts of pages; see html_charts.h.
 */
#include <inttypes.h>

#include "cmd/render/html.h"
#include "cmd/render/html_charts.h"
#include "cmd/render/units.h"

#define BAR_WIDTH 1000

static uint64_t sum(const struct hc_html_part *parts, size_t num)
{
	uint64_t ret = 0;

	for (size_t i = 0; i < num; i++)
		ret += parts[i].bytes;
	return ret;
}

/** "in use, lost: 18.3 MiB, 98 %" as a title that shows where a pointer rests. */
static void put_title(FILE *file, const struct hc_html_part *part, uint64_t total)
{
	fputs("<title>", file);
	hc_html_print(file, "%s: %s, %s", part->name, hc_unit_bytes(part->bytes).text,
		      hc_unit_share(hc_share(part->bytes, total)).text);
	fputs("</title>", file);
}

static void begin(FILE *file, const char *class_name, const char *label, double width,
		  unsigned height)
{
	fprintf(file,
		"<svg class=\"%s\" viewBox=\"0 0 %.6g %u\" preserveAspectRatio=\"none\" "
		"role=\"img\" aria-label=\"",
		class_name, width, height);
	hc_html_put(file, label);
	fputs("\">", file);
}

void hc_html_legend(FILE *file, const struct hc_html_part *parts, size_t num)
{
	fputs("<ul class=\"legend\">", file);
	for (size_t i = 0; i < num; i++) {
		if (!parts[i].bytes)
			continue;
		fprintf(file,
			"<li><svg class=\"key\" viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect "
			"class=\"k%u\" width=\"10\" height=\"10\"/></svg> ",
			parts[i].color);
		hc_html_put(file, parts[i].name);
		fprintf(file, " <span>%s</span></li>", hc_unit_bytes(parts[i].bytes).text);
	}
	fputs("</ul>\n", file);
}

void hc_html_bar(FILE *file, const char *label, const struct hc_html_part *parts, size_t num)
{
	uint64_t total = sum(parts, num);
	double at = 0;

	fputs("<figure>", file);
	begin(file, "stack", label, BAR_WIDTH, 10);
	for (size_t i = 0; i < num; i++) {
		double width = hc_share(parts[i].bytes, total) * BAR_WIDTH;

		if (!parts[i].bytes)
			continue;
		fprintf(file, "<rect class=\"k%u\" x=\"%.2f\" width=\"%.2f\" height=\"10\">",
			parts[i].color, at, width);
		put_title(file, &parts[i], total);
		fputs("</rect>", file);
		at += width;
	}
	fputs("</svg>\n", file);
	hc_html_legend(file, parts, num);
	fputs("</figure>\n", file);
}

/** @name Strips */
/**@{*/

#define STRIP_HEIGHT 40

/** Height of the layers up to one, in whole steps. */
static unsigned height_of(const struct hc_html_column *column, unsigned layer)
{
	double share = 0;

	for (unsigned i = 0; i <= layer; i++)
		share += column->layers[i];
	unsigned height = share * STRIP_HEIGHT + 0.5;
	return height < STRIP_HEIGHT ? height : STRIP_HEIGHT;
}

/** An area: columns of one height are one step of its outline. */
static void put_area(FILE *file, const struct hc_html_strip *strip, unsigned layer)
{
	unsigned height = 0;
	bool any = false;

	for (size_t i = 0; i < strip->num_columns; i++)
		any |= strip->columns[i].layers[layer] > 0;
	if (!any)
		return;
	fprintf(file, "<path class=\"k%u\" d=\"M0 %d", strip->colors[layer], STRIP_HEIGHT);
	for (size_t i = 0; i < strip->num_columns; i++) {
		unsigned next = height_of(&strip->columns[i], layer);

		if (next != height)
			fprintf(file, "H%zuV%u", i, STRIP_HEIGHT - next);
		height = next;
	}
	fprintf(file, "H%zuV%dZ\"/>", strip->num_columns, STRIP_HEIGHT);
}

void hc_html_put_strip(FILE *file, const struct hc_html_strip *strip)
{
	fputs("<figure class=\"strip\"><figcaption>", file);
	hc_html_put(file, strip->label);
	fprintf(file,
		"</figcaption><svg class=\"map\" viewBox=\"0 0 %zu %d\" "
		"preserveAspectRatio=\"none\" role=\"img\" data-cell=\"%" PRIu64 "\" data-runs=\"",
		strip->num_columns, STRIP_HEIGHT, strip->column_bytes);
	hc_html_put(file, strip->runs);
	fputs("\" aria-label=\"", file);
	hc_html_put(file, strip->label);
	fputs("\">", file);
	/* The upper layers first: the lower ones cover them. */
	for (unsigned layer = HC_HTML_LAYERS; layer--;)
		put_area(file, strip, layer);
	fputs("</svg></figure>\n", file);
}
/**@}*/

void hc_html_boxes(FILE *file, const char *label, const struct hc_html_box *boxes, size_t num)
{
	double total = 0, at = 0;

	for (size_t i = 0; i < num; i++)
		total += boxes[i].width;
	begin(file, "boxes", label, total > 0 ? total : 1, STRIP_HEIGHT);
	for (size_t i = 0; i < num; i++) {
		double filled = boxes[i].filled < 1 ? boxes[i].filled : 1;
		double height = filled * STRIP_HEIGHT;

		fprintf(file, "<g class=\"k%u\"><title>", boxes[i].color);
		hc_html_put(file, boxes[i].title);
		fprintf(file,
			"</title><rect class=\"pale\" x=\"%.4g\" width=\"%.4g\" height=\"%d\"/>",
			at, boxes[i].width, STRIP_HEIGHT);
		if (height > 0)
			fprintf(file,
				"<rect x=\"%.4g\" y=\"%.3g\" width=\"%.4g\" height=\"%.3g\"/>", at,
				STRIP_HEIGHT - height, boxes[i].width, height);
		fputs("</g>", file);
		at += boxes[i].width;
	}
	fputs("</svg>\n", file);
}
