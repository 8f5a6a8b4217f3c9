/**
 * @file
 * heapcore report: one file for whoever looks at an incident.
 *
 * A report has no questions of its own. It runs other verbs on the core, which is opened once, and
 * takes the documents that they would have written (hc_taker): what a section says is what the verb
 * says that it names, so that each can be asked further. Sections are written one after the other,
 * each to memory; one that would make the file too large is written again with fewer rows.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/escape.h"
#include "cmd/render/html.h"
#include "cmd/render/units.h"
#include "cmd/select_options.h"
#include "cmd/verb.h"
#include "cmd/verbs/report.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** Bytes of a report, at most: what a mail or a ticket takes. */
#define MAX_REPORT 2000000u
/** Kept for the page around the sections. */
#define MAX_FRAME 100000u
/** A table is not cut to fewer rows than this to make it fit. */
#define MIN_ROWS 8
/** Columns of the screen that excerpts and lists are made for. */
#define WIDTH 100
/** Of larger heaps, who holds what takes minutes: only with --detail max. Bytes. */
#define MAX_CHEAP_HEAP (UINT64_C(512) << 20)

/** Rows of a table. */
static const size_t max_rows[HC_NUM_DETAILS] = {20, 200, 2000};

enum own_id { OWN_DETAIL };

HC_WORDS(detail_word, "minimal", "default", "max")

static const struct hc_option own_options[] = {
	{OWN_DETAIL, 0, "detail", "HOW", "how much of it: {words} (default: default)",
	 HC_VALUE_WORD, detail_word,
	 "Minimal is the answer and the longest rows of each table; max has ten times the rows of "
	 "default, and who holds what also where that takes minutes."},
	{0},
};

struct own {
	unsigned detail;
};

static const struct own own_defaults = {.detail = HC_DETAIL_DEFAULT};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	(void)id;
	return hc_parse_word("--detail", value, detail_word, &own->detail);
}

/** @name Sections */
/**@{*/

enum {
	SECTION_TOP = 1,       /**< --top is as many rows as the level of detail has */
	SECTION_ALL = 2,       /**< --top 0 */
	SECTION_HEAP = 4,      /**< not there without a heap */
	SECTION_EXPENSIVE = 8, /**< of large heaps only with --detail max */
};

#define MAX_SECTION_OPTIONS 4

/** A verb, and how it is asked. */
struct section {
	const char *id, *title;
	const struct hc_verb *verb;
	unsigned flags;
	enum hc_detail least;
	const char *options[MAX_SECTION_OPTIONS]; /**< names of options without a value */
	const char *sort;                         /**< as --sort; NULL: the verb's own order */
	struct hc_error *(*draw)(struct hc_session *session, enum hc_detail detail, FILE *file);
};

static const struct section core_sections[] = {
	{"summary", "Summary", &hc_verb_analyze},
	{"lost", "Lost", &hc_verb_leaks, SECTION_TOP | SECTION_HEAP},
	{"sizes", "Sizes", &hc_verb_histogram, SECTION_ALL | SECTION_HEAP, .sort = "size",
	 .options = {"log2", "with-leaks"}},
	{"heap", "Heap", &hc_verb_arenas, SECTION_HEAP, .draw = hc_report_draw_heap},
	{"holders", "Holders", &hc_verb_retained, SECTION_TOP | SECTION_HEAP | SECTION_EXPENSIVE,
	 HC_DETAIL_DEFAULT},
	{"content", "Content", &hc_verb_classify, SECTION_HEAP, HC_DETAIL_DEFAULT,
	 .options = {"with-leaks", "attributes"}},
	{"types", "Types", &hc_verb_types, SECTION_TOP | SECTION_HEAP, HC_DETAIL_DEFAULT,
	 .options = {"with-leaks"}},
	{"containers", "Containers", &hc_verb_containers,
	 SECTION_TOP | SECTION_HEAP | SECTION_EXPENSIVE, HC_DETAIL_DEFAULT},
	{"space", "Address space", &hc_verb_maps, SECTION_TOP},
	{"threads", "Threads", &hc_verb_threads, SECTION_TOP},
	{"damage", "Damage", &hc_verb_check, SECTION_HEAP},
	{"process", "Process", &hc_verb_info},
};

static const struct section diff_sections[] = {
	{"summary", "Difference", &hc_verb_diff, SECTION_TOP},
};

