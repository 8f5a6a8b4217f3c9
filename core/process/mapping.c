/**
 * @file
 * The table of mappings: rows from a core or a snapshot, what names and flags tell, and splitting.
 */
#include "core/process/mapping.h"
#include "core/base/array.h"

#include <elf.h>
#include <stdlib.h>

#include "core/base/cleanup.h"

/** Pages of one row of the kernel's data below the vdso, at most. */
#define HC_MAX_VVAR_PAGES 32

const char *hc_mapping_kind_name(enum hc_mapping_kind kind)
{
	static const char *const names[] = {
		[HC_MAPPING_TEXT] = "text",
		[HC_MAPPING_RODATA] = "rodata",
		[HC_MAPPING_DATA] = "data",
		[HC_MAPPING_BSS] = "bss",
		[HC_MAPPING_HEAP] = "heap",
		[HC_MAPPING_MAIN_HEAP] = "main-heap",
		[HC_MAPPING_THREAD_HEAP] = "thread-heap",
		[HC_MAPPING_HEAP_RESERVE] = "heap-reserve",
		[HC_MAPPING_MMAP_CHUNK] = "mmapped-chunk",
		[HC_MAPPING_STACK] = "stack",
		[HC_MAPPING_STACK_GUARD] = "stack-guard",
		[HC_MAPPING_STACK_CACHED] = "stack-cached",
		[HC_MAPPING_MAIN_STACK] = "main-stack",
		[HC_MAPPING_TLS] = "tls",
		[HC_MAPPING_VDSO] = "vdso",
		[HC_MAPPING_SHARED] = "shared",
		[HC_MAPPING_FILE] = "file",
		[HC_MAPPING_RESERVED] = "reserved",
		[HC_MAPPING_ANON] = "anonymous",
	};

	return names[kind];
}

const char *hc_mapping_kind_title(enum hc_mapping_kind kind)
{
	static const char *const titles[] = {
		[HC_MAPPING_TEXT] = "executable/library text",
		[HC_MAPPING_RODATA] = "executable/library read-only data",
		[HC_MAPPING_DATA] = "executable/library data",
		[HC_MAPPING_BSS] = "executable/library bss",
		[HC_MAPPING_HEAP] = "heap",
		[HC_MAPPING_MAIN_HEAP] = "main heap",
		[HC_MAPPING_THREAD_HEAP] = "thread arena",
		[HC_MAPPING_HEAP_RESERVE] = "thread arena, reserved",
		[HC_MAPPING_MMAP_CHUNK] = "mmapped chunk",
		[HC_MAPPING_STACK] = "thread stack",
		[HC_MAPPING_STACK_GUARD] = "stack guard",
		[HC_MAPPING_STACK_CACHED] = "stack of an exited thread",
		[HC_MAPPING_MAIN_STACK] = "main stack",
		[HC_MAPPING_TLS] = "TLS/thread block",
		[HC_MAPPING_VDSO] = "vdso/vvar",
		[HC_MAPPING_SHARED] = "shared memory",
		[HC_MAPPING_FILE] = "mapped file",
		[HC_MAPPING_RESERVED] = "reserved",
		[HC_MAPPING_ANON] = "other anonymous",
	};

	return titles[kind];
}

const char *hc_mapping_permissions(const struct hc_mapping *mapping, char buf[5])
{
	buf[0] = mapping->flags & PF_R ? 'r' : '-';
	buf[1] = mapping->flags & PF_W ? 'w' : '-';
	buf[2] = mapping->flags & PF_X ? 'x' : '-';
	buf[3] = mapping->shared ? 's' : 'p';
	buf[4] = '\0';
	return buf;
}

/* Rows. */

static void mapping_count_present(const struct hc_mappings *mappings, struct hc_mapping *row)
{
	row->present =
		mappings->memory ? hc_memory_present(mappings->memory, row->start, row->end) : 0;
}

