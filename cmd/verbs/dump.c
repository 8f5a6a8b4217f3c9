/**
 * @file
 * heapcore dump: bytes of the process, to a file.
 *
 * Either a range of addresses, or one mapping, or the chunks of a selection: back to back in one
 * file, or one file each. Bytes that the core lacks are holes. A hole is left out and reported, so
 * that nobody takes it for data, or filled with zeros when the user asks for it. What is written is
 * private to its owner.
 *
 * Chunks in one file can't be told apart by their bytes. So an index lies beside it, FILE.index: a
 * line for each contiguous piece, "OFFSET ADDRESS SIZE": where it is in the file (decimal), where
 * it was in the process (hexadecimal, 0x), and how many bytes it has (decimal). A device or a pipe
 * has none.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/advice.h"
#include "cmd/render/escape.h"
#include "cmd/render/hex.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/select_options.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

struct own {
	const char *split;
	bool zero_fill;
};

enum own_id { OWN_SPLIT, OWN_ZERO_FILL };

static const struct hc_option own_options[] = {
	{OWN_SPLIT, 0, "split", "DIR", "one file per chunk, in DIR, named by its address",
	 HC_VALUE_DIR},
	{OWN_ZERO_FILL, 0, "zero-fill", NULL, "write zeros where the core lacks bytes"},
	{0},
};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	if (id == OWN_SPLIT)
		own->split = value;
	else
		own->zero_fill = true;
	return NULL;
}

/** Holes that are kept for the summary; all are counted. */
#define MAX_HOLES 1000

/** What was done so far. */
struct dump {
	struct hc_session *session;
	const struct own *own;
	struct hc_output_directory *directory; /**< with --split */
	uint64_t written;                      /**< bytes, zeros for holes not included */
	uint64_t missing;                      /**< bytes */
	uint64_t chunks;
	FILE *index;     /**< of a file with many chunks, or NULL */
	uint64_t offset; /**< bytes in that file */
	struct hole {
		uint64_t start, end; /**< addresses */
	} holes[MAX_HOLES];
	size_t num_holes;
};

static void add_hole(struct dump *dump, uint64_t start, uint64_t end)
{
	dump->missing += end - start;
	if (dump->num_holes && dump->holes[dump->num_holes - 1].end == start)
		dump->holes[dump->num_holes - 1].end = end;
	else if (dump->num_holes < MAX_HOLES)
		dump->holes[dump->num_holes++] = (struct hole){start, end};
}

static void write_zeros(FILE *file, uint64_t size)
{
	static const char zeros[1 << 16];

	while (size && !ferror(file)) {
		size_t piece = size < sizeof(zeros) ? size : sizeof(zeros);
		fwrite(zeros, 1, piece, file);
		size -= piece;
	}
}

static void write_bytes(struct dump *dump, FILE *file, uint64_t address, struct hc_bytes bytes)
{
	if (dump->session->options->format == HC_FORMAT_HEX)
		hc_hex_print(file, address, bytes);
	else
		fwrite(bytes.data, 1, bytes.size, file);
	dump->written += bytes.size;
}

/** A piece of the index, which ends at @p end. */
static void write_index(struct dump *dump, uint64_t start, uint64_t end)
{
	if (!dump->index || start == end)
		return;
	fprintf(dump->index, "%" PRIu64 " 0x%" PRIx64 " %" PRIu64 "\n", dump->offset, start,
		end - start);
	dump->offset += end - start;
}

/** Write [start, end), piece by piece. */
static void write_range(struct dump *dump, FILE *file, uint64_t start, uint64_t end)
{
	const struct hc_memory *memory = &dump->session->target->process->memory;
	uint64_t piece = start; /* what the next line of the index begins with */

	while (start < end && !ferror(file)) {
		struct hc_bytes bytes = hc_memory_view(memory, start, end - start);
		if (bytes.size) {
			write_bytes(dump, file, start, bytes);
			start += bytes.size;
			continue;
		}
		const struct hc_extent *next = hc_memory_find_next(memory, start);
		uint64_t hole_end = next && next->start < end ? next->start : end;
		add_hole(dump, start, hole_end);
		/* A range that reaches over all of the address space would make zeros for ever. */
		if (dump->own->zero_fill) {
			write_zeros(file, hole_end - start);
		} else {
			write_index(dump, piece, start);
			piece = hole_end;
		}
		start = hole_end;
	}
	write_index(dump, piece, end);
}

