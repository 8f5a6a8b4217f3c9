/**
 * @file
 * heapcore retained: what would be free if one thing were gone.
 */
#include <stdlib.h>

#include "analyzers/retained/holders.h"
#include "cmd/select_options.h"
#include "cmd/show/address.h"
#include "cmd/show/holder.h"
#include "cmd/show/sample.h"
#include "cmd/render/units.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

enum {
	DATA_HOLDERS = 1000, /* in data, unless --top says otherwise */
	MAX_HOLDERS = 1 << 20,
	MAX_CHAIN = 50,     /* steps up from a chunk that are told */
	PHRASE_STEPS = 5,   /* steps down that are told in a line */
	PHRASE_SHARE = 20,  /* a step has at least one in so many of the holder's bytes */
	GROUP_SHARE = 1000, /* so has a group in data, and … */
	TEXT_SHARE = 100,   /* … in text */
};

struct own {
	uint64_t top;
	const char *of;
};

enum own_id { OWN_OF, OWN_TOP };

static const struct hc_option own_options[] = {
	{OWN_OF, 0, "of", "ADDRESS", "what one chunk or variable holds: an address, or a name"},
	{OWN_TOP, 0, "top", "N", "the first N holders; 0: all (default: 20 in text, else 1,000)"},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_OF:
		own->of = value;
		return NULL;
	case OWN_TOP:
		break;
	}
	return hc_parse_count("--top", value, &own->top);
}

/** @name Tables */
/**@{*/

enum holder_column {
	H_NUMBER,
	H_RETAINED,
	H_SHARE,
	H_CHUNKS,
	H_OWN,
	H_PLACE,
	H_POINT = H_PLACE + HC_NUM_HOLDER_COLUMNS,
	H_POINT_BYTES,
	H_POINT_TYPE,
	H_HOLDS,
	NUM_HOLDER_COLUMNS
};

static const struct hc_column holder_columns[NUM_HOLDER_COLUMNS] = {
	[H_NUMBER] = {"number", "", HC_CELL_NUMBER, HC_COLUMN_DATA_ONLY | HC_COLUMN_ASCENDING,
		      "1: it retains the most"},
	[H_RETAINED] = {"retained_bytes", "RETAINED", HC_CELL_BYTES, 0,
			"of chunks that would be free without it, itself among them"},
	[H_SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0,
		     "of the bytes of all chunks that are held"},
	[H_CHUNKS] = {"retained_chunks", "CHUNKS", HC_CELL_COUNT, 0, "that these bytes are of"},
	[H_OWN] = {"own_bytes", "", HC_CELL_BYTES, HC_COLUMN_DATA_ONLY,
		   "of its own chunk; 0: it is no chunk"},
	HC_HOLDER_COLUMNS(H_PLACE),
	[H_POINT] =
		{"accumulation_point", "", HC_CELL_ADDRESS, HC_COLUMN_DATA_ONLY,
		 "chunk below it where what it holds parts; null: the holder, which is no chunk"},
	[H_POINT_BYTES] = {"accumulated_bytes", "", HC_CELL_BYTES, HC_COLUMN_DATA_ONLY,
			   "that this one retains"},
	[H_POINT_TYPE] = {"accumulation_type", "", HC_CELL_NAME,
			  HC_COLUMN_DATA_ONLY | HC_COLUMN_CLASS, "of the object in it"},
	[H_HOLDS] = {"holds", "HOLDS", HC_CELL_NAME, HC_COLUMN_TEXT_ONLY,
		     "the most of what is below it, step by step"},
};

static const struct hc_shape holders_shape = {
	.key = "holders", .name = "who holds the most", HC_COLUMNS(holder_columns)};

enum group_column {
	G_HOLDER,
	G_GROUP,
	G_PARENT,
	G_DEPTH,
	G_ALL_BYTES,
	G_ALL_CHUNKS,
	G_BYTES,
	G_CHUNKS,
	G_SIZE,
	G_TYPE,
	G_SAMPLE,
	G_WHAT,
	NUM_GROUP_COLUMNS
};

