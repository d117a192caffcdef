# SPDX-License-Identifier: BSD-2-Clause
"""The page of the matrix, in Chromium without a screen: what it shows, by mouse and by keyboard, wide and narrow.

The page is made of two real reports and of invented cells, one for each verdict, whose logs try to break out of the page. The
pictures stay among the artefacts.
"""

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from harness import browser, collect, page, runs
from harness.browser import Browser
from harness.data import Host
from harness.lab import Lab
from harness.places import Place
from harness.runs import Record
from harness.verdicts import Verdict
from runner.guests import ROOT

EVIL = "</script><script>document.title = 'broken'</script><img src=x onerror=\"document.title='broken'\"> & <b>"
HOSTS = ("qemu72-EPYC", "qemu72-EPYC-no-npt")
SKIPPED = "kvm-intel"
REMAPPED = "qemu10-EPYC-x2apic-remapped"
GUESTS = dict(zip(("smp", "apic", "movs", "nmi", "fault", "eoi", "hidden"), Verdict, strict=True))
RECORD = Record("sextant", "qemu72", "QEMU emulator version 7.2.0", "EPYC", 4, 512, "step=mtf", "smp", ["qemu"], "a" * 64, "all ok", 1.25)
SHARED = "session/run/oracle/some"         # the run by which the cell failed that crashed
KEY_LIMIT = 20.0        # seconds
# For each test of a cell: its badge begins where the triangle's line is, and the time is not torn.
BESIDE = """return [...document.querySelectorAll('#dialog details > summary')].filter((summary) => summary.querySelector('.badge'))
    .map((summary) => {
        const [line, badge, time] = [summary, ...['.badge', '.time'].map((name) => summary.querySelector(name))].map((element) =>
            element.getBoundingClientRect());
        return badge.top - line.top < 12 && Math.abs(time.top - badge.top) < 8 && time.height < 30 && badge.left - line.left > 20;
    })"""
# By how many CSS pixels the text of each square is off its middle, across and down.
OFF_CENTRE = """return [...document.querySelectorAll('.square')].flatMap((square) => {
    const range = document.createRange();
    range.selectNodeContents(square);
    const [inside, outside] = [range.getBoundingClientRect(), square.getBoundingClientRect()];
    return [Math.abs(inside.left + inside.right - outside.left - outside.right) / 2,
        Math.abs(inside.top + inside.bottom - outside.top - outside.bottom) / 2];
})"""
FOCUSED = "return document.activeElement.dataset.open || document.activeElement.id"


def write_cell(matrix: Path, host: str, strategy: str, guest: str, verdict: str) -> None:
    place = matrix / "cells" / (host or "other") / strategy / guest
    place.mkdir(parents=True)
    nodeid = f"test_cells.py::test_cell[{host}/{strategy}/{guest}]"
    reason = "docs/emulators.md#bochs27-mtf" if verdict == "XFAIL" else "" if verdict == "PASS" else f"wrong: {EVIL}"
    runs.write(place / collect.CELL, {
        "test": "test_cells::test_cell", "host": host, "strategy": strategy, "guest": guest, "id": nodeid, "verdict": verdict,
        "reason": reason, "seconds": 1.5, "directory": str(place.relative_to(matrix)),
        "shared": SHARED if verdict == Verdict.CRASH.name else ""})
    runs.write(place / f"sextant{runs.RUN}", asdict(RECORD))
    runs.write(place / f"sextant{runs.COUNTERS}", {"exits, all reasons": 12345})
    (place / "sextant.serial.log").write_text("\n".join([*(f"ok {number} - x" for number in range(1, 90)), f"not ok 90 - {EVIL}", "# end"]))
    (place / "sextant.command").write_text(f"cd /here && qemu-system-x86_64 -append '{EVIL}'\n")