/** A file of its own for one chunk. */
static struct hc_error *write_chunk_file(struct dump *dump, const struct hc_chunk *chunk)
{
	const struct hc_options *options = dump->session->options;
	hc_cleanup(hc_output_discard) struct hc_output out = {0};
	char name[32];

	snprintf(name, sizeof(name), "0x%" PRIx64 ".%s", chunk->address,
		 options->format == HC_FORMAT_HEX ? "hex" : "bin");
	struct hc_error *err = hc_output_directory_open(dump->directory, name, &out);
	if (err)
		return err;
	write_range(dump, out.file, chunk->address, chunk->address + chunk->usable);
	return hc_output_finish(&out);
}

/** The chunks of the selection, up to --limit. @param file NULL with --split */
static struct hc_error *write_chunks(struct dump *dump, FILE *file)
{
	const struct hc_selection *selection = &dump->session->options->selection;
	const struct hc_heap *heap = dump->session->target->heap;
	hc_cleanup(hc_selection_scratch_destroyp) struct hc_selection_scratch *scratch = NULL;
	struct hc_error *err = hc_selection_scratch_create(selection, &scratch);
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	hc_chunk_iter_heap(&iter, heap);
	while (!err && hc_chunk_iter_next(&iter, &chunk)) {
		hc_session_wrote(dump->session, &chunk);
		if (!hc_selection_has(selection, heap, &chunk, scratch))
			continue;
		if (selection->limit && dump->chunks == selection->limit)
			break;
		dump->chunks++;
		if (dump->own->split)
			err = write_chunk_file(dump, &chunk);
		else
			write_range(dump, file, chunk.address, chunk.address + chunk.usable);
		if (file && ferror(file))
			break;
	}
	return err;
}

/** Whether it is one that write_chunk_file() gives. */
static bool is_chunk_file(const char *name)
{
	size_t digits = strncmp(name, "0x", 2) ? 0 : strspn(name + 2, "0123456789abcdef");

	return digits && (!strcmp(name + 2 + digits, ".bin") || !strcmp(name + 2 + digits, ".hex"));
}

static void destroy_directory(struct hc_output_directory **directory)
{
	hc_output_directory_destroy(*directory);
}

static struct hc_error *write_directory(struct dump *dump)
{
	struct hc_output_options options = hc_session_output_options(dump->session);
	hc_cleanup(destroy_directory) struct hc_output_directory *directory = NULL;
	struct hc_error *err =
		hc_output_directory_create(dump->own->split, &options, is_chunk_file, &directory);

	if (err)
		return err;
	dump->directory = directory;
	err = write_chunks(dump, NULL);
	dump->directory = NULL;
	return err ? err : hc_output_directory_finish(directory);
}

/** START END, or START for the mapping that holds it. */
static struct hc_error *parse_range(const struct hc_options *options, uint64_t *start,
				    uint64_t *end)
{
	struct hc_error *err = hc_parse_address("START", options->args[0], start);

	*end = 0;
	if (!err && options->num_args > 1)
		err = hc_parse_address("END", options->args[1], end);
	if (!err && options->num_args > 1 && *end <= *start)
		err = hc_error_create(HC_ERROR_ARGUMENT, "END must be greater than START");
	return err;
}

static struct hc_error *find_mapping(const struct hc_session *session, uint64_t *start,
				     uint64_t *end)
{
	const struct hc_mapping *mapping =
		hc_mappings_find(&session->target->process->mappings, *start);

	if (!mapping)
		return hc_error_create(HC_ERROR_MISSING, "0x%" PRIx64 " is not mapped", *start);
	*start = mapping->start;
	*end = mapping->end;
	return NULL;
}

/** Zeros to write are bounded by what is mapped: an absurd range must not fill the disk. */
static struct hc_error *check_range(const struct dump *dump, uint64_t start, uint64_t end)
{
	const struct hc_mappings *mappings = &dump->session->target->process->mappings;
	uint64_t mapped = 0;

	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		uint64_t from = mapping->start > start ? mapping->start : start;
		uint64_t to = mapping->end < end ? mapping->end : end;
		mapped += from < to ? to - from : 0;
	}
	if (!mapped)
		return hc_error_create(HC_ERROR_MISSING,
				       "nothing is mapped from 0x%" PRIx64 " to 0x%" PRIx64, start,
				       end);
	if (dump->own->zero_fill && mapped < end - start)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--zero-fill: %s of the range is not mapped at all; give a "
				       "range that is",
				       hc_unit_bytes(end - start - mapped).text);
	return NULL;
}

