/**
 * @file
 * Threads: stacks by struct pthread and by VMA, stack pointers that are elsewhere, exited threads,
 * i386.
 */
#include "tests/unit/unit.h"

#include <elf.h>
#include <stdlib.h>

#include "core/process/process.h"
#include "tests/unit/fake_core.h"

/* One mapped block: a guard page, a stack, and at its end static TLS and struct pthread. */
#define BLOCK 0x7f0000000000ull
#define GUARD_SIZE 0x1000ull
#define BLOCK_SIZE 0x10000ull
#define TP_OFFSET (BLOCK_SIZE - 0x940)
#define TLS_OFFSET (TP_OFFSET - 0x80)
/* Where the three words stand in struct pthread; any offset will do. */
#define FIELDS 0x690

#define MAIN_STACK 0x7ffe00000000ull

static void put_word(uint8_t *at, uint64_t value, size_t word)
{
	for (size_t i = 0; i < word; i++)
		at[i] = value >> (8 * i);
}

/** Fill the struct pthread of the block at @p block into the bytes above its guard. */
static void make_block(uint8_t *bytes, uint64_t block, size_t word)
{
	uint8_t *tp = bytes + TP_OFFSET - GUARD_SIZE;
	uint64_t dtv = block + GUARD_SIZE + 0x100;
	uint8_t *dtv_bytes = bytes + 0x100;

	memset(bytes, 0, BLOCK_SIZE - GUARD_SIZE);
	put_word(tp, block + TP_OFFSET, word);
	put_word(tp + word, dtv, word);
	put_word(tp + 2 * word, block + TP_OFFSET, word);
	put_word(tp + FIELDS, block, word);
	put_word(tp + FIELDS + word, BLOCK_SIZE, word);
	put_word(tp + FIELDS + 2 * word, GUARD_SIZE, word);
	put_word(dtv_bytes - 2 * word, 14, word);
	put_word(dtv_bytes + 2 * word, block + TLS_OFFSET, word);
	put_word(dtv_bytes + 4 * word, block + TP_OFFSET - 0x20, word);
}

static struct hc_process *open_fake(struct fake_core *fake)
{
	const struct hc_process_options options = {.jobs = 1};
	char *path = fake_core_write(fake);
	struct hc_process *process;

	assert_ok(hc_process_open(path, &options, &process));
	fake_core_remove(path);
	fake_core_deinit(fake);
	return process;
}

static void add_block(struct fake_core *fake, uint64_t block, const uint8_t *bytes)
{
	fake_core_segment(fake, block, GUARD_SIZE, 0, NULL, 0);
	fake_core_segment(fake, block + GUARD_SIZE, BLOCK_SIZE - GUARD_SIZE, PF_R | PF_W, bytes,
			  BLOCK_SIZE - GUARD_SIZE);
}

static void test_pthread(void **state)
{
	(void)state;
	static uint8_t bytes[BLOCK_SIZE], stack[0x2000];
	struct fake_core fake = {.pid = 10};

	make_block(bytes, BLOCK, 8);
	fake_core_thread(&fake, 11, 0, BLOCK + 0x8000, BLOCK + TP_OFFSET);
	fake_core_thread(&fake, 10, 0, MAIN_STACK + 0x1800, 0);
	fake_core_auxv(&fake, AT_EXECFN, MAIN_STACK + 0x1ff0);
	add_block(&fake, BLOCK, bytes);
	fake_core_segment(&fake, MAIN_STACK, 0x2000, PF_R | PF_W, stack, 0x2000);
	struct hc_process *process = open_fake(&fake);
	const struct hc_thread *thread = &process->threads.items[0];
	const struct hc_mappings *m = &process->mappings;

	assert_int_equal(process->threads.num, 2);
	assert_false(thread->main);
	assert_true(thread->exact);
	assert_int_equal(thread->guard_start, BLOCK);
	assert_int_equal(thread->stack_start, BLOCK + GUARD_SIZE);
	assert_int_equal(thread->stack_end, BLOCK + TLS_OFFSET);
	assert_int_equal(thread->live_start, BLOCK + 0x8000 - 128);
	assert_int_equal(thread->block_start, BLOCK + TLS_OFFSET);
	assert_int_equal(thread->block_end, BLOCK + BLOCK_SIZE);
	assert_int_equal(hc_mappings_find(m, BLOCK)->kind, HC_MAPPING_STACK_GUARD);
	assert_int_equal(hc_mappings_find(m, BLOCK + GUARD_SIZE)->kind, HC_MAPPING_STACK);
	assert_string_equal(hc_mappings_find(m, BLOCK + GUARD_SIZE)->note, "thread 11");
	assert_int_equal(hc_mappings_find(m, BLOCK + TP_OFFSET)->kind, HC_MAPPING_TLS);

	thread++;
	assert_true(thread->main);
	assert_false(thread->exact);
	assert_int_equal(thread->stack_start, MAIN_STACK);
	assert_int_equal(thread->stack_end, MAIN_STACK + 0x2000);
	assert_int_equal(thread->live_start, MAIN_STACK + 0x1800 - 128);
	assert_int_equal(hc_mappings_find(m, MAIN_STACK)->kind, HC_MAPPING_MAIN_STACK);
	assert_int_equal(process->threads.num_cached, 0);
	hc_process_close(process);
}

