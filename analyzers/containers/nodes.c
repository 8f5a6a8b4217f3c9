/**
 * @file
 * Containers of nodes: trees, hash tables and lists.
 *
 * A walk claims nodes as it visits them. One that fails goes the same way again, up to where it
 * failed, and gives them back: memory doesn't change, so both see the same.
 */
#include <math.h>
#include <string.h>

#include "analyzers/containers/forms.h"

/** A walk over the nodes of one container. */
struct walk {
	struct hc_container_reader *reader;
	const struct hc_heap *heap;
	uint64_t limit;    /**< nodes to visit */
	uint64_t visited;  /**< nodes */
	uint64_t min, max; /**< bytes that all of them may have been asked for with */
	uint64_t bytes;
	bool undo; /**< give back instead of claim */
};

static struct walk walk_begin(struct hc_container_reader *reader, uint64_t limit)
{
	return (struct walk){
		.reader = reader,
		.heap = reader->heap,
		.limit = limit,
		.max = UINT64_MAX,
	};
}

/** The same nodes again, to give them back. */
static struct walk walk_back(const struct walk *walk)
{
	struct walk back = walk_begin(walk->reader, walk->visited);

	back.undo = true;
	return back;
}

/** One step of the budget, which giving back has for free. */
static bool step(const struct walk *walk)
{
	return walk->undo || hc_container_step(walk->reader, 1);
}

/** Visit a node. @return false: it is none of this container, or the last was the last one */
static bool visit(struct walk *walk, const struct hc_part *node)
{
	if (walk->visited == walk->limit)
		return false;
	if (walk->undo) {
		hc_unclaim(walk->reader, &node->chunk);
		walk->visited++;
		return true;
	}
	uint64_t min = node->min > walk->min ? node->min : walk->min;
	uint64_t max = node->max < walk->max ? node->max : walk->max;

	if (min > max || !hc_claim(walk->reader, &node->chunk))
		return false;
	walk->min = min;
	walk->max = max;
	walk->bytes += node->chunk.size;
	walk->visited++;
	return true;
}

/** What the nodes tell of the container. @param own bytes of a node in front of its element */
static void fill(const struct walk *walk, uint64_t own, struct hc_container *ret)
{
	ret->nodes = (struct hc_count){walk->visited, walk->bytes};
	ret->element_max = walk->max > own ? walk->max - own : 0;
}

/** @name Trees */
/**@{*/

/** Where nodes have their links, in words; and whether the first says the colour. */
struct tree_form {
	unsigned parent, left, right;
	bool colour;
};

/** Least words of a node: a colour takes a whole one, also where it is a byte. */
#define NODE_WORDS 4

static const struct tree_form std_tree = {1, 2, 3, true};
static const struct tree_form cxx_tree = {2, 0, 1, false};

struct tree {
	const struct tree_form *form;
	uint64_t root, header; /**< what the root has as its parent */
	uint64_t first, last;  /**< of the order, once it was walked */
};

/** libstdc++ says 0 or 1 in an enum, libc++ in a bool behind the links. */
static bool has_colour(const struct walk *walk, const struct tree_form *form,
		       const struct hc_part *node)
{
	if (form->colour)
		return hc_read32(node->bytes.data, walk->heap->big_endian) <= 1;
	return node->bytes.data[3 * walk->heap->word_size] <= 1;
}

/** A node's turn in the order of the tree. @param num of turns before it */
static void take_turn(const struct walk *walk, struct tree *tree, uint64_t address, uint64_t num)
{
	if (!num)
		tree->first = address;
	tree->last = address;
	if (address == walk->reader->sought)
		walk->reader->ordinal = num + 1;
}

/** Where a walk is: at a node, and from where it came there. */
struct tree_step {
	uint64_t from, at;
	bool down;
};

/** What the node says comes next. @return false: it is none of this tree */
static bool step_tree(struct walk *walk, struct tree *tree, struct tree_step *at, uint64_t *turns)
{
	const struct tree_form *form = tree->form;
	struct hc_part node;

	if (!step(walk) ||
	    !hc_part_read(walk->heap, at->at, (uint64_t)NODE_WORDS * walk->heap->word_size, &node))
		return false;
	uint64_t parent = hc_part_word(walk->heap, &node, form->parent);
	uint64_t left = hc_part_word(walk->heap, &node, form->left);
	uint64_t right = hc_part_word(walk->heap, &node, form->right);
	bool from_left = !at->down && at->from == left;
	uint64_t next = from_left || at->down ? right : 0;

	if (at->down ? at->from != parent || !has_colour(walk, form, &node) || !visit(walk, &node)
		     : at->from != left && at->from != right)
		return false;
	if (at->down && left)
		next = left;
	else if (at->down || from_left)
		take_turn(walk, tree, at->at, (*turns)++);
	*at = (struct tree_step){at->at, next ? next : parent, next};
	return true;
}

/**
 * Walk it without a stack: where one comes from tells where to go. That a node names its parent is
 * seen on the way down, so that every way up undoes one way down, and there are no more than two
 * steps for each visit.
 */
static bool walk_tree(struct walk *walk, struct tree *tree)
{
	struct tree_step at = {tree->header, tree->root, true};
	uint64_t turns = 0;

	while (at.at != tree->header)
		if (!step_tree(walk, tree, &at, &turns))
			return false;
	return walk->visited == walk->limit && turns == walk->visited;
}

