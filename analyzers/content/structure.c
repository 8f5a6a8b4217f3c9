/**
 * @file
 * Structural tests on bytes.
 */
#include "analyzers/content/structure.h"

#include "core/base/array.h"
#include "core/base/utf8.h"

static bool is_in_ranges(const struct hc_ranges *ranges, uint64_t address)
{
	const struct hc_range *items = ranges->items;
	size_t num = ranges->num;

	/* Most words are outside of all. */
	if (!num || address < items[0].start || address >= items[num - 1].end)
		return false;
	return address >= items[hc_lower_bound(num, i, items[i].end <= address)].start;
}

/* --- Text --- */

static inline bool is_ascii_text(uint8_t byte)
{
	return (byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\r' || byte == '\t';
}

/** Sixteen bytes at once; the compiler makes the machine's vectors of it. */
typedef uint8_t bytes_vec __attribute__((vector_size(16)));
typedef uint64_t words_vec __attribute__((vector_size(16)));

/** 0xff in each byte that is ASCII text. */
static inline bytes_vec ascii_text(const uint8_t *pos)
{
	bytes_vec bytes;

	memcpy(&bytes, pos, sizeof(bytes));
	return (bytes_vec)(bytes - 0x20 < 0x5f) | (bytes_vec)(bytes == '\n') |
	       (bytes_vec)(bytes == '\r') | (bytes_vec)(bytes == '\t');
}

/** Past the ASCII text at @p pos. */
static const uint8_t *skip_ascii_text(const uint8_t *pos, const uint8_t *end)
{
	while (end - pos >= sizeof(bytes_vec)) {
		words_vec words = (words_vec)ascii_text(pos);

		if ((words[0] & words[1]) != UINT64_MAX)
			break;
		pos += sizeof(bytes_vec);
	}
	while (pos < end && is_ascii_text(*pos))
		pos++;
	return pos;
}

/** The run that starts at @p start, maybe empty. */
static struct hc_text_run scan_run(struct hc_bytes window, size_t start)
{
	const uint8_t *end = window.data + window.size;
	const uint8_t *pos = window.data + start;
	struct hc_text_run run = {.start = start};

	for (;;) {
		pos = skip_ascii_text(pos, end);

		size_t size = pos < end && *pos >= 0x80 ? hc_utf8_size(pos, end) : 0;
		if (!size)
			break;
		run.utf8 = true;
		pos += size;
	}
	run.size = pos - (window.data + start);
	/* A character that the window cuts in two is the window's doing. */
	run.ended = pos == end || *pos == 0 || (run.utf8 && end - pos < 4 && *pos >= 0xc2);
	return run;
}

/** The top bits of eight bytes as the bits of one. */
static inline uint64_t gather_bits(uint64_t word)
{
	return (word >> 7 & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080) >> 56;
}

/** Bit per byte of sixteen: may be part of text, ASCII or beyond. */
static inline uint64_t text_bits(const uint8_t *pos)
{
	bytes_vec bytes;

	memcpy(&bytes, pos, sizeof(bytes));
	words_vec words = (words_vec)(ascii_text(pos) | bytes);
	return gather_bits(words[0]) | gather_bits(words[1]) << 8;
}

/** The same of the first HC_TEXT_MAX_OFFSET, or of as many as there are. */
static uint64_t text_mask(struct hc_bytes window)
{
	size_t size = window.size < HC_TEXT_MAX_OFFSET ? window.size : HC_TEXT_MAX_OFFSET;
	uint64_t mask = 0;
	size_t i = 0;

	if (size < sizeof(bytes_vec)) {
		uint8_t padded[sizeof(bytes_vec)] = {}; /* NUL is no text */

		if (size)
			memcpy(padded, window.data, size);
		return text_bits(padded);
	}
	for (; i + sizeof(bytes_vec) <= size; i += sizeof(bytes_vec))
		mask |= text_bits(window.data + i) << i;
	/* The last bytes, some of them for the second time. */
	i = size - sizeof(bytes_vec);
	return mask | text_bits(window.data + i) << i;
}

size_t hc_text_runs(struct hc_bytes window, struct hc_text_run *ret)
{
	uint64_t all = text_mask(window);
	uint64_t beyond = window.size > HC_TEXT_MAX_OFFSET ? UINT64_MAX : 0;
	uint64_t mask = all;
	size_t num = 0;

	/* Keep the starts of enough in a row; what lies beyond the mask may be text. */
	for (unsigned i = 1; i < HC_TEXT_MIN_SIZE; i++)
		mask &= all >> i | beyond << (64 - i);
	for (size_t pos = 0; mask && num < HC_MAX_TEXT_RUNS;) {
		pos = __builtin_ctzll(mask);

		struct hc_text_run run = scan_run(window, pos);
		if (run.size >= HC_TEXT_MIN_SIZE)
			ret[num++] = run;
		pos += run.size ? run.size : 1;
		if (pos >= 64)
			break;
		mask &= UINT64_MAX << pos;
	}
	return num;
}

unsigned hc_text_marks(struct hc_bytes text)
{
	static const char marks[] = HC_MARKS;
	enum { NUM = sizeof(marks) - 1 };
	bytes_vec found[NUM] = {};
	unsigned ret = 0;
	size_t i = 0;

	for (; i + sizeof(bytes_vec) <= text.size; i += sizeof(bytes_vec)) {
		bytes_vec bytes;

		memcpy(&bytes, text.data + i, sizeof(bytes));
		for (unsigned k = 0; k < NUM; k++)
			found[k] |= (bytes_vec)(bytes == (uint8_t)marks[k]);
	}
	for (unsigned k = 0; k < NUM; k++) {
		words_vec words = (words_vec)found[k];

		if ((words[0] | words[1]) ||
		    (i < text.size && memchr(text.data + i, marks[k], text.size - i)))
			ret |= 1u << k;
	}
	return ret;
}

static bool sds_counts(const uint8_t *text, size_t before, size_t size, bool big_endian)
{
	switch (text[-1] & 7) {
	case 0:
		return text[-1] >> 3 == size;
	case 1:
		return before >= 3 && text[-3] == size;
	case 2:
		return before >= 5 && hc_read16(text - 5, big_endian) == size;
	case 3:
		return before >= 9 && hc_read32(text - 9, big_endian) == size;
	default:
		return false;
	}
}

/**
 * Whether something before the run says how long it is: a 32- or 64-bit field of that value
 * (std::string's representation, CPython's str and bytes, many buffers), the header of an sds
 * string of Redis, or the size of the block in the word before it (SQLite's allocator and others
 * that wrap malloc).
 */
static bool is_counted(struct hc_bytes window, const struct hc_text_run *run, bool big_endian)
{
	if (run->start && sds_counts(window.data + run->start, run->start, run->size, big_endian))
		return true;
	for (size_t i = 0; i + 4 <= run->start; i += 4) {
		if (hc_read32(window.data + i, big_endian) == run->size)
			return true;
	}
	/* An allocator's size in front of the block: what was asked for, rounded up. */
	return run->start >= 8 && run->start % 8 == 0 &&
	       hc_read64(window.data + run->start - 8, big_endian) ==
		       ((run->size + 8) & ~UINT64_C(7));
}

static bool all_word_characters(const uint8_t *pos, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t lower = pos[i] | 0x20;

		if (!(lower >= 'a' && lower <= 'z') && !(pos[i] >= '0' && pos[i] <= '9') &&
		    pos[i] != '_' && pos[i] != '-' && pos[i] != '.' && pos[i] != '/' &&
		    pos[i] != ':')
			return false;
	}
	return true;
}

