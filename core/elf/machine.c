/**
 * @file
 * The table of machines. Offsets are those of struct elf_prstatus and elf_prpsinfo in the kernel's
 * linux/elfcore.h with the machine's own elf_gregset_t; register order is that of its struct
 * user_regs_struct (x86, riscv, s390: psw, gprs, pairs of access registers), user_pt_regs (arm64,
 * powerpc) or of its asm/elf.h and asm/reg.h. Where TLS lies is what its port of glibc says
 * (sysdeps/MACHINE/nptl/tls.h).
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

static const char *const arm_regs[] = {
	"r0", "r1",  "r2", "r3", "r4", "r5", "r6", "r7",   "r8",
	"r9", "r10", "fp", "ip", "sp", "lr", "pc", "cpsr", "orig_r0",
};

static const char *const riscv_regs[] = {
	"pc", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
	"a1", "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
	"s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};

static const char *const ppc_regs[] = {
	"r0",   "r1",  "r2",    "r3",     "r4",      "r5",  "r6",  "r7",  "r8",  "r9",
	"r10",  "r11", "r12",   "r13",    "r14",     "r15", "r16", "r17", "r18", "r19",
	"r20",  "r21", "r22",   "r23",    "r24",     "r25", "r26", "r27", "r28", "r29",
	"r30",  "r31", "nip",   "msr",    "orig_r3", "ctr", "lr",  "xer", "ccr", "softe",
	"trap", "dar", "dsisr", "result", "dscr",    "x45", "x46", "x47",
};

static const char *const s390x_regs[] = {
	"pswm",  "pswa",  "r0",    "r1",    "r2",    "r3",      "r4",      "r5",      "r6",
	"r7",    "r8",    "r9",    "r10",   "r11",   "r12",     "r13",     "r14",     "r15",
	"a0_a1", "a2_a3", "a4_a5", "a6_a7", "a8_a9", "a10_a11", "a12_a13", "a14_a15", "orig_r2",
};

static const char *const mips64_regs[] = {
	"r0",     "r1",    "r2",  "r3",  "r4",  "r5",  "r6",  "r7",  "r8",
	"r9",     "r10",   "r11", "r12", "r13", "r14", "r15", "r16", "r17",
	"r18",    "r19",   "r20", "r21", "r22", "r23", "r24", "r25", "r26",
	"r27",    "r28",   "r29", "r30", "r31", "lo",  "hi",  "epc", "badvaddr",
	"status", "cause", "x38", "x39", "x40", "x41", "x42", "x43", "x44",
};

static const char *const mips_regs[] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",       "r0",     "r1",    "r2",
	"r3",  "r4",  "r5",  "r6",  "r7",  "r8",       "r9",     "r10",   "r11",
	"r12", "r13", "r14", "r15", "r16", "r17",      "r18",    "r19",   "r20",
	"r21", "r22", "r23", "r24", "r25", "r26",      "r27",    "r28",   "r29",
	"r30", "r31", "lo",  "hi",  "epc", "badvaddr", "status", "cause", "x44",
};

static const char *const loongarch_regs[] = {
	"r0",  "r1",  "r2",  "r3",  "r4",  "r5",  "r6",  "r7",  "r8",      "r9",  "r10",  "r11",
	"r12", "r13", "r14", "r15", "r16", "r17", "r18", "r19", "r20",     "r21", "r22",  "r23",
	"r24", "r25", "r26", "r27", "r28", "r29", "r30", "r31", "orig_a0", "era", "badv", "x35",
	"x36", "x37", "x38", "x39", "x40", "x41", "x42", "x43", "x44",
};

static const char *const sparc64_regs[] = {
	"g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "o0",     "o1",  "o2",   "o3",
	"o4", "o5", "o6", "o7", "l0", "l1", "l2", "l3", "l4",     "l5",  "l6",   "l7",
	"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7", "tstate", "tpc", "tnpc", "y",
};

#define NUM(names) (sizeof(names) / sizeof((names)[0]))
#define REGS(names) .num_regs = NUM(names), .reg_names = (names)

#define LITTLE .elf_data = ELFDATA2LSB
#define BIG .elf_data = ELFDATA2MSB, .big_endian = true

/** The notes where long has 64 bits: one layout, but for the registers. */
#define LP64(names)                                                                                \
	.elf_class = ELFCLASS64, .word_size = 8, .reg_size = 8, .max_align = 16, .page_shift = 12, \
	REGS(names), .prstatus_size = 112 + 8 * NUM(names) + 8, .prstatus_cursig = 12,             \
	.prstatus_pid = 32, .prstatus_regs = 112, .prpsinfo_size = 136, .prpsinfo_pid = 24,        \
	.prpsinfo_fname = 40, .prpsinfo_psargs = 56

