/* SPDX-License-Identifier: BSD-2-Clause */
/* Spinlocks. Host interrupts are never enabled, and the host's NMI handler takes no lock, so a
 * holder is never interrupted by another taker on its own CPU. */
#ifndef SEXTANT_LIB_SPINLOCK_H
#define SEXTANT_LIB_SPINLOCK_H

#include <stdatomic.h>
#include <stdbool.h>

struct spinlock {
    atomic_flag held;
};

#define SPINLOCK_INIT { ATOMIC_FLAG_INIT }

static inline bool spinlock_try(struct spinlock *lock)
{
    return !atomic_flag_test_and_set_explicit(&lock->held, memory_order_acquire);
}

static inline void spinlock_take(struct spinlock *lock)
{
    while (!spinlock_try(lock))
        __asm__ volatile("pause");
}

static inline void spinlock_release(struct spinlock *lock)
{
    atomic_flag_clear_explicit(&lock->held, memory_order_release);
}

#endif
