# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# What works the disks of test_disks.py: busybox and the drivers of every disk bus, and on a disk of
# their own the tools that need libraries.

recipe_about="vmlinuz, initrd (busybox and drivers; a test adds its /disks-init), tools.img (ext4: fio, mke2fs, sg3-utils)"
recipe_packages="linux-image-amd64 busybox-static cpio xz-utils zstd fio e2fsprogs sg3-utils"

modules="crc32c_generic virtio_pci virtio_blk virtio_scsi ahci sd_mod sr_mod sg isofs ext4"
tools="/usr/bin/fio /usr/sbin/mke2fs /usr/bin/sg_inq /usr/bin/sg_dd /usr/bin/sg_raw /usr/bin/sg_readcap"

recipe_inputs() {
  local version
  version=$(newest_kernel) && [ -x /usr/bin/busybox ] || return 1
  # shellcheck disable=SC2086
  ls "/boot/vmlinuz-$version" /usr/bin/busybox $tools 2> /dev/null
}

# Each library under its own name in one folder; the loader where programs look for it.
gather_tools() {
  local root=$1 tool library
  mkdir -p "$root"/{bin,lib,lib64}
  for tool in $tools; do
    cp "$tool" "$root/bin/"
    ldd "$tool" | sed -nE 's/.* => (\/[^ ]+) .*/\1/p'
  done | sort -u | while read -r library; do cp -L "$library" "$root/lib/"; done
  cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
}

recipe_build() {
  local directory=$1 version root size
  version=$(newest_kernel) || return 1
  cp "/boot/vmlinuz-$version" "$directory/vmlinuz"

  root=$directory/root
  mkdir -p "$root"/{bin,modules,proc,sys,dev,tmp,mnt,tools}
  cp /usr/bin/busybox "$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  ln -s tools/lib64 "$root/lib64"
  # shellcheck disable=SC2086 # one module per word
  copy_modules "$version" "$root/modules" $modules || return 1
  pack_initrd "$root" > "$directory/initrd" || return 1
  rm -rf "$root"

  gather_tools "$root" || return 1
  size=$(du -sm "$root" | cut -f 1)
  mke2fs -q -t ext4 -O ^has_journal -m 0 -E root_owner=0:0 -d "$root" "$directory/tools.img" $((size + size / 8 + 8))M || return 1
  rm -rf "$root"
}
