/**
 * @file
 * Tables; see table.h.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/table.h"
#include "core/base/array.h"
#include "core/base/nearest.h"

void hc_table_init(struct hc_table *table, const struct hc_shape *shape, struct hc_pool *pool)
{
	*table = (struct hc_table){.shape = shape, .pool = pool, .limit = SIZE_MAX};
}

void hc_table_deinit(struct hc_table *table)
{
	free(table->cells);
	table->cells = NULL;
}

void hc_table_hide(struct hc_table *table, unsigned column)
{
	table->hidden |= UINT64_C(1) << column;
}

void hc_table_add_row(struct hc_table *table)
{
	size_t num_columns = table->shape->num_columns;

	if (table->pool->no_memory)
		return;
	if (hc_array_regrow(&table->cells, table->num_rows, &table->capacity,
			    num_columns * sizeof(*table->cells))) {
		table->pool->no_memory = true;
		return;
	}
	memset(table->cells + table->num_rows * num_columns, 0,
	       num_columns * sizeof(*table->cells));
	table->num_rows++;
}

void hc_table_cell(struct hc_table *table, unsigned column, struct hc_cell cell)
{
	if (table->pool->no_memory)
		return;
	if (cell.needs < hc_column_needs(&table->shape->columns[column]))
		cell.needs = hc_column_needs(&table->shape->columns[column]);
	table->cells[(table->num_rows - 1) * table->shape->num_columns + column] =
		hc_cell_copy(table->pool, &cell);
}

void hc_table_number(struct hc_table *table, unsigned column, uint64_t number)
{
	hc_table_cell(
		table, column,
		(struct hc_cell){.kind = table->shape->columns[column].kind, .number = number});
}

void hc_table_share(struct hc_table *table, unsigned column, double share)
{
	hc_table_cell(table, column, hc_cell_of_real(table->shape->columns[column].kind, share));
}

void hc_table_text(struct hc_table *table, unsigned column, const char *text)
{
	if (text)
		hc_table_cell(
			table, column,
			(struct hc_cell){.kind = table->shape->columns[column].kind, .text = text});
}

void hc_table_phrase(struct hc_table *table, unsigned column, const char *format,
		     const struct hc_cell *cells, size_t num_cells)
{
	hc_table_cell(table, column, hc_cell_phrase(table->pool, format, cells, num_cells));
}

/** @name Columns by name */
/**@{*/

static bool is_hidden(uint64_t hidden, unsigned column)
{
	return column < 64 && hidden & UINT64_C(1) << column;
}

/** Index of a column; that of the end when there is none. */
/** Whatever the address of its rows is called. */
static unsigned find_address(const struct hc_shape *shape, uint64_t hidden)
{
	unsigned i = 0;

	while (i < shape->num_columns &&
	       (is_hidden(hidden, i) || shape->columns[i].kind != HC_CELL_ADDRESS))
		i++;
	return i;
}

static unsigned find_column(const struct hc_shape *shape, uint64_t hidden, const char *name,
			    size_t len)
{
	unsigned i = 0;

	while (i < shape->num_columns &&
	       (is_hidden(hidden, i) || strncmp(shape->columns[i].name, name, len) ||
		shape->columns[i].name[len]))
		i++;
	if (i == shape->num_columns && len == strlen("address") && !strncmp(name, "address", len))
		return find_address(shape, hidden);
	return i;
}

static struct hc_error *unknown_column(const struct hc_shape *shape, uint64_t hidden,
				       const char *option, const char *name, size_t len)
{
	hc_cleanup_free char *list = NULL;
	const char *comma = "";
	size_t size;
	FILE *file = open_memstream(&list, &size);

	if (!file)
		return &hc_enomem;
	for (unsigned i = 0; i < shape->num_columns; i++) {
		if (is_hidden(hidden, i) || !*shape->columns[i].name)
			continue;
		fprintf(file, "%s%s", comma, shape->columns[i].name);
		comma = ", ";
	}
	if (fclose(file))
		return &hc_enomem;
	hc_cleanup_free char *typed = strndup(name, len < 100 ? len : 100);
	if (!typed)
		return &hc_enomem;
	struct hc_nearest nearest = hc_nearest_to(typed);
	for (unsigned i = 0; i < shape->num_columns; i++) {
		if (!is_hidden(hidden, i))
			hc_nearest_offer(&nearest, shape->columns[i].name);
	}
	if (nearest.word)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "%s: no column '%s' here; did you mean '%s'? There are %s",
				       option, typed, nearest.word, list);
	return hc_error_create(HC_ERROR_ARGUMENT, "%s: no column '%s' here; there are %s", option,
			       typed, list);
}

