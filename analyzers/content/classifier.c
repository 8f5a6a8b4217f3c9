/**
 * @file
 * Trying the signatures in the order of precedence.
 *
 * Speed comes from not calling PCRE2: a chunk without a run of text never gets to the patterns of
 * text, and a run only meets those that may begin with its first byte and whose required literal it
 * holds (literal_set.h). Patterns of bytes are filed by their first byte too. Nothing is allocated
 * for a chunk.
 */
#include "analyzers/content/classifier.h"

#include "analyzers/content/signature_set.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

/** One pattern of one class, or its check. */
struct entry {
	hc_class_id class_id;
	const struct hc_signature *signature;
	const struct hc_signature_pattern *pattern; /* NULL: the check */
	uint32_t needed, literals; /* what it must hold: lists of hc_classifier::literals */
};

/** What may begin with each byte, in the order of precedence. */
struct by_first {
	uint64_t pairs[65536 / 64]; /* bit per two bytes (the first is the high one) that something
				       may begin with */
	uint32_t start[257];        /* into entries */
	uint32_t literals[256];     /* that these entries have, all together */
	struct entry *entries;
};

struct hc_classifier {
	const struct hc_signatures *signatures;
	struct hc_literal_set *literals;
	struct by_first runs;    /* of text */
	struct by_first starts;  /* of chunks */
	struct by_first headers; /* at one of hc_header_offsets */
	struct entry *anywhere;  /* patterns of bytes without an anchor */
	size_t num_anywhere, anywhere_literals;
	struct entry *checks; /* of bytes */
	size_t num_checks;
	hc_class_id zero, text, utf8; /* HC_CLASS_NONE: there is none */
	struct hc_ranges mapped;      /* what a pointer may point to */
	unsigned word_size;
	bool big_endian;
};

struct hc_classifier_scratch {
	struct hc_signature_match match;
	struct hc_literal_scan *literals;
};

/* --- Making it --- */

void hc_classifier_destroy(struct hc_classifier *classifier)
{
	if (!classifier)
		return;
	hc_literal_set_destroy(classifier->literals);
	free(classifier->runs.entries);
	free(classifier->starts.entries);
	free(classifier->headers.entries);
	free(classifier->anywhere);
	free(classifier->checks);
	free(classifier->mapped.items);
	free(classifier);
}

static void classifier_destroyp(struct hc_classifier **classifier)
{
	hc_classifier_destroy(*classifier);
}

static bool may_begin(const struct hc_signature *signature,
		      const struct hc_signature_pattern *pattern, uint8_t byte)
{
	if (!pattern)
		return strchr(signature->check->first, byte);
	return signature->anchor == HC_ANCHOR_ANYWHERE ||
	       (pattern->first[byte / 64] >> byte % 64 & 1);
}

/** Whether an entry belongs to a table. */
typedef bool (*wanted_fn)(const struct hc_signature *signature);

static bool is_run(const struct hc_signature *signature)
{
	return signature->about.kind == HC_SIGNATURE_TEXT ||
	       (signature->check && signature->check->role == HC_CHECK_RUN);
}

static bool is_start(const struct hc_signature *signature)
{
	return signature->about.kind == HC_SIGNATURE_BYTES && signature->anchor == HC_ANCHOR_START;
}

static bool is_header(const struct hc_signature *signature)
{
	return signature->about.kind == HC_SIGNATURE_BYTES && signature->anchor == HC_ANCHOR_HEADER;
}

static bool is_anywhere(const struct hc_signature *signature)
{
	return signature->about.kind == HC_SIGNATURE_BYTES &&
	       signature->anchor == HC_ANCHOR_ANYWHERE;
}

static bool is_bytes_check(const struct hc_signature *signature)
{
	return signature->check && signature->check->role == HC_CHECK_BYTES;
}

/** Lists of literals that a signature has: those needed besides, then those of each pattern. */
static size_t num_lists(const struct hc_signature *signature)
{
	return 1 + signature->num_patterns;
}

