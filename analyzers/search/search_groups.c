/**
 * @file
 * Groups of matches: a sorted array with binary search.
 */
#include "analyzers/search/search_groups.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"

void hc_search_groups_deinit(struct hc_search_groups *groups)
{
	free(groups->items);
	*groups = (struct hc_search_groups){};
}

/** Index of the first group whose key is not below @p key. */
static size_t find_place(const struct hc_search_groups *groups, uint64_t key)
{
	return hc_lower_bound(groups->num, i, groups->items[i].key < key);
}

struct hc_error *hc_search_groups_add(struct hc_search_groups *groups,
				      const struct hc_search_group *more)
{
	size_t place = find_place(groups, more->key);
	struct hc_search_group *group = groups->items + place;

	if (place < groups->num && group->key == more->key) {
		group->matches += more->matches;
		group->chunks += more->chunks;
		group->bytes += more->bytes;
		return NULL;
	}
	struct hc_error *err =
		hc_array_reserve(&groups->items, groups->num, sizeof(*groups->items));
	if (err)
		return err;
	group = groups->items + place;
	memmove(group + 1, group, (groups->num - place) * sizeof(*group));
	*group = *more;
	groups->num++;
	return NULL;
}

struct hc_error *hc_search_groups_merge(struct hc_search_groups *groups,
					const struct hc_search_groups *from)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; i < from->num && !err; i++)
		err = hc_search_groups_add(groups, &from->items[i]);
	return err;
}

static int compare_groups(const void *a, const void *b)
{
	const struct hc_search_group *x = a, *y = b;

	if (x->matches != y->matches)
		return x->matches > y->matches ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

void hc_search_groups_rank(struct hc_search_groups *groups)
{
	hc_sort(groups->items, groups->num, compare_groups);
}
