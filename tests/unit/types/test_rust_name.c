/**
 * @file
 * Names of Rust: both ways to make symbols, and what must stay as it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzers/types/demangle.h"
#include "analyzers/types/rust_name.h"

/** @param wanted NULL: it is no name */
static void assert_name(const char *symbol, const char *wanted)
{
	char *found;

	assert_null(hc_rust_demangle(symbol, &found));
	if (wanted) {
		assert_non_null(found);
		assert_string_equal(found, wanted);
	} else {
		assert_null(found);
	}
	free(found);
}

static void test_older(void **state)
{
	(void)state;
	assert_name("_ZN3app5cache17h0123456789abcdefE", "app::cache");
	assert_name(
		"_ZN51_$LT$app..Book$u20$as$u20$core..ops..drop..Drop$GT$4drop17h0123456789abcdefE",
		"<app::Book as core::ops::drop::Drop>::drop");
	assert_name("_ZN3app4call28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE.llvm.127",
		    "app::call::{{closure}}");
	assert_name("_ZN3app17of$LP$$C$$RP$$BP$17h0123456789abcdefE", "app::of(,)*");
	assert_name("_ZN3app3a$x17h0123456789abcdefE", "app::a$x");
	/* C++, and what isn't whole. */
	assert_name("_ZN3app5cacheE", NULL);
	assert_name("_ZN17h0123456789abcdefE", NULL);
	assert_name("_ZN3app17h0123456789abcdegE", NULL);
	assert_name("_ZN3app17h0123456789abcdef", NULL);
	assert_name("_ZN3app99h0123456789abcdefE", NULL);
	assert_name("_ZN3app17h0123456789abcdefEv", NULL);
	assert_name("_ZN", NULL);
}

static void test_paths(void **state)
{
	(void)state;
	assert_name("_RNvC3app4main", "app::main");
	assert_name("_RNvCs1234_3app4main.llvm.99", "app::main");
	assert_name("_RNvC3app3_1st", "app::1st");
	assert_name("_RNvMs6_C3appNtB5_4Book4open", "<app::Book>::open");
	assert_name("_RNvXs0_C3appNtB5_4BookNtB5_5Shelf3add", "<app::Book as app::Shelf>::add");
	assert_name("_RNvYNtC3app4BookNtB4_5Shelf3add", "<app::Book as app::Shelf>::add");
	assert_name("_RNCNvC3app4mains0_0B5_", "app::main::{closure#2}");
	assert_name("_RNSNvC3app4main4once", "app::main::{shim:once#0}");
	assert_name("_RNZNvC3app4main0", "app::main::{Z#0}");
	assert_name("_RNvC3appu12mnchen_3yaab", "app::punycode{mnchen_3yaab}");
}

static void test_types(void **state)
{
	static const char *const pairs[][2] = {
		{"u", "()"},
		{"TE", "()"},
		{"ThE", "(u8,)"},
		{"ThtE", "(u8, u16)"},
		{"Sh", "[u8]"},
		{"Aj4_", NULL},
		{"Ahj4_", "[u8; 4]"},
		{"Ahjp", NULL},
		{"Ahp", "[u8; _]"},
		{"Se", "[str]"},
		{"RL_e", "&str"},
		{"QNtC3app4Book", "&mut app::Book"},
		{"PNtC3app4Book", "*const app::Book"},
		{"Oz", "*mut !"},
		{"FUKChEi", "unsafe extern \"C\" fn(u8) -> isize"},
		{"FK8fastcallEu", "extern \"fastcall\" fn()"},
		{"FG0_RL1_hRL0_tEu", "for<'a, 'b> fn(&'a u8, &'b u16)"},
		{"DNtC3app5ShelfEL_", "dyn app::Shelf"},
		{"DNtC3app5ShelfNtB2_4SendEL_", "dyn app::Shelf + app::Send"},
		{"DINtC3app4IterhEp4ItemtEL_", "dyn app::Iter<u8, Item = u16>"},
		{"DNtC3app4Iterp4ItemtEL_", "dyn app::Iter<Item = u16>"},
		{"DNtC3app5ShelfEL2_", NULL},
		{"Kj2a_", "42"},
		{"Kin2a_", "-42"},
		{"Ko123456789abcdef01_", "0x123456789abcdef01"},
		{"Kb1_", "true"},
		{"Kb2_", NULL},
		{"Kc61_", "'a'"},
		{"Kca_", "'\\n'"},
		{"Kc20ac_", "'\\u{20ac}'"},
		{"Kc110000_", NULL},
		{"L_", "'_"},
		{"L0_", NULL},
	};
	char symbol[200], wanted[200];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		snprintf(symbol, sizeof(symbol), "_RINvC3app1f%sE", pairs[i][0]);
		snprintf(wanted, sizeof(wanted), "app::f::<%s>", pairs[i][1]);
		assert_name(symbol, pairs[i][1] ? wanted : NULL);
	}
}

/** A symbol is cut after each of its characters. */
static void test_cut(void **state)
{
	static const char whole[] =
		"_RINvMs_NtC3app4bookNtB5_4Book4openDNtB5_5ShelfEL_KjffffFUKCEuEB7_";
	char symbol[sizeof(whole)], *found;

	(void)state;
	for (size_t i = 0; i < sizeof(whole); i++) {
		snprintf(symbol, i + 1, "%s", whole);
		assert_null(hc_rust_demangle(symbol, &found));
		free(found);
	}
}

static void test_bounds(void **state)
{
	/* Pairs of what stands before: each doubles the text. */
	char bomb[2000] = "_RINvC3app1fTNtC3app4BookNtC3app4BookE", deep[3000] = "_RINvC3app1f";
	static const char base62[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t at = 10;

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		size_t start = strlen(bomb) - 2;
		char reference[8];

		snprintf(reference, sizeof(reference), at > 62 ? "B%c%c_" : "B%c_",
			 base62[at > 62 ? (at - 1) / 62 - 1 + (at - 1) / 62 % 1 : at - 1],
			 base62[(at - 1) % 62]);
		snprintf(bomb + strlen(bomb), sizeof(bomb) - strlen(bomb), "T%s%sE", reference,
			 reference);
		at = start;
	}
	strcat(bomb, "E");
	assert_name(bomb, NULL);
	/* As deep as it is long. */
	memset(deep + strlen(deep), 'S', 2000);
	assert_name(strcat(deep, "hE"), NULL);
	/* One that leads to itself, one that leads forward, and too large ones. */
	assert_name("_RB_", NULL);
	assert_name("_RNvB5_1a", NULL);
	assert_name("_RNvBzzzzzzzzzzzzzzzz_1a", NULL);
	assert_name("_RNvC99999999999999999999999app1a", NULL);
	assert_name("_RINvC3app1fFGzzzzzzzz_EuE", NULL);
	assert_name("_R", NULL);
	assert_name("", NULL);
	/* What is no name stays as it is. */
	char *name = hc_demangle_symbol("_RB_", true);
	assert_string_equal(name, "_RB_");
	free(name);
	name = hc_demangle_function("_RNvC3app4main@@V1", false);
	assert_string_equal(name, "app::main");
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_older),  cmocka_unit_test(test_paths),
		cmocka_unit_test(test_types),  cmocka_unit_test(test_cut),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
