/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/wizard/wizard-page.h"

G_BEGIN_DECLS

/* BonsaiSourcePage: what the machine shall run. */
#define BONSAI_TYPE_SOURCE_PAGE (bonsai_source_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiSourcePage, bonsai_source_page, BONSAI, SOURCE_PAGE, BonsaiWizardPage)

/* A file that was dropped, or opened: as what it is. */
void bonsai_source_page_set_file (BonsaiSourcePage *page, const char *path);

G_END_DECLS