@pytest.fixture
def matrix(lab: Lab, hosts: dict[str, Host], tmp_path: Path) -> Path:
    """A directory as build/matrix/ is."""
    directory = tmp_path / "matrix"
    for name in HOSTS:
        place = directory / "session" / "run" / "report" / name
        place.mkdir(parents=True)
        (place / f"sextant{runs.REPORT}").write_text(lab.report(hosts[name]).json_line)
    for guest, verdict in GUESTS.items():
        write_cell(directory, HOSTS[1], "auto", guest, verdict.name)
    for strategy in ("auto", "mtf", "page-dbstep", "sipi"):
        write_cell(directory, HOSTS[0], strategy, "smp", "PASS")
    write_cell(directory, SKIPPED, "auto", "smp", "SKIP")
    write_cell(directory, "", "", "", "PASS")
    (directory / SHARED).mkdir(parents=True)
    runs.write(directory / SHARED / f"bare{runs.RUN}", asdict(replace(RECORD, name="bare", ending="reset")))
    names = [f"test{number}" for number in range(13)]
    page.write(directory, collect.collect(directory, names, names, None, 754, 2) | {"complaints": []})
    return directory


@pytest.fixture
def window(matrix: Path) -> Iterator[Browser]:
    with Browser() as opened:
        opened.size(*browser.DESKTOP)
        opened.go((matrix / "index.html").as_uri())
        yield opened


def shown(window: Browser, selector: str) -> list[str]:
    """Texts of the elements that can be seen."""
    return list(window.run("""return [...document.querySelectorAll(arguments[0])].filter((element) => element.checkVisibility())
        .map((element) => element.innerText.trim().replace(/\\s+/g, ' '))""", selector))


def torn(window: Browser) -> list[str]:
    """Words of the axes' table that are spread over two lines."""
    return list(window.run("""return [...document.querySelectorAll('.axes :is(th, td):nth-child(-n+2)')]
        .flatMap((cell) => [...cell.querySelectorAll('b, .soft'), ...cell.childElementCount ? [] : [cell]]).filter((element) => {
            const range = document.createRange();
            range.selectNodeContents(element);
            return new Set([...range.getClientRects()].map((line) => line.top)).size > 1;
        }).map((element) => element.innerText)"""))


def title(window: Browser) -> list[str]:
    return shown(window, "#dialog-title")


def focused(window: Browser) -> str:
    return str(window.run(FOCUSED))


def becomes(window: Browser, read: Callable[[Browser], object], expected: object) -> bool:
    """A key that was pressed takes effect when the page gets to it."""
    deadline = time.monotonic() + KEY_LIMIT
    while (seen := read(window)) != expected and time.monotonic() < deadline:
        pass
    assert seen == expected
    return True


def test_by_mouse(window: Browser, matrix: Path, lab: Lab) -> None:
    """The table, a cell, the filters, two machines; nothing comes from a network and nothing that was logged is executed."""
    assert shown(window, "#grid tbody th b") == [HOSTS[1], HOSTS[0], "(no machine)", SKIPPED], "worst first, and last what was skipped"
    assert shown(window, "#grid thead th") == ["Machine", "auto", "page-dbstep", "mtf", "sipi", "other"]
    assert "✸ 1/7" in shown(window, ".square"), "the worst verdict has a symbol, not colour alone"
    window.picture(lab.directory / "desktop.png")
    window.run(f"document.querySelector('[data-open=\"cell/{HOSTS[1]}/auto\"]').click()")
    assert window.run("return location.hash") == f"#cell/{HOSTS[1]}/auto"
    assert shown(window, "#dialog-title") == [f"{HOSTS[1]} / auto"]
    assert [text.split(" ")[1] for text in shown(window, "details > summary > .badge")] == [name.name for name in Verdict]
    detail = shown(window, "#dialog-body")[0]
    for words in (EVIL, "QEMU emulator version 7.2.0", f"make matrix ROW={HOSTS[1]} COL=auto GUEST=smp TEST=test_cell",
                  "CANNOT RUN", "cd /here && qemu-system-x86_64", "the whole log"):
        assert " ".join(words.split()) in detail
    assert set(shown(window, "details details > summary")) == {"1 counter"}
    assert "Run “bare”, shared with other tests: reset, 1.3 s" in detail
    assert shown(window, "pre.log .marked") == [f"not ok 90 - {EVIL}"]
    assert window.run("return document.querySelector('pre.log .marked').dataset.line") == "90"
    window.picture(lab.directory / "cell.png")
    assert torn(window) == []
    window.press("Escape")
    assert becomes(window, title, [])

    window.run("document.querySelector('[data-filter=FAIL]').click()")
    assert shown(window, "#grid tbody th b") == [HOSTS[1]]
    window.run("document.querySelector('[data-filter=FAIL]').click(); const search = document.getElementById('search');"
               "search.value = 'no such machine'; search.dispatchEvent(new Event('input'))")
    assert shown(window, "#grid tbody th b") == []
    assert shown(window, "#nothing") == ["No machine is left with this filter."]

    window.go("about:blank")
    window.go((matrix / "index.html").as_uri() + f"#compare/{HOSTS[0]}/{HOSTS[1]}")
    rows = shown(window, "#comparison tr")
    assert any(row.startswith("NP CPUID 0x8000000a EDX bit 0") and row.endswith("absent") for row in rows)
    assert any(row.startswith("apic ") for row in rows)
    assert window.run("return document.title") == "Sextant: test matrix"
    assert window.run("return performance.getEntriesByType('resource').length") == 0
    assert window.complaints() == []


