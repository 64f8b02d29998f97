/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/platform/nor-flash.h"
#include "devices/platform/uefi-firmware.h"
#include "vmm/base/error.h"
#include "vmm/kvm/host-check.h"

#include <string.h>

#define MAX_FLASH_SIZE                                                                                       \
  (16u << 20) /* what the chip set decodes below 4 GiB: ICH9 data sheet, section 13.1.24 */

static GBytes *
load_file (const char *path, GError **error)
{
  char *content;
  gsize size;

  if (!g_file_get_contents (path, &content, &size, error))
    return NULL;
  if (size > 0 && size % NOR_FLASH_BLOCK_SIZE == 0 && size <= MAX_FLASH_SIZE / 2)
    return g_bytes_new_take (content, size);
  g_free (content);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "The firmware %s is %" G_GSIZE_FORMAT " bytes long, which no UEFI is. Reinstall its package.",
               path, size);
  return NULL;
}

static bool
add_code (Pc *pc, GBytes *code, GError **error)
{
  gsize size;
  const void *data = g_bytes_get_data (code, &size);

  pc->bios = guest_memory_add_bank (pc->board->memory, "bios", size, BANK_ROM, error);
  if (!pc->bios)
    return false;
  memcpy (memory_bank_data (pc->bios), data, size);
  return memory_bank_map (pc->bios, HIGH_RAM_START - size);
}

/* The variables' chip lies right below the code. */
static bool
add_variables (Pc *pc, GBytes *pristine, GError **error)
{
  g_autoptr (GBytes) content = NULL;
  NorFlashConfig config = { .fd = -1, .path = pc->spec->nvram };

  if (!pc->spec->nvram)
    content = g_bytes_ref (pristine);
  else if ((config.fd = uefi_nvram_open (pc->spec->nvram, pristine, &content, error)) < 0)
    return false;
  config.content = g_bytes_get_data (content, &config.size);
  config.address = memory_bank_address (pc->bios) - config.size;
  return board_add (pc->board, &nor_flash_class, "nvram", &config, error) != NULL;
}

/* Firmware with Secure Boot keeps the guest from its variables by system management mode. */
static bool
refuse_secure_boot (GError **error)
{
  g_autoptr (HostReport) host = host_check (NULL);

  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
               "Secure Boot needs system management mode, which %s. Set the machine's firmware to \"uefi\".",
               host->smm ? "Bonsai's machines don't have" : "this host's KVM can't give (KVM_CAP_X86_SMM)");
  return false;
}

bool
pc_load_uefi (Pc *pc, GError **error)
{
  g_auto (UefiFirmware) firmware = { 0 };
  g_autoptr (GBytes) code = NULL, variables = NULL;

  if (pc->spec->firmware == FIRMWARE_UEFI_SECURE)
    return refuse_secure_boot (error);
  return uefi_firmware_find (false, &firmware, error) && (code = load_file (firmware.code, error))
         && (variables = load_file (firmware.variables, error)) && add_code (pc, code, error)
         && add_variables (pc, variables, error);
}
