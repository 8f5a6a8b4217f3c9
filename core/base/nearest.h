/**
 * @file
 * Which of some words somebody meant who typed another.
 *
 * Words are offered one by one, and the nearest is kept: one that the typed word begins, or else
 * one that a few slips of the finger lead to (a letter too many, too few, another one, or two that
 * changed places). A slip for every three letters is plausible; with more of them it is another
 * word, and nothing is suggested. Capitals, blanks, '-' and '_' make no difference.
 */
#ifndef HC_CORE_BASE_NEAREST_H
#define HC_CORE_BASE_NEAREST_H

#include <stdbool.h>

struct hc_nearest {
	const char *typed;
	const char *word;  /**< the nearest so far, borrowed; NULL: none is near */
	unsigned distance; /**< of @ref word */
};

static inline struct hc_nearest hc_nearest_to(const char *typed)
{
	return (struct hc_nearest){.typed = typed};
}

/** @param word outlives @p nearest; of equally near ones the first is kept */
void hc_nearest_offer(struct hc_nearest *nearest, const char *word);

/** Whether two words are the same but for capitals, and for blanks, '-' and '_'. */
bool hc_same_word(const char *a, const char *b);

#endif
