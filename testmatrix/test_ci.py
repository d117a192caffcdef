# SPDX-License-Identifier: BSD-2-Clause
"""The workflow files of three CI systems: they can be read, they run what the Makefile has, and all three run the same."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from runner.guests import ROOT

GITHUB, CIRCLE, JENKINS = ROOT / ".github/workflows/matrix.yml", ROOT / ".circleci/config.yml", ROOT / "Jenkinsfile"
FILES = (GITHUB, CIRCLE, JENKINS)
MAKE = re.compile(r"\bmake ((?:[a-z-]+\b ?)+)((?: ?[A-Z]+=(?:\"[^\"]*\"|'[^']*'|\$\(\([^)]*\)\)\S*|\$\{\{.*?\}\}\S*|[^\s'\"]+))*)")
VARIABLE = re.compile(r"([A-Z]+)=")
SCRIPT = re.compile(r"\b(ci/[\w-]+)")
MAKEFILE = (ROOT / "Makefile").read_text()


def files() -> list[object]:
    return [pytest.param(path, id=path.name) for path in FILES]


def commands(path: Path) -> list[str]:
    """What is run there: a list of shell commands."""
    if path == JENKINS:
        return re.findall(r"\bsh '([^']*)'", path.read_text())
    document = yaml.safe_load(path.read_text())
    assert document["jobs"], path
    found = []
    for job in [*document["jobs"].values(), *document.get("commands", {}).values()]:
        steps = [step["run"] for step in job["steps"] if isinstance(step, dict) and "run" in step]
        found += [step["command"] if isinstance(step, dict) else step for step in steps]
    return found


def calls(path: Path) -> list[tuple[str, set[str]]]:
    """Target and the names of its variables."""
    return [(target, set(VARIABLE.findall(found[2])))
            for command in commands(path) for found in MAKE.finditer(command) for target in found[1].split()]


@pytest.mark.parametrize("path", files())
def test_what_is_called_exists(path: Path) -> None:
    targets = next(line for line in MAKEFILE.splitlines() if line.startswith(".PHONY:")).split()[1:]
    variables = set(re.findall(r"^([A-Z_]+) *\?=", MAKEFILE, re.MULTILINE))
    assert calls(path)
    for target, names in calls(path):
        assert target in targets
        assert names <= variables
    scripts = {name for command in commands(path) for name in SCRIPT.findall(command)}
    assert scripts == {"ci/setup"}
    assert all((ROOT / name).stat().st_mode & 0o100 for name in scripts)


def test_all_three_run_the_same() -> None:
    """GitHub's machines have KVM, so there is one job more."""
    assert {target for target, _ in calls(GITHUB)} == {target for target, _ in calls(CIRCLE)} == {target for target, _ in calls(JENKINS)}
    assert {target for target, _ in calls(GITHUB)} == {"test", "matrix", "page"}


@pytest.mark.parametrize("path", files())
def test_all_groups_are_run_and_put_together(path: Path) -> None:
    text = path.read_text()
    if path == CIRCLE:
        assert "SHARD=$((CIRCLE_NODE_INDEX + 1))/$CIRCLE_NODE_TOTAL" in text
        assert "shards/shard-*" in text
        return
    groups = yaml.safe_load(text)["jobs"]["matrix"]["strategy"]["matrix"]["shard"] if path == GITHUB else (
        [int(number) for number in re.findall(r"'(\d)'", re.search(r"values (.*)", text)[1])])         # type: ignore[index]
    count, = set(re.findall(r"make matrix SHARD=\S*(?: matrix.shard }})?/(\d+)", text))
    assert groups == list(range(1, int(count) + 1))
    assert re.search(r'SHARDS="([^"]*)"', text)[1].split() == [f"shards/shard-{number}" for number in groups]     # type: ignore[index]


def test_no_failure_is_swallowed() -> None:
    """CircleCI keeps nothing of a job that fails: what `make matrix` says goes with the results, and the job `page` fails by it."""
    for path in (GITHUB, CIRCLE):
        for command in commands(path):
            if "make matrix" in command and "||" in command:
                assert path == CIRCLE
                assert command.endswith(" || touch shards/failed-$((CIRCLE_NODE_INDEX + 1))")
    steps = yaml.safe_load(CIRCLE.read_text())["jobs"]["page"]["steps"]
    assert {"run": {"command": "! ls shards/failed-*", "when": "always"}} in steps


def test_circleci_has_what_its_own_steps_need() -> None:
    """Its image has neither git nor certificates: they come before anything else."""
    document = yaml.safe_load(CIRCLE.read_text())
    assert {job["steps"][0] for job in document["jobs"].values()} == {"prepare"}
    first, second, *_ = document["commands"]["prepare"]["steps"]
    assert {"ca-certificates", "git"} <= set(first["run"].split())
    assert second == "checkout"
    assert not [job for job in document["jobs"].values() if "checkout" in job["steps"]]
    [kept] = [step["save_cache"] for step in document["jobs"]["page"]["steps"] if isinstance(step, dict) and "save_cache" in step]
    assert kept["when"] == "always", "the page of a failed run has durations, too"