/** What the parts of this file work on. */
struct report {
	struct hc_session *session;
	enum hc_format format;
	enum hc_detail detail;
	const struct section *section; /**< the one that is being written */
	char *quoted;                  /**< the core's path, for a shell */
	char *body, *nav;
	size_t body_size, nav_size;
	FILE *body_file, *nav_file;
};

/** The row of a verb's option; NULL: it has none of that name. */
static const struct hc_option *find_option(const struct hc_verb *verb, const char *name)
{
	const struct hc_option *option = verb->options;

	while (option && option->name && strcmp(option->name, name))
		option++;
	return option && option->name ? option : NULL;
}

static struct hc_error *set_option(const struct hc_verb *verb, void *own, const char *name,
				   const char *value)
{
	const struct hc_option *option = find_option(verb, name);

	return option ? verb->set(own, option->id, value) : NULL;
}

/** The options of a section, as its verb keeps them. To be freed. */
static struct hc_error *make_own(const struct report *report, void **ret)
{
	const struct section *section = report->section;
	const struct hc_verb *verb = section->verb;
	struct hc_error *err = NULL;
	char top[24];

	hc_cleanup_free void *own = calloc(1, verb->own_size ? verb->own_size : 1);
	if (!own)
		return &hc_enomem;
	if (verb->own_defaults)
		memcpy(own, verb->own_defaults, verb->own_size);
	snprintf(top, sizeof(top), "%zu",
		 section->flags & SECTION_TOP ? max_rows[report->detail] : 0);
	if (section->flags & (SECTION_TOP | SECTION_ALL))
		err = set_option(verb, own, "top", top);
	for (unsigned i = 0; !err && i < MAX_SECTION_OPTIONS && section->options[i]; i++)
		err = set_option(verb, own, section->options[i], NULL);
	if (!err)
		*ret = hc_steal(own);
	return err;
}

/** Run the section's verb as if it had been called; its document is taken. */
static struct hc_error *run_verb(struct report *report)
{
	struct hc_options *options = report->session->options;
	const struct hc_options saved = *options;
	void *own;
	struct hc_error *err = make_own(report, &own);

	if (err)
		return err;
	options->verb = report->section->verb;
	options->own = own;
	/* Of how many rows there are, text says more than other formats. */
	options->format = HC_FORMAT_TEXT;
	/* A file has room for the parts that a screen puts together. */
	options->verbose = true;
	err = options->verb->run(report->session);
	free(own);
	/* Not all of it: inputs were added meanwhile. */
	options->verb = saved.verb;
	options->own = saved.own;
	options->format = saved.format;
	options->verbose = saved.verbose;
	/* "The answer is no" is one of the verb's, not of the report. */
	report->session->status = 0;
	return err;
}
/**@}*/

/** @name Writing */
/**@{*/

static size_t room(struct report *report)
{
	fflush(report->body_file);
	size_t used = report->body_size + MAX_FRAME;

	return used < MAX_REPORT ? MAX_REPORT - used : 0;
}

static void draw_table(void *ctx, const struct hc_table *table, FILE *file)
{
	(void)ctx;
	hc_report_draw_table(table, file);
}

static struct hc_error *write_html(struct report *report, const struct hc_document *doc,
				   const struct hc_view *view, size_t rows)
{
	const struct hc_html html = {
		.view = view, .max_rows = rows, .level = 3, .figure = draw_table};
	struct hc_error *err = NULL;

	if (report->section->draw)
		err = report->section->draw(report->session, report->detail, view->out->file);
	return err ? err : hc_html_document(&html, doc);
}

/** A document with at most so many rows to each table, as text of its own. To be freed. */
static struct hc_error *write_to_memory(struct report *report, const struct hc_document *doc,
					const struct hc_view *view, size_t rows, char **ret)
{
	hc_cleanup_free char *text = NULL;
	struct hc_view part = *view;
	struct hc_output out = *view->out;
	size_t size;
	struct hc_error *err;

	out.file = open_memstream(&text, &size);
	if (!out.file)
		return &hc_enomem;
	part.out = &out;
	err = report->format == HC_FORMAT_HTML ? write_html(report, doc, &part, rows)
					       : hc_markdown_renderer.document(doc, &part);
	if (fclose(out.file) && !err)
		err = &hc_enomem;
	if (!err)
		*ret = hc_steal(text);
	return err;
}

