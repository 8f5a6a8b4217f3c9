/**
 * @file
 * Where a pointer stands, in words and as columns; see holder.h.
 */
#include "cmd/show/holder.h"

#include <stdlib.h>
#include <string.h>

#include "analyzers/types/demangle.h"
#include "cmd/show/sample.h"
#include "core/base/cleanup.h"

static char *demangle(const struct hc_namer *namer, const char *symbol)
{
	return symbol ? hc_demangle_symbol(symbol, namer->full_names) : NULL;
}

/** The name of the type of a chunk; NULL: none is known. */
static const char *type_name(const struct hc_session *session, const struct hc_chunk *chunk)
{
	hc_type_id type = hc_session_type(session, chunk);

	return type != HC_TYPE_NONE ? hc_type_name(session->target->types, type) : NULL;
}

/** @name Chunks */
/**@{*/

static const char *reach_name(const struct hc_session *session, const struct hc_chunk *chunk)
{
	return session->target->heap->reach_known && chunk->state == HC_IN_USE
		       ? hc_reach_name(chunk->reach)
		       : NULL;
}

/** A type or a member, which tells what kind of content there is. */
static struct hc_cell class_name(const char *text)
{
	return hc_cell_needs(HC_CONTENT_CLASS, hc_cell_name(text));
}

/** What stands before it. */
static struct hc_cell class_word(const char *text, const char *before)
{
	return hc_cell_needs(HC_CONTENT_CLASS, hc_cell_text(text ? before : NULL));
}

static void fill_chunk(const struct hc_namer *namer, struct hc_table *table, unsigned first,
		       const struct hc_referrer *referrer)
{
	const struct hc_session *session = namer->session;
	const struct hc_chunk *chunk = &referrer->chunk;
	uint64_t offset = referrer->address - chunk->address;
	const char *reach = reach_name(session, chunk), *type = type_name(session, chunk);
	hc_cleanup_free char *member =
		type ? hc_type_member(session->target->types, chunk, offset) : NULL;

	hc_table_text(table, first + HC_HOLDER_KIND, "chunk");
	hc_table_number(table, first + HC_HOLDER_CHUNK, chunk->address);
	hc_table_number(table, first + HC_HOLDER_CHUNK_OFFSET, offset);
	hc_table_number(table, first + HC_HOLDER_CHUNK_SIZE, chunk->size);
	hc_table_text(table, first + HC_HOLDER_STATE, hc_chunk_state_name(chunk));
	hc_table_text(table, first + HC_HOLDER_REACH, reach);
	hc_table_text(table, first + HC_HOLDER_TYPE, type);
	hc_table_text(table, first + HC_HOLDER_MEMBER, member);
	hc_table_phrase(table, first + HC_HOLDER_WHICH, "{}+{}{}{}{}{}, {} bytes{}{}{}",
			HC_CELLS(hc_cell_address(chunk->address), hc_cell_number(offset),
				 class_word(type, ", "), class_name(type), class_word(member, "."),
				 class_name(member), hc_cell_count(chunk->size),
				 hc_cell_text(reach ? ", " : ""), hc_cell_text(reach ? reach : ""),
				 hc_cell_text(referrer->stale ? ", stale" : "")));
}
/**@}*/

/** @name Roots */
/**@{*/

/** Columns that hold what is known of the spot. */
static void fill_spot(struct hc_table *table, unsigned first, const struct hc_spot *spot,
		      const char *symbol, const char *function)
{
	if (spot->module)
		hc_table_text(table, first + HC_HOLDER_MODULE, spot->module->path);
	hc_table_text(table, first + HC_HOLDER_SYMBOL, symbol);
	if (spot->symbol || (spot->module && !spot->frame))
		hc_table_number(table, first + HC_HOLDER_SYMBOL_OFFSET, spot->offset);
	if (spot->frame)
		hc_table_number(table, first + HC_HOLDER_FRAME, spot->frame_number);
	hc_table_text(table, first + HC_HOLDER_FUNCTION, function);
	hc_table_text(table, first + HC_HOLDER_VARIABLE, spot->variable);
}

