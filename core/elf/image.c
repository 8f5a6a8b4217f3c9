/**
 * @file
 * Reading ELF headers and program headers of modules.
 */
#include "core/elf/image.h"

#include <elf.h>

#include "core/base/cleanup.h"
#include "core/elf/notes.h"

static struct hc_image_phdr load_phdr(const uint8_t *p, bool is64, bool big)
{
	if (is64) {
		return (struct hc_image_phdr){
			.type = hc_read32(p, big),
			.flags = hc_read32(p + offsetof(Elf64_Phdr, p_flags), big),
			.offset = hc_read64(p + offsetof(Elf64_Phdr, p_offset), big),
			.vaddr = hc_read64(p + offsetof(Elf64_Phdr, p_vaddr), big),
			.file_size = hc_read64(p + offsetof(Elf64_Phdr, p_filesz), big),
			.mem_size = hc_read64(p + offsetof(Elf64_Phdr, p_memsz), big),
			.align = hc_read64(p + offsetof(Elf64_Phdr, p_align), big),
		};
	}
	return (struct hc_image_phdr){
		.type = hc_read32(p, big),
		.flags = hc_read32(p + offsetof(Elf32_Phdr, p_flags), big),
		.offset = hc_read32(p + offsetof(Elf32_Phdr, p_offset), big),
		.vaddr = hc_read32(p + offsetof(Elf32_Phdr, p_vaddr), big),
		.file_size = hc_read32(p + offsetof(Elf32_Phdr, p_filesz), big),
		.mem_size = hc_read32(p + offsetof(Elf32_Phdr, p_memsz), big),
		.align = hc_read32(p + offsetof(Elf32_Phdr, p_align), big),
	};
}

/** The lowest and highest page of all PT_LOADs. @return whether there is one, and all are sane */
static bool image_bounds(struct hc_image *image, uint64_t page_mask)
{
	image->low = UINT64_MAX;
	image->high = 0;
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct hc_image_phdr *phdr = &image->phdrs[i];
		uint64_t end;
		if (phdr->type != PT_LOAD)
			continue;
		if (phdr->file_size > phdr->mem_size ||
		    __builtin_add_overflow(phdr->vaddr, phdr->mem_size, &end) ||
		    __builtin_add_overflow(end, page_mask, &end))
			return false;
		if ((phdr->vaddr & ~page_mask) < image->low)
			image->low = phdr->vaddr & ~page_mask;
		if ((end & ~page_mask) > image->high)
			image->high = end & ~page_mask;
	}
	return image->low < image->high;
}

bool hc_image_read(struct hc_bytes bytes, const struct hc_machine *machine, struct hc_image *ret)
{
	bool is64 = machine->elf_class == ELFCLASS64, big = machine->big_endian;
	size_t ehdr_size = is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	size_t phdr_size = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const uint8_t *p = bytes.data;

	if (bytes.size < ehdr_size || memcmp(p, ELFMAG, SELFMAG) ||
	    p[EI_CLASS] != machine->elf_class || p[EI_DATA] != machine->elf_data ||
	    hc_read16(p + offsetof(Elf64_Ehdr, e_machine), big) != machine->e_machine)
		return false;
	uint16_t type = hc_read16(p + offsetof(Elf64_Ehdr, e_type), big);
	if (type != ET_EXEC && type != ET_DYN)
		return false;

	uint64_t phoff = is64 ? hc_read64(p + offsetof(Elf64_Ehdr, e_phoff), big)
			      : hc_read32(p + offsetof(Elf32_Ehdr, e_phoff), big);
	uint16_t entry_size = hc_read16(
		p + (is64 ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize)),
		big);
	uint16_t num = hc_read16(
		p + (is64 ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum)), big);
	if (entry_size != phdr_size || !num || num > HC_IMAGE_MAX_PHDRS || phoff > bytes.size ||
	    (bytes.size - phoff) / phdr_size < num)
		return false;
	*ret = (struct hc_image){
		.num_phdrs = num,
		.big_endian = big,
		.table = {.data = p + phoff, .size = num * phdr_size},
	};
	for (unsigned i = 0; i < num; i++)
		ret->phdrs[i] = load_phdr(p + phoff + i * phdr_size, is64, big);
	return image_bounds(ret, (1ULL << machine->page_shift) - 1);
}

/** The NT_GNU_BUILD_ID of a note area; empty when there is none. */
struct hc_bytes hc_image_notes_build_id(struct hc_bytes area, bool big_endian)
{
	struct hc_notes notes;
	struct hc_note note;
	bool done = false;

	hc_notes_init(&notes, area, 0, big_endian);
	for (;;) {
		hc_cleanup_error struct hc_error *err = hc_notes_next(&notes, &note, &done);
		if (err || done)
			return (struct hc_bytes){};
		if (note.type == NT_GNU_BUILD_ID && !strcmp(note.name, ELF_NOTE_GNU))
			return note.desc;
	}
}

struct hc_bytes hc_image_file_build_id(const struct hc_image *image, struct hc_bytes file)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct hc_image_phdr *phdr = &image->phdrs[i];
		if (phdr->type != PT_NOTE || phdr->offset > file.size ||
		    phdr->file_size > file.size - phdr->offset)
			continue;
		struct hc_bytes id = hc_image_notes_build_id(
			(struct hc_bytes){
				.data = file.data + phdr->offset,
				.size = phdr->file_size,
			},
			image->big_endian);
		if (id.size)
			return id;
	}
	return (struct hc_bytes){};
}
