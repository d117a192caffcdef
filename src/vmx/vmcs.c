/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest-state area and the controls of a new virtual CPU, and its state by the backend's names
 * (SDM Vol 3: Virtual Machine Control Structures > Guest-State Area). Fields are read and written
 * when somebody asks for them: an exit touches few. */
#include "core/advance.h"
#include "core/cold.h"
#include "core/ending.h"
#include "core/guest_code.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "vmx/vmx.h"
#include "x86/msr.h"
#include "x86/registers.h"

/* #DB and #AC always exit: delivering them can loop for ever within the processor, out of the reach
 * of interrupts (CVE-2015-5307, CVE-2015-8104). */
#define ALWAYS_INTERCEPTED  (1u << VECTOR_DB | 1u << VECTOR_AC)

#define ALL_BUT_NMI         (~(1u << VECTOR_NMI))

#define PAT_AFTER_RESET     UINT64_C(0x0007040600070406)
#define NO_LINK             (~UINT64_C(0))

#define SEALED __attribute__((section(".sealed")))
SEALED uint64_t vmx_cr0_fixed, vmx_cr4_fixed, vmx_cr0_bounds[2], vmx_cr4_bounds[2];
SEALED uint8_t vmx_linear_bits;
SEALED static uint64_t cr0_mask, cr4_mask;
SEALED static bool efer_in_vmcs;       /* or in the area that entries and exits switch */

static uint32_t intercepted(void)
{
    return machine.exceptions_exit ? ALL_BUT_NMI : ALWAYS_INTERCEPTED;
}

/* Bits of CR0 and CR4 that are not the guest's: those that VMX fixes, which the guest sees as it
 * set them; CD and NW, since the host's caches stay on (SDM Vol 3: Guest/Host Masks and Read
 * Shadows); VMXE and SMXE, which a processor without VMX and SMX does not have. */
void vmx_vmcs_prepare(const struct capabilities *capabilities)
{
    vmx_cr0_fixed = capabilities->vmx_cr0_fixed0 & ~(CR0_PE | CR0_PG);
    vmx_cr4_fixed = capabilities->vmx_cr4_fixed0;
    vmx_cr0_bounds[0] = capabilities->vmx_cr0_fixed0;
    vmx_cr0_bounds[1] = capabilities->vmx_cr0_fixed1;
    vmx_cr4_bounds[0] = capabilities->vmx_cr4_fixed0;
    vmx_cr4_bounds[1] = capabilities->vmx_cr4_fixed1;
    efer_in_vmcs = vmx_control_used(CAPABILITY_VMX_ENTRY_LOAD_EFER);
    vmx_linear_bits = capabilities->linear_address_bits;
    vmx_audit_prepare(capabilities);
    cr0_mask = vmx_cr0_fixed | CR0_CD | CR0_NW;
    cr4_mask = vmx_cr4_fixed | CR4_VMXE | CR4_SMXE;
}

/* Where EFER and PAT of the guest are: in a field, or in the area that entries and exits switch. */
static void initialise_switched(struct cpu *cpu)
{
    struct vmx_cpu *vmx = vmx_of(cpu);
    bool by_area[SWITCHED_MSRS] = {
        [SWITCHED_EFER] = !vmx_control_used(CAPABILITY_VMX_ENTRY_LOAD_EFER),
        [SWITCHED_PAT] = !vmx_control_used(CAPABILITY_VMX_ENTRY_LOAD_PAT),
    };
    unsigned first = by_area[SWITCHED_EFER] ? 0 : 1;
    unsigned count = by_area[SWITCHED_EFER] + by_area[SWITCHED_PAT];

    vmx->guest_msr[SWITCHED_EFER] = (struct msr_entry){ MSR_EFER, 0, 0 };
    vmx->guest_msr[SWITCHED_PAT] = (struct msr_entry){ MSR_IA32_PAT, 0, PAT_AFTER_RESET };
    vmx->host_msr[SWITCHED_EFER] = (struct msr_entry){ MSR_EFER, 0, msr_read(MSR_EFER) };
    vmx->host_msr[SWITCHED_PAT] = (struct msr_entry){ MSR_IA32_PAT, 0, msr_read(MSR_IA32_PAT) };
    vmcs_write(VMCS_ENTRY_MSR_LOAD_ADDRESS, physical_of(&vmx->guest_msr[first]));
    vmcs_write(VMCS_EXIT_MSR_STORE_ADDRESS, physical_of(&vmx->guest_msr[first]));
    vmcs_write(VMCS_EXIT_MSR_LOAD_ADDRESS, physical_of(&vmx->host_msr[first]));
    vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, count);
    vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, count);
    vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, count);
    if (!by_area[SWITCHED_PAT])
        vmcs_write(VMCS_GUEST_PAT, PAT_AFTER_RESET);
}

