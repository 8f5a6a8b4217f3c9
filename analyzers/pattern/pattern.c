/**
 * @file
 * Compiling patterns and matching one subject.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "analyzers/pattern/pattern.h"

#include <pcre2.h>

#include "analyzers/pattern/byte_set.h"
#include "analyzers/pattern/pattern_text.h"
#include "core/base/cleanup.h"

/** Stack of the JIT's code, bytes: what it starts with and where it gives up. */
#define JIT_STACK_START (32u << 10)
#define JIT_STACK_MAX (8u << 20)
/** The same for one more try in a long subject: for each of its bytes, and at most. */
#define JIT_STACK_PER_BYTE 64
#define JIT_STACK_LAST (256u << 20)
/** How much more each of these tries may cost than the one before, and be off by. */
#define LIMIT_STEP 8
/** A part that was given up is cut into so many, then each of these. */
#define PART_CUT 64
/** Heap of the interpreter, for patterns that the JIT can't compile, KiB. */
#define HEAP_LIMIT (64u << 10)

struct hc_pattern {
	pcre2_code *code;
	bool jit;
	bool has_group;
	size_t min_length; /**< bytes that a match has at least */
	size_t min_run;    /**< runs of printable characters instead of an expression; 0: no */
	struct hc_literals literals;
	bool exact;     /**< the pattern is its one literal, and nothing else */
	bool has_first; /**< every match begins with one of these: */
	struct hc_byte_set first;
};

struct hc_matcher {
	const struct hc_pattern *pattern;
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	size_t skip; /**< bytes to give up next time; 0: the limit was not hit yet */
	unsigned num_skips;
	uint64_t budget; /**< left for tries above HC_MATCH_LIMIT; valid when @ref skip isn't 0 */
};

void hc_pattern_destroy(struct hc_pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_code_free(pattern->code);
	free(pattern);
}

static void pattern_destroyp(struct hc_pattern **pattern)
{
	hc_pattern_destroy(*pattern);
}

static void compile_context_freep(pcre2_compile_context **context)
{
	pcre2_compile_context_free(*context);
}

static struct hc_error *compile_error(const char *text, int code, size_t offset)
{
	PCRE2_UCHAR message[256];

	if (code == PCRE2_ERROR_HEAP_FAILED)
		return &hc_enomem;
	if (pcre2_get_error_message(code, message, sizeof(message)) < 0)
		snprintf((char *)message, sizeof(message), "PCRE2 error %d", code);
	return hc_error_create(HC_ERROR_ARGUMENT, "bad pattern '%.100s', at offset %zu: %s", text,
			       offset, (const char *)message);
}

static struct hc_error *compile_code(const char *text, const char *shown,
				     const struct hc_pattern_options *options, pcre2_code **ret)
{
	hc_cleanup(compile_context_freep) pcre2_compile_context *context =
		pcre2_compile_context_create(NULL);
	uint32_t flags = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_USE_OFFSET_LIMIT;
	int code;
	PCRE2_SIZE offset;

	if (!context)
		return &hc_enomem;
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	if (options->ignore_case)
		flags |= PCRE2_CASELESS;
	*ret = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, flags, &code, &offset,
			     context);
	return *ret ? NULL : compile_error(shown, code, offset);
}

/** A letter that PCRE2 names as the first byte may stand for both cases. */
static void add_both_cases(struct hc_byte_set *set, uint8_t byte)
{
	set->has[byte] = true;
	if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z')
		set->has[byte ^ 0x20] = true;
}

/**
 * Which bytes a match can begin with, as PCRE2 knows it: its own search for a place to start makes
 * use of the same.
 */
static void find_first_bytes(struct hc_pattern *pattern)
{
	struct hc_byte_set *set = &pattern->first;
	const uint8_t *bitmap = NULL;
	uint32_t type = 0, unit = 0;

	pcre2_pattern_info(pattern->code, PCRE2_INFO_FIRSTCODETYPE, &type);
	if (type == 1) {
		pcre2_pattern_info(pattern->code, PCRE2_INFO_FIRSTCODEUNIT, &unit);
		add_both_cases(set, unit);
	} else {
		pcre2_pattern_info(pattern->code, PCRE2_INFO_FIRSTBITMAP, &bitmap);
		for (unsigned i = 0; bitmap && i < 256; i++)
			set->has[i] = bitmap[i / 8] >> i % 8 & 1;
	}
	hc_byte_set_finish(set);
	pattern->has_first = type == 1 || bitmap;
}

