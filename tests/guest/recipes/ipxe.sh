# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034

recipe_about="ipxe.iso, ipxe.lkrn: the network boot loader"
recipe_packages="ipxe"

files="/usr/lib/ipxe/ipxe.iso /usr/lib/ipxe/ipxe.lkrn"

source ./packaged