void hc_mappings_count_present(struct hc_mappings *mappings)
{
	for (size_t i = 0; i < mappings->num; i++)
		mapping_count_present(mappings, &mappings->items[i]);
}

/** Append the row of a VMA that lies above all others. */
static struct hc_error *mappings_append(struct hc_mappings *mappings, struct hc_mapping row)
{
	struct hc_error *err =
		hc_array_reserve(&mappings->items, mappings->num, sizeof(*mappings->items));
	if (err)
		return err;
	mapping_count_present(mappings, &row);
	row.vma = mappings->num_vmas++;
	mappings->items[mappings->num++] = row;
	return NULL;
}

void hc_mappings_deinit(struct hc_mappings *mappings)
{
	for (size_t i = 0; i < mappings->num; i++)
		free(mappings->items[i].note);
	free(mappings->items);
	*mappings = (struct hc_mappings){};
}

/** Index of the first row that ends above @p address. */
static size_t mappings_index(const struct hc_mappings *mappings, uint64_t address)
{
	return hc_lower_bound(mappings->num, i, mappings->items[i].end <= address);
}

struct hc_mapping *hc_mappings_find(const struct hc_mappings *mappings, uint64_t address)
{
	size_t index = mappings_index(mappings, address);

	if (index == mappings->num || mappings->items[index].start > address)
		return NULL;
	return &mappings->items[index];
}

bool hc_mappings_is_code(const struct hc_mappings *mappings, uint64_t address)
{
	const struct hc_mapping *row = hc_mappings_find(mappings, address);

	return row && row->kind == HC_MAPPING_TEXT;
}

/* What paths and flags tell. */

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/** Files that stand for memory that processes share. */
static bool path_is_shared(const char *path)
{
	return starts_with(path, "/dev/shm/") || starts_with(path, "/SYSV") ||
	       starts_with(path, "/memfd:") || starts_with(path, "/dev/zero (deleted)");
}

/**
 * Files of whose bytes the mapping keeps none: the private mapping of /dev/zero, and the hugetlbfs
 * file behind MAP_HUGETLB | MAP_ANONYMOUS.
 */
static bool path_is_anonymous(const char *path)
{
	return !strcmp(path, "/dev/zero") || starts_with(path, "/anon_hugepage");
}

/** Kind by path and flags; modules make text and data out of files later. */
static void mapping_classify(struct hc_mapping *row)
{
	if (row->path && path_is_anonymous(row->path) && !row->shared)
		row->path = NULL;
	if (row->path && path_is_shared(row->path))
		row->shared = true;

	if (row->shared && (!row->path || path_is_shared(row->path)))
		row->kind = HC_MAPPING_SHARED;
	else if (row->path)
		row->kind = HC_MAPPING_FILE;
	else
		row->kind = row->flags ? HC_MAPPING_ANON : HC_MAPPING_RESERVED;
	row->anonymous = row->kind == HC_MAPPING_ANON;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum hc_mapping_kind file_kind(uint32_t flags)
{
	return flags & PF_X ? HC_MAPPING_TEXT : flags & PF_W ? HC_MAPPING_DATA : HC_MAPPING_RODATA;
}

/** A file that is mapped executable somewhere is a program or library in all of its rows. */
static struct hc_error *mappings_classify_programs(struct hc_mappings *mappings)
{
	hc_cleanup_free const char **paths = calloc(mappings->num + 1, sizeof(*paths));
	size_t num = 0;

	if (!paths)
		return &hc_enomem;
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *row = &mappings->items[i];
		if (row->kind == HC_MAPPING_FILE && row->path && row->flags & PF_X)
			paths[num++] = row->path;
	}
	hc_sort(paths, num, compare_paths);
	for (size_t i = 0; i < mappings->num; i++) {
		struct hc_mapping *row = &mappings->items[i];
		if (row->kind == HC_MAPPING_FILE && row->path && !row->shared &&
		    bsearch(&row->path, paths, num, sizeof(*paths), compare_paths))
			row->kind = file_kind(row->flags);
	}
	return NULL;
}

