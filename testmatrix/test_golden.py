# SPDX-License-Identifier: BSD-2-Clause
"""Every host's report is what it was: verdict, choices, capabilities. A difference is named by its bit.

When a difference is right, `make golden` (or `make golden ROW=HOST`) writes the files anew; then look at `git diff testmatrix/golden`.
"""

import copy

import pytest
from harness import data, golden
from harness.data import Host
from harness.lab import Lab
from harness.report import Report
from test_report import hosts


@pytest.mark.parametrize("host", [row for row in hosts() if golden.is_kept(row.values[0])])       # type: ignore[attr-defined]
def test_golden(lab: Lab, host: Host, pytestconfig: pytest.Config) -> None:
    report = lab.report(host)
    if pytestconfig.option.golden:
        golden.write(host.name, report)
    assert golden.path(host.name).exists(), f"there is no golden report: make golden ROW={host.name}"
    assert golden.differences(golden.read(host.name), report) == []


def test_every_file_has_its_host() -> None:
    names = {host.name for host in data.hosts().values() if golden.is_kept(host)}
    assert {path.stem for path in golden.DIRECTORY.glob("*.json")} == names


def test_a_difference_is_named(lab: Lab, main_host: Host) -> None:
    """The bit, by its register; in both directions."""
    report = lab.report(main_host)
    kept = golden.of(report)
    changed = copy.deepcopy(report.data)
    for row in changed["capabilities"]:
        row["state"] = {"svm_np": "absent", "svm_nrips": "advertised"}.get(row["id"], row["state"])
    changed["outcome"], changed["axes"][3]["chosen"] = "cannot_run", None
    assert golden.differences(kept, report) == []
    assert golden.differences(kept, Report(report.text, "", changed)) == [
        "outcome was runs, and is cannot_run", "the choice for step was dbstep, and is None",
        'svm_np ("NP", CPUID 0x8000000a EDX bit 0) was verified, and is absent',
        'svm_nrips ("NRIPS", CPUID 0x8000000a EDX bit 3) was absent, and is advertised']
