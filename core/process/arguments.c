/**
 * @file
 * Arguments: find the auxiliary vector on the main stack, and go back from there to argc.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "core/process/arguments.h"

/** The main stack as it is in the core. */
struct stack {
	uint64_t address, end;
	struct hc_bytes bytes; /**< from @ref address to the random bytes */
	unsigned word_size;
	bool big_endian;
};

/**
 * The stack up to the random bytes of AT_RANDOM, which the kernel puts right above the vector
 * (create_elf_tables() in fs/binfmt_elf.c).
 */
static bool find_stack(const struct hc_process *process, struct stack *ret)
{
	uint64_t above;

	if (!hc_core_auxv(process->core, AT_RANDOM, &above))
		return false;
	const struct hc_extent *extent = hc_memory_find(&process->memory, above);
	if (!extent)
		return false;
	*ret = (struct stack){
		.address = extent->start,
		.end = extent->end,
		.bytes = {extent->data, above - extent->start},
		.word_size = process->core->machine->word_size,
		.big_endian = process->core->machine->big_endian,
	};
	return true;
}

/** How far below the random bytes the vector may end: they and what aligns it. */
#define MAX_DISTANCE 4096
/** Bytes of a vector; the kernel's have a tenth of it. */
#define MAX_AUXV 4096

/** Offset of the stack's copy of @p auxv. */
static bool find_auxv(const struct stack *stack, struct hc_bytes auxv, size_t *ret)
{
	unsigned word = stack->word_size;

	for (size_t below = 0; auxv.size <= MAX_AUXV && below <= MAX_DISTANCE; below++) {
		size_t size = auxv.size + below;
		if (size > stack->bytes.size)
			return false;
		size_t at = stack->bytes.size - size;
		if ((stack->address + at) % word == 0 &&
		    !memcmp(stack->bytes.data + at, auxv.data, auxv.size)) {
			*ret = at;
			return true;
		}
	}
	return false;
}

static uint64_t word_at(const struct stack *stack, size_t at)
{
	return hc_read_word(stack->bytes.data + at, stack->word_size, stack->big_endian);
}

/**
 * Go back from the auxiliary vector, over the environment, to the word that says how many pointers
 * follow it: argc. A zero ends each array; unsetenv() leaves more of them.
 *
 * @param[out] first_ret offset of argv
 * @return argc; 0: not found
 */
static size_t find_argv(const struct stack *stack, size_t auxv, size_t *first_ret)
{
	unsigned word = stack->word_size;
	size_t num = 0;

	for (size_t at = auxv; at >= word; at -= word) {
		uint64_t value = word_at(stack, at - word);
		if (!value) {
			num = 0;
		} else if (value == num) {
			*first_ret = at;
			return num;
		} else if (value >= stack->address && value < stack->end) {
			num++;
		} else {
			return 0;
		}
	}
	return 0;
}

/** Append an argument. @return false when it doesn't fit, or its end is missing. */
static bool append(const struct hc_process *process, uint64_t address, char *line, size_t *size)
{
	size_t room = HC_MAX_COMMAND_LINE - *size;
	struct hc_bytes view = hc_memory_view(&process->memory, address, room);
	size_t length = view.size ? strnlen((const char *)view.data, view.size) : 0;

	memcpy(line + *size, view.data ? view.data : (const uint8_t *)"", length);
	*size += length;
	return length < view.size;
}

/** The arguments on the stack, or NULL. */
static char *read_stack(const struct hc_process *process)
{
	struct stack stack;
	size_t auxv, argv, size = 0;

	if (!process->core->has_auxv || !find_stack(process, &stack) ||
	    !find_auxv(&stack, process->core->auxv.desc, &auxv))
		return NULL;
	size_t num = find_argv(&stack, auxv, &argv);
	char *line = num ? malloc(HC_MAX_COMMAND_LINE + sizeof("...")) : NULL;
	if (!line)
		return NULL;
	for (size_t i = 0; i < num; i++) {
		if (!append(process, word_at(&stack, argv + i * stack.word_size), line, &size)) {
			strcpy(line + size, "...");
			return line;
		}
		if (i + 1 < num)
			line[size++] = ' ';
	}
	line[size] = '\0';
	return line;
}

struct hc_error *hc_command_line(const struct hc_process *process, char **ret)
{
	const struct hc_core *core = process->core;
	char *line = read_stack(process);

	if (!line && core->has_prpsinfo && !(line = strdup(core->prpsinfo.command)))
		return &hc_enomem;
	*ret = line;
	return NULL;
}
