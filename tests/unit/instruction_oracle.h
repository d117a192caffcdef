/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction decoder against Capstone, for the unit test and the fuzzer. */
#ifndef INSTRUCTION_ORACLE_H
#define INSTRUCTION_ORACLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the bytes (at most 15 count) as code of 16, 32 or 64 bits with both, and once more with
 * each smaller number of bytes. NULL when they agree, or differ where Capstone is known to be wrong or
 * the decoder hands over on purpose; else what is different.
 */
const char *instruction_oracle(const uint8_t *bytes, size_t size, unsigned width);

/* How many instructions have been decoded, agreed on, and handed over on purpose. */
struct instruction_oracle_counts {
    unsigned long inputs, decoded, handed_over, excused;
};
extern struct instruction_oracle_counts instruction_oracle_counts;

#endif
