/**
 * @file
 * heapcore what: everything known about one address.
 */
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/containers/containers.h"
#include "analyzers/inspect/what.h"
#include "cmd/select_options.h"
#include "cmd/show/chain.h"
#include "cmd/show/container.h"
#include "cmd/show/lost.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

/** What is read to tell a chunk's type, if it is read at all: hc_types_effort. */
enum types_word { TYPES_NONE, TYPES_VTABLE, TYPES_FULL };

struct own {
	uint64_t referrers;
	unsigned types; /* types_word */
};

enum own_id { OWN_REFERRERS, OWN_TYPES };

HC_WORDS(types_words, "none", "vtable", "full")

static const struct hc_option own_options[] = {
	{OWN_REFERRERS, 0, "referrers", "N",
	 "show at most N places that point to it (default: 20)"},
	{OWN_TYPES, 0, "types", "WORD",
	 "what to read for the type of the chunk: {words}; full (the default) is symbols and debug "
	 "information, and read only where no mark in the chunk, as a vtable is, names its type",
	 HC_VALUE_WORD, types_words},
	{0},
};

static const struct own own_defaults = {.referrers = 20, .types = TYPES_FULL};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	if (id == OWN_TYPES)
		return hc_parse_word("--types", value, types_words, &own->types);
	return hc_parse_count("--referrers", value, &own->referrers);
}

/** Bytes in the hexadecimal view, unless --content full shows all. */
#define HEX_BYTES 256

/** What reachability means, in a sentence. */
static const char *reach_meaning(enum hc_reach reach)
{
	switch (reach) {
	case HC_DEFINITE:
		return "definite: no chain of pointers leads to it, and nothing lost points to it";
	case HC_INDIRECT:
		return "indirect: only lost chunks point to it";
	case HC_REACHABLE:
		return "reachable from a root";
	case HC_POSSIBLE:
		return "possible: only pointers into an interior lead to it";
	case HC_NUM_REACH:
		break;
	}
	return "unknown";
}

/** @name Tables */
/**@{*/

enum referrer_column {
	REF_FROM,
	REF_ADDRESS,
	REF_VALUE,
	REF_OFFSET,
	REF_CHUNK,
	REF_CHUNK_SIZE,
	REF_CHUNK_STATE,
	REF_CHUNK_REACH,
	REF_WHO,
	REF_THREAD,
	REF_DETAIL,
	REF_HEURISTIC,
	NUM_REFERRER_COLUMNS
};

#define DATA HC_COLUMN_DATA_ONLY

static const struct hc_column referrer_columns[NUM_REFERRER_COLUMNS] = {
	[REF_FROM] = {"kind", "FROM", HC_CELL_TEXT, 0, "chunk, or the kind of root"},
	[REF_ADDRESS] = {"address", "AT", HC_CELL_ADDRESS, 0,
			 "where the pointer is; null for a register"},
	[REF_VALUE] = {"value", "", HC_CELL_ADDRESS, DATA, "the pointer"},
	[REF_OFFSET] = {"into", "INTO", HC_CELL_COUNT, HC_COLUMN_ASCENDING,
			"bytes from the start of the chunk to where it points"},
	[REF_CHUNK] = {"chunk", "", HC_CELL_ADDRESS, DATA, "that holds the pointer"},
	[REF_CHUNK_SIZE] = {"chunk_size", "", HC_CELL_COUNT, DATA, "with header"},
	[REF_CHUNK_STATE] = {"state", "", HC_CELL_TEXT, DATA, "of that chunk"},
	[REF_CHUNK_REACH] = {"reach", "", HC_CELL_TEXT, DATA, "of that chunk"},
	[REF_WHO] = {"which", "WHICH", HC_CELL_NAME, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,
		     "chunk, thread, variable or mapping"},
	[REF_THREAD] = {"thread", "", HC_CELL_NUMBER, DATA,
			"of a register, stack or thread-local storage"},
	[REF_DETAIL] = {"detail", "", HC_CELL_NAME, DATA, "register or symbol"},
	[REF_HEURISTIC] = {"heuristic", "", HC_CELL_TEXT, DATA,
			   "why a pointer that is not to the start counts as one; tagged: 48 of "
			   "its bits are the pointer; offset: it is 32 bits from a base; both: the "
			   "chunk is possible"},
};

