/**
 * @file
 * Learning the template: shapes, then their values, from a few thousand chunks in the calling
 * thread; then counting the lines of these shapes in all chunks, in parallel (count_lines.c).
 *
 * A shape is written as text, so that the table of distinct texts (top_texts.h) can count it: the
 * first atom that is not empty, normalised, a zero byte, and the separators.
 */
#include "analyzers/alike/template.h"

#include <math.h>
#include <stdlib.h>

#include "analyzers/alike/chunk_lines.h"
#include "analyzers/alike/count_lines.h"
#include "analyzers/texts/top_texts.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"
#include "core/base/parallel.h"

#define MAX_PATTERN 64 /**< bytes of a normalised atom; longer ones are cut */
#define MAX_SHAPE (MAX_PATTERN + 1 + HC_TEMPLATE_MAX_ATOMS)
#define TASK_CHUNKS 64

/** @name Normal forms */
/**@{*/

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/** 8-4-4-4-12 hexadecimal digits (RFC 9562). */
static bool is_uuid(struct hc_bytes atom)
{
	if (atom.size != 36)
		return false;
	for (size_t i = 0; i < atom.size; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? atom.data[i] != '-' : !is_hex(atom.data[i]))
			return false;
	}
	return true;
}

/** At least eight hexadecimal digits, letters and digits among them. */
static bool is_hex_number(struct hc_bytes atom)
{
	size_t digits = 0;

	if (atom.size < 8)
		return false;
	for (size_t i = 0; i < atom.size; i++) {
		if (!is_hex(atom.data[i]))
			return false;
		digits += is_digit(atom.data[i]);
	}
	return digits && digits < atom.size;
}

/** What an atom looks like: U, H, or itself with N for each run of digits. @return its size */
static size_t normalise(struct hc_bytes atom, char ret[MAX_PATTERN])
{
	size_t size = 0;

	if (is_uuid(atom) || is_hex_number(atom)) {
		ret[0] = atom.size == 36 && is_uuid(atom) ? 'U' : 'H';
		return 1;
	}
	for (size_t i = 0; i < atom.size && size < MAX_PATTERN; i++) {
		if (!is_digit(atom.data[i]))
			ret[size++] = atom.data[i];
		else if (!i || !is_digit(atom.data[i - 1]))
			ret[size++] = 'N';
	}
	return size;
}
/**@}*/

/** @name Shapes */
/**@{*/

/** A line, cut. */
struct cut_line {
	struct hc_bytes atoms[HC_TEMPLATE_MAX_ATOMS];
	size_t num_atoms;
	char shape[MAX_SHAPE];
	size_t shape_size;
};

static void cut(struct hc_bytes line, struct cut_line *ret)
{
	size_t first = 0;

	ret->num_atoms = hc_atoms_of_line(line, ret->atoms, HC_TEMPLATE_MAX_ATOMS);
	while (first + 1 < ret->num_atoms && !ret->atoms[first].size)
		first++;
	ret->shape_size = normalise(ret->atoms[first], ret->shape);
	ret->shape[ret->shape_size++] = 0;
	for (size_t i = 0; i + 1 < ret->num_atoms; i++)
		ret->shape[ret->shape_size++] = ret->atoms[i].data[ret->atoms[i].size];
}

static struct hc_bytes shape_of(const struct cut_line *line)
{
	return (struct hc_bytes){(const uint8_t *)line->shape, line->shape_size};
}

/** The lines of a chunk, one after the other. */
struct chunk_lines {
	struct hc_lines lines;
	size_t num;
};

static void open_chunk(const struct hc_heap *heap, uint64_t address, struct chunk_lines *ret)
{
	hc_chunk_lines_init(heap, address, HC_TEMPLATE_WINDOW, &ret->lines);
	ret->num = 0;
}

static bool next_line(struct chunk_lines *lines, struct cut_line *ret)
{
	struct hc_bytes line;

	if (lines->num == HC_TEMPLATE_MAX_CHUNK_LINES || !hc_lines_next(&lines->lines, &line))
		return false;
	lines->num++;
	cut(line, ret);
	return true;
}
/**@}*/

/** Distances between lines that are told apart. */
#define MAX_GAPS 8

