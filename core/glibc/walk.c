/**
 * @file
 * From the first header of a stretch to its end, chunk by chunk.
 *
 * A chunk's size field leads to the next header. One header costs one cache miss and the next
 * address depends on it, so one walker can't be faster than memory latency allows. A long stretch
 * is therefore cut into pieces that are walked at once, by several threads and several pieces in
 * turn by each: a walker that does not know where a chunk starts in its piece guesses the first
 * place from which a chain of sane headers leads on. By construction a chain that meets a true
 * header stays on true headers, and a false chain fails or merges within a few steps. The pieces
 * are joined from left to right: the true chain enters a piece, is followed until it meets a start
 * bit that the piece's walker has set, and whatever that walker had set before is cleared. So the
 * result is exactly that of a single walk, whatever was guessed. If they never meet, the joiner has
 * walked the piece itself.
 *
 * Where the chain breaks (a header that can't be one), the break is mended: the next place from
 * which a chain of sane headers leads on is found by looking, and the chunk with the broken header
 * is taken to reach up to there. That depends on nothing but the headers themselves, so it gives
 * the same answer in every piece. A break costs the bytes between the broken header and the next
 * sane one, and nothing else.
 *
 * Pairs of fenceposts, which sysmalloc leaves where foreign memory follows (somebody else's sbrk),
 * end a span; the next one begins at the next chain. They are no damage.
 */
#include "core/glibc/glibc.h"
#include "core/array.h"
#include "core/cleanup.h"
#include "core/parallel.h"

/** Pieces are at least this long. Bytes. */
#define MIN_PIECE (UINT64_C(4) << 20)
/** Pieces that one thread walks in turn: as many cache misses are under way. */
#define LANES 4
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

/** Bytes that are walked, in one piece of memory. Offsets count from the first header. */
struct chain {
	const uint8_t *data;
	uint64_t size; /**< bytes; a chunk may end here, but not beyond */
	struct hc_block *blocks;
	unsigned word, header, unit_shift;
	uint64_t min_chunk;
	uint64_t bad_bits; /**< bits that no size field of this stretch has */
	uint64_t top;      /**< offset of the top chunk, whose end need not be aligned; NO_TOP */
	uint64_t reach; /**< bytes to the end of the stretch; more than size when bytes are missing
			 */
};

#define NO_TOP UINT64_MAX
#define NO_OFFSET UINT64_MAX

/** Size of the chunk at @p offset, or 0 when the header can't be one. */
static inline uint64_t chunk_size(const struct chain *chain, uint64_t offset, uint64_t *field_ret)
{
	uint64_t left = chain->size - offset;
	if (left < chain->min_chunk)
		return 0;
	uint64_t field = hc_load_word(chain->data + offset + chain->word, chain->word);
	uint64_t size = field & ~(uint64_t)GLIBC_SIZE_BITS;
	*field_ret = field;
	if (size < chain->min_chunk || size > left)
		return 0;
	return !(field & chain->bad_bits) || offset == chain->top ? size : 0;
}

static inline void set_start(const struct chain *chain, uint64_t unit)
{
	chain->blocks[unit / HC_UNITS_PER_BLOCK].start |= UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
}

/** Boundary tag says free: on some bin, until a list says which. */
static inline void set_free(const struct chain *chain, uint64_t unit)
{
	struct hc_block *block = &chain->blocks[unit / HC_UNITS_PER_BLOCK];
	uint64_t bit = UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
	block->free |= bit;
	block->a |= bit;
	block->b |= bit;
}

#define NO_UNIT UINT64_MAX

/**
 * Walk from @p offset until a header at or after @p stop, or one that can't be one.
 *
 * @param previous unit of the chunk before @p offset, or NO_UNIT
 * @param[out] last_ret unit of the last chunk whose header was accepted, or @p previous
 * @return offset of the first header that was not accepted
 */
static uint64_t walk_chain(const struct chain *chain, uint64_t offset, uint64_t stop,
			   uint64_t previous, uint64_t *last_ret)
{
	while (offset < stop) {
		uint64_t field, size = chunk_size(chain, offset, &field);
		if (!size)
			break;
		uint64_t unit = offset >> chain->unit_shift;
		if (!(field & GLIBC_PREV_INUSE) && previous != NO_UNIT)
			set_free(chain, previous);
		set_start(chain, unit);
		previous = unit;
		offset += size;
	}
	*last_ret = previous;
	return offset;
}

