/**
 * @file
 * Tables and rows: columns that are chosen, order, headings.
 */
#include "tests/unit/render/render_view.h"

enum column { NAME, BYTES, COUNT, DATA, EXTRA, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[NAME] = {"name", "NAME", HC_CELL_NAME, 0, "a name"},
	[BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "bytes"},
	[COUNT] = {"count", "COUNT", HC_CELL_COUNT, HC_COLUMN_TEXT_ONLY, "a count"},
	[DATA] = {"data_only", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY, "for programs"},
	[EXTRA] = {"extra", "", HC_CELL_COUNT, HC_COLUMN_EXTRA | HC_COLUMN_ASCENDING,
		   "for who asks"},
};

static const struct hc_shape shape = {.key = "rows", HC_COLUMNS(columns)};

static struct hc_table *fill(struct hc_document *doc)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} rows[] = {{"b", 2048}, {"a", 4096}, {NULL, 0}, {"c", 2048}};

	hc_document_init(doc);
	struct hc_table *table = hc_add_table(doc, &shape);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hc_table_add_row(table);
		hc_table_text(table, NAME, rows[i].name);
		if (rows[i].name)
			hc_table_number(table, BYTES, rows[i].bytes);
		hc_table_number(table, COUNT, i);
		hc_table_number(table, DATA, 10 + i);
		hc_table_number(table, EXTRA, 100 - i);
	}
	return table;
}

/** Render the table; the caller frees what it gets. */
static char *render(const struct hc_renderer *renderer, const char *choose, const char *sort,
		    bool no_headings)
{
	hc_cleanup_document struct hc_document doc;
	struct screen screen;

	screen_init(&screen, HC_CONTENT_NONE);
	fill(&doc);
	screen.view.choice = (struct hc_choice){choose, sort, no_headings};
	assert_ok(screen_render(&screen, renderer, &doc));
	char *ret = strdup(screen_text(&screen));
	screen_deinit(&screen);
	return ret;
}

#define assert_renders(expected, ...)                                                              \
	do {                                                                                       \
		char *rendered_ = render(__VA_ARGS__);                                             \
		assert_string_equal(rendered_, expected);                                          \
		free(rendered_);                                                                   \
	} while (0)

static void test_columns(void **state)
{
	(void)state;
	assert_renders("name,bytes,data_only\nb,2048,10\na,4096,11\n,,12\nc,2048,13\n",
		       &hc_csv_renderer, NULL, NULL, false);
	assert_renders("extra,name\n100,b\n99,a\n98,\n97,c\n", &hc_csv_renderer, "extra,name", NULL,
		       false);
	assert_renders("bytes,data_only,count\n2048,10,0\n4096,11,1\n,12,2\n2048,13,3\n",
		       &hc_csv_renderer, "-name,+count", NULL, false);
	assert_renders(
		"NAME DATA ONLY\nb           10\na           11\n-           12\nc           13\n",
		&hc_text_renderer, "name,data_only", NULL, false);
	assert_renders("b\na\n-\nc\n", &hc_text_renderer, "name", NULL, true);
}

static void test_sort(void **state)
{
	(void)state;
	/* Numbers begin with the most, equal ones stay, unknown ones come last. */
	assert_renders("a\nb\nc\n\n", &hc_csv_renderer, "name", "bytes", true);
	assert_renders("b\nc\na\n\n", &hc_csv_renderer, "name", "bytes:asc", true);
	assert_renders("a\nb\nc\n\n", &hc_csv_renderer, "name", "name", true);
	assert_renders("c\nb\na\n\n", &hc_csv_renderer, "name", "name:desc", true);
	assert_renders("97\n98\n99\n100\n", &hc_csv_renderer, "extra", "extra", true);
}

static void test_limit(void **state)
{
	hc_cleanup_document struct hc_document doc;
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_NONE);
	fill(&doc)->limit = 1;
	screen.view.choice = (struct hc_choice){.columns = "name", .sort = "bytes"};
	assert_ok(screen_render(&screen, &hc_csv_renderer, &doc));
	assert_string_equal(screen_text(&screen), "name\na\n");
	screen_deinit(&screen);
}

