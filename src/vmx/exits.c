/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit dispatch (SDM Vol 3: VMX Basic Exit Reasons; VM Exits > Recording VM-Exit Information). */
#include "vmx/vmx.h"

#include <stdatomic.h>

#include "core/advance.h"
#include "core/cold.h"
#include "core/ending.h"
#include "core/entry.h"
#include "core/guest_cpuid.h"
#include "core/guest_exception.h"
#include "core/guest_io.h"
#include "core/guest_msr.h"
#include "core/machine.h"
#include "core/nested_fault.h"
#include "core/step.h"
#include "lib/panic.h"
#include "probe/selftest.h"
#include "probe/selftest_audit.h"
#include "strategies/operations.h"
#include "x86/registers.h"

bool xsetbv_safe(uint32_t index, uint64_t value);

/* What DR6 shows of a debug exception: set where the qualification has it set, and (RTM, bus lock)
 * clear where it has it set. */
#define DR6_ACTIVE_HIGH     (DR6_B0_B3 | DR6_BD | DR6_BS)
#define DR6_ACTIVE_LOW      (UINT64_C(1) << 16 | UINT64_C(1) << 11)

static COLD void answer_cpuid(struct cpu *cpu, const struct past_exit *exit)
{
    vmx_go_on(cpu, exit);
    guest_cpuid(cpu);
}

static void exit_cpuid(struct cpu *cpu, const struct past_exit *exit)
{
    cpu->counters[COUNTER_EXIT_CPUID]++;
    if (vmx_goes_on(cpu, exit))
        guest_cpuid(cpu);
    else
        answer_cpuid(cpu, exit);
}

static void exit_rdmsr(struct cpu *cpu, const struct past_exit *exit)
{
    cpu->counters[COUNTER_EXIT_MSR]++;
    if (guest_msr_read(cpu))
        vmx_go_on(cpu, exit);
}

static SEPARATE void write_msr(struct cpu *cpu, const struct past_exit *exit)
{
    uint32_t index = (uint32_t)cpu->registers->rcx;
    uint64_t value = guest_msr_value(cpu);

    if (guest_msr_is_icr_write(cpu, value)) {
        vmx_go_on(cpu, exit);
        binding.x2apic->icr_write(cpu, value);
    } else if (guest_msr_write(cpu)) {
        vmx_go_on(cpu, exit);
    }
    if (index - MSR_MTRR_FIRST <= MSR_MTRR_LAST - MSR_MTRR_FIRST)
        vmx_mtrr_written(cpu, index);
}

static void exit_wrmsr(struct cpu *cpu, const struct past_exit *exit)
{
    uint64_t value = guest_msr_value(cpu);

    cpu->counters[COUNTER_EXIT_MSR]++;
    if (guest_msr_is_icr_write(cpu, value) && vmx_goes_on(cpu, exit))
        binding.x2apic->icr_write(cpu, value);
    else
        write_msr(cpu, exit);
}

/* String forms on these few ports are refused: no system resets the machine with OUTS. */
static void exit_io(struct cpu *cpu, const struct past_exit *exit)
{
    uint64_t qualification = exit->info;
    unsigned size = (qualification & QUALIFICATION_IO_SIZE) + 1;
    uint64_t mask = size == 4 ? 0xffffffff : (UINT64_C(1) << 8 * size) - 1;
    uint64_t rax = cpu->registers->rax;
    bool in = qualification & QUALIFICATION_IO_IN;
    uint32_t result;

    cpu->counters[COUNTER_EXIT_IO]++;
    if (qualification & QUALIFICATION_IO_STRING) {
        event_raise_gp(cpu);
        return;
    }
    vmx_go_on(cpu, exit);
    result = guest_io(cpu, (uint16_t)(qualification >> QUALIFICATION_IO_PORT_SHIFT), size, in,
                      (uint32_t)(rax & mask));
    if (in)
        cpu->registers->rax = size == 4 ? result : (rax & ~mask) | result;
}

/* An IRET whose stack access faulted has unblocked NMIs already, but will be executed again. A
 * single step that is pending without a shadow is Bochs 2.7's, which makes it when an instruction
 * exits. */
static void settle_after_fault(struct cpu *cpu, uint64_t qualification)
{
    if (qualification & QUALIFICATION_EPT_NMI_UNBLOCKED && !cpu->interrupted.valid)
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
                   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) | INTERRUPTIBILITY_NMI);
    if (vmcs_read_known(VMCS_GUEST_PENDING_DEBUG) & PENDING_DEBUG_BS && !vmx_interrupt_shadow_read(cpu))
        vmx_interrupt_shadow_write(cpu, 0);
}