/**
 * Whether @p length sane headers follow each other from @p offset on, or lead straight to the end.
 * Where a header says that the chunk before it is free, that chunk's footer must agree.
 */
static bool leads_on(const struct chain *chain, uint64_t offset, unsigned length)
{
	uint64_t field, size = 0;
	for (unsigned i = 0; i < length; i++) {
		uint64_t next = chunk_size(chain, offset, &field);
		if (!next) {
			/* A fencepost ends a sound chain, too. */
			return i && chain->size - offset >= chain->header &&
			       (hc_load_word(chain->data + offset + chain->word, chain->word) &
				~(uint64_t)GLIBC_PREV_INUSE) == chain->header;
		}
		if (i && !(field & GLIBC_PREV_INUSE) &&
		    hc_load_word(chain->data + offset, chain->word) != size)
			return false;
		size = next;
		offset += size;
		if (offset == chain->size)
			return true;
	}
	return true;
}

/**
 * A long chain of sane headers inside the chunk that the header at @p offset describes; NO_OFFSET
 * without one. Where there is one, that header is false: three letters and a zero make a size of
 * megabytes that may well end at a true header.
 */
static uint64_t hidden_chain(const struct chain *chain, uint64_t offset)
{
	uint64_t field, size = chunk_size(chain, offset, &field),
			step = UINT64_C(1) << chain->unit_shift;
	uint64_t end = offset + size, window = size < HIDING_WINDOW ? end : offset + HIDING_WINDOW;
	for (uint64_t at = offset + step; at < window; at += step) {
		uint64_t next = at;
		unsigned length = 0;
		while (length < HIDING_LENGTH && next < end &&
		       (size = chunk_size(chain, next, &field))) {
			next += size;
			length++;
		}
		if (length == HIDING_LENGTH && next < end)
			return at;
	}
	return NO_OFFSET;
}

/**
 * Whether the header at @p offset, which says that the chunk before it is free, is right about its
 * size.
 */
static bool ends_free_chunk(const struct chain *chain, uint64_t broken, uint64_t offset)
{
	uint64_t size = hc_load_word(chain->data + offset, chain->word), field;
	if (size == offset - broken)
		return true;
	return size <= offset && !(size & ((UINT64_C(1) << chain->unit_shift) - 1)) &&
	       chunk_size(chain, offset - size, &field) == size && size;
}

/**
 * First offset in [from, to) from which a chain leads on, or @p to.
 *
 * @param broken where the chain broke, or NO_OFFSET when this is a first guess. A header whose
 * chunk before is free is believed only when that chunk is the broken one (its footer, the
 * prev_size field here, then says how long it is), or when its own header agrees with its footer.
 */
static uint64_t find_chain(const struct chain *chain, uint64_t broken, uint64_t from, uint64_t to)
{
	for (uint64_t at = from; at < to; at += UINT64_C(1) << chain->unit_shift) {
		uint64_t field;
		if (!chunk_size(chain, at, &field))
			continue;
		if (!(field & GLIBC_PREV_INUSE) &&
		    (broken == NO_OFFSET || !ends_free_chunk(chain, broken, at)))
			continue;
		if (broken == NO_OFFSET ? leads_on(chain, at, GUESS_LENGTH)
					: leads_on(chain, at, MEND_LENGTH) &&
						  hidden_chain(chain, at) == NO_OFFSET)
			return at;
	}
	return to;
}

/** What a stretch looks like where no chunk's header was accepted. */
enum interruption {
	REACHED_END,
	FENCEPOSTS, /**< a header-sized filler and a header-sized fencepost: foreign memory follows
		     */
	TERMINATOR, /**< filler and a header of size 0: the end of a thread heap that has a
		       successor */
	MISSING,    /**< the core's bytes end here */
	DAMAGED,
};

static uint64_t field_at(const struct chain *chain, uint64_t offset)
{
	return offset + 2 * chain->word <= chain->size
		       ? hc_load_word(chain->data + offset + chain->word, chain->word)
		       : 0;
}

