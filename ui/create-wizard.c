/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/create-wizard.h"

#include "app/draft/vm-draft.h"
#include "ui/application.h"
#include "ui/error-dialog.h"

#define MIB (UINT64_C (1) << 20)
#define GIB (UINT64_C (1) << 30)

typedef enum { PAGE_SOURCE, PAGE_DETAILS, PAGE_SUMMARY } WizardPage;

static const char *const page_names[] = { "source", "details", "summary" };
static const char *const page_titles[] = { "What Shall It Run?", "Name and Size", "Summary" };

struct _BonsaiCreateWizard {
  AdwWindow parent;
  BonsaiLibrary *library;
  const HostReport *host;
  GPtrArray *guests;
  VmDraft *draft;
  WizardPage page;
  char *suggested;      /* the name proposed last: replaced only if the user left it */
  int suggested_memory; /* MiB; likewise */

  GtkStack *pages;
  AdwWindowTitle *title;
  GtkButton *back_button;
  GtkButton *next_button;
  AdwPreferencesGroup *guests_group;
  GtkCheckButton *cdrom_check; /* first of the one radio group */
  AdwPreferencesGroup *file_group;
  AdwEntryRow *path_row;
  AdwEntryRow *initrd_row;
  AdwEntryRow *append_row;
  AdwEntryRow *name_row;
  AdwActionRow *memory_row;
  GtkSpinButton *memory_spin;
  AdwActionRow *cpus_row;
  GtkSpinButton *cpus_spin;
  AdwPreferencesGroup *firmware_group;
  AdwActionRow *uefi_row;
  GtkSwitch *uefi_switch;
  AdwPreferencesGroup *disk_group;
  GtkSwitch *disk_switch;
  GtkSpinButton *disk_spin;
  AdwPreferencesGroup *summary_group;
  AdwActionRow *summary_source;
  AdwActionRow *summary_name;
  AdwActionRow *summary_memory;
  AdwActionRow *summary_cpus;
  AdwActionRow *summary_firmware;
  AdwActionRow *summary_disk;
  GtkSwitch *start_switch;
  GtkLabel *problem_label;
};

G_DEFINE_FINAL_TYPE (BonsaiCreateWizard, bonsai_create_wizard, ADW_TYPE_WINDOW)

