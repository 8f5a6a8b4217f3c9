/**
 * @file
 * Where the frames of a zstd or lz4 file begin and end.
 *
 * A file is a row of frames, some of which are to be skipped (RFC 8878, 3.1): pzstd writes one
 * before each, and others put their own marks there. What begins no frame is not the format's any
 * more. lz4's are skipped by the same numbers.
 * Only headers are read, a few bytes for each block of up to 128 KiB.
 */
#ifndef HC_CORE_ELF_FRAMES_H
#define HC_CORE_ELF_FRAMES_H

#include "core/base/bytes.h"

/** Length of the frames to be skipped that @p head begins with, as far as they end in it. */
size_t hc_frames_skip(struct hc_bytes head);

/**
 * Find where the frames of an open file end.
 *
 * @param size bytes of the file
 * @return the end of the last frame, or @p size where a frame is damaged or cut short: that is seen
 * when it is unpacked
 */
uint64_t hc_frames_end(int fd, uint64_t size);

/** How far back the frame at @p offset of an open file refers: log2 of bytes; 0 when unknown. */
unsigned hc_frames_window(int fd, uint64_t offset);

#endif
