/**
 * @file
 * Splitting a line into words; see shell.h.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/verbs/shell.h"

/** Where splitting is. Words are never longer than what they are made of: they are written in
 * place.
 */
struct cursor {
	const char *from;
	char *to;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/** Copy what is in quotes of one kind. @return false when they don't end */
static bool take_quoted(struct cursor *cursor)
{
	char quote = *cursor->from++;

	while (*cursor->from && *cursor->from != quote) {
		/* Of a pattern in double quotes all other backslashes stay. */
		if (quote == '"' && *cursor->from == '\\' && cursor->from[1] &&
		    strchr("\"\\$`", cursor->from[1]))
			cursor->from++;
		*cursor->to++ = *cursor->from++;
	}
	return *cursor->from && *cursor->from++ == quote;
}

/** Copy one word and end it. @return false when a quote doesn't end */
static bool take_word(struct cursor *cursor)
{
	while (*cursor->from && !is_blank(*cursor->from) && *cursor->from != '|') {
		if (*cursor->from == '\'' || *cursor->from == '"') {
			if (!take_quoted(cursor))
				return false;
			continue;
		}
		if (*cursor->from == '\\' && cursor->from[1])
			cursor->from++;
		*cursor->to++ = *cursor->from++;
	}
	*cursor->to++ = '\0';
	return true;
}

struct hc_error *hc_shell_split(const char *line, struct hc_shell_words *ret)
{
	/* Twice as much: the first half is words with a NUL each, the second what stands behind |.
	 */
	size_t size = strlen(line) + 1;
	char *text = malloc(2 * size);
	struct cursor cursor = {line, text};

	*ret = (struct hc_shell_words){.text = text};
	if (!text)
		return &hc_enomem;
	for (;;) {
		cursor.from += strspn(cursor.from, " \t\r\n");
		if (!*cursor.from || *cursor.from == '#')
			return NULL;
		if (*cursor.from == '|') {
			ret->pipe = memcpy(text + size, line, size) + (cursor.from + 1 - line);
			return NULL;
		}
		if (ret->num == HC_SHELL_MAX_WORDS - 1)
			return hc_error_create(HC_ERROR_ARGUMENT, "more than %d words in a line",
					       HC_SHELL_MAX_WORDS - 1);
		ret->items[ret->num++] = cursor.to;
		if (!take_word(&cursor))
			return hc_error_create(HC_ERROR_ARGUMENT, "a quote does not end");
	}
}

void hc_shell_words_deinit(struct hc_shell_words *words)
{
	free(words->text);
}
