/**
 * @file
 * Finding and counting repeats.
 *
 * Both passes cut the chunks into tasks. In the first, a task has a table of its own, large enough
 * to be exact, and tables are merged in order, so that the summary does not depend on the number of
 * threads. In the second, whose lines come from count_lines.c, what a worker adds up is a sum or a
 * set, for which order does not matter.
 */
#include "analyzers/alike/repeats.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "analyzers/alike/chunk_lines.h"
#include "analyzers/alike/count_lines.h"
#include "analyzers/texts/top_texts.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"
#include "core/base/parallel.h"

#define MAX_TOKENS 512 /**< of a chunk */
#define TASK_CHUNKS 64
#define LONG_TEXT 64 /**< bytes */
#define TASKS_PER_JOB 4
/** Slots of small hash tables over at most half as many items; powers of two. */
#define SET_SLOTS (2 * MAX_TOKENS)
#define CANDIDATE_SLOTS (4 * HC_REPEATS_MAX_CANDIDATES)

static uint64_t mix(uint64_t x)
{
	/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t hash_bytes(struct hc_bytes bytes)
{
	uint64_t hash = bytes.size;
	size_t i = 0;

	for (; i + 8 <= bytes.size; i += 8)
		hash = mix(hash ^ hc_load64(bytes.data + i)) + 1;
	for (; i < bytes.size; i++)
		hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
	return mix(hash);
}

static struct hc_bytes key_of(const struct hc_token *token)
{
	return (struct hc_bytes){token->text.data, token->key_size};
}

/** @name The distinct tokens of a chunk */
/**@{*/

/** A chunk's tokens, each once. */
struct token_set {
	struct hc_token tokens[MAX_TOKENS];
	uint64_t hashes[MAX_TOKENS];
	size_t num;
	uint32_t slots[SET_SLOTS];
};

/** Empty it at a cost that depends on what is in it only: most chunks are small. */
static void set_clear(struct token_set *set)
{
	const struct hc_hash table = {set->slots, SET_SLOTS};

	hc_hash_clear(&table, set->num, i, set->hashes[i]);
	set->num = 0;
}

static void set_add(struct token_set *set, const struct hc_token *token)
{
	const struct hc_hash table = {set->slots, SET_SLOTS};
	uint64_t hash = hash_bytes(token->text);
	uint32_t *slot = hc_hash_find(&table, hash, i,
				      set->hashes[i] == hash &&
					      set->tokens[i].text.size == token->text.size);

	if (*slot)
		return;
	set->tokens[set->num] = *token;
	set->hashes[set->num] = hash;
	*slot = ++set->num;
}

/** Add the tokens of a line, as far as there is room. */
static void set_add_line(struct token_set *set, struct hc_bytes line)
{
	struct hc_token tokens[MAX_TOKENS];
	size_t num = hc_tokens_of_line(line, tokens, MAX_TOKENS - set->num);

	for (size_t i = 0; i < num; i++)
		set_add(set, &tokens[i]);
}
/**@}*/

/** What the first pass looks at. */
struct run {
	const struct hc_process *process;
	const struct hc_heap *heap;
	struct hc_chunk_subsample chunks;
	size_t first;                /* task of the batch */
	struct token_set *sets;      /* of each worker */
	struct hc_top_texts *tables; /* of each task of a batch */
};

static size_t num_tasks(const struct run *run)
{
	return (run->chunks.num + TASK_CHUNKS - 1) / TASK_CHUNKS;
}

/** The chunks of a task: [from, to). */
static void task_range(const struct run *run, size_t task, size_t *from_ret, size_t *to_ret)
{
	*from_ret = task * TASK_CHUNKS;
	*to_ret = *from_ret + TASK_CHUNKS < run->chunks.num ? *from_ret + TASK_CHUNKS
							    : run->chunks.num;
}

/** @name First pass: candidates */
/**@{*/

static struct hc_error *find_task(void *ctx, unsigned worker, size_t task)
{
	struct run *run = ctx;
	struct token_set *set = &run->sets[worker];
	struct hc_top_texts *table = &run->tables[task];
	struct hc_error *err = NULL;
	struct hc_lines lines;
	struct hc_bytes line;
	size_t from, to;

	hc_top_texts_clear(table);
	task_range(run, run->first + task, &from, &to);
	for (size_t i = from; !err && i < to; i++) {
		set_clear(set);
		hc_chunk_subsample_fetch(&run->chunks, run->heap, i);
		hc_chunk_lines_init(run->heap, hc_chunk_subsample_at(&run->chunks, i),
				    HC_REPEATS_WINDOW, &lines);
		while (set->num < MAX_TOKENS && hc_lines_next(&lines, &line))
			set_add_line(set, line);
		for (size_t k = 0; !err && k < set->num; k++)
			err = hc_top_texts_add(table, set->tokens[k].text, 1, 0);
	}
	return err;
}

static struct hc_error *find_batches(struct run *run, size_t batch, struct hc_top_texts *all)
{
	struct hc_error *err = NULL;

	for (run->first = 0; !err && run->first < num_tasks(run); run->first += batch) {
		size_t left = num_tasks(run) - run->first;
		size_t num = left < batch ? left : batch;

		err = hc_process_parallel(run->process, num, find_task, run);
		for (size_t i = 0; !err && i < num; i++)
			err = hc_top_texts_merge(all, &run->tables[i]);
	}
	return err;
}

static struct hc_error *find(struct run *run, struct hc_top_texts *all)
{
	size_t batch = (size_t)run->process->jobs * TASKS_PER_JOB;
	hc_cleanup_free struct hc_top_texts *tables = calloc(batch, sizeof(*tables));

	if (!tables)
		return &hc_enomem;
	/* Room for every token that a task can have: its table is exact. */
	for (size_t i = 0; i < batch; i++)
		hc_top_texts_init(&tables[i], TASK_CHUNKS * MAX_TOKENS * HC_TOP_TEXTS_PLACE_BYTES);
	run->tables = tables;
	struct hc_error *err = find_batches(run, batch, all);
	for (size_t i = 0; i < batch; i++)
		hc_top_texts_deinit(&tables[i]);
	run->tables = NULL;
	return err;
}
/**@}*/

/** @name Ranks */
/**@{*/

/**
 * Header fields that describe the form of a message or the connection it came on, rather than what
 * it is about (RFC 9110, 9111, 9112 and 2045).
 */
static bool describes_form(const struct hc_token *token)
{
	static const char *const names[] = {
		"Accept",
		"Accept-Charset",
		"Accept-Encoding",
		"Accept-Language",
		"Accept-Ranges",
		"Age",
		"Cache-Control",
		"Connection",
		"Content-Encoding",
		"Content-Length",
		"Content-Range",
		"Content-Type",
		"Date",
		"ETag",
		"Expires",
		"Keep-Alive",
		"Last-Modified",
		"MIME-Version",
		"Pragma",
		"TE",
		"Trailer",
		"Transfer-Encoding",
		"Upgrade",
		"Vary",
	};

	if (token->kind != HC_TOKEN_HEADER)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t size = strlen(names[i]);

		if (token->text.size > size && token->text.data[size] == ':' &&
		    strncasecmp((const char *)token->text.data, names[i], size) == 0)
			return true;
	}
	return false;
}