static void initialise_controls(void)
{
    vmcs_write(VMCS_EXCEPTION_BITMAP, intercepted());
    vmcs_write(VMCS_PAGE_FAULT_ERROR_MASK, 0);
    vmcs_write(VMCS_PAGE_FAULT_ERROR_MATCH, 0);
    vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
    vmcs_write(VMCS_ENTRY_INTERRUPTION, 0);
    vmcs_write(VMCS_CR0_MASK, cr0_mask);
    vmcs_write(VMCS_CR4_MASK, cr4_mask);
    vmcs_write(VMCS_MSR_BITMAPS, vmx_msr_bitmap[MSR_VIEW_CLOSED]);
    if (vmx_control_used(CAPABILITY_VMX_IO_BITMAPS)) {
        vmcs_write(VMCS_IO_BITMAP_A, vmx_io_bitmap_a);
        vmcs_write(VMCS_IO_BITMAP_B, vmx_io_bitmap_b);
    }
    if (vmx_control_used(CAPABILITY_VMX_VPID))
        vmcs_write(VMCS_VPID, GUEST_VPID);
    if (vmx_control_used(CAPABILITY_VMX_ENABLE_XSAVES))
        vmcs_write(VMCS_XSS_EXITING_BITMAP, 0);
    if (vmx_control_allowed(CAPABILITY_VMX_PREEMPTION_TIMER))
        vmcs_write(VMCS_PREEMPTION_TIMER, 0);
}

void vmx_vmcs_initialise(struct cpu *cpu)
{
    initialise_controls();
    initialise_switched(cpu);
    vmcs_write(VMCS_LINK_POINTER, NO_LINK);
    vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
    vmcs_write(VMCS_GUEST_SYSENTER_ESP, 0);
    vmcs_write(VMCS_GUEST_SYSENTER_EIP, 0);
    vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
    vmx_register_write(cpu, GUEST_DR7, DR7_INIT);
    vmx_register_write(cpu, GUEST_RFLAGS, RFLAGS_FIXED);
    vmx_reset_events(cpu);
}

static uint64_t read_efer(struct cpu *cpu)
{
    return efer_in_vmcs ? vmcs_read_known(VMCS_GUEST_EFER)
                        : vmx_of(cpu)->guest_msr[SWITCHED_EFER].value;
}

/* LMA decides the mode that VM entry establishes. */
static void write_efer(struct cpu *cpu, uint64_t value)
{
    vmx_control_set(cpu, CAPABILITY_VMX_ENTRY_IA32E_MODE_GUEST, value & EFER_LMA);
    if (efer_in_vmcs)
        vmcs_write(VMCS_GUEST_EFER, value);
    else
        vmx_of(cpu)->guest_msr[SWITCHED_EFER].value = value;
}

static uint64_t read_masked(uint32_t field, uint32_t shadow, uint64_t mask)
{
    return (vmcs_read(field) & ~mask) | (vmcs_read(shadow) & mask);
}

/* CR2 and DR6 are in the processor, not in the VMCS: the host uses neither. */
uint64_t vmx_register_read(struct cpu *cpu, enum guest_register which)
{
    switch (which) {
    case GUEST_RIP:
        return vmcs_read(VMCS_GUEST_RIP);
    case GUEST_RSP:
        return vmcs_read(VMCS_GUEST_RSP);
    case GUEST_RFLAGS:
        return vmcs_read(VMCS_GUEST_RFLAGS);
    case GUEST_CR0:
        return read_masked(VMCS_GUEST_CR0, VMCS_CR0_SHADOW, cr0_mask);
    case GUEST_CR2:
        return cr2_read();
    case GUEST_CR3:
        return vmcs_read(VMCS_GUEST_CR3);
    case GUEST_CR4:
        return read_masked(VMCS_GUEST_CR4, VMCS_CR4_SHADOW, cr4_mask);
    case GUEST_EFER:
        return read_efer(cpu);
    case GUEST_DR6:
        return dr6_read();
    case GUEST_DR7:
        return vmcs_read(VMCS_GUEST_DR7);
    case GUEST_DEBUG_CONTROL:
        return vmcs_read(VMCS_GUEST_DEBUGCTL);
    }
    __builtin_unreachable();
}

