/**
 * @file
 * Writing cores by hand. Offsets are spelled out here a second time, on purpose: a mistake in
 * machine.c must not be repeated by the file that it is tested with.
 */
#include "tests/unit/fake_core.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** assert() that a release build keeps. */
static void must(bool condition)
{
	if (!condition)
		abort();
}

void fake_bytes_add(struct fake_bytes *bytes, const void *data, size_t size)
{
	if (bytes->size + size >= bytes->room) {
		bytes->room = 2 * (bytes->size + size) + 64;
		bytes->data = realloc(bytes->data, bytes->room);
		must(bytes->data);
	}
	if (size)
		memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
}

void fake_bytes_value(struct fake_bytes *bytes, uint64_t value, size_t size)
{
	uint8_t little[8];

	for (size_t i = 0; i < sizeof(little); i++)
		little[i] = value >> (8 * i);
	fake_bytes_add(bytes, little, size);
}

void fake_bytes_deinit(struct fake_bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct fake_bytes){};
}

static void put(uint8_t *at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = value >> (8 * i);
}

static size_t word_size(const struct fake_core *fake)
{
	return fake->elf32 ? 4 : 8;
}

static void add_note(struct fake_bytes *area, const char *name, uint32_t type, const void *desc,
		     size_t size)
{
	static const uint8_t zeros[4];
	size_t name_size = strlen(name) + 1;

	fake_bytes_value(area, name_size, 4);
	fake_bytes_value(area, size, 4);
	fake_bytes_value(area, type, 4);
	fake_bytes_add(area, name, name_size);
	fake_bytes_add(area, zeros, -name_size & 3);
	fake_bytes_add(area, desc, size);
	fake_bytes_add(area, zeros, -size & 3);
}

void fake_core_segment(struct fake_core *fake, uint64_t start, uint64_t mem_size, uint32_t flags,
		       const void *bytes, size_t file_size)
{
	if (!(fake->num_segments & (fake->num_segments - 1))) {
		size_t room = fake->num_segments ? 2 * fake->num_segments : 1;
		fake->segments = reallocarray(fake->segments, room, sizeof(*fake->segments));
		must(fake->segments);
	}
	struct fake_segment *segment = &fake->segments[fake->num_segments++];
	*segment = (struct fake_segment){.start = start, .mem_size = mem_size, .flags = flags};
	fake_bytes_add(&segment->bytes, bytes, file_size);
}

void fake_core_thread(struct fake_core *fake, int32_t lwp, uint64_t pc, uint64_t sp, uint64_t tp)
{
	uint8_t prstatus[336] = {};

	if (fake->elf32) {
		const uint16_t gs = (12 << 3) | 3;
		uint8_t descriptors[32] = {};
		put(prstatus + 24, lwp, 4);
		put(prstatus + 72 + 10 * 4, gs, 4);
		put(prstatus + 72 + 12 * 4, pc, 4);
		put(prstatus + 72 + 15 * 4, sp, 4);
		add_note(&fake->threads, "CORE", NT_PRSTATUS, prstatus, 144);
		put(descriptors, 13, 4);
		put(descriptors + 16, 12, 4);
		put(descriptors + 20, tp, 4);
		add_note(&fake->threads, "LINUX", NT_386_TLS, descriptors, sizeof(descriptors));
		return;
	}
	put(prstatus + 12, 6, 2);
	put(prstatus + 32, lwp, 4);
	put(prstatus + 112 + 16 * 8, pc, 8);
	put(prstatus + 112 + 19 * 8, sp, 8);
	put(prstatus + 112 + 21 * 8, tp, 8);
	add_note(&fake->threads, "CORE", NT_PRSTATUS, prstatus, 336);
}

void fake_core_file(struct fake_core *fake, uint64_t start, uint64_t end, uint64_t offset,
		    const char *path)
{
	fake_bytes_value(&fake->files, start, word_size(fake));
	fake_bytes_value(&fake->files, end, word_size(fake));
	fake_bytes_value(&fake->files, offset / 4096, word_size(fake));
	fake_bytes_add(&fake->names, path, strlen(path) + 1);
	fake->num_files++;
}

void fake_core_auxv(struct fake_core *fake, uint64_t type, uint64_t value)
{
	fake_bytes_value(&fake->auxv, type, word_size(fake));
	fake_bytes_value(&fake->auxv, value, word_size(fake));
}

void fake_core_note(struct fake_core *fake, const char *name, uint32_t type, const void *desc,
		    size_t size)
{
	add_note(&fake->extra, name, type, desc, size);
}

static void add_prpsinfo(const struct fake_core *fake, struct fake_bytes *area)
{
	uint8_t prpsinfo[136] = {};

	if (fake->no_prpsinfo)
		return;
	put(prpsinfo + (fake->elf32 ? 12 : 24), fake->pid ? fake->pid : 1, 4);
	memcpy(prpsinfo + (fake->elf32 ? 28 : 40), "fake", 4);
	memcpy(prpsinfo + (fake->elf32 ? 44 : 56), "fake --core ", 12);
	add_note(area, "CORE", NT_PRPSINFO, prpsinfo, fake->elf32 ? 124 : 136);
}

static struct fake_bytes note_area(const struct fake_core *fake)
{
	struct fake_bytes area = {}, desc = {};

