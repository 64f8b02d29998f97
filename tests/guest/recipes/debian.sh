# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# A Debian on a disk: MBR, GRUB for the BIOS, one ext4 partition, systemd, gettys on tty1 and
# ttyS0, DHCP. User root, password bonsai. /etc/issue turns the console's key repeat off (DECARM): what
# tests type on a busy host must not repeat. The disk is put together by hand, so no step of it
# needs root or a loop device.

recipe_about="disk.raw: a bootable Debian (log in as root, password bonsai)"
recipe_packages="mmdebstrap uidmap fakeroot e2fsprogs fdisk grub-common grub-pc-bin linux-image-amd64 xz-utils zstd cpio"

suite=bookworm
disk_mib=1024
grub=/usr/lib/grub/i386-pc

# linux-image-amd64: the guest's kernel is not this machine's, but it changes with it.
recipe_inputs() {
  [ -d $grub ] && command -v mmdebstrap mke2fs fakeroot sfdisk > /dev/null || return 1
  newest_kernel > /dev/null || return 1
  echo "/boot/vmlinuz-$(newest_kernel)" $grub/boot.img $grub/kernel.img
  find debian -type f | LC_ALL=C sort
}

installed=linux-image-amd64,initramfs-tools,zstd,systemd-sysv,udev,dbus,e2fsprogs
installed=$installed,udhcpc,iproute2,kmod,pciutils,pci.ids,evtest,wget,procps,login

# Units that a guest with nothing to do can spare: nested emulation makes each cost a second.
masked="apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
 dpkg-db-backup.timer systemd-pstore.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount
 sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount kmod-static-nodes.service
 modprobe@.service systemd-modules-load.service systemd-sysusers.service systemd-random-seed.service
 systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-machine-id-commit.service
 systemd-journal-flush.service"
masked=$(echo $masked)
spared_generators="bless-boot cryptsetup debug gpt-auto hibernate-resume integritysetup rc-local run system-update
 sysv veritysetup"

# Debian's own sources of this machine, so that its mirror is used; else the usual ones.
sources() {
  apt-get indextargets --format 'deb $(SITE) $(RELEASE) $(COMPONENT)|$(ORIGIN)|$(CODENAME)' 'Created-By: Packages' |
    sed -nE "s/\|Debian(-Security)?\|$suite(-security|-updates)?$//p" | sort -u
}

left_out=(
  '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' '/usr/share/info/*'
  '/lib/modules/*/kernel/drivers/media/*' '/lib/modules/*/kernel/drivers/infiniband/*'
  '/lib/modules/*/kernel/drivers/net/wireless/*' '/lib/modules/*/kernel/net/wireless/*' '/lib/modules/*/kernel/net/mac80211/*'
  '/lib/modules/*/kernel/drivers/net/ethernet/*'
  '/lib/modules/*/kernel/drivers/gpu/drm/amd/*' '/lib/modules/*/kernel/drivers/gpu/drm/i915/*'
  '/lib/modules/*/kernel/drivers/gpu/drm/nouveau/*' '/lib/modules/*/kernel/drivers/gpu/drm/radeon/*'
  '/lib/modules/*/kernel/drivers/staging/*' '/lib/modules/*/kernel/drivers/iio/*'
  '/lib/modules/*/kernel/lib/test_*'
)

# install_system OVERLAY.tar SYSTEM.tar
install_system() {
  local pattern options=() place=()
  for pattern in "${left_out[@]}"; do options+=("--dpkgopt=path-exclude=$pattern"); done
  # Without root and without user namespaces, the rig lends a root of its own.
  if [ "$(id -u)" != 0 ] && ! unshare --map-auto --map-root-user true 2> /dev/null; then
    place=(../../rig/rig --network --timeout 0 --writable "$(dirname "$2")" --)
  fi
  sources > "$(dirname "$2")/sources.list"
  "${place[@]+"${place[@]}"}" mmdebstrap --variant=minbase --include="$installed" "${options[@]}" \
    --aptopt='Apt::Install-Recommends "false"' \
    --essential-hook="tar-in $1 /" \
    --customize-hook='echo root:bonsai | chroot "$1" chpasswd' \
    --customize-hook="chroot \"\$1\" systemctl mask $masked" \
    `# A fixed identity: no first-boot work, and every boot alike.` \
    --customize-hook='echo b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0 > "$1/etc/machine-id"' \
    --customize-hook='rm "$1/etc/resolv.conf"' --skip=cleanup/reproducible \
    "$suite" "$2" "$(dirname "$2")/sources.list"
}

# GNU GRUB Manual 2.06, "BIOS installation": boot.img in the MBR, core.img in the gap behind it.
# Both come with their defaults set for exactly that: core.img from sector 1 on.
install_grub() {
  local disk=$1 core=$1.core
  grub-mkimage -O i386-pc -o "$core" -p '(hd0,msdos1)/boot/grub' biosdisk part_msdos ext2
  dd if=$grub/boot.img of="$disk" bs=440 count=1 conv=notrunc status=none
  dd if="$core" of="$disk" bs=512 seek=1 conv=notrunc status=none
  rm "$core"
}

recipe_build() {
  local directory=$1 work=$1/work disk=$1/disk.raw
  mkdir -p "$work/overlay/boot/grub/i386-pc" "$work/root"
  export SOURCE_DATE_EPOCH=1700000000
  cp -a debian/. "$work/overlay"
  cp $grub/*.mod $grub/*.lst "$work/overlay/boot/grub/i386-pc"
  local generator
  mkdir -p "$work/overlay/etc/systemd/system-generators"
  for generator in $spared_generators; do
    ln -s /dev/null "$work/overlay/etc/systemd/system-generators/systemd-$generator-generator"
  done
  tar --create --file "$work/overlay.tar" --directory "$work/overlay" --owner=0 --group=0 --mode=u=rwX,go=rX \
    --sort=name --mtime="@$SOURCE_DATE_EPOCH" boot etc
  install_system "$work/overlay.tar" "$work/system.tar"

  truncate -s "${disk_mib}M" "$disk"
  echo 'label: dos
label-id: 0xb0b5a150
start=2048, type=83, bootable' | sfdisk --quiet "$disk"
  fakeroot sh -ec '
    tar --extract --file "$1/system.tar" --directory "$1/root" --exclude "./dev/*"
    mke2fs -q -F -t ext4 -L bonsai -U b0b5a150-0000-4000-8000-000000000000 -O ^metadata_csum_seed,^orphan_file \
      -E offset=1048576,hash_seed=b0b5a150-0000-4000-8000-000000000001,root_owner=0:0,lazy_itable_init=0 \
      -m 1 -d "$1/root" "$2" "$3"
  ' sh "$work" "$disk" $(((disk_mib - 1) * 1024))
  install_grub "$disk"
  rm -rf "$work"
}
