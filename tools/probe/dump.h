/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs that know nothing of Sextant print of a processor: CPUID words of each of its CPUs
 * and MSRs, by line.  Formats: cpuid(1) with -r; AIDA64's, which InstLatX64 collects; a list of
 * what rdmsr(1) said; the raw part of a Sextant report.
 */
#ifndef SEXTANT_TOOLS_DUMP_H
#define SEXTANT_TOOLS_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "probe/raw.h"

#define DUMP_CPUS_MAX   1024
#define DUMP_WORDS_MAX  4096    /* leaves, or MSRs, of one CPU */

struct dump_cpu {
    struct raw_cpuid *cpuid;
    size_t cpuid_count;
    struct raw_msr *msr;
    size_t msr_count;
};

/* Several files can be read into one. */
struct dump {
    struct dump_cpu *cpus;
    size_t cpu_count;
    struct dump_cpu common;     /* MSRs that were listed without a CPU: they count for all */
    unsigned passed_over;       /* lines that say nothing about CPUID or an MSR */
    unsigned first_passed_over; /* the number of the first one */
    unsigned without_value;     /* MSRs of a list that have no value */
};

/* What is wrong with a file.  line 0: with the file as a whole. */
struct input_error {
    unsigned line;
    const char *sentence;       /* lives in the arena */
};

/*
 * Reads a file's text, adding to dump.  False: *error says what is wrong with which line; dump is
 * then not to be used.  Any bytes may be in the text.
 */
bool dump_read(struct arena *arena, const char *text, size_t length, struct dump *dump,
               struct input_error *error);

/* CPUID leaves that the processor must have and the dump has not. */
struct missing_leaves {
    size_t count;
    uint32_t first;
    bool decide;                /* one of them decides whether the image runs: */
    uint32_t deciding;          /* this one, the first such */
};

/*
 * Asks the dump as the probe asks a processor.  raw holds what it would hold there; what the dump
 * lacks is left out, and raw->msrs_unread says whether that goes for MSRs.  A leaf that must be
 * there and is not counts as zeros, and is told of in *missing.
 */
void dump_probe(const struct dump *dump, size_t cpu, struct raw *raw,
                struct missing_leaves *missing);

#endif
