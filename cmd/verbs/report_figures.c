/**
 * @file
 * What a report draws; see report.h.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/counts/heap_map.h"
#include "cmd/render/html.h"
#include "cmd/render/html_charts.h"
#include "cmd/render/units.h"
#include "cmd/verbs/analyze.h"
#include "cmd/verbs/report.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** A column of a table by its name; that of the end when it has none. */
static unsigned column_of(const struct hc_table *table, const char *name)
{
	unsigned i = 0;

	while (i < table->shape->num_columns && strcmp(table->shape->columns[i].name, name))
		i++;
	return i;
}

/** 0 for what is no number, and where there is no such column. */
static uint64_t number_at(const struct hc_table *table, size_t row, const char *name)
{
	unsigned column = column_of(table, name);

	if (column == table->shape->num_columns)
		return 0;
	const struct hc_cell *cell = hc_table_at(table, row, column);
	bool is_number = cell->kind == HC_CELL_COUNT || cell->kind == HC_CELL_NUMBER ||
			 cell->kind == HC_CELL_BYTES || cell->kind == HC_CELL_ADDRESS;

	return is_number ? cell->number : 0;
}

/** "" for what is no text, and where there is no such column. */
static const char *text_at(const struct hc_table *table, size_t row, const char *name)
{
	unsigned column = column_of(table, name);

	if (column == table->shape->num_columns)
		return "";
	const struct hc_cell *cell = hc_table_at(table, row, column);
	bool is_text = cell->kind == HC_CELL_TEXT || cell->kind == HC_CELL_NAME;

	return is_text ? cell->text : "";
}

/** @name Where the bytes are */
/**@{*/

/** Colours of the parts, by what analyze calls them; the others get what is left. */
static unsigned part_color(const char *name)
{
	static const struct {
		const char *name;
		unsigned color;
	} colors[] = {
		{"in use, reachable", 0},
		{"in use, possibly held", 5},
		{"in use, lost", 1},
		{"free", 2},
		{"malloc's own", 9},
		{"stacks", 3},
		{"thread-local storage", 4},
		{"program's variables", 6},
		{"other", 8},
	};

	for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++)
		if (!strcmp(colors[i].name, name))
			return colors[i].color;
	return 7;
}

#define MAX_PARTS 32

/** The last row is the total. */
static void draw_accounting(const struct hc_table *table, FILE *file)
{
	struct hc_html_part parts[MAX_PARTS];
	size_t num = 0;

	for (size_t r = 0; r + 1 < table->num_rows && num < MAX_PARTS; r++) {
		const char *name = text_at(table, r, "part");

		parts[num++] =
			(struct hc_html_part){name, number_at(table, r, "bytes"), part_color(name)};
	}
	hc_html_bar(file, "Where the bytes are; the table below says the same", parts, num);
}
/**@}*/

/** @name Address space */
/**@{*/

/** What kinds of mappings have a colour together. */
static const struct space_kind {
	const char *title;
	const char *kinds; /**< names of enum hc_mapping_kind, with blanks around each */
} space_kinds[] = {
	{"heap of the main arena", " main-heap heap "},
	{"heaps of other arenas", " thread-heap heap-reserve "},
	{"mmapped chunks", " mmapped-chunk "},
	{"stacks", " stack main-stack stack-guard stack-cached "},
	{"thread-local storage", " tls "},
	{"other anonymous memory", " anonymous "},
	{"executable and libraries", " text rodata data bss "},
	{"files and shared memory", " file shared vdso "},
	{"reserved", " reserved "},
};

#define NUM_SPACE_KINDS (sizeof(space_kinds) / sizeof(space_kinds[0]))

static unsigned space_kind_of(const char *name)
{
	char word[32];

	snprintf(word, sizeof(word), " %s ", name);
	for (unsigned i = 0; i < NUM_SPACE_KINDS; i++)
		if (strstr(space_kinds[i].kinds, word))
			return i;
	return NUM_SPACE_KINDS - 1;
}

/** Row of a mapping, to be put in the order of addresses. */
struct space_row {
	uint64_t start, size, touched;
	const char *kind, *title, *name;
};

