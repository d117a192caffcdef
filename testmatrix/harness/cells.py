# SPDX-License-Identifier: BSD-2-Clause
"""pytest plugin: the verdict and the artefacts of every cell.

Each worker writes build/matrix/cells/HOST/STRATEGY/GUEST/TEST/cell.json beside what the runs of that test left. Whoever started the
workers collects them at the end into build/matrix/: matrix.json, the page index.html, and the durations for the next run's
estimate. A test that no worker wrote a file for is a CRASH.
"""

import fcntl
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field
from typing import IO

import pytest

from . import collect, page, progress, runs, shards, verdicts
from .places import CELLS, COLLECTED, DURATIONS, MATRIX, SESSION, WEIGHTS, Place, directory
from .verdicts import Verdict

LOCK = pytest.StashKey[IO[str]]()
NOTES = pytest.StashKey["Notes"]()
REASON_LENGTH = 4000
VERDICT = "verdict"                     # property of a report, in the JUnit file as well


@dataclass
class Notes:
    """What is learned of a test while it runs."""

    started: float = field(default_factory=time.time)
    verdict: Verdict = Verdict.CRASH
    reason: str = "the test did not come to an end"
    shared: str = ""            # where the shared run is that failed, relative to build/matrix/


# ---- options ----


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sextant", "the test matrix")
    group.addoption("--shard", metavar="I/N", type=shards.parse, default=None,
                    help="run the I-th of N groups of equal weight (1 to N); all groups together are all tests")
    group.addoption("--progress", action="store_true",
                    help="show how far it is, and an estimate by the durations of the last run")
    group.addoption("--golden", action="store_true", help="write testmatrix/golden/ anew instead of comparing with it")


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


# ---- the session ----