/** Gather the literals of all signatures. */
static struct hc_error *gather_literals(struct hc_classifier *classifier,
					enum hc_literal_engine engine)
{
	const struct hc_signatures *signatures = classifier->signatures;
	hc_cleanup_free const struct hc_literals **lists = NULL;
	size_t num = 0;

	for (size_t i = 0; i < signatures->num_classes; i++)
		num += num_lists(&signatures->classes[i]);
	lists = calloc(num + 1, sizeof(*lists));
	if (!lists)
		return &hc_enomem;
	num = 0;
	for (size_t i = 0; i < signatures->num_classes; i++) {
		const struct hc_signature *signature = &signatures->classes[i];

		lists[num++] = &signature->needed;
		for (size_t k = 0; k < signature->num_patterns; k++)
			lists[num++] = &signature->patterns[k].literals;
	}
	return hc_literal_set_create(lists, num, engine, &classifier->literals);
}

/**
 * Collect the patterns and checks of the wanted signatures that may begin with @p byte (negative:
 * all).
 *
 * @param[out] entries room for all of them; NULL: only count
 */
static size_t collect(const struct hc_signatures *signatures, wanted_fn wanted, int byte,
		      struct entry *entries)
{
	size_t num = 0, list = num_lists(&signatures->classes[0]);

	/* "other" is what remains. */
	for (size_t i = 1; i < signatures->num_classes;
	     list += num_lists(&signatures->classes[i++])) {
		const struct hc_signature *signature = &signatures->classes[i];

		for (size_t k = 0;
		     wanted(signature) && k < signature->num_patterns + !!signature->check; k++) {
			const struct hc_signature_pattern *pattern =
				signature->check ? NULL : &signature->patterns[k];

			if (byte >= 0 && !may_begin(signature, pattern, byte))
				continue;
			if (entries)
				entries[num] =
					(struct entry){i, signature, pattern, list, list + 1 + k};
			num++;
		}
	}
	return num;
}

/** Literals of some entries, those that are needed besides too. */
static size_t count_literals(const struct entry *entries, size_t num)
{
	size_t literals = 0;

	for (size_t i = 0; i < num; i++) {
		literals += entries[i].signature->needed.num;
		if (entries[i].pattern)
			literals += entries[i].pattern->literals.num;
	}
	return literals;
}

static struct hc_error *file_by_first(const struct hc_signatures *signatures, wanted_fn wanted,
				      struct by_first *ret)
{
	size_t num = 0;

	for (unsigned byte = 0; byte < 256; byte++)
		num += collect(signatures, wanted, byte, NULL);
	ret->entries = calloc(num + 1, sizeof(*ret->entries));
	if (!ret->entries)
		return &hc_enomem;
	num = 0;
	for (unsigned byte = 0; byte < 256; byte++) {
		ret->start[byte] = num;
		num += collect(signatures, wanted, byte, ret->entries + num);
	}
	ret->start[256] = num;
	for (unsigned byte = 0; byte < 256; byte++)
		ret->literals[byte] = count_literals(ret->entries + ret->start[byte],
						     ret->start[byte + 1] - ret->start[byte]);
	return NULL;
}

static struct hc_error *list_all(const struct hc_signatures *signatures, wanted_fn wanted,
				 struct entry **ret, size_t *num_ret)
{
	*num_ret = collect(signatures, wanted, -1, NULL);
	*ret = calloc(*num_ret + 1, sizeof(**ret));
	if (!*ret)
		return &hc_enomem;
	collect(signatures, wanted, -1, *ret);
	return NULL;
}

static void set_pair(struct by_first *table, unsigned first, unsigned second)
{
	table->pairs[first << 2 | second >> 6] |= UINT64_C(1) << (second & 63);
}

static bool has_pair(const struct by_first *table, unsigned first, unsigned second)
{
	return table->pairs[first << 2 | second >> 6] >> (second & 63) & 1;
}

/** More first bytes than this are not worth the time to ask for the second ones. */
#define MAX_ASKED 32

/**
 * Ask PCRE2 which two bytes the patterns of a table may begin with: a partial match says that more
 * might make it a whole one.
 */
static struct hc_error *find_pairs(struct by_first *table)
{
	hc_cleanup(hc_signature_match_deinit) struct hc_signature_match match = {0};
	struct hc_error *err = hc_signature_match_init(&match);

