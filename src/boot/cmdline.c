/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parsing the command line.  Words stand between blanks; a word is KEY=VALUE or KEY.  The line
 * comes from whoever wrote the boot medium, so nothing in it is trusted: it is bounded, and what is
 * quoted back in a message is cut and made printable.
 *
 * Multiboot Specification version 0.6.96: Boot information format > 'cmdline'; Multiboot2
 * Specification: Boot information format > Boot command line.
 */
#include "boot/cmdline.h"

#include <ctype.h>
#include <string.h>

#include "boot/cmdline_nearest.h"
#include "lib/format.h"

enum form { FORM_CONSOLE, FORM_CHOICE, FORM_AXIS, FORM_MASK, FORM_FLAG };

static const struct {
    const char *key;
    enum form form;
    const char *initial;
    const char *values;
    const char *what;
} parameters[PARAMETER_COUNT] = {
#define PARAMETER(id_, key_, form_, initial_, values_, what_) \
    [PARAMETER_##id_] = { key_, FORM_##form_, initial_, values_, what_ },
#include "boot/parameters.def"
#undef PARAMETER
};

struct parser {
    struct boot_parameters *out;
    struct cmdline_error *error;
};

/* How much of a wrong word is quoted. */
#define QUOTE_MAX  40

const char *parameter_key(enum parameter_id id)
{
    return parameters[id].key;
}

static enum axis axis_of(unsigned parameter)
{
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        if (strcmp(axis_row((enum axis)axis)->name, parameters[parameter].key) == 0) {
            return (enum axis)axis;
        }
    }
    return AXIS_COUNT;
}

static bool piece_is(struct piece piece, const char *word)
{
    return strlen(word) == piece.length && memcmp(piece.at, word, piece.length) == 0;
}

/* The text up to the separator; *rest is what follows it, and at == NULL when nothing does. */
static struct piece split(struct piece whole, char separator, struct piece *rest)
{
    const char *found = memchr(whole.at, separator, whole.length);
    struct piece first = whole;

    *rest = (struct piece){ NULL, 0 };
    if (found != NULL) {
        first.length = (size_t)(found - whole.at);
        rest->at = found + 1;
        rest->length = whole.length - first.length - 1;
    }
    return first;
}

/* ---- messages ---- */

static void append_quoted(struct text *text, struct piece piece)
{
    text_append(text, "\"");
    for (size_t i = 0; i < piece.length && i < QUOTE_MAX; i++) {
        char c = piece.at[i];

        text_append(text, "%c", c >= ' ' && c <= '~' ? c : '?');
    }
    text_append(text, piece.length > QUOTE_MAX ? "...\"" : "\"");
}

/* The first error stays: later ones often follow from it. */
static bool first_error(struct parser *p, struct text *text)
{
    *text = (struct text){ p->error->text, sizeof(p->error->text), 0 };
    return p->error->text[0] == '\0';
}

/* "com1, com2": the comma list of the table, or the strategies of the axis. */
static void append_values(struct text *text, unsigned parameter, bool for_help)
{
    const char *between = "";

    if (parameters[parameter].form == FORM_AXIS) {
        const struct axis_row *axis = axis_row(axis_of(parameter));

        text_append(text, "auto");
        for (unsigned i = 0; i < axis->count; i++) {
            text_append(text, "%s%s", for_help ? "," : ", ",
                        strategy_row((enum strategy_id)(axis->first + i))->name);
        }
        return;
    }
    for (const char *value = parameters[parameter].values; *value != '\0'; ) {
        size_t length = strcspn(value, ",");

        text_append(text, "%s%.*s", between, (int)length, value);
        between = for_help ? "," : ", ";
        value += length + (value[length] == ',');
    }
}

static void append_keys(struct text *text)
{
    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        text_append(text, "%s%s%s", i != 0 ? ", " : "", parameters[i].key,
                    parameters[i].form == FORM_FLAG ? "" : "=");
    }
}

static void unknown_key(struct parser *p, struct piece key)
{
    struct nearest nearest = { NULL, NEAREST_FAR };
    struct text text;

    if (!first_error(p, &text)) {
        return;
    }
    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        nearest_consider(&nearest, key, parameters[i].key);
    }
    text_append(&text, "There is no boot parameter ");
    append_quoted(&text, key);
    text_append(&text, ". ");
    if (nearest_meant(&nearest, key) != NULL) {
        text_append(&text, "Did you mean \"%s\"? ", nearest.word);
    }
    text_append(&text, "The parameters are: ");
    append_keys(&text);
    text_append(&text, ".");
}

