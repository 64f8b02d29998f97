/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/lease-store.h"
#include "app/workspace/offer.h"

G_BEGIN_DECLS

/*
 * Workspaces: machines that may be used under terms. A machine that isn't one passes every check.
 *
 * Threading: any; blocking. Times are those of this host.
 */

/* How one is now. */
typedef struct {
  Terms *terms;
  unsigned renewals;
  Expiry expiry;  /* with the renewals */
  LeaseStep step; /* without @damage */
  char *damage;   /* (nullable): why it is locked, whatever the time: its record is lost or was changed */
  char *clock;    /* (nullable): why the host's clock can't be right */
} Workspace;

/* Where those of this user are. @bundle and @uuid stay the caller's. */
LeasePlace workspace_place (const char *bundle, const char *uuid);

/* Looks without changing anything. (transfer full), or NULL with @error set: BONSAI_ERROR_NOT_FOUND: the
 * machine is none. */
Workspace *workspace_read (const LeasePlace *place, bool running, GError **error);
void workspace_free (Workspace *workspace);

/* --- its issuer --- */

/* The issuer's public key, which is made with its secret if there is none yet. (transfer full) */
char *workspace_issuer (const char *data, GError **error);

/* Puts @terms, of which the issuer's key and the digest are filled in, on their machine, which is off. */
bool workspace_issue (const LeasePlace *place, Terms *terms, GError **error);

/* By the user who issued it. @mends: also if its record is lost, or its clock ran ahead. */
bool workspace_renew (const LeasePlace *place, const Expiry *expiry, bool mends, GError **error);

/* --- workspaces elsewhere --- */

/* Signs @offer, whose terms are for a machine with a new UUID, and keeps what renewals of it need. The
 * offer's text, or NULL with @error set. (transfer full) */
char *workspace_offer (const char *data, Offer *offer, GError **error);

/* What the issuer keeps of one that was offered; @folder: (out) (transfer full): "bundle" of the place. In it
 * is the offer as "offer.json". */
LeasePlace workspace_issued_place (const char *data, const char *uuid, char **folder);

/* The next renewal of one that was offered, as a text for its user. BONSAI_ERROR_NOT_FOUND: it wasn't.
 * (transfer full) */
char *workspace_renew_issued (const char *data, const char *uuid, const Expiry *expiry, bool mends,
                              GError **error);

/* Refuses an offer that was accepted here before (BONSAI_ERROR_EXISTS), or whose time is over. */
bool workspace_check_offer (const char *data, const Offer *offer, GError **error);

/* Puts the offer's terms on their machine, before that is there for anybody: place->bundle is its coming
 * folder. */
bool workspace_accept (const LeasePlace *place, const Offer *offer, GError **error);

/* Adds a renewal that came as a file; any bytes. BONSAI_ERROR_NOT_FOUND: the machine is no workspace;
 * BONSAI_ERROR_REFUSED: it isn't the one that comes next there. */
bool workspace_accept_renewal (const LeasePlace *place, const char *text, gsize length, const char *file,
                               GError **error);

/* --- what uses it --- */

/* Refuses a start that the terms don't allow (BONSAI_ERROR_REFUSED; the message says what helps); else
 * records that the machine runs from now on. The caller holds the bundle's lock. */
bool workspace_begin_run (const LeasePlace *place, const VmConfig *config, GError **error);

/* Records how time has passed; looks at the hours as well. @running: false: the run is over. @step: (out):
 * what is to be done, and when to look again; also if this fails, with @error set: it is to be suspended
 * then. */
bool workspace_look (const LeasePlace *place, bool running, LeaseStep *step, GError **error);

typedef enum {
  WORKSPACE_SNAPSHOTS,
  WORKSPACE_EXPORT,      /* copies of it, or of what its disks hold, outside of its folder */
  WORKSPACE_SCREENSHOTS, /* pictures of its screen, but for thumbnails */
  WORKSPACE_HOST_FILES, /* “shared-folders”: its guest writes to files or devices outside of its folder */
} WorkspaceUse;

/* Refuses (BONSAI_ERROR_REFUSED) what the terms of the machine in @bundle don't allow. */
bool workspace_check_use (const char *bundle, WorkspaceUse use, GError **error);

/* Refuses a machine in @bundle that is described as in @config, if its terms don't allow that, or not at this
 * time of the day. */
bool workspace_check_config (const char *bundle, const VmConfig *config, GError **error);

/* Refuses a USB device of the host's that the terms of the machine in @bundle, described as in @config, don't allow it. */
bool workspace_check_usb (const char *bundle, const VmConfig *config, const HostUsb *usb, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Workspace, workspace_free)

G_END_DECLS
