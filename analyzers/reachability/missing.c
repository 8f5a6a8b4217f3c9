/**
 * @file
 * The rule.
 *
 * Nothing looks lost: the answer is known, whatever is missing. Else any missing word of a root
 * that could hold a pointer could hold the head of all that looks lost, so that one missing page of
 * a stack, a thread without registers, or a page of a module's variables is enough for "roots
 * missing": a share that is small says nothing of what hangs on it. The exceptions are
 *
 *   - bytes that a file lends. The kernel leaves out pages of files that nobody has written, and
 *     the file then has them as they were. Not lent are bytes that the core promises and lacks (it
 *     was cut: they were dumped because they had been written), and libc's variables, which libc
 *     itself writes before main() begins;
 *   - other memory that was left out by choice: a core that promises no byte of it was not cut
 *     there. Programs exclude buffers and secrets from dumps, and the kernel excludes files that
 *     are shared; both are counted (left_out, files). Where somebody has set coredump_filter to
 * nothing, stacks and data are missing as well, and decide.
 *
 * When the roots are all there, chunks matter: bytes missing of a chunk in use that a root leads to
 * may point on. Missing bytes of free chunks, of the top, and of lost chunks hold nothing alive.
 * Heaps that could not be walked for want of their headers count as such chunks, since some of
 * theirs are held.
 */
#include "analyzers/reachability/missing.h"

#include <elf.h>
#include <string.h>

#include "core/base/array.h"

const char *hc_lost_known_name(enum hc_lost_known known)
{
	static const char *const names[] = {
		[HC_LOST_KNOWN] = "known",
		[HC_LOST_HEAP_MISSING] = "heap-missing",
		[HC_LOST_ROOTS_MISSING] = "roots-missing",
	};

	return names[known];
}

struct hc_share_missing hc_missing_ranges(const struct hc_missing *missing)
{
	struct hc_share_missing sum = {0};

	for (size_t i = 0; i < HC_NUM_ROOT_KINDS; i++) {
		if (i == HC_ROOT_REGISTER)
			continue;
		sum.expected += missing->roots[i].expected;
		sum.missing += missing->roots[i].missing;
	}
	return sum;
}

/** @name Bytes of a range */
/**@{*/

static uint64_t overlap(uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_end)
{
	uint64_t start = a > b ? a : b, end = a_end < b_end ? a_end : b_end;

	return start < end ? end - start : 0;
}

/** How many bytes of [start, end) the core's headers promise to have in the file. */
static uint64_t promised(const struct hc_core *core, uint64_t start, uint64_t end)
{
	uint64_t sum = 0;
	size_t i = hc_lower_bound(core->num_segments, s,
				  core->segments[s].start + core->segments[s].mem_size <= start);

	for (; i < core->num_segments && core->segments[i].start < end; i++)
		sum += overlap(start, end, core->segments[i].start,
			       core->segments[i].start + core->segments[i].file_size);
	return sum;
}

/** Bytes of [start, end) that are there. @param lend whether a file may stand in */
static uint64_t there(const struct hc_process *process, uint64_t start, uint64_t end, bool lend)
{
	const struct hc_memory *memory = &process->memory;
	uint64_t sum = 0;

	for (const struct hc_extent *extent = hc_memory_find_next(memory, start);
	     extent && extent < memory->extents + memory->num_extents && extent->start < end;
	     extent++) {
		uint64_t from = extent->start > start ? extent->start : start;
		uint64_t to = extent->end < end ? extent->end : end;

		if (extent->from_core)
			sum += to - from;
		else if (lend)
			sum += to - from - promised(process->core, from, to);
	}
	return sum;
}

/** Bytes of [start, end) that the core promises and lacks. */
static uint64_t cut_off(const struct hc_process *process, uint64_t start, uint64_t end)
{
	return promised(process->core, start, end) - there(process, start, end, false);
}
/**@}*/

/** @name Roots */
/**@{*/

static bool is_libc(const struct hc_process *process, uint64_t address)
{
	const struct hc_module *libc = hc_modules_libc(&process->modules);

	return libc && address >= libc->start && address < libc->end;
}

