/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processor's INIT and RESET state, and the local APIC's.
 * SDM Vol 3: Processor Management and Initialization > Initialization Overview > Processor State
 * After Reset (IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT).
 * APM Vol 2: Processor Initialization and Long Mode Activation > Processor Initialization >
 * Processor Initialization State.
 */
#include "apic/reset.h"

#include <stddef.h>

#include "apic/registers.h"
#include "x86/registers.h"

#define ATTRIBUTES_DATA     0x093u      /* present, read/write, accessed; CS too in real mode */
#define ATTRIBUTES_LDT      0x082u
#define ATTRIBUTES_TSS      0x08Bu      /* busy 32-bit TSS: the only type VM entry accepts here */

uint64_t cr0_after_init(uint64_t cr0_before)
{
    return (cr0_before & (CR0_CD | CR0_NW)) | CR0_ET;
}

/* Everything but CS and RIP. */
static void common_state(uint32_t cpuid_signature, uint64_t cr0_before,
                         struct initial_state *state)
{
    const struct segment_state data = { .attributes = ATTRIBUTES_DATA, .limit = 0xFFFF };
    const struct segment_state table = { .limit = 0xFFFF };

    *state = (struct initial_state){
        .rdx = cpuid_signature,
        .rflags = RFLAGS_FIXED,
        .cr0 = cr0_after_init(cr0_before),
        .dr6 = DR6_INIT,
        .dr7 = DR7_INIT,
        .es = data,
        .ss = data,
        .ds = data,
        .fs = data,
        .gs = data,
        .gdtr = table,
        .idtr = table,
        .ldtr = { .attributes = ATTRIBUTES_LDT, .limit = 0xFFFF },
        .tr = { .attributes = ATTRIBUTES_TSS, .limit = 0xFFFF },
    };
}

void initial_state_for_sipi(uint8_t vector, uint32_t cpuid_signature, uint64_t cr0_before,
                            struct initial_state *state)
{
    common_state(cpuid_signature, cr0_before, state);
    state->cs = (struct segment_state){
        .selector = (uint16_t)(vector << 8),
        .attributes = ATTRIBUTES_DATA,
        .limit = 0xFFFF,
        .base = (uint64_t)vector << 12,
    };
}

void initial_state_for_reset_vector(uint32_t cpuid_signature, uint64_t cr0_before,
                                    struct initial_state *state)
{
    common_state(cpuid_signature, cr0_before, state);
    state->rip = 0xFFF0;
    state->cs = (struct segment_state){
        .selector = 0xF000,
        .attributes = ATTRIBUTES_DATA,
        .limit = 0xFFFF,
        .base = 0xFFFF0000,
    };
}

/* Order of the writes; values come from the register table. */
static const uint16_t closing[] = {
    APIC_LVT_ERROR, APIC_LVT_TIMER, APIC_LVT_CMCI,  APIC_LVT_THERMAL, APIC_LVT_PERFORMANCE,
    APIC_LVT_LINT0, APIC_LVT_LINT1,
    APIC_EXTENDED_LVT0, APIC_EXTENDED_LVT0 + 0x10, APIC_EXTENDED_LVT0 + 0x20,
    APIC_EXTENDED_LVT0 + 0x30,
    APIC_TMICT, APIC_TPR,
};

/* ESR twice: the first write latches what the masking above raised, the second clears it. */
static const uint16_t settling[] = {
    APIC_TMDCR, APIC_DFR, APIC_LDR, APIC_ICR_HIGH, APIC_ESR, APIC_ESR, APIC_SVR,
};

#define COUNT(array)        (sizeof(array) / sizeof((array)[0]))

_Static_assert(COUNT(closing) + COUNT(settling) <= APIC_INIT_WRITE_MAX,
               "the list of writes must hold every row");

/*
 * How many of AMD's extended LVT entries exist stands in a register that the caller does not pass.
 * A write to an absent one is an error bit in ESR in xAPIC mode, cleared below with the error entry
 * masked, but #GP in x2APIC mode: there they are left alone.
 */
static bool may_write(const struct apic_register *reg, uint32_t version, bool x2apic)
{
    uint8_t access = x2apic ? reg->x2apic : reg->xapic;

    if (access != APIC_ACCESS_WRITE && access != APIC_ACCESS_READ_WRITE) {
        return false;
    }
    if (x2apic && reg->presence == APIC_PRESENT_EXTENDED) {
        return false;
    }
    return apic_register_present(reg, version);
}

static unsigned append(const uint16_t *offsets, size_t number, uint32_t version, bool x2apic,
                       struct apic_register_write *list, unsigned count)
{
    for (size_t i = 0; i < number; i++) {
        const struct apic_register *reg = apic_register_at(offsets[i]);

        if (may_write(reg, version, x2apic)) {
            list[count++] = (struct apic_register_write){ reg->offset, reg->after_init };
        }
    }
    return count;
}

unsigned apic_init_writes(uint32_t version, bool x2apic,
                          struct apic_register_write list[APIC_INIT_WRITE_MAX], unsigned *drain_at)
{
    unsigned count = append(closing, COUNT(closing), version, x2apic, list, 0);

    *drain_at = count;
    return append(settling, COUNT(settling), version, x2apic, list, count);
}
