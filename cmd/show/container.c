/**
 * @file
 * The container that an address is part of; see container.h.
 */
#include "cmd/show/container.h"

#include "core/base/cleanup.h"

static const struct hc_column columns[] = {HC_HOLDER_COLUMNS(0)};
static const struct hc_shape shape = {.key = "place", HC_COLUMNS(columns)};

/** Where the head lies. */
static struct hc_error *place_phrase(const struct hc_namer *namer, const struct hc_referrer *place,
				     struct hc_document *doc, struct hc_cell *ret)
{
	hc_cleanup(hc_table_deinit) struct hc_table table;

	hc_table_init(&table, &shape, &doc->pool);
	hc_table_add_row(&table);
	struct hc_error *err = hc_holder_fill_place(namer, &table, 0, place);

	if (!err)
		*ret = *hc_table_at(&table, 0, HC_HOLDER_WHICH);
	return err;
}

static const char *part_name(const struct hc_containment *containment)
{
	static const char *const names[] = {
		[HC_PART_HEAD] = "head", [HC_PART_NODE] = "node", [HC_PART_ARRAY] = "array"};

	return names[containment->part];
}

static struct hc_cell elements_cell(const struct hc_container *container)
{
	return container->elements == HC_UNKNOWN_ELEMENTS ? hc_cell_unknown()
							  : hc_cell_count(container->elements);
}

static void add_facts(const struct hc_containment *containment, struct hc_document *doc)
{
	const struct hc_container *container = &containment->container;
	uint64_t ordinal = containment->ordinal;
	bool shared = hc_container_is_counted(container->kind);

	hc_begin_object(doc, "container", HC_CONTENT_CLASS);
	hc_fact(doc, "kind", NULL, hc_cell_text(hc_container_kind_name(container->kind)));
	hc_fact(doc, "library", NULL, hc_cell_text(hc_container_library_name(container->library)));
	hc_fact(doc, "part", NULL, hc_cell_text(part_name(containment)));
	hc_fact(doc, "ordinal", NULL, ordinal ? hc_cell_count(ordinal) : hc_cell_unknown());
	hc_fact(doc, "head", NULL, hc_cell_address(container->head));
	hc_fact(doc, "elements", NULL, elements_cell(container));
	hc_fact(doc, "bytes", NULL, hc_cell_count(hc_container_bytes(container)));
	hc_fact(doc, "uses", NULL, shared ? hc_cell_count(container->uses) : hc_cell_unknown());
	hc_fact(doc, "weak", NULL, shared ? hc_cell_count(container->weak) : hc_cell_unknown());
	hc_end(doc);
}

/** " of 1,000 elements", or of so many bytes where elements were not counted. */
static struct hc_cell size_phrase(const struct hc_container *container, struct hc_document *doc)
{
	if (container->kind == HC_CONTAINER_STRING)
		return HC_PHRASE(doc, "{} byte{}", hc_cell_count(container->used),
				 hc_cell_plural(container->used));
	if (container->kind == HC_CONTAINER_SHARED)
		return HC_PHRASE(doc, "{} shared_ptr{} and {} weak_ptr{}",
				 hc_cell_count(container->uses), hc_cell_plural(container->uses),
				 hc_cell_count(container->weak), hc_cell_plural(container->weak));
	if (container->kind == HC_CONTAINER_RC)
		return HC_PHRASE(doc, "{} owner{} and {} weak pointer{}",
				 hc_cell_count(container->uses), hc_cell_plural(container->uses),
				 hc_cell_count(container->weak), hc_cell_plural(container->weak));
	if (container->elements != HC_UNKNOWN_ELEMENTS)
		return HC_PHRASE(doc, "{} element{}", hc_cell_count(container->elements),
				 hc_cell_plural(container->elements));
	if (container->used == HC_UNKNOWN_ELEMENTS)
		return HC_PHRASE(doc, "{} byte{}", hc_cell_count(hc_container_bytes(container)),
				 hc_cell_plural(hc_container_bytes(container)));
	return HC_PHRASE(doc, "elements of {} byte{}", hc_cell_count(container->used),
			 hc_cell_plural(container->used));
}

struct hc_cell hc_container_phrase(const struct hc_container *container, struct hc_document *doc)
{
	return hc_cell_needs(HC_CONTENT_CLASS,
			     HC_PHRASE(doc, "{} of {}",
				       hc_cell_text(hc_container_kind_title(container->kind)),
				       size_phrase(container, doc)));
}

struct hc_error *hc_containment_describe(const struct hc_namer *namer,
					 const struct hc_containment *containment,
					 struct hc_document *doc)
{
	const struct hc_container *container = &containment->container;
	uint64_t ordinal = containment->ordinal;
	struct hc_cell where = hc_cell_unknown();

	if (!containment->found) {
		hc_fact(doc, "container", NULL, hc_cell_unknown());
		return NULL;
	}
	struct hc_error *err = place_phrase(namer, &container->place, doc, &where);

	if (err)
		return err;
	add_facts(containment, doc);
	struct hc_cell part = ordinal ? HC_PHRASE(doc, "node {}", hc_cell_count(ordinal))
				      : hc_cell_text(part_name(containment));

	hc_fact(doc, NULL, "container",
		hc_cell_needs(HC_CONTENT_CLASS,
			      HC_PHRASE(doc, "{} of a {} at {}, {}", part,
					hc_container_phrase(container, doc),
					hc_cell_address(container->head), where)));
	return NULL;
}