static const struct hc_shape referrers_shape = {
	.key = "referrers", .name = "what points to it", HC_COLUMNS(referrer_columns)};

static void add_chunk_referrer(const struct hc_what *what, struct hc_table *table,
			       const struct hc_referrer *referrer)
{
	const struct hc_chunk *chunk = &referrer->chunk;
	bool reach = what->reach_known && chunk->state == HC_IN_USE;

	hc_table_text(table, REF_FROM, "chunk");
	hc_table_number(table, REF_CHUNK, chunk->address);
	hc_table_number(table, REF_CHUNK_SIZE, chunk->size);
	hc_table_text(table, REF_CHUNK_STATE, hc_chunk_state_name(chunk));
	hc_table_text(table, REF_CHUNK_REACH, reach ? hc_reach_name(chunk->reach) : NULL);
	hc_table_phrase(table, REF_WHO, "{}+{}, {} bytes, {}{}{}",
			HC_CELLS(hc_cell_address(chunk->address),
				 hc_cell_number(referrer->address - chunk->address),
				 hc_cell_count(chunk->size),
				 hc_cell_text(hc_chunk_state_name(chunk)),
				 hc_cell_text(reach ? ", " : ""),
				 hc_cell_text(reach ? hc_reach_name(chunk->reach) : "")));
}

static void add_root_referrer(struct hc_table *table, const struct hc_referrer *referrer)
{
	const struct hc_mapping *mapping = referrer->mapping;

	hc_table_text(table, REF_FROM, hc_root_kind_name(referrer->root));
	if (referrer->thread)
		hc_table_phrase(table, REF_WHO, "thread {}{}{}",
				HC_CELLS(hc_cell_number(referrer->thread->lwp),
					 hc_cell_text(referrer->detail ? ", " : ""),
					 hc_cell_name(referrer->detail)));
	else if (referrer->detail)
		hc_table_text(table, REF_WHO, referrer->detail);
	else if (mapping)
		hc_table_text(table, REF_WHO,
			      mapping->path   ? mapping->path
			      : mapping->note ? mapping->note
					      : hc_mapping_kind_title(mapping->kind));
}

static void fill_referrers(struct hc_table *table, const struct hc_what *what)
{
	for (size_t i = 0; i < what->referrers.num; i++) {
		const struct hc_referrer *referrer = &what->referrers.items[i];
		uint64_t base = what->in_chunk ? what->chunk.address : what->address;
		hc_table_add_row(table);
		if (referrer->address)
			hc_table_number(table, REF_ADDRESS, referrer->address);
		hc_table_number(table, REF_VALUE, referrer->value);
		if (hc_heuristic_is_hidden(referrer->heuristic))
			hc_table_number(table, REF_OFFSET, 0);
		else if (referrer->value >= base)
			hc_table_number(table, REF_OFFSET, referrer->value - base);
		if (referrer->thread)
			hc_table_number(table, REF_THREAD, referrer->thread->lwp);
		hc_table_text(table, REF_DETAIL, referrer->detail);
		if (referrer->heuristic != HC_HEURISTIC_NONE)
			hc_table_text(table, REF_HEURISTIC, hc_heuristic_name(referrer->heuristic));
		if (referrer->in_chunk)
			add_chunk_referrer(what, table, referrer);
		else
			add_root_referrer(table, referrer);
	}
}

enum target_column {
	TARGET_OFFSET,
	TARGET_VALUE,
	TARGET_CHUNK,
	TARGET_SIZE,
	TARGET_STATE,
	TARGET_REACH,
	NUM_TARGET_COLUMNS
};