static COLD void other_page(struct cpu *cpu, uint64_t physical, bool write)
{
    if (!guest_hidden_fault(cpu, physical, write) && !vmx_ept_fill(cpu, physical))
        event_raise_gp(cpu);
}

static inline void refused_page(struct cpu *cpu, bool write)
{
    uint64_t physical = vmcs_read_known(VMCS_GUEST_PHYSICAL_ADDRESS);

    if (guest_is_own_apic(cpu, physical))
        guest_apic_page(cpu)->fault(cpu, physical, write);
    else
        other_page(cpu, physical, write);
}

static COLD void refused_page_specially(struct cpu *cpu, const struct past_exit *exit)
{
    vmx_take_interrupted(cpu);
    settle_after_fault(cpu, exit->info);
    refused_page(cpu, exit->info & QUALIFICATION_EPT_WRITE);
}

static void exit_ept_violation(struct cpu *cpu, const struct past_exit *exit)
{
    bool special = (vmcs_read_known(VMCS_IDT_VECTORING) & INTERRUPTION_VALID)
                 | (exit->info & QUALIFICATION_EPT_NMI_UNBLOCKED)
                 | (vmcs_read_known(VMCS_GUEST_PENDING_DEBUG) & PENDING_DEBUG_BS);

    cpu->counters[COUNTER_EXIT_NESTED_PAGE]++;
    cpu->interrupted.valid = false;
    if (special)
        refused_page_specially(cpu, exit);
    else
        refused_page(cpu, exit->info & QUALIFICATION_EPT_WRITE);
}

static void exit_apic_access(struct cpu *cpu, const struct past_exit *exit)
{
    uint64_t qualification = exit->info;
    bool write = (qualification >> QUALIFICATION_APIC_TYPE_SHIFT & QUALIFICATION_APIC_TYPE)
              == APIC_LINEAR_WRITE;

    cpu->counters[COUNTER_EXIT_APIC_ACCESS]++;
    vmx_take_interrupted(cpu);
    settle_after_fault(cpu, 0);
    binding.apic->fault(cpu, cpu->apic.base | (qualification & QUALIFICATION_APIC_OFFSET), write);
}

/* NMIs stay blocked after this exit until an IRET: the host's handler has one. Bochs 2.7 says that
 * the guest's NMIs are blocked too; that can only be after one was injected. */
static void exit_nmi(struct cpu *cpu)
{
    struct vmx_cpu *vmx = vmx_of(cpu);
    uint64_t state;

    cpu->counters[COUNTER_EXIT_NMI]++;
    cpu->counters[COUNTER_STEP_DISTURBED] += step_active(cpu);
    __asm__ volatile("int $2" : : : "memory");
    vmx_virtual_apic_nmi(cpu);
    state = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
    if (state & INTERRUPTIBILITY_NMI && !vmx->nmi_may_be_blocked)
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, state & ~(uint64_t)INTERRUPTIBILITY_NMI);
}

/* The processor leaves DR6 and DR7.GD as they were when it exits instead of raising #DB. INT1 touches neither. */
static void take_debug_status(struct cpu *cpu, uint64_t qualification)
{
    uint64_t dr6 = dr6_read();

    dr6 = (dr6 & ~DR6_B0_B3) | (qualification & DR6_ACTIVE_HIGH);
    dr6_write((dr6 | DR6_ACTIVE_LOW) & ~(qualification & DR6_ACTIVE_LOW));
    if (qualification & DR6_BD && !step_active(cpu))
        vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DR7_GD);
}

static void exit_exception_or_nmi(struct cpu *cpu, const struct past_exit *exit)
{
    uint32_t interruption = (uint32_t)vmcs_read_known(VMCS_EXIT_INTERRUPTION);
    uint8_t type = interruption >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE;
    uint8_t vector = interruption & INTERRUPTION_VECTOR;
    uint32_t error = 0;

    vmx_take_interrupted(cpu);
    if (type == EVENT_NMI) {
        exit_nmi(cpu);
        return;
    }
    if (vector == VECTOR_DB && type == EVENT_EXCEPTION)
        take_debug_status(cpu, exit->info);
    else if (vector == VECTOR_PF)
        cr2_write(exit->info);
    if (interruption & INTERRUPTION_ERROR_VALID)
        error = (uint32_t)vmcs_read(VMCS_EXIT_INTERRUPTION_ERROR);
    guest_exception(cpu, vector, error);
    vmx_mark_soft(cpu, interruption);
}

static void exit_nmi_window(struct cpu *cpu, const struct past_exit *exit)
{
    (void)exit;
    cpu->counters[COUNTER_EXIT_IRET]++;
    vmx_of(cpu)->nmi_may_be_blocked = false;
    step_delivery_ended(cpu);
    if (cpu->nmi.pending)
        binding.nmi->window(cpu);
    else
        vmx_nmi_window_request(cpu, false);
}

