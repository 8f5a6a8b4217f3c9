/**
 * @file
 * Equal blocks as parts of a document.
 */
#include "cmd/show/blocks.h"

#include <string.h>

/** Bytes of a line that are shown. */
#define MAX_LINE 120

static size_t num_described(const struct hc_outside *outside)
{
	return outside->blocks.num < HC_OUTSIDE_MAX_SETS ? outside->blocks.num
							 : HC_OUTSIDE_MAX_SETS;
}

static struct hc_error *look_into(struct hc_session *session, struct hc_outside *outside)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < num_described(outside); i++)
		err = hc_block_contents_run(session->target, &outside->blocks.sets[i],
					    &outside->contents[i]);
	return err;
}

struct hc_error *hc_outside_run(struct hc_session *session, const struct hc_owners *owners,
				struct hc_outside *ret)
{
	struct hc_outside outside = {0};
	struct hc_error *err = hc_blocks_find(session->target->process, owners, &outside.blocks);

	if (!err)
		err = hc_held_run(session->target->process, session->target->heap, owners,
				  &outside.blocks, &outside.held);
	if (!err)
		err = look_into(session, &outside);
	if (err) {
		hc_outside_deinit(&outside);
		return err;
	}
	*ret = outside;
	return NULL;
}

void hc_outside_deinit(struct hc_outside *outside)
{
	for (size_t i = 0; i < HC_OUTSIDE_MAX_SETS; i++)
		hc_block_contents_deinit(&outside->contents[i]);
	hc_blocks_deinit(&outside->blocks);
	hc_held_deinit(&outside->held);
}

/** The line that blocks share. */
struct hc_excerpt hc_block_line_excerpt(const struct hc_block_contents *contents)
{
	return (struct hc_excerpt){
		.bytes = {(const uint8_t *)contents->line,
			  contents->line ? strlen(contents->line) : 0},
		.max = MAX_LINE,
		.max_data = MAX_LINE,
	};
}

static struct hc_cell class_cell(const struct hc_session *session,
				 const struct hc_block_contents *contents)
{
	if (contents->class_id == HC_CLASS_NONE)
		return hc_cell_unknown();
	const struct hc_class *class =
		hc_signatures_class(session->target->signatures, contents->class_id);
	return hc_cell_needs(HC_CONTENT_CLASS, hc_cell_term(class->name, class->title));
}

/** The class that most blocks of a set have. */
static struct hc_cell class_phrase(const struct hc_session *session,
				   const struct hc_block_contents *contents,
				   struct hc_document *doc)
{
	struct hc_cell class = class_cell(session, contents);

	if (class.kind == HC_CELL_UNKNOWN)
		return class;
	return hc_cell_needs(HC_CONTENT_CLASS, HC_PHRASE(doc, " {} in {}.", class,
							 hc_cell_count(contents->class_blocks)));
}

/** The line that most of them share. */
static struct hc_cell line_phrase(const struct hc_block_set *set,
				  const struct hc_block_contents *contents, struct hc_document *doc)
{
	struct hc_excerpt line = hc_block_line_excerpt(contents);
	struct hc_cell text = hc_cell_content(&line), num = hc_cell_count(contents->line_blocks);

	if (contents->counted < set->num)
		return HC_PHRASE(doc, " \"{}\" in {} of {} that were looked at.", text, num,
				 hc_cell_count(contents->counted));
	return HC_PHRASE(doc, " \"{}\" in {} of them.", text, num);
}

struct hc_cell hc_block_pointers_phrase(const struct hc_block_set *set, struct hc_document *doc)
{
	uint64_t none = set->num - set->pointed - set->linked - set->parts;

	if (!none && set->parts && set->parts < set->num)
		return HC_PHRASE(doc,
				 "{} are pointed to; the others are parts of slabs that are held.",
				 hc_cell_count(set->pointed + set->linked));
	if (!none && set->parts)
		return hc_cell_text("They are parts of slabs that are held.");
	if (!none)
		return hc_cell_text("All are pointed to.");
	if (none == set->num)
		return hc_cell_text("Nothing points to them.");
	if (!set->pointed && !set->parts)
		return HC_PHRASE(doc, "Nothing points to them but {} of their own kind.",
				 hc_cell_count(set->linked));
	return HC_PHRASE(doc, "Nothing points to {} of them.", hc_cell_count(none));
}

