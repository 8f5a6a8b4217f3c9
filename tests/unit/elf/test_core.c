/**
 * @file
 * Opening cores: whole ones, ones that are cut at every byte, hostile headers, and files that are
 * no cores.
 */
#include "tests/unit/unit.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/elf/core.h"
#include "tests/unit/fake_core.h"

static uint8_t page[4096];

static void make_core(struct fake_core *fake)
{
	memset(page, 'p', sizeof(page));
	fake_core_thread(fake, 1, 0x401000, 0x20800, 0x30000);
	fake_core_thread(fake, 2, 0x401000, 0x20900, 0x31000);
	fake_core_auxv(fake, AT_PAGESZ, 4096);
	fake_core_file(fake, 0x30000, 0x31000, 0x1000, "/lib/x.so");
	fake_core_segment(fake, 0x10000, 0x3000, PF_R | PF_W, page, 4096);
	fake_core_segment(fake, 0x20000, 0x1000, PF_R | PF_W, page, 4096);
	fake_core_segment(fake, 0x30000, 0x1000, PF_R | PF_X, NULL, 0);
}

static struct hc_error *open_path(const char *path, struct hc_diagnostics *diag,
				  struct hc_core **ret)
{
	hc_cleanup_close int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	return hc_core_open(path, fd, NULL, diag, ret);
}

/** Open a file that is removed at once: the mapping stays. */
static struct hc_error *open_bytes(const void *data, size_t size, struct hc_diagnostics *diag,
				   struct hc_core **ret)
{
	char *path = fake_file_write(data, size);
	struct hc_error *err = open_path(path, diag, ret);

	fake_core_remove(path);
	return err;
}

static void check_whole(const struct hc_core *core, const struct hc_diagnostics *diag)
{
	uint64_t value;

	assert_int_equal(diag->num, 0);
	assert_int_equal(core->num_segments, 3);
	assert_int_equal(core->segments[0].start, 0x10000);
	assert_int_equal(core->segments[0].mem_size, 0x3000);
	assert_int_equal(core->segments[0].available, 4096);
	assert_int_equal(core->segments[2].flags, PF_R | PF_X);
	assert_int_equal(core->bytes_promised, 8192);
	assert_int_equal(core->bytes_available, 8192);
	assert_int_equal(core->file.data[core->segments[1].offset], 'p');
	assert_int_equal(core->num_threads, 2);
	assert_int_equal(core->threads[1].lwp, 2);
	assert_int_equal(core->threads[1].tp, 0x31000);
	assert_true(core->has_prpsinfo);
	assert_string_equal(core->prpsinfo.command, "fake --core");
	assert_false(core->from_gcore);
	assert_int_equal(core->num_files, 1);
	assert_int_equal(core->files[0].offset, 0x1000);
	assert_true(hc_core_auxv(core, AT_PAGESZ, &value));
	assert_int_equal(value, 4096);
	assert_false(hc_core_auxv(core, AT_ENTRY, &value));
}

static void open_variant(struct fake_core *fake, const char *machine)
{
	struct hc_diagnostics diag = {};
	struct hc_core *core;

	make_core(fake);
	char *path = fake_core_write(fake);
	assert_ok(open_path(path, &diag, &core));
	assert_string_equal(core->machine->name, machine);
	assert_string_equal(core->path, path);
	check_whole(core, &diag);
	hc_core_close(core);
	fake_core_remove(path);
	fake_core_deinit(fake);
}

static void test_open(void **state)
{
	(void)state;
	struct fake_core plain = {}, xnum = {.xnum = true}, elf32 = {.elf32 = true};
	struct fake_core elf32_xnum = {.elf32 = true, .xnum = true};

	open_variant(&plain, "x86-64");
	open_variant(&xnum, "x86-64");
	open_variant(&elf32, "i386");
	open_variant(&elf32_xnum, "i386");
}

static void test_gcore(void **state)
{
	(void)state;
	struct fake_core fake = {.gcore = true};
	struct hc_diagnostics diag = {};
	struct hc_core *core;

	make_core(&fake);
	char *path = fake_core_write(&fake);
	assert_ok(open_path(path, &diag, &core));
	assert_true(core->from_gcore);
	hc_core_close(core);
	fake_core_remove(path);
	fake_core_deinit(&fake);
}