	for (unsigned first = 0; !err && first < 256; first++) {
		for (size_t i = table->start[first]; i < table->start[first + 1]; i++) {
			const struct hc_signature_pattern *pattern = table->entries[i].pattern;
			unsigned asked = 0;

			for (unsigned k = 0; k < 4; k++)
				asked += __builtin_popcountll(pattern->first[k]);
			for (unsigned second = 0; second < 256; second++) {
				const uint8_t bytes[] = {first, second};

				if (asked > MAX_ASKED ||
				    pcre2_match(pattern->code, bytes, sizeof(bytes), 0,
						PCRE2_PARTIAL_HARD, match.data,
						match.context) != PCRE2_ERROR_NOMATCH)
					set_pair(table, first, second);
			}
		}
	}
	return err;
}

/** The class with a check that the classifier makes itself. */
static hc_class_id find_role(const struct hc_signatures *signatures, enum hc_check_role role)
{
	for (size_t i = 0; i < signatures->num_classes; i++) {
		const struct hc_check *check = signatures->classes[i].check;

		if (check && check->role == role)
			return i;
	}
	return HC_CLASS_NONE;
}

static struct hc_error *file_signatures(struct hc_classifier *classifier)
{
	const struct hc_signatures *signatures = classifier->signatures;
	struct hc_error *err = file_by_first(signatures, is_run, &classifier->runs);

	if (!err)
		err = file_by_first(signatures, is_start, &classifier->starts);
	if (!err)
		err = file_by_first(signatures, is_header, &classifier->headers);
	if (!err)
		err = find_pairs(&classifier->starts);
	if (!err)
		err = find_pairs(&classifier->headers);
	if (!err)
		err = list_all(signatures, is_anywhere, &classifier->anywhere,
			       &classifier->num_anywhere);
	if (!err)
		err = list_all(signatures, is_bytes_check, &classifier->checks,
			       &classifier->num_checks);
	classifier->anywhere_literals =
		count_literals(classifier->anywhere, classifier->num_anywhere);
	classifier->zero = find_role(signatures, HC_CHECK_ZERO);
	classifier->text = find_role(signatures, HC_CHECK_TEXT);
	classifier->utf8 = find_role(signatures, HC_CHECK_UTF8);
	return err;
}

/** Remember what is mapped and accessible, neighbours merged. */
static struct hc_error *collect_mapped(struct hc_classifier *classifier,
				       const struct hc_mappings *mappings)
{
	struct hc_ranges *mapped = &classifier->mapped;

	mapped->items = calloc(mappings->num ? mappings->num : 1, sizeof(*mapped->items));
	if (!mapped->items)
		return &hc_enomem;
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];

		if (!mapping->flags)
			continue;
		if (mapped->num && mapped->items[mapped->num - 1].end == mapping->start)
			mapped->items[mapped->num - 1].end = mapping->end;
		else
			mapped->items[mapped->num++] =
				(struct hc_range){mapping->start, mapping->end};
	}
	return NULL;
}

struct hc_error *hc_classifier_create(const struct hc_process *process, const struct hc_heap *heap,
				      const struct hc_signatures *signatures,
				      enum hc_literal_engine engine, struct hc_classifier **ret)
{
	hc_cleanup(classifier_destroyp) struct hc_classifier *classifier =
		calloc(1, sizeof(*classifier));

	if (!classifier)
		return &hc_enomem;
	classifier->signatures = signatures;
	classifier->word_size = heap ? heap->word_size : process->memory.word_size;
	classifier->big_endian = process->memory.big_endian;
	struct hc_error *err = file_signatures(classifier);
	if (!err)
		err = gather_literals(classifier, engine);

	if (!err)
		err = collect_mapped(classifier, &process->mappings);
	if (err)
		return err;
	*ret = hc_steal(classifier);
	return NULL;
}

const struct hc_signatures *hc_classifier_signatures(const struct hc_classifier *classifier)
{
	return classifier->signatures;
}

