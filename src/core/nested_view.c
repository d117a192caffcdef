/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest-physical addresses are host-physical addresses, in the largest pages that the processor and
 * the memory types allow, but for the hidden region and the APICs' message addresses (all of both
 * shows one page of ones, read-only) and what a CPU's own overrides say.
 *
 * Shared by all CPUs: page directories below the end of RAM, the table of the hidden region, tables
 * of pages whose memory types differ within 2 MiB; constant but for the memory types. A CPU's own
 * view: top level, one page-directory-pointer table, and a pool from which the tables above an
 * override are cloned, and tables for what lies beyond RAM are made when touched. When the pool is
 * used up the view is built anew from the overrides, which are the truth. */
#include "core/nested_view.h"

#include <stdatomic.h>
#include <string.h>

#include "boot/layout.h"
#include "core/cold.h"
#include "core/hidden.h"
#include "core/machine.h"
#include "core/paging.h"

#define SIZE_4K             UINT64_C(0x1000)
#define SIZE_2M             UINT64_C(0x200000)
#define SIZE_1G             UINT64_C(0x40000000)
#define ENTRIES             512
#define POOL_FIRST          2           /* after the top level and its first pointer table */
#define TYPE_TABLES         24          /* for ranges with more than one memory type */

static const struct nested_format *format;
static uint64_t *shared_pointers;       /* template of the first 512 GiB */
static uint64_t ones;                   /* physical: the page of ones */
static uint64_t hidden_table;           /* physical: 512 entries, all the page of ones */
static uint64_t *message_table;         /* of the 2 MiB in which the APIC's page lies */
static uint64_t *directories[ENTRIES];  /* those made for RAM, by GiB */
static uint64_t *type_tables;           /* TYPE_TABLES of them; used again at each retype */
static unsigned type_tables_used;
_Atomic uint32_t nested_view_generation;        /* of the shared tables */

static uint64_t *table_at(uint64_t physical)
{
    return (uint64_t *)(DIRECT_MAP + physical);
}

static uint64_t *page_of_view(struct cpu *cpu, unsigned index)
{
    return cpu_block_page(cpu, CPU_BLOCK_PAGE_VIEW + index);
}

static bool memory_type(uint64_t physical, uint64_t size, uint64_t *bits)
{
    *bits = 0;
    return !format->memory_type || format->memory_type(physical, size, bits);
}

/* An entry that maps a page of host memory. */
static uint64_t page_entry(uint64_t physical, uint64_t size, enum page_access access)
{
    uint64_t type;

    memory_type(physical, size, &type);
    return physical | format->page[access] | type | (size == SIZE_4K ? 0 : PTE_LARGE);
}

static bool has_one_type(uint64_t physical, uint64_t size)
{
    uint64_t type;

    return memory_type(physical, size, &type);
}

static uint64_t *take_type_table(void)
{
    if (type_tables_used == TYPE_TABLES)
        return NULL;
    return type_tables + ENTRIES * type_tables_used++;
}

static bool overlaps_hidden(uint64_t address, uint64_t size)
{
    return address < hidden_start() + hidden_length() && hidden_start() < address + size;
}

/* Whether some of [address, address + size) must not be mapped as it is. */
static bool overlaps_special(uint64_t address, uint64_t size)
{
    return overlaps_hidden(address, size)
           || (machine.apic_base && machine.apic_base - address < size);
}

static uint64_t entry_of_ones(void)
{
    uint64_t type;

    memory_type(ones, SIZE_4K, &type);
    return ones | format->page[PAGE_READ] | type;
}

static void fill_message_table(uint64_t address)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t page = address + i * SIZE_4K;

        message_table[i] = page != machine.apic_base && apic_message_address(page)
                         ? entry_of_ones() : page_entry(page, SIZE_4K, PAGE_READ_WRITE);
    }
}

/* 2 MiB: the table of the hidden region or of the APIC's page, one page, or where the types differ a
 * table of small pages. */
static uint64_t directory_entry(uint64_t address)
{
    uint64_t *table;

    if (overlaps_hidden(address, SIZE_2M))
        return hidden_table | format->table;
    if (overlaps_special(address, SIZE_2M)) {
        fill_message_table(address);
        return physical_of(message_table) | format->table;
    }
    if (has_one_type(address, SIZE_2M) || !(table = take_type_table()))
        return page_entry(address, SIZE_2M, PAGE_READ_WRITE);
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = page_entry(address + i * SIZE_4K, SIZE_4K, PAGE_READ_WRITE);
    return physical_of(table) | format->table;
}