static bool is_default(const struct hc_column *column, enum hc_medium medium)
{
	unsigned without = HC_COLUMN_EXTRA;

	without |= medium == HC_MEDIUM_TEXT ? HC_COLUMN_DATA_ONLY : HC_COLUMN_TEXT_ONLY;
	without |= medium == HC_MEDIUM_CSV ? HC_COLUMN_NO_CSV : 0;
	return !(column->flags & without) &&
	       (medium == HC_MEDIUM_TEXT || column->kind != HC_CELL_BAR);
}

static void remove_column(struct hc_column_list *list, unsigned column)
{
	unsigned num = 0;

	for (unsigned i = 0; i < list->num; i++) {
		if (list->items[i] != column)
			list->items[num++] = list->items[i];
	}
	list->num = num;
}

/** One item of --columns: "name", "+name" or "-name". */
static struct hc_error *choose_one(const struct hc_shape *shape, uint64_t hidden, const char *item,
				   size_t len, struct hc_column_list *list)
{
	bool sign = *item == '+' || *item == '-';
	unsigned column = find_column(shape, hidden, item + sign, len - sign);

	if (column == shape->num_columns)
		return unknown_column(shape, hidden, "--columns", item + sign, len - sign);
	remove_column(list, column);
	if (*item != '-')
		list->items[list->num++] = column;
	return NULL;
}

struct hc_error *hc_choose_columns(const struct hc_shape *shape, uint64_t hidden,
				   const char *columns, enum hc_medium medium,
				   struct hc_column_list *ret)
{
	struct hc_error *err = NULL;

	ret->num = 0;
	if (!columns || medium == HC_MEDIUM_JSON || *columns == '+' || *columns == '-') {
		for (unsigned i = 0; i < shape->num_columns; i++) {
			if (!is_hidden(hidden, i) && is_default(&shape->columns[i], medium))
				ret->items[ret->num++] = i;
		}
	}
	if (!columns || medium == HC_MEDIUM_JSON)
		return NULL;
	for (const char *item = columns; !err; item++) {
		size_t len = strcspn(item, ",");
		err = choose_one(shape, hidden, item, len, ret);
		item += len;
		if (!*item)
			break;
	}
	return err;
}

bool hc_column_is_left(const struct hc_column *column)
{
	switch (column->kind) {
	case HC_CELL_TEXT:
	case HC_CELL_NAME:
	case HC_CELL_LIST:
	case HC_CELL_BAR:
	case HC_CELL_BOOL:
	case HC_CELL_CONTENT:
	case HC_CELL_PHRASE:
		return true;
	default:
		return column->flags & HC_COLUMN_LEFT;
	}
}

const char *hc_column_title(const struct hc_column *column, char buf[static 64])
{
	size_t i;

	if (*column->title || column->flags & HC_COLUMN_TEXT_ONLY || column->kind == HC_CELL_BAR)
		return column->title;
	for (i = 0; column->name[i] && i < 63; i++)
		buf[i] = column->name[i] == '_' ? ' ' : toupper((unsigned char)column->name[i]);
	buf[i] = '\0';
	return buf;
}
/**@}*/

/** @name Sorting */
/**@{*/

struct order {
	const struct hc_table *table;
	unsigned column;
	bool descending;
	enum hc_content content;
};

static int compare_bytes(struct hc_bytes a, struct hc_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int ret = size ? memcmp(a.data, b.data, size) : 0;

	return ret ? ret : a.size < b.size ? -1 : a.size > b.size;
}

