/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/wizard/source-page.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/wizard/field-note.h"

struct _BonsaiSourcePage {
  BonsaiWizardPage parent;
  GPtrArray *media;     /* of OsMedium: what was found */
  GPtrArray *templates; /* of BonsaiVm */
  GPtrArray *published; /* of PublishedTemplate */
  GCancellable *scan, *look;
  bool hurries; /* Enter was pressed before it was known what the file is */

  AdwPreferencesGroup *media_group;
  AdwActionRow *scan_row;
  GtkSpinner *scan_spinner;
  AdwPreferencesGroup *guests_group;
  AdwPreferencesGroup *templates_group;
  GtkCheckButton *cdrom_check; /* first of the one radio group */
  GtkCheckButton *disk_check;
  GtkCheckButton *kernel_check;
  GtkCheckButton *network_check;
  GtkCheckButton *first_check; /* what is chosen at first */
  AdwPreferencesGroup *file_group;
  AdwEntryRow *path_row;
  AdwEntryRow *initrd_row;
  AdwEntryRow *append_row;
  BonsaiFieldNote *source_note;
};

G_DEFINE_FINAL_TYPE (BonsaiSourcePage, bonsai_source_page, BONSAI_TYPE_WIZARD_PAGE)

#define PAGE(self) BONSAI_WIZARD_PAGE (self)

static VmDraft *
draft_of (BonsaiSourcePage *self)
{
  return bonsai_wizard_page_get_draft (PAGE (self));
}

/* --- what it is --- */

/* (transfer full), or NULL */
static char *
describe_look (BonsaiSourcePage *self)
{
  const VmDraft *draft = draft_of (self);
  const OsMedium *medium = draft->look.medium;

  if (draft->source == VM_SOURCE_DISK)
    return disk_look_text (&draft->look.disk);
  if (draft->source != VM_SOURCE_CDROM)
    return NULL;
  if (medium != NULL && medium->os != NULL)
    return g_strdup (medium->title);
  return os_catalog_describe_gaps (bonsai_wizard_page_get_context (PAGE (self))->catalog);
}

static bool
bonsai_source_page_check (BonsaiWizardPage *page)
{
  BonsaiSourcePage *self = BONSAI_SOURCE_PAGE (page);
  const VmDraft *draft = draft_of (self);
  GtkWidget *field = GTK_WIDGET (self->path_row);
  bool has_path = draft->path != NULL && draft->path[0] != '\0';
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  bool fine = vm_draft_check_source (draft, &error);

  if (fine)
    text = describe_look (self);
  else if (self->look == NULL)
    text = g_strdup (error->message);
  bonsai_field_note_say (self->source_note, field,
                         !fine && has_path && self->look == NULL ? FIELD_NOTE_PROBLEM : FIELD_NOTE_HINT,
                         text);
  return fine;
}

static void
looked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiSourcePage) self = data;
  g_auto (SourceLook) look = { 0 };

  if (!source_look_finish (result, &look))
    return; /* another question has taken its place */
  g_clear_object (&self->look);
  vm_draft_take_look (draft_of (self), &look);
  bonsai_wizard_page_changed (PAGE (self));
  if (self->hurries && vm_draft_check_source (draft_of (self), NULL))
    bonsai_wizard_page_leave (PAGE (self));
  self->hurries = false;
}

static void
stop_looking (BonsaiSourcePage *self)
{
  if (self->look != NULL)
    g_cancellable_cancel (self->look);
  g_clear_object (&self->look);
}

/* The file may lie far away: the answer comes when it comes. */
static void
look_at_path (BonsaiSourcePage *self)
{
  VmDraft *draft = draft_of (self);

  stop_looking (self);
  self->hurries = false;
  self->look = g_cancellable_new ();
  source_look_async (draft->source, draft->path, draft->initrd,
                     bonsai_wizard_page_get_context (PAGE (self))->catalog, self->look, looked,
                     g_object_ref (self));
  bonsai_wizard_page_changed (PAGE (self));
}

static void
read_path (BonsaiSourcePage *self)
{
  VmDraft *draft = draft_of (self);

  vm_draft_set_path (draft, gtk_editable_get_text (GTK_EDITABLE (self->path_row)));
  vm_config_set (&draft->initrd, gtk_editable_get_text (GTK_EDITABLE (self->initrd_row)));
  vm_config_set (&draft->append, gtk_editable_get_text (GTK_EDITABLE (self->append_row)));
  look_at_path (self);
}

