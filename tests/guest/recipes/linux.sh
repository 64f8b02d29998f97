# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# Debian's stock kernel with an initramfs that holds busybox and the drivers of Bonsai's PC.

recipe_about="vmlinuz, vmlinux (the same, unpacked), initrd, console-font: stock kernel and busybox"
recipe_packages="linux-image-amd64 busybox-static cpio xz-utils zstd"

modules="virtio_pci virtio_blk virtio_net e1000e virtio-rng ahci sd_mod sr_mod isofs ext4 bochs evdev psmouse button pvpanic-mmio i6300esb"

recipe_inputs() {
  local version
  version=$(newest_kernel) && [ -x /usr/bin/busybox ] || return 1
  echo "/boot/vmlinuz-$version" /usr/bin/busybox linux/init linux/udhcpc
}

recipe_build() {
  local directory=$1 version
  version=$(newest_kernel) || return 1
  cp "/boot/vmlinuz-$version" "$directory/vmlinuz"
  unpack_kernel "$directory/vmlinuz" > "$directory/vmlinux" || return 1

  # The font that its consoles draw with, for tests that read them: found by its letter A.
  local letter='\x00\x00\x10\x38\x6c\xc6\xc6\xfe\xc6\xc6\xc6\xc6\x00\x00\x00\x00' offset
  offset=$(LC_ALL=C grep -aboP "$letter" "$directory/vmlinux" | cut -d: -f1 | head -n 1)
  dd if="$directory/vmlinux" of="$directory/console-font" bs=16 count=256 iflag=skip_bytes skip=$((offset - 65 * 16)) status=none

  local root=$directory/root
  mkdir -p "$root"/{bin,modules,proc,sys,dev,etc,tmp,run,mnt,root}
  cp /usr/bin/busybox "$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  install -m 755 linux/init "$root/init"
  install -m 755 linux/udhcpc "$root/etc/udhcpc"
  echo 'root::0:0:root:/root:/bin/sh' > "$root/etc/passwd"
  # shellcheck disable=SC2086 # one module per word
  copy_modules "$version" "$root/modules" $modules || return 1
  # What stories load themselves.
  mkdir "$root/extra"
  copy_modules "$version" "$root/extra" virtio_balloon virtio_input xhci_pci hid_generic usbhid usb_storage uas || return 1
  pack_initrd "$root" > "$directory/initrd" || return 1
  rm -rf "$root"
}
