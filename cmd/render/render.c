/**
 * @file
 * What all renderers have in common; see render.h.
 */
#include "cmd/render/render.h"

const struct hc_format_row hc_formats[HC_NUM_FORMATS] = {
	[HC_FORMAT_TEXT] = {"text", &hc_text_renderer},
	[HC_FORMAT_JSON] = {"json", &hc_json_renderer},
	[HC_FORMAT_CSV] = {"csv", &hc_csv_renderer},
	[HC_FORMAT_MARKDOWN] = {"markdown", &hc_markdown_renderer},
	[HC_FORMAT_HEX] = {"hex", &hc_text_renderer},
	[HC_FORMAT_SQLITE] = {"sqlite", &hc_text_renderer},
	[HC_FORMAT_JSONL] = {"jsonl", &hc_text_renderer},
	[HC_FORMAT_COLLAPSED] = {"collapsed", &hc_collapsed_renderer},
	[HC_FORMAT_PPROF] = {"pprof", &hc_pprof_renderer},
	[HC_FORMAT_HTML] = {"html", &hc_html_renderer},
};

/** The table that the user's choice is about. */
static const struct hc_table *chosen(const struct hc_document *doc, enum hc_medium medium)
{
	return medium == HC_MEDIUM_TEXT ? doc->text_main : doc->main;
}

struct hc_error *hc_document_columns(const struct hc_document *doc, const struct hc_table *table,
				     const struct hc_view *view, enum hc_medium medium,
				     struct hc_column_list *ret)
{
	const struct hc_table *main = chosen(doc, medium);
	const char *columns = main && table->shape == main->shape ? view->choice.columns : NULL;

	return hc_choose_columns(table->shape, table->hidden, columns, medium, ret);
}

/** Tables of one shape have one order. */
static struct hc_error *sort_tables(const struct hc_node *node, const struct hc_shape *shape,
				    const struct hc_view *view)
{
	struct hc_error *err = NULL;

	for (const struct hc_node *child = node->first; child && !err; child = child->next) {
		if (child->table && child->table->shape == shape)
			err = hc_table_sort(child->table, view->choice.sort,
					    view->look.policy.content);
		else
			err = sort_tables(child, shape, view);
	}
	return err;
}

struct hc_error *hc_render(struct hc_document *doc, const struct hc_view *view)
{
	const struct hc_renderer *renderer = view->renderer;
	const struct hc_table *main = chosen(doc, renderer->medium);
	struct hc_column_list columns;
	struct hc_error *err = NULL;

	if (doc->pool.no_memory)
		return &hc_enomem;
	if (main)
		err = hc_document_columns(doc, main, view, renderer->medium, &columns);
	if (!err && main && view->choice.sort)
		err = sort_tables(&doc->root, main->shape, view);
	return err ? err : renderer->document(doc, view);
}
