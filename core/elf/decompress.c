/**
 * @file
 * Compressed files; see decompress.h.
 *
 * One loop: a block from libarchive, its pages that aren't zero to the file, room and limits looked
 * after between blocks. How much room the whole needs can't be known in advance, since zero pages
 * take none: at least as much as the compressed file (what compresses well is not much smaller than
 * that either), at most what the content's headers promise, and halfway through, what was needed so
 * far tells the rest.
 */
#include "core/elf/decompress.h"
#include "core/base/format.h"
#include "core/elf/frames.h"
#include "core/elf/xz.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "core/base/cleanup.h"

#define DEFAULT_TMPDIR "/var/tmp"
#define HEAD_SIZE (64 * 1024)
/** libarchive's reads of the compressed file. */
#define READ_SIZE (256 * 1024)
/** Bytes written between two looks at the room that is left. */
#define ROOM_STEP (16 * UINT64_C(1024) * 1024)
/** Of the free room, the part that is left to others. */
#define ROOM_RESERVE_SHARE 64
#define ZERO_PAGE 4096

struct hc_compression {
	const char *name;
	const char *tool; /**< what unpacks it by hand */
	uint8_t magic[6], magic_size;
	int (*enable)(struct archive *archive);
	/**
	 * NULL when libarchive lacks it and would start a program instead, which a reader of cores
	 * must not.
	 */
	const char *(*built_in)(void);
};

static const struct hc_compression compressions[] = {
	{"zstd",
	 "zstd -d",
	 {0x28, 0xb5, 0x2f, 0xfd},
	 4,
	 archive_read_support_filter_zstd,
	 archive_libzstd_version},
	{"lz4",
	 "lz4 -d",
	 {0x04, 0x22, 0x4d, 0x18},
	 4,
	 archive_read_support_filter_lz4,
	 archive_liblz4_version},
	{"xz",
	 "xz -d",
	 {0xfd, '7', 'z', 'X', 'Z', 0},
	 6,
	 archive_read_support_filter_xz,
	 archive_liblzma_version},
	{"gzip",
	 "gzip -d",
	 {0x1f, 0x8b},
	 2,
	 archive_read_support_filter_gzip,
	 archive_zlib_version},
	{"bzip2",
	 "bzip2 -d",
	 {'B', 'Z', 'h'},
	 3,
	 archive_read_support_filter_bzip2,
	 archive_bzlib_version},
};

/** One file on its way from compressed to plain. */
struct unpacking {
	const struct hc_compression *compression;
	const struct hc_decompress_options *options;
	const char *tmpdir;
	struct archive *archive;
	int fd;          /**< of the content */
	int from;        /**< the compressed file */
	uint64_t packed; /**< its bytes */
	uint64_t most;   /**< bytes of content that are taken */
	/** Of these, where the format begins, what is read next, and where the format ends. */
	uint64_t start, pos, end;
	uint8_t *block;     /**< READ_SIZE bytes of it */
	uint64_t size;      /**< bytes of content so far, holes included */
	uint64_t written;   /**< of these, bytes that take room */
	uint64_t room_seen; /**< @ref written at the last look at the room */
	uint64_t promised;  /**< least size of the whole content; 0: unknown */
	uint8_t *head;      /**< the first HEAD_SIZE bytes, or fewer, of the content */
	size_t head_size;
	bool examined;
	bool holes; /**< zero pages become holes, which take no room */
};

const struct hc_compression *hc_decompress_recognise(struct hc_bytes head)
{
	size_t skipped = hc_frames_skip(head);

	head.data += skipped;
	head.size -= skipped;
	for (size_t i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++) {
		const struct hc_compression *c = &compressions[i];
		if (head.size >= c->magic_size && !memcmp(head.data, c->magic, c->magic_size))
			return c;
	}
	return NULL;
}

/* Room. */

/** Bytes that the whole content will take at least: as compressible as what is unpacked so far. */
static uint64_t room_needed(const struct unpacking *u)
{
	uint64_t packed_done = archive_filter_bytes(u->archive, -1);
	double needed = u->packed;

	if (!u->holes && u->promised > u->written)
		return u->promised;
	if (packed_done && u->written)
		needed = (double)u->written / packed_done * u->packed;
	if (needed < u->written)
		needed = u->written;
	if (u->promised && u->promised >= u->written && needed > u->promised)
		needed = u->promised;
	return needed;
}

