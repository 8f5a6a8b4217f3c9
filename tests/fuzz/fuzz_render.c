/**
 * @file
 * Fuzz target: documents of any shape, with hostile bytes in them, through every renderer.
 *
 * An input says how output is to look, and then what a document holds: facts, tables, sentences,
 * groups, with cells of every kind. Names and excerpts are the input's own bytes. A secret stands
 * in a buffer that plays the core; excerpts take all of it, or a part. What comes out is judged by
 * readers of its own (syntax.h): it is UTF-8 without controls, JSON parses, CSV has one number of
 * fields, text is broken at its width, and below --content full nothing of the secret shows.
 */
#include "fuzz.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/rows.h"
#include "syntax.h"

/** Of a document, so that it stays small enough for many of them in a second. */
#define MAX_NODES 200
#define MAX_ROWS 50
#define MAX_DEPTH 8

/** What must not show, its first and last bytes, and what makes it a secret. */
#define SECRET_HEAD "Zq7vKx9"
#define SECRET_TAIL "Pm3tRb5y"
#define SECRET "password=" SECRET_HEAD "w" SECRET_TAIL

/** What is left of an input. */
struct source {
	const uint8_t *data;
	size_t size;
	unsigned nodes;
	/** The core: the bytes of the input, NULs among them, and the secret behind them. */
	struct hc_bytes core;
	struct hc_bytes secret; /**< in it */
};

static uint8_t take(struct source *source)
{
	if (!source->size)
		return 0;
	source->size--;
	return *source->data++;
}

static uint64_t take_number(struct source *source)
{
	uint64_t ret = 0;

	for (unsigned num = take(source) % 9; num; num--)
		ret = ret << 8 | take(source);
	return ret;
}

static struct hc_bytes take_bytes(struct source *source, size_t max)
{
	size_t size = take(source) % (max + 1);

	if (size > source->size)
		size = source->size;
	struct hc_bytes ret = {source->data, size};
	source->data += size;
	source->size -= size;
	return ret;
}

/** A foreign string, up to its first NUL. */
static const char *take_string(struct source *source, char buf[static 256])
{
	struct hc_bytes bytes = take_bytes(source, 255);

	memcpy(buf, bytes.data, bytes.size);
	buf[bytes.size] = 0;
	return buf;
}

/** Heapcore's own words. */
static const char *take_word(struct source *source)
{
	static const char *const words[] = {"leak", "held", "in use", "a word and another one", ""};

	return words[take(source) % 5];
}

static double take_real(struct source *source)
{
	uint64_t bits = take_number(source);
	double ret;

	if (take(source) & 1)
		return (double)bits / 1000;
	memcpy(&ret, &bits, sizeof(ret));
	return ret;
}

/** @name Cells */
/**@{*/

static void take_excerpt(struct source *source, struct hc_excerpt *ret)
{
	uint8_t how = take(source), from = take(source), to = take(source);
	struct hc_bytes bytes = how & 1 ? source->secret : source->core;
	size_t start = bytes.size ? from % bytes.size : 0;
	size_t size = bytes.size - start;

	bytes = (struct hc_bytes){bytes.data + start, to && to < size ? to : size};
	*ret = (struct hc_excerpt){
		.bytes = bytes,
		.emphasis = how & 2,
		.form = how >> 2 & 3,
		.data_form = how >> 4 & 3,
		.max = how & 64 ? take(source) : 0,
		.max_data = how & 128 ? take(source) : HC_EXCERPT_DATA,
		.word_size = 8,
	};
	uint8_t more = take(source);
	if (more & 1)
		ret->word_size = 4;
	ret->big_endian = more & 2;
	ret->empty = more & 4 ? "(empty)" : NULL;
	if (more & 8)
		ret->max_data = 0;
	/* What was asked for shows, so it is none of the secret. */
	if (more & 16 && !(how & 1) && bytes.size) {
		size_t input = source->secret.data - source->core.data;
		size_t own = start + bytes.size <= input ? bytes.size : 0;
		if (own)
			ret->asked = (struct hc_bytes){bytes.data, 1 + take(source) % own};
		ret->masks = more & 32;
	}
}

