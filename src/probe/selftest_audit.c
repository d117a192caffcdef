/* SPDX-License-Identifier: BSD-2-Clause */
/* SDM Vol 3: VM Entries > VM-Entry Failures During or After Loading Guest State: such an entry exits with
 * reason 33 and leaves the guest-state area as it was, so what it refused can be looked at afterwards. */
#include "probe/selftest_audit.h"

#include <string.h>

#include "core/backend.h"
#include "core/cpu.h"
#include "lib/format.h"
#include "probe/selftest.h"
#include "vmx/vmx.h"

#define LINE_SIZE   192
#define EXPECTED    "VM entry: \"Guest RFLAGS\" is 0: a reserved bit has the wrong value"

static bool expects_refusal;

bool selftest_expects_refusal(void)
{
    return expects_refusal;
}

static void keep(void *context, const char *text)
{
    format_text(context, LINE_SIZE, "%s", text);
}

void selftest_audit(struct cpu *cpu, char *sentence, size_t size)
{
    uint64_t refusals = cpu->counters[COUNTER_EXIT_INVALID];
    char line[LINE_SIZE] = "";
    unsigned found;

    selftest_reset(cpu, selftest_nop);
    backend->register_write(cpu, GUEST_RFLAGS, 0);
    expects_refusal = true;
    selftest_enter(cpu);
    expects_refusal = false;
    if (cpu->counters[COUNTER_EXIT_INVALID] == refusals) {
        format_text(sentence, size, "VM-entry audit: not verified: this machine enters a guest whose "
                    "RFLAGS bit 1 is 0.");
        return;
    }
    found = vmx_audit_to(cpu, keep, line);
    format_text(sentence, size, "VM-entry audit: %s: of an entry that was made to be refused it says: %s",
                found == 1 && !strcmp(line, EXPECTED) ? "verified" : "BROKEN", line);
}
