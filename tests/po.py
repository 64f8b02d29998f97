#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that people read is in po/POTFILES, and in every language of po/LINGUAS, with sense.

Usage: po.py [--update]    --update: brings POTFILES and po/*.po up to date with the sources
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[1]
SPEAKS = re.compile(r"\b(?:_|N_|C_|NC_|ngettext) ?\(")
# Properties of templates that people read, unless they are said to be marked already.
READ = re.compile(r'<(?:property|attribute) name="(label|title|subtitle|tooltip-text|description|placeholder-text|heading'
                  r'|body|description)"((?:(?!translatable)[^>])*)>([^<]*[A-Za-z][^<]*)<')
KEYWORDS = ("_", "N_", "C_:1c,2", "NC_:1c,2", "ngettext:1,2")
NAMES = {"Bonsai"}  # the same in every language
os.environ["LC_ALL"] = "C.UTF-8"


def sources():
    """Files with strings that people read, in order."""
    found = []
    for folder in "ui", "app", "devices", "vmm", "icons":
        for path in sorted((TREE / folder).rglob("*")):
            text = path.suffix in (".c", ".ui", ".in") and path.read_text()
            if not text:
                continue
            if (path.suffix == ".c" and SPEAKS.search(text) or path.suffix == ".ui" and 'translatable="yes"' in text
                    or path.name.endswith((".desktop.in", ".metainfo.xml.in"))):
                found.append(str(path.relative_to(TREE)))
    return found


def listed():
    lines = (TREE / "po" / "POTFILES").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def languages():
    lines = (TREE / "po" / "LINGUAS").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def run(*argv):
    done = subprocess.run(argv, cwd=TREE, capture_output=True, text=True)
    assert done.returncode == 0, f"{argv[0]}: {done.stderr}"
    return done.stdout + done.stderr


def extract(folder):
    """The template of all strings."""
    template = os.path.join(folder, "bonsai.pot")
    parts = []
    kinds = {"c": [f for f in sources() if f.endswith(".c")], "ui": [f for f in sources() if f.endswith(".ui")],
             "desktop": [f for f in sources() if f.endswith(".desktop.in")],
             "xml": [f for f in sources() if f.endswith(".xml.in")]}
    for kind, files in kinds.items():
        part = os.path.join(folder, kind + ".pot")
        how = ["--language=C", *(f"--keyword={k}" for k in KEYWORDS)] if kind == "c" else \
              ["--language=Desktop", "--keyword", "--keyword=Name", "--keyword=GenericName", "--keyword=Comment",
               "--keyword=Keywords"] if kind == "desktop" else []
        run("xgettext", "--from-code=UTF-8", "--add-comments=Translators", "--package-name=bonsai", "--output", part, *how,
            *files)
        parts.append(part)
    run("msgcat", "--use-first", "--sort-by-file", "--output-file", template, *parts)
    return template


def test_files():
    """POTFILES lists every file with strings that people read"""
    assert listed() == sources(), "po/POTFILES differs (tests/po.py --update brings it up to date): " + \
        ", ".join(sorted(set(listed()) ^ set(sources())))


def test_templates():
    """What templates show is marked as translatable"""
    for path in sorted((TREE / "ui").rglob("*.ui")):
        for name, _, text in READ.findall(path.read_text()):
            assert text in NAMES, f"{path.relative_to(TREE)}: {name} “{text}” is not translatable"


def language_test(language):
    def test():
        po = TREE / "po" / f"{language}.po"
        with tempfile.TemporaryDirectory() as folder:
            merged = os.path.join(folder, "merged.po")
            run("msgmerge", "--quiet", "--no-fuzzy-matching", "--output-file", merged, str(po), extract(folder))
            said = run("msgfmt", "--check", "--statistics", "--output-file", os.devnull, merged)
            missing = re.findall(r'^msgid "(.+)"', run("msgattrib", "--untranslated", "--no-obsolete", "--no-wrap", merged),
                                 re.MULTILINE)
        assert re.fullmatch(r"\d+ translated messages?\.\n", said), f"{said.strip()} {'; '.join(missing[:20])}"

    test.__doc__ = f"{language} is complete"
    return test


def update():
    head = (TREE / "po" / "POTFILES").read_text().splitlines()[0]
    (TREE / "po" / "POTFILES").write_text("\n".join([head, *sources()]) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        template = extract(folder)
        for language in languages():
            po = str(TREE / "po" / f"{language}.po")
            run("msgmerge", "--quiet", "--update", "--backup=none", "--no-fuzzy-matching", po, template)
            run("msgattrib", "--no-obsolete", "--output-file", po, po)


def main():
    if sys.argv[1:] == ["--update"]:
        update()
        return 0
    tests = [test_files, test_templates, *map(language_test, languages())]
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
    return 1 if failed else 0


sys.exit(main())