@pytest.mark.parametrize("path", [GITHUB, CIRCLE], ids=lambda path: path.name)
def test_one_job_hands_the_durations_to_all_groups(path: Path) -> None:
    """A group that looked for them itself could find those of a run that has ended meanwhile."""
    document = yaml.safe_load(path.read_text())
    jobs = {name for name, job in document["jobs"].items() if "restore" in str(job["steps"])}
    assert jobs == {"durations"}
    needs = document["jobs"]["matrix"]["needs"] if path == GITHUB else (
        next(row["matrix"]["requires"] for row in document["workflows"]["everything"]["jobs"] if isinstance(row, dict) and "matrix" in row))
    assert "durations" in needs


def test_github_finds_the_cache_that_it_saves() -> None:
    """How a cache is packed is part of its name, and that depends on what is installed: both jobs run in one container."""
    jobs = [job for job in yaml.safe_load(GITHUB.read_text())["jobs"].values()
            if any("actions/cache" in step.get("uses", "") for step in job["steps"])]
    assert len(jobs) == 2
    assert len({(job["runs-on"], str(job.get("container"))) for job in jobs}) == 1


def test_the_job_with_kvm_starts_without_it() -> None:
    job = yaml.safe_load(GITHUB.read_text())["jobs"]["kvm"]
    assert job["container"]["options"] == "--privileged"
    assert [command for command in (step.get("run", "") for step in job["steps"]) if "make matrix" in command] == [
        "make matrix ROW='kvm-*' SKIPS=1"]


SKIPPED = '<skipped type="pytest.skip" message="this machine cannot run kvm-intel: there is no /dev/kvm"/>'
XFAILED = '<skipped type="pytest.xfail" message="docs/emulators.md#bochs27-mtf"/>'
ABSENT = '<skipped type="pytest.skip" message="the report of qemu72-EPYC: x2apic is absent"/>'


@pytest.mark.parametrize(("ends", "executed", "status", "status_with_skips"), [
    (["", SKIPPED], 1, 0, 0), ([XFAILED], 1, 0, 0), ([SKIPPED, SKIPPED], 0, 1, 0), ([SKIPPED, ABSENT], 0, 1, 1), ([], 0, 1, 1)],
    ids=["one", "expected failure", "no machine", "not all", "none"])
def test_nothing_executed_is_no_success(tmp_path: Path, ends: list[str], executed: int, status: int, status_with_skips: int) -> None:
    """But where it is asked for, and then it is said all the same."""
    file = tmp_path / "junit.xml"
    file.write_text(f"<testsuites><testsuite>{''.join(f'<testcase>{end}</testcase>' for end in ends)}</testsuite></testsuites>")
    for words, expected in (([], status), (["--skips"], status_with_skips)):
        answer = subprocess.run([sys.executable, str(ROOT / "mk/executed.py"), str(file), *words], capture_output=True, text=True, check=False,
                                env={"GITHUB_ACTIONS": "true"})
        assert answer.returncode == expected
        assert f"system: {executed} test(s) executed" in answer.stdout
        assert ("::warning::no system test was executed" in answer.stdout) == (executed == 0)
        assert ("2: there is no /dev/kvm" in answer.stderr) == (ends == [SKIPPED, SKIPPED])
        assert (f"{ends.count(SKIPPED)}: there is no /dev/kvm" in answer.stderr) == (SKIPPED in ends)
        assert ("::warning::some system tests need what this machine lacks; 1: " in answer.stdout) == (ends == ["", SKIPPED])


@pytest.mark.parametrize("path", files())
def test_no_registry_is_named(path: Path) -> None:
    """Images by their short names, packages from wherever the machine takes them."""
    assert not re.search(r"://|\b[\w-]+\.(io|com|org|net|dev)\b", path.read_text())


def make(*words: str) -> str:
    """What make would run."""
    return subprocess.run(["make", "--dry-run", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("words", "expected"), [
    (["ROW=qemu72-EPYC", "COL=auto", "GUEST=smp"], "-k '[qemu72-EPYC/ and /auto/ and /smp]'"),
    (["ROW=bochs30-*"], "-k '[bochs30-'"), (["TEST=test_cell", "COL=mtf"], "-k 'test_cell[ and /mtf/'"),
    (["SHARD=2/3"], "--shard 2/3"), ([], "--junitxml=build/matrix/junit.xml;")], ids=["cell", "rows", "column", "group", "all"])
def test_make_matrix_selects(words: list[str], expected: str) -> None:
    """The command that is printed is the one that is run."""
    lines: list[Any] = [line for line in make("matrix", *words).splitlines() if "-m pytest" in line]
    assert len(lines) == 1
    assert expected in re.sub(r" +;", ";", lines[0])
