/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/wizard/details-page.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/wizard/choice-row.h"
#include "ui/wizard/field-note.h"

#define MIB     (UINT64_C (1) << 20)
#define GIB     (UINT64_C (1) << 30)
#define UNKNOWN ""

struct _BonsaiDetailsPage {
  BonsaiWizardPage parent;
  char *suggested; /* the name proposed last: replaced only if its user left it */
  char *shown;     /* the source for which the rest was proposed */

  AdwEntryRow *name_row;
  BonsaiFieldNote *name_note;
  BonsaiChoiceRow *os_row;
  AdwActionRow *linked_row;
  GtkSwitch *linked_switch;
  AdwPreferencesGroup *express_group;
  GtkSwitch *express_switch;
  AdwPreferencesGroup *size_group;
  AdwActionRow *memory_row;
  GtkSpinButton *memory_spin;
  BonsaiFieldNote *memory_note;
  AdwActionRow *cpus_row;
  GtkSpinButton *cpus_spin;
  BonsaiFieldNote *cpus_note;
  AdwPreferencesGroup *disk_group;
  GtkSwitch *disk_switch;
  AdwActionRow *disk_row;
  GtkSpinButton *disk_spin;
  BonsaiFieldNote *disk_note;
  AdwPreferencesGroup *firmware_group;
  AdwActionRow *uefi_row;
  GtkSwitch *uefi_switch;
  BonsaiFieldNote *uefi_note;
  GtkButton *now_button;
};

G_DEFINE_FINAL_TYPE (BonsaiDetailsPage, bonsai_details_page, BONSAI_TYPE_WIZARD_PAGE)

#define PAGE(self) BONSAI_WIZARD_PAGE (self)

/* --- what is proposed --- */

static void
suggest_name (BonsaiDetailsPage *self, VmDraft *draft)
{
  BonsaiLibrary *library = bonsai_wizard_page_get_context (PAGE (self))->library;
  g_autofree char *base = NULL;

  if (draft->name != NULL && draft->name[0] != '\0' && g_strcmp0 (draft->name, self->suggested) != 0)
    return;
  base = vm_draft_suggest_name (draft);
  g_free (self->suggested);
  self->suggested = bonsai_library_unused_name (library, *base != '\0' ? base : _ ("Machine"));
  vm_config_set (&draft->name, self->suggested);
}

/* What its user chose for a source stays when the page is seen again. */
static void
recommend (BonsaiDetailsPage *self, VmDraft *draft)
{
  const char *what = draft->source == VM_SOURCE_READY      ? draft->guest->id
                     : draft->source == VM_SOURCE_TEMPLATE ? draft->template_path
                                                           : draft->path;
  g_autofree char *source = g_strdup_printf ("%d %s %s", draft->source, what != NULL ? what : "",
                                             draft->os != NULL ? draft->os->id : "");

  if (g_strcmp0 (source, self->shown) == 0)
    return;
  g_free (self->shown);
  self->shown = g_steal_pointer (&source);
  vm_draft_recommend (draft, bonsai_wizard_page_get_context (PAGE (self))->host);
}

/* --- the systems to choose from --- */

static void
list_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, os_catalog_list (data), (GDestroyNotify)g_ptr_array_unref);
}

static void
free_choice (gpointer data)
{
  LocaleChoice *choice = data;

  g_free (choice->id);
  g_free (choice->name);
  g_free (choice);
}

static void
add_choice (GPtrArray *choices, const char *id, const char *name)
{
  LocaleChoice *choice = g_new (LocaleChoice, 1);

  *choice = (LocaleChoice){ g_strdup (id), g_strdup (name) };
  g_ptr_array_add (choices, choice);
}

static void
listed (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiDetailsPage *self = BONSAI_DETAILS_PAGE (source);
  g_autoptr (GPtrArray) systems = g_task_propagate_pointer (G_TASK (result), NULL);
  GPtrArray *choices = g_ptr_array_new_with_free_func (free_choice);
  const char *chosen = bonsai_choice_row_get_id (self->os_row);
  g_autofree char *id = g_strdup (chosen != NULL ? chosen : UNKNOWN);

  add_choice (choices, UNKNOWN, _ ("Unknown"));
  for (unsigned i = 0; i < systems->len; i++)
    {
      const OsProfile *os = g_ptr_array_index (systems, i);

      add_choice (choices, os->id, os->name);
    }
  bonsai_choice_row_set_choices (self->os_row, choices);
  bonsai_choice_row_set_id (self->os_row, id);
}

static void
list_systems (BonsaiDetailsPage *self)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, listed, NULL);

  g_task_set_task_data (task, os_catalog_ref (bonsai_wizard_page_get_context (PAGE (self))->catalog),
                        (GDestroyNotify)os_catalog_unref);
  g_task_run_in_thread (task, list_in_thread);
}

/* --- showing --- */