/** Two known cells of one kind. */
static int compare_cells(const struct hc_cell *a, const struct hc_cell *b)
{
	switch (a->kind) {
	case HC_CELL_TEXT:
	case HC_CELL_NAME:
	case HC_CELL_LIST:
		return strcmp(a->text, b->text);
	case HC_CELL_SHARE:
	case HC_CELL_REAL:
	case HC_CELL_BAR:
		return a->real < b->real ? -1 : a->real > b->real;
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
		return (int64_t)a->number < (int64_t)b->number
			       ? -1
			       : (int64_t)a->number > (int64_t)b->number;
	case HC_CELL_CONTENT:
		return compare_bytes(a->excerpt->bytes, b->excerpt->bytes);
	case HC_CELL_PHRASE:
	case HC_CELL_UNKNOWN:
	case HC_CELL_TIMES:
		return 0;
	default:
		return a->number < b->number ? -1 : a->number > b->number;
	}
}

static int compare_rows(const void *x, const void *y, void *ctx)
{
	const struct order *order = ctx;
	size_t i = *(const size_t *)x, j = *(const size_t *)y;
	const struct hc_cell *a = hc_table_at(order->table, i, order->column);
	const struct hc_cell *b = hc_table_at(order->table, j, order->column);
	bool a_known = a->kind != HC_CELL_UNKNOWN && a->needs <= order->content;
	bool b_known = b->kind != HC_CELL_UNKNOWN && b->needs <= order->content;
	int ret = 0;

	if (a_known != b_known)
		return a_known ? -1 : 1;
	if (a_known && a->kind == b->kind)
		ret = compare_cells(a, b);
	if (ret)
		return (ret < 0) == order->descending ? 1 : -1;
	return i < j ? -1 : 1;
}

/** Texts and addresses begin with the least, numbers with the most. */
static bool descends(const struct hc_column *column)
{
	switch (column->kind) {
	case HC_CELL_COUNT:
	case HC_CELL_BYTES:
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
	case HC_CELL_SHARE:
	case HC_CELL_REAL:
	case HC_CELL_BAR:
		return !(column->flags & HC_COLUMN_ASCENDING);
	default:
		return false;
	}
}

static struct hc_error *parse_order(const struct hc_shape *shape, uint64_t hidden, const char *sort,
				    struct order *ret)
{
	size_t len = strcspn(sort, ":");

	ret->column = find_column(shape, hidden, sort, len);
	if (ret->column == shape->num_columns)
		return unknown_column(shape, hidden, "--sort", sort, len);
	ret->descending = descends(&shape->columns[ret->column]);
	if (!sort[len])
		return NULL;
	if (strcmp(sort + len, ":asc") && strcmp(sort + len, ":desc"))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--sort takes COLUMN, COLUMN:asc or COLUMN:desc, not "
				       "'%.100s'",
				       sort);
	ret->descending = !strcmp(sort + len, ":desc");
	return NULL;
}

struct hc_error *hc_shape_check(const struct hc_shape *shape, const struct hc_choice *choice)
{
	struct hc_column_list columns;
	struct order order;

	if (shape->more)
		return NULL;
	struct hc_error *err =
		hc_choose_columns(shape, 0, choice->columns, HC_MEDIUM_TEXT, &columns);

	return err || !choice->sort ? err : parse_order(shape, 0, choice->sort, &order);
}

struct hc_error *hc_table_sort(struct hc_table *table, const char *sort, enum hc_content content)
{
	struct order order = {.table = table, .content = content};
	struct hc_error *err = parse_order(table->shape, table->hidden, sort, &order);
	size_t num = table->num_rows, row_size = table->shape->num_columns * sizeof(struct hc_cell);

	if (err || !num)
		return err;
	hc_cleanup_free size_t *rows = reallocarray(NULL, num, sizeof(*rows));
	struct hc_cell *cells = reallocarray(NULL, table->capacity, row_size);
	if (!rows || !cells) {
		free(cells);
		return &hc_enomem;
	}
	for (size_t i = 0; i < num; i++)
		rows[i] = i;
	qsort_r(rows, num, sizeof(*rows), compare_rows, &order);
	for (size_t i = 0; i < num; i++)
		memcpy((char *)cells + i * row_size, hc_table_at(table, rows[i], 0), row_size);
	free(table->cells);
	table->cells = cells;
	return NULL;
}
/**@}*/
