/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* What a machine is doing, for its owner. */
typedef enum {
  BONSAI_STATE_STOPPED,
  BONSAI_STATE_STARTING,
  BONSAI_STATE_RUNNING,
  BONSAI_STATE_PAUSED,
  BONSAI_STATE_STOPPING,  /* asked to shut down by ACPI, still running */
  BONSAI_STATE_CRASHED,   /* stopped: the guest or the engine failed; state-text says how */
  BONSAI_STATE_BROKEN,    /* the bundle can't be read; state-text says where */
  BONSAI_STATE_SUSPENDED, /* stopped: the next start goes on from a state that is kept */
} BonsaiState;

#define BONSAI_TYPE_STATE (bonsai_state_get_type ())
GType bonsai_state_get_type (void);

/* Why it is in that state. */
typedef enum {
  BONSAI_REASON_NONE,
  BONSAI_REASON_USER,
  BONSAI_REASON_IO_ERROR,
  BONSAI_REASON_GUEST_OFF,
  BONSAI_REASON_GUEST_EXIT,
  BONSAI_REASON_TRIPLE_FAULT,
  BONSAI_REASON_GUEST_PANIC,
  BONSAI_REASON_ENGINE_ERROR,
  BONSAI_REASON_WATCHDOG,        /* the guest stopped feeding it */
  BONSAI_REASON_HOST_LOST,       /* the process that ran it ended without a word */
  BONSAI_REASON_GUEST_RESTARTED, /* during an unattended installation: it starts again at once */
} BonsaiReason;

#define BONSAI_TYPE_REASON (bonsai_reason_get_type ())
GType bonsai_reason_get_type (void);

/* "running", "guest-off": stable names for vm.json's neighbours, D-Bus and --json. */
const char *bonsai_state_name (BonsaiState state);
const char *bonsai_reason_name (BonsaiReason reason);
BonsaiState bonsai_state_from_name (const char *name);   /* STOPPED if unknown */
BonsaiReason bonsai_reason_from_name (const char *name); /* NONE if unknown */

/* "Running", "Paused", "Shutting down": for people, in their language if the program has bound the text
 * domain "bonsai". */
const char *bonsai_state_label (BonsaiState state);

/* STARTING, RUNNING, PAUSED or STOPPING. */
gboolean bonsai_state_is_alive (BonsaiState state);

G_END_DECLS
