/**
 * @file
 * What a path leads to: every kind is recognised by its first bytes, pipes are read to their end,
 * and what can't be read says what it is.
 */
#include "tests/unit/unit.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/process/input.h"
#include "core/process/process.h"
#include "tests/unit/fake_core.h"

#define NUM(a) (sizeof(a) / sizeof((a)[0]))

static const char vma[] = "00400000-00401000 r-xp 00000000 fe:00 12 /bin/x\n";
static const char smaps[] = "00400000-00401000 r-xp 00000000 fe:00 12 /bin/x\nSize:   4 kB\n";
static const char rollup[] = "55d000-7ffc1000 ---p 00000000 00:00 0   [rollup]\nRss: 8 kB\n";

static struct hc_bytes text_bytes(const char *text)
{
	return (struct hc_bytes){(const uint8_t *)text, strlen(text)};
}

static void check(struct hc_bytes head, enum hc_input_kind kind, const char *refusal)
{
	const char *name;

	assert_int_equal(hc_input_recognise(head, &name), kind);
	if (refusal)
		assert_fails(hc_input_refuse(head), HC_ERROR_FORMAT, refusal);
}

static void test_bytes(void **state)
{
	uint8_t tar[512] = "core.1";

	(void)state;
	memcpy(tar + 257, "ustar", 5);
	check((struct hc_bytes){tar, sizeof(tar)}, HC_INPUT_ARCHIVE,
	      "is a tar archive; unpack it with 'tar -xf'");
	check((struct hc_bytes){tar, 261}, HC_INPUT_UNKNOWN, "is not an ELF file");
	check(text_bytes("PK\3\4..."), HC_INPUT_ARCHIVE, "is a zip archive");
	check(text_bytes("7z\xbc\xaf\x27\x1c"), HC_INPUT_ARCHIVE, "is a 7z archive");
	check(text_bytes("MDMP\x93\xa7"), HC_INPUT_MINIDUMP, "is a minidump");
	check(text_bytes("\x1f\x8b\x08"), HC_INPUT_PACKED, "compressed more than once");
	check(text_bytes("\xcf\xfa\xed\xfe"), HC_INPUT_FOREIGN_CORE, "is a core of macOS");
	check(text_bytes(vma), HC_INPUT_MAPS, "is a saved maps or smaps file");
	check(text_bytes(smaps), HC_INPUT_SMAPS, "is a saved maps or smaps file");
	check(text_bytes(rollup), HC_INPUT_SMAPS_ROLLUP, "is a saved smaps_rollup");
	check(text_bytes("12:   a b\n"), HC_INPUT_PMAP, "is what pmap printed, not a core");
	check(text_bytes("12:   a\n0000000000400000      4K r-x-- a\n"), HC_INPUT_PMAP,
	      "is what pmap printed");
	check(text_bytes("12: a\nAddress Kbytes\n"), HC_INPUT_TEXT, "is text, not a core");
	check(text_bytes("dear diary\n"), HC_INPUT_TEXT, "is text, not a core");
	check(text_bytes("\x7f"), HC_INPUT_UNKNOWN, "is not an ELF file");
	check((struct hc_bytes){NULL, 0}, HC_INPUT_UNKNOWN, "is not an ELF file");
}

/** An ELF header of a type, with one note of an owner. @return bytes */
static size_t make_elf(uint8_t *room, bool wide, uint16_t type, const char *owner)
{
	size_t ehdr = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	size_t phdr = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	Elf64_Ehdr *e64 = (void *)room;
	Elf32_Ehdr *e32 = (void *)room;
	Elf64_Phdr *p64 = (void *)(room + ehdr);
	Elf32_Phdr *p32 = (void *)(room + ehdr);

	memset(room, 0, 512);
	memcpy(room, ELFMAG, SELFMAG);
	room[EI_CLASS] = wide ? ELFCLASS64 : ELFCLASS32;
	room[EI_DATA] = ELFDATA2LSB;
	e64->e_type = type;
	if (wide) {
		e64->e_phoff = ehdr;
		e64->e_phnum = 1;
		p64->p_type = PT_NOTE;
		p64->p_offset = ehdr + phdr;
	} else {
		e32->e_phoff = ehdr;
		e32->e_phnum = 1;
		p32->p_type = PT_NOTE;
		p32->p_offset = ehdr + phdr;
	}
	memcpy(room + ehdr + phdr + 12, owner, strlen(owner) + 1);
	return 512;
}

static void swap_bytes(void *p, size_t size)
{
	uint8_t *bytes = p;

	for (size_t i = 0; i < size / 2; i++) {
		uint8_t kept = bytes[i];
		bytes[i] = bytes[size - 1 - i];
		bytes[size - 1 - i] = kept;
	}
}

/** The header that make_elf() has written, in the other byte order. */
static void swap_elf(uint8_t *room, bool wide)
{
	Elf64_Ehdr *e64 = (void *)room;
	Elf32_Ehdr *e32 = (void *)room;
	Elf64_Phdr *p64 = (void *)(e64 + 1);
	Elf32_Phdr *p32 = (void *)(e32 + 1);

	room[EI_DATA] = ELFDATA2MSB;
	swap_bytes(&e64->e_type, sizeof(e64->e_type));
	if (wide) {
		swap_bytes(&e64->e_phoff, sizeof(e64->e_phoff));
		swap_bytes(&e64->e_phnum, sizeof(e64->e_phnum));
		swap_bytes(&p64->p_type, sizeof(p64->p_type));
		swap_bytes(&p64->p_offset, sizeof(p64->p_offset));
	} else {
		swap_bytes(&e32->e_phoff, sizeof(e32->e_phoff));
		swap_bytes(&e32->e_phnum, sizeof(e32->e_phnum));
		swap_bytes(&p32->p_type, sizeof(p32->p_type));
		swap_bytes(&p32->p_offset, sizeof(p32->p_offset));
	}
}

