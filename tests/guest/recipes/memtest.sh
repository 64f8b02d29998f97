# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034

recipe_about="memtest86+x64.iso, memtest86+ia32.iso, memtest86+x64.bin: Memtest86+"
recipe_packages="memtest86+"

files="/usr/lib/memtest86+/memtest86+x64.iso /usr/lib/memtest86+/memtest86+ia32.iso /boot/memtest86+x64.bin"

source ./packaged
