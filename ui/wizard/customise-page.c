/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/wizard/customise-page.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/wizard/choice-row.h"

struct _BonsaiCustomisePage {
  BonsaiWizardPage parent;
  BonsaiChoiceRow *bus_row;
  BonsaiChoiceRow *graphics_row;
  GtkSwitch *usb_switch;
  GtkSwitch *sound_switch;
  GtkSwitch *network_switch;
  BonsaiChoiceRow *nic_row;
};

G_DEFINE_FINAL_TYPE (BonsaiCustomisePage, bonsai_customise_page, BONSAI_TYPE_WIZARD_PAGE)

#define PAGE(self) BONSAI_WIZARD_PAGE (self)

static int
number_of (const char *const *names, const char *id)
{
  for (int i = 0; names[i] != NULL; i++)
    if (g_strcmp0 (names[i], id) == 0)
      return i;
  return 0;
}

static void
bonsai_customise_page_load (BonsaiWizardPage *page)
{
  BonsaiCustomisePage *self = BONSAI_CUSTOMISE_PAGE (page);
  const VmDraft *draft = bonsai_wizard_page_get_draft (page);

  bonsai_choice_row_set_id (self->bus_row, disk_bus_names[draft->bus]);
  bonsai_choice_row_set_id (self->graphics_row, graphics_names[draft->graphics]);
  bonsai_choice_row_set_id (self->nic_row, nic_model_names[draft->nic]);
  gtk_switch_set_active (self->usb_switch, draft->usb);
  gtk_switch_set_active (self->sound_switch, draft->sound);
  gtk_switch_set_active (self->network_switch, draft->network);
}

static void
change (BonsaiCustomisePage *self)
{
  VmDraft *draft;

  if (!bonsai_wizard_page_is_live (PAGE (self)))
    return;
  draft = bonsai_wizard_page_get_draft (PAGE (self));
  draft->bus = number_of (disk_bus_names, bonsai_choice_row_get_id (self->bus_row));
  draft->graphics = number_of (graphics_names, bonsai_choice_row_get_id (self->graphics_row));
  draft->nic = number_of (nic_model_names, bonsai_choice_row_get_id (self->nic_row));
  draft->usb = gtk_switch_get_active (self->usb_switch);
  draft->sound = gtk_switch_get_active (self->sound_switch);
  draft->network = gtk_switch_get_active (self->network_switch);
  bonsai_wizard_page_changed (PAGE (self));
}

static void
on_choice (BonsaiChoiceRow *row, gpointer data)
{
  change (data);
}

static void
on_switch (GObject *object, GParamSpec *pspec, gpointer data)
{
  change (data);
}

static void
set_pairs (BonsaiChoiceRow *row, const char *const *names, const char *const *labels)
{
  const char *pairs[8][2];
  unsigned n = 0;

  for (; names[n] != NULL && n < G_N_ELEMENTS (pairs); n++)
    {
      pairs[n][0] = names[n];
      pairs[n][1] = _ (labels[n]);
    }
  bonsai_choice_row_set_pairs (row, (const char *const(*)[2])pairs, n);
}

static void
bonsai_customise_page_set_up (BonsaiWizardPage *page)
{
  static const char *const buses[] = { N_ ("Virtio"), N_ ("SATA"), N_ ("SCSI"), N_ ("NVMe"), N_ ("USB") };
  static const char *const graphics[] = { N_ ("VGA"), N_ ("Virtio") };
  static const char *const cards[] = { N_ ("Virtio"), N_ ("Intel 82574L") };
  BonsaiCustomisePage *self = BONSAI_CUSTOMISE_PAGE (page);

  set_pairs (self->bus_row, disk_bus_names, buses);
  set_pairs (self->graphics_row, graphics_names, graphics);
  set_pairs (self->nic_row, nic_model_names, cards);
}

static GtkWidget *
bonsai_customise_page_get_focus (BonsaiWizardPage *page)
{
  return GTK_WIDGET (BONSAI_CUSTOMISE_PAGE (page)->bus_row);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, BonsaiCustomisePage, name)

static void
bonsai_customise_page_class_init (BonsaiCustomisePageClass *klass)
{
  BonsaiWizardPageClass *page_class = BONSAI_WIZARD_PAGE_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  page_class->set_up = bonsai_customise_page_set_up;
  page_class->load = bonsai_customise_page_load;
  page_class->get_focus = bonsai_customise_page_get_focus;
  g_type_ensure (BONSAI_TYPE_CHOICE_ROW);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "wizard/customise-page.ui");
  BIND (bus_row);
  BIND (graphics_row);
  BIND (usb_switch);
  BIND (sound_switch);
  BIND (network_switch);
  BIND (nic_row);
  gtk_widget_class_bind_template_callback (widget_class, on_choice);
  gtk_widget_class_bind_template_callback (widget_class, on_switch);
}

static void
bonsai_customise_page_init (BonsaiCustomisePage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
