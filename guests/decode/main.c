/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode: instructions that write and read the APIC, by their encodings.
 *
 * Matters because a hypervisor that carries out such an instruction itself must find its length, its
 * operand and its effect in every encoding, wherever its bytes lie, in every mode, and must take no
 * instruction for another while a second CPU changes it. Memory is the oracle: each form runs on a word
 * of RAM, too, and leaves the same in it, in registers and in flags. `apic` has the operations, this
 * guest their encodings. The last lines need 2 CPUs. No `# differs:` lines.
 * Source: SDM Vol 2: Instruction Format; Instruction Set Reference.
 */
#include "guest.h"

#include "apic.h"
#include "cpus.h"
#include "decode_test.h"
#include "paging.h"
#include "tap.h"

uint8_t code_pages[8192] __attribute__((aligned(4096)));

uint8_t *code_address(void)
{
    paging_map(CODE_SLOT + 1, (uint64_t)code_pages + 4096, PAGE_PRESENT | PAGE_WRITABLE);
    return paging_map(CODE_SLOT, (uint64_t)code_pages, PAGE_PRESENT | PAGE_WRITABLE);
}

void call_with(struct call *call, const void *code)
{
    __asm__ volatile("pushq %%rbp\n\tpushq %%rbx\n\tpushq %%r12\n\tpushq %%r13\n\t"
                     "pushq %0\n\tpushq %1\n\tmovq %0, %%r11\n\t"
                     "movq 0(%%r11), %%rax\n\tmovq 8(%%r11), %%rbx\n\tmovq 16(%%r11), %%rcx\n\t"
                     "movq 24(%%r11), %%rdx\n\tmovq 32(%%r11), %%rsi\n\tmovq 40(%%r11), %%rdi\n\t"
                     "movq 48(%%r11), %%rbp\n\tmovq 56(%%r11), %%r8\n\tmovq 64(%%r11), %%r9\n\t"
                     "movq 72(%%r11), %%r10\n\tmovq %%rbx, %%r12\n\tmovq %%rbx, %%r13\n\t"
                     "pushq 80(%%r11)\n\tpopfq\n\t"
                     "call *(%%rsp)\n\t"
                     "movq 8(%%rsp), %%r11\n\t"
                     "pushfq\n\tpopq 80(%%r11)\n\tcld\n\t"
                     "movq %%rax, 0(%%r11)\n\tmovq %%rbx, 8(%%r11)\n\tmovq %%rcx, 16(%%r11)\n\t"
                     "movq %%rdx, 24(%%r11)\n\tmovq %%rsi, 32(%%r11)\n\tmovq %%rdi, 40(%%r11)\n\t"
                     "movq %%rbp, 48(%%r11)\n\tmovq %%r8, 56(%%r11)\n\tmovq %%r9, 64(%%r11)\n\t"
                     "movq %%r10, 72(%%r11)\n\t"
                     "addq $16, %%rsp\n\tpopq %%r13\n\tpopq %%r12\n\tpopq %%rbx\n\tpopq %%rbp"
                     :
                     : "S"(call), "D"(code)
                     : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
}

/* After it the ICR does not show what was sent last: a hypervisor may have to carry out reads, too. */
void send_nothing(void)
{
    apic_write(APIC_ICR_HIGH, 0);
    apic_write(APIC_ICR_LOW, ICR_ALL | ICR_INIT | ICR_LEVEL_TRIGGER);
    apic_wait_idle();
}

void guest_main(void)
{
    tap_plan(FORM_LINES + PLACE_LINES + 1 + RACE_LINES);
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    check_forms();
    check_places();
    if (cpus_count < 2) {
        tap_skip(1 + RACE_LINES, "needs 2 CPUs", "code that CPU 1 changes");
        return;
    }
    tap_check(cpus_start_all(), "%u CPUs take part", cpus_count);
    check_race();
}