static const struct hc_column target_columns[NUM_TARGET_COLUMNS] = {
	[TARGET_OFFSET] = {"offset", "OFFSET", HC_CELL_COUNT, HC_COLUMN_ASCENDING, "in the chunk"},
	[TARGET_VALUE] = {"value", "POINTER", HC_CELL_ADDRESS, 0, "the pointer"},
	[TARGET_CHUNK] = {"chunk", "CHUNK", HC_CELL_ADDRESS, 0, "that it leads to"},
	[TARGET_SIZE] = {"chunk_size", "SIZE", HC_CELL_COUNT, 0, "with header"},
	[TARGET_STATE] = {"state", "STATE", HC_CELL_TEXT, 0, "of that chunk"},
	[TARGET_REACH] = {"reach", "REACH", HC_CELL_TEXT, 0, "of that chunk"},
};

static const struct hc_shape targets_shape = {
	.key = "targets", .name = "what it points to", HC_COLUMNS(target_columns)};

static void fill_targets(struct hc_table *table, const struct hc_what *what)
{
	for (size_t i = 0; i < what->num_targets; i++) {
		const struct hc_what_target *target = &what->targets[i];
		hc_table_add_row(table);
		hc_table_number(table, TARGET_OFFSET, target->offset);
		hc_table_number(table, TARGET_VALUE, target->value);
		hc_table_number(table, TARGET_CHUNK, target->chunk.address);
		hc_table_number(table, TARGET_SIZE, target->chunk.size);
		hc_table_text(table, TARGET_STATE, hc_chunk_state_name(&target->chunk));
		if (what->reach_known && target->chunk.state == HC_IN_USE)
			hc_table_text(table, TARGET_REACH, hc_reach_name(target->chunk.reach));
	}
}
/**@}*/

/** @name What lies at the address */
/**@{*/

static void describe_mapping(const struct hc_mapping *mapping, struct hc_document *doc)
{
	char permissions[5];

	if (!mapping) {
		hc_fact(doc, "mapping", NULL, hc_cell_unknown());
		hc_fact(doc, NULL, "mapping", hc_cell_text("none: this address is not mapped"));
		return;
	}
	struct hc_cell start = hc_cell_address(mapping->start), end = hc_cell_address(mapping->end);
	struct hc_cell note = hc_cell_name(mapping->note), path = hc_cell_name(mapping->path);
	hc_mapping_permissions(mapping, permissions);
	permissions[3] = '\0'; /* without "p" or "s" */
	hc_begin_object(doc, "mapping", HC_CONTENT_NONE);
	hc_fact(doc, "start", NULL, start);
	hc_fact(doc, "end", NULL, end);
	hc_fact(doc, "kind", NULL, hc_cell_text(hc_mapping_kind_name(mapping->kind)));
	hc_fact(doc, "path", NULL, path);
	hc_fact(doc, "note", NULL, note);
	hc_end(doc);
	hc_fact(doc, NULL, "mapping",
		HC_PHRASE(doc, "{}-{} {}, {}, {}{}{}{}{}", start, end, hc_cell_text(permissions),
			  hc_cell_bytes(mapping->end - mapping->start),
			  hc_cell_text(hc_mapping_kind_title(mapping->kind)),
			  hc_cell_text(mapping->note ? ", " : ""), note,
			  hc_cell_text(mapping->path ? ", " : ""), path));
}

