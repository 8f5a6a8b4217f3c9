/**
 * @file
 * Answering questions about literals, from memory, one by one, or in one pass.
 *
 * When to stop asking one by one is the ski rental problem: nobody knows how many questions will
 * follow. To scan once as much has been spent as a scan costs is never worse than twice the best.
 */
#include "analyzers/pattern/literal_set.h"

#include <stdlib.h>

#include "analyzers/pattern/literal_scanner.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/**
 * Searches for one literal that cost as much as a scan for all: in 100 bytes 10 ns each, and 100
 * to 150 ns of which half is the call.
 */
#define SEARCHES_PER_SCAN 10

/**
 * Shorter literals are found everywhere, and each place where one may be interrupts a scan: with
 * them it takes three times as long.
 */
#define MIN_SCANNED_SIZE 4

/** A question: some of the set's literals. */
struct list {
	uint32_t *ids; /* of the literals */
	size_t num;
};

struct hc_literal_set {
	struct hc_literals *copies; /* of the lists */
	struct list *lists;
	size_t num_lists;
	struct hc_scanned_literal
		*literals; /* distinct ones, those that can be scanned for first */
	size_t num, num_scanned;
	uint32_t *ids; /* of all lists */
	struct hc_literal_scanner *scanner;
	bool always; /* scan at the first question */
};

struct hc_literal_scan {
	const struct hc_literal_set *set;
	struct hc_scanner_scratch *scratch; /* NULL: no scanner */
	struct hc_bytes bytes;
	bool begun;                  /* nothing was asked yet: known and found are of other bytes */
	unsigned searches, patience; /* until now, and before a scan */
	size_t words;                /* of each bitmap */
	uint64_t *known, *found;     /* bit per literal */
};

/** @name The set */
/**@{*/

void hc_literal_set_destroy(struct hc_literal_set *set)
{
	if (!set)
		return;
	hc_literal_scanner_destroy(set->scanner);
	free(set->copies);
	free(set->lists);
	free(set->literals);
	free(set->ids);
	free(set);
}

static void set_destroyp(struct hc_literal_set **set)
{
	hc_literal_set_destroy(*set);
}

/** A literal of a list, while the distinct ones are looked for. */
struct member {
	struct hc_scanned_literal literal;
	size_t place; /* among the literals of all lists */
};

/** What begins with 0, the library takes for empty. */
static bool is_scannable(const struct hc_literal *literal)
{
	return literal->size >= MIN_SCANNED_SIZE && literal->bytes[0];
}

static int compare_literals(const struct hc_scanned_literal *a, const struct hc_scanned_literal *b)
{
	if (is_scannable(a->literal) != is_scannable(b->literal))
		return is_scannable(a->literal) ? -1 : 1;
	if (a->literal->size != b->literal->size)
		return a->literal->size > b->literal->size ? -1 : 1;
	if (a->ignore_case != b->ignore_case)
		return a->ignore_case < b->ignore_case ? -1 : 1;
	return memcmp(a->literal->bytes, b->literal->bytes, a->literal->size);
}

static int compare_members(const void *a, const void *b)
{
	const struct member *first = a, *second = b;
	int order = compare_literals(&first->literal, &second->literal);

	return order ? order : (first->place > second->place) - (first->place < second->place);
}

static size_t collect_members(const struct hc_literal_set *set, struct member *members)
{
	size_t num = 0;

	for (size_t i = 0; i < set->num_lists; i++) {
		const struct hc_literals *list = &set->copies[i];

		for (size_t k = 0; k < list->num; k++, num++)
			members[num] = (struct member){{&list->items[k], list->ignore_case}, num};
	}
	return num;
}

/** Number the distinct literals. @param num of all lists */
static struct hc_error *number_literals(struct hc_literal_set *set, size_t num)
{
	hc_cleanup_free struct member *members = calloc(num + 1, sizeof(*members));

	set->literals = calloc(num + 1, sizeof(*set->literals));
	set->ids = calloc(num + 1, sizeof(*set->ids));
	if (!members || !set->literals || !set->ids)
		return &hc_enomem;
	collect_members(set, members);
	hc_sort(members, num, compare_members);
	for (size_t i = 0; i < num; i++) {
		if (!i || compare_literals(&members[i - 1].literal, &members[i].literal))
			set->literals[set->num++] = members[i].literal;
		set->ids[members[i].place] = set->num - 1;
	}
	return NULL;
}

/** @return the number of literals of all lists */
static size_t copy_lists(struct hc_literal_set *set, const struct hc_literals *const *lists)
{
	size_t num = 0;

	for (size_t i = 0; i < set->num_lists; i++) {
		set->copies[i] = *lists[i];
		num += lists[i]->num;
	}
	return num;
}

static void divide_ids(struct hc_literal_set *set)
{
	uint32_t *ids = set->ids;

	for (size_t i = 0; i < set->num_lists; i++) {
		set->lists[i] = (struct list){ids, set->copies[i].num};
		ids += set->copies[i].num;
	}
}

