# SPDX-License-Identifier: BSD-2-Clause
"""NMIs from outside the machine: the guest gets each of them, as on the bare emulator, and lives on.

QEMU's inject-nmi pulls LINT1 of every processor. Linux lets the boot processor alone take NMIs from there.
"""

import re

import pytest
from harness import counters, linux
from harness.data import Host
from harness.dialogue import Dialogue
from harness.lab import Lab, Run
from harness.linux import Shell

COUNT = 5
UNKNOWN = r"NMI received for unknown reason"
DAZED = r"Dazed and confused, but trying to continue"
OVER = re.compile(r"^not ok \d+ - (.*): (\d+) \(expected (\d+)\)$")


def nmis(shell: Shell) -> list[int]:
    return linux.interrupts(shell.run("cat /proc/interrupts"))["NMI"]


def linux_with_nmis(where: Lab, machine: object, name: str) -> tuple[Run, list[int], list[int]]:
    """Boots, injects, one after the other; returns the counts of /proc/interrupts before and after."""
    with where.talk(machine, name) as dialogue:     # type: ignore[arg-type]
        shell = Shell(dialogue)
        before = nmis(shell)
        for _ in range(COUNT):
            dialogue.control("inject-nmi")
            dialogue.expect(UNKNOWN)
            dialogue.expect(DAZED)
        # The prompt was there before the kernel's messages: an empty line brings another.
        dialogue.send("\n")
        dialogue.expect(linux.PROMPT)
        after = nmis(shell)
        assert shell.run("nproc").split() == ["4"]
        shell.leave("poweroff")
        return Run(dialogue.end()), before, after


@pytest.mark.parametrize("kernel", [pytest.param(name, id=f"qemu72-EPYC/auto/{name}", marks=pytest.mark.weight(20))
                                    for name in ("amd64", "i386")])
def test_linux(lab: Lab, main_host: Host, kernel: str) -> None:
    guest = lab.guest(kernel)
    run, before, after = linux_with_nmis(lab, lab.machine(main_host, "stats", guest), "sextant")
    bare, bare_before, bare_after = linux_with_nmis(lab, lab.bare(main_host, guest), "bare")
    taken = [late - early for early, late in zip(before, after, strict=True)]
    assert taken == [COUNT, 0, 0, 0]
    assert taken == [late - early for early, late in zip(bare_before, bare_after, strict=True)]
    assert kinds(run) == kinds(bare)
    statistics = counters.printed(run.text)
    assert [statistics.of("NMIs given to the guest", cpu) for cpu in range(4)] == after
    assert run.ending == bare.ending == "power off"


def kinds(run: Run) -> list[str]:
    """What the kernel said about NMIs."""
    log = linux.messages(run.text)
    return [message.kind for message in log if re.search(r"NMI received|Dazed|Do you have", message.text)]


def guest_with_nmis(dialogue: Dialogue) -> Run:
    """The guest `nmi`, with one NMI from outside after each of its first results."""
    dialogue.expect(r"^1\.\.\d+")
    for _ in range(COUNT):
        dialogue.expect(r"^(not )?ok ")
        dialogue.control("inject-nmi")
    return Run(dialogue.end())


def test_guest(lab: Lab, main_host: Host) -> None:
    """The guest counts its own; from outside come at most as many more as were sent, and nothing else changes."""
    with lab.talk(lab.machine(main_host, "stats", lab.guest("nmi"))) as dialogue:
        run = guest_with_nmis(dialogue)
    with lab.talk(lab.bare(main_host, lab.guest("nmi")), "bare") as dialogue:
        bare = guest_with_nmis(dialogue)
    for one in (run, bare):
        assert one.tap.planned
        assert len([line for line in one.tap.lines if re.match("(not )?ok ", line)]) == one.tap.planned
        more = [OVER.match(line) for line in one.tap.lines if line.startswith("not ok")]
        assert all(more), "only counts may differ"
        assert all(int(found[2]) > int(found[3]) for found in more if found), "an NMI of the guest's own was lost"
        assert sum(int(found[2]) - int(found[3]) for found in more if found) <= COUNT, "an NMI was made up"
        assert one.ending in ("all ok", "some not ok")
