/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/overview-page.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/machine/advice-group.h"
#include "ui/machine/guest-facts.h"
#include "ui/machine/health-group.h"
#include "ui/machine/machine-actions.h"
#include "ui/machine/notes-view.h"
#include "ui/machine/screen-view.h"

struct _BonsaiOverviewPage {
  AdwBin parent;
  BonsaiVm *vm;

  GtkWidget *screen_button;
  BonsaiScreenView *screen;
  GtkLabel *name_label;
  GtkLabel *state_label;
  GtkWidget *reason_box;
  GtkLabel *reason_label;
  GtkWidget *copy_button;
  GtkButton *main_button;
  GtkWidget *pause_button;
  GtkWidget *shutdown_button;
  GtkWidget *suspend_button;
  GtkWidget *snapshot_button;
  BonsaiAdviceGroup *advice;
  BonsaiGuestFacts *guest_facts;
  AdwActionRow *processor_row;
  AdwActionRow *disks_row;
  AdwActionRow *network_row;
  AdwActionRow *folder_row;
  BonsaiNotesView *notes;
  BonsaiHealthGroup *health;
};

G_DEFINE_FINAL_TYPE (BonsaiOverviewPage, bonsai_overview_page, ADW_TYPE_BIN)

/* --- what it does --- */

static void
update_main_button (BonsaiOverviewPage *self, BonsaiState state)
{
  static const struct {
    BonsaiState state;
    const char *label, *action;
  } choices[] = {
    { BONSAI_STATE_RUNNING, N_ ("Show _Console"), "vm.console" },
    { BONSAI_STATE_STOPPING, N_ ("Show _Console"), "vm.console" },
    { BONSAI_STATE_PAUSED, N_ ("_Resume"), "vm.resume" },
    { BONSAI_STATE_SUSPENDED, N_ ("_Resume"), "vm.start" },
    { BONSAI_STATE_STARTING, N_ ("Starting…"), "vm.start" },
  };
  const char *label = N_ ("_Start"), *action = "vm.start";

  for (guint i = 0; i < G_N_ELEMENTS (choices); i++)
    if (choices[i].state == state)
      {
        label = choices[i].label;
        action = choices[i].action;
      }
  gtk_button_set_label (self->main_button, _ (label));
  gtk_actionable_set_action_name (GTK_ACTIONABLE (self->main_button), action);
}

static void
set_state_class (BonsaiOverviewPage *self, BonsaiState state)
{
  static const char *const classes[] = { "success", "warning", "error", "dim-label" };
  const char *wanted = "dim-label";

  if (state == BONSAI_STATE_CRASHED || state == BONSAI_STATE_BROKEN)
    wanted = "error";
  else if (state == BONSAI_STATE_PAUSED)
    wanted = "warning";
  else if (bonsai_state_is_alive (state))
    wanted = "success";
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    gtk_widget_remove_css_class (GTK_WIDGET (self->state_label), classes[i]);
  gtk_widget_add_css_class (GTK_WIDGET (self->state_label), wanted);
}

static bool
is_trouble (BonsaiVm *vm)
{
  BonsaiState state = bonsai_vm_get_state (vm);
  BonsaiReason reason = bonsai_vm_get_reason (vm);

  return state == BONSAI_STATE_CRASHED || state == BONSAI_STATE_BROKEN || reason == BONSAI_REASON_ENGINE_ERROR
         || reason == BONSAI_REASON_IO_ERROR || reason == BONSAI_REASON_GUEST_PANIC;
}

static void
update_state (BonsaiOverviewPage *self)
{
  BonsaiState state = bonsai_vm_get_state (self->vm);
  const char *reason = bonsai_vm_get_state_text (self->vm);
  bool alive = bonsai_state_is_alive (state);

  gtk_label_set_text (self->name_label, bonsai_vm_get_name (self->vm));
  gtk_label_set_text (self->state_label, bonsai_state_label (state));
  set_state_class (self, state);
  gtk_label_set_text (self->reason_label, reason);
  gtk_widget_set_visible (self->reason_box, *reason != '\0');
  gtk_widget_set_visible (self->copy_button, is_trouble (self->vm));
  update_main_button (self, state);
  gtk_widget_set_visible (self->pause_button, alive && state != BONSAI_STATE_PAUSED);
  gtk_widget_set_visible (self->shutdown_button, alive);
  gtk_widget_set_visible (self->suspend_button, alive);
  gtk_widget_set_sensitive (self->screen_button, state != BONSAI_STATE_BROKEN);
  gtk_widget_set_tooltip_text (self->screen_button, alive ? _ ("Show the Console") : _ ("Start"));
}

/* --- what it is --- */

