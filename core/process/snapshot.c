/**
 * @file
 * The parser of /proc/PID/maps, smaps and smaps_rollup (format: proc_pid_maps(5),
 * proc_pid_smaps(5)), line by line; what pmap(1) made of them is read by pmap.h.
 */
#include "core/process/snapshot.h"
#include "core/base/array.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/process/pmap.h"

/** Largest snapshot that is read. A mapping takes some 100 bytes in maps and 1 KiB in smaps. */
#define HC_MAX_SNAPSHOT_BYTES (1u << 30)

/** "START-END PERM ", which alone tells a mapping line from all others. */
static bool vma_range(struct hc_text *text, struct hc_vma *vma)
{
	if (!hc_text_number(text, 16, &vma->start) || !hc_text_char(text, '-') ||
	    !hc_text_number(text, 16, &vma->end) || !hc_text_char(text, ' ') ||
	    !hc_text_flag(text, 'r', PF_R, &vma->flags) ||
	    !hc_text_flag(text, 'w', PF_W, &vma->flags) ||
	    !hc_text_flag(text, 'x', PF_X, &vma->flags))
		return false;
	vma->shared = hc_text_char(text, 's');
	return (vma->shared || hc_text_char(text, 'p')) && hc_text_char(text, ' ') &&
	       vma->start < vma->end;
}

const struct hc_vma hc_vma_unknown = {
	.rss = HC_UNKNOWN_BYTES,
	.pss = HC_UNKNOWN_BYTES,
	.private_dirty = HC_UNKNOWN_BYTES,
	.anonymous = HC_UNKNOWN_BYTES,
	.swap = HC_UNKNOWN_BYTES,
};

/**
 * The rest of the line is the name; the kernel writes a newline in it as \012 and nothing else so.
 */
static char *vma_name(struct hc_text text)
{
	char *name = malloc(text.end - text.pos + 1);
	char *to = name;

	if (!name)
		return NULL;
	while (text.pos < text.end) {
		if (text.end - text.pos >= 4 && !memcmp(text.pos, "\\012", 4)) {
			*to++ = '\n';
			text.pos += 4;
		} else {
			*to++ = *text.pos++;
		}
	}
	*to = '\0';
	return name;
}

/** "START-END PERM OFFSET MAJOR:MINOR INODE  NAME" */
static bool vma_line(struct hc_text *text, struct hc_vma *vma)
{
	uint64_t major, minor;

	*vma = hc_vma_unknown;
	if (!vma_range(text, vma) || !hc_text_number(text, 16, &vma->offset) ||
	    !hc_text_char(text, ' ') || !hc_text_number(text, 16, &major) ||
	    !hc_text_char(text, ':') || !hc_text_number(text, 16, &minor) ||
	    !hc_text_char(text, ' ') || !hc_text_number(text, 10, &vma->inode))
		return false;
	if (text->pos < text->end && *text->pos != ' ' && *text->pos != '\t')
		return false;
	hc_text_blanks(text);
	return true;
}

uint64_t *hc_vma_usage(struct hc_vma *vma, const char *key, size_t size)
{
	const struct {
		const char *key;
		uint64_t *field;
	} fields[] = {
		{"Rss", &vma->rss},
		{"Pss", &vma->pss},
		{"Private_Dirty", &vma->private_dirty},
		{"Anonymous", &vma->anonymous},
		{"Swap", &vma->swap},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strlen(fields[i].key) == size && !memcmp(fields[i].key, key, size))
			return fields[i].field;
	}
	return NULL;
}

/** "Key:   N kB", or a key that is none of ours ("VmFlags: rd wr"). @p vma NULL: no mapping yet. */
static bool detail_line(struct hc_text *text, struct hc_vma *vma)
{
	const char *key = text->pos;
	uint64_t value, *field;

	while (text->pos < text->end && (isalnum((unsigned char)*text->pos) || *text->pos == '_'))
		text->pos++;
	size_t size = text->pos - key;
	if (!vma || !size || !hc_text_char(text, ':'))
		return false;
	field = hc_vma_usage(vma, key, size);
	if (!field)
		return true;
	hc_text_blanks(text);
	return hc_text_number(text, 10, &value) && !__builtin_mul_overflow(value, 1024, field);
}

