# SPDX-License-Identifier: BSD-2-Clause
"""The processor models that an emulator has, as it says itself, without a machine's being started."""

import json
import os
import subprocess
from typing import Any

from runner import bochs, qemu

# The capabilities of the report that models of QEMU differ in, by QEMU's names for them.
FEATURES = {
    "svm": "svm", "npt": "svm_np", "lbrv": "svm_lbr_virt", "svm-lock": "svm_lock", "nrip-save": "svm_nrips",
    "tsc-scale": "svm_tsc_rate_msr", "vmcb-clean": "svm_vmcb_clean", "flushbyasid": "svm_flush_by_asid", "decodeassists": "svm_decode_assists",
    "pause-filter": "svm_pause_filter", "pfthreshold": "svm_pause_filter_threshold", "avic": "svm_avic",
    "v-vmsave-vmload": "svm_vmsave_virt", "vgif": "svm_vgif", "svme-addr-chk": "svm_vmcb_address_check", "vnmi": "svm_vnmi",
    "vmx": "vmx", "smx": "smx", "x2apic": "x2apic", "tsc-deadline": "tsc_deadline", "arat": "arat", "invtsc": "invariant_tsc",
    "tsc-adjust": "tsc_adjust", "rdtscp": "rdtscp", "lm": "long_mode", "nx": "nx", "pdpe1gb": "pdpe1gb", "la57": "la57", "pcid": "pcid",
    "invpcid": "invpcid", "smep": "smep", "smap": "smap", "umip": "umip", "fsgsbase": "fsgsbase", "xsave": "xsave",
    "xsaves": "xsaves", "monitor": "monitor", "cx16": "cmpxchg16b",
}
NOT_EMULATED = ("host",)         # the processor underneath


def of_qemu(emulator: str) -> dict[str, frozenset[str]]:
    """The capabilities of every model, as far as TCG has them."""
    [defined] = ask(emulator, [{"execute": "query-cpu-definitions"}])
    rows = [row for row in defined if row["name"] not in NOT_EMULATED]
    expanded = ask(emulator, [{"execute": "query-cpu-model-expansion", "arguments": {"type": "full", "model": {"name": row["name"]}}}
                              for row in rows])
    return {row["name"]: frozenset(FEATURES[name] for name in FEATURES
                                   if answer["model"]["props"].get(name) and name not in row.get("unavailable-features", ()))
            for row, answer in zip(rows, expanded, strict=True)}


def ask(emulator: str, questions: list[dict[str, Any]]) -> list[Any]:
    """By QEMU's control protocol (QMP)."""
    lines = [{"execute": "qmp_capabilities"}, *questions, {"execute": "quit"}]
    words = [*qemu.program(emulator), "-accel", "tcg", "-S", "-display", "none", "-nodefaults", "-qmp", "stdio"]
    said = subprocess.run(words, input="\n".join(map(json.dumps, lines)), capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in said.stdout.splitlines()]
    if wrong := [answer for answer in answers if "error" in answer]:
        raise AssertionError(f"{emulator} does not understand: {wrong[0]}")
    return [answer["return"] for answer in answers if "return" in answer][1:len(questions) + 1]


def of_bochs(emulator: str) -> set[str]:
    """Their names; what they have only a machine says."""
    words, environment, _ = bochs.program(emulator)
    said = subprocess.run([*words, "--help", "cpu"], capture_output=True, text=True, env=os.environ | environment, check=False)
    _, found, rest = (said.stdout + said.stderr).partition("Supported CPU models:\n\n")
    if not found:
        raise AssertionError(f"{emulator} does not say what models it has: {said.stderr[-200:]}")
    return set(rest.partition("\n\n")[0].split())
