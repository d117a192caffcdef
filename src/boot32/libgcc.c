/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions that the compiler calls for 64-bit division on i386, by the names that it gives
 * them (GCC Internals: The GCC low-level runtime library > Routines for integer arithmetic). A
 * compiler for x86-64 alone does not bring a library that has them. */
#include "boot32/division.h"

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);
uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder);
int64_t __divdi3(int64_t dividend, int64_t divisor);
int64_t __moddi3(int64_t dividend, int64_t divisor);

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t remainder;

    return divide_64(dividend, divisor, &remainder);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t remainder;

    divide_64(dividend, divisor, &remainder);
    return remainder;
}

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
    uint64_t rest;
    uint64_t quotient = divide_64(dividend, divisor, &rest);

    if (remainder)
        *remainder = rest;
    return quotient;
}

int64_t __divdi3(int64_t dividend, int64_t divisor)
{
    int64_t remainder;

    return divide_signed_64(dividend, divisor, &remainder);
}

int64_t __moddi3(int64_t dividend, int64_t divisor)
{
    int64_t remainder;

    divide_signed_64(dividend, divisor, &remainder);
    return remainder;
}
