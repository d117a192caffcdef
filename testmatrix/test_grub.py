# SPDX-License-Identifier: BSD-2-Clause
"""GRUB: the image by Multiboot 1 and Multiboot 2 from an ISO."""

import shutil
import subprocess
from pathlib import Path

import pytest
from harness.data import Host
from harness.dialogue import Dialogue
from harness.lab import Lab, Run

PROTOCOLS = {1: ("multiboot", "module"), 2: ("multiboot2", "module2")}
MENU = """\
set timeout=0
serial --unit=0 --speed=115200
terminal_output serial
menuentry only {{
{commands}
}}
"""
DOWN = "\x0e"       # Ctrl-N: the next entry of GRUB's menu
MENU_SHOWN = r"Sextant, the report only"
ENTRIES = ("amd64", "amd64", "i386", None)      # of tools/iso/grub.cfg: what each starts


def protocols(guest: str, host: str = "qemu72-EPYC") -> list[object]:
    return [pytest.param(number, id=f"{host}/multiboot{number}/{guest}") for number in PROTOCOLS]


def iso(where: Lab, protocol: int, parameters: str, modules: list[tuple[str, Path, str]]) -> Path:
    """An ISO that starts the image at once. modules: name on the ISO, file, string."""
    kernel, module = PROTOCOLS[protocol]
    tree = where.directory / "iso"
    (tree / "boot" / "grub").mkdir(parents=True, exist_ok=True)
    shutil.copy(where.image, tree / "boot" / "sextant.elf")
    lines = [f"    {kernel} /boot/sextant.elf {parameters}"]
    for name, file, string in modules:
        shutil.copy(file, tree / "boot" / name)
        lines.append(f"    {module} /boot/{name} {string}")
    (tree / "boot" / "grub" / "grub.cfg").write_text(MENU.format(commands="\n".join(lines)))
    made = where.directory / "made.iso"
    answer = subprocess.run(["grub-mkrescue", "-o", str(made), str(tree)], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    shutil.rmtree(tree)
    return made


def from_cd(where: Lab, host: Host, path: Path) -> Run:
    run = where.run(where.machine(host, image=None, iso=path))
    path.unlink()
    return run


@pytest.mark.parametrize("protocol", protocols("smp"))
def test_guest(lab: Lab, main_host: Host, protocol: int) -> None:
    """The report, the parameters, the guest as a module: all the same as when QEMU loads the image."""
    kernel = lab.guest("smp").kernel
    run = from_cd(lab, main_host, iso(lab, protocol, "stats step=dbstep", [("smp.elf", kernel, "")]))
    report = run.report
    assert report.binding == lab.report(main_host).binding
    assert report.data["machine"]["loader"].startswith("GRUB")
    assert report.data["machine"]["command_line"].endswith("stats step=dbstep")
    assert report.data["machine"]["memory_bytes"] == lab.report(main_host).data["machine"]["memory_bytes"]
    assert run.tap.complaints() == []
    assert run.ending == "all ok"


@pytest.mark.parametrize("protocol", protocols("none"))
def test_report(lab: Lab, main_host: Host, protocol: int) -> None:
    run = from_cd(lab, main_host, iso(lab, protocol, "report=only", []))
    assert run.report.capabilities == lab.report(main_host).capabilities
    assert run.ending == "EXIT_REPORT_ONLY"


@pytest.mark.parametrize("protocol", protocols("wrong"))
def test_wrong_parameter(lab: Lab, main_host: Host, protocol: int) -> None:
    run = from_cd(lab, main_host, iso(lab, protocol, "foo=bar", []))
    assert 'There is no boot parameter "foo"' in run.sentences()
    assert run.ending == "EXIT_REFUSED"


@pytest.mark.parametrize("protocol", protocols("no-module"))
def test_no_module(lab: Lab, main_host: Host, protocol: int) -> None:
    run = from_cd(lab, main_host, iso(lab, protocol, "", []))
    assert "there is no module" in run.lines[-1]
    assert run.ending == "EXIT_GUEST_IMAGE"


@pytest.mark.parametrize("protocol", protocols("smp", "qemu72-EPYC-5g"))
def test_memory_above_4_gib(lab: Lab, hosts: dict[str, Host], protocol: int) -> None:
    """GRUB's memory map has it, whatever the protocol."""
    host = hosts["qemu72-EPYC-5g"]
    run = from_cd(lab, host, iso(lab, protocol, "", [("smp.elf", lab.guest("smp").kernel, "")]))
    assert run.report.data["machine"]["memory_bytes"] == lab.report(host).data["machine"]["memory_bytes"]
    assert run.ending == "all ok"


@pytest.mark.parametrize("entry", [pytest.param(number, id=f"qemu72-EPYC/iso-entry-{number + 1}/{kernel or 'none'}",
                                                marks=pytest.mark.weight(25))
                                   for number, kernel in enumerate(ENTRIES)])
def test_iso(lab: Lab, main_host: Host, entry: int) -> None:
    """Each entry of build/sextant.iso, chosen on the serial console."""
    image = lab.build / "sextant.iso"
    assert image.is_file(), f"{image} is missing; `make iso` builds it"
    with lab.talk(lab.machine(main_host, image=None, iso=image)) as dialogue:
        choose(dialogue, entry)
        if ENTRIES[entry] is None:
            run = Run(dialogue.end())
            assert run.ending == "EXIT_REPORT_ONLY"
            assert run.report.data["build_id"] == lab.report(main_host).data["build_id"]
            return
        dialogue.expect(r"Sextant: RUNS")
        # The ISO's own command line is for a person, so the terminal echoes.
        dialogue.expect(r"\[guest\] /root # ")
        dialogue.send("nproc; uname -m; poweroff\r")
        run = Run(dialogue.end())
    assert "4" in run.lines
    assert {"amd64": "x86_64", "i386": "i686"}[str(ENTRIES[entry])] in run.lines
    assert run.ending == "power off"


def choose(dialogue: Dialogue, entry: int) -> None:
    dialogue.expect(MENU_SHOWN)
    for _ in range(entry):
        dialogue.send(DOWN)
    dialogue.send("\r")