enum { SIGNAL_CREATED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* --- what is filled in --- */

static void
take (char **member, const char *text)
{
  g_free (*member);
  *member = g_strdup (text);
}

static void
read_fields (BonsaiCreateWizard *self)
{
  VmDraft *draft = self->draft;
  bool has_disk = gtk_switch_get_active (self->disk_switch);

  take (&draft->path, gtk_editable_get_text (GTK_EDITABLE (self->path_row)));
  take (&draft->initrd, gtk_editable_get_text (GTK_EDITABLE (self->initrd_row)));
  take (&draft->append, gtk_editable_get_text (GTK_EDITABLE (self->append_row)));
  take (&draft->name, gtk_editable_get_text (GTK_EDITABLE (self->name_row)));
  draft->memory = gtk_spin_button_get_value_as_int (self->memory_spin) * MIB;
  draft->cpus = gtk_spin_button_get_value_as_int (self->cpus_spin);
  draft->uefi = gtk_switch_get_active (self->uefi_switch);
  draft->disk = has_disk && draft->source != VM_SOURCE_READY && draft->source != VM_SOURCE_DISK
                  ? gtk_spin_button_get_value_as_int (self->disk_spin) * GIB
                  : 0;
}

/* Below the page's fields; NULL: nothing to say. */
static void
say (BonsaiCreateWizard *self, const char *text, bool is_mistake)
{
  GtkWidget *label = GTK_WIDGET (self->problem_label);

  gtk_label_set_text (self->problem_label, text ? text : "");
  gtk_widget_set_visible (label, text != NULL);
  gtk_widget_remove_css_class (label, is_mistake ? "dim-label" : "error");
  gtk_widget_add_css_class (label, is_mistake ? "error" : "dim-label");
}

/* What is yet to be filled in is no mistake. */
static void
say_problem (BonsaiCreateWizard *self, const char *problem)
{
  const char *entered = self->page == PAGE_SOURCE ? self->draft->path : self->draft->name;

  say (self, problem, *entered != '\0');
}

static void
say_what_it_is (BonsaiCreateWizard *self)
{
  const VmDraft *draft = self->draft;
  bool is_disk = self->page == PAGE_SOURCE && draft->source == VM_SOURCE_DISK;
  g_autofree char *look = is_disk ? disk_look_text (&draft->look) : NULL;

  say (self, look, false);
}

/* Says at once what is missing on this page, and lets go on only without a problem. */
static void
check_page (BonsaiCreateWizard *self)
{
  g_autoptr (GError) error = NULL;
  bool fine;

  if (!self->draft) /* the template is still being filled */
    return;
  read_fields (self);
  fine = self->page == PAGE_SOURCE ? vm_draft_check_source (self->draft, &error)
                                   : vm_draft_check (self->draft, self->host, &error);
  gtk_widget_set_sensitive (GTK_WIDGET (self->next_button), fine);
  if (fine)
    say_what_it_is (self);
  else
    say_problem (self, error->message);
}

static void
suggest_name (BonsaiCreateWizard *self)
{
  const char *present = gtk_editable_get_text (GTK_EDITABLE (self->name_row));
  g_autofree char *base = NULL;

  if (*present != '\0' && g_strcmp0 (present, self->suggested) != 0)
    return;
  base = vm_draft_suggest_name (self->draft);
  g_free (self->suggested);
  self->suggested = bonsai_library_unused_name (self->library, *base ? base : "Machine");
  gtk_editable_set_text (GTK_EDITABLE (self->name_row), self->suggested);
}

static void
suggest_memory (BonsaiCreateWizard *self)
{
  const ReadyGuest *guest = self->draft->guest;
  uint64_t memory = guest ? guest->memory : vm_limits_for_host (self->host).memory_default;

  if (gtk_spin_button_get_value_as_int (self->memory_spin) != self->suggested_memory)
    return;
  self->suggested_memory = (int)(memory / MIB);
  gtk_spin_button_set_value (self->memory_spin, self->suggested_memory);
}

static char *
describe_disk (const VmDraft *draft)
{
  g_autofree char *look = disk_look_text (&draft->look);

  return g_strdup_printf ("Disk image %s (%s)", draft->path, look);
}

static char *
describe_source (const VmDraft *draft)
{
  switch (draft->source)
    {
    case VM_SOURCE_READY:
      return g_strdup (draft->guest->summary);
    case VM_SOURCE_CDROM:
      return g_strdup_printf ("Installation medium %s", draft->path);
    case VM_SOURCE_DISK:
      return describe_disk (draft);
    case VM_SOURCE_KERNEL:
      return g_strdup_printf ("Kernel %s", draft->path);
    }
  return g_strdup ("");
}

/* Subtitles are Pango markup. */
static void
set_subtitle (AdwActionRow *row, const char *text)
{
  g_autofree char *markup = g_markup_escape_text (text, -1);

  adw_action_row_set_subtitle (row, markup);
}

static void
fill_summary (BonsaiCreateWizard *self)
{
  const VmDraft *draft = self->draft;
  g_autofree char *source = describe_source (draft);
  g_autofree char *memory = g_format_size_full (draft->memory, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *cpus = g_strdup_printf (draft->cpus == 1 ? "%u processor" : "%u processors", draft->cpus);
  g_autofree char *disk =
    draft->disk ? g_format_size_full (draft->disk, G_FORMAT_SIZE_IEC_UNITS) : g_strdup ("None");

  set_subtitle (self->summary_source, source);
  set_subtitle (self->summary_name, draft->name);
  set_subtitle (self->summary_memory, memory);
  set_subtitle (self->summary_cpus, cpus);
  set_subtitle (self->summary_firmware, draft->uefi ? "UEFI" : "BIOS");
  gtk_widget_set_visible (GTK_WIDGET (self->summary_firmware), vm_draft_has_firmware (draft));
  set_subtitle (self->summary_disk, disk);
}

/* --- pages --- */

static void
show_page (BonsaiCreateWizard *self, WizardPage page)
{
  bool forward = page > self->page;

  self->page = page;
  read_fields (self);
  if (page == PAGE_DETAILS && forward)
    suggest_name (self);
  gtk_widget_set_visible (GTK_WIDGET (self->disk_group),
                          self->draft->source == VM_SOURCE_CDROM || self->draft->source == VM_SOURCE_KERNEL);
  gtk_widget_set_visible (GTK_WIDGET (self->firmware_group), vm_draft_has_firmware (self->draft));
  set_subtitle (self->uefi_row,
                self->draft->source == VM_SOURCE_DISK
                  ? "The system on the disk starts only with the kind it was installed with"
                  : "Instead of a BIOS; an installed system needs the kind it was installed with");
  if (page == PAGE_SUMMARY)
    fill_summary (self);
  gtk_stack_set_visible_child_name (self->pages, page_names[page]);
  adw_window_title_set_subtitle (self->title, page_titles[page]);
  gtk_widget_set_visible (GTK_WIDGET (self->back_button), page != PAGE_SOURCE);
  gtk_button_set_label (self->next_button, page == PAGE_SUMMARY ? "_Create" : "_Next");
  check_page (self);
  if (page == PAGE_DETAILS)
    gtk_widget_grab_focus (GTK_WIDGET (self->name_row));
  else if (page == PAGE_SUMMARY)
    gtk_widget_grab_focus (GTK_WIDGET (self->next_button));
}

static void
choose_source (BonsaiCreateWizard *self, VmSource source, const ReadyGuest *guest)
{
  bool file = source != VM_SOURCE_READY;

  if (!self->draft)
    return;
  self->draft->source = source;
  self->draft->guest = guest;
  suggest_memory (self);
  gtk_widget_set_visible (GTK_WIDGET (self->file_group), file);
  gtk_widget_set_visible (GTK_WIDGET (self->initrd_row), source == VM_SOURCE_KERNEL);
  gtk_widget_set_visible (GTK_WIDGET (self->append_row), source == VM_SOURCE_KERNEL);
  gtk_switch_set_active (self->disk_switch, source == VM_SOURCE_CDROM);
  if (file)
    gtk_widget_grab_focus (GTK_WIDGET (self->path_row));
  check_page (self);
}

static void
on_guest_toggled (GtkCheckButton *button, gpointer data)
{
  BonsaiCreateWizard *self = data;

  if (gtk_check_button_get_active (button))
    choose_source (self, VM_SOURCE_READY, g_object_get_data (G_OBJECT (button), "guest"));
}

static void
on_cdrom_toggled (GtkCheckButton *button, gpointer data)
{
  if (gtk_check_button_get_active (button))
    choose_source (data, VM_SOURCE_CDROM, NULL);
}

static void
on_disk_toggled (GtkCheckButton *button, gpointer data)
{
  if (gtk_check_button_get_active (button))
    choose_source (data, VM_SOURCE_DISK, NULL);
}

static void
on_kernel_toggled (GtkCheckButton *button, gpointer data)
{
  if (gtk_check_button_get_active (button))
    choose_source (data, VM_SOURCE_KERNEL, NULL);
}

static void
on_changed (GtkWidget *widget, gpointer data)
{
  check_page (data);
}

static void
on_disk_switched (GObject *object, GParamSpec *pspec, gpointer data)
{
  BonsaiCreateWizard *self = data;

  gtk_widget_set_sensitive (GTK_WIDGET (self->disk_spin), gtk_switch_get_active (self->disk_switch));
  check_page (self);
}

static void
on_uefi_switched (GObject *object, GParamSpec *pspec, gpointer data)
{
  check_page (data);
}

/* --- browse for a file --- */

static void
on_file_chosen (GtkNativeDialog *dialog, int response, gpointer data)
{
  BonsaiCreateWizard *self = g_object_get_data (G_OBJECT (dialog), "wizard");
  GtkEditable *row = data;

  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));
      g_autofree char *path = file ? g_file_get_path (file) : NULL;

