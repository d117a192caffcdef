# SPDX-License-Identifier: BSD-2-Clause
"""What one run of a machine leaves beside its serial log: NAME.run.json, NAME.report.json, NAME.counters.json."""

import functools
import hashlib
import json
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from runner import console, exit_codes, outcome
from runner.console import Result
from runner.machine import Machine

from . import counters, report

# How a run can end, beside the names in src/core/exit_codes.def.
ALL_OK, SOME_NOT_OK, POWER_OFF, RESET = "all ok", "some not ok", "power off", "reset"
PANIC = "EXIT_PANIC"

RUN, REPORT, COUNTERS = ".run.json", ".report.json", ".counters.json"


def ending(result: Result) -> str:
    """How a run ended, in one word or two."""
    code = outcome.code(result)
    known = exit_codes.read().get(code) if code is not None else None
    if known:
        return known.name
    if code in (outcome.GUEST_ALL_OK, outcome.GUEST_SOME_NOT_OK):
        return ALL_OK if code == outcome.GUEST_ALL_OK else SOME_NOT_OK
    if result.status < 0:
        return f"died of {signal.Signals(-result.status).name}"
    if result.status == 0 and result.reason in ("guest-reset", "guest-shutdown"):
        return RESET if result.reason == "guest-reset" else POWER_OFF
    return f"status {result.status}, {result.reason}"


@dataclass(frozen=True)
class Record:
    """emulator: its name in the rows of hosts/; version: what it calls itself; image_sha256: null when the image was not started from
    its own file (a bare machine, an ISO); ending: null when the run was given up; seconds: wall time."""

    name: str
    emulator: str
    version: str
    model: str
    processors: int
    memory: int
    parameters: str
    guest: str | None
    command: list[str]
    image_sha256: str | None
    ending: str | None
    seconds: float

    @property
    def has_verdict(self) -> bool:
        """Whether the end of the run was somebody's decision: the image's or the guest's. A test guest has no other end than
        its verdict; Linux resets and powers off."""
        if self.ending in (RESET, POWER_OFF):
            return self.guest in ("amd64", "i386")
        return self.ending in (ALL_OK, SOME_NOT_OK) or self.ending.startswith("EXIT_") and self.ending != PANIC


def keep(place: Path, machine: Machine, result: Result | None, said: bytes, seconds: float) -> None:
    """place: of the artefacts, without a suffix. result: None when the run was given up; said: on the serial console."""
    driver = console.driver(machine)
    record = Record(
        name=place.name, emulator=machine.host.emulator, version=driver.version(machine.host.emulator),
        model=machine.host.model, processors=machine.processors, memory=machine.memory, parameters=machine.parameters,
        guest=machine.guest.name if machine.guest else None, command=driver.command(machine, "stdio"),
        image_sha256=sha256(machine.image) if machine.image and not machine.iso else None,
        ending=ending(result) if result else None, seconds=round(seconds, 3))
    write(place.with_name(place.name + RUN), asdict(record))
    text = said.decode(errors="replace").replace("\r", "")
    try:
        place.with_name(place.name + REPORT).write_text(report.parse(text).json_line + "\n")
    except report.ReportError:
        pass        # a run need not print a report
    if counted := counters.totals(text):
        write(place.with_name(place.name + COUNTERS), counted)


def read(directory: Path) -> list[Record]:
    """The runs whose records are in the directory, in the order in which they began."""
    files = sorted(directory.glob(f"*{RUN}"), key=lambda file: file.stat().st_mtime_ns)
    return [Record(**json.loads(file.read_text())) for file in files]


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")


def sha256(path: Path) -> str:
    """Of the file as it is now."""
    status = path.stat()
    return _sha256(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, _time: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
