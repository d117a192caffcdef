# SPDX-License-Identifier: BSD-2-Clause
"""sextant-probe: reports, dumps and lists from other machines, this machine, and what it says of them."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gen_docs
import gen_man
import pytest
from harness import data, report, schema
from harness.data import HERE, Host
from harness.lab import Lab
from runner.guests import ROOT

RUNS, DEGRADED, CANNOT_RUN, USAGE, CANNOT_TELL = range(5)
STATUS = {"runs": RUNS, "degraded": DEGRADED, "cannot_run": CANNOT_RUN, "refused": CANNOT_RUN, "cannot_tell": CANNOT_TELL}
KVM_GUEST = HERE / "fixtures" / "kvm-guest.cpuid"
VECTORS = ROOT / "tests" / "unit" / "vectors"
CPUID_LINE = re.compile(r"^   0x([0-9a-f]{8}) 0x([0-9a-f]{2}): eax=0x([0-9a-f]{8}) ebx=0x([0-9a-f]{8}) ecx=0x([0-9a-f]{8}) "
                        r"edx=0x([0-9a-f]{8})$")
MSR_LINE = re.compile(r"^   MSR 0x([0-9a-f]{8}) \w+ = (#GP|0x([0-9a-f]{16}))$")
APIC_BASE = 0x1b
NEWER_FEATURES = {"vnmi"}       # QEMU 7.2 does not know them yet


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    errors: str

    @property
    def sentences(self) -> str:
        return " ".join(self.text.split())

    @property
    def data(self) -> dict[str, Any]:
        """The object of --json, as the schema wants it."""
        found: dict[str, Any] = json.loads(self.text, object_pairs_hook=report.no_duplicates)
        assert schema.complaints(found) == []
        assert self.status == STATUS[found["outcome"]]
        return found


def ask(lab: Lab, *words: str | Path, text: str | None = None, program: str = "host/sextant-probe") -> Answer:
    """The program with the sanitizers, which end it with a status of their own."""
    done = subprocess.run([lab.build / program, *words], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode in range(5), done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)


def choice(found: dict[str, Any]) -> dict[str, str | None]:
    return {axis["axis"]: axis["chosen"] for axis in found["axes"]}


def states(found: dict[str, Any]) -> dict[str, str]:
    return {row["id"]: row["state"] for row in found["capabilities"]}


# ---- reports ----

def hosts() -> list[object]:
    return [pytest.param(host, id=f"{host.name}/report-only/none",
                         marks=[pytest.mark.long] if host.long or host.emulator != "qemu72" else [])
            for host in data.hosts().values()]


@pytest.mark.parametrize("host", hosts())
def test_report_comes_back(lab: Lab, host: Host) -> None:
    """From a host's serial log the same choice, for the same reasons, with the same states; and from that again."""
    measured = lab.report(host)
    log, again = lab.directory / "report.log", lab.directory / "again.json"
    log.write_bytes(measured.text.encode().replace(b"\n", b"\r\n"))
    answer = ask(lab, "--from", log, "--json")
    found, image = answer.data, dict(measured.data)
    assert found.pop("measured") == {key: image[key] for key in ("program", "version", "build_id")}
    assert (found.pop("program"), image.pop("program")) == ("sextant-probe", "Sextant")
    assert (found.pop("build_id"), image.pop("build_id"))[0] is None
    assert found == image
    again.write_text(answer.text)
    assert ask(lab, "--from", again, "--json") == answer


def test_report_alone_and_from_standard_input(lab: Lab, main_host: Host) -> None:
    measured = lab.report(main_host)
    formatted = json.dumps(measured.data, indent=2)
    assert ask(lab, "--from", "-", "--json", text=formatted) == ask(lab, "--from", "-", "--json", text=measured.text)


