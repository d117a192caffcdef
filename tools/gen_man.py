# SPDX-License-Identifier: BSD-2-Clause
"""Writes docs/sextant-probe.1 from the tables that the program itself is built from (gen_docs.py runs it).

The language is that of man(7).
"""

from gen_docs import ROOT, SOURCE, rows, string

TARGET = ROOT / "docs" / "sextant-probe.1"
PROBE = ROOT / "tools" / "probe"

HEAD = r"""\" SPDX-License-Identifier: BSD-2-Clause
.\" Written by tools/gen_docs.py from tools/probe/*.def and src/boot/parameters.def: edit those, then run it.
.TH SEXTANT\-PROBE 1 "" Sextant "Sextant"
.SH NAME
sextant\-probe \- say how Sextant would virtualize a machine
.SH SYNOPSIS
.B sextant\-probe
.RI [ option ]...
.RI [ "boot parameter" ]...
.SH DESCRIPTION
Sextant is a hypervisor that finds out what a processor's virtualization offers and chooses how it does each of its jobs there.
.B sextant\-probe
is that part of it as a command: the same probe, the same selection, the same report.
It says whether a guest can run on a machine, what would be chosen and why, what is lost, and what can be changed in firmware
or in the settings of the hypervisor below.
.PP
Without
.B \-\-from
it judges the machine that it runs on: CPUID on every CPU, and the MSRs, which need root and Linux' driver
.RB ( "modprobe msr" ).
Nothing is tried: what the processor advertises may still not work.
Booting the image with
.B report=only
tests it.
.PP
Given a report of the image it respects what was verified, found broken or forced there, and the boot parameters that the
report was made with count until others are given.
.SH OPTIONS
"""

PARAMETERS = r""".SH BOOT PARAMETERS
Words of the form
.IR KEY = VALUE
are taken as at boot, by the image's own parser; docs/boot-parameters.md explains them.
.B console=
and
.B report=
change nothing here.
"""

EXAMPLES = r""".SH EXAMPLES
Judge another machine by what was taken down there:
.PP
.in +4n
.nf
cpuid \-r > machine.cpuid
for m in $(sextant\-probe \-\-msrs); do echo "$m $(rdmsr \-0 $m 2>&1)"; done > machine.msrs
sextant\-probe \-\-from machine.cpuid \-\-from machine.msrs
.fi
.in
.PP
What a firmware update changed:
.PP
.in +4n
.nf
sextant\-probe \-\-diff before.json after.json
.fi
.in
.PP
What Sextant would do without the monitor trap flag:
.PP
.in +4n
.nf
sextant\-probe \-\-from report.txt \-\-mask vmx_monitor_trap_flag
.fi
.in
.SH FILES
.TP
.I /dev/cpu/*/msr
The MSRs of each CPU; see
.BR msr (4).
.SH SEE ALSO
.BR cpuid (1),
.BR rdmsr (1);
docs/report-format.md for the report, docs/report.schema.json for its JSON object.
"""


def escape(text: str) -> str:
    """Text as man(7) has it: no hyphen for a minus, no request at the start of a line."""
    plain = text.replace("\\", r"\e").replace("-", r"\-")
    return r"\&" + plain if plain.startswith((".", "'")) else plain


def manual() -> str:
    text = "." + HEAD
    for _, name, arguments, what in rows(PROBE / "options.def", "OPTION"):
        shown = f" {escape(string(arguments))}" if string(arguments) else ""
        text += f".TP\n.B \\-\\-{escape(string(name))}\\fR\\fI{shown}\\fR\n{escape(string(what))}\n"
    text += PARAMETERS + "The keys are:\n"
    keys = [string(row[1]) for row in rows(SOURCE / "boot/parameters.def", "PARAMETER")]
    text += ", ".join(f"\\fB{escape(key)}\\fR" for key in keys) + ".\n.SH EXIT STATUS\n"
    for _, status, meaning in rows(PROBE / "exit_codes.def", "PROBE_EXIT"):
        text += f".TP\n.B {status}\n{escape(string(meaning))}\n"
    return text + EXAMPLES