static bool all_letters(const uint8_t *pos, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((pos[i] | 0x20) < 'a' || (pos[i] | 0x20) > 'z')
			return false;
	}
	return true;
}

/** A pointer and the word after it may both look like text; longer runs are no numbers. */
#define MAX_POINTER_WORDS 2

/** Whether a short run begins in a word that is an address. */
static bool run_is_pointer(struct hc_bytes window, const struct hc_text_run *run,
			   const struct hc_ranges *ranges, unsigned word_size, bool big_endian)
{
	size_t word = run->start - run->start % word_size;

	return run->size < MAX_POINTER_WORDS * word_size && window.size - word >= word_size &&
	       is_in_ranges(ranges, hc_read_word(window.data + word, word_size, big_endian));
}

/** Whether a run that nothing but its looks speaks for is long enough, or a word. */
static bool looks_like_text(struct hc_bytes window, const struct hc_text_run *run)
{
	const uint8_t *text = window.data + run->start;

	if (run->size >= 8)
		return true;
	if (run->utf8)
		return false;
	return run->size > 4 ? all_word_characters(text, run->size) : all_letters(text, run->size);
}

/** Unused bytes behind a string that malloc may have rounded up to, plus some for the program. */
#define MAX_SLACK 40
/** A text of this many bytes is what a chunk is for, whatever stale bytes follow. */
#define LONG_TEXT 64

