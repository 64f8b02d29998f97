/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* UEFI firmware for Q35 machines, as distributions install it: code that is never written, and the content
 * that the variables begin with. */
typedef struct {
  char *code; /* paths */
  char *variables;
} UefiFirmware;

/**
 * uefi_firmware_find:
 * @secure_boot: the build that enforces Secure Boot, which needs system management mode
 *
 * Looks for OVMF_CODE_4M.fd and OVMF_VARS_4M.fd in the folders of $BONSAI_FIRMWARE_PATH, then for the first
 * firmware descriptor (qemu/firmware/NN-NAME.json below the user's configuration, /etc and the data folders)
 * that fits, then at the places where distributions are known to put it. Any thread. Returns: false with
 * VMM_ERROR_INVALID naming the package to install.
 */
bool uefi_firmware_find (bool secure_boot, UefiFirmware *firmware, GError **error);
void uefi_firmware_clear (UefiFirmware *firmware);

/**
 * uefi_nvram_open:
 * @path: the file with a machine's variables; made from @pristine if there is none
 * @pristine: the variables that the firmware begins with
 * @content: (out) (transfer full): what the file holds
 *
 * Any thread. Returns: a descriptor for reading and writing, locked against other machines; or -1 with @error
 * set, also if the file is for a different firmware or another machine uses it (VMM_ERROR_BUSY).
 */
int uefi_nvram_open (const char *path, GBytes *pristine, GBytes **content, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (UefiFirmware, uefi_firmware_clear)

G_END_DECLS
