# SPDX-License-Identifier: BSD-2-Clause
"""What the manuals say a bit of a register means: a second reading, written from their tables and not from capabilities.def.

Sources: SDM Vol 3: VMX Capability Reporting Facility; SDM Vol 3: Virtual Machine Control Structures > VM-Execution Control Fields,
VM-Exit Control Fields, VM-Entry Control Fields; SDM Vol 2: CPUID; SDM Vol 4: Model-Specific Registers; APM Vol 3: Obtaining Processor
Information Via the CPUID Instruction > Function 8000_000Ah; APM Vol 2: Secure Virtual Machine > Enabling SVM.
"""

from dataclasses import dataclass
from typing import Any

Cpuid = dict[tuple[int, int], tuple[int, ...]]      # by leaf and subleaf: EAX, EBX, ECX, EDX
Msrs = dict[int, int]                               # those that were read without #GP

EAX, EBX, ECX, EDX = range(4)

# By leaf, subleaf, register: the identifier in the report by bit.
CPUID: dict[tuple[int, int, int], dict[int, str]] = {
    (0x1, 0, ECX): {3: "monitor", 5: "vmx", 6: "smx", 13: "cmpxchg16b", 17: "pcid", 21: "x2apic", 24: "tsc_deadline", 26: "xsave",
                    31: "hypervisor"},
    (0x1, 0, EDX): {4: "tsc", 5: "msr", 6: "pae", 7: "mce", 9: "apic", 12: "mtrr", 16: "pat", 24: "fxsr", 26: "sse2"},
    (0x6, 0, EAX): {2: "arat"},
    (0x7, 0, EBX): {0: "fsgsbase", 1: "tsc_adjust", 7: "smep", 10: "invpcid", 20: "smap"},
    (0x7, 0, ECX): {2: "umip", 16: "la57"},
    (0xd, 1, EAX): {3: "xsaves"},
    (0x80000001, 0, ECX): {2: "svm"},
    (0x80000001, 0, EDX): {20: "nx", 26: "pdpe1gb", 27: "rdtscp", 29: "long_mode"},
    (0x80000007, 0, EDX): {8: "invariant_tsc"},
    (0x8000000a, 0, ECX): {6: "svm_x2avic_ext"},
    (0x8000000a, 0, EDX): {
        0: "svm_np", 1: "svm_lbr_virt", 2: "svm_lock", 3: "svm_nrips", 4: "svm_tsc_rate_msr", 5: "svm_vmcb_clean",
        6: "svm_flush_by_asid", 7: "svm_decode_assists", 8: "svm_pmc_virt", 9: "svm_sse5_disable", 10: "svm_pause_filter",
        12: "svm_pause_filter_threshold", 13: "svm_avic", 15: "svm_vmsave_virt", 16: "svm_vgif", 17: "svm_gmet", 18: "svm_x2avic",
        19: "svm_sss_check", 20: "svm_spec_ctrl", 21: "svm_rogpt", 23: "svm_host_mce_override", 24: "svm_tlbi_ctl",
        25: "svm_vnmi", 26: "svm_ibs_virt", 27: "svm_ext_lvt_avic", 28: "svm_vmcb_address_check", 29: "svm_bus_lock_threshold",
        30: "svm_idle_hlt"},
}

IA32_APIC_BASE, IA32_FEATURE_CONTROL, VM_CR = 0x1b, 0x3a, 0xc0010114
IA32_VMX_BASIC, IA32_VMX_MISC, IA32_VMX_EPT_VPID_CAP, IA32_VMX_VMFUNC = 0x480, 0x485, 0x48c, 0x491

# Plain bits of MSRs.
BITS: dict[int, dict[int, str]] = {
    IA32_APIC_BASE: {10: "x2apic_enabled", 11: "apic_enabled"},
    IA32_FEATURE_CONTROL: {0: "vmx_feature_control_lock", 1: "vmx_inside_smx", 2: "vmx_outside_smx"},
    IA32_VMX_BASIC: {48: "vmx_32_bit_addresses", 49: "vmx_dual_monitor", 54: "vmx_ins_outs_information", 55: "vmx_true_controls",
                     56: "vmx_any_error_code", 58: "vmx_nested_exception"},
    IA32_VMX_MISC: {5: "vmx_store_efer_lma", 6: "vmx_activity_hlt", 7: "vmx_activity_shutdown", 8: "vmx_activity_wait_for_sipi",
                    14: "vmx_intel_pt", 15: "vmx_smbase_read", 28: "vmx_smi_vmxoff", 29: "vmx_write_exit_fields",
                    30: "vmx_zero_length_injection"},
    IA32_VMX_EPT_VPID_CAP: {
        0: "vmx_ept_execute_only", 6: "vmx_ept_walk_4", 7: "vmx_ept_walk_5", 8: "vmx_ept_uncacheable", 14: "vmx_ept_write_back",
        16: "vmx_ept_2mb", 17: "vmx_ept_1gb", 20: "vmx_invept", 21: "vmx_ept_accessed_dirty",
        22: "vmx_ept_advanced_information", 23: "vmx_ept_supervisor_shadow_stack", 25: "vmx_invept_single", 26: "vmx_invept_all",
        32: "vmx_invvpid", 40: "vmx_invvpid_address", 41: "vmx_invvpid_single", 42: "vmx_invvpid_all",
        43: "vmx_invvpid_globals"},
    IA32_VMX_VMFUNC: {0: "vmx_eptp_switching"},
    VM_CR: {3: "svm_vm_cr_lock", 4: "svm_vm_cr_svmdis"},
}


