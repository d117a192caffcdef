# SPDX-License-Identifier: BSD-2-Clause
"""Writes the initramfs of the Linux guest: BusyBox, /dev/console and the scripts beside this file, as a cpio archive.

The archive is written here and not by cpio(1) because a device node can then be in it without being root, and because
the same input gives the same bytes: everything belongs to root, is dated 0, and is sorted.
Format: "newc", Linux documentation: Driver API > initramfs buffer format.
"""

import argparse
import stat
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Entry:
    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(name: str) -> Entry:
    return Entry(name, stat.S_IFDIR | 0o755)


def program(name: str, data: bytes) -> Entry:
    return Entry(name, stat.S_IFREG | 0o755, data)


def header(entry: Entry, inode: int) -> bytes:
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    name = entry.name.encode() + b"\0"
    fields = (inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    return padded(b"070701" + b"".join(b"%08x" % field for field in fields) + name)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def archive(entries: list[Entry]) -> bytes:
    ordered = sorted(entries, key=lambda entry: entry.name)
    body = b"".join(header(entry, inode) + padded(entry.data) for inode, entry in enumerate(ordered, 1))
    return body + header(Entry("TRAILER!!!", 0), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busybox", type=Path, required=True, help="a statically linked BusyBox")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.output.write_bytes(archive([
        directory("bin"),
        program("bin/busybox", arguments.busybox.read_bytes()),
        directory("dev"),
        Entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)),
        directory("etc"),
        program("etc/session", (HERE / "session").read_bytes()),
        program("etc/shell", (HERE / "shell").read_bytes()),
        program("init", (HERE / "init").read_bytes()),
    ]))


if __name__ == "__main__":
    main()
