/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/wizard/wizard-page.h"

G_BEGIN_DECLS

/* BonsaiDetailsPage: its name, its system, and how big it is. Signal "leave": create it now. */
#define BONSAI_TYPE_DETAILS_PAGE (bonsai_details_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiDetailsPage, bonsai_details_page, BONSAI, DETAILS_PAGE, BonsaiWizardPage)

G_END_DECLS
