/* SPDX-License-Identifier: BSD-2-Clause */
/* From the names of the selection to the mechanisms. */
#ifndef SEXTANT_STRATEGIES_BIND_H
#define SEXTANT_STRATEGIES_BIND_H

#include "strategies/implemented.h"

/* Binds one strategy to its axis; it must be implemented. Boot CPU, before the seal. */
void strategies_bind(enum strategy_id id);

/* Binds the backend. */
void strategies_bind_backend(enum backend_id id);

#endif
