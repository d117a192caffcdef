/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comparing two judgements.  What a capability changes is found out by asking the selection: the
 * first machine with this one capability as the second has it.
 */
#ifndef SEXTANT_TOOLS_COMPARE_H
#define SEXTANT_TOOLS_COMPARE_H

#include "judge.h"

#define COMPARE_WORDS_MAX  1024

/* What a would choose if it had this one capability as b has it. */
void compare_with(const struct judgement *a, const struct judgement *b, enum capability_id id,
                  struct selection *selection);

/* VMX or SVM itself is in one of the two alone: what lies behind it need not be told one by one. */
bool compare_behind_root(const struct judgement *a, const struct judgement *b, unsigned id);

/* The state in one of the two is not known. */
bool compare_unknown(const struct judgement *a, const struct judgement *b, unsigned id);

/* The word was read in both, and bits differ that have no name in the table. */
bool compare_otherwise(const struct raw *a, const struct raw *b,
                       const struct raw_difference *word);

#endif
