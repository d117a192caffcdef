# SPDX-License-Identifier: BSD-2-Clause
"""Test guests and Debian's kernel on the machines of Bochs, 2 processors, with what auto takes and with startup, apic and step
forced, each way that the machine has and auto does not take: what it takes by the golden report is auto's own cell.

A guest says what it says on the bare emulator. Bochs has mistakes of its own: bochs.toml lists the lines, with who is wrong;
everything else is compared all the same, and the test is then an expected failure with the name of the explanation. A mistake
that does not show any more is a failure.
"""

from dataclasses import asdict

import pytest
from harness import bochs, data, golden, linux
from harness.data import Cell, Host
from harness.lab import ALL_OK, POWER_OFF, SOME_NOT_OK, Lab, Run, skip
from harness.linux import Shell
from harness.report import Report
from harness.tap import parse
from harness.verdicts import UnexpectedPass
from test_cells import expect_refusal, unavailable, words_of_refusal

LINUX_USUAL = "bochs-main"
VID = "vmx_virtual_interrupt_delivery"


def cells() -> list[Cell]:
    return [cell for cell in data.cells() if cell.host.is_bochs and not golden.takes(cell.host, cell.strategy)]


def parameters(*, refused: bool) -> list[object]:
    return [pytest.param(cell, id=cell.name, marks=[pytest.mark.long] if cell.long else [])
            for cell in cells() if bool(cell.strategy.lacks) == refused]


@pytest.mark.parametrize("cell", parameters(refused=False))
def test_guest(lab: Lab, cell: Cell) -> None:
    host, strategy, guest = cell.host, cell.strategy, cell.guest
    report = lab.report(host)
    if guest.needs and not report.has(guest.needs):
        skip(host, report, guest.needs)
    assert not strategy.force or report.binding | strategy.force != report.binding, (
        f"auto takes {strategy.parameters} there, and its golden report does not say so: make golden ROW={host.name}")
    seen = on_sextant(lab, host, strategy, guest.name)
    right = seen if is_alone(guest, report) else on_the_bare_emulator(lab, host, guest.name)
    compare(right, seen, bochs.known(host.name, guest.name, strategy.name))


def is_alone(guest: data.Guest, report: Report) -> bool:
    """Whether the bare processor has what the guest must not see: its own lines decide. Bochs has no model that is another one
    without SVM."""
    hides_x2apic = report.has("x2apic") and report.binding["x2apic"] == "hide"
    return guest.bare_model != data.Guest.bare_model or guest.shows_x2apic and hides_x2apic


def on_sextant(where: Lab, host: Host, strategy: data.Strategy, guest: str) -> bochs.Said:
    run = where.run(where.machine(host, strategy.parameters, where.guest(guest)))
    assert run.report.binding | strategy.force == run.report.binding, "another strategy is bound than was forced"
    return said(run)


def on_the_bare_emulator(where: Lab, host: Host, guest: str) -> bochs.Said:
    """What the guest says there, once a session."""
    def measure(place: object) -> dict[str, object]:
        there = where.at(place)                 # type: ignore[arg-type]
        return asdict(said(there.run(there.bare(host, there.guest(guest)), "bare")))
    return bochs.Said(**where.shared.once(f"bochs/{host.name}/bare/{guest}", measure))


def said(run: Run) -> bochs.Said:
    return bochs.Said(run.tap.lines, "" if run.ending in (ALL_OK, SOME_NOT_OK) else f"{run.ending}: {run.errors.strip()}")


def compare(right: bochs.Said, seen: bochs.Said, known: list[bochs.Known]) -> None:
    if not known:
        assert (right.end, seen.end) == ("", ""), "the guest does not come to its end"
        assert seen.lines == right.lines, "the guest sees another machine than the bare one"
        assert parse(seen.lines).complaints() == []
        return
    found = bochs.differences(right, seen)
    assert [one for one in found if not any(row.explains(one) for row in known)] == []
    gone = [row.anchor for row in known if not any(row.explains(one) for one in found)]
    if gone:
        raise UnexpectedPass(f"bochs.toml expects something to be wrong that is right: {', '.join(gone)}")
    pytest.xfail(", ".join(dict.fromkeys(f"docs/emulators.md#{row.anchor}" for row in known)))


