/**
 * @file
 * Naming threads; see thread_names.h.
 */
#include "analyzers/inspect/thread_names.h"

#include <stdlib.h>
#include <string.h>

#include "analyzers/inspect/thread_table.h"
#include "analyzers/types/demangle.h"
#include "core/base/cleanup.h"

/** @param[out] ret NULL when it is not known */
static struct hc_error *name_of(const struct hc_thread_row *row, char **ret)
{
	const char *function = row->entry < row->num_calls ? row->calls[row->entry].function : NULL;

	*ret = NULL;
	if (!function)
		return NULL;
	*ret = hc_demangle_function(function, false);
	return *ret ? NULL : &hc_enomem;
}

struct hc_error *hc_thread_names_run(struct hc_target *target, struct hc_thread_names *ret)
{
	hc_cleanup(hc_thread_names_deinit) struct hc_thread_names names = {0};
	hc_cleanup(hc_thread_table_deinit) struct hc_thread_table table = {0};
	struct hc_error *err = hc_thread_table_run(target, &table);

	if (err)
		return err;
	names.items = calloc(table.num + 1, sizeof(*names.items));
	if (!names.items)
		return &hc_enomem;
	for (; !err && names.num < table.num; names.num++)
		err = name_of(&table.rows[names.num], &names.items[names.num]);
	if (err)
		return err;
	*ret = names;
	names = (struct hc_thread_names){0};
	return NULL;
}

void hc_thread_names_deinit(struct hc_thread_names *names)
{
	for (size_t i = 0; i < names->num; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct hc_thread_names){0};
}

bool hc_thread_names_match(const struct hc_thread_names *names, const struct hc_threads *threads,
			   size_t i, const char *text)
{
	const char *name = i < names->num ? names->items[i] : NULL;
	char *end;
	long long number = strtoll(text, &end, 10);

	if (*text && !*end && number == threads->items[i].lwp)
		return true;
	if (!name)
		return false;
	size_t size = strlen(text);
	return !strncmp(name, text, size) && (!name[size] || name[size] == '(');
}

const char *hc_thread_names_of_arena(const struct hc_thread_names *names,
				     const struct hc_heap *heap, uint32_t arena)
{
	const char *ret = NULL;

	for (size_t i = 0; heap && heap->thread_arena && i < names->num; i++) {
		const char *name = names->items[i];

		if (heap->thread_arena[i] != arena)
			continue;
		if (!name || (ret && strcmp(name, ret) != 0))
			return NULL;
		ret = name;
	}
	return ret;
}