bool hc_snapshot_recognise(struct hc_bytes file)
{
	const char *start = (const char *)file.data;
	struct hc_text text = {.pos = start, .end = start + file.size};
	struct hc_vma vma = {};

	return vma_range(&text, &vma);
}

struct hc_error *hc_snapshot_append(struct hc_snapshot *snapshot, struct hc_vma vma,
				    struct hc_text name)
{
	struct hc_error *err =
		hc_array_reserve(&snapshot->vmas, snapshot->num_vmas, sizeof(*snapshot->vmas));

	if (err)
		return err;
	vma.name = vma_name(name);
	if (!vma.name)
		return &hc_enomem;
	snapshot->vmas[snapshot->num_vmas++] = vma;
	return NULL;
}

static struct hc_error *snapshot_line(struct hc_snapshot *snapshot, struct hc_text line,
				      size_t number, const char *name)
{
	struct hc_vma *last = snapshot->num_vmas ? &snapshot->vmas[snapshot->num_vmas - 1] : NULL;
	struct hc_text text = line;
	struct hc_vma vma;

	if (!memchr(line.pos, '\0', line.end - line.pos)) {
		if (vma_line(&text, &vma))
			return hc_snapshot_append(snapshot, vma, text);
		text = line;
		if (detail_line(&text, last)) {
			snapshot->has_usage |= last->rss != HC_UNKNOWN_BYTES;
			return NULL;
		}
	}
	return hc_error_create(HC_ERROR_FORMAT,
			       "%s%sline %zu is none of a maps or smaps file; "
			       "give a copy of /proc/PID/smaps",
			       name ? name : "", name ? ": " : "", number);
}

/** Bytes of a count that fit. A mapping may have shrunk while the file was written. */
static uint64_t at_most(uint64_t count, uint64_t size)
{
	return count != HC_UNKNOWN_BYTES && count > size ? size : count;
}

static void vma_bound_usage(struct hc_vma *vma)
{
	uint64_t size = vma->end - vma->start;

	vma->rss = at_most(vma->rss, size);
	vma->anonymous = at_most(vma->anonymous, size);
}