static uint64_t pointer_entry(unsigned index)
{
    uint64_t address = index * SIZE_1G, *directory = directories[index];

    if (address >> machine.physical_address_bits)
        return 0;
    if (format->pages_1g && !overlaps_special(address, SIZE_1G)) {
        if (has_one_type(address, SIZE_1G))
            return page_entry(address, SIZE_1G, PAGE_READ_WRITE);
        if (!directory && !(directory = take_type_table()))
            return page_entry(address, SIZE_1G, PAGE_READ_WRITE);
    }
    if (!directory)
        return 0;
    for (unsigned i = 0; i < ENTRIES; i++)
        directory[i] = directory_entry(address + i * SIZE_2M);
    return physical_of(directory) | format->table;
}

static void build_shared(void)
{
    type_tables_used = 0;
    for (unsigned i = 0; i < ENTRIES; i++)
        shared_pointers[i] = pointer_entry(i);
}

void nested_view_prepare(const struct nested_format *vendor)
{
    uint64_t *page = hidden_allocate(SIZE_4K, SIZE_4K);
    uint64_t *table = hidden_allocate(SIZE_4K, SIZE_4K);

    format = vendor;
    memset(page, 0xff, SIZE_4K);
    ones = physical_of(page);
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = entry_of_ones();
    hidden_table = physical_of(table);
    message_table = hidden_allocate(SIZE_4K, SIZE_4K);

    shared_pointers = hidden_allocate(SIZE_4K, SIZE_4K);
    if (format->memory_type)
        type_tables = hidden_allocate(TYPE_TABLES * SIZE_4K, SIZE_4K);
    for (unsigned i = 0; i < ENTRIES && i * SIZE_1G < machine.physical_end; i++) {
        if (!format->pages_1g || overlaps_special(i * SIZE_1G, SIZE_1G)
            || !has_one_type(i * SIZE_1G, SIZE_1G))
            directories[i] = hidden_allocate(SIZE_4K, SIZE_4K);
    }
    build_shared();
}

static void start_view(struct cpu *cpu)
{
    uint64_t *top = page_of_view(cpu, 0), *pointers = page_of_view(cpu, 1);

    memset(top, 0, SIZE_4K);
    memcpy(pointers, shared_pointers, SIZE_4K);
    top[0] = physical_of(pointers) | format->table;
    cpu->view.pool_used = 0;
    for (unsigned i = 0; i < cpu->view.override_count; i++)
        cpu->view.override[i].place = NULL;
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
    *entry = physical_of(table) | format->table;
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

/* Enters an override into the tables. What it was before the view was built is forgotten: memory
 * types may have changed. */
static bool apply(struct cpu *cpu, struct view_override *override)
{
    uint64_t *table = walk(cpu, override->guest_physical, 1);
    struct view_mapping *now = &override->mapping[override->now];

    if (!table)
        return false;
    now->entry = now->access == PAGE_NONE ? 0
               : page_entry(now->host_physical, SIZE_4K, now->access);
    if (!override->place)
        override->mapping[!override->now] = *now;
    override->place = &table[override->guest_physical >> 12 & 511];
    *override->place = now->entry;
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

uint64_t nested_view_initialise(struct cpu *cpu)
{
    cpu->view.override_count = 0;
    cpu->view.generation = atomic_load(&nested_view_generation);
    start_view(cpu);
    return physical_of(page_of_view(cpu, 0));
}

/* The APIC page is the first override and stays; a step's pages make room for each other. */
static struct view_override *override_of(struct cpu_view *view, uint64_t guest_physical)
{
    unsigned i = 0;

    while (i < view->override_count && view->override[i].guest_physical != guest_physical)
        i++;
    if (i < view->override_count)
        return &view->override[i];
    if (i == VIEW_OVERRIDES)
        i = VIEW_OVERRIDES - 1;
    else
        view->override_count++;
    view->override[i] = (struct view_override){ .guest_physical = guest_physical };
    return &view->override[i];
}

static void map_anew(struct cpu *cpu, struct view_override *override, uint64_t host_physical,
                     enum page_access access)
{
    struct view_mapping *now = &override->mapping[override->now];

    now->host_physical = host_physical;
    now->access = access;
    if (!apply(cpu, override))
        rebuild(cpu);
}

void nested_view_map_anew(struct cpu *cpu, uint64_t guest_physical, uint64_t host_physical,
                          enum page_access access)
{
    struct view_override *override = override_of(&cpu->view, guest_physical & ~(SIZE_4K - 1));
    struct view_mapping *now;

    if (override->place)
        override->now = !override->now;
    now = &override->mapping[override->now];
    if (override->place && now->host_physical == host_physical && now->access == access)
        *override->place = now->entry;
    else
        map_anew(cpu, override, host_physical, access);
}

bool nested_view_restore(struct cpu *cpu, uint64_t guest_physical)
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
        return true;
    }
    return false;
}

