/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/host/host-facts.h"

#include "devices/platform/firmware.h"
#include "devices/platform/uefi-firmware.h"

#include <glib/gi18n.h>
#include <grp.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOW_ROOM (5ull << 30)
#define IPXE_ROM "/usr/lib/ipxe/qemu/efi-virtio.rom"

static void
host_fact_free (gpointer data)
{
  HostFact *fact = data;

  g_free (fact->id);
  g_free (fact->title);
  g_free (fact->text);
  g_free (fact->remedy);
  g_free (fact->command);
  g_free (fact);
}

/* @text, @remedy, @command: (transfer full) */
static void
add (GPtrArray *facts, const char *id, const char *title, HostFactLevel level, char *text, char *remedy,
     char *command)
{
  HostFact *fact = g_new (HostFact, 1);

  *fact = (HostFact){ g_strdup (id), g_strdup (title), text, level, remedy, command };
  g_ptr_array_add (facts, fact);
}

/* --- commands --- */

char *
host_install_command (const char *debian, const char *fedora)
{
  const struct {
    const char *program, *words, *package;
  } managers[] = {
    { "apt-get", "apt-get install -y", debian },
    { "dnf", "dnf install -y", fedora },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (managers); i++)
    {
      g_autofree char *program = g_find_program_in_path (managers[i].program);

      if (program != NULL && managers[i].package != NULL)
        return g_strdup_printf ("%s %s", managers[i].words, managers[i].package);
    }
  return NULL;
}

/* --- facts --- */

static void
add_findings (GPtrArray *facts, const HostReport *report)
{
  for (guint i = 0; i < report->findings->len; i++)
    {
      const HostFinding *finding = g_ptr_array_index (report->findings, i);
      HostFactLevel level = finding->level == HOST_FINDING_ERROR     ? HOST_FACT_ERROR
                            : finding->level == HOST_FINDING_WARNING ? HOST_FACT_WARNING
                                                                     : HOST_FACT_FINE;

      add (facts, finding->id, NULL, level, g_strdup (finding->text), g_strdup (finding->remedy),
           g_strdup (finding->command));
    }
}

static void
add_kvm (GPtrArray *facts, const HostReport *report)
{
  static const char *const texts[] = {
    [HOST_KVM_NONE] = N_ ("Not available: no machine can run"),
    [HOST_KVM_PVM] = N_ ("Without VT-x or AMD-V: firmware and boot loaders run, most systems don’t"),
    [HOST_KVM_HARDWARE] = N_ ("Available: everything runs"),
  };
  static const HostFactLevel levels[] = {
    [HOST_KVM_NONE] = HOST_FACT_ERROR,
    [HOST_KVM_PVM] = HOST_FACT_WARNING,
    [HOST_KVM_HARDWARE] = HOST_FACT_FINE,
  };

  add (facts, "kvm", _ ("Virtualization (KVM)"), levels[report->kind], g_strdup (_ (texts[report->kind])),
       NULL, NULL);
  add (facts, "processor", _ ("Processor"), HOST_FACT_FINE,
       g_strdup_printf (_ ("%s, %u online"), report->cpu_model, report->n_cpus), NULL, NULL);
}

static void
add_memory (GPtrArray *facts, const HostReport *report)
{
  g_autofree char *total = g_format_size_full (report->memory_total, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *available = g_format_size_full (report->memory_available, G_FORMAT_SIZE_IEC_UNITS);

  add (facts, "memory", _ ("Memory"), HOST_FACT_FINE,
       g_strdup_printf (_ ("%s, %s available"), total, available), NULL, NULL);
}

static void
add_room (GPtrArray *facts, const char *folder)
{
  struct statvfs fs;
  g_autofree char *free_room = NULL, *all = NULL;
  bool low;

  if (statvfs (folder, &fs) < 0)
    return;
  free_room = g_format_size_full ((guint64)fs.f_bavail * fs.f_frsize, G_FORMAT_SIZE_IEC_UNITS);
  all = g_format_size_full ((guint64)fs.f_blocks * fs.f_frsize, G_FORMAT_SIZE_IEC_UNITS);
  low = (guint64)fs.f_bavail * fs.f_frsize < LOW_ROOM;
  add (facts, "room", _ ("Disk Room"), low ? HOST_FACT_WARNING : HOST_FACT_FINE,
       g_strdup_printf (_ ("%s of %s free in %s"), free_room, all, folder),
       low ? g_strdup (
         _ ("Machines pause when their disks find no room. Empty the trash, delete snapshots, or free "
            "room elsewhere."))
           : NULL,
       NULL);
}

static bool
is_in_group (const char *name)
{
  g_autofree gid_t *groups = NULL;
  int n = getgroups (0, NULL);
  struct group *group = getgrnam (name);

  if (group == NULL || n < 0)
    return false;
  groups = g_new (gid_t, (gsize)n + 1);
  n = getgroups (n, groups);
  groups[MAX (n, 0)] = getegid ();
  for (int i = 0; i <= MAX (n, 0); i++)
    if (groups[i] == group->gr_gid)
      return true;
  return false;
}

static void
add_group (GPtrArray *facts)
{
  bool usable = access ("/dev/kvm", R_OK | W_OK) == 0, member = is_in_group ("kvm");
  const char *text = member   ? _ ("You are in the group kvm")
                     : usable ? _ ("You are not in the group kvm, and may use KVM nevertheless")
                              : _ ("You are not in the group kvm");

  add (facts, "group", _ ("Groups"), HOST_FACT_FINE, g_strdup (text), NULL, NULL);
}

static void
add_package (GPtrArray *facts, const char *id, const char *title, const char *path, const char *missing,
             const char *debian, const char *fedora)
{
  g_autofree char *command = path != NULL ? NULL : host_install_command (debian, fedora);

  if (path != NULL)
    add (facts, id, title, HOST_FACT_FINE, g_strdup_printf (_ ("Installed: %s"), path), NULL, NULL);
  else
    add (facts, id, title, HOST_FACT_WARNING, g_strdup_printf (_ ("Not installed: %s"), missing),
         g_strdup_printf (_ ("Install the package %s."), debian), g_steal_pointer (&command));
}

static void
add_firmware (GPtrArray *facts)
{
  g_autofree char *bios = firmware_find ("bios-256k.bin", "seabios", NULL);
  g_auto (UefiFirmware) uefi = { 0 };
  bool has_uefi = uefi_firmware_find (false, &uefi, NULL);
  bool has_ipxe = g_file_test (IPXE_ROM, G_FILE_TEST_EXISTS);

  add_package (facts, "seabios", _ ("BIOS Firmware"), bios, _ ("machines with BIOS don’t start"), "seabios",
               "seabios-bin");
  add_package (facts, "ovmf", _ ("UEFI Firmware"), has_uefi ? uefi.code : NULL,
               _ ("machines with UEFI don’t start"), "ovmf", "edk2-ovmf");
  add_package (facts, "ipxe", _ ("Network Boot"), has_ipxe ? IPXE_ROM : NULL,
               _ ("machines don’t start from the network"), "ipxe-qemu", NULL);
}

GPtrArray *
host_facts (const HostReport *report, const char *folder)
{
  GPtrArray *facts = g_ptr_array_new_with_free_func (host_fact_free);

  add_findings (facts, report);
  add_kvm (facts, report);
  add_memory (facts, report);
  add_room (facts, folder);
  add_group (facts);
  add_firmware (facts);
  return facts;
}
