# SPDX-License-Identifier: BSD-2-Clause
"""Bochs: runs a machine in it, and makes it look like QEMU to console.py and outcome.py.

Bochs boots from a disk, has no serial console on its standard streams, and ends with 0 or 1. So this file is also a program:
command() gives its command line; it builds the ISO that boots the image (or the bare guest) by GRUB, runs Bochs
without a screen, carries bytes between its own standard streams and Bochs' serial port, and ends with the status that QEMU
with isa-debug-exit would end with, which it finds in Bochs' log. What a QMP client would be told it writes to --control.

The serial port is a connection to this program: Bochs waits until its bytes are taken, and takes one when the guest has
fetched the one before. On a terminal (com1: mode=term) it would drop what the terminal's buffer has no room for.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import functools
import json
import os
import re
import selectors
import shutil
import signal
import socket
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

SILENCE = 600.0         # seconds without output that are still patience: Bochs 2.7 on a busy machine
READ_SIZE = 1 << 16
INPUT_BYTES = 8         # few at a time: Bochs' side of the connection keeps what its guest does not fetch
CONNECT_SECONDS = 0.2   # how often to look whether Bochs has ended before it opened its serial port
END_SECONDS = 10.0      # from the end of the connection to the end of Bochs

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
com1: enabled=1, mode=socket-client, dev={address}
speaker: enabled=0
log: {log}
panic: action=fatal
error: action=ignore
debug: action=ignore, unmapped=report
"""

EXIT_PORT = re.compile(rb"8-bit write to 00f4 = ([0-9a-f]{2})")
RESET = re.compile(rb"bx_pc_system_c::Reset\(|3rd \(\d+\) exception with no resolution")
SHUTDOWN = (b"Shutdown port: shutdown requested", b"soft power off")
PREFIX = re.compile(r"^\[[^]]*\] *")
LAST_WORDS = re.compile(r"Bochs is exiting with the following message:\n(.*)\n")