static void test_elf(void **state)
{
	static const struct {
		const char *owner;
		enum hc_input_kind kind;
		const char *refusal;
	} cases[] = {
		{"CORE", HC_INPUT_CORE, NULL},
		{"NetBSD-CORE", HC_INPUT_FOREIGN_CORE, "is a core of NetBSD; only cores of Linux"},
		{"NetBSD-CORE@17", HC_INPUT_FOREIGN_CORE, "is a core of NetBSD"},
		{"FreeBSD", HC_INPUT_FOREIGN_CORE, "is a core of FreeBSD"},
		{"OpenBSD", HC_INPUT_FOREIGN_CORE, "is a core of OpenBSD"},
	};
	uint8_t room[512] __attribute__((aligned(8)));
	struct hc_bytes head = {room, sizeof(room)};

	(void)state;
	for (size_t i = 0; i < NUM(cases) * 2; i++) {
		make_elf(room, i % 2, ET_CORE, cases[i / 2].owner);
		check(head, cases[i / 2].kind, cases[i / 2].refusal);
		swap_elf(room, i % 2);
		check(head, cases[i / 2].kind, cases[i / 2].refusal);
		/* However short, it is not read beyond its end. */
		for (size_t size = 0; size < sizeof(room); size++) {
			const char *name;
			hc_input_recognise((struct hc_bytes){room, size}, &name);
		}
	}
	room[EI_OSABI] = ELFOSABI_SOLARIS;
	check(head, HC_INPUT_FOREIGN_CORE, "is a core of Solaris");
	make_elf(room, true, ET_DYN, "");
	check(head, HC_INPUT_PROGRAM, "is an executable or library, not a core");
	make_elf(room, true, ET_REL, "");
	check(head, HC_INPUT_ELF, "is an object file, not a core");
	/* Offsets that lead nowhere. */
	make_elf(room, true, ET_CORE, "NetBSD-CORE");
	((Elf64_Ehdr *)room)->e_phoff = UINT64_MAX - 3;
	check(head, HC_INPUT_CORE, NULL);
	make_elf(room, true, ET_CORE, "NetBSD-CORE");
	((Elf64_Phdr *)(room + sizeof(Elf64_Ehdr)))->p_offset = UINT64_MAX;
	check(head, HC_INPUT_CORE, NULL);
}

static void refuse_path(const char *path, enum hc_error_code code, const char *text)
{
	struct hc_process *process = NULL;
	const struct hc_process_options options = {.jobs = 1};

	assert_fails(hc_process_open(path, &options, &process), code, text);
	assert_null(process);
}

static void test_paths(void **state)
{
	char directory[] = "/tmp/heapcore-test-XXXXXX";
	char path[64];

	(void)state;
	refuse_path("/proc/nonexistent/core", HC_ERROR_OS, "No such file or directory");
	refuse_path("/", HC_ERROR_FORMAT, "is a directory");
	refuse_path("/dev/null", HC_ERROR_FORMAT, "is a device");
	/* Without a size, but not empty. */
	refuse_path("/proc/self/maps", HC_ERROR_FORMAT, "is a saved maps or smaps file");
	refuse_path("/proc/self/exe", HC_ERROR_FORMAT, "is an executable or library, not a core");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/fifo", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	refuse_path(path, HC_ERROR_FORMAT, "is a pipe, and nothing came out of it");
	unlink(path);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	refuse_path(path, HC_ERROR_FORMAT, "is empty");
	unlink(path);
	rmdir(directory);
}

/** What a thread writes into a pipe, in pieces. */
struct writer {
	int fd;
	const uint8_t *data;
	size_t size;
};

static void *write_slowly(void *arg)
{
	struct writer *writer = arg;

	for (size_t done = 0; done < writer->size;) {
		size_t size = writer->size - done < 1000 ? writer->size - done : 1000;
		ssize_t put = write(writer->fd, writer->data + done, size);

		if (put < 0)
			break;
		done += put;
	}
	close(writer->fd);
	return NULL;
}

/** A core through a pipe: by the path of its reading end. */
static void test_pipe(void **state)
{
	struct fake_core fake = {};
	static uint8_t bytes[300000];
	const struct hc_process_options options = {.jobs = 1, .decompress = {.tmpdir = "/tmp"}};
	struct hc_process *process;
	pthread_t thread;
	char path[64];
	int ends[2];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	fake_core_segment(&fake, 0x10000, sizeof(bytes), PF_R | PF_W, bytes, sizeof(bytes));
	fake_core_thread(&fake, 1, 0x401000, 0x10800, 0);
	struct fake_bytes file = fake_core_bytes(&fake);
	assert_int_equal(pipe(ends), 0);
	struct writer writer = {ends[1], file.data, file.size};
	assert_int_equal(pthread_create(&thread, NULL, write_slowly, &writer), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	assert_ok(hc_process_open(path, &options, &process));
	pthread_join(thread, NULL);
	assert_int_equal(process->core->file.size, file.size);
	assert_memory_equal(process->core->file.data, file.data, file.size);
	assert_false(process->diag.partial);
	hc_process_close(process);
	close(ends[0]);
	fake_bytes_deinit(&file);
	fake_core_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
