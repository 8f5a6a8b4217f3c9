/**
 * @file
 * Documents: each renderer gets every kind of cell at each level of --content.
 */
#include "cmd/render/json.h"
#include "tests/unit/render/render_view.h"

/** A word that must not show below its level, and a secret that must not show below full. */
#define SECRET "hunter2hunter2"
static const char text[] = "CONTENTWORD password=" SECRET " x";

enum column { PLAIN, KIND, CONTENT, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[PLAIN] = {"plain", "PLAIN", HC_CELL_COUNT, 0, "a number"},
	[KIND] = {"class", "CLASS", HC_CELL_NAME, HC_COLUMN_CLASS, "a class"},
	[CONTENT] = {"content", "CONTENT", HC_CELL_CONTENT, 0, "bytes"},
};

static const struct hc_shape shape = {.key = "rows", HC_COLUMNS(columns)};

static struct hc_cell content_cell(struct hc_excerpt *excerpt, enum hc_excerpt_form form)
{
	*excerpt = (struct hc_excerpt){
		.bytes = bytes_of(text), .form = form, .data_form = form, .word_size = 8};
	return hc_cell_content(excerpt);
}

/** Every way in which something of the heap can be in a document. */
static void fill(struct hc_document *doc)
{
	struct hc_excerpt excerpt;
	struct hc_cell class = hc_cell_needs(HC_CONTENT_CLASS, hc_cell_term("CLASSWORD", NULL));
	struct hc_hex hex = {.address = 0x1000, .bytes = bytes_of(text)};

	hc_fact(doc, "class", "class", class);
	hc_fact(doc, "number", "number", hc_cell_needs(HC_CONTENT_CLASS, hc_cell_count(777000777)));
	for (enum hc_excerpt_form form = HC_EXCERPT_TEXT; form <= HC_EXCERPT_HEX; form++)
		hc_fact(doc, "bytes", "bytes", content_cell(&excerpt, form));
	HC_SAY(doc, "Sentence: {}, {}.", class, content_cell(&excerpt, HC_EXCERPT_QUOTED));
	HC_LINE(doc, "Line: {}", content_cell(&excerpt, HC_EXCERPT_TEXT));
	HC_HEADING(doc, "Heading {}", class);
	hc_hex_view(doc, &hex);
	hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_FULL);
	hc_fact(doc, "grouped", "grouped", hc_cell_name("CLASSWORD"));
	hc_end(doc);
	hc_begin_object(doc, "object", HC_CONTENT_SAMPLE);
	hc_fact(doc, "inner", "inner", hc_cell_name("CONTENTWORD"));
	hc_end(doc);
	hc_begin_array(doc, "array", HC_CONTENT_SAMPLE);
	hc_fact(doc, "", "item", hc_cell_name("CONTENTWORD"));
	hc_end(doc);
	struct hc_table *table = hc_add_table(doc, &shape);
	hc_table_add_row(table);
	hc_table_number(table, PLAIN, 12345);
	hc_table_cell(table, KIND, hc_cell_name("CLASSWORD"));
	hc_table_cell(table, CONTENT, content_cell(&excerpt, HC_EXCERPT_TEXT));
	hc_table_add_row(table);
	hc_table_phrase(table, CONTENT, "<{}>", HC_CELLS(content_cell(&excerpt, HC_EXCERPT_TEXT)));
}

/** The same content, however it is written. */
static bool shows(const char *output, const char *word)
{
	char hex[64] = "", pairs[64] = "";

	for (size_t i = 0; word[i]; i++) {
		sprintf(hex + 2 * i, "%02x", word[i]);
		if (i < 4)
			sprintf(pairs + strlen(pairs), "%s%02x",
				i % 2 ? ""
				: i   ? " "
				      : "",
				word[i]);
	}
	return strstr(output, word) || strstr(output, hex) || strstr(output, pairs);
}

