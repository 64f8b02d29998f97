/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <gtk/gtk.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * Whether somebody who closes @window, the last one, is asked what becomes of the machines that this process
 * runs: then it stays until they have chosen, and their guests are off or go on without it. Main thread.
 */
bool quit_guard_ask (GtkWindow *window, BonsaiLibrary *library);

G_END_DECLS
