/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/platform/acpi.h"
#include "devices/platform/firmware.h"
#include "devices/platform/fw-cfg.h"
#include "devices/platform/pc-map.h"
#include "devices/platform/pci-config.h"
#include "devices/platform/smbios.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <inttypes.h>
#include <string.h>

#define BIOS_FILE     "bios-256k.bin"
#define BIOS_PACKAGE  "seabios"
#define BIOS_MIN_SIZE (128u << 10)
#define BIOS_MAX_SIZE (16u << 20)

#define BOOT_MENU_WAIT_MS 10000u

bool
pc_load_bios (Pc *pc, GError **error)
{
  g_autofree char *path = firmware_find (BIOS_FILE, BIOS_PACKAGE, error);
  g_autofree char *content = NULL;
  gsize size;

  if (!path || !g_file_get_contents (path, &content, &size, error))
    return false;
  if (size < BIOS_MIN_SIZE || size > BIOS_MAX_SIZE || size % BIOS_MIN_SIZE)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "The firmware %s is %" G_GSIZE_FORMAT
                   " bytes long, which no BIOS is. Reinstall the package \"%s\".",
                   path, size, BIOS_PACKAGE);
      return false;
    }
  pc->bios = guest_memory_add_bank (pc->board->memory, "bios", size, BANK_ROM, error);
  if (!pc->bios)
    return false;
  memcpy (memory_bank_data (pc->bios), content, size);
  return memory_bank_map (pc->bios, HIGH_RAM_START - size);
}

/* --- fw_cfg --- */

/* Entries of etc/e820: address, size, type (1 RAM, 2 reserved), as int 0x15 function 0xe820 gives them. */
static void
append_range (GByteArray *map, uint64_t address, uint64_t size, uint32_t type)
{
  uint8_t entry[20];

  store_le64 (entry, address);
  store_le64 (entry + 8, size);
  store_le32 (entry + 16, type);
  g_byte_array_append (map, entry, sizeof entry);
}

static void
add_memory_map (Pc *pc)
{
  g_autoptr (GByteArray) map = g_byte_array_new ();

  append_range (map, 0, memory_bank_size (pc->ram_low), 1);
  append_range (map, PC_PAGES_OF_KVM, PC_PAGES_OF_KVM_SIZE, 2);
  if (pc->ram_high)
    append_range (map, HIGH_RAM_START, memory_bank_size (pc->ram_high), 1);
  fw_cfg_add_file (pc->fw_cfg, "etc/e820", map->data, map->len);
}

static AcpiFiles *
make_acpi (Pc *pc, uint64_t ecam)
{
  const AcpiConfig config = {
    .topology = machine_spec_topology (pc->spec),
    .ram_end = pc_ram_end (pc->spec),
    .ram_low = memory_bank_size (pc->ram_low),
    .ecam = ecam,
    .display = pc->svga != NULL,
    .hpet = pc->spec->hpet,
  };

  pc->acpi_ecam = ecam;
  return acpi_files_new (&config);
}

/* Firmware places the window of configuration space before it reads the tables that tell of it. */
static void
refresh_acpi (Device *fw_cfg, void *data)
{
  Pc *pc = data;
  uint64_t ecam = pci_config_ecam (pc->pci_config);
  g_autoptr (AcpiFiles) files = NULL;

  if (ecam == pc->acpi_ecam || ecam < memory_bank_size (pc->ram_low) || ecam >= PC_WINDOW_END)
    return;
  TRACE (fw_cfg, "acpi", "ecam=0x%" PRIx64, ecam);
  files = make_acpi (pc, ecam);
  fw_cfg_replace_file (fw_cfg, ACPI_FILE_TABLES, files->tables);
  fw_cfg_replace_file (fw_cfg, ACPI_FILE_RSDP, files->rsdp);
  fw_cfg_replace_file (fw_cfg, ACPI_FILE_LOADER, files->loader);
}