@dataclass(frozen=True)
class Word:
    """A word of VMX controls. msr: its capability MSR, true: the one that counts where IA32_VMX_BASIC bit 55 is 1; shift: where the
    allowed-1 settings begin; gate: the word and bit that say that the word exists."""

    msr: int
    true: int
    shift: int
    bits: dict[int, str]
    gate: tuple[str, int] | None = None


CONTROLS: dict[str, Word] = {
    "PINBASED": Word(0x481, 0x48d, 32, {
        0: "vmx_external_interrupt_exiting", 3: "vmx_nmi_exiting", 5: "vmx_virtual_nmis", 6: "vmx_preemption_timer",
        7: "vmx_posted_interrupts"}),
    "PROCBASED": Word(0x482, 0x48e, 32, {
        2: "vmx_interrupt_window_exiting", 3: "vmx_tsc_offsetting", 7: "vmx_hlt_exiting", 9: "vmx_invlpg_exiting",
        10: "vmx_mwait_exiting", 11: "vmx_rdpmc_exiting", 12: "vmx_rdtsc_exiting", 15: "vmx_cr3_load_exiting",
        16: "vmx_cr3_store_exiting", 17: "vmx_tertiary_controls", 19: "vmx_cr8_load_exiting", 20: "vmx_cr8_store_exiting",
        21: "vmx_tpr_shadow", 22: "vmx_nmi_window_exiting", 23: "vmx_mov_dr_exiting", 24: "vmx_unconditional_io_exiting",
        25: "vmx_io_bitmaps", 27: "vmx_monitor_trap_flag", 28: "vmx_msr_bitmaps", 29: "vmx_monitor_exiting",
        30: "vmx_pause_exiting", 31: "vmx_secondary_controls"}),
    "PROCBASED2": Word(0x48b, 0x48b, 32, {
        0: "vmx_virtualize_apic_accesses", 1: "vmx_ept", 2: "vmx_descriptor_table_exiting", 3: "vmx_enable_rdtscp",
        4: "vmx_virtualize_x2apic", 5: "vmx_vpid", 6: "vmx_wbinvd_exiting", 7: "vmx_unrestricted_guest",
        8: "vmx_apic_register_virtualization", 9: "vmx_virtual_interrupt_delivery", 10: "vmx_pause_loop_exiting",
        11: "vmx_rdrand_exiting", 12: "vmx_enable_invpcid", 13: "vmx_vm_functions", 14: "vmx_vmcs_shadowing",
        15: "vmx_encls_exiting", 16: "vmx_rdseed_exiting", 17: "vmx_page_modification_logging", 18: "vmx_ept_violation_ve",
        19: "vmx_conceal_from_pt", 20: "vmx_enable_xsaves", 21: "vmx_pasid_translation", 22: "vmx_mode_based_execute",
        23: "vmx_sub_page_write", 24: "vmx_pt_guest_physical", 25: "vmx_tsc_scaling", 26: "vmx_user_wait",
        27: "vmx_enable_pconfig", 28: "vmx_enclv_exiting", 30: "vmx_bus_lock_detection", 31: "vmx_instruction_timeout"},
        ("PROCBASED", 31)),
    "PROCBASED3": Word(0x492, 0x492, 0, {
        0: "vmx_loadiwkey_exiting", 1: "vmx_hlat", 2: "vmx_ept_paging_write", 3: "vmx_guest_paging_verification",
        4: "vmx_ipi_virtualization", 5: "vmx_seam_address_width", 6: "vmx_enable_msr_list", 7: "vmx_virtualize_spec_ctrl",
        8: "vmx_apic_timer_virtualization", 9: "vmx_enable_pbndkb", 12: "vmx_pebs_guest_physical"},
        ("PROCBASED", 17)),
    "EXIT": Word(0x483, 0x48f, 32, {
        2: "vmx_exit_save_debug_controls", 9: "vmx_exit_host_address_space_size", 12: "vmx_exit_load_perf_global_ctrl",
        15: "vmx_exit_acknowledge_interrupt", 18: "vmx_exit_save_pat", 19: "vmx_exit_load_pat", 20: "vmx_exit_save_efer",
        21: "vmx_exit_load_efer", 22: "vmx_exit_save_preemption_timer", 23: "vmx_exit_clear_bndcfgs",
        24: "vmx_exit_conceal_from_pt", 25: "vmx_exit_clear_rtit_ctl", 26: "vmx_exit_clear_lbr_ctl", 27: "vmx_exit_clear_uinv",
        28: "vmx_exit_load_cet", 29: "vmx_exit_load_pkrs", 30: "vmx_exit_save_perf_global_ctrl",
        31: "vmx_secondary_exit_controls"}),
    "EXIT2": Word(0x493, 0x493, 0, {
        0: "vmx_exit_save_fred", 1: "vmx_exit_load_fred", 2: "vmx_exit_load_spec_ctrl", 3: "vmx_exit_busy_shadow_stack"},
        ("EXIT", 31)),
    "ENTRY": Word(0x484, 0x490, 32, {
        2: "vmx_entry_load_debug_controls", 9: "vmx_entry_ia32e_mode_guest", 10: "vmx_entry_to_smm",
        11: "vmx_entry_deactivate_dual_monitor", 13: "vmx_entry_load_perf_global_ctrl", 14: "vmx_entry_load_pat",
        15: "vmx_entry_load_efer", 16: "vmx_entry_load_bndcfgs", 17: "vmx_entry_conceal_from_pt", 18: "vmx_entry_load_rtit_ctl",
        19: "vmx_entry_load_uinv", 20: "vmx_entry_load_cet", 21: "vmx_entry_load_lbr_ctl", 22: "vmx_entry_load_pkrs",
        23: "vmx_entry_load_fred", 24: "vmx_entry_load_spec_ctrl", 25: "vmx_entry_seam_telemetry"}),
}

