/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong, or not advisable, with a draft. */
#include "app/base/error.h"
#include "app/disk/disk-report.h"
#include "app/draft/vm-draft.h"
#include "devices/platform/uefi-firmware.h"

#include <glib/gi18n.h>
#include <string.h>
#include <sys/statvfs.h>

#define MAX_NAME 200 /* bytes: SCHEMA.md */

static bool
refuse (GError **error, const char *message)
{
  g_set_error_literal (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, message);
  return false;
}

bool
vm_draft_check_source (const VmDraft *draft, GError **error)
{
  switch (draft->source)
    {
    case VM_SOURCE_READY:
      return draft->guest != NULL || refuse (error, _ ("Choose a system."));
    case VM_SOURCE_TEMPLATE:
      return draft->template_path != NULL || refuse (error, _ ("Choose a template."));
    case VM_SOURCE_NETWORK:
      return true;
    default:
      break;
    }
  if (draft->look.error != NULL && error != NULL)
    *error = g_error_copy (draft->look.error);
  else if (!draft->look.done)
    refuse (error, _ ("It is being looked at."));
  return draft->look.done;
}

/* --- names --- */

static char *
trimmed (const char *name)
{
  return g_strstrip (g_strdup (name != NULL ? name : ""));
}

static char *
problem_of_name (const VmDraft *draft, BonsaiLibrary *library)
{
  g_autofree char *name = trimmed (draft->name);
  g_autofree char *free_name = NULL;

  if (name[0] == '\0')
    return g_strdup (_ ("Give the machine a name."));
  if (strlen (name) > MAX_NAME)
    return g_strdup (_ ("This name is too long. Choose a shorter one."));
  for (const char *at = name; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at))
      return g_strdup (_ ("A name can't have line breaks or tabs."));
  if (library == NULL)
    return NULL;
  free_name = bonsai_library_unused_name (library, name);
  return g_str_equal (free_name, name)
           ? NULL
           : g_strdup_printf (_ ("There is a machine named “%s” already. Choose another name."), name);
}

/* --- hardware --- */

static char *
text_of (GError *error)
{
  char *text = g_strdup (error->message);

  g_error_free (error);
  return text;
}

static char *
problem_of_firmware (const VmDraft *draft)
{
  g_auto (UefiFirmware) firmware = { 0 };
  GError *error = NULL;

  if (!draft->uefi || !vm_draft_can_choose_firmware (draft) || uefi_firmware_find (false, &firmware, &error))
    return NULL;
  return text_of (error);
}

static char *
problem_of_disk (const VmDraft *draft)
{
  if (vm_draft_is_express (draft) && draft->disk == 0)
    return g_strdup (_ ("The system needs a disk to be installed on."));
  return NULL;
}

char *
vm_draft_find_problem (const VmDraft *draft, const HostReport *report, BonsaiLibrary *library,
                       VmDraftField field)
{
  GError *error = NULL;
  bool fine = true;

  if (field == VM_DRAFT_NAME)
    return problem_of_name (draft, library);
  if (field == VM_DRAFT_FIRMWARE)
    return problem_of_firmware (draft);
  if (field == VM_DRAFT_DISK)
    return problem_of_disk (draft);
  if (field == VM_DRAFT_SOURCE)
    fine = vm_draft_check_source (draft, &error);
  else if (field == VM_DRAFT_MEMORY && vm_draft_has_hardware (draft))
    fine = vm_limits_check (report, draft->memory, 1, &error);
  else if (field == VM_DRAFT_CPUS && vm_draft_has_hardware (draft))
    fine = vm_limits_check (report, UINT64_C (16) << 20, draft->cpus, &error);
  else if (field == VM_DRAFT_EXPRESS && vm_draft_is_express (draft))
    fine = express_check (draft->answers, draft->look.medium, &error);
  return fine ? NULL : text_of (error);
}

bool
vm_draft_check (const VmDraft *draft, const HostReport *report, BonsaiLibrary *library, GError **error)
{
  for (unsigned i = 0; i < VM_DRAFT_N_FIELDS; i++)
    {
      g_autofree char *problem = vm_draft_find_problem (draft, report, library, i);

      if (problem != NULL)
        return refuse (error, problem);
    }
  return true;
}

/* --- advice --- */

static char *
need (const char *os, uint64_t bytes)
{
  g_autofree char *size = disk_size_short (bytes);

  return g_strdup_printf (_ ("%s needs at least %s."), os, size);
}

static char *
advice_on_memory (const VmDraft *draft, const HostReport *report)
{
  if (draft->os != NULL && draft->memory < draft->os->memory_min)
    return need (draft->os->name, draft->os->memory_min);
  if (report->memory_available > 0 && draft->memory > report->memory_available)
    {
      g_autofree char *left = disk_size_short (report->memory_available);

      return g_strdup_printf (_ ("Of this computer's memory %s are free now."), left);
    }
  return NULL;
}

/* A disk takes room as it fills. */
static char *
advice_on_disk (const VmDraft *draft)
{
  struct statvfs st;
  uint64_t room;

  if (!vm_draft_can_have_disk (draft) || draft->disk == 0)
    return NULL;
  if (draft->os != NULL && draft->disk < draft->os->disk_min)
    return need (draft->os->name, draft->os->disk_min);
  if (statvfs (g_get_user_data_dir (), &st) < 0)
    return NULL;
  room = (uint64_t)st.f_bavail * st.f_frsize;
  if (draft->disk > room)
    {
      g_autofree char *left = disk_size_short (room);

      return g_strdup_printf (_ ("There is room for %s now. It takes room only as it fills."), left);
    }
  return NULL;
}

static char *
advice_on_firmware (const VmDraft *draft)
{
  if (draft->os == NULL || !vm_draft_can_choose_firmware (draft))
    return NULL;
  if (draft->uefi && !draft->os->uefi && draft->os->bios)
    return g_strdup_printf (_ ("%s is not known to start with UEFI."), draft->os->name);
  if (!draft->uefi && !draft->os->bios && draft->os->uefi)
    return g_strdup_printf (_ ("%s needs UEFI."), draft->os->name);
  return NULL;
}

char *
vm_draft_find_advice (const VmDraft *draft, const HostReport *report, VmDraftField field)
{
  switch (field)
    {
    case VM_DRAFT_MEMORY:
      return advice_on_memory (draft, report);
    case VM_DRAFT_CPUS:
      return report->n_cpus > 0 && draft->cpus > report->n_cpus ? g_strdup_printf (
               _ ("More than this computer has (%u): the machine gets slower, not faster."), report->n_cpus)
                                                                : NULL;
    case VM_DRAFT_DISK:
      return advice_on_disk (draft);
    case VM_DRAFT_FIRMWARE:
      return advice_on_firmware (draft);
    default:
      return NULL;
    }
}