/** An alternate signal stack or a coroutine: nothing of the real stack may be lost. */
static void test_sp_elsewhere(void **state)
{
	(void)state;
	static uint8_t bytes[BLOCK_SIZE], other[0x2000];
	struct fake_core fake = {.pid = 10};

	make_block(bytes, BLOCK, 8);
	fake_core_thread(&fake, 11, 0, 0x50000800, BLOCK + TP_OFFSET);
	fake_core_thread(&fake, 10, 0, 0x50000900, 0);
	fake_core_auxv(&fake, AT_RANDOM, MAIN_STACK + 0x1ff0);
	fake_core_segment(&fake, 0x50000000, 0x2000, PF_R | PF_W, other, sizeof(other));
	add_block(&fake, BLOCK, bytes);
	fake_core_segment(&fake, MAIN_STACK, 0x2000, PF_R | PF_W, other, sizeof(other));
	struct hc_process *process = open_fake(&fake);
	const struct hc_thread *threads = process->threads.items;

	assert_int_equal(threads[0].stack_start, BLOCK + GUARD_SIZE);
	assert_int_equal(threads[0].live_start, BLOCK + GUARD_SIZE);
	assert_int_equal(threads[1].stack_start, MAIN_STACK);
	assert_int_equal(threads[1].live_start, MAIN_STACK);
	assert_int_equal(hc_mappings_find(&process->mappings, 0x50000000)->kind, HC_MAPPING_ANON);
	hc_process_close(process);
}

/** The red zone must not reach below the stack. */
static void test_sp_at_start(void **state)
{
	(void)state;
	static uint8_t bytes[BLOCK_SIZE];
	struct fake_core fake = {.pid = 10};

	make_block(bytes, BLOCK, 8);
	fake_core_thread(&fake, 11, 0, BLOCK + GUARD_SIZE + 16, BLOCK + TP_OFFSET);
	add_block(&fake, BLOCK, bytes);
	struct hc_process *process = open_fake(&fake);
	assert_int_equal(process->threads.items[0].live_start, BLOCK + GUARD_SIZE);
	hc_process_close(process);
}

/** Stacks of exited threads, with a live thread that shows where struct pthread stands, and
 * without. */
static void check_cached(bool with_live)
{
	static uint8_t live[BLOCK_SIZE], gone[BLOCK_SIZE];
	struct fake_core fake = {.pid = 10};
	const uint64_t other = BLOCK + BLOCK_SIZE;

	make_block(live, BLOCK, 8);
	make_block(gone, other, 8);
	fake_core_thread(&fake, 11, 0, BLOCK + 0x8000, with_live ? BLOCK + TP_OFFSET : 0);
	if (with_live)
		add_block(&fake, BLOCK, live);
	add_block(&fake, other, gone);
	struct hc_process *process = open_fake(&fake);

	assert_int_equal(process->threads.num_cached, 1);
	assert_int_equal(process->threads.cached[0].start, other + GUARD_SIZE);
	assert_int_equal(process->threads.cached[0].end, other + BLOCK_SIZE);
	assert_int_equal(hc_mappings_find(&process->mappings, other)->kind, HC_MAPPING_STACK_GUARD);
	assert_int_equal(hc_mappings_find(&process->mappings, other + GUARD_SIZE)->kind,
			 HC_MAPPING_STACK_CACHED);
	hc_process_close(process);
}

