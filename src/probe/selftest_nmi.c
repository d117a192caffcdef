/* SPDX-License-Identifier: BSD-2-Clause */
/* NMIs in the micro-guest (SDM Vol 3: Interrupt and Exception Handling > Handling Multiple NMIs; APM
 * Vol 2: Secure Virtual Machine > NMI Support). */
#include "probe/selftest_nmi.h"

#include "core/cpu.h"
#include "core/kick.h"
#include "probe/selftest.h"
#include "svm/svm.h"
#include "x86/vmcb.h"

extern const char selftest_nmi[], selftest_handler_nmi[];

/* Two, since the second can only come when the end of the first was seen. */
const char *selftest_nmi_run(struct cpu *cpu)
{
    for (unsigned count = 1; count <= 2; count++) {
        uint64_t handled = count == 1 ? 0 : cpu->registers->rbp;
        const char *ended_by;

        selftest_reset(cpu, selftest_nmi);
        cpu->registers->rbp = handled;
        cpu->nmi.pending = true;
        ended_by = selftest_enter(cpu);
        if (ended_by)
            return ended_by;
        if (cpu->registers->rbp < count)
            return "an injected NMI did not reach its handler";
        if (cpu->registers->rbp > count)
            return "an injected NMI reached its handler twice";
    }
    return NULL;
}

/* A host NMI that is pending at the entry exits before the first instruction of the handler, unless
 * the injected NMI keeps it out until the handler's IRET. */
static bool injected_nmi_lets_others_in(struct cpu *cpu)
{
    uint64_t handler = selftest_address(selftest_handler_nmi);

    svm_inject_nmi_as_interrupt(false);
    selftest_reset(cpu, selftest_nmi);
    cpu->registers->rbp = 0;
    cpu->nmi.pending = true;
    kick_self(cpu);
    if (selftest_enter(cpu))
        return false;
    for (unsigned i = 0; i < EXIT_HISTORY; i++) {
        if (cpu->history[i].reason == VMEXIT_NMI && cpu->history[i].rip == handler)
            return true;
    }
    return false;
}

const char *selftest_nmi_iret(struct cpu *cpu)
{
    svm_inject_nmi_as_interrupt(!injected_nmi_lets_others_in(cpu));
    return selftest_nmi_run(cpu);
}
