/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/wizard/wizard-page.h"

G_BEGIN_DECLS

/* BonsaiExpressPage: what an installation would ask. */
#define BONSAI_TYPE_EXPRESS_PAGE (bonsai_express_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiExpressPage, bonsai_express_page, BONSAI, EXPRESS_PAGE, BonsaiWizardPage)

G_END_DECLS
