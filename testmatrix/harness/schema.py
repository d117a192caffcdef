# SPDX-License-Identifier: BSD-2-Clause
"""docs/*.schema.json: what a report's JSON object must be, and a comparison's. Here a member that the schema does not name is wrong as well."""

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
from runner.guests import ROOT

REPORT, DIFF = (ROOT / "docs" / f"{name}.schema.json" for name in ("report", "diff"))


def strict(schema: Any) -> Any:
    """The schema without room for members that it does not name."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        made["additionalProperties"] = False
    return made


@functools.cache
def validator(path: Path) -> Any:
    schema = json.loads(path.read_text())
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(strict(schema))


def complaints(data: Any, path: Path = REPORT) -> list[str]:
    """What is wrong, by place."""
    return [f"{error.json_path}: {error.message[:200]}" for error in validator(path).iter_errors(data)]
