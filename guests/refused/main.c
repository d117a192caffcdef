/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refused: what the processor would do past nested paging is not there for the guest.
 *
 * Matters because debug store, Processor Trace, hardware feedback and their like write to memory by
 * themselves, and a hypervisor below writes where its own guest tells it to: with one WRMSR a guest
 * would have a page of the hypervisor's overwritten. The registers raise #GP(0) and CPUID announces
 * none of them; XRSTORS, execute-disable, the microcode loader and the gate of address line 20 are
 * no way around.
 *
 * Every line is about Sextant: on the bare machine there is nothing to check, and nothing is
 * touched. `# differs:` lines: none. The trace leaves out #GP, which is raised under Sextant only.
 * Source: docs/hidden-features.md; SDM Vol 4: Model-Specific Registers; APM Vol 2: MSR
 * Cross-Reference.
 */
#include "guest.h"

#include "interrupts.h"
#include "msr.h"
#include "sextant.h"
#include "tap.h"
#include "trace.h"
#include "x86.h"

#define MSR_TEST_CTRL         0x033u
    #define TEST_CTRL_UC_LOCK_DISABLE 0x10000000ul
#define MSR_BIOS_UPDT_TRIG    0x079u
#define MSR_MISC_ENABLE       0x1a0u
    #define MISC_ENABLE_XD_DISABLE 0x400000000ul
    #define MISC_ENABLE_UNAVAILABLE 0x1800ul
#define MSR_DEBUGCTL          0x1d9u
#define MSR_PERF_CAPABILITIES 0x345u
    #define PERF_CAPABILITIES_PEBS 0x34fc0ul
#define MSR_XSS               0xda0u
#define MSR_SYSCFG            0xc0010010u
#define MSR_TOP_MEM           0xc001001au

#define PORT_KEYBOARD_DATA    0x60
#define PORT_KEYBOARD_COMMAND 0x64
    #define KEYBOARD_INPUT_FULL 0x02
#define PORT_SYSTEM_CONTROL_A 0x92
#define REGION 0x1800000ul /* 24 MiB: memory that nobody else uses */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct outcome {
    struct fault fault;
    uint64_t value;
};

static const struct {
    uint32_t leaf, subleaf;
    unsigned word, bit;
    const char *name;
} features[] = {
    { 0x1, 0, 2, 2, "DTES64" },
    { 0x1, 0, 2, 4, "DS-CPL" },
    { 0x1, 0, 3, 21, "DS" },
    { 0x6, 0, 0, 19, "HFI" },
    { 0x6, 0, 0, 23, "Thread Director" },
    { 0x7, 0, 1, 25, "Processor Trace" },
    { 0x7, 0, 2, 13, "TME" },
    { 0x7, 0, 3, 5, "UINTR" },
    { 0x7, 0, 3, 18, "PCONFIG" },
    { 0x7, 0, 3, 19, "architectural LBRs" },
    { 0x7, 1, 0, 8, "ArchPerfmonExt" },
    { 0x7, 2, 3, 6, "UC_LOCK_DISABLE" },
    { 0xd, 1, 2, 8, "XSAVES of Processor Trace" },
    { 0xd, 1, 2, 14, "XSAVES of UINTR" },
    { 0xd, 1, 2, 15, "XSAVES of LBR" },
    { 0x80000008, 0, 1, 3, "INVLPGB" },
};

