# SPDX-License-Identifier: BSD-2-Clause
"""What Debian's cpuid(1) reads in the raw part of a report: a decoder that knows nothing of Sextant's own table."""

import re
import subprocess
from pathlib import Path

from .report import CPUID_LINE

SECTION = re.compile(r"^   (\S.*?) \((0x)?([0-9a-f]+)(?:/(\w+))?\)(?: *:|$)")
FLAG = re.compile(r"^ {6}(\S.*?) += (true|false)$")

# Section as leaf/register, cpuid's words, the capability's identifier in the report.
COMMON = (
    ("1/edx", "TSC: time stamp counter", "tsc"),
    ("1/edx", "RDMSR and WRMSR support", "msr"),
    ("1/edx", "PAE: physical address extensions", "pae"),
    ("1/edx", "MCE: machine check exception", "mce"),
    ("1/edx", "APIC on chip", "apic"),
    ("1/edx", "MTRR: memory type range registers", "mtrr"),
    ("1/edx", "PAT: page attribute table", "pat"),
    ("1/edx", "FXSAVE/FXRSTOR", "fxsr"),
    ("1/edx", "SSE2 extensions", "sse2"),
    ("1/ecx", "MONITOR/MWAIT", "monitor"),
    ("1/ecx", "VMX: virtual machine extensions", "vmx"),
    ("1/ecx", "SMX: safer mode extensions", "smx"),
    ("1/ecx", "CMPXCHG16B instruction", "cmpxchg16b"),
    ("1/ecx", "PCID: process context identifiers", "pcid"),
    ("1/ecx", "x2APIC: extended xAPIC support", "x2apic"),
    ("1/ecx", "time stamp counter deadline", "tsc_deadline"),
    ("1/ecx", "XSAVE/XSTOR states", "xsave"),
    ("1/ecx", "hypervisor guest status", "hypervisor"),
)
SOMETIMES = (       # leaves that not every model has
    ("6", "ARAT always running APIC timer", "arat"),
    ("7", "FSGSBASE instructions", "fsgsbase"),
    ("7", "IA32_TSC_ADJUST MSR supported", "tsc_adjust"),
    ("7", "SMEP supervisor mode exec protection", "smep"),
    ("7", "INVPCID instruction", "invpcid"),
    ("7", "SMAP: supervisor mode access prevention", "smap"),
    ("7", "UMIP: user-mode instruction prevention", "umip"),
    ("7", "LA57: 57-bit addrs & 5-level paging", "la57"),
    ("80000001/edx", "execution disable", "nx"),
    ("80000001/edx", "1-GB large page support", "pdpe1gb"),
    ("80000001/edx", "RDTSCP", "rdtscp"),
    ("80000001/edx", "64-bit extensions technology available", "long_mode"),
    ("80000007/edx", "TscInvariant", "invariant_tsc"),
)
AMD = (             # cpuid decodes these where the vendor's name is AMD's or Hygon's
    ("80000001/edx", "no-execute page protection", "nx"),
    ("80000001/edx", "1-GB large page support", "pdpe1gb"),
    ("80000001/edx", "RDTSCP", "rdtscp"),
    ("80000001/edx", "long mode (AA-64)", "long_mode"),
    ("80000001/ecx", "SVM: secure virtual machine", "svm"),
)
SVM = (             # leaf 0x8000000a, where it exists
    ("8000000a/edx", "nested paging", "svm_np"),
    ("8000000a/edx", "LBR virtualization", "svm_lbr_virt"),
    ("8000000a/edx", "SVM lock", "svm_lock"),
    ("8000000a/edx", "NRIP save", "svm_nrips"),
    ("8000000a/edx", "MSR based TSC rate control", "svm_tsc_rate_msr"),
    ("8000000a/edx", "VMCB clean bits support", "svm_vmcb_clean"),
    ("8000000a/edx", "flush by ASID", "svm_flush_by_asid"),
    ("8000000a/edx", "decode assists", "svm_decode_assists"),
    ("8000000a/edx", "pause intercept filter", "svm_pause_filter"),
    ("8000000a/edx", "pause filter threshold", "svm_pause_filter_threshold"),
    ("8000000a/edx", "AVIC: AMD virtual interrupt controller", "svm_avic"),
    ("8000000a/edx", "virtualized VMLOAD/VMSAVE", "svm_vmsave_virt"),
    ("8000000a/edx", "virtualized global interrupt flag (GIF)", "svm_vgif"),
    ("8000000a/edx", "GMET: guest mode execute trap", "svm_gmet"),
    ("8000000a/edx", "X2AVIC: virtualized X2APIC", "svm_x2avic"),
    ("8000000a/edx", "supervisor shadow stack", "svm_sss_check"),
    ("8000000a/edx", "guest Spec_ctl support", "svm_spec_ctrl"),
    ("8000000a/edx", "ROGPT: read-only guest page table", "svm_rogpt"),
    ("8000000a/edx", "host MCE override", "svm_host_mce_override"),
    ("8000000a/edx", "INVLPGB/TLBSYNC hyperv interc enable", "svm_tlbi_ctl"),
    ("8000000a/edx", "VNMI: NMI virtualization", "svm_vnmi"),
    ("8000000a/edx", "IBS virtualization", "svm_ibs_virt"),
    ("8000000a/edx", "guest SVME addr check", "svm_vmcb_address_check"),
)
ROWS = COMMON + SOMETIMES + AMD + SVM
AMD_VENDORS = ("AuthenticAMD", "HygonGenuine")
PRESENT = ("advertised", "verified", "broken", "forced")

Decoded = dict[tuple[str, str], bool]


def decode(directory: Path, text: str) -> Decoded:
    """Flags by section and words, as cpuid prints them."""
    lines = [found.group(0) for found in CPUID_LINE.finditer(text)]
    raw = directory / "cpuid.raw"
    raw.write_text("\n".join(["CPU 0:", *lines]) + "\n")
    answer = subprocess.run(["cpuid", "-f", str(raw)], capture_output=True, text=True, check=True)
    (directory / "cpuid.txt").write_text(answer.stdout)
    if answer.stderr:
        raise AssertionError(f"cpuid -f complains: {answer.stderr}")
    flags: Decoded = {}
    section = ""
    for line in answer.stdout.splitlines():
        if found := SECTION.match(line):
            section = found[3] + (f"/{found[4]}" if found[4] else "")
        elif found := FLAG.match(line):
            flags[section, found[1]] = found[2] == "true"
    return flags


def compare(decoded: Decoded, capabilities: dict[str, str], vendor: str) -> list[str]:
    """What cpuid sees in another way than the report; also what it does not say although it must."""
    wrong = []
    amd = vendor in AMD_VENDORS
    required = COMMON + (AMD if amd else ()) + (SVM if amd and ("8000000a/edx", "nested paging") in decoded else ())
    for section, words, capability in required + SOMETIMES:
        seen = decoded.get((section, words))
        if seen is None:
            wrong += [f"cpuid does not say {words!r}"] if (section, words, capability) in required else []
        elif seen != (capabilities[capability] in PRESENT):
            wrong.append(f"{capability} is {capabilities[capability]}, and cpuid says {words} = {seen}")
    return wrong