static void test_cached(void **state)
{
	(void)state;
	check_cached(true);
	check_cached(false);
}

/** Words that look like struct pthread's must hold together. */
static void test_hostile_block(void **state)
{
	(void)state;
	static uint8_t bytes[BLOCK_SIZE];
	static const struct {
		uint64_t start, size, guard;
	} bad[] = {
		{BLOCK + 8, BLOCK_SIZE, GUARD_SIZE},
		{BLOCK, BLOCK_SIZE + 8, GUARD_SIZE},
		{BLOCK, BLOCK_SIZE, BLOCK_SIZE},
		{BLOCK, UINT64_MAX & ~0xfffull, GUARD_SIZE},
		{BLOCK, 0x1000, 0},
		{BLOCK + BLOCK_SIZE, BLOCK_SIZE, 0},
		{0, 0, 0},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fake_core fake = {.pid = 10};
		uint8_t *fields = bytes + TP_OFFSET - GUARD_SIZE + FIELDS;
		make_block(bytes, BLOCK, 8);
		put_word(fields, bad[i].start, 8);
		put_word(fields + 8, bad[i].size, 8);
		put_word(fields + 16, bad[i].guard, 8);
		fake_core_thread(&fake, 11, 0, BLOCK + 0x8000, BLOCK + TP_OFFSET);
		add_block(&fake, BLOCK, bytes);
		struct hc_process *process = open_fake(&fake);
		const struct hc_thread *thread = &process->threads.items[0];
		assert_false(thread->exact);
		assert_int_equal(thread->stack_start, BLOCK + GUARD_SIZE);
		assert_int_equal(thread->stack_end, BLOCK + BLOCK_SIZE);
		hc_process_close(process);
	}
}

static void test_nowhere(void **state)
{
	(void)state;
	static const uint64_t values[] = {0, 8, 0xfff, UINT64_MAX, UINT64_MAX - 7, 1ull << 63};
	static uint8_t bytes[0x1000];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct fake_core fake = {.pid = 10};
		fake_core_thread(&fake, 11, values[i], values[i], values[i]);
		fake_core_auxv(&fake, AT_EXECFN, values[i]);
		fake_core_segment(&fake, 0x10000, 0x1000, PF_R | PF_W, bytes, sizeof(bytes));
		struct hc_process *process = open_fake(&fake);
		const struct hc_thread *thread = &process->threads.items[0];
		assert_int_equal(thread->stack_start, thread->stack_end);
		assert_int_equal(thread->block_start, thread->block_end);
		hc_process_close(process);
	}
}

static void test_i386(void **state)
{
	(void)state;
	const uint64_t block = 0xf7000000;
	static uint8_t bytes[BLOCK_SIZE];
	struct fake_core fake = {.pid = 10, .elf32 = true};

	make_block(bytes, block, 4);
	fake_core_thread(&fake, 11, 0, block + 0x8000, block + TP_OFFSET);
	add_block(&fake, block, bytes);
	struct hc_process *process = open_fake(&fake);
	const struct hc_thread *thread = &process->threads.items[0];
	assert_true(thread->exact);
	assert_int_equal(thread->tp, block + TP_OFFSET);
	assert_int_equal(thread->stack_start, block + GUARD_SIZE);
	assert_int_equal(thread->live_start, block + 0x8000);
	assert_int_equal(thread->block_start, block + TLS_OFFSET);
	hc_process_close(process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pthread),       cmocka_unit_test(test_sp_elsewhere),
		cmocka_unit_test(test_sp_at_start),   cmocka_unit_test(test_cached),
		cmocka_unit_test(test_hostile_block), cmocka_unit_test(test_nowhere),
		cmocka_unit_test(test_i386),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