static double divergence(uint64_t count, uint64_t all, unsigned values)
{
	if (values < 2 || !all)
		return 0;
	double share = count < all ? (double)count / all : 1;
	double bits = share * log2(share * values);

	if (share <= 1.0 / values)
		return 0; /* rarer than by chance */
	if (share < 1)
		bits += (1 - share) * log2((1 - share) * values / (values - 1));
	return bits > 0 ? bits : 0;
}

enum rank { TELLS, TELLS_FORM, ONE_VALUE, ONE_PATH, ONE_FORM, NO_KEY };

static enum rank rank_of(const struct hc_repeat *repeat)
{
	bool form = describes_form(&repeat->token);

	if (!repeat->token.key_size)
		return NO_KEY;
	if (repeat->bits >= HC_REPEATS_MIN_BITS)
		return form ? TELLS_FORM : TELLS;
	if (form)
		return ONE_FORM;
	return repeat->token.kind == HC_TOKEN_PATH ? ONE_PATH : ONE_VALUE;
}

/** Whether a value has a digit: numbers could differ in more ways than names. */
static bool is_numeric(const struct hc_token *token)
{
	for (size_t i = token->key_size; i < token->text.size; i++)
		if (token->text.data[i] >= '0' && token->text.data[i] <= '9')
			return true;
	return false;
}