static void test_content(void **state)
{
	(void)state;
	for (enum hc_format i = 0; i < HC_NUM_FORMATS; i++) {
		if (hc_format_is_of_stacks(i))
			continue; /* test_stacks() */
		for (enum hc_content content = HC_CONTENT_NONE; content <= HC_CONTENT_FULL;
		     content++) {
			hc_cleanup_document struct hc_document doc;
			struct screen screen;

			bool people = hc_format_is_for_people(i);

			screen_init(&screen, content);
			hc_document_init(&doc);
			fill(&doc);
			assert_ok(screen_render(&screen, hc_formats[i].renderer, &doc));
			const char *output = screen_text(&screen);
			assert_non_null(strstr(output, people ? "12,345" : "12345"));
			assert_int_equal(shows(output, "CLASSWORD"), content >= HC_CONTENT_CLASS);
			assert_int_equal(shows(output, "CONTENTWORD"),
					 content >= HC_CONTENT_SAMPLE);
			assert_int_equal(shows(output, SECRET), content >= HC_CONTENT_FULL);
			/* Facts have no place in CSV. */
			if (i != HC_FORMAT_CSV)
				assert_int_equal(strstr(output, people ? "777,000,777"
								       : "777000777") != NULL,
						 content >= HC_CONTENT_CLASS);
			screen_deinit(&screen);
		}
	}
}

/** The same for rows that are written as they come. */
static void test_rows_content(void **state)
{
	(void)state;
	for (enum hc_format i = 0; i < HC_NUM_FORMATS; i++) {
		if (hc_format_is_of_stacks(i))
			continue; /* test_stacks() */
		for (enum hc_content content = HC_CONTENT_NONE; content <= HC_CONTENT_FULL;
		     content++) {
			hc_cleanup_document struct hc_document doc;
			struct hc_cell cells[NUM_COLUMNS] = {hc_cell_count(12345)};
			struct hc_excerpt excerpt;
			struct hc_rows rows = {0};
			struct screen screen;

			screen_init(&screen, content);
			hc_document_init(&doc);
			cells[KIND] = hc_cell_text("CLASSWORD");
			cells[CONTENT] = content_cell(&excerpt, HC_EXCERPT_TEXT);
			assert_ok(
				screen_rows(&screen, hc_formats[i].renderer, &rows, &shape, &doc));
			assert_true(hc_rows_add(&rows, cells));
			assert_ok(hc_rows_end(&rows, &doc));
			const char *output = screen_text(&screen);
			/* Rows have plain numbers in text, which other programs read, too. */
			assert_true(strstr(output, "12345") || strstr(output, "12,345"));
			assert_int_equal(shows(output, "CLASSWORD"), content >= HC_CONTENT_CLASS);
			assert_int_equal(shows(output, "CONTENTWORD"),
					 content >= HC_CONTENT_SAMPLE);
			assert_int_equal(shows(output, SECRET), content >= HC_CONTENT_FULL);
			screen_deinit(&screen);
		}
	}
}

/** What the user has named shows, what is around it goes without secrets. */
static void test_asked(void **state)
{
	static const char line[] = "password=" SECRET " channel=7 token=" SECRET " end";
	const char *middle = strstr(line, "channel");
	struct hc_excerpt excerpt = {.bytes = bytes_of(line),
				     .asked = {(const uint8_t *)middle, 9}};
	struct hc_cell cell = hc_cell_content(&excerpt);
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_SAMPLE);
	char *shown = hc_cell_to_text(&screen.view.look, &cell, 0);
	assert_non_null(strstr(shown, "channel=7"));
	assert_null(strstr(shown, SECRET));
	free(shown);
	excerpt.asked = bytes_of(line);
	shown = hc_cell_to_data(&screen.view.look, &cell);
	assert_non_null(strstr(shown, SECRET));
	free(shown);
	excerpt.masks = true;
	shown = hc_cell_to_data(&screen.view.look, &cell);
	assert_null(strstr(shown, SECRET));
	free(shown);
	screen_deinit(&screen);
}

