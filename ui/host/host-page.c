/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/host/host-page.h"

#include "app/host/host-facts.h"
#include "app/host/host-session.h"
#include "ui/base/back-button.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/base/spare-title.h"

struct _BonsaiHostPage {
  AdwBin parent;
  BonsaiLibrary *library;
  GPtrArray *facts; /* as they were last looked at; or NULL */
  GPtrArray *rows;  /* of GtkWidget: theirs, unowned */
  GCancellable *cancellable;
  bool looking;

  AdwPreferencesGroup *findings_group;
  AdwPreferencesGroup *facts_group;
};

G_DEFINE_FINAL_TYPE (BonsaiHostPage, bonsai_host_page, ADW_TYPE_BIN)

static void look (BonsaiHostPage *self);

/* --- remedies --- */

static void
copy (GtkWidget *widget, const char *text)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), text);
}

static void
on_copy_command (GtkWidget *button, gpointer data)
{
  const HostFact *fact = data;
  g_autofree char *text =
    fact->command ? g_strdup_printf ("sudo %s", fact->command) : g_strdup (fact->remedy);

  copy (button, text);
  gtk_button_set_icon_name (GTK_BUTTON (button), "object-select-symbolic");
}

static void
on_command_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiHostPage) self = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  GSubprocess *process = G_SUBPROCESS (source);

  g_subprocess_communicate_utf8_finish (process, result, &output, NULL, &error);
  /* pkexec(1): 126: the user did not want to, after all. */
  if (!error && !g_subprocess_get_successful (process)
      && !(g_subprocess_get_if_exited (process) && g_subprocess_get_exit_status (process) == 126))
    error = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, _ ("The command failed. What it said:\n%s"),
                         output ? output : "");
  if (error && GTK_IS_WINDOW (root) && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    error_dialog_show (GTK_WINDOW (root), _ ("Can’t Mend It"), error);
  look (self);
}

static void
on_run_command (GtkWidget *button, BonsaiHostPage *self)
{
  const HostFact *fact = g_object_get_data (G_OBJECT (button), "fact");
  g_autofree char *line = g_strdup_printf ("pkexec %s", fact->command);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) argv = NULL;
  g_autoptr (GSubprocess) process = NULL;

  if (g_shell_parse_argv (line, NULL, &argv, &error))
    process = g_subprocess_newv ((const char *const *)argv,
                                 G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
  if (!process)
    {
      error_dialog_show (GTK_WINDOW (gtk_widget_get_root (button)), _ ("Can’t Mend It"), error);
      return;
    }
  gtk_widget_set_sensitive (button, FALSE);
  g_subprocess_communicate_utf8_async (process, NULL, self->cancellable, on_command_ended,
                                       g_object_ref (self));
}

/* --- rows --- */

static GtkWidget *
make_button (const HostFact *fact, const char *icon, const char *tip)
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon);
  g_autofree char *label = g_strdup_printf ("%s: %s", tip, fact->title ? fact->title : fact->id);

  gtk_widget_set_tooltip_text (button, tip);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  return button;
}

static void
add_remedy (BonsaiHostPage *self, AdwActionRow *row, HostFact *fact)
{
  g_autofree char *pkexec = g_find_program_in_path ("pkexec");
  GtkWidget *button;

  if (fact->command && pkexec)
    {
      button = make_button (fact, "emblem-system-symbolic", _ ("Do It"));
      g_object_set_data (G_OBJECT (button), "fact", fact);
      g_signal_connect_object (button, "clicked", G_CALLBACK (on_run_command), self, 0);
      adw_action_row_add_suffix (row, button);
    }
  if (!fact->remedy)
    return;
  button = make_button (fact, "edit-copy-symbolic", fact->command ? _ ("Copy the Command") : _ ("Copy"));
  g_signal_connect (button, "clicked", G_CALLBACK (on_copy_command), fact);
  adw_action_row_add_suffix (row, button);
}

static const char *
icon_of (const HostFact *fact)
{
  switch (fact->level)
    {
    case HOST_FACT_ERROR:
      return "dialog-error-symbolic";
    case HOST_FACT_WARNING:
      return "dialog-warning-symbolic";
    case HOST_FACT_FINE:
      break;
    }
  return fact->title ? "object-select-symbolic" : "dialog-information-symbolic";
}

