# SPDX-License-Identifier: BSD-2-Clause
"""hosts/, strategies.toml, guests.toml: their rows, checked when they are read, and the cells of the matrix."""

import dataclasses
import functools
import itertools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from runner import machine
from runner.machine import Host as RunnerHost

HERE = Path(__file__).resolve().parents[1]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
CARRIES = ("runs", "degraded")
OUTCOMES = (*CARRIES, "cannot_run", "carries")
VENDORS = ("intel", "amd", "any")
Row = TypeVar("Row")
ANY_HOST = "*"


class DataError(Exception):
    """A row that is wrong; the text names it."""


@dataclass(frozen=True)
class Host:
    """A machine that is emulated.

    outcome: what the report must say; carries: runs or degraded, as the processor underneath has it.
    tags: what guests.toml and strategies.toml select hosts by. long: none of its cells belongs in `make test`.
    sentence, advice: part of what the report must say about a machine that cannot carry a guest.
    board, devices: QEMU's -machine and -device.
    needs: "kvm" when the machine that tests must have KVM; vendor: "intel" or "amd" when theirs, with nested virtualization;
    "any" when whatever KVM there is will do.
    without_svm: the same model without SVM, when it is not simply MODEL,-svm.
    backend: that the report must choose. present, absent: capabilities, by the report's identifiers. secondary_controls: those
    that IA32_VMX_PROCBASED_CTLS2 allows.
    """

    name: str
    emulator: str
    model: str
    about: str
    outcome: str
    tags: tuple[str, ...] = ()
    processors: int = 4
    memory: int = 512           # MiB
    board: str = "pc"
    devices: tuple[str, ...] = ()
    needs: str = ""
    vendor: str = ""
    without_svm: str = ""
    backend: str | None = None
    sentence: str = ""
    advice: str = ""
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    secondary_controls: int | None = None
    long: bool = False

    @property
    def machine_host(self) -> RunnerHost:
        return RunnerHost(self.emulator, self.model)

    def bare_model(self, form: str) -> str:
        """The model of a bare machine; form: a Guest's bare_model."""
        return form.format(model=self.model, without_svm=self.without_svm or f"{self.model},-svm")

    @property
    def is_bochs(self) -> bool:
        return self.emulator.startswith("bochs")

    @property
    def has_long_mode(self) -> bool:
        """Without it the report is the 32-bit program's, which starts no other CPU and says so."""
        return "long_mode" not in self.absent

    @property
    def runs(self) -> bool:
        return self.outcome in (*CARRIES, "carries")

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What the report may say."""
        return CARRIES if self.outcome == "carries" else (self.outcome,)


@dataclass(frozen=True)
class Strategy:
    """Boot parameters, and what they force: axis → strategy. hosts, long_hosts, guests: where it is tried, by tag and
    by name; on long_hosts only in `make matrix`. needs: of those hosts, the ones that are known to have these capabilities;
    lacks: the ones that are not known to have them all, and so refuse. Rows of one name are for different hosts."""

    name: str
    about: str
    force: dict[str, str] = dataclasses.field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    long_hosts: tuple[str, ...] = ()
    guests: tuple[str, ...] = ("*",)
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    @property
    def parameters(self) -> str:
        return " ".join(f"{axis}={strategy}" for axis, strategy in self.force.items())

    def suits(self, host: Host) -> bool:
        """As far as hosts/ knows what the host has."""
        return set(self.needs) <= set(host.present) and not (self.lacks and set(self.lacks) <= set(host.present))


@dataclass(frozen=True)
class Guest:
    """A test guest of guests/. hosts, long_hosts: as for a strategy. processors, needs: how many, and what capability,
    it needs to test anything. shows_x2apic: what it says is another thing on a machine without x2APIC.
    bare_model: the model of the bare emulator that says what is right, made of the host's model or without_svm."""

    name: str
    about: str
    hosts: tuple[str, ...]
    long_hosts: tuple[str, ...] = ()
    processors: int = 1
    needs: str = ""
    shows_x2apic: bool = False
    bare_model: str = "{model}"


@dataclass(frozen=True)
class Tag:
    """What hosts are selected by."""

    name: str
    about: str


SelectingRow = TypeVar("SelectingRow", Strategy, Guest)


@dataclass(frozen=True)
class Cell:
    host: Host
    strategy: Strategy
    guest: Guest
    long: bool

    @property
    def name(self) -> str:
        return f"{self.host.name}/{self.strategy.name}/{self.guest.name}"


