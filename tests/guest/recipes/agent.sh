# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# What answers in test_agent.py: busybox, drivers, and the qemu-guest-agent as Debian ships it.

recipe_about="vmlinuz, initrd (busybox, drivers, qemu-ga; a test adds its /agent-init)"
recipe_packages="linux-image-amd64 busybox-static cpio xz-utils zstd qemu-guest-agent"

modules="crc32c_generic virtio_pci virtio_blk virtio_console virtio_net nvme ext4"
agent=/usr/sbin/qemu-ga

recipe_inputs() {
  local version
  version=$(newest_kernel) && [ -x /usr/bin/busybox ] || return 1
  ls "/boot/vmlinuz-$version" /usr/bin/busybox $agent 2> /dev/null
}

recipe_build() {
  local directory=$1 version root library
  version=$(newest_kernel) || return 1
  cp "/boot/vmlinuz-$version" "$directory/vmlinuz"

  root=$directory/root
  mkdir -p "$root"/{bin,modules,proc,sys,dev,tmp,mnt,etc,lib,lib64,var/run,var/log}
  ln -s bin "$root/sbin"
  cp /usr/bin/busybox "$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  cp -L $agent "$root/bin/"
  ldd $agent | sed -nE 's/.* => (\/[^ ]+) .*/\1/p' | while read -r library; do cp -L "$library" "$root/lib/"; done
  cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
  # shellcheck disable=SC2086 # one module per word
  copy_modules "$version" "$root/modules" $modules || return 1
  pack_initrd "$root" > "$directory/initrd" || return 1
  rm -rf "$root"
}
