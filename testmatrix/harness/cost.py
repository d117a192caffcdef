# SPDX-License-Identifier: BSD-2-Clause
"""pytest plugin: what the emulators of a session cost, in seconds of processor time. Wall time says more about the other work of
a machine. Whoever measures what several tests share pays for it."""

import resource
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

SPENT = pytest.StashKey[float]()
COST = "user seconds"   # the property of a test's report
DEAREST = 8             # tests that the summary names


def spent() -> float:
    """By the emulators of this process that have ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[SPENT] = spent()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    answer = yield
    if call.when == "call":
        answer.get_result().user_properties.append((COST, round(spent() - item.stash[SPENT], 2)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The sum of each file, and the dearest tests."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind if getattr(report, "when", "") == "call"]
    costs = {report.nodeid: float(dict(report.user_properties).get(COST, 0)) for report in reports}
    files: dict[str, float] = defaultdict(float)
    for name, cost in costs.items():
        files[Path(name.partition("::")[0]).stem.removeprefix("test_")] += cost
    if not any(costs.values()):
        return
    terminalreporter.section(f"{COST} of the emulators")
    terminalreporter.write_line(", ".join(f"{file} {cost:.0f}" for file, cost in sorted(files.items())))
    for name, cost in sorted(costs.items(), key=lambda row: row[1], reverse=True)[:DEAREST]:
        terminalreporter.write_line(f"{cost:8.1f}  {name}")