      if (path)
        gtk_editable_set_text (row, path);
    }
  check_page (self);
  g_object_unref (dialog);
}

static void
browse (BonsaiCreateWizard *self, AdwEntryRow *row)
{
  GtkFileChooserNative *dialog = gtk_file_chooser_native_new (
    "Choose a File", GTK_WINDOW (self), GTK_FILE_CHOOSER_ACTION_OPEN, "_Open", "_Cancel");

  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  g_object_set_data (G_OBJECT (dialog), "wizard", self);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_file_chosen), row, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static void
on_browse_path (GtkButton *button, gpointer data)
{
  BonsaiCreateWizard *self = data;

  browse (self, self->path_row);
}

static void
on_browse_initrd (GtkButton *button, gpointer data)
{
  BonsaiCreateWizard *self = data;

  browse (self, self->initrd_row);
}

/* --- back, next, create --- */

static void
create (BonsaiCreateWizard *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VmConfig) config = vm_draft_to_config (self->draft, &error);
  BonsaiVm *vm = config ? bonsai_library_create (self->library, config, &error) : NULL;

  if (!vm)
    {
      error_dialog_show (GTK_WINDOW (self), "Can’t Create the Machine", error);
      return;
    }
  g_signal_emit (self, signals[SIGNAL_CREATED], 0, vm, gtk_switch_get_active (self->start_switch));
  gtk_window_destroy (GTK_WINDOW (self));
}

