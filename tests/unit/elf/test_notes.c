/**
 * @file
 * Notes: the walk over good and broken areas, and each decoder at its edges.
 */
#include "tests/unit/unit.h"

#include <elf.h>
#include <signal.h>
#include <stdlib.h>

#include "core/elf/notes.h"
#include "tests/unit/fake_core.h"

static const struct hc_machine *x86_64(void)
{
	return hc_machine_find(ELFCLASS64, ELFDATA2LSB, EM_X86_64);
}

static const struct hc_machine *i386(void)
{
	return hc_machine_find(ELFCLASS32, ELFDATA2LSB, EM_386);
}

static struct hc_note note_of(const struct fake_bytes *bytes)
{
	return (struct hc_note){.name = "CORE", .desc = {.data = bytes->data, .size = bytes->size}};
}

static void test_walk(void **state)
{
	(void)state;
	struct fake_core fake = {};
	struct hc_notes notes;
	struct hc_note note;
	bool done;

	fake_core_note(&fake, "CORE", 1, "abcde", 5);
	fake_core_note(&fake, "LINUX", 2, "", 0);
	hc_notes_init(&notes, (struct hc_bytes){fake.extra.data, fake.extra.size}, 1000, false);
	assert_ok(hc_notes_next(&notes, &note, &done));
	assert_false(done);
	assert_string_equal(note.name, "CORE");
	assert_int_equal(note.type, 1);
	assert_int_equal(note.desc.size, 5);
	assert_int_equal(note.file_offset, 1020);
	assert_memory_equal(note.desc.data, "abcde", 5);
	assert_ok(hc_notes_next(&notes, &note, &done));
	assert_string_equal(note.name, "LINUX");
	assert_int_equal(note.desc.size, 0);
	assert_ok(hc_notes_next(&notes, &note, &done));
	assert_true(done);
	assert_string_equal(note.name, "LINUX");
	fake_core_deinit(&fake);
}

/** Cut the area at every byte: never a crash, and no note that was not whole. */
static void test_walk_truncated(void **state)
{
	(void)state;
	struct fake_core fake = {};

	fake_core_note(&fake, "CORE", 1, "abcd", 4);
	size_t first = fake.extra.size;
	fake_core_note(&fake, "CORE", 2, "efgh", 4);
	for (size_t size = 0; size <= fake.extra.size; size++) {
		struct hc_notes notes;
		struct hc_note note;
		struct hc_error *err = NULL;
		bool done = false;
		int num = 0;
		hc_notes_init(&notes, (struct hc_bytes){fake.extra.data, size}, 0, false);
		while (!(err = hc_notes_next(&notes, &note, &done)) && !done)
			num++;
		assert_int_equal(num, size / first);
		assert_int_equal(err != NULL, size % first != 0);
		hc_error_destroy(err);
	}
	fake_core_deinit(&fake);
}

static void test_walk_hostile(void **state)
{
	(void)state;
	const uint32_t huge[] = {UINT32_MAX, 4, 1, 0x45524f43};
	const uint32_t huge_desc[] = {0, UINT32_MAX, 1, 0};
	const uint32_t unterminated[] = {4, 0, 1, 0x45524f43};
	struct hc_notes notes;
	struct hc_note note;
	bool done;

	hc_notes_init(&notes, (struct hc_bytes){(uint8_t *)huge, sizeof(huge)}, 0, false);
	assert_fails(hc_notes_next(&notes, &note, &done), HC_ERROR_FORMAT, "file offset 0xc");
	hc_notes_init(&notes, (struct hc_bytes){(uint8_t *)huge_desc, sizeof(huge_desc)}, 0, false);
	assert_fails(hc_notes_next(&notes, &note, &done), HC_ERROR_FORMAT, "note area");
	hc_notes_init(&notes, (struct hc_bytes){(uint8_t *)unterminated, sizeof(unterminated)}, 0,
		      false);
	assert_fails(hc_notes_next(&notes, &note, &done), HC_ERROR_FORMAT, "has no end");
}

