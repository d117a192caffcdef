# SPDX-License-Identifier: BSD-2-Clause
"""Exit statistics: as `stats` prints them at the end of a run, and as a program in the guest reads them by CPUID."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from initramfs import pack
from runner.guests import ROOT, Guest

HEADING = re.compile(r"^statistics +all CPUs((?: +CPU \d+)+) *$", re.MULTILINE)
ROW = re.compile(r"^(\S.*?) {2,}(\d+)((?: +\d+)+)$")
DEFINITION = re.compile(r'^X\(\w+, *"([^"]+)"\)', re.MULTILINE)
LEAF = re.compile(r"^counter (\d+) (\d+) (\d+)$", re.MULTILINE)
COUNTED = re.compile(r"^# differs: counted (\d+) (.+)$", re.MULTILINE)
AXIS = re.compile(r"^axis (\d+) (\S+)$", re.MULTILINE)
PROGRAM = Path(__file__).resolve().parents[1] / "programs" / "leaves.c"

EXITS, EXIT_PREFIX = "exits, all reasons", "exit: "


def names() -> list[str]:
    """By number; the interface of the CPUID leaf."""
    return DEFINITION.findall((ROOT / "src" / "core" / "exits.def").read_text())


@dataclass(frozen=True)
class Statistics:
    """Counts by name and CPU; names with no count are left out."""

    counts: dict[str, dict[int, int]]
    totals: dict[str, int]

    def total(self, name: str) -> int:
        return self.totals.get(name, 0)

    def of(self, name: str, cpu: int) -> int:
        return self.counts.get(name, {}).get(cpu, 0)

    @property
    def reasons(self) -> dict[str, int]:
        return {name: total for name, total in self.totals.items() if name.startswith(EXIT_PREFIX)}


def printed(text: str) -> Statistics:
    """The table that `stats` printed; there must be one, and all its names must be known."""
    headings = list(HEADING.finditer(text))
    assert len(headings) == 1, f"{len(headings)} statistics tables were printed"
    columns = [int(word) for word in re.findall(r"CPU (\d+)", headings[0][1])]
    counts, totals, known = {}, {}, names()
    for line in text[headings[0].end() + 1:].splitlines():
        found = ROW.match(line)
        if not found or found[1] not in known:
            break
        counts[found[1]] = dict(zip(columns, map(int, found[3].split()), strict=True))
        totals[found[1]] = int(found[2])
    return Statistics(counts, totals)


def totals(text: str) -> dict[str, int]:
    """Sums over all CPUs by name, whoever printed them: `stats` at the end of a run, or a test guest. Empty when nobody did."""
    known = names()
    rows = [(found[1], found[2]) for line in text.splitlines() if (found := ROW.match(line))] if HEADING.search(text) else []
    rows += [(name, count) for count, name in COUNTED.findall(text)]
    return {name: int(count) for name, count in rows if name in known}


def read_by_guest(said: str) -> Statistics:
    """What the program printed."""
    known = names()
    counts: dict[str, dict[int, int]] = {}
    for cpu, number, count in LEAF.findall(said):
        counts.setdefault(known[int(number)], {})[int(cpu)] = int(count)
    return Statistics(counts, {name: sum(row.values()) for name, row in counts.items()})


def with_program(guest: Guest, directory: Path) -> Guest:
    """The Linux guest with /bin/leaves in a second archive behind its initramfs."""
    assert guest.initramfs
    program = directory / "leaves"
    flags = ["-static", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-o", str(program), str(PROGRAM)], check=True)
    joined = directory / "initramfs-with-leaves.cpio"
    joined.write_bytes(guest.initramfs.read_bytes() + pack.archive([pack.program("bin/leaves", program.read_bytes())]))
    return Guest(guest.name, guest.kernel, guest.command_line, joined)