/** Whether what follows the NUL that ends a run looks like slack. */
static bool rest_is_slack(struct hc_bytes window, const struct hc_text_run *run)
{
	size_t end = run->start + run->size;
	size_t rest = window.size - end, texts = 0;

	if (rest < MAX_SLACK || run->size >= LONG_TEXT || run->size >= rest)
		return true;
	if (hc_is_zero((struct hc_bytes){window.data + end, rest}))
		return true;
	for (size_t i = end; i < end + MAX_SLACK; i++)
		texts += is_ascii_text(window.data[i]);
	return texts >= MAX_SLACK * 3 / 4;
}

bool hc_run_is_text(struct hc_bytes window, const struct hc_text_run *run,
		    const struct hc_ranges *ranges, unsigned word_size, bool big_endian)
{
	if (!run->ended || run_is_pointer(window, run, ranges, word_size, big_endian))
		return false;
	if (run->start == 0)
		return looks_like_text(window, run) && rest_is_slack(window, run);
	if (is_counted(window, run, big_endian))
		return (!run->utf8 || run->size >= 8) && rest_is_slack(window, run);
	return run->size >= 16 && run->size >= window.size / 2;
}

bool hc_run_leave_pointer(struct hc_bytes window, struct hc_text_run *run,
			  const struct hc_ranges *ranges, unsigned word_size, bool big_endian)
{
	size_t into = run->start % word_size, word = run->start - into, step = word_size - into;

	/* There the last bytes of an address are zero. */
	if (!into || (word_size == 8 && !big_endian) || run->size <= step ||
	    !is_in_ranges(ranges, hc_read_word(window.data + word, word_size, big_endian)))
		return true;
	run->start += step;
	run->size -= step;
	return run->size >= HC_TEXT_MIN_SIZE;
}

/** Whether what lies before the run can be a number: its most significant byte is zero. */
static bool follows_number(struct hc_bytes window, const struct hc_text_run *run,
			   const struct hc_ranges *ranges, unsigned word_size, bool big_endian)
{
	const uint8_t *start = window.data + run->start;

	if (start[-1] == 0 || (big_endian && start[-4] == 0))
		return true;
	return (word_size == 4 || big_endian) && run->start % word_size == 0 &&
	       is_in_ranges(ranges, hc_read_word(start - word_size, word_size, big_endian));
}

bool hc_run_is_field(struct hc_bytes window, const struct hc_text_run *run,
		     const struct hc_ranges *ranges, unsigned word_size, bool big_endian)
{
	bool has_nul = run->ended && run->start + run->size < window.size;

	return has_nul && run->size >= 8 && run->start % 4 == 0 && run->start > 0 &&
	       follows_number(window, run, ranges, word_size, big_endian) &&
	       !run_is_pointer(window, run, ranges, word_size, big_endian);
}

/* --- JSON --- */

struct json {
	const uint8_t *pos, *end;
	uint64_t objects; /**< bit per level: an object, else an array */
	unsigned depth;
	unsigned members, strings, values;
	bool cut; /**< the text ended in the middle */
};

#define JSON_MAX_DEPTH 64

static void json_skip_space(struct json *json)
{
	while (json->pos < json->end && (*json->pos == ' ' || *json->pos == '\n' ||
					 *json->pos == '\r' || *json->pos == '\t'))
		json->pos++;
}

/** Step over a string, the opening quote under the cursor. */
static bool json_string(struct json *json)
{
	for (json->pos++; json->pos < json->end; json->pos++) {
		if (*json->pos == '"') {
			json->pos++;
			json->strings++;
			return true;
		}
		if (*json->pos < 0x20)
			return false;
		if (*json->pos == '\\' && ++json->pos < json->end &&
		    !memchr("\"\\/bfnrtu", *json->pos, 9))
			return false;
	}
	json->cut = true;
	return true;
}