static void mapping_set_vdso(struct hc_mapping *row)
{
	row->kind = HC_MAPPING_VDSO;
	row->anonymous = false;
}

/**
 * The vdso by its auxv entry, and the kernel's data pages (vvar, vvar_vclock) directly below it.
 */
static void mappings_find_vdso(struct hc_mappings *mappings, const struct hc_core *core)
{
	uint64_t address;

	for (size_t i = mappings->num; i-- && mappings->items[i].end > core->machine->user_end;)
		mapping_set_vdso(&mappings->items[i]);
	if (!hc_core_auxv(core, AT_SYSINFO_EHDR, &address))
		return;
	struct hc_mapping *row = hc_mappings_find(mappings, address);
	if (!row || row->path)
		return;
	mapping_set_vdso(row);
	while (row-- > mappings->items) {
		uint64_t pages = (row->end - row->start) / hc_core_page_size(core);
		if (row->end != row[1].start || row->path || row->flags != PF_R ||
		    pages > HC_MAX_VVAR_PAGES)
			break;
		mapping_set_vdso(row);
	}
}

/* From a core. */

/** What builds the rows of a core: segments and NT_FILE, both by address, merged. */
struct core_rows {
	struct hc_mappings *mappings;
	const struct hc_core *core;
	size_t file; /**< the first entry of NT_FILE that ends above the last row */
};

/** The entry of NT_FILE that ends above @p address first, if it starts below @p end. */
static const struct hc_note_file *next_file(struct core_rows *rows, uint64_t address, uint64_t end)
{
	const struct hc_core *core = rows->core;

	while (rows->file < core->num_files && core->files[rows->file].end <= address)
		rows->file++;
	return rows->file < core->num_files && core->files[rows->file].start < end
		       ? &core->files[rows->file]
		       : NULL;
}

static struct hc_error *append_file_row(struct core_rows *rows, const struct hc_note_file *file,
					uint64_t start, uint64_t end, uint32_t flags)
{
	struct hc_mapping row = {
		.start = start,
		.end = file->end < end ? file->end : end,
		.flags = flags,
		.path = file->path,
		.offset = file->offset + (start - file->start),
		.resident = HC_UNKNOWN_BYTES,
		.resident_anonymous = HC_UNKNOWN_BYTES,
	};

	mapping_classify(&row);
	return mappings_append(rows->mappings, row);
}

/**
 * Files that lie in no segment: gdb leaves out what it takes for unmodified read-only file pages.
 */
static struct hc_error *append_gap(struct core_rows *rows, uint64_t start, uint64_t end)
{
	const struct hc_note_file *file;

	while (start < end && (file = next_file(rows, start, end))) {
		if (file->start > start)
			start = file->start;
		struct hc_error *err = append_file_row(rows, file, start, end, PF_R);
		if (err)
			return err;
		start = file->end;
	}
	return NULL;
}

/** Bytes of a row that gdb's PROT_NONE is recognised by. */
#define HC_MAX_ZERO_CHECK (1u << 20)

/**
 * gdb dumps PROT_NONE mappings too, as readable and full of zeros. Read-only anonymous memory that
 * holds nothing is as good as reserved, whichever it was.
 */
static bool gcore_row_is_reserved(const struct core_rows *rows, const struct hc_mapping *row)
{
	if (!rows->core->from_gcore || row->path || row->flags != PF_R)
		return false;
	struct hc_bytes view =
		hc_memory_view(rows->mappings->memory, row->start, row->end - row->start);
	size_t size = view.size < HC_MAX_ZERO_CHECK ? view.size : HC_MAX_ZERO_CHECK;
	return size && !view.data[0] && !memcmp(view.data, view.data + 1, size - 1);
}

/**
 * Where nothing names files, what can't be written to and was not dumped is one: the writer leaves
 * out what is on the disk as well, and nobody else has a use for it.
 */
