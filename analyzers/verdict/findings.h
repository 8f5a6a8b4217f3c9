/**
 * @file
 * Findings: everything that holds memory, in one list, with one ruler.
 *
 * Groups of lost chunks, kinds of chunks that are held, freed memory, stacks, and memory outside of
 * malloc compete by touched bytes (ruler.h). The list has the largest; what it leaves out is the
 * *rest*. Findings are disjoint, and together with the rest they are the total, exactly.
 */
#ifndef HC_ANALYZERS_VERDICT_FINDINGS_H
#define HC_ANALYZERS_VERDICT_FINDINGS_H

#include "analyzers/alike/alike.h"
#include "analyzers/alike/clues.h"
#include "analyzers/blocks/contents.h"
#include "analyzers/blocks/held.h"
#include "analyzers/count.h"
#include "analyzers/counts/growth.h"
#include "analyzers/leaks/leaks.h"
#include "analyzers/owners/owners.h"
#include "analyzers/verdict/pins.h"
#include "analyzers/verdict/ruler.h"

enum hc_finding_kind {
	HC_FINDING_LOST,    /**< a group of lost chunks */
	HC_FINDING_HELD,    /**< a kind of chunks that are reachable, or possibly so */
	HC_FINDING_FREED,   /**< all free chunks */
	HC_FINDING_STACKS,  /**< all stacks */
	HC_FINDING_OUTSIDE, /**< memory that malloc does not own */
	HC_NUM_FINDING_KINDS
};

/** "lost", "held", "freed", "stacks", "outside". */
const char *hc_finding_kind_name(enum hc_finding_kind kind);

#define HC_MAX_FINDINGS 10
/** Clues that a finding keeps: the first screen has no room for more. */
#define HC_FINDING_MAX_CLUES 4

struct hc_finding {
	enum hc_finding_kind kind;
	size_t number;         /**< from 1, in the order of size; 0: it is not listed */
	struct hc_count count; /**< everything that the finding holds; chunks 0: it has none */
	uint64_t touched;      /**< of its bytes */
	double share;          /**< of the touched total, 0 to 1 */

	/** @name Of lost and held chunks */
	/**@{*/
	const struct hc_leak_group *group;   /**< NULL: not lost */
	size_t group_number;                 /**< from 1, for `leaks --group` */
	const struct hc_growth_kind *growth; /**< NULL: not held */
	size_t growth_number;                /**< index of it */
	/** Chunk sizes of the root objects, or of the chunks: smallest and largest of the bulk. */
	uint64_t size, max_size;
	hc_class_id class_id;
	struct hc_count class_count;
	/**
	 * Type of the root objects of a group, or of most chunks; HC_TYPE_NONE where they, or most
	 * of them, have none.
	 */
	hc_type_id type;
	uint64_t type_chunks; /**< root objects, or chunks, of that type; exact once described */
	/** Held: objects in these chunks where they do not start them (hc_type_is_inside()); or 0.
	 */
	uint64_t type_objects;
	/**
	 * Chunks that @ref class_id and @ref class_count are known of. Where these are not all, the
	 * count is an estimate.
	 */
	uint64_t looked_at;
	uint64_t sample; /**< user address of the chunk whose bytes are shown; 0: none */
	/**
	 * What its content has in common: of a group, the chunks of a textual @ref class_id, else
	 * those of the size and depth (root objects, or below) that hold most bytes.
	 */
	struct hc_common common;
	/** Texts that the lost have and others don't, counted exactly; most telling first. */
	struct hc_clue clues[HC_FINDING_MAX_CLUES];
	size_t num_clues;
	/** Of held chunks, those that hidden links alone hold (hidden.h), by how they are hidden.
	 */
	uint64_t hidden[HC_NUM_HIDINGS];
	/** Of held chunks: number, from 1, of the larger finding that it is part of one thing with
	 * (ties.h); 0: of none. */
	size_t with;
	uint64_t together; /**< touched bytes of it and of all that are with it; 0: none is */
	/**@}*/

