/**
 * @file
 * Threads inside the allocator; what counts as that is in inflight.h.
 */
#include "analyzers/reachability/inflight.h"

#include <elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"

/** Distance of two places that one call of the allocator writes to: a header and its neighbours. */
#define NEAR_WORDS 4
/** Chunks of one list that a thread takes apart, at most. */
#define MAX_CHAIN 65536

/** @name What a thread holds */
/**@{*/

/** Registers, then the words of the innermost frames. */
struct holder {
	const struct hc_process *process;
	const struct hc_thread *thread;
	uint64_t frame_end;
};

/** The words that a thread holds, by index. @return false behind the last */
static bool held_word(const struct holder *holder, size_t index, uint64_t *ret)
{
	const struct hc_thread *thread = holder->thread;
	unsigned word = holder->process->memory.word_size;

	if (index < thread->num_regs) {
		*ret = thread->regs[index];
		return true;
	}
	uint64_t start = thread->sp - holder->process->core->machine->red_zone;
	uint64_t address = start + (index - thread->num_regs) * word;

	return address < holder->frame_end &&
	       hc_memory_word(&holder->process->memory, address, ret);
}

static struct holder holder_of(const struct hc_process *process, const struct hc_thread *thread)
{
	struct holder holder = {process, thread, thread->sp + HC_INFLIGHT_FRAMES};

	if (thread->stack_end > thread->sp && holder.frame_end > thread->stack_end)
		holder.frame_end = thread->stack_end;
	return holder;
}

/** x86-64: whether the thread waits in a system call, and which. */
static bool in_system_call(const struct hc_process *process, const struct hc_thread *thread,
			   uint64_t *ret)
{
	static const uint8_t syscall_code[] = {0x0f, 0x05};
	const struct hc_machine *machine = process->core->machine;
	struct hc_bytes code;

	if (machine->e_machine != EM_X86_64 || machine->elf_class != ELFCLASS64)
		return false;
	code = hc_memory_view(&process->memory, thread->pc - sizeof(syscall_code),
			      sizeof(syscall_code));
	if (code.size < sizeof(syscall_code) ||
	    memcmp(code.data, syscall_code, sizeof(syscall_code)))
		return false;
	for (unsigned i = 0; i < thread->num_regs && machine->reg_names; i++)
		if (!strcmp(machine->reg_names[i], "orig_rax")) {
			*ret = thread->regs[i];
			return true;
		}
	return false;
}

/** A wait for a lock, of x86-64. */
#define CALL_FUTEX 202

/** System calls of x86-64 that allocators make: memory, and waiting for a lock. */
static bool allocators_call(uint64_t number)
{
	static const uint64_t calls[] = {
		9 /* mmap */,    10 /* mprotect */, 11 /* munmap */, 12 /* brk */,
		25 /* mremap */, 28 /* madvise */,  CALL_FUTEX,
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (number == calls[i])
			return true;
	return false;
}
/**@}*/

/** @name Inside */
/**@{*/

/** The module that the allocator's own data lies in. */
static const struct hc_module *allocator_module(const struct hc_process *process,
						const struct hc_heap *heap)
{
	for (size_t i = 0; i < heap->num_arenas; i++) {
		const struct hc_module *module =
			heap->arenas[i].main && heap->arenas[i].address
				? hc_modules_find(&process->modules, heap->arenas[i].address)
				: NULL;

		if (module)
			return module;
	}
	return hc_modules_libc(&process->modules);
}

/** Whether a word points into the allocator's own structures. @param[out] arena_ret if into one */
static bool is_own(const struct hc_heap *heap, uint64_t value, uint32_t *arena_ret)
{
	struct hc_chunk chunk;

	for (size_t i = 0; i < heap->num_arenas; i++) {
		const struct hc_arena *arena = &heap->arenas[i];

		if (arena->address && value - arena->address < arena->struct_size) {
			*arena_ret = i;
			return true;
		}
	}
	return hc_heap_chunk_at(heap, value, &chunk) && chunk.state == HC_OVERHEAD;
}

/** Whether the thread ended the process, by a signal that its own instruction caused. */
static bool died_of_fault(const struct hc_thread *thread)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGSYS};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (thread->signal == faults[i])
			return true;
	return false;
}

