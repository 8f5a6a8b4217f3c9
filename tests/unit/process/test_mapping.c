/**
 * @file
 * The table of mappings: kinds by name and flags, splitting, and what a snapshot adds. After every
 * change the rows must still cover exactly the VMAs, and resident and present bytes must add up to
 * the same sums.
 */
#include "tests/unit/unit.h"

#include <elf.h>

#include "core/process/process.h"
#include "tests/unit/fake_core.h"

static uint8_t zeros[0x4000], ones[0x4000];

static int setup(void **state)
{
	(void)state;
	memset(ones, 1, sizeof(ones));
	return 0;
}

static struct hc_process *open_fake(struct fake_core *fake, const char *smaps)
{
	const struct hc_process_options options = {.smaps = smaps, .jobs = 1};
	char *path = fake_core_write(fake);
	struct hc_process *process;

	assert_ok(hc_process_open(path, &options, &process));
	fake_core_remove(path);
	fake_core_deinit(fake);
	return process;
}

static enum hc_mapping_kind kind_at(const struct hc_mappings *mappings, uint64_t address)
{
	const struct hc_mapping *row = hc_mappings_find(mappings, address);

	assert_non_null(row);
	return row->kind;
}

static void check_rows(const struct hc_mappings *mappings)
{
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *row = &mappings->items[i];
		assert_true(row->start < row->end);
		assert_true(row->present <= row->end - row->start);
		if (i) {
			assert_true(row[-1].end <= row->start);
			assert_true(row[-1].vma <= row->vma);
			if (row[-1].vma == row->vma)
				assert_int_equal(row[-1].end, row->start);
		}
	}
}

static void test_kinds(void **state)
{
	(void)state;
	struct fake_core fake = {};

	fake_core_thread(&fake, 1, 0, 0x7ffe00000800, 0);
	fake_core_file(&fake, 0x10000, 0x11000, 0, "/opt/app");
	fake_core_file(&fake, 0x11000, 0x12000, 0x1000, "/opt/app");
	fake_core_file(&fake, 0x12000, 0x13000, 0x2000, "/opt/app");
	fake_core_file(&fake, 0x20000, 0x21000, 0, "/var/lib/db");
	fake_core_file(&fake, 0x22000, 0x23000, 0, "/dev/shm/queue");
	fake_core_file(&fake, 0x24000, 0x25000, 0, "/SYSV00000000 (deleted)");
	fake_core_file(&fake, 0x26000, 0x27000, 0, "/memfd:x (deleted)");
	fake_core_file(&fake, 0x28000, 0x29000, 0, "/dev/zero (deleted)");
	fake_core_file(&fake, 0x2a000, 0x2b000, 0, "/dev/zero");
	fake_core_file(&fake, 0x2c000, 0x2d000, 0, "/anon_hugepage (deleted)");
	fake_core_segment(&fake, 0x10000, 0x1000, PF_R, zeros, 0x1000);
	fake_core_segment(&fake, 0x11000, 0x1000, PF_R | PF_X, NULL, 0);
	fake_core_segment(&fake, 0x12000, 0x1000, PF_R | PF_W, zeros, 0x1000);
	for (uint64_t start = 0x20000; start <= 0x2c000; start += 0x2000)
		fake_core_segment(&fake, start, 0x1000, PF_R | PF_W, zeros, 0x1000);
	fake_core_segment(&fake, 0x30000, 0x1000, 0, NULL, 0);
	fake_core_segment(&fake, 0x31000, 0x1000, PF_R | PF_W, zeros, 0x1000);
	fake_core_segment(&fake, 0x40000, 0x4000, PF_R, NULL, 0);
	fake_core_segment(&fake, 0x44000, 0x2000, PF_R | PF_X, zeros, 0x2000);
	fake_core_auxv(&fake, AT_SYSINFO_EHDR, 0x44000);
	fake_core_auxv(&fake, AT_EXECFN, 0x7ffe00000ff0);
	fake_core_segment(&fake, 0x7ffe00000000, 0x1000, PF_R | PF_W, zeros, 0x1000);
	fake_core_segment(&fake, 0xffffffffff600000, 0x1000, PF_X, zeros, 0x1000);
	struct hc_process *process = open_fake(&fake, NULL);
	const struct hc_mappings *m = &process->mappings;

	check_rows(m);
	assert_int_equal(kind_at(m, 0x10000), HC_MAPPING_RODATA);
	assert_int_equal(kind_at(m, 0x11000), HC_MAPPING_TEXT);
	assert_int_equal(kind_at(m, 0x12fff), HC_MAPPING_DATA);
	assert_int_equal(hc_mappings_find(m, 0x12000)->offset, 0x2000);
	assert_int_equal(kind_at(m, 0x20000), HC_MAPPING_FILE);
	for (uint64_t start = 0x22000; start <= 0x28000; start += 0x2000) {
		assert_int_equal(kind_at(m, start), HC_MAPPING_SHARED);
		assert_false(hc_mappings_find(m, start)->anonymous);
	}
	for (uint64_t start = 0x2a000; start <= 0x2c000; start += 0x2000) {
		assert_int_equal(kind_at(m, start), HC_MAPPING_ANON);
		assert_true(hc_mappings_find(m, start)->anonymous);
	}
	assert_int_equal(kind_at(m, 0x30000), HC_MAPPING_RESERVED);
	assert_false(hc_mappings_find(m, 0x30000)->anonymous);
	assert_int_equal(kind_at(m, 0x31000), HC_MAPPING_ANON);
	assert_int_equal(kind_at(m, 0x40000), HC_MAPPING_VDSO);
	assert_int_equal(kind_at(m, 0x44000), HC_MAPPING_VDSO);
	assert_false(hc_mappings_find(m, 0x44000)->anonymous);
	assert_int_equal(kind_at(m, 0x7ffe00000000), HC_MAPPING_MAIN_STACK);
	assert_int_equal(kind_at(m, 0xffffffffff600000), HC_MAPPING_VDSO);
	assert_null(hc_mappings_find(m, 0x32000));
	hc_process_close(process);
}

