# SPDX-License-Identifier: BSD-2-Clause
"""The rules of the matrix: verdicts, what a skip or an expected failure needs, groups for several machines."""

import json
import os
import re
from pathlib import Path

import make_page
import pytest
from harness import collect, data, golden, kvm, merge, page, runs, shards, verdicts
from harness.data import HERE
from harness.places import Place
from harness.progress import SKIPPED, Progress, clock, expected, typical
from harness.runs import Record
from harness.shards import Shard
from harness.shared import Shared
from harness.verdicts import Verdict

INNER = '''
import json
import os
import pytest
from harness import places, report
from harness.dialogue import Ended, Stalled
from harness.shared import Shared
from harness.verdicts import UnexpectedPass

def test_pass(): pass
def test_fail(): assert 1 == 2
def test_error(nothing_of_this_name): pass
def reported(**states):
    place = places.SESSION / "x/report/some-host"
    place.mkdir(parents=True, exist_ok=True)
    rows = [{"id": name, "state": state} for name, state in states.items()]
    (place / "sextant.report.json").write_text(json.dumps({"capabilities": rows}))

def skip_by(state, said):
    reported(vmx=state)
    pytest.skip(f"the report of some-host: {said}")
def test_skip(): skip_by("absent", "vmx is absent")
def test_skip_masked(): skip_by("masked", "vmx is masked")
def test_skip_lies(): skip_by("verified", "vmx is absent")
def test_skip_has(): skip_by("verified", "vmx is verified")
def test_skip_unknown(): skip_by("absent", "svm is absent")
def test_skip_no_report(): pytest.skip("the report of no-host: vmx is absent")
def test_skip_words(): pytest.skip("the report of some-host is not to my taste")
def test_skip_machine(): pytest.skip("this machine cannot run kvm-intel: it has no /dev/kvm")
def test_skip_emulated(): pytest.skip("this machine cannot run qemu72-EPYC: it is slow")
def test_skip_no_row(): pytest.skip("this machine cannot run some-host: it has no /dev/kvm")
def test_skip_no_reason(): pytest.skip("I do not feel like it")
def test_xfail(): pytest.xfail("docs/emulators.md#bochs27-mtf")
def test_xfail_no_link(): pytest.xfail("known")
def test_xfail_wrong_link(): pytest.xfail("docs/emulators.md#no-such-paragraph")
def test_listed_but_right(): raise UnexpectedPass("it is right")
@pytest.mark.xfail(reason="docs/emulators.md#bochs27-mtf", strict=True)
def test_strict(): pass
def test_stalled(): raise Stalled("nothing was said for 180 seconds")
def test_ended(): raise Ended("the emulator ended")
def test_worker(): os._exit(3)
def shared(error):
    def fail(place): raise error
    Shared(places.SESSION / "x").once(f"report/{error}", fail)
def test_shared_ended(): shared(Ended("gone"))
def test_shared_stalled(): shared(Stalled("silent"))
def test_shared_no_report(): shared(report.NoReport("none"))
def test_shared_wrong_report(): shared(report.ReportError("wrong"))
@pytest.mark.parametrize("x", [pytest.param(1, id="host/strategy/guest")])
def test_cell(x): pass
@pytest.mark.parametrize("x", [pytest.param(1, id="host/strategy/guest")])
def test_skip_by_another(x): skip_by("absent", "vmx is absent")
@pytest.mark.parametrize("x", [pytest.param(1, id="some-host/strategy/guest")])
def test_skip_by_itself(x): skip_by("absent", "vmx is absent")
'''
EXPECTED = {
    "pass": "PASS", "fail": "FAIL", "error": "FAIL", "skip": "SKIP", "skip_machine": "SKIP", "skip_no_reason": "FAIL",
    "skip_masked": "SKIP", "skip_by_another": "FAIL", "skip_by_itself": "SKIP", **dict.fromkeys(
        ("skip_lies", "skip_has", "skip_unknown", "skip_no_report", "skip_words", "skip_emulated", "skip_no_row"), "FAIL"),
    "xfail": "XFAIL", "xfail_no_link": "FAIL", "xfail_wrong_link": "FAIL", "listed_but_right": "XPASS", "strict": "XPASS",
    "stalled": "TIMEOUT", "ended": "CRASH", "worker": "CRASH", "cell": "PASS",
    "shared_ended": "CRASH", "shared_stalled": "TIMEOUT", "shared_no_report": "CRASH", "shared_wrong_report": "FAIL",
}


