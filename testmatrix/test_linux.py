# SPDX-License-Identifier: BSD-2-Clause
"""Debian's kernels on Sextant: they boot on all processors, say nothing that they do not say on the bare emulator,
start and stop processors, and end as they end there."""

import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import counters, lab, linux
from harness.data import Host
from harness.dialogue import LIMIT
from harness.lab import Lab
from harness.linux import Shell
from runner.guests import ROOT

KERNELS = ("amd64", "i386")
ROUNDS = 12                 # of processors off and on
# Work that wakes one processor from another, and frees memory that both have mapped.
WAKE = "for i in 1 2 3 4 5 6 7 8; do taskset {from_mask:x} echo $i | taskset {to_mask:x} cat; done"


@dataclass(frozen=True)
class Session:
    """What was said in one boot."""

    answers: list[str]
    log: set[str]
    table: dict[str, list[int]]
    text: str
    ending: str


def kernels(strategy: str = "auto", host: str = "qemu72-EPYC", weight: int = 20, long: tuple[str, ...] = ()) -> list[object]:
    """long: those that take longer than `make test` has time for."""
    return [pytest.param(name, id=f"{host}/{strategy}/{name}",
                         marks=[pytest.mark.weight(weight)] + ([pytest.mark.long] if name in long else [])) for name in KERNELS]


def boot(where: Lab, host: Host, kernel: str, commands: tuple[str, ...], bare: bool = False, end: str = "poweroff",
         parameters: str = "stats", name: str = "sextant") -> Session:
    """Boots, runs the commands, reads the kernel's log, ends."""
    guest = where.guest(kernel)
    machine = where.bare(host, guest) if bare else where.machine(host, parameters, guest)
    with where.talk(machine, name) as dialogue:
        shell = Shell(dialogue)
        answers = [shell.run(command) for command in commands]
        log = linux.about_the_machine(linux.messages(shell.run("dmesg -r")))
        table = linux.interrupts(shell.run("cat /proc/interrupts"))
        shell.leave(end)
        run = lab.Run(dialogue.end())
    return Session(answers, log, table, run.text, run.ending)


def bare_log(where: Lab, host: Host, kernel: str, what: str, commands: tuple[str, ...]) -> set[str]:
    """What the kernel says on the bare emulator while it does the same."""
    def measure(place: Path) -> list[str]:
        return sorted(boot(where.at(place), host, kernel, commands, bare=True, name="bare").log)
    return set(where.shared.once(f"linux/{host.name}/{kernel}/{what}", measure))


def wakes(processors: int) -> tuple[str, ...]:
    return tuple(WAKE.format(from_mask=1 << (number + 1) % processors, to_mask=1 << number)
                 for number in range(processors))


@pytest.mark.parametrize("kernel", kernels())
def test_boot(lab: Lab, main_host: Host, kernel: str) -> None:
    """All processors, work on each of them, no new message in the log, power off."""
    commands = ("nproc", *wakes(main_host.processors))
    session = boot(lab, main_host, kernel, commands)
    assert session.answers[0].split() == [str(main_host.processors)]
    assert session.answers[1:] == ["1\n2\n3\n4\n5\n6\n7\n8\n"] * main_host.processors
    assert linux.differences(bare_log(lab, main_host, kernel, "boot", commands), session.log) == []
    received = [sum(counts) for counts in zip(*(session.table[name] for name in ("RES", "CAL")), strict=True)]
    assert len(received) == main_host.processors
    assert all(count > 0 for count in received), f"IPIs by processor: {received}"
    assert all(count > 0 for count in session.table["LOC"]), "every processor has its timer"
    assert session.table["ERR"] == session.table["ERR"][:1] == [0], "the APIC reported an error"
    assert session.ending == "power off"


@pytest.mark.parametrize("kernel", kernels(long=("i386",)))
def test_reboot(lab: Lab, main_host: Host, kernel: str) -> None:
    """A reset of the machine, which ends the run; the statistics come first."""
    session = boot(lab, main_host, kernel, ("nproc",), end="reboot")
    assert session.answers[0].split() == [str(main_host.processors)]
    assert session.ending == "reset"
    assert counters.printed(session.text).total(counters.EXITS) > 0


