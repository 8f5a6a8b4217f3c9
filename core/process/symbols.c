/**
 * @file
 * Tables of symbols; see symbols.h.
 */
#include "core/process/symbols.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"

/** Symbols that are looked at for one address, where some lie in others. */
#define MAX_NESTING 16

/** @name Reading */
/**@{*/

static struct hc_error *append(struct hc_symbol **items, size_t *num,
			       const struct hc_symbol *symbol)
{
	struct hc_error *err;

	if (*num == HC_MAX_SYMBOLS)
		return NULL;
	if ((err = hc_array_reserve(items, *num, sizeof(**items))))
		return err;
	(*items)[(*num)++] = *symbol;
	return NULL;
}

static struct hc_error *take(void *ctx, const struct hc_symbol *symbol)
{
	struct hc_symbols *symbols = ctx;

	if (!symbol->name[0] || !symbol->size || !symbol->module ||
	    (symbol->is_local && !symbol->module->executable))
		return NULL;
	return symbol->is_local ? append(&symbols->locals, &symbols->num_locals, symbol)
				: append(&symbols->items, &symbols->num, symbol);
}

/** By address; of those at one address the largest last, which is what a lookup finds first. */
static int compare(const void *a, const void *b)
{
	const struct hc_symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return strcmp(y->name, x->name);
}

struct hc_error *hc_symbols_read(struct hc_process *process, struct hc_symbols *ret)
{
	struct hc_symbols symbols = {0};
	struct hc_error *err = hc_modules_each_symbol(&process->modules, "", take, &symbols);

	if (err) {
		hc_symbols_deinit(&symbols);
		return err;
	}
	hc_sort(symbols.items, symbols.num, compare);
	hc_sort(symbols.locals, symbols.num_locals, compare);
	*ret = symbols;
	return NULL;
}

void hc_symbols_deinit(struct hc_symbols *symbols)
{
	free(symbols->items);
	free(symbols->locals);
	*symbols = (struct hc_symbols){0};
}
/**@}*/

/** @name Looking up */
/**@{*/

static const struct hc_symbol *find(const struct hc_symbol *items, size_t num, uint64_t address)
{
	size_t i = hc_lower_bound(num, k, items[k].address <= address);

	for (unsigned n = 0; i > 0 && n < MAX_NESTING; n++, i--) {
		if (address - items[i - 1].address < items[i - 1].size)
			return &items[i - 1];
	}
	return NULL;
}

const struct hc_symbol *hc_symbols_at(const struct hc_symbols *symbols, uint64_t address)
{
	return find(symbols->items, symbols->num, address);
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return align > 1 && !(align & (align - 1)) ? (value + align - 1) & ~(align - 1) : value;
}

uint64_t hc_thread_locals(const struct hc_process *process, const struct hc_thread *thread)
{
	const struct hc_machine *machine = process->core->machine;
	const struct hc_module *program = hc_modules_program(&process->modules);

	if (!program || !program->tls_size || !thread->tp)
		return 0;
	if (!machine->tls_above_tp)
		return thread->tp - round_up(program->tls_size, program->tls_align);
	return thread->tp - machine->tp_bias +
	       round_up((uint64_t)machine->tcb_words * machine->word_size, program->tls_align);
}

const struct hc_symbol *hc_symbols_local(const struct hc_symbols *symbols,
					 const struct hc_process *process,
					 const struct hc_thread *thread, uint64_t address)
{
	uint64_t start = hc_thread_locals(process, thread);

	return start && address >= start
		       ? find(symbols->locals, symbols->num_locals, address - start)
		       : NULL;
}
/**@}*/
