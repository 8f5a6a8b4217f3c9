/**
 * @file
 * What is in equal blocks: the line of text that most of them share, and their content class. The
 * analyzers of chunks do the work (hc_blocks_heap()).
 */
#ifndef HC_ANALYZERS_BLOCKS_CONTENTS_H
#define HC_ANALYZERS_BLOCKS_CONTENTS_H

#include "analyzers/blocks/blocks.h"
#include "analyzers/target.h"

struct hc_block_contents {
	char *line;           /**< "FRAMEBUF seq=N camera=N", marks as in template.h; or NULL */
	uint64_t line_blocks; /**< blocks with such a line, of those that were counted */
	/** The line in whole blocks, when one holds many; see hc_template_line. */
	uint64_t line_matches, line_gap;
	uint64_t counted;     /**< blocks that lines were counted in; less than all in large sets */
	hc_class_id class_id; /**< the most frequent one, or HC_CLASS_NONE */
	uint64_t class_blocks;
};

struct hc_error *hc_block_contents_run(struct hc_target *target, const struct hc_block_set *set,
				       struct hc_block_contents *ret);
void hc_block_contents_deinit(struct hc_block_contents *contents);

#endif
