/* SPDX-License-Identifier: BSD-2-Clause */
/* Which known word somebody meant: the one that the fewest changes lead to. */
#include "boot/cmdline_nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;

    return ab < c ? ab : c;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/*
 * How many letters must be changed, added, left out or exchanged with their neighbour (optimal
 * string alignment); words beyond NEAREST_FAR are just far.
 */
static unsigned distance(struct piece a, const char *b)
{
    unsigned rows[3][NEAREST_FAR + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    size_t columns = strlen(b);

    if (a.length > NEAREST_FAR || columns > NEAREST_FAR) {
        return NEAREST_FAR;
    }
    for (size_t j = 0; j <= columns; j++) {
        last[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a.length; i++) {
        unsigned *spare = before;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            row[j] = least(last[j - 1] + !same(a.at[i - 1], b[j - 1]), last[j] + 1,
                           row[j - 1] + 1);
            if (i > 1 && j > 1 && same(a.at[i - 1], b[j - 2]) && same(a.at[i - 2], b[j - 1])
                && before[j - 2] + 1 < row[j]) {
                row[j] = before[j - 2] + 1;
            }
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[columns];
}

void nearest_consider(struct nearest *nearest, struct piece wrong, const char *word)
{
    unsigned d = distance(wrong, word);

    if (d < nearest->distance) {
        nearest->distance = d;
        nearest->word = word;
    }
}

const char *nearest_meant(const struct nearest *nearest, struct piece wrong)
{
    return nearest->word != NULL && nearest->distance <= 3
           && nearest->distance * 3 <= wrong.length + 2 ? nearest->word : NULL;
}
