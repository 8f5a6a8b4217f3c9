/**
 * @file
 * The message that libc left when it ended the process itself.
 *
 * Before it aborts, libc copies its message into a mapping of its own: a 32-bit length, which is
 * that of the mapping and so a multiple of the page size, then the text, which ends in a newline;
 * the rest is zero. The pointer to it,
 * __abort_msg, is a word of libc's data. Since the kernel merges neighbouring mappings, every page
 * of anonymous memory that nobody has explained may be such a page; one that a module's data points
 * to is preferred to one that only looks so.
 */
#include <elf.h>

#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"

/** Longest message that is believed, bytes. */
#define MAX_MESSAGE (UINT32_C(64) << 10)

/** The text at @p page when it can be a message; its size without the newline in @p size_ret. */
static const char *message_at(const struct glibc *g, uint64_t page, uint32_t *size_ret)
{
	uint32_t length;
	if (!hc_memory_u32(g->memory, page, &length) || !length || length > MAX_MESSAGE ||
	    length & (glibc_page_size(g) - 1))
		return NULL;
	struct hc_bytes view = hc_memory_view(g->memory, page, length);
	if (view.size < length)
		return NULL;
	const char *text = (const char *)view.data + sizeof(length);
	size_t room = length - sizeof(length), size = strnlen(text, room);
	if (size < 2 || size == room || text[size - 1] != '\n')
		return NULL;
	for (size_t i = 0; i + 1 < size; i++) {
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t')
			return NULL;
	}
	for (size_t i = size; i < room; i++) {
		if (text[i])
			return NULL;
	}
	*size_ret = size - 1;
	return text;
}

/** Whether some word of a module's data is @p value. */
static bool in_module_data(const struct glibc *g, uint64_t value)
{
	const struct hc_mappings *mappings = &g->process->mappings;
	unsigned word = g->params.word_size;
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		if ((mapping->kind != HC_MAPPING_DATA && mapping->kind != HC_MAPPING_BSS) ||
		    mapping->end - mapping->start > UINT64_C(16) << 20)
			continue;
		struct hc_bytes view =
			hc_memory_view(g->memory, mapping->start, mapping->end - mapping->start);
		for (size_t at = 0; at + word <= view.size; at += word) {
			if (hc_read_word(view.data + at, word, g->memory->big_endian) == value)
				return true;
		}
	}
	return false;
}

/**
 * The next page at or after @p at in [at, end) that can be a message, or @p end.
 */
static uint64_t next_candidate(const struct glibc *g, uint64_t at, uint64_t end)
{
	uint64_t page = glibc_page_size(g);
	uint32_t size;
	for (at = (at + page - 1) & ~(page - 1); at < end; at += page) {
		uint64_t pos = at;
		struct hc_piece next;
		if (!hc_memory_next_data(g->memory, &pos, end, 1, &next))
			return end;
		if (next.start > at)
			at = next.start & ~(page - 1);
		if (message_at(g, at, &size))
			return at;
	}
	return end;
}

/** Candidates that are looked at closely; each costs a pass over the data of the modules. */
#define MAX_CANDIDATES 16

/**
 * The page of the message: one that libc's data points to, else the first that looks like it; 0
 * when none does.
 */
static uint64_t find_page(const struct glibc *g)
{
	const struct hc_mappings *mappings = &g->process->mappings;
	unsigned candidates = 0;
	uint64_t first = 0;
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		if (mapping->kind != HC_MAPPING_ANON || !(mapping->flags & PF_W) ||
		    !mapping->present)
			continue;
		uint64_t page = glibc_page_size(g), at = mapping->start;
		for (; (at = next_candidate(g, at, mapping->end)) < mapping->end; at += page) {
			if (in_module_data(g, at))
				return at;
			first = first ? first : at;
			if (++candidates == MAX_CANDIDATES)
				return first;
		}
	}
	return first;
}

struct hc_error *glibc_find_abort_message(struct glibc *g)
{
	uint64_t page = find_page(g);
	uint32_t size;
	const char *text = page ? message_at(g, page, &size) : NULL;
	if (text && !(g->heap->abort_message = strndup(text, size)))
		return &hc_enomem;
	return NULL;
}