/** The title of a section, with a link to it. */
static void begin_section(struct report *report)
{
	const struct section *section = report->section;

	if (report->format != HC_FORMAT_HTML) {
		fprintf(report->body_file, "\n## %s\n\n", section->title);
		return;
	}
	fprintf(report->body_file,
		"<section id=\"%s\" aria-labelledby=\"h-%s\"><h2 id=\"h-%s\">%s</h2>\n",
		section->id, section->id, section->id, section->title);
	fprintf(report->nav_file, "<li><a href=\"#%s\">%s</a></li>", section->id, section->title);
}

/** The command that says the same and takes further questions. */
static void end_section(struct report *report)
{
	if (report->format != HC_FORMAT_HTML)
		return;
	fputs("<p class=\"note\">More: <code>", report->body_file);
	hc_html_print(report->body_file, "heapcore %s %s", report->section->verb->name,
		      report->quoted);
	for (int i = 0; i < report->session->options->num_args; i++) {
		hc_cleanup_free char *quoted = hc_shell_quote(report->session->options->args[i]);
		hc_html_print(report->body_file, " %s", quoted ? quoted : "");
	}
	fputs("</code></p></section>\n", report->body_file);
}

/** A sentence of the report's own. */
static void put_note(struct report *report, const char *text)
{
	if (report->format == HC_FORMAT_HTML) {
		fputs("<p class=\"note\">", report->body_file);
		hc_html_put(report->body_file, text);
		fputs("</p>\n", report->body_file);
	} else {
		fprintf(report->body_file, "%s\n", text);
	}
}

/** Takes the document of a section. */
static struct hc_error *take(void *ctx, struct hc_document *doc, const struct hc_view *view)
{
	struct report *report = ctx;
	const char *sort = report->section->sort;
	hc_cleanup_free char *text = NULL;
	size_t rows = max_rows[report->detail];
	struct hc_error *err = NULL;

	if (sort && doc->text_main)
		err = hc_table_sort(doc->text_main, sort, view->look.policy.content);
	if (!err)
		err = write_to_memory(report, doc, view, rows, &text);
	while (!err && strlen(text) > room(report) && rows / 4 >= MIN_ROWS) {
		rows /= 4;
		free(hc_steal(text));
		err = write_to_memory(report, doc, view, rows, &text);
	}
	if (err)
		return err;
	report->session->taker->said_partial = true;
	begin_section(report);
	if (strlen(text) <= room(report))
		fputs(text, report->body_file);
	else
		put_note(report, "This section is too large for the file.");
	end_section(report);
	return NULL;
}

/** Whether a section can be there at all, and is not too much. */
static bool is_wanted(const struct report *report)
{
	const struct section *section = report->section;
	const struct hc_target *target = report->session->target;
	const struct hc_heap *heap = target ? target->heap : NULL;

	if (report->detail < section->least || (section->flags & SECTION_HEAP && !heap))
		return false;
	return !(section->flags & SECTION_EXPENSIVE) || report->detail == HC_DETAIL_MAX ||
	       hc_heap_bytes(heap) < MAX_CHEAP_HEAP;
}

/** A section that could not be made is no reason to have none of the others. */
static struct hc_error *say_failure(struct report *report, struct hc_error *err)
{
	if (err->code == HC_ERROR_NO_MEMORY || err->code == HC_ERROR_CANCELLED)
		return err;
	begin_section(report);
	put_note(report, err->message);
	end_section(report);
	hc_error_destroy(err);
	return NULL;
}

static struct hc_error *write_sections(struct report *report, const struct section *sections,
				       size_t num)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < num; i++) {
		report->section = &sections[i];
		if (!is_wanted(report))
			continue;
		err = run_verb(report);
		/* Without the first one there is nothing to report. */
		if (err && i)
			err = say_failure(report, err);
	}
	return err;
}

/** What may show, for whoever is given the file. */
static const char *content_words(enum hc_content content)
{
	switch (content) {
	case HC_CONTENT_NONE:
		return "nothing of what the heap holds";
	case HC_CONTENT_CLASS:
		return "kinds of content, but no bytes of the heap";
	case HC_CONTENT_SAMPLE:
		return "samples of the heap; secrets that are known are masked";
	case HC_CONTENT_FULL:
		return "everything, secrets included: not for others";
	}
	return "";
}

