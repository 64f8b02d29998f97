# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034,SC1091,SC2154
#
# The uefi guest's disk with the drivers of everything that Bonsai's PC can have, and an /init that tells what they
# are bound to.
source ./uefi.sh

recipe_about="disk.img (GPT, EFI system partition: GRUB, stock kernel, busybox, drivers of every device)"

# What udev would load by the devices' names; the parser of codecs is there before the card that asks for it.
modules="virtio_pci virtio_blk virtio_net virtio_scsi virtio-rng virtio_balloon virtio_console virtio_input virtio-gpu
 e1000e ahci nvme sd_mod sr_mod snd-hda-codec-generic snd-hda-intel i6300esb pvpanic-mmio lpc_ich iTCO_wdt i2c-i801
 pcspkr evdev psmouse button efivarfs"

recipe_inputs() {
  local version
  version=$(newest_kernel) && [ -x /usr/bin/busybox ] && [ -d "$grub" ] || return 1
  command -v mcopy mformat sfdisk grub-mkimage > /dev/null || return 1
  echo "/boot/vmlinuz-$version" /usr/bin/busybox uefi.sh complete/init uefi/disk.cfg "$grub/moddep.lst"
}

recipe_build() {
  local directory=$1 version tree=$1/tree
  version=$(newest_kernel) || return 1
  make_tree complete/init "$version" "$directory/root" "$tree" || return 1
  make_disk "$directory/disk.img" "$tree" || return 1
  rm -rf "$tree"
}
