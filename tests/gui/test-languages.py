# SPDX-License-Identifier: GPL-3.0-or-later
"""The app speaks the languages of po/LINGUAS: its window, its counts, its dialogs.

Usage: test-languages.py BONSAI-DESKTOP ARTEFACTS BONSAI
"""
import gettext
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from desktop import App, press, run  # noqa: E402
from machine_page import show_tab  # noqa: E402

program, artefacts, bonsai = (os.path.abspath(argument) for argument in sys.argv[1:4])
PO = os.path.join(os.path.dirname(program), "..", "po")  # of the build tree
LANGUAGES = ("de", "es", "fr", "zh_CN")

for name in "Alpha", "Beta":
    subprocess.run([bonsai, "create", "--memory", "32M", name], check=True, stdout=subprocess.DEVNULL)


def speaks(language):
    # Any locale but “C” will do: LANGUAGE then chooses, without that language's locale being generated.
    env = {"LANGUAGE": language, "LC_ALL": "C.UTF-8"}

    def step():
        catalogue = gettext.translation("bonsai", PO, [language])
        said, several = catalogue.gettext, catalogue.ngettext
        if app.process:
            app.quit()
        app.env.update(env)
        app.begin_at("all")
        app.launch()
        for text in said("All Machines"), said("Trash"), several("%u machine", "%u machines", 2) % 2, said("Off"):
            assert text not in ("All Machines", "Trash", "Off"), text
            app.find("label", text)
        app.screenshot(language)
        app.click("push button", said("Create a Machine"))
        app.find("label", said("What Shall It Run?"))
        app.screenshot(f"{language}-wizard")
        press("Escape")
        app.gone("label", said("What Shall It Run?"))
        app.click_at("list item", "Alpha")
        show_tab(app, said("Settings"))
        app.set_value(said("Video Memory (MiB)"), 17)
        app.find("label", said("must be 1, 2, 4, … or 256 (MiB)"))
        app.screenshot(f"{language}-refused")

    step.__doc__ = f"In {language} the library, the wizard, and what is refused have their words"
    return step


class LateApp(App):
    """Started by the first step, in its language."""

    def __init__(self, *arguments):
        self.late = True
        super().__init__(*arguments)

    def launch(self):
        if self.late:
            self.late, self.process, self.root = False, None, None
        else:
            super().launch()

    def dump(self, name="tree"):
        if self.root:
            super().dump(name)


app = LateApp([program], artefacts)
run(app, [speaks(language) for language in LANGUAGES])
