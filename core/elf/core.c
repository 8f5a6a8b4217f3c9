/**
 * @file
 * Opening a core: say no with the right words to what is none, then read headers and notes, each
 * bounded by the bytes that the file really has.
 */
#include "core/elf/core.h"
#include "core/base/array.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"

/** Where fields of the two ELF classes lie. */
struct elf_layout {
	uint8_t word_size;
	uint8_t ehdr_size, phdr_size, shdr_size;
	uint8_t e_phoff, e_shoff, e_phentsize, e_phnum, e_shnum;
	uint8_t p_flags, p_offset, p_vaddr, p_filesz, p_memsz;
	uint8_t sh_info;
};

#define LAYOUT(bits)                                                                               \
	{                                                                                          \
		.word_size = (bits) / 8, .ehdr_size = sizeof(Elf##bits##_Ehdr),                    \
		.phdr_size = sizeof(Elf##bits##_Phdr), .shdr_size = sizeof(Elf##bits##_Shdr),      \
		.e_phoff = offsetof(Elf##bits##_Ehdr, e_phoff),                                    \
		.e_shoff = offsetof(Elf##bits##_Ehdr, e_shoff),                                    \
		.e_phentsize = offsetof(Elf##bits##_Ehdr, e_phentsize),                            \
		.e_phnum = offsetof(Elf##bits##_Ehdr, e_phnum),                                    \
		.e_shnum = offsetof(Elf##bits##_Ehdr, e_shnum),                                    \
		.p_flags = offsetof(Elf##bits##_Phdr, p_flags),                                    \
		.p_offset = offsetof(Elf##bits##_Phdr, p_offset),                                  \
		.p_vaddr = offsetof(Elf##bits##_Phdr, p_vaddr),                                    \
		.p_filesz = offsetof(Elf##bits##_Phdr, p_filesz),                                  \
		.p_memsz = offsetof(Elf##bits##_Phdr, p_memsz),                                    \
		.sh_info = offsetof(Elf##bits##_Shdr, sh_info),                                    \
	}

static const struct elf_layout layout64 = LAYOUT(64);
static const struct elf_layout layout32 = LAYOUT(32);

/** One program header, of either class. */
struct phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, file_size, mem_size;
};

/** The program header table, as far as the file has it. */
struct phdr_table {
	const struct elf_layout *layout;
	bool big_endian;
	const uint8_t *start;
	size_t entry_size, num;
};

static struct phdr phdr_get(const struct phdr_table *table, size_t index)
{
	const struct elf_layout *l = table->layout;
	const uint8_t *p = table->start + index * table->entry_size;
	bool big = table->big_endian;

	return (struct phdr){
		.type = hc_read32(p, big),
		.flags = hc_read32(p + l->p_flags, big),
		.offset = hc_read_word(p + l->p_offset, l->word_size, big),
		.vaddr = hc_read_word(p + l->p_vaddr, l->word_size, big),
		.file_size = hc_read_word(p + l->p_filesz, l->word_size, big),
		.mem_size = hc_read_word(p + l->p_memsz, l->word_size, big),
	};
}

/* What is no core. */

static struct hc_error *refuse(const struct hc_core_options *options, struct hc_bytes head)
{
	return options->refuse ? options->refuse(head)
			       : hc_error_create(HC_ERROR_FORMAT, "is not an ELF core");
}

/** Check the ELF header and find the machine's row. */
static struct hc_error *core_identify(const struct hc_core_options *options, struct hc_bytes file,
				      const struct hc_machine **ret)
{
	const uint8_t *ident = file.data;

	if (file.size < SELFMAG || memcmp(ident, ELFMAG, SELFMAG))
		return refuse(options, file);
	if (file.size < sizeof(Elf32_Ehdr) ||
	    (ident[EI_CLASS] == ELFCLASS64 && file.size < sizeof(Elf64_Ehdr))) {
		return hc_error_create(HC_ERROR_FORMAT,
				       "ends within the ELF header, after %zu bytes; "
				       "nothing of the core is left",
				       file.size);
	}

	bool big = ident[EI_DATA] == ELFDATA2MSB;
	uint16_t e_type = hc_read16(ident + offsetof(Elf64_Ehdr, e_type), big);
	uint16_t e_machine = hc_read16(ident + offsetof(Elf64_Ehdr, e_machine), big);
	if (e_type != ET_CORE)
		return refuse(options, file);

	const struct hc_machine *machine =
		hc_machine_find(ident[EI_CLASS], ident[EI_DATA], e_machine);
	if (!machine) {
		return hc_error_create(HC_ERROR_FORMAT,
				       "is a core of %s (machine %u, %s-bit, %s-endian), "
				       "which heapcore can't read",
				       hc_machine_describe(e_machine), e_machine,
				       ident[EI_CLASS] == ELFCLASS64 ? "64" : "32",
				       ident[EI_DATA] == ELFDATA2MSB ? "big" : "little");
	}
	*ret = machine;
	return NULL;
}

/* Program headers. */

/**
 * The number of program headers when e_phnum can't hold it. It is in section 0, which the kernel
 * writes behind everything else; in a file that was cut short, the first segment tells instead:
 * both the kernel and gdb write its bytes directly behind the table.
 */
static uint64_t extended_phnum(const struct hc_core *core, const struct elf_layout *layout,
			       const struct phdr_table *table, struct hc_diagnostics *diag)
{
	const uint8_t *ehdr = core->file.data;
	uint64_t shoff = hc_read_word(ehdr + layout->e_shoff, layout->word_size, table->big_endian);

	if (shoff && shoff <= core->file.size && core->file.size - shoff >= layout->shdr_size)
		return hc_read32(core->file.data + shoff + layout->sh_info, table->big_endian);

	hc_diagnostics_add(diag, true,
			   "the section that counts the program headers is missing; "
			   "counted them by where the first segment begins");
	struct phdr first = phdr_get(table, 0);
	uint64_t table_offset = table->start - core->file.data;
	return first.offset > table_offset ? (first.offset - table_offset) / table->entry_size : 0;
}

static struct hc_error *phdr_table_init(const struct hc_core *core, struct hc_diagnostics *diag,
					struct phdr_table *ret)
{
	const struct elf_layout *layout =
		core->machine->elf_class == ELFCLASS64 ? &layout64 : &layout32;
	const uint8_t *ehdr = core->file.data;
	bool big = core->machine->big_endian;
	uint64_t phoff = hc_read_word(ehdr + layout->e_phoff, layout->word_size, big);
	uint64_t num = hc_read16(ehdr + layout->e_phnum, big);

	*ret = (struct phdr_table){
		.layout = layout,
		.big_endian = big,
		.entry_size = hc_read16(ehdr + layout->e_phentsize, big),
	};
	if (!num || !phoff)
		return hc_error_create(HC_ERROR_FORMAT,
				       "has no program headers; it holds no memory");
	if (ret->entry_size < layout->phdr_size) {
		return hc_error_create(HC_ERROR_FORMAT,
				       "has program headers of %zu bytes instead of %u",
				       ret->entry_size, layout->phdr_size);
	}
	uint64_t room = phoff < core->file.size ? (core->file.size - phoff) / ret->entry_size : 0;
	if (!room) {
		return hc_error_create(HC_ERROR_FORMAT,
				       "ends before its program headers, after %zu bytes; "
				       "nothing of the core is left",
				       core->file.size);
	}
	ret->start = core->file.data + phoff;
	if (num == PN_XNUM)
		num = extended_phnum(core, layout, ret, diag);
	if (num > room) {
		hc_diagnostics_add(diag, true,
				   "%" PRIu64 " of %" PRIu64
				   " program headers are beyond the end of the file; left them out",
				   num - room, num);
		num = room;
	}
	ret->num = num;
	return NULL;
}

/** Bytes of [offset, offset + size) that the file has. */
static struct hc_bytes file_slice(struct hc_bytes file, uint64_t offset, uint64_t size)
{
	if (offset >= file.size)
		return (struct hc_bytes){};
	uint64_t left = file.size - offset;
	return (struct hc_bytes){.data = file.data + offset, .size = size < left ? size : left};
}

/* Notes. */

static struct hc_error *core_add_thread(struct hc_core *core, const struct hc_note *note)
{
	struct hc_prstatus prstatus;
	struct hc_error *err = hc_note_prstatus(note, core->machine, &prstatus);
	if (err)
		return err;
	err = hc_array_reserve(&core->threads, core->num_threads, sizeof(*core->threads));
	if (err)
		return err;
	core->threads[core->num_threads++] = prstatus;
	return NULL;
}

static int compare_files(const void *a, const void *b)
{
	const struct hc_note_file *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct hc_error *core_set_files(struct hc_core *core, const struct hc_note *note,
				       struct hc_diagnostics *diag)
{
	bool truncated;

	if (core->files)
		return NULL;
	struct hc_error *err =
		hc_note_files(note, core->machine, &core->files, &core->num_files, &truncated);
	if (err)
		return err;
	hc_sort(core->files, core->num_files, compare_files);
	if (truncated) {
		hc_diagnostics_add(
			diag, true,
			"the list of mapped files (NT_FILE) is broken; kept its first %zu",
			core->num_files);
	}
	return NULL;
}

static struct hc_error *core_decode_note(struct hc_core *core, const struct hc_note *note,
					 struct hc_diagnostics *diag)
{
	struct hc_error *err = NULL;

	core->more_notes |=
		note->type != NT_PRSTATUS && note->type != NT_PRPSINFO && note->type != NT_AUXV;
	if (core->num_threads) {
		struct hc_prstatus *last = &core->threads[core->num_threads - 1];
		if (hc_note_thread_pointer(note, core->machine, last, &last->tp))
			return NULL;
	}
	if (strcmp(note->name, "CORE"))
		return NULL;

	switch (note->type) {
	case NT_PRSTATUS:
		return core_add_thread(core, note);
	case NT_PRPSINFO:
		/* The kernel and qemu put the thread that died first, gdb the process. */
		if (!core->has_prpsinfo && !core->num_threads)
			core->from_gcore = true;
		if (!core->has_prpsinfo &&
		    !(err = hc_note_prpsinfo(note, core->machine, &core->prpsinfo)))
			core->has_prpsinfo = true;
		return err;
	case NT_SIGINFO:
		if (!core->has_siginfo &&
		    !(err = hc_note_siginfo(note, core->machine, &core->siginfo)))
			core->has_siginfo = true;
		return err;
	case NT_AUXV:
		if (!core->has_auxv)
			core->auxv = *note;
		core->has_auxv = true;
		return NULL;
	case NT_FILE:
		return core_set_files(core, note, diag);
	default:
		return NULL;
	}
}

/** Keep the remark and drop the error, unless there is no memory left. */
static struct hc_error *remark(struct hc_diagnostics *diag, struct hc_error *err, const char *deed)
{
	if (!err || err == &hc_enomem)
		return err;
	hc_diagnostics_add(diag, true, "%s; %s", err->message, deed);
	hc_error_destroy(err);
	return NULL;
}

static struct hc_error *core_read_notes(struct hc_core *core, const struct phdr *phdr,
					struct hc_diagnostics *diag)
{
	struct hc_bytes area = file_slice(core->file, phdr->offset, phdr->file_size);
	struct hc_notes notes;
	struct hc_note note;
	bool done = false;

	core->notes_cut |= area.size < phdr->file_size;
	hc_notes_init(&notes, area, phdr->offset, core->machine->big_endian);
	for (;;) {
		struct hc_error *err = hc_notes_next(&notes, &note, &done);
		if (err)
			return remark(diag, err, "left out the notes from there on");
		if (done)
			break;
		err = remark(diag, core_decode_note(core, &note, diag), "left it out");
		if (err)
			return err;
	}
	/* gdb writes the notes last: a cut between two of them would look like their end. */
	if (core->notes_cut)
		hc_diagnostics_add(diag, true,
				   "the file is cut short in its notes; threads may be missing");
	return NULL;
}

/* Segments. */

static int compare_segments(const void *a, const void *b)
{
	const struct hc_segment *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/** The file size that fits the memory size, and how much of it is there. */
static void segment_clip(struct hc_segment *segment, struct hc_bytes file)
{
	if (segment->file_size > segment->mem_size)
		segment->file_size = segment->mem_size;
	segment->available = file_slice(file, segment->offset, segment->file_size).size;
}

static bool segment_init(const struct phdr *phdr, struct hc_bytes file, struct hc_segment *ret)
{
	if (phdr->type != PT_LOAD || !phdr->mem_size)
		return false;
	*ret = (struct hc_segment){
		.start = phdr->vaddr,
		.mem_size = phdr->mem_size,
		.file_size = phdr->file_size,
		.offset = phdr->offset,
		.flags = phdr->flags & (PF_R | PF_W | PF_X),
	};
	segment_clip(ret, file);
	return true;
}

/** Largest thing above user space that is dumped: the vsyscall page. Generous. Bytes. */
#define MAX_KERNEL_SEGMENT (1 << 20)

/** Most that one process maps, reservations included: a bound for every walk over pages. Bytes. */
#define MAX_MAPPED (1ULL << 48)

/**
 * Cut a segment where user space ends on this machine; what the kernel has above is small.
 *
 * @param left bytes that may still be mapped
 * @param[in,out] cut bytes that were cut off, with those of segments that are left out
 * @return false when nothing of it can be
 */
static bool segment_fit(struct hc_segment *segment, const struct hc_machine *machine, uint64_t left,
			uint64_t *cut)
{
	uint64_t size = segment->mem_size, end;
	bool above = segment->start >= machine->user_end;

	if (above && size <= MAX_KERNEL_SEGMENT &&
	    !__builtin_add_overflow(segment->start, size, &end))
		return true;
	uint64_t room = above ? 0 : machine->user_end - segment->start;
	if (room > left)
		room = left;
	if (size > room && __builtin_add_overflow(*cut, size - room, cut))
		*cut = UINT64_MAX;
	if (size > room)
		segment->mem_size = room;
	return room != 0;
}

/** Of two segments for one address, the lower one keeps it. */
static void core_separate_segments(struct hc_core *core, struct hc_diagnostics *diag)
{
	uint64_t end = 0;
	size_t kept = 0, overlapping = 0;

	for (size_t i = 0; i < core->num_segments; i++) {
		struct hc_segment segment = core->segments[i];
		uint64_t overlap = segment.start < end ? end - segment.start : 0;
		overlapping += overlap > 0;
		if (overlap >= segment.mem_size)
			continue;
		segment.start += overlap;
		segment.mem_size -= overlap;
		segment.file_size -= overlap < segment.file_size ? overlap : segment.file_size;
		if (__builtin_add_overflow(segment.offset, overlap, &segment.offset))
			segment.file_size = 0;
		segment_clip(&segment, core->file);
		end = segment.start + segment.mem_size;
		core->segments[kept++] = segment;
	}
	core->num_segments = kept;
	if (overlapping) {
		hc_diagnostics_add(diag, true, "segments overlap (%zu of them); clipped them",
				   overlapping);
	}
}

static struct hc_error *core_read_segments(struct hc_core *core, const struct phdr_table *table,
					   struct hc_diagnostics *diag)
{
	size_t loads = 0;
	for (size_t i = 0; i < table->num; i++)
		loads += phdr_get(table, i).type == PT_LOAD;

	core->segments = calloc(loads ? loads : 1, sizeof(*core->segments));
	if (!core->segments)
		return &hc_enomem;
	bool sorted = true;
	size_t implausible = 0;
	uint64_t outside = 0, mapped = 0;
	for (size_t i = 0; i < table->num; i++) {
		struct phdr phdr = phdr_get(table, i);
		struct hc_segment *segment = &core->segments[core->num_segments];
		if (!segment_init(&phdr, core->file, segment))
			continue;
		uint64_t before = outside;
		bool fits = segment_fit(segment, core->machine, MAX_MAPPED - mapped, &outside);
		implausible += outside != before;
		if (!fits)
			continue;
		segment_clip(segment, core->file);
		if (segment->start < core->machine->user_end)
			mapped += segment->mem_size;
		sorted &= !core->num_segments || segment[-1].start <= segment->start;
		core->num_segments++;
	}
	if (implausible) {
		hc_diagnostics_add(
			diag, true,
			"%zu segment%s reach%s beyond the address space; left out the %s "
			"there",
			implausible, implausible == 1 ? "" : "s", implausible == 1 ? "es" : "",
			hc_amount(outside).text);
	}
	if (!sorted)
		hc_sort(core->segments, core->num_segments, compare_segments);
	core_separate_segments(core, diag);

	for (size_t i = 0; i < core->num_segments; i++) {
		core->bytes_promised += core->segments[i].file_size;
		core->bytes_available += core->segments[i].available;
	}
	return NULL;
}

/** Linux has no larger pages, huge ones aside. */
#define MAX_PAGE_SIZE (UINT64_C(64) << 10)

/** AT_PAGESZ, unless a segment that begins within such a page gives it the lie. */
static void core_set_page_size(struct hc_core *core)
{
	uint64_t size, least = UINT64_C(1) << core->machine->page_shift;

	if (!hc_core_auxv(core, AT_PAGESZ, &size) || size & (size - 1) || size < least ||
	    size > MAX_PAGE_SIZE)
		return;
	for (size_t i = 0; i < core->num_segments; i++) {
		if (core->segments[i].start & (size - 1))
			return;
	}
	core->page_size = size;
}

static void remark_truncation(const struct hc_core *core, struct hc_diagnostics *diag)
{
	if (core->bytes_available == core->bytes_promised)
		return;
	hc_diagnostics_add(diag, true,
			   "the file is cut short: %s of %s of memory are beyond its end; "
			   "they count as missing",
			   hc_amount(core->bytes_promised - core->bytes_available).text,
			   hc_amount(core->bytes_promised).text);
}

static struct hc_error *core_read(struct hc_core *core, const struct hc_core_options *options,
				  struct hc_diagnostics *diag)
{
	struct phdr_table table;
	struct hc_error *err = core_identify(options, core->file, &core->machine);
	if (err || (err = phdr_table_init(core, diag, &table)))
		return err;
	for (size_t i = 0; i < table.num; i++) {
		struct phdr phdr = phdr_get(&table, i);
		if (phdr.type == PT_NOTE && (err = core_read_notes(core, &phdr, diag)))
			return err;
	}
	if ((err = core_read_segments(core, &table, diag)))
		return err;
	core_set_page_size(core);
	if (!core->bytes_available && !core->num_threads) {
		return hc_error_create(HC_ERROR_FORMAT,
				       core->bytes_promised || diag->partial
					       ? "is cut short: neither memory nor threads are left"
					       : "holds neither memory nor threads");
	}
	remark_truncation(core, diag);
	return NULL;
}

static void core_closep(struct hc_core **core)
{
	hc_core_close(*core);
}

/* Compressed cores. */

/** Say of an error that it is about what was unpacked. */
static struct hc_error *of_content(struct hc_error *err)
{
	if (!err || err->code != HC_ERROR_FORMAT)
		return err;
	struct hc_error *named = hc_error_about(
		hc_error_create(err->code, "its content %s", err->message), err->about);
	hc_error_destroy(err);
	return named;
}

/**
 * Whether the first bytes of a compressed file's content begin a core, and where that would end.
 */
static struct hc_error *examine_content(void *ctx, struct hc_bytes head, uint64_t *size_ret)
{
	hc_cleanup(hc_diagnostics_deinit) struct hc_diagnostics unused = {};
	struct hc_core core = {.file = head};
	struct phdr_table table;
	uint64_t size = 0;

	struct hc_error *err = core_identify(ctx, head, &core.machine);
	if (err || (err = phdr_table_init(&core, &unused, &table)))
		return of_content(err);
	for (size_t i = 0; i < table.num; i++) {
		struct phdr phdr = phdr_get(&table, i);
		uint64_t end;
		if (__builtin_add_overflow(phdr.offset, phdr.file_size, &end))
			continue; /* as damaged headers have it; the limit holds anyway */
		if (end > size)
			size = end;
	}
	*size_ret = size;
	return NULL;
}

/** Unpack a compressed file. @param[out] ret descriptor of its content */
static struct hc_error *unpack_file(const struct hc_packed_file *file,
				    const struct hc_core_options *options,
				    struct hc_diagnostics *diag, int *ret)
{
	struct hc_packed_file packed = *file;

	packed.examine = examine_content;
	packed.examine_ctx = (void *)options;
	return hc_decompress(&packed, &options->decompress, diag, ret);
}

static const struct hc_compression *compression_of(int fd)
{
	uint8_t head[HC_DECOMPRESS_HEAD];
	ssize_t size = pread(fd, head, sizeof(head), 0);

	return size <= 0 ? NULL
			 : hc_decompress_recognise((struct hc_bytes){.data = head, .size = size});
}

/** @param[out] data_ret set when the mapping is, to be given back with it */
static struct hc_error *map_file(int fd, struct hc_data_map *data_ret, struct hc_bytes *ret)
{
	struct stat st;

	if (fstat(fd, &st))
		return hc_error_os(errno, "can't be examined");
	/*
	 * The default read-ahead suits both the forward walk of a heap and a jump to one chunk,
	 * where there are no holes.
	 */
	void *data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return hc_error_os(errno, "can't be mapped");
	hc_data_map_init(data_ret, fd);
	hc_data_map_advise(data_ret, data);
	*ret = (struct hc_bytes){.data = data, .size = st.st_size};
	return NULL;
}

/** Map the file, or its content. @param[out] packed_ret whether it was compressed */
static struct hc_error *map_content(struct hc_core *core, int fd,
				    const struct hc_core_options *options,
				    struct hc_diagnostics *diag, bool *packed_ret)
{
	struct hc_packed_file file = {.fd = fd, .compression = compression_of(fd)};
	hc_cleanup_close int content = -1;
	struct stat st;

	*packed_ret = file.compression;
	if (!file.compression)
		return map_file(fd, &core->data, &core->file);
	if (fstat(fd, &st))
		return hc_error_os(errno, "can't be examined");
	file.size = st.st_size;
	struct hc_error *err = unpack_file(&file, options, diag, &content);
	return err ? err : map_file(content, &core->data, &core->file);
}

struct hc_error *hc_core_open(const char *path, int fd, const struct hc_core_options *options,
			      struct hc_diagnostics *diag, struct hc_core **ret)
{
	static const struct hc_core_options defaults;
	hc_cleanup(core_closep) struct hc_core *core = calloc(1, sizeof(*core));
	bool packed;

	options = options ? options : &defaults;
	if (!core || !(core->path = strdup(path)))
		return &hc_enomem;
	struct hc_error *err = map_content(core, fd, options, diag, &packed);
	if (err)
		return err;
	if ((err = core_read(core, options, diag)))
		return packed ? of_content(err) : err;
	*ret = hc_steal(core);
	return NULL;
}

void hc_core_close(struct hc_core *core)
{
	if (!core)
		return;
	if (core->file.data)
		munmap((void *)core->file.data, core->file.size);
	hc_data_map_deinit(&core->data);
	free(core->path);
	free(core->segments);
	free(core->threads);
	free(core->files);
	free(core);
}

bool hc_core_auxv(const struct hc_core *core, uint64_t type, uint64_t *ret)
{
	return core->has_auxv && hc_note_auxv(&core->auxv, core->machine, type, ret);
}
