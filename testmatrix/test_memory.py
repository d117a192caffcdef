# SPDX-License-Identifier: BSD-2-Clause
"""Memory: what Sextant keeps for itself, what is left for the guest, and what is said when it is not enough."""

import re

import pytest
from harness import data, lab
from harness.data import Host
from harness.lab import Lab, Run
from harness.linux import Shell

MIB, KIB, GIB = 1 << 20, 1 << 10, 1 << 30
E820 = re.compile(r"BIOS-e820: \[mem 0x([0-9a-f]+)-0x([0-9a-f]+)\] (.*)$", re.MULTILINE)
TOTAL = re.compile(r"^MemTotal: +(\d+) kB$", re.MULTILINE)


def some(*tags: str) -> list[object]:
    hosts = [host for host in data.hosts().values() if set(tags) & set(host.tags)]
    return [pytest.param(host, id=f"{host.name}/auto/none") for host in hosts]


@pytest.mark.parametrize("host", some("main", "processors", "many", "memory"))
def test_reserved(lab: Lab, host: Host) -> None:
    """Less than 8 MiB and 64 KiB a CPU; the report says how much, in text and JSON."""
    report = lab.report(host)
    reserved = report.data["machine"]["reserved_bytes"]
    assert 0 < reserved < 8 * MIB + 64 * KIB * host.processors
    assert f"Sextant keeps {reserved // KIB} KiB of it" in report.text


@pytest.mark.parametrize("host", some("main", "memory"))
def test_total(lab: Lab, host: Host) -> None:
    """All memory of the machine is seen, also above 4 GiB; the firmware keeps a little."""
    seen = lab.report(host).data["machine"]["memory_bytes"]
    assert host.memory * MIB - MIB < seen <= host.memory * MIB


@pytest.mark.parametrize("megabytes", [pytest.param(size, id=f"qemu72-EPYC-{size}m/auto/smp") for size in (16, 17, 18)])
def test_too_little_for_sextant(lab: Lab, main_host: Host, megabytes: int) -> None:
    """A sentence that says how much is needed, and the exit code."""
    run = lab.run(lab.machine(main_host, guest=lab.guest("smp"), memory=megabytes))
    assert len(run.lines) == 1
    assert re.match(r"Sextant: Sextant needs \d+ KiB of contiguous memory", run.lines[0])
    assert "What you can do: " in run.lines[0]
    assert run.ending == "EXIT_MEMORY"


@pytest.mark.parametrize(("kernel", "megabytes"), [
    pytest.param(kernel, size, id=f"qemu72-EPYC-{size}m/auto/{kernel}")
    for kernel, size in (("amd64", 64), ("i386", 32))])
def test_too_little_for_linux(lab: Lab, main_host: Host, kernel: str, megabytes: int) -> None:
    """What the kernel's own header asks for is not there: the sentence says what it is, below the report."""
    run = lab.run(lab.machine(main_host, guest=lab.guest(kernel), memory=megabytes))
    assert run.lines[-1].startswith("Sextant: ")
    assert re.search(r"not enough memory for Linux: it needs \d+ MiB from 0x1000000 on", run.lines[-1])
    assert run.report.outcome == "runs"
    assert run.ending == "EXIT_MEMORY"


@pytest.mark.parametrize(("kernel", "host"), [
    pytest.param(kernel, f"qemu72-EPYC{size}", id=f"qemu72-EPYC{size}/auto/{kernel}",
                 marks=[pytest.mark.weight(40)] + ([pytest.mark.long] if long else []))
    for kernel, size, long in (("i386", "-64m", False), ("i386", "-128m", True), ("amd64", "-128m", False),
                               ("amd64", "", True), ("i386", "", True), ("amd64", "-3g", True),
                               ("amd64", "-5g", True), ("i386", "-5g", False), ("amd64", "-6g", False))])
def test_linux(lab: Lab, hosts: dict[str, Host], kernel: str, host: str) -> None:
    """The guest's memory map is the machine's, without what Sextant keeps, and nothing else is missing."""
    where = hosts[host]
    guest = lab.guest(kernel)
    run, total = boot(lab, where, "sextant", lab.machine(where, "", guest))
    bare, bare_total = boot(lab, where, "bare", lab.bare(where, guest))
    reserved = run.report.data["machine"]["reserved_bytes"]
    assert usable(bare) - usable(run) == reserved
    assert above_4_gib(run) == above_4_gib(bare)
    assert (above_4_gib(run) > GIB) == (where.memory > 4096)
    # Linux keeps records of pages that it does not get, and places what it reserves elsewhere: a few pages either way.
    assert abs(bare_total - total - reserved // KIB) < 1024


def boot(where: Lab, host: Host, name: str, machine: object) -> tuple[Run, int]:
    """The run, and MemTotal in KiB."""
    with where.talk(machine, name) as dialogue:     # type: ignore[arg-type]
        shell = Shell(dialogue)
        shell.run("dmesg -r")
        total = int(TOTAL.findall(shell.run("cat /proc/meminfo"))[0])
        shell.leave("poweroff")
        run = Run(dialogue.end())
    assert run.ending == lab.POWER_OFF
    return run, total


def ranges(run: Run) -> list[tuple[int, int]]:
    """Usable memory in the kernel's map, as it was given; each range once, however often it was printed."""
    rows = E820.findall(run.text)
    return sorted({(int(start, 16), int(end, 16) + 1) for start, end, kind in rows if kind == "usable"})


def usable(run: Run) -> int:
    return sum(end - start for start, end in ranges(run))


def above_4_gib(run: Run) -> int:
    return sum(end - start for start, end in ranges(run) if start >= 4 * GIB)
