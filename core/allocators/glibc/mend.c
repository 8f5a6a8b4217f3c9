/**
 * @file
 * Breaks in a chain of headers; see mend.h.
 */
#include "core/allocators/glibc/mend.h"
#include "core/base/array.h"

/** Sane headers in a row before a guess at a chain is believed. A wrong guess costs only time. */
#define GUESS_LENGTH 64
/**
 * The same where a break is mended. Fewer, since there may be more damage near; more would lose all
 * sound chunks between two breaks that lie closer together.
 */
#define MEND_LENGTH 4
/**
 * Less still where another break follows before so many; bytes behind a break that are searched
 * for them.
 */
#define BETWEEN_LENGTH 2
#define BETWEEN_WINDOW (UINT64_C(8) << 10)
/**
 * Headers in a row inside a guessed chunk that prove the guess wrong, and bytes of it that are
 * searched for them.
 */
#define HIDING_LENGTH 16
#define HIDING_WINDOW (UINT64_C(64) << 10)
/** Bytes in which the longest chain is looked for, and bytes of the smallest unit. */
#define CHAIN_WINDOW (HIDING_WINDOW + BETWEEN_WINDOW + MIN_UNIT)
#define MIN_UNIT 8

/**
 * Whether @p length sane headers follow each other from @p offset on, or lead straight to the end.
 * Where a header says that the chunk before it is free, that chunk's footer must agree.
 */
static bool leads_on(const struct glibc_chain *chain, uint64_t offset, unsigned length)
{
	uint64_t field, size = 0;
	for (unsigned i = 0; i < length; i++) {
		uint64_t next = glibc_chain_size(chain, offset, &field);
		if (!next) {
			/* A fencepost ends a sound chain, too. */
			return i && chain->size - offset >= chain->header &&
			       (hc_read_word(chain->data + offset + chain->word, chain->word,
					     chain->big_endian) &
				~(uint64_t)GLIBC_PREV_INUSE) == chain->header;
		}
		if (i && !(field & GLIBC_PREV_INUSE) &&
		    hc_read_word(chain->data + offset, chain->word, chain->big_endian) != size)
			return false;
		size = next;
		offset += size;
		if (offset == chain->size)
			return true;
	}
	return true;
}

/**
 * A long chain of sane headers inside the chunk that the header at @p offset describes;
 * GLIBC_NO_OFFSET without one. Where there is one, that header is false: three letters and a zero
 * make a size of megabytes that may well end at a true header.
 */
static uint64_t hidden_chain(const struct glibc_chain *chain, uint64_t offset)
{
	uint64_t field, size = glibc_chain_size(chain, offset, &field),
			step = UINT64_C(1) << chain->unit_shift;
	uint64_t end = offset + size, window = size < HIDING_WINDOW ? end : offset + HIDING_WINDOW;
	for (uint64_t at = offset + step; at < window; at += step) {
		uint64_t next = at;
		unsigned length = 0;
		while (length < HIDING_LENGTH && next < end &&
		       (size = glibc_chain_size(chain, next, &field))) {
			next += size;
			length++;
		}
		if (length == HIDING_LENGTH && next < end)
			return at;
	}
	return GLIBC_NO_OFFSET;
}

/**
 * Whether the header at @p offset, which says that the chunk before it is free, is right about its
 * size.
 */
static bool ends_free_chunk(const struct glibc_chain *chain, uint64_t broken, uint64_t offset)
{
	uint64_t size = hc_read_word(chain->data + offset, chain->word, chain->big_endian), field;
	if (size == offset - broken)
		return true;
	return size <= offset && !(size & ((UINT64_C(1) << chain->unit_shift) - 1)) &&
	       glibc_chain_size(chain, offset - size, &field) == size && size;
}

