# SPDX-License-Identifier: BSD-2-Clause
"""Debian's kernels on all processors with each strategy of the axes apic and x2apic that a host has, forced: QEMU 7.2 and 10 with
SVM, Bochs 2.7 and 3.0 with VMX.

Linux for amd64 takes x2APIC mode where interrupts are remapped (the host `remapped`); elsewhere it stays in xAPIC mode whatever is
bound on the axis x2apic, which is then only there. Linux for i386 does not know the mode.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import counters, data, linux
from harness.data import Host
from harness.lab import POWER_OFF, Lab, Run
from harness.linux import Shell
from test_cells import UNAVAILABLE
from test_x2apic import MODE, REMAPPED

AXES = ("apic", "x2apic")
WAKE = "for i in 1 2 3 4; do taskset {other:x} echo $i | taskset {mask:x} cat; done"


@dataclass(frozen=True)
class Row:
    """host, and what is forced there: axis → strategy. kernels: Debian's."""

    host: str
    force: dict[str, str]
    kernels: tuple[str, ...] = ("amd64", "i386")

    @property
    def parameters(self) -> str:
        return " ".join(f"{axis}={name}" for axis, name in self.force.items())


def rows() -> list[Row]:
    """Of linux.toml."""
    return [Row(**row) for row in linux.settings()["forced"]]


def parameters() -> list[object]:
    return [pytest.param(row, kernel, id=f"{row.host}/{row.parameters.replace(' ', '+')}/{kernel}",
                         marks=[pytest.mark.long, pytest.mark.weight(200 if row.host.startswith("bochs") else 20)])
            for row in rows() for kernel in row.kernels]


@pytest.mark.parametrize(("row", "kernel"), parameters())
def test_boot(lab: Lab, hosts: dict[str, Host], row: Row, kernel: str) -> None:
    """To the shell, work that wakes each processor from another, no alarm in the kernel's log that is not there on the bare
    emulator, and down again."""
    host = hosts[row.host]
    run, log = boot(lab, host, f"stats {row.parameters}", kernel)
    assert run.report.binding | row.force == run.report.binding, "another strategy is bound than was forced"
    seen = alarms(log)
    assert not seen or seen - bare_alarms(lab, host, kernel) == set()
    taken = row.host == REMAPPED and kernel == "amd64" and row.force["x2apic"] != "hide"
    assert bool(MODE.search(log)) == taken, "x2APIC mode"
    if row.force.get("startup") != "sipi":
        assert counters.printed(run.text).total("SIPIs taken") == host.processors - 1


def alarms(log: str) -> set[str]:
    return {kind for kind in linux.about_the_machine(linux.messages(log)) if linux.ALARM.search(kind)}


def bare_alarms(where: Lab, host: Host, kernel: str) -> set[str]:
    """What the kernel complains of on the bare emulator: Bochs 2.7 has an XSAVE that it finds inconsistent."""
    def measure(place: Path) -> list[str]:
        return sorted(alarms(boot(where.at(place), host, None, kernel)[1]))
    return set(where.shared.once(f"linux-strategies/{host.name}/{kernel}", measure))


def boot(where: Lab, host: Host, parameters: str | None, kernel: str) -> tuple[Run, str]:
    """The run, and what the kernel's log says. Without parameters: on the bare emulator."""
    slow = linux.on_bochs() if host.is_bochs else None
    changes = {"memory": slow.memory} if slow else {}
    patience = {"silence": slow.silence, "limit": slow.limit} if slow else {}
    guest = where.guest(kernel)
    machine = where.bare(host, guest, **changes) if parameters is None else where.machine(host, parameters, guest, **changes)
    with where.talk(machine, "bare" if parameters is None else "sextant", **patience) as dialogue:
        shell = Shell(dialogue)
        assert shell.run("nproc").split() == [str(host.processors)]
        for number in range(host.processors):
            other = 1 << (number + 1) % host.processors
            assert shell.run(WAKE.format(other=other, mask=1 << number)) == "1\n2\n3\n4\n"
        log = shell.run("dmesg -r")
        shell.leave("poweroff")
        run = Run(dialogue.end())
    assert run.ending == POWER_OFF
    return run, log


@pytest.mark.parametrize("host", sorted({row.host for row in rows()} - {REMAPPED}))
def test_every_strategy_has_a_row(lab: Lab, hosts: dict[str, data.Host], host: str) -> None:
    """What the host's own report says can be had is forced above; passthrough is with startup=sipi alone."""
    report = lab.report(hosts[host])
    without_sipi = report.strategy("startup", "sipi")["verdict"] in UNAVAILABLE
    usable = {(axis["axis"], strategy["name"]) for axis in report.data["axes"] if axis["axis"] in AXES
              for strategy in axis["strategies"] if strategy["verdict"] not in UNAVAILABLE
              and not (without_sipi and strategy["name"] == "passthrough")}
    forced = {(axis, name) for row in rows() if row.host == host for axis, name in row.force.items() if axis in AXES}
    assert usable == forced
