/**
 * @file
 * Reading pmap's output; see pmap.h.
 */
#include "core/process/pmap.h"

#include <stdlib.h>

#include "core/base/cleanup.h"
#include "core/base/format.h"

/** @name Lines by their look */
/**@{*/

/** "PID:   COMMAND" */
static bool is_process(struct hc_text line)
{
	uint64_t pid;

	return hc_text_number(&line, 10, &pid) && hc_text_char(&line, ':') &&
	       hc_text_char(&line, ' ') && hc_text_char(&line, ' ') && hc_text_char(&line, ' ');
}

static bool is_heading(struct hc_text line)
{
	if (!hc_text_is(hc_text_word(&line), "Address"))
		return false;
	struct hc_text next = hc_text_word(&line);
	return hc_text_is(next, "Kbytes") || hc_text_is(next, "Perm");
}

/** "ADDRESS 188K ", as plain output has it. */
static bool is_plain(struct hc_text line)
{
	uint64_t number;

	if (!hc_text_number(&line, 16, &number) || !hc_text_char(&line, ' '))
		return false;
	hc_text_blanks(&line);
	return hc_text_number(&line, 10, &number) && hc_text_char(&line, 'K') &&
	       hc_text_char(&line, ' ');
}

/** What separates the mappings from the total: "-------- ----", "==== ====". */
static bool is_rule(struct hc_text line)
{
	struct hc_text word = hc_text_word(&line);
	char c = word.pos < word.end ? *word.pos : ' ';

	if (c != '-' && c != '=')
		return false;
	while (word.pos < word.end && *word.pos == c)
		word.pos++;
	return word.pos == word.end;
}

static bool is_total(struct hc_text line)
{
	struct hc_text word = hc_text_word(&line);

	return hc_text_is(word, "total") || hc_text_is(word, "mapped:");
}

bool hc_pmap_ends_with(const struct hc_pmap *pmap, struct hc_text line)
{
	return pmap->stage == HC_PMAP_RULED || is_total(line);
}

/** The next line of a file. @return false at its end */
static bool next_line(struct hc_text *file, struct hc_text *ret)
{
	const char *newline;

	if (file->pos == file->end)
		return false;
	newline = memchr(file->pos, '\n', file->end - file->pos);
	*ret = (struct hc_text){file->pos, newline ? newline : file->end};
	file->pos = newline ? newline + 1 : file->end;
	return true;
}

bool hc_pmap_recognise(struct hc_bytes bytes)
{
	struct hc_text file = {(const char *)bytes.data, (const char *)bytes.data + bytes.size};
	struct hc_text line;

	if (!next_line(&file, &line))
		return false;
	/* Of a process that it may not look at, pmap says no more than its name. */
	if (is_process(line) && !next_line(&file, &line))
		return true;
	return is_heading(line) || is_plain(line);
}
/**@}*/

static struct hc_error *refuse(const struct hc_pmap *pmap, size_t number, const char *what)
{
	return hc_error_create(HC_ERROR_FORMAT, "%s%sline %zu %s", pmap->name ? pmap->name : "",
			       pmap->name ? ": " : "", number, what);
}

static struct hc_error *refuse_line(const struct hc_pmap *pmap, size_t number)
{
	return refuse(pmap, number,
		      "is none of pmap's output; give all of it, as 'pmap -x PID' prints it");
}

/** @name Columns */
/**@{*/

static bool has_column(const struct hc_pmap *pmap, const char *name)
{
	for (unsigned i = 0; i < pmap->num_columns; i++)
		if (!strcmp(pmap->columns[i], name))
			return true;
	return false;
}

static void add_column(struct hc_pmap *pmap, struct hc_text word)
{
	char *column = pmap->columns[pmap->num_columns++];
	size_t size = word.end - word.pos, room = sizeof(pmap->columns[0]) - 1;

	memcpy(column, word.pos, size < room ? size : room);
}

/** The columns before the name. @return whether those are among them that must be */
static bool read_heading(struct hc_pmap *pmap, struct hc_text line)
{
	const char *start = line.pos;
	struct hc_text word = hc_text_word(&line);
	bool flags = false;

	for (; word.pos < word.end && !hc_text_is(word, "Mapping"); word = hc_text_word(&line)) {
		/* These are several words, so that only the place tells where the name begins. */
		flags |= hc_text_is(word, "VmFlags");
		if (flags)
			continue;
		if (pmap->num_columns == HC_PMAP_MAX_COLUMNS)
			return false;
		add_column(pmap, word);
	}
	pmap->name_at = flags ? word.pos - start : 0;
	return word.pos < word.end && (has_column(pmap, "Kbytes") || has_column(pmap, "Size")) &&
	       (has_column(pmap, "Mode") || has_column(pmap, "Perm"));
}

static void set_plain(struct hc_pmap *pmap)
{
	static const char *const columns[] = {"Address", "Kbytes", "Mode"};

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		add_column(pmap, (struct hc_text){columns[i], columns[i] + strlen(columns[i])});
}
/**@}*/

/** @name Mappings */
/**@{*/

/** "rw-s-", "r-xp" */
static bool read_permissions(struct hc_text word, struct hc_vma *vma)
{
	if (!hc_text_flag(&word, 'r', PF_R, &vma->flags) ||
	    !hc_text_flag(&word, 'w', PF_W, &vma->flags) ||
	    !hc_text_flag(&word, 'x', PF_X, &vma->flags))
		return false;
	vma->shared = hc_text_char(&word, 's');
	return vma->shared || hc_text_char(&word, 'p') || hc_text_char(&word, '-');
}

static bool read_whole(struct hc_text word, unsigned base, uint64_t *ret)
{
	return hc_text_number(&word, base, ret) && word.pos == word.end;
}

