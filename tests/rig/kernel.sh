# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Debian's stock kernel and initramfs archives: for the rig and for the guests.

# Prints the newest installed kernel version that has modules.
newest_kernel() {
  local newest
  newest=$(cd /lib/modules 2> /dev/null && ls -d */kernel 2> /dev/null | cut -d/ -f1 | sort -V | tail -n 1)
  [ -n "$newest" ] && [ -r "/boot/vmlinuz-$newest" ] && echo "$newest"
}

# unpack_kernel BZIMAGE: writes the ELF kernel inside to standard output. The payload is
# found by its compressor's magic number.
unpack_kernel() {
  local image=$1 pattern magic tool offset
  while read -r pattern tool; do
    for offset in $(LC_ALL=C grep -aboP "$pattern" "$image" | cut -d: -f1 | head -n 5); do
      # The payload has a trailing size field, which the tools report as garbage.
      magic=$(tail -c "+$((offset + 1))" "$image" | $tool -dcq 2> /dev/null | head -c 4 | od -An -tx1 || true)
      if [ "$magic" = ' 7f 45 4c 46' ]; then
        tail -c "+$((offset + 1))" "$image" | $tool -dcq 2> /dev/null || true
        return 0
      fi
    done
  done <<'MAGICS'
\xfd7zXZ\x00 xz
\x28\xb5\x2f\xfd zstd
\x1f\x8b\x08 gzip
MAGICS
  return 1
}

# module_closure VERSION MODULE...: prints the modules' paths below /lib/modules/VERSION,
# dependencies first; a module that is built in counts as there and prints nothing.
module_closure() {
  local version=$1 base=/lib/modules/$1 module line path seen=' '
  shift
  for module; do
    if ! line=$(grep -E "/${module//[-_]/[-_]}\.ko[^:/]*:" "$base/modules.dep"); then
      grep -qE "/${module//[-_]/[-_]}\.ko" "$base/modules.builtin" && continue
      echo "no module $module in Linux $version" >&2
      return 1
    fi
    # modules.dep lists the nearest dependency first: load order is the reverse.
    for path in $(printf '%s\n' ${line#*:} | tac) "${line%%:*}"; do
      case $seen in
        *" $path "*) ;;
        *) seen="$seen$path " && echo "$path" ;;
      esac
    done
  done
}

# copy_modules VERSION DIRECTORY MODULE...: copies them decompressed, named so that their
# order in a listing is the order to load them in.
copy_modules() {
  local version=$1 directory=$2 number=100 paths path name
  shift 2
  paths=$(module_closure "$version" "$@") || return 1
  for path in $paths; do
    name=$(basename "$path")
    case $name in
      *.xz) xz -dc "/lib/modules/$version/$path" > "$directory/$number-${name%.xz}" ;;
      *.zst) zstd -dcq "/lib/modules/$version/$path" > "$directory/$number-${name%.zst}" ;;
      *) cp "/lib/modules/$version/$path" "$directory/$number-$name" ;;
    esac || return 1
    number=$((number + 1))
  done
}

# pack_initrd DIRECTORY: writes it as an initramfs archive owned by root to standard output.
pack_initrd() {
  (
    cd "$1" || exit 1
    find . -exec touch -hd @0 {} +
    find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet | gzip -n -1
  )
}