static void
on_next (GtkButton *button, gpointer data)
{
  BonsaiCreateWizard *self = data;

  if (self->page == PAGE_SUMMARY)
    create (self);
  else
    show_page (self, self->page + 1);
}

static void
on_back (GtkButton *button, gpointer data)
{
  BonsaiCreateWizard *self = data;

  show_page (self, self->page - 1);
}

static void
on_cancel (GtkButton *button, gpointer data)
{
  gtk_window_close (GTK_WINDOW (data));
}

/* --- life --- */

static void
add_guests (BonsaiCreateWizard *self)
{
  GtkCheckButton *first = NULL;

  for (guint i = 0; i < self->guests->len; i++)
    {
      ReadyGuest *guest = g_ptr_array_index (self->guests, i);
      GtkWidget *row, *check;

      if (!guest->installed || !guest->runs_here)
        continue;
      row = adw_action_row_new ();
      check = gtk_check_button_new ();
      gtk_widget_set_valign (check, GTK_ALIGN_CENTER);
      g_object_set_data (G_OBJECT (check), "guest", guest);
      gtk_check_button_set_group (GTK_CHECK_BUTTON (check), self->cdrom_check);
      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), guest->name);
      set_subtitle (ADW_ACTION_ROW (row), guest->summary);
      adw_action_row_add_prefix (ADW_ACTION_ROW (row), check);
      adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), check);
      adw_preferences_group_add (self->guests_group, row);
      g_signal_connect (check, "toggled", G_CALLBACK (on_guest_toggled), self);
      if (!first)
        first = GTK_CHECK_BUTTON (check);
    }
  gtk_widget_set_visible (GTK_WIDGET (self->guests_group), first != NULL);
  gtk_check_button_set_active (first ? first : self->cdrom_check, TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (first ? first : self->cdrom_check));
}

