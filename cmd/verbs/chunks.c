/**
 * @file
 * heapcore chunks: the chunks themselves, in address order.
 *
 * There may be hundreds of millions of rows, so each is written as it is found: no table is kept,
 * columns have fixed widths, and lines are put together without printf(), which would take most of
 * the time.
 */
#include <inttypes.h>

#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

/** A line being put together. Every piece is bounded, and their sum fits. */
struct line {
	char text[256];
	size_t size;
};

static void put_text(struct line *line, const char *text)
{
	size_t len = strlen(text);

	memcpy(line->text + line->size, text, len);
	line->size += len;
}

/** Right-aligned in @p width columns. */
static void put_number(struct line *line, uint64_t number, unsigned base, const char *prefix,
		       size_t width)
{
	char digits[24];
	size_t pos = sizeof(digits);

	do {
		digits[--pos] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	size_t len = sizeof(digits) - pos;
	for (size_t used = strlen(prefix) + len; used < width; used++)
		line->text[line->size++] = ' ';
	put_text(line, prefix);
	memcpy(line->text + line->size, digits + pos, len);
	line->size += len;
}

static void put_padded(struct line *line, const char *text, size_t width)
{
	put_text(line, text);
	for (size_t len = strlen(text); len < width; len++)
		line->text[line->size++] = ' ';
}

static void put_arena(struct line *line, uint32_t arena, const char *mmapped, size_t width)
{
	if (arena == HC_ARENA_MMAP)
		put_padded(line, mmapped, width);
	else
		put_number(line, arena, 10, "", width);
}

static void text_row(struct line *line, const struct hc_chunk *chunk, bool reach)
{
	put_number(line, chunk->address, 16, "0x", 18);
	put_number(line, chunk->size, 10, "", 15);
	put_number(line, chunk->usable, 10, "", 15);
	put_text(line, "  ");
	put_padded(line, hc_chunk_state_name(chunk), 9);
	put_arena(line, chunk->span->arena, "  mmap", 6);
	if (reach) {
		put_text(line, "  ");
		put_text(line, hc_reach_name(chunk->reach));
	}
}

static void csv_row(struct line *line, const struct hc_chunk *chunk, bool reach)
{
	put_number(line, chunk->address, 16, "0x", 0);
	put_text(line, ",");
	put_number(line, chunk->size, 10, "", 0);
	put_text(line, ",");
	put_number(line, chunk->usable, 10, "", 0);
	put_text(line, ",");
	put_text(line, hc_chunk_state_name(chunk));
	put_text(line, ",");
	put_arena(line, chunk->span->arena, "mmap", 0);
	if (reach) {
		put_text(line, ",");
		if (chunk->state == HC_IN_USE)
			put_text(line, hc_reach_name(chunk->reach));
	}
}

static void json_row(struct line *line, const struct hc_chunk *chunk, bool reach)
{
	put_number(line, chunk->address, 16, "{\"address\":\"0x", 0);
	put_number(line, chunk->size, 10, "\",\"chunk_size\":", 0);
	put_number(line, chunk->usable, 10, ",\"usable_size\":", 0);
	put_text(line, ",\"state\":\"");
	put_text(line, hc_chunk_state_name(chunk));
	put_text(line, "\",\"arena\":");
	put_arena(line, chunk->span->arena, "\"mmap\"", 0);
	if (reach && chunk->state == HC_IN_USE) {
		put_text(line, ",\"reach\":\"");
		put_text(line, hc_reach_name(chunk->reach));
		put_text(line, "\"");
	}
	put_text(line, "}");
}

static struct hc_error *write_head(struct hc_session *session, bool reach)
{
	FILE *file = session->out.file;

	switch (session->options->format) {
	case HC_FORMAT_JSON: {
		hc_cleanup_json json_t *head = hc_session_json(session);
		return hc_json_write_line(&session->out, head);
	}
	case HC_FORMAT_CSV:
		fprintf(file, "address,chunk_size,usable_size,state,arena%s\n",
			reach ? ",reach" : "");
		return NULL;
	default:
		hc_session_write_partial(session);
		fprintf(file, "%18s%15s%15s  %-9s%6s%s\n", "ADDRESS", "CHUNK", "USABLE", "STATE",
			"ARENA", reach ? "  REACH" : "");
		return NULL;
	}
}

static struct hc_error *write_foot(struct hc_session *session, const struct hc_count *count,
				   bool limited)
{
	FILE *file = session->out.file;

	switch (session->options->format) {
	case HC_FORMAT_JSON: {
		hc_cleanup_json json_t *foot = json_pack(
			"{s{so so sb}}", "summary", "chunks", hc_json_number(count->chunks),
			"bytes", hc_json_number(count->bytes), "limited", limited);
		return hc_json_write_line(&session->out, foot);
	}
	case HC_FORMAT_CSV:
		return NULL;
	default:
		fprintf(file, "%s chunk%s, %s%s\n", hc_unit_count(count->chunks).text,
			hc_plural(count->chunks), hc_unit_bytes(count->bytes).text,
			limited ? "; stopped at --limit" : "");
		return NULL;
	}
}

typedef void (*row_fn)(struct line *line, const struct hc_chunk *chunk, bool reach);

/** Write the rows, until the selection, --limit or the reader ends. */
static struct hc_error *write_rows(struct hc_session *session, row_fn row, bool reach,
				   struct hc_count *count, bool *limited)
{
	const struct hc_selection *selection = &session->options->selection;
	hc_cleanup(hc_selection_scratch_destroyp) struct hc_selection_scratch *scratch = NULL;
	struct hc_error *err = hc_selection_scratch_create(selection, &scratch);
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	if (err)
		return err;
	hc_chunk_iter_heap(&iter, session->target->heap);
	while (hc_chunk_iter_next(&iter, &chunk) && !ferror(session->out.file)) {
		if (!hc_selection_has(selection, session->target->heap, &chunk, scratch))
			continue;
		if (selection->limit && count->chunks == selection->limit) {
			*limited = true;
			break;
		}
		struct line line = {.size = 0};
		row(&line, &chunk, reach);
		put_text(&line, "\n");
		fwrite_unlocked(line.text, 1, line.size, session->out.file);
		count->chunks++;
		count->bytes += chunk.size;
	}
	return NULL;
}

static struct hc_error *run(struct hc_session *session)
{
	static const row_fn rows[HC_NUM_FORMATS] = {
		[HC_FORMAT_TEXT] = text_row,
		[HC_FORMAT_JSON] = json_row,
		[HC_FORMAT_CSV] = csv_row,
	};
	bool reach = hc_selection_needs_reach(&session->options->selection);
	struct hc_count count = {0};
	bool limited = false;

	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (!err)
		err = write_head(session, reach);
	if (!err)
		err = write_rows(session, rows[session->options->format], reach, &count, &limited);
	if (!err)
		err = write_foot(session, &count, limited);
	return err;
}

const struct hc_verb hc_verb_chunks = {
	.name = "chunks",
	.arguments = "CORE",
	.summary = "the chunks themselves",
	.description =
		"Lists chunks by address: chunk size, usable size, state, arena and, with --reach "
		"or "
		"--leaked, reachability. JSON is JSON Lines: a head, a line per chunk, a summary.",
	.examples = "  heapcore chunks core.1234 --request 512 --limit 10\n"
		    "  heapcore chunks core.1234 --leaked --format csv -o lost.csv\n"
		    "  heapcore chunks core.1234 --class json --size 1K-\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	.selection = true,
	.run = run,
};