uint64_t glibc_chain_find(const struct glibc_chain *chain, uint64_t broken, uint64_t from,
			  uint64_t to)
{
	for (uint64_t at = from; at < to; at += UINT64_C(1) << chain->unit_shift) {
		uint64_t field;
		if (!glibc_chain_size(chain, at, &field))
			continue;
		if (!(field & GLIBC_PREV_INUSE) &&
		    (broken == GLIBC_NO_OFFSET || !ends_free_chunk(chain, broken, at)))
			continue;
		if (broken == GLIBC_NO_OFFSET ? leads_on(chain, at, GUESS_LENGTH)
					      : leads_on(chain, at, MEND_LENGTH) &&
							hidden_chain(chain, at) == GLIBC_NO_OFFSET)
			return at;
	}
	return to;
}

enum glibc_interruption glibc_chain_interruption(const struct glibc_chain *chain, uint64_t offset)
{
	unsigned header = chain->header;
	uint64_t left = chain->size - offset;
	bool more_follows = chain->reach > chain->size;
	/* On i386 a heap's end is not aligned as chunks are; less than a unit may be left over. */
	uint64_t unit = UINT64_C(1) << chain->unit_shift;
	if (!left)
		return more_follows ? GLIBC_MISSING : GLIBC_REACHED_END;
	if (left >= 2 * header && (glibc_chain_field(chain, offset) & ~UINT64_C(1)) == header) {
		uint64_t second = glibc_chain_field(chain, offset + header);
		if (second == (header | GLIBC_PREV_INUSE))
			return GLIBC_FENCEPOSTS;
		if (second == GLIBC_PREV_INUSE && left < 2 * header + unit)
			return GLIBC_TERMINATOR;
	}
	if (left >= header && left < header + unit &&
	    glibc_chain_field(chain, offset) == GLIBC_PREV_INUSE)
		return GLIBC_TERMINATOR;
	if (more_follows) {
		/*
		 * The chunk here may be sound and merely reach beyond the bytes that the core has.
		 */
		uint64_t size = glibc_chain_field(chain, offset) & ~(uint64_t)GLIBC_SIZE_BITS;
		if (left < 2 * chain->word ||
		    (size > left && size <= chain->reach - offset &&
		     !(glibc_chain_field(chain, offset) & chain->bad_bits)))
			return GLIBC_MISSING;
	}
	return GLIBC_DAMAGED;
}

struct hc_error *glibc_damages_add(struct glibc_damages *damages, struct glibc_damage damage)
{
	struct hc_error *err =
		hc_array_reserve(&damages->items, damages->num, sizeof(*damages->items));
	if (err)
		return err;
	damages->items[damages->num++] = damage;
	return NULL;
}

void glibc_damages_deinit(struct glibc_damages *damages)
{
	free(damages->items);
	*damages = (struct glibc_damages){0};
}

/**
 * A chain that ends at another break before @p resume, where a long one begins: sound chunks
 * between two breaks that lie close together. The nearest one, or @p resume. However wrong the
 * guess, the walk is back on the true chain at @p resume.
 */
static uint64_t find_between(const struct glibc_chain *chain, uint64_t broken, uint64_t resume)
{
	uint64_t step = UINT64_C(1) << chain->unit_shift;
	uint64_t limit = resume - broken < BETWEEN_WINDOW ? resume : broken + BETWEEN_WINDOW;
	for (uint64_t at = broken + step; at < limit; at += step) {
		uint64_t next = at, field, size, before = at - broken;
		unsigned length = 0;
		while (length < BETWEEN_LENGTH && next < resume &&
		       (size = glibc_chain_size(chain, next, &field)) &&
		       (field & GLIBC_PREV_INUSE || hc_read_word(chain->data + next, chain->word,
								 chain->big_endian) == before)) {
			before = size;
			next += size;
			length++;
		}
		if (length == BETWEEN_LENGTH && next < resume)
			return at;
	}
	return resume;
}

/**
 * The header at @p resume may say that a free chunk is before it, and that one's header agree on
 * its size. When it begins inside the chunk before the break, in front of the break, then that
 * chunk's size is false: it ends there at the latest. The sound chunks that it hides are those that
 * lead exactly to the free one.
 *
 * @return where the first chunk behind the false one begins; GLIBC_NO_OFFSET when nothing proves it
 * false
 */
