# SPDX-License-Identifier: BSD-2-Clause
"""Whether the machine that tests has KVM, and lets a guest virtualize in its turn (Linux: Documentation/virt/kvm/x86/nested-vmx.rst)."""

import os
import re
from pathlib import Path

FLAGS = {"intel": "vmx", "amd": "svm"}
YES = ("Y", "1")


def lack(vendor: str, root: Path = Path("/")) -> str | None:
    """Why hosts of the vendor cannot be run; None when they can."""
    device, module, flag = root / "dev/kvm", f"kvm_{vendor}", FLAGS[vendor]
    nested = root / "sys/module" / module / "parameters/nested"
    if not device.exists():
        return "there is no /dev/kvm"
    if not os.access(device, os.R_OK | os.W_OK):
        return "/dev/kvm is not for this user"
    if not re.search(rf"^flags\b.*\b{flag}\b", (root / "proc/cpuinfo").read_text(), re.MULTILINE):
        return f"there is /dev/kvm, but no processor has the flag {flag} (/proc/cpuinfo)"
    if not nested.exists():
        return f"the module {module} is not loaded"
    if nested.read_text().strip() not in YES:
        return f"KVM does not let a guest virtualize: options {module} nested=1"
    return None
