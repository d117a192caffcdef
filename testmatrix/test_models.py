# SPDX-License-Identifier: BSD-2-Clause
"""The hosts are all that the emulators have: each model with SVM, VMX or x2APIC is one, or has the same capabilities as one."""

import pytest
from harness import bochs, data, golden, models
from harness.data import Host

QEMU, BOCHS = ("qemu72", "qemu10"), ("bochs27", "bochs30")
HOSTS, CELLS, WITHOUT = 30, 300, 5      # at least so many hosts, cells, and hosts without SVM and VMX


def rows(emulator: str) -> list[Host]:
    return [host for host in data.hosts().values() if host.emulator == emulator and not host.needs]


def plain(emulator: str) -> dict[str, Host]:
    """Hosts whose model is one without changes."""
    return {host.model: host for host in rows(emulator) if "," not in host.model}


def test_there_are_enough() -> None:
    emulated = [host for host in data.hosts().values() if not host.needs]
    assert len(emulated) >= HOSTS
    assert len([cell for cell in data.cells() if not cell.host.needs and not golden.takes(cell.host, cell.strategy)]) >= CELLS
    assert len([host for host in emulated if not {"svm", "vmx"} & golden.read(host.name)["capabilities"].keys()]) >= WITHOUT


@pytest.mark.parametrize("emulator", QEMU)
def test_every_model_of_qemu(emulator: str) -> None:
    """A model without a row has the capabilities of one that has one, and nothing but its name tells them apart."""
    known = models.of_qemu(emulator)
    covered = {known[name] for name in plain(emulator)}
    assert covered
    assert sorted(name for name, has in known.items() if has & {"svm", "x2apic"} and has not in covered) == []


@pytest.mark.parametrize("emulator", QEMU)
def test_what_qemu_says_is_what_is_reported(emulator: str) -> None:
    """Otherwise the comparison of models would be of something else."""
    known = models.of_qemu(emulator)
    compared = set(models.FEATURES.values())
    for name, host in plain(emulator).items():
        assert (host.name, sorted(golden.read(host.name)["capabilities"].keys() & compared)) == (host.name, sorted(known[name]))


@pytest.mark.parametrize("emulator", BOCHS)
def test_every_model_of_bochs(emulator: str) -> None:
    """bochs.toml lists those that have neither VMX nor SVM; every other one has a row."""
    without = bochs.without_virtualization(emulator)
    hosts = {host.model.split(",")[0] for host in rows(emulator)}
    assert sorted(models.of_bochs(emulator) - hosts - without) == []
    assert sorted(without - models.of_bochs(emulator)) == []
    assert sorted(without & hosts) == []
