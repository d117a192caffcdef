# SPDX-License-Identifier: BSD-2-Clause
"""A state that Sextant cannot continue from: it says all that is known and ends with its own code.

The state is made from outside: while the guest runs, a debugger writes an instruction that does not exist into the
hypervisor's memory, as failing memory or a stray DMA write would.
"""

import re
import subprocess

import pytest
from harness import debugger
from harness.data import Host
from harness.dialogue import Dialogue
from harness.lab import Lab, Run
from harness.linux import Shell

MEMORY = 128                        # MiB: little, because all of it is searched
UD2 = b"\x0f\x0b"
SIGNATURE_BYTES = 64
REGISTERS = ("rip", "rsp", "rflags", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "cr0", "cr2", "cr3", "cr4")


def code_of(where: Lab, function: str) -> bytes:
    """The first bytes of a function in the image."""
    elf = where.build / "sextant.elf64"
    symbols = subprocess.run(["nm", "--defined-only", str(elf)], capture_output=True, text=True, check=True).stdout
    address = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.split()[2] == function)
    sections = subprocess.run(["objdump", "-h", "-w", str(elf)], capture_output=True, text=True, check=True).stdout
    for line in sections.splitlines():
        words = line.split()
        if len(words) > 6 and words[0].isdigit():
            size, virtual, offset = int(words[2], 16), int(words[3], 16), int(words[5], 16)
            if virtual <= address < virtual + size:
                start = offset + address - virtual
                return elf.read_bytes()[start:start + SIGNATURE_BYTES]
    raise AssertionError(f"{function} is in no section of {elf}")


def overwrite(where: Lab, dialogue: Dialogue, function: str) -> None:
    """Puts an undefined instruction at the start of the function, in every copy of it in memory."""
    dialogue.control("stop")
    places = debugger.find(dialogue, MEMORY, code_of(where, function))
    assert places, f"{function} is not in memory"
    with debugger.attached(dialogue) as stub:
        for place in places:
            stub.write(place, UD2)


def expect_panic(run: Run, reason: str) -> str:
    """Returns what was said from the panic on."""
    assert run.text.count("Sextant: PANIC: ") == 1
    said = run.text[run.text.index("Sextant: PANIC: "):]
    assert re.match(rf"Sextant: PANIC: {reason}", said)
    missing = [name for name in REGISTERS if not re.search(rf"\b{name} +[0-9a-f]{{4,16}}\b", said)]
    assert missing == [], "registers that were not printed"
    assert re.search(r"^host: ", said, re.MULTILINE)
    assert re.search(r"^guest: ", said, re.MULTILINE)
    binding = " ".join(f"{axis}={name}" for axis, name in run.report.binding.items())
    assert f"bound: {binding} on svm" in said
    assert re.search(r"^on CPU \d+$", said, re.MULTILINE)
    exits = re.findall(r"^exit -(\d+): reason (?:0x)?[0-9a-f]+ rip [0-9a-f]{16} information (?:0x)?[0-9a-f]+$", said,
                       re.MULTILINE)
    assert exits[:4] == ["1", "2", "3", "4"], "the last exits, newest first"
    assert "report all of the above" in said
    assert run.ending == "EXIT_PANIC"
    return said


@pytest.mark.parametrize("function", [pytest.param(name, id=f"qemu72-EPYC/{name}/amd64", marks=pytest.mark.weight(15))
                                      for name in ("guest_cpuid", "apic_emulate")])
def test_undefined_instruction(lab: Lab, main_host: Host, function: str) -> None:
    """On the way of an exit that a running guest causes by itself."""
    with lab.talk(lab.machine(main_host, "", lab.guest("amd64"), memory=MEMORY)) as dialogue:
        shell = Shell(dialogue)
        assert shell.run("nproc").split() == ["4"]
        overwrite(lab, dialogue, function)
        shell.leave("for i in 1 2 3; do cat /proc/cpuinfo; sleep 1; done")
        run = Run(dialogue.end())
    said = expect_panic(run, "exception 6 in the hypervisor")
    assert re.search(r"^host: +rip [0-9a-f]{16}", said, re.MULTILINE)


def test_all_processors_at_once(lab: Lab, main_host: Host) -> None:
    """Every CPU of this guest writes to its APIC all the time, so all panic together: one report, one end."""
    with lab.talk(lab.machine(main_host, "", lab.guest("eoi"), memory=MEMORY)) as dialogue:
        dialogue.expect(r"^1\.\.\d+")
        overwrite(lab, dialogue, "apic_emulate")
        run = Run(dialogue.end())
    expect_panic(run, "exception 6 in the hypervisor")
