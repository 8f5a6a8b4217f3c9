/**
 * @file
 * Finding modules in memory, and their files on disk.
 *
 * The ELF header and program headers of a module are read twice, from the core and from the file,
 * by the same code: an *image* is the bytes from the header on, and how far they reach. Only the
 * build-id decides whether a file is the one that was mapped, since cores travel between machines
 * that have the same paths.
 */
#include "core/module.h"
#include "core/array.h"

#include <elf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/cleanup.h"

/** Program headers of one module that are looked at; real ones have about a dozen. */
#define HC_MAX_MODULE_PHDRS 64

/** Entries of a dynamic section that are looked at. */
#define HC_MAX_DYNAMIC 1024

struct module_phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, file_size, mem_size;
};

/** What the ELF header and the program headers say. */
struct image {
	struct module_phdr phdrs[HC_MAX_MODULE_PHDRS];
	unsigned num_phdrs;
	struct hc_bytes table; /**< the raw program headers */
	uint64_t low, high;    /**< link addresses of all PT_LOADs, page-aligned */
};

struct hc_module_files {
	struct hc_bytes
		*maps; /**< of matched files, parallel to hc_modules::items; data NULL: none */
	size_t num;
	char *debug_path; /**< for libdwfl */
	Dwfl_Callbacks callbacks;
	Dwfl *dwfl; /**< NULL until the first question */
};

/** What the search for modules works with. */
struct loader {
	const struct hc_core *core;
	const struct hc_module_options *options;
	struct hc_memory *memory;
	struct hc_mappings *mappings;
	struct hc_diagnostics *diag;
	uint64_t page_mask;
};

/* Images. */

static uint16_t load16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static struct module_phdr load_phdr(const uint8_t *p, bool is64)
{
	if (is64) {
		return (struct module_phdr){
			.type = hc_load32(p),
			.flags = hc_load32(p + offsetof(Elf64_Phdr, p_flags)),
			.offset = hc_load64(p + offsetof(Elf64_Phdr, p_offset)),
			.vaddr = hc_load64(p + offsetof(Elf64_Phdr, p_vaddr)),
			.file_size = hc_load64(p + offsetof(Elf64_Phdr, p_filesz)),
			.mem_size = hc_load64(p + offsetof(Elf64_Phdr, p_memsz)),
		};
	}
	return (struct module_phdr){
		.type = hc_load32(p),
		.flags = hc_load32(p + offsetof(Elf32_Phdr, p_flags)),
		.offset = hc_load32(p + offsetof(Elf32_Phdr, p_offset)),
		.vaddr = hc_load32(p + offsetof(Elf32_Phdr, p_vaddr)),
		.file_size = hc_load32(p + offsetof(Elf32_Phdr, p_filesz)),
		.mem_size = hc_load32(p + offsetof(Elf32_Phdr, p_memsz)),
	};
}

/** The lowest and highest page of all PT_LOADs. @return whether there is one */
static bool image_bounds(struct image *image, uint64_t page_mask)
{
	image->low = UINT64_MAX;
	image->high = 0;
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct module_phdr *phdr = &image->phdrs[i];
		uint64_t end;
		if (phdr->type != PT_LOAD)
			continue;
		if (__builtin_add_overflow(phdr->vaddr, phdr->mem_size, &end) ||
		    __builtin_add_overflow(end, page_mask, &end))
			return false;
		if ((phdr->vaddr & ~page_mask) < image->low)
			image->low = phdr->vaddr & ~page_mask;
		if ((end & ~page_mask) > image->high)
			image->high = end & ~page_mask;
	}
	return image->low < image->high;
}

