/**
 * @file
 * Unwinding a stack of the core; see frames.h.
 */
#include "core/process/frames.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Steps of one expression, and values on its stack. */
#define MAX_OPS 64
#define MAX_VALUES 16
/** Longest name of a variable. */
#define MAX_NAME 256

/** Which registers of the core are which of DWARF's. */
struct unwinder {
	uint16_t e_machine;
	uint8_t num;              /**< registers that are followed */
	uint8_t sp, fp;           /**< DWARF numbers */
	const char *const *names; /**< of the core's registers, by DWARF number */
};

static const char *const x86_64_names[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
					   "rbp", "rsp", "r8",  "r9",  "r10", "r11",
					   "r12", "r13", "r14", "r15", "rip"};
static const char *const i386_names[] = {"eax", "ecx", "edx", "ebx", "esp",
					 "ebp", "esi", "edi", "eip"};
static const char *const aarch64_names[] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10",
	"x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
	"x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",  "pc"};

static const struct unwinder unwinders[] = {
	{EM_X86_64, 17, 7, 6, x86_64_names},
	{EM_386, 9, 4, 5, i386_names},
	{EM_AARCH64, 33, 31, 29, aarch64_names},
};

static const struct unwinder *find_unwinder(const struct hc_machine *machine)
{
	for (size_t i = 0; i < sizeof(unwinders) / sizeof(unwinders[0]); i++) {
		if (unwinders[i].e_machine == machine->e_machine)
			return &unwinders[i];
	}
	return NULL;
}

static void set_reg(struct hc_frame *frame, unsigned reg, uint64_t value)
{
	frame->regs[reg] = value;
	frame->known |= UINT64_C(1) << reg;
}

static bool get_reg(const struct hc_frame *frame, unsigned reg, uint64_t *ret)
{
	if (reg >= HC_FRAME_REGS || !(frame->known >> reg & 1))
		return false;
	*ret = frame->regs[reg];
	return true;
}

static void innermost(const struct hc_process *process, const struct unwinder *unwinder,
		      const struct hc_thread *thread, struct hc_frame *ret)
{
	const char *const *names = process->core->machine->reg_names;

	*ret = (struct hc_frame){.pc = thread->pc, .sp = thread->sp};
	for (unsigned i = 0; names && i < thread->num_regs; i++)
		for (unsigned r = 0; r < unwinder->num; r++)
			if (names[i] && !strcmp(names[i], unwinder->names[r]))
				set_reg(ret, r, thread->regs[i]);
	set_reg(ret, unwinder->sp, thread->sp);
}

/** @name Expressions */
/**@{*/

struct machine {
	const struct hc_memory *memory;
	const struct hc_frame *frame;
	bool has_cfa;
	uint64_t values[MAX_VALUES];
	unsigned depth;
};

static bool push(struct machine *machine, uint64_t value)
{
	if (machine->depth == MAX_VALUES)
		return false;
	if (machine->memory->word_size == 4)
		value &= UINT32_MAX;
	machine->values[machine->depth++] = value;
	return true;
}

static bool pop(struct machine *machine, uint64_t *ret)
{
	if (!machine->depth)
		return false;
	*ret = machine->values[--machine->depth];
	return true;
}

static bool push_reg(struct machine *machine, unsigned reg, uint64_t offset)
{
	uint64_t value;

	return get_reg(machine->frame, reg, &value) && push(machine, value + offset);
}

/** What the stubs of procedure linkage tables compute with, and no more. */
static bool two(struct machine *machine, unsigned atom)
{
	uint64_t a, b;

	if (!pop(machine, &b) || !pop(machine, &a))
		return false;
	switch (atom) {
	case DW_OP_plus:
		return push(machine, a + b);
	case DW_OP_minus:
		return push(machine, a - b);
	case DW_OP_and:
		return push(machine, a & b);
	case DW_OP_shl:
		return push(machine, b < 64 ? a << b : 0);
	case DW_OP_ge:
		return push(machine, (int64_t)a >= (int64_t)b);
	default:
		return false;
	}
}