static enum interruption what_is_at(const struct chain *chain, uint64_t offset)
{
	unsigned header = chain->header;
	uint64_t left = chain->size - offset;
	bool more_follows = chain->reach > chain->size;
	/* On i386 a heap's end is not aligned as chunks are; less than a unit may be left over. */
	uint64_t unit = UINT64_C(1) << chain->unit_shift;
	if (!left)
		return more_follows ? MISSING : REACHED_END;
	if (left >= 2 * header && (field_at(chain, offset) & ~UINT64_C(1)) == header) {
		uint64_t second = field_at(chain, offset + header);
		if (second == (header | GLIBC_PREV_INUSE))
			return FENCEPOSTS;
		if (second == GLIBC_PREV_INUSE && left < 2 * header + unit)
			return TERMINATOR;
	}
	if (left >= header && left < header + unit && field_at(chain, offset) == GLIBC_PREV_INUSE)
		return TERMINATOR;
	if (more_follows) {
		/*
		 * The chunk here may be sound and merely reach beyond the bytes that the core has.
		 */
		uint64_t size = field_at(chain, offset) & ~(uint64_t)GLIBC_SIZE_BITS;
		if (left < 2 * chain->word || (size > left && size <= chain->reach - offset &&
					       !(field_at(chain, offset) & chain->bad_bits)))
			return MISSING;
	}
	return DAMAGED;
}

/** A broken header and where the chain resumes; chain.size when nowhere. Offsets. */
struct damage {
	uint64_t offset, resume;
};

struct damages {
	struct damage *items;
	size_t num;
};

static struct hc_error *add_damage(struct damages *damages, struct damage damage)
{
	struct hc_error *err =
		hc_array_reserve(&damages->items, damages->num, sizeof(*damages->items));
	if (err)
		return err;
	damages->items[damages->num++] = damage;
	return NULL;
}

/**
 * A chain that ends at another break before @p resume, where a long one begins: sound chunks
 * between two breaks that lie close together. The nearest one, or @p resume. However wrong the
 * guess, the walk is back on the true chain at @p resume.
 */
