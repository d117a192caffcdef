/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded formatted output under one name.  In the image newlib's integer-only family is used,
 * because the hypervisor never touches the floating-point state; on a host the ordinary functions
 * do the same work.
 */
#ifndef SEXTANT_LIB_FORMAT_H
#define SEXTANT_LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/*
 * format_text(buffer, size, format, ...), format_text_list(buffer, size, format, arguments):
 * snprintf and vsnprintf for integers, characters and strings.  Return the length that was wanted;
 * the buffer always ends with a zero byte when size > 0.  Callable anywhere.
 */
#ifdef __NEWLIB__
#define format_text       sniprintf
#define format_text_list  vsniprintf
#else
#define format_text       snprintf
#define format_text_list  vsnprintf
#endif

/*
 * The length modifier of uint64_t: "0x%" FORMAT_64 "x".  The pure sources need it, because they are
 * also compiled for 32 bits (src/boot32/); elsewhere in the image it is "l".
 */
#if __SIZEOF_LONG__ == 8
#define FORMAT_64 "l"
#else
#define FORMAT_64 "ll"
#endif

/* A string that grows in a buffer of the caller's.  What does not fit is dropped, not written. */
struct text {
    char *buffer;
    size_t size;        /* of the buffer, at least 1 */
    size_t length;      /* of the whole text, also when it did not fit */
};

/* Appends formatted text.  Callable anywhere. */
static inline __attribute__((format(printf, 2, 3)))
void text_append(struct text *text, const char *format, ...)
{
    size_t at = text->length < text->size ? text->length : text->size - 1;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = format_text_list(text->buffer + at, text->size - at, format, arguments);
    va_end(arguments);
    if (length > 0) {
        text->length += (size_t)length;
    }
}

#endif