def test_whole_report(lab: Lab, main_host: Host) -> None:
    """--report is a report like the image's, CRC and all."""
    log = lab.directory / "report.log"
    log.write_text(lab.report(main_host).text)
    whole = report.parse(ask(lab, "--from", log, "--report").text)
    assert whole.data["program"] == "sextant-probe"
    assert whole.data == ask(lab, "--from", log, "--json").data
    short = ask(lab, "--from", log)
    assert short.status == STATUS[lab.report(main_host).outcome]
    assert short.text.splitlines()[0] == whole.verdict_line
    assert set(short.text.splitlines()) < set(whole.text.splitlines())
    assert "Capabilities:" not in short.text and len(short.text) < 6000


def test_parameters_on_a_report(lab: Lab, main_host: Host) -> None:
    log = lab.directory / "report.log"
    log.write_text(lab.report(main_host).text)
    refused = ask(lab, "--from", log, "step=mtf", "--json").data
    assert refused["outcome"] == "refused" and "step=mtf was asked for" in refused["sentence"]
    masked = ask(lab, "--from", log, "--mask", "svm_np", "--json").data
    assert masked == ask(lab, "--from", log, "mask=svm_np", "--json").data
    assert (masked["outcome"], states(masked)["svm_np"]) == ("cannot_run", "masked")
    assert states(ask(lab, "--from", log, "--json").data)["svm_np"] == "verified"


# ---- dumps ----

def test_kvm_guest(lab: Lab) -> None:
    """cpuid -r in a guest of KVM, which hides SVM from it."""
    answer = ask(lab, "--from", KVM_GUEST)
    assert answer.status == CANNOT_RUN
    assert answer.text.startswith("Sextant: CANNOT RUN: this processor has no hardware virtualization")
    assert 'itself a guest of "KVMKVMKVM"' in answer.sentences
    assert "KVM gives this guest no virtualization" in answer.sentences and "nested=1" in answer.sentences
    found = ask(lab, "--from", KVM_GUEST, "--json").data
    assert (found["machine"]["cpus"], found["cpu_differences"]) == (2, [])


@pytest.mark.parametrize(("vector", "runs", "backend", "step"), [
    ("qemu72-EPYC", True, "svm", "dbstep"),
    ("qemu72-Skylake-Client", False, None, None),
    ("bochs27-core2_penryn_t9600", False, None, None),
    ("bochs27-corei7_haswell_4770", True, "vmx", "dbstep"),
    ("bochs27-tigerlake", True, "vmx", "mtf"),      # advertised, and nothing was tested here
])
def test_vector(lab: Lab, vector: str, runs: bool, backend: str | None, step: str | None) -> None:
    found = ask(lab, "--from", VECTORS / f"{vector}.raw", "--json").data
    assert (found["outcome"] in ("runs", "degraded"), found["backend"], choice(found)["step"]) == (runs, backend, step)
    assert set(states(found).values()) <= {"absent", "advertised"}


def as_aida(raw: str) -> str:
    """The same registers as AIDA64 prints them."""
    lines = ["------[ CPUID Registers / Logical CPU #0 ]------", ""]
    for line in raw.splitlines():
        if found := CPUID_LINE.match(line):
            leaf, subleaf, *words = (word.upper() for word in found.groups())
            lines.append(f"CPUID {leaf}: {'-'.join(words)} [SL {subleaf}]")
    lines += ["", "------[ MSR Registers ]------", ""]
    for line in raw.splitlines():
        if (found := MSR_LINE.match(line)) and found[3]:
            value = found[3].upper()
            lines.append(f"MSR {found[1].upper()}: {'-'.join(value[at:at + 4] for at in range(0, 16, 4))}")
    return "\r\n".join(lines)