static void
add_row (BonsaiHostPage *self, HostFact *fact)
{
  GtkWidget *row = adw_action_row_new (), *icon = gtk_image_new_from_icon_name (icon_of (fact));
  bool is_finding = !fact->title || fact->remedy;
  g_autofree char *command = fact->command ? g_strdup_printf ("sudo %s", fact->command) : NULL;
  g_autofree char *text = NULL, *label = NULL;

  /* A finding's remedy has its command in it. */
  if (fact->title)
    text = g_strjoin ("\n", fact->text, fact->remedy, command, NULL);
  else
    text = g_strdup (fact->remedy);
  if (fact->title && !fact->remedy)
    {
      g_free (text);
      text = g_strdup (fact->text);
    }
  label = g_strdup_printf ("%s: %s", fact->title ? fact->title : fact->text, text ? text : "");
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), fact->title ? fact->title : fact->text);
  if (text)
    row_set_subtitle (ADW_ACTION_ROW (row), text);
  adw_action_row_set_title_lines (ADW_ACTION_ROW (row), 0);
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (row), 0);
  gtk_widget_add_css_class (icon, fact->level == HOST_FACT_ERROR     ? "error"
                                  : fact->level == HOST_FACT_WARNING ? "warning"
                                                                     : "dim-label");
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), icon);
  add_remedy (self, ADW_ACTION_ROW (row), fact);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  adw_preferences_group_add (is_finding ? self->findings_group : self->facts_group, row);
  g_ptr_array_add (self->rows, row);
}

static void
clear_rows (BonsaiHostPage *self)
{
  for (guint i = 0; i < self->rows->len; i++)
    {
      GtkWidget *row = g_ptr_array_index (self->rows, i);
      GtkWidget *group = gtk_widget_get_ancestor (row, ADW_TYPE_PREFERENCES_GROUP);
      adw_preferences_group_remove (ADW_PREFERENCES_GROUP (group), row);
    }
  g_ptr_array_set_size (self->rows, 0);
}

static void
show_facts (BonsaiHostPage *self)
{
  bool found = false;

  for (guint i = 0; i < self->facts->len; i++)
    {
      HostFact *fact = g_ptr_array_index (self->facts, i);
      add_row (self, fact);
      found = found || !fact->title || fact->remedy;
    }
  gtk_widget_set_visible (GTK_WIDGET (self->findings_group), found);
}

/* --- looking --- */

static void
look_in_thread (GTask *task, gpointer source, gpointer folder, GCancellable *cancellable)
{
  g_autoptr (HostReport) report = host_check (NULL);

  host_session_check (report);
  g_task_return_pointer (task, host_facts (report, folder), (GDestroyNotify)g_ptr_array_unref);
}

static void
on_looked (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiHostPage *self = BONSAI_HOST_PAGE (source);
  GPtrArray *facts = g_task_propagate_pointer (G_TASK (result), NULL);

  self->looking = false;
  if (!facts)
    return;
  clear_rows (self);
  g_clear_pointer (&self->facts, g_ptr_array_unref);
  self->facts = facts;
  show_facts (self);
}

static void
look (BonsaiHostPage *self)
{
  if (self->looking)
    return;
  self->looking = true;
  g_autoptr (GTask) task = g_task_new (self, self->cancellable, on_looked, NULL);
  g_task_set_task_data (task, g_strdup (bonsai_library_get_folder (self->library)), g_free);
  g_task_run_in_thread (task, look_in_thread);
}

static void
on_refresh (BonsaiHostPage *self)
{
  look (self);
}

static void
on_copy_all (BonsaiHostPage *self)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; self->facts && i < self->facts->len; i++)
    {
      const HostFact *fact = g_ptr_array_index (self->facts, i);
      g_string_append_printf (text, "%s: %s\n", fact->title ? fact->title : fact->id, fact->text);
      if (fact->remedy)
        g_string_append_printf (text, "  → %s\n", fact->remedy);
    }
  copy (GTK_WIDGET (self), text->str);
}

static void
bonsai_host_page_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_host_page_parent_class)->map (widget);
  look (BONSAI_HOST_PAGE (widget));
}

/* --- the object --- */

static void
bonsai_host_page_dispose (GObject *object)
{
  BonsaiHostPage *self = BONSAI_HOST_PAGE (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_host_page_parent_class)->dispose (object);
}

static void
bonsai_host_page_finalize (GObject *object)
{
  BonsaiHostPage *self = BONSAI_HOST_PAGE (object);

  g_clear_pointer (&self->facts, g_ptr_array_unref);
  g_ptr_array_unref (self->rows);
  g_object_unref (self->cancellable);
  G_OBJECT_CLASS (bonsai_host_page_parent_class)->finalize (object);
}

static void
bonsai_host_page_class_init (BonsaiHostPageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = bonsai_host_page_dispose;
  object_class->finalize = bonsai_host_page_finalize;
  widget_class->map = bonsai_host_page_map;
  g_type_ensure (BONSAI_TYPE_BACK_BUTTON);
  g_type_ensure (BONSAI_TYPE_SPARE_TITLE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "host/host-page.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiHostPage, findings_group);
  gtk_widget_class_bind_template_child (widget_class, BonsaiHostPage, facts_group);
  gtk_widget_class_bind_template_callback (widget_class, on_refresh);
  gtk_widget_class_bind_template_callback (widget_class, on_copy_all);
}

static void
bonsai_host_page_init (BonsaiHostPage *self)
{
  self->rows = g_ptr_array_new ();
  self->cancellable = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
bonsai_host_page_new (BonsaiLibrary *library)
{
  BonsaiHostPage *self = g_object_new (BONSAI_TYPE_HOST_PAGE, NULL);

  self->library = g_object_ref (library);
  return GTK_WIDGET (self);
}
