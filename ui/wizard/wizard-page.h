/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/draft/vm-draft.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* What the pages of a wizard work on together. */
typedef struct {
  BonsaiLibrary *library;
  const HostReport *host;
  OsCatalog *catalog;
  GPtrArray *guests; /* of ReadyGuest */
  VmDraft *draft;
} WizardContext;

/*
 * BonsaiWizardPage: a page of the wizard. It shows the draft, and writes what its user does into it at once.
 * Signals: "changed": look whether one may go on; "leave": go on now.
 */
#define BONSAI_TYPE_WIZARD_PAGE (bonsai_wizard_page_get_type ())
G_DECLARE_DERIVABLE_TYPE (BonsaiWizardPage, bonsai_wizard_page, BONSAI, WIZARD_PAGE, AdwBin)

struct _BonsaiWizardPageClass {
  AdwBinClass parent_class;
  /* Once: there is a context. */
  void (*set_up) (BonsaiWizardPage *page);
  /* It is about to be seen: the draft may be another than it shows. */
  void (*load) (BonsaiWizardPage *page);
  /* Says what is wrong beside each field. Returns: whether one may go on. */
  bool (*check) (BonsaiWizardPage *page);
  /* Where the keyboard is to be at first. (nullable) */
  GtkWidget *(*get_focus) (BonsaiWizardPage *page);
};

void bonsai_wizard_page_set_up (BonsaiWizardPage *page, WizardContext *context);
void bonsai_wizard_page_load (BonsaiWizardPage *page);
bool bonsai_wizard_page_check (BonsaiWizardPage *page);
void bonsai_wizard_page_focus (BonsaiWizardPage *page);

/* For the pages. */
WizardContext *bonsai_wizard_page_get_context (BonsaiWizardPage *page); /* NULL before set_up */
VmDraft *bonsai_wizard_page_get_draft (BonsaiWizardPage *page);
/* Its user has changed something: false while it is being loaded. */
bool bonsai_wizard_page_is_live (BonsaiWizardPage *page);
void bonsai_wizard_page_changed (BonsaiWizardPage *page);
void bonsai_wizard_page_leave (BonsaiWizardPage *page);

G_END_DECLS
