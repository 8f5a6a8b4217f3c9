/**
 * @file
 * A chain from its first header to its end, in several pieces at once.
 *
 * One header costs one cache miss and the next address depends on it, so one walker can't be faster
 * than memory latency allows. A long chain is therefore cut into pieces that are walked at once, by
 * several threads and several pieces in turn by each: a walker that does not know where a chunk
 * starts in its piece guesses the first place from which a chain of sane headers leads on. By
 * construction a chain that meets a true header stays on true headers, and a false chain fails or
 * merges within a few steps. The pieces are joined from left to right: the true chain enters a
 * piece, is followed until it meets a start bit that the piece's walker has set, and whatever that
 * walker had set before is cleared. So the result is exactly that of a single walk, whatever was
 * guessed. If they never meet, the joiner has walked the piece itself.
 *
 * A break is mended (mend.h) by what the headers behind it say and nothing else, so it is mended in
 * the same way in every piece.
 */
#include "core/allocators/glibc/chain.h"
#include "core/base/cleanup.h"
#include "core/allocators/glibc/mend.h"
#include "core/base/parallel.h"

/** Pieces are at least this long. Bytes. */
#define MIN_PIECE (UINT64_C(4) << 20)
/** Pieces that one thread walks in turn: as many cache misses are under way. */
#define LANES 8

/**
 * Walk from @p offset until a header at or after @p stop, or one that can't be one.
 *
 * @param previous unit of the chunk before @p offset, or GLIBC_NO_UNIT
 * @param[out] last_ret unit of the last chunk whose header was accepted, or @p previous
 * @return offset of the first header that was not accepted, or contradicts the one before
 */
static uint64_t walk_chain(const struct glibc_chain *chain, uint64_t offset, uint64_t stop,
			   uint64_t previous, uint64_t *last_ret)
{
	while (offset < stop) {
		uint64_t field, size = glibc_chain_size(chain, offset, &field);
		if (!size)
			break;
		uint64_t unit = offset >> chain->unit_shift;
		if (!(field & GLIBC_PREV_INUSE) && previous != GLIBC_NO_UNIT) {
			if (glibc_chain_contradicts(chain, previous, offset))
				break;
			glibc_chain_set_free(chain, previous);
		}
		glibc_chain_set_start(chain, unit);
		previous = unit;
		offset += size;
	}
	*last_ret = previous;
	return offset;
}

/** One piece of a chain that is walked in parallel. */
struct piece {
	uint64_t from, to; /**< offsets */
	uint64_t end;      /**< first header not accepted, or at or behind @ref to */
	uint64_t last;     /**< unit of the last chunk, or GLIBC_NO_UNIT */
	struct glibc_damages damages;
};

/** Walk from piece->end, a header, to the end of the piece, mending what breaks. */
static struct hc_error *walk_and_mend(const struct glibc_chain *chain, struct piece *piece)
{
	for (bool goes_on = true; goes_on;) {
		piece->end = walk_chain(chain, piece->end, piece->to, piece->last, &piece->last);
		if (piece->end >= piece->to)
			break;
		struct hc_error *err = glibc_chain_mend(chain, &piece->end, &piece->last,
							&piece->damages, &goes_on);
		if (err)
			return err;
	}
	return NULL;
}

/** Headers of each piece after which to ask whether to go on: some milliseconds. */
#define ROUNDS_PER_LOOK 16384

/** Walk several pieces a header each in turn, every one until its end or its first break. */
static struct hc_error *walk_in_turn(const struct glibc_chain *chain, struct piece *pieces,
				     size_t num)
{
	struct piece *walking[LANES];
	for (size_t i = 0; i < num; i++)
		walking[i] = &pieces[i];
	for (unsigned round = 1; num; round++) {
		if (round % ROUNDS_PER_LOOK == 0 && hc_watch_cancelled(chain->watch))
			return hc_watch_check(chain->watch);
		for (size_t i = 0; i < num;) {
			struct piece *piece = walking[i];
			uint64_t stop = piece->end + 1;
			piece->end = piece->end < piece->to ? walk_chain(chain, piece->end, stop,
									 piece->last, &piece->last)
							    : piece->end;
			if (piece->end < stop) {
				walking[i] = walking[--num];
				continue;
			}
			/* Asked for now, it is there when this piece has its turn again. */
			if (piece->end < piece->to)
				__builtin_prefetch(chain->data + piece->end + chain->word);
			i++;
		}
	}
	return NULL;
}

struct piecewise {
	const struct glibc_chain *chain;
	struct piece *pieces;
	size_t num;
};

static struct hc_error *walk_pieces(void *ctx, unsigned worker, size_t task)
{
	(void)worker;
	struct piecewise *work = ctx;
	struct piece *pieces = &work->pieces[task * LANES];
	size_t num = work->num - task * LANES;
	num = num < LANES ? num : LANES;
	for (size_t i = 0; i < num; i++) {
		pieces[i].last = GLIBC_NO_UNIT;
		pieces[i].end = pieces[i].from ? glibc_chain_find(work->chain, GLIBC_NO_OFFSET,
								  pieces[i].from, pieces[i].to)
					       : 0;
	}
	struct hc_error *err = walk_in_turn(work->chain, pieces, num);
	for (size_t i = 0; !err && i < num; i++)
		err = walk_and_mend(work->chain, &pieces[i]);
	return err;
}

