# SPDX-License-Identifier: BSD-2-Clause
"""Everything that a run of the matrix left, as one document (build/matrix/matrix.json): what the page shows.

    schema, generated, seconds, workers, shards, image     about the run; image: the SHA-256 that all cells agree on
    selected, not_run, complaints                          tests; sentences that fail the run
    emulators     what each calls itself, by its name in the rows of hosts/
    hosts         rows of hosts/ that have a cell, with their report's key
    strategies    rows of strategies.toml that have a cell, and the other words that stand in their place in a test's id
    capabilities  id, name, group, source, once for all reports
    reports       by key: what a report says, without what is the same in others
    cells         a list: cell.json of each test, its runs and the shared one by which it failed, each with its log's lines around the
                  point that matters
"""

import hashlib
import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from . import data, runs
from .shards import Shard
from .verdicts import BAD, ORDER, Verdict

SCHEMA = 2
CELL = "cell.json"
BAD_NAMES = tuple(verdict.name for verdict in BAD)
# What a log's reader looks for first.
WRONG_LINE = re.compile(r"^not ok |^Bail out!|^Sextant: (PANIC|panic)|Kernel panic|BUG:|\bOops\b|^exception", re.MULTILINE)
BEFORE, AFTER = 25, 12          # lines of a log around it
TAIL = 10                       # lines of a log where nothing is wrong
JSON_LINE = re.compile(r'^\{"schema":.*$')
TICKS = ("ticks", "cost")        # what is another number in every boot

Document = dict[str, Any]


def collect(matrix: Path, selected: list[str], collected: list[str], shard: Shard | None, seconds: float,
            workers: int) -> Document:
    reports = Reports()
    cells = [cell_of(matrix, file, reports) for file in sorted((matrix / "cells").rglob(CELL))]
    cells.sort(key=rank)
    measured = {place.name: place for place in (matrix / "session").glob("*/report/*") if place.is_dir()}
    hosts = {name: row | {"report": reports.add(measured[name] / f"sextant{runs.REPORT}") if name in measured else None}
             for name, row in host_rows({cell["host"] for cell in cells}).items()}
    done = {cell["id"] for cell in cells}
    document = {
        "schema": SCHEMA, "generated": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "seconds": round(seconds),
        "workers": workers, "shards": [{"shard": str(shard) if shard else "1/1", "collected": digest(sorted(collected)),
                                        "tests": len(collected)}],
        "image": None, "collected": sorted(collected), "selected": sorted(selected),
        "not_run": sorted(set(selected) - done),
        "emulators": {run["emulator"]: run["version"] for cell in cells for run in cell["runs"]},
        "hosts": hosts, "strategies": strategy_rows(cells), "capabilities": reports.capabilities, "reports": reports.rows,
        "cells": cells, "complaints": [],
    }
    return judge(document)


def judge(document: Document) -> Document:
    """What is wrong with the whole."""
    images: dict[str, list[str]] = {}
    for cell in document["cells"]:
        for run in cell["runs"]:
            if run["image_sha256"]:
                images.setdefault(run["image_sha256"], []).append(cell["id"])
    document["image"] = max(images, key=lambda image: len(images[image])) if images else None
    document["complaints"] = [
        f"{named(tests)}, ran the image {image[:16]}…, and most ran {document['image'][:16]}…"
        for image, tests in images.items() if image != document["image"]]
    if document["not_run"]:
        document["complaints"].append(f"selected and not run: {named(document['not_run'])}")
    return document


def counted(number: int) -> str:
    return f"{number} test{'' if number == 1 else 's'}"


def named(tests: list[str]) -> str:
    return f"{counted(len(tests))}, {tests[0]}{' among them' if len(tests) > 1 else ''}"


def rank(cell: Document) -> tuple[Any, ...]:
    return ORDER[cell["verdict"]], cell["host"], cell["strategy"], cell["guest"], cell["test"]


def summary(document: Document) -> str:
    """The number of cells by verdict."""
    counts = Counter(cell["verdict"] for cell in document["cells"])
    words = [f"{counts[verdict.name]} {verdict.name}" for verdict in Verdict if counts[verdict.name]]
    return f"matrix: {counted(len(document['cells']))}: {', '.join(words)}"


def bad(document: Document) -> list[str]:
    """The tests that fail the run."""
    return [cell["id"] for cell in document["cells"] if cell["verdict"] in BAD_NAMES]


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


# ---- rows ----


def host_rows(names: set[str]) -> dict[str, Document]:
    keys = ("about", "emulator", "model", "processors", "memory", "board", "devices", "needs")
    return {host.name: {key: getattr(host, key) for key in keys} for host in data.hosts().values() if host.name in names}


