/**
 * @file
 * Modules: found in memory, matched with files by build-id, and the pages that a file lends.
 */
#include "tests/unit/unit.h"

#include <elf.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/process/process.h"
#include "tests/unit/fake_core.h"

/* A shared object of three pages in the file: headers, text, data; and two pages of bss. */
#define BASE 0x7f0000000000ull
#define TEXT 0x1000
#define DATA 0x2000
#define DATA_SIZE 0x800
#define DATA_MEM 0x2800
#define IMAGE_SIZE 0x3000

static void phdr(struct fake_bytes *image, uint32_t type, uint32_t flags, uint64_t offset,
		 uint64_t file_size, uint64_t mem_size)
{
	fake_bytes_value(image, type, 4);
	fake_bytes_value(image, flags, 4);
	fake_bytes_value(image, offset, 8);
	fake_bytes_value(image, offset, 8);
	fake_bytes_value(image, offset, 8);
	fake_bytes_value(image, file_size, 8);
	fake_bytes_value(image, mem_size, 8);
	fake_bytes_value(image, 0x1000, 8);
}

/** @param build_id one byte that makes the id; 0: without one */
static struct fake_bytes make_image(uint8_t build_id)
{
	static const uint8_t ident[EI_NIDENT] = {ELFMAG0,    ELFMAG1,     ELFMAG2,   ELFMAG3,
						 ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
	struct fake_bytes image = {};
	uint8_t id[20];

	fake_bytes_add(&image, ident, sizeof(ident));
	fake_bytes_value(&image, ET_DYN, 2);
	fake_bytes_value(&image, EM_X86_64, 2);
	fake_bytes_value(&image, 1, 4);
	fake_bytes_value(&image, 0, 8);
	fake_bytes_value(&image, 64, 8);
	fake_bytes_value(&image, 0, 8);
	fake_bytes_value(&image, 0, 4);
	fake_bytes_value(&image, 64, 2);
	fake_bytes_value(&image, 56, 2);
	fake_bytes_value(&image, 4, 2);
	fake_bytes_value(&image, 0, 6);
	phdr(&image, PT_LOAD, PF_R, 0, 0x1000, 0x1000);
	phdr(&image, PT_LOAD, PF_R | PF_X, TEXT, 0x1000, 0x1000);
	phdr(&image, PT_LOAD, PF_R | PF_W, DATA, DATA_SIZE, DATA_MEM);
	phdr(&image, PT_NOTE, PF_R, 64 + 4 * 56, build_id ? 36 : 0, build_id ? 36 : 0);
	if (build_id) {
		struct fake_core notes = {};
		memset(id, build_id, sizeof(id));
		fake_core_note(&notes, "GNU", NT_GNU_BUILD_ID, id, sizeof(id));
		fake_bytes_add(&image, notes.extra.data, notes.extra.size);
		fake_core_deinit(&notes);
	}
	while (image.size < IMAGE_SIZE)
		fake_bytes_value(&image, 'a' + image.size / 0x1000, 1);
	return image;
}

/** A kernel core of it: text not dumped. @param headers whether the first page was */
static void add_module(struct fake_core *fake, const struct fake_bytes *image, const char *path,
		       bool headers)
{
	uint8_t data[0x1000] = "data";

	fake_core_file(fake, BASE, BASE + TEXT, 0, path);
	fake_core_file(fake, BASE + TEXT, BASE + DATA, TEXT, path);
	fake_core_file(fake, BASE + DATA, BASE + DATA + 0x1000, DATA, path);
	fake_core_segment(fake, BASE, 0x1000, PF_R, image->data, headers ? 0x1000 : 0);
	fake_core_segment(fake, BASE + TEXT, 0x1000, PF_R | PF_X, NULL, 0);
	fake_core_segment(fake, BASE + DATA, 0x1000, PF_R | PF_W, data, 0x1000);
	fake_core_segment(fake, BASE + DATA + 0x1000, 0x3000, PF_R | PF_W, data, 0x1000);
	fake_core_thread(fake, 1, BASE + TEXT, 0, 0);
	fake_core_auxv(fake, AT_PHDR, BASE + 64);
}

static struct hc_error *open_fake(struct fake_core *fake, const struct hc_module_options *modules,
				  struct hc_process **ret)
{
	const struct hc_process_options options = {.modules = *modules, .jobs = 1};
	char *path = fake_core_write(fake);
	struct hc_error *err = hc_process_open(path, &options, ret);

