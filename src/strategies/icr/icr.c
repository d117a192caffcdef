/* SPDX-License-Identifier: BSD-2-Clause */
/* startup=icr: INIT, SIPI and NMI messages are seen as writes to the interrupt command register and
 * emulated: the hardware never sends them for the guest. (QEMU resets the host's CPU on an INIT
 * whatever the intercepts say, and a SIPI that meets a CPU in host context is lost everywhere.) */
#include "apic/forward.h"
#include "apic/icr.h"
#include "apic/startup.h"
#include "core/cold.h"
#include "core/cpu.h"
#include "core/kick.h"
#include "strategies/operations.h"

static bool post(struct cpu *target, const struct icr_command *command)
{
    switch (command->class) {
    case ICR_INIT:
        /* INIT clears the logical address of an xAPIC; messages that follow must not find the old one,
         * however long the target takes to look. */
        if (!target->apic.identity.x2apic) {
            target->apic.identity.ldr = 0;
            target->apic.identity.dfr = UINT32_MAX;
        }
        return startup_post_init(&target->mailbox);
    case ICR_STARTUP:
        return startup_post_sipi(&target->mailbox, command->vector);
    case ICR_NMI:
        return startup_post_nmi(&target->mailbox);
    default:
        return false;
    }
}

static enum counter counter_of(enum icr_class class)
{
    switch (class) {
    case ICR_INIT:
        return COUNTER_ICR_INIT;
    case ICR_STARTUP:
        return COUNTER_ICR_STARTUP;
    case ICR_NMI:
        return COUNTER_ICR_NMI;
    default:
        return COUNTER_ICR_DROPPED;
    }
}

static COLD bool emulate(struct cpu *cpu, uint64_t icr, bool x2apic)
{
    const struct icr_command command = icr_decode_write(icr, x2apic);

    cpu->counters[counter_of(command.class)]++;
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct cpu *target = cpus[i];

        if (destination_matches(&command, &target->apic.identity, target == cpu)
            && post(target, &command))
            kick(target);
    }
    return false;
}

static bool icr_write(struct cpu *cpu, uint64_t icr, bool x2apic)
{
    if (!icr_is_forwarded((uint32_t)icr))
        return emulate(cpu, icr, x2apic);
    return apic_forward(cpu, icr, x2apic);
}

const struct startup_operations startup_icr_operations = {
    .name = "icr",
    .icr_write = icr_write,
};