static uint64_t find_between(const struct chain *chain, uint64_t broken, uint64_t resume)
{
	uint64_t step = UINT64_C(1) << chain->unit_shift;
	uint64_t limit = resume - broken < BETWEEN_WINDOW ? resume : broken + BETWEEN_WINDOW;
	for (uint64_t at = broken + step; at < limit; at += step) {
		uint64_t next = at, field, size, before = at - broken;
		unsigned length = 0;
		while (length < BETWEEN_LENGTH && next < resume &&
		       (size = chunk_size(chain, next, &field)) &&
		       (field & GLIBC_PREV_INUSE ||
			hc_load_word(chain->data + next, chain->word) == before)) {
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
 * @return where the first chunk behind the false one begins; NO_OFFSET when nothing proves it false
 */
static uint64_t find_hidden_by(const struct chain *chain, uint64_t falsified, uint64_t broken,
			       uint64_t resume)
{
	uint64_t step = UINT64_C(1) << chain->unit_shift, field, prev_size;
	if (resume == chain->size || !chunk_size(chain, resume, &field) || field & GLIBC_PREV_INUSE)
		return NO_OFFSET;
	prev_size = hc_load_word(chain->data + resume, chain->word);
	if (prev_size > resume - falsified || resume - prev_size <= falsified ||
	    resume - prev_size >= broken || prev_size & (step - 1) ||
	    chunk_size(chain, resume - prev_size, &field) != prev_size)
		return NO_OFFSET;
	uint64_t freed = resume - prev_size;
	for (uint64_t at = falsified + step; at < freed && freed - falsified <= BETWEEN_WINDOW;
	     at += step) {
		uint64_t next = at, size;
		if (!chunk_size(chain, at, &field) || !(field & GLIBC_PREV_INUSE))
			continue;
		for (unsigned i = 0; i < GUESS_LENGTH && next < freed; i++) {
			if (!(size = chunk_size(chain, next, &field)))
				break;
			next += size;
		}
		if (next == freed)
			return at;
	}
	return freed;
}

/**
 * Where the chain resumes behind the break at @p *broken. When that proves the chunk @p before the
 * break (or NO_OFFSET) to be the false one, that is what is broken.
 */
static uint64_t find_resumption(const struct chain *chain, uint64_t before, uint64_t *broken)
{
	uint64_t step = UINT64_C(1) << chain->unit_shift;
	uint64_t resume = find_chain(chain, *broken, *broken + step, chain->size);
	uint64_t hidden =
		before == NO_OFFSET ? NO_OFFSET : find_hidden_by(chain, before, *broken, resume);
	if (hidden == NO_OFFSET)
		return find_between(chain, *broken, resume);
	*broken = before;
	return hidden;
}

/**
 * Mend the break at @p *offset: the chunk there reaches up to the next chain. Unless the chunk
 * before it led the walk astray with a size that is sane but false; then that one is mended.
 *
 * @param[out] goes_on whether the walk can go on, at the new @p *offset
 */
static struct hc_error *mend(const struct chain *chain, uint64_t *offset, uint64_t *previous,
			     struct damages *damages, bool *goes_on)
{
	uint64_t broken = *offset, resume = NO_OFFSET;
	*goes_on = false;
	if (what_is_at(chain, broken) != DAMAGED)
		return NULL;
	uint64_t before = *previous == NO_UNIT ? NO_OFFSET : *previous << chain->unit_shift;
	if (before != NO_OFFSET)
		resume = hidden_chain(chain, before);
	if (resume == NO_OFFSET && broken == chain->top)
		resume =
			chain->size; /* behind a broken top there is only what was freed long ago */
	else if (resume == NO_OFFSET)
		resume = find_resumption(chain, before, &broken);
	else
		broken = before;
	struct hc_error *err = add_damage(damages, (struct damage){broken, resume});
	if (err || (resume == chain->size && broken != chain->top))
		return err;
	set_start(chain, broken >> chain->unit_shift);
	*previous = broken >> chain->unit_shift;
	*offset = resume;
	*goes_on = true;
	return NULL;
}

/** One piece of a chain that is walked in parallel. */
struct piece {
	uint64_t from, to; /**< offsets */
	uint64_t end;      /**< first header not accepted, or at or behind @ref to */
	uint64_t last;     /**< unit of the last chunk, or NO_UNIT */
	struct damages damages;
};

/** Walk from piece->end, a header, to the end of the piece, mending what breaks. */
static struct hc_error *walk_and_mend(const struct chain *chain, struct piece *piece)
{
	for (bool goes_on = true; goes_on;) {
		piece->end = walk_chain(chain, piece->end, piece->to, piece->last, &piece->last);
		if (piece->end >= piece->to)
			break;
		struct hc_error *err =
			mend(chain, &piece->end, &piece->last, &piece->damages, &goes_on);
		if (err)
			return err;
	}
	return NULL;
}

/** Walk several pieces a header each in turn, every one until its end or its first break. */
static void walk_in_turn(const struct chain *chain, struct piece *pieces, size_t num)
{
	struct piece *walking[LANES];
	for (size_t i = 0; i < num; i++)
		walking[i] = &pieces[i];
	while (num) {
		for (size_t i = 0; i < num;) {
			struct piece *piece = walking[i];
			uint64_t stop = piece->end + 1;
			piece->end = piece->end < piece->to ? walk_chain(chain, piece->end, stop,
									 piece->last, &piece->last)
							    : piece->end;
			if (piece->end < stop)
				walking[i] = walking[--num];
			else
				i++;
		}
	}
}

struct piecewise {
	const struct chain *chain;
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
		pieces[i].last = NO_UNIT;
		pieces[i].end = pieces[i].from ? find_chain(work->chain, NO_OFFSET, pieces[i].from,
							    pieces[i].to)
					       : 0;
	}
	walk_in_turn(work->chain, pieces, num);
	for (size_t i = 0; i < num; i++) {
		struct hc_error *err = walk_and_mend(work->chain, &pieces[i]);
		if (err)
			return err;
	}
	return NULL;
}

static void clear_units(const struct chain *chain, uint64_t from, uint64_t to)
{
	while (from < to) {
		struct hc_block *block = &chain->blocks[from / HC_UNITS_PER_BLOCK];
		uint64_t bits = UINT64_MAX << from % HC_UNITS_PER_BLOCK;
		uint64_t next = (from / HC_UNITS_PER_BLOCK + 1) * HC_UNITS_PER_BLOCK;
		if (next > to)
			bits &= UINT64_MAX >> (next - to);
		block->start &= ~bits;
		block->free &= ~bits;
		block->a &= ~bits;
		block->b &= ~bits;
		from = next;
	}
}

static bool starts_at(const struct chain *chain, uint64_t unit)
{
	return chain->blocks[unit / HC_UNITS_PER_BLOCK].start >> unit % HC_UNITS_PER_BLOCK & 1;
}

/** Take over what the piece's own walker found from @p offset on. */
static struct hc_error *take_over(const struct piece *piece, uint64_t *offset, uint64_t *previous,
				  struct damages *damages)
{
	for (size_t i = 0; i < piece->damages.num; i++) {
		struct hc_error *err = NULL;
		if (piece->damages.items[i].offset >= *offset)
			err = add_damage(damages, piece->damages.items[i]);
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
static struct hc_error *join_piece(const struct chain *chain, const struct piece *piece,
				   uint64_t *offset, uint64_t *previous, struct damages *damages)
{
	unsigned shift = chain->unit_shift;
	uint64_t guessed_from = piece->from >> shift; /* units whose bits may be false */
	bool goes_on = true;
	while (*offset < piece->to && goes_on) {
		uint64_t unit = *offset >> shift, field;
		bool met = starts_at(chain, unit);
		uint64_t size = chunk_size(chain, *offset, &field);
		clear_units(chain, guessed_from, unit);
		if (size && !(field & GLIBC_PREV_INUSE) && *previous != NO_UNIT)
			set_free(chain, *previous);
		if (met)
			return take_over(piece, offset, previous, damages);
		guessed_from = unit + 1;
		if (size) {
			set_start(chain, unit);
			*previous = unit;
			*offset += size;
			continue;
		}
		clear_units(chain, unit, unit + 1);
		struct hc_error *err = mend(chain, offset, previous, damages, &goes_on);
		if (err)
			return err;
	}
	clear_units(chain, guessed_from, piece->to >> shift);
	return NULL;
}

static struct hc_error *join_pieces(const struct chain *chain, const struct piece *pieces,
				    size_t num, uint64_t *end_ret, uint64_t *last_ret,
				    struct damages *damages)
{
	uint64_t offset = 0, previous = NO_UNIT;
	struct hc_error *err = take_over(&pieces[0], &offset, &previous, damages);
	for (size_t i = 1; i < num && !err; i++) {
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

/** Walk the whole chain, with several threads when it is long. */
static struct hc_error *walk_whole(const struct chain *chain, unsigned jobs, bool one_piece,
				   uint64_t *end_ret, uint64_t *last_ret, struct damages *damages)
{
	uint64_t num = chain->size / MIN_PIECE;
	/* Several tasks for each thread, so that a slow one does not hold up the end. */
	uint64_t most = UINT64_C(4) * jobs * LANES;
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
	struct hc_error *err = hc_parallel_for(jobs, (num + LANES - 1) / LANES, walk_pieces, &work);
	if (!err)
		err = join_pieces(chain, pieces, num, end_ret, last_ret, damages);
	for (uint64_t i = 0; i < num; i++)
		free(pieces[i].damages.items);
	return err;
}

struct walker {
	struct glibc *g;
	const struct glibc_stretch *stretch;
	struct chain chain;
	uint64_t start;      /**< address of chain.data */
	uint64_t num_blocks; /**< of chain.blocks, which outlive a span when much is left of them */
	unsigned jobs;
	bool behind_fence; /**< fenceposts were met: more may come, so nothing is walked ahead */
};

/**
 * The planes of a span of @p num blocks. They were made for all that might have come; a heap with
 * many interruptions needs less. Then they are copied, so that what a span costs is in proportion
 * to the span, and the large ones are kept, clear again, for the next one.
 */
static struct hc_block *take_blocks(struct walker *w, uint64_t num)
{
	/* The pieces of a walk that did not know of the fence have marks behind it, too. */
	if (!w->behind_fence || num > w->num_blocks / 2) {
		uint64_t had = w->num_blocks;
		w->num_blocks = 0;
		return hc_blocks_shrink(hc_steal(w->chain.blocks), had, num);
	}
	struct hc_block *blocks = hc_blocks_create(num);
	if (blocks) {
		memcpy(blocks, w->chain.blocks, num * sizeof(*blocks));
		memset(w->chain.blocks, 0, num * sizeof(*blocks));
	}
	return blocks;
}

/** Add the first @p bytes of the chain, with the planes of the walk, as a span. */
static struct hc_error *add_span(struct walker *w, uint64_t bytes)
{
	uint64_t units = bytes >> w->chain.unit_shift;
	struct hc_block *blocks = take_blocks(w, hc_num_blocks(units));
	if (!blocks)
		return &hc_enomem;
	struct hc_span *span;
	return hc_heap_add_span(w->g->heap, w->stretch->kind, w->stretch->arena, w->start,
				w->start + bytes, w->start + w->chain.header, units, w->chain.word,
				blocks, &span);
}

/**
 * The filler of a terminated heap may be an ordinary-looking chunk of two headers; what gives it
 * away is that it lacks the bit which every chunk in use in a thread arena has.
 */
static bool is_filler(const struct walker *w, uint64_t unit, uint64_t end)
{
	uint64_t offset = unit << w->chain.unit_shift, field = field_at(&w->chain, offset);
	return w->stretch->kind == HC_SPAN_THREAD_HEAP && !(field & GLIBC_NON_MAIN_ARENA) &&
	       end - offset == 2 * w->chain.header;
}

/** Close the span at a fencepost or terminator: make it a chunk of the allocator's own. */
static struct hc_error *close_with_fence(struct walker *w, uint64_t offset, uint64_t last,
					 uint64_t bytes)
{
	uint64_t fence = offset;
	if (last != NO_UNIT && is_filler(w, last, offset))
		fence = last << w->chain.unit_shift;
	else if (field_at(&w->chain, offset) == GLIBC_PREV_INUSE)
		return add_span(w, offset); /* a bare terminator is not worth a chunk */
	set_start(&w->chain, fence >> w->chain.unit_shift);
	if (!(field_at(&w->chain, offset) & GLIBC_PREV_INUSE) && fence == offset && last != NO_UNIT)
		set_free(&w->chain, last);
	struct hc_error *err = add_span(w, bytes);
	if (err)
		return err;
	return hc_heap_add_special(w->g->heap, w->start + fence + w->chain.header, HC_OVERHEAD,
				   "fencepost");
}

/** What is wrong with the header at @p offset, in which the walk could not believe. */
static enum glibc_fault header_fault(const struct walker *w, uint64_t offset,
				     const char **words_ret)
{
	const struct chain *chain = &w->chain;
	uint64_t field = field_at(chain, offset), size = field & ~(uint64_t)GLIBC_SIZE_BITS;
	bool foreign = field & chain->bad_bits & GLIBC_NON_MAIN_ARENA;
	if (offset == chain->top) {
		*words_ret = "is impossible for a top chunk";
		return GLIBC_TOP_SIZE;
	}
	if (size < chain->min_chunk || size & (((uint64_t)1 << chain->unit_shift) - 1)) {
		*words_ret = size < chain->min_chunk ? "is smaller than any chunk"
						     : "is not a multiple of the alignment";
		return GLIBC_SIZE_SMALL;
	}
	if (field & GLIBC_IS_MMAPPED) {
		*words_ret = "claims a mapping of its own, inside a heap";
		return GLIBC_SIZE_MMAPPED;
	}
	if (size > chain->reach - offset) {
		*words_ret = "reaches beyond the end of the heap";
		return foreign ? GLIBC_SIZE_FOREIGN : GLIBC_SIZE_LARGE;
	}
	*words_ret = foreign ? "claims another arena" : "does not lead to another header";
	return foreign ? GLIBC_SIZE_FOREIGN : GLIBC_SIZE_FALSE;
}

static struct hc_error *report_damage(struct walker *w, const struct damage *damage)
{
	uint64_t at = w->start + damage->offset, left = w->chain.size - damage->offset;
	const char *words;
	enum glibc_fault code = header_fault(w, damage->offset, &words);
	struct hc_inconsistency fault = glibc_fault(code, at + w->chain.word, at + w->chain.header);
	uint64_t field = field_at(&w->chain, damage->offset);
	if (code == GLIBC_TOP_SIZE)
		return hc_heap_add_inconsistency(w->g->heap, fault, "the size field 0x%jx %s",
						 (uintmax_t)field, words);
	w->g->heap->partial |= damage->resume == w->chain.size;
	if (damage->resume == w->chain.size)
		return hc_heap_add_inconsistency(
			w->g->heap, fault,
			"the size field 0x%jx %s; no chain of chunks resumes in the %ju bytes that "
			"follow, which were left out",
			(uintmax_t)field, words, (uintmax_t)left);
	return hc_heap_add_inconsistency(w->g->heap, fault,
					 "the size field 0x%jx %s; the chain of chunks resumes %ju "
					 "bytes further on, so that "
					 "is taken for the size",
					 (uintmax_t)field, words,
					 (uintmax_t)(damage->resume - damage->offset));
}

/**
 * Whether the chunk before a broken header is free lay in that header. A chunk is in a bin when the
 * chunks that its fd and bk lead to lead back.
 */
static void restore_free(struct walker *w, const struct damage *damage)
{
	const struct chain *chain = &w->chain;
	uint64_t unit = damage->offset >> chain->unit_shift, fd, bk, back, forth;
	/*
	 * The header before is the nearest start bit: look no further back than a few blocks at a
	 * time.
	 */
	uint64_t block = unit / HC_UNITS_PER_BLOCK;
	uint64_t bits =
		chain->blocks[block].start & ((UINT64_C(1) << unit % HC_UNITS_PER_BLOCK) - 1);
	while (!bits && block)
		bits = chain->blocks[--block].start;
	if (!bits)
		return;
	unit = block * HC_UNITS_PER_BLOCK + (HC_UNITS_PER_BLOCK - 1 - __builtin_clzll(bits));
	uint64_t chunk = w->start + (unit << chain->unit_shift), mem = chunk + chain->header;
	if (glibc_word(w->g, mem, &fd) && glibc_word(w->g, mem + chain->word, &bk) &&
	    glibc_word(w->g, fd + chain->header + chain->word, &back) && back == chunk &&
	    glibc_word(w->g, bk + chain->header, &forth) && forth == chunk)
		set_free(chain, unit);
}

/** Walk the chain and report its damage. */
static struct hc_error *walk_and_report(struct walker *w, uint64_t *end_ret, uint64_t *last_ret)
{
	struct damages damages = {0};
	struct hc_error *err =
		walk_whole(&w->chain, w->jobs, w->behind_fence, end_ret, last_ret, &damages);
	for (size_t i = 0; i < damages.num && !err; i++) {
		restore_free(w, &damages.items[i]);
		err = report_damage(w, &damages.items[i]);
	}
	free(damages.items);
	return err;
}

/**
 * Walk the chain that starts at w->start and add its span.
 *
 * @param[out] resume_ret offset at which to go on: of the next chain, of a header whose chunk is
 * not all there, or chain.size
 */
static struct hc_error *walk_chain_of_span(struct walker *w, uint64_t *resume_ret,
					   enum interruption *why_ret)
{
	uint64_t end = 0, last = NO_UNIT, fences = 2 * w->chain.header;
	struct hc_error *err = walk_and_report(w, &end, &last);
	if (err)
		return err;
	*why_ret = what_is_at(&w->chain, end);
	switch (*why_ret) {
	case FENCEPOSTS:
		*resume_ret = find_chain(&w->chain, NO_OFFSET, end + fences, w->chain.size);
		return close_with_fence(w, end, last, end + fences);
	case TERMINATOR:
		*resume_ret = w->chain.size;
		return close_with_fence(w, end, last, w->chain.size);
	case DAMAGED: /* and nothing follows */
		*resume_ret = w->chain.size;
		break;
	case REACHED_END:
	case MISSING:
		*resume_ret = end;
		break;
	}
	return end ? add_span(w, end) : NULL;
}

static void drop_blocks(struct walker *w)
{
	hc_blocks_destroy(hc_steal(w->chain.blocks), w->num_blocks);
	w->num_blocks = 0;
}

static struct hc_error *walk_span(struct walker *w, uint64_t *resume_ret,
				  enum interruption *why_ret)
{
	uint64_t num = hc_num_blocks(w->chain.size >> w->chain.unit_shift);
	if (w->num_blocks < num) {
		drop_blocks(w);
		w->chain.blocks = hc_blocks_create(num);
		if (!w->chain.blocks)
			return &hc_enomem;
		w->num_blocks = num;
	}
	struct hc_error *err = walk_chain_of_span(w, resume_ret, why_ret);
	/* A chain without a span leaves marks; so does one that ends in damage, behind the end. */
	if (err || *why_ret != FENCEPOSTS)
		drop_blocks(w);
	return err;
}

static void init_chain(struct walker *w, uint64_t start, struct hc_bytes view)
{
	const struct glibc_params *params = &w->g->params;
	w->start = start;
	w->chain = (struct chain){
		.data = view.data,
		.size = view.size,
		.blocks = w->chain.blocks,
		.word = params->word_size,
		.header = params->header,
		.unit_shift = __builtin_ctz(params->alignment),
		.min_chunk = params->min_chunk,
		.reach = w->stretch->end - start,
		.bad_bits = GLIBC_IS_MMAPPED | ((params->alignment - 1) & ~GLIBC_SIZE_BITS),
	};
	uint64_t top = w->stretch->top;
	w->chain.top = top >= start && top - start < view.size ? top - start : NO_TOP;
	if (w->stretch->kind == HC_SPAN_MAIN)
		w->chain.bad_bits |= GLIBC_NON_MAIN_ARENA;
}

/**
 * A chunk at @p start whose bytes do not all lie in one piece: a span of its own.
 *
 * @param[out] end_ret its end, or @p start when its header can't be one
 */
static struct hc_error *add_straddler(struct walker *w, uint64_t start, uint64_t *end_ret)
{
	const struct glibc_stretch *stretch = w->stretch;
	uint64_t field;
	*end_ret = start;
	if (!glibc_word(w->g, start + w->chain.word, &field))
		return NULL;
	uint64_t size = field & ~(uint64_t)GLIBC_SIZE_BITS;
	if (size < w->chain.min_chunk || size > stretch->end - start || field & w->chain.bad_bits)
		return NULL;
	struct hc_span *span;
	struct hc_error *err =
		hc_heap_add_span(w->g->heap, stretch->kind, stretch->arena, start, start + size,
				 start + w->chain.header, 1, w->chain.word, NULL, &span);
	if (err)
		return err;
	hc_span_set_start(span, 0);
	uint64_t next;
	if (glibc_word(w->g, start + size + w->chain.word, &next) && !(next & GLIBC_PREV_INUSE)) {
		struct chain chain = {.blocks = span->blocks};
		set_free(&chain, 0);
	}
	*end_ret = start + size;
	return NULL;
}

uint64_t glibc_probe(const struct glibc *g, uint64_t first, uint64_t limit, uint64_t most,
		     uint64_t *end_ret)
{
	struct glibc_stretch stretch = {
		.kind = HC_SPAN_MAIN,
		.first = first,
		.end = limit,
		.top = g->num_arenas ? g->arenas[0].top : 0,
	};
	struct walker w = {.g = (struct glibc *)g, .stretch = &stretch};
	init_chain(&w, first, hc_memory_view(g->memory, first, limit - first));
	uint64_t offset = 0, num = 0, size, field;
	while (num < most && offset < w.chain.size &&
	       (size = chunk_size(&w.chain, offset, &field))) {
		offset += size;
		num++;
	}
	if (offset < w.chain.size && what_is_at(&w.chain, offset) == FENCEPOSTS)
		offset += 2 * w.chain.header;
	*end_ret = first + offset;
	return num;
}

static uint64_t first_header_at(const struct glibc *g, uint64_t address)
{
	uint64_t mask = g->params.alignment - 1;
	return ((address + g->params.header + mask) & ~mask) - g->params.header;
}

static struct hc_error *walk_stretch(struct walker *w)
{
	struct glibc *g = w->g;
	const struct glibc_stretch *stretch = w->stretch;
	uint64_t at = stretch->first;
	bool on_chain = true; /* at is a header, not just some address */
	while (at < stretch->end && stretch->end - at >= g->params.min_chunk) {
		struct hc_error *err;
		struct hc_bytes view = hc_memory_view(g->memory, at, stretch->end - at);
		if (view.size < 2 * g->params.header) {
			const struct hc_extent *next =
				hc_memory_find_next(g->memory, at + view.size);
			g->heap->partial = true;
			if (!next || next->start >= stretch->end)
				return NULL;
			at = first_header_at(g, next->start > at ? next->start : at + view.size);
			on_chain = false;
			continue;
		}
		init_chain(w, at, view);
		if (!on_chain) {
			uint64_t found = find_chain(&w->chain, NO_OFFSET, 0, w->chain.size);
			on_chain = found < w->chain.size;
			at += found;
			continue;
		}
		uint64_t resume = 0, end;
		enum interruption why;
		if ((err = walk_span(w, &resume, &why)))
			return err;
		at += resume;
		/* What was walked ahead behind a fence is walked again: only once in pieces. */
		w->behind_fence |= why == FENCEPOSTS;
		if (why != MISSING)
			continue;
		if ((err = add_straddler(w, at, &end)))
			return err;
		at = end > at ? end : w->start + w->chain.size;
	}
	return NULL;
}

struct hc_error *glibc_walk(struct glibc *g, const struct glibc_stretch *stretch)
{
	struct walker w = {.g = g, .stretch = stretch, .jobs = g->process->jobs};
	struct hc_error *err = walk_stretch(&w);
	drop_blocks(&w);
	return err;
}