static void classify_undumped(const struct core_rows *rows, struct hc_mapping *row)
{
	if (rows->core->num_files || row->kind != HC_MAPPING_ANON || row->flags & PF_W ||
	    hc_memory_present(rows->mappings->memory, row->start, row->end))
		return;
	row->kind = row->flags & PF_X ? HC_MAPPING_TEXT : HC_MAPPING_FILE;
	row->anonymous = false;
}

/** A segment, or the part of one between two entries of NT_FILE. */
static struct hc_error *append_plain_row(struct core_rows *rows, uint64_t start, uint64_t end,
					 uint32_t flags)
{
	struct hc_mapping row = {
		.start = start,
		.end = end,
		.flags = flags,
		.resident = HC_UNKNOWN_BYTES,
		.resident_anonymous = HC_UNKNOWN_BYTES,
	};

	if (gcore_row_is_reserved(rows, &row))
		row.flags = 0;
	mapping_classify(&row);
	classify_undumped(rows, &row);
	return mappings_append(rows->mappings, row);
}

/** Split one segment at the borders of NT_FILE's entries. */
static struct hc_error *append_segment(struct core_rows *rows, const struct hc_segment *segment)
{
	uint64_t end = segment->start + segment->mem_size;

	for (uint64_t at = segment->start; at < end;) {
		const struct hc_note_file *file = next_file(rows, at, end);
		struct hc_error *err;
		if (file && file->start <= at)
			err = append_file_row(rows, file, at, end, segment->flags);
		else
			err = append_plain_row(rows, at, file ? file->start : end, segment->flags);
		if (err)
			return err;
		at = rows->mappings->items[rows->mappings->num - 1].end;
	}
	return NULL;
}

struct hc_error *hc_mappings_from_core(const struct hc_core *core, const struct hc_memory *memory,
				       struct hc_mappings *ret)
{
	hc_cleanup(hc_mappings_deinit) struct hc_mappings mappings = {.memory = memory};
	struct core_rows rows = {.mappings = &mappings, .core = core};
	struct hc_error *err;
	uint64_t end = 0;

	for (size_t i = 0; i < core->num_segments; i++) {
		const struct hc_segment *segment = &core->segments[i];
		if ((err = append_gap(&rows, end, segment->start)) ||
		    (err = append_segment(&rows, segment)))
			return err;
		end = segment->start + segment->mem_size;
	}
	if ((err = append_gap(&rows, end, UINT64_MAX)) ||
	    (err = mappings_classify_programs(&mappings)))
		return err;
	mappings_find_vdso(&mappings, core);
	*ret = mappings;
	mappings = (struct hc_mappings){};
	return NULL;
}

/* From a snapshot. */

static struct hc_error *mapping_set_note(struct hc_mapping *row, const char *note)
{
	char *copy = note ? strdup(note) : NULL;

	if (note && !copy)
		return &hc_enomem;
	free(row->note);
	row->note = copy;
	return NULL;
}

/**
 * What the kernel calls mappings that have no file (fs/proc/task_mmu.c), and libc
 * (PR_SET_VMA_ANON_NAME).
 */
static const struct {
	const char *prefix;
	enum hc_mapping_kind kind;
} vma_names[] = {
	{"[heap]", HC_MAPPING_MAIN_HEAP},
	{"[stack]", HC_MAPPING_MAIN_STACK},
	{"[stack:", HC_MAPPING_STACK},
	{"[vdso]", HC_MAPPING_VDSO},
	{"[vvar", HC_MAPPING_VDSO},
	{"[vsyscall]", HC_MAPPING_VDSO},
	{"[vectors]", HC_MAPPING_VDSO},
	{"[sigpage]", HC_MAPPING_VDSO},
	{"[uprobes]", HC_MAPPING_VDSO},
	{"[anon_shmem:", HC_MAPPING_SHARED},
	{"[anon: glibc: malloc arena", HC_MAPPING_THREAD_HEAP},
	{"[anon: glibc: pthread stack", HC_MAPPING_STACK},
};

