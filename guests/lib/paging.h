/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A window of 4 KiB pages above the identity map, for mappings that a test wants to be special.
 * All CPUs use the same tables; the caller keeps others away from a slot that it changes.
 */
#ifndef GUEST_PAGING_H
#define GUEST_PAGING_H

#include <stdint.h>

#define PAGE_PRESENT       0x001ul
#define PAGE_WRITABLE      0x002ul
#define PAGE_USER          0x004ul
#define PAGE_WRITE_THROUGH 0x008ul
#define PAGE_UNCACHED      0x010ul
#define PAGE_MMIO          (PAGE_PRESENT | PAGE_WRITABLE | PAGE_WRITE_THROUGH | PAGE_UNCACHED)

#define PAGING_SLOTS 512

/* Bits of a page fault's error code (SDM Vol 3: Interrupt 14 - Page-Fault Exception). */
#define FAULT_PRESENT  0x01u
#define FAULT_WRITE    0x02u
#define FAULT_USER     0x04u
#define FAULT_RESERVED 0x08u

/*
 * Maps a slot (0 to PAGING_SLOTS - 1) to a physical page with these flags and returns its address.
 * Flags of 0 leave it unmapped. The calling CPU's TLB entry is flushed. The upper levels allow
 * writes and user access, so the flags alone decide.
 */
void *paging_map(unsigned slot, uint64_t physical, uint64_t flags);

/*
 * Makes a physical page the page table of a second window and returns that window's address: what
 * is mapped there depends on that page's contents alone. 0 takes the table away.
 */
void *paging_set_table(uint64_t physical);

#endif
