# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of snapshots of machines that run share: a library of its own, a guest that counts, and its disk as
another implementation reads it."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
DISK_SIZE = 4 * MIB
BLOCK = 64 << 10
TOUCHED = 16 * MIB  # of the guest's memory

# 32-bit code at 1 MiB: touches its memory, a page at a time; counts, and says so on COM1 now and then.
CODE = bytes.fromhex(
    "bf00004000"  # mov $0x400000, %edi
    "893f"  # 1: mov %edi, (%edi)
    "81c700100000"  # add $0x1000, %edi
    "81ff00004001"  # cmp $0x1400000, %edi
    "72f0"  # jb 1b
    "ff0500002000"  # 2: incl 0x200000
    "a100002000"  # mov 0x200000, %eax
    "a9ff0f0000"  # test $0xfff, %eax
    "75ee"  # jne 2b
    "b82e000000"  # mov $'.', %eax
    "baf8030000"  # mov $0x3f8, %edx
    "ee"  # out %al, %dx
    "ebe1"  # jmp 2b
)


class Library:
    """A folder of machines, and the command that works on them."""

    def __init__(self, program, chance, folder=None):
        self.program = os.path.abspath(program)
        self.chance = chance
        self.scratch = tempfile.mkdtemp(prefix="bonsai-snapshots-")
        self.folder = folder or self.scratch + "/library"
        os.environ.update(BONSAI_LIBRARY=self.folder, XDG_RUNTIME_DIR=self.scratch + "/run",
                          XDG_STATE_HOME=self.scratch + "/state", LC_ALL="C.UTF-8")
        os.mkdir(self.scratch + "/run", 0o700)
        self.kernel = self.scratch + "/kernel"
        address, flags, magic = 0x100000, 0x10000, 0x1badb002  # Multiboot 0.6.96, section 3.1
        with open(self.kernel, "wb") as file:
            file.write(struct.pack("<8I", magic, flags, -(magic + flags) & 0xffffffff, address, address, 0, 0,
                                   address + 32))
            file.write(CODE)

    def close(self):
        shutil.rmtree(self.scratch)

    def process(self, *arguments):
        return subprocess.run([self.program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, check=False)

    def run(self, *arguments):
        """Returns: exit status, and what it said."""
        done = self.process(*arguments)
        return done.returncode, done.stdout + done.stderr

    def bonsai(self, *arguments):
        done = self.process(*arguments)
        assert done.returncode == 0, f"bonsai {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def show(self, name):
        return json.loads(self.bonsai("show", name, "--json"))

    def nodes(self, name):
        return json.loads(self.bonsai("snapshot", "list", "--json", name))

    def names(self):
        return [machine["name"] for machine in json.loads(self.bonsai("list", "--json"))]

    def serial(self, name):
        return f"{self.scratch}/{name}.serial"

    def create(self, name, content, folder=None):
        """A machine of the guest above, off; its disk holds @content."""
        disk = f"{folder or self.scratch}/{name}.raw"
        with open(disk, "wb") as file:
            file.write(content)
        self.bonsai("create", name, "--memory", "64M", "--kernel", self.kernel, "--existing-disk", disk,
                    "--network", "none", "--serial", f"file:{self.serial(name)}")

    def is_running(self, name):
        return "pid" in self.show(name)

    def start(self, name):
        self.bonsai("start", "--headless", name)

    def kill(self, name):
        """Unless it is off: what a command that was killed asked for may go on, as suspending does."""
        pid = self.show(name).get("pid")
        try:
            os.kill(pid or 1 << 30, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def wait_count(self, name):
        """The guest goes on."""
        before = os.path.getsize(self.serial(name))
        deadline = time.monotonic() + 30
        while os.path.getsize(self.serial(name)) == before:
            assert time.monotonic() < deadline, f"the guest stands: {self.show(name)}"
            time.sleep(0.02)

    # --- its disk ---

    def read_image(self, path, kind):
        raw = self.scratch + "/read.raw"
        subprocess.run(["qemu-img", "convert", "-U", "-f", kind, "-O", "raw", path, raw], check=True)
        with open(raw, "rb") as file:
            return file.read()

    def top(self, name):
        shown = self.show(name)
        disk = shown["config"]["disks"][0]
        return os.path.join(shown["path"], disk["path"]), disk.get("format", "raw")

    def read(self, name):
        return self.read_image(*self.top(name))

    def read_node(self, name, node):
        disk = node["disks"][0]
        return self.read_image(os.path.join(self.show(name)["path"], disk["layer"]), disk["format"])

    def write_something(self, name, content):
        """Changes the disk of a machine that is off. Returns: what it holds then."""
        place, piece = self.chance.randrange(DISK_SIZE // BLOCK) * BLOCK, self.chance.randbytes(BLOCK)
        path, kind = self.top(name)
        with open(self.scratch + "/piece", "wb") as file:
            file.write(piece)
        subprocess.run(["qemu-io", "-f", kind, "-c", f"write -s {self.scratch}/piece {place} {BLOCK}", path],
                       check=True, stdout=subprocess.DEVNULL)
        return content[:place] + piece + content[place + BLOCK:]

    # --- what must hold ---

    def wait_unused(self):
        """What was killed may hold its locks for a moment longer, as may what it had begun to write."""
        deadline = time.monotonic() + 20
        while "use by" in (said := self.run("doctor", "--repair")[1]):
            assert time.monotonic() < deadline, said
            time.sleep(0.02)

    def check_doctor(self):
        self.wait_unused()
        status, said = self.run("doctor", "--json")
        assert status == 0 and not any(patient["findings"] for patient in json.loads(said)), said
        found = sorted(os.listdir(self.folder))
        known = sorted(machine["path"].rsplit("/", 1)[1] for machine in json.loads(self.bonsai("list", "--json")))
        assert [name for name in found if name != ".trash"] == known, f"left over in the library: {found}"


    def check_template(self, name, versions):
        """Its snapshots are its versions; @versions: what they hold, by number."""
        nodes = {node["id"]: node for node in self.nodes(name)}
        shown = json.loads(self.bonsai("template", "show", "--json", name))["versions"] if nodes else []
        assert {node["snapshot"] for node in shown} == set(nodes), (shown, list(nodes))
        assert sorted(node["version"] for node in shown) == sorted(versions), shown
        for node in shown:
            content = self.read_node(name, nodes[node["snapshot"]])
            assert content == versions[node["version"]], f"version {node['version']} holds something else"


def report(tests):
    """Runs them in order, and says what came of each in TAP. Returns: whether one failed."""
    failed = False
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception as error:  # noqa: BLE001
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            for line in str(error).splitlines() or [repr(error)]:
                print("#", line, flush=True)
    return failed


def enter_namespace():
    """Goes on in a mount namespace, where a disk that can be filled up may be mounted."""
    if "BONSAI_TEST_NAMESPACE" not in os.environ:
        os.environ["BONSAI_TEST_NAMESPACE"] = "1"
        identity = [] if os.geteuid() == 0 else ["--map-root-user"]
        os.execvp("unshare", ["unshare", "--mount", *identity, sys.executable, *sys.argv])
