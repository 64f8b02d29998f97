#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts what the suites reported: Meson's test logs (*.json) and TAP (*.tap) of one directory.

Every TAP line is one test. Prints each skip with its reason and each failure with what was said of it, and closes with one line of counts. Exit status 1 if anything failed, or if nothing was run.
"""

import json
import pathlib
import re
import sys

LINE = re.compile(r"^(?P<bad>not )?ok\b *(?P<number>\d+)?[ -]*(?P<name>[^#]*?) *(?:# *(?P<mark>skip|todo)\S* *(?P<reason>.*))?$",
                  re.IGNORECASE)


MOST_WORDS = 12  # lines that are told of a failure


class Tally:
    """Counts, and what has to be told one by one."""

    def __init__(self):
        self.passed = 0
        self.failed = []
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

    def add_meson(self, path):
        """The log of one meson test run: a JSON object per line."""
        for line in path.read_text().splitlines():
            test = json.loads(line)
            name, result, output = f"{path.stem}/{test['name']}", test["result"], test.get("stdout") or ""
            good = result in ("OK", "SKIP", "EXPECTEDFAIL")
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

    def add_file(self, path):
        """A suite's report, by its kind."""
        if path.suffix == ".json":
            self.add_meson(path)
        else:
            text = path.read_text(errors="replace")
            status = re.search(r"^# exit status (\d+)$", text, re.MULTILINE)
            self.add_tap(path.stem, text, status.group(1) if status else "cut short")

    def tell(self):
        """Prints it all. Returns the exit status."""
        for name, reason in self.skipped:
            print(f"skipped  {name}: {reason}")
        for name in self.failed:
            print(f"FAILED   {name}")
        print(f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped", flush=True)
        return 1 if self.failed or not self.passed else 0


def main():
    tally = Tally()
    for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        if path.suffix in (".json", ".tap"):
            tally.add_file(path)
    sys.exit(tally.tell())


if __name__ == "__main__":
    main()
