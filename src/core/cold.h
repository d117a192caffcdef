/* SPDX-License-Identifier: BSD-2-Clause */
/* For what a frequent exit seldom does: kept out of the function that calls it, whose registers then
 * need not be saved for it. */
#ifndef SEXTANT_CORE_COLD_H
#define SEXTANT_CORE_COLD_H

#define COLD __attribute__((cold, noinline))

#endif