/** gdb leaves file pages out, so that only NT_FILE has them, and makes PROT_NONE readable. */
static void test_gcore(void **state)
{
	(void)state;
	struct fake_core fake = {.gcore = true};

	fake_core_thread(&fake, 1, 0, 0, 0);
	fake_core_file(&fake, 0x10000, 0x12000, 0, "/lib/a");
	fake_core_file(&fake, 0x50000, 0x52000, 0, "/lib/b");
	fake_core_segment(&fake, 0x20000, 0x1000, PF_R, zeros, 0x1000);
	fake_core_segment(&fake, 0x21000, 0x1000, PF_R | PF_W, zeros, 0x1000);
	fake_core_segment(&fake, 0x30000, 0x1000, PF_R, ones, 0x1000);
	struct hc_process *process = open_fake(&fake, NULL);
	const struct hc_mappings *m = &process->mappings;

	check_rows(m);
	assert_int_equal(m->num, 5);
	assert_int_equal(kind_at(m, 0x10000), HC_MAPPING_FILE);
	assert_int_equal(kind_at(m, 0x51fff), HC_MAPPING_FILE);
	assert_int_equal(kind_at(m, 0x20000), HC_MAPPING_RESERVED);
	assert_int_equal(hc_mappings_find(m, 0x20000)->flags, 0);
	assert_int_equal(kind_at(m, 0x30000), HC_MAPPING_ANON);
	hc_process_close(process);
}

/** One PT_LOAD that NT_FILE cuts in several. */
static void test_file_split(void **state)
{
	(void)state;
	struct fake_core fake = {};

	fake_core_thread(&fake, 1, 0, 0, 0);
	fake_core_file(&fake, 0x11000, 0x12000, 0x5000, "/a");
	fake_core_file(&fake, 0x12000, 0x18000, 0x1000, "/b");
	fake_core_segment(&fake, 0x10000, 0x4000, PF_R, ones, 0x2800);
	struct hc_process *process = open_fake(&fake, NULL);
	const struct hc_mappings *m = &process->mappings;

	check_rows(m);
	assert_int_equal(m->num, 4);
	assert_null(m->items[0].path);
	assert_string_equal(m->items[1].path, "/a");
	assert_string_equal(m->items[2].path, "/b");
	assert_int_equal(m->items[2].present, 0x800);
	assert_int_equal(m->items[3].start, 0x14000);
	assert_int_equal(m->items[3].offset, 0x3000);
	hc_process_close(process);
}

