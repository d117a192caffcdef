/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/paging.h"

#include <string.h>

#include "boot/layout.h"
#include "core/hidden.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define SIZE_2M             UINT64_C(0x200000)
#define SIZE_1G             UINT64_C(0x40000000)
#define ENTRIES             512

extern char image_start[], image_text_end[], image_sealed_start[], image_sealed_end[], image_end[];

/* image_move.S: copies `length` bytes, then loads CR3. The copy holds the live stack, so nothing
 * may be written between the two. */
void image_copy_and_switch(void *destination, const void *source, uint64_t length, uint64_t cr3);

static uint64_t *root, *low_directory_pointers;
static uint64_t no_execute_bit;

static uint64_t *table_allocate(void)
{
    return hidden_allocate(4096, 4096);
}

/* The table that an entry refers to; makes one when there is none. */
static uint64_t *table_below(uint64_t *entry)
{
    if (!(*entry & PTE_PRESENT))
        *entry = physical_of(table_allocate()) | PTE_PRESENT | PTE_WRITE;
    return (uint64_t *)(DIRECT_MAP + (*entry & PTE_ADDRESS));
}

static void map_direct(uint64_t physical_end, bool large_1g)
{
    for (uint64_t address = 0; address < physical_end; address += SIZE_1G) {
        uint64_t virtual = DIRECT_MAP + address;
        uint64_t *pointers = table_below(&root[virtual >> 39 & 511]);
        uint64_t *entry = &pointers[virtual >> 30 & 511];

        if (large_1g) {
            *entry = address | PTE_PRESENT | PTE_WRITE | PTE_LARGE | no_execute_bit;
            continue;
        }
        uint64_t *directory = table_below(entry);
        for (unsigned i = 0; i < ENTRIES; i++)
            directory[i] = (address + i * SIZE_2M) | PTE_PRESENT | PTE_WRITE | PTE_LARGE
                         | no_execute_bit;
    }
}

static uint64_t section_rights(uint64_t address)
{
    if (address < (uint64_t)image_text_end)
        return 0;
    if (address < (uint64_t)image_sealed_start)
        return no_execute_bit;
    return PTE_WRITE | no_execute_bit;
}

static uint64_t *image_entry(uint64_t address)
{
    uint64_t *directory = table_below(&low_directory_pointers[address >> 30 & 511]);

    return &table_below(&directory[address >> 21 & 511])[address >> 12 & 511];
}

static void map_image(void)
{
    for (uint64_t address = (uint64_t)image_start; address < (uint64_t)image_end; address += 4096)
        *image_entry(address) = (hidden_start() + address - (uint64_t)image_start)
                              | PTE_PRESENT | section_rights(address);
}

void paging_move_image(uint64_t physical_end, bool large_1g, bool no_execute)
{
    if (no_execute) {
        msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_NXE);
        no_execute_bit = PTE_NO_EXECUTE;
    }
    root = table_allocate();
    low_directory_pointers = table_below(&root[0]);
    map_direct(physical_end < 4 * SIZE_1G ? 4 * SIZE_1G : physical_end, large_1g);
    map_image();
    table_below(&low_directory_pointers[0])[0] = 0 | PTE_PRESENT | PTE_WRITE | PTE_LARGE;

    image_copy_and_switch((void *)(DIRECT_MAP + hidden_start()), image_start,
                          (uint64_t)(image_end - image_start), physical_of(root));
}

uint64_t paging_root(void)
{
    return physical_of(root);
}

void paging_drop_low(void)
{
    low_directory_pointers[0] = 0;
    cr3_write(cr3_read());
}

void paging_seal(void)
{
    for (uint64_t address = (uint64_t)image_sealed_start; address < (uint64_t)image_sealed_end;
         address += 4096)
        *image_entry(address) &= ~PTE_WRITE;
    cr3_write(cr3_read());
}
