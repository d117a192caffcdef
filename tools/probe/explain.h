/* SPDX-License-Identifier: BSD-2-Clause */
/* Explaining one name: a capability, a strategy, an axis or a backend. */
#ifndef SEXTANT_TOOLS_EXPLAIN_H
#define SEXTANT_TOOLS_EXPLAIN_H

#include <stdbool.h>

#include "judge.h"

/* What a capability is, in one clause. */
const char *explain_capability(enum capability_id id);

/* The title path of the manual's chapter about a capability. */
const char *explain_manual(enum capability_id id);

/* Those of the chapters about a strategy; NULL: explain.def has no row for it. */
const char *explain_strategy_manual(enum strategy_id id);

/*
 * Explains everything that has this name ("vmx_monitor_trap_flag", "NRIPS", "step=mtf", "mtf",
 * "step", "svm"). here: a machine, to say what it has; NULL: none.  False: nothing has this name;
 * *error says which names are like it.
 */
bool explain(struct arena *arena, const char *name, const struct judgement *here,
             const struct report_sink *sink, const char **error);

#endif
