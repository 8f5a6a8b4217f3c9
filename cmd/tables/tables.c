/**
 * @file
 * The list of tables, and what they are made of; see tables.h.
 */
#include "cmd/tables/tables.h"

#include <stdlib.h>

#include "analyzers/select/tally.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

const struct hc_relation *const hc_relations[] = {
	&hc_process_relation,
	&hc_verdict_relation,
	&hc_findings_relation,
	&hc_kinds_relation,
	&hc_classes_relation,
	&hc_attributes_relation,
	&hc_arenas_relation,
	&hc_threads_relation,
	&hc_modules_relation,
	&hc_mappings_relation,
	&hc_chunks_relation,
	&hc_edges_relation,
	NULL,
};

struct hc_error *hc_tables_init(struct hc_tables *tables, struct hc_session *session,
				const struct hc_labels *labels)
{
	const struct hc_heap *heap = session->target->heap;

	*tables = (struct hc_tables){.session = session, .labels = *labels};
	hc_session_view(session, &tables->view);
	return heap ? hc_heap_slices(heap, HC_KIND_SLICE_BYTES, &tables->slices,
				     &tables->num_slices)
		    : NULL;
}

void hc_tables_deinit(struct hc_tables *tables)
{
	for (unsigned i = 0; i < HC_MAX_RELATIONS; i++)
		if (tables->filled[i])
			hc_table_deinit(&tables->tables[i]);
	for (unsigned i = 0; i < HC_MAX_FINDINGS; i++)
		free(tables->findings[i].members);
	if (tables->has_verdict)
		hc_verdict_deinit(&tables->verdict);
	hc_chunk_kinds_deinit(&tables->kinds);
	hc_attributes_deinit(&tables->attributes);
	hc_retained_deinit(&tables->retained);
	free(tables->slices);
	hc_pool_deinit(&tables->pool);
}

unsigned hc_relation_index(const struct hc_relation *relation)
{
	unsigned i = 0;

	while (hc_relations[i] && hc_relations[i] != relation)
		i++;
	return i;
}

struct hc_error *hc_tables_get(struct hc_tables *tables, const struct hc_relation *relation,
			       const struct hc_table **ret)
{
	unsigned i = hc_relation_index(relation);
	struct hc_error *err = NULL;

	if (!tables->filled[i]) {
		hc_table_init(&tables->tables[i], relation->shape, &tables->pool);
		tables->filled[i] = true;
		if (!relation->needs_heap || tables->session->target->heap)
			err = relation->fill(tables, &tables->tables[i]);
	}
	if (!err && tables->pool.no_memory)
		err = &hc_enomem;
	if (!err)
		*ret = &tables->tables[i];
	return err;
}

struct hc_error *hc_tables_prepare(struct hc_tables *tables)
{
	struct hc_error *err = NULL;
	const struct hc_table *table;

	for (size_t i = 0; !err && hc_relations[i]; i++)
		if (hc_relations[i]->fill)
			err = hc_tables_get(tables, hc_relations[i], &table);
	return err;
}

/** @name What the heap's tables need */
/**@{*/

struct hc_error *hc_tables_kinds(struct hc_tables *tables)
{
	struct hc_target *target = tables->session->target;
	struct hc_error *err;

	if (tables->has_kinds)
		return NULL;
	err = hc_target_reach(target, NULL);
	if (!err)
		err = hc_chunk_kinds_run(target, hc_session_shows_class(tables->session),
					 &tables->kinds);
	tables->has_kinds = !err;
	return err;
}

/** The chunks of a group of lost ones. */
static struct hc_error *gather(struct hc_tables *tables, unsigned i)
{
	struct hc_selection selection;
	struct hc_error *err;

	if (tables->verdict.findings.items[i].kind != HC_FINDING_LOST)
		return NULL;
	hc_selection_init(&selection);
	err = hc_findings_select(&tables->verdict, i + 1, &selection);
	if (!err) {
		tables->findings[i].members = hc_steal(selection.members);
		tables->findings[i].num = selection.num_members;
		selection.num_members = 0;
	}
	hc_selection_deinit(&selection);
	return err;
}

struct hc_error *hc_tables_verdict(struct hc_tables *tables)
{
	struct hc_session *session = tables->session;
	struct hc_error *err = NULL;