static int by_start(const void *a, const void *b)
{
	const struct space_row *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void put_space(const struct space_row *rows, size_t num, FILE *file)
{
	hc_cleanup_free struct hc_html_box *boxes = calloc(num, sizeof(*boxes));
	struct hc_html_part legend[NUM_SPACE_KINDS];

	for (unsigned i = 0; i < NUM_SPACE_KINDS; i++)
		legend[i] = (struct hc_html_part){space_kinds[i].title, 0, i};
	for (size_t i = 0; boxes && i < num; i++) {
		const struct space_row *row = &rows[i];
		unsigned kind = space_kind_of(row->kind);

		legend[kind].bytes += row->size;
		boxes[i] = (struct hc_html_box){
			hc_format("%s %s%s%s, %s, %s touched", hc_unit_address(row->start).text,
				  row->title, *row->name ? " " : "", row->name,
				  hc_unit_bytes(row->size).text, hc_unit_bytes(row->touched).text),
			/* A page is one unit wide, a gigabyte about twenty. */
			1 + log2(1 + row->size / 4096.0), hc_share(row->touched, row->size), kind};
	}
	fputs("<figure>", file);
	if (boxes)
		hc_html_boxes(file,
			      "Mappings by address: wider where larger, filled as far as touched; "
			      "the table below says the same",
			      boxes, num);
	hc_html_legend(file, legend, NUM_SPACE_KINDS);
	fputs("<figcaption>By address. Width grows with the logarithm of the size; what is filled "
	      "is touched.</figcaption></figure>\n",
	      file);
	for (size_t i = 0; boxes && i < num; i++)
		free((char *)boxes[i].title);
}

static void draw_space(const struct hc_table *table, FILE *file)
{
	size_t num = table->limit < table->num_rows ? table->limit : table->num_rows;
	hc_cleanup_free struct space_row *rows = calloc(num ? num : 1, sizeof(*rows));

	if (!rows || !num)
		return;
	for (size_t r = 0; r < num; r++)
		rows[r] = (struct space_row){
			number_at(table, r, "start"),   number_at(table, r, "size"),
			number_at(table, r, "touched"), text_at(table, r, "kind"),
			text_at(table, r, "title"),     text_at(table, r, "name")};
	qsort(rows, num, sizeof(*rows), by_start);
	put_space(rows, num, file);
}
/**@}*/

void hc_report_draw_table(const struct hc_table *table, FILE *file)
{
	const char *key = table->shape->key, *name = table->shape->name;

	if (name && !strcmp(name, hc_analysis_lines_shape.name))
		draw_accounting(table, file);
	else if (key && !strcmp(key, "mappings") &&
		 column_of(table, "title") < table->shape->num_columns)
		draw_space(table, file);
}

/** @name The heap */
/**@{*/

/** Columns of all strips together. */
static const size_t strip_columns[HC_NUM_DETAILS] = {1024, 4096, 16384};

/** With more runs the page doesn't tell addresses. */
#define MAX_RUNS 256

static const struct {
	const char *name;
	unsigned color;
} layers[HC_NUM_MAP_LAYERS] = {
	[HC_MAP_IN_USE] = {"in use", 0},
	[HC_MAP_LOST] = {"lost", 1},
	[HC_MAP_PINNED] = {"free, pinned by neighbours on its page", 7},
	[HC_MAP_FREE] = {"free, whole pages", 2},
	[HC_MAP_OWN] = {"the allocator's own", 9},
};

/** "start:bytes start:bytes", hexadecimal. */
static char *runs_text(const struct hc_heap_map *map, const struct hc_map_strip *strip)
{
	char *ret = NULL;
	size_t size, num = strip->num_runs <= MAX_RUNS ? strip->num_runs : 0;
	FILE *file = open_memstream(&ret, &size);

	if (!file)
		return NULL;
	for (size_t i = 0; i < num; i++) {
		const struct hc_map_run *run = &map->runs[strip->first_run + i];
		fprintf(file, "%s%" PRIx64 ":%" PRIx64, i ? " " : "", run->start, run->bytes);
	}
	if (!fclose(file))
		return ret;
	free(ret);
	return NULL;
}

/** "arena 0: 1.2 GiB; in use 60 %, lost 20 %, …" */
static char *strip_label(const struct hc_map_strip *strip)
{
	char *ret = NULL;
	size_t size;
	FILE *file = open_memstream(&ret, &size);

	if (!file)
		return NULL;
	if (strip->arena == HC_ARENA_MMAP)
		fputs("mmapped chunks", file);
	else
		fprintf(file, "arena %" PRIu32, strip->arena);
	fprintf(file, ": %s", hc_unit_bytes(strip->bytes).text);
	for (unsigned i = 0; i < HC_NUM_MAP_LAYERS; i++)
		if (strip->layers[i])
			fprintf(file, ", %s %s", layers[i].name,
				hc_unit_share(hc_share(strip->layers[i], strip->bytes)).text);
	if (!fclose(file))
		return ret;
	free(ret);
	return NULL;
}

static struct hc_error *put_strip(const struct hc_heap_map *map, const struct hc_map_strip *strip,
				  FILE *file)
{
	hc_cleanup_free char *label = strip_label(strip), *runs = runs_text(map, strip);
	hc_cleanup_free struct hc_html_column *columns =
		calloc(strip->num_columns, sizeof(*columns));

	if (!label || !runs || !columns)
		return &hc_enomem;
	struct hc_html_strip out = {.label = label,
				    .runs = runs,
				    .column_bytes = map->column_bytes,
				    .columns = columns,
				    .num_columns = strip->num_columns};
	for (unsigned layer = 0; layer < HC_NUM_MAP_LAYERS; layer++)
		out.colors[layer] = layers[layer].color;
	for (size_t i = 0; i < strip->num_columns; i++)
		for (unsigned layer = 0; layer < HC_NUM_MAP_LAYERS; layer++)
			columns[i].layers[layer] =
				hc_share(map->columns[strip->first_column + i].bytes[layer],
					 map->column_bytes);
	hc_html_put_strip(file, &out);
	return NULL;
}

static struct hc_error *put_map(const struct hc_heap_map *map, FILE *file)
{
	struct hc_html_part legend[HC_NUM_MAP_LAYERS];
	struct hc_error *err = NULL;

	for (unsigned layer = 0; layer < HC_NUM_MAP_LAYERS; layer++)
		legend[layer] = (struct hc_html_part){layers[layer].name, 0, layers[layer].color};
	for (size_t i = 0; i < map->num_strips; i++)
		for (unsigned layer = 0; layer < HC_NUM_MAP_LAYERS; layer++)
			legend[layer].bytes += map->strips[i].layers[layer];
	fprintf(file, "<h3>Map of the heap</h3>\n<p class=\"note\">By address, %s a column.",
		hc_unit_bytes(map->column_bytes).text);
	if (map->left_out)
		fprintf(file, " %zu smaller arenas (%s) are not drawn.", map->left_out,
			hc_unit_bytes(map->left_out_bytes).text);
	fputs("<span class=\"js\"> Wheel, + and - enlarge, arrows move, 0 shows all.</span></p>\n",
	      file);
	hc_html_legend(file, legend, HC_NUM_MAP_LAYERS);
	for (size_t i = 0; !err && i < map->num_strips; i++)
		err = put_strip(map, &map->strips[i], file);
	return err;
}

struct hc_error *hc_report_find_map(struct hc_session *session, enum hc_detail detail,
				    struct hc_heap_map *ret)
{
	struct hc_error *err = hc_heap_map_run(session->target, strip_columns[detail], ret);

	hc_session_phase(session, NULL);
	return err;
}

struct hc_error *hc_report_draw_map(const struct hc_heap_map *map, FILE *file)
{
	return map->num_strips ? put_map(map, file) : NULL;
}
/**@}*/

/** @name Who holds what */
/**@{*/

#define FLAME_WIDTH 1000.0
#define FLAME_STEP 20
/** Narrower than that, nothing would be seen. */
#define FLAME_LEAST 0.5
#define FLAME_DEPTH 24
#define FLAME_BOXES 2000
/** Units that a letter takes; all are of one width. */
#define FLAME_LETTER 7.3

/** A frame with all that stands below it. */
struct flame {
	uint64_t chunks, bytes;
	double x, next; /**< where it begins, and where what it holds goes on */
	unsigned depth;
};

static uint64_t add(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

/** Frames stand behind their callers: sums go up from the end, places down from the beginning. */
static uint64_t lay_flames(const struct hc_stacks *stacks, struct flame *flames)
{
	uint64_t total = 0;

	for (size_t i = stacks->num; i--;) {
		const struct hc_stack_frame *frame = &stacks->items[i];

		flames[i].chunks = add(flames[i].chunks, frame->own.chunks);
		flames[i].bytes = add(flames[i].bytes, frame->own.bytes);
		if (!frame->caller) {
			total = add(total, flames[i].bytes);
			continue;
		}
		struct flame *caller = &flames[frame->caller - 1];
		caller->chunks = add(caller->chunks, flames[i].chunks);
		caller->bytes = add(caller->bytes, flames[i].bytes);
	}
	double next = 0;
	for (size_t i = 0; i < stacks->num; i++) {
		struct flame *caller =
			stacks->items[i].caller ? &flames[stacks->items[i].caller - 1] : NULL;
		double *place = caller ? &caller->next : &next;

		flames[i].x = flames[i].next = *place;
		flames[i].depth = caller ? caller->depth + 1 : 0;
		*place += hc_share(flames[i].bytes, total) * FLAME_WIDTH;
	}
	return total;
}

static bool flame_shows(const struct flame *flame, uint64_t total)
{
	return hc_share(flame->bytes, total) * FLAME_WIDTH >= FLAME_LEAST &&
	       flame->depth < FLAME_DEPTH;
}

/** Letters that a character takes, at most, by its first byte; 0 within one. */
static unsigned letters_of(char c)
{
	uint8_t byte = c;

	return byte >= 0xe1 ? 2 : (byte & 0xc0) != 0x80;
}

/** As much of a name as fits, whole characters. */
static void put_name(FILE *file, const char *name, double width)
{
	size_t room = width > 10 ? (width - 10) / FLAME_LETTER : 0, letters = 0, size = 0;

	for (const char *c = name; *c; c++)
		letters += letters_of(*c);
	if (letters <= room) {
		hc_html_put(file, name);
		return;
	}
	if (room < 4)
		return;
	letters = 0;
	while (letters + letters_of(name[size]) < room)
		letters += letters_of(name[size++]);
	while (!letters_of(name[size]))
		size++;
	hc_cleanup_free char *cut = strndup(name, size);
	hc_html_put(file, cut ? cut : "");
	fputs("\xe2\x80\xa6", file);
}

static void put_flame(FILE *file, const char *name, const struct flame *flame, uint64_t total)
{
	double width = hc_share(flame->bytes, total) * FLAME_WIDTH;
	unsigned y = flame->depth * FLAME_STEP;
	hc_cleanup_free char *text =
		hc_format("%s: %s, %s, %s chunk%s", name, hc_unit_bytes(flame->bytes).text,
			  hc_unit_share(hc_share(flame->bytes, total)).text,
			  hc_unit_count(flame->chunks).text, flame->chunks == 1 ? "" : "s");

	fputs("<g role=\"img\" aria-label=\"", file);
	hc_html_put(file, text ? text : "");
	fputs("\"><title>", file);
	hc_html_put(file, text ? text : "");
	fprintf(file,
		"</title><rect class=\"f%u\" x=\"%.2f\" y=\"%u\" width=\"%.2f\" height=\"%d\"/>",
		flame->depth % 4, flame->x, y, width, FLAME_STEP);
	fprintf(file, "<text x=\"%.2f\" y=\"%u\">", flame->x + 5, y + 14);
	put_name(file, name, width);
	fputs("</text></g>", file);
}

static void put_flames(const struct hc_stacks *stacks, const struct flame *flames, uint64_t total,
		       const struct hc_look *look, FILE *file)
{
	unsigned depth = 0, boxes = 0;

	for (size_t i = 0; i < stacks->num; i++)
		if (flame_shows(&flames[i], total) && flames[i].depth > depth)
			depth = flames[i].depth;
	fprintf(file,
		"<figure><svg class=\"chart flame\" viewBox=\"0 0 %.0f %u\" role=\"group\" "
		"aria-label=\"Who holds what, step by step; the table below has the holders\">",
		FLAME_WIDTH, (depth + 1) * FLAME_STEP);
	for (size_t i = 0; i < stacks->num && boxes < FLAME_BOXES; i++) {
		if (!flame_shows(&flames[i], total))
			continue;
		hc_cleanup_free char *name = hc_stack_name(stacks, i, look);
		put_flame(file, name ? name : "", &flames[i], total);
		boxes++;
	}
	fputs("</svg><figcaption>From holders, at the top, down to what they hold: as wide as the "
	      "bytes that would be free without it.</figcaption></figure>\n",
	      file);
}

struct hc_error *hc_report_draw_stacks(const struct hc_stacks *stacks, const struct hc_look *look,
				       FILE *file)
{
	hc_cleanup_free struct flame *flames = calloc(stacks->num + 1, sizeof(*flames));

	if (!flames)
		return &hc_enomem;
	uint64_t total = lay_flames(stacks, flames);
	if (total)
		put_flames(stacks, flames, total, look, file);
	return NULL;
}
/**@}*/
