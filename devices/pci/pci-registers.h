/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Configuration space header, type 0: PCI Local Bus 3.0, section 6.1 and 6.2. */
enum {
  PCI_VENDOR_ID = 0x00,
  PCI_DEVICE_ID = 0x02,
  PCI_COMMAND = 0x04,
  PCI_STATUS = 0x06,
  PCI_REVISION = 0x08,
  PCI_CLASS_CODE = 0x09, /* three bytes: interface, sub-class, class */
  PCI_CACHE_LINE_SIZE = 0x0c,
  PCI_LATENCY_TIMER = 0x0d,
  PCI_HEADER_TYPE = 0x0e,
  PCI_BAR0 = 0x10,
  PCI_SUBSYSTEM_VENDOR = 0x2c,
  PCI_SUBSYSTEM = 0x2e,
  PCI_ROM_BASE = 0x30,
  PCI_CAPABILITIES = 0x34,
  PCI_INTERRUPT_LINE = 0x3c,
  PCI_INTERRUPT_PIN = 0x3d,
  PCI_HEADER_END = 0x40,
};

enum {
  PCI_COMMAND_IO = 1 << 0,
  PCI_COMMAND_MEMORY = 1 << 1,
  PCI_COMMAND_MASTER = 1 << 2,
  PCI_COMMAND_PARITY = 1 << 6,
  PCI_COMMAND_SERR = 1 << 8,
  PCI_COMMAND_INTX_DISABLE = 1 << 10,

  PCI_STATUS_INTERRUPT = 1 << 3,
  PCI_STATUS_CAPABILITIES = 1 << 4,

  PCI_HEADER_MULTI_FUNCTION = 0x80,

  PCI_BAR_FLAG_IO = 1 << 0,
  PCI_BAR_FLAG_64 = 2 << 1,
  PCI_BAR_FLAG_PREFETCH = 1 << 3,
  PCI_ROM_ENABLE = 1 << 0,
};

/* Capability identifiers: PCI Code and ID Assignment 1.11, section 2. */
enum {
  PCI_CAP_POWER_MANAGEMENT = 0x01,
  PCI_CAP_MSI = 0x05,
  PCI_CAP_VENDOR = 0x09,
  PCI_CAP_EXPRESS = 0x10,
  PCI_CAP_MSIX = 0x11,
  PCI_CAP_SATA = 0x12,
};

/* MSI, PCI Local Bus 3.0, section 6.8.1, 64-bit layout with per-vector masking left out. */
enum {
  PCI_MSI_CONTROL = 2,
  PCI_MSI_ADDRESS = 4,
  PCI_MSI_ADDRESS_HIGH = 8,
  PCI_MSI_DATA = 12,
  PCI_MSI_SIZE = 14,
  PCI_MSI_ENABLE = 1 << 0,
  PCI_MSI_64BIT = 1 << 7,
};

/* MSI-X, section 6.8.2. */
enum {
  PCI_MSIX_CONTROL = 2,
  PCI_MSIX_TABLE = 4,
  PCI_MSIX_PBA = 8,
  PCI_MSIX_SIZE = 12,
  PCI_MSIX_FUNCTION_MASK = 1 << 14,
  PCI_MSIX_ENABLE = 1 << 15,

  PCI_MSIX_ENTRY_SIZE = 16,
  PCI_MSIX_ENTRY_DATA = 8,
  PCI_MSIX_ENTRY_CONTROL = 12,
  PCI_MSIX_ENTRY_MASKED = 1 << 0,
};
