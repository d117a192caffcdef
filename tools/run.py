# SPDX-License-Identifier: BSD-2-Clause
"""Boots Sextant in an emulator. `make run` and `make report` call this; `make help` lists their variables.

run      boots a guest on the image, or with --bare on the emulator alone. On a terminal the serial console is yours;
         otherwise standard input is a script for the guest's shell, and its end powers the guest off.
report   boots the image alone with report=only and prints what it says.

Exit status: 0 when the guest powered off (run) or the machine can run a guest (report); the exit code of the image, see
src/core/exit_codes.def, when it ended the run; 3 when the machine was reset; 124 when nothing was printed for too long.
"""

import argparse
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from runner import bochs, console, guests, outcome, qemu
from runner.machine import Host, HostError, Machine
from runner.script import Script

JSON_BLOCK = re.compile(r"^@@SEXTANT-JSON-BEGIN[^\n]*\n(.*?)^@@SEXTANT-JSON-END", re.MULTILINE | re.DOTALL)
LAST_LINES = 20


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "report"))
    parser.add_argument("--build", type=Path, default=guests.ROOT / "build", help="where the image and the guests are")
    parser.add_argument("--host", default="qemu72/EPYC", help="emulator/model")
    parser.add_argument("--cpus", type=int, default=4)
    parser.add_argument("--memory", type=int, default=512, help="MiB")
    parser.add_argument("--board", default=Machine.board, help="QEMU's -machine")
    parser.add_argument("--devices", default="", help="QEMU's -device; several with blanks between them")
    parser.add_argument("--parameters", default="", help="boot parameters of the image")
    parser.add_argument("--guest", default="amd64", help="amd64, i386, a name in guests/, or a Multiboot ELF file")
    parser.add_argument("--guest-arguments", default="", help="more words for the guest's command line")
    parser.add_argument("--bare", action="store_true", help="without the image: the guest on the bare emulator")
    parser.add_argument("--json", action="store_true", help="report: print the JSON object and nothing else")
    return parser.parse_args()


def show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def say(sentence: str) -> None:
    print(f"run: {sentence}", file=sys.stderr)


def hardware(options: argparse.Namespace, host: Host) -> dict[str, Any]:
    """What belongs to the machine beside its model, processors and memory."""
    if host.emulator in bochs.EMULATORS and (options.board != Machine.board or options.devices):
        raise HostError("Bochs has one board, and devices of its own: BOARD and DEVICES are for QEMU")
    devices = tuple(word for device in options.devices.split() for word in ("-device", device))
    return {"board": options.board, "extra": devices}


def run(options: argparse.Namespace, host: Host) -> int:
    by_hand = sys.stdin.isatty()
    machine = Machine(
        host, options.cpus, options.memory, None if options.bare else options.build / "sextant.elf", options.parameters,
        guests.find(options.guest, options.build, options.guest_arguments, script=not by_hand), **hardware(options, host))
    result = console.by_hand(machine) if by_hand else console.run(machine, Script(sys.stdin.fileno()), show)
    end = outcome.outcome(result)
    if end.sentence:
        say(end.sentence)
    return end.status


def report(options: argparse.Namespace, host: Host) -> int:
    machine = Machine(host, options.cpus, options.memory, options.build / "sextant.elf",
                      f"report=only {options.parameters}".strip(), **hardware(options, host))
    result = console.run(machine, show=(lambda data: None) if options.json else show)
    end = outcome.outcome(result)
    codes = outcome.exit_codes.read()
    complete = end.status in codes and codes[end.status].name == "EXIT_REPORT_ONLY"
    if options.json and not print_json(result):
        return end.status if end.status and not complete else 1
    if end.sentence and not complete:
        say(end.sentence)
    if end.status == 0:
        say("the machine ended in another way than report=only does")
        return 1
    return 0 if complete else end.status


def print_json(result: console.Result) -> bool:
    """Prints the JSON object; without one, says so and shows the end of the output."""
    found = JSON_BLOCK.search("\n".join(result.lines()) + "\n")
    if found:
        sys.stdout.write(found.group(1))
        return True
    say("the report carries no JSON object. Its last lines:")
    print("\n".join(result.lines()[-LAST_LINES:]), file=sys.stderr)
    if sentence := outcome.outcome(result).sentence:
        say(sentence)
    return False


def main() -> int:
    options = arguments()
    # Closing the terminal or killing this program ends the emulator, too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: sys.exit(outcome.STATUS_SIGNAL + received))
    try:
        host = Host.parse(options.host)
        return run(options, host) if options.what == "run" else report(options, host)
    except (HostError, guests.GuestError, qemu.EmulatorError) as error:
        say(str(error))
        return 1
    except BrokenPipeError:
        # Nobody reads on (head, less); the interpreter shall not complain either when it flushes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return outcome.STATUS_SIGNAL + signal.SIGPIPE
    except KeyboardInterrupt:
        return outcome.STATUS_SIGNAL + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
