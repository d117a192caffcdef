# SPDX-License-Identifier: BSD-2-Clause
"""The matrix: every test guest on Sextant says what it says on the bare emulator, whatever host and strategy.

Where the host's own report calls the machine or the strategy unusable, the cell passes when the image refuses with the
report's own reason, a sentence at the head of what it prints, and its exit code. The machines of Bochs: test_bochs_guests.py.
"""

import dataclasses
from typing import Any

import pytest
from harness import data, lab, tap
from harness.data import Cell
from harness.lab import Lab, Run, skip
from harness.report import VERDICTS, Report
from runner.guests import ROOT

UNAVAILABLE = ("missing", "masked", "not built", "broken", "no backend")


def parameters() -> list[object]:
    return [pytest.param(cell, id=cell.name, marks=[pytest.mark.long] if cell.long else []) for cell in data.cells() if not cell.host.is_bochs]


@pytest.mark.parametrize("cell", parameters())
def test_cell(lab: Lab, cell: Cell) -> None:
    report, needs = lab.report(cell.host), cell.guest.needs
    refused = unavailable(report, cell.strategy)
    if report.outcome in data.CARRIES and not refused and needs and not report.has(needs):
        skip(cell.host, report, needs)
    run = lab.run(lab.machine(cell.host, cell.strategy.parameters, lab.guest(cell.guest.name)))
    if report.outcome == "cannot_run":
        expect_refusal(run, "cannot_run", "EXIT_CANNOT_RUN", report.sentence)
    elif refused:
        expect_refusal(run, "refused", "EXIT_REFUSED", *words_of_refusal(report, *refused[0]))
    else:
        expect_same(run, cell, lab.oracle(cell.host, cell.guest))


def unavailable(report: Report, strategy: data.Strategy) -> list[tuple[str, str]]:
    """The forced strategies, as axis and name, that the host's report says cannot be had there."""
    return [(axis, name) for axis, name in strategy.force.items()
            if report.strategy(axis, name)["verdict"] in UNAVAILABLE]


def words_of_refusal(report: Report, axis: str, name: str) -> list[str]:
    """What the sentence must have in it: what was asked for, each capability that it lacks, what can be done."""
    row = report.strategy(axis, name)
    lacks = [capability["name"] for capability in report.data["capabilities"] if capability["id"] in row["missing"]]
    reason = lacks if row["verdict"] == "missing" else [row["reason"]]
    return [f"{axis}={name} was asked for", *reason, f"{axis}=auto (takes {report.binding[axis]})"]


def expect_refusal(run: Run, outcome: str, ending: str, *words: str) -> None:
    """The verdict and the reason stand in the first line, and no guest was started."""
    first = run.lines[0] if run.lines else ""
    assert first.startswith(VERDICTS[outcome])
    assert [word for word in words if word not in first] == []
    assert run.ending == ending
    assert run.tap.planned is None, "the guest ran all the same"


def expect_same(run: Run, cell: Cell, right: list[str]) -> None:
    may_say = data.CARRIES if cell.strategy.force else cell.host.outcomes      # what is forced may be a fallback
    assert run.report.outcome in may_say, f"the same machine reports otherwise now: {run.report.sentence}"
    assert run.report.binding | cell.strategy.force == run.report.binding, "another strategy is bound than was forced"
    if different := tap.differences(right, run.tap.lines):
        pytest.fail(f"the guest sees another machine than the bare one\n{different}", pytrace=False)
    assert run.tap.complaints() == []
    assert run.ending == lab.ALL_OK
    assert between_report_and_guest(run) == [], "something is said between the report and the guest"


def between_report_and_guest(run: Run) -> list[str]:
    """What is said after the report's last part, the advice."""
    after = run.tap.before[run.tap.before.index("What you can change") + 1:]
    return [line for line in after if line.strip() and not line.startswith((" ", "#"))]


def test_every_guest_has_a_row() -> None:
    """A guest that nobody runs proves nothing."""
    assert set(data.guests()) == {path.parent.name for path in ROOT.glob("guests/*/main.c")}


def test_every_guest_is_in_the_matrix() -> None:
    """Each guest has a cell on the main host that `make test` runs."""
    usual = [cell for cell in data.cells() if "main" in cell.host.tags and not cell.long]
    assert {cell.guest.name for cell in usual} == set(data.guests())


def test_who_has_what_is_needed(hosts: dict[str, data.Host]) -> None:
    """A strategy goes where hosts/ knows that the host has all that it needs, or does not know all that it lacks."""
    rich, poor = hosts["bochs30-corei7_skylake_x"], hosts["bochs27-corei7_skylake_x"]
    needs, lacks = data.Strategy("a", "", needs=("vmx", "vmx_monitor_trap_flag")), data.Strategy("a", "", lacks=("vmx", "vmx_monitor_trap_flag"))
    assert [row.suits(host) for row in (needs, lacks) for host in (rich, poor)] == [True, False, False, True]
    assert data.Strategy("a", "").suits(poor)


def test_two_rows_of_one_name_are_for_different_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [data.Strategy("a", "", {"step": step}, hosts=("main",), guests=("smp",)) for step in ("mtf", "dbstep")]
    monkeypatch.setattr(data, "strategies", lambda: rows)
    with pytest.raises(data.DataError, match="two rows a are for qemu72-EPYC"):
        data.cells()


@pytest.mark.parametrize(("changes", "complaint"), [
    ({}, None), ({"emulator": "qemu10"}, "it belongs into hosts/qemu10.toml"), ({"outcome": "perhaps"}, "is none of"),
    ({"needs": "kvm"}, "it belongs into hosts/kvm.toml"), ({"vendor": "amd"}, "needs is"), ({"vendor": "any"}, "needs is"),
    ({"outcome": "carries"}, "not `carries`"), ({"outcome": "cannot_run"}, "needs the sentence"), ({"tags": ("main", "mian")}, "has no tag mian")])
def test_a_row_that_is_wrong(main_host: data.Host, changes: dict[str, Any], complaint: str | None) -> None:
    found = data.complaint_of(dataclasses.replace(main_host, **changes), "qemu72")
    assert complaint in found if complaint and found else found is complaint


def test_every_tag_has_a_host(hosts: dict[str, data.Host]) -> None:
    """And guests and strategies select by tags that there are."""
    assert {tag for host in hosts.values() for tag in host.tags} == set(data.tags())
    with pytest.raises(data.DataError, match="hosts/tags.toml has no tag mian"):
        data.check_tags("strategies.toml", [data.Strategy("a", "", hosts=("*", "main"), long_hosts=("mian",))])
