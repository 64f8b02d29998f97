# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034

recipe_about="grub-rescue-cdrom.iso, -floppy.img, -usb.img: GRUB as a system of its own"
recipe_packages="grub-rescue-pc"

files="/usr/lib/grub-rescue/grub-rescue-cdrom.iso /usr/lib/grub-rescue/grub-rescue-floppy.img /usr/lib/grub-rescue/grub-rescue-usb.img"

source ./packaged
