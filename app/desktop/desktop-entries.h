/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * What the desktop knows of machines, by the Desktop Entry Specification 1.5 and the Autostart
 * Specification 0.5: for each an entry in the menu of applications, with the actions Start, Suspend and Take
 * Snapshot; and one entry that starts at log-in those that are to.
 *
 * Threading: a value; one thread at a time. Several processes may write: the last one is right.
 */
typedef struct DesktopEntries DesktopEntries;

/* Where entries lie, and what they run. */
typedef struct {
  const char *applications; /* a folder, as $XDG_DATA_HOME/applications; made if missing */
  const char *autostart;    /* as $XDG_CONFIG_HOME/autostart */
  const char *app;          /* (nullable): the path of bonsai-desktop; NULL: entries run the command line */
  const char *command;      /* the path of bonsai */
} DesktopPlaces;

/* The prefix of an entry's file name; a UUID and ".desktop" follow. */
#define DESKTOP_ENTRY_PREFIX    "org.bonsaivm.Bonsai.vm-"
#define DESKTOP_AUTOSTART_ENTRY "org.bonsaivm.Bonsai.autostart.desktop"

DesktopEntries *desktop_entries_new (void);
void desktop_entries_free (DesktopEntries *entries);

/* Adds a machine. @path: its bundle; @config: (nullable): NULL: it is broken, and keeps the entry that it
 * has. */
void desktop_entries_add (DesktopEntries *entries, const char *path, const VmConfig *config);

/* Makes the folders agree with the machines that were added: entries are written (each complete or not at
 * all) if they changed, and removed with their machines. All others' files stay untouched, also what a person
 * changed in the autostart entry. Blocks. */
bool desktop_entries_write (const DesktopEntries *entries, const DesktopPlaces *places, GError **error);

/* An argument of the key Exec, quoted if it must be (section "The Exec key"). (transfer full) */
char *desktop_entry_quote (const char *argument);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DesktopEntries, desktop_entries_free)

G_END_DECLS
