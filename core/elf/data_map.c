/**
 * @file
 * Asking for holes; see data_map.h.
 */
#include "core/elf/data_map.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/array.h"

/** Most ranges that are kept: 16 MiB of them. A file of more is read as far as it goes. */
#define MAX_RANGES (1u << 20)

static bool is_sparse(int fd, uint64_t *size_ret)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    (uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size)
		return false;
	*size_ret = st.st_size;
	return true;
}

/** @return false without memory */
static bool add_range(struct hc_data_map *map, uint64_t start, uint64_t end)
{
	struct hc_error *err = hc_array_reserve(&map->ranges, map->num, sizeof(*map->ranges));

	if (err)
		hc_error_destroy(err);
	else
		map->ranges[map->num++] = (struct hc_data_range){start, end};
	return !err;
}

void hc_data_map_init(struct hc_data_map *map, int fd)
{
	uint64_t size, at = 0;

	*map = (struct hc_data_map){};
	if (!is_sparse(fd, &size))
		return;
	/* Somebody may have the offset of this descriptor, and duplicates share it. */
	off_t before = lseek(fd, 0, SEEK_CUR);
	bool ok = before >= 0;
	while (ok && at < size) {
		off_t start = lseek(fd, at, SEEK_DATA);
		if (start < 0) {
			ok = errno == ENXIO; /* holes up to the end */
			break;
		}
		off_t hole = map->num + 1 < MAX_RANGES ? lseek(fd, start, SEEK_HOLE) : (off_t)size;
		/* The file may change meanwhile: whatever is told, this goes on. */
		ok = (uint64_t)start >= at && hole > start && add_range(map, start, hole);
		at = hole;
	}
	if (before >= 0 && lseek(fd, before, SEEK_SET) < 0)
		ok = false;
	map->known = ok;
}

void hc_data_map_deinit(struct hc_data_map *map)
{
	free(map->ranges);
	*map = (struct hc_data_map){};
}

/** @name Reading around */
/**@{*/

/** What the kernel reads around a fault by default, bytes; data of half of that gains by it. */
#define READ_AROUND (UINT64_C(128) << 10)
#define MAX_LONE (READ_AROUND / 2)
/** Stretches that are told: each is one more part of the mapping, of which there may be 65,530. */
#define MAX_STRETCHES 1024

/** Whether a range is short, and the holes on both sides are long. */
static bool is_lone(const struct hc_data_map *map, size_t index)
{
	const struct hc_data_range *range = &map->ranges[index];
	uint64_t before = index ? range[-1].end : 0;

	return range->end - range->start <= MAX_LONE && range->start - before >= READ_AROUND &&
	       (index + 1 == map->num || range[1].start - range->end >= READ_AROUND);
}

void hc_data_map_advise(const struct hc_data_map *map, const void *data)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	size_t stretches = 0;

	for (size_t i = 0, end; map->known && i < map->num && stretches < MAX_STRETCHES; i = end) {
		for (end = i; end < map->num && is_lone(map, end); end++)
			;
		if (end++ == i)
			continue;
		/* From hole to hole. Only advice: it may fail. */
		uint64_t from = map->ranges[i].start & ~(page - 1);
		uint64_t to = (map->ranges[end - 2].end + page - 1) & ~(page - 1);
		madvise((uint8_t *)data + from, to - from, MADV_RANDOM);
		stretches++;
	}
}
/**@}*/

/** Index of the first range that ends above @p offset. */
static size_t map_index(const struct hc_data_map *map, uint64_t offset)
{
	return hc_lower_bound(map->num, i, map->ranges[i].end <= offset);
}

uint64_t hc_data_map_next(const struct hc_data_map *map, uint64_t offset)
{
	if (!map->known)
		return offset;
	size_t index = map_index(map, offset);
	if (index == map->num)
		return UINT64_MAX;
	return map->ranges[index].start > offset ? map->ranges[index].start : offset;
}

uint64_t hc_data_map_end(const struct hc_data_map *map, uint64_t offset)
{
	size_t index = map->known ? map_index(map, offset) : map->num;

	return index < map->num ? map->ranges[index].end : UINT64_MAX;
}
