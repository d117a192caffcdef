/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the report share: writing through the sink, and each other. */
#ifndef SEXTANT_PROBE_REPORT_OUTPUT_H
#define SEXTANT_PROBE_REPORT_OUTPUT_H

#include "probe/report.h"

/* Text lines end here where words allow it. */
#define REPORT_COLUMNS       110

struct report_output {
    const struct report_sink *sink;
    uint32_t crc;               /* of everything that was written */
};

/* A paragraph that is broken into lines while it is written. */
struct report_paragraph {
    struct report_output *output;
    unsigned indent;            /* of its further lines */
    unsigned column;
    bool blank;                 /* a blank stands between the last word and this one */
    unsigned length;            /* of the word that is not written yet */
    char word[160];
};

/* Writes bytes as they are. */
void report_put(struct report_output *output, const char *bytes, size_t length);

/* Writes formatted text of at most 255 bytes. */
void report_print(struct report_output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes a string that may come from outside: what is not printable ASCII becomes '?'. */
void report_put_foreign(struct report_output *output, const char *string);

/* Starts a paragraph with head, which brings its own trailing blanks. */
void report_begin(struct report_paragraph *paragraph, struct report_output *output,
                  unsigned indent, const char *head);

/* Adds text; blanks are where lines may break, what is not printable ASCII becomes '?'. */
void report_add(struct report_paragraph *paragraph, const char *text);

/* Adds formatted text of at most 255 bytes. */
void report_add_format(struct report_paragraph *paragraph, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Ends the paragraph and its last line. */
void report_end(struct report_paragraph *paragraph);

/* The sentence behind the outcome: the parser's refusal, or selection_format_outcome's. */
void report_format_sentence(const struct report_input *input, char *buffer, size_t size);

/* The outcome with the parser's refusal taken into account. */
enum outcome report_outcome(const struct report_input *input);

/* The capability sections of the text: every capability by name, VMX control words. */
void report_write_capabilities(const struct report_input *input, struct report_output *output);

/*
 * What the person can change: calls say for each sentence.  At least one sentence always comes.
 */
void report_advise(const struct report_input *input,
                   void (*say)(void *context, const char *sentence), void *context);

#endif
