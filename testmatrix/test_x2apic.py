# SPDX-License-Identifier: BSD-2-Clause
"""x2APIC: what it costs, what guest.x2apic= makes of it, and Linux in x2APIC mode. QEMU 10 has x2APIC; with an IOMMU that
remaps interrupts Linux for amd64 takes it by itself, Linux for i386 does not know it."""

import re

import pytest
from harness import counters
from harness.data import Host
from harness.lab import ALL_OK, POWER_OFF, RESET, Lab, Run
from harness.linux import ALARM, Shell, about_the_machine, messages

X2APIC, REMAPPED = "qemu10-EPYC-x2apic", "qemu10-EPYC-x2apic-remapped"
MODE = re.compile(r"(Switched|Setting) APIC routing to cluster x2apic")
MSR, PAGE = "exit: RDMSR or WRMSR", "exit: nested page fault or EPT violation"
ICR = ("ICR: forwarded to the hardware", "ICR: INIT emulated", "ICR: SIPI emulated", "ICR: NMI emulated",
       "ICR: commands without effect (INIT de-assert, reserved)")
OTHER_MSRS = 16             # a CPU's accesses to IA32_APIC_BASE, EFER and the like in one boot


def on(host: str, parameters: str, guest: str) -> object:
    return pytest.param(host, parameters, guest, id=f"{host}/{parameters or 'auto'}/{guest}".replace(" ", "+"),
                        marks=pytest.mark.weight(20 if guest in ("amd64", "i386") else 1))


def test_costs(lab: Lab, hosts: dict[str, Host]) -> None:
    """EOI, TPR, SELF IPI and reads are free, an ICR write is one exit: the guest counts. Its reserved bits are #GP."""
    run = lab.run(lab.machine(hosts[X2APIC], "x2apic=msr", lab.guest("x2apic")))
    assert run.ending == ALL_OK
    assert [words for words in ("100 EOI writes: 0 (", "200 TPR writes: 0 (", "100 self-IPIs with their EOIs: 0 (",
                                "400 register reads: 0 (", "# differs: exits for 100 ICR writes: 100\n",
                                "# differs: reserved bits of ICR that raise #GP: fff33000\n") if words not in run.text] == []


def test_hide(lab: Lab, hosts: dict[str, Host]) -> None:
    run = lab.run(lab.machine(hosts[X2APIC], "guest.x2apic=hide", lab.guest("x2apic")))
    assert run.report.binding["x2apic"] == "hide"
    assert run.ending == ALL_OK
    assert run.text.count("# SKIP no x2APIC (CPUID.1:ECX[21])") == run.tap.planned


def test_only(lab: Lab, hosts: dict[str, Host]) -> None:
    """Handed over in x2APIC mode, and it cannot be left; the report says so."""
    run = lab.run(lab.machine(hosts[X2APIC], "guest.x2apic=only", lab.guest("x2apic")))
    assert run.report.binding["x2apic"] == "msr"
    assert [note for note in run.report.data["notes"] if note.startswith("guest.x2apic=only: every CPU starts in x2APIC mode")]
    assert "# SKIP handed over in x2APIC mode" in run.text
    assert re.search(r"^ok \d+ - x2APIC mode cannot be left$", run.text, re.MULTILINE)
    assert run.ending == ALL_OK


def test_only_without_x2apic(lab: Lab, main_host: Host) -> None:
    run = lab.run(lab.machine(main_host, "guest.x2apic=only", lab.guest("smp")))
    assert run.lines[0].startswith("Sextant: REFUSED: guest.x2apic=only was asked for, but this processor does not have it: ")
    assert '"x2APIC", CPUID 0x1 ECX bit 21, is 0' in run.lines[0]
    assert "leave out guest.x2apic=only" in run.lines[0]
    assert run.ending == "EXIT_REFUSED"
    assert run.tap.planned is None


@pytest.mark.parametrize(("parameters", "says"), [
    pytest.param("guest.x2apic=only x2apic=hide", 'cannot be "only" beside x2apic=hide', id=f"{X2APIC}/only+hide/none"),
    pytest.param("guest.x2apic=hide x2apic=msr", 'cannot be "hide" beside what x2apic= names', id=f"{X2APIC}/hide+msr/none"),
    pytest.param("guest.x2apic=foo", "auto, hide, only", id=f"{X2APIC}/foo/none")])
def test_wrong(lab: Lab, hosts: dict[str, Host], parameters: str, says: str) -> None:
    run = lab.run(lab.machine(hosts[X2APIC], parameters))
    assert len(run.lines) == 1
    assert run.lines[0].startswith("Sextant: guest.x2apic=")
    assert says in run.lines[0]
    assert run.ending == "EXIT_REFUSED"


def boot(lab: Lab, host: Host, parameters: str, kernel: str) -> tuple[Run, str, set[str]]:
    """The run, the kernel's log as it was printed, and what of it is about the machine."""
    with lab.talk(lab.machine(host, f"stats {parameters}", lab.guest(kernel))) as dialogue:
        shell = Shell(dialogue)
        assert shell.run("nproc").split() == [str(host.processors)]
        for number in range(1, host.processors):
            assert shell.run(f"taskset {1 << number:x} echo {number} | taskset 1 cat") == f"{number}\n"
        log = shell.run("dmesg -r")
        shell.leave("poweroff")
        run = Run(dialogue.end())
    assert run.ending == POWER_OFF
    return run, log, about_the_machine(messages(log))


@pytest.mark.parametrize(("host", "parameters", "kernel"), [
    on(REMAPPED, "", "amd64"), on(REMAPPED, "guest.x2apic=only", "amd64"), on(REMAPPED, "guest.x2apic=hide", "amd64"),
    on(REMAPPED, "", "i386"), on(X2APIC, "", "amd64"), on(X2APIC, "", "i386")])
def test_linux(lab: Lab, hosts: dict[str, Host], host: str, parameters: str, kernel: str) -> None:
    """In x2APIC mode where the kernel takes it: each ICR write is one exit, and nothing else of the APIC is."""
    run, log, kinds = boot(lab, hosts[host], parameters, kernel)
    assert [kind for kind in kinds if ALARM.search(kind)] == []
    taken = host == REMAPPED and kernel == "amd64" and "hide" not in parameters
    assert bool(MODE.search(log)) == taken
    statistics = counters.printed(run.text)
    commands = sum(statistics.total(name) for name in ICR)
    assert commands > 0
    if taken:
        assert commands <= statistics.total(MSR) <= commands + OTHER_MSRS * hosts[host].processors
        assert statistics.total(PAGE) <= (0 if "only" in parameters else 2 * OTHER_MSRS)
    else:
        assert statistics.total(PAGE) > 1000


def test_linux_i386_only(lab: Lab, hosts: dict[str, Host]) -> None:
    """A kernel that does not know x2APIC mode finds no APIC in the page, and stops: the report had said so."""
    run = lab.run(lab.machine(hosts[X2APIC], "guest.x2apic=only", lab.guest("i386")))
    assert [note for note in run.report.data["notes"] if "Linux for i386 does not know x2APIC mode" in note]
    assert "Kernel panic - not syncing" in run.text
    assert run.ending == RESET
