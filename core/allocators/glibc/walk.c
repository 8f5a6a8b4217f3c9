/**
 * @file
 * From the first header of a stretch to its end: spans.
 *
 * The headers of a stretch form a chain, or several where foreign memory, missing bytes or damage
 * lie between. Each chain is walked (chain.h), its breaks are mended (mend.h) and reported, and
 * what was walked becomes a span.
 *
 * Pairs of fenceposts, which sysmalloc leaves where foreign memory follows (somebody else's sbrk),
 * end a span; the next one begins at the next chain. They are no damage.
 */
#include "core/base/cleanup.h"
#include "core/allocators/glibc/mend.h"

struct walker {
	struct glibc *g;
	const struct glibc_stretch *stretch;
	struct glibc_chain chain;
	uint64_t start;      /**< address of chain.data */
	uint64_t num_blocks; /**< of chain.blocks, which outlive a span when much is left of them */
	bool behind_fence;   /**< fenceposts were met: more may come, so nothing is walked ahead */
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
	const struct hc_span chunks = {
		.zone = w->g->arena_zone,
		.arena = w->stretch->arena,
		.tag = w->stretch->tag,
		.start = w->start,
		.end = w->start + bytes,
		.num_units = units,
		.blocks = blocks,
	};
	struct hc_span *span;
	return hc_heap_add_span(w->g->heap, &chunks, &span);
}

/**
 * The filler of a terminated heap may be an ordinary-looking chunk of two headers; what gives it
 * away is that it lacks the bit which every chunk in use in a thread arena has.
 */
static bool is_filler(const struct walker *w, uint64_t unit, uint64_t end)
{
	uint64_t offset = unit << w->chain.unit_shift, field = glibc_chain_field(&w->chain, offset);
	return w->stretch->tag == GLIBC_IN_THREAD_HEAP && !(field & GLIBC_NON_MAIN_ARENA) &&
	       end - offset == 2 * w->chain.header;
}

/** Close the span at a fencepost or terminator: make it a chunk of the allocator's own. */
static struct hc_error *close_with_fence(struct walker *w, uint64_t offset, uint64_t last,
					 uint64_t bytes)
{
	uint64_t fence = offset;
	if (last != GLIBC_NO_UNIT && is_filler(w, last, offset))
		fence = last << w->chain.unit_shift;
	else if (glibc_chain_field(&w->chain, offset) == GLIBC_PREV_INUSE)
		return add_span(w, offset); /* a bare terminator is not worth a chunk */
	glibc_chain_set_start(&w->chain, fence >> w->chain.unit_shift);
	if (!(glibc_chain_field(&w->chain, offset) & GLIBC_PREV_INUSE) && fence == offset &&
	    last != GLIBC_NO_UNIT)
		glibc_chain_set_free(&w->chain, last);
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
	const struct glibc_chain *chain = &w->chain;
	uint64_t field = glibc_chain_field(chain, offset),
		 size = field & ~(uint64_t)GLIBC_SIZE_BITS;
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
	*words_ret = foreign ? "claims another arena"
		     : glibc_chain_size(chain, offset + size, &field)
			     ? "jumps over the headers of other chunks"
			     : "does not lead to another header";
	return foreign ? GLIBC_SIZE_FOREIGN : GLIBC_SIZE_FALSE;
}

