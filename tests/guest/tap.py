# SPDX-License-Identifier: GPL-3.0-or-later
"""Stories: tests that are steps with one machine, reported in the Test Anything Protocol."""

import sys
import time
import traceback


class Skip(Exception):
    """Raised by a story that cannot be told here; the message says why."""


class Story:
    """Its test_ methods run in the order they are written, on what set_up() made.

    When a step fails the next ones still run if recover() brings the machine back to where a
    step starts from. A step's name in the report is the first line of its description. A story without
    steps of its own has those of the story that it varies.
    """

    def set_up(self):
        """Starts what the steps use."""

    def tear_down(self):
        """Ends it; runs after a set_up() that failed, too."""

    def recover(self):
        """Makes the machine usable after a failed step, or raises."""
        raise AssertionError("a step before did not succeed")

    @classmethod
    def steps(cls):
        for kind in cls.__mro__:
            names = [name for name in vars(kind) if name.startswith("test_")]
            if names:
                return names
        return []


class Report:
    """One line per step, as soon as it is known; the cause of a failure follows as comments."""

    def __init__(self, total):
        self.number = 0
        self.failures = 0
        self.since = time.monotonic()
        print("TAP version 13", f"1..{total}", sep="\n", flush=True)

    def line(self, good, name, comment="", details=""):
        self.number += 1
        self.failures += not good
        print("ok" if good else "not ok", self.number, "-", name + comment, flush=True)
        for detail in details.splitlines():
            print("#", detail, flush=True)
        now = time.monotonic()
        print(f"# {now - self.since:.1f} s", flush=True)
        self.since = now


def title(story, step):
    description = (getattr(story, step).__doc__ or step).splitlines()[0].rstrip(".")
    return f"{type(story).__name__}: {description}"


def tell(story, steps, report):
    """Runs the steps of one story."""
    obstacle = skip = None
    cause = ""
    try:
        story.set_up()
    except Skip as reason:
        skip = str(reason)
    except Exception as failure:
        obstacle, cause = f"could not start: {failure}", traceback.format_exc()
    for step in steps:
        name = title(story, step)
        if skip:
            report.line(True, name, f" # SKIP {skip}")
        elif obstacle:
            report.line(False, name, " (not reached)", cause or obstacle)
            cause = ""
        else:
            try:
                getattr(story, step)()
                report.line(True, name)
            except Skip as reason:
                report.line(True, name, f" # SKIP {reason}")
            except Exception:
                report.line(False, name, details=traceback.format_exc())
                try:
                    story.recover()
                except Exception as failure:
                    obstacle = f"after '{name}': {failure}"
    try:
        story.tear_down()
    except Exception:
        print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)


def main():
    """Tells the stories of the running script; words on its command line choose steps and stories by name."""
    stories = [kind() for kind in vars(sys.modules["__main__"]).values()
               if isinstance(kind, type) and issubclass(kind, Story) and kind.steps()]
    plan = []
    for story in stories:
        steps = [step for step in story.steps()
                 if not sys.argv[1:] or any(word in f"{type(story).__name__}.{step}" for word in sys.argv[1:])]
        if steps:
            plan.append((story, steps))
    if not plan:
        sys.exit(f"no step is called so: {' '.join(sys.argv[1:])}")
    report = Report(sum(len(steps) for _, steps in plan))
    for story, steps in plan:
        tell(story, steps, report)
    sys.exit(1 if report.failures else 0)
