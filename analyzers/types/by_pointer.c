/**
 * @file
 * The graph of types as a provider (typegraph.h), and the debug information that it needs.
 */
#include "analyzers/types/demangle.h"
#include "analyzers/types/provider.h"
#include "analyzers/types/typegraph.h"
#include "core/base/cleanup.h"

/** The debug information of classes with a vtable, by index. */
struct known_layouts {
	const struct hc_type_scope *scope;
	hc_layout_id *layouts;
};

static hc_layout_id known_layout(void *ctx, const struct hc_chunk *chunk)
{
	const struct known_layouts *known = ctx;
	const struct hc_type_scope *scope = known->scope;
	struct hc_type_subject subject = {chunk, hc_chunk_bytes(scope->heap, chunk)};
	uint32_t class_id = hc_rtti_class_of(&scope->rtti, hc_subject_word(scope, &subject, 0));

	return class_id != HC_NO_RTTI_CLASS ? known->layouts[class_id] : HC_NO_LAYOUT;
}

static struct hc_error *build(struct hc_type_scope *scope, struct hc_typegraph **ret)
{
	size_t num = scope->rtti.num_classes;
	hc_cleanup_free hc_layout_id *layouts = calloc(num + 1, sizeof(*layouts));
	struct known_layouts known = {scope, layouts};

	if (!layouts)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++) {
		hc_cleanup_free char *name = hc_demangle_type(scope->rtti.classes[i].mangled);

		if (!name)
			return &hc_enomem;
		layouts[i] = hc_debuginfo_find(scope->info, name);
	}
	return hc_typegraph_build(scope->heap, scope->info, num ? known_layout : NULL, &known, ret);
}

static struct hc_error *find(struct hc_type_scope *scope, void **own_ret)
{
	struct hc_typegraph *graph = NULL;
	struct hc_error *err;

	if (scope->effort < HC_TYPES_FULL)
		return NULL;
	err = hc_debuginfo_open(&scope->process->modules, scope->heap->word_size, &scope->info);
	if (err || !hc_debuginfo_num_modules(scope->info))
		return err;
	err = build(scope, &graph);
	if (!err)
		*own_ret = graph;
	return err;
}

static void destroy(void *own)
{
	hc_typegraph_destroy(own);
}

static size_t num(const void *own)
{
	return hc_typegraph_num(own);
}

static bool find_type(const void *own, const struct hc_type_subject *subject,
		      struct hc_type_hit *hit)
{
	enum hc_fit fit;

	if (!hc_typegraph_find(own, subject->chunk, &hit->index, &fit))
		return false;
	if (fit != HC_FIT_EXACT)
		hit->form = fit == HC_FIT_ARRAY ? HC_FORM_ARRAY : HC_FORM_PREFIX;
	return true;
}

static char *name(const void *own, struct hc_type_scope *scope, size_t index)
{
	(void)scope;
	return strdup(hc_typegraph_name(own, index));
}

const struct hc_type_provider hc_types_by_pointer = {
	.find = find,
	.destroy = destroy,
	.num = num,
	.find_type = find_type,
	.name = name,
	.known_by = HC_TYPE_DWARF,
	.forms = 1 << HC_FORM_ONE | 1 << HC_FORM_ARRAY | 1 << HC_FORM_PREFIX,
};
