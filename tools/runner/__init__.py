# SPDX-License-Identifier: BSD-2-Clause
"""Runs the image, or a guest alone, in an emulator: shared by tools/run.py and testmatrix/.

    machine.py      what is to be run: host, processors, memory, image, boot parameters, guest
    guests.py       where a guest's files are, and its command line
    qemu.py         the command line of QEMU, and what its exit status means
    bochs.py        Bochs, made to look like QEMU to the others
    console.py      runs it: shows the serial console, feeds the guest's shell, watches for silence
    exit_codes.py   the exit codes of the image, from src/core/exit_codes.def
"""
