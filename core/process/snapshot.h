/**
 * @file
 * Saved /proc/PID/maps, /proc/PID/smaps and /proc/PID/smaps_rollup, and what pmap(1) makes of them
 * (pmap.h).
 *
 * One parser for the files of /proc: smaps is maps with "Name: N kB" lines below each mapping, and
 * the rollup is smaps of a single line that stands for all mappings and is none. Lines that fit
 * neither end the parse with an error that names the line, except a last line without a newline (a
 * file cut short), which is dropped and reported. The kernel doesn't stop the process while it
 * writes, so lines may overlap; that is reported, too.
 */
#ifndef HC_CORE_PROCESS_SNAPSHOT_H
#define HC_CORE_PROCESS_SNAPSHOT_H

#include "core/base/bytes.h"
#include "core/base/error.h"

#define HC_UNKNOWN_BYTES UINT64_MAX

struct hc_vma {
	uint64_t start, end; /**< addresses */
	uint32_t flags;      /**< PF_R, PF_W, PF_X */
	bool shared;         /**< 's' in the permissions */
	uint64_t offset;     /**< bytes into the file */
	uint64_t inode;
	char *name; /**< path, "[heap]", "[stack]", "[anon:…]"; "" for anonymous */
	uint64_t rss, pss, private_dirty, anonymous,
		swap; /**< bytes; HC_UNKNOWN_BYTES where the file doesn't say, as in maps.
			 No more are resident, or anonymous, than there are */
};

struct hc_snapshot {
	struct hc_vma *vmas; /**< by address */
	size_t num_vmas;
	bool has_usage;       /**< smaps: the byte counts are known */
	bool rollup;          /**< no mappings, but @ref totals */
	struct hc_vma totals; /**< of a rollup; no name */
	bool truncated;       /**< the last line was cut short and left out */
	bool endless;         /**< of pmap: there is no total at the end */
	size_t num_overlaps;  /**< lines that began before the end of another */
};

/** Whether the first bytes of a file look like maps or smaps; pmap has hc_pmap_recognise(). */
bool hc_snapshot_recognise(struct hc_bytes file);

/** Maps, smaps, smaps_rollup or pmap. @param name goes before each message, unless NULL */
struct hc_error *hc_snapshot_parse(struct hc_bytes file, const char *name, struct hc_snapshot *ret);
/** From an open file, read to its end. */
struct hc_error *hc_snapshot_read(int fd, struct hc_snapshot *ret);
struct hc_error *hc_snapshot_open(const char *path, struct hc_snapshot *ret);
/**
 * Say what is odd about the file.
 *
 * @param name goes before each remark, unless NULL
 */
void hc_snapshot_remark(const struct hc_snapshot *snapshot, const char *name,
			struct hc_diagnostics *diag);
void hc_snapshot_deinit(struct hc_snapshot *snapshot);

#endif
