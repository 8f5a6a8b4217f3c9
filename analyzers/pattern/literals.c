/**
 * @file
 * Required literals: what every match of a pattern must contain.
 *
 * A prefilter must never turn down a subject that matches, so this reads the pattern's text and
 * keeps only what is beyond doubt; whatever it does not know ends the reading. The argument:
 *
 *   - The items of a branch are matched one after the other. A run of adjacent literal characters
 *     that no quantifier, group or alternative makes optional is therefore in the subject, in one
 *     piece, in every match by that branch. With several branches, one of their runs is.
 *   - Groups, classes, anchors, escapes for kinds of characters and backslash-K only separate runs.
 *     What a group holds counts, too, unless it has alternatives, a quantifier may make it
 *     optional, or it is a negative look-around.
 *   - Backtracking verbs (one of them ends a match early) and comments (they may stand between an
 *     item and its quantifier) make the whole pattern unknown. Option settings, recursion,
 *     conditions, callouts and quoting end the reading; the last character before that place is
 *     dropped, since a quantifier might still reach it. If an alternative may follow, everything is
 *     unknown.
 *
 * A literal of a look-around lies in the subject, but maybe before or behind the match.
 */
#include "analyzers/pattern/pattern.h"

/** What has been read of one branch. */
struct branch {
	struct hc_literal run;  /**< the run being read */
	struct hc_literal best; /**< the longest complete one */
};

static void end_run(struct branch *branch)
{
	if (branch->run.size > branch->best.size)
		branch->best = branch->run;
	branch->run.size = 0;
}

static void add_to_run(struct branch *branch, uint8_t byte)
{
	/* The head of a long run is as required as the whole. */
	if (branch->run.size == HC_MAX_LITERAL_SIZE)
		end_run(branch);
	branch->run.bytes[branch->run.size++] = byte;
}

/** Whether "{" may begin a quantifier, in any release of PCRE2. */
static bool maybe_repeat(const char *pos)
{
	return *pos == '{' && pos[1 + strspn(pos + 1, "0123456789, \t")] == '}';
}

static const char *skip_quantifier(const char *pos)
{
	if (*pos == '*' || *pos == '+' || *pos == '?')
		pos++;
	else if (maybe_repeat(pos))
		pos = strchr(pos, '}') + 1;
	else
		return pos;
	if (*pos == '+' || *pos == '?')
		pos++;
	return pos;
}

/** Past a character class, or NULL when it is not a plain one. */
static const char *skip_class(const char *pos)
{
	pos++;
	if (*pos == '^')
		pos++;
	if (*pos == ']')
		pos++;
	while (*pos != ']') {
		if (*pos == '\\') {
			if (!pos[1] || pos[1] == 'Q' || pos[1] == 'E')
				return NULL;
			pos += 2;
		} else if (*pos == '[' && (pos[1] == '.' || pos[1] == '=')) {
			return NULL;
		} else if (*pos == '[' && pos[1] == ':') {
			pos += 2;
			pos += strspn(pos, "^abcdefghijklmnopqrstuvwxyz");
			if (pos[0] != ':' || pos[1] != ']')
				return NULL;
			pos += 2;
		} else if (!*pos) {
			return NULL;
		} else {
			pos++;
		}
	}
	return pos + 1;
}

/** Whether a parenthesis opens a group whose inside says nothing about what follows it. */
static bool is_plain_group(const char *pos)
{
	if (pos[1] != '?')
		return true;
	if (pos[2] == 'P')
		return pos[3] == '<';
	return pos[2] && strchr(":=!<>|", pos[2]);
}

/** Past a group, or NULL when it is not a plain one. */
static const char *skip_group(const char *pos)
{
	size_t depth = 0;

	do {
		if (*pos == '\\') {
			if (!pos[1] || pos[1] == 'Q' || pos[1] == 'E')
				return NULL;
			pos += 2;
		} else if (*pos == '[') {
			pos = skip_class(pos);
			if (!pos)
				return NULL;
		} else if (*pos == '(') {
			if (!is_plain_group(pos))
				return NULL;
			depth++;
			pos++;
		} else if (*pos == ')') {
			depth--;
			pos++;
		} else if (!*pos) {
			return NULL;
		} else {
			pos++;
		}
	} while (depth > 0);
	return pos;
}

