/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: every parameter, every kind of mistake with its sentence, the loaders' habits,
 * the bound on its length, and random lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probe_support.h"

static struct boot_parameters parsed;
static struct cmdline_error error;

static bool parse(const char *line)
{
    memset(&parsed, 0xa5, sizeof(parsed));
    memset(&error, 0xa5, sizeof(error));
    return cmdline_parse(line, &parsed, &error);
}

static void assert_parses(const char *line)
{
    if (!parse(line)) {
        fail_msg("\"%s\": %s", line, error.text);
    }
    assert_string_equal(error.text, "");
}

static void assert_error(const char *line, const char *sentence)
{
    assert_false(parse(line));
    assert_string_equal(error.text, sentence);
}

static void assert_error_contains(const char *line, const char *part)
{
    assert_false(parse(line));
    if (strstr(error.text, part) == NULL) {
        fail_msg("\"%s\": \"%s\" (expected to contain \"%s\")", line, error.text, part);
    }
}

static void assert_defaults(void)
{
    assert_int_equal(parsed.console, CONSOLE_COM1);
    assert_int_equal(parsed.report, REPORT_YES);
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        assert_int_equal(parsed.axis[axis].count, 0);
    }
    for (unsigned id = 0; id < CAPABILITY_COUNT; id++) {
        assert_false(boot_parameters_masks(&parsed, (enum capability_id)id));
    }
    assert_false(parsed.stats);
    assert_false(parsed.help);
}

static void nothing_means_the_defaults(void **state)
{
    static const char *const lines[] = { "", " ", "\t \t", "\n", NULL };

    (void)state;
    assert_parses(NULL);
    assert_defaults();
    for (size_t i = 0; lines[i] != NULL; i++) {
        assert_parses(lines[i]);
        assert_defaults();
        assert_int_equal(parsed.given, 0);
    }
}

static void consoles(void **state)
{
    (void)state;
    assert_parses("console=com1");
    assert_int_equal(parsed.console, CONSOLE_COM1);
    assert_int_equal(parsed.given, 1u << PARAMETER_CONSOLE);
    assert_parses("console=com2,vga");
    assert_int_equal(parsed.console, CONSOLE_COM2 | CONSOLE_VGA);
    assert_parses("console=e9");
    assert_int_equal(parsed.console, CONSOLE_E9);
    assert_parses("console=none");
    assert_int_equal(parsed.console, 0);
    assert_error("console=com1,none",
                 "console= takes \"none\" alone or a list of consoles, not both.");
    assert_error("console=com3", "console= does not know \"com3\". Did you mean \"com1\"? It takes "
                 "a comma list of: com1, com2, e9, vga, none.");
    assert_error("console=com1,", "console= does not know \"\". It takes a comma list of: com1, "
                 "com2, e9, vga, none.");
    assert_error("console=", "console= needs a value behind it, without a blank between.");
    assert_error("console", "console= needs a value behind it, without a blank between.");
}

static void reports(void **state)
{
    (void)state;
    assert_parses("report=yes");
    assert_int_equal(parsed.report, REPORT_YES);
    assert_parses("report=only");
    assert_int_equal(parsed.report, REPORT_ONLY);
    assert_parses("report=none");
    assert_int_equal(parsed.report, REPORT_NONE);
    assert_error("report=onyl", "report= does not know \"onyl\". Did you mean \"only\"? It takes "
                 "one of: yes, only, none.");
    assert_int_equal(parsed.rank, RANK_MEASURED);
    assert_parses("rank=static");
    assert_int_equal(parsed.rank, RANK_STATIC);
    assert_error("rank=exits", "rank= does not know \"exits\". It takes one of: measured, static.");
    assert_error("report=no", "report= does not know \"no\". It takes one of: yes, only, none.");
    assert_error("report=yes,only", "report= does not know \"yes,only\". It takes one of: yes, "
                 "only, none.");
}

