# SPDX-License-Identifier: BSD-2-Clause
"""How far a run is, and how long it will take: by the durations of the runs before, or else by what tests typically take."""

import json
import time
from collections import Counter
from pathlib import Path

from . import data, kvm
from .places import Place

INTERVAL = 15.0         # seconds between lines
# Seconds for a test that never ran and has no weight: by the emulator, for one that reads what others have measured, and for one
# that starts no machine.
TYPICAL = {"qemu72": 1.5, "qemu10": 1.5, "bochs27": 8.0, "bochs30": 5.0}
REPORT_ONLY, NO_MACHINE, SKIPPED = 0.5, 0.3, 0.05
NO_GUEST = "none"


def read(path: Path) -> dict[str, float]:
    """Seconds by test; empty when there was no run before."""
    try:
        return {str(name): float(seconds) for name, seconds in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def write(path: Path, durations: dict[str, float]) -> None:
    """Adds to what is known."""
    path.write_text(json.dumps(read(path) | durations, indent=0, sort_keys=True) + "\n")


def typical(place: Place) -> float:
    host = data.hosts().get(place.host)
    if not host:
        return NO_MACHINE
    return REPORT_ONLY if place.guest == NO_GUEST else TYPICAL[host.emulator]


def expected(place: Place, seconds: float) -> float:
    """On this machine, which may lack what the host needs."""
    host = data.hosts().get(place.host)
    return SKIPPED if host and host.needs and kvm.lack(host.vendor) else seconds


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


class Progress:
    """known: seconds by test, of the runs before."""

    def __init__(self, known: dict[str, float], workers: int) -> None:
        self.known, self.workers = known, workers
        self.weights: dict[str, float] = {}
        self.left: set[str] = set()
        self.total = 0
        self.verdicts: Counter[str] = Counter()
        self.started = self.said = time.monotonic()

    def begin(self, tests: list[str], weights: dict[str, float]) -> str:
        """weights: seconds by test, known or typical."""
        self.left, self.total, self.weights = set(tests), len(tests), weights
        new = sum(test not in self.known for test in tests)
        basis = "by the last run" if not new else f"{new} of them never ran before"
        return f"{self.total} tests, {self.workers} at a time: about {clock(self.estimate())} ({basis})"

    def estimate(self) -> float:
        """Seconds. The longest test is a floor, however many workers there are."""
        seconds = [self.weights.get(test, NO_MACHINE) for test in self.left]
        return max(sum(seconds) / self.workers, max(seconds, default=0.0))

    def ended(self, test: str, verdict: str) -> str | None:
        """A line when it is time for one."""
        self.left.discard(test)
        self.verdicts[verdict] += 1
        now = time.monotonic()
        if now - self.said < INTERVAL and self.left:
            return None
        self.said = now
        done = self.total - len(self.left)
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self.verdicts.items()))
        end = f", about {clock(self.estimate())} to go" if self.left else ""
        return f"[{done}/{self.total}] {100 * done // self.total}%  {counts}; {clock(now - self.started)} so far{end}"
