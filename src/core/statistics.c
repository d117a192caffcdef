/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/statistics.h"

#include <string.h>

#include "core/cpu.h"
#include "core/rendezvous.h"
#include "lib/console.h"

#define COLUMNS 8

static const char *const names[] = {
#define X(id, name) name,
#include "core/exits.def"
#undef X
};

const char *counter_name(enum counter counter)
{
    return names[counter];
}

void statistics_print(void)
{
    uint32_t columns = cpu_count < COLUMNS ? cpu_count : COLUMNS;

    console_print("%-54s %12s", "statistics", "all CPUs");
    for (uint32_t i = 0; i < columns; i++)
        console_print(" %8s%-2u", "CPU ", (unsigned)i);
    console_print("\n");
    for (unsigned counter = 0; counter < COUNTER_COUNT; counter++) {
        uint64_t total = 0;

        for (uint32_t i = 0; i < cpu_count; i++)
            total += cpus[i]->counters[counter];
        if (!total)
            continue;
        console_print("%-54s %12lu", names[counter], (unsigned long)total);
        for (uint32_t i = 0; i < columns; i++)
            console_print(" %10lu", (unsigned long)cpus[i]->counters[counter]);
        console_print("\n");
    }
}

static void copy_all(void *context)
{
    (void)context;
    for (uint32_t i = 0; i < cpu_count; i++)
        memcpy(cpus[i]->snapshot, cpus[i]->counters, sizeof cpus[i]->snapshot);
}

bool statistics_snapshot(void)
{
    return rendezvous_run(copy_all, NULL);
}
