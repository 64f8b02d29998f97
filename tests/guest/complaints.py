# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kernel complains of that no machine in the rig can help."""

import os
import re

# What the rig's emulator causes, not the machine in it: QEMU's guests there complain alike. Its XSETBV goes past KVM,
# which then doesn't know what a guest has switched on; it has not the latest microcode, and it is slow.
OF_THE_RIG = (r"^-+\[ cut here \]-+\nXSAVE consistency problem(?:.*\n)*?---\[ end trace .*\n", r"^CPUID\[0d, .*\n",
              r"^Speculative Return Stack Overflow: .*\n", r"^hrtimer: interrupt took .*\n",
              r"^atkbd serio0: Spurious ACK .*\n")


def of_the_machine(lines):
    """The kernel's lines without those."""
    text = "".join(line.rstrip() + "\n" for line in lines)
    for pattern in OF_THE_RIG if "RIG" in os.environ else ():
        text = re.sub(pattern, "", text, flags=re.MULTILINE)
    return text