static void
update_processor (BonsaiOverviewPage *self, const VmConfig *config)
{
  g_autofree char *memory = g_format_size_full (config->memory, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *text =
    g_strdup_printf (ngettext ("%u processor, %s", "%u processors, %s", config->cpus), config->cpus, memory);

  row_set_subtitle (self->processor_row, text);
}

/* What holds a disk's content, as its owner knows it. */
static char *
name_of_image (const VmDisk *disk)
{
  if (!disk->path)
    return g_strdup (_ ("empty"));
  return vm_path_is_uri (disk->path) ? g_strdup (disk->path) : g_path_get_basename (disk->path);
}

static void
update_disks (BonsaiOverviewPage *self, const VmConfig *config)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *name = name_of_image (disk);

      g_string_append_printf (text, "%s%s: %s", i > 0 ? "\n" : "",
                              disk->kind == DISK_KIND_CDROM ? _ ("CD") : disk->id, name);
    }
  row_set_subtitle (self->disks_row, text->len > 0 ? text->str : _ ("None"));
}

static void
update_network (BonsaiOverviewPage *self, const VmConfig *config)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);
      const char *how = nic->link_down                          ? _ ("cable unplugged")
                        : g_strcmp0 (nic->network, "none") == 0 ? _ ("not connected")
                                                                : _ ("NAT");

      g_string_append_printf (text, "%s%s: %s", i > 0 ? "\n" : "", nic->id, how);
    }
  row_set_subtitle (self->network_row, text->len > 0 ? text->str : _ ("None"));
}

static void
update_config (BonsaiOverviewPage *self)
{
  const VmConfig *config = bonsai_vm_get_config (self->vm);

  row_set_subtitle (self->folder_row, bonsai_vm_get_path (self->vm));
  if (!config)
    return;
  update_processor (self, config);
  update_disks (self, config);
  update_network (self, config);
}

static void
on_notify (BonsaiOverviewPage *self)
{
  update_state (self);
  update_config (self);
}

/* --- what is done here --- */

static void
on_screen_clicked (BonsaiOverviewPage *self)
{
  bonsai_machine_actions_start (self->vm);
}

static void
on_copy (BonsaiOverviewPage *self)
{
  g_autofree char *text = g_strdup_printf ("%s: %s: %s\n", bonsai_vm_get_name (self->vm),
                                           bonsai_state_label (bonsai_vm_get_state (self->vm)),
                                           bonsai_vm_get_state_text (self->vm));

  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), text);
}

static void
on_open_folder (BonsaiOverviewPage *self)
{
  g_autofree char *uri = g_filename_to_uri (bonsai_vm_get_path (self->vm), NULL, NULL);

  if (uri)
    gtk_show_uri (GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self))), uri, GDK_CURRENT_TIME);
}

/* --- the object --- */

void
bonsai_overview_page_set_vm (BonsaiOverviewPage *self, BonsaiVm *vm)
{
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  bonsai_vm_screen_set_vm (BONSAI_VM_SCREEN (self->screen), vm);
  bonsai_advice_group_set_vm (self->advice, vm);
  bonsai_guest_facts_set_vm (self->guest_facts, vm);
  bonsai_health_group_set_vm (self->health, vm);
  bonsai_notes_view_set_vm (self->notes, vm);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify", G_CALLBACK (on_notify), self);
  on_notify (self);
}

static void
bonsai_overview_page_dispose (GObject *object)
{
  BonsaiOverviewPage *self = BONSAI_OVERVIEW_PAGE (object);

  if (self->vm)
    bonsai_overview_page_set_vm (self, NULL);
  G_OBJECT_CLASS (bonsai_overview_page_parent_class)->dispose (object);
}

static void
bonsai_overview_page_class_init (BonsaiOverviewPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_overview_page_dispose;
  g_type_ensure (BONSAI_TYPE_ADVICE_GROUP);
  g_type_ensure (BONSAI_TYPE_GUEST_FACTS);
  g_type_ensure (BONSAI_TYPE_HEALTH_GROUP);
  g_type_ensure (BONSAI_TYPE_NOTES_VIEW);
  g_type_ensure (BONSAI_TYPE_SCREEN_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "machine/overview-page.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, screen_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, screen);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, name_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, state_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, reason_box);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, reason_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, copy_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, main_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, pause_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, shutdown_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, suspend_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, snapshot_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, advice);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, guest_facts);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, processor_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, disks_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, network_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, folder_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, notes);
  gtk_widget_class_bind_template_child (widget_class, BonsaiOverviewPage, health);
  gtk_widget_class_bind_template_callback (widget_class, on_screen_clicked);
  gtk_widget_class_bind_template_callback (widget_class, on_copy);
  gtk_widget_class_bind_template_callback (widget_class, on_open_folder);
}

static void
bonsai_overview_page_init (BonsaiOverviewPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
