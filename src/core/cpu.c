/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/cpu.h"

#include <stddef.h>
#include <string.h>

/* The history has as many as were counted. */
void cpu_forget_exits(struct cpu *cpu)
{
    memset(cpu->counters, 0, sizeof cpu->counters);
}

const struct past_exit *cpu_past_exit(const struct cpu *cpu, unsigned back)
{
    unsigned newest = cpu->history_next / sizeof(struct past_exit) + EXIT_HISTORY - 1;

    if (back >= EXIT_HISTORY || back >= cpu->counters[COUNTER_EXITS])
        return NULL;
    return &cpu->history[(newest - back) % EXIT_HISTORY];
}
