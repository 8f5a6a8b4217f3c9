/**
 * @file
 * Finding modules in memory, and what their mappings are for.
 */
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/process/link_map.h"
#include "core/process/module_loader.h"

/** Entries of a dynamic section that are looked at. */
#define MAX_DYNAMIC 1024

/* Finding modules. */

/**
 * Whether the image was loaded to run, rather than mapped to be read: its code must be where its
 * program headers want it, and executable.
 */
static bool image_is_loaded(const struct hc_module_loader *loader, const struct hc_image *image,
			    uint64_t bias)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct hc_image_phdr *phdr = &image->phdrs[i];
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
static void module_set_data(struct hc_module *module, const struct hc_image *image)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct hc_image_phdr *phdr = &image->phdrs[i];
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

/** NT_GNU_BUILD_ID in memory, of at most @p max bytes; empty when there is none. */
static struct hc_bytes memory_build_id(const struct hc_image *image, const struct hc_memory *memory,
				       uint64_t bias, size_t max)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct hc_image_phdr *phdr = &image->phdrs[i];
		if (phdr->type != PT_NOTE)
			continue;
		struct hc_bytes id = hc_image_notes_build_id(
			hc_memory_view(memory, bias + phdr->vaddr, phdr->file_size),
			image->big_endian);
		if (id.size && id.size <= max)
			return id;
	}
	return (struct hc_bytes){};
}

static void module_set_segments(struct hc_module *module, const struct hc_image *image)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct hc_image_phdr *phdr = &image->phdrs[i];
		if (phdr->type == PT_TLS && !module->tls_size) {
			module->tls_size = phdr->mem_size;
			module->tls_align = phdr->align;
		} else if (phdr->type == PT_DYNAMIC && !module->dynamic) {
			module->dynamic = module->bias + phdr->vaddr;
		}
	}
}

/** @return whether a loaded image begins at @p address */
static bool module_from_memory(const struct hc_module_loader *loader, uint64_t address,
			       struct hc_module *ret)
{
	struct hc_image image;
	uint64_t end;

	if (!hc_module_image(loader, address, &image))
		return false;
	uint64_t bias = address - image.low;
	if (__builtin_add_overflow(address, image.high - image.low, &end) ||
	    !image_is_loaded(loader, &image, bias))
		return false;
	*ret = (struct hc_module){.start = address, .end = end, .bias = bias};
	module_set_data(ret, &image);
	module_set_segments(ret, &image);
	struct hc_bytes id = memory_build_id(&image, loader->memory, bias, sizeof(ret->build_id));
	if (id.size)
		memcpy(ret->build_id, id.data, id.size);
	ret->build_id_size = id.size;
	return true;
}

/**
 * A file that is mapped executable but whose ELF header is missing: the rows of that path from @p
 * first on, as long as they follow each other, with at most other rows of no path in between.
 */
static bool module_from_rows(const struct hc_module_loader *loader,
			     const struct hc_note_file *first, struct hc_module *ret)
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

static struct hc_error *find_in_files(const struct hc_module_loader *loader,
				      struct hc_modules *modules)
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