static void test_errors(void **state)
{
	hc_cleanup_document struct hc_document doc;
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_NONE);
	hc_table_hide(fill(&doc), COUNT);
	screen.view.choice.columns = "name,nonsense";
	assert_fails(
		screen_render(&screen, &hc_text_renderer, &doc), HC_ERROR_ARGUMENT,
		"--columns: no column 'nonsense' here; there are name, bytes, data_only, extra");
	screen.view.choice.columns = "";
	assert_fails(screen_render(&screen, &hc_text_renderer, &doc), HC_ERROR_ARGUMENT, "''");
	screen.view.choice.columns = "count";
	assert_fails(screen_render(&screen, &hc_text_renderer, &doc), HC_ERROR_ARGUMENT, "'count'");
	screen.view.choice = (struct hc_choice){.sort = "nonsense:asc"};
	assert_fails(screen_render(&screen, &hc_text_renderer, &doc), HC_ERROR_ARGUMENT,
		     "--sort: no column 'nonsense'");
	screen.view.choice.sort = "bytes:up";
	assert_fails(screen_render(&screen, &hc_text_renderer, &doc), HC_ERROR_ARGUMENT,
		     "bytes:up");
	assert_string_equal(screen_text(&screen), "");
	screen_deinit(&screen);
}

/** @name Rows */
/**@{*/

static const struct hc_column stream_columns[] = {
	{"address", "ADDRESS", HC_CELL_ADDRESS, 0, "where", 10},
	{"size", "SIZE", HC_CELL_COUNT, 0, "how much", 6},
	{"state", "STATE", HC_CELL_TEXT, 0, "which", 7},
	{"arena", "ARENA", HC_CELL_ARENA, 0, "whose", 5},
	{"name", "NAME", HC_CELL_NAME, 0, "what"},
};

static const struct hc_shape stream_shape = {HC_COLUMNS(stream_columns)};

static void write_rows(struct screen *screen, const struct hc_renderer *renderer, size_t num)
{
	hc_cleanup_document struct hc_document head, foot;
	struct hc_rows rows = {0};

	hc_document_init(&head);
	hc_fact(&head, "head", NULL, hc_cell_bool(true));
	hc_document_init(&foot);
	hc_fact(&foot, "rows", NULL, hc_cell_count(num));
	HC_LINE(&foot, "{} row{}", hc_cell_count(num), hc_cell_plural(num));
	assert_ok(screen_rows(screen, renderer, &rows, &stream_shape, &head));
	for (size_t i = 0; i < num; i++) {
		const struct hc_cell cells[] = {
			hc_cell_address(0x1000 + i),
			hc_cell_count(UINT64_MAX >> i),
			hc_cell_text(i % 2 ? "free" : "in-use"),
			hc_cell_arena(i % 2 ? HC_ARENA_MMAP : i),
			hc_cell_name(i % 2 ? "x,\"y\"" : NULL),
		};
		assert_true(hc_rows_add(&rows, cells));
	}
	assert_ok(hc_rows_end(&rows, &foot));
}

static void test_rows(void **state)
{
	static const char *const expected[HC_NUM_FORMATS] = {
		[HC_FORMAT_TEXT] = "   ADDRESS   SIZE  STATE   ARENA  NAME\n"
				   "    0x1000 18446744073709551615  in-use      0  -\n"
				   "    0x1001 9223372036854775807  free     mmap  x,\"y\"\n"
				   "2 rows\n",
		[HC_FORMAT_JSON] =
			"{\"head\":true}\n"
			"{\"address\":\"0x1000\",\"size\":9223372036854775807,\"state\":\"in-use\","
			"\"arena\":0}\n"
			"{\"address\":\"0x1001\",\"size\":9223372036854775807,\"state\":\"free\","
			"\"arena\":\"mmap\",\"name\":\"x,\\\"y\\\"\"}\n"
			"{\"rows\":2}\n",
		[HC_FORMAT_CSV] = "address,size,state,arena,name\n"
				  "0x1000,18446744073709551615,in-use,0,\n"
				  "0x1001,9223372036854775807,free,mmap,\"x,\"\"y\"\"\"\n",
		[HC_FORMAT_MARKDOWN] =
			"\n| ADDRESS | SIZE | STATE | ARENA | NAME |\n|--:|--:|---|--:|---|\n"
			"| 0x1000 | 18,446,744,073,709,551,615 | in-use | 0 | - |\n"
			"| 0x1001 | 9,223,372,036,854,775,807 | free | mmap | `x,\"y\"` |\n"
			"\n    2 rows\n",
	};

	(void)state;
	for (enum hc_format i = 0; i < HC_NUM_FORMATS; i++) {
		struct screen screen;

		if (!expected[i]) {
			/* As text, as a page (test_html_rows()), or not at all. */
			assert_true(i >= HC_FORMAT_HEX);
			continue;
		}

		screen_init(&screen, HC_CONTENT_NONE);
		write_rows(&screen, hc_formats[i].renderer, 2);
		assert_string_equal(screen_text(&screen), expected[i]);
		screen_deinit(&screen);
	}
}

