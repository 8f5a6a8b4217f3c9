/**
 * @file
 * Why there is no heap of glibc's malloc where there might be one.
 *
 * What malloc starts with tells that it was never called: up to 2.41 main_arena is all zero but for
 * its list of arenas, which it is alone in, and the count of threads; since then it is made ready
 * by libc's own start. Where libc's data is not in the core nobody can tell anything.
 */
#include <elf.h>

#include "core/allocators/glibc/glibc.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

static bool all_zero(const struct glibc *g, uint64_t from, uint64_t to)
{
	struct hc_bytes view = hc_memory_view(g->memory, from, to - from);

	return view.size == to - from &&
	       (!view.size || (!view.data[0] && !memcmp(view.data, view.data + 1, view.size - 1)));
}

/** Whether main_arena as the linker left it lies around its member `next`, which is at @p at. */
static bool is_untouched(const struct glibc *g, const struct glibc_state_layout *layout,
			 uint64_t at)
{
	uint64_t start = at - glibc_next_offset(layout), attached_at, attached, next;

	if (!layout->attached_threads || !glibc_word(g, at, &next) || next != start)
		return false;
	attached_at = start + glibc_attached_offset(layout);
	return glibc_word(g, attached_at, &attached) && attached == 1 && all_zero(g, start, at) &&
	       all_zero(g, at + layout->word_size, attached_at) &&
	       all_zero(g, attached_at + layout->word_size, start + layout->size);
}

/** Whether [start, end) holds a main_arena as the linker left it. */
static bool holds_untouched(const struct glibc *g, uint64_t start, uint64_t end)
{
	unsigned word = g->params.word_size;

	for (uint64_t at = (start + word - 1) & ~(uint64_t)(word - 1); at < end; at += word) {
		struct hc_bytes view = hc_memory_view(g->memory, at, end - at);
		if (!view.size) {
			const struct hc_extent *next = hc_memory_find_next(g->memory, at);
			if (!next || next->start >= end)
				return false;
			at = ((next->start + word - 1) & ~(uint64_t)(word - 1)) - word;
			continue;
		}
		uint64_t value;
		if (!glibc_word(g, at, &value) || value >= at || at - value > GLIBC_MAX_STATE)
			continue;
		for (size_t i = 0; i < glibc_num_state_layouts; i++) {
			const struct glibc_state_layout *layout = &glibc_state_layouts[i];
			if (glibc_has_state(g, layout) && at - value == glibc_next_offset(layout) &&
			    is_untouched(g, layout, at))
				return true;
		}
	}
	return false;
}

/** Whether nothing is there of what a module may write to. RELRO lies in its data, too. */
static bool data_is_missing(const struct hc_process *process, const struct hc_module *home)
{
	const struct hc_mappings *mappings = &process->mappings;
	uint64_t expected = 0, present = 0;

	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *row = &mappings->items[i];
		if (row->end <= home->data_start || row->start >= home->data_end ||
		    !(row->flags & PF_W))
			continue;
		expected += row->end - row->start;
		present += row->present;
	}
	return expected && !present;
}

static bool never_called(struct glibc *g, const struct hc_module *home, bool *found)
{
	struct hc_error *err = glibc_discover(g, found);

	/* Without memory for the search nothing is known. */
	hc_error_destroy(err);
	return !err && !*found &&
	       (g->unused || holds_untouched(g, home->data_start, home->data_end));
}

struct hc_error *glibc_absent(const struct hc_process *process, enum hc_absence *why_ret,
			      char **library_ret)
{
	struct hc_heap heap = {.process = (struct hc_process *)process};
	struct glibc g = {
		.process = (struct hc_process *)process, .memory = &process->memory, .heap = &heap};
	const struct hc_module *home = glibc_home(process);
	hc_cleanup_free char *version = NULL, *source = NULL;
	bool found;
	struct hc_error *err = glibc_find_version(process, &version, &source);

	if (!err && version && !(*library_ret = hc_format("glibc %s (%s)", version, source)))
		err = &hc_enomem;
	if (err || !home)
		return err;
	if (never_called(&g, home, &found))
		*why_ret = HC_ABSENT_NEVER_CALLED;
	else if (hc_modules_libc(&process->modules) && data_is_missing(process, home))
		*why_ret = HC_ABSENT_NOT_DUMPED;
	free(g.arenas);
	return NULL;
}