static bool is_ascii_punct(char c)
{
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') &&
	       !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/** Past an escape that stands for one byte, or NULL. */
static const char *escaped_byte(const char *pos, uint8_t *ret)
{
	static const char names[] = "nrtfea", bytes[] = "\n\r\t\f\033\a";
	const char *name;

	pos++;
	if (is_ascii_punct(*pos)) {
		*ret = *pos;
		return pos + 1;
	}
	if (*pos == 'x' && hc_hex_digit(pos[1]) < 16 && hc_hex_digit(pos[2]) < 16) {
		*ret = hc_hex_digit(pos[1]) << 4 | hc_hex_digit(pos[2]);
		return pos + 3;
	}
	name = *pos ? strchr(names, *pos) : NULL;
	if (!name)
		return NULL;
	*ret = bytes[name - names];
	return pos + 1;
}

/**
 * Take in a literal byte whose text ends at @p pos, unless what follows there makes it optional.
 */
static const char *take_literal(struct branch *branch, uint8_t byte, const char *pos)
{
	if (*pos == '*' || *pos == '?' || maybe_repeat(pos)) {
		end_run(branch);
		return skip_quantifier(pos);
	}
	add_to_run(branch, byte);
	if (*pos == '+') {
		end_run(branch);
		return skip_quantifier(pos);
	}
	return pos;
}

/** Read an escape; NULL: it is unknown what this is. */
static const char *read_escape(struct branch *branch, const char *pos)
{
	uint8_t byte;
	const char *end = escaped_byte(pos, &byte);

	if (end)
		return take_literal(branch, byte, end);
	if (!pos[1] || !strchr("dDwWsShHvVRbBAZzGK", pos[1]))
		return NULL;
	end_run(branch);
	return skip_quantifier(pos + 2);
}

static const char *read_item(struct branch *branch, const char *pos);

/** Where the inside of a group begins whose match needs its inside to match; NULL: it does not. */
static const char *required_inside(const char *pos)
{
	if (pos[1] != '?')
		return pos + 1;
	if (pos[2] == ':' || pos[2] == '=')
		return pos + 3;
	if (pos[2] == '<' && pos[3] == '=')
		return pos + 4;
	if (pos[2] == '!' || pos[2] == '|' || pos[3] == '!')
		return NULL;
	/* A name. */
	pos = strchr(pos, '>');
	return pos ? pos + 1 : NULL;
}

/** Read what a group without alternatives holds, up to its last parenthesis at @p end. */
static void read_inside(struct branch *branch, const char *pos, const char *end)
{
	struct branch inside = {};

	while (pos && pos < end) {
		if (*pos == '|')
			return;
		pos = read_item(&inside, pos);
	}
	if (!pos)
		return;
	end_run(&inside);
	if (inside.best.size > branch->best.size)
		branch->best = inside.best;
}

/** Read a group; NULL: it is unknown what this is. */
static const char *read_group(struct branch *branch, const char *pos)
{
	const char *end = skip_group(pos);

	if (!end)
		return NULL;
	end_run(branch);
	bool optional = *end == '*' || *end == '?' || maybe_repeat(end);
	const char *inside = optional ? NULL : required_inside(pos);
	if (inside)
		read_inside(branch, inside, end - 1);
	return end;
}

/** Read one item of a branch; NULL: it is unknown what this is. */
static const char *read_item(struct branch *branch, const char *pos)
{
	switch (*pos) {
	case '(':
		pos = read_group(branch, pos);
		break;
	case '[':
		pos = skip_class(pos);
		break;
	case '.':
	case '^':
	case '$':
		pos++;
		break;
	case '*':
	case '+':
	case '?':
	case ')':
		return NULL;
	case '{':
		return maybe_repeat(pos) ? NULL : take_literal(branch, *pos, pos + 1);
	case '\\':
		return read_escape(branch, pos);
	default:
		return take_literal(branch, *pos, pos + 1);
	}
	if (!pos)
		return NULL;
	end_run(branch);
	return skip_quantifier(pos);
}

/** @return past the branch (at '|' or the end), or NULL when nothing is known of it */
static const char *read_branch(const char *pos, struct hc_literal *ret)
{
	struct branch branch = {};

	while (*pos && *pos != '|') {
		const char *next = read_item(&branch, pos);

		if (!next) {
			if (strchr(pos, '|'))
				return NULL;
			if (branch.run.size)
				branch.run.size--;
			pos += strlen(pos);
			break;
		}
		pos = next;
	}
	end_run(&branch);
	if (!branch.best.size)
		return NULL;
	*ret = branch.best;
	return pos;
}

static bool is_letter(uint8_t byte)
{
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static void lower_letters(struct hc_literals *literals)
{
	for (size_t i = 0; i < literals->num; i++) {
		struct hc_literal *literal = &literals->items[i];

		for (size_t k = 0; k < literal->size; k++) {
			if (is_letter(literal->bytes[k]))
				literal->bytes[k] |= 0x20;
		}
	}
}

static void extract_branches(const char *text, struct hc_literals *ret)
{
	if (strstr(text, "(*") || strstr(text, "(?#"))
		return;
	for (const char *pos = text;; pos++) {
		if (ret->num == HC_MAX_LITERALS)
			pos = NULL;
		else
			pos = read_branch(pos, &ret->items[ret->num++]);
		if (!pos) {
			ret->num = 0;
			return;
		}
		if (!*pos)
			return;
	}
}

void hc_literals_extract(const char *text, const struct hc_pattern_options *options,
			 struct hc_literals *ret)
{
	*ret = (struct hc_literals){.ignore_case = options->ignore_case};
	if (options->literal) {
		size_t size = strlen(text);

		if (size > HC_MAX_LITERAL_SIZE)
			size = HC_MAX_LITERAL_SIZE;
		memcpy(ret->items[0].bytes, text, size);
		ret->items[0].size = size;
		ret->num = size > 0;
	} else {
		extract_branches(text, ret);
	}
	if (ret->ignore_case)
		lower_letters(ret);
	for (size_t i = 0; i < ret->num; i++)
		hc_literal_choose_probes(&ret->items[i]);
}

/**
 * How frequent a byte is in heaps, roughly: zeros and pointers first, then text. Only speed depends
 * on it.
 */
static unsigned frequency(uint8_t byte)
{
	/*
	 * Letters of English text from the most frequent on, which heaps of servers are full of;
	 * the space between words is more frequent than any of them.
	 */
	static const char letters[] = "etaoinsrhldcumfpgwybvkxjqz";
	const char *letter;

	if (byte == 0 || byte == 0xff || byte == 0x7f || byte == 0x55)
		return 100;
	if (byte < ' ')
		return 40;
	if (byte >= 0x80)
		return 20;
	if (byte == ' ')
		return 65;
	letter = is_letter(byte) ? strchr(letters, byte | 0x20) : NULL;
	if (letter)
		return (byte & 0x20 ? 60 : 35) - (letter - letters);
	/*
	 * The number that somebody looks for is rarer than the words around it, which are in every
	 * line.
	 */
	return byte >= '0' && byte <= '9' ? 34 : strchr("/:=.,-_", byte) ? 50 : 30;
}

void hc_literal_choose_probes(struct hc_literal *literal)
{
	size_t first = 0, second;

	for (size_t i = 1; i < literal->size; i++) {
		if (frequency(literal->bytes[i]) < frequency(literal->bytes[first]))
			first = i;
	}
	second = first ? 0 : literal->size - 1;
	for (size_t i = 0; i < literal->size; i++) {
		if (i != first && literal->bytes[i] != literal->bytes[first] &&
		    frequency(literal->bytes[i]) < frequency(literal->bytes[second]))
			second = i;
	}
	literal->probes[0] = first < second ? first : second;
	literal->probes[1] = first < second ? second : first;
}

/**
 * Bytes compared at once; the compiler makes the machine's vectors of it, one of 32 bytes or two of
 * sixteen, which is what every 64-bit machine has.
 */
typedef uint8_t bytes_vec __attribute__((vector_size(32)));
typedef uint64_t words_vec __attribute__((vector_size(32)));

#define VECTOR sizeof(bytes_vec)
/** Places that one step of the search looks at while there is nothing. */
#define STEP 128

/** One byte of a literal: matches b when (b | mask) == want. */
struct probe {
	uint8_t mask, want;
};

static struct probe make_probe(const struct hc_literal *literal, size_t i, bool ignore_case)
{
	uint8_t byte = literal->bytes[i];

	return (struct probe){ignore_case && is_letter(byte) ? 0x20 : 0, byte};
}

static bool literal_at(const struct hc_literal *literal, bool ignore_case, const uint8_t *pos)
{
	if (!ignore_case)
		return memcmp(pos, literal->bytes, literal->size) == 0;
	for (size_t i = 0; i < literal->size; i++) {
		struct probe probe = make_probe(literal, i, true);

		if ((pos[i] | probe.mask) != probe.want)
			return false;
	}
	return true;
}

/** A literal while it is looked for: two of its bytes are compared at once, the others then. */
struct quarry {
	const struct hc_literal *literal;
	bool ignore_case;
	size_t near, far; /**< offsets of the two */
	struct probe first, last;
};

/** Which of the VECTOR places from @p pos on have both probed bytes. */
static inline __attribute__((always_inline)) void compare_probes(const struct quarry *quarry,
								 const uint8_t *pos, bytes_vec *ret)
{
	bytes_vec a, b;

	memcpy(&a, pos + quarry->near, sizeof(a));
	memcpy(&b, pos + quarry->far, sizeof(b));
	*ret = (bytes_vec)((a | quarry->first.mask) == quarry->first.want) &
	       (bytes_vec)((b | quarry->last.mask) == quarry->last.want);
}

/** Whether any of @p num places has them; a constant @p num unrolls. */
static inline __attribute__((always_inline)) bool any_candidate(const struct quarry *quarry,
								const uint8_t *pos, size_t num)
{
	bytes_vec any = {}, found;

	for (size_t i = 0; i < num; i += VECTOR) {
		compare_probes(quarry, pos + i, &found);
		any |= found;
	}

	words_vec words = (words_vec)any;
	return words[0] | words[1] | words[2] | words[3];
}

/** The first of VECTOR places where the literal stands, or VECTOR. */
static inline __attribute__((always_inline)) size_t first_place(const struct quarry *quarry,
								const uint8_t *pos)
{
	bytes_vec found;

	compare_probes(quarry, pos, &found);
	words_vec words = (words_vec)found;

	for (size_t i = 0; i < VECTOR; i++) {
		if (!words[i / 8])
			i |= 7;
		else if (found[i] && literal_at(quarry->literal, quarry->ignore_case, pos + i))
			return i;
	}
	return VECTOR;
}

/** hc_literal_find(), to be compiled for several machines. */
static inline __attribute__((always_inline)) size_t
find(const struct hc_literal *literal, bool ignore_case, struct hc_bytes bytes, size_t from)
{
	size_t span = literal->size - 1;

	if (bytes.size <= span || from >= bytes.size - span)
		return SIZE_MAX;

	bool chosen = literal->probes[1] && literal->probes[1] <= span;
	size_t near = chosen ? literal->probes[0] : 0, far = chosen ? literal->probes[1] : span;
	const struct quarry quarry = {
		.literal = literal,
		.ignore_case = ignore_case,
		.near = near,
		.far = far,
		.first = make_probe(literal, near, ignore_case),
		.last = make_probe(literal, far, ignore_case),
	};
	size_t end = bytes.size - span; /* places where it may start */
	size_t pos = from;
	const uint8_t *data = bytes.data;

	while (end - pos >= VECTOR) {
		while (end - pos >= STEP && !any_candidate(&quarry, data + pos, STEP))
			pos += STEP;
		while (end - pos >= VECTOR && !any_candidate(&quarry, data + pos, VECTOR))
			pos += VECTOR;
		if (end - pos < VECTOR)
			break;
		size_t place = first_place(&quarry, data + pos);

		pos += place;
		if (place < VECTOR)
			return pos;
	}
	for (; pos < end; pos++) {
		if (literal_at(literal, ignore_case, data + pos))
			return pos;
	}
	return SIZE_MAX;
}

#ifdef __x86_64__
/** Vectors of 32 bytes are in most of these machines, but not in what they all have. */
static __attribute__((target("avx2"))) size_t
find_wide(const struct hc_literal *literal, bool ignore_case, struct hc_bytes bytes, size_t from)
{
	return find(literal, ignore_case, bytes, from);
}
#endif

size_t hc_literal_find(const struct hc_literal *literal, bool ignore_case, struct hc_bytes bytes,
		       size_t from)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2"))
		return find_wide(literal, ignore_case, bytes, from);
#endif
	return find(literal, ignore_case, bytes, from);
}

void hc_literal_cursor_init(struct hc_literal_cursor *cursor, const struct hc_literals *literals,
			    struct hc_bytes bytes)
{
	cursor->literals = literals;
	cursor->bytes = bytes;
	for (size_t i = 0; i < literals->num; i++)
		cursor->next[i] =
			hc_literal_find(&literals->items[i], literals->ignore_case, bytes, 0);
}

size_t hc_literal_cursor_next(struct hc_literal_cursor *cursor, size_t from)
{
	const struct hc_literals *literals = cursor->literals;
	size_t nearest = SIZE_MAX;

	for (size_t i = 0; i < literals->num; i++) {
		if (cursor->next[i] < from) {
			cursor->next[i] = hc_literal_find(
				&literals->items[i], literals->ignore_case, cursor->bytes, from);
		}
		if (cursor->next[i] < nearest)
			nearest = cursor->next[i];
	}
	return nearest;
}