static uint64_t find_hidden_by(const struct glibc_chain *chain, uint64_t falsified, uint64_t broken,
			       uint64_t resume)
{
	uint64_t step = UINT64_C(1) << chain->unit_shift, field, prev_size;
	if (resume == chain->size || !glibc_chain_size(chain, resume, &field) ||
	    field & GLIBC_PREV_INUSE)
		return GLIBC_NO_OFFSET;
	prev_size = hc_read_word(chain->data + resume, chain->word, chain->big_endian);
	if (prev_size > resume - falsified || resume - prev_size <= falsified ||
	    resume - prev_size >= broken || prev_size & (step - 1) ||
	    glibc_chain_size(chain, resume - prev_size, &field) != prev_size)
		return GLIBC_NO_OFFSET;
	uint64_t freed = resume - prev_size;
	for (uint64_t at = falsified + step; at < freed && freed - falsified <= BETWEEN_WINDOW;
	     at += step) {
		uint64_t next = at, size;
		if (!glibc_chain_size(chain, at, &field) || !(field & GLIBC_PREV_INUSE))
			continue;
		for (unsigned i = 0; i < GUESS_LENGTH && next < freed; i++) {
			if (!(size = glibc_chain_size(chain, next, &field)))
				break;
			next += size;
		}
		if (next == freed)
			return at;
	}
	return freed;
}

/** Whether sane headers lead from @p offset to exactly @p end. */
static bool leads_to(const struct glibc_chain *chain, uint64_t offset, uint64_t end)
{
	uint64_t field, size = 0;
	while (offset < end && (size = glibc_chain_size(chain, offset, &field)))
		offset += size;
	return offset == end;
}

/** Whether the header at @p offset accepts a chunk of @p size before it. */
static bool accepts(const struct glibc_chain *chain, uint64_t offset, uint64_t size)
{
	return glibc_chain_field(chain, offset) & GLIBC_PREV_INUSE ||
	       (chain->size - offset >= chain->word &&
		hc_read_word(chain->data + offset, chain->word, chain->big_endian) == size);
}

/**
 * Of the chains that begin inside the chunk at @p falsified, in front of @p over, and lead to
 * exactly @p resume, the one that explains most headers. A break between is passed over by what is
 * true; what is left of an older heap in a block's contents ends in front of it, or anywhere.
 *
 * Numbers that happen to look like sizes lead to each other at every step, headers only where
 * chunks begin: where more words join the chain than it has headers, nothing is proved.
 *
 * @param least headers that are asked for
 * @return where it begins, or GLIBC_NO_OFFSET
 */
static uint64_t longest_chain(const struct glibc_chain *chain, uint64_t falsified, uint64_t over,
			      uint64_t resume, unsigned least)
{
	unsigned shift = chain->unit_shift, joined = 0;
	uint16_t lengths[CHAIN_WINDOW / MIN_UNIT]; /* of chains to resume, by units */
	uint64_t best = GLIBC_NO_OFFSET, field, size, units = (resume - falsified) >> shift;
	uint16_t length, longest = 0;
	if (units >= CHAIN_WINDOW / MIN_UNIT || (resume - falsified) & ((UINT64_C(1) << shift) - 1))
		return GLIBC_NO_OFFSET;
	memset(lengths, 0, units * sizeof(lengths[0]));
	for (uint64_t unit = units - 1; unit > 0; unit--) {
		uint64_t at = falsified + (unit << shift);
		size = glibc_chain_size(chain, at, &field);
		if (!size || size > resume - at)
			continue;
		length = at + size == resume ? 0 : lengths[unit + (size >> shift)];
		if ((!length && at + size != resume) ||
		    (at + size < chain->size && !accepts(chain, at + size, size)))
			continue;
		lengths[unit] = ++length;
		joined++;
		if (at >= over || length < longest || !accepts(chain, at, at - falsified))
			continue;
		longest = length;
		best = at;
	}
	return longest >= least && joined <= 2u * longest ? best : GLIBC_NO_OFFSET;
}

