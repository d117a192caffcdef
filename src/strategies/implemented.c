/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows of implemented.def there are; bind.c connects them to their mechanisms. Pure. */
#include "strategies/implemented.h"

struct strategy_set strategies_implemented(void)
{
    struct strategy_set set = { 0, 0 };

#define BACKEND(id, table) strategy_set_add_backend(&set, BACKEND_##id);
#define STRATEGY(id, axis, operations) strategy_set_add(&set, STRATEGY_##id);
#include "strategies/implemented.def"
#undef STRATEGY
#undef BACKEND
    return set;
}
