/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Where the app's resources lie: templates are UI_RESOURCE "ROOM/NAME.ui". */
#define UI_RESOURCE "/org/bonsaivm/Bonsai/"
