# SPDX-License-Identifier: GPL-3.0-or-later
"""A computer's /sys and /dev with USB devices, below a folder that BONSAI_USB_ROOT names."""

import os


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else (content + "\n").encode())


def plug(root, port, number, id, manufacturer, product, serial=None, classes=((8, 6, 0x50),), device_class=0):
    """@classes: class, subclass and protocol of each interface."""
    bus = int(port.split("-")[0])
    relative = f"devices/pci0000:00/usb{bus}/{port}"
    folder = f"{root}/sys/{relative}"
    vendor, model = id.split(":")
    for name, value in (("busnum", bus), ("devnum", number), ("idVendor", vendor), ("idProduct", model),
                        ("bDeviceClass", f"{device_class:02x}"), ("speed", 480), ("manufacturer", manufacturer),
                        ("product", product), ("serial", serial)):
        if value is not None:
            write(f"{folder}/{name}", str(value))
    # USB 2.0, sections 9.6.1 and 9.6.5
    write(f"{folder}/descriptors", bytes([18, 1, 0, 2, device_class] + [0] * 13)
          + b"".join(bytes([9, 4, i, 0, 0, *kind, 0]) for i, kind in enumerate(classes)))
    write(f"{root}/dev/bus/usb/{bus:03}/{number:03}", f"node of {port}")
    os.makedirs(f"{root}/sys/bus/usb/devices", exist_ok=True)
    os.symlink(f"../../../{relative}", f"{root}/sys/bus/usb/devices/{port}")


def unplug(root, port):
    os.unlink(f"{root}/sys/bus/usb/devices/{port}")


def give_input(root, port, interface=0):
    """The device is a keyboard."""
    folder = f"{root}/sys/devices/pci0000:00/usb{port.split('-')[0]}/{port}/{port}:1.{interface}/input/input1"
    write(f"{folder}/capabilities/key", "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe")
    write(f"{folder}/capabilities/rel", "0")
    write(f"{folder}/capabilities/abs", "0")
    os.makedirs(f"{root}/sys/class/input", exist_ok=True)
    os.symlink(folder, f"{root}/sys/class/input/input1")
