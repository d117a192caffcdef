# SPDX-License-Identifier: BSD-2-Clause
"""The report on the machines of Bochs: what each has, what was tried, what is bound. What hosts/ knows of them
test_report.py looks at, as on every host."""

import os
import signal
import time

import pytest
from harness import data
from harness.data import Host
from harness.lab import Lab, Run
from runner.machine import Machine
from test_cells import expect_refusal

READER_AWAY = 3.0       # seconds; Bochs prints the whole report in less
LIARS = ("bochs27-tigerlake", "bochs27-corei7_icelake_u")
MTF = "vmx_monitor_trap_flag"
# What hosts/ says of every model: the columns in which the models differ.
COLUMNS = {
    "vmx": (MTF, "vmx_ept", "vmx_unrestricted_guest", "vmx_virtualize_apic_accesses",
            "vmx_apic_register_virtualization", "vmx_virtual_interrupt_delivery", "vmx_virtualize_x2apic", "vmx_virtual_nmis",
            "vmx_nmi_window_exiting", "vmx_preemption_timer", "vmx_vpid", "x2apic"),
    "svm": ("svm_np", "svm_nrips", "svm_decode_assists", "svm_avic", "svm_vgif", "svm_vnmi", "x2apic"),
}
PROCBASED_CTLS2 = 0x48b
SENTENCE = '"Monitor trap flag", bit 59 of IA32_VMX_TRUE_PROCBASED_CTLS (0x48e), failed its self-test'

REFUSED_ENTRY = ('VM-entry audit: verified: of an entry that was made to be refused it says: '
                 'VM entry: "Guest RFLAGS" is 0: a reserved bit has the wrong value')
PENDING_MTF = "an injected pending MTF exit comes before the instruction, so it cannot step"


def rows(parameters: str, names: tuple[str, ...]) -> list[object]:
    return [pytest.param(name, id=f"{name}/{parameters}/none") for name in names]


def names(backend: str) -> tuple[str, ...]:
    return tuple(host.name for host in data.hosts().values() if "bochs" in host.tags and host.backend == backend)


def machines(*tags: str) -> list[object]:
    return [pytest.param(host, id=f"{host.name}/report-only/none") for host in data.hosts().values() if set(tags) & set(host.tags)]


@pytest.mark.parametrize("host", machines("bochs", "bochs-refuses", "bochs-model"))
def test_table(lab: Lab, host: Host) -> None:
    """Every column of every model: hosts/ knows it, and the report shows it."""
    report = lab.report(host)
    columns = COLUMNS["vmx" if "vmx" in host.present else "svm"]
    assert [name for name in columns if name not in host.present + host.absent] == []
    assert [name for name in columns if report.has(name) != (name in host.present)] == []
    controls = dict(report.data["raw"]["msr"]).get(PROCBASED_CTLS2)
    assert (int(controls, 16) >> 32 if controls else None) == host.secondary_controls


@pytest.mark.parametrize("host", machines("bochs-refuses"))
def test_cannot_run(lab: Lab, host: Host) -> None:
    """With a guest: the whole report, what is missing at its head, what can be done at its end, and the exit code."""
    run = lab.run(lab.machine(host, guest=lab.guest("smp")))
    expect_refusal(run, "cannot_run", "EXIT_CANNOT_RUN", host.sentence)
    assert run.report.outcome == "cannot_run"
    assert host.advice in " ".join(run.report.advice)
    assert run.report.capabilities == lab.report(host).capabilities


