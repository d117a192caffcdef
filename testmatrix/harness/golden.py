# SPDX-License-Identifier: BSD-2-Clause
"""testmatrix/golden/HOST.json: what a host's report said when somebody last looked at it. `make golden` writes them."""

import functools
import json
from pathlib import Path
from typing import Any

from .data import HERE, Host, Strategy
from .report import Report

DIRECTORY = HERE / "golden"


def path(host: str) -> Path:
    return DIRECTORY / f"{host}.json"


def is_kept(host: Host) -> bool:
    """A host that is the real processor underneath has another report on every machine."""
    return host.needs != "kvm"


def of(report: Report) -> dict[str, Any]:
    """What is compared: verdict, choices, and every capability that is not absent."""
    return {"outcome": report.outcome, "backend": report.data["backend"], "choices": report.binding,
            "capabilities": {name: state for name, state in report.capabilities.items() if state != "absent"}}


def write(host: str, report: Report) -> None:
    DIRECTORY.mkdir(exist_ok=True)
    path(host).write_text(json.dumps(of(report), indent=1) + "\n")


def read(host: str) -> dict[str, Any]:
    return dict(json.loads(path(host).read_text()))


@functools.cache
def choices(host: Host) -> dict[str, str | None]:
    """What auto takes there, axis by axis; nothing is known of a host without a golden report."""
    return dict(read(host.name)["choices"]) if path(host.name).exists() else {}


def takes(host: Host, strategy: Strategy) -> bool:
    """Whether auto takes all that is forced."""
    return bool(strategy.force) and strategy.force.items() <= choices(host).items()


def differences(kept: dict[str, Any], report: Report) -> list[str]:
    """Sentences; a capability with the register and bit that it is read from."""
    seen = of(report)
    wrong = [f"{key} was {kept[key]}, and is {seen[key]}" for key in ("outcome", "backend") if kept[key] != seen[key]]
    for axis in kept["choices"] | seen["choices"]:
        before, now = kept["choices"].get(axis), seen["choices"].get(axis)
        if before != now:
            wrong.append(f"the choice for {axis} was {before}, and is {now}")
    sources = {row["id"]: f'"{row["name"]}", {row["source"]}' for row in report.data["capabilities"]}
    for name in kept["capabilities"] | seen["capabilities"]:
        before, now = (row["capabilities"].get(name, "absent") for row in (kept, seen))
        if before != now:
            wrong.append(f"{name} ({sources.get(name, 'no capability of this image')}) was {before}, and is {now}")
    return wrong
