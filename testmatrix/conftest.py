# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the system tests. Verdicts and artefacts, under build/matrix/: harness/cells.py."""

import pytest
from harness import data, places
from harness.lab import Lab
from harness.shared import Shared

pytest_plugins = ["harness.cells", "harness.cost", "pytester"]


@pytest.fixture(scope="session")
def shared(testrun_uid: str) -> Shared:
    return Shared(places.SESSION / testrun_uid)


@pytest.fixture
def lab(request: pytest.FixtureRequest, shared: Shared) -> Lab:
    place = places.directory(request.node)
    place.mkdir(parents=True, exist_ok=True)
    return Lab(places.BUILD, place, shared)


@pytest.fixture(scope="session")
def hosts() -> dict[str, data.Host]:
    return data.hosts()


@pytest.fixture(scope="session")
def main_host(hosts: dict[str, data.Host]) -> data.Host:
    """QEMU 7.2, EPYC, 4 processors: what is not about hosts is tested there."""
    return hosts["qemu72-EPYC"]