/** The same as a page: rows of its one table. */
static void test_html_rows(void **state)
{
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_NONE);
	write_rows(&screen, &hc_html_renderer, 2);
	const char *page = screen_text(&screen);
	assert_non_null(
		strstr(page, "<tbody>\n<tr><td class=\"n\" data-v=\"4096\"><code>0x1000</code></td>"
			     "<td class=\"n\" data-v=\"18446744073709551615\">"
			     "18,446,744,073,709,551,615</td><td>in-use</td><td class=\"n\">0</td>"
			     "<td>-</td></tr>\n"));
	assert_non_null(strstr(page, "<td><code>x,&quot;y&quot;</code></td></tr>\n</tbody>"));
	assert_non_null(strstr(page, "2 rows"));
	assert_string_equal(page + strlen(page) - 8, "</html>\n");
	screen_deinit(&screen);
}

/** Longer than the buffer in all, and one name that is longer by itself. */
static void test_long_rows(void **state)
{
	enum { SIZE = HC_ROWS_BUFFER + 100 };
	hc_cleanup_document struct hc_document doc;
	struct hc_rows rows = {0};
	struct screen screen;
	char *name = malloc(SIZE + 1);

	(void)state;
	memset(name, 'n', SIZE);
	name[SIZE] = '\0';
	screen_init(&screen, HC_CONTENT_NONE);
	hc_document_init(&doc);
	assert_ok(screen_rows(&screen, &hc_csv_renderer, &rows, &stream_shape, &doc));
	for (size_t i = 0; i < 20000; i++) {
		const struct hc_cell cells[5] = {hc_cell_address(i), hc_cell_count(i)};
		assert_true(hc_rows_add(&rows, cells));
	}
	const struct hc_cell cells[5] = {[4] = hc_cell_name(name)};
	assert_true(hc_rows_add(&rows, cells));
	assert_ok(hc_rows_end(&rows, &doc));
	const char *line = screen_text(&screen);
	assert_int_equal(strncmp(line, "address,size,state,arena,name\n", 30), 0);
	line += 30;
	for (size_t i = 0; i < 20000; i++) {
		char expected[64];
		int len = sprintf(expected, "0x%zx,%zu,,,\n", i, i);
		assert_int_equal(strncmp(line, expected, len), 0);
		line += len;
	}
	assert_int_equal(strlen(line), 4 + SIZE + 1);
	screen_deinit(&screen);
	free(name);
}

static void test_rows_choice(void **state)
{
	hc_cleanup_document struct hc_document doc;
	struct hc_rows rows = {0};
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_NONE);
	hc_document_init(&doc);
	screen.view.choice.sort = "size";
	assert_fails(screen_rows(&screen, &hc_csv_renderer, &rows, &stream_shape, &doc),
		     HC_ERROR_ARGUMENT, "--sort");
	screen.view.choice = (struct hc_choice){.columns = "size,address", .no_headings = true};
	write_rows(&screen, &hc_csv_renderer, 1);
	assert_string_equal(screen_text(&screen), "18446744073709551615,0x1000\n");
	screen_deinit(&screen);
}
/**@}*/

/** A cell that is cut loses its colors whole; one that fits keeps them. */
static void test_cut_colors(void **state)
{
	static const struct hc_column content[] = {
		{"content", "CONTENT", HC_CELL_CONTENT, HC_COLUMN_SHRINK, "bytes"}};
	static const struct hc_shape narrow = {.key = "rows", HC_COLUMNS(content)};
	static const char bytes[] = "0123456789 needle 0123456789 0123456789";
	struct hc_excerpt excerpt = {.bytes = bytes_of(bytes),
				     .asked = {(const uint8_t *)bytes + 11, 6},
				     .emphasis = true};

	(void)state;
	for (unsigned width = 20; width <= 80; width++) {
		hc_cleanup_document struct hc_document doc;
		struct screen screen;

		screen_init(&screen, HC_CONTENT_FULL);
		screen.out.width = width;
		screen.out.color = screen.view.look.color = true;
		screen.out.utf8 = screen.view.look.utf8 = false;
		hc_document_init(&doc);
		struct hc_table *table = hc_add_table(&doc, &narrow);
		hc_table_add_row(table);
		hc_table_cell(table, 0, hc_cell_content(&excerpt));
		assert_ok(screen_render(&screen, &hc_text_renderer, &doc));
		const char *text = strchr(screen_text(&screen), '\n');
		const char *first = text ? strchr(text, 033) : NULL;
		bool whole = first && strncmp(first, "\033[1;31mneedle\033[0m", 17) == 0 &&
			     !strchr(first + 17, 033);
		assert_true(!first || whole);
		assert_true(first || width < 80);
		screen_deinit(&screen);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),     cmocka_unit_test(test_sort),
		cmocka_unit_test(test_limit),       cmocka_unit_test(test_errors),
		cmocka_unit_test(test_rows),        cmocka_unit_test(test_long_rows),
		cmocka_unit_test(test_rows_choice), cmocka_unit_test(test_html_rows),
		cmocka_unit_test(test_cut_colors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
