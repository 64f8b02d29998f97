# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon the desktop app can be used with a large library, and whether anything keeps its main loop.

Usage, in tests/gui/desktop: library-bench.py BONSAI-DESKTOP BONSAI KERNEL [MACHINES [SNAPSHOTS [SECONDS]]]

Start: from the program's begin to its first picture with the machines in it, with no machine (GTK's own start-up
and the app's) and with a library of 200 machines and 1,000 snapshots; the best of five each. Stalls: turns of the
main loop that take more than 16 ms while the list and the grid are scrolled, changed into each other and searched
for a minute, and four machines run KERNEL (Multiboot). Both are told: how long they took in all, but for the time for
which the host gave the processor to others; and what counts, the main thread's processor time, but for what GTK's
renderer took to draw.

The last line is the figures as JSON.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "gui"))
from desktop import App, activate, press, type_text, wait, xdotool  # noqa: E402

LIMIT = 16  # ms
program, bonsai, kernel = sys.argv[1:4]
n_machines, n_snapshots, seconds = (int(n) for n in (sys.argv[4:] + ["200", "1000", "60"][len(sys.argv) - 4:]))
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
    cli("create", "--kernel", kernel, "--memory", "32M", "Model")
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


def read(log):
    with open(log, errors="replace") as file:
        return file.read()


def starts(log):
    return [float(n) for n in re.findall(r"^start: ([\d.]+) ms", read(log), re.MULTILINE)]


def stalls(log):
    """Of each turn over the limit: how long it took, and the processor time but for what GTK's renderer took."""
    found = re.findall(r"^stall: ([\d.]+) ms, ([\d.]+) of work, ([\d.]+) of them drawing", read(log), re.MULTILINE)
    return [(float(took), float(work) - float(drew)) for took, work, drew in found]


def start_time(log):
    """The best of five starts, in milliseconds."""
    best = []
    for _ in range(5):
        with open(log, "w") as out:
            process = subprocess.Popen([program], stdout=out, stderr=out, env={**os.environ, "BONSAI_STALLS": "16"})
            wait("the window's first picture", lambda: starts(log))
            process.terminate()
            process.wait(30)
        best += starts(log)
    return min(best)


def start_machines(app):
    for name in [f"Machine {i}" for i in (0, 1, 10, 100)]:
        app.click("push button", f"Start {name}")
        wait(f"the window of {name}", lambda name=name: app.console(name))
        activate(app.window("Bonsai"))


def scroll(direction):
    for _ in range(40):
        xdotool("click", direction)


def use(app, what):
    """Somebody works with the library; after each step, what it kept the main loop for."""
    seen = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, step in (("scroll down", lambda: scroll(5)), ("scroll up", lambda: scroll(4)),
                           ("change view", lambda: press("ctrl+1")), ("scroll down", lambda: scroll(5)),
                           ("scroll up", lambda: scroll(4)), ("change view", lambda: press("ctrl+1")),
                           ("search", lambda: type_text("machine 7")), ("search ends", lambda: press("Escape"))):
            before = len(what())
            step()
            time.sleep(0.3)  # what it caused is over
            seen.setdefault(name, []).extend(what()[before:])
    return seen


def work(log):
    """What keeps the main loop while somebody works with the library, by step."""
    app = App([program], os.path.dirname(log), {"BONSAI_STALLS": str(LIMIT)})
    app.click_at("list item", "All Machines")  # the dashboard is what came first
    app.find("push button", "Start Machine 0")
    start_machines(app)
    xdotool("mousemove", 700, 450)
    seen = use(app, lambda: stalls(app.log.name))
    app.quit()
    return seen


def main():
    log = os.path.join(os.environ["HOME"], "start.log")
    empty = start_time(log)
    make_library()
    full = start_time(log)
    seen = work(log)
    print(f"start, empty library:                 {empty:7.0f} ms")
    print(f"start, {n_machines} machines, {n_snapshots} snapshots:   {full:7.0f} ms ({full - empty:+.0f} ms)")
    for step, found in seen.items():
        print(f"{step:12} " + describe(found))
    ours = [work for found in seen.values() for _, work in found]
    print(json.dumps({"start_ms": full - empty, "stalls": sum(work > LIMIT for work in ours),
                      "longest_ms": max(ours, default=0)}))


def describe(found):
    ours = [work for _, work in found]
    waits = [took for took, _ in found]
    return (f"turns over {LIMIT} ms: {len(found):3}, the longest {max(waits, default=0):4.0f} ms; of our own work"
            f" {sum(work > LIMIT for work in ours):3}, the longest {max(ours, default=0):4.0f} ms")


main()
