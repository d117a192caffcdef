/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/hidden.h"

#include <string.h>

#include "boot/layout.h"
#include "core/cpu.h"
#include "core/physical.h"
#include "lib/format.h"
#include "lib/panic.h"

extern char image_start[], image_end[];

#define FIXED_RESERVE   0x80000         /* tables and records whose size does not depend on the machine */
#define GIB             (UINT64_C(1) << 30)

__attribute__((section(".sealed")))
struct hidden_region hidden_region = { .direct_map_end = 4 * GIB };
static uint64_t region_next;

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static uint64_t region_size(uint32_t cpu_total, uint64_t physical_end)
{
    /* Two sets of page directories at most, the host's and the guest's, one page for each GiB;
     * a CPU: its block, its virtual-APIC page, the instructions it keeps, a record of 512 bytes. */
    uint64_t tables = 2 * 4096 * (round_up(physical_end, GIB) / GIB);
    uint64_t image = round_up((uint64_t)(image_end - image_start), 4096);
    uint64_t blocks = (uint64_t)cpu_total * (CPU_BLOCK_SIZE + 4096 + GUEST_CODES * sizeof(struct guest_code)
                                              + 512) + CPU_BLOCK_SIZE;

    return round_up(image + tables + blocks + FIXED_RESERVE, HIDDEN_ALIGNMENT);
}

bool hidden_choose(const struct boot_information *information, uint32_t cpu_total,
                   uint64_t physical_end, char *error, size_t error_size)
{
    struct memory_span avoid[BOOT_MODULES + 1];
    struct memory_request request = {
        .size = region_size(cpu_total, physical_end),
        .alignment = HIDDEN_ALIGNMENT,
        .minimum = 16 << 20,
        .maximum = 4 * GIB,
        .direction = MEMORY_TOP_DOWN,
        .avoid = avoid,
    };

    avoid[0].start = LOAD_ADDRESS;
    avoid[0].length = (uint64_t)(image_end - (char *)IMAGE_VIRTUAL) - LOAD_ADDRESS;
    request.avoid_count = 1 + boot_information_module_spans(information, avoid + 1, BOOT_MODULES);

    if (!memory_map_find_free(&information->memory, &request, &hidden_region.start)) {
        format_text(error, error_size,
                    "Sextant needs %lu KiB of contiguous memory between 16 MiB and 4 GiB for itself; "
                    "the largest free block there has %lu KiB. What you can do: give the machine "
                    "more memory or load smaller modules.",
                    (unsigned long)(request.size >> 10),
                    (unsigned long)(memory_map_largest_free(&information->memory, &request) >> 10));
        return false;
    }
    hidden_region.length = request.size;
    region_next = hidden_region.start + round_up((uint64_t)(image_end - image_start), 4096);
    memset(physical_pointer(hidden_region.start, hidden_region.length), 0, hidden_region.length);
    if (physical_end > hidden_region.direct_map_end)
        hidden_region.direct_map_end = physical_end;
    return true;
}

void *hidden_allocate(size_t size, size_t alignment)
{
    uint64_t start = round_up(region_next, alignment);

    if (start + size > hidden_region.start + hidden_region.length)
        panic("the hypervisor's own memory is too small: %lu bytes are missing",
              (unsigned long)(start + size - hidden_region.start - hidden_region.length));
    region_next = start + size;
    return (void *)(DIRECT_MAP + start);
}

/* Until paging_build() has run, the direct map ends at 4 GiB, where everything that the boot path
 * reads before lies. */
void *physical_pointer(uint64_t physical, uint64_t length)
{
    if (physical > hidden_region.direct_map_end || length > hidden_region.direct_map_end - physical)
        return NULL;
    return (void *)(DIRECT_MAP + physical);
}

uint64_t hidden_start(void)
{
    return hidden_region.start;
}

uint64_t hidden_length(void)
{
    return hidden_region.length;
}

uint64_t hidden_used(void)
{
    return region_next - hidden_region.start;
}
