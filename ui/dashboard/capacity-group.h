/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/report/overview.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiCapacityGroup: what the host has, and how much of it is promised and used. Leads to the host's page.
 */
#define BONSAI_TYPE_CAPACITY_GROUP (bonsai_capacity_group_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiCapacityGroup, bonsai_capacity_group, BONSAI, CAPACITY_GROUP, AdwBin)

void bonsai_capacity_group_show (BonsaiCapacityGroup *self, const OverviewRoom *room);

G_END_DECLS
