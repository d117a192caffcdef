/* SPDX-License-Identifier: BSD-2-Clause */
/* Events that are delivered to the guest at VM entry (SDM Vol 3: VM Entries > Event Injection;
 * APM Vol 2: Secure Virtual Machine > Event Injection). Vendor-neutral; the numbers of the types
 * are SVM's and VMX's, which agree. */
#ifndef SEXTANT_CORE_EVENT_H
#define SEXTANT_CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "x86/registers.h"

enum event_type {
    EVENT_EXTERNAL_INTERRUPT = 0,
    EVENT_NMI = 2,
    EVENT_EXCEPTION = 3,
    EVENT_SOFTWARE_INTERRUPT = 4,
    EVENT_PRIVILEGED_SOFTWARE_EXCEPTION = 5,    /* INT1; VMX only */
    EVENT_SOFTWARE_EXCEPTION = 6,               /* INT3, INTO; VMX only */
    EVENT_OTHER = 7,                            /* vector 0: a pending MTF exit; VMX only */
};

struct event {
    bool valid;
    bool has_error;
    uint8_t vector;
    uint8_t type;               /* enum event_type */
    uint32_t error;
};

struct cpu;

/* Queues exception `vector` for the guest. When an event's delivery was interrupted by this exit,
 * or an exception is queued already, the rules of double faults apply (SDM Vol 3: Interrupt 8 -
 * Double Fault Exception): the result is the new exception, #DF, or a shutdown, which resets the
 * machine and does not return. Exit context of `cpu`. */
void event_raise(struct cpu *cpu, uint8_t vector, bool has_error, uint32_t error);

/* #GP(0) and #UD: the architecture's usual answers. */
void event_raise_gp(struct cpu *cpu);
void event_raise_ud(struct cpu *cpu);

/* True for exceptions that push an error code. Pure. */
static inline bool event_exception_has_error(uint8_t vector)
{
    static const uint32_t with_error = 1u << VECTOR_DF | 1u << VECTOR_TS | 1u << VECTOR_NP
                                     | 1u << VECTOR_SS | 1u << VECTOR_GP | 1u << VECTOR_PF
                                     | 1u << VECTOR_AC | 1u << 21 | 1u << 29 | 1u << 30;

    return vector < 32 && with_error >> vector & 1;
}

/* What two exceptions in a row make: the vector to deliver, or -1 for shutdown. Pure. */
int event_combine(uint8_t first, uint8_t second);

#endif
