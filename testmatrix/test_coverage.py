# SPDX-License-Identifier: BSD-2-Clause
"""Whatever strategy the image carries and a group of machines can have, a test has it bound there.

Groups are the tags of hosts/; what a machine can have is what strategies.def asks for and its golden report has. Machines
with KVM have no golden report, because each has its own processor: they are left out.
"""

from typing import Any

import gen_docs
import test_bochs_guests
import test_linux_strategies
from harness import data, golden
from harness.data import Host

# Hosts of these tags differ from another group's by what no strategy depends on; `auto` runs there.
SAME_AS = {"many": "the main host with more processors", "memory": "the main host with other memory",
           "bochs-model": "one boot of the machines' own choice", "moved": "QEMU 10 once more, for one guest"}


def built() -> set[tuple[str, str]]:
    """Of implemented.def, by the identifiers of strategies.def: (axis, identifier)."""
    rows = gen_docs.rows(gen_docs.SOURCE / "strategies/implemented.def", "STRATEGY")
    return {(axis.upper(), identifier.removeprefix(f"{axis.upper()}_")) for identifier, axis, _ in rows}


def strategies() -> list[tuple[str, str, dict[str, list[str] | None]]]:
    """Axis, name, and for each backend the capabilities that are needed; None: it cannot."""
    found = []
    for axis, identifier, name, _, _, _, vmx, svm, _, _ in gen_docs.rows(
            gen_docs.SOURCE / "strategies/strategies.def", "STRATEGY"):
        if (axis, identifier) in built():
            found.append((axis.lower(), gen_docs.string(name), {"vmx": gen_docs.needs(vmx), "svm": gen_docs.needs(svm)}))
    return found


def can_have(kept: dict[str, Any], ways: dict[str, list[str] | None]) -> bool:
    needed = ways[kept["backend"]]
    states = {kept["capabilities"].get(name.removeprefix("CAPABILITY_").lower(), "absent") for name in needed or ()}
    return needed is not None and not states & {"absent", "broken"}


def machines() -> list[Host]:
    return [host for host in data.hosts().values() if host.runs and golden.is_kept(host)]


def bound() -> set[tuple[str, str, str]]:
    """Host, axis, strategy: what is forced there, and on Bochs what auto takes, which nothing forces a second time."""
    cells = [cell for cell in data.cells() if not cell.host.is_bochs] + test_bochs_guests.cells()
    rows = [(cell.host, cell.strategy.force) for cell in cells]
    rows += [(cell.host, golden.choices(cell.host)) for cell in cells if cell.host.is_bochs and not cell.strategy.force]
    rows += [(data.hosts()[row.host], row.force) for row in test_linux_strategies.rows()]
    return {(host.name, axis, name) for host, force in rows for axis, name in force.items()}


def test_every_strategy_is_bound_wherever_it_can_be_had() -> None:
    hosts, seen = machines(), bound()
    missing = []
    for tag in sorted({tag for host in hosts for tag in host.tags} - SAME_AS.keys()):
        group = [host for host in hosts if tag in host.tags]
        for axis, name, ways in strategies():
            able = [host.name for host in group if can_have(golden.read(host.name), ways)]
            if able and not any((host, axis, name) in seen for host in able):
                missing.append(f"{tag}: {axis}={name}, which {able[0]} can have")
    assert missing == []


def test_the_groups_that_are_left_out_exist() -> None:
    assert SAME_AS.keys() <= {tag for host in machines() for tag in host.tags}


def test_the_tables_are_read() -> None:
    """What is looked for has to be there: each backend has its own, and x2APIC is the difference of two groups."""
    rows = {(axis, name): ways for axis, name, ways in strategies()}
    assert rows["apic", "apicv"]["svm"] is None
    assert "CAPABILITY_VMX_MONITOR_TRAP_FLAG" in (rows["step", "mtf"]["vmx"] or ())
    assert not can_have(golden.read("qemu72-EPYC"), rows["x2apic", "msr"])
    assert can_have(golden.read("qemu10-EPYC-x2apic"), rows["x2apic", "msr"])
    assert not can_have(golden.read("bochs27-corei7_skylake_x"), rows["step", "mtf"])
    assert can_have(golden.read("bochs30-corei7_skylake_x"), rows["step", "mtf"])
