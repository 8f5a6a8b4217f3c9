/**
 * @file
 * Cached chunks that no list leads to any more.
 *
 * Since 2.29 each entry of a tcache carries a key in its second word: the address of its tcache,
 * since 2.34 a random number. It is cleared when the chunk is handed out, so that chunks which have
 * it are entries, whatever became of the cache.
 */
#include "core/allocators/glibc/tcache.h"
#include "core/base/array.h"

/** Chunks that look in use, but carry a key: count them, or, with @p mark, put them on the list. */
static uint64_t find_keyed(struct glibc *g, uint64_t key, bool mark)
{
	uint64_t found = 0, word;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	hc_chunk_iter_heap(&iter, g->heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		if (chunk.state != HC_IN_USE ||
		    !glibc_word(g, chunk.address + g->params.word_size, &word) || word != key)
			continue;
		found++;
		if (mark)
			hc_heap_set_free(g->heap, chunk.address, &glibc_lists[GLIBC_TCACHE]);
	}
	return found;
}

/** @name The key of a cache that has no entry left to tell it */
/**@{*/

/** Bytes around main_arena in which libc keeps tcache_key, and random words looked at there. */
#define KEY_DISTANCE (UINT64_C(64) << 10)
#define MAX_KEYS 4096

struct keys {
	const struct glibc *g;
	uint64_t words[MAX_KEYS];
	uint32_t found[MAX_KEYS]; /**< chunks in use that carry it */
	size_t num;
};

/**
 * Neither a small number nor an address. Stale links, which chunks in use carry where the key is,
 * are addresses.
 */
static bool looks_random(const struct glibc *g, uint64_t word)
{
	uint64_t top = word >> (g->params.word_size * 8 - 16);
	return top && top != 0xffff && !hc_mappings_find(&g->process->mappings, word);
}

static bool is_variable(const struct glibc *g, uint64_t address)
{
	const struct hc_mapping *mapping = hc_mappings_find(&g->process->mappings, address);
	return mapping && (mapping->kind == HC_MAPPING_DATA || mapping->kind == HC_MAPPING_BSS);
}

/** Random words among libc's variables. */
static void collect_keys(struct keys *keys)
{
	const struct glibc *g = keys->g;
	uint64_t arena = g->num_arenas ? g->arenas[0].address : 0, word;
	unsigned size = g->params.word_size;
	if (arena < KEY_DISTANCE)
		return;
	for (uint64_t at = arena - KEY_DISTANCE; at < arena + KEY_DISTANCE; at += size) {
		if (keys->num == MAX_KEYS)
			break;
		if (is_variable(g, at) && glibc_word(g, at, &word) && looks_random(g, word))
			keys->words[keys->num++] = word;
	}
	hc_sort(keys->words, keys->num, hc_compare_u64);
}

/** Count the chunks that carry each. */
static void count_keys(struct keys *keys)
{
	uint64_t word;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	hc_chunk_iter_heap(&iter, keys->g->heap);
	while (keys->num && hc_chunk_iter_next(&iter, &chunk)) {
		if (chunk.state != HC_IN_USE ||
		    !glibc_word(keys->g, chunk.address + keys->g->params.word_size, &word))
			continue;
		const uint64_t *key = bsearch(&word, keys->words, keys->num, sizeof(keys->words[0]),
					      hc_compare_u64);
		if (key)
			keys->found[key - keys->words]++;
	}
}

/**
 * Since 2.34 the key is a random word in libc's variables, the same for all threads: the one that
 * most chunks carry, but no more than there can be entries. 0 when no two do.
 */
static uint64_t guess_key(const struct glibc *g, uint64_t entries)
{
	struct keys *keys = calloc(1, sizeof(*keys));
	uint64_t ret = 0;
	uint32_t most = 1;
	if (!keys)
		return 0; /* what is only guessed may be left out */
	keys->g = g;
	collect_keys(keys);
	count_keys(keys);
	for (size_t i = 0; i < keys->num; i++) {
		if (keys->found[i] > most && keys->found[i] <= entries) {
			most = keys->found[i];
			ret = keys->words[i];
		}
	}
	free(keys);
	return ret;
}

/** Broken caches whose entries are looked for; each costs a pass over the heap. */
#define MAX_RECOVERED 8