def program(emulator: str) -> tuple[list[str], dict[str, str], Path]:
    """The words that start an emulator, its environment, and where its firmware is."""
    if emulator == "bochs27":
        return ["bochs-bin"], {}, Path("/usr/share")
    words = [str(UNPACKED / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", str(LIBRARIES), str(UNPACKED / "usr/bin/bochs-bin")]
    environment = {"LTDL_LIBRARY_PATH": str(LIBRARIES / "bochs/plugins"), "BXSHARE": str(UNPACKED / "usr/share/bochs")}
    return words, environment, UNPACKED / "usr/share"


@functools.cache
def version(emulator: str) -> str:
    """As qemu.version()."""
    from .qemu import EmulatorError
    words, environment, _ = program(emulator)
    try:
        text = subprocess.run([*words, "--help"], capture_output=True, text=True, env=os.environ | environment, check=False)
    except OSError as error:
        remedy = "ci/setup installs it" if emulator == "bochs27" else "ci/unpack-bochs30 fetches it"
        raise EmulatorError(f"{words[0]} does not run ({error}); {remedy}") from error
    return next((line.strip() for line in (text.stdout + text.stderr).splitlines() if "Bochs x86 Emulator" in line), "unknown")


def check(emulator: str) -> None:
    """As qemu.check()."""
    from .qemu import EmulatorError
    found = version(emulator)
    if EMULATORS[emulator].removeprefix("Bochs ") not in found:
        raise EmulatorError(f"{emulator} means {EMULATORS[emulator]}, but {program(emulator)[0][-1]} on this machine is {found}")


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
    """Carries bytes between the standard streams and Bochs' serial port. On a person's terminal Ctrl-A X ends the run, as
    in QEMU. port: the connection that Bochs has made."""

    def __init__(self, port: socket.socket) -> None:
        self.port = port
        self.port_open = self.input_open = True
        self.waiting = bytearray()
        self.ended, self.escape, self.by_hand = False, False, sys.stdin.isatty()

    def turn(self) -> None:
        """Waits for bytes, a moment at most."""
        with selectors.PollSelector() as selector:
            selector.register(self.port, selectors.EVENT_READ | (selectors.EVENT_WRITE if self.waiting else 0))
            if self.input_open and not self.waiting:
                selector.register(0, selectors.EVENT_READ)
            for key, events in selector.select(0.2):
                if key.fd == 0:
                    self.input()
                    continue
                if events & selectors.EVENT_WRITE:
                    self.send()
                if events & selectors.EVENT_READ:
                    self.output()

    def send(self) -> None:
        with contextlib.suppress(ConnectionError):
            del self.waiting[:self.port.send(self.waiting)]

    def input(self) -> None:
        data = os.read(0, 1 if self.by_hand else INPUT_BYTES)
        self.input_open = bool(data)
        self.ended = self.escape and data in (b"x", b"X")
        escaped, self.escape = self.escape, self.by_hand and not self.escape and data == b"\x01"
        if not self.escape and not (escaped and self.ended):
            self.waiting += data

    def output(self) -> None:
        """Bochs has closed the connection when nothing comes."""
        try:
            data = self.port.recv(READ_SIZE)
        except ConnectionError:
            data = b""
        self.port_open = bool(data)
        while data:
            data = data[os.write(1, data):]

    def rest(self) -> None:
        """What Bochs had said when it ended."""
        while self.port_open:
            self.output()


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


def start(options: argparse.Namespace, directory: Path, address: str) -> subprocess.Popen[bytes]:
    words, environment, share = program(options.emulator)
    model, _, cpu = options.model.partition(",")
    linux = options.initramfs is not None or options.iso is not None
    (directory / "bochsrc").write_text(CONFIGURATION.format(
        share=share, memory=options.memory, model=model, processors=options.processors, ips=IPS_LINUX if linux else IPS,
        # Linux reads registers that Bochs has not.
        cpu=(",ignore_bad_msrs=1" if linux else ",ignore_bad_msrs=0") + (f",{cpu}" if cpu else ""),
        iso=options.iso or build_iso(options, directory), address=address, log=directory / "log"))
    (directory / "commands").write_text("c\nq\n")
    with (directory / "output").open("wb") as output:
        return subprocess.Popen([*words, "-q", "-f", str(directory / "bochsrc"), "-rc", str(directory / "commands")],
                                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment,
                                preexec_fn=end_with_parent)


def accept(listener: socket.socket, process: subprocess.Popen[bytes]) -> socket.socket | None:
    """The connection that Bochs makes when it starts; None when it ends without."""
    listener.settimeout(CONNECT_SECONDS)
    while process.poll() is None:
        with contextlib.suppress(TimeoutError):
            return listener.accept()[0]
    return None


def run(options: argparse.Namespace, directory: Path) -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = start(options, directory, "127.0.0.1:{1}".format(*listener.getsockname()))
        log = Log(directory / "log")
        try:
            port = accept(listener, process)
            if port is None:
                return finish(options, log, process.wait(), directory)
            with port:
                relay = Relay(port)
                while relay.port_open and log.resets < 2 and not relay.ended:
                    relay.turn()
                    log.read()
                if not relay.port_open:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(END_SECONDS)
                process.kill()
                status = process.wait()
                relay.rest()
        finally:
            process.kill()
            process.wait()
    log.read()
    return 0 if relay.ended else finish(options, log, status, directory)


def finish(options: argparse.Namespace, log: Log, status: int, directory: Path) -> int:
    """The status to end with. Bochs resets the machine once when it starts."""
    if log.code is not None:
        return log.code * 2 + 1
    reason = "guest-reset" if log.resets > 1 else "guest-shutdown" if log.shutdown else None
    if reason is None:
        sys.stderr.write(complaint(options, status, directory))
        return 1
    if options.control is not None:
        os.write(options.control, (json.dumps({"event": "SHUTDOWN", "data": {"reason": reason}}) + "\n").encode())
    return 0


def complaint(options: argparse.Namespace, status: int, directory: Path) -> str:
    """A sentence: Bochs ended by itself, and what it said last."""
    how = f"died of {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    said = (directory / "output").read_text(errors="replace")
    words = LAST_WORDS.search(said)
    last = words[1] if words else next((line for line in reversed(said.splitlines()) if line.strip(" =")), "nothing")
    if "cpu directive malformed" in last:
        last = "it does not know this processor model or a word behind it"
    return f"{EMULATORS[options.emulator]}, model {options.model}, {how} before the machine did: {PREFIX.sub('', last).strip()}\n"


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
