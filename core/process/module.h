/**
 * @file
 * Modules: the executable and its libraries.
 *
 * A module is what NT_FILE shows mapped from one file with an ELF header at its lowest page; where
 * there is no NT_FILE, the ELF headers at the start of segments serve, and the dynamic linker's own
 * list (link_map.h), which has their names; DT_SONAME and AT_EXECFN name what it doesn't. A file
 * that is mapped executable, but whose header the core lacks, is a module too: name and addresses
 * are all that is known. Its build-id is read from the core. The file itself is optional: it is
 * looked for at --exe (for the executable), below --sysroot, and at its own path, and is taken only
 * when its build-id is the core's (a module without a build-id is taken when its program headers
 * are byte-identical). A file that was taken lends the core the pages that were not dumped.
 *
 * Symbols come through libdwfl, with --debug-dir in its search path, and only when somebody asks.
 */
#ifndef HC_CORE_PROCESS_MODULE_H
#define HC_CORE_PROCESS_MODULE_H

#include <string.h>

#include "core/elf/core.h"
#include "core/process/mapping.h"
#include "core/process/memory.h"

enum hc_file_status {
	HC_FILE_MATCHED, /**< found, build-id equal */
	HC_FILE_NOT_FOUND,
	HC_FILE_MISMATCH,   /**< found, but it is another build */
	HC_FILE_UNVERIFIED, /**< found, but the core has nothing to compare it with; not used */
};

/** The last part of a path; NULL stays NULL. */
static inline const char *hc_base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

struct hc_module {
	char *path;          /**< as mapped, without " (deleted)" */
	bool executable;     /**< the program itself, not a library */
	uint64_t start, end; /**< addresses, first to last page incl. bss */
	uint64_t bias;       /**< load address minus link address; 0 when no ELF header was read */
	uint64_t data_start, data_end; /**< writable PT_LOADs, bss included; equal when none */
	uint64_t bss_start;            /**< first address that the file does not back */
	uint64_t tls_size, tls_align;  /**< PT_TLS: bytes of each thread's; 0 when it has none */
	uint64_t dynamic;              /**< address of the dynamic section; 0 when unknown */
	uint8_t build_id[64];
	size_t build_id_size; /**< bytes; 0 when unknown */
	enum hc_file_status status;
	char *file; /**< the file that was looked at; NULL when not found */
};

struct hc_module_options {
	const char *exe;       /**< or NULL */
	const char *sysroot;   /**< or NULL */
	const char *debug_dir; /**< or NULL */
	/**
	 * Told of every file that is opened: executables and libraries, also when they are then not
	 * used, and separate debug files, as late as hc_modules_symbol() and debug information need
	 * them. In the calling thread; NULL: not called. @param path NULL when only libdwfl knows
	 */
	void (*opened)(void *ctx, const char *path, int fd);
	void *opened_ctx;
};

struct hc_modules {
	struct hc_module *items; /**< by address */
	size_t num;
	struct hc_module_files *files; /**< open files and the Dwfl session; private */
};

/** The program itself; NULL: it is not known which one that is. */
static inline const struct hc_module *hc_modules_program(const struct hc_modules *modules)
{
	for (size_t i = 0; i < modules->num; i++)
		if (modules->items[i].executable)
			return &modules->items[i];
	return NULL;
}

/** What modules add to. */
struct hc_address_space {
	struct hc_memory *memory;     /**< pages that a file lends */
	struct hc_mappings *mappings; /**< kinds: text, data, bss, vdso */
};

/**
 * Find modules, look for their files, and add what they tell to @p space. An --exe that is no ELF
 * file or another build is an error, since the user named it; everything else that goes wrong is a
 * remark.
 */
struct hc_error *hc_modules_load(const struct hc_core *core,
				 const struct hc_module_options *options,
				 const struct hc_address_space *space, struct hc_diagnostics *diag,
				 struct hc_modules *ret);
void hc_modules_deinit(struct hc_modules *modules);

const struct hc_module *hc_modules_find(const struct hc_modules *modules, uint64_t address);

/** The C library: the module whose file name is libc.so.6, libc-2.NN.so…, else NULL. */
const struct hc_module *hc_modules_libc(const struct hc_modules *modules);

/**
 * Symbol at or before an address, through libdwfl: "name" and the offset into it. false without
 * symbols. The first call reads symbol tables and may take a while. Not safe from several threads.
 *
 * @param[out] name_ret lives as long as the modules
 */
bool hc_modules_symbol(struct hc_modules *modules, uint64_t address, const char **name_ret,
		       uint64_t *offset_ret);

struct Dwfl;

/**
 * libdwfl's view of the modules whose files were found, with the addresses of the process; or NULL.
 * For debuginfo.h.
 */
struct Dwfl *hc_modules_dwfl(struct hc_modules *modules);

/** A symbol of data. */
struct hc_symbol {
	const char *name; /**< as the linker knows it; lives as long as the modules. Untrusted */
	/** In the process; of a thread-local one, the offset in its module's block. */
	uint64_t address;
	uint64_t size; /**< bytes; 0 when the table does not tell */
	const struct hc_module *module;
	bool is_local; /**< thread-local */
};

typedef struct hc_error *(*hc_symbol_fn)(void *ctx, const struct hc_symbol *symbol);

/**
 * Call @p fn for every defined symbol of data whose name begins with @p prefix, thread-local ones
 * included, module by module, until it fails. As slow and as little safe from threads as
 * hc_modules_symbol().
 */
struct hc_error *hc_modules_each_symbol(struct hc_modules *modules, const char *prefix,
					hc_symbol_fn fn, void *ctx);

#endif
