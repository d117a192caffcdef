# SPDX-License-Identifier: BSD-2-Clause
"""Test guests and Debian's kernel on the machines of Bochs, 2 processors, with what auto takes and with step and startup forced.

A guest says what it says on the bare emulator. Bochs has mistakes of its own: bochs.toml lists the lines, with who is wrong;
everything else is compared all the same, and the test is then an expected failure with the name of the explanation. A mistake
that does not show any more is a failure.
"""

import itertools

import pytest
from harness import bochs, data
from harness.data import Host
from harness.lab import ALL_OK, POWER_OFF, SOME_NOT_OK, Lab, Run
from harness.linux import Shell
from harness.tap import Tap
from harness.verdicts import UnexpectedPass
from runner.guests import ROOT
from test_cells import expect_refusal, unavailable, words_of_refusal

# Bochs needs minutes where QEMU needs seconds: `make matrix` runs these rows.
pytestmark = pytest.mark.long

AUTO = data.Strategy("auto", "the image's own choice")
FORCED = tuple(data.Strategy(f"{startup}-{step}", "", {"startup": startup, "step": step})
               for startup, step in itertools.product(("icr", "sipi"), ("dbstep", "mtf")))
USUAL_HOSTS = ("bochs27-corei7_skylake_x", "bochs30-corei7_skylake_x", "bochs30-ryzen")
USUAL_GUESTS = ("smp", "nmi", "hidden", "movs", "stepping", "shadow")
ALONE = ("svm",)        # the bare processor has what the guest must not see: its own lines decide
LINUX_MEMORY = 512      # MiB
LINUX_USUAL = "bochs30-corei7_skylake_x"
LINUX_HOSTS = ("bochs27-corei7_skylake_x", LINUX_USUAL, "bochs30-sapphire_rapids", "bochs30-ryzen", "bochs30-zambezi",
               "bochs30-phenom_8650_toliman")
LINUX_SILENCE, LINUX_LIMIT = 600.0, 3600.0      # seconds; Bochs 2.7 executes 10 million instructions a second


def cells() -> list[object]:
    rows = []
    hosts = [host for host in data.hosts().values() if "bochs" in host.tags]
    guests = sorted(path.parent.name for path in ROOT.glob("guests/*/main.c"))
    for host, strategy, guest in itertools.product(hosts, (AUTO, *FORCED), guests):
        usual = strategy is AUTO and host.name in USUAL_HOSTS and guest in USUAL_GUESTS
        rows.append(pytest.param(host, strategy, guest, id=f"{host.name}/{strategy.name}/{guest}",
                                 marks=[] if usual else [pytest.mark.long]))
    return rows


@pytest.mark.parametrize(("host", "strategy", "guest"), cells())
def test_guest(lab: Lab, host: Host, strategy: data.Strategy, guest: str) -> None:
    run = lab.run(lab.machine(host, strategy.parameters, lab.guest(guest)))
    report = lab.report(host)
    if refused := unavailable(report, strategy):
        expect_refusal(run, "refused", "EXIT_REFUSED", *words_of_refusal(report, *refused[0]))
        return
    assert run.report.binding | strategy.force == run.report.binding, "another strategy is bound than was forced"
    compare(run.tap.lines if guest in ALONE else bare(lab, host, guest), run, bochs.known(host.name, guest))


def bare(where: Lab, host: Host, guest: str) -> list[str]:
    """What the guest says on the bare emulator, once a session."""
    def measure(place: object) -> list[str]:
        there = where.at(place)                 # type: ignore[arg-type]
        run = there.run(there.bare(host, there.guest(guest)), "bare")
        if run.ending not in (ALL_OK, SOME_NOT_OK) and not bochs.ends_early(bochs.known(host.name, guest)):
            raise AssertionError(f"{guest} does not end on the bare emulator: {run.ending}\n{run.errors}")
        return run.tap.lines
    return list(where.shared.once(f"bochs/{host.name}/{guest}", measure))


def compare(right: list[str], run: Run, known: list[bochs.Known]) -> None:
    assert run.ending in (ALL_OK, SOME_NOT_OK)
    if not known:
        assert run.tap.lines == right, "the guest sees another machine than the bare one"
        assert run.tap.complaints() == []
        return
    found = bochs.differences(Tap([], right, []), run.tap)
    assert [one for one in found if not any(row.explains(one) for row in known)] == []
    gone = [row.anchor for row in known if not any(row.explains(one) for one in found)]
    if gone:
        raise UnexpectedPass(f"bochs.toml expects something to be wrong that is right: {', '.join(gone)}")
    pytest.xfail(", ".join(dict.fromkeys(f"docs/emulators.md#{row.anchor}" for row in known)))


def linux() -> list[object]:
    return [pytest.param(name, id=f"{name}/auto/amd64",
                         marks=[pytest.mark.weight(100)] + ([] if name == LINUX_USUAL else [pytest.mark.long]))
            for name in LINUX_HOSTS]


@pytest.mark.parametrize("host", linux())
def test_debian(lab: Lab, hosts: dict[str, Host], host: str) -> None:
    """To the shell, with both processors at work, and down again."""
    machine = lab.machine(hosts[host], "stats", lab.guest("amd64"), memory=LINUX_MEMORY)
    with lab.talk(machine, silence=LINUX_SILENCE, limit=LINUX_LIMIT) as dialogue:
        shell = Shell(dialogue)
        assert shell.run("nproc").split() == ["2"]
        assert shell.run("for i in 1 2 3; do taskset 2 echo $i | taskset 1 cat; done") == "1\n2\n3\n"
        shell.leave("poweroff")
        run = Run(dialogue.end())
    assert run.report.binding["step"] == lab.report(hosts[host]).binding["step"]
    assert run.ending == POWER_OFF
