# SPDX-License-Identifier: BSD-2-Clause
"""Test guests and Debian's kernel on the machines of Bochs, 2 processors, with what auto takes and with startup, apic and step
forced, each way that the machine has and auto does not take: what it takes by the golden report is auto's own cell.

A guest says what it says on the bare emulator. Bochs has mistakes of its own: bochs.toml lists the lines, with who is wrong;
everything else is compared all the same, and the test is then an expected failure with the name of the explanation. A mistake
that does not show any more is a failure.
"""

import itertools
from dataclasses import asdict

import pytest
from harness import bochs, data, golden
from harness.data import Host
from harness.lab import ALL_OK, POWER_OFF, SOME_NOT_OK, Lab, Run, skip
from harness.linux import Shell
from harness.report import Report
from harness.tap import parse
from harness.verdicts import UnexpectedPass
from runner.guests import ROOT
from test_cells import expect_refusal, unavailable, words_of_refusal

AUTO = data.Strategy("auto", "the image's own choice")
MTF, SIPI = "vmx_monitor_trap_flag", "vmx_activity_wait_for_sipi"
VNMI, NMI_WINDOW = "vmx_virtual_nmis", "vmx_nmi_window_exiting"
VID, X2VIRT = "vmx_virtual_interrupt_delivery", "vmx_virtualize_x2apic"
ABOUT_NMIS = ("smp", "nmi", "interplay")
# The floor, the other steps, and what startup=sipi does with the APIC page by itself; and what a machine must have, by hosts.toml.
FORCED = (
    (data.Strategy("page-dbstep", "", {"startup": "icr", "apic": "page", "step": "dbstep"}), set()),
    (data.Strategy("page-mtf", "", {"startup": "icr", "apic": "page", "step": "mtf"}), {MTF}),
    (data.Strategy("decode", "", {"startup": "icr", "apic": "decode"}), set()),
    (data.Strategy("sipi", "", {"startup": "sipi", "apic": "passthrough", "x2apic": "passthrough"}), {SIPI, "x2apic"}),
    (data.Strategy("sipi-page-dbstep", "", {"startup": "sipi", "apic": "page", "step": "dbstep"}), {SIPI}),
    (data.Strategy("sipi-page-mtf", "", {"startup": "sipi", "apic": "page", "step": "mtf"}), {SIPI, MTF}),
    (data.Strategy("apicv", "", {"startup": "icr", "apic": "apicv"}), {VID}),
    (data.Strategy("apicv-dbstep", "", {"startup": "icr", "apic": "apicv", "step": "dbstep"}), {VID}),
    (data.Strategy("x2apic-apicv", "", {"startup": "icr", "apic": "apicv", "x2apic": "apicv"}), {VID, X2VIRT, "x2apic"}),
    (data.Strategy("x2apic-msr", "", {"startup": "icr", "x2apic": "msr"}), {"x2apic"}),
    (data.Strategy("x2apic-hide", "", {"startup": "icr", "x2apic": "hide"}, guests=("smp", "apic", "eoi", "nmi", "interplay")), set()),
    (data.Strategy("vnmi", "", {"nmi": "vnmi"}, guests=ABOUT_NMIS), {VNMI, NMI_WINDOW}),
    (data.Strategy("poll", "", {"nmi": "poll"}, guests=ABOUT_NMIS), {VNMI}),
    (data.Strategy("iret", "", {"nmi": "iret"}, guests=ABOUT_NMIS), {"svm_np"}),
)
REFUSED = ((data.Strategy("mtf", "", {"step": "mtf"}), MTF), (data.Strategy("sipi", "", {"startup": "sipi"}), SIPI),
           (data.Strategy("apicv", "", {"apic": "apicv"}), VID))
# What `make test` runs: MTF and the floor of VMX on 3.0, VMX without MTF on 2.7, and SVM. Everything else is for `make matrix`.
USUAL = {("bochs30-corei7_skylake_x", "auto"), ("bochs30-corei7_skylake_x", "page-dbstep"), ("bochs27-corei7_haswell_4770", "auto"),
         ("bochs30-ryzen", "auto")}
# Bochs' x2APIC is wrong in many lines, on both sides (docs/emulators.md#bochs-x2apic); eoi, timer and bench take ten times as long.
UNUSUAL = ("x2apic", "eoi", "timer", "bench")
# The bare processor has what the guest must not see: its own lines decide.
ALONE, ALONE_WITHOUT_X2APIC = ("svm",), ("apicbase", "x2apic", "timer")
LINUX_MEMORY = 512      # MiB
LINUX_USUAL = "bochs30-corei7_skylake_x"
# Not sapphire_rapids: Debian's kernel does not boot on the bare model either (docs/emulators.md#bochs30-sapphire-linux).
LINUX_HOSTS = ("bochs27-corei7_skylake_x", LINUX_USUAL, "bochs30-ryzen", "bochs30-zambezi", "bochs30-phenom_8650_toliman")
LINUX_SILENCE, LINUX_LIMIT = 600.0, 3600.0      # seconds; Bochs 2.7 executes 10 million instructions a second


