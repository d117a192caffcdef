/* SPDX-License-Identifier: BSD-2-Clause */
#include "msr.h"

struct fault try_rdmsr(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0;
    fault_clear();
    __asm__ volatile("1:\trdmsr\n2:\n\t" FIXUP("1b", "2b")
                     : "+a"(low), "+d"(high)
                     : "c"(msr)
                     : "memory");
    *value = (uint64_t)high << 32 | low;
    return *fault_taken();
}

struct fault try_wrmsr(uint32_t msr, uint64_t value)
{
    fault_clear();
    __asm__ volatile("1:\twrmsr\n2:\n\t" FIXUP("1b", "2b")
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
    return *fault_taken();
}

bool is_general_protection(struct fault fault)
{
    return fault.taken && fault.vector == VECTOR_GP && fault.error_code == 0;
}