def test_two_machines(window: Browser, matrix: Path) -> None:
    """The two that are chosen at first are compared at once, and the top leads there."""
    chosen = window.run("return ['first', 'second'].map((id) => document.getElementById(id).value)")
    assert sorted(chosen) == sorted(HOSTS)
    assert shown(window, "#comparison thead th")[1:3] == chosen
    heading, = shown(window, "#comparison h3")
    assert re.fullmatch(r"1 capability differs|\d\d* capabilities differ", heading)
    window.size(1280, 300)
    window.run("document.getElementById('to-compare').click()")
    assert becomes(window, lambda window: window.run("return document.querySelector('.compare').getBoundingClientRect().top < 50"), True)
    window.go("about:blank")
    window.go((matrix / "index.html").as_uri() + f"#compare/{HOSTS[0]}/{HOSTS[0]}")
    assert shown(window, "#comparison h3") == [] and shown(window, "#comparison p") == ["They have the same capabilities."]
    assert window.complaints() == []


def test_a_machine(window: Browser, matrix: Path) -> None:
    """Every self-test says what was seen, and the command starts this very machine."""
    window.go((matrix / "index.html").as_uri() + f"#host/{HOSTS[0]}")
    assert becomes(window, title, [HOSTS[0]])
    seen = [row for row in shown(window, "#dialog-body tbody tr") if " passed" in row]
    assert seen and all(re.search(r" passed (1 exit|\d+ exits)\b", row) for row in seen)
    assert shown(window, "#dialog-body .command pre") == ["make report HOST=qemu72/EPYC CPUS=4 MEMORY=512"]
    row = collect.host_rows({REMAPPED})[REMAPPED]
    assert window.run("return reportCommand(arguments[0])", row) == (
        "make report HOST=qemu10/EPYC,+x2apic CPUS=4 MEMORY=512 BOARD=q35,kernel-irqchip=split DEVICES=intel-iommu,intremap=on,eim=on")
    assert window.run("return reportCommand(arguments[0])", row | {"devices": ["edu", "it's"]}).endswith(" DEVICES='edu it'\\''s'")
    assert window.run("return [0, 1, 2].map((number) => counted(number, 'CPU'))") == ["0 CPUs", "1 CPU", "2 CPUs"]


def test_nothing_is_left_empty(window: Browser, matrix: Path) -> None:
    """A test that was skipped before it began left no files."""
    document = collect.collect(matrix, [], [], None, 1, 1)
    for cell in document["cells"]:
        cell["files"] = []
    (matrix / "empty.html").write_text(page.render(document), encoding="utf-8")
    window.go((matrix / "empty.html").as_uri() + f"#cell/{SKIPPED}/auto")
    assert becomes(window, title, [f"{SKIPPED} / auto"])
    assert "To see it again" in shown(window, "#dialog-body")[0] and "Files:" not in shown(window, "#dialog-body")[0]


def kind(place: Place) -> tuple[bool, ...]:
    """Of which the commands differ."""
    return bool(place.host), "=" in place.strategy, "[" in place.test