/** Read the headers of an executable or library of the core's machine. */
static bool image_read(struct hc_bytes bytes, const struct hc_machine *machine, struct image *ret)
{
	bool is64 = machine->word_size == 8;
	size_t ehdr_size = is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	size_t phdr_size = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const uint8_t *p = bytes.data;

	if (bytes.size < ehdr_size || memcmp(p, ELFMAG, SELFMAG) ||
	    p[EI_CLASS] != machine->elf_class || p[EI_DATA] != machine->elf_data ||
	    load16(p + offsetof(Elf64_Ehdr, e_machine)) != machine->e_machine)
		return false;
	uint16_t type = load16(p + offsetof(Elf64_Ehdr, e_type));
	if (type != ET_EXEC && type != ET_DYN)
		return false;

	uint64_t phoff = is64 ? hc_load64(p + offsetof(Elf64_Ehdr, e_phoff))
			      : hc_load32(p + offsetof(Elf32_Ehdr, e_phoff));
	uint16_t entry_size = load16(
		p + (is64 ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize)));
	uint16_t num =
		load16(p + (is64 ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum)));
	if (entry_size != phdr_size || !num || num > HC_MAX_MODULE_PHDRS || phoff > bytes.size ||
	    (bytes.size - phoff) / phdr_size < num)
		return false;
	*ret = (struct image){
		.num_phdrs = num,
		.table = {.data = p + phoff, .size = num * phdr_size},
	};
	for (unsigned i = 0; i < num; i++)
		ret->phdrs[i] = load_phdr(p + phoff + i * phdr_size, is64);
	return image_bounds(ret, (1ULL << machine->page_shift) - 1);
}

/** The NT_GNU_BUILD_ID of a note area; empty when there is none. */
static struct hc_bytes notes_build_id(struct hc_bytes area)
{
	struct hc_notes notes;
	struct hc_note note;
	bool done = false;

	hc_notes_init(&notes, area, 0);
	for (;;) {
		hc_cleanup_error struct hc_error *err = hc_notes_next(&notes, &note, &done);
		if (err || done)
			return (struct hc_bytes){};
		if (note.type == NT_GNU_BUILD_ID && !strcmp(note.name, ELF_NOTE_GNU))
			return note.desc;
	}
}

/** Build-id of a file on disk. */
static struct hc_bytes file_build_id(struct hc_bytes file, const struct image *image)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct module_phdr *phdr = &image->phdrs[i];
		if (phdr->type != PT_NOTE || phdr->offset > file.size ||
		    phdr->file_size > file.size - phdr->offset)
			continue;
		struct hc_bytes id = notes_build_id((struct hc_bytes){
			.data = file.data + phdr->offset,
			.size = phdr->file_size,
		});
		if (id.size)
			return id;
	}
	return (struct hc_bytes){};
}

/** Build-id of a module in memory. */
static void module_read_build_id(struct hc_module *module, const struct image *image,
				 const struct hc_memory *memory)
{
	for (unsigned i = 0; i < image->num_phdrs && !module->build_id_size; i++) {
		const struct module_phdr *phdr = &image->phdrs[i];
		if (phdr->type != PT_NOTE)
			continue;
		struct hc_bytes id = notes_build_id(
			hc_memory_view(memory, module->bias + phdr->vaddr, phdr->file_size));
		if (id.size && id.size <= sizeof(module->build_id)) {
			memcpy(module->build_id, id.data, id.size);
			module->build_id_size = id.size;
		}
	}
}

/* Finding modules. */

static bool memory_image(const struct loader *loader, uint64_t address, struct image *ret)
{
	/* Program headers follow the ELF header: one page holds both. */
	return image_read(hc_memory_view(loader->memory, address, loader->page_mask + 1),
			  loader->core->machine, ret);
}

/**
 * Whether the image was loaded to run, rather than mapped to be read: its code must be where its
 * program headers want it, and executable.
 */
static bool image_is_loaded(const struct loader *loader, const struct image *image, uint64_t bias)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct module_phdr *phdr = &image->phdrs[i];
		if (phdr->type != PT_LOAD || !(phdr->flags & PF_X))
			continue;
		const struct hc_mapping *row =
			hc_mappings_find(loader->mappings, bias + phdr->vaddr);
		/*
		 * gdb leaves unmodified code out of the core: such a row is known from NT_FILE
		 * only, which has no flags.
		 */
		return row && (row->flags & PF_X || (row->path && !row->present));
	}
	return false;
}

