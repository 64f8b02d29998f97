/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The passphrase of Vault's disk. */
#define WORLD_PASSPHRASE "correct horse"

/* In the home: an offer of a workspace, which is made of Gold. */
#define WORLD_OFFER "gold.bonsai-offer"

/*
 * Fills the user's folders (a new desktop's) by the program @bonsai: Elm with group, tags, a disk and
 * snapshots; the template Gold; Vault with an encrypted disk; Vanished, whose disk is gone, and
 * which used a part of its memory only; Fallen in the
 * trash; an installation medium.
 */
void world_make (const char *bonsai);

/* "start": without a window, in a process of its own; "stop". */
void world_run (const char *bonsai, const char *verb, const char *machine);

G_END_DECLS
