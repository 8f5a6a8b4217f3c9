/**
 * @file
 * heapcore analyze: the verdict, and what to look at next.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "analyzers/verdict.h"
#include "cmd/mask.h"
#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/common.h"
#include "cmd/sample.h"
#include "cmd/verb.h"
#include "core/cleanup.h"

struct own {
	bool has_limit;
	uint64_t fail_above; /**< bytes */
};

enum own_id { OWN_FAIL };

static const struct hc_option own_options[] = {
	{OWN_FAIL, 0, "fail-if-leaked", "BYTES", "exit 1 when more is lost; with K, M, G"},
	{0},
};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	(void)id;
	own->has_limit = true;
	return hc_parse_bytes("--fail-if-leaked", value, &own->fail_above);
}

/** Below this share of the anonymous memory a suspect is not worth a second look. */
#define SMALL_SHARE 0.01

/**
 * Texts that chunks share: lines for each suspect, their least share, and the columns of a text.
 * Where no line of text has that share, several may make up most of the chunks, each of them with
 * the lesser share.
 */
#define MAX_SHARED 3
#define MIN_SHARED 0.5
#define MIN_SHARED_LINE 0.1
#define SHARED_WIDTH 54
/** Fields of binary chunks that are shown. */
#define MAX_FIELDS 6

/** What the parts of this file work on. */
struct view {
	struct hc_session *session;
	struct hc_output *out;
	struct hc_verdict verdict;
	struct hc_sampler sampler;
	char *quoted; /**< the core's path, for a shell */
};

/** @name The first line: whose core this is */
/**@{*/

static const char *process_name(const struct hc_process *process)
{
	return process->core->has_prpsinfo ? process->core->prpsinfo.name : NULL;
}

/** "complete", or how much is there. */
static struct hc_unit completeness(const struct view *view)
{
	const struct hc_core *core = view->session->process->core;
	struct hc_unit ret;

	if (!hc_session_partial(view->session))
		strcpy(ret.text, "complete");
	else if (core->bytes_available < core->bytes_promised)
		snprintf(ret.text, sizeof(ret.text), "partial (%.8s is there)",
			 hc_unit_share(hc_share(core->bytes_available, core->bytes_promised)).text);
	else
		strcpy(ret.text, "partial");
	return ret;
}

static void write_identity(struct view *view)
{
	const struct hc_process *process = view->session->process;
	const struct hc_core *core = process->core;
	const struct hc_heap *heap = view->session->heap;
	const char *base = strrchr(core->path, '/');
	const char *version = heap ? heap->evidence.version : NULL;
	hc_cleanup_free char *file = hc_escape_string(base ? base + 1 : core->path, 0);
	hc_cleanup_free char *name =
		hc_escape_string(process_name(process) ? process_name(process) : "name unknown", 0);
	hc_cleanup_free char *pid = NULL;

	if (core->has_prpsinfo && asprintf(&pid, ", pid %d", core->prpsinfo.pid) < 0)
		pid = NULL;
	hc_text_paragraph(view->out, "", 2, false, "%s: %s%s, %s%s%s, %zu thread%s, %s",
			  file ? file : "", name ? name : "", pid ? pid : "", core->machine->name,
			  !heap     ? ""
			  : version ? ", glibc "
				    : ", glibc (release unknown)",
			  version ? version : "", process->threads.num,
			  hc_plural(process->threads.num), completeness(view).text);
}
/**@}*/

/** @name The verdict in a sentence */
/**@{*/

