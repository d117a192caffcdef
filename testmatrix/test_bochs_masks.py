# SPDX-License-Identifier: BSD-2-Clause
"""Poorer VMX machines than the emulators have, acted by `mask=` on a richer one: what takes the place of a control that is not
there does what the control did, as far as the guest can see."""

import pytest
from harness import bochs
from harness.data import Host
from harness.lab import Lab
from test_bochs_guests import on_the_bare_emulator, said

# Bochs needs minutes where QEMU needs seconds: `make matrix` runs these rows.
pytestmark = pytest.mark.long

SKYLAKES = ("bochs27-corei7_skylake_x", "bochs30-corei7_skylake_x")
# What is hidden, the guest that would notice, what is bound then.
ROWS = (
    ("vmx_nmi_window_exiting", "nmi", {"nmi": "poll"}),
    ("vmx_entry_load_efer", "smp", {}),         # EFER and PAT are switched by the MSR areas then
    ("vmx_exit_save_pat", "smp", {}),
    ("vmx_entry_load_efer,vmx_entry_load_pat", "stepping", {}),
    ("vmx_vpid,vmx_preemption_timer", "nmi", {}),
)


@pytest.mark.parametrize(("host", "mask", "guest", "binding"),
                         [pytest.param(host, *row, id=f"{host}/mask={row[0]}/{row[1]}") for host in SKYLAKES for row in ROWS])
def test_poorer(lab: Lab, hosts: dict[str, Host], host: str, mask: str, guest: str, binding: dict[str, str]) -> None:
    run = lab.run(lab.machine(hosts[host], f"mask={mask}", lab.guest(guest)))
    assert [run.report.capabilities[name] for name in mask.split(",")] == ["masked"] * len(mask.split(","))
    assert run.report.binding | binding == run.report.binding
    found = bochs.differences(on_the_bare_emulator(lab, hosts[host], guest), said(run))
    known = bochs.known(host, guest)
    assert [one for one in found if not any(row.explains(one) for row in known)] == []


@pytest.mark.parametrize("host", [pytest.param(host, id=f"{host}/mask=vmx_virtual_nmis/nmi") for host in SKYLAKES])
def test_no_virtual_nmis(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """Nothing tells then whether the guest can take an NMI: the machine cannot carry one, and the first line says why."""
    run = lab.run(lab.machine(hosts[host], "mask=vmx_virtual_nmis", lab.guest("nmi")))
    assert run.lines[0].startswith("Sextant: CANNOT RUN: no nmi strategy can be used (vnmi: \"Virtual NMIs\", bit 37 of "
                                   "IA32_VMX_TRUE_PINBASED_CTLS (0x48d), is masked by mask=; poll: \"Virtual NMIs\"")
    assert run.ending == "EXIT_CANNOT_RUN"
    assert run.tap.planned is None