static void count_root(const struct hc_process *process, const struct hc_root *root,
		       struct hc_missing *missing)
{
	struct hc_share_missing *kind = &missing->roots[root->kind];
	bool lend = root->kind == HC_ROOT_DATA ? !is_libc(process, root->start)
					       : root->mapping && root->mapping->path;
	uint64_t size = root->end - root->start;
	uint64_t lacking = size - there(process, root->start, root->end, lend);

	kind->expected += size;
	if (root->mapping && root->mapping->kind == HC_MAPPING_MAIN_HEAP) {
		missing->unwalked += lacking;
		return;
	}
	if (root->kind == HC_ROOT_OTHER) {
		uint64_t cut = root->mapping->shared ? 0 : cut_off(process, root->start, root->end);

		if (cut > lacking)
			cut = lacking;
		missing->left_out += lacking - cut;
		lacking = cut;
	}
	kind->missing += lacking;
}

/** Whether the core's headers tell how a mapping may be used: gdb leaves out all of some files. */
static bool has_segment(const struct hc_core *core, uint64_t address)
{
	size_t i = hc_lower_bound(core->num_segments, s,
				  core->segments[s].start + core->segments[s].mem_size <= address);

	return i < core->num_segments && core->segments[i].start <= address;
}

/** Locales, fonts, caches of converters: nobody's data structures. */
static bool is_system_file(const char *path)
{
	static const char *const folders[] = {"/usr/", "/lib", "/etc/", "/dev/", "/sys/", "/proc/"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			return true;
	return false;
}

/** Mapped files that may have been written, and that the core lacks. */
static void count_files(const struct hc_process *process, struct hc_missing *missing)
{
	uint64_t most = 0;

	for (size_t i = 0; i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		uint64_t size = mapping->end - mapping->start;
		bool writable =
			mapping->flags & PF_W || !has_segment(process->core, mapping->start);

		if (mapping->kind != HC_MAPPING_FILE || !mapping->path || mapping->present ||
		    !writable || is_system_file(mapping->path))
			continue;
		missing->files += size;
		if (size > most) {
			most = size;
			missing->file = mapping->path;
		}
	}
}

/** Threads: their registers, and stacks of which the core does not even have a header. */
static void count_threads(const struct hc_process *process, struct hc_missing *missing)
{
	const struct hc_threads *threads = &process->threads;
	uint64_t page = hc_core_page_size(process->core);
	struct hc_share_missing *registers = &missing->roots[HC_ROOT_REGISTER];

	registers->expected = threads->num;
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];

		registers->missing += !thread->num_regs;
		if (thread->sp && !hc_mappings_find(&process->mappings, thread->sp)) {
			missing->roots[HC_ROOT_STACK].expected += page;
			missing->roots[HC_ROOT_STACK].missing += page;
		}
	}
	/* How many notes were cut off nobody knows; a process has a thread at least. */
	if (process->core->notes_cut || (!threads->num && process->core->num_segments)) {
		registers->expected++;
		registers->missing++;
	}
}

/** What a VMA of a snapshot is that the core does not know. */
static enum hc_root_kind vma_kind(const struct hc_process *process, const struct hc_vma *vma)
{
	if (!strncmp(vma->name, "[stack", 6))
		return HC_ROOT_STACK;
	return hc_modules_find(&process->modules, vma->start) ? HC_ROOT_DATA : HC_ROOT_OTHER;
}

/** Writable memory that only a snapshot of the process knows of. */
static void count_snapshot(const struct hc_process *process, struct hc_missing *missing)
{
	const struct hc_mappings *mappings = &process->mappings;

	for (size_t v = 0; v < process->smaps.num_vmas; v++) {
		const struct hc_vma *vma = &process->smaps.vmas[v];
		uint64_t unknown = vma->end - vma->start;

		if (!(vma->flags & PF_W) || !(vma->flags & PF_R) || vma->shared)
			continue;
		size_t i = hc_lower_bound(mappings->num, m, mappings->items[m].end <= vma->start);

		for (; i < mappings->num && mappings->items[i].start < vma->end; i++)
			unknown -= overlap(vma->start, vma->end, mappings->items[i].start,
					   mappings->items[i].end);
		if (!strcmp(vma->name, "[heap]")) {
			missing->unwalked += unknown;
		} else {
			struct hc_share_missing *kind = &missing->roots[vma_kind(process, vma)];

			kind->expected += unknown;
			kind->missing += unknown;
		}
	}
}
/**@}*/