static void test_prstatus(void **state)
{
	(void)state;
	uint8_t raw[336] = {};
	struct hc_note note = {.name = "CORE", .desc = {raw, sizeof(raw)}};
	struct hc_prstatus prstatus;

	raw[12] = SIGSEGV;
	raw[32] = 0x39, raw[33] = 0x30;
	raw[112 + 16 * 8] = 0x11; /* rip */
	raw[112 + 19 * 8] = 0x22; /* rsp */
	raw[112 + 21 * 8] = 0x33; /* fs_base */
	assert_ok(hc_note_prstatus(&note, x86_64(), &prstatus));
	assert_int_equal(prstatus.lwp, 12345);
	assert_int_equal(prstatus.signal, SIGSEGV);
	assert_int_equal(prstatus.num_regs, 27);
	assert_int_equal(prstatus.regs[x86_64()->pc], 0x11);
	assert_int_equal(prstatus.regs[x86_64()->sp], 0x22);
	assert_int_equal(prstatus.tp, 0x33);
	assert_string_equal(x86_64()->reg_names[x86_64()->pc], "rip");
	assert_string_equal(x86_64()->reg_names[x86_64()->sp], "rsp");

	note.desc.size = 335;
	assert_fails(hc_note_prstatus(&note, x86_64(), &prstatus), HC_ERROR_FORMAT, "335 bytes");
	note.desc.size = 144;
	assert_ok(hc_note_prstatus(&note, i386(), &prstatus));
	assert_int_equal(prstatus.num_regs, 17);
	assert_int_equal(prstatus.tp, 0);
}

static void test_thread_pointer_i386(void **state)
{
	(void)state;
	struct hc_prstatus prstatus = {.num_regs = 17};
	struct fake_bytes table = {};
	uint64_t tp = 5;

	fake_bytes_value(&table, 6, 4);
	fake_bytes_value(&table, 0x1111, 4);
	fake_bytes_value(&table, 0, 8);
	fake_bytes_value(&table, 12, 4);
	fake_bytes_value(&table, 0xf7d0a740, 4);
	fake_bytes_value(&table, 0, 8);
	struct hc_note note = note_of(&table);
	note.name = "LINUX";
	note.type = NT_386_TLS;
	prstatus.regs[10] = 12 << 3 | 3;
	assert_true(hc_note_thread_pointer(&note, i386(), &prstatus, &tp));
	assert_int_equal(tp, 0xf7d0a740);
	prstatus.regs[10] = 7 << 3 | 3;
	assert_false(hc_note_thread_pointer(&note, i386(), &prstatus, &tp));
	note.desc.size = 20; /* the second descriptor is cut */
	prstatus.regs[10] = 12 << 3 | 3;
	assert_false(hc_note_thread_pointer(&note, i386(), &prstatus, &tp));
	assert_false(hc_note_thread_pointer(&note, x86_64(), &prstatus, &tp));
	fake_bytes_deinit(&table);
}

static void test_prpsinfo(void **state)
{
	(void)state;
	uint8_t raw[136] = {};
	struct hc_note note = {.name = "CORE", .desc = {raw, sizeof(raw)}};
	struct hc_prpsinfo prpsinfo;

	raw[24] = 77;
	memset(raw + 40, 'n', 16); /* fills the field, no NUL */
	memset(raw + 56, 'a', 80);
	memcpy(raw + 56 + 77, "   ", 3);
	assert_ok(hc_note_prpsinfo(&note, x86_64(), &prpsinfo));
	assert_int_equal(prpsinfo.pid, 77);
	assert_string_equal(prpsinfo.name, "nnnnnnnnnnnnnnnn");
	assert_int_equal(strlen(prpsinfo.command), 77);
	note.desc.size--;
	assert_fails(hc_note_prpsinfo(&note, x86_64(), &prpsinfo), HC_ERROR_FORMAT, "NT_PRPSINFO");
}