static void write_head(const struct report *report, FILE *file)
{
	const struct hc_options *options = report->session->options;
	const char *name = hc_base_name(options->core), *level = hc_content_name(options->content);

	if (report->format != HC_FORMAT_HTML) {
		hc_cleanup_free char *escaped = hc_escape_string(name, HC_ESCAPE_PLAIN);
		fprintf(file, "# heapcore report\n\n    %s\n\nShows %s (--content %s).\n",
			escaped ? escaped : "", content_words(options->content), level);
		return;
	}
	hc_cleanup_free char *title = hc_format("heapcore report: %s", name);
	hc_html_begin_page(file, title ? title : "heapcore report");
	fputs("<header><h1>", file);
	hc_html_put(file, name);
	fputs("</h1><p>", file);
	hc_html_print(file, "heapcore %s. Shows %s (--content %s).", HC_VERSION,
		      content_words(options->content), level);
	fputs("</p><nav aria-label=\"Sections\"><ul>", file);
	fputs(report->nav, file);
	fputs("</ul></nav></header>\n<main>\n", file);
}

static struct hc_error *write_report(struct report *report)
{
	FILE *file = report->session->out.file;

	if (fflush(report->body_file) || fflush(report->nav_file))
		return &hc_enomem;
	write_head(report, file);
	fputs(report->body, file);
	if (report->format == HC_FORMAT_HTML) {
		fputs("</main>\n", file);
		hc_html_end_page(file);
	}
	return NULL;
}
/**@}*/

static void report_deinit(struct report *report)
{
	if (report->body_file)
		fclose(report->body_file);
	if (report->nav_file)
		fclose(report->nav_file);
	free(report->body);
	free(report->nav);
	free(report->quoted);
}

static struct hc_error *report_init(struct report *report, struct hc_session *session)
{
	const struct own *own = session->options->own;

	report->session = session;
	report->format = session->options->format;
	report->detail = own->detail;
	report->quoted = hc_shell_quote(session->options->core);
	report->body_file = open_memstream(&report->body, &report->body_size);
	report->nav_file = open_memstream(&report->nav, &report->nav_size);
	return report->quoted && report->body_file && report->nav_file ? NULL : &hc_enomem;
}

/** All of it, for a screen of one width that shows UTF-8, whatever the terminal is. */
static struct hc_error *make(struct report *report)
{
	struct hc_session *session = report->session;
	bool compares = session->options->num_args;
	struct hc_taker taker = {.take = take, .ctx = report};
	const struct hc_output out = session->out;
	struct hc_error *err;

	session->taker = &taker;
	session->out.width = WIDTH;
	session->out.utf8 = true;
	session->out.color = false;
	if (compares)
		err = write_sections(report, diff_sections,
				     sizeof(diff_sections) / sizeof(diff_sections[0]));
	else
		err = write_sections(report, core_sections,
				     sizeof(core_sections) / sizeof(core_sections[0]));
	session->taker = NULL;
	session->out = out;
	return err ? err : write_report(report);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(report_deinit) struct report report = {0};
	struct hc_error *err;

	if (!session->options->output)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "report writes a file: -o FILE.html says which");
	err = report_init(&report, session);
	if (err)
		return err;
	/* What is a character, and takes room, is a matter of the locale. */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	locale_t old = utf8 ? uselocale(utf8) : NULL;
	err = make(&report);
	if (utf8) {
		uselocale(old);
		freelocale(utf8);
	}
	return err;
}

const struct hc_verb hc_verb_report = {
	.name = "report",
	.arguments = "CORE [NEWER [NEWEST]]",
	.summary = "one HTML file for whoever looks at the incident",
	.description = "Writes what the other verbs say of a core to one file that needs nothing "
		       "else: the verdict, charts, tables that sort and filter. Of two or three "
		       "cores it reports the difference.",
	.examples = "  heapcore report core.1234 -o incident.html\n"
		    "  heapcore report core.1234 -o incident.html --detail max --content sample\n"
		    "  heapcore report core.old core.new -o growth.html\n"
		    "  heapcore report core.1234 --format markdown -o incident.md\n",
	.min_args = 1,
	.max_args = HC_MAX_TARGETS,
	.num_inputs = HC_MAX_TARGETS,
	.formats = 1u << HC_FORMAT_HTML | 1u << HC_FORMAT_MARKDOWN,
	.format = HC_FORMAT_HTML,
	.for_others = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
