/* SPDX-License-Identifier: BSD-2-Clause */
/* From the boot loader to the guest: boot, probe, select, bind, seal, run. */
#include <string.h>

#include "apic/local.h"
#include "boot/boot_information.h"
#include "boot/cmdline.h"
#include "boot/layout.h"
#include "boot/multiboot1.h"
#include "boot/multiboot2.h"
#include "core/acpi.h"
#include "core/backend.h"
#include "core/ending.h"
#include "core/exceptions.h"
#include "core/findings.h"
#include "core/hidden.h"
#include "core/kick.h"
#include "core/machine.h"
#include "core/paging.h"
#include "core/physical.h"
#include "core/smp.h"
#include "core/vcpu.h"
#include "guest/loader.h"
#include "lib/console.h"
#include "probe/selftest.h"
#include "strategies/bind.h"
#include "x86/cpuid.h"

#define ERROR_SIZE 512

extern char image_end[];
void boot_main(uint32_t magic, uint32_t information_physical);
_Noreturn void call_on_stack(void (*function)(void), void *stack_top);

__attribute__((section(".sealed"))) struct machine machine;

static struct boot_information information;
static struct boot_parameters parameters;
static struct memory_map guest_map;
static struct acpi_madt madt;
static bool madt_found;
static char error[ERROR_SIZE];

/* `sentence` may be all that the person sees: it says what was found and what can be done. */
static _Noreturn void stop(enum exit_code code, const char *sentence)
{
    console_print("Sextant: %s\n", sentence);
    ending_exit(code);
}

static void read_boot_information(uint32_t magic, uint32_t physical)
{
    bool read;

    console_select(CONSOLE_COM1);
    if (magic == MULTIBOOT1_BOOTLOADER_MAGIC)
        read = multiboot1_parse(physical, &information, error, sizeof error);
    else if (magic == MULTIBOOT2_BOOTLOADER_MAGIC)
        read = multiboot2_parse(physical, &information, error, sizeof error);
    else
        stop(EXIT_REFUSED, "the boot loader is neither Multiboot 1 nor Multiboot 2. What you can "
             "do: load the image with `multiboot` or `multiboot2` of GRUB, or QEMU's -kernel.");
    if (!read)
        stop(EXIT_REFUSED, error);
}

static void put_console(void *context, const char *bytes, size_t length)
{
    (void)context;
    console_write(bytes, length);
}

static void read_parameters(void)
{
    static struct cmdline_error problem;
    bool legal = cmdline_parse(information.command_line, &parameters, &problem);

    console_select(parameters.console);
    if (information.command_line_truncated)
        stop(EXIT_REFUSED, "The command line is too long: Sextant takes at most 4095 bytes, and "
             "nothing of it was used but console=. What you can do: shorten it.");
    if (!legal)
        stop(EXIT_REFUSED, problem.text);
    if (parameters.help) {
        cmdline_help(put_console, NULL);
        ending_exit(EXIT_REPORT_ONLY);
    }
    machine.statistics = parameters.stats;
}

static void read_tables(void)
{
    struct acpi_rsdp rsdp;

    if (!acpi_find_rsdp(information.rsdp, information.rsdp_length, &rsdp)) {
        findings_note("No ACPI tables were found: one CPU is used, and the machine cannot be "
                      "turned off by software.");
        return;
    }
    madt_found = acpi_find_madt(&rsdp, &madt, error, sizeof error);
    if (!madt_found)
        findings_note(error);
    machine.power_known = acpi_read_power(&rsdp, &machine.power, error, sizeof error);
    if (!machine.power_known)
        findings_note(error);
}

static uint32_t own_apic_id(void)
{
    return cpuid(1, 0).ebx >> 24;
}

static void run_on_own_stack(void);

/* What is left at the load address becomes the guest's: nothing of the host stays there. */
static void claim_memory(void)
{
    uint32_t total = smp_count(madt_found ? &madt : NULL);
    uint64_t loaded = (uint64_t)image_end - IMAGE_VIRTUAL - LOAD_ADDRESS;

    machine.physical_end = memory_map_end_of(&information.memory, MEMORY_USABLE);
    if (machine.physical_end < UINT64_C(1) << 32)
        machine.physical_end = UINT64_C(1) << 32;
    if (!hidden_choose(&information, total, machine.physical_end, error, sizeof error))
        stop(EXIT_MEMORY, error);
    paging_move_image(machine.physical_end, machine.pages_1g, machine.no_execute);
    memset(physical_pointer(LOAD_ADDRESS, loaded), 0, loaded);
    smp_allocate(madt_found ? &madt : NULL, total, own_apic_id());
}

void boot_main(uint32_t magic, uint32_t information_physical)
{
    exceptions_prepare();
    exceptions_load();
    read_boot_information(magic, information_physical);
    read_parameters();
    read_tables();
    findings_probe(&machine);
    claim_memory();
    call_on_stack(run_on_own_stack, (char *)cpus[0] + CPU_BLOCK_SIZE - 16);
}

static void load_guest(struct guest_start *start)
{
    guest_map = information.memory;
    if (!memory_map_reserve(&guest_map, hidden_start(), hidden_length(), MEMORY_RESERVED))
        stop(EXIT_MEMORY, "the memory map has too many ranges to hide Sextant's own memory in it");
    if (!guest_load(&information, &guest_map, start, error, sizeof error))
        stop(start->failure == GUEST_NO_MEMORY ? EXIT_MEMORY : EXIT_GUEST_IMAGE, error);
}

/* Report first, then the reasons to stop: whatever happens, the person has the facts. */
static void report_and_decide(void)
{
    enum outcome outcome = findings_select(&parameters);

    if (parameters.report != REPORT_NONE || outcome == OUTCOME_CANNOT_RUN
        || outcome == OUTCOME_REFUSED)
        findings_report(&information, &parameters, parameters.report == REPORT_NONE);
    if (outcome == OUTCOME_CANNOT_RUN)
        ending_exit(EXIT_CANNOT_RUN);
    if (outcome == OUTCOME_REFUSED)
        ending_exit(EXIT_REFUSED);
    if (parameters.report == REPORT_ONLY)
        ending_exit(EXIT_REPORT_ONLY);
}

static void start_other_cpus(void)
{
    bool possible;
    uint32_t missing = smp_start(&information, &possible, findings_other_cpu, NULL);

    if (!possible)
        findings_note("There is no free page below 640 KiB to start other CPUs from: only the "
                      "boot CPU is used.");
    else if (missing)
        findings_note("Some CPUs of the ACPI table did not start; the guest cannot start them "
                      "either.");
}

static void run_on_own_stack(void)
{
    static struct guest_start start;
    struct cpu *cpu = this_cpu();

    local_apic_follow_mode();
    kick_enable();
    start_other_cpus();
    findings_test(&parameters);
    paging_drop_low();
    report_and_decide();
    load_guest(&start);

    findings_bind();
    backend->enable(cpu);
    paging_seal();
    vcpu_prepare(cpu);
    smp_release();
    vcpu_run(cpu, &start);
}
