# SPDX-License-Identifier: BSD-2-Clause
"""QEMU: its command line for a machine, and what it said when it ended."""

import functools
import json
import os
import subprocess
from pathlib import Path

from .machine import EMULATORS, TCG, Machine

SILENCE = 120.0         # seconds without output that are still patience
PROGRAM = "qemu-system-x86_64"

# QEMU 10 is unpacked, not installed: it needs to be told where its parts are.
UNPACKED = Path(__file__).resolve().parents[2] / "build" / "qemu10" / "root"
LIBRARIES = UNPACKED / "usr/lib/x86_64-linux-gnu"
FIRMWARE = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")

# The port that the image ends a run with. QEMU's status is then code * 2 + 1.
EXIT_DEVICE = "isa-debug-exit,iobase=0xf4,iosize=1"

# QEMU says this for each processor and each feature of a model that software emulation lacks.
NOISE = b"warning: TCG doesn't support requested feature"

# The first thing that a QMP client sends. It may be sent before QEMU has even started.
QMP_GREETING = b'{"execute": "qmp_capabilities"}\n'


class EmulatorError(Exception):
    """The emulator that was asked for is not on this machine; the text is a sentence for the person."""


def program(emulator: str) -> list[str]:
    """The words that start an emulator."""
    if emulator == "qemu72":
        return [PROGRAM]
    words = ["env", f"QEMU_MODULE_DIR={LIBRARIES / 'qemu'}", str(UNPACKED / "usr/lib64/ld-linux-x86-64.so.2"),
             "--library-path", str(LIBRARIES), str(UNPACKED / "usr/bin" / PROGRAM)]
    return words + [word for directory in FIRMWARE for word in ("-L", str(UNPACKED / directory))]


@functools.cache
def version(emulator: str) -> str:
    """What the emulator calls itself, Debian's version of the package included."""
    try:
        said = subprocess.run([*program(emulator), "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        remedy = "ci/setup installs it" if emulator == "qemu72" else "ci/unpack-qemu10 fetches it"
        raise EmulatorError(f"{EMULATORS[emulator]} does not run ({error}); {remedy}") from error
    return said.splitlines()[0]


def check(emulator: str) -> None:
    """The names of emulators carry a version, which reports and tests rely on: it must be the one that runs."""
    found = f"QEMU {version(emulator).split()[3]}"
    if not f"{found}.".startswith(f"{EMULATORS[emulator]}."):
        raise EmulatorError(f"{emulator} means {EMULATORS[emulator]}, but {PROGRAM} on this machine is {found}")


def command(machine: Machine, serial: str, qmp: int | None = None) -> list[str]:
    """The command line. serial: QEMU's -serial argument; qmp: descriptor of a socket for the control protocol."""
    words = [
        *program(machine.host.emulator), "-machine", machine.board, "-cpu", machine.host.model, "-smp", str(machine.processors),
        "-m", str(machine.memory), "-accel", accelerator(machine),
        "-nodefaults", "-vga", "std", "-display", "none", "-no-reboot",
        "-device", EXIT_DEVICE, "-serial", serial,
    ]
    if machine.counted:
        words += ["-icount", "shift=0,sleep=off"]
    if machine.debug_console:
        words += ["-debugcon", f"file:{machine.debug_console}"]
    if qmp is not None:
        words += ["-chardev", f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"]
    if machine.iso:
        words += ["-cdrom", str(machine.iso), "-boot", "d"]
    elif machine.image:
        words += on_image(machine)
    else:
        words += bare(machine)
    return words + list(machine.extra)


def accelerator(machine: Machine) -> str:
    if machine.accelerator != TCG:
        return machine.accelerator
    return f"{TCG},thread={'single' if machine.counted else 'multi'}"


def on_image(machine: Machine) -> list[str]:
    """The image is a Multiboot kernel for QEMU; the guest's files are its modules, each with its command line."""
    words = ["-kernel", path(machine.image), "-append", machine.parameters]
    if machine.guest:
        modules = [f"{path(machine.guest.kernel)} {machine.guest.command_line}".strip()]
        if machine.guest.initramfs:
            modules.append(path(machine.guest.initramfs))
        # A comma separates modules; QEMU reads two as one that belongs to the text.
        words += ["-initrd", ",".join(module.replace(",", ",,") for module in modules)]
    return words


def bare(machine: Machine) -> list[str]:
    if machine.guest is None:
        raise EmulatorError("there is nothing to run: no image and no guest")
    words = ["-kernel", path(machine.guest.kernel), "-append", machine.guest.command_line]
    return words + (["-initrd", path(machine.guest.initramfs)] if machine.guest.initramfs else [])


def path(file: Path | None) -> str:
    """A blank ends the name of a Multiboot module, so the names are kept relative where that is possible."""
    name = os.path.relpath(file or "")
    if " " in name:
        raise EmulatorError(f"QEMU cannot load a Multiboot module from a path with blanks: {name}")
    return name


def shutdown_reason(control: bytes) -> str | None:
    """Why QEMU ended, out of what it wrote to the control socket: guest-shutdown, guest-reset, host-signal…"""
    for line in control.splitlines():
        message = json.loads(line)
        if message.get("event") == "SHUTDOWN":
            return str(message["data"]["reason"])
    return None