/** @param[out] arena_ret that it names itself, or HC_ARENA_MMAP */
static bool is_inside(const struct hc_heap *heap, const struct holder *holder, bool frames,
		      uint32_t *arena_ret)
{
	uint64_t value;
	uint32_t arena = HC_ARENA_MMAP;
	bool inside = false;

	for (size_t i = 0; (frames || i < holder->thread->num_regs) && held_word(holder, i, &value);
	     i++)
		if (is_own(heap, value, &arena)) {
			inside = true;
			if (arena != HC_ARENA_MMAP)
				break;
		}
	*arena_ret = arena;
	return inside;
}
/**@}*/

/** @name Chunks */
/**@{*/

/** The chunk in use whose header is at @p value. @return its user address, or 0 */
static uint64_t chunk_of_header(const struct hc_heap *heap, uint64_t value)
{
	struct hc_chunk chunk;
	const struct hc_span *span = hc_heap_span(heap, value);

	if (!span || !hc_heap_chunk_at(heap, value + span->header, &chunk) ||
	    chunk.state != HC_IN_USE || chunk.address != value + span->header)
		return 0;
	return chunk.address;
}

static struct hc_error *add_chunk(struct hc_inflight *inflight, uint64_t address,
				  const struct hc_thread *thread)
{
	struct hc_error *err = hc_array_reserve(&inflight->chunks, inflight->num_chunks,
						sizeof(*inflight->chunks));

	if (!err)
		inflight->chunks[inflight->num_chunks++] =
			(struct hc_inflight_chunk){address, thread};
	return err;
}

/** A chunk, and what follows it on the list that it may be on. */
static struct hc_error *add_chain(const struct hc_heap *heap, struct hc_inflight *inflight,
				  uint64_t address, const struct hc_thread *thread)
{
	struct hc_error *err = NULL;

	for (unsigned i = 0; !err && address && i < MAX_CHAIN; i++) {
		err = add_chunk(inflight, address, thread);
		address = hc_heap_next_listed(heap, address);
	}
	return err;
}

static struct hc_error *add_chunks(const struct hc_heap *heap, const struct holder *holder,
				   struct hc_inflight *inflight)
{
	uint64_t value;

	for (size_t i = 0; held_word(holder, i, &value); i++) {
		uint64_t address = chunk_of_header(heap, value);
		struct hc_error *err =
			address ? add_chain(heap, inflight, address, holder->thread) : NULL;

		if (err)
			return err;
	}
	return NULL;
}

static int compare_chunks(const void *a, const void *b)
{
	const struct hc_inflight_chunk *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->thread > y->thread) - (x->thread < y->thread);
}

static void sort_chunks(struct hc_inflight *inflight)
{
	size_t kept = 0;

	if (!inflight->num_chunks)
		return;
	hc_sort(inflight->chunks, inflight->num_chunks, compare_chunks);
	for (size_t i = 0; i < inflight->num_chunks; i++)
		if (!kept || inflight->chunks[kept - 1].address != inflight->chunks[i].address)
			inflight->chunks[kept++] = inflight->chunks[i];
	inflight->num_chunks = kept;
}
/**@}*/

static struct hc_error *look_at_thread(const struct hc_process *process, const struct hc_heap *heap,
				       const struct hc_module *module,
				       const struct hc_thread *thread, struct hc_inflight *inflight)
{
	struct holder holder = holder_of(process, thread);
	uint64_t number = 0;
	uint32_t arena;
	bool waits, named;
	struct hc_error *err;

	if (!thread->num_regs || thread->pc < module->start || thread->pc >= module->end)
		return NULL;
	waits = in_system_call(process, thread, &number);
	if (waits && !allocators_call(number))
		return NULL;
	if (is_inside(heap, &holder, waits, &arena)) {
		err = hc_array_reserve(&inflight->inside, inflight->num_inside,
				       sizeof(*inflight->inside));
		if (err)
			return err;
		named = arena != HC_ARENA_MMAP;
		if (!named && heap->thread_arena)
			arena = heap->thread_arena[thread - process->threads.items];
		inflight->inside[inflight->num_inside++] = (struct hc_inside){
			thread, arena, named,
			!(waits && number == CALL_FUTEX) && !died_of_fault(thread)};
	}
	return add_chunks(heap, &holder, inflight);
}

struct hc_error *hc_inflight_find(const struct hc_heap *heap, struct hc_inflight *ret)
{
	const struct hc_process *process = heap->process;
	const struct hc_module *module = allocator_module(process, heap);
	struct hc_inflight inflight = {0};
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && module && i < process->threads.num; i++)
		err = look_at_thread(process, heap, module, &process->threads.items[i], &inflight);
	if (err) {
		hc_inflight_deinit(&inflight);
		return err;
	}
	sort_chunks(&inflight);
	*ret = inflight;
	return NULL;
}

