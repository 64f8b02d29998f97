# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# What the linux guest lacks to draw on a virtio-gpu: the driver, and a program that sets modes.

recipe_about="initrd: the linux guest's, with virtio-gpu and gpu-modes, whose /init measures; vmlinuz"
recipe_packages="linux-image-amd64 busybox-static cpio xz-utils zstd gcc libdrm-dev linux-libc-dev"

recipe_inputs() {
  local version
  version=$(newest_kernel) && [ -e /usr/lib/x86_64-linux-gnu/libdrm.a ] || return 1
  echo "/boot/vmlinuz-$version" linux.sh gpu/init ../gpu-modes.c /usr/bin/busybox
}

recipe_build() {
  local directory=$1 version root=$1/root
  version=$(newest_kernel) || return 1
  cp "/boot/vmlinuz-$version" "$directory/vmlinuz"
  mkdir -p "$root"/{bin,gpu,proc,sys,dev,tmp}
  cp /usr/bin/busybox "$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  install -m 755 gpu/init "$root/init"
  gcc -O2 -static -Wall -I/usr/include/libdrm -o "$root/bin/gpu-modes" ../gpu-modes.c -ldrm || return 1
  copy_modules "$version" "$root/gpu" virtio_pci virtio-gpu || return 1
  pack_initrd "$root" > "$directory/initrd" || return 1
  rm -rf "$root"
}
