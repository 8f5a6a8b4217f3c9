/**
 * @file
 * The message that libc left when it ended the process itself.
 *
 * Before it aborts, libc copies its message into a mapping of its own: a 32-bit length, which is that of the mapping
 * and so a multiple of the page size, then the text, which ends in a newline; the rest is zero. The pointer to it,
 * __abort_msg, is a word of libc's data. Since the kernel merges neighbouring mappings, every page of anonymous memory
 * that nobody has explained may be such a page; one that a module's data points to is preferred to one that only looks
 * so.
 */
#include <elf.h>

#include "core/cleanup.h"
#include "core/glibc/glibc.h"

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
		struct hc_bytes view = hc_memory_view(g->memory, mapping->start,
						      mapping->end - mapping->start);
		for (size_t at = 0; at + word <= view.size; at += word) {
			if (hc_load_word(view.data + at, word) == value)
				return true;
		}
	}
	return false;
}

/** Candidates that are looked at closely; each costs a pass over the data of the modules. */
#define MAX_CANDIDATES 16

struct hc_error *glibc_find_abort_message(struct glibc *g)
{
	const struct hc_mappings *mappings = &g->process->mappings;
	uint64_t page = glibc_page_size(g), best = 0;
	unsigned candidates = 0;
	uint32_t size;
	for (size_t i = 0; i < mappings->num && candidates < MAX_CANDIDATES; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		if (mapping->kind != HC_MAPPING_ANON || !(mapping->flags & PF_W) || !mapping->present)
			continue;
		for (uint64_t at = mapping->start; at < mapping->end && candidates < MAX_CANDIDATES;
		     at += page) {
			const struct hc_extent *extent = hc_memory_find_next(g->memory, at);
			if (!extent || extent->start >= mapping->end)
				break;
			if (extent->start > at)
				at = (extent->start + page - 1) & ~(page - 1);
			if (!message_at(g, at, &size))
				continue;
			candidates++;
			if (in_module_data(g, at)) {
				best = at;
				candidates = MAX_CANDIDATES;
			} else if (!best) {
				best = at;
			}
		}
	}
	const char *text = best ? message_at(g, best, &size) : NULL;
	if (text && !(g->heap->abort_message = strndup(text, size)))
		return &hc_enomem;
	return NULL;
}
