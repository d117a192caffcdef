# SPDX-License-Identifier: BSD-2-Clause
"""What the APIC costs: runs guests/bench with every strategy, prints the tables, and keeps them in docs/cost.md.

`make bench` calls this. Exits are counted by the image itself. Instructions are the emulator's count: the ticks of an
operation less the ticks of the same operation on the bare emulator, which are the guest's own. Both are medians of rounds,
and the same in every run. A strategy that a machine cannot have shows "-"; the image's own refusal says why.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from runner import console, guests, outcome, qemu
from runner.machine import Host, HostError, Machine

COSTS = guests.ROOT / "docs" / "cost.md"
BLOCK = re.compile(r"(<!-- bench: begin[^\n]*-->\n).*?(<!-- bench: end -->)", re.DOTALL)
LINE = re.compile(r"# differs: cost of (.+): exits (\d+) to (\d+), ticks (\d+) \(\d+ to \d+\)$")
REFUSAL = re.compile(r"Sextant: (?:REFUSED|CANNOT RUN): (.*)$")
CPUID, CPUID_1, READ, PRIORITY, COUNT, EOI, TPR, ICR, INTERRUPT = (
    "CPUID", "CPUID leaf 1", "xAPIC registers, read", "xAPIC PPR, read", "xAPIC timer count, read", "xAPIC EOI", "xAPIC TPR", "xAPIC ICR", "external interrupt")
X2_READ, X2_EOI, X2_TPR, X2_ICR, X2_INTERRUPT = (
    "x2APIC TPR, read", "x2APIC EOI", "x2APIC TPR", "x2APIC ICR", "external interrupt, x2APIC")
OPERATIONS = (CPUID, CPUID_1, READ, PRIORITY, COUNT, EOI, TPR, ICR, INTERRUPT, X2_READ, X2_EOI, X2_TPR, X2_ICR, X2_INTERRUPT)


@dataclass(frozen=True)
class Way:
    """A way to watch the APIC: boot parameters that force it; exits and host instructions that its operations may cost."""

    name: str
    parameters: str
    exits: dict[str, int]
    instructions: dict[str, int]


def xapic(exits: tuple[int, int, int, int, int], count: int = 0) -> dict[str, int]:
    return {CPUID: 1, CPUID_1: 1, PRIORITY: count, COUNT: count} | dict(zip((READ, EOI, TPR, ICR, INTERRUPT), exits, strict=True))


def x2apic(icr: int, interrupt: int = 0) -> dict[str, int]:
    return {CPUID: 1, CPUID_1: 1, X2_READ: 0, X2_EOI: 0, X2_TPR: 0, X2_ICR: icr, X2_INTERRUPT: interrupt}


def writes(target: int) -> dict[str, int]:
    return {CPUID: 100, EOI: target, TPR: target, ICR: target}


PAGE = xapic((0, 2, 2, 2, 0))
WAYS = {way.name: way for way in (
    Way("passthrough", "startup=sipi apic=passthrough", xapic((0, 0, 0, 0, 0)), {CPUID: 100}),
    Way("apicv", "startup=icr apic=apicv", xapic((0, 0, 0, 1, 1), count=1), {CPUID: 100}),
    Way("decode", "startup=icr apic=decode", xapic((0, 1, 1, 1, 0)), writes(250)),
    Way("page+mtf", "startup=icr apic=page step=mtf", PAGE, writes(500)),
    Way("page+dbstep", "startup=icr apic=page step=dbstep", PAGE, writes(500)),
    Way("x2apic passthrough", "startup=sipi apic=passthrough x2apic=passthrough", x2apic(0), {CPUID: 100}),
    Way("x2apic msr", "startup=icr apic=decode,page x2apic=msr", x2apic(1), {CPUID: 100, X2_ICR: 100}),
    Way("x2apic apicv", "startup=icr x2apic=apicv", x2apic(1, interrupt=1), {CPUID: 100, X2_ICR: 100}),
)}
SVM = ("decode", "page+dbstep")
VMX = tuple(WAYS)
HOSTS = {"qemu72/EPYC": SVM, "qemu10/EPYC,+x2apic": (*SVM, "x2apic msr"), "bochs30/ryzen": SVM, "bochs30/corei7_skylake_x": VMX}


class BenchError(Exception):
    """A run that says nothing about costs; the text is a sentence for the person."""


@dataclass(frozen=True)
class Cost:
    """exits: least and most of the rounds; ticks: the median."""

    exits: tuple[int, int]
    ticks: int


@dataclass(frozen=True)
class Column:
    """One way on one host: its costs by operation, or why it cannot be had."""

    host: str
    way: Way
    costs: dict[str, Cost]
    own: dict[str, Cost]
    refusal: str | None = None

    def exits(self, operation: str) -> str:
        cost = self.costs.get(operation)
        if cost is None:
            return "-"
        least, most = cost.exits
        return str(least) if least == most else f"{least} to {most}"

    def instructions(self, operation: str) -> int | None:
        if operation not in self.costs or operation not in self.own:
            return None
        return self.costs[operation].ticks - self.own[operation].ticks

    def complaints(self) -> list[str]:
        """Exits that are not what the way promises."""
        return [f"{self.host}, {self.way.name}: {operation} took {self.exits(operation)} exits, not {wanted}"
                for operation, wanted in self.way.exits.items()
                if operation in self.costs and self.costs[operation].exits != (wanted, wanted)]


def read(lines: Iterable[str]) -> dict[str, Cost]:
    """The guest's figures."""
    found = [match for line in lines if (match := LINE.search(line))]
    return {match[1]: Cost((int(match[2]), int(match[3])), int(match[4])) for match in found}


