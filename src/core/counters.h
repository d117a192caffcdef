/* SPDX-License-Identifier: BSD-2-Clause */
/* Exit statistics: one counter per CPU and reason, named in exits.def. */
#ifndef SEXTANT_CORE_COUNTERS_H
#define SEXTANT_CORE_COUNTERS_H

enum counter {
#define X(id, name) COUNTER_##id,
#include "core/exits.def"
#undef X
    COUNTER_COUNT
};

/* Name of a counter as the report prints it; the index must be below COUNTER_COUNT. */
const char *counter_name(enum counter counter);

#endif
