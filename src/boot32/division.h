/* SPDX-License-Identifier: BSD-2-Clause */
/* 64-bit division for a processor that divides 32 bits at a time. Pure. */
#ifndef SEXTANT_BOOT32_DIVISION_H
#define SEXTANT_BOOT32_DIVISION_H

#include <stdint.h>

/* dividend / divisor, and *remainder = dividend % divisor. divisor != 0. Any context. */
uint64_t divide_64(uint64_t dividend, uint64_t divisor, uint64_t *remainder);

/* The same for signed numbers, rounded toward zero; the remainder has the sign of the dividend.
 * INT64_MIN / -1 wraps to INT64_MIN. */
int64_t divide_signed_64(int64_t dividend, int64_t divisor, int64_t *remainder);

#endif