static void expect_page_size(uint64_t told, uint64_t start, uint64_t expected)
{
	struct fake_core fake = {};
	struct hc_diagnostics diag = {};
	struct hc_core *core;

	fake_core_thread(&fake, 1, 0x401000, 0x20800, 0x30000);
	if (told)
		fake_core_auxv(&fake, AT_PAGESZ, told);
	fake_core_segment(&fake, start, 0x10000, PF_R | PF_W, page, 4096);
	char *path = fake_core_write(&fake);
	assert_ok(open_path(path, &diag, &core));
	assert_int_equal(hc_core_page_size(core), expected);
	hc_core_close(core);
	fake_core_remove(path);
	fake_core_deinit(&fake);
}

/** AT_PAGESZ, where it can be one and every segment begins with a page. */
static void test_page_size(void **state)
{
	(void)state;
	expect_page_size(0x10000, 0x20000, 0x10000);
	expect_page_size(0x10000, 0x21000, 0x1000);
	expect_page_size(0x1000, 0x20000, 0x1000);
	expect_page_size(0, 0x20000, 0x1000);
	expect_page_size(0x800, 0x20000, 0x1000);
	expect_page_size(0x3000, 0x30000, 0x1000);
	expect_page_size(1ULL << 40, 1ULL << 40, 0x1000);
}

/** More program headers than e_phnum can count. */
static void test_many_segments(void **state)
{
	(void)state;
	enum { NUM = 66000 };
	struct fake_core fake = {.xnum = true};
	struct hc_diagnostics diag = {};
	struct hc_core *core;

	fake_core_thread(&fake, 1, 0, 0, 0);
	for (size_t i = 0; i < NUM; i++)
		fake_core_segment(&fake, 0x100000 + i * 0x2000, 0x1000, PF_R, "x", 1);
	struct fake_bytes file = fake_core_bytes(&fake);
	assert_ok(open_bytes(file.data, file.size, &diag, &core));
	assert_int_equal(core->num_segments, NUM);
	assert_false(diag.partial);
	hc_core_close(core);

	/* The section that counts them is the last of the file, and the first to go. */
	assert_ok(open_bytes(file.data, file.size - 10, &diag, &core));
	assert_int_equal(core->num_segments, NUM);
	assert_true(diag.partial);
	hc_core_close(core);
	hc_diagnostics_deinit(&diag);
	fake_bytes_deinit(&file);
	fake_core_deinit(&fake);
}

/** What is there is used; what is not is missing; never a crash and never a silent success. */
static void test_truncated(void **state)
{
	(void)state;
	struct fake_core fake = {};

	make_core(&fake);
	struct fake_bytes file = fake_core_bytes(&fake);
	for (size_t size = 1; size < file.size; size += size < 2600 ? 7 : 501) {
		struct hc_diagnostics diag = {};
		struct hc_core *core = NULL;
		struct hc_error *err = open_bytes(file.data, size, &diag, &core);
		assert_int_equal(err == NULL, core != NULL);
		if (core) {
			assert_true(diag.partial);
			assert_true(core->bytes_available <= core->bytes_promised);
		}
		hc_error_destroy(err);
		hc_core_close(core);
		hc_diagnostics_deinit(&diag);
	}

	struct hc_diagnostics diag = {};
	struct hc_core *core;
	assert_ok(open_bytes(file.data, file.size - 1000, &diag, &core));
	assert_true(diag.partial);
	assert_non_null(strstr(diag.items[0].message, "cut short"));
	assert_int_equal(core->segments[0].available, 4096);
	assert_int_equal(core->segments[1].file_size, 4096);
	assert_int_equal(core->segments[1].available, 3096);
	assert_int_equal(core->num_threads, 2);
	hc_core_close(core);
	hc_diagnostics_deinit(&diag);
	fake_bytes_deinit(&file);
	fake_core_deinit(&fake);
}

