/**
 * @file
 * Pools of the Apache Portable Runtime whose memory was mapped, 1.5 to 1.7.
 *
 * memory/unix/apr_pools.c: a node (apr_memnode_t): next +0, ref +8 (what points to it), index u32
 * +16 (pages less one), first free byte +24, end +32. A pool (apr_pool_t) is the first thing in its
 * first node: parent +0, allocator +48, tag +80, active node +88, self +96. Where libapr takes its
 * nodes from malloc they are chunks, and malloc's.
 */
#include <inttypes.h>

#include "analyzers/owners/survey.h"
#include "core/base/format.h"

#define NODE_HEADER 40
#define MIN_NODES 2

/** Tags that are told apart; pools without are counted as "no tag". */
static char *tag_name(const struct hc_memory *memory, uint64_t tag)
{
	return hc_survey_text(memory, tag, 64);
}

static bool is_pool(const struct hc_memory *memory, uint64_t node, uint64_t *tag_ret)
{
	uint64_t self, active;

	return hc_memory_word(memory, node + NODE_HEADER + 96, &self) && self == node &&
	       hc_memory_word(memory, node + NODE_HEADER + 88, &active) && active &&
	       hc_memory_word(memory, node + NODE_HEADER + 80, tag_ret);
}

static struct hc_error *report(struct hc_survey *survey, struct hc_type_tally *tally)
{
	const struct hc_page_list *list = &survey->pages[HC_PAGE_APR];
	uint64_t bytes = 0, used = 0, pools = 0, tag, end, first;
	struct hc_owner *owner;
	struct hc_error *err = hc_survey_add(
		survey, "apr", "pools of the Apache Portable Runtime",
		hc_format("%zu nodes, each pointed to by what it points to", list->num), &owner);

	for (size_t i = 0; !err && i < list->num; i++) {
		uint64_t node = list->items[i];
		bool is_new;
		if (!hc_memory_word(survey->memory, node + 32, &end) ||
		    !hc_memory_word(survey->memory, node + 24, &first))
			continue;
		bytes += end - node;
		used += first - node;
		err = hc_survey_claim(survey, node, end);
		if (!is_pool(survey->memory, node, &tag))
			continue;
		pools++;
		struct hc_type_tally_slot *slot = hc_type_tally_slot(tally, tag, &is_new);
		if (slot) {
			slot->objects++;
			slot->bytes += end - node;
		}
	}
	if (err)
		return err;
	owner->heap = true;
	hc_owner_count(owner, "pools", pools);
	hc_owner_count(owner, "nodes", list->num);
	hc_owner_count_bytes(owner, "bytes in use", used);
	return hc_type_tally_finish(survey, tally, tag_name, owner);
}

struct hc_error *hc_probe_apr(struct hc_survey *survey)
{
	struct hc_type_tally tally;

	if (survey->pages[HC_PAGE_APR].num < MIN_NODES)
		return NULL;
	struct hc_error *err = hc_type_tally_init(&tally);
	if (!err)
		err = report(survey, &tally);
	hc_type_tally_deinit(&tally);
	return err;
}