static struct hc_cell take_cell(struct source *source, struct hc_document *doc, unsigned depth)
{
	static const char *const phrases[] = {"{}", "<{}>", "so many: {}, and a few words behind"};
	uint8_t kind = take(source) % (HC_CELL_TIMES + 1);
	struct hc_excerpt excerpt;
	struct hc_cell ret = {.kind = kind};
	char buf[256], title[256];

	switch ((enum hc_cell_kind)kind) {
	case HC_CELL_TEXT:
		ret = hc_cell_text(take_word(source));
		break;
	case HC_CELL_NAME:
		ret = hc_cell_name(take_string(source, buf));
		if (take(source) % 4 == 0)
			ret.title = take_string(source, title);
		break;
	case HC_CELL_LIST:
		ret.text = take_string(source, buf);
		break;
	case HC_CELL_SHARE:
	case HC_CELL_REAL:
	case HC_CELL_BAR:
		ret = hc_cell_of_real(kind, take_real(source));
		break;
	case HC_CELL_CONTENT:
		take_excerpt(source, &excerpt);
		ret = hc_cell_content(&excerpt);
		break;
	case HC_CELL_PHRASE:
		if (depth >= MAX_DEPTH)
			return hc_cell_unknown();
		ret = HC_PHRASE(doc, phrases[take(source) % 3], take_cell(source, doc, depth + 1));
		break;
	default:
		ret.number = take_number(source);
	}
	uint8_t needs = take(source);
	if (needs & 4) {
		enum hc_content least = needs & 3;
		ret.needs = ret.needs > least ? ret.needs : least;
		ret.instead = needs & 8 ? take_word(source) : NULL;
	}
	/* What is borrowed here goes away. */
	return hc_cell_copy(&doc->pool, &ret);
}
/**@}*/

/** @name Documents */
/**@{*/

static const struct hc_column columns[] = {
	{"address", "ADDRESS", HC_CELL_ADDRESS, 0, "an address", .width = 14},
	{"bytes", "BYTES", HC_CELL_BYTES, 0, "bytes", .width = 8},
	{"class", "CLASS", HC_CELL_NAME, HC_COLUMN_CLASS, "a class"},
	{"bar", "", HC_CELL_BAR, HC_COLUMN_TEXT_ONLY, "a bar"},
	{"list", "LIST", HC_CELL_LIST, HC_COLUMN_DATA_ONLY, "names"},
	{"content", "CONTENT", HC_CELL_CONTENT, HC_COLUMN_SHRINK, "bytes"},
};
enum { NUM_COLUMNS = sizeof(columns) / sizeof(columns[0]) };
static const struct hc_shape shape = {.key = "rows", HC_COLUMNS(columns)};

static void fill_table(struct source *source, struct hc_document *doc)
{
	uint8_t how = take(source);
	struct hc_table *table = how & 1   ? hc_add_text_table(doc, &shape)
				 : how & 2 ? hc_add_data_table(doc, &shape)
					   : hc_add_table(doc, &shape);

	for (unsigned rows = take(source) % MAX_ROWS; rows && source->size; rows--) {
		hc_table_add_row(table);
		for (unsigned i = 0; i < NUM_COLUMNS; i++)
			hc_table_cell(table, i, take_cell(source, doc, 0));
	}
	if (how & 4)
		table->limit = take(source);
	table->indent = how >> 4 & 7;
	if (how & 8)
		hc_table_hide(table, take(source) % NUM_COLUMNS);
}

static void add_hex(struct source *source, struct hc_document *doc)
{
	struct hc_excerpt excerpt;

	take_excerpt(source, &excerpt);
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	hc_hex_view(doc, &(struct hc_hex){
				 .address = take_number(source),
				 .bytes = excerpt.bytes,
				 .max = excerpt.max,
				 .more = "more bytes",
				 .mark = take_number(source),
				 .mark_size = take(source) % 17,
			 });
	hc_end(doc);
}