#define ILP32(names)                                                                               \
	.elf_class = ELFCLASS32, .word_size = 4, .reg_size = 4, .page_shift = 12, REGS(names),     \
	.prstatus_size = 72 + 4 * NUM(names) + 4, .prstatus_cursig = 12, .prstatus_pid = 24,       \
	.prstatus_regs = 72, .user_end = 1ULL << 32

/** Width of __kernel_uid_t, of which NT_PRPSINFO has two. */
#define UID16 .prpsinfo_size = 124, .prpsinfo_pid = 12, .prpsinfo_fname = 28, .prpsinfo_psargs = 44
#define UID32 .prpsinfo_size = 128, .prpsinfo_pid = 16, .prpsinfo_fname = 32, .prpsinfo_psargs = 48

/** TLS variant II, with the head that x86, s390 and sparc share: tcb, dtv, self. */
#define TLS_BELOW(reloc) .dtv = 1, .tls_reloc = (reloc)
/** TLS variant I. */
#define TLS_ABOVE(dtv_words, words, reloc)                                                         \
	.tls_above_tp = true, .dtv = (dtv_words), .tcb_words = (words), .tls_reloc = (reloc)

/** User space ends with the last page but some, which the kernel keeps for itself. */
#define ALL_OF_64_BITS (UINT64_MAX << 20)