static struct hc_error *report_damage(struct walker *w, const struct glibc_damage *damage)
{
	uint64_t at = w->start + damage->offset, left = w->chain.size - damage->offset;
	const char *words;
	enum glibc_fault code = header_fault(w, damage->offset, &words);
	struct hc_inconsistency fault = glibc_fault(code, at + w->chain.word, at + w->chain.header);
	uint64_t field = glibc_chain_field(&w->chain, damage->offset);
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
static void restore_free(struct walker *w, const struct glibc_damage *damage)
{
	const struct glibc_chain *chain = &w->chain;
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
		glibc_chain_set_free(chain, unit);
}

/** Walk the chain and report its damage. */
static struct hc_error *walk_and_report(struct walker *w, uint64_t *end_ret, uint64_t *last_ret)
{
	struct glibc_damages damages = {0};
	struct hc_error *err =
		glibc_chain_walk(&w->chain, w->behind_fence, end_ret, last_ret, &damages);
	for (size_t i = 0; i < damages.num && !err; i++) {
		restore_free(w, &damages.items[i]);
		err = report_damage(w, &damages.items[i]);
	}
	glibc_damages_deinit(&damages);
	return err;
}

/**
 * Walk the chain that starts at w->start and add its span.
 *
 * @param[out] resume_ret offset at which to go on: of the next chain, of a header whose chunk is
 * not all there, or chain.size
 */
static struct hc_error *walk_chain_of_span(struct walker *w, uint64_t *resume_ret,
					   enum glibc_interruption *why_ret)
{
	uint64_t end = 0, last = GLIBC_NO_UNIT, fences = 2 * w->chain.header;
	struct hc_error *err = walk_and_report(w, &end, &last);
	if (err)
		return err;
	*why_ret = glibc_chain_interruption(&w->chain, end);
	switch (*why_ret) {
	case GLIBC_FENCEPOSTS:
		*resume_ret =
			glibc_chain_find(&w->chain, GLIBC_NO_OFFSET, end + fences, w->chain.size);
		return close_with_fence(w, end, last, end + fences);
	case GLIBC_TERMINATOR:
		*resume_ret = w->chain.size;
		return close_with_fence(w, end, last, w->chain.size);
	case GLIBC_DAMAGED: /* and nothing follows */
		*resume_ret = w->chain.size;
		break;
	case GLIBC_REACHED_END:
	case GLIBC_MISSING:
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
				  enum glibc_interruption *why_ret)
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
	if (err || *why_ret != GLIBC_FENCEPOSTS)
		drop_blocks(w);
	return err;
}

static void init_chain(struct walker *w, uint64_t start, struct hc_bytes view)
{
	const struct glibc_params *params = &w->g->params;
	w->start = start;
	w->chain = (struct glibc_chain){
		.data = view.data,
		.size = view.size,
		.blocks = w->chain.blocks,
		.word = params->word_size,
		.big_endian = w->g->memory->big_endian,
		.header = params->header,
		.unit_shift = __builtin_ctz(params->alignment),
		.min_chunk = params->min_chunk,
		.reach = w->stretch->end - start,
		.jobs = w->g->process->jobs,
		.watch = w->g->process->watch,
		.bad_bits = GLIBC_IS_MMAPPED | ((params->alignment - 1) & ~GLIBC_SIZE_BITS),
	};
	uint64_t top = w->stretch->top;
	w->chain.top = top >= start && top - start < view.size ? top - start : GLIBC_NO_OFFSET;
	if (w->stretch->tag == GLIBC_IN_MAIN)
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
	const struct hc_span straddler = {
		.zone = w->g->arena_zone,
		.kind = HC_SPAN_SINGLE,
		.arena = stretch->arena,
		.tag = stretch->tag,
		.start = start,
		.end = start + size,
		.num_units = 1,
	};
	struct hc_span *span;
	struct hc_error *err = hc_heap_add_span(w->g->heap, &straddler, &span);
	if (err)
		return err;
	hc_span_set_start(span, 0);
	uint64_t next;
	if (glibc_word(w->g, start + size + w->chain.word, &next) && !(next & GLIBC_PREV_INUSE)) {
		struct glibc_chain chain = {.blocks = span->blocks};
		glibc_chain_set_free(&chain, 0);
	}
	*end_ret = start + size;
	return NULL;
}

uint64_t glibc_probe(const struct glibc *g, uint64_t first, uint64_t limit, uint64_t most,
		     uint64_t *end_ret)
{
	struct glibc_stretch stretch = {
		.tag = GLIBC_IN_MAIN,
		.first = first,
		.end = limit,
		.top = g->num_arenas ? g->arenas[0].top : 0,
	};
	struct walker w = {.g = (struct glibc *)g, .stretch = &stretch};
	init_chain(&w, first, hc_memory_view(g->memory, first, limit - first));
	uint64_t offset = 0, num = 0, size, field;
	while (num < most && offset < w.chain.size &&
	       (size = glibc_chain_size(&w.chain, offset, &field))) {
		offset += size;
		num++;
	}
	if (offset < w.chain.size && glibc_chain_interruption(&w.chain, offset) == GLIBC_FENCEPOSTS)
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
			uint64_t found =
				glibc_chain_find(&w->chain, GLIBC_NO_OFFSET, 0, w->chain.size);
			on_chain = found < w->chain.size;
			at += found;
			continue;
		}
		uint64_t resume = 0, end;
		enum glibc_interruption why;
		if ((err = walk_span(w, &resume, &why)))
			return err;
		at += resume;
		/* What was walked ahead behind a fence is walked again: only once in pieces. */
		w->behind_fence |= why == GLIBC_FENCEPOSTS;
		if (why != GLIBC_MISSING)
			continue;
		if ((err = add_straddler(w, at, &end)))
			return err;
		at = end > at ? end : w->start + w->chain.size;
	}
	return NULL;
}

struct hc_error *glibc_walk(struct glibc *g, const struct glibc_stretch *stretch)
{
	struct walker w = {.g = g, .stretch = stretch};
	/* Of all that the core has, heaps may be a part. */
	uint64_t all = g->process->core->bytes_available, from = g->walked;
	g->walked += stretch->end - stretch->first;
	if (all && g->walked <= all)
		hc_watch_part(g->process->watch, (double)from / all, (double)g->walked / all);
	struct hc_error *err = walk_stretch(&w);
	drop_blocks(&w);
	return err;
}
