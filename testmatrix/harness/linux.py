# SPDX-License-Identifier: BSD-2-Clause
"""A Linux guest: its shell on the serial console, and what its kernel complains of."""

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from .data import HERE
from .dialogue import Dialogue

KERNELS = ("amd64", "i386")
PROMPT = r"\[guest\] /root # "
STATUS = re.compile(r"^@@ (\d+)$", re.MULTILINE)
STAMP = re.compile(r"^(?:<(\d+)>)?\[ *\d+\.\d+\] ?")
NUMBER = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,16}\b|\d+")

# Words by which a line of the kernel's log is about what a hypervisor can break.
SUBJECT = re.compile(
    r"apic|\bnmi|lockup|stall|hung|timer|clock|tsc|watchdog|\bipi|irq|interrupt|smpboot|\bcpus?\b|hpet|\bpit\b|"
    r"bug|warn|trace|oops|fault|panic|error|fail|spurious|unexpected|unhandled|not respond|stuck|timeout|timed out|"
    r"dazed|uhhuh|\bmce\b|machine check|page table|corrupt|bad ", re.IGNORECASE)

# What no boot may say, whatever the bare emulator says.
ALARM = re.compile(
    r"lockup|rcu: .*stall|hung task|blocked for more than|BUG:|WARNING: CPU|Call Trace|\bOops|Kernel panic|"
    r"general protection|spurious APIC|unexpected IRQ|nobody cared|APIC error|do_IRQ|"
    r"No irq handler|not respond|failed to start|Stale IRR|Uhhuh|Dazed|NMI received|timer doesn't work", re.IGNORECASE)


def settings() -> dict[str, Any]:
    """linux.toml."""
    return tomllib.loads((HERE / "linux.toml").read_text())


@dataclass(frozen=True)
class Slow:
    """memory: MiB; silence, limit: seconds, as for a Dialogue."""

    memory: int
    silence: float
    limit: float


def on_bochs() -> Slow:
    """What a boot needs there."""
    return Slow(**settings()["bochs"])


class Shell:
    """The shell of a Linux guest that was started with SCRIPT=1. Commands are lines; none may read standard input."""

    def __init__(self, dialogue: Dialogue) -> None:
        """Waits for the first prompt."""
        self.dialogue = dialogue
        self.boot = dialogue.expect(PROMPT)

    def run(self, command: str) -> str:
        """What the command says; it must succeed."""
        status, said = self.attempt(command)
        if status != 0:
            raise AssertionError(f"{command!r} in the guest: status {status}, {said!r}")
        return said

    def attempt(self, command: str) -> tuple[int, str]:
        line = f'{command}; echo "@@ $?"'
        self.dialogue.send(line + "\n")
        said = self.dialogue.expect(PROMPT)
        shown, _, answer = said.partition(line + "\n")
        ends = list(STATUS.finditer(answer))
        if shown.strip() or len(ends) != 1:
            raise AssertionError(f"{command!r} in the guest: {said!r} is no answer")
        return int(ends[0][1]), answer[:ends[0].start()]

    def leave(self, command: str) -> None:
        """Sends a command that ends the run."""
        self.dialogue.send(command + "\n")


@dataclass(frozen=True)
class Message:
    """A line of the kernel's log. level: 0 emergency … 7 debug."""

    level: int
    text: str

    @property
    def kind(self) -> str:
        """The text without its numbers, which differ from boot to boot."""
        return NUMBER.sub("N", self.text)


def messages(log: str) -> list[Message]:
    """What `dmesg -r` printed."""
    found = []
    for line in log.splitlines():
        if stamp := STAMP.match(line):
            found.append(Message(int(stamp[1] or 6) & 7, line[stamp.end():]))
    return found


def about_the_machine(log: list[Message]) -> set[str]:
    """The kinds of messages by which a hypervisor's mistakes would show."""
    return {message.kind for message in log if SUBJECT.search(message.text)}


def differences(bare: set[str], seen: set[str]) -> list[str]:
    """Kinds of messages of a boot that the bare emulator's did not have, but for the emulator's own noise."""
    noise = [re.compile(row["pattern"]) for row in settings()["noise"]]
    return sorted(kind for kind in seen - bare if not any(pattern.search(kind) for pattern in noise))


def interrupts(table: str) -> dict[str, list[int]]:
    """/proc/interrupts: counts by processor, for each name."""
    lines = table.splitlines()
    processors = len(lines[0].split())
    rows = {}
    for line in lines[1:]:
        name, _, rest = line.partition(":")
        words = rest.split()[:processors]
        if words and all(word.isdigit() for word in words):
            rows[name.strip()] = [int(word) for word in words]
    return rows
