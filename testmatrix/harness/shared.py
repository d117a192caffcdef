# SPDX-License-Identifier: BSD-2-Clause
"""What is computed once a session: the workers of pytest-xdist share it through files."""

import fcntl
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import runs, verdicts
from .verdicts import SharedError, Verdict


@dataclass(frozen=True)
class Shared:
    """directory: of this session alone."""

    directory: Path

    def once(self, key: str, compute: Callable[[Path], Any]) -> Any:
        """The JSON value that compute(directory for its artefacts) returns, from the first caller's call of it.

        A failure is kept as well: it is not tried again.
        """
        place = self.directory / key
        place.mkdir(parents=True, exist_ok=True)
        answer = place / "answer.json"
        with (place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not answer.exists():
                answer.write_text(json.dumps(self._answer(compute, place)))
        kept = json.loads(answer.read_text())
        if "error" in kept:
            raise SharedError(kept["error"], Verdict[kept["verdict"]], place)
        return kept["value"]

    @staticmethod
    def _answer(compute: Callable[[Path], Any], place: Path) -> dict[str, Any]:
        try:
            return {"value": compute(place)}
        except Exception as error:      # pylint: disable=broad-exception-caught
            sentence = f"{type(error).__name__}: {error}"
            return {"error": sentence, "verdict": verdicts.of_failure(error, sentence, runs.read(place)).name}
