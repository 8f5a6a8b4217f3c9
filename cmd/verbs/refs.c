/**
 * @file
 * heapcore refs: every word that points into a block, and where it stands.
 */
#include <stdlib.h>

#include "analyzers/reachability/path.h"
#include "analyzers/types/demangle.h"
#include "cmd/select_options.h"
#include "cmd/show/address.h"
#include "cmd/show/holder.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

struct own {
	uint64_t limit;
	bool to_root, all;
};

enum own_id { OWN_TO_ROOT, OWN_ALL, OWN_LIMIT };

static const struct hc_option own_options[] = {
	{OWN_TO_ROOT, 0, "to-root", NULL, "a shortest chain of pointers from a root to each block"},
	{OWN_ALL, 0, "all", NULL, "with --to-root: more chains, each with another last step"},
	{OWN_LIMIT, 0, "limit", "N",
	 "show at most N places, or chains, of each block (default: 20)"},
	{0},
};

static const struct own own_defaults = {.limit = 20};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_TO_ROOT:
		own->to_root = true;
		return NULL;
	case OWN_ALL:
		own->all = true;
		return NULL;
	case OWN_LIMIT:
		break;
	}
	return hc_parse_count("--limit", value, &own->limit);
}

/** @name Tables */
/**@{*/

enum target_column {
	T_ASKED,
	T_ADDRESS,
	T_CHUNK,
	T_CHUNK_SIZE,
	T_STATE,
	T_REACH,
	T_TYPE,
	T_SYMBOL,
	T_MODULE,
	T_REFERRERS,
	NUM_TARGET_COLUMNS
};

static const struct hc_column target_columns[NUM_TARGET_COLUMNS] = {
	[T_ASKED] = {"asked", "", HC_CELL_NAME, 0, "the ADDRESS as it was given"},
	[T_ADDRESS] = {"address", "", HC_CELL_ADDRESS, 0, "what it means"},
	[T_CHUNK] = {"chunk", "", HC_CELL_ADDRESS, 0, "that it is in; null: in none"},
	[T_CHUNK_SIZE] = {"chunk_size", "", HC_CELL_COUNT, 0, "with header"},
	[T_STATE] = {"state", "", HC_CELL_TEXT, 0, "of the chunk"},
	[T_REACH] = {"reach", "", HC_CELL_TEXT, 0, "of the chunk"},
	[T_TYPE] = {"type", "", HC_CELL_NAME, HC_COLUMN_CLASS, "of the object in it"},
	[T_SYMBOL] = {"symbol", "", HC_CELL_NAME, 0, "the variable that it is in"},
	[T_MODULE] = {"module", "", HC_CELL_NAME, 0, "that it is in"},
	[T_REFERRERS] = {"total_referrers", "", HC_CELL_COUNT, 0,
			 "words that point into the block, also those that --limit leaves out"},
};

static const struct hc_shape targets_shape = {
	.key = "targets", .name = "what is asked about", HC_COLUMNS(target_columns)};

enum referrer_column {
	R_TARGET,
	R_HOLDER,
	NUM_REFERRER_COLUMNS = R_HOLDER + HC_NUM_HOLDER_COLUMNS
};

static const struct hc_column referrer_columns[NUM_REFERRER_COLUMNS] = {
	[R_TARGET] = {"target", "", HC_CELL_ADDRESS, HC_COLUMN_DATA_ONLY,
		      "the block: its chunk, or the address"},
	HC_HOLDER_COLUMNS(R_HOLDER),
};

static const struct hc_shape referrers_shape = {
	.key = "referrers", .name = "what points to it", HC_COLUMNS(referrer_columns)};

enum chain_column {
	C_TARGET,
	C_CHAIN,
	C_LENGTH,
	C_STEP,
	C_HOLDER,
	NUM_CHAIN_COLUMNS = C_HOLDER + HC_NUM_HOLDER_COLUMNS
};

