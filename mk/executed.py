# SPDX-License-Identifier: BSD-2-Clause
"""Reads pytest's JUnit file and fails unless at least one test was really executed: "nothing ran" is not a success.

What this machine could not run is said in any case.

executed.py FILE [--skips]

--skips: where this machine can run none of the hosts that were asked for, it is enough to say so.
"""

import os
import sys
import xml.etree.ElementTree
from collections import Counter

EXPECTED_FAILURE = "pytest.xfail"       # it was executed, and pytest's file has it among what was skipped
THIS_MACHINE = "this machine cannot run "


def main(path: str, skips: bool) -> int:
    cases = list(xml.etree.ElementTree.parse(path).iter("testcase"))
    found = [row for case in cases if (row := case.find("skipped")) is not None]
    skipped = [row.get("message", "") for row in found if row.get("type") != EXPECTED_FAILURE]
    print(f"system: {len(cases) - len(skipped)} test(s) executed, {len(skipped)} skipped")
    executed = len(cases) > len(skipped)
    reasons = Counter(reason.removeprefix(THIS_MACHINE).partition(": ")[2] for reason in skipped if reason.startswith(THIS_MACHINE))
    if executed and not reasons:
        return 0
    head = "some system tests need what this machine lacks" if executed else "no system test was executed"
    sentence = "; ".join((head, *(f"{count}: {reason}" for reason, count in reasons.items())))
    print(f"system: {sentence}", file=sys.stderr)
    if os.environ.get("GITHUB_ACTIONS"):
        print(f"::warning::{sentence}")
    return 0 if executed or skips and cases and sum(reasons.values()) == len(cases) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--skips" in sys.argv[2:]))
