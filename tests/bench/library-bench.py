# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon the desktop app can be used with a large library, and whether anything keeps its main loop.

Usage, in tests/gui/desktop: library-bench.py BONSAI-DESKTOP BONSAI [MACHINES [SNAPSHOTS]]

Start: from the program's begin to its first picture with the machines in it, with no machine (GTK's own start-up
and the app's) and with a library of 200 machines and 1,000 snapshots; the best of five each. Stalls: turns of the
main loop that take more than 16 ms (those for which the host gave the processor to others don't count) while
the list and the grid are scrolled and searched.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "gui"))
from desktop import App, press, type_text, wait, xdotool  # noqa: E402

program, bonsai = sys.argv[1:3]
n_machines, n_snapshots = (int(n) for n in (sys.argv[3:] + ["200", "1000"][len(sys.argv) - 3:]))
library = os.path.join(os.environ["XDG_DATA_HOME"], "bonsai", "vms")
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def cli(*args):
    subprocess.run([bonsai, *args], check=True, stdout=subprocess.DEVNULL)


def edit(path, **members):
    with open(path) as file:
        content = json.load(file)
    content.update(members)
    with open(path, "w") as file:
        json.dump(content, file, indent=2)


def node_id(number):
    """Ten characters of base 32."""
    return "".join(ALPHABET[number >> 5 * i & 31] for i in range(10))


def make_library():
    """One machine with a snapshot is made, and copied with other identities."""
    cli("create", "--memory", "64M", "Model")
    cli("snapshot", "take", "Model", "first")
    model = os.path.join(library, "model.bonsai")
    first = os.listdir(os.path.join(model, "snapshots"))[0]
    for i in range(n_machines):
        bundle = os.path.join(library, f"machine-{i}.bonsai")
        shutil.copytree(model, bundle)
        group = {"group": f"Group {i % 10}"} if i % 3 else {}
        edit(os.path.join(bundle, "vm.json"), uuid=str(uuid.uuid4()), name=f"Machine {i}", tags=[f"tag{i % 7}"], **group)
        for j in range(1, n_snapshots // n_machines):
            folder = os.path.join(bundle, "snapshots", node_id(i * 100 + j))
            shutil.copytree(os.path.join(bundle, "snapshots", first), folder)
            edit(os.path.join(folder, "node.json"), id=node_id(i * 100 + j), name=f"Snapshot {j}")
    shutil.rmtree(model)


def messages(log):
    with open(log, errors="replace") as file:
        text = file.read()
    return ([float(n) for n in re.findall(r"^start: ([\d.]+) ms", text, re.MULTILINE)],
            [float(n) for n in re.findall(r"^stall: ([\d.]+) ms", text, re.MULTILINE)])


def start_time(log):
    """The best of five starts, in milliseconds."""
    best = []
    for _ in range(5):
        with open(log, "w") as out:
            process = subprocess.Popen([program], stdout=out, stderr=out, env={**os.environ, "BONSAI_STALLS": "16"})
            wait("the window's first picture", lambda: messages(log)[0])
            process.terminate()
            process.wait(30)
        best += messages(log)[0]
    return min(best)


def stalls(log):
    """What keeps the main loop while somebody scrolls and searches."""
    app = App([program], os.path.dirname(log), {"BONSAI_STALLS": "16"})
    app.find("push button", "Start Machine 0")
    begun = len(messages(app.log.name)[1])
    x, y = 700, 450
    for _ in range(2):
        xdotool("mousemove", x, y)
        for direction in (5, 4):
            for _ in range(60):
                xdotool("click", direction)
        press("ctrl+1")
    type_text("machine 7")
    press("Escape")
    app.quit()
    return messages(app.log.name)[1][begun:]


def main():
    log = os.path.join(os.environ["HOME"], "start.log")
    empty = start_time(log)
    make_library()
    full = start_time(log)
    found = stalls(log)
    print(f"start, empty library:                 {empty:7.0f} ms")
    print(f"start, {n_machines} machines, {n_snapshots} snapshots:   {full:7.0f} ms ({full - empty:+.0f} ms)")
    print(f"main loop turns over 16 ms while scrolling and searching: {len(found)}"
          + (f", the longest {max(found):.0f} ms" if found else ""))


main()