static void describe_place(const struct hc_what *what, struct hc_document *doc)
{
	const struct hc_module *module = what->module;

	describe_mapping(what->mapping, doc);
	hc_fact(doc, "module", NULL, hc_cell_name(module ? module->path : NULL));
	if (module)
		hc_fact(doc, NULL, "module",
			HC_PHRASE(doc, "{}+{}", hc_cell_name(module->path),
				  hc_cell_address(what->address - module->start)));
	hc_fact(doc, "symbol", NULL, hc_cell_name(what->symbol));
	hc_fact(doc, "symbol_offset", NULL,
		what->symbol ? hc_cell_count(what->symbol_offset) : hc_cell_unknown());
	if (what->symbol)
		hc_fact(doc, NULL, "symbol",
			HC_PHRASE(doc, "{}+{}", hc_cell_name(what->symbol),
				  hc_cell_number(what->symbol_offset)));
	hc_fact(doc, "thread", "thread",
		what->thread ? hc_cell_number(what->thread->lwp) : hc_cell_unknown());
	hc_fact(doc, "special", what->in_chunk ? NULL : "known as", hc_cell_name(what->special));
}

/** Where the objects of a chunk lie that do not start it, and which one has the address. */
static struct hc_cell describe_objects(const struct hc_session *session, const struct hc_what *what,
				       struct hc_document *doc)
{
	struct hc_type_objects objects;
	struct hc_cell object = hc_cell_unknown(), ordinal = hc_cell_unknown();

	if (!hc_type_find_objects(session->target->types, &what->chunk, &objects))
		return hc_cell_unknown();
	uint64_t first = what->chunk.address + objects.offset, stride = objects.stride;
	/* Of one that stands alone nobody knows where it ends. */
	uint64_t index = stride ? (what->address - first) / stride : 0;

	if (stride && what->address >= first && index < objects.places) {
		object = hc_cell_address(first + index * stride);
		ordinal = hc_cell_count(index + 1);
	}
	hc_begin_object(doc, "objects", HC_CONTENT_CLASS);
	hc_fact(doc, "offset", NULL, hc_cell_count(objects.offset));
	hc_fact(doc, "count", NULL, hc_cell_count(objects.count));
	hc_fact(doc, "places", NULL, hc_cell_count(objects.places));
	hc_fact(doc, "stride", NULL, stride ? hc_cell_count(stride) : hc_cell_unknown());
	hc_fact(doc, "object", NULL, object);
	hc_fact(doc, "ordinal", NULL, ordinal);
	hc_end(doc);
	if (!stride)
		return HC_PHRASE(doc, ": at +{}", hc_cell_number(objects.offset));
	if (ordinal.kind == HC_CELL_UNKNOWN)
		return HC_PHRASE(doc, ": {} from +{} on, every {} bytes",
				 hc_cell_count(objects.count), hc_cell_number(objects.offset),
				 hc_cell_count(stride));
	return HC_PHRASE(doc, ": {} from +{} on, every {} bytes; the address is in place {}, {}",
			 hc_cell_count(objects.count), hc_cell_number(objects.offset),
			 hc_cell_count(stride), ordinal, object);
}

static void describe_type(const struct hc_session *session, const struct hc_what *what,
			  struct hc_document *doc)
{
	const struct own *own = session->options->own;
	const struct hc_chunk *chunk = &what->chunk;
	/* Somebody else may have read types meanwhile. */
	hc_type_id type = own->types == TYPES_NONE ? HC_TYPE_NONE : hc_session_type(session, chunk);
	struct hc_cell name = hc_type_cell(session, type);

	if (type == HC_TYPE_NONE) {
		hc_fact(doc, "type", NULL, name);
		return;
	}
	enum hc_type_source source = hc_type_source(session->target->types, type);
	hc_cleanup_free char *remark = hc_type_remark(session->target->types, chunk);
	hc_begin_object(doc, "type", HC_CONTENT_CLASS);
	hc_fact(doc, "name", NULL, name);
	hc_fact(doc, "known_by", NULL, hc_cell_text(hc_type_source_name(source)));
	if (remark)
		hc_fact(doc, "remark", NULL, hc_cell_name(remark));
	struct hc_cell objects = describe_objects(session, what, doc);
	hc_end(doc);
	hc_fact(doc, NULL, "type",
		hc_cell_needs(HC_CONTENT_CLASS,
			      HC_PHRASE(doc, "{} ({}){}{}{}", name,
					hc_cell_text(hc_type_source_title(source)),
					hc_cell_text(remark ? ": " : ""),
					hc_cell_name(remark ? remark : ""), objects)));
}

