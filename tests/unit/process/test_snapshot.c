/**
 * @file
 * The maps and smaps parser: names, usage, broken and cut files.
 */
#include "tests/unit/unit.h"

#include <elf.h>

#include "core/process/snapshot.h"

static struct hc_bytes text(const char *s)
{
	return (struct hc_bytes){.data = (const uint8_t *)s, .size = strlen(s)};
}

static const char maps[] =
	"00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/dbus daemon\n"
	"00e03000-00e24000 rw-p 00000000 00:00 0           [heap]\n"
	"35b1800000-35b1820000 rw-s 00000000 00:01 9       /dev/zero (deleted)\n"
	"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
	"7f0000021000-7f0004000000 ---p 00000000 00:00 0 \n"
	"7f1000000000-7f1000001000 r--p 00002000 fe:00 12                         "
	"/tmp/new\\012line\n"
	"7f2000000000-7f2000001000 rw-p 00000000 00:00 0                          [anon:a b]\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

static void test_maps(void **state)
{
	(void)state;
	struct hc_snapshot s;

	assert_true(hc_snapshot_recognise(text(maps)));
	assert_ok(hc_snapshot_parse(text(maps), NULL, &s));
	assert_int_equal(s.num_vmas, 8);
	assert_false(s.has_usage);
	assert_false(s.truncated);
	assert_int_equal(s.vmas[0].start, 0x400000);
	assert_int_equal(s.vmas[0].end, 0x452000);
	assert_int_equal(s.vmas[0].flags, PF_R | PF_X);
	assert_int_equal(s.vmas[0].offset, 0x1000);
	assert_int_equal(s.vmas[0].inode, 173521);
	assert_string_equal(s.vmas[0].name, "/usr/bin/dbus daemon");
	assert_int_equal(s.vmas[0].rss, HC_UNKNOWN_BYTES);
	assert_true(s.vmas[2].shared);
	assert_string_equal(s.vmas[2].name, "/dev/zero (deleted)");
	assert_string_equal(s.vmas[3].name, "");
	assert_int_equal(s.vmas[4].flags, 0);
	assert_string_equal(s.vmas[5].name, "/tmp/new\nline");
	assert_string_equal(s.vmas[6].name, "[anon:a b]");
	assert_int_equal(s.vmas[7].end, 0xffffffffff601000);
	hc_snapshot_deinit(&s);
}

static void test_smaps(void **state)
{
	(void)state;
	static const char smaps[] = "00e03000-00e24000 rw-p 00000000 00:00 0           [heap]\n"
				    "Size:                132 kB\n"
				    "Rss:                  12 kB\n"
				    "Pss:                   6 kB\n"
				    "Private_Dirty:         8 kB\n"
				    "Anonymous:            12 kB\n"
				    "Swap:                  4 kB\n"
				    "THPeligible:           0\n"
				    "VmFlags: rd wr mr mw me ac sd\n"
				    "7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
				    "Rss:                   0 kB\n";
	struct hc_snapshot s;

	assert_ok(hc_snapshot_parse(text(smaps), NULL, &s));
	assert_int_equal(s.num_vmas, 2);
	assert_true(s.has_usage);
	assert_int_equal(s.vmas[0].rss, 12 * 1024);
	assert_int_equal(s.vmas[0].pss, 6 * 1024);
	assert_int_equal(s.vmas[0].private_dirty, 8 * 1024);
	assert_int_equal(s.vmas[0].anonymous, 12 * 1024);
	assert_int_equal(s.vmas[0].swap, 4 * 1024);
	assert_int_equal(s.vmas[1].rss, 0);
	assert_int_equal(s.vmas[1].pss, HC_UNKNOWN_BYTES);
	hc_snapshot_deinit(&s);
}

/** Cut anywhere: the last line goes, and the result says so, or there is nothing and it is an
 * error. */
static void test_truncated(void **state)
{
	(void)state;

	for (size_t size = 0; size < sizeof(maps) - 1; size++) {
		struct hc_bytes file = {.data = (const uint8_t *)maps, .size = size};
		size_t lines = 0;
		for (size_t i = 0; i < size; i++)
			lines += maps[i] == '\n';
		struct hc_snapshot s;
		if (!lines) {
			assert_fails(hc_snapshot_parse(file, NULL, &s), HC_ERROR_FORMAT,
				     "no mapping");
			continue;
		}
		assert_ok(hc_snapshot_parse(file, NULL, &s));
		assert_int_equal(s.num_vmas, lines);
		assert_int_equal(s.truncated, maps[size - 1] != '\n');
		hc_snapshot_deinit(&s);
	}
}

