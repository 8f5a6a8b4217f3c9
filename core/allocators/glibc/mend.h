/**
 * @file
 * Where a chain of headers breaks, and where it goes on.
 *
 * A header that can't be one ends a chain. That is as it should be at the end of a stretch and at
 * fenceposts; anywhere else the break is *mended*: the next place from which a chain of sane
 * headers leads on is found by looking, and the chunk with the broken header is taken to reach up
 * to there. A break costs the bytes between the broken header and the next sane one, and nothing
 * else. All of it depends on nothing but the headers themselves.
 */
#ifndef HC_CORE_ALLOCATORS_GLIBC_MEND_H
#define HC_CORE_ALLOCATORS_GLIBC_MEND_H

#include "core/allocators/glibc/chain.h"

/** What a stretch looks like where no chunk's header was accepted. */
enum glibc_interruption {
	GLIBC_REACHED_END,
	/** A header-sized filler and a header-sized fencepost: foreign memory follows. */
	GLIBC_FENCEPOSTS,
	/** Filler and a header of size 0: the end of a thread heap that has a successor. */
	GLIBC_TERMINATOR,
	/** The core's bytes end here. */
	GLIBC_MISSING,
	GLIBC_DAMAGED,
};

/** What is at @p offset, where no header was accepted. */
enum glibc_interruption glibc_chain_interruption(const struct glibc_chain *chain, uint64_t offset);

/** A broken header, and where the chain resumes: chain.size when nowhere. Offsets. */
struct glibc_damage {
	uint64_t offset, resume;
};

struct glibc_damages {
	struct glibc_damage *items;
	size_t num;
};

struct hc_error *glibc_damages_add(struct glibc_damages *damages, struct glibc_damage damage);
void glibc_damages_deinit(struct glibc_damages *damages);

/**
 * First offset in [from, to) from which a chain leads on, or @p to.
 *
 * @param broken where the chain broke, or GLIBC_NO_OFFSET when this is a first guess. A header
 * whose chunk before is free is believed only when that chunk is the broken one (its footer, the
 * prev_size field here, then says how long it is), or when its own header agrees with its footer.
 */
uint64_t glibc_chain_find(const struct glibc_chain *chain, uint64_t broken, uint64_t from,
			  uint64_t to);

/**
 * Where the first of the chunks begins that the one at @p before hides by a false size, although
 * that leads to a sane header, at @p offset; GLIBC_NO_OFFSET without any. That header says that the
 * chunk before it is free and has another size, and there it begins.
 */
uint64_t glibc_chain_hidden(const struct glibc_chain *chain, uint64_t before, uint64_t offset);

/**
 * Whether the header at @p offset, sane and with a free chunk before it, contradicts the chunk that
 * led there, and is right. On sound heaps that is one comparison.
 *
 * @param previous unit of that chunk
 */
static inline bool glibc_chain_contradicts(const struct glibc_chain *chain, uint64_t previous,
					   uint64_t offset)
{
	uint64_t before = previous << chain->unit_shift;
	return hc_read_word(chain->data + offset, chain->word, chain->big_endian) !=
		       offset - before &&
	       glibc_chain_hidden(chain, before, offset) != GLIBC_NO_OFFSET;
}

/**
 * Mend the break at @p *offset, or the contradiction: the chunk there reaches up to the next chain.
 * Unless the chunk before it led the walk astray with a size that is sane but false; then that one
 * is mended. Of the chains inside it that meet the one behind the break, that counts which explains
 * most headers.
 *
 * @param[in,out] previous unit of the chunk before, or GLIBC_NO_UNIT
 * @param damages the break is added, unless it is a natural end
 * @param[out] goes_on whether the walk can go on, at the new @p *offset
 */
struct hc_error *glibc_chain_mend(const struct glibc_chain *chain, uint64_t *offset,
				  uint64_t *previous, struct glibc_damages *damages, bool *goes_on);

#endif