def test_every_verdict(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of a test file with one test for each way to end."""
    pytester.makepyfile(test_inner=INNER)
    pytester.makeini("[pytest]\njunit_family = xunit2\n")
    monkeypatch.setenv("SEXTANT_BUILD", str(pytester.path / "build"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent / "tools")]))
    ended = pytester.runpytest_subprocess("-p", "harness.cells", "-n", "1", "--progress", "-ra", "--junitxml=build/matrix/junit.xml")
    assert ended.ret == pytest.ExitCode.TESTS_FAILED
    document = json.loads((pytester.path / "build/matrix/matrix.json").read_text())
    assert {cell["test"].removeprefix("test_inner::test_"): cell["verdict"] for cell in document["cells"]} == EXPECTED
    assert document["not_run"] == []
    assert {cell["shared"] for cell in document["cells"]} == {"", *(f"session/x/report/{word}" for word in ("gone", "silent", "none", "wrong"))}
    cell = pytester.path / "build/matrix/cells/host/strategy/guest/inner.cell/cell.json"
    assert json.loads(cell.read_text())["host"] == "host"
    text = ended.stdout.str()
    assert collect.summary(document) in text
    assert "4 CRASH, 2 TIMEOUT, 14 FAIL, 2 XPASS, 1 XFAIL, 4 SKIP, 2 PASS" in text
    assert all(re.search(rf"^{words}", text, re.MULTILINE) for words in (r"SKIPPED \[2\] .*vmx is absent", r"XFAIL test_inner.py::test_xfail\b"))
    assert (pytester.path / "build/matrix/index.html").exists()
    assert 'value="XPASS"' in (pytester.path / "build/matrix/junit.xml").read_text()
    ended = pytester.runpytest_subprocess("-p", "harness.cells", "-n", "1", "-k", "no_such_test")
    assert ended.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert cell.exists() and (pytester.path / "build/matrix/index.html").exists(), "a run of nothing takes nothing away"


def record(**changes: object) -> Record:
    values = {"name": "sextant", "emulator": "qemu72", "version": "", "model": "EPYC", "processors": 1, "memory": 64, "parameters": "",
              "guest": "smp", "command": [], "image_sha256": "a", "ending": "all ok", "seconds": 1.0}
    return Record(**(values | changes))          # type: ignore[arg-type]


@pytest.mark.parametrize(("ending", "guest", "verdict"), [
    ("all ok", "smp", Verdict.FAIL), ("some not ok", "smp", Verdict.FAIL), ("EXIT_REFUSED", "smp", Verdict.FAIL),
    ("EXIT_PANIC", "smp", Verdict.CRASH), ("reset", "smp", Verdict.CRASH), ("power off", "smp", Verdict.CRASH),
    ("reset", "amd64", Verdict.FAIL), ("power off", "i386", Verdict.FAIL), ("died of SIGSEGV", "smp", Verdict.CRASH),
    ("status 1, None", "smp", Verdict.CRASH), (None, "amd64", Verdict.FAIL)])
def test_crash_is_no_verdict(ending: str | None, guest: str, verdict: Verdict) -> None:
    assert verdicts.of_failure(AssertionError("wrong"), "wrong", [record(), record(ending=ending, guest=guest)]) is verdict


def test_anchors_are_found() -> None:
    assert {"bochs27-mtf", "qemu-init"} <= verdicts.anchors()


# ---- groups ----


def test_a_shared_run_has_a_verdict_of_its_own(tmp_path: Path) -> None:
    """Whoever computes it judges it, by its records; whoever needs it says where they are."""
    def compute(place: Path) -> None:
        runs.write(place / "bare.run.json", vars(record(ending="reset")))
        raise AssertionError("smp is wrong on the bare emulator: it ended: reset")
    for _ in range(2):
        with pytest.raises(verdicts.SharedError, match=r"it ended: reset\n\(see .*/oracle/some\)") as failed:
            Shared(tmp_path).once("oracle/some", compute)
        assert verdicts.of_failure(failed.value, "", []) is Verdict.CRASH
        assert failed.value.place == tmp_path / "oracle/some"


def test_the_log_of_a_shared_run_is_shown(tmp_path: Path) -> None:
    fake(tmp_path, {"a": "CRASH"}, ["a"], "1/1")
    cell = json.loads((tmp_path / "cells/a" / collect.CELL).read_text())
    runs.write(tmp_path / "cells/a" / collect.CELL, cell | {"shared": "session/x/report/some"})
    place = tmp_path / "session/x/report/some"
    place.mkdir(parents=True)
    runs.write(place / "sextant.run.json", vars(record(ending="EXIT_PANIC")))
    (place / "sextant.serial.log").write_text("Sextant: PANIC\n")
    [cell] = collect.collect(tmp_path, ["a"], ["a"], None, 1, 1)["cells"]
    assert [(run["directory"], run["log"]["lines"]) for run in cell["runs"]] == [
        ("cells/a", []), ("session/x/report/some", ["Sextant: PANIC"])]


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_groups_are_a_partition(count: int) -> None:
    weights = {f"test{number}": float(number * number % 17 + 1) for number in range(30)}
    groups = [shards.members(weights, Shard(number, count)) for number in range(1, count + 1)]
    assert sorted(name for group in groups for name in group) == sorted(weights)
    loads = [sum(weights[name] for name in group) for group in groups]
    assert max(loads) - min(loads) <= max(weights.values())


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "1/3 "])
def test_a_group_that_is_none(text: str) -> None:
    with pytest.raises(Exception, match="is no group"):
        shards.parse(text)


def fake(matrix: Path, tests: dict[str, str], everything: list[str], shard: str, image: str = "a") -> collect.Document:
    """The document of a run. tests: verdict by id."""
    for nodeid, verdict in tests.items():
        place = matrix / "cells" / nodeid
        place.mkdir(parents=True)
        runs.write(place / collect.CELL, {"test": nodeid, "host": "", "strategy": "", "guest": "", "id": nodeid, "verdict": verdict,
                                          "reason": "", "seconds": 1.0, "directory": f"cells/{nodeid}", "shared": ""})
        runs.write(place / "sextant.run.json", vars(record(image_sha256=image)))
    return collect.collect(matrix, list(tests), everything, shards.parse(shard), 10, 2)


def test_shards_that_fit(tmp_path: Path) -> None:
    one = fake(tmp_path / "1", {"a": "PASS"}, ["a", "b"], "1/2")
    two = fake(tmp_path / "2", {"b": "FAIL"}, ["a", "b"], "2/2")
    merged = merge.merge([one, two])
    assert merged["complaints"] == []
    assert [cell["id"] for cell in merged["cells"]] == ["b", "a"]
    assert merged["workers"] == 4


def test_shards_that_do_not_fit(tmp_path: Path) -> None:
    one = fake(tmp_path / "1", {"a": "PASS"}, ["a", "b", "c"], "1/2")
    two = fake(tmp_path / "2", {"a": "PASS"}, ["a", "b", "d"], "2/2", image="b")
    complaints = " ".join(merge.merge([one, two])["complaints"])
    assert "of different trees" in complaints
    assert "in no shard: 3 tests, b among them" in complaints
    assert "in several shards, which had different durations: 1 test, a" in complaints
    assert "ran the image b" in complaints


@pytest.mark.parametrize(("verdict", "status"), [("PASS", 0), ("XFAIL", 0), ("SKIP", 0), *((name, 1) for name in collect.BAD_NAMES)])
def test_the_page_of_several_runs_fails_as_they_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, status: int) -> None:
    """Where a group's own failure may be swallowed on the way, the page is the last to say so; alone it is but drawn again."""
    groups = [tmp_path / "1", tmp_path / "2"]
    page.write(groups[0], fake(groups[0], {"a": "PASS"}, ["a", "b"], "1/2"))
    page.write(groups[1], fake(groups[1], {"b": verdict}, ["a", "b"], "2/2"))
    monkeypatch.setattr(make_page, "pictures", lambda matrix: None)
    assert make_page.main([str(tmp_path / "all"), *map(str, groups)]) == status
    assert (tmp_path / "all/index.html").exists()
    assert make_page.main([str(tmp_path / "all")]) == 0


def test_three_words_are_a_cell(request: pytest.FixtureRequest) -> None:
    """An id that has two slashes by accident would be a machine on the page."""
    hosts = {Place.of(item.nodeid).host for item in request.session.items} - {""}
    assert [host for host in hosts if not data.NAME.fullmatch(host)] == []


def test_a_test_that_did_not_run_is_named(tmp_path: Path) -> None:
    document = fake(tmp_path, {"a": "PASS"}, ["a"], "1/1")
    document = collect.collect(tmp_path, ["a", "b"], ["a", "b"], None, 1, 1)
    assert document["not_run"] == ["b"]
    assert document["complaints"][0] == "selected and not run: 1 test, b"


# ---- the point of a log that matters ----


@pytest.mark.parametrize(("reason", "marked"), [
    ("--- bare\n+++ Sextant\n-ok 2 - b\n+ok 2 - seen", 3), ("assert 1 == 2", 5), ("+this was never said", 5)])
def test_line_that_matters(reason: str, marked: int) -> None:
    lines = ["1..4", "ok 1 - a", "ok 2 - seen", "ok 3 - c", "not ok 4 - d", "# end"]
    shown = collect.excerpt("\n".join(lines), {"verdict": "FAIL", "reason": reason})
    assert shown["marked"] == marked
    assert shown["lines"][marked - shown["first"]] == lines[marked - 1]


def test_estimate() -> None:
    known = {"a": 60.0, "b": 20.0, "c": 20.0}
    progress = Progress(known, 2)
    assert progress.begin(["a", "b", "c"], known) == "3 tests, 2 at a time: about 1:00 (by the last run)"
    assert progress.begin(["b", "c", "new"], known | {"new": 100.0}) == "3 tests, 2 at a time: about 1:40 (1 of them never ran before)"
    assert clock(3723) == "1:02:03"


def test_the_estimate_of_a_first_run() -> None:
    """It is of the size that README.md says, "two hours": the cells are most of it."""
    cells = [cell for cell in data.cells() if not cell.host.needs and not (cell.host.is_bochs and golden.takes(cell.host, cell.strategy))]
    seconds = sum(typical(Place("test_cells::test_cell", *cell.name.split("/"))) for cell in cells)
    assert 3600 < seconds / 2 < 2.5 * 3600
    with_kvm = Place("test_cells::test_cell", "kvm-intel", "auto", "smp")
    assert typical(with_kvm) > 1, "every machine makes the same groups, with KVM or without"
    assert expected(with_kvm, 5) == (SKIPPED if kvm.lack("intel") else 5)
    assert typical(Place("test_report::test_axes", "bochs27-ryzen", "report-only", "none")) < 1
    assert typical(Place("test_ci::test_no_registry_is_named[Jenkinsfile]")) < 1


def test_a_first_run_reads_the_weights(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(test_inner="import pytest\n@pytest.mark.weight(130)\ndef test_slow(): pass\ndef test_quick(): pass\n")
    pytester.makeini("[pytest]\nmarkers =\n    weight: seconds\n")
    monkeypatch.setenv("SEXTANT_BUILD", str(pytester.path / "build"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent / "tools")]))
    for workers in ("0", "2"):
        (pytester.path / "build/matrix/durations.json").unlink(missing_ok=True)
        ended = pytester.runpytest_subprocess("-p", "harness.cells", "-n", workers, "--progress")
        assert "2 tests" in ended.stdout.str()
        assert "about 2:10 (2 of them never ran before)" in ended.stdout.str()