/** Literals one of which is in every match of any of the patterns; none when one has none. */
static void add_literals(struct hc_literals *all, const char *text,
			 const struct hc_pattern_options *options, bool first)
{
	const struct hc_pattern_options translated = {.ignore_case = options->ignore_case};
	struct hc_literals more;

	hc_literals_extract(text, &translated, &more);
	if (first) {
		*all = more;
	} else if (!all->num || !more.num || all->num + more.num > HC_MAX_LITERALS) {
		all->num = 0;
	} else {
		memcpy(all->items + all->num, more.items, more.num * sizeof(*more.items));
		all->num += more.num;
	}
}

static struct hc_error *finish_pattern(struct hc_pattern *pattern)
{
	uint32_t groups = 0, min_length = 0;

	pattern->jit = pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0;
	pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	pcre2_pattern_info(pattern->code, PCRE2_INFO_MINLENGTH, &min_length);
	pattern->has_group = groups > 0;
	pattern->min_length = min_length;
	find_first_bytes(pattern);
	return NULL;
}

struct text_list {
	char **items;
	size_t num;
};

static void text_list_deinit(struct text_list *list)
{
	for (size_t i = 0; list->items && i < list->num; i++)
		free(list->items[i]);
	free(list->items);
}

/** Translate all patterns, read their literals, and have PCRE2 judge each by itself. */
static struct hc_error *translate_all(const char *const *texts,
				      const struct hc_pattern_options *options,
				      struct text_list *list, struct hc_literals *literals)
{
	for (size_t i = 0; i < list->num; i++) {
		pcre2_code *code = NULL;
		struct hc_error *err = hc_pattern_translate(texts[i], options, &list->items[i]);

		if (!err)
			err = compile_code(list->items[i], texts[i], options, &code);
		pcre2_code_free(code);
		if (err)
			return err;
		add_literals(literals, list->items[i], options, i == 0);
	}
	return NULL;
}

/** Whether a translated pattern is a string of bytes, and one literal holds it whole. */
static bool is_plain(const char *text)
{
	size_t size = 0;

	for (; *text; size++) {
		/* Translating writes \xNN; what the user wrote otherwise PCRE2 reads. */
		if (text[0] == '\\' && text[1] == 'x' && text[2] &&
		    strchr("0123456789abcdef", text[2]) && text[3] &&
		    strchr("0123456789abcdef", text[3]))
			text += 4;
		else if (strchr("\\^$.[|()?*+{", *text))
			return false;
		else
			text++;
	}
	return size && size <= HC_MAX_LITERAL_SIZE;
}

struct hc_error *hc_pattern_compile_any(const char *const *texts, size_t num,
					const struct hc_pattern_options *options,
					struct hc_pattern **ret)
{
	hc_cleanup(pattern_destroyp) struct hc_pattern *pattern = calloc(1, sizeof(*pattern));
	hc_cleanup(text_list_deinit) struct text_list list = {calloc(num, sizeof(char *)), num};
	hc_cleanup_free char *joined = NULL;

	if (!pattern || !list.items)
		return &hc_enomem;
	struct hc_error *err = translate_all(texts, options, &list, &pattern->literals);
	if (!err)
		err = hc_pattern_join(list.items, num, options, &joined);
	if (!err)
		err = compile_code(joined, joined, options, &pattern->code);
	if (!err)
		err = finish_pattern(pattern);
	if (err)
		return err;
	pattern->exact = num == 1 && !options->word && is_plain(list.items[0]);
	*ret = hc_steal(pattern);
	return NULL;
}

struct hc_error *hc_pattern_compile(const char *text, const struct hc_pattern_options *options,
				    struct hc_pattern **ret)
{
	return hc_pattern_compile_any(&text, 1, options, ret);
}

