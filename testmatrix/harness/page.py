# SPDX-License-Identifier: BSD-2-Clause
"""The page: one file, build/matrix/index.html, made of matrix.json and testmatrix/page/. It loads nothing from anywhere."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import jinja2

from . import data
from .collect import Document
from .data import HERE
from .progress import clock
from .verdicts import ORDER, Verdict

SOURCES = HERE / "page"
DOCUMENT, PAGE = "matrix.json", "index.html"    # in build/matrix/
NO_HOST = "(no machine)"
OTHER = "other"
REPORT_ONLY = "report-only"     # what is tested by the reports alone
# A verdict is never told by colour alone.
SYMBOLS = {"CRASH": "✸", "TIMEOUT": "◷", "FAIL": "✗", "XPASS": "‼", "XFAIL": "≈", "SKIP": "–", "PASS": "✓"}


def worst(counts: "Counter[str]") -> str:
    """A SKIP says nothing beside anything else."""
    return min(counts.keys() - {Verdict.SKIP.name}, key=lambda name: ORDER[name], default=Verdict.SKIP.name)


@dataclass
class Square:
    """A host and a column; cells: indexes of the document's cells, worst first."""

    host: str
    column: str
    cells: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def verdict(self) -> str:
        return worst(self.counts)

    @property
    def text(self) -> str:
        """How many have the worst verdict, of how many."""
        count, total = self.counts[self.verdict], sum(self.counts.values())
        return f"{count}" if count == total else f"{count}/{total}"

    @property
    def label(self) -> str:
        counts = ", ".join(f"{self.counts[name]} {name}" for name in ORDER if self.counts[name])
        return f"{self.host}, {self.column}: {counts}"


@dataclass
class Row:
    host: str
    about: str
    squares: dict[str, Square]

    @property
    def rank(self) -> tuple[int, int]:
        """Worst first, then the one with the most tests of the worst verdict. Where nothing ran there is nothing to see: last."""
        counts: Counter[str] = sum((square.counts for square in self.squares.values()), Counter())
        name = worst(counts)
        if name == Verdict.SKIP.name:
            return len(ORDER), 0
        return ORDER[name], -counts[name] if Verdict[name].is_bad else 0


def write(matrix: Path, document: Document) -> None:
    """matrix.json and index.html."""
    (matrix / DOCUMENT).write_text(json.dumps(document, separators=(",", ":")) + "\n")
    (matrix / PAGE).write_text(render(document), encoding="utf-8")


def render(document: Document) -> str:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(SOURCES), autoescape=True, trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    columns = columns_of(document)
    rows = rows_of(document, columns)
    counts = Counter(cell["verdict"] for cell in document["cells"])
    return environment.get_template("page.html").render(
        document=document, columns=columns, rows=rows, verdicts=list(Verdict), counts=counts, symbols=SYMBOLS,
        seconds=clock(document["seconds"]), style=text("page.css"), script=text("page.js"),
        data=script_data(document | {"squares": squares_of(rows), "symbols": SYMBOLS,
                                     "about_other": "tests of one machine that are not about a strategy"}))


def text(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def script_data(value: object) -> str:
    """JSON that can stand inside a script element: nothing in it ends the element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace("\u2028", "\\u2028")


def column_of(cell: Document, columns: list[str]) -> str:
    return cell["strategy"] if cell["strategy"] in columns else OTHER


def columns_of(document: Document) -> list[str]:
    """The strategies that were run, and what the reports say; a test that forces something of its own is among the others."""
    known = {strategy.name for strategy in data.strategies()} | {REPORT_ONLY}
    names = [name for name in document["strategies"] if name in known]
    other = any(column_of(cell, names) == OTHER for cell in document["cells"])
    return names + ([OTHER] if other else [])


def rows_of(document: Document, columns: list[str]) -> list[Row]:
    rows: dict[str, Row] = {}
    for number, cell in enumerate(document["cells"]):
        host = cell["host"] or NO_HOST
        about = document["hosts"].get(host, {}).get("about", "")
        row = rows.setdefault(host, Row(host, about, {}))
        column = column_of(cell, columns)
        square = row.squares.setdefault(column, Square(host, column))
        square.cells.append(number)
        square.counts[cell["verdict"]] += 1
    order = {name: number for number, name in enumerate(document["hosts"])}
    return sorted(rows.values(), key=lambda row: (*row.rank, order.get(row.host, len(order))))


def squares_of(rows: list[Row]) -> dict[str, dict[str, list[int]]]:
    return {row.host: {name: square.cells for name, square in row.squares.items()} for row in rows}
