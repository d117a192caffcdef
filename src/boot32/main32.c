/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Sextant does on a processor without 64-bit mode: the whole report, made of the same sources
 * as in the image proper, and the exit code for "cannot run". Runs at its load address in 32-bit
 * protected mode without paging, so virtual addresses are physical ones; see start.S. Nothing here
 * changes the machine, so whatever the boot loader or the person said wrongly becomes a note.
 */
#include <string.h>

#include "boot/boot_information.h"
#include "boot/build_id.h"
#include "boot/cmdline.h"
#include "boot/multiboot1.h"
#include "boot/multiboot2.h"
#include "boot32/program.h"
#include "core/acpi.h"
#include "core/ending.h"
#include "core/physical.h"
#include "core/version.h"
#include "lib/console.h"
#include "probe/report.h"
#include "strategies/implemented.h"

#define NOTES       8
#define NOTE_SIZE   512

static struct boot_information information;
static struct boot_parameters parameters;
static struct raw raw;
static struct capabilities capabilities;
static struct selection_request request;
static struct selection selection;
static const char *notes[NOTES];
static size_t note_count;
static char loader_error[NOTE_SIZE], tables_error[NOTE_SIZE];
static struct cmdline_error parameter_error;

static void note(const char *sentence)
{
    if (note_count < NOTES)
        notes[note_count++] = sentence;
}

void *physical_pointer(uint64_t physical, uint64_t length)
{
    uint64_t limit = UINT64_C(1) << 32;

    if (physical >= limit || length > limit - physical)
        return NULL;
    return (void *)(uintptr_t)physical;
}

static void put_console(void *context, const char *bytes, size_t length)
{
    (void)context;
    console_write(bytes, length);
}

static void read_boot_information(uint32_t magic, uint32_t physical)
{
    bool read = true;

    console_select(CONSOLE_COM1);
    if (magic == MULTIBOOT1_BOOTLOADER_MAGIC)
        read = multiboot1_parse(physical, &information, loader_error, sizeof loader_error);
    else if (magic == MULTIBOOT2_BOOTLOADER_MAGIC)
        read = multiboot2_parse(physical, &information, loader_error, sizeof loader_error);
    else
        note("The boot loader is neither Multiboot 1 nor Multiboot 2: memory and boot parameters "
             "are not known.");
    if (!read)
        note(loader_error);
    if (information.memory_is_estimate)
        note("The boot loader gave no memory map, only the sizes of lower and upper memory.");
}

static void read_parameters(void)
{
    bool legal = cmdline_parse(information.command_line, &parameters, &parameter_error);

    console_select(parameters.console);
    if (parameters.help) {
        cmdline_help(put_console, NULL);
        ending_exit(EXIT_REPORT_ONLY);
    }
    if (information.command_line_truncated)
        note("The command line is too long: Sextant takes at most 4095 bytes.");
    if (!legal) {
        note(parameter_error.text);
        parameters.report = REPORT_YES;     /* a wrong word is never passed over in silence */
    }
}

/* How many CPUs ACPI lists as there; 0: not known. */
static uint32_t count_cpus(void)
{
    struct acpi_rsdp rsdp;
    struct acpi_madt madt;
    struct acpi_cpu cpu;
    uint32_t count = 0, cursor = 0;

    if (!acpi_find_rsdp(information.rsdp, information.rsdp_length, &rsdp)) {
        note("No ACPI tables were found: the number of CPUs is not known.");
        return 0;
    }
    if (!acpi_find_madt(&rsdp, &madt, tables_error, sizeof tables_error)) {
        note(tables_error);
        return 0;
    }
    while (acpi_next_cpu(&madt, &cursor, &cpu))
        count += cpu.enabled;
    return count;
}

static void probe(void)
{
    raw_clear(&raw);
    if (cpuid_exists())
        raw_collect(&raw);
    capabilities_derive(&raw, &capabilities);
    boot_parameters_apply_mask(&parameters, &capabilities);
    boot_parameters_request(&parameters, &request);
    select_strategies(&capabilities, &request, strategies_implemented(), &selection);
    note("Without 64-bit mode no other CPU is started and no self-test is run.");
}

static void report(void)
{
    struct report_sink sink = { put_console, NULL };
    char build_id[BUILD_ID_TEXT_MAX];
    struct report_environment environment = {
        .version = SEXTANT_VERSION,
        .build_id = build_id_format(build_id_note, build_id_note_size, build_id) ? build_id : NULL,
        .loader = information.loader_name,
        .command_line = information.command_line,
        .memory_bytes = memory_map_total(&information.memory, MEMORY_USABLE),
        .cpus = count_cpus(),
        .cpus_probed = 1,
        .notes = notes,
    };
    struct report_input input = {
        .raw = &raw,
        .capabilities = &capabilities,
        .selection = &selection,
        .request = &request,
        .parameters = &parameters,
        .environment = &environment,
    };

    environment.note_count = note_count;
    if (parameters.report == REPORT_NONE)
        report_write_verdict(&input, &sink);
    else
        report_write(&input, &sink);
}

_Noreturn void main32(uint32_t magic, uint32_t information_physical)
{
    read_boot_information(magic, information_physical);
    read_parameters();
    probe();
    report();
    ending_exit(EXIT_CANNOT_RUN);
}
