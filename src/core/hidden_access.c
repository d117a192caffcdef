/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/hidden_access.h"

#include <string.h>

#include "core/backend.h"
#include "core/hidden.h"
#include "core/step.h"

static void close_last(struct cpu *cpu)
{
    uint64_t page = cpu->hidden_pages.page[--cpu->hidden_pages.count];

    if (page == cpu->apic.hardware_base)
        backend->page_map(cpu, page, page, PAGE_NONE);
    else
        backend->page_restore(cpu, page);
}

static void end(struct cpu *cpu)
{
    while (cpu->hidden_pages.count)
        close_last(cpu);
}

void hidden_access(struct cpu *cpu, uint64_t guest_physical, bool write)
{
    void *scratch = cpu_block_page(cpu, CPU_BLOCK_PAGE_SCRATCH);
    struct hidden_pages *pages = &cpu->hidden_pages;

    if (!(cpu->step.owners & STEP_OWNER_HIDDEN)) {
        memset(scratch, 0xff, 4096);
        pages->count = 0;
        pages->written = false;
    }
    pages->written = pages->written || write;
    if (pages->count == HIDDEN_PAGES)
        close_last(cpu);
    pages->page[pages->count++] = guest_physical & ~UINT64_C(0xfff);
    backend->page_map(cpu, guest_physical, physical_of(scratch), PAGE_READ_WRITE);
    step_begin(cpu, STEP_OWNER_HIDDEN, false);
}

void hidden_step_cancelled(struct cpu *cpu)
{
    end(cpu);
}

void hidden_step_finished(struct cpu *cpu)
{
    if (cpu->hidden_pages.written)
        cpu->counters[COUNTER_HIDDEN_WRITE]++;
    end(cpu);
}
