/**
 * @file
 * Inputs: what a path leads to, and why it is refused.
 *
 * Somebody who gives the wrong file is best helped by hearing what it is. This unit alone knows:
 * cores, saved maps and smaps, pmap's output, packed or not, and, among what can't be read here,
 * archives, cores of other systems, programs, text. What is inside a core is core.h's business, and
 * so is a machine that it can't read.
 *
 * A pipe, standard input among them ("-"), is read to its end into a file without a name, since
 * cores are mapped. One that nobody writes to is refused at once.
 *
 * Only the first HC_INPUT_HEAD bytes are looked at, none of them is trusted, and they are read
 * without moving the file's offset.
 */
#ifndef HC_CORE_PROCESS_INPUT_H
#define HC_CORE_PROCESS_INPUT_H

#include "core/elf/decompress.h"

/** Bytes by which an input is recognised. */
#define HC_INPUT_HEAD (64u << 10)

enum hc_input_kind {
	HC_INPUT_CORE,         /**< an ELF core, maybe of a machine that can't be read */
	HC_INPUT_PACKED,       /**< compressed; what, is seen when it is unpacked */
	HC_INPUT_MAPS,         /**< /proc/PID/maps */
	HC_INPUT_SMAPS,        /**< /proc/PID/smaps */
	HC_INPUT_SMAPS_ROLLUP, /**< /proc/PID/smaps_rollup: only sums */
	HC_INPUT_PMAP,         /**< what pmap(1) printed */
	HC_INPUT_FOREIGN_CORE, /**< of another system than Linux */
	HC_INPUT_PROGRAM,      /**< executable or library */
	HC_INPUT_ELF,          /**< any other ELF file */
	HC_INPUT_ARCHIVE,      /**< tar, zip, 7z and the like: files in a file */
	HC_INPUT_MINIDUMP,     /**< of Breakpad or Windows */
	HC_INPUT_TEXT,
	HC_INPUT_UNKNOWN,
};

/** What some bytes begin. @param[out] name_ret "tar archive", "NetBSD"; or NULL; static */
enum hc_input_kind hc_input_recognise(struct hc_bytes head, const char **name_ret);

/** Why bytes are no core: @ref HC_ERROR_FORMAT that says what they are. Not for cores. */
struct hc_error *hc_input_refuse(struct hc_bytes head) __attribute__((returns_nonnull));

/** An opened input. */
struct hc_input_file {
	int fd;        /**< at its beginning; of a pipe, what came out of it */
	uint64_t size; /**< bytes; 0: below /proc, where files don't tell */
	enum hc_input_kind kind;
};

/**
 * Open and recognise.
 *
 * @param path    "-": standard input
 * @param options where to put what comes out of a pipe, and who watches; NULL: the defaults
 * @return NULL, whatever kind it is; else it is missing, empty, a directory, a device
 */
struct hc_error *hc_input_open(const char *path, const struct hc_decompress_options *options,
			       struct hc_input_file *ret);
void hc_input_close(struct hc_input_file *input);

/**
 * Unpack a packed snapshot: from here on the input is what is in it. Other inputs, packed cores
 * among them, are left as they are.
 *
 * @param diag a remark when the compressed data is damaged
 */
struct hc_error *hc_input_unpack_snapshot(struct hc_input_file *input,
					  const struct hc_decompress_options *options,
					  struct hc_diagnostics *diag);

/**
 * The same of any text, snapshots among them.
 *
 * @param most bytes of it; @ref HC_ERROR_LIMIT when there are more
 */
struct hc_error *hc_input_unpack_text(struct hc_input_file *input,
				      const struct hc_decompress_options *options, uint64_t most,
				      struct hc_diagnostics *diag);

/** NULL for what may be a core; else as hc_input_refuse(). */
struct hc_error *hc_input_expect_core(const struct hc_input_file *input);

static inline bool hc_input_is_snapshot(const struct hc_input_file *input)
{
	return input->kind == HC_INPUT_MAPS || input->kind == HC_INPUT_SMAPS ||
	       input->kind == HC_INPUT_SMAPS_ROLLUP || input->kind == HC_INPUT_PMAP;
}

#endif
