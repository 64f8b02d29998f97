# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# An installer CD of Debian's own pieces: isolinux, its graphical menu and splash, and the
# installer's kernels and initrds, graphical and text.

recipe_about="installer.iso: Debian's installer, graphical and text, behind a graphical menu"
recipe_packages="debian-installer-12-netboot-amd64 isolinux syslinux-common xorriso"

images=/usr/lib/debian-installer/images/12/amd64
modules=/usr/lib/syslinux/modules/bios

recipe_inputs() {
  [ -d $images ] && [ -d $modules ] && command -v xorriso > /dev/null || return 1
  echo installer/isolinux.cfg /usr/lib/ISOLINUX/isolinux.bin $modules/vesamenu.c32 \
    $images/{gtk,text}/debian-installer/amd64/{linux,initrd.gz}
}

recipe_build() {
  local directory=$1 tree=$1/tree kind
  mkdir -p "$tree/isolinux"
  cp installer/isolinux.cfg /usr/lib/ISOLINUX/isolinux.bin $modules/{ldlinux,libcom32,libutil,vesamenu}.c32 \
    $images/gtk/debian-installer/amd64/boot-screens/{splash.png,stdmenu.cfg} "$tree/isolinux/"
  for kind in gtk text; do
    mkdir -p "$tree/install.amd/$kind"
    cp $images/$kind/debian-installer/amd64/{linux,initrd.gz} "$tree/install.amd/$kind/"
  done
  SOURCE_DATE_EPOCH=1700000000 xorriso -as mkisofs -quiet -o "$directory/installer.iso" -V 'Debian installer' -r -J \
    -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
    -isohybrid-mbr /usr/lib/ISOLINUX/isohdpfx.bin "$tree"
  rm -rf "$tree"
}
