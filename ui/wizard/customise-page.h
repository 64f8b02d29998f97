/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/wizard/wizard-page.h"

G_BEGIN_DECLS

/* BonsaiCustomisePage: devices, for who wants others than are recommended. */
#define BONSAI_TYPE_CUSTOMISE_PAGE (bonsai_customise_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiCustomisePage, bonsai_customise_page, BONSAI, CUSTOMISE_PAGE, BonsaiWizardPage)

G_END_DECLS
