/* SPDX-License-Identifier: BSD-2-Clause */
/* Injecting a pending MTF VM exit (SDM Vol 3: VM Entries > Injection of Pending MTF VM Exits): event
 * type 7, vector 0. The exit is taken at the boundary that VM entry leads to, before the first
 * instruction of the guest, so it cannot step one; the control can (mtf.c). The self-test of
 * step=mtf shows where it is taken on this machine. */
#include "strategies/mtf/pending.h"

#include "vmx/vmx.h"

void mtf_inject_pending(struct cpu *cpu)
{
    (void)cpu;
    vmcs_write(VMCS_ENTRY_INTERRUPTION,
               INTERRUPTION_VALID | EVENT_OTHER << INTERRUPTION_TYPE_SHIFT);
}