/** Use a "[name]" of a snapshot for a row without a file. */
static struct hc_error *mapping_apply_name(struct hc_mapping *row, const char *name)
{
	for (size_t i = 0; i < sizeof(vma_names) / sizeof(vma_names[0]); i++) {
		if (starts_with(name, vma_names[i].prefix)) {
			row->kind = vma_names[i].kind;
			break;
		}
	}
	if (row->kind == HC_MAPPING_VDSO || row->kind == HC_MAPPING_SHARED)
		row->anonymous = false;
	if (!row->flags && row->kind == HC_MAPPING_THREAD_HEAP)
		row->kind = HC_MAPPING_HEAP_RESERVE;
	if (!row->flags && row->kind == HC_MAPPING_STACK)
		row->kind = HC_MAPPING_STACK_GUARD;
	return starts_with(name, "[anon") || starts_with(name, "[stack:")
		       ? mapping_set_note(row, name)
		       : NULL;
}

static struct hc_error *append_vma(struct hc_mappings *mappings, const struct hc_vma *vma)
{
	struct hc_mapping row = {
		.start = vma->start,
		.end = vma->end,
		.flags = vma->flags,
		.shared = vma->shared,
		.path = vma->name[0] && vma->name[0] != '[' ? vma->name : NULL,
		.offset = vma->offset,
		.resident = vma->rss,
		.resident_anonymous = vma->anonymous,
	};

	mapping_classify(&row);
	struct hc_error *err = mappings_append(mappings, row);
	if (err || vma->name[0] != '[')
		return err;
	return mapping_apply_name(&mappings->items[mappings->num - 1], vma->name);
}

/** An anonymous row that nobody named yet. */
static bool mapping_unexplained(const struct hc_mapping *row)
{
	return row->kind == HC_MAPPING_ANON && !row->note &&
	       (row->flags & (PF_R | PF_W)) == (PF_R | PF_W);
}

/** A row of unknown purpose with the PROT_NONE row directly above or below it. */
static bool rows_touch(const struct hc_mapping *low, const struct hc_mapping *high)
{
	return low->end == high->start;
}

/**
 * glibc maps a thread arena's heap as one aligned reservation and opens its front: a readable row,
 * then PROT_NONE up to the alignment (arena.c: HEAP_MAX_SIZE, 64 MiB, or 1 MiB on 32-bit machines).
 */
static struct hc_error *guess_heaps(struct hc_mappings *mappings, uint64_t heap_size)
{
	for (size_t i = 1; i < mappings->num; i++) {
		const struct hc_mapping *used = &mappings->items[i - 1],
					*rest = &mappings->items[i];
		uint64_t end = (rest->start + heap_size - 1) & -heap_size;
		if (rest->kind != HC_MAPPING_RESERVED || !mapping_unexplained(used) ||
		    !rows_touch(used, rest) || end <= rest->start || end > rest->end ||
		    used->start > end - heap_size)
			continue;
		uint64_t start = end - heap_size, border = rest->start;
		struct hc_error *err;
		if ((err = hc_mappings_assign(mappings, start, border, HC_MAPPING_THREAD_HEAP,
					      "probably a thread arena")) ||
		    (err = hc_mappings_assign(mappings, border, end, HC_MAPPING_HEAP_RESERVE,
					      "probably a thread arena")))
			return err;
	}
	return NULL;
}

/**
 * A guard and the row above it, one or both of which are a round number of 64 KiB, as stack sizes
 * are. (Before glibc 2.27 the guard was a part of the size, since then it is extra.)
 */
static struct hc_error *guess_stacks(struct hc_mappings *mappings)
{
	const uint64_t max_guard = 1 << 20, unit = 64 << 10, max_stack = 1 << 30;

