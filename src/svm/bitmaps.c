/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O and MSR permission maps (APM Vol 2: Secure Virtual Machine > IOIO Intercepts, MSR
 * Intercepts): what exits is what core/guest_io.c and core/guest_msr.c have a rule for. */
#include "core/guest_io.h"
#include "core/guest_msr.h"
#include "core/hidden.h"
#include "svm/svm.h"

#define IOPM_SIZE       (3 * 4096)
#define MSRPM_SIZE      (2 * 4096)
#define MSRPM_RANGE     0x2000          /* MSRs in each of the three ranges */

uint64_t svm_iopm_physical, svm_msrpm_physical[MSR_VIEW_COUNT];

static void intercept_port(void *context, uint16_t port)
{
    uint8_t *map = context;

    map[port / 8] |= 1u << port % 8;
}

static void intercept_msr(void *context, uint32_t index, bool read, bool write)
{
    static const uint32_t range_start[] = { 0x00000000, 0xc0000000, 0xc0010000 };
    uint8_t *map = context;

    for (unsigned range = 0; range < 3; range++) {
        uint32_t offset = index - range_start[range];

        if (offset >= MSRPM_RANGE)
            continue;
        map[range * MSRPM_RANGE / 4 + offset / 4] |= (read | write << 1) << offset % 4 * 2;
    }
}

void svm_bitmaps_prepare(void)
{
    void *iopm = hidden_allocate(IOPM_SIZE, 4096);

    guest_io_each_port(intercept_port, iopm);
    svm_iopm_physical = physical_of(iopm);
    for (unsigned view = 0; view < MSR_VIEW_COUNT; view++) {
        void *msrpm = hidden_allocate(MSRPM_SIZE, 4096);

        guest_msr_each((enum msr_view)view, intercept_msr, msrpm);
        svm_msrpm_physical[view] = physical_of(msrpm);
    }
}

void svm_msr_view(struct cpu *cpu, enum msr_view view)
{
    vmcb_of(cpu)->msrpm_base = svm_msrpm_physical[view];
}
