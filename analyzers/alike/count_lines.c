/**
 * @file
 * One look for lines, for all who count them.
 */
#include "analyzers/alike/count_lines.h"

#include "analyzers/alike/chunk_lines.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

#define TASK_CHUNKS 64

_Static_assert(HC_REPEATS_WINDOW == HC_TEMPLATE_WINDOW &&
		       HC_REPEATS_COUNT_BYTES == HC_TEMPLATE_COUNT_BYTES,
	       "words and lines are counted in the same bytes");

struct run {
	const struct hc_heap *heap;
	struct hc_chunk_subsample chunks;
	struct hc_repeats_pass *repeats;        /* NULL: not wanted */
	struct hc_template_pass *text_template; /* the same */
};

static void count_chunk(const struct run *run, unsigned worker, uint64_t address)
{
	bool words = run->repeats && hc_repeats_begin_chunk(run->repeats, worker, address);
	bool shapes = run->text_template && hc_template_begin_chunk(run->text_template, worker);
	struct hc_lines lines;
	struct hc_bytes line;

	if (!words && !shapes)
		return;
	hc_chunk_lines_init(run->heap, address, HC_REPEATS_WINDOW, &lines);
	while ((words || shapes) && hc_lines_next(&lines, &line)) {
		words = words && hc_repeats_add_line(run->repeats, worker, line);
		shapes = shapes && hc_template_add_line(run->text_template, worker, line);
	}
}

static struct hc_error *count_task(void *ctx, unsigned worker, size_t task)
{
	const struct run *run = ctx;
	size_t end = (task + 1) * TASK_CHUNKS;

	if (end > run->chunks.num)
		end = run->chunks.num;
	for (size_t i = task * TASK_CHUNKS; i < end; i++) {
		hc_chunk_subsample_fetch(&run->chunks, run->heap, i);
		count_chunk(run, worker, hc_chunk_subsample_at(&run->chunks, i));
	}
	return NULL;
}

struct hc_error *hc_count_lines(struct hc_target *target, const struct hc_chunk_sample *sample,
				struct hc_repeats *repeats, struct hc_template *text_template)
{
	hc_cleanup(hc_repeats_pass_freep) struct hc_repeats_pass *words = NULL;
	hc_cleanup(hc_template_pass_freep) struct hc_template_pass *shapes = NULL;
	hc_cleanup(hc_repeats_deinit) struct hc_repeats found = {0};
	const struct hc_process *process = target->process;
	struct run run = {0};
	struct hc_error *err = hc_target_heap(target, &run.heap);

	if (!err && repeats)
		err = hc_repeats_find(target, sample, &words);
	if (!err && text_template)
		err = hc_template_learn(target, sample, &shapes);
	if (err)
		return err;
	run.repeats = words;
	run.text_template = shapes;
	hc_chunk_subsample_init_bytes(&run.chunks, sample, HC_REPEATS_COUNT_BYTES,
				      HC_REPEATS_WINDOW);
	err = hc_process_parallel(process, (run.chunks.num + TASK_CHUNKS - 1) / TASK_CHUNKS,
				  count_task, &run);
	if (!err && repeats)
		err = hc_repeats_end(words, process->jobs, run.chunks.num, &found);
	if (!err && text_template)
		err = hc_template_end(shapes, process->jobs, run.chunks.num, text_template);
	if (err || !repeats)
		return err;
	*repeats = found;
	found = (struct hc_repeats){0};
	return NULL;
}
