/* SPDX-License-Identifier: BSD-2-Clause */
/* Code at privilege level 3 that ends in an exception. */
#ifndef GUEST_USER_H
#define GUEST_USER_H

#include <stddef.h>
#include <stdint.h>

#include "interrupts.h"

/* Slots of the paging window (paging.h) that user_run() maps for itself. */
#define USER_CODE_SLOT  500
#define USER_STACK_SLOT 501

/*
 * Copies `size` bytes of position-independent code into a user page and runs it at privilege level
 * 3 with IF clear, RDI = argument and a small stack, until it raises an exception. Yields the
 * record of that; its RIP is relative to the start of the code. The code may change RAX, RCX, RDX,
 * RSI, RDI and the flags. The boot CPU only.
 */
const struct fault *user_run(const void *code, size_t size, uint64_t argument);

#endif