/** Step over a number or a name. */
static bool json_scalar(struct json *json)
{
	static const char *const names[] = {"true", "false", "null"};
	const uint8_t *start = json->pos;
	size_t left = json->end - start;

	for (size_t i = 0; i < 3; i++) {
		size_t size = strlen(names[i]);

		if (size > left)
			size = left;
		if (memcmp(start, names[i], size) == 0) {
			json->pos += size;
			return true;
		}
	}
	while (json->pos < json->end && memchr("+-.0123456789eE", *json->pos, 15))
		json->pos++;
	return json->pos > start && (*start == '-' || (*start >= '0' && *start <= '9'));
}

/** Step over a member's name and colon. */
static bool json_name(struct json *json)
{
	json_skip_space(json);
	if (json->pos == json->end) {
		json->cut = true;
		return true;
	}
	if (*json->pos != '"' || !json_string(json))
		return false;
	json_skip_space(json);
	if (json->pos == json->end) {
		json->cut = true;
		return true;
	}
	json->members++;
	return *json->pos++ == ':';
}

/** Enter an object or array. */
static bool json_open(struct json *json, bool object)
{
	if (json->depth == JSON_MAX_DEPTH) {
		json->cut = true;
		return true;
	}
	json->pos++;
	json->objects &= ~(UINT64_C(1) << json->depth);
	json->objects |= (uint64_t)object << json->depth;
	json->depth++;
	json_skip_space(json);
	if (object && json->pos < json->end && *json->pos != '}')
		return json_name(json);
	return true;
}

/** Step over a value; of an object or array only the opening, up to its first value. */
static bool json_value(struct json *json, bool *opened_ret)
{
	*opened_ret = false;
	json->values++;
	switch (*json->pos) {
	case '{':
	case '[':
		*opened_ret = true;
		return json_open(json, *json->pos == '{');
	case '"':
		return json_string(json);
	default:
		return json_scalar(json);
	}
}

/** Step over what follows a value: a comma with the next name, or closing brackets. */
static bool json_after_value(struct json *json, bool *more_ret)
{
	*more_ret = false;
	while (json->depth) {
		bool object = json->objects >> (json->depth - 1) & 1;

		json_skip_space(json);
		if (json->pos == json->end) {
			json->cut = true;
			return true;
		}
		if (*json->pos == ',') {
			json->pos++;
			*more_ret = true;
			return object ? json_name(json) : true;
		}
		if (*json->pos != (object ? '}' : ']'))
			return false;
		json->pos++;
		json->depth--;
	}
	return true;
}

/** Step over everything; false: no JSON. */
static bool json_scan(struct json *json)
{
	bool more = true;

	while (more && !json->cut) {
		bool opened;

		json_skip_space(json);
		if (json->pos == json->end) {
			json->cut = true;
			break;
		}
		if (!json_value(json, &opened))
			return false;
		json_skip_space(json);
		/* A container that is not closed at once goes on with its first value. */
		if (opened && !json->cut && json->pos < json->end && *json->pos != ']' &&
		    *json->pos != '}')
			continue;
		if (!json->cut && !json_after_value(json, &more))
			return false;
	}
	return true;
}

bool hc_is_json(struct hc_bytes text)
{
	struct json json = {.pos = text.data, .end = text.data + text.size};

	json_skip_space(&json);
	if (json.pos == json.end || (*json.pos != '{' && *json.pos != '['))
		return false;

	bool array = *json.pos == '[';
	if (!json_scan(&json))
		return false;
	/* What follows a whole value may be white space and then another one. */
	if (!json.cut && json.pos<json.end && * json.pos> ' ')
		return false;
	return json.members || (array && (json.strings || json.values > 2));
}

/* --- Binary --- */

bool hc_is_pointers(struct hc_bytes window, const struct hc_ranges *ranges, unsigned word_size,
		    bool big_endian)
{
	size_t num = window.size / word_size;
	size_t pointers = 0, others = 0;

	for (size_t i = 0; i < num; i++) {
		uint64_t word = hc_read_word(window.data + i * word_size, word_size, big_endian);

		if (!word)
			continue;
		if (is_in_ranges(ranges, word))
			pointers++;
		else if (++others > num / 8)
			return false;
	}
	return pointers && others <= pointers / 7;
}

#define SMALL_INT 65536