/**
 * Where the first sound chunk begins that the one at @p before, of at most HIDING_WINDOW bytes,
 * hides by a false size; or GLIBC_NO_OFFSET when nothing proves it false. The chain broke at
 * @p broken, where that size led, and resumes at @p resume. A chain inside that does not lead there
 * may be a copy of some heap, in a block that is sound.
 */
static uint64_t find_hidden(const struct glibc_chain *chain, uint64_t before, uint64_t broken,
			    uint64_t resume)
{
	uint64_t nearest = hidden_chain(chain, before), longest = GLIBC_NO_OFFSET;
	if (nearest != GLIBC_NO_OFFSET && leads_to(chain, nearest, resume))
		return nearest;
	if (resume - broken <= BETWEEN_WINDOW)
		longest = longest_chain(chain, before, broken, resume, BETWEEN_LENGTH);
	return longest == GLIBC_NO_OFFSET || longest < nearest ? longest : nearest;
}

uint64_t glibc_chain_hidden(const struct glibc_chain *chain, uint64_t before, uint64_t offset)
{
	uint64_t field, size = hc_read_word(chain->data + offset, chain->word, chain->big_endian);
	uint64_t freed = offset - size;
	if (size >= offset - before || size & ((UINT64_C(1) << chain->unit_shift) - 1) ||
	    glibc_chain_size(chain, before, &field) != offset - before ||
	    glibc_chain_size(chain, freed, &field) != size)
		return GLIBC_NO_OFFSET;
	uint64_t longest = longest_chain(chain, before, offset, offset, 1);
	return longest == GLIBC_NO_OFFSET ? freed : longest;
}

/**
 * Where the chain resumes behind the break at @p *broken. When that proves the chunk @p before the
 * break (or GLIBC_NO_OFFSET) to be the false one, that is what is broken.
 */
static uint64_t find_resumption(const struct glibc_chain *chain, uint64_t before, uint64_t *broken)
{
	uint64_t step = UINT64_C(1) << chain->unit_shift, hidden = GLIBC_NO_OFFSET;
	uint64_t resume = chain->size;
	/* Behind a broken top there is only what was freed long ago. */
	bool top = *broken == chain->top, have_before = before != GLIBC_NO_OFFSET;
	/* Blocks that long are mappings of their own, as a rule: what looks like headers is. */
	bool is_long = have_before && *broken - before > HIDING_WINDOW;
	if (is_long)
		hidden = hidden_chain(chain, before);
	if (hidden == GLIBC_NO_OFFSET && !top)
		resume = glibc_chain_find(chain, *broken, *broken + step, chain->size);
	if (have_before && !is_long)
		hidden = find_hidden(chain, before, *broken, resume);
	if (have_before && hidden == GLIBC_NO_OFFSET && !top)
		hidden = find_hidden_by(chain, before, *broken, resume);
	if (hidden == GLIBC_NO_OFFSET)
		return top ? resume : find_between(chain, *broken, resume);
	*broken = before;
	return hidden;
}

struct hc_error *glibc_chain_mend(const struct glibc_chain *chain, uint64_t *offset,
				  uint64_t *previous, struct glibc_damages *damages, bool *goes_on)
{
	uint64_t broken = *offset, resume, field;
	*goes_on = false;
	if (glibc_chain_interruption(chain, broken) != GLIBC_DAMAGED)
		return NULL;
	uint64_t before =
		*previous == GLIBC_NO_UNIT ? GLIBC_NO_OFFSET : *previous << chain->unit_shift;
	if (glibc_chain_size(chain, broken, &field)) {
		resume = glibc_chain_hidden(chain, before, broken);
		broken = before;
	} else {
		resume = find_resumption(chain, before, &broken);
	}
	struct hc_error *err = glibc_damages_add(damages, (struct glibc_damage){broken, resume});
	if (err || (resume == chain->size && broken != chain->top))
		return err;
	glibc_chain_set_start(chain, broken >> chain->unit_shift);
	*previous = broken >> chain->unit_shift;
	*offset = resume;
	*goes_on = true;
	return NULL;
}
