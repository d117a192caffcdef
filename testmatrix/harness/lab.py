# SPDX-License-Identifier: BSD-2-Clause
"""Runs machines for one test and keeps what they leave: serial console, command line, the emulator's complaints."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import pytest
from runner import guests
from runner.console import Result
from runner.machine import TCG, Machine

from . import data, kvm, linux, report, tap
from .dialogue import LIMIT, SILENCE, Dialogue
from .report import Report
from .runs import ALL_OK, POWER_OFF, RESET, SOME_NOT_OK, ending, sha256
from .shared import Shared
from .verdicts import REPORT_OF, SKIPPABLE, THIS_MACHINE


class ImageChanged(Exception):
    """The image was built again while the tests ran, so they do not speak of one image."""


@dataclass(frozen=True)
class Run:
    """What a run left. errors: what the emulator itself said."""

    result: Result

    @cached_property
    def text(self) -> str:
        return self.result.output.decode(errors="replace").replace("\r", "")

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def ending(self) -> str:
        return ending(self.result)

    @property
    def errors(self) -> str:
        return self.result.errors.decode(errors="replace")

    @cached_property
    def report(self) -> Report:
        return report.parse(self.text)

    @cached_property
    def tap(self) -> tap.Tap:
        return tap.parse(self.lines)

    def sentences(self) -> str:
        """All that was said, on one line: sentences are broken differently on every console."""
        return " ".join(self.text.split())


def skip(host: data.Host, measured: Report, capability: str) -> NoReturn:
    """Skips the test: legal only where the host's own report says that the capability is not there."""
    state = measured.capabilities[capability]
    assert state in SKIPPABLE, f"{host.name} has {capability} ({state}): a test that needs it must run there"
    pytest.skip(f"{REPORT_OF}{host.name}: {capability} is {state}")


def need(host: data.Host) -> None:
    """Skips the test when this machine cannot run the host at all."""
    if host.needs and (lack := kvm.lack(host.vendor)):
        pytest.skip(f"{THIS_MACHINE}{host.name}: {lack}")


@dataclass(frozen=True)
class Lab:
    """build: where `make` put the image and the guests; directory: of this test's artefacts."""

    build: Path
    directory: Path
    shared: Shared

    # ---- machines ----

    @property
    def image(self) -> Path:
        """The image; one session is about one image."""
        path = self.build / "sextant.elf"
        first = self.shared.once("image", lambda place: sha256(path))
        if sha256(path) != first:
            raise ImageChanged(f"{path} was built again while the tests ran")
        return path

    def machine(self, host: data.Host, parameters: str = "", guest: guests.Guest | None = None,
                **changes: Any) -> Machine:
        """The image with a guest on a host."""
        return Machine(host.machine_host, parameters=parameters, guest=guest,
                       **(hardware(host) | {"image": self.image} | changes))

    def bare(self, host: data.Host, guest: guests.Guest, model: str = "{model}", **changes: Any) -> Machine:
        """The guest on the emulator alone."""
        return Machine(data.RunnerHost(host.emulator, host.bare_model(model)), guest=guest, **(hardware(host) | changes))

    def guest(self, name: str, arguments: str = "") -> guests.Guest:
        """amd64 or i386, its shell driven by the test, or a guest of guests/."""
        if name in linux.KERNELS:
            arguments = f"{linux.settings()['arguments']} {arguments}".strip()
        return guests.find(name, self.build, arguments, script=True)

    # ---- runs ----

    def talk(self, machine: Machine, name: str = "sextant", silence: float = SILENCE, limit: float = LIMIT) -> Dialogue:
        return Dialogue(machine, self.directory, name, silence, limit)

    def run(self, machine: Machine, name: str = "sextant", silence: float = SILENCE, limit: float = LIMIT) -> Run:
        """To its end, without saying anything to it."""
        with self.talk(machine, name, silence, limit) as dialogue:
            return Run(dialogue.end())

    # ---- what is measured once a session ----

    def at(self, directory: Path) -> "Lab":
        return Lab(self.build, directory, self.shared)

    def report(self, host: data.Host) -> Report:
        """The host's own report: what it has, and so what may be skipped there."""
        need(host)
        def measure(place: Path) -> str:
            run = self.at(place).run(self.machine(host, "report=only"))
            report.parse(run.text)
            return run.text
        return report.parse(self.shared.once(f"report/{host.name}", measure))

    def oracle(self, host: data.Host, guest: data.Guest) -> list[str]:
        """What the guest says on the bare emulator, which must find nothing wrong with it either."""
        def measure(place: Path) -> list[str]:
            run = self.at(place).run(self.bare(host, self.guest(guest.name), guest.bare_model), "bare")
            if complaints := run.tap.complaints() + ([] if run.ending == ALL_OK else [f"it ended: {run.ending}"]):
                raise AssertionError(f"{guest.name} is wrong on the bare emulator: {'; '.join(complaints)}")
            return run.tap.lines
        return list(self.shared.once(f"oracle/{host.name}/{guest.name}", measure))


def hardware(host: data.Host) -> dict[str, Any]:
    devices = tuple(word for device in host.devices for word in ("-device", device))
    need(host)
    return {"processors": host.processors, "memory": host.memory, "board": host.board, "extra": devices,
            "accelerator": host.needs or TCG}