static void write_verdict(struct view *view)
{
	const struct hc_verdict *verdict = &view->verdict;
	const uint64_t *parts = verdict->accounting.parts;
	struct hc_unit total = hc_unit_bytes(verdict->accounting.total);
	struct hc_output *out = view->out;

	fputc('\n', out->file);
	switch (verdict->kind) {
	case HC_VERDICT_LEAK:
		hc_text_paragraph(
			out, "", 0, true,
			"Leak. %s of %s anonymous memory is in chunks that nothing points "
			"to any more.",
			hc_unit_bytes(verdict->lost_bytes).text, total.text);
		break;
	case HC_VERDICT_GROWTH:
		hc_text_paragraph(
			out, "", 0, true,
			"Growth. %s of %s anonymous memory is in chunks that the program "
			"still points to; the largest kinds are below.",
			hc_unit_bytes(verdict->reachable_bytes + verdict->possible_bytes).text,
			total.text);
		break;
	case HC_VERDICT_RETENTION:
		hc_text_paragraph(
			out, "", 0, true,
			"Retention. %s of %s anonymous memory was freed by the program and "
			"is kept by malloc; nothing much is lost.",
			hc_unit_bytes(verdict->free_bytes).text, total.text);
		break;
	case HC_VERDICT_OUTSIDE:
		hc_text_paragraph(
			out, "", 0, true,
			"Outside of malloc. Most of %s anonymous memory is not in malloc's chunks: "
			"stacks %s, other mappings %s.",
			total.text, hc_unit_bytes(parts[HC_PART_STACK]).text,
			hc_unit_bytes(parts[HC_PART_OTHER]).text);
		break;
	case HC_VERDICT_NOTHING:
		hc_text_paragraph(out, "", 0, true,
				  "Nothing stands out. No single cause holds much of %s anonymous "
				  "memory.",
				  total.text);
		break;
	case HC_VERDICT_NO_HEAP:
		hc_text_paragraph(out, "", 0, true, "No heap to read: %s.",
				  view->session->no_heap ? view->session->no_heap
							 : "none was found");
		break;
	}
	if (verdict->kind != HC_VERDICT_OUTSIDE && verdict->kind != HC_VERDICT_NO_HEAP &&
	    parts[HC_PART_STACK] > verdict->accounting.total / 2)
		hc_text_paragraph(out, "", 0, false,
				  "%s of it is set aside for stacks, of which %s is in use.",
				  hc_unit_bytes(parts[HC_PART_STACK]).text,
				  hc_unit_bytes(verdict->accounting.stack_live).text);
}
/**@}*/

/** @name Damage */
/**@{*/

/** Inconsistencies that are listed here; heapcore check has them all. */
#define DAMAGE_SHOWN 3

static size_t num_damage_shown(const struct hc_heap *heap)
{
	size_t num = heap ? heap->num_inconsistencies : 0;

	return num < DAMAGE_SHOWN ? num : DAMAGE_SHOWN;
}

static void write_damage(struct view *view)
{
	const struct hc_heap *heap = view->session->heap;
	struct hc_output *out = view->out;

	if (!heap || (!heap->abort_message && !heap->inconsistencies_total))
		return;
	fputc('\n', out->file);
	if (heap->abort_message) {
		hc_cleanup_free char *words = hc_escape_string(
			heap->abort_message, HC_ESCAPE_PLAIN | (out->utf8 ? HC_ESCAPE_UTF8 : 0));
		hc_text_paragraph(out, "libc's last words: ", 2, true, "%s", words ? words : "");
	}
	if (heap->inconsistencies_total)
		hc_text_paragraph(out, "", 0, true,
				  "Damage. The heap contradicts itself in %s place%s.",
				  hc_unit_count(heap->inconsistencies_total).text,
				  hc_plural(heap->inconsistencies_total));
	for (size_t i = 0; i < num_damage_shown(heap); i++)
		hc_text_paragraph(out, "  ", 4, false, "0x%" PRIx64 ": %s",
				  heap->inconsistencies[i].address, heap->inconsistencies[i].what);
	fprintf(out->file, "  more:  heapcore check %s\n", view->quoted);
}

static json_t *damage_json(const struct hc_heap *heap)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < num_damage_shown(heap); i++)
		json_array_append_new(
			ret, json_pack("{so so}", "address",
				       hc_json_address(heap->inconsistencies[i].address), "what",
				       hc_json_text(heap->inconsistencies[i].what)));
	return ret;
}
/**@}*/

/** @name Where the bytes are */
/**@{*/

