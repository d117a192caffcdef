# SPDX-License-Identifier: BSD-2-Clause
"""Writes docs/boot-parameters.md, docs/exit-codes.md, docs/hidden-features.md and docs/sextant-probe.1 from the tables of the programs themselves.

tools/gen_docs.py           writes the files
tools/gen_docs.py --check   fails when a file is not what would be written
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
TARGET = ROOT / "docs" / "boot-parameters.md"
EXIT_CODES = ROOT / "docs" / "exit-codes.md"
HIDDEN_FEATURES = ROOT / "docs" / "hidden-features.md"

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def rows(path: Path, macro: str) -> list[list[str]]:
    """The arguments of every MACRO(...) row of an x-macro table, as they are written there."""
    text = COMMENT.sub(" ", path.read_text(encoding="utf-8"))
    found = []
    for start in re.finditer(rf"^{macro}\(", text, re.MULTILINE):
        arguments, current, depth, position = [], "", 1, start.end()
        while depth:
            literal = STRING.match(text, position)
            if literal:
                current += literal.group()
                position = literal.end()
                continue
            letter = text[position]
            depth += {"(": 1, ")": -1}.get(letter, 0)
            if depth == 0 or (letter == "," and depth == 1):
                arguments.append(current.strip())
                current = ""
            else:
                current += letter
            position += 1
        found.append(arguments)
    if not found:
        raise SystemExit(f"{path}: no {macro} rows")
    return found


def string(argument: str) -> str:
    """A C string literal, or several behind each other."""
    return "".join(STRING.findall(argument)).replace('\\"', '"')


@dataclass(frozen=True)
class Capability:
    name: str
    source: str


@dataclass(frozen=True)
class Strategy:
    axis: str
    name: str
    what: str
    lost: str | None
    lost_with: str | None
    ways: dict[str, list[str] | None]   # by backend: its needs; None: the backend cannot do it
    condition: str


def capabilities() -> dict[str, Capability]:
    found = {}
    for identifier, name, _, source, _ in rows(SOURCE / "probe/capabilities.def", "CAPABILITY"):
        found[f"CAPABILITY_{identifier}"] = Capability(string(name), source)
    return found


def needs(way: str) -> list[str] | None:
    if way == "NO_WAY":
        return None
    return [] if way == "WITH_NOTHING" else [word.strip() for word in way[len("WITH("):-1].split(",")]


def strategies() -> list[Strategy]:
    found = []
    for axis, _, name, what, lost, lost_with, vmx, svm, condition, _ in rows(
            SOURCE / "strategies/strategies.def", "STRATEGY"):
        found.append(Strategy(
            axis=axis, name=string(name), what=string(what),
            lost=None if lost == "NULL" else string(lost),
            lost_with=None if lost_with == "CAPABILITY_NONE" else lost_with,
            ways={"VMX": needs(vmx), "SVM": needs(svm)}, condition=condition))
    return found


CONDITIONS = {
    "CONDITION_ALONE": "",
    "CONDITION_WITH_STARTUP_SIPI": "`startup=sipi`",
    "CONDITION_WITH_TRAPPING_APIC": "`apic=apicv`, `decode` or `page`",
    "CONDITION_WITH_A_STEP": "a step",
}


def names(identifiers: list[str], table: dict[str, Capability]) -> str:
    return ", ".join(table[identifier].name for identifier in identifiers)


def needs_of(strategy: Strategy, table: dict[str, Capability]) -> str:
    parts = []
    for backend, identifiers in strategy.ways.items():
        if identifiers is None:
            parts.append(f"not on {backend}")
        elif identifiers:
            parts.append(f"{backend}: {names(identifiers, table)}")
    condition = CONDITIONS[strategy.condition]
    if condition:
        parts.append(f"with {condition}")
    return "; ".join(parts) or "–"


def lost_by(strategy: Strategy, table: dict[str, Capability]) -> str:
    if strategy.lost is None:
        return "–"
    only = f" (where there is {table[strategy.lost_with].name})" if strategy.lost_with else ""
    return strategy.lost + only


def value_of(form: str, values: str, axis: str, table: list[Strategy]) -> str:
    if form == "FLAG":
        return ""
    if form == "MASK":
        return "=CAPABILITY,…"
    words = ["auto"] + [row.name for row in table if row.axis == axis] if form == "AXIS" else values.split(",")
    joint = "|" if form == "CHOICE" else ","
    return "=" + joint.join(words)


HEAD = """\
# Boot parameters