/** The writable part of a module. */
static void module_set_data(struct hc_module *module, const struct image *image)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct module_phdr *phdr = &image->phdrs[i];
		if (phdr->type != PT_LOAD || !(phdr->flags & PF_W))
			continue;
		uint64_t start = module->bias + phdr->vaddr;
		if (!module->data_end || start < module->data_start)
			module->data_start = start;
		if (start + phdr->mem_size > module->data_end) {
			module->data_end = start + phdr->mem_size;
			module->bss_start = start + phdr->file_size;
		}
	}
	if (module->bss_start > module->data_end)
		module->bss_start = module->data_end;
}

static struct hc_error *modules_append(struct hc_modules *modules, struct hc_module module,
				       const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t length = strlen(path), suffix = sizeof(deleted) - 1;

	if (length > suffix && !strcmp(path + length - suffix, deleted))
		length -= suffix;
	struct hc_error *err =
		hc_array_reserve(&modules->items, modules->num, sizeof(*modules->items));
	if (err)
		return err;
	module.path = strndup(path, length);
	if (!module.path)
		return &hc_enomem;
	module.status = HC_FILE_NOT_FOUND;
	modules->items[modules->num++] = module;
	return NULL;
}

/** @return whether a loaded image begins at @p address */
static bool module_from_memory(const struct loader *loader, uint64_t address, struct hc_module *ret)
{
	struct image image;
	uint64_t end;

	if (!memory_image(loader, address, &image))
		return false;
	uint64_t bias = address - image.low;
	if (__builtin_add_overflow(address, image.high - image.low, &end) ||
	    !image_is_loaded(loader, &image, bias))
		return false;
	*ret = (struct hc_module){.start = address, .end = end, .bias = bias};
	module_set_data(ret, &image);
	module_read_build_id(ret, &image, loader->memory);
	return true;
}

/**
 * A file that is mapped executable but whose ELF header is missing: the rows of that path from @p
 * first on, as long as they follow each other, with at most other rows of no path in between.
 */
static bool module_from_rows(const struct loader *loader, const struct hc_note_file *first,
			     struct hc_module *ret)
{
	const struct hc_mappings *mappings = loader->mappings;
	const struct hc_mapping *row = hc_mappings_find(mappings, first->start);
	bool executable = false;

	if (!row || first->offset)
		return false;
	*ret = (struct hc_module){.start = row->start, .end = row->end};
	for (; row < mappings->items + mappings->num; row++) {
		if (!row->path)
			continue;
		if (strcmp(row->path, first->path))
			break;
		executable |= row->flags & PF_X;
		ret->end = row->end;
		if (row->flags & PF_W) {
			if (!ret->data_end)
				ret->data_start = row->start;
			ret->data_end = ret->bss_start = row->end;
		}
	}
	return executable;
}

static struct hc_error *find_in_files(const struct loader *loader, struct hc_modules *modules)
{
	const struct hc_core *core = loader->core;
	uint64_t end = 0;

	for (size_t i = 0; i < core->num_files; i++) {
		const struct hc_note_file *file = &core->files[i];
		struct hc_module module;
		if (file->start < end)
			continue;
		if (!module_from_memory(loader, file->start, &module) &&
		    (hc_memory_find(loader->memory, file->start) ||
		     !module_from_rows(loader, file, &module)))
			continue;
		struct hc_error *err = modules_append(modules, module, file->path);
		if (err)
			return err;
		end = module.end;
	}
	return NULL;
}

