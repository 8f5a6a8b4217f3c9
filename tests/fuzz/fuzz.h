/**
 * @file
 * The entry points of libFuzzer, which replay.c calls where there is no libFuzzer.
 */
#ifndef HC_TESTS_FUZZ_FUZZ_H
#define HC_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
