/**
 * @file
 * Chains in one line; see chain.h.
 */
#include "cmd/show/chain.h"

#include "analyzers/containers/containers.h"
#include "analyzers/reachability/path.h"
#include "cmd/show/container.h"
#include "cmd/show/sample.h"
#include "core/base/cleanup.h"

/** Steps that are told: the first ones, and the last. */
enum { FIRST_STEPS = 4 };

static const struct hc_column columns[] = {HC_HOLDER_COLUMNS(0)};
static const struct hc_shape shape = {.key = "chain", HC_COLUMNS(columns)};

/** Memory that has no name: whose it is, and where the word stands. */
static struct hc_cell memory_phrase(const struct hc_namer *namer, const struct hc_referrer *root,
				    struct hc_document *doc)
{
	const struct hc_mapping *mapping = root->mapping;
	const struct hc_owner *owner =
		namer->owners ? hc_owners_at(namer->owners, root->address) : NULL;
	const char *title = owner           ? owner->title
			    : mapping->note ? mapping->note
					    : hc_mapping_kind_title(mapping->kind);

	return HC_PHRASE(doc, "{} at {}", hc_cell_name(title), hc_cell_address(root->address));
}

/** Where the word of the root stands, as a table of holders has it. */
static struct hc_error *place_phrase(const struct hc_namer *namer, const struct hc_referrer *root,
				     struct hc_document *doc, struct hc_cell *ret)
{
	hc_cleanup(hc_table_deinit) struct hc_table table;

	hc_table_init(&table, &shape, &doc->pool);
	hc_table_add_row(&table);
	struct hc_error *err = hc_holder_fill_place(namer, &table, 0, root);

	if (!err && table.num_rows)
		*ret = *hc_table_at(&table, 0, HC_HOLDER_WHICH);
	return err;
}

static struct hc_error *root_phrase(const struct hc_namer *namer, const struct hc_referrer *root,
				    struct hc_document *doc, struct hc_cell *ret)
{
	if (root->root != HC_ROOT_OTHER || !root->mapping || root->mapping->path)
		return place_phrase(namer, root, doc, ret);
	*ret = memory_phrase(namer, root, doc);
	return NULL;
}

/** Chunks of one kind in a row. */
static struct hc_cell run_phrase(struct hc_cell kind, size_t num, struct hc_document *doc)
{
	return num == 1 ? kind
			: HC_PHRASE(doc, "{} {} {}", hc_cell_count(num), hc_cell_times(), kind);
}

/** End of the chunks of one size and type that begin with step @p i. */
static size_t run_end(const struct hc_session *session, const struct hc_path *path, size_t i)
{
	const struct hc_chunk *chunk = &path->steps[i].chunk;
	hc_type_id type = hc_session_type(session, chunk);
	size_t end = i + 1;

	while (end < path->num && path->steps[end].chunk.size == chunk->size &&
	       hc_session_type(session, &path->steps[end].chunk) == type)
		end++;
	return end;
}

/** The container that the chunk of a step is a part of: what led to it is its only known referrer.
 */
static struct hc_error *container_at(const struct hc_session *session, const struct hc_path *path,
				     size_t i, struct hc_containment *ret)
{
	const struct hc_chunk *chunk = &path->steps[i].chunk;
	const struct hc_referrers from = {&path->steps[i - 1], 1, 1};
	struct hc_error *err = hc_containers_of(session->target, chunk->address, chunk, &from, ret);

	if (!err && ret->part == HC_PART_HEAD)
		*ret = (struct hc_containment){0};
	return err;
}

static struct hc_error *path_phrase(const struct hc_namer *namer, const struct hc_path *path,
				    struct hc_cell list, struct hc_document *doc,
				    struct hc_cell *ret)
{
	const struct hc_session *session = namer->session;
	struct hc_container last = {0};
	bool leads_to_node = false;
	size_t steps = 0;

	for (size_t i = 1, end; i < path->num; i = end) {
		const struct hc_chunk *chunk = &path->steps[i].chunk;
		struct hc_containment in = {0};

		end = run_end(session, path, i);
		bool told = steps < FIRST_STEPS || end == path->num;
		/* Steps that nobody sees are not looked up: a chain may have millions. */
		struct hc_error *err = told ? container_at(session, path, i, &in) : NULL;
		if (err)
			return err;
		/* A node of a hash table does not lead to its head, but is what the array leads to.
		 */
		bool inside = in.found ? in.container.head == last.head : leads_to_node;
		leads_to_node = in.found && in.part == HC_PART_ARRAY && in.container.nodes.chunks;
		if (inside)
			continue;
		last = in.container;
		steps++;
		if (told)
			list = hc_phrase_join(
				doc, list, " > ",
				in.found ? hc_container_phrase(&in.container, doc)
					 : run_phrase(hc_kind_cell(session,
								   hc_session_type(session, chunk),
								   chunk->size, doc),
						      end - i, doc));
		else if (steps == FIRST_STEPS + 1)
			list = hc_phrase_join(doc, list, " > ", hc_cell_text("..."));
	}
	*ret = list;
	return NULL;
}

struct hc_error *hc_chain_path_phrase(const struct hc_namer *namer, const struct hc_path *path,
				      struct hc_document *doc, struct hc_cell *ret)
{
	struct hc_cell root = hc_cell_unknown();
	struct hc_error *err = root_phrase(namer, &path->steps[0], doc, &root);

	return err ? err : path_phrase(namer, path, root, doc, ret);
}

struct hc_error *hc_chain_phrase(const struct hc_namer *namer, const struct hc_chunk *chunk,
				 uint64_t max_chunks, struct hc_document *doc, struct hc_cell *ret)
{
	const struct hc_path_limits limits = {.paths = 1, .chunks = max_chunks};
	hc_cleanup(hc_paths_deinit) struct hc_paths paths = {0};
	struct hc_error *err = hc_paths_find(namer->session->target->heap, chunk, limits, &paths);

	*ret = hc_cell_unknown();
	if (err || !paths.num)
		return err;
	return hc_chain_path_phrase(namer, &paths.items[0], doc, ret);
}
