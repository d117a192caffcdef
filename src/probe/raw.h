/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that one processor said about itself: CPUID leaves and model-specific registers, as
 * read. Nothing here is interpreted but what decides whether the next register may be read at all.
 *
 * Sources: SDM Vol 2: CPUID-CPU Identification; SDM Vol 3: VMX Capability Reporting Facility;
 * APM Vol 3: Obtaining Processor Information Via the CPUID Instruction.
 */
#ifndef SEXTANT_PROBE_RAW_H
#define SEXTANT_PROBE_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_CPUID_MAX  224
#define RAW_MSR_MAX    40

enum raw_msr_index {
#define MSR(name, index, gate) RAW_MSR_##name = index,
#include "probe/msrs.def"
#undef MSR
};

enum raw_register {
    RAW_EAX,
    RAW_EBX,
    RAW_ECX,
    RAW_EDX
};

struct raw_cpuid {
    uint32_t leaf;
    uint32_t subleaf;
    uint32_t word[4];           /* indexed by enum raw_register */
};

struct raw_msr {
    uint32_t index;
    bool present;               /* false: asked, and the read raised #GP */
    uint64_t value;
};

/* About 6 KiB: give every CPU its own in the per-CPU area, not on a stack. */
struct raw {
    uint16_t cpuid_count;
    uint16_t msr_count;
    bool truncated;             /* the processor has more leaves than fit; the report says so */
    bool msrs_unread;           /* MSRs that are not listed may exist: they could not be read */
    struct raw_cpuid cpuid[RAW_CPUID_MAX];
    struct raw_msr msr[RAW_MSR_MAX];
};

/* How raw_fill asks the processor (or, in a test, a table). */
struct raw_reader {
    const char *name;
    void (*cpuid)(void *context, uint32_t leaf, uint32_t subleaf, uint32_t word[4]);
    bool (*msr)(void *context, uint32_t index, uint64_t *value);    /* false: #GP */
    void *context;
};

/* One word in which two processors differ. */
struct raw_difference {
    bool is_msr;
    uint32_t leaf;              /* CPUID leaf, or MSR index */
    uint32_t subleaf;
    enum raw_register reg;      /* CPUID only */
    bool present_a, present_b;  /* false: that processor does not have the leaf or register */
    uint64_t a, b;
};

/*
 * Reads everything from the processor that it runs on.  Hardware; host context, any CPU, once per
 * CPU and before anything is derived; the #GP fixup of msr_read_safe() must be working on this CPU.
 */
void raw_collect(struct raw *raw);

/*
 * The pure part of raw_collect: asks through reader, in the order and under the gates that
 * raw_collect promises.  Never asks for a leaf above the maximum of its range, nor for an MSR whose
 * gate is shut.
 */
void raw_fill(struct raw *raw, const struct raw_reader *reader);

/* Empties raw. */
void raw_clear(struct raw *raw);

/* The stored leaf, or NULL: it was not there, or lies above the maximum leaf.  Pure. */
const struct raw_cpuid *raw_cpuid_find(const struct raw *raw, uint32_t leaf, uint32_t subleaf);

/* One register of a leaf; 0 when the leaf is not there.  Pure. */
uint32_t raw_cpuid_word(const struct raw *raw, uint32_t leaf, uint32_t subleaf,
                        enum raw_register reg);

/*
 * The stored MSR, or NULL: it was never asked for.  A result with present == false raised #GP.
 * Pure.
 */
const struct raw_msr *raw_msr_find(const struct raw *raw, uint32_t index);

/*
 * True when nobody knows what the MSR says: it is not listed, it could not be read (msrs_unread),
 * and nothing that is known says that it does not exist.  The image reads every MSR, so this is for
 * what sextant-probe is given.  Pure.
 */
bool raw_msr_unread(const struct raw *raw, uint32_t index);

/* Value of an MSR that was asked for and answered; false (and *value 0) otherwise.  Pure. */
bool raw_msr_value(const struct raw *raw, uint32_t index, uint64_t *value);

/* The manual's name of an MSR that the probe knows, or NULL.  Pure. */
const char *raw_msr_name(uint32_t index);

/*
 * Adds one answer; false and raw->truncated when it does not fit.  For raw_fill, readers of files,
 * tests.
 */
bool raw_add_cpuid(struct raw *raw, uint32_t leaf, uint32_t subleaf, const uint32_t word[4]);
bool raw_add_msr(struct raw *raw, uint32_t index, bool present, uint64_t value);

/*
 * Reads one line of the format of `cpuid -r` ("   0x00000001 0x00: eax=0x... ebx=... ecx=...
 * edx=...") or of the MSR part of a report ("   MSR 0x00000480 ... = 0x...", "... = #GP").  False:
 * the line is neither.  Pure.
 */
bool raw_parse_line(struct raw *raw, const char *line);

/*
 * Lists the words in which two processors of one machine differ, without those that always do
 * (APIC IDs, IA32_APIC_BASE's bootstrap-processor flag) and those that follow software (EFER,
 * OSXSAVE, the sizes for the current XCR0).  Writes at most max entries and returns how many there
 * are in all.
 * Pure.
 */
size_t raw_differences(const struct raw *a, const struct raw *b, struct raw_difference *out,
                       size_t max);

#endif
