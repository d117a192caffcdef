# SPDX-License-Identifier: BSD-2-Clause
"""Bochs: runs a machine in it, and makes it look like QEMU to console.py and outcome.py.

Bochs boots from a disk, has a serial console only on a terminal of its own, and ends with 0 or 1. So this file is also a program:
command() gives its command line; it builds the ISO that boots the image (or the bare guest) by GRUB, runs Bochs
without a screen, carries bytes between its own standard streams and Bochs' serial port, and ends with the status that QEMU
with isa-debug-exit would end with, which it finds in Bochs' log. What a QMP client would be told it writes to --control.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import tty
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .machine import Machine

EMULATORS = {"bochs27": "Bochs 2.7", "bochs30": "Bochs 3.0"}

UNPACKED = Path(__file__).resolve().parents[2] / "build" / "bochs30" / "root"
LIBRARIES = UNPACKED / "usr/lib/x86_64-linux-gnu"

# Instructions a second of the emulated clock. Firmware and GRUB wait for time to pass: few make that short. Linux measures
# its clocks against each other, and needs more.
IPS, IPS_LINUX = 4_000_000, 20_000_000

# The emulated UART loses what its guest does not fetch in time.
INPUT_BYTES, INPUT_PAUSE = 8, 0.02

CONFIGURATION = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
romimage: file={share}/bochs/BIOS-bochs-latest
vgaromimage: file={share}/vgabios/vgabios.bin
memory: guest={memory}, host={memory}
cpu: model={model}, count={processors}, ips={ips}, reset_on_triple_fault=0{cpu}
clock: sync=none, time0=utc
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=term, dev={terminal}
speaker: enabled=0
log: {log}
panic: action=fatal
error: action=ignore
debug: action=ignore, unmapped=report
"""

EXIT_PORT = re.compile(rb"8-bit write to 00f4 = ([0-9a-f]{2})")
RESET = re.compile(rb"bx_pc_system_c::Reset\(|3rd \(\d+\) exception with no resolution")
SHUTDOWN = (b"Shutdown port: shutdown requested", b"soft power off")


