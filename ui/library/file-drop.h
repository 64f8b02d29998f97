/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

#include <gtk/gtk.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* Files dropped on a window: media, disk images and machines. Main thread. */

/* Called for the first file that is dropped on @widget, with its path. */
typedef void (*FileDropFunc) (GtkWidget *widget, const char *path, gpointer data);
void file_drop_add (GtkWidget *widget, FileDropFunc dropped, gpointer data);

/* The machine's folder that @path is, or that the vm.json at @path describes; NULL: neither. (transfer full) */
char *file_drop_bundle (const char *path);

/* Copies the machine at @path into the library: a job. */
void file_drop_import (GtkWindow *parent, BonsaiLibrary *library, const char *path);

G_END_DECLS
