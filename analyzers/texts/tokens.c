/**
 * @file
 * Cutting bytes into lines and lines into tokens.
 */
#include "analyzers/texts/tokens.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/utf8.h"

/** What a byte may be part of. */
enum {
	TEXT = 1,   /**< a line */
	NAME = 2,   /**< the name of a pair */
	WORD = 4,   /**< a word; ':' only inside */
	PATH = 8,   /**< a path */
	VALUE = 16, /**< the value of a key=value pair */
	ALNUM = 32,
};

#define PUNCTUATION_OF_WORDS (TEXT | WORD | VALUE)

static const uint8_t traits[256] = {
	['\t'] = TEXT,
	[' '] = TEXT,
	['!'] = PUNCTUATION_OF_WORDS,
	['"'] = TEXT,
	['#'] = PUNCTUATION_OF_WORDS,
	['$'] = PUNCTUATION_OF_WORDS,
	['%'] = PUNCTUATION_OF_WORDS | PATH,
	['&' ... '\''] = TEXT,
	['('] = TEXT | VALUE,
	[')'] = TEXT,
	['*'] = PUNCTUATION_OF_WORDS,
	['+'] = PUNCTUATION_OF_WORDS | PATH,
	[','] = TEXT | VALUE,
	['-'] = PUNCTUATION_OF_WORDS | PATH | NAME,
	['.'] = PUNCTUATION_OF_WORDS | PATH | NAME,
	['/'] = PUNCTUATION_OF_WORDS | PATH,
	[':'] = PUNCTUATION_OF_WORDS,
	[';' ... '<'] = TEXT,
	['='] = TEXT | VALUE,
	['>'] = TEXT,
	['?'] = TEXT | VALUE,
	['@'] = PUNCTUATION_OF_WORDS | PATH,
	['['] = TEXT | VALUE,
	['\\'] = TEXT | VALUE,
	[']' ... '^'] = TEXT,
	['_'] = PUNCTUATION_OF_WORDS | PATH | NAME | ALNUM,
	['`'] = TEXT | VALUE,
	['{'] = TEXT | VALUE,
	['|'] = TEXT | VALUE,
	['}'] = TEXT,
	['~'] = PUNCTUATION_OF_WORDS | PATH,
	['0' ... '9'] = PUNCTUATION_OF_WORDS | PATH | NAME | ALNUM,
	['A' ... 'Z'] = PUNCTUATION_OF_WORDS | PATH | NAME | ALNUM,
	['a' ... 'z'] = PUNCTUATION_OF_WORDS | PATH | NAME | ALNUM,
	[0x80 ... 0xff] =
		WORD | VALUE | PATH | ALNUM, /* checked to be UTF-8 when it is in a line */
};

/** @name Lines */
/**@{*/

void hc_lines_init(struct hc_lines *lines, struct hc_bytes bytes,
		   const struct hc_mappings *mappings, unsigned word_size)
{
	*lines = (struct hc_lines){.bytes = bytes, .mappings = mappings, .word_size = word_size};
}

/** Whether text of at most a word lies in one aligned word (or two) that is an address. */
static bool is_address(const struct hc_lines *lines, size_t start, size_t end)
{
	if (!lines->mappings || end - start > lines->word_size)
		return false;
	/* No division: a word has a power of two of bytes. */
	for (size_t at = start & ~(size_t)(lines->word_size - 1); at < end;
	     at += lines->word_size) {
		if (lines->bytes.size - at < lines->word_size)
			break;
		uint64_t word =
			hc_read_word(lines->bytes.data + at, lines->word_size, lines->big_endian);
		if (hc_mappings_find(lines->mappings, word))
			return true;
	}
	return false;
}

/**
 * Where the text begins that starts within a pointer, of which the last bytes look like text, too:
 * behind it. They do where they are not zero: big-endian, or in 32 bits.
 */
static size_t leave_pointer(const struct hc_lines *lines, size_t start, size_t end)
{
	if (!lines->mappings || (lines->word_size == 8 && !lines->big_endian))
		return start;
	size_t into = start % lines->word_size, next = start - into + lines->word_size;
	if (!into || end <= next)
		return start;
	uint64_t word =
		hc_read_word(lines->bytes.data + start - into, lines->word_size, lines->big_endian);
	return hc_mappings_find(lines->mappings, word) ? next : start;
}

