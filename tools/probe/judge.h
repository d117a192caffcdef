/* SPDX-License-Identifier: BSD-2-Clause */
/* What the image would choose on a machine: the image's own parser, selection and report. */
#ifndef SEXTANT_TOOLS_JUDGE_H
#define SEXTANT_TOOLS_JUDGE_H

#include "subject.h"

struct judgement {
    const struct subject *subject;
    const char *command_line;               /* boot parameters that count; NULL: none */
    struct boot_parameters parameters;
    struct cmdline_error error;
    struct capabilities capabilities;       /* masked and marked */
    struct selection_request request;
    struct strategy_set implemented;        /* what the image carries */
    struct selection selection;
    struct report_environment environment;
};

/*
 * Judges.  parameters: boot parameters; NULL: those that the report was made with, or none.
 * current: by what the image of this program's own version carries, also where a report says what
 * its image carried. Adds notes and advice to the subject.
 */
void judge(struct arena *arena, struct subject *subject, const char *parameters, bool current,
           struct judgement *out);

/* Selects again with another capability table; everything else stays. */
void judge_selection(const struct judgement *judgement, const struct capabilities *capabilities,
                     struct selection *out);

/* For report_write() and its sisters. */
struct report_input judge_report(const struct judgement *judgement);

#endif