void vmx_register_write(struct cpu *cpu, enum guest_register which, uint64_t value)
{
    switch (which) {
    case GUEST_RIP:
        vmcs_write(VMCS_GUEST_RIP, value);
        return;
    case GUEST_RSP:
        vmcs_write(VMCS_GUEST_RSP, value);
        return;
    case GUEST_RFLAGS:
        vmcs_write(VMCS_GUEST_RFLAGS, value);
        return;
    case GUEST_CR0:
        vmcs_write(VMCS_GUEST_CR0, (value & ~cr0_mask) | vmx_cr0_fixed);
        vmcs_write(VMCS_CR0_SHADOW, value);
        break;
    case GUEST_CR2:
        cr2_write(value);
        return;
    case GUEST_CR3:
        vmcs_write(VMCS_GUEST_CR3, value);
        break;
    case GUEST_CR4:
        vmcs_write(VMCS_GUEST_CR4, (value & ~cr4_mask) | vmx_cr4_fixed);
        vmcs_write(VMCS_CR4_SHADOW, value);
        break;
    case GUEST_EFER:
        write_efer(cpu, value);
        break;
    case GUEST_DR6:
        dr6_write(value);
        return;
    case GUEST_DR7:
        vmcs_write(VMCS_GUEST_DR7, value);
        return;
    case GUEST_DEBUG_CONTROL:
        vmcs_write(VMCS_GUEST_DEBUGCTL, value);
        msr_write(MSR_IA32_DEBUGCTL, 0);
        return;
    }
    vmx_of(cpu)->flush_vpid = true;
    entry_look_again(cpu);
}

/* The VMCS has the segments in the order of enum guest_segment, and GDTR and IDTR apart. */
void vmx_segment_read(struct cpu *cpu, enum guest_segment which, struct segment_state *out)
{
    uint32_t rights;

    (void)cpu;
    *out = (struct segment_state){ .limit = (uint32_t)vmcs_read(VMCS_GUEST_ES_LIMIT + 2 * which),
                                   .base = vmcs_read(VMCS_GUEST_ES_BASE + 2 * which) };
    if (which == GUEST_GDTR || which == GUEST_IDTR)
        return;
    rights = (uint32_t)vmcs_read(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * which);
    out->selector = (uint16_t)vmcs_read(VMCS_GUEST_ES_SELECTOR + 2 * which);
    if (!(rights & VMCS_SEGMENT_UNUSABLE))
        out->attributes = (uint16_t)((rights & VMCS_SEGMENT_LOW)
                                     | (rights & VMCS_SEGMENT_HIGH) >> 4);
    else if (which == GUEST_SS)
        out->attributes = rights & 0x60;    /* a null SS still has the privilege level */
}

void vmx_segment_write(struct cpu *cpu, enum guest_segment which, const struct segment_state *in)
{
    uint32_t rights = (in->attributes & VMCS_SEGMENT_LOW)
                    | (in->attributes << 4 & VMCS_SEGMENT_HIGH);

    (void)cpu;
    vmcs_write(VMCS_GUEST_ES_BASE + 2 * which, in->base);
    if (which == GUEST_GDTR || which == GUEST_IDTR) {
        vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * which, in->limit & 0xffff);
        return;
    }
    vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * which, in->limit);
    if (!(in->attributes & 0x80))
        rights |= VMCS_SEGMENT_UNUSABLE;
    vmcs_write(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * which, rights);
    vmcs_write(VMCS_GUEST_ES_SELECTOR + 2 * which, in->selector);
}

static uint64_t rights_of(enum guest_segment which)
{
    return vmcs_read_known(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * which);
}

static uint16_t cs_attributes(void)
{
    uint64_t rights = rights_of(GUEST_CS);

    return (uint16_t)((rights & VMCS_SEGMENT_LOW) | (rights & VMCS_SEGMENT_HIGH) >> 4);
}

static uint8_t privilege(void)
{
    return rights_of(GUEST_SS) >> SEGMENT_DPL_SHIFT & 3;
}

