# SPDX-License-Identifier: BSD-2-Clause
"""The capability report: what it says of each host, that its parts agree, and that it is the same again."""

import re
import subprocess

import pytest
from harness import data, decoder
from harness.data import Host
from harness.lab import Lab, Run
from harness.report import VERDICTS, Report, printed_cpuid

SCHEMA = 1
RUNS = ("runs", "degraded")
WORDY = ("qemu72-max", "qemu10-SapphireRapids")         # one of each vendor, with all leaves: cpuid reads some by the vendor
REPORT_FORMAT = (       # the order of the parts, by the line that each one begins with
    "Sextant: ", "How each job is done", "Machine", "Self-tests", "Notes", "Capabilities: Processor",
    "Capabilities: VMX", "Capabilities: SVM", "Raw registers of the bootstrap processor",
    "@@SEXTANT-JSON-BEGIN", "@@SEXTANT-JSON-END", "What you can change",
)


def hosts() -> list[object]:
    return [pytest.param(host, id=f"{host.name}/report-only/none", marks=[pytest.mark.long] if host.long else [])
            for host in data.hosts().values()]


def run_report(lab: Lab, host: Host, parameters: str = "report=only") -> Run:
    return lab.run(lab.machine(host, parameters))


@pytest.mark.parametrize("host", hosts())
def test_verdict(lab: Lab, host: Host) -> None:
    run = run_report(lab, host)
    report = run.report
    assert report.data["schema"] == SCHEMA
    assert report.outcome in host.outcomes
    assert report.verdict_line.startswith(VERDICTS[report.outcome])
    assert report.sentence in report.verdict_line
    assert host.sentence in report.sentence
    assert report.data["backend"] == host.backend
    assert run.ending == ("EXIT_REPORT_ONLY" if host.runs else "EXIT_CANNOT_RUN")
    assert host.advice in " ".join(report.advice)
    assert report.data["machine"]["cpus"] == host.processors
    assert report.data["machine"]["cpus_probed"] == (host.processors if host.has_long_mode else 1)
    assert report.data["cpu_differences"] == []


@pytest.mark.parametrize("host", hosts())
def test_build_id(lab: Lab, host: Host) -> None:
    """The linker's, as readelf(1) finds it in both forms of the image."""
    for name in ("sextant.elf", "sextant.elf64"):
        notes = subprocess.run(["readelf", "--notes", str(lab.build / name)], check=True, capture_output=True, text=True).stdout
        assert re.findall(r"Build ID: ([0-9a-f]{40})\n", notes) == [lab.report(host).data["build_id"]]


@pytest.mark.parametrize("host", hosts())
def test_capabilities(lab: Lab, host: Host) -> None:
    """What hosts/ knows of the model."""
    report = lab.report(host)
    assert [name for name in host.present if not report.has(name)] == []
    assert [name for name in host.absent if report.has(name)] == []


@pytest.mark.parametrize("host", hosts())
def test_accelerator(lab: Lab, host: Host) -> None:
    """What executes the machine, as the machine itself sees it."""
    report = lab.report(host)
    below = report.data["machine"]["hypervisor"]
    words = report.raw_cpuid.get((0x40000000, 0), (0, 0, 0, 0))[1:] if report.has("hypervisor") else None
    signature = b"".join(word.to_bytes(4, "little") for word in words) if words else None
    expected = b"KVMKVMKVM\0\0\0" if host.needs == "kvm" else b"TCGTCGTCGTCG" if host.emulator.startswith("qemu") else None
    if host.needs != "kvm" and not report.has("hypervisor"):
        expected = None         # the oldest models do not tell
    assert signature == expected
    assert (below or "") == (expected or b"").rstrip(b"\0").decode()


@pytest.mark.parametrize("host", hosts())
def test_parts(lab: Lab, host: Host) -> None:
    """All parts, in their order; the text and the JSON object say the same."""
    report = lab.report(host)
    lines = report.text.splitlines()
    parts = [part for line in lines for part in REPORT_FORMAT if line.startswith(part)]
    absent = () if host.runs else ("Self-tests", "Notes") if host.has_long_mode else ("Self-tests",)
    assert parts == [part for part in REPORT_FORMAT if part not in absent]
    advice = " ".join(" ".join(lines[lines.index(REPORT_FORMAT[-1]) + 1:]).split())
    assert [sentence for sentence in report.advice if sentence not in advice] == []
    assert report.advice
    assert printed_cpuid(report.text) == report.raw_cpuid