static void test_broken(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"root:x:0:0\n",
		"\n",
		"Rss: 4 kB\n",
		"1000-2000\n",
		"1000-2000 rwxp\n",
		"2000-1000 rw-p 0 00:00 0\n",
		"1000-1000 rw-p 0 00:00 0\n",
		"1000-2000 rw-q 0 00:00 0\n",
		"1000-2000 wr-p 0 00:00 0\n",
		"-2000 rw-p 0 00:00 0\n",
		"1000-10000000000000000 rw-p 0 00:00 0\n",
		"1000-2000 rw-p 0 00:00 0x\n",
		"1000-2000 rw-p 0 00:00 0\nRss: 99999999999999999 kB\n",
		"1000-2000 rw-p 0 00:00 0\nRss: -1 kB\n",
	};
	struct hc_snapshot s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_fails(hc_snapshot_parse(text(bad[i]), NULL, &s), HC_ERROR_FORMAT,
			     "of a maps or smaps file");
	assert_fails(hc_snapshot_parse(text("1000-2000 rw-p 0 00:00 0\nx\n"), "f", &s),
		     HC_ERROR_FORMAT, "f: line 2 ");
	assert_false(hc_snapshot_recognise(text("root:x:0:0\n")));
	assert_false(hc_snapshot_recognise(text("")));
	assert_false(hc_snapshot_recognise(text("1000-2000 rw")));
}

/** A file that was written while the process went on. */
static void test_overlap(void **state)
{
	(void)state;
	struct hc_snapshot s;

	assert_ok(hc_snapshot_parse(text("5000-6000 rw-p 0 00:00 0\n"
					 "1000-4000 rw-p 0 00:00 0\n"
					 "2000-3000 rw-p 0 00:00 0\n"
					 "3000-4800 rw-p 100 08:01 5 /f\n"),
				    NULL, &s));
	assert_int_equal(s.num_vmas, 3);
	assert_int_equal(s.num_overlaps, 2);
	assert_int_equal(s.vmas[0].start, 0x1000);
	assert_int_equal(s.vmas[1].start, 0x4000);
	assert_int_equal(s.vmas[1].end, 0x4800);
	assert_int_equal(s.vmas[1].offset, 0x1100);
	assert_int_equal(s.vmas[2].start, 0x5000);
	hc_snapshot_deinit(&s);
}

/** The line of a rollup spans everything and is no mapping; counts are bounded by the mapping. */
static void test_rollup(void **state)
{
	(void)state;
	static const char rollup[] =
		"00400000-ffffffffff601000 ---p 00000000 00:00 0          [rollup]\n"
		"Rss:                  12 kB\n"
		"Anonymous:             8 kB\n";
	struct hc_snapshot s;

	assert_ok(hc_snapshot_parse(text(rollup), NULL, &s));
	assert_true(s.rollup);
	assert_int_equal(s.num_vmas, 0);
	assert_int_equal(s.totals.rss, 12 * 1024);
	assert_int_equal(s.totals.anonymous, 8 * 1024);
	assert_int_equal(s.totals.swap, HC_UNKNOWN_BYTES);
	hc_snapshot_deinit(&s);
	assert_ok(hc_snapshot_parse(text("1000-2000 rw-p 0 00:00 0\nRss: 99 kB\nAnonymous: 8 kB\n"),
				    NULL, &s));
	assert_false(s.rollup);
	assert_int_equal(s.vmas[0].rss, 0x1000);
	assert_int_equal(s.vmas[0].anonymous, 0x1000);
	hc_snapshot_deinit(&s);
}

static void test_open(void **state)
{
	(void)state;
	struct hc_snapshot s;

	assert_ok(hc_snapshot_open("/proc/self/smaps", &s));
	assert_true(s.has_usage);
	assert_true(s.num_vmas > 5);
	hc_snapshot_deinit(&s);
	assert_fails(hc_snapshot_open("/", &s), HC_ERROR_FORMAT, "not a regular file");
	assert_fails(hc_snapshot_open("/proc/nonexistent", &s), HC_ERROR_OS, "No such file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),      cmocka_unit_test(test_smaps),
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_broken),
		cmocka_unit_test(test_overlap),   cmocka_unit_test(test_open),
		cmocka_unit_test(test_rollup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
