/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit dispatch (APM Vol 2: SVM Intercept Exit Codes). */
#include "svm/svm.h"

#include "core/advance.h"
#include "core/cold.h"
#include "core/ending.h"
#include "core/guest_cpuid.h"
#include "core/guest_exception.h"
#include "core/guest_io.h"
#include "core/guest_msr.h"
#include "core/nested_fault.h"
#include "core/step.h"
#include "lib/panic.h"
#include "probe/selftest.h"
#include "strategies/operations.h"
#include "x86/registers.h"

static COLD void answer_cpuid(struct cpu *cpu, uint64_t next_rip)
{
    svm_advance(cpu, next_rip);
    guest_cpuid(cpu);
}

static void exit_cpuid(struct cpu *cpu, struct vmcb *vmcb)
{
    uint64_t next_rip;

    (void)vmcb;
    cpu->counters[COUNTER_EXIT_CPUID]++;
    if (!svm_find_next(cpu, INTERCEPTED_CPUID, &next_rip))
        return;
    if (svm_goes_on(cpu, next_rip))
        guest_cpuid(cpu);
    else
        answer_cpuid(cpu, next_rip);
}

/* Where the length has to come from the bytes, they are judged before anything is done; a self-test's may not
 * be where its addresses say. */
static SEPARATE void access_msr(struct cpu *cpu, bool write, uint64_t next_rip)
{
    uint64_t value = guest_msr_value(cpu);

    if (write && guest_msr_is_icr_write(cpu, value)) {
        svm_advance(cpu, next_rip);
        binding.x2apic->icr_write(cpu, value);
    } else if (write ? guest_msr_write(cpu) : guest_msr_read(cpu)) {
        svm_advance(cpu, next_rip);
    }
}

static void exit_msr(struct cpu *cpu, struct vmcb *vmcb)
{
    bool write = vmcb->exit_info1 & 1;
    uint64_t next_rip, value = guest_msr_value(cpu);

    cpu->counters[COUNTER_EXIT_MSR]++;
    if (!svm_find_next(cpu, write ? INTERCEPTED_WRMSR : INTERCEPTED_RDMSR, &next_rip))
        selftest_ends(cpu, NULL);
    else if (write && guest_msr_is_icr_write(cpu, value) && svm_goes_on(cpu, next_rip))
        binding.x2apic->icr_write(cpu, value);
    else
        access_msr(cpu, write, next_rip);
}

/* The processor says what follows an IN or OUT in EXITINFO2. String forms on these few ports are
 * refused: no system resets the machine with OUTS. */
static void exit_io(struct cpu *cpu, struct vmcb *vmcb)
{
    uint32_t information = (uint32_t)vmcb->exit_info1;
    unsigned size = information >> 4 & 7;
    uint64_t mask = size == 4 ? 0xffffffff : (UINT64_C(1) << 8 * size) - 1;
    uint64_t rax = cpu->registers->rax;
    uint32_t result;

    cpu->counters[COUNTER_EXIT_IO]++;
    if (information & IOIO_STRING) {
        event_raise_gp(cpu);
        return;
    }
    svm_advance(cpu, vmcb->exit_info2);
    result = guest_io(cpu, (uint16_t)(information >> IOIO_PORT_SHIFT), size,
                      information & IOIO_IN, (uint32_t)(rax & mask));
    if (information & IOIO_IN)
        cpu->registers->rax = size == 4 ? result : (rax & ~mask) | result;
}

static COLD void other_page(struct cpu *cpu, const struct vmcb *vmcb)
{
    if (!guest_hidden_fault(cpu, vmcb->exit_info2, vmcb->exit_info1 & NPF_WRITE)
        && !svm_npt_fill(cpu, vmcb->exit_info2))
        event_raise_gp(cpu);
}

static SEPARATE void exit_nested_page(struct cpu *cpu, struct vmcb *vmcb)
{
    cpu->counters[COUNTER_EXIT_NESTED_PAGE]++;
    if (guest_is_own_apic(cpu, vmcb->exit_info2))
        guest_apic_page(cpu)->fault(cpu, vmcb->exit_info2, vmcb->exit_info1 & NPF_WRITE);
    else
        other_page(cpu, vmcb);
}

/* The NMI is still pending: the host takes it as soon as it may. */
static void exit_nmi(struct cpu *cpu, struct vmcb *vmcb)
{
    (void)vmcb;
    cpu->counters[COUNTER_EXIT_NMI]++;
    cpu->counters[COUNTER_STEP_DISTURBED] += step_active(cpu);
    backend->host_nmi_allow();
    backend->host_nmi_hold();
    step_delivery_ended(cpu);
}

static COLD void exit_general_protection(struct cpu *cpu, const struct vmcb *vmcb)
{
    if (guest_is_at_svm_instruction(cpu))
        guest_exception(cpu, VECTOR_UD, 0);
    else
        guest_exception(cpu, VECTOR_GP, (uint32_t)vmcb->exit_info1);
}

static void exit_exception(struct cpu *cpu, struct vmcb *vmcb)
{
    uint8_t vector = (uint8_t)(vmcb->exit_code - VMEXIT_EXCEPTION);

    if (vector == VECTOR_GP) {
        exit_general_protection(cpu, vmcb);
        return;
    }
    if (vector == VECTOR_PF)
        svm_write_cr2(vmcb, vmcb->exit_info2);
    guest_exception(cpu, vector, (uint32_t)vmcb->exit_info1);
}

static void exit_iret(struct cpu *cpu, struct vmcb *vmcb)
{
    (void)vmcb;
    cpu->counters[COUNTER_EXIT_IRET]++;
    binding.nmi->window(cpu);
}

