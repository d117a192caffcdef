/* SPDX-License-Identifier: BSD-2-Clause */
/* Nested paging (APM Vol 2: Secure Virtual Machine > Nested Paging): guest-physical addresses are
 * host-physical addresses, in the largest pages that the processor has, but for the hidden region
 * (all of it shows one page of ones, read-only) and what a CPU's own overrides say.
 *
 * Shared by all CPUs and constant: page directories below the end of RAM, the table of the hidden
 * region. A CPU's own view: top level, one page-directory-pointer table, and a pool from which the
 * tables above an override are cloned, and tables for what lies beyond RAM are made when touched.
 * When the pool is used up the view is built anew from the overrides, which are the truth. */
#include <string.h>

#include "boot/layout.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "core/paging.h"
#include "svm/svm.h"

#define SIZE_4K             UINT64_C(0x1000)
#define SIZE_2M             UINT64_C(0x200000)
#define SIZE_1G             UINT64_C(0x40000000)
#define ENTRIES             512
#define POOL_FIRST          2           /* after the top level and its first pointer table */

/* The nested walk is a user access; accessed and dirty are set beforehand to save their updates. */
#define NPT_TABLE           (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define NPT_READ            (PTE_PRESENT | PTE_USER | PTE_ACCESSED)
#define NPT_READ_WRITE      (NPT_READ | PTE_WRITE | PTE_DIRTY)

static uint64_t *shared_pointers;       /* template of the first 512 GiB */
static uint64_t hidden_table;           /* physical: 512 entries, all the page of ones */

static uint64_t *table_at(uint64_t physical)
{
    return (uint64_t *)(DIRECT_MAP + physical);
}

static uint64_t *page_of_view(struct cpu *cpu, unsigned index)
{
    return cpu_block_page(cpu, CPU_BLOCK_PAGE_VIEW + index);
}

static void fill_directory(uint64_t *directory, uint64_t address)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t page = address + i * SIZE_2M;

        directory[i] = hidden_contains(page) ? hidden_table | NPT_TABLE
                                             : page | NPT_READ_WRITE | PTE_LARGE;
    }
}

static bool overlaps_hidden(uint64_t address, uint64_t size)
{
    return address < hidden_start() + hidden_length() && hidden_start() < address + size;
}

bool svm_npt_prepare(char *error, size_t error_size)
{
    uint64_t *ones = hidden_allocate(SIZE_4K, SIZE_4K);
    uint64_t *table = hidden_allocate(SIZE_4K, SIZE_4K);

    (void)error;
    (void)error_size;
    memset(ones, 0xff, SIZE_4K);
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = physical_of(ones) | NPT_READ;
    hidden_table = physical_of(table);

    shared_pointers = hidden_allocate(SIZE_4K, SIZE_4K);
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t address = i * SIZE_1G;

        if (machine.pages_1g && !overlaps_hidden(address, SIZE_1G)) {
            shared_pointers[i] = address | NPT_READ_WRITE | PTE_LARGE;
        } else if (address < machine.physical_end) {
            uint64_t *directory = hidden_allocate(SIZE_4K, SIZE_4K);

            fill_directory(directory, address);
            shared_pointers[i] = physical_of(directory) | NPT_TABLE;
        }
    }
    return true;
}

void svm_flush(struct cpu *cpu)
{
    vmcb_of(cpu)->tlb_control = machine.flush_by_asid ? TLB_CONTROL_FLUSH_GUEST
                                                      : TLB_CONTROL_FLUSH_ALL;
}

static void start_view(struct cpu *cpu)
{
    uint64_t *top = page_of_view(cpu, 0), *pointers = page_of_view(cpu, 1);

    memset(top, 0, SIZE_4K);
    memcpy(pointers, shared_pointers, SIZE_4K);
    top[0] = physical_of(pointers) | NPT_TABLE;
    cpu->view.pool_used = 0;
}

static bool is_private(struct cpu *cpu, uint64_t physical)
{
    return physical - physical_of(cpu) < CPU_BLOCK_SIZE;
}

/* The table below *entry at `level` (4 is the top), as one of this CPU's own: cloned when it is
 * shared, split when it is a large page, empty when there is none. NULL: the pool is used up. */
