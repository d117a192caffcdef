/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction decoder against Capstone, for libFuzzer. First byte of an input: the width of the
 * code; the others are the instruction. Any difference ends the run, with the input in a file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "instruction_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned widths[] = { 64, 32, 64, 16 };
    const char *complaint;

    if (size < 2)
        return -1;
    complaint = instruction_oracle(data + 1, size - 1, widths[data[0] & 3]);
    if (complaint) {
        fprintf(stderr, "%u-bit code: %s\n", widths[data[0] & 3], complaint);
        abort();
    }
    return 0;
}