/** Lines of one shape in whole chunks. */
struct whole_lines {
	uint64_t matches, chunks, distances;
	struct {
		uint64_t gap, num;
	} gaps[MAX_GAPS];
};

/** What one processor has counted in whole chunks. */
struct whole {
	struct whole_lines shapes[HC_TEMPLATE_MAX_LINES];
};

/** A shape that many chunks have. */
struct shape {
	struct hc_bytes text; /* in the table of shapes */
	size_t num_atoms;
	char separators[HC_TEMPLATE_MAX_ATOMS];
	struct hc_top_texts values[HC_TEMPLATE_MAX_ATOMS];
	uint64_t lines, places; /* learned lines, and the sum of their numbers in their chunks */
	uint64_t chunks;        /* counted */
	struct hc_template_line whole; /* matches, matched_chunks, gap */
};

/** Lines that are kept with the shape they had: they repeat; a power of two. */
#define MEMO_LINES 256
#define MAX_MEMO_SIZE 64 /**< bytes of such a line */

struct memo {
	struct {
		const uint8_t *data; /* in the core */
		uint8_t size;        /* 0: nothing is here */
		uint8_t shape;       /* of the run, or num_shapes */
	} lines[MEMO_LINES];
};

/** What a worker counts lines with. */
struct worker {
	struct memo memo;
	uint64_t seen;  /* a bit for each shape that the chunk it is at has */
	unsigned lines; /* of that chunk, so far */
	uint64_t counts[HC_TEMPLATE_MAX_LINES];
};

struct hc_template_pass {
	const struct hc_process *process;
	const struct hc_heap *heap;
	const struct hc_chunk_sample *sample;
	struct hc_chunk_subsample chunks; /* that are looked at now */
	struct hc_top_texts table;        /* of shapes */
	struct shape *shapes;
	size_t num_shapes;
	struct worker *workers;
	struct whole *wholes; /* of each worker, of whole chunks */
	struct hc_template text_template;
};

/** Index of a line's shape, or num_shapes. */
static size_t find_shape(const struct hc_template_pass *pass, const struct cut_line *line)
{
	size_t i = 0;

	while (i < pass->num_shapes &&
	       (pass->shapes[i].text.size != line->shape_size ||
		memcmp(pass->shapes[i].text.data, line->shape, line->shape_size) != 0))
		i++;
	return i;
}

/** The same for bytes that are not cut yet. */
static size_t find_shape_of(const struct hc_template_pass *pass, struct hc_bytes text)
{
	struct cut_line line;

	cut(text, &line);
	return find_shape(pass, &line);
}

/** The bytes of a short line, spread, and all of them: eight or four at a time, the last overlap.
 */
static uint64_t hash_line(struct hc_bytes text)
{
	uint64_t hash = text.size;

	_Static_assert(HC_LINE_MIN_SIZE >= 4, "the bytes of a line are loaded by four");
	if (text.size < 8)
		return hc_hash_mix(hash ^ (uint64_t)hc_load32(text.data) << 32 ^
				   hc_load32(text.data + text.size - 4));
	for (size_t at = 0; at + 8 < text.size; at += 8)
		hash = hc_hash_mix(hash ^ hc_load64(text.data + at));
	return hc_hash_mix(hash ^ hc_load64(text.data + text.size - 8));
}

/** Whether two lines of the same size are the same, as hash_line() goes over them. */
static bool same_line(const uint8_t *a, const uint8_t *b, size_t size)
{
	if (size < 8)
		return hc_load32(a) == hc_load32(b) &&
		       hc_load32(a + size - 4) == hc_load32(b + size - 4);
	for (size_t at = 0; at + 8 < size; at += 8)
		if (hc_load64(a + at) != hc_load64(b + at))
			return false;
	return hc_load64(a + size - 8) == hc_load64(b + size - 8);
}

/** The same again, for lines of which many are short and the same. */
static size_t recall_shape(const struct hc_template_pass *pass, struct memo *memo,
			   struct hc_bytes text)
{
	if (text.size > MAX_MEMO_SIZE)
		return find_shape_of(pass, text);
	size_t i = hash_line(text) % MEMO_LINES;
	if (memo->lines[i].size != text.size ||
	    !same_line(memo->lines[i].data, text.data, text.size)) {
		memo->lines[i].data = text.data;
		memo->lines[i].size = text.size;
		memo->lines[i].shape = find_shape_of(pass, text);
	}
	return memo->lines[i].shape;
}

