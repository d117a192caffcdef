# SPDX-License-Identifier: BSD-2-Clause
"""Guest files that are wrong in a chosen way, made of right ones."""

import struct
from dataclasses import dataclass
from pathlib import Path

SETUP_SECTORS, PAYLOAD_PARAGRAPHS, LINUX_MAGIC = 0x1f1, 0x1f4, 0x202      # Linux documentation: x86 boot protocol
MULTIBOOT_MAGIC = b"\x02\xb0\xad\x1b"


@dataclass(frozen=True)
class LinuxSizes:
    """What the boot protocol's header says of a bzImage: bytes of the setup part, and of all that is loaded."""

    setup: int
    whole: int

    @classmethod
    def of(cls, kernel: bytes) -> "LinuxSizes":
        setup = ((kernel[SETUP_SECTORS] or 4) + 1) * 512
        return cls(setup, setup + 16 * struct.unpack_from("<I", kernel, PAYLOAD_PARAGRAPHS)[0])


@dataclass(frozen=True)
class ElfEnds:
    """Offsets in a 32-bit ELF file: the ends of its header, of its program headers, and of its last loaded segment."""

    header: int
    program_headers: int
    segments: int

    @classmethod
    def of(cls, file: bytes) -> "ElfEnds":
        offset, = struct.unpack_from("<I", file, 0x1c)
        header, size, count = struct.unpack_from("<HHH", file, 0x28)
        segments = [struct.unpack_from("<IIIIIIII", file, offset + i * size) for i in range(count)]
        return cls(header, offset + size * count, max(row[1] + row[4] for row in segments if row[0] == 1))


def without_multiboot(file: bytes) -> bytes:
    """An ELF kernel whose Multiboot header has another magic number."""
    assert MULTIBOOT_MAGIC in file[:8192]
    return file.replace(MULTIBOOT_MAGIC, b"\0\0\0\0")


def write(directory: Path, name: str, content: bytes) -> Path:
    path = directory / name
    path.write_bytes(content)
    return path