static void consider_values(struct nearest *nearest, struct piece wrong, unsigned parameter,
                            char *buffer, size_t size)
{
    if (parameters[parameter].form == FORM_AXIS) {
        const struct axis_row *axis = axis_row(axis_of(parameter));

        nearest_consider(nearest, wrong, "auto");
        for (unsigned i = 0; i < axis->count; i++) {
            nearest_consider(nearest, wrong, strategy_row((enum strategy_id)(axis->first + i))->name);
        }
        return;
    }
    for (const char *value = parameters[parameter].values; *value != '\0'; ) {
        size_t length = strcspn(value, ",");
        unsigned before = nearest->distance;
        char word[QUOTE_MAX];

        format_text(word, sizeof(word), "%.*s", (int)length, value);
        nearest_consider(nearest, wrong, word);
        if (nearest->distance < before) {
            format_text(buffer, size, "%s", word);
            nearest->word = buffer;
        }
        value += length + (value[length] == ',');
    }
}

static void unknown_value(struct parser *p, unsigned parameter, struct piece value)
{
    struct nearest nearest = { NULL, NEAREST_FAR };
    char buffer[QUOTE_MAX];
    struct text text;

    if (!first_error(p, &text)) {
        return;
    }
    text_append(&text, "%s= does not know ", parameters[parameter].key);
    append_quoted(&text, value);
    text_append(&text, ". ");
    consider_values(&nearest, value, parameter, buffer, sizeof(buffer));
    if (nearest_meant(&nearest, value) != NULL) {
        text_append(&text, "Did you mean \"%s\"? ", nearest.word);
    }
    text_append(&text, "It takes %s: ",
                parameters[parameter].form == FORM_CHOICE ? "one of" : "a comma list of");
    append_values(&text, parameter, false);
    text_append(&text, parameters[parameter].form == FORM_AXIS
                ? "; NAME! forces a strategy past a failed self-test." : ".");
}

static void unknown_capability(struct parser *p, struct piece value)
{
    struct nearest nearest = { NULL, NEAREST_FAR };
    struct text text;

    if (!first_error(p, &text)) {
        return;
    }
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        nearest_consider(&nearest, value, capability_row((enum capability_id)id)->id);
        nearest_consider(&nearest, value, capability_row((enum capability_id)id)->name);
    }
    text_append(&text, "mask= does not know the capability ");
    append_quoted(&text, value);
    text_append(&text, ". ");
    if (nearest_meant(&nearest, value) != NULL) {
        text_append(&text, "Did you mean \"");
        for (const char *c = nearest.word; *c != '\0'; c++) {
            text_append(&text, "%c", tolower((unsigned char)*c));
        }
        text_append(&text, "\"? ");
    }
    text_append(&text, "It takes a comma list of the capabilities that the report lists, by "
                "identifier or name without blanks (mask=vmx_monitor_trap_flag or "
                "mask=monitor-trap-flag).");
}

static void says(struct parser *p, unsigned parameter, const char *sentence)
{
    struct text text;

    if (first_error(p, &text)) {
        text_append(&text, "%s%s %s", parameters[parameter].key,
                    parameters[parameter].form == FORM_FLAG ? "" : "=", sentence);
    }
}

/* ---- values ---- */

static bool parse_console(struct parser *p, unsigned parameter, struct piece list)
{
    static const struct {
        const char *word;
        uint32_t sink;
    } sinks[] = {
        { "com1", CONSOLE_COM1 },
        { "com2", CONSOLE_COM2 },
        { "e9",   CONSOLE_E9 },
        { "vga",  CONSOLE_VGA },
        { "none", 0 },
    };
    uint32_t console = 0;
    bool none = false;

    while (list.at != NULL) {
        struct piece rest, word = split(list, ',', &rest);
        unsigned i = 0;

        while (i < sizeof(sinks) / sizeof(sinks[0]) && !piece_is(word, sinks[i].word)) {
            i++;
        }
        if (i == sizeof(sinks) / sizeof(sinks[0])) {
            unknown_value(p, parameter, word);
            return false;
        }
        console |= sinks[i].sink;
        none = none || sinks[i].sink == 0;
        list = rest;
    }
    if (none && console != 0) {
        says(p, parameter, "takes \"none\" alone or a list of consoles, not both.");
        return false;
    }
    p->out->console = console;
    return true;
}

