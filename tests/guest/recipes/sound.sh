# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# What plays, records and works NVMe disks in test_sound_nvme.py: busybox, drivers, and ALSA's own programs.

recipe_about="vmlinuz, initrd (busybox, drivers of sound cards and NVMe, aplay, arecord, amixer, blkdiscard; a test adds its /sound-init)"
recipe_packages="linux-image-amd64 busybox-static cpio xz-utils zstd alsa-utils util-linux"

# The parser of codecs is there before the card that asks for it.
modules="crc32c_generic virtio_pci virtio_blk nvme ext4 snd-hda-codec-generic snd-hda-intel"
tools="/usr/bin/aplay /usr/bin/amixer /usr/sbin/blkdiscard"

recipe_inputs() {
  local version
  version=$(newest_kernel) && [ -x /usr/bin/busybox ] || return 1
  # shellcheck disable=SC2086
  ls "/boot/vmlinuz-$version" /usr/bin/busybox $tools /usr/share/alsa/alsa.conf 2> /dev/null
}

recipe_build() {
  local directory=$1 version root tool library
  version=$(newest_kernel) || return 1
  cp "/boot/vmlinuz-$version" "$directory/vmlinuz"

  root=$directory/root
  mkdir -p "$root"/{bin,modules,proc,sys,dev,tmp,tools,alsa/lib,alsa/bin,usr/share,lib64}
  cp /usr/bin/busybox "$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  for tool in $tools; do
    cp -L "$tool" "$root/alsa/bin/"
    ldd "$tool" | sed -nE 's/.* => (\/[^ ]+) .*/\1/p'
  done | sort -u | while read -r library; do cp -L "$library" "$root/alsa/lib/"; done
  ln -s aplay "$root/alsa/bin/arecord"
  cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
  cp -rL /usr/share/alsa "$root/usr/share/alsa"
  rm -rf "$root"/usr/share/alsa/{ucm,ucm2,topology}
  # shellcheck disable=SC2086 # one module per word
  copy_modules "$version" "$root/modules" $modules || return 1
  pack_initrd "$root" > "$directory/initrd" || return 1
  rm -rf "$root"
}