const char *hc_classifier_prefilter(const struct hc_classifier *classifier)
{
	return hc_literal_set_has_scanner(classifier->literals) ? hc_literal_scanner_version()
								: "literals";
}

const struct hc_class *hc_class_of(const struct hc_classifier *classifier, hc_class_id class_id)
{
	return hc_signatures_class(classifier->signatures, class_id);
}

void hc_classifier_scratch_destroy(struct hc_classifier_scratch *scratch)
{
	if (!scratch)
		return;
	hc_signature_match_deinit(&scratch->match);
	hc_literal_scan_destroy(scratch->literals);
	free(scratch);
}

struct hc_error *hc_classifier_scratch_create(const struct hc_classifier *classifier,
					      struct hc_classifier_scratch **ret)
{
	struct hc_classifier_scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return &hc_enomem;
	struct hc_error *err = hc_signature_match_init(&scratch->match);

	if (!err)
		err = hc_literal_scan_create(classifier->literals, &scratch->literals);
	if (err) {
		hc_classifier_scratch_destroy(scratch);
		return err;
	}
	*ret = scratch;
	return NULL;
}

/* --- One chunk --- */

/** What was recognised, and where in the window. */
struct recognised {
	hc_class_id class_id;
	const struct hc_signature_pattern *pattern; /* NULL: a check */
	struct hc_bytes subject;                    /* what the pattern looked at */
	size_t start;                               /* in @ref subject: where what it says begins */
};

static bool holds_any(struct hc_bytes subject, const struct hc_literals *literals)
{
	for (size_t i = 0; i < literals->num; i++) {
		if (hc_literal_find(&literals->items[i], literals->ignore_case, subject, 0) !=
		    SIZE_MAX)
			return true;
	}
	return !literals->num;
}

/** Where the match that was found last begins. */
static size_t match_start(const struct hc_classifier_scratch *scratch, struct hc_bytes subject)
{
	const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(scratch->match.data);

	return offsets[0] < subject.size ? offsets[0] : 0;
}

/** @param subject is what hc_literal_scan_begin() was told */
static bool entry_matches(const struct entry *entry, struct hc_classifier_scratch *scratch,
			  struct hc_bytes subject)
{
	const struct hc_signature *signature = entry->signature;

	if (signature->max_size && subject.size > signature->max_size)
		return false;
	if (!entry->pattern)
		return signature->check->run(subject);
	if (subject.size < entry->pattern->min_size)
		return false;
	return hc_literal_scan_holds(scratch->literals, entry->needed) &&
	       hc_literal_scan_holds(scratch->literals, entry->literals) &&
	       hc_signature_pattern_match(entry->pattern, &scratch->match, subject, 0);
}

/** Set @p best to the class that the patterns give a run, if it precedes. */
static void match_run(const struct hc_classifier *classifier, struct hc_classifier_scratch *scratch,
		      struct hc_bytes text, enum hc_evidence evidence, struct recognised *best)
{
	const struct by_first *runs = &classifier->runs;
	bool marks_known = false;
	unsigned marks = 0;

	hc_literal_scan_begin(scratch->literals, text, runs->literals[text.data[0]]);
	for (size_t i = runs->start[text.data[0]]; i < runs->start[text.data[0] + 1]; i++) {
		const struct entry *entry = &runs->entries[i];

		if (!hc_class_precedes(entry->class_id, best->class_id))
			return;
		if (evidence <
		    (entry->pattern ? entry->pattern->evidence : entry->signature->evidence))
			continue;
		if (!marks_known && entry->pattern && entry->pattern->marks) {
			marks = hc_text_marks(text);
			marks_known = true;
		}
		if (entry->pattern && entry->pattern->marks & ~marks)
			continue;
		if (!entry_matches(entry, scratch, text))
			continue;
		*best = (struct recognised){
			.class_id = entry->class_id,
			.pattern = entry->pattern,
			.subject = text,
			.start = entry->pattern ? match_start(scratch, text) : 0,
		};
		return;
	}
}

/**
 * A short sds string of Redis has its length, times eight, in the byte before the text, which may
 * itself look like text. Step over it when it can't be the first character of a key.
 */
