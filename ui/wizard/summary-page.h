/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/wizard/wizard-page.h"

G_BEGIN_DECLS

/* BonsaiSummaryPage: what will be made. Signal "leave": its devices are to be changed. */
#define BONSAI_TYPE_SUMMARY_PAGE (bonsai_summary_page_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiSummaryPage, bonsai_summary_page, BONSAI, SUMMARY_PAGE, BonsaiWizardPage)

bool bonsai_summary_page_get_start (BonsaiSummaryPage *page);

G_END_DECLS
