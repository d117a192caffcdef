/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's own paging structures (SDM Vol 3: Paging > 4-Level Paging). */
#ifndef SEXTANT_CORE_PAGING_H
#define SEXTANT_CORE_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#define PTE_PRESENT         (UINT64_C(1) << 0)
#define PTE_WRITE           (UINT64_C(1) << 1)
#define PTE_USER            (UINT64_C(1) << 2)
#define PTE_ACCESSED        (UINT64_C(1) << 5)
#define PTE_DIRTY           (UINT64_C(1) << 6)
#define PTE_LARGE           (UINT64_C(1) << 7)
#define PTE_NO_EXECUTE      (UINT64_C(1) << 63)
#define PTE_ADDRESS         UINT64_C(0x000ffffffffff000)

/* Builds the final tables in hidden memory: the direct map of `physical_end` bytes, the image at
 * its new place with each section's own rights, the low 2 MiB for the AP trampoline. Copies the
 * image to the hidden region and goes on there; the stack moves along. Boot CPU, once. */
void paging_move_image(uint64_t physical_end, bool large_1g, bool no_execute);

/* Physical address of the top-level table (below 4 GiB), for application processors. */
uint64_t paging_root(void);

/* After the last application processor has started: nothing is identity-mapped any more. */
void paging_drop_low(void);

/* After the strategies are bound: the .sealed section becomes read-only. Each CPU reloads CR3
 * before it runs a guest. */
void paging_seal(void);

#endif