static void exit_preemption_timer(struct cpu *cpu, const struct past_exit *exit)
{
    (void)exit;
    cpu->counters[COUNTER_EXIT_TIMER]++;
    if (!vmx_of(cpu)->virtual_apic.rechecks)
        selftest_ends(cpu, "the micro-guest did not come to its end");
    vmx_exit_within(cpu, VMX_NEVER);
    step_delivery_ended(cpu);
}

static void exit_monitor_trap(struct cpu *cpu, const struct past_exit *exit)
{
    (void)exit;
    cpu->counters[COUNTER_EXIT_MTF]++;
    if (!step_active(cpu) || cpu->step.delivery)
        vmx_control_set(cpu, CAPABILITY_VMX_MONITOR_TRAP_FLAG, false);
    if (step_active(cpu))
        step_finish(cpu);
    else
        selftest_ends(cpu, NULL);
}

static void exit_vmx_instruction(struct cpu *cpu, const struct past_exit *exit)
{
    (void)exit;
    cpu->counters[COUNTER_EXIT_SVM]++;
    if (!selftest_ends(cpu, NULL))
        event_raise_ud(cpu);
}

/* INVD would drop the host's modified cache lines with the guest's. */
static void exit_invd(struct cpu *cpu, const struct past_exit *exit)
{
    cpu->counters[COUNTER_EXIT_OTHER]++;
    vmx_go_on(cpu, exit);
    __asm__ volatile("wbinvd" : : : "memory");
}

/* The processor itself judges the value, in the host. XCR0 stays the guest's: the host saves
 * nothing. */
static void exit_xsetbv(struct cpu *cpu, const struct past_exit *exit)
{
    struct general_registers *registers = cpu->registers;
    uint64_t value = (registers->rdx & 0xffffffff) << 32 | (registers->rax & 0xffffffff);
    uint64_t cr4 = cr4_read();
    bool legal;

    cpu->counters[COUNTER_EXIT_OTHER]++;
    cr4_write(cr4 | CR4_OSXSAVE);
    legal = xsetbv_safe((uint32_t)registers->rcx, value);
    cr4_write(cr4);
    if (legal)
        vmx_go_on(cpu, exit);
    else
        event_raise_gp(cpu);
}

static void exit_triple_fault(struct cpu *cpu, const struct past_exit *exit)
{
    (void)exit;
    cpu->counters[COUNTER_EXIT_SHUTDOWN]++;
    if (!selftest_ends(cpu, "the micro-guest shut down"))
        ending_reset("the guest shut down (triple fault); the machine is reset");
}

/* Where an INIT that came while the CPU waited is kept, it exits before the first instruction after the
 * SIPI, and has no meaning. An exit that entry.c asks for keeps it apart from one that comes later; where
 * there is none a guest that is back at its start looks the same. */
static COLD bool init_was_kept(struct cpu *cpu)
{
    const struct past_exit *before = cpu_past_exit(cpu, 1);
    struct segment_state cs;

    if (!machine.init_is_kept || !before || before->reason != EXIT_REASON_SIPI)
        return false;
    vmx_segment_read(cpu, GUEST_CS, &cs);
    return cs.base == before->info << 12 && cs.selector == before->info << 8;
}

static void exit_init(struct cpu *cpu, const struct past_exit *exit)
{
    cpu->counters[COUNTER_EXIT_INIT]++;
    if (selftest_ends(cpu, NULL) || (exit->rip == 0 && init_was_kept(cpu)))
        return;
    if (binding.startup->init && binding.startup->init(cpu))
        return;
    startup_post_init(&cpu->mailbox);
    entry_post(cpu);
}

/* What the INIT means that was put off. An NMI that has come since is held, as by the mailbox of a CPU that
 * waits there; the INIT would take it away. */
static void post_held_init(struct cpu *cpu)
{
    bool nmi = cpu->nmi.pending;

    startup_post_init(&cpu->mailbox);
    if (nmi)
        startup_post_nmi(&cpu->mailbox);
    vmx_of(cpu)->init_held = false;
}

static void exit_sipi(struct cpu *cpu, const struct past_exit *exit)
{
    cpu->counters[COUNTER_EXIT_SIPI]++;
    vmx_unblock_nmis();     /* Bochs 3.0 leaves them blocked */
    atomic_store(&cpu->waits_in_hardware, 0);
    if (vmx_of(cpu)->init_held)
        post_held_init(cpu);
    startup_post_sipi(&cpu->mailbox, (uint8_t)exit->info);
    entry_post(cpu);
    selftest_ends(cpu, NULL);
}

/* The state that VM entry checks is made of values that the guest could set and of this backend's
 * own: a refusal is a defect, and the audit names it. */