/** Names are data as they are, unless a terminal would act on them. */
static void test_names_as_data(void **state)
{
	static const struct {
		const char *name, *csv;
	} rows[] = {
		{"/srv/\xc3\xa4 b", "/srv/\xc3\xa4 b"},
		{"a\033[2J", "a\\x1b[2J"},
		{"a\xe2\x80\xae"
		 "b",
		 "a\\xe2\\x80\\xaeb"},
		{"a\xc2\x9b"
		 "b",
		 "a\\xc2\\x9bb"},
		{"a\xff", "a\\xff"},
	};
	struct hc_look look = {.policy.content = HC_CONTENT_FULL};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct hc_cell cell = hc_cell_name(rows[i].name);
		hc_cleanup_json json_t *json = hc_cell_to_json(&look, &cell);
		char *data = hc_cell_to_data(&look, &cell);
		assert_string_equal(data, rows[i].csv);
		/* JSON has an escape of its own for controls of ASCII. */
		assert_string_equal(json_string_value(json), i == 1 ? rows[i].name : rows[i].csv);
		free(data);
	}
}

/** What is no number is unknown, and ends no document. */
static void test_no_number(void **state)
{
	struct hc_look look = {.policy.content = HC_CONTENT_FULL};
	const struct hc_cell cells[] = {hc_cell_share(NAN), hc_cell_real(INFINITY)};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		hc_cleanup_json json_t *json = hc_cell_to_json(&look, &cells[i]);
		assert_true(json_is_null(json));
	}
}

/** Without somebody who knows secrets, bytes don't show. */
static void test_no_masker(void **state)
{
	struct hc_look look = {.policy.content = HC_CONTENT_SAMPLE};
	struct hc_excerpt excerpt;
	struct hc_cell cell = content_cell(&excerpt, HC_EXCERPT_TEXT);

	(void)state;
	char *shown = hc_cell_to_text(&look, &cell, 0);
	assert_string_equal(shown, "");
	free(shown);
}

/** @name Kinds of cells */
/**@{*/

struct kind_case {
	struct hc_cell cell;
	const char *text, *data, *json;
};

static void check_kind(const struct hc_look *look, const struct kind_case *kind)
{
	char *shown = hc_cell_to_text(look, &kind->cell, 0);
	char *data = hc_cell_to_data(look, &kind->cell);
	json_t *json = hc_cell_to_json(look, &kind->cell);
	char *dumped = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));

	assert_string_equal(shown, kind->text);
	assert_string_equal(data, kind->data);
	assert_string_equal(dumped, kind->json);
	free(shown);
	free(data);
	free(dumped);
	json_decref(json);
}

static void test_kinds(void **state)
{
	const struct hc_cell one = hc_cell_count(1);
	const struct hc_phrase phrase = {"{} chunk{}",
					 (const struct hc_cell[]){one, hc_cell_plural(1)}, 2};
	const struct kind_case kinds[] = {
		{hc_cell_unknown(), "-", "", "null"},
		{hc_cell_text("in-use"), "in-use", "in-use", "\"in-use\""},
		{hc_cell_name("a\033[31m"), "a\\x1b[31m", "a\\x1b[31m", "\"a\\u001B[31m\""},
		{hc_cell_name(NULL), "-", "", "null"},
		{hc_cell_term("sql", "SQL text"), "SQL text", "sql", "\"sql\""},
		{{.kind = HC_CELL_LIST, .text = "a,b"}, "a,b", "a,b", "[\"a\",\"b\"]"},
		{hc_cell_count(1019571), "1,019,571", "1019571", "1019571"},
		{hc_cell_number(8704), "8704", "8704", "8704"},
		{hc_cell_bytes(1536), "1.50 KiB", "1536", "1536"},
		{hc_cell_address(0x55d0), "0x55d0", "0x55d0", "\"0x55d0\""},
		{hc_cell_arena(1), "1", "1", "1"},
		{hc_cell_arena(HC_ARENA_MMAP), "mmap", "mmap", "\"mmap\""},
		{hc_cell_bool(true), "yes", "true", "true"},
		{hc_cell_share(0.25), "25 %", "0.250000", "0.25"},
		{hc_cell_real(1.5), "1.5", "1.5", "1.5"},
		{{.kind = HC_CELL_PHRASE, .phrase = &phrase}, "1 chunk", "1 chunk", "\"1 chunk\""},
		{hc_cell_or(HC_CONTENT_FULL, one, "hidden"), "hidden", "hidden", "\"hidden\""},
	};
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_SAMPLE);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		check_kind(&screen.view.look, &kinds[i]);
	screen_deinit(&screen);
}