static void report_holes(const struct dump *dump)
{
	hc_cleanup_free char *message = NULL;

	for (size_t i = 0; i < dump->num_holes && i < 10; i++) {
		char *text;
		if (asprintf(&text, "0x%" PRIx64 "-0x%" PRIx64 " is not in the core; %s",
			     dump->holes[i].start, dump->holes[i].end,
			     dump->own->zero_fill ? "written as zeros" : "left out") < 0)
			return;
		hc_print_message(dump->session->options->core, text);
		free(text);
	}
	if (dump->num_holes > 10 &&
	    asprintf(&message, "%zu more holes; %s in all is not in the core", dump->num_holes - 10,
		     hc_unit_bytes(dump->missing).text) > 0)
		hc_print_message(dump->session->options->core, message);
}

enum hole_column { HOLE_START, HOLE_END, NUM_HOLE_COLUMNS };

static const struct hc_column hole_columns[NUM_HOLE_COLUMNS] = {
	[HOLE_START] = {"start", "START", HC_CELL_ADDRESS, 0, "first byte that is missing"},
	[HOLE_END] = {"end", "END", HC_CELL_ADDRESS, 0, "behind the last one"},
};

static const struct hc_shape holes_shape = {.key = "holes", HC_COLUMNS(hole_columns)};

/** For people, where it is not the bytes themselves that go to standard output. */
static void say_summary(const struct dump *dump, struct hc_document *doc)
{
	const struct hc_options *options = dump->session->options;
	bool to_stdout = hc_output_is_stdout(options->output);
	struct hc_cell chunks = hc_cell_unknown();

	if (options->quiet || (to_stdout && !dump->own->split))
		return;
	if (dump->chunks)
		chunks = HC_PHRASE(doc, " of {} chunk{}", hc_cell_count(dump->chunks),
				   hc_cell_plural(dump->chunks));
	HC_LINE(doc, "{} byte{}{} written to {}{}", hc_cell_count(dump->written),
		hc_cell_plural(dump->written), chunks,
		hc_cell_name(dump->own->split ? dump->own->split : options->output),
		hc_cell_text(dump->index ? ", their addresses to the same name with .index" : ""));
}

static struct hc_error *write_summary(const struct dump *dump)
{
	struct hc_session *session = dump->session;
	const char *output = session->options->output;
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	hc_session_begin_data(session, &doc);
	hc_fact(&doc, "file", NULL, hc_cell_name(output));
	hc_fact(&doc, "index", NULL,
		dump->index ? HC_PHRASE(&doc, "{}.index", hc_cell_name(output))
			    : hc_cell_unknown());
	hc_fact(&doc, "directory", NULL, hc_cell_name(dump->own->split));
	hc_fact(&doc, "bytes", NULL, hc_cell_bytes(dump->written));
	hc_fact(&doc, "missing_bytes", NULL, hc_cell_bytes(dump->missing));
	hc_fact(&doc, "zero_filled", NULL, hc_cell_bool(dump->own->zero_fill));
	hc_fact(&doc, "chunks", NULL, hc_cell_count(dump->chunks));
	struct hc_table *holes = hc_add_data_table(&doc, &holes_shape);
	for (size_t i = 0; i < dump->num_holes; i++) {
		hc_table_add_row(holes);
		hc_table_number(holes, HOLE_START, dump->holes[i].start);
		hc_table_number(holes, HOLE_END, dump->holes[i].end);
	}
	say_summary(dump, &doc);
	return hc_session_write(session, &doc);
}

static struct hc_error *check_options(const struct hc_session *session, const struct own *own)
{
	const struct hc_options *options = session->options;
	bool to_stdout = !own->split && hc_output_is_stdout(options->output);

	if (!hc_session_shows_bytes(session))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "dump writes the heap's bytes, which --content forbids");
	if (!options->num_args && !options->selection_given && !own->split)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "dump needs START [END], or options that choose chunks");
	if (options->num_args && (options->selection_given || own->split))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "give a range, or options that choose chunks, not both");
	if (own->split && options->output)
		return hc_error_create(HC_ERROR_ARGUMENT, "give --split or -o, not both");
	if (options->format == HC_FORMAT_HEX && own->zero_fill)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--zero-fill does not go with --format hex, whose lines "
				       "have addresses");
	if (to_stdout && session->out.terminal && options->format != HC_FORMAT_HEX)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "raw bytes don't belong on a terminal; give -o FILE");
	if (to_stdout && options->format != HC_FORMAT_TEXT && options->format != HC_FORMAT_HEX)
		return hc_error_create(HC_ERROR_ARGUMENT, "--format %s needs -o FILE for the bytes",
				       hc_formats[options->format].name);
	return NULL;
}

