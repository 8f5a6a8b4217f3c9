/**
 * @file
 * Equal blocks in text and JSON.
 */
#include "cmd/show/blocks.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/render/escape.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/show/mask.h"
#include "cmd/show/sample.h"
#include "core/base/cleanup.h"

/** Bytes of a line that are shown. */
#define MAX_LINE 120

static size_t num_described(const struct hc_outside *outside)
{
	return outside->blocks.num < HC_OUTSIDE_MAX_SETS ? outside->blocks.num
							 : HC_OUTSIDE_MAX_SETS;
}

static struct hc_error *describe(struct hc_session *session, struct hc_outside *outside)
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
		err = describe(session, &outside);
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

/** The line that blocks share, as far as --content lets it show. */
static char *line_text(const struct hc_session *session, const struct hc_block_contents *contents)
{
	if (!contents->line || !hc_session_shows_bytes(session))
		return NULL;
	struct hc_bytes line = {(const uint8_t *)contents->line, strlen(contents->line)};
	return hc_session_escape(session, line, MAX_LINE, 0);
}

static void print_contents(FILE *file, const struct hc_session *session,
			   const struct hc_block_set *set, const struct hc_block_contents *contents)
{
	hc_cleanup_free char *line = line_text(session, contents);
	const char *class =
		contents->class == HC_CLASS_NONE || !hc_session_shows_class(session)
			? NULL
			: hc_signatures_class(session->target->signatures, contents->class)->title;

	if (line && contents->counted < set->num)
		fprintf(file, " \"%s\" in %s of %s that were looked at.", line,
			hc_unit_count(contents->line_blocks).text,
			hc_unit_count(contents->counted).text);
	else if (line)
		fprintf(file, " \"%s\" in %s of them.", line,
			hc_unit_count(contents->line_blocks).text);
	else if (class)
		fprintf(file, " %s in %s.", class, hc_unit_count(contents->class_blocks).text);
}

static void print_pointers(FILE *file, const struct hc_block_set *set)
{
	uint64_t none = set->num - set->pointed - set->linked;

	if (!none)
		fputs(" All are pointed to.", file);
	else if (none == set->num)
		fputs(" Nothing points to them.", file);
	else if (!set->pointed)
		fprintf(file, " Nothing points to them but %s of their own kind.",
			hc_unit_count(set->linked).text);
	else
		fprintf(file, " Nothing points to %s of them.", hc_unit_count(none).text);
}

static void write_set(struct hc_session *session, const struct hc_block_set *set,
		      const struct hc_block_contents *contents)
{
	hc_cleanup_free char *rest = NULL;
	size_t size;
	FILE *file = open_memstream(&rest, &size);

	if (!file)
		return;
	if (contents)
		print_contents(file, session, set, contents);
	print_pointers(file, set);
	if (fclose(file) || !rest)
		return;
	hc_text_paragraph(&session->out, "  ", 4, false, "%s %s %s (%s) in %s mapping%s.%s",
			  hc_unit_count(set->num).text, hc_text_times(&session->out),
			  hc_unit_bytes(set->size).text, hc_unit_bytes(set->bytes).text,
			  hc_unit_count(set->mappings).text, hc_plural(set->mappings), rest);
}

void hc_outside_write(struct hc_session *session, const struct hc_outside *outside)
{
	struct hc_output *out = &session->out;

	if (outside->blocks.num)
		hc_text_heading(out, "Equal blocks in memory that nobody owns");
	for (size_t i = 0; i < num_described(outside); i++)
		write_set(session, &outside->blocks.sets[i], &outside->contents[i]);
	if (outside->held.lost && !outside->held.missing)
		hc_text_paragraph(out, "  ", 4, false,
				  "Nothing points into %s mapping%s (%s) that nobody owns: lost.",
				  hc_unit_count(outside->held.lost).text,
				  hc_plural(outside->held.lost),
				  hc_unit_bytes(outside->held.lost_bytes).text);
}

json_t *hc_outside_blocks_json(const struct hc_session *session, const struct hc_outside *outside)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < num_described(outside); i++) {
		const struct hc_block_set *set = &outside->blocks.sets[i];
		const struct hc_block_contents *contents = &outside->contents[i];
		hc_cleanup_free char *line = line_text(session, contents);
		bool class = contents->class != HC_CLASS_NONE && hc_session_shows_class(session);
		json_array_append_new(
			ret,
			json_pack("{so so so so so so so so so so so so}", "first",
				  hc_json_address(set->addresses[0]), "size",
				  hc_json_number(set->size), "blocks", hc_json_number(set->num),
				  "bytes", hc_json_number(set->bytes), "mappings",
				  hc_json_number(set->mappings), "pointed",
				  hc_json_number(set->pointed), "linked",
				  hc_json_number(set->linked), "line", hc_json_text(line),
				  "line_blocks", hc_json_number(contents->line_blocks), "counted",
				  hc_json_number(contents->counted), "class",
				  hc_json_text(
					  class ? hc_signatures_class(session->target->signatures,
								      contents->class)
							  ->name
						: NULL),
				  "class_blocks", hc_json_number(contents->class_blocks)));
	}
	return ret;
}

json_t *hc_outside_json(const struct hc_outside *outside)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < outside->held.num; i++)
		bytes +=
			outside->held.items[i].mapping->end - outside->held.items[i].mapping->start;
	return json_pack("{so so so so so}", "mappings", hc_json_number(outside->held.num), "bytes",
			 hc_json_number(bytes), "lost", hc_json_number(outside->held.lost),
			 "lost_bytes", hc_json_number(outside->held.lost_bytes), "missing_roots",
			 hc_json_number(outside->held.missing));
}
