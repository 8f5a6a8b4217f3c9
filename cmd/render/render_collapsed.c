/**
 * @file
 * Stacks as lines, "outermost;next;innermost BYTES": what stackcollapse-*.pl of FlameGraph write,
 * and flamegraph.pl, speedscope, inferno and others read. Semicolons in names become \x3b.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/render/render.h"
#include "core/base/cleanup.h"

static void put_name(FILE *file, const char *name)
{
	for (; *name; name++) {
		if (*name == ';')
			fputs("\\x3b", file);
		else
			fputc(*name, file);
	}
}

static struct hc_error *write_stack(const struct hc_stacks *stacks, size_t frame,
				    const struct hc_view *view)
{
	size_t num = hc_stack_of(stacks, frame, NULL);
	hc_cleanup_free uint32_t *frames = calloc(num, sizeof(*frames));
	FILE *file = view->out->file;

	if (!frames)
		return &hc_enomem;
	hc_stack_of(stacks, frame, frames);
	for (size_t i = 0; i < num; i++) {
		hc_cleanup_free char *name = hc_stack_name(stacks, frames[i], &view->look);

		if (!name)
			return &hc_enomem;
		if (i)
			fputc(';', file);
		put_name(file, name);
	}
	fprintf(file, " %" PRIu64 "\n", stacks->items[frame].own.bytes);
	return NULL;
}

static struct hc_error *write_document(const struct hc_document *doc, const struct hc_view *view)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < doc->stacks.num; i++)
		if (doc->stacks.items[i].own.bytes)
			err = write_stack(&doc->stacks, i, view);
	return err;
}

const struct hc_renderer hc_collapsed_renderer = {
	.medium = HC_MEDIUM_JSON,
	.document = write_document,
	.rows_begin = hc_stacks_rows_begin,
	.row = hc_stacks_row,
	.rows_end = hc_stacks_rows_end,
};
