# SPDX-License-Identifier: BSD-2-Clause
"""The guests: Debian's kernels with the initramfs, and Multiboot ELF files."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# loglevel=6: notices and worse, about 30 lines of a boot. panic=-1: a panic resets, which ends the run.
LINUX_COMMAND_LINE = "console=ttyS0,115200 panic=-1 loglevel=6"


class GuestError(Exception):
    """A guest that cannot be run; the text is a sentence for the person."""


@dataclass(frozen=True)
class Guest:
    """What boots on the image or on the bare emulator: a kernel, its command line, and perhaps an initramfs."""

    name: str
    kernel: Path
    command_line: str
    initramfs: Path | None = None

    @property
    def is_linux(self) -> bool:
        return self.initramfs is not None


def linux(architecture: str, build: Path, arguments: str = "", script: bool = False) -> Guest:
    """Debian's kernel for amd64 or i386; script: its shell is driven by a program, not by a person."""
    words = [LINUX_COMMAND_LINE, "SCRIPT=1" if script else "", arguments]
    return Guest(
        name=architecture,
        kernel=present(ROOT / "build" / "debian" / architecture / "vmlinuz", "ci/setup fetches it"),
        command_line=" ".join(filter(None, words)),
        initramfs=present(build / f"initramfs-{architecture}.cpio", "make builds it"),
    )


def multiboot(kernel: Path, arguments: str = "") -> Guest:
    return Guest(name=kernel.stem, kernel=present(kernel, "`make guests` builds those of guests/"), command_line=arguments)


def find(name: str, build: Path, arguments: str = "", script: bool = False) -> Guest:
    """The guest of make's GUEST=: amd64, i386, a name in guests/, or the path of a Multiboot ELF file."""
    if name in ("amd64", "i386"):
        return linux(name, build, arguments, script)
    if (ROOT / "guests" / name / "main.c").is_file():
        return multiboot(build / "guests" / f"{name}.elf", arguments)
    if "/" not in name and not Path(name).exists():
        known = sorted(path.parent.name for path in ROOT.glob("guests/*/main.c"))
        raise GuestError(f"there is no guest {name}: amd64, i386, the path of a Multiboot ELF file, or one of "
                         f"guests/: {', '.join(known)}")
    return multiboot(Path(name), arguments)


def present(path: Path, remedy: str) -> Path:
    if not path.is_file():
        raise GuestError(f"{path} is missing; {remedy}")
    return path
