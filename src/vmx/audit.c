/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a VM entry was refused: the processor says "error 7" or "invalid guest state"; this says
 * which control or field (SDM Vol 3: VM Entries > Checks on VMX Controls and Host-State Area;
 * Checking and Loading Guest State). In the manual's order; all violations, not the first. */
#include "core/machine.h"
#include "lib/console.h"
#include "vmx/vmx.h"
#include "x86/msr.h"
#include "x86/registers.h"

#define DEBUGCTL_RESERVED   (~UINT64_C(0xdfc3))
#define RFLAGS_RESERVED     (~UINT64_C(0x3f7fd7))
#define SELECTOR_TI         (1u << 2)
#define SEGMENT_S           (1u << 4)
#define SEGMENT_PRESENT     (1u << 7)
#define SEGMENT_LONG        (1u << 13)
#define SEGMENT_BIG         (1u << 14)
#define SEGMENT_GRANULARITY (1u << 15)

static unsigned found;

static void complain(bool violated, const char *sentence)
{
    if (!violated)
        return;
    found++;
    console_print("VM entry: %s\n", sentence);
}

static void check_controls(void)
{
    for (unsigned id = CAPABILITY_NONE + 1; id < CAPABILITY_COUNT; id++) {
        const struct capability_row *row = capability_row(id);
        uint64_t bit = UINT64_C(1) << row->bit;
        const struct vmx_controls *allowed;
        uint64_t value;

        if (row->kind != CAPABILITY_KIND_CONTROL || !vmx_control_field(row->source))
            continue;
        allowed = vmx_controls_allowed(row->source);
        value = vmcs_read(vmx_control_field(row->source));
        if ((value & bit && !(allowed->may_be_1 & bit))
            || (!(value & bit) && allowed->must_be_1 & bit)) {
            found++;
            console_print("VM entry: the control \"%s\" is %d, which MSR %#x does not allow\n",
                          row->name, (value & bit) != 0, (unsigned)allowed->msr);
        }
    }
    for (unsigned word = 0; word < VMX_WORD_COUNT; word++) {
        const struct vmx_controls *allowed = vmx_controls_allowed(word);
        uint64_t value;

        if (!vmx_control_field(word))
            continue;
        value = vmcs_read(vmx_control_field(word));
        if ((value & ~allowed->may_be_1) | (allowed->must_be_1 & ~value)) {
            found++;
            console_print("VM entry: the %s are %#lx; bits %#lx must be 1, only bits %#lx may be\n",
                          vmx_control_word_row(word)->title, (unsigned long)value,
                          (unsigned long)allowed->must_be_1, (unsigned long)allowed->may_be_1);
        }
    }
}

static bool has_control(enum capability_id id)
{
    const struct capability_row *row = capability_row(id);

    return vmcs_read(vmx_control_field(row->source)) >> row->bit & 1;
}

static void check_virtual_apic(void)
{
    if (!has_control(CAPABILITY_VMX_TPR_SHADOW)) {
        complain(has_control(CAPABILITY_VMX_VIRTUALIZE_X2APIC)
                 || has_control(CAPABILITY_VMX_APIC_REGISTER_VIRTUALIZATION)
                 || has_control(CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY),
                 "the APIC is virtualized without \"Use TPR shadow\"");
        return;
    }
    complain(has_control(CAPABILITY_VMX_VIRTUAL_INTERRUPT_DELIVERY)
             && !has_control(CAPABILITY_VMX_EXTERNAL_INTERRUPT_EXITING),
             "\"Virtual-interrupt delivery\" is 1 and \"External-interrupt exiting\" is 0");
    complain(has_control(CAPABILITY_VMX_VIRTUALIZE_X2APIC)
             && has_control(CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES),
             "the APIC is virtualized in both modes at once");
    complain(vmcs_read(VMCS_VIRTUAL_APIC_ADDRESS) & 0xfff
             || vmcs_read(VMCS_VIRTUAL_APIC_ADDRESS) >> machine.physical_address_bits,
             "the virtual-APIC address is no page");
    complain(has_control(CAPABILITY_VMX_VIRTUALIZE_APIC_ACCESSES)
             && (vmcs_read(VMCS_APIC_ACCESS_ADDRESS) & 0xfff
                 || vmcs_read(VMCS_APIC_ACCESS_ADDRESS) >> machine.physical_address_bits),
             "the APIC-access address is no page");
}