struct hc_error *hc_pattern_compile_runs(size_t min, struct hc_pattern **ret)
{
	struct hc_pattern *pattern = calloc(1, sizeof(*pattern));

	if (!pattern)
		return &hc_enomem;
	pattern->min_run = pattern->min_length = min ? min : 1;
	for (unsigned i = ' '; i < 0x7f; i++)
		pattern->first.has[i] = true;
	pattern->first.has['\t'] = true;
	hc_byte_set_finish(&pattern->first);
	*ret = pattern;
	return NULL;
}

const struct hc_literals *hc_pattern_literals(const struct hc_pattern *pattern)
{
	return &pattern->literals;
}

void hc_matcher_destroy(struct hc_matcher *matcher)
{
	if (!matcher)
		return;
	pcre2_match_data_free(matcher->data);
	pcre2_match_context_free(matcher->context);
	pcre2_jit_stack_free(matcher->stack);
	free(matcher);
}

struct hc_error *hc_matcher_create(const struct hc_pattern *pattern, struct hc_matcher **ret)
{
	struct hc_matcher *matcher = calloc(1, sizeof(*matcher));

	if (!matcher)
		return &hc_enomem;
	matcher->pattern = pattern;
	if (pattern->min_run) {
		*ret = matcher;
		return NULL;
	}
	matcher->data = pcre2_match_data_create(2, NULL);
	matcher->context = pcre2_match_context_create(NULL);
	if (pattern->jit)
		matcher->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
	if (!matcher->data || !matcher->context || (pattern->jit && !matcher->stack)) {
		hc_matcher_destroy(matcher);
		return &hc_enomem;
	}
	pcre2_set_match_limit(matcher->context, HC_MATCH_LIMIT);
	pcre2_set_heap_limit(matcher->context, HEAP_LIMIT);
	if (matcher->stack)
		pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
	*ret = matcher;
	return NULL;
}

static bool has_literal(const struct hc_literals *literals, struct hc_bytes subject)
{
	for (size_t i = 0; i < literals->num; i++) {
		if (hc_literal_find(&literals->items[i], literals->ignore_case, subject, 0) !=
		    SIZE_MAX)
			return true;
	}
	return false;
}

/** Hand out PCRE2's offsets; \K in a lookahead can put the start past the end. */
static void fill_match(const struct hc_matcher *matcher, struct hc_match *ret)
{
	const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(matcher->data);

	ret->tried = pcre2_get_startchar(matcher->data);
	ret->end = offsets[1];
	ret->start = offsets[0] < ret->end ? offsets[0] : ret->end;
	ret->group_start = ret->start;
	ret->group_end = ret->end;
	if (matcher->pattern->has_group && offsets[2] != PCRE2_UNSET && offsets[2] <= offsets[3]) {
		ret->group_start = offsets[2];
		ret->group_end = offsets[3];
	}
}

/** Next run of printable characters that is long enough and begins before @p to. */
static bool next_run(const struct hc_pattern *pattern, struct hc_bytes subject, size_t from,
		     size_t to, struct hc_match *ret)
{
	const bool *printable = pattern->first.has;

	for (size_t start = from; start < to && start < subject.size;) {
		start = hc_byte_set_find(&pattern->first, subject, start);
		if (start >= to)
			return false;
		size_t end = start + 1;
		while (end < subject.size && printable[subject.data[end]])
			end++;
		/* A run that goes on from before the part that is searched is not this part's. */
		bool whole = start > from || !from || !printable[subject.data[from - 1]];
		if (whole && end - start >= pattern->min_run) {
			*ret = (struct hc_match){start, end, start, start, end};
			return true;
		}
		start = end;
	}
	return false;
}

/** Next place of the literal that is the pattern. */
static bool next_exact(const struct hc_pattern *pattern, struct hc_bytes subject, size_t from,
		       size_t to, struct hc_match *ret)
{
	const struct hc_literal *literal = &pattern->literals.items[0];

	if (to < subject.size && subject.size - to >= literal->size)
		subject.size = to + literal->size - 1;
	size_t start = hc_literal_find(literal, pattern->literals.ignore_case, subject, from);
	if (start == SIZE_MAX)
		return false;
	*ret = (struct hc_match){start, start + literal->size, start, start, start + literal->size};
	return true;
}

