/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selection: from the capability table, what the person asked for and what the image carries, to
 * one strategy an axis, with a reason for every strategy that was and was not taken.
 *
 * Pure, total and deterministic.  Monotone: a capability more never makes an axis fall to a
 * lower-ranked choice (select_rank.h) under the same backend, and never turns a machine that runs
 * into one that does not.
 */
#ifndef SEXTANT_STRATEGIES_SELECT_H
#define SEXTANT_STRATEGIES_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/capabilities.h"
#include "strategies/select_rank.h"
#include "strategies/strategy.h"

struct selection_request {
    bool x2apic_only;                           /* guest.x2apic=only chose the axis x2apic */
    struct preference axis[AXIS_COUNT];         /* from the command line; all zero: auto */
    uint8_t selftest[STRATEGY_COUNT];           /* enum selftest_verdict */
    bool rank_static;                           /* the documented order, whatever was measured */
    struct strategy_cost cost[STRATEGY_COUNT];  /* by the self-tests */
};

enum verdict {
    VERDICT_CHOSEN,
    VERDICT_NOT_PREFERRED,      /* could be used; a better one is */
    VERDICT_NOT_ASKED,          /* could be used; the person's list does not name it */
    VERDICT_MISSING,            /* the processor lacks needs (all listed) */
    VERDICT_MASKED,             /* all that it lacks was masked by mask= */
    VERDICT_NOT_BUILT,          /* not in this image */
    VERDICT_BROKEN,             /* its self-test failed (or a capability that it needs is broken) */
    VERDICT_CONDITION,          /* what it needs beside it (axis, backend) is not chosen */
    VERDICT_NO_BACKEND          /* could be used, but no backend is bound */
};

#define MISSING_MAX  (2 * STRATEGY_NEEDS_MAX)

/* Room for any sentence of the selection; a longer one (several refused lists at once) is cut. */
#define SELECTION_SENTENCE_MAX  2048

struct missing {
    bool looked_at;                             /* false: this way does not count here */
    uint8_t count;
    uint16_t id[MISSING_MAX];                   /* enum capability_id, the strategy's own first */
};

struct strategy_verdict {
    uint8_t verdict;                            /* enum verdict */
    bool built;                                 /* this image carries it */
    bool forced;                                /* chosen past a failed self-test */
    bool ahead;                                 /* auto tries it before the one that is chosen */
    struct missing missing[BACKEND_COUNT];      /* without what follows from another */
};

enum outcome {
    OUTCOME_RUNS,
    OUTCOME_DEGRADED,           /* runs, and at least one axis is on a fallback */
    OUTCOME_CANNOT_RUN,         /* no backend, or an axis with nothing to choose */
    OUTCOME_REFUSED,            /* what was asked for by name is not available */
    OUTCOME_CANNOT_TELL         /* of sextant-probe alone: what decides it could not be read */
};

struct axis_selection {
    uint8_t chosen;                             /* enum strategy_id or STRATEGY_NONE */
    bool forced;
    bool asked;                                 /* chosen because the person's list names it */
    bool refused;                               /* nothing that the list names is available */
    bool verified;                              /* self-test passed, or there is nothing to test */
    uint8_t automatic;                          /* what auto takes on this axis, or STRATEGY_NONE */
    bool fallback;                              /* the backend has a better way, not taken */
    const char *lost;                           /* what the choice costs; NULL: nothing */
};

struct selection {
    uint8_t outcome;                            /* enum outcome */
    uint8_t backend;                            /* enum backend_id or BACKEND_NONE */
    uint8_t fallbacks;                          /* axes that are on a fallback */
    struct axis_selection axis[AXIS_COUNT];
    struct strategy_verdict strategy[STRATEGY_COUNT];
    struct strategy_verdict backends[BACKEND_COUNT];
};

/*
 * Chooses.  implemented is what the image carries.  The answer depends on nothing else.
 * capabilities must already be masked and, for the final binding, marked with the results of the
 * self-tests.
 */
void select_strategies(const struct capabilities *capabilities,
                       const struct selection_request *request,
                       struct strategy_set implemented, struct selection *out);

/*
 * The backend and strategy whose needs this processor meets and that the image carries: what is
 * worth a self-test.  Ignores what was asked for and self-test results.
 */
bool strategy_is_bindable(const struct capabilities *capabilities, struct strategy_set implemented,
                          enum backend_id backend, enum strategy_id id);

/*
 * Writes the result of a self-test into the table: passed marks every need of the strategy's way
 * verified, failed marks the one that it proves broken (if it proves one).
 */
void selection_mark_selftest(struct capabilities *capabilities, enum backend_id backend,
                             enum strategy_id id, enum selftest_verdict verdict);

/* Marks as forced the broken capabilities of strategies that were forced. */
void selection_mark_forced(const struct selection *selection, struct capabilities *capabilities);

/*
 * The sentence for the outcome, one line without a newline: why the machine cannot run, or why a
 * request is refused, with every missing bit and what can be done; the losing axes for a degraded
 * one.  Returns what format_text returns.
 */
int selection_format_outcome(const struct selection *selection,
                             const struct capabilities *capabilities,
                             const struct selection_request *request, char *buffer, size_t size);

/*
 * Why one strategy got its verdict, a clause without a full stop.  Returns what format_text
 * returns.
 */
int selection_format_reason(const struct selection *selection,
                            const struct capabilities *capabilities,
                            enum strategy_id id, char *buffer, size_t size);

/* Why one backend got its verdict. */
int selection_format_backend_reason(const struct selection *selection,
                                    const struct capabilities *capabilities,
                                    enum backend_id id, char *buffer, size_t size);

/* "chosen", "not preferred", ... */
const char *verdict_name(enum verdict verdict);

/* "RUNS", "RUNS, DEGRADED", "CANNOT RUN", "REFUSED", "CANNOT TELL". */
const char *outcome_name(enum outcome outcome);

#endif