/* The APIC's page counts also when tables ran out and nothing but a missing entry watches it. */
static bool has_override(const struct cpu *cpu, uint64_t address, uint64_t size)
{
    if (cpu->apic.base - address < size)
        return true;
    for (unsigned i = 0; i < cpu->view.override_count; i++) {
        if (cpu->view.override[i].guest_physical - address < size)
            return true;
    }
    return false;
}

static bool fits(const struct cpu *cpu, uint64_t guest_physical, uint64_t size)
{
    uint64_t address = guest_physical & ~(size - 1);

    return has_one_type(address, size) && !has_override(cpu, address, size);
}

/* The largest page that may map an address that no table covers, and covers no override. */
static uint64_t size_for(const struct cpu *cpu, uint64_t guest_physical)
{
    if (format->pages_1g && fits(cpu, guest_physical, SIZE_1G))
        return SIZE_1G;
    return fits(cpu, guest_physical, SIZE_2M) ? SIZE_2M : SIZE_4K;
}

static bool fill(struct cpu *cpu, uint64_t guest_physical, uint64_t size)
{
    unsigned level = size == SIZE_1G ? 3 : size == SIZE_2M ? 2 : 1;
    uint64_t *table = walk(cpu, guest_physical, level);

    if (!table)
        return false;
    table[guest_physical / size % ENTRIES] =
        page_entry(guest_physical & ~(size - 1), size, PAGE_READ_WRITE);
    return true;
}

/* The pages of a step give way; should the instruction need them, it faults again. The APIC's stay,
 * also where the guest has moved it. */
static void forget_step(struct cpu *cpu)
{
    struct cpu_view *view = &cpu->view;
    unsigned kept = 1;

    for (unsigned i = 1; i < view->override_count; i++) {
        if (view->override[i].guest_physical == cpu->apic.base)
            view->override[kept++] = view->override[i];
    }
    view->override_count = kept;
    rebuild(cpu);
}

/* With too few tables for small pages the memory types of 2 MiB are taken together. Only beside an APIC
 * page that was moved above 512 GiB even that may not fit: then its entries go, and as none maps it, it
 * stays watched. */
static COLD void fill_somehow(struct cpu *cpu, uint64_t guest_physical, uint64_t size)
{
    forget_step(cpu);
    if (fill(cpu, guest_physical, size))
        return;
    if (size == SIZE_4K && !has_override(cpu, guest_physical & ~(SIZE_2M - 1), SIZE_2M)
        && fill(cpu, guest_physical, SIZE_2M))
        return;
    cpu->view.override_count = 1;
    rebuild(cpu);
    fill(cpu, guest_physical, size);
}

bool nested_view_fill(struct cpu *cpu, uint64_t guest_physical)
{
    uint64_t size;

    if (guest_physical >> machine.physical_address_bits)
        return false;
    size = size_for(cpu, guest_physical);
    if (!fill(cpu, guest_physical, size))
        fill_somehow(cpu, guest_physical, size);
    return true;
}

uint64_t nested_view_entry(struct cpu *cpu, uint64_t guest_physical)
{
    const uint64_t *table = page_of_view(cpu, 0);

    for (unsigned level = 4;; level--) {
        uint64_t entry = table[guest_physical >> (9 * level + 3) & 511];

        if (!(entry & PTE_PRESENT))
            return 0;
        if (level == 1 || entry & PTE_LARGE)
            return entry;
        table = table_at(entry & PTE_ADDRESS);
    }
}

void nested_view_retype(void)
{
    build_shared();
    atomic_fetch_add(&nested_view_generation, 1);
}

void nested_view_follow(struct cpu *cpu)
{
    cpu->view.generation = atomic_load(&nested_view_generation);
    rebuild(cpu);
}