	fake_core_remove(path);
	fake_core_deinit(fake);
	return err;
}

static void test_matched(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(7);
	char *file = fake_file_write(image.data, image.size);
	const struct hc_module_options options = {};
	struct fake_core fake = {};
	struct hc_process *process;
	uint64_t word;

	add_module(&fake, &image, file, true);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.num, 1);
	const struct hc_module *module = &process->modules.items[0];
	assert_string_equal(module->path, file);
	assert_string_equal(module->file, file);
	assert_true(module->executable);
	assert_int_equal(module->status, HC_FILE_MATCHED);
	assert_int_equal(module->build_id_size, 20);
	assert_int_equal(module->build_id[19], 7);
	assert_int_equal(module->start, BASE);
	assert_int_equal(module->bias, BASE);
	assert_int_equal(module->end, BASE + DATA + 0x3000);
	assert_int_equal(module->data_start, BASE + DATA);
	assert_int_equal(module->bss_start, BASE + DATA + DATA_SIZE);
	assert_int_equal(module->data_end, BASE + DATA + DATA_MEM);

	/* text comes from the file, data from the core */
	assert_true(hc_memory_word(&process->memory, BASE + TEXT, &word));
	assert_int_equal(word, 0x6262626262626262);
	assert_false(hc_memory_find(&process->memory, BASE + TEXT)->from_core);
	assert_memory_equal(hc_memory_view(&process->memory, BASE + DATA, 4).data, "data", 4);
	assert_int_equal(hc_mappings_find(&process->mappings, BASE + TEXT)->present, 0x1000);

	const struct hc_mappings *m = &process->mappings;
	assert_int_equal(hc_mappings_find(m, BASE)->kind, HC_MAPPING_RODATA);
	assert_int_equal(hc_mappings_find(m, BASE + TEXT)->kind, HC_MAPPING_TEXT);
	assert_int_equal(hc_mappings_find(m, BASE + DATA)->kind, HC_MAPPING_DATA);
	assert_int_equal(hc_mappings_find(m, BASE + DATA + 0x1000)->kind, HC_MAPPING_BSS);
	assert_true(hc_mappings_find(m, BASE + DATA + 0x1000)->anonymous);
	/* bss ends with the program header, even where the kernel merged more to it */
	assert_int_equal(hc_mappings_find(m, BASE + DATA + 0x3000)->kind, HC_MAPPING_ANON);

	assert_ptr_equal(hc_modules_find(&process->modules, BASE + DATA), module);
	assert_null(hc_modules_find(&process->modules, BASE - 1));
	assert_null(hc_modules_find(&process->modules, module->end));
	hc_process_close(process);
	fake_core_remove(file);
	fake_bytes_deinit(&image);
}

static void test_mismatch(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(7), other = make_image(8);
	char *file = fake_file_write(other.data, other.size);
	char *exe = fake_file_write(image.data, image.size);
	struct hc_module_options options = {};
	struct fake_core fake = {};
	struct hc_process *process;

	add_module(&fake, &image, file, true);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.items[0].status, HC_FILE_MISMATCH);
	assert_null(hc_memory_find(&process->memory, BASE + TEXT));
	hc_process_close(process);

	/* --exe has the right one, or it is an error */
	options.exe = exe;
	add_module(&fake, &image, file, true);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.items[0].status, HC_FILE_MATCHED);
	assert_string_equal(process->modules.items[0].file, exe);
	hc_process_close(process);
	options.exe = file;
	add_module(&fake, &image, exe, true);
	assert_fails(open_fake(&fake, &options, &process), HC_ERROR_ARGUMENT, "another build");
	options.exe = "/etc/passwd";
	add_module(&fake, &image, exe, true);
	assert_fails(open_fake(&fake, &options, &process), HC_ERROR_ARGUMENT, "no ELF executable");
	options.exe = "/proc/nonexistent";
	add_module(&fake, &image, exe, true);
	assert_fails(open_fake(&fake, &options, &process), HC_ERROR_ARGUMENT, "/proc/nonexistent");
	fake_core_remove(file);
	fake_core_remove(exe);
	fake_bytes_deinit(&image);
	fake_bytes_deinit(&other);
}

static void test_sysroot(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(7);
	char *file = fake_file_write(image.data, image.size);
	const struct hc_module_options options = {.sysroot = "/tmp"};
	struct fake_core fake = {};
	struct hc_process *process;

	add_module(&fake, &image, strrchr(file, '/'), true);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.items[0].status, HC_FILE_MATCHED);
	assert_int_equal(strncmp(process->modules.items[0].file, "/tmp/", 5), 0);
	hc_process_close(process);
	fake_core_remove(file);
	fake_bytes_deinit(&image);
}