static void say_blocks(const struct hc_block_set *set, struct hc_cell contents,
		       struct hc_document *doc)
{
	HC_SAY_AT(doc, hc_margin("  ", 4, false), "{} {} {} ({}) in {} mapping{}.{} {}",
		  hc_cell_count(set->num), hc_cell_times(), hc_cell_bytes(set->size),
		  hc_cell_bytes(set->bytes), hc_cell_count(set->mappings),
		  hc_cell_plural(set->mappings), contents, hc_block_pointers_phrase(set, doc));
}

/** With the line that they share; where that may not show, or there is none, with their class. */
static void say_set(const struct hc_session *session, const struct hc_block_set *set,
		    const struct hc_block_contents *contents, struct hc_document *doc)
{
	struct hc_cell class = class_phrase(session, contents, doc);

	if (!contents->line) {
		say_blocks(set, class, doc);
		return;
	}
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	say_blocks(set, line_phrase(set, contents, doc), doc);
	hc_end(doc);
	hc_begin_group(doc, HC_CONTENT_NONE, HC_CONTENT_CLASS);
	say_blocks(set, class, doc);
	hc_end(doc);
}

void hc_outside_say(const struct hc_session *session, const struct hc_outside *outside,
		    struct hc_document *doc)
{
	const struct hc_held *held = &outside->held;

	if (outside->blocks.num)
		HC_HEADING(doc, "Equal blocks in memory that nobody owns");
	for (size_t i = 0; i < num_described(outside); i++)
		say_set(session, &outside->blocks.sets[i], &outside->contents[i], doc);
	if (held->lost && !held->missing)
		HC_SAY_AT(doc, hc_margin("  ", 4, false),
			  "Nothing points into {} mapping{} ({}) that nobody owns: lost.",
			  hc_cell_count(held->lost), hc_cell_plural(held->lost),
			  hc_cell_bytes(held->lost_bytes));
}

static void describe_set(const struct hc_session *session, const struct hc_block_set *set,
			 const struct hc_block_contents *contents, struct hc_document *doc)
{
	struct hc_excerpt line = hc_block_line_excerpt(contents);

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "first", NULL, hc_cell_address(set->addresses[0]));
	hc_fact(doc, "size", NULL, hc_cell_bytes(set->size));
	hc_fact(doc, "blocks", NULL, hc_cell_count(set->num));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(set->bytes));
	hc_fact(doc, "mappings", NULL, hc_cell_count(set->mappings));
	hc_fact(doc, "pointed", NULL, hc_cell_count(set->pointed));
	hc_fact(doc, "linked", NULL, hc_cell_count(set->linked));
	hc_fact(doc, "parts", NULL, hc_cell_count(set->parts));
	hc_fact(doc, "line", NULL, hc_cell_content(&line));
	hc_fact(doc, "line_blocks", NULL, hc_cell_count(contents->line_blocks));
	hc_fact(doc, "counted", NULL, hc_cell_count(contents->counted));
	hc_fact(doc, "class", NULL, class_cell(session, contents));
	hc_fact(doc, "class_blocks", NULL, hc_cell_count(contents->class_blocks));
	hc_end(doc);
}

void hc_outside_describe(const struct hc_session *session, const struct hc_outside *outside,
			 struct hc_document *doc)
{
	const struct hc_held *held = &outside->held;
	uint64_t bytes = 0;

	hc_begin_array(doc, "blocks", HC_CONTENT_NONE);
	for (size_t i = 0; i < num_described(outside); i++)
		describe_set(session, &outside->blocks.sets[i], &outside->contents[i], doc);
	hc_end(doc);
	for (size_t i = 0; i < held->num; i++)
		bytes += held->items[i].mapping->end - held->items[i].mapping->start;
	hc_begin_object(doc, "outside", HC_CONTENT_NONE);
	hc_fact(doc, "mappings", NULL, hc_cell_count(held->num));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(bytes));
	hc_fact(doc, "lost", NULL, hc_cell_count(held->lost));
	hc_fact(doc, "lost_bytes", NULL, hc_cell_bytes(held->lost_bytes));
	hc_fact(doc, "missing_roots", NULL, hc_cell_count(held->missing));
	hc_end(doc);
}
