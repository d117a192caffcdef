/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * svm: the guest sees a CPU without virtualization extensions.
 *
 * Matters because an SVM or VMX instruction that reaches the hardware, or a bit of EFER, VM_CR or
 * VM_HSAVE_PA that a guest can change, takes the machine away from the hypervisor.
 *
 * The oracle is a bare machine without the extensions: run this guest there with the CPU model's
 * SVM taken away (QEMU: -cpu EPYC,-svm). With it the lines of the instructions are not ok.
 * QEMU answers WRMSR and RDMSR of what it does not know without #GP, and cannot survive
 * a reserved bit in CR4, so bare QEMU is only asked that nothing changes; every other machine, and
 * Sextant, has to raise #GP(0).
 *
 * The leaves of CPUID are printed, for the comparison with the oracle. `# differs:` lines: the
 * leaves of the hypervisor range; what bare QEMU answers; the vector that privilege level 3 gets
 * for instructions that check it before they can be intercepted (#GP with SVM, #UD without). The trace
 * leaves out #GP, and #UD at those.
 * Source: APM Vol 3: System Instruction Reference; APM Vol 2: Secure Virtual Machine > Enabling
 * SVM; SDM Vol 3: VMX Instruction Reference.
 */
#include "guest.h"

#include "interrupts.h"
#include "msr.h"
#include "sextant.h"
#include "tap.h"
#include "trace.h"
#include "user.h"
#include "x86.h"

#define CPUID_1_ECX_VMX      (1u << 5)
#define CPUID_1_ECX_SMX      (1u << 6)
#define CPUID_EXT_ECX_SVM    (1u << 2)
#define CPUID_EXT_ECX_SKINIT (1u << 12)
#define LEAF_EXTENDED        0x80000000u
#define LEAF_SVM             0x8000000au

static uint8_t region[4096] __attribute__((aligned(4096)));

/* Executes one undefined opcode at privilege level 0; yields what came. */
#define X(id, name, text)                                                                          \
    static const struct fault *try_##id(void)                                                      \
    {                                                                                              \
        return TRY(text, "a"(region), "b"(region), "c"(0), "d"(0));                                \
    }
#define INSTRUCTIONS(X)                                                                            \
    X(vmrun, "VMRUN", "vmrun")                                                                     \
    X(vmload, "VMLOAD", "vmload")                                                                  \
    X(vmsave, "VMSAVE", "vmsave")                                                                  \
    X(vmmcall, "VMMCALL", "vmmcall")                                                               \
    X(stgi, "STGI", "stgi")                                                                        \
    X(clgi, "CLGI", "clgi")                                                                        \
    X(skinit, "SKINIT", "skinit")                                                                  \
    X(invlpga, "INVLPGA", "invlpga")                                                               \
    X(vmcall, "VMCALL", "vmcall")                                                                  \
    X(vmlaunch, "VMLAUNCH", "vmlaunch")                                                            \
    X(vmresume, "VMRESUME", "vmresume")                                                            \
    X(vmxoff, "VMXOFF", "vmxoff")                                                                  \
    X(vmxon, "VMXON", "vmxon (%%rbx)")                                                             \
    X(vmclear, "VMCLEAR", "vmclear (%%rbx)")                                                       \
    X(vmptrld, "VMPTRLD", "vmptrld (%%rbx)")                                                       \
    X(vmptrst, "VMPTRST", "vmptrst (%%rbx)")                                                       \
    X(vmread, "VMREAD", "vmread %%rcx, %%rdx")                                                     \
    X(vmwrite, "VMWRITE", "vmwrite %%rcx, %%rdx")                                                  \
    X(invept, "INVEPT", "invept (%%rbx), %%rcx")                                                   \
    X(invvpid, "INVVPID", "invvpid (%%rbx), %%rcx")                                                \
    X(vmfunc, "VMFUNC", "vmfunc")                                                                  \
    X(getsec, "GETSEC", "getsec")
INSTRUCTIONS(X)
#undef X

static const struct {
    const char *name;
    const struct fault *(*attempt)(void);
} instructions[] = {
#define X(id, name, text) { name, try_##id },
    INSTRUCTIONS(X)
#undef X
};

/* The same at privilege level 3, by opcode; each is followed by INT3 in case nothing is raised. */
static const struct {
    const char *name;
    uint8_t code[4];
} user_instructions[] = {
    { "VMMCALL", { 0x0f, 0x01, 0xd9, 0xcc } }, { "VMCALL", { 0x0f, 0x01, 0xc1, 0xcc } },
    { "VMRUN", { 0x0f, 0x01, 0xd8, 0xcc } },   { "VMLOAD", { 0x0f, 0x01, 0xda, 0xcc } },
    { "VMSAVE", { 0x0f, 0x01, 0xdb, 0xcc } },  { "STGI", { 0x0f, 0x01, 0xdc, 0xcc } },
    { "CLGI", { 0x0f, 0x01, 0xdd, 0xcc } },    { "SKINIT", { 0x0f, 0x01, 0xde, 0xcc } },
    { "INVLPGA", { 0x0f, 0x01, 0xdf, 0xcc } }, { "VMLAUNCH", { 0x0f, 0x01, 0xc2, 0xcc } },
    { "VMXOFF", { 0x0f, 0x01, 0xc4, 0xcc } },
};
#define ALWAYS_UNDEFINED_FOR_USER 2

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check_instructions(void)
{
    for (unsigned i = 0; i < COUNT(instructions); i++) {
        struct fault fault = *instructions[i].attempt();
        tap_check(fault.taken && fault.vector == VECTOR_UD, "%s: exception %d (expected 6, #UD)",
                  instructions[i].name, fault.taken ? fault.vector : -1);
    }
    for (unsigned i = 0; i < COUNT(user_instructions); i++) {
        if (i >= ALWAYS_UNDEFINED_FOR_USER)
            trace_leave_out(VECTOR_UD);
        struct fault fault = *user_run(user_instructions[i].code, 4, (uint64_t)region);
        if (i < ALWAYS_UNDEFINED_FOR_USER) {
            tap_check(fault.vector == VECTOR_UD && fault.rip == 0,
                      "%s at privilege level 3: exception %u (expected 6, #UD)",
                      user_instructions[i].name, fault.vector);
            continue;
        }
        tap_check((fault.vector == VECTOR_UD || fault.vector == VECTOR_GP) && fault.rip == 0,
                  "%s at privilege level 3 is refused", user_instructions[i].name);
        tap_differs("exception %u", fault.vector);
    }
}

/* #GP(0), or on bare QEMU no exception. */
static void check_refused(struct fault fault, const char *what)
{
    bool accepted = bare_qemu_present() && !fault.taken;
    tap_check(is_general_protection(fault) || accepted, "%s is refused", what);
    if (accepted)
        tap_differs("QEMU raises no exception");
}

static void check_registers(void)
{
    uint64_t efer = rdmsr(MSR_EFER);
    uint64_t value;
    check_refused(try_wrmsr(MSR_EFER, efer | EFER_SVME), "WRMSR of EFER with SVME");
    tap_equal(rdmsr(MSR_EFER), efer, "EFER afterwards");
    (void)try_wrmsr(MSR_EFER, efer | EFER_NXE | EFER_SCE);
    tap_equal(rdmsr(MSR_EFER), efer | EFER_NXE | EFER_SCE, "EFER with NXE and SCE set");
    check_refused(try_wrmsr(MSR_EFER, efer | EFER_NXE | EFER_SVME),
                  "WRMSR of EFER with SVME, without SCE");
    wrmsr(MSR_EFER, efer);
    tap_equal(rdmsr(MSR_EFER), efer, "EFER as it was");

    check_refused(try_rdmsr(MSR_VM_CR, &value), "RDMSR of VM_CR");
    check_refused(try_wrmsr(MSR_VM_CR, 0x10), "WRMSR of VM_CR");
    check_refused(try_rdmsr(MSR_VM_HSAVE_PA, &value), "RDMSR of VM_HSAVE_PA");
    tap_check(value == 0, "it shows nothing");
    check_refused(try_wrmsr(MSR_VM_HSAVE_PA, (uint64_t)region), "WRMSR of VM_HSAVE_PA");

    /* On QEMU a reserved bit of CR4 is a #VMEXIT even when no guest runs, which never ends. */
    uint64_t cr4 = read_cr4();
    struct fault fault = { .taken = true, .vector = VECTOR_GP };
    if (!bare_qemu_present())
        fault = *TRY("movq %1, %%cr4", "r"(cr4 | CR4_VMXE));
    tap_check(is_general_protection(fault), "CR4.VMXE: #GP(0)");
    tap_equal(read_cr4(), cr4, "CR4 afterwards");
}

/* Leaves of zeroes are left out. */
static void print_leaves(uint32_t first, uint32_t last)
{
    for (uint32_t leaf = first; leaf <= last; leaf++) {
        struct cpuid_result r = cpuid(leaf, 0);
        if ((r.eax | r.ebx | r.ecx | r.edx) != 0)
            tap_note("CPUID %#08x: %08x %08x %08x %08x", leaf, r.eax, r.ebx, r.ecx, r.edx);
    }
}

static void check_cpuid(void)
{
    uint32_t last = cpuid(0, 0).eax;
    uint32_t last_extended = cpuid(LEAF_EXTENDED, 0).eax;
    tap_equal(cpuid(1, 0).ecx & (CPUID_1_ECX_VMX | CPUID_1_ECX_SMX), 0,
              "VMX and SMX in CPUID leaf 1");
    tap_equal(cpuid(LEAF_EXTENDED + 1, 0).ecx & (CPUID_EXT_ECX_SVM | CPUID_EXT_ECX_SKINIT), 0,
              "SVM and SKINIT in CPUID leaf 0x80000001");
    struct cpuid_result svm = cpuid(LEAF_SVM, 0);
    tap_equal(last_extended < LEAF_SVM ? 0 : svm.eax | svm.ebx | svm.ecx | svm.edx, 0,
              "CPUID leaf 0x8000000a, if there is one");
    print_leaves(0, last);
    print_leaves(LEAF_EXTENDED, last_extended);
    struct cpuid_result hypervisor = cpuid(0x40000000, 0);
    tap_differs("CPUID 0x40000000: %08x %08x %08x %08x", hypervisor.eax, hypervisor.ebx,
                hypervisor.ecx, hypervisor.edx);
}

void guest_main(void)
{
    trace_leave_out(VECTOR_GP);
    tap_plan((unsigned)(COUNT(instructions) + COUNT(user_instructions)) + 12 + 3);
    check_cpuid();
    check_registers();
    check_instructions();
}
