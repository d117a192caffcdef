/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions of a CPU in real mode. */
#ifndef GUEST_EXCEPTIONS_REAL_MODE_H
#define GUEST_EXCEPTIONS_REAL_MODE_H

/* Five results. CPU 1 is restarted, and left halted in real mode. */
void real_mode(void);

#endif