/** @name Chunks */
/**@{*/

/** Bytes that are missing between @p from and @p to, of chunks in use that a root leads to. */
static uint64_t held_missing(const struct hc_heap *heap, const struct hc_span *span, uint64_t from,
			     uint64_t to)
{
	uint64_t sum = 0, unit = from > span->base ? hc_span_unit(span, from - span->base) : 0;
	struct hc_chunk chunk;

	if (unit >= span->num_units)
		unit = span->num_units - 1;
	unit = hc_span_prev_start(span, unit);
	if (unit == UINT64_MAX)
		unit = hc_span_next_start(span, 0);
	for (; unit < span->num_units; unit = hc_span_next_start(span, unit + 1)) {
		hc_span_chunk(heap, span, unit, &chunk);
		if (chunk.address >= to)
			break;
		if (chunk.state == HC_IN_USE &&
		    span->blocks[unit / HC_UNITS_PER_BLOCK].b >> unit % HC_UNITS_PER_BLOCK & 1)
			sum += overlap(chunk.address, chunk.address + chunk.usable, from, to);
	}
	return sum;
}

static void count_chunks(const struct hc_process *process, const struct hc_heap *heap,
			 struct hc_missing *missing)
{
	for (size_t i = 0; i < heap->num_spans; i++) {
		const struct hc_span *span = &heap->spans[i];
		uint64_t pos = span->start, end = pos;

		missing->chunks.expected += span->end - span->start;
		if (span->data)
			continue;
		while (end < span->end) {
			struct hc_piece piece;

			if (!hc_memory_next_piece(&process->memory, &pos, span->end, UINT64_MAX,
						  &piece))
				piece.start = piece.end = span->end;
			if (piece.start > end)
				missing->chunks.missing +=
					held_missing(heap, span, end, piece.start);
			end = piece.end;
		}
	}
}

/** Bytes missing of thread arenas' heaps, in which no span lies. */
static void count_unwalked(const struct hc_process *process, const struct hc_heap *heap,
			   struct hc_missing *missing)
{
	for (size_t i = 0; i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		uint64_t lacking, walked = 0;

		if (mapping->kind != HC_MAPPING_THREAD_HEAP ||
		    mapping->present == mapping->end - mapping->start)
			continue;
		lacking = mapping->end - mapping->start - mapping->present;
		for (size_t s = hc_lower_bound(heap->num_spans, j,
					       heap->spans[j].end <= mapping->start);
		     s < heap->num_spans && heap->spans[s].start < mapping->end; s++) {
			uint64_t start = heap->spans[s].start, end = heap->spans[s].end;

			if (start < mapping->start)
				start = mapping->start;
			if (end > mapping->end)
				end = mapping->end;
			walked += end - start - hc_memory_present(&process->memory, start, end);
		}
		missing->unwalked += lacking - walked;
	}
}
/**@}*/

static enum hc_lost_known decide(const struct hc_missing *missing, uint64_t lost)
{
	if (!lost)
		return HC_LOST_KNOWN;
	for (size_t i = 0; i < HC_NUM_ROOT_KINDS; i++)
		if (missing->roots[i].missing)
			return HC_LOST_ROOTS_MISSING;
	return missing->chunks.missing || missing->unwalked ? HC_LOST_HEAP_MISSING : HC_LOST_KNOWN;
}

void hc_missing_find(const struct hc_heap *heap, const struct hc_root *roots, size_t num_roots,
		     uint64_t lost, struct hc_missing *ret)
{
	const struct hc_process *process = heap->process;
	struct hc_missing missing = {0};

	for (size_t i = 0; i < num_roots; i++)
		count_root(process, &roots[i], &missing);
	count_files(process, &missing);
	count_threads(process, &missing);
	count_snapshot(process, &missing);
	count_chunks(process, heap, &missing);
	count_unwalked(process, heap, &missing);
	missing.known = decide(&missing, lost);
	*ret = missing;
}
