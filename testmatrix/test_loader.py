# SPDX-License-Identifier: BSD-2-Clause
"""Guest modules that are missing, cut off, or something else: a sentence that says what is wrong, an orderly end."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from harness import images, lab
from harness.data import Host
from harness.images import ElfEnds, LinuxSizes
from harness.lab import Lab, Run
from runner.guests import Guest

MOST_MODULES = 16       # src/boot/boot_information.h


@dataclass(frozen=True)
class Wrong:
    """A guest that must be refused. make: the content of the file, out of a right kernel's and its sizes; says: what
    the sentence must have in it."""

    name: str
    make: Callable[[bytes], bytes]
    says: tuple[str, ...]


def cut_linux(at: Callable[[LinuxSizes], int]) -> Callable[[bytes], bytes]:
    return lambda kernel: kernel[:at(LinuxSizes.of(kernel))]


def cut_elf(at: Callable[[ElfEnds], int]) -> Callable[[bytes], bytes]:
    return lambda kernel: kernel[:at(ElfEnds.of(kernel))]


LINUX = (
    Wrong("cut-in-magic", lambda kernel: kernel[:images.LINUX_MAGIC + 2], ("unknown kind", "516 bytes")),
    Wrong("cut-in-header", lambda kernel: kernel[:0x220], ("truncated",)),
    Wrong("cut-in-setup", cut_linux(lambda sizes: sizes.setup - 512), ("truncated",)),
    Wrong("cut-after-setup", cut_linux(lambda sizes: sizes.setup), ("truncated",)),
    Wrong("cut-in-the-middle", cut_linux(lambda sizes: sizes.whole // 2), ("truncated",)),
    Wrong("cut-by-a-byte", cut_linux(lambda sizes: sizes.whole - 1), ("truncated",)),
)
ELF = (
    Wrong("cut-in-elf-header", cut_elf(lambda ends: ends.header - 4), ("unknown kind",)),
    Wrong("cut-in-program-headers", cut_elf(lambda ends: ends.program_headers - 4), ("unknown kind",)),
    Wrong("cut-in-segments", cut_elf(lambda ends: ends.segments // 2), ("truncated",)),
    Wrong("cut-by-a-byte", cut_elf(lambda ends: ends.segments - 1), ("truncated",)),
    Wrong("no-multiboot-header", images.without_multiboot, ("unknown kind", "7f 45 4c 46")),
)
FOREIGN = (
    Wrong("text", lambda kernel: b"This is no kernel.\n" * 200, ("unknown kind", "54 68 69 73")),
    Wrong("one-byte", lambda kernel: b"\x7f", ("unknown kind", "1 byte")),
    Wrong("zeros", lambda kernel: bytes(1 << 20), ("unknown kind", "1048576 bytes")),
)


def cases(guest: str, rows: tuple[Wrong, ...]) -> list[object]:
    return [pytest.param(guest, row, id=f"qemu72-EPYC/{guest}/{row.name}") for row in rows]


@pytest.mark.parametrize(("kind", "wrong"), cases("amd64", LINUX) + cases("i386", LINUX) + cases("smp", ELF + FOREIGN))
def test_wrong_module(lab: Lab, main_host: Host, kind: str, wrong: Wrong) -> None:
    right = lab.guest(kind)
    kernel = images.write(lab.directory, wrong.name, wrong.make(right.kernel.read_bytes()))
    run = lab.run(lab.machine(main_host, guest=Guest(wrong.name, kernel, right.command_line, right.initramfs)))
    expect_refused(run, "EXIT_GUEST_IMAGE", *wrong.says)


def test_right_modules_are_what_is_cut(lab: Lab) -> None:
    """The cuts above are cuts: the files hold all that their headers speak of, and the ELF has a Multiboot header."""
    for name in ("amd64", "i386"):
        kernel = lab.guest(name).kernel.read_bytes()
        assert 0 < LinuxSizes.of(kernel).setup < LinuxSizes.of(kernel).whole <= len(kernel)
    guest = lab.guest("smp").kernel.read_bytes()
    ends = ElfEnds.of(guest)
    assert 0 < ends.header < ends.program_headers < ends.segments <= len(guest)
    assert images.MULTIBOOT_MAGIC in guest[:8192]


def test_no_module(lab: Lab, main_host: Host) -> None:
    expect_refused(lab.run(lab.machine(main_host)), "EXIT_GUEST_IMAGE", "there is no module", "-initrd")


def test_empty_module(lab: Lab, main_host: Host) -> None:
    """Two modules, because QEMU drops a lone empty one."""
    empty = images.write(lab.directory, "empty", b"")
    run = lab.run(lab.machine(main_host, guest=Guest("empty", empty, "", empty)))
    expect_refused(run, "EXIT_GUEST_IMAGE")


@pytest.mark.parametrize("count", [pytest.param(MOST_MODULES, id="qemu72-EPYC/auto/most-modules"),
                                   pytest.param(MOST_MODULES + 1, id="qemu72-EPYC/auto/too-many-modules")])
def test_module_count(lab: Lab, main_host: Host, count: int) -> None:
    """A Multiboot guest gets as many modules as can be handed on; one more is refused."""
    run = lab.run(lab.machine(main_host, guest=None, extra=("-initrd", modules(lab, count))))
    if count > MOST_MODULES:
        expect_refused(run, "EXIT_GUEST_IMAGE", f"passed {count} modules", f"at most {MOST_MODULES}")
    else:
        expect_started(run)


def test_linux_with_two_initrds(lab: Lab, main_host: Host) -> None:
    """Linux takes one initrd; a second module would be lost without a word."""
    right = lab.guest("amd64")
    kernel = f"{right.kernel} {right.command_line}".replace(",", ",,")
    words = ",".join((kernel, str(right.initramfs), str(right.initramfs)))
    run = lab.run(lab.machine(main_host, extra=("-initrd", words)))
    expect_refused(run, "EXIT_GUEST_IMAGE", "one initrd")


def test_linux_command_line_too_long(lab: Lab, main_host: Host) -> None:
    """Linux takes 2047 characters; what is longer would be cut in it."""
    right = lab.guest("amd64", "x" * 2048)
    run = lab.run(lab.machine(main_host, guest=right))
    expect_refused(run, "EXIT_GUEST_IMAGE", "the command line is too long")


def modules(lab: Lab, count: int) -> str:
    kernel = lab.guest("smp").kernel
    other = images.write(lab.directory, "module", b"content of a module")
    return ",".join([str(kernel)] + [str(other)] * (count - 1))


def expect_started(run: Run) -> None:
    assert run.tap.planned
    assert run.tap.complaints() == []
    assert run.ending == lab.ALL_OK


def expect_refused(run: Run, ending: str, *says: str) -> None:
    """One sentence as the last thing that is said, after the report, and the exit code."""
    last = run.lines[-1] if run.lines else ""
    assert last.startswith("Sextant: ")
    assert [words for words in says if words not in last] == []
    assert run.ending == ending
    assert run.report.outcome in ("runs", "degraded"), "the report of the machine must not depend on the guest"