@pytest.mark.parametrize("host", rows("auto", names("vmx")))
def test_step(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """MTF where it is there and works, #DB where it is absent or does nothing."""
    report = lab.report(hosts[host])
    works = MTF in hosts[host].present
    assert report.capabilities[MTF] == ("verified" if works else "broken" if host in LIARS else "absent")
    assert report.binding["step"] == ("mtf" if works else "dbstep")
    assert report.binding["nmi"] == "vnmi"
    assert [row["verdict"] for row in report.data["selftests"] if row["strategy"] == "dbstep"] == ["passed"]


@pytest.mark.parametrize("host", rows("auto", ("bochs30-corei7_skylake_x",)))
def test_pending_mtf_exit(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """Where an injected one is taken, as docs/emulators.md#bochs30-mtf-injection says."""
    [test] = [row for row in lab.report(hosts[host]).data["selftests"] if row["strategy"] == "mtf"]
    assert (test["verdict"], test["detail"]) == ("passed", PENDING_MTF)


@pytest.mark.parametrize("host", rows("auto", names("vmx")))
def test_refused_entry(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """A VM entry that is made to be refused, for one reason: the audit says that one."""
    assert [note for note in lab.report(hosts[host]).data["notes"] if note.startswith("VM-entry audit")] == [REFUSED_ENTRY]


@pytest.mark.parametrize("host", rows("auto", names("vmx")))
def test_startup(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """The INIT exit of Bochs 2.7 never ends (docs/emulators.md#bochs27-init): found out without hanging, and said."""
    report = lab.report(hosts[host])
    [test] = [row for row in report.data["selftests"] if row["strategy"] == "sipi"]
    if hosts[host].emulator == "bochs27":
        assert test["verdict"] == "failed"
        assert "the VM exit of one INIT repeats at every VM entry" in report.text
        assert report.capabilities["vmx_activity_wait_for_sipi"] == "broken"
        assert report.binding["startup"] == "icr"
    else:
        assert test["verdict"] in ("passed", "limited")
        assert report.has("vmx_activity_wait_for_sipi")
        assert (report.binding["startup"] == "sipi") == (test["verdict"] == "passed")


@pytest.mark.parametrize("host", rows("auto", names("svm")))
def test_svm(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    report = lab.report(hosts[host])
    assert report.binding["step"] == "dbstep"
    assert report.binding["nmi"] == "iret"
    assert report.capabilities["svm_np"] == "verified"
    assert [row["verdict"] for row in report.data["selftests"]] == ["passed"] * len(report.data["selftests"]) != []


@pytest.mark.parametrize("host", rows("auto", LIARS))
def test_liar_is_demoted(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """auto says why it does not take what is advertised."""
    report = lab.report(hosts[host])
    assert report.strategy("step", "mtf")["verdict"] == "broken"
    assert report.strategy("step", "dbstep")["verdict"] == "chosen"
    assert "Rejected mtf: " + report.strategy("step", "mtf")["reason"] in " ".join(report.text.split())
    assert any(advice.startswith("step=mtf is advertised and failed its self-test.") for advice in report.advice)


@pytest.mark.parametrize("host", rows("step=mtf", LIARS))
def test_liar_refuses(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    run = lab.run(lab.machine(hosts[host], "report=only step=mtf"))
    assert run.lines[0].startswith("Sextant: REFUSED: step=mtf was asked for, but its self-test failed: ")
    assert SENTENCE in run.lines[0]
    assert "use step=auto (takes dbstep)" in run.lines[0]
    assert run.ending == "EXIT_REFUSED"


@pytest.mark.parametrize("host", rows("step=mtf!", LIARS))
def test_liar_is_forced(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    run = lab.run(lab.machine(hosts[host], "report=only step=mtf!"))
    report = run.report
    assert report.binding["step"] == "mtf"
    assert report.capabilities["vmx_monitor_trap_flag"] == "forced"
    assert "mtf [FORCED]" in report.text
    assert run.ending == "EXIT_REPORT_ONLY"


@pytest.mark.parametrize("host", rows("step=mtf", ("bochs27-corei7_skylake_x",)))
def test_absent_is_refused(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    run = lab.run(lab.machine(hosts[host], "report=only step=mtf!"))
    assert run.lines[0].startswith("Sextant: REFUSED: ")
    assert '"Monitor trap flag", bit 59 of IA32_VMX_TRUE_PROCBASED_CTLS (0x48e), is 0' in run.lines[0]
    assert run.ending == "EXIT_REFUSED"


@pytest.mark.parametrize("host", rows("mask=monitor-trap-flag", ("bochs30-corei7_skylake_x",)))
def test_mask(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """A poorer machine, acted on a richer one."""
    run = lab.run(lab.machine(hosts[host], "report=only mask=monitor-trap-flag"))
    assert run.report.capabilities["vmx_monitor_trap_flag"] == "masked"
    assert run.report.binding["step"] == "dbstep"
    assert run.ending == "EXIT_REPORT_ONLY"


@pytest.mark.parametrize("host", rows("report=only", ("bochs30-corei7_skylake_x",)))
def test_nothing_is_lost(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """Whoever reads the console is away for a while, as on a busy machine: the emulator waits, and the report's CRC is right."""
    with lab.talk(lab.machine(hosts[host], "report=only")) as dialogue:
        dialogue.expect("Sextant: ")
        reader = dialogue.emulator.process.pid
        os.kill(reader, signal.SIGSTOP)
        time.sleep(READER_AWAY)
        os.kill(reader, signal.SIGCONT)
        run = Run(dialogue.end())
    assert run.report.binding == lab.report(hosts[host]).binding
    assert run.ending == "EXIT_REPORT_ONLY"


@pytest.mark.parametrize("emulator", ("bochs27", "bochs30"))
def test_unknown_model(lab: Lab, emulator: str) -> None:
    """Bochs ends before its machine starts: one sentence says why."""
    run = lab.run(Machine(data.RunnerHost(emulator, "no_such_model"), 1, 128, lab.image, "report=only"))
    assert run.ending == "status 1, None"
    assert run.errors.count("\n") == 1
    assert "no_such_model" in run.errors
    assert "does not know this processor model" in run.errors
