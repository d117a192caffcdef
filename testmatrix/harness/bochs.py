# SPDX-License-Identifier: BSD-2-Clause
"""bochs.toml: the known mistakes of the machines of Bochs, its models that are no hosts, and how a guest's lines are
compared where there are some."""

import fnmatch
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from .data import HERE
from .tap import RESULT

SIDES = ("bare", "sextant")


@dataclass(frozen=True)
class Known:
    """hosts: patterns of names of hosts; side: where something is wrong, on the bare emulator or under Sextant; lines: pattern
    of the result lines and notes that are wrong there; ends: how the run ends there before the guest does, a pattern of its
    ending and of what the emulator said; anchor: in docs/emulators.md; strategy: pattern of what must be forced for it."""

    hosts: tuple[str, ...]
    guest: str
    side: str
    anchor: str
    lines: str = ""
    ends: str = ""
    strategy: str = "*"

    def explains(self, difference: "Difference") -> bool:
        pattern = self.ends if difference.is_end else self.lines
        return difference.wrong == self.side and pattern != "" and re.search(pattern, difference.text) is not None


@dataclass(frozen=True)
class Difference:
    """A result that is ok on one side only. wrong: the side where it is not. Or a note that stands on one side only, wrong;
    or, is_end, the way in which the guest did not come to its end there."""

    text: str
    wrong: str
    is_end: bool = False


@dataclass(frozen=True)
class Said:
    """What a guest said. end: empty when it came to its end, otherwise how the run ended, and the emulator's last words."""

    lines: list[str]
    end: str = ""

    @property
    def whole(self) -> list[str]:
        """Without the last line, when the end may have cut it short."""
        return self.lines[:-1] if self.end else self.lines


def read() -> dict[str, Any]:
    return tomllib.loads((HERE / "bochs.toml").read_text())


def without_virtualization(emulator: str) -> set[str]:
    """The models that are no hosts."""
    return set(read()["without_virtualization"][emulator])


def known(host: str, guest: str, strategy: str = "auto") -> list[Known]:
    document = read()
    rows = [Known(**(row | {"hosts": tuple(row["hosts"])})) for row in document["known"]]
    if wrong := [row for row in rows if row.side not in SIDES or bool(row.lines) == bool(row.ends)]:
        raise ValueError(f"bochs.toml: side is none of {', '.join(SIDES)}, or not one of lines and ends is there: {wrong}")
    return [row for row in rows if row.guest == guest and fnmatch.fnmatchcase(strategy, row.strategy)
            and any(fnmatch.fnmatchcase(host, name) for name in row.hosts)]


def results(lines: list[str]) -> dict[int, tuple[bool, str]]:
    return {int(found[2]): (found[1] == "ok", found[3]) for line in lines if (found := RESULT.match(line))}


def differences(bare: Said, seen: Said) -> list[Difference]:
    """Where one side is right and the other is not, as far as both came; a result that is right on both has one text, and so
    has every note."""
    found = [Difference(said.end, side, is_end=True) for side, said in zip(SIDES, (bare, seen), strict=True) if said.end]
    last = min((max(results(said.whole), default=0) for said in (bare, seen) if said.end), default=None)
    one, other = (until(said.whole, last) for said in (bare, seen))
    for number in sorted(results(one).keys() | results(other).keys()):
        right, text = results(one).get(number, (False, f"result {number} is missing"))
        seen_right, seen_text = results(other).get(number, (False, f"result {number} is missing"))
        if right and seen_right and text == seen_text:
            continue
        found.append(Difference(text if not right else seen_text, "bare" if seen_right and not right else "sextant"))
    return found + notes(one, other, "bare") + notes(other, one, "sextant")


def until(lines: list[str], last: int | None) -> list[str]:
    """The lines until that result."""
    ends = [number for number, line in enumerate(lines) if (found := RESULT.match(line)) and int(found[2]) == last]
    return lines if last is None else lines[:ends[0] + 1 if ends else 0]


def notes(one: list[str], other: list[str], side: str) -> list[Difference]:
    """Comment lines of one side that the other has not."""
    return [Difference(line, side) for line in one if line.startswith("#") and line not in other]