static void test_assign(void **state)
{
	(void)state;
	struct fake_core fake = {};

	fake_core_thread(&fake, 1, 0, 0, 0);
	fake_core_segment(&fake, 0x10000, 0x4000, PF_R | PF_W, ones, 0x1800);
	fake_core_segment(&fake, 0x14000, 0x1000, PF_R | PF_W, NULL, 0);
	struct hc_process *process = open_fake(&fake, NULL);
	struct hc_mappings *m = &process->mappings;

	m->items[0].resident = 0x4000;
	assert_ok(hc_mappings_assign(m, 0x11000, 0x12010, HC_MAPPING_MAIN_HEAP, "heap"));
	assert_int_equal(m->num, 4);
	check_rows(m);
	assert_int_equal(m->items[0].present, 0x1000);
	assert_int_equal(m->items[1].present, 0x800);
	assert_int_equal(m->items[2].present, 0);
	assert_int_equal(m->items[0].resident + m->items[1].resident + m->items[2].resident,
			 0x4000);
	assert_int_equal(m->items[1].resident, 0x1010);
	assert_string_equal(m->items[1].note, "heap");
	assert_null(m->items[2].note);
	assert_int_equal(m->items[2].vma, 0);
	assert_int_equal(m->items[3].vma, 1);

	/* across rows and beyond them; later ones overrule */
	assert_ok(hc_mappings_assign(m, 0x12000, 0x20000, HC_MAPPING_STACK, NULL));
	check_rows(m);
	assert_int_equal(kind_at(m, 0x11fff), HC_MAPPING_MAIN_HEAP);
	assert_int_equal(kind_at(m, 0x12000), HC_MAPPING_STACK);
	assert_null(hc_mappings_find(m, 0x12000)->note);
	assert_int_equal(kind_at(m, 0x14fff), HC_MAPPING_STACK);
	assert_null(hc_mappings_find(m, 0x15000));

	/* nothing there */
	size_t num = m->num;
	assert_ok(hc_mappings_assign(m, 0x100000, 0x200000, HC_MAPPING_TLS, "x"));
	assert_ok(hc_mappings_assign(m, 0x12000, 0x12000, HC_MAPPING_TLS, "x"));
	assert_int_equal(m->num, num);
	hc_process_close(process);
}

/** As many mmapped chunks as glibc allows, in one VMA. */
static void test_assign_many(void **state)
{
	(void)state;
	enum { NUM = 65536 };
	struct fake_core fake = {};

	fake_core_thread(&fake, 1, 0, 0, 0);
	fake_core_segment(&fake, 0x10000000, (uint64_t)NUM * 0x2000, PF_R | PF_W, NULL, 0);
	struct hc_process *process = open_fake(&fake, NULL);
	struct hc_mappings *m = &process->mappings;

	for (uint64_t i = 0; i < NUM; i++) {
		uint64_t start = 0x10000000 + i * 0x2000;
		assert_ok(
			hc_mappings_assign(m, start, start + 0x1000, HC_MAPPING_MMAP_CHUNK, NULL));
	}
	assert_int_equal(m->num, 2 * NUM);
	assert_int_equal(m->num_vmas, 1);
	check_rows(m);
	hc_process_close(process);
}

static void test_smaps(void **state)
{
	(void)state;
	static const char smaps[] = "10000-12000 rw-p 00000000 00:00 0       [heap]\n"
				    "Rss: 8 kB\n"
				    "12000-13000 rw-p 00000000 00:00 0 \n"
				    "Rss: 4 kB\n"
				    "20000-21000 rw-s 00000000 00:01 5 /dev/shm/x\n"
				    "Rss: 4 kB\n"
				    "21000-22000 ---p 00000000 00:00 0 \n"
				    "Rss: 0 kB\n"
				    "30000-31000 rw-p 00000000 00:00 0 [anon:arena 51]\n"
				    "Rss: 0 kB\n";
	struct fake_core fake = {};

	fake_core_thread(&fake, 1, 0, 0, 0);
	fake_core_segment(&fake, 0x10000, 0x3000, PF_R | PF_W, ones, 0x3000);
	fake_core_segment(&fake, 0x20000, 0x1000, PF_R | PF_W, ones, 0x1000);
	fake_core_segment(&fake, 0x21000, 0x1000, PF_R, ones, 0x1000);
	fake_core_segment(&fake, 0x30000, 0x1000, PF_R | PF_W, ones, 0x1000);
	fake_core_segment(&fake, 0x40000, 0x1000, PF_R | PF_W, ones, 0x1000);
	char *path = fake_file_write(smaps, sizeof(smaps) - 1);
	struct hc_process *process = open_fake(&fake, path);
	const struct hc_mappings *m = &process->mappings;

	assert_int_equal(kind_at(m, 0x10000), HC_MAPPING_MAIN_HEAP);
	assert_int_equal(hc_mappings_find(m, 0x10000)->resident, 12 << 10);
	assert_true(hc_mappings_find(m, 0x10000)->anonymous);
	assert_int_equal(kind_at(m, 0x20000), HC_MAPPING_SHARED);
	assert_false(hc_mappings_find(m, 0x20000)->anonymous);
	assert_int_equal(kind_at(m, 0x21000), HC_MAPPING_RESERVED);
	assert_string_equal(hc_mappings_find(m, 0x30000)->note, "[anon:arena 51]");
	assert_int_equal(hc_mappings_find(m, 0x40000)->resident, HC_UNKNOWN_BYTES);
	hc_process_close(process);

	/* a snapshot that can't be used is an error that names it */
	const struct hc_process_options options = {.smaps = "/proc/nonexistent"};
	struct fake_core again = {};
	fake_core_thread(&again, 1, 0, 0, 0);
	char *core = fake_core_write(&again);
	assert_fails(hc_process_open(core, &options, &process), HC_ERROR_OS, "/proc/nonexistent");
	fake_core_remove(core);
	fake_core_deinit(&again);
	fake_core_remove(path);
}

