/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the probe, the selection and the report share. */
#ifndef SEXTANT_TESTS_PROBE_SUPPORT_H
#define SEXTANT_TESTS_PROBE_SUPPORT_H

#include "probe/report.h"

/* Text that a sink collects; always ends with a zero byte. */
struct collected {
    char *text;
    size_t length, size;
};

void collected_put(void *context, const char *bytes, size_t length);
void collected_free(struct collected *collected);

/* Adds a leaf (or replaces it). */
void raw_set_cpuid(struct raw *raw, uint32_t leaf, uint32_t subleaf, uint32_t eax, uint32_t ebx,
                   uint32_t ecx, uint32_t edx);

/* Sets one bit of a leaf's register, adding the leaf if it is not there. */
void raw_set_bit(struct raw *raw, uint32_t leaf, uint32_t subleaf, enum raw_register reg,
                 unsigned bit);

/* Adds an MSR that answers (or replaces its value). */
void raw_set_msr(struct raw *raw, uint32_t index, uint64_t value);

/* Fills raw from lines in the format of the report's raw part. */
void raw_from_text(struct raw *raw, const char *text);

/* A processor with VMX, every control allowed, and all that the VMX backend needs. */
void raw_full_vmx(struct raw *raw);

/* A processor with SVM, every feature, not locked. */
void raw_full_svm(struct raw *raw);

/* What QEMU 7.2's TCG shows as -cpu EPYC: SVM with nested paging and nothing more. */
void raw_qemu_epyc(struct raw *raw);

/* All strategies and backends. */
struct strategy_set everything_built(void);

/* A request for one name on one axis. */
struct selection_request request_of(enum strategy_id id, bool forced);

/* A whole report of raw under a command line; NULL: none. */
struct reported {
    struct raw raw;
    struct capabilities capabilities;
    struct boot_parameters parameters;
    struct cmdline_error error;
    struct selection_request request;
    struct selection selection;
    struct report_environment environment;
    struct collected output;
};

/* Parses, derives, masks and selects; the environment is empty. */
void reported_prepare(struct reported *reported, const struct raw *raw, const char *command_line,
                      struct strategy_set implemented);

/* Writes the report into output. */
void reported_write(struct reported *reported);

struct report_input reported_input(const struct reported *reported);

#endif
