# SPDX-License-Identifier: BSD-2-Clause
"""console=: what is said goes to each of them, and to no other."""

from pathlib import Path

import pytest
from harness.data import Host
from harness.lab import Lab, Run
from harness.report import TICKS

VGA_TEXT, VGA_COLUMNS, VGA_ROWS = 0xb8000, 80, 25


def report_on(lab: Lab, host: Host, console: str | None) -> tuple[Run, dict[str, str]]:
    """Runs report=only; returns the run, and what was said on each device that a program can read."""
    parameters = "report=only" + (f" console={console}" if console else "")
    com2, e9 = lab.directory / "com2", lab.directory / "e9"
    run = lab.run(lab.machine(host, parameters, debug_console=e9, extra=("-serial", f"file:{com2}")))
    return run, {"com1": run.text, "com2": read(com2), "e9": read(e9)}


def read(path: Path) -> str:
    return path.read_text(errors="replace").replace("\r", "")


@pytest.mark.parametrize("console", [pytest.param(value, id=f"qemu72-EPYC/console={value}/none") for value in (
    None, "com1", "com2", "e9", "vga", "none", "com1,com2", "com2,e9,vga", "com1,com2,e9,vga")])
def test_console(lab: Lab, main_host: Host, console: str | None) -> None:
    run, said = report_on(lab, main_host, console)
    wanted = (console or "com1").split(",")
    assert run.ending == "EXIT_REPORT_ONLY", "whatever the console, the run ends the same way"
    for name, text in said.items():
        if name in wanted:
            assert text.startswith("Sextant: RUNS")
            assert text.rstrip().endswith("Nothing has to be changed.")
            assert "@@SEXTANT-JSON-END" in text
        else:
            assert text == "", f"{name} was not asked for"
    spoken = {TICKS.sub("", said[name]) for name in wanted if name in said}
    assert len(spoken) <= 1, "each console is told the same"


def test_vga(lab: Lab, main_host: Host) -> None:
    """The end of the report stands on the screen while the guest runs."""
    machine = lab.machine(main_host, "console=vga", lab.guest("smp"))
    with lab.talk(machine) as dialogue:
        dialogue.expect(r"^1\.\.\d+")
        screen = lab.directory / "screen"
        dialogue.control("stop")
        dialogue.control("pmemsave", val=VGA_TEXT, size=2 * VGA_COLUMNS * VGA_ROWS, filename=str(screen))
        dialogue.control("cont")
        run = Run(dialogue.end())
    characters = screen.read_bytes()[::2].decode("latin-1")
    rows = [characters[at:at + VGA_COLUMNS].rstrip() for at in range(0, len(characters), VGA_COLUMNS)]
    assert "What you can change" in rows
    assert "  - Nothing has to be changed." in rows
    assert run.lines[0] == f"1..{run.tap.planned}", "only the guest speaks on COM1"
    assert run.ending == "all ok"
