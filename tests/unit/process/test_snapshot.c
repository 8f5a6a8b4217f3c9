/**
 * @file
 * The maps and smaps parser: names, usage, broken and cut files.
 */
#include "tests/unit/unit.h"

#include <elf.h>
#include <stdio.h>

#include "core/process/pmap.h"

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

/** @name pmap */
/**@{*/

static const char plain[] = "4711:   worker --all\n"
			    "000055d0c0000000     16K r-x-- worker\n"
			    "00007f0000000000    132K rw---   [ anon ]\n"
			    "00007f0000021000  65404K -----   [ anon ]\n"
			    "00007f1000000000      8K rw-s- memfd:two words (deleted)\n"
			    "00007ffd00000000    132K rw---   [ stack ]\n"
			    " total            65692K\n";
/* procps 3.2 had these columns, and no values for two of them. */
static const char older[] = "4711:   worker\n"
			    "Address           Kbytes     RSS    Anon  Locked Mode   Mapping\n"
			    "0000000000400000      16      12       -       - r-x--  /bin/worker\n"
			    "0000000000e03000     132       4       -       - rw---    [ anon ]\n"
			    "----------------  ------  ------  ------  ------\n"
			    "total kB             148      16       -       -\n";
static const char extended[] =
	"4711:   worker\n"
	"         Address Perm   Offset Device  Inode Size Rss Private_Dirty Anonymous Swap "
	"THPeligible        VmFlags Mapping\n"
	"    55d0c0000000 r-xp 00001000  fe:00 248056   16  12             0         0    0 "
	"          0 rd ex mr mw me worker\n"
	"    7f0000000000 rw-p 00000000  00:00      0  132   8             8         8    4 "
	"          0 rd wr mr mw me \n"
	"    7f1000000000 rw-p 00000000  00:00      0    4   4             4         4    0 "
	"          0 rd wr mr mw me [heap]\n"
	"                                              ==== === ============= ========= ==== \n"
	"                                               152  24            12        12    4 KB "
	"\n";

static void test_pmap(void **state)
{
	(void)state;
	struct hc_snapshot s;

	assert_false(hc_snapshot_recognise(text(plain)));
	assert_true(hc_pmap_recognise(text(plain)));
	assert_ok(hc_snapshot_parse(text(plain), NULL, &s));
	assert_int_equal(s.num_vmas, 5);
	assert_false(s.has_usage || s.truncated || s.endless);
	assert_int_equal(s.vmas[0].start, 0x55d0c0000000);
	assert_int_equal(s.vmas[0].end, 0x55d0c0004000);
	assert_int_equal(s.vmas[0].flags, PF_R | PF_X);
	assert_string_equal(s.vmas[0].name, "worker");
	assert_string_equal(s.vmas[1].name, "");
	assert_int_equal(s.vmas[1].rss, HC_UNKNOWN_BYTES);
	assert_int_equal(s.vmas[2].flags, 0);
	assert_true(s.vmas[3].shared);
	assert_string_equal(s.vmas[3].name, "/memfd:two words (deleted)");
	assert_string_equal(s.vmas[4].name, "[stack]");
	hc_snapshot_deinit(&s);
}

static void test_pmap_columns(void **state)
{
	(void)state;
	struct hc_snapshot s;

	assert_true(hc_pmap_recognise(text(older)));
	assert_ok(hc_snapshot_parse(text(older), NULL, &s));
	assert_int_equal(s.num_vmas, 2);
	assert_true(s.has_usage && !s.endless);
	assert_int_equal(s.vmas[0].rss, 12 << 10);
	assert_int_equal(s.vmas[0].anonymous, HC_UNKNOWN_BYTES);
	assert_string_equal(s.vmas[0].name, "/bin/worker");
	hc_snapshot_deinit(&s);

	assert_true(hc_pmap_recognise(text(extended)));
	assert_ok(hc_snapshot_parse(text(extended), NULL, &s));
	assert_int_equal(s.num_vmas, 3);
	assert_int_equal(s.vmas[0].offset, 0x1000);
	assert_int_equal(s.vmas[0].inode, 248056);
	assert_string_equal(s.vmas[0].name, "worker");
	assert_int_equal(s.vmas[1].rss, 8 << 10);
	assert_int_equal(s.vmas[1].anonymous, 8 << 10);
	assert_int_equal(s.vmas[1].private_dirty, 8 << 10);
	assert_int_equal(s.vmas[1].swap, 4 << 10);
	assert_string_equal(s.vmas[1].name, "");
	assert_string_equal(s.vmas[2].name, "[heap]");
	assert_false(s.truncated || s.endless);
	hc_snapshot_deinit(&s);
}