static void
add_acpi (Pc *pc)
{
  g_autoptr (AcpiFiles) files = make_acpi (pc, PC_ECAM_BASE);

  fw_cfg_add_bytes (pc->fw_cfg, ACPI_FILE_TABLES, files->tables);
  fw_cfg_add_bytes (pc->fw_cfg, ACPI_FILE_RSDP, files->rsdp);
  fw_cfg_add_bytes (pc->fw_cfg, ACPI_FILE_LOADER, files->loader);
  fw_cfg_set_refresh (pc->fw_cfg, refresh_acpi, pc);
}

static void
add_smbios (Pc *pc)
{
  const SmbiosConfig config = {
    .name = pc->spec->name,
    .uuid = pc->spec->uuid,
    .version = BONSAI_VERSION,
    .topology = machine_spec_topology (pc->spec),
    .memory = pc->spec->memory,
  };
  g_autoptr (GBytes) tables = smbios_build_tables (&config);
  g_autoptr (GBytes) anchor = smbios_build_anchor (tables, 0);

  fw_cfg_add_bytes (pc->fw_cfg, SMBIOS_FILE_TABLES, tables);
  fw_cfg_add_bytes (pc->fw_cfg, SMBIOS_FILE_ANCHOR, anchor);
}

/* --- boot order --- */

void
pc_add_boot_path (Pc *pc, const char *id, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (pc->boot_ids, g_strdup (id));
  g_ptr_array_add (pc->boot_paths, g_strdup_vprintf (format, args));
  va_end (args);
}

static void
append_boot_path (Pc *pc, GString *order, const char *id)
{
  for (unsigned i = 0; i < pc->boot_ids->len; i++)
    if (g_str_equal (pc->boot_ids->pdata[i], id))
      g_string_append_printf (order, "%s\n", (char *)pc->boot_paths->pdata[i]);
}

/* What the owner named, then the other disks. The network is for those who ask: it keeps others waiting. */
static void
add_boot_order (Pc *pc)
{
  const char *const none[] = { NULL };
  const char *const *named = pc->spec->boot_order ? (const char *const *)pc->spec->boot_order : none;
  g_autoptr (GString) order = g_string_new (NULL);

  for (unsigned i = 0; named[i]; i++)
    append_boot_path (pc, order, named[i]);
  for (unsigned i = 0; i < pc->spec->disks->len; i++)
    {
      const DiskSpec *disk = g_ptr_array_index (pc->spec->disks, i);

      if (!g_strv_contains (named, disk->id))
        append_boot_path (pc, order, disk->id);
    }
  fw_cfg_add_file (pc->fw_cfg, "bootorder", order->str, order->len + 1);
}

void
pc_describe_to_firmware (Pc *pc)
{
  /* S3 and S4 are not there; S5's type is 0. */
  static const uint8_t system_states[6] = { 128, 0, 0, 1, 0, 128 };
  static const uint8_t irq0_override[8] = { 1 };
  uint8_t menu_wait[2];
  const MachineSpec *spec = pc->spec;
  CpuTopology topology = machine_spec_topology (spec);

  fw_cfg_add_u64 (pc->fw_cfg, FW_CFG_RAM_SIZE, memory_bank_size (pc->ram_low));
  fw_cfg_add_u16 (pc->fw_cfg, FW_CFG_N_CPUS, spec->n_cpus);
  /* Firmware takes it for the number of APIC ids. */
  fw_cfg_add_u16 (pc->fw_cfg, FW_CFG_MAX_CPUS, cpu_topology_apic_id (&topology, spec->n_cpus - 1) + 1);
  fw_cfg_add_u16 (pc->fw_cfg, FW_CFG_NOGRAPHIC, pc->svga ? 0 : 1);
  fw_cfg_add_u16 (pc->fw_cfg, FW_CFG_BOOT_MENU, spec->boot_menu);
  add_memory_map (pc);
  add_acpi (pc);
  add_smbios (pc);
  add_boot_order (pc);
  fw_cfg_add_file (pc->fw_cfg, "etc/system-states", system_states, sizeof system_states);
  fw_cfg_add_file (pc->fw_cfg, "etc/irq0-override", irq0_override, sizeof irq0_override);
  store_le16 (menu_wait, spec->boot_menu ? BOOT_MENU_WAIT_MS : 0);
  fw_cfg_add_file (pc->fw_cfg, "etc/boot-menu-wait", menu_wait, sizeof menu_wait);
}
