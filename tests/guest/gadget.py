# SPDX-License-Identifier: GPL-3.0-or-later
"""USB devices that the kernel makes: gadgets on dummy_hcd, a host controller and a device in one."""

import contextlib
import pathlib
import subprocess
import time

CONFIG = pathlib.Path("/sys/kernel/config")
DEVICES = pathlib.Path("/sys/bus/usb/devices")
VENDOR = "1d6b"


def load(n_controllers=2):
    """Needs root, and the stock kernel."""
    if not pathlib.Path("/sys/class/udc/dummy_udc.0").exists():
        for module in (["configfs"], ["dummy_hcd", f"num={n_controllers}"], ["libcomposite"], ["usb-storage"],
                       ["sd_mod"], ["cdc-acm"], ["usbhid"]):
            subprocess.run(["modprobe", *module], check=True)
    if not (CONFIG / "usb_gadget").exists():
        subprocess.run(["mount", "-t", "configfs", "none", CONFIG], check=True)


class Device:
    """Known by its product's number; the vendor is the kernel."""

    product = None

    def find(self):
        """Where it is plugged in at the host ("3-1")."""
        for device in DEVICES.iterdir():
            with contextlib.suppress(OSError):
                if (device / "idProduct").read_text().strip() == self.product \
                        and (device / "idVendor").read_text().strip() == VENDOR:
                    return device.name
        return None

    def driver(self, interface=0):
        """Of the host's, or None."""
        key = self.find()
        link = DEVICES / f"{key}:1.{interface}" / "driver"
        return link.resolve().name if key and link.exists() else None

    def wait_driver(self, name):
        wait(lambda: self.driver() == name, f"driver {name} of {self.product}")


class Gadget(Device):
    """One function, such as {"lun.0/file": path} of mass_storage.0."""

    def __init__(self, controller, product, function, settings):
        self.controller = controller
        self.product = product
        self.path = CONFIG / "usb_gadget" / f"g{controller}"
        (self.path / "strings/0x409").mkdir(parents=True)
        (self.path / "configs/c.1").mkdir()
        self.function = self.path / "functions" / function
        self.function.mkdir()
        self.write("idVendor", f"0x{VENDOR}")
        self.write("idProduct", f"0x{product}")
        self.write("strings/0x409/serialnumber", f"S{controller}")
        self.write("strings/0x409/product", function)
        for name, value in settings.items():
            (self.function / name).write_bytes(value if isinstance(value, bytes) else str(value).encode())
        (self.path / "configs/c.1" / function).symlink_to(self.function)

    def write(self, name, value):
        (self.path / name).write_text(value)

    def plug(self):
        self.write("UDC", f"dummy_udc.{self.controller}")
        return wait(self.find, f"device {self.product}")

    def pull(self):
        self.write("UDC", "\n")

    def remove(self):
        """Makes room for another one on its controller."""
        (self.path / "configs/c.1" / self.function.name).unlink()
        for directory in (self.path / "configs/c.1", self.function, self.path / "strings/0x409", self.path):
            directory.rmdir()


def wait(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.1)
    return result
