# SPDX-License-Identifier: BSD-2-Clause
"""Groups of tests of about equal weight, for several machines. Every machine computes all groups, from the same weights alike."""

import argparse
import re
from dataclasses import dataclass

SHARD = re.compile(r"([1-9]\d*)/([1-9]\d*)")


@dataclass(frozen=True)
class Shard:
    """The number-th of count groups, from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse(text: str) -> Shard:
    found = SHARD.fullmatch(text)
    if not found or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no group: write I/N, with I from 1 to N")
    return Shard(int(found[1]), int(found[2]))


def members(weights: dict[str, float], shard: Shard) -> set[str]:
    """The tests of a group: the heaviest first, each to the group that has the least until then."""
    loads, groups = [0.0] * shard.count, [set[str]() for _ in range(shard.count)]
    for name in sorted(weights, key=lambda name: (-weights[name], name)):
        lightest = min(range(shard.count), key=lambda number: (loads[number], number))
        loads[lightest] += weights[name]
        groups[lightest].add(name)
    return groups[shard.number - 1]