static bool step(struct machine *machine, const Dwarf_Op *op)
{
	uint64_t value;

	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
		return push_reg(machine, op->atom - DW_OP_breg0, op->number);
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		return push(machine, op->atom - DW_OP_lit0);
	switch (op->atom) {
	case DW_OP_bregx:
		return push_reg(machine, op->number, op->number2);
	case DW_OP_call_frame_cfa:
		return machine->has_cfa && push(machine, machine->frame->end);
	case DW_OP_plus_uconst:
		return pop(machine, &value) && push(machine, value + op->number);
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_consts:
	case DW_OP_constu:
		return push(machine, op->number);
	case DW_OP_deref:
		return pop(machine, &value) && hc_memory_word(machine->memory, value, &value) &&
		       push(machine, value);
	case DW_OP_nop:
		return true;
	default:
		return two(machine, op->atom);
	}
}

/** @param[out] is_value_ret the result is the value itself, not where it is */
static bool evaluate(struct machine *machine, const Dwarf_Op *ops, size_t num, uint64_t *ret,
		     bool *is_value_ret)
{
	*is_value_ret = false;
	if (num > MAX_OPS)
		return false;
	for (size_t i = 0; i < num; i++) {
		if (ops[i].atom == DW_OP_stack_value) {
			*is_value_ret = true;
			break;
		}
		if (!step(machine, &ops[i]))
			return false;
	}
	return pop(machine, ret);
}

static struct machine machine_of(const struct hc_process *process, const struct hc_frame *frame)
{
	return (struct machine){
		.memory = &process->memory, .frame = frame, .has_cfa = frame->has_cfa};
}
/**@}*/

/** @name One step */
/**@{*/

static Dwfl_Module *module_of(struct hc_process *process, uint64_t pc)
{
	Dwfl *dwfl =
		hc_modules_find(&process->modules, pc) ? hc_modules_dwfl(&process->modules) : NULL;

	return dwfl ? dwfl_addrmodule(dwfl, pc) : NULL;
}

/** The rules of a frame, and what was opened for them. */
struct rules {
	Dwarf_Frame *frame; /**< NULL: there are none */
	Dwarf_CFI *cfi;     /**< of @ref elf */
	Elf *elf;           /**< an image in the core's memory */
};

static void rules_deinit(struct rules *rules)
{
	free(rules->frame);
	if (rules->cfi)
		dwarf_cfi_end(rules->cfi);
	if (rules->elf)
		elf_end(rules->elf);
}

/** Those of the kernel's own module, which has no file: its image is in memory, sections and all.
 */
static void find_vdso_rules(const struct hc_process *process, uint64_t pc, struct rules *ret)
{
	const struct hc_mapping *mapping = hc_mappings_find(&process->mappings, pc);

	if (!mapping || mapping->kind != HC_MAPPING_VDSO)
		return;
	struct hc_bytes image =
		hc_memory_view(&process->memory, mapping->start, mapping->end - mapping->start);
	GElf_Phdr phdr;

	ret->elf = image.size ? elf_memory((char *)image.data, image.size) : NULL;
	ret->cfi = ret->elf ? dwarf_getcfi_elf(ret->elf) : NULL;
	if (!ret->cfi || !gelf_getphdr(ret->elf, 0, &phdr) ||
	    dwarf_cfi_addrframe(ret->cfi, pc - mapping->start + phdr.p_vaddr - phdr.p_offset,
				&ret->frame))
		ret->frame = NULL;
}

/** @param[out] ret to be deinitialised */
static void find_rules(struct hc_process *process, uint64_t pc, struct rules *ret)
{
	Dwfl_Module *module = module_of(process, pc);
	Dwarf_Addr bias;

	*ret = (struct rules){0};
	if (!module)
		return find_vdso_rules(process, pc, ret);
	Dwarf_CFI *cfi = dwfl_module_eh_cfi(module, &bias);
	if (cfi && !dwarf_cfi_addrframe(cfi, pc - bias, &ret->frame))
		return;
	cfi = dwfl_module_dwarf_cfi(module, &bias);
	if (!cfi || dwarf_cfi_addrframe(cfi, pc - bias, &ret->frame))
		ret->frame = NULL;
}