enum outcome { NO_MATCH, MATCH, GAVE_UP };

/** Try at [from, to). */
static enum outcome try_part(struct hc_matcher *matcher, struct hc_bytes subject, size_t from,
			     size_t to)
{
	const struct hc_pattern *pattern = matcher->pattern;
	PCRE2_SPTR data = subject.data ? subject.data : (PCRE2_SPTR) "";
	int found;

	pcre2_set_offset_limit(matcher->context, to > subject.size ? PCRE2_UNSET : to - 1);
	if (pattern->jit)
		found = pcre2_jit_match(pattern->code, data, subject.size, from, 0, matcher->data,
					matcher->context);
	else
		found = pcre2_match(pattern->code, data, subject.size, from, 0, matcher->data,
				    matcher->context);
	/* Without UTF mode the only other errors are bounds: match limit, stack, heap. */
	return found >= 0 ? MATCH : found == PCRE2_ERROR_NOMATCH ? NO_MATCH : GAVE_UP;
}

/** Try at one place, above the usual limit. */
static enum outcome try_longer(struct hc_matcher *matcher, struct hc_bytes subject, size_t at,
			       uint64_t limit)
{
	pcre2_set_match_limit(matcher->context, limit < UINT32_MAX ? limit : UINT32_MAX);
	enum outcome outcome = try_part(matcher, subject, at, at + 1);
	pcre2_set_match_limit(matcher->context, HC_MATCH_LIMIT);
	matcher->budget -= limit;
	return outcome;
}

/**
 * Try at one place with as much work as a few passes through the subject are, and the stack for
 * them. In steps: what is taken from the budget is near to what was needed.
 */
static enum outcome try_hard(struct hc_matcher *matcher, struct hc_bytes subject, size_t at)
{
	uint64_t most = (uint64_t)subject.size * HC_MATCH_PASSES;
	size_t stack_size = subject.size < JIT_STACK_LAST / JIT_STACK_PER_BYTE
				    ? subject.size * JIT_STACK_PER_BYTE
				    : JIT_STACK_LAST;
	pcre2_jit_stack *stack = NULL;
	enum outcome outcome = GAVE_UP;

	if (matcher->stack && stack_size > JIT_STACK_MAX)
		stack = pcre2_jit_stack_create(JIT_STACK_START, stack_size, NULL);
	if (stack)
		pcre2_jit_stack_assign(matcher->context, NULL, stack);
	for (uint64_t limit = HC_MATCH_LIMIT; outcome == GAVE_UP && limit < most;) {
		limit = limit < most / LIMIT_STEP ? limit * LIMIT_STEP : most;
		if (limit > matcher->budget)
			break;
		outcome = try_longer(matcher, subject, at, limit);
	}
	if (stack) {
		pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
		pcre2_jit_stack_free(stack);
	}
	return outcome;
}

/** Whether one more try of a place could be longer than the one that was given up. */
static bool may_try_hard(const struct hc_matcher *matcher, struct hc_bytes subject)
{
	return (uint64_t)subject.size * HC_MATCH_PASSES > HC_MATCH_LIMIT &&
	       matcher->budget > HC_MATCH_LIMIT;
}

/**
 * Try again at a part that was given up: find the places that it was given up for, and give them
 * more.
 */
static enum outcome retry_part(struct hc_matcher *matcher, struct hc_bytes subject, size_t from,
			       size_t to)
{
	size_t size = (to - from + PART_CUT - 1) / PART_CUT;
	enum outcome outcome = NO_MATCH;

	for (; from < to && outcome == NO_MATCH; from += size) {
		size_t end = to - from > size ? from + size : to;

		if (!may_try_hard(matcher, subject))
			return GAVE_UP;
		outcome = try_part(matcher, subject, from, end);
		if (outcome != GAVE_UP)
			continue;
		outcome = size > 1 ? retry_part(matcher, subject, from, end)
				   : try_hard(matcher, subject, from);
	}
	return outcome;
}

void hc_matcher_restart(struct hc_matcher *matcher)
{
	matcher->skip = matcher->num_skips = 0;
}