def program(emulator: str) -> tuple[list[str], dict[str, str], Path]:
    """The words that start an emulator, its environment, and where its firmware is."""
    if emulator == "bochs27":
        return ["bochs-bin"], {}, Path("/usr/share")
    words = [str(UNPACKED / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", str(LIBRARIES), str(UNPACKED / "usr/bin/bochs-bin")]
    environment = {"LTDL_LIBRARY_PATH": str(LIBRARIES / "bochs/plugins"), "BXSHARE": str(UNPACKED / "usr/share/bochs")}
    return words, environment, UNPACKED / "usr/share"


def check(emulator: str) -> None:
    """As qemu.check()."""
    from .qemu import EmulatorError
    words, environment, _ = program(emulator)
    try:
        text = subprocess.run([*words, "--help"], capture_output=True, text=True, env=os.environ | environment, check=False)
    except OSError as error:
        remedy = "ci/setup installs it" if emulator == "bochs27" else "ci/unpack-bochs30 fetches it"
        raise EmulatorError(f"{words[0]} does not run ({error}); {remedy}") from error
    version = next((line.strip() for line in (text.stdout + text.stderr).splitlines() if "Bochs x86 Emulator" in line), "unknown")
    if EMULATORS[emulator].removeprefix("Bochs ") not in version:
        raise EmulatorError(f"{emulator} means {EMULATORS[emulator]}, but {words[-1]} on this machine is {version}")


def command(machine: Machine, serial: str, qmp: int | None = None) -> list[str]:
    """As qemu.command(); serial is not needed, the program's own streams are the console."""
    del serial
    words = [sys.executable, str(Path(__file__).resolve()), "--emulator", machine.host.emulator, "--model", machine.host.model,
             "--processors", str(machine.processors), "--memory", str(machine.memory), "--parameters", machine.parameters]
    if qmp is not None:
        words += ["--control", str(qmp)]
    if machine.iso:
        words += ["--iso", str(machine.iso)]
    if machine.image:
        words += ["--image", str(machine.image)]
    if machine.guest:
        words += ["--kernel", str(machine.guest.kernel), "--command-line", machine.guest.command_line]
        if machine.guest.initramfs:
            words += ["--initramfs", str(machine.guest.initramfs)]
    return words


# ---- the program ----


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emulator", choices=EMULATORS, required=True)
    parser.add_argument("--model", required=True, help="Bochs' processor model, and words for its cpu line after a comma")
    parser.add_argument("--processors", type=int, default=2)
    parser.add_argument("--memory", type=int, default=512, help="MiB")
    parser.add_argument("--parameters", default="", help="boot parameters of the image")
    parser.add_argument("--control", type=int, help="descriptor that the reason of the end is written to")
    for name in ("iso", "image", "kernel", "initramfs"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--command-line", default="", help="of the guest")
    return parser.parse_args()


def menu(options: argparse.Namespace) -> str:
    """GRUB's configuration. It boots at once."""
    lines = []
    if options.image:
        lines.append(f"multiboot2 /boot/image {options.parameters}")
        if options.kernel:
            lines.append(f"module2 /boot/kernel {options.kernel.name} {options.command_line}")
        if options.initramfs:
            lines.append("module2 /boot/initramfs")
    elif options.initramfs:
        lines += [f"linux /boot/kernel {options.command_line}", "initrd /boot/initramfs"]
    else:
        lines.append(f"multiboot /boot/kernel {options.kernel.name} {options.command_line}")
    return "\n".join([*lines, "boot", ""])


def build_iso(options: argparse.Namespace, directory: Path) -> Path:
    boot = directory / "tree" / "boot"
    (boot / "grub").mkdir(parents=True)
    (boot / "grub" / "grub.cfg").write_text(menu(options))
    for name in ("image", "kernel", "initramfs"):
        if path := getattr(options, name):
            shutil.copy(path, boot / name)
    iso = directory / "boot.iso"
    made = subprocess.run(["grub-mkrescue", f"--output={iso}", str(directory / "tree")], capture_output=True, check=False)
    if made.returncode:
        sys.exit(made.stderr.decode(errors="replace"))
    return iso


class Relay:
    """Carries bytes between the standard streams and the terminal that is Bochs' serial port. On a person's terminal
    Ctrl-A X ends the run, as in QEMU."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.input_open = True
        self.waiting = bytearray()
        self.next_input = 0.0
        self.ended, self.escape, self.by_hand = False, False, sys.stdin.isatty()

    def turn(self) -> None:
        with selectors.PollSelector() as selector:
            selector.register(self.port, selectors.EVENT_READ)
            if self.input_open and not self.waiting:
                selector.register(0, selectors.EVENT_READ)
            for key, _ in selector.select(INPUT_PAUSE if self.waiting else 0.2):
                if key.fd == self.port:
                    self.output()
                else:
                    self.input()
        if self.waiting and time.monotonic() >= self.next_input:
            os.write(self.port, self.waiting)
            self.waiting.clear()
            self.next_input = time.monotonic() + INPUT_PAUSE

    def input(self) -> None:
        data = os.read(0, 1 if self.by_hand else INPUT_BYTES)
        self.input_open = bool(data)
        self.ended = self.escape and data in (b"x", b"X")
        escaped, self.escape = self.escape, self.by_hand and not self.escape and data == b"\x01"
        if not self.escape and not (escaped and self.ended):
            self.waiting += data

    def output(self) -> bool:
        try:
            data = os.read(self.port, 4096)
        except OSError:         # nobody has the other side open
            return False
        os.write(1, data)
        return bool(data)


class Log:
    """What Bochs' log says so far."""

    def __init__(self, path: Path) -> None:
        self.path, self.position, self.resets, self.code, self.shutdown = path, 0, 0, None, False

    def read(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.position)
            data = file.read()
        end = data.rfind(b"\n") + 1
        self.position += end
        data = data[:end]
        self.resets += len(RESET.findall(data))
        self.shutdown = self.shutdown or any(words in data for words in SHUTDOWN)
        for code in EXIT_PORT.findall(data):
            self.code = int(code, 16)


def end_with_parent() -> None:
    """In the new process: whatever ends this program ends Bochs, too."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def run(options: argparse.Namespace, directory: Path) -> int:
    words, environment, share = program(options.emulator)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    model, _, cpu = options.model.partition(",")
    linux = options.initramfs is not None or options.iso is not None
    (directory / "bochsrc").write_text(CONFIGURATION.format(
        share=share, memory=options.memory, model=model, processors=options.processors, ips=IPS_LINUX if linux else IPS,
        # Linux reads registers that Bochs has not.
        cpu=(",ignore_bad_msrs=1" if linux else ",ignore_bad_msrs=0") + (f",{cpu}" if cpu else ""),
        iso=options.iso or build_iso(options, directory), terminal=os.ttyname(theirs), log=directory / "log"))
    (directory / "commands").write_text("c\nq\n")
    log = Log(directory / "log")
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen([*words, "-q", "-f", str(directory / "bochsrc"), "-rc", str(directory / "commands")],
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment,
                                   preexec_fn=end_with_parent)
    try:
        relay = Relay(ours)
        while process.poll() is None and log.resets < 2 and not relay.ended:
            relay.turn()
            log.read()
        time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    os.set_blocking(ours, False)
    while relay.output():
        pass
    log.read()
    return 0 if relay.ended else finish(options, log, directory)


def finish(options: argparse.Namespace, log: Log, directory: Path) -> int:
    """Bochs resets the machine once when it starts."""
    if log.code is not None:
        return log.code * 2 + 1
    reason = "guest-reset" if log.resets > 1 else "guest-shutdown" if log.shutdown else None
    if reason is None:
        sys.stderr.write("".join(f"{line}\n" for line in (directory / "log").read_text(errors="replace").splitlines()[-8:]))
        return 1
    if options.control is not None:
        os.write(options.control, (json.dumps({"event": "SHUTDOWN", "data": {"reason": reason}}) + "\n").encode())
    return 0


@contextlib.contextmanager
def raw_terminal():
    """A person's terminal: every key goes to the guest."""
    if not sys.stdin.isatty():
        yield
        return
    settings = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, settings)


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="bochs-") as directory, raw_terminal():
        return run(options, Path(directory))


if __name__ == "__main__":
    sys.exit(main())
