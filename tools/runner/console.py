# SPDX-License-Identifier: BSD-2-Clause
"""Runs a machine: by hand on this terminal, or by a program that reads its serial console and may feed its shell."""

import contextlib
import fcntl
import os
import selectors
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from . import bochs, qemu
from .machine import Machine
from .script import PROMPT_LENGTH, Script

PIPE_SIZE = 4096        # one page, the least that a pipe can have


@dataclass(frozen=True)
class Result:
    """How a run ended. status: the emulator's own, negative for a signal; reason: why it ended, when it said so; output:
    of the serial console; errors: of the emulator; timeout: why it was killed, when it was."""

    status: int
    reason: str | None
    output: bytes
    errors: bytes
    timeout: str | None = None

    def lines(self) -> list[str]:
        return self.output.decode(errors="replace").replace("\r", "").splitlines()


def driver(machine: Machine) -> ModuleType:
    """The module that knows the machine's emulator."""
    return bochs if machine.host.emulator in bochs.EMULATORS else qemu


class Emulator:
    """A started emulator: its process, what it says on stderr, and its control socket."""

    def __init__(self, machine: Machine, serial: str, **streams: int) -> None:
        emulator = driver(machine)
        emulator.check(machine.host.emulator)
        self.control, theirs = socket.socketpair()
        self.control.sendall(qemu.QMP_GREETING)
        with theirs:
            self.process = subprocess.Popen(emulator.command(machine, serial, theirs.fileno()), stderr=subprocess.PIPE,
                                            pass_fds=(theirs.fileno(),), **streams)
        self.errors = bytearray()
        self.listener = threading.Thread(target=self._listen)
        self.listener.start()

    def _listen(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            if qemu.NOISE not in line:
                self.errors += line
                sys.stderr.buffer.write(line)
                sys.stderr.flush()

    def result(self, output: bytes = b"", timeout: str | None = None) -> Result:
        """Waits for the end."""
        status = self.process.wait()
        self.listener.join()
        control = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while data := self.control.recv(PIPE_SIZE):
                control += data
        return Result(status, qemu.shutdown_reason(control), output, bytes(self.errors), timeout)

    def close(self) -> None:
        """Whatever happened: the emulator does not outlive this program."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.listener.join()
        self.control.close()


def by_hand(machine: Machine) -> Result:
    """The serial console on this terminal, with QEMU's own keys (Ctrl-A X ends it, Ctrl-A H helps)."""
    settings = termios.tcgetattr(sys.stdin)
    with contextlib.closing(Emulator(machine, "mon:stdio")) as emulator:
        try:
            return emulator.result()
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)


def run(machine: Machine, script: Script | None = None, show: Callable[[bytes], object] = lambda data: None,
        silence: float | None = None, limit: float | None = None) -> Result:
    """Runs to the end. show is called with what the serial console sends, as it comes.

    silence: seconds without output after which the run is hopeless, by default what its emulator may take; a script's
    commands may take their time, so with a script this counts only until the first prompt. limit: seconds for the whole run.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with contextlib.closing(Emulator(machine, "stdio", **pipes)) as emulator:
        pump = Pump(emulator.process, script, show, silence or driver(machine).SILENCE, limit)
        timeout = pump.run()
        if timeout:
            emulator.process.kill()
        return emulator.result(bytes(pump.output), timeout)


class Pump:
    """Carries bytes: console → show, script → console."""

    def __init__(self, process: subprocess.Popen[bytes], script: Script | None, show: Callable[[bytes], object],
                 silence: float, limit: float | None) -> None:
        assert process.stdin and process.stdout
        self.to_console, self.from_console = process.stdin.fileno(), process.stdout.fileno()
        # What is on its way when the console asks for a pause must be little, and it must not block this program.
        fcntl.fcntl(self.to_console, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        os.set_blocking(self.to_console, False)
        self.script, self.show = script, show
        self.silence, self.limit = silence, limit
        self.output = bytearray()

    def run(self) -> str | None:
        """Until the console is closed; returns why it was given up, if it was."""
        start = last = time.monotonic()
        while True:
            now = time.monotonic()
            deadlines = self._deadlines(start, last)
            for deadline, sentence in deadlines:
                if now >= deadline:
                    return sentence
            wait = min((deadline - now for deadline, _ in deadlines), default=None)
            for descriptor in self._ready(wait):
                if descriptor == self.from_console:
                    if not self._receive():
                        return None
                    last = time.monotonic()
                elif descriptor == self.to_console:
                    self._send()
                elif self.script:
                    self.script.read()

    def _deadlines(self, start: float, last: float) -> list[tuple[float, str]]:
        deadlines = []
        if not (self.script and self.script.prompted):
            deadlines.append((last + self.silence, f"nothing was printed for {self.silence:g} seconds"))
        if self.limit is not None:
            deadlines.append((start + self.limit, f"the run did not end within {self.limit:g} seconds"))
        return deadlines

    def _ready(self, wait: float | None) -> Iterator[int]:
        # poll() and not epoll(): the script may be a regular file.
        with selectors.PollSelector() as selector:
            selector.register(self.from_console, selectors.EVENT_READ)
            if self.script and self.script.ready():
                selector.register(self.to_console, selectors.EVENT_WRITE)
            if self.script and self.script.source is not None and not self.script.waiting:
                selector.register(self.script.source, selectors.EVENT_READ)
            for key, _ in selector.select(wait):
                yield key.fd

    def _receive(self) -> bool:
        data = os.read(self.from_console, PIPE_SIZE)
        if not data:
            return False
        if self.script:
            data = self.script.received(data, bytes(self.output[-PROMPT_LENGTH:]))
        self.output += data
        self.show(data)
        return True

    def _send(self) -> None:
        assert self.script
        try:
            sent = os.write(self.to_console, self.script.waiting[:PIPE_SIZE])
        except BlockingIOError:
            return
        except BrokenPipeError:
            sent = len(self.script.waiting)     # the emulator has ended; its last output is still to be read
        del self.script.waiting[:sent]
