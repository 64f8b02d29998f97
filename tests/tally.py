#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what the suites reported: Meson's test logs (*.json) and TAP (*.tap) of one directory.

Every TAP line is one test. Prints each skip with its reason and each failure with what was said of it, and closes with one line of counts. Exit status 1 if anything failed, or if nothing was run.

What failed and was run once more reports in a file of the same name with "-again": that counts, and what failed at first is told. With --failed LOG prints the names of the tests that failed in that log of Meson's.
"""

import json
import pathlib
import re
import sys

LINE = re.compile(r"^(?P<bad>not )?ok\b *(?P<number>\d+)?[ -]*(?P<name>[^#]*?) *(?:# *(?P<mark>skip|todo)\S* *(?P<reason>.*))?$",
                  re.IGNORECASE)


MOST_WORDS = 12  # lines that are told of a failure
AGAIN = "-again"
GOOD = ("OK", "SKIP", "EXPECTEDFAIL")


def meson_tests(path):
    """The log of one meson test run: a JSON object per line."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def failed_tests(path):
    return [test["name"].split(" / ")[-1] for test in meson_tests(path) if test["result"] not in GOOD]


def repeated(path):
    """Whether there is a second report instead of this one, or the tests that have one."""
    again = path.with_stem(path.stem + AGAIN)
    if not again.exists():
        return set()
    return {test["name"] for test in meson_tests(again)} if path.suffix == ".json" else {path.stem}


class Tally:
    """Counts, and what has to be told one by one."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.failed_first = []
        self.skipped = []

    def add_tap(self, suite, text, status):
        """One TAP report. Whatever ended badly, or sooner than planned, is one failure more."""
        planned, seen, failures = None, 0, len(self.failed)
        failing = False  # the next comments are about the last failure
        for line in text.splitlines():
            plan = re.match(r"^1\.\.(\d+)(?: *# *skip\S* *(.*))?", line, re.IGNORECASE)
            if plan:
                planned = int(plan.group(1))
                if planned == 0:
                    self.skipped.append((suite, plan.group(2) or "no reason given"))
            elif re.match(r"^Bail out!", line):
                self.failed.append(f"{suite}: {line}")
            elif failing and line.startswith("#"):
                self.explain(line)
            elif match := LINE.match(line):
                seen += 1
                name = f"{suite}: {match['name'] or match['number']}"
                mark = (match["mark"] or "").lower()
                failing = match["bad"] and mark not in ("skip", "todo")
                if mark == "skip":
                    self.skipped.append((name, match["reason"] or "no reason given"))
                elif failing:
                    self.failed.append(name)
                else:
                    self.passed += 1
        if planned is None or seen != planned:
            self.failed.append(f"{suite}: {seen} of {planned if planned is not None else 'an unknown number of'} "
                               "tests reported")
        elif status != "0" and len(self.failed) == failures:
            self.failed.append(f"{suite}: ended badly ({status})")

    def explain(self, *lines):
        """More about the last failure."""
        told = self.failed[-1].splitlines()
        self.failed[-1] = "\n".join(told + ["           " + line for line in lines][:MOST_WORDS + 1 - len(told)])

    def add_test(self, suite, test):
        """One test of Meson's."""
        name, result, output = f"{suite}/{test['name']}", test["result"], test.get("stdout") or ""
        good = result in GOOD
        if re.search(r"^1\.\.\d+", output, re.MULTILINE):
            self.add_tap(name, output, "0" if good else result.lower())
        elif result == "SKIP":
            reason = (output or test.get("stderr") or "").strip().splitlines()
            self.skipped.append((name, reason[-1] if reason else "no reason given"))
        elif good:
            self.passed += 1
        else:
            self.failed.append(f"{name}: {result.lower()}")
            self.explain(*(output + (test.get("stderr") or "")).splitlines()[-MOST_WORDS:])

    def add_first(self, add, *report):
        """What was run once more: only what failed then is told."""
        first = Tally()
        add(first, *report)
        self.failed_first += first.failed

    def add_file(self, path):
        """A suite's report, by its kind."""
        suite, again = path.stem.removesuffix(AGAIN), repeated(path)
        if path.suffix == ".json":
            for test in meson_tests(path):
                if test["name"] in again:
                    self.add_first(Tally.add_test, suite, test)
                else:
                    self.add_test(suite, test)
            return
        text = path.read_text(errors="replace")
        status = re.search(r"^# exit status (\d+)$", text, re.MULTILINE)
        report = suite, text, status.group(1) if status else "cut short"
        if again:
            self.add_first(Tally.add_tap, *report)
        else:
            self.add_tap(*report)

    def tell(self):
        """Prints it all. Returns the exit status."""
        for name, reason in self.skipped:
            print(f"skipped  {name}: {reason}")
        for name in self.failed_first:
            print(f"at first {name}")
        for name in self.failed:
            print(f"FAILED   {name}")
        print(f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped", flush=True)
        return 1 if self.failed or not self.passed else 0


def main():
    if sys.argv[1] == "--failed":
        print("\n".join(failed_tests(pathlib.Path(sys.argv[2]))))
        return
    tally = Tally()
    for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        if path.suffix in (".json", ".tap"):
            tally.add_file(path)
    sys.exit(tally.tell())


if __name__ == "__main__":
    main()