/* The word's number in the list is the value of the enum. */
static bool parse_choice(struct parser *p, unsigned parameter, struct piece value)
{
    struct piece rest = { parameters[parameter].values, strlen(parameters[parameter].values) };
    unsigned number = 0;

    for (; rest.at != NULL; number++) {
        struct piece word = split(rest, ',', &rest);

        if (word.length == value.length && memcmp(word.at, value.at, word.length) == 0) {
            break;
        }
        if (rest.at == NULL) {
            unknown_value(p, parameter, value);
            return false;
        }
    }
    if (parameter == PARAMETER_REPORT) {
        p->out->report = (enum report_choice)number;
    } else if (parameter == PARAMETER_GUEST_X2APIC) {
        p->out->guest_x2apic = (enum guest_x2apic)number;
    } else {
        p->out->rank = (enum rank_choice)number;
    }
    return true;
}

static bool parse_axis(struct parser *p, unsigned parameter, struct piece list)
{
    enum axis axis = axis_of(parameter);
    struct preference preference = { 0 };

    while (list.at != NULL) {
        struct piece rest, word = split(list, ',', &rest);
        struct piece name = word;
        bool forced = word.length != 0 && word.at[word.length - 1] == '!';
        uint8_t strategy;

        name.length -= forced ? 1 : 0;
        strategy = (uint8_t)(piece_is(word, "auto") ? STRATEGY_AUTO
                             : strategy_find(axis, name.at, name.length));
        if (strategy == STRATEGY_NONE) {
            unknown_value(p, parameter, word);
            return false;
        }
        if (preference.count == PREFERENCE_MAX) {
            says(p, parameter, "has too many names; eight are the most it can take.");
            return false;
        }
        preference.entry[preference.count].strategy = strategy;
        preference.entry[preference.count++].forced = forced;
        list = rest;
    }
    p->out->axis[axis] = preference;
    return true;
}

static bool parse_mask(struct parser *p, unsigned parameter, struct piece list)
{
    uint64_t mask[MASK_WORDS] = { 0 };

    (void)parameter;
    while (list.at != NULL) {
        struct piece rest, word = split(list, ',', &rest);
        enum capability_id id = capability_find(word.at, word.length);

        if (id == CAPABILITY_NONE) {
            unknown_capability(p, word);
            return false;
        }
        mask[id / 64] |= UINT64_C(1) << id % 64;
        list = rest;
    }
    memcpy(p->out->mask, mask, sizeof(mask));
    return true;
}

static bool parse_value(struct parser *p, unsigned parameter, struct piece value)
{
    switch (parameters[parameter].form) {
    case FORM_CONSOLE:
        return parse_console(p, parameter, value);
    case FORM_CHOICE:
        return parse_choice(p, parameter, value);
    case FORM_AXIS:
        return parse_axis(p, parameter, value);
    case FORM_MASK:
        return parse_mask(p, parameter, value);
    case FORM_FLAG:
        break;
    }
    if (parameter == PARAMETER_STATS) {
        p->out->stats = true;
    } else {
        p->out->help = true;
    }
    return true;
}

static void parse_word(struct parser *p, struct piece word)
{
    struct piece value, key = split(word, '=', &value);
    bool flag;

    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        if (!piece_is(key, parameters[i].key)) {
            continue;
        }
        flag = parameters[i].form == FORM_FLAG;
        if (flag && value.at != NULL) {
            says(p, i, "stands alone, without \"=\".");
            return;
        }
        if (!flag && (value.at == NULL || value.length == 0)) {
            says(p, i, "needs a value behind it, without a blank between.");
            return;
        }
        if (parse_value(p, i, value)) {
            p->out->repeated |= p->out->given & UINT32_C(1) << i;
            p->out->given |= UINT32_C(1) << i;
        }
        return;
    }
    unknown_key(p, key);
}

/*
 * guest.x2apic= decides which strategies of the axis x2apic are possible: x2apic= may choose among
 * them, not against it.
 */
