/**
 * @file
 * Symbols of data: which variable has an address, and which address has a variable.
 *
 * All modules' tables in one, by address: from .symtab where the module's file has it, else from
 * .dynsym, as libdwfl finds them. hc_modules_symbol() answers the same for one address; this is for
 * many, and knows thread-local variables, too. Those of the executable have an address in each
 * thread; where other modules' blocks are, only the dynamic linker knows.
 */
#ifndef HC_CORE_PROCESS_SYMBOLS_H
#define HC_CORE_PROCESS_SYMBOLS_H

#include "core/process/process.h"

/** Symbols whose size is known. */
struct hc_symbols {
	struct hc_symbol *items; /**< by address */
	size_t num;
	struct hc_symbol *locals; /**< thread-local ones of the executable, by offset */
	size_t num_locals;
};

/** Most symbols that are kept. */
#define HC_MAX_SYMBOLS (UINT32_C(1) << 24)

/** Read all tables, which may take a while. Not safe from several threads. */
struct hc_error *hc_symbols_read(struct hc_process *process, struct hc_symbols *ret);
void hc_symbols_deinit(struct hc_symbols *symbols);

/** The variable that has an address, or NULL. */
const struct hc_symbol *hc_symbols_at(const struct hc_symbols *symbols, uint64_t address);

/** Where the executable's thread-local variables of a thread begin; 0: unknown. */
uint64_t hc_thread_locals(const struct hc_process *process, const struct hc_thread *thread);

/** The thread-local variable that has an address in a thread, or NULL. */
const struct hc_symbol *hc_symbols_local(const struct hc_symbols *symbols,
					 const struct hc_process *process,
					 const struct hc_thread *thread, uint64_t address);

#endif