/** DT_SONAME, read from memory. ld.so has relocated DT_STRTAB in most ports, but not in all. */
static const char *module_soname(const struct hc_module_loader *loader,
				 const struct hc_module *module)
{
	const struct hc_memory *memory = loader->memory;
	unsigned word = memory->word_size;
	uint64_t strtab = 0, soname = 0, tag, value;
	struct hc_image image;

	if (!hc_module_image(loader, module->start, &image))
		return NULL;
	for (unsigned i = 0; i < image.num_phdrs; i++) {
		if (image.phdrs[i].type != PT_DYNAMIC)
			continue;
		uint64_t at = module->bias + image.phdrs[i].vaddr;
		for (unsigned n = 0; n < MAX_DYNAMIC; n++, at += 2 * word) {
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
	return hc_memory_string(memory, strtab + soname);
}

/** @name Without NT_FILE */
/**@{*/

/** The program's own name. */
static const char *program_name(const struct hc_module_loader *loader)
{
	uint64_t execfn;
	const char *name = hc_core_auxv(loader->core, AT_EXECFN, &execfn)
				   ? hc_memory_string(loader->memory, execfn)
				   : NULL;

	if (name)
		return name;
	return loader->core->has_prpsinfo ? loader->core->prpsinfo.name : "program";
}

/** Append a module under the best name that is known. @param name NULL: of the link map, or none */
static struct hc_error *append_named(const struct hc_module_loader *loader,
				     struct hc_modules *modules, struct hc_module module,
				     const char *name)
{
	hc_cleanup_free char *made_up = NULL;
	uint64_t entry = 0;

	hc_core_auxv(loader->core, AT_ENTRY, &entry);
	if (!name || !*name)
		name = module_soname(loader, &module);
	if (!name && entry >= module.start && entry < module.end)
		name = program_name(loader);
	if (!name) {
		/* Each is one of its own. */
		made_up = hc_format("unnamed module at 0x%" PRIx64, module.start);
		if (!made_up)
			return &hc_enomem;
		name = made_up;
	}
	return modules_append(modules, module, name);
}

/** What the dynamic linker calls the module with this dynamic section; NULL: nothing. */
static const char *link_name(const struct hc_link_map *links, const struct hc_module *module)
{
	for (size_t i = 0; i < links->num && module->dynamic; i++)
		if (links->items[i].dynamic == module->dynamic)
			return links->items[i].name;
	return NULL;
}

/** The address of the program's dynamic section, by its program headers; 0: unknown. */
static uint64_t program_dynamic(const struct hc_module_loader *loader)
{
	uint64_t phdr = 0, page = loader->page_mask + 1;
	struct hc_module module;

	/* They lie in the first page. */
	hc_core_auxv(loader->core, AT_PHDR, &phdr);
	return phdr && module_from_memory(loader, phdr & -page, &module) ? module.dynamic : 0;
}

/** Whether it is the kernel's own, which AT_SYSINFO_EHDR names where there are auxv. */
static bool is_vdso(const struct hc_module_loader *loader, const struct hc_module *module)
{
	const char *soname = module_soname(loader, module);

	return soname && (!strncmp(soname, "linux-vdso", 10) || !strncmp(soname, "linux-gate", 10));
}

/** Whatever segment begins with a loaded ELF image. */
static struct hc_error *find_images(const struct hc_module_loader *loader,
				    const struct hc_link_map *links, struct hc_modules *modules)
{
	const struct hc_core *core = loader->core;
	uint64_t end = 0, vdso = 0;

	hc_core_auxv(core, AT_SYSINFO_EHDR, &vdso);
	for (size_t i = 0; i < core->num_segments; i++) {
		uint64_t start = core->segments[i].start;
		struct hc_module module;
		if (start < end || start == vdso || !module_from_memory(loader, start, &module))
			continue;
		struct hc_error *err =
			is_vdso(loader, &module)
				? hc_mappings_set_vdso(loader->mappings, module.start, module.end)
				: append_named(loader, modules, module, link_name(links, &module));
		if (err)
			return err;
		end = module.end;
	}
	return NULL;
}

/**
 * A library whose ELF header the core lacks: from where it was loaded, which is its first page as
 * libraries are linked to 0, to the end of the row that holds its dynamic section, or of the data
 * that follows it when that is RELRO.
 */
static bool module_from_link(const struct hc_module_loader *loader, const struct hc_link *link,
			     struct hc_module *ret)
{
	const struct hc_mapping *first = hc_mappings_find(loader->mappings, link->bias);
	const struct hc_mapping *last = hc_mappings_find(loader->mappings, link->dynamic);
	const struct hc_mapping *end = loader->mappings->items + loader->mappings->num;

	if (!link->name || !*link->name || !first || !last || first > last ||
	    first->kind == HC_MAPPING_VDSO || first->start != link->bias)
		return false;
	if (!(last->flags & PF_W) && last + 1 < end && last[1].start == last->end &&
	    last[1].flags & PF_W)
		last++;
	*ret = (struct hc_module){.start = first->start,
				  .end = last->end,
				  .bias = link->bias,
				  .dynamic = link->dynamic};
	for (const struct hc_mapping *row = first; row <= last; row++) {
		if (row > first && row->start != row[-1].end)
			return false;
		if (!(row->flags & PF_W))
			continue;
		if (!ret->data_end)
			ret->data_start = row->start;
		ret->data_end = ret->bss_start = row->end;
	}
	return true;
}

static int compare_modules(const void *a, const void *b)
{
	const struct hc_module *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/** Modules that only the dynamic linker knows. */
static struct hc_error *find_links(const struct hc_module_loader *loader,
				   const struct hc_link_map *links, struct hc_modules *modules)
{
	for (size_t i = 0; i < links->num; i++) {
		const struct hc_link *link = &links->items[i];
		struct hc_module module;
		bool taken = false;
		if (!module_from_link(loader, link, &module))
			continue;
		for (size_t k = 0; k < modules->num; k++)
			taken |= module.start < modules->items[k].end &&
				 modules->items[k].start < module.end;
		struct hc_error *err =
			taken ? NULL : append_named(loader, modules, module, link->name);
		if (err)
			return err;
	}
	hc_sort(modules->items, modules->num, compare_modules);
	return NULL;
}

static struct hc_error *find_without_files(const struct hc_module_loader *loader,
					   struct hc_modules *modules)
{
	hc_cleanup(hc_link_map_deinit) struct hc_link_map links = {0};
	struct hc_error *err = hc_link_map_read(loader->memory, program_dynamic(loader), &links);

	if (!err)
		err = find_images(loader, &links, modules);
	return err ? err : find_links(loader, &links, modules);
}
/**@}*/

static bool is_dynamic_linker(const char *path)
{
	const char *base = hc_base_name(path);

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
static struct hc_error *module_claim_rows(const struct hc_module_loader *loader,
					  const struct hc_module *module,
					  const struct hc_image *image)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct hc_image_phdr *phdr = &image->phdrs[i];
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

/** The same for a module whose program headers are missing. */
static void module_claim_range(const struct hc_module_loader *loader,
			       const struct hc_module *module)
{
	struct hc_mapping *row = hc_mappings_find(loader->mappings, module->start);
	struct hc_mapping *last = loader->mappings->items + loader->mappings->num;

	for (; row && row < last && row->start < module->end; row++) {
		row->path = module->path;
		row->anonymous = false;
		row->kind = load_kind(row->flags);
	}
}

/**
 * Whether a link address lies in a page of an executable PT_LOAD, which lld has begin within one.
 */
static bool image_is_code(const struct hc_image *image, uint64_t vaddr, uint64_t page_mask)
{
	for (unsigned i = 0; i < image->num_phdrs; i++) {
		const struct hc_image_phdr *phdr = &image->phdrs[i];
		uint64_t start = phdr->vaddr & ~page_mask;

		if (phdr->type == PT_LOAD && phdr->flags & PF_X && vaddr >= start &&
		    vaddr - start < phdr->mem_size + (phdr->vaddr - start))
			return true;
	}
	return false;
}

/**
 * Text, data and bss. The bss that shares a page with data stays data: it is backed by the file.
 */
static struct hc_error *module_assign_kinds(const struct hc_module_loader *loader,
					    const struct hc_module *module)
{
	struct hc_mappings *mappings = loader->mappings;
	struct hc_image image;
	struct hc_error *err;

	if (!loader->core->num_files && !hc_module_image(loader, module->start, &image))
		module_claim_range(loader, module);
	else if (!loader->core->num_files && (err = module_claim_rows(loader, module, &image)))
		return err;
	uint64_t bss_start = (module->bss_start + loader->page_mask) & ~loader->page_mask;
	uint64_t bss_end = (module->data_end + loader->page_mask) & ~loader->page_mask;
	if (bss_start < bss_end &&
	    (err = hc_mappings_assign(mappings, bss_start, bss_end, HC_MAPPING_BSS, NULL)))
		return err;

	bool known = hc_module_image(loader, module->start, &image);
	struct hc_mapping *row = hc_mappings_find(mappings, module->start);
	for (; row && row < mappings->items + mappings->num && row->start < module->end; row++) {
		if (known && row->path && !row->present &&
		    image_is_code(&image, row->start - module->bias, loader->page_mask))
			row->flags |= PF_X;
		/* A program may be run from a file in memory, whose path looks like shared memory.
		 */
		if (known && row->path && row->kind == HC_MAPPING_SHARED)
			row->shared = false;
		else if (row->kind != HC_MAPPING_FILE && row->kind != HC_MAPPING_RODATA)
			continue;
		row->kind = load_kind(row->flags);
	}
	return NULL;
}

struct hc_error *hc_modules_load(const struct hc_core *core,
				 const struct hc_module_options *options,
				 const struct hc_address_space *space, struct hc_diagnostics *diag,
				 struct hc_modules *ret)
{
	const struct hc_module_loader loader = {
		.core = core,
		.options = options,
		.memory = space->memory,
		.mappings = space->mappings,
		.diag = diag,
		.page_mask = hc_core_page_size(core) - 1,
	};
	hc_cleanup(hc_modules_deinit) struct hc_modules modules = {};
	struct hc_error *err;

	if ((err = core->num_files ? find_in_files(&loader, &modules)
				   : find_without_files(&loader, &modules)))
		return err;
	modules_find_executable(core, &modules);
	for (size_t i = 0; i < modules.num; i++) {
		if ((err = module_assign_kinds(&loader, &modules.items[i])))
			return err;
	}
	if ((err = hc_module_files_open(&loader, &modules)))
		return err;
	hc_mappings_count_present(space->mappings);
	*ret = modules;
	modules = (struct hc_modules){};
	return NULL;
}

void hc_modules_deinit(struct hc_modules *modules)
{
	hc_module_files_close(modules->files);
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
	size_t low = hc_lower_bound(modules->num, i, modules->items[i].end <= address);
	return low < modules->num && modules->items[low].start <= address ? &modules->items[low]
									  : NULL;
}

const struct hc_module *hc_modules_libc(const struct hc_modules *modules)
{
	for (size_t i = 0; i < modules->num; i++) {
		const char *base = hc_base_name(modules->items[i].path);
		if (!strcmp(base, "libc.so.6") ||
		    (!strncmp(base, "libc-2.", 7) && strstr(base, ".so")))
			return &modules->items[i];
	}
	return NULL;
}

/** libdwfl's own search, and the word that it found something. */
static int find_debuginfo(Dwfl_Module *module, void **user_data, const char *name, Dwarf_Addr base,
			  const char *file, const char *debuglink, GElf_Word crc, char **path_ret)
{
	const struct hc_module_files *files = *user_data;
	int fd = dwfl_standard_find_debuginfo(module, user_data, name, base, file, debuglink, crc,
					      path_ret);

	if (fd >= 0 && files && files->opened)
		files->opened(files->opened_ctx, *path_ret, fd);
	return fd;
}

static void report_module(struct hc_module_files *files, const struct hc_module *module)
{
	Dwfl_Module *reported =
		dwfl_report_elf(files->dwfl, module->path, module->file, -1, module->bias, true);
	void **user_data;

	if (reported && dwfl_module_info(reported, &user_data, NULL, NULL, NULL, NULL, NULL, NULL))
		*user_data = files;
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
		.find_debuginfo = find_debuginfo,
		.debuginfo_path = &files->debug_path,
	};
	files->dwfl = dwfl_begin(&files->callbacks);
	if (!files->dwfl)
		return;
	dwfl_report_begin(files->dwfl);
	for (size_t i = 0; i < modules->num; i++) {
		const struct hc_module *module = &modules->items[i];
		if (module->status == HC_FILE_MATCHED)
			report_module(files, module);
	}
	dwfl_report_end(files->dwfl, NULL, NULL);
}

Dwfl *hc_modules_dwfl(struct hc_modules *modules)
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
	Dwfl *dwfl = hc_modules_dwfl(modules);
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
	const struct hc_modules *modules;
	const char *prefix;
	hc_symbol_fn fn;
	void *ctx;
	struct hc_error *err;
};

static int walk_symbols(Dwfl_Module *module, void **user_data __attribute__((unused)),
			const char *module_name __attribute__((unused)), Dwarf_Addr start,
			void *ctx)
{
	struct symbol_walk *walk = ctx;
	size_t length = strlen(walk->prefix);
	int num = dwfl_module_getsymtab(module);

	for (int i = 0; i < num && !walk->err; i++) {
		GElf_Sym symbol;
		GElf_Addr address;
		const char *name =
			dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL, NULL);
		unsigned type = name ? GELF_ST_TYPE(symbol.st_info) : STT_NOTYPE;
		bool local = type == STT_TLS;

		if ((type != STT_OBJECT && !local) || symbol.st_shndx == SHN_UNDEF ||
		    strncmp(name, walk->prefix, length))
			continue;
		const struct hc_symbol found = {
			.name = name,
			.address = local ? symbol.st_value : address,
			.size = symbol.st_size,
			.module = hc_modules_find(walk->modules, local ? start : address),
			.is_local = local,
		};
		walk->err = walk->fn(walk->ctx, &found);
	}
	return walk->err ? DWARF_CB_ABORT : DWARF_CB_OK;
}

struct hc_error *hc_modules_each_symbol(struct hc_modules *modules, const char *prefix,
					hc_symbol_fn fn, void *ctx)
{
	struct symbol_walk walk = {.modules = modules, .prefix = prefix, .fn = fn, .ctx = ctx};
	Dwfl *dwfl = hc_modules_dwfl(modules);

	if (dwfl)
		dwfl_getmodules(dwfl, walk_symbols, &walk, 0);
	return walk.err;
}