static void exit_svm_instruction(struct cpu *cpu, struct vmcb *vmcb)
{
    (void)vmcb;
    cpu->counters[COUNTER_EXIT_SVM]++;
    if (!selftest_ends(cpu, NULL))
        event_raise_ud(cpu);
}

/* INVD would drop the host's modified cache lines with the guest's. */
static void exit_invd(struct cpu *cpu, struct vmcb *vmcb)
{
    uint64_t next_rip;

    (void)vmcb;
    cpu->counters[COUNTER_EXIT_OTHER]++;
    if (!svm_find_next(cpu, INTERCEPTED_INVD, &next_rip))
        return;
    svm_advance(cpu, next_rip);
    __asm__ volatile("wbinvd" : : : "memory");
}

/* QEMU answers a guest's MOV to a control register with reserved bits like this instead of #GP.
 * Anything else is a state that the processor let the guest reach and then refused to enter. */
static void exit_invalid(struct cpu *cpu, struct vmcb *vmcb)
{
    (void)vmcb;
    cpu->counters[COUNTER_EXIT_INVALID]++;
    if (selftest_ends(cpu, "the processor refused the micro-guest's state"))
        return;
    if (guest_is_at(cpu, INTERCEPTED_MOV_TO_CR))
        event_raise_gp(cpu);
    else
        ending_reset("the processor refused the guest's state (VMEXIT_INVALID); the machine is "
                     "reset");
}

/* Still pending: it becomes #SX, which posts it (core/kick.c). */
static void exit_init(struct cpu *cpu, struct vmcb *vmcb)
{
    (void)vmcb;
    cpu->counters[COUNTER_EXIT_INIT]++;
    backend->host_nmi_allow();
    backend->host_nmi_hold();
}

static void exit_shutdown(struct cpu *cpu, struct vmcb *vmcb)
{
    (void)vmcb;
    cpu->counters[COUNTER_EXIT_SHUTDOWN]++;
    if (!selftest_ends(cpu, "the micro-guest shut down"))
        ending_reset("the guest shut down (triple fault); the machine is reset");
}

static void exit_nothing(struct cpu *cpu, struct vmcb *vmcb)
{
    (void)vmcb;
    cpu->counters[COUNTER_EXIT_OTHER]++;
}

/* None that is intercepted. QEMU stores 32 bits of VMEXIT_INVALID. */
static COLD void exit_other(struct cpu *cpu, struct vmcb *vmcb)
{
    if ((uint32_t)vmcb->exit_code == VMEXIT_INVALID)
        exit_invalid(cpu, vmcb);
    else
        panic("unexpected exit code %#lx", (unsigned long)vmcb->exit_code);
}

typedef void exit_handler(struct cpu *cpu, struct vmcb *vmcb);

#define CODES       256     /* the highest that has a handler is below, but for VMEXIT_NPF */

#pragma GCC diagnostic ignored "-Woverride-init"    /* first all, then each that means something */
static exit_handler *const handlers[CODES] = {
    [0 ... CODES - 1] = exit_other,
    [VMEXIT_CR8_READ] = svm_exit_cr8,
    [VMEXIT_CR8_WRITE] = svm_exit_cr8,
    [VMEXIT_EXCEPTION ... VMEXIT_EXCEPTION + 31] = exit_exception,
    [VMEXIT_INTR] = exit_nothing,
    [VMEXIT_NMI] = exit_nmi,
    [VMEXIT_SMI] = exit_nothing,
    [VMEXIT_INIT] = exit_init,
    [VMEXIT_VINTR] = exit_nothing,
    [VMEXIT_CPUID] = exit_cpuid,
    [VMEXIT_IRET] = exit_iret,
    [VMEXIT_INVD] = exit_invd,
    [VMEXIT_INVLPGA] = exit_svm_instruction,
    [VMEXIT_IOIO] = exit_io,
    [VMEXIT_MSR] = exit_msr,
    [VMEXIT_SHUTDOWN] = exit_shutdown,
    [VMEXIT_VMRUN ... VMEXIT_SKINIT] = exit_svm_instruction,
};

static struct past_exit remembered(const struct vmcb *vmcb)
{
    return (struct past_exit){ .reason = vmcb->exit_code, .rip = vmcb->rip,
                               .info = vmcb->exit_info1 };
}

static void dispatch(struct cpu *cpu, struct vmcb *vmcb)
{
    uint64_t code = vmcb->exit_code;

    if (code == VMEXIT_NPF)
        exit_nested_page(cpu, vmcb);
    else
        (code < CODES ? handlers[code] : exit_other)(cpu, vmcb);
}

static COLD void dispatch_interrupted(struct cpu *cpu, struct vmcb *vmcb)
{
    svm_take_interrupted(cpu);
    dispatch(cpu, vmcb);
}

/* Nothing is left to do behind a handler: run.S sees by cpu->entry_work whether something is. */
void svm_exit(struct general_registers *registers)
{
    struct cpu *cpu = this_cpu();
    struct vmcb *vmcb = vmcb_of(cpu);

    cpu->registers = registers;
    registers->rax = vmcb->rax;
    vmcb->tlb_control = TLB_CONTROL_NOTHING;
    vmcb->event_injection = 0;
    cpu->counters[COUNTER_EXITS]++;
    *cpu_new_exit(cpu) = remembered(vmcb);
    svm_repair(vmcb);
    if (vmcb->exit_interrupt_info & EVENT_VALID)
        dispatch_interrupted(cpu, vmcb);
    else
        dispatch(cpu, vmcb);
}
