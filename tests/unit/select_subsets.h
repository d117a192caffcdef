/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The needs of all strategies a second time, typed from the design and not from strategies.def, as
 * groups of capabilities that are needed together; and what must hold for every selection.
 */
#ifndef SEXTANT_TESTS_SELECT_SUBSETS_H
#define SEXTANT_TESTS_SELECT_SUBSETS_H

#include "probe_support.h"

enum group {
    GROUP_VMX, GROUP_SVM, GROUP_SIPI, GROUP_APICV, GROUP_ACCESSES, GROUP_X2APIC, GROUP_BITMAPS,
    GROUP_X2VIRT, GROUP_MTF, GROUP_VNMI, GROUP_WINDOW, GROUPS
};

#define GROUP_MEMBERS  10       /* ended by CAPABILITY_NONE */

extern const enum capability_id group_members[GROUPS][GROUP_MEMBERS];

#define BIT(group)  (UINT32_C(1) << (group))
#define SUBSETS     (UINT32_C(1) << GROUPS)

/*
 * The table in which just these groups are advertised.  Long mode always is: without it no image
 * runs at all, and it has its own test.
 */
void subset(uint32_t groups, struct capabilities *capabilities);

/* Whether a strategy's own needs are met under a backend. */
bool needs_met(uint32_t groups, enum backend_id backend, enum strategy_id id);

bool selection_runs(const struct selection *selection);

/* The outcome says what the axes say, and every verdict has its reason. */
void check_outcome(const struct capabilities *capabilities,
                   const struct selection_request *request, const struct selection *selection);

#endif