/** Whether a text is too long to be read at a glance: a session key, not a name. */
static bool is_long(const struct hc_token *token)
{
	return token->text.size > LONG_TEXT;
}

static int compare_text(struct hc_bytes a, struct hc_bytes b)
{
	int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

	return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_repeats(const void *a, const void *b)
{
	const struct hc_repeat *x = a, *y = b;
	enum rank rank_x = rank_of(x), rank_y = rank_of(y);

	if (rank_x != rank_y)
		return rank_x < rank_y ? -1 : 1;
	if (rank_x <= TELLS_FORM && x->bits * x->chunks != y->bits * y->chunks)
		return x->bits * x->chunks > y->bits * y->chunks ? -1 : 1;
	if (x->chunks != y->chunks)
		return x->chunks > y->chunks ? -1 : 1;
	if (x->token.kind != y->token.kind)
		return x->token.kind < y->token.kind ? -1 : 1;
	if (is_long(&x->token) != is_long(&y->token))
		return is_long(&x->token) ? 1 : -1;
	if (is_numeric(&x->token) != is_numeric(&y->token))
		return is_numeric(&x->token) ? -1 : 1;
	return compare_text(x->token.text, y->token.text);
}
/**@}*/

/** @name Candidates */
/**@{*/

/** The best of what was found, with their keys. */
struct candidates {
	struct hc_repeat *items;
	size_t num;
	uint32_t key[HC_REPEATS_MAX_CANDIDATES]; /* of each item: index into keys */
	struct hc_bytes keys[HC_REPEATS_MAX_CANDIDATES];
	size_t num_keys;
	uint32_t slots[CANDIDATE_SLOTS], key_slots[CANDIDATE_SLOTS];
};

static bool same_bytes(struct hc_bytes a, struct hc_bytes b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static uint32_t *item_slot(struct candidates *candidates, struct hc_bytes text, uint64_t hash)
{
	const struct hc_hash table = {candidates->slots, CANDIDATE_SLOTS};

	return hc_hash_find(&table, hash, i, same_bytes(candidates->items[i].token.text, text));
}

static uint32_t *key_slot(struct candidates *candidates, struct hc_bytes key)
{
	const struct hc_hash table = {candidates->key_slots, CANDIDATE_SLOTS};

	return hc_hash_find(&table, hash_bytes(key), i, same_bytes(candidates->keys[i], key));
}

static void index_candidates(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->num; i++) {
		const struct hc_token *token = &candidates->items[i].token;

		*item_slot(candidates, token->text, hash_bytes(token->text)) = i + 1;
		if (!token->key_size)
			continue;
		uint32_t *slot = key_slot(candidates, key_of(token));
		if (!*slot) {
			candidates->keys[candidates->num_keys] = key_of(token);
			*slot = ++candidates->num_keys;
		}
		candidates->key[i] = *slot - 1;
	}
}

/** For each key that was found: the tokens with it, and how many distinct ones. */
struct key_tables {
	struct hc_top_texts tokens, values;
};

static struct hc_error *add_keys(const struct hc_top_texts *found, struct key_tables *keys)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < found->num_entries; i++) {
		const struct hc_top_entry *entry = &found->entries[i];
		struct hc_token token = hc_token_parse((struct hc_bytes){entry->text, entry->size});

		if (!token.key_size)
			continue;
		err = hc_top_texts_add(&keys->tokens, key_of(&token), entry->count, 0);
		if (!err)
			err = hc_top_texts_add(&keys->values, key_of(&token), 1, 0);
	}
	return err;
}