static void add_node(struct source *source, struct hc_document *doc, unsigned depth)
{
	static const char *const keys[] = {"one", "two", "three", NULL};
	static const char *const labels[] = {"label", "a longer label", NULL};
	const char *key = keys[take(source) % 4];
	const char *label = labels[take(source) % 3];

	switch ((enum hc_node_kind)(take(source) % (HC_NODE_BREAK + 1))) {
	case HC_NODE_OBJECT:
		hc_begin_object(doc, key ? key : "four", take(source) & 3);
		break;
	case HC_NODE_ARRAY:
		hc_begin_array(doc, key ? key : "four", take(source) & 3);
		break;
	case HC_NODE_GROUP: {
		uint8_t levels = take(source);
		hc_begin_group(doc, levels & 3, levels >> 2 & 3);
		break;
	}
	case HC_NODE_FACT:
		hc_fact(doc, key, label, take_cell(source, doc, 0));
		return;
	case HC_NODE_TABLE:
		fill_table(source, doc);
		return;
	case HC_NODE_HEADING:
		HC_HEADING(doc, "Heading {}", take_cell(source, doc, 0));
		return;
	case HC_NODE_PARAGRAPH:
		HC_SAY_AT(doc, hc_margin(NULL, take(source) % 8, take(source) & 1), "{} {}",
			  take_cell(source, doc, 0), take_cell(source, doc, 0));
		return;
	case HC_NODE_LINE:
		HC_LINE(doc, "  {}  {}", take_cell(source, doc, 0), take_cell(source, doc, 0));
		return;
	case HC_NODE_HEX:
		add_hex(source, doc);
		return;
	case HC_NODE_BREAK:
		if (doc->lines && doc->at == &doc->root)
			hc_break(doc);
		return;
	}
	for (unsigned num = take(source) % 8; num && depth < MAX_DEPTH && source->size; num--) {
		if (source->nodes++ < MAX_NODES)
			add_node(source, doc, depth + 1);
	}
	hc_end(doc);
}

static void fill(struct source *source, struct hc_document *doc)
{
	while (source->size && source->nodes++ < MAX_NODES)
		add_node(source, doc, 0);
}
/**@}*/

/** @name Output, and what is asked of it */
/**@{*/

static struct hc_masker *masker(void)
{
	static struct hc_signatures *signatures;
	static struct hc_masker *made;

	if (!made &&
	    (hc_signatures_create(NULL, 0, &signatures) || hc_masker_create(signatures, &made)))
		abort();
	return made;
}

static void write_rows(const struct hc_view *view, struct source *source)
{
	hc_cleanup_document struct hc_document doc;
	hc_cleanup_rows struct hc_rows rows = {0};
	struct hc_error *err;

	hc_document_init(&doc);
	hc_fact(&doc, "fact", "fact", take_cell(source, &doc, 0));
	err = hc_rows_begin(&rows, view, &shape, 0, &doc);
	for (unsigned num = take(source) % MAX_ROWS; !err && num && source->size; num--) {
		struct hc_cell cells[NUM_COLUMNS];
		for (unsigned i = 0; i < NUM_COLUMNS; i++)
			cells[i] = take_cell(source, &doc, 0);
		if (!hc_rows_add(&rows, cells))
			break;
	}
	if (!err)
		err = hc_rows_end(&rows, &doc);
	if (err)
		abort();
}

static void write_whole(const struct hc_view *view, struct source *source, bool lines,
			bool *refused_ret)
{
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	doc.lines = lines;
	fill(source, &doc);
	/* A column that is hidden is none to sort by; else there is nothing that can fail. */
	hc_cleanup_error struct hc_error *err = hc_render(&doc, view);
	if (err && err->code != HC_ERROR_ARGUMENT) {
		fprintf(stderr, "render: %s\n", err->message);
		abort();
	}
	*refused_ret = err != NULL;
}

/** A page without what it carries of its own, style in its head and script at its end. */
static struct hc_bytes body_of(struct hc_bytes page)
{
	static const char head[] = "</head>", script[] = "<script>";
	const uint8_t *from = memmem(page.data, page.size, head, sizeof(head) - 1);
	const uint8_t *end = page.data + page.size, *at;

	if (!from)
		abort();
	at = memmem(from, end - from, script, sizeof(script) - 1);
	/* What a core says may not begin one, nor does the script itself. */
	if (at && memmem(at + 1, end - at - 1, script, sizeof(script) - 1))
		abort();
	return (struct hc_bytes){from, (at ? at : end) - from};
}

