# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034,SC1091,SC2154
#
# What test_snapshot_devices.py takes snapshots of: the stock kernel with the drivers of everything that Bonsai's PC can have,
# busybox and the qemu-guest-agent, on a disc from which BIOS and UEFI firmware boot.
source ./complete.sh

recipe_about="cdrom.iso (GRUB for BIOS and UEFI, stock kernel, busybox, drivers of every device, qemu-ga)"
recipe_packages="linux-image-amd64 busybox-static cpio xz-utils zstd grub-efi-amd64-bin grub-pc-bin grub-common mtools
 xorriso qemu-guest-agent"

modules="$modules crc32c_generic ext4 isofs snd-pcm-oss"
agent=/usr/sbin/qemu-ga

recipe_inputs() {
  local version
  version=$(newest_kernel) && [ -x /usr/bin/busybox ] && [ -d "$grub" ] && [ -d /usr/lib/grub/i386-pc ] || return 1
  command -v mformat xorriso grub-mkrescue > /dev/null || return 1
  ls "/boot/vmlinuz-$version" /usr/bin/busybox $agent complete.sh uefi.sh everything/init everything/grub.cfg "$grub/moddep.lst"
}

# The agent's libraries lie apart: busybox would take its name service from them.
add_agent() {
  local root=$1 library
  mkdir -p "$root"/{agent,lib64,var/run}
  cp -L $agent "$root/agent/"
  ldd $agent | sed -nE 's/.* => (\/[^ ]+) .*/\1/p' | while read -r library; do cp -L "$library" "$root/agent/"; done
  cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
}

recipe_build() {
  local directory=$1 version tree=$1/tree
  version=$(newest_kernel) || return 1
  mkdir -p "$tree/boot/grub"
  cp "/boot/vmlinuz-$version" "$tree/vmlinuz"
  cp everything/grub.cfg "$tree/boot/grub/"
  add_agent "$directory/root" || return 1
  make_initrd "$directory/root" "$version" everything/init > "$tree/initrd" || return 1
  grub-mkrescue -o "$directory/cdrom.iso" --compress=no --fonts= --locales= --themes= "$tree" || return 1
  rm -rf "$directory/root" "$tree"
}
