# SPDX-License-Identifier: BSD-2-Clause
"""What is to be run."""

from dataclasses import dataclass
from pathlib import Path

from .guests import Guest

# The name of an emulator in HOST=, and the version that the name stands for.
EMULATORS = {"qemu72": "QEMU 7.2", "qemu10": "QEMU 10", "bochs27": "Bochs 2.7", "bochs30": "Bochs 3.0"}


# QEMU's own code generator.
TCG = "tcg"


class HostError(Exception):
    """A host that does not exist; the text is a sentence for the person."""


@dataclass(frozen=True)
class Host:
    """An emulator and one of its processor models, written emulator/model; the model may contain commas."""

    emulator: str
    model: str

    def __str__(self) -> str:
        return f"{self.emulator}/{self.model}"

    @classmethod
    def parse(cls, text: str) -> "Host":
        emulator, slash, model = text.partition("/")
        if emulator not in EMULATORS:
            known = ", ".join(f"{name} ({version})" for name, version in EMULATORS.items())
            raise HostError(f"HOST={text} names no emulator that is known here: {known}")
        if not slash or not model:
            raise HostError(f"HOST={text} names no processor model: write emulator/model, like {emulator}/EPYC")
        return cls(emulator, model)


@dataclass(frozen=True)
class Machine:
    """One run. image: the hypervisor, or None to run the guest on the bare emulator; guest: None for report=only;
    iso: boot this ISO instead of image and guest (its menu decides); debug_console: file that port 0xe9 is written to."""

    host: Host
    processors: int = 4
    memory: int = 512                   # MiB
    image: Path | None = None
    parameters: str = ""                # boot parameters of the image
    guest: Guest | None = None
    iso: Path | None = None
    debug_console: Path | None = None
    board: str = "pc"                   # QEMU's -machine
    accelerator: str = TCG              # or "kvm"
    counted: bool = False               # time is the number of executed instructions (Bochs' always is)
    extra: tuple[str, ...] = ()         # more words for the emulator's command line
