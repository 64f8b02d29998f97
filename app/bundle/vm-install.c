/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/bundle/vm-install.h"

#include <glib/gi18n.h>

void
vm_install_copy (VmInstall *to, const VmInstall *from)
{
  *to = (VmInstall){ g_strdup (from->system), from->restarts };
}

void
vm_install_clear (VmInstall *install)
{
  g_clear_pointer (&install->system, g_free);
  install->restarts = 0;
}

bool
vm_install_read (const JsonSection *section, VmInstall *install)
{
  JsonSection inner = { section->text, NULL, "/install", section->error };

  if (!json_read_object (section, "install", &inner.object))
    return false;
  if (inner.object == NULL)
    return true;
  install->restarts = 1;
  if (!json_section_require (&inner, "system") || !json_read_string (&inner, "system", &install->system)
      || !json_read_unsigned (&inner, "restarts", &install->restarts))
    return false;
  return (install->restarts >= 1 && install->restarts <= VM_INSTALL_MAX_RESTARTS)
         || json_section_fail (&inner, "restarts", _ ("must be 1 to %d"), VM_INSTALL_MAX_RESTARTS);
}

void
vm_install_write (JsonObject *machine, const VmInstall *install)
{
  JsonObject *object;

  if (install->system == NULL)
    {
      if (json_object_has_member (machine, "install"))
        json_object_remove_member (machine, "install");
      return;
    }
  object = json_object_new ();
  json_object_set_string_member (object, "system", install->system);
  if (install->restarts != 1)
    json_object_set_int_member (object, "restarts", install->restarts);
  json_object_set_object_member (machine, "install", object);
}