static void estimate(const struct key_tables *keys, struct hc_repeat *repeat)
{
	const struct hc_top_entry *tokens, *values;

	if (!repeat->token.key_size)
		return;
	tokens = hc_top_texts_find(&keys->tokens, key_of(&repeat->token));
	values = hc_top_texts_find(&keys->values, key_of(&repeat->token));
	if (!tokens || !values)
		return;
	unsigned num =
		values->count < HC_REPEATS_MAX_VALUES ? values->count : HC_REPEATS_MAX_VALUES;
	repeat->bits = divergence(repeat->chunks, tokens->count, num);
}

static uint64_t least_chunks(uint64_t chunks)
{
	uint64_t least = ceil(chunks * HC_REPEATS_MIN_SHARE);

	return least < HC_REPEATS_MIN_CHUNKS ? HC_REPEATS_MIN_CHUNKS : least;
}

/** What was found often enough, the best first. */
static struct hc_error *list_found(const struct hc_top_texts *found, const struct key_tables *keys,
				   uint64_t least, struct hc_repeat **ret, size_t *num_ret)
{
	size_t num = 0;

	for (size_t i = 0; i < found->num_entries; i++)
		num += found->entries[i].count >= least;
	struct hc_repeat *items = calloc(num + 1, sizeof(*items));
	if (!items)
		return &hc_enomem;
	num = 0;
	for (size_t i = 0; i < found->num_entries; i++) {
		const struct hc_top_entry *entry = &found->entries[i];

		if (entry->count < least)
			continue;
		struct hc_repeat *repeat = &items[num++];
		repeat->token = hc_token_parse((struct hc_bytes){entry->text, entry->size});
		repeat->chunks = entry->count;
		estimate(keys, repeat);
	}
	hc_sort(items, num, compare_repeats);
	*ret = items;
	*num_ret = num;
	return NULL;
}

static struct hc_error *choose(const struct hc_top_texts *found, uint64_t least,
			       struct candidates *candidates)
{
	struct key_tables keys;

	hc_top_texts_init(&keys.tokens, HC_REPEATS_TABLE_BYTES);
	hc_top_texts_init(&keys.values, HC_REPEATS_TABLE_BYTES);
	struct hc_error *err = add_keys(found, &keys);
	if (!err)
		err = list_found(found, &keys, least, &candidates->items, &candidates->num);
	hc_top_texts_deinit(&keys.tokens);
	hc_top_texts_deinit(&keys.values);
	if (err)
		return err;
	if (candidates->num > HC_REPEATS_MAX_CANDIDATES)
		candidates->num = HC_REPEATS_MAX_CANDIDATES;
	index_candidates(candidates);
	return NULL;
}
/**@}*/

/** @name Second pass: counts */
/**@{*/

/** What a worker counts. */
struct count {
	struct {
		uint64_t chunks;
		uint64_t signature; /* sum over its chunks: alike when equal */
	} items[HC_REPEATS_MAX_CANDIDATES];
	struct {
		uint64_t tokens;
		uint64_t values[HC_REPEATS_MAX_VALUES]; /* hashes */
		unsigned num_values;
	} keys[HC_REPEATS_MAX_CANDIDATES];
};

static void add_value(struct count *count, size_t key, uint64_t hash)
{
	unsigned num = count->keys[key].num_values;

	for (unsigned i = 0; i < num; i++)
		if (count->keys[key].values[i] == hash)
			return;
	if (num < HC_REPEATS_MAX_VALUES)
		count->keys[key].values[count->keys[key].num_values++] = hash;
}

/** @return whether it is a candidate */
static bool count_token(struct count *count, struct candidates *candidates,
			const struct hc_token *token, uint64_t hash, uint64_t chunk)
{
	uint32_t item = *item_slot(candidates, token->text, hash);
	uint32_t key = token->key_size ? *key_slot(candidates, key_of(token)) : 0;

	if (item) {
		count->items[item - 1].chunks++;
		count->items[item - 1].signature += mix(chunk);
	}
	if (key) {
		count->keys[key - 1].tokens++;
		add_value(count, key - 1, hash);
	}
	return item;
}

/** What a worker counts with. */
struct worker {
	struct token_set set; /* of the chunk it is at */
	uint64_t chunk;
	size_t found; /* candidates that the chunk has */
	struct count count;
};

