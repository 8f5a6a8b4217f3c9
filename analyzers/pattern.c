/**
 * @file
 * Compiling patterns and matching one subject.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "analyzers/pattern.h"

#include <pcre2.h>

#include "core/cleanup.h"

/** Stack of the JIT's code, bytes: what it starts with and where it gives up. */
#define JIT_STACK_START (32u << 10)
#define JIT_STACK_MAX (8u << 20)
/** Heap of the interpreter, for patterns that the JIT can't compile, KiB. */
#define HEAP_LIMIT (64u << 10)

struct hc_pattern {
	pcre2_code *code;
	bool jit;
	bool has_group;
	size_t min_length; /**< bytes that a match has at least */
	struct hc_literals literals;
};

struct hc_matcher {
	const struct hc_pattern *pattern;
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
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

static struct hc_error *compile_code(const char *text, const struct hc_pattern_options *options,
				     pcre2_code **ret)
{
	hc_cleanup(compile_context_freep) pcre2_compile_context *context =
		pcre2_compile_context_create(NULL);
	uint32_t flags = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
	int code;
	PCRE2_SIZE offset;

	if (!context)
		return &hc_enomem;
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	if (options->literal)
		flags = PCRE2_LITERAL;
	if (options->ignore_case)
		flags |= PCRE2_CASELESS;
	*ret = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, flags, &code, &offset,
			     context);
	return *ret ? NULL : compile_error(text, code, offset);
}

struct hc_error *hc_pattern_compile(const char *text, const struct hc_pattern_options *options,
				    struct hc_pattern **ret)
{
	hc_cleanup(pattern_destroyp) struct hc_pattern *pattern = calloc(1, sizeof(*pattern));
	uint32_t groups = 0, min_length = 0;

	if (!pattern)
		return &hc_enomem;

	struct hc_error *err = compile_code(text, options, &pattern->code);
	if (err)
		return err;
	pattern->jit = pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0;
	pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	pcre2_pattern_info(pattern->code, PCRE2_INFO_MINLENGTH, &min_length);
	pattern->has_group = groups > 0;
	pattern->min_length = min_length;
	hc_literals_extract(text, options, &pattern->literals);
	*ret = hc_steal(pattern);
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

	ret->end = offsets[1];
	ret->start = offsets[0] < ret->end ? offsets[0] : ret->end;
	ret->group_start = ret->start;
	ret->group_end = ret->end;
	if (matcher->pattern->has_group && offsets[2] != PCRE2_UNSET && offsets[2] <= offsets[3]) {
		ret->group_start = offsets[2];
		ret->group_end = offsets[3];
	}
}

bool hc_matcher_next(struct hc_matcher *matcher, struct hc_bytes subject, size_t from,
		     struct hc_match *ret, bool *limit_ret)
{
	const struct hc_pattern *pattern = matcher->pattern;
	PCRE2_SPTR data = subject.data ? subject.data : (PCRE2_SPTR) "";
	int found;

	if (from > subject.size || subject.size - from < pattern->min_length)
		return false;
	/* Once a subject is known to be of interest, PCRE2's own scan is as good. */
	if (from == 0 && pattern->literals.num && !has_literal(&pattern->literals, subject))
		return false;

	if (pattern->jit)
		found = pcre2_jit_match(pattern->code, data, subject.size, from, 0, matcher->data,
					matcher->context);
	else
		found = pcre2_match(pattern->code, data, subject.size, from, 0, matcher->data,
				    matcher->context);
	if (found < 0) {
		/* Without UTF mode the only other errors are bounds: match limit, stack, heap. */
		if (found != PCRE2_ERROR_NOMATCH)
			*limit_ret = true;
		return false;
	}
	fill_match(matcher, ret);
	return true;
}