static void
on_path_changed (GtkEditable *editable, gpointer data)
{
  if (bonsai_wizard_page_is_live (data))
    read_path (data);
}

static void
on_enter (AdwEntryRow *row, gpointer data)
{
  BonsaiSourcePage *self = data;

  self->hurries = self->look != NULL;
}

static void
on_append_changed (GtkEditable *editable, gpointer data)
{
  BonsaiSourcePage *self = data;

  if (bonsai_wizard_page_is_live (data))
    vm_config_set (&draft_of (self)->append, gtk_editable_get_text (editable));
}

/* --- what is chosen --- */

/* A source that is known as it is: nothing is to be looked at. */
static void
choose_known (BonsaiSourcePage *self, VmSource source, const ReadyGuest *guest)
{
  stop_looking (self);
  vm_draft_set_source (draft_of (self), source, guest);
  gtk_widget_set_visible (GTK_WIDGET (self->file_group), false);
}

static void
choose_file (BonsaiSourcePage *self, VmSource source)
{
  bool is_kernel = source == VM_SOURCE_KERNEL;

  vm_draft_set_source (draft_of (self), source, NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->file_group), true);
  gtk_widget_set_visible (GTK_WIDGET (self->initrd_row), is_kernel);
  gtk_widget_set_visible (GTK_WIDGET (self->append_row), is_kernel);
  gtk_widget_grab_focus (GTK_WIDGET (self->path_row));
  read_path (self);
}

static bool
is_chosen (GtkCheckButton *button, gpointer data)
{
  return gtk_check_button_get_active (button) && bonsai_wizard_page_get_context (data) != NULL;
}

static void
on_cdrom_toggled (GtkCheckButton *button, gpointer data)
{
  if (is_chosen (button, data))
    choose_file (data, VM_SOURCE_CDROM);
}

static void
on_disk_toggled (GtkCheckButton *button, gpointer data)
{
  if (is_chosen (button, data))
    choose_file (data, VM_SOURCE_DISK);
}

static void
on_kernel_toggled (GtkCheckButton *button, gpointer data)
{
  if (is_chosen (button, data))
    choose_file (data, VM_SOURCE_KERNEL);
}

static void
on_network_toggled (GtkCheckButton *button, gpointer data)
{
  if (!is_chosen (button, data))
    return;
  choose_known (data, VM_SOURCE_NETWORK, NULL);
  bonsai_wizard_page_changed (data);
}

static void
on_guest_toggled (GtkCheckButton *button, gpointer data)
{
  if (!is_chosen (button, data))
    return;
  choose_known (data, VM_SOURCE_READY, g_object_get_data (G_OBJECT (button), "guest"));
  bonsai_wizard_page_changed (data);
}

static void
on_template_toggled (GtkCheckButton *button, gpointer data)
{
  BonsaiSourcePage *self = data;

  if (!is_chosen (button, data))
    return;
  choose_known (self, VM_SOURCE_TEMPLATE, NULL);
  vm_draft_set_template (draft_of (self), g_object_get_data (G_OBJECT (button), "template"));
  bonsai_wizard_page_changed (data);
}

static void
on_published_toggled (GtkCheckButton *button, gpointer data)
{
  BonsaiSourcePage *self = data;

  if (!is_chosen (button, data))
    return;
  choose_known (self, VM_SOURCE_TEMPLATE, NULL);
  vm_draft_set_published (draft_of (self), g_object_get_data (G_OBJECT (button), "published"));
  bonsai_wizard_page_changed (data);
}

static void
on_medium_toggled (GtkCheckButton *button, gpointer data)
{
  BonsaiSourcePage *self = data;
  const OsMedium *medium = g_object_get_data (G_OBJECT (button), "medium");
  SourceLook look = { .done = true };

  if (!is_chosen (button, data))
    return;
  choose_known (self, VM_SOURCE_CDROM, NULL);
  vm_draft_set_path (draft_of (self), medium->path);
  look.medium = os_medium_copy (medium);
  vm_draft_take_look (draft_of (self), &look);
  bonsai_wizard_page_changed (data);
}

/* --- choices --- */