/** @name Learning */
/**@{*/

/** Count shapes, each once a chunk: a chunk's table is added to that of all. */
static struct hc_error *learn_shapes(const struct hc_template_pass *pass,
				     struct hc_top_texts *shapes)
{
	hc_cleanup(hc_top_texts_deinit) struct hc_top_texts own;
	struct hc_error *err = NULL;
	struct chunk_lines lines;
	struct cut_line line;

	hc_top_texts_init(&own, HC_TEMPLATE_MAX_CHUNK_LINES * HC_TOP_TEXTS_PLACE_BYTES);
	own.copies = true;
	for (size_t i = 0; !err && i < pass->chunks.num; i++) {
		hc_top_texts_clear(&own);
		hc_chunk_subsample_fetch(&pass->chunks, pass->heap, i);
		open_chunk(pass->heap, hc_chunk_subsample_at(&pass->chunks, i), &lines);
		while (!err && next_line(&lines, &line))
			if (!hc_top_texts_find(&own, shape_of(&line)))
				err = hc_top_texts_add(&own, shape_of(&line), 1, 0);
		if (!err)
			err = hc_top_texts_merge(shapes, &own);
	}
	return err;
}

/** Take the shapes that are frequent enough. Their texts stay in the table. */
static struct hc_error *choose_shapes(struct hc_template_pass *pass,
				      const struct hc_top_texts *table)
{
	hc_cleanup_free struct hc_text_count *texts = NULL;
	uint64_t least = ceil(pass->chunks.num * HC_TEMPLATE_MIN_SHARE);
	size_t num;
	struct hc_error *err = hc_top_texts_list(table, HC_TEMPLATE_MAX_LINES, &texts, &num);

	if (err)
		return err;
	if (least < HC_TEMPLATE_MIN_CHUNKS)
		least = HC_TEMPLATE_MIN_CHUNKS;
	pass->shapes = calloc(HC_TEMPLATE_MAX_LINES, sizeof(*pass->shapes));
	if (!pass->shapes)
		return &hc_enomem;
	for (size_t i = 0; i < num && texts[i].matches - texts[i].error >= least; i++) {
		struct shape *shape = &pass->shapes[pass->num_shapes++];
		const char *end = memchr(texts[i].text, 0, texts[i].size);

		shape->text = (struct hc_bytes){texts[i].text, texts[i].size};
		shape->num_atoms = (const char *)texts[i].text + texts[i].size - end;
		memcpy(shape->separators, end + 1, shape->num_atoms - 1);
		for (size_t k = 0; k < shape->num_atoms; k++)
			hc_top_texts_init(&shape->values[k], HC_TEMPLATE_VALUE_BYTES);
	}
	return NULL;
}

static struct hc_error *learn_values(struct hc_template_pass *pass)
{
	struct hc_error *err = NULL;
	struct chunk_lines lines;
	struct cut_line line;

	for (size_t i = 0; !err && i < pass->chunks.num; i++) {
		hc_chunk_subsample_fetch(&pass->chunks, pass->heap, i);
		open_chunk(pass->heap, hc_chunk_subsample_at(&pass->chunks, i), &lines);
		while (!err && next_line(&lines, &line)) {
			size_t found = find_shape(pass, &line);

			if (found == pass->num_shapes)
				continue;
			struct shape *shape = &pass->shapes[found];
			shape->lines++;
			shape->places += lines.num;
			for (size_t k = 0; !err && k < line.num_atoms; k++)
				err = hc_top_texts_add(&shape->values[k], line.atoms[k], 1, 0);
		}
	}
	return err;
}
/**@}*/

/** @name Counting */
/**@{*/

_Static_assert(HC_TEMPLATE_MAX_LINES < 64, "a bit per shape must fit");

/** Who has all shapes is done with, however many lines follow. */
static bool wants_lines(const struct hc_template_pass *pass, const struct worker *worker)
{
	return worker->seen != (UINT64_C(1) << pass->num_shapes) - 1 &&
	       worker->lines < HC_TEMPLATE_MAX_CHUNK_LINES;
}