enum column { PART, BYTES, SHARE, REMARK, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[PART] = {"part", "", HC_COLUMN_TEXT},
	[BYTES] = {"bytes", "BYTES", HC_COLUMN_BYTES},
	[SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[REMARK] = {"", "", HC_COLUMN_TEXT, HC_COLUMN_SHRINK},
};

static void add_line(struct view *view, struct hc_table *table, const char *part, uint64_t bytes,
		     const char *remark)
{
	if (!bytes)
		return;
	hc_table_add_row(table);
	hc_table_text(table, PART, part);
	hc_table_number(table, BYTES, bytes);
	hc_table_share(table, SHARE, hc_share(bytes, view->verdict.accounting.total));
	hc_table_text(table, REMARK, remark ? remark : "");
}

/**
 * Chunks in use, by reachability. "Reachable" takes what the others leave of the accounting's
 * bytes, so that the lines add up: the pages that an mmapped chunk doesn't fill are part of it.
 */
static void add_in_use(struct view *view, struct hc_table *table)
{
	const struct hc_verdict *verdict = &view->verdict;
	const uint64_t *parts = verdict->accounting.parts;
	uint64_t in_use = parts[HC_PART_IN_USE] + parts[HC_PART_MMAPPED];
	uint64_t others = verdict->possible_bytes + verdict->lost_bytes;
	hc_cleanup_free char *lost = NULL, *reachable = NULL, *possible = NULL;

	if (asprintf(&reachable, "%s chunk%s", hc_unit_count(verdict->reachable_chunks).text,
		     hc_plural(verdict->reachable_chunks)) < 0)
		reachable = NULL;
	if (asprintf(&possible, "%s chunk%s, by interior pointers only",
		     hc_unit_count(verdict->possible_chunks).text,
		     hc_plural(verdict->possible_chunks)) < 0)
		possible = NULL;
	/* Short: with millions of both it must fit beside the numbers. */
	if (asprintf(&lost, "%s root object%s, %s below",
		     hc_unit_count(verdict->leaks.definite.chunks).text,
		     hc_plural(verdict->leaks.definite.chunks),
		     hc_unit_count(verdict->leaks.indirect.chunks).text) < 0)
		lost = NULL;
	add_line(view, table, "in use, reachable", in_use > others ? in_use - others : 0,
		 reachable);
	add_line(view, table, "in use, possibly lost", verdict->possible_bytes, possible);
	add_line(view, table, "in use, unreachable", verdict->lost_bytes, lost);
}

static struct hc_error *write_accounting(struct view *view)
{
	const struct hc_accounting *accounting = &view->verdict.accounting;
	const uint64_t *parts = accounting->parts;
	hc_cleanup_free char *trim = NULL, *stacks = NULL;
	hc_cleanup_table struct hc_table table;
	uint64_t free_bytes = 0;

