#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies act on what real guests do: load is curbed and that taken back, panics and hangs end in a new start, crashes in a
row are given more and more time."""

import datetime
import json
import os
import time

import tap
from machine import patience
from test_legacy import LegacyMachine, LegacyStory


class PolicyStory(LegacyStory):
    """A shell on the serial port, and the log of events."""

    def shell(self):
        console = self.open_console()
        console.wait(rb"init reached", 120)
        console.type(b"\n")
        console.wait(rb"# ", 60)
        return console

    def events(self, kind, detail=""):
        log = json.loads(self.machine.bonsai("events", "--json", f"--machine={self.machine.name}"))
        return [each for each in log if each["kind"] == kind and detail in each["detail"]]

    def wait_events(self, kind, count, detail="", seconds=90):
        return self.machine.wait_until(
            lambda: len(found := self.events(kind, detail)) >= count and found, f"event {kind} {detail} number {count}",
            seconds)

    def seconds(self, event):
        return datetime.datetime.fromisoformat(event["time"]).timestamp()


class Load(PolicyStory):
    """A rule that lets a busy guest have a fifth of its processor."""

    RULE = {"name": "busy", "when": [{"what": "cpu", "over": "60%", "back": "12%"}], "for": "10s", "back-for": "10s",
            "then": [{"do": "cpu-cap", "to": "20%"}, {"do": "notify", "text": "Look"},
                     {"do": "snapshot", "disks-only": True}]}

    def set_up(self):
        self.machine = LegacyMachine("policy-load", {"policy": {"rules": [self.RULE]}})
        self.machine.start()

    def share(self, seconds):
        """How much of a processor the machine's process has used in the next seconds."""
        def used():
            with open(f"/proc/{self.machine.show()['pid']}/stat", encoding="ascii") as stat:
                fields = stat.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        before, begun = used(), time.monotonic()
        time.sleep(seconds)
        return (used() - before) / (time.monotonic() - begun)

    def test_fires(self):
        """Load fires the rule: the guest gets less, and a snapshot is taken."""
        self.shell().type(b"while :; do :; done &\n")
        self.wait_events("rule", 1, "busy: fired")
        self.machine.wait_until(lambda: self.share(5) < 0.35, "guest with a fifth of its processor", 60)
        self.machine.wait_until(lambda: "busy" in self.machine.bonsai("snapshot", "list", self.machine.name), "snapshot", 60)

    def test_over(self):
        """When the load is over so is the rule, and the guest gets what it wants again."""
        self.console.type(b"kill %1 $!\n")
        self.wait_events("rule", 1, "busy: over")
        self.console.type(b"while :; do :; done &\n")
        self.machine.wait_until(lambda: self.share(3) > 0.5, "guest with all of its processor", 60)
        assert len(self.wait_events("rule", 2, "busy: fired")) == 2

    def test_refused(self):
        """A policy with a mistake is refused with line and field, and the one before stays."""
        before = self.machine.bonsai("policy", "show", self.machine.name)
        wrong = self.machine.scratch / "wrong.json"
        wrong.write_text(json.dumps({"rules": [dict(self.RULE, **{"for": "soon"})]}, indent=1))
        complaint = self.machine.complaint("policy", "set", self.machine.name, wrong)
        line = next(number for number, text in enumerate(wrong.read_text().splitlines(), 1) if '"soon"' in text)
        assert f"wrong.json:{line}:" in complaint and "rules[0].for" in complaint, complaint
        assert self.machine.bonsai("policy", "show", self.machine.name) == before


class Restart(PolicyStory):
    """Panics and hangs end in a new start."""

    def set_up(self):
        self.machine = LegacyMachine("policy-restart", {"watchdog": "reset", "policy": {"restart": {"first": "1s"}}})
        self.machine.start()

    def starts_within(self, kind, seconds):
        """After the last crash."""
        crash = self.wait_events("crash", 1, kind)[-1]
        start = self.machine.wait_until(
            lambda: next((each for each in self.events("start") if each["id"] > crash["id"]), None), "start", 60)
        tried = next(each for each in self.events("restart") if each["id"] > crash["id"])
        took = self.seconds(start) - self.seconds(crash)
        print(f"# {took:.0f} s from {kind} to the new start, {self.seconds(tried) - self.seconds(crash):.0f} s of it the"
              " pause", flush=True)
        assert took <= patience(seconds), (crash, start)
        self.shell()

    def test_panic(self):
        """After a panic the machine starts again, within 5 s of a host's that is no rig."""
        self.shell().type(b"echo c > /proc/sysrq-trigger\n")
        self.starts_within("guest-panic", 5)

    def test_hang(self):
        """After a hang, when its watchdog has run out, it does so as well."""
        self.console.run("watchdog -T 6 -t 1 /dev/watchdog")
        self.console.type(b"killall -STOP watchdog\n")
        self.starts_within("watchdog", 5)


class Loop(PolicyStory):
    """A guest that panics at each start."""

    def set_up(self):
        self.machine = LegacyMachine("policy-loop", {"policy": {"restart": {"first": "1s", "tries": 3}}})
        self.machine.append = "console=ttyS0 bonsai.test=panic"
        self.machine.start()

    def test_pauses(self):
        """Each pause is twice as long as the one before, until it is given up."""
        self.wait_events("restart", 1, "given up", 240)
        log = json.loads(self.machine.bonsai("events", "--json", f"--machine={self.machine.name}"))
        log = [each for each in log if each["kind"] == "crash" or each["kind"] == "restart" and not each["detail"]]
        pauses = [self.seconds(after) - self.seconds(before) for before, after in zip(log, log[1:])
                  if (before["kind"], after["kind"]) == ("crash", "restart")]
        print("# pauses:", pauses, flush=True)
        assert len(pauses) == 3, log
        for number, pause in enumerate(pauses):
            assert 2 ** number - 1 <= pause <= 2 ** number + patience(4), pauses
        assert self.machine.show()["state"] == "crashed", self.machine.show()


if __name__ == "__main__":
    tap.main()