bool hc_template_begin_chunk(struct hc_template_pass *pass, unsigned worker)
{
	struct worker *own = &pass->workers[worker];

	own->seen = 0;
	own->lines = 0;
	return wants_lines(pass, own);
}

bool hc_template_add_line(struct hc_template_pass *pass, unsigned worker, struct hc_bytes line)
{
	struct worker *own = &pass->workers[worker];
	size_t found = recall_shape(pass, &own->memo, line);

	own->lines++;
	if (found < pass->num_shapes && !(own->seen >> found & 1)) {
		own->seen |= UINT64_C(1) << found;
		own->counts[found]++;
	}
	return wants_lines(pass, own);
}
/**@}*/

/** @name Counting in whole chunks */
/**@{*/

/** Count a distance; where there are too many, rare ones give way (Misra, Gries 1982). */
static void add_gap(struct whole_lines *lines, uint64_t gap, uint64_t num)
{
	size_t least = 0;

	lines->distances += num;
	for (size_t i = 0; i < MAX_GAPS; i++) {
		if (lines->gaps[i].num && lines->gaps[i].gap == gap) {
			lines->gaps[i].num += num;
			return;
		}
		if (lines->gaps[i].num < lines->gaps[least].num)
			least = i;
	}
	if (lines->gaps[least].num > num) {
		lines->gaps[least].num -= num;
		return;
	}
	lines->gaps[least].gap = gap;
	lines->gaps[least].num = num;
}

static void search_chunk(const struct hc_template_pass *pass, struct whole *whole, uint64_t address)
{
	const uint8_t *last[HC_TEMPLATE_MAX_LINES] = {NULL};
	struct hc_lines lines;
	struct hc_bytes text;

	hc_chunk_lines_init(pass->heap, address, UINT64_MAX, &lines);
	while (hc_lines_next(&lines, &text)) {
		size_t found = find_shape_of(pass, text);

		if (found == pass->num_shapes)
			continue;
		struct whole_lines *count = &whole->shapes[found];
		count->matches++;
		count->chunks += !last[found];
		if (last[found])
			add_gap(count, text.data - last[found], 1);
		last[found] = text.data;
	}
}

static struct hc_error *search_task(void *ctx, unsigned worker, size_t task)
{
	const struct hc_template_pass *pass = ctx;

	search_chunk(pass, &pass->wholes[worker], hc_chunk_subsample_at(&pass->chunks, task));
	return NULL;
}

static void add_whole(struct shape *shape, struct whole_lines *sum, const struct whole *wholes,
		      unsigned jobs, size_t number)
{
	for (unsigned i = 0; i < jobs; i++) {
		const struct whole_lines *more = &wholes[i].shapes[number];

		shape->whole.matches += more->matches;
		shape->whole.matched_chunks += more->chunks;
		/* What gave way to others counts as a distance, too. */
		sum->distances += more->distances;
		for (size_t k = 0; k < MAX_GAPS; k++) {
			uint64_t before = sum->distances;

			if (more->gaps[k].num)
				add_gap(sum, more->gaps[k].gap, more->gaps[k].num);
			sum->distances = before;
		}
	}
	for (size_t k = 0; k < MAX_GAPS; k++)
		if (sum->gaps[k].num && sum->gaps[k].num >= HC_TEMPLATE_EVEN * sum->distances)
			shape->whole.gap = sum->gaps[k].gap;
}

/** Chunks of many lines: count these, to the ends of the chunks. */
static struct hc_error *search_wholes(struct hc_template_pass *pass)
{
	unsigned jobs = pass->process->jobs;
	hc_cleanup_free struct whole *wholes = calloc(jobs, sizeof(*wholes));

	if (!wholes)
		return &hc_enomem;
	pass->wholes = wholes;
	struct hc_error *err =
		hc_process_parallel(pass->process, pass->chunks.num, search_task, pass);
	pass->wholes = NULL;
	for (size_t k = 0; !err && k < pass->num_shapes; k++) {
		struct whole_lines sum = {0};

		add_whole(&pass->shapes[k], &sum, wholes, jobs, k);
	}
	return err;
}
/**@}*/

/** @name Writing it down */
/**@{*/