/** What is known of 64 bytes, a bit for each. */
struct look {
	uint64_t ascii; /* tabs and printable ASCII: in a line */
	uint64_t may;   /* and what may be part of a UTF-8 character, as far as neighbours tell */
};

/** @param leads, continues bytes of 0xc0 and more, and others beyond ASCII. @return may be text */
static uint64_t may_be_utf8(uint64_t leads, uint64_t continues)
{
	uint64_t high = leads | continues;

	/* The first byte is preceded, and the last followed, by what is not seen here. */
	return (leads & (continues >> 1 | UINT64_C(1) << 63)) | (continues & (high << 1 | 1));
}

#ifdef __SSE2__

static struct look look_at(const uint8_t *data)
{
	uint64_t high = 0, leads = 0;
	struct look ret = {0};

	for (unsigned at = 0; at < 64; at += 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(data + at));
		/* Signed: bytes beyond ASCII are less than all others. */
		__m128i printable = _mm_andnot_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)),
						     _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x1f)));
		__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));

		ret.ascii |= (uint64_t)_mm_movemask_epi8(_mm_or_si128(printable, tab)) << at;
		high |= (uint64_t)_mm_movemask_epi8(bytes) << at;
		/* Twice a byte: its bit 6 is on top. */
		leads |= (uint64_t)_mm_movemask_epi8(_mm_add_epi8(bytes, bytes)) << at;
	}
	ret.may = ret.ascii | may_be_utf8(high & leads, high & ~leads);
	return ret;
}

#else

/** A bit for each of eight bytes. */
#define EACH UINT64_C(0x0101010101010101)

