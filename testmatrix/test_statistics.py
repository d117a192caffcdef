# SPDX-License-Identifier: BSD-2-Clause
"""Exit statistics: printed at the end with `stats`, read by the guest through CPUID, and both the same numbers."""

import re

import pytest
from harness import counters
from harness.counters import EXITS, Statistics
from harness.data import Host
from harness.lab import Lab, Run
from harness.linux import Shell

DECODED, NESTED = "APIC accesses decoded", "exit: nested page fault or EPT violation"
STARTED = ("ICR: INIT emulated", "INITs taken", "SIPIs taken")


def expect_sums(statistics: Statistics) -> None:
    """Totals are sums over CPUs; the reasons add up to all exits; what goes together has the same number."""
    assert statistics.totals == {name: sum(row.values()) for name, row in statistics.counts.items()}
    assert statistics.total(EXITS) == sum(statistics.reasons.values()) > 0
    stepped = statistics.total("APIC register writes replayed") + statistics.total("APIC register reads stepped")
    handled = sum(statistics.total(name) for name in (DECODED, "steps finished", "steps cancelled"))
    assert handled >= stepped > 0


def test_at_power_off(lab: Lab, main_host: Host) -> None:
    """The numbers that a program in Linux reads and those that are printed a moment later: they only grow."""
    guest = counters.with_program(lab.guest("amd64"), lab.directory)
    with lab.talk(lab.machine(main_host, "stats", guest)) as dialogue:
        shell = Shell(dialogue)
        said = shell.run("leaves")
        again = counters.read_by_guest(shell.run("leaves"))
        shell.leave("poweroff")
        run = Run(dialogue.end())
    read, printed = counters.read_by_guest(said), counters.printed(run.text)
    expect_leaves(said, run, main_host)
    expect_sums(printed)
    for earlier, later in ((read, again), (again, printed)):
        assert earlier.total(EXITS) < later.total(EXITS)
        back = [(name, cpu) for name, row in earlier.counts.items() for cpu, count in row.items()
                if later.of(name, cpu) < count]
        assert back == [], "a count went back"
    assert run.report.binding["apic"] == "decode"
    assert printed.total(DECODED) == printed.total(NESTED), "one exit an access, none of them stepped"
    others = main_host.processors - 1
    assert [printed.total(name) for name in STARTED] == [others] * len(STARTED)
    assert run.ending == "power off"


def expect_leaves(said: str, run: Run, host: Host) -> None:
    """What docs/hypervisor-leaves.md promises."""
    lines = said.splitlines()
    highest = re.fullmatch(r"signature SextantHyper highest (0x4000000[0-9a-f])", lines[0])
    assert highest and int(highest[1], 16) >= 0x40000003
    axes = run.report.binding
    assert lines[1] == f"interface 1 cpus {host.processors} counters {len(counters.names())} axes {len(axes)}"
    assert dict(counters.AXIS.findall(said)) == {str(number): name for number, name in enumerate(axes.values())}
    assert lines[-1] == "beyond 0"


def test_without_stats(lab: Lab, main_host: Host) -> None:
    """Nothing is printed that was not asked for."""
    with lab.talk(lab.machine(main_host, "report=none", lab.guest("amd64"))) as dialogue:
        Shell(dialogue).leave("poweroff")
        run = Run(dialogue.end())
    assert "Sextant" not in run.text
    assert "statistics" not in run.text
    assert run.ending == "power off"


@pytest.mark.parametrize("host", [pytest.param(name, id=f"{name}/auto/amd64")
                                  for name in ("qemu72-EPYC-1cpu", "qemu72-EPYC-16cpu")])
def test_columns(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """A column for each CPU, the first eight at most; the total is that of all."""
    count = hosts[host].processors
    with lab.talk(lab.machine(hosts[host], "stats", lab.guest("amd64"))) as dialogue:
        Shell(dialogue).leave("poweroff")
        run = Run(dialogue.end())
    printed = counters.printed(run.text)
    assert set(printed.counts[EXITS]) == set(range(min(count, 8)))
    assert printed.total(EXITS) >= sum(printed.counts[EXITS].values())
    assert printed.total("SIPIs taken") == count - 1
    assert run.ending == "power off"