@pytest.mark.parametrize("host", hosts())
def test_axes(lab: Lab, host: Host) -> None:
    """Every axis has its line, with what is chosen and why everything else is not."""
    report = lab.report(host)
    text = " ".join(report.text.split())
    for axis in report.data["axes"]:
        assert re.search(rf"^  {axis['axis']} +{axis['chosen'] or 'none'}\b", report.text, re.MULTILINE)
        assert (axis["chosen"] is not None) == host.runs
        for row in axis["strategies"]:
            assert row["reason"]
            if row["name"] != axis["chosen"]:
                assert f"Rejected {row['name']}: {row['reason']}." in text
    assert [row["name"] for row in report.data["backends"]] == ["vmx", "svm"]


@pytest.mark.parametrize("host", hosts())
def test_decode_assists(lab: Lab, host: Host) -> None:
    """They have a self-test where the processor has them, and its verdict is what counts."""
    report = lab.report(host)
    verdicts = [row["verdict"] for row in report.data["selftests"] if row.get("capability") == "svm_decode_assists"]
    state = report.capabilities["svm_decode_assists"]
    assert verdicts == ([{"verified": "passed", "broken": "failed"}[state]] if host.runs and state != "absent" else [])


@pytest.mark.parametrize("host", hosts())
def test_decoded_by_cpuid(lab: Lab, host: Host) -> None:
    """cpuid(1) reads the raw part, and finds in it what the report finds."""
    report = lab.report(host)
    decoded = decoder.decode(lab.directory, report.text)
    if (1, 0) not in report.raw_cpuid:
        assert not decoded, "there is the vendor's name alone, and no flag"
        return
    assert decoded, "cpuid -f found nothing"
    differences = decoder.compare(decoded, report.capabilities, report.data["machine"]["vendor"])
    assert differences == []


def test_cpuid_says_each_of_the_words(lab: Lab, hosts: dict[str, Host]) -> None:
    """Not every model has every leaf, so what is not said is no difference; words that are never said would compare nothing."""
    said = {row for name in WORDY for row in decoder.decode(lab.directory, lab.report(hosts[name]).text)}
    assert [row for row in decoder.ROWS if row[:2] not in said] == []


@pytest.mark.parametrize("host", [pytest.param("qemu72-EPYC", id="qemu72-EPYC/report-only/none"),
                                  pytest.param("qemu72-Skylake-Client", id="qemu72-Skylake-Client/report-only/none")])
def test_twice_the_same(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """But for what the self-tests measured in ticks, and the CRC over that."""
    first, second = run_report(lab, hosts[host]), lab.run(lab.machine(hosts[host], "report=only"), "second")
    assert first.report.without_ticks() == second.report.without_ticks()
    assert first.report.without_ticks() != "", "there is something to compare"


@pytest.mark.parametrize("host", [pytest.param("qemu72-EPYC", id="qemu72-EPYC/report-none/none"),
                                  pytest.param("qemu72-Skylake-Client", id="qemu72-Skylake-Client/report-none/none"),
                                  pytest.param("qemu72-EPYC-no-npt", id="qemu72-EPYC-no-npt/report-none/none"),
                                  pytest.param("qemu72-486", id="qemu72-486/report-none/none")])
def test_report_none(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """Without the report, a machine that cannot run still says so and what can be done; never is there silence."""
    row = hosts[host]
    run = lab.run(lab.machine(row, "report=none", lab.guest("smp")))
    assert "@@SEXTANT" not in run.text
    if row.runs:
        assert run.lines[0] == f"1..{run.tap.planned}", "the guest's output is all there is"
        assert run.ending == "all ok"
    else:
        assert run.lines[0].startswith("Sextant: CANNOT RUN: ")
        assert row.sentence in run.lines[0]
        assert row.advice in run.sentences()
        assert run.ending == "EXIT_CANNOT_RUN"


def test_same_whatever_the_guest(lab: Lab, main_host: Host) -> None:
    """The report is about the machine: with a guest behind it, it differs in the command line alone."""
    alone = lab.report(main_host)
    run = lab.run(lab.machine(main_host, guest=lab.guest("smp")), "guest")
    with_guest = run.report
    assert with_guest.binding == alone.binding
    assert with_guest.capabilities == alone.capabilities
    assert with_guest.raw_cpuid == alone.raw_cpuid
    assert changed_members(alone, with_guest) <= {"machine", "selftests"}


def changed_members(one: Report, other: Report) -> set[str]:
    return {key for key in one.data if one.data[key] != other.data[key]}
