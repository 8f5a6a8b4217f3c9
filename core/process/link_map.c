/**
 * @file
 * Following r_debug and link_map; see link_map.h.
 */
#include "core/process/link_map.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Entries of a dynamic section that are looked at; modules that are followed. */
#define MAX_DYNAMIC 1024
#define MAX_LINKS 65536

const char *hc_memory_string(const struct hc_memory *memory, uint64_t address)
{
	enum { MAX_STRING = 4096 };
	struct hc_bytes view = hc_memory_view(memory, address, MAX_STRING);

	return view.size && memchr(view.data, '\0', view.size) ? (const char *)view.data : NULL;
}

/** DT_DEBUG; 0: there is none. */
static uint64_t find_debug(const struct hc_memory *memory, uint64_t dynamic)
{
	unsigned word = memory->word_size;
	uint64_t tag, value;

	for (unsigned i = 0; i < MAX_DYNAMIC; i++, dynamic += 2 * word) {
		if (!hc_memory_word(memory, dynamic, &tag) ||
		    !hc_memory_word(memory, dynamic + word, &value) || tag == DT_NULL)
			return 0;
		if (tag == DT_DEBUG)
			return value;
	}
	return 0;
}

/** One entry; false when it can't be one. */
static bool read_link(const struct hc_memory *memory, uint64_t at, struct hc_link *ret,
		      uint64_t *next_ret, uint64_t *prev_ret)
{
	unsigned word = memory->word_size;
	uint64_t name;

	if (!hc_memory_word(memory, at, &ret->bias) || !hc_memory_word(memory, at + word, &name) ||
	    !hc_memory_word(memory, at + 2 * word, &ret->dynamic) ||
	    !hc_memory_word(memory, at + 3 * word, next_ret) ||
	    !hc_memory_word(memory, at + 4 * word, prev_ret))
		return false;
	ret->name = hc_memory_string(memory, name);
	return ret->dynamic;
}

struct hc_error *hc_link_map_read(const struct hc_memory *memory, uint64_t dynamic,
				  struct hc_link_map *ret)
{
	hc_cleanup(hc_link_map_deinit) struct hc_link_map map = {0};
	uint64_t debug = find_debug(memory, dynamic), at, next, prev, before = 0;

	/* int r_version, and behind it, aligned, the first entry. */
	if (!debug || !hc_memory_word(memory, debug + memory->word_size, &at))
		at = 0;
	for (; at && map.num < MAX_LINKS; before = at, at = next) {
		struct hc_link link;
		if (!read_link(memory, at, &link, &next, &prev) || prev != before)
			break;
		struct hc_error *err = hc_array_reserve(&map.items, map.num, sizeof(*map.items));
		if (err)
			return err;
		map.items[map.num++] = link;
	}
	*ret = map;
	map = (struct hc_link_map){0};
	return NULL;
}

void hc_link_map_deinit(struct hc_link_map *map)
{
	free(map->items);
	*map = (struct hc_link_map){0};
}