static GtkCheckButton *
add_choice (BonsaiSourcePage *self, AdwPreferencesGroup *group, const char *title, const char *subtitle)
{
  GtkWidget *row = adw_action_row_new (), *check = gtk_check_button_new ();
  g_autofree char *markup = g_markup_escape_text (title, -1);

  gtk_widget_set_valign (check, GTK_ALIGN_CENTER);
  gtk_check_button_set_group (GTK_CHECK_BUTTON (check), self->cdrom_check);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), markup);
  row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  adw_action_row_set_subtitle_lines (ADW_ACTION_ROW (row), 4);
  adw_action_row_add_prefix (ADW_ACTION_ROW (row), check);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), check);
  adw_preferences_group_add (group, row);
  gtk_widget_set_visible (GTK_WIDGET (group), true);
  return GTK_CHECK_BUTTON (check);
}

static void
add_guests (BonsaiSourcePage *self)
{
  GPtrArray *guests = bonsai_wizard_page_get_context (PAGE (self))->guests;

  for (guint i = 0; i < guests->len; i++)
    {
      ReadyGuest *guest = g_ptr_array_index (guests, i);
      GtkCheckButton *check;

      if (!guest->installed || !guest->runs_here)
        continue;
      check = add_choice (self, self->guests_group, guest->name, guest->summary);
      g_object_set_data (G_OBJECT (check), "guest", guest);
      g_signal_connect (check, "toggled", G_CALLBACK (on_guest_toggled), self);
      if (self->first_check == NULL)
        self->first_check = check;
    }
}

static void
add_templates (BonsaiSourcePage *self)
{
  self->templates = vm_draft_list_templates (bonsai_wizard_page_get_context (PAGE (self))->library);
  for (guint i = 0; i < self->templates->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (self->templates, i);
      const char *notes = bonsai_vm_get_config (vm)->notes;
      GtkCheckButton *check =
        add_choice (self, self->templates_group, bonsai_vm_get_name (vm),
                    notes != NULL && notes[0] != '\0' ? notes : _ ("A machine like this one"));

      g_object_set_data (G_OBJECT (check), "template", vm);
      g_signal_connect (check, "toggled", G_CALLBACK (on_template_toggled), self);
    }
}

static void
add_published (BonsaiSourcePage *self)
{
  self->published = published_list ();
  for (guint i = 0; i < self->published->len; i++)
    {
      PublishedTemplate *published = g_ptr_array_index (self->published, i);
      g_autofree char *subtitle = g_strdup_printf (_ ("Offered to all users by %s, version %u"),
                                                   published->publisher, published->version);
      GtkCheckButton *check = add_choice (self, self->templates_group, published->name, subtitle);

      g_object_set_data (G_OBJECT (check), "published", published);
      g_signal_connect (check, "toggled", G_CALLBACK (on_published_toggled), self);
    }
}

static void
add_medium (BonsaiSourcePage *self, OsMedium *medium)
{
  g_autofree char *name = g_path_get_basename (medium->path);
  g_autofree char *subtitle =
    express_is_possible (medium) ? g_strdup_printf (_ ("%s; can install itself"), name) : g_strdup (name);
  GtkCheckButton *check = add_choice (self, self->media_group, medium->title, subtitle);

  g_object_set_data (G_OBJECT (check), "medium", medium);
  g_signal_connect (check, "toggled", G_CALLBACK (on_medium_toggled), self);
}

static void
scanned (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiSourcePage) self = data;
  GPtrArray *media = os_catalog_scan_finish (result, NULL);

  if (media == NULL)
    return; /* the wizard is gone */
  self->media = media;
  gtk_spinner_stop (self->scan_spinner);
  gtk_widget_set_visible (GTK_WIDGET (self->scan_row), false);
  for (guint i = 0; i < media->len; i++)
    add_medium (self, g_ptr_array_index (media, i));
  gtk_widget_set_visible (GTK_WIDGET (self->media_group), media->len > 0);
}

static void
bonsai_source_page_set_up (BonsaiWizardPage *page)
{
  BonsaiSourcePage *self = BONSAI_SOURCE_PAGE (page);
  g_auto (GStrv) places = os_catalog_usual_places ();

  self->scan = g_cancellable_new ();
  os_catalog_scan_async (bonsai_wizard_page_get_context (page)->catalog, (const char *const *)places,
                         self->scan, scanned, g_object_ref (self));
  add_guests (self);
  add_templates (self);
  add_published (self);
  if (self->first_check == NULL)
    self->first_check = self->cdrom_check;
  if (gtk_check_button_get_active (self->first_check))
    choose_file (self, VM_SOURCE_CDROM);
  else
    gtk_check_button_set_active (self->first_check, true);
}

