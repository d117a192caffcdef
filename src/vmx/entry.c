/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens before every VM entry, in the order of urgency: a rendezvous; INIT, SIPI and NMI
 * from the mailbox; an event whose delivery was cut short; a new event; the guest's NMI. */
#include <stdatomic.h>

#include "core/entry.h"
#include "core/machine.h"
#include "core/nested_view.h"
#include "core/rendezvous.h"
#include "core/vcpu.h"
#include "lib/panic.h"
#include "probe/selftest.h"
#include "strategies/operations.h"
#include "vmx/vmx.h"

_Noreturn void vmx_entry_refused(struct general_registers *registers);

/* The exit cut the delivery of an event short. Unless an exception of that delivery replaced it
 * (event_raise() has merged the two) it is delivered again. */
static void again(struct cpu *cpu)
{
    if (!cpu->interrupted.valid)
        return;
    if (!cpu->event.valid) {
        cpu->event = cpu->interrupted;
        cpu->counters[COUNTER_EVENT_REINJECTED]++;
    }
    cpu->interrupted.valid = false;
}

/* With this the guest exits before it executes anything: the exit right behind a SIPI's is then that of an
 * INIT that was kept, and of no other. */
static void separate_kept_init(struct cpu *cpu)
{
    const struct past_exit *last = cpu_past_exit(cpu, 0);

    if (!machine.init_is_kept || !last || last->reason != EXIT_REASON_SIPI)
        return;
    if (vmx_control_allowed(CAPABILITY_VMX_NMI_WINDOW_EXITING))
        vmx_nmi_window_request(cpu, true);
    else
        vmx_exit_within(cpu, 0);
}

/* Not for a CPU that waits for a SIPI: an entry into that state takes no event. */
static void ready_events(struct cpu *cpu)
{
    if (cpu->nmi.pending)
        binding.nmi->deliver(cpu);
    if (vmx_of(cpu)->virtual_apic.watched)
        vmx_virtual_apic_before_entry(cpu);
}

static void attend(struct cpu *cpu)
{
    bool started;

    entry_look(cpu);
    again(cpu);
    while (rendezvous_wanted(cpu))
        rendezvous_attend(cpu);
    started = startup_is_pending(&cpu->mailbox);
    if (started)
        vcpu_take_mailbox(cpu);
    if (nested_view_is_old(cpu)) {
        nested_view_follow(cpu);
        vmx_flush_view(cpu);
    }
    if (!cpu->waiting)
        ready_events(cpu);
    if (started)
        separate_kept_init(cpu);
    if (cpu->nmi.pending || vmx_of(cpu)->virtual_apic.watched)
        entry_look_again(cpu);
    if (cpu->event.valid)
        vmx_inject(cpu);
    if (vmx_of(cpu)->flush_vpid)
        vmx_flush_vpid(cpu);
}

enum vmx_entry vmx_attend(struct general_registers *registers)
{
    struct cpu *cpu = this_cpu();

    cpu->registers = registers;
    if (cpu->leave_guest)
        return VMX_LEAVE;
    attend(cpu);
    vmx_of(cpu)->by_launch = !cpu->launched;
    if (cpu->launched)
        return VMX_RESUME;
    entry_look_again(cpu);      /* the next entry is by VMRESUME */
    return VMX_LAUNCH;
}

/* VMLAUNCH or VMRESUME failed before it touched the guest: a control or a host field is wrong. */
_Noreturn void vmx_entry_refused(struct general_registers *registers)
{
    struct cpu *cpu = this_cpu();

    cpu->registers = registers;
    vmx_audit(cpu);
    panic("VM entry was refused, VM-instruction error %lu",
          (unsigned long)vmcs_read(VMCS_INSTRUCTION_ERROR));
}
