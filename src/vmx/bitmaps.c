/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O and MSR bitmaps (SDM Vol 3: Virtual Machine Control Structures > I/O-Bitmap Addresses,
 * MSR-Bitmap Address): what exits is what core/guest_io.c, core/guest_msr.c and mtrr.c have a rule
 * for. MSRs outside the two ranges of the bitmap always exit. */
#include "core/guest_io.h"
#include "core/guest_msr.h"
#include "core/hidden.h"
#include "vmx/vmx.h"

#define PAGE            4096
#define MSR_RANGE       0x2000          /* MSRs in each of the two ranges */
#define HIGH_START      0xc0000000u
#define READ_LOW        0               /* offsets of the four bitmaps in the page */
#define READ_HIGH       1024
#define WRITE_LOW       2048
#define WRITE_HIGH      3072

#define SEALED __attribute__((section(".sealed")))
SEALED uint64_t vmx_io_bitmap_a, vmx_io_bitmap_b, vmx_msr_bitmap[MSR_VIEW_COUNT];

static void intercept_port(void *context, uint16_t port)
{
    uint8_t *map = context;

    map[port / 8] |= 1u << port % 8;
}

static void intercept_msr(void *context, uint32_t index, bool read, bool write)
{
    uint8_t *map = context;
    bool high = index >= HIGH_START;
    uint32_t offset = high ? index - HIGH_START : index;

    if (offset >= MSR_RANGE)
        return;
    if (read)
        map[(high ? READ_HIGH : READ_LOW) + offset / 8] |= 1u << offset % 8;
    if (write)
        map[(high ? WRITE_HIGH : WRITE_LOW) + offset / 8] |= 1u << offset % 8;
}

static void intercept_write(void *context, uint32_t index)
{
    intercept_msr(context, index, false, true);
}

void vmx_bitmaps_prepare(void)
{
    uint8_t *io = hidden_allocate(2 * PAGE, PAGE);

    guest_io_each_port(intercept_port, io);
    vmx_io_bitmap_a = physical_of(io);
    vmx_io_bitmap_b = physical_of(io + PAGE);
    for (unsigned view = 0; view < MSR_VIEW_COUNT; view++) {
        void *msr = hidden_allocate(PAGE, PAGE);

        guest_msr_each((enum msr_view)view, intercept_msr, msr);
        vmx_mtrr_each(intercept_write, msr);
        vmx_msr_bitmap[view] = physical_of(msr);
    }
}

void vmx_msr_view(struct cpu *cpu, enum msr_view view)
{
    (void)cpu;
    vmcs_write(VMCS_MSR_BITMAPS, vmx_msr_bitmap[view]);
}