static void check_host(void)
{
    complain((vmcs_read(VMCS_HOST_CR0) & vmx_cr0_fixed) != vmx_cr0_fixed,
             "a bit of the host's CR0 that VMX fixes is 0");
    complain((vmcs_read(VMCS_HOST_CR4) & vmx_cr4_fixed) != vmx_cr4_fixed,
             "a bit of the host's CR4 that VMX fixes is 0");
    complain(!(vmcs_read(VMCS_HOST_CR4) & CR4_PAE), "the host's CR4.PAE is 0");
    complain(!vmcs_read(VMCS_HOST_CS_SELECTOR), "the host's CS selector is 0");
    complain(!vmcs_read(VMCS_HOST_TR_SELECTOR), "the host's TR selector is 0");
    complain(vmcs_read(VMCS_HOST_CR3) >> machine.physical_address_bits,
             "the host's CR3 is beyond the physical address width");
}

static void check_control_registers(struct cpu *cpu)
{
    uint64_t cr0 = vmcs_read(VMCS_GUEST_CR0), cr4 = vmcs_read(VMCS_GUEST_CR4);
    uint64_t efer = vmx_register_read(cpu, GUEST_EFER);
    bool long_mode = vmcs_read(VMCS_ENTRY_CONTROLS)
                   & 1u << capability_row(CAPABILITY_VMX_ENTRY_IA32E_MODE_GUEST)->bit;

    complain((cr0 & vmx_cr0_fixed) != vmx_cr0_fixed,
             "a bit of the guest's CR0 that VMX fixes is 0");
    complain(cr0 & CR0_PG && !(cr0 & CR0_PE), "the guest's CR0 has PG without PE");
    complain((cr4 & vmx_cr4_fixed) != vmx_cr4_fixed,
             "a bit of the guest's CR4 that VMX fixes is 0");
    complain(long_mode && !(cr0 & CR0_PG),
             "\"IA-32e mode guest\" is 1 and the guest's CR0.PG is 0");
    complain(long_mode && !(cr4 & CR4_PAE),
             "\"IA-32e mode guest\" is 1 and the guest's CR4.PAE is 0");
    complain(!long_mode && cr4 & CR4_PCIDE,
             "\"IA-32e mode guest\" is 0 and the guest's CR4.PCIDE is 1");
    complain(vmcs_read(VMCS_GUEST_CR3) >> machine.physical_address_bits,
             "the guest's CR3 is beyond the physical address width");
    complain(vmcs_read(VMCS_GUEST_DR7) >> 32, "the high half of the guest's DR7 is not 0");
    complain(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_RESERVED,
             "a reserved bit of the guest's IA32_DEBUGCTL is 1");
    complain(!(efer & EFER_LMA) != !long_mode,
             "the guest's EFER.LMA differs from \"IA-32e mode guest\"");
    complain(cr0 & CR0_PG && !(efer & EFER_LMA) != !(efer & EFER_LME),
             "the guest's EFER.LMA differs from EFER.LME while paging is on");
}

static void check_segment(enum guest_segment which, const char *name)
{
    uint32_t rights = (uint32_t)vmcs_read(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * which);
    uint32_t limit = (uint32_t)vmcs_read(VMCS_GUEST_ES_LIMIT + 2 * which);
    uint64_t base = vmcs_read(VMCS_GUEST_ES_BASE + 2 * which);
    bool system = which == GUEST_LDTR || which == GUEST_TR;
    bool wrong;

    if (rights & VMCS_SEGMENT_UNUSABLE && which != GUEST_CS && which != GUEST_TR)
        return;
    wrong = rights & VMCS_SEGMENT_UNUSABLE || !(rights & SEGMENT_PRESENT)
         || !(rights & SEGMENT_S) != system || rights & 0xfffe0f00
         || (rights & SEGMENT_GRANULARITY ? (limit & 0xfff) != 0xfff : limit >> 20 != 0)
         || (!system && !(rights & 1));
    if (which <= GUEST_DS && base >> 32)
        wrong = true;
    if (which == GUEST_CS && rights & SEGMENT_LONG && rights & SEGMENT_BIG)
        wrong = true;
    if (which == GUEST_TR && (rights & 0xf) != 11 && (rights & 0xf) != 3)
        wrong = true;
    if (!wrong)
        return;
    found++;
    console_print("VM entry: the guest's %s is impossible: access rights %#x, limit %#x, "
                  "base %#lx\n",
                  name, (unsigned)rights, (unsigned)limit, (unsigned long)base);
}