/** Whether all units are small, but for @p stale bytes at the end. */
static bool units_are_small(struct hc_bytes window, unsigned size, size_t stale, bool big)
{
	size_t end = window.size - stale;
	bool any = false;

	for (size_t i = 0; i + size <= end; i += size) {
		int64_t value = size == 8 ? (int64_t)hc_read64(window.data + i, big)
					  : (int32_t)hc_read32(window.data + i, big);

		if (value <= -SMALL_INT || value >= SMALL_INT)
			return false;
		any |= value != 0;
	}
	return any;
}

bool hc_is_small_ints(struct hc_bytes window, bool big_endian)
{
	/* Slack can only be told from content when there is enough of the latter. */
	size_t stale = window.size >= 128 ? 16 : 0;

	return units_are_small(window, 4, stale, big_endian) ||
	       units_are_small(window, 8, stale, big_endian);
}

/** Whether a double's exponent is that of a number that somebody would count or measure. */
static bool is_usual_double(uint64_t bits)
{
	unsigned exponent = bits >> 52 & 0x7ff;

	return exponent >= 1023 - 40 && exponent <= 1023 + 40;
}

static bool is_usual_float(uint32_t bits)
{
	unsigned exponent = bits >> 23 & 0xff;

	return exponent >= 127 - 20 && exponent <= 127 + 20;
}

/** @param least numbers that are not 0 */
static bool units_are_floats(struct hc_bytes window, unsigned size, size_t least, bool big)
{
	uint64_t first = 0;
	size_t num = 0;
	bool differ = false;

	for (size_t i = 0; i + size <= window.size; i += size) {
		uint64_t bits = hc_read_word(window.data + i, size, big);

		if (!bits)
			continue;
		if (size == 8 ? !is_usual_double(bits) : !is_usual_float(bits))
			return false;
		if (!num++)
			first = bits;
		differ |= bits != first;
	}
	return num >= least && differ;
}

bool hc_is_floats(struct hc_bytes window, bool big_endian)
{
	return units_are_floats(window, 8, 4, big_endian) ||
	       units_are_floats(window, 4, 8, big_endian);
}

bool hc_is_repeated(struct hc_bytes window)
{
	size_t size = window.size >= 128 ? window.size - 16 : window.size;

	if (size < 32)
		return false;
	for (size_t unit = 1; unit <= 16 && unit * 4 <= size; unit *= 2) {
		/* Every byte is the one that stands a unit before it. */
		if (memcmp(window.data, window.data + unit, size - unit) == 0)
			return !hc_is_zero((struct hc_bytes){window.data, unit});
	}
	return false;
}

bool hc_is_wide_text(struct hc_bytes window, unsigned unit, bool big_endian)
{
	size_t num = 0, ascii = 0;

	for (size_t i = 0; i + unit <= window.size; i += unit) {
		uint32_t c = unit == 4 ? hc_read32(window.data + i, big_endian)
				       : hc_read16(window.data + i, big_endian);

		if (!i && c == 0xfeff)
			continue;
		if (!c)
			break;
		if (c >= 0x600 || (c < 0x20 && c != '\n' && c != '\r' && c != '\t') ||
		    (c >= 0x7f && c < 0xa0))
			return false;
		num++;
		ascii += c < 0x7f;
	}
	return num >= 4 && ascii >= num / 2;
}

#define RANDOM_LIMIT 380

/** Zeros are what most binary data has most of: noise has a quarter of one in 64 bytes. */
static bool has_many_zeros(struct hc_bytes window)
{
	unsigned zeros = 0;

	for (size_t i = 0; i < HC_RANDOM_MIN_SIZE; i++)
		zeros += window.data[i] == 0;
	return zeros > 8;
}

bool hc_is_random(struct hc_bytes window)
{
	if (window.size < HC_RANDOM_MIN_SIZE)
		return false;
	if (window.size >= 256) {
		window.data += 64;
		window.size -= 64;
	}
	if (has_many_zeros(window))
		return false;

	uint32_t counts[2][256] = {};
	uint64_t squares = 0;

	for (size_t i = 0; i < window.size; i++)
		counts[i & 1][window.data[i]]++;
	for (size_t i = 0; i < 256; i++) {
		uint64_t count = counts[0][i] + counts[1][i];
		squares += count * count;
	}
	/* Σ(c - n/256)² / (n/256) = 256/n·Σc² - n */
	return squares * 256 < (RANDOM_LIMIT + window.size) * window.size;
}
