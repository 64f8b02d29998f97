#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates that the administrator offers to all users: published by root, used by others, with what could be wrong with them.

Usage: test-published.py BONSAI BONSAI-PUBLISH; as root, which can be several users.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

from users import CAN_BE_OTHERS, User, mode

BONSAI, PUBLISH = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
scratch = tempfile.mkdtemp(prefix="bonsai-published-")
offered = scratch + "/templates"


def make_template(user, name, byte):
    """A template with a disk that begins with @byte."""
    with open(scratch + "/content", "wb") as file:
        file.write(bytes([byte]) * 65536 + bytes(1 << 20))
    os.chmod(scratch + "/content", 0o644)
    user.bonsai("disk", "convert", scratch + "/content", f"{user.home}/{name}.qcow2")
    user.bonsai("create", name, "--memory", "64M", "--existing-disk", f"{user.home}/{name}.qcow2")
    user.bonsai("template", "make", name)


def content(user, machine):
    """The first byte of its disk, and the folder's and the disk's owner."""
    shown = json.loads(user.bonsai("show", machine, "--json"))
    disk = f"{shown['path']}/{shown['config']['disks'][0]['path']}"
    user.bonsai("disk", "convert", "--format", "raw", disk, user.home + "/raw.img")
    with open(user.home + "/raw.img", "rb") as file:
        first = file.read(1)[0]
    os.unlink(user.home + "/raw.img")
    return first, os.stat(disk).st_uid


def listed(user):
    return {one["name"]: one for one in json.loads(user.bonsai("template", "published", "--json"))}


def publish(*arguments, reader=0, fails=False):
    """As polkit's agent would have it done for @reader."""
    done = subprocess.run([PUBLISH, *arguments], env=root.environment | {"PKEXEC_UID": str(reader)}, capture_output=True, text=True,
                          timeout=60, check=False)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stderr


def test_offer():
    """What root publishes is listed, and made machines of, by everybody"""
    make_template(root, "Office", 0x41)
    assert "Version 1" in root.bonsai("template", "publish", "Office")
    assert mode(offered + "/office.bonsai") == 0o755 and mode(offered + "/office.bonsai/vm.json") == 0o644
    assert os.listdir(root.home + "/library") == ["office.bonsai"], "the copy stays"
    one = listed(user)["Office"]
    assert (one["version"], one["publisher"]) == (1, "root"), one
    user.bonsai("template", "clone", "Office", "Mine")
    assert content(user, "Mine") == (0x41, user.uid)
    shown = json.loads(user.bonsai("show", "Mine", "--json"))
    assert mode(shown["path"]) == 0o700 and shown["config"].get("clone-of") is None
    user.bonsai("template", "clone", "Office", "Other", "--version", "1", fails=True)


def test_new_version():
    """A new version takes the place of the old one; what was made stays; then it goes"""
    root.bonsai("template", "new-version", "Office")
    root.bonsai("template", "make", "Office")
    os.mkdir(offered + "/.new-left", 0o700)  # by one that was killed
    root.bonsai("template", "publish", "Office")
    assert listed(user)["Office"]["version"] == 2 and os.listdir(offered) == ["office.bonsai"]
    root.bonsai("template", "unpublish", "Office")
    assert listed(user) == {} and os.listdir(offered) == []
    assert "No template “Office”" in user.bonsai("template", "clone", "Office", "More", fails=True)
    assert content(user, "Mine")[0] == 0x41
    root.bonsai("template", "unpublish", "Office", fails=True)


def test_rights():
    """Nobody else changes what is offered, and root's rights are lent to nobody"""
    make_template(user, "Own", 0x42)
    assert "Can't create a folder" in user.bonsai("template", "publish", "Own", fails=True)
    copy = user.home + "/copy"
    os.makedirs(copy)
    template = json.loads(user.bonsai("show", "Mine", "--json"))
    shutil.copytree(template["path"], copy, dirs_exist_ok=True)
    for folder, _, files in os.walk(copy):
        for name in [".", *files]:
            os.chown(os.path.join(folder, name), user.uid, user.uid)
    publish("add", copy, "3", reader=user.uid)
    assert listed(other)["Mine"]["version"] == 3
    publish("remove", "Mine")
    secret = root.home + "/secret"
    with open(secret, "wb") as file:
        file.write(b"secret" * 1000)
    os.chmod(secret, 0o600)
    disk = copy + "/" + template["config"]["disks"][0]["path"]
    os.unlink(disk)
    os.symlink(secret, disk)
    assert "Can't read" in publish("add", copy, "3", reader=user.uid, fails=True)
    os.unlink(disk)
    os.link(secret, disk)
    assert "Can't read" in publish("add", copy, "3", reader=user.uid, fails=True)
    os.unlink(disk)
    os.mkfifo(disk)
    os.chown(disk, user.uid, user.uid)
    assert "is no file" in publish("add", copy, "3", reader=user.uid, fails=True)
    for path in secret, "../../secret":
        with open(copy + "/vm.json") as file:
            config = json.load(file)
        config["disks"][0]["path"] = path
        with open(copy + "/vm.json", "w") as file:
            json.dump(config, file)
        said = publish("add", copy, "3", reader=user.uid, fails=True)
        assert "outside of its folder" in said or "leaves the machine’s folder" in said.replace("'", "’"), said
    assert os.listdir(offered) == []


def test_suspicion():
    """What others could have changed isn't offered, nor an image that leads elsewhere"""
    root.bonsai("template", "publish", "Office")
    place = offered + "/office.bonsai"
    os.chmod(place, 0o777)
    assert listed(user) == {}
    os.chmod(place, 0o755)
    os.chown(place, other.uid, other.uid)
    assert listed(user) == {}
    os.chown(place, 0, 0)
    assert list(listed(user)) == ["Office"]
    disk = place + "/disk0.qcow2"
    os.unlink(disk)
    root.bonsai("disk", "create", disk, "--backing", root.home + "/Office.qcow2")
    os.chmod(disk, 0o644)
    assert "needs other files" in user.bonsai("template", "clone", "Office", "Trick", fails=True)
    with open(place + "/published.json", "w") as file:
        file.write("[]")
    assert listed(user) == {}


def main():
    tests = [test_offer, test_new_version, test_rights, test_suspicion]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception as error:
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            print("#", (str(error) or traceback.format_exc()).replace("\n", "\n# "), flush=True)
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


if not CAN_BE_OTHERS:
    print("1..0 # SKIP only root, with setpriv, can be several users")
    sys.exit(0)
os.chmod(scratch, 0o755)
root, user, other = (User(scratch, name, uid, BONSAI, BONSAI_TEMPLATES=offered)
                     for name, uid in (("root", 0), ("user", 54323), ("other", 54324)))
sys.exit(main())
