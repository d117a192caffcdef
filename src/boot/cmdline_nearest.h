/* SPDX-License-Identifier: BSD-2-Clause */
/* For the messages of boot/cmdline.c: the known word that a wrong one is nearest to. Pure; any CPU,
 * host context. */
#ifndef SEXTANT_BOOT_CMDLINE_NEAREST_H
#define SEXTANT_BOOT_CMDLINE_NEAREST_H

#include <stddef.h>

/* A piece of the line. */
struct piece {
    const char *at;
    size_t length;
};

/* The greatest distance; longer words are that far from everything. */
#define NEAREST_FAR 40

struct nearest {
    const char *word;
    unsigned distance;
};

/* Takes `word` for the nearest when it is nearer to `wrong` than what nearest->word holds. Start with
 * word NULL and distance NEAREST_FAR. */
void nearest_consider(struct nearest *nearest, struct piece wrong, const char *word);

/* The nearest word when it is near enough to be what was meant (at most a third of the letters
 * differ, and at most three), or NULL. */
const char *nearest_meant(const struct nearest *nearest, struct piece wrong);

#endif
