# SPDX-License-Identifier: BSD-2-Clause
"""Reads pytest's JUnit file and fails unless at least one test was really executed: "nothing ran" is not a success."""

import sys
import xml.etree.ElementTree


def main(path: str) -> int:
    cases = list(xml.etree.ElementTree.parse(path).iter("testcase"))
    skipped = [case for case in cases if case.find("skipped") is not None]
    print(f"system: {len(cases) - len(skipped)} test(s) executed, {len(skipped)} skipped")
    if len(cases) == len(skipped):
        print("system: no system test was executed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
