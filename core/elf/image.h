/**
 * @file
 * The headers of an executable or library.
 *
 * They are read twice, from the core and from the file, by the same code: an *image* is what the
 * ELF header and the program headers say, wherever their bytes are.
 */
#ifndef HC_CORE_ELF_IMAGE_H
#define HC_CORE_ELF_IMAGE_H

#include "core/base/bytes.h"
#include "core/elf/machine.h"

/** Program headers that an image may have; real ones have about a dozen. */
#define HC_IMAGE_MAX_PHDRS 64

struct hc_image_phdr {
	uint32_t type, flags;                        /**< PT_*, PF_* */
	uint64_t offset, vaddr, file_size, mem_size; /**< bytes and link addresses */
	uint64_t align;                              /**< bytes */
};

struct hc_image {
	struct hc_image_phdr phdrs[HC_IMAGE_MAX_PHDRS];
	unsigned num_phdrs;
	bool big_endian;
	struct hc_bytes table; /**< the raw program headers, in the bytes that were read */
	uint64_t low, high;    /**< link addresses of all PT_LOADs, page-aligned; low < high */
};

/**
 * Read the headers of an executable or library.
 *
 * @param bytes   from the ELF header on, as far as they are there
 * @param[out] ret undefined on failure
 * @return false when it is none of this machine, or when a segment has more bytes in the file than
 * in memory or wraps around, which no loader accepts
 */
bool hc_image_read(struct hc_bytes bytes, const struct hc_machine *machine, struct hc_image *ret);

/** NT_GNU_BUILD_ID in the image's file; empty when there is none. */
struct hc_bytes hc_image_file_build_id(const struct hc_image *image, struct hc_bytes file);

/** NT_GNU_BUILD_ID in the bytes of one PT_NOTE; empty when there is none. */
struct hc_bytes hc_image_notes_build_id(struct hc_bytes notes, bool big_endian);

#endif
