/**
 * @file
 * Blocks described as chunks are.
 */
#include "analyzers/blocks/contents.h"

#include <stdlib.h>

#include "analyzers/alike/alike.h"
#include "analyzers/counts/class_count.h"
#include "core/base/cleanup.h"

static const struct hc_template_line *best_line(const struct hc_template *text_template)
{
	const struct hc_template_line *best = NULL;

	for (size_t i = 0; i < text_template->num_lines; i++)
		if (!best || text_template->lines[i].chunks > best->chunks)
			best = &text_template->lines[i];
	return best;
}

static struct hc_error *find_line(struct hc_target *target, struct hc_block_contents *ret)
{
	struct hc_chunk_sample sample;
	struct hc_template text_template = {0};

	hc_chunk_sample_init(&sample, HC_COMMON_MAX_CHUNKS);
	struct hc_error *err = hc_chunk_sample_select(&sample, target, NULL);
	if (!err)
		err = hc_template_run(target, &sample, &text_template);
	const struct hc_template_line *line = err ? NULL : best_line(&text_template);
	ret->counted = text_template.counted;
	if (line) {
		ret->line = strndup(line->text, line->size);
		ret->line_blocks = line->chunks;
		if (text_template.searched == sample.offered) {
			ret->line_matches = line->matches;
			ret->line_gap = line->gap;
		}
	}
	hc_template_deinit(&text_template);
	hc_chunk_sample_deinit(&sample);
	return err;
}

static struct hc_error *find_class(struct hc_target *target, struct hc_block_contents *ret)
{
	struct hc_class_table table;
	struct hc_error *err = hc_classify_run(target, NULL, &table);

	for (hc_class_id i = 0; !err && i < HC_MAX_CLASSES; i++) {
		if (i == HC_CLASS_OTHER || table.classes[i].all.chunks <= ret->class_blocks)
			continue;
		ret->class_id = i;
		ret->class_blocks = table.classes[i].all.chunks;
	}
	return err;
}

struct hc_error *hc_block_contents_run(struct hc_target *target, const struct hc_block_set *set,
				       struct hc_block_contents *ret)
{
	hc_cleanup(hc_heap_closep) struct hc_heap *heap = NULL;
	hc_cleanup(hc_target_closep) struct hc_target *blocks = NULL;
	struct hc_block_contents contents = {.class_id = HC_CLASS_NONE};
	struct hc_target_options options = {.prefilter = target->options.prefilter};
	struct hc_error *err = hc_target_signatures(target, &options.signatures);

	if (!err)
		err = hc_blocks_heap(target->process, set, &heap);
	if (!err)
		err = hc_target_of(target->process, heap, &options, &blocks);
	if (!err)
		err = find_line(blocks, &contents);
	if (!err)
		err = find_class(blocks, &contents);
	if (err) {
		hc_block_contents_deinit(&contents);
		return err;
	}
	*ret = contents;
	return NULL;
}

void hc_block_contents_deinit(struct hc_block_contents *contents)
{
	free(contents->line);
	*contents = (struct hc_block_contents){0};
}