static const struct {
    uint32_t msr;
    const char *name;
} registers[] = {
    { 0x011, "MSR_KVM_WALL_CLOCK" },
    { 0x012, "MSR_KVM_SYSTEM_TIME" },
    { 0x09b, "IA32_SMM_MONITOR_CTL" },
    { 0x3f1, "IA32_PEBS_ENABLE" },
    { 0x3f2, "MSR_PEBS_DATA_CFG" },
    { 0x3f4, "IA32_PEBS_BASE" },
    { 0x3f6, "MSR_PEBS_LD_LAT" },
    { 0x560, "IA32_RTIT_OUTPUT_BASE" },
    { 0x570, "IA32_RTIT_CTL" },
    { 0x600, "IA32_DS_AREA" },
    { 0x982, "IA32_TME_ACTIVATE" },
    { 0x98a, "IA32_UINTR_TT" },
    { 0x14ce, "IA32_LBR_CTL" },
    { 0x17d0, "IA32_HW_FEEDBACK_PTR" },
    { 0x17d1, "IA32_HW_FEEDBACK_CONFIG" },
    { 0x1903, "IA32_PMC_GP0_CFG_C" },
    { 0x40000001, "HV_X64_MSR_HYPERCALL" },
    { 0x40000073, "HV_X64_MSR_VP_ASSIST_PAGE" },
    { 0x4b564d01, "MSR_KVM_SYSTEM_TIME_NEW" },
    { 0x4b564d03, "MSR_KVM_STEAL_TIME" },
    { 0xc0010117, "VM_HSAVE_PA" },
    { 0xc0010132, "RMP_BASE" },
};

static struct outcome read_register(uint32_t msr)
{
    struct outcome outcome;
    outcome.fault = try_rdmsr(msr, &outcome.value);
    return outcome;
}

static bool refuses_write(uint32_t msr, uint64_t value)
{
    struct fault fault = try_wrmsr(msr, value);
    return is_general_protection(fault);
}

static void check_features(bool checks)
{
    for (unsigned i = 0; i < COUNT(features); i++) {
        struct cpuid_result r = cpuid(features[i].leaf, features[i].subleaf);
        const uint32_t words[4] = { r.eax, r.ebx, r.ecx, r.edx };
        bool there = cpuid(features[i].leaf & 0x80000000u, 0).eax >= features[i].leaf;
        tap_check(!checks || !there || (words[features[i].word] >> features[i].bit & 1) == 0,
                  "CPUID does not announce %s", features[i].name);
    }
    struct cpuid_result below = cpuid(0x40000100, 0);
    tap_check(!checks || (below.eax | below.ebx | below.ecx | below.edx) == 0,
              "CPUID does not announce a hypervisor below");
}

static void check_registers(bool checks)
{
    for (unsigned i = 0; i < COUNT(registers); i++) {
        struct outcome read = { 0 };
        if (checks)
            read = read_register(registers[i].msr);
        tap_check(!checks || (is_general_protection(read.fault) && read.value == 0),
                  "RDMSR of %s: #GP(0)", registers[i].name);
        tap_check(!checks || refuses_write(registers[i].msr, 0x100001), "WRMSR of %s: #GP(0)",
                  registers[i].name);
    }
}

/* Branch trace messages, their store, its interrupt, and where it is off. */
static void check_debug_control(bool checks)
{
    uint64_t before = checks ? read_register(MSR_DEBUGCTL).value : 0;
    for (unsigned bit = 6; bit <= 10; bit++)
        tap_check(!checks || refuses_write(MSR_DEBUGCTL, before | 1ul << bit),
                  "WRMSR of IA32_DEBUGCTL with bit %u: #GP(0)", bit);
    tap_check(!checks || read_register(MSR_DEBUGCTL).value == before, "IA32_DEBUGCTL afterwards");
}

