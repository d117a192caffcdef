/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing through the report's sink: bytes, formatted text, paragraphs with line breaks, CRC-32. */
#include "probe/report_output.h"

#include <stdarg.h>
#include <string.h>

#include "lib/format.h"

#define FORMAT_MAX  256

uint32_t report_crc32(uint32_t crc, const char *bytes, size_t length)
{
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint8_t)bytes[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0xedb88320) : 0);
        }
    }
    return ~crc;
}

void report_put(struct report_output *output, const char *bytes, size_t length)
{
    if (length != 0) {
        output->crc = report_crc32(output->crc, bytes, length);
        output->sink->put(output->sink->context, bytes, length);
    }
}

void report_print(struct report_output *output, const char *format, ...)
{
    char buffer[FORMAT_MAX];
    va_list arguments;

    va_start(arguments, format);
    format_text_list(buffer, sizeof(buffer), format, arguments);
    va_end(arguments);
    report_put(output, buffer, strlen(buffer));
}

void report_put_foreign(struct report_output *output, const char *string)
{
    while (*string != '\0') {
        size_t run = 0;

        while (string[run] >= ' ' && string[run] <= '~') {
            run++;
        }
        report_put(output, string, run);
        string += run;
        if (*string != '\0') {
            report_put(output, "?", 1);
            string++;
        }
    }
}

void report_begin(struct report_paragraph *paragraph, struct report_output *output,
                  unsigned indent, const char *head)
{
    size_t length = strlen(head);

    *paragraph = (struct report_paragraph){ .output = output, .indent = indent };
    report_put(output, head, length);
    paragraph->column = (unsigned)length;
}

static void flush_word(struct report_paragraph *paragraph)
{
    if (paragraph->length == 0) {
        return;
    }
    if (paragraph->blank
        && paragraph->column + 1 + paragraph->length > REPORT_COLUMNS) {
        report_print(paragraph->output, "\n%*s", (int)paragraph->indent, "");
        paragraph->column = paragraph->indent;
    } else if (paragraph->blank) {
        report_put(paragraph->output, " ", 1);
        paragraph->column++;
    }
    report_put(paragraph->output, paragraph->word, paragraph->length);
    paragraph->column += paragraph->length;
    paragraph->length = 0;
    paragraph->blank = false;
}

void report_add(struct report_paragraph *paragraph, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == ' ') {
            flush_word(paragraph);
            paragraph->blank = true;
        } else {
            if (paragraph->length == sizeof(paragraph->word)) {
                flush_word(paragraph);
            }
            paragraph->word[paragraph->length++] = *text > ' ' && *text <= '~' ? *text : '?';
        }
    }
}

void report_add_format(struct report_paragraph *paragraph, const char *format, ...)
{
    char buffer[FORMAT_MAX];
    va_list arguments;

    va_start(arguments, format);
    format_text_list(buffer, sizeof(buffer), format, arguments);
    va_end(arguments);
    report_add(paragraph, buffer);
}

void report_end(struct report_paragraph *paragraph)
{
    flush_word(paragraph);
    report_put(paragraph->output, "\n", 1);
}
