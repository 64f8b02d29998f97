/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/new-machine.h"

#include "ui/base/i18n.h"
#include "ui/library/file-drop.h"
#include "ui/machine/machine-actions.h"
#include "ui/workspace/offer-open.h"

static void
on_created (BonsaiCreateWizard *wizard, BonsaiVm *vm, gboolean start, gpointer window)
{
  g_autofree char *text = g_strdup_printf (_ ("“%s” is ready"), bonsai_vm_get_name (vm));

  if (start)
    bonsai_machine_actions_start (vm);
  else
    bonsai_library_window_toast (window, text);
}

BonsaiCreateWizard *
new_machine_show_wizard (BonsaiLibraryWindow *window, BonsaiLibrary *library, const HostReport *host)
{
  BonsaiCreateWizard *wizard = bonsai_create_wizard_new (GTK_WINDOW (window), library, host);

  g_signal_connect_object (wizard, "created", G_CALLBACK (on_created), window, 0);
  gtk_window_present (GTK_WINDOW (wizard));
  return wizard;
}

/* (transfer none) (nullable) */
static BonsaiVm *
machine_at (BonsaiLibrary *library, const char *folder)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);

      if (g_strcmp0 (bonsai_vm_get_path (vm), folder) == 0)
        return vm;
    }
  return NULL;
}

void
new_machine_from_file (BonsaiLibraryWindow *window, BonsaiLibrary *library, const HostReport *host,
                       const char *path)
{
  g_autofree char *bundle = file_drop_bundle (path);
  BonsaiVm *vm = bundle && !g_str_equal (bundle, path) ? machine_at (library, bundle) : NULL;
  g_autofree char *key = vm ? bonsai_machine_actions_key (vm) : NULL;

  if (offer_open_is_one (path))
    offer_open (GTK_WINDOW (window), library, path);
  else if (vm)
    gtk_widget_activate_action (GTK_WIDGET (window), "win.show-vm", "s", key);
  else if (bundle)
    file_drop_import (GTK_WINDOW (window), library, bundle);
  else
    bonsai_create_wizard_set_file (new_machine_show_wizard (window, library, host), path);
}
