/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/kvm/cpu-topology.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * The machine's ACPI tables (ACPI 6.3, section 5.2), as the three files that firmware gets by
 * fw_cfg: the tables with pointers relative to their own file, the RSDP, and the script for the
 * table loader that places them and mends pointers and checksums.
 */
typedef struct {
  CpuTopology topology;
  uint64_t ram_end; /* first address above all RAM: 64-bit BARs may go above it */
  uint64_t ram_low; /* end of the RAM below 4 GiB */
  uint64_t ecam;    /* where the firmware puts the window of configuration space, PC_ECAM_SIZE bytes */
  bool display;     /* there is a VGA */
  bool hpet;
} AcpiConfig;

#define ACPI_FILE_TABLES "etc/acpi/tables"
#define ACPI_FILE_RSDP   "etc/acpi/rsdp"
#define ACPI_FILE_LOADER "etc/table-loader"

typedef struct {
  GBytes *tables, *rsdp, *loader;
} AcpiFiles;

/* (transfer full) */
AcpiFiles *acpi_files_new (const AcpiConfig *config);
void acpi_files_free (AcpiFiles *files);

/* The SSDT: CPUs and PCI windows, complete but for its checksum. (transfer full) */
GByteArray *acpi_build_ssdt (const AcpiConfig *config);

/* A table's header with everything but length and checksum; @signature has 4 characters. */
GByteArray *acpi_table_new (const char *signature, uint8_t revision);
void acpi_table_finish (GByteArray *table); /* sets the length */

void acpi_append (GByteArray *table, uint64_t value, unsigned size); /* little-endian */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AcpiFiles, acpi_files_free)

G_END_DECLS
