# SPDX-License-Identifier: BSD-2-Clause
"""The exit codes of the image: src/core/exit_codes.def is their only list."""

import re
from dataclasses import dataclass
from pathlib import Path

DEFINITIONS = Path(__file__).resolve().parents[2] / "src" / "core" / "exit_codes.def"
LINE = re.compile(r'^X\(\s*(\w+)\s*,\s*(0x[0-9a-fA-F]+|\d+)\s*,\s*"((?:[^"\\]|\\.)*)"\s*\)', re.MULTILINE)


@dataclass(frozen=True)
class ExitCode:
    name: str
    code: int
    meaning: str


def read(path: Path = DEFINITIONS) -> dict[int, ExitCode]:
    """All codes by number; an empty table when there is no such file yet."""
    if not path.is_file():
        return {}
    codes = [ExitCode(name, int(code, 0), meaning) for name, code, meaning in LINE.findall(path.read_text())]
    return {code.code: code for code in codes}
