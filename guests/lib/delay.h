/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting. No verdict may depend on how long something takes: a test waits for an event, and a
 * deadline only turns an event that never comes into a failed line instead of a run without end.
 */
#ifndef GUEST_DELAY_H
#define GUEST_DELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "x86.h"

struct deadline {
    uint32_t last;      /* reading of the timer */
    uint64_t remaining; /* its ticks */
};

/*
 * Finds the ACPI timer; without one every tick is counted as one port access. The boot CPU calls it
 * once.
 */
void delay_initialise(void);

/* Waits at least that long, if the machine's ACPI timer is right. Any CPU may call it. */
void delay_microseconds(uint32_t microseconds);

/* A deadline so far away (30 s) that only an event that never comes can meet it. */
struct deadline deadline_start(void);

/* True when it has passed. Has to be called more often than every 4 s. */
bool deadline_passed(struct deadline *deadline);

/*
 * Waits until the expression is true; yields its last value. PAUSE and the timer come rarely,
 * because on QEMU both take the lock that all devices share, the local APICs' timers too.
 */
#define WAIT_UNTIL(condition)                                                                      \
    ((condition) || ({                                                                             \
         struct deadline deadline_ = deadline_start();                                             \
         unsigned round_ = 0;                                                                      \
         bool met_;                                                                                \
         while (!(met_ = (condition))) {                                                           \
             round_++;                                                                             \
             if (round_ % 64 == 0)                                                                 \
                 pause();                                                                          \
             if (round_ % 16384 == 0 && deadline_passed(&deadline_))                               \
                 break;                                                                            \
         }                                                                                         \
         met_;                                                                                     \
     }))

#endif
