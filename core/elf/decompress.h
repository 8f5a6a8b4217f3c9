/**
 * @file
 * Compressed files: streamed into a private temporary file, which can then be mapped like any
 * other.
 *
 * Reads zstd, lz4, xz, gzip and bzip2 through libarchive's raw format, as far as libarchive was
 * built with them. The temporary file has no name (or loses it at once), mode 0600, and holes where
 * the content has zero pages (but for tmpfs, where holes that are read take room after all).
 *
 * What is compressed is hostile. The work is linear in the size of the compressed file, since no
 * format here expands beyond a constant (zstd: about 32,768 times) and a file that is compressed
 * twice is refused; the first bytes are examined before the rest is unpacked; the content has a
 * limit; and room on the file system is checked before and while writing.
 *
 * Damage: what was unpacked before it is kept. libarchive hands out whole blocks only, so that up
 * to one block (64 KiB of gzip and xz, 128 KiB of zstd, 4 MiB of lz4) before the damage is lost as
 * well. Bytes that follow the end of the data are left out; those behind xz count as damage.
 * libarchive doesn't compare
 * the checksum of gzip: what is wrong there shows as a wrong core.
 */
#ifndef HC_CORE_ELF_DECOMPRESS_H
#define HC_CORE_ELF_DECOMPRESS_H

#include "core/base/bytes.h"
#include "core/base/watch.h"

struct hc_decompress_options {
	const char *tmpdir;     /**< folder of the temporary file; NULL: /var/tmp, which outlasts
				   RAM-backed /tmp */
	struct hc_watch *watch; /**< hears @ref HC_PHASE_UNPACK; NULL: nobody looks */
};

/**
 * Largest content, bytes: more than any core that somebody would unpack beside its compressed
 * file.
 */
#define HC_DECOMPRESS_MAX (UINT64_C(1) << 40)

/** Bytes at the start of a file that hc_decompress_recognise() looks at, frames to skip among them.
 */
#define HC_DECOMPRESS_HEAD 4096

struct hc_compression;

/** The format that these bytes begin, or NULL. */
const struct hc_compression *hc_decompress_recognise(struct hc_bytes head);

/**
 * Looks at the first 64 KiB of the content, or all of a shorter one, before the rest is unpacked.
 *
 * @param[out] size_ret bytes that the content must have at least to be whole, 0 when unknown
 * @return NULL, or an error that ends the work
 */
typedef struct hc_error *(*hc_decompress_examine_fn)(void *ctx, struct hc_bytes head,
						     uint64_t *size_ret);

/**
 * A file without a name for what is unpacked, or comes from elsewhere and must be a file.
 * @return @ref HC_ERROR_OS with @ref HC_ABOUT_ROOM when there can be none
 */
struct hc_error *hc_decompress_file(const struct hc_decompress_options *options, int *ret);

/** What is to be unpacked. */
struct hc_packed_file {
	int fd;        /**< at its beginning; stays open */
	uint64_t size; /**< bytes of it */
	const struct hc_compression *compression;
	hc_decompress_examine_fn examine; /**< NULL: none */
	void *examine_ctx;
	uint64_t most; /**< bytes of content that are taken; 0: HC_DECOMPRESS_MAX */
};

/**
 * Unpack a file.
 *
 * @param diag a remark when the compressed data is damaged or ends early
 * @param[out] ret descriptor of the content, to be closed by the caller
 * @return NULL; @ref HC_ERROR_FORMAT when nothing can be unpacked, @ref HC_ERROR_LIMIT when the
 * content is larger than it may be, @ref HC_ERROR_OS when it can't be written: the message
 * says how much room is needed
 */
struct hc_error *hc_decompress(const struct hc_packed_file *file,
			       const struct hc_decompress_options *options,
			       struct hc_diagnostics *diag, int *ret);

#endif