@pytest.mark.parametrize("cell", parameters(refused=True))
def test_refused(lab: Lab, cell: Cell) -> None:
    """What a machine does not have, or not so that it works, is refused with its name, and no guest is started."""
    report = lab.report(cell.host)
    [refused] = unavailable(report, cell.strategy)
    run = lab.run(lab.machine(cell.host, cell.strategy.parameters, lab.guest(cell.guest.name)))
    expect_refusal(run, "refused", "EXIT_REFUSED", *words_of_refusal(report, *refused))


@pytest.mark.parametrize("mask", [VID, "vmx_apic_register_virtualization", "vmx_external_interrupt_exiting", "vmx_tpr_shadow"])
def test_refused_when_masked(lab: Lab, hosts: dict[str, Host], mask: str) -> None:
    """Each control is a capability of its own: without one of them the strategy is refused with its name."""
    run = lab.run(lab.machine(hosts["bochs30-corei7_skylake_x"], f"apic=apicv mask={mask}", lab.guest("smp")))
    expect_refusal(run, "refused", "EXIT_REFUSED", "apic=apicv", "mask=")


def boots() -> list[object]:
    return [pytest.param(host, id=f"{host.name}/auto/amd64",
                         marks=[pytest.mark.weight(100)] + ([] if LINUX_USUAL in host.tags else [pytest.mark.long]))
            for host in data.hosts().values() if "bochs-linux" in host.tags]


@pytest.mark.parametrize("host", boots())
def test_debian(lab: Lab, host: Host) -> None:
    """To the shell, with both processors at work, and down again."""
    slow = linux.on_bochs()
    machine = lab.machine(host, "stats", lab.guest("amd64"), memory=slow.memory)
    with lab.talk(machine, silence=slow.silence, limit=slow.limit) as dialogue:
        shell = Shell(dialogue)
        assert shell.run("nproc").split() == ["2"]
        assert shell.run("for i in 1 2 3; do taskset 2 echo $i | taskset 1 cat; done") == "1\n2\n3\n"
        shell.leave("poweroff")
        run = Run(dialogue.end())
    assert run.report.binding["step"] == lab.report(host).binding["step"]
    assert run.ending == POWER_OFF


def test_no_cell_forces_what_auto_takes() -> None:
    """It would be auto's cell once more; what is forced and is not taken has one, and so has auto."""
    rows = {(cell.host.name, cell.strategy.name): cell.strategy for cell in cells()}
    forced = [(host, strategy.force) for (host, _), strategy in rows.items() if strategy.force]
    assert [(host, force) for host, force in forced if force.items() <= golden.read(host)["choices"].items()] == []
    assert ("bochs27-corei7_haswell_4770", "decode") not in rows
    assert {("bochs27-corei7_haswell_4770", name) for name in ("auto", "page-dbstep", "apicv")} <= rows.keys()


def test_every_guest_runs_on_every_machine() -> None:
    own = {(cell.host.name, cell.guest.name) for cell in cells() if not cell.strategy.force}
    machines = [host.name for host in data.hosts().values() if "bochs" in host.tags]
    assert {(host, guest) for host in machines for guest in data.guests()} <= own


def test_a_run_that_ends_early_is_compared_until_there() -> None:
    """The line that the end cut short says nothing; what comes behind it on the other side neither."""
    right = bochs.Said(["1..4", "ok 1 - one", "# note", "ok 2 - two", "ok 3 - thr"], "reset: ")
    seen = bochs.Said(["1..4", "ok 1 - one", "not ok 2 - two", "ok 3 - three", "# later", "ok 4 - four"])
    found = bochs.differences(right, seen)
    assert found == [bochs.Difference("reset: ", "bare", is_end=True), bochs.Difference("two", "sextant"),
                     bochs.Difference("# note", "bare")]
    known = bochs.Known(("*",), "smp", "bare", "anchor", ends="^reset")
    assert [known.explains(one) for one in found] == [True, False, False]


def test_a_note_is_no_end() -> None:
    known = bochs.Known(("*",), "smp", "bare", "anchor", lines="reset")
    assert not known.explains(bochs.Difference("reset: ", "bare", is_end=True))
    assert known.explains(bochs.Difference("# reset", "bare"))
    assert not known.explains(bochs.Difference("# reset", "sextant"))