@pytest.mark.parametrize("vector", ["bochs27-corei7_haswell_4770", "bochs27-tigerlake", "qemu72-EPYC"])
def test_formats_agree(lab: Lab, vector: str) -> None:
    """One machine as its report's raw part, as AIDA64's dump, and as cpuid -r with a list of MSRs."""
    raw = (VECTORS / f"{vector}.raw").read_text()
    aida, cpuid, msrs = (lab.directory / name for name in ("aida.txt", "cpuid.txt", "msrs.txt"))
    aida.write_text(as_aida(raw))
    cpuid.write_text("CPU:\n" + "".join(f"{line}\n" for line in raw.splitlines() if CPUID_LINE.match(line)))
    msrs.write_text("".join(f"0x{found[1].lstrip('0')} {found[3] or 'rdmsr: CPU 0 cannot read MSR'}\n"
                            for line in raw.splitlines() if (found := MSR_LINE.match(line))))
    one = ask(lab, "--from", VECTORS / f"{vector}.raw", "--json").data
    assert ask(lab, "--from", cpuid, "--from", msrs, "--json").data == one
    two = ask(lab, "--from", aida, "--json").data
    assert (choice(two), states(two), two["raw"]["cpuid"]) == (choice(one), states(one), one["raw"]["cpuid"])


def test_cpuid_without_msrs(lab: Lab) -> None:
    """On Intel's processors CPUID alone decides nothing; on AMD's it does, but for firmware's lock."""
    cpuid = lab.directory / "cpuid.txt"
    raw = (VECTORS / "bochs27-tigerlake.raw").read_text()
    cpuid.write_text("".join(f"{line}\n" for line in raw.splitlines() if CPUID_LINE.match(line)))
    answer = ask(lab, "--from", cpuid)
    assert answer.status == CANNOT_TELL
    assert answer.text.startswith("Sextant: CANNOT TELL: what decides stands in MSRs that were not read: ")
    assert "IA32_VMX_BASIC (0x480), IA32_VMX_PINBASED_CTLS (0x481)" in answer.text.splitlines()[0]
    assert "Read the MSRs on that machine as root" in answer.sentences
    assert "IA32_FEATURE_CONTROL was not read" in answer.sentences
    assert "does not exist" not in answer.text and "VMCS revision" not in answer.text
    found = ask(lab, "--from", cpuid, "--json").data
    assert (found["sentence"] in answer.text, states(found)["vmx_ept"]) == (True, "unknown")
    raw = (VECTORS / "qemu72-EPYC.raw").read_text()
    cpuid.write_text("".join(f"{line}\n" for line in raw.splitlines() if CPUID_LINE.match(line)))
    answer = ask(lab, "--from", cpuid)
    assert answer.status in (RUNS, DEGRADED)
    assert "VM_CR (0xc0010114) was not read" in answer.sentences and "firmware VM_CR was not read" in answer.sentences


def test_origin_no_monitor_trap_flag(lab: Lab) -> None:
    """Origin O13: a nested CI host's IA32_VMX_PROCBASED_CTLS, in which the monitor trap flag may not be 1."""
    machine = lab.directory / "machine.txt"
    raw = (VECTORS / "bochs27-tigerlake.raw").read_text()
    for index in ("482", "48e"):
        raw = re.sub(rf"(MSR 0x00000{index} \w+ = )0x[0-9a-f]+", r"\g<1>0xf7b9fffe0401e172", raw)
    machine.write_text(raw)
    found = ask(lab, "--from", machine, "--json").data
    assert (found["backend"], choice(found)["step"], states(found)["vmx_monitor_trap_flag"]) == ("vmx", "dbstep", "absent")
    refused = ask(lab, "--from", machine, "step=mtf")
    assert refused.status == CANNOT_RUN
    assert re.search(r"\"Monitor trap flag\", bit 59 of IA32_VMX_(TRUE_)?PROCBASED_CTLS \(0x48[2e]\), is 0", refused.text)
    changed = ask(lab, "--diff", VECTORS / "bochs27-tigerlake.raw", machine).sentences
    assert "step mtf -> dbstep." in changed and '"Monitor trap flag"' in changed


# ---- two machines, and names ----