/** A string in memory, as far as it lies in one piece; NULL when it has no end there. */
static const char *memory_string(const struct hc_memory *memory, uint64_t address)
{
	enum { MAX_STRING = 4096 };
	struct hc_bytes view = hc_memory_view(memory, address, MAX_STRING);

	return view.size && memchr(view.data, '\0', view.size) ? (const char *)view.data : NULL;
}

/** DT_SONAME, read from memory. ld.so has relocated DT_STRTAB in most ports, but not in all. */
static const char *module_soname(const struct loader *loader, const struct hc_module *module)
{
	const struct hc_memory *memory = loader->memory;
	unsigned word = memory->word_size;
	uint64_t strtab = 0, soname = 0, tag, value;
	struct image image;

	if (!memory_image(loader, module->start, &image))
		return NULL;
	for (unsigned i = 0; i < image.num_phdrs; i++) {
		if (image.phdrs[i].type != PT_DYNAMIC)
			continue;
		uint64_t at = module->bias + image.phdrs[i].vaddr;
		for (unsigned n = 0; n < HC_MAX_DYNAMIC; n++, at += 2 * word) {
			if (!hc_memory_word(memory, at, &tag) ||
			    !hc_memory_word(memory, at + word, &value) || tag == DT_NULL)
				break;
			strtab = tag == DT_STRTAB ? value : strtab;
			soname = tag == DT_SONAME ? value : soname;
		}
	}
	if (!strtab || !soname)
		return NULL;
	if (strtab < module->start)
		strtab += module->bias;
	return memory_string(memory, strtab + soname);
}

/** Without NT_FILE: whatever segment begins with a loaded ELF image. */
static struct hc_error *find_in_segments(const struct loader *loader, struct hc_modules *modules)
{
	const struct hc_core *core = loader->core;
	uint64_t end = 0, vdso = 0, entry = 0, execfn;
	const char *program = NULL;

	hc_core_auxv(core, AT_SYSINFO_EHDR, &vdso);
	hc_core_auxv(core, AT_ENTRY, &entry);
	if (hc_core_auxv(core, AT_EXECFN, &execfn))
		program = memory_string(loader->memory, execfn);
	if (!program)
		program = core->has_prpsinfo ? core->prpsinfo.name : "program";
	for (size_t i = 0; i < core->num_segments; i++) {
		uint64_t start = core->segments[i].start;
		struct hc_module module;
		if (start < end || start == vdso || !module_from_memory(loader, start, &module))
			continue;
		const char *soname = module_soname(loader, &module);
		bool has_entry = entry >= module.start && entry < module.end;
		struct hc_error *err = modules_append(modules, module,
						      soname      ? soname
						      : has_entry ? program
								  : "unnamed module");
		if (err)
			return err;
		end = module.end;
	}
	return NULL;
}

/** The last part of a path. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_dynamic_linker(const char *path)
{
	const char *base = base_name(path);

	return !strncmp(base, "ld-", 3) || !strncmp(base, "ld.so", 5);
}

/**
 * The program is where AT_PHDR points to. When the dynamic linker was run as a program ("ld.so
 * ./server"), that is the linker itself; the program is then the first other module.
 */
static void modules_find_executable(const struct hc_core *core, struct hc_modules *modules)
{
	uint64_t phdr = 0;

	hc_core_auxv(core, AT_PHDR, &phdr);
	for (size_t i = 0; i < modules->num; i++) {
		struct hc_module *module = &modules->items[i];
		if (phdr < module->start || phdr >= module->end)
			continue;
		if (is_dynamic_linker(module->path) && modules->num > 1)
			module = &modules->items[i == 0];
		module->executable = true;
		return;
	}
}

/* Kinds. */

static enum hc_mapping_kind load_kind(uint32_t flags)
{
	return flags & PF_X ? HC_MAPPING_TEXT : flags & PF_W ? HC_MAPPING_DATA : HC_MAPPING_RODATA;
}

