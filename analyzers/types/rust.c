/**
 * @file
 * Whether a program is Rust's, and how its compiler laid out Vec; see rust.h.
 */
#include "analyzers/types/rust.h"

#include <ctype.h>
#include <string.h>

/** Read-only data of the program that is searched, bytes. */
#define MAX_SEARCH (UINT64_C(512) << 20)
/** Longest path of a source behind "/library/". */
#define MAX_PATH_BYTES 128

/** Bytes that are looked at of a chunk, and of all variables and stacks. */
#define CHUNK_BYTES 1024
#define ROOT_BYTES (UINT64_C(16) << 20)

/** Least room of a Vec that has a vote: of less, too many numbers fit any chunk. */
#define VOTE_CAPACITY 17

const struct hc_vec_form hc_vec_forms[HC_NUM_VEC_ORDERS] = {
	[HC_VEC_CBL] = {1, 0, 2}, [HC_VEC_BCL] = {0, 1, 2}, [HC_VEC_BLC] = {0, 2, 1},
	[HC_VEC_LBC] = {1, 2, 0}, [HC_VEC_CLB] = {2, 0, 1}, [HC_VEC_LCB] = {2, 1, 0},
};

/** Whether "/library/" goes on as the path of a source of the standard library. */
static bool is_source(const uint8_t *text, size_t size)
{
	static const char *const crates[] = {"core/src/", "alloc/src/", "std/src/"};
	size_t at = 0;

	for (size_t i = 0; i < sizeof(crates) / sizeof(*crates); i++) {
		size_t length = strlen(crates[i]);

		if (length < size && !memcmp(text, crates[i], length))
			at = length;
	}
	if (!at)
		return false;
	while (at < size && at < MAX_PATH_BYTES &&
	       (isalnum(text[at]) || text[at] == '_' || text[at] == '/'))
		at++;
	return size - at >= 3 && !memcmp(text + at, ".rs", 3);
}

static bool has_source(struct hc_bytes bytes)
{
	static const char mark[] = "/library/";
	const uint8_t *at = bytes.data, *end = bytes.data + bytes.size;

	while ((at = memmem(at, end - at, mark, sizeof(mark) - 1))) {
		at += sizeof(mark) - 1;
		if (is_source(at, end - at))
			return true;
	}
	return false;
}

bool hc_rust_is_program(const struct hc_process *process)
{
	const struct hc_module *program = hc_modules_program(&process->modules);
	const struct hc_mappings *mappings = &process->mappings;
	struct hc_piece piece;

	for (size_t i = 0; program && i < mappings->num; i++) {
		const struct hc_mapping *row = &mappings->items[i];
		uint64_t at = row->start;

		if (row->end <= program->start || row->start >= program->end ||
		    (row->kind != HC_MAPPING_RODATA && row->kind != HC_MAPPING_TEXT))
			continue;
		while (hc_memory_next_data(&process->memory, &at, row->end, MAX_SEARCH, &piece))
			if (has_source(piece.bytes))
				return true;
	}
	return false;
}

/** @name The order of a Vec */
/**@{*/

struct votes {
	const struct hc_heap *heap;
	uint64_t num[HC_NUM_VEC_ORDERS];
};

/** Whether a word is the start of a chunk in use, and what that was asked for. */
static bool find_body(const struct hc_heap *heap, uint64_t value, uint64_t *min, uint64_t *max)
{
	struct hc_chunk chunk;

	if (value - heap->lowest >= heap->highest - heap->lowest ||
	    !hc_heap_pointee(heap, value, &chunk) || chunk.address != value ||
	    chunk.state != HC_IN_USE)
		return false;
	hc_chunk_request(heap, &chunk, min, max);
	return true;
}

/** Votes of the word with an index: it may be any of the three. */
static void vote(struct votes *votes, struct hc_bytes bytes, size_t index)
{
	const struct hc_heap *heap = votes->heap;
	unsigned word = heap->word_size;
	size_t num = bytes.size / word;
	uint64_t min, max;

#define W(i) hc_read_word(bytes.data + (i)*word, word, heap->big_endian)
	if (!find_body(heap, W(index), &min, &max))
		return;
	for (unsigned order = 0; order < HC_NUM_VEC_ORDERS; order++) {
		const struct hc_vec_form *form = &hc_vec_forms[order];

		if (index < form->body || index - form->body + 3 > num)
			continue;
		size_t first = index - form->body;
		uint64_t capacity = W(first + form->capacity), length = W(first + form->length);

		votes->num[order] += capacity >= VOTE_CAPACITY && length && length <= capacity &&
				     hc_vec_stride(capacity, min, max);
	}
#undef W
}

static void vote_all(struct votes *votes, struct hc_bytes bytes)
{
	for (size_t i = 0; i < bytes.size / votes->heap->word_size; i++)
		vote(votes, bytes, i);
}

static void vote_of_roots(const struct hc_process *process, struct votes *votes)
{
	const struct hc_mappings *mappings = &process->mappings;
	uint64_t left = ROOT_BYTES;
	struct hc_piece piece;

	for (size_t i = 0; i < mappings->num && left; i++) {
		const struct hc_mapping *row = &mappings->items[i];
		uint64_t at = row->start;

		if (row->kind != HC_MAPPING_DATA && row->kind != HC_MAPPING_BSS &&
		    row->kind != HC_MAPPING_STACK && row->kind != HC_MAPPING_MAIN_STACK)
			continue;
		while (left && hc_memory_next_data(&process->memory, &at, row->end, left, &piece)) {
			vote_all(votes, piece.bytes);
			left -= piece.bytes.size;
		}
	}
}

void hc_rust_learn(const struct hc_process *process, const struct hc_heap *heap,
		   const struct hc_size_sample *sample, struct hc_rust *ret)
{
	struct votes votes = {.heap = heap};
	struct hc_chunk chunk;

	for (size_t i = 0; i < sample->num; i++)
		for (size_t k = 0; k < sample->sizes[i].num; k++)
			if (hc_heap_chunk_at(heap, sample->sizes[i].addresses[k], &chunk)) {
				struct hc_bytes bytes = hc_chunk_bytes(heap, &chunk);

				bytes.size = bytes.size < CHUNK_BYTES ? bytes.size : CHUNK_BYTES;
				vote_all(&votes, bytes);
			}
	vote_of_roots(process, &votes);
	for (unsigned order = 0; order < HC_NUM_VEC_ORDERS; order++)
		if (votes.num[order] > (ret->has_order ? votes.num[ret->order] : 0)) {
			ret->has_order = true;
			ret->order = order;
		}
}
/**@}*/