static void clear_units(const struct glibc_chain *chain, uint64_t from, uint64_t to)
{
	for (uint64_t i = from / HC_UNITS_PER_BLOCK; i * HC_UNITS_PER_BLOCK < to; i++) {
		struct hc_block *block = &chain->blocks[i];
		uint64_t bits = hc_block_units(i, from, to);

		block->start &= ~bits;
		block->free &= ~bits;
		block->a &= ~bits;
		block->b &= ~bits;
	}
}

static bool starts_at(const struct glibc_chain *chain, uint64_t unit)
{
	return chain->blocks[unit / HC_UNITS_PER_BLOCK].start >> unit % HC_UNITS_PER_BLOCK & 1;
}

/** Take over what the piece's own walker found from @p offset on. */
static struct hc_error *take_over(const struct piece *piece, uint64_t *offset, uint64_t *previous,
				  struct glibc_damages *damages)
{
	for (size_t i = 0; i < piece->damages.num; i++) {
		struct hc_error *err = NULL;
		if (piece->damages.items[i].offset >= *offset)
			err = glibc_damages_add(damages, piece->damages.items[i]);
		if (err)
			return err;
	}
	*offset = piece->end;
	*previous = piece->last;
	return NULL;
}

/**
 * Let the true chain, which stands at @p *offset, enter a piece. Leaves it at or behind piece->to,
 * or where the chain ends.
 */
static struct hc_error *join_piece(const struct glibc_chain *chain, const struct piece *piece,
				   uint64_t *offset, uint64_t *previous,
				   struct glibc_damages *damages)
{
	unsigned shift = chain->unit_shift;
	uint64_t guessed_from = piece->from >> shift; /* units whose bits may be false */
	bool goes_on = true;
	while (*offset < piece->to && goes_on) {
		uint64_t unit = *offset >> shift, field;
		bool met = starts_at(chain, unit);
		uint64_t size = glibc_chain_size(chain, *offset, &field);
		clear_units(chain, guessed_from, unit);
		if (size && !(field & GLIBC_PREV_INUSE) && *previous != GLIBC_NO_UNIT) {
			if (glibc_chain_contradicts(chain, *previous, *offset)) {
				met = false;
				size = 0;
			} else {
				glibc_chain_set_free(chain, *previous);
			}
		}
		if (met)
			return take_over(piece, offset, previous, damages);
		guessed_from = unit + 1;
		if (size) {
			glibc_chain_set_start(chain, unit);
			*previous = unit;
			*offset += size;
			continue;
		}
		clear_units(chain, unit, unit + 1);
		struct hc_error *err = glibc_chain_mend(chain, offset, previous, damages, &goes_on);
		if (err)
			return err;
	}
	clear_units(chain, guessed_from, piece->to >> shift);
	return NULL;
}

static struct hc_error *join_pieces(const struct piecewise *work, uint64_t *end_ret,
				    uint64_t *last_ret, struct glibc_damages *damages)
{
	const struct glibc_chain *chain = work->chain;
	const struct piece *pieces = work->pieces;
	uint64_t offset = 0, previous = GLIBC_NO_UNIT;
	struct hc_error *err = take_over(&pieces[0], &offset, &previous, damages);
	for (size_t i = 1; i < work->num && !err; i++) {
		if (offset >= pieces[i].from)
			err = join_piece(chain, &pieces[i], &offset, &previous, damages);
		else /* the chain has ended before this piece */
			clear_units(chain, pieces[i].from >> chain->unit_shift,
				    pieces[i].to >> chain->unit_shift);
	}
	*end_ret = offset;
	*last_ret = previous;
	return err;
}

struct hc_error *glibc_chain_walk(const struct glibc_chain *chain, bool one_piece,
				  uint64_t *end_ret, uint64_t *last_ret,
				  struct glibc_damages *damages)
{
	uint64_t num = chain->size / MIN_PIECE;
	/* Several tasks for each thread, so that a slow one does not hold up the end. */
	uint64_t most = UINT64_C(4) * chain->jobs * LANES;
	if (num > most)
		num = most;
	if (!num || one_piece)
		num = 1;
	hc_cleanup_free struct piece *pieces = calloc(num, sizeof(*pieces));
	if (!pieces)
		return &hc_enomem;
	/* Whole blocks, so that no two walkers write to one word. */
	uint64_t block = (uint64_t)HC_UNITS_PER_BLOCK << chain->unit_shift;
	uint64_t length = chain->size / num / block * block;
	for (uint64_t i = 0; i < num; i++) {
		pieces[i].from = i * length;
		pieces[i].to = i + 1 < num ? (i + 1) * length : chain->size;
	}
	struct piecewise work = {chain, pieces, num};
	struct hc_error *err = hc_parallel_watched(chain->jobs, chain->watch,
						   (num + LANES - 1) / LANES, walk_pieces, &work);
	if (!err)
		err = join_pieces(&work, end_ret, last_ret, damages);
	for (uint64_t i = 0; i < num; i++)
		glibc_damages_deinit(&pieces[i].damages);
	return err;
}
