/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/draft/vm-draft.h"

#include <string.h>

#define MIB (UINT64_C (1) << 20)
#define GIB (UINT64_C (1) << 30)

VmDraft *
vm_draft_new (const HostReport *report)
{
  VmDraft *draft = g_new0 (VmDraft, 1);

  draft->source = VM_SOURCE_CDROM;
  draft->linked = true;
  draft->network = true;
  draft->sound = draft->usb = true;
  draft->answers = express_new (NULL, NULL);
  vm_draft_recommend (draft, report);
  return draft;
}

VmDraft *
vm_draft_copy (const VmDraft *draft)
{
  VmDraft *copy = g_new (VmDraft, 1);

  *copy = *draft;
  copy->path = g_strdup (draft->path);
  source_look_copy (&copy->look, &draft->look);
  copy->initrd = g_strdup (draft->initrd);
  copy->append = g_strdup (draft->append);
  copy->template_path = g_strdup (draft->template_path);
  copy->template_name = g_strdup (draft->template_name);
  copy->published = draft->published != NULL ? published_template_copy (draft->published) : NULL;
  copy->os = draft->os != NULL ? os_profile_ref (draft->os) : NULL;
  copy->name = g_strdup (draft->name);
  copy->answers = os_express_copy (draft->answers);
  return copy;
}

void
vm_draft_free (VmDraft *draft)
{
  if (draft == NULL)
    return;
  g_free (draft->path);
  source_look_clear (&draft->look);
  g_free (draft->initrd);
  g_free (draft->append);
  g_free (draft->template_path);
  g_free (draft->template_name);
  g_clear_pointer (&draft->published, published_template_free);
  g_clear_pointer (&draft->os, os_profile_unref);
  g_free (draft->name);
  os_express_free (draft->answers);
  g_free (draft);
}

/* --- the source --- */

void
vm_draft_set_os (VmDraft *draft, const OsProfile *os)
{
  OsProfile *before = draft->os;

  draft->os = os != NULL ? os_profile_ref (os) : NULL;
  g_clear_pointer (&before, os_profile_unref);
}

void
vm_draft_set_source (VmDraft *draft, VmSource source, const ReadyGuest *guest)
{
  draft->source = source;
  draft->guest = guest;
  source_look_clear (&draft->look);
  vm_draft_set_os (draft, NULL);
}

void
vm_draft_set_path (VmDraft *draft, const char *path)
{
  vm_config_set (&draft->path, path);
  source_look_clear (&draft->look);
  vm_draft_set_os (draft, NULL);
}

void
vm_draft_set_template (VmDraft *draft, BonsaiVm *vm)
{
  vm_config_set (&draft->template_path, vm != NULL ? bonsai_vm_get_path (vm) : NULL);
  vm_config_set (&draft->template_name, vm != NULL ? bonsai_vm_get_name (vm) : NULL);
  g_clear_pointer (&draft->published, published_template_free);
}

void
vm_draft_set_published (VmDraft *draft, const PublishedTemplate *published)
{
  vm_draft_set_template (draft, NULL);
  vm_config_set (&draft->template_path, published->path);
  vm_config_set (&draft->template_name, published->name);
  draft->published = published_template_copy (published);
}

void
vm_draft_take_look (VmDraft *draft, SourceLook *look)
{
  const OsMedium *medium = look->medium;

  source_look_clear (&draft->look);
  draft->look = *look;
  *look = (SourceLook){ 0 };
  vm_draft_set_os (draft, medium != NULL ? medium->os : NULL);
  if (express_is_possible (medium)
      && !g_strv_contains ((const char *const *)medium->profiles, draft->answers->profile))
    vm_config_set (&draft->answers->profile, medium->profiles[0]);
}

bool
vm_draft_has_firmware (const VmDraft *draft)
{
  return draft->source == VM_SOURCE_CDROM || draft->source == VM_SOURCE_DISK
         || draft->source == VM_SOURCE_NETWORK;
}

bool
vm_draft_can_choose_firmware (const VmDraft *draft)
{
  return vm_draft_has_firmware (draft) && !(vm_draft_is_express (draft) && draft->look.medium->boots_kernel);
}

