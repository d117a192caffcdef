/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own memory: one region below 4 GiB that no guest mapping reaches. It holds the
 * image and everything that is allocated while booting; nothing is ever freed. */
#ifndef SEXTANT_CORE_HIDDEN_H
#define SEXTANT_CORE_HIDDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/boot_information.h"
#include "boot/layout.h"

#define HIDDEN_ALIGNMENT 0x200000       /* whole 2 MiB pages, so that one table hides it */

/* Chooses and clears the region: room for the image, `cpu_total` CPUs and the paging structures of
 * `physical_end` bytes of address space. False: a sentence in error[]. Boot CPU, once. */
bool hidden_choose(const struct boot_information *information, uint32_t cpu_total,
                   uint64_t physical_end, char *error, size_t error_size);

/* Zeroed memory from the region, by its direct-map address; alignment is a power of two. The
 * region's size is computed so that this cannot fail for what the boot path needs; if it does the
 * hypervisor panics. Boot CPU, before the guest starts. */
void *hidden_allocate(size_t size, size_t alignment);

/* Physical address of something in the direct map. */
static inline uint64_t physical_of(const void *direct)
{
    return (uint64_t)direct - DIRECT_MAP;
}

/* Physical start and length of the region, and how much of it is in use. */
uint64_t hidden_start(void);
uint64_t hidden_length(void);
uint64_t hidden_used(void);

/* Where the region is, and where the direct map ends. Constant once the guest runs; for the functions
 * below. */
struct hidden_region {
    uint64_t start, length, direct_map_end;
};
extern struct hidden_region hidden_region;

/* True when the page at a physical address belongs to the region. Any CPU. */
static inline bool hidden_contains(uint64_t physical)
{
    return physical - hidden_region.start < hidden_region.length;
}

/* Memory that is the guest's: where the host reads the page with this physical address, or NULL when
 * it is hidden or no memory of the direct map. Any CPU. */
static inline const uint8_t *hidden_guest_page(uint64_t physical)
{
    uint64_t page = physical & ~UINT64_C(0xfff);

    return page >= hidden_region.direct_map_end || hidden_contains(page)
           ? NULL : (const uint8_t *)(DIRECT_MAP + page);
}

#endif