/** A textual chunk begins with it. */
static void describe_content(const struct hc_session *session, const struct hc_what *what,
			     struct hc_document *doc)
{
	struct hc_cell class = hc_class_cell(session, what->class_id);
	struct hc_excerpt sample = hc_excerpt_of(what->sample, HC_EXCERPT_QUOTED);

	if (class.kind == HC_CELL_UNKNOWN)
		return;
	hc_fact(doc, NULL, "content", class);
	sample.max = session->out.width - 16;
	if (hc_class_of(session->target->classifier, what->class_id)->textual)
		hc_fact(doc, NULL, "sample", hc_cell_content(&sample));
}

/** How the chunk lies around the address, for people. */
static void say_chunk(const struct hc_what *what, struct hc_document *doc)
{
	const struct hc_chunk *chunk = &what->chunk;

	hc_fact(doc, NULL, "chunk",
		HC_PHRASE(doc, "{}, {} bytes with header, {} usable",
			  hc_cell_address(chunk->address), hc_cell_count(chunk->size),
			  hc_cell_count(chunk->usable)));
	hc_fact(doc, NULL, "offset",
		what->address < chunk->address
			? HC_PHRASE(doc, "in its header, {} byte{} before it",
				    hc_cell_number(chunk->address - what->address),
				    hc_cell_plural(chunk->address - what->address))
			: hc_cell_count(what->address - chunk->address));
	if (chunk->state == HC_IN_USE)
		hc_fact(doc, NULL, "request",
			HC_PHRASE(doc, "malloc of {} to {} bytes", hc_cell_count(what->request_min),
				  hc_cell_count(what->request_max)));
	hc_fact(doc, NULL, "arena",
		chunk->span->arena == HC_ARENA_MMAP
			? hc_cell_text("none: a mapping of its own")
			: HC_PHRASE(doc, "{}{}", hc_cell_number(chunk->span->arena),
				    hc_cell_text(chunk->span->arena ? "" : ", the main arena")));
}

static void describe_chunk(const struct hc_session *session, const struct hc_what *what,
			   struct hc_document *doc)
{
	const struct hc_chunk *chunk = &what->chunk;

	if (!what->in_chunk) {
		hc_fact(doc, "chunk", NULL, hc_cell_unknown());
		return;
	}
	bool in_use = chunk->state == HC_IN_USE;
	bool reach = in_use && what->reach_known;
	struct hc_cell min = hc_cell_count(what->request_min);
	struct hc_cell max = hc_cell_count(what->request_max);
	hc_begin_object(doc, "chunk", HC_CONTENT_NONE);
	say_chunk(what, doc);
	hc_fact(doc, "address", NULL, hc_cell_address(chunk->address));
	hc_fact(doc, "chunk_size", NULL, hc_cell_count(chunk->size));
	hc_fact(doc, "usable_size", NULL, hc_cell_count(chunk->usable));
	hc_fact(doc, "state", "state", hc_cell_text(hc_chunk_state_name(chunk)));
	hc_fact(doc, "arena", NULL, hc_cell_arena(chunk->span->arena));
	hc_fact(doc, "reach", "reachability",
		reach ? hc_cell_term(hc_reach_name(chunk->reach), reach_meaning(chunk->reach))
		      : hc_cell_unknown());
	hc_fact(doc, NULL, "known as", hc_cell_name(what->special));
	hc_fact(doc, "request_min", NULL, in_use ? min : hc_cell_unknown());
	hc_fact(doc, "request_max", NULL, in_use ? max : hc_cell_unknown());
	hc_fact(doc, "class", NULL, hc_class_cell(session, what->class_id));
	describe_type(session, what, doc);
	describe_content(session, what, doc);
	hc_end(doc);
}

