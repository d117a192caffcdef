/* SPDX-License-Identifier: BSD-2-Clause */
#include "trace.h"

#include "cpus.h"
#include "tap.h"
#include "x86.h"

#define KEPT         320u /* frames of the boot CPU that are printed */
#define FLAGS        (~(0x8d5ul | RFLAGS_RF)) /* not OF, SF, ZF, AF, PF, CF */
#define DIGEST_START 0xcbf29ce484222325ul /* FNV-1a, 64 bits */
#define DIGEST_PRIME 0x100000001b3ul

struct kept {
    uint8_t vector;
    uint16_t cs, ss;
    uint64_t error_code, rip, rflags, rsp, cr2;
};

static struct kept kept[KEPT];
static struct {
    unsigned count;
    uint64_t digest;
} traces[MAX_CPUS];
static uint32_t left_out = 1u << VECTOR_NMI;

static uint64_t add(uint64_t digest, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        digest = (digest ^ (value >> 8 * i & 0xff)) * DIGEST_PRIME;
    return digest;
}

void trace_leave_out(uint8_t vector)
{
    left_out |= 1u << vector;
}

void trace_exception(const struct frame *frame)
{
    unsigned index = this_cpu()->index;
    struct kept one = {
        .vector = (uint8_t)frame->vector,
        .cs = (uint16_t)frame->cs,
        .ss = (uint16_t)frame->ss,
        .error_code = frame->error_code,
        .rip = frame->rip,
        .rflags = frame->rflags & FLAGS,
        .rsp = frame->rsp,
        .cr2 = frame->vector == VECTOR_PF ? read_cr2() : 0,
    };
    const uint64_t values[] = { one.vector, one.error_code, one.cs,  one.rip,
                                one.rflags, one.ss,         one.rsp, one.cr2 };

    if (left_out >> one.vector & 1)
        return;
    if (traces[index].count == 0)
        traces[index].digest = DIGEST_START;
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        traces[index].digest = add(traces[index].digest, values[i]);
    if (index == 0 && traces[0].count < KEPT)
        kept[traces[0].count] = one;
    traces[index].count++;
}

void trace_print(void)
{
    for (unsigned i = 0; i < KEPT && i < traces[0].count; i++) {
        const struct kept *one = &kept[i];
        tap_note("frame %u: exception %u, error code %#lx, RIP %#x:%#lx, RFLAGS %#lx, "
                 "RSP %#x:%#lx, CR2 %#lx",
                 i + 1, one->vector, one->error_code, one->cs, one->rip, one->rflags, one->ss,
                 one->rsp, one->cr2);
    }
    for (unsigned i = 0; i < cpus_count; i++)
        if (traces[i].count != 0)
            tap_note("CPU %u: %u exceptions, digest of their frames %#lx", i, traces[i].count,
                     traces[i].digest);
}
