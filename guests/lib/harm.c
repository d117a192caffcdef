/* SPDX-License-Identifier: BSD-2-Clause */
/* Has an attack on CPU 1 done more than stop it? */
#include "harm.h"

#include "cpus.h"
#include "delay.h"
#include "sextant.h"
#include "tap.h"

static unsigned starts_before[MAX_CPUS];
static unsigned outside;

void harm_remember_starts(void)
{
    for (unsigned i = 0; i < cpus_count; i++)
        starts_before[i] = cpu_starts(&cpus[i]);
}

static void look_for_hypervisor(void *argument)
{
    if (sextant_present() != *(const bool *)argument)
        outside++;
}

bool harm_none(void)
{
    bool here = sextant_present();
    bool restarted = cpu_restart(&cpus[1], 0);
    unsigned wrong = 0, silent = 0;
    outside = 0;
    for (unsigned i = restarted ? 1 : 2; i < cpus_count; i++) {
        cpu_post(&cpus[i], look_for_hypervisor, &here);
        silent += !cpu_wait_idle(&cpus[i]);
    }
    for (unsigned i = 0; i < cpus_count; i++)
        wrong += cpu_starts(&cpus[i]) != starts_before[i] + (i == 1);
    if (!restarted || wrong + silent + outside != 0)
        tap_note(
            "CPU 1 %s; CPUs with a wrong number of starts %u, silent %u, outside of Sextant %u",
            restarted ? "restarted" : "did not restart", wrong, silent, outside);
    return restarted && wrong + silent + outside == 0;
}