def test_diff(lab: Lab) -> None:
    one, two = (VECTORS / f"bochs27-{name}.raw" for name in ("tigerlake", "corei7_haswell_4770"))
    answer = ask(lab, "--diff", one, two)
    assert answer.status in (RUNS, DEGRADED)
    assert f"A: {one}: RUNS" in answer.sentences
    assert "step mtf -> dbstep. mtf in B:" in answer.sentences
    assert re.search(r"advertised -> absent: \"Monitor trap flag\" \([^)]*\) bit 59\)\. By itself it changes: step=mtf -> dbstep\.",
                     answer.sentences)
    same = ask(lab, "--diff", one, one)
    assert "none." in same.text and "->" not in same.text


def test_diff_as_json(lab: Lab) -> None:
    """What the text says, and what it only counts."""
    one, two, amd = (VECTORS / f"{name}.raw" for name in ("bochs27-tigerlake", "bochs27-corei7_haswell_4770", "qemu72-EPYC"))
    text, answer = ask(lab, "--diff", one, two), ask(lab, "--diff", one, two, "--json")
    found = json.loads(answer.text, object_pairs_hook=report.no_duplicates)
    assert schema.complaints(found, schema.DIFF) == []
    assert answer.status == text.status == STATUS[found["b"]["outcome"]]
    assert (found["a"]["name"], found["b"]["name"]) == (str(one), str(two))
    assert {row["axis"]: (row["a"]["chosen"], row["b"]["chosen"]) for row in found["axes"] if row["changed"]} == {"step": ("mtf", "dbstep")}
    rows = {row["id"]: row for row in found["capabilities"]}
    assert rows["vmx_monitor_trap_flag"]["changes"] == [{"what": "step", "from": "mtf", "to": "dbstep"}]
    assert [row["id"] for row in rows.values() if row["changes"]] == ["vmx_monitor_trap_flag"]
    before, after = (states(ask(lab, "--from", file, "--json").data) for file in (one, two))
    assert {name: (row["a"], row["b"]) for name, row in rows.items()} == {
        name: (before[name], after[name]) for name in before if before[name] != after[name]}
    assert [row for row in rows.values() if f'"{row["name"]}"' not in text.sentences] == []
    other = json.loads(ask(lab, "--json", "--diff", one, amd).text)
    assert schema.complaints(other, schema.DIFF) == []
    assert (other["a"]["backend"], other["b"]["backend"]) == ("vmx", "svm")
    behind = {row["id"] for row in other["capabilities"] if row["behind_root"]}
    assert {"vmx_ept", "svm_np"} <= behind and not behind & {"vmx", "svm"}
    same = json.loads(ask(lab, "--diff", one, one, "--json").text)
    assert (same["capabilities"], same["registers"], [row for row in same["axes"] if row["changed"]]) == ([], [], [])


def test_diff_of_combined_files(lab: Lab) -> None:
    cpuid = lab.directory / "cpuid.txt"
    raw = (VECTORS / "bochs27-tigerlake.raw").read_text()
    cpuid.write_text("".join(f"{line}\n" for line in raw.splitlines() if CPUID_LINE.match(line)))
    msrs = lab.directory / "msrs.txt"
    msrs.write_text("".join(f"{line}\n" for line in raw.splitlines() if MSR_LINE.match(line)))
    answer = ask(lab, "--diff", f"{cpuid},{msrs}", VECTORS / "bochs27-tigerlake.raw")
    assert "->" not in answer.text
    assert "are not known in one of the two" in ask(lab, "--diff", cpuid, VECTORS / "bochs27-tigerlake.raw").sentences


def test_explain(lab: Lab) -> None:
    answer = ask(lab, "--explain", "vmx_monitor_trap_flag", "--from", VECTORS / "bochs27-tigerlake.raw")
    assert answer.status == RUNS
    for part in ("a VM exit after one instruction", "SDM Vol 3: Virtual Machine Control Structures", "needed by step=mtf (vmx)",
                 "step=dbstep is taken instead of step=mtf", "here advertised"):
        assert part in answer.sentences
    assert ask(lab, "--explain", "nosuch").status == USAGE


# ---- what is wrong ----

