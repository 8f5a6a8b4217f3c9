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
	SECTION_MAP = 16,      /**< with the map of the heap */
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
};

static const struct section core_sections[] = {
	{"summary", "Summary", &hc_verb_analyze},
	{"lost", "Lost", &hc_verb_leaks, SECTION_TOP | SECTION_HEAP},
	{"sizes", "Sizes", &hc_verb_histogram, SECTION_ALL | SECTION_HEAP, .sort = "size",
	 .options = {"log2", "with-leaks"}},
	{"heap", "Heap", &hc_verb_arenas, SECTION_HEAP | SECTION_MAP},
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
	const struct section *section; /**< the one that is being made of a core */
	const char *core;              /**< path, as it is or was given */
	const char *version;           /**< of the heapcore that looked at the core */
	enum hc_content content;       /**< that may show, if that is known */
	bool told_content;
	char *command_end; /**< the cores' paths, for a shell */
	json_t *sections;  /**< those of JSON */
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

/** What is to be drawn before the first table of a section. */
struct figures {
	const struct hc_stacks *stacks; /**< NULL: drawn */
	struct hc_look look;
	struct hc_error *err;
};

static void draw_table(void *ctx, const struct hc_table *table, FILE *file)
{
	struct figures *figures = ctx;

	if (figures->stacks)
		figures->err = hc_report_draw_stacks(figures->stacks, &figures->look, file);
	figures->stacks = NULL;
	hc_report_draw_table(table, file);
}

static struct hc_error *write_html(const struct hc_report_section *section,
				   const struct hc_view *view, size_t rows)
{
	struct figures figures = {.stacks = &section->doc->stacks,
				  .look = hc_html_look(&view->look)};
	const struct hc_html html = {
		.view = view, .max_rows = rows, .level = 3, .figure = draw_table, .ctx = &figures};
	struct hc_error *err = NULL;

	if (section->map)
		err = hc_report_draw_map(section->map, view->out->file);
	if (!err)
		err = hc_html_document(&html, section->doc);
	/* One of the two says that there is no memory, which says it all. */
	return err ? err : figures.err;
}

/** A section with at most so many rows to each table, as text of its own. To be freed. */
static struct hc_error *write_to_memory(const struct report *report,
					const struct hc_report_section *section,
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
	err = report->format == HC_FORMAT_HTML ? write_html(section, &part, rows)
					       : hc_markdown_renderer.document(section->doc, &part);
	if (fclose(out.file) && !err)
		err = &hc_enomem;
	if (!err)
		*ret = hc_steal(text);
	return err;
}

/** The title of a section, with a link to it. */
static void begin_section(struct report *report, const struct hc_report_section *section)
{
	const char *id = section->id;

	if (report->format != HC_FORMAT_HTML) {
		fprintf(report->body_file, "\n## %s\n\n", section->title);
		return;
	}
	fprintf(report->body_file, "<section id=\"%s\" aria-labelledby=\"h-%s\"><h2 id=\"h-%s\">",
		id, id, id);
	hc_html_put(report->body_file, section->title);
	fputs("</h2>\n", report->body_file);
	fprintf(report->nav_file, "<li><a href=\"#%s\">", id);
	hc_html_put(report->nav_file, section->title);
	fputs("</a></li>", report->nav_file);
}

static void end_section(struct report *report, const struct hc_report_section *section)
{
	if (report->format != HC_FORMAT_HTML)
		return;
	fputs("<p class=\"note\">More: <code>", report->body_file);
	hc_html_put(report->body_file, section->command);
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

/** Write a section with as many rows as there is room for. */
static struct hc_error *write_section(struct report *report,
				      const struct hc_report_section *section,
				      const struct hc_view *view)
{
	hc_cleanup_free char *text = NULL;
	size_t rows = max_rows[report->detail];
	struct hc_error *err = write_to_memory(report, section, view, rows, &text);

	while (!err && strlen(text) > room(report) && rows / 4 >= MIN_ROWS) {
		rows /= 4;
		free(hc_steal(text));
		err = write_to_memory(report, section, view, rows, &text);
	}
	if (err)
		return err;
	begin_section(report, section);
	if (strlen(text) <= room(report))
		fputs(text, report->body_file);
	else
		put_note(report, "This section is too large for the file.");
	end_section(report, section);
	return NULL;
}

/** Add a section to what is being made. */
static struct hc_error *add_section(struct report *report, const struct hc_report_section *section,
				    const struct hc_view *view)
{
	json_t *json;

	if (report->format != HC_FORMAT_JSON)
		return write_section(report, section, view);
	struct hc_error *err =
		hc_report_section_json(section, view, max_rows[report->detail], &json);
	if (!err && json_array_append_new(report->sections, json))
		err = &hc_enomem;
	return err;
}

/** "heapcore leaks core.1234". To be freed. */
static char *command_of(const struct report *report)
{
	return hc_format("heapcore %s %s", report->section->verb->name, report->command_end);
}

/** Takes the document of a section. */
static struct hc_error *take(void *ctx, struct hc_document *doc, const struct hc_view *view)
{
	hc_cleanup(hc_heap_map_deinit) struct hc_heap_map map = {0};
	struct report *report = ctx;
	hc_cleanup_free char *command = command_of(report);
	const struct section *from = report->section;
	struct hc_report_section section = {from->id, from->title, command, .doc = doc};
	struct hc_error *err = command ? NULL : &hc_enomem;

	if (!err && from->sort && doc->text_main)
		err = hc_table_sort(doc->text_main, from->sort, view->look.policy.content);
	if (!err && from->flags & SECTION_MAP) {
		err = hc_report_find_map(report->session, report->detail, &map);
		section.map = &map;
	}
	report->session->taker->said_partial = true;
	return err ? err : add_section(report, &section, view);
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
	hc_cleanup_free char *command = command_of(report);
	hc_cleanup_document struct hc_document doc;
	const struct section *from = report->section;
	struct hc_view view;

	hc_document_init(&doc);
	if (err->code == HC_ERROR_NO_MEMORY || err->code == HC_ERROR_CANCELLED)
		return err;
	HC_LINE(&doc, "{}", hc_cell_name(err->message));
	hc_error_destroy(err);
	if (!command)
		return &hc_enomem;
	hc_session_view(report->session, &view);
	return add_section(report,
			   &(struct hc_report_section){from->id, from->title, command, .doc = &doc},
			   &view);
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

/** "Shows kinds of content, but no bytes of the heap (--content class)." */
static char *shows_words(const struct report *report)
{
	if (!report->told_content)
		return strdup("Shows what the file that it was made of has.");
	return hc_format("Shows %s (--content %s).", content_words(report->content),
			 hc_content_name(report->content));
}

static void write_head(const struct report *report, FILE *file)
{
	const char *name = hc_base_name(report->core);
	hc_cleanup_free char *shows = shows_words(report);

	if (report->format != HC_FORMAT_HTML) {
		hc_cleanup_free char *escaped = hc_escape_string(name, HC_ESCAPE_PLAIN);
		fprintf(file, "# heapcore report\n\n    %s\n\n%s\n", escaped ? escaped : "",
			shows ? shows : "");
		return;
	}
	hc_cleanup_free char *title = hc_format("heapcore report: %s", name);
	hc_html_begin_page(file, title ? title : "heapcore report");
	fputs("<header><h1>", file);
	hc_html_put(file, name);
	fputs("</h1><p>", file);
	hc_html_print(file, "heapcore %s. %s", report->version, shows ? shows : "");
	fputs("</p><nav aria-label=\"Sections\"><ul>", file);
	fputs(report->nav, file);
	fputs("</ul></nav></header>\n<main>\n", file);
}

/** What is read again by `report`. */
static struct hc_error *write_json(struct report *report)
{
	hc_cleanup_document struct hc_document doc;
	hc_cleanup_json json_t *object = NULL;
	struct hc_view view;

	hc_document_init(&doc);
	hc_session_view(report->session, &view);
	hc_session_begin_data(report->session, &doc);
	hc_fact(&doc, "heapcore", NULL, hc_cell_text(HC_VERSION));
	hc_fact(&doc, "content", NULL, hc_cell_text(hc_content_name(report->content)));
	hc_fact(&doc, "detail", NULL, hc_cell_text(detail_word(report->detail)));
	struct hc_error *err = hc_document_json(&doc, &view, &object);
	if (err)
		return err;
	return json_object_set(object, "sections", report->sections)
		       ? &hc_enomem
		       : hc_json_write_exactly(&report->session->out, object);
}

static struct hc_error *write_report(struct report *report)
{
	FILE *file = report->session->out.file;

	if (fflush(report->body_file) || fflush(report->nav_file))
		return &hc_enomem;
	if (report->format == HC_FORMAT_JSON)
		return write_json(report);
	write_head(report, file);
	fputs(report->body, file);
	if (report->format == HC_FORMAT_HTML) {
		fputs("</main>\n", file);
		hc_html_end_page(file);
	}
	return NULL;
}
/**@}*/

/** @name Saved reports */
/**@{*/

static struct hc_error *add_saved_section(struct report *report,
					  const struct hc_saved_report *saved, size_t index)
{
	hc_cleanup(hc_heap_map_deinit) struct hc_heap_map map = {0};
	hc_cleanup_document struct hc_document doc;
	struct hc_report_section section = {.doc = &doc, .map = &map};
	struct hc_view view;

	hc_document_init(&doc);
	hc_session_view(report->session, &view);
	/* What was saved may show: more than that is not in the file. */
	view.look.policy.content = saved->content;
	struct hc_error *err = hc_saved_report_section(saved, index, &section);
	return err ? err : add_section(report, &section, &view);
}

static struct hc_error *make_of_saved(struct report *report, const struct hc_input_file *input)
{
	hc_cleanup(hc_saved_report_deinit) struct hc_saved_report saved = {0};
	struct hc_error *err = hc_saved_report_open(input, &saved);

	if (err)
		return err;
	if (report->format == HC_FORMAT_JSON)
		return hc_error_create(HC_ERROR_FORMAT,
				       "is JSON already; report makes HTML or Markdown of it");
	report->core = saved.core;
	report->version = saved.version ? saved.version : HC_VERSION;
	report->content = saved.content;
	report->told_content = saved.told_content;
	for (size_t i = 0; !err && i < saved.num_sections; i++)
		err = add_saved_section(report, &saved, i);
	return err ? err : write_report(report);
}
/**@}*/

/** @name Cores */
/**@{*/

static struct hc_error *make_of_cores(struct report *report)
{
	struct hc_session *session = report->session;
	struct hc_taker taker = {.take = take, .ctx = report};
	struct hc_error *err;

	session->taker = &taker;
	if (session->options->num_args)
		err = write_sections(report, diff_sections,
				     sizeof(diff_sections) / sizeof(diff_sections[0]));
	else
		err = write_sections(report, core_sections,
				     sizeof(core_sections) / sizeof(core_sections[0]));
	session->taker = NULL;
	return err ? err : write_report(report);
}

/** Of one input: what it is decides. */
static struct hc_error *make_of_input(struct report *report)
{
	struct hc_process_options *process = &report->session->options->process;
	hc_cleanup(hc_input_close) struct hc_input_file input = {.fd = -1};
	struct hc_error *err =
		hc_input_open(report->session->options->core, &process->decompress, &input);

	if (!err)
		err = hc_input_unpack_text(&input, &process->decompress, HC_MAX_SAVED_REPORT,
					   &report->session->remarks);
	if (err)
		return err;
	if (hc_saved_report_is(&input))
		return make_of_saved(report, &input);
	process->input = &input;
	err = make_of_cores(report);
	process->input = NULL;
	return err;
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
	free(report->command_end);
	json_decref(report->sections);
}

/** The paths of all cores, for a shell. To be freed. */
static char *quote_paths(const struct hc_options *options)
{
	char *ret = hc_shell_quote(options->core);

	for (int i = 0; ret && i < options->num_args; i++) {
		hc_cleanup_free char *before = ret;
		hc_cleanup_free char *quoted = hc_shell_quote(options->args[i]);
		ret = quoted ? hc_format("%s %s", before, quoted) : NULL;
	}
	return ret;
}

static struct hc_error *report_init(struct report *report, struct hc_session *session)
{
	const struct own *own = session->options->own;

	*report = (struct report){.session = session,
				  .format = session->options->format,
				  .detail = own->detail,
				  .core = session->options->core,
				  .version = HC_VERSION,
				  .content = session->options->content,
				  .told_content = true,
				  .command_end = quote_paths(session->options),
				  .sections = json_array()};
	report->body_file = open_memstream(&report->body, &report->body_size);
	report->nav_file = open_memstream(&report->nav, &report->nav_size);
	return report->command_end && report->sections && report->body_file && report->nav_file
		       ? NULL
		       : &hc_enomem;
}

/** All of it, for a screen of one width that shows UTF-8, whatever the terminal is. */
static struct hc_error *make(struct report *report)
{
	struct hc_session *session = report->session;
	const struct hc_output out = session->out;

	session->out.width = WIDTH;
	session->out.utf8 = true;
	session->out.color = false;
	struct hc_error *err =
		session->options->num_args ? make_of_cores(report) : make_of_input(report);
	session->out = out;
	return err;
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
		       "cores it reports the difference. With --format json it is saved, and made "
		       "a page of later, without the core.",
	.examples = "  heapcore report core.1234 -o incident.html\n"
		    "  heapcore report core.1234 -o incident.html --detail max --content sample\n"
		    "  heapcore report core.old core.new -o growth.html\n"
		    "  heapcore report core.1234 --format markdown -o incident.md\n"
		    "  heapcore report core.1234 --format json -o saved.json\n"
		    "  heapcore report saved.json -o incident.html\n",
	.min_args = 1,
	.max_args = HC_MAX_TARGETS,
	.num_inputs = HC_MAX_TARGETS,
	.formats = 1u << HC_FORMAT_HTML | 1u << HC_FORMAT_MARKDOWN | 1u << HC_FORMAT_JSON,
	.format = HC_FORMAT_HTML,
	.for_others = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
