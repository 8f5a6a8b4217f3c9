/**
 * @file
 * Data maps: which parts of a mapping are to be read page by page, as the kernel remembers it.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/elf/data_map.h"

enum { KIB = 1 << 10, MIB = 1 << 20, SIZE = 16 * MIB };

/** Whether the kernel reads nothing around the byte at @p address: "rr" in its mapping's flags. */
static bool is_read_alone(const void *address)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool inside = false, ret = false;
	char line[512];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			ret = strstr(line, " rr ");
	}
	fclose(file);
	return ret;
}

static void test_advice(void **state)
{
	(void)state;
	struct hc_data_range ranges[] = {
		{0, 4 * KIB},                            /* no hole before it */
		{1 * MIB, 1 * MIB + 4 * KIB},            /* alone */
		{2 * MIB + 1, 2 * MIB + 64 * KIB},       /* the next, and still short */
		{3 * MIB, 3 * MIB + 512 * KIB},          /* long */
		{5 * MIB, 5 * MIB + 4 * KIB},            /* one hole is short */
		{5 * MIB + 8 * KIB, 5 * MIB + 12 * KIB}, /* the same */
		{8 * MIB, 8 * MIB + 4 * KIB},            /* alone, the last one */
	};
	struct hc_data_map map = {ranges, sizeof(ranges) / sizeof(ranges[0]), false};
	uint8_t *data = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(data != MAP_FAILED);
	hc_data_map_advise(&map, data);
	assert_false(is_read_alone(data + 1 * MIB)); /* not known to be sparse */
	map.known = true;
	hc_data_map_advise(&map, data);
	assert_false(is_read_alone(data));
	assert_true(is_read_alone(data + 1 * MIB));
	assert_true(is_read_alone(data + 1 * MIB + 512 * KIB)); /* the hole between two */
	assert_true(is_read_alone(data + 2 * MIB));
	assert_false(is_read_alone(data + 3 * MIB));
	assert_false(is_read_alone(data + 5 * MIB));
	assert_false(is_read_alone(data + 5 * MIB + 8 * KIB));
	assert_true(is_read_alone(data + 8 * MIB));
	assert_false(is_read_alone(data + 9 * MIB));
	munmap(data, SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