static const struct hc_column chain_columns[NUM_CHAIN_COLUMNS] = {
	[C_TARGET] = {"target", "", HC_CELL_ADDRESS, HC_COLUMN_DATA_ONLY,
		      "the chunk that the chain leads to"},
	[C_CHAIN] = {"chain", "", HC_CELL_NUMBER, HC_COLUMN_DATA_ONLY,
		     "1: the best one to this chunk"},
	[C_LENGTH] = {"length", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY,
		      "pointers of the chain; of a long one the first and last 50 are listed"},
	[C_STEP] = {"step", "STEP", HC_CELL_COUNT, HC_COLUMN_ASCENDING,
		    "1: the word of a root; each word points into the chunk of the next one"},
	HC_HOLDER_COLUMNS(C_HOLDER),
};

static const struct hc_shape chains_shape = {
	.key = "chains", .name = "chains from roots, with --to-root", HC_COLUMNS(chain_columns)};

/** Steps at each end of a chain that are listed, in data and in text. */
enum { END_STEPS = 50, TEXT_END_STEPS = 10 };
/**@}*/

/** What is asked, and what was found. */
struct view {
	struct hc_session *session;
	const struct own *own;
	struct hc_spots *spots;
	struct hc_namer namer;
	struct hc_address_list addresses;
	struct hc_referent *referents; /**< of each address that is not in the block of another */
	const struct hc_named_address **asked; /**< the first that is in the block */
	struct hc_referrers *referrers;
	struct hc_paths *paths; /**< with --to-root */
	size_t num;
};

static void view_deinit(struct view *view)
{
	for (size_t i = 0; view->referrers && i < view->num; i++)
		hc_referrers_deinit(&view->referrers[i]);
	for (size_t i = 0; view->paths && i < view->num; i++)
		hc_paths_deinit(&view->paths[i]);
	free(view->referrers);
	free(view->paths);
	free(view->referents);
	free(view->asked);
	hc_addresses_deinit(&view->addresses);
	hc_spots_destroy(view->spots);
}

/** @name Targets */
/**@{*/

/** Whether an address before it is in the same block. */
static bool is_known(const struct view *view, const struct hc_referent *referent)
{
	for (size_t i = 0; i < view->num; i++)
		if (referent->start < view->referents[i].start + view->referents[i].size &&
		    view->referents[i].start < referent->start + referent->size)
			return true;
	return false;
}

/** Blocks, in the order in which they were asked about. */
static struct hc_error *find_blocks(struct view *view)
{
	size_t num = view->addresses.num;

	view->referents = calloc(num + 1, sizeof(*view->referents));
	view->asked = calloc(num + 1, sizeof(*view->asked));
	view->referrers = calloc(num + 1, sizeof(*view->referrers));
	view->paths = calloc(num + 1, sizeof(*view->paths));
	if (!view->referents || !view->asked || !view->referrers || !view->paths)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++) {
		const struct hc_named_address *address = &view->addresses.items[i];
		struct hc_referent referent;

		hc_referent_of(view->session->target->heap, address->address, &referent);
		if (!referent.in_chunk)
			referent.size = address->size;
		if (is_known(view, &referent))
			continue;
		view->referents[view->num] = referent;
		view->asked[view->num++] = address;
	}
	return NULL;
}

/** Chains to each block that is a chunk. */
static struct hc_error *find_chains(struct view *view)
{
	const struct own *own = view->own;
	const struct hc_path_limits limits = {.paths = own->all ? own->limit : 1};
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && own->to_root && i < view->num; i++)
		if (view->referents[i].in_chunk)
			err = hc_paths_find(view->session->target->heap, &view->referents[i].chunk,
					    limits, &view->paths[i]);
	return err;
}

static struct hc_error *find_all(struct view *view)
{
	const struct hc_options *options = view->session->options;
	struct hc_target *target = view->session->target;
	struct hc_error *err = hc_spots_create(target->process, &view->spots);

	view->namer =
		(struct hc_namer){view->session, view->spots, view->session->options->full_names};
	for (int i = 0; !err && i < options->num_args; i++)
		err = hc_addresses_find(view->session, view->spots, options->args[i],
					&view->addresses);
	if (!err)
		err = find_blocks(view);
	if (err)
		return err;
	const struct hc_refer_query query = {
		.process = target->process,
		.heap = target->heap,
		.referents = view->referents,
		.num = view->num,
		.max = view->own->limit,
		.stale = true,
	};
	hc_target_phase(target, HC_PHASE_REFER);
	err = hc_referrers_find(&query, view->referrers);
	return err ? err : find_chains(view);
}
/**@}*/

