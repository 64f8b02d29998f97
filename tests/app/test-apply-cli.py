#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""“bonsai apply”: machines become what a file says, once, also when it is killed on the way.

Usage: test-apply-cli.py BONSAI SAMPLE
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

BONSAI, SAMPLE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
INVADERS = "/boot/invaders.exec"
KILLS = int(os.environ.get("BONSAI_TEST_KILLS", "12"))

scratch = tempfile.mkdtemp(prefix="bonsai-apply-")
library = scratch + "/library"
os.environ.update(BONSAI_LIBRARY=library, XDG_RUNTIME_DIR=scratch + "/run", XDG_STATE_HOME=scratch + "/state",
                  XDG_DATA_HOME=scratch + "/data", XDG_CONFIG_HOME=scratch + "/config", G_DEBUG="fatal-criticals",
                  LC_ALL="C.UTF-8")
os.mkdir(scratch + "/run", 0o700)


def bonsai(*arguments, status=0):
    done = subprocess.run([BONSAI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, f"expected status {status}: {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def write(text, name="lab.yaml"):
    path = f"{scratch}/{name}"
    with open(path, "w") as file:
        file.write(text)
    return path


def apply(text, *options, name="lab.yaml", status=0):
    return bonsai("apply", write(text, name), *options, status=status)


def plan(text, *options):
    """name → (action, {member: (from, to, at-next-start)})"""
    said = json.loads(apply(text, "--json", *options))
    assert said["done"] == ("--dry-run" not in options), said
    steps = {}
    for step in said["machines"]:
        changes = {one["member"]: (one["from"], one["to"], one["at-next-start"]) for one in step["changes"]}
        steps[step["name"]] = (step["action"], changes)
    return steps


def listed():
    return sorted(one["name"] for one in json.loads(bonsai("list", "--json")))


def show(name):
    return json.loads(bonsai("show", name, "--json"))


def vm_json(folder):
    with open(f"{library}/{folder}.bonsai/vm.json") as file:
        return json.load(file)


def disk_size(path):
    return json.loads(bonsai("disk", "info", path, "--json"))["size"]


def everything():
    """All files and what is in them."""
    found = {}
    for folder, _, files in os.walk(library):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.join(folder, name)] = file.read()
    return found


LAB = """bonsai: 1
policies:
  careful:
    idle-suspend: { after: 30m }
    cpu-cap: 50%
networks:
  old: { model: e1000e }
machines:
  - name: Web
    memory: 64M
    notes: Moves in May
    tags: [lab]
    boot: { kernel: """ + INVADERS + """ }
    policy: careful
    networks: [ old, { network: none } ]
    disks:
      - size: 64M
        limits: { iops: 500 }
      - kind: cdrom
  - name: Mail
    memory: 32M
"""


def test_create():
    """Machines are made as the file says, and the second time nothing is to be done"""
    steps = plan(LAB, "--dry-run")
    assert steps["Web"][0] == steps["Mail"][0] == "create", steps
    assert steps["Web"][1]["disks.disk0.size"] == (None, "64M", False), steps
    assert listed() == [] and everything() == {}, everything()
    said = apply(LAB)
    assert "“Web” is made" in said and 'memory: "32M"' in said, said
    assert listed() == ["Mail", "Web"]
    web = vm_json("web")
    assert web["policy"] == {"idle-suspend": {"after": "30m"}, "cpu-cap": "50%"} and web["tags"] == ["lab"], web
    assert [one["network"] for one in web["networks"]] == ["nat", "none"] and web["networks"][0]["model"] == "e1000e", web
    assert [one["id"] for one in web["disks"]] == ["disk0", "cd0"] and web["disks"][0]["limits"] == {"iops": 500}, web
    assert disk_size(library + "/web.bonsai/disks/disk0.qcow2") == 64 << 20
    before = everything()
    assert "Nothing is to be done" in apply(LAB)
    assert {step for step, _ in plan(LAB).values()} == {"nothing"}
    assert everything() == before


def test_json():
    """The same in JSON, from standard input as well; the sample of the manual is understood"""
    text = json.dumps({"bonsai": 1, "machines": [{"name": "Web", "memory": 64}]})
    assert "Nothing is to be done" in apply(text, name="lab.json")
    done = subprocess.run([BONSAI, "apply", "-"], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Nothing" in done.stdout, done
    assert "lab.json:1:2: expected" in apply("{bonsai: 1}", name="lab.json", status=4)
    said = json.loads(bonsai("apply", "--dry-run", "--json", SAMPLE))
    assert said["due"] >= 2, said


def test_change():
    """What is different is changed, member by member, and the rest left alone"""
    bonsai("label", "Mail", "--group", "Work")
    changed = LAB.replace("size: 64M", "size: 96M").replace("iops: 500", "iops: 900").replace("32M", "48M").replace("notes: Moves in May", "notes: null")
    steps = plan(changed, "--dry-run")
    assert steps["Web"] == ("change", {"notes": ("Moves in May", None, False), "disks.disk0.limits.iops": (500, 900, False),
                                       "disks.disk0.size": ("64M", "96M", False)}), steps
    assert steps["Mail"] == ("change", {"memory": ("32M", "48M", False)}), steps
    assert vm_json("mail")["memory"] == "32M"
    assert plan(changed) == steps
    assert "Nothing is to be done" in apply(changed)
    assert disk_size(library + "/web.bonsai/disks/disk0.qcow2") == 96 << 20
    assert vm_json("mail")["group"] == "Work" and vm_json("mail")["memory"] == "48M" and "notes" not in vm_json("web")
    # Smaller would lose what lies beyond.
    said = apply(LAB, status=4)
    assert "lab.yaml:17:9: machines[0].disks[0].size" in said and "--shrink" in said, said
    assert vm_json("mail")["memory"] == "48M", "the file had an error, and something was done"


def test_snapshots():
    """A disk that has layers stays as it is; one that says it has another image is refused"""
    text = "bonsai: 1\nmachines:\n- name: Layers\n  disks:\n  - { size: 2M, format: raw }\n"
    apply(text)
    bonsai("snapshot", "take", "Layers", "One")
    before = vm_json("layers")
    assert "Nothing is to be done" in apply(text)
    assert "Nothing is to be done" in apply("bonsai: 1\nmachines:\n- name: Layers\n  disks:\n  - { path: disks/disk0.img, format: raw }\n")
    assert vm_json("layers") == before
    said = apply(f"bonsai: 1\nmachines:\n- name: Layers\n  disks:\n  - {{ path: {INVADERS} }}\n", status=4)
    assert "lab.yaml:5:7: machines[0].disks[0].path: disk disk0 is" in said, said


def test_devices():
    """Disks and cards come and go by their ids"""
    apply("bonsai: 1\nmachines:\n- name: Mail\n  disks: [ { id: data, size: 4M, bus: nvme } ]\n  networks: [ { link: down }, { id: second } ]\n")
    mail = vm_json("mail")
    assert mail["disks"][0]["bus"] == "nvme" and mail["networks"][0]["link"] == "down" and len(mail["networks"]) == 2, mail
    mac = mail["networks"][1]["mac"]
    apply("bonsai: 1\nmachines:\n- name: Mail\n  disks: [ { id: data, state: absent } ]\n  networks: [ { state: absent } ]\n")
    mail = vm_json("mail")
    assert mail["disks"] == [] and [one["mac"] for one in mail["networks"]] == [mac], mail
    assert os.path.exists(library + "/mail.bonsai/disks/data.qcow2"), "its image stays"
    # Whose name is taken: another is made.
    apply("bonsai: 1\nmachines:\n- name: Mail\n  disks: [ { id: data, size: 8M } ]\n")
    assert disk_size(f"{library}/mail.bonsai/{vm_json('mail')['disks'][0]['path']}") == 8 << 20


def test_absent():
    """What is to be absent goes to the trash; nothing else does"""
    text = "bonsai: 1\nmachines:\n- { name: Layers, state: absent }\n- { name: Never, state: absent }\n"
    assert plan(text, "--dry-run") == {"Layers": ("remove", {}), "Never": ("nothing", {})}
    assert "Layers" in listed()
    assert "is in the trash" in apply(text)
    assert listed() == ["Mail", "Web"]
    assert "Nothing is to be done" in apply(text)
    bonsai("undelete", "Layers")
    bonsai("clone", "Layers", "Clone", "--linked")
    said = apply(text, status=4)
    assert "lab.yaml:3:3: machines[0]" in said and "linked clone “Clone”" in said, said
    apply(text + "- { name: Clone, state: absent }\n")
    assert listed() == ["Mail", "Web"]


def test_broken_files():
    """A file with an error is refused with line, column, member and remedy, and nothing is done"""
    good = "bonsai: 1\nmachines:\n- { name: New, memory: 32M }\n"
    table = (
        ("bonsai: 2\n", "lab.yaml:1:1: bonsai: must be 1"),
        (good + "machnes: []\n", "lab.yaml:4:1: machnes: is unknown"),
        (good + "- name: B\n  memroy: 1G\n", "lab.yaml:5:3: machines[1].memroy: is unknown; is “memory” meant?"),
        (good + "- name: B\n  memory: lots\n", "lab.yaml:5:3: machines[1].memory: “lots” is not a size; write it like 512M or 2G"),
        (good + "- name: B\n  memory: 500G\n", "lab.yaml:5:3: machines[1].memory: The machine wants"),
        (good + "- name: B\n  hpet: yes\n", "lab.yaml:5:3: machines[1].hpet: must be true or false"),
        (good + "- name: New\n", "lab.yaml:4:3: machines[1].name: “New” is there twice"),
        (good + "- { name: B, policy: strict }\n", "lab.yaml:4:14: machines[1].policy: no policy is called “strict”"),
        (good + "- { name: B, policy: { cpu-cap: 0% } }\n", "lab.yaml:4:24: machines[1].policy.cpu-cap: must be 1%"),
        (good + "policies: { x: { rules: [ { name: a } ] } }\n", "lab.yaml:4:27: policies.x.rules[0].when: missing"),
        (good + "- { name: B, disks: [ { path: /nowhere.img } ] }\n", "lab.yaml:4:25: machines[1].disks[0].path: there is no file /nowhere.img"),
        (good + "- { name: B, boot: { kernel: /nowhere } }\n", "lab.yaml:4:22: machines[1].boot.kernel: there is no file /nowhere"),
        (good + "- { name: B, disks: [ { size: 1K } ] }\n", "lab.yaml:4:25: machines[1].disks[0].size: A disk of 1K"),
        (good + "- { name: B, disks: [ {} ] }\n", "lab.yaml:4:23: machines[1].disks[0].size: missing"),
        (good + "- { name: B, state: gone }\n", "lab.yaml:4:14: machines[1].state: “gone” is unknown; it must be"),
        (good + "- { name: B\n", "lab.yaml:5:1: did not find expected ',' or '}'"),
        (good + "- { name: B, notes: *x }\n", "lab.yaml:4:21: aliases aren't understood"),
    )
    for text, message in table:
        said = apply(text, status=4)
        assert message in said, f"{text}: {said}, and not {message}"
        assert "New" not in listed(), text
    assert "There is no file" in bonsai("apply", scratch + "/nowhere.yaml", status=4)
    os.makedirs(library + "/odd.bonsai")
    with open(library + "/odd.bonsai/vm.json", "w") as file:
        file.write("{")
    said = apply(good + "- { name: odd.bonsai }\n", status=4)
    assert "“odd.bonsai” is broken" in said and "New" not in listed(), said
    shutil.rmtree(library + "/odd.bonsai")


def test_running():
    """A machine that runs is changed while it does; what can't be is said"""
    bonsai("start", "Web", "--headless")
    iso = write("disc", "disc.iso")
    text = f"""bonsai: 1
machines:
  - name: Web
    memory: 80M
    notes: Runs
    policy: {{ cpu-cap: 30% }}
    networks: [ {{}}, {{ link: down }} ]
    disks:
      - {{ size: 128M, limits: {{ iops: 100 }} }}
      - {{ kind: cdrom, path: {iso} }}
      - {{ id: hot, size: 4M }}
      - {{ id: cold, size: 4M, bus: nvme }}
"""
    changes = plan(text)["Web"][1]
    late = sorted(member for member, (_, _, at_start) in changes.items() if at_start)
    assert late == ["disks.cold", "memory"], changes
    assert changes["disks.disk0.size"] == ("96M", "128M", False) and "policy.cpu-cap" in changes, changes
    now = show("Web")
    assert now["state"] == "running", now
    assert "Nothing is to be done" in apply(text)
    assert disk_size(library + "/web.bonsai/disks/disk0.qcow2") == 128 << 20
    bonsai("disk", "detach", "Web:hot")
    assert "is running" in apply("bonsai: 1\nmachines:\n- { name: Web, state: absent }\n", status=4)
    bonsai("stop", "Web")
    web = vm_json("web")
    assert web["memory"] == "80M" and [one["id"] for one in web["disks"]] == ["disk0", "cd0", "cold"], web
    bonsai("start", "Web", "--headless")
    bonsai("stop", "Web")


def test_kill():
    """Killed at any time, the next run has the rest, and all is whole"""
    def wanted(memory, size):
        machines = "".join(f"- name: Kill {n}\n  memory: {memory}M\n  disks: [ {{ size: {size}M }} ]\n" for n in range(8))
        return f"bonsai: 1\nmachines:\n{machines}"

    started = time.monotonic()
    apply(wanted(16, 2))
    length = time.monotonic() - started
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    for turn in range(KILLS):
        if turn % 3 == 0:
            for n in range(8):
                bonsai("delete", f"Kill {n}")
        text = wanted(17 + turn, 3 + turn)
        process = subprocess.Popen([BONSAI, "apply", write(text)], stdout=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, length))
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        for one in json.loads(bonsai("list", "--json")):
            assert one["state"] == "stopped", f"seed {seed}, turn {turn}: {one}"
        apply(text)
        assert "Nothing is to be done" in apply(text), f"seed {seed}, turn {turn}"
        for n in range(8):
            folder = os.path.dirname(show(f"Kill {n}")["path"] + "/")
            with open(folder + "/vm.json") as file:
                config = json.load(file)
            assert config["memory"] == f"{17 + turn}M", f"seed {seed}, turn {turn}: {config}"
            assert disk_size(f"{folder}/{config['disks'][0]['path']}") == (3 + turn) << 20, f"seed {seed}, turn {turn}: {config}"
    left = [name for name in os.listdir(library) if name.startswith(".new-")]
    assert len(left) <= KILLS, left


def main():
    tests = [test_create, test_json, test_change, test_snapshots, test_devices, test_absent, test_broken_files, test_running, test_kill]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__doc__}", flush=True)
        except Exception as error:
            failed = True
            print(f"not ok {number} - {test.__doc__}", flush=True)
            line = traceback.extract_tb(error.__traceback__)[-1]
            print(f"# {line.line}:", str(error or repr(error)).replace("\n", "\n# "), flush=True)
    for one in json.loads(bonsai("list", "--json")):
        if one["state"] == "running":
            subprocess.run([BONSAI, "stop", one["name"]], check=False)
    shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