static void
set_limits (BonsaiCreateWizard *self)
{
  VmLimits limits = vm_limits_for_host (self->host);
  g_autofree char *memory = g_format_size_full (limits.memory_max, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *memory_text = g_strdup_printf ("MiB; this computer can give %s", memory);
  g_autofree char *cpus_text = g_strdup_printf ("This computer has %u", self->host->n_cpus);

  gtk_spin_button_set_range (self->memory_spin, limits.memory_min / MIB, limits.memory_max / MIB);
  self->suggested_memory = (int)(limits.memory_default / MIB);
  gtk_spin_button_set_value (self->memory_spin, self->suggested_memory);
  gtk_spin_button_set_range (self->cpus_spin, 1, limits.cpus_max);
  gtk_spin_button_set_value (self->cpus_spin, limits.cpus_default);
  gtk_spin_button_set_value (self->disk_spin, limits.disk_default / GIB);
  set_subtitle (self->memory_row, memory_text);
  set_subtitle (self->cpus_row, cpus_text);
}

static void
bonsai_create_wizard_dispose (GObject *object)
{
  BonsaiCreateWizard *self = BONSAI_CREATE_WIZARD (object);

  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_create_wizard_parent_class)->dispose (object);
}

static void
bonsai_create_wizard_finalize (GObject *object)
{
  BonsaiCreateWizard *self = BONSAI_CREATE_WIZARD (object);

  g_clear_pointer (&self->draft, vm_draft_free);
  g_clear_pointer (&self->guests, g_ptr_array_unref);
  g_free (self->suggested);
  G_OBJECT_CLASS (bonsai_create_wizard_parent_class)->finalize (object);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, BonsaiCreateWizard, name)

static void
bind_children (GtkWidgetClass *widget_class)
{
  BIND (pages);
  BIND (title);
  BIND (back_button);
  BIND (next_button);
  BIND (guests_group);
  BIND (cdrom_check);
  BIND (file_group);
  BIND (path_row);
  BIND (initrd_row);
  BIND (append_row);
  BIND (name_row);
  BIND (memory_row);
  BIND (memory_spin);
  BIND (cpus_row);
  BIND (cpus_spin);
  BIND (firmware_group);
  BIND (uefi_row);
  BIND (uefi_switch);
  BIND (disk_group);
  BIND (disk_switch);
  BIND (disk_spin);
  BIND (summary_group);
  BIND (summary_source);
  BIND (summary_name);
  BIND (summary_memory);
  BIND (summary_cpus);
  BIND (summary_firmware);
  BIND (summary_disk);
  BIND (start_switch);
  BIND (problem_label);
}

static void
bonsai_create_wizard_class_init (BonsaiCreateWizardClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_create_wizard_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_create_wizard_finalize;
  signals[SIGNAL_CREATED] = g_signal_new ("created", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                          NULL, NULL, G_TYPE_NONE, 2, BONSAI_TYPE_VM, G_TYPE_BOOLEAN);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "create-wizard.ui");
  bind_children (widget_class);
  gtk_widget_class_bind_template_callback (widget_class, on_back);
  gtk_widget_class_bind_template_callback (widget_class, on_next);
  gtk_widget_class_bind_template_callback (widget_class, on_cancel);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_uefi_switched);
  gtk_widget_class_bind_template_callback (widget_class, on_disk_switched);
  gtk_widget_class_bind_template_callback (widget_class, on_cdrom_toggled);
  gtk_widget_class_bind_template_callback (widget_class, on_disk_toggled);
  gtk_widget_class_bind_template_callback (widget_class, on_kernel_toggled);
  gtk_widget_class_bind_template_callback (widget_class, on_browse_path);
  gtk_widget_class_bind_template_callback (widget_class, on_browse_initrd);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
bonsai_create_wizard_init (BonsaiCreateWizard *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

BonsaiCreateWizard *
bonsai_create_wizard_new (GtkWindow *parent, BonsaiLibrary *library, const HostReport *host)
{
  BonsaiCreateWizard *self = g_object_new (BONSAI_TYPE_CREATE_WIZARD, "transient-for", parent, NULL);

  self->library = g_object_ref (library);
  self->host = host;
  self->guests = ready_guests_list (host);
  self->draft = vm_draft_new (host);
  set_limits (self);
  add_guests (self);
  show_page (self, PAGE_SOURCE);
  return self;
}