static int compare_vmas(const void *a, const void *b)
{
	const struct hc_vma *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/**
 * The kernel doesn't stop the process while it writes the file, so a mapping that grew in between
 * may overlap the one read before it. The lower one keeps the address.
 */
static void snapshot_separate(struct hc_snapshot *snapshot)
{
	uint64_t end = 0;
	size_t kept = 0;

	hc_sort(snapshot->vmas, snapshot->num_vmas, compare_vmas);
	for (size_t i = 0; i < snapshot->num_vmas; i++) {
		struct hc_vma vma = snapshot->vmas[i];
		snapshot->num_overlaps += vma.start < end;
		if (vma.end <= end) {
			free(vma.name);
			continue;
		}
		if (vma.start < end) {
			vma.offset += end - vma.start;
			vma.start = end;
		}
		end = vma.end;
		vma_bound_usage(&vma);
		snapshot->vmas[kept++] = vma;
	}
	snapshot->num_vmas = kept;
}

/** The line of a rollup spans all of user space, but is no mapping of anything. */
static void snapshot_take_rollup(struct hc_snapshot *snapshot)
{
	if (snapshot->num_vmas != 1 || strcmp(snapshot->vmas[0].name, "[rollup]") != 0)
		return;
	snapshot->rollup = true;
	snapshot->totals = snapshot->vmas[0];
	free(snapshot->totals.name);
	snapshot->totals.name = NULL;
	snapshot->num_vmas = 0;
}

/** What is read, line by line. */
struct parser {
	struct hc_snapshot snapshot;
	bool is_pmap;
	struct hc_pmap pmap;
	const char *name; /**< of the file; NULL: none */
};

static void parser_deinit(struct parser *parser)
{
	hc_snapshot_deinit(&parser->snapshot);
}

static struct hc_error *parse_line(struct parser *parser, struct hc_text line, size_t number)
{
	if (!parser->is_pmap)
		return snapshot_line(&parser->snapshot, line, number, parser->name);
	return hc_pmap_line(&parser->pmap, line, number, &parser->snapshot);
}

static struct hc_error *parse_lines(struct parser *parser, struct hc_bytes file)
{
	const char *pos = (const char *)file.data, *end = pos + file.size;

	for (size_t number = 1; pos < end; number++) {
		const char *newline = memchr(pos, '\n', end - pos);

		struct hc_text line = {.pos = pos, .end = newline ? newline : end};

		if (!newline && !(parser->is_pmap && hc_pmap_ends_with(&parser->pmap, line))) {
			parser->snapshot.truncated = true;
			break;
		}
		if (line.end > line.pos && line.end[-1] == '\r')
			line.end--;
		struct hc_error *err = parse_line(parser, line, number);
		if (err)
			return err;
		pos = newline ? newline + 1 : end;
	}
	parser->snapshot.endless =
		parser->is_pmap && !parser->snapshot.truncated && !hc_pmap_is_over(&parser->pmap);
	return NULL;
}

struct hc_error *hc_snapshot_parse(struct hc_bytes file, const char *name, struct hc_snapshot *ret)
{
	hc_cleanup(parser_deinit) struct parser parser = {
		.is_pmap = hc_pmap_recognise(file),
		.pmap = {.name = name},
		.name = name,
	};
	struct hc_error *err = parse_lines(&parser, file);

	if (err)
		return err;
	if (!parser.snapshot.num_vmas) {
		return hc_error_create(HC_ERROR_FORMAT,
				       "%s%sholds no mapping; give a copy of /proc/PID/smaps",
				       name ? name : "", name ? ": " : "");
	}
	snapshot_take_rollup(&parser.snapshot);
	snapshot_separate(&parser.snapshot);
	*ret = parser.snapshot;
	parser.snapshot = (struct hc_snapshot){};
	return NULL;
}

/** Read to the end: files below /proc have no size. */
static struct hc_error *read_all(int fd, char **data_ret, size_t *size_ret)
{
	hc_cleanup_free char *data = NULL;
	size_t size = 0, room = 0;

	for (;;) {
		if (size == room) {
			if (room >= HC_MAX_SNAPSHOT_BYTES) {
				return hc_error_create(HC_ERROR_LIMIT,
						       "is larger than any maps or smaps file");
			}
			room = room ? 2 * room : 64 << 10;
			char *grown = realloc(data, room);
			if (!grown)
				return &hc_enomem;
			data = grown;
		}
		ssize_t n = read(fd, data + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hc_error_os(errno, "can't be read");
		if (!n)
			break;
		size += n;
	}
	*data_ret = hc_steal(data);
	*size_ret = size;
	return NULL;
}

struct hc_error *hc_snapshot_read(int fd, struct hc_snapshot *ret)
{
	hc_cleanup_free char *data = NULL;
	size_t size;
	struct hc_error *err = read_all(fd, &data, &size);

	if (err)
		return err;
	return hc_snapshot_parse((struct hc_bytes){.data = (uint8_t *)data, .size = size}, NULL,
				 ret);
}

struct hc_error *hc_snapshot_open(const char *path, struct hc_snapshot *ret)
{
	hc_cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return hc_error_os(errno, "can't be opened");
	struct stat st;
	if (fstat(fd, &st))
		return hc_error_os(errno, "can't be examined");
	if (!S_ISREG(st.st_mode)) {
		return hc_error_create(HC_ERROR_FORMAT,
				       "is not a regular file; give a copy of /proc/PID/smaps");
	}
	return hc_snapshot_read(fd, ret);
}

void hc_snapshot_remark(const struct hc_snapshot *snapshot, const char *name,
			struct hc_diagnostics *diag)
{
	const char *colon = name ? ": " : "";

	if (!name)
		name = "";
	if (snapshot->truncated)
		hc_diagnostics_add(diag, true, "%s%sthe last line is cut short; left it out", name,
				   colon);
	if (snapshot->endless)
		hc_diagnostics_add(
			diag, true,
			"%s%spmap's total is not at the end; what may be missing is left "
			"out",
			name, colon);
	if (snapshot->num_overlaps)
		hc_diagnostics_add(
			diag, true,
			"%s%s%zu line%s overlap%s another; the process went on while the file was "
			"written, and the lower mapping was kept",
			name, colon, snapshot->num_overlaps, snapshot->num_overlaps == 1 ? "" : "s",
			snapshot->num_overlaps == 1 ? "s" : "");
}

void hc_snapshot_deinit(struct hc_snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->num_vmas; i++)
		free(snapshot->vmas[i].name);
	free(snapshot->vmas);
	*snapshot = (struct hc_snapshot){};
}
