/**
 * @file
 * The files of modules. Only the build-id decides whether a file is the one that was mapped, since
 * cores travel between machines that have the same paths.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/process/module_loader.h"

static bool map_regular_file(const struct hc_module_options *options, const char *path,
			     struct hc_bytes *ret)
{
	hc_cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return false;
	if (options->opened)
		options->opened(options->opened_ctx, path, fd);
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
static enum hc_file_status compare_file(const struct hc_module_loader *loader,
					const struct hc_module *module, struct hc_bytes file)
{
	struct hc_image disk, core;

	if (!hc_image_read(file, loader->core->machine, &disk))
		return HC_FILE_MISMATCH;
	struct hc_bytes id = hc_image_file_build_id(&disk, file);
	if (module->build_id_size) {
		return id.size == module->build_id_size &&
				       !memcmp(id.data, module->build_id, id.size)
			       ? HC_FILE_MATCHED
			       : HC_FILE_MISMATCH;
	}
	if (!hc_module_image(loader, module->start, &core))
		return HC_FILE_UNVERIFIED;
	return !id.size && disk.table.size == core.table.size &&
			       !memcmp(disk.table.data, core.table.data, disk.table.size)
		       ? HC_FILE_MATCHED
		       : HC_FILE_MISMATCH;
}

/** End of the last page of so many bytes, not beyond the end of all addresses. */
static uint64_t last_page_end(const struct hc_module_loader *loader, uint64_t start, uint64_t size)
{
	uint64_t end;

	if (__builtin_add_overflow(start, size, &end) ||
	    __builtin_add_overflow(end, loader->page_mask, &end))
		end = UINT64_MAX;
	return end & ~loader->page_mask;
}

/**
 * Lend the core the pages that the kernel did not dump. Only rows and segments that nobody can
 * write to: RELRO and patched code differ from the file, and the kernel dumps them.
 */
static struct hc_error *lend_pages(const struct hc_module_loader *loader,
				   const struct hc_module *module, struct hc_bytes file)
{
	struct hc_image image;
	if (!hc_image_read(file, loader->core->machine, &image))
		return NULL;

	const struct hc_mappings *mappings = loader->mappings;
	const struct hc_mapping *end = mappings->items + mappings->num;
	const struct hc_mapping *row = hc_mappings_find(mappings, module->start);
	for (; row && row < end && row->start < module->end; row++) {
		if (!row->path || row->flags & PF_W || row->shared || row->offset >= file.size)
			continue;
		for (unsigned i = 0; i < image.num_phdrs; i++) {
			const struct hc_image_phdr *phdr = &image.phdrs[i];
			uint64_t from = (module->bias + phdr->vaddr) & ~loader->page_mask;
			uint64_t to =
				last_page_end(loader, module->bias + phdr->vaddr, phdr->file_size);
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
static struct hc_error *try_file(const struct hc_module_loader *loader, struct hc_module *module,
				 char *name, struct hc_bytes *map)
{
	hc_cleanup_free char *path = name;
	hc_cleanup(unmap_file) struct hc_bytes file = {};

	if (!path)
		return &hc_enomem;
	if (module->status == HC_FILE_MATCHED || !map_regular_file(loader->options, path, &file))
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
	return hc_format("%s/%s", directory, path);
}

static struct hc_error *find_file(const struct hc_module_loader *loader, struct hc_module *module,
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
static struct hc_error *check_exe(const struct hc_module_loader *loader, struct hc_modules *modules)
{
	const char *exe = loader->options->exe;
	hc_cleanup(unmap_file) struct hc_bytes file = {};
	bool comparable = false;
	struct hc_image image;

	if (!map_regular_file(loader->options, exe, &file))
		return hc_error_about(
			hc_error_create(HC_ERROR_ARGUMENT, "%s: no file that can be read", exe),
			HC_ABOUT_EXECUTABLE);
	if (!hc_image_read(file, loader->core->machine, &image)) {
		return hc_error_about(
			hc_error_create(HC_ERROR_ARGUMENT,
					"%s: no ELF executable of the core's machine (%s)", exe,
					loader->core->machine->name),
			HC_ABOUT_EXECUTABLE);
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
		return hc_error_about(hc_error_create(HC_ERROR_ARGUMENT,
						      "%s: another build than the one in the core; "
						      "give the file that was running, or none",
						      exe),
				      HC_ABOUT_EXECUTABLE);
	}
	hc_diagnostics_add(loader->diag, false,
			   "executable %s: the core has no build-id to compare it with; not used",
			   exe);
	return NULL;
}

struct hc_error *hc_module_files_open(const struct hc_module_loader *loader,
				      struct hc_modules *modules)
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
	modules->files->opened = loader->options->opened;
	modules->files->opened_ctx = loader->options->opened_ctx;
	modules->files->debug_path =
		hc_format(":.debug%s%s:/usr/lib/debug", loader->options->debug_dir ? ":" : "",
			  loader->options->debug_dir ? loader->options->debug_dir : "");
	if (!modules->files->debug_path)
		return &hc_enomem;
	for (size_t i = 0; i < modules->num; i++) {
		if ((err = find_file(loader, &modules->items[i], &modules->files->maps[i])))
			return err;
	}
	return NULL;
}

void hc_module_files_close(struct hc_module_files *files)
{
	if (!files)
		return;
	if (files->dwfl)
		dwfl_end(files->dwfl);
	for (size_t i = 0; i < files->num; i++)
		unmap_file(&files->maps[i]);
	free(files->maps);
	free(files->debug_path);
	free(files);
}
