# SPDX-License-Identifier: BSD-2-Clause
"""What the system tests share. tools/runner starts the emulators; these modules make tests of it.

    data.py       hosts/, strategies.toml, guests.toml: rows, checked when they are read; the cells of the matrix
    places.py     where things are: build/matrix/, the artefacts of each test
    cells.py      the pytest plugin: verdicts, artefacts, progress, groups; makes the page at the end
    verdicts.py   the verdicts, and when a skip or an expected failure is legal
    runs.py       the record of one run: emulator, command line, image, ending, report, counters
    collect.py    all that a run of the matrix left, as one document
    merge.py      several such documents as one
    page.py       the page, made of the document and of testmatrix/page/
    browser.py    Chromium without a screen
    shards.py, progress.py   groups for several machines; how far a run is
    lab.py        runs machines for one test: artefacts, the image under test, what is measured once a session
    dialogue.py   a running emulator: its serial console, its control protocol, the watch for silence
    shared.py     what is computed once a session, whatever the number of workers
    report.py     the capability report: its text and its JSON object
    schema.py     docs/report.schema.json
    decoder.py    what cpuid(1) reads in the report's raw part
    manual.py     what the bits of registers mean, read from the manuals a second time
    golden.py     what a host's report said when somebody last looked
    models.py     the processor models that an emulator says it has
    kvm.py        whether this machine can run the hosts that need KVM
    tap.py        the lines of a test guest
    linux.py      a Linux guest: its shell, its kernel's messages
    debugger.py   QEMU's gdb stub: physical memory
    images.py     guest files that are wrong in a chosen way
    bochs.py      bochs.toml: what Bochs does wrong by itself, and its models that are no hosts
    counters.py   exit statistics, as printed and as the guest reads them
"""