static void test_snapshot_guesses(void **state)
{
	(void)state;
	static const char maps[] = "00400000-00401000 r-xp 00000000 08:01 1    /bin/x\n"
				   "00401000-00402000 rw-p 00001000 08:01 1    /bin/x\n"
				   "00402000-00404000 rw-p 00000000 00:00 0 \n"
				   "01000000-01021000 rw-p 00000000 00:00 0    [heap]\n"
				   "7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
				   "7f0000021000-7f0004000000 ---p 00000000 00:00 0 \n"
				   "7f0007ff0000-7f0008021000 rw-p 00000000 00:00 0 \n"
				   "7f0008021000-7f000c000000 ---p 00000000 00:00 0 \n"
				   "7f1000000000-7f1000001000 ---p 00000000 00:00 0 \n"
				   "7f1000001000-7f1000801000 rw-p 00000000 00:00 0 \n"
				   "7f1000900000-7f1000a00000 rw-p 00000000 00:00 0 \n"
				   "7f2000000000-7f2000001000 ---p 00000000 00:00 0    [anon: "
				   "glibc: pthread stack: 5]\n"
				   "7f2000001000-7f2000800000 rw-p 00000000 00:00 0    [anon: "
				   "glibc: pthread stack: 5]\n"
				   "7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0    [stack]\n";
	struct hc_snapshot snapshot;
	struct hc_mappings m;

	assert_ok(hc_snapshot_parse((struct hc_bytes){(uint8_t *)maps, sizeof(maps) - 1}, NULL,
				    &snapshot));
	assert_ok(hc_mappings_from_snapshot(&snapshot, &m));
	check_rows(&m);
	assert_int_equal(kind_at(&m, 0x400000), HC_MAPPING_TEXT);
	assert_int_equal(kind_at(&m, 0x401000), HC_MAPPING_DATA);
	assert_int_equal(kind_at(&m, 0x402000), HC_MAPPING_BSS);
	assert_int_equal(kind_at(&m, 0x1000000), HC_MAPPING_MAIN_HEAP);
	assert_int_equal(kind_at(&m, 0x7f0000000000), HC_MAPPING_THREAD_HEAP);
	assert_int_equal(kind_at(&m, 0x7f0000021000), HC_MAPPING_HEAP_RESERVE);
	assert_non_null(strstr(hc_mappings_find(&m, 0x7f0000000000)->note, "probably"));
	/* the kernel merged a neighbour with the heap */
	assert_int_equal(kind_at(&m, 0x7f0007ff0000), HC_MAPPING_ANON);
	assert_int_equal(kind_at(&m, 0x7f0008000000), HC_MAPPING_THREAD_HEAP);
	assert_int_equal(kind_at(&m, 0x7f1000000000), HC_MAPPING_STACK_GUARD);
	assert_int_equal(kind_at(&m, 0x7f1000001000), HC_MAPPING_STACK);
	assert_non_null(strstr(hc_mappings_find(&m, 0x7f1000001000)->note, "probably"));
	assert_int_equal(kind_at(&m, 0x7f1000900000), HC_MAPPING_ANON);
	assert_int_equal(kind_at(&m, 0x7f2000000000), HC_MAPPING_STACK_GUARD);
	assert_int_equal(kind_at(&m, 0x7f2000001000), HC_MAPPING_STACK);
	assert_int_equal(kind_at(&m, 0x7ffe00000000), HC_MAPPING_MAIN_STACK);
	assert_int_equal(m.items[0].present, 0);
	hc_mappings_deinit(&m);
	hc_snapshot_deinit(&snapshot);
}

static void test_names(void **state)
{
	(void)state;
	for (int kind = 0; kind < HC_NUM_MAPPING_KINDS; kind++) {
		assert_non_null(hc_mapping_kind_name(kind));
		assert_non_null(hc_mapping_kind_title(kind));
		for (int other = 0; other < kind; other++)
			assert_string_not_equal(hc_mapping_kind_name(kind),
						hc_mapping_kind_name(other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_gcore),
		cmocka_unit_test(test_file_split),
		cmocka_unit_test(test_assign),
		cmocka_unit_test(test_assign_many),
		cmocka_unit_test(test_smaps),
		cmocka_unit_test(test_snapshot_guesses),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
