/**
 * @file
 * What the reader must know of a machine, one row each.
 *
 * A new architecture is a new row in machine.c; no code elsewhere asks for e_machine. Offsets into
 * NT_PRSTATUS and NT_PRPSINFO are those of the kernel's struct elf_prstatus and elf_prpsinfo
 * (linux/elfcore.h, asm/elf.h) for that machine.
 */
#ifndef HC_CORE_ELF_MACHINE_H
#define HC_CORE_ELF_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

struct hc_machine {
	const char *name;       /**< "x86-64" */
	uint16_t e_machine;     /**< EM_* */
	uint8_t elf_class;      /**< ELFCLASS32 or ELFCLASS64 */
	uint8_t elf_data;       /**< ELFDATA2LSB or ELFDATA2MSB */
	bool big_endian;        /**< the same: byte order of everything in the core */
	uint8_t word_size;      /**< bytes in a pointer: 4 or 8 */
	uint8_t reg_size;       /**< bytes of a register in NT_PRSTATUS: 8 on x32 */
	uint8_t max_align;      /**< what malloc(3) aligns to: that of long double */
	uint8_t page_shift;     /**< smallest page size */
	uint64_t user_end;      /**< first address above user space */
	uint16_t prstatus_size; /**< bytes of the NT_PRSTATUS payload */
	uint16_t prstatus_cursig, prstatus_pid, prstatus_regs; /**< byte offsets */
	uint8_t num_regs;                                      /**< registers in the set */
	uint8_t pc, sp;                                        /**< indices into it */
	int8_t tp;               /**< index of the thread pointer, or -1: in another note */
	uint16_t red_zone;       /**< bytes below sp that a leaf function may use */
	bool siginfo_code_first; /**< si_code stands in front of si_errno */
	uint32_t tls_note;       /**< NT_* of the "LINUX" note with the thread pointer; 0: none */
	uint8_t tls_selector;    /**< index of the register that selects an entry of that note, when
				      it is a table of segment descriptors; else 0 */
	bool tls_above_tp;       /**< static TLS lies above the thread pointer and libc's thread
				      struct below it (variant I); else the other way round */
	uint16_t tp_bias;        /**< bytes from the end of the thread control block, where libc
				    counts from, to where the thread pointer points */
	int8_t dtv;              /**< words from there to the pointer to the dtv */
	uint8_t tcb_words;       /**< variant I: words from there to static TLS */
	uint32_t tls_reloc;      /**< relocation of a GOT slot that holds an offset from the thread
				    pointer */
	uint16_t prpsinfo_size, prpsinfo_pid, prpsinfo_fname, prpsinfo_psargs; /**< byte offsets */
	const char *const *reg_names; /**< @ref num_regs names, or NULL */
};

/** The row for an ELF header's class, data and machine, or NULL when there is none. */
const struct hc_machine *hc_machine_find(uint8_t elf_class, uint8_t elf_data, uint16_t e_machine);

/** "i386", "aarch64", …: a name for messages, also for machines that have no row. */
const char *hc_machine_describe(uint16_t e_machine);

#endif