static void judge(const struct hc_view *view, enum hc_format format, bool lines,
		  struct hc_bytes written)
{
	if (view->look.color && hc_format_is_for_people(format))
		written.size = syntax_strip_colors((uint8_t *)written.data, written.size);
	/* That of pprof is packed; test_profiles.py reads it. */
	if (format != HC_FORMAT_PPROF)
		syntax_check_text(format == HC_FORMAT_HTML ? body_of(written) : written);
	if (format == HC_FORMAT_JSON)
		syntax_check_json(written, lines);
	if (format == HC_FORMAT_CSV)
		syntax_check_csv(written);
	if (view->look.policy.content < HC_CONTENT_FULL) {
		syntax_check_absent(written, SECRET_HEAD);
		syntax_check_absent(written, SECRET_TAIL);
	}
}

/** One format, which gets the whole source again. */
static void run_format(struct source source, enum hc_format format)
{
	uint8_t how = take(&source), more = take(&source);
	struct hc_output out = {.utf8 = how & 4,
				.color = how & 8,
				.width = 20 + take(&source) % 120,
				.is_screen = how & 16};
	struct hc_view view = {
		.renderer = hc_formats[format].renderer,
		.out = &out,
		.look = {.policy = {.content = how & 3, .masker = masker(), .file = source.core},
			 .utf8 = out.utf8,
			 .color = out.color,
			 .plain_bytes = how & 32,
			 .full_names = how & 64},
		.choice = {.no_headings = more & 1, .sort = more & 2 ? "bytes" : NULL},
	};
	bool rows = how & 128, lines = rows || more & 4, refused = false;
	char *text = NULL;
	size_t size;

	/* Rows are not sorted. */
	if (rows)
		view.choice.sort = NULL;
	out.file = open_memstream(&text, &size);
	if (!out.file)
		abort();
	if (rows)
		write_rows(&view, &source);
	else
		write_whole(&view, &source, lines, &refused);
	if (fclose(out.file))
		abort();
	if (!refused)
		judge(&view, format, lines, (struct hc_bytes){(uint8_t *)text, size});
	else if (size)
		abort();
	free(text);
}
/**@}*/

/** Words of a name, broken at a width: where a line is longer, nothing in it can be broken. */
static void check_width(struct source source)
{
	hc_cleanup_document struct hc_document doc;
	struct hc_output out = {.utf8 = true, .width = 20 + take(&source) % 120};
	struct hc_view view = {.renderer = &hc_text_renderer, .out = &out, .look = {.utf8 = true}};
	unsigned indent = take(&source) % 8;
	char *text = NULL, buf[256];
	size_t size;

	out.file = open_memstream(&text, &size);
	if (!out.file)
		abort();
	hc_document_init(&doc);
	HC_SAY_AT(&doc, hc_margin(NULL, indent, false), "{}",
		  hc_cell_name(take_string(&source, buf)));
	if (hc_render(&doc, &view) || fclose(out.file))
		abort();
	syntax_check_width((struct hc_bytes){(uint8_t *)text, size}, out.width);
	free(text);
}

/** Whether an input holds what its output is searched for. */
static bool has_secret(const uint8_t *data, size_t size)
{
	const struct hc_bytes bytes = {data, size};

	return syntax_has(bytes, SECRET_HEAD) || syntax_has(bytes, SECRET_TAIL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t own = size < 256 ? size : 256, secret = strlen(SECRET);
	uint8_t *core = malloc(own + 1 + secret + 1);

	if (!core)
		abort();
	/* Where there is none, nothing of UTF-8 shows. */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (!has_secret(data, size)) {
		memcpy(core, data, own);
		core[own] = 0;
		memcpy(core + own + 1, SECRET, secret + 1);
		const struct source source = {
			.data = data,
			.size = size,
			.core = {core, own + 1 + secret + 1},
			.secret = {core + own + 1, secret},
		};
		for (enum hc_format i = 0; i < HC_NUM_FORMATS; i++)
			run_format(source, i);
		check_width(source);
	}
	free(core);
	return 0;
}