bool
vm_draft_can_have_disk (const VmDraft *draft)
{
  return draft->source == VM_SOURCE_CDROM || draft->source == VM_SOURCE_KERNEL
         || draft->source == VM_SOURCE_NETWORK;
}

bool
vm_draft_has_hardware (const VmDraft *draft)
{
  return draft->source != VM_SOURCE_TEMPLATE;
}

bool
vm_draft_can_express (const VmDraft *draft)
{
  return draft->source == VM_SOURCE_CDROM && express_is_possible (draft->look.medium);
}

bool
vm_draft_is_express (const VmDraft *draft)
{
  return draft->express && vm_draft_can_express (draft);
}

/* --- what is recommended --- */

/* Half of the host's memory at most, unless the system needs more, and never more than there is. */
static uint64_t
recommend_memory (const VmDraft *draft, const HostReport *report)
{
  VmLimits limits = vm_limits_for_host (report);
  const OsProfile *os = draft->os;
  uint64_t memory = limits.memory_default;

  if (draft->source == VM_SOURCE_READY && draft->guest != NULL)
    memory = draft->guest->memory;
  else if (os != NULL && os->memory > 0)
    memory = MAX (MIN (os->memory, limits.memory_max / 2), os->memory_min) / MIB * MIB;
  return CLAMP (memory, limits.memory_min, limits.memory_max);
}

static uint64_t
recommend_disk (const VmDraft *draft, const HostReport *report)
{
  uint64_t disk = vm_limits_for_host (report).disk_default;

  if (draft->source != VM_SOURCE_CDROM && draft->source != VM_SOURCE_NETWORK)
    return 0;
  if (draft->source == VM_SOURCE_CDROM && draft->look.medium != NULL && draft->look.medium->live)
    return 0; /* it runs from its medium */
  if (draft->os != NULL)
    disk = MAX (disk, (draft->os->disk + GIB - 1) / GIB * GIB);
  return disk;
}

void
vm_draft_recommend (VmDraft *draft, const HostReport *report)
{
  VmLimits limits = vm_limits_for_host (report);
  const OsProfile *os = draft->os;

  draft->memory = recommend_memory (draft, report);
  draft->cpus = CLAMP (MAX (limits.cpus_default, os != NULL ? os->cpus : 0), 1, limits.cpus_max);
  draft->disk = recommend_disk (draft, report);
  draft->uefi = os != NULL && !os->bios && os->uefi;
  draft->bus = os == NULL || os->virtio_disk ? DISK_BUS_VIRTIO : DISK_BUS_AHCI;
  draft->nic = os == NULL || os->virtio_net ? NIC_MODEL_VIRTIO : NIC_MODEL_E1000E;
  draft->graphics = os != NULL && os->virtio_gpu ? GRAPHICS_VIRTIO : GRAPHICS_VGA;
}

char *
vm_draft_suggest_name (const VmDraft *draft)
{
  g_autofree char *base = NULL;
  char *dot;

  if (draft->source == VM_SOURCE_READY)
    return g_strdup (draft->guest != NULL ? draft->guest->name : "");
  if (draft->source == VM_SOURCE_TEMPLATE)
    return g_strdup (draft->template_name != NULL ? draft->template_name : "");
  if (draft->os != NULL)
    return g_strdup (draft->os->name);
  if (draft->source == VM_SOURCE_NETWORK || draft->path == NULL || draft->path[0] == '\0')
    return g_strdup ("");
  base = g_path_get_basename (draft->path);
  dot = strrchr (base, '.');
  if (dot != NULL && dot != base)
    *dot = '\0';
  return g_utf8_make_valid (base, -1);
}

GPtrArray *
vm_draft_list_templates (BonsaiLibrary *library)
{
  GPtrArray *templates = g_ptr_array_new_with_free_func (g_object_unref);
  guint n = g_list_model_get_n_items (G_LIST_MODEL (library));

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);
      const VmConfig *config = bonsai_vm_get_config (vm);

      if (config != NULL && config->template_state != VM_TEMPLATE_NONE)
        g_ptr_array_add (templates, g_steal_pointer (&vm));
    }
  return templates;
}
