# SPDX-License-Identifier: BSD-2-Clause
"""What the end of a run means: an exit status for the caller and a sentence for the person."""

import signal
from dataclasses import dataclass

from . import exit_codes
from .console import Result

# The codes that a test guest ends a run with (guests/lib): all its lines are "ok", or not all.
GUEST_ALL_OK, GUEST_SOME_NOT_OK = 0x20, 0x21

STATUS_TIMEOUT = 124        # as timeout(1)
STATUS_RESET = 3
STATUS_SIGNAL = 128         # plus the signal, as a shell


@dataclass(frozen=True)
class Outcome:
    status: int
    sentence: str | None = None


def code(result: Result) -> int | None:
    """The code that was written to the exit port, None when the run ended in another way."""
    if result.status > 1 and result.status % 2 == 1:
        return result.status // 2
    return None


def outcome(result: Result) -> Outcome:
    ended = code(result)
    known = exit_codes.read().get(ended) if ended is not None else None
    if result.timeout:
        return Outcome(STATUS_TIMEOUT, f"{result.timeout}; the emulator was killed")
    if result.status < 0:
        return Outcome(STATUS_SIGNAL - result.status, f"the emulator died of {signal.Signals(-result.status).name}")
    if known:
        name = known.name.removeprefix("EXIT_").lower().replace("_", " ")
        return Outcome(known.code, f"Sextant ended with {known.code:#x} {name}: {known.meaning}")
    if ended == GUEST_ALL_OK:
        return Outcome(0, "the test guest ended: all its tests are ok")
    if ended == GUEST_SOME_NOT_OK:
        return Outcome(GUEST_SOME_NOT_OK, "the test guest ended: not all its tests are ok")
    if result.status == 0 and result.reason == "guest-reset":
        return Outcome(STATUS_RESET, "the machine was reset (reboot, a panic or a triple fault), which ends a run")
    if result.status != 0:
        return Outcome(result.status, f"the emulator ended with status {result.status}")
    return Outcome(0)
