/**
 * @file
 * The dynamic linker's list of what it loaded.
 *
 * Where a core has no NT_FILE, this list alone has the names of files. It is reached from the
 * program: DT_DEBUG in its dynamic section leads to struct r_debug, and that to the first struct
 * link_map (link.h). Both lie in data, which cores hold; names lie in ld.so's heap, in malloc's, or
 * on the stack. Everything in it is untrusted, and a list that goes astray ends there.
 */
#ifndef HC_CORE_PROCESS_LINK_MAP_H
#define HC_CORE_PROCESS_LINK_MAP_H

#include "core/process/memory.h"

struct hc_link {
	uint64_t bias;    /**< load address minus link address */
	uint64_t dynamic; /**< address of the dynamic section */
	const char *name; /**< path; "" for the program itself. Points into the core */
};

struct hc_link_map {
	struct hc_link *items; /**< in the order of loading */
	size_t num;
};

/**
 * Read the list.
 *
 * @param dynamic address of the program's dynamic section
 * @param[out] ret empty where there is none
 */
struct hc_error *hc_link_map_read(const struct hc_memory *memory, uint64_t dynamic,
				  struct hc_link_map *ret);
void hc_link_map_deinit(struct hc_link_map *map);

/** A string in memory, as far as it lies in one piece; NULL when it has no end there. */
const char *hc_memory_string(const struct hc_memory *memory, uint64_t address);

#endif