def test_its_command_selects_the_test(window: Browser, request: pytest.FixtureRequest) -> None:
    """One test of each kind: of a cell, of a machine with something of its own forced, with and without parameters."""
    nodeids = {item.nodeid for item in request.session.items}
    tests = {kind(place): (nodeid, place) for nodeid in sorted(nodeids) for place in [Place.of(nodeid)]}
    for nodeid, place in tests.values():
        command = str(window.run("return reproduce(arguments[0])", asdict(place)))
        words = shlex.split(command)
        assert words[:2] == ["make", "matrix"]
        dry = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        [expression] = re.findall(r" -m pytest .* -k '([^']*)'", dry)
        assert all(term in nodeid for term in expression.split(" and ")), command


def test_by_keyboard(window: Browser, matrix: Path) -> None:
    """One stop of the Tab key in the table, arrows inside, Enter opens, Escape closes and comes back; addresses."""
    window.run("document.getElementById('search').focus()")
    window.press("Tab")
    assert becomes(window, focused, "to-compare")
    window.press("Tab")
    assert becomes(window, focused, f"host/{HOSTS[1]}")
    window.press("Right")
    assert becomes(window, focused, f"cell/{HOSTS[1]}/auto")
    window.press("Down", "Right")
    assert becomes(window, focused, f"cell/{HOSTS[0]}/page-dbstep")
    window.press("End")
    assert becomes(window, focused, f"cell/{HOSTS[0]}/sipi")
    window.press("Home")
    assert becomes(window, focused, f"host/{HOSTS[0]}")
    window.press("Right", "Enter")
    assert becomes(window, title, [f"{HOSTS[0]} / auto"])
    assert becomes(window, focused, "dialog-body")
    window.press("Escape")
    assert becomes(window, title, [])
    assert becomes(window, focused, f"cell/{HOSTS[0]}/auto"), "the focus is where it was"
    window.press("Tab")
    assert becomes(window, focused, "first"), "the table is one stop"
    window.press("Shift+Tab", "Home", "Enter")
    assert becomes(window, title, [HOSTS[0]])
    window.go("about:blank")
    window.go((matrix / "index.html").as_uri() + f"#host/{HOSTS[1]}")
    assert becomes(window, title, [HOSTS[1]])
    assert window.complaints() == []


def test_on_a_phone(window: Browser, lab: Lab, matrix: Path) -> None:
    """Nothing is wider than the screen, every square says what column it is, and fingers can hit it."""
    window.size(*browser.PHONE, phone=True)
    for address, name in (("", "phone"), (f"#cell/{HOSTS[1]}/auto", "phone-cell"), (f"#compare/{HOSTS[0]}/{HOSTS[1]}", "phone-compare")):
        window.go("about:blank")
        window.go((matrix / "index.html").as_uri() + address)
        assert window.run("return document.documentElement.scrollWidth") <= browser.PHONE[0]
        assert window.run("return document.getElementById('dialog').scrollWidth") <= browser.PHONE[0]
        assert torn(window) == []
        assert window.run(BESIDE) in ([], [True] * len(Verdict)), "the triangle, the verdict and the time are in one line"
        window.picture(lab.directory / f"{name}.png")
    window.go((matrix / "index.html").as_uri())
    assert "page-dbstep ✓ 1" in shown(window, ".square")
    sizes = window.run("return [...document.querySelectorAll('.square')].map((square) => square.getBoundingClientRect().height)")
    assert min(sizes) >= 40
    assert max(window.run(OFF_CENTRE)) <= 1, "the text is in the middle"


def test_nothing_is_loaded(matrix: Path) -> None:
    """One file, which names no other place."""
    html = (matrix / "index.html").read_text()
    assert not re.search(r"""<(link|iframe|object|embed)\b|\b(src|srcset)\s*=\s*["']|@import|url\(|\bfetch\(|XMLHttpRequest|WebSocket""",
                         re.sub(r'<script type="application/json".*?</script>', "", html))
    assert "default-src 'none'" in html
    assert html.count("</script>") == 2, "no text of a log ends a script"
