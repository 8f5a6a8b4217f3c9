/**
 * @file
 * Threads caught inside the allocator.
 */
#include "tests/unit/fake_heap.h"

#include <signal.h>

#include "analyzers/reachability/inflight.h"
#include "analyzers/reachability/reachability.h"

#define HEAP UINT64_C(0x20000000)
#define LIBC UINT64_C(0x40000000)
#define STACK UINT64_C(0x50000000)
#define PC (LIBC + 0x100)
#define ARENA (LIBC + 0x1000)
#define NUM 4

/** Registers of the thread, by index. */
enum { RBX, ORIG_RAX, NUM_REGS };

static const char *const reg_names[NUM_REGS] = {[RBX] = "rbx", [ORIG_RAX] = "orig_rax"};

struct busy {
	struct fake fake;
	struct hc_module libc;
	uint64_t c[NUM];
};

/** Four chunks that nothing holds, and a thread in libc that holds the header of the second. */
static void make(struct busy *busy)
{
	const uint64_t sizes[NUM] = {64, 64, 64, 64};
	struct fake *fake = &busy->fake;

	fake_init(fake, 8, 1, 4096);
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, NUM, busy->c);
	fake_area(fake, LIBC, 0x1000, HC_MAPPING_TEXT, PF_R | PF_X);
	fake_area(fake, LIBC + 0x1000, 0x1000, HC_MAPPING_DATA, PF_R | PF_W);
	fake_area(fake, STACK, 0x2000, HC_MAPPING_STACK, PF_R | PF_W);
	busy->libc = (struct hc_module){
		.path = (char *)"/lib/libc.so.6", .start = LIBC, .end = LIBC + 0x2000};
	fake->process.modules.items = &busy->libc;
	fake->process.modules.num = 1;
	fake->heap->arenas = calloc(1, sizeof(*fake->heap->arenas));
	assert_non_null(fake->heap->arenas);
	fake->heap->num_arenas = 1;
	fake->heap->arenas[0] = (struct hc_arena){
		.backend = fake->backend, .address = ARENA, .struct_size = 0x800, .main = true};
	fake->machine.e_machine = EM_X86_64;
	fake->machine.elf_class = ELFCLASS64;
	fake->machine.reg_names = reg_names;
	fake->thread.pc = PC;
	fake->thread.sp = STACK + 0x1000;
	fake->thread.live_start = fake->thread.sp;
	fake->thread.stack_start = STACK;
	fake->thread.stack_end = STACK + 0x2000;
	fake->thread.num_regs = NUM_REGS;
	fake->thread.regs[RBX] = ARENA + 0x10;
	fake_seal(fake);
	fake_store(fake, STACK + 0x1100, busy->c[1] - 16);
}

static void check(struct busy *busy, size_t num_inside, size_t num_chunks)
{
	struct hc_inflight inflight;

	assert_null(hc_inflight_find(busy->fake.heap, &inflight));
	assert_int_equal(inflight.num_inside, num_inside);
	assert_int_equal(inflight.num_chunks, num_chunks);
	if (num_inside) {
		assert_ptr_equal(inflight.inside[0].thread, &busy->fake.thread);
		assert_int_equal(inflight.inside[0].arena, 0);
	}
	if (num_chunks)
		assert_int_equal(inflight.chunks[0].address, busy->c[1]);
	hc_inflight_deinit(&inflight);
}

static void test_a_chunk_on_its_way(void **state)
{
	struct hc_reach_stats stats;
	struct busy busy;

	(void)state;
	make(&busy);
	check(&busy, 1, 1);
	assert_null(hc_reachability_run(busy.fake.heap, &stats));
	assert_int_equal(stats.inflight_threads, 1);
	assert_int_equal(stats.inflight_chunks, 1);
	assert_int_equal(fake_reach(&busy.fake, busy.c[1]), HC_REACHABLE);
	assert_int_equal(fake_reach(&busy.fake, busy.c[2]), HC_DEFINITE);
	/* The program's own code is not the allocator's. */
	busy.fake.thread.pc = LIBC + 0x8000;
	check(&busy, 0, 0);
	assert_null(hc_reachability_run(busy.fake.heap, &stats));
	assert_int_equal(fake_reach(&busy.fake, busy.c[1]), HC_DEFINITE);
	/* In libc, but with nothing of the allocator's at hand: a copy, say. */
	busy.fake.thread.pc = PC;
	busy.fake.thread.regs[RBX] = 7;
	check(&busy, 0, 1);
	fake_deinit(&busy.fake);
}