/** A register of the caller. */
static void recover(const struct hc_process *process, Dwarf_Frame *rules,
		    const struct hc_frame *frame, unsigned reg, struct hc_frame *caller)
{
	struct machine machine = machine_of(process, frame);
	Dwarf_Op memory[3], *ops;
	uint64_t value;
	bool is_value;
	size_t num;

	if (dwarf_frame_register(rules, reg, memory, &ops, &num))
		return;
	/* No operations: undefined where the array is ours, else as it was. */
	if (!num) {
		if (!ops && get_reg(frame, reg, &value))
			set_reg(caller, reg, value);
	} else if (num == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31) {
		if (get_reg(frame, ops[0].atom - DW_OP_reg0, &value))
			set_reg(caller, reg, value);
	} else if (evaluate(&machine, ops, num, &value, &is_value) &&
		   (is_value || hc_memory_word(&process->memory, value, &value))) {
		set_reg(caller, reg, value);
	}
}

static bool find_cfa(const struct hc_process *process, Dwarf_Frame *rules, struct hc_frame *frame)
{
	struct machine machine = machine_of(process, frame);
	Dwarf_Op *ops;
	bool is_value;
	size_t num;

	frame->has_cfa = !dwarf_frame_cfa(rules, &ops, &num) &&
			 evaluate(&machine, ops, num, &frame->end, &is_value);
	return frame->has_cfa;
}

/** The caller by call frame information. */
static bool step_by_rules(struct hc_process *process, const struct unwinder *unwinder,
			  struct hc_frame *frame, struct hc_frame *caller)
{
	hc_cleanup(rules_deinit) struct rules rules;
	Dwarf_Addr start, end;
	bool signal = false;
	uint64_t pc;

	find_rules(process, frame->pc, &rules);
	int ra = rules.frame ? dwarf_frame_info(rules.frame, &start, &end, &signal) : -1;

	if (ra < 0 || ra >= HC_FRAME_REGS || !find_cfa(process, rules.frame, frame))
		return false;
	for (unsigned r = 0; r < unwinder->num; r++)
		recover(process, rules.frame, frame, r, caller);
	/* The caller's part begins where this one's ends, unless a signal came between. */
	if (!signal)
		set_reg(caller, unwinder->sp, frame->end);
	if (!get_reg(caller, ra, &pc) || !pc || !get_reg(caller, unwinder->sp, &caller->sp))
		return false;
	caller->pc = pc - !signal;
	return true;
}

/** The caller by the frame pointer: it points to the caller's, and behind that is the return
 * address. */
static bool step_by_pointer(const struct hc_process *process, const struct unwinder *unwinder,
			    struct hc_frame *frame, struct hc_frame *caller)
{
	unsigned word = process->memory.word_size;
	uint64_t fp, up, pc;

	if (!get_reg(frame, unwinder->fp, &fp) || fp < frame->sp ||
	    !hc_memory_word(&process->memory, fp, &up) ||
	    !hc_memory_word(&process->memory, fp + word, &pc) ||
	    !hc_modules_find(&process->modules, pc))
		return false;
	frame->end = fp + 2 * word;
	set_reg(caller, unwinder->fp, up);
	set_reg(caller, unwinder->sp, frame->end);
	caller->sp = frame->end;
	caller->pc = pc - 1;
	return true;
}
/**@}*/

/** Find the caller, and say where the frame ends. */
static bool step_out(struct hc_process *process, const struct hc_thread *thread,
		     struct hc_frame *frame, struct hc_frame *caller)
{
	const struct unwinder *unwinder = find_unwinder(process->core->machine);
	bool more = step_by_rules(process, unwinder, frame, caller);

	if (!more) {
		*caller = (struct hc_frame){0};
		more = step_by_pointer(process, unwinder, frame, caller);
	}
	more = more && caller->sp > frame->sp && caller->sp < thread->stack_end;
	/* The outermost one has all that is above it. */
	if (!more || frame->end <= frame->sp || frame->end > thread->stack_end) {
		frame->has_cfa =
			frame->has_cfa && frame->end > frame->sp && frame->end == thread->stack_end;
		frame->end = more ? caller->sp : thread->stack_end;
	}
	return more;
}

struct hc_error *hc_frames_unwind(struct hc_process *process, const struct hc_thread *thread,
				  struct hc_frames *ret)
{
	const struct unwinder *unwinder = find_unwinder(process->core->machine);
	struct hc_frames frames = {0};
	struct hc_frame frame;
	bool more = unwinder && thread->sp >= thread->stack_start && thread->sp < thread->stack_end;