static const struct hc_machine machines[] = {
	/* Five-level page tables give user space 56 bits. */
	{
		.name = "x86-64",
		.e_machine = EM_X86_64,
		LITTLE,
		LP64(x86_64_regs),
		.user_end = 1ULL << 56,
		.pc = 16,
		.sp = 19,
		.tp = 21,
		.red_zone = 128,
		TLS_BELOW(R_X86_64_TPOFF64),
	},
	{
		.name = "i386",
		.e_machine = EM_386,
		LITTLE,
		ILP32(i386_regs),
		.pc = 12,
		.sp = 15,
		.tp = -1,
		UID16,
		.max_align = 16,
		.tls_note = NT_386_TLS,
		.tls_selector = 10,
		TLS_BELOW(R_386_TLS_TPOFF),
	},
	{
		.name = "aarch64",
		.e_machine = EM_AARCH64,
		LITTLE,
		LP64(aarch64_regs),
		.user_end = 1ULL << 52,
		.pc = 32,
		.sp = 31,
		.tp = -1,
		.tls_note = NT_ARM_TLS,
		TLS_ABOVE(0, 2, R_AARCH64_TLS_TPREL),
	},
	/* x32: pointers of 32 bits, but registers, and the set of them, of x86-64. */
	{
		.name = "x32",
		.e_machine = EM_X86_64,
		LITTLE,
		.elf_class = ELFCLASS32,
		.word_size = 4,
		.reg_size = 8,
		.max_align = 16,
		.page_shift = 12,
		.user_end = 1ULL << 32,
		REGS(x86_64_regs),
		.prstatus_size = 296,
		.prstatus_cursig = 12,
		.prstatus_pid = 24,
		.prstatus_regs = 72,
		UID16,
		.pc = 16,
		.sp = 19,
		.tp = 21,
		.red_zone = 128,
		TLS_BELOW(R_X86_64_TPOFF64),
	},
	{
		.name = "arm",
		.e_machine = EM_ARM,
		LITTLE,
		ILP32(arm_regs),
		.pc = 15,
		.sp = 13,
		.tp = -1,
		UID16,
		.max_align = 8,
		.tls_note = NT_ARM_TLS,
		TLS_ABOVE(0, 2, R_ARM_TLS_TPOFF32),
	},
	{
		.name = "armeb",
		.e_machine = EM_ARM,
		BIG,
		ILP32(arm_regs),
		.pc = 15,
		.sp = 13,
		.tp = -1,
		UID16,
		.max_align = 8,
		.tls_note = NT_ARM_TLS,
		TLS_ABOVE(0, 2, R_ARM_TLS_TPOFF32),
	},
	{
		.name = "riscv64",
		.e_machine = EM_RISCV,
		LITTLE,
		LP64(riscv_regs),
		.user_end = 1ULL << 56,
		.pc = 0,
		.sp = 2,
		.tp = 4,
		TLS_ABOVE(-2, 0, R_RISCV_TLS_TPREL64),
	},
	{
		.name = "riscv32",
		.e_machine = EM_RISCV,
		LITTLE,
		ILP32(riscv_regs),
		.pc = 0,
		.sp = 2,
		.tp = 4,
		UID32,
		.max_align = 16,
		TLS_ABOVE(-2, 0, R_RISCV_TLS_TPREL32),
	},
	{
		.name = "ppc64",
		.e_machine = EM_PPC64,
		BIG,
		LP64(ppc_regs),
		.user_end = 1ULL << 52,
		.pc = 32,
		.sp = 1,
		.tp = 13,
		.tp_bias = 0x7000,
		.red_zone = 512,
		TLS_ABOVE(-1, 0, R_PPC64_TPREL64),
	},
	{
		.name = "ppc64le",
		.e_machine = EM_PPC64,
		LITTLE,
		LP64(ppc_regs),
		.user_end = 1ULL << 52,
		.pc = 32,
		.sp = 1,
		.tp = 13,
		.tp_bias = 0x7000,
		.red_zone = 512,
		TLS_ABOVE(-1, 0, R_PPC64_TPREL64),
	},
	{
		.name = "ppc",
		.e_machine = EM_PPC,
		BIG,
		ILP32(ppc_regs),
		.pc = 32,
		.sp = 1,
		.tp = 2,
		UID32,
		.max_align = 16,
		.tp_bias = 0x7000,
		TLS_ABOVE(-1, 0, R_PPC_TPREL32),
	},
	/* The thread pointer is in the first two access registers. */
	{
		.name = "s390x",
		.e_machine = EM_S390,
		BIG,
		LP64(s390x_regs),
		.user_end = ALL_OF_64_BITS,
		.pc = 1,
		.sp = 17,
		.tp = 18,
		TLS_BELOW(R_390_TLS_TPOFF),
	},
	{
		.name = "mips",
		.e_machine = EM_MIPS,
		BIG,
		ILP32(mips_regs),
		.pc = 40,
		.sp = 35,
		.tp = -1,
		UID32,
		.max_align = 8,
		.siginfo_code_first = true,
		.tp_bias = 0x7000,
		TLS_ABOVE(-2, 0, R_MIPS_TLS_TPREL32),
	},
	{
		.name = "mipsel",
		.e_machine = EM_MIPS,
		LITTLE,
		ILP32(mips_regs),
		.pc = 40,
		.sp = 35,
		.tp = -1,
		UID32,
		.max_align = 8,
		.siginfo_code_first = true,
		.tp_bias = 0x7000,
		TLS_ABOVE(-2, 0, R_MIPS_TLS_TPREL32),
	},
	{
		.name = "mips64",
		.e_machine = EM_MIPS,
		BIG,
		LP64(mips64_regs),
		.user_end = 1ULL << 48,
		.pc = 34,
		.sp = 29,
		.tp = -1,
		.siginfo_code_first = true,
		.tp_bias = 0x7000,
		TLS_ABOVE(-2, 0, R_MIPS_TLS_TPREL64),
	},
	{
		.name = "mips64el",
		.e_machine = EM_MIPS,
		LITTLE,
		LP64(mips64_regs),
		.user_end = 1ULL << 48,
		.pc = 34,
		.sp = 29,
		.tp = -1,
		.siginfo_code_first = true,
		.tp_bias = 0x7000,
		TLS_ABOVE(-2, 0, R_MIPS_TLS_TPREL64),
	},
	{
		.name = "loongarch64",
		.e_machine = EM_LOONGARCH,
		LITTLE,
		LP64(loongarch_regs),
		.user_end = 1ULL << 48,
		.pc = 33,
		.sp = 3,
		.tp = 2,
		TLS_ABOVE(-2, 0, R_LARCH_TLS_TPREL64),
	},
	/* Libraries lie above the hole in the middle of the address space. */
	{
		.name = "sparc64",
		.e_machine = EM_SPARCV9,
		BIG,
		LP64(sparc64_regs),
		.user_end = ALL_OF_64_BITS,
		.pc = 33,
		.sp = 14,
		.tp = 7,
		TLS_BELOW(R_SPARC_TLS_TPOFF64),
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

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].e_machine == e_machine)
			return names[i].name;
	}
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (machines[i].e_machine == e_machine)
			return machines[i].name;
	}
	return "an unknown machine";
}
