/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability report: verdict, axes, capabilities, raw registers, as text and as one JSON
 * object. docs/report-format.md describes the output.  Pure: everything comes in through struct
 * report_input, every byte goes out through put.
 */
#ifndef SEXTANT_PROBE_REPORT_H
#define SEXTANT_PROBE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/cmdline.h"
#include "probe/capabilities.h"
#include "probe/raw.h"
#include "strategies/select.h"

#define SELFTEST_CAPABILITIES   1   /* that have a self-test of their own */
#define SELFTEST_RESULTS        (STRATEGY_COUNT + SELFTEST_CAPABILITIES)

#define REPORT_SCHEMA       1
#define REPORT_JSON_BEGIN   "@@SEXTANT-JSON-BEGIN"
#define REPORT_JSON_END     "@@SEXTANT-JSON-END crc32="

/* One self-test, as its runner counted it: of a strategy, or of a capability that none needs. */
struct selftest_result {
    uint8_t strategy;           /* enum strategy_id; STRATEGY_NONE: of the capability */
    uint16_t capability;        /* enum capability_id; CAPABILITY_NONE: of the strategy */
    uint8_t verdict;            /* enum selftest_verdict */
    uint32_t exits;             /* exits that the test took */
    uint64_t ticks;             /* TSC ticks that the test took */
    struct strategy_cost cost;  /* of the axis' operation, when the test passed */
    const char *detail;         /* what was seen; NULL: nothing to add */
};

/* A CPU that differs from the first one. */
struct cpu_difference {
    uint32_t apic_id;           /* of the CPU that differs from the bootstrap processor */
    struct raw_difference word;
};

/* A program that writes reports: the image, or sextant-probe. */
struct report_program {
    const char *name;                           /* "Sextant", "sextant-probe" */
    const char *version;                        /* NULL: not known */
    const char *build_id;                       /* hexadecimal; NULL: not known */
};

/*
 * Facts about the machine and the image that the capability table does not hold.  0 or NULL: not
 * known.
 */
struct report_environment {
    const char *program;                        /* that writes this; NULL: the image */
    const char *version;                        /* of the image */
    const char *build_id;                       /* hexadecimal: the linker's, or a SHA-256 */
    const char *loader;                         /* the boot loader's name */
    const char *command_line;
    const struct report_program *measured;      /* that found the facts, where another one did */
    const char *refusal;                        /* a boot parameter was wrong: the sentence */
    const char *unknown;                        /* what cannot be told, and why: the sentence */
    uint64_t memory_bytes;                      /* RAM of the machine */
    uint64_t reserved_bytes;                    /* taken from it by the hypervisor at run time */
    uint32_t cpus;                              /* found in ACPI's MADT */
    uint32_t cpus_probed;                       /* that repeated the probe */
    const struct cpu_difference *differences;
    size_t difference_count;                    /* entries at differences */
    size_t difference_total;                    /* all that were seen */
    const struct selftest_result *selftests;
    size_t selftest_count;
    const char *const *notes;                   /* sentences */
    size_t note_count;
    const char *const *advice;                  /* sentences before the report's own */
    size_t advice_count;
};

struct report_input {
    const struct raw *raw;                      /* of the bootstrap processor */
    const struct capabilities *capabilities;    /* weakest common table, marked, masked */
    const struct selection *selection;
    const struct selection_request *request;
    const struct boot_parameters *parameters;   /* may be NULL */
    const struct report_environment *environment;
};

struct report_sink {
    void (*put)(void *context, const char *bytes, size_t length);
    void *context;
};

/*
 * The whole report: text, then the JSON object between its marker lines, then advice.  Host
 * context.
 */
void report_write(const struct report_input *input, const struct report_sink *sink);

/*
 * The short form: the text without capabilities and raw registers, without the JSON object, and
 * without the axes when there is no backend to choose them for.  Host context.
 */
void report_write_summary(const struct report_input *input, const struct report_sink *sink);

/* The verdict line alone (and, when no guest can run, what the person can change), with its newline ("Sextant: RUNS, DEGRADED (...)"). */
void report_write_verdict(const struct report_input *input, const struct report_sink *sink);

/*
 * The JSON object alone: one line of ASCII without its newline, without marker lines.  Returns the
 * CRC-32 of the bytes written.
 */
uint32_t report_write_json(const struct report_input *input, const struct report_sink *sink);

/* The raw part alone: CPUID as `cpuid -r` prints it, then MSR lines. */
void report_write_raw(const struct raw *raw, const struct report_sink *sink);

/*
 * CRC-32 (the one of IEEE 802.3 and zlib: reflected 0x04c11db7, starting from and xored with all
 * ones). Start with crc 0 and feed the result back.
 */
uint32_t report_crc32(uint32_t crc, const char *bytes, size_t length);

#endif