static void say_variable(struct hc_table *table, unsigned column, const struct hc_spot *spot,
			 const char *symbol)
{
	const struct hc_thread *thread = spot->thread;
	const char *module = hc_base_name(spot->module->path);

	if (thread)
		hc_table_phrase(
			table, column, "{}{}{} ({}), thread {}",
			HC_CELLS(hc_cell_name(symbol), hc_cell_text(spot->offset ? "+" : ""),
				 spot->offset ? hc_cell_number(spot->offset) : hc_cell_text(""),
				 hc_cell_name(module), hc_cell_number(thread->lwp)));
	else
		hc_table_phrase(
			table, column, "{}{}{} ({})",
			HC_CELLS(hc_cell_name(symbol), hc_cell_text(spot->offset ? "+" : ""),
				 spot->offset ? hc_cell_number(spot->offset) : hc_cell_text(""),
				 hc_cell_name(module)));
}

/**
 * A frame: "worker: cache, thread 4711 #3", or "sp+0x28" where no variable is known, or
 * "at 0x7ffd2a08" on a stack that the thread has left.
 */
static void say_frame(struct hc_table *table, unsigned column, const struct hc_spot *spot,
		      const char *function, const struct hc_referrer *referrer)
{
	const struct hc_thread *thread = spot->thread;
	uint64_t sp = thread->sp, address = referrer->address;
	/* One that runs on another stack, of a signal or a coroutine, has its own as it left it. */
	bool away = sp < thread->stack_start || sp > thread->stack_end;
	struct hc_cell place = spot->variable ? hc_cell_name(spot->variable)
			       : away         ? hc_cell_address(address)
			       : address < sp ? hc_cell_address(sp - address)
					      : hc_cell_address(address - sp);
	const char *what = spot->variable ? ": " : away ? " at " : address < sp ? " sp-" : " sp+";

	hc_table_phrase(
		table, column, "{}{}{}{}thread {}{}{}{}",
		HC_CELLS(hc_cell_name(function      ? function
				      : spot->frame ? "frame"
						    : "stack"),
			 hc_cell_text(what), place, hc_cell_text(", "), hc_cell_number(thread->lwp),
			 hc_cell_text(spot->frame ? " #" : ""),
			 spot->frame ? hc_cell_number(spot->frame_number) : hc_cell_text(""),
			 hc_cell_text(referrer->stale ? ", stale" : "")));
}

static void say_mapping(struct hc_table *table, unsigned column, const struct hc_referrer *referrer)
{
	const struct hc_mapping *mapping = referrer->mapping;

	if (mapping)
		hc_table_phrase(table, column, "{}{}",
				HC_CELLS(hc_cell_name(mapping->path   ? mapping->path
						      : mapping->note ? mapping->note
								      : hc_mapping_kind_title(
										mapping->kind)),
					 hc_cell_text(referrer->stale ? ", stale" : "")));
}

static void say_spot(struct hc_table *table, unsigned column, const struct hc_spot *spot,
		     const struct hc_referrer *referrer, const char *const names[2])
{
	if (names[0])
		say_variable(table, column, spot, names[0]);
	else if (spot->module && !spot->thread)
		hc_table_phrase(table, column, "{}+{}",
				HC_CELLS(hc_cell_name(hc_base_name(spot->module->path)),
					 hc_cell_address(spot->offset)));
	else if (spot->thread && referrer->root == HC_ROOT_STACK)
		say_frame(table, column, spot, names[1], referrer);
	else if (spot->thread)
		hc_table_phrase(
			table, column, "thread {}, tp{}{}",
			HC_CELLS(hc_cell_number(spot->thread->lwp),
				 hc_cell_text(referrer->address < spot->thread->tp ? "-" : "+"),
				 hc_cell_address(referrer->address < spot->thread->tp
							 ? spot->thread->tp - referrer->address
							 : referrer->address - spot->thread->tp)));
	else
		say_mapping(table, column, referrer);
}