static uint64_t *own_table(struct cpu *cpu, uint64_t *entry, unsigned level)
{
    uint64_t *table;

    if ((*entry & PTE_PRESENT) && !(*entry & PTE_LARGE) && is_private(cpu, *entry & PTE_ADDRESS))
        return table_at(*entry & PTE_ADDRESS);
    if (POOL_FIRST + cpu->view.pool_used == CPU_BLOCK_VIEW_PAGES)
        return NULL;
    table = page_of_view(cpu, POOL_FIRST + cpu->view.pool_used++);
    if (!(*entry & PTE_PRESENT)) {
        memset(table, 0, SIZE_4K);
    } else if (*entry & PTE_LARGE) {
        uint64_t size = level == 3 ? SIZE_2M : SIZE_4K;
        uint64_t kept = *entry & ~(level == 2 ? PTE_LARGE : 0);

        for (unsigned i = 0; i < ENTRIES; i++)
            table[i] = kept + i * size;
    } else {
        memcpy(table, table_at(*entry & PTE_ADDRESS), SIZE_4K);
    }
    *entry = physical_of(table) | NPT_TABLE;
    return table;
}

/* Walks to the table of `last` (1: page table, 2: page directory, 3: pointers) that covers an
 * address, every table on the way this CPU's own. */
static uint64_t *walk(struct cpu *cpu, uint64_t guest_physical, unsigned last)
{
    uint64_t *table = page_of_view(cpu, 0);

    for (unsigned level = 4; level > last && table; level--)
        table = own_table(cpu, &table[guest_physical >> (9 * level + 3) & 511], level);
    return table;
}

static bool apply(struct cpu *cpu, const struct view_override *override)
{
    static const uint64_t rights[] = {
        [PAGE_NONE] = 0, [PAGE_READ] = NPT_READ, [PAGE_READ_WRITE] = NPT_READ_WRITE,
    };
    uint64_t *table = walk(cpu, override->guest_physical, 1);

    if (!table)
        return false;
    table[override->guest_physical >> 12 & 511] =
        override->access == PAGE_NONE ? 0 : override->host_physical | rights[override->access];
    return true;
}

/* Builds the view from nothing but the overrides. The first, the APIC page, must never fail; an
 * empty pool has room for it. Of the others, which only show the page of ones where they do not fit,
 * the last come first, so that the instruction that needs them can go on. */
static void rebuild(struct cpu *cpu)
{
    struct cpu_view *view = &cpu->view;

    start_view(cpu);
    if (view->override_count)
        apply(cpu, &view->override[0]);
    for (unsigned i = view->override_count; i-- > 1;)
        apply(cpu, &view->override[i]);
}

void svm_npt_initialise(struct cpu *cpu)
{
    cpu->view.override_count = 0;
    start_view(cpu);
    vmcb_of(cpu)->nested_cr3 = physical_of(page_of_view(cpu, 0));
    svm_flush(cpu);
}

void svm_page_map(struct cpu *cpu, uint64_t guest_physical, uint64_t host_physical,
                  enum page_access access)
{
    struct cpu_view *view = &cpu->view;
    unsigned i = 0;

    guest_physical &= ~(SIZE_4K - 1);
    while (i < view->override_count && view->override[i].guest_physical != guest_physical)
        i++;
    /* The APIC page is the first override and stays; a step's pages make room for each other. */
    if (i == VIEW_OVERRIDES)
        i = VIEW_OVERRIDES - 1;
    if (i == view->override_count)
        view->override_count++;
    view->override[i] = (struct view_override){ guest_physical, host_physical, access };
    if (!apply(cpu, &view->override[i]))
        rebuild(cpu);
    svm_flush(cpu);
}

void svm_page_restore(struct cpu *cpu, uint64_t guest_physical)
{
    struct cpu_view *view = &cpu->view;

    guest_physical &= ~(SIZE_4K - 1);
    for (unsigned i = 0; i < view->override_count; i++) {
        if (view->override[i].guest_physical != guest_physical)
            continue;
        view->override_count--;
        memmove(&view->override[i], &view->override[i + 1],
                (view->override_count - i) * sizeof view->override[0]);
        rebuild(cpu);
        svm_flush(cpu);
        return;
    }
}

/* A large page, or with 1 GiB pages above the first 512 GiB a pointer table full of them. */
static bool fill(struct cpu *cpu, uint64_t guest_physical)
{
    unsigned level = machine.pages_1g ? 3 : 2;
    uint64_t size = level == 3 ? SIZE_1G : SIZE_2M;
    uint64_t *table = walk(cpu, guest_physical, level);

    if (!table)
        return false;
    table[guest_physical / size % ENTRIES] =
        (guest_physical & ~(size - 1)) | NPT_READ_WRITE | PTE_LARGE;
    return true;
}

bool svm_npt_fill(struct cpu *cpu, uint64_t guest_physical)
{
    if (guest_physical >> machine.physical_address_bits)
        return false;
    if (!fill(cpu, guest_physical)) {
        /* The pages of a step give way; should the instruction need them, it faults again. */
        cpu->view.override_count = 1;
        rebuild(cpu);
        fill(cpu, guest_physical);
    }
    svm_flush(cpu);
    return true;
}
