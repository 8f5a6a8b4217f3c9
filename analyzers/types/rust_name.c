/**
 * @file
 * Names of Rust; see rust_name.h. Tags are those of RFC 2603.
 */
#include "analyzers/types/rust_name.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/types/demangle.h"
#include "core/base/cleanup.h"

/** Most steps of the grammar, and most of them in each other. */
#define MAX_STEPS 16384
#define MAX_DEPTH 192

/** A symbol while it is read, and the text that comes of it. */
struct name {
	const char *start, *pos, *end; /* behind the prefix: what back references count from */
	char *text;                    /* of HC_MAX_DEMANGLED bytes and a NUL */
	size_t size;
	unsigned steps, depth;
	uint64_t lifetimes; /* that binders around have */
	bool silent;        /* read, but write nothing */
	bool failed;
};

/* --- Text --- */

static void put(struct name *name, const char *text, size_t size)
{
	if (name->silent || name->failed)
		return;
	if (size > HC_MAX_DEMANGLED - name->size) {
		name->failed = true;
		return;
	}
	memcpy(name->text + name->size, text, size);
	name->size += size;
}

static void say(struct name *name, const char *text)
{
	put(name, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void say_format(struct name *name, const char *format,
							     ...)
{
	char text[64];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	say(name, text);
}

/* --- What is read --- */

static char peek(const struct name *name)
{
	return name->pos < name->end ? *name->pos : '\0';
}

static bool take(struct name *name, char tag)
{
	if (peek(name) != tag)
		return false;
	name->pos++;
	return true;
}

static char next(struct name *name)
{
	char tag = peek(name);

	if (tag)
		name->pos++;
	else
		name->failed = true;
	return tag;
}

static int digit_of(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 10
	       : c >= 'A' && c <= 'Z' ? c - 'A' + 36
				      : -1;
}

/** A number to the base of 62 and "_": "_" is 0, "0_" is 1. */
static uint64_t read_base62(struct name *name)
{
	uint64_t value = 0;

	if (take(name, '_'))
		return 0;
	while (!name->failed && !take(name, '_')) {
		int digit = digit_of(next(name));

		if (digit < 0 || __builtin_mul_overflow(value, UINT64_C(62), &value) ||
		    __builtin_add_overflow(value, (uint64_t)digit, &value))
			name->failed = true;
	}
	return value + 1;
}

/** The same behind a tag that may be there. */
static uint64_t read_optional(struct name *name, char tag)
{
	return take(name, tag) ? read_base62(name) + 1 : 0;
}

static uint64_t read_decimal(struct name *name)
{
	uint64_t value = 0;

	if (peek(name) < '0' || peek(name) > '9')
		name->failed = true;
	if (take(name, '0'))
		return 0;
	while (peek(name) >= '0' && peek(name) <= '9' && value <= HC_MAX_MANGLED)
		value = value * 10 + (next(name) - '0');
	return value;
}

/** Bytes of an identifier, as they stand there. */
struct identifier {
	const char *text;
	size_t size;
	uint64_t disambiguator;
	bool encoded; /* beyond ASCII */
};

static struct identifier read_sized(struct name *name, bool is_older)
{
	struct identifier ret = {.encoded = !is_older && take(name, 'u')};
	uint64_t size = read_decimal(name);

	/* What would go on with the number. */
	if (!is_older)
		take(name, '_');
	if (size > (uint64_t)(name->end - name->pos))
		name->failed = true;
	if (name->failed)
		return ret;
	ret.text = name->pos;
	ret.size = size;
	name->pos += size;
	return ret;
}

static struct identifier read_plain(struct name *name)
{
	return read_sized(name, false);
}

static struct identifier read_identifier(struct name *name)
{
	uint64_t disambiguator = read_optional(name, 's');
	struct identifier ret = read_plain(name);

	ret.disambiguator = disambiguator;
	return ret;
}

static void put_identifier(struct name *name, const struct identifier *identifier)
{
	if (identifier->encoded)
		say(name, "punycode{");
	put(name, identifier->text, identifier->size);
	if (identifier->encoded)
		say(name, "}");
}

/* --- Grammar --- */

typedef void rule_fn(struct name *name);

static void put_type(struct name *name);
static void put_path(struct name *name, bool in_value);
static void put_const(struct name *name);

static void put_type_path(struct name *name)
{
	put_path(name, false);
}

static void put_value_path(struct name *name)
{
	put_path(name, true);
}

/** One step deeper. @return false: that is too deep, or there were too many */
static bool descend(struct name *name)
{
	if (++name->steps > MAX_STEPS || name->depth >= MAX_DEPTH)
		name->failed = true;
	if (!name->failed)
		name->depth++;
	return !name->failed;
}

/** Behind B: what stood somewhere before. */
static void put_back_reference(struct name *name, rule_fn *rule)
{
	const char *tag = name->pos - 1;
	uint64_t target = read_base62(name);

	if (name->failed || target >= (uint64_t)(tag - name->start)) {
		name->failed = true;
		return;
	}
	if (name->silent)
		return;
	const char *back = name->pos;
	name->pos = name->start + target;
	rule(name);
	name->pos = back;
}

/** Rules up to an E, with something between. @return their number */
static size_t put_list(struct name *name, rule_fn *rule, const char *between)
{
	size_t num = 0;

	while (!name->failed && !take(name, 'E')) {
		if (num++)
			say(name, between);
		rule(name);
	}
	return num;
}

static void put_lifetime(struct name *name, uint64_t lifetime)
{
	uint64_t depth = name->lifetimes - lifetime;

	if (lifetime > name->lifetimes)
		name->failed = true;
	else if (!lifetime)
		say(name, "'_");
	else if (depth < 26)
		say_format(name, "'%c", (char)('a' + depth));
	else
		say_format(name, "'_%" PRIu64, depth);
}

static void put_generic(struct name *name)
{
	if (take(name, 'L'))
		put_lifetime(name, read_base62(name));
	else if (take(name, 'K'))
		put_const(name);
	else
		put_type(name);
}

/** Where an impl stands, which is not told. */
static void skip_impl(struct name *name)
{
	bool silent = name->silent;

	read_optional(name, 's');
	name->silent = true;
	put_path(name, false);
	name->silent = silent;
}

/** Behind N. */
static void put_nested(struct name *name, bool in_value)
{
	char space = next(name);

	put_path(name, in_value);
	struct identifier identifier = read_identifier(name);
	if (name->failed)
		return;
	if (space >= 'A' && space <= 'Z') {
		char other[] = {space, '\0'};

		say(name, "::{");
		say(name, space == 'C' ? "closure" : space == 'S' ? "shim" : other);
		if (identifier.size) {
			say(name, ":");
			put_identifier(name, &identifier);
		}
		say_format(name, "#%" PRIu64 "}", identifier.disambiguator);
	} else if (identifier.size) {
		say(name, "::");
		put_identifier(name, &identifier);
	}
}

/** Behind M, X, Y: "<T>", "<T as Trait>". */
static void put_impl(struct name *name, char tag)
{
	if (tag != 'Y')
		skip_impl(name);
	say(name, "<");
	put_type(name);
	if (tag != 'M') {
		say(name, " as ");
		put_path(name, false);
	}
	say(name, ">");
}

static void put_path(struct name *name, bool in_value)
{
	if (!descend(name))
		return;
	char tag = next(name);
	struct identifier crate;

	switch (tag) {
	case 'C':
		crate = read_identifier(name);
		put_identifier(name, &crate);
		break;
	case 'N':
		put_nested(name, in_value);
		break;
	case 'M':
	case 'X':
	case 'Y':
		put_impl(name, tag);
		break;
	case 'I':
		put_path(name, in_value);
		say(name, in_value ? "::<" : "<");
		put_list(name, put_generic, ", ");
		say(name, ">");
		break;
	case 'B':
		put_back_reference(name, in_value ? put_value_path : put_type_path);
		break;
	default:
		name->failed = true;
	}
	name->depth--;
}

static const char *basic_type(char tag)
{
	static const char *const names['z' - 'a' + 1] = {
		"i8",    "bool", "char", "f64", "str",  "f32",  NULL,  "u8", "isize",
		"usize", NULL,   "i32",  "u32", "i128", "u128", "_",   NULL, NULL,
		"i16",   "u16",  "()",   "...", NULL,   "i64",  "u64", "!",
	};

	return tag >= 'a' && tag <= 'z' ? names[tag - 'a'] : NULL;
}

/** Lifetimes that hold up to the end of what they are for: "for<'a, 'b> ". */
static void put_binder(struct name *name)
{
	uint64_t num = read_optional(name, 'G');

	if (!num || name->failed)
		return;
	say(name, "for<");
	for (uint64_t i = 0; i < num && !name->failed; i++) {
		name->failed |= ++name->steps > MAX_STEPS;
		if (i)
			say(name, ", ");
		name->lifetimes++;
		put_lifetime(name, 1);
	}
	say(name, "> ");
}

/** Behind F: the type of a function. */
static void put_function(struct name *name)
{
	uint64_t lifetimes = name->lifetimes;

	put_binder(name);
	if (take(name, 'U'))
		say(name, "unsafe ");
	if (take(name, 'K')) {
		struct identifier abi = {.text = "C", .size = 1};

		if (!take(name, 'C'))
			abi = read_plain(name);
		say(name, "extern \"");
		for (size_t i = 0; i < abi.size; i++)
			put(name, abi.text[i] == '_' ? "-" : &abi.text[i], 1);
		say(name, "\" ");
	}
	say(name, "fn(");
	put_list(name, put_type, ", ");
	say(name, ")");
	if (!take(name, 'u')) {
		say(name, " -> ");
		put_type(name);
	}
	name->lifetimes = lifetimes;
}

/** A trait whose arguments may go on with types that it names: "Iterator<Item = u8>". */
static bool put_open_path(struct name *name)
{
	bool open = false;

	if (!descend(name))
		return false;
	if (take(name, 'I')) {
		put_path(name, false);
		say(name, "<");
		put_list(name, put_generic, ", ");
		open = true;
	} else {
		put_path(name, false);
	}
	name->depth--;
	return open;
}

static void put_trait(struct name *name)
{
	bool open = put_open_path(name);

	while (!name->failed && take(name, 'p')) {
		struct identifier type = read_plain(name);

		say(name, open ? ", " : "<");
		open = true;
		put_identifier(name, &type);
		say(name, " = ");
		put_type(name);
	}
	if (open)
		say(name, ">");
}

/** Behind D: "dyn Trait + Other + 'a". */
static void put_dyn(struct name *name)
{
	uint64_t lifetimes = name->lifetimes;

	say(name, "dyn ");
	put_binder(name);
	put_list(name, put_trait, " + ");
	name->lifetimes = lifetimes;
	if (!take(name, 'L')) {
		name->failed = true;
		return;
	}
	uint64_t lifetime = read_base62(name);
	if (lifetime) {
		say(name, " + ");
		put_lifetime(name, lifetime);
	}
}

/** Behind R and Q: "&'a mut T". */
static void put_reference(struct name *name, bool is_mutable)
{
	uint64_t lifetime = take(name, 'L') ? read_base62(name) : 0;

	say(name, "&");
	if (lifetime) {
		put_lifetime(name, lifetime);
		say(name, " ");
	}
	if (is_mutable)
		say(name, "mut ");
	put_type(name);
}

static void put_array(struct name *name, bool has_size)
{
	say(name, "[");
	put_type(name);
	if (has_size) {
		say(name, "; ");
		put_const(name);
	}
	say(name, "]");
}

static void put_compound(struct name *name, char tag)
{
	switch (tag) {
	case 'A':
	case 'S':
		put_array(name, tag == 'A');
		break;
	case 'T':
		say(name, "(");
		say(name, put_list(name, put_type, ", ") == 1 ? ",)" : ")");
		break;
	case 'R':
	case 'Q':
		put_reference(name, tag == 'Q');
		break;
	case 'P':
	case 'O':
		say(name, tag == 'P' ? "*const " : "*mut ");
		put_type(name);
		break;
	case 'F':
		put_function(name);
		break;
	case 'D':
		put_dyn(name);
		break;
	case 'B':
		put_back_reference(name, put_type);
		break;
	default:
		/* It is a path, whose tag this is. */
		name->pos--;
		put_path(name, false);
	}
}

static void put_type(struct name *name)
{
	if (!descend(name))
		return;
	char tag = next(name);
	const char *basic = basic_type(tag);

	if (basic)
		say(name, basic);
	else if (!name->failed)
		put_compound(name, tag);
	name->depth--;
}

/** Digits to the base of 16, up to "_". @return false: they say more than 64 bits can */
static bool read_hex(struct name *name, struct identifier *digits, uint64_t *ret)
{
	*digits = (struct identifier){.text = name->pos};
	*ret = 0;
	while (!name->failed && !take(name, '_')) {
		int digit = digit_of(next(name));

		name->failed |= digit < 0 || digit > 15;
		*ret = *ret << 4 | (digit & 15);
		digits->size++;
	}
	return digits->size <= 16;
}

static void put_char(struct name *name, uint64_t value)
{
	static const struct {
		char c;
		const char *text;
	} escapes[] = {{'\t', "\\t"}, {'\r', "\\r"}, {'\n', "\\n"}, {'\'', "\\'"}, {'\\', "\\\\"}};

	for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++)
		if (value == (uint64_t)escapes[i].c) {
			say_format(name, "'%s'", escapes[i].text);
			return;
		}
	if (value >= ' ' && value < 0x7f)
		say_format(name, "'%c'", (char)value);
	else
		say_format(name, "'\\u{%" PRIx64 "}'", value);
}

static void put_value(struct name *name, char type)
{
	struct identifier digits;
	uint64_t value;

	if (strchr("aslxni", type) && take(name, 'n'))
		say(name, "-");
	bool fits = read_hex(name, &digits, &value);

	if (type == 'b' && value < 2)
		say(name, value ? "true" : "false");
	else if (type == 'c' && value <= 0x10ffff)
		put_char(name, value);
	else if (type == 'b' || type == 'c')
		name->failed = true;
	else if (fits)
		say_format(name, "%" PRIu64, value);
	else {
		say(name, "0x");
		put(name, digits.text, digits.size);
	}
}

/** Constants of numbers, bool and char: what names have. */
static void put_const(struct name *name)
{
	if (!descend(name))
		return;
	char tag = next(name);

	if (tag == 'p')
		say(name, "_");
	else if (tag == 'B')
		put_back_reference(name, put_const);
	else if (tag && strchr("ahbcijlmnostxy", tag))
		put_value(name, tag);
	else
		name->failed = true;
	name->depth--;
}

/** Path, the crate that has it for its own, and what a compiler put behind. */
static void put_symbol(struct name *name)
{
	put_path(name, true);
	if (!name->failed && peek(name) && peek(name) != '.' && peek(name) != '$') {
		name->silent = true;
		put_path(name, false);
		name->silent = false;
	}
	if (peek(name) && peek(name) != '.' && peek(name) != '$')
		name->failed = true;
}

/* --- The older names --- */

enum { HASH_DIGITS = 16 };

/** "17h" and 16 digits, which an older name ends with. */
static bool is_hash(const struct identifier *identifier)
{
	if (identifier->size != 1 + HASH_DIGITS || identifier->text[0] != 'h')
		return false;
	for (size_t i = 1; i <= HASH_DIGITS; i++)
		if ((unsigned)digit_of(identifier->text[i]) > 15)
			return false;
	return true;
}

/** What "$" and a word stand for. @return bytes of it; 0: nothing that is known */
static size_t put_escape(struct name *name, const char *text, size_t size)
{
	static const char escapes[][2][6] = {
		{"$SP$", "@"}, {"$BP$", "*"}, {"$RF$", "&"}, {"$LT$", "<"},
		{"$GT$", ">"}, {"$LP$", "("}, {"$RP$", ")"}, {"$C$", ","},
	};
	unsigned value = 0;
	size_t i = 2;

	for (size_t k = 0; k < sizeof(escapes) / sizeof(*escapes); k++) {
		size_t length = strlen(escapes[k][0]);

		if (length <= size && !memcmp(text, escapes[k][0], length)) {
			say(name, escapes[k][1]);
			return length;
		}
	}
	if (size < 4 || text[1] != 'u')
		return 0;
	for (; i < size && i < 8 && (unsigned)digit_of(text[i]) < 16; i++)
		value = value << 4 | digit_of(text[i]);
	if (i == size || text[i] != '$' || value < ' ' || value >= 0x7f)
		return 0;
	put(name, &(char){(char)value}, 1);
	return i + 1;
}

static void put_older(struct name *name, struct identifier part)
{
	/* An identifier may not begin with what stands for a character. */
	if (part.size > 1 && part.text[0] == '_' && part.text[1] == '$') {
		part.text++;
		part.size--;
	}
	while (part.size) {
		size_t taken = 1;

		if (part.text[0] == '$')
			taken = put_escape(name, part.text, part.size);
		if (part.text[0] == '.' && part.size > 1 && part.text[1] == '.') {
			say(name, "::");
			taken = 2;
		} else if (part.text[0] != '$' || !taken) {
			put(name, part.text, 1);
			taken = 1;
		}
		part.text += taken;
		part.size -= taken;
	}
}

/** Parts up to E, of which the last is a hash and left out. */
static void put_older_symbol(struct name *name)
{
	struct identifier part = {0};
	size_t num = 0;

	while (!name->failed && !take(name, 'E')) {
		if (num) {
			if (num > 1)
				say(name, "::");
			put_older(name, part);
		}
		part = read_sized(name, true);
		num++;
	}
	if (num < 2 || !is_hash(&part) || (peek(name) && peek(name) != '.'))
		name->failed = true;
}

struct hc_error *hc_rust_demangle(const char *symbol, char **ret)
{
	bool older = !strncmp(symbol, "_ZN", 3);
	size_t prefix = older ? 3 : 2, size = strnlen(symbol, HC_MAX_MANGLED + 1);

	*ret = NULL;
	if ((!older && strncmp(symbol, "_R", 2)) || size > HC_MAX_MANGLED)
		return NULL;
	hc_cleanup_free char *text = malloc(HC_MAX_DEMANGLED + 1);
	if (!text)
		return &hc_enomem;
	struct name name = {.start = symbol + prefix,
			    .pos = symbol + prefix,
			    .end = symbol + size,
			    .text = text};

	if (older)
		put_older_symbol(&name);
	else
		put_symbol(&name);
	if (name.failed)
		return NULL;
	text[name.size] = '\0';
	*ret = hc_steal(text);
	return NULL;
}