def strategy_rows(cells: list[Document]) -> dict[str, Document]:
    """In the file's order, then the others by name. What a name forces may differ from host to host."""
    used = {cell["strategy"] for cell in cells if cell["host"]}
    rows: dict[str, Document] = {}
    for strategy in data.strategies():
        if strategy.name in used:
            row = rows.setdefault(strategy.name, {"about": strategy.about, "parameters": strategy.parameters})
            if strategy.parameters != row["parameters"]:
                row["parameters"] += f" or {strategy.parameters}"
    return rows | {name: {"about": "", "parameters": ""} for name in sorted(used - set(rows))}


def cell_of(matrix: Path, file: Path, reports: "Reports") -> Document:
    cell: Document = json.loads(file.read_text())
    place = matrix / cell["directory"]
    directories = [cell["directory"], *filter(None, [cell["shared"]])]
    cell["runs"] = [run_of(matrix, directory, record, cell, reports) for directory in directories
                    for record in runs.read(matrix / directory)]
    cell["files"] = sorted(path.name for path in place.iterdir() if path.is_file() and path.name != CELL)
    return cell


def run_of(matrix: Path, directory: str, record: runs.Record, cell: Document, reports: "Reports") -> Document:
    place = matrix / directory
    command = place / f"{record.name}.command"
    counted = place / f"{record.name}{runs.COUNTERS}"
    log = place / f"{record.name}.serial.log"
    return {
        "name": record.name, "directory": directory, "emulator": record.emulator, "version": record.version,
        "image_sha256": record.image_sha256,
        "parameters": record.parameters, "ending": record.ending, "seconds": record.seconds,
        "command": command.read_text().strip() if command.exists() else "",
        "counters": json.loads(counted.read_text()) if counted.exists() else {},
        "report": reports.add(place / f"{record.name}{runs.REPORT}"),
        "log": excerpt(log.read_text(errors="replace") if log.exists() else "", cell),
    }


# ---- logs ----


def excerpt(text: str, cell: Document) -> Document:
    """lines, the number of the first of them from 1, and that of the line that matters (or 0)."""
    lines = ["(the JSON object of the report)" if JSON_LINE.match(line) else line
             for line in text.replace("\r", "").splitlines()]
    if cell["verdict"] not in BAD_NAMES:
        start = max(0, len(lines) - TAIL)
        return {"first": start + 1, "marked": 0, "lines": lines[start:]}
    at = wrong_line(lines, cell["reason"])
    start = max(0, at - BEFORE)
    return {"first": start + 1, "marked": at + 1 if lines else 0, "lines": lines[start:at + AFTER]}


def wrong_line(lines: list[str], reason: str) -> int:
    """Index of the first line that a difference shows as seen, or of one that says itself that it is wrong, or of the last."""
    seen = [line[1:] for line in reason.splitlines() if line.startswith("+") and not line.startswith("+++")]
    for line in seen[:1]:
        if line in lines:
            return lines.index(line)
    for number, line in enumerate(lines):
        if WRONG_LINE.search(line):
            return number
    return max(0, len(lines) - 1)


# ---- reports ----


class Reports:
    """The reports by key, each once; the capabilities' names once for all."""

    def __init__(self) -> None:
        self.rows: dict[str, Document] = {}
        self.capabilities: list[Document] = []
        self._index: dict[str, int] = {}

    def add(self, file: Path) -> str | None:
        """The key of the report in the file; None when there is none."""
        if not file.exists():
            return None
        report = json.loads(file.read_text())
        states = {}
        for row in report["capabilities"]:
            if row["id"] not in self._index:
                self._index[row["id"]] = len(self.capabilities)
                self.capabilities.append({key: row[key] for key in ("id", "name", "group", "source")})
            if row["state"] != "absent":
                states[row["id"]] = row["state"]
        machine = {key: value for key, value in report["machine"].items() if key not in ("command_line", "loader")}
        short = {
            "outcome": report["outcome"], "sentence": report["sentence"], "backend": report["backend"],
            "axes": [self.axis(row) for row in report["axes"]],
            "selftests": [{key: value for key, value in row.items() if key not in TICKS} for row in report["selftests"]],
            "machine": machine, "states": states, "notes": report["notes"], "advice": report["advice"],
        }
        key = digest(short)
        self.rows[key] = short
        return key

    @staticmethod
    def axis(row: Document) -> Document:
        keys = ("axis", "chosen", "asked", "forced", "verified", "fallback", "lost")
        strategies = [{key: strategy[key] for key in ("name", "verdict", "reason")} for strategy in row["strategies"]]
        return {key: row[key] for key in keys} | {"strategies": strategies}
