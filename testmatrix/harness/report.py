# SPDX-License-Identifier: BSD-2-Clause
"""The capability report: its text and its JSON object, as docs/report-format.md describes them."""

import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

from . import schema

BEGIN = re.compile(r"^@@SEXTANT-JSON-BEGIN\b(.*)$", re.MULTILINE)
END = re.compile(r"^@@SEXTANT-JSON-END crc32=([0-9a-f]{8})$", re.MULTILINE)
CPUID_LINE = re.compile(r"^ *0x([0-9a-f]{8}) 0x([0-9a-f]{2}): eax=0x([0-9a-f]{8}) ebx=0x([0-9a-f]{8}) "
                        r"ecx=0x([0-9a-f]{8}) edx=0x([0-9a-f]{8})$", re.MULTILINE)
MSR_LINE = re.compile(r"^MSR 0x([0-9a-f]+)(?: \([^)]*\))?: *(?:0x([0-9a-f]+)|#GP|.*)$", re.MULTILINE)
TICKS = re.compile(r"\d+ ticks|\"ticks\":\d+|crc32=[0-9a-f]{8}")

VERDICTS = {"runs": "Sextant: RUNS", "degraded": "Sextant: RUNS, DEGRADED", "cannot_run": "Sextant: CANNOT RUN",
            "refused": "Sextant: REFUSED", "cannot_tell": "Sextant: CANNOT TELL"}


class ReportError(Exception):
    """What was printed is not a report; the text says what is wrong."""


class NoReport(ReportError):
    """Nothing of what was printed is one."""


@dataclass(frozen=True)
class Report:
    """text: all of it; json_line: the object as it was printed; data: the object."""

    text: str
    json_line: str
    data: dict[str, Any]

    @property
    def verdict_line(self) -> str:
        return self.text.split("\n", 1)[0]

    @property
    def outcome(self) -> str:
        return str(self.data["outcome"])

    @property
    def sentence(self) -> str:
        return str(self.data["sentence"])

    @property
    def advice(self) -> list[str]:
        return list(self.data["advice"])

    @property
    def capabilities(self) -> dict[str, str]:
        """State by identifier."""
        return {row["id"]: row["state"] for row in self.data["capabilities"]}

    def has(self, capability: str) -> bool:
        return self.capabilities[capability] in ("advertised", "verified", "forced")

    @property
    def binding(self) -> dict[str, str | None]:
        return {axis["axis"]: axis["chosen"] for axis in self.data["axes"]}

    def strategy(self, axis: str, name: str) -> dict[str, Any]:
        """The report's row about one strategy: verdict, built, reason, missing."""
        for row in self.data["axes"]:
            if row["axis"] == axis:
                for strategy in row["strategies"]:
                    if strategy["name"] == name:
                        return dict(strategy)
        raise ReportError(f"the report has no row {axis}={name}")

    @property
    def raw_cpuid(self) -> dict[tuple[int, int], tuple[int, ...]]:
        return {(row[0], row[1]): tuple(row[2:]) for row in self.data["raw"]["cpuid"]}

    def without_ticks(self) -> str:
        return TICKS.sub("(ticks)", self.text)


def parse(text: str) -> Report:
    """The report in what the image printed; raises ReportError when there is none, or one that was damaged."""
    begins, ends = list(BEGIN.finditer(text)), list(END.finditer(text))
    if not begins and not ends:
        raise NoReport("there is no report")
    if len(begins) != 1 or len(ends) != 1:
        raise ReportError(f"{len(begins)} lines begin a JSON object and {len(ends)} end one")
    body = text[begins[0].end() + 1:ends[0].start()]
    line = body.removesuffix("\n")
    if "\n" in line:
        raise ReportError("the JSON object is not on one line")
    computed = zlib.crc32(line.encode())
    if f"{computed:08x}" != ends[0].group(1):
        raise ReportError(f"the CRC-32 of the JSON object is {computed:08x}, and {ends[0].group(1)} is printed")
    try:
        data = json.loads(line, object_pairs_hook=no_duplicates)
    except ValueError as error:
        raise ReportError(f"the JSON object is not valid: {error}") from error
    if wrong := schema.complaints(data):
        raise ReportError(f"the JSON object is not what docs/report.schema.json says: {'; '.join(wrong[:5])}")
    return Report(text, line, data)


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"an object has two members of one name: {names}")
    return dict(pairs)


def printed_cpuid(text: str) -> dict[tuple[int, int], tuple[int, ...]]:
    """The raw CPUID words in the text."""
    words: dict[tuple[int, int], tuple[int, ...]] = {}
    for found in CPUID_LINE.finditer(text):
        numbers = [int(number, 16) for number in found.groups()]
        words[numbers[0], numbers[1]] = tuple(numbers[2:])
    return words