@pytest.mark.parametrize(("text", "says"), [
    pytest.param("", "it is empty", id="empty"),
    pytest.param("Dear reader,\n", "it is none of what can be read", id="foreign"),
    pytest.param("CPU:\n   0x00000000 0x00: eax=0x0000001c eb", "line 2: ", id="cut-dump"),
    pytest.param("CPUID 00000000: 0000-", "line 1: ", id="cut-aida"),
    pytest.param("0x480 1\n0x480 2\n", "line 2: MSR 0x480 has been given before", id="twice"),
    pytest.param("0x480 1\n", "there are MSRs and no CPUID", id="msrs-alone"),
    pytest.param("{\"schema\":1", "Was the file cut?", id="cut-json"),
    pytest.param("{\"name\":1}", "is not a Sextant report", id="other-json"),
    pytest.param("Sextant: RUNS\n\nHow each job\n", "line 1: a Sextant report begins there", id="cut-log"),
    pytest.param("\x7fELF\0\0", "line 1: a zero byte stands there", id="binary"),
])
def test_wrong_file(lab: Lab, text: str, says: str) -> None:
    """A sentence that names the file, nothing else, and the status for it."""
    file = lab.directory / "file.txt"
    file.write_text(text)
    answer = ask(lab, "--from", file)
    assert (answer.status, answer.text) == (USAGE, "")
    assert answer.errors.startswith(f"sextant-probe: {file}: ") and says in answer.errors
    assert len(answer.errors.splitlines()) == 1
    assert re.search(r"[^.?][.?]\n$", answer.errors), "it ends with one sign"


def test_damaged_log(lab: Lab, main_host: Host) -> None:
    text = lab.report(main_host).text
    log = lab.directory / "report.log"
    log.write_text(text.replace('"vendor":"A', '"vendor":"B'))
    answer = ask(lab, "--from", log)
    assert answer.status == USAGE and re.search(r"line \d+: the report's JSON object is damaged: its CRC-32", answer.errors)
    log.write_text(text[:text.index("@@SEXTANT-JSON-END") - 10])
    assert "the log ends inside the report's JSON object" in ask(lab, "--from", log).errors
    log.write_text(text + text)
    assert ask(lab, "--from", log).status == STATUS[lab.report(main_host).outcome]


def test_wrong_command_line(lab: Lab, tmp_path: Path) -> None:
    for words, says in ((["--frm"], "There is no option --frm"), (["stpe=mtf"], 'Did you mean "step"?'),
                        (["--from", str(tmp_path / "none")], "No such file"), ([str(KVM_GUEST)], "say --from")):
        answer = ask(lab, *words)
        assert (answer.status, answer.text) == (USAGE, "") and says in answer.errors
    for words in (["--json", "--report"], ["--json", "--explain", "step"], ["--report", "--diff", "a", "b", "--json"]):
        answer = ask(lab, *words)
        assert answer.status == USAGE and "Only one of --json, --report, --diff and --explain" in answer.errors
    twice = ask(lab, "--from", KVM_GUEST, "--from", KVM_GUEST)
    assert twice.status == USAGE and "use --diff" in twice.errors


# ---- this machine ----

def test_this_machine_without_msrs(lab: Lab, tmp_path: Path) -> None:
    """CPUID alone, and what to do about the rest; the words of cpuid(1) are those of the probe."""
    found = ask(lab, "--json", "--msr-device", tmp_path / "none-%").data
    assert any("MSRs could not be read" in note for note in found["notes"])
    assert any("modprobe msr" in sentence for sentence in found["advice"])
    assert found["raw"]["msrs_unread"] is True and found["raw"]["msr"] == []
    dump = subprocess.run(["cpuid", "-r", "-1"], check=True, capture_output=True, text=True).stdout
    known = report.printed_cpuid(dump)
    words = {tuple(row[:2]): tuple(row[2:]) for row in found["raw"]["cpuid"]}
    assert words[0, 0] == known[0, 0] and words[0x80000001, 0] == known[0x80000001, 0]
    assert words[1, 0][0] == known[1, 0][0]
    assert set(states(found).values()) <= {"absent", "advertised", "unknown"}


