/* SPDX-License-Identifier: BSD-2-Clause */
/* Code fetched from the APIC page, and the frames of events that are pushed onto it. */
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

/*
 * Entered with RSP in the APIC page: takes the old stack again and goes on behind the event. By IRET, since NMIs
 * are blocked until then.
 */
__asm__(".pushsection .text\n"
        "frame_entry:\n\t"
        "movq saved_stack(%rip), %rsp\n\t"
        "incl frames_pushed(%rip)\n\t"
        "movl %ss, %eax\n\t"
        "pushq %rax\n\t"
        "pushq saved_stack(%rip)\n\t"
        "pushfq\n\t"
        "movl %cs, %eax\n\t"
        "pushq %rax\n\t"
        "pushq resume(%rip)\n\t"
        "iretq\n"
        ".popsection");
uint64_t saved_stack, resume;
uint32_t frames_pushed;
extern const char frame_entry[];

/*
 * Executes instructions on a stack in the APIC page that bring an event (%1 to %3: operands), and for some time nothing
 * else. The 48 bytes below FRAME_TOP cover no register.
 */
#define FRAME_TOP  0x3e0
#define ON_THE_PAGE(instructions, ...)                                       \
    __asm__ volatile("movq %%rsp, saved_stack(%%rip)\n\t"                    \
                     "leaq 9f(%%rip), %%rax\n\t"                             \
                     "movq %%rax, resume(%%rip)\n\t"                         \
                     "movl $100000, %%ecx\n\t"                               \
                     "movq %0, %%rsp\n\t"                                    \
                     instructions "\n"                                       \
                     "1:\tloop 1b\n\t"                                       \
                     "cli\n\t"                                               \
                     "movq saved_stack(%%rip), %%rsp\n"                      \
                     "9:"                                                    \
                     :                                                       \
                     : "r"(APIC_BASE_ADDRESS + FRAME_TOP), __VA_ARGS__       \
                     : "rax", "rcx", "memory", "cc")

static void expect(const char *event)
{
    tap_count(frames_pushed, 1, "%s whose frame is pushed onto the APIC page: handlers entered", event);
    frames_pushed = 0;
    tap_check(is_unharmed(APIC_TPR), "the APIC works afterwards");
}

void check_frame(void)
{
    uint32_t destination = apic_read(APIC_ID);

    interrupts_set_entry(VECTOR_FRAME, frame_entry);
    ON_THE_PAGE("int %1", "i"(VECTOR_FRAME));
    expect("INT");

    __asm__ volatile("cli");
    apic_send(0, ICR_SELF | VECTOR_FRAME);
    ON_THE_PAGE("sti", "i"(0));
    apic_write(APIC_EOI, 0);
    expect("an interrupt");

    interrupts_set_entry(VECTOR_NMI, frame_entry);
    apic_write(APIC_ICR_HIGH, destination);
    ON_THE_PAGE("movl %1, (%2)", "i"(ICR_NMI | ICR_ASSERT), "r"(apic_register(APIC_ICR_LOW)));
    interrupts_set_entry(VECTOR_NMI, NULL);
    expect("an NMI");

    interrupts_set_entry(VECTOR_PF, frame_entry);
    ON_THE_PAGE("movb (%1), %%al", "r"(paging_map(SLOT_UNMAPPED, 0, 0)));
    interrupts_set_entry(VECTOR_PF, NULL);
    expect("a page fault");
}