/** Rows of a module in a core without NT_FILE look anonymous; its program headers know better. */
static struct hc_error *module_claim_rows(const struct loader *loader,
					  const struct hc_module *module, const struct image *image)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct module_phdr *phdr = &image->phdrs[i];
		if (phdr->type != PT_LOAD)
			continue;
		uint64_t start = (module->bias + phdr->vaddr) & ~loader->page_mask;
		uint64_t end = (module->bias + phdr->vaddr + phdr->file_size + loader->page_mask) &
			       ~loader->page_mask;
		struct hc_error *err = hc_mappings_assign(loader->mappings, start, end,
							  load_kind(phdr->flags), NULL);
		if (err)
			return err;
		struct hc_mapping *row = hc_mappings_find(loader->mappings, start);
		struct hc_mapping *last = loader->mappings->items + loader->mappings->num;
		for (; row && row < last && row->start < end; row++) {
			row->path = module->path;
			row->anonymous = false;
			row->offset = (phdr->offset & ~loader->page_mask) + (row->start - start);
			row->kind = load_kind(row->flags);
		}
	}
	return NULL;
}

/** Whether a link address lies in an executable PT_LOAD. */
static bool image_is_code(const struct image *image, uint64_t vaddr)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct module_phdr *phdr = &image->phdrs[i];
		if (phdr->type == PT_LOAD && phdr->flags & PF_X && vaddr >= phdr->vaddr &&
		    vaddr - phdr->vaddr < phdr->mem_size)
			return true;
	}
	return false;
}

/**
 * Text, data and bss. The bss that shares a page with data stays data: it is backed by the file.
 */
static struct hc_error *module_assign_kinds(const struct loader *loader,
					    const struct hc_module *module)
{
	struct hc_mappings *mappings = loader->mappings;
	struct image image;
	struct hc_error *err;

	if (!loader->core->num_files && memory_image(loader, module->start, &image) &&
	    (err = module_claim_rows(loader, module, &image)))
		return err;
	uint64_t bss_start = (module->bss_start + loader->page_mask) & ~loader->page_mask;
	uint64_t bss_end = (module->data_end + loader->page_mask) & ~loader->page_mask;
	if (bss_start < bss_end &&
	    (err = hc_mappings_assign(mappings, bss_start, bss_end, HC_MAPPING_BSS, NULL)))
		return err;

	bool known = memory_image(loader, module->start, &image);
	struct hc_mapping *row = hc_mappings_find(mappings, module->start);
	for (; row && row < mappings->items + mappings->num && row->start < module->end; row++) {
		if (known && row->path && !row->present &&
		    image_is_code(&image, row->start - module->bias))
			row->flags |= PF_X;
		if (row->kind == HC_MAPPING_FILE || row->kind == HC_MAPPING_RODATA)
			row->kind = load_kind(row->flags);
	}
	return NULL;
}

/* Files. */

static bool map_regular_file(const char *path, struct hc_bytes *ret)
{
	hc_cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return false;
	void *data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return false;
	*ret = (struct hc_bytes){.data = data, .size = st.st_size};
	return true;
}

static void unmap_file(struct hc_bytes *file)
{
	if (file->data)
		munmap((void *)file->data, file->size);
	*file = (struct hc_bytes){};
}

/** Is this file the one that was mapped? */
static enum hc_file_status compare_file(const struct loader *loader, const struct hc_module *module,
					struct hc_bytes file)
{
	struct image disk, core;

	if (!image_read(file, loader->core->machine, &disk))
		return HC_FILE_MISMATCH;
	struct hc_bytes id = file_build_id(file, &disk);
	if (module->build_id_size) {
		return id.size == module->build_id_size &&
				       !memcmp(id.data, module->build_id, id.size)
			       ? HC_FILE_MATCHED
			       : HC_FILE_MISMATCH;
	}
	if (!memory_image(loader, module->start, &core))
		return HC_FILE_UNVERIFIED;
	return !id.size && disk.table.size == core.table.size &&
			       !memcmp(disk.table.data, core.table.data, disk.table.size)
		       ? HC_FILE_MATCHED
		       : HC_FILE_MISMATCH;
}