/** Cut anywhere: what is missing is told, a line of its own or a part of one. */
static void test_pmap_cut(void **state)
{
	(void)state;
	size_t total = strstr(older, "total") - older, first = strchr(older, '-') - older;

	for (size_t size = strlen("4711:   "); size < sizeof(older) - 1; size++) {
		struct hc_bytes file = {(const uint8_t *)older, size};
		struct hc_snapshot s;
		struct hc_error *err = hc_snapshot_parse(file, NULL, &s);

		if (size < first) {
			assert_fails(err, HC_ERROR_FORMAT, "");
			continue;
		}
		if (err) { /* a mapping was cut off, and no other came before it */
			assert_fails(err, HC_ERROR_FORMAT, "no mapping");
			continue;
		}
		assert_true(s.truncated != s.endless || size > total);
		assert_int_equal(s.truncated || s.endless, size <= total);
		hc_snapshot_deinit(&s);
	}
}

/** What is not recognised, line by line. */
static struct hc_error *parse_as_pmap(const char *whole)
{
	struct hc_pmap pmap = {0};
	struct hc_snapshot s = {0};
	struct hc_error *err = NULL;
	size_t number = 0;

	for (const char *line = whole; *line && !err; line = strchr(line, '\n') + 1) {
		struct hc_text one = {line, strchr(line, '\n')};

		err = hc_pmap_line(&pmap, one, ++number, &s);
	}
	hc_snapshot_deinit(&s);
	return err;
}

static void test_pmap_broken(void **state)
{
	(void)state;
	static const struct {
		const char *body, *what;
	} bad[] = {
		{"", "holds no mapping"},
		{"torn\n", "line 2 is no heading of pmap"},
		{"0000000000400000      16      12       0 r-x-- worker\n",
		 "line 2 is no heading of pmap"},
		{"Address Kbytes Mapping\n", "line 2 has headings"},
		{"Address Kbytes Mode\n", "line 2 has headings"},
		{"Address Kbytes Mode Mapping\n400000 4 r-x\n", "line 3 is none of pmap's"},
		{"Address Kbytes Mode Mapping\n400000 4\n", "line 3 is none of pmap's"},
		{"Address Kbytes Mode Mapping\n400000 0 r-x-- a\n", "line 3 is none of pmap's"},
		{"Address Kbytes Mode Mapping\n400g00 4 r-x-- a\n", "line 3 is none of pmap's"},
		{"Address Kbytes Mode Mapping\n400000 4 wrx-- a\n", "line 3 is none of pmap's"},
		{"Address Kbytes Mode Mapping\n400000 99999999999999999 r-x-- a\n",
		 "line 3 is none of pmap's"},
		{"Address Kbytes Mode Mapping\nfffffffffffff000 5 r-x-- a\n",
		 "line 3 is none of pmap's"},
		{"Address Kbytes RSS Mode Mapping\n400000 4 x r-x-- a\n",
		 "line 3 is none of pmap's"},
		{"Address Kbytes Mode Mapping\n400000 4 r-x-- a\n----\ntotal 4\n12:   b\n",
		 "line 6 begins another process"},
		{"Address Kbytes Mode Mapping\n400000 4 r-x-- a\ntotal 4\n400000 4 r-x-- a\n",
		 "line 5 follows pmap's total"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char whole[512];
		struct hc_snapshot s;

		snprintf(whole, sizeof(whole), "11:   a\n%s", bad[i].body);
		assert_fails(hc_pmap_recognise(text(whole))
				     ? hc_snapshot_parse(text(whole), NULL, &s)
				     : parse_as_pmap(whole),
			     HC_ERROR_FORMAT, bad[i].what);
	}
}
/**@}*/

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),        cmocka_unit_test(test_smaps),
		cmocka_unit_test(test_truncated),   cmocka_unit_test(test_broken),
		cmocka_unit_test(test_overlap),     cmocka_unit_test(test_open),
		cmocka_unit_test(test_rollup),      cmocka_unit_test(test_pmap),
		cmocka_unit_test(test_pmap_cut),    cmocka_unit_test(test_pmap_columns),
		cmocka_unit_test(test_pmap_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
