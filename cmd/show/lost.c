/**
 * @file
 * What lost figures are worth; see lost.h.
 */
#include "cmd/show/lost.h"

#include <stdio.h>

#include "cmd/advice.h"
#include "cmd/render/units.h"
#include "core/base/cleanup.h"

enum {
	CAN_NOT_TELL = 2, /**< exit status */
};

static void describe_share(struct hc_document *doc, const char *key, const char *unit,
			   const struct hc_share_missing *share)
{
	hc_begin_object(doc, key, HC_CONTENT_NONE);
	hc_fact(doc, unit, NULL, hc_cell_count(share->expected));
	hc_fact(doc, "missing", NULL, hc_cell_count(share->missing));
	hc_fact(doc, "missing_share", NULL,
		hc_cell_share(hc_share(share->missing, share->expected)));
	hc_end(doc);
}

void hc_lost_describe_convention(struct hc_document *doc, const char *key,
				 const struct hc_convention *convention)
{
	hc_begin_object(doc, key, HC_CONTENT_NONE);
	hc_fact(doc, "size", NULL,
		convention->size ? hc_cell_count(convention->size) : hc_cell_unknown());
	hc_fact(doc, "offset", NULL, hc_cell_count(convention->offset));
	hc_fact(doc, "chunks", NULL, hc_cell_count(convention->chunks));
	hc_fact(doc, "others", NULL, hc_cell_count(convention->others));
	hc_end(doc);
}

const char *hc_lost_tagged(enum hc_tag_place place)
{
	return place == HC_TAG_LOW ? "pointers above a tag of 16 bits"
				   : "pointers with a tag in their top 16 bits";
}

static void describe_tagged(struct hc_document *doc, const struct hc_tagged *tagged)
{
	if (!tagged->found) {
		hc_fact(doc, "tagged", NULL, hc_cell_unknown());
		return;
	}
	hc_begin_object(doc, "tagged", HC_CONTENT_NONE);
	hc_fact(doc, "tag", NULL, hc_cell_text(tagged->place == HC_TAG_LOW ? "low" : "top"));
	hc_fact(doc, "size", NULL, tagged->size ? hc_cell_count(tagged->size) : hc_cell_unknown());
	hc_fact(doc, "offset", NULL, hc_cell_count(tagged->offset));
	hc_fact(doc, "chunks", NULL, hc_cell_count(tagged->chunks));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(tagged->bytes));
	hc_end(doc);
}

static void describe_offsets(struct hc_document *doc, const struct hc_offsets *offsets)
{
	if (!offsets->found) {
		hc_fact(doc, "offset_links", NULL, hc_cell_unknown());
		return;
	}
	hc_begin_object(doc, "offset_links", HC_CONTENT_NONE);
	hc_fact(doc, "base", NULL, hc_cell_address(offsets->base));
	hc_fact(doc, "scale", NULL, hc_cell_count(UINT64_C(1) << offsets->shift));
	hc_fact(doc, "size", NULL,
		offsets->size ? hc_cell_count(offsets->size) : hc_cell_unknown());
	hc_fact(doc, "offset", NULL, hc_cell_count(offsets->offset));
	hc_fact(doc, "chunks", NULL, hc_cell_count(offsets->chunks));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(offsets->bytes));
	hc_end(doc);
}

static void describe_roots(struct hc_document *doc, const struct hc_missing *missing)
{
	hc_begin_object(doc, "roots", HC_CONTENT_NONE);
	for (int kind = 0; kind < HC_ROOT_PIN; kind++)
		describe_share(doc, hc_root_kind_name(kind),
			       kind == HC_ROOT_REGISTER ? "threads" : "bytes",
			       &missing->roots[kind]);
	hc_fact(doc, "left_out", NULL, hc_cell_bytes(missing->left_out));
	hc_fact(doc, "files", NULL, hc_cell_bytes(missing->files));
	describe_share(doc, "chunks", "bytes", &missing->chunks);
	hc_fact(doc, "unwalked", NULL, hc_cell_bytes(missing->unwalked));
	hc_end(doc);
}

void hc_lost_describe(struct hc_document *doc, const struct hc_heap *heap,
		      const struct hc_reach_stats *reach)
{
	const struct hc_missing *missing = &reach->missing;

	hc_fact(doc, "upper_bound", NULL, hc_cell_bool(hc_missing_upper_bound(missing)));
	hc_fact(doc, "lost_known", NULL, hc_cell_text(hc_lost_known_name(missing->known)));
	describe_roots(doc, missing);
	hc_begin_array(doc, "conventions", HC_CONTENT_NONE);
	for (size_t i = 0; heap && i < heap->num_conventions; i++)
		hc_lost_describe_convention(doc, NULL, &heap->conventions[i]);
	hc_end(doc);
	describe_tagged(doc, &reach->tagged);
	describe_offsets(doc, &reach->offsets);
	hc_begin_object(doc, "in_flight", HC_CONTENT_NONE);
	hc_fact(doc, "threads", NULL, hc_cell_count(reach->inflight_threads));
	hc_fact(doc, "chunks", NULL, hc_cell_count(reach->inflight_chunks));
	hc_end(doc);
}

