/**
 * @file
 * What the parts of module.h share: the search for modules, and for their files.
 */
#ifndef HC_CORE_PROCESS_MODULE_LOADER_H
#define HC_CORE_PROCESS_MODULE_LOADER_H

#include <elfutils/libdwfl.h>

#include "core/elf/image.h"
#include "core/process/module.h"

/** What the search works with. Nothing is owned. */
struct hc_module_loader {
	const struct hc_core *core;
	const struct hc_module_options *options;
	struct hc_memory *memory;
	struct hc_mappings *mappings;
	struct hc_diagnostics *diag;
	uint64_t page_mask;
};

/** Read the image at @p address in memory. @return false when there is none */
static inline bool hc_module_image(const struct hc_module_loader *loader, uint64_t address,
				   struct hc_image *ret)
{
	/* Program headers follow the ELF header: one page holds both. */
	return hc_image_read(hc_memory_view(loader->memory, address, loader->page_mask + 1),
			     loader->core->machine, ret);
}

struct hc_module_files {
	/** Of matched files, parallel to hc_modules::items; data NULL: none. */
	struct hc_bytes *maps;
	size_t num;
	char *debug_path; /**< for libdwfl */
	/** hc_module_options::opened, which outlives the search. */
	void (*opened)(void *ctx, const char *path, int fd);
	void *opened_ctx;
	Dwfl_Callbacks callbacks;
	Dwfl *dwfl; /**< NULL until the first question */
};

/**
 * Look for the files of all modules, and lend the core the pages of those that match.
 *
 * Sets hc_modules::files, and of each module the status, the file, and with --exe which one is the
 * executable. On failure, hc_modules_deinit() cleans up.
 */
struct hc_error *hc_module_files_open(const struct hc_module_loader *loader,
				      struct hc_modules *modules);
/** NULL is fine. */
void hc_module_files_close(struct hc_module_files *files);

#endif
