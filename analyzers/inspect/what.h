/**
 * @file
 * Everything known about one address: mapping, module and symbol, thread, arena, chunk, state,
 * reachability, content, what it points to and who points to it.
 */
#ifndef HC_ANALYZERS_INSPECT_WHAT_H
#define HC_ANALYZERS_INSPECT_WHAT_H

#include "analyzers/reachability/path.h"
#include "analyzers/target.h"

struct hc_what {
	uint64_t address;
	const struct hc_mapping *mapping; /**< NULL: not mapped */
	const struct hc_module *module;
	const char *symbol; /**< or NULL */
	uint64_t symbol_offset;
	const struct hc_thread *thread; /**< whose stack or TLS it is */
	bool in_chunk;
	struct hc_chunk chunk;
	uint64_t request_min, request_max; /**< bytes */
	const char *special;               /**< what hc_special or hc_pin say, or NULL */
	hc_class_id class_id;              /**< of the chunk; HC_CLASS_NONE outside of one */
	struct hc_bytes sample;            /**< the part of @ref bytes that stands for it */
	struct hc_bytes bytes;             /**< of the chunk, or the first few at the address */
	struct hc_referent referent;       /**< what pointers are looked for */
	/** At most @p max_referrers are kept; chunks that are free hold nothing. */
	struct hc_referrers referrers;
	/** Chunks it points to, by offset, at most HC_WHAT_MAX_TARGETS. */
	struct hc_what_target {
		uint64_t offset, value;
		struct hc_chunk chunk;
	} * targets;
	size_t num_targets;
	bool reach_known;      /**< hc_chunk::reach of all these chunks that are in use */
	struct hc_paths paths; /**< a shortest chain, where that is how it is known */
};

#define HC_WHAT_MAX_TARGETS 64

/** @param heap NULL: only what is known without one; then @p classifier may be NULL too */
struct hc_error *hc_what_run(struct hc_target *target, uint64_t address, size_t max_referrers,
			     struct hc_what *ret);

/** A heap of fewer chunks is marked in a moment. */
#define HC_WHAT_MANY_CHUNKS (UINT64_C(1) << 20)

/**
 * hc_what_run(), and reachability with it: of a heap of @p many chunks or more, by chains alone
 * where these tell all (what_reach.h); else the heap is marked.
 */
struct hc_error *hc_what_run_reached(struct hc_target *target, uint64_t address,
				     size_t max_referrers, uint64_t many, struct hc_what *ret);
void hc_what_deinit(struct hc_what *what);

#endif