	if (more)
		innermost(process, unwinder, thread, &frame);
	while (more && frames.num < HC_MAX_FRAMES) {
		struct hc_frame caller = {0};
		struct hc_error *err =
			hc_array_reserve(&frames.items, frames.num, sizeof(*frames.items));

		if (err) {
			hc_frames_deinit(&frames);
			return err;
		}
		more = step_out(process, thread, &frame, &caller);
		frames.items[frames.num++] = frame;
		frame = caller;
	}
	*ret = frames;
	return NULL;
}

void hc_frames_deinit(struct hc_frames *frames)
{
	free(frames->items);
	*frames = (struct hc_frames){0};
}

const struct hc_frame *hc_frames_find(const struct hc_frames *frames, uint64_t address)
{
	size_t i = hc_lower_bound(frames->num, k, frames->items[k].end <= address);

	return i < frames->num && frames->items[i].sp <= address ? &frames->items[i] : NULL;
}

/** @name Variables */
/**@{*/

/** The base that locations of a function's variables count from. */
static bool find_base(const struct hc_process *process, const struct hc_frame *frame,
		      Dwarf_Die *function, Dwarf_Addr pc, uint64_t *ret)
{
	struct machine machine = machine_of(process, frame);
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	bool is_value;
	size_t num;

	if (!dwarf_attr_integrate(function, DW_AT_frame_base, &attr) ||
	    dwarf_getlocation_addr(&attr, pc, &ops, &num, 1) != 1)
		return false;
	if (num == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return get_reg(frame, ops[0].atom - DW_OP_reg0, ret);
	return evaluate(&machine, ops, num, ret, &is_value);
}

/** Whether a variable lies on the stack, and has the address. */
static bool has_address(Dwarf_Die *die, Dwarf_Addr pc, uint64_t base, uint64_t address,
			uint64_t *offset_ret)
{
	Dwarf_Attribute attr;
	Dwarf_Die type;
	Dwarf_Word size;
	Dwarf_Op *ops;
	size_t num;

	if (!dwarf_attr_integrate(die, DW_AT_location, &attr) ||
	    dwarf_getlocation_addr(&attr, pc, &ops, &num, 1) != 1 || num != 1 ||
	    ops[0].atom != DW_OP_fbreg || !dwarf_attr_integrate(die, DW_AT_type, &attr) ||
	    !dwarf_formref_die(&attr, &type) || dwarf_aggregate_size(&type, &size))
		return false;
	*offset_ret = address - (base + ops[0].number);
	return *offset_ret < size;
}

static const char *find_in_scope(Dwarf_Die *scope, Dwarf_Addr pc, uint64_t base, uint64_t address,
				 uint64_t *offset_ret)
{
	Dwarf_Die child;

	if (dwarf_child(scope, &child))
		return NULL;
	do {
		int tag = dwarf_tag(&child);
		const char *name;

		if ((tag == DW_TAG_variable || tag == DW_TAG_formal_parameter) &&
		    has_address(&child, pc, base, address, offset_ret) &&
		    (name = dwarf_diename(&child)) && strnlen(name, MAX_NAME + 1) <= MAX_NAME)
			return name;
	} while (!dwarf_siblingof(&child, &child));
	return NULL;
}

bool hc_frame_variable(struct hc_process *process, const struct hc_frame *frame, uint64_t address,
		       const char **name_ret, uint64_t *offset_ret)
{
	Dwfl_Module *module = module_of(process, frame->pc);
	hc_cleanup_free Dwarf_Die *scopes = NULL;
	const char *name = NULL;
	uint64_t base, offset;
	Dwarf_Addr bias;
	Dwarf_Die *unit = module ? dwfl_module_addrdie(module, frame->pc, &bias) : NULL;
	int num = unit ? dwarf_getscopes(unit, frame->pc - bias, &scopes) : 0, function = 0;

	while (function < num && dwarf_tag(&scopes[function]) != DW_TAG_subprogram)
		function++;
	if (function >= num ||
	    !find_base(process, frame, &scopes[function], frame->pc - bias, &base))
		return false;
	for (int i = 0; i <= function && !name; i++)
		name = find_in_scope(&scopes[i], frame->pc - bias, base, address, &offset);
	if (!name)
		return false;
	*name_ret = name;
	*offset_ret = offset;
	return true;
}
/**@}*/