static void describe_bytes(const struct hc_what *what, struct hc_document *doc)
{
	struct hc_excerpt excerpt = hc_excerpt_of(what->bytes, HC_EXCERPT_TEXT);
	struct hc_hex hex = {
		.address = what->in_chunk ? what->chunk.address : what->address,
		.bytes = what->bytes,
		.max = HEX_BYTES,
		.more = "more bytes; --content full shows them",
	};

	hc_fact(doc, "bytes", NULL,
		what->bytes.size ? hc_cell_content(&excerpt) : hc_cell_unknown());
	if (!what->bytes.size)
		return;
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	HC_HEADING(doc, "Bytes");
	hc_hex_view(doc, &hex);
	hc_end(doc);
}

/** The convention that a referrer follows, or NULL. */
static const struct hc_convention *find_convention(const struct hc_what *what)
{
	for (size_t i = 0; i < what->referrers.num; i++)
		if (what->referrers.items[i].convention)
			return what->referrers.items[i].convention;
	return NULL;
}

/** Why pointers that are not to the start hold the chunk. */
static void describe_conventions(const struct hc_session *session, const struct hc_what *what,
				 struct hc_document *doc)
{
	const struct hc_convention *convention = find_convention(what);
	bool tagged = false, offset = false;

	if (convention) {
		uint64_t size = convention->size;

		HC_SAY(doc,
		       "Pointers to +{} count as pointers to the start: so {} of {} chunks of {}{} "
		       "are held that no pointer to the start holds.",
		       hc_cell_count(convention->offset), hc_cell_count(convention->chunks),
		       hc_cell_count(convention->chunks + convention->others),
		       size ? hc_cell_count(size) : hc_cell_text("many sizes"),
		       hc_cell_text(size ? " bytes" : ""));
		hc_lost_describe_convention(doc, "convention", convention);
	} else {
		hc_fact(doc, "convention", NULL, hc_cell_unknown());
	}
	for (size_t i = 0; i < what->referrers.num; i++) {
		tagged |= what->referrers.items[i].heuristic == HC_HEURISTIC_TAGGED;
		offset |= what->referrers.items[i].heuristic == HC_HEURISTIC_OFFSET;
	}
	if (tagged)
		HC_SAY(doc,
		       "Tagged pointers: the {} 48 bits are the pointer, the rest is the "
		       "program's. Chunks that only they hold are possibly lost.",
		       hc_cell_text(session->target->heap->tagged == HC_TAG_LOW ? "top" : "low"));
	if (offset)
		HC_SAY(doc, "Offsets: 32 bits that count from a base are the pointer. Chunks that "
			    "only they hold are possibly lost.");
}

static void describe_pointers(const struct hc_session *session, const struct hc_what *what,
			      struct hc_document *doc)
{
	if (session->target->heap)
		HC_HEADING(doc, "Pointed to by {}", hc_cell_count(what->referrers.total));
	struct hc_table *referrers = hc_add_table(doc, &referrers_shape);
	fill_referrers(referrers, what);
	describe_conventions(session, what, doc);
	if (session->target->heap && what->referrers.num < what->referrers.total)
		HC_LINE(doc, "{} more; --referrers N shows more",
			hc_cell_count(what->referrers.total - what->referrers.num));
	if (what->num_targets)
		HC_HEADING(doc, "Points to");
	fill_targets(hc_add_table(doc, &targets_shape), what);
	hc_fact(doc, "total_referrers", NULL, hc_cell_count(what->referrers.total));
}

/** What it is part of: cells of the document that describes it. */
struct context {
	struct hc_spots *spots;
	struct hc_namer namer;
	struct hc_containment containment;
	struct hc_cell holder; /**< a chain of pointers from a root, for a chunk that has one */
};

static void context_deinit(struct context *context)
{
	hc_spots_destroy(context->spots);
}

