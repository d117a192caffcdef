# SPDX-License-Identifier: BSD-2-Clause
"""bochs.toml: the known mistakes of the machines of Bochs, and how a guest's lines are compared where there are some."""

import fnmatch
import re
import tomllib
from dataclasses import dataclass

from .data import HERE
from .tap import RESULT, Tap

SIDES = ("bare", "sextant")
MISSING = "is missing on the bare emulator"


@dataclass(frozen=True)
class Known:
    """hosts: patterns of names of hosts; lines: pattern of the result lines that are wrong; side: where they are wrong, on
    the bare emulator or under Sextant; anchor: in docs/emulators.md."""

    hosts: tuple[str, ...]
    guest: str
    side: str
    lines: str
    anchor: str

    def explains(self, difference: "Difference") -> bool:
        return difference.wrong == self.side and re.search(self.lines, difference.text) is not None


@dataclass(frozen=True)
class Difference:
    """A result that is ok on one side only. wrong: the side where it is not. Or a note that stands on one side only, wrong."""

    text: str
    wrong: str


def known(host: str, guest: str) -> list[Known]:
    document = tomllib.loads((HERE / "bochs.toml").read_text())
    rows = [Known(**(row | {"hosts": tuple(row["hosts"])})) for row in document["known"]]
    if wrong := [row for row in rows if row.side not in SIDES]:
        raise ValueError(f"bochs.toml: side is none of {', '.join(SIDES)}: {wrong}")
    return [row for row in rows if row.guest == guest and any(fnmatch.fnmatchcase(host, name) for name in row.hosts)]


def ends_early(rows: list[Known]) -> bool:
    """True when the guest does not come to its end on the bare emulator."""
    return any(row.explains(Difference(MISSING, "bare")) for row in rows)


def results(tap: Tap) -> dict[int, tuple[bool, str]]:
    return {int(found[2]): (found[1] == "ok", found[3]) for line in tap.lines if (found := RESULT.match(line))}


def differences(bare: Tap, seen: Tap) -> list[Difference]:
    """Where one side is right and the other is not; a result that is right on both has one text, and so has every note."""
    one, other = results(bare), results(seen)
    found = []
    for number in sorted(one.keys() | other.keys()):
        right, text = one.get(number, (False, f"result {number} {MISSING}"))
        seen_right, seen_text = other.get(number, (False, f"result {number} is missing"))
        if right and seen_right and text == seen_text:
            continue
        found.append(Difference(text if not right else seen_text, "bare" if seen_right and not right else "sextant"))
    return found + notes(bare, seen, "bare") + notes(seen, bare, "sextant")


def notes(one: Tap, other: Tap, side: str) -> list[Difference]:
    """Comment lines of one side that the other has not."""
    return [Difference(line, side) for line in one.lines if line.startswith("#") and line not in other.lines]
