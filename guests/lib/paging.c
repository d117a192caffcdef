/* SPDX-License-Identifier: BSD-2-Clause */
/* The window of special mappings (SDM Vol 3: Paging > 4-Level Paging and 5-Level Paging). */
#include "paging.h"

#include "x86.h"

#define WINDOW_ADDRESS        0x8000000000ul /* the second entry of the top table */
#define SECOND_WINDOW_ADDRESS 0x8000200000ul
#define UPPER_LEVEL           (PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER)

extern uint64_t page_map[512]; /* start.S */

static uint64_t directory_pointers[512] __attribute__((aligned(4096)));
static uint64_t directory[512] __attribute__((aligned(4096)));
static uint64_t table[PAGING_SLOTS] __attribute__((aligned(4096)));

static void connect(void)
{
    directory[0] = (uint64_t)table | UPPER_LEVEL;
    directory_pointers[0] = (uint64_t)directory | UPPER_LEVEL;
    page_map[1] = (uint64_t)directory_pointers | UPPER_LEVEL;
}

void *paging_map(unsigned slot, uint64_t physical, uint64_t flags)
{
    char *address = (char *)WINDOW_ADDRESS + 4096ul * slot;
    connect();
    *(volatile uint64_t *)&table[slot] = flags != 0 ? physical | flags : 0;
    invlpg(address);
    return address;
}

void *paging_set_table(uint64_t physical)
{
    connect();
    *(volatile uint64_t *)&directory[1] = physical != 0 ? physical | UPPER_LEVEL : 0;
    invlpg((void *)SECOND_WINDOW_ADDRESS);
    return (void *)SECOND_WINDOW_ADDRESS;
}
