/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/lease-record.h"

G_BEGIN_DECLS

/*
 * A workspace's files (README.md says what each is for):
 *
 *   NAME.bonsai/workspace/       terms.json, renewal-1.json, …, lease.json
 *   DATA/bonsai/workspaces/UUID/ lease.json again, log
 *   DATA/bonsai/keys/            lease.key: what seals lease.json
 *
 * The copy of the record beside the log is written first. One that is missing or damaged, or is older than
 * the bundle's, was tampered with or lost: the workspace is locked then, until a renewal mends it.
 *
 * Threading: any; blocking. Whoever changes anything holds the store's lock.
 */
typedef struct {
  const char *bundle;
  const char *uuid; /* as vm.json has it */
  const char *data; /* as g_get_user_data_dir */
} LeasePlace;

typedef struct {
  Terms *terms;
  GPtrArray *renewals; /* of Renewal; those that the record doesn't know yet are the last */
  Lease lease;         /* what they come to */
  LeaseRecord record;
  GError *damage; /* (nullable): why the record can't be used: it is zeroed then */
} LeaseFiles;

/* A text of at most 256 KiB. (transfer full), or NULL with @error set. */
char *lease_store_read_file (const char *path, gsize *length, GError **error);

/* Whether the machine is a workspace, or was one. */
bool lease_store_exists (const LeasePlace *place);

/* Exclusive, for as long as the descriptor is open; -1 with @error set. */
int lease_store_lock (const LeasePlace *place, GError **error);

/* A workspace begins. @text: of signed @terms, which are for this machine. BONSAI_ERROR_EXISTS: it is one
 * already. */
bool lease_store_begin (const LeasePlace *place, const Terms *terms, const char *text, const HostTime *host,
                        GError **error);

/* False with @error set: the terms or a renewal that is known was changed or is lost. */
bool lease_store_read (const LeasePlace *place, LeaseFiles *files, GError **error);
void lease_files_clear (LeaseFiles *files);

/* Digest of what the next renewal has to follow. (transfer none) */
const char *lease_files_latest (const LeaseFiles *files);

/* Gives it the next number. */
bool lease_store_write (const LeasePlace *place, LeaseRecord *record, GError **error);

/* Only the terms, durably: of a workspace whose record is somewhere else. */
bool lease_store_add_terms (const LeasePlace *place, const char *text, GError **error);

/* One more renewal, which renewal_read took for that; durably. */
bool lease_store_add_renewal (const LeasePlace *place, const Renewal *renewal, const char *text,
                              GError **error);

/* Adds a line to the log, durably, before what it says is done. @host: when. */
bool lease_store_log (const LeasePlace *place, const HostTime *host, const char *line, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (LeaseFiles, lease_files_clear)

G_END_DECLS