struct hc_repeats_pass {
	struct worker *workers;
	struct candidates candidates;
	struct hc_top_texts found;
	struct hc_repeats repeats;
};

/**
 * Where no candidate has a key, whose other values would count, a chunk that has all candidates is
 * done with, however many lines follow.
 */
static bool wants_lines(const struct hc_repeats_pass *pass, const struct worker *worker)
{
	return worker->set.num < MAX_TOKENS &&
	       (worker->found < pass->candidates.num || pass->candidates.num_keys);
}

bool hc_repeats_begin_chunk(struct hc_repeats_pass *pass, unsigned worker, uint64_t address)
{
	struct worker *own = &pass->workers[worker];

	set_clear(&own->set);
	own->chunk = address;
	own->found = 0;
	return wants_lines(pass, own);
}

bool hc_repeats_add_line(struct hc_repeats_pass *pass, unsigned worker, struct hc_bytes line)
{
	struct worker *own = &pass->workers[worker];
	size_t i = own->set.num;

	set_add_line(&own->set, line);
	for (; i < own->set.num; i++)
		own->found += count_token(&own->count, &pass->candidates, &own->set.tokens[i],
					  own->set.hashes[i], own->chunk);
	return wants_lines(pass, own);
}

static void merge_counts(struct count *all, const struct count *count,
			 const struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->num; i++) {
		all->items[i].chunks += count->items[i].chunks;
		all->items[i].signature += count->items[i].signature;
	}
	for (size_t i = 0; i < candidates->num_keys; i++) {
		all->keys[i].tokens += count->keys[i].tokens;
		for (unsigned k = 0; k < count->keys[i].num_values; k++)
			add_value(all, i, count->keys[i].values[k]);
	}
}
/**@}*/

/** @name Results */
/**@{*/

/** A candidate with its counts, while alike ones are brought together. */
struct result {
	struct hc_repeat repeat; /* first: compare_repeats() looks at it */
	uint64_t signature;
};

static void fill_results(const struct candidates *candidates, const struct count *count,
			 struct result *results)
{
	for (size_t i = 0; i < candidates->num; i++) {
		struct hc_repeat *repeat = &results[i].repeat;

		*repeat = (struct hc_repeat){.token = candidates->items[i].token,
					     .chunks = count->items[i].chunks};
		repeat->token.cut = repeat->token.text.size == HC_TOKEN_MAX_SIZE;
		results[i].signature = count->items[i].signature;
		if (!repeat->token.key_size)
			continue;
		size_t key = candidates->key[i];
		repeat->key_tokens = count->keys[key].tokens;
		repeat->values = count->keys[key].num_values;
		repeat->bits = divergence(repeat->chunks, repeat->key_tokens, repeat->values);
	}
}

static bool contains(struct hc_bytes text, struct hc_bytes part)
{
	return memmem(text.data, text.size, part.data, part.size);
}

/** Whether a word is only a part of what is said already. */
static bool is_said(const struct hc_repeat *repeat, const struct hc_token *token)
{
	if (token->kind != HC_TOKEN_WORD)
		return false;
	if (contains(repeat->token.text, token->text))
		return true;
	for (size_t i = 0; i < repeat->num_alike; i++)
		if (contains(repeat->alike[i], token->text))
			return true;
	return false;
}

/** Bring tokens of the same chunks together under the best one. */
static void take_results(struct result *results, size_t num, uint64_t least,
			 struct hc_repeats *repeats)
{
	for (size_t i = 0; i < num; i++) {
		const struct hc_repeat *repeat = &results[i].repeat;
		size_t first = 0;

		if (repeat->chunks < least)
			continue;
		/* Until here no more than i were taken, and each knows where it came from. */
		while (first < i && (results[first].signature != results[i].signature ||
				     results[first].repeat.chunks != repeat->chunks))
			first++;
		if (first == i) {
			repeats->items[repeats->num++] = *repeat;
			continue;
		}
		struct hc_repeat *taken = repeats->items;
		while (!same_bytes(taken->token.text, results[first].repeat.token.text))
			taken++;
		if (taken->num_alike < HC_REPEATS_MAX_ALIKE && !is_said(taken, &repeat->token))
			taken->alike[taken->num_alike++] = repeat->token.text;
	}
}

