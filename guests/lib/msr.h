/* SPDX-License-Identifier: BSD-2-Clause */
/* Model-specific registers that may not be there. */
#ifndef GUEST_MSR_H
#define GUEST_MSR_H

#include <stdbool.h>
#include <stdint.h>

#include "interrupts.h"

/* RDMSR and WRMSR; the record says whether they raised an exception. `value` is 0 then. */
struct fault try_rdmsr(uint32_t msr, uint64_t *value);
struct fault try_wrmsr(uint32_t msr, uint64_t value);

/* #GP with the error code 0. */
bool is_general_protection(struct fault fault);

#endif
