/**
 * @file
 * What stands around damage: the chunk before it, which may have written over its end, and what the
 * bytes that were written look like.
 *
 * The heap model says where the heap contradicts itself (heap.h, struct hc_inconsistency). Somebody
 * who has to find the program's mistake wants to know what was written there, and by whom. When a
 * run of text, or of one byte repeated, begins inside the chunk before and covers the field at
 * fault, that chunk has overflowed. When the run begins in front of the field but not in that
 * chunk, it may be an underflow of the chunk itself; nothing is claimed then.
 */
#ifndef HC_ANALYZERS_INSPECT_DAMAGE_H
#define HC_ANALYZERS_INSPECT_DAMAGE_H

#include "analyzers/target.h"

/** Bytes that are shown on each side of the chunk's header. */
#define HC_DAMAGE_CONTEXT 64
/** Longest run that is followed, bytes in each direction. */
#define HC_DAMAGE_MAX_RUN 4096

enum hc_spill {
	HC_SPILL_NONE,   /**< no run crosses into the field */
	HC_SPILL_TEXT,   /**< printable bytes */
	HC_SPILL_REPEAT, /**< one byte, over and over */
};

/** "none", "text", "repeat". */
const char *hc_spill_name(enum hc_spill spill);

struct hc_damage {
	const struct hc_inconsistency *fault; /**< not owned */
	bool has_suspect;
	struct hc_chunk suspect; /**< the last good chunk */
	hc_class_id class_id;    /**< of the suspect's bytes up to its end */
	enum hc_spill spill;
	uint64_t spill_start, spill_end; /**< addresses of the run */
	struct hc_bytes run;             /**< its bytes; points into the core */
	hc_class_id run_class;
	uint64_t view_start;  /**< address of @ref view, aligned to 16 bytes */
	struct hc_bytes view; /**< neighbourhood; short or empty where bytes are missing */
};

/** Look at the surroundings of one inconsistency. */
void hc_damage_look(struct hc_target *target, const struct hc_inconsistency *fault,
		    struct hc_classifier_scratch *scratch, struct hc_damage *ret);

/** Whether the allocator's last words are one of the messages that it has for this condition. */
bool hc_damage_explains_abort(const struct hc_heap *heap, const struct hc_inconsistency *fault);

#endif
