# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's gdb stub: writes physical memory from outside the machine (GDB manual: Remote Protocol > Packets).

The machine stands still while a debugger is connected and goes on when it detaches.
"""

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .dialogue import Dialogue

PACKET_SIZE = 1024          # bytes of memory in one packet
ACKNOWLEDGED = b"+"


class Debugger:
    def __init__(self, connection: socket.socket) -> None:
        self.stream = connection.makefile("rwb", buffering=0)
        assert self.command("Qqemu.PhyMemMode:1") == "OK"

    def command(self, text: str) -> str:
        """Sends a packet; returns the answer's content."""
        body = text.encode()
        self.stream.write(b"$%s#%02x" % (body, sum(body) % 256))
        # Connecting stops the machine, which the stub reports whenever it gets to it.
        while (answer := self._packet(text)).startswith("T"):
            pass
        return answer

    def detach(self) -> None:
        """The machine goes on, and may come to its end at once: then nobody is left to answer or to be answered."""
        with contextlib.suppress(EOFError, ConnectionError):
            answer = self.command("D")
            assert answer == "OK", f"the stub answers {answer!r} to being left"

    def _packet(self, text: str) -> str:
        while self._byte(text) != b"$":
            pass
        content = bytearray()
        while (byte := self._byte(text)) != b"#":
            content += byte
        self.stream.read(2)     # the checksum: a local socket loses nothing
        self.stream.write(ACKNOWLEDGED)
        return content.decode()

    def _byte(self, text: str) -> bytes:
        if not (byte := self.stream.read(1)):
            raise EOFError(f"the debugger's connection was closed at {text!r}")
        return bytes(byte)

    def read(self, physical: int, length: int) -> bytes:
        return bytes.fromhex(self.command(f"m{physical:x},{length:x}"))

    def write(self, physical: int, data: bytes) -> None:
        """QEMU forgets the code that it had translated from there."""
        for at in range(0, len(data), PACKET_SIZE):
            part = data[at:at + PACKET_SIZE]
            answer = self.command(f"M{physical + at:x},{len(part):x}:{part.hex()}")
            assert answer == "OK", f"the stub answers {answer!r} to a write at {physical + at:#x}"


@contextlib.contextmanager
def attached(dialogue: Dialogue) -> Iterator[Debugger]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "gdb"
        dialogue.monitor(f"gdbserver unix:{path},server=on,wait=off")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.settimeout(dialogue.silence)
            debugger = Debugger(connection)
            yield debugger
            debugger.detach()


def find(dialogue: Dialogue, megabytes: int, pattern: bytes) -> list[int]:
    """Where in the first `megabytes` MiB of physical memory the bytes are."""
    dump = dialogue.place.with_suffix(".memory")
    dialogue.control("pmemsave", val=0, size=megabytes << 20, filename=str(dump))
    memory = dump.read_bytes()
    dump.unlink()
    found, at = [], memory.find(pattern)
    while at >= 0:
        found.append(at)
        at = memory.find(pattern, at + 1)
    return found