static void test_siginfo(void **state)
{
	(void)state;
	uint8_t raw[128] = {SIGSEGV};
	struct hc_note note = {.name = "CORE", .desc = {raw, sizeof(raw)}};
	struct hc_siginfo siginfo;

	raw[8] = SEGV_MAPERR;
	raw[16] = 0xcd, raw[17] = 0xab;
	assert_ok(hc_note_siginfo(&note, x86_64(), &siginfo));
	assert_true(siginfo.has_fault_address);
	assert_false(siginfo.has_sender);
	assert_int_equal(siginfo.fault_address, 0xabcd);

	/* the same signal, sent by kill(2): then the bytes are a pid */
	raw[8] = SI_USER;
	assert_ok(hc_note_siginfo(&note, x86_64(), &siginfo));
	assert_false(siginfo.has_fault_address);
	assert_true(siginfo.has_sender);
	assert_int_equal(siginfo.sender_pid, 0xabcd);
}

static void test_files(void **state)
{
	(void)state;
	struct fake_bytes desc = {};
	struct hc_note_file *files;
	size_t num;
	bool truncated;

	fake_bytes_value(&desc, 2, 8);
	fake_bytes_value(&desc, 4096, 8);
	for (unsigned i = 1; i <= 2; i++) {
		fake_bytes_value(&desc, i * 0x10000, 8);
		fake_bytes_value(&desc, i * 0x10000 + 0x1000, 8);
		fake_bytes_value(&desc, i, 8);
	}
	fake_bytes_add(&desc, "/a\0/b b", 8);

	struct hc_note note = note_of(&desc);
	assert_ok(hc_note_files(&note, x86_64(), &files, &num, &truncated));
	assert_int_equal(num, 2);
	assert_false(truncated);
	assert_int_equal(files[1].start, 0x20000);
	assert_int_equal(files[1].offset, 8192);
	assert_string_equal(files[1].path, "/b b");
	free(files);

	note.desc.size--; /* the last name has no end now */
	assert_ok(hc_note_files(&note, x86_64(), &files, &num, &truncated));
	assert_int_equal(num, 1);
	assert_true(truncated);
	free(files);

	desc.data[7] = 0x7f; /* a count that no file can hold */
	note = note_of(&desc);
	assert_fails(hc_note_files(&note, x86_64(), &files, &num, &truncated), HC_ERROR_FORMAT,
		     "NT_FILE promises");
	note.desc.size = 9;
	assert_fails(hc_note_files(&note, x86_64(), &files, &num, &truncated), HC_ERROR_FORMAT,
		     "NT_FILE");
	fake_bytes_deinit(&desc);
}

static void test_auxv(void **state)
{
	(void)state;
	struct fake_bytes desc = {};
	uint64_t value = 1;

	fake_bytes_value(&desc, AT_PAGESZ, 8);
	fake_bytes_value(&desc, 4096, 8);
	fake_bytes_value(&desc, AT_NULL, 8);
	fake_bytes_value(&desc, 0, 8);
	fake_bytes_value(&desc, AT_ENTRY, 8);
	fake_bytes_value(&desc, 5, 8);
	struct hc_note note = note_of(&desc);
	assert_true(hc_note_auxv(&note, x86_64(), AT_PAGESZ, &value));
	assert_int_equal(value, 4096);
	assert_false(hc_note_auxv(&note, x86_64(), AT_ENTRY, &value));
	note.desc.size = 15;
	assert_false(hc_note_auxv(&note, x86_64(), AT_PAGESZ, &value));
	note.desc.size = 0;
	assert_false(hc_note_auxv(&note, x86_64(), AT_PAGESZ, &value));
	fake_bytes_deinit(&desc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_truncated),
		cmocka_unit_test(test_walk_hostile),
		cmocka_unit_test(test_prstatus),
		cmocka_unit_test(test_thread_pointer_i386),
		cmocka_unit_test(test_prpsinfo),
		cmocka_unit_test(test_siginfo),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_auxv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