static const struct hc_column group_columns[NUM_GROUP_COLUMNS] = {
	[G_HOLDER] = {"holder", "", HC_CELL_NUMBER, HC_COLUMN_DATA_ONLY | HC_COLUMN_ASCENDING,
		      "number of the holder; 0: what --of asks for"},
	[G_GROUP] = {"group", "", HC_CELL_NUMBER, HC_COLUMN_DATA_ONLY | HC_COLUMN_ASCENDING,
		     "a number of its own"},
	[G_PARENT] = {"parent", "", HC_CELL_NUMBER, HC_COLUMN_DATA_ONLY | HC_COLUMN_ASCENDING,
		      "the group whose chunks hold these; null: it is the holder itself"},
	[G_DEPTH] = {"depth", "", HC_CELL_NUMBER, HC_COLUMN_DATA_ONLY | HC_COLUMN_ASCENDING,
		     "groups above it"},
	[G_ALL_BYTES] = {"retained_bytes", "RETAINED", HC_CELL_BYTES, 0,
			 "of its chunks and of what they hold"},
	[G_ALL_CHUNKS] = {"retained_chunks", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY,
			  "that these bytes are of"},
	[G_BYTES] = {"bytes", "OWN", HC_CELL_BYTES, 0, "of its chunks"},
	[G_CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0,
		      "of one kind that chunks of one group, or their like, hold"},
	[G_SIZE] = {"chunk_size", "SIZE", HC_CELL_COUNT, 0, "of each; null: it is no chunk"},
	[G_TYPE] = {"type", "", HC_CELL_NAME, HC_COLUMN_DATA_ONLY | HC_COLUMN_CLASS,
		    "of the object in each"},
	[G_SAMPLE] = {"sample", "SAMPLE", HC_CELL_ADDRESS, 0, "one of the chunks"},
	[G_WHAT] = {"what", "WHAT", HC_CELL_NAME, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,
		    "the type, one step further in for each group above"},
};

static const struct hc_shape groups_shape = {
	.key = "groups", .name = "what they hold, by kind", HC_COLUMNS(group_columns)};

enum chain_column {
	C_STEP,
	C_RETAINED,
	C_PLACE,
	NUM_CHAIN_COLUMNS = C_PLACE + HC_NUM_HOLDER_COLUMNS
};

static const struct hc_column chain_columns[NUM_CHAIN_COLUMNS] = {
	[C_STEP] = {"step", "STEP", HC_CELL_NUMBER, HC_COLUMN_ASCENDING,
		    "1: what --of asks for; each is held by the next one alone"},
	[C_RETAINED] = {"retained_bytes", "RETAINED", HC_CELL_BYTES, 0, "that this one retains"},
	HC_HOLDER_COLUMNS(C_PLACE),
};

static const struct hc_shape chain_shape = {
	.key = "chain", .name = "who holds it, with --of", HC_COLUMNS(chain_columns)};
/**@}*/

/** A table of places without what is said of a single pointer. */
static struct hc_table *text_table(struct hc_document *doc, const struct hc_shape *shape,
				   unsigned first)
{
	struct hc_table *table = hc_add_text_table(doc, shape);

	hc_table_hide(table, first + HC_HOLDER_INTO);
	hc_table_hide(table, first + HC_HOLDER_ADDRESS);
	return table;
}

/** A vertex that --of leads to by way of its holders. */
struct link {
	uint32_t vertex;
	uint64_t bytes;
	struct hc_chunk chunk;
};

struct view {
	struct hc_session *session;
	const struct own *own;
	struct hc_spots *spots;
	struct hc_namer namer;
	struct hc_retained retained;
	struct hc_holders holders;
	size_t top;
	struct link chain[MAX_CHAIN];
	size_t num_chain;
};

static void view_deinit(struct view *view)
{
	hc_holders_deinit(&view->holders);
	hc_retained_deinit(&view->retained);
	hc_spots_destroy(view->spots);
}

/** @name Finding */
/**@{*/

/** The vertex of a place; 0: it is none. */
static uint32_t vertex_at(const struct view *view, const struct hc_named_address *address)
{
	const struct hc_retained *retained = &view->retained;
	struct hc_referent referent;

	hc_referent_of(retained->heap, address->address, &referent);
	if (referent.in_chunk)
		return hc_retained_vertex(retained, &referent.chunk);
	const struct hc_anchor *anchor =
		hc_retained_anchor_at(retained, address->address, address->address + address->size);

	return anchor ? anchor->vertex : 0;
}

