# SPDX-License-Identifier: BSD-2-Clause
"""What watching the APIC costs: exits are counted exactly, and figures are the same in every run. Time is not judged."""

import bench
import pytest
from harness.data import Host
from harness.lab import ALL_OK, Lab, Run

WAYS = ("decode", "page+dbstep")
# The columns of docs/cost.md that the main host does not have.
OTHERS = {"qemu10-EPYC-x2apic": "qemu10/EPYC,+x2apic", "bochs30-corei7_skylake_x": "bochs30/corei7_skylake_x"}


def measure(lab: Lab, host: Host, parameters: str | None, name: str) -> Run:
    """The guest on one processor whose time is a count of instructions; parameters: None for the bare emulator."""
    changes = {"processors": 1, "counted": True, "image": None if parameters is None else lab.image}
    return lab.run(lab.machine(host, parameters or "", lab.guest("bench"), **changes), name)


@pytest.mark.parametrize("way", WAYS)
def test_exits(lab: Lab, main_host: Host, way: str) -> None:
    wanted = bench.WAYS[way]
    runs = [measure(lab, main_host, f"report=none {wanted.parameters}", f"run{number}") for number in (1, 2)]
    if "REFUSED" in runs[0].text:
        axis, name = "apic", wanted.parameters.partition("apic=")[2].split()[0]
        assert lab.report(main_host).strategy(axis, name)["verdict"] in ("missing", "not built", "broken")
        return
    first, second = (bench.read(run.lines) for run in runs)
    assert [run.ending for run in runs] == [ALL_OK, ALL_OK]
    assert {name: cost.exits for name, cost in first.items()} == {name: (count, count) for name, count in wanted.exits.items()}
    assert first == second, "two runs on a counted clock differ"


def columns() -> list[object]:
    return [pytest.param(host, way, id=f"{host}/{way.replace(' ', '-')}/bench", marks=[pytest.mark.long, pytest.mark.weight(3)])
            for host, name in OTHERS.items() for way in bench.HOSTS[name]]


@pytest.mark.parametrize(("host", "way"), columns())
def test_exits_elsewhere(lab: Lab, hosts: dict[str, Host], host: str, way: str) -> None:
    """Each operation that the way promises something about, with exactly so many exits in every round."""
    wanted = bench.WAYS[way]
    run = measure(lab, hosts[host], f"report=none {wanted.parameters}", "run")
    costs = bench.read(run.lines)
    assert run.ending == ALL_OK
    assert {name: costs[name].exits for name in wanted.exits} == {name: (count, count) for name, count in wanted.exits.items()}


def test_nothing_exits_on_the_bare_emulator(lab: Lab, main_host: Host) -> None:
    costs = bench.read(measure(lab, main_host, None, "bare").lines)
    assert set(costs) == set(bench.PAGE)
    assert {cost.exits for cost in costs.values()} == {(0, 0)}


def test_a_wrong_count_is_a_complaint() -> None:
    """What the tables and the exit status of `make bench` are made from."""
    way = bench.WAYS["page+dbstep"]
    own = {bench.EOI: bench.Cost((0, 0), 10)}
    one = bench.Column("host", way, {bench.EOI: bench.Cost((2, 3), 510)}, own)
    assert one.instructions(bench.EOI) == 500
    assert one.complaints() == ["host, page+dbstep: xAPIC EOI took 2 to 3 exits, not 2"]
    text = bench.document([one])
    assert "2 to 3 (wanted 2)" in text
    assert "500 / 500 = 1.00" in text


def test_a_refusal_is_shown() -> None:
    one = bench.Column("host", bench.WAYS["decode"], {}, {}, "there is none")
    assert bench.document([one]) == "### host\n\n- decode: there is none\n"
