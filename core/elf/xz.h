/**
 * @file
 * Where the streams of an xz file end.
 *
 * A file is a row of streams with zeros between them. A stream says its length at its end only (its
 * footer says how long the index before it is, with checksums of both), so that what follows the
 * last stream is found from the end of the file.
 */
#ifndef HC_CORE_ELF_XZ_H
#define HC_CORE_ELF_XZ_H

#include <stdint.h>

/** Bytes at the end of a file among which the last footer is looked for. */
#define HC_XZ_MAX_REST (UINT64_C(64) << 20)

/**
 * Find where the streams of an open file end.
 *
 * @param size bytes of the file
 * @return the end of the last stream; @p size where there is none, or another one begins behind it,
 * which is then cut short: that is seen when it is unpacked
 */
uint64_t hc_xz_end(int fd, uint64_t size);

#endif