	for (size_t i = 1; i < mappings->num; i++) {
		const struct hc_mapping *guard = &mappings->items[i - 1],
					*stack = &mappings->items[i];
		uint64_t start = guard->start, border = stack->start, end = stack->end;
		if (guard->kind != HC_MAPPING_RESERVED || !mapping_unexplained(stack) ||
		    !rows_touch(guard, stack) || border - start > max_guard ||
		    ((end - start) % unit && (end - border) % unit) || end - start > max_stack)
			continue;
		struct hc_error *err;
		if ((err = hc_mappings_assign(mappings, start, border, HC_MAPPING_STACK_GUARD,
					      "probably a thread stack's guard")) ||
		    (err = hc_mappings_assign(mappings, border, end, HC_MAPPING_STACK,
					      "probably a thread stack")))
			return err;
	}
	return NULL;
}

/** A private anonymous mapping directly above a library's data is its bss. */
static struct hc_error *guess_bss(struct hc_mappings *mappings)
{
	const uint64_t max_bss = 64 << 20;

	for (size_t i = 1; i < mappings->num; i++) {
		const struct hc_mapping *data = &mappings->items[i - 1];
		struct hc_mapping *row = &mappings->items[i];
		if (data->kind != HC_MAPPING_DATA || !mapping_unexplained(row) ||
		    !rows_touch(data, row) || row->end - row->start > max_bss)
			continue;
		row->kind = HC_MAPPING_BSS;
		struct hc_error *err = mapping_set_note(row, "probably bss");
		if (err)
			return err;
	}
	return NULL;
}

static uint64_t snapshot_heap_size(const struct hc_snapshot *snapshot)
{
	const uint64_t user_end32 = 1ULL << 32;

	for (size_t i = 0; i < snapshot->num_vmas; i++) {
		if (snapshot->vmas[i].end > user_end32)
			return 64 << 20;
	}
	return 1 << 20;
}

struct hc_error *hc_mappings_from_snapshot(const struct hc_snapshot *snapshot,
					   struct hc_mappings *ret)
{
	hc_cleanup(hc_mappings_deinit) struct hc_mappings mappings = {};
	struct hc_error *err;

	for (size_t i = 0; i < snapshot->num_vmas; i++) {
		if ((err = append_vma(&mappings, &snapshot->vmas[i])))
			return err;
	}
	if ((err = mappings_classify_programs(&mappings)) || (err = guess_bss(&mappings)) ||
	    (err = guess_heaps(&mappings, snapshot_heap_size(snapshot))) ||
	    (err = guess_stacks(&mappings)))
		return err;
	*ret = mappings;
	mappings = (struct hc_mappings){};
	return NULL;
}

/* A snapshot beside a core. */

/** @p part of @p whole bytes' share of @p value. */
static uint64_t pro_rata(uint64_t value, uint64_t part, uint64_t whole)
{
	if (value == HC_UNKNOWN_BYTES)
		return value;
	return (unsigned __int128)value * part / whole;
}

/** Add a VMA's share to what is known of a row. */
static void add_usage(uint64_t *sum, uint64_t value, const struct hc_vma *vma, uint64_t overlap)
{
	uint64_t part = pro_rata(value, overlap, vma->end - vma->start);

	if (part != HC_UNKNOWN_BYTES)
		*sum = *sum == HC_UNKNOWN_BYTES ? part : *sum + part;
}

/** What one VMA of the snapshot says about a row that it overlaps by @p overlap bytes. */
static struct hc_error *annotate_row(struct hc_mapping *row, const struct hc_vma *vma,
				     uint64_t overlap)
{
	add_usage(&row->resident, vma->rss, vma, overlap);
	add_usage(&row->resident_anonymous, vma->anonymous, vma, overlap);
	/* Names only from the VMA that is most of the row. */
	if (overlap <= (row->end - row->start) / 2)
		return NULL;
	if (!vma->flags && !row->path && row->kind == HC_MAPPING_ANON) {
		/* gdb dumps PROT_NONE as readable */
		row->flags = 0;
		mapping_classify(row);
	}
	if (!row->path && vma->name[0] && vma->name[0] != '[')
		row->path = vma->name;
	if (vma->shared && !row->shared) {
		row->shared = true;
		row->anonymous = false;
		if (!row->path || path_is_shared(row->path))
			row->kind = HC_MAPPING_SHARED;
	} else if (row->anonymous && row->path) {
		mapping_classify(row);
	}
	return !row->path && vma->name[0] == '[' ? mapping_apply_name(row, vma->name) : NULL;
}

