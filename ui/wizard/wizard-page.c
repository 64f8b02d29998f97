/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/wizard/wizard-page.h"

typedef struct {
  WizardContext *context;
  bool loading;
} BonsaiWizardPagePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (BonsaiWizardPage, bonsai_wizard_page, ADW_TYPE_BIN)

enum { SIGNAL_CHANGED, SIGNAL_LEAVE, N_SIGNALS };
static guint signals[N_SIGNALS];

static BonsaiWizardPagePrivate *
private_of (BonsaiWizardPage *self)
{
  return bonsai_wizard_page_get_instance_private (self);
}

void
bonsai_wizard_page_set_up (BonsaiWizardPage *self, WizardContext *context)
{
  BonsaiWizardPageClass *klass = BONSAI_WIZARD_PAGE_GET_CLASS (self);

  private_of (self)->loading = true;
  private_of (self)->context = context;
  if (klass->set_up != NULL)
    klass->set_up (self);
  private_of (self)->loading = false;
}

void
bonsai_wizard_page_load (BonsaiWizardPage *self)
{
  BonsaiWizardPageClass *klass = BONSAI_WIZARD_PAGE_GET_CLASS (self);

  private_of (self)->loading = true;
  if (klass->load != NULL)
    klass->load (self);
  private_of (self)->loading = false;
}

bool
bonsai_wizard_page_check (BonsaiWizardPage *self)
{
  BonsaiWizardPageClass *klass = BONSAI_WIZARD_PAGE_GET_CLASS (self);

  return klass->check == NULL || klass->check (self);
}

void
bonsai_wizard_page_focus (BonsaiWizardPage *self)
{
  BonsaiWizardPageClass *klass = BONSAI_WIZARD_PAGE_GET_CLASS (self);
  GtkWidget *widget = klass->get_focus != NULL ? klass->get_focus (self) : NULL;

  if (widget != NULL)
    gtk_widget_grab_focus (widget);
}

WizardContext *
bonsai_wizard_page_get_context (BonsaiWizardPage *self)
{
  return private_of (self)->context;
}

VmDraft *
bonsai_wizard_page_get_draft (BonsaiWizardPage *self)
{
  return private_of (self)->context->draft;
}

bool
bonsai_wizard_page_is_live (BonsaiWizardPage *self)
{
  return private_of (self)->context != NULL && !private_of (self)->loading;
}

void
bonsai_wizard_page_changed (BonsaiWizardPage *self)
{
  g_signal_emit (self, signals[SIGNAL_CHANGED], 0);
}

void
bonsai_wizard_page_leave (BonsaiWizardPage *self)
{
  g_signal_emit (self, signals[SIGNAL_LEAVE], 0);
}

static guint
new_signal (BonsaiWizardPageClass *klass, const char *name)
{
  return g_signal_new (name, G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                       0);
}

static void
bonsai_wizard_page_class_init (BonsaiWizardPageClass *klass)
{
  signals[SIGNAL_CHANGED] = new_signal (klass, "changed");
  signals[SIGNAL_LEAVE] = new_signal (klass, "leave");
}

static void
bonsai_wizard_page_init (BonsaiWizardPage *self)
{
}
