/**
 * @file
 * Documents; see document.h.
 */
#include <string.h>

#include "cmd/render/document.h"
#include "core/base/array.h"

void hc_document_init(struct hc_document *doc)
{
	*doc = (struct hc_document){.root.kind = HC_NODE_OBJECT};
	doc->at = &doc->root;
}

static void deinit_tables(struct hc_node *node)
{
	for (struct hc_node *child = node->first; child; child = child->next) {
		if (child->table)
			hc_table_deinit(child->table);
		deinit_tables(child);
	}
}

void hc_document_deinit(struct hc_document *doc)
{
	deinit_tables(&doc->root);
	hc_stacks_deinit(&doc->stacks);
	hc_pool_deinit(&doc->pool);
}

static const char *copy(struct hc_document *doc, const char *text)
{
	return text ? hc_pool_copy(&doc->pool, text, strlen(text)) : NULL;
}

static struct hc_node *add_node(struct hc_document *doc, enum hc_node_kind kind, const char *key)
{
	struct hc_node *node = hc_pool_alloc(&doc->pool, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->key = copy(doc, key);
	node->parent = doc->at;
	if (doc->at->last)
		doc->at->last->next = node;
	else
		doc->at->first = node;
	doc->at->last = node;
	return node;
}

/** What a node that needs @p needs does need where it is: as much as what it is in. */
static enum hc_content needs_here(const struct hc_document *doc, enum hc_content needs)
{
	return needs > doc->at->needs ? needs : doc->at->needs;
}

static void begin(struct hc_document *doc, enum hc_node_kind kind, const char *key,
		  enum hc_content needs, enum hc_content until)
{
	struct hc_node *node = add_node(doc, kind, key);

	if (!node)
		return;
	node->needs = needs_here(doc, needs);
	node->until = until;
	doc->at = node;
}

void hc_begin_object(struct hc_document *doc, const char *key, enum hc_content needs)
{
	begin(doc, HC_NODE_OBJECT, key, needs, HC_CONTENT_FULL);
}

void hc_begin_array(struct hc_document *doc, const char *key, enum hc_content needs)
{
	begin(doc, HC_NODE_ARRAY, key, needs, HC_CONTENT_FULL);
}

void hc_begin_group(struct hc_document *doc, enum hc_content needs, enum hc_content until)
{
	begin(doc, HC_NODE_GROUP, NULL, needs, until);
}

void hc_end(struct hc_document *doc)
{
	/* Without memory, nodes that were never begun end, too. */
	if (doc->at->parent)
		doc->at = doc->at->parent;
}

static struct hc_node *add_fact(struct hc_document *doc, const char *key, const char *label,
				struct hc_cell cell)
{
	struct hc_node *node = add_node(doc, HC_NODE_FACT, key);

	if (!node)
		return NULL;
	node->label = copy(doc, label);
	node->cell = hc_cell_copy(&doc->pool, &cell);
	node->cell.needs = needs_here(doc, node->cell.needs);
	return node;
}

void hc_fact(struct hc_document *doc, const char *key, const char *label, struct hc_cell cell)
{
	add_fact(doc, key, label, cell);
}

void hc_optional(struct hc_document *doc, const char *key, struct hc_cell cell)
{
	struct hc_node *node = add_fact(doc, key, NULL, cell);

	if (node)
		node->optional = true;
}

void hc_count_fact(struct hc_document *doc, const char *key, enum hc_content needs, uint64_t chunks,
		   uint64_t bytes)
{
	hc_begin_object(doc, key, needs);
	hc_fact(doc, "chunks", NULL, hc_cell_count(chunks));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(bytes));
	hc_end(doc);
}

struct hc_cell hc_phrase(struct hc_document *doc, const char *format, const struct hc_cell *cells,
			 size_t num_cells)
{
	return hc_cell_phrase(&doc->pool, format, cells, num_cells);
}

struct hc_cell hc_phrase_join(struct hc_document *doc, struct hc_cell list, const char *separator,
			      struct hc_cell item)
{
	return list.kind == HC_CELL_UNKNOWN
		       ? item
		       : HC_PHRASE(doc, "{}{}{}", list, hc_cell_text(separator), item);
}