static struct hc_error *refuse_for_room(const struct unpacking *u, uint64_t room)
{
	uint64_t needed = room_needed(u);
	struct hc_amount most = hc_amount(u->promised);

	return hc_error_about(
		hc_error_create(
			HC_ERROR_OS,
			"is compressed (%s); unpacking it takes at least %s%s%s, but %s has room "
			"for %s only",
			u->compression->name, hc_amount(needed).text,
			u->promised > needed ? ", at most " : "",
			u->promised > needed ? most.text : "", u->tmpdir, hc_amount(room).text),
		HC_ABOUT_ROOM);
}

/** Whether the file system can take @p more bytes and still has something left for others. */
static struct hc_error *check_room(struct unpacking *u, uint64_t more)
{
	struct statvfs st;
	uint64_t room;

	u->room_seen = u->written;
	if (fstatvfs(u->fd, &st) || !st.f_blocks ||
	    __builtin_mul_overflow((uint64_t)st.f_bavail, (uint64_t)st.f_frsize, &room))
		return NULL; /* can't tell; write(2) will */
	room -= room / ROOM_RESERVE_SHARE;
	/*
	 * What was written so far may still be counted as free by the file system (delayed
	 * allocation).
	 */
	return more > room ? refuse_for_room(u, u->written + room) : NULL;
}

/* The temporary file. */

struct hc_error *hc_decompress_file(const struct hc_decompress_options *options, int *ret)
{
	const char *dir = options->tmpdir ? options->tmpdir : DEFAULT_TMPDIR;
	hc_cleanup_free char *path = NULL;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) {
		/* Not every file system has O_TMPFILE. */
		path = hc_format("%s/heapcore-XXXXXX", dir);
		if (!path)
			return &hc_enomem;
		fd = mkostemp(path, O_CLOEXEC);
		if (fd < 0) {
			return hc_error_about(
				hc_error_os(errno, "no file can be made in %s to hold its content",
					    dir),
				HC_ABOUT_ROOM);
		}
		unlink(path);
	}
	*ret = fd;
	return NULL;
}

/**
 * Whether holes save room: tmpfs fills them when they are read, and raises SIGBUS where it can't.
 */
static bool has_holes(int fd)
{
	struct statfs st;

	return !fstatfs(fd, &st) && st.f_type != TMPFS_MAGIC && st.f_type != RAMFS_MAGIC;
}

static struct hc_error *write_run(struct unpacking *u, const uint8_t *data, size_t size,
				  uint64_t offset)
{
	while (size) {
		ssize_t n = pwrite(u->fd, data, size, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT))
			return refuse_for_room(u, u->written);
		if (n < 0)
			return hc_error_os(errno, "can't be unpacked into %s", u->tmpdir);
		data += n, size -= n, offset += n;
		u->written += n;
	}
	return NULL;
}

/** Bytes from the start of @p data, at @p offset of the file, up to a page's end. */
static size_t page_piece(uint64_t offset, size_t left)
{
	size_t piece = ZERO_PAGE - offset % ZERO_PAGE;

	return piece < left ? piece : left;
}

/** Write a block behind the others; its pieces of pages that are zero become holes. */
static struct hc_error *write_block(struct unpacking *u, struct hc_bytes block)
{
	size_t pos = 0;

	while (pos < block.size) {
		size_t start = pos, piece;
		while (pos < block.size && (piece = page_piece(u->size + pos, block.size - pos)) &&
		       !(u->holes && hc_is_zero((struct hc_bytes){block.data + pos, piece})))
			pos += piece;
		struct hc_error *err =
			write_run(u, block.data + start, pos - start, u->size + start);
		if (err)
			return err;
		if (pos < block.size)
			pos += page_piece(u->size + pos, block.size - pos);
	}
	u->size += block.size;
	return NULL;
}

/* Unpacking. */

static struct hc_error *refuse_size(const struct unpacking *u, uint64_t size)
{
	return hc_error_create(
		HC_ERROR_LIMIT,
		"is compressed (%s) and unpacks to %s or more, beyond the limit of %s; "
		"unpack it with '%s' and give the result",
		u->compression->name, hc_amount(size).text, hc_amount(u->most).text,
		u->compression->tool);
}