/**
 * Lend the core the pages that the kernel did not dump. Only rows and segments that nobody can
 * write to: RELRO and patched code differ from the file, and the kernel dumps them.
 */
static struct hc_error *lend_pages(const struct loader *loader, const struct hc_module *module,
				   struct hc_bytes file)
{
	struct image image;
	if (!image_read(file, loader->core->machine, &image))
		return NULL;

	const struct hc_mappings *mappings = loader->mappings;
	const struct hc_mapping *end = mappings->items + mappings->num;
	const struct hc_mapping *row = hc_mappings_find(mappings, module->start);
	for (; row && row < end && row->start < module->end; row++) {
		if (!row->path || row->flags & PF_W || row->shared || row->offset >= file.size)
			continue;
		for (unsigned i = 0; i < image.num_phdrs; i++) {
			const struct module_phdr *phdr = &image.phdrs[i];
			uint64_t from = (module->bias + phdr->vaddr) & ~loader->page_mask;
			uint64_t to =
				(module->bias + phdr->vaddr + phdr->file_size + loader->page_mask) &
				~loader->page_mask;
			if (phdr->type != PT_LOAD || phdr->flags & PF_W || from < row->start ||
			    from >= row->end ||
			    (phdr->offset & ~loader->page_mask) !=
				    row->offset + (from - row->start))
				continue;
			uint64_t offset = row->offset + (from - row->start);
			uint64_t size = (to < row->end ? to : row->end) - from;
			if (offset >= file.size)
				continue;
			if (size > file.size - offset)
				size = file.size - offset;
			struct hc_error *err = hc_memory_add(
				loader->memory, from,
				(struct hc_bytes){.data = file.data + offset, .size = size}, false);
			if (err)
				return err;
		}
	}
	return NULL;
}

/**
 * Look at one candidate. The first that matches is taken; a mismatch is remembered until then.
 *
 * @param name takes the path over
 */
static struct hc_error *try_file(const struct loader *loader, struct hc_module *module, char *name,
				 struct hc_bytes *map)
{
	hc_cleanup_free char *path = name;
	hc_cleanup(unmap_file) struct hc_bytes file = {};

	if (!path)
		return &hc_enomem;
	if (module->status == HC_FILE_MATCHED || !map_regular_file(path, &file))
		return NULL;
	enum hc_file_status status = compare_file(loader, module, file);
	if (status != HC_FILE_MATCHED && module->status != HC_FILE_NOT_FOUND)
		return NULL;
	module->status = status;
	free(module->file);
	module->file = hc_steal(path);
	if (status != HC_FILE_MATCHED)
		return NULL;
	struct hc_error *err = lend_pages(loader, module, file);
	if (err)
		return err;
	*map = file;
	file = (struct hc_bytes){};
	return NULL;
}

static char *join_path(const char *directory, const char *path)
{
	char *joined;

	return asprintf(&joined, "%s/%s", directory, path) < 0 ? NULL : joined;
}

static struct hc_error *find_file(const struct loader *loader, struct hc_module *module,
				  struct hc_bytes *map)
{
	const struct hc_module_options *options = loader->options;
	struct hc_error *err = NULL;

	if (module->executable && options->exe)
		err = try_file(loader, module, strdup(options->exe), map);
	if (!err && options->sysroot)
		err = try_file(loader, module, join_path(options->sysroot, module->path), map);
	/* Relative names (qemu, a program that changed its directory) would find anything. */
	if (!err && module->path[0] == '/')
		err = try_file(loader, module, strdup(module->path), map);
	return err;
}

/**
 * The user named a file: it must be an ELF file and belong to some module, which is then the
 * program.
 */