/* Every strategy by its own name, alone and forced. */
static void axes(void **state)
{
    (void)state;
    for (unsigned id = 0; id < STRATEGY_COUNT; id++) {
        const struct strategy_row *row = strategy_row((enum strategy_id)id);
        char line[64];

        for (unsigned forced = 0; forced < 2; forced++) {
            snprintf(line, sizeof(line), "%s=%s%s", axis_row(row->axis)->name, row->name,
                     forced != 0 ? "!" : "");
            assert_parses(line);
            assert_int_equal(parsed.axis[row->axis].count, 1);
            assert_int_equal(parsed.axis[row->axis].entry[0].strategy, id);
            assert_int_equal(parsed.axis[row->axis].entry[0].forced, forced);
        }
    }
    assert_parses("step=auto");
    assert_int_equal(parsed.axis[AXIS_STEP].count, 1);
    assert_int_equal(parsed.axis[AXIS_STEP].entry[0].strategy, STRATEGY_AUTO);
    assert_parses("apic=page,decode!,auto");
    assert_int_equal(parsed.axis[AXIS_APIC].count, 3);
    assert_int_equal(parsed.axis[AXIS_APIC].entry[0].strategy, STRATEGY_APIC_PAGE);
    assert_int_equal(parsed.axis[AXIS_APIC].entry[1].strategy, STRATEGY_APIC_DECODE);
    assert_true(parsed.axis[AXIS_APIC].entry[1].forced);
    assert_int_equal(parsed.axis[AXIS_APIC].entry[2].strategy, STRATEGY_AUTO);
    assert_error("step=mft", "step= does not know \"mft\". Did you mean \"mtf\"? It takes a comma "
                 "list of: auto, mtf, dbstep; NAME! forces a strategy past a failed self-test.");
    assert_error_contains("step=auto!", "step= does not know \"auto!\"");
    assert_error_contains("step=!", "step= does not know \"!\"");
    assert_error_contains("step=mtf,,dbstep", "step= does not know \"\"");
    assert_error_contains("step=page", "step= does not know \"page\"");
    assert_parses("step=mtf,mtf,mtf,mtf,mtf,mtf,mtf,mtf");
    assert_error("step=mtf,mtf,mtf,mtf,mtf,mtf,mtf,mtf,mtf",
                 "step= has too many names; eight are the most it can take.");
}

/* The keys of the axes in parameters.def are the names in axes.def. */
static void every_axis_has_its_parameter(void **state)
{
    (void)state;
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        char line[64];

        snprintf(line, sizeof(line), "%s=auto", axis_row((enum axis)axis)->name);
        assert_parses(line);
        assert_int_equal(parsed.axis[axis].count, 1);
    }
    assert_string_equal(parameter_key(PARAMETER_CONSOLE), "console");
    assert_string_equal(parameter_key(PARAMETER_HELP), "help");
}

static void masks(void **state)
{
    struct capabilities capabilities;
    static struct raw raw;

    (void)state;
    assert_parses("mask=nrips,vmx_monitor_trap_flag,Monitor-Trap-Flag");
    for (unsigned id = 1; id < CAPABILITY_COUNT; id++) {
        assert_int_equal(boot_parameters_masks(&parsed, (enum capability_id)id),
                         id == CAPABILITY_SVM_NRIPS || id == CAPABILITY_VMX_MONITOR_TRAP_FLAG);
    }
    /* Every capability, by the identifier that the report's JSON shows. */
    for (unsigned id = 1; id < CAPABILITY_COUNT; id++) {
        char line[128];

        snprintf(line, sizeof(line), "mask=%s", capability_row((enum capability_id)id)->id);
        assert_parses(line);
        assert_true(boot_parameters_masks(&parsed, (enum capability_id)id));
    }
    raw_full_vmx(&raw);
    capabilities_derive(&raw, &capabilities);
    assert_parses("mask=x2apic,nmi-exiting,nrips");
    boot_parameters_apply_mask(&parsed, &capabilities);
    assert_int_equal(capabilities.state[CAPABILITY_X2APIC], CAPABILITY_MASKED);
    assert_int_equal(capabilities.state[CAPABILITY_VMX_NMI_EXITING], CAPABILITY_MASKED);
    assert_int_equal(capabilities.state[CAPABILITY_SVM_NRIPS], CAPABILITY_ABSENT);
    assert_int_equal(capabilities.state[CAPABILITY_VMX_VIRTUAL_NMIS], CAPABILITY_ADVERTISED);

    assert_error_contains("mask=NRIP", "mask= does not know the capability \"NRIP\". Did you mean "
                          "\"nrips\"?");
    assert_error_contains("mask=,", "mask= does not know the capability \"\"");
    assert_error_contains("mask=frobnicator", "by identifier or name without blanks");
    assert_null(strstr(error.text, "Did you mean"));
}

static void flags(void **state)
{
    (void)state;
    assert_parses("stats");
    assert_true(parsed.stats);
    assert_false(parsed.help);
    assert_parses("help stats");
    assert_true(parsed.stats);
    assert_true(parsed.help);
    assert_error("stats=yes", "stats stands alone, without \"=\".");
    assert_error("help=", "help stands alone, without \"=\".");
}

