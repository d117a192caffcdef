# SPDX-License-Identifier: BSD-2-Clause
"""The verdict of a cell: a closed set, and the rules by which a test's end becomes one of them."""

import functools
import json
import re
from enum import Enum
from pathlib import Path

from runner.guests import ROOT

from . import data
from .places import SESSION
from .runs import REPORT, Record

EMULATORS_PAGE = "docs/emulators.md"
LINK = re.compile(rf"{re.escape(EMULATORS_PAGE)}#([\w-]+)")
ANCHOR = re.compile(r'<a id="([\w-]+)"></a>')

# The reason of a skip: what the host's own report says, or what a row of hosts/ needs and this machine lacks.
REPORT_OF, THIS_MACHINE = "the report of ", "this machine cannot run "
SKIP_BY_REPORT = re.compile(rf"{REPORT_OF}(\S+): (\w+) is (\w+)")
SKIP_BY_MACHINE = re.compile(rf"{THIS_MACHINE}(\S+): .+")
# What the state of a capability must be for a test to be skipped.
SKIPPABLE = ("absent", "masked", "broken")


class Verdict(Enum):
    """Worst first. The value is the meaning, for who reads the page."""

    CRASH = "no verdict was seen: the machine ended in a way that nobody chose"
    TIMEOUT = "nothing was said for too long, or the run did not end in time"
    FAIL = "something else was seen than is right"
    XPASS = "a known mistake of the emulator did not show any more"
    XFAIL = "a known mistake of the emulator, explained in docs/emulators.md"
    SKIP = "the host's own report says that what is tested is absent, masked or broken there"
    PASS = "what is right was seen"

    @property
    def is_bad(self) -> bool:
        return self in BAD


BAD = (Verdict.CRASH, Verdict.TIMEOUT, Verdict.FAIL, Verdict.XPASS)
ORDER = {verdict.name: number for number, verdict in enumerate(Verdict)}


class UnexpectedPass(AssertionError):
    """A mistake that is listed as known did not show: the list is wrong, and the test fails."""


class SharedError(Exception):
    """What was to be computed once a session could not be; every test that needs it fails with the same sentence and verdict.
    place: of the artefacts."""

    def __init__(self, sentence: str, verdict: Verdict, place: Path) -> None:
        super().__init__(f"{sentence}\n(see {place})")
        self.verdict, self.place = verdict, place


@functools.cache
def anchors() -> frozenset[str]:
    """The paragraphs of docs/emulators.md that can be linked to."""
    return frozenset(ANCHOR.findall((ROOT / EMULATORS_PAGE).read_text(encoding="utf-8")))


def complaint_of_skip(reason: str, of: str) -> str | None:
    """Why a test may not be skipped with this reason; None when it may. of: the host of its id, or nothing."""
    found = SKIP_BY_MACHINE.fullmatch(reason) or SKIP_BY_REPORT.fullmatch(reason)
    if found and of not in ("", found[1]):
        return f"a test of {of} may be skipped only for what {of} is: {reason}"
    if found := SKIP_BY_MACHINE.fullmatch(reason):
        host = data.hosts().get(found[1])
        return None if host and host.needs else f"hosts/ has no {found[1]} that needs anything: {reason}"
    if found := SKIP_BY_REPORT.fullmatch(reason):
        states = reported(found[1], found[2])
        return None if states == {found[3]} and found[3] in SKIPPABLE else (
            f"the report of {found[1]} says of {found[2]}: {', '.join(sorted(states)) or 'nothing'}: {reason}")
    return f"a test may be skipped only by harness.lab.skip() or harness.lab.need(): {reason}"


def reported(host: str, capability: str) -> set[str]:
    """What this session's report of the host says of the capability; there is one such session."""
    reports = [json.loads(file.read_text()) for file in SESSION.glob(f"*/report/{host}/sextant{REPORT}")]
    return {row["state"] for report in reports for row in report["capabilities"] if row["id"] == capability}


def complaint_of_xfail(reason: str) -> str | None:
    """Why a failure may not be expected with this reason; None when it may."""
    links = LINK.findall(reason)
    if not links:
        return f"an expected failure names its paragraph of {EMULATORS_PAGE}: {reason}"
    missing = [name for name in links if name not in anchors()]
    return f"{EMULATORS_PAGE} has no paragraph {', '.join(missing)}" if missing else None


def of_failure(error: BaseException | None, message: str, records: list[Record]) -> Verdict:
    """error: what the test raised, as far as it is known; message: the failure's text; records: of the test's runs."""
    name = type(error).__name__
    if isinstance(error, SharedError):
        return error.verdict
    if isinstance(error, UnexpectedPass) or message.startswith("[XPASS(strict)]"):
        return Verdict.XPASS
    if name == "Stalled":
        return Verdict.TIMEOUT
    if name in ("Ended", "NoReport") or any(record.ending and not record.has_verdict for record in records):
        return Verdict.CRASH
    return Verdict.FAIL
