/**
 * @file
 * HTML: what any bytes become, and what a document becomes.
 */
#include <locale.h>

#include "cmd/render/html.h"
#include "cmd/render/html_charts.h"
#include "tests/unit/render/render_view.h"

static char *put(const char *text)
{
	char *ret = NULL;
	size_t size;
	FILE *file = open_memstream(&ret, &size);

	assert_non_null(file);
	hc_html_put(file, text);
	assert_int_equal(fclose(file), 0);
	return ret;
}

static void assert_put(const char *text, const char *expected)
{
	char *found = put(text);

	assert_string_equal(found, expected);
	free(found);
}

static void test_put(void **state)
{
	(void)state;
	assert_put("", "");
	assert_put("plain text, 100 %\n", "plain text, 100 %\n");
	assert_put("<a href=\"x\" b='y'>&amp;",
		   "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
	assert_put("\t\r\x01\x7f\x1b[1m", "\\x09\\x0d\\x01\\x7f\\x1b[1m");
	/* Characters stay: 2, 3 and 4 bytes. */
	assert_put("\xc3\xa4 \xe2\x80\xa6 \xf0\x9f\x98\x80",
		   "\xc3\xa4 \xe2\x80\xa6 \xf0\x9f\x98\x80");
	/* No UTF-8: overlong, surrogates, cut, beyond the last one. */
	assert_put("\xc0\xbc", "\\xc0\\xbc");
	assert_put("\xed\xa0\x80", "\\xed\\xa0\\x80");
	assert_put("\xe2\x80", "\\xe2\\x80");
	assert_put("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	assert_put("\xff<", "\\xff&lt;");
	/* What turns text around, controls above ASCII, and what is no character. */
	assert_put("\xe2\x80\xae", "\\xe2\\x80\\xae");
	assert_put("\xe2\x81\xa6", "\\xe2\\x81\\xa6");
	assert_put("\xd8\x9c", "\\xd8\\x9c");
	assert_put("\xc2\x85", "\\xc2\\x85");
	assert_put("\xef\xbf\xbf", "\\xef\\xbf\\xbf");
	assert_put("\xef\xb7\x90", "\\xef\\xb7\\x90");
}

/** Any byte, and any two: nothing of markup is left. */
static void test_any_bytes(void **state)
{
	(void)state;
	for (unsigned a = 1; a < 256; a++) {
		for (unsigned b = 1; b < 256; b++) {
			const char text[] = {(char)a, (char)b, '<', '\0'};
			char *found = put(text);

			assert_null(strpbrk(found, "<>\"'"));
			for (const char *p = found; (p = strchr(p, '&')); p++)
				assert_true(!strncmp(p, "&lt;", 4) || !strncmp(p, "&gt;", 4) ||
					    !strncmp(p, "&amp;", 5) || !strncmp(p, "&quot;", 6) ||
					    !strncmp(p, "&#39;", 5));
			for (const char *p = found; *p; p++)
				assert_true((unsigned char)*p >= ' ' || *p == '\n');
			free(found);
		}
	}
}

static const struct hc_column columns[] = {
	{"name", "NAME<", HC_CELL_NAME, 0, "a \"help\" & more"},
	{"bytes", "BYTES", HC_CELL_BYTES, 0, "of it"},
	{"content", "CONTENT", HC_CELL_CONTENT, 0, "what it holds"},
};

static const struct hc_shape shape = {.key = "rows", .name = "rows", HC_COLUMNS(columns)};

static void test_document(void **state)
{
	hc_cleanup_document struct hc_document doc;
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_CLASS);
	hc_document_init(&doc);
	HC_HEADING(&doc, "Title <{}>", hc_cell_name("&"));
	hc_fact(&doc, "key", "label<", hc_cell_name("<b>"));
	HC_SAY_AT(&doc, hc_margin("   clue:   ", 12, false), "a {}", hc_cell_name("<i>"));
	HC_LINE(&doc, "   more:    heapcore what {}", hc_cell_name("<core>"));
	HC_LINE(&doc, "  #0 f<int>");
	struct hc_table *table = hc_add_table(&doc, &shape);
	for (unsigned i = 0; i < 3; i++) {
		hc_table_add_row(table);
		hc_table_text(table, 0, "</td><script>");
		hc_table_number(table, 1, 2048);
	}
	const struct hc_html html = {.view = &screen.view, .max_rows = 2, .level = 3};
	assert_ok(hc_html_document(&html, &doc));
	const char *text = screen_text(&screen);
	assert_non_null(strstr(text, "<h3>Title &lt;&amp;&gt;</h3>"));
	assert_non_null(strstr(text, "<dt>label&lt;</dt><dd>&lt;b&gt;</dd>"));
	assert_non_null(strstr(text, "<p class=\"detail\"><b>clue:</b> a &lt;i&gt;</p>"));
	assert_non_null(strstr(text, "<b>more:</b> <code>heapcore what &lt;core&gt;</code>"));
	assert_non_null(strstr(text, "<pre tabindex=\"0\">  #0 f&lt;int&gt;\n</pre>"));
	assert_non_null(strstr(text, "title=\"a &quot;help&quot; &amp; more\""));
	assert_non_null(strstr(text, "<td><code>&lt;/td&gt;&lt;script&gt;</code></td>"
				     "<td class=\"n\" data-v=\"2048\">2.00 KiB</td></tr>"));
	assert_non_null(strstr(text, "1 more row is not in this file."));
	/* A column that can't show is not there. */
	assert_null(strstr(text, "CONTENT"));
	screen_deinit(&screen);
}

static void test_charts(void **state)
{
	const struct hc_html_part parts[] = {{"a<b", 3, 0}, {"absent", 0, 1}, {"c", 1, 2}};
	const struct hc_html_column strip_columns[] = {{{0.5, 0.5}}, {{0.5, 0.5}}, {{0, 1}}};
	const struct hc_html_strip strip = {.label = "strip \"1\"",
					    .runs = "1000:3000",
					    .column_bytes = 4096,
					    .columns = strip_columns,
					    .num_columns = 3,
					    .colors = {0, 1, 2, 3, 4}};
	struct screen screen;

	(void)state;
	screen_init(&screen, HC_CONTENT_NONE);
	hc_html_bar(screen.out.file, "label", parts, 3);
	hc_html_put_strip(screen.out.file, &strip);
	const char *text = screen_text(&screen);
	assert_non_null(strstr(text, "x=\"0.00\" width=\"750.00\" height=\"10\"><title>a&lt;b: "
				     "3 B, 75 %</title>"));
	assert_non_null(strstr(text, "x=\"750.00\" width=\"250.00\""));
	assert_null(strstr(text, "absent"));
	assert_non_null(strstr(text, "aria-label=\"strip &quot;1&quot;\""));
	/* Equal columns are one step. */
	assert_non_null(strstr(text, "<path class=\"k1\" d=\"M0 40H0V0H3V40Z\"/>"
				     "<path class=\"k0\" d=\"M0 40H0V20H2V40H3V40Z\"/>"));
	screen_deinit(&screen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_charts),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
