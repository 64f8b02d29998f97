/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/application.h"

G_BEGIN_DECLS

/*
 * The app and the desktop around it: what starts it (command line, menu, D-Bus, files, search) and what it
 * says (notifications, that machines run). Main thread.
 */

/* The options of the command line, --start and the like. Once, before the application runs. */
void desktop_add_options (GApplication *application);

/* One call of the program, of this process or of another. Returns: its exit status. */
int desktop_run_command_line (BonsaiApplication *application, GApplicationCommandLine *command_line);

/* Files that were opened with the app: the wizard gets them. */
void desktop_open (BonsaiApplication *application, GFile **files, int n_files);

/* Actions that menus, notifications and other processes know: "app.start-vm" and so on (errand.h), with a
 * machine's UUID or name; "app.show-library", "app.create". */
void desktop_add_actions (BonsaiApplication *application);

/* Does @action of a window of the library, with @text (nullable) as parameter. */
void desktop_ask_window (BonsaiApplication *application, const char *action, const char *text);

/* Once the library is open. */
void desktop_follow_library (BonsaiApplication *application, BonsaiLibrary *library);

G_END_DECLS
