/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* While machines run in this process: logging out asks first, and when none of the app's windows shows them
 * any more the desktop is told that it goes on in the background. Until the application goes. Main thread. */
void presence_follow (GtkApplication *application, BonsaiLibrary *library);

G_END_DECLS