/* Registers that a processor may not have: then #GP is as right as what they show. */
static void check_bits(bool checks)
{
    struct outcome enable = { 0 }, performance = { 0 };
    if (checks) {
        performance = read_register(MSR_PERF_CAPABILITIES);
        enable = read_register(MSR_MISC_ENABLE);
    }
    tap_check((performance.value & PERF_CAPABILITIES_PEBS) == 0, "IA32_PERF_CAPABILITIES has no PEBS");
    if (checks && !enable.fault.taken) {
        (void)try_wrmsr(MSR_MISC_ENABLE, enable.value | MISC_ENABLE_XD_DISABLE);
        tap_check(((read_register(MSR_MISC_ENABLE).value ^ enable.value) & MISC_ENABLE_XD_DISABLE) == 0,
                  "IA32_MISC_ENABLE does not disable execute-disable");
        (void)try_wrmsr(MSR_MISC_ENABLE, enable.value & ~MISC_ENABLE_UNAVAILABLE);
        tap_check(((read_register(MSR_MISC_ENABLE).value ^ enable.value) & MISC_ENABLE_UNAVAILABLE) == 0,
                  "IA32_MISC_ENABLE shows the same of branch trace store and PEBS");
        (void)try_wrmsr(MSR_MISC_ENABLE, enable.value);
    } else {
        tap_check(true, "IA32_MISC_ENABLE does not disable execute-disable");
        tap_check(true, "IA32_MISC_ENABLE shows the same of branch trace store and PEBS");
    }
    tap_check(!checks || refuses_write(MSR_TEST_CTRL, TEST_CTRL_UC_LOCK_DISABLE),
              "WRMSR of MSR_TEST_CTRL with bit 28: #GP(0)");
    for (unsigned bit = 8; bit <= 15; bit++) {
        if (bit == 8 || bit >= 14)
            tap_check(!checks || refuses_write(MSR_XSS, 1ul << bit),
                      "WRMSR of IA32_XSS with bit %u: #GP(0)", bit);
    }
}

/* Kernels write these as a matter of course: no exception, and nothing comes of it. */
static void check_ignored(bool checks)
{
    static const uint32_t ignored[] = { MSR_SYSCFG, MSR_TOP_MEM };
    for (unsigned i = 0; i < COUNT(ignored); i++) {
        struct outcome before = { 0 }, after = { 0 };
        struct fault fault = { 0 };
        if (checks) {
            before = read_register(ignored[i]);
            fault = try_wrmsr(ignored[i], before.value ^ 0x800000);
            after = read_register(ignored[i]);
        }
        tap_check(!fault.taken && before.value == after.value, "WRMSR of %#x is ignored", ignored[i]);
    }
    struct fault fault = { 0 };
    if (checks)
        fault = try_wrmsr(MSR_BIOS_UPDT_TRIG, 0x100000);
    tap_check(!fault.taken, "WRMSR of %#x is ignored", MSR_BIOS_UPDT_TRIG);
}

static void keyboard_write(uint16_t port, uint8_t value)
{
    for (unsigned i = 0; i < 100000 && (inb(PORT_KEYBOARD_COMMAND) & KEYBOARD_INPUT_FULL) != 0; i++)
        ;
    outb(port, value);
}

static bool differ_in_line_20(void)
{
    volatile uint64_t *even = (volatile uint64_t *)REGION;
    volatile uint64_t *odd = (volatile uint64_t *)(REGION + 0x100000);
    *odd = 1;
    *even = 2;
    return *odd == 1;
}

/* Closed, its gate would take this code away as well, and every other MiB of the hypervisor's. */
static void check_line_20(bool checks)
{
    if (checks)
        outb(PORT_SYSTEM_CONTROL_A, (uint8_t)(inb(PORT_SYSTEM_CONTROL_A) & 0xfc));
    tap_check(!checks || differ_in_line_20(), "system control port A does not close A20");
    if (checks)
        keyboard_write(PORT_KEYBOARD_COMMAND, 0xdd);
    tap_check(!checks || differ_in_line_20(), "keyboard command DDh does not close A20");
    if (checks) {
        keyboard_write(PORT_KEYBOARD_COMMAND, 0xd1);
        keyboard_write(PORT_KEYBOARD_DATA, 0xdd);
    }
    tap_check(!checks || differ_in_line_20(), "the keyboard's output port does not close A20");
}

void guest_main(void)
{
    bool checks = sextant_present();
    trace_leave_out(VECTOR_GP);
    tap_plan((unsigned)(COUNT(features) + 1 + 2 * COUNT(registers)) + 6 + 3 + 4 + 3 + 3);
    check_features(checks);
    check_registers(checks);
    check_debug_control(checks);
    check_bits(checks);
    check_ignored(checks);
    check_line_20(checks);
}
