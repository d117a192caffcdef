/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String functions of the test guests, with the meaning of ISO C <string.h>. Any CPU may call them.
 */
#ifndef GUEST_STRING_H
#define GUEST_STRING_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memset(void *to, int value, size_t count);
void *memmove(void *to, const void *from, size_t count);
int memcmp(const void *left, const void *right, size_t count);
int strcmp(const char *left, const char *right);

#endif
