/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/hidden_access.h"

#include <string.h>

#include "core/backend.h"
#include "core/hidden.h"
#include "core/step.h"

void hidden_write(struct cpu *cpu, uint64_t guest_physical)
{
    void *scratch = cpu_block_page(cpu, CPU_BLOCK_PAGE_SCRATCH);
    struct hidden_pages *pages = &cpu->hidden_pages;

    if (!(cpu->step.owners & STEP_OWNER_HIDDEN)) {
        memset(scratch, 0xff, 4096);
        pages->count = 0;
    }
    if (pages->count < HIDDEN_PAGES)
        pages->page[pages->count++] = guest_physical & ~UINT64_C(0xfff);
    backend->page_map(cpu, guest_physical, physical_of(scratch), PAGE_READ_WRITE);
    step_begin(cpu, STEP_OWNER_HIDDEN, false);
}

void hidden_step_cancelled(struct cpu *cpu)
{
    for (unsigned i = 0; i < cpu->hidden_pages.count; i++)
        backend->page_restore(cpu, cpu->hidden_pages.page[i]);
    cpu->hidden_pages.count = 0;
}

void hidden_step_finished(struct cpu *cpu)
{
    cpu->counters[COUNTER_HIDDEN_WRITE]++;
    hidden_step_cancelled(cpu);
}