/** What --of means: of several places, the one that retains the most. */
static struct hc_error *find_of(const struct view *view, const char *text, uint32_t *ret)
{
	hc_cleanup(hc_addresses_deinit) struct hc_address_list list = {0};
	struct hc_error *err = hc_addresses_find(view->session, view->spots, text, &list);
	uint32_t best = 0;

	for (size_t i = 0; !err && i < list.num; i++) {
		uint32_t vertex = vertex_at(view, &list.items[i]);

		if (vertex && (!best || hc_retained_bytes(&view->retained, vertex) >
						hc_retained_bytes(&view->retained, best)))
			best = vertex;
	}
	if (!err && !best)
		err = hc_error_create(HC_ERROR_ARGUMENT,
				      "--of %s: it is no chunk that can be reached, and holds none",
				      text);
	*ret = best;
	return err;
}

/** Who holds it, up to the root. */
static struct hc_error *find_chain(struct view *view, uint32_t of)
{
	uint32_t vertices[MAX_CHAIN];
	struct hc_chunk chunks[MAX_CHAIN];

	for (uint32_t v = of; v && view->num_chain < MAX_CHAIN; v = view->retained.idom[v]) {
		vertices[view->num_chain] = v;
		view->chain[view->num_chain++] =
			(struct link){.vertex = v, .bytes = hc_retained_bytes(&view->retained, v)};
	}
	struct hc_error *err =
		hc_retained_chunks(&view->retained, vertices, view->num_chain, chunks);

	for (size_t i = 0; !err && i < view->num_chain; i++)
		view->chain[i].chunk = chunks[i];
	return err;
}

static size_t wanted_holders(const struct own *own, enum hc_format format)
{
	if (own->top != HC_TOP_DEFAULT)
		return own->top && own->top < MAX_HOLDERS ? own->top : MAX_HOLDERS;
	return hc_top_rows(own->top, format, DATA_HOLDERS);
}

static struct hc_error *find_all(struct view *view)
{
	struct hc_session *session = view->session;
	struct hc_target *target = session->target;
	struct hc_error *err = hc_spots_create(target->process, &view->spots);
	uint32_t of = 0;

	view->namer = (struct hc_namer){session, view->spots, session->options->full_names};
	view->top = wanted_holders(view->own, session->options->format);
	if (!err)
		err = hc_retained_find(target, view->spots, target->types, &view->retained);
	if (!err && view->own->of)
		err = find_of(view, view->own->of, &of);
	if (!err && of)
		err = find_chain(view, of);
	return err ? err : hc_holders_find(&view->retained, of, view->top, &view->holders);
}
/**@}*/

/** @name Document */
/**@{*/

/** A chunk as a whole, not a word in it. */
static void fill_chunk(const struct view *view, struct hc_table *table, unsigned first,
		       const struct hc_chunk *chunk)
{
	hc_type_id type = hc_session_type(view->session, chunk);
	bool has_type = type != HC_TYPE_NONE && hc_session_shows_class(view->session);

	hc_table_cell(table, first + HC_HOLDER_CHUNK_OFFSET, hc_cell_unknown());
	hc_table_cell(table, first + HC_HOLDER_MEMBER, hc_cell_unknown());
	hc_table_phrase(
		table, first + HC_HOLDER_WHICH, "{}{}{}, {} bytes",
		HC_CELLS(hc_cell_address(chunk->address), hc_cell_text(has_type ? ", " : ""),
			 hc_cell_name(has_type ? hc_type_name(view->session->target->types, type)
					       : ""),
			 hc_cell_count(chunk->size)));
}

/** Where a vertex is, as columns. */
static struct hc_error *fill_place(const struct view *view, struct hc_table *table, unsigned first,
				   uint32_t vertex, const struct hc_chunk *chunk)
{
	const struct hc_anchor *anchor =
		chunk->size ? NULL : hc_retained_anchor(&view->retained, vertex);
	const struct hc_referrer in_chunk = {
		.in_chunk = true, .address = chunk->address, .chunk = *chunk};
	const struct hc_referrer *place = anchor ? &anchor->first : &in_chunk;

	if (anchor)
		hc_table_number(table, first + HC_HOLDER_VALUE, place->value);
	if (place->address)
		hc_table_number(table, first + HC_HOLDER_ADDRESS, place->address);
	struct hc_error *err = hc_holder_fill_place(&view->namer, table, first, place);

	if (!anchor && !err)
		fill_chunk(view, table, first, chunk);
	return err;
}