static struct hc_error *check_exe(const struct loader *loader, struct hc_modules *modules)
{
	const char *exe = loader->options->exe;
	hc_cleanup(unmap_file) struct hc_bytes file = {};
	bool comparable = false;
	struct image image;

	if (!map_regular_file(exe, &file))
		return hc_error_create(HC_ERROR_ARGUMENT, "--exe %s: no file that can be read",
				       exe);
	if (!image_read(file, loader->core->machine, &image)) {
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--exe %s: no ELF executable of the core's machine (%s)",
				       exe, loader->core->machine->name);
	}
	for (size_t i = 0; i < modules->num; i++) {
		enum hc_file_status status = compare_file(loader, &modules->items[i], file);
		comparable |= modules->items[i].executable && status == HC_FILE_MISMATCH;
		if (status != HC_FILE_MATCHED)
			continue;
		for (size_t j = 0; j < modules->num; j++)
			modules->items[j].executable = j == i;
		return NULL;
	}
	if (comparable) {
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--exe %s: another build than the one in the core; "
				       "give the file that was running, or leave --exe out",
				       exe);
	}
	hc_diagnostics_add(loader->diag, false,
			   "--exe %s: the core has no build-id to compare it with; not used", exe);
	return NULL;
}

static struct hc_error *modules_open_files(const struct loader *loader, struct hc_modules *modules)
{
	struct hc_error *err;

	if (loader->options->exe && (err = check_exe(loader, modules)))
		return err;
	modules->files = calloc(1, sizeof(*modules->files));
	if (!modules->files)
		return &hc_enomem;
	modules->files->maps = calloc(modules->num + 1, sizeof(*modules->files->maps));
	if (!modules->files->maps)
		return &hc_enomem;
	modules->files->num = modules->num;
	if (asprintf(&modules->files->debug_path, ":.debug%s%s:/usr/lib/debug",
		     loader->options->debug_dir ? ":" : "",
		     loader->options->debug_dir ? loader->options->debug_dir : "") < 0) {
		modules->files->debug_path = NULL;
		return &hc_enomem;
	}
	for (size_t i = 0; i < modules->num; i++) {
		if ((err = find_file(loader, &modules->items[i], &modules->files->maps[i])))
			return err;
	}
	return NULL;
}

struct hc_error *hc_modules_load(const struct hc_core *core,
				 const struct hc_module_options *options, struct hc_memory *memory,
				 struct hc_mappings *mappings, struct hc_diagnostics *diag,
				 struct hc_modules *ret)
{
	const struct loader loader = {
		.core = core,
		.options = options,
		.memory = memory,
		.mappings = mappings,
		.diag = diag,
		.page_mask = (1ULL << core->machine->page_shift) - 1,
	};
	hc_cleanup(hc_modules_deinit) struct hc_modules modules = {};
	struct hc_error *err;

	if ((err = core->num_files ? find_in_files(&loader, &modules)
				   : find_in_segments(&loader, &modules)))
		return err;
	modules_find_executable(core, &modules);
	for (size_t i = 0; i < modules.num; i++) {
		if ((err = module_assign_kinds(&loader, &modules.items[i])))
			return err;
	}
	if ((err = modules_open_files(&loader, &modules)))
		return err;
	hc_mappings_count_present(mappings);
	*ret = modules;
	modules = (struct hc_modules){};
	return NULL;
}

void hc_modules_deinit(struct hc_modules *modules)
{
	struct hc_module_files *files = modules->files;

	if (files) {
		if (files->dwfl)
			dwfl_end(files->dwfl);
		for (size_t i = 0; i < files->num; i++)
			unmap_file(&files->maps[i]);
		free(files->maps);
		free(files->debug_path);
		free(files);
	}
	for (size_t i = 0; i < modules->num; i++) {
		free(modules->items[i].path);
		free(modules->items[i].file);
	}
	free(modules->items);
	*modules = (struct hc_modules){};
}

/* Questions. */

