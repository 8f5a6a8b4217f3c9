/**
 * @file
 * Unpacking: every format, holes, damage, what is refused after a look at the first bytes, the
 * temporary file's manners, progress.
 */
#include "tests/unit/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/elf/decompress.h"

#define CONTENT_SIZE (1024 * 1024 + 123)

static const struct hc_decompress_options defaults;

/** Noise, a megabyte less 64 KiB of zeros in the middle, noise at odd places, zeros at the end. */
static uint8_t *make_content(void)
{
	uint8_t *content = calloc(1, CONTENT_SIZE);
	uint64_t x = 88172645463325252;

	assert_non_null(content);
	for (size_t i = 0; i < 300 * 1024; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		content[i] = x;
	}
	content[700001] = 1;
	return content;
}

/** A descriptor of @p size bytes that were compressed with a filter of libarchive's. */
static int compressed(const char *filter, const void *data, size_t size, uint64_t *size_ret)
{
	int fd = memfd_create("compressed", MFD_CLOEXEC);
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();

	assert_true(fd >= 0);
	assert_int_equal(archive_write_add_filter_by_name(archive, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(archive, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(archive, fd), ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(archive, data, size), size);
	assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
	archive_write_free(archive);
	archive_entry_free(entry);
	*size_ret = lseek(fd, 0, SEEK_END);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static const struct hc_compression *recognise(int fd)
{
	uint8_t head[HC_DECOMPRESS_HEAD];
	ssize_t size = pread(fd, head, sizeof(head), 0);

	assert_true(size > 0);
	const struct hc_compression *ret =
		hc_decompress_recognise((struct hc_bytes){.data = head, .size = size});
	assert_non_null(ret);
	return ret;
}

/** hc_decompress() of a descriptor, without a look at the content. */
static struct hc_error *unpack(int fd, uint64_t size, struct hc_diagnostics *diag, int *ret)
{
	const struct hc_packed_file file = {.fd = fd, .size = size, .compression = recognise(fd)};

	return hc_decompress(&file, &defaults, diag, ret);
}

static void check_content(int fd, const uint8_t *content, size_t size)
{
	struct stat st;
	uint8_t *read_back = malloc(size);

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(pread(fd, read_back, size, 0), size);
	assert_memory_equal(read_back, content, size);
	free(read_back);
}

static const char *const filters[] = {"zstd", "lz4", "xz", "gzip", "bzip2"};

#define NUM_FILTERS (sizeof(filters) / sizeof(filters[0]))

static void test_formats(void **state)
{
	(void)state;
	uint8_t *content = make_content();

	for (size_t i = 0; i < NUM_FILTERS; i++) {
		struct hc_diagnostics diag = {};
		uint64_t size;
		int packed = compressed(filters[i], content, CONTENT_SIZE, &size), plain;
		assert_ok(unpack(packed, size, &diag, &plain));
		check_content(plain, content, CONTENT_SIZE);
		assert_int_equal(diag.num, 0);
		close(plain);
		close(packed);
	}
	free(content);
}

static void test_holes(void **state)
{
	(void)state;
	uint8_t *content = make_content();
	struct hc_diagnostics diag = {};
	uint64_t size;
	int packed = compressed("zstd", content, CONTENT_SIZE, &size), plain;
	struct stat st;

	assert_ok(unpack(packed, size, &diag, &plain));
	struct statfs fs;
	if (!fstatfs(plain, &fs) && fs.f_type == TMPFS_MAGIC)
		skip(); /* /var/tmp is not supposed to be one */
	assert_int_equal(fstat(plain, &st), 0);
	/* 75 pages of noise and one with a single byte; file systems may round up. */
	assert_true(st.st_blocks * 512 < CONTENT_SIZE / 2);
	close(plain);
	close(packed);
	free(content);
}

/** A file that ends early or has a wrong byte gives what comes before, and a remark, or an error.
 */
static void check_damage(int packed, uint64_t size, const uint8_t *content)
{
	struct hc_diagnostics diag = {};
	int plain;
	struct stat st;
	struct hc_error *err = unpack(packed, size, &diag, &plain);

	if (err) {
		assert_int_equal(err->code, HC_ERROR_FORMAT);
		hc_error_destroy(err);
		hc_diagnostics_deinit(&diag);
		return;
	}
	assert_true(diag.partial);
	assert_int_equal(fstat(plain, &st), 0);
	assert_true(st.st_size > 0 && st.st_size <= CONTENT_SIZE);
	check_content(plain, content, st.st_size);
	hc_diagnostics_deinit(&diag);
	close(plain);
}

static void test_cut_short(void **state)
{
	(void)state;
	uint8_t *content = make_content();

	for (size_t i = 0; i < NUM_FILTERS; i++) {
		uint64_t size;
		int packed = compressed(filters[i], content, CONTENT_SIZE, &size);
		for (unsigned step = 15; step > 0; step--) {
			uint64_t left = size * step / 16;
			assert_int_equal(ftruncate(packed, left), 0);
			lseek(packed, 0, SEEK_SET);
			check_damage(packed, left, content);
		}
		close(packed);
	}
	free(content);
}

static void test_cut_keeps_most(void **state)
{
	(void)state;
	uint8_t *content = make_content();
	struct hc_diagnostics diag = {};
	uint64_t size;
	int packed = compressed("zstd", content, CONTENT_SIZE, &size), plain;
	struct stat st;

	/* All of the noise but 1 KiB is there: what is lost is within one block of it. */
	assert_int_equal(ftruncate(packed, 299 * 1024), 0);
	assert_ok(unpack(packed, 299 * 1024, &diag, &plain));
	assert_int_equal(fstat(plain, &st), 0);
	assert_true(st.st_size >= (300 - 128 - 1) * 1024);
	assert_int_equal(diag.num, 1);
	assert_non_null(strstr(diag.items[0].message, "damaged or cut short (zstd: "));
	hc_diagnostics_deinit(&diag);
	close(plain);
	close(packed);
	free(content);
}

static void test_trailing(void **state)
{
	(void)state;
	uint8_t *content = make_content();

	for (size_t i = 0; i < NUM_FILTERS; i++) {
		struct hc_diagnostics diag = {};
		uint64_t size;
		int packed = compressed(filters[i], content, CONTENT_SIZE, &size), plain;
		struct stat st;
		assert_int_equal(pwrite(packed, "not compressed", 14, size), 14);
		assert_ok(unpack(packed, size + 14, &diag, &plain));
		assert_int_equal(fstat(plain, &st), 0);
		if (!diag.partial)
			check_content(plain, content, CONTENT_SIZE);
		assert_int_equal(diag.num, 1);
		hc_diagnostics_deinit(&diag);
		close(plain);
		close(packed);
	}
	free(content);
}

static struct hc_error *refuse(void *ctx, struct hc_bytes head, uint64_t *size_ret)
{
	(void)size_ret;
	*(size_t *)ctx += head.size;
	return hc_error_create(HC_ERROR_FORMAT, "is not wanted");
}

static struct hc_error *promise(void *ctx, struct hc_bytes head, uint64_t *size_ret)
{
	(void)head;
	*size_ret = *(uint64_t *)ctx;
	return NULL;
}

static struct hc_error *unpack_looking(int fd, uint64_t size, hc_decompress_examine_fn examine,
				       void *ctx, int *ret)
{
	const struct hc_packed_file file = {fd, size, recognise(fd), examine, ctx};
	struct hc_diagnostics diag = {};

	return hc_decompress(&file, &defaults, &diag, ret);
}

static void test_examine(void **state)
{
	(void)state;
	uint8_t *content = make_content();
	uint64_t size, beyond = HC_DECOMPRESS_MAX + 1;
	size_t seen = 0;
	int plain, packed = compressed("gzip", content, CONTENT_SIZE, &size);

	assert_fails(unpack_looking(packed, size, refuse, &seen, &plain), HC_ERROR_FORMAT,
		     "is not wanted");
	assert_int_equal(seen, 64 * 1024);
	lseek(packed, 0, SEEK_SET);
	assert_fails(unpack_looking(packed, size, promise, &beyond, &plain), HC_ERROR_LIMIT,
		     "beyond the limit of 1.0 TiB");
	close(packed);

	/* Shorter than a head. */
	seen = 0;
	packed = compressed("zstd", content, 100, &size);
	assert_fails(unpack_looking(packed, size, refuse, &seen, &plain), HC_ERROR_FORMAT,
		     "is not wanted");
	assert_int_equal(seen, 100);
	close(packed);
	free(content);
}

static void test_refused(void **state)
{
	(void)state;
	uint8_t *content = make_content();
	struct hc_diagnostics diag = {};
	uint64_t size, twice_size;
	int plain, packed = compressed("gzip", content, 1000, &size);
	uint8_t *once = malloc(size);

	assert_int_equal(pread(packed, once, size, 0), size);
	int twice = compressed("gzip", once, size, &twice_size);
	assert_fails(unpack(twice, twice_size, &diag, &plain), HC_ERROR_FORMAT, "more than once");
	close(twice);
	free(once);

	struct hc_decompress_options nowhere = {.tmpdir = "/proc/nonexistent"};
	const struct hc_packed_file file = {packed, size, recognise(packed), NULL, NULL};
	assert_fails(hc_decompress(&file, &nowhere, &diag, &plain), HC_ERROR_OS,
		     "no file can be made in /proc/nonexistent");
	close(packed);

	packed = compressed("zstd", content, 0, &size);
	if (size)
		assert_fails(unpack(packed, size, &diag, &plain), HC_ERROR_FORMAT, "empty");
	close(packed);
	assert_null(hc_decompress_recognise((struct hc_bytes){.data = content, .size = 6}));
	assert_null(hc_decompress_recognise((struct hc_bytes){}));
	free(content);
}

struct calls {
	size_t num, most;
	double last;
	unsigned unpacking, ended;
};

static void note_phase(void *ctx, enum hc_phase phase)
{
	struct calls *calls = ctx;

	calls->unpacking += phase == HC_PHASE_UNPACK;
	calls->ended += phase == HC_PHASE_NONE;
}

static void note_share(void *ctx, double share)
{
	struct calls *calls = ctx;

	assert_true(share >= calls->last && share <= 1);
	calls->last = share;
	calls->num++;
}

static bool is_enough(void *ctx)
{
	const struct calls *calls = ctx;

	return calls->num >= calls->most;
}

static struct hc_error *unpack_watched(int packed, uint64_t size, struct calls *calls, int *plain)
{
	const struct hc_observer observer = {note_phase, note_share, is_enough, calls};
	struct hc_diagnostics diag = {};
	struct hc_watch watch;
	const struct hc_decompress_options options = {.tmpdir = "/tmp", .watch = &watch};
	const struct hc_packed_file file = {packed, size, recognise(packed), NULL, NULL};

	hc_watch_init(&watch, &observer);
	return hc_decompress(&file, &options, &diag, plain);
}

static void test_progress(void **state)
{
	(void)state;
	uint8_t *content = make_content();
	struct calls calls = {.most = SIZE_MAX}, few = {.most = 2};
	uint64_t size;
	int plain, packed = compressed("gzip", content, CONTENT_SIZE, &size);

	assert_ok(unpack_watched(packed, size, &calls, &plain));
	assert_true(calls.num > 2);
	assert_true(calls.last == 1);
	assert_int_equal(calls.unpacking, 1);
	assert_int_equal(calls.ended, 1);
	close(plain);
	lseek(packed, 0, SEEK_SET);
	assert_fails(unpack_watched(packed, size, &few, &plain), HC_ERROR_CANCELLED, "interrupted");
	assert_int_equal(few.num, 2);
	assert_int_equal(few.ended, 1);
	close(packed);
	free(content);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),   cmocka_unit_test(test_holes),
		cmocka_unit_test(test_cut_short), cmocka_unit_test(test_cut_keeps_most),
		cmocka_unit_test(test_trailing),  cmocka_unit_test(test_examine),
		cmocka_unit_test(test_refused),   cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
