/* SPDX-License-Identifier: BSD-2-Clause */
/* What a function that a frequent exit goes through is made of. For what is seldom done there: kept out of the function that calls it, whose registers then
 * need not be saved for it. */
#ifndef SEXTANT_CORE_COLD_H
#define SEXTANT_CORE_COLD_H

#define COLD __attribute__((cold, noinline))

/* A frequent function that is called last: as a part of its caller it would make that save registers, too. */
#define SEPARATE __attribute__((noinline))

/* A part of each function that calls it, however many there are: a call would cost more than what it does. */
#define WITHIN static inline __attribute__((always_inline))

#endif
