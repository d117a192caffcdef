# SPDX-License-Identifier: BSD-2-Clause
"""The lines of a test guest: Test Anything Protocol. What is right is what the same guest says on the bare emulator."""

import difflib
import re
from dataclasses import dataclass

PLAN = re.compile(r"^1\.\.(\d+)$")
RESULT = re.compile(r"^(not ok|ok) (\d+) - (.*)$")
SKIP = re.compile(r"^ok \d+ - .* # SKIP (.+)$")
DIFFERS = "# differs:"
SHOWN = 40      # lines of a difference


@dataclass(frozen=True)
class Tap:
    """lines: from the plan to the end; `# differs:` lines are left out, nothing else is."""

    before: list[str]
    lines: list[str]
    differing: list[str]

    @property
    def planned(self) -> int | None:
        found = PLAN.match(self.lines[0]) if self.lines else None
        return int(found[1]) if found else None

    def complaints(self) -> list[str]:
        """Why this is not a run of which everything is ok; empty when it is one."""
        if self.planned is None:
            return ["the guest printed no plan"]
        results = [found for line in self.lines if (found := RESULT.match(line))]
        wrong = [f"not ok: {found[3]}" for found in results if found[1] == "not ok"]
        if [int(found[2]) for found in results] != list(range(1, self.planned + 1)):
            wrong.append(f"{len(results)} results do not count from 1 to the plan's {self.planned}")
        wrong += [line for line in self.lines if line.startswith("Bail out!")]
        strange = [line for line in self.lines[1:] if not RESULT.match(line) and not line.startswith("#")]
        wrong += [f"not a line of a guest: {line!r}" for line in strange]
        if all(SKIP.match(line) for line in self.lines if RESULT.match(line)):
            wrong.append("nothing was tested: every result is a SKIP")
        return wrong


def differences(right: list[str], seen: list[str]) -> str:
    """What the guest said in another way than it is right: `-` right, `+` seen. Empty when nothing differs."""
    return "\n".join(list(difflib.unified_diff(right, seen, "bare emulator", "Sextant", n=0, lineterm=""))[:SHOWN])


def parse(lines: list[str]) -> Tap:
    start = next((number for number, line in enumerate(lines) if PLAN.match(line)), len(lines))
    after = lines[start:]
    return Tap(lines[:start], [line for line in after if not line.startswith(DIFFERS)],
               [line for line in after if line.startswith(DIFFERS)])
