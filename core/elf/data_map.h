/**
 * @file
 * Where a sparse file holds data: the rest are holes, which read as zero.
 *
 * A core of a process with large reservations may be holes almost everywhere. Reading them costs
 * time and fills the page cache with zeroes, so the file system is asked once, when the core is
 * opened (SEEK_DATA and SEEK_HOLE), and passes that look for anything but zero skip them
 * (hc_memory_next_data()). What the file system calls data may be zero all the same.
 */
#ifndef HC_CORE_ELF_DATA_MAP_H
#define HC_CORE_ELF_DATA_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Offsets [start, end) that may hold something other than zero. */
struct hc_data_range {
	uint64_t start, end;
};

struct hc_data_map {
	struct hc_data_range *ranges; /**< sorted, disjoint, none of them empty */
	size_t num;
	bool known; /**< false: not sparse, or the file system doesn't tell; all may be data */
};

/**
 * Ask the file system about a regular file. Does not fail: what is not told counts as data, and so
 * does what lies behind the first million of ranges.
 */
void hc_data_map_init(struct hc_data_map *map, int fd);
void hc_data_map_deinit(struct hc_data_map *map);

/**
 * Tell the kernel where a mapping of the file, from its start, holds single pages among holes: what
 * is read there is read alone, and not with the holes around it, which would fill the page cache.
 *
 * @param data where the file is mapped, whole
 */
void hc_data_map_advise(const struct hc_data_map *map, const void *data);

/** The first byte at or above @p offset that may be other than zero; UINT64_MAX: none. */
uint64_t hc_data_map_next(const struct hc_data_map *map, uint64_t offset);

/** Where the data that @p offset lies in ends; it must lie in some. */
uint64_t hc_data_map_end(const struct hc_data_map *map, uint64_t offset);

#endif