static void test_system_calls(void **state)
{
	struct busy busy;

	(void)state;
	make(&busy);
	memcpy(fake_at(&busy.fake, PC - 2), "\x0f\x05", 2);
	busy.fake.thread.regs[ORIG_RAX] = 34; /* pause */
	check(&busy, 0, 0);
	busy.fake.thread.regs[ORIG_RAX] = 12; /* brk */
	check(&busy, 1, 1);
	/* The arena is in the frames alone. */
	busy.fake.thread.regs[RBX] = 0;
	check(&busy, 0, 1);
	fake_store(&busy.fake, STACK + 0x1080, ARENA);
	check(&busy, 1, 1);
	fake_deinit(&busy.fake);
}

static const struct hc_thread *explain(struct busy *busy, struct hc_inconsistency fault)
{
	struct hc_inflight inflight;
	const struct hc_thread *thread;

	assert_null(hc_inflight_find(busy->fake.heap, &inflight));
	thread = hc_inflight_explains(&inflight, busy->fake.heap, &fault);
	hc_inflight_deinit(&inflight);
	return thread;
}

static void test_what_it_explains(void **state)
{
	struct busy busy;

	(void)state;
	make(&busy);
	const struct hc_inconsistency own = {.fault = HC_FAULT_LIST, .address = ARENA + 0x60};
	const struct hc_inconsistency held = {
		.fault = HC_FAULT_HEADER, .address = busy.c[1] - 8, .chunk = busy.c[1]};
	const struct hc_inconsistency top = {.fault = HC_FAULT_TOP, .address = busy.c[3] - 8};
	const struct hc_inconsistency far = {
		.fault = HC_FAULT_HEADER, .address = busy.c[3] - 8, .chunk = busy.c[3]};

	assert_ptr_equal(explain(&busy, own), &busy.fake.thread);
	assert_ptr_equal(explain(&busy, held), &busy.fake.thread);
	assert_ptr_equal(explain(&busy, top), &busy.fake.thread);
	assert_null(explain(&busy, far));
	/* The tags of a chunk lie in its neighbours. */
	const struct hc_inconsistency behind = {
		.fault = HC_FAULT_BOUNDARY, .address = busy.c[2] - 8, .chunk = busy.c[2]};
	const struct hc_inconsistency before = {
		.fault = HC_FAULT_LIST, .address = busy.c[0], .chunk = busy.c[0]};

	assert_ptr_equal(explain(&busy, behind), &busy.fake.thread);
	assert_ptr_equal(explain(&busy, before), &busy.fake.thread);
	/* What a list says of a chunk is not about the one before it. */
	const struct hc_inconsistency listed = {
		.fault = HC_FAULT_LIST, .address = busy.c[2], .chunk = busy.c[2]};

	assert_null(explain(&busy, listed));
	/* A link that leads to what the thread holds, in the clear or hidden, or into its arena. */
	const struct hc_inconsistency link = {
		.fault = HC_FAULT_LIST, .address = busy.c[3], .chunk = busy.c[3]};

	assert_null(explain(&busy, link));
	fake_store(&busy.fake, busy.c[3], busy.c[1]);
	assert_ptr_equal(explain(&busy, link), &busy.fake.thread);
	fake_store(&busy.fake, busy.c[3], busy.c[1] ^ busy.c[3] >> 12);
	assert_ptr_equal(explain(&busy, link), &busy.fake.thread);
	fake_store(&busy.fake, busy.c[3], ARENA + 0x70);
	assert_ptr_equal(explain(&busy, link), &busy.fake.thread);
	fake_store(&busy.fake, busy.c[3], LIBC);
	assert_null(explain(&busy, link));
	/* Broken links are small numbers, and some register holds a small number always. */
	fake_store(&busy.fake, busy.c[3], 16);
	busy.fake.thread.regs[ORIG_RAX] = 0;
	assert_null(explain(&busy, link));
	/* Who works on its own cache has no lock of its arena. */
	fake_store(&busy.fake, busy.c[3], ARENA + 0x70);
	struct hc_inside inside = {&busy.fake.thread, .arena = 0, .writes = true};
	const struct hc_inflight unlocked = {.inside = &inside, .num_inside = 1};

	assert_null(hc_inflight_explains(&unlocked, busy.fake.heap, &link));
	assert_null(hc_inflight_explains(&unlocked, busy.fake.heap, &top));
	inside.names_arena = true;
	assert_ptr_equal(hc_inflight_explains(&unlocked, busy.fake.heap, &link), inside.thread);
	/* A thread that died of what it found has found damage. */
	busy.fake.thread.signal = SIGSEGV;
	assert_null(explain(&busy, held));
	busy.fake.thread.signal = SIGQUIT;
	assert_ptr_equal(explain(&busy, held), &busy.fake.thread);
	/* One that waits for the lock writes nothing. */
	memcpy(fake_at(&busy.fake, PC - 2), "\x0f\x05", 2);
	busy.fake.thread.regs[ORIG_RAX] = 202;
	assert_null(explain(&busy, own));
	fake_deinit(&busy.fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_chunk_on_its_way),
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_what_it_explains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