static void check_segments(void)
{
    static const char *const names[] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR" };
    uint64_t rflags = vmcs_read(VMCS_GUEST_RFLAGS);

    complain(vmcs_read(VMCS_GUEST_ES_SELECTOR + 2 * GUEST_TR) & SELECTOR_TI,
             "the guest's TR selector names the LDT");
    for (unsigned i = GUEST_ES; i <= GUEST_TR && !(rflags & RFLAGS_VM); i++)
        check_segment(i, names[i]);
    complain(vmcs_read(VMCS_GUEST_GDTR_LIMIT) >> 16,
             "the guest's GDTR limit has more than 16 bits");
    complain(vmcs_read(VMCS_GUEST_IDTR_LIMIT) >> 16,
             "the guest's IDTR limit has more than 16 bits");
}

static void check_rip_and_events(void)
{
    uint64_t rflags = vmcs_read(VMCS_GUEST_RFLAGS), rip = vmcs_read(VMCS_GUEST_RIP);
    uint32_t cs = (uint32_t)vmcs_read(VMCS_GUEST_ES_ACCESS_RIGHTS + 2 * GUEST_CS);
    uint64_t state = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
    uint64_t pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG);
    uint64_t activity = vmcs_read(VMCS_GUEST_ACTIVITY);
    uint32_t event = (uint32_t)vmcs_read(VMCS_ENTRY_INTERRUPTION);
    unsigned type = event >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE;
    bool shadow = state & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);
    bool steps = rflags & RFLAGS_TF && !(vmcs_read(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF);

    complain(rip >> 32 && !(cs & SEGMENT_LONG),
             "the guest's RIP has more than 32 bits outside 64-bit code");
    complain(rflags & RFLAGS_RESERVED || !(rflags & RFLAGS_FIXED),
             "a reserved bit of the guest's RFLAGS has the wrong value");
    complain(activity > ACTIVITY_WAIT_FOR_SIPI, "the guest's activity state is none of the four");
    complain(activity == ACTIVITY_HLT && shadow,
             "the guest is in HLT and blocked by STI or MOV SS");
    complain(state & INTERRUPTIBILITY_SMI, "the guest is blocked by an SMI outside SMM");
    complain((state & 3) == 3, "the guest is blocked by STI and by MOV SS at once");
    complain(state & INTERRUPTIBILITY_STI && !(rflags & RFLAGS_IF),
             "the guest is blocked by STI and RFLAGS.IF is 0");
    complain((shadow || activity == ACTIVITY_HLT) && !(pending & PENDING_DEBUG_BS) != !steps,
             "pending debug exceptions' BS disagrees with RFLAGS.TF in an interrupt shadow");
    if (!(event & INTERRUPTION_VALID))
        return;
    complain(type == EVENT_EXTERNAL_INTERRUPT && (!(rflags & RFLAGS_IF) || shadow),
             "an interrupt is injected that the guest cannot take");
    complain(type == EVENT_NMI && state & (INTERRUPTIBILITY_NMI | INTERRUPTIBILITY_MOV_SS),
             "an NMI is injected while NMIs are blocked");
    complain(type == EVENT_NMI && (event & INTERRUPTION_VECTOR) != VECTOR_NMI,
             "an NMI is injected with a vector other than 2");
    complain(type == EVENT_EXCEPTION && (event & INTERRUPTION_VECTOR) > 31,
             "an exception is injected with a vector above 31");
}

unsigned vmx_audit(struct cpu *cpu)
{
    found = 0;
    check_controls();
    check_virtual_apic();
    check_host();
    check_control_registers(cpu);
    check_segments();
    check_rip_and_events();
    if (!found)
        console_print("VM entry: none of the checks that Sextant knows is violated\n");
    return found;
}
