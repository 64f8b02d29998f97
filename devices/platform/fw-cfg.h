/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

G_BEGIN_DECLS

/*
 * The firmware configuration device, ports 0x510..0x51b with DMA (QEMU's docs/specs/fw_cfg):
 * named files that SeaBIOS and OVMF read their settings and tables from. Read-only for the guest.
 *
 * Threading: items are added before the machine runs.
 */
#define FW_CFG_PORT      0x510u
#define FW_CFG_PORTS     12u
#define FW_CFG_MAX_FILES 64u
#define FW_CFG_NAME_SIZE 56u

/* Selectors with a fixed meaning. */
enum {
  FW_CFG_SIGNATURE = 0x00,
  FW_CFG_ID = 0x01,
  FW_CFG_UUID = 0x02,
  FW_CFG_RAM_SIZE = 0x03,
  FW_CFG_NOGRAPHIC = 0x04,
  FW_CFG_N_CPUS = 0x05,
  FW_CFG_BOOT_MENU = 0x0e,
  FW_CFG_MAX_CPUS = 0x0f,
  FW_CFG_FILE_DIRECTORY = 0x19,
  FW_CFG_FIRST_FILE = 0x20,
};

extern const DeviceClass fw_cfg_class; /* no configuration */

/* Content under a fixed selector below FW_CFG_FIRST_FILE. */
void fw_cfg_add_item (Device *device, uint16_t selector, const void *data, size_t size);
void fw_cfg_add_u16 (Device *device, uint16_t selector, uint16_t value);
void fw_cfg_add_u64 (Device *device, uint16_t selector, uint64_t value);

/* A file; @name has at most 55 characters, all names differ. */
void fw_cfg_add_file (Device *device, const char *name, const void *data, size_t size);
void fw_cfg_add_bytes (Device *device, const char *name, GBytes *content);

/* Another content for a file that is there. */
void fw_cfg_replace_file (Device *device, const char *name, GBytes *content);

/* @func is called with the device's lock held whenever firmware selects an item, before it reads: it may
 * replace files. */
typedef void (*FwCfgRefresh) (Device *device, void *data);
void fw_cfg_set_refresh (Device *device, FwCfgRefresh func, void *data);

/* The content of the file @name, or NULL. (transfer none) */
GBytes *fw_cfg_find_file (Device *device, const char *name);

G_END_DECLS
