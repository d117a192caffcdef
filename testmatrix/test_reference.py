# SPDX-License-Identifier: BSD-2-Clause
"""capabilities.def and every host's report against a second reading of the manuals (harness/manual.py) and of the raw registers."""

import re

import gen_docs
import pytest
from harness import manual
from harness.data import Host
from harness.decoder import PRESENT
from harness.lab import Lab
from test_report import hosts

SOURCE = re.compile(r"(\w+)\((.*)\)", re.DOTALL)
REGISTERS = ("EAX", "EBX", "ECX", "EDX")


def rows() -> list[tuple[str, str, list[str]]]:
    """Identifier as in the report, kind of source, its arguments."""
    found = []
    for row in gen_docs.rows(gen_docs.SOURCE / "probe/capabilities.def", "CAPABILITY"):
        source = SOURCE.fullmatch(row[3])
        assert source, row
        found.append((row[0].lower(), source[1], [word.strip() for word in source[2].split(",")]))
    return found


def second_reading(kind: str, words: list[str]) -> str | None:
    """What the manual's tables have at that place."""
    if kind == "CPUID":
        leaf, subleaf, register, bit = int(words[0], 16), int(words[1], 16), REGISTERS.index(words[2]), int(words[3])
        return manual.CPUID.get((leaf, subleaf, register), {}).get(bit)
    if kind == "CONTROL":
        return manual.CONTROLS[words[0]].bits.get(int(words[1]))
    assert kind == "MSR_BIT", kind
    return manual.BITS[getattr(manual, words[0])].get(int(words[1]))


def test_every_row_has_a_second_reading() -> None:
    """A capability that only one table knows is checked by nobody."""
    assert {name for name, _, _ in rows()} == manual.names()
    assert {name for name, kind, _ in rows() if kind == "DERIVED"} == set(manual.DERIVED)


@pytest.mark.parametrize(("name", "kind", "words"), [pytest.param(*row, id=row[0]) for row in rows() if row[1] != "DERIVED"])
def test_row_is_what_the_manual_says(name: str, kind: str, words: list[str]) -> None:
    assert second_reading(kind, words) == name


def test_the_vector_of_a_nested_host() -> None:
    """IA32_VMX_PROCBASED_CTLS of a hosted CI machine, which had no monitor trap flag."""
    reading = manual.Reading({(0, 0): (1, 0, 0, 0), (1, 0): (0, 0, 1 << 5, 1 << 5)}, {0x480: 0, 0x482: 0xf7b9fffe0401e172, 0x48b: 1 << 33})
    assert not reading.present["vmx_monitor_trap_flag"]
    assert reading.present["vmx_secondary_controls"]
    assert reading.present["vmx_ept"]


@pytest.mark.parametrize("host", hosts())
def test_read_by_hand(lab: Lab, host: Host) -> None:
    """The raw registers of the report, read by the second table, have what the report says that the machine has."""
    report = lab.report(host)
    reading = manual.read(report.data)
    assert set(reading.present) == set(report.capabilities)
    wrong = [f"{name} is {report.capabilities[name]}, and the raw registers say {'present' if there else 'absent'}"
             for name, there in reading.present.items() if there != (report.capabilities[name] in PRESENT)]
    assert wrong == []