<!-- Written by tools/gen_docs.py from src/boot/parameters.def, src/strategies/*.def and
     src/probe/capabilities.def. Change those, then run it again. -->

Parameters are words on the image's command line, separated by blanks: `make run ARGS="step=dbstep stats"`, or behind the
image's name in a GRUB menu entry. A parameter that is given twice counts as it was given last, and the report says so. An
unknown parameter or value stops the boot with a sentence that names it and lists what is known.
"""

LISTS = """
## Choosing strategies

A value of `startup`, `apic`, `x2apic`, `step` and `nmi` is a preference list: `step=mtf,dbstep` takes the first of the two
that this machine has. `auto` in a list stands for the best one that is left. A list without `auto` of which nothing can be
taken stops the boot; the report's first line then says which bit of which register is missing. `NAME!` forces a strategy
past a self-test that failed on this machine; the report then says FORCED. It cannot force a capability that is absent.

`auto` takes the first that a self-test has verified. On the axes whose strategies serve the guest alike, `apic` and `step`,
the order is what the self-tests measured on this machine, each strategy doing the same thing: fewer exits first; with as
many exits, one that took less than half of the other's ticks; otherwise the order of the tables below. `rank=static` keeps
that order whatever was measured. The report's self-tests show the figures, that of a write to ICR with `x2apic=msr` among
them. It orders nothing: `hide` would win, since a guest without x2APIC makes no such write, and of the others `passthrough`
costs no exit and is first already. So it is with `nmi`, where `poll` costs less than `vnmi` and lets an NMI wait.
"""

BACKENDS = """
## What every strategy stands on

| backend | is | needs |
|---|---|---|
"""

MASK = """
## Names for `mask=`

`mask=` takes the identifiers of the report's JSON object (`mask=vmx_monitor_trap_flag`) or the manual's names without
blanks (`mask=monitor-trap-flag`, `mask=NRIPS`); only letters and digits count, in either case. What the manuals make depend
on a masked capability is masked with it: all of VMX with `vmx`, all of SVM with `svm`, the controls of a word with the
control that activates it, the kinds of EPT with EPT. With `vmx_true_controls` the plain control MSRs count. Use it to see
on one machine what Sextant does on a lesser one.
"""


def document() -> str:
    table, known = strategies(), capabilities()
    text = HEAD + "\n| parameter | default | what it does |\n|---|---|---|\n"
    axes = {identifier: (string(name), string(what))
            for identifier, name, what, _, _ in rows(SOURCE / "strategies/axes.def", "AXIS")}
    for identifier, key, form, initial, values, what in rows(SOURCE / "boot/parameters.def", "PARAMETER"):
        shown = f"`{string(key)}{value_of(form, string(values), identifier, table)}`".replace("|", "\\|")
        default = f"`{string(initial)}`" if string(initial) else "–"
        text += f"| {shown} | {default} | {axes[identifier][1] if form == 'AXIS' else string(what)} |\n"
    text += LISTS
    for identifier, (name, what) in axes.items():
        text += f"\n### `{name}`: {what}\n\n| strategy | does | needs | you lose |\n|---|---|---|---|\n"
        for row in table:
            if row.axis == identifier:
                text += f"| `{row.name}` | {row.what} | {needs_of(row, known)} | {lost_by(row, known)} |\n"
    text += BACKENDS
    for _, name, what, _, way in rows(SOURCE / "strategies/strategies.def", "BACKEND"):
        text += f"| {string(name)} | {string(what)} | {names(needs(way) or [], known)} |\n"
    return text + MASK


EXIT_HEAD = """<!-- Written by tools/gen_docs.py from src/core/exit_codes.def: edit that, then run it. -->
# How a run of Sextant ends

When Sextant itself ends a run it writes one of these codes to QEMU's `isa-debug-exit` device at port 0xf4 (QEMU's status is
then code × 2 + 1), then `Shutdown` to Bochs' port 0x8900, then turns the machine off by ACPI; on a machine that has none of
these it halts. `tools/run.py`, and so `make run` and `make report`, ends with the code itself and says what it means;
`report=only` on a machine that can run a guest counts as success there (status 0).
"""

EXIT_TAIL = """
A guest that turns the machine off by ACPI or resets it gets that; under QEMU with `-no-reboot` both end with status 0.
`tools/run.py` tells them apart: 0 for soft-off, 3 for a reset. A guest that shuts down (triple fault) resets the machine, as
on the bare processor. The test guests of `guests/` write codes of their own to the same port: 0x20 when every line was ok,
0x21 when not.
"""


def exit_codes() -> str:
    text = EXIT_HEAD + "\n| code | name | meaning |\n|---|---|---|\n"
    for name, code, meaning in rows(SOURCE / "core/exit_codes.def", "X"):
        text += f"| {code} | `{name}` | {string(meaning)} |\n"
    return text + EXIT_TAIL


HIDDEN_HEAD = """\
<!-- Written by tools/gen_docs.py from src/core/hidden_features.def: edit that, then run it. -->
# What of the processor a guest is not shown

Nested paging keeps a guest's accesses away from the hypervisor's memory. What is listed here would go past it: the processor
itself writes to physical addresses, or goes on writing for the guest while the host runs, or a hypervisor below does. A guest
sees a processor without it. Some bits of six more registers (`src/core/guest_msr.c`) belong to it: branch trace messages and
their store in IA32_DEBUGCTL are #GP; IA32_MISC_ENABLE says that branch trace store and PEBS are unavailable, and does not let a
guest disable execute-disable, which the host's page tables use; IA32_PERF_CAPABILITIES has no PEBS; IA32_XSS does not take the
components of Processor Trace, LBRs and user interrupts, which XRSTORS would load past the refused registers; MSR_TEST_CTRL and
IA32_CORE_CAPABILITIES have no UC-lock disable, with which the host's own locked accesses would fault.
"""

ACCESS = {"PASS": "the hardware's", "REFUSE": "#GP", "IGNORE": "ignored"}


def subleaf_of(argument: str) -> str:
    return "" if argument == "ANY" else f", ECX = {argument}"


def hidden_features() -> str:
    path = SOURCE / "core/hidden_features.def"
    text = HIDDEN_HEAD + "\n| CPUID | reads as 0 |\n|---|---|\n"
    for leaf, subleaf, word, bit, name in rows(path, "FEATURE_BIT"):
        text += f"| {leaf}{subleaf_of(subleaf)} | {word} bit {bit}: {string(name)} |\n"
    for leaf, subleaf, name in rows(path, "FEATURE_LEAF"):
        text += f"| {leaf}{subleaf_of(subleaf)} | all of it: {string(name)} |\n"
    text += "\n| registers | | read | write | because |\n|---|---|---|---|---|\n"
    for first, last, read, write, name, reason in rows(path, "REGISTERS"):
        span = f"{int(first, 16):#x}" + ("" if first == last else f" to {int(last, 16):#x}")
        text += f"| {span} | {string(name)} | {ACCESS[read]} | {ACCESS[write]} | {string(reason)} |\n"
    return text


def main() -> int:
    import gen_man      # it uses this module's reader of tables

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale = False
    for target, wanted in ((TARGET, document()), (EXIT_CODES, exit_codes()), (HIDDEN_FEATURES, hidden_features()),
                           (gen_man.TARGET, gen_man.manual())):
        if not check:
            target.write_text(wanted, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != wanted:
            print(f"{target.relative_to(ROOT)} is out of date: run {Path(__file__).name}", file=sys.stderr)
            stale = True
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
