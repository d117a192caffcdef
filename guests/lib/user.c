/* SPDX-License-Identifier: BSD-2-Clause */
/* Privilege level 3 (SDM Vol 3: Protection > Privilege Levels; IRET in 64-bit mode). */
#include "user.h"

#include "cpus.h"
#include "paging.h"
#include "string.h"
#include "x86.h"

static uint8_t code_page[4096] __attribute__((aligned(4096)));
static uint8_t stack_page[4096] __attribute__((aligned(4096)));

const struct fault *user_run(const void *code, size_t size, uint64_t argument)
{
    struct cpu *cpu = this_cpu();
    uint64_t entry = (uint64_t)paging_map(USER_CODE_SLOT, (uint64_t)code_page,
                                          PAGE_PRESENT | PAGE_USER);
    uint64_t stack = (uint64_t)paging_map(USER_STACK_SLOT, (uint64_t)stack_page,
                                          PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER);
    memcpy(code_page, code, size);
    fault_clear();
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\tmovq %%rax, %0\n\tmovq %%rsp, %1\n\t"
                     "pushq %3\n\tpushq %4\n\tpushq %5\n\tpushq %6\n\tpushq %7\n\tiretq\n"
                     "1:"
                     : "=m"(cpu->user_resume), "=m"(cpu->user_stack), "+D"(argument)
                     : "i"(SELECTOR_USER_DATA), "r"(stack + sizeof(stack_page) - 64),
                       "i"(RFLAGS_FIXED), "i"(SELECTOR_USER_CODE64), "r"(entry)
                     : "rax", "rcx", "rdx", "rsi", "memory", "cc");
    cpu->user_resume = 0;
    cpu->fault.rip -= entry;
    return fault_taken();
}