static void test_overlap(void **state)
{
	(void)state;
	struct fake_core fake = {};
	struct hc_diagnostics diag = {};
	struct hc_core *core;

	fake_core_thread(&fake, 1, 0, 0, 0);
	fake_core_segment(&fake, 0x30000, 0x1000, PF_R, "cc", 2);
	fake_core_segment(&fake, 0x10000, 0x2000, PF_R, page, 4096);
	fake_core_segment(&fake, 0x11000, 0x3000, PF_R, page, 4096);
	fake_core_segment(&fake, 0x10800, 0x100, PF_R, page, 16);
	fake_core_segment(&fake, UINT64_MAX - 100, 0x1000, PF_R, page, 16);
	struct fake_bytes file = fake_core_bytes(&fake);
	assert_ok(open_bytes(file.data, file.size, &diag, &core));
	assert_true(diag.partial);
	assert_int_equal(core->num_segments, 3);
	assert_int_equal(core->segments[0].start, 0x10000);
	assert_int_equal(core->segments[0].mem_size, 0x2000);
	assert_int_equal(core->segments[1].start, 0x12000);
	assert_int_equal(core->segments[1].mem_size, 0x2000);
	assert_int_equal(core->segments[1].file_size, 0);
	assert_int_equal(core->segments[2].start, 0x30000);
	hc_core_close(core);
	hc_diagnostics_deinit(&diag);
	fake_bytes_deinit(&file);
	fake_core_deinit(&fake);
}

/** Flip each byte of the headers and notes: no crash under a sanitizer is the assertion that
 * counts. */
static void test_flipped(void **state)
{
	(void)state;
	struct fake_core fake = {};

	make_core(&fake);
	struct fake_bytes file = fake_core_bytes(&fake);
	size_t headers = file.size - 8192;
	for (size_t i = 0; i < headers; i += i < 300 ? 1 : 3) {
		struct hc_diagnostics diag = {};
		struct hc_core *core = NULL;
		file.data[i] ^= 0xff;
		struct hc_error *err = open_bytes(file.data, file.size, &diag, &core);
		assert_int_equal(err == NULL, core != NULL);
		hc_error_destroy(err);
		hc_core_close(core);
		hc_diagnostics_deinit(&diag);
		file.data[i] ^= 0xff;
	}
	fake_bytes_deinit(&file);
	fake_core_deinit(&fake);
}

static void refuse_bytes(const void *data, size_t size, const char *text)
{
	struct hc_diagnostics diag = {};
	struct hc_core *core = NULL;

	assert_fails(open_bytes(data, size, &diag, &core), HC_ERROR_FORMAT, text);
	assert_null(core);
	hc_diagnostics_deinit(&diag);
}

static void test_refuse_files(void **state)
{
	(void)state;
	refuse_bytes("root:x:0:0", 10, "is not an ELF core");
	refuse_bytes("\x7f", 1, "is not an ELF core");
	refuse_bytes("\x28\xb5\x2f\xfdxxxx", 8, "nothing of it can be unpacked");
	refuse_bytes("\x7f"
		     "ELF\2\1\1",
		     7, "ends within the ELF header");
}

static void test_refuse_elf(void **state)
{
	(void)state;
	struct fake_core fake = {}, empty = {};

	make_core(&fake);
	struct fake_bytes file = fake_core_bytes(&fake);
	file.data[18] = EM_S390;
	refuse_bytes(file.data, file.size, "is a core of S/390");
	file.data[18] = EM_X86_64;
	file.data[16] = ET_REL;
	refuse_bytes(file.data, file.size, "is not an ELF core");
	file.data[16] = ET_CORE;
	file.data[54] = 8; /* e_phentsize */
	refuse_bytes(file.data, file.size, "program headers of 8 bytes");
	file.data[54] = 56;
	file.data[EI_DATA] = ELFDATA2MSB; /* e_type and e_machine swap, too */
	file.data[16] = 0, file.data[17] = ET_CORE;
	file.data[18] = 0, file.data[19] = EM_PARISC;
	refuse_bytes(file.data, file.size, "is a core of PA-RISC (machine 15, 64-bit, big-endian)");
	fake_bytes_deinit(&file);
	fake_core_deinit(&fake);

	file = fake_core_bytes(&empty);
	refuse_bytes(file.data, file.size, "neither memory nor threads");
	file.data[56] = 0; /* e_phnum */
	refuse_bytes(file.data, file.size, "no program headers");
	fake_bytes_deinit(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),       cmocka_unit_test(test_gcore),
		cmocka_unit_test(test_page_size),  cmocka_unit_test(test_many_segments),
		cmocka_unit_test(test_truncated),  cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_flipped),    cmocka_unit_test(test_refuse_files),
		cmocka_unit_test(test_refuse_elf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
