/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/findings.h"

#include <stdio.h>
#include <string.h>

#include "apic/registers.h"
#include "boot/build_id.h"
#include "core/cpu.h"
#include "core/hidden.h"
#include "core/hidden_features.h"
#include "core/version.h"
#include "lib/console.h"
#include "lib/format.h"
#include "probe/report.h"
#include "probe/selftest.h"
#include "strategies/bind.h"
#include "x86/msr.h"

#define NOTES               16
#define NOTE_SIZE           512
#define DIFFERENCES         64
#define DIFFERENCES_A_CPU   8
#define DEFAULT_PHYSICAL_ADDRESS_BITS 36
#define LEAF_MEMORY_ENCRYPTION 0x8000001f
#define   MEMORY_ENCRYPTION_SME (1u << 0)
#define EXTENDED_ECX_TME    (1u << 13)

/* From the linker script. */
extern const char build_id_note[], build_id_note_end[];

static struct raw raw;
static struct capabilities capabilities;
static struct selection_request request;
static struct selection selection;
static struct selftest_result results[SELFTEST_RESULTS];
static size_t result_count;
static struct cpu_difference differences[DIFFERENCES];
static size_t difference_count, difference_total;
static char note_text[NOTES][NOTE_SIZE];
static const char *notes[NOTES];
static size_t note_count;
static uint32_t cpus_probed = 1;

void findings_note(const char *sentence)
{
    if (note_count == NOTES)
        return;
    format_text(note_text[note_count], NOTE_SIZE, "%s", sentence);
    notes[note_count] = note_text[note_count];
    note_count++;
}

/* Leaves and bits first: the registers are only there with them. */
static void find_memory_encryption(struct memory_encryption *encryption)
{
    uint32_t amd = raw_cpuid_word(&raw, LEAF_MEMORY_ENCRYPTION, 0, RAW_EAX);

    memset(encryption, 0, sizeof *encryption);
    if (amd & MEMORY_ENCRYPTION_SME && msr_read_safe(MSR_SYSCFG, &encryption->syscfg))
        encryption->amd_sizes = raw_cpuid_word(&raw, LEAF_MEMORY_ENCRYPTION, 0, RAW_EBX);
    if (raw_cpuid_word(&raw, 7, 0, RAW_ECX) & EXTENDED_ECX_TME)
        msr_read_safe(MSR_IA32_TME_ACTIVATE, &encryption->tme_activate);
}

void findings_probe(struct machine *facts)
{
    struct memory_encryption encryption;
    uint64_t apic_base;

    raw_collect(&raw);
    capabilities_derive(&raw, &capabilities);

    facts->pages_1g = capability_has(&capabilities, CAPABILITY_PDPE1GB);
    facts->no_execute = capability_has(&capabilities, CAPABILITY_NX);
    facts->next_rip = capability_has(&capabilities, CAPABILITY_SVM_NRIPS);
    facts->flush_by_asid = capability_has(&capabilities, CAPABILITY_SVM_FLUSH_BY_ASID);
    facts->x2apic = capability_has(&capabilities, CAPABILITY_X2APIC);
    facts->physical_address_bits = capabilities.physical_address_bits
                                 ? capabilities.physical_address_bits
                                 : DEFAULT_PHYSICAL_ADDRESS_BITS;
    find_memory_encryption(&encryption);
    facts->physical_address_bits = hidden_address_bits(facts->physical_address_bits, &encryption);
    if (raw_msr_value(&raw, MSR_IA32_APIC_BASE, &apic_base))
        facts->apic_base = apic_base & UINT64_C(0x000ffffffffff000);
    facts->cpuid_signature = raw_cpuid_word(&raw, 1, 0, RAW_EAX);
}

void findings_other_cpu(void *context, uint32_t apic_id, const struct raw *other)
{
    static struct capabilities theirs, common;
    struct raw_difference words[DIFFERENCES_A_CPU];
    size_t found = raw_differences(&raw, other, words, DIFFERENCES_A_CPU);

    (void)context;
    cpus_probed++;
    difference_total += found;
    for (size_t i = 0; i < found && i < DIFFERENCES_A_CPU && difference_count < DIFFERENCES; i++) {
        differences[difference_count].apic_id = apic_id;
        differences[difference_count].word = words[i];
        difference_count++;
    }
    capabilities_derive(other, &theirs);
    capabilities_weakest(&capabilities, &theirs, &common);
    capabilities = common;
}

