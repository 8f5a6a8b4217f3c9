/**
 * @file
 * Tables of symbols; see symbols.h.
 */
#include "core/process/symbols.h"

#include <elf.h>
#include <elfutils/libdwfl.h>

#include "core/base/array.h"

/** Symbols that are looked at for one address, where some lie in others. */
#define MAX_NESTING 16

/** @name Reading */
/**@{*/

struct walk {
	const struct hc_process *process;
	struct hc_symbols symbols;
	struct hc_error *err;
};

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

static struct hc_error *take(struct walk *walk, const struct hc_symbol *symbol, bool local)
{
	struct hc_symbols *symbols = &walk->symbols;

	if (!symbol->module || (local && !symbol->module->executable))
		return NULL;
	return local ? append(&symbols->locals, &symbols->num_locals, symbol)
		     : append(&symbols->items, &symbols->num, symbol);
}

static int walk_module(Dwfl_Module *module, void **user_data __attribute__((unused)),
		       const char *module_name __attribute__((unused)), Dwarf_Addr start, void *ctx)
{
	struct walk *walk = ctx;
	const struct hc_modules *modules = &walk->process->modules;
	int num = dwfl_module_getsymtab(module);

	for (int i = 0; i < num && !walk->err; i++) {
		GElf_Sym symbol;
		GElf_Addr address;
		const char *name =
			dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL, NULL);
		unsigned type = name ? GELF_ST_TYPE(symbol.st_info) : STT_NOTYPE;
		bool local = type == STT_TLS;

		if ((type != STT_OBJECT && !local) || !name[0] || !symbol.st_size ||
		    symbol.st_shndx == SHN_UNDEF)
			continue;
		const struct hc_symbol found = {
			.name = name,
			.address = local ? symbol.st_value : address,
			.size = symbol.st_size,
			.module = hc_modules_find(modules, local ? start : address),
		};
		walk->err = take(walk, &found, local);
	}
	return walk->err ? DWARF_CB_ABORT : DWARF_CB_OK;
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
	struct walk walk = {.process = process};
	struct hc_symbols *symbols = &walk.symbols;
	Dwfl *dwfl = hc_modules_dwfl(&process->modules);

	if (dwfl)
		dwfl_getmodules(dwfl, walk_module, &walk, 0);
	if (walk.err) {
		hc_symbols_deinit(symbols);
		return walk.err;
	}
	hc_sort(symbols->items, symbols->num, compare);
	hc_sort(symbols->locals, symbols->num_locals, compare);
	*ret = *symbols;
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
	const struct hc_module *program = NULL;

	for (size_t i = 0; i < process->modules.num; i++)
		if (process->modules.items[i].executable)
			program = &process->modules.items[i];
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