static const struct hc_retained_kind *kind_of(const struct view *view,
					      const struct hc_holder_group *group)
{
	return &view->retained.kinds[group->kind];
}

/** A kind in words: its type, or else its size. */
static struct hc_cell kind_cell(const struct view *view, struct hc_document *doc,
				const struct hc_holder_group *group)
{
	const struct hc_retained_kind *kind = kind_of(view, group);

	return hc_kind_cell(view->session, kind->type, kind->size, doc);
}

/** "1 × 8,016 bytes > 1,000 × struct entry > 1 × 80 bytes each". */
static struct hc_cell say_holds(const struct view *view, struct hc_document *doc,
				const struct hc_holder *holder)
{
	const struct hc_holder_group *groups = view->holders.groups,
				     *above = &groups[holder->group];
	struct hc_cell list = hc_cell_unknown();

	for (unsigned i = 0; i < PHRASE_STEPS; i++) {
		const struct hc_holder_group *group = &groups[above->first];

		if (!above->first || group->all.bytes < holder->bytes / PHRASE_SHARE)
			break;
		bool each = above->own.chunks > 1 && !(group->own.chunks % above->own.chunks);
		uint64_t num = each ? group->own.chunks / above->own.chunks : group->own.chunks;

		list = hc_phrase_join(doc, list, " > ",
				      HC_PHRASE(doc, "{} {} {}{}", hc_cell_count(num),
						hc_cell_times(), kind_cell(view, doc, group),
						hc_cell_text(each ? " each" : "")));
		above = group;
	}
	return list;
}

static struct hc_error *fill_holder(const struct view *view, struct hc_document *doc,
				    struct hc_table *table, size_t i)
{
	const struct hc_holder *holder = &view->holders.items[i];
	const struct hc_chunk *point = &holder->point_chunk;
	hc_type_id type = point->size ? hc_session_type(view->session, point) : HC_TYPE_NONE;

	hc_table_add_row(table);
	hc_table_number(table, H_NUMBER, i + 1);
	hc_table_number(table, H_RETAINED, holder->bytes);
	hc_table_share(table, H_SHARE, hc_share(holder->bytes, view->retained.held.bytes));
	hc_table_number(table, H_CHUNKS, holder->chunks);
	hc_table_number(table, H_OWN, holder->own);
	if (point->size)
		hc_table_number(table, H_POINT, point->address);
	hc_table_number(table, H_POINT_BYTES, holder->point_bytes);
	hc_table_cell(table, H_POINT_TYPE, hc_type_cell(view->session, type));
	hc_table_cell(table, H_HOLDS, say_holds(view, doc, holder));
	return fill_place(view, table, H_PLACE, holder->vertex, &holder->chunk);
}

static struct hc_error *fill_holders(const struct view *view, struct hc_document *doc,
				     struct hc_table *table)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < view->holders.num; i++)
		err = fill_holder(view, doc, table, i);
	return err;
}

static struct hc_error *fill_chain(const struct view *view, struct hc_table *table)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < view->num_chain; i++) {
		hc_table_add_row(table);
		hc_table_number(table, C_STEP, i + 1);
		hc_table_number(table, C_RETAINED, view->chain[i].bytes);
		err = fill_place(view, table, C_PLACE, view->chain[i].vertex,
				 &view->chain[i].chunk);
	}
	return err;
}

static void fill_group(const struct view *view, struct hc_table *table, size_t holder, size_t index)
{
	const struct hc_holder_group *group = &view->holders.groups[index];
	const struct hc_retained_kind *kind = kind_of(view, group);

	hc_table_add_row(table);
	hc_table_number(table, G_HOLDER, holder);
	hc_table_number(table, G_GROUP, index);
	if (group->parent != index)
		hc_table_number(table, G_PARENT, group->parent);
	hc_table_number(table, G_DEPTH, group->depth);
	hc_table_number(table, G_ALL_BYTES, group->all.bytes);
	hc_table_number(table, G_ALL_CHUNKS, group->all.chunks);
	hc_table_number(table, G_BYTES, group->own.bytes);
	hc_table_number(table, G_CHUNKS, group->own.chunks);
	if (kind->size)
		hc_table_number(table, G_SIZE, kind->size);
	hc_table_cell(table, G_TYPE, hc_type_cell(view->session, kind->type));
	if (group->sample_chunk.size)
		hc_table_number(table, G_SAMPLE, group->sample_chunk.address);
}

