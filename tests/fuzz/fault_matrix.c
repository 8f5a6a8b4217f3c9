/**
 * @file
 * The fault matrix: one core, cut at evenly spaced offsets, then with single bits flipped, through
 * everything that heapcore does with a core.
 *
 * usage: fault_matrix CORE CUTS FLIPS SEED
 *
 * Prints how many cores of each kind were refused, had no heap, were partial and were whole. A
 * crash, a sanitizer's report or a core that takes more than 10 seconds ends the program. A core
 * that lacks memory but is called whole makes it fail.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "faults.h"
#include "core/base/cleanup.h"
#include "pipeline.h"

#define TIMEOUT 10 /* seconds for one core */

/** SplitMix64 (Steele, Lea, Flood, 2014): the same faults everywhere. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static enum pipeline_outcome run(struct faults *faults, unsigned *outcomes)
{
	alarm(TIMEOUT);
	enum pipeline_outcome outcome = pipeline_run(faults->path);
	alarm(0);
	outcomes[outcome]++;
	faults_mend(faults);
	return outcome;
}

static void print(const char *what, const unsigned *outcomes)
{
	printf("%s: %u refused, %u without a heap, %u partial, %u whole\n", what,
	       outcomes[PIPELINE_REFUSED], outcomes[PIPELINE_NO_HEAP], outcomes[PIPELINE_PARTIAL],
	       outcomes[PIPELINE_WHOLE]);
}

/** Where the last byte of memory lies in the file: a cut behind it costs nothing. */
static uint64_t end_of_memory(const struct faults *faults)
{
	struct hc_diagnostics diag = {};
	struct hc_core *core;
	uint64_t end = 0;

	hc_cleanup_close int fd = open(faults->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || hc_core_open(faults->path, fd, NULL, &diag, &core))
		exit(1);
	for (size_t i = 0; i < core->num_segments; i++) {
		const struct hc_segment *segment = &core->segments[i];
		if (segment->offset + segment->available > end)
			end = segment->offset + segment->available;
	}
	hc_core_close(core);
	hc_diagnostics_deinit(&diag);
	return end;
}

int main(int argc, char **argv)
{
	struct faults faults;
	unsigned cut[4] = {0}, flipped[4] = {0};

	if (argc != 5) {
		fprintf(stderr, "usage: %s CORE CUTS FLIPS SEED\n", argv[0]);
		return 2;
	}
	unsigned num_cuts = atoi(argv[2]), num_flips = atoi(argv[3]);
	uint64_t state = strtoull(argv[4], NULL, 10);

	faults_init(&faults, argv[1]);
	uint64_t end = end_of_memory(&faults);
	if (run(&faults, (unsigned[4]){0}) != PIPELINE_WHOLE) {
		fprintf(stderr, "the core is not whole to begin with\n");
		return 1;
	}
	for (unsigned i = 0; i < num_cuts; i++) {
		uint64_t size = faults.size / num_cuts * i;
		faults_cut(&faults, size);
		if (run(&faults, cut) == PIPELINE_WHOLE && size < end) {
			fprintf(stderr, "cut at %ju: called whole\n", (uintmax_t)size);
			return 1;
		}
	}
	print("cut", cut);
	for (unsigned i = 0; i < num_flips; i++) {
		/* Half of them where they hurt. */
		uint64_t random = next_random(&state), place = next_random(&state);
		uint64_t offset =
			i % 2 ? faults.targets[place % faults.num_targets] + (random >> 8) % 8
			      : place % faults.size;
		uint8_t byte = faults.original[offset] ^ 1u << random % 8;
		faults_write(&faults, offset, &byte, 1);
		/* For whoever looks for the fault behind a crash. */
		if (getenv("FAULT_MATRIX_VERBOSE"))
			fprintf(stderr, "flip %u: bit %ju of offset %ju\n", i,
				(uintmax_t)(random % 8), (uintmax_t)offset);
		run(&faults, flipped);
	}
	print("flipped", flipped);
	faults_deinit(&faults);
	return 0;
}