/** "51 % of stacks" for each kind of root that is missing. */
static struct hc_cell missing_roots(struct hc_document *doc, const struct hc_missing *missing)
{
	static const char *const what[] = {
		[HC_ROOT_STACK] = "stacks",
		[HC_ROOT_TLS] = "thread-local variables",
		[HC_ROOT_DATA] = "the program's variables",
		[HC_ROOT_OTHER] = "other writable memory",
	};
	const struct hc_share_missing *registers = &missing->roots[HC_ROOT_REGISTER];
	struct hc_cell list = hc_cell_unknown();

	for (int kind = HC_ROOT_STACK; kind <= HC_ROOT_OTHER; kind++) {
		const struct hc_share_missing *share = &missing->roots[kind];

		if (share->missing)
			list = hc_phrase_join(
				doc, list, ", ",
				HC_PHRASE(doc, "{} of {}",
					  hc_cell_share(hc_share(share->missing, share->expected)),
					  hc_cell_text(what[kind])));
	}
	if (registers->missing)
		list = hc_phrase_join(doc, list, ", ",
				      HC_PHRASE(doc, "registers of at least {} thread{}",
						hc_cell_number(registers->missing),
						hc_cell_plural(registers->missing)));
	return list;
}

struct hc_cell hc_lost_missing_phrase(struct hc_document *doc, const struct hc_missing *missing)
{
	struct hc_cell list;

	if (!hc_missing_upper_bound(missing))
		return hc_cell_unknown();
	list = missing_roots(doc, missing);
	if (list.kind != HC_CELL_UNKNOWN)
		return list;
	if (missing->chunks.missing)
		list = HC_PHRASE(doc, "{} of chunks that are in use",
				 hc_cell_bytes(missing->chunks.missing));
	if (missing->unwalked)
		list = hc_phrase_join(
			doc, list, ", ",
			HC_PHRASE(doc, "{} of heaps", hc_cell_bytes(missing->unwalked)));
	return list;
}

/** The same in a message. To be freed by the caller. */
static char *missing_text(struct hc_session *session, const struct hc_missing *missing)
{
	hc_cleanup_document struct hc_document doc;
	struct hc_view view;

	hc_document_init(&doc);
	hc_session_view(session, &view);
	struct hc_cell phrase = hc_lost_missing_phrase(&doc, missing);
	return hc_cell_to_words(&view.look, &phrase);
}

void hc_lost_judge(struct hc_session *session, const struct hc_reach_stats *reach, uint64_t lost,
		   uint64_t limit)
{
	const struct hc_missing *missing = &reach->missing;
	hc_cleanup_free char *text = NULL, *message = NULL;
	int len;

	if (lost > limit && !hc_missing_upper_bound(missing)) {
		session->status = 1;
		return;
	}
	if (lost > limit) {
		text = missing_text(session, missing);
		len = asprintf(
			&message,
			"can't tell whether more than %s is lost: the core lacks %s; at most "
			"%s is; take a complete core",
			hc_unit_bytes(limit).text, text && *text ? text : "memory that may hold it",
			hc_unit_bytes(lost).text);
	} else if (missing->unwalked) {
		len = asprintf(&message,
			       "can't tell whether more than %s is lost: the core lacks %s of the "
			       "heap; take a complete core",
			       hc_unit_bytes(limit).text, hc_unit_bytes(missing->unwalked).text);
	} else {
		return;
	}
	session->status = CAN_NOT_TELL;
	hc_print_message(session->options->core,
			 len < 0 ? "can't tell what is lost: the core lacks memory" : message);
}

struct hc_error *hc_lost_suppress(struct hc_session *session, const char *path,
				  struct hc_suppressions *ret)
{
	if (!path)
		return NULL;
	struct hc_error *err = hc_suppressions_read(path, &session->remarks, ret);

	if (err)
		return err;
	session->target->suppressions = ret;
	hc_session_print_remarks(session);
	return NULL;
}

void hc_lost_unsuppress(struct hc_session *session, struct hc_suppressions *suppressions)
{
	if (session->target)
		session->target->suppressions = NULL;
	hc_suppressions_deinit(suppressions);
}

void hc_lost_say_suppressed(const struct hc_session *session, const struct hc_count *suppressed,
			    struct hc_document *doc)
{
	if (!session->target->suppressions || !session->target->suppressions->leaks.num)
		return;
	hc_count_fact(doc, "suppressed", HC_CONTENT_NONE, suppressed->chunks, suppressed->bytes);
	HC_SAY(doc, "Suppressed: {} lost chunk{} ({}), which --suppress names.",
	       hc_cell_count(suppressed->chunks), hc_cell_plural(suppressed->chunks),
	       hc_cell_bytes(suppressed->bytes));
}
