# SPDX-License-Identifier: BSD-2-Clause
"""Puts the runs of several machines together: what `make page SHARDS=…` does."""

import shutil
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

from . import collect, progress
from .collect import Document

JUNIT = "junit.xml"


def merge(documents: list[Document]) -> Document:
    """One document; its complaints name what does not fit."""
    first = documents[0]
    merged = first | {key: sorted(name for document in documents for name in document[key]) for key in ("selected", "not_run")}
    for key in ("emulators", "strategies", "reports"):
        merged[key] = {name: row for document in documents for name, row in document[key].items()}
    merged["hosts"] = hosts(documents)
    merged["capabilities"] = list({row["id"]: row for document in documents for row in document["capabilities"]}.values())
    merged["cells"] = sorted((cell for document in documents for cell in document["cells"]), key=collect.rank)
    merged["shards"] = [shard for document in documents for shard in document["shards"]]
    merged["seconds"] = max(document["seconds"] for document in documents)
    merged["workers"] = sum(document["workers"] for document in documents)
    merged["generated"] = max(document["generated"] for document in documents)
    collect.judge(merged)
    merged["complaints"] += gaps(documents, merged)
    return merged


def hosts(documents: list[Document]) -> dict[str, Document]:
    """A machine's report may have been asked for on one machine and not on another."""
    rows: dict[str, Document] = {}
    for document in documents:
        for name, row in document["hosts"].items():
            if name not in rows or row["report"]:
                rows[name] = row
    return rows


def gaps(documents: list[Document], merged: Document) -> list[str]:
    """Each test that was there is in exactly one group."""
    wrong = []
    if len({shard["collected"] for shard in merged["shards"]}) > 1:
        wrong.append("the shards are of different trees: their tests are not the same")
    times = Counter(merged["selected"])
    everything = {name for document in documents for name in document["collected"]}
    if missing := sorted(everything - set(times)):
        wrong.append(f"in no shard: {collect.named(missing)}")
    if twice := sorted(name for name, count in times.items() if count > 1):
        wrong.append(f"in several shards, which had different durations: {collect.named(twice)}")
    return wrong


def copy(matrix: Path, shards: list[Path]) -> None:
    """The artefacts of the shards, their durations and JUnit files, into one directory."""
    for name in ("cells", "session"):
        shutil.rmtree(matrix / name, ignore_errors=True)
        for shard in shards:
            if (shard / name).is_dir():
                shutil.copytree(shard / name, matrix / name, dirs_exist_ok=True)
    for shard in shards:
        progress.write(matrix / "durations.json", progress.read(shard / "durations.json"))
    root = ElementTree.Element("testsuites")
    for shard in shards:
        if (shard / JUNIT).exists():
            root.extend(ElementTree.parse(shard / JUNIT).getroot().iter("testsuite"))
    ElementTree.ElementTree(root).write(matrix / JUNIT, encoding="utf-8", xml_declaration=True)
