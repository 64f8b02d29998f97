# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034

recipe_about="invaders.exec: a game that boots by itself (multiboot)"
recipe_packages="grub-invaders"

files="/boot/invaders.exec"

source ./packaged
