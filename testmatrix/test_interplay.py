# SPDX-License-Identifier: BSD-2-Clause
"""docs/interplay.md names result lines of guests that exist, of guests that the main host runs."""

import re

import pytest
from harness import data
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