/** The look that nearly all values share, or "*". @return its size */
static size_t mark_of(const struct hc_text_count *values, size_t num, uint64_t seen,
		      char ret[MAX_PATTERN])
{
	char pattern[MAX_PATTERN];
	uint64_t same = 0;
	size_t size = num ? normalise((struct hc_bytes){values[0].text, values[0].size}, ret) : 0;

	for (size_t i = 0; i < num; i++) {
		struct hc_bytes value = {values[i].text, values[i].size};

		if (normalise(value, pattern) == size && memcmp(pattern, ret, size) == 0)
			same += values[i].matches;
	}
	if (size && same >= HC_TEMPLATE_CONSTANT * seen)
		return size;
	ret[0] = '*';
	return 1;
}

/** Fill in a slot from the values of its atom. */
static void fill_slot(struct hc_template_slot *slot, const struct hc_top_texts *table,
		      const struct hc_text_count *values, size_t num)
{
	slot->num_values = num < HC_TEMPLATE_MAX_VALUES ? num : HC_TEMPLATE_MAX_VALUES;
	memcpy(slot->values, values, slot->num_values * sizeof(*values));
	slot->distinct = table->num_entries;
	slot->exact = table->exact;
	slot->seen = table->seen;
}

static void write_constant(FILE *file, struct hc_bytes value)
{
	bool cut_short = value.size > HC_TEMPLATE_MAX_CONSTANT;

	fwrite(value.data, 1, cut_short ? HC_TEMPLATE_MAX_CONSTANT : value.size, file);
	if (cut_short)
		fputs("...", file);
}

/**
 * What names the atom to come: the last one with text in it, if it is constant and = or : came
 * after it.
 */
struct naming {
	struct hc_bytes atom;
	bool assigned;
};

/** Write one atom; one that varies becomes a slot. */
static struct hc_error *write_atom(FILE *file, const struct hc_top_texts *table,
				   struct naming *naming, struct hc_template_line *line)
{
	hc_cleanup_free struct hc_text_count *values = NULL;
	char mark[MAX_PATTERN];
	size_t num;
	struct hc_error *err = hc_top_texts_list(table, UINT64_MAX, &values, &num);

	if (err || !num)
		return err;
	struct hc_bytes first = {values[0].text, values[0].size};
	if (first.size > line->place.size)
		line->place = first;
	bool constant = values[0].matches - values[0].error >= HC_TEMPLATE_CONSTANT * table->seen;
	if (num > 1 || !table->exact) {
		struct hc_template_slot *slot = &line->slots[line->num_slots++];

		fflush(file);
		*slot = (struct hc_template_slot){.offset = line->size, .constant = constant};
		if (naming->assigned)
			slot->name = naming->atom;
		fill_slot(slot, table, values, num);
	}
	if (constant)
		write_constant(file, first);
	else
		fwrite(mark, 1, mark_of(values, num, table->seen, mark), file);
	if (!constant || first.size)
		*naming = (struct naming){.atom = constant ? first : (struct hc_bytes){0}};
	return NULL;
}

static struct hc_error *write_line(const struct shape *shape, struct hc_template_line *line)
{
	hc_cleanup_fclose FILE *file = open_memstream(&line->text, &line->size);
	struct naming naming = {0};
	struct hc_error *err = NULL;

	line->slots = calloc(shape->num_atoms, sizeof(*line->slots));
	if (!file || !line->slots)
		return &hc_enomem;
	line->chunks = shape->chunks;
	line->matches = shape->whole.matches;
	line->matched_chunks = shape->whole.matched_chunks;
	line->gap = shape->whole.gap;
	for (size_t i = 0; !err && i < shape->num_atoms; i++) {
		err = write_atom(file, &shape->values[i], &naming, line);
		if (i + 1 == shape->num_atoms)
			break;
		fputc(shape->separators[i], file);
		if (shape->separators[i] == '=' || shape->separators[i] == ':')
			naming.assigned = true;
	}
	FILE *done = hc_steal(file);
	if (fclose(done) && !err)
		err = &hc_enomem;
	return err;
}

/** By usual place: the mean number of the line in its chunk; then the more frequent first. */
static int compare_shapes(const void *a, const void *b)
{
	const struct shape *x = a, *y = b;
	double place_x = (double)x->places / x->lines, place_y = (double)y->places / y->lines;

	if (place_x != place_y)
		return place_x < place_y ? -1 : 1;
	if (x->chunks != y->chunks)
		return x->chunks > y->chunks ? -1 : 1;
	int order = memcmp(x->text.data, y->text.data,
			   x->text.size < y->text.size ? x->text.size : y->text.size);
	return order ? order : (x->text.size > y->text.size) - (x->text.size < y->text.size);
}

