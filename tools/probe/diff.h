/* SPDX-License-Identifier: BSD-2-Clause */
/* Two machines, or one before and after something was changed. */
#ifndef SEXTANT_TOOLS_DIFF_H
#define SEXTANT_TOOLS_DIFF_H

#include "judge.h"

#define DIFF_SCHEMA  1

/*
 * Writes what differs: the verdicts, the choice on every axis, every capability with what it
 * changes by itself, and registers that differ otherwise.  name_a and name_b are what the person
 * called them.
 */
void diff_write(struct arena *arena, const char *name_a, const struct judgement *a,
                const char *name_b, const struct judgement *b, const struct report_sink *sink);

/* The same as one JSON object on one line without its newline: docs/diff.schema.json. */
void diff_write_json(struct arena *arena, const char *name_a, const struct judgement *a,
                     const char *name_b, const struct judgement *b,
                     const struct report_sink *sink);

#endif
