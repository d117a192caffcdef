# SPDX-License-Identifier: BSD-2-Clause
"""Whether the machine that tests has KVM, and lets a guest virtualize in its turn (Linux: Documentation/virt/kvm/x86/nested-vmx.rst)."""

import fcntl
import functools
import os
import re
from pathlib import Path

FLAGS = {"intel": "vmx", "amd": "svm"}
YES = ("Y", "1")
KVM_CREATE_VM = 0xae01      # Linux: Documentation/virt/kvm/api.rst


def lack(vendor: str, root: Path = Path("/")) -> str | None:
    """Why hosts of the vendor cannot be run; None when they can. The vendor "any" needs no nested virtualization."""
    device = root / "dev/kvm"
    if not device.exists():
        return "there is no /dev/kvm"
    if refusal := refuses(device):
        return f"/dev/kvm makes no machine: {refusal}"
    return None if vendor == "any" else lack_of_nesting(vendor, root)


@functools.cache        # every test of a host that needs KVM asks
def refuses(device: Path) -> str | None:
    """What the kernel says: the device may be there without its module, or taken by another hypervisor."""
    try:
        with open(device, "r+b", buffering=0) as opened:
            os.close(fcntl.ioctl(opened, KVM_CREATE_VM, 0))
    except OSError as error:
        return error.strerror or str(error)
    return None


def lack_of_nesting(vendor: str, root: Path) -> str | None:
    module, flag = f"kvm_{vendor}", FLAGS[vendor]
    nested = root / "sys/module" / module / "parameters/nested"
    if not re.search(rf"^flags\b.*\b{flag}\b", (root / "proc/cpuinfo").read_text(), re.MULTILINE):
        return f"there is /dev/kvm, but no processor has the flag {flag} (/proc/cpuinfo)"
    if not nested.exists():
        return f"the module {module} is not loaded"
    if nested.read_text().strip() not in YES:
        return f"KVM does not let a guest virtualize: options {module} nested=1"
    return None