def pytest_sessionstart(session: pytest.Session) -> None:
    """One run at a time in a build directory."""
    config = session.config
    if is_worker(config) or config.option.collectonly:
        return
    MATRIX.mkdir(parents=True, exist_ok=True)
    lock = (MATRIX / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pytest.exit(f"another run of the system tests uses {MATRIX}", returncode=pytest.ExitCode.USAGE_ERROR)
    config.stash[LOCK] = lock
    for file in (COLLECTED, WEIGHTS):
        file.unlink(missing_ok=True)
    config.pluginmanager.register(Collector(config), "sextant-collector")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The heavy ones first, so that the workers end at about the same time; of a shard only what is its own."""
    known = progress.read(DURATIONS)
    weights = {item.nodeid: weight(item, known) for item in items}
    items.sort(key=lambda item: (-weights[item.nodeid], item.nodeid))
    if config.option.progress and not config.option.collectonly:
        write_weights({name: progress.expected(Place.of(name), weight) for name, weight in weights.items()})
    if config.option.shard:
        if not is_worker(config) or config.workerinput["workerid"] == "gw0":       # type: ignore[attr-defined]
            runs.write(COLLECTED, [item.nodeid for item in items])
        mine = shards.members(weights, config.option.shard)
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in mine])
        items[:] = [item for item in items if item.nodeid in mine]


def weight(item: pytest.Item, known: dict[str, float]) -> float:
    """Seconds; on each machine the same, or their groups would not be."""
    marker = item.get_closest_marker("weight")
    return known.get(item.nodeid, float(marker.args[0]) if marker else progress.typical(Place.of(item.nodeid)))


def write_weights(weights: dict[str, float]) -> None:
    """Who started the workers has no markers to look at. Every worker writes the same, and nobody reads half of it."""
    part = WEIGHTS.with_suffix(f".{os.getpid()}")
    runs.write(part, weights)
    part.replace(WEIGHTS)


# ---- one test, in the process that runs it ----


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item):         # type: ignore[no-untyped-def]
    item.stash[NOTES] = Notes()
    yield
    write(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Judges. A failed test says where its artefacts are, and what command reproduces it."""
    answer = yield
    report = answer.get_result()
    judge(item, call, report)
    if report.when == "teardown":
        report.user_properties.append((VERDICT, item.stash[NOTES].verdict.name))


def judge(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    notes = item.stash[NOTES]
    if complaint := refuse(report, call):
        report.outcome, report.longrepr = "failed", complaint
        if hasattr(report, "wasxfail"):
            del report.wasxfail
    if report.passed:
        if report.when == "call":
            notes.verdict, notes.reason = Verdict.PASS, ""
        return
    if report.skipped:
        expected = getattr(report, "wasxfail", None)
        notes.verdict = Verdict.SKIP if expected is None else Verdict.XFAIL
        notes.reason = reason_of_skip(call) if expected is None else str(expected).removeprefix("reason: ")
        return
    place = directory(item)
    message = str(report.longrepr) if complaint or not call.excinfo else message_of(report, call)
    error = None if complaint else call.excinfo and call.excinfo.value
    notes.verdict, notes.reason = verdicts.of_failure(error, message, runs.read(place)), message[:REASON_LENGTH]
    if isinstance(error, verdicts.SharedError):
        notes.shared = os.path.relpath(error.place, MATRIX)
    if place.is_dir():
        commands = "".join(f"\n{file.stem}: {file.read_text().strip()}" for file in sorted(place.glob("*.command")))
        report.sections.append(("artefacts", f"{place}{commands}"))


def refuse(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str | None:
    """Skips and expected failures need a reason that is legal."""
    if not report.skipped:
        return None
    if hasattr(report, "wasxfail"):
        return verdicts.complaint_of_xfail(str(report.wasxfail))
    return verdicts.complaint_of_skip(reason_of_skip(call), Place.of(report.nodeid).host)


def reason_of_skip(call: pytest.CallInfo[None]) -> str:
    return str(call.excinfo.value) if call.excinfo else "no reason"


def message_of(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr or call.excinfo)


def write(item: pytest.Item) -> None:
    """cell.json."""
    notes, place = item.stash[NOTES], Place.of(item.nodeid)
    target = MATRIX / place.directory
    target.mkdir(parents=True, exist_ok=True)
    cell = asdict(place) | {
        "id": item.nodeid, "verdict": notes.verdict.name, "reason": notes.reason,
        "seconds": round(time.time() - notes.started, 3), "directory": place.directory,
        "shared": notes.shared}
    (target / collect.CELL).write_text(json.dumps(cell, indent=1) + "\n")


# ---- the end, in the process that started the workers ----


class Collector:
    """Counts what comes, and makes the page of it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.started = time.time()
        self.selected: list[str] = []
        self.seen: dict[str, str] = {}      # test → what was said of it by the last report that was not "passed"
        self.complaints: list[str] = []
        self.summary = ""
        self.progress = progress.Progress(progress.read(DURATIONS), self.workers) if config.option.progress else None

    @property
    def workers(self) -> int:
        return len(getattr(self.config.option, "tx", None) or []) or 1

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: list[str]) -> None:
        if ids and not self.selected:
            self.begin(list(ids))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if session.items:
            self.begin([item.nodeid for item in session.items])

    def begin(self, selected: list[str]) -> None:
        """Nothing of the last run is taken for this one's; and where nothing was selected, it is left as it was."""
        self.selected = selected
        for place in (CELLS, SESSION):
            shutil.rmtree(place, ignore_errors=True)
        for file in (page.DOCUMENT, page.PAGE):
            (MATRIX / file).unlink(missing_ok=True)
        if self.progress:
            self.say(self.progress.begin(selected, progress.read(WEIGHTS)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """With --progress there are lines instead of letters; the summary at the end wants the word all the same."""
        if not self.progress or report.failed or report.when != "call":
            return None
        return ("xfailed", "", "XFAIL") if hasattr(report, "wasxfail") else (report.outcome, "", report.outcome.upper())

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.seen[report.nodeid] = str(report.longrepr)
        if report.when in ("teardown", "???"):
            self.seen.setdefault(report.nodeid, "")
            verdict = dict(report.user_properties).get(VERDICT, Verdict.CRASH.name)
            if self.progress and (line := self.progress.ended(report.nodeid, str(verdict))):
                self.say(line)

    def say(self, line: str) -> None:
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.ensure_newline()
            reporter.write_line(line)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.selected:
            return
        for nodeid in self.selected:
            place = Place.of(nodeid)
            if nodeid in self.seen and not (MATRIX / place.directory / collect.CELL).exists():
                self.write_crash(nodeid, place)
        collected = json.loads(COLLECTED.read_text()) if self.config.option.shard else self.selected
        document = collect.collect(MATRIX, self.selected, collected, self.config.option.shard,
                                   time.time() - self.started, self.workers)
        progress.write(DURATIONS, {cell["id"]: cell["seconds"] for cell in document["cells"]})
        page.write(MATRIX, document)
        self.complaints = document["complaints"]
        self.summary = collect.summary(document)
        if self.complaints and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def write_crash(self, nodeid: str, place: Place) -> None:
        cell = asdict(place) | {"id": nodeid, "verdict": Verdict.CRASH.name, "seconds": 0, "directory": place.directory, "shared": "",
                                "reason": self.seen[nodeid][:REASON_LENGTH] or "the worker wrote nothing of this test"}
        (MATRIX / place.directory).mkdir(parents=True, exist_ok=True)
        (MATRIX / place.directory / collect.CELL).write_text(json.dumps(cell, indent=1) + "\n")

    def pytest_terminal_summary(self) -> None:
        if self.summary:
            self.say(self.summary)
            self.say(f"{MATRIX / page.PAGE}")
        for complaint in self.complaints:
            self.say(f"MATRIX: {complaint}")
