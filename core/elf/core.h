/**
 * @file
 * A core: one opened ELF core file.
 *
 * The file is mapped read-only and never copied; every view below points into that mapping and
 * lives as long as the core. A file that was cut short is not an error as long as its headers can
 * be read: segments keep the size that the program headers promise, and @ref hc_segment::available
 * says how much of it is there. A compressed file is unpacked first (decompress.h), and the mapping
 * is of what came out. This unit knows the file; what lies at an address is memory.h's business.
 *
 * Handles ELF64 and ELF32 in both byte orders, e_phnum up to and beyond 65,534 (PN_XNUM: the count
 * is in sh_info of section 0).
 */
#ifndef HC_CORE_ELF_CORE_H
#define HC_CORE_ELF_CORE_H

#include "core/base/bytes.h"
#include "core/elf/data_map.h"
#include "core/elf/decompress.h"
#include "core/elf/machine.h"
#include "core/elf/notes.h"

/** One PT_LOAD of the core. */
struct hc_segment {
	uint64_t start;     /**< p_vaddr */
	uint64_t mem_size;  /**< p_memsz, bytes */
	uint64_t file_size; /**< p_filesz, bytes that the writer dumped */
	uint64_t available; /**< bytes of these that the (maybe truncated) file has */
	uint64_t offset;    /**< p_offset */
	uint32_t flags;     /**< PF_R, PF_W, PF_X */
};

struct hc_core {
	char *path;
	struct hc_bytes file;
	struct hc_data_map data; /**< which offsets of @ref file are no holes */
	const struct hc_machine *machine;

	struct hc_segment *segments; /**< by address, non-overlapping */
	size_t num_segments;
	uint64_t bytes_promised;  /**< sum of file_size */
	uint64_t bytes_available; /**< sum of available */

	struct hc_prstatus
		*threads; /**< NT_PRSTATUS in file order: the first is the one that died */
	size_t num_threads;
	bool has_prpsinfo, has_siginfo, has_auxv;
	struct hc_prpsinfo prpsinfo;
	struct hc_siginfo siginfo;
	struct hc_note auxv;
	struct hc_note_file *files; /**< NT_FILE, by address; NULL when the core has none */
	size_t num_files;
	uint64_t page_size; /**< bytes, by AT_PAGESZ; 0: unknown */
	bool notes_cut;     /**< the file ends in its notes: threads may be missing */
	bool more_notes;    /**< than an emulator, too, writes: the kernel or gdb did */
	bool from_gcore;    /**< written by gdb: notes and segments are laid out its way */
};

struct hc_core_options {
	struct hc_decompress_options decompress;
	/** What to say of bytes that begin no core; NULL: that they are no ELF core. */
	struct hc_error *(*refuse)(struct hc_bytes head);
};

/**
 * Map and read a core.
 *
 * @param path its name, for messages
 * @param fd   a regular file that is not empty; stays open
 * Notes that can't be decoded are skipped with a remark. Fails with one line that names the cause
 * for anything that is no core, and for a machine without a row in machine.h.
 *
 * @param options NULL: the defaults
 * @param diag remarks: truncation, broken notes
 */
struct hc_error *hc_core_open(const char *path, int fd, const struct hc_core_options *options,
			      struct hc_diagnostics *diag, struct hc_core **ret);
void hc_core_close(struct hc_core *core);

/** Value of an AT_* entry; false when unknown. */
bool hc_core_auxv(const struct hc_core *core, uint64_t type, uint64_t *ret);

/** Bytes of a page: what the process was told, or else the machine's smallest. */
static inline uint64_t hc_core_page_size(const struct hc_core *core)
{
	return core->page_size ? core->page_size : UINT64_C(1) << core->machine->page_shift;
}

#endif