/** @name Document */
/**@{*/

static void fill_chunk(const struct hc_session *session, struct hc_table *table,
		       const struct hc_chunk *chunk)
{
	hc_type_id type = hc_session_type(session, chunk);

	hc_table_number(table, T_CHUNK, chunk->address);
	hc_table_number(table, T_CHUNK_SIZE, chunk->size);
	hc_table_text(table, T_STATE, hc_chunk_state_name(chunk));
	if (session->target->heap->reach_known && chunk->state == HC_IN_USE)
		hc_table_text(table, T_REACH, hc_reach_name(chunk->reach));
	if (type != HC_TYPE_NONE)
		hc_table_text(table, T_TYPE, hc_type_name(session->target->types, type));
}

static struct hc_error *fill_target(const struct view *view, struct hc_table *table, size_t i)
{
	struct hc_spot spot = {0};

	hc_table_add_row(table);
	hc_table_text(table, T_ASKED, view->asked[i]->asked);
	hc_table_number(table, T_ADDRESS, view->asked[i]->address);
	hc_table_number(table, T_REFERRERS, view->referrers[i].total);
	if (view->referents[i].in_chunk) {
		fill_chunk(view->session, table, &view->referents[i].chunk);
		return NULL;
	}
	struct hc_error *err = hc_spots_find(view->spots, view->referents[i].start, NULL, &spot);
	if (err)
		return err;
	hc_cleanup_free char *symbol =
		spot.symbol
			? hc_demangle_symbol(spot.symbol->name, view->session->options->full_names)
			: NULL;
	hc_table_text(table, T_SYMBOL, symbol);
	hc_table_text(table, T_MODULE, spot.module ? spot.module->path : NULL);
	return NULL;
}

/** The referrers of a block, as rows of data or of text. */
static struct hc_error *fill_referrers(const struct view *view, struct hc_table *table, size_t i)
{
	const struct hc_referrers *referrers = &view->referrers[i];
	struct hc_error *err = NULL;

	for (size_t k = 0; !err && k < referrers->num; k++) {
		hc_table_add_row(table);
		hc_table_number(table, R_TARGET, view->referents[i].start);
		err = hc_holder_fill(&view->namer, table, R_HOLDER, &referrers->items[k],
				     &view->referents[i]);
	}
	return err;
}

/** What the pointer of a step leads into: the chunk of the next one, or the block. */
static struct hc_referent led_to(const struct view *view, const struct hc_path *path, size_t i,
				 size_t step)
{
	struct hc_referent referent = view->referents[i];

	if (step + 1 < path->num)
		hc_referent_of(view->session->target->heap, path->steps[step + 1].chunk.address,
			       &referent);
	return referent;
}

/** The steps of a chain, with @p ends at each end. */
static struct hc_error *fill_chain(const struct view *view, struct hc_table *table, size_t i,
				   size_t chain, size_t ends)
{
	const struct hc_path *path = &view->paths[i].items[chain];
	struct hc_error *err = NULL;

	for (size_t step = 0; !err && step < path->num; step++) {
		if (step == ends && path->num > 2 * ends)
			step = path->num - ends;
		const struct hc_referent referent = led_to(view, path, i, step);

		hc_table_add_row(table);
		hc_table_number(table, C_TARGET, view->referents[i].start);
		hc_table_number(table, C_CHAIN, chain + 1);
		hc_table_number(table, C_LENGTH, path->num);
		hc_table_number(table, C_STEP, step + 1);
		err = hc_holder_fill(&view->namer, table, C_HOLDER, &path->steps[step], &referent);
	}
	return err;
}

static struct hc_error *fill_chains(const struct view *view, struct hc_table *table, size_t i)
{
	struct hc_error *err = NULL;

	for (size_t k = 0; !err && k < view->paths[i].num; k++)
		err = fill_chain(view, table, i, k, END_STEPS);
	return err;
}

/** What the chain needs that a better one would not. */
static const char *weakness(const struct hc_path *path)
{
	if (path->real)
		return "";
	if (!path->exact)
		return ", through a pointer to an interior";
	return path->steps[0].root == HC_ROOT_OTHER ? ", from memory of unknown use"
						    : ", from what may be left of a call";
}

