/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of sextant-probe. */
#ifndef SEXTANT_TOOLS_OPTIONS_H
#define SEXTANT_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "probe/report.h"

enum option_id {
#define OPTION(id, name, arguments, what) OPTION_##id,
#include "options.def"
#undef OPTION
    OPTION_COUNT
};

enum probe_exit {
#define PROBE_EXIT(id, status, meaning) PROBE_EXIT_##id = status,
#include "exit_codes.def"
#undef PROBE_EXIT
};

struct options {
    bool given[OPTION_COUNT];
    const char **files;         /* --from, in order */
    size_t file_count;
    const char *diff[2];
    const char *explain;
    const char *msr_device;     /* NULL: Linux' own */
    const char *parameters;     /* boot parameters with blanks between them; NULL: none */
};

/*
 * Reads the words behind the program's name.  Boot parameters are those that the image takes, and
 * are checked by its parser.  False: *error is a sentence.
 */
bool options_parse(struct arena *arena, int count, char **words, struct options *out,
                   const char **error);

/* What --help prints. */
void options_help(const struct report_sink *sink);

#endif
