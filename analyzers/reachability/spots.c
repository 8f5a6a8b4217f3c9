/**
 * @file
 * What a word outside of chunks is part of; see spots.h.
 */
#include "analyzers/reachability/spots.h"

#include <stdlib.h>

struct hc_error *hc_spots_create(struct hc_process *process, struct hc_spots **ret)
{
	struct hc_spots *spots = calloc(1, sizeof(*spots));
	size_t num = process->threads.num;
	struct hc_error *err = &hc_enomem;

	if (spots) {
		spots->process = process;
		spots->frames = calloc(num + 1, sizeof(*spots->frames));
		spots->unwound = calloc(num + 1, sizeof(*spots->unwound));
		if (spots->frames && spots->unwound)
			err = hc_symbols_read(process, &spots->symbols);
	}
	if (err) {
		hc_spots_destroy(spots);
		return err;
	}
	*ret = spots;
	return NULL;
}

void hc_spots_destroy(struct hc_spots *spots)
{
	if (!spots)
		return;
	for (size_t i = 0; spots->frames && i < spots->process->threads.num; i++)
		hc_frames_deinit(&spots->frames[i]);
	free(spots->frames);
	free(spots->unwound);
	hc_symbols_deinit(&spots->symbols);
	free(spots);
}

static struct hc_error *find_frame(struct hc_spots *spots, uint64_t address, struct hc_spot *spot)
{
	struct hc_process *process = spots->process;
	size_t i = spot->thread - process->threads.items;
	struct hc_frames *frames = &spots->frames[i];
	struct hc_error *err = NULL;
	uint64_t offset;

	if (!spots->unwound[i])
		err = hc_frames_unwind(process, spot->thread, frames);
	if (err)
		return err;
	spots->unwound[i] = true;
	spot->frame = hc_frames_find(frames, address);
	if (!spot->frame)
		return NULL;
	spot->frame_number = spot->frame - frames->items;
	spot->module = hc_modules_find(&process->modules, spot->frame->pc);
	if (!hc_modules_symbol(&process->modules, spot->frame->pc, &spot->function, &offset))
		spot->function = NULL;
	if (!hc_frame_variable(process, spot->frame, address, &spot->variable,
			       &spot->variable_offset))
		spot->variable = NULL;
	return NULL;
}

struct hc_error *hc_spots_find(struct hc_spots *spots, uint64_t address,
			       const struct hc_thread *thread, struct hc_spot *ret)
{
	struct hc_process *process = spots->process;
	struct hc_spot spot = {.thread = thread};
	struct hc_error *err = NULL;

	spot.symbol = hc_symbols_at(&spots->symbols, address);
	spot.module = hc_modules_find(&process->modules, address);
	if (!spot.symbol && !spot.module && !spot.thread)
		spot.thread = hc_threads_at(&process->threads, address);
	if (spot.symbol) {
		spot.offset = address - spot.symbol->address;
	} else if (spot.module) {
		spot.offset = address - spot.module->start;
	} else if (spot.thread && address >= spot.thread->stack_start &&
		   address < spot.thread->stack_end) {
		err = find_frame(spots, address, &spot);
	} else if (spot.thread) {
		spot.symbol = hc_symbols_local(&spots->symbols, process, spot.thread, address);
		if (spot.symbol) {
			spot.module = spot.symbol->module;
			spot.offset = address - hc_thread_locals(process, spot.thread) -
				      spot.symbol->address;
		}
	}
	if (!err)
		*ret = spot;
	return err;
}