static struct hc_error *say_chains(const struct view *view, struct hc_document *doc, size_t i)
{
	const struct hc_paths *paths = &view->paths[i];
	struct hc_error *err = NULL;

	if (!paths->num && view->referents[i].in_chunk)
		HC_LINE(doc, "No chain of pointers leads to it from a root.");
	for (size_t k = 0; !err && k < paths->num; k++) {
		const struct hc_path *path = &paths->items[k];

		hc_blank(doc);
		HC_LINE(doc, "Chain of {} pointer{}{}{}:", hc_cell_count(path->num),
			hc_cell_plural(path->num), hc_cell_text(weakness(path)),
			hc_cell_text(path->num > 2 * TEXT_END_STEPS ? ", its ends" : ""));
		err = fill_chain(view, hc_add_text_table(doc, &chains_shape), i, k, TEXT_END_STEPS);
	}
	return err;
}

/** What people read of one block. */
static struct hc_error *say_block(const struct view *view, struct hc_document *doc, size_t i)
{
	const struct hc_referrers *referrers = &view->referrers[i];
	struct hc_cell what;
	struct hc_error *err = hc_referent_phrase(&view->namer, doc, &view->referents[i], &what);

	if (err)
		return err;
	if (i)
		hc_blank(doc);
	HC_SAY_STRONG(doc, "{}: {} word{} point{} into it.", what, hc_cell_count(referrers->total),
		      hc_cell_plural(referrers->total),
		      hc_cell_text(referrers->total == 1 ? "s" : ""));
	err = fill_referrers(view, hc_add_text_table(doc, &referrers_shape), i);
	if (referrers->num < referrers->total)
		HC_LINE(doc, "{} more; --limit N shows more",
			hc_cell_count(referrers->total - referrers->num));
	return err || !view->own->to_root ? err : say_chains(view, doc, i);
}

static struct hc_error *describe(const struct view *view, struct hc_document *doc)
{
	struct hc_table *targets = hc_add_data_table(doc, &targets_shape);
	struct hc_table *referrers = hc_add_data_table(doc, &referrers_shape);
	struct hc_error *err = NULL;

	struct hc_table *chains = hc_add_data_table(doc, &chains_shape);

	hc_document_main(doc, view->own->to_root ? chains : referrers);
	for (size_t i = 0; !err && i < view->num; i++) {
		err = fill_target(view, targets, i);
		if (!err)
			err = fill_referrers(view, referrers, i);
		if (!err)
			err = fill_chains(view, chains, i);
		if (!err)
			err = say_block(view, doc, i);
	}
	return err;
}
/**@}*/

/** Reachability and types, where there is a heap. */
static struct hc_error *know_chunks(struct hc_session *session)
{
	if (!session->target->heap)
		return NULL;
	struct hc_error *err = hc_target_reach(session->target, NULL);

	return err ? err : hc_session_types(session, HC_TYPES_FULL);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(view_deinit) struct view view = {.session = session,
						    .own = session->options->own};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (!err)
		err = know_chunks(session);
	if (!err)
		err = find_all(&view);
	if (err)
		return err;
	hc_session_begin(session, &doc);
	err = describe(&view, &doc);
	return err ? err : hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_refs = {
	.name = "refs",
	.arguments = "CORE ADDRESS...",
	.summary = "who points to it",
	.description = "Shows every word that points into a block: in which chunk, variable, frame "
		       "of a stack, register or thread-local variable it stands. ADDRESS is "
		       "hexadecimal, or the name of a variable, NAME+OFFSET, or *NAME for what the "
		       "variable points to; - reads addresses from stdin. --to-root shows a chain "
		       "from a root.",
	.examples = "  heapcore refs core.1234 0x55d0c2a0\n"
		    "  heapcore refs core.1234 0x55d0c2a0 --to-root --all --limit 3\n"
		    "  heapcore refs core.1234 '*g_cache' app::Server::sessions+8\n"
		    "  heapcore refs core.1234 - --limit 1 < addresses\n",
	.min_args = 2,
	.max_args = HC_MAX_ADDRESSES,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&referrers_shape, &targets_shape, &chains_shape),
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