/** By whom it is held, and of which container it is a part. */
static struct hc_error *find_context(struct hc_session *session, const struct hc_what *what,
				     struct hc_document *doc, struct context *ret)
{
	const struct hc_heap *heap = session->target->heap;
	const struct own *own = session->options->own;
	bool in_use = what->in_chunk && what->chunk.state == HC_IN_USE;

	ret->holder = hc_cell_unknown();
	if (!heap || (what->in_chunk && !in_use))
		return NULL;
	hc_target_phase(session->target, HC_PHASE_REFER);
	struct hc_error *err = hc_spots_create(session->target->process, &ret->spots);

	ret->namer = (struct hc_namer){session, ret->spots, session->options->full_names};
	if (!err)
		err = hc_containers_of(session->target, what->address, in_use ? &what->chunk : NULL,
				       &what->referrers, &ret->containment);
	if (!err && in_use && !ret->containment.found && own->types != TYPES_NONE)
		err = hc_containers_counted(session->target, &what->chunk, &ret->containment);
	if (!err && in_use)
		err = what->paths.num
			      ? hc_chain_path_phrase(&ret->namer, &what->paths.items[0], doc,
						     &ret->holder)
			      : hc_chain_phrase(&ret->namer, &what->chunk, 0, doc, &ret->holder);
	return err;
}

static struct hc_error *describe(const struct hc_session *session, const struct hc_what *what,
				 const struct context *context, struct hc_document *doc)
{
	hc_fact(doc, "address", "address", hc_cell_address(what->address));
	describe_place(what, doc);
	describe_chunk(session, what, doc);
	struct hc_error *err = hc_containment_describe(&context->namer, &context->containment, doc);

	hc_fact(doc, "holder", "held by", context->holder);
	describe_pointers(session, what, doc);
	describe_bytes(what, doc);
	return err;
}
/**@}*/

/** Whether a chunk's type is known for good. */
static bool is_marked(const struct hc_session *session, const struct hc_chunk *chunk)
{
	hc_type_id type = hc_session_type(session, chunk);

	return type != HC_TYPE_NONE &&
	       hc_type_source_is_mark(hc_type_source(session->target->types, type));
}

/** Read types as far as the chunk needs it: most of what takes long tells nothing of a C++ object.
 */
static struct hc_error *read_types(struct hc_session *session, const struct hc_what *what)
{
	const struct own *own = session->options->own;

	if (own->types == TYPES_NONE || !what->in_chunk || what->chunk.state != HC_IN_USE)
		return NULL;
	struct hc_error *err = hc_session_types(session, HC_TYPES_QUICK);

	if (err || own->types == TYPES_VTABLE || is_marked(session, &what->chunk))
		return err;
	return hc_session_types(session, HC_TYPES_FULL);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(hc_what_deinit) struct hc_what what = {0};
	hc_cleanup(context_deinit) struct context context = {0};
	hc_cleanup_document struct hc_document doc;
	uint64_t address;

	hc_document_init(&doc);
	struct hc_error *err = hc_parse_address("ADDRESS", session->options->args[0], &address);
	if (!err)
		err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (!err)
		err = hc_what_run_reached(session->target, address, own->referrers,
					  HC_WHAT_MANY_CHUNKS, &what);
	if (!err)
		err = read_types(session, &what);
	if (err)
		return err;

	err = find_context(session, &what, &doc, &context);
	if (err)
		return err;
	hc_session_begin(session, &doc);
	err = describe(session, &what, &context, &doc);
	return err ? err : hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_what = {
	.name = "what",
	.arguments = "CORE ADDRESS",
	.summary = "everything known about one address",
	.description = "Shows what lies at an address: mapping, module and symbol, thread, chunk, "
		       "reachability, "
		       "content, who points to it and what it points to. ADDRESS is hexadecimal.",
	.examples = "  heapcore what core.1234 0x55d0c2a0\n"
		    "  heapcore what core.1234 0x55d0c2a0 --content full\n",
	.min_args = 2,
	.max_args = 2,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&referrers_shape, &targets_shape),
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