def machines() -> list[Host]:
    return [host for host in data.hosts().values() if "bochs" in host.tags]


def guests() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("guests/*/main.c"))


def cells() -> list[object]:
    rows = []
    for host, (strategy, needs) in itertools.product(machines(), ((AUTO, set()), *FORCED)):
        if not needs <= set(host.present) or golden.takes(host, strategy):
            continue
        usual = (host.name, strategy.name) in USUAL
        rows += [pytest.param(host, strategy, guest, id=f"{host.name}/{strategy.name}/{guest}",
                              marks=[] if usual and guest not in UNUSUAL else [pytest.mark.long]) for guest in guests() if "*" in strategy.guests or guest in strategy.guests]
    others = [host for host in data.hosts().values() if "bochs-model" in host.tags]
    return rows + [pytest.param(host, AUTO, "smp", id=f"{host.name}/auto/smp", marks=pytest.mark.long) for host in others]


@pytest.mark.parametrize(("host", "strategy", "guest"), cells())
def test_guest(lab: Lab, host: Host, strategy: data.Strategy, guest: str) -> None:
    report, needs = lab.report(host), data.guests()[guest].needs
    if needs and not report.has(needs):
        skip(host, report, needs)
    assert not strategy.force or report.binding | strategy.force != report.binding, (
        f"auto takes {strategy.parameters} there, and its golden report does not say so: make golden ROW={host.name}")
    seen = on_sextant(lab, host, strategy, guest)
    alone = guest in ALONE or guest in ALONE_WITHOUT_X2APIC and hides_x2apic(report)
    compare(seen if alone else on_the_bare_emulator(lab, host, guest), seen, bochs.known(host.name, guest, strategy.name))


def hides_x2apic(report: Report) -> bool:
    return report.has("x2apic") and report.binding["x2apic"] == "hide"


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


def refusals() -> list[object]:
    return [pytest.param(host, strategy, id=f"{host.name}/{strategy.name}/smp", marks=pytest.mark.long)
            for host, (strategy, needed) in itertools.product(machines(), REFUSED) if needed not in host.present]


@pytest.mark.parametrize(("host", "strategy"), refusals())
def test_refused(lab: Lab, host: Host, strategy: data.Strategy) -> None:
    """What a machine does not have, or not so that it works, is refused with its name, and no guest is started."""
    report = lab.report(host)
    [refused] = unavailable(report, strategy)
    run = lab.run(lab.machine(host, strategy.parameters, lab.guest("smp")))
    expect_refusal(run, "refused", "EXIT_REFUSED", *words_of_refusal(report, *refused))


@pytest.mark.parametrize("mask", [VID, "vmx_apic_register_virtualization", "vmx_external_interrupt_exiting", "vmx_tpr_shadow"])
def test_refused_when_masked(lab: Lab, hosts: dict[str, Host], mask: str) -> None:
    """Each control is a capability of its own: without one of them the strategy is refused with its name."""
    run = lab.run(lab.machine(hosts["bochs30-corei7_skylake_x"], f"apic=apicv mask={mask}", lab.guest("smp")))
    expect_refusal(run, "refused", "EXIT_REFUSED", "apic=apicv", "mask=")


def linux() -> list[object]:
    return [pytest.param(name, id=f"{name}/auto/amd64",
                         marks=[pytest.mark.weight(100)] + ([] if name == LINUX_USUAL else [pytest.mark.long]))
            for name in LINUX_HOSTS]


@pytest.mark.parametrize("host", linux())
def test_debian(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """To the shell, with both processors at work, and down again."""
    machine = lab.machine(hosts[host], "stats", lab.guest("amd64"), memory=LINUX_MEMORY)
    with lab.talk(machine, silence=LINUX_SILENCE, limit=LINUX_LIMIT) as dialogue:
        shell = Shell(dialogue)
        assert shell.run("nproc").split() == ["2"]
        assert shell.run("for i in 1 2 3; do taskset 2 echo $i | taskset 1 cat; done") == "1\n2\n3\n"
        shell.leave("poweroff")
        run = Run(dialogue.end())
    assert run.report.binding["step"] == lab.report(hosts[host]).binding["step"]
    assert run.ending == POWER_OFF


def test_no_cell_forces_what_auto_takes() -> None:
    """It would be auto's cell once more; what is forced and is not taken has one, and so has auto."""
    rows = {(row.values[0].name, row.values[1].name): row.values[1] for row in cells()}      # type: ignore[attr-defined]
    assert [key for key, strategy in rows.items() if strategy.force and strategy.force.items() <= golden.read(key[0])["choices"].items()] == []
    assert ("bochs27-corei7_haswell_4770", "decode") not in rows
    assert {("bochs27-corei7_haswell_4770", name) for name in ("auto", "page-dbstep", "apicv")} <= rows.keys()


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
