/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/draft/vm-draft.h"

#include "app/base/error.h"
#include "devices/platform/uefi-firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ECMA-119 8.1: the primary volume descriptor's "CD001" stands in sector 16. */
#define ISO_MAGIC_OFFSET (16 * 2048 + 1)

VmDraft *
vm_draft_new (const HostReport *report)
{
  VmLimits limits = vm_limits_for_host (report);
  VmDraft *draft = g_new0 (VmDraft, 1);

  draft->source = VM_SOURCE_CDROM;
  draft->memory = limits.memory_default;
  draft->cpus = limits.cpus_default;
  draft->disk = limits.disk_default;
  return draft;
}

void
vm_draft_free (VmDraft *draft)
{
  if (!draft)
    return;
  g_free (draft->path);
  disk_look_clear (&draft->look);
  g_free (draft->initrd);
  g_free (draft->append);
  g_free (draft->name);
  g_free (draft);
}

static bool
refuse (GError **error, BonsaiError code, const char *message)
{
  g_set_error_literal (error, BONSAI_ERROR, code, message);
  return false;
}

/* Opens a plain file (or block device) for reading without ever hanging on a FIFO. */
static int
open_medium (const char *path, const char *what, GError **error)
{
  struct stat st;
  int fd;

  if (!path || !*path)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "Choose %s.", what);
      return -1;
    }
  if (!g_path_is_absolute (path))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                   "“%s” is not a full path: it must start with “/”.", path);
      return -1;
    }
  fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    {
      bonsai_set_errno_error (error, errno, "Can't open “%s”", path);
      return -1;
    }
  if (fstat (fd, &st) == 0 && (S_ISREG (st.st_mode) || S_ISBLK (st.st_mode)))
    return fd;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is %s. Choose %s.", path,
               S_ISDIR (st.st_mode) ? "a folder" : "not a file", what);
  close (fd);
  return -1;
}

static bool
check_readable (const char *path, const char *what, GError **error)
{
  int fd = open_medium (path, what, error);

  if (fd < 0)
    return false;
  close (fd);
  return true;
}

static bool
check_cdrom (const char *path, GError **error)
{
  char magic[5] = "";
  int fd = open_medium (path, "an ISO image", error);

  if (fd < 0)
    return false;
  ssize_t n = pread (fd, magic, sizeof magic, ISO_MAGIC_OFFSET);
  close (fd);
  if (n == sizeof magic && memcmp (magic, "CD001", 5) == 0)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
               "“%s” is not an ISO image. If it is a disk, go back and choose “Disk image”.", path);
  return false;
}

/* The format is recorded now, by its owner's order. */
static bool
check_disk (VmDraft *draft, GError **error)
{
  disk_look_clear (&draft->look);
  return check_readable (draft->path, "a disk image", error)
         && disk_look (&draft->look, draft->path, NULL, error);
}

bool
vm_draft_check_source (VmDraft *draft, GError **error)
{
  switch (draft->source)
    {
    case VM_SOURCE_READY:
      return draft->guest || refuse (error, BONSAI_ERROR_INVALID, "Choose a system.");
    case VM_SOURCE_CDROM:
      return check_cdrom (draft->path, error);
    case VM_SOURCE_DISK:
      return check_disk (draft, error);
    case VM_SOURCE_KERNEL:
      return check_readable (draft->path, "a kernel", error)
             && (!draft->initrd || !*draft->initrd
                 || check_readable (draft->initrd, "an initial RAM disk", error));
    }
  return false;
}

bool
vm_draft_has_firmware (const VmDraft *draft)
{
  return draft->source == VM_SOURCE_CDROM || draft->source == VM_SOURCE_DISK;
}

static bool
check_firmware (const VmDraft *draft, GError **error)
{
  g_auto (UefiFirmware) firmware = { 0 };

  return !draft->uefi || !vm_draft_has_firmware (draft) || uefi_firmware_find (false, &firmware, error);
}

bool
vm_draft_check (VmDraft *draft, const HostReport *report, GError **error)
{
  g_autofree char *name = g_strstrip (g_strdup (draft->name ? draft->name : ""));

  if (*name == '\0')
    return refuse (error, BONSAI_ERROR_INVALID, "Give the machine a name.");
  return vm_draft_check_source (draft, error) && check_firmware (draft, error)
         && vm_limits_check (report, draft->memory, draft->cpus, error);
}

char *
vm_draft_suggest_name (const VmDraft *draft)
{
  g_autofree char *base = NULL;
  char *dot;

  if (draft->source == VM_SOURCE_READY)
    return g_strdup (draft->guest ? draft->guest->name : "");
  if (!draft->path || !*draft->path)
    return g_strdup ("");
  base = g_path_get_basename (draft->path);
  dot = strrchr (base, '.');
  if (dot && dot != base)
    *dot = '\0';
  return g_utf8_make_valid (base, -1);
}

static void
add_sources (const VmDraft *draft, VmConfig *config)
{
  if (draft->source == VM_SOURCE_DISK)
    vm_config_set (&vm_config_add_disk (config, draft->path, 0)->options.format, draft->look.format);
  if (draft->disk > 0)
    vm_config_set (&vm_config_add_disk (config, "disks/disk0.qcow2", draft->disk)->options.format, "qcow2");
  if (draft->source == VM_SOURCE_CDROM)
    vm_config_add_cdrom (config, draft->path);
  if (draft->source == VM_SOURCE_KERNEL)
    {
      vm_config_set (&config->kernel, draft->path);
      vm_config_set (&config->initrd, draft->initrd && *draft->initrd ? draft->initrd : NULL);
      vm_config_set (&config->append, draft->append && *draft->append ? draft->append : NULL);
    }
}

VmConfig *
vm_draft_to_config (const VmDraft *draft, GError **error)
{
  g_autofree char *name = g_strstrip (g_strdup (draft->name ? draft->name : ""));
  g_autoptr (VmConfig) config = NULL;

  if (draft->source == VM_SOURCE_READY)
    config = ready_guest_config (draft->guest, error);
  else
    config = vm_config_new (name);
  if (!config)
    return NULL;
  vm_config_set (&config->name, name);
  config->memory = draft->memory;
  config->cpus = draft->cpus;
  if (draft->uefi && vm_draft_has_firmware (draft))
    config->firmware = FIRMWARE_UEFI;
  if (draft->source != VM_SOURCE_READY)
    add_sources (draft, config);
  return vm_config_check (config, error) ? g_steal_pointer (&config) : NULL;
}