	hc_table_init(&table, columns, NUM_COLUMNS);
	for (enum hc_part part = HC_PART_TCACHE; part <= HC_PART_TOP; part++)
		free_bytes += parts[part];
	if (view->verdict.trimmable && asprintf(&trim, "malloc_trim could return %s of it",
						hc_unit_bytes(view->verdict.trimmable).text) < 0)
		trim = NULL;
	if (asprintf(&stacks, "%zu thread%s, %s in use", view->session->process->threads.num,
		     hc_plural(view->session->process->threads.num),
		     hc_unit_bytes(accounting->stack_live).text) < 0)
		stacks = NULL;
	if (view->session->heap)
		add_in_use(view, &table);
	add_line(view, &table, "free", free_bytes, trim);
	add_line(view, &table, "malloc's own", parts[HC_PART_OVERHEAD], NULL);
	add_line(view, &table, "heap, given back", parts[HC_PART_GIVEN_BACK],
		 "trimmed: addresses without memory");
	add_line(view, &table, "heap, not readable", parts[HC_PART_UNWALKED],
		 "damaged, missing, or not malloc's");
	add_line(view, &table, "stacks", parts[HC_PART_STACK], stacks);
	add_line(view, &table, "thread-local storage", parts[HC_PART_TLS], NULL);
	add_line(view, &table, "program's variables", parts[HC_PART_MODULE], NULL);
	add_line(view, &table, "other", parts[HC_PART_OTHER], NULL);
	add_line(view, &table, "total", accounting->total, NULL);
	fputc('\n', view->out->file);
	return hc_table_write_text(&table, view->out, 2);
}
/**@}*/

/** @name The suspects */
/**@{*/

/** A line below a suspect: "   label:  text", as much of it as fits. */
static void write_detail(struct view *view, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define DETAIL_INDENT 12

static void write_detail(struct view *view, const char *label, const char *format, ...)
{
	hc_cleanup_free char *text = NULL;
	char first[32];
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	snprintf(first, sizeof(first), "   %-*s", DETAIL_INDENT - 3, label);
	hc_text_paragraph(view->out, first, DETAIL_INDENT, false, "%s", text ? text : "");
}

/** What hangs below the root objects of a group: ", each with 3 chunks below it". */
static char *describe_below(const struct hc_leak_group *group)
{
	uint64_t roots = group->roots.chunks, below = group->below.chunks;
	bool even = roots && below % roots == 0;
	uint64_t shown = even ? below / roots : below;
	char *ret;

	if (!below)
		return strdup("");
	if (asprintf(&ret, ", %swith %s chunk%s below%s", even && roots > 1 ? "each " : "",
		     hc_unit_count(shown).text, hc_plural(shown), even ? " it" : " them") < 0)
		return NULL;
	return ret;
}

/** The sentence that names a suspect. To be freed by the caller. */
static char *describe(const struct view *view, const struct hc_suspect *suspect)
{
	const struct hc_leak_group *group = suspect->group;
	hc_cleanup_free char *below = group ? describe_below(group) : NULL;
	uint64_t count = group ? group->roots.chunks : suspect->count.chunks;
	char *ret;

	if (suspect->max_size > suspect->size)
		return asprintf(&ret,
				"%s chunks of %s to %s bytes in use and still referenced: %s, %s",
				hc_unit_count(count).text, hc_unit_count(suspect->size).text,
				hc_unit_count(suspect->max_size).text,
				hc_unit_bytes(suspect->count.bytes).text,
				hc_unit_share(suspect->share).text) < 0
			       ? NULL
			       : ret;
	if (asprintf(&ret, "%s %s %s-byte %s%s %s%s: %s, %s", hc_unit_count(count).text,
		     hc_text_times(view->out), hc_unit_count(suspect->size).text,
		     group ? "object" : "chunk", hc_plural(count),
		     group ? "lost" : "in use and still referenced", below ? below : "",
		     hc_unit_bytes(suspect->count.bytes).text,
		     hc_unit_share(suspect->share).text) < 0)
		return NULL;
	return ret;
}

/** The command that shows more of a suspect. To be freed by the caller. */
static char *more_command(const struct view *view, const struct hc_suspect *suspect)
{
	struct hc_chunk chunk;
	char *ret;

	if (suspect->group)
		return asprintf(&ret, "heapcore leaks %s --group %zu", view->quoted,
				suspect->group_number) < 0
			       ? NULL
			       : ret;
	/*
	 * --size takes usable bytes, which differ from the chunk size by what the allocator keeps
	 * of it.
	 */
	if (!suspect->sample || !hc_heap_chunk_at(view->session->heap, suspect->sample, &chunk))
		return NULL;
	const char *class = hc_class_name(view->session, suspect->class);
	uint64_t kept = chunk.size - chunk.usable;
	hc_cleanup_free char *to = NULL;
	if (suspect->max_size > suspect->size &&
	    asprintf(&to, "-%" PRIu64, suspect->max_size - kept) < 0)
		return NULL;
	return asprintf(&ret, "heapcore chunks %s --size %" PRIu64 "%s%s%s", view->quoted,
			suspect->size - kept, to ? to : "", class ? " --class " : "",
			class ? class : "") < 0
		       ? NULL
		       : ret;
}

/** Name of the type of a suspect; NULL when there is none, or it does not show. To be freed. */
static char *type_name(const struct view *view, const struct hc_suspect *suspect)
{
	const char *name;

	if (suspect->type == HC_TYPE_NONE || !hc_session_shows_class(view->session))
		return NULL;
	name = hc_type_name(view->session->types, suspect->type);
	return name ? hc_escape_string(name,
				       HC_ESCAPE_PLAIN | (view->out->utf8 ? HC_ESCAPE_UTF8 : 0))
		    : NULL;
}

static void write_type(struct view *view, const struct hc_suspect *suspect)
{
	const struct hc_leak_group *group = suspect->group;
	uint64_t all = group ? group->roots.chunks : suspect->count.chunks;
	hc_cleanup_free char *name = type_name(view, suspect);

	if (!name)
		return;
	if (suspect->type_chunks >= all)
		write_detail(view, "type:", "%s (C++ class)%s", name,
			     all > 1 ? " in all of them" : "");
	else
		write_detail(view, "type:", "%s (C++ class) in %s of them", name,
			     hc_unit_count(suspect->type_chunks).text);
}

static void write_content(struct view *view, const struct hc_suspect *suspect)
{
	const char *title = hc_class_title(view->session, suspect->class);

	if (!title)
		return;
	const struct hc_leak_group *group = suspect->group;
	uint64_t with = group ? group->roots_with_content : suspect->class_count.chunks;
	uint64_t all = group ? group->roots.chunks : suspect->count.chunks;
	if (with >= all)
		write_detail(view, "content:", "%s%s", title, all > 1 ? " in all of them" : "");
	else
		write_detail(view, "content:", "%s in %s of them", title, hc_unit_count(with).text);
}

/** Texts that stand below a suspect already, as they are shown. */
struct shared {
	char *texts[2 * MAX_SHARED];
	size_t num;
};

/**
 * One text that most chunks of a suspect's content share. Long texts may differ where they are cut
 * off; the first stands for all that look the same.
 */
static void write_shared(struct view *view, struct shared *shared, struct hc_bytes text,
			 uint64_t chunks, uint64_t counted, bool all)
{
	const char *label = shared->num ? "" : "repeats:";
	char *shown = hc_session_escape(view->session, text, SHARED_WIDTH,
					view->out->utf8 ? HC_ESCAPE_UTF8 : 0);

	for (size_t i = 0; shown && i < shared->num; i++) {
		if (strcmp(shared->texts[i], shown) == 0) {
			free(shown);
			return;
		}
	}
	if (!shown)
		return;
	shared->texts[shared->num++] = shown;
	if (all)
		write_detail(view, label, "%s in %s", shown, hc_unit_count(chunks).text);
	else
		write_detail(view, label, "%s in %s of %s looked at", shown,
			     hc_unit_count(chunks).text, hc_unit_count(counted).text);
}

/** What lines of text are shown. */
struct shared_lines {
	const struct hc_template_line *lines[MAX_SHARED];
	size_t num;
};

/** The line with which the text of most chunks begins; where there is none, the commonest ones. */
static void choose_lines(const struct hc_template *template, struct shared_lines *ret)
{
	ret->num = 0;
	for (size_t i = 0; i < template->num_lines; i++) {
		if (hc_share(template->lines[i].chunks, template->counted) >= MIN_SHARED) {
			*ret = (struct shared_lines){{&template->lines[i]}, 1};
			return;
		}
	}
	for (size_t i = 0; i < template->num_lines && ret->num < MAX_SHARED; i++) {
		if (hc_share(template->lines[i].chunks, template->counted) >= MIN_SHARED_LINE)
			ret->lines[ret->num++] = &template->lines[i];
	}
}

/**
 * What most chunks share: texts that tell them from others of their kind, and their first line.
 * What is the same in all of them tells less, and is shown where there is nothing better.
 */
static void write_repeats(struct view *view, const struct hc_common *common)
{
	const struct hc_repeats *repeats = &common->repeats;
	struct shared shared = {0};
	struct shared_lines lines;

	choose_lines(&common->template, &lines);
	for (size_t i = 0; i < repeats->num && shared.num < MAX_SHARED; i++) {
		const struct hc_repeat *repeat = &repeats->items[i];

		if (hc_share(repeat->chunks, repeats->counted) < MIN_SHARED ||
		    (repeat->bits < HC_REPEATS_MIN_BITS && (lines.num || shared.num)))
			continue;
		write_shared(view, &shared, repeat->token.text, repeat->chunks, repeats->counted,
			     repeats->counted == common->all.chunks);
	}
	for (size_t i = 0; i < lines.num; i++) {
		const struct hc_template_line *line = lines.lines[i];

		write_shared(view, &shared,
			     (struct hc_bytes){(const uint8_t *)line->text, line->size},
			     line->chunks, common->template.counted,
			     common->template.counted == common->all.chunks);
	}
	for (size_t i = 0; i < shared.num; i++)
		free(shared.texts[i]);
}

/** What the first fields of binary chunks of one size hold. */
static void write_fields(struct view *view, const struct hc_byte_profile *profile)
{
	hc_cleanup_free char *list = NULL;
	size_t size;
	FILE *file = open_memstream(&list, &size);

	if (!file)
		return;
	for (size_t i = 0; i < profile->num_fields && i < MAX_FIELDS; i++) {
		hc_cleanup_free char *text = hc_field_text(view->session, &profile->fields[i]);

		fprintf(file, "%s+%u %s", i ? "; " : "", profile->fields[i].offset,
			text ? text : "");
	}
	if (profile->num_fields > MAX_FIELDS)
		fputs("; ...", file);
	if (!fclose(file))
		write_detail(view, "bytes:", "%s", list);
}

/** Whether the positions of bytes tell anything: not of all zeros, nor of noise. */
static bool has_structure(const struct hc_byte_profile *profile)
{
	for (size_t i = 0; i < profile->num_fields; i++) {
		enum hc_field_kind kind = profile->fields[i].kind;

		if (kind != HC_FIELD_ZERO && kind != HC_FIELD_NOISE && kind != HC_FIELD_MIXED)
			return true;
	}
	return false;
}

static void write_common(struct view *view, const struct hc_suspect *suspect)
{
	const struct hc_byte_profile *profile = &suspect->common.profile;
	bool textual = hc_class_of(view->session->classifier, suspect->class)->textual;

	if (hc_session_shows_bytes(view->session))
		write_repeats(view, &suspect->common);
	if (hc_session_shows_class(view->session) && !textual && has_structure(profile))
		write_fields(view, profile);
}

static void write_suspect(struct view *view, size_t i)
{
	const struct hc_suspect *suspect = &view->verdict.suspects[i];
	unsigned width = view->out->width;
	char first[24];

	snprintf(first, sizeof(first), "%-3zu", i + 1);
	hc_cleanup_free char *text = describe(view, suspect);
	fputc('\n', view->out->file);
	hc_text_paragraph(view->out, first, 3, false, "%s", text ? text : "");
	write_type(view, suspect);
	write_content(view, suspect);
	write_common(view, suspect);
	struct hc_unit address = hc_unit_address(suspect->sample);
	unsigned used = DETAIL_INDENT + strlen(address.text) + 2;
	hc_cleanup_free char *sample = hc_sampler_text(&view->sampler, suspect->sample,
						       width > used + 8 ? width - used : 8);
	if (sample)
		/* Not a paragraph: a sample keeps its blanks and fits the line. */
		fprintf(view->out->file, "   %-*s%s  %s\n", DETAIL_INDENT - 3,
			"sample:", address.text, sample);
	hc_cleanup_free char *more = more_command(view, suspect);
	if (more)
		fprintf(view->out->file, "   %-*s%s\n", DETAIL_INDENT - 3, "more:", more);
}
/**@}*/

/** @name What to do next */
/**@{*/

/** A command to type: on a line of its own and never broken, so that it can be copied. */
static void write_command(struct view *view, const char *verb, const char *more)
{
	fprintf(view->out->file, "      heapcore %s %s%s\n", verb, view->quoted, more);
}

static void next_leak(struct view *view)
{
	const struct hc_verdict *verdict = &view->verdict;
	size_t large = 0;

	while (large < verdict->num_suspects && verdict->suspects[large].share >= SMALL_SHARE)
		large++;
	if (large == 1 && verdict->suspects[0].group) {
		hc_text_paragraph(view->out, "Next: ", 6, false,
				  "find out who should free group %zu; nothing else is larger than "
				  "1 %%.",
				  verdict->suspects[0].group_number);
		return;
	}
	hc_text_paragraph(
		view->out, "Next: ", 6, false,
		"find out who should free the lost objects, the largest first. All groups:");
	write_command(view, "leaks", "");
}

static void next_growth(struct view *view)
{
	hc_text_paragraph(view->out, "Next: ", 6, false,
			  "see what the largest chunks hold, and who keeps them:");
	write_command(view, "classify", "");
	write_command(view, "what", " ADDRESS");
}

static void next_retention(struct view *view)
{
	const struct hc_verdict *verdict = &view->verdict;
	size_t arenas = view->session->heap->num_arenas;

	hc_text_paragraph(view->out, "Next: ", 6, false,
			  "malloc_trim(0) would give back %s of %s that is free.",
			  hc_unit_bytes(verdict->trimmable).text,
			  hc_unit_bytes(verdict->free_bytes).text);
	if (verdict->trimmable < verdict->free_bytes / 2)
		hc_text_paragraph(view->out, "      ", 6, false,
				  "Live chunks pin the rest: they lie between the free ones.");
	if (arenas > 2)
		hc_text_paragraph(view->out, "      ", 6, false,
				  "%zu arenas each keep memory of their own: MALLOC_ARENA_MAX=2 in "
				  "the environment, or mallopt(M_ARENA_MAX), limits them.",
				  arenas);
	if (verdict->accounting.parts[HC_PART_TOP] > verdict->free_bytes / 2)
		hc_text_paragraph(view->out, "      ", 6, false,
				  "Most of it is at the top of the heap: a lower M_TRIM_THRESHOLD "
				  "gives it back by itself.");
	hc_text_paragraph(view->out, "      ", 6, false, "Where it is:");
	write_command(view, "arenas", "");
}

static void write_next(struct view *view)
{
	const uint64_t *parts = view->verdict.accounting.parts;

	fputc('\n', view->out->file);
	switch (view->verdict.kind) {
	case HC_VERDICT_LEAK:
		next_leak(view);
		break;
	case HC_VERDICT_GROWTH:
		next_growth(view);
		break;
	case HC_VERDICT_RETENTION:
		next_retention(view);
		break;
	case HC_VERDICT_OUTSIDE:
	case HC_VERDICT_NO_HEAP:
		hc_text_paragraph(view->out, "Next: ", 6, false,
				  "see what every mapping is for, the largest first:");
		write_command(view, "maps", "");
		if (parts[HC_PART_STACK] > parts[HC_PART_OTHER])
			hc_text_paragraph(view->out, "      ", 6, false,
					  "The size of a stack comes from ulimit -s or "
					  "pthread_attr_setstacksize(3); what was never touched of it "
					  "costs no memory.");
		break;
	case HC_VERDICT_NOTHING:
		hc_text_paragraph(view->out, "Next: ", 6, false,
				  "see which sizes of chunks there are, and what is in them:");
		write_command(view, "histogram", "");
		write_command(view, "classify", "");
		break;
	}
}
/**@}*/

static struct hc_error *write_text(struct view *view)
{
	hc_session_write_partial(view->session);
	write_identity(view);
	write_damage(view);
	write_verdict(view);
	struct hc_error *err = write_accounting(view);
	if (err)
		return err;
	for (size_t i = 0; i < view->verdict.num_suspects; i++) {
		const struct hc_suspect *suspect = &view->verdict.suspects[i];
		/* Every loss is worth a line; what is referenced and small is not. */
		if (suspect->group || suspect->share >= SMALL_SHARE)
			write_suspect(view, i);
	}
	write_next(view);
	return NULL;
}

/** @name JSON */
/**@{*/

static json_t *parts_json(const struct hc_accounting *accounting)
{
	json_t *ret = json_array();

	for (enum hc_part part = 0; part < HC_NUM_PARTS; part++)
		json_array_append_new(ret,
				      json_pack("{ss so so}", "part", hc_part_name(part), "chunks",
						hc_json_number(accounting->chunks[part]), "bytes",
						hc_json_number(accounting->parts[part])));
	return ret;
}

static json_t *accounting_json(const struct hc_accounting *accounting)
{
	bool resident = accounting->resident != HC_UNKNOWN_BYTES;

	return json_pack("{so so so so so so so}", "total", hc_json_number(accounting->total), "parts",
			 parts_json(accounting), "stack_live",
			 hc_json_number(accounting->stack_live), "missing", hc_json_number(accounting->missing),
			 "reserved", hc_json_number(accounting->reserved), "file_backed",
			 hc_json_number(accounting->file_backed), "resident",
			 resident ? hc_json_number(accounting->resident) : json_null());
}

static json_t *reach_json(const struct hc_verdict *verdict)
{
	struct hc_count reachable = {verdict->reachable_chunks, verdict->reachable_bytes};
	struct hc_count possible = {verdict->possible_chunks, verdict->possible_bytes};

	return json_pack("{so so so so}", "reachable", hc_json_count(&reachable), "possible",
			 hc_json_count(&possible), "indirect",
			 hc_json_count(&verdict->leaks.indirect), "definite",
			 hc_json_count(&verdict->leaks.definite));
}

static json_t *suspect_json(const struct view *view, const struct hc_suspect *suspect)
{
	const struct hc_leak_group *group = suspect->group;
	bool classes = hc_session_shows_class(view->session);
	hc_cleanup_free char *sample = hc_sampler_text(&view->sampler, suspect->sample, 0);
	hc_cleanup_free char *more = more_command(view, suspect);
	hc_cleanup_free char *text = describe(view, suspect);
	json_t *ret = json_pack("{so so so so so so so}", "text", hc_json_text(text), "leaked",
				json_boolean(group), "size", hc_json_number(suspect->size),
				"max_size", hc_json_number(suspect->max_size), "chunks", hc_json_number(suspect->count.chunks), "bytes",
				hc_json_number(suspect->count.bytes), "share",
				hc_json_share(suspect->share));

	json_object_set_new(ret, "group",
			    group ? hc_json_number(suspect->group_number) : json_null());
	json_object_set_new(ret, "roots", group ? hc_json_count(&group->roots) : json_null());
	json_object_set_new(ret, "below", group ? hc_json_count(&group->below) : json_null());
	json_object_set_new(ret, "roots_with_content",
			    group && classes ? hc_json_number(group->roots_with_content)
					     : json_null());
	hc_cleanup_free char *type = type_name(view, suspect);
	json_object_set_new(ret, "type", hc_json_text(type));
	json_object_set_new(ret, "type_chunks",
			    type ? hc_json_number(suspect->type_chunks) : json_null());
	json_object_set_new(ret, "class",
			    hc_json_text(hc_class_name(view->session, suspect->class)));
	json_object_set_new(ret, "class_count",
			    classes ? hc_json_count(&suspect->class_count) : json_null());
	json_object_set_new(ret, "common", hc_common_json(view->session, &suspect->common, false));
	json_object_set_new(ret, "sample_address",
			    suspect->sample ? hc_json_address(suspect->sample) : json_null());
	json_object_set_new(ret, "sample", hc_json_text(sample));
	json_object_set_new(ret, "more", hc_json_text(more));
	return ret;
}

static json_t *process_json(const struct hc_session *session)
{
	const struct hc_process *process = session->process;
	const struct hc_core *core = process->core;
	const struct hc_heap *heap = session->heap;

	return json_pack("{so so ss so so so so}", "name", hc_json_text(process_name(process)),
			 "pid", core->has_prpsinfo ? json_integer(core->prpsinfo.pid) : json_null(),
			 "machine", core->machine->name, "glibc",
			 hc_json_text(heap ? heap->evidence.version : NULL), "threads",
			 hc_json_number(process->threads.num), "dumped_bytes",
			 hc_json_number(core->bytes_promised), "available_bytes",
			 hc_json_number(core->bytes_available));
}

static struct hc_error *write_json(struct view *view)
{
	const struct hc_verdict *verdict = &view->verdict;
	hc_cleanup_json json_t *document = hc_session_json(view->session);
	bool heap = view->session->heap;
	json_t *suspects = json_array();

	for (size_t i = 0; i < verdict->num_suspects; i++)
		json_array_append_new(suspects, suspect_json(view, &verdict->suspects[i]));
	json_object_set_new(document, "process", process_json(view->session));
	json_object_set_new(document, "verdict", json_string(hc_verdict_name(verdict->kind)));
	const struct hc_heap *opened = view->session->heap;
	json_object_set_new(document, "abort_message",
			    hc_json_text(opened ? opened->abort_message : NULL));
	json_object_set_new(document, "damage", damage_json(opened));
	json_object_set_new(document, "inconsistencies_total",
			    hc_json_number(opened ? opened->inconsistencies_total : 0));
	json_object_set_new(document, "no_heap", hc_json_text(view->session->no_heap));
	json_object_set_new(document, "accounting", accounting_json(&verdict->accounting));
	json_object_set_new(document, "reach", heap ? reach_json(verdict) : json_null());
	json_object_set_new(document, "lost_bytes", hc_json_number(verdict->lost_bytes));
	json_object_set_new(document, "free_bytes", hc_json_number(verdict->free_bytes));
	json_object_set_new(document, "trimmable_bytes", hc_json_number(verdict->trimmable));
	json_object_set_new(document, "arenas",
			    hc_json_number(heap ? view->session->heap->num_arenas : 0));
	json_object_set_new(document, "suspects", suspects);
	return hc_json_write(view->out, document);
}
/**@}*/

static void view_deinit(struct view *view)
{
	hc_verdict_deinit(&view->verdict);
	hc_sampler_deinit(&view->sampler);
	free(view->quoted);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(view_deinit) struct view view = {session, &session->out};

	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (err)
		return err;
	if (session->heap)
		err = hc_session_types(session, HC_TYPES_QUICK);
	if (err)
		return err;
	hc_session_phase(session, "following pointers");
	err = hc_verdict_run(session->process, session->heap, session->classifier, session->types,
			     &view.verdict);
	if (!err && session->heap)
		err = hc_sampler_init(&view.sampler, session);
	hc_session_phase(session, NULL);
	if (err)
		return err;

	session->reach = view.verdict.reach;
	view.quoted = hc_shell_quote(session->options->core);
	if (!view.quoted)
		return &hc_enomem;
	if (own->has_limit && view.verdict.lost_bytes > own->fail_above)
		session->status = 1;
	return session->options->format == HC_FORMAT_JSON ? write_json(&view) : write_text(&view);
}

const struct hc_verb hc_verb_analyze = {
	.name = "analyze",
	.arguments = "CORE",
	.summary = "where the memory is, what is suspicious, what to do next",
	.description =
		"Accounts for every anonymous byte of the core, says whether memory was leaked, is "
		"still "
		"referenced, or was freed and kept by malloc, and names the largest suspects.",
	.examples = "  heapcore analyze core.1234\n"
		    "  heapcore analyze core.1234 --fail-if-leaked 1M\n"
		    "  heapcore analyze core.1234 --format json --content class\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_TREE,
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
