# SPDX-License-Identifier: BSD-2-Clause
"""Where things are: the build directory, the artefacts of a run, and of each test."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from runner.guests import ROOT

BUILD = Path(os.environ.get("SEXTANT_BUILD", ROOT / "build")).resolve()
MATRIX = BUILD / "matrix"
CELLS = MATRIX / "cells"
SESSION = MATRIX / "session"            # what is measured once a session
DURATIONS = MATRIX / "durations.json"
WEIGHTS = MATRIX / "weights.json"       # of this run's tests: their durations, or what is expected of them
COLLECTED = MATRIX / "collected.json"   # of a shard: all tests, before the others' were left out
PARAMETERS = re.compile(r"\[(.*)\]$")


@dataclass(frozen=True)
class Place:
    """Where a test belongs: host, strategy, guest are those of its id, as far as it has them."""

    test: str
    host: str = ""
    strategy: str = ""
    guest: str = ""

    @classmethod
    def of(cls, nodeid: str) -> "Place":
        file, _, name = nodeid.partition("::")
        found = PARAMETERS.search(name)
        test = f"{Path(file).stem}::{name[:found.start()] if found else name}"
        words = found[1].split("/") if found else []
        if len(words) == 3:
            return cls(test, *words)
        return cls(f"{test}[{found[1]}]" if found else test)

    @property
    def directory(self) -> str:
        """Relative to build/matrix/."""
        words = ["cells", *(self.host and [self.host, self.strategy, self.guest] or ["other"]), self.test]
        return "/".join(re.sub(r"[^\w.+,=-]", "_", word.replace("test_", "").replace("::", ".")) for word in words)


def directory(item: pytest.Item) -> Path:
    """Of the item's artefacts."""
    return MATRIX / Place.of(item.nodeid).directory