static void entry_failed(struct cpu *cpu, const struct past_exit *exit)
{
    cpu->counters[COUNTER_EXIT_INVALID]++;
    cpu->launched = !vmx_of(cpu)->by_launch;
    if (!selftest_expects_refusal())
        vmx_audit(cpu);
    if (!selftest_ends(cpu, "the processor refused the micro-guest's state"))
        panic("VM entry failed, reason %u, qualification %lu",
              (unsigned)(exit->reason & EXIT_REASON_BASIC), (unsigned long)exit->info);
}

/* No exit that anything here asks for. */
static COLD void exit_other(struct cpu *cpu, const struct past_exit *exit)
{
    if (exit->reason & EXIT_REASON_ENTRY_FAILURE)
        entry_failed(cpu, exit);
    else
        panic("unexpected exit reason %#x", (unsigned)exit->reason);
}

typedef void exit_handler(struct cpu *cpu, const struct past_exit *exit);

#define REASONS     128     /* the highest that has a handler is far below */

#pragma GCC diagnostic ignored "-Woverride-init"    /* first all, then each that means something */
static exit_handler *const handlers[REASONS] = {
    [0 ... REASONS - 1] = exit_other,
    [EXIT_REASON_EXCEPTION_OR_NMI] = exit_exception_or_nmi,
    [EXIT_REASON_EXTERNAL_INTERRUPT] = vmx_exit_external_interrupt,
    [EXIT_REASON_TRIPLE_FAULT] = exit_triple_fault,
    [EXIT_REASON_INIT] = exit_init,
    [EXIT_REASON_SIPI] = exit_sipi,
    [EXIT_REASON_INTERRUPT_WINDOW] = vmx_exit_interrupt_window,
    [EXIT_REASON_NMI_WINDOW] = exit_nmi_window,
    [EXIT_REASON_TASK_SWITCH] = vmx_exit_task_switch,
    [EXIT_REASON_CPUID] = exit_cpuid,
    [EXIT_REASON_GETSEC] = exit_vmx_instruction,
    [EXIT_REASON_HLT] = vmx_exit_hlt,
    [EXIT_REASON_INVD] = exit_invd,
    [EXIT_REASON_RSM] = exit_vmx_instruction,
    [EXIT_REASON_VMCALL ... EXIT_REASON_VMXON] = exit_vmx_instruction,
    [EXIT_REASON_CR_ACCESS] = vmx_exit_control_register,
    [EXIT_REASON_IO] = exit_io,
    [EXIT_REASON_RDMSR] = exit_rdmsr,
    [EXIT_REASON_WRMSR] = exit_wrmsr,
    [EXIT_REASON_MTF] = exit_monitor_trap,
    [EXIT_REASON_APIC_ACCESS] = exit_apic_access,
    [EXIT_REASON_VIRTUALIZED_EOI] = vmx_exit_virtualized_eoi,
    [EXIT_REASON_EPT_VIOLATION] = exit_ept_violation,
    [EXIT_REASON_INVEPT] = exit_vmx_instruction,
    [EXIT_REASON_PREEMPTION_TIMER] = exit_preemption_timer,
    [EXIT_REASON_INVVPID] = exit_vmx_instruction,
    [EXIT_REASON_XSETBV] = exit_xsetbv,
    [EXIT_REASON_APIC_WRITE] = vmx_exit_apic_write,
    [EXIT_REASON_VMFUNC] = exit_vmx_instruction,
    [EXIT_REASON_SEAMCALL] = exit_vmx_instruction,
    [EXIT_REASON_TDCALL] = exit_vmx_instruction,
    [EXIT_REASON_RDMSR_IMM] = exit_vmx_instruction,     /* MSR_IMM is hidden */
    [EXIT_REASON_WRMSRNS_IMM] = exit_vmx_instruction,
};

/* Nothing is left to do behind a handler: run.S sees by cpu->entry_work whether something is. */
void vmx_exit(struct general_registers *registers)
{
    struct cpu *cpu = this_cpu();
    struct past_exit *exit = cpu_new_exit(cpu);
    /* The other bits say what the guest was in: bit 27, an enclave. */
    uint32_t reason = (uint32_t)vmcs_read_known(VMCS_EXIT_REASON)
                    & (EXIT_REASON_ENTRY_FAILURE | EXIT_REASON_BASIC);

    vmcs_store_known(VMCS_GUEST_RIP, &exit->rip);
    vmcs_store_known(VMCS_EXIT_QUALIFICATION, &exit->info);
    exit->reason = reason;
    cpu->registers = registers;
    cpu->event.valid = false;
    cpu->launched = true;
    cpu->counters[COUNTER_EXITS]++;
    (reason < REASONS ? handlers[reason] : exit_other)(cpu, exit);
}
