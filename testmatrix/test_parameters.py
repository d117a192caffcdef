# SPDX-License-Identifier: BSD-2-Clause
"""Boot parameters: what is wrong is refused with a sentence, a choice that cannot be had with the reason."""

import re

import pytest
from harness.data import Host
from harness.lab import Lab
from runner.guests import ROOT

PARAMETER = re.compile(r'^PARAMETER\(\w+, *"([\w.]+)", *(\w+),', re.MULTILINE)


def case(parameters: str, *says: str) -> object:
    return pytest.param(parameters, says, id=f"qemu72-EPYC/{re.sub('[^a-z0-9=,]', '_', parameters)[:40]}/smp")


@pytest.mark.parametrize(("parameters", "says"), [
    case("foo=bar", 'no boot parameter "foo"', "console=, report=", "help"),
    case("foo", 'no boot parameter "foo"'),
    case("consol=com1", 'no boot parameter "consol"', 'Did you mean "console"?'),
    case("report=yess", 'report= does not know "yess"', 'Did you mean "yes"?', "yes, only, none"),
    case("report=", "report= needs a value"),
    case("report", "report= needs a value"),
    case("step=foo", 'step= does not know "foo"', "auto, mtf, dbstep"),
    case("step=dbstep,foo", 'step= does not know "foo"'),
    case("step=mft", 'Did you mean "mtf"?'),
    case("apic=dbstep", 'apic= does not know "dbstep"'),
    case("stats=1", 'stats stands alone, without "="'),
    case("console=com3", 'console= does not know "com3"', "com1, com2, e9, vga, none"),
    case("console=com1,none", 'console= takes "none" alone'),
    case("mask=foo", 'mask= does not know the capability "foo"', "mask=vmx_monitor_trap_flag"),
    case("mask=svm_nrip", 'Did you mean "svm_nrips"?'),
    case("report=only foo", 'no boot parameter "foo"'),
    pytest.param("mask=" + "svm_np," * 600 + "svm_np", ("command line is too long",), id="qemu72-EPYC/too-long/smp"),
    pytest.param("console=com1" + " " * 5000 + "step=mtf", ("command line is too long",), id="qemu72-EPYC/cut-off/smp"),
])
def test_wrong(lab: Lab, main_host: Host, parameters: str, says: tuple[str, ...]) -> None:
    """One sentence, nothing else, and no guest."""
    run = lab.run(lab.machine(main_host, parameters, lab.guest("smp")))
    assert len(run.lines) == 1
    assert run.lines[0].startswith("Sextant: ")
    assert [words for words in says if words not in run.lines[0]] == []
    assert run.ending == "EXIT_REFUSED"


def test_mtf_on_svm(lab: Lab, main_host: Host) -> None:
    """The sentence that says which bit of which register is missing, as the first thing that is said."""
    run = lab.run(lab.machine(main_host, "step=mtf report=only"))
    first = run.lines[0]
    assert first.startswith("Sextant: REFUSED: step=mtf was asked for")
    for words in ('"Monitor trap flag"', "bit 59", "IA32_VMX_PROCBASED_CTLS (0x482)", "VMX is absent", "step=auto"):
        assert words in first
    assert run.ending == "EXIT_REFUSED"
    assert run.report.outcome == "refused"
    assert run.report.strategy("step", "mtf")["missing"] == ["vmx_monitor_trap_flag", "vmx"]


def test_forcing_does_not_make_a_capability(lab: Lab, main_host: Host) -> None:
    """NAME! goes past a failed self-test, not past a bit that is 0."""
    run = lab.run(lab.machine(main_host, "step=mtf! report=only"))
    assert run.lines[0].startswith("Sextant: REFUSED: step=mtf")
    assert run.ending == "EXIT_REFUSED"


@pytest.mark.parametrize("parameters", [
    pytest.param("step=mtf,dbstep apic=apicv,decode,page nmi=vnmi,iret startup=sipi,icr", id="qemu72-EPYC/list/smp"),
    pytest.param("step=mtf,auto apic=auto", id="qemu72-EPYC/list-with-auto/smp")])
def test_preference_list(lab: Lab, main_host: Host, parameters: str) -> None:
    """The first that can be had; the guest runs."""
    run = lab.run(lab.machine(main_host, parameters, lab.guest("smp")))
    assert run.report.binding == lab.report(main_host).binding
    assert run.tap.complaints() == []
    assert run.ending == "all ok"


def test_list_without_any(lab: Lab, main_host: Host) -> None:
    run = lab.run(lab.machine(main_host, "nmi=vnmi,poll report=only"))
    assert run.lines[0].startswith("Sextant: REFUSED: ")
    assert "nmi=vnmi" in run.lines[0]
    assert run.ending == "EXIT_REFUSED"


@pytest.mark.parametrize(("mask", "name"), [pytest.param("svm_np", "NP", id="qemu72-EPYC/mask=svm_np/smp"),
                                            pytest.param("NP", "NP", id="qemu72-EPYC/mask=NP/smp"),
                                            pytest.param("svm", "SVM", id="qemu72-EPYC/mask=svm/smp")])
def test_mask(lab: Lab, main_host: Host, mask: str, name: str) -> None:
    """A masked capability counts as absent, and the report says that it is masked, not that it is missing."""
    run = lab.run(lab.machine(main_host, f"mask={mask}", lab.guest("smp")))
    assert run.lines[0].startswith("Sextant: CANNOT RUN: ")
    assert f"{name}" in run.lines[0]
    assert "masked by mask=" in run.lines[0]
    assert run.ending == "EXIT_CANNOT_RUN"
    assert run.report.capabilities["svm_np"] == "masked"
    assert [advice for advice in run.report.advice if "mask=" in advice]
    assert [advice for advice in run.report.advice if "QEMU model" in advice] == [], "the model has what it needs"


def test_mask_without_effect(lab: Lab, main_host: Host) -> None:
    """Masking what the machine does not have changes nothing."""
    run = lab.run(lab.machine(main_host, "mask=svm_nrips,vmx report=only"))
    assert run.report.binding == lab.report(main_host).binding
    assert run.ending == "EXIT_REPORT_ONLY"


def test_rank_static(lab: Lab, main_host: Host) -> None:
    """The report says that measurements did not count. Where the two orders differ: tests/unit/test_select_rank.c."""
    run = lab.run(lab.machine(main_host, "rank=static report=only"))
    assert run.report.data["rank"] == "static"
    assert "rank static: auto went by the documented order" in run.sentences()
    assert run.report.binding == lab.report(main_host).binding
    assert "rank" not in lab.report(main_host).data
    assert run.ending == "EXIT_REPORT_ONLY"


def test_help(lab: Lab, main_host: Host) -> None:
    """The table of all parameters, and nothing is started."""
    run = lab.run(lab.machine(main_host, "help", lab.guest("smp")))
    parameters = PARAMETER.findall((ROOT / "src" / "boot" / "parameters.def").read_text())
    assert len(parameters) >= 10
    for key, form in parameters:
        assert re.search(rf"^  {key}{'$' if form == 'FLAG' else '='}", run.text, re.MULTILINE), key
    assert run.tap.planned is None
    assert run.ending == "EXIT_REPORT_ONLY"


def test_last_one_counts(lab: Lab, main_host: Host) -> None:
    run = lab.run(lab.machine(main_host, "report=none report=only step=mtf step=dbstep"))
    assert run.ending == "EXIT_REPORT_ONLY"
    assert run.report.binding == lab.report(main_host).binding
    assert [note for note in run.report.data["notes"] if "more than once" in note]