/** The top bits of eight bytes, as a number of eight bits. */
static uint64_t top_bits(uint64_t bytes)
{
	/* The multiplication brings bit 7 of byte i to bit 56 + i. */
	return ((bytes & 0x80 * EACH) >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static struct look look_at(const uint8_t *data)
{
	uint64_t high = 0, leads = 0;
	struct look ret = {0};

	for (unsigned at = 0; at < 64; at += 8) {
		uint64_t bytes = hc_load64(data + at), low = bytes & ~(0x80 * EACH);
		/* 0x20 and more, not 0x7f */
		uint64_t printable = (low + 0x60 * EACH) & ~(low + EACH);
		uint64_t tab = ~((low ^ '\t' * EACH) + 0x7f * EACH);

		if (!bytes)
			continue;
		ret.ascii |= top_bits((printable | tab) & ~bytes) << at;
		high |= top_bits(bytes) << at;
		leads |= top_bits(bytes << 1) << at;
	}
	ret.may = ret.ascii | may_be_utf8(high & leads, high & ~leads);
	return ret;
}

#endif

/** Look at the bytes from @p pos on. Behind the last there are zeroes. */
static void look_from(struct hc_lines *lines, size_t pos)
{
	size_t left = lines->bytes.size - pos;
	uint8_t rest[64] = {0};
	struct look look;

	if (left < sizeof(rest))
		memcpy(rest, lines->bytes.data + pos, left);
	look = look_at(left < sizeof(rest) ? rest : lines->bytes.data + pos);
	lines->looked = true;
	lines->look = pos;
	lines->ascii = look.ascii;
	lines->may = look.may;
}

/**
 * Where the next line may start: at or before the next run of bytes that may be text and are as
 * many as a line needs. Most bytes of a heap are not, so that they go by 64. What is returned is
 * among the bytes that were looked at last, or the end.
 */
static size_t skip_binary(struct hc_lines *lines, size_t pos)
{
	_Static_assert(HC_LINE_MIN_SIZE == 4, "as many bits in a row are looked for");
	while (pos < lines->bytes.size) {
		if (!lines->looked || pos - lines->look > 60)
			look_from(lines, pos);
		uint64_t mask = lines->may >> (pos - lines->look);
		uint64_t runs = mask & mask >> 1 & mask >> 2 & mask >> 3;

		if (runs)
			return pos + __builtin_ctzll(runs);
		if (lines->bytes.size - lines->look <= 64)
			return lines->bytes.size;
		/* A run may have begun in the last three bytes. */
		pos = lines->look + 61;
	}
	return lines->bytes.size;
}

/**
 * Where the text that starts at @p start ends, which is among the bytes that were looked at. So is
 * what is returned, or it is right behind them.
 */
static size_t line_end(struct hc_lines *lines, size_t start)
{
	size_t end = start, size = 1;

	while (size && end < lines->bytes.size) {
		if (end - lines->look > 63)
			look_from(lines, end);
		uint64_t others = ~(lines->ascii >> (end - lines->look));
		end += others ? __builtin_ctzll(others) : 64;
		if (end - lines->look > 63)
			continue;
		size = lines->may >> (end - lines->look) & 1
			       ? hc_utf8_size(lines->bytes.data + end,
					      lines->bytes.data + lines->bytes.size)
			       : 0;
		end += size;
	}
	return end;
}

bool hc_lines_next(struct hc_lines *lines, struct hc_bytes *ret)
{
	while ((lines->pos = skip_binary(lines, lines->pos)) < lines->bytes.size) {
		size_t start = lines->pos;
		size_t end = line_end(lines, start);

		lines->pos = end > start ? end : start + 1;
		start = leave_pointer(lines, start, end);
		if (end - start < HC_LINE_MIN_SIZE || is_address(lines, start, end))
			continue;
		*ret = (struct hc_bytes){lines->bytes.data + start, end - start};
		return true;
	}
	return false;
}
/**@}*/

/** @name Tokens */
/**@{*/

const char *hc_token_kind_name(enum hc_token_kind kind)
{
	static const char *const names[] = {
		[HC_TOKEN_PAIR] = "pair",
		[HC_TOKEN_HEADER] = "header",
		[HC_TOKEN_PATH] = "path",
		[HC_TOKEN_WORD] = "word",
	};
	return names[kind];
}

/** Tokens on their way out. */
struct sink {
	struct hc_bytes line;
	struct hc_token *tokens;
	size_t num, max;
};

static bool has(struct hc_bytes line, size_t pos, uint8_t trait)
{
	return pos < line.size && traits[line.data[pos]] & trait;
}

static bool is(struct hc_bytes line, size_t pos, char c)
{
	return pos < line.size && line.data[pos] == (uint8_t)c;
}

static bool is_blank(struct hc_bytes line, size_t pos)
{
	return is(line, pos, ' ') || is(line, pos, '\t');
}

static size_t skip(struct hc_bytes line, size_t pos, uint8_t trait)
{
	while (has(line, pos, trait))
		pos++;
	return pos;
}

/** @param value where the value starts; 0: there is none */
static void emit(struct sink *sink, enum hc_token_kind kind, size_t start, size_t value, size_t end)
{
	bool cut = end - start > HC_TOKEN_MAX_SIZE;

	if (sink->num == sink->max)
		return;
	sink->tokens[sink->num++] = (struct hc_token){
		.kind = kind,
		.cut = cut,
		.text = {sink->line.data + start, cut ? HC_TOKEN_MAX_SIZE : end - start},
		.key_size = value ? value - start : 0,
	};
}

/** Words begin and end with a letter, a digit, or what is left of a longer word's rim. */
static void emit_word(struct sink *sink, size_t start, size_t end)
{
	const uint8_t *data = sink->line.data;

	while (end > start && !(traits[data[end - 1]] & ALNUM))
		end--;
	while (start < end && !(traits[data[start]] & ALNUM))
		start++;
	if (end - start >= HC_TOKEN_MIN_WORD)
		emit(sink, HC_TOKEN_WORD, start, 0, end);
}

/**
 * Where a name that starts at @p pos ends, when a letter begins it and it is short enough; else @p
 * pos.
 */
static size_t name_end(struct hc_bytes line, size_t pos)
{
	if (!has(line, pos, ALNUM) || !has(line, pos, NAME) ||
	    (line.data[pos] >= '0' && line.data[pos] <= '9'))
		return pos;
	size_t end = skip(line, pos, NAME);
	return end - pos <= HC_TOKEN_MAX_NAME ? end : pos;
}

/** The value of name= or name="; where it ends. */
static size_t value_end(struct hc_bytes line, size_t pos)
{
	if (is(line, pos, '"')) {
		const uint8_t *quote =
			line.size - pos > 1 ? memchr(line.data + pos + 1, '"', line.size - pos - 1)
					    : NULL;
		if (quote)
			return quote - line.data + 1;
	}
	for (; has(line, pos, VALUE); pos++) {
		if (!is(line, pos, ','))
			continue;
		size_t next = name_end(line, pos + 1);
		if (pos + 1 == line.size || !has(line, pos + 1, VALUE) ||
		    (next > pos + 1 && is(line, next, '=')))
			break;
	}
	return pos;
}

/** "key":value. @return where to go on, or @p pos when it is none */
static size_t scan_json(struct sink *sink, size_t pos)
{
	struct hc_bytes line = sink->line;
	size_t name = pos + 1, end = name;

	while (end < line.size && end - name <= HC_TOKEN_MAX_NAME && !is(line, end, '"') &&
	       !is(line, end, '\\'))
		end++;
	if (end == name || !is(line, end, '"'))
		return pos;
	end++;
	while (is_blank(line, end))
		end++;
	if (!is(line, end, ':'))
		return pos;
	end++;
	while (is_blank(line, end))
		end++;
	size_t value = end;
	if (is(line, end, '"')) {
		for (end++; end < line.size && !is(line, end, '"'); end++)
			end += is(line, end, '\\');
		end = end < line.size ? end + 1 : line.size;
	} else {
		end = skip(line, end, NAME);
	}
	if (end > value)
		emit(sink, HC_TOKEN_PAIR, pos, value, end);
	return end;
}

static size_t scan_path(struct sink *sink, size_t pos)
{
	size_t end = skip(sink->line, pos, PATH);
	size_t segment = pos, segments = 0;

	if (end - pos < HC_TOKEN_MIN_WORD)
		return end;
	emit(sink, HC_TOKEN_PATH, pos, pos + 1, end);
	for (size_t i = pos; i <= end; i++) {
		if (i < end && !is(sink->line, i, '/'))
			continue;
		/* A path of one segment says no more than that. */
		if (i > segment && (segments++ || i < end))
			emit_word(sink, segment, i);
		segment = i + 1;
	}
	return end;
}

/** A word or a pair. */
static size_t scan_word(struct sink *sink, size_t pos)
{
	struct hc_bytes line = sink->line;
	size_t name = name_end(line, pos);

	if (name > pos && is(line, name, '=') && !is(line, name + 1, '=')) {
		size_t end = value_end(line, name + 1);

		emit(sink, HC_TOKEN_PAIR, pos, name + 1, end);
		return end;
	}
	size_t end = skip(line, pos, WORD);
	emit_word(sink, pos, end);
	return end;
}

/** Name: value at the start of the line. @return where the value starts, or 0 */
static size_t scan_header(struct sink *sink)
{
	struct hc_bytes line = sink->line;
	size_t name = name_end(line, 0);

	if (!name || !is(line, name, ':') || !is(line, name + 1, ' ') || name + 2 >= line.size)
		return 0;
	emit(sink, HC_TOKEN_HEADER, 0, name + 2, line.size);
	return name + 2;
}

size_t hc_tokens_of_line(struct hc_bytes line, struct hc_token *ret, size_t max)
{
	struct sink sink = {line, ret, 0, max};
	size_t pos = scan_header(&sink);

	while (pos < line.size && sink.num < max) {
		size_t next = pos;

		if (is(line, pos, '"'))
			next = scan_json(&sink, pos);
		else if (is(line, pos, '/'))
			next = scan_path(&sink, pos);
		else if (has(line, pos, WORD))
			next = scan_word(&sink, pos);
		pos = next > pos ? next : pos + 1;
	}
	return sink.num;
}

size_t hc_atoms_of_line(struct hc_bytes line, struct hc_bytes *ret, size_t max)
{
	size_t start = 0, num = 0;

	for (size_t i = 0; i < line.size && num + 1 < max; i++) {
		if (traits[line.data[i]] & WORD && line.data[i] != '/' && line.data[i] != ':')
			continue;
		ret[num++] = (struct hc_bytes){line.data + start, i - start};
		start = i + 1;
	}
	ret[num++] = (struct hc_bytes){line.data + start, line.size - start};
	return num;
}

struct hc_token hc_token_parse(struct hc_bytes text)
{
	struct hc_token token = {.kind = HC_TOKEN_WORD, .text = text};

	hc_tokens_of_line(text, &token, 1);
	return token;
}
/**@}*/