static struct hc_error *fill_root(const struct hc_namer *namer, struct hc_table *table,
				  unsigned first, const struct hc_referrer *referrer)
{
	const struct hc_thread *thread = referrer->thread;
	struct hc_spot spot = {.thread = thread};
	struct hc_error *err = NULL;

	hc_table_text(table, first + HC_HOLDER_KIND, hc_root_kind_name(referrer->root));
	hc_table_text(table, first + HC_HOLDER_DETAIL, referrer->detail);
	if (referrer->address)
		err = hc_spots_find(namer->spots, referrer->address, thread, &spot);
	if (err)
		return err;
	if (spot.thread) {
		hc_table_number(table, first + HC_HOLDER_THREAD, spot.thread->lwp);
		if (referrer->root == HC_ROOT_STACK && referrer->address >= spot.thread->sp)
			hc_table_number(table, first + HC_HOLDER_SP_OFFSET,
					referrer->address - spot.thread->sp);
	}
	if (!referrer->address) {
		if (thread)
			hc_table_phrase(
				table, first + HC_HOLDER_WHICH, "{}{}thread {}",
				HC_CELLS(hc_cell_name(referrer->detail ? referrer->detail : ""),
					 hc_cell_text(referrer->detail ? ", " : ""),
					 hc_cell_number(thread->lwp)));
		else
			hc_table_text(table, first + HC_HOLDER_WHICH, referrer->detail);
		return NULL;
	}
	hc_cleanup_free char *symbol = demangle(namer, spot.symbol ? spot.symbol->name : NULL);
	hc_cleanup_free char *function = demangle(namer, spot.function);
	fill_spot(table, first, &spot, symbol, function);
	say_spot(table, first + HC_HOLDER_WHICH, &spot, referrer,
		 (const char *const[]){symbol, function});
	return NULL;
}
/**@}*/

struct hc_error *hc_holder_fill_place(const struct hc_namer *namer, struct hc_table *table,
				      unsigned first, const struct hc_referrer *referrer)
{
	if (!referrer->in_chunk)
		return fill_root(namer, table, first, referrer);
	fill_chunk(namer, table, first, referrer);
	return NULL;
}

struct hc_error *hc_holder_fill(const struct hc_namer *namer, struct hc_table *table,
				unsigned first, const struct hc_referrer *referrer,
				const struct hc_referent *referent)
{
	if (referrer->address)
		hc_table_number(table, first + HC_HOLDER_ADDRESS, referrer->address);
	hc_table_number(table, first + HC_HOLDER_VALUE, referrer->value);
	if (hc_heuristic_is_hidden(referrer->heuristic))
		hc_table_number(table, first + HC_HOLDER_INTO, 0);
	else if (referrer->value >= referent->start)
		hc_table_number(table, first + HC_HOLDER_INTO, referrer->value - referent->start);
	hc_table_cell(table, first + HC_HOLDER_STALE, hc_cell_bool(referrer->stale));
	if (referrer->heuristic != HC_HEURISTIC_NONE)
		hc_table_text(table, first + HC_HOLDER_HEURISTIC,
			      hc_heuristic_name(referrer->heuristic));
	return hc_holder_fill_place(namer, table, first, referrer);
}

struct hc_error *hc_referent_phrase(const struct hc_namer *namer, struct hc_document *doc,
				    const struct hc_referent *referent, struct hc_cell *ret)
{
	const struct hc_chunk *chunk = &referent->chunk;
	struct hc_spot spot = {0};
	struct hc_error *err = NULL;

	if (referent->in_chunk) {
		const char *reach = reach_name(namer->session, chunk);
		const char *type = type_name(namer->session, chunk);

		*ret = HC_PHRASE(doc, "{}, {} bytes, {}{}{}{}{}", hc_cell_address(chunk->address),
				 hc_cell_count(chunk->size),
				 hc_cell_text(hc_chunk_state_name(chunk)),
				 hc_cell_text(reach ? ", " : ""), hc_cell_text(reach ? reach : ""),
				 class_word(type, ", "), class_name(type));
		return NULL;
	}
	err = hc_spots_find(namer->spots, referent->start, NULL, &spot);
	if (err)
		return err;
	hc_cleanup_free char *symbol = demangle(namer, spot.symbol ? spot.symbol->name : NULL);
	if (symbol)
		*ret = HC_PHRASE(doc, "{}, {}{}{} ({})", hc_cell_address(referent->start),
				 hc_cell_name(symbol), hc_cell_text(spot.offset ? "+" : ""),
				 spot.offset ? hc_cell_number(spot.offset) : hc_cell_text(""),
				 hc_cell_name(hc_base_name(spot.module->path)));
	else
		*ret = HC_PHRASE(doc, "{}, in no chunk", hc_cell_address(referent->start));
	return NULL;
}
