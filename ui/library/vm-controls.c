/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/vm-controls.h"

#include "ui/base/i18n.h"
#include "ui/machine/machine-actions.h"

#include <string.h>

#define N_BUTTONS 8

struct _BonsaiVmControls {
  GtkBox parent;
  BonsaiVm *vm;
  bool extras;
  GtkWidget *buttons[N_BUTTONS];
  GtkWidget *menu_button; /* of the main ones */
};

G_DEFINE_FINAL_TYPE (BonsaiVmControls, bonsai_vm_controls, GTK_TYPE_BOX)

enum { PROP_0, PROP_EXTRAS, N_PROPS };

typedef enum { WHEN_OFF, WHEN_ACTIVE, WHEN_PAUSED, WHEN_RUNNING, WHEN_POSSIBLE } When;

static const struct {
  const char *icon, *tip, *label; /* of @label, one %s is the machine's name */
  const char *action;
  const char *style; /* (nullable) */
  When when;
  bool extra;
} all_buttons[N_BUTTONS] = {
  { "media-playback-start-symbolic", N_ ("Start"), N_ ("Start %s"), "vm.start", "suggested-action", WHEN_OFF,
    false },
  { "media-playback-start-symbolic", N_ ("Resume"), N_ ("Resume %s"), "vm.resume", "suggested-action",
    WHEN_PAUSED, false },
  { "media-playback-pause-symbolic", N_ ("Pause"), N_ ("Pause %s"), "vm.pause", NULL, WHEN_ACTIVE, false },
  { "system-shutdown-symbolic", N_ ("Shut Down"), N_ ("Shut Down %s"), "vm.shutdown", NULL, WHEN_RUNNING,
    false },
  { "system-reboot-symbolic", N_ ("Restart"), N_ ("Restart %s"), "vm.reboot", NULL, WHEN_POSSIBLE, true },
  { "document-save-symbolic", N_ ("Suspend to Disk"), N_ ("Suspend %s to Disk"), "vm.suspend", NULL,
    WHEN_POSSIBLE, true },
  { "camera-photo-symbolic", N_ ("Take Snapshot"), N_ ("Take Snapshot of %s"), "vm.snapshot", NULL,
    WHEN_POSSIBLE, true },
  { "edit-copy-symbolic", N_ ("Clone"), N_ ("Clone %s"), "vm.clone", NULL, WHEN_POSSIBLE, true },
};

/* --- what they show --- */

const char *
vm_state_class (BonsaiVm *vm)
{
  BonsaiState state = bonsai_vm_get_state (vm);
  BonsaiReason reason = bonsai_vm_get_reason (vm);
  bool in_trouble = reason == BONSAI_REASON_GUEST_PANIC || reason == BONSAI_REASON_WATCHDOG;

  if (state == BONSAI_STATE_CRASHED || state == BONSAI_STATE_BROKEN)
    return "error";
  if (!bonsai_state_is_alive (state))
    return NULL;
  return state == BONSAI_STATE_PAUSED || in_trouble ? "warning" : "success";
}

const char *
vm_state_reason (BonsaiVm *vm)
{
  BonsaiState state = bonsai_vm_get_state (vm);
  const char *reason = bonsai_vm_get_state_text (vm);
  bool alone =
    (state == BONSAI_STATE_RUNNING || state == BONSAI_STATE_PAUSED) && !bonsai_vm_get_console_open (vm);

  return alone && *reason == '\0' ? _ ("Without a window") : reason;
}

char *
vm_state_label (BonsaiVm *vm)
{
  return g_strdup_printf ("%s, %s", bonsai_vm_get_name (vm), bonsai_state_label (bonsai_vm_get_state (vm)));
}

void
vm_state_show (BonsaiVm *vm, GtkLabel *label)
{
  static const char *const classes[] = { "success", "warning", "error" };
  const char *class = vm_state_class (vm);

  gtk_label_set_text (label, bonsai_state_label (bonsai_vm_get_state (vm)));
  for (unsigned i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_strcmp0 (classes[i], class) == 0)
      gtk_widget_add_css_class (GTK_WIDGET (label), classes[i]);
    else
      gtk_widget_remove_css_class (GTK_WIDGET (label), classes[i]);
}

static bool
is_shown (BonsaiVm *vm, unsigned i)
{
  BonsaiState state = bonsai_vm_get_state (vm);
  bool alive = bonsai_state_is_alive (state);
  bool paused = state == BONSAI_STATE_PAUSED;

  switch (all_buttons[i].when)
    {
    case WHEN_OFF:
      return !alive;
    case WHEN_ACTIVE:
      return alive && !paused;
    case WHEN_PAUSED:
      return paused;
    case WHEN_RUNNING:
      return state == BONSAI_STATE_RUNNING || state == BONSAI_STATE_STOPPING;
    case WHEN_POSSIBLE:
      return bonsai_machine_actions_can (vm, all_buttons[i].action + strlen ("vm."));
    }
  return false;
}

