# SPDX-License-Identifier: BSD-2-Clause
"""What ci/setup says that it would do, on a machine that is ready and on one that has nothing; and that it only says so."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from runner.guests import ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A fresh clone, as far as ci/setup can see."""
    directory = tmp_path / "tree"
    shutil.copytree(ROOT / "ci", directory / "ci")
    return directory


def stand_in(tree: Path, name: str, script: str) -> None:
    """A command that comes before this machine's own."""
    file = tree / "commands" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def ask(tree: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Without a terminal, so that sudo cannot ask for a password."""
    path = f"{tree}/commands:{os.environ['PATH']}"
    return subprocess.run([tree / "ci" / "setup", *words], env=os.environ | {"PATH": path}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, start_new_session=True, timeout=60)


def unpacked(tree: Path) -> None:
    for name in ("debian/amd64", "debian/i386", "bochs30", "qemu10"):
        (tree / "build" / name).mkdir(parents=True)
        (tree / "build" / name / "versions").touch()


def test_ready(tree: Path) -> None:
    unpacked(tree)
    stand_in(tree, "dpkg-query", "for word; do case $word in --*) ;; *) echo installed $word;; esac; done")
    done = ask(tree, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "setup: everything is there: nothing to do\n"


@pytest.mark.parametrize(("user", "says"), [
    pytest.param("0", "would run: env", id="root"),
    pytest.param("1000", "would stop until root has run: apt-get install --yes", id="user"),
])
def test_nothing_is_there(tree: Path, user: str, says: str) -> None:
    """All of it is listed, whoever asks, and nothing is made."""
    stand_in(tree, "dpkg-query", "exit 1")
    stand_in(tree, "id", f"echo {user}")
    stand_in(tree, "sudo", "exit 1")
    done = ask(tree, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 4 and says in lines[0] and " chromium " in lines[0]
    for line, words in zip(lines[1:], ("would fetch the kernels", "would unpack Bochs 3.0", "would unpack QEMU 10"), strict=True):
        assert words in line
    assert not (tree / "build").exists()


def test_without_root(tree: Path) -> None:
    """It prints the one command to run."""
    stand_in(tree, "dpkg-query", "exit 1")
    stand_in(tree, "id", "echo 1000")
    stand_in(tree, "sudo", "exit 1")
    done = ask(tree)
    assert done.returncode == 1
    assert done.stdout.startswith("apt-get install --yes --no-install-recommends gcc ")


def test_help(tree: Path) -> None:
    """Whole sentences, all of them."""
    wanted = ask(tree, "--help")
    assert (wanted.returncode, wanted.stderr) == (0, "")
    assert "ci/setup --dry-run" in wanted.stdout and wanted.stdout.endswith("nor a newer Debian.\n")
    for words in (["--foo"], ["--dry-run", "now"]):
        done = ask(tree, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(wanted.stdout)
    assert not (tree / "build").exists()
