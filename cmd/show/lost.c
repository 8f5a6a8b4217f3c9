/**
 * @file
 * What lost figures are worth; see lost.h.
 */
#include "cmd/show/lost.h"

#include <inttypes.h>
#include <stdio.h>

#include "cmd/advice.h"
#include "cmd/render/json.h"
#include "cmd/render/units.h"
#include "core/base/cleanup.h"

enum {
	CAN_NOT_TELL = 2, /**< exit status */
};

static json_t *share_json(const char *unit, const struct hc_share_missing *share)
{
	return json_pack("{so so so}", unit, hc_json_number(share->expected), "missing",
			 hc_json_number(share->missing), "missing_share",
			 hc_json_share(hc_share(share->missing, share->expected)));
}

json_t *hc_lost_convention_json(const struct hc_convention *convention)
{
	return json_pack("{so so so so}", "size",
			 convention->size ? hc_json_number(convention->size) : json_null(),
			 "offset", hc_json_number(convention->offset), "chunks",
			 hc_json_number(convention->chunks), "others",
			 hc_json_number(convention->others));
}

static json_t *tagged_json(const struct hc_tagged *tagged)
{
	if (!tagged->found)
		return json_null();
	return json_pack("{so so so so}", "size",
			 tagged->size ? hc_json_number(tagged->size) : json_null(), "offset",
			 hc_json_number(tagged->offset), "chunks", hc_json_number(tagged->chunks),
			 "bytes", hc_json_number(tagged->bytes));
}

void hc_lost_add_json(json_t *document, const struct hc_heap *heap,
		      const struct hc_reach_stats *reach)
{
	json_t *conventions = json_array();

	const struct hc_missing *missing = &reach->missing;
	json_t *roots = json_object();

	for (int kind = 0; kind < HC_ROOT_PIN; kind++)
		json_object_set_new(roots, hc_root_kind_name(kind),
				    share_json(kind == HC_ROOT_REGISTER ? "threads" : "bytes",
					       &missing->roots[kind]));
	json_object_set_new(roots, "left_out", hc_json_number(missing->left_out));
	json_object_set_new(roots, "chunks", share_json("bytes", &missing->chunks));
	json_object_set_new(roots, "unwalked", hc_json_number(missing->unwalked));
	json_object_set_new(document, "upper_bound", json_boolean(hc_missing_upper_bound(missing)));
	json_object_set_new(document, "lost_known",
			    json_string(hc_lost_known_name(missing->known)));
	json_object_set_new(document, "roots", roots);
	for (size_t i = 0; heap && i < heap->num_conventions; i++)
		json_array_append_new(conventions, hc_lost_convention_json(&heap->conventions[i]));
	json_object_set_new(document, "conventions", conventions);
	json_object_set_new(document, "tagged", tagged_json(&reach->tagged));
	json_object_set_new(document, "in_flight",
			    json_pack("{so so}", "threads", hc_json_number(reach->inflight_threads),
				      "chunks", hc_json_number(reach->inflight_chunks)));
}

/** Write "68 of 132 KiB of stacks" for each kind that is missing. */
static void write_kinds(FILE *file, const struct hc_missing *missing)
{
	static const char *const what[] = {
		[HC_ROOT_STACK] = "stacks",
		[HC_ROOT_TLS] = "thread-local variables",
		[HC_ROOT_DATA] = "the program's variables",
		[HC_ROOT_OTHER] = "other writable memory",
	};
	const struct hc_share_missing *registers = &missing->roots[HC_ROOT_REGISTER];
	const char *comma = "";

	for (int kind = HC_ROOT_STACK; kind <= HC_ROOT_OTHER; kind++) {
		const struct hc_share_missing *share = &missing->roots[kind];

		if (!share->missing)
			continue;
		fprintf(file, "%s%s of %s", comma,
			hc_unit_share(hc_share(share->missing, share->expected)).text, what[kind]);
		comma = ", ";
	}
	if (registers->missing) {
		fprintf(file, "%sregisters of at least %" PRIu64 " thread%s", comma,
			registers->missing, registers->missing == 1 ? "" : "s");
		comma = ", ";
	}
	if (*comma)
		return;
	if (missing->chunks.missing) {
		fprintf(file, "%s of chunks that are in use",
			hc_unit_bytes(missing->chunks.missing).text);
		comma = ", ";
	}
	if (missing->unwalked)
		fprintf(file, "%s%s of heaps", comma, hc_unit_bytes(missing->unwalked).text);
}

char *hc_lost_missing_text(const struct hc_missing *missing)
{
	char *text = NULL;
	size_t size;

	if (!hc_missing_upper_bound(missing))
		return NULL;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	write_kinds(file, missing);
	if (fclose(file)) {
		free(text);
		return NULL;
	}
	return text;
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
		text = hc_lost_missing_text(missing);
		len = asprintf(
			&message,
			"can't tell whether more than %s is lost: the core lacks %s; at most "
			"%s is; take a complete core",
			hc_unit_bytes(limit).text, text ? text : "memory that may hold it",
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
