/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SEXTANT_STRATEGIES_IMPLEMENTED_H
#define SEXTANT_STRATEGIES_IMPLEMENTED_H

#include "strategies/strategy.h"

/* The backends and strategies that this image carries (implemented.def). Pure. */
struct strategy_set strategies_implemented(void);

#endif
