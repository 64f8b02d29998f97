# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# What UEFI firmware boots: Debian's stock kernel and busybox by GRUB from the EFI system partition of a
# GPT disk, and GRUB from a CD.

recipe_about="disk.img (GPT, EFI system partition: GRUB, stock kernel, busybox), cdrom.iso (GRUB, El Torito for EFI)"
recipe_packages="linux-image-amd64 busybox-static cpio xz-utils zstd grub-efi-amd64-bin grub-common mtools fdisk xorriso"

modules="virtio_pci virtio_blk ahci sd_mod bochs evdev button efivarfs"
grub=/usr/lib/grub/x86_64-efi
partition_start=1 # MiB
partition_size=62

recipe_inputs() {
  local version
  version=$(newest_kernel) && [ -x /usr/bin/busybox ] && [ -d $grub ] || return 1
  command -v mcopy mformat sfdisk xorriso grub-mkimage grub-mkrescue > /dev/null || return 1
  echo "/boot/vmlinuz-$version" /usr/bin/busybox uefi/init uefi/disk.cfg uefi/cdrom.cfg $grub/moddep.lst
}

make_initrd() {
  local root=$1 version=$2 init=$3
  mkdir -p "$root"/{bin,modules,proc,sys,dev,tmp}
  cp /usr/bin/busybox "$root/bin/busybox"
  ln -s busybox "$root/bin/sh"
  install -m 755 "$init" "$root/init"
  # shellcheck disable=SC2086 # one module per word
  copy_modules "$version" "$root/modules" $modules || return 1
  pack_initrd "$root"
}

# Where firmware looks on a disk that nobody made a boot entry for: UEFI 2.10, section 3.5.1.1.
make_disk() {
  local disk=$1 tree=$2
  truncate -s $((partition_start + partition_size + 1))M "$disk"
  sfdisk --quiet "$disk" <<TABLE || return 1
label: gpt
start=${partition_start}MiB, size=${partition_size}MiB, type=uefi, name="EFI system partition"
TABLE
  mformat -i "$disk@@${partition_start}M" -F -T $((partition_size * 2048)) -h 16 -s 63 -v EFI :: || return 1
  mcopy -i "$disk@@${partition_start}M" -s "$tree"/* :: || return 1
}

# The EFI system partition's content; the initramfs runs INIT.
make_tree() {
  local init=$1 version=$2 root=$3 tree=$4
  mkdir -p "$tree/EFI/BOOT"
  cp "/boot/vmlinuz-$version" "$tree/vmlinuz"
  make_initrd "$root" "$version" "$init" > "$tree/initrd" || return 1
  rm -rf "$root"
  cp uefi/disk.cfg "$tree/EFI/BOOT/grub.cfg"
  grub-mkimage -O x86_64-efi -p /EFI/BOOT -o "$tree/EFI/BOOT/BOOTX64.EFI" \
    part_gpt fat normal configfile linux echo serial terminal efi_gop video || return 1
}

recipe_build() {
  local directory=$1 version tree=$1/tree
  version=$(newest_kernel) || return 1
  make_tree uefi/init "$version" "$directory/root" "$tree" || return 1
  make_disk "$directory/disk.img" "$tree" || return 1
  rm -rf "$tree"

  mkdir -p "$tree/boot/grub"
  cp uefi/cdrom.cfg "$tree/boot/grub/grub.cfg"
  grub-mkrescue -d $grub -o "$directory/cdrom.iso" --compress=no --fonts= --locales= --themes= "$tree" || return 1
  rm -rf "$tree"
}
