/* SPDX-License-Identifier: BSD-2-Clause */
/* Event injection and events whose delivery an exit cut short (APM Vol 2: Secure Virtual Machine >
 * Event Injection; Intercepts During IDT Interrupt Delivery). */
#include "svm/svm.h"
#include "x86/registers.h"

/* QEMU's TCG reports type 3 (exception) for interrupts and NMIs that the hardware delivered; the
 * vector tells them apart, since exceptions end at 31. */
static uint8_t true_type(uint8_t type, uint8_t vector)
{
    if (vector == VECTOR_NMI && type != EVENT_SOFTWARE_INTERRUPT)
        return EVENT_NMI;
    if (type != EVENT_EXCEPTION)
        return type;
    return vector >= 32 ? EVENT_EXTERNAL_INTERRUPT : type;
}

void svm_take_interrupted(struct cpu *cpu)
{
    uint64_t information = vmcb_of(cpu)->exit_interrupt_info;
    struct event *event = &cpu->interrupted;

    entry_post(cpu);
    event->valid = true;
    event->vector = information & EVENT_VECTOR;
    event->type = true_type((information & EVENT_TYPE) >> EVENT_TYPE_SHIFT, event->vector);
    event->has_error = information & EVENT_ERROR_VALID;
    event->error = (uint32_t)(information >> EVENT_ERROR_SHIFT);
}

/* Where an injected NMI keeps other NMIs out until IRET, it is injected as an interrupt with its vector:
 * the handler is entered in the same way, and a guest that never leaves it can still be reached by
 * a kick. Elsewhere not: QEMU now and then delivers an injected interrupt twice. */
__attribute__((section(".sealed"))) static bool nmi_as_interrupt;

void svm_inject_nmi_as_interrupt(bool wanted)
{
    nmi_as_interrupt = wanted;
}

static uint64_t injected_type(const struct event *event)
{
    return event->type == EVENT_NMI && nmi_as_interrupt ? EVENT_EXTERNAL_INTERRUPT : event->type;
}

/* Real mode knows no error codes. */
void svm_inject(struct cpu *cpu)
{
    struct event *event = &cpu->event;
    bool has_error = event->has_error && vmcb_of(cpu)->cr0 & CR0_PE;

    vmcb_of(cpu)->event_injection = EVENT_VALID | event->vector
        | injected_type(event) << EVENT_TYPE_SHIFT
        | (has_error ? EVENT_ERROR_VALID : 0)
        | (uint64_t)event->error << EVENT_ERROR_SHIFT;
    event->valid = false;
}