def read(file: str, table: str, row: type[Row]) -> list[Row]:
    """The rows of a file; every key of a row is one that is known."""
    document = tomllib.loads((HERE / file).read_text())
    if set(document) != {table}:
        raise DataError(f"{file} has the tables {', '.join(document)}, not [[{table}]] alone")
    return [make(file, row, values) for values in document[table]]


def by_name(file: str, rows: list[Row]) -> dict[str, Row]:
    named = {row.name: row for row in rows}             # type: ignore[attr-defined]
    if len(named) < len(rows):
        twice = next(name for name in named if [row.name for row in rows].count(name) > 1)      # type: ignore[attr-defined]
        raise DataError(f"{file}: two rows have the name {twice}")
    return named


def make(file: str, row: type[Row], values: dict[str, Any]) -> Row:
    name = values.get("name", "?")
    fields = {field.name: field for field in dataclasses.fields(row)}       # type: ignore[arg-type]
    if not NAME.fullmatch(str(name)):
        raise DataError(f"{file}: {name!r} cannot be part of a test's id")
    if unknown := set(values) - set(fields):
        raise DataError(f"{file}: {name} has the unknown keys {', '.join(sorted(unknown))}")
    missing = [key for key, field in fields.items() if key not in values and is_required(field)]
    if missing:
        raise DataError(f"{file}: {name} lacks {', '.join(missing)}")
    return row(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def selects(tags: tuple[str, ...], host: Host) -> bool:
    return ANY_HOST in tags or bool(set(tags) & set(host.tags))


@functools.cache
def hosts() -> dict[str, Host]:
    """Those of hosts/EMULATOR.toml, and of hosts/kvm.toml."""
    rows: list[Host] = []
    for kind in (*machine.EMULATORS, "kvm"):
        file = f"hosts/{kind}.toml"
        for host in read(file, "host", Host):
            if complaint := complaint_of(host, kind):
                raise DataError(f"{file}: {host.name}: {complaint}")
            rows.append(host)
    return by_name("hosts/", rows)


def complaint_of(host: Host, kind: str) -> str | None:
    """What is wrong with the row; kind: the file where it stands."""
    if (host.needs or host.emulator) != kind:
        return f"it belongs into hosts/{host.needs or host.emulator}.toml"
    if host.outcome not in OUTCOMES:
        return f"outcome {host.outcome!r} is none of {', '.join(OUTCOMES)}"
    if host.needs not in ("", "kvm") or bool(host.needs) != (host.vendor in VENDORS):
        return "needs is \"kvm\", with the vendor intel, amd or any, or nothing"
    if host.outcome == "carries" and not host.needs:
        return "what an emulated machine reports is known: not `carries`"
    if not host.runs and not host.sentence:
        return "a host that cannot run a guest needs the sentence that says why"
    if unknown := set(host.tags) - set(tags()):
        return f"hosts/tags.toml has no tag {', '.join(sorted(unknown))}"
    return None


@functools.cache
def tags() -> dict[str, Tag]:
    return by_name("hosts/tags.toml", read("hosts/tags.toml", "tag", Tag))


def check_tags(file: str, rows: list[SelectingRow]) -> list[SelectingRow]:
    for row in rows:
        if unknown := {*row.hosts, *row.long_hosts} - {*tags(), ANY_HOST}:
            raise DataError(f"{file}: {row.name}: hosts/tags.toml has no tag {', '.join(sorted(unknown))}")
    return rows


def strategies() -> list[Strategy]:
    return check_tags("strategies.toml", read("strategies.toml", "strategy", Strategy))


def guests() -> dict[str, Guest]:
    return by_name("guests.toml", check_tags("guests.toml", read("guests.toml", "guest", Guest)))


def cells() -> list[Cell]:
    """Every guest on every host where it belongs, with every strategy that is to be tried there."""
    chosen: dict[str, Cell] = {}
    pairs = [(host, strategy) for host, strategy in itertools.product(hosts().values(), strategies())
             if selects(strategy.hosts + strategy.long_hosts, host) and strategy.suits(host)]
    for (host, strategy), guest in itertools.product(pairs, guests().values()):
        if "*" not in strategy.guests and guest.name not in strategy.guests or host.processors < guest.processors:
            continue
        if not selects(guest.hosts + guest.long_hosts, host):
            continue
        usual = selects(strategy.hosts, host) and selects(guest.hosts, host)
        cell = Cell(host, strategy, guest, host.long or not usual)
        if cell.name in chosen:
            raise DataError(f"strategies.toml: two rows {strategy.name} are for {host.name}")
        chosen[cell.name] = cell
    return list(chosen.values())
