/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/wizard/summary-page.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/wizard/field-note.h"

struct _BonsaiSummaryPage {
  BonsaiWizardPage parent;
  AdwActionRow *name_row;
  AdwActionRow *source_row;
  AdwActionRow *os_row;
  AdwActionRow *express_row;
  AdwActionRow *memory_row;
  AdwActionRow *cpus_row;
  AdwActionRow *firmware_row;
  AdwActionRow *disk_row;
  AdwActionRow *devices_row;
  GtkSwitch *start_switch;
  BonsaiFieldNote *problem_note;
};

G_DEFINE_FINAL_TYPE (BonsaiSummaryPage, bonsai_summary_page, BONSAI_TYPE_WIZARD_PAGE)

static char *
describe_source (const VmDraft *draft)
{
  g_autofree char *look = NULL;

  switch (draft->source)
    {
    case VM_SOURCE_READY:
      return g_strdup (draft->guest->summary);
    case VM_SOURCE_CDROM:
      return g_strdup_printf (_ ("Installation medium %s"), draft->path);
    case VM_SOURCE_DISK:
      look = disk_look_text (&draft->look.disk);
      return g_strdup_printf (_ ("Disk image %s (%s)"), draft->path, look);
    case VM_SOURCE_KERNEL:
      return g_strdup_printf (_ ("Kernel %s"), draft->path);
    case VM_SOURCE_TEMPLATE:
      return g_strdup_printf (draft->linked ? _ ("Template “%s”, linked") : _ ("Template “%s”, copied"),
                              draft->template_name);
    case VM_SOURCE_NETWORK:
      return g_strdup (_ ("What a boot server offers"));
    }
  return g_strdup ("");
}

static char *
describe_devices (const VmDraft *draft)
{
  static const char *const buses[] = { N_ ("virtio disks"), N_ ("SATA disks"), N_ ("SCSI disks"),
                                       N_ ("NVMe disks"), N_ ("USB disks") };

  return g_strdup_printf ("%s, %s, %s%s", _ (buses[draft->bus]),
                          !draft->network                  ? _ ("no network")
                          : draft->nic == NIC_MODEL_VIRTIO ? _ ("virtio network")
                                                           : _ ("Intel network"),
                          draft->graphics == GRAPHICS_VIRTIO ? _ ("virtio graphics") : _ ("VGA"),
                          draft->sound ? _ (", sound") : "");
}

/* @text: NULL hides the row. */
static void
show (AdwActionRow *row, const char *text)
{
  gtk_widget_set_visible (GTK_WIDGET (row), text != NULL);
  if (text != NULL)
    row_set_subtitle (row, text);
}

static void
bonsai_summary_page_load (BonsaiWizardPage *page)
{
  BonsaiSummaryPage *self = BONSAI_SUMMARY_PAGE (page);
  const VmDraft *draft = bonsai_wizard_page_get_draft (page);
  bool has_hardware = vm_draft_has_hardware (draft);
  g_autofree char *source = describe_source (draft);
  g_autofree char *memory = g_format_size_full (draft->memory, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *cpus =
    g_strdup_printf (ngettext ("%u processor", "%u processors", draft->cpus), draft->cpus);
  g_autofree char *disk =
    draft->disk > 0 ? g_format_size_full (draft->disk, G_FORMAT_SIZE_IEC_UNITS) : g_strdup (_ ("None"));
  g_autofree char *express = g_strdup_printf (_ ("By itself, for the user “%s” on “%s”"),
                                              draft->answers->user, draft->answers->hostname);
  g_autofree char *devices = describe_devices (draft);

  show (self->name_row, draft->name);
  show (self->source_row, source);
  show (self->os_row, draft->os != NULL ? draft->os->name : NULL);
  show (self->express_row, vm_draft_is_express (draft) ? express : NULL);
  show (self->memory_row, has_hardware ? memory : NULL);
  show (self->cpus_row, has_hardware ? cpus : NULL);
  show (self->firmware_row, !vm_draft_has_firmware (draft)                        ? NULL
                            : draft->uefi && vm_draft_can_choose_firmware (draft) ? "UEFI"
                                                                                  : "BIOS");
  show (self->disk_row, vm_draft_can_have_disk (draft) ? disk : NULL);
  show (self->devices_row, has_hardware && draft->source != VM_SOURCE_READY ? devices : NULL);
}

/* Its details may have become wrong since they were seen. */
static bool
bonsai_summary_page_check (BonsaiWizardPage *page)
{
  BonsaiSummaryPage *self = BONSAI_SUMMARY_PAGE (page);
  const WizardContext *context = bonsai_wizard_page_get_context (page);
  g_autoptr (GError) error = NULL;
  bool fine = vm_draft_check (context->draft, context->host, context->library, &error);

  bonsai_field_note_say (self->problem_note, NULL, FIELD_NOTE_PROBLEM, fine ? NULL : error->message);
  return fine;
}

static void
on_customise (GtkButton *button, gpointer data)
{
  bonsai_wizard_page_leave (data);
}

bool
bonsai_summary_page_get_start (BonsaiSummaryPage *self)
{
  return gtk_switch_get_active (self->start_switch);
}

#define BIND(name) gtk_widget_class_bind_template_child (widget_class, BonsaiSummaryPage, name)

static void
bonsai_summary_page_class_init (BonsaiSummaryPageClass *klass)
{
  BonsaiWizardPageClass *page_class = BONSAI_WIZARD_PAGE_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  page_class->load = bonsai_summary_page_load;
  page_class->check = bonsai_summary_page_check;
  g_type_ensure (BONSAI_TYPE_FIELD_NOTE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "wizard/summary-page.ui");
  BIND (name_row);
  BIND (source_row);
  BIND (os_row);
  BIND (express_row);
  BIND (memory_row);
  BIND (cpus_row);
  BIND (firmware_row);
  BIND (disk_row);
  BIND (devices_row);
  BIND (start_switch);
  BIND (problem_note);
  gtk_widget_class_bind_template_callback (widget_class, on_customise);
}

static void
bonsai_summary_page_init (BonsaiSummaryPage *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