static void test_plain_bytes(void **state)
{
	struct hc_cell bytes = hc_cell_bytes(1536);
	struct hc_look look = {.plain_bytes = true};

	(void)state;
	char *shown = hc_cell_to_text(&look, &bytes, 0);
	assert_string_equal(shown, "1536");
	free(shown);
	shown = hc_cell_to_words(&look, &bytes);
	assert_string_equal(shown, "1536 B");
	free(shown);
}
/**@}*/

/** Data and text of one tree, with its inner nodes. */
static void test_tree(void **state)
{
	hc_cleanup_document struct hc_document doc;
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_CLASS);
	hc_document_init(&doc);
	hc_fact(&doc, "both", "both", hc_cell_number(1));
	hc_fact(&doc, "data", NULL, hc_cell_number(2));
	hc_fact(&doc, NULL, "text", hc_cell_number(3));
	hc_optional(&doc, "absent", hc_cell_unknown());
	hc_begin_object(&doc, "object", HC_CONTENT_NONE);
	hc_begin_array(&doc, "array", HC_CONTENT_NONE);
	hc_fact(&doc, "", NULL, hc_cell_number(4));
	hc_begin_object(&doc, NULL, HC_CONTENT_NONE);
	hc_end(&doc);
	hc_end(&doc);
	hc_end(&doc);
	hc_begin_object(&doc, "hidden", HC_CONTENT_SAMPLE);
	hc_fact(&doc, "x", NULL, hc_cell_number(5));
	hc_end(&doc);
	hc_begin_group(&doc, HC_CONTENT_NONE, HC_CONTENT_NONE);
	HC_LINE(&doc, "only where nothing shows");
	hc_end(&doc);
	HC_LINE(&doc, "{}{}", hc_phrase_join(&doc, hc_cell_unknown(), ", ", hc_cell_text("a")),
		hc_phrase_join(&doc, hc_cell_text("b"), ", ", hc_cell_text("c")));
	hc_count_fact(&doc, "count", HC_CONTENT_NONE, 6, 7);
	assert_ok(screen_render(&screen, &hc_json_renderer, &doc));
	json_t *json = json_loads(screen_text(&screen), 0, NULL);
	json_t *expected =
		json_pack("{si si s{s[i{}]} sn s{si si}}", "both", 1, "data", 2, "object", "array",
			  4, "hidden", "count", "chunks", 6, "bytes", 7);
	assert_true(json_equal(json, expected));
	json_decref(json);
	json_decref(expected);
	size_t at = screen.size;
	assert_ok(screen_render(&screen, &hc_text_renderer, &doc));
	assert_string_equal(screen_text(&screen) + at,
			    "both            1\ntext            3\nab, c\n");
	screen_deinit(&screen);
}

/** JSON Lines: a line up to each break, and one for each row. */
static void test_lines(void **state)
{
	hc_cleanup_document struct hc_document doc;
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_NONE);
	hc_document_init(&doc);
	hc_fact(&doc, "head", NULL, hc_cell_number(1));
	hc_break(&doc);
	struct hc_table *table = hc_add_table(&doc, &shape);
	hc_table_add_row(table);
	hc_table_number(table, PLAIN, 2);
	hc_fact(&doc, "foot", NULL, hc_cell_number(3));
	assert_ok(screen_render(&screen, &hc_json_renderer, &doc));
	assert_string_equal(screen_text(&screen),
			    "{\"head\":1}\n{\"plain\":2,\"class\":null,\"content\":null}\n"
			    "{\"foot\":3}\n");
	screen_deinit(&screen);
}

