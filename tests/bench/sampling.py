# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to write the history of many machines: there is no peer."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from watch import Failure

N, SECONDS, PATIENCE = 32, 600, 120
NAMES = [f"machine {i}" for i in range(N)]
TICKS = os.sysconf("SC_CLK_TCK")


class Sampling:
    """Processor time, in percent of one core, beside their guests that 32 sleeping machines of 64 MiB take in ten minutes, each
    in a process of its own: all that is done for them, of which sampling every 5 s is a part."""
    name, unit, goal, higher_is_better, alone = "sampling-cpu", "%", 0.5, False, True

    def unavailable(self, context):
        return None if os.path.exists(self.kernel(context)) else "the guest was not built"

    @staticmethod
    def kernel(context):
        return context.tiny_guest("kernel.elf")

    def measure(self, context, who):
        folder = tempfile.mkdtemp(prefix="bonsai-bench-", dir=context.disk_folder)
        world = dict(os.environ, BONSAI_LIBRARY=folder + "/library", XDG_RUNTIME_DIR=folder + "/run",
                     XDG_STATE_HOME=folder + "/state", XDG_CONFIG_HOME=folder + "/config", XDG_DATA_HOME=folder + "/data")
        os.mkdir(folder + "/run", 0o700)
        try:
            return self.measure_in(context, world), None
        finally:
            for name in NAMES:
                subprocess.run([context.bonsai, "stop", name], env=world, capture_output=True, timeout=PATIENCE)
            shutil.rmtree(folder)

    def measure_in(self, context, world):
        def bonsai(*arguments):
            return subprocess.run([context.bonsai, *arguments], env=world, check=True, capture_output=True, text=True,
                                  timeout=PATIENCE).stdout

        for name in NAMES:
            bonsai("create", "--memory", "64M", "--kernel", self.kernel(context), name)
            bonsai("start", "--headless", name)
        processes = [json.loads(bonsai("show", "--json", name))["pid"] for name in NAMES]
        before = sum(map(time_beside_guest, processes))
        time.sleep(SECONDS)
        used = sum(map(time_beside_guest, processes)) - before
        history = json.loads(bonsai("stats", "--json", "--from", f"{SECONDS}s", NAMES[0]))
        noted = sum(row is not None and row[0] is not None for row in history["average"])
        if noted < SECONDS / history["step"] / 2:
            raise Failure(f"of {SECONDS} s {noted} rows of {history['step']} s were noted")
        return 100 * used / SECONDS


def time_beside_guest(process):
    """Seconds of processor time of all its threads but the vCPUs'."""
    total = 0
    for thread in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{thread}/stat") as file:
            name, _, rest = file.read().rpartition(")")
        fields = rest.split()
        if ":cpu" not in name:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS
