#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Completion in bash, zsh and fish offers every verb and option that the program has, and the man page speaks of each.

Usage: test-completion.py BONSAI COMPLETION-FOLDER MAN-PAGE
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

BONSAI, FOLDER, MAN = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
NESTED = ("disk", "guest", "policy", "snapshot", "template", "usb", "workspace")

scratch = tempfile.mkdtemp(prefix="bonsai-completion-")
os.symlink(BONSAI, scratch + "/bonsai")
os.environ.update(PATH=scratch + ":" + os.environ["PATH"], BONSAI_LIBRARY=scratch + "/library", HOME=scratch,
                  XDG_RUNTIME_DIR=scratch, XDG_STATE_HOME=scratch + "/state", XDG_CONFIG_HOME=scratch + "/config", XDG_DATA_HOME=scratch + "/data",
                  LC_ALL="C.UTF-8")


def run(*argv, **options):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **options)
    assert not done.stderr.strip(), done.stderr
    return done.stdout


def helped(*verbs):
    """Verbs in a help page."""
    return re.findall(r"^  ([a-z][a-z-]*) ", run(BONSAI, *verbs, "--help"), re.MULTILINE)


def options(*verbs):
    return set(re.findall(r"^  (?:-., )?(--[a-z-]+)", run(BONSAI, *verbs, "--help"), re.MULTILINE))


def bash(*words):
    """What is offered for the last word."""
    script = f"""source {FOLDER}/bonsai
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
compopt() {{ :; }}
_bonsai
printf '%s\\n' "${{COMPREPLY[@]}}\""""
    return {re.sub(r"\\(.)", r"\1", line) for line in run("bash", "-c", script, "bash", "bonsai", *words).splitlines()} - {""}


def zsh(*words):
    script = f"""compadd() {{
  while (($#)) && [[ $1 == -* ]]; do [[ $1 == -X ]] && shift; shift; done
  print -rl -- "$@"
}}
_describe() {{ print -rl -- "${{(@P)4%%:*}}"; }}
_files() {{ print -rl -- *(N); }}
words=("$@") CURRENT=$#
source {FOLDER}/_bonsai"""
    return set(run("zsh", "-f", "-c", script, "zsh", "bonsai", *words).splitlines())


def fish(*words):
    line = " ".join(["bonsai", *words[:-1], words[-1]]).replace("'", "\\'")
    out = run("fish", "--no-config", "-c", f"source {FOLDER}/bonsai.fish; complete -C '{line}'")
    return {line.split("\t")[0] for line in out.splitlines()}


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}


def check(offered, wanted, what):
    missing = sorted(set(wanted) - offered)
    assert not missing, f"{what} doesn't offer {', '.join(missing)}, but {', '.join(sorted(offered)) or 'nothing'}"


def shell_test(name, complete):
    def test():
        verbs = helped()
        assert len(verbs) > 25, verbs
        check(complete(""), verbs, f"“bonsai ”")
        for verb in NESTED:
            check(complete(verb, ""), helped(verb), f"“bonsai {verb} ”")
        check(complete("create", "--"), options("create"), "“bonsai create --”")
        check(complete("snapshot", "take", "--"), options("snapshot", "take"), "“bonsai snapshot take --”")
        for verb in "start", "delete", "launcher", "autostart", "show":
            check(complete(verb, ""), ["Web", "Mail server"], f"“bonsai {verb} ”")
        check(complete("launcher", "Web", ""), ["on", "off"], "“bonsai launcher Web ”")
        check(complete("snapshot", "show", "Web", ""), ["First try"], "“bonsai snapshot show Web ”")
        check(complete("create", "--firmware", ""), ["bios", "uefi"], "“bonsai create --firmware ”")
        check(complete("apply", ""), ["lab.yaml"], "“bonsai apply ”")
        assert not complete("create", "--memory", ""), complete("create", "--memory", "")

    test.__doc__ = f"{name} offers every verb, nested ones, options, machines and snapshots"
    return test


def test_man_page():
    """bonsai(1) speaks of every verb and every option"""
    with open(MAN) as file:
        text = file.read()
    missing = []
    for verb in helped():
        assert re.search(rf"^\.It Nm Cm {verb}\b|, Nm Cm {verb}\b", text, re.MULTILINE), f"bonsai(1) lacks {verb}"
        nested = helped(verb) if verb in NESTED else [None]
        for sub in nested:
            words = [verb] + ([sub] if sub else [])
            assert re.search(rf"Nm Cm {' '.join(words)}\b", text), f"bonsai(1) lacks {' '.join(words)}"
            for option in options(*words) - {"--help", "--json", "--progress"}:
                if f"-{option[2:]}" not in text:
                    missing.append(f"{option} of {' '.join(words)}")
    assert not missing, f"bonsai(1) lacks {', '.join(missing)}"


def main():
    for name in "Web", "Mail server":
        run(BONSAI, "create", name)
    run(BONSAI, "snapshot", "take", "Web", "First try")
    os.chdir(scratch)
    with open("lab.yaml", "w"):
        pass
    tests = [shell_test(name, complete) for name, complete in SHELLS.items()] + [test_man_page]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception as error:
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            print("#", str(error or repr(error)).replace("\n", "\n# "), flush=True)
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