@pytest.mark.parametrize("kernel", kernels(weight=60, long=("i386",)))
def test_processors_off_and_on(lab: Lab, main_host: Host, kernel: str) -> None:
    """INIT and SIPI to processors that ran Linux before, one by one and all together."""
    others = range(1, main_host.processors)
    off, on = (" && ".join(f"echo {value} > /sys/devices/system/cpu/cpu{number}/online" for number in others)
               for value in (0, 1))
    one = "echo 0 > /sys/devices/system/cpu/cpu1/online && echo 1 > /sys/devices/system/cpu/cpu1/online"
    commands = tuple([f"{off}; nproc", f"{on}; nproc"] * (ROUNDS // 2) + [f"{one}; nproc"] * ROUNDS
                     + list(wakes(main_host.processors)))
    session = boot(lab, main_host, kernel, commands)
    every = main_host.processors
    assert [answer.split()[-1] for answer in session.answers[:2 * ROUNDS]] == (
        ["1", str(every)] * (ROUNDS // 2) + [str(every)] * ROUNDS)
    log = bare_log(lab, main_host, kernel, "off-and-on", commands)
    assert linux.differences(log, session.log) == []
    starts = 1 + ROUNDS // 2
    statistics = counters.printed(session.text)
    assert [statistics.of("SIPIs taken", number) for number in range(every)] == (
        [0, starts + ROUNDS] + [starts] * (every - 2))
    assert session.ending == "power off"


def in_a_row(where: Lab, host: Host, kernel: str, count: int) -> None:
    for number in range(1, count + 1):
        session = boot(where, host, kernel, ("nproc",), name=f"boot-{number}", parameters="")
        assert session.answers[0].split() == [str(host.processors)], f"boot {number}"
        assert session.ending == "power off", f"boot {number}"
        bad = [kind for kind in session.log if linux.ALARM.search(kind)]
        assert bad == [], f"boot {number}"


@pytest.mark.parametrize("kernel", kernels(weight=40, long=("i386",)))
def test_three_boots(lab: Lab, main_host: Host, kernel: str) -> None:
    in_a_row(lab, main_host, kernel, 3)


@pytest.mark.long
@pytest.mark.parametrize("kernel", kernels(weight=300))
def test_twenty_boots(lab: Lab, main_host: Host, kernel: str) -> None:
    in_a_row(lab, main_host, kernel, 20)


@pytest.mark.parametrize(("kernel", "host"), [
    pytest.param(kernel, f"qemu72-EPYC-{count}cpu", id=f"qemu72-EPYC-{count}cpu/auto/{kernel}",
                 marks=[pytest.mark.weight(20 if count < 64 else 300)] + ([pytest.mark.long] if count == 64 or (kernel, count) == ("i386", 16) else []))
    for kernel, count in (("amd64", 1), ("i386", 1), ("amd64", 2), ("amd64", 16), ("i386", 16), ("amd64", 64))])
def test_processors(lab: Lab, hosts: dict[str, Host], kernel: str, host: str) -> None:
    count = hosts[host].processors
    session = boot(lab, hosts[host], kernel, ("nproc",))
    # Debian's 686-pae kernel is built for 32 processors, the other for more than 64.
    assert session.answers[0].split() == [str(count)]
    assert [kind for kind in session.log if linux.ALARM.search(kind)] == []
    assert counters.printed(session.text).total("SIPIs taken") == count - 1
    assert session.ending == "power off"


def drive(where: Lab, command: list[str], script: str) -> "subprocess.CompletedProcess[str]":
    (where.directory / "run.command").write_text(f"echo {shlex.quote(script)} | {shlex.join(command)}\n")
    answer = subprocess.run(command, input=script, capture_output=True, text=True, timeout=LIMIT, check=False)
    (where.directory / "run.serial.log").write_text(answer.stdout)
    return answer


@pytest.mark.parametrize("kernel", kernels("run.py"))
def test_script_on_standard_input(lab: Lab, kernel: str) -> None:
    """What `echo 'nproc; poweroff' | make run` does: the script drives the shell, the status is 0."""
    command = [sys.executable, str(ROOT / "tools" / "run.py"), "--build", str(lab.build), "--guest", kernel, "run"]
    answer = drive(lab, command, "nproc; poweroff\n")
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.replace("\r", "").splitlines()
    assert lines[0].startswith("Sextant: RUNS"), "the report stands above"
    assert "[guest] /root # nproc; poweroff" in lines
    assert lines[lines.index("[guest] /root # nproc; poweroff") + 1] == "4"


@pytest.mark.parametrize("kernel", kernels("run.py-no-poweroff"))
def test_end_of_script_powers_off(lab: Lab, kernel: str) -> None:
    command = [sys.executable, str(ROOT / "tools" / "run.py"), "--build", str(lab.build), "--guest", kernel, "run"]
    answer = drive(lab, command, "uname -m")
    assert answer.returncode == 0, answer.stderr
    assert ("x86_64" if kernel == "amd64" else "i686") in answer.stdout.replace("\r", "").splitlines()