def run(host: Host, build: Path, parameters: str | None) -> tuple[dict[str, Cost], str | None]:
    """The guest's figures, or why the image refused; parameters: None for the bare emulator."""
    guest = guests.find("bench", build)
    image = None if parameters is None else build / "sextant.elf"
    words = "" if parameters is None else f"report=none {parameters}"
    result = console.run(Machine(host, processors=1, memory=128, image=image, parameters=words, guest=guest, counted=True))
    refusal = next((match[1] for line in result.lines() if (match := REFUSAL.search(line))), None)
    end = outcome.outcome(result)
    if refusal is None and end.status != 0:
        raise BenchError(f"{host}, {parameters or 'bare'}: {end.sentence}; it said: {' | '.join(result.lines()[-5:])}")
    return read(result.lines()), refusal


def column(host: Host, build: Path, way: Way, own: dict[str, Cost]) -> Column:
    costs, refusal = run(host, build, way.parameters)
    # What a way does not promise anything about it does not do: xAPIC mode is another way's business.
    kept = {operation: cost for operation, cost in costs.items() if operation in way.exits}
    return Column(str(host), way, kept, own, refusal)


def measure(build: Path, only: str) -> list[Column]:
    columns = []
    for name, ways in HOSTS.items():
        if only not in name:
            continue
        try:
            host = Host.parse(name)
            own, _ = run(host, build, None)
        except (HostError, qemu.EmulatorError) as error:
            columns += [Column(name, WAYS[way], {}, {}, str(error)) for way in ways]
            continue
        for way in ways:
            print(f"  BENCH   {name} {way}", file=sys.stderr)
            columns.append(column(host, build, WAYS[way], own))
    return columns


# ---- tables ----

def table(rows: list[list[str]]) -> str:
    """Markdown, with the columns below each other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    padded.insert(1, ["-" * width for width in widths])
    return "".join(f"| {' | '.join(row)} |\n" for row in padded)


def exits_cell(one: Column, operation: str) -> str:
    wanted = one.way.exits.get(operation)
    seen = one.exits(operation)
    return seen if seen in ("-", str(wanted)) else f"{seen} (wanted {wanted})"


def instructions_cell(one: Column, operation: str) -> str:
    seen, target = one.instructions(operation), one.way.instructions.get(operation)
    if seen is None:
        return "-"
    return str(seen) if target is None else f"{seen} / {target} = {seen / target:.2f}"


def tables_of(host: str, columns: list[Column]) -> str:
    """The two tables of a host, and why ways are missing there."""
    usable = [one for one in columns if one.costs]
    operations = [operation for operation in OPERATIONS if any(operation in one.costs for one in usable)]
    text = f"### {host}\n\n"
    for heading, cell in (("exits", exits_cell), ("host instructions, / target = ratio", instructions_cell)):
        rows = [[heading, *(one.way.name for one in columns)]]
        rows += [[operation, *(cell(one, operation) for one in columns)] for operation in operations]
        text += table(rows) + "\n" if usable else ""
    return text + "".join(f"- {one.way.name}: {one.refusal}\n" for one in columns if one.refusal) + "\n"


def document(columns: list[Column]) -> str:
    hosts = dict.fromkeys(one.host for one in columns)
    parts = [tables_of(host, [one for one in columns if one.host == host]) for host in hosts]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip() + "\n"


def update(path: Path, text: str) -> None:
    """Puts the tables between the marks of the document."""
    old = path.read_text(encoding="utf-8")
    new, count = BLOCK.subn(lambda marks: f"{marks[1]}{text}{marks[2]}", old)
    if count != 1:
        raise BenchError(f"{path} has {count} blocks for the tables, not one")
    if new != old:
        path.write_text(new, encoding="utf-8")


def as_json(columns: list[Column]) -> str:
    rows = [{"host": one.host, "way": asdict(one.way), "refusal": one.refusal,
             "costs": {name: asdict(cost) | {"host_instructions": one.instructions(name)} for name, cost in one.costs.items()}}
            for one in columns]
    return json.dumps({"columns": rows}, indent=2) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=guests.ROOT / "build", help="where the image and the guests are")
    parser.add_argument("--only", default="", metavar="TEXT", help="hosts with this in their name; docs/cost.md stays as it is")
    options = parser.parse_args()
    try:
        columns = measure(options.build, options.only)
        print(document(columns))
        if not options.only:
            (options.build / "bench.json").write_text(as_json(columns), encoding="utf-8")
            update(COSTS, document(columns))
    except (BenchError, guests.GuestError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    complaints = [complaint for one in columns for complaint in one.complaints()]
    for complaint in complaints:
        print(f"bench: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