/** Nothing of a core becomes markup: not in words, not in code, not in a cell. */
static void test_markdown(void **state)
{
	static const char hostile[] = "|`<img src=x>`` [a](b) **c** ";
	hc_cleanup_document struct hc_document doc;
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_FULL);
	hc_document_init(&doc);
	HC_HEADING(&doc, "<b>");
	hc_fact(&doc, NULL, "name", hc_cell_name(hostile));
	HC_SAY_AT(&doc, hc_margin(" 1 ", 3, true), "{} | {}", hc_cell_name("# <i> @all"),
		  hc_cell_text("x"));
	HC_LINE(&doc, "<pre>");
	hc_blank(&doc);
	hc_blank(&doc);
	hc_blank(&doc);
	struct hc_table *table = hc_add_table(&doc, &shape);
	hc_table_add_row(table);
	hc_table_number(table, PLAIN, 12345);
	hc_table_cell(table, KIND, hc_cell_name(hostile));
	assert_ok(screen_render(&screen, &hc_markdown_renderer, &doc));
	assert_string_equal(screen_text(&screen),
			    "### \\<b\\>\n\n"
			    "**name:** ```|`<img src=x>`` [a](b) **c** ```  \n\n"
			    "**1** **\\# \\<i\\> \\@all \\| x**\n\n"
			    "    <pre>\n\n"
			    "| PLAIN | CLASS | CONTENT |\n|--:|---|---|\n"
			    "| 12,345 | ```\\|`<img src=x>`` [a](b) **c** ``` | - |\n\n");
	screen_deinit(&screen);
}

/** Frames from the outermost on; what is not a frame's own is not counted twice. */
static void test_stacks(void **state)
{
	(void)state;
	for (enum hc_content content = HC_CONTENT_NONE; content <= HC_CONTENT_CLASS; content++) {
		hc_cleanup_document struct hc_document doc;
		struct screen screen;

		screen_init(&screen, content);
		hc_document_init(&doc);
		fill(&doc);
		uint32_t top = hc_add_frame(&doc, 0, hc_cell_name("a;b\nc\x1b \xc3\xa9"),
					    (struct hc_stack_value){0});
		uint32_t below = hc_add_frame(
			&doc, top,
			HC_PHRASE(&doc, "{} bytes{}", hc_cell_count(1234),
				  hc_cell_needs(HC_CONTENT_CLASS, hc_cell_text(" CLASSWORD"))),
			(struct hc_stack_value){3, 3702});
		hc_add_frame(&doc, 0, hc_cell_unknown(), (struct hc_stack_value){1, 16});
		assert_int_equal(below, 2);
		assert_ok(screen_render(&screen, &hc_collapsed_renderer, &doc));
		assert_string_equal(
			screen_text(&screen),
			content ? "a\\x3bb\\nc\\x1b \\xc3\\xa9;1,234 bytes CLASSWORD 3702\n"
				  "- 16\n"
				: "a\\x3bb\\nc\\x1b \\xc3\\xa9;1,234 bytes 3702\n"
				  "- 16\n");
		screen_deinit(&screen);
	}
}

/** Data has no colors, though a sentence in it holds an excerpt that has some on a terminal. */
static void test_no_colors_in_data(void **state)
{
	static const char secretless[] = "one two three";
	struct hc_bytes asked = {(const uint8_t *)secretless + 4, 3};
	struct hc_excerpt excerpt = {
		.bytes = bytes_of(secretless), .asked = asked, .emphasis = true};
	struct hc_document doc;
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_FULL);
	screen.view.look.color = true;
	hc_document_init(&doc);
	struct hc_cell cell = HC_PHRASE(&doc, "<{}>", hc_cell_content(&excerpt));
	char *shown = hc_cell_to_text(&screen.view.look, &cell, 0);
	char *data = hc_cell_to_data(&screen.view.look, &cell);
	assert_non_null(strchr(shown, 033));
	assert_string_equal(data, "<one two three>");
	free(shown);
	free(data);
	hc_document_deinit(&doc);
	screen_deinit(&screen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_rows_content),
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_no_masker),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_plain_bytes),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_names_as_data),
		cmocka_unit_test(test_no_number),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_no_colors_in_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