	if (tables->has_verdict)
		return NULL;
	/* What is known of types does not depend on which table was asked for first. */
	if (session->target->heap)
		err = hc_session_types(session, HC_TYPES_FULL);
	if (!err)
		err = hc_verdict_measure(session->target, &tables->verdict);
	if (err)
		return err;
	tables->has_verdict = true;
	for (unsigned i = 0; !err && i < tables->verdict.findings.num; i++)
		err = gather(tables, i);
	return err;
}

struct hc_error *hc_tables_retained(struct hc_tables *tables)
{
	struct hc_target *target = tables->session->target;
	struct hc_spots *spots = NULL;
	struct hc_error *err;

	if (tables->has_retained)
		return NULL;
	err = hc_spots_create(target->process, &spots);
	if (!err)
		err = hc_retained_find(target, spots, NULL, &tables->retained);
	hc_spots_destroy(spots);
	tables->has_retained = !err;
	return err;
}

/** Chunks are mostly asked about in the order of addresses. */
static bool has_member(struct hc_finding_chunks *chunks, uint64_t address)
{
	if (chunks->at && chunks->members[chunks->at - 1] >= address)
		chunks->at = hc_lower_bound(chunks->at, i, chunks->members[i] < address);
	/* The next one is near, or else far. */
	for (unsigned i = 0; i < 8 && chunks->at < chunks->num; i++) {
		if (chunks->members[chunks->at] >= address)
			break;
		chunks->at++;
	}
	if (chunks->at < chunks->num && chunks->members[chunks->at] < address)
		chunks->at += hc_lower_bound(chunks->num - chunks->at, i,
					     chunks->members[chunks->at + i] < address);
	return chunks->at < chunks->num && chunks->members[chunks->at] == address;
}

/** What decides which finding a chunk is of; found once for all of them. */
struct membership {
	bool lost;
	size_t growth_number; /**< of held chunks */
};

static bool is_of(struct hc_tables *tables, unsigned i, const struct hc_chunk *chunk,
		  const struct membership *is)
{
	const struct hc_finding *finding = &tables->verdict.findings.items[i];

	switch (finding->kind) {
	case HC_FINDING_LOST:
		return is->lost && has_member(&tables->findings[i], chunk->address);
	case HC_FINDING_HELD:
		return chunk->state == HC_IN_USE && !is->lost &&
		       is->growth_number == finding->growth_number;
	case HC_FINDING_FREED:
		return chunk->state == HC_CACHED || chunk->state == HC_FREE ||
		       chunk->state == HC_TOP;
	default:
		return false;
	}
}

unsigned hc_tables_finding(struct hc_tables *tables, const struct hc_chunk *chunk)
{
	const struct membership is = {
		hc_chunk_is_lost(tables->session->target->heap, chunk),
		hc_growth_kind_of(&tables->verdict.growth, chunk->size),
	};

	for (unsigned i = 0; i < tables->verdict.findings.num; i++)
		if (is_of(tables, i, chunk, &is))
			return i + 1;
	return 0;
}
/**@}*/

/** @name Rows */
/**@{*/

uint64_t hc_tables_rows(const struct hc_tables *tables, const struct hc_relation *relation)
{
	const struct hc_heap *heap = tables->session->target->heap;
	unsigned i = hc_relation_index(relation);

	if (relation->fill)
		return tables->filled[i] ? tables->tables[i].num_rows : 0;
	return heap ? hc_heap_num_chunks(heap) : 0;
}

struct hc_error *hc_reader_open(struct hc_reader *reader, struct hc_tables *tables,
				const struct hc_relation *relation, const struct hc_scan *scan)
{
	*reader = (struct hc_reader){.tables = tables, .relation = relation, .scan = *scan};
	if (relation->fill)
		return hc_tables_get(tables, relation, &reader->table);
	reader->cells = reader->own;
	return tables->session->target->heap ? relation->start(reader) : NULL;
}

struct hc_error *hc_reader_next(struct hc_reader *reader, bool *found_ret)
{
	struct hc_error *err = NULL;

	*found_ret = false;
	if (reader->table) {
		if (reader->row < reader->table->num_rows) {
			reader->cells = hc_table_at(reader->table, reader->row, 0);
			*found_ret = true;
		}
	} else if (reader->tables->session->target->heap) {
		err = reader->relation->next(reader, found_ret);
	}
	reader->row += *found_ret;
	return err;
}

void hc_reader_close(struct hc_reader *reader)
{
	free(reader->edges);
	hc_error_destroy(reader->failed);
	*reader = (struct hc_reader){0};
}
/**@}*/
