# SPDX-License-Identifier: BSD-2-Clause
"""The script that drives the shell of the Linux guest over its serial console.

It is held back until the shell's prompt appears (the UART loses what comes before Linux has opened it) and whenever Linux
asks for a pause (XOFF, until XON): its terminal would lose what does not fit into its buffer. At the end of the script
the shell is sent Ctrl-D. A program that was reading the script takes the first one, so each later prompt gets one more.
"""

import os
import re
from dataclasses import dataclass, field

XON, XOFF, END_OF_INPUT = b"\x11", b"\x13", b"\x04"
# BusyBox may ask the terminal where the cursor is (ESC [6n), right after the prompt.
PROMPT = re.compile(rb"\[guest\] [^\r\n]* # (\x1b\[6n)?$")
PROMPT_LENGTH = 256
READ_SIZE = 4096


@dataclass
class Script:
    """source: the descriptor that the script is read from, None when all of it is known and waiting."""

    source: int | None
    waiting: bytearray = field(default_factory=bytearray)
    inside_line: bool = False
    prompted: bool = False
    paused: bool = False

    @classmethod
    def of(cls, text: str) -> "Script":
        """The whole script as text."""
        script = cls(None)
        script.append(text.encode())
        script.end()
        return script

    def append(self, data: bytes) -> None:
        self.waiting += data
        self.inside_line = not data.endswith(b"\n")

    def end(self) -> None:
        """The shell runs a last line that has no end, too."""
        self.waiting += (b"\n" if self.inside_line else b"") + END_OF_INPUT
        self.source = None

    def read(self) -> None:
        """Takes what the source has; it must be readable."""
        assert self.source is not None
        if data := os.read(self.source, READ_SIZE):
            self.append(data)
        else:
            self.end()

    def received(self, data: bytes, before: bytes) -> bytes:
        """Looks at what the console sent (before: the end of what it had sent until then); returns it without XON and XOFF."""
        for byte in data:
            if byte in XON + XOFF:
                self.paused = byte in XOFF
        data = data.replace(XON, b"").replace(XOFF, b"")
        if data and PROMPT.search(before + data):
            self.prompted = True
            if self.source is None and not self.waiting:
                self.waiting += END_OF_INPUT
        return data

    def ready(self) -> bool:
        """Whether the console may be sent what waits."""
        return bool(self.waiting) and self.prompted and not self.paused
