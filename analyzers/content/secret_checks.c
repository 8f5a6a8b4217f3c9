/**
 * @file
 * Checks of secrets; see secret_checks.h.
 */
#include "analyzers/content/secret_checks.h"

#include <stdbool.h>
#include <string.h>

#include "core/base/array.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* --- Cards --- */

#define MIN_CARD_DIGITS 12
#define MAX_CARD_DIGITS 19

void hc_secret_luhn(struct hc_bytes text, uint8_t *flags)
{
	unsigned sum = 0, digits = 0;

	for (size_t i = text.size; i-- > 0;) {
		if (!is_digit(text.data[i]))
			continue;
		unsigned value = text.data[i] - '0';

		/* Every second digit from the right counts twice, by its cross sum. */
		if (digits++ % 2)
			value = value > 4 ? 2 * value - 9 : 2 * value;
		sum += value;
	}
	if (digits >= MIN_CARD_DIGITS && digits <= MAX_CARD_DIGITS && sum % 10 == 0)
		memset(flags, 1, text.size);
}

/* --- Bank accounts --- */

/** Characters of an IBAN by country, from the registry of ISO 13616; by country code. */
static const struct {
	char country[3];
	uint8_t length;
} ibans[] = {
	{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16},
	{"BG", 22}, {"BH", 22}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28},
	{"CZ", 24}, {"DE", 22}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24},
	{"FI", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18},
	{"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23},
	{"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32},
	{"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24},
	{"ME", 22}, {"MK", 19}, {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NL", 18}, {"NO", 15},
	{"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22},
	{"SA", 24}, {"SC", 31}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"ST", 25},
	{"SV", 28}, {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24},
	{"XK", 20},
};

#define NUM_IBANS (sizeof(ibans) / sizeof(ibans[0]))
#define MAX_IBAN 34

/** Characters that an IBAN of this country has; 0: it has none. */
static size_t iban_length(const char *country)
{
	size_t i = hc_lower_bound(NUM_IBANS, k, memcmp(ibans[k].country, country, 2) < 0);

	return i < NUM_IBANS && !memcmp(ibans[i].country, country, 2) ? ibans[i].length : 0;
}

/** The number modulo 97: the first four characters count last, and a letter is two digits. */
static unsigned iban_remainder(const char *text, size_t size)
{
	unsigned remainder = 0;

	for (size_t i = 0; i < size; i++) {
		uint8_t c = text[(i + 4) % size];

		if (is_digit(c))
			remainder = (remainder * 10 + c - '0') % 97;
		else
			remainder = (remainder * 100 + c - 'A' + 10) % 97;
	}
	return remainder;
}

void hc_secret_iban(struct hc_bytes text, uint8_t *flags)
{
	char compact[MAX_IBAN];
	size_t size = 0, end = 0;

	/* What follows without a blank, or in groups, may belong to the next word: the length
	 * decides. */
	for (size_t i = 0; i < text.size && size < MAX_IBAN; i++) {
		if (text.data[i] == ' ')
			continue;
		compact[size++] = text.data[i];
		if (size >= 4 && size == iban_length(compact)) {
			end = i + 1;
			break;
		}
	}
	if (end && iban_remainder(compact, size) == 1)
		memset(flags, 1, end);
}

/* --- SQL --- */

/** Columns of a statement that are told apart; of later ones all literals are hidden. */
#define MAX_COLUMNS 64

/** Parts of names of columns whose values nobody wants to see. */
static const char *const secret_names[] = {
	"password",   "passwd",  "passphrase",  "pass",        "pwd",     "secret", "token",
	"credential", "api_key", "apikey",      "private_key", "pin",     "cvv",    "cvc",
	"ssn",        "iban",    "card_number", "cardnumber",  "card_no", "otp",
};

/** Whether a name has a part: short parts only as words of their own. */
static bool name_has(struct hc_bytes name, const char *part)
{
	size_t size = strlen(part);

	for (size_t i = 0; size <= name.size && i <= name.size - size; i++) {
		size_t k = 0;

		while (k < size && (name.data[i + k] | 0x20) == (part[k] | 0x20))
			k++;
		if (k < size)
			continue;
		bool starts = i == 0 || !is_letter(name.data[i - 1]);
		bool ends = i + size == name.size || !is_letter(name.data[i + size]);

		if (size > 4 || (starts && ends))
			return true;
	}
	return false;
}

static bool is_secret_name(struct hc_bytes name)
{
	for (size_t i = 0; i < sizeof(secret_names) / sizeof(secret_names[0]); i++) {
		if (name_has(name, secret_names[i]))
			return true;
	}
	return false;
}

/** Behind the list of columns that begins at @p pos. @param[out] columns bit per column */
static size_t read_columns(struct hc_bytes text, size_t pos, uint64_t *columns)
{
	unsigned column = 0;
	size_t start = ++pos;

	for (; pos < text.size; pos++) {
		uint8_t c = text.data[pos];

		if (c != ',' && c != ')')
			continue;
		struct hc_bytes name = {text.data + start, pos - start};

		if (column < MAX_COLUMNS && is_secret_name(name))
			*columns |= UINT64_C(1) << column;
		column++;
		start = pos + 1;
		if (c == ')')
			return pos + 1;
	}
	return pos;
}

/** Behind a quoted literal: a quote is doubled or escaped in it. */
static size_t literal_end(struct hc_bytes text, size_t pos)
{
	uint8_t quote = text.data[pos++];

	for (; pos < text.size; pos++) {
		if (text.data[pos] == '\\' && pos + 1 < text.size)
			pos++;
		else if (text.data[pos] == quote && pos + 1 < text.size &&
			 text.data[pos + 1] == quote)
			pos++;
		else if (text.data[pos] == quote)
			return pos + 1;
	}
	return pos;
}

/** Hide a value without its quotes. */
static void hide(struct hc_bytes text, size_t start, size_t end, uint8_t *flags)
{
	if (end > start && (text.data[start] == '\'' || text.data[start] == '"')) {
		uint8_t quote = text.data[start++];

		if (end > start && text.data[end - 1] == quote)
			end--;
	}
	memset(flags + start, 1, end - start);
}

void hc_secret_sql_insert(struct hc_bytes text, uint8_t *flags)
{
	uint64_t columns = 0;
	size_t pos = read_columns(text, 0, &columns);
	unsigned column = 0, depth = 0;

	if (!columns)
		return;
	while (pos < text.size) {
		uint8_t c = text.data[pos];
		size_t start = pos;

		if (c == '(') {
			if (!depth++)
				column = 0;
		} else if (c == ')') {
			depth -= depth > 0;
		} else if (c == ',' && depth == 1) {
			column++;
		}
		if (c == '\'' || c == '"')
			pos = literal_end(text, pos);
		else
			pos++;
		bool value = c == '\'' || c == '"' || is_digit(c) || is_letter(c);

		if (!depth || !value)
			continue;
		while (c != '\'' && c != '"' && pos < text.size &&
		       (is_digit(text.data[pos]) || is_letter(text.data[pos])))
			pos++;
		if (column >= MAX_COLUMNS || columns >> column & 1)
			hide(text, start, pos, flags);
	}
}