static void strip_sds_length(struct hc_bytes window, struct hc_text_run *run)
{
	uint8_t first = window.data[run->start];
	uint8_t lower = first | 0x20;

	if (run->size > HC_TEXT_MIN_SIZE && first == (run->size - 1) << 3 &&
	    !(lower >= 'a' && lower <= 'z')) {
		run->start++;
		run->size--;
	}
}

static enum hc_evidence evidence_of_run(const struct hc_classifier *classifier,
					struct hc_bytes window, const struct hc_text_run *run)
{
	if (hc_run_is_text(window, run, &classifier->mapped, classifier->word_size,
			   classifier->big_endian))
		return HC_EVIDENCE_WHOLE;
	if (hc_run_is_field(window, run, &classifier->mapped, classifier->word_size,
			    classifier->big_endian))
		return HC_EVIDENCE_FIELD;
	return HC_EVIDENCE_ANY;
}

/** The best class that the runs of text give a window; HC_CLASS_OTHER when there is none. */
static struct recognised recognise_text(const struct hc_classifier *classifier,
					struct hc_classifier_scratch *scratch,
					struct hc_bytes window)
{
	struct hc_text_run runs[HC_MAX_TEXT_RUNS];
	size_t num = hc_text_runs(window, runs);
	struct recognised best = {.class_id = HC_CLASS_OTHER};

	for (size_t i = 0; i < num; i++) {
		struct hc_text_run *run = &runs[i];
		if (!hc_run_leave_pointer(window, run, &classifier->mapped, classifier->word_size,
					  classifier->big_endian))
			continue;
		enum hc_evidence evidence = evidence_of_run(classifier, window, run);

		/* What lies behind a text is slack, not a field. */
		if (evidence == HC_EVIDENCE_FIELD && best.class_id != HC_CLASS_OTHER)
			evidence = HC_EVIDENCE_ANY;
		if (run->ended)
			strip_sds_length(window, run);
		struct hc_bytes text = {window.data + run->start, run->size};
		hc_class_id plain = run->utf8 ? classifier->utf8 : classifier->text;

		if (evidence == HC_EVIDENCE_WHOLE && plain != HC_CLASS_NONE &&
		    hc_class_precedes(plain, best.class_id))
			best = (struct recognised){.class_id = plain, .subject = text};
		match_run(classifier, scratch, text, evidence, &best);
	}
	return best;
}

/** Try patterns that must begin at @p offset of the window. */
static void match_at(const struct by_first *table, struct hc_classifier_scratch *scratch,
		     struct hc_bytes window, size_t offset, struct recognised *best)
{
	uint8_t first = window.data[offset];

	for (size_t i = table->start[first]; i < table->start[first + 1]; i++) {
		const struct entry *entry = &table->entries[i];

		if (!hc_class_precedes(entry->class_id, best->class_id))
			return;
		/* A match that must begin here fails sooner than a search for its literals. */
		if (hc_signature_pattern_match(entry->pattern, &scratch->match, window, offset) &&
		    holds_any(window, &entry->signature->needed)) {
			*best = (struct recognised){entry->class_id, entry->pattern, window,
						    offset};
			return;
		}
	}
}

/** Set @p best to the class that patterns of bytes and checks give a chunk, if it precedes. */
static void recognise_bytes(const struct hc_classifier *classifier,
			    struct hc_classifier_scratch *scratch,
			    const struct hc_check_subject *subject, struct recognised *best)
{
	struct hc_bytes window = subject->window;

	if (!window.size)
		return;
	/* No chunk is that small. */
	if (window.size < 2)
		return;
	if (has_pair(&classifier->starts, window.data[0], window.data[1]))
		match_at(&classifier->starts, scratch, window, 0, best);
	for (size_t i = 0; i < hc_num_header_offsets && hc_header_offsets[i] + 1 < window.size;
	     i++) {
		size_t offset = hc_header_offsets[i];

		if (has_pair(&classifier->headers, window.data[offset], window.data[offset + 1]))
			match_at(&classifier->headers, scratch, window, offset, best);
	}
	hc_literal_scan_begin(scratch->literals, window, classifier->anywhere_literals);
	for (size_t i = 0; i < classifier->num_anywhere; i++) {
		const struct entry *entry = &classifier->anywhere[i];

		if (!hc_class_precedes(entry->class_id, best->class_id))
			break;
		if (entry_matches(entry, scratch, window))
			*best = (struct recognised){entry->class_id, entry->pattern, window,
						    match_start(scratch, window)};
	}
	for (size_t i = 0; i < classifier->num_checks; i++) {
		const struct entry *entry = &classifier->checks[i];

		if (!hc_class_precedes(entry->class_id, best->class_id))
			break;
		if (entry->signature->check->bytes(subject))
			*best = (struct recognised){entry->class_id, NULL, window, 0};
	}
}

