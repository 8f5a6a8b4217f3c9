/**
 * @file
 * Asking for holes; see data_map.h.
 */
#include "core/elf/data_map.h"

#include <errno.h>
#include <stdlib.h>
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