void findings_test(const struct boot_parameters *parameters)
{
    boot_parameters_apply_mask(parameters, &capabilities);
    for (unsigned id = 0; id < BACKEND_COUNT; id++) {
        result_count += selftest_run(&capabilities, id, results + result_count,
                                     SELFTEST_RESULTS - result_count);
        if (result_count)
            break;
    }
    for (size_t i = 0; i < result_count; i++) {
        if (results[i].capability != CAPABILITY_NONE)
            continue;
        request.selftest[results[i].strategy] = results[i].verdict;
        request.cost[results[i].strategy] = results[i].cost;
    }
}

enum outcome findings_select(const struct boot_parameters *parameters)
{
    boot_parameters_request(parameters, &request);
    select_strategies(&capabilities, &request, strategies_implemented(), &selection);
    selection_mark_forced(&selection, &capabilities);
    return selection.outcome;
}

static void put_console(void *context, const char *bytes, size_t length)
{
    (void)context;
    console_write(bytes, length);
}

static void standing_notes(const struct boot_information *information)
{
    if (selection.backend != BACKEND_NONE)
        findings_note("DMA: UNPROTECTED. No IOMMU is programmed, and one that is there is the guest's, "
                      "registers, tables and interrupt remapping: a device that the guest controls "
                      "can reach the hypervisor's memory.");
    if (selection.backend != BACKEND_NONE)
        findings_note("NMI: one that the guest's own hardware raises (LVT, I/O APIC) at the moment of one "
                      "of Sextant's own is latched with it by the processor and lost. NMIs that CPUs "
                      "send each other are counted exactly.");
    if (selection.backend == BACKEND_SVM)
        findings_note("INIT by a device message (I/O APIC, MSI): UNPROTECTED where the processor has no "
                      "VM_CR.R_INIT: it resets a CPU under the hypervisor. INIT by a local APIC is "
                      "watched.");
    if (request.x2apic_only)
        findings_note("guest.x2apic=only: every CPU starts in x2APIC mode, INIT keeps it, and leaving it "
                      "raises #GP; IA32_XAPIC_DISABLE_STATUS (0xbd) says so to the guest. The xAPIC page "
                      "shows nothing. The guest has to cope: Linux for i386 does not know x2APIC mode, "
                      "and Linux for amd64 wants interrupt remapping with it.");
    if (information->memory_is_estimate)
        findings_note("The boot loader gave no memory map, only the sizes of lower and upper memory.");
}

void findings_report(const struct boot_information *information,
                     const struct boot_parameters *parameters, bool verdict_only)
{
    struct report_sink sink = { put_console, NULL };
    size_t note_size = (size_t)(build_id_note_end - build_id_note);
    char build_id[BUILD_ID_TEXT_MAX];
    struct report_environment environment = {
        .version = SEXTANT_VERSION,
        .build_id = build_id_format(build_id_note, note_size, build_id) ? build_id : NULL,
        .loader = information->loader_name,
        .command_line = information->command_line,
        .memory_bytes = memory_map_total(&information->memory, MEMORY_USABLE),
        .reserved_bytes = hidden_length(),
        .cpus = cpu_count,
        .cpus_probed = cpus_probed,
        .differences = differences,
        .difference_count = difference_count,
        .difference_total = difference_total,
        .selftests = results,
        .selftest_count = result_count,
        .notes = notes,
    };
    struct report_input input = {
        .raw = &raw,
        .capabilities = &capabilities,
        .selection = &selection,
        .request = &request,
        .parameters = parameters,
        .environment = &environment,
    };

    standing_notes(information);
    environment.note_count = note_count;
    if (verdict_only)
        report_write_verdict(&input, &sink);
    else
        report_write(&input, &sink);
}

void findings_bind(void)
{
    machine.x2apic_only = request.x2apic_only;
    strategies_bind_backend(selection.backend);
    for (unsigned axis = 0; axis < AXIS_COUNT; axis++)
        strategies_bind(selection.axis[axis].chosen);
}
