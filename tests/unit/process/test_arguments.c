/**
 * @file
 * The command line on the main stack.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "core/process/arguments.h"
#include "tests/unit/fake_core.h"
#include "tests/unit/unit.h"

#define STACK 0x7ffc00000000ull
#define STRINGS (STACK + 0xc00)
#define SIZE 0x1000

/** A stack under construction: words from the middle, strings above. */
struct stack {
	struct fake_core fake;
	uint8_t page[SIZE];
	size_t at;
};

static void push(struct stack *stack, uint64_t value)
{
	memcpy(stack->page + stack->at, &value, 8);
	stack->at += 8;
}

/** argc, and the pointers to @p num arguments of one letter: a, b, c… */
static void push_arguments(struct stack *stack, uint64_t argc, unsigned num)
{
	stack->at = 0x800;
	push(stack, argc);
	for (unsigned i = 0; i < num; i++) {
		stack->page[STRINGS - STACK + 2 * i] = 'a' + i;
		push(stack, STRINGS + 2 * i);
	}
	push(stack, 0);
	push(stack, STRINGS + 0x100); /* the environment: one, and one that was unset */
	push(stack, 0);
	push(stack, 0);
}

/** Push the auxiliary vector, write the core, read it, and compare. */
static void check(struct stack *stack, const char *expected)
{
	const struct hc_process_options options = {.jobs = 1};
	struct hc_process *process;
	char *line = NULL;

	fake_core_auxv(&stack->fake, AT_PAGESZ, 0x1000);
	fake_core_auxv(&stack->fake, AT_RANDOM, STACK + 0xb10);
	fake_core_auxv(&stack->fake, AT_NULL, 0);
	memcpy(stack->page + stack->at, stack->fake.auxv.data, stack->fake.auxv.size);
	fake_core_segment(&stack->fake, STACK, SIZE, PF_R | PF_W, stack->page, SIZE);
	fake_core_thread(&stack->fake, 1, 0, STACK + 0x700, 0);
	char *path = fake_core_write(&stack->fake);
	assert_ok(hc_process_open(path, &options, &process));
	assert_ok(hc_command_line(process, &line));
	if (expected)
		assert_string_equal(line, expected);
	else
		assert_null(line);
	free(line);
	hc_process_close(process);
	fake_core_remove(path);
	fake_core_deinit(&stack->fake);
}

static void test_found(void **state)
{
	(void)state;
	struct stack stack = {.fake.no_prpsinfo = true};

	push_arguments(&stack, 3, 3);
	check(&stack, "a b c");
}

/** An argument may be empty, and the last may end where memory is missing. */
static void test_ends(void **state)
{
	(void)state;
	struct stack stack = {.fake.no_prpsinfo = true};

	push_arguments(&stack, 3, 3);
	stack.page[STRINGS - STACK + 2] = '\0';
	memset(stack.page + (STRINGS - STACK) + 4, 'x', SIZE - (STRINGS - STACK) - 4);
	char expected[SIZE] = "a  ";
	memset(expected + 3, 'x', SIZE - (STRINGS - STACK) - 4);
	strcat(expected, "...");
	check(&stack, expected);
}

/** No count that fits, or pointers to elsewhere: nothing is made up. */
static void test_not_found(void **state)
{
	(void)state;
	struct stack wrong_count = {.fake.no_prpsinfo = true};
	push_arguments(&wrong_count, 4, 3);
	check(&wrong_count, NULL);

	struct stack moved = {.fake.no_prpsinfo = true};
	push_arguments(&moved, 3, 3);
	memcpy(moved.page + 0x810, &(uint64_t){0x12345678}, 8);
	check(&moved, NULL);

	struct stack empty = {.fake.no_prpsinfo = true};
	check(&empty, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