/** Whether entries are lost of a cache that has none left to tell the key. */
static bool lacks_key(const struct glibc_tcache *tcache)
{
	return tcache->wrecked || (tcache->lost && !tcache->key);
}

/** Give caches that lack one the key that others have, or else one that is guessed. */
static void find_keys(struct glibc *g, struct glibc_tcache_list *list)
{
	uint64_t shared = 0, entries = 0;
	bool guessed = false;
	unsigned tried = 0;
	for (size_t i = 0; i < list->num; i++) {
		entries += lacks_key(&list->items[i]) ? list->items[i].lost : 0;
		/* From 2.29 to 2.33 the key is the address of the cache, and no other has it. */
		if (list->items[i].key != list->items[i].mem)
			shared = list->items[i].key ? list->items[i].key : shared;
	}
	for (size_t i = 0; i < list->num; i++) {
		struct glibc_tcache *tcache = &list->items[i];
		if (!lacks_key(tcache))
			continue;
		if (tried++ < MAX_RECOVERED && find_keyed(g, tcache->mem, false)) {
			tcache->key = tcache->mem;
			continue;
		}
		if (!shared && !guessed) {
			shared = guess_key(g, entries);
			guessed = true;
		}
		tcache->key = shared;
	}
}
/**@}*/

/**
 * Chunks with the key of a cache that has a broken link are what lay behind it, unless there are
 * more of them than the counters promise: a thread that ended leaves its key in chunks that have
 * long been used again.
 */
static void recover_lost(struct glibc *g, const struct glibc_tcache_list *list)
{
	uint64_t keys[MAX_RECOVERED];
	unsigned tried = 0;
	for (size_t i = 0; i < list->num && tried < MAX_RECOVERED; i++) {
		const struct glibc_tcache *tcache = &list->items[i];
		uint64_t lost = 0, key = tcache->lost ? tcache->key : 0;
		bool done = !key;
		if (tcache->layout->count_size == 1 && key != tcache->mem)
			continue; /* up to 2.28 that word is the program's */
		for (unsigned k = 0; k < tried; k++)
			done |= keys[k] == key;
		if (done)
			continue;
		keys[tried++] = key;
		for (size_t k = i; k < list->num; k++)
			lost += list->items[k].key == key ? list->items[k].lost : 0;
		if (find_keyed(g, key, false) <= lost)
			find_keyed(g, key, true);
	}
}

/** @name Caches that were written over with zeroes */
/**@{*/

/** Chunks near such a cache that are looked at before it is believed, and entries asked for. */
#define MAX_LOOKED_AT 16384
#define LEAST_ENTRIES 3

/** An entry by its own words: a chunk that looks in use, the key that it carries, its link. */
struct entry {
	uint64_t key;
	uint64_t next; /**< 0: the last one of its list */
};

/** Whether a chunk may be an entry; then its link leads to one of the same size and key, or is
 * NULL. */
static bool read_entry(const struct glibc *g, const struct hc_chunk *chunk, struct entry *ret)
{
	struct hc_chunk next;
	uint64_t stored, key;
	if (chunk->state != HC_IN_USE || !glibc_word(g, chunk->address, &stored) ||
	    !glibc_word(g, chunk->address + g->params.word_size, &ret->key) || !ret->key)
		return false;
	ret->next = glibc_link(g, chunk->address, stored);
	return !ret->next ||
	       (glibc_aligned(g, ret->next) && hc_heap_chunk_at(g->heap, ret->next, &next) &&
		next.address == ret->next && next.size == chunk->size &&
		(next.state == HC_IN_USE || glibc_is_on(&next, GLIBC_TCACHE)) &&
		glibc_word(g, ret->next + g->params.word_size, &key) && key == ret->key);
}

/** The address of the cache up to 2.33; since 2.34, which mangles links, a random word. */
static bool can_be_key(const struct glibc *g, const struct glibc_tcache *tcache, uint64_t key)
{
	return key == tcache->mem || (g->mangled && looks_random(g, key));
}

