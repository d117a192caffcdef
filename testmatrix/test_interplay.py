# SPDX-License-Identifier: BSD-2-Clause
"""docs/interplay.md names result lines of guests that exist, of guests that the main host runs; and what it speaks of happens."""

import re

import pytest
from harness import counters, data
from harness.lab import ALL_OK, Lab
from runner.guests import ROOT

DOCUMENT = ROOT / "docs/interplay.md"
ROW = re.compile(r'^\| (.+?) \| `(guests/(\w+)/[\w.]+)` \| "(.+)" \|$', re.MULTILINE)
CONTINUED = re.compile(r'"\s*\\?\s*"')      # a string literal that goes on in the next line


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall(DOCUMENT.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "guest", "words"), [pytest.param(*row[1:], id=row[0].replace(" ", "-")) for row in rows()])
def test_row(file: str, guest: str, words: str) -> None:
    source = CONTINUED.sub("", (ROOT / file).read_text(encoding="utf-8"))
    assert f'"{words}' in source or f"{words}: " in source
    row = data.guests()[guest]
    assert "main" in row.hosts or row.needs, "the guest does not run on the main host"


def test_every_line_of_the_table_is_a_row() -> None:
    lines = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert len(rows()) == len(lines) - 2 > 30


@pytest.mark.parametrize("host", [
    pytest.param("qemu72-EPYC", id="qemu72-EPYC/apic=page/interplay", marks=pytest.mark.weight(10)),
    pytest.param("bochs30-corei7_skylake_x", id="bochs30-corei7_skylake_x/apic=page/interplay", marks=pytest.mark.weight(10))])
def test_disturbances_meet_steps(lab: Lab, hosts: dict[str, data.Host], host: str) -> None:
    """Steps are cancelled: an INIT came in the middle of them, and not only between two. So did NMIs and rendezvous."""
    run = lab.run(lab.machine(hosts[host], "report=none apic=page", lab.guest("interplay")))
    counted = counters.totals(run.text)
    assert run.tap.complaints() == []
    assert run.ending == ALL_OK
    assert counted["steps finished"] > counted["steps cancelled"] > 0
    assert counted["NMIs and rendezvous in the middle of a step"] > 0