void hc_inflight_deinit(struct hc_inflight *inflight)
{
	free(inflight->inside);
	free(inflight->chunks);
	*inflight = (struct hc_inflight){0};
}

/** @name Faults that are none */
/**@{*/

/** Whether the thread holds an address within a few words of @p address. */
static bool holds_near(const struct holder *holder, uint64_t address)
{
	uint64_t near = NEAR_WORDS * holder->process->memory.word_size, value;

	for (size_t i = 0; held_word(holder, i, &value); i++)
		if (value - (address - near) <= 2 * near)
			return true;
	return false;
}

/** Whether an address is in the struct of the arena that the thread itself names: it has the lock.
 */
static bool in_struct(const struct hc_heap *heap, const struct hc_inside *inside, uint64_t address)
{
	uint32_t arena = inside->arena;

	return inside->names_arena && arena < heap->num_arenas && heap->arenas[arena].address &&
	       address - heap->arenas[arena].address < heap->arenas[arena].struct_size;
}

static bool moves_top(const struct hc_heap *heap, const struct hc_inside *inside,
		      const struct hc_inconsistency *fault)
{
	const struct hc_span *span =
		fault->fault == HC_FAULT_TOP ? hc_heap_span(heap, fault->address) : NULL;

	return span && inside->names_arena && span->arena == inside->arena;
}

/** Places that one contradiction is about, at most. */
#define MAX_PLACES 6

struct places {
	uint64_t at[MAX_PLACES];
	unsigned num;
};

/** In the heap alone: near what a broken link leads to, such as 16, every thread holds something.
 */
static void add_place(const struct hc_heap *heap, struct places *places, uint64_t address)
{
	bool own = hc_heap_span(heap, address);

	for (size_t i = 0; !own && i < heap->num_arenas; i++)
		own = heap->arenas[i].address &&
		      address - heap->arenas[i].address < heap->arenas[i].struct_size;
	if (own)
		places->at[places->num++] = address;
}

/**
 * A contradiction is between two places, and a thread that mends it holds either: the field, with
 * the chunk that it belongs to; what the field leads to, if it is a link, which may be hidden as
 * glibc does it (safe-linking); and the chunk behind, where a chunk's tags lie. The chunk before is
 * an end of what is said about headers, not of lists.
 */
static struct places places_of(const struct hc_heap *heap, const struct hc_inconsistency *fault)
{
	struct places ret = {0};
	struct hc_chunk chunk, before;
	uint64_t link;

	add_place(heap, &ret, fault->address);
	add_place(heap, &ret, fault->chunk);
	if (hc_memory_word(&heap->process->memory, fault->address, &link)) {
		add_place(heap, &ret, link);
		add_place(heap, &ret, link ^ fault->address >> 12);
	}
	if (!fault->chunk || !hc_heap_chunk_at(heap, fault->chunk, &chunk))
		return ret;
	add_place(heap, &ret, chunk.address + chunk.size);
	if (fault->fault != HC_FAULT_LIST &&
	    hc_heap_chunk_at(heap, chunk.address - chunk.span->header - 1, &before))
		add_place(heap, &ret, before.address);
	return ret;
}

static bool mends(const struct hc_inflight *inflight, const struct hc_heap *heap, size_t i,
		  const struct hc_inconsistency *fault)
{
	const struct hc_inside *inside = &inflight->inside[i];
	struct holder holder = holder_of(heap->process, inside->thread);
	struct places places = places_of(heap, fault);

	if (!inside->writes)
		return false;
	if (moves_top(heap, inside, fault))
		return true;
	for (unsigned k = 0; k < places.num; k++)
		if (in_struct(heap, inside, places.at[k]) || holds_near(&holder, places.at[k]))
			return true;
	return false;
}

const struct hc_thread *hc_inflight_explains(const struct hc_inflight *inflight,
					     const struct hc_heap *heap,
					     const struct hc_inconsistency *fault)
{
	for (size_t i = 0; i < inflight->num_inside; i++)
		if (mends(inflight, heap, i, fault))
			return inflight->inside[i].thread;
	return NULL;
}

bool hc_inflight_explains_all(const struct hc_inflight *inflight, const struct hc_heap *heap)
{
	if (!heap->inconsistencies_total || heap->inconsistencies_total > heap->num_inconsistencies)
		return false;
	for (size_t i = 0; i < heap->num_inconsistencies; i++)
		if (!hc_inflight_explains(inflight, heap, &heap->inconsistencies[i]))
			return false;
	return true;
}
/**@}*/