static void
show_groups (BonsaiDetailsPage *self, const VmDraft *draft)
{
  bool is_template = draft->source == VM_SOURCE_TEMPLATE;

  gtk_widget_set_visible (GTK_WIDGET (self->os_row), !is_template && draft->source != VM_SOURCE_READY);
  gtk_widget_set_visible (GTK_WIDGET (self->linked_row), is_template && draft->published == NULL);
  gtk_widget_set_visible (GTK_WIDGET (self->express_group), vm_draft_can_express (draft));
  gtk_widget_set_visible (GTK_WIDGET (self->size_group), vm_draft_has_hardware (draft));
  gtk_widget_set_visible (GTK_WIDGET (self->disk_group), vm_draft_can_have_disk (draft));
  gtk_widget_set_visible (GTK_WIDGET (self->disk_row), draft->disk > 0);
  gtk_widget_set_visible (GTK_WIDGET (self->firmware_group), vm_draft_has_firmware (draft));
  gtk_widget_set_sensitive (GTK_WIDGET (self->uefi_row), vm_draft_can_choose_firmware (draft));
  row_set_subtitle (self->uefi_row,
                    !vm_draft_can_choose_firmware (draft)
                      ? _ ("A system that installs itself starts with a BIOS")
                    : draft->source == VM_SOURCE_DISK
                      ? _ ("The system on the disk starts only with the kind it was installed with")
                      : _ ("Instead of a BIOS; an installed system needs the kind it was installed with"));
}

static void
show_values (BonsaiDetailsPage *self, const VmDraft *draft)
{
  gtk_editable_set_text (GTK_EDITABLE (self->name_row), draft->name);
  if (draft->os != NULL)
    {
      bonsai_choice_row_set_id (self->os_row, draft->os->id);
    }
  else
    bonsai_choice_row_set_id (self->os_row, UNKNOWN);
  gtk_switch_set_active (self->linked_switch, draft->linked);
  gtk_switch_set_active (self->express_switch, draft->express);
  gtk_spin_button_set_value (self->memory_spin, (double)(draft->memory / MIB));
  gtk_spin_button_set_value (self->cpus_spin, draft->cpus);
  gtk_switch_set_active (self->disk_switch, draft->disk > 0);
  if (draft->disk > 0)
    gtk_spin_button_set_value (self->disk_spin, (double)(draft->disk / GIB));
  gtk_switch_set_active (self->uefi_switch, draft->uefi);
}

static void
bonsai_details_page_load (BonsaiWizardPage *page)
{
  BonsaiDetailsPage *self = BONSAI_DETAILS_PAGE (page);
  VmDraft *draft = bonsai_wizard_page_get_draft (page);

  suggest_name (self, draft);
  recommend (self, draft);
  show_values (self, draft);
  show_groups (self, draft);
}

/* --- changing --- */

static void
read_values (BonsaiDetailsPage *self, VmDraft *draft)
{
  bool has_disk = gtk_switch_get_active (self->disk_switch);

  vm_config_set (&draft->name, gtk_editable_get_text (GTK_EDITABLE (self->name_row)));
  draft->linked = gtk_switch_get_active (self->linked_switch);
  draft->express = gtk_switch_get_active (self->express_switch);
  draft->memory = (uint64_t)gtk_spin_button_get_value_as_int (self->memory_spin) * MIB;
  draft->cpus = (unsigned)gtk_spin_button_get_value_as_int (self->cpus_spin);
  draft->disk = has_disk ? (uint64_t)gtk_spin_button_get_value_as_int (self->disk_spin) * GIB : 0;
  draft->uefi = gtk_switch_get_active (self->uefi_switch);
}

static void
change (BonsaiDetailsPage *self)
{
  VmDraft *draft;

  if (!bonsai_wizard_page_is_live (PAGE (self)))
    return;
  draft = bonsai_wizard_page_get_draft (PAGE (self));
  read_values (self, draft);
  show_groups (self, draft);
  bonsai_wizard_page_changed (PAGE (self));
}

/* Of an entry, a spin button, and a switch's property alike. */
static void
on_changed (BonsaiDetailsPage *self)
{
  change (self);
}

/* Another system: what is recommended for that. */
static void
on_os_changed (BonsaiChoiceRow *row, gpointer data)
{
  BonsaiDetailsPage *self = data;
  WizardContext *context = bonsai_wizard_page_get_context (PAGE (self));
  const char *id = bonsai_choice_row_get_id (row);
  g_autoptr (OsProfile) os = *id != '\0' ? os_catalog_find (context->catalog, id, NULL) : NULL;

  vm_draft_set_os (context->draft, os);
  bonsai_wizard_page_load (PAGE (self));
  bonsai_wizard_page_changed (PAGE (self));
}

