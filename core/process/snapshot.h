/**
 * @file
 * Saved /proc/PID/maps and /proc/PID/smaps.
 *
 * One parser for both: smaps is maps with "Name: N kB" lines below each mapping. Lines that fit
 * neither end the parse with an error that names the line, except a last line without a newline (a
 * file cut short), which is dropped and reported in @ref hc_snapshot::truncated.
 */
#ifndef HC_CORE_PROCESS_SNAPSHOT_H
#define HC_CORE_PROCESS_SNAPSHOT_H

#include "core/base/bytes.h"

#define HC_UNKNOWN_BYTES UINT64_MAX

struct hc_vma {
	uint64_t start, end; /**< addresses */
	uint32_t flags;      /**< PF_R, PF_W, PF_X */
	bool shared;         /**< 's' in the permissions */
	uint64_t offset;     /**< bytes into the file */
	uint64_t inode;
	char *name; /**< path, "[heap]", "[stack]", "[anon:…]"; "" for anonymous */
	uint64_t rss, pss, private_dirty, anonymous,
		swap; /**< bytes; HC_UNKNOWN_BYTES in a maps file */
};

struct hc_snapshot {
	struct hc_vma *vmas; /**< by address */
	size_t num_vmas;
	bool has_usage; /**< smaps: the byte counts are known */
	bool truncated;
};

/** Whether the first bytes of a file look like a maps or smaps snapshot. */
bool hc_snapshot_recognise(struct hc_bytes file);

/** @param name goes before each message, unless NULL */
struct hc_error *hc_snapshot_parse(struct hc_bytes file, const char *name, struct hc_snapshot *ret);
/** From an open file, read to its end. */
struct hc_error *hc_snapshot_read(int fd, struct hc_snapshot *ret);
struct hc_error *hc_snapshot_open(const char *path, struct hc_snapshot *ret);
void hc_snapshot_deinit(struct hc_snapshot *snapshot);

#endif