static struct recognised recognise(const struct hc_classifier *classifier,
				   struct hc_classifier_scratch *scratch, struct hc_bytes bytes)
{
	struct hc_check_subject subject = {bytes, bytes.size, &classifier->mapped,
					   classifier->word_size, classifier->big_endian};

	if (subject.window.size > HC_CLASSIFY_WINDOW)
		subject.window.size = HC_CLASSIFY_WINDOW;
	if (classifier->zero != HC_CLASS_NONE && hc_is_zero(bytes))
		return (struct recognised){.class_id = classifier->zero, .subject = subject.window};
	struct recognised best = recognise_text(classifier, scratch, subject.window);

	recognise_bytes(classifier, scratch, &subject, &best);
	return best;
}

hc_class_id hc_classify(const struct hc_classifier *classifier,
			struct hc_classifier_scratch *scratch, struct hc_bytes bytes)
{
	return recognise(classifier, scratch, bytes).class_id;
}

struct hc_bytes hc_class_sample(const struct hc_classifier *classifier,
				struct hc_classifier_scratch *scratch, hc_class_id class_id,
				struct hc_bytes bytes)
{
	if (!hc_class_of(classifier, class_id)->textual)
		return bytes;

	struct recognised text = recognise(classifier, scratch, bytes);
	if (text.class_id != class_id)
		return bytes;
	return (struct hc_bytes){text.subject.data + text.start, text.subject.size - text.start};
}

/** Take the groups of the match that was found last; what another pattern gave stays. */
static void take_groups(const struct hc_signature_pattern *pattern,
			const struct hc_classifier_scratch *scratch, struct hc_bytes subject,
			struct hc_bytes values[HC_MAX_ATTRIBUTES])
{
	const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(scratch->match.data);

	for (size_t i = 0; i < pattern->num_groups; i++) {
		const struct hc_group *group = &pattern->groups[i];
		PCRE2_SIZE start = offsets[2 * group->number], end = offsets[2 * group->number + 1];

		if (values[group->attribute].data || start == PCRE2_UNSET || start > end ||
		    end > subject.size)
			continue;
		values[group->attribute] = (struct hc_bytes){subject.data + start, end - start};
	}
}

hc_class_id hc_class_values(const struct hc_classifier *classifier,
			    struct hc_classifier_scratch *scratch, struct hc_bytes bytes,
			    struct hc_bytes values[HC_MAX_ATTRIBUTES])
{
	struct recognised found = recognise(classifier, scratch, bytes);
	const struct hc_signature *signature = &classifier->signatures->classes[found.class_id];
	struct hc_bytes content = found.subject;

	memset(values, 0, HC_MAX_ATTRIBUTES * sizeof(*values));
	if (!signature->about.num_attributes || !content.size)
		return found.class_id;
	/* Later tries have overwritten the match. */
	size_t from = signature->about.kind == HC_SIGNATURE_BYTES ? found.start : 0;
	if (found.pattern && found.pattern->num_groups &&
	    hc_signature_pattern_match(found.pattern, &scratch->match, content, from))
		take_groups(found.pattern, scratch, content, values);
	for (size_t i = 0; i < signature->num_extra; i++) {
		const struct hc_signature_pattern *extra = &signature->extra[i];

		if (holds_any(content, &extra->literals) &&
		    hc_signature_pattern_match(extra, &scratch->match, content, found.start))
			take_groups(extra, scratch, content, values);
	}
	return found.class_id;
}