static struct hc_error *write_lines(struct hc_template_pass *pass,
				    struct hc_template *text_template)
{
	struct hc_error *err = NULL;

	text_template->lines = calloc(pass->num_shapes + 1, sizeof(*text_template->lines));
	if (!text_template->lines)
		return &hc_enomem;
	hc_sort(pass->shapes, pass->num_shapes, compare_shapes);
	for (size_t i = 0; !err && i < pass->num_shapes; i++)
		err = write_line(&pass->shapes[i],
				 &text_template->lines[text_template->num_lines++]);
	return err;
}
/**@}*/

static struct hc_error *learn(struct hc_target *target, struct hc_template_pass *pass)
{
	struct hc_error *err = hc_target_heap(target, &pass->heap);

	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_COMPARE);
	hc_chunk_subsample_init(&pass->chunks, pass->sample, HC_TEMPLATE_LEARN_CHUNKS);
	pass->text_template.learned = pass->chunks.num;
	if ((err = learn_shapes(pass, &pass->table)) || (err = choose_shapes(pass, &pass->table)))
		return err;
	return learn_values(pass);
}

struct hc_error *hc_template_learn(struct hc_target *target, const struct hc_chunk_sample *sample,
				   struct hc_template_pass **ret)
{
	hc_cleanup(hc_template_pass_freep) struct hc_template_pass *pass = calloc(1, sizeof(*pass));

	if (!pass)
		return &hc_enomem;
	pass->process = target->process;
	pass->sample = sample;
	hc_top_texts_init(&pass->table, HC_TEMPLATE_SHAPE_BYTES);
	pass->table.copies = true;
	pass->workers = calloc(target->process->jobs, sizeof(*pass->workers));
	struct hc_error *err = pass->workers ? learn(target, pass) : &hc_enomem;
	if (err)
		return err;
	*ret = hc_steal(pass);
	return NULL;
}

struct hc_error *hc_template_end(struct hc_template_pass *pass, unsigned jobs, uint64_t counted,
				 struct hc_template *ret)
{
	const struct hc_chunk_sample *sample = pass->sample;
	struct hc_error *err = NULL;

	pass->text_template.counted = counted;
	for (unsigned i = 0; i < jobs; i++)
		for (size_t k = 0; k < pass->num_shapes; k++)
			pass->shapes[k].chunks += pass->workers[i].counts[k];
	if (pass->num_shapes && sample->bytes / sample->offered > HC_TEMPLATE_WINDOW) {
		hc_chunk_subsample_init_bytes(&pass->chunks, sample, HC_TEMPLATE_SEARCH_BYTES,
					      UINT64_MAX);
		pass->text_template.searched = pass->chunks.num;
		err = search_wholes(pass);
	}
	if (!err)
		err = write_lines(pass, &pass->text_template);
	if (err)
		return err;
	*ret = pass->text_template;
	pass->text_template = (struct hc_template){0};
	return NULL;
}

void hc_template_pass_freep(struct hc_template_pass **pass)
{
	if (!*pass)
		return;
	for (size_t i = 0; i < (*pass)->num_shapes; i++)
		for (size_t k = 0; k < (*pass)->shapes[i].num_atoms; k++)
			hc_top_texts_deinit(&(*pass)->shapes[i].values[k]);
	hc_template_deinit(&(*pass)->text_template);
	hc_top_texts_deinit(&(*pass)->table);
	free((*pass)->shapes);
	free((*pass)->workers);
	free(*pass);
}

struct hc_error *hc_template_run(struct hc_target *target, const struct hc_chunk_sample *sample,
				 struct hc_template *ret)
{
	return hc_count_lines(target, sample, NULL, ret);
}

void hc_template_deinit(struct hc_template *text_template)
{
	for (size_t i = 0; i < text_template->num_lines; i++) {
		free(text_template->lines[i].text);
		free(text_template->lines[i].slots);
	}
	free(text_template->lines);
	*text_template = (struct hc_template){0};
}