static void apply_guest_x2apic(struct parser *p)
{
    struct preference *preference = &p->out->axis[AXIS_X2APIC];
    bool hide = p->out->guest_x2apic == GUEST_X2APIC_HIDE;
    const struct axis_row *axis = axis_row(AXIS_X2APIC);
    struct preference possible = { 0 };

    if (p->out->guest_x2apic == GUEST_X2APIC_AUTO) {
        return;
    }
    for (unsigned i = 0; i < axis->count; i++) {
        uint8_t id = (uint8_t)(axis->first + i);

        if ((id == STRATEGY_X2APIC_HIDE) == hide) {
            possible.entry[possible.count++].strategy = id;
        }
    }
    for (unsigned i = 0; i < preference->count; i++) {
        uint8_t id = preference->entry[i].strategy;

        if (id != STRATEGY_AUTO && (id == STRATEGY_X2APIC_HIDE) != hide) {
            says(p, PARAMETER_GUEST_X2APIC, hide
                 ? "cannot be \"hide\" beside what x2apic= names: leave out one of the two."
                 : "cannot be \"only\" beside x2apic=hide: leave out one of the two.");
            return;
        }
        if (id == STRATEGY_AUTO) {
            preference->count = 0;
            break;
        }
    }
    if (preference->count == 0) {
        *preference = possible;
    }
}

/* QEMU's Multiboot loader puts the name of the image first; GRUB does not. */
static bool is_file_name(struct piece word)
{
    static const char *const suffixes[] = { ".elf", ".elf64" };

    if (memchr(word.at, '=', word.length) != NULL) {
        return false;
    }
    if (memchr(word.at, '/', word.length) != NULL) {
        return true;
    }
    for (unsigned i = 0; i < 2; i++) {
        size_t length = strlen(suffixes[i]);

        if (word.length > length
            && memcmp(word.at + word.length - length, suffixes[i], length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t bounded_length(const char *line)
{
    const char *end = memchr(line, '\0', CMDLINE_MAX + 1);

    return end != NULL ? (size_t)(end - line) : CMDLINE_MAX + 1;
}

bool cmdline_parse(const char *line, struct boot_parameters *out, struct cmdline_error *error)
{
    struct parser p = { out, error };
    bool first = true;
    size_t length, at = 0;

    memset(out, 0, sizeof(*out));
    out->console = CONSOLE_COM1;
    error->text[0] = '\0';
    length = line != NULL ? bounded_length(line) : 0;
    if (length > CMDLINE_MAX) {
        format_text(error->text, sizeof(error->text),
                    "The command line is too long: %u bytes are the most that is read, and "
                    "nothing of it was used.", (unsigned)CMDLINE_MAX);
        return false;
    }
    while (at < length) {
        struct piece word = { line + at, 0 };

        while (at < length && !is_blank(line[at])) {
            at++;
            word.length++;
        }
        if (word.length != 0 && !(first && is_file_name(word))) {
            parse_word(&p, word);
        }
        first = first && word.length == 0;
        at++;
    }
    apply_guest_x2apic(&p);
    return error->text[0] == '\0';
}

/* ---- use ---- */

bool boot_parameters_masks(const struct boot_parameters *boot, enum capability_id id)
{
    return (boot->mask[id / 64] >> id % 64 & 1) != 0;
}

void boot_parameters_apply_mask(const struct boot_parameters *boot,
                                struct capabilities *capabilities)
{
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        if (boot_parameters_masks(boot, (enum capability_id)id)) {
            capability_mask(capabilities, (enum capability_id)id);
        }
    }
}

void boot_parameters_request(const struct boot_parameters *boot,
                             struct selection_request *request)
{
    memcpy(request->axis, boot->axis, sizeof(request->axis));
    request->rank_static = boot->rank == RANK_STATIC;
    request->x2apic_only = boot->guest_x2apic == GUEST_X2APIC_ONLY;
}

void cmdline_help(void (*put)(void *context, const char *bytes, size_t length), void *context)
{
    static const char head[] = "Boot parameters of Sextant, separated by blanks:\n";
    static const char tail[] =
        "  A strategy list is tried in order; auto stands for the best one; NAME! forces one past\n"
        "  a failed self-test. A name alone that cannot be used stops the boot and says why.\n";

    put(context, head, sizeof(head) - 1);
    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        char line[256];
        struct text text = { line, sizeof(line), 0 };

        text_append(&text, "  %s%s", parameters[i].key,
                    parameters[i].form == FORM_FLAG ? "" : "=");
        if (parameters[i].form == FORM_MASK) {
            text_append(&text, "CAPABILITY,...");
        } else {
            append_values(&text, i, true);
        }
        text_append(&text, "\n      %s", parameters[i].form == FORM_AXIS
                    ? axis_row(axis_of(i))->what : parameters[i].what);
        if (parameters[i].initial[0] != '\0') {
            text_append(&text, " (default: %s)", parameters[i].initial);
        }
        text_append(&text, "\n");
        put(context, line, text.length < sizeof(line) ? text.length : sizeof(line) - 1);
    }
    put(context, tail, sizeof(tail) - 1);
}
