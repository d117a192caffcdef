/* SPDX-License-Identifier: BSD-2-Clause */
/* The Multiboot 1 memory map, copied away from where the boot loader left it. */
#ifndef GUEST_MULTIBOOT_H
#define GUEST_MULTIBOOT_H

#include <stdbool.h>
#include <stdint.h>

#define MULTIBOOT_LOADER_MAGIC 0x2badb002u

#define MEMORY_USABLE   1
#define MEMORY_RESERVED 2

#define MEMORY_RANGES_MAX 64

struct memory_range {
    uint64_t base, length;
    uint32_t type;
};

struct memory_map {
    unsigned count;
    struct memory_range range[MEMORY_RANGES_MAX];
};

/* Copies the memory map out of the Multiboot information; ends the run when there is none. */
void multiboot_initialise(uint32_t magic, uint32_t information);

/* The copy. */
const struct memory_map *multiboot_memory_map(void);

/* True when base … base + length - 1 lies in ranges of type "usable" and in no other range. */
bool multiboot_is_usable(uint64_t base, uint64_t length);

/*
 * Address of the n-th (from 0) usable page between 32 KiB and 64 KiB, for a SIPI. Pages are two
 * apart, so that a CPU that starts one page off does not find another's code. Ends the run when
 * there are not that many.
 */
uint32_t multiboot_start_page(unsigned n);

/*
 * The range that a hypervisor keeps for itself: reserved, below 4 GiB, at least 1 MiB, bordering on
 * usable memory (devices do not, and firmware's tables are smaller). Length 0: there is none.
 */
struct memory_range multiboot_hidden_range(void);

#endif