/** The key that most entries near an empty cache carry (Boyer and Moore); 0 without any. */
static uint64_t elect_key(const struct glibc *g, const struct glibc_tcache *tcache,
			  const struct hc_span *span)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct entry entry;
	uint64_t key = 0, lead = 0, looked = 0;
	hc_chunk_iter_slice(&iter, g->heap, (struct hc_slice){span, 0, span->num_units});
	while (looked++ < MAX_LOOKED_AT && hc_chunk_iter_next(&iter, &chunk)) {
		if (!read_entry(g, &chunk, &entry) || !can_be_key(g, tcache, entry.key))
			continue;
		key = lead ? key : entry.key;
		lead += key == entry.key ? 1 : -1;
	}
	return key;
}

/** What an empty cache held, by the chunks that say so. */
struct emptied {
	uint64_t key;             /**< 0: nothing contradicts it */
	uint64_t entries, linked; /**< with that key; linked: of these, with a link */
};

static void count_entries(const struct glibc *g, struct emptied *emptied)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct entry entry;
	hc_chunk_iter_heap(&iter, g->heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		if (!read_entry(g, &chunk, &entry) || entry.key != emptied->key)
			continue;
		emptied->entries++;
		emptied->linked += entry.next != 0;
	}
}

static void mark_entries(struct glibc *g, uint64_t key)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct entry entry;
	hc_chunk_iter_heap(&iter, g->heap);
	while (hc_chunk_iter_next(&iter, &chunk))
		if (read_entry(g, &chunk, &entry) && entry.key == key)
			hc_heap_set_free(g->heap, chunk.address, &glibc_lists[GLIBC_TCACHE]);
}

static struct hc_error *report_emptied(struct glibc *g, const struct glibc_tcache *tcache,
				       uint64_t num)
{
	return hc_heap_add_inconsistency(
		g->heap,
		glibc_fault(GLIBC_TCACHE_LINK, tcache->mem + tcache->layout->entries, tcache->mem),
		"the tcache at 0x%jx holds nothing but zeroes; %ju chunks with a key and links to "
		"each other are taken for what it held",
		(uintmax_t)tcache->mem, (uintmax_t)num);
}

/** Whether an empty cache was not always empty. */
static bool was_emptied(struct glibc *g, const struct glibc_tcache *tcache, struct emptied *ret)
{
	struct hc_chunk chunk;
	*ret = (struct emptied){0};
	if (!hc_heap_chunk_at(g->heap, tcache->mem, &chunk) || chunk.span->zone != g->arena_zone)
		return false;
	ret->key = elect_key(g, tcache, chunk.span);
	if (!ret->key)
		return false;
	count_entries(g, ret);
	/* A key that a thread left behind when it ended is in chunks whose links are long gone. */
	return ret->entries >= LEAST_ENTRIES && ret->linked &&
	       find_keyed(g, ret->key, false) / 2 <= ret->entries;
}

/**
 * Where neither tcache nor fastbin has a link left, nothing has told whether links are mangled: the
 * entries do.
 */
static bool try_both(struct glibc *g, const struct glibc_tcache *tcache, struct emptied *ret)
{
	if (was_emptied(g, tcache, ret))
		return true;
	if (g->links_seen)
		return false;
	g->mangled = !g->mangled;
	if (was_emptied(g, tcache, ret))
		return true;
	g->mangled = !g->mangled;
	return false;
}

/**
 * A cache of nothing but zeroes is what a thread has that freed nothing yet. When chunks say that
 * they are cached, and no cache holds them, it was written over.
 */
static struct hc_error *recover_emptied(struct glibc *g, const struct glibc_tcache_list *list)
{
	unsigned tried = 0;
	struct hc_error *err = NULL;
	for (size_t i = 0; i < list->num && !err && !g->heap->partial; i++) {
		const struct glibc_tcache *tcache = &list->items[i];
		struct emptied emptied;
		if (tcache->wrecked || tcache->layout->counts_down || !hc_is_zero(tcache->bytes) ||
		    tried++ >= MAX_RECOVERED || !try_both(g, tcache, &emptied))
			continue;
		err = report_emptied(g, tcache, emptied.entries);
		if (!err)
			mark_entries(g, emptied.key);
	}
	return err;
}
/**@}*/

struct hc_error *glibc_recover_tcaches(struct glibc *g, struct glibc_tcache_list *list)
{
	find_keys(g, list);
	recover_lost(g, list);
	return recover_emptied(g, list);
}