	/** @name Of memory outside of malloc; both NULL: what nobody owns, and has no pattern */
	/**@{*/
	const struct hc_owner *owner;
	const struct hc_block_set *blocks;
	bool has_contents; /**< always, for blocks, once they are described */
	struct hc_block_contents contents;
	/**
	 * Of what nobody owns and has no pattern, when it is large: mappings, and those that
	 * nothing points into, which are lost. mappings 0: not looked at.
	 */
	uint64_t mappings, lost_mappings, lost_bytes;
	/**@}*/
	size_t order; /**< private: which comes first of two that are as large */
};

struct hc_findings {
	struct hc_finding items[HC_MAX_FINDINGS]; /**< most touched bytes first */
	size_t num;
	struct hc_finding
		rest; /**< what is not listed: count has its chunks, whatever their state */
	struct hc_finding
		next; /**< the largest of what could have been listed; count.bytes 0: none */
	/** Held, and not listed since its holder is suppressed: in neither of the above. */
	struct hc_finding suppressed;
	/**
	 * Everything that competed, most touched bytes first; nothing that is described. Of lost
	 * chunks the first HC_LEAKS_MAX_WALK groups.
	 */
	struct hc_finding *candidates;
	size_t num_candidates;
	bool held_known; /**< what points to blocks is known: no roots are missing */
	/** What keeps freed memory, once described, where that is a cause; else all zero. */
	struct hc_pins pins;
};

struct hc_verdict;

/** List what a verdict has measured. common, clues, and contents are not filled in. */
struct hc_error *hc_findings_list(struct hc_target *target, struct hc_verdict *verdict);

/** Fill in common, clues, and contents of all findings. */
struct hc_error *hc_findings_describe(struct hc_target *target, struct hc_verdict *verdict);

/** A holder is looked for among so many chunks, which takes milliseconds, … */
#define HC_HOLDER_CHUNKS (UINT64_C(1) << 20)
/** … and in larger heaps among this part of those that are held: what a table holds is a few steps
 * from its root, and what lies deeper in a list or tree is not worth half a second more. */
#define HC_HOLDER_PART 8

/** Chunks whose pointers are followed, at most, to find out who holds a finding. */
uint64_t hc_findings_holder_chunks(const struct hc_target *target);

/**
 * Take those off the list that are held from where a suppression of the target names a holder
 * (leaks/suppress.h), with what is with them. The place is where a shortest chain (path.h) to the
 * finding's sample begins; where none is found within hc_findings_holder_chunks(), the finding is
 * told. Others keep their numbers.
 *
 * @param verdict with its findings described
 */
struct hc_error *hc_findings_suppress(struct hc_target *target, struct hc_verdict *verdict);

void hc_findings_deinit(struct hc_findings *findings);
void hc_finding_deinit(struct hc_finding *finding);

/** A part of a mapping. */
struct hc_finding_range {
	uint64_t start, end;
	size_t mapping; /**< index of it */
};

/**
 * Where finding @p number (from 1) lies, which has no chunks: stacks, and memory outside of malloc.
 * Ranges are disjoint, in order, as long as can be, and as many bytes as the finding.
 *
 * @param[out] ret to be freed
 * @return also @ref HC_ERROR_ARGUMENT when there is no such finding, or it is a set of chunks
 */
struct hc_error *hc_findings_ranges(const struct hc_process *process,
				    const struct hc_verdict *verdict, uint64_t number,
				    struct hc_finding_range **ret, size_t *num_ret);

/**
 * Narrow a selection to the chunks of finding @p number (from 1), exactly.
 *
 * @return also @ref HC_ERROR_ARGUMENT when there is no such finding, or it has no chunks
 */
struct hc_error *hc_findings_select(const struct hc_verdict *verdict, uint64_t number,
				    struct hc_selection *selection);

#endif