/* The bits of CR0 and CR4 that are not the guest's do not count here. */
void vmx_execution_read(struct cpu *cpu, struct execution_state *out)
{
    out->rip = vmcs_read_known(VMCS_GUEST_RIP);
    out->rflags = vmcs_read_known(VMCS_GUEST_RFLAGS);
    out->cs_base = vmcs_read_known(VMCS_GUEST_ES_BASE + 2 * GUEST_CS);
    out->cr0 = vmcs_read_known(VMCS_GUEST_CR0);
    out->cr3 = vmcs_read_known(VMCS_GUEST_CR3);
    out->cr4 = vmcs_read_known(VMCS_GUEST_CR4);
    out->efer = read_efer(cpu);
    out->cs_attributes = cs_attributes();
    out->privilege = privilege();
}

struct guest_code *vmx_code(struct cpu *cpu)
{
    struct execution_state state = {
        .rip = vmcs_read_known(VMCS_GUEST_RIP), .cr3 = vmcs_read_known(VMCS_GUEST_CR3),
        .cr4 = vmcs_read_known(VMCS_GUEST_CR4), .efer = read_efer(cpu),
        .cs_attributes = cs_attributes(),
    };
    struct guest_code *code = guest_code_kept(cpu, state);

    return code ? code : guest_code_fetch(cpu);
}

struct guest_code *vmx_undisturbed_code(struct cpu *cpu)
{
    if (privilege() == 3 || vmcs_read_known(VMCS_GUEST_RFLAGS) & RFLAGS_TF
        || vmcs_read_known(VMCS_GUEST_DR7) & DR7_ENABLED)
        return NULL;
    return vmx_code(cpu);
}

/* With EPT MOV to CR3 loads them, and an exit saves them (SDM Vol 3: VM Exits > Saving Non-Register
 * State). */
bool vmx_pdptes_read(struct cpu *cpu, uint64_t pointers[4])
{
    (void)cpu;
    for (unsigned i = 0; i < 4; i++)
        pointers[i] = vmcs_read(VMCS_GUEST_PDPTE0 + 2 * i);
    return true;
}

/* A single step can only be pending where TF is set. */
static COLD void advance_specially(struct cpu *cpu, uint64_t rflags)
{
    if (rflags & RFLAGS_TF || vmx_interrupt_shadow_read(cpu))
        vmx_interrupt_shadow_write(cpu, 0);
    guest_trap(cpu, rflags);
}

/* What exits like a fault has RF set. */
void vmx_advance(struct cpu *cpu, uint64_t next_rip)
{
    uint64_t rflags = vmcs_read_known(VMCS_GUEST_RFLAGS);

    vmcs_write_known(VMCS_GUEST_RIP, next_rip);
    if (rflags & RFLAGS_RF)
        vmcs_write_known(VMCS_GUEST_RFLAGS, rflags & ~RFLAGS_RF);
    if (vmx_advance_is_special(cpu, rflags, 0))
        advance_specially(cpu, rflags);
}

/* Outside 64-bit code RIP has 32 bits, which matters where they overflow. */
void vmx_go_on(struct cpu *cpu, const struct past_exit *exit)
{
    uint32_t length = (uint32_t)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
    uint64_t next = exit->rip + length;

    vmx_advance(cpu, (uint32_t)next < length && guest_code_width(cpu) != 64 ? (uint32_t)next
                                                                            : next);
}

/* A VMCS has the length of an instruction at most, never its bytes. */
uint64_t vmx_interrupt_shadow_read(struct cpu *cpu)
{
    (void)cpu;
    return vmcs_read(VMCS_GUEST_INTERRUPTIBILITY)
         & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);
}

static inline void write_shadow(uint64_t shadow)
{
    uint64_t state = vmcs_read_known(VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t both = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;
    uint64_t wanted = (state & ~both) | shadow;

    if (wanted != state)
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, wanted);
}

/* With the shadow goes a single-step trap that waited for its end: whoever ends the shadow decides
 * about the trap. (Bochs 2.7 also leaves one pending where no shadow is.) */
void vmx_interrupt_shadow_write(struct cpu *cpu, uint64_t shadow)
{
    uint64_t pending;

    (void)cpu;
    write_shadow(shadow);
    if (shadow)
        return;
    pending = vmcs_read_known(VMCS_GUEST_PENDING_DEBUG);
    if (pending & PENDING_DEBUG_BS)
        vmcs_write(VMCS_GUEST_PENDING_DEBUG, pending & ~(uint64_t)PENDING_DEBUG_BS);
}

