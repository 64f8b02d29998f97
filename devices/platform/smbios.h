/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/cpu-topology.h"

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* What a guest learns about its hardware's name and size (SMBIOS 2.8, DSP0134). */
typedef struct {
  const char *name;    /* the machine's, shown as the system's family */
  const char *uuid;    /* "xxxxxxxx-xxxx-..." */
  const char *version; /* of this program */
  CpuTopology topology;
  uint64_t memory; /* bytes */
} SmbiosConfig;

#define SMBIOS_FILE_ANCHOR "etc/smbios/smbios-anchor"
#define SMBIOS_FILE_TABLES "etc/smbios/smbios-tables"

/* The structures, and an entry point whose table address is 0: firmware fills it in. (transfer full) */
GBytes *smbios_build_tables (const SmbiosConfig *config);
GBytes *smbios_build_anchor (GBytes *tables, uint32_t table_address);

G_END_DECLS