static bool
judge (BonsaiDetailsPage *self, VmDraftField field, BonsaiFieldNote *note, gpointer row)
{
  const WizardContext *context = bonsai_wizard_page_get_context (PAGE (self));

  return bonsai_field_note_judge (
    note, row, vm_draft_find_problem (context->draft, context->host, context->library, field),
    vm_draft_find_advice (context->draft, context->host, field));
}

static bool
bonsai_details_page_check (BonsaiWizardPage *page)
{
  BonsaiDetailsPage *self = BONSAI_DETAILS_PAGE (page);
  bool fine = judge (self, VM_DRAFT_NAME, self->name_note, self->name_row);

  fine = judge (self, VM_DRAFT_MEMORY, self->memory_note, self->memory_row) && fine;
  fine = judge (self, VM_DRAFT_CPUS, self->cpus_note, self->cpus_row) && fine;
  fine = judge (self, VM_DRAFT_DISK, self->disk_note, self->disk_row) && fine;
  fine = judge (self, VM_DRAFT_FIRMWARE, self->uefi_note, self->uefi_row) && fine;
  gtk_widget_set_sensitive (GTK_WIDGET (self->now_button), fine);
  gtk_widget_set_visible (GTK_WIDGET (self->now_button),
                          !vm_draft_is_express (bonsai_wizard_page_get_draft (page)));
  return fine;
}

static void
on_now (GtkButton *button, gpointer data)
{
  bonsai_wizard_page_leave (data);
}

/* --- life --- */

static void
set_limits (BonsaiDetailsPage *self, const HostReport *host)
{
  VmLimits limits = vm_limits_for_host (host);
  g_autofree char *memory = g_format_size_full (limits.memory_max, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *memory_text = g_strdup_printf (_ ("MiB; this computer can give %s"), memory);
  g_autofree char *cpus_text = g_strdup_printf (_ ("This computer has %u"), host->n_cpus);

  gtk_spin_button_set_range (self->memory_spin, (double)(limits.memory_min / MIB),
                             (double)(limits.memory_max / MIB));
  gtk_spin_button_set_range (self->cpus_spin, 1, limits.cpus_max);
  gtk_spin_button_set_value (self->disk_spin, (double)(limits.disk_default / GIB));
  row_set_subtitle (self->memory_row, memory_text);
  row_set_subtitle (self->cpus_row, cpus_text);
}

static void
bonsai_details_page_set_up (BonsaiWizardPage *page)
{
  BonsaiDetailsPage *self = BONSAI_DETAILS_PAGE (page);
  static const char *const unknown[][2] = { { UNKNOWN, N_ ("Unknown") } };

  set_limits (self, bonsai_wizard_page_get_context (page)->host);
  bonsai_choice_row_set_pairs (self->os_row, unknown, 1);
  list_systems (self);
}

static GtkWidget *
bonsai_details_page_get_focus (BonsaiWizardPage *page)
{
  return GTK_WIDGET (BONSAI_DETAILS_PAGE (page)->name_row);
}

static void
bonsai_details_page_finalize (GObject *object)
{
  BonsaiDetailsPage *self = BONSAI_DETAILS_PAGE (object);

  g_free (self->suggested);
  g_free (self->shown);
  G_OBJECT_CLASS (bonsai_details_page_parent_class)->finalize (object);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, BonsaiDetailsPage, name)

static void
bind_children (GtkWidgetClass *widget_class)
{
  BIND (name_row);
  BIND (name_note);
  BIND (os_row);
  BIND (linked_row);
  BIND (linked_switch);
  BIND (express_group);
  BIND (express_switch);
  BIND (size_group);
  BIND (memory_row);
  BIND (memory_spin);
  BIND (memory_note);
  BIND (cpus_row);
  BIND (cpus_spin);
  BIND (cpus_note);
  BIND (disk_group);
  BIND (disk_switch);
  BIND (disk_row);
  BIND (disk_spin);
  BIND (disk_note);
  BIND (firmware_group);
  BIND (uefi_row);
  BIND (uefi_switch);
  BIND (uefi_note);
  BIND (now_button);
}

static void
bonsai_details_page_class_init (BonsaiDetailsPageClass *klass)
{
  BonsaiWizardPageClass *page_class = BONSAI_WIZARD_PAGE_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = bonsai_details_page_finalize;
  page_class->set_up = bonsai_details_page_set_up;
  page_class->load = bonsai_details_page_load;
  page_class->check = bonsai_details_page_check;
  page_class->get_focus = bonsai_details_page_get_focus;
  g_type_ensure (BONSAI_TYPE_CHOICE_ROW);
  g_type_ensure (BONSAI_TYPE_FIELD_NOTE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "wizard/details-page.ui");
  bind_children (widget_class);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_os_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_now);
}

static void
bonsai_details_page_init (BonsaiDetailsPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  row_ignore_wheel (GTK_WIDGET (self->memory_spin));
  row_ignore_wheel (GTK_WIDGET (self->cpus_spin));
  row_ignore_wheel (GTK_WIDGET (self->disk_spin));
}
