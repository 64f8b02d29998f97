# SPDX-License-Identifier: GPL-3.0-or-later
"""Installation media for tests of the creation wizard."""
import os
import subprocess


def make_medium(name, label):
    """Made as Debian's are, with other contents; in Downloads, where the wizard looks."""
    home = os.environ["HOME"]
    downloads, root = os.path.join(home, "Downloads"), os.path.join(home, "root")
    path = os.path.join(downloads, name)
    os.makedirs(os.path.join(root, "install.amd"), exist_ok=True)
    os.makedirs(downloads, exist_ok=True)
    for file, content in (("install.amd/vmlinuz", b"kernel"), ("install.amd/initrd.gz", b"initrd"),
                          ("boot.img", b"\xf4" + bytes(2047))):
        with open(os.path.join(root, file), "wb") as out:
            out.write(content)
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-V", label, "-o", path, "-b", "boot.img", "-c", "boot.cat",
                    "-no-emul-boot", root], check=True, stderr=subprocess.DEVNULL)
    return path