/** Let the caller look at the head; then see whether there is room for what it says. */
static struct hc_error *examine_head(struct unpacking *u, hc_decompress_examine_fn examine,
				     void *ctx)
{
	struct hc_error *err = NULL;

	u->examined = true;
	if (examine)
		err = examine(ctx, (struct hc_bytes){.data = u->head, .size = u->head_size},
			      &u->promised);
	if (!err && u->promised > u->most)
		err = refuse_size(u, u->promised);
	if (!err)
		err = check_room(u, u->holes ? u->packed : u->promised);
	return err;
}

/** Keep what of a block belongs to the head, which is examined once it is complete. */
static struct hc_error *take_head(struct unpacking *u, struct hc_bytes block,
				  hc_decompress_examine_fn examine, void *ctx)
{
	size_t more = HEAD_SIZE - u->head_size;

	if (more > block.size)
		more = block.size;
	memcpy(u->head + u->head_size, block.data, more);
	u->head_size += more;
	return u->head_size == HEAD_SIZE ? examine_head(u, examine, ctx) : NULL;
}

static struct hc_error *take_block(struct unpacking *u, struct hc_bytes block,
				   hc_decompress_examine_fn examine, void *ctx)
{
	struct hc_error *err;

	if (block.size > u->most - u->size)
		return refuse_size(u, u->most);
	if (u->written - u->room_seen >= ROOM_STEP && (err = check_room(u, block.size + ROOM_STEP)))
		return err;
	if ((!u->examined && (err = take_head(u, block, examine, ctx))) ||
	    (err = write_block(u, block)))
		return err;
	hc_watch_done(u->options->watch, archive_filter_bytes(u->archive, -1), u->packed);
	return hc_watch_check(u->options->watch);
}

/** Bytes of the file that no decompressor took, as gzip and lz4 leave what follows their end. */
static void remark_rest(const struct unpacking *u, struct hc_diagnostics *diag)
{
	uint64_t done = archive_filter_bytes(u->archive, -1);

	done += u->start;
	if (done >= u->packed)
		return;
	hc_diagnostics_add(diag, false,
			   "%s follow the end of the compressed data (%s); left them out",
			   hc_amount(u->packed - done).text, u->compression->name);
}

/** What libarchive says is wrong, in a form that can stand in the middle of a sentence. */
static const char *complaint(struct archive *archive)
{
	const char *text = archive_error_string(archive);

	return text ? text : "unknown error";
}

/** Read blocks to the end, or to damage. */
static struct hc_error *unpack_blocks(struct unpacking *u, hc_decompress_examine_fn examine,
				      void *ctx, struct hc_diagnostics *diag)
{
	for (;;) {
		const void *data;
		size_t size;
		la_int64_t offset;
		int status = archive_read_data_block(u->archive, &data, &size, &offset);
		if (status == ARCHIVE_EOF) {
			remark_rest(u, diag);
			return NULL;
		}
		if (status == ARCHIVE_RETRY)
			continue;
		if (status < ARCHIVE_WARN) {
			hc_diagnostics_add(diag, true,
					   "the compressed data is damaged or cut short (%s: %s); "
					   "went on with the %s before that",
					   u->compression->name, complaint(u->archive),
					   hc_amount(u->size).text);
			return NULL;
		}
		struct hc_bytes block = {.data = data, .size = size};
		struct hc_error *err = take_block(u, block, examine, ctx);
		if (err)
			return err;
	}
}

/** libarchive leaves zstd's limit on how far back frames may refer where it is. */
#define MAX_WINDOW 27 /* log2 of bytes */

static struct hc_error *refuse_content(const struct unpacking *u)
{
	unsigned window = hc_frames_window(u->from, u->start);

	if (window > MAX_WINDOW)
		return hc_error_create(
			HC_ERROR_FORMAT,
			"is compressed (zstd) with a window that libarchive refuses; "
			"unpack it with 'zstd -d -M%uMB' and give the result",
			window < 31 ? 1u << (window - 20) : 2048u);
	return hc_error_create(HC_ERROR_FORMAT,
			       "is compressed (%s), but nothing of it can be unpacked: %s",
			       u->compression->name, complaint(u->archive));
}

/** libarchive's reader: up to the end of the format, whatever follows. */
static la_ssize_t read_packed(struct archive *archive, void *ctx, const void **block_ret)
{
	struct unpacking *u = ctx;
	size_t size = u->end - u->pos < READ_SIZE ? u->end - u->pos : READ_SIZE;
	ssize_t got;

	do {
		got = pread(u->from, u->block, size, u->pos);
	} while (got < 0 && errno == EINTR);
	if (got < 0) {
		archive_set_error(archive, errno, "%s", "can't be read");
		return -1;
	}
	u->pos += got;
	*block_ret = u->block;
	return got;
}

