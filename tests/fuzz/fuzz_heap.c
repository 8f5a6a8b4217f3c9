/**
 * @file
 * Fuzz target: the heap of a real core, damaged where it hurts, through everything that heapcore
 * does with a core.
 *
 * An input is a list of faults of eight bytes each, so that it stays small and that every mutation
 * of libFuzzer's is a new set of faults: sizes, links, counts, arenas and headers that are set to
 * addresses of other chunks, to small or huge numbers, with bits flipped; runs of noise; a cut.
 */
#include "fuzz.h"

#include "faults.h"
#include "pipeline.h"

/** One fault as it stands in the input. */
struct record {
	uint8_t op;
	uint8_t kind;
	uint16_t target;
	uint32_t argument;
};

enum op {
	OP_VALUE, /**< something that means something, a little beside it */
	OP_NUMBER,
	OP_FLIP,
	OP_COPY, /**< the word of another target */
	OP_ADD,
	OP_LINK, /**< a link as safe-linking stores it */
	OP_NOISE,
	OP_CUT,
	NUM_OPS
};

static void fill(struct faults *faults, uint64_t offset, const struct record *record)
{
	uint64_t words[256];

	for (size_t i = 0; i < 256; i++)
		words[i] = record->argument + i * (record->kind & 3);
	faults_write(faults, offset, words, 8 * (1 + record->kind));
}

static void apply(struct faults *faults, const struct record *record)
{
	static const int8_t beside[] = {0, 0, 8, -8, 16, -16, 1, 4};
	uint64_t offset = faults->targets[record->target % faults->num_targets];
	uint64_t address = faults->addresses[record->target % faults->num_targets];
	uint64_t value = faults->values[record->argument % faults->num_values];
	uint64_t word = faults_word(faults, offset);

	switch ((enum op)(record->op % NUM_OPS)) {
	case OP_VALUE:
		word = value + beside[record->kind % sizeof(beside)];
		break;
	case OP_NUMBER:
		word = (uint64_t)record->argument << record->kind % 64;
		break;
	case OP_FLIP:
		word ^= UINT64_C(1) << record->kind % 64;
		break;
	case OP_COPY:
		word = faults_word(faults, faults->targets[record->argument % faults->num_targets]);
		break;
	case OP_ADD:
		word += (int32_t)record->argument;
		break;
	case OP_LINK:
		word = value ^ address >> 12;
		break;
	case OP_NOISE:
		fill(faults, offset, record);
		return;
	case OP_CUT:
		faults_cut(faults, record->kind & 1 ? record->argument % faults->size : offset);
		return;
	case NUM_OPS:
		return;
	}
	faults_write(faults, offset, &word, sizeof(word));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct faults faults;

	if (!faults.original)
		faults_init(&faults, HC_FUZZ_BASE);
	for (size_t at = 0; at + sizeof(struct record) <= size; at += sizeof(struct record)) {
		struct record record;
		memcpy(&record, data + at, sizeof(record));
		apply(&faults, &record);
	}
	pipeline_run(faults.path);
	faults_mend(&faults);
	return 0;
}
