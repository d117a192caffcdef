/* SPDX-License-Identifier: BSD-2-Clause */
/* CR8 as a register of its own, for a guest whose APIC is off (x2apic/base.c): accesses exit (APM Vol 2: Secure Virtual
 * Machine > Instruction Intercepts > Control-Register Accesses). Virtual interrupt masking would do so without an exit,
 * but takes the guest's RFLAGS.IF out of the delivery of physical interrupts, too. */
#include "svm/svm.h"

#define INTERCEPT_CR8   (1u << 8)
#define CR8_PRIORITY    UINT64_C(0xf)
#define RSP             4

void svm_cr8_separate(struct cpu *cpu, bool separate)
{
    struct vmcb *vmcb = vmcb_of(cpu);

    cpu->apic.separate_cr8 = 0;
    vmcb->intercept_cr_read = separate ? INTERCEPT_CR8 : 0;
    vmcb->intercept_cr_write = separate ? INTERCEPT_CR8 : 0;
}

/* The register's number is found in the bytes whatever the processor says of them. */
static bool find_register(const struct guest_code *code, enum intercepted which, unsigned *number)
{
    unsigned at = code->opcode + 2u;
    uint8_t prefix = code->opcode ? code->bytes[code->opcode - 1] : 0;
    bool extended = code->width == 64 && (prefix & 0xf1) == 0x41;      /* REX.B */

    if (code->second != which || at >= code->available)
        return false;
    *number = (code->bytes[at] & 7) | (extended ? 8 : 0);
    return true;
}

static uint64_t read_general(struct cpu *cpu, unsigned number)
{
    return number == RSP ? vmcb_of(cpu)->rsp : (&cpu->registers->rax)[number];
}

static void write_general(struct cpu *cpu, unsigned number, uint64_t value)
{
    *(number == RSP ? &vmcb_of(cpu)->rsp : &cpu->registers->rax + number) = value;
}

/* Code that another CPU has changed since is executed as it is now. */
void svm_exit_cr8(struct cpu *cpu, struct vmcb *vmcb)
{
    bool write = vmcb->exit_code == VMEXIT_CR8_WRITE;
    const struct guest_code *code = svm_code_here(cpu);
    uint64_t value, next_rip = machine.next_rip ? vmcb->next_rip : code->next_rip + 1;  /* ModRM */
    unsigned number;

    cpu->counters[COUNTER_EXIT_OTHER]++;
    if (!find_register(code, write ? INTERCEPTED_MOV_TO_CR : INTERCEPTED_MOV_FROM_CR, &number))
        return;
    value = read_general(cpu, number);
    if (code->width != 64)
        value = (uint32_t)value;
    if (write && value & ~CR8_PRIORITY) {
        event_raise_gp(cpu);
        return;
    }
    if (write)
        cpu->apic.separate_cr8 = value & CR8_PRIORITY;
    else
        write_general(cpu, number, cpu->apic.separate_cr8);
    svm_advance(cpu, next_rip);
}
