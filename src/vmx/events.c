/* SPDX-License-Identifier: BSD-2-Clause */
/* Event injection and events whose delivery an exit cut short (SDM Vol 3: VM Entries > Event
 * Injection; VM Exits > Information for VM Exits During Event Delivery). The numbers of the types
 * are those of core/event.h; VMX has two more, for INT1 and for INT3 and INTO. */
#include "core/entry.h"
#include "vmx/vmx.h"

static bool is_soft(uint8_t type)
{
    return type >= EVENT_SOFTWARE_INTERRUPT && type <= EVENT_SOFTWARE_EXCEPTION;
}

static uint8_t type_of(uint32_t information)
{
    return information >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE;
}

void vmx_take_event(struct cpu *cpu, uint32_t information)
{
    struct event *event = &cpu->interrupted;

    entry_post(cpu);
    event->valid = true;
    event->vector = information & INTERRUPTION_VECTOR;
    event->type = type_of(information);
    event->has_error = information & INTERRUPTION_ERROR_VALID;
    event->error = event->has_error ? (uint32_t)vmcs_read(VMCS_IDT_VECTORING_ERROR) : 0;
    if (is_soft(event->type))
        vmx_of(cpu)->soft_length = (uint32_t)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
    /* The NMI that was being delivered blocks NMIs already; it could not be injected again. */
    if (event->type == EVENT_NMI)
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
                   vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & ~(uint64_t)INTERRUPTIBILITY_NMI);
}

void vmx_mark_soft(struct cpu *cpu, uint32_t interruption)
{
    if (!is_soft(type_of(interruption)) || !cpu->event.valid
        || cpu->event.vector != (interruption & INTERRUPTION_VECTOR))
        return;
    cpu->event.type = type_of(interruption);
    vmx_of(cpu)->soft_length = (uint32_t)vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
}

/* The event stays queued until the exit that follows, so that the entry can be prepared twice. An
 * event ends the shadow of STI and MOV SS, in which it could not have come. Real mode knows no error
 * codes, and an entry with one is refused. */
void vmx_inject(struct cpu *cpu)
{
    const struct event *event = &cpu->event;
    bool has_error = event->has_error && vmcs_read(VMCS_GUEST_CR0) & CR0_PE;

    if (is_soft(event->type))
        vmcs_write(VMCS_ENTRY_INSTRUCTION_LENGTH, vmx_of(cpu)->soft_length);
    if (has_error)
        vmcs_write(VMCS_ENTRY_EXCEPTION_ERROR, event->error);
    vmx_interrupt_shadow_write(cpu, 0);
    vmx_of(cpu)->nmi_may_be_blocked |= event->type == EVENT_NMI;
    vmcs_write(VMCS_ENTRY_INTERRUPTION,
               INTERRUPTION_VALID | event->vector | (uint32_t)event->type << INTERRUPTION_TYPE_SHIFT
               | (has_error ? INTERRUPTION_ERROR_VALID : 0));
}