/** The limit was hit for the first time in a subject, in [from, to). */
static void start_parts(struct hc_matcher *matcher, struct hc_bytes subject, size_t from, size_t to)
{
	matcher->skip = HC_MATCH_SKIP;
	matcher->budget = (uint64_t)(to - from) * HC_MATCH_BUDGET;
	/* A pattern that is tried at the start only passes through windows behind the first. */
	if (from == 0)
		matcher->budget += (uint64_t)subject.size * 2 * HC_MATCH_PASSES;
}

bool hc_matcher_next_within(struct hc_matcher *matcher, struct hc_bytes subject,
			    struct hc_match_window window, struct hc_match *ret, bool *limit_ret)
{
	const struct hc_pattern *pattern = matcher->pattern;
	size_t from = window.from, to = window.to;

	if (pattern->min_run)
		return next_run(pattern, subject, from, to, ret);
	if (pattern->exact)
		return next_exact(pattern, subject, from, to, ret);
	if (to > subject.size)
		to = subject.size + 1;
	while (from < to && subject.size - from >= pattern->min_length) {
		/* After the first failure in small parts, so that little is lost to the next. */
		size_t part =
			matcher->skip && to - from > matcher->skip ? from + matcher->skip : to;
		enum outcome outcome = try_part(matcher, subject, from, part);

		if (outcome == GAVE_UP && !matcher->skip) {
			/* Which place it was is unknown: go through the same again in parts. */
			start_parts(matcher, subject, from, to);
			continue;
		}
		if (outcome == GAVE_UP && may_try_hard(matcher, subject))
			outcome = retry_part(matcher, subject, from, part);
		if (outcome == MATCH) {
			fill_match(matcher, ret);
			return true;
		}
		from = part;
		if (outcome == NO_MATCH)
			continue;
		*limit_ret = true;
		if (++matcher->num_skips > HC_MATCH_SKIPS)
			matcher->skip *= 2;
	}
	return false;
}

bool hc_matcher_next(struct hc_matcher *matcher, struct hc_bytes subject, size_t from,
		     struct hc_match *ret, bool *limit_ret)
{
	const struct hc_pattern *pattern = matcher->pattern;

	if (from > subject.size || subject.size - from < pattern->min_length)
		return false;
	if (from == 0 && !pattern->exact) {
		/* Once a subject is known to be of interest, PCRE2's own scan is as good. */
		if (!hc_pattern_may_match(pattern, subject))
			return false;
		hc_matcher_restart(matcher);
	}
	return hc_matcher_next_within(matcher, subject, (struct hc_match_window){from, SIZE_MAX},
				      ret, limit_ret);
}

bool hc_pattern_may_match(const struct hc_pattern *pattern, struct hc_bytes subject)
{
	return pattern->exact || !pattern->literals.num || has_literal(&pattern->literals, subject);
}

bool hc_pattern_may_begin_with_nul(const struct hc_pattern *pattern)
{
	return !pattern->min_run && !(pattern->has_first && !pattern->first.has[0]);
}

bool hc_pattern_has_prefilter(const struct hc_pattern *pattern)
{
	return pattern->literals.num || pattern->has_first;
}

void hc_prefilter_init(struct hc_prefilter *prefilter, const struct hc_pattern *pattern,
		       struct hc_bytes bytes)
{
	prefilter->pattern = pattern;
	prefilter->bytes = bytes;
	prefilter->next = 0;
	if (pattern->literals.num)
		hc_literal_cursor_init(&prefilter->literals, &pattern->literals, bytes);
	else if (pattern->has_first)
		prefilter->next = hc_byte_set_find(&pattern->first, bytes, 0);
}

size_t hc_prefilter_next(struct hc_prefilter *prefilter, size_t from)
{
	const struct hc_pattern *pattern = prefilter->pattern;

	if (pattern->literals.num)
		return hc_literal_cursor_next(&prefilter->literals, from);
	if (!pattern->has_first)
		return from;
	if (prefilter->next < from)
		prefilter->next = hc_byte_set_find(&pattern->first, prefilter->bytes, from);
	return prefilter->next;
}
