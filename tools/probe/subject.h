/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine to judge: what is known of it, wherever that comes from. */
#ifndef SEXTANT_TOOLS_SUBJECT_H
#define SEXTANT_TOOLS_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "dump.h"
#include "json.h"
#include "probe/report.h"

#define SUBJECT_DIFFERENCES_A_CPU  64

struct subject {
    struct raw raw;                         /* of the first CPU */
    struct capabilities capabilities;       /* weakest of all CPUs, before mask= and self-tests */
    struct cpu_difference *differences;
    size_t difference_count, difference_total;
    uint32_t cpus, cpus_probed;

    /* Only a report says these; otherwise they are empty. */
    bool is_report;
    uint8_t stated[CAPABILITY_COUNT];       /* enum capability_state */
    bool is_stated[CAPABILITY_COUNT];
    struct selftest_result selftests[SELFTEST_RESULTS];
    size_t selftest_count;
    struct strategy_set built;              /* what the image that was measured with carries */
    const char *chosen[AXIS_COUNT];         /* what the report says is taken; NULL: nothing */
    const char *outcome;                    /* "runs", ... */
    const char *command_line, *loader;
    uint64_t memory_bytes, reserved_bytes;
    const struct report_program *measured;  /* NULL: nothing but sextant-probe has seen it */

    const char **notes;
    size_t note_count;
    const char **advice;
    size_t advice_count;
};

/* Adds a sentence that must live as long as the subject, unless it is there already. */
void subject_note(struct arena *arena, struct subject *subject, const char *sentence);
void subject_advise(struct arena *arena, struct subject *subject, const char *sentence);

/* The APIC ID that a CPU says it has. */
uint32_t subject_apic_id(const struct raw *raw);

/* The first CPU; then each of the others. */
void subject_first_cpu(struct subject *subject, const struct raw *raw);
void subject_other_cpu(struct arena *arena, struct subject *subject, uint32_t apic_id,
                       const struct raw *raw);

/* From dumps that were read.  False: *error says what is missing. */
bool subject_from_dump(struct arena *arena, const struct dump *dump, struct subject *subject,
                       const char **error);

/*
 * From a report's JSON object, strings included: they stay where they are.  False: *error says what
 * is wrong with it.
 */
bool subject_from_report(struct arena *arena, const struct json *report, struct subject *subject,
                         const char **error);

/*
 * Finds the JSON object of the last report in a text, and checks its CRC-32; a text that begins
 * with '{' is one itself.  *found false and true returned: there is no report in the text.  False:
 * *error.
 */
bool subject_find_report(struct arena *arena, const char *text, size_t length, bool *found,
                         const struct json **report, struct input_error *error);

/*
 * Reads files ("-": standard input) of one machine.  False: *error is a sentence that names the
 * file.
 */
bool subject_from_files(struct arena *arena, const char *const *files, size_t count,
                        struct subject *subject, const char **error);

#endif