static struct hc_error *make_scanner(struct hc_literal_set *set, enum hc_literal_engine engine)
{
	if (engine == HC_LITERALS_ONE_PASS && !hc_literal_scanner_version())
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "Vectorscan is not built in, or not for this processor");
	set->always = engine == HC_LITERALS_ONE_PASS;
	while (set->num_scanned < set->num && set->num_scanned < HC_LITERAL_SET_MAX_SCANNED &&
	       is_scannable(set->literals[set->num_scanned].literal))
		set->num_scanned++;
	if (engine == HC_LITERALS_ONE_BY_ONE || !set->num_scanned)
		return NULL;
	return hc_literal_scanner_create(set->literals, set->num_scanned, &set->scanner);
}

struct hc_error *hc_literal_set_create(const struct hc_literals *const *lists, size_t num,
				       enum hc_literal_engine engine, struct hc_literal_set **ret)
{
	hc_cleanup(set_destroyp) struct hc_literal_set *set = calloc(1, sizeof(*set));

	if (!set)
		return &hc_enomem;
	set->num_lists = num;
	set->copies = calloc(num + 1, sizeof(*set->copies));
	set->lists = calloc(num + 1, sizeof(*set->lists));
	if (!set->copies || !set->lists)
		return &hc_enomem;
	struct hc_error *err = number_literals(set, copy_lists(set, lists));

	if (err)
		return err;
	divide_ids(set);
	err = make_scanner(set, engine);
	if (err)
		return err;
	*ret = hc_steal(set);
	return NULL;
}

bool hc_literal_set_has_scanner(const struct hc_literal_set *set)
{
	return set->scanner;
}
/**@}*/

/** @name Questions */
/**@{*/

void hc_literal_scan_destroy(struct hc_literal_scan *scan)
{
	if (!scan)
		return;
	hc_scanner_scratch_destroy(scan->scratch);
	free(scan->known);
	free(scan->found);
	free(scan);
}

static void scan_destroyp(struct hc_literal_scan **scan)
{
	hc_literal_scan_destroy(*scan);
}

struct hc_error *hc_literal_scan_create(const struct hc_literal_set *set,
					struct hc_literal_scan **ret)
{
	hc_cleanup(scan_destroyp) struct hc_literal_scan *scan = calloc(1, sizeof(*scan));

	if (!scan)
		return &hc_enomem;
	scan->set = set;
	scan->words = set->num / 64 + 1;
	scan->known = calloc(scan->words, sizeof(*scan->known));
	scan->found = calloc(scan->words, sizeof(*scan->found));
	if (!scan->known || !scan->found)
		return &hc_enomem;
	if (set->scanner) {
		struct hc_error *err = hc_scanner_scratch_create(set->scanner, &scan->scratch);

		if (err)
			return err;
	}
	*ret = hc_steal(scan);
	return NULL;
}

void hc_literal_scan_begin(struct hc_literal_scan *scan, struct hc_bytes bytes, size_t most)
{
	bool many = most > 2 * SEARCHES_PER_SCAN;

	scan->bytes = bytes;
	scan->patience = scan->set->always || many ? 0 : SEARCHES_PER_SCAN;
	scan->begun = true;
}

static bool has_bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static void set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= UINT64_C(1) << i % 64;
}

/** Find all literals that the scanner knows. */
static void scan_all(struct hc_literal_scan *scan)
{
	const struct hc_literal_set *set = scan->set;
	size_t num = set->num_scanned;

	if (!hc_literal_scanner_run(set->scanner, scan->scratch, scan->bytes, scan->found))
		return;
	memset(scan->known, 0xff, num / 64 * sizeof(*scan->known));
	if (num % 64)
		scan->known[num / 64] |= (UINT64_C(1) << num % 64) - 1;
}

static bool holds_literal(struct hc_literal_scan *scan, uint32_t id)
{
	const struct hc_literal_set *set = scan->set;
	const struct hc_scanned_literal *literal = &set->literals[id];

	if (id < set->num_scanned && set->scanner && scan->searches++ == scan->patience)
		scan_all(scan);
	if (!has_bit(scan->known, id)) {
		set_bit(scan->known, id);
		if (hc_literal_find(literal->literal, literal->ignore_case, scan->bytes, 0) !=
		    SIZE_MAX)
			set_bit(scan->found, id);
	}
	return has_bit(scan->found, id);
}

bool hc_literal_scan_holds(struct hc_literal_scan *scan, size_t list)
{
	const struct list *asked = &scan->set->lists[list];

	if (!asked->num)
		return true;
	if (scan->begun) {
		memset(scan->known, 0, scan->words * sizeof(*scan->known));
		memset(scan->found, 0, scan->words * sizeof(*scan->found));
		scan->searches = 0;
		scan->begun = false;
	}
	for (size_t i = 0; i < asked->num; i++) {
		uint32_t id = asked->ids[i];

		if (has_bit(scan->known, id) ? has_bit(scan->found, id) : holds_literal(scan, id))
			return true;
	}
	return false;
}
/**@}*/
