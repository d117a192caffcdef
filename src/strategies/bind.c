/* SPDX-License-Identifier: BSD-2-Clause */
#include "strategies/bind.h"

#include "core/backend.h"
#include "strategies/operations.h"

__attribute__((section(".sealed"))) struct binding binding;
__attribute__((section(".sealed"))) const struct backend *backend;

static const struct backend *const backends[BACKEND_COUNT] = {
#define BACKEND(id, table) [BACKEND_##id] = &table,
#include "strategies/implemented.def"
#undef BACKEND
};

void strategies_bind(enum strategy_id id)
{
    switch (id) {
#define STRATEGY(id, axis, operations)  \
    case STRATEGY_##id:                 \
        binding.axis = &operations;     \
        break;
#include "strategies/implemented.def"
#undef STRATEGY
    default:
        break;
    }
}

void strategies_bind_backend(enum backend_id id)
{
    backend = backends[id];
}