struct step_registers vmx_step_read(struct cpu *cpu)
{
    (void)cpu;
    return (struct step_registers){ .rflags = vmcs_read_known(VMCS_GUEST_RFLAGS),
                                    .dr6 = dr6_read() };
}

/* A data breakpoint that MOV SS has hit waits for the end of the next instruction. With the blocking gone it would
 * come before that (SDM Vol 3: VM Entries > Special Features of VM Entry > Delivery of Pending Debug Exceptions
 * after VM Entry). */
static COLD void hold_debug_exceptions(struct cpu *cpu, uint64_t pending)
{
    vmcs_write(VMCS_GUEST_PENDING_DEBUG,
               pending & ~(DR6_B0_B3 | PENDING_DEBUG_ENABLED | PENDING_DEBUG_BS));
    if (!(pending & PENDING_DEBUG_ENABLED))
        return;
    cpu->step.held_hits = pending & DR6_B0_B3;
    cpu->step.owners |= STEP_OWNER_HELD_TRAP;
}

void vmx_step_prepare(struct cpu *cpu, struct step_registers registers)
{
    uint64_t pending = vmcs_read_known(VMCS_GUEST_PENDING_DEBUG);

    vmcs_write_known(VMCS_GUEST_RFLAGS, registers.rflags);
    dr6_write(registers.dr6);
    write_shadow(0);
    if (pending & (PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED))
        hold_debug_exceptions(cpu, pending);
    vmcs_write_known(VMCS_EXCEPTION_BITMAP, ALL_BUT_NMI);
}

void vmx_step_restore(struct cpu *cpu, struct step_registers registers)
{
    (void)cpu;
    vmcs_write_known(VMCS_GUEST_RFLAGS, registers.rflags);
    dr6_write(registers.dr6);
    vmcs_write_known(VMCS_EXCEPTION_BITMAP, intercepted());
}

void vmx_exceptions_intercept(struct cpu *cpu, uint32_t vectors)
{
    (void)cpu;
    vmcs_write(VMCS_EXCEPTION_BITMAP, intercepted() | vectors);
}

void vmx_nmi_window_request(struct cpu *cpu, bool wanted)
{
    vmx_control_set(cpu, CAPABILITY_VMX_NMI_WINDOW_EXITING, wanted);
}

void vmx_exit_within(struct cpu *cpu, uint32_t units)
{
    if (!vmx_control_allowed(CAPABILITY_VMX_PREEMPTION_TIMER))
        return;
    if (units != VMX_NEVER)
        vmcs_write(VMCS_PREEMPTION_TIMER, units);
    vmx_control_set(cpu, CAPABILITY_VMX_PREEMPTION_TIMER, units != VMX_NEVER);
    vmx_of(cpu)->virtual_apic.rechecks = false;
}

/* Each makes the guest exit after an injected event's delivery, before an instruction: the timer,
 * since it counts from 0; the window, unless NMIs are blocked; the monitor trap flag (SDM Vol 3: VM
 * Entries > VM-Entry Event Injection; VMX Non-Root Operation > Other Causes of VM Exits). Where
 * there is none of them, what such a guest does is undefined on the bare machine, too. */
void vmx_exit_after_delivery(struct cpu *cpu)
{
    if (vmx_control_allowed(CAPABILITY_VMX_PREEMPTION_TIMER))
        vmx_exit_within(cpu, 0);
    else if (vmx_control_allowed(CAPABILITY_VMX_NMI_WINDOW_EXITING))
        vmx_nmi_window_request(cpu, true);
    else if (vmx_control_allowed(CAPABILITY_VMX_MONITOR_TRAP_FLAG))
        vmx_control_set(cpu, CAPABILITY_VMX_MONITOR_TRAP_FLAG, true);
    else
        ending_reset("an event was delivered to a stack in the APIC's page or in memory that is not "
                     "there, which cannot be followed on this processor; the machine is reset");
}

void vmx_reset_events(struct cpu *cpu)
{
    vmcs_write(VMCS_GUEST_ACTIVITY, ACTIVITY_ACTIVE);
    vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
    vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
    vmcs_write(VMCS_ENTRY_INTERRUPTION, 0);
    vmx_of(cpu)->nmi_may_be_blocked = false;
    cpu->event.valid = false;
    cpu->interrupted.valid = false;
}
