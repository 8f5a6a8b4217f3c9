/**
 * @file
 * Near words; see nearest.h.
 */
#include "core/base/nearest.h"

#include <string.h>

/** Longer words are not compared letter by letter. */
#define MAX_WORD 40

/** A letter as it is compared. */
static char plain(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 'a';
	return c == '_' || c == ' ' ? '-' : c;
}

bool hc_same_word(const char *a, const char *b)
{
	while (*a && plain(*a) == plain(*b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static bool begins(const char *word, const char *start)
{
	while (*start && plain(*start) == plain(*word)) {
		start++;
		word++;
	}
	return !*start;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/**
 * Edit distance in which two neighbours that changed places are one slip (the "optimal string
 * alignment" of Damerau's distance).
 */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][MAX_WORD + 1];
	size_t b_len = strlen(b);

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3];
		const unsigned *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			bool same = plain(a[i - 1]) == plain(b[j - 1]);

			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !same);
			if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) &&
			    plain(a[i - 2]) == plain(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][b_len];
}

void hc_nearest_offer(struct hc_nearest *nearest, const char *word)
{
	size_t len = strlen(nearest->typed);
	unsigned found;

	if (len < 2 || len > MAX_WORD || strlen(word) > MAX_WORD)
		return;
	if (begins(word, nearest->typed)) {
		/* Whole words of it are more likely than parts. */
		found = !word[len] || plain(word[len]) == '-' ? 0 : 1;
	} else {
		found = distance(nearest->typed, word);
		if (found > len / 3)
			return;
	}
	if (!nearest->word || found < nearest->distance) {
		nearest->word = word;
		nearest->distance = found;
	}
}
