# SPDX-License-Identifier: BSD-2-Clause
"""What the system tests share. tools/runner starts the emulators; these modules make tests of it.

    data.py       hosts.toml, strategies.toml, guests.toml: rows, checked when they are read; the cells of the matrix
    lab.py        runs machines for one test: artefacts, the image under test, what is measured once a session
    dialogue.py   a running emulator: its serial console, its control protocol, the watch for silence
    shared.py     what is computed once a session, whatever the number of workers
    report.py     the capability report: its text and its JSON object
    decoder.py    what cpuid(1) reads in the report's raw part
    tap.py        the lines of a test guest
    linux.py      a Linux guest: its shell, its kernel's messages
    debugger.py   QEMU's gdb stub: physical memory
    images.py     guest files that are wrong in a chosen way
    bochs.py      bochs.toml: what Bochs does wrong by itself
    counters.py   exit statistics, as printed and as the guest reads them
"""
