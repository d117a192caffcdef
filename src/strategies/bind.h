/* SPDX-License-Identifier: BSD-2-Clause */
/* From the names of the selection to the mechanisms. */
#ifndef SEXTANT_STRATEGIES_BIND_H
#define SEXTANT_STRATEGIES_BIND_H

#include "strategies/select.h"

/* What this image carries. */
struct strategy_set strategies_implemented(void);

/* Binds one strategy to its axis; it must be implemented. Boot CPU, before the seal. */
void strategies_bind(enum strategy_id id);

/* Binds the backend. */
void strategies_bind_backend(enum backend_id id);

#endif
