/* SPDX-License-Identifier: BSD-2-Clause */
/* Code fetched from the APIC page, and an interrupt frame that is pushed onto it. */
#include "apic.h"
#include "cpus.h"
#include "paging.h"
#include "tap.h"
#include "undefined.h"

#define VECTOR_FRAME  0x43
#define SLOT_UNMAPPED 1

void check_fetch(void)
{
    struct cpu *cpu = this_cpu();
    fault_clear();
    /* Zeroes are ADD to the byte at RAX, which is unmapped. */
    cpu->jump_target = (uint64_t)apic_register(APIC_TPR);
    __asm__ volatile("leaq 1f(%%rip), %%rcx\n\tmovq %%rcx, %0\n\tjmp *%1\n1:"
                     : "=m"(cpu->jump_resume)
                     : "r"(cpu->jump_target), "a"(paging_map(SLOT_UNMAPPED, 0, 0))
                     : "rcx", "memory", "cc");
    cpu->jump_resume = 0;
    struct fault fault = *fault_taken();
    tap_check(fault.taken && fault.rip == cpu->jump_target && is_unharmed(APIC_TPR),
              "code fetched from the APIC page ends in an exception");
    tap_note("it was exception %u, error code %#lx", fault.vector, fault.error_code);
}

/* Entered with RSP in the APIC page: takes the old stack again and goes on after the INT. */
__asm__(".pushsection .text\n"
        "frame_entry:\n\t"
        "movq saved_stack(%rip), %rsp\n\t"
        "incl frames_pushed(%rip)\n\t"
        "jmp after_interrupt\n"
        ".popsection");
uint64_t saved_stack;
uint32_t frames_pushed;
extern const char frame_entry[];

void check_frame(void)
{
    interrupts_set_entry(VECTOR_FRAME, frame_entry);
    /* The 40 bytes of the frame cover no register that can be written. */
    __asm__ volatile("movq %%rsp, saved_stack(%%rip)\n\t"
                     "movq %0, %%rsp\n\t"
                     "int %1\n\t"
                     ".globl after_interrupt\n"
                     "after_interrupt:"
                     :
                     : "r"(APIC_BASE_ADDRESS + 0x3c0), "i"(VECTOR_FRAME)
                     : "memory", "cc");
    tap_count(frames_pushed, 1, "INT whose frame is pushed onto the APIC page: handlers entered");
    tap_check(is_unharmed(APIC_TPR), "the APIC works afterwards");
}
