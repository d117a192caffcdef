/* SPDX-License-Identifier: BSD-2-Clause */
/* MOV to CR0 and CR4 when it changes a bit that is not the guest's (SDM Vol 3: VMX Non-Root
 * Operation > Changes to Instruction Behavior in VMX Non-Root Operation; Guest/Host Masks and Read
 * Shadows).
 *
 * The read shadow takes what the guest wants to see, and the instruction is executed again: it
 * then differs from the shadow in nothing, does not exit, and the processor itself makes of the
 * other bits what it must (faults, PDPTEs, long mode). What would fault is refused here before the
 * shadow moves. */
#include "apic/registers.h"
#include "core/backend.h"
#include "core/guest_code.h"
#include "core/hidden.h"
#include "vmx/vmx.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define CR4_CET     (UINT64_C(1) << 23)
#define CODE_LONG   (1u << 9)

static uint64_t operand(struct cpu *cpu, uint64_t qualification)
{
    unsigned number = qualification >> QUALIFICATION_CR_REGISTER_SHIFT & 15;
    const uint64_t *registers = &cpu->registers->rax;
    uint64_t value = number == 4 ? vmcs_read(VMCS_GUEST_RSP) : registers[number];

    return guest_code_width(cpu) == 64 ? value : (uint32_t)value;
}

/* SDM Vol 2: MOV - Move to/from Control Registers > Protected Mode Exceptions. */
static bool cr0_is_legal(struct cpu *cpu, uint64_t value)
{
    uint64_t cr4 = vmx_register_read(cpu, GUEST_CR4);
    bool paging_was_on = vmcs_read(VMCS_GUEST_CR0) & CR0_PG;
    struct segment_state cs;

    if (value >> 32 || (value & CR0_PG && !(value & CR0_PE))
        || (value & CR0_NW && !(value & CR0_CD)) || (cr4 & CR4_CET && !(value & CR0_WP)))
        return false;
    if (!(value & CR0_PG) && paging_was_on)
        return !(cr4 & CR4_PCIDE) && guest_code_width(cpu) != 64;
    if (value & CR0_PG && !paging_was_on && vmx_register_read(cpu, GUEST_EFER) & EFER_LME) {
        vmx_segment_read(cpu, GUEST_CS, &cs);
        return cr4 & CR4_PAE && !(cs.attributes & CODE_LONG);
    }
    return true;
}

/* CR8 is then a byte of a page (SDM Vol 3: APIC Virtualization and Virtual Interrupts > Virtualizing CR8-Based TPR
 * Accesses): of the one that nothing is stepped on while the guest has no APIC. */
void vmx_cr8_separate(struct cpu *cpu, bool separate)
{
    char *page = cpu_block_page(cpu, CPU_BLOCK_PAGE_APIC_SHADOW);

    if (!vmx_control_allowed(CAPABILITY_VMX_TPR_SHADOW))
        return;
    *(uint32_t *)(page + APIC_TPR) = 0;
    vmcs_write(VMCS_VIRTUAL_APIC_ADDRESS, physical_of(page));
    vmcs_write(VMCS_TPR_THRESHOLD, 0);
    vmx_control_set(cpu, CAPABILITY_VMX_TPR_SHADOW, separate);
}

void vmx_exit_control_register(struct cpu *cpu, const struct past_exit *exit)
{
    uint64_t qualification = exit->info;
    unsigned type = qualification >> QUALIFICATION_CR_TYPE_SHIFT & QUALIFICATION_CR_TYPE;
    unsigned number = qualification & QUALIFICATION_CR_NUMBER;
    uint64_t value;

    cpu->counters[COUNTER_EXIT_OTHER]++;
    value = type == CR_MOV_TO ? operand(cpu, qualification) : 0;
    if (type == CR_MOV_TO && number == 0 && cr0_is_legal(cpu, value))
        vmcs_write(VMCS_CR0_SHADOW, value);
    else if (type == CR_MOV_TO && number == 4 && !(value & (CR4_VMXE | CR4_SMXE)))
        vmcs_write(VMCS_CR4_SHADOW, value);
    else
        event_raise_gp(cpu);
}
