/**
 * @file
 * Names of types without what is default in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzers/types/short_name.h"

#define STRING "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"

static void assert_short(const char *name, const char *wanted)
{
	char *found = hc_short_type_name(name);

	assert_non_null(found);
	assert_string_equal(found, wanted);
	assert_true(strlen(found) <= strlen(name));
	free(found);
}

static void test_library(void **state)
{
	(void)state;
	assert_short(STRING, "std::string");
	assert_short("std::vector<" STRING ", std::allocator<" STRING " > >",
		     "std::vector<std::string>");
	assert_short("std::map<" STRING ", int, std::less<" STRING
		     " >, std::allocator<std::pair<" STRING " const, int> > >",
		     "std::map<std::string, int>");
	assert_short(
		"std::map<int, A, std::greater<int>, std::allocator<std::pair<int const, A> > >",
		"std::map<int, A, std::greater<int>>");
	assert_short("std::_Sp_counted_ptr_inplace<A, std::allocator<void>, "
		     "(__gnu_cxx::_Lock_policy)2>",
		     "std::_Sp_counted_ptr_inplace<A>");
	assert_short("std::unique_ptr<A, std::default_delete<A> >[]", "std::unique_ptr<A>[]");
	assert_short("struct std::unordered_map<int, int, std::hash<int>, std::equal_to<int>, "
		     "std::allocator<std::pair<int const, int> > >+",
		     "struct std::unordered_map<int, int>+");
}

static void test_kept(void **state)
{
	static const char *const names[] = {
		"app::Session",
		"std::allocator<char>",
		"A<B>::C",
		"A<(x>1), 2>",
		"operator<",
		"f(std::less<int>, int)",
		"A<",
		"<",
		">",
		"",
		"A<std::allocator<int>",
		"x<,>",
		"<<<<",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_short(names[i], names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