/** The index of a file of chunks; hexadecimal lines have their addresses already. */
static struct hc_error *open_index(struct dump *dump, struct hc_output *index)
{
	const struct hc_options *options = dump->session->options;

	if (options->num_args || options->format == HC_FORMAT_HEX)
		return NULL;
	hc_cleanup_free char *path = hc_format("%s.index", options->output);
	if (!path)
		return &hc_enomem;
	struct hc_output_options output = hc_session_output_options(dump->session);
	struct hc_error *err = hc_output_open(path, &output, index);
	if (!err)
		dump->index = index->file;
	return err;
}

/** Write everything that was asked for to one file, or with --split to many. */
static struct hc_error *write_all(struct dump *dump, uint64_t start, uint64_t end)
{
	const struct hc_options *options = dump->session->options;
	hc_cleanup(hc_output_discard) struct hc_output out = {0}, index = {0};

	struct hc_output_options output = hc_session_output_options(dump->session);
	struct hc_error *err = NULL;
	bool own_file = !hc_output_is_stdout(options->output);

	if (dump->own->split)
		return write_directory(dump);
	if (own_file)
		err = hc_output_open(options->output, &output, &out);
	if (own_file && !err && !out.direct)
		err = open_index(dump, &index);
	if (err)
		return err;
	FILE *file = own_file ? out.file : dump->session->out.file;
	if (options->num_args)
		write_range(dump, file, start, end);
	else
		err = write_chunks(dump, file);
	if (!err && !dump->written)
		err = hc_error_create(HC_ERROR_MISSING, "%s; nothing was written",
				      dump->missing ? "none of these bytes are in the core"
						    : "no chunk is selected");
	if (err || !own_file)
		return err;
	/* An index alone misleads nobody, a file without one might. */
	return dump->index ? hc_output_finish_both(&index, &out) : hc_output_finish(&out);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct hc_options *options = session->options;
	hc_cleanup_free struct dump *dump = calloc(1, sizeof(*dump));
	bool range = options->num_args > 0;
	uint64_t start = 0, end = 0;

	if (!dump)
		return &hc_enomem;
	dump->session = session;
	dump->own = options->own;
	struct hc_error *err = check_options(session, dump->own);
	if (!err && range)
		err = parse_range(options, &start, &end);
	if (!err)
		err = hc_session_open(session, range ? HC_NEED_HEAP_IF_ANY : HC_NEED_HEAP);
	if (!err && range && !end)
		err = find_mapping(session, &start, &end);
	if (!err && range)
		err = check_range(dump, start, end);
	if (err)
		return err;

	hc_session_phase(session, "writing");
	err = write_all(dump, start, end);
	hc_session_phase(session, NULL);
	report_holes(dump);
	return err ? err : write_summary(dump);
}

const struct hc_verb hc_verb_dump = {
	.name = "dump",
	.arguments = "CORE [START [END]]",
	.summary = "bytes to a file: a range, a mapping, or chosen chunks",
	.description = "Writes the bytes from START up to END, or of the mapping that holds START, "
		       "or of the "
		       "chosen chunks; then FILE.index has a line for each: offset in FILE, "
		       "address, bytes. Addresses are hexadecimal. Bytes that the core lacks are "
		       "left out and reported. --format hex writes lines as xxd does.",
	.examples = "  heapcore dump core.1234 0x55d0c2a0 0x55d0d2a0 -o piece.bin\n"
		    "  heapcore dump core.1234 --class json --split json-chunks\n"
		    "  heapcore dump core.1234 --leaked --match session -o lost.bin\n"
		    "  heapcore dump core.1234 --address 0x55d0c2a0 --format hex\n",
	.min_args = 1,
	.max_args = 3,
	.formats = HC_FORMATS_ALL | 1u << HC_FORMAT_HEX,
	HC_VERB_TABLES(&holes_shape),
	.selection = true,
	.own_output = true,
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