static struct hc_node *add_words(struct hc_document *doc, enum hc_node_kind kind,
				 const char *format, const struct hc_cell *cells, size_t num_cells)
{
	struct hc_node *node = add_node(doc, kind, NULL);

	if (node)
		node->cell = hc_cell_phrase(&doc->pool, format, cells, num_cells);
	return node;
}

void hc_say(struct hc_document *doc, struct hc_margin margin, const char *format,
	    const struct hc_cell *cells, size_t num_cells)
{
	struct hc_node *node = add_words(doc, HC_NODE_PARAGRAPH, format, cells, num_cells);

	if (!node)
		return;
	node->margin = margin;
	node->margin.first = copy(doc, margin.first);
}

void hc_line(struct hc_document *doc, const char *format, const struct hc_cell *cells,
	     size_t num_cells)
{
	add_words(doc, HC_NODE_LINE, format, cells, num_cells);
}

void hc_blank(struct hc_document *doc)
{
	hc_line(doc, "", NULL, 0);
}

void hc_break(struct hc_document *doc)
{
	doc->lines = true;
	add_node(doc, HC_NODE_BREAK, NULL);
}

void hc_heading(struct hc_document *doc, const char *format, const struct hc_cell *cells,
		size_t num_cells)
{
	add_words(doc, HC_NODE_HEADING, format, cells, num_cells);
}

void hc_hex_view(struct hc_document *doc, const struct hc_hex *hex)
{
	struct hc_node *node = add_node(doc, HC_NODE_HEX, NULL);

	if (!node)
		return;
	node->needs = HC_CONTENT_SAMPLE;
	node->hex = *hex;
	node->hex.more = copy(doc, hex->more);
}

static struct hc_table *add_table(struct hc_document *doc, const struct hc_shape *shape,
				  const char *key, const char *label)
{
	struct hc_node *node = add_node(doc, HC_NODE_TABLE, key);
	struct hc_table *table = hc_pool_alloc(&doc->pool, sizeof(*table));

	if (!node || !table) {
		hc_table_init(&doc->nowhere, shape, &doc->pool);
		return &doc->nowhere;
	}
	hc_table_init(table, shape, &doc->pool);
	table->needs = needs_here(doc, HC_CONTENT_NONE);
	node->table = table;
	node->label = label;
	if (!doc->main)
		doc->main = table;
	if (!doc->text_main && label)
		doc->text_main = table;
	return table;
}

struct hc_table *hc_add_table(struct hc_document *doc, const struct hc_shape *shape)
{
	return add_table(doc, shape, shape->key, "");
}

struct hc_table *hc_add_data_table(struct hc_document *doc, const struct hc_shape *shape)
{
	return add_table(doc, shape, shape->key, NULL);
}

struct hc_table *hc_add_text_table(struct hc_document *doc, const struct hc_shape *shape)
{
	return add_table(doc, shape, NULL, "");
}

static bool is_in_text(const struct hc_node *node, const struct hc_table *table)
{
	for (const struct hc_node *child = node->first; child; child = child->next) {
		if ((child->table == table && child->label) || is_in_text(child, table))
			return true;
	}
	return false;
}

void hc_document_main(struct hc_document *doc, struct hc_table *table)
{
	doc->main = table;
	if (doc->text_main && is_in_text(&doc->root, table))
		doc->text_main = table;
}

uint32_t hc_add_frame(struct hc_document *doc, uint32_t caller, struct hc_cell name,
		      struct hc_stack_value own)
{
	struct hc_stacks *stacks = &doc->stacks;

	if (stacks->num >= UINT32_MAX - 1 ||
	    hc_array_reserve(&stacks->items, stacks->num, sizeof(*stacks->items))) {
		doc->pool.no_memory = true;
		return 0;
	}
	stacks->items[stacks->num++] = (struct hc_stack_frame){
		.caller = caller,
		.name = hc_cell_copy(&doc->pool, &name),
		.own = own,
	};
	return stacks->num;
}