static void unknown_keys(void **state)
{
    static const char list[] = "The parameters are: console=, report=, startup=, apic=, x2apic=, "
                               "step=, nmi=, guest.x2apic=, rank=, mask=, stats, help.";
    char sentence[512];

    (void)state;
    snprintf(sentence, sizeof(sentence), "There is no boot parameter \"stpe\". Did you mean "
             "\"step\"? %s", list);
    assert_error("stpe=mtf", sentence);
    snprintf(sentence, sizeof(sentence), "There is no boot parameter \"quiet\". %s", list);
    assert_error("quiet", sentence);
    snprintf(sentence, sizeof(sentence), "There is no boot parameter \"\". %s", list);
    assert_error("=5", sentence);
    assert_error_contains("STEP=mtf", "There is no boot parameter \"STEP\"");
    assert_error_contains("report =only", "report= needs a value");
    /* What is quoted is cut and printable. */
    assert_error_contains("0123456789012345678901234567890123456789X=1",
                          "\"0123456789012345678901234567890123456789...\"");
    assert_error_contains("\x1b[31m\xff=1", "\"?[31m?\"");
}

/* An error does not take the console away on which it has to be shown. */
static void the_rest_of_a_wrong_line_still_counts(void **state)
{
    (void)state;
    assert_false(parse("stap=mtf console=e9 report=onyl step=dbstep"));
    assert_int_equal(parsed.console, CONSOLE_E9);
    assert_int_equal(parsed.report, REPORT_YES);
    assert_int_equal(parsed.axis[AXIS_STEP].count, 1);
    assert_non_null(strstr(error.text, "\"stap\""));
    assert_null(strstr(error.text, "onyl"));
}

static void the_last_one_counts(void **state)
{
    (void)state;
    assert_parses("step=mtf report=only step=dbstep");
    assert_int_equal(parsed.axis[AXIS_STEP].count, 1);
    assert_int_equal(parsed.axis[AXIS_STEP].entry[0].strategy, STRATEGY_STEP_DBSTEP);
    assert_int_equal(parsed.repeated, 1u << PARAMETER_STEP);
    assert_parses("mask=np mask=nrips");
    assert_false(boot_parameters_masks(&parsed, CAPABILITY_SVM_NP));
    assert_true(boot_parameters_masks(&parsed, CAPABILITY_SVM_NRIPS));
    /* A wrong one does not replace a right one. */
    assert_false(parse("step=mtf step=foo"));
    assert_int_equal(parsed.axis[AXIS_STEP].entry[0].strategy, STRATEGY_STEP_MTF);
    assert_int_equal(parsed.repeated, 0);
}

static void blanks_of_all_kinds(void **state)
{
    (void)state;
    assert_parses("  step=dbstep\t\treport=only \r\n");
    assert_int_equal(parsed.report, REPORT_ONLY);
    assert_int_equal(parsed.axis[AXIS_STEP].count, 1);
}

/* QEMU: "build/sextant.elf ARGS".  GRUB 2: "ARGS". */
static void the_name_of_the_image(void **state)
{
    (void)state;
    assert_parses("build/sextant.elf step=dbstep");
    assert_int_equal(parsed.axis[AXIS_STEP].count, 1);
    assert_parses("sextant.elf");
    assert_defaults();
    assert_parses("sextant.elf64 stats");
    assert_true(parsed.stats);
    assert_parses("/boot/image stats");
    assert_true(parsed.stats);
    assert_parses("  /boot/image stats");
    assert_error_contains("stats sextant.elf", "no boot parameter \"sextant.elf\"");
    assert_error_contains("step=a/b", "step= does not know \"a/b\"");
    assert_error_contains("x=sextant.elf", "no boot parameter \"x\"");
    assert_error_contains(".elf", "no boot parameter \".elf\"");
}

static void the_bound(void **state)
{
    /* The bytes after the bound are not there: the sanitizer sees a read beyond them. */
    char *line = malloc(CMDLINE_MAX + 1);

    (void)state;
    assert_non_null(line);
    memset(line, ' ', CMDLINE_MAX);
    memcpy(line + CMDLINE_MAX - 5, "stats", 5);
    line[CMDLINE_MAX] = '\0';
    assert_parses(line);
    assert_true(parsed.stats);

    line[CMDLINE_MAX] = 'x';
    assert_error(line, "The command line is too long: 4095 bytes are the most that is read, and "
                 "nothing of it was used.");
    assert_defaults();
    free(line);
}

