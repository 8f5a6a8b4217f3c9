/**
 * @file
 * The table of machines. Offsets are those of struct elf_prstatus and elf_prpsinfo in the kernel's
 * linux/elfcore.h with the machine's own elf_gregset_t; register order is that of its struct
 * user_regs_struct (x86) or user_pt_regs (arm64).
 */
#include "core/elf/machine.h"

#include <elf.h>
#include <stddef.h>

static const char *const x86_64_regs[] = {
	"r15",    "r14", "r13", "r12",     "rbp",     "rbx", "r11",      "r10", "r9",
	"r8",     "rax", "rcx", "rdx",     "rsi",     "rdi", "orig_rax", "rip", "cs",
	"eflags", "rsp", "ss",  "fs_base", "gs_base", "ds",  "es",       "fs",  "gs",
};

static const char *const i386_regs[] = {
	"ebx", "ecx", "edx",      "esi", "edi", "ebp",    "eax", "ds", "es",
	"fs",  "gs",  "orig_eax", "eip", "cs",  "eflags", "esp", "ss",
};

static const char *const aarch64_regs[] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",     "x10", "x11",
	"x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",    "x22", "x23",
	"x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",  "pc",  "pstate",
};

#define NUM_REGS(names) .num_regs = sizeof(names) / sizeof((names)[0]), .reg_names = (names)

static const struct hc_machine machines[] = {
	{
		.name = "x86-64",
		.e_machine = EM_X86_64,
		.elf_class = ELFCLASS64,
		.elf_data = ELFDATA2LSB,
		.word_size = 8,
		.page_shift = 12,
		/*
		 * With five-level tables more is possible, but only for who asks for it by address.
		 */
		.user_end = 1ULL << 47,
		.prstatus_size = 336,
		.prstatus_cursig = 12,
		.prstatus_pid = 32,
		.prstatus_regs = 112,
		NUM_REGS(x86_64_regs),
		.pc = 16,
		.sp = 19,
		.tp = 21,
		.red_zone = 128,
		.tls_reloc = R_X86_64_TPOFF64,
		.prpsinfo_size = 136,
		.prpsinfo_pid = 24,
		.prpsinfo_fname = 40,
		.prpsinfo_psargs = 56,
	},
	{
		.name = "i386",
		.e_machine = EM_386,
		.elf_class = ELFCLASS32,
		.elf_data = ELFDATA2LSB,
		.word_size = 4,
		.page_shift = 12,
		.user_end = 1ULL << 32,
		.prstatus_size = 144,
		.prstatus_cursig = 12,
		.prstatus_pid = 24,
		.prstatus_regs = 72,
		NUM_REGS(i386_regs),
		.pc = 12,
		.sp = 15,
		.tp = -1,
		.tls_note = NT_386_TLS,
		.tls_selector = 10,
		.tls_reloc = R_386_TLS_TPOFF,
		.prpsinfo_size = 124,
		.prpsinfo_pid = 12,
		.prpsinfo_fname = 28,
		.prpsinfo_psargs = 44,
	},
	{
		.name = "aarch64",
		.e_machine = EM_AARCH64,
		.elf_class = ELFCLASS64,
		.elf_data = ELFDATA2LSB,
		.word_size = 8,
		.page_shift = 12,
		.user_end = 1ULL << 48,
		.prstatus_size = 392,
		.prstatus_cursig = 12,
		.prstatus_pid = 32,
		.prstatus_regs = 112,
		NUM_REGS(aarch64_regs),
		.pc = 32,
		.sp = 31,
		.tp = -1,
		.tls_note = NT_ARM_TLS,
		.tls_above_tp = true,
		.tls_reloc = R_AARCH64_TLS_TPREL,
		.prpsinfo_size = 136,
		.prpsinfo_pid = 24,
		.prpsinfo_fname = 40,
		.prpsinfo_psargs = 56,
	},
};

const struct hc_machine *hc_machine_find(uint8_t elf_class, uint8_t elf_data, uint16_t e_machine)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		const struct hc_machine *machine = &machines[i];
		if (machine->e_machine == e_machine && machine->elf_class == elf_class &&
		    machine->elf_data == elf_data)
			return machine;
	}
	return NULL;
}

const char *hc_machine_describe(uint16_t e_machine)
{
	static const struct {
		uint16_t e_machine;
		const char *name;
	} names[] = {
		{EM_SPARC, "SPARC"},    {EM_MIPS, "MIPS"},           {EM_PARISC, "PA-RISC"},
		{EM_PPC, "PowerPC"},    {EM_PPC64, "PowerPC 64"},    {EM_S390, "S/390"},
		{EM_ARM, "32-bit ARM"}, {EM_SPARCV9, "SPARC 64"},    {EM_IA_64, "Itanium"},
		{EM_RISCV, "RISC-V"},   {EM_LOONGARCH, "LoongArch"}, {EM_68K, "m68k"},
		{EM_ALPHA, "Alpha"},    {EM_SH, "SuperH"},
	};

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (machines[i].e_machine == e_machine)
			return machines[i].name;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].e_machine == e_machine)
			return names[i].name;
	}
	return "an unknown machine";
}
