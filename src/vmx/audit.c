/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a VM entry was refused: the processor says "error 7" or "invalid guest state"; this says
 * which control or field. The checks are in audit_rules.c and audit_guest.c. */
#include "core/machine.h"
#include "lib/console.h"
#include "vmx/audit_rules.h"
#include "vmx/vmx.h"

static uint64_t read(const void *context, uint32_t field)
{
    (void)context;
    return vmcs_read(field);
}

static void say(const void *context, const char *name, uint64_t value, const char *what)
{
    (void)context;
    console_print("VM entry: \"%s\" is %#lx: %s\n", name, (unsigned long)value, what);
}

unsigned vmx_audit(struct cpu *cpu)
{
    struct vmx_audit audit = {
        .read = read,
        .say = say,
        .allowed = vmx_controls_allowed(0),
        .fields = vmx_control_fields,
        .cr0_fixed0 = vmx_cr0_bounds[0], .cr0_fixed1 = vmx_cr0_bounds[1],
        .cr4_fixed0 = vmx_cr4_bounds[0], .cr4_fixed1 = vmx_cr4_bounds[1],
        .guest_efer = vmx_register_read(cpu, GUEST_EFER),
        .physical_bits = machine.physical_address_bits,
        .linear_bits = vmx_linear_bits,
    };

    if (!vmx_audit_all(&audit))
        console_print("VM entry: none of the checks that Sextant knows is violated\n");
    return audit.found;
}