/** The type, or nothing, behind two blanks for each group above. */
static struct hc_cell group_cell(const struct view *view, struct hc_document *doc,
				 const struct hc_holder_group *group)
{
	static const char blanks[2 * HC_MAX_HOLDER_DEPTH + 1] = "                        ";
	const struct hc_retained_kind *kind = kind_of(view, group);

	return HC_PHRASE(doc, "{}{}",
			 hc_cell_text(blanks + 2 * (HC_MAX_HOLDER_DEPTH - group->depth)),
			 kind->size ? kind_cell(view, doc, group) : hc_cell_text("itself"));
}

/** The groups of a holder in the order of a tree, those that are large enough. */
static void fill_groups(const struct view *view, struct hc_document *doc, struct hc_table *table,
			size_t number, uint32_t top)
{
	const struct hc_holder_group *groups = view->holders.groups;
	const uint64_t share = view->own->of && !number ? TEXT_SHARE : GROUP_SHARE;
	uint32_t at = top;

	for (;;) {
		bool large = groups[at].all.bytes >= groups[top].all.bytes / share;

		if (large) {
			fill_group(view, table, number, at);
			hc_table_cell(table, G_WHAT, group_cell(view, doc, &groups[at]));
		}
		if (large && groups[at].first) {
			at = groups[at].first;
			continue;
		}
		while (at != top && !groups[at].next)
			at = groups[at].parent;
		if (at == top)
			return;
		at = groups[at].next;
	}
}

static void describe_groups(const struct view *view, struct hc_document *doc)
{
	const struct hc_holders *holders = &view->holders;
	struct hc_table *groups = hc_add_data_table(doc, &groups_shape);

	if (holders->of.vertex)
		fill_groups(view, doc, groups, 0, holders->of.group);
	for (size_t i = 0; i < holders->num; i++)
		fill_groups(view, doc, groups, i + 1, holders->items[i].group);
}

/** What --of asks for. */
static struct hc_error *say_of(const struct view *view, struct hc_document *doc)
{
	const struct hc_holder *of = &view->holders.of;
	struct hc_error *err;

	HC_SAY_STRONG(doc, "{} in {} chunk{} would be free without it.", hc_cell_bytes(of->bytes),
		      hc_cell_count(of->chunks), hc_cell_plural(of->chunks));
	hc_heading(doc, "Who holds it", NULL, 0);
	err = fill_chain(view, text_table(doc, &chain_shape, C_PLACE));
	hc_heading(doc, "What it holds, by kind", NULL, 0);
	fill_groups(view, doc, hc_add_text_table(doc, &groups_shape), 0, of->group);
	hc_heading(doc, "What it holds at once", NULL, 0);
	return err;
}

static void say_all(const struct view *view, struct hc_document *doc)
{
	const struct hc_count *held = &view->retained.held;

	HC_SAY_STRONG(doc, "{} chunk{} ({}) can be reached.", hc_cell_count(held->chunks),
		      hc_cell_plural(held->chunks), hc_cell_bytes(held->bytes));
	HC_LINE(doc,
		"RETAINED: what would be free without it. Chunks that stand for themselves are "
		"held by several.");
	hc_blank(doc);
}

/** Those who hold what --of asks for, the first one's frame first. @param chain their table */
static uint32_t add_chain_frames(const struct view *view, struct hc_document *doc,
				 const struct hc_table *chain)
{
	uint32_t above = 0;

	for (size_t i = view->num_chain; i-- > 1;)
		above = hc_add_frame(doc, above, *hc_table_at(chain, i, C_PLACE + HC_HOLDER_WHICH),
				     (struct hc_stack_value){0});
	return above;
}

static struct hc_stack_value value_of(const struct hc_count *count)
{
	return (struct hc_stack_value){count->chunks, count->bytes};
}

/** What the holders hold that are not told one by one. */
static void add_others_frame(const struct view *view, struct hc_document *doc)
{
	const struct hc_holders *holders = &view->holders;
	struct hc_stack_value others = value_of(&view->retained.held);
	uint64_t num = holders->total - holders->num;

	for (size_t i = 0; i < holders->num; i++) {
		others.chunks -= holders->items[i].chunks;
		others.bytes -= holders->items[i].bytes;
	}
	if (num)
		hc_add_frame(doc, 0, HC_PHRASE(doc, "{} other holders", hc_cell_count(num)),
			     others);
}

