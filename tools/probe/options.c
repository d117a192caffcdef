/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/cmdline.h"
#include "lib/format.h"
#include "probe/report_output.h"

#define HELP_COLUMN  6

static const struct {
    const char *name, *arguments, *what;
} rows[OPTION_COUNT] = {
#define OPTION(id_, name_, arguments_, what_) [OPTION_##id_] = { name_, arguments_, what_ },
#include "options.def"
#undef OPTION
};

static const struct {
    int status;
    const char *meaning;
} exits[] = {
#define PROBE_EXIT(id_, status_, meaning_) { status_, meaning_ },
#include "exit_codes.def"
#undef PROBE_EXIT
};

struct parser {
    struct arena *arena;
    char **words;
    int count, at;
    struct options *out;
    const char *error;
};

static bool fail(struct parser *p, const char *sentence)
{
    p->error = sentence;
    return false;
}

static void add_parameter(struct parser *p, const char *word)
{
    p->out->parameters = p->out->parameters == NULL ? word
                         : arena_format(p->arena, "%s %s", p->out->parameters, word);
}

/* The next word as an option's argument. */
static const char *argument(struct parser *p, const char *option)
{
    if (p->at == p->count) {
        p->error = arena_format(p->arena, "--%s needs %s behind it.", option, "an argument");
        return NULL;
    }
    return p->words[p->at++];
}

static bool take_option(struct parser *p, enum option_id id, const char *value)
{
    struct options *out = p->out;

    out->given[id] = true;
    switch (id) {
    case OPTION_FROM:
        out->files = arena_grow(p->arena, out->files, out->file_count, sizeof(*out->files));
        out->files[out->file_count++] = value;
        break;
    case OPTION_DIFF:
        out->diff[0] = value;
        out->diff[1] = argument(p, rows[id].name);
        if (out->diff[1] == NULL) {
            return fail(p, "--diff needs two files behind it.");
        }
        break;
    case OPTION_EXPLAIN:
        out->explain = value;
        break;
    case OPTION_MASK:
        add_parameter(p, arena_format(p->arena, "mask=%s", value));
        break;
    case OPTION_MSR_DEVICE:
        out->msr_device = value;
        break;
    default:
        break;
    }
    return true;
}

/* Behind "--": "from", "from=FILE". */
static bool parse_option(struct parser *p, const char *word)
{
    size_t length = strcspn(word, "=");

    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        const char *value = word[length] == '=' ? word + length + 1 : NULL;

        if (strlen(rows[id].name) != length || strncmp(rows[id].name, word, length) != 0) {
            continue;
        }
        if (rows[id].arguments[0] == '\0' && value != NULL) {
            return fail(p, arena_format(p->arena, "--%s stands alone, without \"=\".",
                                        rows[id].name));
        }
        if (rows[id].arguments[0] != '\0' && value == NULL
            && (value = argument(p, rows[id].name)) == NULL) {
            return false;
        }
        return take_option(p, (enum option_id)id, value);
    }
    return fail(p, arena_format(p->arena, "There is no option --%.*s; --help lists them.",
                                (int)(length < 40 ? length : 40), word));
}

static bool is_parameter(const char *word)
{
    size_t length = strcspn(word, "=");

    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        const char *key = parameter_key((enum parameter_id)i);

        if (strlen(key) == length && strncmp(key, word, length) == 0) {
            return true;
        }
    }
    return word[length] == '=';
}

static bool parse_word(struct parser *p, const char *word)
{
    if (strncmp(word, "--", 2) == 0) {
        return parse_option(p, word + 2);
    }
    if (strcmp(word, "-h") == 0) {
        p->out->given[OPTION_HELP] = true;
        return true;
    }
    if (*word == '-') {
        return fail(p, arena_format(p->arena, "There is no option %.40s; --help lists them.",
                                    word));
    }
    if (!is_parameter(word)) {
        return fail(p, arena_format(p->arena, access(word, F_OK) == 0
                                    ? "\"%s\" is a file: say --from %s to judge it."
                                    : "\"%.80s\" is neither an option nor a boot parameter such as "
                                      "step=mtf; --help lists them.", word, word));
    }
    add_parameter(p, word);
    return true;
}

/* How many machines or files are to come from standard input. */
static unsigned standard_inputs(const struct options *out)
{
    unsigned count = 0;

    for (size_t i = 0; i < out->file_count; i++) {
        count += strcmp(out->files[i], "-") == 0;
    }
    for (unsigned i = 0; i < 2 && out->given[OPTION_DIFF]; i++) {
        count += strcmp(out->diff[i], "-") == 0;
    }
    return count;
}

/* What cannot be said together. */
static bool check(struct parser *p)
{
    static struct cmdline_error error;
    struct boot_parameters parameters;
    const struct options *out = p->out;
    bool json_alone = out->given[OPTION_JSON] && !out->given[OPTION_DIFF];
    unsigned outputs = json_alone + out->given[OPTION_REPORT] + out->given[OPTION_DIFF]
                       + out->given[OPTION_EXPLAIN];

    if (outputs > 1) {
        return fail(p, "Only one of --json, --report, --diff and --explain can be given, but for "
                    "--diff with --json.");
    }
    if (out->given[OPTION_DIFF] && out->file_count != 0) {
        return fail(p, "--diff takes its two machines itself; leave out --from.");
    }
    if (out->given[OPTION_MSR_DEVICE] && (out->file_count != 0 || out->given[OPTION_DIFF])) {
        return fail(p, "--msr-device is for the machine that this runs on; leave it or the files "
                    "out.");
    }
    if (standard_inputs(out) > 1) {
        return fail(p, "Standard input (-) can be given once only.");
    }
    if (!cmdline_parse(out->parameters, &parameters, &error)) {
        return fail(p, error.text);
    }
    return true;
}

bool options_parse(struct arena *arena, int count, char **words, struct options *out,
                   const char **error)
{
    struct parser p = { .arena = arena, .words = words, .count = count, .out = out };

    memset(out, 0, sizeof(*out));
    while (p.at < p.count) {
        if (!parse_word(&p, p.words[p.at++])) {
            *error = p.error;
            return false;
        }
    }
    if (!check(&p)) {
        *error = p.error;
        return false;
    }
    return true;
}

static void paragraph(struct report_output *output, unsigned indent, const char *head,
                      const char *text)
{
    struct report_paragraph paragraph;

    report_begin(&paragraph, output, indent, head);
    report_add(&paragraph, text);
    report_end(&paragraph);
}

void options_help(const struct report_sink *sink)
{
    struct report_output output = { .sink = sink };

    report_print(&output, "Usage: sextant-probe [OPTION]... [BOOT PARAMETER]...\n"
                 "Says how Sextant would virtualize a machine: this one, or one that a file is "
                 "about.\n\nOptions:\n");
    for (unsigned id = 0; id < OPTION_COUNT; id++) {
        report_print(&output, "  --%s%s%s\n", rows[id].name,
                     rows[id].arguments[0] != '\0' ? " " : "", rows[id].arguments);
        paragraph(&output, HELP_COLUMN, "      ", rows[id].what);
    }
    report_print(&output, "\n");
    cmdline_help(sink->put, sink->context);
    report_print(&output, "\nExit status:\n");
    for (unsigned i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
        char head[16];

        format_text(head, sizeof(head), "  %d  ", exits[i].status);
        paragraph(&output, 5, head, exits[i].meaning);
    }
}
