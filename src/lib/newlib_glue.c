/* SPDX-License-Identifier: BSD-2-Clause */
/* What newlib asks of an operating system (newlib's documentation: System Calls). The selected part of
 * newlib (mk/newlib.mk) asks for memory only; formatted output takes some for very wide fields. */
#include <errno.h>
#include <reent.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/panic.h"

#define HEAP_SIZE 0x4000

static char heap[HEAP_SIZE];
static size_t heap_used;

void *_sbrk_r(struct _reent *reent, ptrdiff_t increment)
{
    char *before = heap + heap_used;

    if (increment > (ptrdiff_t)(HEAP_SIZE - heap_used) || increment < -(ptrdiff_t)heap_used) {
        reent->_errno = ENOMEM;
        return (void *)-1;
    }
    heap_used += (size_t)increment;
    return before;
}

void __assert_func(const char *file, int line, const char *function, const char *expression)
{
    panic("assertion %s failed in %s (%s:%d)", expression, function, file, line);
}