	if (fake->gcore)
		add_prpsinfo(fake, &area);
	fake_bytes_add(&area, fake->threads.data, fake->threads.size);
	if (!fake->gcore)
		add_prpsinfo(fake, &area);
	if (fake->auxv.size)
		add_note(&area, "CORE", NT_AUXV, fake->auxv.data, fake->auxv.size);
	if (fake->num_files) {
		fake_bytes_value(&desc, fake->num_files, word_size(fake));
		fake_bytes_value(&desc, 4096, word_size(fake));
		fake_bytes_add(&desc, fake->files.data, fake->files.size);
		fake_bytes_add(&desc, fake->names.data, fake->names.size);
		add_note(&area, "CORE", NT_FILE, desc.data, desc.size);
		fake_bytes_deinit(&desc);
	}
	fake_bytes_add(&area, fake->extra.data, fake->extra.size);
	return area;
}

static void add_ehdr(const struct fake_core *fake, struct fake_bytes *file, size_t num_phdrs,
		     uint64_t shoff)
{
	const uint8_t ident[EI_NIDENT] = {
		ELFMAG0,     ELFMAG1,   ELFMAG2, ELFMAG3, fake->elf32 ? ELFCLASS32 : ELFCLASS64,
		ELFDATA2LSB, EV_CURRENT};
	size_t word = word_size(fake), ehdr_size = fake->elf32 ? 52 : 64;

	fake_bytes_add(file, ident, sizeof(ident));
	fake_bytes_value(file, ET_CORE, 2);
	fake_bytes_value(file, fake->elf32 ? EM_386 : EM_X86_64, 2);
	fake_bytes_value(file, EV_CURRENT, 4);
	fake_bytes_value(file, 0, word);
	fake_bytes_value(file, ehdr_size, word);
	fake_bytes_value(file, shoff, word);
	fake_bytes_value(file, 0, 4);
	fake_bytes_value(file, ehdr_size, 2);
	fake_bytes_value(file, fake->elf32 ? 32 : 56, 2);
	fake_bytes_value(file, fake->xnum ? PN_XNUM : num_phdrs, 2);
	fake_bytes_value(file, shoff ? (fake->elf32 ? 40 : 64) : 0, 2);
	fake_bytes_value(file, shoff ? 1 : 0, 2);
	fake_bytes_value(file, 0, 2);
}

static void add_phdr(const struct fake_core *fake, struct fake_bytes *file, uint32_t type,
		     uint64_t offset, const struct fake_segment *segment)
{
	size_t word = word_size(fake);

	fake_bytes_value(file, type, 4);
	if (!fake->elf32)
		fake_bytes_value(file, segment->flags, 4);
	fake_bytes_value(file, offset, word);
	fake_bytes_value(file, segment->start, word);
	fake_bytes_value(file, 0, word);
	fake_bytes_value(file, segment->bytes.size, word);
	fake_bytes_value(file, segment->mem_size, word);
	if (fake->elf32)
		fake_bytes_value(file, segment->flags, 4);
	fake_bytes_value(file, 1, word);
}

struct fake_bytes fake_core_bytes(const struct fake_core *fake)
{
	size_t num_phdrs = fake->num_segments + 1;
	struct fake_segment notes = {.bytes = note_area(fake)};
	uint64_t offset = (fake->elf32 ? 52 : 64) + num_phdrs * (fake->elf32 ? 32 : 56);
	uint64_t end = offset + notes.bytes.size;
	struct fake_bytes file = {};

	for (size_t i = 0; i < fake->num_segments; i++)
		end += fake->segments[i].bytes.size;
	add_ehdr(fake, &file, num_phdrs, fake->xnum ? end : 0);
	add_phdr(fake, &file, PT_NOTE, offset, &notes);
	offset += notes.bytes.size;
	for (size_t i = 0; i < fake->num_segments; i++) {
		add_phdr(fake, &file, PT_LOAD, offset, &fake->segments[i]);
		offset += fake->segments[i].bytes.size;
	}
	fake_bytes_add(&file, notes.bytes.data, notes.bytes.size);
	for (size_t i = 0; i < fake->num_segments; i++)
		fake_bytes_add(&file, fake->segments[i].bytes.data, fake->segments[i].bytes.size);
	if (fake->xnum) {
		uint8_t shdr[64] = {};
		put(shdr + (fake->elf32 ? 28 : 44), num_phdrs, 4);
		fake_bytes_add(&file, shdr, fake->elf32 ? 40 : 64);
	}
	fake_bytes_deinit(&notes.bytes);
	return file;
}

char *fake_file_write(const void *data, size_t size)
{
	char *path = strdup("/tmp/heapcore-test-XXXXXX");
	int fd = path ? mkstemp(path) : -1;

	must(fd >= 0);
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, (const uint8_t *)data + done, size - done);
		must(n > 0);
		done += n;
	}
	close(fd);
	return path;
}

char *fake_core_write(const struct fake_core *fake)
{
	struct fake_bytes file = fake_core_bytes(fake);
	char *path = fake_file_write(file.data, file.size);

	fake_bytes_deinit(&file);
	return path;
}

void fake_core_remove(char *path)
{
	unlink(path);
	free(path);
}

void fake_core_deinit(struct fake_core *fake)
{
	for (size_t i = 0; i < fake->num_segments; i++)
		fake_bytes_deinit(&fake->segments[i].bytes);
	free(fake->segments);
	fake_bytes_deinit(&fake->threads);
	fake_bytes_deinit(&fake->extra);
	fake_bytes_deinit(&fake->files);
	fake_bytes_deinit(&fake->names);
	fake_bytes_deinit(&fake->auxv);
	*fake = (struct fake_core){};
}