static struct hc_error *finish(const struct candidates *candidates, const struct count *count,
			       struct hc_repeats *repeats)
{
	hc_cleanup_free struct result *results = calloc(candidates->num + 1, sizeof(*results));

	repeats->items = calloc(candidates->num + 1, sizeof(*repeats->items));
	if (!results || !repeats->items)
		return &hc_enomem;
	fill_results(candidates, count, results);
	hc_sort(results, candidates->num, compare_repeats);
	take_results(results, candidates->num, least_chunks(repeats->counted), repeats);
	return NULL;
}
/**@}*/

/** Least count of a summary: what a text that it lacks may have been seen. */
static uint64_t missed_count(const struct hc_top_texts *table)
{
	uint64_t least = table->exact ? 0 : UINT64_MAX;

	for (size_t i = 0; least && i < table->num_entries; i++)
		least = table->entries[i].count < least ? table->entries[i].count : least;
	return least;
}

/** The first pass, by sets of tokens that are not needed afterwards. */
static struct hc_error *find_candidates(struct hc_target *target,
					const struct hc_chunk_sample *sample,
					struct hc_repeats_pass *pass)
{
	const struct hc_process *process = target->process;
	hc_cleanup_free struct token_set *sets = calloc(process->jobs, sizeof(*sets));
	struct run run = {.process = process, .sets = sets};

	if (!sets)
		return &hc_enomem;
	struct hc_error *err = hc_target_heap(target, &run.heap);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_COMPARE);
	hc_chunk_subsample_init(&run.chunks, sample, HC_REPEATS_FIND_CHUNKS);
	pass->repeats.searched = run.chunks.num;
	if ((err = find(&run, &pass->found)))
		return err;
	pass->repeats.missed = missed_count(&pass->found);
	return choose(&pass->found, least_chunks(run.chunks.num), &pass->candidates);
}

struct hc_error *hc_repeats_find(struct hc_target *target, const struct hc_chunk_sample *sample,
				 struct hc_repeats_pass **ret)
{
	hc_cleanup(hc_repeats_pass_freep) struct hc_repeats_pass *pass = calloc(1, sizeof(*pass));

	if (!pass)
		return &hc_enomem;
	hc_top_texts_init(&pass->found, HC_REPEATS_TABLE_BYTES);
	struct hc_error *err = find_candidates(target, sample, pass);
	if (err)
		return err;
	pass->workers = calloc(target->process->jobs, sizeof(*pass->workers));
	if (!pass->workers)
		return &hc_enomem;
	*ret = hc_steal(pass);
	return NULL;
}

struct hc_error *hc_repeats_end(struct hc_repeats_pass *pass, unsigned jobs, uint64_t counted,
				struct hc_repeats *ret)
{
	struct count *count = &pass->workers[0].count;

	pass->repeats.counted = counted;
	for (unsigned i = 1; i < jobs; i++)
		merge_counts(count, &pass->workers[i].count, &pass->candidates);
	struct hc_error *err =
		pass->candidates.num ? finish(&pass->candidates, count, &pass->repeats) : NULL;
	if (err)
		return err;
	*ret = pass->repeats;
	pass->repeats = (struct hc_repeats){0};
	return NULL;
}

void hc_repeats_pass_freep(struct hc_repeats_pass **pass)
{
	if (!*pass)
		return;
	hc_repeats_deinit(&(*pass)->repeats);
	hc_top_texts_deinit(&(*pass)->found);
	free((*pass)->candidates.items);
	free((*pass)->workers);
	free(*pass);
}

struct hc_error *hc_repeats_run(struct hc_target *target, const struct hc_chunk_sample *sample,
				struct hc_repeats *ret)
{
	return hc_count_lines(target, sample, ret, NULL);
}

void hc_repeats_deinit(struct hc_repeats *repeats)
{
	free(repeats->items);
	*repeats = (struct hc_repeats){0};
}