static void
name_widget (GtkWidget *widget, const char *format, const char *name)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  g_autofree char *label = g_strdup_printf (format, name);
#pragma GCC diagnostic pop

  gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

/* In its place, when it is needed: a library has hundreds of these. */
static void
add_button (BonsaiVmControls *self, unsigned i)
{
  GtkWidget *button = gtk_button_new_from_icon_name (all_buttons[i].icon), *before = NULL;

  gtk_widget_set_tooltip_text (button, _ (all_buttons[i].tip));
  gtk_actionable_set_action_name (GTK_ACTIONABLE (button), all_buttons[i].action);
  gtk_widget_add_css_class (button, "circular");
  if (all_buttons[i].style)
    gtk_widget_add_css_class (button, all_buttons[i].style);
  else
    gtk_widget_add_css_class (button, "flat");
  for (unsigned j = 0; j < i; j++)
    before = self->buttons[j] ? self->buttons[j] : before;
  gtk_box_insert_child_after (GTK_BOX (self), button, before);
  name_widget (button, _ (all_buttons[i].label), bonsai_vm_get_name (self->vm));
  self->buttons[i] = button;
}

static void
update (BonsaiVmControls *self)
{
  for (unsigned i = 0; i < N_BUTTONS; i++)
    {
      bool shown = all_buttons[i].extra == self->extras && is_shown (self->vm, i);
      if (shown && !self->buttons[i])
        add_button (self, i);
      else if (self->buttons[i])
        gtk_widget_set_visible (self->buttons[i], shown);
    }
}

static void
update_names (BonsaiVmControls *self)
{
  const char *name = bonsai_vm_get_name (self->vm);

  for (unsigned i = 0; i < N_BUTTONS; i++)
    if (self->buttons[i])
      name_widget (self->buttons[i], _ (all_buttons[i].label), name);
  if (self->menu_button)
    name_widget (self->menu_button, _ ("More Actions for %s"), name);
}

void
bonsai_vm_controls_set_vm (BonsaiVmControls *self, BonsaiVm *vm)
{
  if (self->vm == vm)
    return;
  if (self->vm)
    {
      g_signal_handlers_disconnect_by_data (self->vm, self);
      g_signal_handlers_disconnect_by_data (bonsai_machine_actions_get (self->vm), self);
    }
  g_set_object (&self->vm, vm);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "vm", vm ? bonsai_machine_actions_get (vm) : NULL);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify::state", G_CALLBACK (update), self);
  g_signal_connect_swapped (vm, "notify::name", G_CALLBACK (update_names), self);
  if (self->extras)
    g_signal_connect_swapped (bonsai_machine_actions_get (vm), "action-enabled-changed", G_CALLBACK (update),
                              self);
  update_names (self);
  update (self);
}

GtkWidget *
bonsai_vm_controls_get_menu_button (BonsaiVmControls *self)
{
  return self->menu_button;
}

/* --- the widget --- */

static void
add_menu (BonsaiVmControls *self)
{
  self->menu_button = gtk_button_new_from_icon_name ("view-more-symbolic");
  gtk_widget_set_tooltip_text (self->menu_button, _ ("More Actions"));
  gtk_widget_add_css_class (self->menu_button, "flat");
  gtk_actionable_set_action_name (GTK_ACTIONABLE (self->menu_button), "cell.menu");
  gtk_box_append (GTK_BOX (self), self->menu_button);
}

static void
bonsai_vm_controls_constructed (GObject *object)
{
  BonsaiVmControls *self = BONSAI_VM_CONTROLS (object);

  G_OBJECT_CLASS (bonsai_vm_controls_parent_class)->constructed (object);
  if (!self->extras)
    add_menu (self);
}

static void
bonsai_vm_controls_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_EXTRAS)
    BONSAI_VM_CONTROLS (object)->extras = g_value_get_boolean (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
bonsai_vm_controls_dispose (GObject *object)
{
  bonsai_vm_controls_set_vm (BONSAI_VM_CONTROLS (object), NULL);
  G_OBJECT_CLASS (bonsai_vm_controls_parent_class)->dispose (object);
}

static void
bonsai_vm_controls_class_init (BonsaiVmControlsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = bonsai_vm_controls_constructed;
  object_class->set_property = bonsai_vm_controls_set_property;
  object_class->dispose = bonsai_vm_controls_dispose;
  g_object_class_install_property (
    object_class, PROP_EXTRAS,
    g_param_spec_boolean ("extras", NULL, NULL, FALSE,
                          G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));
}

static void
bonsai_vm_controls_init (BonsaiVmControls *self)
{
  gtk_box_set_spacing (GTK_BOX (self), 6);
}