/** Without a build-id the program headers decide; without headers nothing can. */
static void test_no_build_id(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(0);
	char *file = fake_file_write(image.data, image.size);
	const struct hc_module_options options = {};
	struct fake_core fake = {};
	struct hc_process *process;

	add_module(&fake, &image, file, true);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.items[0].build_id_size, 0);
	assert_int_equal(process->modules.items[0].status, HC_FILE_MATCHED);
	hc_process_close(process);

	add_module(&fake, &image, file, false);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.num, 1);
	assert_int_equal(process->modules.items[0].status, HC_FILE_UNVERIFIED);
	assert_int_equal(process->modules.items[0].data_start, BASE + DATA);
	assert_null(hc_memory_find(&process->memory, BASE + TEXT));
	hc_process_close(process);
	fake_core_remove(file);
	fake_bytes_deinit(&image);
}

/** An ELF file that was mapped to be read is no module. */
static void test_mapped_as_data(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(7);
	const struct hc_module_options options = {};
	struct fake_core fake = {};
	struct hc_process *process;

	fake_core_thread(&fake, 1, 0, 0, 0);
	fake_core_file(&fake, BASE, BASE + IMAGE_SIZE, 0, "/x.so");
	fake_core_segment(&fake, BASE, IMAGE_SIZE, PF_R, image.data, IMAGE_SIZE);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.num, 0);
	assert_int_equal(hc_mappings_find(&process->mappings, BASE)->kind, HC_MAPPING_FILE);
	hc_process_close(process);
	fake_bytes_deinit(&image);
}

/** Not all that lies in /dev/shm or a memfd is shared memory. */
static void test_run_from_memory(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(7);
	const struct hc_module_options options = {};
	struct fake_core fake = {};
	struct hc_process *process;

	add_module(&fake, &image, "/memfd:program (deleted)", true);
	fake_core_file(&fake, BASE + 0x100000, BASE + 0x101000, 0, "/dev/shm/queue");
	fake_core_segment(&fake, BASE + 0x100000, 0x1000, PF_R | PF_W, NULL, 0);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.num, 1);
	assert_int_equal(hc_mappings_find(&process->mappings, BASE)->kind, HC_MAPPING_RODATA);
	const struct hc_mapping *data = hc_mappings_find(&process->mappings, BASE + DATA);
	assert_int_equal(data->kind, HC_MAPPING_DATA);
	assert_false(data->shared);
	const struct hc_mapping *queue = hc_mappings_find(&process->mappings, BASE + 0x100000);
	assert_int_equal(queue->kind, HC_MAPPING_SHARED);
	assert_true(queue->shared);
	hc_process_close(process);
	fake_bytes_deinit(&image);
}

/** No NT_FILE, as in qemu's cores: the ELF header at the start of a segment tells. */
static void test_no_files(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(7);
	const struct hc_module_options options = {};
	struct fake_core fake = {};
	struct hc_process *process;

	fake_core_thread(&fake, 1, 0, 0, 0);
	fake_core_auxv(&fake, AT_PHDR, BASE + 64);
	fake_core_segment(&fake, BASE, 0x1000, PF_R, image.data, 0x1000);
	fake_core_segment(&fake, BASE + TEXT, 0x1000, PF_R | PF_X, image.data + TEXT, 0x1000);
	fake_core_segment(&fake, BASE + DATA, 0x3000, PF_R | PF_W, image.data + DATA, 0x1000);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.num, 1);
	assert_true(process->modules.items[0].executable);
	const struct hc_mappings *m = &process->mappings;
	assert_int_equal(hc_mappings_find(m, BASE + TEXT)->kind, HC_MAPPING_TEXT);
	assert_int_equal(hc_mappings_find(m, BASE + DATA)->kind, HC_MAPPING_DATA);
	assert_false(hc_mappings_find(m, BASE + DATA)->anonymous);
	assert_int_equal(hc_mappings_find(m, BASE + DATA + 0x1000)->kind, HC_MAPPING_BSS);
	assert_true(hc_mappings_find(m, BASE + DATA + 0x1000)->anonymous);
	hc_process_close(process);
	fake_bytes_deinit(&image);
}

