# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the system tests, and where their artefacts go: build/testmatrix/FILE/TEST/HOST/STRATEGY/GUEST/."""

import fcntl
import os
import re
import shutil
from pathlib import Path
from typing import IO

import pytest
from harness import data
from harness.lab import SKIP_REASON, Lab
from harness.shared import Shared
from runner.guests import ROOT

BUILD = Path(os.environ.get("SEXTANT_BUILD", ROOT / "build")).resolve()
ARTEFACTS = BUILD / "testmatrix"
SESSION = ".session"
LOCK = pytest.StashKey[IO[str]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """One run at a time in a build directory, and nothing of the last one is taken for this one's."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    lock = (ARTEFACTS / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pytest.exit(f"another run of the system tests uses {ARTEFACTS}", returncode=pytest.ExitCode.USAGE_ERROR)
    session.config.stash[LOCK] = lock
    for place in ARTEFACTS.iterdir():
        if place.is_dir():
            shutil.rmtree(place)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The heavy ones first, so that the workers end at about the same time."""
    items.sort(key=lambda item: weight(item), reverse=True)


def weight(item: pytest.Item) -> int:
    marker = item.get_closest_marker("weight")
    return int(marker.args[0]) if marker else 1


def place_of(item: pytest.Item) -> Path:
    """FILE/TEST/HOST/STRATEGY/GUEST."""
    file, _, rest = item.nodeid.partition("::")
    name, _, parameters = rest.partition("[")
    words = [Path(file).stem.removeprefix("test_"), name.removeprefix("test_"), *parameters.rstrip("]").split("/")]
    return ARTEFACTS.joinpath(*(re.sub(r"[^\w.+,-]", "_", word) for word in words if word))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """A failed test says where its artefacts are, and what command reproduces it. A skip needs a report's word."""
    answer = yield
    report = answer.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and SKIP_REASON not in str(call.excinfo.value):
        report.outcome = "failed"
        report.longrepr = f"a test may be skipped only by harness.lab.skip(): {call.excinfo.value}"
    if report.failed and (place := place_of(item)).is_dir():
        commands = "".join(f"\n{file.stem}: {file.read_text().strip()}" for file in sorted(place.glob("*.command")))
        report.sections.append(("artefacts", f"{place}{commands}"))


@pytest.fixture(scope="session")
def shared(testrun_uid: str) -> Shared:
    return Shared(ARTEFACTS / SESSION / testrun_uid)


@pytest.fixture
def lab(request: pytest.FixtureRequest, shared: Shared) -> Lab:
    place = place_of(request.node)
    place.mkdir(parents=True, exist_ok=True)
    return Lab(BUILD, place, shared)


@pytest.fixture(scope="session")
def hosts() -> dict[str, data.Host]:
    return data.hosts()


@pytest.fixture(scope="session")
def main_host(hosts: dict[str, data.Host]) -> data.Host:
    """QEMU 7.2, EPYC, 4 processors: what is not about hosts is tested there."""
    return hosts["qemu72-EPYC"]
