/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/settings-forwards.h"

#include "ui/base/i18n.h"
#include "ui/base/rows.h"

#include <string.h>

#define OPEN_CARD "bonsai-open-card"

/* --- changes --- */

static void
on_forwards_set (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingsSection *section = settings_handle_release (data);
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_set_forwards_finish (BONSAI_VM (source), result, &error) || !section)
    return;
  settings_section_show_error (section, _ ("Can’t Change the Ports"), error);
  settings_section_update (section);
}

/* The rows are made anew: this card's stay in sight. */
static void
set_forwards (SettingsSection *section, const VmNic *nic)
{
  g_object_set_data_full (G_OBJECT (settings_section_get_group (section)), OPEN_CARD, g_strdup (nic->id),
                          g_free);
  bonsai_vm_set_forwards_async (settings_section_get_vm (section), nic->id, nic->forwards, NULL,
                                on_forwards_set, settings_section_hold (section));
}

/* The button's id is the forward as a text, behind the card's and a blank. */
static void
on_remove (GtkButton *button, SettingsSection *section)
{
  g_auto (GStrv) words = g_strsplit (settings_button_id (button), " ", 2);
  g_autoptr (VmConfig) config = settings_section_copy (section);
  VmNic *nic = config ? vm_config_find_nic (config, words[0]) : NULL;

  for (guint i = nic ? nic->forwards->len : 0; i-- > 0;)
    {
      g_autofree char *text = net_forward_format (&g_array_index (nic->forwards, NetForward, i));

      if (g_str_equal (text, words[1]))
        g_array_remove_index (nic->forwards, i);
    }
  if (nic)
    set_forwards (section, nic);
}

static void
on_add (GtkWidget *entry, SettingsSection *section)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (entry));
  g_autoptr (VmConfig) config = settings_section_copy (section);
  VmNic *nic = config ? vm_config_find_nic (config, settings_button_id (entry)) : NULL;
  g_autoptr (GError) error = NULL;
  NetForward forward;

  if (!nic)
    return;
  if (!net_forward_parse (&forward, text, &error))
    {
      settings_section_show_error (section, _ ("Can’t Forward the Port"), error);
      return;
    }
  g_array_append_val (nic->forwards, forward);
  set_forwards (section, nic);
}

/* --- rows --- */

static void
add_forward (SettingsSection *section, GtkWidget *parent, const VmNic *nic, const NetForward *forward)
{
  g_autofree char *text = net_forward_format (forward);
  g_autofree char *id = g_strdup_printf ("%s %s", nic->id, text);
  g_autofree char *host = net_address_format (forward->host), *guest = net_address_format (forward->guest);
  const char *protocol = forward->protocol == NET_PROTOCOL_TCP ? "TCP" : "UDP";
  g_autofree char *title =
    forward->host_port != 0
      ? g_strdup_printf (_ ("Port %u → %u (%s)"), forward->host_port, forward->guest_port, protocol)
      : g_strdup_printf (_ ("Any free port → %u (%s)"), forward->guest_port, protocol);
  g_autofree char *subtitle = g_strdup_printf ("%s → %s", host, guest);

  settings_section_add_button (section, parent, title, subtitle, _ ("_Remove"), G_CALLBACK (on_remove), id);
}

static void
add_new (SettingsSection *section, GtkWidget *parent, const VmNic *nic)
{
  GtkWidget *row = adw_entry_row_new ();

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ ("Port to Forward, and the Guest’s (8080:80)"));
  adw_entry_row_set_show_apply_button (ADW_ENTRY_ROW (row), TRUE);
  g_object_set_data_full (G_OBJECT (row), "setting-id", g_strdup (nic->id), g_free);
  g_signal_connect (row, "apply", G_CALLBACK (on_add), section);
  adw_expander_row_add_row (ADW_EXPANDER_ROW (parent), row);
}

void
settings_add_forwards (SettingsSection *section, GtkWidget *parent, const VmNic *nic)
{
  const char *open = g_object_get_data (G_OBJECT (settings_section_get_group (section)), OPEN_CARD);

  adw_expander_row_set_expanded (ADW_EXPANDER_ROW (parent), g_strcmp0 (open, nic->id) == 0);
  for (guint i = 0; i < nic->forwards->len; i++)
    add_forward (section, parent, nic, &g_array_index (nic->forwards, NetForward, i));
  if (g_strcmp0 (nic->network, "nat") == 0 && nic->forwards->len < NET_FORWARDS_MAX)
    add_new (section, parent, nic);
}

char *
settings_forwards_shape (const VmNic *nic)
{
  GString *text = g_string_new (nic->network);

  for (guint i = 0; i < nic->forwards->len; i++)
    {
      g_autofree char *forward = net_forward_format (&g_array_index (nic->forwards, NetForward, i));

      g_string_append_printf (text, " %s", forward);
    }
  return g_string_free (text, FALSE);
}
