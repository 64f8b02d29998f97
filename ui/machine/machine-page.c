/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/machine-page.h"

#include "ui/base/back-button.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/history/history-window.h"
#include "ui/machine/lease-banner.h"
#include "ui/machine/machine-actions.h"
#include "ui/machine/overview-page.h"
#include "ui/machine/settings-page.h"
#include "ui/machine/terminal-page.h"
#include "ui/snapshot/snapshot-page.h"

struct _BonsaiMachinePage {
  AdwBin parent;
  BonsaiLibrary *library;
  BonsaiVm *vm; /* or NULL */

  AdwViewSwitcherTitle *switcher_title;
  AdwViewStack *stack;
  BonsaiLeaseBanner *lease;
  BonsaiOverviewPage *overview;
  BonsaiSnapshotPage *snapshots;
  BonsaiTerminalPage *terminal;
  BonsaiSettingsPage *settings;
};

G_DEFINE_FINAL_TYPE (BonsaiMachinePage, bonsai_machine_page, ADW_TYPE_BIN)

static void
update_title (BonsaiMachinePage *self)
{
  adw_view_switcher_title_set_title (self->switcher_title, bonsai_vm_get_name (self->vm));
}

void
bonsai_machine_page_set_vm (BonsaiMachinePage *self, BonsaiVm *vm)
{
  if (self->vm == vm)
    return;
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "vm", vm ? bonsai_machine_actions_get (vm) : NULL);
  bonsai_lease_banner_set_vm (self->lease, vm);
  bonsai_overview_page_set_vm (self->overview, vm);
  bonsai_snapshot_page_set_vm (self->snapshots, self->library, vm);
  bonsai_terminal_page_set_vm (self->terminal, vm);
  bonsai_settings_page_set_vm (self->settings, vm);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify::name", G_CALLBACK (update_title), self);
  update_title (self);
}

BonsaiVm *
bonsai_machine_page_get_vm (BonsaiMachinePage *self)
{
  return self->vm;
}

void
bonsai_machine_page_show_tab (BonsaiMachinePage *self, const char *name)
{
  adw_view_stack_set_visible_child_name (self->stack, name);
}

static void
on_show_tab (GtkWidget *widget, const char *action, GVariant *parameter)
{
  bonsai_machine_page_show_tab (BONSAI_MACHINE_PAGE (widget), g_variant_get_string (parameter, NULL));
}

/* In a window of its own, beside what the page shows. */
static void
on_history (GtkWidget *widget, const char *action, GVariant *parameter)
{
  BonsaiMachinePage *self = BONSAI_MACHINE_PAGE (widget);

  if (self->vm)
    history_window_show (GTK_WINDOW (gtk_widget_get_root (widget)), self->vm);
}

/* --- the object --- */

static void
bonsai_machine_page_dispose (GObject *object)
{
  BonsaiMachinePage *self = BONSAI_MACHINE_PAGE (object);

  if (self->vm)
    bonsai_machine_page_set_vm (self, NULL);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_machine_page_parent_class)->dispose (object);
}

static void
bonsai_machine_page_class_init (BonsaiMachinePageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = bonsai_machine_page_dispose;
  g_type_ensure (BONSAI_TYPE_BACK_BUTTON);
  g_type_ensure (BONSAI_TYPE_LEASE_BANNER);
  g_type_ensure (BONSAI_TYPE_OVERVIEW_PAGE);
  g_type_ensure (BONSAI_TYPE_SETTINGS_PAGE);
  g_type_ensure (BONSAI_TYPE_SNAPSHOT_PAGE);
  g_type_ensure (BONSAI_TYPE_TERMINAL_PAGE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "machine/machine-page.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiMachinePage, switcher_title);
  gtk_widget_class_bind_template_child (widget_class, BonsaiMachinePage, stack);
  gtk_widget_class_bind_template_child (widget_class, BonsaiMachinePage, lease);
  gtk_widget_class_bind_template_child (widget_class, BonsaiMachinePage, overview);
  gtk_widget_class_bind_template_child (widget_class, BonsaiMachinePage, snapshots);
  gtk_widget_class_bind_template_child (widget_class, BonsaiMachinePage, terminal);
  gtk_widget_class_bind_template_child (widget_class, BonsaiMachinePage, settings);
  gtk_widget_class_install_action (widget_class, "page.show", "s", on_show_tab);
  gtk_widget_class_install_action (widget_class, "page.history", NULL, on_history);
}

static void
bonsai_machine_page_init (BonsaiMachinePage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
bonsai_machine_page_new (BonsaiLibrary *library)
{
  BonsaiMachinePage *self = g_object_new (BONSAI_TYPE_MACHINE_PAGE, NULL);

  self->library = g_object_ref (library);
  return GTK_WIDGET (self);
}