/** KiB, as bytes; of the plain output with its unit. "-": releases before 3.3 didn't know. */
static bool read_bytes(struct hc_text word, uint64_t *ret)
{
	uint64_t value;

	if (hc_text_is(word, "-"))
		return true;
	if (!hc_text_number(&word, 10, &value))
		return false;
	hc_text_char(&word, 'K');
	return word.pos == word.end && !__builtin_mul_overflow(value, 1024, ret);
}

static bool read_column(const char *column, struct hc_text word, struct hc_vma *vma, uint64_t *size)
{
	uint64_t *usage;

	if (word.pos == word.end)
		return false;
	if (!strcmp(column, "Address"))
		return read_whole(word, 16, &vma->start);
	if (!strcmp(column, "Kbytes") || !strcmp(column, "Size"))
		return read_bytes(word, size);
	if (!strcmp(column, "Mode") || !strcmp(column, "Perm"))
		return read_permissions(word, vma);
	if (!strcmp(column, "Offset"))
		return read_whole(word, 16, &vma->offset);
	if (!strcmp(column, "Inode"))
		return read_whole(word, 10, &vma->inode);
	if (!strcmp(column, "RSS"))
		return read_bytes(word, &vma->rss);
	usage = hc_vma_usage(vma, column, strlen(column));
	return !usage || read_bytes(word, usage);
}

static bool read_vma(const struct hc_pmap *pmap, struct hc_text *line, struct hc_vma *vma)
{
	const char *start = line->pos;
	uint64_t size = 0;

	*vma = hc_vma_unknown;
	for (unsigned i = 0; i < pmap->num_columns; i++)
		if (!read_column(pmap->columns[i], hc_text_word(line), vma, &size))
			return false;
	if (pmap->name_at && (size_t)(line->end - start) < pmap->name_at)
		line->pos = line->end;
	else if (pmap->name_at)
		line->pos = start + pmap->name_at;
	hc_text_blanks(line);
	while (line->end > line->pos && line->end[-1] == ' ')
		line->end--;
	return size && !__builtin_add_overflow(vma->start, size, &vma->end);
}

/** What the kernel calls that which pmap words in its own way, or leaves the folder out of. */
static struct hc_text kernel_name(struct hc_text name, const struct hc_vma *vma, char **room_ret)
{
	static const struct {
		const char *prefix, *before;
		bool shared;
	} files[] = {
		{"SYSV", "/", true},
		{"memfd:", "/", true},
		{"zero (deleted)", "/dev/", true},
		{"anon_hugepage", "/", false},
	};
	size_t size = name.end - name.pos;

	if (hc_text_is(name, "[ anon ]") ||
	    (size > 9 && vma->shared && !memcmp(name.pos, "[ shmid=", 8)))
		return (struct hc_text){name.pos, name.pos};
	if (hc_text_is(name, "[ stack ]"))
		*room_ret = strdup("[stack]");
	for (size_t i = 0; !*room_ret && i < sizeof(files) / sizeof(files[0]); i++) {
		size_t length = strlen(files[i].prefix);

		if (files[i].shared <= vma->shared && size >= length &&
		    !memcmp(name.pos, files[i].prefix, length))
			*room_ret = hc_format("%s%.*s", files[i].before, (int)size, name.pos);
	}
	return *room_ret ? (struct hc_text){*room_ret, *room_ret + strlen(*room_ret)} : name;
}

static struct hc_error *read_mapping(const struct hc_pmap *pmap, struct hc_text line, size_t number,
				     struct hc_snapshot *snapshot)
{
	hc_cleanup_free char *room = NULL;
	struct hc_vma vma;

	if (!read_vma(pmap, &line, &vma))
		return refuse_line(pmap, number);
	snapshot->has_usage |= vma.rss != HC_UNKNOWN_BYTES;
	return hc_snapshot_append(snapshot, vma, kernel_name(line, &vma, &room));
}
/**@}*/

static struct hc_error *read_first(struct hc_pmap *pmap, struct hc_text line, size_t number,
				   struct hc_snapshot *snapshot)
{
	pmap->stage = HC_PMAP_MAPPINGS;
	if (is_heading(line))
		return read_heading(pmap, line)
			       ? NULL
			       : refuse(pmap, number, "has headings that no pmap is known for");
	if (!is_plain(line))
		return refuse(pmap, number,
			      "is no heading of pmap; run it without -q, as 'pmap -x PID'");
	set_plain(pmap);
	return read_mapping(pmap, line, number, snapshot);
}

struct hc_error *hc_pmap_line(struct hc_pmap *pmap, struct hc_text line, size_t number,
			      struct hc_snapshot *snapshot)
{
	if (memchr(line.pos, '\0', line.end - line.pos))
		return refuse_line(pmap, number);
	if (pmap->stage == HC_PMAP_START && is_process(line)) {
		pmap->stage = HC_PMAP_HEADING;
		return NULL;
	}
	if (pmap->stage <= HC_PMAP_HEADING)
		return read_first(pmap, line, number, snapshot);
	if (is_process(line))
		return refuse(pmap, number,
			      "begins another process; give pmap's output of one process");
	if (pmap->stage == HC_PMAP_OVER && line.pos == line.end)
		return NULL;
	if (pmap->stage == HC_PMAP_RULED || (pmap->stage == HC_PMAP_MAPPINGS && is_total(line))) {
		pmap->stage = HC_PMAP_OVER;
		return NULL;
	}
	if (pmap->stage == HC_PMAP_OVER)
		return refuse(pmap, number, "follows pmap's total; give one output of pmap");
	if (is_rule(line)) {
		pmap->stage = HC_PMAP_RULED;
		return NULL;
	}
	return read_mapping(pmap, line, number, snapshot);
}
