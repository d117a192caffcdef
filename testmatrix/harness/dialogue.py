# SPDX-License-Identifier: BSD-2-Clause
"""A running emulator: what it says on its serial console, what it is told there and by its control protocol.

Progress is output. A run that has said nothing for `silence` seconds is given up, and so is one that has not ended
after `limit` seconds, however much it says. Neither is ever tried again.
"""

import contextlib
import json
import os
import re
import selectors
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

from runner import console
from runner.machine import Machine

from . import runs

SILENCE = 180.0         # seconds; nothing that is tested is silent for more than a tenth of it on an idle machine
LIMIT = 1200.0          # seconds
READ_SIZE = 1 << 16
LAST_LINES = 12
FLOW_CONTROL = bytes((0x11, 0x13))


class Stalled(Exception):
    """The emulator did not get on; the text says for how long, waiting for what, and what it said last."""


class Ended(Exception):
    """The emulator ended while something was expected of it."""


class Dialogue:
    """Use as a context manager, so that the emulator does not outlive the test."""

    def __init__(self, machine: Machine, directory: Path, name: str, silence: float = SILENCE,
                 limit: float = LIMIT) -> None:
        self.place, self.machine, self.silence = directory / name, machine, silence
        self._result: console.Result | None = None
        self.output = bytearray()
        self.messages: list[dict[str, Any]] = []    # of the control protocol
        self._control = bytearray()
        self._at = 0                                # what of the output was expected already
        self._open = True
        self._given_up = False
        self._commands = 0
        self._write_command(machine)
        self.emulator = console.Emulator(machine, "stdio", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process = self.emulator.process
        assert process.stdin and process.stdout
        self._to_console, self._from_console = process.stdin.fileno(), process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._from_console, selectors.EVENT_READ)
        self._selector.register(self.emulator.control, selectors.EVENT_READ)
        self._start = self._last = time.monotonic()
        self._deadline = self._start + limit

    def __enter__(self) -> "Dialogue":
        return self

    def __exit__(self, *_: object) -> None:
        self.emulator.close()
        self._selector.close()
        self.place.with_suffix(".serial.log").write_bytes(self.output)
        self.place.with_suffix(".errors.log").write_bytes(self.emulator.errors)
        runs.keep(self.place, self.machine, self._result, bytes(self.output), time.monotonic() - self._start)

    # ---- the serial console ----

    def expect(self, pattern: str) -> str:
        """Waits until the console has said something that matches, after what was expected before; returns what it has
        said until there, the match included."""
        compiled = re.compile(pattern.encode(), re.MULTILINE)
        while True:
            if found := compiled.search(self.output, self._at):
                said = self.output[self._at:found.end()]
                self._at = found.end()
                return said.decode(errors="replace").replace("\r", "")
            if not self._open:
                raise Ended(f"the emulator ended, and {pattern!r} was not said. Last lines:\n{self._tail()}")
            self._pump(f"for {pattern!r} to be said")

    def send(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._to_console, data):]

    def end(self) -> console.Result:
        """Waits for the end of the run."""
        while self._open:
            self._pump("for the end")
        status = self.emulator.process.wait()
        self.emulator.listener.join()
        self._drain_control()
        reasons = [message["data"]["reason"] for message in self.messages if message.get("event") == "SHUTDOWN"]
        output = bytes(self.output)
        self._result = console.Result(status, reasons[0] if reasons else None, output, bytes(self.emulator.errors))
        return self._result

    # ---- the control protocol ----

    def control(self, command: str, **arguments: object) -> Any:
        """Executes a command of QEMU's machine protocol; returns what it returns."""
        self._commands += 1
        number = self._commands
        request = {"execute": command, "id": number} | ({"arguments": arguments} if arguments else {})
        self.emulator.control.sendall(json.dumps(request).encode() + b"\n")
        while True:
            for message in self.messages:
                if message.get("id") == number:
                    if "error" in message:
                        raise RuntimeError(f"{command}: {message['error']['desc']}")
                    return message["return"]
            if not self._open:
                raise Ended(f"the emulator ended during {command}. Last lines:\n{self._tail()}")
            self._pump(f"for the answer to {command}", silence=False)

    def monitor(self, line: str) -> str:
        """Executes a line of QEMU's human monitor."""
        return str(self.control("human-monitor-command", **{"command-line": line}))

    # ---- inside ----

    def _pump(self, waiting: str, silence: bool = True) -> None:
        now = time.monotonic()
        until = min(self._deadline, self._last + self.silence) if silence else self._deadline
        ready = self._selector.select(max(0.0, until - now))
        if not ready and time.monotonic() >= until:
            if self._given_up:
                raise Stalled("it does not answer either")
            quiet = f"nothing was said for {self.silence:g} seconds"
            raise Stalled(f"{'it took too long' if until == self._deadline else quiet}, waiting {waiting}; "
                          f"the processors are in {self._save_registers()}. Last lines:\n{self._tail()}")
        for key, _ in ready:
            if key.fileobj == self._from_console:
                self._receive()
            else:
                self._receive_control()

    def _receive(self) -> None:
        data = os.read(self._from_console, READ_SIZE)
        if not data:
            self._selector.unregister(self._from_console)
            self._open = False
            return
        self.output += data.translate(None, FLOW_CONTROL)
        self._last = time.monotonic()

    def _receive_control(self) -> bool:
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = self.emulator.control.recv(READ_SIZE)
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(self.emulator.control)
            return False
        self._control += data
        *complete, rest = self._control.split(b"\n")
        self._control = bytearray(rest)
        self.messages += [json.loads(line) for line in complete if line.strip()]
        return True

    def _drain_control(self) -> None:
        while self._receive_control():
            pass

    def _save_registers(self) -> str:
        """Where every processor stands, for whoever reads why a run hangs."""
        file = self.place.with_suffix(".registers")
        self._given_up = True
        self._deadline = time.monotonic() + self.silence
        try:
            file.write_text(self.monitor("info registers -a") + self.monitor("info lapic"))
        except (OSError, RuntimeError, Ended, Stalled) as error:
            file.write_text(f"not known: {error}\n")
        return str(file)

    def _tail(self) -> str:
        lines = self.output.decode(errors="replace").replace("\r", "").splitlines()
        return "\n".join(lines[-LAST_LINES:])

    def _write_command(self, machine: Machine) -> None:
        words = console.driver(machine).command(machine, "stdio")
        self.place.parent.mkdir(parents=True, exist_ok=True)
        self.place.with_suffix(".command").write_text(shell_line(words))


def shell_line(words: list[str]) -> str:
    """One line that a person can paste."""
    return f"cd {shlex.quote(os.getcwd())} && {shlex.join(words)}\n"
