/**
 * @file
 * Shortening names of types. All rules make a text shorter, so each works in place.
 */
#include "analyzers/types/short_name.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/** More template arguments than this in a row are not looked at. */
#define MAX_ARGUMENTS 64

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/** Replace @p size bytes by a text that is not longer. */
static void replace(char *at, size_t size, const char *by)
{
	size_t len = strlen(by);

	memmove(at + len, at + size, strlen(at + size) + 1);
	memcpy(at, by, len);
}

/** Replace every occurrence of a text by one that is not longer. */
static void replace_all(char *name, const char *what, const char *by)
{
	for (char *at = name; (at = strstr(at, what)); at += strlen(by))
		replace(at, strlen(what), by);
}

/** The end of a template argument: a comma or ">" that closes nothing; NULL: there is none. */
static char *argument_end(char *from)
{
	unsigned depth = 0;

	for (char *at = from; *at; at++) {
		if (!depth && (*at == ',' || *at == '>'))
			return at;
		if (*at == '<' || *at == '(' || *at == '[')
			depth++;
		else if (*at == '>' || *at == ')' || *at == ']')
			depth -= depth > 0;
	}
	return NULL;
}

/** What the library's templates have where nobody says otherwise. */
static bool is_default(const char *argument)
{
	static const char *const names[] = {"std::allocator<",
					    "std::char_traits<",
					    "std::less<",
					    "std::hash<",
					    "std::equal_to<",
					    "std::default_delete<",
					    "(__gnu_cxx::_Lock_policy)"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (starts_with(argument, names[i]))
			return true;
	}
	return false;
}

/** Drop defaults at the end of the arguments behind a "<". */
static void drop_defaults(char *open)
{
	char *ends[MAX_ARGUMENTS];
	unsigned num = 0, kept;
	char *from = open + 1;

	do {
		ends[num] = argument_end(from);
		if (!ends[num])
			return;
		from = ends[num++] + 1;
	} while (num < MAX_ARGUMENTS && *ends[num - 1] == ',');
	if (*ends[num - 1] != '>')
		return;
	for (kept = num; kept > 1; kept--) {
		const char *argument = ends[kept - 2] + 1;

		if (!is_default(argument + strspn(argument, " ")))
			break;
	}
	if (kept < num)
		replace(ends[kept - 1], ends[num - 1] - ends[kept - 1], "");
}

char *hc_short_type_name(const char *name)
{
	char *ret = strdup(name);

	if (!ret)
		return NULL;
	replace_all(ret, "std::__cxx11::", "std::");
	replace_all(ret, "std::__1::", "std::");
	/* From the innermost templates out, so that what holds a default is short already. */
	for (char *at = ret + strlen(ret); at > ret; at--) {
		if (at[-1] == '<')
			drop_defaults(at - 1);
	}
	replace_all(ret, " >", ">");
	replace_all(ret, "std::basic_string<char>", "std::string");
	replace_all(ret, "std::basic_string<wchar_t>", "std::wstring");
	replace_all(ret, "std::basic_string_view<char>", "std::string_view");
	return ret;
}
