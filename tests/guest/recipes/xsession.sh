# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# A desktop without decoration: Debian's X server on virtio-gpu and spice-vdagent, each as its package has it, with the
# libraries that they need, in an initramfs.

recipe_about="vmlinuz, initrd: an X session with spice-vdagent, xclip, xev, xrandr and a USB tablet if there is one"
recipe_packages="linux-image-amd64 busybox-static cpio xz-utils zstd"
recipe_packages="$recipe_packages xserver-xorg-core x11-xkb-utils xkb-data x11-utils x11-xserver-utils xclip spice-vdagent
 xserver-xorg-input-evdev"

modules="virtio_pci virtio_console virtio-gpu uinput xhci_pci hid_generic usbhid evdev"
programs="/usr/lib/xorg/Xorg /usr/lib/xorg/modules/drivers/modesetting_drv.so /usr/bin/xkbcomp /usr/bin/xrandr /usr/bin/xev
 /usr/bin/xclip /usr/sbin/spice-vdagentd /usr/bin/spice-vdagent /usr/lib/xorg/modules/input/evdev_drv.so"

recipe_inputs() {
  local version
  version=$(newest_kernel) && [ -x /usr/bin/busybox ] || return 1
  # shellcheck disable=SC2086 # one file per word
  ls $programs > /dev/null 2>&1 || return 1
  # shellcheck disable=SC2086
  echo "/boot/vmlinuz-$version" /usr/bin/busybox xsession/init xsession/xorg.conf $programs
}

recipe_build() {
  local directory=$1 root=$1/root version
  version=$(newest_kernel) || return 1
  cp "/boot/vmlinuz-$version" "$directory/vmlinuz"

  mkdir -p "$root"/{usr/{bin,sbin,lib,lib64},modules,proc,sys,dev,tmp,run,root,etc/X11,var/lib/xkb,var/log}
  ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root"
  cp /usr/bin/busybox "$root/usr/bin/busybox"
  ln -s busybox "$root/usr/bin/sh"
  # shellcheck disable=SC2086 # one file per word
  {
    cp -L --parents $programs "$root"
    ldd $programs | sed -nE 's/^\t(.* => )?(\/[^ ]+) .*/\2/p' | sort -u | xargs cp -L --parents -t "$root"
    copy_modules "$version" "$root/modules" $modules || return 1
  }
  cp -r --parents /usr/share/X11/xkb/{compat,geometry,keycodes,rules,symbols,types} "$root"
  install -m 644 xsession/xorg.conf "$root/etc/X11/xorg.conf"
  install -m 755 xsession/init "$root/init"
  pack_initrd "$root" > "$directory/initrd" || return 1
  rm -rf "$root"
}
