/* SPDX-License-Identifier: BSD-2-Clause */
/* Long division in base 2 (restoring), with a short way for numbers of 32 bits. */
#include "boot32/division.h"

uint64_t divide_64(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
    uint64_t quotient = 0, rest = 0;

    if ((dividend | divisor) >> 32 == 0) {
        *remainder = (uint32_t)dividend % (uint32_t)divisor;
        return (uint32_t)dividend / (uint32_t)divisor;
    }
    for (int bit = 63; bit >= 0; bit--) {
        uint64_t carry = rest >> 63;

        rest = rest << 1 | (dividend >> bit & 1);
        quotient <<= 1;
        if (carry || rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
    }
    *remainder = rest;
    return quotient;
}

static uint64_t magnitude(int64_t number)
{
    return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

int64_t divide_signed_64(int64_t dividend, int64_t divisor, int64_t *remainder)
{
    uint64_t rest;
    uint64_t quotient = divide_64(magnitude(dividend), magnitude(divisor), &rest);

    *remainder = (int64_t)(dividend < 0 ? -rest : rest);
    return (int64_t)((dividend < 0) != (divisor < 0) ? -quotient : quotient);
}