/**
 * What of the file is the format's. libarchive knows zstd's frames that are to be skipped behind
 * another frame only, and takes what follows the last one for damage, as it does behind xz's
 * streams.
 */
static void find_frames(struct unpacking *u)
{
	uint8_t head[HC_DECOMPRESS_HEAD];
	ssize_t size = pread(u->from, head, sizeof(head), 0);

	u->end = u->packed;
	if (size <= 0)
		return;
	u->pos = u->start = hc_frames_skip((struct hc_bytes){head, size});
	if (!strcmp(u->compression->name, "zstd") || !strcmp(u->compression->name, "lz4"))
		u->end = hc_frames_end(u->from, u->packed);
	if (!strcmp(u->compression->name, "xz"))
		u->end = hc_xz_end(u->from, u->packed);
}

static struct hc_error *open_archive(struct unpacking *u)
{
	struct archive *archive = u->archive;
	struct archive_entry *entry;

	if (!u->compression->built_in()) {
		return hc_error_create(
			HC_ERROR_FORMAT,
			"is compressed (%s), which libarchive lacks here; unpack it with "
			"'%s' and give the result",
			u->compression->name, u->compression->tool);
	}
	if (u->compression->enable(archive) < ARCHIVE_WARN ||
	    archive_read_support_format_raw(archive) < ARCHIVE_WARN ||
	    archive_read_support_format_empty(archive) < ARCHIVE_WARN ||
	    archive_read_open(archive, u, NULL, read_packed, NULL) < ARCHIVE_WARN)
		return refuse_content(u);
	/* The format's filter and the plain file below it. */
	if (archive_filter_count(archive) > 2) {
		return hc_error_create(
			HC_ERROR_FORMAT,
			"is compressed more than once; unpack it with '%s' and give the "
			"result",
			u->compression->tool);
	}
	int status = archive_read_next_header(archive, &entry);
	if (status == ARCHIVE_EOF)
		return hc_error_create(HC_ERROR_FORMAT,
				       "is compressed (%s), but its content is empty",
				       u->compression->name);
	return status < ARCHIVE_WARN ? refuse_content(u) : NULL;
}

static struct hc_error *unpack(struct unpacking *u, hc_decompress_examine_fn examine, void *ctx,
			       struct hc_diagnostics *diag)
{
	find_frames(u);
	struct hc_error *err = open_archive(u);

	if (err || (err = unpack_blocks(u, examine, ctx, diag)))
		return err;
	if (!u->size)
		return refuse_content(u);
	if (!u->examined && (err = examine_head(u, examine, ctx)))
		return err;
	/* A hole at the end. */
	if (ftruncate(u->fd, u->size))
		return hc_error_os(errno, "can't be unpacked into %s", u->tmpdir);
	hc_watch_done(u->options->watch, u->packed, u->packed);
	return NULL;
}

static void archive_freep(struct archive **archive)
{
	archive_read_free(*archive);
}

struct hc_error *hc_decompress(const struct hc_packed_file *file,
			       const struct hc_decompress_options *options,
			       struct hc_diagnostics *diag, int *ret)
{
	const char *tmpdir = options->tmpdir ? options->tmpdir : DEFAULT_TMPDIR;
	hc_cleanup(archive_freep) struct archive *archive = archive_read_new();
	hc_cleanup_free uint8_t *head = malloc(HEAD_SIZE), *block = malloc(READ_SIZE);
	hc_cleanup_close int content = -1;

	if (!archive || !head || !block)
		return &hc_enomem;
	struct hc_error *err = hc_decompress_file(options, &content);
	if (err)
		return err;
	struct unpacking u = {
		.compression = file->compression,
		.options = options,
		.tmpdir = tmpdir,
		.archive = archive,
		.fd = content,
		.from = file->fd,
		.packed = file->size,
		.most = file->most ? file->most : HC_DECOMPRESS_MAX,
		.block = block,
		.head = head,
		.holes = has_holes(content),
	};
	hc_watch_enter(options->watch, HC_PHASE_UNPACK);
	err = unpack(&u, file->examine, file->examine_ctx, diag);
	hc_watch_leave(options->watch);
	if (err)
		return err;
	*ret = content;
	content = -1;
	return NULL;
}