static void help_lists_everything(void **state)
{
    struct collected output = { 0 };

    (void)state;
    cmdline_help(collected_put, &output);
    for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
        assert_non_null(strstr(output.text, parameter_key((enum parameter_id)i)));
    }
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        assert_non_null(strstr(output.text, strategy_row((enum strategy_id)i)->name));
    }
    assert_non_null(strstr(output.text, "  step=auto,mtf,dbstep\n      how one guest instruction "
                                        "is stepped (default: auto)\n"));
    assert_non_null(strstr(output.text, "  console=com1,com2,e9,vga,none\n"));
    assert_int_equal(output.text[output.length - 1], '\n');
    for (char *at = output.text; *at != '\0'; at = strchr(at, '\n') + 1) {
        assert_true(strchr(at, '\n') - at <= 110);
    }
    collected_free(&output);
}

/* ---- random lines ---- */

static uint32_t seed = 7;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * below >> 24);
}

/* A word that is nearly right, or not at all. */
static size_t random_word(char *to, size_t room)
{
    static const char *const pieces[] = {
        "console", "report", "startup", "apic", "x2apic", "step", "nmi", "mask", "stats", "help",
        "=", "=", "=", ",", ",", "!", "auto", "mtf", "dbstep", "page", "decode", "apicv", "sipi",
        "icr", "passthrough", "msr", "hide", "vnmi", "iret", "poll", "com1", "com2", "vga", "e9",
        "none", "only", "yes", "np", "nrips", "vmx", "svm", "a/b", "x.elf", "-", "_",
    };
    size_t length = 0;

    for (unsigned n = chance(7); n != 0; n--) {
        const char *piece = pieces[chance(sizeof(pieces) / sizeof(pieces[0]))];
        size_t size = strlen(piece);

        if (length + size + 1 >= room) {
            break;
        }
        memcpy(to + length, piece, size);
        length += size;
        if (chance(12) == 0) {
            to[length++] = (char)(1 + chance(255));
        }
    }
    return length;
}

static void check_result(const char *line, bool right)
{
    if (right != (error.text[0] == '\0')) {
        fail_msg("\"%s\": result %d, text \"%s\"", line, right, error.text);
    }
    assert_non_null(memchr(error.text, '\0', sizeof(error.text)));
    for (const char *c = error.text; *c != '\0'; c++) {
        assert_in_range(*c, ' ', '~');
    }
    assert_int_equal(parsed.console & ~15u, 0);
    assert_in_range(parsed.report, REPORT_YES, REPORT_NONE);
    assert_int_equal(parsed.repeated & ~parsed.given, 0);
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++) {
        assert_in_range(parsed.axis[axis].count, 0, PREFERENCE_MAX);
        for (unsigned i = 0; i < parsed.axis[axis].count; i++) {
            uint8_t id = parsed.axis[axis].entry[i].strategy;

            assert_true(id == STRATEGY_AUTO
                        || strategy_row((enum strategy_id)id)->axis == axis);
        }
    }
}

static void random_lines(void **state)
{
    unsigned right = 0, wrong = 0;

    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        char buffer[400];
        size_t length = 0;
        char *line;

        for (unsigned words = chance(6); words != 0; words--) {
            length += random_word(buffer + length, sizeof(buffer) - length - 1);
            if (length + 2 < sizeof(buffer)) {
                buffer[length++] = chance(8) == 0 ? '\t' : ' ';
            }
        }
        /* Exactly as long as the line: the sanitizer sees every byte too many. */
        line = malloc(length + 1);
        assert_non_null(line);
        memcpy(line, buffer, length);
        line[length] = '\0';
        if (parse(line)) {
            check_result(line, true);
            right++;
        } else {
            check_result(line, false);
            wrong++;
        }
        free(line);
    }
    /* Both kinds were made. */
    assert_true(right > 10000);
    assert_true(wrong > 10000);
}

static void random_bytes(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t length = chance(64);
        char *line = malloc(length + 1);

        assert_non_null(line);
        for (size_t i = 0; i < length; i++) {
            line[i] = (char)chance(256);
        }
        line[length] = '\0';
        check_result(line, parse(line));
        free(line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_means_the_defaults),
        cmocka_unit_test(consoles),
        cmocka_unit_test(reports),
        cmocka_unit_test(axes),
        cmocka_unit_test(every_axis_has_its_parameter),
        cmocka_unit_test(masks),
        cmocka_unit_test(flags),
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(the_rest_of_a_wrong_line_still_counts),
        cmocka_unit_test(the_last_one_counts),
        cmocka_unit_test(blanks_of_all_kinds),
        cmocka_unit_test(the_name_of_the_image),
        cmocka_unit_test(the_bound),
        cmocka_unit_test(help_lists_everything),
        cmocka_unit_test(random_lines),
        cmocka_unit_test(random_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