const struct hc_module *hc_modules_find(const struct hc_modules *modules, uint64_t address)
{
	size_t low = 0, high = modules->num;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (modules->items[mid].end <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low < modules->num && modules->items[low].start <= address ? &modules->items[low]
									  : NULL;
}

const struct hc_module *hc_modules_libc(const struct hc_modules *modules)
{
	for (size_t i = 0; i < modules->num; i++) {
		const char *base = base_name(modules->items[i].path);
		if (!strcmp(base, "libc.so.6") ||
		    (!strncmp(base, "libc-2.", 7) && strstr(base, ".so")))
			return &modules->items[i];
	}
	return NULL;
}

/**
 * Start the session. debuginfod is asked only where DEBUGINFOD_URLS names a server: libdwfl's own
 * rule, which keeps a machine without a network from waiting.
 */
static void modules_start_dwfl(struct hc_modules *modules)
{
	struct hc_module_files *files = modules->files;

	files->callbacks = (Dwfl_Callbacks){
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &files->debug_path,
	};
	files->dwfl = dwfl_begin(&files->callbacks);
	if (!files->dwfl)
		return;
	dwfl_report_begin(files->dwfl);
	for (size_t i = 0; i < modules->num; i++) {
		const struct hc_module *module = &modules->items[i];
		if (module->status == HC_FILE_MATCHED)
			dwfl_report_elf(files->dwfl, module->path, module->file, -1, module->bias,
					true);
	}
	dwfl_report_end(files->dwfl, NULL, NULL);
}

/** The session, started by the first question; NULL: there is none. */
static Dwfl *modules_dwfl(struct hc_modules *modules)
{
	if (!modules->files)
		return NULL;
	if (!modules->files->dwfl)
		modules_start_dwfl(modules);
	return modules->files->dwfl;
}

bool hc_modules_symbol(struct hc_modules *modules, uint64_t address, const char **name_ret,
		       uint64_t *offset_ret)
{
	GElf_Off offset;
	GElf_Sym symbol;

	if (!hc_modules_find(modules, address))
		return false;
	Dwfl *dwfl = modules_dwfl(modules);
	Dwfl_Module *module = dwfl ? dwfl_addrmodule(dwfl, address) : NULL;
	const char *name =
		module ? dwfl_module_addrinfo(module, address, &offset, &symbol, NULL, NULL, NULL)
		       : NULL;
	if (!name)
		return false;
	*name_ret = name;
	*offset_ret = offset;
	return true;
}

/** A walk over the symbols of all modules. */
struct symbol_walk {
	const char *prefix;
	hc_symbol_fn fn;
	void *ctx;
	struct hc_error *err;
};

static int walk_symbols(Dwfl_Module *module, void **user_data __attribute__((unused)),
			const char *module_name __attribute__((unused)),
			Dwarf_Addr start __attribute__((unused)), void *ctx)
{
	struct symbol_walk *walk = ctx;
	size_t length = strlen(walk->prefix);
	int num = dwfl_module_getsymtab(module);

	for (int i = 0; i < num && !walk->err; i++) {
		GElf_Sym symbol;
		GElf_Addr address;
		const char *name =
			dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL, NULL);
		if (name && GELF_ST_TYPE(symbol.st_info) == STT_OBJECT &&
		    symbol.st_shndx != SHN_UNDEF && !strncmp(name, walk->prefix, length))
			walk->err = walk->fn(walk->ctx, name, address, symbol.st_size);
	}
	return walk->err ? DWARF_CB_ABORT : DWARF_CB_OK;
}

struct hc_error *hc_modules_each_symbol(struct hc_modules *modules, const char *prefix,
					hc_symbol_fn fn, void *ctx)
{
	struct symbol_walk walk = {.prefix = prefix, .fn = fn, .ctx = ctx};
	Dwfl *dwfl = modules_dwfl(modules);

	if (dwfl)
		dwfl_getmodules(dwfl, walk_symbols, &walk, 0);
	return walk.err;
}
