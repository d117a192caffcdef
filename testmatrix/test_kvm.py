# SPDX-License-Identifier: BSD-2-Clause
"""When KVM's hosts are skipped, and that their rows say what QEMU understands. What runs on them: test_cells.py, test_report.py."""

import re
import subprocess
from pathlib import Path

import pytest
from harness import data, kvm
from harness.data import Host
from harness.places import Place
from runner import qemu

FULL = {"dev/kvm": "", "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu vmx svm sse\n", "sys/module/kvm_intel/parameters/nested": "Y\n",
        "sys/module/kvm_amd/parameters/nested": "1\n"}


@pytest.fixture
def working(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of tree() are no devices."""
    monkeypatch.setattr(kvm, "refuses", lambda device: None)


def tree(root: Path, **changes: str | None) -> Path:
    for name, text in (FULL | {key.replace("__", "/"): value for key, value in changes.items()}).items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    return root


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize(("changes", "words"), [
    ({}, None), ({"dev__kvm": None}, "no /dev/kvm"), ({"proc__cpuinfo": "flags : fpu vmxx\n"}, "no processor has the flag vmx"),
    ({"sys__module__kvm_intel__parameters__nested": None}, "kvm_intel is not loaded"),
    ({"sys__module__kvm_intel__parameters__nested": "N\n"}, "options kvm_intel nested=1")],
    ids=["nothing", "device", "flag", "module", "nested"])
def test_what_is_missing(tmp_path: Path, changes: dict[str, str | None], words: str | None) -> None:
    lack = kvm.lack("intel", tree(tmp_path, **changes))
    assert (lack is None) == (words is None)
    assert (words or "") in (lack or "")


def test_a_device_that_makes_no_machine(tmp_path: Path) -> None:
    assert kvm.lack("any", tree(tmp_path)) == "/dev/kvm makes no machine: Inappropriate ioctl for device"
    assert kvm.lack("amd", tree(tmp_path)) == kvm.lack("any", tree(tmp_path))


@pytest.mark.usefixtures("working")
def test_any(tmp_path: Path) -> None:
    """A KVM that does not nest is enough, whatever its module is called."""
    bare = tree(tmp_path, proc__cpuinfo="flags : fpu\n", sys__module__kvm_intel__parameters__nested=None, sys__module__kvm_amd__parameters__nested=None)
    assert kvm.lack("any", bare) is None
    (bare / "dev/kvm").unlink()
    assert kvm.lack("any", bare) == "there is no /dev/kvm"


@pytest.mark.usefixtures("working")
def test_amd(tmp_path: Path) -> None:
    assert kvm.lack("amd", tree(tmp_path)) is None
    assert "flag svm" in str(kvm.lack("amd", tree(tmp_path, proc__cpuinfo="flags : vmx\n")))


@pytest.mark.parametrize("host", [pytest.param(host, id=f"row-of-{host.name}") for host in data.hosts().values() if host.needs])
def test_rows(host: Host) -> None:
    """Each feature that is switched off has a name that this QEMU knows: it would stop with an error that nobody here sees."""
    known = subprocess.run([*qemu.program(host.emulator), "-cpu", "help"], capture_output=True, text=True, check=True).stdout
    words = known[known.index("Recognized CPUID flags"):].split()
    model, *features = host.model.split(",")
    assert model == ("kvm64" if host.vendor == "any" else "host")
    assert re.search(rf"^x86 {model}\b", known, re.MULTILINE)
    assert [feature for feature in features if not re.fullmatch(r"-[\w-]+", feature) or feature[1:] not in words] == []


def test_a_test_with_a_host_in_its_id_runs_it(request: pytest.FixtureRequest, hosts: dict[str, Host]) -> None:
    """Otherwise `make matrix ROW=HOST` executes something where the host itself cannot be run."""
    items = [item for item in request.session.items if Place.of(item.nodeid).host in hosts]
    assert [item.nodeid for item in items if "lab" not in item.fixturenames] == []      # type: ignore[attr-defined]