static GtkWidget *
bonsai_source_page_get_focus (BonsaiWizardPage *page)
{
  return GTK_WIDGET (BONSAI_SOURCE_PAGE (page)->first_check);
}

/* --- files --- */

static void
on_file_chosen (GtkNativeDialog *dialog, int response, gpointer data)
{
  GtkEditable *row = data;

  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = file != NULL ? g_file_get_path (file) : NULL;

      if (path != NULL)
        gtk_editable_set_text (row, path);
    }
  g_object_unref (dialog);
}

static void
browse (BonsaiSourcePage *self, AdwEntryRow *row)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (
    _ ("Choose a File"), GTK_WINDOW (root), GTK_FILE_CHOOSER_ACTION_OPEN, _ ("_Open"), _ ("_Cancel"));

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_file_chosen), row, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_browse_path (GtkButton *button, gpointer data)
{
  browse (data, BONSAI_SOURCE_PAGE (data)->path_row);
}

static void
on_browse_initrd (GtkButton *button, gpointer data)
{
  browse (data, BONSAI_SOURCE_PAGE (data)->initrd_row);
}

static void
guess_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_int (task, source_guess (data));
}

static void
guessed (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiSourcePage *self = BONSAI_SOURCE_PAGE (source);
  gssize kind = g_task_propagate_int (G_TASK (result), NULL);
  const char *path = g_task_get_task_data (G_TASK (result));

  if (draft_of (self) == NULL)
    return;
  gtk_editable_set_text (GTK_EDITABLE (self->path_row), path);
  gtk_check_button_set_active (kind == VM_SOURCE_DISK ? self->disk_check : self->cdrom_check, true);
  gtk_widget_grab_focus (GTK_WIDGET (self->path_row));
  read_path (self);
}

void
bonsai_source_page_set_file (BonsaiSourcePage *self, const char *path)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, guessed, NULL);

  g_task_set_task_data (task, g_strdup (path), g_free);
  g_task_run_in_thread (task, guess_in_thread);
}

/* --- life --- */

static void
bonsai_source_page_dispose (GObject *object)
{
  BonsaiSourcePage *self = BONSAI_SOURCE_PAGE (object);

  if (self->scan != NULL)
    g_cancellable_cancel (self->scan);
  g_clear_object (&self->scan);
  stop_looking (self);
  G_OBJECT_CLASS (bonsai_source_page_parent_class)->dispose (object);
}

static void
bonsai_source_page_finalize (GObject *object)
{
  BonsaiSourcePage *self = BONSAI_SOURCE_PAGE (object);

  g_clear_pointer (&self->media, g_ptr_array_unref);
  g_clear_pointer (&self->templates, g_ptr_array_unref);
  g_clear_pointer (&self->published, g_ptr_array_unref);
  G_OBJECT_CLASS (bonsai_source_page_parent_class)->finalize (object);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, BonsaiSourcePage, name)

static void
bonsai_source_page_class_init (BonsaiSourcePageClass *klass)
{
  BonsaiWizardPageClass *page_class = BONSAI_WIZARD_PAGE_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_source_page_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_source_page_finalize;
  page_class->set_up = bonsai_source_page_set_up;
  page_class->check = bonsai_source_page_check;
  page_class->get_focus = bonsai_source_page_get_focus;
  g_type_ensure (BONSAI_TYPE_FIELD_NOTE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "wizard/source-page.ui");
  BIND (media_group);
  BIND (scan_row);
  BIND (scan_spinner);
  BIND (guests_group);
  BIND (templates_group);
  BIND (cdrom_check);
  BIND (disk_check);
  BIND (kernel_check);
  BIND (network_check);
  BIND (file_group);
  BIND (path_row);
  BIND (initrd_row);
  BIND (append_row);
  BIND (source_note);
  gtk_widget_class_bind_template_callback (widget_class, on_cdrom_toggled);
  gtk_widget_class_bind_template_callback (widget_class, on_disk_toggled);
  gtk_widget_class_bind_template_callback (widget_class, on_kernel_toggled);
  gtk_widget_class_bind_template_callback (widget_class, on_network_toggled);
  gtk_widget_class_bind_template_callback (widget_class, on_path_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_append_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_enter);
  gtk_widget_class_bind_template_callback (widget_class, on_browse_path);
  gtk_widget_class_bind_template_callback (widget_class, on_browse_initrd);
}

static void
bonsai_source_page_init (BonsaiSourcePage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
