/**
 * @file
 * heapcore containers: maps, lists, vectors and so on of the standard libraries.
 */
#include <stdlib.h>

#include "analyzers/containers/containers.h"
#include "analyzers/reachability/spots.h"
#include "cmd/render/units.h"
#include "cmd/show/holder.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

enum {
	DATA_ROWS = 1000, /* in data, unless --top says otherwise */
	MAX_ROWS = 1 << 20,
};

struct own {
	uint64_t top;
	unsigned kind; /* 0: all; else enum hc_container_kind plus one */
};

enum own_id { OWN_KIND, OWN_TOP };

HC_WORDS(kind_words, "all", "map", "unordered_map", "list", "deque", "vector", "string",
	 "hashbrown", "shared_ptr", "vec", "rc")

static const struct hc_option own_options[] = {
	{OWN_KIND, 0, "kind", "WORD", "containers of this kind: {words}", HC_VALUE_WORD,
	 kind_words},
	{OWN_TOP, 0, "top", "N", "the first N; 0: all (default: 20 in text, else 1,000)"},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_KIND:
		return hc_parse_word("--kind", value, kind_words, &own->kind);
	case OWN_TOP:
		break;
	}
	return hc_parse_count("--top", value, &own->top);
}

/** @name Tables */
/**@{*/

enum column {
	KIND,
	ELEMENTS,
	BYTES,
	SHARE,
	NODES,
	NODE_BYTES,
	ARRAYS,
	ARRAY_BYTES,
	USED,
	ELEMENT_MAX,
	USES,
	WEAK,
	LIBRARY,
	HEAD,
	PLACE,
	CHUNK,
	CHUNK_OFFSET,
	MODULE,
	SYMBOL,
	SYMBOL_OFFSET,
	THREAD,
	WHICH,
	NUM_COLUMNS
};

#define DATA HC_COLUMN_DATA_ONLY