struct hc_error *hc_mappings_annotate(struct hc_mappings *mappings,
				      const struct hc_snapshot *snapshot)
{
	size_t first = 0;

	for (size_t i = 0; i < mappings->num; i++) {
		struct hc_mapping *row = &mappings->items[i];
		while (first < snapshot->num_vmas && snapshot->vmas[first].end <= row->start)
			first++;
		for (size_t j = first; j < snapshot->num_vmas; j++) {
			const struct hc_vma *vma = &snapshot->vmas[j];
			if (vma->start >= row->end)
				break;
			uint64_t from = vma->start > row->start ? vma->start : row->start;
			uint64_t to = vma->end < row->end ? vma->end : row->end;
			struct hc_error *err = annotate_row(row, vma, to - from);
			if (err)
				return err;
		}
	}
	return mappings_classify_programs(mappings);
}

/* Splitting. */

/** Share a count between the two parts of a row. */
static void split_usage(uint64_t *low, uint64_t *high, uint64_t part, uint64_t whole)
{
	if (*low == HC_UNKNOWN_BYTES)
		return;
	*high = *low;
	*low = pro_rata(*low, part, whole);
	*high -= *low;
}

/** Cut the row at @p index in two at @p address, which lies inside of it. */
static struct hc_error *mappings_split(struct hc_mappings *mappings, size_t index, uint64_t address)
{
	hc_cleanup_free char *note = NULL;
	const char *old_note = mappings->items[index].note;
	if (old_note && !(note = strdup(old_note)))
		return &hc_enomem;
	struct hc_error *err =
		hc_array_reserve(&mappings->items, mappings->num, sizeof(*mappings->items));
	if (err)
		return err;

	struct hc_mapping *low = &mappings->items[index], *high = low + 1;
	memmove(high, low, (mappings->num - index) * sizeof(*low));
	mappings->num++;
	uint64_t whole = low->end - low->start, part = address - low->start;
	low->end = high->start = address;
	high->offset += low->path ? part : 0;
	high->note = hc_steal(note);
	mapping_count_present(mappings, low);
	high->present -= low->present;
	split_usage(&low->resident, &high->resident, part, whole);
	split_usage(&low->resident_anonymous, &high->resident_anonymous, part, whole);
	return NULL;
}

struct hc_error *hc_mappings_assign(struct hc_mappings *mappings, uint64_t start, uint64_t end,
				    enum hc_mapping_kind kind, const char *note)
{
	for (size_t i = mappings_index(mappings, start);
	     i < mappings->num && mappings->items[i].start < end; i++) {
		struct hc_error *err;
		if (mappings->items[i].start < start) {
			if ((err = mappings_split(mappings, i, start)))
				return err;
			continue;
		}
		if (mappings->items[i].end > end && (err = mappings_split(mappings, i, end)))
			return err;
		mappings->items[i].kind = kind;
		if ((err = mapping_set_note(&mappings->items[i], note)))
			return err;
	}
	return NULL;
}

struct hc_error *hc_mappings_set_vdso(struct hc_mappings *mappings, uint64_t start, uint64_t end)
{
	struct hc_error *err = hc_mappings_assign(mappings, start, end, HC_MAPPING_VDSO, NULL);

	for (size_t i = mappings_index(mappings, start);
	     !err && i < mappings->num && mappings->items[i].start < end; i++)
		mappings->items[i].anonymous = false;
	return err;
}
