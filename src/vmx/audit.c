/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a VM entry was refused: the processor says "error 7" or "invalid guest state"; this says
 * which control or field. The checks are in audit_rules.c and audit_guest.c. */
#include "apic/registers.h"
#include "core/machine.h"
#include "lib/console.h"
#include "lib/format.h"
#include "vmx/audit_rules.h"
#include "vmx/vmx.h"

#define LINE_SIZE   192

#define SEALED __attribute__((section(".sealed")))
SEALED static uint8_t activities;
SEALED static bool accessed_dirty;

struct listener {
    void (*line)(void *context, const char *text);
    void *context;
};

void vmx_audit_prepare(const struct capabilities *capabilities)
{
    activities = (uint8_t)(1u << ACTIVITY_ACTIVE
        | (unsigned)capability_has(capabilities, CAPABILITY_VMX_ACTIVITY_HLT) << ACTIVITY_HLT
        | (unsigned)capability_has(capabilities, CAPABILITY_VMX_ACTIVITY_SHUTDOWN)
              << ACTIVITY_SHUTDOWN
        | (unsigned)capability_has(capabilities, CAPABILITY_VMX_ACTIVITY_WAIT_FOR_SIPI)
              << ACTIVITY_WAIT_FOR_SIPI);
    accessed_dirty = capability_has(capabilities, CAPABILITY_VMX_EPT_ACCESSED_DIRTY);
}

static uint64_t read(const void *context, uint32_t field)
{
    (void)context;
    return vmcs_read(field);
}

static void say(const void *context, const char *name, uint64_t value, const char *what)
{
    const struct listener *listener = context;
    char text[LINE_SIZE];

    format_text(text, sizeof text, "VM entry: \"%s\" is %#lx: %s", name, (unsigned long)value, what);
    listener->line(listener->context, text);
}

unsigned vmx_audit_to(struct cpu *cpu, void (*line)(void *context, const char *text),
                      void *context)
{
    struct listener listener = { line, context };
    const uint8_t *virtual_apic = vmx_of(cpu)->virtual_apic.page;
    struct vmx_audit audit = {
        .read = read,
        .say = say,
        .context = &listener,
        .allowed = vmx_controls_allowed(0),
        .fields = vmx_control_fields,
        .cr0_fixed0 = vmx_cr0_bounds[0], .cr0_fixed1 = vmx_cr0_bounds[1],
        .cr4_fixed0 = vmx_cr4_bounds[0], .cr4_fixed1 = vmx_cr4_bounds[1],
        .guest_efer = vmx_register_read(cpu, GUEST_EFER),
        .physical_bits = machine.physical_address_bits,
        .linear_bits = vmx_linear_bits,
        .virtual_priority = virtual_apic ? virtual_apic[APIC_TPR] : 0,
        .activities = activities,
        .accessed_dirty = accessed_dirty,
    };

    if (!vmx_audit_all(&audit))
        line(context, "VM entry: none of the checks that Sextant knows is violated");
    return audit.found;
}

static void print(void *context, const char *text)
{
    (void)context;
    console_print("%s\n", text);
}

void vmx_audit(struct cpu *cpu)
{
    vmx_audit_to(cpu, print, NULL);
}