static bool prove_tree(struct hc_container_reader *reader, struct tree *tree, uint64_t first,
		       uint64_t last, struct hc_container *ret)
{
	struct walk walk = walk_begin(reader, ret->elements);
	unsigned word = reader->heap->word_size;

	if (walk_tree(&walk, tree) && tree->first == first && (!last || tree->last == last)) {
		/* The bool of libc++ is followed by whatever is aligned to a byte. */
		fill(&walk,
		     tree->form->colour ? (uint64_t)NODE_WORDS * word : 3 * (uint64_t)word + 1,
		     ret);
		return true;
	}
	struct walk back = walk_back(&walk);

	walk_tree(&back, tree);
	reader->ordinal = 0;
	return false;
}

bool hc_prove_std_tree(struct hc_container_reader *reader, const struct hc_head *head,
		       struct hc_container *ret)
{
	struct tree tree = {&std_tree, head->words[2], head->address + reader->heap->word_size, 0,
			    0};

	/* The header is red, so that it is not taken for a root. */
	if ((uint32_t)(reader->heap->big_endian && reader->heap->word_size == 8
			       ? head->words[1] >> 32
			       : head->words[1]))
		return false;
	return prove_tree(reader, &tree, head->words[3], head->words[4], ret);
}

bool hc_prove_cxx_tree(struct hc_container_reader *reader, const struct hc_head *head,
		       struct hc_container *ret)
{
	struct tree tree = {&cxx_tree, head->words[1], head->address + reader->heap->word_size, 0,
			    0};

	return prove_tree(reader, &tree, head->words[0], 0, ret);
}
/**@}*/

/** @name Lists */
/**@{*/

static bool walk_list(struct walk *walk, const struct hc_head *head)
{
	uint64_t from = head->address, at = head->words[0];
	struct hc_part node;

	while (at != head->address) {
		if (!step(walk) ||
		    !hc_part_read(walk->heap, at, 2 * walk->heap->word_size, &node) ||
		    hc_part_word(walk->heap, &node, 1) != from || !visit(walk, &node))
			return false;
		if (at == walk->reader->sought)
			walk->reader->ordinal = walk->visited;
		from = at;
		at = hc_part_word(walk->heap, &node, 0);
	}
	return walk->visited == walk->limit && head->words[1] == from;
}

bool hc_prove_list(struct hc_container_reader *reader, const struct hc_head *head,
		   struct hc_container *ret)
{
	struct walk walk = walk_begin(reader, ret->elements);

	if (walk_list(&walk, head)) {
		fill(&walk, 2 * (uint64_t)reader->heap->word_size, ret);
		return true;
	}
	struct walk back = walk_back(&walk);

	walk_list(&back, head);
	reader->ordinal = 0;
	return false;
}
/**@}*/

/** @name Hash tables */
/**@{*/

static bool walk_chain(struct walk *walk, uint64_t first)
{
	struct hc_part node;

	for (uint64_t at = first; at; at = hc_part_word(walk->heap, &node, 0)) {
		if (!step(walk) || !hc_part_read(walk->heap, at, walk->heap->word_size, &node) ||
		    !visit(walk, &node))
			return false;
		if (at == walk->reader->sought)
			walk->reader->ordinal = walk->visited;
	}
	return walk->visited == walk->limit;
}

/** Elements for a bucket at most: a float, 1 unless somebody chose another. */
static bool has_load(const struct hc_heap *heap, uint64_t address)
{
	uint32_t bits;
	float load;

	if (!hc_memory_u32(&heap->process->memory, address, &bits))
		return false;
	memcpy(&load, &bits, sizeof(load));
	return isfinite(load) && load > 0 && load < 1e6f;
}

/** Every bucket is empty, or names the node before its first: one the head, the others nodes. */
static bool prove_buckets(struct hc_container_reader *reader, const struct hc_head *head,
			  const struct hc_part *array)
{
	uint64_t num = head->words[1], before_begin = head->address + 2 * reader->heap->word_size;
	uint64_t heads = 0, full = 0;
	struct hc_part node;

	/* As many as there are bytes: a core can't make this longer than itself, but often. */
	if (!hc_container_step(reader, num))
		return false;
	for (uint64_t i = 0; i < num; i++) {
		uint64_t bucket = hc_part_word(reader->heap, array, i);

		if (!bucket)
			continue;
		full++;
		if (bucket == before_begin)
			heads++;
		else if (!hc_part_read(reader->heap, bucket, reader->heap->word_size, &node) ||
			 (reader->claimed && !hc_is_claimed(reader, &node.chunk)))
			return false;
	}
	return heads == 1 && full <= head->words[3];
}

/** The array that the head names; or, of libstdc++, the one bucket in the head. */
static bool prove_array(struct hc_container_reader *reader, const struct hc_head *head,
			struct hc_container *ret)
{
	unsigned word = reader->heap->word_size;
	uint64_t bytes;
	struct hc_part array;

	if (head->words[0] == head->address + 6 * word)
		return head->words[1] == 1 && head->num > 6 &&
		       head->words[6] == head->address + 2 * word;
	if (__builtin_mul_overflow(head->words[1], (uint64_t)word, &bytes) ||
	    !hc_part_read(reader->heap, head->words[0], bytes, &array) ||
	    !hc_part_asked(&array, bytes) || !prove_buckets(reader, head, &array) ||
	    !hc_claim(reader, &array.chunk))
		return false;
	ret->arrays = (struct hc_count){1, array.chunk.size};
	return true;
}

bool hc_prove_hash(struct hc_container_reader *reader, const struct hc_head *head,
		   struct hc_container *ret)
{
	struct walk walk = walk_begin(reader, ret->elements);

	if (!has_load(reader->heap, head->address + 4 * reader->heap->word_size))
		return false;
	if (walk_chain(&walk, head->words[2]) && prove_array(reader, head, ret)) {
		fill(&walk, reader->heap->word_size, ret);
		return true;
	}
	struct walk back = walk_back(&walk);

	walk_chain(&back, head->words[2]);
	reader->ordinal = 0;
	return false;
}
/**@}*/
