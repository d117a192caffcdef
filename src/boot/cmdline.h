/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The image's command line, as the boot loader passes it (Multiboot 1: flags bit 2; Multiboot 2:
 * tag 1). Pure.
 */
#ifndef SEXTANT_BOOT_CMDLINE_H
#define SEXTANT_BOOT_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/console.h"
#include "strategies/select.h"

#define CMDLINE_MAX  4095       /* bytes, without the final zero byte */

enum parameter_id {
#define PARAMETER(id, key, form, initial, values, what) PARAMETER_##id,
#include "boot/parameters.def"
#undef PARAMETER
    PARAMETER_COUNT
};

enum report_choice {
    REPORT_YES,
    REPORT_ONLY,
    REPORT_NONE
};

enum rank_choice {
    RANK_MEASURED,
    RANK_STATIC
};

#define MASK_WORDS  ((CAPABILITY_COUNT + 63) / 64)

/* What the guest sees of x2APIC (guest.x2apic=). */
enum guest_x2apic {
    GUEST_X2APIC_AUTO,
    GUEST_X2APIC_HIDE,
    GUEST_X2APIC_ONLY
};

struct boot_parameters {
    uint32_t console;                           /* CONSOLE_ bits of lib/console.h; 0: none */
    enum report_choice report;
    enum rank_choice rank;
    struct preference axis[AXIS_COUNT];         /* copy into struct selection_request */
    enum guest_x2apic guest_x2apic;             /* already part of the axis x2apic */
    uint64_t mask[MASK_WORDS];                  /* bit per enum capability_id */
    bool stats;
    bool help;
    uint32_t given;                             /* bit per enum parameter_id */
    uint32_t repeated;                          /* given more than once: the last one counts */
};

struct cmdline_error {
    char text[512];                             /* one sentence, printable ASCII; empty: no error */
};

/*
 * Parses a command line of at most CMDLINE_MAX bytes (line may be NULL: no parameters).  out always
 * holds usable values: everything that was legal, defaults for the rest, so that an error can be
 * shown on the console that was asked for.  False: error->text says what is wrong with the first
 * word that is wrong, and what would be right.  The first word is skipped when it is the image's
 * file name (no '=', and it holds a '/' or ends in ".elf" or ".elf64"): QEMU puts it there.  Never
 * reads beyond CMDLINE_MAX + 1 bytes.
 */
bool cmdline_parse(const char *line, struct boot_parameters *out, struct cmdline_error *error);

/* True when mask= names the capability. */
bool boot_parameters_masks(const struct boot_parameters *parameters, enum capability_id id);

/* Applies every mask= to the table. */
void boot_parameters_apply_mask(const struct boot_parameters *parameters,
                                struct capabilities *capabilities);

/* Fills in what the person asks of the selection; the results of self-tests stay what they are. */
void boot_parameters_request(const struct boot_parameters *parameters,
                             struct selection_request *request);

/* What `help` prints: the table of parameters, through put. */
void cmdline_help(void (*put)(void *context, const char *bytes, size_t length), void *context);

/* The key of a parameter, "console". */
const char *parameter_key(enum parameter_id id);

#endif
