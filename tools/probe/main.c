/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sextant-probe: the probe, the selection and the report of the image as a Linux command.
 */
#include <stdio.h>
#include <string.h>

#include "core/version.h"
#include "diff.h"
#include "explain.h"
#include "live.h"
#include "options.h"
#include "probe/report_output.h"

struct program {
    struct arena arena;
    struct options options;
    const char *error;          /* a sentence; NULL: none */
};

static void put_stdout(void *context, const char *bytes, size_t length)
{
    (void)context;
    fwrite(bytes, 1, length, stdout);
}

static const struct report_sink sink = { put_stdout, NULL };

static enum probe_exit exit_of(const struct judgement *judgement)
{
    struct report_input input = judge_report(judgement);

    switch (report_outcome(&input)) {
    case OUTCOME_RUNS:
        return PROBE_EXIT_RUNS;
    case OUTCOME_DEGRADED:
        return PROBE_EXIT_DEGRADED;
    case OUTCOME_CANNOT_TELL:
        return PROBE_EXIT_CANNOT_TELL;
    default:
        return PROBE_EXIT_CANNOT_RUN;
    }
}

/* "A,B": the files of one machine. */
static const char **split(struct arena *arena, const char *list, size_t *count)
{
    const char **files = NULL;

    *count = 0;
    for (;;) {
        size_t length = strcspn(list, ",");

        files = arena_grow(arena, files, *count, sizeof(*files));
        files[(*count)++] = arena_copy(arena, list, length);
        if (list[length] == '\0') {
            return files;
        }
        list += length + 1;
    }
}

static bool judge_files(struct program *program, const char *const *files, size_t count,
                        struct judgement *judgement)
{
    struct subject *subject = arena_allocate(&program->arena, sizeof(*subject));

    if (!subject_from_files(&program->arena, files, count, subject, &program->error)) {
        return false;
    }
    judge(&program->arena, subject, program->options.parameters,
          program->options.given[OPTION_CURRENT], judgement);
    return true;
}

static bool judge_this_machine(struct program *program, struct judgement *judgement)
{
    struct subject *subject = arena_allocate(&program->arena, sizeof(*subject));
    const char *device = program->options.msr_device;

    if (!subject_from_live(&program->arena, device != NULL ? device : LIVE_MSR_DEVICE, subject,
                           &program->error)) {
        return false;
    }
    judge(&program->arena, subject, program->options.parameters, false, judgement);
    return true;
}

static enum probe_exit compare(struct program *program)
{
    struct judgement *sides[2];

    for (unsigned i = 0; i < 2; i++) {
        size_t count;
        const char **files = split(&program->arena, program->options.diff[i], &count);

        sides[i] = arena_allocate(&program->arena, sizeof(*sides[i]));
        if (!judge_files(program, files, count, sides[i])) {
            return PROBE_EXIT_USAGE;
        }
    }
    if (program->options.given[OPTION_JSON]) {
        diff_write_json(&program->arena, program->options.diff[0], sides[0],
                        program->options.diff[1], sides[1], &sink);
        put_stdout(NULL, "\n", 1);
    } else {
        diff_write(&program->arena, program->options.diff[0], sides[0], program->options.diff[1],
                   sides[1], &sink);
    }
    return exit_of(sides[1]);
}

static bool judge_one(struct program *program, struct judgement *judgement)
{
    const struct options *options = &program->options;

    return options->file_count != 0
           ? judge_files(program, options->files, options->file_count, judgement)
           : judge_this_machine(program, judgement);
}

static enum probe_exit explain_name(struct program *program)
{
    struct judgement *here = NULL;

    if (program->options.file_count != 0) {
        here = arena_allocate(&program->arena, sizeof(*here));
        if (!judge_one(program, here)) {
            return PROBE_EXIT_USAGE;
        }
    }
    return explain(&program->arena, program->options.explain, here, &sink, &program->error)
           ? PROBE_EXIT_RUNS : PROBE_EXIT_USAGE;
}

static enum probe_exit report(struct program *program)
{
    struct judgement *judgement = arena_allocate(&program->arena, sizeof(*judgement));
    struct report_input input;

    if (!judge_one(program, judgement)) {
        return PROBE_EXIT_USAGE;
    }
    input = judge_report(judgement);
    if (program->options.given[OPTION_JSON]) {
        report_write_json(&input, &sink);
        put_stdout(NULL, "\n", 1);
    } else if (program->options.given[OPTION_REPORT]) {
        report_write(&input, &sink);
    } else {
        report_write_summary(&input, &sink);
    }
    return exit_of(judgement);
}

static void list_msrs(void)
{
#define MSR(name, index, gate) printf("0x%x\n", index);
#include "probe/msrs.def"
#undef MSR
}

static enum probe_exit run(struct program *program, int count, char **words)
{
    const struct options *options = &program->options;
    struct boot_parameters parameters;
    struct cmdline_error error;

    if (!options_parse(&program->arena, count, words, &program->options, &program->error)) {
        return PROBE_EXIT_USAGE;
    }
    cmdline_parse(options->parameters, &parameters, &error);
    if (options->given[OPTION_HELP] || parameters.help) {
        options_help(&sink);
        return PROBE_EXIT_RUNS;
    }
    if (options->given[OPTION_VERSION]) {
        printf("sextant-probe %s\n", SEXTANT_VERSION);
        return PROBE_EXIT_RUNS;
    }
    if (options->given[OPTION_MSRS]) {
        list_msrs();
        return PROBE_EXIT_RUNS;
    }
    if (options->given[OPTION_DIFF]) {
        return compare(program);
    }
    return options->given[OPTION_EXPLAIN] ? explain_name(program) : report(program);
}

int main(int argc, char **argv)
{
    struct program program = { .error = NULL };
    enum probe_exit status = run(&program, argc - 1, argv + 1);

    if (program.error != NULL) {
        fprintf(stderr, "sextant-probe: %s\n", program.error);
    }
    arena_free(&program.arena);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "sextant-probe: what was found could not be written.\n");
        status = PROBE_EXIT_USAGE;
    }
    return (int)status;
}