/**
 * Holders, and below them what they hold, by kind.
 *
 * @param holders table of those that are held by nobody
 * @param chain   table of those who hold what --of asks for
 */
static struct hc_error *add_frames(const struct view *view, struct hc_document *doc,
				   const struct hc_table *holders, const struct hc_table *chain)
{
	const struct hc_holders *found = &view->holders;
	hc_cleanup_free uint32_t *frames = calloc(found->num_groups + 1, sizeof(*frames));
	const struct hc_holder_group *groups = found->groups;

	if (!frames)
		return &hc_enomem;
	if (found->of.vertex)
		frames[found->of.group] =
			hc_add_frame(doc, add_chain_frames(view, doc, chain),
				     *hc_table_at(chain, 0, C_PLACE + HC_HOLDER_WHICH),
				     value_of(&groups[found->of.group].own));
	for (size_t i = 0; !found->of.vertex && i < found->num; i++)
		frames[found->items[i].group] =
			hc_add_frame(doc, 0, *hc_table_at(holders, i, H_PLACE + HC_HOLDER_WHICH),
				     value_of(&groups[found->items[i].group].own));
	for (size_t i = 0; i < found->num_groups; i++)
		if (groups[i].parent != i && frames[groups[i].parent])
			frames[i] = hc_add_frame(doc, frames[groups[i].parent],
						 kind_cell(view, doc, &groups[i]),
						 value_of(&groups[i].own));
	if (!found->of.vertex)
		add_others_frame(view, doc);
	return NULL;
}

static struct hc_error *describe(const struct view *view, struct hc_document *doc)
{
	const struct hc_holders *holders = &view->holders;
	struct hc_error *err = NULL;

	hc_count_fact(doc, "held", HC_CONTENT_NONE, view->retained.held.chunks,
		      view->retained.held.bytes);
	hc_fact(doc, "total_holders", NULL, hc_cell_count(holders->total));
	if (view->own->of)
		err = say_of(view, doc);
	else
		say_all(view, doc);
	struct hc_table *table = hc_add_data_table(doc, &holders_shape);

	hc_document_main(doc, table);
	if (!err)
		err = fill_holders(view, doc, table);
	if (!err)
		err = fill_holders(view, doc, text_table(doc, &holders_shape, H_PLACE));
	if (holders->num < holders->total)
		HC_LINE(doc, "{} more; --top N shows more",
			hc_cell_count(holders->total - holders->num));
	describe_groups(view, doc);
	struct hc_table *chain = hc_add_data_table(doc, &chain_shape);

	if (!err)
		err = fill_chain(view, chain);
	/* A report draws them. */
	bool wanted =
		view->session->taker || hc_format_is_of_stacks(view->session->options->format);
	if (!err && wanted && !doc->pool.no_memory)
		err = add_frames(view, doc, table, chain);
	return err;
}
/**@}*/

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(view_deinit) struct view view = {.session = session,
						    .own = session->options->own};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err = hc_session_open(session, HC_NEED_REACH);

	if (!err)
		err = hc_session_types(session, HC_TYPES_FULL);
	if (!err)
		err = find_all(&view);
	if (err)
		return err;
	hc_session_begin(session, &doc);
	err = describe(&view, &doc);
	return err ? err : hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_retained = {
	.name = "retained",
	.arguments = "CORE",
	.summary = "what keeps how much alive",
	.description =
		"Shows what would be free if one thing were gone: of each variable, frame of "
		"a stack, thread, or chunk that several of these hold, the chunks that only "
		"it keeps alive, and of which kinds they are. --of tells the same of one "
		"chunk or variable, and who holds that.",
	.examples = "  heapcore retained core.1234\n"
		    "  heapcore retained core.1234 --of g_sessions\n"
		    "  heapcore retained core.1234 --of 0x55d0c2a0 --top 5\n"
		    "  heapcore retained core.1234 --format json | jq '.holders[0]'\n"
		    "  heapcore retained core.1234 --format pprof --output held.pb.gz\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL | HC_FORMATS_STACKS,
	HC_VERB_TABLES(&holders_shape, &groups_shape, &chain_shape),
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