static const struct hc_column columns[NUM_COLUMNS] = {
	[KIND] = {"container", "CONTAINER", HC_CELL_NAME, HC_COLUMN_CLASS,
		  "map: also set and multi ones; unordered_map: the same; list, deque, vector, "
		  "string; hashbrown: HashMap and HashSet of Rust; shared_ptr: the object or the "
		  "counts of one; vec: Vec and String of Rust; rc: what Rc and Arc count"},
	[ELEMENTS] = {"elements", "ELEMENTS", HC_CELL_COUNT, 0,
		      "that were counted; of strings, bytes; null of vectors and deques whose size "
		      "of an element is not known"},
	[BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of its nodes and arrays, chunk sizes"},
	[SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of the bytes of all containers"},
	[NODES] = {"nodes", "", HC_CELL_COUNT, DATA, "chunks that have one element each"},
	[NODE_BYTES] = {"node_bytes", "", HC_CELL_BYTES, DATA, "of these"},
	[ARRAYS] = {"arrays", "", HC_CELL_COUNT, DATA,
		    "other chunks: buckets, the map and blocks of a deque, the body of a vector or "
		    "string"},
	[ARRAY_BYTES] = {"array_bytes", "", HC_CELL_BYTES, DATA, "of these"},
	[USED] = {"used_bytes", "USED", HC_CELL_BYTES, 0,
		  "of elements in arrays; null where they are in nodes"},
	[ELEMENT_MAX] = {"element_max", "EACH", HC_CELL_COUNT, 0,
			 "bytes that an element has at most; null: nothing tells"},
	[USES] = {"uses", "", HC_CELL_COUNT, DATA,
		  "of shared_ptr and rc: how many own it; null of others"},
	[WEAK] = {"weak", "", HC_CELL_COUNT, DATA,
		  "of shared_ptr and rc: weak pointers to it; null of others"},
	[LIBRARY] = {"library", "", HC_CELL_TEXT, DATA | HC_COLUMN_CLASS,
		     "whose form it is: libstdc++, libc++, Rust; null: it is the same in the first "
		     "two"},
	[HEAD] = {"head", "HEAD", HC_CELL_ADDRESS, 0, "address of the container itself"},
	[PLACE] = {"place", "", HC_CELL_TEXT, DATA,
		   "where the head lies: chunk, data, tls, stack, other"},
	[CHUNK] = {"chunk", "", HC_CELL_ADDRESS, DATA, "that has the head in it"},
	[CHUNK_OFFSET] = {"chunk_offset", "", HC_CELL_COUNT, DATA,
			  "of the head in that chunk, bytes"},
	[MODULE] = {"module", "", HC_CELL_NAME, DATA, "of the variable or the function"},
	[SYMBOL] = {"symbol", "", HC_CELL_NAME, DATA, "the variable"},
	[SYMBOL_OFFSET] = {"symbol_offset", "", HC_CELL_COUNT, DATA,
			   "into the variable; without one, into the module"},
	[THREAD] = {"thread", "", HC_CELL_NUMBER, DATA, "of a stack or thread-local storage"},
	[WHICH] = {"which", "WHERE", HC_CELL_NAME, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,
		   "chunk, variable, thread and frame, or mapping"},
};

static const struct hc_shape containers_shape = {
	.key = "containers", .name = "the largest", HC_COLUMNS(columns)};

enum total_column { T_KIND, T_CONTAINERS, T_INLINE, T_CHUNKS, T_BYTES, T_SHARE, NUM_TOTAL_COLUMNS };

static const struct hc_column total_columns[NUM_TOTAL_COLUMNS] = {
	[T_KIND] = {"container", "CONTAINER", HC_CELL_NAME, HC_COLUMN_CLASS, "as below"},
	[T_CONTAINERS] = {"containers", "NUMBER", HC_CELL_COUNT, 0, "how many there are"},
	[T_INLINE] = {"inline", "", HC_CELL_COUNT, DATA,
		      "of these, strings that lie in their head and have no chunk"},
	[T_CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0, "nodes and arrays"},
	[T_BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of these"},
	[T_SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of the bytes of all containers"},
};

static const struct hc_shape totals_shape = {
	.key = "kinds", .name = "by kind", HC_COLUMNS(total_columns)};

static const struct hc_column place_columns[] = {HC_HOLDER_COLUMNS(0)};
static const struct hc_shape place_shape = {.key = "place", HC_COLUMNS(place_columns)};
/**@}*/

struct view {
	struct hc_session *session;
	const struct own *own;
	struct hc_spots *spots;
	struct hc_namer namer;
	struct hc_containers found;
	struct hc_count all; /* chunks of all kinds */
	uint64_t num_all;    /* containers */
	size_t top;
};

static void view_deinit(struct view *view)
{
	hc_containers_deinit(&view->found);
	hc_spots_destroy(view->spots);
}

/** @name Document */
/**@{*/

static struct hc_cell class_cell(const char *name)
{
	return hc_cell_needs(HC_CONTENT_CLASS, hc_cell_name(name));
}

static void fill_totals(const struct view *view, struct hc_table *table)
{
	for (enum hc_container_kind kind = 0; kind < HC_NUM_CONTAINER_KINDS; kind++) {
		const struct hc_container_total *total = &view->found.kinds[kind];

		if (!total->containers)
			continue;
		hc_table_add_row(table);
		hc_table_cell(table, T_KIND, class_cell(hc_container_kind_name(kind)));
		hc_table_number(table, T_CONTAINERS, total->containers);
		hc_table_number(table, T_INLINE, total->inline_strings);
		hc_table_number(table, T_CHUNKS, total->chunks.chunks);
		hc_table_number(table, T_BYTES, total->chunks.bytes);
		hc_table_share(table, T_SHARE, hc_share(total->chunks.bytes, view->all.bytes));
	}
}

/** Where the head lies, from the columns that holders have. */
static struct hc_error *fill_place(const struct view *view, struct hc_document *doc,
				   struct hc_table *table, const struct hc_container *container)
{
	static const struct {
		enum column to;
		enum hc_holder_column from;
	} same[] = {
		{PLACE, HC_HOLDER_KIND},
		{CHUNK, HC_HOLDER_CHUNK},
		{CHUNK_OFFSET, HC_HOLDER_CHUNK_OFFSET},
		{MODULE, HC_HOLDER_MODULE},
		{SYMBOL, HC_HOLDER_SYMBOL},
		{SYMBOL_OFFSET, HC_HOLDER_SYMBOL_OFFSET},
		{THREAD, HC_HOLDER_THREAD},
		{WHICH, HC_HOLDER_WHICH},
	};
	hc_cleanup(hc_table_deinit) struct hc_table place;

	hc_table_init(&place, &place_shape, &doc->pool);
	hc_table_add_row(&place);
	struct hc_error *err = hc_holder_fill_place(&view->namer, &place, 0, &container->place);

	for (size_t i = 0; !err && i < sizeof(same) / sizeof(*same); i++)
		hc_table_cell(table, same[i].to, *hc_table_at(&place, 0, same[i].from));
	return err;
}

/** How many share it, in text before where it is. */
static void fill_counts(struct hc_document *doc, struct hc_table *table,
			const struct hc_container *container)
{
	struct hc_cell where = *hc_table_at(table, table->num_rows - 1, WHICH);

	hc_table_number(table, USES, container->uses);
	hc_table_number(table, WEAK, container->weak);
	hc_table_cell(table, WHICH,
		      HC_PHRASE(doc, "{} shared, {} weak: {}", hc_cell_count(container->uses),
				hc_cell_count(container->weak), where));
}

static struct hc_error *fill_container(const struct view *view, struct hc_document *doc,
				       struct hc_table *table, const struct hc_container *container)
{
	uint64_t bytes = hc_container_bytes(container);

	hc_table_add_row(table);
	hc_table_cell(table, KIND, class_cell(hc_container_kind_name(container->kind)));
	if (container->elements != HC_UNKNOWN_ELEMENTS)
		hc_table_number(table, ELEMENTS, container->elements);
	hc_table_number(table, BYTES, bytes);
	hc_table_share(table, SHARE, hc_share(bytes, view->all.bytes));
	hc_table_number(table, NODES, container->nodes.chunks);
	hc_table_number(table, NODE_BYTES, container->nodes.bytes);
	hc_table_number(table, ARRAYS, container->arrays.chunks);
	hc_table_number(table, ARRAY_BYTES, container->arrays.bytes);
	if (!container->nodes.chunks && container->elements == HC_UNKNOWN_ELEMENTS &&
	    !hc_container_is_counted(container->kind) && container->used != HC_UNKNOWN_ELEMENTS)
		hc_table_number(table, USED, container->used);
	if (container->element_max)
		hc_table_number(table, ELEMENT_MAX, container->element_max);
	hc_table_text(table, LIBRARY, hc_container_library_name(container->library));
	hc_table_number(table, HEAD, container->head);
	struct hc_error *err = fill_place(view, doc, table, container);

	if (!err && hc_container_is_counted(container->kind))
		fill_counts(doc, table, container);
	return err;
}

static void count_all(struct view *view)
{
	for (enum hc_container_kind kind = 0; kind < HC_NUM_CONTAINER_KINDS; kind++) {
		hc_count_add(&view->all, &view->found.kinds[kind].chunks);
		view->num_all += view->found.kinds[kind].containers;
	}
}

static void say_totals(const struct view *view, struct hc_document *doc)
{
	HC_SAY_STRONG(doc, "{} container{} of the standard libraries, {} chunk{} of {}.",
		      hc_cell_count(view->num_all), hc_cell_plural(view->num_all),
		      hc_cell_count(view->all.chunks), hc_cell_plural(view->all.chunks),
		      hc_cell_bytes(view->all.bytes));
	HC_LINE(doc, "Known by structure; what they point to is not in these bytes.");
	if (view->found.stopped)
		HC_SAY(doc, "There may be more: memory looks like so many that not all could be "
			    "walked.");
}

static struct hc_error *describe(const struct view *view, struct hc_document *doc)
{
	const struct hc_containers *found = &view->found;
	struct hc_error *err = NULL;

	hc_count_fact(doc, "all", HC_CONTENT_NONE, view->all.chunks, view->all.bytes);
	hc_fact(doc, "total", NULL, hc_cell_count(found->total));
	hc_fact(doc, "stopped", NULL, hc_cell_bool(found->stopped));
	say_totals(view, doc);
	if (view->num_all)
		hc_blank(doc);
	fill_totals(view, hc_add_table(doc, &totals_shape));
	if (found->num)
		hc_blank(doc);
	struct hc_table *table = hc_add_table(doc, &containers_shape);

	hc_document_main(doc, table);
	for (size_t i = 0; !err && i < found->num; i++)
		err = fill_container(view, doc, table, &found->items[i]);
	if (found->num < found->total)
		HC_LINE(doc, "{} smaller one{}; --top N shows more",
			hc_cell_count(found->total - found->num),
			hc_cell_plural(found->total - found->num));
	return err;
}
/**@}*/

static size_t wanted_rows(const struct own *own, enum hc_format format)
{
	if (own->top != HC_TOP_DEFAULT)
		return own->top && own->top < MAX_ROWS ? own->top : MAX_ROWS;
	return hc_top_rows(own->top, format, DATA_ROWS);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(view_deinit) struct view view = {.session = session,
						    .own = session->options->own};
	hc_cleanup_document struct hc_document doc;
	unsigned kinds =
		view.own->kind ? 1u << (view.own->kind - 1) : (1u << HC_NUM_CONTAINER_KINDS) - 1;

	hc_document_init(&doc);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (!err)
		err = hc_spots_create(session->target->process, &view.spots);
	if (!err)
		err = hc_containers_find(session->target, kinds,
					 wanted_rows(view.own, session->options->format),
					 &view.found);
	if (err)
		return err;
	view.namer = (struct hc_namer){session, view.spots, session->options->full_names};
	count_all(&view);
	hc_session_begin(session, &doc);
	err = describe(&view, &doc);
	return err ? err : hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_containers = {
	.name = "containers",
	.arguments = "CORE",
	.summary = "maps, lists, vectors and so on of the standard libraries",
	.description = "Finds the containers of libstdc++, libc++ and Rust by their structure in "
		       "memory, in stripped programs too: where each lies, how many elements it "
		       "has, and the bytes of its nodes and arrays. Each was walked completely.",
	.examples = "  heapcore containers core.1234\n"
		    "  heapcore containers core.1234 --kind map --sort elements\n"
		    "  heapcore containers core.1234 --top 0 --format csv\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&containers_shape, &totals_shape),
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