def test_this_machine_with_msrs(lab: Lab, tmp_path: Path) -> None:
    """A file in place of the driver: zeros, for as long as it is."""
    for number in range(1024):
        (tmp_path / f"msr{number}").symlink_to(tmp_path / "zeros")
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(0xc0020000)       # sparse
    found = ask(lab, "--json", "--msr-device", tmp_path / "msr%").data
    assert found["raw"]["msr"] and all(value == "0x0" for _, value in found["raw"]["msr"])
    assert "msrs_unread" not in found["raw"]
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(0x1b)
    assert "msrs_unread" in ask(lab, "--json", "--msr-device", tmp_path / "msr%").data["raw"]


def test_a_tree_of_devices(lab: Lab, tmp_path: Path) -> None:
    """As /dev/cpu is: a directory a CPU. One whose firmware has set up its APIC otherwise is named by its APIC ID."""
    cpus = sorted(os.sched_getaffinity(0))
    pattern = tmp_path / "cpu" / "%" / "msr"
    for cpu in cpus:
        (tmp_path / "cpu" / str(cpu)).mkdir(parents=True)
    answer = ask(lab, "--msr-device", pattern)
    assert f"{tmp_path}/cpu/{cpus[0]}/msr: No such file or directory" in answer.sentences and "modprobe msr" in answer.sentences
    for cpu in cpus:
        with (tmp_path / "cpu" / str(cpu) / "msr").open("wb") as file:
            file.seek(APIC_BASE)
            file.write((0xfee00900 if cpu == cpus[0] else 0xfee00c00).to_bytes(8, "little"))
            file.truncate(0xc0020000)       # sparse
    found = ask(lab, "--json", "--msr-device", pattern).data
    assert dict(found["raw"]["msr"])[APIC_BASE] == "0xfee00900"
    rows = [row for row in found["cpu_differences"] if row.get("msr") == "0x1b"]
    assert [(row["bootstrap"], row["here"]) for row in rows] == [("0xfee00900", "0xfee00c00")] * (len(cpus) - 1)
    assert len({row["apic_id"] for row in rows}) == len(cpus) - 1
    assert found["machine"]["cpus_probed"] == len(cpus)


# ---- the program itself ----

def test_the_same_without_sanitizers(lab: Lab) -> None:
    for words in (["--from", str(KVM_GUEST), "--report"], ["--help"], ["--msrs"], ["--version"],
                  ["--explain", "step"], ["--from", str(VECTORS / "bochs27-tigerlake.raw"), "--json"]):
        assert ask(lab, *words) == ask(lab, *words, program="sextant-probe")


def test_help_and_the_man_page_have_every_option(lab: Lab) -> None:
    text, manual = ask(lab, "--help").text, gen_man.TARGET.read_text().replace("\\-", "-")
    names = [gen_docs.string(row[1]) for row in gen_docs.rows(gen_man.PROBE / "options.def", "OPTION")]
    for name in names:
        assert f"\n  --{name}" in text and f"--{name}\\fR" in manual
    assert re.findall(r"^  --(\w[\w-]*)", text, re.MULTILINE) == names


def test_msrs_are_those_of_the_probe(lab: Lab) -> None:
    indexes = [row[1] for row in gen_docs.rows(gen_docs.SOURCE / "probe/msrs.def", "MSR")]
    assert ask(lab, "--msrs").text.split() == [f"{int(index, 16):#x}" for index in indexes]


def test_features_are_qemus() -> None:
    """What is advised for -cpu is what QEMU knows."""
    known = subprocess.run(["qemu-system-x86_64", "-cpu", "help"], check=True, capture_output=True, text=True).stdout
    words = set(known[known.index("CPUID flags"):].split())
    features = {gen_docs.string(row[1]) for row in gen_docs.rows(gen_docs.SOURCE / "probe/qemu_features.def", "QEMU_FEATURE")}
    assert features - words == NEWER_FEATURES