static void put_sizes(struct fake_bytes *image, unsigned phdr, uint64_t file_size,
		      uint64_t mem_size)
{
	uint8_t *p = image->data + 64 + phdr * 56;

	memcpy(p + offsetof(Elf64_Phdr, p_filesz), &file_size, sizeof(file_size));
	memcpy(p + offsetof(Elf64_Phdr, p_memsz), &mem_size, sizeof(mem_size));
}

/** A file's segment that reaches around all addresses lends no more than the pages of its row. */
static void test_file_wraps(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(7), other = make_image(7);
	const struct hc_module_options options = {};
	struct fake_core fake = {};
	struct hc_process *process;

	put_sizes(&other, 1, -(BASE + TEXT), -(BASE + TEXT));
	char *file = fake_file_write(other.data, other.size);
	fake_core_thread(&fake, 1, BASE + TEXT, 0, 0);
	fake_core_file(&fake, BASE, BASE + TEXT, 0, file);
	fake_core_file(&fake, BASE + TEXT, BASE + DATA, TEXT, file);
	fake_core_file(&fake, BASE + DATA, BASE + DATA + 0x1000, DATA, file);
	fake_core_segment(&fake, BASE, 0x1000, PF_R, image.data, 0x1000);
	fake_core_segment(&fake, BASE + TEXT, 0x1000, PF_R | PF_X, NULL, 0);
	fake_core_segment(&fake, BASE + DATA, 0x1000, PF_R | PF_W, NULL, 0);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(process->modules.items[0].status, HC_FILE_MATCHED);
	assert_non_null(hc_memory_find(&process->memory, BASE + TEXT));
	assert_null(hc_memory_find(&process->memory, BASE + DATA));
	hc_process_close(process);
	fake_core_remove(file);
	fake_bytes_deinit(&image);
	fake_bytes_deinit(&other);
}

/** More bytes in the file than in memory: .bss would begin anywhere. The kernel runs no such
 * program. */
static void test_more_in_the_file(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(7);
	const struct hc_module_options options = {};
	struct fake_core fake = {};
	struct hc_process *process;

	put_sizes(&image, 2, 0x1000 - (BASE + DATA), DATA_MEM);
	fake_core_segment(&fake, 0x10000, 0x1000, PF_R | PF_W, NULL, 0);
	add_module(&fake, &image, "/x.so", true);
	assert_ok(open_fake(&fake, &options, &process));
	assert_int_equal(hc_mappings_find(&process->mappings, 0x10000)->kind, HC_MAPPING_ANON);
	hc_process_close(process);
	fake_bytes_deinit(&image);
}

/** Every byte of the headers turned over: nothing may crash or be read out of bounds. */
static void test_hostile(void **state)
{
	(void)state;
	struct fake_bytes image = make_image(7);
	char *file = fake_file_write(image.data, image.size);
	const struct hc_module_options options = {};

	for (size_t i = 4; i < 64 + 4 * 56 + 36; i++) {
		struct fake_core fake = {};
		struct hc_process *process;
		image.data[i] ^= 0xff;
		add_module(&fake, &image, file, true);
		assert_ok(open_fake(&fake, &options, &process));
		for (size_t j = 0; j < process->modules.num; j++)
			assert_true(process->modules.items[j].start <
				    process->modules.items[j].end);
		hc_process_close(process);
		image.data[i] ^= 0xff;
	}
	fake_core_remove(file);
	fake_bytes_deinit(&image);
}

static void test_libc(void **state)
{
	(void)state;
	struct hc_module items[] = {{.path = (char *)"/bin/libc.so.6.py"},
				    {.path = (char *)"/lib/libcrypt.so.1"},
				    {.path = (char *)"/lib/libc-2.17.so"}};
	struct hc_modules modules = {.items = items, .num = 3};

	assert_ptr_equal(hc_modules_libc(&modules), &items[2]);
	modules.num = 2;
	assert_null(hc_modules_libc(&modules));
	items[0].path = (char *)"libc.so.6";
	assert_ptr_equal(hc_modules_libc(&modules), &items[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matched),         cmocka_unit_test(test_mismatch),
		cmocka_unit_test(test_sysroot),         cmocka_unit_test(test_no_build_id),
		cmocka_unit_test(test_mapped_as_data),  cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_file_wraps),      cmocka_unit_test(test_more_in_the_file),
		cmocka_unit_test(test_hostile),         cmocka_unit_test(test_libc),
		cmocka_unit_test(test_run_from_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
