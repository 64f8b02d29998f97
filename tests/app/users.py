# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of one computer, whom root can be."""
import os
import shutil
import stat
import subprocess

CAN_BE_OTHERS = os.geteuid() == 0 and shutil.which("setpriv") is not None


def kvm_groups():
    """/dev/kvm may be a group's: all users belong to it."""
    st = os.stat("/dev/kvm")
    return ["--clear-groups"] if st.st_mode & 0o006 == 0o006 else [f"--groups={st.st_gid}"]


class User:
    """A user with a home that everybody may enter, as it was usual for long."""

    def __init__(self, scratch, name, uid, bonsai, **more):
        self.uid, self.home, self.program = uid, f"{scratch}/{name}", bonsai
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C.UTF-8", **more}
        for variable, folder in (("BONSAI_LIBRARY", "library"), ("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state"),
                                 ("XDG_CONFIG_HOME", "config"), ("XDG_RUNTIME_DIR", "run")):
            self.environment[variable] = f"{self.home}/{folder}"
        os.makedirs(self.home + "/run")
        for folder in self.home, self.home + "/run":
            os.chown(folder, uid, uid)
        os.chmod(self.home, 0o755)
        os.chmod(self.home + "/run", 0o700)

    def command(self, arguments):
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", *kvm_groups(), *arguments]

    def start(self, *arguments):
        """As this user, with pipes."""
        return subprocess.Popen(self.command(arguments), env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, cwd="/")

    def run(self, *arguments, as_if=None):
        """As this user, with the environment of @as_if."""
        return subprocess.run(self.command(arguments), env=(as_if or self).environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, cwd="/", check=False)

    def bonsai(self, *arguments, as_if=None, fails=False):
        done = self.run(self.program, *arguments, as_if=as_if)
        assert (done.returncode != 0) == fails, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)