# These are not bits: usable is what firmware allows.
DERIVED = ("vmx_usable", "svm_usable")


def names() -> set[str]:
    """All identifiers."""
    rows = [*CPUID.values(), *BITS.values(), *(word.bits for word in CONTROLS.values())]
    return {name for row in rows for name in row.values()} | set(DERIVED)


class Reading:
    """What the raw registers of a machine mean."""

    def __init__(self, cpuid: Cpuid, msrs: Msrs) -> None:
        self.cpuid, self.msrs = cpuid, msrs
        self.present: dict[str, bool] = {}
        for (leaf, subleaf, register), row in CPUID.items():
            word = cpuid.get((leaf, subleaf), (0, 0, 0, 0))[register] if self.has_leaf(leaf) else 0
            self.add(row, word)
        self.true = bool(self.vmx(IA32_VMX_BASIC) >> 55 & 1)
        for msr, row in BITS.items():
            self.add(row, self.vmx(msr) if IA32_VMX_BASIC <= msr <= 0x4ff else msrs.get(msr, 0))
        for name, word in CONTROLS.items():
            self.add(word.bits, self.allowed(name))
        self.only_where("vmx_feature_control_lock", "vmx_inside_smx", "vmx_outside_smx", there="vmx")
        self.present["vmx_usable"] = self.vmx_usable()
        self.present["svm_usable"] = self.present["svm"] and not self.present["svm_vm_cr_svmdis"]

    def add(self, row: dict[int, str], word: int) -> None:
        self.present |= {name: bool(word >> bit & 1) for bit, name in row.items()}

    def only_where(self, *names_of: str, there: str) -> None:
        for name in names_of:
            self.present[name] = self.present[name] and self.present[there]

    def has_leaf(self, leaf: int) -> bool:
        """A leaf beyond the maximum answers with another's data."""
        base = leaf & 0xffff0000
        return leaf <= self.cpuid.get((base, 0), (0,))[0]

    def vmx(self, msr: int) -> int:
        """An MSR that only exists with VMX."""
        return self.msrs.get(msr, 0) if self.present["vmx"] else 0

    def allowed(self, name: str) -> int:
        """The controls of the word that may be 1."""
        word = CONTROLS[name]
        if word.gate and not self.allowed(word.gate[0]) >> word.gate[1] & 1:
            return 0
        return self.vmx(word.true if self.true else word.msr) >> word.shift

    def vmx_usable(self) -> bool:
        """SDM Vol 3: Introduction to VMX > Enabling and Entering VMX Operation: unlocked, or locked with VMX outside SMX."""
        control = self.msrs.get(IA32_FEATURE_CONTROL, 0)
        return self.present["vmx"] and (not control & 1 or bool(control & 4))


def read(report: dict[str, Any]) -> Reading:
    """Of a report's raw part."""
    cpuid = {(row[0], row[1]): tuple(row[2:]) for row in report["raw"]["cpuid"]}
    return Reading(cpuid, {index: int(value, 16) for index, value in report["raw"]["msr"] if value is not None})
